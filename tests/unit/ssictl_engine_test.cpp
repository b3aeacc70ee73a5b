#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <string>

#include "tests/unit/json_document.hpp"
#include "tools/ssictl/engine_rendering.hpp"

namespace ssi::ctl {
namespace {

constexpr auto kStatus = R"({"v":1,"member":"MEMBER1","serves":true,"reason":"","seat":"voter","lineage":0,"log":null,
    "quota_bytes":1073741824,"reserve":true,"fault":"","trouble":null,"ended":null,"alarms":[],"voters":[
    {"id":"a1","name":"MEMBER1","kind":"member","role":"voter","started":true,"leads":true,"version":"3.5.16","term":4,
     "revision":9,"database_bytes":2097152,"database_used_bytes":1048576,"fault":""},
    {"id":"b2","name":"MEMBER2","kind":"member","role":"voter","started":true,"leads":false,"version":"","term":0,
     "revision":0,"database_bytes":0,"database_used_bytes":0,"fault":"no answer in time"},
    {"id":"c3","name":"MEMBER3","kind":"member","role":"learner","started":false,"leads":false,"version":"","term":0,
     "revision":0,"database_bytes":0,"database_used_bytes":0,"fault":""}]})";

TEST(EngineRendering, status_shows_who_votes_and_who_does_not_answer) {
    EXPECT_EQ(render_engine(document(kStatus)).value(),
              "Serves:     yes\n"
              "This seat:  voter (MEMBER1)\n"
              "Quota:      1.0 GiB\n"
              "Reserve:    set aside\n"
              "VOTER    ROLE     LEADS  ETCD    DATABASE                  ID\n"
              "MEMBER1  voter    yes    3.5.16  2.0 MiB (1.0 MiB in use)  a1\n"
              "MEMBER2  voter                   -                         b2  no answer in time\n"
              "MEMBER3  learner                 -                         c3  has not started yet\n");
}

TEST(EngineRendering, trouble_is_told_with_its_name) {
    auto status = document(kStatus);
    status["serves"] = false;
    status["reason"] = "nobody answers";
    status["lineage"] = 2;
    status["log"] = document(R"({"last_term":7,"last_index":1234})");
    status["fault"] = "etcd ended because its disk is full (make room)";
    status["ended"] =
        document(R"({"why":"disk full","what":"etcd ended because its disk is full","remedy":"make room"})");
    status["alarms"] = boost::json::array{document(R"({"id":"a1","kind":"NOSPACE"})")};
    const auto text = render_engine(status).value();
    EXPECT_TRUE(text.starts_with("Serves:     no: nobody answers\n")) << text;
    for (const auto* line : {"Lineage:    2: so often", "Own log:    ends with entry 1234 of term 7\n",
                             "FAULT:      etcd ended because its disk is full (make room)\n",
                             "Last end:   etcd ended because its disk is full\n", "ALARM:      NOSPACE of voter a1\n"})
        EXPECT_NE(text.find(line), std::string::npos) << line << " in\n" << text;
}

TEST(EngineRendering, ways_out_say_what_was_done) {
    EXPECT_EQ(render_recovery(document(R"({"v":1,"member":"M2","lineage":3,"done":"forced"})")).value(),
              "the engine goes on from M2 alone, lineage 3; the other members join it anew\n");
    EXPECT_EQ(render_backup(document(R"({"v":1,"file":"/root/copy","bytes":2048,"from":"M2"})")).value(),
              "wrote /root/copy: 2.0 KiB, a copy of the engine on M2\n");
    EXPECT_EQ(render_compaction(
                  document(R"({"v":1,"database_bytes":1048576,"database_used_bytes":1024,"quota_bytes":1073741824})"))
                  .value(),
              "the engine's database takes 1.0 MiB of 1.0 GiB, 1.0 KiB in use\n");
}

TEST(EngineRendering, what_is_no_document_is_an_error) {
    const auto nothing = document(R"({"v":1})");
    for (const auto render : {render_engine, render_recovery, render_backup, render_compaction})
        EXPECT_FALSE(render(nothing));
}

}  // namespace
}  // namespace ssi::ctl
