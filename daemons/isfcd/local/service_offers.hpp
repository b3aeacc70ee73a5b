#pragma once
/// The services that this member offers to its peers: those of isfc.d, and every socket in the services directory.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "daemons/isfcd/wire/messages.hpp"
#include "lib/common/error.hpp"
#include "lib/common/names.hpp"

namespace ssi::isfc {

/// One [[service]] of a file in isfc.d.
struct ConfiguredService {
    ServiceName name;
    std::filesystem::path socket;  ///< "{member}" in it was replaced by this member's name.
    std::string group;             ///< Who besides root may connect to it on other members; empty: nobody.
    StreamClass stream_class = StreamClass::kInteractive;
    friend bool operator==(const ConfiguredService&, const ConfiguredService&) = default;
};

/// Where a service is found on this member.
struct Offer {
    std::filesystem::path socket;
    StreamClass stream_class = StreamClass::kBulk;  ///< Of a socket in the services directory: a migration, mostly.
};

/// Reads DIRECTORY/*.toml in the order of their names; a later entry replaces an earlier one. A missing directory is
/// empty. Error: kConfigInvalid, its `what` showing file, line and caret.
[[nodiscard]] Result<std::vector<ConfiguredService>> load_configured_services(const std::filesystem::path& directory,
                                                                              const MemberName& member);

/// Watches the services directory (inotify). One executor; start() before anything else.
class ServiceOffers : public std::enable_shared_from_this<ServiceOffers> {
  public:
    ServiceOffers(const boost::asio::any_io_executor& executor, std::vector<ConfiguredService> configured,
                  std::filesystem::path directory);
    /// `changed` is called when names() has changed, until stop(). Error: kSystemFailed.
    [[nodiscard]] Result<void> start(std::function<void()> changed);
    void stop();
    /// isfc.d has changed.
    void configure(std::vector<ConfiguredService> configured);

    /// Sorted. At most kMostServices: the rest is not announced.
    [[nodiscard]] const std::vector<std::string>& names() const { return names_; }
    [[nodiscard]] const std::vector<ConfiguredService>& configured() const { return configured_; }
    /// The socket behind a name; what is configured goes before what lies in the directory. Error: kServiceUnknown.
    [[nodiscard]] Result<Offer> resolve(const std::string& name) const;

  private:
    boost::asio::awaitable<void> watch();
    [[nodiscard]] std::vector<std::string> list() const;

    std::vector<ConfiguredService> configured_;
    std::filesystem::path directory_;
    boost::asio::posix::stream_descriptor inotify_;
    std::vector<std::string> names_;
    std::function<void()> changed_;
};

}  // namespace ssi::isfc
