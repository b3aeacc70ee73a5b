#pragma once
/// What frames carry besides the bytes of streams: the handshake of a channel and the control messages of stream 0.

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "lib/common/bytes.hpp"
#include "lib/common/error.hpp"

namespace ssi::isfc {

using StreamId = std::uint64_t;

/// What a stream is for; by it the streams of a link share its channels. Numbers of the wire.
enum class StreamClass : std::uint8_t {
    kControl = 1,      ///< few bytes that others wait for: consensus, heartbeats
    kInteractive = 2,  ///< requests and answers
    kBulk = 3,         ///< as much as goes through
};

/// ARRIVED frames are sent and understood.
inline constexpr std::uint64_t kFeatureArrived = 1 << 0;

/// Payload of the HELLO frame.
struct Hello {
    std::uint64_t features = 0;  ///< bits; one may be used when both ends have it
    std::uint64_t session = 0;   ///< random; names this life of the sender's end of the logical link
    std::string cluster_uuid;
    std::string member;    ///< who sends
    std::string peer;      ///< whom the sender believes to be talking to
    std::string channel;   ///< its name in system.toml
    std::string software;  ///< version, for the log
    friend bool operator==(const Hello&, const Hello&) = default;
};

/// Payload of the GOODBYE frame: why the sender closes the channel.
struct Goodbye {
    bool session_ends = false;  ///< the sender's end of the logical link ends with it: streams do not wait
    Error reason;
    friend bool operator==(const Goodbye&, const Goodbye&) = default;
};

[[nodiscard]] Bytes encode(const Hello& hello);
[[nodiscard]] Bytes encode(const Goodbye& goodbye);
/// Error: kProtocolViolated. Bytes after the known fields are allowed: later versions may add some. Texts come out
/// plain (is_plain_text): a HELLO whose names are not is refused, the texts of an Error are mended.
[[nodiscard]] Result<Hello> parse_hello(ByteView payload);
[[nodiscard]] Result<Goodbye> parse_goodbye(ByteView payload);

/// Opens a stream to a service of the receiver. `limit`: how far the receiver may send.
struct OpenMessage {
    StreamId stream = 0;
    std::uint64_t limit = 0;
    std::string service;
    friend bool operator==(const OpenMessage&, const OpenMessage&) = default;
};
struct OpenedMessage {
    StreamId stream = 0;
    std::uint64_t limit = 0;
    StreamClass stream_class = StreamClass::kInteractive;  ///< chosen by the end that offers the service
    friend bool operator==(const OpenedMessage&, const OpenedMessage&) = default;
};
struct RefusedMessage {
    StreamId stream = 0;
    Error error;
    friend bool operator==(const RefusedMessage&, const RefusedMessage&) = default;
};
/// The sender's direction ends at this offset.
struct FinMessage {
    StreamId stream = 0;
    std::uint64_t final_offset = 0;
    friend bool operator==(const FinMessage&, const FinMessage&) = default;
};
/// Everything up to the receiver's FIN was handed to the local program, the end of file included.
struct DoneMessage {
    StreamId stream = 0;
    friend bool operator==(const DoneMessage&, const DoneMessage&) = default;
};
/// Both directions end now, with an error.
struct ResetMessage {
    StreamId stream = 0;
    Error error;
    friend bool operator==(const ResetMessage&, const ResetMessage&) = default;
};
/// All services that the sender offers.
struct ServicesMessage {
    std::vector<std::string> names;
    friend bool operator==(const ServicesMessage&, const ServicesMessage&) = default;
};

using ControlMessage =
    std::variant<OpenMessage, OpenedMessage, RefusedMessage, FinMessage, DoneMessage, ResetMessage, ServicesMessage>;

inline constexpr std::size_t kMaxControlMessage = 256 * 1024;

void append_message(Bytes& out, const ControlMessage& message);

/// Cuts the bytes of stream 0 into messages.
class ControlReader {
  public:
    void feed(ByteView bytes);
    /// The next whole message, or nothing when more bytes are needed. Error: kProtocolViolated; the session is lost.
    [[nodiscard]] Result<std::optional<ControlMessage>> next();

  private:
    Bytes buffer_;
    std::size_t begin_ = 0;
};

}  // namespace ssi::isfc
