#include "daemons/isfcd/channel/listening_ends.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <format>
#include <utility>

#include "daemons/isfcd/channel/handshake.hpp"
#include "lib/common/log.hpp"
#include "lib/common/no_throw.hpp"

namespace ssi::isfc {
namespace asio = boost::asio;
using tcp = asio::ip::tcp;
namespace {

/// IP_FREEBIND: the address may come and go with its interface; the listener stays.
Result<void> open_acceptor(tcp::acceptor& acceptor, const ListeningEnd& end) {
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
    if (!error) acceptor.bind(tcp::endpoint(address, end.port), error);
    if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
    if (error)
        return failure(ErrorCode::kChannelFailed,
                       std::format("listen at {} port {}: {}", end.address, end.port, error.message()), end.address,
                       "check the address in system.toml and that no other program uses the port");
    return {};
}

}  // namespace

struct ListeningEnds::Listener {
    Listener(const asio::any_io_executor& executor, ListeningEnd at)
        : end(std::move(at)), acceptor(executor), retry(executor) {}
    ListeningEnd end;
    tcp::acceptor acceptor;
    Signal retry;
    bool wanted = true;
};

ListeningEnds::ListeningEnds(asio::any_io_executor executor, const Timing& timing, Accepted accepted)
    : executor_(std::move(executor)), timing_(timing), accepted_(std::move(accepted)) {}

void ListeningEnds::set(const std::set<ListeningEnd>& ends) {
    for (auto one = listeners_.begin(); one != listeners_.end();) {
        const auto& [end, listener] = *one;
        if (ends.contains(end)) {
            ++one;
            continue;
        }
        listener->wanted = false;
        boost::system::error_code ignored;  // closing: there is nothing left to fail
        listener->acceptor.close(ignored);
        listener->retry.notify();
        one = listeners_.erase(one);
    }
    for (const auto& end : ends) {
        const auto [place, added] = listeners_.try_emplace(end);
        if (!added) continue;
        place->second = std::make_shared<Listener>(executor_, end);
        asio::co_spawn(
            executor_, [self = shared_from_this(), listener = place->second] { return self->listen(listener); },
            asio::detached);
    }
}

asio::awaitable<void> ListeningEnds::listen(std::shared_ptr<Listener> listener) {
    const auto& end = listener->end;
    auto& acceptor = listener->acceptor;
    std::string told;
    while (listener->wanted) {
        if (!acceptor.is_open()) {
            if (const auto opened = open_acceptor(acceptor, end); !opened) {
                if (std::exchange(told, opened.error().text()) != opened.error().text())
                    log::warning("channels from other members", opened.error());
                boost::system::error_code ignored;
                acceptor.close(ignored);
                co_await listener->retry.wait(Signal::Time::clock::now() + timing_.backoff_most);
                continue;
            }
            told.clear();
        }
        auto [error, socket] = co_await acceptor.async_accept(kNoThrow);
        if (!listener->wanted) co_return;
        if (error) {
            log::warning(std::format("accept at {} port {}: {}", end.address, end.port, error.message()));
            co_await listener->retry.wait(Signal::Time::clock::now() + timing_.backoff_least);
            continue;
        }
        accepted_(std::move(socket));
    }
}

}  // namespace ssi::isfc
