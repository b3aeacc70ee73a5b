#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "tests/unit/json_document.hpp"
#include "tools/ssictl/link_rendering.hpp"
#include "tools/ssictl/rendering.hpp"
#include "tools/ssictl/table.hpp"

namespace ssi::ctl {
namespace {

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
        "SLOT  SYSTEMID  STATE   PDR HEARTBEAT  RECEIVED HEARTBEAT  GUESTS  VOTER  WATCHDOG  T_DEAD\n"
        "   1  MEMBER1   Joined      0.3 s ago           0.1 s ago      12  yes    -              -  this member\n"
        "   2  M2        Joined              -           0.5 s ago       0  yes    -              -\n"
        "  12  MEMBER3   Down                -                   -       1  no     -              -  fenced by MEMBER1 "
        "through lab\n");
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

TEST(Rendering, watchdog_and_T_dead_are_what_the_slot_says) {
    auto cluster = document(kCluster);
    auto& members = cluster["members"].as_array();
    members[0].as_object()["slot_record"] =
        document(R"({"watchdog_kind":"hardware","watchdog_ms":5000,"armed":true,"dead_after_ms":12000})");
    members[1].as_object()["slot_record"] =
        document(R"({"watchdog_kind":"soft","watchdog_ms":5000,"armed":false,"dead_after_ms":null})");
    const auto text = render_cluster(cluster).value();
    EXPECT_NE(text.find("yes    hardware 5.0 s         12.0 s  this member\n"), std::string::npos) << text;
    EXPECT_NE(text.find("yes    soft 5.0 s, NOT ARMED       -\n"), std::string::npos) << text;
}

TEST(Rendering, the_witness_is_where_the_slot_says) {
    auto cluster = document(kCluster);
    cluster["members"].as_array()[1].as_object()["slot_record"] =
        document(R"({"watchdog_kind":"hardware","watchdog_ms":5000,"armed":true,"witness_serving":true})");
    const auto text = render_cluster(cluster).value();
    EXPECT_NE(text.find("yes, witness  hardware"), std::string::npos) << text;
    EXPECT_EQ(text.find("witness"), text.rfind("witness")) << text;
}

TEST(Rendering, disarmed_fencing_is_loud) {
    auto cluster = document(kCluster);
    EXPECT_EQ(render_cluster(cluster).value().find("DISARMED"), std::string::npos);
    cluster["fencing"] = document(R"({"v":1,"armed":false,"disarmed":{"who":"root","at":"MEMBER1","why":"new switch",
                                      "since":"2026-11-29T16:30:00Z"}})");
    EXPECT_NE(render_cluster(cluster).value().find(
                  "Majority: yes\n"
                  "FENCING IS DISARMED by root on MEMBER1 since 2026-11-29T16:30:00Z: new switch\n"
                  "  Nobody is fenced, and no guest of a dead member is restarted, until: ssictl arm\n"),
              std::string::npos);
    EXPECT_TRUE(render_fencing(cluster["fencing"].as_object()).value().starts_with("FENCING IS DISARMED by root"));
    EXPECT_EQ(render_fencing(document(R"({"v":1,"armed":true,"disarmed":null})")).value(), "Fencing is armed\n");
}

TEST(Rendering, member_in_maintenance_says_who_when_and_why) {
    auto cluster = document(kCluster);
    cluster["members"].as_array()[1].as_object()["maintenance"] =
        document(R"({"who":"root","at":"MEMBER1","why":"","since":"2026-11-29T16:30:00Z"})");
    EXPECT_NE(render_cluster(cluster).value().find(
                  "yes    -              -  IN MAINTENANCE by root on MEMBER1 since 2026-11-29T16:30:00Z\n"),
              std::string::npos);
    EXPECT_EQ(render_maintenance(document(R"({"v":1,"member":"M2","maintenance":{"who":"root","at":"M1","why":"disks",
                                              "since":"2026-11-29T16:30:00Z"}})"))
                  .value(),
              "M2 is in maintenance by root on M1 since 2026-11-29T16:30:00Z: disks\n");
    EXPECT_EQ(render_maintenance(document(R"({"v":1,"member":"M2","maintenance":null})")).value(),
              "M2 is not in maintenance\n");
}

