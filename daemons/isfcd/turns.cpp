#include "daemons/isfcd/turns.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

namespace ssi::isfc {
namespace asio = boost::asio;

Turns::Turns(asio::any_io_executor executor)
    : executor_(std::move(executor)), nobody_(std::make_unique<Waiting>(64)), waiting_(nobody_.get()) {}

asio::awaitable<void> Turns::take(bool goes_first) {
    if (goes_first) return asio::post(executor_, asio::use_awaitable);
    return asio::async_initiate<const asio::use_awaitable_t<>, void()>(
        [this](asio::any_completion_handler<void()> handler) {
            if (waiting_->full())
                waiting_->set_capacity(waiting_->capacity() * 2);  // never smaller again: nothing is allocated
            waiting_->push_back(std::move(handler));
            if (nobody_) post(std::move(nobody_));
        },
        asio::use_awaitable);
}

void Turns::post(std::unique_ptr<Waiting> waiting) {
    asio::post(executor_, [this, waiting = std::move(waiting)]() mutable { give_next(std::move(waiting)); });
}

void Turns::give_next(std::unique_ptr<Waiting> waiting) {
    auto next = std::move(waiting->front());
    waiting->pop_front();
    // Before the turn, which may ask for the next one; the event loop looks around before it comes to this.
    if (waiting->empty())
        nobody_ = std::move(waiting);
    else
        post(std::move(waiting));
    std::move(next)();
}

}  // namespace ssi::isfc
