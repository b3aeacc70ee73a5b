#pragma once
/// A dbus-daemon of a test's own.

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <stdexcept>
#include <string>

#include "tests/unit/temporary_directory.hpp"

namespace ssi::testing {

/// Starts a dbus-daemon that lets everybody do everything; ends it with the object.
class PrivateBus {
  public:
    PrivateBus() {
        std::array<int, 2> pipe{};
        if (::pipe2(pipe.data(), O_CLOEXEC) != 0) throw std::runtime_error("pipe2");
        posix_spawn_file_actions_t actions{};
        ::posix_spawn_file_actions_init(&actions);
        ::posix_spawn_file_actions_adddup2(&actions, pipe[1], STDOUT_FILENO);
        const std::string address = "--address=unix:path=" + (directory_.path() / "bus").string();
        std::array<char*, 7> arguments{};
        std::array<std::string, 6> texts{"dbus-daemon", "--session",       "--nofork",
                                         "--nopidfile", "--print-address", address};
        for (std::size_t i = 0; i < texts.size(); ++i) arguments[i] = texts[i].data();
        const int error = ::posix_spawnp(&pid_, "dbus-daemon", &actions, nullptr, arguments.data(), environ);
        ::posix_spawn_file_actions_destroy(&actions);
        ::close(pipe[1]);
        if (error != 0) throw std::runtime_error("dbus-daemon cannot be started");
        // It prints its address when it is ready.
        std::array<char, 256> buffer{};
        const auto size = ::read(pipe[0], buffer.data(), buffer.size());
        ::close(pipe[0]);
        if (size <= 1) throw std::runtime_error("dbus-daemon did not come up");
        address_ = std::string(buffer.data(), static_cast<std::size_t>(size));
        address_.erase(address_.find_last_not_of('\n') + 1);
    }
    PrivateBus(const PrivateBus&) = delete;
    PrivateBus& operator=(const PrivateBus&) = delete;
    ~PrivateBus() { stop(); }

    void stop() {
        if (pid_ <= 0) return;
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
        pid_ = 0;
    }
    [[nodiscard]] const std::string& address() const { return address_; }

  private:
    TemporaryDirectory directory_;
    pid_t pid_ = 0;
    std::string address_;
};

}  // namespace ssi::testing
