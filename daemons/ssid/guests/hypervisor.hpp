#pragma once
/// libvirt as ssid needs it. Implemented by libvirt_hypervisor (calls on threads of its own, since they block) and, in
/// tests/sim, by a simulated one. All calls run on, and complete on, the daemon's one io_context.

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "lib/common/error.hpp"
#include "lib/common/names.hpp"

namespace ssi::cluster {

/// PausedByMigration: libvirt's reason is "migrating": it stays so when a migration failed and the door denied the
/// resume.
enum class DomainState { kShutOff, kRunning, kPaused, kPausedByMigration, kOther };

struct DomainInfo {
    GuestName name;
    GuestUuid uuid;
    DomainState state{};
    bool migrating_out = false;  ///< A migration job is active on it (as source).
};

struct MigrationRequest {
    GuestName guest;
    MemberName to;
    std::string destination_uri;  ///< libvirt connection to the destination.
    std::string migration_uri;    ///< unix:///... of the migration stream.
};

struct MigrationTimes {
    std::chrono::milliseconds total{};
    std::chrono::milliseconds down{};
};

/// `member`: whose libvirt; the own one is reached locally, the others' over their logical links. Errors: the refusal
/// of one of our doors, found in libvirt's text (its code and text); else kHypervisorFailed with libvirt's text;
/// kTimedOut.
class Hypervisor {
  public:
    virtual ~Hypervisor() = default;
    virtual boost::asio::awaitable<Result<std::vector<DomainInfo>>> domains() = 0;  ///< All of this member.
    /// Defines (if it is missing; kGuestUuidDiffers if another has its name) and starts. `xml` may be empty: the domain
    /// is defined already.
    virtual boost::asio::awaitable<Result<void>> start(MemberName member, GuestName guest, std::string xml) = 0;
    virtual boost::asio::awaitable<Result<void>> shutdown(MemberName member, GuestName guest) = 0;
    virtual boost::asio::awaitable<Result<void>> destroy(MemberName member, GuestName guest) = 0;
    virtual boost::asio::awaitable<Result<void>> resume(GuestName guest) = 0;
    /// Live, peer to peer, persistent, undefining nothing at the source. Its result is never the truth about where the
    /// guest runs (DESIGN.md section 7).
    virtual boost::asio::awaitable<Result<MigrationTimes>> migrate(MigrationRequest request) = 0;
    /// Asks a migration out to stop; the call above then fails.
    virtual boost::asio::awaitable<Result<void>> abort_migration(GuestName guest) = 0;
    /// The persistent definition (virDomainGetXMLDesc INACTIVE|SECURE) of a domain of this member.
    virtual boost::asio::awaitable<Result<std::string>> definition(GuestName guest) = 0;
};

}  // namespace ssi::cluster
