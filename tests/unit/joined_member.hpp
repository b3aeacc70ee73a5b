#pragma once
/// A fixture: one member, Joined, alone, with an engine in memory and a guard that has nothing to do.

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <exception>
#include <optional>
#include <utility>
#include <vector>

#include "daemons/ssid/gate/guard_link.hpp"
#include "daemons/ssid/membership/membership.hpp"
#include "tests/unit/coroutines.hpp"
#include "tests/unit/memory_engine.hpp"
#include "tests/unit/state_builder.hpp"

namespace ssi::cluster {

class QuietGuard final : public GuardLink {
  public:
    boost::asio::awaitable<Result<std::vector<Right>>> rights() override { co_return std::vector<Right>(); }
    boost::asio::awaitable<Result<void>> grant(GuestName, GuestUuid, RunId, RightKind,
                                               std::chrono::milliseconds) override {
        co_return Result<void>{};
    }
    boost::asio::awaitable<Result<void>> hand_over(GuestName, RunId) override { co_return Result<void>{}; }
    boost::asio::awaitable<Result<void>> keep(GuestName, RunId) override { co_return Result<void>{}; }
    boost::asio::awaitable<Result<CancelOutcome>> cancel(GuestName, RunId) override { co_return CancelOutcome{}; }
    boost::asio::awaitable<Result<void>> revoke(GuestName, RunId, bool) override { co_return Result<void>{}; }
    boost::asio::awaitable<Result<void>> expel() override { co_return Result<void>{}; }
    boost::asio::awaitable<Result<void>> renew(BootTime) override { co_return Result<void>{}; }
    boost::asio::awaitable<Result<void>> describe(SlotFacts) override { co_return Result<void>{}; }
};

class FreshBoot final : public BootRecord {
  public:
    Result<std::optional<Incarnation>> load() override { return std::nullopt; }
    Result<void> store(Incarnation) override { return {}; }
    Result<void> clear() override { return {}; }
};

class JoinedMember : public ::testing::Test {
  protected:
    void SetUp() override {
        ASSERT_TRUE(test::run(io_, view_.refresh()));
        spawn(membership_.run());
        ASSERT_TRUE(test::run_until(io_, [this] { return membership_.life() && membership_.has_majority(); }));
    }
    void spawn(boost::asio::awaitable<void> work) {
        boost::asio::co_spawn(io_, std::move(work), [](std::exception_ptr) {});
    }

    boost::asio::io_context io_;
    BootClock clock_{io_.get_executor()};
    test::MemoryEngine engine_;
    ClusterView view_{engine_, clock_, io_.get_executor()};
    QuietGuard guard_;
    FreshBoot boot_;
    Membership membership_{member("MEMBER1"), TimingConfig{}, view_, guard_, boot_, clock_};
};

}  // namespace ssi::cluster
