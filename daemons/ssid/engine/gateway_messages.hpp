#pragma once
/// The words of etcd's JSON gateway (etcd 3.5, /v3/...): bodies of requests, and replies read without trusting them.
/// Keys and values travel as base64, 64-bit numbers as text, and fields that have their default value are left out.
/// Pure: no I/O.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemons/ssid/engine/engine.hpp"
#include "lib/common/error.hpp"

namespace ssi::cluster::gateway {

[[nodiscard]] std::string to_base64(std::string_view bytes);
/// Error: kEngineFailed.
[[nodiscard]] Result<std::string> from_base64(std::string_view text);

/// Bodies of POST requests.
[[nodiscard]] std::string transaction_body(const Transaction& transaction);     ///< /v3/kv/txn
[[nodiscard]] std::string range_body(std::string_view prefix);                  ///< /v3/kv/range, linearizable
[[nodiscard]] std::string watch_body(std::string_view prefix, Revision after);  ///< /v3/watch
[[nodiscard]] std::string compaction_body(Revision revision);                   ///< /v3/kv/compaction
[[nodiscard]] std::string add_learner_body(std::string_view peer_url);          ///< /v3/cluster/member/add
[[nodiscard]] std::string voter_body(std::uint64_t id);  ///< /v3/cluster/member/promote, /v3/cluster/member/remove

/// Readers of replies with HTTP status 200. Error: kEngineFailed, when the text is not what etcd answers.
[[nodiscard]] Result<CommitResult> read_commit(std::string_view body);
[[nodiscard]] Result<Snapshot> read_range(std::string_view body);

/// How one etcd process sees itself and the store.
struct ServerStatus {
    std::string version;
    std::uint64_t id = 0;
    std::uint64_t leader = 0;  ///< 0: knows no leader, so cannot commit.
    std::uint64_t term = 0;    ///< Goes up with every election.
    bool is_learner = false;   ///< Serves no linearizable requests.
    Revision revision{};
    std::int64_t database_bytes = 0;       ///< File size; at the quota, etcd refuses writes (SAFETY 25).
    std::int64_t database_used_bytes = 0;  ///< Without what compaction has freed inside the file.
    std::vector<std::string> complaints;   ///< As etcd words them: alarms, "no leader".
};
[[nodiscard]] Result<ServerStatus> read_status(std::string_view body);

/// A voter or learner in etcd's own list.
struct Voter {
    std::uint64_t id = 0;
    std::string name;  ///< Empty until it has started for the first time, but for those of the cluster's beginning.
    std::vector<std::string> peer_urls;
    std::vector<std::string> client_urls;  ///< Empty until it has started for the first time.
    bool is_learner = false;
};
[[nodiscard]] Result<std::vector<Voter>> read_voters(std::string_view body);

/// One line of the stream that is a copy of the store (/v3/maintenance/snapshot).
struct SnapshotLine {
    std::string bytes;
    std::uint64_t remaining = 0;  ///< Bytes of the store that are still to come.
};
[[nodiscard]] Result<SnapshotLine> read_snapshot_line(std::string_view line);

/// What etcd has stopped writing for (/v3/maintenance/alarm).
struct Alarm {
    std::uint64_t id = 0;  ///< Of the voter that raised it.
    std::string kind;      ///< "NOSPACE", "CORRUPT".
    friend bool operator==(const Alarm&, const Alarm&) = default;
};
[[nodiscard]] std::string disarm_body(const Alarm& alarm);
/// Who is to lead.
[[nodiscard]] std::string leadership_body(std::uint64_t voter);
[[nodiscard]] Result<std::vector<Alarm>> read_alarms(std::string_view body);

/// One line of the watch stream.
struct WatchLine {
    std::vector<Change> changes;        ///< Empty: a sign of life, or the stream's beginning.
    std::optional<Revision> compacted;  ///< The stream ended: what it asked for is compacted up to here.
    std::optional<std::string> ended;   ///< The stream ended: why, in etcd's words.
};
[[nodiscard]] Result<WatchLine> read_watch_line(std::string_view line);

/// What a reply that is no success says about the request that was sent.
enum class Verdict {
    kNotNow,   ///< Certainly had no effect; another endpoint, or this one later, may do it.
    kRefused,  ///< Certainly had no effect, and never will.
    kUnknown,  ///< May have had, or may still have, its effect.
};
struct Refusal {
    Verdict verdict = Verdict::kUnknown;
    std::string message;  ///< etcd's own words, or the HTTP status.
};
/// The message of a compaction that asks for what was compacted before.
inline constexpr std::string_view kAlreadyCompacted = "etcdserver: mvcc: required revision has been compacted";
/// Judges a reply with an HTTP status other than 200.
[[nodiscard]] Refusal read_refusal(unsigned http_status, std::string_view body);

}  // namespace ssi::cluster::gateway
