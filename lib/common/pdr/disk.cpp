#include "lib/common/pdr/disk.hpp"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <format>
#include <utility>

namespace ssi::pdr {
namespace {

std::unexpected<Error> unusable(const std::string& name, std::string_view what, std::string remedy) {
    return failure(ErrorCode::kPdrUnreadable, std::format("cannot use {} as PDR: {}", name, what), name,
                   std::move(remedy));
}

Result<std::uint64_t> size_of(int descriptor, const std::string& name) {
    struct stat facts{};
    if (::fstat(descriptor, &facts) != 0) return unusable(name, std::strerror(errno), "check the path");
    if (S_ISREG(facts.st_mode)) return static_cast<std::uint64_t>(facts.st_size);
    std::uint64_t size = 0;
    if (!S_ISBLK(facts.st_mode) || ::ioctl(descriptor, BLKGETSIZE64, &size) != 0)
        return unusable(name, "it is neither a block device nor a file", "name a shared disk, by its /dev/disk/by-id");
    return size;
}

/// `transfer(done)` moves what is left after `done` bytes. 0: nothing more moves.
template <class Transfer>
Result<void> all_of(std::size_t size, ErrorCode code, std::string_view verb, const std::string& name,
                    Transfer transfer) {
    for (std::size_t done = 0; done < size;) {
        const auto count = transfer(done);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0)
            return failure(
                code, std::format("cannot {} {}: {}", verb, name, count < 0 ? std::strerror(errno) : "it ends there"),
                name, "check the disk and the paths to it");
        done += static_cast<std::size_t>(count);
    }
    return {};
}

}  // namespace

Result<std::unique_ptr<DirectDisk>> DirectDisk::open(const std::filesystem::path& path, DiskAccess access) {
    const auto name = path.string();
    const int how = access == DiskAccess::kRead ? O_RDONLY : O_RDWR;
    const int descriptor = ::open(path.c_str(), how | O_DIRECT | O_DSYNC | O_CLOEXEC);
    if (descriptor < 0 && errno == EINVAL)
        return unusable(name, "its file system has no direct I/O", "use a block device, or a file on ext4 or XFS");
    if (descriptor < 0) return unusable(name, std::strerror(errno), "check [pdr] device in system.toml");
    const auto size = size_of(descriptor, name);
    if (!size) {
        ::close(descriptor);
        return std::unexpected(size.error());
    }
    return std::unique_ptr<DirectDisk>(new DirectDisk(descriptor, *size, name));
}

DirectDisk::~DirectDisk() {
    ::close(descriptor_);
}

Result<void> DirectDisk::read(std::uint64_t offset, std::span<Block> into) {
    return all_of(into.size_bytes(), ErrorCode::kPdrUnreadable, "read", name_, [&](std::size_t done) {
        return ::pread(descriptor_, into[0].bytes.data() + done, into.size_bytes() - done,
                       static_cast<off_t>(offset + done));
    });
}

Result<void> DirectDisk::write(std::uint64_t offset, std::span<const Block> blocks) {
    return all_of(blocks.size_bytes(), ErrorCode::kPdrUnwritable, "write", name_, [&](std::size_t done) {
        return ::pwrite(descriptor_, blocks[0].bytes.data() + done, blocks.size_bytes() - done,
                        static_cast<off_t>(offset + done));
    });
}

}  // namespace ssi::pdr
