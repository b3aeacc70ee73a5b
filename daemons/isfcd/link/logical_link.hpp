#pragma once
/// One end of a logical link: many streams over many channels, each byte once and in order (rule R7). Pure: no I/O, no
/// clock, no threads. Frames of any channel go in through receive(); each channel pulls its next frame when its socket
/// has room.

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "daemons/isfcd/link/receive_buffer.hpp"
#include "daemons/isfcd/link/send_buffer.hpp"
#include "daemons/isfcd/wire/frame.hpp"
#include "daemons/isfcd/wire/messages.hpp"
#include "lib/common/error.hpp"

namespace ssi::isfc {

using ChannelId = std::uint32_t;  ///< 0: none

struct LinkOptions {
    bool lower_slot = false;         ///< This end opens odd streams, the other one even ones.
    std::uint32_t window = 1 << 20;  ///< Bytes of one direction of one stream that may be under way or wait.
    std::size_t max_streams = 16'384;
};

/// What a LogicalLink tells its owner. Called from within the link's methods; may call the link again.
class LinkObserver {
  public:
    virtual ~LinkObserver() = default;
    /// The peer wants a service: answer with accept() or refuse(), now or later.
    virtual void stream_requested(StreamId stream, const std::string& service) = 0;
    virtual void stream_opened(StreamId stream) = 0;
    /// There is more to read, or the end of the peer's direction.
    virtual void stream_readable(StreamId stream) = 0;
    virtual void stream_writable(StreamId stream) = 0;
    /// Both directions ended well; the stream is gone.
    virtual void stream_closed(StreamId stream) = 0;
    /// The stream was refused, reset or lost; it is gone, and its local program must see an error, not an end of file.
    virtual void stream_failed(StreamId stream, const Error& error) = 0;
    virtual void services_announced(const std::vector<std::string>& names) = 0;
    /// pull() of this channel has something new to give.
    virtual void channel_has_work(ChannelId channel) = 0;
};

struct LinkCounters {
    std::uint64_t sent_bytes = 0;      ///< of streams, the resent ones included
    std::uint64_t resent_bytes = 0;    ///< queued again because their channel was lost
    std::uint64_t received_bytes = 0;  ///< of streams, the dropped ones included
    std::uint64_t ignored_frames = 0;  ///< of streams that are gone
    std::uint64_t opened_streams = 0;  ///< by either end
    std::uint64_t failed_streams = 0;
};

class LogicalLink {
  public:
    /// The observer must outlive the link.
    LogicalLink(const LinkOptions& options, LinkObserver& observer);

    // --- channels ---
    void add_channel(ChannelId channel);
    /// The channel is lost: its streams move to others and send again what is not acknowledged.
    void remove_channel(ChannelId channel);
    [[nodiscard]] bool has_channels() const { return !channels_.empty(); }
    /// Takes a DATA or ACK frame. kProtocolViolated: the state of both ends no longer fits; begin a new session.
    [[nodiscard]] Result<void> receive(const Frame& frame);
    /// Appends the next frame of this channel to `out`; false if there is none.
    bool pull(ChannelId channel, Bytes& out);
    /// Call a few times a second: acknowledges what is received but was not worth a frame of its own.
    void refresh_acknowledgements();

    // --- session ---
    /// A new pair of sessions: every stream fails with `reason`, the state of stream 0 begins at zero. Remove all
    /// channels first.
    void restart(const Error& reason);
    void announce(std::vector<std::string> services);

    // --- streams; calls for a stream that is gone do nothing ---
    /// Error: kLinkDown when there are too many streams.
    [[nodiscard]] Result<StreamId> open(const std::string& service);
    /// False if the stream is gone: the peer did not wait.
    bool accept(StreamId stream);
    void refuse(StreamId stream, const Error& error);
    /// How much write() takes now.
    [[nodiscard]] std::size_t room(StreamId stream) const;
    void write(StreamId stream, ByteView bytes);
    /// No more writes: the peer gets the end of file after the last byte.
    void finish(StreamId stream);
    /// What consume() may take; valid until then.
    [[nodiscard]] ByteView readable(StreamId stream) const;
    void consume(StreamId stream, std::size_t count);
    /// True when everything up to the peer's final offset was consumed.
    [[nodiscard]] bool at_end(StreamId stream) const;
    /// The local program was given the end of file.
    void end_delivered(StreamId stream);
    /// Ends both directions at both ends with an error, without stream_failed() here.
    void reset(StreamId stream, const Error& error);

    [[nodiscard]] std::size_t streams() const { return streams_.size(); }
    [[nodiscard]] std::size_t streams_on(ChannelId channel) const;
    [[nodiscard]] const LinkCounters& counters() const { return counters_; }

  private:
    enum class State { kOpening, kRequested, kOpen };
    struct Stream {
        StreamId id = 0;
        State state = State::kOpen;
        ChannelId channel = 0;
        SendBuffer out;
        std::uint64_t next = 0;      // offset of the next byte to send
        std::uint64_t furthest = 0;  // end of what was ever sent
        std::uint64_t limit = 0;     // credit from the peer
        ReceiveBuffer in;
        std::uint64_t limit_told = 0;
        std::uint64_t received_told = 0;
        std::uint64_t final_offset = kNoFinal;
        bool in_ring = false;
        bool ack_queued = false;
        bool fin_sent = false;
        bool done_received = false;
        bool done_sent = false;

        [[nodiscard]] std::size_t sendable() const;
    };
    struct Channel {
        std::deque<StreamId> ring;  // streams that have something to send, in turn
        std::size_t streams = 0;
    };
    static constexpr std::uint64_t kNoFinal = ~std::uint64_t{0};

    Stream* find(StreamId id);
    const Stream* find(StreamId id) const;
    Stream& add_stream(StreamId id, State state);
    void remove_stream(StreamId id);
    void fail_stream(StreamId id, const Error& error);
    void close_if_done(Stream& stream);
    void pin(Stream& stream);
    void schedule(Stream& stream);
    void append_data(Stream& stream, Bytes& out);
    bool pull_ack(Bytes& out);
    void queue_ack(Stream& stream);
    void queue_ack_if_due(Stream& stream);
    void send(const ControlMessage& message);
    void tell_services();
    [[nodiscard]] std::size_t queued_on(const Channel& channel) const;
    [[nodiscard]] std::uint64_t window_of(const Stream& stream) const;

    Result<void> receive_data(const Frame& frame);
    Result<void> receive_ack(const Frame& frame);
    Result<void> read_control();
    Result<void> handle(const OpenMessage& message);
    Result<void> handle(const OpenedMessage& message);
    Result<void> handle(const RefusedMessage& message);
    Result<void> handle(const FinMessage& message);
    Result<void> handle(const DoneMessage& message);
    Result<void> handle(const ResetMessage& message);
    Result<void> handle(const ServicesMessage& message);

    LinkOptions options_;
    LinkObserver& observer_;
    std::map<ChannelId, Channel> channels_;
    std::unordered_map<StreamId, Stream> streams_;
    Stream control_;  // stream 0
    ControlReader control_reader_;
    std::deque<StreamId> acks_;
    std::vector<std::string> services_;
    bool services_told_ = false;  // the peer knows services_, or stream 0 carries them
    StreamId next_own_;
    StreamId last_of_peer_ = 0;
    std::uint64_t restarts_ = 0;
    LinkCounters counters_;
};

}  // namespace ssi::isfc
