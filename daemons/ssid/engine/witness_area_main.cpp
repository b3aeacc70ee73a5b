// ssi-witness-area open|close: the witness's area of the PDR as a file system. ssi-witness.service runs it as root and
// outside of its sandbox, before and after etcd; ssid has written what to open into area.json. "run", in the sandbox,
// becomes etcd if it may begin.
#include <fcntl.h>
#include <linux/loop.h>
#include <linux/magic.h>
#include <sched.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/json/serialize.hpp>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <filesystem>
#include <format>
#include <iostream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "lib/common/durable_file.hpp"
#include "lib/common/json_message.hpp"

namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using ssi::Result;

constexpr auto kArea = "/run/ssi/witness-etcd/area.json";
constexpr auto kLoop = "/run/ssi/witness-etcd/loop";  // our loop device, as long as it may be in use
constexpr auto kPid = "/run/ssi/witness-etcd/pid";    // by it ssi-guard knows the process
constexpr unsigned kLoopMajor = 7;

/// A file descriptor that is closed at its end.
class Descriptor {
  public:
    explicit Descriptor(int number) : number_(number) {}
    Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    Descriptor& operator=(Descriptor&&) = delete;
    ~Descriptor() {
        if (number_ >= 0) ::close(number_);
    }
    [[nodiscard]] int number() const { return number_; }

  private:
    int number_;
};

Result<Descriptor> open_file(const std::string& path, int flags) {
    Descriptor file(::open(path.c_str(), flags | O_CLOEXEC));
    if (file.number() < 0) return ssi::system_failure("open " + path, path, errno);
    return file;
}

struct Area {
    std::string device;
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
    std::string mount_point;
    bool make = false;
    std::int64_t until_ms = 0;  // of CLOCK_BOOTTIME
};

Result<Area> load() {
    const auto text = ssi::read_if_exists(kArea);
    if (!text) return std::unexpected(text.error());
    const auto object = ssi::json::parse(text->value_or(""), kArea);
    if (!object) return std::unexpected(object.error());
    const auto device = ssi::json::text(*object, "device");
    const auto offset = ssi::json::unsigned_number(*object, "offset");
    const auto size = ssi::json::unsigned_number(*object, "size");
    const auto mount_point = ssi::json::text(*object, "mount_point");
    const auto make = ssi::json::boolean(*object, "make");
    if (!device) return std::unexpected(device.error());
    if (!offset) return std::unexpected(offset.error());
    if (!size) return std::unexpected(size.error());
    if (!mount_point) return std::unexpected(mount_point.error());
    if (!make) return std::unexpected(make.error());
    return Area{*device, *offset, *size, *mount_point, *make, ssi::json::number_or(*object, "until_ms", 0)};
}

/// What is to be opened from now on: the same, and not made anew.
std::string made(const Area& area) {
    return boost::json::serialize(ssi::json::Object{{"v", 1},
                                                    {"device", area.device},
                                                    {"offset", area.offset},
                                                    {"size", area.size},
                                                    {"mount_point", area.mount_point},
                                                    {"make", false},
                                                    {"until_ms", area.until_ms}}) +
           "\n";
}

/// From here on this process sees the host's mounts and makes them: systemd (257) gives even a "+" command of a unit
/// with a sandbox its own mount namespace, whose mounts end with the command.
Result<void> enter_host() {
    const auto host = open_file("/proc/1/ns/mnt", O_RDONLY);
    if (!host) return std::unexpected(host.error());
    if (::setns(host->number(), CLONE_NEWNS) != 0)
        return ssi::system_failure("join the host's mount namespace", "/proc/1/ns/mnt", errno);
    return {};
}

/// "/dev/loopN", made where nobody else makes device nodes (containers).
Result<std::string> loop_node(int number) {
    auto path = std::format("/dev/loop{}", number);
    if (::mknod(path.c_str(), S_IFBLK | 0660, makedev(kLoopMajor, static_cast<unsigned>(number))) != 0 &&
        errno != EEXIST)
        return ssi::system_failure("make " + path, path, errno);
    return path;
}

