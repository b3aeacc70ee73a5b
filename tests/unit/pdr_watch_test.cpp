// What this member concludes from the slots on the PDR (SAFETY 5, 13 b).
#include "daemons/ssid/membership/pdr_watch.hpp"

#include <gtest/gtest.h>

namespace ssi::cluster {
namespace {

using namespace std::chrono_literals;

const MemberName kOther = MemberName::parse("M2").value();
const MemberLife kLife{kOther, Incarnation{4}};

/// Looks once a beat; M2's slot says what `slot` says.
struct Looking {
    PdrWatch watch{3s, 500ms};
    BootTime now{100s};
    SlotSign slot{kOther, Incarnation{4}, 1, 5s, 5s, pdr::WatchdogKind::kHardware, true, false};

    std::uint64_t volume = 1;
    bool is_absent = false;  ///< M2 has not written to that volume.

    void pass_for(std::chrono::milliseconds time, bool moves, bool fresh = true) {
        for (const auto end = now + time; now < end; now += 500ms) {
            if (moves) ++slot.counter;
            PdrPass pass;
            pass.fresh = fresh;
            pass.volume = volume;
            if (!is_absent) pass.slots = {slot};
            watch.look(pass, now);
        }
    }
    [[nodiscard]] bool is_dead() const { return watch.is_dead_by_time(kLife, now).has_value(); }
};

TEST(PdrWatch, slot_that_stands_still_for_T_dead_under_an_armed_hardware_watchdog_is_a_dead_members) {
    Looking at;
    at.pass_for(5s, true);
    at.pass_for(11s, false);
    EXPECT_FALSE(at.is_dead()) << "T_dead is 5 + 5 + 2 s";
    at.pass_for(2s, false);
    EXPECT_TRUE(at.is_dead());
    at.pass_for(500ms, true);
    EXPECT_FALSE(at.is_dead()) << "it moves";
}

TEST(PdrWatch, what_was_seen_on_one_volume_proves_nothing_on_another_R4) {
    Looking at;
    at.pass_for(5s, true);
    at.pass_for(11s, false);
    at.volume = 2;
    at.is_absent = true;
    at.pass_for(60s, false);
    EXPECT_FALSE(at.is_dead()) << "it may write to the other one, and holds a lease by that";
    EXPECT_EQ(at.watch.slot(kOther), nullptr);
    EXPECT_TRUE(at.watch.stands_still(kOther, at.now, 3s)) << "a fence agent may still be asked";
    at.is_absent = false;
    at.pass_for(11s, false);
    EXPECT_FALSE(at.is_dead());
    at.pass_for(2s, false);
    EXPECT_TRUE(at.is_dead());
}

TEST(PdrWatch, time_proves_nothing_without_lease_armed_hardware_watchdog_and_the_same_life) {
    const auto dead_with = [](auto change) {
        Looking at;
        change(at.slot);
        at.pass_for(5s, true);
        at.pass_for(60s, false);
        return at.is_dead();
    };
    EXPECT_TRUE(dead_with([](SlotSign&) {}));
    EXPECT_FALSE(dead_with([](SlotSign& slot) { slot.armed = false; }));
    EXPECT_FALSE(dead_with([](SlotSign& slot) { slot.watchdog_kind = pdr::WatchdogKind::kSoft; }));
    EXPECT_FALSE(dead_with([](SlotSign& slot) { slot.watchdog_kind = pdr::WatchdogKind::kNone; }));
    EXPECT_FALSE(dead_with([](SlotSign& slot) { slot.lease = 0ms; }));
    EXPECT_FALSE(dead_with([](SlotSign& slot) { slot.lone = true; })) << "SAFETY 3";
    EXPECT_FALSE(dead_with([](SlotSign& slot) { slot.incarnation = Incarnation{3}; }));
}

TEST(PdrWatch, lease_of_a_life_is_over_when_its_slot_stood_still_for_it_whatever_watchdog_it_has_SAFETY_13c) {
    Looking at;
    at.slot.armed = false;
    at.slot.watchdog_kind = pdr::WatchdogKind::kNone;
    const auto is_over = [&] { return at.watch.is_lease_over(kLife, at.now).has_value(); };
    at.pass_for(5s, true);
    at.pass_for(6s, false);
    EXPECT_FALSE(is_over()) << "T_lease, a second for the kill, a second for the clocks";
    at.pass_for(2s, false);
    EXPECT_TRUE(is_over());
    EXPECT_FALSE(at.is_dead());
    at.slot.incarnation = Incarnation{5};
    at.pass_for(500ms, false);
    EXPECT_FALSE(is_over()) << "the lease is another life's";
    for (const auto change : {+[](SlotSign& slot) { slot.lease = 0ms; }, +[](SlotSign& slot) { slot.lone = true; }}) {
        Looking without;
        change(without.slot);
        without.pass_for(5s, true);
        without.pass_for(60s, false);
        EXPECT_FALSE(without.watch.is_lease_over(kLife, without.now));
    }
}

TEST(PdrWatch, passes_that_are_not_fresh_and_time_without_passes_prove_nothing_R4) {
    Looking stale;
    stale.pass_for(5s, true);
    stale.pass_for(60s, false, false);
    EXPECT_FALSE(stale.is_dead());

    Looking asleep;
    asleep.pass_for(5s, true);
    asleep.now += 60s;
    asleep.pass_for(1s, false);
    EXPECT_FALSE(asleep.is_dead()) << "we did not look";
}

TEST(PdrWatch, pass_that_is_heard_of_late_is_as_old_as_its_reading_R4) {
    Looking at;
    at.pass_for(5s, true);
    at.pass_for(13s, false);
    const auto stands_still = [&] { return at.watch.stands_still(kOther, at.now, 3s); };
    EXPECT_TRUE(at.is_dead() && stands_still());
    PdrPass pass;
    pass.fresh = true;
    pass.slots = {at.slot};
    pass.volume = at.volume;
    pass.read = at.now;
    at.now += 3s;  // we stood still; the other one may have gone on
    at.watch.look(pass, at.now);
    EXPECT_FALSE(at.is_dead() || stands_still() || at.watch.is_readable(at.now));
    pass.read = at.now;
    at.watch.look(pass, at.now);
    EXPECT_TRUE(at.is_dead() && stands_still());
}

TEST(PdrWatch, member_that_never_wrote_is_not_dead_by_time) {
    Looking at;
    at.pass_for(60s, false);
    EXPECT_FALSE(at.watch.is_dead_by_time({MemberName::parse("M3").value(), Incarnation{1}}, at.now));
}

}  // namespace
}  // namespace ssi::cluster
