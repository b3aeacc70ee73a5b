#include "daemons/ssid/gate/rights_client.hpp"

#include <boost/asio/read_until.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/json/serialize.hpp>

#include "daemons/ssid/gate/spawn.hpp"
#include "lib/common/log.hpp"
#include "lib/common/no_throw.hpp"

namespace ssi::gate {
namespace {

namespace asio = boost::asio;

constexpr std::size_t kLineLimit = 64 * 1024;
constexpr std::size_t kQueueLimit = 8 << 20;  ///< Some answers to `hello` with thousands of rights.

}  // namespace

asio::awaitable<std::optional<std::string>> RightsClient::read_line() {
    const auto [error, size] =
        co_await asio::async_read_until(socket_, asio::dynamic_buffer(received_, kLineLimit), '\n', kNoThrow);
    if (error) co_return std::nullopt;
    auto line = received_.substr(0, size - 1);
    received_.erase(0, size);
    co_return line;
}

void RightsClient::send(const json::Object& message) {
    if (!socket_.is_open()) return;
    auto line = boost::json::serialize(message) + '\n';
    queued_bytes_ += line.size();
    if (queued_bytes_ > kQueueLimit) {
        log::error("closing a client of the guard's socket that does not read its answers");
        close();
        return;
    }
    queue_.push_back(std::move(line));
    if (writing_) return;
    writing_ = true;
    spawn(socket_.get_executor(), write_queue());
}

asio::awaitable<void> RightsClient::write_queue() {
    const auto self = shared_from_this();
    while (!queue_.empty()) {
        const auto [error, size] = co_await asio::async_write(socket_, asio::buffer(queue_.front()), kNoThrow);
        if (error) {
            close();
            co_return;
        }
        queued_bytes_ -= queue_.front().size();
        queue_.pop_front();
    }
    writing_ = false;
}

void RightsClient::close() {
    boost::system::error_code ignored;  // closing is all that can be done
    socket_.close(ignored);
}

}  // namespace ssi::gate
