#include "daemons/ssid/engine/engine_recovery.hpp"

#include <boost/json/serialize.hpp>
#include <format>
#include <string_view>
#include <utility>

#include "daemons/ssid/fencing/program.hpp"
#include "lib/common/json_message.hpp"
#include "lib/common/log.hpp"

namespace ssi::cluster {
namespace {

using namespace std::chrono_literals;
using boost::asio::awaitable;

constexpr auto kComesUp = 30s;
constexpr auto kRestores = 120s;
constexpr auto kEtcdutl = "/usr/bin/etcdutl";
/// Revisions of a restored store begin so far behind those of the copy that nobody can have seen them before.
constexpr auto kRevisionsAhead = "1000000000";

std::string_view last_line_of(std::string_view text) {
    while (text.ends_with('\n')) text.remove_suffix(1);
    const auto end = text.rfind('\n');
    return end == std::string_view::npos ? text : text.substr(end + 1);
}

}  // namespace

EngineRecovery::EngineRecovery(boost::asio::any_io_executor executor, EtcdEngine& engine, EtcdDirector& director,
                               std::filesystem::path own_socket)
    : executor_(std::move(executor)), engine_(engine), director_(director), own_socket_(std::move(own_socket)) {}

awaitable<Result<void>> EngineRecovery::refuse_while_it_serves() {
    const auto list = co_await engine_.voters();
    if (!list) co_return Result<void>{};
    co_return failure(ErrorCode::kUsage, "the engine has a majority and serves: there is nothing to recover", "etcd",
                      "see: ssictl engine status");
}

awaitable<Result<void>> EngineRecovery::wait_until_alone() {
    EtcdEngine own(executor_, {{own_socket_}, kComesUp, kComesUp});
    const auto list = co_await own.voters();
    if (!list) co_return std::unexpected(list.error());
    // etcd before 3.5.22 may leave old voters in its list when its last words were not synced.
    if (list->size() == 1) co_return Result<void>{};
    co_return failure(ErrorCode::kEngineFailed,
                      std::format("etcd still counts on {} voters after it was forced to be alone", list->size()),
                      "etcd", "try again: ssictl engine force");
}

awaitable<Result<std::uint64_t>> EngineRecovery::begin_lineage() {
    if (auto alone = co_await wait_until_alone(); !alone) co_return std::unexpected(alone.error());
    const auto report = own_report();
    if (!report) co_return std::unexpected(report.error());
    EtcdEngine own(executor_, {{own_socket_}, kComesUp, kComesUp});
    const auto value = boost::json::serialize(json::Object{{"v", 1}, {"lineage", report->lineage}});
    Transaction note{{}, {{kLineageKey, value}}};
    const auto noted = co_await own.commit(std::move(note));
    if (!noted) co_return std::unexpected(noted.error());
    log::notice(std::format("the engine goes on from {} alone, lineage {}", report->member, report->lineage),
                {{"SSI_MEMBER", report->member}});
    co_return report->lineage;
}

awaitable<Result<std::uint64_t>> EngineRecovery::force(std::vector<LogReport> others) {
    if (auto refused = co_await refuse_while_it_serves(); !refused) co_return std::unexpected(refused.error());
    const auto own = own_report();
    if (!own) co_return std::unexpected(own.error());
    if (own->voter_id == 0)
        co_return failure(ErrorCode::kEngineFailed, std::format("{} holds no data of the engine", own->member),
                          own->member, "force it on a member that was a voter, or: ssictl engine restore FILE");
    if (auto allowed = decide_force(*own, others); !allowed) co_return std::unexpected(allowed.error());
    if (auto forced = co_await director_.start_forced(); !forced) co_return std::unexpected(forced.error());
    // Its write takes the removal of the other voters to the disk as committed: else they may be back after a crash.
    const auto lineage = co_await begin_lineage();
    // Once is enough, and each start with it would cut off who has joined since.
    if (auto ordinary = co_await director_.bring_up(); !ordinary) co_return std::unexpected(ordinary.error());
    if (!lineage) co_return lineage;
    if (auto alone = co_await wait_until_alone(); !alone) co_return std::unexpected(alone.error());
    co_return lineage;
}

awaitable<Result<std::uint64_t>> EngineRecovery::restore(std::filesystem::path copy) {
    if (auto refused = co_await refuse_while_it_serves(); !refused) co_return std::unexpected(refused.error());
    const auto wanted = director_.restored_data();
    if (!wanted) co_return std::unexpected(wanted.error());
    ProgramRequest request{
        kEtcdutl,
        {"snapshot", "restore", copy.native(), "--name", wanted->name, "--data-dir", wanted->directory.native(),
         "--initial-cluster", wanted->voters, "--initial-advertise-peer-urls", wanted->peer_url,
         "--initial-cluster-token", wanted->token, "--bump-revision", kRevisionsAhead, "--mark-compacted"},
        "",
        kRestores};
    const auto made = co_await run_program(std::move(request));
    if (!made) co_return std::unexpected(made.error());
    if (made->exit_status != 0) {
        co_return failure(ErrorCode::kEngineFailed,
                          std::format("the copy cannot be restored: etcdutl ended with {}: {}", made->exit_status,
                                      last_line_of(made->output)),
                          copy.native(), "take another copy");
    }
    if (auto taken = co_await director_.start_restored(); !taken) co_return std::unexpected(taken.error());
    co_return co_await begin_lineage();
}

}  // namespace ssi::cluster
