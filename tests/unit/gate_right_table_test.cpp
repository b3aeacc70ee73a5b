#include <gtest/gtest.h>

#include <format>
#include <random>

#include "daemons/ssid/gate/right_table.hpp"

namespace ssi::gate {
namespace {

using namespace std::chrono_literals;

constexpr BootTime kNow{1000s};
constexpr std::int64_t kPid = 4711;

GuestName guest(std::string_view name) {
    return GuestName::parse(name).value();
}
GuestUuid uuid(unsigned number) {
    return GuestUuid::parse(std::format("00000000-0000-4000-8000-{:012x}", number)).value();
}
const GuestName kGuest = guest("linux01");
const GuestUuid kUuid = uuid(1);
const RunId kRun{"run-1"};
const QemuOwner kOwner{kUuid, "linux01", kPid};
const QemuOwner kIncomingOwner{kUuid, "linux01", kPid, true};

/// A table in which linux01 has come as far as the named step.
struct TableOf {
    RightTable table;

    TableOf& granted(RightKind kind = RightKind::kStart) {
        EXPECT_TRUE(table.grant(kGuest, kUuid, kRun, kind, 30s, kNow));
        return *this;
    }
    TableOf& registered(RightKind kind = RightKind::kStart) {
        granted(kind);
        EXPECT_TRUE(table.register_life(kOwner, 1, kNow));
        return *this;
    }
    TableOf& acquired(RightKind kind = RightKind::kStart) {
        registered(kind);
        EXPECT_TRUE(table.register_one_shot(kOwner));
        EXPECT_TRUE(table.acquire(kOwner, "/d1"));
        return *this;
    }
    [[nodiscard]] RightState state() const { return table.find(kRun)->right.state; }
};

using Kinds = std::vector<GuardEvent::Kind>;

Kinds kinds(const std::vector<GuardEvent>& events) {
    Kinds all;
    for (const auto& event : events) all.push_back(event.kind);
    return all;
}

using enum GuardEvent::Kind;

TEST(RightTable, register_without_right_is_denied_with_guest_and_remedy) {
    RightTable table;

    const auto denied = table.register_life(kOwner, 1, kNow);

    ASSERT_FALSE(denied);
    EXPECT_EQ(denied.error().code, ErrorCode::kNoRight);
    EXPECT_TRUE(denied.error().text().contains("guest linux01 was not admitted by ssid on this member"))
        << denied.error().text();
    EXPECT_TRUE(denied.error().remedy.contains("ssictl guest start linux01")) << denied.error().remedy;
}

TEST(RightTable, name_with_control_characters_stays_one_line) {
    RightTable table;
    const auto denied = table.register_life({kUuid, "a\nb\x1b", kPid}, 1, kNow);
    EXPECT_TRUE(denied.error().what.contains("guest a?b? ")) << denied.error().what;
}

TEST(RightTable, start_passes_through_all_states_and_tells_each) {
    TableOf at;
    at.granted();
    EXPECT_EQ(at.table.register_life(kOwner, 1, kNow).value(), kRun);
    ASSERT_TRUE(at.table.register_one_shot(kOwner));
    ASSERT_TRUE(at.table.acquire(kOwner, "/d1"));
    at.table.release(kOwner, "/d1");
    ASSERT_TRUE(at.table.acquire(kOwner, "/d1"));
    at.table.ended(kRun);

    EXPECT_EQ(kinds(at.table.take_events()), (Kinds{kRegistered, kAcquired, kReleased, kAcquired, kEnded}));
    EXPECT_TRUE(at.table.empty());
}

// R1
TEST(RightTable, second_qemu_of_a_guest_is_denied) {
    TableOf at;
    at.acquired();
    const auto denied = at.table.register_life({kUuid, "linux01", kPid + 1}, 2, kNow);
    ASSERT_FALSE(denied);
    EXPECT_TRUE(denied.error().what.contains("pid 4711")) << denied.error().what;
}

// R1
TEST(RightTable, grant_while_a_qemu_is_here_is_busy) {
    TableOf at;
    at.acquired();
    EXPECT_EQ(at.table.grant(kGuest, kUuid, RunId("run-2"), RightKind::kStart, 30s, kNow).error().code,
              ErrorCode::kGuestBusy);
}

TEST(RightTable, grant_replaces_an_unused_right_of_the_guest) {
    TableOf at;
    at.granted();
    ASSERT_TRUE(at.table.grant(kGuest, kUuid, RunId("run-2"), RightKind::kStart, 30s, kNow));

    EXPECT_EQ(at.table.rights().size(), 1U);
    EXPECT_EQ(kinds(at.table.take_events()), (Kinds{kExpired}));
    EXPECT_EQ(at.table.register_life(kOwner, 1, kNow).value(), RunId("run-2"));
}

TEST(RightTable, grant_repeated_for_the_same_run_changes_nothing) {
    TableOf at;
    at.acquired();
    EXPECT_TRUE(at.table.grant(kGuest, kUuid, kRun, RightKind::kStart, 30s, kNow));
    EXPECT_EQ(at.state(), RightState::kAcquired);
}

// SAFETY 18: a run is never used twice.
TEST(RightTable, grant_of_an_ended_run_is_refused) {
    TableOf at;
    at.acquired().table.ended(kRun);
    EXPECT_FALSE(at.table.grant(kGuest, kUuid, kRun, RightKind::kStart, 30s, kNow));
}

// SAFETY 8
TEST(RightTable, right_not_used_in_time_is_void) {
    TableOf at;
    at.granted();
    EXPECT_EQ(at.table.next_expiry(), kNow + 30s);
    EXPECT_FALSE(at.table.register_life(kOwner, 1, kNow + 30s));
    EXPECT_EQ(kinds(at.table.take_events()), (Kinds{kExpired}));
}

TEST(RightTable, right_in_use_does_not_expire) {
    TableOf at;
    at.registered().table.expire(kNow + 1h);
    EXPECT_EQ(at.state(), RightState::kRegistered);
    EXPECT_EQ(at.table.next_expiry(), std::nullopt);
}

TEST(RightTable, calls_for_another_pid_are_denied) {
    TableOf at;
    at.acquired();
    const QemuOwner stranger{kUuid, "linux01", kPid + 1};
    EXPECT_FALSE(at.table.register_one_shot(stranger));
    EXPECT_FALSE(at.table.acquire(stranger, "/d1"));
    at.table.release(stranger, "/d1");
    EXPECT_EQ(at.state(), RightState::kAcquired);
}

TEST(RightTable, acquire_and_release_are_idempotent) {
    TableOf at;
    at.acquired();
    EXPECT_TRUE(at.table.acquire(kOwner, "/d1"));
    at.table.release(kOwner, "/d1");
    at.table.release(kOwner, "/d1");
    EXPECT_EQ(at.state(), RightState::kReleased);
    EXPECT_EQ(kinds(at.table.take_events()), (Kinds{kRegistered, kAcquired, kReleased}));
}

TEST(RightTable, release_of_one_of_two_disks_keeps_the_right_acquired) {
    TableOf at;
    at.acquired();
    ASSERT_TRUE(at.table.acquire(kOwner, "/overlay"));
    at.table.release(kOwner, "/d1");
    EXPECT_EQ(at.state(), RightState::kAcquired);
}

// SAFETY 22
TEST(RightTable, release_after_hand_over_ends_the_right_until_kept) {
    TableOf at;
    at.acquired();
    ASSERT_TRUE(at.table.acquire(kOwner, "/d2"));
    ASSERT_TRUE(at.table.hand_over(kGuest, kRun));
    EXPECT_EQ(at.state(), RightState::kAcquired);
    EXPECT_TRUE(at.table.acquire(kOwner, "/d1"));

    at.table.release(kOwner, "/d1");

    EXPECT_EQ(at.state(), RightState::kHandedOver);
    ASSERT_TRUE(at.table.register_one_shot(kOwner));
    EXPECT_EQ(at.table.acquire(kOwner, "/d1").error().code, ErrorCode::kHandedOver);
    ASSERT_TRUE(at.table.keep(kGuest, kRun));
    EXPECT_EQ(at.state(), RightState::kReleased);
    EXPECT_TRUE(at.table.acquire(kOwner, "/d1"));
}

// SAFETY 22: a guest without disks announces its pauses by a bare REGISTER only.
TEST(RightTable, diskless_guest_is_handed_over_at_its_bare_register) {
    TableOf at;
    at.registered();
    ASSERT_TRUE(at.table.register_one_shot(kOwner));
    EXPECT_EQ(at.state(), RightState::kAcquired);
    ASSERT_TRUE(at.table.hand_over(kGuest, kRun));

    EXPECT_TRUE(at.table.register_one_shot(kOwner));

    EXPECT_EQ(at.state(), RightState::kHandedOver);
    EXPECT_EQ(at.table.register_one_shot(kOwner).error().code, ErrorCode::kHandedOver);
    ASSERT_TRUE(at.table.keep(kGuest, kRun));
    EXPECT_TRUE(at.table.register_one_shot(kOwner));
    EXPECT_EQ(at.state(), RightState::kAcquired);
}

// A paused guest would arrive paused, and nobody would ever ask the destination's door.
TEST(RightTable, paused_guest_is_not_handed_over) {
    TableOf paused;
    paused.acquired().table.release(kOwner, "/d1");
    EXPECT_EQ(paused.table.hand_over(kGuest, kRun).error().code, ErrorCode::kGuestNotRunning);
    EXPECT_TRUE(paused.table.register_one_shot(kOwner));

    TableOf never_run;
    never_run.registered();
    EXPECT_EQ(never_run.table.hand_over(kGuest, kRun).error().code, ErrorCode::kGuestNotRunning);
}

TEST(RightTable, hand_over_may_be_repeated_after_the_switch_over) {
    TableOf at;
    at.acquired();
    ASSERT_TRUE(at.table.hand_over(kGuest, kRun));
    at.table.release(kOwner, "/d1");
    EXPECT_TRUE(at.table.hand_over(kGuest, kRun));
    EXPECT_EQ(at.state(), RightState::kHandedOver);
}

// R1: a `virsh start` between libvirt's two hook calls for an incoming guest uses up the token of the relocation.
TEST(RightTable, cold_start_with_the_token_of_a_relocation_never_runs) {
    RightTable table;
    ASSERT_TRUE(table.grant(kGuest, kUuid, kRun, RightKind::kIncoming, 30s, kNow));
    ASSERT_TRUE(table.register_life(kOwner, 1, kNow));
    EXPECT_EQ(table.register_one_shot(kOwner).error().code, ErrorCode::kGuestBusy);
    EXPECT_EQ(table.acquire(kOwner, "/d1").error().code, ErrorCode::kGuestBusy);
    EXPECT_EQ(table.cancel(kGuest, kRun).outcome, CancelOutcome::kCancelled);
}

TEST(RightTable, incoming_guest_may_run_and_later_resume) {
    RightTable table;
    ASSERT_TRUE(table.grant(kGuest, kUuid, kRun, RightKind::kIncoming, 30s, kNow));
    ASSERT_TRUE(table.register_life(kOwner, 1, kNow));
    EXPECT_TRUE(table.register_one_shot(kIncomingOwner));
    EXPECT_TRUE(table.acquire(kIncomingOwner, "/d1"));
}

TEST(RightTable, hand_over_and_keep_of_an_unknown_run_are_refused) {
    RightTable table;
    EXPECT_EQ(table.hand_over(kGuest, kRun).error().code, ErrorCode::kNoRight);
    EXPECT_EQ(table.keep(kGuest, kRun).error().code, ErrorCode::kNoRight);
}

// SAFETY 22: Abort only after the destination's token was killed under the door's lock.
TEST(RightTable, cancel_before_the_first_instruction_names_the_qemu_to_kill) {
    TableOf at;
    at.registered(RightKind::kIncoming);

    const auto cancelled = at.table.cancel(kGuest, kRun);

    EXPECT_EQ(cancelled.outcome, CancelOutcome::kCancelled);
    EXPECT_EQ(cancelled.kill, (ProcessId{kPid, 1}));
    EXPECT_FALSE(at.table.register_one_shot(kOwner));
    EXPECT_FALSE(at.table.acquire(kOwner, "/d1"));
}

TEST(RightTable, cancel_of_a_granted_right_takes_it) {
    TableOf at;
    at.granted(RightKind::kIncoming);
    EXPECT_EQ(at.table.cancel(kGuest, kRun).outcome, CancelOutcome::kCancelled);
    EXPECT_FALSE(at.table.register_life(kOwner, 1, kNow));
}

TEST(RightTable, cancel_after_the_first_instruction_says_acquired_even_when_it_has_ended) {
    TableOf at;
    at.registered(RightKind::kIncoming);
    ASSERT_TRUE(at.table.register_one_shot(kIncomingOwner));
    EXPECT_EQ(at.table.cancel(kGuest, kRun).outcome, CancelOutcome::kAcquired);
    at.table.ended(kRun);
    EXPECT_EQ(at.table.cancel(kGuest, kRun).outcome, CancelOutcome::kAcquired);
}

TEST(RightTable, cancelled_run_that_was_never_granted_cannot_be_granted_later) {
    RightTable table;
    EXPECT_EQ(table.cancel(kGuest, kRun).outcome, CancelOutcome::kCancelled);
    EXPECT_FALSE(table.grant(kGuest, kUuid, kRun, RightKind::kIncoming, 30s, kNow));
}

TEST(RightTable, revoke_takes_an_unused_right_and_kills_only_when_told) {
    TableOf unused;
    unused.granted();
    EXPECT_TRUE(unused.table.revoke(kGuest, kRun, false));
    EXPECT_TRUE(unused.table.empty());

    TableOf used;
    used.acquired();
    EXPECT_EQ(used.table.revoke(kGuest, kRun, false).error().code, ErrorCode::kGuestBusy);
    EXPECT_EQ(used.table.revoke(kGuest, kRun, true)->kill->pid, kPid);
    EXPECT_FALSE(used.table.acquire(kOwner, "/d1"));
}

TEST(RightTable, expel_shuts_the_door_until_reopened_empty) {
    TableOf at;
    at.acquired();
    ASSERT_TRUE(at.table.grant(guest("linux02"), uuid(2), RunId("run-2"), RightKind::kStart, 30s, kNow));

    EXPECT_EQ(at.table.expel(), std::vector{(ProcessId{kPid, 1})});

    EXPECT_EQ(at.table.rights().size(), 1U);
    EXPECT_EQ(at.table.acquire(kOwner, "/d1").error().code, ErrorCode::kDoorClosed);
    EXPECT_EQ(at.table.grant(kGuest, kUuid, RunId("r3"), RightKind::kStart, 30s, kNow).error().code,
              ErrorCode::kDoorClosed);
    at.table.reopen_if_empty();
    EXPECT_FALSE(at.table.open());
    at.table.ended(kRun);
    at.table.reopen_if_empty();
    EXPECT_TRUE(at.table.open());
}

TEST(RightTable, json_round_trip_keeps_everything) {
    TableOf at;
    at.acquired();
    ASSERT_TRUE(at.table.hand_over(kGuest, kRun));
    ASSERT_TRUE(at.table.grant(guest("linux02"), uuid(2), RunId("run-2"), RightKind::kIncoming, 30s, kNow));
    static_cast<void>(at.table.cancel(guest("linux03"), RunId("run-3")));

    const auto again = RightTable::from_json(at.table.to_json());

    ASSERT_TRUE(again) << again.error().text();
    EXPECT_EQ(again->to_json(), at.table.to_json());
}

TEST(RightTable, json_that_is_damaged_is_refused) {
    TableOf at;
    at.acquired();
    for (const auto* field : {"guest", "uuid", "run", "kind", "state", "pid", "held", "doomed"}) {
        auto object = at.table.to_json();
        object["rights"].as_array()[0].as_object().erase(field);
        EXPECT_FALSE(RightTable::from_json(object)) << field;
    }
    EXPECT_FALSE(RightTable::from_json({}));
}

/// Two guests, and QEMUs that come, run, pause and die in any order. Beside the table it is written down what the door
/// said, and after each step what must hold for R1.
class RandomWalk {
  public:
    explicit RandomWalk(std::uint32_t seed) : random_(seed) {}

