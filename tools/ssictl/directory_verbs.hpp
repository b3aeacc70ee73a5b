#pragma once
/// The verbs of `ssictl directory`, as they are typed. Pure.

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

#include "tools/ssictl/command_line.hpp"

namespace ssi::ctl {

/// Holds what CLI11 finds; must live as long as the parser.
class DirectoryVerbs {
  public:
    /// Adds them below `app`; their callbacks put into `command` what was typed.
    void add(CLI::App& app, std::optional<Command>& command);

  private:
    /// Those that show.
    void add_views(CLI::App& directory, std::optional<Command>& command);
    /// Those that change.
    void add_changes(CLI::App& directory, std::optional<Command>& command);
    void want_guest(CLI::App& verb);
    [[nodiscard]] DaemonCall deletion() const;

    std::string guest_;
    std::string version_;
    std::string base_;
    PutDefinition put_;
    bool not_adopted_ = false;
    bool names_ = false;
    bool yes_ = false;
};

}  // namespace ssi::ctl
