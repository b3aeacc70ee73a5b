// Sense data in both formats, whole and cut short.
#include <gtest/gtest.h>

#include <initializer_list>

#include "lib/common/scsi/sense.hpp"

namespace ssi::scsi {
namespace {

Bytes bytes(std::initializer_list<int> numbers) {
    Bytes result;
    for (const int number : numbers) result.push_back(static_cast<std::byte>(number));
    return result;
}

const Bytes kFixed = bytes({0x70, 0, 0x06, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x2a, 0x05, 0, 0, 0, 0});

TEST(Sense, fixed_format_is_understood) {
    EXPECT_EQ(decode_sense(kFixed), (Sense{SenseKey::kUnitAttention, 0x2a, 0x05, false}));
}

TEST(Sense, descriptor_format_is_understood) {
    EXPECT_EQ(decode_sense(bytes({0x72, 0x05, 0x24, 0x00, 0, 0, 0, 0})),
              (Sense{SenseKey::kIllegalRequest, 0x24, 0x00, false}));
}

TEST(Sense, of_an_earlier_command_says_so) {
    EXPECT_TRUE(decode_sense(bytes({0x71, 0, 3, 0, 0, 0, 0, 0}))->is_deferred);
    EXPECT_TRUE(decode_sense(bytes({0x73, 3, 0, 0}))->is_deferred);
    EXPECT_TRUE(decode_sense(bytes({0xf1, 0, 3, 0, 0, 0, 0, 0}))->is_deferred) << "with the bit for valid information";
}

TEST(Sense, what_lies_behind_its_length_is_not_believed) {
    auto short_one = kFixed;
    short_one[7] = std::byte{0};
    EXPECT_EQ(decode_sense(short_one), (Sense{SenseKey::kUnitAttention, 0, 0, false}));
}

TEST(Sense, that_is_cut_short_is_read_as_far_as_it_goes_or_not_at_all) {
    for (std::size_t size = 0; size <= kFixed.size(); ++size) {
        const auto sense = decode_sense(ByteView(kFixed).first(size));
        EXPECT_EQ(sense.has_value(), size >= 3) << size;
        if (sense) {
            EXPECT_EQ(sense->code, size > 12 ? 0x2a : 0) << size;
        }
    }
    EXPECT_FALSE(decode_sense(bytes({0x72, 0x05, 0x24})));
}

TEST(Sense, of_another_format_is_none) {
    EXPECT_FALSE(decode_sense(bytes({0x7f, 0, 6, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x2a, 5})));
    EXPECT_FALSE(decode_sense(Bytes(18)));
}

TEST(Sense, is_told_in_words_with_its_numbers) {
    EXPECT_EQ(text_of(Sense{SenseKey::kIllegalRequest, 0x24, 0x00, false}),
              "illegal request, invalid field in the command (24h/00h)");
    EXPECT_EQ(text_of(Sense{SenseKey::kUnitAttention, 0x2a, 0x05, false}),
              "unit attention, registrations preempted (2Ah/05h)");
    EXPECT_EQ(text_of(Sense{SenseKey::kNotReady, 0x04, 0x00, false}), "not ready (04h/00h)");
    EXPECT_EQ(text_of(Sense{SenseKey{0x9}, 0x80, 0x01, true}), "sense key 9h (80h/01h, of an earlier command)");
}

}  // namespace
}  // namespace ssi::scsi
