#include "tools/ssictl/cp/reading.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "tools/ssictl/cp/attempt.hpp"

namespace ssi::ctl::cp {

std::vector<Reading> readings(const std::vector<std::string>& typed, std::span<const Row> rows) {
    std::vector<Reading> best;
    std::size_t keywords = 0;
    for (const auto& row : rows) {
        auto tried = attempt(row, typed);
        if (!fits(tried, typed) || tried.keywords < keywords) continue;
        if (tried.keywords > keywords) best.clear();  // a keyword goes before a name that is spelled so
        keywords = tried.keywords;
        best.emplace_back(tried.row, std::move(tried.operands));
    }
    return best;
}

Result<Reading> read(const std::vector<std::string>& typed, std::span<const Row> rows) {
    if (auto found = readings(typed, rows); !found.empty()) return std::move(found.front());
    std::vector<Attempt> attempts;
    for (const auto& row : rows) attempts.push_back(attempt(row, typed));
    return std::unexpected(refusal(std::move(attempts), typed));
}

std::vector<std::string> verb_words(const Reading& reading) {
    std::vector<std::string> verb;
    std::vector<std::string> positional;
    for (const auto& word : split_words(reading.row.verb)) {
        const auto operand = std::ranges::find(reading.operands, word, &Operand::name);
        if (operand == reading.operands.end())
            verb.push_back(word);
        else if (verb.back().starts_with("--"))
            verb.back() += "=" + operand->value;
        else
            positional.push_back(operand->value);
    }
    // A name may look like an option, or be that of a verb: behind this mark it is neither.
    if (!positional.empty()) verb.emplace_back("--");
    std::ranges::move(positional, std::back_inserter(verb));
    return verb;
}

}  // namespace ssi::ctl::cp
