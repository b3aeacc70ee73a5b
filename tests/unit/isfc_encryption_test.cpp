// Who gets past the handshake, encrypted and in the clear (rule R9 for who does not).
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <boost/asio/io_context.hpp>
#include <cstring>
#include <filesystem>
#include <format>

#include "daemons/isfcd/channel/handshake.hpp"
#include "lib/common/pki/certificate_authority.hpp"
#include "tests/unit/coroutines.hpp"
#include "tests/unit/isfc_cluster.hpp"

namespace ssi::isfc {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

void set_encryption(TestCluster& cluster, int member, Encryption encryption) {
    for (auto& channel : cluster.config(member).channels) channel.encryption = encryption;
}

std::string problem(TestCluster& cluster, int member) {
    const auto channel = cluster.channel(member, 3 - member, "0");
    return channel.contains("problem") ? std::string(channel.at("problem").as_string()) : "";
}

std::int64_t refused(TestCluster& cluster, int member, std::string_view reason) {
    const auto answer = cluster.query(member);
    const auto& refused = answer.at("handshakes").at("refused").as_object();
    return refused.contains(reason) ? refused.at(reason).to_number<std::int64_t>() : 0;
}

TEST(Encryption, is_absent_where_both_members_say_so_and_everybody_sees_it) {
    TestCluster cluster({.channels = 2, .scale = kQuick});
    for (const int member : {1, 2}) cluster.config(member).channels[0].encryption = Encryption::kNone;
    cluster.start_all();
    for (const int member : {1, 2}) {
        EXPECT_EQ(cluster.channel(member, 3 - member, "0").at("encryption").as_string(), "none");
        EXPECT_EQ(cluster.channel(member, 3 - member, "1").at("encryption").as_string(), "tls");
        EXPECT_FALSE(cluster.channel(member, 3 - member, "0").contains("certificate"));
    }
    LocalServer server(cluster.services(2) / "echo");
    auto client = LocalSocket::connect(cluster.path(1, 2, "echo"));
    auto served = server.accept();
    const std::string text(4 << 20, 'x');
    std::jthread sends([&] { client.send(text), client.finish(); });
    EXPECT_EQ(served.receive_all().value_or("failed"), text);
}

TEST(Encryption, peer_in_the_clear_on_an_encrypted_channel_never_gets_beyond_the_handshake) {
    TestCluster cluster({.scale = kQuick});
    set_encryption(cluster, 1, Encryption::kNone);
    cluster.start(1);
    cluster.start(2);
    TestCluster::wait_until("refusals", [&] { return refused(cluster, 2, "encryption") >= 2; });
    TestCluster::wait_until("the reason at the peer", [&] {
        return problem(cluster, 1).contains("this connection is not accepted in the clear");
    });
    EXPECT_TRUE(problem(cluster, 2).contains("says HELLO in the clear on channel 0, which is encrypted"))
        << problem(cluster, 2);
    EXPECT_EQ(cluster.channel(2, 1, "0").at("times_up").to_number<int>(), 0);
    EXPECT_EQ(cluster.query(2).at("handshakes").at("accepted").to_number<int>(), 0);
}

TEST(Encryption, peer_with_tls_on_a_channel_in_the_clear_is_refused_with_the_reason) {
    TestCluster cluster({.scale = kQuick});
    set_encryption(cluster, 2, Encryption::kNone);
    cluster.start(1);
    cluster.start(2);
    for (const int member : {1, 2})
        TestCluster::wait_until("the reason", [&] {
            return problem(cluster, member).contains("channel 0 is not encrypted on MEMBER2, and MEMBER1 wants TLS");
        });
    EXPECT_GE(refused(cluster, 2, "encryption"), 1);
}

TEST(Encryption, is_taken_up_by_a_reload_and_ends_no_stream) {
    TestCluster cluster({.channels = 2, .scale = kQuick});
    for (const int member : {1, 2}) set_encryption(cluster, member, Encryption::kNone);
    cluster.start_all();
    LocalServer server(cluster.services(2) / "echo");
    auto client = LocalSocket::connect(cluster.path(1, 2, "echo"));
    auto served = server.accept();
    for (const int member : {2, 1}) {
        set_encryption(cluster, member, Encryption::kTls);
        cluster.with(member, [&](Isfcd& daemon) { EXPECT_TRUE(daemon.reload(cluster.config(member))); });
    }
    for (const auto* channel : {"0", "1"})
        TestCluster::wait_until("TLS", [&] {
            const auto entry = cluster.channel(1, 2, channel);
            return entry.at("state").as_string() == "up" && entry.at("encryption").as_string() == "tls";
        });
    client.send("question");
    EXPECT_EQ(served.receive(8), "question");
}

/// Somebody who connects to the channel of member 2 by hand, from an address of its own.
class Stranger {
  public:
    explicit Stranger(const ChannelConfig& channel, const std::string& from = TestCluster::address(220))
        : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), socket_(fd_) {
        const auto own = endpoint(from, 0);
        const auto peer = endpoint(channel.higher.address, channel.port);
        EXPECT_EQ(::bind(fd_, reinterpret_cast<const sockaddr*>(&own), sizeof own), 0);
        EXPECT_EQ(::connect(fd_, reinterpret_cast<const sockaddr*>(&peer), sizeof peer), 0);
    }
    void send(const Bytes& bytes) { socket_.send({reinterpret_cast<const char*>(bytes.data()), bytes.size()}); }
    /// All that it is told, until the connection ends.
    std::string hear() { return socket_.receive_all().value_or(""); }

