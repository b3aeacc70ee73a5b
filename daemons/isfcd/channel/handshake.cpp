#include "daemons/isfcd/channel/handshake.hpp"

#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

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
#include "lib/common/no_throw.hpp"

namespace ssi::isfc {
namespace asio = boost::asio;
using tcp = asio::ip::tcp;
namespace {

constexpr int kUnsentInKernel = 128 * 1024;

using Time = asio::steady_timer::time_point;

/// A TLS connection begins with a record of this type (RFC 8446, 5.1), one in the clear with the magic of HELLO.
constexpr std::uint8_t kTlsHandshake = 22;

/// Closes a connection when its handshake takes too long; the pending operation then ends with an error.
class Deadline {
  public:
    /// `connection`: a Transport or a socket.
    template <class Connection>
    Deadline(const std::shared_ptr<Connection>& connection, const asio::any_io_executor& executor, Time until)
        : timer_(executor, until) {
        timer_.async_wait([weak = std::weak_ptr(connection)](boost::system::error_code cancelled) {
            if (const auto late = weak.lock(); late && !cancelled) late->close();
        });
    }
    /// The result, but for one that came of the deadline.
    template <class T>
    Result<T> judge(Result<T> result) const {
        if (result || timer_.expiry() > Time::clock::now()) return result;
        return failure(ErrorCode::kTimedOut, "the handshake did not end in time", "",
                       "check that isfcd runs at the other end, and the network between");
    }

