#pragma once
/// The logical link to one peer, with everything that belongs to it on this member: channels, session, local sockets.

#include <boost/asio/any_io_executor.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "daemons/isfcd/channel/channel.hpp"
#include "daemons/isfcd/channel/handshake.hpp"
#include "daemons/isfcd/channel/own_identity.hpp"
#include "daemons/isfcd/channel_roster.hpp"
#include "daemons/isfcd/control.hpp"
#include "daemons/isfcd/link/express_choice.hpp"
#include "daemons/isfcd/link/logical_link.hpp"
#include "daemons/isfcd/link/session_agreement.hpp"
#include "daemons/isfcd/local/local_listeners.hpp"
#include "daemons/isfcd/local/local_stream.hpp"
#include "daemons/isfcd/local/service_offers.hpp"
#include "daemons/isfcd/timing.hpp"
#include "lib/common/system_config.hpp"

namespace ssi::isfc {

class CtcDriver;

/// What all links of this member share.
struct LinkSettings {
    MemberConfig own;
    std::string cluster;
    std::string cluster_uuid;
    Timing timing;
    LinkOptions link;  ///< lower_slot is set per peer
    std::filesystem::path runtime_directory;
    std::shared_ptr<BlockPool> pool;
    std::shared_ptr<Turns> turns;
    EventHandler on_event;  ///< Never empty.
};

/// One executor. Its coroutines hold it: call stop() to let it go.
class PeerLink : public std::enable_shared_from_this<PeerLink>, private LinkObserver, private ChannelOwner {
  public:
    PeerLink(const boost::asio::any_io_executor& executor, const LinkSettings& settings, const MemberConfig& peer,
             const std::vector<ChannelConfig>& channels, std::shared_ptr<const OwnIdentity> identity,
             std::shared_ptr<ServiceOffers> offers);
    ~PeerLink() override;
    PeerLink(const PeerLink&) = delete;
    PeerLink& operator=(const PeerLink&) = delete;

    /// Connects the channels of which this end is the lower, and listens for local programs.
    void start();
    /// Says goodbye on every channel; streams end with an error that says `why`.
    void stop(const std::string& why);

    /// The peer has connected and said HELLO. The error was sent to it.
    boost::asio::awaitable<Result<void>> accept(Greeted greeted);

    // --- administration (peer_link_channels.cpp) ---
    /// Makes the channels those of system.toml. Others than the changed ones are not touched; what must be made anew is
    /// made so one after the other.
    void set_channels(const std::vector<ChannelConfig>& file, const Timing& timing);
    /// Makes all encrypted channels anew with new certificates, one after the other.
    void set_identity(std::shared_ptr<const OwnIdentity> identity);
    /// Errors of these three: as ChannelRoster's.
    [[nodiscard]] Result<void> add_channel(const ChannelConfig& channel);
    [[nodiscard]] Result<bool> activate(const std::string& channel);
    [[nodiscard]] Result<bool> deactivate(const std::string& channel, bool force);
    [[nodiscard]] const ChannelRoster& roster() const { return roster_; }
    void offers_changed();
    void expect(const std::string& service);
    void forget(const std::string& service);

    [[nodiscard]] const MemberConfig& peer() const { return peer_; }
    [[nodiscard]] bool is_up() const { return link_.has_channels(); }
    /// The link and its channels, and its streams, as docs/architecture.md has them (peer_link_report.cpp).
    [[nodiscard]] boost::json::object query() const;
    [[nodiscard]] boost::json::array streams() const;

  private:
    /// With what a connection was begun: it may have changed since.
    struct Made {
        ChannelConfig config;
        std::uint64_t identity = 0;
        std::uint64_t session = 0;
    };
    /// Keeps one channel of which this end is the one that connects.
    struct Connector {
        explicit Connector(const boost::asio::any_io_executor& executor) : changed(executor) {}
        Signal changed;  // the channel was lost, or one of these two changed
        bool wanted = true;
        bool renew = false;    // make it anew although it is up
        bool at_once = false;  // the peer closed it to have it made anew
    };

