// The ways out of a lost majority, with real etcds: SAFETY 20, and rules 1 and 2 of the engine's rules.
#include "daemons/ssid/engine/engine_recovery.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <filesystem>
#include <format>
#include <string>
#include <vector>

#include "daemons/ssid/engine/engine_backup.hpp"
#include "daemons/ssid/engine/log_service.hpp"
#include "daemons/ssid/engine/wal_log.hpp"
#include "engine_etcd_cluster.hpp"

namespace ssi::cluster {
namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;
using namespace std::chrono_literals;

class EngineRecoveryTest : public ::testing::Test {
  protected:
    void SetUp() override {
        if (!EtcdCluster::is_etcd_installed())
            GTEST_SKIP() << "etcd is not installed on this machine (package etcd-server)";
    }
    static fs::path client(EtcdCluster& cluster, int number) {
        return cluster.places(number).working_directory / "client:1";
    }
    static EtcdDirector director(EtcdCluster& cluster, int number) {
        return {cluster.config(), member_name(number), cluster.process(number), cluster.places(number)};
    }
    template <class Call>
    static Result<std::uint64_t> recover(EtcdCluster& cluster, int number, Call call) {
        auto its_director = director(cluster, number);
        EtcdEngine engine(cluster.io.get_executor(), {{client(cluster, number)}, 2s, 1s});
        EngineRecovery recovery(cluster.io.get_executor(), engine, its_director, client(cluster, number));
        return await(cluster.io, call(recovery), 90s);
    }
    static Result<std::uint64_t> force(EtcdCluster& cluster, int number, std::vector<LogReport> others = {}) {
        return recover(cluster, number, [&](EngineRecovery& recovery) { return recovery.force(others); });
    }
    static std::vector<std::string> keys(EtcdCluster& cluster, int number) {
        EtcdEngine engine(cluster.io.get_executor(), {{client(cluster, number)}, 20s, 1s});
        const auto snapshot = await(cluster.io, engine.read("k/"), 30s);
        std::vector<std::string> keys;
        if (!snapshot) ADD_FAILURE() << snapshot.error().text();
        if (snapshot)
            for (const auto& entry : snapshot->entries) keys.push_back(entry.key);
        return keys;
    }
};

/// Two of three voters, the third is dead. Writes at the leader, many at once; as soon as they are acknowledged the
/// follower is killed, and with it what the leader has just told it of their being committed; then the leader. What
/// the follower's log says to be committed is less than what was acknowledged: etcd's own --force-new-cluster would
/// throw the rest away. Answers with the follower.
int lose_the_majority_amid_writes(EtcdCluster& cluster, std::vector<std::string>& acknowledged) {
    cluster.kill(3);
    auto first = cluster.engine(1, 10s);
    if (const auto ready = cluster.put(first, "ready"); !ready) throw std::runtime_error(ready.error().text());
    const int leader = cluster.leader();
    const int follower = 3 - leader;
    auto engine = cluster.engine(leader, 10s);
    constexpr int kRounds = 5;
    constexpr int kAtOnce = 40;
    int number = 0;
    for (int round = 0; round < kRounds; ++round) {
        int open = kAtOnce;
        for (int count = 0; count < kAtOnce; ++count) {
            const auto key = std::format("k/{:04}", number++);
            asio::co_spawn(cluster.io, engine.commit({{}, {{key, "1"}}}),
                           [&, key](std::exception_ptr, Result<CommitResult> done) {
                               --open;
                               if (done) acknowledged.push_back(key);
                           });
        }
        cluster.io.restart();
        while (open > 0)
            if (cluster.io.run_one_for(10s) == 0) throw std::runtime_error("the writes do not end");
    }
    cluster.kill(follower);
    cluster.kill(leader);
    std::ranges::sort(acknowledged);
    return follower;
}

// R3: the survivor of two is the follower, and everything that was acknowledged is there.
TEST_F(EngineRecoveryTest, acknowledged_writes_survive_a_force_on_the_follower) {
    EtcdCluster cluster(3);
    std::vector<std::string> acknowledged;
    const int survivor = lose_the_majority_amid_writes(cluster, acknowledged);
    ASSERT_EQ(acknowledged.size(), 200U);
    const auto log = read_wal(cluster.places(survivor).log());
    ASSERT_TRUE(log) << log.error().text();
    EXPECT_LT(log->commit, log->last_index) << "nothing was at risk: the test shows nothing";
    RecordProperty("entries_at_risk", static_cast<int>(log->last_index - log->commit));

    const auto lineage = force(cluster, survivor);
    ASSERT_TRUE(lineage) << lineage.error().text();
    EXPECT_EQ(*lineage, 1U);
    EXPECT_EQ(keys(cluster, survivor), acknowledged);
    EtcdEngine engine(cluster.io.get_executor(), {{client(cluster, survivor)}, 10s, 1s});
    const auto voters = await(cluster.io, engine.voters());
    ASSERT_TRUE(voters);
    EXPECT_EQ(voters->size(), 1U);
    EXPECT_TRUE(await(cluster.io, engine.commit({{}, {{"after", "1"}}})));
    EXPECT_EQ(read_marker(cluster.places(survivor).marker)->value().lineage, 1U);

    // Its later starts are ordinary ones.
    cluster.kill(survivor);
    cluster.start(survivor);
    EXPECT_EQ(keys(cluster, survivor), acknowledged);
}

// SAFETY 19: the others come back with their old data, and join anew.
TEST_F(EngineRecoveryTest, others_join_anew_after_a_force) {
    EtcdCluster cluster(3);
    std::vector<std::string> acknowledged;
    const int survivor = lose_the_majority_amid_writes(cluster, acknowledged);
    ASSERT_TRUE(force(cluster, survivor));
    for (const int number : {1, 2, 3})
        if (number != survivor) cluster.die(number);
    cluster.keep_until(member_name(survivor).str());
    // Both at once: with the data of before they are a majority of the voters of before.
    for (const int number : {1, 2, 3})
        if (number != survivor) cluster.rise(number);
    cluster.keep_until("MEMBER1 MEMBER2 MEMBER3", 90s);
    for (const int number : {1, 2, 3}) {
        EXPECT_EQ(keys(cluster, number), acknowledged);
        EXPECT_EQ(read_marker(cluster.places(number).marker)->value().lineage, 1U);
    }
}

TEST_F(EngineRecoveryTest, force_is_refused_while_the_engine_serves) {
    EtcdCluster cluster(3);
    const auto refused = force(cluster, 1);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::kUsage);
    EXPECT_EQ(read_marker(cluster.places(1).marker)->value().lineage, 0U);
}

