// The witness's data, taken over: the copy is whole, and the other's area stays as it was (SAFETY 17).
#include <gtest/gtest.h>

#include <map>
#include <mutex>
#include <random>
#include <vector>

#include "lib/common/pdr/area_copy.hpp"

namespace ssi::pdr {
namespace {

/// Two areas, most of them zeros; keeps only what was written. Several threads.
class ThinDisk final : public Disk {
  public:
    Result<void> read(std::uint64_t offset, std::span<Block> into) override {
        const std::lock_guard lock(mutex_);
        if (--reads_until_late == 0) blocks_[late_at].bytes.fill(std::byte('L'));
        for (auto& block : into) {
            const auto found = blocks_.find(offset);
            block = found == blocks_.end() ? Block{} : found->second;
            offset += kBlockSize;
        }
        return {};
    }
    Result<void> write(std::uint64_t offset, std::span<const Block> blocks) override {
        const std::lock_guard lock(mutex_);
        if (writes_left-- == 0) return failure(ErrorCode::kPdrUnwritable, "cannot write", name_);
        for (const auto& block : blocks) {
            blocks_[offset] = block;
            offset += kBlockSize;
        }
        return {};
    }
    [[nodiscard]] std::uint64_t size() const override { return kWitnessAt + 2 * kWitnessArea; }
    [[nodiscard]] const std::string& name() const override { return name_; }

    void put(MemberSlot slot, std::uint64_t block, char text) {
        blocks_[witness_at(slot) + block * kBlockSize].bytes.fill(std::byte(text));
    }
    [[nodiscard]] char at(MemberSlot slot, std::uint64_t block) const {
        const auto found = blocks_.find(witness_at(slot) + block * kBlockSize);
        return found == blocks_.end() ? '\0' : static_cast<char>(found->second.bytes[kBlockSize - 1]);
    }

    int writes_left = -1;  ///< Negative: no limit.
    int reads_until_late = 0;
    std::uint64_t late_at = 0;  ///< Where a write lands then.

  private:
    std::mutex mutex_;
    std::map<std::uint64_t, Block> blocks_;
    std::string name_ = "thin";
};

const MemberSlot kOne = *MemberSlot::from(1);
const MemberSlot kTwo = *MemberSlot::from(2);
constexpr std::uint64_t kBlocks = kWitnessArea / kBlockSize;

bool never() {
    return false;
}

TEST(WitnessAreaCopy, is_whole_and_leaves_the_source_alone) {
    ThinDisk disk;
    std::mt19937 random(7);  // NOLINT: the same every time
    std::map<std::uint64_t, char> source{{0, 'a'}, {kBlocks - 1, 'z'}};
    for (int i = 0; i < 40; ++i) source[random() % kBlocks] = static_cast<char>('b' + random() % 20);
    for (const auto& [block, text] : source) disk.put(kOne, block, text);
    const auto old = random() % kBlocks;  // of an earlier time as holder
    disk.put(kTwo, old, '!');
    ASSERT_TRUE(copy_area(disk, kOne, kTwo, never));
    for (const auto& [block, text] : source) {
        EXPECT_EQ(disk.at(kTwo, block), text) << block;
        EXPECT_EQ(disk.at(kOne, block), text) << block;
    }
    EXPECT_EQ(disk.at(kTwo, old), source.contains(old) ? source.at(old) : '\0');
}

TEST(WitnessAreaCopy, into_a_file_changes_nothing_on_the_volume) {
    ThinDisk disk, file;
    disk.put(kTwo, 0, 'a');
    disk.put(kTwo, kBlocks - 1, 'z');
    disk.writes_left = 0;
    const auto saved = save_area(disk, kTwo, file, never);
    ASSERT_TRUE(saved) << saved.error().text();
    std::vector<Block> seen(kBlocks);
    ASSERT_TRUE(file.read(0, seen));
    EXPECT_EQ(seen.front().bytes[0], std::byte('a'));
    EXPECT_EQ(seen.back().bytes[0], std::byte('z'));
    EXPECT_FALSE(save_area(disk, *MemberSlot::from(3), file, never)) << "it has two areas";
}

TEST(WitnessAreaCopy, write_that_lands_while_it_is_made_is_in_it_as_a_whole) {
    // Two blocks of one write, at both ends of the area: when it lands, the first was read, and the other was not.
    ThinDisk disk;
    disk.put(kOne, 0, 'a');
    disk.put(kOne, kBlocks - 1, 'z');
    disk.late_at = witness_at(kOne);
    disk.reads_until_late = 200;
    ASSERT_TRUE(copy_area(disk, kOne, kTwo, never));
    EXPECT_EQ(disk.at(kOne, 0), 'L');
    EXPECT_EQ(disk.at(kTwo, 0), 'L');
    EXPECT_EQ(disk.at(kTwo, kBlocks - 1), 'z');
}

TEST(WitnessAreaCopy, a_failed_write_fails_it) {
    ThinDisk disk;
    disk.put(kOne, 0, 'a');
    disk.writes_left = 0;
    EXPECT_EQ(copy_area(disk, kOne, kTwo, never).error().code, ErrorCode::kPdrUnwritable);
}

TEST(WitnessAreaCopy, that_is_void_stops) {
    ThinDisk disk;
    EXPECT_EQ(copy_area(disk, kOne, kTwo, [] { return true; }).error().code, ErrorCode::kTimedOut);
}

TEST(WitnessAreaCopy, a_slot_without_an_area_is_refused) {
    ThinDisk disk;
    EXPECT_EQ(witness_areas_on(disk.size()), 2);
    EXPECT_EQ(copy_area(disk, kOne, *MemberSlot::from(3), never).error().code, ErrorCode::kPdrUnreadable);
    EXPECT_EQ(witness_areas_on(kWitnessAt), 0);
    EXPECT_EQ(witness_areas_on(kWitnessAt + kWitnessArea - 1), 0);
    EXPECT_EQ(witness_areas_on(std::uint64_t{1} << 50), kSlots);
}

}  // namespace
}  // namespace ssi::pdr
