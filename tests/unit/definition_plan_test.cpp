#include "daemons/ssid/guests/definition_plan.hpp"

#include <gtest/gtest.h>

#include "tests/unit/state_builder.hpp"

namespace ssi::cluster {
namespace {

using Step = DefinitionPlan::Step;

const GuestUuid kOther = GuestUuid::parse("11111111-2222-3333-4444-555555555502").value();

/// What libvirt has, what is remembered and what the directory has: a text for each, and the version of the last two.
struct Case {
    DefinitionFacts facts;

    Case& here(const std::string& text, const GuestUuid& uuid = kUuid) {
        facts.local = {uuid, text};
        return *this;
    }
    /// `directory`: what the directory had then; the same, if nothing is said.
    Case& known(std::uint64_t version, const std::string& text, const std::string& directory = "") {
        facts.known = KnownDefinition{version, text, directory.empty() ? text : directory, false};
        return *this;
    }
    Case& deleted(std::uint64_t as) {
        facts.deleted_as = as;
        return *this;
    }
    Case& undefined() {
        facts.was_undefined = true;
        return *this;
    }
    Case& moved() {
        facts.known->was_moved = true;
        return *this;
    }
    Case& directory(std::uint64_t version, const std::string& text) {
        facts.entry = {kUuid, text, version};
        return *this;
    }
    [[nodiscard]] Step step() const {
        const auto plan = plan_definition(facts);
        EXPECT_FALSE(plan.is_conflict);
        return plan.step;
    }
    [[nodiscard]] Step step_of_conflict() const {
        const auto plan = plan_definition(facts);
        EXPECT_TRUE(plan.is_conflict);
        return plan.step;
    }
};

TEST(DefinitionPlan, what_is_the_same_everywhere_stays) {
    EXPECT_EQ(Case().step(), Step::kNothing);
    EXPECT_EQ(Case().here("a").known(3, "a").directory(3, "a").step(), Step::kNothing);
    EXPECT_EQ(Case().here("a of this libvirt").known(3, "a of this libvirt", "a").directory(3, "a").step(),
              Step::kNothing);
}

TEST(DefinitionPlan, what_is_defined_here_goes_into_the_directory) {
    EXPECT_EQ(Case().here("a").step(), Step::kPublish);
}

TEST(DefinitionPlan, an_edit_here_is_the_next_version) {
    EXPECT_EQ(Case().here("b").known(3, "a").directory(3, "a").step(), Step::kPublish);
}

TEST(DefinitionPlan, what_is_undefined_here_leaves_the_directory) {
    EXPECT_EQ(Case().known(3, "a").directory(3, "a").undefined().step(), Step::kPublishDeletion);
}

TEST(DefinitionPlan, what_nobody_undefined_and_libvirt_has_not_is_defined_again) {
    EXPECT_EQ(Case().known(3, "a").directory(3, "a").step(), Step::kDefine)
        << "a libvirt that cannot read its files must not delete the cluster's guests";
}

TEST(DefinitionPlan, what_changed_in_the_directory_is_defined_here) {
    EXPECT_EQ(Case().directory(1, "a").step(), Step::kDefine);
    EXPECT_EQ(Case().here("a").known(3, "a").directory(4, "b").step(), Step::kDefine);
    EXPECT_EQ(Case().known(3, "a").directory(4, "b").undefined().step(), Step::kDefine)
        << "undefined here, edited elsewhere: the edit counts, nobody loses it";
}

TEST(DefinitionPlan, what_left_the_directory_is_undefined_here) {
    EXPECT_EQ(Case().here("a").known(3, "a").deleted(4).step(), Step::kUndefine);
    EXPECT_EQ(Case().known(3, "a").step(), Step::kForget);
}

TEST(DefinitionPlan, of_two_edits_the_directory_s_counts_and_the_other_is_kept) {
    EXPECT_EQ(Case().here("b").known(3, "a").directory(4, "c").step_of_conflict(), Step::kDefine);
    EXPECT_EQ(Case().here("b").known(3, "a").deleted(4).step_of_conflict(), Step::kUndefine)
        << "edited here, deleted elsewhere";
    EXPECT_EQ(Case().here("b").directory(1, "a").step_of_conflict(), Step::kDefine) << "defined at two members";
    EXPECT_EQ(Case().here("b", kOther).directory(1, "a").step_of_conflict(), Step::kReplace);
}

TEST(DefinitionPlan, what_a_restored_state_has_lost_is_kept) {
    EXPECT_EQ(Case().here("b").known(5, "b").directory(4, "a").step_of_conflict(), Step::kDefine);
    EXPECT_EQ(Case().here("b").known(5, "b").directory(5, "other").step_of_conflict(), Step::kDefine)
        << "the same number, given anew";
    EXPECT_EQ(Case().known(5, "b").directory(5, "other").step(), Step::kDefine);
    EXPECT_EQ(Case().here("b").known(5, "b").step_of_conflict(), Step::kUndefine) << "defined since the copy";
    EXPECT_EQ(Case().here("b").known(5, "b").deleted(3).step_of_conflict(), Step::kUndefine);
}

TEST(DefinitionPlan, two_equal_edits_are_no_conflict) {
    EXPECT_EQ(Case().here("b").known(3, "a").directory(4, "b").step(), Step::kRemember);
    EXPECT_EQ(Case().here("a").directory(1, "a").step(), Step::kRemember);
}

TEST(DefinitionPlan, a_relocation_is_nobody_s_edit) {
    auto on_its_way = Case().here("b").known(3, "a").directory(3, "a");
    on_its_way.facts.is_relocating = true;
    EXPECT_EQ(on_its_way.step(), Step::kWait);
    EXPECT_EQ(Case().here("b").known(3, "a").moved().directory(3, "a").step(), Step::kDefine);
    EXPECT_EQ(Case().here("a").known(3, "a").moved().directory(3, "a").step(), Step::kRemember);
    EXPECT_EQ(Case().here("b").known(3, "a").moved().deleted(4).step(), Step::kUndefine);
}

TEST(DefinitionPlan, a_guest_from_before_the_cluster_waits_until_it_is_adopted) {
    EXPECT_EQ(Case().here("a").known(0, "a").step(), Step::kNothing);
    EXPECT_EQ(Case().here("b").known(0, "a").step(), Step::kNothing);
    EXPECT_EQ(Case().known(0, "a").step(), Step::kForget);
    EXPECT_EQ(Case().here("a", kOther).known(0, "a").directory(1, "b").step(), Step::kNothing)
        << "another guest of that name";
    EXPECT_EQ(Case().here("a").known(0, "a").directory(1, "b").step_of_conflict(), Step::kDefine);
}

}  // namespace
}  // namespace ssi::cluster
