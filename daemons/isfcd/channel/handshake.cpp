#include "daemons/isfcd/channel/handshake.hpp"

#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <cstring>
#include <format>
#include <set>
#include <utility>

#include "lib/common/log.hpp"

namespace ssi::isfc {
namespace asio = boost::asio;
using tcp = asio::ip::tcp;
namespace {

constexpr int kUnsentInKernel = 128 * 1024;

/// Closes a connection when its handshake takes too long; the pending operation then ends with an error.
class Deadline {
  public:
    Deadline(const std::shared_ptr<TlsStream>& stream, std::chrono::milliseconds after)
        : timer_(stream->socket().get_executor(), after) {
        timer_.async_wait([weak = std::weak_ptr(stream)](boost::system::error_code cancelled) {
            if (const auto late = weak.lock(); late && !cancelled) late->close();
        });
    }

  private:
    asio::steady_timer timer_;
};

asio::awaitable<Result<void>> write_frame(TlsStream& stream, FrameType type, const Bytes& payload) {
    Bytes bytes;
    append_frame(bytes, type, 0, 0, payload);
    for (std::size_t sent = 0; sent < bytes.size();) {
        const auto count = co_await stream.write_some(ByteView(bytes).subspan(sent));
        if (!count) co_return std::unexpected(count.error());
        sent += *count;
    }
    co_return Result<void>();
}

asio::awaitable<Result<Hello>> read_hello(TlsStream& stream, FrameReader& reader) {
    for (;;) {
        const auto frame = reader.next();
        if (!frame) co_return std::unexpected(frame.error());
        if (*frame) {
            const auto& [header, payload] = **frame;
            if (header.type == FrameType::kHello) co_return parse_hello(payload);
            if (header.type != FrameType::kGoodbye)
                co_return failure(ErrorCode::kProtocolViolated, "the peer did not begin with HELLO");
            auto goodbye = parse_goodbye(payload);
            if (!goodbye) co_return std::unexpected(goodbye.error());
            goodbye->reason.what = "the peer refuses: " + goodbye->reason.what;
            co_return std::unexpected(goodbye->reason);
        }
        const auto count = co_await stream.read_some(reader.room());
        if (!count) co_return std::unexpected(count.error());
        reader.filled(*count);
    }
}

/// The certificate is the proof, HELLO only a claim.
Result<void> check_claim(const TlsStream& stream, const Hello& hello, const std::string& cluster) {
    const auto identity = stream.peer();
    if (!identity) return std::unexpected(identity.error());
    if (identity->member != hello.member)
        return failure(ErrorCode::kCertificateInvalid,
                       std::format("the peer says it is {}, its certificate says {}", hello.member, identity->member),
                       hello.member, std::format("give that host the certificate of {}", hello.member));
    if (identity->cluster != cluster)
        return failure(ErrorCode::kCertificateInvalid,
                       std::format("the certificate of {} is of cluster {}", hello.member, identity->cluster),
                       hello.member, std::format("issue it from the authority of {}", cluster));
    return {};
}

asio::awaitable<Result<Greeted>> read_greeting(std::shared_ptr<TlsStream> stream, std::string cluster) {
    Greeted greeted{stream, {}, {}};
    auto hello = co_await read_hello(*stream, greeted.reader);
    if (!hello) co_return std::unexpected(hello.error());
    greeted.hello = std::move(*hello);
    if (auto checked = check_claim(*stream, greeted.hello, cluster); !checked)
        co_return std::unexpected(checked.error());
    co_return greeted;
}

std::unexpected<Error> channel_failure(const std::string& what, const boost::system::error_code& error,
                                       const std::string& remedy = {}) {
    return failure(ErrorCode::kChannelFailed, std::format("{}: {}", what, error.message()), "", remedy);
}

}  // namespace

Result<void> bind_to_interface(int socket, const std::string& interface) {
    if (interface.empty()) return {};
    if (::setsockopt(socket, SOL_SOCKET, SO_BINDTODEVICE, interface.data(), static_cast<socklen_t>(interface.size())) ==
        0)
        return {};
    const int reason = errno;
    if (reason != EPERM)
        return failure(ErrorCode::kChannelFailed, std::format("bind to interface {}: {}", interface, strerror(reason)),
                       interface, "check the interface's name in system.toml");
    static std::set<std::string> told;
    if (told.insert(interface).second)
        log::warning(
            std::format("not permitted to bind to interface {}: routing decides (CAP_NET_RAW is needed)", interface));
    return {};
}

Result<void> bind_channel_socket(tcp::socket& socket, const ChannelEnd& end) {
    boost::system::error_code error;
    const auto address = asio::ip::make_address(end.address, error);
    if (error) return channel_failure(std::format("address {}", end.address), error, "mend it in system.toml");
    socket.open(address.is_v6() ? tcp::v6() : tcp::v4(), error);
    if (error) return channel_failure("socket", error);
    if (auto bound = bind_to_interface(socket.native_handle(), end.interface); !bound) return bound;
    socket.bind(tcp::endpoint(address, 0), error);
    if (error) return channel_failure(std::format("bind to {}", end.address), error, "check that the address is up");
    return {};
}

void tune_channel_socket(tcp::socket& socket, const Timing& timing) {
    // None of these can fail on a TCP socket of a supported kernel; without them the channel is slower, not wrong.
    const int fd = socket.native_handle();
    const int on = 1;
    const auto timeout = static_cast<unsigned>(timing.silence().count());
    (void)::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void)::setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &kUnsentInKernel, sizeof kUnsentInKernel);
    (void)::setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, sizeof timeout);
}

