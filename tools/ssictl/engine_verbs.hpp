#pragma once
/// The verbs of `ssictl engine`, as they are typed. Pure.

#include <CLI/CLI.hpp>
#include <optional>

#include "tools/ssictl/command_line.hpp"

namespace ssi::ctl {

/// Holds what CLI11 finds; must live as long as the parser.
class EngineVerbs {
  public:
    /// Adds them below `app`; their callbacks put into `command` what was typed.
    void add(CLI::App& app, std::optional<Command>& command);

  private:
    BackUpEngine back_up_;
    RestoreEngine restore_;
    bool yes_ = false;
};

}  // namespace ssi::ctl
