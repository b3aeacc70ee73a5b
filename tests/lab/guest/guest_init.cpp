/// The first and only process of the lab's guests: it ticks a counter to the serial console every 100 ms and answers
/// commands there. Statically linked, so that the initramfs holds this file, kernel modules and busybox for a look
/// round.
///
/// Lines out:  RUN boot | RUN tick N | RUN reply ID TEXT          RUN: random, of this boot; N counts up from 1
/// Lines in:   ID COMMAND [ARGUMENT]...                           ID: any word; comes back with the answer

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/input.h>
#include <linux/reboot.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <format>
#include <fstream>
#include <memory>
#include <mutex>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace {

constexpr std::size_t kBlockSize = 4096;
constexpr std::uint64_t kMagic = 0x5353492d4c41420aULL;

std::string run_id;

/// One line, one write: lines of the ticking and the answering thread never mix.
void print_line(const std::string& text) {
    static std::mutex mutex;
    const std::lock_guard lock(mutex);
    std::string line = run_id + " " + text + "\r\n";
    for (std::size_t done = 0; done < line.size();) {
        const ssize_t count = ::write(STDOUT_FILENO, line.data() + done, line.size() - done);
        if (count <= 0 && errno != EINTR && errno != EAGAIN) {
            return;  // no console: nobody to tell
        }
        done += count > 0 ? static_cast<std::size_t>(count) : 0;
    }
}

std::string reason(const std::string& what) {
    return std::format("error {}: {}", what, std::strerror(errno));
}

// ---- patterned blocks: each says which run of `write` made it and where it belongs -------------------------------

struct Block {
    alignas(kBlockSize) std::uint64_t words[kBlockSize / sizeof(std::uint64_t)];
};

std::uint64_t mix(std::uint64_t value) {  // splitmix64 (public domain, S. Vigna)
    value += 0x9e3779b97f4a7c15ULL;
    value = (value ^ (value >> 30U)) * 0xbf58476d1ce4e5b9ULL;
    value = (value ^ (value >> 27U)) * 0x94d049bb133111ebULL;
    return value ^ (value >> 31U);
}

void fill(Block& block, std::uint64_t number, std::uint64_t seed) {
    std::uint64_t state = mix(seed) ^ number;
    for (auto& word : block.words) {
        word = state = mix(state);
    }
    block.words[0] = kMagic;
    block.words[1] = seed;
    block.words[2] = number;
}

struct Device {
    explicit Device(const std::string& name, int flags)
        : path(name.starts_with('/') ? name : "/dev/" + name), fd(::open(path.c_str(), flags | O_DIRECT | O_CLOEXEC)) {}
    ~Device() {
        if (fd >= 0) {
            ::close(fd);
        }
    }
    Device(const Device&) = delete;
    Device& operator=(const Device&) = delete;
    std::string path;
    int fd;
};

off_t offset_of(std::uint64_t number) {
    return static_cast<off_t>(number * kBlockSize);
}

std::string write_blocks(const std::string& name, std::uint64_t blocks, std::uint64_t seed) {
    const Device device(name, O_WRONLY);
    if (device.fd < 0) {
        return reason("open " + device.path);
    }
    auto block = std::make_unique<Block>();
    for (std::uint64_t number = 0; number < blocks; ++number) {
        fill(*block, number, seed);
        if (::pwrite(device.fd, block.get(), kBlockSize, offset_of(number)) != static_cast<ssize_t>(kBlockSize)) {
            return reason(std::format("write {} block {}", device.path, number));
        }
    }
    if (::fsync(device.fd) != 0) {
        return reason("fsync " + device.path);
    }
    return std::format("wrote {}", blocks);
}

std::string read_block(const std::string& name, std::uint64_t number) {
    const Device device(name, O_RDONLY);
    if (device.fd < 0) {
        return reason("open " + device.path);
    }
    auto block = std::make_unique<Block>();
    if (::pread(device.fd, block.get(), kBlockSize, offset_of(number)) != static_cast<ssize_t>(kBlockSize)) {
        return reason(std::format("read {} block {}", device.path, number));
    }
    if (block->words[0] != kMagic) {
        const bool zero = std::ranges::all_of(block->words, [](std::uint64_t word) { return word == 0; });
        return std::format("block {} {}", number, zero ? "zero" : "foreign");
    }
    auto expected = std::make_unique<Block>();
    fill(*expected, block->words[2], block->words[1]);
    const bool whole = std::memcmp(block.get(), expected.get(), kBlockSize) == 0;
    return std::format("block {} seed {} written-as {} {}", number, block->words[1], block->words[2],
                       whole ? "whole" : "torn");
}

