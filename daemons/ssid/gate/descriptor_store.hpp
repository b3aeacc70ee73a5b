#pragma once
/// What systemd hands to a service at its start, and keeps for it over its restarts (sd_listen_fds(3), sd_notify(3)).
/// Without systemd nothing is handed over and nothing is kept.

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace ssi::gate {

class DescriptorStore {
  public:
    DescriptorStore() = default;

    struct Handed {
        std::vector<int> listening;       ///< Sockets of .socket units.
        std::map<std::string, int> kept;  ///< What an earlier process kept, by name.
    };
    /// The caller owns the descriptors. A second call finds nothing.
    [[nodiscard]] Handed take_handed();

    /// Keeps a duplicate of the descriptor until `drop`, over crashes and restarts too. Name: at most 255 bytes of
    /// printable ASCII without ":".
    void keep(const std::string& name, int descriptor);
    void drop(const std::string& name);

    /// systemd may go on with what waits for this service.
    void ready();
};

}  // namespace ssi::gate
