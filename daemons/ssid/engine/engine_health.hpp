#pragma once
/// Watches what etcd itself does not: why it ended, the room on its disk, and whether it still takes writes.

#include <boost/asio/awaitable.hpp>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "daemons/ssid/engine/etcd_config.hpp"
#include "daemons/ssid/engine/etcd_end.hpp"
#include "daemons/ssid/engine/etcd_engine.hpp"
#include "lib/common/clock.hpp"

namespace ssi::cluster {

class EngineHealth {
  public:
    EngineHealth(EtcdEngine& engine, Clock& clock, EtcdPlaces places = {});

    /// For ever.
    boost::asio::awaitable<void> run();
    /// One look at this member's disk and etcd; blocks for the disk.
    void look_here();
    /// One look at what the voters complain of. A majority is asked.
    boost::asio::awaitable<void> look_at_alarms();

    /// How its etcd ended last in this boot; none: it did not.
    [[nodiscard]] const std::optional<EtcdEnd>& last_end() const { return end_; }
    [[nodiscard]] const std::vector<gateway::Alarm>& alarms() const { return alarms_; }
    [[nodiscard]] bool has_reserve() const;
    /// What is wrong now, in one line with what to do; empty: nothing.
    [[nodiscard]] std::string fault() const;

  private:
    void keep_reserve(std::uint64_t free_bytes);
    [[nodiscard]] std::filesystem::path reserve() const;

    EtcdEngine& engine_;
    Clock& clock_;
    EtcdPlaces places_;
    std::string end_line_;
    std::optional<EtcdEnd> end_;
    std::vector<gateway::Alarm> alarms_;
};

}  // namespace ssi::cluster
