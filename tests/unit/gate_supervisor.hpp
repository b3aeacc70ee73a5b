#pragma once
/// The supervisor of a host, as its guard's watchdog knows it (gate/watchdog.hpp).

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <string>

namespace ssi::gate::test {

/// Takes one connection at a time, and answers when it is told to. Blocks, but for no longer than ten seconds.
class Supervisor {
  public:
    explicit Supervisor(const std::filesystem::path& path) : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path.native().copy(address.sun_path, sizeof address.sun_path - 1);
        EXPECT_EQ(::bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
        EXPECT_EQ(::listen(fd_, 1), 0);
        limit(fd_);
    }
    ~Supervisor() {
        hang_up();
        ::close(fd_);
    }
    Supervisor(const Supervisor&) = delete;
    Supervisor& operator=(const Supervisor&) = delete;

    void take_connection() {
        hang_up();
        connection_ = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
        limit(connection_);
    }
    /// The next line; empty when the guard is gone.
    std::string hear() {
        std::string heard;
        for (char c = 0; !heard.ends_with('\n') && ::read(connection_, &c, 1) == 1;) heard += c;
        return heard;
    }
    /// A guard that has ended meanwhile, having asked, is no fault.
    void say_yes() { static_cast<void>(::send(connection_, "ok\n", 3, MSG_NOSIGNAL)); }
    /// Reads a line and answers it; returns it.
    std::string answer() {
        auto heard = hear();
        say_yes();
        return heard;
    }
    void hang_up() {
        if (connection_ >= 0) ::close(connection_);
        connection_ = -1;
    }

  private:
    static void limit(int descriptor) {
        const timeval time{10, 0};
        EXPECT_EQ(::setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time), 0);
    }

    int fd_;
    int connection_ = -1;
};

}  // namespace ssi::gate::test
