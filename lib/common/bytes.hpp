#pragma once
/// Big-endian fields in byte strings: how every number on a channel and on the PDR is written and read.

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ssi {

using Bytes = std::vector<std::byte>;
using ByteView = std::span<const std::byte>;

/// Appends fields to a byte string that outlives the writer.
class ByteWriter {
  public:
    explicit ByteWriter(Bytes& out) : out_(out) {}

    template <std::unsigned_integral Number>
    void number(Number value) {
        for (std::size_t shift = sizeof(Number) * 8; shift > 0; shift -= 8)
            out_.push_back(static_cast<std::byte>((value >> (shift - 8)) & 0xff));
    }
    /// A 16-bit length and that many bytes; what does not fit is cut off.
    void text(std::string_view text) {
        text = text.substr(0, 0xffff);
        number(static_cast<std::uint16_t>(text.size()));
        const auto bytes = std::as_bytes(std::span(text));
        out_.insert(out_.end(), bytes.begin(), bytes.end());
    }

  private:
    Bytes& out_;
};

/// Takes fields off the front of a byte string. After a field that is not there everything reads as zero or empty and
/// `failed()` stays true, so that a caller checks once, at the end.
class ByteReader {
  public:
    explicit ByteReader(ByteView bytes) : bytes_(bytes) {}

    template <std::unsigned_integral Number>
    Number number() {
        if (!has(sizeof(Number))) return 0;
        std::uint64_t value = 0;
        for (std::size_t i = 0; i < sizeof(Number); ++i) value = value << 8 | std::to_integer<std::uint64_t>(bytes_[i]);
        bytes_ = bytes_.subspan(sizeof(Number));
        return static_cast<Number>(value);
    }
    std::string text() {
        const std::size_t size = number<std::uint16_t>();
        if (!has(size)) return {};
        std::string text(reinterpret_cast<const char*>(bytes_.data()), size);
        bytes_ = bytes_.subspan(size);
        return text;
    }
    [[nodiscard]] bool failed() const { return failed_; }
    [[nodiscard]] std::size_t left() const { return bytes_.size(); }

  private:
    bool has(std::size_t size) {
        if (failed_ || bytes_.size() < size) failed_ = true;
        return !failed_;
    }

    ByteView bytes_;
    bool failed_ = false;
};

}  // namespace ssi
