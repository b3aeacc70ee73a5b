#include "lib/common/bus.hpp"

#include <fcntl.h>
#include <poll.h>
#include <systemd/sd-bus.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/serialize.hpp>
#include <format>
#include <list>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "lib/common/json_message.hpp"
#include "lib/common/log.hpp"
#include "lib/common/notifier.hpp"

namespace ssi {
namespace {

namespace asio = boost::asio;

constexpr auto kBusDaemonTimeout = std::chrono::seconds(10);

template <class T, T* (*unref)(T*)>
struct Unref {
    void operator()(T* object) const { unref(object); }
};
using Message = std::unique_ptr<sd_bus_message, Unref<sd_bus_message, sd_bus_message_unref>>;
using Slot = std::unique_ptr<sd_bus_slot, Unref<sd_bus_slot, sd_bus_slot_unref>>;
using Handle = std::unique_ptr<sd_bus, Unref<sd_bus, sd_bus_unref>>;

std::unexpected<Error> unreachable(std::string what, std::string object) {
    return failure(ErrorCode::kDaemonUnreachable, std::move(what), std::move(object));
}

std::unexpected<Error> bus_failure(std::string_view what, std::string object, int negative_errno) {
    return unreachable(std::format("{}: {}", what, ::strerror(-negative_errno)), std::move(object));
}

/// One argument of a basic type as text, empty at the end of the message or before a container.
std::optional<std::string> read_basic(sd_bus_message* message) {
    char type = 0;
    if (sd_bus_message_peek_type(message, &type, nullptr) <= 0) return std::nullopt;
    union {
        const char* text;
        std::uint8_t byte;
        int boolean;
        std::int16_t int16;
        std::uint16_t uint16;
        std::int32_t int32;
        std::uint32_t uint32;
        std::int64_t int64;
        std::uint64_t uint64;
        double real;
    } value{};
    if (std::string_view("ybnqiuxtdsog").find(type) == std::string_view::npos) return std::nullopt;
    if (sd_bus_message_read_basic(message, type, &value) <= 0) return std::nullopt;
    switch (type) {
        case 'y':
            return std::to_string(value.byte);
        case 'b':
            return value.boolean != 0 ? "true" : "false";
        case 'n':
            return std::to_string(value.int16);
        case 'q':
            return std::to_string(value.uint16);
        case 'i':
            return std::to_string(value.int32);
        case 'u':
            return std::to_string(value.uint32);
        case 'x':
            return std::to_string(value.int64);
        case 't':
            return std::to_string(value.uint64);
        case 'd':
            return std::format("{}", value.real);
        default:
            return value.text;
    }
}

std::vector<std::string> read_all(sd_bus_message* message) {
    std::vector<std::string> arguments;
    while (auto argument = read_basic(message)) arguments.push_back(std::move(*argument));
    return arguments;
}

/// What a D-Bus error answer means to us.
Error to_error(const sd_bus_error& error, const Bus::Target& target, std::string_view method) {
    const std::string_view name = error.name;
    const std::string_view message = error.message != nullptr ? error.message : "";
    if (name == Bus::kRefused) {
        auto refusal = json::parse(message, target.destination);
        return refusal ? json::to_error(*refusal) : refusal.error();
    }
    if (name == SD_BUS_ERROR_SERVICE_UNKNOWN || name == SD_BUS_ERROR_NAME_HAS_NO_OWNER)
        return {ErrorCode::kDaemonUnreachable, std::format("{} is not on the bus", target.destination),
                target.destination, ""};
    if (name == SD_BUS_ERROR_ACCESS_DENIED)
        return {ErrorCode::kDaemonUnreachable, std::format("the bus does not allow {}: {}", method, message),
                target.destination, "try it as root"};
    if (name == SD_BUS_ERROR_NO_REPLY || name == SD_BUS_ERROR_TIMEOUT || name == SD_BUS_ERROR_DISCONNECTED)
        return {ErrorCode::kDaemonUnreachable,
                std::format("{} did not answer {}, so whether it was done is not known: {}", target.destination, method,
                            message),
                target.destination, ""};
    return {ErrorCode::kProtocolViolated, std::format("{} failed: {} ({})", method, message, name), std::string(name),
            ""};
}

}  // namespace

/// The state behind a Bus. Coroutines under way hold it too, so that it is there when they come back.
class Bus::Connection : public std::enable_shared_from_this<Connection> {
  public:
    Connection(asio::any_io_executor executor, Handle handle)
        : bus_(std::move(handle)), executor_(executor), descriptor_(executor), timer_(executor), closed_(executor) {}

