#pragma once
/// The part of XDR (RFC 4506) that virtlockd's RPC uses. Pure; input is not trusted.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/common/error.hpp"

namespace ssi::gate {

/// Reads values from the front; after the first error every further read fails with it too.
class XdrReader {
  public:
    explicit XdrReader(std::span<const std::byte> bytes) : rest_(bytes) {}

    /// Value-initialised after an error: look at `finish` once at the end.
    std::uint32_t number();
    std::string text(std::size_t limit);  ///< Without NUL bytes.
    std::span<const std::byte> fixed(std::size_t size);

    /// Error: kProtocolViolated when anything was cut short, too long, or bytes are left.
    [[nodiscard]] Result<void> finish() const;

  private:
    std::span<const std::byte> rest_;
    bool failed_ = false;
};

class XdrWriter {
  public:
    void number(std::uint32_t value);
    void text(std::string_view text);
    void fixed(std::span<const std::byte> bytes);
    [[nodiscard]] std::vector<std::byte> take() && { return std::move(bytes_); }
    [[nodiscard]] std::size_t size() const { return bytes_.size(); }

  private:
    std::vector<std::byte> bytes_;
};

}  // namespace ssi::gate
