// The whole driver over a played kernel: steps, refusals, devices that come and go, and what is undone.
#include "daemons/isfcd/driver/ctc_driver.hpp"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <utility>

#include "tests/unit/coroutines.hpp"
#include "tests/unit/ctc_kernel.hpp"

namespace ssi::isfc {
namespace {

using namespace std::chrono_literals;

class CtcDriverTest : public ::testing::Test {
  protected:
    ~CtcDriverTest() override {
        end();
        io_.run_for(5s);
    }

    ChannelConfig channel() {
        ChannelConfig channel;
        channel.name = "0";
        channel.lower = {*MemberName::parse("MEMBER1"), "10.1.0.1", "", {"0.0.0600", "0.0.0601"}};
        channel.higher = {*MemberName::parse("MEMBER2"), "10.1.0.2", "", {"0.0.0700", "0.0.0701"}};
        channel.driver = ChannelDriver::kCtc;
        return channel;
    }
    /// A thousand times as fast as the real one.
    std::shared_ptr<CtcDriver> make() {
        CtcTimes times;
        for (auto* time : {&times.look, &times.retry_least, &times.retry_most, &times.follow, &times.patience_first,
                           &times.patience_second, &times.rest_first, &times.rest_second})
            *time = std::max(*time / 1000, 1ms);
        return std::make_shared<CtcDriver>(io_.get_executor(), channel(), *MemberName::parse("MEMBER1"),
                                           CtcWorld{kernel_, interfaces_, directory_.path() / "records", times},
                                           [this] { return carries_; });
    }
    void start() {
        end();
        driver_ = make();
        driver_->start();
    }
    void end() {
        if (driver_) std::exchange(driver_, nullptr)->stop();
    }
    std::string state() { return driver_->query().at("device_state").as_string().c_str(); }
    std::string problem() { return driver_->problem(); }
    bool reaches(const std::string& wanted) {
        return ssi::test::run_until(io_, [&] { return state() == wanted; });
    }