std::string verify_blocks(const std::string& name, std::uint64_t blocks, std::uint64_t seed) {
    const Device device(name, O_RDONLY);
    if (device.fd < 0) {
        return reason("open " + device.path);
    }
    auto block = std::make_unique<Block>();
    auto expected = std::make_unique<Block>();
    for (std::uint64_t number = 0; number < blocks; ++number) {
        if (::pread(device.fd, block.get(), kBlockSize, offset_of(number)) != static_cast<ssize_t>(kBlockSize)) {
            return reason(std::format("read {} block {}", device.path, number));
        }
        fill(*expected, number, seed);
        if (std::memcmp(block.get(), expected.get(), kBlockSize) != 0) {
            return "mismatch: " + read_block(name, number);
        }
    }
    return std::format("verified {}", blocks);
}

// ---- memory that changes: work for a live relocation -------------------------------------------------------------

std::atomic<std::uint64_t> dirty_generation{0};

std::string dirty_memory(std::uint64_t mebibytes) {
    const std::uint64_t generation = ++dirty_generation;  // ends the thread of an earlier command
    if (mebibytes > 0) {
        std::thread([mebibytes, generation] {
            std::vector<std::uint64_t> memory(mebibytes * 1024 * 1024 / sizeof(std::uint64_t));
            for (std::uint64_t round = 1; dirty_generation == generation; ++round) {
                for (std::size_t page = 0; page < memory.size() && dirty_generation == generation; page += 512) {
                    memory[page] = round;
                }
                ::usleep(10'000);
            }
        }).detach();
    }
    return std::format("dirtying {} MiB", mebibytes);
}

// ---- commands ----------------------------------------------------------------------------------------------------

[[noreturn]] void power_off() {
    ::sync();
    ::reboot(LINUX_REBOOT_CMD_POWER_OFF);
    std::abort();
}

std::optional<std::uint64_t> number_in(const std::string& text) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc{} && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

std::string answer(const std::vector<std::string>& words) {
    const auto number = [&](std::size_t index) {
        return index < words.size() ? number_in(words[index]) : std::nullopt;
    };
    const std::string& verb = words[0];
    if (verb == "ping") {
        return "pong";
    }
    if (verb == "write" && number(2) && number(3)) {
        return write_blocks(words[1], *number(2), *number(3));
    }
    if (verb == "read" && number(2)) {
        return read_block(words[1], *number(2));
    }
    if (verb == "verify" && number(2) && number(3)) {
        return verify_blocks(words[1], *number(2), *number(3));
    }
    if (verb == "dirty" && number(1)) {
        return dirty_memory(*number(1));
    }
    return "error usage: ping | write DEV BLOCKS SEED | read DEV BLOCK | verify DEV BLOCKS SEED | dirty MIB | sh "
           "COMMAND "
           "| poweroff";
}

/// Runs a shell command with busybox; its output (at most 2000 bytes) becomes the answer, newlines as " / ".
std::string run_shell(const std::string& command) {
    std::unique_ptr<FILE, int (*)(FILE*)> pipe(::popen((command + " 2>&1").c_str(), "r"), ::pclose);
    if (!pipe) {
        return reason("popen");
    }
    std::string output;
    for (int c = std::fgetc(pipe.get()); c != EOF && output.size() < 2000; c = std::fgetc(pipe.get())) {
        output += c == '\n' ? std::string(" / ") : std::string(1, static_cast<char>(c));
    }
    return "output " + output;
}

void handle_line(const std::string& line) {
    std::istringstream stream(line);
    std::string id;
    stream >> id;
    std::vector<std::string> words;
    for (std::string word; stream >> word;) {
        words.push_back(word);
    }
    if (words.empty()) {
        return;
    }
    if (words[0] == "poweroff") {
        print_line(std::format("reply {} bye", id));
        power_off();
    }
    // A thread each: a command that waits for a hung disk keeps no other from its answer.
    std::thread([id, words, line] {
        const std::string text = words[0] == "sh" ? run_shell(line.substr(line.find("sh ") + 3)) : answer(words);
        print_line(std::format("reply {} {}", id, text));
    }).detach();
}

// ---- boot --------------------------------------------------------------------------------------------------------

/// Modules in the order of their file names, which carry a number.
void load_modules() {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator("/modules")) {
        files.push_back(entry.path());
    }
    std::ranges::sort(files);
    for (const auto& file : files) {
        const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
        if (fd < 0 || ::syscall(SYS_finit_module, fd, "", 0) != 0) {
            print_line(reason("module " + file.string()));
        }
        ::close(fd);
    }
}

