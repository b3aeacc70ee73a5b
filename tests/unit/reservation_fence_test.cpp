// The fence step by reservations: all volumes or none, and never a conclusion from what is merely not there.
#include "daemons/ssid/fencing/reservation_fence.hpp"

#include <gtest/gtest.h>

#include "tests/unit/coroutines.hpp"
#include "tests/unit/scsi_target.hpp"

namespace ssi::cluster {
namespace {

using test::ScsiTarget;
using test::SimulatedPaths;

const MemberName kOwn = *MemberName::parse("MEMBER1");
const MemberName kOther = *MemberName::parse("MEMBER2");

/// MEMBER1 (incarnation 1) and MEMBER2 (incarnation 5), the PDR and one volume with guests.
class ReservationFenceTest : public ::testing::Test {
  protected:
    ReservationFenceTest() {
        config.cluster_uuid = "6f0e2a30-1b5c-4c6e-9d0a-7d2f1c9b8e11";
        config.pdr.device = "/dev/pdr";
        for (const auto& name : {kOwn, kOther}) {
            MemberConfig member;
            member.name = name;
            member.slot = *MemberSlot::from(static_cast<int>(config.members.size()) + 1);
            config.members.push_back(member);
        }
        fence_config.name = "disks";
        fence_config.method = FenceMethod::kReservations;
        fence_config.volumes = {"/dev/lun"};
        for (auto* host : {&*own, &*other}) host->add("/dev/pdr", "sda", pdr).add("/dev/lun", "sdb", lun);
        fence.emplace(config, fence_config, own);
        for (const auto* volume : {"/dev/pdr", "/dev/lun"}) {
            enroll(*own, volume, 1, 1);
            enroll(*other, volume, 2, 5);
        }
    }
    void enroll(SimulatedPaths& paths, const std::string& volume, int slot, std::uint64_t incarnation) {
        const scsi::KeyScheme scheme(config.cluster_uuid);
        const auto key = scheme.key(*MemberSlot::from(slot), Incarnation{incarnation});
        ASSERT_TRUE(ReservedVolume(volume, paths, scheme).enroll(key));
    }
    [[nodiscard]] WriteFence::Request request(std::int64_t registration = 7) const {
        return {{kOwn, Incarnation{1}}, {kOther, Incarnation{5}}, Revision{registration}};
    }
    Result<void> stop(std::int64_t registration = 7) { return test::run(io, fence->stop(request(registration))); }
    Result<void> may_stop() { return test::run(io, fence->may_stop(request())); }

    boost::asio::io_context io;
    SystemConfig config;
    FenceConfig fence_config;
    ScsiTarget pdr;
    ScsiTarget lun;
    std::shared_ptr<SimulatedPaths> own = std::make_shared<SimulatedPaths>("M1");
    std::shared_ptr<SimulatedPaths> other = std::make_shared<SimulatedPaths>("M2");
    std::optional<ReservationFence> fence;
};

TEST_F(ReservationFenceTest, stops_the_target_on_the_pdr_and_on_every_volume) {
    EXPECT_TRUE(may_stop());
    EXPECT_TRUE(pdr.write("M2/sda") && lun.write("M2/sdb")) << "to ask changes nothing";
    const auto stopped = stop();
    ASSERT_TRUE(stopped) << stopped.error().text();
    EXPECT_FALSE(pdr.write("M2/sda") || lun.write("M2/sdb"));
    EXPECT_TRUE(pdr.write("M1/sda") && lun.write("M1/sdb"));
}

TEST_F(ReservationFenceTest, takes_nothing_away_where_one_volume_cannot_be_stopped) {
    own->broken.insert("sdb");
    EXPECT_FALSE(may_stop());
    EXPECT_FALSE(stop());
    EXPECT_TRUE(pdr.write("M2/sda"));
}

TEST_F(ReservationFenceTest, target_that_one_volume_does_not_know_is_not_stopped_there) {
    lun = {};
    enroll(*own, "/dev/lun", 1, 1);
    const auto stopped = stop();
    ASSERT_FALSE(stopped);
    EXPECT_NE(stopped.error().what.find("/dev/lun"), std::string::npos) << stopped.error().what;
    EXPECT_TRUE(pdr.write("M2/sda"));
}

TEST_F(ReservationFenceTest, goes_on_where_it_ended_but_not_when_the_target_has_registered_since) {
    EXPECT_TRUE(stop());
    EXPECT_TRUE(stop()) << "it was this object that took the keys away";
    EXPECT_FALSE(stop(8)) << "the target has registered anew since: who took it away now is not known";
}

TEST_F(ReservationFenceTest, what_another_member_took_away_proves_nothing_to_this_one) {
    EXPECT_TRUE(stop());
    ReservationFence elsewhere(config, fence_config, own);
    EXPECT_FALSE(test::run(io, elsewhere.stop(request())));
}

TEST_F(ReservationFenceTest, two_volumes_on_one_disk_are_stopped_once) {
    fence_config.volumes = {"/dev/lun", "/dev/lun-part1"};
    own->add("/dev/lun-part1", "sdb", lun);
    fence.emplace(config, fence_config, own);
    const auto stopped = stop();
    EXPECT_TRUE(stopped) << stopped.error().text();
}

TEST_F(ReservationFenceTest, volumes_are_the_pdr_and_those_that_are_named_each_once) {
    fence_config.volumes = {"/dev/lun", "/dev/pdr"};
    EXPECT_EQ(reserved_volumes(config, fence_config), (std::vector<std::filesystem::path>{"/dev/pdr", "/dev/lun"}));
}

}  // namespace
}  // namespace ssi::cluster
