// What streams and strangers see when channels, members and certificates fail (rule R7).
#include <gtest/gtest.h>

#include <cerrno>
#include <filesystem>
#include <future>
#include <random>

#include "lib/common/pki/certificate_authority.hpp"
#include "tests/unit/isfc_cluster.hpp"

namespace ssi::isfc {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

std::string random_text(std::size_t size) {
    std::mt19937_64 random(7);
    std::string text(size, '\0');
    for (auto& byte : text) byte = static_cast<char>(random());
    return text;
}

/// A transfer from member 1 to member 2 that is under way when `fault` strikes.
bool arrives_unchanged(TestCluster& cluster, const std::function<void()>& fault) {
    LocalServer server(cluster.services(2) / "sink");
    auto client = LocalSocket::connect(cluster.path(1, 2, "sink"));
    auto served = server.accept();
    const auto sent = random_text(32 << 20);
    auto sends = std::async([&] {
        client.send(std::string_view(sent).substr(0, 8 << 20));
        client.send(std::string_view(sent).substr(8 << 20));
        client.finish();
    });
    auto received = served.receive(4 << 20);
    fault();
    received += served.receive_all().value_or("failed");
    sends.get();
    return received == sent;
}

TEST(IsfcdFailure, stream_of_a_channel_that_is_cut_goes_on_over_another_one) {
    TestCluster cluster({.channels = 2, .scale = kQuick, .proxies = true});
    cluster.start_all();
    // The channel that carries the stream is not known: cut one after the other, with the first one healed between.
    EXPECT_TRUE(arrives_unchanged(cluster, [&] {
        cluster.proxy(0).cut();
        cluster.wait_for_channels(1, 2, 1);
        cluster.proxy(0).heal();
        cluster.wait_for_channels(1, 2, 2);
        cluster.proxy(1).cut();
    }));
}

TEST(IsfcdFailure, stream_of_a_channel_that_falls_silent_goes_on_over_another_one) {
    TestCluster cluster({.channels = 2, .scale = kQuick, .proxies = true});
    cluster.start_all();
    EXPECT_TRUE(arrives_unchanged(cluster, [&] {
        cluster.proxy(0).stall();
        cluster.wait_for_channels(1, 2, 1);
        cluster.proxy(0).heal();
        cluster.wait_for_channels(1, 2, 2);
        cluster.proxy(1).stall();
    }));
}

TEST(IsfcdFailure, stream_waits_for_a_channel_that_comes_back_in_time) {
    TestCluster cluster({.channels = 1, .proxies = true});  // link_timeout 5 s
    cluster.start_all();
    EXPECT_TRUE(arrives_unchanged(cluster, [&] {
        cluster.proxy(0).cut();
        cluster.wait_for_channels(1, 2, 0);
        cluster.proxy(0).heal();
    }));
}

TEST(IsfcdFailure, all_channels_gone_is_an_error_at_both_ends_and_no_end_of_file) {
    TestCluster cluster({.channels = 2, .scale = kQuick, .proxies = true});
    cluster.start_all();
    LocalServer server(cluster.services(2) / "echo");
    auto client = LocalSocket::connect(cluster.path(1, 2, "echo"));
    auto served = server.accept();
    client.send("question");
    EXPECT_EQ(served.receive(8), "question");
    served.send("answer");
    EXPECT_EQ(client.receive(6), "answer");
    cluster.proxy(0).cut();
    cluster.proxy(1).cut();
    EXPECT_EQ(client.end_reason(), ECONNRESET);
    EXPECT_EQ(served.end_reason(), ECONNRESET);
    // And the link works again afterwards.
    cluster.proxy(0).heal();
    auto again = LocalSocket::connect(cluster.path(1, 2, "echo"));
    again.send("hello");
    EXPECT_EQ(server.accept().receive(5), "hello");
}

TEST(IsfcdFailure, bytes_that_were_delivered_are_read_before_the_error) {
    TestCluster cluster({.scale = kQuick, .proxies = true});
    cluster.start_all();
    LocalServer server(cluster.services(2) / "echo");
    auto client = LocalSocket::connect(cluster.path(1, 2, "echo"));
    auto served = server.accept();
    client.send("question");
    EXPECT_EQ(served.receive(8), "question");
    served.send("answer");
    EXPECT_EQ(client.receive(1), "a");
    cluster.crash(2);
    cluster.start(2);
    EXPECT_EQ(client.receive(5), "nswer");
    EXPECT_EQ(client.end_reason(), ECONNRESET);
}

TEST(IsfcdFailure, restart_of_a_member_ends_its_streams_with_an_error_at_both_ends) {
    for (const bool orderly : {true, false}) {
        TestCluster cluster({.channels = 2});
        cluster.start_all();
        LocalServer server(cluster.services(2) / "echo");
        auto client = LocalSocket::connect(cluster.path(1, 2, "echo"));
        auto served = server.accept();
        client.send("question");
        EXPECT_EQ(served.receive(8), "question");
        served.send("answer");
        EXPECT_EQ(client.receive(6), "answer");
        if (orderly)
            cluster.stop(2);
        else
            cluster.crash(2);
        EXPECT_EQ(served.end_reason(), ECONNRESET);
        cluster.start(2);
        EXPECT_EQ(client.end_reason(), ECONNRESET);
        auto again = LocalSocket::connect(cluster.path(1, 2, "echo"));
        again.send("hello");
        EXPECT_EQ(server.accept().receive(5), "hello");
    }
}

TEST(IsfcdFailure, peer_of_another_authority_is_refused) {
    TestCluster cluster;
    fs::remove_all(cluster.pki(2));
    ASSERT_TRUE(pki::init_authority(cluster.pki(2), "test"));
    ASSERT_TRUE(pki::issue_certificate(cluster.pki(2), *MemberName::parse("MEMBER2")));
    cluster.start(1);
    cluster.start(2);
    TestCluster::wait_until("refusal", [&] {
        const auto channel = cluster.query(1).at("links").at(0).at("channels").at(0).as_object();
        return channel.contains("problem") && channel.at("problem").as_string().starts_with("SSI-5003");
    });
    EXPECT_EQ(cluster.query(2).at("links").at(0).at("state").as_string(), "down");
}

TEST(IsfcdFailure, peer_of_another_cluster_is_refused_with_the_reason_at_both_ends) {
    TestCluster cluster;
    cluster.config(2).cluster_uuid = "99999999-2222-3333-4444-555555555555";
    cluster.start(1);
    cluster.start(2);
    for (const int member : {1, 2})
        TestCluster::wait_until("refusal", [&] {
            const auto channel = cluster.query(member).at("links").at(0).at("channels").at(0).as_object();
            return channel.contains("problem") &&
                   channel.at("problem").as_string().find("is in cluster") != std::string::npos;
        });
}

}  // namespace
}  // namespace ssi::isfc
