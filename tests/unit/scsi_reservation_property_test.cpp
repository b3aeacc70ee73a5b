// The simulated device under chance, by what SPC-4 promises of it: the tests above it rest on that.
#include <gtest/gtest.h>

#include <deque>
#include <random>
#include <string>
#include <vector>

#include "lib/common/scsi/reserved_unit.hpp"
#include "tests/unit/scsi_target.hpp"

namespace ssi::scsi {
namespace {

using test::ScsiTarget;

constexpr int kHosts = 4;
const std::vector<ReservationType> kTypes{ReservationType::kWriteExclusive, ReservationType::kWriteExclusiveRegistrants,
                                          ReservationType::kWriteExclusiveAllRegistrants};

class Chance {
  public:
    explicit Chance(unsigned seed) : random_(seed) {
        for (int i = 0; i < kHosts; ++i) {
            paths_.emplace_back(std::to_string(i)).add("/dev/lun", "sda", target);
            transports_.push_back(paths_.back().open("sda").value());
        }
    }

    void step() {
        const auto before = target.registrations();
        const auto generation = target.generation();
        const auto host = below(kHosts);
        const auto nexus = std::to_string(host) + "/sda";
        const bool was_registered = before.contains(nexus);
        ReserveOutRequest request;
        request.action = ReserveOut{static_cast<std::uint8_t>(below(7))};
        request.key = ReservationKey{static_cast<std::uint64_t>(below(4))};
        request.action_key = ReservationKey{static_cast<std::uint64_t>(below(4))};
        request.type = kTypes[static_cast<std::size_t>(below(3))];
        const auto answer = transports_[static_cast<std::size_t>(host)]->execute(reserve_out(request));
        ASSERT_TRUE(answer);
        const auto& after = target.registrations();

        if (answer->status != Status::kGood) {
            EXPECT_EQ(after, before) << "a command that was refused changes nothing";
        }
        if (answer->status == Status::kReservationConflict) {
            EXPECT_EQ(target.generation(), generation);
        }
        const bool registers =
            request.action == ReserveOut::kRegister || request.action == ReserveOut::kRegisterAndIgnoreExistingKey;
        for (const auto& [other, key] : after) {
            const auto known = before.find(other);
            const bool is_new = known == before.end() || known->second != key;
            if (is_new) {
                EXPECT_TRUE(registers && other == nexus) << "nobody is registered by another";
            }
        }
        if (answer->status == Status::kGood && !registers) {
            EXPECT_TRUE(was_registered) << "who is not registered does nothing else";
        }
        if (answer->status == Status::kGood && request.action == ReserveOut::kPreemptAndAbort &&
            request.action_key != ReservationKey{0}) {
            for (const auto& [other, key] : after) {
                EXPECT_TRUE(other == nexus || key != request.action_key) << "a preempted key is gone";
            }
        }
        check_writes();
    }

    ScsiTarget target;

  private:
    int below(int limit) { return std::uniform_int_distribution(0, limit - 1)(random_); }

    void check_writes() {
        const auto type = target.reserved();
        EXPECT_EQ(target.holder().has_value(), type && type != ReservationType::kWriteExclusiveAllRegistrants);
        if (target.holder()) {
            EXPECT_TRUE(target.registrations().contains(*target.holder())) << "a holder is registered";
        }
        if (type) {
            EXPECT_FALSE(target.registrations().empty()) << "a reservation ends with the last of its holders";
        }
        for (int i = 0; i < kHosts; ++i) {
            const auto nexus = std::to_string(i) + "/sda";
            bool may = true;
            if (type == ReservationType::kWriteExclusive) may = target.holder() == nexus;
            if (type && type != ReservationType::kWriteExclusive) may = target.registrations().contains(nexus);
            EXPECT_EQ(target.write(nexus), may);
        }
    }

    std::mt19937 random_;
    std::deque<test::SimulatedPaths> paths_;
    std::vector<std::unique_ptr<Transport>> transports_;
};

TEST(ScsiTargetProperty, keeps_what_SPC_4_promises_in_any_order_of_commands) {
    for (unsigned seed = 1; seed <= 300 && !::testing::Test::HasFailure(); ++seed) {
        SCOPED_TRACE(seed);
        Chance chance(seed);
        for (int i = 0; i < 100; ++i) chance.step();
    }
}

}  // namespace
}  // namespace ssi::scsi
