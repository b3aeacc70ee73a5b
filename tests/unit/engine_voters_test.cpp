// Voters come and go, with real etcds: SAFETY 1, 2 and 20, and the rules of the engine about its members. Who lives is
// said by the tests; everything else is as in ssid.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <algorithm>
#include <filesystem>
#include <format>
#include <string>

#include "daemons/ssid/engine/voter_status.hpp"
#include "engine_etcd_cluster.hpp"

namespace ssi::cluster {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

class EngineVoters : public ::testing::Test {
  protected:
    void SetUp() override {
        if (!EtcdCluster::is_etcd_installed())
            GTEST_SKIP() << "etcd is not installed on this machine (package etcd-server)";
    }
    /// R3: everything that was ever acknowledged is there.
    static void write_and_check(EtcdCluster& cluster, int& written) {
        auto engine = cluster.engine(1, 10s);
        const auto key = [](int number) { return std::format("k/{:04}", number); };
        for (int count = 0; count < 5; ++count) {
            const auto made = cluster.put(engine, key(written + 1));
            ASSERT_TRUE(made) << made.error().text();
            ++written;
        }
        const auto snapshot = await(cluster.io, engine.read("k/"));
        ASSERT_TRUE(snapshot) << snapshot.error().text();
        ASSERT_EQ(snapshot->entries.size(), static_cast<std::size_t>(written));
    }
};

TEST_F(EngineVoters, one_voter_grows_to_three_and_any_of_them_may_die) {
    EtcdCluster cluster(3, 1);
    int written = 0;
    write_and_check(cluster, written);
    EXPECT_EQ(cluster.voters_text(), "MEMBER1");
    cluster.keep_until("MEMBER1 MEMBER2 MEMBER3");
    write_and_check(cluster, written);
    cluster.die(1);
    write_and_check(cluster, written);
    cluster.rise(1);
    cluster.keep_until("MEMBER1 MEMBER2 MEMBER3");
    cluster.die(3);
    write_and_check(cluster, written);
}

TEST_F(EngineVoters, seat_of_a_dead_voter_is_taken_and_it_comes_back_as_a_client_and_then_anew) {
    EtcdCluster cluster(4);
    int written = 0;
    write_and_check(cluster, written);
    cluster.die(2, false);
    cluster.keep_until("MEMBER1 MEMBER2 MEMBER3");  // silence proves nothing
    cluster.die(2);
    cluster.keep_until("MEMBER1 MEMBER3 MEMBER4");
    write_and_check(cluster, written);

    cluster.rise(2);
    cluster.keep_until("MEMBER1 MEMBER3 MEMBER4");
    write_and_check(cluster, written);
    EXPECT_TRUE(fs::exists(cluster.places(2).log())) << "its old data is kept";

    cluster.die(1);
    cluster.keep_until("MEMBER2 MEMBER3 MEMBER4");
    write_and_check(cluster, written);
    auto old = cluster.places(2).data_directory;
    EXPECT_FALSE(fs::exists(old += ".old")) << "deleted when it votes again";
}

// Four single deaths of five, each proved before the next, down to two members, and all back.
TEST_F(EngineVoters, leadership_goes_where_it_is_handed_to_SAFETY_4) {
    EtcdCluster cluster(3);
    int written = 0;
    write_and_check(cluster, written);
    const auto first = cluster.leader();
    const auto heir = first % 3 + 1;
    auto engine = cluster.engine(heir);
    const auto voters = await(cluster.io, engine.voters());
    ASSERT_TRUE(voters);
    const auto seat = std::ranges::find(*voters, member_name(heir).str(), &gateway::Voter::name);
    ASSERT_NE(seat, voters->end());
    const auto socket = [&](int number) { return cluster.places(number).working_directory / "client:1"; };
    EXPECT_FALSE(await(cluster.io, hand_leadership_to(seat->id, cluster.io.get_executor(), socket(heir), 3s)))
        << "one that does not lead has none to give";
    const auto done = await(cluster.io, hand_leadership_to(seat->id, cluster.io.get_executor(), socket(first), 3s));
    ASSERT_TRUE(done) << done.error().text();
    EXPECT_EQ(cluster.leader(), heir);
    write_and_check(cluster, written);
}

TEST_F(EngineVoters, five_become_three_and_five_again) {
    EtcdCluster cluster(5);
    int written = 0;
    write_and_check(cluster, written);
    cluster.die(1);
    cluster.keep_until("MEMBER1 MEMBER2 MEMBER3 MEMBER4 MEMBER5");
    write_and_check(cluster, written);
    cluster.die(4);
    cluster.keep_until("MEMBER2 MEMBER3 MEMBER5");
    write_and_check(cluster, written);
    cluster.die(2);
    cluster.keep_until("MEMBER2 MEMBER3 MEMBER5");
    write_and_check(cluster, written);
    cluster.rise(4);
    cluster.keep_until("MEMBER3 MEMBER4 MEMBER5");
    cluster.rise(1);
    cluster.rise(2);
    cluster.keep_until("MEMBER1 MEMBER2 MEMBER3 MEMBER4 MEMBER5", 90s);
    write_and_check(cluster, written);
}

// R3: a voter that has forgotten what it voted for never votes with that seat again.
TEST_F(EngineVoters, voter_that_lost_its_data_gets_a_new_seat) {
    EtcdCluster cluster(3);
    int written = 0;
    write_and_check(cluster, written);
    auto engine = cluster.engine(1, 10s);
    const auto before = await(cluster.io, engine.voters());
    ASSERT_TRUE(before);
    cluster.die(3, false);
    fs::remove_all(cluster.places(3).data_directory);
    cluster.rise(3);
    cluster.keep_until("MEMBER1 MEMBER2 MEMBER3");
    write_and_check(cluster, written);
    const auto after = await(cluster.io, engine.voters());
    ASSERT_TRUE(after);
    for (const auto& old : *before)
        EXPECT_EQ(std::ranges::contains(*after, old.id, &gateway::Voter::id), old.name != "MEMBER3");
}

TEST_F(EngineVoters, power_cut_of_all_in_the_middle_of_a_change_ends_well) {
    EtcdCluster cluster(3, 1);
    int written = 0;
    write_and_check(cluster, written);
    auto engine = cluster.engine(1, 10s);
    ASSERT_TRUE(await(cluster.io, engine.add_learner(peer_url("MEMBER2"))));
    for (const int number : {1, 2, 3}) cluster.die(number, false);
    for (const int number : {3, 2, 1}) cluster.rise(number);
    cluster.keep_until("MEMBER1 MEMBER2 MEMBER3");
    write_and_check(cluster, written);
    for (const int number : {1, 2, 3}) cluster.die(number, false);
    for (const int number : {2, 3, 1}) cluster.rise(number);
    cluster.keep_until("MEMBER1 MEMBER2 MEMBER3");
    write_and_check(cluster, written);
}

// The unit's Restart= must bring it back whatever the status: that of one that was removed is 0.
TEST_F(EngineVoters, removed_etcd_ends_with_status_0_when_it_hears_of_it) {
    EtcdCluster cluster(3);
    auto engine = cluster.engine(1, 10s);
    const auto list = await(cluster.io, engine.voters());
    ASSERT_TRUE(list);
    const auto third = std::ranges::find(*list, "MEMBER3", &gateway::Voter::name);
    ASSERT_NE(third, list->end());
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    for (;;) {  // "unhealthy cluster" for five seconds after the start
        const auto removed = await(cluster.io, engine.remove(third->id));
        if (removed) break;
        ASSERT_EQ(removed.error().code, ErrorCode::kEngineFailed) << removed.error().text();
        ASSERT_LT(std::chrono::steady_clock::now(), deadline);
        cluster.io.restart();
        cluster.io.run_for(200ms);
    }
    while (!cluster.process(3).ended_with()) {
        ASSERT_LT(std::chrono::steady_clock::now(), deadline);
        cluster.io.restart();
        cluster.io.run_for(100ms);
        cluster.process(3).tend();
    }
    EXPECT_TRUE(WIFEXITED(*cluster.process(3).ended_with()));
    EXPECT_EQ(WEXITSTATUS(*cluster.process(3).ended_with()), 0);
}

}  // namespace
}  // namespace ssi::cluster
