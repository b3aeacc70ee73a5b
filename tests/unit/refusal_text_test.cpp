#include "daemons/ssid/guests/refusal_text.hpp"

#include <gtest/gtest.h>

namespace ssi::cluster {
namespace {

const Error kRefusal{ErrorCode::kGuestRunsElsewhere, "guest linux01 runs on MEMBER2", "",
                     "use: ssictl relocate move linux01 MEMBER1"};

TEST(RefusalText, clean_text_of_the_lock_door_is_found) {
    EXPECT_EQ(find_refusal("SSI-1046 no right for guest g"),
              (Error{ErrorCode::kNoRight, "no right for guest g", "", ""}));
}

TEST(RefusalText, text_with_remedy_is_what_text_made) {
    EXPECT_EQ(find_refusal(kRefusal.text()), kRefusal);
}

TEST(RefusalText, denied_register_at_start_is_found) {
    EXPECT_EQ(
        find_refusal("internal error: Process exited prior to exec: libvirt: Lock Driver error : " + kRefusal.text()),
        kRefusal);
}

TEST(RefusalText, hook_refusal_is_found) {
    EXPECT_EQ(
        find_refusal("Hook script execution failed: internal error: Child process (LC_ALL=C PATH=/usr/sbin:/usr/bin "
                     "/etc/libvirt/hooks/qemu.d/ssi linux01 prepare begin -) unexpected exit status 3: " +
                     kRefusal.text() + "\n"),
        kRefusal);
}

TEST(RefusalText, following_lines_are_left_out) {
    EXPECT_EQ(find_refusal("failed:\nSSI-2001 no majority \r\nqemu: warning"),
              (Error{ErrorCode::kNoMajority, "no majority", "", ""}));
}

TEST(RefusalText, parentheses_inside_stay_where_they_are) {
    EXPECT_EQ(find_refusal("SSI-6003 cannot (really) do it"),
              (Error{ErrorCode::kSystemFailed, "cannot (really) do it", "", ""}));
    EXPECT_EQ(find_refusal("SSI-6003 it (a) failed (try (b) again)"),
              (Error{ErrorCode::kSystemFailed, "it (a) failed", "", "try (b) again"}));
    EXPECT_EQ(find_refusal("SSI-6003 (all)"), (Error{ErrorCode::kSystemFailed, "(all)", "", ""}));
    EXPECT_EQ(find_refusal("SSI-6003 odd)"), (Error{ErrorCode::kSystemFailed, "odd)", "", ""}));
}

TEST(RefusalText, foreign_text_holds_none) {
    for (const auto* text : {"", "SSI-", "SSI-104", "SSI-10x0 no", "SSI-1040", "SSI-10400 no",
                             "Cannot access storage file '/srv/SSI-disk'", "SSI0101E guest linux01 is already active"})
        EXPECT_FALSE(find_refusal(text)) << text;
}

TEST(RefusalText, look_alike_before_it_is_passed_over) {
    EXPECT_EQ(find_refusal("disk SSI-DATA: SSI-1048 the door is shut"),
              (Error{ErrorCode::kDoorClosed, "the door is shut", "", ""}));
}

}  // namespace
}  // namespace ssi::cluster
