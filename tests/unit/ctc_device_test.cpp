// The sysfs half of the ctc driver: each thing that can stand in the way is told in words, with what to do about it.
#include "daemons/isfcd/driver/ctc_device.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "tests/unit/ctc_kernel.hpp"

namespace ssi::isfc {
namespace {

const std::filesystem::path kGroup = "sys/bus/ccwgroup/devices/0.0.0600";
const std::filesystem::path kSubchannels = "sys/bus/ccw/devices";

class CtcDeviceTest : public ::testing::Test {
  protected:
    ssi::test::TemporaryDirectory directory_;
    std::shared_ptr<ssi::test::CtcKernel> kernel_ = std::make_shared<ssi::test::CtcKernel>(directory_.path());
    CtcDevice device_{kernel_, {"0.0.0600", "0.0.0601"}, {1, 65535, 65527}};

    void group_others(const std::string& ids) {
        ASSERT_EQ(kernel_->write("sys/bus/ccwgroup/drivers/ctcm/group", ids), 0);
    }
    /// What look() refuses for.
    std::string obstacle() {
        const auto state = device_.look();
        return state ? "none" : state.error().text();
    }
};

/// `error` is of this driver and says both.
::testing::AssertionResult tells(const Result<void>& result, const std::string& what, const std::string& remedy) {
    if (result) return ::testing::AssertionFailure() << "no error";
    const auto& error = result.error();
    if (error.code == ErrorCode::kDeviceRefused && error.what.contains(what) && error.remedy.contains(remedy))
        return ::testing::AssertionSuccess();
    return ::testing::AssertionFailure() << error.text();
}

::testing::AssertionResult contains(const std::string& text, const std::string& part) {
    if (text.contains(part)) return ::testing::AssertionSuccess();
    return ::testing::AssertionFailure() << "'" << part << "' is not in: " << text;
}

TEST_F(CtcDeviceTest, comes_online_step_by_step) {
    EXPECT_FALSE(device_.look()->grouped);
    ASSERT_TRUE(device_.group());
    EXPECT_FALSE(device_.look()->protocol_fits);
    ASSERT_TRUE(device_.set_protocol());
    EXPECT_TRUE(device_.look()->protocol_fits);
    EXPECT_EQ(device_.look()->interface, "");
    ASSERT_TRUE(device_.set_online(true));
    EXPECT_EQ(device_.look()->interface, "ctc0");
    EXPECT_FALSE(device_.look()->buffer_fits);
    ASSERT_TRUE(device_.set_buffer());
    EXPECT_TRUE(device_.look()->buffer_fits);
    EXPECT_EQ(kernel_->written(),
              (std::vector<std::string>{"group=0.0.0600,0.0.0601", "protocol=1", "online=1", "buffer=65535"}));
}

TEST_F(CtcDeviceTest, goes_away_in_reverse) {
    ASSERT_TRUE(device_.group());
    ASSERT_TRUE(device_.set_online(true));
    EXPECT_TRUE(tells(device_.ungroup(), "ungroup 0.0.0600", "dmesg"));
    ASSERT_TRUE(device_.set_online(false));
    ASSERT_TRUE(device_.ungroup());
    EXPECT_FALSE(device_.look()->grouped);
}

// --- what an administrator has to mend first ---

TEST_F(CtcDeviceTest, missing_module_is_named) {
    kernel_->remove("sys/bus/ccwgroup/drivers");
    EXPECT_TRUE(contains(obstacle(), "driver ctcm is not there (modprobe ctcm)"));
}

TEST_F(CtcDeviceTest, machine_without_channels_is_told_from_a_missing_module) {
    kernel_->remove("sys/bus");
    EXPECT_TRUE(contains(obstacle(), "s390x only"));
}

TEST_F(CtcDeviceTest, unknown_subchannel_is_named_and_the_ignore_list_thought_of) {
    kernel_->detach("0.0.0601");
    EXPECT_TRUE(contains(obstacle(), "there is no subchannel 0.0.0601"));
    EXPECT_TRUE(contains(obstacle(), "cio_ignore -r 0.0.0601"));
}

TEST_F(CtcDeviceTest, subchannel_without_a_path_is_told) {
    kernel_->set(kSubchannels / "0.0.0600/availability", "no path");
    EXPECT_TRUE(contains(obstacle(), "0.0.0600 cannot be used: no path"));
    EXPECT_TRUE(contains(obstacle(), "chchp -c 1"));
}

TEST_F(CtcDeviceTest, subchannel_that_another_system_holds_is_told) {
    kernel_->set(kSubchannels / "0.0.0600/availability", "boxed");
    EXPECT_TRUE(contains(obstacle(), "cannot be used: boxed"));
}

TEST_F(CtcDeviceTest, subchannel_of_another_kind_is_refused) {
    kernel_->set(kSubchannels / "0.0.0601/cutype", "3990/e9");
    EXPECT_TRUE(contains(obstacle(), "0.0.0601 is no channel-to-channel adapter but 3990/e9"));
}

TEST_F(CtcDeviceTest, subchannel_grouped_with_another_is_refused_with_the_way_to_free_it) {
    group_others("0.0.0602,0.0.0601");
    EXPECT_TRUE(contains(obstacle(), "subchannel 0.0.0601 is in use: grouped as 0.0.0602,0.0.0601"));
    EXPECT_TRUE(contains(obstacle(), "echo 1 > /sys/bus/ccwgroup/devices/0.0.0602/ungroup"));
}

TEST_F(CtcDeviceTest, group_with_the_ends_exchanged_is_refused) {
    group_others("0.0.0601,0.0.0600");
    EXPECT_TRUE(contains(obstacle(), "grouped as 0.0.0601,0.0.0600"));
}

TEST_F(CtcDeviceTest, group_of_another_driver_is_refused) {
    group_others("0.0.0600,0.0.0601");
    kernel_->remove(kGroup / "driver");
    std::filesystem::create_directory_symlink("/drivers/lcs", directory_.path() / kGroup / "driver");
    EXPECT_TRUE(contains(obstacle(), "belongs to driver lcs"));
}

TEST_F(CtcDeviceTest, group_that_fits_is_used_as_it_is) {
    group_others("0.0.0600,0.0.0601");
    EXPECT_TRUE(device_.look()->grouped);
}

// --- what the kernel refuses ---

TEST_F(CtcDeviceTest, refused_group_shows_what_the_two_are) {
    kernel_->set(kSubchannels / "0.0.0601/cutype", "3088/1e");
    kernel_->refuse("group", {EINVAL});
    EXPECT_TRUE(tells(device_.group(), "cannot group 0.0.0600,0.0.0601", "0.0.0600 is 3088/08, 0.0.0601 is 3088/1e"));
}

TEST_F(CtcDeviceTest, other_side_that_is_down_is_told_as_such) {
    ASSERT_TRUE(device_.group());
    kernel_->refuse("online", {EIO});
    EXPECT_TRUE(tells(device_.set_online(true), "cannot set 0.0.0600 online", "the other side does not answer"));
}

TEST_F(CtcDeviceTest, each_errno_of_online_has_its_remedy) {
    ASSERT_TRUE(device_.group());
    const std::map<int, std::string> remedies{{ETIME, "the other side"},   {EUSERS, "another system holds 0.0.0600"},
                                              {EINVAL, "check protocol"},  {ENODEV, "went away"},
                                              {EAGAIN, "another program"}, {EBUSY, "another program"},
                                              {EPERM, "must be root"},     {ENOMEM, "dmesg"}};
    for (const auto& [error, remedy] : remedies) {
        kernel_->refuse("online", {error});
        EXPECT_TRUE(tells(device_.set_online(true), "cannot set 0.0.0600 online", remedy)) << error;
    }
}

TEST_F(CtcDeviceTest, refused_settings_say_which) {
    ASSERT_TRUE(device_.group());
    kernel_->refuse("protocol", {EINVAL});
    EXPECT_TRUE(tells(device_.set_protocol(), "set protocol 1 of 0.0.0600", "dmesg"));
    kernel_->refuse("buffer", {ENODEV});
    EXPECT_TRUE(tells(device_.set_buffer(), "set buffer 65535 of 0.0.0600", "went away"));
}

TEST_F(CtcDeviceTest, sysfs_that_may_not_be_written_names_the_drop_in) {
    kernel_->refuse("group", {EROFS});
    EXPECT_TRUE(tells(device_.group(), "Read-only file system", "isfcd.service.d/ctc.conf"));
}

TEST_F(CtcDeviceTest, group_that_went_away_between_two_steps_is_told) {
    ASSERT_TRUE(device_.group());
    kernel_->detach("0.0.0600");
    EXPECT_TRUE(tells(device_.set_online(true), "No such file", "went away"));
}

}  // namespace
}  // namespace ssi::isfc
