#include "daemons/ssid/engine/etcd_director.hpp"

#include <boost/json.hpp>
#include <filesystem>
#include <format>
#include <system_error>
#include <utility>

#include "daemons/ssid/engine/durable_file.hpp"
#include "lib/common/json_message.hpp"
#include "lib/common/log.hpp"

namespace ssi::cluster {
namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;

std::unexpected<Error> failed(std::string_view what, const fs::path& file, const std::error_code& error) {
    return system_failure(std::format("cannot {} {}", what, file.native()), file.native(), error.value());
}

/// A symbolic link `name` -> `target`, replacing what is there.
Result<void> link_to(const fs::path& target, const fs::path& name) {
    std::error_code error;
    if (fs::read_symlink(name, error) == target) return {};
    fs::remove(name, error);
    if (error) return failed("remove", name, error);
    fs::create_symlink(target, name, error);
    if (error) return failed("make the link", name, error);
    return {};
}

}  // namespace

EtcdDirector::EtcdDirector(const SystemConfig& config, MemberName own, UnitControl& units, EtcdPlaces places)
    : config_(config), own_(std::move(own)), units_(units), places_(std::move(places)) {}

Result<void> EtcdDirector::prepare_directories() const {
    std::error_code error;
    fs::create_directories(places_.data_directory.parent_path(), error);
    if (error) return failed("create", places_.data_directory.parent_path(), error);
    for (const auto& directory : {places_.working_directory, places_.data_directory}) {
        fs::create_directories(directory, error);
        if (error) return failed("create", directory, error);
        // Its sockets carry no authentication: the directory is the guard.
        fs::permissions(directory, fs::perms::owner_all, error);
        if (error) return failed("set the mode of", directory, error);
    }
    for (const auto& voter : config_.voters()) {
        if (voter == own_) continue;
        auto linked =
            link_to(places_.links / voter.str() / "etcd-peer", places_.working_directory / (voter.str() + ":1"));
        if (!linked) return linked;
    }
    return {};
}

Result<void> EtcdDirector::check_past() const {
    const auto marker = read_if_exists(places_.marker);
    if (!marker) return std::unexpected(marker.error());
    if (!*marker) return {};
    const auto past = json::parse(**marker, places_.marker.native());
    if (!past) return std::unexpected(past.error());
    const auto cluster = json::text_or(*past, "cluster_uuid", "");
    const auto member = json::text_or(*past, "member", "");
    if (cluster != config_.cluster_uuid || member != own_.str())
        return failure(
            ErrorCode::kEngineFailed,
            std::format("{} holds the state of member {} of cluster {}, not of {} of {}",
                        places_.data_directory.native(), member, cluster, own_.str(), config_.cluster_uuid),
            places_.data_directory.native(),
            std::format("correct system.toml, or, if that cluster is of no more use: mv {0} {0}.old && rm {1}",
                        places_.data_directory.native(), places_.marker.native()));
    std::error_code error;
    const bool has_data = fs::exists(places_.data_directory / "member" / "wal", error);
    if (error) return failed("look into", places_.data_directory, error);
    if (!has_data)
        return failure(
            ErrorCode::kEngineFailed,
            std::format("{} has voted in this cluster before, and its engine's data in {} is gone", own_.str(),
                        places_.data_directory.native()),
            places_.data_directory.native(),
            std::format("mount or restore {}; only if this cluster was never in use: rm {} and systemctl restart ssid",
                        places_.data_directory.native(), places_.marker.native()));
    return {};
}

Result<void> EtcdDirector::write_marker() const {
    const auto text =
        boost::json::serialize(json::Object{{"v", 1}, {"cluster_uuid", config_.cluster_uuid}, {"member", own_.str()}});
    const auto marker = read_if_exists(places_.marker);
    if (!marker) return std::unexpected(marker.error());
    if (*marker) return {};
    return write_durably(places_.marker, text + "\n");
}

asio::awaitable<Result<void>> EtcdDirector::bring_up() {
    if (!is_voter(config_, own_)) co_return co_await units_.stop(kEtcdUnit);
    if (auto prepared = prepare_directories(); !prepared) co_return prepared;
    if (auto past = check_past(); !past) co_return past;
    const auto file = places_.working_directory / "etcd.json";
    const auto text = etcd_config_text(config_, own_, places_);
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
    if (auto marked = write_marker(); !marked) co_return marked;
    co_return co_await units_.start(kEtcdUnit);
}

asio::awaitable<Result<void>> EtcdDirector::take_down() {
    co_return co_await units_.stop(kEtcdUnit);
}

}  // namespace ssi::cluster