    void step() {
        const auto number = pick(2) + 1;
        const auto name = guest(std::format("guest{}", number));
        const QemuOwner owner{uuid(number), name.str(), static_cast<std::int64_t>(100 + pick(4)), pick(2) == 0};
        const RunId run(std::format("{}-{}", number, pick(runs_ / 8 + 2)));
        now_ += std::chrono::seconds(pick(3));
        switch (pick(11)) {
            case 0:
                ++runs_;
                if (table_.grant(name, owner.uuid, run, pick(3) == 0 ? RightKind::kIncoming : RightKind::kStart, 10s,
                                 now_)) {
                    EXPECT_FALSE(over_.contains(run)) << "a run that is over was granted";
                    allowed_.insert(run);
                }
                break;
            case 1:
                if (const auto admitted = table_.register_life(owner, 1, now_)) {
                    EXPECT_TRUE(allowed_.contains(*admitted)) << "let in without a right";
                    EXPECT_TRUE(used_.insert(*admitted).second) << "a right let two QEMUs in";
                }
                break;
            case 2:
                check_run(owner, table_.register_one_shot(owner));
                break;
            case 3:
            case 4:
                check_run(owner, table_.acquire(owner, std::format("/d{}", pick(2))));
                break;
            case 5:
                table_.release(owner, std::format("/d{}", pick(2)));
                break;
            case 6:
                if (table_.hand_over(name, run)) leaving_.insert(run);
                break;
            case 7:
                if (table_.keep(name, run)) leaving_.erase(run);
                break;
            case 8:
                if (table_.cancel(name, run).outcome == CancelOutcome::kCancelled) {
                    EXPECT_FALSE(executed_.contains(run)) << "cancelled although it ran";
                    over_.insert(run);
                }
                break;
            case 9:
                if (table_.find(run) != nullptr && table_.find(run)->qemu) over_.insert(run);
                if (over_.contains(run)) table_.ended(run);
                break;
            default:
                if (const auto again = RightTable::from_json(table_.to_json()); again) table_ = *again;
                break;
        }
        check_all();
    }

