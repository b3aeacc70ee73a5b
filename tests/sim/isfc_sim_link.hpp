#pragma once
/// Two members, the channels between them and what befalls them.

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "tests/sim/isfc_sim_end.hpp"
#include "tests/sim/isfc_sim_flows.hpp"
#include "tests/sim/isfc_sim_wire.hpp"

namespace ssi::isfc::sim {

/// Times of isfcd, a fifth of the real ones.
[[nodiscard]] Timing quick_timing();

class Link {
  public:
    /// `paths` must have been given their speeds.
    Link(std::uint64_t seed, std::vector<Path> paths, const std::array<EndOptions, 2>& options);
    ~Link();
    Link(const Link&) = delete;
    Link& operator=(const Link&) = delete;

    /// Runs until `done`, or for so long; is it done?
    bool run(Duration time, const std::function<bool()>& done = [] { return false; });
    void start(Side side);
    /// Ends the process: with a goodbye, or not.
    void end(Side side, bool orderly);
    [[nodiscard]] bool is_alive(Side side) const { return ends_[side] != nullptr; }
    [[nodiscard]] End& at(Side side) { return *ends_[side]; }
    [[nodiscard]] bool is_up() const;
    /// How many sessions ended, at both ends together.
    [[nodiscard]] std::uint64_t sessions_ended() const;
    /// Counters of both ends, also of those that died.
    [[nodiscard]] LinkCounters counters() const;
    /// The programs of a side offer something else now.
    void announce(Side side);
    /// All is as it should be with nothing left to do: nothing under way, no memory held, no stream, services known.
    /// The link is of no use afterwards.
    void check_quiet();

    World world;
    std::vector<Path> paths;
    std::array<EndOptions, 2> options;
    Flows flows{world};

  private:
    void count(Side side);
    static void check_accounts(End& end);

    std::array<std::shared_ptr<End>, 2> ends_;
    std::uint64_t sessions_ended_ = 0;
    LinkCounters counted_;
    std::array<std::vector<std::string>, 2> services_;
};

}  // namespace ssi::isfc::sim
