#pragma once
/// A disk in memory whose reads and writes can fail, and whose writes can be cut off in the middle.

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/common/pdr/disk.hpp"
#include "lib/common/pdr/volume.hpp"

namespace ssi::pdr {

inline const ClusterId kCluster = cluster_id(*GuestUuid::parse("6f0e2a30-1b5c-4c6e-9d0a-7d2f1c9b8e11"));
inline constexpr std::uint64_t kSize = 5 << 20;  ///< Bytes of a disk that a PDR has room on.

inline ClusterIdentity cluster(const std::string& name, char digit) {
    return {name, cluster_id(*GuestUuid::parse("00000000-0000-4000-8000-00000000000" + std::string(1, digit)))};
}

class MemoryDisk final : public Disk {
  public:
    explicit MemoryDisk(std::uint64_t size, std::string name = "memory") : bytes_(size), name_(std::move(name)) {}

    Result<void> read(std::uint64_t offset, std::span<Block> into) override {
        if (unreadable) return failure(ErrorCode::kPdrUnreadable, "cannot read", name_);
        std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(offset), into.size_bytes(), into[0].bytes.begin());
        return {};
    }
    Result<void> write(std::uint64_t offset, std::span<const Block> blocks) override {
        if (writes_left && (*writes_left)-- == 0) {
            writes_left = 0;
            std::copy_n(blocks[0].bytes.begin(), blocks.size_bytes() / 2,
                        bytes_.begin() + static_cast<std::ptrdiff_t>(offset));
            return failure(ErrorCode::kPdrUnwritable, "cannot write", name_);
        }
        std::copy_n(blocks[0].bytes.begin(), blocks.size_bytes(), bytes_.begin() + static_cast<std::ptrdiff_t>(offset));
        return {};
    }
    [[nodiscard]] std::uint64_t size() const override { return bytes_.size(); }
    [[nodiscard]] const std::string& name() const override { return name_; }

    std::byte& at(std::uint64_t offset) { return bytes_[offset]; }
    [[nodiscard]] const std::vector<std::byte>& bytes() const { return bytes_; }

    bool unreadable = false;
    std::optional<int> writes_left;  ///< After so many, one is half done, and none after it.

  private:
    std::vector<std::byte> bytes_;
    std::string name_;
};

}  // namespace ssi::pdr
