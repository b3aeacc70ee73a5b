// A volume that members reserve for themselves: registered by all paths, taken from one of them, read back (SAFETY 13
// c).
#include "daemons/ssid/fencing/reserved_volume.hpp"

#include <gtest/gtest.h>

#include "daemons/ssid/fencing/reservation_report.hpp"
#include "tests/unit/scsi_target.hpp"

namespace ssi::cluster {
namespace {

using scsi::ReservationKey;
using scsi::ReservationType;
using test::ScsiTarget;
using test::SimulatedPaths;

const std::string kUuid = "6f0e2a30-1b5c-4c6e-9d0a-7d2f1c9b8e11";
const std::string kLun = "/dev/lun";

/// Hosts M1, M2, M3 with two paths each to one disk.
class ReservedVolumeTest : public ::testing::Test {
  protected:
    struct Host {
        Host(int number, ScsiTarget& target, const scsi::KeyScheme& scheme)
            : slot(*MemberSlot::from(number)), paths("M" + std::to_string(number)), volume(kLun, paths, scheme) {
            paths.add(kLun, "sda", target).add(kLun, "sdb", target);
        }
        MemberSlot slot;
        SimulatedPaths paths;
        ReservedVolume volume;
    };
    [[nodiscard]] ReservationKey key(const Host& host, std::uint64_t incarnation) const {
        return scheme.key(host.slot, Incarnation{incarnation});
    }
    [[nodiscard]] bool writes(int number) const {
        const auto host = "M" + std::to_string(number);
        return target.write(host + "/sda") || target.write(host + "/sdb");
    }
    void enroll(Host& host, std::uint64_t incarnation) {
        const auto done = host.volume.enroll(key(host, incarnation));
        ASSERT_TRUE(done) << done.error().text();
    }
    /// M1 stops `target_host`.
    Result<void> stop(const Host& target_host, bool stopped_before = false) {
        return m1.volume.stop(key(m1, 1), target_host.slot, stopped_before);
    }

