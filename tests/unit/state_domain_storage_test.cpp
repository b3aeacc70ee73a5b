// Where a guest may write to, and whose death may be concluded from that (SAFETY 13 c).
#include <gtest/gtest.h>

#include <format>
#include <vector>

#include "daemons/ssid/fencing/covered_guests.hpp"
#include "daemons/ssid/guests/domain_storage.hpp"
#include "tests/unit/state_builder.hpp"

namespace ssi::cluster {
namespace {

const std::vector<std::filesystem::path> kVolumes{"/dev/disk/by-id/scsi-pdr", "/dev/disk/by-id/scsi-1"};

std::string domain(const std::string& devices, const std::string& more = "") {
    return "<domain type='kvm'><name>g</name>" + more + "<devices>" + devices + "</devices></domain>";
}
std::string disk(const std::string& source, const std::string& more = "", const std::string& device = "disk") {
    return std::format("<disk type='block' device='{}'><source dev='{}'/><target dev='vda'/>{}</disk>", device, source,
                       more);
}
bool is_covered(const std::string& xml) {
    return writes_only_to(xml, kVolumes).has_value();
}

TEST(DomainStorage, disk_on_a_volume_or_on_a_partition_of_it_is_covered) {
    EXPECT_TRUE(is_covered(domain(disk("/dev/disk/by-id/scsi-1"))));
    EXPECT_TRUE(is_covered(domain(disk("/dev/disk/by-id/../by-id/scsi-1"))));
    EXPECT_TRUE(is_covered(domain(disk("/dev/disk/by-id/scsi-1-part12"))));
    EXPECT_TRUE(is_covered(domain("")));
}

TEST(DomainStorage, disk_whose_name_only_begins_like_a_volume_is_not) {
    for (const auto* source : {"/dev/disk/by-id/scsi-10", "/dev/disk/by-id/scsi-1-part", "/dev/disk/by-id/scsi-1-partx",
                               "/dev/disk/by-id/scsi-1/x", "/dev/sdb", "/dev/vg/lv", ""})
        EXPECT_FALSE(is_covered(domain(disk(source)))) << source;
}

TEST(DomainStorage, every_disk_counts_but_those_that_cannot_be_written) {
    EXPECT_FALSE(is_covered(domain(disk("/dev/disk/by-id/scsi-1") + disk("/dev/disk/by-id/scsi-2"))));
    EXPECT_TRUE(is_covered(domain(disk("/dev/disk/by-id/scsi-2", "<readonly/>"))));
    EXPECT_TRUE(is_covered(domain(disk("/dev/sr0", "", "cdrom"))));
    EXPECT_FALSE(is_covered(domain(disk("/dev/fd0", "", "floppy"))));
    EXPECT_FALSE(is_covered(domain("<disk type='file' device='disk'><source file='/srv/g.qcow2'/></disk>")));
    EXPECT_FALSE(is_covered(domain("<disk type='network' device='disk'><source protocol='rbd'/></disk>")));
}

TEST(DomainStorage, guest_that_speaks_to_the_device_itself_is_not_covered) {
    EXPECT_FALSE(is_covered(domain(disk("/dev/disk/by-id/scsi-1", "", "lun"))));
}

TEST(DomainStorage, device_that_is_not_known_is_taken_for_one_that_writes) {
    for (const auto* device : {"<hostdev mode='subsystem' type='pci'/>", "<filesystem type='mount'/>", "<tpm/>",
                               "<memory model='nvdimm'/>", "<something/>"})
        EXPECT_FALSE(is_covered(domain(device))) << device;
    EXPECT_TRUE(is_covered(domain("<!-- x --><emulator>/usr/bin/q</emulator><interface type='bridge'/><console/>")));
}

TEST(DomainStorage, what_stands_outside_of_the_devices_counts_too) {
    EXPECT_FALSE(is_covered(domain("", "<os><nvram>/var/lib/g.fd</nvram></os>")));
    EXPECT_FALSE(is_covered(domain("", "<qemu:commandline><qemu:arg value='-drive'/></qemu:commandline>")));
    EXPECT_FALSE(is_covered("<domain/>"));
    EXPECT_FALSE(is_covered("no xml"));
    EXPECT_FALSE(is_covered(""));
}

/// Guest "a" is on M1 with a definition that says nothing of its disks.
class CoveredGuests : public ::testing::Test {
  protected:
    CoveredGuests() { at.joined("M1").joined("M2").joined("M3"); }
    /// A start of a guest with this XML.
    void start(const std::string& name, const std::string& where, const std::string& xml) {
        auto definition = definition_of(name);
        definition.xml = xml;
        at.commit(decide_start(at.state(), {guest(name), at.life(where), RunId("r" + name), definition}));
        at.commit(decide_running(at.state(), guest(name), RunId("r" + name)));
    }
    [[nodiscard]] bool are_covered(const std::string& name) const {
        return guests_write_only_to(at.state(), at.life(name), kVolumes).has_value();
    }
    StateBuilder at;
    const std::string good = domain(disk("/dev/disk/by-id/scsi-1"));
    const std::string bad = domain(disk("/dev/sdb"));
};

TEST_F(CoveredGuests, one_guest_with_a_disk_elsewhere_leaves_the_whole_member_unproved) {
    EXPECT_TRUE(are_covered("M1")) << "nobody is there";
    start("a", "M1", good);
    start("b", "M2", bad);
    EXPECT_TRUE(are_covered("M1"));
    EXPECT_FALSE(are_covered("M2"));
    start("c", "M1", bad);
    const auto refused = guests_write_only_to(at.state(), at.life("M1"), kVolumes);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().object, "c");
    EXPECT_NE(refused.error().what.find("/dev/sdb"), std::string::npos) << refused.error().what;
}

TEST_F(CoveredGuests, guest_that_moves_counts_on_both_members) {
    start("a", "M1", bad);
    at.relocating("a", "M2", "r2");
    EXPECT_FALSE(are_covered("M1"));
    EXPECT_FALSE(are_covered("M2"));
    EXPECT_TRUE(are_covered("M3"));
}

TEST_F(CoveredGuests, guest_of_an_earlier_life_does_not_count) {
    start("a", "M1", bad);
    at.down("M1").joined("M1");
    EXPECT_TRUE(are_covered("M1"));
}

}  // namespace
}  // namespace ssi::cluster
