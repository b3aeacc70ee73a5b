// Certificates are replaced while a stream runs, and it does not end (rule R7).
#include <gtest/gtest.h>

#include <filesystem>
#include <format>
#include <thread>

#include "lib/common/pki/certificate_authority.hpp"
#include "tests/unit/isfc_cluster.hpp"

namespace ssi::isfc {
namespace {

namespace fs = std::filesystem;

/// A stream from member 1 to member 2 that asks and answers all the time.
class Conversation {
  public:
    explicit Conversation(TestCluster& cluster)
        : server_(cluster.services(2) / "echo"),
          client_(LocalSocket::connect(cluster.path(1, 2, "echo"))),
          served_(server_.accept()),
          thread_([this](const std::stop_token& stop) {
              while (!stop.stop_requested() && unharmed_) {
                  const auto question = std::format("{:08}", rounds_.load());
                  client_.send(question);
                  unharmed_ = served_.receive(8) == question;
                  if (unharmed_) served_.send(question);
                  unharmed_ = unharmed_ && client_.receive(8) == question;
                  ++rounds_;
              }
          }) {}
    ~Conversation() { EXPECT_TRUE(unharmed_); }
    /// Until some more rounds have passed.
    void goes_on() {
        const auto before = rounds_.load();
        TestCluster::wait_until("the stream goes on", [&] { return rounds_ > before + 3 || !unharmed_; });
        EXPECT_TRUE(unharmed_);
    }

