// The guard's beat on the PDR: what it writes, what it believes of what it reads, and that a disk that hangs or fails
// holds up nothing.
#include "daemons/ssid/gate/pdr_beat.hpp"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <condition_variable>
#include <mutex>

#include "tests/unit/pdr_disk.hpp"

namespace ssi::gate {
namespace {

using namespace std::chrono_literals;

/// Many threads, one memory; can hang, or go on answering what it held at one moment.
class SharedDisk final : public pdr::Disk {
  public:
    explicit SharedDisk(std::uint64_t size) : disk_(size), name_("shared") {}
    Result<void> read(std::uint64_t offset, std::span<pdr::Block> into) override {
        std::unique_lock lock(mutex_);
        wait_while_it_hangs(lock);
        if (offset == pdr::kBlocksAt && stale_.size() == into.size()) {
            std::ranges::copy(stale_, into.begin());
            return {};
        }
        return disk_.read(offset, into);
    }
    Result<void> write(std::uint64_t offset, std::span<const pdr::Block> blocks) override {
        std::unique_lock lock(mutex_);
        wait_while_it_hangs(lock);
        return disk_.write(offset, blocks);
    }
    [[nodiscard]] std::uint64_t size() const override { return disk_.size(); }
    [[nodiscard]] const std::string& name() const override { return name_; }

    void hang(bool hangs) {
        const std::lock_guard lock(mutex_);
        hangs_ = hangs;
        changed_.notify_all();
    }
    /// Until the thread of a beat waits for it.
    void wait_until_it_holds_one_up() {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return waiting_ > 0; });
    }
    void fail_writes(bool fail) {
        const std::lock_guard lock(mutex_);
        disk_.writes_left = fail ? std::optional(0) : std::nullopt;
    }
    /// As a write leaves it that was cut off.
    void spoil(std::uint64_t offset) {
        const std::lock_guard lock(mutex_);
        disk_.at(offset + 100) ^= std::byte{1};
    }
    /// Reads of the slots answer as they are now, whatever is written.
    void freeze_reads(bool freeze) {
        const std::lock_guard lock(mutex_);
        stale_.clear();
        if (!freeze) return;
        stale_.resize(pdr::kSlots);
        ASSERT_TRUE(disk_.read(pdr::kBlocksAt, stale_));
    }

  private:
    void wait_while_it_hangs(std::unique_lock<std::mutex>& lock) {
        ++waiting_;
        changed_.notify_all();
        changed_.wait(lock, [&] { return !hangs_; });
        --waiting_;
    }

    std::mutex mutex_;
    std::condition_variable changed_;
    bool hangs_ = false;
    int waiting_ = 0;
    std::vector<pdr::Block> stale_;
    pdr::MemoryDisk disk_;
    std::string name_;
};

/// The same disk for all, as each member opens it.
class Opening final : public pdr::Disk {
  public:
    explicit Opening(std::shared_ptr<SharedDisk> disk) : disk_(std::move(disk)) {}
    Result<void> read(std::uint64_t offset, std::span<pdr::Block> into) override { return disk_->read(offset, into); }
    Result<void> write(std::uint64_t offset, std::span<const pdr::Block> blocks) override {
        return disk_->write(offset, blocks);
    }
    [[nodiscard]] std::uint64_t size() const override { return disk_->size(); }
    [[nodiscard]] const std::string& name() const override { return disk_->name(); }

  private:
    std::shared_ptr<SharedDisk> disk_;
};

class PdrBeatTest : public ::testing::Test {
  protected:
    void SetUp() override { ASSERT_TRUE(pdr::format(*disk, {"TESTCLUSTER", cluster}, {})); }
    void TearDown() override {
        disk->hang(false);  // so that no thread stays behind
    }

