#include "daemons/isfcd/bus_service.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "lib/common/log.hpp"

namespace ssi::isfc {
namespace asio = boost::asio;
namespace {

constexpr auto kName = "org.kvmssi.Isfc1";
constexpr auto kPath = "/org/kvmssi/Isfc1";
constexpr auto kRetry = std::chrono::seconds(2);

using Change = Result<void> (IsfcControl::*)(const std::string& member, const std::string& service);

Bus::Handler change_handler(std::shared_ptr<IsfcControl> control, Change change) {
    return [control, change](std::vector<std::string> arguments, Bus::Caller) -> asio::awaitable<Result<std::string>> {
        const auto changed = ((*control).*change)(arguments.at(0), arguments.at(1));
        if (!changed) co_return std::unexpected(changed.error());
        co_return std::string(R"({"v":1})");
    };
}

std::vector<Bus::Method> methods_of(const std::shared_ptr<IsfcControl>& control) {
    const Bus::Handler query = [control](std::vector<std::string>,
                                         Bus::Caller) -> asio::awaitable<Result<std::string>> {
        co_return control->query();
    };
    return {{"Query", {}, query},
            {"Expect", {"member", "service"}, change_handler(control, &IsfcControl::expect)},
            {"Forget", {"member", "service"}, change_handler(control, &IsfcControl::forget)}};
}

}  // namespace

BusService::BusService(const asio::any_io_executor& executor, std::shared_ptr<IsfcControl> control)
    : executor_(executor), control_(std::move(control)), retry_(executor) {}

void BusService::start() {
    asio::co_spawn(executor_, [self = shared_from_this()] { return self->keep_serving(); }, asio::detached);
}

void BusService::stop() {
    stopping_ = true;
    bus_.reset();
    retry_.cancel();
}

asio::awaitable<Error> BusService::serve() {
    auto bus = Bus::connect(executor_);
    if (!bus) co_return bus.error();
    bus_ = std::move(*bus);
    if (auto exported = bus_->export_object(kPath, kName, methods_of(control_)); !exported) co_return exported.error();
    if (auto named = co_await bus_->request_name(kName); !named) co_return named.error();
    if (stopping_) co_return Error{};
    co_return co_await bus_->closed();
}

asio::awaitable<void> BusService::keep_serving() {
    std::string told;
    while (!stopping_) {
        const auto ended = co_await serve();
        if (stopping_) co_return;
        bus_.reset();
        if (std::exchange(told, ended.text()) != ended.text())
            log::warning("D-Bus is not served for now, links are not affected", ended);
        retry_.expires_after(kRetry);
        co_await retry_.async_wait(asio::as_tuple(asio::use_awaitable));
    }
}

}  // namespace ssi::isfc
