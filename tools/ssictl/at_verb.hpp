#pragma once
/// `ssictl at`, as it is typed. Pure.

#include <CLI/CLI.hpp>
#include <expected>
#include <string>
#include <vector>

#include "tools/ssictl/command_line.hpp"

namespace ssi::ctl {

/// Holds what CLI11 finds; must live as long as the parser.
class AtVerb {
  public:
    /// The arguments of ssictl so that CLI11 takes what follows the member for words, whatever they are.
    [[nodiscard]] static std::vector<std::string> in_order(std::vector<std::string> arguments);

    void add(CLI::App& app);
    /// Whether it was this verb that was typed.
    [[nodiscard]] bool is_wanted() const;
    /// What is to be done there; help, or what is wrong with it, as of any command line.
    [[nodiscard]] std::expected<Invocation, Answered> read(bool json) const;

  private:
    CLI::App* verb_ = nullptr;
    std::string member_;
    std::vector<std::string> words_;
};

}  // namespace ssi::ctl
