#include "lib/common/pdr/block.hpp"

#include <algorithm>
#include <boost/crc.hpp>
#include <cstring>
#include <format>

namespace ssi::pdr {
namespace {

/// Offset 0: magic, version, kind, length of the payload, cluster, writer, sequence, then the payload; at the very end
/// the checksum of everything before it.
constexpr std::uint64_t kMagic = 0x5353'4950'4452'0d0a;  // "SSIPDR\r\n": a transfer as text would break it
constexpr std::uint16_t kVersion = 1;
constexpr std::size_t kHeader = 8 + 2 + 2 + 4 + 16 + 4 + 8;
constexpr std::size_t kChecksumAt = kBlockSize - 4;
static_assert(kHeader + kMostPayload <= kChecksumAt);

std::uint32_t checksum(ByteView bytes) {
    boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true> crc32c;  // RFC 3720, appendix B.4
    crc32c.process_bytes(bytes.data(), bytes.size());
    return crc32c.checksum();
}

bool checksum_is_right(std::span<const std::byte> block) {
    return ByteReader(block.subspan(kChecksumAt)).number<std::uint32_t>() == checksum(block.first(kChecksumAt));
}

int digit(char letter) {
    return letter <= '9' ? letter - '0' : letter - 'a' + 10;
}

}  // namespace

std::unexpected<Error> damaged(const std::string& where, std::string_view what) {
    return failure(ErrorCode::kPdrDamaged, std::format("{}: {}", where, what), where, "ssictl pdr check");
}

ClusterId cluster_id(const GuestUuid& uuid) {
    ClusterId id{};
    std::size_t count = 0;
    for (const char letter : uuid.str()) {
        if (letter == '-' || count == 2 * id.size()) continue;
        auto& byte = id[count++ / 2];
        byte = byte << 4 | std::byte(digit(letter));
    }
    return id;
}

std::string text_of(const ClusterId& cluster) {
    std::string text;
    for (std::size_t i = 0; i < cluster.size(); ++i)
        text +=
            std::format("{}{:02x}", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", std::to_integer<int>(cluster[i]));
    return text;
}

Block seal(const Envelope& envelope, ByteView payload) {
    Bytes bytes;
    ByteWriter writer(bytes);
    writer.number(kMagic);
    writer.number(kVersion);
    writer.number(static_cast<std::uint16_t>(envelope.kind));
    writer.number(static_cast<std::uint32_t>(payload.size()));
    bytes.insert(bytes.end(), envelope.cluster.begin(), envelope.cluster.end());
    writer.number(static_cast<std::uint32_t>(envelope.writer));
    writer.number(envelope.sequence);
    bytes.insert(bytes.end(), payload.begin(), payload.end());
    bytes.resize(kChecksumAt);
    writer.number(checksum(bytes));
    Block block;
    std::ranges::copy(bytes, block.bytes.begin());
    return block;
}

bool is_blank(std::span<const std::byte> block) {
    return std::ranges::all_of(block, [](std::byte byte) { return byte == std::byte{0}; });
}

bool is_whole(std::span<const std::byte> block) {
    return block.size() == kBlockSize && ByteReader(block).number<std::uint64_t>() == kMagic &&
           checksum_is_right(block);
}

Result<Opened> open(std::span<const std::byte> block, const std::string& where) {
    if (block.size() != kBlockSize) return damaged(where, "not a whole block");
    ByteReader reader(block);
    if (reader.number<std::uint64_t>() != kMagic)
        return damaged(where, is_blank(block) ? "nothing was ever written there" : "this is no block of a PDR");
    if (!checksum_is_right(block))
        return damaged(where, "its checksum is wrong: half written, or changed by somebody else");
    if (const auto version = reader.number<std::uint16_t>(); version != kVersion)
        return damaged(where, std::format("it has version {}, known here is {}", version, kVersion));
    Opened opened;
    opened.envelope.kind = static_cast<BlockKind>(reader.number<std::uint16_t>());
    const auto length = reader.number<std::uint32_t>();
    std::ranges::copy(block.subspan(16, opened.envelope.cluster.size()), opened.envelope.cluster.begin());
    ByteReader rest(block.subspan(32));
    opened.envelope.writer = static_cast<int>(rest.number<std::uint32_t>() & 0xff);
    opened.envelope.sequence = rest.number<std::uint64_t>();
    if (length > kMostPayload) return damaged(where, "its length is impossible");
    opened.payload = block.subspan(kHeader, length);
    return opened;
}

}  // namespace ssi::pdr
