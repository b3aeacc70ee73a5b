// The network half against the real kernel, in a network namespace of the test's own.
#include "daemons/isfcd/driver/point_to_point.hpp"

#include <gtest/gtest.h>
#include <sched.h>

namespace ssi::isfc {
namespace {

/// The loopback interface of a fresh namespace takes addresses with a peer, an MTU and a state like any other.
class PointToPointTest : public ::testing::Test {
  protected:
    void SetUp() override {
        if (::unshare(CLONE_NEWNET) != 0) GTEST_SKIP() << "needs root";
    }
    KernelInterfaces kernel_;
    PointToPoint wanted_{"lo", "10.1.0.1", "10.1.0.2", 1400};
};

TEST_F(PointToPointTest, interface_comes_up_with_its_address) {
    EXPECT_TRUE(kernel_.look(wanted_)->present);
    EXPECT_FALSE(kernel_.look(wanted_)->up);
    EXPECT_FALSE(kernel_.look(wanted_)->address_fits);
    EXPECT_FALSE(kernel_.look(wanted_)->mtu_fits);
    for (const auto& done :
         {kernel_.set_mtu(wanted_), kernel_.add_address(wanted_), kernel_.set_up(wanted_.interface, true)})
        ASSERT_TRUE(done) << done.error().text();
    EXPECT_TRUE(kernel_.look(wanted_)->up);
    EXPECT_TRUE(kernel_.look(wanted_)->address_fits);
    EXPECT_TRUE(kernel_.look(wanted_)->mtu_fits);
}

TEST_F(PointToPointTest, goes_down_and_gives_its_address_back) {
    ASSERT_TRUE(kernel_.add_address(wanted_));
    ASSERT_TRUE(kernel_.set_up(wanted_.interface, true));
    ASSERT_TRUE(kernel_.set_up(wanted_.interface, false));
    EXPECT_FALSE(kernel_.look(wanted_)->up);
    ASSERT_TRUE(kernel_.remove_address(wanted_));
    EXPECT_FALSE(kernel_.look(wanted_)->address_fits);
}

TEST_F(PointToPointTest, what_is_so_already_is_no_error) {
    ASSERT_TRUE(kernel_.add_address(wanted_));
    EXPECT_TRUE(kernel_.add_address(wanted_));
    ASSERT_TRUE(kernel_.remove_address(wanted_));
    EXPECT_TRUE(kernel_.remove_address(wanted_));
}

TEST_F(PointToPointTest, address_with_another_peer_does_not_fit) {
    ASSERT_TRUE(kernel_.add_address(wanted_));
    wanted_.peer = "10.1.0.3";
    EXPECT_FALSE(kernel_.look(wanted_)->address_fits);
}

TEST_F(PointToPointTest, missing_interface_is_seen_and_told) {
    wanted_.interface = "ctc9";
    EXPECT_FALSE(kernel_.look(wanted_)->present);
    const auto up = kernel_.set_up(wanted_.interface, true);
    ASSERT_FALSE(up);
    EXPECT_EQ(up.error().code, ErrorCode::kDeviceRefused);
    EXPECT_EQ(up.error().object, "ctc9");
    EXPECT_NE(up.error().remedy.find("went away"), std::string::npos) << up.error().text();
}

}  // namespace
}  // namespace ssi::isfc
