// The half of PeerLink that faces local programs: streams and the sockets on which they are asked for.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <format>
#include <utility>

#include "daemons/isfcd/peer_link.hpp"
#include "lib/common/log.hpp"

namespace ssi::isfc {
namespace asio = boost::asio;
namespace {

/// Who may use a service that no file in isfc.d speaks of: on its member, a program of this group offers it.
constexpr auto kOfferingGroup = "kvm";

}  // namespace

// --- a local program asks for a service of the peer ---

asio::awaitable<bool> PeerLink::wait_until_up() {
    const auto signal = std::make_shared<Signal>(executor_);
    const auto deadline = Time::clock::now() + settings_.timing.link_timeout;
    waiting_.insert(signal);
    while (!is_up() && !stopping_ && Time::clock::now() < deadline) co_await signal->wait(deadline);
    waiting_.erase(signal);
    co_return is_up() && !stopping_;
}

void PeerLink::wake_waiting() {
    for (const auto& signal : waiting_) signal->notify();
}

asio::awaitable<void> PeerLink::open_for_program(std::string service, LocalStream::Socket socket) {
    // When this coroutine ends early the program's socket closes; what it has written is unread, so it sees a reset.
    if (waiting_.size() >= settings_.link.max_streams) co_return;
    const auto local = std::make_shared<LocalStream>(std::move(socket), link_, settings_.turns);
    if (!co_await wait_until_up()) {
        log::debug(std::format("{} of {}: the link is down", service, peer_.name.str()));
        co_return;
    }
    const auto opened = link_.open(service);
    if (!opened) {
        log::warning(std::format("open {} of {}", service, peer_.name.str()), opened.error());
        co_return;
    }
    const auto id = *opened;
    const auto answered = std::make_shared<Signal>(executor_);
    openings_[id] = {local, answered, service};
    const auto deadline = Time::clock::now() + settings_.timing.link_timeout;
    auto opening = openings_.find(id);
    while (opening != openings_.end() && !opening->second.opened && Time::clock::now() < deadline) {
        co_await answered->wait(deadline);
        opening = openings_.find(id);
    }
    if (opening == openings_.end()) co_return;  // refused, or the session ended
    const bool is_open = opening->second.opened;
    openings_.erase(opening);
    if (!is_open) {
        link_.reset(id, Error{ErrorCode::kTimedOut, std::format("{} was not opened in time", service), service, ""});
        co_return;
    }
    streams_[id] = {local, service};
    local->start(id, [weak = weak_from_this(), id] {
        if (const auto self = weak.lock()) self->streams_.erase(id);
    });
}

void PeerLink::stream_opened(StreamId stream) {
    const auto opening = openings_.find(stream);
    if (opening == openings_.end()) return;
    opening->second.opened = true;
    opening->second.answered->notify();
}

// --- the peer asks for a service of this member ---

void PeerLink::stream_requested(StreamId stream, const std::string& service) {
    asio::co_spawn(
        executor_, [self = shared_from_this(), stream, service] { return self->connect_service(stream, service); },
        asio::detached);
}

asio::awaitable<void> PeerLink::connect_service(StreamId stream, std::string service) {
    const auto epoch = epoch_;
    const auto offer = offers_->resolve(service);
    if (!offer) {
        link_.refuse(stream, offer.error());
        co_return;
    }
    auto socket = co_await connect_local(offer->socket, Time::clock::now() + settings_.timing.link_timeout);
    if (epoch != epoch_) co_return;
    if (!socket) {
        link_.refuse(stream, socket.error());
        co_return;
    }
    const auto local = std::make_shared<LocalStream>(std::move(*socket), link_, settings_.turns);
    if (!link_.accept(stream, offer->stream_class)) co_return;
    streams_[stream] = {local, service};
    local->start(stream, [weak = weak_from_this(), stream] {
        if (const auto self = weak.lock()) self->streams_.erase(stream);
    });
}

// --- both ---

void PeerLink::stream_readable(StreamId stream) {
    if (const auto found = streams_.find(stream); found != streams_.end()) found->second.local->on_readable();
}

void PeerLink::stream_writable(StreamId stream) {
    if (const auto found = streams_.find(stream); found != streams_.end()) found->second.local->on_writable();
}

void PeerLink::stream_closed(StreamId stream) {
    if (const auto found = streams_.extract(stream)) found.mapped().local->on_closed();
}

void PeerLink::stream_failed(StreamId stream, const Error& error) {
    log::debug(std::format("stream {} of {}: {}", stream, peer_.name.str(), error.text()));
    if (const auto opening = openings_.extract(stream)) {
        opening.mapped().local->on_failed();
        opening.mapped().answered->notify();
    }
    if (const auto found = streams_.extract(stream)) found.mapped().local->on_failed();
}

// --- services ---

void PeerLink::offers_changed() {
    link_.announce(offers_->names());
    update_listeners();
}

void PeerLink::services_announced(const std::vector<std::string>& names) {
    announced_.clear();
    for (const auto& name : names)
        if (ServiceName::parse(name)) announced_.insert(name);
    update_listeners();
}

void PeerLink::expect(const std::string& service) {
    expected_.insert(service);
    update_listeners();
}

void PeerLink::forget(const std::string& service) {
    expected_.erase(service);
    update_listeners();
}

void PeerLink::update_listeners() {
    if (!listeners_) return;
    std::map<std::string, std::string> services;
    for (const auto* names : {&announced_, &expected_})
        for (const auto& name : *names) services[name] = kOfferingGroup;
    // All members have the same packages: what is configured here, the peer has too, be it up or not.
    for (const auto& service : offers_->configured()) services[service.name.str()] = service.group;
    listeners_->set(services);
}

}  // namespace ssi::isfc
