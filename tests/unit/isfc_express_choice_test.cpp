#include <gtest/gtest.h>

#include <vector>

#include "daemons/isfcd/link/express_choice.hpp"

namespace ssi::isfc {
namespace {

using namespace std::chrono_literals;
using Candidates = std::vector<ExpressChoice::Candidate>;

const Time kBegin{1h};

TEST(ExpressChoice, channel_with_the_shortest_way_is_chosen) {
    ExpressChoice choice;
    EXPECT_EQ(choice.choose(Candidates{{1, 900us}, {2, 200us}, {3, 400us}}, kBegin), 2U);
    EXPECT_EQ(choice.choose(Candidates{}, kBegin), 0U);
}

TEST(ExpressChoice, another_one_takes_its_place_when_its_way_is_half_as_long) {
    ExpressChoice choice;
    EXPECT_EQ(choice.choose(Candidates{{1, 400us}, {2, 250us}}, kBegin), 1U);
    EXPECT_EQ(choice.choose(Candidates{{1, 400us}, {2, 199us}}, kBegin), 2U);
}

TEST(ExpressChoice, quickest_channel_that_falls_behind_is_left_until_it_was_not_late_for_a_while) {
    ExpressChoice choice;
    EXPECT_EQ(choice.choose(Candidates{{1, 100us}, {2, 300us}}, kBegin), 1U);
    EXPECT_EQ(choice.choose(Candidates{{1, 100us, true}, {2, 300us}}, kBegin), 2U);
    EXPECT_EQ(choice.choose(Candidates{{1, 100us}, {2, 300us}}, kBegin + ExpressChoice::kDistrust - 1ms), 2U);
    EXPECT_EQ(choice.choose(Candidates{{1, 100us}, {2, 300us}}, kBegin + ExpressChoice::kDistrust), 1U);
}

TEST(ExpressChoice, channel_as_quick_as_the_one_that_was_left_stays_chosen) {
    ExpressChoice choice;
    (void)choice.choose(Candidates{{1, 200us, true}, {2, 300us}}, kBegin);
    EXPECT_EQ(choice.choose(Candidates{{1, 200us}, {2, 300us}}, kBegin + 1h), 2U);
}

TEST(ExpressChoice, when_all_fall_behind_the_shortest_way_counts_again) {
    ExpressChoice choice;
    EXPECT_EQ(choice.choose(Candidates{{1, 900us, true}, {2, 200us, true}}, kBegin), 2U);
}

}  // namespace
}  // namespace ssi::isfc
