#pragma once
/// Tells the others how much memory this member has left, for the placement of guests.

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

#include "daemons/ssid/membership/membership.hpp"

namespace ssi::cluster {

/// MemAvailable of a /proc/meminfo, in MiB; none if it is not there.
[[nodiscard]] std::optional<std::int64_t> available_mib(std::string_view meminfo);

class CapacityReport {
  public:
    /// `free_mib`: reads it anew.
    CapacityReport(Membership& membership, ClusterView& view, Clock& clock,
                   std::function<std::optional<std::int64_t>()> free_mib)
        : membership_(membership), view_(view), clock_(clock), free_mib_(std::move(free_mib)) {}

    /// Looks now and then for ever; writes when it has changed by much (decide_capacity).
    boost::asio::awaitable<void> run();

  private:
    Membership& membership_;
    ClusterView& view_;
    Clock& clock_;
    std::function<std::optional<std::int64_t>()> free_mib_;
};

}  // namespace ssi::cluster
