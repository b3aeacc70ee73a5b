#pragma once
/// `ssictl cp`, as it is typed. Pure.

#include <CLI/CLI.hpp>
#include <expected>
#include <string>
#include <vector>

#include "tools/ssictl/command_line.hpp"

namespace ssi::ctl::cp {

/// Holds what CLI11 finds; must live as long as the parser.
class CpVerb {
  public:
    /// The arguments of ssictl so that CLI11 takes a CP command for words alone, whatever they are.
    [[nodiscard]] static std::vector<std::string> in_order(std::vector<std::string> arguments);
    void add(CLI::App& app);
    /// Whether it was this verb that was typed.
    [[nodiscard]] bool is_wanted() const;
    /// The verb that the CP command stands for; help, or what is wrong with it.
    [[nodiscard]] std::expected<Invocation, Answered> read(bool json) const;

  private:
    CLI::App* verb_ = nullptr;
    std::vector<std::string> arguments_;
};

/// All CP commands, their shortest forms, and the verbs that they stand for.
[[nodiscard]] std::string help();

}  // namespace ssi::ctl::cp
