#include "daemons/ssid/guests/capacity_report.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <system_error>

#include "daemons/ssid/state/guest_rules.hpp"
#include "lib/common/log.hpp"

namespace ssi::cluster {

std::optional<std::int64_t> available_mib(std::string_view meminfo) {
    constexpr std::string_view kField = "MemAvailable:";
    const auto at = meminfo.find(kField);
    if (at == std::string_view::npos) return std::nullopt;
    auto rest = meminfo.substr(at + kField.size());
    rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
    std::int64_t kib = 0;
    if (std::from_chars(rest.data(), rest.data() + rest.size(), kib).ec != std::errc()) return std::nullopt;
    return kib / 1024;
}

boost::asio::awaitable<void> CapacityReport::run() {
    using namespace std::chrono_literals;
    while (true) {
        const auto& life = membership_.life();
        const auto free = free_mib_();
        if (life && free && membership_.has_majority()) {
            auto told = co_await view_.commit(
                [&, own = *life](const ClusterState& state) { return decide_capacity(state, own, *free); });
            if (!told) log::info("the memory of this member was not published: " + told.error().text());
        }
        // The first time soon after the admission, then coarsely.
        co_await clock_.sleep(life ? 10s : 1s);
    }
}

}  // namespace ssi::cluster
