#pragma once
/// /etc/ssi/system.toml: one file, the same on all members (docs/system.toml.5.scd). Parsed into types that hold only
/// what makes sense; every error names file, line, column, shows the line with a caret, and says what to write instead.

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/common/error.hpp"
#include "lib/common/names.hpp"

namespace ssi {

/// What resets a member whose guard has stopped. Only the word of one whose clock does not stop with the machine proves
/// that a silent member is dead (SAFETY 13 b); the kernel cannot tell the one from the other, so the file says it.
enum class WatchdogConfig { kNone, kSoft, kHardware };
/// "none", "soft", "hardware", as in the file.
[[nodiscard]] std::string_view text_of(WatchdogConfig watchdog);

/// One [[member]].
struct MemberConfig {
    MemberName name;
    MemberSlot slot;
    std::string host;  ///< Host name (gethostname) by which a machine knows that it is this member. Default: the name.
    WatchdogConfig watchdog = WatchdogConfig::kNone;
    std::filesystem::path watchdog_device = "/dev/watchdog0";  ///< Or the socket of a supervisor (gate/watchdog.hpp).
    friend bool operator==(const MemberConfig&, const MemberConfig&) = default;
};

/// What carries a channel: an interface that is there, or one that isfcd makes of two s390x subchannels.
enum class ChannelDriver { kTcp, kCtc };

/// The two subchannels of a channel-to-channel adapter, as bus ids ("0.0.0600").
struct CtcSubchannels {
    std::string read;
    std::string write;
    friend bool operator==(const CtcSubchannels&, const CtcSubchannels&) = default;
};

/// Settings of a channel-to-channel adapter; both ends need the same.
struct CtcSettings {
    int protocol = 0;    ///< 0: compatible, 1: between Linux systems, 3: as z/OS.
    int buffer = 32768;  ///< Bytes of an I/O buffer: 584 to 65535.
    int mtu = 32760;     ///< At most buffer - 8.
    friend bool operator==(const CtcSettings&, const CtcSettings&) = default;
};

/// One end of a channel.
struct ChannelEnd {
    MemberName member;
    std::string address;          ///< IPv4 or IPv6, numeric.
    std::string interface;        ///< Optional: the socket is bound to it. Empty with kCtc: the kernel names it.
    CtcSubchannels devices = {};  ///< With kCtc.
    friend bool operator==(const ChannelEnd&, const ChannelEnd&) = default;
};

/// How the bytes of a channel travel.
enum class Encryption {
    kTls,   ///< TLS 1.3, both ends known by their certificates.
    kNone,  ///< In the clear; the other end is known by its address alone.
};

/// One [[channel]]: a point-to-point link between two members. The lower slot connects, the higher listens.
struct ChannelConfig {
    std::string name;  ///< Unique between the two members. Default: "0", "1", ... in the order of the file.
    ChannelEnd lower;  ///< The end at the member with the lower slot.
    ChannelEnd higher;
    std::uint16_t port = 7700;  ///< The higher end listens at its address and this port.
    Encryption encryption = Encryption::kTls;
    ChannelDriver driver = ChannelDriver::kTcp;
    CtcSettings ctc = {};  ///< With kCtc.

