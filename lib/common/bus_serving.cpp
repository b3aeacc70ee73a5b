#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/json/serialize.hpp>
#include <cerrno>
#include <cstdint>
#include <exception>
#include <format>
#include <string_view>
#include <utility>

#include "lib/common/bus_connection.hpp"
#include "lib/common/json_message.hpp"
#include "lib/common/log.hpp"

namespace ssi {

namespace asio = boost::asio;
using bus::bus_failure;
using bus::Message;

namespace {

/// The names of arguments as sd-bus wants them: in one string, each ended by a NUL.
std::string names_of(const std::vector<std::string>& arguments) {
    std::string names;
    for (const auto& argument : arguments) names += argument + '\0';
    return names;
}

}  // namespace

Result<void> Bus::Connection::export_object(const std::string& path, const std::string& interface,
                                            std::vector<Method> methods, std::vector<Signal> signals) {
    auto& object = exported_.emplace_back(this, path, interface, std::move(methods), std::move(signals));
    const auto keep = [&object](std::string text) { return object.texts.emplace_back(std::move(text)).c_str(); };
    object.vtable.push_back(SD_BUS_VTABLE_START(0));
    for (const auto& method : object.methods) {
        const auto* signature = keep(std::string(method.arguments.size(), 's'));
        const auto* names = keep(names_of(method.arguments) + std::string("answer\0", 7));
        object.vtable.push_back(SD_BUS_METHOD_WITH_NAMES(method.name.c_str(), signature, names, "s", , on_method,
                                                         SD_BUS_VTABLE_UNPRIVILEGED));
    }
    for (const auto& signal : object.signals) {
        const auto* signature = keep(std::string(signal.arguments.size(), 's'));
        const auto* names = keep(names_of(signal.arguments));
        object.vtable.push_back(SD_BUS_SIGNAL_WITH_NAMES(signal.name.c_str(), signature, names, 0));
    }
    object.vtable.push_back(SD_BUS_VTABLE_END);
    sd_bus_slot* raw = nullptr;
    const int result =
        sd_bus_add_object_vtable(get(), &raw, path.c_str(), interface.c_str(), object.vtable.data(), &object);
    object.slot.reset(raw);
    if (result >= 0) return {};
    exported_.pop_back();
    return system_failure("cannot offer a D-Bus object", path, -result);
}

Result<void> Bus::Connection::emit(const std::string& path, const std::string& interface, const std::string& signal,
                                   const std::vector<std::string>& arguments) {
    const bool said = std::ranges::any_of(exported_, [&](const Exported& object) {
        return object.path == path && object.interface == interface &&
               std::ranges::any_of(object.signals, [&](const Signal& one) {
                   return one.name == signal && one.arguments.size() == arguments.size();
               });
    });
    if (!said) return failure(ErrorCode::kUsage, std::format("{} of {} was not announced", signal, path), signal);
    sd_bus_message* raw = nullptr;
    int result = sd_bus_message_new_signal(get(), &raw, path.c_str(), interface.c_str(), signal.c_str());
    const Message message(raw);
    for (const auto& argument : arguments)
        if (result >= 0) result = sd_bus_message_append_basic(raw, 's', argument.c_str());
    if (result == -EINVAL)
        return failure(ErrorCode::kUsage, std::format("the arguments of {} are no text that D-Bus carries", signal),
                       signal);
    if (result >= 0) result = sd_bus_send(get(), raw, nullptr);
    watch();
    if (result < 0) return bus_failure(std::format("cannot send signal {}", signal), path, result);
    return {};
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
            result = co_await handler(bus::read_all(request.get()), *caller);
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
    if (sender == nullptr)
        co_return failure(ErrorCode::kDaemonUnreachable, "a caller without a name on the bus", "D-Bus");
    std::vector<std::string> arguments;
    arguments.emplace_back(sender);
    auto query = make_call(bus::bus_daemon(), "GetConnectionUnixUser", arguments);
    if (!query) co_return std::unexpected(query.error());
    auto reply = co_await exchange(std::move(*query), bus::kBusDaemonTimeout);
    if (!reply) co_return std::unexpected(reply.error());
    std::uint32_t uid = 0;
    if (sd_bus_message_is_method_error(reply->get(), nullptr) > 0 ||
        sd_bus_message_read_basic(reply->get(), 'u', &uid) <= 0)
        co_return failure(ErrorCode::kDaemonUnreachable, "the bus does not say who calls", sender);
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
    static_cast<Subscription*>(subscription)->handler(bus::read_all(message));
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

}  // namespace ssi
