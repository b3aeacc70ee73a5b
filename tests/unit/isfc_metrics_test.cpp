#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

#include "daemons/isfcd/metrics.hpp"

namespace ssi::isfc {
namespace {

std::string metrics(std::string_view query) {
    return metrics_of(boost::json::parse(query).as_object());
}

constexpr auto kQuery = R"({"v":1,"member":"MEMBER1","cluster":"C","version":"0.1",
    "certificate":{"valid_until":"2031-11-21T00:00:00Z","fingerprint":"aa"},
    "authorities":[{"valid_until":"1970-01-02T00:00:00Z","fingerprint":"bb"}],
    "handshakes":{"accepted":3,"refused":{"encryption":2}},
    "links":[{"member":"MEMBER2","state":"up","streams":7,"counters":{"sent_bytes":100,"resent_bytes":1},"channels":[
        {"name":"0","state":"up","encryption":"tls","round_trip_us":250,"sent_bytes":1000,"received_bytes":2000,
         "resent_bytes":1,"times_up":2,"late":true,"in_flight_bytes":64},
        {"name":"a \"b\"","state":"deactivated","encryption":"none","sent_bytes":5}]}]})";

testing::AssertionResult has_line(const std::string& text, const std::string& line) {
    if (("\n" + text).find("\n" + line + "\n") != std::string::npos) return testing::AssertionSuccess();
    return testing::AssertionFailure() << "'" << line << "' is not in:\n" << text;
}

TEST(IsfcMetrics, links_and_channels_have_their_numbers) {
    const auto text = metrics(kQuery);
    EXPECT_TRUE(has_line(text, R"(ssi_isfc_info{member="MEMBER1",cluster="C",version="0.1"} 1)"));
    EXPECT_TRUE(has_line(text, R"(ssi_isfc_link_up{member="MEMBER2"} 1)"));
    EXPECT_TRUE(has_line(text, R"(ssi_isfc_link_streams{member="MEMBER2"} 7)"));
    EXPECT_TRUE(has_line(text, R"(ssi_isfc_link_sent_bytes_total{member="MEMBER2"} 100)"));
    EXPECT_TRUE(has_line(text, R"(ssi_isfc_channel_up{member="MEMBER2",channel="0"} 1)"));
    EXPECT_TRUE(has_line(text, R"(ssi_isfc_channel_sent_bytes_total{member="MEMBER2",channel="0"} 1000)"));
    EXPECT_TRUE(has_line(text, R"(ssi_isfc_channel_resent_bytes_total{member="MEMBER2",channel="0"} 1)"));
    EXPECT_TRUE(has_line(text, R"(ssi_isfc_channel_round_trip_seconds{member="MEMBER2",channel="0"} 0.00025)"));
    EXPECT_TRUE(has_line(text, R"(ssi_isfc_channel_late{member="MEMBER2",channel="0"} 1)"));
}

TEST(IsfcMetrics, channel_that_is_not_up_shows_why_and_keeps_its_counters) {
    const auto text = metrics(kQuery);
    EXPECT_TRUE(has_line(text, R"(ssi_isfc_channel_up{member="MEMBER2",channel="a \"b\""} 0)"));
    EXPECT_TRUE(has_line(text, R"(ssi_isfc_channel_deactivated{member="MEMBER2",channel="a \"b\""} 1)"));
    EXPECT_TRUE(has_line(text, R"(ssi_isfc_channel_encrypted{member="MEMBER2",channel="a \"b\""} 0)"));
    EXPECT_TRUE(has_line(text, R"(ssi_isfc_channel_sent_bytes_total{member="MEMBER2",channel="a \"b\""} 5)"));
    EXPECT_EQ(text.find(R"(round_trip_seconds{member="MEMBER2",channel="a)"), std::string::npos);
}

TEST(IsfcMetrics, handshakes_and_certificates_are_told) {
    const auto text = metrics(kQuery);
    EXPECT_TRUE(has_line(text, "ssi_isfc_handshakes_accepted_total 3"));
    EXPECT_TRUE(has_line(text, R"(ssi_isfc_handshakes_refused_total{reason="encryption"} 2)"));
    EXPECT_TRUE(
        has_line(text, R"(ssi_isfc_certificate_expiry_timestamp_seconds{whose="authority",fingerprint="bb"} 86400)"));
}

TEST(IsfcMetrics, daemon_without_links_says_little) {
    EXPECT_EQ(metrics(R"({"v":1,"member":"M","cluster":"C","version":"1","links":[]})"),
              "# HELP ssi_isfc_info Which isfcd this is; always 1.\n# TYPE ssi_isfc_info gauge\n"
              "ssi_isfc_info{member=\"M\",cluster=\"C\",version=\"1\"} 1\n");
}

}  // namespace
}  // namespace ssi::isfc
