#include "daemons/isfcd/bus_service.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <format>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "lib/common/log.hpp"
#include "lib/common/no_throw.hpp"

namespace ssi::isfc {
namespace asio = boost::asio;
namespace {

constexpr auto kName = "org.kvmssi.Isfc1";
constexpr auto kPath = "/org/kvmssi/Isfc1";
constexpr auto kLinkChanged = "LinkChanged";
constexpr auto kChannelChanged = "ChannelChanged";
constexpr auto kRetry = std::chrono::seconds(2);

using Arguments = std::vector<std::string>;
using Answer = Result<std::string>;

/// A method that answers at once.
Bus::Handler handler(std::function<Answer(const Arguments&)> answer) {
    return [answer = std::move(answer)](Arguments arguments, Bus::Caller) -> asio::awaitable<Answer> {
        co_return answer(arguments);
    };
}

Answer done(const Result<void>& result) {
    if (!result) return std::unexpected(result.error());
    return R"({"v":1})";
}

std::vector<Bus::Method> methods_of(const std::shared_ptr<IsfcControl>& control) {
    return {
        {"Query", {}, handler([control](auto&) { return control->query(); })},
        {"Streams", {"member"}, handler([control](auto& given) { return control->streams(given.at(0)); })},
        {"Activate", {"member", "channel"}, handler([control](auto& given) {
             return control->activate(given.at(0), given.at(1));
         })},
        {"AddChannel",
         {"member", "channel", "own_address", "peer_address", "interface", "port"},
         handler([control](auto& given) {
             return control->add_channel(given.at(0),
                                         {given.at(1), given.at(2), given.at(3), given.at(4), given.at(5)});
         })},
        {"Deactivate", {"member", "channel", "force"}, handler([control](auto& given) -> Answer {
             if (!given.at(2).empty() && given.at(2) != "force")
                 return failure(ErrorCode::kUsage, std::format("'{}' is not \"force\"", given.at(2)), given.at(1));
             return control->deactivate(given.at(0), given.at(1), !given.at(2).empty());
         })},
        {"Reload", {}, handler([control](auto&) { return control->reload(); })},
        {"Expect", {"member", "service"}, handler([control](auto& given) {
             return done(control->expect(given.at(0), given.at(1)));
         })},
        {"Forget", {"member", "service"}, handler([control](auto& given) {
             return done(control->forget(given.at(0), given.at(1)));
         })},
    };
}

std::vector<Bus::Signal> signals() {
    return {{kLinkChanged, {"member", "state", "reason"}}, {kChannelChanged, {"member", "channel", "state", "reason"}}};
}

}  // namespace

BusService::BusService(const asio::any_io_executor& executor, std::shared_ptr<IsfcControl> control, std::string address)
    : executor_(executor), control_(std::move(control)), address_(std::move(address)), retry_(executor) {}

void BusService::start() {
    control_->observe([weak = weak_from_this()](const IsfcEvent& event) {
        if (const auto self = weak.lock()) self->tell(event);
    });
    asio::co_spawn(executor_, [self = shared_from_this()] { return self->keep_serving(); }, asio::detached);
}

void BusService::stop() {
    stopping_ = true;
    control_->observe({});
    bus_.reset();
    retry_.cancel();
}

/// Whoever missed a signal asks Query.
void BusService::tell(const IsfcEvent& event) {
    if (!bus_) return;
    const auto sent =
        event.channel.empty()
            ? bus_->emit(kPath, kName, kLinkChanged, {event.member, event.state, event.reason})
            : bus_->emit(kPath, kName, kChannelChanged, {event.member, event.channel, event.state, event.reason});
    if (!sent) log::debug(std::format("a D-Bus signal was not sent: {}", sent.error().text()));
}

asio::awaitable<Error> BusService::serve() {
    auto bus = Bus::connect(executor_, address_);
    if (!bus) co_return bus.error();
    bus_ = std::move(*bus);
    if (auto exported = bus_->export_object(kPath, kName, methods_of(control_), signals()); !exported)
        co_return exported.error();
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
        co_await retry_.async_wait(kNoThrow);
    }
}

}  // namespace ssi::isfc
