#pragma once
/// The logical link to one peer, with everything that belongs to it on this member: channels, session, local sockets.

#include <boost/asio/any_io_executor.hpp>
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
#include "daemons/isfcd/link/logical_link.hpp"
#include "daemons/isfcd/link/session_agreement.hpp"
#include "daemons/isfcd/local/local_listeners.hpp"
#include "daemons/isfcd/local/local_stream.hpp"
#include "daemons/isfcd/local/service_offers.hpp"
#include "daemons/isfcd/timing.hpp"
#include "lib/common/system_config.hpp"

namespace ssi::isfc {

/// What all links of this member share.
struct LinkSettings {
    MemberConfig own;
    std::string cluster;
    std::string cluster_uuid;
    Timing timing;
    LinkOptions link;  ///< lower_slot is set per peer
    std::filesystem::path runtime_directory;
    std::shared_ptr<BlockPool> pool;
};

/// One executor. Its coroutines hold it: call stop() to let it go.
class PeerLink : public std::enable_shared_from_this<PeerLink>, private LinkObserver, private ChannelOwner {
  public:
    PeerLink(const boost::asio::any_io_executor& executor, const LinkSettings& settings, const MemberConfig& peer,
             std::vector<ChannelConfig> channels, const TlsIdentity& identity, std::shared_ptr<ServiceOffers> offers);
    ~PeerLink() override;
    PeerLink(const PeerLink&) = delete;
    PeerLink& operator=(const PeerLink&) = delete;

    /// Connects the channels of which this end is the lower, and listens for local programs.
    void start();
    /// Says goodbye on every channel; streams end with an error.
    void stop();

    /// The peer has connected and said HELLO. The error was sent to it.
    boost::asio::awaitable<Result<void>> accept(Greeted greeted);
    void offers_changed();
    void expect(const std::string& service);
    void forget(const std::string& service);

    [[nodiscard]] const MemberName& peer() const { return peer_.name; }
    [[nodiscard]] const ChannelConfig* find_channel(const std::string& name) const;
    [[nodiscard]] bool is_up() const { return link_.has_channels(); }
    [[nodiscard]] boost::json::object query() const;

  private:
    struct ChannelStatus {
        std::string problem;  // why it is down; logged when it changes
        std::uint64_t times_up = 0;
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
    bool pull_frame(ChannelId channel, Time now, OutFrame& out) override;
    void on_frame(ChannelId channel, InFrame frame, Time now) override;
    void on_closed(ChannelId channel, const Error& reason, bool session_ends) override;

    boost::asio::awaitable<void> keep_connected(ChannelConfig channel);
    boost::asio::awaitable<void> maintain();
    boost::asio::awaitable<void> open_for_program(std::string service, LocalStream::Socket socket);
    boost::asio::awaitable<void> connect_service(StreamId stream, std::string service);
    boost::asio::awaitable<bool> wait_until_up();

    [[nodiscard]] Hello hello(const std::string& channel) const;
    Result<void> adopt(Greeted greeted, std::uint64_t sent_own, std::optional<OutFrame> answer);
    void begin_ticking();
    void end_session(const Error& reason, bool renew, bool tell_peer);
    void update_listeners();
    void problem(const std::string& channel, const Error& error);
    void wake_waiting();

    /// A stream that this member opened and the peer has not answered.
    struct Opening {
        std::shared_ptr<LocalStream> local;
        std::shared_ptr<Signal> answered;
        bool opened = false;
    };

    boost::asio::any_io_executor executor_;
    LinkSettings settings_;
    MemberConfig peer_;
    std::vector<ChannelConfig> configured_;
    TlsIdentity identity_;
    std::shared_ptr<ServiceOffers> offers_;
    LogicalLink link_;
    SessionAgreement session_;
    std::map<ChannelId, std::shared_ptr<Channel>> channels_;
    std::map<std::string, ChannelStatus> status_;
    ChannelId last_channel_ = 0;
    std::uint64_t epoch_ = 0;         // counts sessions: the peer's stream numbers begin anew with each
    std::optional<Time> down_since_;  // has a session, but no channel
    std::map<StreamId, std::shared_ptr<LocalStream>> streams_;
    std::map<StreamId, Opening> openings_;
    std::set<std::shared_ptr<Signal>> waiting_;  // for the link to come up, or for stop()
    std::map<std::string, std::shared_ptr<Signal>> connectors_;
    std::set<std::string> announced_;
    std::set<std::string> expected_;
    std::unique_ptr<LocalListeners> listeners_;
    Signal maintenance_;
    bool ticking_ = false;
    bool stopping_ = false;
};

}  // namespace ssi::isfc