  private:
    LocalServer server_;
    LocalSocket client_;
    LocalSocket served_;
    std::atomic<int> rounds_ = 0;
    std::atomic<bool> unharmed_ = true;
    std::jthread thread_;
};

std::string certificate_of_peer(TestCluster& cluster, int member, const std::string& channel) {
    const auto entry = cluster.channel(member, 3 - member, channel);
    if (!entry.contains("certificate")) return "";
    return std::string(entry.at("certificate").at("fingerprint").as_string());
}

std::string own_certificate(TestCluster& cluster, int member) {
    return std::string(cluster.query(member).at("certificate").at("fingerprint").as_string());
}

void take_up(TestCluster& cluster, int member) {
    cluster.with(member, [&](Isfcd& daemon) {
        const auto answer = daemon.reload(cluster.config(member));
        EXPECT_TRUE(answer) << answer.error().text();
    });
}

/// Copies the member's files from the authority and reloads; returns when the peer knows it by its new certificate on
/// every channel.
void renew(TestCluster& cluster, int member, std::size_t channels) {
    cluster.copy_certificates(member);
    take_up(cluster, member);
    const auto fresh = own_certificate(cluster, member);
    for (std::size_t i = 0; i < channels; ++i)
        TestCluster::wait_until(std::format("channel {} with the new certificate", i),
                                [&] { return certificate_of_peer(cluster, 3 - member, std::to_string(i)) == fresh; });
    cluster.wait_for_channels(1, 2, channels);
}

TEST(CertificateRotation, makes_every_channel_anew_and_ends_no_stream) {
    TestCluster cluster({.channels = 3, .scale = kQuick});
    cluster.start_all();
    Conversation conversation(cluster);
    std::atomic<int> link_changes = 0;
    for (const int member : {1, 2})
        cluster.with(member, [&](Isfcd& daemon) {
            daemon.observe([&](const IsfcEvent& event) { link_changes += event.channel.empty() ? 1 : 0; });
        });
    const auto old = own_certificate(cluster, 1);
    ASSERT_TRUE(pki::rotate_certificates(cluster.authority(), pki::Rotate::kMembers));
    renew(cluster, 1, 3);  // the end that connects
    conversation.goes_on();
    renew(cluster, 2, 3);  // the end that listens
    conversation.goes_on();
    EXPECT_NE(own_certificate(cluster, 1), old);
    EXPECT_EQ(link_changes, 0) << "another channel carried on at any time";
    for (const int member : {1, 2}) cluster.with(member, [](Isfcd& daemon) { daemon.observe({}); });
}

TEST(CertificateRotation, of_a_link_with_one_channel_ends_no_stream) {
    TestCluster cluster({.channels = 1, .scale = kQuick});
    cluster.start_all();
    Conversation conversation(cluster);
    ASSERT_TRUE(pki::rotate_certificates(cluster.authority(), pki::Rotate::kMembers));
    for (const int member : {2, 1}) renew(cluster, member, 1);
    conversation.goes_on();
}

TEST(CertificateRotation, of_the_authority_ends_no_stream) {
    TestCluster cluster({.channels = 2, .scale = kQuick});
    cluster.start_all();
    Conversation conversation(cluster);
    ASSERT_TRUE(pki::rotate_certificates(cluster.authority(), pki::Rotate::kAuthority));
    renew(cluster, 2, 2);  // known to MEMBER1 through the old authority
    conversation.goes_on();
    renew(cluster, 1, 2);
    conversation.goes_on();
    ASSERT_TRUE(pki::retire_authority(cluster.authority()));
    for (const int member : {1, 2}) {
        cluster.copy_certificates(member);
        take_up(cluster, member);
        EXPECT_EQ(cluster.query(member).at("authorities").as_array().size(), 1U);
        conversation.goes_on();
    }
    cluster.wait_for_channels(1, 2, 2);
}

TEST(CertificateRotation, to_what_the_peer_does_not_accept_leaves_the_old_connections_as_they_are) {
    TestCluster cluster({.channels = 2, .scale = kQuick});
    cluster.start_all();
    Conversation conversation(cluster);
    ASSERT_TRUE(pki::init_authority(cluster.pki(1), "test", pki::Overwrite::kYes));
    ASSERT_TRUE(pki::issue_certificate(cluster.pki(1), *MemberName::parse("MEMBER1"), pki::Overwrite::kYes));
    take_up(cluster, 1);
    TestCluster::wait_until("the reason", [&] { return cluster.channel(1, 2, "0").contains("problem"); });
    cluster.wait_for_channels(1, 2, 2);
    conversation.goes_on();
    // And with the right ones all is well.
    renew(cluster, 1, 2);
    TestCluster::wait_until("no problem", [&] { return !cluster.channel(1, 2, "0").contains("problem"); });
    conversation.goes_on();
}

TEST(CertificateExpiry, is_warned_of_from_30_days_before) {
    using std::chrono::days;
    const std::chrono::sys_seconds now{days(20'000)};
    const auto ends = [&](const std::string& name, days left) {
        pki::CertificateFacts facts;
        facts.member = name;
        facts.valid_until = now + left;
        return facts;
    };
    pki::MemberFiles files{ends("MEMBER1", days(31)), {ends("old", days(31))}};
    EXPECT_TRUE(expiry_warnings(files, now).empty());
    const auto soon = expiry_warnings(files, now + days(1));
    ASSERT_EQ(soon.size(), 2U);
    EXPECT_EQ(soon[0].what, "the certificate of MEMBER1 expires in 30 days (2024-11-04)");
    EXPECT_TRUE(soon[1].remedy.starts_with("ssictl ca rotate --authority")) << soon[1].remedy;
    EXPECT_TRUE(expiry_warnings(files, now + days(32)).at(0).what.contains("has expired"));
    files.authorities.insert(files.authorities.begin(), ends("new", days(9'000)));
    EXPECT_EQ(expiry_warnings(files, now + days(32)).size(), 1U) << "the old authority is being replaced";
}

TEST(CertificateExpiry, is_shown) {
    TestCluster cluster;
    ASSERT_TRUE(pki::issue_certificate(cluster.authority(), *MemberName::parse("MEMBER1"), pki::Overwrite::kYes,
                                       std::chrono::days(20)));
    cluster.copy_certificates(1);
    cluster.start_all();
    const auto own = cluster.query(1).at("certificate").as_object();
    EXPECT_EQ(own.at("member").as_string(), "MEMBER1");
    EXPECT_TRUE(own.at("days_left").as_int64() == 19 || own.at("days_left").as_int64() == 20);
    EXPECT_TRUE(own.at("due").as_bool());
    EXPECT_FALSE(cluster.query(2).at("certificate").at("due").as_bool());
    EXPECT_EQ(cluster.channel(2, 1, "0").at("certificate").at("valid_until"), own.at("valid_until"));
}

}  // namespace
}  // namespace ssi::isfc
