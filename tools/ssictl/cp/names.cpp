#include "tools/ssictl/cp/names.hpp"

#include <algorithm>
#include <format>
#include <iterator>

namespace ssi::ctl::cp {
namespace {

bool is_name(const Operand& operand) {
    return operand.kind == Element::Kind::kGuest || operand.kind == Element::Kind::kMember;
}

Result<std::string> find(const Operand& operand, const std::vector<std::string>& known) {
    if (std::ranges::contains(known, operand.value)) return operand.value;
    std::vector<std::string> meant;
    std::ranges::copy_if(known, std::back_inserter(meant),
                         [&](const std::string& name) { return capitals(name) == capitals(operand.value); });
    if (meant.empty()) return operand.value;
    if (meant.size() == 1) return meant.front();
    std::string list;
    for (const auto& name : meant) list += (list.empty() ? "" : ", ") + name;
    return failure(ErrorCode::kUsage, std::format("{} can be any of {}", operand.value, list), operand.value,
                   "type it as it is written");
}

}  // namespace

bool has_names(const Reading& reading) {
    return std::ranges::any_of(reading.operands, is_name);
}

Result<Reading> with_names_found(Reading reading, const KnownNames& known) {
    for (auto& operand : reading.operands) {
        if (!is_name(operand)) continue;
        auto found = find(operand, known(operand.kind));
        if (!found) return std::unexpected(found.error());
        operand.value = *std::move(found);
    }
    return reading;
}

}  // namespace ssi::ctl::cp
