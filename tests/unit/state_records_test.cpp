#include <gtest/gtest.h>

#include "daemons/ssid/state/cluster_state.hpp"
#include "daemons/ssid/state/record_keys.hpp"
#include "tests/unit/state_builder.hpp"

namespace ssi::cluster {
namespace {

template <class Record>
void expect_round_trip(const Record& record) {
    const auto again = decode<Record>(encode(record));
    ASSERT_TRUE(again) << again.error().text();
    EXPECT_EQ(*again, record);
}

const Residency kMoving{kUuid,
                        Phase::kRelocating,
                        {member("MEMBER1"), Incarnation{7}},
                        RunId("r1"),
                        Relocation{{member("MEMBER2"), Incarnation{3}}, RunId("r2"), true, true},
                        2,
                        "why",
                        1};

TEST(Records, every_kind_survives_its_json_form) {
    expect_round_trip(MemberRecord{MemberState::kLeaving, Incarnation{0xffffffffffffffff}, "reason"});
    expect_round_trip(MemberRecord{MemberState::kIsolated, Incarnation{3}, "x", "fenced", Incarnation{2}});
    expect_round_trip(Transition{Transition::Kind::kLeave, member("MEMBER2"), Incarnation{4}});
    expect_round_trip(AliveRecord{Incarnation{1}, 42});
    expect_round_trip(FenceRecord{Incarnation{1}, member("MEMBER2"), Revision{99}});
    expect_round_trip(RegistrationRecord{Incarnation{5}, false});
    expect_round_trip(RegistrationRecord{Incarnation{5}, true});
    expect_round_trip(GuestPolicy{false, {member("MEMBER2"), member("MEMBER1")}, -7, 0});
    expect_round_trip(CapacityRecord{Incarnation{4}, 12'345, 678});
    expect_round_trip(SavedRecord{kUuid, member("MEMBER2"), RunId("r1"), "7:1.000000002:3"});
    expect_round_trip(UuidRecord{guest("g"), RunId("r1")});
    expect_round_trip(UuidRecord{guest("g"), RunId()});
    expect_round_trip(UuidRecord{guest("g"), std::nullopt});
    expect_round_trip(DoorsRecord{Incarnation{4}, "asks nobody"});
    expect_round_trip(OperatorWord{member("MEMBER1"), "root", "new \"switch\"", 1'795'969'800});
    expect_round_trip(DirectoryRecord{kUuid, "<domain>\"ä\"</domain>", false, 512, 0, {}});
    expect_round_trip(DirectoryRecord{kUuid, "<domain/>", true, 1, 7, kWord});
    expect_round_trip(DeletedRecord{kUuid, 8, kWord});
    expect_round_trip(kMoving);
    expect_round_trip(MoveRecord{member("MEMBER1"), member("MEMBER2"), RunId("r"), "moved", 1234, 56, ""});
}

TEST(Records, a_reason_of_any_bytes_leaves_the_record_readable) {
    for (const auto* bytes : {"QEMU: \xe4\xff", "cut: \xc3", "\x01\x02\n"}) {
        auto moving = kMoving;
        moving.reason = bytes;
        EXPECT_TRUE(decode<Residency>(encode(moving))) << bytes;
        EXPECT_TRUE(
            decode<MoveRecord>(encode(MoveRecord{member("M"), member("N"), RunId("r"), "failed", 0, 0, bytes})));
        EXPECT_TRUE(decode<MemberRecord>(encode(MemberRecord{MemberState::kDown, Incarnation{1}, bytes})));
    }
}

TEST(Records, unknown_fields_are_ignored_and_unknown_versions_refused) {
    EXPECT_TRUE(decode<AliveRecord>(R"({"v":1,"incarnation":1,"beat":2,"new":true})"));
    EXPECT_FALSE(decode<AliveRecord>(R"({"v":2,"incarnation":1,"beat":2})"));
}

TEST(Records, states_that_are_only_seen_are_never_committed) {
    EXPECT_FALSE(decode<MemberRecord>(encode(MemberRecord{MemberState::kSuspended, Incarnation{1}, ""})));
    EXPECT_FALSE(decode<MemberRecord>(encode(MemberRecord{MemberState::kUnknown, Incarnation{1}, ""})));
}

TEST(Records, damaged_residencies_are_refused) {
    auto text = encode(kMoving);
    for (const auto* part : {"Relocating", "MEMBER1", "\"run\""}) {
        auto damaged = text;
        damaged.replace(damaged.find(part), 3, "???");
        EXPECT_FALSE(decode<Residency>(damaged)) << damaged;
    }
    auto without = kMoving;
    without.relocation.reset();
    EXPECT_FALSE(decode<Residency>(encode(without))) << "Relocating without a relocation";
}

TEST(ClusterState, an_older_change_never_undoes_a_later_one) {
    ClusterState state;
    const auto key = alive_key(member("MEMBER1"));
    ASSERT_TRUE(state.apply({key, encode(AliveRecord{Incarnation{1}, 2}), Revision{20}}));
    ASSERT_TRUE(state.apply({key, encode(AliveRecord{Incarnation{1}, 1}), Revision{10}}));
    EXPECT_EQ(state.alive().at(member("MEMBER1")).value.beat, 2U);
    ASSERT_TRUE(state.apply({key, std::nullopt, Revision{30}}));
    ASSERT_TRUE(state.apply({key, encode(AliveRecord{Incarnation{1}, 2}), Revision{20}}));
    EXPECT_TRUE(state.alive().empty());
    EXPECT_EQ(state.modified(key), Revision{});
}

TEST(ClusterState, a_value_that_cannot_be_understood_names_its_key_and_changes_nothing) {
    ClusterState state;
    const auto applied = state.apply({residency_key(guest("g")), "{}", Revision{1}});
    ASSERT_FALSE(applied);
    EXPECT_NE(applied.error().what.find("ssi/v1/residency/g"), std::string::npos);
    EXPECT_FALSE(state.reset({{{residency_key(guest("g")), "{}", Revision{1}}}, Revision{1}}));
    EXPECT_TRUE(state.residencies().empty());
}

TEST(ClusterState, keys_of_others_are_ignored) {
    ClusterState state;
    EXPECT_TRUE(state.apply({"ssi/v1/future/x", "anything", Revision{1}}));
    EXPECT_TRUE(state.apply({"other", "anything", Revision{2}}));
}

}  // namespace
}  // namespace ssi::cluster