    // LinkObserver
    void stream_requested(StreamId stream, const std::string& service) override;
    void stream_opened(StreamId stream) override;
    void stream_readable(StreamId stream) override;
    void stream_writable(StreamId stream) override;
    void stream_closed(StreamId stream) override;
    void stream_failed(StreamId stream, const Error& error) override;
    void services_announced(const std::vector<std::string>& names) override;
    void channel_has_work(ChannelId channel) override;
    void link_has_work() override;
    // ChannelOwner
    bool pull_frame(ChannelId channel, Time now, std::size_t most_bulk, OutFrame& out) override;
    [[nodiscard]] bool keeps_clear(ChannelId channel, Time now) const override;
    [[nodiscard]] bool goes_first(ChannelId channel, Time now) const override;
    void on_frame(ChannelId channel, InFrame frame, Time now) override;
    void on_closed(ChannelId channel, const Error& reason, bool session_ends) override;

    void update_drivers();
    boost::asio::awaitable<std::optional<std::string>> interface_for(std::string channel);
    [[nodiscard]] bool has_interface(const std::string& channel) const;
    void begin_connecting(const std::string& channel);
    boost::asio::awaitable<void> keep_connected(std::string channel, std::shared_ptr<Connector> connector);
    boost::asio::awaitable<void> renew_channels();
    void begin_renewing();
    void close_channel(const std::string& channel, const Error& reason);
    [[nodiscard]] Result<void> check_channel(const Greeted& greeted) const;
    void warn_of_clear_channels();
    [[nodiscard]] boost::json::object describe_channel(const ChannelEntry& entry) const;
    boost::asio::awaitable<void> maintain();
    boost::asio::awaitable<void> open_for_program(std::string service, LocalStream::Socket socket);
    boost::asio::awaitable<void> connect_service(StreamId stream, std::string service);
    boost::asio::awaitable<bool> wait_until_up();

    [[nodiscard]] Hello hello(const std::string& channel) const;
    /// Takes the connection into the link; `answer`, if any, is its first frame.
    Result<void> adopt(Greeted greeted, const Made& made, std::optional<OutFrame> answer);
    void begin_ticking();
    void choose_express();
    void end_session(const Error& reason, bool renew, bool tell_peer);
    void update_listeners();
    void problem(const std::string& channel, const Error& error);
    void channel_gone(const Channel& channel, std::uint64_t resent, const Error& reason);
    void channel_changed(const std::string& channel, std::string_view state, const std::string& reason);
    void link_changed(std::string_view state, const std::string& reason);
    void wake_connector(const std::string& channel);
    void wake_waiting();

    /// A stream that this member opened and the peer has not answered.
    struct Opening {
        std::shared_ptr<LocalStream> local;
        std::shared_ptr<Signal> answered;
        std::string service;
        bool opened = false;
        Time since = Time::clock::now();
    };
    struct OpenStream {
        std::shared_ptr<LocalStream> local;
        std::string service;
        Time since = Time::clock::now();
    };

    boost::asio::any_io_executor executor_;
    LinkSettings settings_;
    MemberConfig peer_;
    ChannelRoster roster_;
    std::shared_ptr<const OwnIdentity> identity_;
    std::shared_ptr<ServiceOffers> offers_;
    LogicalLink link_;
    SessionAgreement session_;
    std::map<ChannelId, std::shared_ptr<Channel>> channels_;
    ChannelId last_channel_ = 0;
    std::uint64_t epoch_ = 0;          // counts sessions: the peer's stream numbers begin anew with each
    std::optional<Time> down_since_;   // has a session, but no channel
    Time since_ = Time::clock::now();  // of the link's state
    std::map<StreamId, OpenStream> streams_;
    std::map<StreamId, Opening> openings_;
    std::set<std::shared_ptr<Signal>> waiting_;  // for the link to come up, or for stop()
    std::map<std::string, std::shared_ptr<Connector>> connectors_;
    std::map<std::string, std::shared_ptr<CtcDriver>> drivers_;  // of the channels that have one
    Signal renewal_;  // something that renew_channels() waits for has changed
    bool renewing_ = false;
    std::set<std::string> announced_;
    std::set<std::string> expected_;
    std::unique_ptr<LocalListeners> listeners_;
    Signal maintenance_;
    bool ticking_ = false;
    ExpressChoice express_choice_;
    std::vector<ExpressChoice::Candidate> candidates_;  // of choose_express(): kept for its memory
    ChannelId express_ = 0;
    bool stopping_ = false;
};

}  // namespace ssi::isfc