  private:
    unsigned pick(unsigned below) { return std::uniform_int_distribution<unsigned>(0, below - 1)(random_); }

    void check_run(const QemuOwner& owner, const Result<void>& answer) {
        if (!answer) return;
        for (const auto& entry : table_.rights()) {
            if (entry.right.uuid != owner.uuid || entry.right.state != RightState::kAcquired) continue;
            EXPECT_TRUE(entry.qemu && entry.qemu->pid == owner.pid) << "another QEMU was allowed to run";
            EXPECT_TRUE(used_.contains(entry.right.run));
            EXPECT_FALSE(over_.contains(entry.right.run)) << "runs although it was cancelled";
            executed_.insert(entry.right.run);
        }
    }

    void check_all() {
        std::set<GuestName> names;
        for (const auto& entry : table_.rights()) {
            EXPECT_TRUE(names.insert(entry.right.guest).second) << "two rights of one guest";
            EXPECT_TRUE(allowed_.contains(entry.right.run));
            EXPECT_EQ(entry.qemu.has_value(), entry.right.state != RightState::kGranted);
            if (entry.right.state == RightState::kHandedOver) {
                EXPECT_TRUE(leaving_.contains(entry.right.run));
            }
            if (entry.right.state == RightState::kAcquired) {
                EXPECT_TRUE(entry.was_acquired);
            }
            // SAFETY 22: released while it is leaving means handed over.
            if (entry.right.state == RightState::kReleased) {
                EXPECT_FALSE(leaving_.contains(entry.right.run));
            }
        }
    }

