// The form of a PDR's blocks: what is on the disk for ever.
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "lib/common/pdr/block.hpp"
#include "lib/common/pdr/records.hpp"
#include "tests/unit/pdr_disk.hpp"

namespace ssi::pdr {
namespace {

using namespace std::chrono_literals;

std::string hex(ByteView bytes) {
    std::string text;
    for (const auto byte : bytes) text += std::format("{:02x}", std::to_integer<int>(byte));
    return text;
}

Bytes bytes_of(std::string_view text) {
    const auto bytes = std::as_bytes(std::span(text));
    return {bytes.begin(), bytes.end()};
}

SlotRecord slot() {
    SlotRecord record;
    record.member = *MemberName::parse("MEMBER2");
    record.incarnation = Incarnation{7};
    record.boot.fill(std::byte{0xb0});
    record.lease = 5s;
    record.watchdog = 4s;
    record.watchdog_kind = WatchdogKind::kHardware;
    record.armed = true;
    record.engine_ok = true;
    return record;
}

TEST(PdrBlock, uuid_survives_its_binary_form) {
    EXPECT_EQ(text_of(kCluster), "6f0e2a30-1b5c-4c6e-9d0a-7d2f1c9b8e11");
}

TEST(PdrBlock, what_was_sealed_is_found_again) {
    const Envelope envelope{BlockKind::kVerdict, kCluster, 32, 0x0102030405060708};
    const auto block = seal(envelope, bytes_of("payload"));
    const auto opened = open(block.bytes, "here");
    ASSERT_TRUE(opened);
    EXPECT_EQ(opened->envelope, envelope);
    EXPECT_EQ(Bytes(opened->payload.begin(), opened->payload.end()), bytes_of("payload"));
}

TEST(PdrBlock, form_on_the_disk_is_that_of_docs_pdr) {
    const auto block = seal({BlockKind::kSlot, kCluster, 2, 0x1122}, encode(slot()));
    EXPECT_EQ(hex(ByteView(block.bytes).first(44)),
              "5353495044520d0a"  // magic
              "0001"
              "0002"
              "0000002e"                          // version, kind, length
              "6f0e2a301b5c4c6e9d0a7d2f1c9b8e11"  // cluster
              "00000002"
              "0000000000001122");  // writer, sequence
    EXPECT_EQ(hex(ByteView(block.bytes).subspan(44, 0x2e)),
              "0007"
              "4d454d42455232"                    // MEMBER2
              "0000000000000007"                  // incarnation
              "b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0"  // boot
              "00001388"
              "00000fa0"  // lease, watchdog: ms
              "02"
              "00000009");  // hardware; armed, engine_ok
    EXPECT_EQ(hex(ByteView(block.bytes).subspan(4092)), "e71bf08b");
}

TEST(PdrBlock, any_changed_bit_is_noticed) {
    std::mt19937 random(1);  // NOLINT: the same every time
    const auto whole = seal({BlockKind::kSlot, kCluster, 2, 9}, encode(slot()));
    for (int i = 0; i < 500; ++i) {
        auto block = whole;
        block.bytes[random() % kBlockSize] ^= std::byte(1 << random() % 8);
        const auto opened = open(block.bytes, "here");
        ASSERT_FALSE(opened);
        EXPECT_EQ(opened.error().code, ErrorCode::kPdrDamaged);
    }
}

TEST(PdrBlock, a_write_that_was_cut_off_anywhere_is_noticed) {
    auto later = slot();
    later.lone = true;
    const auto before = seal({BlockKind::kSlot, kCluster, 2, 9}, encode(slot()));
    const auto after = seal({BlockKind::kSlot, kCluster, 2, 10}, encode(later));
    for (std::size_t cut = 512; cut < kBlockSize; cut += 512) {
        auto torn = before;
        std::copy_n(after.bytes.begin(), cut, torn.bytes.begin());
        EXPECT_FALSE(open(torn.bytes, "here")) << cut;
    }
}

TEST(PdrBlock, later_versions_zeros_and_pieces_are_told_apart) {
    Block zeros;
    EXPECT_NE(open(zeros.bytes, "slot 3").error().what.find("nothing was ever written"), std::string::npos);
    Block other;
    other.bytes.fill(std::byte{7});
    EXPECT_NE(open(other.bytes, "slot 3").error().what.find("no block of a PDR"), std::string::npos);
    EXPECT_FALSE(open(std::span(other.bytes).first(512), "slot 3"));
}

TEST(PdrRecords, slot_survives) {
    const auto record = slot();
    EXPECT_EQ(decode_slot(encode(record), "slot 2"), record);
}

TEST(PdrRecords, slot_of_a_later_member_with_more_fields_is_read) {
    auto bytes = encode(slot());
    bytes.resize(bytes.size() + 100, std::byte{0xff});
    EXPECT_EQ(decode_slot(bytes, "slot 2"), slot());
}

TEST(PdrRecords, kind_of_watchdog_that_is_not_known_proves_nothing) {
    auto bytes = encode(slot());
    bytes[bytes.size() - 5] = std::byte{9};
    EXPECT_EQ(decode_slot(bytes, "slot 2")->watchdog_kind, WatchdogKind::kNone);
}

TEST(PdrRecords, pieces_of_records_are_refused) {
    const auto bytes = encode(slot());
    for (std::size_t size = 0; size < bytes.size(); ++size)
        EXPECT_FALSE(decode_slot(ByteView(bytes).first(size), "slot 2")) << size;
    const Label label{"TESTCLUSTER", 1 << 30, 2, 3, 1'700'000'000, "/dev/successor", 4711};
    const auto label_bytes = encode(label);
    EXPECT_EQ(decode_label(label_bytes, "label"), label);
    const auto of_an_earlier_version = encode(Label{.cluster = "TESTCLUSTER"}).size() - 2 - 8;
    for (std::size_t size = 0; size < label_bytes.size(); ++size)
        EXPECT_EQ(decode_label(ByteView(label_bytes).first(size), "label").has_value(), size == of_an_earlier_version);
}

}  // namespace
}  // namespace ssi::pdr