TEST(Rendering, fence_test_has_a_line_for_each_question) {
    EXPECT_EQ(render_fence_test(document(R"({"v":1,"member":"M2","ok":false,"methods":[
                  {"name":"ipmi","method":"agent","agent":"/usr/sbin/fence_ipmilan","ok":false,"answers":[
                    {"action":"monitor","ok":true,"says":"it said nothing","took_ms":1204},
                    {"action":"status","ok":false,"says":"exit status 1: no such plug","took_ms":87}]},
                  {"name":"last","method":"operator","agent":"","ok":true,"answers":[
                    {"action":"operator","ok":true,"says":"waits","took_ms":0}]}]})"))
                  .value(),
              "FENCE  METHOD    ASKED     RESULT     TOOK\n"
              "ipmi   agent     monitor   ok      1.204 s  it said nothing\n"
              "ipmi   agent     status    FAILED  0.087 s  exit status 1: no such plug\n"
              "last   operator  operator  ok      0.000 s  waits\n");
    EXPECT_EQ(render_fence_test(document(R"({"v":1,"member":"M2","ok":false,"methods":[]})")).value(),
              "No [[fence]] is configured: only ssictl member set-down M2 proves its death\n");
}

TEST(Rendering, why_shows_each_sign_and_what_follows) {
    auto why = document(R"({"v":1,"member":"M3","seen_by":"M1","state":"Suspended",
        "committed":{"state":"Joined","incarnation":4,"reason":""},
        "engine":{"path":"etcd, over the logical links","last_moved_ms":12140,"heard":false,"incarnation":4,"beat":99,
                  "revision":1234},
        "pdr":{"path":"/dev/pdr","last_moved_ms":410,"moves":true,"readable":true,"fault":"",
               "slot":{"incarnation":4,"counter":777}},
        "watchdog":"hardware","intent":null,"last_verdict":{"reason":"fenced by M1 through lab","incarnation":3},
        "conclusion":"it lives"})");
    EXPECT_EQ(render_why(why).value(),
              "Member:    M3, as seen by M1\n"
              "State:     Suspended (committed: Joined, incarnation 4)\n"
              "Engine:    NOT HEARD, last moved 12.1 s ago, by etcd, over the logical links: incarnation 4, beat 99, "
              "revision 1234\n"
              "PDR:       its slot moves, last moved 0.4 s ago, by /dev/pdr: incarnation 4, counter 777\n"
              "Watchdog:  hardware, by system.toml\n"
              "Intent:    none\n"
              "Verdict:   the last: incarnation 3, fenced by M1 through lab\n"
              "Therefore: it lives\n");
    why["pdr"].as_object()["slot"] =
        document(R"({"incarnation":4,"counter":777,"lease_ms":5000,"watchdog_ms":5000,"watchdog_kind":"hardware",
                     "armed":true,"lone":false,"dead_after_ms":12000})");
    EXPECT_NE(render_why(why).value().find("Watchdog:  hardware, 5.0 s, armed; lease 5.0 s; T_dead 12.0 s\n"),
              std::string::npos);
    why["pdr"].as_object()["readable"] = false;
    why["intent"] = document(R"({"by":"M1","incarnation":4,"alive_revision":1234})");
    EXPECT_NE(render_why(why).value().find("PDR:       /dev/pdr: NOT READABLE here\n"), std::string::npos);
    EXPECT_NE(render_why(why).value().find("Intent:    to fence incarnation 4, by M1, if its alive key stays at"),
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
              "The cluster knows no guests: virsh define one, or ssictl directory put\n");
}

TEST(Rendering, residents_are_the_guests_that_are_somewhere) {
    EXPECT_EQ(render_residents(document(R"({"v":1,"guests":[
                  {"name":"linux01","phase":"Relocating","member":"MEMBER1","to":"MEMBER2"},
                  {"name":"db","phase":"Down","member":null,"to":null},
                  {"name":"web","phase":"Running","member":"MEMBER2","to":null}]})"))
                  .value(),
              "GUEST    MEMBER              STATE\n"
              "linux01  MEMBER1 -> MEMBER2  Relocating\n"
              "web      MEMBER2             Running\n");
    EXPECT_EQ(render_residents(document(R"({"v":1,"guests":[{"name":"db","phase":"Down","member":null}]})")).value(),
              "No guest runs\n");
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

TEST(Rendering, policy_is_a_sentence) {
    EXPECT_EQ(
        render_policy(document(R"({"v":1,"guest":"g","restart":true,"prefer":["M2","M3"],"priority":10,"limit":3,
                                         "restarts":2,"origin":"run-time"})"))
            .value(),
        "guest g restart: yes, on M2, then M3, else elsewhere when its member dies, priority 10, at most 3 times, "
        "2 made\n");
    EXPECT_EQ(
        render_policy(document(R"({"v":1,"guest":"g","restart":false,"prefer":[],"priority":0,"limit":3})")).value(),
        "guest g restart: no\n");
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
         {render_cluster,    render_why,         render_member_names, render_guests,       render_guest_names,
          render_residents,  render_guest,       render_started,      render_policy,       render_shut_down,
          render_destroyed,  render_move,        render_moves,        render_member,       render_fencing,
          render_fence_test, render_maintenance, render_links,        render_link_details, render_link_members,
          render_streams,    render_channel,     render_reload})
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
