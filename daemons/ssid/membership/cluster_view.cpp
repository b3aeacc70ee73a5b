#include "daemons/ssid/membership/cluster_view.hpp"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "daemons/ssid/state/record_keys.hpp"
#include "lib/common/log.hpp"
#include "lib/common/mutation.hpp"

namespace ssi::cluster {
namespace {

using namespace std::chrono_literals;

constexpr auto kEngineRetry = 200ms;
/// A conflict means that a change is on its way to the mirror; later than this it is fetched.
constexpr auto kMirrorLag = 300ms;
constexpr int kMaxDecisions = 10;

bool is_sign_of_life(const std::string& key) {
    static const auto prefix = std::string(kKeyPrefix) + "alive/";
    return key.starts_with(prefix);
}

}  // namespace

ClusterView::ClusterView(Engine& engine, Clock& clock, const boost::asio::any_io_executor& executor)
    : engine_(engine), clock_(clock), changed_(executor), any_change_(executor) {}

boost::asio::awaitable<Result<void>> ClusterView::refresh() {
    // A commit of our own may be applied while the read is under way: then the read is older than the mirror.
    Result<Snapshot> snapshot;
    do {
        snapshot = co_await engine_.read(std::string(kKeyPrefix));
        if (!snapshot) co_return std::unexpected(snapshot.error());
    } while (snapshot->revision < state_.revision());
    auto reset = state_.reset(*snapshot);
    if (reset) loaded_ = true;
    changed_.notify();
    any_change_.notify();
    co_return reset;
}

boost::asio::awaitable<void> ClusterView::follow() {
    bool reported = false;
    while (true) {
        auto refreshed = co_await refresh();
        if (!refreshed) {
            if (!std::exchange(reported, true)) log::warning("cannot read the cluster's state", refreshed.error());
            co_await clock_.sleep(kEngineRetry);
            continue;
        }
        if (std::exchange(reported, false)) log::notice("the cluster's state can be read again");
        auto watch = engine_.watch(std::string(kKeyPrefix), state_.revision());
        while (true) {
            auto changes = co_await watch->next();
            if (!changes) {
                log::info("the watch of the cluster's state ended, reading again: " + changes.error().text());
                break;
            }
            bool only_alive = true;
            for (const auto& change : *changes) {
                if (auto applied = state_.apply(change); !applied)
                    log::error("cannot understand a change", applied.error());
                only_alive = only_alive && is_sign_of_life(change.key);
            }
            any_change_.notify();
            if (!only_alive) changed_.notify();
        }
        co_await clock_.sleep(kEngineRetry);
    }
}

void ClusterView::apply_own(const Transaction& transaction, Revision revision) {
    bool only_alive = true;
    for (const auto& write : transaction.writes) {
        if (auto applied = state_.apply({write.key, write.value, revision}); !applied)
            log::error("cannot understand an own commit", applied.error());
        only_alive = only_alive && is_sign_of_life(write.key);
    }
    any_change_.notify();
    if (!only_alive) changed_.notify();
}

boost::asio::awaitable<Result<void>> ClusterView::commit(Decision decide) {
    if (!loaded_)
        co_return failure(ErrorCode::kNoMajority, "the cluster's state was not read yet", "", "wait and try again");
    for (int attempt = 0; attempt < kMaxDecisions; ++attempt) {
        auto transaction = decide(state_);
        if (!transaction) co_return std::unexpected(transaction.error());
        if (transaction->writes.empty()) co_return Result<void>{};
        const auto seen = any_change_.count();
        auto result = co_await engine_.commit(*transaction);
        if (result && result->committed) {
            apply_own(*transaction, result->revision);
            co_return Result<void>{};
        }
        const bool may_have_happened = !result && result.error().code == ErrorCode::kOutcomeUnknown;
        if (!result && (!may_have_happened || mutated(Mutation::kTimeoutTakenForFailure)))
            co_return std::unexpected(result.error());
        // First trust the watch to bring what we lost against; then, and after an unknown outcome, look for ourselves.
        if (result && attempt % 2 == 0) {
            co_await clock_.wait_change(any_change_, seen, kMirrorLag);
        } else if (auto refreshed = co_await refresh(); !refreshed) {
            co_return result ? std::unexpected(refreshed.error()) : std::unexpected(result.error());
        }
    }
    co_return failure(ErrorCode::kConflict, "the cluster's state changed again and again while this was being decided",
                      "", "try again");
}

}  // namespace ssi::cluster
