#include <gtest/gtest.h>

#include "lib/common/error.hpp"
#include "lib/common/json_message.hpp"
#include "lib/common/names.hpp"

namespace ssi {
namespace {

TEST(MemberName, letters_digits_and_dashes_are_taken) {
    EXPECT_TRUE(MemberName::parse("MEMBER1"));
    EXPECT_TRUE(MemberName::parse("kvm-host-07"));
}

TEST(MemberName, what_could_be_a_path_or_option_is_refused) {
    for (const auto* bad : {"", "-x", "a/b", "..", "a b", "a\n", "ä"}) EXPECT_FALSE(MemberName::parse(bad)) << bad;
    EXPECT_FALSE(MemberName::parse(std::string(65, 'a')));
}

TEST(GuestName, slashes_and_control_bytes_are_refused) {
    EXPECT_TRUE(GuestName::parse("linux 01 (test)"));
    for (const auto* bad : {"", ".", "..", "a/b", "a\x01", "a\x7f"}) EXPECT_FALSE(GuestName::parse(bad)) << bad;
}

TEST(GuestUuid, only_the_canonical_form_is_taken) {
    EXPECT_TRUE(GuestUuid::parse("11111111-2222-3333-4444-555555555501"));
    EXPECT_FALSE(GuestUuid::parse("11111111-2222-3333-4444-55555555550A"));
    EXPECT_FALSE(GuestUuid::parse("11111111222233334444555555555501"));
}

TEST(MemberSlot, one_to_thirty_two) {
    EXPECT_FALSE(MemberSlot::from(0));
    EXPECT_EQ(MemberSlot::from(32)->number(), 32);
    EXPECT_FALSE(MemberSlot::from(33));
}

TEST(RunId, two_are_never_the_same) {
    EXPECT_NE(RunId::random(), RunId::random());
}

TEST(Error, text_has_code_reason_and_remedy) {
    const Error error{ErrorCode::kGuestRunsElsewhere, "guest g runs on MEMBER1", "g", "wait"};
    EXPECT_EQ(error.text(), "SSI-1040 guest g runs on MEMBER1 (wait)");
    EXPECT_EQ(json::to_error(json::from_error(error)), error);
}

TEST(JsonMessage, wrong_types_and_missing_fields_name_the_field) {
    const auto message = json::parse(R"({"a":"x","n":-1})", "a test");
    ASSERT_TRUE(message);
    EXPECT_EQ(json::text(*message, "a"), "x");
    EXPECT_NE(json::number(*message, "a").error().what.find("'a'"), std::string::npos);
    EXPECT_FALSE(json::unsigned_number(*message, "n"));
    EXPECT_FALSE(json::parse("[1]", "a test"));
    EXPECT_FALSE(json::parse("{", "a test"));
    EXPECT_FALSE(json::parse(R"({"a":1})", "a test", 3));
}

}  // namespace
}  // namespace ssi
