#include "tests/sim/sim_engine.hpp"

#include <algorithm>
#include <memory>
#include <utility>

namespace ssi::sim {

using namespace std::chrono_literals;
using cluster::Change;
using cluster::CommitResult;
using cluster::Revision;
using cluster::Snapshot;
using cluster::Transaction;

CommitResult Store::commit(const Transaction& transaction) {
    for (const auto& condition : transaction.conditions) {
        const auto found = keys_.find(condition.key);
        const auto modified = found == keys_.end() ? Revision{} : found->second.modified;
        if (modified != condition.modified) return {false, Revision{revision_}};
    }
    if (!transaction.writes.empty()) ++revision_;
    const Revision now{revision_};
    for (const auto& write : transaction.writes) {
        if (write.value) {
            keys_[write.key] = {write.key, *write.value, now};
        } else if (keys_.erase(write.key) == 0) {
            continue;
        }
        history_.push_back({write.key, write.value, now});
    }
    if (!transaction.writes.empty()) changed_.notify();
    return {true, now};
}

Snapshot Store::read(const std::string& prefix) const {
    Snapshot snapshot{{}, Revision{revision_}};
    for (const auto& [key, entry] : keys_)
        if (key.starts_with(prefix)) snapshot.entries.push_back(entry);
    return snapshot;
}

std::vector<Change> Store::changes_after(Revision after) const {
    return {std::ranges::upper_bound(history_, after, {}, &Change::modified), history_.end()};
}

bool Store::has_changed_since(Revision then) const {
    return !history_.empty() && history_.back().modified > then;
}

boost::asio::awaitable<Result<CommitResult>> SimEngine::commit(Transaction transaction) {
    co_await process_.travel();
    auto& world = process_.world();
    if (!reach_.has_majority) {
        co_await process_.sleep(world.between(0ms, 2000ms));
        if (process_.is_dead()) co_await process_.never();
        if (world.chance(0.5)) co_return failure(ErrorCode::kNoMajority, "no majority");
        co_return failure(ErrorCode::kOutcomeUnknown, "timed out");
    }
    if (world.chance(reach_.unknown_rate)) {
        // Lost before the store, committed with the answer lost, or committed after the caller has given up.
        const auto fate = world.number(3);
        if (fate == 1) store_.commit(transaction);
        if (fate == 2) world.after(world.between(0ms, 4000ms), [this, transaction] { store_.commit(transaction); });
        co_await process_.sleep(world.between(100ms, 1000ms));
        if (process_.is_dead()) co_await process_.never();
        co_return failure(ErrorCode::kOutcomeUnknown, "timed out");
    }
    const auto result = store_.commit(transaction);
    co_await process_.travel();
    co_return result;
}

boost::asio::awaitable<Result<Snapshot>> SimEngine::read(std::string prefix) {
    co_await process_.travel();
    if (!reach_.has_majority) co_return failure(ErrorCode::kNoMajority, "no majority");
    auto snapshot = store_.read(prefix);
    co_await process_.travel();
    co_return snapshot;
}

namespace {

class SimWatch final : public cluster::Watch {
  public:
    SimWatch(Store& store, const EngineReach& reach, Process& process, Revision after)
        : store_(store), reach_(reach), process_(process), after_(after) {}

    boost::asio::awaitable<Result<std::vector<Change>>> next() override {
        while (true) {
            while (!store_.has_changed_since(after_)) co_await process_.wait_change(store_.changed());
            co_await process_.sleep(process_.world().between(1ms, reach_.watch_lag));
            if (process_.is_dead()) co_await process_.never();
            if (process_.world().chance(reach_.watch_breaks))
                co_return failure(ErrorCode::kEngineFailed, "the watch broke");
            if (!reach_.has_majority) continue;
            auto changes = store_.changes_after(after_);
            if (changes.empty()) continue;
            after_ = changes.back().modified;
            co_return changes;
        }
    }

  private:
    Store& store_;
    const EngineReach& reach_;
    Process& process_;
    Revision after_;
};

}  // namespace

std::unique_ptr<cluster::Watch> SimEngine::watch(std::string /*prefix*/, Revision after) {
    return std::make_unique<SimWatch>(store_, reach_, process_, after);
}

}  // namespace ssi::sim