    Result<void> start();
    void close(Error reason);
    Result<void> export_object(const std::string& path, const std::string& interface, std::vector<Method> methods);
    Result<void> on_signal(const Target& target, const std::string& signal, SignalHandler handler);

    /// Sends a call made by the functions below and waits for its answer, which may be an error answer.
    asio::awaitable<Result<Message>> exchange(Message request, std::chrono::milliseconds timeout);
    Result<Message> make_call(const Target& target, const std::string& method,
                              const std::vector<std::string>& arguments) const;
    asio::awaitable<Error> wait_closed();

    sd_bus* get() const { return bus_.get(); }

  private:
    struct Exported {
        Connection* connection;
        std::vector<Method> methods;
        std::vector<std::string> signatures;
        std::vector<std::string> names;
        std::vector<sd_bus_vtable> vtable;
        Slot slot;
    };
    struct Subscription {
        SignalHandler handler;
        Slot slot;
    };
    struct PendingCall {
        asio::steady_timer answered;
        Message answer;
    };

    static int on_method(sd_bus_message* message, void* exported, sd_bus_error*) noexcept;
    static int on_answer(sd_bus_message* message, void* pending_call, sd_bus_error*) noexcept;
    static int on_subscribed(sd_bus_message* message, void* subscription, sd_bus_error*) noexcept;

    void pump();
    void watch();
    void watch_descriptor(asio::posix::stream_descriptor::wait_type what, bool& watched);
    asio::awaitable<void> serve(Message request, Handler handler);
    asio::awaitable<Result<Caller>> caller_of(sd_bus_message* request);
    void answer(sd_bus_message* request, const Result<std::string>& result);

