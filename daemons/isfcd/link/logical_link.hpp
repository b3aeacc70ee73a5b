#pragma once
/// One end of a logical link: many streams over many channels, each byte once and in order (rule R7). Pure: no I/O, no
/// clock, no threads. Frames of any channel go in through receive(); each channel pulls its next frame when its socket
/// has room, so fast and slow channels share the work by themselves.

#include <boost/circular_buffer.hpp>
#include <cstdint>
#include <map>
#include <memory_resource>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "daemons/isfcd/link/flight.hpp"
#include "daemons/isfcd/link/receive_buffer.hpp"
#include "daemons/isfcd/link/send_buffer.hpp"
#include "daemons/isfcd/link/send_queue.hpp"
#include "daemons/isfcd/link/window_budget.hpp"
#include "daemons/isfcd/wire/frame.hpp"
#include "daemons/isfcd/wire/messages.hpp"
#include "lib/common/error.hpp"

namespace ssi::isfc {

using ChannelId = std::uint32_t;  ///< 0: none

struct LinkOptions {
    bool lower_slot = false;  ///< This end opens odd streams, the other one even ones.
    /// Bytes that all streams together may hold here in each direction: sent and not acknowledged, received and not
    /// read.
    std::size_t memory = 64 << 20;
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
    /// pull() of this channel has something new to give that only it can carry.
    virtual void channel_has_work(ChannelId channel) = 0;
    /// pull() of any channel has something new to give.
    virtual void link_has_work() = 0;
};

struct LinkCounters {
    std::uint64_t sent_bytes = 0;        ///< of streams, the resent ones included
    std::uint64_t resent_bytes = 0;      ///< because their channel was lost or late
    std::uint64_t received_bytes = 0;    ///< of streams, the dropped ones included
    std::uint64_t duplicate_bytes = 0;   ///< dropped: they were here already
    std::uint64_t reordered_frames = 0;  ///< kept until what belongs before them came
    std::uint64_t ignored_frames = 0;    ///< of streams that are gone
    std::uint64_t late_channels = 0;     ///< how often a channel fell behind the others
    std::uint64_t opened_streams = 0;    ///< by either end
    std::uint64_t failed_streams = 0;
};

/// One stream, for the administrator.
struct StreamStatus {
    StreamId id = 0;
    StreamClass stream_class{};
    bool is_open = false;  ///< else it waits for one of the ends to answer
    std::uint64_t sent_bytes = 0;
    std::uint64_t received_bytes = 0;
    std::size_t unacknowledged = 0;  ///< sent or to be sent
    std::size_t unread = 0;          ///< received, waiting for the local program or for what belongs before it
    std::uint32_t window = 0;        ///< how much the peer may send ahead of the local program
};

class LogicalLink {
  public:
    /// The observer and the pool must outlive the link.
    LogicalLink(const LinkOptions& options, LinkObserver& observer, BlockPool& pool);

    // --- channels ---
    /// `tells_arrived`: both ends have kFeatureArrived.
    void add_channel(ChannelId channel, bool tells_arrived);
    /// The channel is lost: what it carried is sent again on others. Returns how many of its bytes were, in all.
    std::uint64_t remove_channel(ChannelId channel);
    [[nodiscard]] bool has_channels() const { return !channels_.empty(); }
    /// Takes a DATA, ACK or ARRIVED frame. kProtocolViolated: the state of both ends no longer fits; begin a new
    /// session.
    [[nodiscard]] Result<void> receive(ChannelId channel, InFrame frame, Time now);
    /// The next frame of this channel; false if there is none. `most_bulk`: how many bytes of a stream other than
    /// control it may carry; 0: none, and no such frame.
    bool pull(ChannelId channel, Time now, OutFrame& out, std::size_t most_bulk = BlockPool::kFull);
    /// Is there anything that any channel could carry?
    [[nodiscard]] bool has_work() const { return !acks_.empty() || !queue_.is_empty(); }
    /// Call every kTick while needs_ticks(), and else a few times a second: tells the peer what has arrived, notices
    /// channels that fall behind, and sends again what they carry.
    void tick(Time now);
    [[nodiscard]] bool needs_ticks() const;
    static constexpr std::chrono::milliseconds kTick{2};
    /// Control streams use this channel alone while it works; 0: any. Bulk nearly leaves it to them, as long as there
    /// are such streams and enough other channels.
    void set_express(ChannelId channel) { express_ = channel; }
    [[nodiscard]] bool is_kept_clear(ChannelId channel, Time now) const;
    /// Either end has sent control streams on it within kClearTime.
    [[nodiscard]] bool carries_control(ChannelId channel, Time now) const;
    /// What is to be sent waits for the express channel.
    [[nodiscard]] bool has_express_work() const { return express_ != 0 && queue_.has_control(); }
    /// What is under way on a channel; nullptr if there is no such channel.
    [[nodiscard]] const Flight* flight(ChannelId channel) const;
    [[nodiscard]] bool is_late(ChannelId channel) const;

    // --- session ---
    /// A new pair of sessions: every stream fails with `reason`, the state of stream 0 begins at zero. Remove all
    /// channels first.
    void restart(const Error& reason);
    void announce(std::vector<std::string> services);

