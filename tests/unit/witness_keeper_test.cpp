// Two members at one PDR: who runs the witness, from its first start over a death to an orderly leave. The volume is a
// file, the units and the rest of the cluster are simulated.
#include "daemons/ssid/engine/witness_keeper.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json/parse.hpp>
#include <fstream>

#include "lib/common/pdr/area_copy.hpp"
#include "tests/unit/temporary_directory.hpp"

namespace ssi::cluster {
namespace {

using namespace std::chrono_literals;
using boost::asio::awaitable;

constexpr auto kUuid = "6f0e2a30-1b5c-4c6e-9d0a-7d2f1c9b8e11";

/// One member: its keeper, and what the test says the rest of its world is like. It dies with the object.
struct Site final : UnitControl {
    Site(const SystemConfig& config, int number, const std::filesystem::path& root)
        : name(config.members[static_cast<std::size_t>(number) - 1].name),
          places{root / "witness-etcd", root / "witness", root / "etcd", root / "isfc", root / "pdr-lock", ""},
          keeper(config, name, *this, clock, io.get_executor(), places) {
        std::filesystem::create_directories(places.etcd);
        keeper.cluster = [this](const pdr::LockRecord&, int) { return facts; };
        keeper.signs = [this](const MemberName&) { return signs; };
        keeper.may_fence = [this](const MemberName& target) -> Result<void> {
            if (disarmed) return failure(ErrorCode::kFencingDisarmed, "no", target.str());
            return {};
        };
        keeper.cut_power = [this](const MemberName& target) -> awaitable<Result<void>> {
            fenced.push_back(target.str());
            if (agent_hangs) co_await clock.sleep(1h);
            if (!agent_works) co_return failure(ErrorCode::kFenceFailed, "no", target.str());
            co_return Result<void>{};
        };
        keeper.is_recorded_off = [this](const pdr::LockRecord& lock) { return off_in_run == lock.run; };
        keeper.record_off = [this](const MemberName& target) -> awaitable<Result<void>> {
            recorded.push_back(target.str());
            co_return Result<void>{};
        };
        keeper.joining = []() -> awaitable<Result<EtcdStart>> { co_return EtcdStart{"existing", "witness=x"}; };
        keeper.serves = [this]() -> awaitable<bool> { co_return answers; };
        keeper.life = [this] { return Incarnation{life}; };
        keeper.has_left = [this] { return left; };
        boost::asio::co_spawn(io, keeper.run(), [](const std::exception_ptr& thrown) {
            if (thrown) std::rethrow_exception(thrown);
        });
    }

    awaitable<Result<void>> start(std::string unit) override {
        if (unit == kWitnessCloseUnit) {
            if (!in_use) std::filesystem::remove(places.working_directory / "loop");
            co_return Result<void>{};
        }
        EXPECT_EQ(unit, kWitnessUnit);
        std::ofstream(places.working_directory / "pid") << ::getpid() << '\n';
        ++starts;
        co_return Result<void>{};
    }
    awaitable<Result<void>> stop(std::string) override {
        std::filesystem::remove(places.working_directory / "pid");
        co_return Result<void>{};
    }

    [[nodiscard]] bool runs() const { return witness_process(places).has_value(); }
    [[nodiscard]] bool made_anew() const {
        std::ifstream file(places.working_directory / "area.json");
        return std::string(std::istreambuf_iterator<char>(file), {}).contains("\"make\":true");
    }
    [[nodiscard]] std::int64_t starts_until() const {
        std::ifstream file(places.working_directory / "area.json");
        const std::string text(std::istreambuf_iterator<char>(file), {});
        return boost::json::parse(text).at("until_ms").to_number<std::int64_t>();
    }
    [[nodiscard]] std::string way_to_witness() const {
        std::error_code error;
        return std::filesystem::read_symlink(places.etcd / "witness:1", error).native();
    }

