#pragma once
/// A copy of the whole state, as etcd's own tools write and read it (etcdutl snapshot).

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <filesystem>

#include "lib/common/error.hpp"

namespace ssi::cluster {

/// Writes the state of the etcd behind `socket` into `file` (0600), which is there whole and synced, its checksum
/// proved, or not at all. Answers with its size in bytes. Errors: kNoMajority (nobody answers, or the stream broke
/// off), kEngineFailed (what came is damaged), kSystemFailed.
boost::asio::awaitable<Result<std::uint64_t>> back_up(boost::asio::any_io_executor executor,
                                                      std::filesystem::path socket, std::filesystem::path file,
                                                      std::chrono::milliseconds silence);

}  // namespace ssi::cluster
