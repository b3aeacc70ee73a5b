#include <gtest/gtest.h>

#include <string>

#include "daemons/ssid/engine/gateway_messages.hpp"

namespace ssi::cluster::gateway {
namespace {

using namespace std::string_literals;

TEST(Base64, vectors_of_rfc_4648_go_both_ways) {
    const std::pair<std::string, std::string> vectors[] = {
        {"", ""},           {"f", "Zg=="},        {"fo", "Zm8="},
        {"foo", "Zm9v"},    {"foob", "Zm9vYg=="}, {"foobar", "Zm9vYmFy"},
        {"\0\xff"s, "AP8="}};
    for (const auto& [bytes, text] : vectors) {
        EXPECT_EQ(to_base64(bytes), text);
        EXPECT_EQ(from_base64(text), bytes);
    }
}

TEST(Base64, foreign_text_is_refused) {
    for (const auto* text : {"Zg", "Zg=", "Z!==", "Zm9vY"}) EXPECT_FALSE(from_base64(text)) << text;
}

TEST(TransactionBody, conditions_and_writes_are_words_of_etcd) {
    const Transaction transaction{{{"a", Revision{0}}, {"b", Revision{9007199254740993}}},
                                  {{"a", "1"}, {"b", std::nullopt}}};
    EXPECT_EQ(transaction_body(transaction),
              R"({"compare":[{"key":"YQ==","target":"MOD","result":"EQUAL","mod_revision":"0"},)"
              R"({"key":"Yg==","target":"MOD","result":"EQUAL","mod_revision":"9007199254740993"}],)"
              R"("success":[{"requestPut":{"key":"YQ==","value":"MQ=="}},{"requestDeleteRange":{"key":"Yg=="}}]})");
}

TEST(RangeBody, end_is_first_key_after_prefix) {
    EXPECT_EQ(range_body("a"), R"({"key":"YQ==","range_end":"Yg=="})");
    EXPECT_EQ(range_body("a\xff"), R"({"key":"Yf8=","range_end":"Yg=="})");
    EXPECT_EQ(range_body("\xff"), R"({"key":"/w==","range_end":"AA=="})");
    EXPECT_EQ(range_body(""), R"({"key":"AA==","range_end":"AA=="})");
}

TEST(WatchBody, begins_after_given_revision) {
    EXPECT_EQ(watch_body("a", Revision{41}),
              R"({"create_request":{"key":"YQ==","range_end":"Yg==","start_revision":"42","progress_notify":true}})");
}

TEST(ReadCommit, succeeded_is_committed) {
    const auto result = read_commit(R"({"header":{"revision":"7"},"succeeded":true,"responses":[{}]})");
    ASSERT_TRUE(result);
    EXPECT_TRUE(result->committed);
    EXPECT_EQ(result->revision, Revision{7});
}

TEST(ReadCommit, left_out_succeeded_is_conflict) {
    const auto result = read_commit(R"({"header":{"revision":"9223372036854775807"}})");
    ASSERT_TRUE(result);
    EXPECT_FALSE(result->committed);
    EXPECT_EQ(result->revision, Revision{9223372036854775807});
}

// R3: left-out fields have defaults only in an answer that is etcd's.
TEST(ReadCommit, foreign_text_is_no_conflict) {
    for (const auto* text : {"", "{}", "[]", "null", R"({"header":{}})", R"({"header":{"revision":"x"}})",
                             R"({"header":{"revision":"9223372036854775808"}})", R"({"header":{"revision":"1"})"})
        EXPECT_FALSE(read_commit(text)) << text;
}

TEST(ReadRange, entries_have_values_and_revisions) {
    const auto snapshot = read_range(
        R"({"header":{"revision":"5"},"kvs":[{"key":"YQ==","create_revision":"2","mod_revision":"3","version":"2","value":"Mg=="},)"
        R"({"key":"Yg==","mod_revision":"4"}],"count":"2"})");
    ASSERT_TRUE(snapshot);
    EXPECT_EQ(snapshot->revision, Revision{5});
    EXPECT_EQ(snapshot->entries, (std::vector<KeyValue>{{"a", "2", Revision{3}}, {"b", "", Revision{4}}}));
}

TEST(ReadRange, left_out_entries_are_none) {
    const auto snapshot = read_range(R"({"header":{"revision":"5"}})");
    ASSERT_TRUE(snapshot);
    EXPECT_TRUE(snapshot->entries.empty());
}

TEST(ReadRange, cut_short_is_refused) {
    EXPECT_FALSE(read_range(R"({"header":{"revision":"5"},"more":true})"));
}

TEST(ReadStatus, left_out_leader_is_none) {
    const auto status = read_status(
        R"({"header":{"member_id":"16343001612671857048","revision":"9"},"version":"3.5.16","raftTerm":"2","dbSize":"10","errors":["etcdserver: no leader"]})");
    ASSERT_TRUE(status);
    EXPECT_EQ(status->id, 16343001612671857048U);
    EXPECT_EQ(status->leader, 0U);
    EXPECT_EQ(status->term, 2U);
    EXPECT_EQ(status->database_bytes, 10);
    EXPECT_EQ(status->complaints, std::vector<std::string>{"etcdserver: no leader"});
}

TEST(ReadVoters, names_and_learners) {
    const auto voters = read_voters(
        R"({"header":{"raft_term":"2"},"members":[{"ID":"16343001612671857048","name":"m1","peerURLs":["unix://m1:1"]},{"ID":"2","isLearner":true}]})");
    ASSERT_TRUE(voters);
    ASSERT_EQ(voters->size(), 2U);
    EXPECT_EQ((*voters)[0].name, "m1");
    EXPECT_EQ((*voters)[0].peer_urls, std::vector<std::string>{"unix://m1:1"});
    EXPECT_TRUE((*voters)[1].is_learner);
}

TEST(ChangeVoters, bodies_are_what_etcd_expects) {
    EXPECT_EQ(add_learner_body("unix://m4:1"), R"({"peerURLs":["unix://m4:1"],"isLearner":true})");
    EXPECT_EQ(voter_body(16343001612671857048U), R"({"ID":"16343001612671857048"})");
    EXPECT_EQ(leadership_body(16343001612671857048U), R"({"targetID":"16343001612671857048"})");
}

// etcd says no before it has done anything, and may say yes later: that is for the caller to find out.
TEST(ChangeVoters, what_etcd_holds_unwise_is_refused_for_certain) {
    for (const auto* message : {"etcdserver: unhealthy cluster", "etcdserver: too many learner members in cluster",
                                "etcdserver: can only promote a learner member which is in sync with leader"}) {
        const auto refusal =
            read_refusal(503, std::string(R"({"error":"x","code":14,"message":")") + message + R"("})");
        EXPECT_EQ(refusal.verdict, Verdict::kRefused) << message;
        EXPECT_EQ(refusal.message, message);
    }
}

TEST(ReadVoters, one_that_never_ran_has_no_client_urls) {
    const auto voters = read_voters(
        R"({"header":{},"members":[{"ID":"1","name":"m1","clientURLs":["unix://client:1"]},{"ID":"2","name":"m2"}]})");
    ASSERT_TRUE(voters);
    EXPECT_EQ((*voters)[0].client_urls.size(), 1U);
    EXPECT_TRUE((*voters)[1].client_urls.empty());
}

TEST(ReadAlarms, kind_and_voter) {
    const auto alarms = read_alarms(R"({"header":{},"alarms":[{"memberID":"161","alarm":"NOSPACE"}]})");
    ASSERT_TRUE(alarms);
    EXPECT_EQ(*alarms, (std::vector<Alarm>{{161, "NOSPACE"}}));
    EXPECT_EQ(disarm_body(alarms->front()), R"({"action":"DEACTIVATE","memberID":"161","alarm":"NOSPACE"})");
    EXPECT_TRUE(read_alarms(R"({"header":{}})")->empty());
}

TEST(ReadSnapshotLine, bytes_and_what_remains) {
    const auto line = read_snapshot_line(R"({"result":{"remaining_bytes":"42","blob":"AAE="}})");
    ASSERT_TRUE(line);
    EXPECT_EQ(line->bytes, std::string("\0\1", 2));
    EXPECT_EQ(line->remaining, 42U);
    EXPECT_FALSE(read_snapshot_line(R"({"error":{"code":2,"message":"x"}})"));
}

TEST(ReadWatchLine, events_are_changes_in_order) {
    const auto line = read_watch_line(
        R"({"result":{"header":{"revision":"6"},"events":[{"kv":{"key":"YQ==","mod_revision":"2","value":"MQ=="}},)"
        R"({"type":"DELETE","kv":{"key":"YQ==","mod_revision":"4"}},{"kv":{"key":"Yg==","mod_revision":"5"}}]}})");
    ASSERT_TRUE(line);
    ASSERT_EQ(line->changes.size(), 3U);
    EXPECT_EQ(line->changes[0].value, "1");
    EXPECT_EQ(line->changes[1].value, std::nullopt);
    EXPECT_EQ(line->changes[1].modified, Revision{4});
    EXPECT_EQ(line->changes[2].value, "");
}

TEST(ReadWatchLine, beginning_and_sign_of_life_change_nothing) {
    for (const auto* text :
         {R"({"result":{"header":{"revision":"6"},"created":true}})", R"({"result":{"header":{}}})"}) {
        const auto line = read_watch_line(text);
        ASSERT_TRUE(line);
        EXPECT_TRUE(line->changes.empty());
        EXPECT_FALSE(line->ended);
    }
}

TEST(ReadWatchLine, compaction_ends_it) {
    const auto line = read_watch_line(R"({"result":{"header":{},"canceled":true,"compact_revision":"4"}})");
    ASSERT_TRUE(line);
    EXPECT_EQ(line->compacted, Revision{4});
    EXPECT_TRUE(line->ended);
}

TEST(ReadWatchLine, error_ends_it_with_its_words) {
    for (const auto* text : {R"({"error":{"code":14,"message":"etcdserver: no leader"}})",
                             R"({"code":14, "message":"etcdserver: no leader"})"}) {
        const auto line = read_watch_line(text);
        ASSERT_TRUE(line);
        EXPECT_EQ(line->ended, "etcdserver: no leader");
    }
}

TEST(ReadWatchLine, foreign_text_is_refused) {
    for (const auto* text :
         {"", "{}", R"({"result":[]})", R"({"result":{"events":[{}]}})", R"({"result":{"events":{}}})"})
        EXPECT_FALSE(read_watch_line(text)) << text;
}

TEST(ReadRefusal, what_is_said_before_the_proposal_did_not_happen) {
    EXPECT_EQ(read_refusal(503, R"({"code":14, "message":"etcdserver: no leader"})").verdict, Verdict::kNotNow);
    EXPECT_EQ(read_refusal(400, R"({"code":3, "message":"etcdserver: request is too large"})").verdict,
              Verdict::kRefused);
}

// R3: "database space exceeded" is also the answer to the transaction that was applied and crossed the quota.
TEST(ReadRefusal, anything_else_may_have_happened) {
    for (const auto* body :
         {R"({"code":14, "message":"etcdserver: request timed out"})",
          R"({"code":14, "message":"etcdserver: leader changed"})",
          R"({"code":14, "message":"etcdserver: request timed out, possibly due to previous leader failure"})",
          R"({"code":8, "message":"etcdserver: mvcc: database space exceeded"})", R"({"code":2})", "<html>", ""})
        EXPECT_EQ(read_refusal(503, body).verdict, Verdict::kUnknown) << body;
}

}  // namespace
}  // namespace ssi::cluster::gateway
