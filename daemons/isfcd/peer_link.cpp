#include "daemons/isfcd/peer_link.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <format>
#include <random>
#include <utility>

#include "daemons/isfcd/driver/ctc_driver.hpp"
#include "lib/common/log.hpp"

namespace ssi::isfc {
namespace asio = boost::asio;
namespace {

std::uint64_t random_session() {
    std::random_device device;
    const auto high = static_cast<std::uint64_t>(device());
    return (high << 32 | device()) | 1;  // never 0
}

LinkOptions options_for(LinkOptions options, const MemberConfig& own, const MemberConfig& peer) {
    options.lower_slot = own.slot < peer.slot;
    return options;
}

}  // namespace

PeerLink::PeerLink(const asio::any_io_executor& executor, const LinkSettings& settings, const MemberConfig& peer,
                   const std::vector<ChannelConfig>& channels, std::shared_ptr<const OwnIdentity> identity,
                   std::shared_ptr<ServiceOffers> offers)
    : executor_(executor),
      settings_(settings),
      peer_(peer),
      roster_(settings.own.name, peer.name),
      identity_(std::move(identity)),
      offers_(std::move(offers)),
      link_(options_for(settings.link, settings.own, peer), *this, *settings_.pool),
      session_(random_session()),
      renewal_(executor),
      maintenance_(executor) {
    roster_.set_file(channels, Time::clock::now());
    link_.announce(offers_->names());
}

PeerLink::~PeerLink() {
    for (const auto& [id, stream] : streams_) stream.local->on_failed();
    for (const auto& [id, opening] : openings_) opening.local->on_failed();
}

void PeerLink::start() {
    listeners_ = std::make_unique<LocalListeners>(
        executor_, settings_.runtime_directory / peer_.name.str(),
        [weak = weak_from_this()](const std::string& service, LocalStream::Socket socket) {
            const auto self = weak.lock();
            if (!self || self->stopping_) return;
            asio::co_spawn(
                self->executor_,
                [self, service, local = std::make_shared<LocalStream::Socket>(std::move(socket))] {
                    return self->open_for_program(service, std::move(*local));
                },
                asio::detached);
        });
    update_listeners();
    asio::co_spawn(executor_, [self = shared_from_this()] { return self->maintain(); }, asio::detached);
    warn_of_clear_channels();
    update_drivers();
    for (const auto& [name, entry] : roster_.entries()) begin_connecting(name);
}

void PeerLink::stop(const std::string& why) {
    if (std::exchange(stopping_, true)) return;
    listeners_.reset();
    end_session(Error{ErrorCode::kLinkDown, why, settings_.own.name.str(), ""}, true, true);
    maintenance_.notify();
    renewal_.notify();
    wake_waiting();
    for (const auto& [name, connector] : connectors_) {
        connector->wanted = false;
        connector->changed.notify();
    }
    for (const auto& [name, driver] : drivers_) driver->stop();
}

// --- channels ---

Hello PeerLink::hello(const std::string& channel) const {
    return {kFeatureArrived, session_.own(), settings_.cluster_uuid, settings_.own.name.str(), peer_.name.str(),
            channel,         SSI_VERSION};
}

Result<void> PeerLink::adopt(Greeted greeted, const Made& made, std::optional<OutFrame> answer) {
    const auto& hello = greeted.hello;
    if (hello.member != peer_.name.str())
        return failure(ErrorCode::kCertificateInvalid,
                       std::format("{} answers in the place of {}", hello.member, peer_.name.str()), hello.member,
                       "check the addresses in system.toml");
    if (hello.cluster_uuid != settings_.cluster_uuid)
        return failure(ErrorCode::kChannelFailed,
                       std::format("{} is in cluster {}, {} in {}", hello.member, hello.cluster_uuid,
                                   settings_.own.name.str(), settings_.cluster_uuid),
                       hello.member, "install the same system.toml on all members");
    if (hello.peer != settings_.own.name.str())
        return failure(ErrorCode::kChannelFailed,
                       std::format("{} looks for {}, this is {}", hello.member, hello.peer, settings_.own.name.str()),
                       hello.member, "check the addresses in system.toml");
    const bool met_before = session_.peer() != 0;
    switch (session_.judge(made.session, hello.session, !channels_.empty())) {
        case SessionAgreement::Verdict::kJoin:
            break;
        case SessionAgreement::Verdict::kRestart:
            if (met_before)
                log::notice(std::format("isfcd on {} began anew", hello.member), {{"SSI_MEMBER", hello.member}});
            end_session(Error{ErrorCode::kLinkDown, std::format("isfcd on {} began anew", hello.member), hello.member,
                              "open the connection again"},
                        false, false);
            break;
        case SessionAgreement::Verdict::kRenew:
            end_session(Error{ErrorCode::kLinkDown, "the link begins anew", hello.member, "open the connection again"},
                        true, false);
            [[fallthrough]];
        case SessionAgreement::Verdict::kRefuse:
            return failure(ErrorCode::kChannelFailed, "the handshake came too late, it is tried again", hello.member);
    }
    const auto* entry = roster_.find(hello.channel);
    if (entry == nullptr || entry->deactivated)
        return failure(ErrorCode::kChannelDeactivated, "the channel was taken down meanwhile", hello.channel);
    const auto id = ++last_channel_;
    const auto channel =
        std::make_shared<Channel>(id, hello.channel, greeted.transport, settings_.pool, settings_.turns,
                                  std::move(answer), settings_.timing, static_cast<ChannelOwner&>(*this));
    const auto now = Time::clock::now();
    const bool first = channels_.empty();
    const bool anew = entry->live.has_value();
    channels_.emplace(id, channel);
    down_since_.reset();
    roster_.came_up(hello.channel, {id, made.config, made.identity, greeted.certificate}, now);
    // In this order: start() may read a frame at once, and the link must count it.
    link_.add_channel(id, (hello.features & kFeatureArrived) != 0);
    channel->start();
    // The old connection of this channel goes after the new one is there: the link is never without.
    for (const auto& [old, one] : std::map(channels_))
        if (old != id && one->name() == hello.channel)
            one->close(Error{ErrorCode::kChannelFailed, "the channel was made anew", hello.channel, ""});
    if (!anew) channel_changed(hello.channel, "up", "");
    if (first) link_changed("up", "");
    renewal_.notify();
    wake_waiting();
    return {};
}

// --- frames ---

bool PeerLink::pull_frame(ChannelId channel, Time now, std::size_t most_bulk, OutFrame& out) {
    if (!link_.pull(channel, now, out, most_bulk)) return false;
    if (link_.has_work()) link_has_work();
    begin_ticking();
    return true;
}

void PeerLink::channel_has_work(ChannelId channel) {
    if (const auto found = channels_.find(channel); found != channels_.end()) found->second->wake();
}

/// Wakes the quickest of the channels that have nothing to do; when it has pulled and there is more, the next.
void PeerLink::link_has_work() {
    if (link_.has_express_work())
        if (const auto express = channels_.find(express_); express != channels_.end()) express->second->wake();
    Channel* quickest = nullptr;
    for (const auto& [id, channel] : channels_) {
        if (!channel->is_idle() || link_.is_late(id)) continue;
        if (quickest == nullptr || channel->counters().round_trip < quickest->counters().round_trip)
            quickest = channel.get();
    }
    if (quickest != nullptr) quickest->wake();
}

bool PeerLink::keeps_clear(ChannelId channel, Time now) const {
    return link_.is_kept_clear(channel, now);
}

bool PeerLink::goes_first(ChannelId channel, Time now) const {
    return link_.carries_control(channel, now);
}

void PeerLink::choose_express() {
    candidates_.clear();
    for (const auto& [id, channel] : channels_)
        candidates_.push_back({id, channel->counters().least_round_trip, link_.is_late(id)});
    express_ = express_choice_.choose(candidates_, Time::clock::now());
    link_.set_express(express_);
}

void PeerLink::begin_ticking() {
    if (!ticking_ && link_.needs_ticks()) maintenance_.notify();
}

void PeerLink::on_frame(ChannelId channel, InFrame frame, Time now) {
    const auto received = link_.receive(channel, std::move(frame), now);
    begin_ticking();
    if (received) return;
    log::error(std::format("link to {} begins anew", peer_.name.str()), received.error());
    end_session(received.error(), true, true);
}

void PeerLink::on_closed(ChannelId channel, const Error& reason, bool session_ends) {
    const auto found = channels_.find(channel);
    if (found == channels_.end()) return;  // end_session() closed it
    const auto lost = found->second;
    channels_.erase(found);
    const auto resent = link_.remove_channel(channel);
    channel_gone(*lost, resent, reason);
    if (!channels_.empty() && !session_ends) return;
    if (channels_.empty()) {
        link_changed("down", std::format("{}; {} streams wait", reason.what, link_.streams()));
        down_since_ = Time::clock::now();
    }
    if (session_ends) {
        session_.peer_ended();
        end_session(reason, false, false);
    }
}

// --- session ---

void PeerLink::end_session(const Error& reason, bool renew, bool tell_peer) {
    const auto channels = std::exchange(channels_, {});
    for (const auto& [id, channel] : channels) {
        const auto resent = link_.remove_channel(id);
        channel->close(reason, tell_peer ? std::optional(Goodbye{true, reason}) : std::nullopt);
        channel_gone(*channel, resent, reason);
    }
    if (link_.streams() > 0)
        log::warning(std::format("{} streams to {} end: {}", link_.streams(), peer_.name.str(), reason.text()),
                     {{"SSI_MEMBER", peer_.name.str()}});
    if (!channels.empty()) link_changed("down", reason.what);
    if (renew) session_.renew(random_session());
    down_since_.reset();
    ++epoch_;
    link_.restart(reason);
}

asio::awaitable<void> PeerLink::maintain() {
    while (!stopping_) {
        choose_express();
        ticking_ = link_.needs_ticks();
        const std::chrono::milliseconds pause = ticking_ ? LogicalLink::kTick : settings_.timing.heartbeat;
        co_await maintenance_.wait(Time::clock::now() + pause);
        link_.tick(Time::clock::now());
        if (down_since_ && Time::clock::now() - *down_since_ >= settings_.timing.link_timeout)
            end_session(Error{ErrorCode::kLinkDown,
                              std::format("no channel to {} for {}", peer_.name.str(), settings_.timing.link_timeout),
                              peer_.name.str(), "see ssictl islink show"},
                        true, false);
    }
}

}  // namespace ssi::isfc