/// The word after `key` in the kernel's command line; empty if absent.
std::string boot_option(const std::string& key) {
    std::ifstream file("/proc/cmdline");
    for (std::string word; file >> word;) {
        if (word.starts_with(key)) {
            return word.substr(key.size());
        }
    }
    return {};
}

void bring_up(const char* interface, const std::string& address) {
    const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ifreq request{};
    std::strncpy(request.ifr_name, interface, IFNAMSIZ - 1);
    if (!address.empty()) {
        sockaddr_in in{};
        in.sin_family = AF_INET;
        ::inet_pton(AF_INET, address.c_str(), &in.sin_addr);
        std::memcpy(&request.ifr_addr, &in, sizeof in);
        if (::ioctl(fd, SIOCSIFADDR, &request) != 0) {
            print_line(reason(std::format("address of {}", interface)));
        }
        ::inet_pton(AF_INET, "255.255.0.0", &in.sin_addr);
        std::memcpy(&request.ifr_netmask, &in, sizeof in);
        ::ioctl(fd, SIOCSIFNETMASK, &request);
    }
    request.ifr_flags = IFF_UP;
    ::ioctl(fd, SIOCSIFFLAGS, &request);
    ::close(fd);
}

/// "virsh shutdown" presses the ACPI power button; the kernel turns that into a key.
void watch_power_button() {
    std::vector<pollfd> buttons;
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator("/dev/input", ignored)) {
        if (entry.path().filename().string().starts_with("event")) {
            buttons.push_back({::open(entry.path().c_str(), O_RDONLY | O_CLOEXEC), POLLIN, 0});
        }
    }
    while (!buttons.empty() && ::poll(buttons.data(), buttons.size(), -1) > 0) {
        for (const auto& button : buttons) {
            input_event event{};
            if ((button.revents & POLLIN) != 0 && ::read(button.fd, &event, sizeof event) == sizeof event &&
                event.type == EV_KEY && event.code == KEY_POWER && event.value == 1) {
                print_line("power button");
                power_off();
            }
        }
    }
}

void tick_forever() {
    const int timer = ::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    const itimerspec every{{0, 100'000'000}, {0, 100'000'000}};
    ::timerfd_settime(timer, 0, &every, nullptr);
    for (std::uint64_t count = 1;; ++count) {
        print_line(std::format("tick {}", count));
        // Expirations missed while the guest stood still are skipped: N counts lines, so a gap in N is a lost line.
        std::uint64_t expirations = 0;
        while (::read(timer, &expirations, sizeof expirations) < 0 && errno == EINTR) {
        }
    }
}

void answer_forever() {
    std::string line;
    char buffer[256];
    for (;;) {
        const ssize_t count = ::read(STDIN_FILENO, buffer, sizeof buffer);
        if (count <= 0) {
            ::usleep(100'000);  // a hung-up console comes back; there is no event for it
            continue;
        }
        for (const char c : std::string_view(buffer, static_cast<std::size_t>(count))) {
            if (c == '\n' || c == '\r') {
                handle_line(line);
                line.clear();
            } else if (line.size() < 4096) {
                line += c;
            }
        }
    }
}

}  // namespace

int main() {
    ::mkdir("/proc", 0755);
    ::mkdir("/sys", 0755);
    ::mount("proc", "/proc", "proc", 0, nullptr);
    ::mount("sysfs", "/sys", "sysfs", 0, nullptr);
    ::mount("devtmpfs", "/dev", "devtmpfs", 0, nullptr);
    const int console = ::open("/dev/ttyS0", O_RDWR | O_NOCTTY);
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
        ::dup2(console, fd);
    }
    termios mode{};
    ::tcgetattr(console, &mode);
    ::cfmakeraw(&mode);
    ::tcsetattr(console, TCSANOW, &mode);
    ::setenv("PATH", "/bin:/sbin", 1);
    ::reboot(LINUX_REBOOT_CMD_CAD_OFF);

    std::uint64_t random = 0;
    if (::getrandom(&random, sizeof random, GRND_NONBLOCK) != sizeof random) {
        random = mix(static_cast<std::uint64_t>(std::chrono::system_clock::now().time_since_epoch().count()));
    }
    run_id = std::format("{:08x}", random & 0xffffffffU);
    print_line("boot");
    load_modules();
    bring_up("lo", "127.0.0.1");
    if (const std::string address = boot_option("ssi.address="); !address.empty()) {
        bring_up("eth0", address);
    }
    std::thread(watch_power_button).detach();
    std::thread(answer_forever).detach();
    tick_forever();
}
