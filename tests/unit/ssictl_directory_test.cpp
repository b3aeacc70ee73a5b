// ssictl directory: what an administrator types, is asked, and sees.
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cstdlib>
#include <filesystem>
#include <format>
#include <fstream>
#include <mutex>
#include <sstream>
#include <utility>

#include "lib/common/text_file.hpp"
#include "tests/unit/fake_daemon.hpp"
#include "tests/unit/json_document.hpp"
#include "tests/unit/private_bus.hpp"
#include "tests/unit/temporary_directory.hpp"
#include "tools/ssictl/directory_rendering.hpp"
#include "tools/ssictl/ssictl.hpp"

namespace ssi::ctl {
namespace {

using Answer = boost::asio::awaitable<Result<std::string>>;
using Words = std::vector<std::string>;

constexpr auto kDirectory = R"({"v":1,"member":"MEMBER1","not_adopted":["old1","old2"],"guests":[
    {"name":"linux01","version":7,"uuid":"u","memory_mib":2048,"member":"MEMBER2",
     "change":{"who":"root","at":"MEMBER1","why":"rollback to 3","since":"2026-11-30T16:30:00Z"}},
    {"name":"linux02","version":1,"uuid":"u","memory_mib":0,"member":null,
     "change":{"who":"virsh","at":"MEMBER3","why":"define","since":"2026-11-29T08:00:00Z"}}]})";

TEST(DirectoryRendering, list_shows_whose_each_version_is_and_what_is_not_adopted) {
    EXPECT_EQ(render_directory(document(kDirectory)).value(),
              "GUEST    VERSION    MEMORY  RUNS ON  CHANGED               BY\n"
              "linux01        7  2048 MiB  MEMBER2  2026-11-30T16:30:00Z  root on MEMBER1   rollback to 3\n"
              "linux02        1         -  -        2026-11-29T08:00:00Z  virsh on MEMBER3  define\n"
              "2 guests of MEMBER1 are from before the cluster: ssictl directory list --not-adopted\n");
    EXPECT_EQ(render_directory_names(document(kDirectory)).value(), "linux01\nlinux02\n");
}

TEST(DirectoryRendering, empty_list_says_how_a_guest_gets_in) {
    EXPECT_EQ(render_directory(document(R"({"v":1,"member":"M1","guests":[],"not_adopted":["old"]})")).value(),
              "No guest is in the directory: virsh define one, or ssictl directory put\n"
              "1 guest of M1 is from before the cluster: ssictl directory list --not-adopted\n");
}

TEST(DirectoryRendering, not_adopted_are_shown_with_what_to_type) {
    EXPECT_EQ(render_not_adopted(document(kDirectory)).value(),
              "GUEST\nold1   ssictl directory adopt old1\nold2   ssictl directory adopt old2\n");
    EXPECT_EQ(render_not_adopted_names(document(kDirectory)).value(), "old1\nold2\n");
    EXPECT_EQ(render_not_adopted(document(R"({"v":1,"member":"M1","guests":[],"not_adopted":[]})")).value(),
              "No guest of M1 waits to be adopted\n");
}

TEST(DirectoryRendering, definition_is_the_xml_byte_for_byte) {
    EXPECT_EQ(render_definition(document(R"({"v":1,"guest":"g","version":1,"xml":"<domain>\n\t\u00fc\n</domain>\n"})"))
                  .value(),
              "<domain>\n\t\u00fc\n</domain>\n");
}

TEST(DirectoryRendering, history_is_newest_first_with_lines_and_deletions) {
    const auto history = document(R"({"v":1,"guest":"g","versions":[
        {"version":3,"deleted":true,"lines_added":null,"lines_removed":null,
         "change":{"who":"root","at":"M1","why":"delete","since":"2026-11-30T16:30:00Z"}},
        {"version":2,"deleted":false,"lines_added":2,"lines_removed":1,
         "change":{"who":"virsh","at":"M2","why":"edit","since":"2026-11-29T16:30:00Z"}},
        {"version":1,"deleted":false,"lines_added":null,"lines_removed":null,
         "change":{"who":"virsh","at":"M2","why":"define","since":"2026-11-28T16:30:00Z"}}]})");
    EXPECT_EQ(render_history(history).value(),
              "VERSION  CHANGED               BY           LINES\n"
              "      3  2026-11-30T16:30:00Z  root on M1   deleted  delete\n"
              "      2  2026-11-29T16:30:00Z  virsh on M2  +2 -1    edit\n"
              "      1  2026-11-28T16:30:00Z  virsh on M2           define\n");
}

