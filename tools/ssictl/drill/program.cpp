#include "tools/ssictl/drill/program.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <format>
#include <utility>

extern char** environ;  // NOLINT(readability-redundant-declaration)

namespace ssi::ctl {
namespace {

using Clock = std::chrono::steady_clock;

class Descriptor {
  public:
    Descriptor() = default;
    explicit Descriptor(int number) : number_(number) {}
    Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
    Descriptor& operator=(Descriptor&& other) noexcept {
        std::swap(number_, other.number_);
        return *this;
    }
    ~Descriptor() {
        if (number_ >= 0) ::close(number_);
    }
    [[nodiscard]] int get() const { return number_; }

  private:
    int number_ = -1;
};

Result<std::pair<Descriptor, Descriptor>> make_pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return system_failure("cannot make a pipe", "", errno);
    return std::pair{Descriptor(ends[0]), Descriptor(ends[1])};
}

/// Not ended: killed and reaped.
class Child {
  public:
    explicit Child(pid_t pid) : pid_(pid) {}
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;
    ~Child() {
        if (pid_ <= 0) return;
        ::kill(-pid_, SIGKILL);
        wait();
    }
    int wait() {
        int status = 0;
        while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
        }
        pid_ = 0;
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }

  private:
    pid_t pid_;
};

Result<pid_t> spawn(const std::vector<std::string>& words, int input, int output) {
    std::vector<char*> arguments;
    for (const auto& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO);
    posix_spawnattr_t attributes;
    ::posix_spawnattr_init(&attributes);
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    pid_t pid = 0;
    const int failed = ::posix_spawnp(&pid, words.front().c_str(), &actions, &attributes, arguments.data(), environ);
    ::posix_spawnattr_destroy(&attributes);
    ::posix_spawn_file_actions_destroy(&actions);
    if (failed != 0) return system_failure(std::format("cannot start {}", words.front()), words.front(), failed);
    return pid;
}

}  // namespace

Result<Finished> run_to_end(const std::vector<std::string>& words, std::chrono::milliseconds timeout,
                            const std::string& input) {
    const auto deadline = Clock::now() + timeout;
    auto to = make_pipe();
    auto from = make_pipe();
    if (!to || !from) return std::unexpected((to ? from : to).error());
    const auto pid = spawn(words, to->first.get(), from->second.get());
    if (!pid) return std::unexpected(pid.error());
    Child child(*pid);
    to->first = Descriptor();
    from->second = Descriptor();
    if (::write(to->second.get(), input.data(), input.size()) != static_cast<ssize_t>(input.size()))
        return system_failure(std::format("{} does not take its input", words.front()), words.front(), errno);
    to->second = Descriptor();
    Finished finished;
    while (true) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
        pollfd wanted{from->first.get(), POLLIN, 0};
        if (left.count() <= 0 || ::poll(&wanted, 1, static_cast<int>(left.count())) == 0)
            return failure(ErrorCode::kTimedOut, std::format("{} did not end within {}", words.front(), timeout),
                           words.front());
        std::array<char, 4096> buffer{};
        const auto size = ::read(from->first.get(), buffer.data(), buffer.size());
        if (size <= 0) break;
        finished.output.append(buffer.data(), static_cast<std::size_t>(size));
    }
    finished.status = child.wait();
    return finished;
}

}  // namespace ssi::ctl
