#pragma once
/// The verbs of `ssictl pdr`, as they are typed. Pure.

#include <CLI/CLI.hpp>
#include <optional>

#include "tools/ssictl/command_line.hpp"

namespace ssi::ctl {

/// Holds what CLI11 finds; must live as long as the parser.
class PdrVerbs {
  public:
    /// Adds them below `app`; their callbacks put into `command` what was typed.
    void add(CLI::App& app, std::optional<Command>& command);

  private:
    PdrPlace place_;
    FormatPdr format_;
    PdrMove move_;
};

}  // namespace ssi::ctl
