#pragma once
/// The DefinitionStore that is this member's libvirt.

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <string>

#include "daemons/ssid/guests/definition_store.hpp"
#include "lib/common/blocking_calls.hpp"
#include "lib/common/notifier.hpp"

namespace ssi::cluster {

/// Each call has a thread and a connection of its own, as in LibvirtHypervisor; one more connection stays open for
/// libvirt's events. Used on one io_context, which must outlive it.
class LibvirtDefinitions final : public DefinitionStore {
  public:
    explicit LibvirtDefinitions(boost::asio::any_io_executor executor, std::string uri = "qemu:///system",
                                std::chrono::milliseconds call_timeout = std::chrono::seconds(10));
    ~LibvirtDefinitions() override;

    boost::asio::awaitable<Result<std::vector<LocalDefinition>>> all() override;
    boost::asio::awaitable<Result<std::optional<LocalDefinition>>> find(GuestName guest) override;
    boost::asio::awaitable<Result<LocalDefinition>> define(std::string xml, Schema schema) override;
    boost::asio::awaitable<Result<void>> undefine(GuestName guest) override;

    /// Follows libvirt's events, for ever: on_unknown() and on_libvirt_found() whenever libvirt is there again.
    boost::asio::awaitable<void> follow();

    std::function<void()> on_libvirt_found = [] {};
    /// The one that was found has gone.
    std::function<void()> on_libvirt_lost = [] {};

  private:
    struct Mailbox;
    class Subscription;

    boost::asio::any_io_executor executor_;
    std::string uri_;
    std::chrono::milliseconds call_timeout_;
    BlockingCalls calls_;
    Notifier closed_;  ///< libvirt has closed a connection that heard of its events.
    Mailbox& mailbox_;
};

}  // namespace ssi::cluster
