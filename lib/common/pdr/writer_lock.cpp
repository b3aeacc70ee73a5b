#include "lib/common/pdr/writer_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace ssi::pdr {

WriterLock::~WriterLock() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

WriterLock::WriterLock(WriterLock&& other) noexcept
    : path_(std::move(other.path_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      is_held_(std::exchange(other.is_held_, false)) {}

Result<void> WriterLock::take() {
    if (is_held_) return {};
    const auto name = path_.string();
    if (descriptor_ < 0) descriptor_ = ::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (descriptor_ < 0) return system_failure("open " + name, name, errno);
    if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0)
        return failure(ErrorCode::kConflict, "an earlier process of this daemon still waits for the PDR", name,
                       "it ends when the disk answers");
    is_held_ = true;
    return {};
}

}  // namespace ssi::pdr
