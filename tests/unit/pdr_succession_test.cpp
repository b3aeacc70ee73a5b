// A PDR that moves to another volume: at each moment at most one of the two is the PDR, whatever is interrupted.
#include <gtest/gtest.h>

#include <format>
#include <utility>

#include "lib/common/pdr/succession.hpp"
#include "tests/unit/pdr_disk.hpp"

namespace ssi::pdr {
namespace {

const ClusterIdentity kOurs = cluster("OURS", '1');
const ClusterIdentity kTheirs = cluster("THEIRS", '2');

/// A guard that opens it now would begin there.
bool is_the_pdr(Disk& disk) {
    return check_label(disk, kOurs).has_value();
}

Result<Label> move(Disk& from, Disk& to, const FormatOptions& options = {}) {
    if (auto ready = prepare_successor(from, to, kOurs, options); !ready) return std::unexpected(ready.error());
    return move_volume(from, to, kOurs, options);
}

class PdrSuccession : public ::testing::Test {
  protected:
    void SetUp() override { ASSERT_TRUE(format(old_one, kOurs, {})); }

    MemoryDisk old_one{kSize, "old"};
    MemoryDisk new_one{kSize, "new"};
};

TEST_F(PdrSuccession, new_volume_is_the_pdr_and_who_has_the_old_one_open_is_told_that_it_is_none) {
    const auto opened = *check_label(old_one, kOurs);
    EXPECT_TRUE(check_current(old_one, kOurs.id, opened));
    const auto moved = move(old_one, new_one, {});
    ASSERT_TRUE(moved) << moved.error().text();
    EXPECT_EQ(moved->generation, 2U);
    EXPECT_NE(moved->volume, opened.volume);
    EXPECT_TRUE(is_the_pdr(new_one));
    for (const auto& refused :
         {check_current(old_one, kOurs.id, opened), check_label(old_one, kOurs).transform([](const Label&) {})}) {
        ASSERT_FALSE(refused);
        EXPECT_NE(refused.error().what.find("moved to new"), std::string::npos) << refused.error().what;
    }
}

TEST_F(PdrSuccession, one_that_was_interrupted_at_any_write_leaves_at_most_one_pdr_and_is_finished_by_the_same_calls) {
    for (const bool on_old : {true, false})
        for (const bool was_left_before : {false, true})
            for (int writes = 0; writes < 4; ++writes) {
                MemoryDisk from{kSize, "old"}, to{kSize, "new"};
                ASSERT_TRUE(format(from, kOurs, {}));
                if (was_left_before) {
                    ASSERT_TRUE(move(from, to, {}));
                    std::swap(from, to);
                }
                const auto opened = *check_label(from, kOurs);
                (on_old ? from : to).writes_left = writes;
                SCOPED_TRACE(std::format("{} writes of the {} one{}", writes, on_old ? "old" : "new",
                                         was_left_before ? ", which it had left before" : ""));
                const bool moved = move(from, to, {}).has_value();
                EXPECT_TRUE(is_the_pdr(to) || !moved);
                EXPECT_FALSE(is_the_pdr(from) && is_the_pdr(to));
                EXPECT_FALSE(check_current(from, kOurs.id, opened) && is_the_pdr(to));
                from.writes_left = to.writes_left = std::nullopt;
                // Half of an empty block may be left of what it was; nothing else is in the way.
                const auto finished = move(from, to, {.force = true});
                ASSERT_TRUE(finished) << finished.error().text();
                EXPECT_EQ(finished->generation, was_left_before ? 3U : 2U);
                EXPECT_TRUE(is_the_pdr(to));
                EXPECT_FALSE(is_the_pdr(from));
            }
}

TEST_F(PdrSuccession, volume_that_holds_anything_is_refused_without_force_and_nothing_is_changed) {
    new_one.at(1'000'000) = std::byte{1};
    const auto before = std::pair(old_one.bytes(), new_one.bytes());
    const auto refused = move(old_one, new_one, {.contents = "ext4 'data'"});
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().what.find("ext4 'data'"), std::string::npos);
    EXPECT_EQ(std::pair(old_one.bytes(), new_one.bytes()), before);
    ASSERT_TRUE(format(new_one, kTheirs, {.force = true}));
    EXPECT_FALSE(move(old_one, new_one, {}));
    EXPECT_TRUE(is_the_pdr(old_one));
    EXPECT_TRUE(move(old_one, new_one, {.force = true}));
}

TEST_F(PdrSuccession, pdr_itself_by_another_path_is_refused_with_force_too) {
    const auto refused = move(old_one, old_one, {.force = true});
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().what.find("the PDR itself"), std::string::npos) << refused.error().what;
    EXPECT_TRUE(is_the_pdr(old_one));
}

TEST_F(PdrSuccession, it_moves_back_to_a_volume_that_it_left_and_on_from_one_that_it_left_it_does_not) {
    ASSERT_TRUE(move(old_one, new_one, {}));
    MemoryDisk third{kSize, "third"};
    EXPECT_FALSE(move(old_one, third, {}));
    EXPECT_TRUE(is_the_pdr(new_one));
    const auto back = move(new_one, old_one, {});
    ASSERT_TRUE(back) << back.error().text();
    EXPECT_EQ(back->generation, 3U);
    EXPECT_TRUE(is_the_pdr(old_one));
    EXPECT_FALSE(is_the_pdr(new_one));
}

TEST_F(PdrSuccession, what_is_open_is_current_until_its_label_says_another_thing) {
    const auto opened = *check_label(old_one, kOurs);
    for (const auto at : {kLabelAt, kLabelCopyAt}) old_one.at(at + 100) ^= std::byte{1};
    EXPECT_TRUE(check_current(old_one, kOurs.id, opened)) << "a damaged one says nothing";
    ASSERT_TRUE(format(old_one, kOurs, {.force = true}));
    EXPECT_FALSE(check_current(old_one, kOurs.id, opened)) << "formatted anew, by the same path";
    ASSERT_TRUE(make_blank(old_one, {.force = true}));
    EXPECT_FALSE(check_current(old_one, kOurs.id, opened)) << "emptied";
    ASSERT_TRUE(format(old_one, kTheirs, {}));
    EXPECT_FALSE(check_current(old_one, kOurs.id, opened)) << "another cluster's";
    old_one.unreadable = true;
    EXPECT_EQ(check_current(old_one, kOurs.id, opened).error().code, ErrorCode::kPdrUnreadable);
}

}  // namespace
}  // namespace ssi::pdr
