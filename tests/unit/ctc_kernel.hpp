#pragma once
/// The kernel's side of a channel-to-channel adapter, played on a copied sysfs tree: what ctcm does when an attribute
/// is written, and whatever a test wants it to refuse.

#include <atomic>
#include <cerrno>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "daemons/isfcd/driver/point_to_point.hpp"
#include "daemons/isfcd/driver/sysfs.hpp"
#include "tests/unit/temporary_directory.hpp"

namespace ssi::test {

/// Subchannels 0.0.0600 to 0.0.0603, not grouped, ctcm loaded. Thread-safe.
class CtcKernel final : public isfc::Sysfs {
  public:
    explicit CtcKernel(std::filesystem::path root);
    [[nodiscard]] int write(const std::filesystem::path& path, std::string_view text) override;

    /// The next writes of the attribute ("online") are refused so, once for each errno.
    void refuse(const std::string& attribute, std::vector<int> error_numbers);
    void set(const std::filesystem::path& path, std::string_view text) const;
    /// The adapter goes away with its group, as at a detach, and comes back.
    void detach(const std::string& id) const;
    void attach(const std::string& id) const;
    void remove(const std::filesystem::path& path) const;
    /// What was written, as "online=1".
    [[nodiscard]] std::vector<std::string> written() const;

  private:
    int group(std::string_view ids) const;
    void set_online(const std::filesystem::path& group, bool online) const;

    mutable std::mutex mutex_;
    std::map<std::string, std::vector<int>> refusals_;
    std::vector<std::string> written_;
};

/// Interfaces that exist while the kernel's tree shows them. Thread-safe.
class CtcInterfaces final : public isfc::PointToPointInterfaces {
  public:
    explicit CtcInterfaces(std::shared_ptr<CtcKernel> kernel) : kernel_(std::move(kernel)) {}
    [[nodiscard]] Result<isfc::PointToPointState> look(const isfc::PointToPoint& wanted) override;
    [[nodiscard]] Result<void> add_address(const isfc::PointToPoint& wanted) override;
    [[nodiscard]] Result<void> remove_address(const isfc::PointToPoint& wanted) override;
    [[nodiscard]] Result<void> set_mtu(const isfc::PointToPoint& wanted) override;
    [[nodiscard]] Result<void> set_up(const std::string& interface, bool up) override;

    [[nodiscard]] bool is_up() const { return up_; }
    [[nodiscard]] bool has_address() const { return address_; }
    [[nodiscard]] int times_up() const { return times_up_; }
    void plug(bool up) { up_ = up; }

  private:
    std::shared_ptr<CtcKernel> kernel_;
    std::atomic<bool> up_ = false;
    std::atomic<bool> address_ = false;
    std::atomic<int> mtu_ = 0;
    std::atomic<int> times_up_ = 0;
};

}  // namespace ssi::test
