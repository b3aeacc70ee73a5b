#pragma once
/// Held by the one process of this host that writes certain blocks of the PDR.

#include <filesystem>

#include "lib/common/error.hpp"

namespace ssi::pdr {

/// The kernel lets go of it when the last thread of its holder has ended: no write of an earlier process, which hangs
/// in the disk's queue, can then come after one of ours. Moves; used by one thread at a time.
class WriterLock {
  public:
    /// `path`: a local file, made if it is not there.
    explicit WriterLock(std::filesystem::path path) : path_(std::move(path)) {}
    ~WriterLock();
    WriterLock(WriterLock&& other) noexcept;
    WriterLock& operator=(WriterLock&&) = delete;

    /// Takes it, or holds it already; never waits. Errors: kConflict, an earlier process has it; kSystemFailed.
    [[nodiscard]] Result<void> take();

  private:
    std::filesystem::path path_;
    int descriptor_ = -1;
    bool is_held_ = false;
};

}  // namespace ssi::pdr
