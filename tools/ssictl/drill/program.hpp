#pragma once
/// Running a program to its end: virsh, systemctl and fence agents, as an administrator would.

#include <chrono>
#include <string>
#include <vector>

#include "lib/common/error.hpp"

namespace ssi::ctl {

struct Finished {
    int status = 0;      ///< Exit status; 128 + number when a signal ended it.
    std::string output;  ///< What it wrote to standard output and standard error.
};

/// The first word is looked for in PATH; `input` is its whole standard input (at most what fits into a pipe). Killed at
/// the time-out. Errors: kSystemFailed (cannot be started), kTimedOut. May be called from several threads.
[[nodiscard]] Result<Finished> run_to_end(const std::vector<std::string>& words, std::chrono::milliseconds timeout,
                                          const std::string& input = {});

}  // namespace ssi::ctl