struct Loop {
    std::string path;
    Descriptor device;  ///< While it is open, or mounted, the loop device stays.
};

Result<Loop> attach(const Area& area) {
    const auto backing = open_file(area.device, O_RDWR | O_DIRECT);
    if (!backing) return std::unexpected(backing.error());
    const auto control = open_file("/dev/loop-control", O_RDWR);
    if (!control) return std::unexpected(control.error());
    loop_config config{};
    config.fd = static_cast<unsigned>(backing->number());
    config.info.lo_offset = area.offset;
    config.info.lo_sizelimit = area.size;
    config.info.lo_flags = LO_FLAGS_DIRECT_IO | LO_FLAGS_AUTOCLEAR;
    for (int attempt = 0; attempt < 64; ++attempt) {
        const int number = ::ioctl(control->number(), LOOP_CTL_GET_FREE);
        if (number < 0) return ssi::system_failure("find a free loop device", "/dev/loop-control", errno);
        auto path = loop_node(number);
        if (!path) return std::unexpected(path.error());
        auto device = open_file(*path, O_RDWR);
        if (!device) return std::unexpected(device.error());
        if (::ioctl(device->number(), LOOP_CONFIGURE, &config) == 0) return Loop{*std::move(path), *std::move(device)};
        // EBUSY: another process was faster, take the next.
        if (errno != EBUSY) return ssi::system_failure("set up " + *path, area.device, errno);
    }
    return ssi::failure(ssi::ErrorCode::kSystemFailed, "no loop device is free", "/dev/loop-control");
}

/// Runs a program to its end; fails above this exit status.
Result<void> run(std::vector<std::string> words, int highest_status) {
    std::vector<char*> arguments;
    for (auto& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    pid_t pid = 0;
    if (const int error = ::posix_spawnp(&pid, arguments[0], nullptr, nullptr, arguments.data(), environ); error != 0)
        return ssi::system_failure("start " + words[0], words[0], error);
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0)
        if (errno != EINTR) return ssi::system_failure("wait for " + words[0], words[0], errno);
    if (WIFEXITED(status) && WEXITSTATUS(status) <= highest_status) return {};
    return ssi::failure(ssi::ErrorCode::kSystemFailed, std::format("{} failed with status {}", words[0], status),
                        words.back(), "look at its messages in the journal of ssi-witness.service");
}

Result<void> make_file_system(const std::string& device) {
    // Few inodes and all of it written now: the area is to be copied quickly, and nothing writes there later but etcd.
    return run({"mke2fs", "-q", "-F", "-t", "ext4", "-m", "0", "-N", "4096", "-J", "size=16", "-E",
                "lazy_itable_init=0,lazy_journal_init=0,nodiscard", "-L", "ssi-witness", device},
               0);
}

/// Until the kernel has written all and let go of the loop device: who takes the witness over copies the area then.
Result<void> wait_released() {
    const auto path = ssi::read_if_exists(kLoop);
    if (!path) return std::unexpected(path.error());
    const auto end = std::chrono::steady_clock::now() + 5s;
    while (*path) {
        // Nobody else may have it open exclusively, as a file system has; no device: it has ended with the mount.
        const Descriptor device(::open((*path)->c_str(), O_RDONLY | O_EXCL | O_CLOEXEC));
        const int error_number = errno;
        if (device.number() >= 0 || error_number == ENXIO || error_number == ENOENT) break;
        if (std::chrono::steady_clock::now() >= end)
            return ssi::system_failure("see the end of the file system on " + **path, **path, error_number);
        std::this_thread::sleep_for(10ms);  // no event tells
    }
    std::error_code error;
    fs::remove(kLoop, error);
    if (error) return ssi::system_failure("remove the note of it", kLoop, error.value());
    return {};
}

Result<void> close_area(const Area& area) {
    while (::umount2(area.mount_point.c_str(), 0) == 0) {
    }
    // EINVAL: nothing is mounted there; ENOENT: nor is there such a directory.
    if (errno != EINVAL && errno != ENOENT)
        return ssi::system_failure("unmount " + area.mount_point, area.mount_point, errno);
    return wait_released();
}

