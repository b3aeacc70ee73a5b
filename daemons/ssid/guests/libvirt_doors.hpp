#pragma once
/// The trial of the doors that this member's libvirt carries out (door_test).

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <string>
#include <string_view>

#include "lib/common/blocking_calls.hpp"
#include "lib/common/error.hpp"
#include "lib/common/names.hpp"

namespace ssi::cluster {

/// The smallest guest that libvirt takes on a host like the one that `capabilities` (its domain capabilities,
/// https://libvirt.org/formatdomaincaps.html) tell of. Error: kHypervisorFailed when they tell of none.
[[nodiscard]] Result<std::string> door_test_domain(std::string_view capabilities, const GuestUuid& uuid);

/// Used on one io_context, which must outlive it.
class LibvirtDoors {
  public:
    explicit LibvirtDoors(boost::asio::any_io_executor executor, std::string uri = "qemu:///system",
                          std::chrono::milliseconds call_timeout = std::chrono::seconds(60));

    /// DoorTest::TryStart. Errors: of Hypervisor::start.
    boost::asio::awaitable<Result<void>> try_start(GuestUuid uuid);

  private:
    std::string uri_;
    std::chrono::milliseconds call_timeout_;
    BlockingCalls calls_;
};

}  // namespace ssi::cluster
