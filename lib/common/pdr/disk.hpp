#pragma once
/// A block device or file as the PDR needs it: whole blocks, past every cache, done when the call returns.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include "lib/common/error.hpp"
#include "lib/common/pdr/block.hpp"

namespace ssi::pdr {

/// The calls block for as long as the disk takes, for ever if it hangs: call them on a thread that may. Each may be
/// called from several threads at a time. Implemented by DirectDisk and, in tests, by one with faults.
class Disk {
  public:
    virtual ~Disk() = default;
    /// Whole blocks at a whole block's offset. Errors: kPdrUnreadable, kPdrUnwritable.
    [[nodiscard]] virtual Result<void> read(std::uint64_t offset, std::span<Block> into) = 0;
    [[nodiscard]] virtual Result<void> write(std::uint64_t offset, std::span<const Block> blocks) = 0;
    [[nodiscard]] virtual std::uint64_t size() const = 0;
    /// The path, for messages.
    [[nodiscard]] virtual const std::string& name() const = 0;
};

enum class DiskAccess { kRead, kReadWrite };

/// O_DIRECT and O_DSYNC. A file on a file system that cannot do O_DIRECT is refused.
class DirectDisk final : public Disk {
  public:
    /// Errors: kPdrUnreadable (with what to do).
    [[nodiscard]] static Result<std::unique_ptr<DirectDisk>> open(const std::filesystem::path& path, DiskAccess access);
    ~DirectDisk() override;
    DirectDisk(const DirectDisk&) = delete;
    DirectDisk& operator=(const DirectDisk&) = delete;

    Result<void> read(std::uint64_t offset, std::span<Block> into) override;
    Result<void> write(std::uint64_t offset, std::span<const Block> blocks) override;
    [[nodiscard]] std::uint64_t size() const override { return size_; }
    [[nodiscard]] const std::string& name() const override { return name_; }

  private:
    DirectDisk(int descriptor, std::uint64_t size, std::string name)
        : descriptor_(descriptor), size_(size), name_(std::move(name)) {}

    int descriptor_;
    std::uint64_t size_;
    std::string name_;
};

}  // namespace ssi::pdr
