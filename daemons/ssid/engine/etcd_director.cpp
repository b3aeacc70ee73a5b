#include "daemons/ssid/engine/etcd_director.hpp"

#include <algorithm>
#include <filesystem>
#include <format>
#include <system_error>
#include <utility>

#include "daemons/ssid/engine/symbolic_link.hpp"
#include "daemons/ssid/engine/wal_log.hpp"
#include "lib/common/durable_file.hpp"
#include "lib/common/log.hpp"

namespace ssi::cluster {
namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr auto kTimeToBegin = 10s;  ///< Of etcd, from its start to its first log, on a busy host.

/// DATA.old, DATA.old.2, ...
fs::path aside(const EtcdPlaces& places, int number) {
    auto path = places.data_directory;
    path += number == 1 ? ".old" : std::format(".old.{}", number);
    return path;
}

}  // namespace

EtcdDirector::EtcdDirector(const SystemConfig& config, MemberName own, UnitControl& units, EtcdPlaces places)
    : config_(config), own_(std::move(own)), units_(units), places_(std::move(places)) {}

Result<void> EtcdDirector::prepare_directories() const {
    std::error_code error;
    fs::create_directories(places_.data_directory.parent_path(), error);
    if (error) return file_failure("create", places_.data_directory.parent_path(), error);
    for (const auto& directory : {places_.working_directory, places_.data_directory}) {
        fs::create_directories(directory, error);
        if (error) return file_failure("create", directory, error);
        // Its sockets carry no authentication: the directory is the guard.
        fs::permissions(directory, fs::perms::owner_all, error);
        if (error) return file_failure("set the mode of", directory, error);
    }
    for (const auto& member : config_.members) {
        const auto& name = member.name.str();
        if (member.name == own_) continue;
        auto linked = link_to(places_.links / name / "etcd-peer", places_.working_directory / (name + ":1"));
        if (!linked) return linked;
    }
    return {};
}

Result<std::optional<EngineMarker>> EtcdDirector::own_marker() const {
    auto marker = read_marker(places_.marker);
    if (!marker || !*marker) return marker;
    const auto& [cluster, member, start, lineage] = **marker;
    if (cluster == config_.cluster_uuid && member == own_.str()) return marker;
    return failure(ErrorCode::kEngineFailed,
                   std::format("{} holds the state of member {} of cluster {}, not of {} of {}",
                               places_.data_directory.native(), member, cluster, own_.str(), config_.cluster_uuid),
                   places_.data_directory.native(),
                   std::format("correct system.toml, or, if that cluster is of no more use: mv {0} {0}.old && rm {1}",
                               places_.data_directory.native(), places_.marker.native()));
}

Result<bool> EtcdDirector::has_data() const {
    std::error_code error;
    const bool is_there = fs::exists(places_.log(), error);
    if (error) return file_failure("look into", places_.data_directory, error);
    return is_there;
}

/// What lies here is this cluster's, of a member of another name: of this one before `ssictl member rename`.
bool EtcdDirector::has_former_name() const {
    const auto marker = read_marker(places_.marker);
    return marker && *marker && (*marker)->cluster_uuid == config_.cluster_uuid && (*marker)->member != own_.str();
}

Result<std::optional<std::uint64_t>> EtcdDirector::voter_id_of_data() const {
    const auto data = has_data();
    if (!data) return std::unexpected(data.error());
    if (!*data) return std::nullopt;
    const auto log = read_wal_identity(places_.log());
    if (!log) return std::unexpected(log.error());
    return log->voter_id;
}

Result<bool> EtcdDirector::has_begun() const {
    const auto marker = own_marker();
    if (!marker) return std::unexpected(marker.error());
    return marker->has_value();
}

asio::awaitable<Result<void>> EtcdDirector::bring_up() {
    auto marker = own_marker();
    if (!marker) co_return std::unexpected(marker.error());
    if (!*marker) {
        if (!is_voter(config_, own_)) co_return co_await units_.stop(kEtcdUnit);
        EngineMarker first{config_.cluster_uuid, own_.str(), first_start(config_), 0};
        co_return co_await run_as(std::move(first));
    }
    const auto data = has_data();
    if (!data) co_return std::unexpected(data.error());
    if (!*data && !fs::exists(places_.begin()))
        co_return failure(
            ErrorCode::kEngineFailed,
            std::format("{} has voted in this cluster before, and its engine's data in {} is gone", own_.str(),
                        places_.data_directory.native()),
            places_.data_directory.native(),
            std::format("it gets a new seat as soon as a majority of the others serves; with no other voter: mount or "
                        "restore {}; only if this cluster was never in use: rm {} and systemctl restart ssid",
                        places_.data_directory.native(), places_.marker.native()));
    if ((*marker)->start.voters.empty()) (*marker)->start = first_start(config_);
    co_return co_await run_as(**std::move(marker));
}