TEST(DirectoryRendering, change_that_changed_nothing_says_so) {
    EXPECT_EQ(render_change(document(R"({"v":1,"guest":"g","version":8,"changed":true})")).value(),
              "guest g has version 8 in the directory now\n");
    EXPECT_EQ(render_change(document(R"({"v":1,"guest":"g","version":7,"changed":false})")).value(),
              "nothing has changed: guest g has version 7 in the directory\n");
}

TEST(DirectoryRendering, conflicts_say_where_the_edit_is_kept) {
    EXPECT_EQ(render_conflicts(document(R"({"v":1,"member":"M1","conflicts":[]})")).value(), "No conflict on M1\n");
    EXPECT_EQ(render_conflicts(document(R"({"v":1,"member":"M1","conflicts":[{"guest":"g",
                  "file":"/var/lib/ssi/conflicts/g.5.xml","since":"2026-11-30T16:30:00Z","why":"version 4 came first"}]})"))
                  .value(),
              "GUEST  SINCE                 KEPT IN\n"
              "g      2026-11-30T16:30:00Z  /var/lib/ssi/conflicts/g.5.xml  version 4 came first\n");
}

TEST(DirectoryRendering, what_is_no_document_is_an_error) {
    const auto nothing = document(R"({"v":1})");
    for (const auto render : {render_directory, render_directory_names, render_not_adopted, render_definition,
                              render_history, render_change, render_deleted, render_conflicts})
        EXPECT_FALSE(render(nothing));
}

constexpr auto kXml = "<domain>\n  <name>g</name>\n</domain>\n";

/// Has guest g in version 7; takes what is made from it, unless there is <bad/> in it. With <faster/> in it somebody
/// else has just put another.
class FakeDirectory {
  public:
    explicit FakeDirectory(const std::string& address)
        : daemon_(address, "/org/kvmssi/Ssid1", "org.kvmssi.Ssid1", methods()) {}

    /// What was put last, and its base.
    std::pair<std::string, std::string> put() {
        const std::lock_guard lock(mutex_);
        return put_;
    }

  private:
    Result<std::string> take(const Words& given) {
        const std::lock_guard lock(mutex_);
        put_ = {given[0], given[1]};
        if (given[0].contains("<bad/>")) return failure(ErrorCode::kDefinitionInvalid, "<bad/> is not known", "g");
        const bool is_old = !given[1].empty() && given[1] != "7";
        if (is_old || given[0].contains("<faster/>"))
            return failure(ErrorCode::kDefinitionChanged, "guest g has version 7", "g", "look at it");
        return R"({"v":1,"guest":"g","version":8,"changed":true})";
    }
    std::vector<Bus::Method> methods() {
        std::vector<Bus::Method> methods;
        methods.push_back({"DirectoryGet", {"guest", "version"}, [](Words given, auto) -> Answer {
                               if (given[0] != "g")
                                   co_return failure(ErrorCode::kGuestUnknown, "guest x is not in the directory");
                               co_return boost::json::serialize(json::Object{
                                   {"v", 1}, {"guest", "g"}, {"version", given[1] == "3" ? 3 : 7}, {"xml", kXml}});
                           }});
        methods.push_back(
            {"DirectoryPut", {"xml", "base"}, [this](Words given, auto) -> Answer { co_return take(given); }});
        methods.push_back({"DirectoryDelete", {"guest", "base"}, [](Words, auto) -> Answer {
                               co_return R"({"v":1,"guest":"g","version":8,"changed":true})";
                           }});
        return methods;
    }

    std::mutex mutex_;
    std::pair<std::string, std::string> put_;
    test::FakeDaemon daemon_;
};