    boost::asio::io_context io;
    BootClock clock{io.get_executor()};
    MemberName name;
    WitnessPlaces places;
    std::optional<WitnessKeeper::ClusterFacts> facts;
    HolderSigns signs;
    std::vector<std::string> fenced;
    std::vector<std::string> recorded;
    std::optional<std::uint64_t> off_in_run;  ///< What was recorded: the holder is off, in this run of the lock.
    bool agent_works = true;
    bool agent_hangs = false;
    bool disarmed = false;
    bool answers = true;
    bool left = false;
    bool in_use = false;  ///< The area cannot be closed.
    std::uint64_t life = 1;
    int starts = 0;
    WitnessKeeper keeper;
};

class WitnessKeeperTest : public ::testing::Test {
  protected:
    void SetUp() override {
        const auto device = folder_.path() / "pdr";
        std::ofstream(device).close();
        std::filesystem::resize_file(device, pdr::kWitnessAt + 2 * pdr::kWitnessArea);
        auto disk = pdr::DirectDisk::open(device, pdr::DiskAccess::kReadWrite);
        if (!disk) GTEST_SKIP() << disk.error().text();
        disk_ = *std::move(disk);
        ASSERT_TRUE(pdr::format(*disk_, {"TEST", pdr::cluster_id(*GuestUuid::parse(kUuid))}, {}));
        config_.cluster = "TEST";
        config_.cluster_uuid = kUuid;
        config_.pdr.device = device;
        config_.timing.beat = 5ms;
        config_.timing.silence = 20ms;
        config_.timing.lease = 500ms;
        config_.timing.scale = 0.01;
        for (int number = 1; number <= 2; ++number)
            config_.members.push_back(
                {MemberName::parse("MEMBER" + std::to_string(number)).value(), MemberSlot::from(number).value(), ""});
        for (int number = 1; number <= 2; ++number)
            sites_.push_back(std::make_unique<Site>(config_, number, root(number)));
    }

    [[nodiscard]] std::filesystem::path root(int number) const {
        return folder_.path() / ("MEMBER" + std::to_string(number));
    }
    Site& at(int number) { return *sites_[static_cast<std::size_t>(number) - 1]; }
    /// Lets all members that live work until the condition holds; false if that takes over `limit`.
    bool until(const std::function<bool()>& condition, std::chrono::milliseconds limit = 20s) {
        const auto deadline = std::chrono::steady_clock::now() + limit;
        while (!condition() && std::chrono::steady_clock::now() < deadline)
            for (const auto& site : sites_) {
                site->io.restart();
                site->io.run_for(1ms);
            }
        return condition();
    }
    bool agreed(int holder, int data) {
        return until([&] {
            for (const auto& site : sites_) {
                const auto& lock = site->keeper.lock();
                if (!lock || !lock->witness || lock->witness->slot.number() != holder || !lock->data ||
                    lock->data->number() != data)
                    return false;
            }
            return true;
        });
    }
    void write_area(int number, char text) {
        pdr::Block block;
        block.bytes.fill(std::byte(text));
        ASSERT_TRUE(
            disk_->write(pdr::witness_at(*MemberSlot::from(number)) + 7 * pdr::kBlockSize, std::span(&block, 1)));
    }
    char area(int number) {
        pdr::Block block;
        EXPECT_TRUE(
            disk_->read(pdr::witness_at(*MemberSlot::from(number)) + 7 * pdr::kBlockSize, std::span(&block, 1)));
        return static_cast<char>(block.bytes[0]);
    }
    /// With a majority that has chosen MEMBER2, which has begun a witness that is a voter now.
    void begin_at_2() {
        for (const auto& site : sites_)
            site->facts = WitnessKeeper::ClusterFacts{at(2).name, false, WitnessSeat::kNone};
        ASSERT_TRUE(until([&] { return at(2).keeper.lock() && at(2).keeper.lock()->witness; }));
        EXPECT_EQ(at(2).starts, 0) << "it has no seat yet";
        for (const auto& site : sites_) site->facts->seat = WitnessSeat::kFresh;
        ASSERT_TRUE(until([&] { return at(2).runs(); }));
        EXPECT_TRUE(at(2).made_anew());
        for (const auto& site : sites_) site->facts->seat = WitnessSeat::kUsed;
        ASSERT_TRUE(agreed(2, 2));
        write_area(2, 'w');
    }

