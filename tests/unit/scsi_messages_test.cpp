// PERSISTENT RESERVE IN and OUT, byte for byte after SPC-4.
#include <gtest/gtest.h>

#include <string_view>

#include "lib/common/scsi/reservation_messages.hpp"

namespace ssi::scsi {
namespace {

/// "5e 00 ..." as bytes.
Bytes hex(std::string_view text) {
    Bytes bytes;
    const auto digit = [](char letter) { return letter <= '9' ? letter - '0' : letter - 'a' + 10; };
    for (std::size_t i = 0; i + 1 < text.size(); i += 3)
        bytes.push_back(static_cast<std::byte>(digit(text[i]) * 16 + digit(text[i + 1])));
    return bytes;
}

constexpr ReservationKey kOwn{0x1122334455667788};
constexpr ReservationKey kOther{0x99aabbccddeeff00};

TEST(ReserveIn, is_a_cdb_with_action_and_allocation_length) {
    EXPECT_EQ(reserve_in(ReserveIn::kReadKeys, 0x1234).cdb, hex("5e 00 00 00 00 00 00 12 34 00"));
    EXPECT_EQ(reserve_in(ReserveIn::kReadReservation, 24).cdb, hex("5e 01 00 00 00 00 00 00 18 00"));
    EXPECT_EQ(reserve_in(ReserveIn::kReportCapabilities, 8).cdb, hex("5e 02 00 00 00 00 00 00 08 00"));
    EXPECT_EQ(reserve_in(ReserveIn::kReadKeys, 1'000'000).in, kMostAnswer);
}

TEST(ReserveOut, carries_keys_in_its_parameters_and_the_type_in_its_cdb) {
    const auto preempt = reserve_out({ReserveOut::kPreemptAndAbort, kOwn, kOther});
    EXPECT_EQ(preempt.cdb, hex("5f 05 07 00 00 00 00 00 18 00"));
    EXPECT_EQ(preempt.out, hex("11 22 33 44 55 66 77 88 99 aa bb cc dd ee ff 00 00 00 00 00 00 00 00 00"));
    EXPECT_EQ(preempt.name, "PERSISTENT RESERVE OUT (preempt and abort)");
}

TEST(ReserveOut, register_has_no_type_and_may_last_through_power_loss) {
    const auto command = reserve_out(
        {.action = ReserveOut::kRegisterAndIgnoreExistingKey, .action_key = kOwn, .through_power_loss = true});
    EXPECT_EQ(command.cdb, hex("5f 06 00 00 00 00 00 00 18 00"));
    EXPECT_EQ(command.out, hex("00 00 00 00 00 00 00 00 11 22 33 44 55 66 77 88 00 00 00 00 01 00 00 00"));
}

TEST(ReadKeys, has_every_key_of_the_list) {
    const auto keys =
        decode_keys(hex("00 00 00 05 00 00 00 10 11 22 33 44 55 66 77 88 99 aa bb cc dd ee ff 00 12 34"), "sda");
    ASSERT_TRUE(keys);
    EXPECT_EQ(*keys, (RegisteredKeys{5, {kOwn, kOther}, true})) << "what lies behind the list is not in it";
    EXPECT_EQ(decode_keys(hex("00 00 00 05 00 00 00 00"), "sda"), (RegisteredKeys{5, {}, true}));
}

TEST(ReadKeys, that_had_no_room_for_all_says_so) {
    const auto keys = decode_keys(hex("00 00 00 05 00 00 00 10 11 22 33 44 55 66 77 88 99 aa"), "sda");
    ASSERT_TRUE(keys);
    EXPECT_EQ(*keys, (RegisteredKeys{5, {kOwn}, false}));
}

TEST(ReadKeys, of_impossible_lengths_are_refused) {
    EXPECT_FALSE(decode_keys({}, "sda"));
    EXPECT_FALSE(decode_keys(hex("00 00 00 05 00 00 00"), "sda"));
    EXPECT_FALSE(decode_keys(hex("00 00 00 05 00 00 00 07 11 22 33 44 55 66 77"), "sda"));
    EXPECT_FALSE(decode_keys(hex("00 00 00 05 ff ff ff ff"), "sda")) << "no multiple of a key's size";
}

TEST(ReadReservation, tells_holder_and_type) {
    const auto held =
        decode_reservation(hex("00 00 00 05 00 00 00 10 11 22 33 44 55 66 77 88 00 00 00 00 00 05 00 00"), "sda");
    ASSERT_TRUE(held);
    EXPECT_EQ(*held, (Reservation{kOwn, ReservationType::kWriteExclusiveRegistrants}));
    const auto none = decode_reservation(hex("00 00 00 05 00 00 00 00"), "sda");
    ASSERT_TRUE(none);
    EXPECT_FALSE(*none);
}

TEST(ReadReservation, that_is_cut_short_or_of_a_part_of_the_unit_is_refused) {
    const auto whole = hex("00 00 00 05 00 00 00 10 11 22 33 44 55 66 77 88 00 00 00 00 00 07 00 00");
    for (std::size_t size = 0; size < whole.size(); ++size)
        EXPECT_FALSE(decode_reservation(ByteView(whole).first(size), "sda")) << size;
    auto of_an_extent = whole;
    of_an_extent[21] = std::byte{0x17};
    EXPECT_FALSE(decode_reservation(of_an_extent, "sda"));
}

TEST(ReportCapabilities, tells_types_and_power_loss) {
    const auto known = decode_capabilities(hex("00 08 01 80 ea 01 00 00"), "sda");
    ASSERT_TRUE(known);
    EXPECT_TRUE(known->keeps_through_power_loss);
    EXPECT_TRUE(known->may_know(ReservationType::kWriteExclusiveAllRegistrants));
    EXPECT_TRUE(known->may_know(ReservationType::kExclusiveAccessAllRegistrants));
    const auto without = decode_capabilities(hex("00 08 00 80 6a 00 00 00"), "sda");
    ASSERT_TRUE(without);
    EXPECT_FALSE(without->keeps_through_power_loss);
    EXPECT_FALSE(without->may_know(ReservationType::kWriteExclusiveAllRegistrants));
    EXPECT_TRUE(without->may_know(ReservationType::kWriteExclusiveRegistrants));
}

TEST(ReportCapabilities, that_tells_no_types_rules_none_out) {
    const auto silent = decode_capabilities(hex("00 08 00 00 00 00 00 00"), "sda");
    ASSERT_TRUE(silent);
    EXPECT_TRUE(silent->may_know(ReservationType::kWriteExclusiveAllRegistrants));
    EXPECT_FALSE(decode_capabilities(hex("00 08 00 00 00 00 00"), "sda"));
    EXPECT_FALSE(decode_capabilities(hex("00 04 00 00 00 00 00 00"), "sda"));
}

}  // namespace
}  // namespace ssi::scsi
