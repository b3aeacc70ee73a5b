#include "tests/unit/gate_processes.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <thread>

namespace ssi::gate::test {
namespace {

constexpr int kProcedureRegister = 1;
constexpr int kProcedureRestrict = 2;
constexpr int kProcedureAcquire = 6;
constexpr int kProcedureRelease = 7;

bool awaits_migration(pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/cmdline");
    return std::string(std::istreambuf_iterator<char>(file), {}).contains("-incoming");
}

std::uint32_t number_at(const Bytes& bytes, std::size_t at) {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < 4; ++i) value = value << 8U | std::to_integer<std::uint32_t>(bytes[at + i]);
    return value;
}

bool receive(int fd, std::span<std::byte> bytes) {
    return bytes.empty() || ::recv(fd, bytes.data(), bytes.size(), MSG_WAITALL) == static_cast<ssize_t>(bytes.size());
}

}  // namespace

Child Child::start(const std::vector<std::string>& arguments, const std::string& input, const std::string& output,
                   const std::map<std::string, std::string>& environment) {
    std::vector<char*> argv;
    for (const auto& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    const pid_t pid = ::fork();
    if (pid != 0) return Child(pid);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::dup2(::open(input.c_str(), O_RDONLY), STDIN_FILENO);
    if (!output.empty()) {
        ::dup2(::open(output.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), STDOUT_FILENO);
        ::dup2(STDOUT_FILENO, STDERR_FILENO);
    }
    for (const auto& [name, value] : environment) ::setenv(name.c_str(), value.c_str(), 1);
    ::execv(argv[0], argv.data());
    ::_exit(127);
}

void Child::kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    wait();
}

int Child::wait() {
    int status = 0;
    if (pid_ <= 0 || ::waitpid(pid_, &status, 0) != pid_) return -1;
    pid_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

LockConnection::LockConnection(const std::filesystem::path& door) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    door.string().copy(address.sun_path, sizeof address.sun_path - 1);
    fd_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    for (int attempt = 0; attempt < 1000; ++attempt) {
        if (::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return;
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
}

void LockConnection::keep_over_exec() {
    ::fcntl(fd_, F_SETFD, 0);
}

LockConnection::~LockConnection() {
    ::close(fd_);
}

std::string LockConnection::register_owner(const GuestUuid& uuid, const std::string& name, pid_t pid) {
    return send(encode_lock_call(RegisterCall{uuid, name, 1, static_cast<std::uint32_t>(pid), 0}, kProcedureRegister,
                                 serial_++));
}

std::string LockConnection::restrict_calls() {
    return send(encode_lock_call(RestrictCall{}, kProcedureRestrict, serial_++));
}

std::string LockConnection::acquire(const std::string& disk) {
    return send(encode_lock_call(AcquireCall{"", disk, 0}, kProcedureAcquire, serial_++));
}

std::string LockConnection::release(const std::string& disk) {
    return send(encode_lock_call(ReleaseCall{"", disk, 0}, kProcedureRelease, serial_++));
}

std::string LockConnection::send(const Bytes& message) {
    constexpr std::size_t kTextAt = kLockHeaderBytes + 16;  // after code, domain, "there is a text", length
    if (::send(fd_, message.data(), message.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(message.size()))
        return "closed";
    Bytes reply(kLockLengthBytes);
    if (!receive(fd_, reply)) return "closed";
    reply.resize(number_at(reply, 0));
    if (!receive(fd_, std::span(reply).subspan(kLockLengthBytes))) return "closed";
    if (number_at(reply, kLockHeaderBytes - 4) == 0) return {};
    const auto text = std::span(reply).subspan(kTextAt, number_at(reply, kTextAt - 4));
    return {reinterpret_cast<const char*>(text.data()), text.size()};
}

FakeQemu FakeQemu::start(const std::filesystem::path& door, const GuestUuid& uuid, const std::string& name) {
    std::array<int, 2> pipe{};
    if (::pipe2(pipe.data(), O_CLOEXEC) != 0) std::abort();
    const pid_t pid = ::fork();
    if (pid == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        ::close(pipe[0]);
        LockConnection life(door);
        auto refusal = life.register_owner(uuid, name, ::getpid());
        if (refusal.empty()) refusal = life.restrict_calls();
        if (::write(pipe[1], refusal.data(), refusal.size()) < 0) ::_exit(1);
        ::close(pipe[1]);
        if (!refusal.empty()) ::_exit(1);
        // It becomes another program, as libvirt's child becomes QEMU, and takes the connection along: cat, waiting for
        // input from a pipe that it holds open itself.
        std::array<int, 2> never{};
        if (::pipe(never.data()) != 0 || ::dup2(never[0], STDIN_FILENO) < 0) ::_exit(1);
        life.keep_over_exec();
        ::execl("/bin/cat", "qemu", "--", "-", "-incoming", nullptr);
        ::_exit(1);
    }
    ::close(pipe[1]);
    FakeQemu qemu{Child(pid), {}};
    std::array<char, 4096> buffer{};
    for (ssize_t size = 0; (size = ::read(pipe[0], buffer.data(), buffer.size())) > 0;)
        qemu.refusal.append(buffer.data(), static_cast<std::size_t>(size));
    ::close(pipe[0]);
    // libvirt, too, speaks for a QEMU only when that has answered it.
    for (int attempt = 0; qemu.refusal.empty() && attempt < 1000 && !awaits_migration(pid); ++attempt)
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    return qemu;
}

}  // namespace ssi::gate::test
