#pragma once
/// The guests' definitions in this member's libvirt. Implemented by libvirt_definitions and, in tests, by a map.

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "lib/common/error.hpp"
#include "lib/common/names.hpp"

namespace ssi::cluster {

/// One persistent definition. A guest that runs without one (virsh create, or undefined while it ran) has none.
struct LocalDefinition {
    GuestName name;
    GuestUuid uuid;
    std::string xml;         ///< libvirt's own text, as it will be started next, with its secrets.
    bool is_active = false;  ///< It runs here.
};

/// Of a definition: what an administrator wrote is held against libvirt's schema, what libvirt itself wrote is not.
enum class Schema { kChecked, kTrusted };

/// Errors: kHypervisorFailed with libvirt's text, kTimedOut. On the daemon's one io_context.
class DefinitionStore {
  public:
    virtual ~DefinitionStore() = default;
    virtual boost::asio::awaitable<Result<std::vector<LocalDefinition>>> all() = 0;
    virtual boost::asio::awaitable<Result<std::optional<LocalDefinition>>> find(GuestName guest) = 0;
    /// Makes or changes it, and returns what libvirt made of it. kDefinitionInvalid: it is no definition that libvirt
    /// takes.
    virtual boost::asio::awaitable<Result<LocalDefinition>> define(std::string xml, Schema schema) = 0;
    /// Also when there is none. What belongs to the guest, as its NVRAM or a saved image, stays.
    virtual boost::asio::awaitable<Result<void>> undefine(GuestName guest) = 0;

    /// Called on the io_context: by whomever, a guest's definition was made or changed;
    std::function<void(GuestName)> on_defined = [](const GuestName&) {};
    /// it was taken away;
    std::function<void(GuestName)> on_undefined = [](const GuestName&) {};
    /// any of that may have been unheard, as after a restart of libvirt.
    std::function<void()> on_unknown = [] {};
};

}  // namespace ssi::cluster
