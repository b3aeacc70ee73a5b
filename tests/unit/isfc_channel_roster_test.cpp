#include <gtest/gtest.h>

#include "daemons/isfcd/channel_roster.hpp"

namespace ssi::isfc {
namespace {

using namespace std::chrono_literals;
using Names = std::vector<std::string>;

const MemberName kOwn = *MemberName::parse("MEMBER1");
const MemberName kPeer = *MemberName::parse("MEMBER2");
const ChannelRoster::Time kStart = ChannelRoster::Time{} + 1h;

ChannelConfig channel(const std::string& name, int net) {
    return {.name = name,
            .lower = {kOwn, std::format("10.0.{}.1", net), ""},
            .higher = {kPeer, std::format("10.0.{}.2", net), ""}};
}

LiveChannel live(std::uint32_t id, const ChannelConfig& config = {}, std::uint64_t identity = 1) {
    return {.id = id, .config = config, .identity = identity, .peer = {}};
}

class ChannelRosterTest : public ::testing::Test {
  protected:
    ChannelRosterTest() { roster_.set_file({channel("a", 1), channel("b", 2)}, kStart); }
    ChannelRoster roster_{kOwn, kPeer};
};

TEST_F(ChannelRosterTest, channels_of_the_file_are_active_and_down) {
    EXPECT_EQ(roster_.active(), 2U);
    EXPECT_EQ(roster_.up(), 0U);
    EXPECT_EQ(roster_.find("a")->state(), "down");
    EXPECT_EQ(roster_.find("a")->origin, ChannelOrigin::kFile);
    EXPECT_EQ(roster_.find("c"), nullptr);
}

TEST_F(ChannelRosterTest, comes_up_and_goes_down_and_counts_over_all_its_connections) {
    roster_.has_problem("a", "no route");
    roster_.came_up("a", live(1), kStart + 1s);
    EXPECT_EQ(roster_.find("a")->state(), "up");
    EXPECT_EQ(roster_.find("a")->problem, "");
    EXPECT_TRUE(roster_.went_down("a", 1, {10, 20, 1}, kStart + 2s));
    roster_.came_up("a", live(2), kStart + 3s);
    EXPECT_TRUE(roster_.went_down("a", 2, {1, 2, 3}, kStart + 4s));
    EXPECT_EQ(roster_.find("a")->sent_bytes, 11U);
    EXPECT_EQ(roster_.find("a")->received_bytes, 22U);
    EXPECT_EQ(roster_.find("a")->resent_bytes, 4U);
    EXPECT_EQ(roster_.find("a")->times_up, 2U);
    EXPECT_EQ(roster_.find("a")->since, kStart + 4s);
}

TEST_F(ChannelRosterTest, connection_that_was_made_anew_leaves_the_channel_up) {
    roster_.came_up("a", live(1), kStart);
    roster_.came_up("a", live(2), kStart + 5s);
    EXPECT_FALSE(roster_.went_down("a", 1, {10, 20, 1}, kStart + 5s));
    EXPECT_EQ(roster_.find("a")->state(), "up");
    EXPECT_EQ(roster_.find("a")->since, kStart) << "it was up all the time";
    EXPECT_EQ(roster_.find("a")->sent_bytes, 10U);
}

TEST_F(ChannelRosterTest, problem_is_news_once) {
    EXPECT_TRUE(roster_.has_problem("a", "no route"));
    EXPECT_FALSE(roster_.has_problem("a", "no route"));
    EXPECT_TRUE(roster_.has_problem("a", "refused"));
    EXPECT_FALSE(roster_.has_problem("unknown", "refused"));
}

TEST_F(ChannelRosterTest, last_channel_that_works_is_deactivated_by_force_alone) {
    roster_.came_up("a", live(1), kStart);
    EXPECT_EQ(roster_.deactivate("a", false, kStart).error().code, ErrorCode::kLastChannel);
    roster_.came_up("b", live(2), kStart);
    EXPECT_TRUE(roster_.deactivate("a", false, kStart).value());
    roster_.went_down("a", 1, {}, kStart);
    EXPECT_EQ(roster_.find("a")->state(), "deactivated");
    EXPECT_EQ(roster_.deactivate("b", false, kStart).error().code, ErrorCode::kLastChannel);
    EXPECT_TRUE(roster_.deactivate("b", true, kStart).value());
}

TEST_F(ChannelRosterTest, channel_that_is_down_is_deactivated_without_force) {
    EXPECT_TRUE(roster_.deactivate("a", false, kStart).value());
    EXPECT_FALSE(roster_.deactivate("a", false, kStart).value()) << "it is already";
    EXPECT_TRUE(roster_.activate("a", kStart).value());
    EXPECT_FALSE(roster_.activate("a", kStart).value());
}

TEST_F(ChannelRosterTest, unknown_channels_are_refused) {
    EXPECT_EQ(roster_.deactivate("c", true, kStart).error().code, ErrorCode::kChannelUnknown);
    EXPECT_EQ(roster_.activate("c", kStart).error().code, ErrorCode::kChannelUnknown);
}

TEST_F(ChannelRosterTest, name_that_is_taken_is_not_added) {
    EXPECT_EQ(roster_.add(channel("a", 9), kStart).error().code, ErrorCode::kChannelExists);
    ASSERT_TRUE(roster_.add(channel("c", 3), kStart));
    EXPECT_EQ(roster_.find("c")->origin, ChannelOrigin::kRunTime);
    EXPECT_EQ(roster_.add(channel("c", 4), kStart).error().code, ErrorCode::kChannelExists);
}

TEST_F(ChannelRosterTest, new_file_says_what_to_do_and_touches_nothing_else) {
    roster_.came_up("a", live(1), kStart);
    const auto file = std::vector{channel("a", 1), channel("b", 7), channel("c", 3)};
    const auto changes = roster_.compare(file);
    EXPECT_EQ(changes.added, Names{"c"});
    EXPECT_EQ(changes.changed, Names{"b"});
    EXPECT_EQ(changes.removed, Names{});
    roster_.set_file(file, kStart + 1s);
    EXPECT_TRUE(roster_.compare(file).empty());
    EXPECT_EQ(roster_.find("a")->state(), "up");
    EXPECT_EQ(roster_.find("b")->config.higher.address, "10.0.7.2");
    EXPECT_EQ(roster_.compare({channel("a", 1)}).removed, (Names{"b", "c"}));
}

TEST_F(ChannelRosterTest, deactivated_stays_so_over_a_new_file) {
    ASSERT_TRUE(roster_.deactivate("a", false, kStart));
    roster_.set_file({channel("a", 1)}, kStart);
    EXPECT_EQ(roster_.find("a")->state(), "deactivated");
}

TEST_F(ChannelRosterTest, channel_added_at_run_time_stays_until_the_file_names_it) {
    ASSERT_TRUE(roster_.add(channel("c", 3), kStart));
    EXPECT_TRUE(roster_.compare({channel("a", 1), channel("b", 2)}).empty());
    roster_.set_file({channel("a", 1), channel("b", 2)}, kStart);
    ASSERT_NE(roster_.find("c"), nullptr);
    const auto file = std::vector{channel("a", 1), channel("b", 2), channel("c", 3)};
    EXPECT_TRUE(roster_.compare(file).empty()) << "it goes on as it is";
    roster_.set_file(file, kStart);
    EXPECT_EQ(roster_.find("c")->origin, ChannelOrigin::kFile);
    EXPECT_EQ(roster_.compare({channel("a", 1), channel("b", 2)}).removed, Names{"c"});
}

TEST_F(ChannelRosterTest, channels_made_with_old_certificates_are_made_anew_one_while_another_is_up) {
    roster_.came_up("a", live(1, channel("a", 1)), kStart);
    EXPECT_EQ(roster_.next_to_renew(1), std::nullopt);
    EXPECT_EQ(roster_.next_to_renew(2), std::nullopt) << "b is not up, and nothing else would carry the streams";
    roster_.came_up("b", live(2, channel("b", 2)), kStart);
    EXPECT_EQ(roster_.next_to_renew(2), "a");
    roster_.went_down("a", 1, {}, kStart);
    EXPECT_EQ(roster_.next_to_renew(2), std::nullopt);
    roster_.came_up("a", live(3, channel("a", 1), 2), kStart);
    EXPECT_EQ(roster_.next_to_renew(2), "b");
    roster_.came_up("b", live(4, channel("b", 2), 2), kStart);
    EXPECT_EQ(roster_.next_to_renew(2), std::nullopt);
}

TEST_F(ChannelRosterTest, only_channel_is_made_anew_without_another) {
    ASSERT_TRUE(roster_.deactivate("b", false, kStart));
    roster_.came_up("a", live(1, channel("a", 1)), kStart);
    EXPECT_EQ(roster_.next_to_renew(2), "a");
}

TEST_F(ChannelRosterTest, channel_in_the_clear_does_not_care_for_certificates) {
    auto clear = channel("a", 1);
    clear.encryption = Encryption::kNone;
    roster_.set_file({clear}, kStart);
    roster_.came_up("a", live(1, clear), kStart);
    EXPECT_EQ(roster_.next_to_renew(2), std::nullopt);
}

TEST_F(ChannelRosterTest, changed_channel_is_made_anew_by_the_end_that_connects) {
    auto moved = channel("a", 7);
    roster_.set_file({moved}, kStart);
    roster_.came_up("a", live(1, channel("a", 1)), kStart);
    EXPECT_EQ(roster_.next_to_renew(1), "a");
    ChannelRoster listens(kPeer, kOwn);
    listens.set_file({moved}, kStart);
    listens.came_up("a", live(1, channel("a", 1)), kStart);
    EXPECT_EQ(listens.next_to_renew(1), std::nullopt) << "the other end brings it";
    moved.encryption = Encryption::kNone;
    listens.set_file({moved}, kStart);
    EXPECT_EQ(listens.next_to_renew(1), "a") << "what the administrator does not want any more";
}

TEST(ListeningEnds, of_two_channels_must_differ) {
    auto one = channel("a", 1);
    auto other = channel("b", 1);
    EXPECT_EQ(check_listening_ends({one, other}).error().code, ErrorCode::kChannelExists);
    other.port = 7701;
    EXPECT_TRUE(check_listening_ends({one, other}));
}

}  // namespace
}  // namespace ssi::isfc
