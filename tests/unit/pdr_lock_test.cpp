// The PDR lock: what a member sees that takes it, gives it back, takes it over, or finds it half done.
#include <gtest/gtest.h>

#include "lib/common/pdr/lock.hpp"
#include "tests/unit/pdr_disk.hpp"

namespace ssi::pdr {
namespace {

MemberSlot slot(int number) {
    return *MemberSlot::from(number);
}

LockParty party(int number, std::uint64_t incarnation = 1) {
    return {slot(number), *MemberName::parse(std::format("MEMBER{}", number)), Incarnation{incarnation}};
}

bool never_wait(int /*attempt*/) {
    return false;
}

/// Takes the witness for this member if it is free.
PdrLock::Next take(const LockParty& who) {
    return [who](const LockRecord& current) -> Result<std::optional<LockRecord>> {
        if (current.witness == who) return std::nullopt;
        if (current.witness) return failure(ErrorCode::kConflict, "it is not free");
        auto next = current;
        next.witness = who;
        return next;
    };
}

Result<std::optional<LockRecord>> give_back(const LockRecord& current) {
    return LockRecord{0, std::nullopt, current.data, current.fencing};
}

class PdrLockTest : public ::testing::Test {
  protected:
    PdrLock of(int number) { return {disk, kCluster, slot(number)}; }
    std::uint64_t sequence(int number) {
        const auto reading = read_locks(disk, kCluster);
        return reading ? reading->sequences[static_cast<std::size_t>(number) - 1] : 0;
    }
    void tear(int number, std::uint64_t sequence) {
        const auto at = lock_at(slot(number), sequence);
        for (std::uint64_t i = kBlockSize / 2; i < kBlockSize; ++i) disk.at(at + i) = std::byte{0x55};
    }
    MemoryDisk disk{kSize};
};

TEST_F(PdrLockTest, on_an_empty_volume_nobody_has_it) {
    const auto state = of(1).read();
    ASSERT_TRUE(state);
    EXPECT_EQ(state->latest.generation, 0U);
    EXPECT_FALSE(state->latest.witness || state->open);
}

TEST_F(PdrLockTest, taken_is_seen_by_all_and_refused_to_others) {
    const auto taken = of(1).decide(take(party(1)), never_wait);
    ASSERT_TRUE(taken) << taken.error().text();
    EXPECT_EQ(taken->generation, 1U);
    EXPECT_EQ(of(2).read()->latest, *taken);
    EXPECT_EQ(of(2).decide(take(party(2)), never_wait).error().what, "it is not free");
    EXPECT_EQ(of(1).decide(take(party(1)), never_wait), *taken) << "what is so already takes no generation";
}

TEST_F(PdrLockTest, release_and_the_next_one_are_generations_of_their_own) {
    ASSERT_TRUE(of(1).decide(take(party(1)), never_wait));
    EXPECT_EQ(of(1).decide(give_back, never_wait)->generation, 2U);
    const auto taken = of(2).decide(take(party(2)), never_wait);
    ASSERT_TRUE(taken) << taken.error().text();
    EXPECT_EQ(taken->generation, 3U);
    EXPECT_EQ(of(1).read()->latest, *taken);
}

TEST_F(PdrLockTest, what_a_dead_member_left_half_decided_is_finished_for_it) {
    // Member 1 dies after the write with which it proposes, and nobody knows whether it had read on.
    disk.writes_left = 2;
    MemoryDisk& volume = disk;
    LockRecord wanted;
    wanted.generation = 1;
    wanted.witness = party(1);
    LockRound round(slot(1), wanted, read_locks(volume, kCluster)->blocks);
    auto step = round.begin();
    ASSERT_TRUE(write_lock(volume, kCluster, slot(1), 1, std::get<LockRound::Write>(step).block));
    step = round.after(read_locks(volume, kCluster)->blocks);
    ASSERT_TRUE(write_lock(volume, kCluster, slot(1), 2, std::get<LockRound::Write>(step).block));
    volume.writes_left.reset();

    EXPECT_EQ(of(2).read()->open, wanted);
    const auto asked = of(2).decide(take(party(2)), never_wait);
    ASSERT_FALSE(asked);
    EXPECT_EQ(asked.error().what, "it is not free");
    EXPECT_EQ(of(2).read()->latest, wanted);
}

TEST_F(PdrLockTest, a_higher_ballot_ends_an_attempt_and_it_is_tried_again_after_a_pause) {
    const auto empty = read_locks(disk, kCluster)->blocks;
    LockRecord wanted;
    wanted.generation = 1;
    wanted.witness = party(1);
    LockRound slow(slot(1), wanted, empty);
    const auto first = slow.begin();
    ASSERT_TRUE(write_lock(disk, kCluster, slot(1), 1, std::get<LockRound::Write>(first).block));
    // Member 2 begins later, with a higher one, and stops there.
    LockRound fast(slot(2), wanted, read_locks(disk, kCluster)->blocks);
    ASSERT_TRUE(write_lock(disk, kCluster, slot(2), 1, std::get<LockRound::Write>(fast.begin()).block));
    EXPECT_TRUE(std::holds_alternative<LockRound::Outbid>(slow.after(read_locks(disk, kCluster)->blocks)));
    EXPECT_TRUE(of(1).decide(take(party(1)), never_wait)) << "a lone contender always decides";
}

TEST_F(PdrLockTest, a_torn_block_of_a_dead_member_stands_in_nobodys_way) {
    ASSERT_TRUE(of(1).decide(take(party(1)), never_wait));
    const auto last = sequence(1);
    tear(1, last + 1);
    ASSERT_EQ(sequence(1), last);
    EXPECT_EQ(of(2).read()->latest.witness, party(1));
    EXPECT_TRUE(of(2).decide(give_back, never_wait));
    EXPECT_EQ(read_locks(disk, kCluster)->torn.size(), 1U);
    EXPECT_TRUE(of(1).decide(take(party(1, 2)), never_wait)) << "its own next write mends it";
    EXPECT_TRUE(read_locks(disk, kCluster)->torn.empty());
}

TEST_F(PdrLockTest, a_write_that_fails_is_an_error_and_can_be_repeated) {
    disk.writes_left = 1;
    EXPECT_EQ(of(1).decide(take(party(1)), never_wait).error().code, ErrorCode::kPdrUnwritable);
    disk.writes_left.reset();
    EXPECT_TRUE(of(1).decide(take(party(1)), never_wait));
}

TEST_F(PdrLockTest, both_blocks_of_a_slot_torn_stop_everybody) {
    ASSERT_TRUE(of(1).decide(take(party(1)), never_wait));
    tear(1, sequence(1));
    const auto alone = of(2).read();
    ASSERT_TRUE(alone) << "the older one counts";
    tear(1, sequence(1));
    EXPECT_EQ(of(2).read().error().code, ErrorCode::kPdrDamaged);
    EXPECT_FALSE(of(2).decide(give_back, never_wait));
}

TEST_F(PdrLockTest, blocks_of_another_cluster_slot_or_later_format_are_not_left_out) {
    const LockBlock block{.instance = 1, .promised = ballot_of(1, slot(4))};
    const ClusterId other{std::byte{1}};
    const auto put = [&](const ClusterId& cluster, int writer, std::uint64_t sequence, const LockBlock& contents) {
        const auto sealed = seal({BlockKind::kLock, cluster, writer, sequence}, encode(contents));
        ASSERT_TRUE(disk.write(lock_at(slot(4), 1), std::span(&sealed, 1)));
    };
    put(kCluster, 4, 1, block);
    EXPECT_TRUE(of(2).read());
    put(other, 4, 1, block);
    EXPECT_EQ(of(2).read().error().code, ErrorCode::kPdrForeign);
    put(kCluster, 5, 1, block);
    EXPECT_EQ(of(2).read().error().code, ErrorCode::kPdrForeign);
    put(kCluster, 4, 2, block);
    EXPECT_EQ(of(2).read().error().code, ErrorCode::kPdrForeign) << "of the other place's sequence";
    put(kCluster, 4, 1, {.instance = 1, .promised = ballot_of(1, slot(5))});
    EXPECT_EQ(of(2).read().error().code, ErrorCode::kPdrDamaged);
}

TEST_F(PdrLockTest, another_machine_that_writes_as_this_member_is_noticed) {
    LockRecord wanted;
    wanted.generation = 1;
    LockRound round(slot(1), wanted, {});
    static_cast<void>(round.begin());
    LockBlocks others{};
    others[0] = {.instance = 1, .promised = ballot_of(7, slot(1))};
    EXPECT_TRUE(std::holds_alternative<LockRound::Overwritten>(round.after(others)));
}

TEST(PdrLockScan, a_torn_block_is_read_again_since_its_twin_may_be_old) {
    std::vector<Block> pass(kLockBlocks);
    const auto write = [&](std::uint64_t sequence) {
        const LockBlock block{.instance = sequence, .promised = ballot_of(1, slot(1)), .decided = {sequence - 1}};
        pass[sequence % 2 * kSlots] = seal({BlockKind::kLock, kCluster, 1, sequence}, encode(block));
    };
    const auto look = [&](LockScan& scan) { return scan.look(std::span<const Block, kLockBlocks>(pass)); };
    write(4);
    write(5);
    pass[kSlots].bytes[100] = std::byte{9};  // 7 is being written there; 6 has ended, but was not there when we read
    LockScan scan(kCluster, "volume");
    EXPECT_EQ(look(scan)->has_value(), false);
    write(6);
    EXPECT_EQ(look(scan)->has_value(), false);
    const auto reading = look(scan);
    ASSERT_TRUE(reading->has_value()) << "unchanged in two passes: that write was cut off";
    EXPECT_EQ((*reading)->sequences[0], 6U);
}

TEST(PdrLockRecord, survives_and_pieces_of_it_are_refused) {
    LockBlock block{.instance = 3, .promised = ballot_of(4, slot(2)), .accepted = ballot_of(1, slot(2))};
    block.proposal = {3, party(2, 7), slot(1), FencingIntent{party(2, 7), party(1, 5)}};
    block.proposal.run = 9;
    block.decided = {2, std::nullopt, slot(1), std::nullopt, 8};
    const auto bytes = encode(block);
    EXPECT_EQ(decode_lock(bytes, "lock"), block);
    const auto without_runs = bytes.size() - 2 * sizeof(std::uint64_t);  // as it was written before there were any
    for (std::size_t size = 0; size < bytes.size(); ++size)
        EXPECT_EQ(decode_lock(ByteView(bytes).first(size), "lock").has_value(), size == without_runs) << size;
    EXPECT_EQ(text_of(block.proposal),
              "generation 3: the witness is at MEMBER2 (incarnation 7), its data in area 1; MEMBER2 (incarnation 7) "
              "fences MEMBER1 (incarnation 5)");
}

TEST(PdrLockRecord, what_no_member_writes_is_refused) {
    LockBlock block{.instance = 3, .promised = ballot_of(1, slot(2)), .decided = {2}};
    ASSERT_TRUE(decode_lock(encode(block), "lock"));
    block.decided.generation = 1;
    EXPECT_FALSE(decode_lock(encode(block), "lock")) << "it cannot vote on 3 without knowing 2";
    block.decided.generation = 2;
    block.accepted = ballot_of(2, slot(2));
    block.proposal.generation = 3;
    EXPECT_FALSE(decode_lock(encode(block), "lock")) << "it cannot accept above its promise";
    block.accepted = block.promised;
    block.proposal.generation = 4;
    EXPECT_FALSE(decode_lock(encode(block), "lock")) << "a proposal for another generation";
}

}  // namespace
}  // namespace ssi::pdr
