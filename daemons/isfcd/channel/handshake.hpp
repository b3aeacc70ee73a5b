#pragma once
/// From a TCP connection to a channel: TLS or not, as the configuration says, then HELLO in both directions, with a
/// deadline over all of it.

#include <boost/asio/ip/tcp.hpp>
#include <memory>
#include <optional>
#include <string>

#include "daemons/isfcd/channel/transport.hpp"
#include "daemons/isfcd/timing.hpp"
#include "daemons/isfcd/wire/frame.hpp"
#include "daemons/isfcd/wire/messages.hpp"
#include "lib/common/system_config.hpp"

namespace ssi::isfc {

/// A connection whose peer has said HELLO.
struct Greeted {
    std::shared_ptr<Transport> transport;
    Hello hello;  ///< Certified when encrypted: its member is that of the certificate. In the clear only a claim.
    std::optional<pki::CertificateFacts> certificate;  ///< The peer's; none in the clear.
    std::string from;                                  ///< The peer's address, numeric.
};

/// A TCP socket as channels need it: bound to its local address and, where the system permits it, to its interface.
/// Errors: kChannelFailed, with what the administrator can do.
[[nodiscard]] Result<void> bind_channel_socket(boost::asio::ip::tcp::socket& socket, const ChannelEnd& end);
/// Options of an established connection: no delay, little unsent data in the kernel, an end to unanswered data.
void tune_channel_socket(boost::asio::ip::tcp::socket& socket, const Timing& timing);
/// SO_BINDTODEVICE. Not being permitted to is only logged: routing may still choose that interface.
[[nodiscard]] Result<void> bind_to_interface(int socket, const std::string& interface);

/// Connects, encrypted or not as the channel is configured, sends `hello`, and gets the peer's, or its reason to
/// refuse. Error kTimedOut after Timing::handshake.
boost::asio::awaitable<Result<Greeted>> connect_channel(const ChannelConfig& channel, const TlsIdentity& identity,
                                                        const std::string& cluster, const Timing& timing,
                                                        const Hello& hello, BlockPool& pool);
/// The listening side, up to the peer's HELLO; the peer's first byte says whether it encrypts. Judge it with
/// check_encryption, and answer it with send_handshake_frame.
boost::asio::awaitable<Result<Greeted>> greet_channel(boost::asio::ip::tcp::socket socket, const TlsIdentity& identity,
                                                      const std::string& cluster, const Timing& timing,
                                                      BlockPool& pool);
/// Did the peer that connected do as this channel is configured here? In the clear it must come from the address that
/// the channel has at its end. Error: kEncryptionDiffers.
[[nodiscard]] Result<void> check_encryption(const ChannelConfig& channel, const Greeted& greeted);
/// What a peer is told whose connection in the clear is refused: nothing that a stranger could use.
[[nodiscard]] Error refusal_in_the_clear();

/// Sends one frame of the handshake.
boost::asio::awaitable<Result<void>> send_handshake_frame(std::shared_ptr<Transport> transport, OutFrame frame,
                                                          const Timing& timing);

}  // namespace ssi::isfc
