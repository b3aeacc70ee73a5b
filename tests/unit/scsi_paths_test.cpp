// What lies under a volume, as sysfs tells it.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "lib/common/scsi/reservation_messages.hpp"
#include "lib/common/scsi/sg_io.hpp"
#include "tests/unit/temporary_directory.hpp"

namespace ssi::scsi {
namespace {

namespace fs = std::filesystem;
using Disks = std::vector<std::string>;

/// A /sys with the few things that are looked at.
class ScsiPathsTest : public ::testing::Test {
  protected:
    ScsiPathsTest() { fs::create_directories(sys() / "dev/block"); }
    [[nodiscard]] fs::path sys() const { return directory_.path(); }
    fs::path device(const std::string& name, const std::string& number) {
        const auto place = sys() / "devices" / name;
        fs::create_directories(place);
        fs::create_directory_symlink(place, sys() / "dev/block" / number);
        return place;
    }
    fs::path disk(const std::string& name, const std::string& number, const std::string& subsystem = "scsi") {
        const auto place = device(name, number);
        fs::create_directories(place / "device");
        fs::create_directory_symlink("/sys/bus/" + subsystem, place / "device/subsystem");
        return place;
    }
    fs::path mapped(const std::string& name, const std::string& number, const std::string& uuid,
                    const std::vector<fs::path>& slaves) {
        const auto place = device(name, number);
        fs::create_directories(place / "dm");
        std::ofstream(place / "dm/uuid") << uuid << '\n';
        fs::create_directories(place / "slaves");
        for (const auto& slave : slaves) fs::create_directory_symlink(slave, place / "slaves" / slave.filename());
        return place;
    }
    Result<Disks> under(const std::string& number) { return scsi_disks_under(sys(), number, "/dev/volume"); }

  private:
    test::TemporaryDirectory directory_;
};

TEST_F(ScsiPathsTest, disk_is_its_own_only_path) {
    disk("sda", "8:0");
    EXPECT_EQ(under("8:0"), Disks{"sda"});
}

TEST_F(ScsiPathsTest, partition_is_the_disk_that_it_is_on) {
    const auto whole = disk("sda", "8:0");
    const auto part = whole / "sda1";
    fs::create_directories(part);
    std::ofstream(part / "partition") << "1\n";
    fs::create_directory_symlink(part, sys() / "dev/block/8:1");
    EXPECT_EQ(under("8:1"), Disks{"sda"});
}

TEST_F(ScsiPathsTest, multipath_device_is_all_its_paths) {
    const auto one = disk("sdc", "8:32");
    const auto two = disk("sdb", "8:16");
    const auto map = mapped("dm-0", "253:0", "mpath-360014051234567890", {one, two});
    EXPECT_EQ(under("253:0"), (Disks{"sdb", "sdc"}));
    mapped("dm-1", "253:1", "part1-mpath-360014051234567890", {map});
    EXPECT_EQ(under("253:1"), (Disks{"sdb", "sdc"})) << "of a partition of it too";
}

TEST_F(ScsiPathsTest, what_a_reservation_does_not_follow_is_refused) {
    const auto one = disk("sda", "8:0");
    mapped("dm-0", "253:0", "LVM-abc", {one});
    EXPECT_FALSE(under("253:0"));
    disk("vda", "254:0", "virtio");
    EXPECT_FALSE(under("254:0"));
    device("loop0", "7:0");
    EXPECT_FALSE(under("7:0"));
    mapped("dm-1", "253:1", "mpath-1", {});
    EXPECT_FALSE(under("253:1")) << "all paths are gone";
    const auto nowhere = under("1:2");
    ASSERT_FALSE(nowhere);
    EXPECT_NE(nowhere.error().what.find("/dev/volume"), std::string::npos);
}

TEST_F(ScsiPathsTest, file_or_a_device_that_is_not_there_is_no_volume) {
    LinuxPaths paths(std::chrono::seconds(1));
    EXPECT_FALSE(paths.of("/nonexistent"));
    const auto file = sys() / "file";
    std::ofstream(file) << "x";
    const auto refused = paths.of(file);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::kFenceFailed);
    EXPECT_NE(refused.error().what.find("it is no block device"), std::string::npos) << refused.error().what;
}

TEST_F(ScsiPathsTest, device_that_takes_no_scsi_commands_says_so) {
    LinuxPaths paths(std::chrono::seconds(1));
    auto opened = paths.open("/dev/null");
    ASSERT_TRUE(opened);
    const auto answer = (*opened)->execute(reserve_in(ReserveIn::kReadKeys, 8));
    ASSERT_FALSE(answer);
    EXPECT_NE(answer.error().what.find("it takes no SCSI commands"), std::string::npos) << answer.error().what;
}

}  // namespace
}  // namespace ssi::scsi
