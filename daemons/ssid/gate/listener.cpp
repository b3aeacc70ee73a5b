#include "daemons/ssid/gate/listener.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <utility>

#include "daemons/ssid/gate/spawn.hpp"
#include "lib/common/log.hpp"
#include "lib/common/no_throw.hpp"

namespace ssi::gate {
namespace {

namespace asio = boost::asio;

constexpr std::chrono::milliseconds kAcceptPause(100);

}  // namespace

struct Listener::State {
    UnixAcceptor acceptor;
    std::size_t connections = 0;
};

Result<Listener> Listener::at(const asio::any_io_executor& executor, const std::filesystem::path& path) {
    return listen_at(executor, path).transform([](UnixAcceptor acceptor) { return Listener(std::move(acceptor)); });
}

Listener::Listener(UnixAcceptor acceptor) : state_(std::make_shared<State>(std::move(acceptor))) {}

Listener::~Listener() {
    boost::system::error_code ignored;  // closing is all that can be done
    if (state_) state_->acceptor.close(ignored);
}

asio::any_io_executor Listener::executor() const {
    return state_->acceptor.get_executor();
}

asio::awaitable<void> Listener::run(Serve serve, std::size_t limit) {
    const auto counted = [](std::shared_ptr<State> state, asio::awaitable<void> served) -> asio::awaitable<void> {
        ++state->connections;
        co_await std::move(served);
        --state->connections;
    };
    const auto state = state_;  // this object can go while it waits
    while (state->acceptor.is_open()) {
        auto [error, socket] = co_await state->acceptor.async_accept(kNoThrow);
        if (!state->acceptor.is_open()) co_return;
        if (error) {
            // Out of descriptors: one comes free when a connection ends; accept would fail at once until then.
            boost::system::error_code ignored;  // then it is a line without the path
            const auto path = state->acceptor.local_endpoint(ignored).path();
            log::error("taking a connection", system_failure("accept", path, error.value()).error());
            asio::steady_timer pause(state->acceptor.get_executor(), kAcceptPause);
            co_await pause.async_wait(kNoThrow);
            continue;
        }
        const auto peer = peer_of(socket.native_handle());
        if (!peer || !is_trusted(*peer) || state->connections >= limit) continue;
        spawn(state->acceptor.get_executor(), counted(state, serve(std::move(socket), *peer)));
    }
}

}  // namespace ssi::gate
