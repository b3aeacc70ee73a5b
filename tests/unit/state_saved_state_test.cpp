/// A guest whose memory is saved on one member starts there, with that memory, or without it when it was given up; and
/// never with memory that is older than its disks.
#include <gtest/gtest.h>

#include <filesystem>
#include <format>
#include <fstream>

#include "daemons/ssid/guests/saved_image.hpp"
#include "daemons/ssid/state/directory_rules.hpp"
#include "daemons/ssid/state/saved_state_rules.hpp"
#include "tests/unit/state_builder.hpp"
#include "tests/unit/temporary_directory.hpp"

namespace ssi::cluster {
namespace {

const std::string kImage = "7:1.000000002:3";
const std::string kOtherImage = "8:1.000000002:3";

class SavedState : public ::testing::Test {
  protected:
    /// "g" was saved on MEMBER1.
    SavedState() {
        at_.joined("MEMBER1").joined("MEMBER2").running("g", "MEMBER1", "r1");
        at_.commit(decide_release(state(), g_, RunId("r1"), kImage));
    }
    const ClusterState& state() { return at_.state(); }
    bool may_be_restored_on(const std::string& name, const std::string& image = kImage) {
        return may_restore(state(), g_, kUuid, member(name), image).has_value();
    }
    Result<Transaction> start_from(const std::string& image, const std::string& run) {
        return decide_start(state(), {g_, at_.life("MEMBER1"), RunId(run), definition_of("g"), image});
    }

