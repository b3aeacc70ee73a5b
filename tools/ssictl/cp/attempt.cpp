#include "tools/ssictl/cp/attempt.hpp"

#include <algorithm>
#include <format>
#include <ranges>
#include <string_view>
#include <utility>

namespace ssi::ctl::cp {
namespace {

/// "A", "A or B", "A, B or C".
std::string any_of(const std::vector<std::string>& choices) {
    std::string text;
    for (std::size_t i = 0; i < choices.size(); ++i)
        text += (i == 0 ? "" : i + 1 == choices.size() ? " or " : ", ") + choices[i];
    return text;
}

/// What the rows want next, each once.
std::string wanted_by(const std::vector<Attempt>& attempts) {
    std::vector<std::string> wanted;
    for (const auto& attempt : attempts)
        if (attempt.wanted && !std::ranges::contains(wanted, attempt.wanted->text))
            wanted.push_back(attempt.wanted->text);
    return any_of(wanted);
}

std::string shapes_of(const std::vector<Attempt>& attempts) {
    std::vector<std::string> shapes;
    for (const auto& attempt : attempts) shapes.emplace_back(attempt.row.shape);
    return any_of(shapes);
}

Error usage(std::string what, const std::string& word, const std::string& choices) {
    return {ErrorCode::kUsage, std::move(what), word, choices + "; ssictl cp HELP lists all CP commands"};
}

}  // namespace

Attempt attempt(const Row& row, const std::vector<std::string>& typed) {
    Attempt result{.row = row};
    for (const auto& element : parse_shape(row.shape)) {
        const bool is_keyword = element.kind == Element::Kind::kKeyword;
        const bool is_there =
            result.understood < typed.size() && (!is_keyword || element.is_meant_by(typed[result.understood]));
        if (!is_there && element.optional) continue;
        if (!is_there) {
            result.wanted = element;
            return result;
        }
        const auto& word = typed[result.understood++];
        if (is_keyword)
            ++result.keywords;
        else
            result.operands.emplace_back(element.kind, element.text, word);
    }
    return result;
}

bool fits(const Attempt& attempt, const std::vector<std::string>& typed) {
    return !attempt.wanted && attempt.understood == typed.size();
}

Error refusal(std::vector<Attempt> attempts, const std::vector<std::string>& typed) {
    const auto farthest = std::ranges::max(attempts | std::views::transform(&Attempt::understood));
    std::erase_if(attempts, [&](const Attempt& one) { return one.understood < farthest; });
    std::string before;
    for (const auto& word : typed | std::views::take(farthest)) before += (before.empty() ? "" : " ") + word;
    if (farthest == typed.size())
        return usage(std::format("{} ends too early: {} is missing", before, wanted_by(attempts)), before,
                     shapes_of(attempts));

    const auto& word = typed[farthest];
    auto nearly_meant = attempts;
    std::erase_if(nearly_meant, [&](const Attempt& one) { return !one.wanted || !one.wanted->is_cut_short_in(word); });
    if (!nearly_meant.empty())
        return usage(std::format("{} is too short for {}", word, wanted_by(nearly_meant)), word,
                     shapes_of(nearly_meant));
    if (farthest == 0) return usage(std::format("there is no CP command {}", word), word, wanted_by(attempts));
    return usage(std::format("{} makes no sense after {}", word, before), word, shapes_of(attempts));
}

}  // namespace ssi::ctl::cp
