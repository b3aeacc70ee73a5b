#pragma once
/// The directory of guests as JSON documents (docs/architecture.md, "JSON documents"), and the history they are made
/// of. Pure.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "daemons/ssid/guests/kept_edits.hpp"
#include "daemons/ssid/state/cluster_state.hpp"
#include "lib/common/json_message.hpp"

namespace ssi::cluster {

/// One version in a guest's history.
struct KeptVersion {
    std::uint64_t version = 0;
    OperatorWord change;
    std::optional<DirectoryRecord> definition;  ///< None: it is the guest's deletion.
};

/// What stands below history_prefix() of a guest, the oldest first. Error: kProtocolViolated.
[[nodiscard]] Result<std::vector<KeptVersion>> read_history(const Snapshot& snapshot);
/// The definition that this version was. Error: kGuestUnknown, of a deletion too.
[[nodiscard]] Result<DirectoryRecord> find_version(const GuestName& guest, const std::vector<KeptVersion>& history,
                                                   std::uint64_t version);

/// How many lines one text has more often than another, and the other way round. A line that only moved is in neither.
struct LineChange {
    std::size_t added = 0;
    std::size_t removed = 0;
    friend bool operator==(const LineChange&, const LineChange&) = default;
};
[[nodiscard]] LineChange compare_lines(std::string_view before, std::string_view after);

/// `own`: the member that answers; `not_adopted`: its guests from before the cluster.
[[nodiscard]] json::Object directory_document(const ClusterState& state, const MemberName& own,
                                              const std::vector<GuestName>& not_adopted);
[[nodiscard]] json::Object definition_document(const GuestName& guest, const DirectoryRecord& record);
[[nodiscard]] json::Object history_document(const GuestName& guest, const std::vector<KeptVersion>& history);
[[nodiscard]] json::Object conflicts_document(const MemberName& own, const std::vector<KeptEdit>& edits);

/// That it is not in the directory, and what became of it: kGuestUnknown.
[[nodiscard]] Error not_in_directory(const ClusterState& state, const GuestName& guest);

}  // namespace ssi::cluster
