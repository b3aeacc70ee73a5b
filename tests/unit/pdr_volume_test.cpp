// A PDR volume: whose it is, that nothing else is overwritten, and the members' slots.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "lib/common/pdr/volume.hpp"
#include "tests/unit/pdr_disk.hpp"
#include "tests/unit/temporary_directory.hpp"

namespace ssi::pdr {
namespace {

class PdrVolume : public ::testing::Test {
  protected:
    const ClusterIdentity ours = cluster("OURS", '1');
    const ClusterIdentity theirs = cluster("THEIRS", '2');
    MemoryDisk disk{kSize};

    static MemberSlot slot(int number) { return *MemberSlot::from(number); }
    static SlotSign sign(const std::string& member, std::uint64_t counter) {
        SlotSign one;
        one.counter = counter;
        one.record.member = *MemberName::parse(member);
        return one;
    }
};

TEST_F(PdrVolume, a_blank_disk_is_formatted_and_is_then_ours) {
    const auto label = format(disk, ours, {.now = 1'700'000'000});
    ASSERT_TRUE(label) << label.error().text();
    EXPECT_EQ(label->cluster, "OURS");
    EXPECT_EQ(check_label(disk, ours), *label);
    const auto slots = read_slots(disk, ours.id);
    ASSERT_TRUE(slots);
    for (const auto& reading : *slots) EXPECT_FALSE(reading.sign || reading.fault);
}

TEST_F(PdrVolume, what_is_not_blank_is_not_overwritten_without_force) {
    disk.at(kLabelAt + 1'000'000) = std::byte{1};
    const auto before = disk.bytes();
    const auto refused = format(disk, ours, {.contents = "ext4 'data'"});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::kPdrForeign);
    EXPECT_NE(refused.error().what.find("ext4 'data'"), std::string::npos);
    EXPECT_EQ(disk.bytes(), before);
    EXPECT_TRUE(format(disk, ours, {.force = true}));
    EXPECT_TRUE(check_label(disk, ours));
}

TEST_F(PdrVolume, another_clusters_volume_is_named_and_refused_R6) {
    ASSERT_TRUE(format(disk, theirs, {}));
    const auto before = disk.bytes();
    const auto checked = check_label(disk, ours);
    ASSERT_FALSE(checked);
    EXPECT_EQ(checked.error().code, ErrorCode::kPdrForeign);
    EXPECT_NE(checked.error().what.find("cluster THEIRS"), std::string::npos);
    const auto formatted = format(disk, ours, {});
    ASSERT_FALSE(formatted);
    EXPECT_NE(formatted.error().what.find("the PDR of cluster THEIRS"), std::string::npos);
    EXPECT_EQ(disk.bytes(), before);
}

TEST_F(PdrVolume, same_name_but_another_uuid_is_another_cluster) {
    ASSERT_TRUE(format(disk, cluster("OURS", '3'), {}));
    EXPECT_EQ(check_label(disk, ours).error().code, ErrorCode::kPdrForeign);
}

TEST_F(PdrVolume, a_format_that_was_cut_off_at_any_write_leaves_no_volume_that_is_half_new) {
    for (int writes = 0; writes < 3; ++writes) {
        MemoryDisk one{kSize};
        ASSERT_TRUE(format(one, theirs, {}));
        one.writes_left = writes;
        EXPECT_FALSE(format(one, ours, {.force = true}));
        one.writes_left.reset();
        const auto checked = check_label(one, ours);
        // The last write is the label itself: its copy says already whose it is, and everything else is done.
        EXPECT_EQ(checked.has_value(), writes == 2) << writes;
        EXPECT_FALSE(check_label(one, theirs)) << writes;
    }
}

TEST_F(PdrVolume, a_damaged_label_is_found_in_its_copy_and_told) {
    ASSERT_TRUE(format(disk, ours, {}));
    disk.at(kLabelAt + 20) ^= std::byte{1};
    EXPECT_TRUE(check_label(disk, ours));
    const auto found = inspect(disk);
    ASSERT_TRUE(found);
    EXPECT_TRUE(found->label_damaged);
    disk.at(kLabelCopyAt + 20) ^= std::byte{1};
    EXPECT_EQ(check_label(disk, ours).error().code, ErrorCode::kPdrForeign);
}

TEST_F(PdrVolume, a_disk_that_is_too_small_is_refused) {
    MemoryDisk small{kLeastVolume - kBlockSize};
    EXPECT_EQ(format(small, ours, {}).error().code, ErrorCode::kPdrUnreadable);
}

TEST_F(PdrVolume, each_member_finds_the_signs_of_the_others) {
    ASSERT_TRUE(format(disk, ours, {}));
    ASSERT_TRUE(write_slot(disk, ours.id, slot(1), sign("A", 5)));
    ASSERT_TRUE(write_slot(disk, ours.id, slot(32), sign("B", 6)));
    ASSERT_TRUE(write_slot(disk, ours.id, slot(1), sign("A", 7)));
    const auto slots = read_slots(disk, ours.id);
    ASSERT_TRUE(slots);
    EXPECT_EQ((*slots)[0].sign, sign("A", 7));
    EXPECT_EQ((*slots)[31].sign, sign("B", 6));
    EXPECT_FALSE((*slots)[1].sign);
}

TEST_F(PdrVolume, a_torn_slot_hides_no_other_and_is_whole_again_with_the_next_write) {
    ASSERT_TRUE(format(disk, ours, {}));
    ASSERT_TRUE(write_slot(disk, ours.id, slot(1), sign("A", 5)));
    ASSERT_TRUE(write_slot(disk, ours.id, slot(2), sign("B", 5)));
    disk.writes_left = 0;
    EXPECT_EQ(write_slot(disk, ours.id, slot(1), sign("ANOTHER", 6)).error().code, ErrorCode::kPdrUnwritable);
    disk.writes_left.reset();
    auto slots = read_slots(disk, ours.id);
    ASSERT_TRUE(slots);
    ASSERT_TRUE((*slots)[0].fault);
    EXPECT_EQ((*slots)[0].fault->code, ErrorCode::kPdrDamaged);
    EXPECT_EQ((*slots)[1].sign, sign("B", 5));
    ASSERT_TRUE(write_slot(disk, ours.id, slot(1), sign("A", 7)));
    EXPECT_EQ(read_slots(disk, ours.id).value()[0].sign, sign("A", 7));
}

TEST_F(PdrVolume, slot_of_another_cluster_or_in_another_place_is_no_sign) {
    ASSERT_TRUE(format(disk, ours, {}));
    ASSERT_TRUE(write_slot(disk, theirs.id, slot(1), sign("A", 5)));
    ASSERT_TRUE(write_slot(disk, ours.id, slot(2), sign("B", 5)));
    std::copy_n(&disk.at(block_at(BlockKind::kSlot, slot(2))), kBlockSize,
                &disk.at(block_at(BlockKind::kSlot, slot(3))));
    const auto slots = read_slots(disk, ours.id);
    ASSERT_TRUE(slots);
    EXPECT_EQ((*slots)[0].fault->code, ErrorCode::kPdrForeign);
    EXPECT_EQ((*slots)[2].fault->code, ErrorCode::kPdrForeign);
}

TEST(PdrDisk, a_file_is_read_and_written_past_the_cache) {
    const test::TemporaryDirectory folder;
    const auto path = folder.path() / "pdr";
    std::ofstream(path).close();
    std::filesystem::resize_file(path, kSize);
    auto disk = DirectDisk::open(path, DiskAccess::kReadWrite);
    if (!disk) GTEST_SKIP() << disk.error().text();
    const auto ours = cluster("OURS", '1');
    ASSERT_TRUE(format(**disk, ours, {}));
    auto again = DirectDisk::open(path, DiskAccess::kRead);
    ASSERT_TRUE(again);
    EXPECT_TRUE(check_label(**again, ours));
    EXPECT_FALSE(write_slot(**again, ours.id, *MemberSlot::from(1), {})) << "opened for reading";
}

TEST(PdrDisk, what_cannot_be_opened_is_told_with_the_path) {
    const auto missing = DirectDisk::open("/nonexistent/pdr", DiskAccess::kRead);
    ASSERT_FALSE(missing);
    EXPECT_NE(missing.error().what.find("/nonexistent/pdr"), std::string::npos);
    EXPECT_FALSE(DirectDisk::open("/dev/null", DiskAccess::kRead));
}

}  // namespace
}  // namespace ssi::pdr
