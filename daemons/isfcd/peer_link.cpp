#include "daemons/isfcd/peer_link.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/json/array.hpp>
#include <format>
#include <random>
#include <utility>

#include "lib/common/log.hpp"

namespace ssi::isfc {
namespace asio = boost::asio;
namespace {

std::uint64_t random_session() {
    std::random_device device;
    const auto high = static_cast<std::uint64_t>(device());
    return (high << 32 | device()) | 1;  // never 0
}

std::chrono::milliseconds jittered(std::chrono::milliseconds time) {
    std::random_device device;
    return time / 2 + std::chrono::milliseconds(device() % static_cast<unsigned>(time.count() / 2 + 1));
}

LinkOptions options_for(LinkOptions options, const MemberConfig& own, const MemberConfig& peer) {
    options.lower_slot = own.slot < peer.slot;
    return options;
}

}  // namespace

PeerLink::PeerLink(const asio::any_io_executor& executor, const LinkSettings& settings, const MemberConfig& peer,
                   std::vector<ChannelConfig> channels, const TlsIdentity& identity,
                   std::shared_ptr<ServiceOffers> offers)
    : executor_(executor),
      settings_(settings),
      peer_(peer),
      configured_(std::move(channels)),
      identity_(identity),
      offers_(std::move(offers)),
      link_(options_for(settings.link, settings.own, peer), *this, *settings_.pool),
      session_(random_session()),
      maintenance_(executor) {
    link_.announce(offers_->names());
}

PeerLink::~PeerLink() {
    for (const auto& [id, stream] : streams_) stream->on_failed();
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
    for (const auto& channel : configured_) {
        if (channel.lower.member != settings_.own.name) continue;
        connectors_[channel.name] = std::make_shared<Signal>(executor_);
        asio::co_spawn(
            executor_, [self = shared_from_this(), channel] { return self->keep_connected(channel); }, asio::detached);
    }
}

void PeerLink::stop() {
    if (std::exchange(stopping_, true)) return;
    listeners_.reset();
    end_session(Error{ErrorCode::kLinkDown, std::format("isfcd on {} stops", settings_.own.name.str()),
                      settings_.own.name.str(), ""},
                true, true);
    maintenance_.notify();
    wake_waiting();
    for (const auto& [name, signal] : connectors_) signal->notify();
}

// --- channels ---

const ChannelConfig* PeerLink::find_channel(const std::string& name) const {
    const auto found = std::ranges::find(configured_, name, &ChannelConfig::name);
    return found == configured_.end() ? nullptr : &*found;
}

Hello PeerLink::hello(const std::string& channel) const {
    return {kFeatureArrived, session_.own(), settings_.cluster_uuid, settings_.own.name.str(), peer_.name.str(),
            channel,         SSI_VERSION};
}

asio::awaitable<void> PeerLink::keep_connected(ChannelConfig channel) {
    const auto signal = connectors_.at(channel.name);
    auto backoff = settings_.timing.backoff_least;
    while (!stopping_) {
        const auto sent_own = session_.own();
        auto greeted = co_await connect_channel(channel, identity_, settings_.cluster, settings_.timing,
                                                hello(channel.name), *settings_.pool);
        if (stopping_) co_return;
        const auto adopted = greeted ? adopt(std::move(*greeted), sent_own, {}) : std::unexpected(greeted.error());
        if (!adopted) {
            problem(channel.name, adopted.error());
        } else {
            const auto since = Time::clock::now();
            const auto is_up = [&] {
                return std::ranges::any_of(channels_, [&](auto& one) { return one.second->name() == channel.name; });
            };
            while (is_up()) co_await signal->wait();
            // A channel that worked is tried again soon; one that breaks as soon as it is made, ever more seldom.
            if (Time::clock::now() - since > settings_.timing.backoff_most) backoff = settings_.timing.backoff_least;
        }
        if (!stopping_) co_await signal->wait(Time::clock::now() + jittered(backoff));
        backoff = std::min(backoff * 2, settings_.timing.backoff_most);
    }
}

asio::awaitable<Result<void>> PeerLink::accept(Greeted greeted) {
    const auto transport = greeted.transport;
    const auto name = greeted.hello.channel;
    Result<void> accepted;
    if (const auto* channel = find_channel(name); channel == nullptr || channel->higher.member != settings_.own.name) {
        accepted =
            failure(ErrorCode::kChannelFailed,
                    std::format("{} has no channel {} from {}", settings_.own.name.str(), name, peer_.name.str()), name,
                    "install the same system.toml on all members");
    } else {
        const auto sent_own = session_.own();
        accepted =
            adopt(std::move(greeted), sent_own, make_frame(FrameType::kHello, encode(hello(name)), *settings_.pool));
    }
    if (accepted) co_return accepted;
    problem(name, accepted.error());
    // That the peer does not get the reason is no further harm: it sees the connection end.
    auto goodbye = make_frame(FrameType::kGoodbye, encode(Goodbye{false, accepted.error()}), *settings_.pool);
    (void)co_await send_handshake_frame(transport, std::move(goodbye), settings_.timing);
    co_return accepted;
}

Result<void> PeerLink::adopt(Greeted greeted, std::uint64_t sent_own, std::optional<OutFrame> answer) {
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
    switch (session_.judge(sent_own, hello.session, !channels_.empty())) {
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
    for (const auto& [id, channel] : std::map(channels_))
        if (channel->name() == hello.channel)
            channel->close(Error{ErrorCode::kChannelFailed, "the peer made the channel anew", hello.channel, ""});
    const auto id = ++last_channel_;
    const auto channel =
        std::make_shared<Channel>(id, hello.channel, greeted.transport, settings_.pool, std::move(answer),
                                  settings_.timing, static_cast<ChannelOwner&>(*this));
    const bool first = channels_.empty();
    channels_.emplace(id, channel);
    down_since_.reset();
    auto& status = status_[hello.channel];
    status.problem.clear();
    ++status.times_up;
    log::info(std::format("channel {} to {} is up", hello.channel, hello.member),
              {{"SSI_MEMBER", hello.member}, {"SSI_CHANNEL", hello.channel}});
    if (first) log::notice(std::format("link to {} is up", hello.member), {{"SSI_MEMBER", hello.member}});
    // In this order: start() may read a frame at once, and the link must count it.
    link_.add_channel(id, (hello.features & kFeatureArrived) != 0);
    channel->start();
    wake_waiting();
    return {};
}

void PeerLink::problem(const std::string& channel, const Error& error) {
    if (stopping_) return;
    auto& status = status_[channel];
    if (std::exchange(status.problem, error.text()) == error.text()) return;  // told already
    const auto code = code_text(error.code);
    log::warning(std::format("channel {} to {}: {}", channel, peer_.name.str(), error.text()),
                 {{"SSI_MEMBER", peer_.name.str()}, {"SSI_CHANNEL", channel}, {"SSI_CODE", code}});
}

// --- frames ---

bool PeerLink::pull_frame(ChannelId channel, Time now, OutFrame& out) {
    if (!link_.pull(channel, now, out)) return false;
    if (link_.has_work()) link_has_work();
    begin_ticking();
    return true;
}

void PeerLink::channel_has_work(ChannelId channel) {
    if (const auto found = channels_.find(channel); found != channels_.end()) found->second->wake();
}

/// Wakes the quickest of the channels that have nothing to do; when it has pulled and there is more, the next.
void PeerLink::link_has_work() {
    Channel* quickest = nullptr;
    for (const auto& [id, channel] : channels_) {
        if (!channel->is_idle() || link_.is_late(id)) continue;
        if (quickest == nullptr || channel->counters().round_trip < quickest->counters().round_trip)
            quickest = channel.get();
    }
    if (quickest != nullptr) quickest->wake();
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
    const auto name = found->second->name();
    channels_.erase(found);
    link_.remove_channel(channel);
    problem(name, reason);
    if (const auto connector = connectors_.find(name); connector != connectors_.end()) connector->second->notify();
    if (!channels_.empty() && !session_ends) return;
    if (channels_.empty()) {
        log::notice(std::format("link to {} is down, {} streams wait", peer_.name.str(), link_.streams()),
                    {{"SSI_MEMBER", peer_.name.str()}});
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
    for (const auto& [id, channel] : channels) link_.remove_channel(id);
    for (const auto& [id, channel] : channels) {
        channel->close(reason, tell_peer ? std::optional(Goodbye{true, reason}) : std::nullopt);
        if (const auto one = connectors_.find(channel->name()); one != connectors_.end()) one->second->notify();
    }
    if (link_.streams() > 0)
        log::warning(std::format("{} streams to {} end: {}", link_.streams(), peer_.name.str(), reason.text()),
                     {{"SSI_MEMBER", peer_.name.str()}});
    if (!channels.empty())
        log::notice(std::format("link to {} is down: {}", peer_.name.str(), reason.text()),
                    {{"SSI_MEMBER", peer_.name.str()}});
    if (renew) session_.renew(random_session());
    down_since_.reset();
    ++epoch_;
    link_.restart(reason);
}

asio::awaitable<void> PeerLink::maintain() {
    while (!stopping_) {
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

// --- state for the administrator ---

boost::json::object PeerLink::query() const {
    boost::json::array channels;
    for (const auto& channel : configured_) {
        boost::json::object entry{{"name", channel.name},
                                  {"local", channel.end_at(settings_.own.name).address},
                                  {"remote", channel.end_at(peer_.name).address},
                                  {"port", channel.port}};
        const auto up = std::ranges::find_if(channels_, [&](auto& one) { return one.second->name() == channel.name; });
        entry["state"] = up != channels_.end() ? "up" : "down";
        if (up != channels_.end()) {
            const auto& counters = up->second->counters();
            entry["round_trip_us"] = counters.round_trip.count();
            entry["sent_bytes"] = counters.sent_bytes;
            entry["received_bytes"] = counters.received_bytes;
            if (const auto* flight = link_.flight(up->first)) entry["in_flight_bytes"] = flight->bytes();
            entry["late"] = link_.is_late(up->first);
        }
        if (const auto status = status_.find(channel.name); status != status_.end()) {
            entry["times_up"] = status->second.times_up;
            if (!status->second.problem.empty()) entry["problem"] = status->second.problem;
        }
        channels.push_back(std::move(entry));
    }
    boost::json::array services;
    for (const auto& name : announced_) services.emplace_back(name);
    const auto& counters = link_.counters();
    return {{"member", peer_.name.str()},
            {"state", is_up() ? "up" : "down"},
            {"session", std::format("{:016x}-{:016x}", session_.own(), session_.peer())},
            {"streams", link_.streams()},
            {"services", std::move(services)},
            {"channels", std::move(channels)},
            {"counters", boost::json::object{{"sent_bytes", counters.sent_bytes},
                                             {"resent_bytes", counters.resent_bytes},
                                             {"received_bytes", counters.received_bytes},
                                             {"duplicate_bytes", counters.duplicate_bytes},
                                             {"reordered_frames", counters.reordered_frames},
                                             {"ignored_frames", counters.ignored_frames},
                                             {"late_channels", counters.late_channels},
                                             {"opened_streams", counters.opened_streams},
                                             {"failed_streams", counters.failed_streams}}}};
}

}  // namespace ssi::isfc