    StateBuilder at_;
    const GuestName g_ = guest("g");
};

TEST_F(SavedState, starts_where_it_is_and_nowhere_else) {
    EXPECT_EQ(at_.residency("g"), nullptr);
    const auto elsewhere = at_.start("g", "MEMBER2", "r2");
    EXPECT_EQ(refusal(elsewhere), ErrorCode::kStateSaved);
    EXPECT_TRUE(elsewhere.error().what.contains("saved on MEMBER1"));
    EXPECT_EQ(refusal(start_from(kOtherImage, "r2")), ErrorCode::kSavedStateStale) << "that is another image";
    EXPECT_TRUE(at_.commit(start_from(kImage, "r2")));
}

TEST_F(SavedState, is_void_once_the_guest_runs_and_stays_so_when_its_image_is_still_there) {
    at_.commit(start_from(kImage, "r2"));
    at_.commit(decide_running(state(), g_, RunId("r2")));
    EXPECT_EQ(state().saved(g_), nullptr);
    at_.commit(decide_release(state(), g_, RunId("r2"), kImage));
    EXPECT_EQ(state().saved(g_), nullptr) << "r2 has passed over it: virsh create, or an unlink that failed";
    EXPECT_FALSE(may_be_restored_on("MEMBER1"));
    EXPECT_TRUE(at_.commit(at_.start("g", "MEMBER2", "r3")));
}

TEST_F(SavedState, is_followed_by_that_of_the_next_run) {
    at_.commit(start_from(kImage, "r2"));
    at_.commit(decide_running(state(), g_, RunId("r2")));
    at_.commit(decide_release(state(), g_, RunId("r2"), kOtherImage));
    EXPECT_FALSE(may_be_restored_on("MEMBER1"));
    EXPECT_TRUE(may_be_restored_on("MEMBER1", kOtherImage));
}

TEST_F(SavedState, outlives_a_restore_that_failed) {
    at_.commit(start_from(kImage, "r2"));
    at_.commit(decide_release(state(), g_, RunId("r2"), kImage));
    EXPECT_TRUE(may_be_restored_on("MEMBER1"));
}

TEST_F(SavedState, that_was_given_up_is_never_restored) {
    ASSERT_TRUE(at_.commit(decide_discard(state(), g_)));
    EXPECT_FALSE(may_be_restored_on("MEMBER1"));
    at_.running("g", "MEMBER2", "r2");
    at_.commit(decide_release(state(), g_, RunId("r2")));
    EXPECT_FALSE(may_be_restored_on("MEMBER1"));
    EXPECT_EQ(refusal(decide_discard(state(), g_)), ErrorCode::kGuestUnknown);
}

TEST_F(SavedState, that_is_given_up_in_the_middle_of_a_start_is_not_restored) {
    const auto start = start_from(kImage, "r2");
    at_.commit(decide_discard(state(), g_));
    EXPECT_FALSE(at_.commit(start));
    EXPECT_EQ(refusal(start_from(kImage, "r2")), ErrorCode::kSavedStateStale);
}

TEST_F(SavedState, is_void_after_a_run_that_an_older_member_let_in) {
    ClusterState seen_by_the_others = state();
    const auto uuid = std::format("ssi/v1/uuids/{}", kUuid.str());
    ASSERT_TRUE(seen_by_the_others.apply({uuid, R"({"v":1,"guest":"g"})", Revision{1000}}));
    EXPECT_FALSE(may_restore(seen_by_the_others, g_, kUuid, member("MEMBER1"), kImage));
    EXPECT_TRUE(saved_state_lets_start(seen_by_the_others, g_, kUuid, member("MEMBER2")));
}

TEST_F(SavedState, is_of_the_guest_and_not_of_its_name) {
    const auto other = GuestUuid::parse("99999999-2222-3333-4444-555555555501").value();
    EXPECT_FALSE(may_restore(state(), g_, other, member("MEMBER1"), kImage));
    EXPECT_TRUE(saved_state_lets_start(state(), g_, other, member("MEMBER2")));
}

TEST_F(SavedState, outlives_an_edit_of_the_definition) {
    auto edited = definition_of("g");
    edited.xml = "<domain><edited/></domain>";
    edited.change = kWord;
    ASSERT_TRUE(at_.commit(decide_define(state(), {g_, 0, edited})));
    EXPECT_TRUE(may_be_restored_on("MEMBER1"));
}

TEST(SavedWhileItMoves, the_memory_is_at_the_source_when_the_move_is_given_up) {
    StateBuilder at;
    at.joined("MEMBER1").joined("MEMBER2").running("g", "MEMBER1", "r1").relocating("g", "MEMBER2", "r2");
    at.commit(decide_release(at.state(), guest("g"), RunId("r1"), kImage));
    at.commit(decide_abort(at.state(), guest("g"), RunId("r2")));
    EXPECT_EQ(at.residency("g"), nullptr);
    EXPECT_EQ(refusal(at.start("g", "MEMBER2", "r3")), ErrorCode::kStateSaved);
    EXPECT_TRUE(may_restore(at.state(), guest("g"), kUuid, member("MEMBER1"), kImage));
}

TEST(SavedWhileItMoves, an_image_of_a_member_where_it_ran_before_is_not_of_the_run_after_the_move) {
    StateBuilder at;
    at.joined("MEMBER1").joined("MEMBER2").running("g", "MEMBER1", "r1").relocating("g", "MEMBER2", "r2");
    at.commit(decide_done(at.state(), guest("g"), RunId("r2")));
    at.commit(decide_release(at.state(), guest("g"), RunId("r2"), kImage));
    EXPECT_TRUE(may_restore(at.state(), guest("g"), kUuid, member("MEMBER2"), kImage));
    EXPECT_FALSE(may_restore(at.state(), guest("g"), kUuid, member("MEMBER1"), kImage));
}

TEST(SavedBeforeTheCluster, a_guest_that_never_ran_in_it_is_restored_as_ever) {
    StateBuilder at;
    at.joined("MEMBER1");
    EXPECT_TRUE(may_restore(at.state(), guest("old"), kUuid, member("MEMBER1"), kImage));
    auto defined = definition_of("g");
    defined.change = kWord;
    at.commit(decide_define(at.state(), {guest("g"), 0, defined}));
    EXPECT_TRUE(may_restore(at.state(), guest("g"), kUuid, member("MEMBER1"), kImage)) << "it is only in the directory";
}

TEST(SavedImage, is_told_from_any_other_and_from_a_folder_that_is_not_there) {
    const test::TemporaryDirectory folder;
    EXPECT_EQ(saved_image(folder.path(), guest("g")), "");
    std::ofstream(folder.path() / "g.save") << "one";
    const auto first = saved_image(folder.path(), guest("g"));
    ASSERT_TRUE(first && !first->empty());
    EXPECT_EQ(saved_image(folder.path(), guest("g")), first);
    std::ofstream(folder.path() / "new") << "two";
    std::filesystem::rename(folder.path() / "new", folder.path() / "g.save");
    EXPECT_NE(saved_image(folder.path(), guest("g")), first);
    EXPECT_FALSE(saved_image(folder.path() / "missing", guest("g")));
}

}  // namespace
}  // namespace ssi::cluster
