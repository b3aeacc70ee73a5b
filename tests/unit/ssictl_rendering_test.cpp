#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "tools/ssictl/link_rendering.hpp"
#include "tools/ssictl/rendering.hpp"
#include "tools/ssictl/table.hpp"

namespace ssi::ctl {
namespace {

json::Object document(std::string_view text) {
    return boost::json::parse(text).as_object();
}

constexpr auto kCluster = R"({"v":1,"cluster":{"name":"CLUSTER1","uuid":"u","mode":"Influx"},"member":"MEMBER1",
    "majority":true,"members":[
    {"slot":1,"name":"MEMBER1","state":"Joined","incarnation":4,"heartbeat_age_ms":120,"pdr_heartbeat_age_ms":310,"voter":true,"guests":12,"reason":""},
    {"slot":2,"name":"M2","state":"Joined","incarnation":5,"heartbeat_age_ms":480,"pdr_heartbeat_age_ms":null,"voter":true,"guests":0,"reason":""},
    {"slot":12,"name":"MEMBER3","state":"Down","incarnation":6,"heartbeat_age_ms":null,"voter":false,"guests":1,
     "reason":"fenced by MEMBER1 through lab"}]})";

TEST(Rendering, cluster_has_the_form_of_query_ssi) {
    EXPECT_EQ(
        render_cluster(document(kCluster)).value(),
        "SSI Name: CLUSTER1\n"
        "SSI Mode: Influx\n"
        "Majority: yes\n"
        "SLOT  SYSTEMID  STATE   PDR HEARTBEAT  RECEIVED HEARTBEAT  GUESTS  VOTER\n"
        "   1  MEMBER1   Joined      0.3 s ago           0.1 s ago      12  yes    this member\n"
        "   2  M2        Joined              -           0.5 s ago       0  yes\n"
        "  12  MEMBER3   Down                -                   -       1  no     fenced by MEMBER1 through lab\n");
}

TEST(Rendering, lost_majority_says_what_follows) {
    auto cluster = document(kCluster);
    cluster["majority"] = false;
    EXPECT_NE(render_cluster(cluster).value().find("Majority: no: nothing starts or moves"), std::string::npos);
}

TEST(Rendering, pdr_is_named_with_what_is_wrong_with_it) {
    auto cluster = document(kCluster);
    cluster["pdr"] = document(R"({"device":"/dev/sda","readable":true,"fault":""})");
    EXPECT_NE(render_cluster(cluster).value().find("Majority: yes\nPDR: /dev/sda\n"), std::string::npos);
    cluster["pdr"] = document(R"({"device":"/dev/sda","readable":false,"fault":"SSI-5010 no such disk"})");
    EXPECT_NE(render_cluster(cluster).value().find("PDR: /dev/sda, NOT READABLE: SSI-5010 no such disk\n"),
              std::string::npos);
}

TEST(Rendering, guests_show_where_they_are_and_go) {
    EXPECT_EQ(render_guests(document(R"({"v":1,"guests":[
                  {"name":"linux01","uuid":"u","phase":"Relocating","member":"MEMBER1","to":"MEMBER2","run":"r","reason":""},
                  {"name":"db","uuid":"u","phase":"Down","member":null,"to":null,"run":null,"reason":""},
                  {"name":"web","uuid":"u","phase":"Pending","member":"MEMBER2","to":null,"run":"","reason":"no disk"}]})"))
                  .value(),
              "GUEST    PHASE       MEMBER\n"
              "linux01  Relocating  MEMBER1 -> MEMBER2\n"
              "db       Down        -\n"
              "web      Pending     MEMBER2             no disk\n");
    EXPECT_EQ(render_guests(document(R"({"v":1,"guests":[]})")).value(),
              "The cluster knows no guests: virsh define and start one\n");
}

TEST(Rendering, guest_shows_its_last_move) {
    EXPECT_EQ(render_guest(document(R"({"v":1,"name":"linux01","uuid":"0-1","phase":"Running","member":"MEMBER2",
                  "to":null,"run":"abc","reason":"","restart":false,"last_move":{"v":1,"guest":"linux01","from":"MEMBER1",
                  "to":"MEMBER2","outcome":"moved","total_ms":12345,"down_ms":41,"reason":""}})"))
                  .value(),
              "Guest:     linux01\n"
              "UUID:      0-1\n"
              "Phase:     Running\n"
              "Member:    MEMBER2\n"
              "Run:       abc\n"
              "Restart:   no\n"
              "Last move: moved from MEMBER1 to MEMBER2 in 12.345 s, down for 0.041 s\n");
}

