#pragma once
/// One end of a logical link as PeerLink and Channel make it, around the real LogicalLink and SessionAgreement, with
/// simulated wires for connections. What differs from the real thing: no TLS, and HELLO says nothing but features and
/// session. A change of PeerLink's or Channel's rules belongs here too.

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

#include "daemons/isfcd/link/express_choice.hpp"
#include "daemons/isfcd/link/logical_link.hpp"
#include "daemons/isfcd/link/session_agreement.hpp"
#include "daemons/isfcd/timing.hpp"
#include "tests/sim/isfc_sim_wire.hpp"

namespace ssi::isfc::sim {

/// What must never happen has happened.
struct Violation : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// The local programs of an end. Called from within the link.
class Programs {
  public:
    virtual ~Programs() = default;
    virtual void requested(Side side, StreamId stream, const std::string& service) = 0;
    virtual void opened(Side side, StreamId stream) = 0;
    virtual void readable(Side side, StreamId stream) = 0;
    virtual void writable(Side side, StreamId stream) = 0;
    virtual void closed(Side side, StreamId stream) = 0;
    virtual void failed(Side side, StreamId stream, const Error& error) = 0;
};

struct EndOptions {
    LinkOptions link;
    bool knows_arrived = true;
    std::size_t send_buffer = 64 * 1024;  ///< Of each channel's socket.
    Timing timing;
};

/// One life of isfcd. Held by a shared_ptr; when it is let go, the process is dead: what it waited for never happens.
class End : public std::enable_shared_from_this<End>, private LinkObserver {
  public:
    End(World& world, Side side, const EndOptions& options, Programs& programs);
    ~End() override;
    End(const End&) = delete;
    End& operator=(const End&) = delete;

    /// Begins to connect (the lower side) and to keep time. `peer` gives the other end, or nothing while it is dead.
    void start(std::vector<Path>& paths, std::function<std::shared_ptr<End>()> peer);
    /// Says goodbye on all channels.
    void stop();
    /// Does something when the process runs: not while it is frozen, and never if it has died by then.
    void act(Duration delay, std::function<void()> what);
    void freeze() { frozen_ = true; }
    void thaw();

    [[nodiscard]] LogicalLink& link() { return link_; }
    [[nodiscard]] const BlockPool& pool() const { return pool_; }
    [[nodiscard]] bool is_up() const { return link_.has_channels(); }
    [[nodiscard]] std::size_t channels() const { return channels_.size(); }
    /// What the peer said to offer.
    [[nodiscard]] const std::vector<std::string>& services() const { return services_; }
    /// Counts sessions.
    [[nodiscard]] std::uint64_t epoch() const { return epoch_; }
    [[nodiscard]] const EndOptions& options() const { return options_; }
    /// Nothing is under way on any channel, as far as this end can know.
    [[nodiscard]] bool is_quiet() const;

  private:
    struct Channel {
        ChannelId id;
        Path* path;
        std::shared_ptr<Wire> wire;
        FrameAssembler assembler;
        std::deque<OutFrame> urgent{};
        std::optional<OutFrame> goodbye{};
        std::optional<OutFrame> blocked{};  // pulled, but there was no room
        bool idle = false;
        bool open = true;
        bool leaving = false;
        bool heard = true;
        bool reading = false;
        bool writing = false;
        int silent = 0;
        Duration round_trip{0};
        Duration least_round_trip = Duration::max();
        Time since;
    };
    using ChannelRef = std::shared_ptr<Channel>;

    // LinkObserver
    void stream_requested(StreamId stream, const std::string& service) override;
    void stream_opened(StreamId stream) override { programs_.opened(side_, stream); }
    void stream_readable(StreamId stream) override { programs_.readable(side_, stream); }
    void stream_writable(StreamId stream) override { programs_.writable(side_, stream); }
    void stream_closed(StreamId stream) override { programs_.closed(side_, stream); }
    void stream_failed(StreamId stream, const Error& error) override { programs_.failed(side_, stream, error); }
    void services_announced(const std::vector<std::string>& names) override { services_ = names; }
    void channel_has_work(ChannelId channel) override;
    void link_has_work() override;

    // A connection's making
    void connect(Path& path, Duration backoff);
    void connect_again(Path& path, Duration backoff);
    void greeted(const std::shared_ptr<Wire>& wire, Path& path, const Hello& hello);
    void answered(const std::shared_ptr<Wire>& wire, Path& path, std::uint64_t sent_own, Duration backoff);
    bool adopt(const std::shared_ptr<Wire>& wire, Path& path, const Hello& hello, std::uint64_t sent_own,
               std::optional<OutFrame> answer);
    [[nodiscard]] OutFrame hello();

    // A channel's life
    void read(const ChannelRef& channel);
    void handle(const ChannelRef& channel, InFrame frame);
    void write(const ChannelRef& channel);
    void write_soon(const ChannelRef& channel);
    bool next_frame(Channel& channel, OutFrame& frame);
    [[nodiscard]] std::size_t most_bulk(const Channel& channel) const;
    void beat(const ChannelRef& channel);
    void close(const ChannelRef& channel, const Error& reason, const std::optional<Goodbye>& goodbye);
    void finish(const ChannelRef& channel, const Error& reason, bool session_ends);
    void on_closed(const ChannelRef& channel, const Error& reason, bool session_ends);

    void choose_express();
    void end_session(const Error& reason, bool renew, bool tell_peer);
    void begin_ticking();
    void keep_time(Duration pause);

    World& world_;
    Side side_;
    EndOptions options_;
    Programs& programs_;
    BlockPool pool_;
    LogicalLink link_;
    SessionAgreement session_;
    std::function<std::shared_ptr<End>()> peer_;
    std::map<ChannelId, ChannelRef> channels_;
    ChannelId last_channel_ = 0;
    ExpressChoice express_choice_;
    ChannelId express_ = 0;
    std::uint64_t epoch_ = 0;
    std::vector<std::string> services_;
    std::optional<Time> down_since_;
    bool ticking_ = false;
    bool tick_due_ = false;
    std::uint64_t maintenance_ = 0;
    bool stopping_ = false;
    bool frozen_ = false;
    std::vector<std::function<void()>> held_back_;
};

}  // namespace ssi::isfc::sim