class SsictlDirectory : public ::testing::Test {
  protected:
    int ssictl(Words words, const std::string& typed = {}) {
        std::istringstream input(typed);
        output_.str({});
        errors_.str({});
        return run(std::move(words), input, output_, errors_, bus_.address());
    }
    std::string file(const std::string& text) {
        const auto path = folder_.path() / "guest.xml";
        std::ofstream(path) << text;
        return path.string();
    }
    static std::string with(const std::string& line) {
        return std::format("<domain>\n  <name>g</name>\n{}\n</domain>\n", line);
    }

    test::PrivateBus bus_;
    test::TemporaryDirectory folder_;
    FakeDirectory directory_{bus_.address()};
    std::ostringstream output_;
    std::ostringstream errors_;
};

TEST_F(SsictlDirectory, get_can_be_piped_into_put) {
    ASSERT_EQ(ssictl({"directory", "get", "g"}), 0) << errors_.str();
    EXPECT_EQ(output_.str(), kXml);
    ASSERT_EQ(ssictl({"directory", "put", "-", "--base", "7"}, kXml), 0) << errors_.str();
    EXPECT_EQ(directory_.put(), std::pair(std::string(kXml), std::string("7")));
    EXPECT_EQ(output_.str(), "guest g has version 8 in the directory now\n");
}

TEST_F(SsictlDirectory, get_as_json_says_which_version_it_is) {
    ASSERT_EQ(ssictl({"directory", "get", "g", "--version", "3", "--json"}), 0) << errors_.str();
    EXPECT_EQ(document(output_.str()).at("version"), 3);
}

TEST_F(SsictlDirectory, put_without_a_base_is_of_a_new_guest) {
    EXPECT_EQ(ssictl({"directory", "put", file(kXml)}), 1);
    EXPECT_EQ(directory_.put().second, "0");
    EXPECT_EQ(errors_.str(),
              "ssictl: SSI-1050 guest g has version 7\n"
              "        try: to change it, say which version the file was made from: --base N (ssictl directory history "
              "g); or --force\n");
}

TEST_F(SsictlDirectory, put_by_force_is_for_whichever_version_there_is) {
    EXPECT_EQ(ssictl({"directory", "put", file(kXml), "--force"}), 0) << errors_.str();
    EXPECT_EQ(directory_.put().second, "");
    EXPECT_EQ(ssictl({"directory", "put", file(kXml), "--force", "--base", "7"}), 2);
}

TEST_F(SsictlDirectory, put_of_no_file_is_usage) {
    EXPECT_EQ(ssictl({"directory", "put", "/nonexistent/guest.xml"}), 2);
}

TEST_F(SsictlDirectory, delete_wants_the_name_to_be_typed) {
    for (const auto* typed : {"", "yes\n", "G\n"}) EXPECT_EQ(ssictl({"directory", "delete", "g"}, typed), 2) << typed;
    EXPECT_EQ(ssictl({"directory", "delete", "g"}, "g\n"), 0);
    EXPECT_TRUE(errors_.str().ends_with("Type its name if that is what you want: ")) << errors_.str();
    EXPECT_EQ(output_.str(), "guest g is deleted; ssictl directory history shows how it was\n");
    EXPECT_EQ(ssictl({"directory", "delete", "g", "--yes"}), 0);
    EXPECT_EQ(errors_.str(), "");
}

/// The editor is a script. What it is to make of the file stands in files 1, 2, ... beside it.
class SsictlDirectoryEdit : public SsictlDirectory {
  protected:
    SsictlDirectoryEdit() {
        const auto script = drafts_.path() / "editor";
        std::ofstream(script) << "#!/bin/sh\n"
                                 "folder=$1; n=$(cat $folder/edits 2>/dev/null || echo 0); n=$((n + 1))\n"
                                 "echo $n > $folder/edits; echo \"$2\" > $folder/file\n"
                                 "[ -e $folder/$n ] || exit 3\n"
                                 "cat $folder/$n > \"$2\"\n";
        std::filesystem::permissions(script, std::filesystem::perms::owner_all);
        ::setenv("VISUAL", (script.string() + " " + drafts_.path().string()).c_str(), 1);
        ::setenv("TMPDIR", folder_.path().c_str(), 1);
    }
    ~SsictlDirectoryEdit() override {
        ::unsetenv("VISUAL");
        ::unsetenv("TMPDIR");
    }
    void will_write(int edit, const std::string& text) { std::ofstream(drafts_.path() / std::to_string(edit)) << text; }
    [[nodiscard]] int edits() const { return std::stoi(read_text_file(drafts_.path() / "edits").value_or("0")); }
    [[nodiscard]] std::string edited_file() const {
        auto file = read_text_file(drafts_.path() / "file").value();
        file.pop_back();
        return file;
    }
    test::TemporaryDirectory drafts_;
};

