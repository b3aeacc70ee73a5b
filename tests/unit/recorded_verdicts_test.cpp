// What is found out about a member without a majority: kept on the PDR, void when that member or its witness goes on,
// committed when there is a majority again (SAFETY 6, 14, 15). The volume is a file, the engine is in memory.
#include "daemons/ssid/fencing/recorded_verdicts.hpp"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <fstream>

#include "daemons/ssid/state/member_rules.hpp"
#include "tests/unit/coroutines.hpp"
#include "tests/unit/memory_engine.hpp"
#include "tests/unit/set_clock.hpp"
#include "tests/unit/temporary_directory.hpp"

namespace ssi::cluster {
namespace {

using namespace std::chrono_literals;

constexpr auto kClusterUuid = "6f0e2a30-1b5c-4c6e-9d0a-7d2f1c9b8e11";
constexpr auto kBeat = 500ms;
constexpr auto kStill = 5500ms;  ///< T_lease and a beat.

/// MEMBER1 writes down what it knows of MEMBER2, the holder of the witness; MEMBER3 looks on.
class RecordedVerdictsTest : public ::testing::Test {
  protected:
    void SetUp() override {
        const auto device = folder_.path() / "pdr";
        std::ofstream(device).close();
        std::filesystem::resize_file(device, 5 << 20);
        auto disk = pdr::DirectDisk::open(device, pdr::DiskAccess::kReadWrite);
        if (!disk) GTEST_SKIP() << disk.error().text();
        disk_ = *std::move(disk);
        ASSERT_TRUE(pdr::format(*disk_, identity_, {}));
        for (const int number : {1, 2, 3}) {
            own_[number].name = name_of(number);
            own_[number].slot = slot_of(number);
            join(number);
        }
        volume_ = std::make_shared<WitnessVolume>(
            WitnessVolume::Settings{device, identity_, slot_of(1), folder_.path() / "pdr-lock"});
        verdicts.emplace(own_[1], volume_, watch, pdr, view_, clock_, io_.get_executor(), kStill);
        hold_witness();
    }

    static MemberName name_of(int number) { return MemberName::parse("MEMBER" + std::to_string(number)).value(); }
    static MemberSlot slot_of(int number) { return MemberSlot::from(number).value(); }

    void commit(const Decision& decide) {
        const auto done = test::run(io_, view_.commit(decide));
        ASSERT_TRUE(done) << done.error().text();
    }
    /// With the next incarnation.
    void join(int number) {
        ASSERT_TRUE(test::run(io_, view_.refresh()));
        commit([&](const ClusterState& state) { return decide_admission(state, name_of(number)); });
        commit([&](const ClusterState& state) { return decide_joined(state, life(number)); });
    }
    [[nodiscard]] MemberLife life(int number) const {
        return {name_of(number), view_.state().member(name_of(number))->incarnation};
    }
    [[nodiscard]] MemberState state_of(int number) const { return view_.state().member(name_of(number))->state; }

    /// MEMBER2 wins the lock, in a new run of it.
    void hold_witness() {
        pdr::PdrLock lock(*disk_, identity_.id, slot_of(2));
        const auto decided = lock.decide(
            [&](const pdr::LockRecord& before) -> Result<std::optional<pdr::LockRecord>> {
                auto next = before;
                next.witness = pdr::LockParty{slot_of(2), name_of(2), life(2).incarnation};
                ++next.run;
                return next;
            },
            [](int) { return false; });
        ASSERT_TRUE(decided) << decided.error().text();
        lock_ = *decided;
    }
    void write_slot(int number) {
        pdr::SlotSign sign;
        sign.counter = ++counters_[number];
        sign.record.member = name_of(number);
        sign.record.incarnation = life(number).incarnation;
        sign.record.boot.fill(std::byte(number));
        ASSERT_TRUE(pdr::write_slot(*disk_, identity_.id, slot_of(number), sign));
    }
    /// A pass of the guard of MEMBER1.
    void read_pdr() {
        auto& pass = pass_.emplace();
        pass.fresh = true;
        pass.volume = 1;
        const auto slots = pdr::read_slots(*disk_, identity_.id);
        const auto blocks = pdr::read_verdicts(*disk_, identity_.id);
        ASSERT_TRUE(slots && blocks);
        for (const auto& [sign, fault] : *slots)
            if (sign) pass.slots.push_back({sign->record.member, sign->record.incarnation, sign->counter});
        for (int number = 1; number <= 3; ++number)
            for (const auto& verdict : blocks->by[static_cast<std::size_t>(number) - 1])
                pass.verdicts.push_back({slot_of(number), verdict});
        pdr.look(pass, clock_.now());
    }
    /// Whether MEMBER2 shows its signs, and MEMBER1 has a majority.
    struct Signs {
        bool slot = false;
        bool engine = false;
        bool majority = false;
    };
    void pass_for(std::chrono::milliseconds time, const Signs& signs) {
        for (const auto end = clock_.now() + time; clock_.now() < end;) {
            clock_.pass(kBeat);
            if (signs.slot) write_slot(2);
            if (signs.slot || !pass_)
                read_pdr();
            else
                pdr.look(*pass_, clock_.now());  // nobody has written
            if (signs.engine) commit([&](const ClusterState& state) { return decide_alive(state, life(2), ++beats_); });
            if (!signs.majority) continue;
            commit([&](const ClusterState& state) { return decide_alive(state, life(1), ++beats_); });
            watch.look(view_.state(), clock_.now());
        }
    }
    /// MEMBER2 was seen to live, and stands still for as long as a verdict needs; there is no majority.
    void watch_it_die() {
        pass_for(2s, {.slot = true});
        pass_for(6s, {});
    }
    Result<void> record(int number = 2) {
        auto done = test::run(io_, verdicts->record(name_of(number), pdr::ProofKind::kOperator));
        read_pdr();
        return done;
    }
    void settle() {
        test::run(io_, [](RecordedVerdicts& of) -> boost::asio::awaitable<bool> {
            co_await of.settle();
            co_return true;
        }(*verdicts));
        read_pdr();
    }
    /// On the volume, as all read it.
    [[nodiscard]] pdr::Verdicts recorded_by(int number) const {
        const auto blocks = pdr::read_verdicts(*disk_, identity_.id);
        EXPECT_TRUE(blocks);
        return blocks ? blocks->by[static_cast<std::size_t>(number) - 1] : pdr::Verdicts{};
    }

