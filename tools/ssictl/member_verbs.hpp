#pragma once
/// The verbs of `ssictl member` that change which members there are, as they are typed. Pure.

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

#include "tools/ssictl/command_line.hpp"

namespace ssi::ctl {

/// Holds what CLI11 finds; must live as long as the parser.
class MemberVerbs {
  public:
    /// Adds them to the group `member`; their callbacks put into `command` what was typed.
    void add(CLI::App& group, std::optional<Command>& command);

  private:
    std::string name_;
    std::string slot_;
    std::string host_;
    std::string to_;
    std::vector<std::string> channels_;
    bool force_ = false;
};

}  // namespace ssi::ctl
