#pragma once
/// An established channel: frames out, frames in, heartbeats.

#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "daemons/isfcd/channel/signal.hpp"
#include "daemons/isfcd/channel/socket_budget.hpp"
#include "daemons/isfcd/channel/transport.hpp"
#include "daemons/isfcd/link/logical_link.hpp"
#include "daemons/isfcd/timing.hpp"
#include "daemons/isfcd/turns.hpp"
#include "daemons/isfcd/wire/frame.hpp"
#include "daemons/isfcd/wire/messages.hpp"

namespace ssi::isfc {

/// Whom a channel serves. Called on the executor of the channel; not after on_closed().
class ChannelOwner {
  public:
    virtual ~ChannelOwner() = default;
    /// The next frame to be sent on this channel; false if there is none. `most_bulk`: as LogicalLink::pull().
    virtual bool pull_frame(ChannelId channel, Time now, std::size_t most_bulk, OutFrame& out) = 0;
    /// Shall frames that others wait for find its socket nearly empty?
    [[nodiscard]] virtual bool keeps_clear(ChannelId channel, Time now) const = 0;
    /// Does it carry what others wait for? Then it does not wait for its turn among the channels and streams.
    [[nodiscard]] virtual bool goes_first(ChannelId channel, Time now) const = 0;
    /// A DATA, ACK or ARRIVED frame. The owner closes the channel itself if it does not like the frame.
    virtual void on_frame(ChannelId channel, InFrame frame, Time now) = 0;
    /// The channel is no more. `session_ends`: the peer said that its end of the logical link is over.
    virtual void on_closed(ChannelId channel, const Error& reason, bool session_ends) = 0;
};

struct ChannelCounters {
    std::uint64_t sent_bytes = 0;
    std::uint64_t received_bytes = 0;
    std::uint64_t sent_frames = 0;
    std::uint64_t received_frames = 0;
    std::chrono::microseconds round_trip{0};  ///< of the last heartbeat
    std::chrono::microseconds least_round_trip = std::chrono::microseconds::max();
};

/// Lives until closed: its coroutines hold it. The owner must outlive it or close it.
class Channel : public std::enable_shared_from_this<Channel> {
  public:
    /// `hello`, if any, is sent before anything else.
    Channel(ChannelId id, std::string name, std::shared_ptr<Transport> transport, std::shared_ptr<BlockPool> pool,
            std::shared_ptr<Turns> turns, std::optional<OutFrame> hello, const Timing& timing, ChannelOwner& owner);
    void start();
    /// pull_frame() has something new.
    void wake() { work_.notify(); }
    /// It waits for wake(): its socket has room, and there was nothing to send.
    [[nodiscard]] bool is_idle() const { return idle_; }
    /// Closes at once, or, with a goodbye, as soon as that is sent (at the latest after one heartbeat). on_closed() is
    /// called from within, unless the channel is closed already.
    void close(const Error& reason, const std::optional<Goodbye>& goodbye = {});

    [[nodiscard]] ChannelId id() const { return id_; }
    [[nodiscard]] const std::string& name() const { return name_; }
    [[nodiscard]] bool is_encrypted() const { return transport_->is_encrypted(); }
    [[nodiscard]] const ChannelCounters& counters() const { return counters_; }

  private:
    boost::asio::awaitable<void> read_frames();
    boost::asio::awaitable<void> write_frames();
    boost::asio::awaitable<bool> write(OutFrame& frame);
    boost::asio::awaitable<void> beat();
    void handle(InFrame frame);
    bool next_frame(OutFrame& frame);
    std::size_t most_bulk(Time now);
    void fit_socket(Time now);
    [[nodiscard]] bool goes_first() const;
    boost::asio::awaitable<void> take_turn();
    void finish(const Error& reason, bool session_ends);

    ChannelId id_;
    std::string name_;
    std::shared_ptr<Transport> transport_;
    std::shared_ptr<BlockPool> pool_;
    std::shared_ptr<Turns> turns_;
    FrameAssembler assembler_;
    Timing timing_;
    ChannelOwner& owner_;
    Signal work_;
    boost::asio::steady_timer beat_timer_;
    std::deque<OutFrame> urgent_;      // heartbeats: before everything else
    std::optional<OutFrame> goodbye_;  // after everything else
    SocketBudget budget_;
    Time sampled_;
    bool was_full_ = false;           // since sampled_
    std::optional<Time> look_again_;  // bulk is held back until the socket is empty
    bool idle_ = false;
    bool open_ = true;      // the owner has not been told that it is closed
    bool leaving_ = false;  // closed for the owner; only the goodbye is still to be sent
    bool heard_ = true;
    ChannelCounters counters_;
};

}  // namespace ssi::isfc
