#include "daemons/ssid/configuration/config_report.hpp"

#include <chrono>
#include <cstdint>
#include <format>
#include <utility>

#include "daemons/ssid/state/config_rules.hpp"
#include "lib/common/log.hpp"

namespace ssi::cluster {
namespace {

constexpr std::chrono::seconds kRetry(5);

}  // namespace

ConfigReport::ConfigReport(const Configuration& configuration, ClusterView& view, Clock& clock,
                           const boost::asio::any_io_executor& executor)
    : configuration_(configuration), view_(view), clock_(clock), poked_(executor) {
    file_changed();
}

void ConfigReport::file_changed() {
    auto content = configuration_.file().read();
    file_ = content ? std::optional(shared_config(content->document.entries)) : std::nullopt;
    poked_.notify();
}

boost::asio::awaitable<Result<void>> ConfigReport::report() {
    const auto& own = configuration_.own();
    auto note = config_note(view_.state(), configuration_.shared(), file_);
    warn(note);
    const MemberConfigRecord record{configuration_.shared().hash, file_ ? file_->hash : "", std::move(note)};
    co_return co_await view_.commit(
        [&](const ClusterState& state) { return decide_config_report(state, own, record); });
}

void ConfigReport::warn(const std::string& note) {
    if (std::exchange(warned_, note) == note || note.empty()) return;
    log::warning(std::format("{} {}", configuration_.file().path().string(), note),
                 {{"SSI_MEMBER", configuration_.own().str()}});
}

boost::asio::awaitable<void> ConfigReport::run() {
    while (true) {
        const auto seen = poked_.count();
        Result<void> done;
        if (view_.is_loaded()) done = co_await report();
        const auto* before = view_.state().config();
        const auto generation = before == nullptr ? std::uint64_t{0} : before->generation;
        if (view_.is_loaded() && done)
            done = co_await view_.commit([this](const ClusterState& state) {
                return decide_config_agreed(state, configuration_.own(), configuration_.shared());
            });
        const auto* after = view_.state().config();
        if (after != nullptr && after->generation != generation && after->by == configuration_.own())
            log::notice(std::format("the cluster's configuration is now generation {}", after->generation));
        if (done)
            co_await poked_.wait_after(seen);
        else
            co_await clock_.wait_change(poked_, seen, kRetry);
    }
}

}  // namespace ssi::cluster
