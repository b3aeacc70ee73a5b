#include "daemons/ssid/fencing/switch_off.hpp"

#include <format>
#include <memory>
#include <variant>

#include "lib/common/log.hpp"

namespace ssi::cluster {

boost::asio::awaitable<Result<void>> switch_off(std::span<const FenceStep> steps, MemberName target,
                                                std::function<bool()> is_silent) {
    Result<void> result =
        failure(ErrorCode::kFenceFailed, std::format("no fence agent is configured for {}", target.str()), target.str(),
                "add a [[fence]] to system.toml");
    for (const auto& step : steps) {
        const auto* found = std::get_if<std::unique_ptr<FenceAgent>>(&step);
        if (found == nullptr) continue;
        if (!is_silent())
            co_return failure(ErrorCode::kMemberAlive, std::format("{} shows signs of life again", target.str()),
                              target.str());
        const auto& agent = *found;
        result = co_await agent->off(target);
        if (result) {
            log::notice(std::format("{} is off: {} says so", target.str(), agent->name()),
                        {{"SSI_MEMBER", target.str()}});
            co_return result;
        }
        log::warning(std::format("fence agent {} failed", agent->name()), result.error());
    }
    co_return result;
}

}  // namespace ssi::cluster
