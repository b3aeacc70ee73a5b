#include <gtest/gtest.h>
#include <stdlib.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "daemons/ssid/engine/etcd_director.hpp"

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
    void etcd_has_written() { fs::create_directories(places_.data_directory / "member" / "wal"); }

    fs::path root_;
    EtcdPlaces places_;
    SystemConfig config_;
    RecordingUnits units_;
};

TEST_F(EtcdDirectorTest, first_start_marks_links_and_starts) {
    ASSERT_TRUE(bring_up());
    EXPECT_EQ(units_.calls.back(), "start ssi-etcd.service");
    EXPECT_TRUE(fs::exists(places_.marker));
    EXPECT_EQ(fs::read_symlink(places_.working_directory / "MEMBER2:1"), places_.links / "MEMBER2" / "etcd-peer");
    EXPECT_EQ(fs::read_symlink(places_.working_directory / "MEMBER3:1"), places_.links / "MEMBER3" / "etcd-peer");
    EXPECT_FALSE(fs::exists(fs::symlink_status(places_.working_directory / "MEMBER1:1"))) << "etcd makes its own";
    EXPECT_FALSE(fs::exists(fs::symlink_status(places_.working_directory / "MEMBER4:1"))) << "no voter";
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

TEST_F(EtcdDirectorTest, file_in_place_of_a_link_is_replaced) {
    fs::create_directories(places_.working_directory);
    std::ofstream(places_.working_directory / "MEMBER2:1") << "left over";
    ASSERT_TRUE(bring_up());
    EXPECT_TRUE(fs::is_symlink(places_.working_directory / "MEMBER2:1"));
}

TEST_F(EtcdDirectorTest, configuration_lists_voters_and_own_sockets) {
    const auto config = boost::json::parse(etcd_config_text(config_, name(2), places_)).as_object();
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
