#pragma once
/// An engine in memory, for one process: what is committed is there at once; a watch brings nothing.

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "daemons/ssid/engine/engine.hpp"

namespace ssi::test {

class MemoryEngine final : public cluster::Engine {
  public:
    boost::asio::awaitable<Result<cluster::CommitResult>> commit(cluster::Transaction transaction) override {
        const bool holds = std::ranges::all_of(transaction.conditions, [this](const cluster::Unchanged& condition) {
            const auto found = entries_.find(condition.key);
            return condition.modified == (found == entries_.end() ? cluster::Revision{} : found->second.modified);
        });
        if (!holds) co_return cluster::CommitResult{false, cluster::Revision{revision_}};
        ++revision_;
        for (const auto& write : transaction.writes) {
            if (write.value)
                entries_[write.key] = {write.key, *write.value, cluster::Revision{revision_}};
            else
                entries_.erase(write.key);
        }
        co_return cluster::CommitResult{true, cluster::Revision{revision_}};
    }
    boost::asio::awaitable<Result<cluster::Snapshot>> read(std::string prefix) override {
        cluster::Snapshot snapshot;
        snapshot.revision = cluster::Revision{revision_};
        for (const auto& [key, entry] : entries_)
            if (key.starts_with(prefix)) snapshot.entries.push_back(entry);
        co_return snapshot;
    }
    std::unique_ptr<cluster::Watch> watch(std::string /*prefix*/, cluster::Revision /*after*/) override {
        return nullptr;
    }

  private:
    std::map<std::string, cluster::KeyValue> entries_;
    std::int64_t revision_ = 0;
};

}  // namespace ssi::test
