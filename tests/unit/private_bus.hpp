#pragma once
/// A dbus-daemon of a test's own.

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

#include "tests/unit/temporary_directory.hpp"

namespace ssi::test {

/// Starts a dbus-daemon; ends it with the object. Everybody may do everything, or, with a policy file (dbus-daemon(1)),
/// what that allows beyond what a system bus allows.
class PrivateBus {
  public:
    explicit PrivateBus(const std::string& policy_file = {}) {
        std::filesystem::permissions(directory_.path(), std::filesystem::perms(0755));  // other users are to reach it
        write_configuration(policy_file);
        std::array<int, 2> pipe{};
        if (::pipe2(pipe.data(), O_CLOEXEC) != 0) throw std::runtime_error("pipe2");
        posix_spawn_file_actions_t actions{};
        ::posix_spawn_file_actions_init(&actions);
        ::posix_spawn_file_actions_adddup2(&actions, pipe[1], STDOUT_FILENO);
        const std::string log = directory_.path() / "log";
        ::posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, log.c_str(), O_WRONLY | O_CREAT, 0600);
        const std::string configuration = "--config-file=" + (directory_.path() / "configuration").string();
        std::array<char*, 6> arguments{};
        std::array<std::string, 5> texts{"dbus-daemon", configuration, "--nofork", "--nopidfile", "--print-address"};
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
    void write_configuration(const std::string& policy_file) const {
        std::ofstream out(directory_.path() / "configuration");
        out << "<busconfig><listen>unix:path=" << (directory_.path() / "bus").string()
            << "</listen><auth>EXTERNAL</auth><policy context='default'><allow user='*'/>";
        if (policy_file.empty())
            out << "<allow own='*'/><allow send_destination='*'/><allow receive_sender='*'/></policy>";
        else  // as in dbus-daemon's system.conf
            out << "<deny own='*'/><deny send_type='method_call'/><allow send_type='signal'/>"
                   "<allow send_requested_reply='true' send_type='method_return'/>"
                   "<allow send_requested_reply='true' send_type='error'/><allow receive_type='method_call'/>"
                   "<allow receive_type='method_return'/><allow receive_type='error'/><allow receive_type='signal'/>"
                   "<allow send_destination='org.freedesktop.DBus'/></policy><include>"
                << policy_file << "</include>";
        out << "</busconfig>";
    }

    TemporaryDirectory directory_;
    pid_t pid_ = 0;
    std::string address_;
};

}  // namespace ssi::test