  private:
    asio::steady_timer timer_;
};

asio::awaitable<Result<void>> write_frame(Transport& transport, const OutFrame& frame) {
    for (;;) {
        const auto written = transport.try_write(frame);
        if (!written) co_return std::unexpected(written.error());
        if (*written) co_return Result<void>();
        if (auto waited = co_await transport.wait_writable(); !waited) co_return waited;
    }
}

Result<Hello> greeting(const InFrame& frame) {
    if (frame.header.type == FrameType::kHello) return parse_hello(frame.body());
    if (frame.header.type != FrameType::kGoodbye)
        return failure(ErrorCode::kProtocolViolated, "the peer did not begin with HELLO");
    auto goodbye = parse_goodbye(frame.body());
    if (!goodbye) return std::unexpected(goodbye.error());
    goodbye->reason.what = "the peer refuses: " + goodbye->reason.what;
    return std::unexpected(goodbye->reason);
}

asio::awaitable<Result<Hello>> read_hello(Transport& transport, BlockPool& pool) {
    FrameAssembler assembler(pool);
    for (;;) {
        const auto count = transport.try_read(assembler.want());
        if (!count) co_return std::unexpected(count.error());
        if (*count == 0) {
            if (auto waited = co_await transport.wait_readable(); !waited) co_return std::unexpected(waited.error());
            continue;
        }
        const auto whole = assembler.filled(*count);
        if (!whole) co_return std::unexpected(whole.error());
        if (*whole) co_return greeting(assembler.take());
    }
}

/// The certificate is the proof, HELLO only a claim.
Result<void> check_claim(const pki::CertificateFacts& certificate, const Hello& hello, const std::string& cluster) {
    if (certificate.member != hello.member)
        return failure(ErrorCode::kCertificateInvalid,
                       std::format("the peer says it is {}, its certificate says {}", hello.member, certificate.member),
                       hello.member, std::format("give that host the certificate of {}", hello.member));
    if (certificate.cluster != cluster)
        return failure(ErrorCode::kCertificateInvalid,
                       std::format("the certificate of {} is of cluster {}", hello.member, certificate.cluster),
                       hello.member, std::format("issue it from the authority of {}", cluster));
    return {};
}

asio::awaitable<Result<Greeted>> read_greeting(std::shared_ptr<Transport> transport, std::string cluster,
                                               BlockPool& pool) {
    boost::system::error_code gone;
    auto from = transport->socket().remote_endpoint(gone).address().to_string();
    auto hello = co_await read_hello(*transport, pool);
    if (!hello) co_return std::unexpected(hello.error());
    Greeted greeted{transport, std::move(*hello), {}, std::move(from)};
    if (transport->is_encrypted()) {
        const auto certificate = transport->peer();
        if (!certificate) co_return std::unexpected(certificate.error());
        if (auto checked = check_claim(*certificate, greeted.hello, cluster); !checked)
            co_return std::unexpected(checked.error());
        greeted.certificate = *certificate;
    }
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

Result<void> check_encryption(const ChannelConfig& channel, const Greeted& greeted) {
    const bool encrypted = greeted.transport->is_encrypted();
    const auto& peer = channel.lower;  // the higher end listens
    if (encrypted && channel.encryption == Encryption::kNone)
        return failure(ErrorCode::kEncryptionDiffers,
                       std::format("channel {} is not encrypted on {}, and {} wants TLS", channel.name,
                                   channel.higher.member.str(), peer.member.str()),
                       channel.name, "say the same encryption in system.toml on both members, then ssictl reload");
    if (encrypted || (channel.encryption == Encryption::kNone && greeted.from == peer.address)) return {};
    if (channel.encryption != Encryption::kNone)
        return failure(ErrorCode::kEncryptionDiffers,
                       std::format("{} at {} says HELLO in the clear on channel {}, which is encrypted",
                                   greeted.hello.member, greeted.from, channel.name),
                       channel.name, "say the same encryption in system.toml on both members, then ssictl reload");
    return failure(ErrorCode::kEncryptionDiffers,
                   std::format("{} says HELLO in the clear for {} on channel {}, which comes from {}", greeted.from,
                               greeted.hello.member, channel.name, peer.address),
                   channel.name, "find out who that is; encrypt this channel if others can reach its cable");
}

Error refusal_in_the_clear() {
    return {ErrorCode::kEncryptionDiffers, "this connection is not accepted in the clear", "",
            "the journal of isfcd there says why"};
}

namespace {

asio::awaitable<Result<Greeted>> connect(std::shared_ptr<Transport> transport, tcp::endpoint to,
                                         const std::string& cluster, const Hello& hello, BlockPool& pool) {
    const auto [error] = co_await transport->socket().async_connect(to, kNoThrow);
    if (error)
        co_return channel_failure(std::format("connect to {} port {}", to.address().to_string(), to.port()), error,
                                  "check that the peer is up and the network between");
    if (auto done = co_await transport->handshake(); !done) co_return std::unexpected(done.error());
    if (auto sent = co_await write_frame(*transport, make_frame(FrameType::kHello, encode(hello), pool)); !sent)
        co_return std::unexpected(sent.error());
    co_return co_await read_greeting(transport, cluster, pool);
}

/// The first byte, which stays unread.
asio::awaitable<Result<std::uint8_t>> peek(std::shared_ptr<tcp::socket> socket) {
    std::uint8_t first = 0;
    const auto [error, count] =
        co_await socket->async_receive(asio::buffer(&first, sizeof first), tcp::socket::message_peek, kNoThrow);
    if (error) co_return channel_failure("the peer said nothing", error);
    co_return first;
}

asio::awaitable<Result<Greeted>> greet(std::shared_ptr<Transport> transport, const std::string& cluster,
                                       BlockPool& pool) {
    if (auto done = co_await transport->handshake(); !done) co_return std::unexpected(done.error());
    co_return co_await read_greeting(transport, cluster, pool);
}

}  // namespace

asio::awaitable<Result<Greeted>> connect_channel(const ChannelConfig& channel, const TlsIdentity& identity,
                                                 const std::string& cluster, const Timing& timing, const Hello& hello,
                                                 BlockPool& pool) {
    const auto executor = co_await asio::this_coro::executor;
    tcp::socket socket(executor);
    if (auto bound = bind_channel_socket(socket, channel.lower); !bound) co_return std::unexpected(bound.error());
    boost::system::error_code error;
    const auto address = asio::ip::make_address(channel.higher.address, error);
    if (error) co_return channel_failure(std::format("address {}", channel.higher.address), error);
    tune_channel_socket(socket, timing);
    const auto transport = channel.encryption == Encryption::kNone
                               ? std::make_shared<Transport>(std::move(socket))
                               : std::make_shared<Transport>(std::move(socket), identity, TlsRole::kConnects);
    const Deadline deadline(transport, executor, Time::clock::now() + timing.handshake);
    auto greeted = co_await connect(transport, tcp::endpoint(address, channel.port), cluster, hello, pool);
    co_return deadline.judge(std::move(greeted));
}

asio::awaitable<Result<Greeted>> greet_channel(tcp::socket socket, const TlsIdentity& identity,
                                               const std::string& cluster, const Timing& timing, BlockPool& pool) {
    const auto executor = co_await asio::this_coro::executor;
    tune_channel_socket(socket, timing);
    const auto waiting = std::make_shared<tcp::socket>(std::move(socket));
    const auto until = Time::clock::now() + timing.handshake;
    const Deadline first_deadline(waiting, executor, until);
    auto peeked = co_await peek(waiting);
    const auto first = first_deadline.judge(std::move(peeked));
    if (!first) co_return std::unexpected(first.error());
    const auto transport = *first == kTlsHandshake
                               ? std::make_shared<Transport>(std::move(*waiting), identity, TlsRole::kListens)
                               : std::make_shared<Transport>(std::move(*waiting));
    const Deadline deadline(transport, executor, until);
    auto greeted = co_await greet(transport, cluster, pool);
    co_return deadline.judge(std::move(greeted));
}

asio::awaitable<Result<void>> send_handshake_frame(std::shared_ptr<Transport> transport, OutFrame frame,
                                                   const Timing& timing) {
    const auto until = Time::clock::now() + timing.handshake;
    const Deadline deadline(transport, transport->socket().get_executor(), until);
    auto sent = co_await write_frame(*transport, frame);
    co_return deadline.judge(std::move(sent));
}

}  // namespace ssi::isfc
