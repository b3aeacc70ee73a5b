#pragma once
/// sysfs below a root directory: small files, and writing one is an order to the kernel.

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ssi::isfc {

/// Blocking; safe on any thread. Paths are relative to the root ("sys/bus/ccw"). Only write() differs in tests, where
/// it plays the kernel on a copied tree.
class Sysfs {
  public:
    explicit Sysfs(std::filesystem::path root = "/") : root_(std::move(root)) {}
    Sysfs(const Sysfs&) = delete;
    Sysfs& operator=(const Sysfs&) = delete;
    virtual ~Sysfs() = default;

    [[nodiscard]] bool exists(const std::filesystem::path& path) const;
    /// Its first line; std::nullopt if it is not there or cannot be read.
    [[nodiscard]] std::optional<std::string> read(const std::filesystem::path& path) const;
    /// The name of what a symbolic link points at; std::nullopt if it is no link.
    [[nodiscard]] std::optional<std::string> link_name(const std::filesystem::path& path) const;
    /// Names of the entries of a directory; none if it is not there.
    [[nodiscard]] std::vector<std::string> list(const std::filesystem::path& path) const;
    /// Returns when the kernel has done what was ordered, which may take long: 0, or the errno with which it refused.
    [[nodiscard]] virtual int write(const std::filesystem::path& path, std::string_view text);

  protected:
    [[nodiscard]] const std::filesystem::path& root() const { return root_; }

  private:
    std::filesystem::path root_;
};

}  // namespace ssi::isfc