    std::mt19937 random_;
    RightTable table_;
    BootTime now_ = kNow;
    unsigned runs_ = 0;
    std::set<RunId> allowed_, used_, executed_, over_, leaving_;
};

// R1
// SAFETY 7
TEST(RightTable, end_of_the_lease_dooms_what_runs_and_keeps_it_as_lost_until_it_is_revoked) {
    auto at = TableOf().acquired();
    at.table.outlive();
    EXPECT_FALSE(at.table.acquire(kOwner, "/d1"));
    at.table.ended(kRun);
    EXPECT_EQ(at.state(), RightState::kLost);
    EXPECT_FALSE(at.table.has_qemu());
    EXPECT_FALSE(at.table.register_life(kOwner, 2, kNow)) << "R1: nothing runs by it again";
    EXPECT_FALSE(at.table.grant(kGuest, kUuid, kRun, RightKind::kStart, 30s, kNow));
    const auto again = RightTable::from_json(at.table.to_json());
    ASSERT_TRUE(again) << again.error().text();
    EXPECT_EQ(again->find(kRun)->right.state, RightState::kLost) << "over a restart of the guard too";
    at.table.expire(kNow + 1h);
    ASSERT_TRUE(at.table.revoke(kGuest, kRun, false));
    EXPECT_TRUE(at.table.empty());
}

TEST(RightTable, end_of_the_lease_voids_a_right_that_was_not_used) {
    auto at = TableOf().granted();
    at.table.outlive();
    EXPECT_TRUE(at.table.empty());
    EXPECT_EQ(kinds(at.table.take_events()), Kinds{kExpired});
    EXPECT_FALSE(at.table.grant(kGuest, kUuid, kRun, RightKind::kStart, 30s, kNow)) << "its run has ended";
}

TEST(RightTable, token_whose_qemu_was_lost_says_whether_it_had_run_SAFETY_22) {
    auto ran = TableOf().granted(RightKind::kIncoming);
    ASSERT_TRUE(ran.table.register_life(kIncomingOwner, 1, kNow));
    ASSERT_TRUE(ran.table.register_one_shot(kIncomingOwner));
    ran.table.outlive();
    ran.table.ended(kRun);
    EXPECT_EQ(ran.table.cancel(kGuest, kRun).outcome, CancelOutcome::kAcquired);

    auto waited = TableOf().granted(RightKind::kIncoming);
    ASSERT_TRUE(waited.table.register_life(kIncomingOwner, 1, kNow));
    waited.table.outlive();
    waited.table.ended(kRun);
    EXPECT_EQ(waited.table.cancel(kGuest, kRun).outcome, CancelOutcome::kCancelled);
    EXPECT_TRUE(waited.table.empty());
}

TEST(RightTable, no_sequence_of_operations_lets_a_guest_run_twice) {
    for (std::uint32_t seed = 0; seed < 200 && !HasFailure(); ++seed) {
        SCOPED_TRACE(seed);
        RandomWalk walk(seed);
        for (int step = 0; step < 500 && !HasFailure(); ++step) walk.step();
    }
}

}  // namespace
}  // namespace ssi::gate
