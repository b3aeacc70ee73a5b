#include "lib/common/scsi/sg_io.hpp"

#include <fcntl.h>
#include <scsi/sg.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <format>
#include <system_error>
#include <utility>

#include "lib/common/text_file.hpp"

namespace ssi::scsi {
namespace {

namespace fs = std::filesystem;

std::unexpected<Error> cannot(const std::string& what, const std::string& device, std::string_view why,
                              std::string remedy = "see to the device and the path to it") {
    return failure(ErrorCode::kFenceFailed, std::format("{} {}: {}", what, device, why), device, std::move(remedy));
}

std::unexpected<Error> unfit(const std::string& volume, std::string_view why) {
    return cannot("no persistent reservations on", volume, why,
                  "name a SCSI disk, its multipath device or a partition of one, by its /dev/disk/by-id");
}

/// How the kernel's SCSI layer says that a command did not get to its end (scsi/scsi_status.h, host bytes).
std::string_view host_text(unsigned host) {
    switch (host) {
        case 0x01:
            return "no connection";
        case 0x02:
            return "the bus is busy";
        case 0x03:
            return "no answer in time";
        case 0x04:
            return "no such target";
        case 0x05:
            return "it was aborted";
        case 0x08:
            return "the bus was reset";
        case 0x0e:
        case 0x0f:
            return "the path is broken";
        default:
            return "the transport failed";
    }
}

constexpr unsigned kNexusFailure = 0x11;  // what older kernels make of a reservation conflict

class SgTransport final : public Transport {
  public:
    SgTransport(int descriptor, std::string name, std::chrono::milliseconds timeout)
        : descriptor_(descriptor), name_(std::move(name)), timeout_(timeout) {}
    ~SgTransport() override { ::close(descriptor_); }
    SgTransport(const SgTransport&) = delete;
    SgTransport& operator=(const SgTransport&) = delete;

    [[nodiscard]] const std::string& name() const override { return name_; }

    Result<Answer> execute(const Command& command) override {
        auto cdb = command.cdb;
        auto out = command.out;
        Answer answer;
        answer.in.resize(command.in);
        std::array<std::byte, 252> sense{};
        auto& data = out.empty() ? answer.in : out;
        sg_io_hdr_t header{};
        header.interface_id = 'S';
        header.dxfer_direction = SG_DXFER_FROM_DEV;
        if (!out.empty()) header.dxfer_direction = SG_DXFER_TO_DEV;
        if (data.empty()) header.dxfer_direction = SG_DXFER_NONE;
        header.cmdp = reinterpret_cast<unsigned char*>(cdb.data());
        header.cmd_len = static_cast<unsigned char>(cdb.size());
        header.dxferp = data.data();
        header.dxfer_len = static_cast<unsigned>(data.size());
        header.sbp = reinterpret_cast<unsigned char*>(sense.data());
        header.mx_sb_len = static_cast<unsigned char>(sense.size());
        header.timeout = static_cast<unsigned>(timeout_.count());
        if (::ioctl(descriptor_, SG_IO, &header) != 0) {
            const int error = errno;
            if (error == ENOTTY || error == EINVAL) return unfit(name_, "it takes no SCSI commands");
            return cannot(command.name + " to", name_, std::strerror(error));
        }
        const bool is_conflict = header.status == static_cast<unsigned char>(Status::kReservationConflict);
        if (header.host_status != 0 && !(is_conflict && header.host_status == kNexusFailure))
            return cannot(command.name + " to", name_, host_text(header.host_status));
        answer.status = Status{header.status};
        const auto missing = static_cast<std::size_t>(std::max(header.resid, 0));
        answer.in.resize(command.in - std::min(command.in, missing));
        if (answer.status != Status::kCheckCondition) return answer;
        const auto decoded = decode_sense(ByteView(sense).first(std::min<std::size_t>(header.sb_len_wr, sense.size())));
        if (!decoded) return cannot(command.name + " to", name_, "it failed and did not say why");
        answer.sense = *decoded;
        return answer;
    }

  private:
    int descriptor_;
    std::string name_;
    std::chrono::milliseconds timeout_;
};

std::string trimmed(std::string text) {
    text.erase(text.find_last_not_of(" \n") + 1);
    return text;
}

std::string content_of(const fs::path& file) {
    const auto text = read_text_file(file);
    return text ? trimmed(*text) : "";
}

/// `device`: its directory in sysfs. `depth` stops what sysfs cannot hold.
Result<std::vector<std::string>> disks_under(const fs::path& device, const std::string& volume, int depth) {
    std::error_code error;
    if (fs::exists(device / "partition", error)) return disks_under(device.parent_path(), volume, depth);
    const auto kind = content_of(device / "dm" / "uuid");
    const bool is_partition = kind.starts_with("part") && kind.contains("-mpath-");
    if (!kind.starts_with("mpath-") && !is_partition) {
        if (fs::exists(device / "dm", error))
            return unfit(volume, "it is made of other devices by the device mapper, and not a multipath device");
        const auto subsystem = fs::read_symlink(device / "device" / "subsystem", error);
        if (error || subsystem.filename() != "scsi") return unfit(volume, "it is no SCSI disk");
        return std::vector{device.filename().string()};
    }
    std::vector<std::string> disks;
    for (const auto& entry : fs::directory_iterator(device / "slaves", error)) {
        const auto slave = fs::canonical(entry.path(), error);
        if (error || depth == 0) return unfit(volume, "what lies under it cannot be found");
        auto under = disks_under(slave, volume, depth - 1);
        if (!under) return under;
        disks.insert(disks.end(), under->begin(), under->end());
    }
    std::ranges::sort(disks);
    if (disks.empty()) return unfit(volume, "it has no path");
    return disks;
}

}  // namespace

Result<std::vector<std::string>> scsi_disks_under(const fs::path& sys, const std::string& number,
                                                  const std::string& volume) {
    std::error_code error;
    const auto device = fs::canonical(sys / "dev" / "block" / number, error);
    if (error) return unfit(volume, "the kernel does not know it");
    return disks_under(device, volume, 2);
}

Result<std::vector<std::string>> LinuxPaths::of(const fs::path& volume) {
    struct stat facts{};
    if (::stat(volume.c_str(), &facts) != 0) return cannot("cannot look at", volume.string(), std::strerror(errno));
    if (!S_ISBLK(facts.st_mode)) return unfit(volume.string(), "it is no block device");
    auto disks = scsi_disks_under(
        "/sys", std::format("{}:{}", gnu_dev_major(facts.st_rdev), gnu_dev_minor(facts.st_rdev)), volume.string());
    if (disks)
        for (auto& disk : *disks) disk.insert(0, "/dev/");
    return disks;
}

Result<std::unique_ptr<Transport>> LinuxPaths::open(const std::string& path) {
    // For reading: to close a disk that was open for writing would have udev look at it anew each time.
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (descriptor < 0) return cannot("cannot open", path, std::strerror(errno));
    return std::make_unique<SgTransport>(descriptor, path, timeout_);
}

}  // namespace ssi::scsi
