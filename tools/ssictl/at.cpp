#include "tools/ssictl/at.hpp"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <chrono>
#include <format>
#include <sstream>
#include <utility>

#include "tools/ssictl/daemon_call.hpp"
#include "tools/ssictl/document_cells.hpp"
#include "tools/ssictl/rendering.hpp"
#include "tools/ssictl/ssictl.hpp"
#include "tools/ssictl/table.hpp"

namespace ssi::ctl {
namespace {

/// Those that are not are named on `errors`.
Result<std::vector<std::string>> joined_members(const Way& way, std::ostream& errors) {
    const auto cluster = call({.method = "QuerySsi", .timeout = kQuick}, way);
    if (!cluster) return std::unexpected(cluster.error());
    const auto members = entries(*cluster, "members");
    if (!members) return std::unexpected(members.error());
    std::vector<std::string> names;
    for (const auto& member : *members)
        if (const auto state = text_of(member, "state"); state == "Joined")
            names.push_back(text_of(member, "name"));
        else
            errors << printable(std::format("ssictl: {} is {} and is not asked", text_of(member, "name"), state))
                   << '\n';
    return names;
}

void tell(std::ostream& stream, const std::string& member, const std::string& text) {
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) stream << member << ": " << line << '\n';
    stream << std::flush;
}

/// The text is what a run with --json has printed.
boost::json::value document_in(const std::string& text) {
    boost::system::error_code broken;
    auto value = boost::json::parse(text, broken);
    return broken ? boost::json::value(text) : value;
}

}  // namespace

Result<int> run_at(const AtCommand& wanted, bool json, std::istream& input, std::ostream& output, std::ostream& errors,
                   const Way& way) {
    auto words = wanted.words;
    if (json && !std::ranges::contains(words, "--json")) words.insert(words.begin(), "--json");
    if (wanted.member != AtCommand::kAll)
        return run(std::move(words), input, output, errors, Way(way.bus, wanted.member));

    const auto members = joined_members(way, errors);
    if (!members) return std::unexpected(members.error());
    int status = 0;
    boost::json::array answers;
    for (const auto& member : *members) {
        std::ostringstream said;
        std::ostringstream wrong;
        const int ended = run(words, input, said, wrong, Way(way.bus, member));
        status = std::max(status, ended);
        if (json)
            answers.push_back({{"member", member}, {"status", ended}, {"answer", document_in(said.str())}});
        else
            tell(output, member, said.str());
        tell(errors, member, wrong.str());
    }
    if (json) output << pretty({{"v", 1}, {"members", std::move(answers)}}) << std::flush;
    return status;
}

}  // namespace ssi::ctl
