// A peer without keys, from its first byte to its HELLO: in the clear or with TLS, connecting to us or answering us, in
// pieces of any size. Each handshake ends when the peer does, and nobody without keys passes as encrypted.

#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <csignal>
#include <exception>

#include "daemons/isfcd/channel/handshake.hpp"
#include "lib/common/pki/certificate_authority.hpp"
#include "tests/fuzz/require.hpp"
#include "tests/unit/temporary_directory.hpp"

namespace {

using namespace ssi;
using namespace ssi::isfc;
using fuzz::require;
namespace asio = boost::asio;
using tcp = asio::ip::tcp;

constexpr std::size_t kMostBytes = 32 * 1024;  // fits into the socket's buffer: the peer never waits to write
const std::string kCluster = "PROD";
const asio::ip::address kHere = asio::ip::make_address("127.0.0.1");

/// MEMBER1, and the TCP port at which it and its peer meet.
class Member {
  public:
    Member() : identity_(make_identity()), meeting_(io_, tcp::endpoint(kHere, 0)) {
        std::signal(SIGPIPE, SIG_IGN);
        timing_.handshake = std::chrono::seconds(60);  // never: what waits for it is a fault
        channel_.name = "0";
        channel_.lower = {*MemberName::parse("MEMBER1"), kHere.to_string(), "", {}};
        channel_.higher = {*MemberName::parse("MEMBER2"), kHere.to_string(), "", {}};
        channel_.port = meeting_.local_endpoint().port();
    }

    void is_connected_to(ByteView bytes, std::size_t piece) {
        tcp::socket peer(io_);
        peer.connect(meeting_.local_endpoint());
        begin(greet_channel(meeting_.accept(), identity_, kCluster, timing_, pool_));
        end(peer, bytes, piece);
    }

    void connects_to(ByteView bytes, std::size_t piece, Encryption encryption) {
        channel_.encryption = encryption;
        tcp::socket peer(io_);
        bool is_there = false;
        meeting_.async_accept(peer, [&](boost::system::error_code error) { is_there = !error; });
        begin(connect_channel(channel_, identity_, kCluster, timing_, hello_, pool_));
        while (!is_there) io_.run_one();
        end(peer, bytes, piece);
    }

  private:
    static TlsIdentity make_identity() {
        const test::TemporaryDirectory directory;
        const auto own = *MemberName::parse("MEMBER1");
        require(pki::init_authority(directory.path(), kCluster).has_value());
        require(pki::issue_certificate(directory.path(), own).has_value());
        return *TlsIdentity::load(directory.path(), own);
    }

    void begin(asio::awaitable<Result<Greeted>> handshake) {
        io_.restart();
        asio::co_spawn(io_, finish(std::move(handshake)), [this](const std::exception_ptr& thrown) {
            require(!thrown);
            has_ended_ = true;
        });
    }

    asio::awaitable<void> finish(asio::awaitable<Result<Greeted>> handshake) {
        const auto greeted = co_await std::move(handshake);
        if (!greeted) {
            require(greeted.error().code != ErrorCode::kTimedOut && !greeted.error().what.empty());
            co_return;
        }
        const auto& hello = greeted->hello;
        require(!greeted->transport->is_encrypted() && !greeted->certificate && greeted->from == kHere.to_string());
        require(*parse_hello(encode(hello)) == hello);
        channel_.encryption = Encryption::kTls;
        const auto refused = check_encryption(channel_, *greeted);
        require(!refused);
        static_cast<void>(co_await send_handshake_frame(
            greeted->transport, make_frame(FrameType::kGoodbye, encode(Goodbye{false, refused.error()}), pool_),
            timing_));
    }

    /// The peer says its bytes and goes.
    void end(tcp::socket& peer, ByteView bytes, std::size_t piece) {
        has_ended_ = false;
        while (!bytes.empty()) {
            const auto part = bytes.first(std::min(piece, bytes.size()));
            bytes = bytes.subspan(part.size());
            if (::send(peer.native_handle(), part.data(), part.size(), MSG_NOSIGNAL) < 0) break;  // it was let go
            io_.poll();
        }
        boost::system::error_code gone;
        peer.shutdown(tcp::socket::shutdown_send, gone);
        while (!has_ended_) require(io_.run_one() > 0);
        peer.set_option(asio::socket_base::linger(true, 0), gone);  // no port is kept for the connection
        peer.close();
        io_.run();
    }

    asio::io_context io_;
    BlockPool pool_;
    TlsIdentity identity_;
    tcp::acceptor meeting_;
    Timing timing_;
    ChannelConfig channel_;
    Hello hello_{kFeatureArrived, 77, "uuid", "MEMBER1", "MEMBER2", "0", "0.1.0"};
    bool has_ended_ = false;
};

}  // namespace

/// The first byte: who connects, encryption, the size of the pieces in which the rest arrives.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    static Member member;
    const bool we_connect = (data[0] & 1) != 0;
    const auto encryption = (data[0] & 2) != 0 ? Encryption::kTls : Encryption::kNone;
    const std::size_t piece = data[0] < 4 ? kMostBytes : data[0] / 4;
    const auto bytes = std::as_bytes(std::span(data + 1, std::min(size - 1, kMostBytes)));
    if (we_connect)
        member.connects_to(bytes, piece, encryption);
    else
        member.is_connected_to(bytes, piece);
    return 0;
}
