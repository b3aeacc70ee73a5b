#include "daemons/isfcd/isfcd.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <cerrno>
#include <format>
#include <set>
#include <tuple>
#include <utility>

#include "lib/common/log.hpp"

namespace ssi::isfc {
namespace asio = boost::asio;
namespace fs = std::filesystem;
using tcp = asio::ip::tcp;
namespace {

/// Strangers may hold so many handshakes open at a time, each for Timing::handshake at most.
constexpr std::size_t kMostGreetings = 128;
constexpr auto kServicesGroup = "kvm";

/// IP_FREEBIND: the address may come and go with its interface; the listener stays.
Result<void> open_acceptor(tcp::acceptor& acceptor, const ChannelEnd& end, std::uint16_t port) {
    boost::system::error_code error;
    const auto address = asio::ip::make_address(end.address, error);
    if (!error) acceptor.open(address.is_v6() ? tcp::v6() : tcp::v4(), error);
    if (!error) acceptor.set_option(asio::socket_base::reuse_address(true), error);
    if (!error) {
        const int on = 1;
        const int level = address.is_v6() ? IPPROTO_IPV6 : IPPROTO_IP;
        const int name = address.is_v6() ? IPV6_FREEBIND : IP_FREEBIND;
        if (::setsockopt(acceptor.native_handle(), level, name, &on, sizeof on) != 0)
            error.assign(errno, boost::system::system_category());
        if (auto bound = bind_to_interface(acceptor.native_handle(), end.interface); !bound) return bound;
    }
    if (!error) acceptor.bind(tcp::endpoint(address, port), error);
    if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
    if (error)
        return failure(ErrorCode::kChannelFailed,
                       std::format("listen at {} port {}: {}", end.address, port, error.message()), end.address,
                       "check the address in system.toml and that no other program uses the port");
    return {};
}

}  // namespace

Result<std::shared_ptr<Isfcd>> Isfcd::create(const asio::any_io_executor& executor, const SystemConfig& config,
                                             const MemberName& own, IsfcdPaths paths, LinkOptions options) {
    const auto* member = config.find(own);
    if (member == nullptr)
        return failure(ErrorCode::kMemberUnknown, std::format("{} is no member", own.str()), own.str());
    if (paths.services.empty()) paths.services = paths.runtime / "services";
    if (paths.pki.empty()) paths.pki = config.pki;
    auto configured = load_configured_services(paths.offers, own);
    if (!configured) return std::unexpected(configured.error());
    auto identity = TlsIdentity::load(paths.pki, own);
    if (!identity) return std::unexpected(identity.error());

    const auto daemon = std::shared_ptr<Isfcd>(new Isfcd());
    daemon->executor_ = executor;
    daemon->settings_ = {*member, config.cluster, config.cluster_uuid, Timing::scaled(config.timing.scale),
                         options, paths.runtime, std::make_shared<BlockPool>()};
    daemon->identity_ = *identity;
    daemon->offers_ = std::make_shared<ServiceOffers>(executor, std::move(*configured), paths.services);
    daemon->paths_ = std::move(paths);
    for (const auto& channel : config.channels)
        if (channel.joins(own)) daemon->channels_.push_back(channel);
    for (const auto& peer : config.members)
        if (peer.name != own) daemon->peers_[peer.name.str()] = nullptr;
    for (auto& [name, link] : daemon->peers_) {
        const auto peer = MemberName::parse(name);
        link = std::make_shared<PeerLink>(executor, daemon->settings_, *config.find(*peer),
                                          config.channels_between(own, *peer), *daemon->identity_, daemon->offers_);
    }
    return daemon;
}

Result<void> Isfcd::prepare_directories() const {
    std::error_code error;
    fs::create_directories(paths_.services, error);
    if (error)
        return system_failure(std::format("make {}", paths_.services.string()), paths_.services.string(),
                              error.value());
    constexpr auto kRoot = fs::perms::owner_all;
    if (auto given = give_to_group(paths_.services, kServicesGroup, kRoot | fs::perms::group_all, kRoot); !given)
        return given;
    // Moved into place: a QEMU that offers a service by this path must find it at any time, also while isfcd restarts.
    const auto own = paths_.runtime / settings_.own.name.str();
    const auto fresh = paths_.runtime / ".own";
    fs::remove(fresh, error);
    if (!error) fs::create_directory_symlink(paths_.services, fresh, error);
    if (!error) fs::rename(fresh, own, error);
    if (error) return system_failure(std::format("make {}", own.string()), own.string(), error.value());
    return {};
}

Result<void> Isfcd::start() {
    if (auto prepared = prepare_directories(); !prepared) return prepared;
    auto watching = offers_->start([weak = weak_from_this()] {
        if (const auto self = weak.lock())
            for (const auto& [name, peer] : self->peers_) peer->offers_changed();
    });
    if (!watching) return watching;
    std::set<std::tuple<std::string, std::uint16_t, std::string>> ends;  // channels may share a listening end
    for (const auto& channel : channels_) {
        const auto& end = channel.higher;
        if (end.member != settings_.own.name || !ends.emplace(end.address, channel.port, end.interface).second)
            continue;
        asio::co_spawn(
            executor_, [self = shared_from_this(), end, port = channel.port] { return self->listen(end, port); },
            asio::detached);
    }
    for (const auto& [name, peer] : peers_) {
        peer->offers_changed();
        peer->start();
    }
    return {};
}

void Isfcd::stop() {
    if (std::exchange(stopping_, true)) return;
    offers_->stop();
    for (const auto& acceptor : acceptors_) {
        boost::system::error_code ignored;
        acceptor->close(ignored);
    }
    for (const auto& retry : retries_) retry->notify();
    for (const auto& [name, peer] : peers_) peer->stop();
}

asio::awaitable<void> Isfcd::listen(ChannelEnd end, std::uint16_t port) {
    const auto acceptor = std::make_shared<tcp::acceptor>(executor_);
    const auto retry = std::make_shared<Signal>(executor_);
    acceptors_.push_back(acceptor);
    retries_.push_back(retry);
    std::string told;
    while (!stopping_) {
        if (!acceptor->is_open()) {
            auto opened = open_acceptor(*acceptor, end, port);
            if (!opened) {
                if (std::exchange(told, opened.error().text()) != opened.error().text())
                    log::warning("channels from other members", opened.error());
                boost::system::error_code ignored;
                acceptor->close(ignored);
                co_await retry->wait(Signal::Time::clock::now() + settings_.timing.backoff_most);
                continue;
            }
            told.clear();
        }
        auto [error, socket] = co_await acceptor->async_accept(asio::as_tuple(asio::use_awaitable));
        if (stopping_) co_return;
        if (error) {
            log::warning(std::format("accept at {} port {}: {}", end.address, port, error.message()));
            co_await retry->wait(Signal::Time::clock::now() + settings_.timing.backoff_least);
            continue;
        }
        boost::system::error_code gone;
        const auto from = socket.remote_endpoint(gone).address().to_string();
        if (greetings_ >= kMostGreetings) continue;  // closes it; a peer tries again
        asio::co_spawn(
            executor_,
            [self = shared_from_this(), from, accepted = std::make_shared<tcp::socket>(std::move(socket))] {
                return self->greet(std::move(*accepted), from);
            },
            asio::detached);
    }
}

asio::awaitable<void> Isfcd::greet(tcp::socket socket, std::string from) {
    ++greetings_;
    auto greeted = co_await greet_channel(std::move(socket), *identity_, settings_.cluster, settings_.timing,
                                          *settings_.pool);
    --greetings_;
    if (stopping_) co_return;
    Result<void> accepted;
    if (!greeted) {
        accepted = std::unexpected(greeted.error());
    } else if (const auto found = peers_.find(greeted->hello.member); found != peers_.end()) {
        (void)co_await found->second->accept(std::move(*greeted));  // it logs what is wrong
        refused_.erase(from);
        co_return;
    } else {
        accepted = failure(ErrorCode::kMemberUnknown, std::format("{} is no member here", greeted->hello.member),
                           greeted->hello.member, "install the same system.toml on all members");
        (void)co_await send_handshake_frame(
            greeted->transport,
            make_frame(FrameType::kGoodbye, encode(Goodbye{false, accepted.error()}), *settings_.pool),
            settings_.timing);
    }
    // Anybody can connect: one line per address and reason, and a limit to what is remembered.
    if (refused_.size() > kMostGreetings) refused_.clear();
    if (std::exchange(refused_[from], accepted.error().text()) == accepted.error().text()) co_return;
    const auto code = code_text(accepted.error().code);
    log::warning(std::format("connection from {} refused: {}", from, accepted.error().text()),
                 {{"SSI_CODE", code}, {"SSI_ADDRESS", from}});
}

// --- control ---

std::string Isfcd::query() const {
    boost::json::array links;
    for (const auto& [name, peer] : peers_) links.push_back(peer->query());
    boost::json::array services;
    for (const auto& name : offers_->names()) services.emplace_back(name);
    return boost::json::serialize(boost::json::object{{"v", 1},
                                                      {"member", settings_.own.name.str()},
                                                      {"cluster", settings_.cluster},
                                                      {"version", SSI_VERSION},
                                                      {"services", std::move(services)},
                                                      {"links", std::move(links)}});
}

Result<std::shared_ptr<PeerLink>> Isfcd::find_peer(const std::string& member) const {
    const auto found = peers_.find(member);
    if (found == peers_.end())
        return failure(ErrorCode::kMemberUnknown, std::format("there is no other member {}", member), member,
                       "see ssictl query ssi");
    return found->second;
}

Result<void> Isfcd::expect(const std::string& member, const std::string& service) {
    const auto peer = find_peer(member);
    if (!peer) return std::unexpected(peer.error());
    if (const auto name = ServiceName::parse(service); !name) return std::unexpected(name.error());
    (*peer)->expect(service);
    return {};
}

Result<void> Isfcd::forget(const std::string& member, const std::string& service) {
    const auto peer = find_peer(member);
    if (!peer) return std::unexpected(peer.error());
    (*peer)->forget(service);
    return {};
}

}  // namespace ssi::isfc
