// A member's keys at the volumes: there while it lives, back when a device forgot them, and never back by itself when
// they were taken away (SAFETY 13 c).
#include "daemons/ssid/fencing/reservation_keeper.hpp"

#include <gtest/gtest.h>

#include "daemons/ssid/state/member_rules.hpp"
#include "daemons/ssid/state/record_keys.hpp"
#include "tests/unit/coroutines.hpp"
#include "tests/unit/memory_engine.hpp"
#include "tests/unit/scsi_target.hpp"

namespace ssi::cluster {
namespace {

using namespace std::chrono_literals;
using test::ScsiTarget;
using test::SimulatedPaths;

MemberName name_of(int number) {
    return *MemberName::parse("MEMBER" + std::to_string(number));
}

/// MEMBER1 looks on, MEMBER2 keeps its keys at the PDR and one volume. Each has a view of its own.
class ReservationKeeperTest : public ::testing::Test {
  protected:
    ReservationKeeperTest() {
        config.cluster_uuid = "6f0e2a30-1b5c-4c6e-9d0a-7d2f1c9b8e11";
        config.pdr.device = "/dev/pdr";
        for (const int number : {1, 2}) {
            MemberConfig member;
            member.name = name_of(number);
            member.slot = *MemberSlot::from(number);
            config.members.push_back(member);
        }
        fence.name = "disks";
        fence.method = FenceMethod::kReservations;
        fence.volumes = {"/dev/lun"};
        fence.timeout = 1s;
        paths->add("/dev/pdr", "sda", pdr).add("/dev/lun", "sdb", lun).add("/dev/lun", "sdc", lun);
        refresh(view);
        refresh(others);
        for (const int number : {1, 2}) {
            commit(others, [number](const ClusterState& state) { return decide_admission(state, name_of(number)); });
            commit(others, [number](const ClusterState& state) { return decide_joined(state, life(state, number)); });
            commit(others, [number](const ClusterState& state) { return decide_alive(state, life(state, number), 1); });
        }
        refresh(view);
        keeper.emplace(config, fence, name_of(2), view, paths, clock, io.get_executor());
        keeper->life_now = [this] { return own; };
        own = life(view.state(), 2);
    }
    static MemberLife life(const ClusterState& state, int number) {
        return {name_of(number), state.member(name_of(number))->incarnation};
    }
    void refresh(ClusterView& which) { ASSERT_TRUE(test::run(io, which.refresh())); }
    void commit(ClusterView& which, const Decision& decide) {
        const auto done = test::run(io, which.commit(decide));
        ASSERT_TRUE(done) << done.error().text();
    }
    Result<void> look_after() { return test::run(io, keeper->look_after()); }
    void begin_to_fence() {
        commit(others, [](const ClusterState& state) {
            return decide_fence(state, {life(state, 1), name_of(2), state.modified(alive_key(name_of(2)))});
        });
    }
    void declare_dead() {
        commit(others, [](const ClusterState& state) { return decide_dead(state, name_of(1), name_of(2), "x"); });
    }
    [[nodiscard]] const RegistrationRecord* record() {
        refresh(others);
        return others.state().registration(*own);
    }
    static void forget(ScsiTarget& target) { target = {}; }

    boost::asio::io_context io;
    BootClock clock{io.get_executor()};
    test::MemoryEngine engine;
    ClusterView view{engine, clock, io.get_executor()};
    ClusterView others{engine, clock, io.get_executor()};
    SystemConfig config;
    FenceConfig fence;
    ScsiTarget pdr;
    ScsiTarget lun;
    std::shared_ptr<SimulatedPaths> paths = std::make_shared<SimulatedPaths>("M2");
    std::optional<ReservationKeeper> keeper;
    std::optional<MemberLife> own;
};

TEST_F(ReservationKeeperTest, registers_at_every_volume_and_says_so) {
    ASSERT_TRUE(look_after());
    EXPECT_EQ(pdr.registrations().size(), 1U);
    EXPECT_EQ(lun.registrations().size(), 2U);
    ASSERT_NE(record(), nullptr);
    EXPECT_FALSE(record()->open);
    const auto commands = lun.log.size();
    ASSERT_TRUE(look_after());
    EXPECT_EQ(lun.log.size(), commands) << "where all is well it only reads";
}

TEST_F(ReservationKeeperTest, registers_again_what_a_device_forgot) {
    ASSERT_TRUE(look_after());
    forget(lun);
    ASSERT_TRUE(look_after());
    EXPECT_EQ(lun.registrations().size(), 2U);
    EXPECT_TRUE(lun.reserved());
}

TEST_F(ReservationKeeperTest, registers_at_a_path_that_has_come) {
    paths->broken.insert("sdc");
    ASSERT_TRUE(look_after());
    EXPECT_EQ(lun.registrations().size(), 1U);
    paths->broken.clear();
    ASSERT_TRUE(look_after());
    EXPECT_EQ(lun.registrations().size(), 2U);
}

TEST_F(ReservationKeeperTest, does_not_come_back_while_it_is_being_fenced_and_after_its_verdict) {
    ASSERT_TRUE(look_after());
    begin_to_fence();
    forget(lun);
    auto kept = look_after();
    ASSERT_FALSE(kept);
    EXPECT_EQ(kept.error().code, ErrorCode::kFenceOpen) << "its own mirror did not know of it";
    EXPECT_TRUE(lun.log.empty());
    declare_dead();
    refresh(view);
    kept = look_after();
    ASSERT_FALSE(kept);
    EXPECT_EQ(kept.error().code, ErrorCode::kDeclaredDead);
    EXPECT_TRUE(lun.log.empty());
}

TEST_F(ReservationKeeperTest, comes_back_when_the_intent_to_fence_it_was_withdrawn) {
    ASSERT_TRUE(look_after());
    begin_to_fence();
    forget(lun);
    commit(others, [](const ClusterState& state) { return decide_fence_void(state, name_of(1), name_of(2)); });
    ASSERT_TRUE(look_after());
    EXPECT_EQ(lun.registrations().size(), 2U);
}

TEST_F(ReservationKeeperTest, says_that_it_is_not_done_while_one_volume_cannot_be_registered_at) {
    paths->broken = {"sdb", "sdc"};
    EXPECT_FALSE(look_after());
    ASSERT_NE(record(), nullptr);
    EXPECT_TRUE(record()->open) << "nobody may conclude anything";
    paths->broken.clear();
    ASSERT_TRUE(look_after());
    EXPECT_FALSE(record()->open);
}

TEST_F(ReservationKeeperTest, before_its_first_life_a_host_registers_to_write_at_the_pdr_alone) {
    own.reset();
    ASSERT_TRUE(look_after());
    EXPECT_TRUE(pdr.registrations().empty()) << "it may not be a new boot";
    keeper->boots_anew = []() -> boost::asio::awaitable<bool> { co_return true; };
    const scsi::KeyScheme scheme(config.cluster_uuid);
    SimulatedPaths first("M1");
    first.add("/dev/pdr", "sda", pdr);
    ASSERT_TRUE(ReservedVolume("/dev/pdr", first, scheme).enroll(scheme.key(*MemberSlot::from(1), Incarnation{1})));
    ASSERT_TRUE(look_after());
    EXPECT_EQ(pdr.registrations().at("M2/sda"), scheme.key(*MemberSlot::from(2), Incarnation{0}));
    EXPECT_TRUE(lun.registrations().empty());
}

}  // namespace
}  // namespace ssi::cluster
