#include "lib/common/metrics_text.hpp"

#include <cmath>
#include <format>

namespace ssi {
namespace {

/// In a help text a backslash and a line break are escaped, in a label's value the quote too.
std::string escaped(std::string_view text, bool quote) {
    std::string result;
    for (const char character : text) {
        if (character == '\n') {
            result += "\\n";
            continue;
        }
        if (character == '\\' || (quote && character == '"')) result += '\\';
        result += character;
    }
    return result;
}

std::string number(double value) {
    if (std::isnan(value)) return "NaN";
    if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
    return std::format("{}", value);
}

std::string number(std::uint64_t value) {
    return std::to_string(value);
}

}  // namespace

MetricsText::Family& MetricsText::family(std::string_view name, std::string_view type, std::string_view help) {
    auto& family = families_.emplace_back();
    family.name_ = name;
    family.head_ = std::format("# HELP {0} {1}\n# TYPE {0} {2}\n", name, escaped(help, false), type);
    return family;
}

void MetricsText::Family::add(Labels labels, Value value) {
    samples_ += name_;
    char separator = '{';
    for (const auto& [label, text] : labels) {
        samples_ += std::format("{}{}=\"{}\"", separator, label, escaped(text, true));
        separator = ',';
    }
    if (separator == ',') samples_ += '}';
    samples_ += std::format(" {}\n", std::visit([](auto one) { return number(one); }, value));
}

std::string MetricsText::text() const {
    std::string result;
    for (const auto& family : families_)
        if (!family.samples_.empty()) result += family.head_ + family.samples_;
    return result;
}

}  // namespace ssi
