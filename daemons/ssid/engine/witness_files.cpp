#include "daemons/ssid/engine/witness_files.hpp"

#include <boost/json/serialize.hpp>
#include <charconv>
#include <format>
#include <fstream>
#include <iterator>
#include <string>
#include <system_error>

#include "daemons/ssid/engine/etcd_room.hpp"
#include "daemons/ssid/engine/symbolic_link.hpp"
#include "daemons/ssid/engine/voter_keeper.hpp"
#include "lib/common/durable_file.hpp"
#include "lib/common/json_message.hpp"
#include "lib/common/pdr/layout.hpp"

namespace ssi::cluster {
namespace {

namespace fs = std::filesystem;

std::string text_in(const fs::path& file) {
    std::ifstream stream(file);
    return {std::istreambuf_iterator<char>(stream), {}};
}

Result<void> make_directory(const fs::path& directory) {
    std::error_code error;
    fs::create_directories(directory, error);
    // Its sockets carry no authentication: the directory is the guard.
    if (!error) fs::permissions(directory, fs::perms::owner_all, error);
    if (error) return file_failure("make", directory, error);
    return {};
}

std::string area_text(const SystemConfig& config, MemberSlot slot, const WitnessPlaces& places,
                      const WitnessStart& start) {
    return boost::json::serialize(json::Object{{"v", 1},
                                               {"device", config.pdr.device.native()},
                                               {"offset", pdr::witness_at(slot)},
                                               {"size", pdr::kWitnessArea},
                                               {"mount_point", places.area.native()},
                                               {"make", start.make},
                                               {"until_ms", start.until.time_since_epoch().count()}}) +
           "\n";
}

}  // namespace

Result<void> write_witness_start(const SystemConfig& config, const MemberName& own, const WitnessPlaces& places,
                                 const WitnessStart& start) {
    const auto* member = config.find(own);
    const auto name = MemberName::parse(kWitnessName);
    if (member == nullptr || !name) return failure(ErrorCode::kMemberUnknown, "not a member", own.str());
    if (auto made = make_directory(places.working_directory); !made) return made;
    for (const auto& other : config.members) {
        const auto socket =
            other.name == own ? places.etcd / (own.str() + ":1") : places.links / other.name.str() / "etcd-peer";
        if (auto linked = link_to(socket, places.working_directory / (other.name.str() + ":1")); !linked) return linked;
    }
    EtcdPlaces etcd;
    etcd.working_directory = places.working_directory;
    etcd.data_directory = places.area / "etcd";
    if (auto written = write_durably(places.working_directory / "etcd.json",
                                     fit_witness_area(etcd_config_text(config, *name, etcd, start.etcd)));
        !written)
        return written;
    return write_durably(places.working_directory / "area.json", area_text(config, member->slot, places, start));
}

Result<void> point_to_witness(const WitnessPlaces& places, const MemberName& own,
                              const std::optional<MemberName>& holder) {
    const auto name = std::format("{}:1", kWitnessName);
    std::error_code error;
    if (!fs::exists(places.etcd, error)) return {};  // no voter here
    if (!holder) {
        fs::remove(places.etcd / name, error);
        fs::remove(places.etcd / kWitnessClient, error);
        return {};
    }
    const bool is_here = *holder == own;
    const auto there = places.links / holder->str();
    if (auto linked = link_to(is_here ? places.working_directory / name : there / "witness-peer", places.etcd / name);
        !linked)
        return linked;
    return link_to(is_here ? places.working_directory / "client:1" : there / "witness-client",
                   places.etcd / kWitnessClient);
}

std::optional<pid_t> witness_process(const WitnessPlaces& places) {
    const auto text = text_in(places.working_directory / "pid");
    pid_t pid = 0;
    if (std::from_chars(text.data(), text.data() + text.size(), pid).ec != std::errc{} || pid <= 1) return std::nullopt;
    // A number of a process that is gone may be another's by now.
    if (!text_in(std::format("/proc/{}/cgroup", pid)).contains(places.control_group)) return std::nullopt;
    return pid;
}

bool area_is_closed(const WitnessPlaces& places) {
    std::error_code error;
    return !fs::exists(places.working_directory / "loop", error) && !error;
}

Result<std::optional<std::uint64_t>> read_claim(const WitnessPlaces& places) {
    const auto file = places.working_directory / "claim.json";
    const auto text = read_if_exists(file);
    if (!text) return std::unexpected(text.error());
    if (!*text) return std::nullopt;
    const auto claim = json::parse(**text, file.native());
    if (!claim) return std::unexpected(claim.error());
    const auto generation = json::unsigned_number(*claim, "generation");
    if (!generation) return std::unexpected(generation.error());
    return *generation;
}

Result<void> write_claim(const WitnessPlaces& places, std::uint64_t generation) {
    if (auto made = make_directory(places.working_directory); !made) return made;
    return write_durably(places.working_directory / "claim.json",
                         boost::json::serialize(json::Object{{"v", 1}, {"generation", generation}}) + "\n");
}

void forget_claim(const WitnessPlaces& places) {
    std::error_code error;
    fs::remove(places.working_directory / "claim.json", error);
}

}  // namespace ssi::cluster
