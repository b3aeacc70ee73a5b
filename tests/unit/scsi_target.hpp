#pragma once
/// A simulated logical unit that does persistent reservations as SPC-4 (5.12) has them, for several initiators.

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "lib/common/scsi/reservation_messages.hpp"
#include "lib/common/scsi/transport.hpp"

namespace ssi::test {

/// Understands nothing but bytes: what it is sent are CDBs and parameter data. A nexus is one initiator port's way to
/// it, by any name.
class ScsiTarget {
  public:
    using Nexus = std::string;

    [[nodiscard]] scsi::Answer execute(const Nexus& nexus, const scsi::Command& command);

    /// A write of a host: whether the device lets it in; what was let in lands at `land`, if it was not aborted.
    [[nodiscard]] bool write(const Nexus& nexus) const;
    using Write = int;
    [[nodiscard]] std::optional<Write> begin_write(const Nexus& nexus);
    [[nodiscard]] bool land(Write write);

    /// Power is lost and comes back: everything in flight is gone, and the reservations too unless APTPL was set.
    void cycle_power();
    void attention(const Nexus& nexus, std::uint8_t code, std::uint8_t qualifier);

    [[nodiscard]] const std::map<Nexus, scsi::ReservationKey>& registrations() const { return registrations_; }
    [[nodiscard]] std::optional<scsi::ReservationType> reserved() const;
    [[nodiscard]] const std::optional<Nexus>& holder() const { return holder_; }
    [[nodiscard]] std::uint32_t generation() const { return generation_; }

    /// What it is made to be.
    std::set<scsi::ReservationType> types{scsi::ReservationType::kWriteExclusive,
                                          scsi::ReservationType::kExclusiveAccess,
                                          scsi::ReservationType::kWriteExclusiveRegistrants,
                                          scsi::ReservationType::kExclusiveAccessRegistrants,
                                          scsi::ReservationType::kWriteExclusiveAllRegistrants,
                                          scsi::ReservationType::kExclusiveAccessAllRegistrants};
    bool tells_types = true;          ///< TMV of REPORT CAPABILITIES.
    bool keeps_through_power = true;  ///< PTPL_C.
    bool does_reservations = true;
    int busy = 0;                  ///< So many commands are answered BUSY.
    std::vector<std::string> log;  ///< "NEXUS: register", ..., of each command that was not refused at once.

  private:
    struct Request;
    [[nodiscard]] scsi::Answer in(const scsi::Command& command) const;
    [[nodiscard]] scsi::Answer out(const Nexus& nexus, const Request& request);
    [[nodiscard]] scsi::Answer reserve(const Nexus& nexus, scsi::ReservationType type);
    [[nodiscard]] scsi::Answer release(const Nexus& nexus, scsi::ReservationType type);
    [[nodiscard]] scsi::Answer preempt(const Nexus& nexus, const Request& request, bool aborts);
    [[nodiscard]] bool all_hold() const;
    [[nodiscard]] bool may_write(const Nexus& nexus) const;
    void set_registration(const Nexus& nexus, scsi::ReservationKey key);
    void remove(const Nexus& nexus);
    void abort_writes(const Nexus& nexus);
    void tell_others(const Nexus& nexus, std::uint8_t code, std::uint8_t qualifier);

    std::map<Nexus, scsi::ReservationKey> registrations_;
    std::optional<scsi::ReservationType> type_;
    std::optional<Nexus> holder_;  ///< None with a type for all registrants.
    bool through_power_ = false;
    std::uint32_t generation_ = 0;
    std::map<Nexus, std::deque<scsi::Sense>> attentions_;
    std::map<Write, Nexus> in_flight_;
    Write next_write_ = 1;
};

/// Volumes and the paths that one host has to them.
class SimulatedPaths final : public scsi::Paths {
  public:
    /// `host`: the name of its initiator; path "sda" is its nexus "HOST/sda".
    explicit SimulatedPaths(std::string host) : host_(std::move(host)) {}
    SimulatedPaths& add(const std::filesystem::path& volume, const std::string& path, ScsiTarget& target) {
        volumes_[volume.string()].push_back(path);
        targets_[path] = &target;
        return *this;
    }
    Result<std::vector<std::string>> of(const std::filesystem::path& volume) override;
    Result<std::unique_ptr<scsi::Transport>> open(const std::string& path) override;

    std::set<std::string> broken;  ///< Paths that answer nothing.

  private:
    std::string host_;
    std::map<std::string, std::vector<std::string>> volumes_;
    std::map<std::string, ScsiTarget*> targets_;
};

}  // namespace ssi::test
