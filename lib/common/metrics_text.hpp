#pragma once
/// Numbers in the text format that Prometheus reads (exposition format 0.0.4). Pure.

#include <cstdint>
#include <initializer_list>
#include <list>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace ssi {

/// One answer to one scrape: families in the order in which they were begun, each with its samples together, as the
/// format wants it. Not for several threads.
class MetricsText {
  public:
    using Value = std::variant<std::uint64_t, double>;
    using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

    /// All samples of one name.
    class Family {
      public:
        /// Names of labels: letters, digits and "_". Their values may be any UTF-8. No two samples of a family may have
        /// the same labels.
        void add(Labels labels, Value value);

      private:
        friend class MetricsText;
        std::string name_;
        std::string head_;
        std::string samples_;
    };

    /// Begins a family. `name`: letters, digits, "_" and ":"; that of a counter ends in _total. Valid as long as this.
    Family& counter(std::string_view name, std::string_view help) { return family(name, "counter", help); }
    Family& gauge(std::string_view name, std::string_view help) { return family(name, "gauge", help); }
    /// Families without a sample are left out.
    [[nodiscard]] std::string text() const;

  private:
    Family& family(std::string_view name, std::string_view type, std::string_view help);
    std::list<Family> families_;
};

}  // namespace ssi
