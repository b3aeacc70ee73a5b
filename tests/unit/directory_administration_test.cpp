/// What an administrator can ask of ssid about the directory of guests, and what it answers.
#include "daemons/ssid/api/directory_administration.hpp"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <format>
#include <optional>

#include "daemons/ssid/state/directory_rules.hpp"
#include "tests/unit/joined_member.hpp"
#include "tests/unit/map_definitions.hpp"
#include "tests/unit/state_builder.hpp"
#include "tests/unit/temporary_directory.hpp"

namespace ssi::cluster {
namespace {

TEST(CompareLines, counts_what_came_and_what_went) {
    EXPECT_EQ(compare_lines("a\nb\nc\n", "a\nx\nc\nd\n"), (LineChange{2, 1}));
    EXPECT_EQ(compare_lines("a\na\n", "a\n"), (LineChange{0, 1}));
    EXPECT_EQ(compare_lines("a\nb\n", "b\na\n"), (LineChange{0, 0})) << "they only moved";
    EXPECT_EQ(compare_lines("", ""), (LineChange{0, 0}));
}

TEST(DirectoryDocument, has_what_is_in_the_directory_and_where_it_runs) {
    StateBuilder at;
    at.joined("MEMBER1").joined("MEMBER2");
    for (const auto* name : {"a", "b"}) {
        auto definition = definition_of(name);
        definition.change = kWord;
        at.commit(decide_define(at.state(), {guest(name), 0, definition}));
    }
    at.running("b", "MEMBER2", "r1");
    at.running("c", "MEMBER1", "r2");
    const auto document = directory_document(at.state(), member("MEMBER1"), {guest("old")});
    EXPECT_EQ(boost::json::value(document), boost::json::parse(R"({"v":1,"member":"MEMBER1","guests":[
        {"name":"a","version":1,"uuid":"31111111-2222-3333-4444-555555555501","memory_mib":1000,"member":null,
         "change":{"who":"root","at":"MEMBER1","why":"work","since":"2026-11-29T16:30:00Z"}},
        {"name":"b","version":1,"uuid":"41111111-2222-3333-4444-555555555501","memory_mib":1000,"member":"MEMBER2",
         "change":{"who":"root","at":"MEMBER1","why":"work","since":"2026-11-29T16:30:00Z"}}],
        "not_adopted":["old"]})"))
        << "c was started, and is not in the directory";
}

/// MEMBER1, Joined, with a libvirt and a keeper of its definitions.
class DirectoryAdministrationTest : public JoinedMember {
  protected:
    void SetUp() override {
        JoinedMember::SetUp();
        spawn(keeper_.run());
    }
    json::Object answer(DirectoryAdministration::Answer request) {
        const auto text = test::run(io_, std::move(request));
        EXPECT_TRUE(text) << text.error().text();
        return text ? boost::json::parse(*text).as_object() : json::Object{};
    }
    Error refusal(DirectoryAdministration::Answer request) {
        const auto text = test::run(io_, std::move(request));
        EXPECT_FALSE(text) << *text;
        return text ? Error{} : text.error();
    }
    json::Object put(const std::string& name, const std::string& line, const std::string& base = "") {
        return answer(directory_.put(xml(name, line), base, "root"));
    }
    static std::string xml(const std::string& name, const std::string& line) {
        return std::format("<domain>\n<name>{}</name>\n<uuid>{}</uuid>\n{}\n</domain>\n", name,
                           definition_of(name).uuid.str(), line);
    }
    /// What libvirt has; empty: nothing.
    [[nodiscard]] std::string here(const std::string& name) const {
        const auto found = store_.definitions.find(guest(name));
        return found == store_.definitions.end() ? "" : found->second.xml;
    }
    std::size_t guests_in_list() { return answer(directory_.list()).at("guests").as_array().size(); }

