// Two or three isfcds with real sockets and TLS: what local programs get from them.
#include <gtest/gtest.h>

#include <cerrno>
#include <fstream>
#include <future>
#include <random>
#include <thread>

#include "tests/unit/isfc_cluster.hpp"

namespace ssi::isfc {
namespace {

namespace fs = std::filesystem;

std::string random_text(std::size_t size, unsigned seed) {
    std::mt19937_64 random(seed);
    std::string text(size, '\0');
    for (auto& byte : text) byte = static_cast<char>(random());
    return text;
}

TEST(Isfcd, stream_carries_megabytes_both_ways_unchanged) {
    TestCluster cluster({.channels = 2});
    cluster.start_all();
    LocalServer server(cluster.services(2) / "echo");
    auto client = LocalSocket::connect(cluster.path(1, 2, "echo"));
    auto served = server.accept();
    const auto there = random_text(20 << 20, 1);
    const auto back = random_text(20 << 20, 2);
    auto sends = std::async([&] { client.send(there), client.finish(); });
    auto answers = std::async([&] { served.send(back), served.finish(); });
    auto received = std::async([&] { return served.receive_all(); });
    EXPECT_TRUE(client.receive_all() == back);
    EXPECT_TRUE(received.get() == there);
    sends.get();
    answers.get();
}

TEST(Isfcd, half_close_is_carried_and_the_other_direction_goes_on) {
    TestCluster cluster;
    cluster.start_all();
    LocalServer server(cluster.services(1) / "sum");
    auto client = LocalSocket::connect(cluster.path(2, 1, "sum"));  // from the higher slot to the lower
    auto served = server.accept();
    client.send("question");
    client.finish();
    EXPECT_EQ(served.receive_all(), "question");
    served.send("answer");
    served.finish();
    EXPECT_EQ(client.receive_all(), "answer");
}

TEST(Isfcd, all_members_reach_each_other) {
    TestCluster cluster({.members = 3, .channels = 2});
    cluster.start_all();
    for (int to = 1; to <= 3; ++to) {
        LocalServer server(cluster.services(to) / "name");
        for (int from = 1; from <= 3; ++from) {  // also from the member itself, through its symbolic link
            auto client = LocalSocket::connect(cluster.path(from, to, "name"));
            auto served = server.accept();
            client.send(std::to_string(from));
            EXPECT_EQ(served.receive(1), std::to_string(from));
        }
    }
}

TEST(Isfcd, offered_socket_appears_at_the_peer_and_vanishes_with_its_file) {
    TestCluster cluster;
    cluster.start_all();
    const auto path = cluster.path(1, 2, "migration-linux01");
    {
        const LocalServer server(cluster.services(2) / "migration-linux01");
        TestCluster::wait_until("listener", [&] { return fs::exists(path); });
    }
    TestCluster::wait_until("no listener", [&] { return !fs::exists(path); });
}

TEST(Isfcd, expected_service_is_listened_for_before_it_is_announced) {
    TestCluster cluster;
    cluster.start_all();
    ASSERT_TRUE(cluster.expect(1, 2, "migration-linux01"));
    EXPECT_TRUE(fs::exists(cluster.path(1, 2, "migration-linux01")));
    EXPECT_EQ(cluster.expect(1, 9, "x").error().code, ErrorCode::kMemberUnknown);
    EXPECT_EQ(cluster.expect(1, 2, "../x").error().code, ErrorCode::kUsage);
}

TEST(Isfcd, configured_service_waits_for_its_member_to_come_up) {
    TestCluster cluster;
    const TemporaryDirectory elsewhere;
    for (const int member : {1, 2}) cluster.configure_service(member, "etcd-peer", elsewhere.path() / "peer");
    LocalServer server(elsewhere.path() / "peer");
    cluster.start(1);
    auto client = LocalSocket::connect(cluster.path(1, 2, "etcd-peer"));
    client.send("early");
    cluster.start(2);
    EXPECT_EQ(server.accept().receive(5), "early");
}

TEST(Isfcd, connection_to_a_member_that_stays_away_ends_with_an_error) {
    TestCluster cluster({.scale = 0.1});
    cluster.configure_service(1, "etcd-peer", "/nowhere");
    cluster.start(1);
    auto client = LocalSocket::connect(cluster.path(1, 2, "etcd-peer"));
    client.send("hello");
    EXPECT_EQ(client.end_reason(), ECONNRESET);
}

TEST(Isfcd, service_without_a_program_behind_it_is_refused_with_an_error) {
    TestCluster cluster;
    for (const int member : {1, 2}) cluster.configure_service(member, "libvirt", "/nonexistent/socket");
    cluster.start(1);
    auto client = LocalSocket::connect(cluster.path(1, 2, "libvirt"));
    client.send("hello");  // before the peer can refuse: a program that wrote nothing would get an end of file
    cluster.start(2);
    EXPECT_EQ(client.end_reason(), ECONNRESET);
}

TEST(Isfcd, program_that_dies_with_unread_bytes_resets_the_other_one) {
    TestCluster cluster;
    cluster.start_all();
    LocalServer server(cluster.services(2) / "echo");
    auto client = LocalSocket::connect(cluster.path(1, 2, "echo"));
    {
        auto served = server.accept();
        client.send("request");
        EXPECT_EQ(served.receive(3), "req");  // closes with "uest" unread
    }
    EXPECT_EQ(client.end_reason(), ECONNRESET);
}

TEST(Isfcd, stalled_reader_stops_only_its_own_stream) {
    TestCluster cluster({.memory_mib = 2});
    cluster.start_all();
    LocalServer server(cluster.services(2) / "sink");
    auto stalled = LocalSocket::connect(cluster.path(1, 2, "sink"));
    auto never_reads = server.accept();
    auto flood = std::async([&] { stalled.send(random_text(8 << 20, 3)); });
    auto lively = LocalSocket::connect(cluster.path(1, 2, "sink"));
    auto reads = server.accept();
    for (int i = 0; i < 100; ++i) {
        lively.send("ping");
        ASSERT_EQ(reads.receive(4), "ping");
    }
    EXPECT_EQ(flood.wait_for(std::chrono::milliseconds(0)), std::future_status::timeout);
    EXPECT_EQ(never_reads.receive(8 << 20).size(), 8U << 20);
    flood.get();
}

TEST(Isfcd, hundreds_of_streams_live_side_by_side) {
    TestCluster cluster({.channels = 4});
    cluster.start_all();
    LocalServer server(cluster.services(2) / "echo");
    std::vector<LocalSocket> clients, served;
    for (int i = 0; i < 300; ++i) {
        clients.push_back(LocalSocket::connect(cluster.path(1, 2, "echo")));
        clients.back().send(std::format("{:04}", i));
        served.push_back(server.accept());
    }
    std::set<std::string> seen;
    for (auto& socket : served) {
        seen.insert(socket.receive(4));
        socket.finish();
    }
    EXPECT_EQ(seen.size(), 300U);
    for (auto& client : clients) {
        client.finish();
        EXPECT_EQ(client.receive_all(), "");
    }
    TestCluster::wait_until("all streams closed", [&] {
        return cluster.query(1).at("links").at(0).at("streams").as_int64() == 0 &&
               cluster.query(2).at("links").at(0).at("streams").as_int64() == 0;
    });
}

TEST(Isfcd, stop_removes_its_sockets_and_lets_everything_go) {
    TestCluster cluster({.channels = 2});
    cluster.start_all();
    const LocalServer server(cluster.services(2) / "echo");
    const auto client = LocalSocket::connect(cluster.path(1, 2, "echo"));
    cluster.stop(1);
    EXPECT_FALSE(fs::exists(cluster.path(1, 2, "echo")));
    EXPECT_TRUE(fs::exists(cluster.services(1)));  // others' sockets may lie there
}

}  // namespace
}  // namespace ssi::isfc
