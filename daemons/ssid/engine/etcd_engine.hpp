#pragma once
/// The Engine over etcd 3.5's JSON gateway on UNIX sockets.

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "daemons/ssid/engine/engine.hpp"
#include "daemons/ssid/engine/gateway_messages.hpp"
#include "daemons/ssid/engine/gateway_pool.hpp"
#include "lib/common/names.hpp"
#include "lib/common/system_config.hpp"

namespace ssi::cluster {

/// Where a member finds the client socket of a member's etcd, its own or another's.
[[nodiscard]] std::filesystem::path client_socket(const MemberName& own, const MemberName& member,
                                                  const std::filesystem::path& run = "/run/ssi");

struct EtcdOptions {
    std::vector<std::filesystem::path> endpoints;    ///< Client sockets, in order of preference; at least one.
    std::chrono::milliseconds timeout{2'000};        ///< Of each call, elections and tries at other endpoints included.
    std::chrono::milliseconds watch_silence{5'000};  ///< A watch without any sign of life for so long is lost.
    std::vector<std::filesystem::path> others{};     ///< Asked when none of `endpoints` serves.

    /// For a member: its own etcd first if it is a voter of the cluster's beginning, then the other ones' through
    /// isfcd, and all other members', which may have become voters since. Times scale with timing.scale.
    [[nodiscard]] static EtcdOptions for_member(const SystemConfig& config, const MemberName& own,
                                                const std::filesystem::path& run = "/run/ssi");
};

/// What certainly did not happen is tried again until the time-out, at other endpoints and after pauses, so that an
/// election is outlived; a transaction of which one byte was sent is never sent again, and its outcome is unknown at
/// the latest when the leader it may have been passed to is gone. Destroy it after the coroutines that call it have
/// ended; watches may outlive it, and fail.
class EtcdEngine final : public Engine {
  public:
    EtcdEngine(boost::asio::any_io_executor executor, EtcdOptions options);
    ~EtcdEngine() override;
    EtcdEngine(const EtcdEngine&) = delete;
    EtcdEngine& operator=(const EtcdEngine&) = delete;

    boost::asio::awaitable<Result<CommitResult>> commit(Transaction transaction) override;
    boost::asio::awaitable<Result<Snapshot>> read(std::string prefix) override;
    std::unique_ptr<Watch> watch(std::string prefix, Revision after) override;

    /// Forgets the history before `revision`; watches of it end. Compacting twice is no error.
    boost::asio::awaitable<Result<void>> compact(Revision revision);
    /// Of the first endpoint that serves.
    boost::asio::awaitable<Result<gateway::ServerStatus>> status();
    /// etcd's own list; linearizable.
    boost::asio::awaitable<Result<std::vector<gateway::Voter>>> voters();
    /// Changes of that list, one at a time. Errors: kEngineFailed in etcd's words, when it holds the change unwise now,
    /// as it does for some five seconds after a voter has come, or it is done already: the list tells; kNoMajority,
    /// kOutcomeUnknown.
    boost::asio::awaitable<Result<void>> add_learner(std::string peer_url);
    boost::asio::awaitable<Result<void>> promote(std::uint64_t id);
    boost::asio::awaitable<Result<void>> remove(std::uint64_t id);

    /// Why etcd refuses writes; empty: it does not (SAFETY 25).
    boost::asio::awaitable<Result<std::vector<gateway::Alarm>>> alarms();
    boost::asio::awaitable<Result<void>> disarm(gateway::Alarm alarm);

    /// Client sockets of those that vote now: the others are asked only when none of these serves.
    void prefer(const std::vector<std::filesystem::path>& endpoints) { pool_->prefer(endpoints); }

  private:
    enum class Repeat { kAllowed, kForbidden };  ///< Whether a request may be sent again when it may have arrived.
    boost::asio::awaitable<Transported<GatewayReply>> post_once(const GatewayPool::Lease& lease,
                                                                std::string_view target, std::string body,
                                                                std::chrono::milliseconds timeout);
    boost::asio::awaitable<Result<void>> change_voters(std::string_view verb, std::string body);
    boost::asio::awaitable<Result<std::string>> exchange(std::string_view target, std::string body, Repeat repeat);

    std::shared_ptr<GatewayPool> pool_;
    std::chrono::milliseconds watch_silence_;
};

}  // namespace ssi::cluster
