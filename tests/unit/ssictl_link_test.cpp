#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

#include "tests/unit/json_document.hpp"
#include "tools/ssictl/link_rendering.hpp"
#include "tools/ssictl/link_watch.hpp"

namespace ssi::ctl {
namespace {

using namespace std::chrono_literals;

json::Object two_links() {
    return document(R"({"v":1,"member":"MEMBER1",
        "certificate":{"member":"MEMBER1","valid_until":"2031-11-21T00:00:00Z","days_left":20,"due":true},
        "authorities":[{"key":"00112233445566","valid_until":"2046-01-01T00:00:00Z","days_left":7000,"retiring":false}],
        "links":[{"member":"MEMBER2","state":"up","since_ms":7500000,"streams":3,"services":["libvirt","etcd-peer"],
            "counters":{"sent_bytes":2048,"resent_bytes":0,"received_bytes":10,"duplicate_bytes":0,"failed_streams":1},
            "channels":[
            {"name":"0","local":"10.0.0.1","remote":"10.0.0.2","port":7700,"encryption":"tls","origin":"file","state":"up",
             "since_ms":7500000,"round_trip_us":215,"sent_bytes":1536,"received_bytes":12,"resent_bytes":3,"times_up":1,
             "certificate":{"member":"MEMBER2","valid_until":"2031-11-21T00:00:00Z","authority":"00112233445566"}},
            {"name":"1","local":"10.1.0.1","remote":"10.1.0.2","port":7700,"encryption":"none","origin":"run-time",
             "state":"down","since_ms":5000,"sent_bytes":0,"received_bytes":0,"resent_bytes":0,"times_up":0,
             "problem":"No route"}]},
        {"member":"MEMBER3","state":"down","since_ms":1000,"streams":0,"services":[],"channels":[]}]})");
}

TEST(LinkRendering, list_has_a_line_for_each_channel_and_is_loud_about_what_is_not_encrypted) {
    EXPECT_EQ(render_links(two_links()).value(),
              "MEMBER   LINK  CHANNEL  STATE  ENCRYPTION  LOCAL     REMOTE    ROUND TRIP     SENT  RECEIVED\n"
              "MEMBER2  up    0        up     tls         10.0.0.1  10.0.0.2    0.215 ms  1.5 KiB      12 B\n"
              "MEMBER2  up    1        down   NONE        10.1.0.1  10.1.0.2           -      0 B       0 B  No route\n"
              "MEMBER3  down\n"
              "WARNING: channel 1 to MEMBER2 is NOT ENCRYPTED\n");
}

TEST(LinkRendering, show_tells_everything) {
    EXPECT_EQ(render_link_details(two_links()).value(),
              "Link to MEMBER2: up for 2 h, 3 streams\n"
              "  Services: libvirt, etcd-peer\n"
              "  Streams carried: sent 2.0 KiB, re-sent 0 B, received 10 B, twice 0 B; 1 failed\n"
              "  CHANNEL  STATE  FOR  ENCRYPTION  FROM      LOCAL     REMOTE    PORT  ROUND TRIP     SENT  RE-SENT"
              "  RECEIVED  TIMES UP  PEER CERTIFICATE\n"
              "  0        up     2 h  tls         file      10.0.0.1  10.0.0.2  7700    0.215 ms  1.5 KiB      3 B"
              "      12 B         1  2031-11-21 by 00112233\n"
              "  1        down   5 s  NONE        run-time  10.1.0.1  10.1.0.2  7700           -      0 B      0 B"
              "       0 B         0  -                       No route\n"
              "\n"
              "Link to MEMBER3: down for 1 s, 0 streams\n"
              "  No channel\n"
              "\n"
              "Certificate of MEMBER1: until 2031-11-21 (20 days, RENEW IT: ssictl ca rotate)\n"
              "Authority 00112233: until 2046-01-01 (7000 days)\n"
              "WARNING: channel 1 to MEMBER2 is NOT ENCRYPTED\n");
}

TEST(LinkRendering, one_link_is_found_by_its_member) {
    EXPECT_EQ(only_link(two_links(), "MEMBER3").value().at("links").as_array().size(), 1U);
    EXPECT_EQ(only_link(two_links(), "MEMBER9").error().code, ErrorCode::kMemberUnknown);
    EXPECT_EQ(render_link_members(two_links()).value(), "MEMBER2\nMEMBER3\n");
}

TEST(LinkRendering, streams_have_a_line_each) {
    EXPECT_EQ(render_streams(document(R"({"v":1,"member":"M2","streams":[
                  {"id":3,"service":"migration-g","class":"bulk","direction":"out","state":"open","since_ms":60000,
                   "sent_bytes":1048576,"received_bytes":5,"unacknowledged_bytes":1024,"unread_bytes":0}]})"))
                  .value(),
              "STREAM  SERVICE      OPENED  CLASS  STATE   FOR     SENT  UNACKNOWLEDGED  RECEIVED  UNREAD\n"
              "     3  migration-g  here    bulk   open   60 s  1.0 MiB         1.0 KiB       5 B     0 B\n");
}

