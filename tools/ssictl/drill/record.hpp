#pragma once
/// What was seen during a drill, and what it proves: the moments of the failover, and every rule that was broken.

#include <map>
#include <set>
#include <string>
#include <vector>

#include "tools/ssictl/drill/site.hpp"

namespace ssi::ctl {

/// Pure: sights and instances in, findings out. Not for several threads.
class DrillRecord {
  public:
    struct Note {
        DrillTime at;
        std::string text;
    };

    /// `down`: who may be declared dead. `beat`: of the members' signs, scaled.
    DrillRecord(std::string guest, std::set<std::string> down, std::chrono::milliseconds beat)
        : guest_(std::move(guest)), may_be_down_(std::move(down)), beat_(beat) {}

    void note(DrillTime at, std::string text) { notes_.push_back({at, std::move(text)}); }
    /// The first fault: the moments count from here.
    void fault(DrillTime at, const std::string& text);
    void add(const Sight& sight);
    void add(const Instance& instance);
    void violation(DrillTime at, std::string text);

    [[nodiscard]] const std::vector<Note>& notes() const { return notes_; }
    [[nodiscard]] const std::vector<std::string>& violations() const { return violations_; }
    [[nodiscard]] const std::map<DrillMoment, DrillTime>& moments() const { return moments_; }
    [[nodiscard]] std::optional<DrillTime> first_fault() const { return first_fault_; }
    [[nodiscard]] int restarts() const { return restarts_; }
    [[nodiscard]] const std::optional<Sight>& last() const { return last_; }

  private:
    void moment(DrillMoment which, DrillTime at, const std::string& text);
    void add_member(const Sight& sight, const std::string& name, const MemberSight& now, const MemberSight& before);

    std::string guest_;
    std::set<std::string> may_be_down_;
    std::chrono::milliseconds beat_;
    std::vector<Note> notes_;
    std::vector<std::string> violations_;
    std::map<DrillMoment, DrillTime> moments_;
    std::optional<DrillTime> first_fault_;
    std::optional<Sight> last_;
    std::string home_;  ///< At the first fault.
    int restarts_ = 0;

    /// An unbroken row of answers that say: it runs there.
    struct Running {
        DrillTime since;  ///< When the first of them had come.
        Instance last;
    };
    std::map<std::string, Running> running_;
};

}  // namespace ssi::ctl
