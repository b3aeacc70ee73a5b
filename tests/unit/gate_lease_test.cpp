// The lease of a member, its memory over a restart, and a supervisor's watchdog (SAFETY 5-8, 11).
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <string>
#include <thread>

#include "daemons/ssid/gate/lease.hpp"
#include "daemons/ssid/gate/lease_file.hpp"
#include "daemons/ssid/gate/watchdog.hpp"
#include "tests/unit/temporary_directory.hpp"

namespace ssi::gate {
namespace {

using namespace std::chrono_literals;

constexpr BootTime kNow{1000s};

Lease held() {
    Lease lease(5s);
    lease.renew(kNow, kNow);
    return lease;
}

TEST(Lease, counts_from_before_the_submission_SAFETY_5) {
    Lease lease(5s);
    lease.renew(kNow, kNow + 3s);
    EXPECT_EQ(lease.deadline(), kNow + 5s);
    lease.renew(kNow - 2s, kNow + 3s);
    EXPECT_EQ(lease.deadline(), kNow + 5s) << "an older sign takes nothing away";
}

TEST(Lease, is_not_held_before_the_first_sign_nor_by_one_of_the_future_or_too_old) {
    Lease lease(5s);
    EXPECT_FALSE(lease.admits(kNow));
    lease.renew(kNow + 1s, kNow);
    EXPECT_FALSE(lease.deadline());
    lease.renew(kNow - 5s, kNow);
    EXPECT_FALSE(lease.deadline());
}

TEST(Lease, door_says_nothing_in_the_last_half_second_SAFETY_8) {
    const auto lease = held();
    EXPECT_TRUE(lease.admits(kNow + 4499ms));
    EXPECT_FALSE(lease.admits(kNow + 4500ms));
}

TEST(Lease, is_not_renewed_once_its_time_is_over_noticed_or_not_SAFETY_6) {
    auto lease = held();
    lease.renew(kNow + 5s, kNow + 5s);
    EXPECT_EQ(lease.deadline(), kNow + 5s) << "nobody has noticed yet";
    EXPECT_TRUE(lease.expire(kNow + 6s));
    EXPECT_FALSE(lease.expire(kNow + 6s)) << "once";
    lease.renew(kNow + 7s, kNow + 7s);
    EXPECT_FALSE(lease.admits(kNow + 7s));
    EXPECT_TRUE(lease.is_expired());
}

TEST(Lease, after_every_writer_is_gone_it_is_held_anew_in_another_generation) {
    auto lease = held();
    const auto generation = lease.generation();
    ASSERT_TRUE(lease.expire(kNow + 5s));
    lease.clear();
    lease.renew(kNow + 8s, kNow + 8s);
    EXPECT_TRUE(lease.admits(kNow + 8s));
    EXPECT_EQ(lease.generation(), generation + 1);
}

TEST(Lease, watchdog_is_fed_one_second_beyond_its_end_counted_from_the_end_SAFETY_7) {
    auto lease = held();
    EXPECT_TRUE(lease.may_feed(kNow + 5999ms));
    EXPECT_FALSE(lease.may_feed(kNow + 6s)) << "not even when nobody has noticed the end";
    ASSERT_TRUE(lease.expire(kNow + 5900ms));
    EXPECT_TRUE(lease.may_feed(kNow + 5999ms));
    EXPECT_FALSE(lease.may_feed(kNow + 6s));
    lease.clear();
    EXPECT_TRUE(lease.may_feed(kNow + 60s)) << "nothing runs that should not";
    EXPECT_TRUE(Lease(5s).may_feed(kNow)) << "nor before the first sign";
}

TEST(LeaseFile, gives_back_what_was_kept_and_refuses_what_it_cannot_read) {
    const ssi::testing::TemporaryDirectory directory;
    const auto path = directory.path() / "lease.json";
    const LeaseFile file(path);
    EXPECT_EQ(file.load().value(), std::nullopt);
    for (const auto& memory : {Lease::Memory{3, kNow, std::nullopt}, Lease::Memory{4, std::nullopt, kNow + 1ms}}) {
        ASSERT_TRUE(file.save(memory));
        EXPECT_EQ(file.load().value(), memory);
    }
    std::ofstream(path) << R"({"v":1,"generation":3)";
    EXPECT_FALSE(file.load());
}

/// Answers on a socket as the supervisor of a host does; its thread ends with the connection.
class Supervisor {
  public:
    explicit Supervisor(const std::filesystem::path& path) : fd_(::socket(AF_UNIX, SOCK_STREAM, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path.native().copy(address.sun_path, sizeof address.sun_path - 1);
        EXPECT_EQ(::bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
        EXPECT_EQ(::listen(fd_, 4), 0);
    }
    ~Supervisor() { ::close(fd_); }
    /// Takes one connection, answers `lines` lines, closes it; returns what it was sent.
    std::string serve(int lines) {
        std::string heard;
        const int connection = ::accept(fd_, nullptr, nullptr);
        ++connections;
        for (char c = 0; lines > 0 && ::read(connection, &c, 1) == 1;) {
            heard += c;
            if (c != '\n') continue;
            // A client that has fed more than the socket holds has closed it, and arms anew.
            static_cast<void>(::send(connection, "ok\n", 3, MSG_NOSIGNAL));
            --lines;
        }
        ::close(connection);
        return heard;
    }

    std::atomic<int> connections = 0;

  private:
    int fd_;
};

TEST(SupervisorWatchdog, is_armed_fed_and_disarmed_in_words_and_armed_again_by_a_supervisor_that_was_restarted) {
    const ssi::testing::TemporaryDirectory directory;
    const auto path = directory.path() / "watchdog";
    Supervisor supervisor(path);
    std::string first, second;
    std::thread serving([&] {
        first = supervisor.serve(2);
        second = supervisor.serve(2);
    });
    auto watchdog = arm_watchdog(path, WatchdogConfig::kHardware, 2500ms, std::nullopt);
    ASSERT_TRUE(watchdog) << watchdog.error().text();
    EXPECT_EQ((*watchdog)->timeout(), 2500ms);
    // The first connection ends with its second line: one of the next feeds finds that out and arms anew.
    while (supervisor.connections < 2) EXPECT_TRUE((*watchdog)->feed());
    EXPECT_TRUE((*watchdog)->disarm());
    serving.join();
    EXPECT_EQ(first, "arm 2.5\nfeed\n");
    EXPECT_EQ(second, "arm 2.5\ndisarm\n");
}

TEST(Watchdog, that_is_not_there_is_refused_by_name) {
    const auto refused = arm_watchdog("/nonexistent/watchdog", WatchdogConfig::kHardware, 5s, std::nullopt);
    ASSERT_FALSE(refused);
    EXPECT_TRUE(refused.error().what.contains("/nonexistent/watchdog"));
}

}  // namespace
}  // namespace ssi::gate
