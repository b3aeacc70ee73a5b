// A member switched off without a majority: by the first agent that can, and never when it shows signs of life (SAFETY
// 14).
#include "daemons/ssid/fencing/switch_off.hpp"

#include <gtest/gtest.h>

#include <string>

#include "tests/unit/coroutines.hpp"

namespace ssi::cluster {
namespace {

/// Notes that it was asked; runs `meanwhile` before it answers.
class Agent final : public FenceAgent {
  public:
    Agent(
        std::string name, bool works, std::string& asked, std::function<void()> meanwhile = [] {})
        : name_(std::move(name)), works_(works), asked_(asked), meanwhile_(std::move(meanwhile)) {}
    [[nodiscard]] const std::string& name() const override { return name_; }
    boost::asio::awaitable<Result<void>> off(MemberName member) override {
        asked_ += name_;
        meanwhile_();
        if (!works_) co_return failure(ErrorCode::kFenceFailed, "no answer", member.str());
        co_return Result<void>{};
    }

  private:
    std::string name_;
    bool works_;
    std::string& asked_;
    std::function<void()> meanwhile_;
};

class SwitchOffTest : public ::testing::Test {
  protected:
    void add(std::unique_ptr<FenceAgent> agent) { steps.emplace_back(std::move(agent)); }
    Result<void> try_it() {
        return test::run(io, switch_off(steps, *MemberName::parse("MEMBER1"), [this] { return is_silent; }));
    }

    boost::asio::io_context io;
    std::vector<FenceStep> steps;
    std::string asked;
    bool is_silent = true;
};

TEST_F(SwitchOffTest, ends_with_the_first_agent_that_confirms_and_passes_over_what_is_no_agent) {
    steps.emplace_back(ProofByTime{});
    add(std::make_unique<Agent>("a", false, asked));
    add(std::make_unique<Agent>("b", true, asked));
    add(std::make_unique<Agent>("c", true, asked));
    EXPECT_TRUE(try_it());
    EXPECT_EQ(asked, "ab");
}

TEST_F(SwitchOffTest, fires_at_nobody_who_came_back_while_an_agent_failed) {
    add(std::make_unique<Agent>("a", false, asked, [this] { is_silent = false; }));
    add(std::make_unique<Agent>("b", true, asked));
    const auto done = try_it();
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, ErrorCode::kMemberAlive);
    EXPECT_EQ(asked, "a");
}

TEST_F(SwitchOffTest, without_an_agent_says_so) {
    steps.emplace_back(ProofByTime{});
    const auto done = try_it();
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, ErrorCode::kFenceFailed);
    EXPECT_NE(done.error().what.find("no fence agent"), std::string::npos);
}

}  // namespace
}  // namespace ssi::cluster
