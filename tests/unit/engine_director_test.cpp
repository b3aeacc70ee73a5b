#include <gtest/gtest.h>
#include <stdlib.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "daemons/ssid/engine/etcd_director.hpp"
#include "wal_builder.hpp"

namespace ssi::cluster {
namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;

/// Records what is asked of it.
class RecordingUnits final : public UnitControl {
  public:
    asio::awaitable<Result<void>> start(std::string unit) override {
        calls.push_back("start " + unit);
        co_return Result<void>{};
    }
    asio::awaitable<Result<void>> stop(std::string unit) override {
        calls.push_back("stop " + unit);
        co_return Result<void>{};
    }
    std::vector<std::string> calls;
};

class EtcdDirectorTest : public ::testing::Test {
  protected:
    EtcdDirectorTest() {
        std::string pattern = (fs::temp_directory_path() / "ssi-director-XXXXXX").native();
        root_ = ::mkdtemp(pattern.data());
        places_ = {root_ / "run/etcd", root_ / "lib/etcd", root_ / "lib/engine-bootstrapped", root_ / "isfc"};
        config_.cluster_uuid = "5e1a3c0e-0000-4000-8000-000000000001";
        for (int number = 1; number <= 4; ++number)
            config_.members.push_back({name(number), MemberSlot::from(number).value(), ""});
    }
    ~EtcdDirectorTest() override { fs::remove_all(root_); }

    static MemberName name(int number) { return MemberName::parse("MEMBER" + std::to_string(number)).value(); }

    Result<void> bring_up(int number = 1) {
        EtcdDirector director(config_, name(number), units_, places_);
        Result<void> result;
        asio::io_context io;
        asio::co_spawn(io, director.bring_up(),
                       [&](std::exception_ptr, Result<void> ended) { result = std::move(ended); });
        io.run();
        return result;
    }
    Result<OwnSeat> settle(const std::vector<gateway::Voter>& list, int number = 1) {
        if (!director_) director_.emplace(config_, name(number), units_, places_);
        Result<OwnSeat> result;
        asio::io_context io;
        asio::co_spawn(io, director_->settle(list),
                       [&](std::exception_ptr, Result<OwnSeat> ended) { result = std::move(ended); });
        io.run();
        return result;
    }
    void etcd_has_written(std::uint64_t id = kOldSeat) {
        WalBuilder().identity(id, 1).write(places_.log() / "0000000000000000-0000000000000000.wal");
    }
    static gateway::Voter voter(int number, std::uint64_t id) {
        return {id, name(number).str(), {peer_url(name(number).str())}, {"unix://client:1"}, false};
    }
    static gateway::Voter new_learner(int number, std::uint64_t id) {
        return {id, "", {peer_url(name(number).str())}, {}, true};
    }
    std::string started_with() const {
        std::ifstream file(places_.working_directory / "etcd.json");
        const std::string text{std::istreambuf_iterator<char>(file), {}};
        const auto config = boost::json::parse(text).as_object();
        return std::string(config.at("initial-cluster-state").as_string()) + " " +
               std::string(config.at("initial-cluster").as_string());
    }

    static constexpr std::uint64_t kOldSeat = 11;
    static constexpr std::uint64_t kNewSeat = 12;

