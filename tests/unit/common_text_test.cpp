// Text from outside: files, and what strangers send.

#include <gtest/gtest.h>

#include <fstream>

#include "lib/common/plain_text.hpp"
#include "lib/common/text_file.hpp"
#include "lib/common/toml_nesting.hpp"
#include "lib/common/word_list.hpp"
#include "tests/unit/temporary_directory.hpp"

namespace ssi {
namespace {

using test::TemporaryDirectory;

TEST(PlainText, is_what_terminals_and_dbus_take) {
    for (const auto* text : {"", "MEMBER1", "a b~", "\u00a0", "Gr\u00fc\u00dfe", "\u65e5\u672c", "\U0001f600"})
        EXPECT_TRUE(is_plain_text(text)) << text;
}

TEST(PlainText, is_not_what_controls_a_terminal_or_is_no_utf8) {
    using namespace std::string_view_literals;
    for (const auto text : {"a\nb"sv, "\0"sv, "\x1b[2J"sv, "\x7f"sv, "\u0085"sv, "\x80"sv, "\xc3"sv, "\xc3("sv,
                            "\xc0\xaf"sv, "\xe0\x80\x80"sv, "\xed\xa0\x80"sv, "\xef\xbf\xbe"sv, "\xef\xb7\x90"sv,
                            "\xf0\x80\x80\x80"sv, "\xf4\x90\x80\x80"sv, "\xf8\x88\x80\x80\x80"sv, "\xff"sv})
        EXPECT_FALSE(is_plain_text(text)) << ::testing::PrintToString(text);
}

TEST(PlainText, is_made_of_other_text) {
    EXPECT_EQ(plain_text("Gr\u00fc\u00dfe"), "Gr\u00fc\u00dfe");
    EXPECT_EQ(plain_text("a\nb\xff"), "a?b?");
}

TEST(WordList, has_each_word_once_in_the_order_in_which_they_come) {
    EXPECT_EQ(distinct_words(""), "");
    EXPECT_EQ(distinct_words(" ssid ssi-guard  isfcd ssid ssi "), "ssid ssi-guard isfcd ssi");
}

TEST(TextFile, is_read_as_a_whole_and_may_be_empty) {
    const TemporaryDirectory directory;
    const auto file = directory.path() / "x";
    EXPECT_FALSE(read_text_file(file));
    for (const std::size_t size : {0, 1, 4096, 10'000}) {
        std::ofstream(file) << std::string(size, 'x');
        EXPECT_EQ(read_text_file(file), std::string(size, 'x'));
    }
    EXPECT_FALSE(read_text_file(directory.path())) << "a directory is no text";
}

TEST(TomlNesting, of_files_that_people_write_is_accepted) {
    const std::string brackets(100, '[');
    EXPECT_TRUE(check_toml_nesting("[[a]]\nb = [[1, 2], [{ c = 1 }]]\n", "f"));
    EXPECT_TRUE(check_toml_nesting("# " + brackets + "\na = \"\\\"" + brackets + "\"\nb = '\\'\n", "f"));
    EXPECT_TRUE(check_toml_nesting("a = '''\n'" + brackets + "\n'''\nb = \"\"\"\"" + brackets + "\"\"\"", "f"));
}

TEST(TomlNesting, beyond_what_the_parser_survives_is_refused_with_its_place) {
    for (const char bracket : {'[', '{'}) {
        const auto checked = check_toml_nesting("\n\na = " + std::string(10'000, bracket), "system.toml");
        ASSERT_FALSE(checked);
        EXPECT_EQ(checked.error().what, "system.toml:3:69: more than 64 brackets are open");
    }
}

}  // namespace
}  // namespace ssi
