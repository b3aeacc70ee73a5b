// A logical unit's reservations by one path, against a device that does as SPC-4 says.
#include <gtest/gtest.h>

#include "lib/common/scsi/reserved_unit.hpp"
#include "tests/unit/scsi_target.hpp"

namespace ssi::scsi {
namespace {

constexpr ReservationKey kNone{0};
constexpr ReservationKey kA{0xa};
constexpr ReservationKey kB{0xb};
constexpr ReservationKey kC{0xc};
constexpr auto kWear = ReservationType::kWriteExclusiveAllRegistrants;
constexpr auto kWero = ReservationType::kWriteExclusiveRegistrants;

/// Hosts "a", "b" and "c", each with one path.
class ReservedUnitTest : public ::testing::Test {
  protected:
    struct Host {
        Host(const std::string& name, test::ScsiTarget& target)
            : paths(name), transport(paths.add("/dev/lun", "sda", target).open("sda").value()), unit(*transport) {}
        test::SimulatedPaths paths;
        std::unique_ptr<Transport> transport;
        ReservedUnit unit;
    };
    void register_all() {
        EXPECT_EQ(a.unit.register_key(kNone, kA, true), Outcome::kDone);
        EXPECT_EQ(b.unit.register_key(kNone, kB, true), Outcome::kDone);
    }
    [[nodiscard]] std::vector<ReservationKey> keys() { return c.unit.keys().value().keys; }

    test::ScsiTarget target;
    Host a{"a", target};
    Host b{"b", target};
    Host c{"c", target};
};

TEST_F(ReservedUnitTest, registers_changes_and_takes_back_its_key) {
    EXPECT_EQ(a.unit.register_key(kNone, kA, false), Outcome::kDone);
    EXPECT_EQ(a.unit.register_key(kB, kC, false), Outcome::kConflict) << "it is not registered with B";
    EXPECT_EQ(a.unit.register_key(kA, kB, false), Outcome::kDone);
    EXPECT_EQ(keys(), std::vector{kB});
    EXPECT_EQ(a.unit.register_ignoring(kC, false), Outcome::kDone);
    EXPECT_EQ(a.unit.register_key(kC, kNone, false), Outcome::kDone);
    EXPECT_TRUE(keys().empty());
}

TEST_F(ReservedUnitTest, all_registrants_write_and_nobody_else_does) {
    register_all();
    EXPECT_TRUE(target.write("c/sda")) << "nobody has reserved it yet";
    EXPECT_EQ(a.unit.reserve(kA, kWear), Outcome::kDone);
    EXPECT_EQ(b.unit.reserve(kB, kWear), Outcome::kDone) << "all of them hold it";
    EXPECT_TRUE(target.write("a/sda"));
    EXPECT_TRUE(target.write("b/sda"));
    EXPECT_FALSE(target.write("c/sda"));
    EXPECT_EQ(c.unit.reserve(kC, kWear), Outcome::kConflict);
    EXPECT_EQ(c.unit.reservation().value(), (Reservation{kNone, kWear}));
}

TEST_F(ReservedUnitTest, preempted_host_writes_no_more_and_nothing_of_it_lands) {
    register_all();
    EXPECT_EQ(a.unit.reserve(kA, kWear), Outcome::kDone);
    const auto in_flight = target.begin_write("b/sda");
    ASSERT_TRUE(in_flight);
    EXPECT_EQ(a.unit.preempt_and_abort(kA, kB, kWear), Outcome::kDone);
    EXPECT_FALSE(target.land(*in_flight));
    EXPECT_FALSE(target.write("b/sda"));
    EXPECT_EQ(keys(), std::vector{kA});
    EXPECT_EQ(a.unit.preempt_and_abort(kA, kB, kWear), Outcome::kConflict) << "there is no such key any more";
    EXPECT_EQ(b.unit.register_key(kB, kB, false), Outcome::kConflict) << "what B was does not come back by itself";
}

TEST_F(ReservedUnitTest, preempt_without_abort_lets_land_what_was_sent) {
    register_all();
    const auto in_flight = target.begin_write("b/sda");
    EXPECT_EQ(a.unit.preempt(kA, kB, kWear), Outcome::kDone);
    EXPECT_TRUE(target.land(*in_flight));
}

TEST_F(ReservedUnitTest, reservation_of_one_holder_goes_to_who_preempts_it) {
    register_all();
    EXPECT_EQ(b.unit.reserve(kB, kWero), Outcome::kDone);
    EXPECT_EQ(a.unit.preempt_and_abort(kA, kB, kWero), Outcome::kDone);
    EXPECT_EQ(c.unit.reservation().value(), (Reservation{kA, kWero}));
}

TEST_F(ReservedUnitTest, release_and_clear_end_it) {
    register_all();
    EXPECT_EQ(a.unit.reserve(kA, kWear), Outcome::kDone);
    EXPECT_EQ(a.unit.release(kA, kWear), Outcome::kDone);
    EXPECT_FALSE(c.unit.reservation().value());
    EXPECT_EQ(a.unit.clear(kA), Outcome::kDone);
    EXPECT_TRUE(keys().empty());
}

TEST_F(ReservedUnitTest, unit_attentions_are_heard_and_the_command_sent_again) {
    target.attention("a/sda", 0x29, 0x00);
    target.attention("a/sda", 0x2a, 0x03);
    target.attention("a/sda", 0x3f, 0x0e);
    EXPECT_EQ(a.unit.register_key(kNone, kA, false), Outcome::kDone);
    target.busy = 2;
    EXPECT_TRUE(a.unit.keys());
}

TEST_F(ReservedUnitTest, one_that_never_ends_is_an_error_in_words) {
    for (int i = 0; i < 20; ++i) target.attention("a/sda", 0x29, 0x00);
    const auto keys = a.unit.keys();
    ASSERT_FALSE(keys);
    EXPECT_EQ(keys.error().code, ErrorCode::kFenceFailed);
    EXPECT_EQ(keys.error().what,
              "PERSISTENT RESERVE IN (read keys) to sda: unit attention, power on, reset or bus reset (29h/00h)");
}

TEST_F(ReservedUnitTest, device_without_reservations_says_what_to_do) {
    target.does_reservations = false;
    const auto registered = a.unit.register_key(kNone, kA, false);
    ASSERT_FALSE(registered);
    EXPECT_EQ(registered.error().object, "sda");
    EXPECT_NE(registered.error().what.find("command not known to it"), std::string::npos);
    EXPECT_NE(registered.error().remedy.find("turn persistent reservations on"), std::string::npos);
}

TEST_F(ReservedUnitTest, reads_more_keys_than_it_first_asked_for) {
    for (int i = 0; i < 300; ++i) {
        test::SimulatedPaths paths(std::to_string(i));
        const auto transport = paths.add("/dev/lun", "sda", target).open("sda").value();
        EXPECT_EQ(ReservedUnit(*transport).register_ignoring(kB, false), Outcome::kDone);
    }
    EXPECT_EQ(keys().size(), 300U);
}

TEST_F(ReservedUnitTest, power_loss_takes_what_was_not_to_last) {
    register_all();
    EXPECT_EQ(a.unit.reserve(kA, kWear), Outcome::kDone);
    target.cycle_power();
    EXPECT_EQ(keys().size(), 2U);
    EXPECT_FALSE(target.write("c/sda"));
    EXPECT_EQ(a.unit.register_ignoring(kA, false), Outcome::kDone);
    target.cycle_power();
    EXPECT_TRUE(keys().empty());
    EXPECT_TRUE(target.write("c/sda"));
}

}  // namespace
}  // namespace ssi::scsi
