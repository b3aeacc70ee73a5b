#pragma once
/// ssi-guard's hand on the witness: kills it when its lease is over (SAFETY 9), and knows whether it runs (SAFETY 10).

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "daemons/ssid/gate/lease_file.hpp"
#include "daemons/ssid/gate/witness_lease.hpp"
#include "daemons/ssid/gate/witness_process.hpp"

namespace ssi::gate {

/// One io_context. `clock` must outlive it. Of a member that never runs a witness it only finds no process.
class WitnessGuard {
  public:
    struct Settings {
        WitnessLease::Terms terms;
        std::chrono::milliseconds beat{};  ///< How often it looks for the process.
        WitnessProcess::Places places = {};
    };

    /// Finds the lease of this boot again.
    WitnessGuard(Clock& clock, LeaseFile file, Settings settings);

    /// A write of this member's slot was read back that was begun at `begun`.
    void renew(BootTime begun);
    /// ssid speaks with the guard, or does not.
    void attend(bool is_there);

    /// Looks for ever, at the latest when the lease is over.
    boost::asio::awaitable<void> run();
    /// Kills it now; answers when it is gone and has left nothing unwritten in its area, however long that takes
    /// (SAFETY 7).
    boost::asio::awaitable<void> outlive();

    /// Its process is here, as far as was seen last.
    [[nodiscard]] bool runs() const { return process_ && !process_->is_gone(); }
    /// Called when it has begun or ended to run. May be empty.
    std::function<void(bool runs)> on_change;

  private:
    void look();
    void end(std::string_view why);
    void save();

    Clock& clock_;
    LeaseFile file_;
    Settings settings_;
    WitnessLease lease_;
    std::optional<WitnessProcess> process_;
    bool told_running_ = false;
    pid_t ended_ = 0;  ///< The one that was killed and told of last.
};

}  // namespace ssi::gate