TEST_F(SsictlDirectoryEdit, puts_what_the_editor_made_of_the_version_that_was_got) {
    will_write(1, with("<good/>"));
    ASSERT_EQ(ssictl({"directory", "edit", "g"}), 0) << errors_.str();
    EXPECT_EQ(directory_.put(), std::pair(with("<good/>"), std::string("7")));
    EXPECT_EQ(output_.str(), "guest g has version 8 in the directory now\n");
    EXPECT_FALSE(std::filesystem::exists(edited_file()));
}

TEST_F(SsictlDirectoryEdit, nothing_changed_puts_nothing) {
    will_write(1, kXml);
    ASSERT_EQ(ssictl({"directory", "edit", "g"}), 0) << errors_.str();
    EXPECT_EQ(directory_.put().first, "");
    EXPECT_EQ(output_.str(), "nothing has changed: guest g has version 7 in the directory\n");
}

TEST_F(SsictlDirectoryEdit, refused_text_can_be_mended) {
    will_write(1, with("<bad/>"));
    will_write(2, with("<good/>"));
    ASSERT_EQ(ssictl({"directory", "edit", "g"}, "what?\ny\n"), 0) << errors_.str();
    EXPECT_EQ(errors_.str(), "ssictl: SSI-1051 <bad/> is not known\nEdit it again? (y/n) y or n: ");
    EXPECT_EQ(edits(), 2);
    EXPECT_EQ(directory_.put().first, with("<good/>"));
}

TEST_F(SsictlDirectoryEdit, text_that_is_given_up_is_kept) {
    will_write(1, with("<bad/>"));
    for (const auto* typed : {"n\n", ""}) {
        std::filesystem::remove(drafts_.path() / "edits");
        EXPECT_EQ(ssictl({"directory", "edit", "g"}, typed), 1);
        EXPECT_EQ(read_text_file(edited_file()), with("<bad/>"));
        EXPECT_NE(errors_.str().find(std::format("ssictl directory put {} --base 7", edited_file())), std::string::npos)
            << errors_.str();
    }
    EXPECT_EQ(std::filesystem::status(edited_file()).permissions(),
              std::filesystem::perms::owner_read | std::filesystem::perms::owner_write)
        << "it may hold passwords";
}

TEST_F(SsictlDirectoryEdit, editor_that_fails_changes_nothing) {
    EXPECT_EQ(ssictl({"directory", "edit", "g"}), 1);
    EXPECT_TRUE(errors_.str().starts_with("ssictl: SSI-6003 the editor ")) << errors_.str();
    EXPECT_EQ(directory_.put().first, "");
    EXPECT_FALSE(std::filesystem::exists(edited_file()));
}

TEST_F(SsictlDirectoryEdit, guest_that_is_not_there_is_not_edited) {
    EXPECT_EQ(ssictl({"directory", "edit", "x"}), 1);
    EXPECT_EQ(edits(), 0);
}

TEST_F(SsictlDirectoryEdit, when_somebody_else_was_faster_the_text_is_kept) {
    will_write(1, with("<faster/>"));
    EXPECT_EQ(ssictl({"directory", "edit", "g"}, "y\n"), 1);
    EXPECT_EQ(edits(), 1) << "another text would not help";
    EXPECT_EQ(read_text_file(edited_file()), with("<faster/>"));
    EXPECT_NE(errors_.str().find("ssictl directory get g prints what there is now"), std::string::npos)
        << errors_.str();
}

}  // namespace
}  // namespace ssi::ctl
