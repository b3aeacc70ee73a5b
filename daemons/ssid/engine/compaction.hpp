#pragma once
/// Forgetting the store's old history, so that it does not grow for ever (reference: rule 5 of the engine's rules).

#include <boost/asio/awaitable.hpp>
#include <cstdint>

#include "daemons/ssid/engine/etcd_engine.hpp"
#include "lib/common/clock.hpp"

namespace ssi::cluster {

/// Revisions that stay: more than half an hour of a small cluster's beats, so that no live watch is overtaken.
inline constexpr std::int64_t kKeptRevisions = 10'000;

/// Compacts so that at least `keep` revisions stay (at most about twice as many, when called often enough). Any member
/// may call it at any time: of several, one does the work. To be called every few minutes. Errors: those of the engine.
/// etcd before 3.5.18 can lose the delete event at the very revision it compacts at: so that revision is always our own
/// put of a key that is there for this purpose, outside of the prefix that is watched.
boost::asio::awaitable<Result<void>> compact_behind(EtcdEngine& engine, std::int64_t keep = kKeptRevisions);

/// compact_behind() every few minutes, for ever.
boost::asio::awaitable<void> keep_compacting(EtcdEngine& engine, Clock& clock);

/// Compacts at the place where the last compact_behind() would have, without writing anything: what is still allowed
/// when etcd refuses writes for lack of room. Nothing to compact is no error.
boost::asio::awaitable<Result<void>> compact_at_mark(EtcdEngine& engine);

}  // namespace ssi::cluster
