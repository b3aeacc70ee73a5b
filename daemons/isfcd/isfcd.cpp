#include "daemons/isfcd/isfcd.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <format>
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
constexpr auto kCertificatesLooked = std::chrono::hours(24);

}  // namespace

Result<std::shared_ptr<Isfcd>> Isfcd::create(const asio::any_io_executor& executor, const SystemConfig& config,
                                             const MemberName& own, IsfcdPaths paths) {
    const auto* member = config.find(own);
    if (member == nullptr)
        return failure(ErrorCode::kMemberUnknown, std::format("{} is no member", own.str()), own.str());
    const auto daemon = std::shared_ptr<Isfcd>(new Isfcd());
    daemon->pki_from_config_ = paths.pki.empty();
    if (paths.pki.empty()) paths.pki = config.pki;
    if (paths.services.empty()) paths.services = paths.runtime / "services";
    auto configured = load_configured_services(paths.offers, own);
    if (!configured) return std::unexpected(configured.error());
    auto identity = OwnIdentity::load(paths.pki, own);
    if (!identity) return std::unexpected(identity.error());

    daemon->executor_ = executor;
    daemon->settings_ = {*member,
                         config.cluster,
                         config.cluster_uuid,
                         Timing::of(config),
                         {.memory = static_cast<std::size_t>(config.link.memory_mib) << 20},
                         paths.runtime,
                         std::make_shared<BlockPool>(),
                         std::make_shared<Turns>(executor),
                         [weak = std::weak_ptr(daemon)](const IsfcEvent& event) {
                             if (const auto self = weak.lock(); self && self->observer_) self->observer_(event);
                         }};
    daemon->identity_ = std::make_shared<const OwnIdentity>(*std::move(identity));
    daemon->offers_ = std::make_shared<ServiceOffers>(executor, std::move(*configured), paths.services);
    daemon->paths_ = std::move(paths);
    daemon->certificates_ = std::make_shared<Signal>(executor);
    daemon->ends_ = std::make_shared<ListeningEnds>(executor, daemon->settings_.timing,
                                                    [weak = std::weak_ptr(daemon)](tcp::socket socket) {
                                                        if (const auto self = weak.lock())
                                                            self->welcome(std::move(socket));
                                                    });
    for (const auto& peer : config.members)
        if (peer.name != own) daemon->peers_[peer.name.str()] = daemon->make_link(config, peer);
    return daemon;
}

std::shared_ptr<PeerLink> Isfcd::make_link(const SystemConfig& config, const MemberConfig& peer) const {
    return std::make_shared<PeerLink>(executor_, settings_, peer,
                                      config.channels_between(settings_.own.name, peer.name), identity_, offers_);
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
    update_listening_ends();
    for (const auto& [name, peer] : peers_) {
        peer->offers_changed();
        peer->start();
    }
    asio::co_spawn(executor_, [self = shared_from_this()] { return self->watch_certificates(); }, asio::detached);
    return {};
}

void Isfcd::stop() {
    if (std::exchange(stopping_, true)) return;
    offers_->stop();
    ends_->set({});
    certificates_->notify();
    for (const auto& [name, peer] : peers_) peer->stop(std::format("isfcd on {} stops", settings_.own.name.str()));
}

void Isfcd::update_listening_ends() {
    std::set<ListeningEnd> ends;
    for (const auto& channel : all_channels())
        if (const auto& end = channel.higher; end.member == settings_.own.name)
            ends.insert({end.address, channel.port, end.interface});
    ends_->set(ends);
}

std::vector<ChannelConfig> Isfcd::all_channels() const {
    std::vector<ChannelConfig> channels;
    for (const auto& [member, peer] : peers_)
        for (const auto& [name, entry] : peer->roster().entries()) channels.push_back(entry.config);
    return channels;
}

// --- who connects ---

void Isfcd::welcome(tcp::socket socket) {
    if (stopping_) return;
    if (greetings_ >= kMostGreetings) {  // closes it; a peer tries again
        refusals_.count("too_many");
        return;
    }
    boost::system::error_code gone;
    const auto from = socket.remote_endpoint(gone).address().to_string();
    asio::co_spawn(
        executor_,
        [self = shared_from_this(), from, accepted = std::make_shared<tcp::socket>(std::move(socket))] {
            return self->greet(std::move(*accepted), from);
        },
        asio::detached);
}

asio::awaitable<void> Isfcd::greet(tcp::socket socket, std::string from) {
    ++greetings_;
    const auto identity = identity_;
    auto greeted =
        co_await greet_channel(std::move(socket), identity->tls, settings_.cluster, settings_.timing, *settings_.pool);
    --greetings_;
    if (stopping_) co_return;
    Result<void> accepted;
    if (greeted)
        accepted = co_await hand_over(std::move(*greeted));
    else
        accepted = std::unexpected(greeted.error());
    if (accepted) {
        ++accepted_;
        refusals_.forget(from);
        co_return;
    }
    if (!refusals_.add(from, accepted.error())) co_return;
    const auto code = code_text(accepted.error().code);
    log::warning(std::format("connection from {} refused: {}", from, accepted.error().text()),
                 {{"SSI_CODE", code}, {"SSI_ADDRESS", from}});
}

asio::awaitable<Result<void>> Isfcd::hand_over(Greeted greeted) {
    if (const auto found = peers_.find(greeted.hello.member); found != peers_.end()) {
        const auto peer = found->second;  // a reload may remove it meanwhile
        co_return co_await peer->accept(std::move(greeted));
    }
    const auto refused = failure(ErrorCode::kMemberUnknown, std::format("{} is no member here", greeted.hello.member),
                                 greeted.hello.member, "install the same system.toml on all members");
    const auto told = greeted.transport->is_encrypted() ? refused.error() : refusal_in_the_clear();
    (void)co_await send_handshake_frame(greeted.transport,
                                        make_frame(FrameType::kGoodbye, encode(Goodbye{false, told}), *settings_.pool),
                                        settings_.timing);
    co_return refused;
}

asio::awaitable<void> Isfcd::watch_certificates() {
    while (!stopping_) {
        const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
        for (const auto& warning : expiry_warnings(identity_->files, now)) log::warning("certificates", warning);
        co_await certificates_->wait(Signal::Time::clock::now() + kCertificatesLooked);
    }
}

}  // namespace ssi::isfc
