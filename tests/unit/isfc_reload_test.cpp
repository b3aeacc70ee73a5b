// A new system.toml, isfc.d or certificate counts while streams run, or nothing of it does.
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <filesystem>
#include <format>
#include <fstream>

#include "tests/unit/isfc_cluster.hpp"

namespace ssi::isfc {
namespace {

namespace fs = std::filesystem;
using Changes = std::vector<std::string>;

/// What the daemon says it changed, or the error.
Result<Changes> reload(TestCluster& cluster, int member) {
    Result<std::string> answer;
    cluster.with(member, [&](Isfcd& daemon) { answer = daemon.reload(cluster.config(member)); });
    if (!answer) return std::unexpected(answer.error());
    Changes changes;
    const auto document = boost::json::parse(*answer);
    for (const auto& one : document.at("changes").as_array())
        changes.push_back(std::format("{}: {}", std::string_view(one.at("object").as_string()),
                                      std::string_view(one.at("change").as_string())));
    return changes;
}

std::int64_t times_up(TestCluster& cluster, const std::string& channel) {
    return cluster.channel(1, 2, channel).at("times_up").to_number<std::int64_t>();
}

TEST(IsfcdReload, of_the_same_files_changes_nothing) {
    TestCluster cluster({.channels = 2, .scale = kQuick});
    cluster.start_all();
    EXPECT_EQ(reload(cluster, 1).value(), Changes{});
    EXPECT_EQ(reload(cluster, 2).value(), Changes{});
    EXPECT_EQ(times_up(cluster, "0"), 1);
}

TEST(IsfcdReload, adds_and_removes_channels_without_touching_others) {
    TestCluster cluster({.channels = 3, .scale = kQuick});
    auto removed = cluster.config(1).channels[2];
    for (const int member : {1, 2}) cluster.config(member).channels.pop_back();
    cluster.start(1);
    cluster.start(2);
    cluster.wait_for_channels(1, 2, 2);
    for (const int member : {1, 2}) {
        cluster.config(member).channels.push_back(removed);
        EXPECT_EQ(reload(cluster, member).value(), Changes{std::format("channel 2 to MEMBER{}: added", 3 - member)});
    }
    cluster.wait_for_channels(1, 2, 3);
    std::erase_if(cluster.config(2).channels, [](auto& channel) { return channel.name == "1"; });
    EXPECT_EQ(reload(cluster, 2).value(), Changes{"channel 1 to MEMBER1: removed"});
    cluster.wait_for_channels(1, 2, 2);
    EXPECT_TRUE(cluster.channel(2, 1, "1").empty());
    TestCluster::wait_until("the reason at the peer", [&] {
        const auto channel = cluster.channel(1, 2, "1");
        return channel.contains("problem") &&
               std::string(channel.at("problem").as_string()).contains("has no channel 1");
    });
    EXPECT_EQ(times_up(cluster, "0"), 1);
    EXPECT_EQ(times_up(cluster, "2"), 1);
}

TEST(IsfcdReload, changed_channel_moves_to_its_new_address_and_its_streams_go_on) {
    TestCluster cluster({.channels = 2, .scale = kQuick});
    cluster.start_all();
    LocalServer server(cluster.services(2) / "echo");
    auto client = LocalSocket::connect(cluster.path(1, 2, "echo"));
    auto served = server.accept();
    for (const int member : {2, 1}) {
        cluster.config(member).channels[0].higher.address = TestCluster::address(200);
        EXPECT_EQ(reload(cluster, member).value(), Changes{std::format("channel 0 to MEMBER{}: changed", 3 - member)});
        client.send("x");
        EXPECT_EQ(served.receive(1), "x");
    }
    TestCluster::wait_until("the new connection", [&] { return times_up(cluster, "0") == 2; });
    EXPECT_EQ(times_up(cluster, "1"), 1);
    EXPECT_EQ(cluster.channel(1, 2, "0").at("remote").as_string(), TestCluster::address(200));
    client.send("question");
    EXPECT_EQ(served.receive(8), "question");
}

TEST(IsfcdReload, members_come_and_go) {
    TestCluster cluster({.members = 3, .scale = kQuick});
    const auto all = cluster.config(1);
    for (const int member : {1, 2}) {
        auto& config = cluster.config(member);
        config.members.pop_back();
        std::erase_if(config.channels, [](auto& channel) { return channel.higher.member.str() == "MEMBER3"; });
        cluster.start(member);
    }
    cluster.wait_for_channels(1, 2, 1);
    for (const int member : {1, 2}) {
        cluster.config(member) = all;
        EXPECT_EQ(reload(cluster, member).value(), Changes{"member MEMBER3: added"});
    }
    cluster.start(3);
    cluster.wait_for_channels(1, 3, 1);
    cluster.wait_for_channels(2, 3, 1);
    LocalServer server(cluster.services(3) / "echo");
    auto client = LocalSocket::connect(cluster.path(1, 3, "echo"));
    const auto served = server.accept();
    auto& config = cluster.config(1);
    config.members.pop_back();
    std::erase_if(config.channels, [](auto& channel) { return channel.higher.member.str() == "MEMBER3"; });
    EXPECT_EQ(reload(cluster, 1).value(), Changes{"member MEMBER3: removed"});
    EXPECT_EQ(client.end_reason(), 0) << "it wrote nothing";
    EXPECT_FALSE(fs::exists(cluster.runtime(1) / "MEMBER3"));
    cluster.wait_for_channels(1, 2, 1);
}

TEST(IsfcdReload, services_of_isfc_d_are_read_again) {
    TestCluster cluster({.scale = kQuick});
    cluster.start_all();
    const TemporaryDirectory elsewhere;
    const LocalServer server(elsewhere.path() / "socket");
    for (const int member : {1, 2}) {
        cluster.configure_service(member, "new", elsewhere.path() / "socket");
        EXPECT_EQ(reload(cluster, member).value(), Changes{"services: changed"});
    }
    EXPECT_TRUE(fs::exists(cluster.path(1, 2, "new")));
    LocalSocket::connect(cluster.path(1, 2, "new"));
}

TEST(IsfcdReload, what_is_deactivated_stays_so) {
    TestCluster cluster({.channels = 2, .scale = kQuick});
    cluster.start_all();
    cluster.with(1, [](Isfcd& daemon) { ASSERT_TRUE(daemon.deactivate("", "0", false)); });
    EXPECT_EQ(reload(cluster, 1).value(), Changes{});
    EXPECT_EQ(cluster.channel(1, 2, "0").at("state").as_string(), "deactivated");
}

/// A reload of member 1 in which `spoil` has made one thing wrong, and another one different.
Error refused(const std::function<void(TestCluster&)>& spoil) {
    TestCluster cluster({.channels = 2, .scale = kQuick});
    cluster.start_all();
    cluster.config(1).channels.pop_back();
    spoil(cluster);
    const auto answer = reload(cluster, 1);
    EXPECT_FALSE(answer);
    EXPECT_EQ(cluster.query(1).at("links").at(0).at("channels").as_array().size(), 2U) << "nothing was changed";
    cluster.wait_for_channels(1, 2, 2);
    EXPECT_EQ(times_up(cluster, "0"), 1);
    return answer ? Error{} : answer.error();
}

TEST(IsfcdReload, with_any_fault_changes_nothing) {
    EXPECT_EQ(refused([](TestCluster& cluster) {
                  fs::copy(cluster.authority() / "MEMBER2.key", cluster.pki(1) / "MEMBER1.key",
                           fs::copy_options::overwrite_existing);
              }).code,
              ErrorCode::kCertificateInvalid);
    EXPECT_EQ(refused([](TestCluster& cluster) { fs::remove(cluster.pki(1) / "ca.crt"); }).code,
              ErrorCode::kConfigMissing);
    EXPECT_EQ(refused([](TestCluster& cluster) { cluster.configure_service(1, "not a name", "/x"); }).code,
              ErrorCode::kConfigInvalid);
    EXPECT_EQ(refused([](TestCluster& cluster) {
                  std::erase_if(cluster.config(1).members, [](auto& member) { return member.name.str() == "MEMBER1"; });
              }).code,
              ErrorCode::kMemberUnknown);
}

TEST(IsfcdReload, of_what_a_restart_is_needed_for_says_so) {
    const std::vector<std::function<void(SystemConfig&)>> changes{
        [](auto& config) { config.cluster = "other"; },
        [](auto& config) { config.cluster_uuid = "99999999-2222-3333-4444-555555555555"; },
        [](auto& config) { config.members[0].slot = *MemberSlot::from(7); },
        [](auto& config) { config.members[1].slot = *MemberSlot::from(7); }};
    for (const auto& change : changes)
        EXPECT_EQ(refused([&](TestCluster& cluster) { change(cluster.config(1)); }).remedy, "systemctl restart isfcd");
}

TEST(IsfcdReload, refuses_a_file_that_takes_the_place_of_a_channel_added_at_run_time) {
    TestCluster cluster({.scale = kQuick});
    cluster.start_all();
    const auto port = std::to_string(cluster.config(1).channels[0].port);
    cluster.with(1, [&](Isfcd& daemon) {
        ASSERT_TRUE(
            daemon.add_channel("MEMBER2", {"x", TestCluster::address(200), TestCluster::address(201), "", port}));
    });
    auto channel = cluster.config(1).channels[0];
    channel.name = "other";
    channel.higher.address = TestCluster::address(201);
    cluster.config(1).channels.push_back(channel);
    EXPECT_EQ(reload(cluster, 1).error().code, ErrorCode::kChannelExists);
    cluster.config(1).channels.back().name = "x";
    cluster.config(1).channels.back().lower.address = TestCluster::address(200);
    EXPECT_EQ(reload(cluster, 1).value(), Changes{}) << "the file names it now";
    EXPECT_EQ(cluster.channel(1, 2, "x").at("origin").as_string(), "file");
}

TEST(IsfcdReload, reads_the_file_that_it_was_started_with) {
    TestCluster cluster;
    cluster.start_all();
    Result<std::string> answer;
    const auto ask = [&] { cluster.with(1, [&](Isfcd& daemon) { answer = daemon.reload(); }); };
    ask();
    EXPECT_EQ(answer.error().code, ErrorCode::kConfigMissing);
    std::ofstream(cluster.config_file(1)) << "[cluster]\nname = test\n";
    ask();
    EXPECT_EQ(answer.error().code, ErrorCode::kConfigInvalid);
    EXPECT_TRUE(answer.error().what.contains("system.toml:2:")) << answer.error().what;
}

}  // namespace
}  // namespace ssi::isfc