  private:
    static sockaddr_in endpoint(const std::string& address, std::uint16_t port) {
        sockaddr_in result{};
        result.sin_family = AF_INET;
        result.sin_port = htons(port);
        EXPECT_EQ(::inet_pton(AF_INET, address.c_str(), &result.sin_addr), 1);
        return result;
    }
    int fd_;
    LocalSocket socket_;
};

Bytes hello_frame(const SystemConfig& config, const std::string& channel = "0", const std::string& member = "MEMBER1") {
    Bytes bytes;
    append_frame(bytes, FrameType::kHello, 0, 0,
                 encode(Hello{0, 1, config.cluster_uuid, member, "MEMBER2", channel, "stranger"}));
    return bytes;
}

class StrangerTest : public ::testing::Test {
  protected:
    void SetUp() override { cluster_.config(2).channels[0].encryption = Encryption::kNone; }
    void start() {
        cluster_.start(2);
        // The listening ends are opened by coroutines.
        TestCluster::wait_until("listener", [&] { return listens(channel()); });
    }
    const ChannelConfig& channel() { return cluster_.config(2).channels[0]; }
    void expect_refusal(const std::string& reason, std::int64_t count = 1) {
        TestCluster::wait_until(reason, [&] { return refused(cluster_, 2, reason) >= count; });
        EXPECT_EQ(cluster_.query(2).at("handshakes").at("accepted").to_number<int>(), 0);
    }

    TestCluster cluster_{{.channels = 2, .scale = kQuick}};

  private:
    static bool listens(const ChannelConfig& channel) {
        const LocalSocket probe(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(channel.port);
        ::inet_pton(AF_INET, channel.higher.address.c_str(), &address.sin_addr);
        return ::connect(probe.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    }
};

TEST_F(StrangerTest, in_the_clear_from_another_address_is_refused_and_told_nothing_of_use) {
    start();
    Stranger stranger(channel());
    stranger.send(hello_frame(cluster_.config(2)));
    const auto heard = stranger.hear();
    EXPECT_TRUE(heard.contains("this connection is not accepted in the clear"));
    EXPECT_FALSE(heard.contains("MEMBER")) << "nor any address";
    expect_refusal("encryption");
    EXPECT_EQ(problem(cluster_, 2), "") << "a stranger says nothing of the channel";
}

TEST_F(StrangerTest, in_the_clear_for_an_encrypted_channel_an_unknown_one_or_an_unknown_member_hears_the_same) {
    start();
    std::vector<std::string> heard;
    for (const auto& hello : {hello_frame(cluster_.config(2)), hello_frame(cluster_.config(2), "1"),
                              hello_frame(cluster_.config(2), "9"), hello_frame(cluster_.config(2), "0", "MEMBER7")}) {
        Stranger stranger(channel());
        stranger.send(hello);
        heard.push_back(stranger.hear());
    }
    for (const auto& one : heard) EXPECT_EQ(one, heard[0]);
}

TEST_F(StrangerTest, that_speaks_nonsense_or_nothing_is_let_go) {
    start();
    Stranger nonsense(channel());
    nonsense.send(Bytes(64, std::byte{'?'}));
    EXPECT_EQ(nonsense.hear(), "");
    expect_refusal("protocol");
    Stranger silent(channel());
    EXPECT_EQ(silent.hear(), "");
    expect_refusal("timeout");
    Stranger half(channel());
    half.send(Bytes{std::byte{'S'}});
    EXPECT_EQ(half.hear(), "");
    expect_refusal("timeout", 2);
}

/// The answer to MEMBER1's HELLO on the encrypted channel 1 of member 2, with these certificates.
Error answer_to(TestCluster& cluster, const fs::path& pki, const std::string& owner) {
    boost::asio::io_context io;
    BlockPool pool;
    const auto identity = TlsIdentity::load(pki, *MemberName::parse(owner)).value();
    auto channel = cluster.config(2).channels[1];
    channel.lower.address = TestCluster::address(221);
    const Hello hello{0, 1, cluster.config(2).cluster_uuid, "MEMBER1", "MEMBER2", "1", "stranger"};
    const auto timing = Timing::scaled(kQuick);
    const auto greeted =
        test::run(io, connect_channel(channel, identity, cluster.config(2).cluster, timing, hello, pool));
    return greeted ? Error{} : greeted.error();
}

TEST_F(StrangerTest, with_the_certificate_of_a_foreign_authority_is_refused) {
    start();
    const TemporaryDirectory foreign;
    ASSERT_TRUE(pki::init_authority(foreign.path(), "test"));
    ASSERT_TRUE(pki::issue_certificate(foreign.path(), *MemberName::parse("MEMBER1")));
    fs::copy(cluster_.authority() / "ca.crt", foreign.path() / "ca.crt", fs::copy_options::overwrite_existing);
    EXPECT_NE(answer_to(cluster_, foreign.path(), "MEMBER1"), Error{});
    expect_refusal("certificate");
}

TEST_F(StrangerTest, with_the_certificate_of_another_member_is_refused) {
    ASSERT_TRUE(pki::issue_certificate(cluster_.authority(), *MemberName::parse("MEMBER3")));
    start();
    EXPECT_NE(answer_to(cluster_, cluster_.authority(), "MEMBER3"), Error{});
    expect_refusal("certificate");
}

TEST_F(StrangerTest, with_the_right_certificate_is_none) {
    start();
    EXPECT_EQ(answer_to(cluster_, cluster_.authority(), "MEMBER1"), Error{});
}

}  // namespace
}  // namespace ssi::isfc
