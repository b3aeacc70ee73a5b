#pragma once
/// The verbs of `ssictl islink`, as they are typed. Pure.

#include <CLI/CLI.hpp>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tools/ssictl/command_line.hpp"

namespace ssi::ctl {

/// Holds what CLI11 finds; must live as long as the parser.
class LinkVerbs {
  public:
    /// Adds them below `app`; their callbacks put into `command` what was typed.
    void add(CLI::App& app, std::optional<Command>& command);

  private:
    void add_shown(CLI::App& islink, std::optional<Command>& command);
    void add_watch(CLI::App& islink, std::optional<Command>& command);
    /// Those that change a channel.
    void add_changing(CLI::App& islink, std::optional<Command>& command);
    /// A verb that is one call of isfcd about one channel: method and arguments, once they are known.
    CLI::App* channel_verb(CLI::App& islink, std::optional<Command>& command, const std::string& name,
                           const std::string& description,
                           std::function<std::pair<std::string, std::vector<std::string>>()> call);

    ShowLinks show_;
    WatchLinks watch_;
    double interval_s_ = 1.0;
    bool names_only_ = false;
    bool force_ = false;
    std::string channel_;
    std::string peer_;
    std::string own_address_;
    std::string peer_address_;
    std::string interface_;
    std::string port_;
};

}  // namespace ssi::ctl
