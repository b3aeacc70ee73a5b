#include "daemons/ssid/fencing/program.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <cstdlib>
#include <format>
#include <memory>
#include <optional>
#include <utility>

#include "lib/common/no_throw.hpp"

namespace ssi::cluster {
namespace {

namespace asio = boost::asio;
using Descriptor = asio::posix::stream_descriptor;

constexpr auto kDeathTime = std::chrono::seconds(1);  // a process that waits for a disk dies late, if ever

class FileDescriptor {
  public:
    explicit FileDescriptor(int number) : number_(number) {}
    FileDescriptor(const FileDescriptor&) = delete;
    FileDescriptor& operator=(const FileDescriptor&) = delete;
    ~FileDescriptor() {
        if (number_ >= 0) ::close(number_);
    }
    [[nodiscard]] int get() const { return number_; }
    [[nodiscard]] int release() { return std::exchange(number_, -1); }

  private:
    int number_;
};

/// A child that is never left behind: killed, with its group, if it is not known to have ended.
class Child {
  public:
    Child(const asio::any_io_executor& executor, pid_t pid, int pidfd) : pid_(pid), pidfd_(executor, pidfd) {}
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;
    ~Child() {
        if (status_) return;
        kill();
        reap();
    }

    /// Its group bears its pid as long as it is not reaped.
    void kill() const { ::kill(-pid_, SIGKILL); }

    /// The exit status if it has ended.
    std::optional<int> reap() {
        siginfo_t info{};
        if (!status_ && ::waitid(P_PIDFD, static_cast<id_t>(pidfd_.native_handle()), &info, WEXITED | WNOHANG) == 0 &&
            info.si_pid == pid_)
            status_ = info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
        return status_;
    }

    /// Waits until it has ended or the time is up.
    asio::awaitable<std::optional<int>> wait(std::chrono::milliseconds limit) {
        using asio::experimental::awaitable_operators::operator||;
        asio::steady_timer timer(pidfd_.get_executor(), limit);
        co_await (pidfd_.async_wait(Descriptor::wait_read, kNoThrow) || timer.async_wait(kNoThrow));
        co_return reap();
    }

  private:
    pid_t pid_;
    Descriptor pidfd_;
    std::optional<int> status_;
};

/// What the program says, as far as it is kept. The program never waits for us to take it.
class Output : public std::enable_shared_from_this<Output> {
  public:
    Output(const asio::any_io_executor& executor, int pipe) : pipe_(executor, pipe) { pipe_.non_blocking(true); }

    void follow() {
        pipe_.async_wait(Descriptor::wait_read, [self = shared_from_this()](boost::system::error_code error) {
            if (!error && self->drain()) self->follow();
        });
    }

    /// Ends the reading: whoever else holds the pipe open may go on writing into nothing.
    std::string finish() {
        drain();
        boost::system::error_code ignored;  // closing: there is nothing left to fail
        pipe_.close(ignored);
        return std::move(text_);
    }

  private:
    /// Takes what is there. False: there will be no more.
    bool drain() {
        std::array<char, 4096> buffer{};
        // Bounded, so that one who writes without end does not keep us here.
        for (int i = 0; i < 64; ++i) {
            boost::system::error_code error;
            const auto size = pipe_.read_some(asio::buffer(buffer), error);
            text_.append(buffer.data(), std::min(size, kOutputLimit - text_.size()));
            if (error) return error == asio::error::would_block || error == asio::error::try_again;
        }
        return true;
    }

    Descriptor pipe_;
    std::string text_;
};

/// A file in memory, so that no program can keep us waiting by not reading.
Result<int> input_file(const std::string& text) {
    FileDescriptor file(::memfd_create("input", MFD_CLOEXEC));
    std::size_t written = 0;
    while (file.get() >= 0 && written < text.size()) {
        const auto size = ::write(file.get(), text.data() + written, text.size() - written);
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) break;
        written += static_cast<std::size_t>(size);
    }
    if (file.get() < 0 || written < text.size() || ::lseek(file.get(), 0, SEEK_SET) < 0)
        return system_failure("cannot prepare a program's input", "memfd", errno);
    return file.release();
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> result;
    for (auto& text : texts) result.push_back(text.data());
    result.push_back(nullptr);
    return result;
}

Result<pid_t> spawn(const ProgramRequest& request, int input, int output) {
    std::vector<std::string> arguments{request.path.string()};
    arguments.insert(arguments.end(), request.arguments.begin(), request.arguments.end());
    std::vector<std::string> environment{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                                         "HOME=/root", "LC_ALL=C"};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawnattr_init(&attributes);
    sigset_t all;
    sigset_t none;
    ::sigfillset(&all);
    ::sigemptyset(&none);
    int error = ::posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    if (error == 0) error = ::posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    if (error == 0) error = ::posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO);
    if (error == 0) error = ::posix_spawnattr_setsigdefault(&attributes, &all);
    if (error == 0) error = ::posix_spawnattr_setsigmask(&attributes, &none);
    if (error == 0) error = ::posix_spawnattr_setpgroup(&attributes, 0);
    if (error == 0)
        error = ::posix_spawnattr_setflags(&attributes,
                                           POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    pid_t pid = 0;
    if (error == 0)
        error = ::posix_spawn(&pid, request.path.c_str(), &actions, &attributes, pointers(arguments).data(),
                              pointers(environment).data());
    ::posix_spawnattr_destroy(&attributes);
    ::posix_spawn_file_actions_destroy(&actions);
    if (error != 0) return system_failure("cannot start the program", request.path.string(), error);
    return pid;
}

}  // namespace

asio::awaitable<Result<ProgramOutcome>> run_program(ProgramRequest request) {
    const auto executor = co_await asio::this_coro::executor;
    const auto path = request.path.string();
    auto input = input_file(request.input);
    if (!input) co_return std::unexpected(input.error());
    const FileDescriptor input_end(*input);
    std::array<int, 2> pipe{};
    if (::pipe2(pipe.data(), O_CLOEXEC) != 0) co_return system_failure("cannot make a pipe for", path, errno);
    const auto output = std::make_shared<Output>(executor, pipe[0]);
    std::optional<FileDescriptor> output_end(pipe[1]);

    const auto pid = spawn(request, input_end.get(), output_end->get());
    output_end.reset();
    if (!pid) co_return std::unexpected(pid.error());
    const auto pidfd = static_cast<int>(::syscall(SYS_pidfd_open, *pid, 0));  // glibc 2.41 declares it as C++
    if (pidfd < 0) {
        const int error = errno;
        ::kill(-*pid, SIGKILL);
        ::waitpid(*pid, nullptr, WNOHANG);
        co_return system_failure("cannot watch the program", path, error);
    }
    Child child(executor, *pid, pidfd);
    output->follow();

    auto status = co_await child.wait(request.timeout);
    if (!status) {
        child.kill();
        co_await asio::this_coro::reset_cancellation_state();  // its end is waited for all the same
        status = co_await child.wait(kDeathTime);
        output->finish();
        co_return failure(ErrorCode::kTimedOut,
                          std::format("{} did not end within {} and was killed{}", path, request.timeout,
                                      status ? "" : ", which has not ended it either"),
                          path);
    }
    co_return ProgramOutcome{*status, output->finish()};
}

}  // namespace ssi::cluster
