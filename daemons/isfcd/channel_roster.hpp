#pragma once
/// Which channels a link has, by whose word, and how each fares. Pure: decides what an administrator or a new
/// system.toml may change; PeerLink does it.

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "lib/common/error.hpp"
#include "lib/common/pki/certificate_facts.hpp"
#include "lib/common/system_config.hpp"

namespace ssi::isfc {

enum class ChannelOrigin {
    kFile,     ///< system.toml
    kRunTime,  ///< ssictl islink activate; gone with the process, or when it is deactivated
};

/// A channel that is up.
struct LiveChannel {
    std::uint32_t id = 0;
    ChannelConfig config;                       ///< as it was when the connection was made
    std::uint64_t identity = 0;                 ///< OwnIdentity::number at that time
    std::optional<pki::CertificateFacts> peer;  ///< the peer's certificate; none in the clear
};

/// One channel of the link.
struct ChannelEntry {
    using Time = std::chrono::steady_clock::time_point;

    ChannelConfig config;
    ChannelOrigin origin = ChannelOrigin::kFile;
    bool deactivated = false;
    std::optional<LiveChannel> live;
    Time since{};         ///< It is up, down or deactivated since then.
    std::string problem;  ///< Why it is down or cannot be made anew; empty: nothing known.
    std::uint64_t times_up = 0;
    std::uint64_t sent_bytes = 0;  ///< By its connections that are over.
    std::uint64_t received_bytes = 0;
    std::uint64_t resent_bytes = 0;

    /// "up", "down" or "deactivated".
    [[nodiscard]] std::string_view state() const;
};

/// What a connection carried.
struct CarriedBytes {
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
    std::uint64_t resent = 0;  ///< Of what it carried, sent again over others.
};

/// Channels of one link, by name.
class ChannelRoster {
  public:
    using Time = ChannelEntry::Time;
    using Entries = std::map<std::string, ChannelEntry>;

    /// What another list in system.toml means for the channels that are there.
    struct Changes {
        std::vector<std::string> added;
        std::vector<std::string> removed;
        std::vector<std::string> changed;  ///< Same name; must be made anew as the file says now.
        [[nodiscard]] bool empty() const { return added.empty() && removed.empty() && changed.empty(); }
    };

    ChannelRoster(MemberName own, MemberName peer) : own_(std::move(own)), peer_(std::move(peer)) {}

    [[nodiscard]] const Entries& entries() const { return entries_; }
    [[nodiscard]] ChannelEntry* find(const std::string& name);
    [[nodiscard]] const ChannelEntry* find(const std::string& name) const;
    /// Channels that are up.
    [[nodiscard]] std::size_t up() const;
    /// Channels that are not deactivated.
    [[nodiscard]] std::size_t active() const;

    /// What set_file() would change.
    [[nodiscard]] Changes compare(const std::vector<ChannelConfig>& file) const;
    /// Takes system.toml's channels over. Deactivated ones stay so; those added at run time stay, and become the file's
    /// when it names them. Entries of removed channels are gone: close what is live before.
    void set_file(const std::vector<ChannelConfig>& file, Time now);
    /// Adds a channel at run time. Error: kChannelExists (the name).
    [[nodiscard]] Result<void> add(const ChannelConfig& channel, Time now);
    void remove(const std::string& name) { entries_.erase(name); }

    /// True if it was deactivated. Error: kChannelUnknown.
    [[nodiscard]] Result<bool> activate(const std::string& name, Time now);
    /// True if it was active; its live connection is still to be closed. Errors: kChannelUnknown; kLastChannel, unless
    /// `force`.
    [[nodiscard]] Result<bool> deactivate(const std::string& name, bool force, Time now);

    void came_up(const std::string& name, LiveChannel live, Time now);
    /// Its connection `id` is over, having carried these bytes. False if it was not the live one.
    bool went_down(const std::string& name, std::uint32_t id, const CarriedBytes& carried, Time now);
    /// True if that is news.
    bool has_problem(const std::string& name, const std::string& problem);

    /// The channel that is to be made anew next, because our certificates or its configuration have changed since it
    /// was made; nothing when all are as they should be, or when the next one has to wait until another one is up.
    /// `identity`: OwnIdentity::number.
    [[nodiscard]] std::optional<std::string> next_to_renew(std::uint64_t identity) const;
    [[nodiscard]] bool is_stale(const ChannelEntry& entry, std::uint64_t identity) const;

  private:
    [[nodiscard]] std::unexpected<Error> unknown(const std::string& name) const;

    MemberName own_;
    MemberName peer_;
    Entries entries_;
};

/// The listening ends of all channels of a member must differ. Error: kChannelExists, naming the two.
[[nodiscard]] Result<void> check_listening_ends(const std::vector<ChannelConfig>& channels);

}  // namespace ssi::isfc
