#pragma once
/// How much a peer may send before the local programs have read it: one budget for all streams of a link. Pure.

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace ssi::isfc {

/// Windows begin small, grow while a stream is held up by its own, and shrink when the budget is short. Their sum stays
/// within the budget, but that no stream gets less than kLeast.
class WindowBudget {
  public:
    explicit WindowBudget(std::size_t memory) : memory_(memory) {}

    /// The window of a new stream. Its two ends are told it, so it never shrinks below kLeast.
    [[nodiscard]] std::uint32_t open() {
        const auto window = std::clamp<std::size_t>(room() / 16, kLeast, kFirst);
        given_ += window;
        return static_cast<std::uint32_t>(window);
    }
    void close(std::uint32_t window) { given_ -= window; }
    /// Twice as much, if there is as much.
    [[nodiscard]] std::uint32_t grow(std::uint32_t window) {
        if (window > room() || window > memory_ / 8) return window;
        given_ += window;
        return window * 2;
    }
    /// Half as much, if the budget is short and the stream has more than others begin with.
    [[nodiscard]] std::uint32_t shrink(std::uint32_t window) {
        if (given_ <= memory_ - memory_ / 8 || window <= kFirst) return window;
        given_ -= window - window / 2;
        return window / 2;
    }

    static constexpr std::size_t kLeast = 4 * 1024;
    static constexpr std::size_t kFirst = 256 * 1024;

  private:
    [[nodiscard]] std::size_t room() const { return given_ < memory_ ? memory_ - given_ : 0; }

    std::size_t memory_;
    std::size_t given_ = 0;
};

}  // namespace ssi::isfc