asio::awaitable<Result<Greeted>> connect_channel(const ChannelConfig& channel, const TlsIdentity& identity,
                                                 const std::string& cluster, const Timing& timing, const Hello& hello) {
    tcp::socket socket(co_await asio::this_coro::executor);
    if (auto bound = bind_channel_socket(socket, channel.lower); !bound) co_return std::unexpected(bound.error());
    boost::system::error_code error;
    const auto address = asio::ip::make_address(channel.higher.address, error);
    if (error) co_return channel_failure(std::format("address {}", channel.higher.address), error);
    tune_channel_socket(socket, timing);
    const auto stream = std::make_shared<TlsStream>(std::move(socket), identity, TlsRole::kConnects);
    const Deadline deadline(stream, timing.handshake);
    std::tie(error) = co_await stream->socket().async_connect(tcp::endpoint(address, channel.port),
                                                              asio::as_tuple(asio::use_awaitable));
    if (error)
        co_return channel_failure(std::format("connect to {} port {}", channel.higher.address, channel.port), error,
                                  "check that the peer is up and the network between");
    if (auto done = co_await stream->handshake(); !done) co_return std::unexpected(done.error());
    if (auto sent = co_await write_frame(*stream, FrameType::kHello, encode(hello)); !sent)
        co_return std::unexpected(sent.error());
    co_return co_await read_greeting(stream, cluster);
}

asio::awaitable<Result<Greeted>> greet_channel(tcp::socket socket, const TlsIdentity& identity,
                                               const std::string& cluster, const Timing& timing) {
    tune_channel_socket(socket, timing);
    const auto stream = std::make_shared<TlsStream>(std::move(socket), identity, TlsRole::kListens);
    const Deadline deadline(stream, timing.handshake);
    if (auto done = co_await stream->handshake(); !done) co_return std::unexpected(done.error());
    co_return co_await read_greeting(stream, cluster);
}

asio::awaitable<Result<void>> send_handshake_frame(std::shared_ptr<TlsStream> stream, FrameType type, Bytes payload,
                                                   const Timing& timing) {
    const Deadline deadline(stream, timing.handshake);
    co_return co_await write_frame(*stream, type, payload);
}

}  // namespace ssi::isfc
