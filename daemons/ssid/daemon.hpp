#pragma once
/// ssid put together: the cluster's logic between its real borders.

#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>

#include "lib/common/config/document.hpp"
#include "lib/common/error.hpp"

namespace ssi::cluster {

/// Where ssid finds the world; tests may move it.
struct Places {
    std::string config = "/etc/ssi/system.toml";
    std::string kept_config = "/run/ssi/ssid/system.toml";  ///< What KeptConfig keeps.
    std::string guard_socket = "/run/ssi/guard/rights.sock";
    std::string hook_socket = "/run/ssi/ssid/hook.sock";
    std::string hook_timeout = "/run/ssi/ssid/hook-timeout";
    std::string known_definitions = "/var/lib/ssi/directory.json";
    std::string kept_edits = "/var/lib/ssi/conflicts";
    std::string saved_images = "/var/lib/libvirt/qemu/save";  ///< libvirt's: GUEST.save.
    std::string incarnation = "/run/ssi/incarnation";
    std::string log_socket = "/run/ssi/ssid/engine-log.sock";
    std::string request_socket = "/run/ssi/ssid/request.sock";
};

class Daemon {
  public:
    Daemon(boost::asio::io_context& context, ConfigDocument config, MemberName own, Places places = {});
    ~Daemon();
    Daemon(const Daemon&) = delete;
    Daemon& operator=(const Daemon&) = delete;

    /// Opens what is local and begins to work. Ready does not mean Joined: that may need the other members. Errors:
    /// kSystemFailed, kDaemonUnreachable.
    [[nodiscard]] Result<void> start();

  private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

}  // namespace ssi::cluster
