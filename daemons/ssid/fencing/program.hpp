#pragma once
/// Running a program to its end, or until its time is up.

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "lib/common/error.hpp"

namespace ssi::cluster {

struct ProgramRequest {
    std::filesystem::path path;  ///< Absolute.
    std::vector<std::string> arguments;
    std::string input;  ///< Its standard input, whole.
    std::chrono::milliseconds timeout{};
};

struct ProgramOutcome {
    int exit_status = 0;  ///< 128 + number when a signal ended it, as in the shell.
    std::string output;   ///< Standard output and standard error, their first kOutputLimit bytes.
};

inline constexpr std::size_t kOutputLimit = 16 * 1024;

/// Runs it in a process group of its own, with PATH, HOME and LC_ALL=C as its whole environment. At the time-out, and
/// when the coroutine is cancelled, the group is killed. Waits only for the program itself: what it left behind lives
/// on. Errors: kSystemFailed (cannot be started), kTimedOut.
boost::asio::awaitable<Result<ProgramOutcome>> run_program(ProgramRequest request);

}  // namespace ssi::cluster