std::int64_t boot_time_ms() {
    timespec time{};
    ::clock_gettime(CLOCK_BOOTTIME, &time);
    return std::int64_t{time.tv_sec} * 1000 + time.tv_nsec / 1'000'000;
}

std::unexpected<ssi::Error> too_late(const Area& area) {
    return ssi::failure(ssi::ErrorCode::kTimedOut, "the start took so long that the lock may be another member's",
                        area.device, "none is needed: ssid tries again");
}

Result<void> open_area(const Area& area) {
    if (auto closed = close_area(area); !closed) return closed;
    if (boot_time_ms() >= area.until_ms) return too_late(area);
    const auto loop = attach(area);
    if (!loop) return std::unexpected(loop.error());
    if (auto noted = ssi::write_durably(kLoop, loop->path); !noted) return noted;
    // -p: the journal is replayed. 1: something was mended.
    auto ready = area.make ? make_file_system(loop->path) : run({"e2fsck", "-p", loop->path}, 1);
    if (!ready) return ready;
    // Made once for each time that ssid asks for it: a later start by hand must not take away what has voted (R3).
    if (area.make)
        if (auto noted = ssi::write_durably(kArea, made(area)); !noted) return noted;
    std::error_code error;
    fs::create_directories(area.mount_point, error);
    if (error) return ssi::system_failure("make " + area.mount_point, area.mount_point, error.value());
    if (::mount(loop->path.c_str(), area.mount_point.c_str(), "ext4", MS_NOATIME | MS_NOSUID | MS_NODEV | MS_NOEXEC,
                "errors=remount-ro") != 0)
        return ssi::system_failure("mount " + loop->path, area.mount_point, errno);
    const auto data = fs::path(area.mount_point) / "etcd";
    if (!area.make && !fs::exists(data / "member" / "wal", error))
        return ssi::failure(ssi::ErrorCode::kSystemFailed, "the witness's data is gone", data.native(),
                            "the other voters go on without it; it never begins again with nothing");
    fs::create_directories(data, error);
    if (!error) fs::permissions(data, fs::perms::owner_all, error);
    if (error) return ssi::system_failure("make " + data.native(), data.native(), error.value());
    return {};
}

/// Does not return when all is well.
Result<void> become_etcd(const Area& area) {
    // Open for as long as etcd runs, so that the area stays mounted: beside it, it would vote into memory, and forget
    // (R3).
    const int mounted = ::open(area.mount_point.c_str(), O_RDONLY | O_DIRECTORY);
    struct statfs place{};
    if (mounted < 0 || ::fstatfs(mounted, &place) != 0 || place.f_type != EXT4_SUPER_MAGIC)
        return ssi::failure(ssi::ErrorCode::kSystemFailed, "the witness's area is not mounted", area.mount_point);
    // Before the look at the clock: what is late after that is killed by ssi-guard, which knows the process by then.
    if (auto noted = ssi::write_durably(kPid, std::to_string(::getpid()) + "\n"); !noted) return noted;
    if (boot_time_ms() >= area.until_ms) return too_late(area);
    ::execl("/usr/bin/etcd", "etcd", "--config-file", "etcd.json", nullptr);
    return ssi::system_failure("run /usr/bin/etcd", "/usr/bin/etcd", errno);
}

Result<void> act(const std::string& verb) {
    if (verb == "run") return load().and_then(become_etcd);
    return enter_host().and_then(load).and_then(
        [&](const Area& area) { return verb == "open" ? open_area(area) : close_area(area); });
}

}  // namespace

int main(int argc, char** argv) {
    const std::string verb = argc == 2 ? argv[1] : "";
    if (verb != "open" && verb != "close" && verb != "run") {
        std::cerr << "usage: ssi-witness-area open|close|run\n";
        return 2;
    }
    const auto done = act(verb);
    if (done) return 0;
    std::cerr << done.error().text() << '\n';
    return 1;
}
