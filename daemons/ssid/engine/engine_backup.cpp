#include "daemons/ssid/engine/engine_backup.hpp"

#include <openssl/evp.h>

#include <format>
#include <memory>
#include <string>
#include <utility>

#include "daemons/ssid/engine/gateway_connection.hpp"
#include "daemons/ssid/engine/gateway_messages.hpp"
#include "lib/common/durable_file.hpp"

namespace ssi::cluster {
namespace {

namespace asio = boost::asio;

constexpr std::size_t kChecksumBytes = 32;

std::unexpected<Error> broke_off(const std::filesystem::path& socket, std::string_view why) {
    return failure(ErrorCode::kNoMajority, std::format("the engine's state could not be copied: {}", why),
                   socket.native(), "see: ssictl engine status");
}

/// etcd ends a copy with the SHA-256 of all before it.
bool has_right_checksum(std::string_view copy) {
    if (copy.size() <= kChecksumBytes) return false;
    std::string checksum(kChecksumBytes, '\0');
    const auto size = copy.size() - kChecksumBytes;
    return EVP_Digest(copy.data(), size, reinterpret_cast<unsigned char*>(checksum.data()), nullptr, EVP_sha256(),
                      nullptr) == 1 &&
           copy.substr(size) == checksum;
}

}  // namespace

asio::awaitable<Result<std::uint64_t>> back_up(asio::any_io_executor executor, std::filesystem::path socket,
                                               std::filesystem::path file, std::chrono::milliseconds silence) {
    auto connection = co_await GatewayConnection::open(std::move(executor), socket, silence);
    if (!connection) co_return broke_off(socket, connection.error().reason);
    auto begun = co_await (*connection)->begin_lines("/v3/maintenance/snapshot", "{}", silence);
    if (!begun) co_return broke_off(socket, begun.error().reason);
    std::string copy;
    for (;;) {
        const auto line = co_await (*connection)->next_line(silence);
        if (!line) co_return broke_off(socket, line.error().reason);
        auto part = gateway::read_snapshot_line(*line);
        if (!part) co_return std::unexpected(part.error());
        copy += part->bytes;
        // The checksum comes in a part of its own, behind what is counted.
        if (part->remaining == 0 && has_right_checksum(copy)) break;
    }
    if (auto written = write_durably(file, copy); !written) co_return std::unexpected(written.error());
    co_return copy.size();
}

}  // namespace ssi::cluster