// SAFETY 20
TEST_F(EngineRecoveryTest, force_is_refused_on_the_shorter_log) {
    EtcdCluster cluster(3);
    cluster.kill(3);
    auto engine = cluster.engine(1, 10s);
    ASSERT_TRUE(cluster.put(engine, "k/later"));
    cluster.kill(1);
    cluster.kill(2);
    const auto newer = director(cluster, 1).log_report();
    const auto older = director(cluster, 3).log_report();
    ASSERT_TRUE(newer && older);

    // As the members tell each other.
    const auto socket = cluster.places(1).working_directory / "engine-log.sock";
    auto server = LogServer::listen(cluster.io.get_executor(), socket, [&] {
        return newer.transform([](const LogReport& log) { return LogReports{log}; });
    });
    ASSERT_TRUE(server) << server.error().text();
    asio::co_spawn(cluster.io, server->run(), [](std::exception_ptr) {});
    const auto told = await(cluster.io, ask_log(cluster.io.get_executor(), socket, 2s));
    ASSERT_TRUE(told) << told.error().text();
    EXPECT_EQ(told->own, *newer);

    const auto refused = force(cluster, 3, {told->own});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().object, "MEMBER1");
    EXPECT_TRUE(force(cluster, 1, {*older}));
    EXPECT_EQ(keys(cluster, 1), std::vector<std::string>{"k/later"});
}

TEST_F(EngineRecoveryTest, copy_is_restored_on_one_member_and_the_others_join) {
    EtcdCluster cluster(3);
    auto engine = cluster.engine(1, 10s);
    ASSERT_TRUE(await(cluster.io, engine.commit({{}, {{"k/1", "1"}, {"k/2", std::string(100'000, 'x')}}})));
    const auto before = await(cluster.io, engine.read("k/"));
    const auto copy = cluster.places(1).marker.parent_path() / "copy";
    const auto bytes = await(cluster.io, back_up(cluster.io.get_executor(), client(cluster, 1), copy, 10s));
    ASSERT_TRUE(bytes) << bytes.error().text();
    EXPECT_EQ(fs::file_size(copy), *bytes);
    EXPECT_EQ(fs::status(copy).permissions(), fs::perms::owner_read | fs::perms::owner_write);
    ASSERT_TRUE(await(cluster.io, engine.commit({{}, {{"k/after-the-copy", "1"}}})));

    const auto restore = [&](EngineRecovery& recovery) { return recovery.restore(copy); };
    EXPECT_EQ(recover(cluster, 1, restore).error().code, ErrorCode::kUsage) << "it serves";
    for (const int number : {1, 2, 3}) cluster.die(number);
    const auto lineage = recover(cluster, 1, restore);
    ASSERT_TRUE(lineage) << lineage.error().text();
    EXPECT_EQ(keys(cluster, 1), (std::vector<std::string>{"k/1", "k/2"}));
    EtcdEngine restored(cluster.io.get_executor(), {{client(cluster, 1)}, 10s, 1s});
    const auto after = await(cluster.io, restored.read("k/"));
    EXPECT_GT(after->revision, before->revision) << "nobody may mistake its revisions for those of before";
    auto aside = cluster.places(1).data_directory;
    EXPECT_TRUE(fs::exists(aside += ".old"));

    cluster.rise(1);
    cluster.keep_until("MEMBER1");
    for (const int number : {2, 3}) cluster.rise(number);
    cluster.keep_until("MEMBER1 MEMBER2 MEMBER3", 90s);
    EXPECT_EQ(keys(cluster, 3), (std::vector<std::string>{"k/1", "k/2"}));
}

TEST_F(EngineRecoveryTest, file_that_is_no_copy_changes_nothing) {
    EtcdCluster cluster(1);
    auto engine = cluster.engine(1, 10s);
    ASSERT_TRUE(await(cluster.io, engine.commit({{}, {{"k/1", "1"}}})));
    cluster.kill(1);
    const auto refused =
        recover(cluster, 1, [&](EngineRecovery& recovery) { return recovery.restore(cluster.places(1).marker); });
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::kEngineFailed);
    cluster.start(1);
    EXPECT_EQ(keys(cluster, 1), std::vector<std::string>{"k/1"});
}

}  // namespace
}  // namespace ssi::cluster