    ScsiTarget target;
    scsi::KeyScheme scheme{kUuid};
    Host m1{1, target, scheme};
    Host m2{2, target, scheme};
    Host m3{3, target, scheme};
};

TEST_F(ReservedVolumeTest, every_path_is_registered_and_the_volume_reserved_for_the_registered) {
    enroll(m1, 1);
    enroll(m2, 5);
    EXPECT_EQ(target.registrations().size(), 4U);
    EXPECT_EQ(target.reserved(), ReservationType::kWriteExclusiveAllRegistrants);
    EXPECT_TRUE(writes(1) && writes(2));
    EXPECT_FALSE(writes(3));
    const auto facts = m3.volume.look();
    ASSERT_TRUE(facts);
    EXPECT_EQ(facts->keys, (std::vector{key(m1, 1), key(m2, 5)})) << "each once";
    EXPECT_TRUE(facts->is_reserved());
}

TEST_F(ReservedVolumeTest, device_that_does_not_know_WEAR_is_reserved_by_one_in_the_name_of_all) {
    for (const bool tells : {true, false}) {
        target = {};
        target.tells_types = tells;
        target.types.erase(ReservationType::kWriteExclusiveAllRegistrants);
        enroll(m1, 1);
        enroll(m2, 2);
        EXPECT_EQ(target.reserved(), ReservationType::kWriteExclusiveRegistrants);
        EXPECT_TRUE(m2.volume.look()->is_reserved());
        EXPECT_FALSE(writes(3));
    }
}

TEST_F(ReservedVolumeTest, path_that_is_broken_is_told_and_the_others_are_registered) {
    m1.paths.broken.insert("sda");
    const auto done = m1.volume.enroll(key(m1, 1));
    ASSERT_TRUE(done);
    EXPECT_EQ(done->registered, std::vector<std::string>{"sdb"});
    EXPECT_TRUE(done->broken.contains("sda"));
    m1.paths.broken.insert("sdb");
    EXPECT_FALSE(m1.volume.enroll(key(m1, 1)));
}

TEST_F(ReservedVolumeTest, new_life_takes_the_place_of_the_old_one_on_every_path) {
    enroll(m1, 1);
    m1.paths.broken.insert("sda");
    enroll(m1, 2);
    EXPECT_EQ(target.registrations().size(), 1U) << "what the old life had by the path that is broken is gone";
    EXPECT_FALSE(target.write("M1/sda"));
    EXPECT_TRUE(target.write("M1/sdb"));
}

TEST_F(ReservedVolumeTest, two_members_do_not_share_an_initiator_port) {
    enroll(m1, 1);
    ReservedVolume by_the_same_port(kLun, m1.paths, scheme);
    const auto shared = by_the_same_port.enroll(key(m2, 5));
    ASSERT_FALSE(shared) << "to the device they would be one";
    EXPECT_NE(shared.error().what.find("never this member's"), std::string::npos) << shared.error().what;
    EXPECT_EQ(m1.volume.look()->keys, std::vector{key(m1, 1)});
}

TEST_F(ReservedVolumeTest, registrations_last_through_power_loss_where_the_device_can_do_it) {
    enroll(m1, 1);
    enroll(m2, 2);
    EXPECT_TRUE(stop(m2));
    target.cycle_power();
    EXPECT_TRUE(m1.volume.look()->has(key(m1, 1)));
    EXPECT_FALSE(writes(2)) << "a member that was stopped stays so";

    target = {};
    target.keeps_through_power = false;
    enroll(m1, 1);
    target.cycle_power();
    EXPECT_TRUE(m1.volume.look()->keys.empty());
}

TEST_F(ReservedVolumeTest, stopped_member_writes_by_no_path_and_nothing_of_it_lands) {
    enroll(m1, 1);
    enroll(m2, 5);
    enroll(m3, 3);
    const auto one = target.begin_write("M2/sda");
    const auto two = target.begin_write("M2/sdb");
    const auto of_another = target.begin_write("M3/sda");
    const auto stopped = stop(m2);
    ASSERT_TRUE(stopped) << stopped.error().text();
    EXPECT_FALSE(writes(2));
    EXPECT_FALSE(target.land(*one) || target.land(*two));
    EXPECT_TRUE(target.land(*of_another));
    EXPECT_TRUE(writes(1) && writes(3));
}

TEST_F(ReservedVolumeTest, key_of_any_life_of_the_member_is_taken_away) {
    enroll(m1, 1);
    enroll(m2, 5);
    SimulatedPaths old_host("OLD");
    old_host.add(kLun, "sda", target);
    const auto transport = old_host.open("sda").value();
    ASSERT_EQ(scsi::ReservedUnit(*transport).register_ignoring(key(m2, 4), true), scsi::Outcome::kDone);
    EXPECT_TRUE(stop(m2));
    EXPECT_FALSE(target.write("OLD/sda"));
    EXPECT_FALSE(writes(2));
}

TEST_F(ReservedVolumeTest, reservation_that_the_target_held_in_the_name_of_all_is_taken_over) {
    target.types.erase(ReservationType::kWriteExclusiveAllRegistrants);
    enroll(m2, 5);
    enroll(m1, 1);
    ASSERT_TRUE(target.holder()->starts_with("M2"));
    EXPECT_TRUE(stop(m2));
    EXPECT_TRUE(target.holder()->starts_with("M1"));
    EXPECT_TRUE(m1.volume.look()->is_reserved());
    EXPECT_FALSE(writes(2));
}

TEST_F(ReservedVolumeTest, volume_that_lost_its_reservation_is_reserved_before_the_target_is_stopped) {
    enroll(m1, 1);
    enroll(m2, 5);
    SimulatedPaths other("M1");
    const auto transport = other.add(kLun, "sda", target).open("sda").value();
    ASSERT_EQ(scsi::ReservedUnit(*transport).release(key(m1, 1), ReservationType::kWriteExclusiveAllRegistrants),
              scsi::Outcome::kDone);
    EXPECT_TRUE(writes(3)) << "everybody may write";
    EXPECT_TRUE(stop(m2));
    EXPECT_FALSE(writes(2) || writes(3));
}

TEST_F(ReservedVolumeTest, who_is_not_registered_stops_nobody) {
    enroll(m2, 5);
    EXPECT_FALSE(stop(m2));
    EXPECT_TRUE(writes(2));
}

TEST_F(ReservedVolumeTest, member_of_which_no_key_is_there_is_not_known_to_be_stopped) {
    enroll(m1, 1);
    EXPECT_FALSE(stop(m2)) << "what it has sent before may be under way";
    EXPECT_TRUE(stop(m2, true)) << "it was we who stopped it";
}

TEST_F(ReservedVolumeTest, stranger_who_is_registered_or_holds_the_reservation_leaves_it_unproved) {
    enroll(m1, 1);
    enroll(m2, 5);
    SimulatedPaths strange("M2");
    const auto transport = strange.add(kLun, "sdz", target).open("sdz").value();
    ASSERT_EQ(scsi::ReservedUnit(*transport).register_ignoring(ReservationKey{0xbad}, true), scsi::Outcome::kDone);
    const auto stopped = stop(m2);
    ASSERT_FALSE(stopped);
    EXPECT_NE(stopped.error().what.find("no member's key"), std::string::npos) << stopped.error().what;
    EXPECT_TRUE(writes(2)) << "nothing was taken away from it";

    target = {};
    ASSERT_EQ(scsi::ReservedUnit(*transport).register_ignoring(ReservationKey{0xbad}, true), scsi::Outcome::kDone);
    ASSERT_EQ(scsi::ReservedUnit(*transport).reserve(ReservationKey{0xbad}, ReservationType::kWriteExclusive),
              scsi::Outcome::kDone);
    EXPECT_FALSE(m1.volume.enroll(key(m1, 1)));
}

TEST_F(ReservedVolumeTest, host_that_was_stopped_before_its_boot_may_register_to_write_and_no_other_does) {
    enroll(m1, 1);
    EXPECT_TRUE(m2.volume.enroll_to_write(key(m2, 0)));
    EXPECT_TRUE(writes(2));
    EXPECT_TRUE(stop(m2)) << "and be stopped again";
    EXPECT_FALSE(writes(2));

    enroll(m3, 4);
    EXPECT_TRUE(m3.volume.enroll_to_write(key(m3, 0)));
    EXPECT_TRUE(m3.volume.look()->has(key(m3, 4))) << "it needs none: it may write";

    target = {};
    EXPECT_TRUE(m2.volume.enroll_to_write(key(m2, 0)));
    EXPECT_TRUE(target.registrations().empty()) << "where nothing is reserved everybody writes";
}

TEST_F(ReservedVolumeTest, report_says_who_is_registered_and_what_is_missing) {
    SystemConfig config;
    config.cluster_uuid = kUuid;
    for (int number = 1; number <= 3; ++number) {
        MemberConfig member;
        member.name = *MemberName::parse("MEMBER" + std::to_string(number));
        member.slot = *MemberSlot::from(number);
        config.members.push_back(member);
    }
    enroll(m1, 1);
    enroll(m2, 5);
    const auto good = report_volume(*m1.volume.look(), config, config.members[1].name);
    EXPECT_TRUE(good.ok);
    EXPECT_EQ(
        good.says,
        "registered: MEMBER1 (incarnation 1), MEMBER2 (incarnation 5); reserved: write exclusive, all registrants "
        "(type 7); by sda");
    const auto bad = report_volume(*m1.volume.look(), config, config.members[2].name);
    EXPECT_FALSE(bad.ok);
    EXPECT_TRUE(bad.says.starts_with("MEMBER3 is not registered; registered: MEMBER1")) << bad.says;
    EXPECT_FALSE(report_volume({"sda", {}, std::nullopt}, config, config.members[0].name).ok);
}

}  // namespace
}  // namespace ssi::cluster
