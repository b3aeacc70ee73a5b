#pragma once
/// What an administrator can ask of ssid, whatever the bus: each request is one coroutine that answers with a JSON
/// text.

#include <boost/asio/awaitable.hpp>
#include <string>

#include "daemons/ssid/guests/hypervisor.hpp"
#include "daemons/ssid/membership/membership.hpp"
#include "daemons/ssid/membership/peer_watch.hpp"
#include "daemons/ssid/relocation/relocations.hpp"

namespace ssi::cluster {

class Administration {
  public:
    using Answer = boost::asio::awaitable<Result<std::string>>;

    Administration(const SystemConfig& config, Membership& membership, PeerWatch& watch, const PdrWatch& pdr,
                   ClusterView& view, Hypervisor& hypervisor, Relocations& relocations, Clock& clock);

    Answer query_ssi();
    Answer guest_list();
    Answer guest_show(std::string guest);
    Answer guest_start(std::string guest, std::string member);
    Answer guest_shutdown(std::string guest);
    Answer guest_destroy(std::string guest);
    Answer relocate_move(std::string guest, std::string member);
    Answer relocate_status(std::string guest);
    Answer member_set_down(std::string member);
    Answer member_leave();

  private:
    Result<MemberName> configured(const std::string& member) const;
    boost::asio::awaitable<Result<void>> stop(GuestName guest, bool at_once);

    const SystemConfig& config_;
    Membership& membership_;
    PeerWatch& watch_;
    const PdrWatch& pdr_;
    ClusterView& view_;
    Hypervisor& hypervisor_;
    Relocations& relocations_;
    Clock& clock_;
};

}  // namespace ssi::cluster
