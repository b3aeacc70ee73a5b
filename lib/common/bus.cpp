#include "lib/common/bus.hpp"

#include <cstdint>
#include <format>
#include <string_view>
#include <utility>

#include "lib/common/bus_connection.hpp"

namespace ssi {

namespace asio = boost::asio;
using bus::bus_failure;

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
    bus::Handle handle(raw);
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

Result<void> Bus::export_object(const std::string& path, const std::string& interface, std::vector<Method> methods,
                                std::vector<Signal> signals) {
    return connection_->export_object(path, interface, std::move(methods), std::move(signals));
}

Result<void> Bus::emit(const std::string& path, const std::string& interface, const std::string& signal,
                       const std::vector<std::string>& arguments) {
    return connection_->emit(path, interface, signal, arguments);
}

asio::awaitable<Result<void>> Bus::request_name(std::string name) {
    const auto connection = connection_;
    constexpr std::uint32_t kDoNotQueue = 4;
    constexpr std::uint32_t kPrimaryOwner = 1;
    constexpr std::uint32_t kAlreadyOwner = 4;
    auto request = connection->make_call(bus::bus_daemon(), "RequestName", {});
    if (!request) co_return std::unexpected(request.error());
    if (const int result = sd_bus_message_append(request->get(), "su", name.c_str(), kDoNotQueue); result < 0)
        co_return bus_failure("cannot ask for a name on the bus", name, result);
    auto reply = co_await connection->exchange(std::move(*request), bus::kBusDaemonTimeout);
    if (!reply) co_return std::unexpected(reply.error());
    if (const auto* error = sd_bus_message_get_error(reply->get()); error != nullptr)
        co_return failure(ErrorCode::kDaemonUnreachable,
                          std::format("the bus does not give the name {}: {}", name, error->message), name);
    std::uint32_t outcome = 0;
    if (sd_bus_message_read_basic(reply->get(), 'u', &outcome) <= 0 ||
        (outcome != kPrimaryOwner && outcome != kAlreadyOwner))
        co_return failure(ErrorCode::kDaemonUnreachable,
                          std::format("another process has the name {} on the bus", name), name);
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
        co_return std::unexpected(bus::to_error(*error, target, method));
    const std::string_view signature = sd_bus_message_get_signature(reply->get(), 1);
    if (signature.empty()) co_return std::string();
    if (signature != "s" && signature != "o")
        co_return failure(
            ErrorCode::kProtocolViolated,
            std::format("{} answered {} with '{}' instead of a text", target.destination, method, signature),
            target.destination);
    co_return bus::read_basic(reply->get()).value_or("");
}

Result<void> Bus::on_signal(const Target& target, const std::string& signal, SignalHandler handler) {
    return connection_->on_signal(target, signal, std::move(handler));
}

asio::awaitable<Error> Bus::closed() {
    return connection_->wait_closed();
}

}  // namespace ssi
