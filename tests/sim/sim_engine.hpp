#pragma once
/// The simulated engine: one linearizable store, and clients with the faults that a real one shows: no majority,
/// time-outs with unknown outcome (also of what is committed later), watches that lag or break.

#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "daemons/ssid/engine/engine.hpp"
#include "tests/sim/sim_world.hpp"

namespace ssi::sim {

class Store {
  public:
    explicit Store(const boost::asio::any_io_executor& executor) : changed_(executor) {}
    cluster::CommitResult commit(const cluster::Transaction& transaction);
    [[nodiscard]] cluster::Snapshot read(const std::string& prefix) const;
    /// All changes after a revision.
    [[nodiscard]] std::vector<cluster::Change> changes_after(cluster::Revision after) const;
    [[nodiscard]] bool has_changed_since(cluster::Revision then) const;
    [[nodiscard]] Notifier& changed() { return changed_; }

  private:
    std::map<std::string, cluster::KeyValue> keys_;
    std::vector<cluster::Change> history_;
    Notifier changed_;
    std::int64_t revision_ = 0;
};

/// What a member can reach; owned by the host.
struct EngineReach {
    bool has_majority = true;
    double unknown_rate = 0;  ///< Of commits that end in a time-out.
    double watch_breaks = 0;  ///< Of watch deliveries.
    Duration watch_lag{20};
};

class SimEngine final : public cluster::Engine {
  public:
    SimEngine(Store& store, const EngineReach& reach, Process& process)
        : store_(store), reach_(reach), process_(process) {}
    boost::asio::awaitable<Result<cluster::CommitResult>> commit(cluster::Transaction transaction) override;
    boost::asio::awaitable<Result<cluster::Snapshot>> read(std::string prefix) override;
    std::unique_ptr<cluster::Watch> watch(std::string prefix, cluster::Revision after) override;

  private:
    Store& store_;
    const EngineReach& reach_;
    Process& process_;
};

}  // namespace ssi::sim