    test::TemporaryDirectory folder_;
    pdr::ClusterIdentity identity_{"TESTCLUSTER", pdr::cluster_id(*GuestUuid::parse(kClusterUuid))};
    std::unique_ptr<pdr::DirectDisk> disk_;
    boost::asio::io_context io_;
    test::SetClock clock_;
    test::MemoryEngine engine_;
    ClusterView view_{engine_, clock_, io_.get_executor()};
    std::map<int, MemberConfig> own_;
    std::shared_ptr<WitnessVolume> volume_;
    pdr::LockRecord lock_;  ///< As MEMBER2 left it.
    std::map<int, std::uint64_t> counters_;
    std::optional<PdrPass> pass_;  ///< The last one.
    std::uint64_t beats_ = 0;
    PdrWatch pdr{3s, kBeat};
    PeerWatch watch{name_of(1), TimingConfig{}, &pdr};
    std::optional<RecordedVerdicts> verdicts;
};

TEST_F(RecordedVerdictsTest, says_of_which_life_it_is_and_where_slot_and_lock_stood_SAFETY_15) {
    watch_it_die();
    const auto done = record();
    ASSERT_TRUE(done) << done.error().text();
    pdr::Verdict verdict{name_of(2), life(2).incarnation, {}, counters_[2], lock_.run, pdr::ProofKind::kOperator};
    verdict.boot.fill(std::byte(2));
    EXPECT_EQ(recorded_by(1), pdr::Verdicts{verdict});
    EXPECT_TRUE(recorded_by(2).empty() && recorded_by(3).empty()) << "each block has one writer";
}

TEST_F(RecordedVerdictsTest, the_holder_is_off_until_its_slot_moves_SAFETY_14) {
    watch_it_die();
    EXPECT_FALSE(verdicts->is_off(lock_));
    ASSERT_TRUE(record());
    EXPECT_TRUE(verdicts->is_off(lock_));
    write_slot(2);
    read_pdr();
    EXPECT_FALSE(verdicts->is_off(lock_));
}

TEST_F(RecordedVerdictsTest, the_holder_is_off_until_the_run_of_the_lock_moves_SAFETY_14) {
    watch_it_die();
    ASSERT_TRUE(record());
    hold_witness();
    EXPECT_FALSE(verdicts->is_off(lock_)) << "it has begun the witness anew";
}

TEST_F(RecordedVerdictsTest, a_holder_is_not_off_by_a_verdict_on_another_nor_a_free_witness_by_any) {
    watch_it_die();
    ASSERT_TRUE(record());
    auto other = lock_;
    other.witness->member = name_of(3);
    EXPECT_FALSE(verdicts->is_off(other));
    other.witness.reset();
    EXPECT_FALSE(verdicts->is_off(other));
}

TEST_F(RecordedVerdictsTest, a_PDR_that_cannot_be_read_proves_nothing_R4) {
    watch_it_die();
    ASSERT_TRUE(record());
    clock_.pass(3s);
    EXPECT_FALSE(verdicts->is_off(lock_)) << "it may have booted since the last pass";
    EXPECT_EQ(record().error().code, ErrorCode::kMemberAlive);
}

TEST_F(RecordedVerdictsTest, what_another_has_recorded_is_not_taken_for_our_own) {
    watch_it_die();
    ASSERT_TRUE(record());
    const auto theirs = recorded_by(1);
    ASSERT_TRUE(pdr::write_verdicts(*disk_, identity_.id, slot_of(1), {}));
    ASSERT_TRUE(pdr::write_verdicts(*disk_, identity_.id, slot_of(3), theirs));
    read_pdr();
    EXPECT_FALSE(verdicts->is_off(lock_)) << "MEMBER3 commits it, and takes the witness over by it";
    pass_for(6s, {.majority = true});
    settle();
    EXPECT_EQ(state_of(2), MemberState::kJoined);
    EXPECT_EQ(recorded_by(3), theirs);
}

TEST_F(RecordedVerdictsTest, refused_of_one_that_writes_or_was_not_watched_for_long_enough_SAFETY_15) {
    EXPECT_EQ(record().error().code, ErrorCode::kMemberAlive) << "no pass yet";
    pass_for(8s, {.slot = true});
    EXPECT_EQ(record().error().code, ErrorCode::kMemberAlive);
    pass_for(kStill - kBeat, {});
    EXPECT_EQ(record().error().code, ErrorCode::kMemberAlive);
    pass_for(kBeat, {});
    EXPECT_TRUE(record());
}

TEST_F(RecordedVerdictsTest, refused_of_one_that_has_written_since_our_last_look_SAFETY_14) {
    watch_it_die();
    write_slot(2);
    EXPECT_EQ(record().error().code, ErrorCode::kMemberAlive);
    EXPECT_TRUE(recorded_by(1).empty());
}

TEST_F(RecordedVerdictsTest, refused_of_ourselves_and_of_one_that_never_wrote) {
    write_slot(1);
    watch_it_die();
    EXPECT_EQ(record(1).error().code, ErrorCode::kMemberAlive);
    EXPECT_EQ(record(3).error().code, ErrorCode::kMemberUnknown);
    EXPECT_TRUE(recorded_by(1).empty());
}

TEST_F(RecordedVerdictsTest, about_one_member_there_is_one_and_others_stay) {
    pass_for(2s, {.slot = true});
    write_slot(3);
    read_pdr();
    pass_for(6s, {});
    ASSERT_TRUE(record(2));
    ASSERT_TRUE(record(3));
    hold_witness();
    ASSERT_TRUE(record(2));
    const auto all = recorded_by(1);
    ASSERT_EQ(all.size(), 2U);
    EXPECT_EQ(std::ranges::count(all, name_of(3), &pdr::Verdict::member), 1);
    EXPECT_TRUE(verdicts->is_off(lock_));
}

TEST_F(RecordedVerdictsTest, committed_with_the_majority_when_its_sign_in_the_engine_stands_still_too_SAFETY_15) {
    watch_it_die();
    ASSERT_TRUE(record());
    pass_for(2500ms, {.majority = true});
    settle();
    EXPECT_EQ(state_of(2), MemberState::kJoined) << "not watched for long enough with the majority";
    pass_for(2s, {.majority = true});
    settle();
    EXPECT_EQ(state_of(2), MemberState::kDown);
    EXPECT_EQ(view_.state().member(name_of(2))->reason,
              "off by the word of the operator, recorded on the PDR by MEMBER1");
}

TEST_F(RecordedVerdictsTest, stays_after_its_commit_for_the_guard_that_it_is_about_SAFETY_6) {
    watch_it_die();
    ASSERT_TRUE(record());
    pass_for(6s, {.majority = true});
    settle();
    ASSERT_EQ(state_of(2), MemberState::kDown);
    settle();
    EXPECT_EQ(recorded_by(1).size(), 1U) << "should it run after all, it finds it when it reaches the PDR again";
    join(2);
    settle();
    EXPECT_EQ(recorded_by(1).size(), 1U);
    write_slot(2);
    read_pdr();
    settle();
    EXPECT_TRUE(recorded_by(1).empty()) << "it has booted";
    EXPECT_EQ(state_of(2), MemberState::kJoined);
}

TEST_F(RecordedVerdictsTest, void_and_forgotten_when_the_slot_has_moved_and_nothing_is_committed_SAFETY_14) {
    watch_it_die();
    ASSERT_TRUE(record());
    write_slot(2);
    read_pdr();
    pass_for(6s, {.majority = true});
    settle();
    EXPECT_EQ(state_of(2), MemberState::kJoined);
    EXPECT_TRUE(recorded_by(1).empty());
}

TEST_F(RecordedVerdictsTest, not_committed_while_its_sign_in_the_engine_moves_R4) {
    watch_it_die();
    ASSERT_TRUE(record());
    pass_for(6s, {.engine = true, .majority = true});
    settle();
    EXPECT_EQ(state_of(2), MemberState::kJoined);
}

TEST_F(RecordedVerdictsTest, not_committed_of_a_later_life_SAFETY_18) {
    watch_it_die();
    ASSERT_TRUE(record());
    join(2);
    pass_for(6s, {.majority = true});
    settle();
    EXPECT_EQ(state_of(2), MemberState::kJoined) << "its slot has not moved yet, but this one is not what was judged";
}

}  // namespace
}  // namespace ssi::cluster