TEST(Rendering, move_says_how_it_ended) {
    EXPECT_EQ(render_move(document(R"({"v":1,"guest":"g","from":"A","to":"B","outcome":"moved","total_ms":900,
                                       "down_ms":7,"reason":""})"))
                  .value(),
              "guest g moved from A to B in 0.900 s, down for 0.007 s\n");
    EXPECT_EQ(render_move(document(R"({"v":1,"guest":"g","from":"A","to":"B","outcome":"failed","reason":"no link"})"))
                  .value(),
              "guest g failed from A to B: no link\n");
    EXPECT_EQ(render_moves(document(R"({"v":1,"relocations":[
                  {"v":1,"guest":"g","from":"A","to":"B","outcome":"under way","reason":""}]})"))
                  .value(),
              "guest g is moving from A to B\n");
    EXPECT_EQ(render_moves(document(R"({"v":1,"relocations":[]})")).value(), "No guest is moving\n");
}

TEST(Rendering, short_answers_are_sentences) {
    EXPECT_EQ(render_started(document(R"({"v":1,"guest":"g","member":"A"})")).value(), "guest g started on A\n");
    EXPECT_EQ(render_shut_down(document(R"({"v":1,"guest":"g"})")).value(), "guest g is shutting down\n");
    EXPECT_EQ(render_destroyed(document(R"({"v":1,"guest":"g"})")).value(), "guest g destroyed\n");
    EXPECT_EQ(render_member(document(R"({"v":1,"member":"A","state":"Down"})")).value(), "A is Down\n");
}

TEST(Rendering, names_are_one_a_line) {
    EXPECT_EQ(render_member_names(document(kCluster)).value(), "MEMBER1\nM2\nMEMBER3\n");
    EXPECT_EQ(render_guest_names(document(R"({"v":1,"guests":[{"name":"a b"},{"name":"c"}]})")).value(), "a b\nc\n");
}

TEST(Rendering, documents_of_another_shape_are_errors) {
    for (const auto rendering :
         {render_cluster, render_member_names, render_guests, render_guest_names, render_guest, render_started,
          render_shut_down, render_destroyed, render_move, render_moves, render_member, render_links,
          render_link_details, render_link_members, render_streams, render_channel, render_reload})
        EXPECT_EQ(rendering(document(R"({"v":1,"members":3,"guests":"x","links":{},"streams":1,"changes":null})"))
                      .error()
                      .code,
                  ErrorCode::kProtocolViolated);
}

TEST(Rendering, control_characters_do_not_reach_the_terminal) {
    const auto text = render_guests(document(R"({"v":1,"guests":[{"name":"\u001b[2Jx","phase":"Down"}]})")).value();
    EXPECT_EQ(text.find('\x1b'), std::string::npos);
}

TEST(Rendering, pretty_json_is_the_same_json) {
    const auto cluster = document(kCluster);
    EXPECT_EQ(boost::json::parse(pretty(cluster)).as_object(), cluster);
    EXPECT_EQ(pretty(document(R"({"a":[],"b":{},"c":[1,"x\n"],"d":null})")),
              "{\n  \"a\": [],\n  \"b\": {},\n  \"c\": [\n    1,\n    \"x\\n\"\n  ],\n  \"d\": null\n}\n");
}

TEST(Rendering, error_shows_code_and_what_to_do) {
    EXPECT_EQ(render_error({ErrorCode::kGuestRunsElsewhere, "guest linux01 runs on MEMBER2", "linux01", "move it"}),
              "ssictl: SSI-1040 guest linux01 runs on MEMBER2\n        try: move it\n");
    EXPECT_EQ(render_error({ErrorCode::kTimedOut, "no answer", "", ""}), "ssictl: SSI-6006 no answer\n");
}

TEST(TableText, width_counts_characters_and_not_bytes) {
    Table table({{"A"}, {"B"}});
    table.add({"\xc3\xa4\xc3\xb6", "x"});
    table.add({"abc", "y", "beyond"});
    table.add({});
    EXPECT_EQ(table.text(), "A    B\n\xc3\xa4\xc3\xb6   x\nabc  y\n\n");
}

}  // namespace
}  // namespace ssi::ctl
