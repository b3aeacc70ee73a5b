// Channels are taken down, brought back and added while streams run.
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <format>
#include <future>

#include "tests/unit/isfc_cluster.hpp"

namespace ssi::isfc {
namespace {

std::string text_of(const boost::json::object& object, std::string_view field) {
    const auto* value = object.if_contains(field);
    return value != nullptr && value->is_string() ? std::string(value->as_string()) : "";
}

/// A cluster of two whose daemons are asked as D-Bus asks them.
class Administration : public ::testing::Test {
  protected:
    Result<std::string> activate(int member, const std::string& channel, const std::string& peer = "") {
        return ask(member, [&](Isfcd& daemon) { return daemon.activate(peer, channel); });
    }
    Result<std::string> deactivate(int member, const std::string& channel, bool force = false) {
        return ask(member, [&](Isfcd& daemon) { return daemon.deactivate("", channel, force); });
    }
    Result<std::string> add(int member, const std::string& peer, const NewChannel& channel) {
        return ask(member, [&](Isfcd& daemon) { return daemon.add_channel(peer, channel); });
    }
    void wait_for_state(int member, const std::string& channel, const std::string& state) {
        TestCluster::wait_until(std::format("{} at {} is {}", channel, member, state), [&] {
            return text_of(cluster_.channel(member, 3 - member, channel), "state") == state;
        });
    }
    void wait_for_problem(int member, const std::string& channel, const std::string& part) {
        TestCluster::wait_until(
            part, [&] { return text_of(cluster_.channel(member, 3 - member, channel), "problem").contains(part); });
    }

    TestCluster cluster_{{.channels = 2, .scale = kQuick}};