    test::TemporaryDirectory folder_;
    test::MapDefinitions store_;
    DefinitionKeeper keeper_{membership_, view_,
                             store_,      {folder_.path() / "directory.json", folder_.path() / "kept"},
                             clock_,      io_.get_executor()};
    DirectoryAdministration directory_{member("MEMBER1"), view_, engine_, keeper_};
};

TEST_F(DirectoryAdministrationTest, what_is_put_is_in_the_directory_and_in_libvirt) {
    const auto done = put("a", "<one/>", "0");
    EXPECT_EQ(done.at("version"), 1);
    EXPECT_EQ(done.at("changed"), true);
    EXPECT_EQ(here("a"), xml("a", "<one/>"));
    const auto got = answer(directory_.get("a", ""));
    EXPECT_EQ(json::text(got, "xml"), xml("a", "<one/>"));
    EXPECT_EQ(got.at("version"), 1);
    const auto& change = got.at("change").as_object();
    EXPECT_EQ(change.at("who"), "root");
    EXPECT_EQ(change.at("at"), "MEMBER1");
}

TEST_F(DirectoryAdministrationTest, what_is_the_same_already_changes_nothing) {
    put("a", "<one/>");
    const auto again = put("a", "<one/>");
    EXPECT_EQ(again.at("version"), 1);
    EXPECT_EQ(again.at("changed"), false);
}

TEST_F(DirectoryAdministrationTest, change_of_an_old_version_is_refused_and_leaves_libvirt_alone) {
    put("a", "<one/>", "0");
    put("a", "<two/>", "1");
    EXPECT_EQ(refusal(directory_.put(xml("a", "<three/>"), "1", "root")).code, ErrorCode::kDefinitionChanged);
    EXPECT_EQ(refusal(directory_.put(xml("a", "<three/>"), "0", "root")).code, ErrorCode::kDefinitionChanged);
    EXPECT_EQ(here("a"), xml("a", "<two/>"));
    EXPECT_EQ(put("a", "<three/>").at("version"), 3) << "whichever there is";
}

TEST_F(DirectoryAdministrationTest, what_is_no_definition_and_no_version_is_refused) {
    EXPECT_EQ(refusal(directory_.put("<domain", "", "root")).code, ErrorCode::kDefinitionInvalid);
    EXPECT_EQ(refusal(directory_.put(xml("a", "<one/>"), "first", "root")).code, ErrorCode::kUsage);
    EXPECT_EQ(refusal(directory_.get("a", "-1")).code, ErrorCode::kUsage);
    EXPECT_EQ(refusal(directory_.get("a", "")).code, ErrorCode::kGuestUnknown);
    EXPECT_EQ(refusal(directory_.get("a", "0")).code, ErrorCode::kGuestUnknown);
    EXPECT_EQ(refusal(directory_.history("a")).code, ErrorCode::kGuestUnknown);
    EXPECT_EQ(guests_in_list(), 0U);
}

TEST_F(DirectoryAdministrationTest, old_versions_can_be_read_and_unknown_ones_say_what_there_is) {
    put("a", "<one/>");
    put("a", "<two/>");
    EXPECT_EQ(json::text(answer(directory_.get("a", "1")), "xml"), xml("a", "<one/>"));
    EXPECT_EQ(json::text(answer(directory_.get("a", "2")), "xml"), xml("a", "<two/>"));
    const auto error = refusal(directory_.get("a", "9"));
    EXPECT_EQ(error.code, ErrorCode::kGuestUnknown);
    EXPECT_EQ(error.what, "guest a has no version 9; versions 1 to 2 are kept");
}

TEST_F(DirectoryAdministrationTest, history_is_newest_first_and_says_how_much_changed) {
    put("a", "<one/>");
    put("a", "<two/>\n<three/>");
    answer(directory_.remove("a", "2", "user 1000"));
    const auto versions = answer(directory_.history("a")).at("versions").as_array();
    ASSERT_EQ(versions.size(), 3U);
    EXPECT_EQ(versions[0].at("version"), 3);
    EXPECT_EQ(versions[0].at("deleted"), true);
    EXPECT_EQ(versions[0].at("change").at("who"), "user 1000");
    EXPECT_EQ(versions[1].at("lines_added"), 2);
    EXPECT_EQ(versions[1].at("lines_removed"), 1);
    EXPECT_TRUE(versions[2].at("lines_added").is_null()) << "the first one";
}

TEST_F(DirectoryAdministrationTest, rollback_makes_an_old_version_the_next_one) {
    put("a", "<one/>");
    put("a", "<two/>");
    EXPECT_EQ(answer(directory_.rollback("a", "1", "root")).at("version"), 3);
    EXPECT_EQ(here("a"), xml("a", "<one/>"));
    const auto got = answer(directory_.get("a", ""));
    EXPECT_EQ(json::text(got, "xml"), xml("a", "<one/>"));
    EXPECT_EQ(got.at("change").at("why"), "rollback to 1");
    EXPECT_EQ(answer(directory_.rollback("a", "3", "root")).at("changed"), false) << "that is the present one";
    EXPECT_EQ(refusal(directory_.rollback("a", "7", "root")).code, ErrorCode::kGuestUnknown);
    EXPECT_EQ(refusal(directory_.rollback("b", "1", "root")).code, ErrorCode::kGuestUnknown);
}

TEST_F(DirectoryAdministrationTest, what_is_deleted_goes_out_of_libvirt_and_can_be_brought_back) {
    put("a", "<one/>");
    EXPECT_EQ(answer(directory_.remove("a", "", "root")).at("version"), 2);
    EXPECT_EQ(guests_in_list(), 0U);
    keeper_.poke();  // as the watch of the engine does
    EXPECT_TRUE(test::run_until(io_, [this] { return here("a").empty(); }));
    const auto gone = refusal(directory_.get("a", ""));
    EXPECT_EQ(gone.code, ErrorCode::kGuestUnknown);
    EXPECT_EQ(gone.what, "guest a is not in the directory: root deleted it at MEMBER1");
    EXPECT_EQ(refusal(directory_.remove("a", "", "root")).code, ErrorCode::kGuestUnknown);
    EXPECT_EQ(refusal(directory_.rollback("a", "2", "root")).code, ErrorCode::kGuestUnknown) << "its deletion";
    EXPECT_EQ(answer(directory_.rollback("a", "1", "root")).at("version"), 3);
    EXPECT_EQ(here("a"), xml("a", "<one/>"));
}

TEST_F(DirectoryAdministrationTest, guest_is_deleted_only_while_it_does_not_run_and_in_the_version_that_was_meant) {
    put("a", "<one/>");
    EXPECT_EQ(refusal(directory_.remove("a", "4", "root")).code, ErrorCode::kDefinitionChanged);
    ASSERT_TRUE(test::run(io_, view_.commit([this](const ClusterState& state) {
        return decide_start(state, {guest("a"), *membership_.life(), RunId("r1"), definition_of("a")});
    })));
    EXPECT_EQ(refusal(directory_.remove("a", "", "root")).code, ErrorCode::kGuestBusy);
    EXPECT_EQ(guests_in_list(), 1U);
}

TEST_F(DirectoryAdministrationTest, conflicts_are_this_members_and_say_where_they_are_kept) {
    EXPECT_TRUE(answer(directory_.conflicts()).at("conflicts").as_array().empty());
    const KeptEdits kept(folder_.path() / "kept");
    const auto edit = kept.keep(guest("a"), xml("a", "<mine/>"), "version 2 came first", 1'795'969'800);
    ASSERT_TRUE(edit);
    const auto document = answer(directory_.conflicts());
    EXPECT_EQ(document.at("member"), "MEMBER1");
    EXPECT_EQ(document.at("conflicts"), (boost::json::array{json::Object{{"guest", "a"},
                                                                         {"file", edit->file.string()},
                                                                         {"since", "2026-11-29T16:30:00Z"},
                                                                         {"why", "version 2 came first"}}}));
}

/// It was there before this member was in a cluster.
class DirectoryWithOldGuestTest : public DirectoryAdministrationTest {
  protected:
    DirectoryWithOldGuestTest() { store_.definitions[guest("b")] = {guest("b"), definition_of("b").uuid, old_, false}; }
    const std::string old_ = xml("b", "<old/>");
};

TEST_F(DirectoryWithOldGuestTest, waits_until_it_is_adopted) {
    ASSERT_TRUE(test::run_until(io_, [this] { return !keeper_.not_adopted().empty(); }));
    EXPECT_EQ(answer(directory_.list()).at("not_adopted"), (boost::json::array{"b"}));
    EXPECT_EQ(guests_in_list(), 0U);
    EXPECT_EQ(answer(directory_.adopt("b", "root")).at("version"), 1);
    const auto list = answer(directory_.list());
    EXPECT_TRUE(list.at("not_adopted").as_array().empty());
    EXPECT_EQ(list.at("guests").as_array().at(0).at("change").at("why"), "adopt");
    EXPECT_EQ(refusal(directory_.adopt("x", "root")).code, ErrorCode::kGuestUnknown);
}

}  // namespace
}  // namespace ssi::cluster
