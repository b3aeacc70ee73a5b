#pragma once
/// etcd's write-ahead log (etcd 3.5, DATA/member/wal), read without etcd: whose log it is and how far it goes. The
/// format: files NUMBER-INDEX.wal of frames; a frame is a little-endian 64-bit word (size in its lower 56 bits, padding
/// in the lower 3 bits of the highest byte if that has its top bit set), a protobuf record {1 type, 2 crc, 3 data}, and
/// the padding to 8 bytes. The CRC-32C runs on from record to record and from file to file; what follows the last
/// record is zero.

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "lib/common/error.hpp"

namespace ssi::cluster {

struct WalLog {
    std::uint64_t voter_id = 0;
    std::uint64_t cluster_id = 0;
    std::uint64_t last_term = 0;  ///< Of the last entry, or of the snapshot that stands in its place.
    std::uint64_t last_index = 0;
    std::uint64_t term = 0;    ///< The last state that the voter wrote down: its term,
    std::uint64_t vote = 0;    ///< for whom it voted in it,
    std::uint64_t commit = 0;  ///< and up to where it knew entries to be committed.
    std::filesystem::path last_file;
    std::uint64_t end = 0;  ///< In last_file: where the next record goes.
    std::uint32_t crc = 0;  ///< That runs on there.
    bool torn = false;      ///< Something stands behind the last whole record, which a crash left.
};

/// Reads the whole log in `directory` (DATA/member/wal). Errors: kEngineFailed (there is none, or it is damaged before
/// its end), kSystemFailed.
[[nodiscard]] Result<WalLog> read_wal(const std::filesystem::path& directory);

/// Only voter_id and cluster_id, from the head of the first file; also while its etcd runs. Errors as of read_wal().
[[nodiscard]] Result<WalLog> read_wal_identity(const std::filesystem::path& directory);

/// Appends a state record which says that every entry of the log is committed, and syncs it. Its etcd must not run.
/// etcd's --force-new-cluster throws away what its log does not say to be committed, and so what this voter, as a
/// follower, had acknowledged and the dead leader had told the client to be committed. What was never acknowledged
/// may become true by it: its outcome was unknown. Errors as of read_wal().
[[nodiscard]] Result<void> commit_wal(const std::filesystem::path& directory);

/// CRC-32C, running on from `crc`.
[[nodiscard]] std::uint32_t crc32c(std::uint32_t crc, std::string_view bytes);

}  // namespace ssi::cluster