    test::TemporaryDirectory folder_;
    SystemConfig config_;
    std::unique_ptr<pdr::DirectDisk> disk_;
    std::vector<std::unique_ptr<Site>> sites_;
};

TEST_F(WitnessKeeperTest, the_first_one_begins_where_the_majority_wants_it_and_all_find_it) {
    begin_at_2();
    EXPECT_EQ(at(1).starts, 0);
    EXPECT_TRUE(at(1).way_to_witness().ends_with("isfc/MEMBER2/witness-peer")) << at(1).way_to_witness();
    EXPECT_TRUE(at(2).way_to_witness().ends_with("witness-etcd/witness:1")) << at(2).way_to_witness();
}

TEST_F(WitnessKeeperTest, without_a_majority_a_silent_holder_is_fenced_and_its_witness_taken_over_with_its_data) {
    begin_at_2();
    sites_.pop_back();
    auto& taker = *sites_.front();
    taker.facts.reset();
    EXPECT_FALSE(until([&] { return taker.starts > 0; }, 300ms)) << "the holder's slot moves (R4)";
    EXPECT_TRUE(taker.fenced.empty());
    taker.signs.is_silent = true;
    ASSERT_TRUE(until([&] { return taker.starts > 0; }));
    EXPECT_EQ(taker.fenced, std::vector<std::string>{"MEMBER2"});
    EXPECT_EQ(taker.recorded, taker.fenced) << "so that another ssid need not fence it again";
    EXPECT_TRUE(agreed(1, 1));
    EXPECT_EQ(area(1), 'w') << "its data came with it";
    EXPECT_FALSE(taker.made_anew()) << "a witness that has voted never begins anew (R3)";
    EXPECT_TRUE(taker.way_to_witness().ends_with("witness-etcd/witness:1"));
}

TEST_F(WitnessKeeperTest, an_agent_that_fails_leaves_the_witness_where_it_is_and_no_intent_behind) {
    begin_at_2();
    at(1).facts.reset();
    at(1).agent_works = false;
    at(1).signs.is_silent = true;
    ASSERT_TRUE(until([&] { return !at(1).fenced.empty(); }));
    at(1).signs.is_silent = false;
    ASSERT_TRUE(until([&] { return at(2).keeper.lock() && !at(2).keeper.lock()->fencing; }));
    EXPECT_EQ(at(1).starts, 0);
    EXPECT_TRUE(agreed(2, 2));
}

TEST_F(WitnessKeeperTest, an_intent_whose_ssid_ended_over_it_bars_nobody_for_ever) {
    begin_at_2();
    at(1).facts.reset();
    at(1).agent_hangs = true;
    at(1).signs.is_silent = true;
    ASSERT_TRUE(until([&] { return !at(1).fenced.empty(); }));
    sites_[0].reset();
    sites_[0] = std::make_unique<Site>(config_, 1, root(1));
    ASSERT_TRUE(until([&] { return at(2).keeper.lock() && at(2).keeper.lock()->fencing; }));
    EXPECT_TRUE(until([&] { return at(2).keeper.lock() && !at(2).keeper.lock()->fencing; }));
    EXPECT_TRUE(agreed(2, 2));
}

TEST_F(WitnessKeeperTest, nothing_is_copied_into_an_area_whose_file_system_is_still_in_use_R3) {
    begin_at_2();
    at(1).in_use = true;
    std::filesystem::create_directories(at(1).places.working_directory);
    std::ofstream(at(1).places.working_directory / "loop") << "/dev/loop7\n";
    at(2).left = true;
    at(1).facts = WitnessKeeper::ClusterFacts{at(1).name, false, WitnessSeat::kUsed};
    ASSERT_TRUE(until([&] { return at(2).keeper.lock() && !at(2).keeper.lock()->witness; }));
    EXPECT_FALSE(until([&] { return at(1).starts > 0; }, 300ms));
    at(1).in_use = false;
    EXPECT_TRUE(until([&] { return at(1).starts > 0; })) << "it is closed when that works";
}

TEST_F(WitnessKeeperTest, a_cluster_that_wants_no_witness_any_more_stops_it_and_frees_the_lock) {
    begin_at_2();
    config_.pdr.witness = false;
    EXPECT_TRUE(until([&] { return !at(2).runs() && at(1).keeper.lock() && !at(1).keeper.lock()->witness; }));
}

TEST_F(WitnessKeeperTest,
       one_that_was_recorded_to_be_off_is_taken_from_but_not_if_it_has_claimed_anew_since_SAFETY_15) {
    begin_at_2();
    sites_.pop_back();
    auto& taker = *sites_.front();
    taker.facts.reset();
    taker.disarmed = true;
    taker.signs.is_silent = true;
    taker.off_in_run = taker.keeper.lock()->run - 1;
    EXPECT_FALSE(until([&] { return taker.starts > 0; }, 300ms));
    taker.off_in_run = taker.keeper.lock()->run;
    EXPECT_TRUE(until([&] { return taker.starts > 0; }));
    EXPECT_TRUE(taker.fenced.empty());
}

TEST_F(WitnessKeeperTest, a_silent_holder_is_not_fenced_while_an_operator_has_disarmed_fencing) {
    begin_at_2();
    sites_.pop_back();
    auto& taker = *sites_.front();
    taker.facts.reset();
    taker.disarmed = true;
    taker.signs.is_silent = true;
    EXPECT_FALSE(until([&] { return !taker.fenced.empty() || taker.starts > 0; }, 300ms));
    taker.disarmed = false;
    EXPECT_TRUE(until([&] { return taker.starts > 0; }));
}

TEST_F(WitnessKeeperTest, time_alone_frees_it_only_behind_an_armed_hardware_watchdog_SAFETY_12) {
    begin_at_2();
    at(1).facts.reset();
    at(1).signs = {.still = 12s, .dead_after = 50ms};
    ASSERT_TRUE(until([&] { return at(1).runs(); }));
    EXPECT_TRUE(at(1).fenced.empty());
    ASSERT_TRUE(until([&] { return !at(2).runs(); })) << "had it lived after all: it sees that the lock is another's";
}

TEST_F(WitnessKeeperTest, with_a_majority_it_goes_on_elsewhere_when_its_holder_was_declared_down) {
    begin_at_2();
    sites_.pop_back();
    at(1).facts = WitnessKeeper::ClusterFacts{at(1).name, true, WitnessSeat::kUsed};
    at(1).signs.is_silent = true;
    ASSERT_TRUE(until([&] { return at(1).runs(); }));
    EXPECT_EQ(area(1), 'w');
}

TEST_F(WitnessKeeperTest, a_holder_that_was_declared_down_and_whose_slot_moves_again_keeps_it) {
    begin_at_2();
    sites_.pop_back();
    at(1).facts = WitnessKeeper::ClusterFacts{at(1).name, true, WitnessSeat::kUsed};
    EXPECT_FALSE(until([&] { return at(1).starts > 0; }, 300ms)) << "two witnesses could vote (R3)";
}

TEST_F(WitnessKeeperTest, each_start_is_a_new_run_in_the_lock_and_void_when_the_lease_is_over) {
    begin_at_2();
    const auto before = *at(2).keeper.lock();
    const auto starts = at(2).starts;
    std::filesystem::remove(at(2).places.working_directory / "pid");  // the guard has killed it
    ASSERT_TRUE(until([&] { return at(2).starts > starts; }));
    EXPECT_GT(at(2).keeper.lock()->run, before.run) << "who judged the silence before loses its attempt to take it";
    EXPECT_EQ(at(2).keeper.lock()->witness, before.witness);
    const auto until_ms = at(2).starts_until();
    EXPECT_GT(until_ms, at(2).clock.now().time_since_epoch().count());
    EXPECT_LE(until_ms, (at(2).clock.now() + config_.timing.lease).time_since_epoch().count());
}

TEST_F(WitnessKeeperTest, silence_before_a_run_was_seen_says_nothing_of_it) {
    begin_at_2();
    at(1).facts.reset();
    at(1).signs = {.still = 10min, .dead_after = 10min, .is_silent = false};
    EXPECT_FALSE(until([&] { return at(1).runs(); }, 300ms));
}

TEST_F(WitnessKeeperTest, who_leaves_stops_it_and_frees_it_and_another_takes_it) {
    begin_at_2();
    at(2).left = true;
    for (const auto& site : sites_) site->facts->home = at(1).name;
    bool freed = false;
    boost::asio::co_spawn(at(2).io, at(2).keeper.until_free(),
                          [&](const std::exception_ptr&, const Result<void>& done) { freed = done.has_value(); });
    EXPECT_TRUE(until([&] { return freed; }));
    EXPECT_FALSE(at(2).runs());
    ASSERT_TRUE(until([&] { return at(1).runs(); }));
    EXPECT_TRUE(agreed(1, 1));
    EXPECT_EQ(area(1), 'w');
}

TEST_F(WitnessKeeperTest, a_holder_whose_witness_serves_nobody_gives_it_up_after_a_while_SAFETY_10) {
    begin_at_2();
    for (const auto& site : sites_) site->facts->home = at(1).name;
    at(2).answers = false;
    EXPECT_FALSE(until([&] { return !at(2).runs(); }, 100ms)) << "it may be about to start";
    ASSERT_TRUE(until([&] { return at(1).runs(); }));
    EXPECT_FALSE(at(2).runs());
    EXPECT_TRUE(agreed(1, 1));
    EXPECT_EQ(area(1), 'w');
}

TEST_F(WitnessKeeperTest, a_holder_without_a_majority_gives_it_up_after_a_while_SAFETY_10) {
    begin_at_2();
    at(2).facts.reset();
    at(1).facts.reset();
    ASSERT_TRUE(until([&] { return at(1).runs(); })) << "it was freed: no proof of anything is needed";
    EXPECT_FALSE(at(2).runs());
    EXPECT_TRUE(at(1).fenced.empty());
}

TEST_F(WitnessKeeperTest, a_holder_that_votes_hands_it_to_one_that_does_not_SAFETY_1) {
    begin_at_2();
    for (const auto& site : sites_) site->facts->home = at(1).name;
    at(2).facts->should_move = true;
    ASSERT_TRUE(until([&] { return at(1).runs(); }));
    EXPECT_FALSE(at(2).runs());
    EXPECT_EQ(area(1), 'w');
}

TEST_F(WitnessKeeperTest, a_rebooted_holder_wins_the_lock_anew_and_starts_before_it_has_joined) {
    begin_at_2();
    const auto generation = at(2).keeper.lock()->generation;
    sites_.pop_back();
    std::filesystem::remove_all(root(2));  // its /run
    at(1).facts.reset();
    sites_.push_back(std::make_unique<Site>(config_, 2, root(2)));
    at(2).life = 0;
    ASSERT_TRUE(until([&] { return at(2).runs(); }));
    EXPECT_GT(at(2).keeper.lock()->generation, generation);
    EXPECT_FALSE(at(2).made_anew());
    at(2).life = 2;
    EXPECT_TRUE(until([&] {
        return at(1).keeper.lock() && at(1).keeper.lock()->witness &&
               at(1).keeper.lock()->witness->incarnation == Incarnation{2};
    }));
    EXPECT_EQ(at(2).starts, 1) << "it runs on meanwhile";
}

}  // namespace
}  // namespace ssi::cluster