    [[nodiscard]] bool joins(const MemberName& member) const {
        return lower.member == member || higher.member == member;
    }
    [[nodiscard]] const ChannelEnd& end_at(const MemberName& member) const {
        return lower.member == member ? lower : higher;
    }
    [[nodiscard]] const MemberName& peer_of(const MemberName& member) const {
        return lower.member == member ? higher.member : lower.member;
    }
    friend bool operator==(const ChannelConfig&, const ChannelConfig&) = default;
};

/// What a [[fence]] does to prove that a silent member is dead.
enum class FenceMethod {
    kAgent,         ///< A program cuts its power and confirms that it is off (SAFETY 13 a).
    kTime,          ///< Its own watchdog must have reset it by now (SAFETY 13 b).
    kOperator,      ///< Nothing: what stands behind it is not tried, an operator must say it (SAFETY 13 d).
    kReservations,  ///< Its writes are stopped at the volumes, by SCSI-3 persistent reservations (SAFETY 13 c).
};
/// "agent", "time", "operator", "reservations", as in the file.
[[nodiscard]] std::string_view text_of(FenceMethod method);

/// One [[fence]]. `name` and `method` are of all of them; `volumes` and `all_disks` of kReservations, `timeout` of it
/// and of kAgent, the others of kAgent alone: a program that follows the calling convention of the fence-agents
/// package.
struct FenceConfig {
    std::string name;
    FenceMethod method = FenceMethod::kAgent;
    std::filesystem::path agent;                 ///< Absolute, or found in /usr/sbin.
    std::filesystem::path credentials;           ///< A file of more options (fence_credentials.hpp); empty: none.
    std::chrono::milliseconds timeout{20'000};   ///< For one call of the agent, or one command to a volume.
    std::map<std::string, std::string> options;  ///< Passed as key=value lines on standard input.
    std::map<std::string, std::string> plugs;    ///< Member name -> plug; a member not listed uses its own name.
    std::vector<std::filesystem::path> volumes;  ///< With guests' disks; the same paths on all members.
    bool all_disks = false;  ///< Says that no guest ever writes to a disk elsewhere than on the volumes and the PDR.
    [[nodiscard]] std::string plug_of(const MemberName& member) const;
};

/// [link]: each logical link.
struct LinkConfig {
    int memory_mib = 64;                       ///< What its streams may hold in each direction. 4 .. 4096.
    std::chrono::milliseconds timeout{5'000};  ///< Streams wait so long for a channel. Scaled by timing.scale.
};

/// [pdr]: the persistent data record, a shared volume.
struct PdrConfig {
    std::filesystem::path device;  ///< The same path on all members. Empty: the cluster has none.
    bool witness = true;           ///< One more voter of the engine lives on it, where it has room for that.
    friend bool operator==(const PdrConfig&, const PdrConfig&) = default;
};

/// [timing]: all scaled by `scale` when the file is read.
struct TimingConfig {
    double scale = 1.0;                        ///< 0.1 .. 20.
    std::chrono::milliseconds beat{500};       ///< Interval of alive keys.
    std::chrono::milliseconds silence{3'000};  ///< A member whose alive key stands still this long is silent.
    std::chrono::milliseconds fence{1'500};    ///< T_fence (SAFETY 14): both signs stand still this long: fence it.
    std::chrono::milliseconds boot{60'000};    ///< Not scaled. Instead of silence, for one not yet seen alive by us.
    std::chrono::milliseconds hook{1'000};     ///< The hook gives up after this (SAFETY 21).
    std::chrono::milliseconds right_lifetime{30'000};  ///< A start not registered within this time is void (SAFETY 8).
    /// T_lease and W of SAFETY, held by a member of a cluster with a PDR. Both are told in its slot.
    std::chrono::milliseconds lease{5'000};
    std::chrono::milliseconds watchdog{5'000};
    std::chrono::milliseconds engine_heartbeat{100};
    std::chrono::milliseconds engine_election{1'000};
};

/// The whole file.
struct SystemConfig {
    std::string cluster;                ///< [cluster] name: 1-32 letters, digits, "-".
    std::string cluster_uuid;           ///< [cluster] uuid.
    std::vector<MemberConfig> members;  ///< By slot; at least one.
    std::vector<ChannelConfig> channels;
    std::vector<FenceConfig> fences;  ///< Tried in the order of the file.
    TimingConfig timing;
    LinkConfig link;
    PdrConfig pdr;
    std::filesystem::path pki = "/etc/ssi/pki";  ///< [tls] directory: ca.crt, MEMBER.crt, MEMBER.key.

    [[nodiscard]] const MemberConfig* find(const MemberName& name) const;
    /// The engine's voters: an odd number (1, 3 or 5) of the lowest slots (SAFETY 1; the witness comes with
    /// membership).
    [[nodiscard]] std::vector<MemberName> voters() const;
    /// Channels between two members, in the order of the file.
    [[nodiscard]] std::vector<ChannelConfig> channels_between(const MemberName& one, const MemberName& other) const;
};

/// Parses text; `file` is only for messages. Error: kConfigInvalid, its `what` being the multi-line diagnostics of all
/// problems.
[[nodiscard]] Result<SystemConfig> parse_system_config(std::string_view text, const std::string& file);

/// Reads and parses a file. Errors: kConfigMissing, kConfigInvalid.
[[nodiscard]] Result<SystemConfig> load_system_config(const std::filesystem::path& file);

/// Which member this machine is: `wanted` if not empty, else the one whose host is `host_name`. Error: kMemberUnknown.
[[nodiscard]] Result<MemberName> own_member(const SystemConfig& config, std::string_view wanted,
                                            std::string_view host_name);
[[nodiscard]] Result<MemberName> own_member(const SystemConfig& config,
                                            std::string_view wanted);  ///< With gethostname().

}  // namespace ssi