    std::unique_ptr<PdrBeat> beat(int slot, const std::string& member, std::vector<cluster::PdrPass>& passes,
                                  std::byte boot = std::byte{1}) {
        pdr::SlotRecord record;
        record.member = *MemberName::parse(member);
        record.incarnation = Incarnation{4};
        record.boot.fill(boot);
        return std::make_unique<PdrBeat>(io.get_executor(),
                                         PdrBeat::Settings{[disk = disk]() -> Result<std::unique_ptr<pdr::Disk>> {
                                                               return std::make_unique<Opening>(disk);
                                                           },
                                                           cluster, *MemberSlot::from(slot), 5ms},
                                         record, [&passes](const cluster::PdrPass& pass) { passes.push_back(pass); });
    }
    template <class Condition>
    [[nodiscard]] bool comes(Condition condition) {
        const auto until = std::chrono::steady_clock::now() + 10s;
        while (!condition() && std::chrono::steady_clock::now() < until) {
            io.restart();
            io.run_for(5ms);
        }
        return condition();
    }
    static std::optional<cluster::SlotSign> sign_of(const cluster::PdrPass& pass, const std::string& member) {
        for (const auto& slot : pass.slots)
            if (slot.member.str() == member) return slot;
        return std::nullopt;
    }

    boost::asio::io_context io{1};
    pdr::ClusterId cluster = pdr::cluster_id(*GuestUuid::parse("6f0e2a30-1b5c-4c6e-9d0a-7d2f1c9b8e11"));
    std::shared_ptr<SharedDisk> disk = std::make_shared<SharedDisk>(5 << 20);
    std::vector<cluster::PdrPass> first_saw, second_saw, third_saw;
};

TEST_F(PdrBeatTest, each_member_sees_the_other_move) {
    const auto first = beat(1, "A", first_saw);
    const auto second = beat(2, "B", second_saw);
    std::uint64_t counter = 0;
    EXPECT_TRUE(comes([&] { return !first_saw.empty() && first_saw.back().fresh && sign_of(first_saw.back(), "B"); }));
    counter = sign_of(first_saw.back(), "B")->counter;
    EXPECT_TRUE(comes([&] { return sign_of(first_saw.back(), "B")->counter > counter + 3; }));
    EXPECT_EQ(sign_of(first_saw.back(), "B")->incarnation, Incarnation{4});
    EXPECT_EQ(first_saw.back().fault, "");
}

TEST_F(PdrBeatTest, a_pass_is_fresh_only_when_our_own_latest_write_came_back) {
    const auto first = beat(1, "A", first_saw);
    ASSERT_TRUE(comes([&] { return !first_saw.empty(); }));
    EXPECT_FALSE(first_saw.front().fresh) << "nothing was written before it";
    ASSERT_TRUE(comes([&] { return first_saw.back().fresh; }));
    disk->freeze_reads(true);
    const auto before = first_saw.size();
    ASSERT_TRUE(comes([&] { return first_saw.size() > before + 5; }));
    EXPECT_FALSE(first_saw.back().fresh) << "what it reads comes from a cache";
    disk->freeze_reads(false);
    EXPECT_TRUE(comes([&] { return first_saw.back().fresh; }));
}

TEST_F(PdrBeatTest, a_disk_that_is_readable_but_not_writable_gives_no_fresh_pass) {
    const auto first = beat(1, "A", first_saw);
    ASSERT_TRUE(comes([&] { return !first_saw.empty() && first_saw.back().fresh; }));
    disk->fail_writes(true);
    ASSERT_TRUE(comes([&] { return !first_saw.back().fresh; }));
    EXPECT_NE(first_saw.back().fault.find("SSI-5011"), std::string::npos);
    disk->fail_writes(false);
    EXPECT_TRUE(comes([&] { return first_saw.back().fresh; })) << "the torn slot is whole again";
}

TEST_F(PdrBeatTest, a_disk_that_hangs_holds_up_no_one_and_is_taken_up_again) {
    const auto first = beat(1, "A", first_saw);
    ASSERT_TRUE(comes([&] { return !first_saw.empty() && first_saw.back().fresh; }));
    disk->hang(true);
    disk->wait_until_it_holds_one_up();
    io.restart();
    io.poll();  // the passes before
    const auto passes = first_saw.size();
    io.restart();
    io.run_for(50ms);
    EXPECT_EQ(first_saw.size(), passes);
    disk->hang(false);
    EXPECT_TRUE(comes([&] { return first_saw.size() > passes + 3 && first_saw.back().fresh; }));
}