asio::awaitable<Result<void>> EtcdDirector::run_as(EngineMarker marker, Forced forced) {
    if (auto prepared = prepare_directories(); !prepared) co_return prepared;
    const auto data = has_data();
    if (!data) co_return std::unexpected(data.error());
    std::error_code error;
    if (*data)
        fs::remove(places_.begin(), error);
    else if (auto begun = write_durably(places_.begin(), ""); !begun)
        co_return begun;
    if (error) co_return file_failure("remove", places_.begin(), error);
    const auto file = places_.working_directory / "etcd.json";
    const auto text = etcd_config_text(config_, own_, places_, marker.start, forced);
    const auto present = read_if_exists(file);
    if (!present) co_return std::unexpected(present.error());
    if (*present != text) {
        // Stopped before the file changes: a file that is up to date next to a running etcd means that etcd has read
        // it.
        if (auto stopped = co_await units_.stop(kEtcdUnit); !stopped) co_return stopped;
        if (auto written = write_durably(file, text); !written) co_return written;
        log::info("the engine's configuration is new", {{"SSI_MEMBER", own_.str()}});
    }
    // Before the first vote, not after it: a crash in between costs the administrator a command, never a commit.
    const auto before = read_marker(places_.marker);
    if (!before) co_return std::unexpected(before.error());
    if (*before != marker)
        if (auto marked = write_marker(places_.marker, marker); !marked) co_return marked;
    co_return co_await units_.start(kEtcdUnit);
}

asio::awaitable<Result<OwnSeat>> EtcdDirector::settle(const std::vector<gateway::Voter>& list, std::uint64_t lineage) {
    const auto found = std::ranges::find_if(
        list, [&](const auto& voter) { return std::ranges::contains(voter.peer_urls, peer_url(own_.str())); });
    const auto* seat = found == list.end() ? nullptr : &*found;
    Settled now;
    if (seat != nullptr) {
        const bool joins = seat->is_learner && seat->client_urls.empty();
        now = {.id = seat->id,
               .is_learner = seat->is_learner,
               .never_ran = seat->client_urls.empty(),
               .others = joins ? joining_start(list).voters : std::string()};
    }
    // Until its log is there, the work is not done; but begun anew at each look, etcd would never come to write it.
    const auto time = std::chrono::steady_clock::now();
    if (settled_ && settled_->id == now.id && settled_->is_learner == now.is_learner &&
        settled_->never_ran == now.never_ran && settled_->others == now.others &&
        (!fs::exists(places_.begin()) || time - settled_->at < kTimeToBegin))
        co_return settled_->seat;
    settled_.reset();
    const auto become = co_await settle_anew(list, seat, lineage);
    if (become) {
        now.seat = *become;
        now.at = time;
        settled_ = std::move(now);
    }
    co_return become;
}

asio::awaitable<Result<OwnSeat>> EtcdDirector::settle_anew(const std::vector<gateway::Voter>& list,
                                                           const gateway::Voter* seat, std::uint64_t lineage) {
    const auto marker = own_marker();
    // Only for a seat that gives no votes yet: the data of two members whose names were mixed up is not touched.
    if (!marker && has_former_name() && seat != nullptr && seat->is_learner && seat->client_urls.empty())
        co_return co_await join(list, lineage);
    if (!marker) co_return std::unexpected(marker.error());
    if (seat == nullptr) {
        std::error_code error;
        fs::remove(places_.begin(), error);
        if (auto stopped = co_await units_.stop(kEtcdUnit); !stopped) co_return std::unexpected(stopped.error());
        co_return OwnSeat::kNone;
    }
    const auto id = voter_id_of_data();
    if (!id) co_return std::unexpected(id.error());
    const bool never_ran = seat->client_urls.empty();
    const bool begins = !*id && never_ran && !seat->is_learner && (!*marker || fs::exists(places_.begin()));
    if (*id == seat->id || begins) {
        if (auto up = co_await bring_up(); !up) co_return std::unexpected(up.error());
        if (seat->is_learner) co_return OwnSeat::kLearner;
        if (!never_ran) drop_data_put_aside();
        co_return OwnSeat::kVoter;
    }
    // A learner gives no votes: as long as it has not become more, it may begin again.
    if (seat->is_learner && never_ran) co_return co_await join(list, lineage);
    if (auto stopped = co_await units_.stop(kEtcdUnit); !stopped) co_return std::unexpected(stopped.error());
    co_return OwnSeat::kLost;
}

