// Verdict blocks: what a member records about others without a majority, and what a reader believes of them.
#include <gtest/gtest.h>

#include "lib/common/pdr/verdict.hpp"
#include "tests/unit/pdr_disk.hpp"

namespace ssi::pdr {
namespace {

class PdrVerdicts : public ::testing::Test {
  protected:
    void SetUp() override { ASSERT_TRUE(format(disk, {"OURS", ours}, {})); }

    static MemberSlot slot(int number) { return *MemberSlot::from(number); }
    static Verdict about(const std::string& member, std::uint64_t counter = 7) {
        Verdict verdict;
        verdict.member = *MemberName::parse(member);
        verdict.incarnation = Incarnation{3};
        verdict.boot.fill(std::byte{9});
        verdict.counter = counter;
        verdict.run = 12;
        verdict.proof = ProofKind::kOperator;
        return verdict;
    }

    const ClusterId ours = cluster_id(*GuestUuid::parse("00000000-0000-4000-8000-000000000001"));
    const ClusterId theirs = cluster_id(*GuestUuid::parse("00000000-0000-4000-8000-000000000002"));
    MemoryDisk disk{5 << 20};
};

TEST_F(PdrVerdicts, a_fresh_volume_has_none) {
    const auto read = read_verdicts(disk, ours);
    ASSERT_TRUE(read);
    for (const auto& verdicts : read->by) EXPECT_TRUE(verdicts.empty());
    EXPECT_FALSE(read->fault);
}

TEST_F(PdrVerdicts, each_member_writes_its_own_block_and_reads_them_all) {
    ASSERT_TRUE(write_verdicts(disk, ours, slot(2), {about("A"), about("B")}));
    ASSERT_TRUE(write_verdicts(disk, ours, slot(32), {about("C")}));
    const auto read = read_verdicts(disk, ours);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->by[1], (Verdicts{about("A"), about("B")}));
    EXPECT_EQ(read->by[31], Verdicts{about("C")});
    ASSERT_TRUE(write_verdicts(disk, ours, slot(2), {}));
    EXPECT_TRUE(read_verdicts(disk, ours)->by[1].empty());
}

TEST_F(PdrVerdicts, one_member_can_record_all_the_others_whatever_their_names) {
    Verdicts all;
    for (int i = 0; i < kSlots - 1; ++i) all.push_back(about(std::string(62, 'M') + std::to_string(i % 10)));
    EXPECT_LE(encode(all).size(), kMostPayload);
    ASSERT_TRUE(write_verdicts(disk, ours, slot(1), all));
    EXPECT_EQ(read_verdicts(disk, ours)->by[0], all);
}

TEST_F(PdrVerdicts, a_torn_block_or_another_clusters_counts_as_empty_and_is_told) {
    ASSERT_TRUE(write_verdicts(disk, ours, slot(1), {about("A")}));
    ASSERT_TRUE(write_verdicts(disk, theirs, slot(2), {about("B")}));
    const auto foreign = read_verdicts(disk, ours);
    ASSERT_TRUE(foreign);
    EXPECT_EQ(foreign->by[0], Verdicts{about("A")}) << "the others are read all the same";
    EXPECT_TRUE(foreign->by[1].empty());
    EXPECT_EQ(foreign->fault->code, ErrorCode::kPdrForeign);
    disk.at(block_at(BlockKind::kVerdict, slot(1)) + 100) ^= std::byte{1};
    const auto torn = read_verdicts(disk, ours);
    ASSERT_TRUE(torn);
    EXPECT_TRUE(torn->by[0].empty());
}

TEST_F(PdrVerdicts, the_sequence_moves_on_and_a_torn_block_is_made_whole_by_the_next_write) {
    ASSERT_TRUE(write_verdicts(disk, ours, slot(1), {about("A")}));
    disk.at(block_at(BlockKind::kVerdict, slot(1)) + 100) ^= std::byte{1};
    ASSERT_TRUE(write_verdicts(disk, ours, slot(1), {about("B")}));
    EXPECT_EQ(read_verdicts(disk, ours)->by[0], Verdicts{about("B")});
}

TEST_F(PdrVerdicts, whose_payload_ends_too_soon_or_counts_too_many_is_damaged) {
    const auto whole = encode(Verdicts{about("A")});
    for (std::size_t length = 0; length < whole.size(); ++length)
        EXPECT_FALSE(decode_verdicts(ByteView(whole).first(length), "it")) << length;
    auto many = whole;
    many[0] = std::byte{33};
    EXPECT_FALSE(decode_verdicts(many, "it"));
}

}  // namespace
}  // namespace ssi::pdr
