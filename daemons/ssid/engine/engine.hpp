#pragma once
/// The cluster's store as ssid sees it: linearizable reads, transactions that commit only if what was decided on is
/// unchanged, and a stream of changes. Implemented by etcd (etcd_engine) and, in tests/sim, by a simulated store.

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/common/error.hpp"

namespace ssi::cluster {

/// Position in the store's history. 0: a key that does not exist.
enum class Revision : std::int64_t {};

struct KeyValue {
    std::string key;
    std::string value;
    Revision modified{};  ///< Revision of its last change.
    friend bool operator==(const KeyValue&, const KeyValue&) = default;
};

/// A condition: the key's last change is exactly this revision (Revision{0}: the key does not exist).
struct Unchanged {
    std::string key;
    Revision modified{};
    friend bool operator==(const Unchanged&, const Unchanged&) = default;
};

/// A write: a new value, or none to delete the key.
struct Write {
    std::string key;
    std::optional<std::string> value;
    friend bool operator==(const Write&, const Write&) = default;
};

/// All writes happen at one revision if all conditions hold, else none does. At most 128 of both together.
struct Transaction {
    std::vector<Unchanged> conditions;
    std::vector<Write> writes;
    friend bool operator==(const Transaction&, const Transaction&) = default;
};

struct CommitResult {
    bool committed = false;  ///< false: a condition did not hold; nothing was written.
    Revision revision{};     ///< The store's revision after it.
};

struct Snapshot {
    std::vector<KeyValue> entries;
    Revision revision{};
};

/// What changed at one or more revisions, in order.
struct Change {
    std::string key;
    std::optional<std::string> value;  ///< none: deleted
    Revision modified{};
};

/// A stream of changes. Destroying it ends it.
class Watch {
  public:
    virtual ~Watch() = default;
    /// Waits, without limit, for the next changes (never empty). An error ends the watch: read again and open a new one
    /// (compaction, lost connection).
    virtual boost::asio::awaitable<Result<std::vector<Change>>> next() = 0;
};

/// Not thread-safe: used on the daemon's one io_context.
class Engine {
  public:
    virtual ~Engine() = default;
    /// Errors: kOutcomeUnknown (it may or may not have happened: read again before you decide anything), kNoMajority
    /// (certainly not happened), kEngineFailed. Bounded by the engine's own time-out.
    virtual boost::asio::awaitable<Result<CommitResult>> commit(Transaction transaction) = 0;
    /// All keys that begin with `prefix`; linearizable. Errors: kNoMajority, kEngineFailed.
    virtual boost::asio::awaitable<Result<Snapshot>> read(std::string prefix) = 0;
    /// Changes of keys that begin with `prefix`, from the revision after `after` on.
    virtual std::unique_ptr<Watch> watch(std::string prefix, Revision after) = 0;
};

}  // namespace ssi::cluster