    // The slots below are gone before the bus.
    Handle bus_;
    asio::any_io_executor executor_;
    asio::posix::stream_descriptor descriptor_;
    asio::steady_timer timer_;
    Notifier closed_;
    std::optional<Error> reason_;
    bool reading_ = false;
    bool writing_ = false;
    std::list<Exported> exported_;
    std::list<Subscription> subscriptions_;
    std::set<PendingCall*> pending_;
};

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

int Bus::Connection::on_answer(sd_bus_message* message, void* pending_call, sd_bus_error*) noexcept {
    auto& call = *static_cast<PendingCall*>(pending_call);
    call.answer.reset(sd_bus_message_ref(message));
    call.answered.cancel();
    return 1;
}

asio::awaitable<Result<Message>> Bus::Connection::exchange(Message request, std::chrono::milliseconds timeout) {
    const auto self = shared_from_this();
    PendingCall call{asio::steady_timer(executor_, asio::steady_timer::time_point::max()), nullptr};
    const std::string destination = sd_bus_message_get_destination(request.get());
    sd_bus_slot* raw = nullptr;
    const auto limit = std::chrono::duration_cast<std::chrono::microseconds>(timeout).count();
    const int sent = sd_bus_call_async(get(), &raw, request.get(), on_answer, &call,
                                       static_cast<std::uint64_t>(std::max<std::int64_t>(limit, 1)));
    if (sent < 0) co_return bus_failure("cannot send on the bus", destination, sent);
    const Slot slot(raw);  // a cancelled coroutine takes its callback with it
    pending_.insert(&call);
    watch();
    if (!call.answer) co_await call.answered.async_wait(asio::as_tuple(asio::use_awaitable));
    pending_.erase(&call);
    if (call.answer) co_return std::move(call.answer);
    if (reason_) co_return std::unexpected(*reason_);
    co_return failure(ErrorCode::kTimedOut, "the call was cancelled", destination);
}

Result<void> Bus::Connection::export_object(const std::string& path, const std::string& interface,
                                            std::vector<Method> methods) {
    auto& object = exported_.emplace_back(this, std::move(methods));
    for (const auto& method : object.methods) {
        object.signatures.push_back(std::string(method.arguments.size(), 's'));
        // sd-bus wants the names of all arguments and results in one string, each ended by a NUL.
        std::string names;
        for (const auto& argument : method.arguments) names += argument + '\0';
        object.names.push_back(names + std::string("answer\0", 7));
    }
    object.vtable.push_back(SD_BUS_VTABLE_START(0));
    for (std::size_t i = 0; i < object.methods.size(); ++i)
        object.vtable.push_back(SD_BUS_METHOD_WITH_NAMES(object.methods[i].name.c_str(), object.signatures[i].c_str(),
                                                         object.names[i].c_str(), "s", , on_method,
                                                         SD_BUS_VTABLE_UNPRIVILEGED));
    object.vtable.push_back(SD_BUS_VTABLE_END);
    sd_bus_slot* raw = nullptr;
    const int result =
        sd_bus_add_object_vtable(get(), &raw, path.c_str(), interface.c_str(), object.vtable.data(), &object);
    object.slot.reset(raw);
    if (result >= 0) return {};
    exported_.pop_back();
    return system_failure("cannot offer a D-Bus object", path, -result);
}

int Bus::Connection::on_method(sd_bus_message* message, void* exported, sd_bus_error*) noexcept try {
    auto& object = *static_cast<Exported*>(exported);
    const std::string_view name = sd_bus_message_get_member(message);
    const auto method = std::ranges::find(object.methods, name, &Method::name);
    if (method == object.methods.end()) return 0;  // sd-bus then answers that there is no such method
    auto& connection = *object.connection;
    asio::co_spawn(connection.executor_, connection.serve(Message(sd_bus_message_ref(message)), method->handler),
                   asio::detached);
    return 1;
} catch (const std::exception& exception) {
    log::error("a call from the bus was lost", Error{ErrorCode::kSystemFailed, exception.what(), "D-Bus", ""});
    return -ENOMEM;
}

/// One call from outside, from its arguments to its answer.
asio::awaitable<void> Bus::Connection::serve(Message request, Handler handler) {
    const auto self = shared_from_this();
    Result<std::string> result;
    try {
        const auto caller = co_await caller_of(request.get());
        if (caller)  // no conditional expression: GCC 14 ends the temporaries of its co_await too early
            result = co_await handler(read_all(request.get()), *caller);
        else
            result = std::unexpected(caller.error());
    } catch (const std::exception& exception) {
        result = failure(ErrorCode::kSystemFailed, exception.what(), sd_bus_message_get_member(request.get()));
        log::error("a D-Bus method threw", result.error());
    }
    answer(request.get(), result);
}

/// Asks the bus, which took the uid from the caller's socket. sd-bus's own query would block.
asio::awaitable<Result<Bus::Caller>> Bus::Connection::caller_of(sd_bus_message* request) {
    const char* sender = sd_bus_message_get_sender(request);
    if (sender == nullptr) co_return unreachable("a caller without a name on the bus", "D-Bus");
    const Target daemon{"org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus"};
    std::vector<std::string> arguments;
    arguments.emplace_back(sender);
    auto query = make_call(daemon, "GetConnectionUnixUser", arguments);
    if (!query) co_return std::unexpected(query.error());
    auto reply = co_await exchange(std::move(*query), kBusDaemonTimeout);
    if (!reply) co_return std::unexpected(reply.error());
    std::uint32_t uid = 0;
    if (sd_bus_message_is_method_error(reply->get(), nullptr) > 0 ||
        sd_bus_message_read_basic(reply->get(), 'u', &uid) <= 0)
        co_return unreachable("the bus does not say who calls", sender);
    co_return Caller{uid};
}

void Bus::Connection::answer(sd_bus_message* request, const Result<std::string>& result) {
    int sent = -EINVAL;
    if (result)
        sent = sd_bus_reply_method_return(request, "s", result->c_str());
    else
        sent = sd_bus_reply_method_errorf(request, kRefused, "%s",
                                          boost::json::serialize(json::from_error(result.error())).c_str());
    if (sent == -EINVAL)  // D-Bus carries only valid UTF-8
        sent = sd_bus_reply_method_errorf(request, SD_BUS_ERROR_FAILED, "the answer is no text that D-Bus carries");
    if (sent < 0)
        log::warning(std::format("cannot answer {}", sd_bus_message_get_member(request)),
                     bus_failure("the answer was not sent", "D-Bus", sent).error());
    watch();
}

int Bus::Connection::on_subscribed(sd_bus_message* message, void* subscription, sd_bus_error*) noexcept try {
    static_cast<Subscription*>(subscription)->handler(read_all(message));
    return 0;  // others may want the signal too
} catch (const std::exception& exception) {
    log::error("a D-Bus signal was lost", Error{ErrorCode::kSystemFailed, exception.what(), "D-Bus", ""});
    return 0;
}

Result<void> Bus::Connection::on_signal(const Target& target, const std::string& signal, SignalHandler handler) {
    auto& subscription = subscriptions_.emplace_back(std::move(handler));
    sd_bus_slot* raw = nullptr;
    // No callback for the subscription itself: should the bus refuse it, sd-bus ends the connection.
    const int result =
        sd_bus_match_signal_async(get(), &raw, target.destination.c_str(), target.path.c_str(),
                                  target.interface.c_str(), signal.c_str(), on_subscribed, nullptr, &subscription);
    subscription.slot.reset(raw);
    watch();
    if (result >= 0) return {};
    subscriptions_.pop_back();
    return bus_failure(std::format("cannot subscribe to {}", signal), target.destination, result);
}

Result<Bus> Bus::connect(asio::any_io_executor executor, const std::string& address) {
    sd_bus* raw = nullptr;
    int result = 0;
    if (address.empty()) {
        result = sd_bus_open_system(&raw);
    } else {
        result = sd_bus_new(&raw);
        if (result >= 0) result = sd_bus_set_address(raw, address.c_str());
        if (result >= 0) result = sd_bus_set_bus_client(raw, 1);
        if (result >= 0) result = sd_bus_start(raw);
    }
    Handle handle(raw);
    if (result < 0) return bus_failure("cannot reach the system bus", address.empty() ? "D-Bus" : address, result);
    auto connection = std::make_shared<Connection>(executor, std::move(handle));
    if (auto started = connection->start(); !started) return std::unexpected(started.error());
    return Bus(std::move(connection));
}

Bus::Bus(std::shared_ptr<Connection> connection) : connection_(std::move(connection)) {}
Bus::Bus(Bus&&) noexcept = default;

Bus& Bus::operator=(Bus&& other) noexcept {
    std::swap(connection_, other.connection_);  // the other's destructor closes what was here
    return *this;
}

Bus::~Bus() {
    if (connection_)
        connection_->close({ErrorCode::kDaemonUnreachable, "the connection to the bus was closed", "D-Bus", ""});
}

Result<void> Bus::export_object(const std::string& path, const std::string& interface, std::vector<Method> methods) {
    return connection_->export_object(path, interface, std::move(methods));
}

asio::awaitable<Result<void>> Bus::request_name(std::string name) {
    const auto connection = connection_;
    constexpr std::uint32_t kDoNotQueue = 4;
    constexpr std::uint32_t kPrimaryOwner = 1;
    constexpr std::uint32_t kAlreadyOwner = 4;
    const Target daemon{"org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus"};
    auto request = connection->make_call(daemon, "RequestName", {});
    if (!request) co_return std::unexpected(request.error());
    if (const int result = sd_bus_message_append(request->get(), "su", name.c_str(), kDoNotQueue); result < 0)
        co_return bus_failure("cannot ask for a name on the bus", name, result);
    auto reply = co_await connection->exchange(std::move(*request), kBusDaemonTimeout);
    if (!reply) co_return std::unexpected(reply.error());
    if (const auto* error = sd_bus_message_get_error(reply->get()); error != nullptr)
        co_return unreachable(std::format("the bus does not give the name {}: {}", name, error->message), name);
    std::uint32_t outcome = 0;
    if (sd_bus_message_read_basic(reply->get(), 'u', &outcome) <= 0 ||
        (outcome != kPrimaryOwner && outcome != kAlreadyOwner))
        co_return unreachable(std::format("another process has the name {} on the bus", name), name);
    co_return Result<void>{};
}

asio::awaitable<Result<std::string>> Bus::call(Target target, std::string method, std::vector<std::string> arguments,
                                               std::chrono::milliseconds timeout) {
    const auto connection = connection_;
    auto request = connection->make_call(target, method, arguments);
    if (!request) co_return std::unexpected(request.error());
    auto reply = co_await connection->exchange(std::move(*request), timeout);
    if (!reply) co_return std::unexpected(reply.error());
    if (const auto* error = sd_bus_message_get_error(reply->get()); error != nullptr)
        co_return std::unexpected(to_error(*error, target, method));
    const std::string_view signature = sd_bus_message_get_signature(reply->get(), 1);
    if (signature.empty()) co_return std::string();
    if (signature != "s" && signature != "o")
        co_return failure(
            ErrorCode::kProtocolViolated,
            std::format("{} answered {} with '{}' instead of a text", target.destination, method, signature),
            target.destination);
    co_return read_basic(reply->get()).value_or("");
}

Result<void> Bus::on_signal(const Target& target, const std::string& signal, SignalHandler handler) {
    return connection_->on_signal(target, signal, std::move(handler));
}

asio::awaitable<Error> Bus::closed() {
    return connection_->wait_closed();
}

}  // namespace ssi
