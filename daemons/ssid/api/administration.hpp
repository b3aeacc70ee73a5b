#pragma once
/// What an administrator can ask of ssid, whatever the bus: each request is one coroutine that answers with a JSON
/// text.

#include <boost/asio/awaitable.hpp>
#include <string>

#include "daemons/ssid/api/mode_gate.hpp"
#include "daemons/ssid/engine/engine_health.hpp"
#include "daemons/ssid/engine/voter_keeper.hpp"
#include "daemons/ssid/fencing/recorded_verdicts.hpp"
#include "daemons/ssid/guests/hypervisor.hpp"
#include "daemons/ssid/membership/membership.hpp"
#include "daemons/ssid/membership/peer_watch.hpp"
#include "daemons/ssid/relocation/relocations.hpp"

namespace ssi::cluster {

class Administration {
  public:
    using Answer = boost::asio::awaitable<Result<std::string>>;

    /// `recorded`: of a cluster with a PDR.
    Administration(const SystemConfig& config, Membership& membership, PeerWatch& watch, const PdrWatch& pdr,
                   ClusterView& view, const VoterKeeper& voters, const EngineHealth& health, Hypervisor& hypervisor,
                   Relocations& relocations, Clock& clock, RecordedVerdicts* recorded);

    Answer query_ssi();
    /// What the state of a member rests on, as this member sees it.
    Answer why(std::string member);
    Answer guest_list();
    Answer guest_show(std::string guest);
    Answer guest_start(std::string guest, std::string member);
    Answer guest_shutdown(std::string guest);
    Answer guest_destroy(std::string guest);
    /// Gives up the memory that is saved of it.
    Answer guest_discard(std::string guest, std::string who);
    /// Changes what is not empty and shows the policy. `restart`: "yes" (and no preference any more), "no", or "prefer"
    /// with the names of members, separated by commas. Errors: kUsage, kGuestUnknown, kMemberUnknown.
    Answer guest_policy(std::string guest, std::string restart, std::string prefer, std::string priority,
                        std::string limit);
    Answer relocate_move(std::string guest, std::string member);
    Answer relocate_status(std::string guest);
    /// Without a majority it is recorded on the PDR, and "state" is "recorded" (SAFETY 15).
    Answer member_set_down(std::string member);
    Answer member_leave();
    /// What `member`'s fence methods say when they are asked, not fired.
    Answer fence_test(std::string member);
    /// `who`: the user that asked; `why`: in that user's words.
    Answer disarm(std::string why, std::string who);
    Answer arm(std::string who);
    Answer maintenance_on(std::string member, std::string why, std::string who);
    Answer maintenance_off(std::string member, std::string who);

  private:
    Result<MemberName> configured(const std::string& member) const;
    [[nodiscard]] Result<std::vector<MemberName>> member_list(const std::string& names) const;
    [[nodiscard]] OperatorWord word(std::string who, std::string why) const;
    boost::asio::awaitable<Result<void>> stop(GuestName guest, bool at_once);

    const SystemConfig& config_;
    Membership& membership_;
    PeerWatch& watch_;
    const PdrWatch& pdr_;
    ClusterView& view_;
    const VoterKeeper& voters_;
    const EngineHealth& health_;
    Hypervisor& hypervisor_;
    Relocations& relocations_;
    Clock& clock_;
    RecordedVerdicts* recorded_;
    ModeGate gate_;
};

}  // namespace ssi::cluster
