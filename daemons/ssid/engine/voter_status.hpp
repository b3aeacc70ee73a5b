#pragma once
/// One etcd's own word about itself, whatever the others are like.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <filesystem>

#include "daemons/ssid/engine/gateway_messages.hpp"
#include "lib/common/error.hpp"

namespace ssi::cluster {

/// Error: kNoMajority, with what is wrong with that one: nobody answers there, it knows no leader.
boost::asio::awaitable<Result<gateway::ServerStatus>> ask_voter(boost::asio::any_io_executor executor,
                                                                std::filesystem::path socket,
                                                                std::chrono::milliseconds timeout);

/// Has another voter lead in the place of this one, which leads. Errors as of ask_voter(): that one is not there, or
/// not in sync.
boost::asio::awaitable<Result<void>> hand_leadership_to(std::uint64_t voter, boost::asio::any_io_executor executor,
                                                        std::filesystem::path socket,
                                                        std::chrono::milliseconds timeout);

/// Gives the room that compaction has freed inside its database back to the file system. It serves nobody meanwhile.
/// Errors as of ask_voter(); kEngineFailed.
boost::asio::awaitable<Result<void>> defragment(boost::asio::any_io_executor executor, std::filesystem::path socket,
                                                std::chrono::milliseconds timeout);

}  // namespace ssi::cluster
