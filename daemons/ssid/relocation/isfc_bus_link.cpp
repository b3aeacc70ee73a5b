#include "daemons/ssid/relocation/isfc_bus_link.hpp"

#include <chrono>
#include <utility>

namespace ssi::cluster {

boost::asio::awaitable<Result<void>> IsfcBusLink::call(std::string method, MemberName member, ServiceName service) {
    const Bus::Target isfcd{"org.kvmssi.Isfc1", "/org/kvmssi/Isfc1", "org.kvmssi.Isfc1"};
    auto answer = co_await bus_.call(isfcd, std::move(method), {member.str(), service.str()}, std::chrono::seconds(5));
    if (!answer) co_return std::unexpected(answer.error());
    co_return Result<void>{};
}

boost::asio::awaitable<Result<void>> IsfcBusLink::expect(MemberName member, ServiceName service) {
    return call("Expect", std::move(member), std::move(service));
}
boost::asio::awaitable<Result<void>> IsfcBusLink::forget(MemberName member, ServiceName service) {
    return call("Forget", std::move(member), std::move(service));
}

}  // namespace ssi::cluster