TEST(LinkRendering, changes_are_sentences) {
    EXPECT_EQ(render_channel(document(R"({"v":1,"member":"M2","channel":"0","state":"up","changed":false})")).value(),
              "channel 0 to M2 is up, as it was\n");
    EXPECT_EQ(render_channel(document(R"({"v":1,"member":"M2","channel":"0","state":"down","changed":true})")).value(),
              "channel 0 to M2 is activated; islink list shows whether it comes up\n");
    EXPECT_EQ(render_reload(document(R"({"v":1,"changes":[]})")).value(), "isfcd: nothing has changed\n");
    EXPECT_EQ(render_reload(document(R"({"v":1,"changes":[{"object":"channel 1 to M2","change":"added"}]})")).value(),
              "channel 1 to M2: added\n");
}

json::Object counters(std::int64_t sent, std::int64_t received) {
    auto query = two_links();
    auto& channel = query.at("links").at(0).at("channels").at(0).as_object();
    channel["sent_bytes"] = sent;
    channel["received_bytes"] = received;
    return query;
}

TEST(LinkWatch, first_look_shows_nothing_and_the_next_ones_what_was_carried_between) {
    LinkWatch watch("");
    const LinkWatch::Time start{1h};
    EXPECT_EQ(watch.next(counters(1000, 0), start).value(), std::nullopt);
    const auto interval = watch.next(counters(3000, 500), start + 500ms).value().value();
    EXPECT_EQ(interval.at("interval_ms").as_int64(), 500);
    const auto& channel = interval.at("channels").at(0).as_object();
    EXPECT_EQ(channel.at("out_bytes_per_s").as_int64(), 4000);
    EXPECT_EQ(channel.at("in_bytes_per_s").as_int64(), 1000);
    EXPECT_EQ(channel.at("round_trip_us").as_int64(), 215);
    EXPECT_FALSE(interval.at("channels").at(1).as_object().contains("round_trip_us"));
}

TEST(LinkWatch, counters_that_began_anew_count_from_zero) {
    LinkWatch watch("MEMBER2");
    const LinkWatch::Time start{1h};
    ASSERT_TRUE(watch.next(counters(1'000'000, 0), start));
    const auto interval = watch.next(counters(100, 0), start + 1s).value().value();
    EXPECT_EQ(interval.at("channels").at(0).at("out_bytes_per_s").as_int64(), 100);
}

TEST(LinkWatch, unknown_member_is_an_error) {
    EXPECT_EQ(LinkWatch("MEMBER9").next(two_links(), {}).error().code, ErrorCode::kMemberUnknown);
}

TEST(LinkWatch, is_a_table_or_lines) {
    LinkWatch watch("MEMBER2");
    const LinkWatch::Time start{1h};
    ASSERT_TRUE(watch.next(counters(0, 0), start));
    auto interval = watch.next(counters(2048, 1024), start + 1s).value().value();
    interval["time"] = "2026-11-22T21:00:00Z";
    EXPECT_EQ(render_watch_table(interval).value(),
              "2026-11-22T21:00:00Z, over 1.0 s\n"
              "MEMBER   CHANNEL  STATE  ENCRYPTION        OUT         IN  RE-SENT  ROUND TRIP\n"
              "MEMBER2  0        up     tls         2.0 KiB/s  1.0 KiB/s    0 B/s    0.215 ms\n"
              "MEMBER2  1        down   NONE            0 B/s      0 B/s    0 B/s           -\n");
    EXPECT_TRUE(render_watch_lines(interval).value().starts_with(
        "2026-11-22T21:00:00Z MEMBER2 0 up out 2.0 KiB/s in 1.0 KiB/s re-sent 0 B/s round trip 0.215 ms\n"));
}

}  // namespace
}  // namespace ssi::ctl
