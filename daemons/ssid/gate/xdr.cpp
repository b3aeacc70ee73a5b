#include "daemons/ssid/gate/xdr.hpp"

namespace ssi::gate {
namespace {

constexpr std::size_t padding(std::size_t size) {
    return (4 - size % 4) % 4;
}

}  // namespace

std::span<const std::byte> XdrReader::fixed(std::size_t size) {
    if (failed_ || size > rest_.size() || padding(size) > rest_.size() - size) {
        failed_ = true;
        return {};
    }
    const auto value = rest_.first(size);
    rest_ = rest_.subspan(size + padding(size));
    return value;
}

std::uint32_t XdrReader::number() {
    std::uint32_t value = 0;
    for (const auto byte : fixed(4)) value = value << 8U | std::to_integer<std::uint32_t>(byte);
    return value;
}

std::string XdrReader::text(std::size_t limit) {
    const auto size = number();
    if (size > limit) failed_ = true;
    std::string value;
    for (const auto byte : fixed(size)) value += std::to_integer<char>(byte);
    if (value.find('\0') != std::string::npos) failed_ = true;
    return failed_ ? std::string{} : value;
}

Result<void> XdrReader::finish() const {
    if (failed_) return failure(ErrorCode::kProtocolViolated, "the arguments of a lock call are cut short or too long");
    if (!rest_.empty())
        return failure(ErrorCode::kProtocolViolated, "a lock call holds more than the arguments of its procedure");
    return {};
}

void XdrWriter::number(std::uint32_t value) {
    for (unsigned shift = 32; shift > 0; shift -= 8) bytes_.push_back(static_cast<std::byte>(value >> (shift - 8)));
}

void XdrWriter::text(std::string_view text) {
    number(static_cast<std::uint32_t>(text.size()));
    fixed(std::as_bytes(std::span(text)));
}

void XdrWriter::fixed(std::span<const std::byte> bytes) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    bytes_.resize(bytes_.size() + padding(bytes.size()));
}

}  // namespace ssi::gate
