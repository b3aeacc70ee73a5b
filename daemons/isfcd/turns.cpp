#include "daemons/isfcd/turns.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

namespace ssi::isfc {
namespace asio = boost::asio;

Turns::Turns(asio::any_io_executor executor) : executor_(std::move(executor)), waiting_(64) {}

asio::awaitable<void> Turns::take(bool goes_first) {
    if (goes_first) return asio::post(executor_, asio::use_awaitable);
    return asio::async_initiate<const asio::use_awaitable_t<>, void()>(
        [this](asio::any_completion_handler<void()> handler) {
            if (waiting_.full())
                waiting_.set_capacity(waiting_.capacity() * 2);  // never smaller again: nothing is allocated
            waiting_.push_back(std::move(handler));
            if (!std::exchange(posted_, true)) asio::post(executor_, [this] { give_next(); });
        },
        asio::use_awaitable);
}

void Turns::give_next() {
    auto next = std::move(waiting_.front());
    waiting_.pop_front();
    // Before the turn, which may ask for the next one; the event loop looks around before it comes to this.
    posted_ = !waiting_.empty();
    if (posted_) asio::post(executor_, [this] { give_next(); });
    std::move(next)();
}

}  // namespace ssi::isfc
