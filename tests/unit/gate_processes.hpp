#pragma once
/// Real processes for the gate's tests: programs under test, a stand-in for QEMU, and libvirt's side of the lock door.

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "daemons/ssid/gate/lock_rpc.hpp"
#include "lib/common/names.hpp"
#include "tests/unit/temporary_directory.hpp"

namespace ssi::gate::test {

inline const GuestName kGuest = GuestName::parse("linux01").value();
inline const GuestUuid kUuid = GuestUuid::parse("11111111-2222-4333-8444-555555555501").value();
inline const RunId kRun{"run-1"};

using ssi::test::TemporaryDirectory;

/// A child process; killed and waited for with the object.
class Child {
  public:
    Child() = default;
    explicit Child(pid_t pid) : pid_(pid) {}
    Child(Child&& other) noexcept : pid_(other.pid_) { other.pid_ = 0; }
    Child& operator=(Child&& other) noexcept {
        std::swap(pid_, other.pid_);
        return *this;
    }
    ~Child() { kill(); }

    /// Starts a program; its standard output and error go to `output` when that is not empty.
    [[nodiscard]] static Child start(const std::vector<std::string>& arguments, const std::string& input = "/dev/null",
                                     const std::string& output = {},
                                     const std::map<std::string, std::string>& environment = {});
    [[nodiscard]] pid_t pid() const { return pid_; }
    /// SIGKILL, and waits.
    void kill();
    /// Waits for its own end; its exit status, or -1.
    int wait();

  private:
    pid_t pid_ = 0;
};

/// One connection at the lock door, blocking, with libvirt's calls.
class LockConnection {
  public:
    /// Tries again for a while: the door may be about to open.
    explicit LockConnection(const std::filesystem::path& door);
    ~LockConnection();
    LockConnection(const LockConnection&) = delete;
    LockConnection& operator=(const LockConnection&) = delete;

    /// Empty when allowed, else the text that virsh would show; "closed" when the door closed the connection.
    std::string register_owner(const GuestUuid& uuid, const std::string& name, pid_t pid);
    std::string restrict_calls();
    std::string acquire(const std::string& disk);
    std::string release(const std::string& disk);
    std::string send(const Bytes& message);
    void keep_over_exec();

  private:
    int fd_ = -1;
    std::uint32_t serial_ = 0;
};

/// A process that registers itself at the door as libvirt's child does, becomes another program with the option
/// "-incoming", and lives on.
struct FakeQemu {
    Child process;
    std::string refusal;  ///< Empty when it was let in.

    [[nodiscard]] static FakeQemu start(const std::filesystem::path& door, const GuestUuid& uuid,
                                        const std::string& name);
};

}  // namespace ssi::gate::test
