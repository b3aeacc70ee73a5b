#pragma once
/// A clock that stands until the test moves it.

#include "lib/common/clock.hpp"

namespace ssi::test {

/// Whoever sleeps has slept at once.
class SetClock final : public Clock {
  public:
    [[nodiscard]] BootTime now() const override { return now_; }
    boost::asio::awaitable<void> sleep(std::chrono::milliseconds duration) override {
        pass(duration);
        co_return;
    }
    void pass(std::chrono::milliseconds time) { now_ += time; }

  private:
    BootTime now_{std::chrono::seconds(1000)};
};

}  // namespace ssi::test
