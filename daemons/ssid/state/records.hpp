#pragma once
/// What the cluster's keys hold (docs/architecture.md, "The cluster's keys"), as types, and their versioned JSON form.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemons/ssid/engine/engine.hpp"
#include "lib/common/error.hpp"
#include "lib/common/names.hpp"

namespace ssi::cluster {

/// The first five are committed. Suspended and Unknown are what one member sees of another, or of itself
/// (cluster_mode.hpp). Joining: admitted, but not yet to guests. Isolated: refused, and why.
enum class MemberState { kDown, kJoining, kJoined, kLeaving, kIsolated, kSuspended, kUnknown };

/// members/NAME
struct MemberRecord {
    MemberState state = MemberState::kDown;
    Incarnation incarnation{};
    std::string reason;        ///< Why it is Down or Isolated: "left", "fenced by MEMBER1 through lab".
    std::string verdict = {};  ///< The reason when it was last declared dead, kept over later lives; may be empty.
    Incarnation declared_dead = {};  ///< The life that ended so.
    friend bool operator==(const MemberRecord&, const MemberRecord&) = default;
};

/// Its ssid serves: joined, or about to leave.
[[nodiscard]] constexpr bool is_up(const MemberRecord& record) {
    return record.state == MemberState::kJoined || record.state == MemberState::kLeaving;
}

/// alive/NAME: a sign of life is that this key moves on (SAFETY 4).
struct AliveRecord {
    Incarnation incarnation{};
    std::uint64_t beat = 0;
    friend bool operator==(const AliveRecord&, const AliveRecord&) = default;
};

/// cluster/transition: who joins or leaves at this moment; one at a time. It exists only meanwhile.
struct Transition {
    enum class Kind { kJoin, kLeave } kind{};
    MemberName member;
    Incarnation incarnation{};
    friend bool operator==(const Transition&, const Transition&) = default;
};

/// fences/NAME: the intent to fence; the member is not admitted while it is open (SAFETY 14).
struct FenceRecord {
    Incarnation incarnation{};
    MemberName by;
    Revision alive{};  ///< Where alive/NAME stood when the silence was noticed: the verdict compares it (SAFETY 12).
    friend bool operator==(const FenceRecord&, const FenceRecord&) = default;
};

/// cluster/disarmed: no member is fenced. maintenance/MEMBER: nor is this one, its guests are not restarted elsewhere
/// and nothing is placed on it. Each holds while its key exists.
struct OperatorWord {
    MemberName at;           ///< Where it was said.
    std::string who;         ///< The user who said it.
    std::string why;         ///< In the operator's words; may be empty.
    std::int64_t since = 0;  ///< Seconds since 1970 by the clock of `at`: for people, never compared.
    friend bool operator==(const OperatorWord&, const OperatorWord&) = default;
};

/// directory/GUEST
struct DirectoryRecord {
    GuestUuid uuid;
    std::string xml;
    bool restart = true;          ///< Start it elsewhere when its member is dead; GuestPolicy, if there is one, counts.
    std::int64_t memory_mib = 0;  ///< What it needs; 0: not known.
    /// Goes up by one with each change, also over deletions. 0: not in the directory, a start was all that was seen of
    /// it (virsh create, or a guest from before the cluster).
    std::uint64_t version = 0;
    OperatorWord change;  ///< Who made this version, where, when, and why.
    friend bool operator==(const DirectoryRecord&, const DirectoryRecord&) = default;
};

/// deleted/GUEST: it was in the directory, and is no more. Gone when the name is defined again.
struct DeletedRecord {
    GuestUuid uuid;
    std::uint64_t version = 0;  ///< Of the deletion.
    OperatorWord change;
    friend bool operator==(const DeletedRecord&, const DeletedRecord&) = default;
};

/// policies/GUEST: what an operator said of its restarts (ssictl guest policy); counts before the definition's word.
struct GuestPolicy {
    bool restart = true;             ///< Start it elsewhere when its member is dead.
    std::vector<MemberName> prefer;  ///< There, in this order, while they can take it.
    int priority = 0;                ///< Higher ones are placed and started first.
    int limit = 3;                   ///< Restarts that did not last (kSettled); then it waits for an operator.
    friend bool operator==(const GuestPolicy&, const GuestPolicy&) = default;
};

/// capacity/MEMBER: what placement goes by; coarse.
struct CapacityRecord {
    Incarnation incarnation{};
    std::int64_t free_mib = 0;
    std::int64_t guests_mib = 0;  ///< What the guests on it may use.
    friend bool operator==(const CapacityRecord&, const CapacityRecord&) = default;
};

/// doors/MEMBER: libvirt of this life of a member was seen not to ask one of our doors (DESIGN.md section 7): nothing
/// new may start there. It exists only while that is so.
struct DoorsRecord {
    Incarnation incarnation{};
    std::string fault;  ///< What was seen.
    friend bool operator==(const DoorsRecord&, const DoorsRecord&) = default;
};

/// Starting: committed, QEMU not seen yet. Running: QEMU exists. Relocating: resident on two members until Done or
/// Abort (SAFETY 22). Pending: runs nowhere; `member` is to start it.
enum class Phase { kStarting, kRunning, kRelocating, kPending };

/// One life of one member: what a residency, a right and a verdict are about.
struct MemberLife {
    MemberName member;
    Incarnation incarnation{};
    friend bool operator==(const MemberLife&, const MemberLife&) = default;
};

/// cluster/lone: the member that needs no lease, for all others are Down (SAFETY 3). While it lives nobody is admitted.
struct LoneRecord {
    MemberLife life;
    friend bool operator==(const LoneRecord&, const LoneRecord&) = default;
};

struct Relocation {
    MemberLife to;
    RunId run;                     ///< Of the QEMU at the destination: the token (SAFETY 22).
    bool abort_requested = false;  ///< The source wants it undone; only the destination may say Abort or Done.
    bool source_ended = false;     ///< The QEMU at the source is gone: Abort then leaves nothing running.
    bool source_lost = false;      ///< It did not end by itself, but with its member's lease: it is to go on somewhere.
    std::string source_image = {};  ///< The managed save image that it left there.
    friend bool operator==(const Relocation&, const Relocation&) = default;
};

/// residency/GUEST
struct Residency {
    GuestUuid uuid;
    Phase phase = Phase::kPending;
    MemberLife home;
    RunId run;                             ///< Empty while Pending.
    std::optional<Relocation> relocation;  ///< Present exactly while Relocating.
    int attempts = 0;                      ///< Failed starts while Pending.
    std::string reason;                    ///< Why it is Pending, or why the last attempt failed.
    int restarts = 0;                      ///< After deaths of its members, since it ran for kSettled.
    std::string image = {};                ///< The managed save image that was at home when this run began.
    friend bool operator==(const Residency&, const Residency&) = default;
};

/// uuids/UUID: the guest that was started or defined last with this UUID. Changed by every start.
struct UuidRecord {
    GuestName guest;
    std::optional<RunId> run;  ///< Its last one; empty: it was never started; none: by a member that does not tell.
    friend bool operator==(const UuidRecord&, const UuidRecord&) = default;
};

/// saved/GUEST: its memory is in libvirt's managed save image on `member`. Void once the guest runs, or has run: `run`
/// is not its last one then (UuidRecord).
struct SavedRecord {
    GuestUuid uuid;
    MemberName member;
    RunId run;          ///< The one that ended so.
    std::string image;  ///< What tells this image from any other (guests/saved_image).
    friend bool operator==(const SavedRecord&, const SavedRecord&) = default;
};

/// moves/GUEST: how the last relocation ended.
struct MoveRecord {
    MemberName from;
    MemberName to;
    RunId run;
    std::string outcome;  ///< "moved" or "failed".
    std::int64_t total_ms = 0;
    std::int64_t down_ms = 0;
    std::string reason;
    friend bool operator==(const MoveRecord&, const MoveRecord&) = default;
};

/// registrations/NAME: that this life of a member has registered its key at the volumes of every [[fence]] with method
/// "reservations". `open` from before the first command until all commands have ended well: meanwhile one of them may
/// still bring back a key that was taken away, so that nothing proves the member's writes to be stopped (SAFETY 13 c).
struct RegistrationRecord {
    Incarnation incarnation{};
    bool open = true;
    friend bool operator==(const RegistrationRecord&, const RegistrationRecord&) = default;
};

/// config/cluster: what every member's system.toml says, but for what concerns one host alone (SharedConfig).
struct ClusterConfigRecord {
    std::uint64_t generation = 0;  ///< Goes up by one with each change.
    std::string hash;
    std::string text;
    MemberName by;
    friend bool operator==(const ClusterConfigRecord&, const ClusterConfigRecord&) = default;
};

/// configs/NAME: what a member runs with, and what stands in its file.
struct MemberConfigRecord {
    std::string running;  ///< Hash of SharedConfig.
    std::string file;     ///< The same; empty while the file cannot be read or has problems.
    std::string note;     ///< What an administrator should know of it; empty: all is well.
    friend bool operator==(const MemberConfigRecord&, const MemberConfigRecord&) = default;
};

/// JSON text of a record, and back. Decoding errors: kProtocolViolated. Unknown fields are ignored, so that a newer
/// member may add some; another "v" is refused.
[[nodiscard]] std::string encode(const MemberRecord& record);
[[nodiscard]] std::string encode(const AliveRecord& record);
[[nodiscard]] std::string encode(const Transition& record);
[[nodiscard]] std::string encode(const FenceRecord& record);
[[nodiscard]] std::string encode(const OperatorWord& record);
[[nodiscard]] std::string encode(const LoneRecord& record);
[[nodiscard]] std::string encode(const DirectoryRecord& record);
[[nodiscard]] std::string encode(const DeletedRecord& record);
[[nodiscard]] std::string encode(const GuestPolicy& record);
[[nodiscard]] std::string encode(const CapacityRecord& record);
[[nodiscard]] std::string encode(const DoorsRecord& record);
[[nodiscard]] std::string encode(const Residency& record);
[[nodiscard]] std::string encode(const SavedRecord& record);
[[nodiscard]] std::string encode(const MoveRecord& record);
[[nodiscard]] std::string encode(const RegistrationRecord& record);
[[nodiscard]] std::string encode(const ClusterConfigRecord& record);
[[nodiscard]] std::string encode(const MemberConfigRecord& record);
[[nodiscard]] std::string encode(const UuidRecord& record);
template <class Record>
[[nodiscard]] Result<Record> decode(std::string_view text);
template <>
Result<MemberRecord> decode(std::string_view text);
template <>
Result<AliveRecord> decode(std::string_view text);
template <>
Result<Transition> decode(std::string_view text);
template <>
Result<FenceRecord> decode(std::string_view text);
template <>
Result<OperatorWord> decode(std::string_view text);
template <>
Result<LoneRecord> decode(std::string_view text);
template <>
Result<DirectoryRecord> decode(std::string_view text);
template <>
Result<DeletedRecord> decode(std::string_view text);
template <>
Result<GuestPolicy> decode(std::string_view text);
template <>
Result<CapacityRecord> decode(std::string_view text);
template <>
Result<DoorsRecord> decode(std::string_view text);
template <>
Result<Residency> decode(std::string_view text);
template <>
Result<SavedRecord> decode(std::string_view text);
template <>
Result<MoveRecord> decode(std::string_view text);
template <>
Result<RegistrationRecord> decode(std::string_view text);
template <>
Result<ClusterConfigRecord> decode(std::string_view text);
template <>
Result<MemberConfigRecord> decode(std::string_view text);
template <>
Result<UuidRecord> decode(std::string_view text);

[[nodiscard]] std::string_view text_of(Phase phase);
[[nodiscard]] std::string_view text_of(MemberState state);

}  // namespace ssi::cluster
