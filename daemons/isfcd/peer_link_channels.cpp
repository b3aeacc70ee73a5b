// The part of PeerLink that makes channels and keeps them as the administrator wants them.
#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <format>
#include <random>
#include <utility>

#include "daemons/isfcd/peer_link.hpp"
#include "lib/common/log.hpp"

namespace ssi::isfc {
namespace asio = boost::asio;
namespace {

std::chrono::milliseconds jittered(std::chrono::milliseconds time) {
    std::random_device device;
    return time / 2 + std::chrono::milliseconds(device() % static_cast<unsigned>(time.count() / 2 + 1));
}

Result<void> check_answer(const std::string& channel, const Hello& hello) {
    if (hello.channel == channel) return {};
    return failure(ErrorCode::kProtocolViolated, std::format("{} answers for channel {}", hello.member, hello.channel),
                   channel);
}

}  // namespace

// --- the end that connects ---

void PeerLink::begin_connecting(const std::string& channel) {
    const auto* entry = roster_.find(channel);
    if (entry == nullptr || entry->deactivated || entry->config.lower.member != settings_.own.name) return;
    const auto connector = std::make_shared<Connector>(executor_);
    connectors_[channel] = connector;
    asio::co_spawn(
        executor_, [self = shared_from_this(), channel, connector] { return self->keep_connected(channel, connector); },
        asio::detached);
}

asio::awaitable<void> PeerLink::keep_connected(std::string channel, std::shared_ptr<Connector> connector) {
    auto backoff = settings_.timing.backoff_least;
    while (connector->wanted) {
        const auto interface = co_await interface_for(channel);  // may take long: only then look at the rest
        if (!connector->wanted) co_return;
        if (!interface) continue;  // its driver was replaced
        const Made made{roster_.find(channel)->config, identity_->number, session_.own()};
        const auto identity = identity_;
        connector->renew = false;
        auto bound = made.config;
        bound.lower.interface = *interface;
        auto greeted = co_await connect_channel(bound, identity->tls, settings_.cluster, settings_.timing,
                                                hello(channel), *settings_.pool);
        if (!connector->wanted) co_return;
        auto adopted = greeted ? check_answer(channel, greeted->hello) : std::unexpected(greeted.error());
        if (adopted) adopted = adopt(std::move(*greeted), made, {});
        if (!adopted) {
            if (has_interface(channel)) problem(channel, adopted.error());
        } else {
            const auto since = Time::clock::now();
            const auto keeps = [&] {
                if (!connector->wanted || connector->renew) return false;
                const auto* entry = roster_.find(channel);
                return entry != nullptr && entry->live;
            };
            while (keeps()) co_await connector->changed.wait();
            if (connector->renew || std::exchange(connector->at_once, false)) continue;
            // A channel that worked is tried again soon; one that breaks as soon as it is made, ever more seldom.
            if (Time::clock::now() - since > settings_.timing.backoff_most) backoff = settings_.timing.backoff_least;
        }
        if (connector->wanted) co_await connector->changed.wait(Time::clock::now() + jittered(backoff));
        backoff = std::min(backoff * 2, settings_.timing.backoff_most);
    }
}

void PeerLink::wake_connector(const std::string& channel) {
    if (const auto found = connectors_.find(channel); found != connectors_.end()) found->second->changed.notify();
}

// --- the end that listens ---

Result<void> PeerLink::check_channel(const Greeted& greeted) const {
    const auto& name = greeted.hello.channel;
    const auto* entry = roster_.find(name);
    if (entry == nullptr || entry->config.higher.member != settings_.own.name)
        return failure(ErrorCode::kChannelUnknown,
                       std::format("{} has no channel {} from {}", settings_.own.name.str(), name, peer_.name.str()),
                       name, "install the same system.toml on both members, then ssictl reload");
    if (auto fits = check_encryption(entry->config, greeted); !fits) return fits;
    if (entry->deactivated)
        return failure(ErrorCode::kChannelDeactivated,
                       std::format("channel {} is deactivated on {}", name, settings_.own.name.str()), name,
                       std::format("on {}: ssictl islink activate {} --peer {}", settings_.own.name.str(), name,
                                   peer_.name.str()));
    return {};
}

asio::awaitable<Result<void>> PeerLink::accept(Greeted greeted) {
    const auto transport = greeted.transport;
    const auto name = greeted.hello.channel;
    const auto from = greeted.from;
    auto accepted = check_channel(greeted);
    if (accepted) {
        const Made made{roster_.find(name)->config, identity_->number, session_.own()};
        accepted = adopt(std::move(greeted), made, make_frame(FrameType::kHello, encode(hello(name)), *settings_.pool));
    }
    if (accepted) co_return accepted;
    // In the clear anybody may claim to be the peer: only what comes from its address says something of the channel.
    const auto* entry = roster_.find(name);
    if (transport->is_encrypted() || (entry != nullptr && entry->config.lower.address == from))
        problem(name, accepted.error());
    const auto told = transport->is_encrypted() ? accepted.error() : refusal_in_the_clear();
    // That the peer does not get the reason is no further harm: it sees the connection end.
    auto goodbye = make_frame(FrameType::kGoodbye, encode(Goodbye{false, told}), *settings_.pool);
    (void)co_await send_handshake_frame(transport, std::move(goodbye), settings_.timing);
    co_return accepted;
}

// --- administration ---

void PeerLink::set_channels(const std::vector<ChannelConfig>& file, const Timing& timing) {
    settings_.timing = timing;
    const auto changes = roster_.compare(file);
    for (const auto& name : changes.removed) {
        close_channel(name, Error{ErrorCode::kChannelUnknown,
                                  std::format("{} has no channel {} any more", settings_.own.name.str(), name), name,
                                  "install the same system.toml on both members, then ssictl reload"});
        channel_changed(name, "removed", "system.toml does not name it any more");
    }
    roster_.set_file(file, Time::clock::now());
    update_drivers();
    for (const auto& name : changes.added) begin_connecting(name);
    // A changed one that is up is made anew while the old connection carries on; one that is down is tried at once.
    for (const auto& name : changes.changed) {
        const auto* entry = roster_.find(name);
        const bool connects = entry->config.lower.member == settings_.own.name;
        if (connects && !connectors_.contains(name)) begin_connecting(name);
        wake_connector(name);
    }
    if (!changes.empty()) warn_of_clear_channels();
    begin_renewing();
}

void PeerLink::set_identity(std::shared_ptr<const OwnIdentity> identity) {
    identity_ = std::move(identity);
    for (const auto& [name, connector] : connectors_) connector->changed.notify();  // one that is refused may now pass
    begin_renewing();
}

Result<void> PeerLink::add_channel(const ChannelConfig& channel) {
    if (auto added = roster_.add(channel, Time::clock::now()); !added) return added;
    channel_changed(channel.name, "down", "added");
    update_drivers();
    begin_connecting(channel.name);
    return {};
}

Result<bool> PeerLink::activate(const std::string& channel) {
    auto changed = roster_.activate(channel, Time::clock::now());
    if (!changed || !*changed) return changed;
    channel_changed(channel, "down", "activated");
    update_drivers();
    begin_connecting(channel);
    begin_renewing();
    return changed;
}

Result<bool> PeerLink::deactivate(const std::string& channel, bool force) {
    auto changed = roster_.deactivate(channel, force, Time::clock::now());
    if (!changed || !*changed) return changed;
    const bool added_here = roster_.find(channel)->origin == ChannelOrigin::kRunTime;
    close_channel(channel, Error{ErrorCode::kChannelDeactivated,
                                 std::format("channel {} is deactivated on {}", channel, settings_.own.name.str()),
                                 channel, std::format("activate it there: ssictl islink activate {}", channel)});
    if (added_here) roster_.remove(channel);
    update_drivers();
    channel_changed(channel, added_here ? "removed" : "deactivated", "by the administrator");
    renewal_.notify();
    return changed;
}

/// Nothing is left that would bring it back.
void PeerLink::close_channel(const std::string& channel, const Error& reason) {
    if (const auto connector = connectors_.extract(channel)) {
        connector.mapped()->wanted = false;
        connector.mapped()->changed.notify();
    }
    const auto* entry = roster_.find(channel);
    if (entry == nullptr || !entry->live) return;
    if (const auto found = channels_.find(entry->live->id); found != channels_.end())
        found->second->close(reason, Goodbye{false, reason});
}

// --- renewal ---

void PeerLink::begin_renewing() {
    renewal_.notify();
    if (std::exchange(renewing_, true)) return;
    asio::co_spawn(executor_, [self = shared_from_this()] { return self->renew_channels(); }, asio::detached);
}

/// One channel at a time: the next one when it is up again. The end that connects makes a new connection first; the one
/// that listens can only close it and wait for the peer.
asio::awaitable<void> PeerLink::renew_channels() {
    const auto is_done = [this] {
        return stopping_ || std::ranges::none_of(roster_.entries(), [this](const auto& one) {
                   return roster_.is_stale(one.second, identity_->number);
               });
    };
    while (!is_done()) {
        const auto name = roster_.next_to_renew(identity_->number);
        if (!name) {
            co_await renewal_.wait();
            continue;
        }
        log::info(std::format("channel {} to {} is made anew", *name, peer_.name.str()),
                  {{"SSI_MEMBER", peer_.name.str()}, {"SSI_CHANNEL", *name}});
        if (const auto connector = connectors_.find(*name); connector != connectors_.end()) {
            connector->second->renew = true;
            connector->second->changed.notify();
        } else if (const auto found = channels_.find(roster_.find(*name)->live->id); found != channels_.end()) {
            const Error reason{ErrorCode::kChannelRenewed, "the channel is to be made anew", *name, ""};
            found->second->close(reason, Goodbye{false, reason});
        }
        const auto waits = [&] {
            const auto* entry = roster_.find(*name);
            return !stopping_ && entry != nullptr && !entry->deactivated &&
                   (!entry->live || roster_.is_stale(*entry, identity_->number));
        };
        while (waits()) co_await renewal_.wait();
    }
    renewing_ = false;
}

// --- what the administrator hears ---

void PeerLink::problem(const std::string& channel, const Error& error) {
    if (stopping_ || !roster_.has_problem(channel, error.text())) return;
    const auto code = code_text(error.code);
    log::warning(std::format("channel {} to {}: {}", channel, peer_.name.str(), error.text()),
                 {{"SSI_MEMBER", peer_.name.str()}, {"SSI_CHANNEL", channel}, {"SSI_CODE", code}});
}

/// A connection is over; the channel too, unless it was made anew.
void PeerLink::channel_gone(const Channel& channel, std::uint64_t resent, const Error& reason) {
    const auto& name = channel.name();
    const CarriedBytes carried{channel.counters().sent_bytes, channel.counters().received_bytes, resent};
    if (roster_.went_down(name, channel.id(), carried, Time::clock::now()) && !roster_.find(name)->deactivated) {
        if (reason.code != ErrorCode::kChannelRenewed) problem(name, reason);
        settings_.on_event({peer_.name.str(), name, "down", reason.what});
    }
    if (const auto found = connectors_.find(name); found != connectors_.end())
        found->second->at_once = reason.code == ErrorCode::kChannelRenewed;
    wake_connector(name);
    renewal_.notify();
}

void PeerLink::channel_changed(const std::string& channel, std::string_view state, const std::string& reason) {
    const auto because = reason.empty() ? "" : std::format(": {}", reason);
    log::info(std::format("channel {} to {} is {}{}", channel, peer_.name.str(), state, because),
              {{"SSI_MEMBER", peer_.name.str()}, {"SSI_CHANNEL", channel}});
    settings_.on_event({peer_.name.str(), channel, std::string(state), reason});
}

void PeerLink::link_changed(std::string_view state, const std::string& reason) {
    since_ = Time::clock::now();
    const auto because = reason.empty() ? "" : std::format(": {}", reason);
    log::notice(std::format("link to {} is {}{}", peer_.name.str(), state, because),
                {{"SSI_MEMBER", peer_.name.str()}});
    settings_.on_event({peer_.name.str(), "", std::string(state), reason});
}

void PeerLink::warn_of_clear_channels() {
    std::string names;
    for (const auto& [name, entry] : roster_.entries())
        if (entry.config.encryption == Encryption::kNone) names += std::format("{}{}", names.empty() ? "" : ", ", name);
    if (names.empty()) return;
    log::warning(std::format("NOT ENCRYPTED: channels {} to {}. Who can reach their cables reads and changes what the "
                             "members tell each other, and the memory of guests that move",
                             names, peer_.name.str()),
                 {{"SSI_MEMBER", peer_.name.str()}});
}

}  // namespace ssi::isfc