    fs::path root_;
    EtcdPlaces places_;
    SystemConfig config_;
    RecordingUnits units_;
    std::optional<EtcdDirector> director_;
};

TEST_F(EtcdDirectorTest, first_start_marks_links_and_starts) {
    ASSERT_TRUE(bring_up());
    EXPECT_EQ(units_.calls.back(), "start ssi-etcd.service");
    EXPECT_TRUE(fs::exists(places_.marker));
    EXPECT_EQ(fs::read_symlink(places_.working_directory / "MEMBER2:1"), places_.links / "MEMBER2" / "etcd-peer");
    EXPECT_EQ(fs::read_symlink(places_.working_directory / "MEMBER3:1"), places_.links / "MEMBER3" / "etcd-peer");
    EXPECT_FALSE(fs::exists(fs::symlink_status(places_.working_directory / "MEMBER1:1"))) << "etcd makes its own";
    EXPECT_TRUE(fs::is_symlink(places_.working_directory / "MEMBER4:1")) << "it may become a voter";
    EXPECT_EQ(fs::status(places_.working_directory).permissions(), fs::perms::owner_all);
}

// R8: a restarted ssid leaves a running etcd alone.
TEST_F(EtcdDirectorTest, unchanged_configuration_stops_nothing) {
    ASSERT_TRUE(bring_up());
    etcd_has_written();
    units_.calls.clear();
    ASSERT_TRUE(bring_up());
    EXPECT_EQ(units_.calls, std::vector<std::string>{"start ssi-etcd.service"});
}

TEST_F(EtcdDirectorTest, changed_configuration_restarts) {
    ASSERT_TRUE(bring_up());
    etcd_has_written();
    units_.calls.clear();
    config_.timing.engine_election = std::chrono::milliseconds(3'000);
    ASSERT_TRUE(bring_up());
    EXPECT_EQ(units_.calls, (std::vector<std::string>{"stop ssi-etcd.service", "start ssi-etcd.service"}));
}

// R3: a voter that has forgotten what it voted for must not vote again.
TEST_F(EtcdDirectorTest, lost_data_is_refused) {
    ASSERT_TRUE(bring_up());
    etcd_has_written();
    ASSERT_TRUE(bring_up());
    fs::remove_all(places_.data_directory);
    units_.calls.clear();
    const auto result = bring_up();
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::kEngineFailed);
    EXPECT_NE(result.error().remedy.find(places_.marker.native()), std::string::npos);
    EXPECT_TRUE(units_.calls.empty());
}

TEST_F(EtcdDirectorTest, data_of_another_cluster_is_refused) {
    ASSERT_TRUE(bring_up());
    etcd_has_written();
    config_.cluster_uuid = "5e1a3c0e-0000-4000-8000-000000000002";
    EXPECT_EQ(bring_up().error().code, ErrorCode::kEngineFailed);
}

TEST_F(EtcdDirectorTest, no_voter_runs_no_etcd) {
    ASSERT_TRUE(bring_up(4));
    EXPECT_EQ(units_.calls, std::vector<std::string>{"stop ssi-etcd.service"});
    EXPECT_FALSE(fs::exists(places_.marker));
}

// R3: only a start that ssid has asked for may begin without data; the unit looks for the file.
TEST_F(EtcdDirectorTest, begin_without_data_is_allowed_once) {
    ASSERT_TRUE(bring_up());
    EXPECT_TRUE(fs::exists(places_.begin()));
    etcd_has_written();
    ASSERT_TRUE(bring_up());
    EXPECT_FALSE(fs::exists(places_.begin()));
}

TEST_F(EtcdDirectorTest, own_seat_runs_and_is_left_alone) {
    ASSERT_TRUE(bring_up());
    etcd_has_written();
    const std::vector list{voter(1, kOldSeat), voter(2, 2)};
    EXPECT_EQ(settle(list), OwnSeat::kVoter);
    units_.calls.clear();
    EXPECT_EQ(settle(list), OwnSeat::kVoter);
    EXPECT_TRUE(units_.calls.empty());
    EXPECT_TRUE(started_with().starts_with("new ")) << "a running etcd is not restarted for what it does not read";
}

TEST_F(EtcdDirectorTest, without_a_seat_etcd_is_stopped_and_its_data_kept) {
    ASSERT_TRUE(bring_up());
    etcd_has_written();
    units_.calls.clear();
    EXPECT_EQ(settle({voter(2, 2), voter(3, 3)}), OwnSeat::kNone);
    EXPECT_EQ(units_.calls, std::vector<std::string>{"stop ssi-etcd.service"});
    EXPECT_TRUE(fs::exists(places_.log()));
}

// Rule 3 of the engine's rules: the old data is renamed, and etcd joins with the list of those that are there.
TEST_F(EtcdDirectorTest, new_seat_joins_with_the_old_data_put_aside) {
    ASSERT_TRUE(bring_up());
    etcd_has_written();
    const std::vector list{voter(2, 2), voter(3, 3), new_learner(1, kNewSeat)};
    EXPECT_EQ(settle(list), OwnSeat::kLearner);
    EXPECT_FALSE(fs::exists(places_.log()));
    EXPECT_TRUE(fs::exists(root_ / "lib/etcd.old/member/wal"));
    EXPECT_EQ(started_with(), "existing MEMBER2=unix://MEMBER2:1,MEMBER3=unix://MEMBER3:1,MEMBER1=unix://MEMBER1:1");
    EXPECT_EQ(units_.calls.back(), "start ssi-etcd.service");

    etcd_has_written(kNewSeat);
    EXPECT_EQ(settle(list), OwnSeat::kLearner);
    EXPECT_TRUE(fs::exists(root_ / "lib/etcd.old")) << "kept until the join has succeeded";
    EXPECT_EQ(settle({voter(2, 2), voter(3, 3), voter(1, kNewSeat)}), OwnSeat::kVoter);
    EXPECT_FALSE(fs::exists(root_ / "lib/etcd.old"));
}

TEST_F(EtcdDirectorTest, data_of_the_members_former_name_is_put_aside_for_a_new_seat_alone) {
    ASSERT_TRUE(bring_up(1));  // before it was called MEMBER4
    etcd_has_written();
    EXPECT_FALSE(settle({voter(1, 1), voter(2, 2), voter(3, 3), voter(4, 4)}, 4)) << "names were mixed up";
    EXPECT_TRUE(fs::exists(places_.log()));
    EXPECT_EQ(settle({voter(2, 2), voter(3, 3), new_learner(4, kNewSeat)}, 4), OwnSeat::kLearner);
    EXPECT_FALSE(fs::exists(places_.log()));
    EXPECT_EQ(started_with().substr(0, 9), "existing ");
}

TEST_F(EtcdDirectorTest, data_that_is_put_aside_replaces_no_other) {
    ASSERT_TRUE(bring_up());
    etcd_has_written();
    fs::create_directories(root_ / "lib/etcd.old");
    ASSERT_TRUE(settle({voter(2, 2), new_learner(1, kNewSeat)}));
    EXPECT_TRUE(fs::exists(root_ / "lib/etcd.old.2/member/wal"));
}

TEST_F(EtcdDirectorTest, learner_whose_list_has_changed_joins_with_the_new_one) {
    ASSERT_TRUE(settle({voter(2, 2), voter(3, 3), new_learner(1, kNewSeat)}));
    ASSERT_TRUE(settle({voter(2, 2), new_learner(1, kNewSeat)}));
    EXPECT_EQ(started_with(), "existing MEMBER2=unix://MEMBER2:1,MEMBER1=unix://MEMBER1:1");
}

// R3: its seat voted, and what it voted for is forgotten.
TEST_F(EtcdDirectorTest, seat_whose_data_is_gone_is_lost) {
    ASSERT_TRUE(bring_up());
    fs::remove(places_.begin());  // a boot later
    units_.calls.clear();
    EXPECT_EQ(settle({voter(1, kOldSeat), voter(2, 2), voter(3, 3)}), OwnSeat::kLost);
    EXPECT_EQ(units_.calls, std::vector<std::string>{"stop ssi-etcd.service"});
}

TEST_F(EtcdDirectorTest, seat_that_never_ran_begins_as_part_of_the_new_cluster) {
    auto own = voter(1, kOldSeat);
    own.client_urls.clear();
    EXPECT_EQ(settle({own, voter(2, 2), voter(3, 3)}), OwnSeat::kVoter);
    EXPECT_TRUE(started_with().starts_with("new "));
    EXPECT_EQ(settle({own, voter(2, 2), voter(3, 3)}), OwnSeat::kVoter) << "it is beginning: not lost";
}

TEST_F(EtcdDirectorTest, file_in_place_of_a_link_is_replaced) {
    fs::create_directories(places_.working_directory);
    std::ofstream(places_.working_directory / "MEMBER2:1") << "left over";
    ASSERT_TRUE(bring_up());
    EXPECT_TRUE(fs::is_symlink(places_.working_directory / "MEMBER2:1"));
}

TEST_F(EtcdDirectorTest, configuration_lists_voters_and_own_sockets) {
    const auto config =
        boost::json::parse(etcd_config_text(config_, name(2), places_, first_start(config_))).as_object();
    EXPECT_EQ(config.at("name"), "MEMBER2");
    EXPECT_EQ(config.at("listen-peer-urls"), "unix://MEMBER2:1");
    EXPECT_EQ(config.at("initial-cluster"),
              "MEMBER1=unix://MEMBER1:1,MEMBER2=unix://MEMBER2:1,MEMBER3=unix://MEMBER3:1");
    EXPECT_EQ(config.at("initial-cluster-token"), "ssi-5e1a3c0e-0000-4000-8000-000000000001");
    EXPECT_EQ(config.at("election-timeout"), 1000);
    EXPECT_EQ(config.at("pre-vote"), true);
}

}  // namespace
}  // namespace ssi::cluster
