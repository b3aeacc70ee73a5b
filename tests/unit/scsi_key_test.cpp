// What a key says of its owner.
#include <gtest/gtest.h>

#include <set>
#include <utility>

#include "lib/common/scsi/reservation_key.hpp"

namespace ssi::scsi {
namespace {

const std::string kUuid = "6f0e2a30-1b5c-4c6e-9d0a-7d2f1c9b8e11";

MemberSlot slot(int number) {
    return *MemberSlot::from(number);
}

TEST(ReservationKey, names_cluster_slot_and_incarnation) {
    const KeyScheme scheme(kUuid);
    const auto key = scheme.key(slot(3), Incarnation{7});
    EXPECT_EQ(std::to_underlying(key) & 0xffffffff, 0x03000007U);
    EXPECT_EQ(scheme.owner(key), (KeyOwner{slot(3), 7}));
    EXPECT_EQ(text_of(ReservationKey{0x1a2b3c4d03000007}), "0x1a2b3c4d03000007");
}

TEST(ReservationKey, of_a_member_that_comes_back_is_another_one) {
    const KeyScheme scheme(kUuid);
    EXPECT_NE(scheme.key(slot(1), Incarnation{7}), scheme.key(slot(1), Incarnation{8}));
}

TEST(ReservationKey, of_no_two_members_is_the_same_and_none_is_zero) {
    const KeyScheme scheme(kUuid);
    std::set<ReservationKey> keys;
    for (int number = 1; number <= 32; ++number)
        for (const auto incarnation : {0ULL, 1ULL, 0xffffffULL}) {
            const auto key = scheme.key(slot(number), Incarnation{incarnation});
            EXPECT_TRUE(keys.insert(key).second);
            EXPECT_NE(std::to_underlying(key), 0U);
        }
}

TEST(ReservationKey, of_another_cluster_or_of_no_slot_is_a_strangers) {
    const KeyScheme scheme(kUuid);
    const KeyScheme other("6f0e2a30-1b5c-4c6e-9d0a-7d2f1c9b8e12");
    EXPECT_FALSE(scheme.owner(other.key(slot(3), Incarnation{7})));
    EXPECT_FALSE(scheme.owner(ReservationKey{0}));
    const auto base = std::to_underlying(scheme.key(slot(1), Incarnation{1})) & ~0xff000000ULL;
    EXPECT_FALSE(scheme.owner(ReservationKey{base}));
    EXPECT_FALSE(scheme.owner(ReservationKey{base | 33ULL << 24U}));
}

TEST(ReservationKey, keeps_the_low_bits_of_a_large_incarnation) {
    const KeyScheme scheme(kUuid);
    EXPECT_EQ(scheme.owner(scheme.key(slot(32), Incarnation{0xffffffff01000005})), (KeyOwner{slot(32), 5}));
}

}  // namespace
}  // namespace ssi::scsi