TEST_F(PdrBeatTest, it_may_end_while_the_disk_hangs) {
    auto first = beat(1, "A", first_saw);
    ASSERT_TRUE(comes([&] { return !first_saw.empty(); }));
    disk->hang(true);
    first.reset();
    disk->hang(false);
    const auto passes = first_saw.size();
    io.restart();
    io.run_for(30ms);
    EXPECT_EQ(first_saw.size(), passes);
}

TEST_F(PdrBeatTest, a_verdict_about_this_boot_names_us_and_all_are_told_SAFETY_6) {
    const auto first = beat(1, "A", first_saw);
    const auto second = beat(2, "B", second_saw);
    ASSERT_TRUE(comes([&] { return !first_saw.empty() && first_saw.back().fresh && !first_saw.back().names_us; }));
    pdr::Verdict verdict;
    verdict.member = *MemberName::parse("A");
    verdict.incarnation = Incarnation{4};
    verdict.boot.fill(std::byte{2});
    verdict.proof = pdr::ProofKind::kOperator;
    ASSERT_TRUE(pdr::write_verdicts(*disk, cluster, *MemberSlot::from(2), {verdict}));
    ASSERT_TRUE(comes([&] { return !first_saw.back().verdicts.empty(); }));
    EXPECT_FALSE(first_saw.back().names_us) << "it is about the boot before";
    EXPECT_EQ(first_saw.back().verdicts.front().by, *MemberSlot::from(2));
    verdict.boot.fill(std::byte{1});
    ASSERT_TRUE(pdr::write_verdicts(*disk, cluster, *MemberSlot::from(2), {verdict}));
    EXPECT_TRUE(comes([&] { return first_saw.back().names_us; }));
    EXPECT_TRUE(comes([&] { return !second_saw.empty() && !second_saw.back().verdicts.empty(); }));
    EXPECT_FALSE(second_saw.back().names_us);
    disk->spoil(pdr::block_at(pdr::BlockKind::kVerdict, *MemberSlot::from(2)));
    ASSERT_TRUE(comes([&] { return first_saw.back().fault.find("verdict block 2") != std::string::npos; }));
    EXPECT_TRUE(first_saw.back().names_us) << "a block that is just being written takes nothing back";
    ASSERT_TRUE(pdr::write_verdicts(*disk, cluster, *MemberSlot::from(2), {}));
    EXPECT_TRUE(comes([&] { return !first_saw.back().names_us; }));
}

TEST_F(PdrBeatTest, two_hosts_in_one_slot_are_noticed) {
    const auto first = beat(1, "A", first_saw);
    ASSERT_TRUE(comes([&] { return !first_saw.empty() && first_saw.back().fresh; }));
    const auto twin = beat(1, "A", second_saw, std::byte{2});
    // The one that finds the other's counter above its own writes no more; which of the two that is, the disk decides.
    const auto noticed = [](const std::vector<cluster::PdrPass>& passes) {
        return std::ranges::any_of(
            passes, [](const auto& pass) { return pass.fault.find("another machine") != std::string::npos; });
    };
    EXPECT_TRUE(comes([&] { return noticed(first_saw) || noticed(second_saw); }));
    const auto other = beat(1, "B", third_saw);
    EXPECT_TRUE(
        comes([&] { return !third_saw.empty() && third_saw.back().fault.find("is A's") != std::string::npos; }));
}

TEST_F(PdrBeatTest, counter_goes_on_over_a_restart) {
    auto first = beat(1, "A", first_saw);
    ASSERT_TRUE(comes([&] { return !first_saw.empty() && sign_of(first_saw.back(), "A"); }));
    const auto counter = sign_of(first_saw.back(), "A")->counter;
    first.reset();
    first_saw.clear();
    first = beat(1, "A", first_saw);
    EXPECT_TRUE(comes([&] { return !first_saw.empty() && first_saw.back().fresh; }));
    EXPECT_GT(sign_of(first_saw.back(), "A")->counter, counter);
}

}  // namespace
}  // namespace ssi::gate
