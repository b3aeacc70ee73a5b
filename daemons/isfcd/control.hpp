#pragma once
/// What D-Bus may ask of isfcd (org.kvmssi.Isfc1, docs/architecture.md).

#include <functional>
#include <string>

#include "lib/common/error.hpp"

namespace ssi::isfc {

/// A link or a channel has changed its state.
struct IsfcEvent {
    std::string member;   ///< The peer.
    std::string channel;  ///< Empty: the link.
    std::string state;    ///< "up", "down", "deactivated", "removed".
    std::string reason;   ///< Why; may be empty.
    friend bool operator==(const IsfcEvent&, const IsfcEvent&) = default;
};
using EventHandler = std::function<void(const IsfcEvent&)>;

/// A channel that is to be added at run time, as the administrator typed it.
struct NewChannel {
    std::string name;
    std::string own_address;
    std::string peer_address;
    std::string interface;  ///< Of this member; empty: any.
    std::string port;       ///< Empty: 7700.
};

/// Answers are JSON texts. `member` may be empty where a channel of that name exists on one link alone.
class IsfcControl {
  public:
    virtual ~IsfcControl() = default;
    /// Links, channels, certificates, counters.
    [[nodiscard]] virtual std::string query() const = 0;
    /// The streams of one link. Error: kMemberUnknown.
    [[nodiscard]] virtual Result<std::string> streams(const std::string& member) const = 0;
    /// Brings a deactivated channel back. Errors: kMemberUnknown, kChannelUnknown, kUsage (several links have it).
    [[nodiscard]] virtual Result<std::string> activate(const std::string& member, const std::string& channel) = 0;
    /// Adds a channel that system.toml has not. Errors: kMemberUnknown, kUsage, kChannelExists, kChannelFailed (the
    /// address is not one of this host).
    [[nodiscard]] virtual Result<std::string> add_channel(const std::string& member, const NewChannel& channel) = 0;
    /// Takes a channel down until it is activated. Errors: as activate, and kLastChannel unless `force`.
    [[nodiscard]] virtual Result<std::string> deactivate(const std::string& member, const std::string& channel,
                                                         bool force) = 0;
    /// Reads system.toml, isfc.d and the certificates again. All or nothing: an Error changes nothing.
    [[nodiscard]] virtual Result<std::string> reload() = 0;
    /// Listens at RUNTIME/MEMBER/SERVICE before the peer announces it. Errors: kMemberUnknown, kUsage.
    [[nodiscard]] virtual Result<void> expect(const std::string& member, const std::string& service) = 0;
    [[nodiscard]] virtual Result<void> forget(const std::string& member, const std::string& service) = 0;
    /// `handler` is called for every event from now on; one handler at a time, empty: none.
    virtual void observe(EventHandler handler) = 0;
};

}  // namespace ssi::isfc
