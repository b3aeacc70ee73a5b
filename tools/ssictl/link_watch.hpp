#pragma once
/// What the channels carry from moment to moment: the difference of two documents of isfcd's Query. Pure.

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "lib/common/json_message.hpp"

namespace ssi::ctl {

class LinkWatch {
  public:
    using Time = std::chrono::steady_clock::time_point;

    /// `member`: the peer whose channels are watched; empty: all.
    explicit LinkWatch(std::string member) : member_(std::move(member)) {}

    /// Takes the document of `now`. Returns
    /// {"interval_ms","channels":[{member,channel,state,encryption,out_bytes_per_s,
    /// in_bytes_per_s,resent_bytes_per_s,round_trip_us}]} since the one before; nothing for the first. What isfcd
    /// counts anew after its restart counts from zero. Errors: kMemberUnknown, kProtocolViolated.
    [[nodiscard]] Result<std::optional<json::Object>> next(const json::Object& document, Time now);

  private:
    struct Counters {
        double out = 0;
        double in = 0;
        double resent = 0;
    };
    using Channel = std::pair<std::string, std::string>;  // member, name

    std::string member_;
    std::optional<Time> before_;
    std::map<Channel, Counters> counters_;
};

/// A table; and the same as one line for each channel, beginning with the time.
[[nodiscard]] Result<std::string> render_watch_table(const json::Object& interval);
[[nodiscard]] Result<std::string> render_watch_lines(const json::Object& interval);

}  // namespace ssi::ctl
