#pragma once
/// The Hypervisor that is libvirt: QEMU on this member, and on the others over their logical links.

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "daemons/ssid/guests/hypervisor.hpp"
#include "lib/common/blocking_calls.hpp"

namespace ssi::cluster {

struct LibvirtOptions {
    std::string local_uri = "qemu:///system";
    std::function<std::string(const MemberName&)> remote_uri = uri_over_link;
    std::chrono::milliseconds call_timeout{10'000};
    std::chrono::milliseconds start_timeout{60'000};         ///< QEMU opens disks and claims memory meanwhile.
    std::chrono::milliseconds migration_timeout{3'600'000};  ///< Who watches its progress aborts it long before.

    /// "qemu+unix:///system?socket=/run/ssi/isfc/MEMBER/libvirt".
    [[nodiscard]] static std::string uri_over_link(const MemberName& member);
};

/// Each call has a thread and a connection of its own: libvirt's calls block, libvirtd serves only a few calls of one
/// connection at a time, and a hung one would hold up the rest. Every call ends by its time-out; a call that hangs
/// goes on in its thread, but nothing is begun after the time-out. Used on one io_context, which must outlive it.
///
/// Errors: the refusal of one of our own doors when libvirt's text holds one (its code, its text), else
/// kHypervisorFailed with libvirt's text; kTimedOut; kGuestUuidDiffers (start); kSystemFailed (too many calls hang).
class LibvirtHypervisor final : public Hypervisor {
  public:
    LibvirtHypervisor(boost::asio::any_io_executor executor, MemberName own, LibvirtOptions options = {});

    boost::asio::awaitable<Result<std::vector<DomainInfo>>> domains() override;
    boost::asio::awaitable<Result<void>> start(MemberName member, GuestName guest, std::string xml) override;
    boost::asio::awaitable<Result<void>> shutdown(MemberName member, GuestName guest) override;
    boost::asio::awaitable<Result<void>> destroy(MemberName member, GuestName guest) override;
    boost::asio::awaitable<Result<void>> resume(GuestName guest) override;
    boost::asio::awaitable<Result<MigrationTimes>> migrate(MigrationRequest request) override;
    boost::asio::awaitable<Result<void>> abort_migration(GuestName guest) override;
    boost::asio::awaitable<Result<std::string>> definition(GuestName guest) override;

  private:
    [[nodiscard]] std::string uri_of(const MemberName& member) const;

    MemberName own_;
    LibvirtOptions options_;
    BlockingCalls calls_;
};

}  // namespace ssi::cluster
