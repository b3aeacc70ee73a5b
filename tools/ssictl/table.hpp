#pragma once
/// Columns of text for a terminal.

#include <string>
#include <string_view>
#include <vector>

namespace ssi::ctl {

/// A column is as wide as its widest cell. Control characters, which could play tricks on the terminal, become "?".
class Table {
  public:
    enum class Align { kLeft, kRight };
    struct Column {
        std::string heading;
        Align align = Align::kLeft;
    };

    explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
    /// Missing cells are empty; those beyond the last column are left out.
    void add(std::vector<std::string> cells);
    [[nodiscard]] bool empty() const { return rows_.empty(); }
    /// Heading and rows, one line each, without blanks at their ends.
    [[nodiscard]] std::string text() const;

  private:
    std::vector<Column> columns_;
    std::vector<std::vector<std::string>> rows_;
};

/// One line of it: control characters become "?".
[[nodiscard]] std::string printable(std::string_view text);

}  // namespace ssi::ctl
