#pragma once
/// The sockets under RUNTIME/PEER/: one for each service of that peer.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "lib/common/error.hpp"

namespace ssi::isfc {

/// Listens for local programs. One executor.
class LocalListeners {
  public:
    using Socket = boost::asio::local::stream_protocol::socket;
    using Accepted = std::function<void(const std::string& service, Socket socket)>;

    /// Makes the directory; sockets that an earlier isfcd left there are removed.
    LocalListeners(const boost::asio::any_io_executor& executor, std::filesystem::path directory, Accepted accepted);
    ~LocalListeners();
    LocalListeners(const LocalListeners&) = delete;
    LocalListeners& operator=(const LocalListeners&) = delete;

    /// Listens for exactly these services: name -> group whose members may connect besides root (empty: none). What
    /// cannot be made is logged and tried again at the next call.
    void set(const std::map<std::string, std::string>& services);
    [[nodiscard]] std::set<std::string> names() const;

  private:
    class Listener;
    Result<std::shared_ptr<Listener>> listen(const std::string& service, const std::string& group);

    boost::asio::any_io_executor executor_;
    std::filesystem::path directory_;
    Accepted accepted_;
    std::map<std::string, std::shared_ptr<Listener>> listeners_;
};

/// Gives a file to a group with these rights (as chmod); an unknown group leaves it to root. Error: kSystemFailed.
[[nodiscard]] Result<void> give_to_group(const std::filesystem::path& file, const std::string& group,
                                         std::filesystem::perms with_group, std::filesystem::perms without);

}  // namespace ssi::isfc
