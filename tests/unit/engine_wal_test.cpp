// etcd's write-ahead log, read and completed without etcd.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "daemons/ssid/engine/wal_log.hpp"
#include "temporary_directory.hpp"
#include "wal_builder.hpp"

namespace ssi::cluster {
namespace {

namespace fs = std::filesystem;

class WalTest : public ::testing::Test {
  protected:
    fs::path wal() const { return directory_.path() / "wal"; }
    fs::path first() const { return wal() / "0000000000000000-0000000000000000.wal"; }
    fs::path second() const { return wal() / "0000000000000001-0000000000000003.wal"; }
    static WalBuilder log_of_three() {
        return WalBuilder()
            .identity(0xabc, 0xdef)
            .snapshot(0, 0)
            .entry(1, 1)
            .entry(2, 2)
            .state(2, 0xabc, 1)
            .entry(2, 3);
    }
    static std::string content(const fs::path& file) {
        std::ifstream stream(file, std::ios::binary);
        return {std::istreambuf_iterator<char>(stream), {}};
    }
    ssi::test::TemporaryDirectory directory_;
};

TEST_F(WalTest, crc_is_castagnolis) {
    EXPECT_EQ(crc32c(0, "123456789"), 0xe3069283U);
    EXPECT_EQ(crc32c(crc32c(0, "1234"), "56789"), 0xe3069283U);
}

TEST_F(WalTest, log_says_whose_it_is_and_how_far_it_goes) {
    log_of_three().write(first());
    const auto log = read_wal(wal());
    ASSERT_TRUE(log) << log.error().text();
    EXPECT_EQ(log->voter_id, 0xabcU);
    EXPECT_EQ(log->cluster_id, 0xdefU);
    EXPECT_EQ(log->last_term, 2U);
    EXPECT_EQ(log->last_index, 3U);
    EXPECT_EQ(log->commit, 1U);
    EXPECT_FALSE(log->torn);
}

TEST_F(WalTest, entries_replaced_in_a_later_term_do_not_count) {
    log_of_three().entry(3, 2).write(first());
    const auto log = read_wal(wal());
    ASSERT_TRUE(log);
    EXPECT_EQ(log->last_term, 3U);
    EXPECT_EQ(log->last_index, 2U);
}

TEST_F(WalTest, log_goes_on_in_the_next_file) {
    const auto begin = log_of_three();
    begin.write(first());
    WalBuilder(begin.crc()).identity(0xabc, 0xdef).state(2, 0xabc, 2).entry(2, 4).write(second());
    const auto log = read_wal(wal());
    ASSERT_TRUE(log) << log.error().text();
    EXPECT_EQ(log->last_index, 4U);
    EXPECT_EQ(log->last_file, second());
}

TEST_F(WalTest, file_that_does_not_follow_is_damage) {
    log_of_three().write(first());
    WalBuilder(12345).identity(0xabc, 0xdef).entry(2, 4).write(second());
    EXPECT_EQ(read_wal(wal()).error().code, ErrorCode::kEngineFailed);
}

TEST_F(WalTest, snapshot_stands_for_the_entries_before_it) {
    WalBuilder().identity(1, 2).snapshot(1000, 7).write(first());
    const auto log = read_wal(wal());
    ASSERT_TRUE(log);
    EXPECT_EQ(log->last_index, 1000U);
    EXPECT_EQ(log->last_term, 7U);
}

TEST_F(WalTest, record_that_a_power_cut_tore_is_the_end) {
    log_of_three().torn().write(first());
    const auto log = read_wal(wal());
    ASSERT_TRUE(log) << log.error().text();
    EXPECT_EQ(log->last_index, 3U);
    EXPECT_TRUE(log->torn);
}

TEST_F(WalTest, flipped_bit_is_damage_and_not_the_end) {
    log_of_three().write(first());
    auto text = content(first());
    text[log_of_three().text().size() - 12] ^= 1;
    std::ofstream(first(), std::ios::binary) << text;
    EXPECT_EQ(read_wal(wal()).error().code, ErrorCode::kEngineFailed);
    EXPECT_EQ(commit_wal(wal()).error().code, ErrorCode::kEngineFailed);
}

TEST_F(WalTest, no_log_is_an_error) {
    EXPECT_EQ(read_wal(wal()).error().code, ErrorCode::kEngineFailed);
}

TEST_F(WalTest, identity_is_read_from_a_log_that_is_being_written) {
    const auto whole = log_of_three();
    std::filesystem::create_directories(wal());
    std::ofstream(first(), std::ios::binary) << whole.text().substr(0, whole.text().size() - 5);
    EXPECT_EQ(read_wal_identity(wal())->voter_id, 0xabcU);
}

TEST_F(WalTest, commit_says_that_all_entries_are_committed) {
    log_of_three().write(first());
    ASSERT_TRUE(commit_wal(wal()));
    const auto log = read_wal(wal());
    ASSERT_TRUE(log) << log.error().text();
    EXPECT_EQ(log->commit, 3U);
    EXPECT_EQ(log->term, 2U);
    EXPECT_EQ(log->vote, 0xabcU) << "a vote that was given stays given";
    EXPECT_EQ(log->last_index, 3U);
    EXPECT_EQ(fs::file_size(first()), 1U << 16U);
}

TEST_F(WalTest, commit_after_a_torn_record_replaces_it) {
    log_of_three().torn().write(first());
    ASSERT_TRUE(commit_wal(wal()));
    const auto log = read_wal(wal());
    ASSERT_TRUE(log) << log.error().text();
    EXPECT_EQ(log->commit, 3U);
    EXPECT_FALSE(log->torn);
    EXPECT_TRUE(content(first()).substr(log->end).find_first_not_of('\0') == std::string::npos);
}

}  // namespace
}  // namespace ssi::cluster
