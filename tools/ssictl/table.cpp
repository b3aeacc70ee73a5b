#include "tools/ssictl/table.hpp"

#include <algorithm>

namespace ssi::ctl {
namespace {

/// Characters of UTF-8 text: bytes that do not continue another.
std::size_t width(std::string_view text) {
    return static_cast<std::size_t>(
        std::ranges::count_if(text, [](char byte) { return (static_cast<unsigned char>(byte) & 0xC0) != 0x80; }));
}

}  // namespace

std::string printable(std::string_view text) {
    std::string result(text);
    std::ranges::replace_if(
        result, [](char byte) { return static_cast<unsigned char>(byte) < 0x20 || byte == 0x7F; }, '?');
    return result;
}

void Table::add(std::vector<std::string> cells) {
    cells.resize(columns_.size());
    for (auto& cell : cells) cell = printable(cell);
    rows_.push_back(std::move(cells));
}

std::string Table::text() const {
    std::vector<std::vector<std::string>> lines(1);
    for (const auto& column : columns_) lines.front().push_back(column.heading);
    lines.insert(lines.end(), rows_.begin(), rows_.end());

    std::vector<std::size_t> widths(columns_.size());
    for (const auto& line : lines)
        for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], width(line[i]));

    std::string result;
    for (const auto& line : lines) {
        std::string row;
        for (std::size_t i = 0; i < line.size(); ++i) {
            const std::string filler(widths[i] - width(line[i]), ' ');
            if (i > 0) row += "  ";
            row += columns_[i].align == Align::kRight ? filler + line[i] : line[i] + filler;
        }
        row.erase(row.find_last_not_of(' ') + 1);
        result += row + '\n';
    }
    return result;
}

}  // namespace ssi::ctl
