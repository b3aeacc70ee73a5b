#include "daemons/isfcd/local/local_listeners.hpp"

#include <grp.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <format>
#include <utility>

#include "lib/common/log.hpp"
#include "lib/common/no_throw.hpp"

namespace ssi::isfc {
namespace asio = boost::asio;
namespace fs = std::filesystem;
using Protocol = asio::local::stream_protocol;
namespace {

constexpr auto kRetryAccept = std::chrono::milliseconds(50);

}  // namespace

Result<void> give_to_group(const fs::path& file, const std::string& group, fs::perms with_group, fs::perms without) {
    const ::group* found = group.empty() ? nullptr : ::getgrnam(group.c_str());
    if (found != nullptr && ::chown(file.c_str(), static_cast<uid_t>(-1), found->gr_gid) != 0)
        return system_failure(std::format("give {} to group {}", file.string(), group), file.string(), errno);
    std::error_code error;
    fs::permissions(file, found != nullptr ? with_group : without, error);
    if (error) return system_failure(std::format("chmod {}", file.string()), file.string(), error.value());
    return {};
}

/// One listening socket; its coroutine holds it until it is closed.
class LocalListeners::Listener : public std::enable_shared_from_this<Listener> {
  public:
    Listener(const asio::any_io_executor& executor, fs::path path, std::string group)
        : path_(std::move(path)), group_(std::move(group)), acceptor_(executor) {}

    [[nodiscard]] const std::string& group() const { return group_; }

    Result<void> open() {
        // Made beside its place: a program that sees the socket can connect to it.
        const auto incomplete = path_.parent_path() / ".new";
        if (std::max(path_.string().size(), incomplete.string().size()) >= sizeof(sockaddr_un::sun_path))
            return failure(ErrorCode::kConfigInvalid, std::format("{} is too long for a socket", path_.string()),
                           path_.string(), "use shorter names");
        std::error_code gone;
        fs::remove(incomplete, gone);
        boost::system::error_code error;
        acceptor_.open(Protocol(), error);
        if (!error) acceptor_.bind(Protocol::endpoint(incomplete.string()), error);
        if (error) return system_failure(std::format("bind {}", path_.string()), path_.string(), error.value());
        constexpr auto kRoot = fs::perms::owner_read | fs::perms::owner_write;
        if (auto given =
                give_to_group(incomplete, group_, kRoot | fs::perms::group_read | fs::perms::group_write, kRoot);
            !given)
            return given;
        acceptor_.listen(asio::socket_base::max_listen_connections, error);
        if (error) return system_failure(std::format("listen {}", path_.string()), path_.string(), error.value());
        std::error_code unmoved;
        fs::rename(incomplete, path_, unmoved);
        if (unmoved) return system_failure(std::format("make {}", path_.string()), path_.string(), unmoved.value());
        return {};
    }

    asio::awaitable<void> run(std::string service, Accepted accepted) {
        while (acceptor_.is_open()) {
            auto [error, socket] = co_await acceptor_.async_accept(kNoThrow);
            if (!acceptor_.is_open()) co_return;
            if (!error) {
                accepted(service, std::move(socket));
                continue;
            }
            // Out of descriptors, most likely: the connection stays in the queue, and no event tells when to try again.
            log::warning(std::format("accept at {}: {}", path_.string(), error.message()));
            asio::steady_timer pause(acceptor_.get_executor(), kRetryAccept);
            co_await pause.async_wait(kNoThrow);
        }
    }

    void close() {
        boost::system::error_code ignored;
        acceptor_.close(ignored);
        std::error_code gone;
        fs::remove(path_, gone);
    }

  private:
    fs::path path_;
    std::string group_;
    Protocol::acceptor acceptor_;
};

LocalListeners::LocalListeners(const asio::any_io_executor& executor, fs::path directory, Accepted accepted)
    : executor_(executor), directory_(std::move(directory)), accepted_(std::move(accepted)) {
    std::error_code error;
    fs::create_directories(directory_, error);
    // Whatever the umask: the sockets have their own rights.
    constexpr auto kAll = fs::perms::owner_all | fs::perms::group_read | fs::perms::group_exec |
                          fs::perms::others_read | fs::perms::others_exec;
    if (!error) fs::permissions(directory_, kAll, error);
    if (error) log::error(std::format("make {}: {}", directory_.string(), error.message()));
    for (const auto& entry : fs::directory_iterator(directory_, error)) {
        std::error_code gone;
        if (entry.is_socket(gone)) fs::remove(entry.path(), gone);
    }
}

LocalListeners::~LocalListeners() {
    for (auto& [name, listener] : listeners_) listener->close();
}

Result<std::shared_ptr<LocalListeners::Listener>> LocalListeners::listen(const std::string& service,
                                                                         const std::string& group) {
    auto listener = std::make_shared<Listener>(executor_, directory_ / service, group);
    if (auto opened = listener->open(); !opened) {
        listener->close();
        return std::unexpected(opened.error());
    }
    asio::co_spawn(
        executor_, [listener, service, accepted = accepted_] { return listener->run(service, accepted); },
        asio::detached);
    return listener;
}

void LocalListeners::set(const std::map<std::string, std::string>& services) {
    std::erase_if(listeners_, [&](auto& entry) {
        const auto wanted = services.find(entry.first);
        if (wanted != services.end() && wanted->second == entry.second->group()) return false;
        entry.second->close();
        return true;
    });
    for (const auto& [service, group] : services) {
        if (listeners_.contains(service)) continue;
        auto listener = listen(service, group);
        if (listener)
            listeners_.emplace(service, std::move(*listener));
        else
            log::warning("listen for local programs", listener.error());
    }
}

std::set<std::string> LocalListeners::names() const {
    std::set<std::string> names;
    for (const auto& [name, listener] : listeners_) names.insert(name);
    return names;
}

}  // namespace ssi::isfc
