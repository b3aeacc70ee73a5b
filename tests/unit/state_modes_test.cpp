/// What is allowed when: docs/modes.md, the table in the code, and the rules agree.

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <regex>
#include <vector>

#include "daemons/ssid/membership/transition_watch.hpp"
#include "daemons/ssid/state/mode_table.hpp"
#include "daemons/ssid/state/record_keys.hpp"
#include "tests/unit/state_builder.hpp"

namespace ssi::cluster {
namespace {

using namespace std::chrono_literals;

struct Line {
    std::string words;
    std::vector<std::string> rules;
};

/// The rows of the table in docs/modes.md whose heading has the three modes.
std::vector<Line> documented_table() {
    std::ifstream stream(SSI_SOURCE_DIR "/docs/modes.md");
    std::vector<Line> lines;
    bool inside = false;
    for (std::string line; std::getline(stream, line);) {
        if (line.starts_with("| request | Stable | Influx | Safe |")) inside = true;
        if (!inside || line.starts_with("|---") || line.starts_with("| request")) continue;
        const std::regex row(R"(\| (.+?) \| (.+?) \| (.+?) \| (.+?) \|)");
        std::smatch cells;
        if (!std::regex_match(line, cells, row)) break;
        lines.push_back({cells[1], {cells[2], cells[3], cells[4]}});
    }
    return lines;
}

TEST(ModeTable, is_the_one_in_the_documentation) {
    const auto lines = documented_table();
    ASSERT_EQ(lines.size(), kModeTable.size());
    for (std::size_t i = 0; i < lines.size(); ++i) {
        const auto& row = kModeTable.at(i);
        EXPECT_EQ(lines[i].words, row.words);
        EXPECT_EQ(lines[i].rules.at(0), text_of(row.stable)) << row.words;
        EXPECT_EQ(lines[i].rules.at(1), text_of(row.influx)) << row.words;
        EXPECT_EQ(lines[i].rules.at(2), text_of(row.safe)) << row.words;
    }
}

TEST(ModeTable, is_walked) {
    for (const auto& row : kModeTable) {
        for (const auto mode : {ClusterMode::kStable, ClusterMode::kInflux, ClusterMode::kSafe}) {
            for (const bool is_reachable : {true, false}) {
                const auto gate = judge(row.request, mode, is_reachable);
                const auto place = std::string(row.words) + " in " + std::string(text_of(mode));
                switch (rule_of(row.request, mode)) {
                    case Rule::kGoesOn:
                    case Rule::kAtOnce:
                        EXPECT_EQ(gate, Gate::kOpen) << place;
                        break;
                    case Rule::kWaits:
                        EXPECT_EQ(mode, ClusterMode::kInflux) << place << ": nothing waits for what may last";
                        EXPECT_EQ(gate, Gate::kWait) << place;
                        break;
                    case Rule::kUnlessUnreachable:
                        EXPECT_EQ(gate, is_reachable ? Gate::kOpen : Gate::kRefuse) << place;
                        break;
                }
            }
        }
    }
    for (const auto mode : {ClusterMode::kStable, ClusterMode::kInflux, ClusterMode::kSafe}) {
        EXPECT_EQ(judge(Request::kRun, mode, false), Gate::kOpen) << "running guests are never touched (R5)";
        EXPECT_NE(judge(Request::kDoorStart, mode, true), Gate::kWait) << "libvirt holds the guest's lock (SAFETY 21)";
    }
}

/// Two members as MEMBER1 sees them.
class Modes : public testing::Test {
  protected:
    Modes() { at_.joined("MEMBER1").joined("MEMBER2"); }
    [[nodiscard]] MemberState seen(const std::string& name) const {
        return state_seen(at_.state(), member(name), sight_);
    }
    [[nodiscard]] ClusterMode mode() const { return mode_seen(at_.state(), sight_); }
    StateBuilder at_;
    Sight sight_{member("MEMBER1"), true, {}, {}};
};

TEST_F(Modes, all_joined_or_down_or_isolated_is_stable) {
    EXPECT_EQ(mode(), ClusterMode::kStable);
    at_.down("MEMBER2");
    EXPECT_EQ(mode(), ClusterMode::kStable);
    at_.commit(decide_isolated(at_.state(), member("MEMBER2"), "other configuration"));
    EXPECT_EQ(seen("MEMBER2"), MemberState::kIsolated);
    EXPECT_EQ(mode(), ClusterMode::kStable);
    EXPECT_EQ(seen("MEMBER9"), MemberState::kDown);
}

TEST_F(Modes, a_member_whose_links_are_cut_is_suspended_and_the_cluster_safe) {
    sight_.unheard = {member("MEMBER2")};
    sight_.slots_moving = {member("MEMBER2")};
    EXPECT_EQ(seen("MEMBER2"), MemberState::kSuspended);
    EXPECT_EQ(mode(), ClusterMode::kSafe);
    sight_.slots_moving.clear();
    EXPECT_EQ(seen("MEMBER2"), MemberState::kUnknown);
    EXPECT_EQ(mode(), ClusterMode::kSafe);
}

TEST_F(Modes, without_a_majority_we_are_suspended_and_the_others_are_what_the_pdr_shows) {
    sight_.has_majority = false;
    sight_.slots_moving = {member("MEMBER2")};
    EXPECT_EQ(seen("MEMBER1"), MemberState::kSuspended);
    EXPECT_EQ(seen("MEMBER2"), MemberState::kSuspended);
    sight_.slots_moving.clear();
    EXPECT_EQ(seen("MEMBER2"), MemberState::kUnknown);
    EXPECT_EQ(mode(), ClusterMode::kSafe);
}

TEST_F(Modes, joins_leaves_fences_and_guests_that_wait_are_influx) {
    at_.joining("MEMBER3");
    EXPECT_EQ(seen("MEMBER3"), MemberState::kJoining);
    EXPECT_EQ(mode(), ClusterMode::kInflux);
    at_.commit(decide_joined(at_.state(), at_.life("MEMBER3")));
    EXPECT_EQ(mode(), ClusterMode::kStable);
    at_.commit(decide_leaving(at_.state(), at_.life("MEMBER3")));
    EXPECT_EQ(mode(), ClusterMode::kInflux);
    at_.commit(decide_left(at_.state(), at_.life("MEMBER3")));
    at_.running("g", "MEMBER2", "r1");
    at_.commit(decide_fence(
        at_.state(), {at_.life("MEMBER1"), member("MEMBER2"), at_.state().modified(alive_key(member("MEMBER2")))}));
    sight_.unheard = {member("MEMBER2")};
    EXPECT_EQ(mode(), ClusterMode::kInflux) << "it ends by itself, so requests wait";
    at_.commit(decide_dead(at_.state(), member("MEMBER1"), member("MEMBER2"), "x"));
    EXPECT_EQ(mode(), ClusterMode::kInflux) << "its guest waits for another member";
    at_.commit(decide_orphan(at_.state(), guest("g")));
    EXPECT_EQ(mode(), ClusterMode::kInflux);
    for (int i = 0; i < kMaxAttempts; ++i)
        at_.commit(decide_start_failed(at_.state(), guest("g"), at_.residency("g")->home, "no memory"));
    EXPECT_EQ(mode(), ClusterMode::kStable) << "what waits for an operator holds nobody up";
}

TEST_F(Modes, guests_held_by_maintenance_hold_nobody_up) {
    at_.running("g", "MEMBER2", "r1").in_maintenance("MEMBER2").down("MEMBER2");
    EXPECT_EQ(mode(), ClusterMode::kStable);
}

TEST_F(Modes, a_change_is_stalled_when_it_does_not_move_on_for_the_time) {
    TransitionWatch watch(6s);
    at_.joining("MEMBER3");
    EXPECT_EQ(watch.look(at_.state(), BootTime(10s)), std::nullopt);
    EXPECT_EQ(watch.look(at_.state(), BootTime(15s)), std::nullopt);
    EXPECT_EQ(watch.look(at_.state(), BootTime(16s)), member("MEMBER3"));
    at_.joining("MEMBER3");
    EXPECT_EQ(watch.look(at_.state(), BootTime(17s)), std::nullopt) << "it tries again";
    at_.commit(decide_joined(at_.state(), at_.life("MEMBER3")));
    EXPECT_EQ(watch.look(at_.state(), BootTime(99s)), std::nullopt);
}

}  // namespace
}  // namespace ssi::cluster