asio::awaitable<Result<OwnSeat>> EtcdDirector::join(const std::vector<gateway::Voter>& list, std::uint64_t lineage) {
    EngineMarker marker{config_.cluster_uuid, own_.str(), joining_start(list), lineage};
    std::error_code error;
    if (fs::exists(places_.data_directory, error) && !fs::is_empty(places_.data_directory, error)) {
        if (auto stopped = co_await units_.stop(kEtcdUnit); !stopped) co_return std::unexpected(stopped.error());
        if (auto put = put_data_aside(); !put) co_return std::unexpected(put.error());
    }
    if (auto up = co_await run_as(std::move(marker)); !up) co_return std::unexpected(up.error());
    co_return OwnSeat::kLearner;
}

Result<void> EtcdDirector::put_data_aside() const {
    std::error_code error;
    int number = 1;
    while (fs::exists(aside(places_, number), error)) ++number;
    fs::rename(places_.data_directory, aside(places_, number), error);
    if (error) return file_failure("rename", places_.data_directory, error);
    log::notice(std::format("the engine's old data is put aside as {}", aside(places_, number).native()),
                {{"SSI_MEMBER", own_.str()}});
    return {};
}

void EtcdDirector::drop_data_put_aside() const {
    std::error_code error;
    for (int number = 1; fs::exists(aside(places_, number), error); ++number) {
        fs::remove_all(aside(places_, number), error);
        if (error) {
            log::warning("the engine's old data stays", file_failure("remove", aside(places_, number), error).error());
            return;
        }
        log::notice(std::format("the engine's old data {} is deleted: this member votes again",
                                aside(places_, number).native()),
                    {{"SSI_MEMBER", own_.str()}});
    }
}

Result<LogReport> EtcdDirector::log_report() const {
    const auto marker = own_marker();
    if (!marker) return std::unexpected(marker.error());
    LogReport report{own_.str(), 0, 0, 0, 0, *marker ? (*marker)->lineage : 0};
    const auto data = has_data();
    if (!data) return std::unexpected(data.error());
    if (!*data) return report;
    const auto log = read_wal(places_.log());
    if (!log) return std::unexpected(log.error());
    report.voter_id = log->voter_id;
    report.cluster_id = log->cluster_id;
    report.last_term = log->last_term;
    report.last_index = log->last_index;
    return report;
}

Result<std::uint64_t> EtcdDirector::lineage() const {
    const auto marker = own_marker();
    if (!marker) return std::unexpected(marker.error());
    return *marker ? (*marker)->lineage : 0;
}

asio::awaitable<Result<void>> EtcdDirector::start_forced() {
    auto marker = own_marker();
    if (!marker) co_return std::unexpected(marker.error());
    auto next = marker->value_or(EngineMarker{config_.cluster_uuid, own_.str(), first_start(config_), 0});
    ++next.lineage;
    settled_.reset();
    if (auto stopped = co_await units_.stop(kEtcdUnit); !stopped) co_return stopped;
    if (auto committed = commit_wal(places_.log()); !committed) co_return committed;
    co_return co_await run_as(std::move(next), Forced::kYes);
}

fs::path EtcdDirector::restored_directory() const {
    auto path = places_.data_directory;
    return path += ".restored";
}

Result<EtcdDirector::RestoredData> EtcdDirector::restored_data() const {
    const auto marker = own_marker();
    if (!marker) return std::unexpected(marker.error());
    std::error_code error;
    fs::remove_all(restored_directory(), error);
    if (error) return file_failure("remove", restored_directory(), error);
    const auto url = peer_url(own_.str());
    const auto lineage = (*marker ? (*marker)->lineage : 0) + 1;
    return RestoredData{restored_directory(), own_.str(), url, std::format("{}={}", own_.str(), url),
                        std::format("ssi-{}-{}", config_.cluster_uuid, lineage)};
}

asio::awaitable<Result<void>> EtcdDirector::start_restored() {
    auto marker = own_marker();
    if (!marker) co_return std::unexpected(marker.error());
    auto next = marker->value_or(EngineMarker{config_.cluster_uuid, own_.str(), first_start(config_), 0});
    ++next.lineage;
    settled_.reset();
    if (auto stopped = co_await units_.stop(kEtcdUnit); !stopped) co_return stopped;
    std::error_code error;
    if (fs::exists(places_.data_directory, error))
        if (auto put = put_data_aside(); !put) co_return put;
    fs::rename(restored_directory(), places_.data_directory, error);
    if (error) co_return file_failure("rename", restored_directory(), error);
    co_return co_await run_as(std::move(next));
}

asio::awaitable<Result<void>> EtcdDirector::take_down() {
    co_return co_await units_.stop(kEtcdUnit);
}

}  // namespace ssi::cluster
