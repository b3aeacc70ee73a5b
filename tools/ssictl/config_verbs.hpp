#pragma once
/// The verbs of `ssictl config`, as they are typed. Pure.

#include <CLI/CLI.hpp>
#include <optional>
#include <string>

#include "tools/ssictl/command_line.hpp"

namespace ssi::ctl {

/// Holds what CLI11 finds; must live as long as the parser.
class ConfigVerbs {
  public:
    /// Adds them below `app`; their callbacks put into `command` what was typed.
    void add(CLI::App& app, std::optional<Command>& command);

  private:
    /// Those that concern other members too, and need ssid.
    void add_shared(CLI::App& config, std::optional<Command>& command);

    std::string file_ = "/etc/ssi/system.toml";
    std::string member_;
    bool force_ = false;
    bool all_ = false;
};

}  // namespace ssi::ctl
