#pragma once
/// This member's view of the cluster's state: a mirror that follows the engine, and the optimistic commit.

#include <boost/asio/awaitable.hpp>
#include <functional>

#include "daemons/ssid/engine/engine.hpp"
#include "daemons/ssid/state/cluster_state.hpp"
#include "lib/common/clock.hpp"
#include "lib/common/notifier.hpp"

namespace ssi::cluster {

/// Pure rule: looks at the state and says what to write. No writes: nothing to do.
using Decision = std::function<Result<Transaction>(const ClusterState&)>;

class ClusterView {
  public:
    ClusterView(Engine& engine, Clock& clock, const boost::asio::any_io_executor& executor);

    /// Follows the engine for ever: reads, watches, reads again when the watch ends.
    boost::asio::awaitable<void> follow();

    [[nodiscard]] const ClusterState& state() const { return state_; }
    /// The state was read at least once.
    [[nodiscard]] bool is_loaded() const { return loaded_; }
    /// Moves on when anything but a sign of life has changed.
    [[nodiscard]] Notifier& changed() { return changed_; }

    /// Commits what `decide` says, if what it looked at is unchanged; else lets it decide again on the new state. After
    /// a time-out with unknown outcome it reads again first: a decision must find its own earlier commit and say so.
    /// Errors: the decision's refusal; kNoMajority; kOutcomeUnknown; kConflict.
    boost::asio::awaitable<Result<void>> commit(Decision decide);

    /// Reads everything again, linearizable.
    boost::asio::awaitable<Result<void>> refresh();

  private:
    void apply_own(const Transaction& transaction, Revision revision);

    Engine& engine_;
    Clock& clock_;
    ClusterState state_;
    Notifier changed_;
    Notifier any_change_;
    bool loaded_ = false;
};

}  // namespace ssi::cluster