    // --- streams; calls for a stream that is gone do nothing ---
    /// Error: kLinkDown when there are too many streams.
    [[nodiscard]] Result<StreamId> open(const std::string& service);
    /// False if the stream is gone: the peer did not wait.
    bool accept(StreamId stream, StreamClass stream_class);
    void refuse(StreamId stream, const Error& error);
    /// How much may be written now.
    [[nodiscard]] std::size_t room(StreamId stream) const;
    void write(StreamId stream, ByteView bytes);
    /// The same without a copy: where at most `most` (not 0) next bytes may be put, and how many it became.
    [[nodiscard]] Spaces space(StreamId stream, std::size_t most);
    void commit(StreamId stream, std::size_t count);
    /// No more writes: the peer gets the end of file after the last byte.
    void finish(StreamId stream);
    /// What consume() may take; valid until then.
    [[nodiscard]] ByteViews readable(StreamId stream) const;
    void consume(StreamId stream, std::size_t count);
    /// True when everything up to the peer's final offset was consumed.
    [[nodiscard]] bool at_end(StreamId stream) const;
    /// The local program was given the end of file.
    void end_delivered(StreamId stream);
    /// Ends both directions at both ends with an error, without stream_failed() here.
    void reset(StreamId stream, const Error& error);

    [[nodiscard]] std::size_t streams() const { return streams_.size(); }
    /// Nothing if the stream is gone; kInteractive until it is open.
    [[nodiscard]] std::optional<StreamClass> class_of(StreamId stream) const;
    [[nodiscard]] std::optional<StreamStatus> status(StreamId stream) const;
    [[nodiscard]] const LinkCounters& counters() const { return counters_; }

  private:
    enum class State { kOpening, kRequested, kOpen };
    struct Stream {
        Stream(StreamId number, State first, BlockPool& pool, std::pmr::memory_resource& nodes)
            : id(number), state(first), out(pool), in(nodes) {}

        StreamId id;
        State state;
        StreamClass stream_class = StreamClass::kInteractive;
        SendBuffer out;
        std::uint64_t next = 0;   // offset of the next byte to send for the first time
        std::uint64_t limit = 0;  // credit from the peer
        ReceiveBuffer in;
        std::uint32_t window = 0;
        std::uint64_t limit_told = 0;
        std::uint64_t received_told = 0;
        std::uint64_t final_offset = kNoFinal;
        bool in_queue = false;
        bool ack_queued = false;
        bool ack_pending = false;     // in unacknowledged_
        bool held_by_window = false;  // the peer came close to the limit
        bool fin_sent = false;
        bool done_received = false;
        bool done_sent = false;

        [[nodiscard]] std::size_t sendable() const;
    };
    struct Channel {
        Flight flight;
        bool tells_arrived = false;
        bool is_late = false;
        bool arrived_due = false;
        std::uint64_t received = 0;  // DATA and ACK frames
        std::uint64_t received_told = 0;
        Time control_came_at;
    };
    static constexpr std::uint64_t kNoFinal = ~std::uint64_t{0};

    Stream* find(StreamId id);
    const Stream* find(StreamId id) const;
    Stream& add_stream(StreamId id, State state);
    void remove_stream(StreamId id);
    void fail_stream(StreamId id, const Error& error);
    void close_if_done(Stream& stream);
    void begin_control();

    void schedule(Stream& stream);
    bool pull_ack(Channel& channel, Time now, OutFrame& out);
    bool pull_turn(Channel& channel, const SendQueue::Turn& turn, std::size_t most, Time now, OutFrame& out);
    [[nodiscard]] bool may_carry_control(ChannelId channel) const;
    void rescue(Flight& flight);
    void judge(ChannelId id, Channel& channel, Time now);
    [[nodiscard]] bool all_late() const;
    void acknowledge_pending(Time now);
    void queue_ack(Stream& stream);
    void queue_ack_if_due(Stream& stream);
    void send(const ControlMessage& message);
    void tell_services();

    Result<void> receive_data(Channel& channel, InFrame frame, Time now);
    Result<void> receive_ack(const InFrame& frame);
    Result<void> receive_arrived(Channel& channel, std::uint64_t count, Time now);
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
    BlockPool& pool_;
    std::pmr::unsynchronized_pool_resource nodes_;
    WindowBudget budget_;
    std::size_t send_buffered_ = 0;  // of all streams but stream 0
    std::map<ChannelId, Channel> channels_;
    std::unordered_map<StreamId, Stream> streams_;
    std::optional<Stream> control_;  // stream 0; always there
    ControlReader control_reader_;
    SendQueue queue_;
    ChannelId express_ = 0;
    Time control_sent_at_;
    boost::circular_buffer<StreamId> acks_;
    std::vector<StreamId> unacknowledged_;
    Time acknowledged_at_;
    std::vector<std::string> services_;
    bool services_told_ = false;  // the peer knows services_, or stream 0 carries them
    StreamId next_own_;
    StreamId last_of_peer_ = 0;
    std::uint64_t restarts_ = 0;
    LinkCounters counters_;
};

}  // namespace ssi::isfc