    boost::asio::io_context io_;
    ssi::test::TemporaryDirectory directory_;
    std::shared_ptr<ssi::test::CtcKernel> kernel_ = std::make_shared<ssi::test::CtcKernel>(directory_.path() / "tree");
    std::shared_ptr<ssi::test::CtcInterfaces> interfaces_ = std::make_shared<ssi::test::CtcInterfaces>(kernel_);
    std::shared_ptr<CtcDriver> driver_;
    bool carries_ = false;
};

TEST_F(CtcDriverTest, makes_the_interface_and_says_when_it_is_there) {
    start();
    EXPECT_EQ(ssi::test::run(io_, driver_->wait_for_interface()), "ctc0");
    EXPECT_TRUE(interfaces_->has_address());
    EXPECT_EQ(state(), "up");
    carries_ = true;
    EXPECT_TRUE(reaches("carries"));
}

TEST_F(CtcDriverTest, tries_anew_until_the_handshake_passes) {
    start();
    ASSERT_TRUE(ssi::test::run_until(io_, [&] { return interfaces_->times_up() == 4; }));
    carries_ = true;
    ASSERT_TRUE(reaches("carries"));
    const int times = interfaces_->times_up();
    io_.run_for(100ms);
    EXPECT_EQ(interfaces_->times_up(), times);
}

TEST_F(CtcDriverTest, refusal_is_shown_until_it_is_over) {
    kernel_->refuse("online", {EIO, EIO, EIO});
    start();
    ASSERT_TRUE(ssi::test::run_until(io_, [&] { return problem().contains("the other side does not answer"); }));
    EXPECT_TRUE(reaches("up"));
    EXPECT_EQ(problem(), "");
}

TEST_F(CtcDriverTest, waits_for_the_module) {
    kernel_->remove("sys/bus/ccwgroup/drivers/ctcm");
    start();
    ASSERT_TRUE(ssi::test::run_until(io_, [&] { return problem().contains("modprobe ctcm"); }));
    EXPECT_EQ(state(), "missing");
    kernel_->set("sys/bus/ccwgroup/drivers/ctcm/group", "");
    EXPECT_TRUE(reaches("up"));
}

TEST_F(CtcDriverTest, survives_the_device_going_away_and_coming_back) {
    start();
    ASSERT_TRUE(reaches("up"));
    carries_ = true;
    ASSERT_TRUE(reaches("carries"));
    kernel_->detach("0.0.0600");
    carries_ = false;
    ASSERT_TRUE(reaches("missing"));
    kernel_->attach("0.0.0600");
    EXPECT_TRUE(reaches("up"));
}

TEST_F(CtcDriverTest, sets_a_device_online_again_that_somebody_set_offline) {
    start();
    ASSERT_TRUE(reaches("up"));
    ASSERT_EQ(kernel_->write("sys/bus/ccwgroup/devices/0.0.0600/online", "0"), 0);
    ASSERT_TRUE(ssi::test::run_until(io_, [&] { return std::ranges::count(kernel_->written(), "online=1") == 2; }));
    EXPECT_TRUE(reaches("up"));
}

TEST_F(CtcDriverTest, stop_leaves_the_device_and_a_restart_finds_it) {
    start();
    ASSERT_TRUE(reaches("up"));
    carries_ = true;
    end();
    io_.run_for(100ms);
    const auto written = kernel_->written();
    start();
    ASSERT_TRUE(reaches("carries"));
    EXPECT_EQ(kernel_->written(), written);
}

TEST_F(CtcDriverTest, retiring_undoes_everything_in_reverse_also_after_a_restart) {
    start();
    ASSERT_TRUE(reaches("up"));
    end();
    start();
    driver_->retire();
    ASSERT_TRUE(ssi::test::run_until(io_, [&] { return std::filesystem::is_empty(directory_.path() / "records"); }));
    EXPECT_EQ(kernel_->written().back(), "ungroup=1");
    EXPECT_FALSE(interfaces_->has_address());
    EXPECT_FALSE(interfaces_->is_up());
    EXPECT_FALSE(kernel_->exists("sys/bus/ccwgroup/devices/0.0.0600"));
}

TEST_F(CtcDriverTest, successor_on_the_same_device_waits_until_all_is_undone) {
    start();
    ASSERT_TRUE(reaches("up"));
    const auto old = driver_;
    old->retire();
    driver_ = make();
    driver_->start(old);
    ASSERT_TRUE(reaches("up"));
    EXPECT_EQ(std::ranges::count(kernel_->written(), "ungroup=1"), 1);
    EXPECT_EQ(std::ranges::count(kernel_->written(), "online=1"), 2);
    driver_->retire();
    EXPECT_TRUE(ssi::test::run_until(io_, [&] { return std::filesystem::is_empty(directory_.path() / "records"); }));
}

TEST_F(CtcDriverTest, retiring_leaves_what_was_there_before) {
    ASSERT_EQ(kernel_->write("sys/bus/ccwgroup/drivers/ctcm/group", "0.0.0600,0.0.0601"), 0);
    ASSERT_EQ(kernel_->write("sys/bus/ccwgroup/devices/0.0.0600/online", "1"), 0);
    start();
    ASSERT_TRUE(reaches("up"));
    driver_->retire();
    ASSERT_TRUE(ssi::test::run_until(io_, [&] { return !interfaces_->has_address(); }));
    driver_.reset();
    io_.run_for(100ms);
    EXPECT_EQ(kernel_->read("sys/bus/ccwgroup/devices/0.0.0600/online"), "1");
}

TEST_F(CtcDriverTest, who_waits_for_the_interface_is_let_go_at_the_stop) {
    kernel_->detach("0.0.0600");
    start();
    ASSERT_TRUE(ssi::test::run_until(io_, [&] { return !problem().empty(); }));
    driver_->stop();
    EXPECT_EQ(ssi::test::run(io_, driver_->wait_for_interface()), "");
}

}  // namespace
}  // namespace ssi::isfc
