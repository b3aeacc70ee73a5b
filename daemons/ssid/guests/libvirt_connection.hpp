#pragma once
/// What everybody who calls libvirt needs: its objects as owners, its errors as ours. All calls block.

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include <memory>
#include <string>
#include <string_view>

#include "lib/common/error.hpp"
#include "lib/common/names.hpp"

namespace ssi::cluster::libvirt {

struct CloseConnection {
    void operator()(virConnect* connection) const { virConnectClose(connection); }
};
struct FreeDomain {
    void operator()(virDomain* domain) const { virDomainFree(domain); }
};
using Connection = std::unique_ptr<virConnect, CloseConnection>;
using Domain = std::unique_ptr<virDomain, FreeDomain>;

/// This thread's last libvirt error, which came of trying `what`: the refusal of one of our doors when the text holds
/// one, else kHypervisorFailed.
[[nodiscard]] Error last_error(std::string_view what, const std::string& object);
[[nodiscard]] bool last_error_is(virErrorNumber number);

/// Keepalive and events need libvirt's event loop; it runs, in a thread of its own, for the life of the process.
void run_event_loop_once();

/// `is_remote`: with keepalive.
[[nodiscard]] Result<Connection> open(const std::string& uri, bool is_remote);
[[nodiscard]] Result<Domain> look_up(virConnect* connection, const GuestName& guest);
/// As it will be started next, with its secrets.
[[nodiscard]] Result<std::string> definition(virDomain* domain, const GuestName& guest);

}  // namespace ssi::cluster::libvirt
