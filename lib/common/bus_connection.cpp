#include "lib/common/bus_connection.hpp"

#include <fcntl.h>
#include <poll.h>

#include <algorithm>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <cstdint>
#include <format>
#include <utility>

#include "lib/common/no_throw.hpp"

namespace ssi {

namespace asio = boost::asio;
using bus::bus_failure;
using bus::Message;
using bus::Slot;

Result<void> Bus::Connection::start() {
    // A duplicate, since sd-bus closes its own whenever it likes.
    const int own = sd_bus_get_fd(get());
    const int duplicate = own < 0 ? own : ::fcntl(own, F_DUPFD_CLOEXEC, 0);
    if (duplicate < 0) return bus_failure("cannot watch the bus", "D-Bus", own < 0 ? own : -errno);
    descriptor_.assign(duplicate);
    watch();
    return {};
}

/// Lets sd-bus do what is to be done now, then waits for its next event.
void Bus::Connection::pump() {
    const auto self = shared_from_this();  // a callback may destroy the Bus
    int more = 1;
    while (more > 0 && !reason_) more = sd_bus_process(get(), nullptr);
    if (more < 0 && !reason_) close(bus_failure("the connection to the bus is gone", "D-Bus", more).error());
    watch();
}

/// Also after each message of ours: what sd-bus could not write at once waits for POLLOUT, and a call has a time-out.
void Bus::Connection::watch() {
    if (reason_) return;
    std::uint64_t until = 0;  // CLOCK_MONOTONIC, microseconds; 0: there is something to do at once
    const int events = sd_bus_get_events(get());
    if (events < 0 || sd_bus_get_timeout(get(), &until) < 0) until = 0;
    if (events > 0 && (events & POLLIN) != 0) watch_descriptor(asio::posix::stream_descriptor::wait_read, reading_);
    if (events > 0 && (events & POLLOUT) != 0) watch_descriptor(asio::posix::stream_descriptor::wait_write, writing_);
    if (until == UINT64_MAX) {
        timer_.cancel();
        return;
    }
    timer_.expires_at(asio::steady_timer::time_point(std::chrono::microseconds(until)));
    timer_.async_wait([weak = weak_from_this()](boost::system::error_code error) {
        const auto self = weak.lock();
        if (self && !error) self->pump();
    });
}

void Bus::Connection::watch_descriptor(asio::posix::stream_descriptor::wait_type what, bool& watched) {
    if (std::exchange(watched, true)) return;
    descriptor_.async_wait(what, [weak = weak_from_this(), &watched](boost::system::error_code) {
        const auto self = weak.lock();
        if (!self) return;
        watched = false;
        self->pump();
    });
}

void Bus::Connection::close(Error reason) {
    if (reason_) return;
    reason_ = std::move(reason);
    sd_bus_close(get());
    boost::system::error_code ignored;  // closing: there is nothing left to fail
    descriptor_.close(ignored);
    timer_.cancel();
    for (auto* call : pending_) call->answered.cancel();
    closed_.notify();
}

asio::awaitable<Error> Bus::Connection::wait_closed() {
    const auto self = shared_from_this();
    if (!reason_) co_await closed_.wait_after(closed_.count());
    co_return reason_.value_or(Error{ErrorCode::kTimedOut, "the wait for the bus was cancelled", "D-Bus", ""});
}

Result<Message> Bus::Connection::make_call(const Target& target, const std::string& method,
                                           const std::vector<std::string>& arguments) const {
    sd_bus_message* raw = nullptr;
    int result = sd_bus_message_new_method_call(get(), &raw, target.destination.c_str(), target.path.c_str(),
                                                target.interface.c_str(), method.c_str());
    Message request(raw);
    for (const auto& argument : arguments)
        if (result >= 0) result = sd_bus_message_append_basic(raw, 's', argument.c_str());
    if (result == -EINVAL)
        return failure(ErrorCode::kUsage, std::format("the arguments of {} are no text that D-Bus carries", method),
                       method);
    if (result < 0) return bus_failure(std::format("cannot call {}", method), target.destination, result);
    return request;
}

Bus::Connection::PendingCall::PendingCall(Connection& connection)
    : known_in(connection.pending_), answered(connection.executor_, asio::steady_timer::time_point::max()) {
    known_in.insert(this);
}

int Bus::Connection::on_answer(sd_bus_message* message, void* pending_call, sd_bus_error*) noexcept {
    auto& call = *static_cast<PendingCall*>(pending_call);
    call.answer.reset(sd_bus_message_ref(message));
    call.answered.cancel();
    return 1;
}

asio::awaitable<Result<Message>> Bus::Connection::exchange(Message request, std::chrono::milliseconds timeout) {
    const auto self = shared_from_this();
    PendingCall call(*this);
    const std::string destination = sd_bus_message_get_destination(request.get());
    sd_bus_slot* raw = nullptr;
    const auto limit = std::chrono::duration_cast<std::chrono::microseconds>(timeout).count();
    const int sent = sd_bus_call_async(get(), &raw, request.get(), on_answer, &call,
                                       static_cast<std::uint64_t>(std::max<std::int64_t>(limit, 1)));
    if (sent < 0) co_return bus_failure("cannot send on the bus", destination, sent);
    const Slot slot(raw);  // a cancelled coroutine takes its callback with it
    watch();
    if (!call.answer) co_await call.answered.async_wait(kNoThrow);
    if (call.answer) co_return std::move(call.answer);
    if (reason_) co_return std::unexpected(*reason_);
    co_return failure(ErrorCode::kTimedOut, "the call was cancelled", destination);
}

}  // namespace ssi