  private:
    Result<std::string> ask(int member, const std::function<Result<std::string>(Isfcd&)>& question) {
        Result<std::string> answer;
        cluster_.with(member, [&](Isfcd& daemon) { answer = question(daemon); });
        return answer;
    }
};

TEST_F(Administration, deactivated_channel_stays_down_and_its_streams_go_on_over_the_others) {
    cluster_.start_all();
    LocalServer server(cluster_.services(2) / "echo");
    auto client = LocalSocket::connect(cluster_.path(1, 2, "echo"));
    auto served = server.accept();
    for (const int member : {1, 2}) {  // the end that connects, and the one that listens
        const auto answer = boost::json::parse(deactivate(member, "0").value()).as_object();
        EXPECT_EQ(text_of(answer, "state"), "deactivated");
        EXPECT_EQ(text_of(cluster_.channel(member, 3 - member, "0"), "state"), "deactivated");
        wait_for_problem(3 - member, "0", std::format("deactivated on MEMBER{}", member));
        if (member == 2)
            TestCluster::wait_until("MEMBER1 tries, and is refused", [&] {
                const auto state = cluster_.query(2);
                return state.at("handshakes").at("refused").as_object().contains("deactivated");
            });
        client.send("question");
        EXPECT_EQ(served.receive(8), "question");
        EXPECT_FALSE(boost::json::parse(deactivate(member, "0").value()).at("changed").as_bool());
        ASSERT_TRUE(activate(member, "0"));
        wait_for_state(member, "0", "up");
        wait_for_state(3 - member, "0", "up");
    }
}

TEST_F(Administration, last_channel_that_works_goes_by_force_alone) {
    cluster_.start_all();
    ASSERT_TRUE(deactivate(1, "0"));
    EXPECT_EQ(deactivate(1, "1").error().code, ErrorCode::kLastChannel);
    EXPECT_EQ(text_of(cluster_.channel(1, 2, "1"), "state"), "up");
    ASSERT_TRUE(deactivate(1, "1", true));
    cluster_.wait_for_channels(2, 1, 0);
}

TEST_F(Administration, channel_added_on_both_members_carries_and_is_gone_when_it_is_deactivated) {
    cluster_.start_all();
    const auto one = TestCluster::address(200);
    const auto two = TestCluster::address(201);
    const auto port = std::to_string(cluster_.config(1).channels[0].port);
    ASSERT_TRUE(add(1, "MEMBER2", {"fast", one, two, "", port}));
    ASSERT_TRUE(add(2, "MEMBER1", {"fast", two, one, "", port}));
    wait_for_state(1, "fast", "up");
    wait_for_state(2, "fast", "up");
    EXPECT_EQ(text_of(cluster_.channel(1, 2, "fast"), "origin"), "run-time");
    ASSERT_TRUE(deactivate(1, "0"));
    ASSERT_TRUE(deactivate(1, "1"));
    LocalServer server(cluster_.services(2) / "echo");
    auto client = LocalSocket::connect(cluster_.path(1, 2, "echo"));
    client.send("over the new one");
    EXPECT_EQ(server.accept().receive(16), "over the new one");
    ASSERT_TRUE(activate(1, "0"));
    wait_for_state(1, "0", "up");
    const auto answer = boost::json::parse(deactivate(1, "fast").value()).as_object();
    EXPECT_EQ(text_of(answer, "state"), "removed");
    EXPECT_TRUE(cluster_.channel(1, 2, "fast").empty());
    wait_for_state(2, "fast", "down");
}

TEST_F(Administration, channel_that_cannot_be_is_refused_with_the_reason) {
    cluster_.start_all();
    const auto& known = cluster_.config(1).channels[0];
    const auto own = TestCluster::address(200);
    const auto peer = TestCluster::address(201);
    const auto refused = [&](const std::string& member, const NewChannel& channel) {
        return add(1, member, channel).error();
    };
    EXPECT_EQ(refused("MEMBER9", {"x", own, peer, "", ""}).code, ErrorCode::kMemberUnknown);
    EXPECT_EQ(refused("MEMBER1", {"x", own, peer, "", ""}).code, ErrorCode::kMemberUnknown) << "itself";
    EXPECT_EQ(refused("MEMBER2", {"0", own, peer, "", ""}).code, ErrorCode::kChannelExists) << "the name";
    EXPECT_EQ(refused("MEMBER2", {"x", own, known.higher.address, "", std::to_string(known.port)}).code,
              ErrorCode::kChannelExists)
        << "the listening end";
    const auto foreign = refused("MEMBER2", {"x", "192.0.2.77", peer, "", ""});
    EXPECT_EQ(foreign.code, ErrorCode::kChannelFailed);
    EXPECT_TRUE(foreign.what.starts_with("MEMBER1 cannot use the address 192.0.2.77")) << foreign.what;
    EXPECT_EQ(refused("MEMBER2", {"x", own, peer, "nonexistent0", ""}).code, ErrorCode::kChannelFailed);
    EXPECT_EQ(refused("MEMBER2", {"x", "here", peer, "", ""}).code, ErrorCode::kUsage);
    EXPECT_EQ(refused("MEMBER2", {"x", own, "::1", "", ""}).code, ErrorCode::kUsage);
    EXPECT_EQ(refused("MEMBER2", {"x", own, peer, "", "70000"}).code, ErrorCode::kUsage);
    EXPECT_EQ(refused("MEMBER2", {"a b", own, peer, "", ""}).code, ErrorCode::kUsage);
    EXPECT_EQ(cluster_.query(1).at("links").at(0).at("channels").as_array().size(), 2U);
}

TEST_F(Administration, unknown_channels_are_refused) {
    cluster_.start_all();
    EXPECT_EQ(activate(1, "9").error().code, ErrorCode::kChannelUnknown);
    EXPECT_EQ(activate(1, "9", "MEMBER2").error().code, ErrorCode::kChannelUnknown);
    EXPECT_EQ(activate(1, "0", "MEMBER9").error().code, ErrorCode::kMemberUnknown);
    EXPECT_EQ(deactivate(1, "9").error().code, ErrorCode::kChannelUnknown);
}

TEST_F(Administration, streams_are_listed_with_what_they_carry) {
    cluster_.start_all();
    LocalServer server(cluster_.services(2) / "echo");
    auto client = LocalSocket::connect(cluster_.path(1, 2, "echo"));
    auto served = server.accept();
    client.send("question");
    EXPECT_EQ(served.receive(8), "question");
    served.send("answer");
    EXPECT_EQ(client.receive(6), "answer");
    for (const int member : {1, 2}) {
        boost::json::object stream;
        cluster_.with(member, [&](Isfcd& daemon) {
            const auto answer = boost::json::parse(daemon.streams(std::format("MEMBER{}", 3 - member)).value());
            ASSERT_EQ(answer.at("streams").as_array().size(), 1U);
            stream = answer.at("streams").at(0).as_object();
        });
        EXPECT_EQ(text_of(stream, "service"), "echo");
        EXPECT_EQ(text_of(stream, "class"), "bulk");
        EXPECT_EQ(text_of(stream, "state"), "open");
        EXPECT_EQ(text_of(stream, "direction"), member == 1 ? "out" : "in");
        EXPECT_EQ(stream.at("sent_bytes").to_number<int>(), member == 1 ? 8 : 6);
        EXPECT_EQ(stream.at("received_bytes").to_number<int>(), member == 1 ? 6 : 8);
    }
    cluster_.with(1,
                  [](Isfcd& daemon) { EXPECT_EQ(daemon.streams("MEMBER9").error().code, ErrorCode::kMemberUnknown); });
}

TEST_F(Administration, changes_are_told) {
    std::vector<IsfcEvent> events;
    cluster_.start(1);
    cluster_.with(1, [&](Isfcd& daemon) { daemon.observe([&](const IsfcEvent& event) { events.push_back(event); }); });
    cluster_.start(2);
    cluster_.wait_for_channels(1, 2, 2);
    ASSERT_TRUE(deactivate(1, "0"));
    cluster_.stop(2);
    cluster_.wait_for_channels(1, 2, 0);
    std::vector<std::string> told;
    cluster_.with(1, [&](Isfcd& daemon) {
        daemon.observe({});
        for (const auto& event : events) told.push_back(std::format("{} {}", event.channel, event.state));
    });
    ASSERT_EQ(told.size(), 6U);
    EXPECT_EQ(std::ranges::count(told, " up"), 1);
    EXPECT_EQ(std::ranges::count(told, "0 up"), 1);
    EXPECT_EQ(std::ranges::count(told, "1 up"), 1);
    EXPECT_EQ(told[3], "0 deactivated");
    EXPECT_EQ(told[4], "1 down");
    EXPECT_EQ(told[5], " down");
    EXPECT_EQ(events[5].member, "MEMBER2");
    EXPECT_NE(events[5].reason, "");
}

TEST(AdministrationOfThree, name_that_several_links_have_wants_the_peer) {
    TestCluster cluster({.members = 3});
    cluster.start_all();
    cluster.with(1, [](Isfcd& daemon) {
        const auto refused = daemon.deactivate("", "0", true);
        EXPECT_EQ(refused.error().code, ErrorCode::kUsage);
        EXPECT_EQ(refused.error().remedy, "say which one: --peer MEMBER");
        EXPECT_TRUE(daemon.deactivate("MEMBER3", "0", true));
    });
    cluster.wait_for_channels(3, 1, 0);
    cluster.wait_for_channels(2, 1, 1);
}

}  // namespace
}  // namespace ssi::isfc
