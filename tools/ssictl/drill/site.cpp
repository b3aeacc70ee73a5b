#include "tools/ssictl/drill/site.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <cerrno>
#include <charconv>
#include <format>
#include <ranges>
#include <thread>
#include <utility>

#include "lib/common/json_message.hpp"
#include "lib/common/system_config.hpp"
#include "lib/common/text_file.hpp"
#include "tools/ssictl/daemon_call.hpp"
#include "tools/ssictl/drill/program.hpp"

namespace ssi::ctl {
namespace {

using namespace std::chrono_literals;

constexpr auto kAnswer = 5s;
constexpr auto kLibvirt = 3s;   // for one answer; a dead member's comes never
constexpr auto kLabFault = 90;  // seconds: a boot is one, too
constexpr auto kSupervisor = "/run/ssi-lab/supervisor.sock";
constexpr auto kOwnEnd = 60s;  // after which it will not come
constexpr int kAgentOff = 2;   // exit status of `status`

std::optional<std::chrono::milliseconds> age(const json::Object& member, const char* field) {
    const auto value = json::number_or(member, field, -1);
    return value < 0 ? std::nullopt : std::optional(std::chrono::milliseconds(value));
}

/// The number behind "KEY=" in what virsh says.
std::uint64_t number_after(std::string_view text, std::string_view key) {
    const auto at = text.find(key);
    if (at == std::string_view::npos) return 0;
    std::uint64_t number = 0;
    const auto digits = text.substr(at + key.size());
    std::from_chars(digits.data(), digits.data() + digits.size(), number);
    return number;
}

/// Asks the lab's supervisor for a fault; its answer comes when the fault is there.
Result<void> ask_lab(const std::string& what, const std::vector<std::string>& at) {
    const auto broken = [] { return system_failure("the lab's supervisor does not answer", kSupervisor, errno); };
    const int descriptor = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) return broken();
    const auto close = [descriptor](const int*) { ::close(descriptor); };
    const std::unique_ptr<const int, decltype(close)> closing(&descriptor, close);
    const timeval limit{kLabFault, 0};
    ::setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    sockaddr_un address{AF_UNIX, {}};
    std::ranges::copy(std::string_view(kSupervisor), std::begin(address.sun_path));
    if (::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return broken();
    boost::json::array members;
    for (const auto& member : at) members.emplace_back(member);
    const auto request =
        boost::json::serialize(json::Object{{"action", "fault"}, {"fault", what}, {"members", std::move(members)}}) +
        "\n";
    if (::send(descriptor, request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size()))
        return broken();
    std::string line;
    std::array<char, 1024> buffer{};
    while (!line.ends_with('\n')) {
        const auto size = ::recv(descriptor, buffer.data(), buffer.size(), 0);
        if (size <= 0) return broken();
        line.append(buffer.data(), static_cast<std::size_t>(size));
    }
    const auto answer = json::parse(line, "the lab's supervisor");
    if (!answer) return std::unexpected(answer.error());
    if (json::boolean_or(*answer, "ok", false)) return {};
    return failure(ErrorCode::kSystemFailed,
                   std::format("the lab cannot make {}: {}", what, json::text_or(*answer, "reason", "no reason given")),
                   what);
}

class RealSite final : public Site {
  public:
    RealSite(SystemConfig config, MemberName own, std::string bus)
        : config_(std::move(config)),
          own_(std::move(own)),
          bus_(std::move(bus)),
          lab_(::access(kSupervisor, F_OK) == 0) {}

    const std::string& cluster() const override { return config_.cluster; }
    const std::string& here() const override { return own_.str(); }
    std::vector<std::string> members() const override {
        std::vector<std::string> names;
        for (const auto& member : config_.members) names.push_back(member.name.str());
        return names;
    }
    bool is_lab() const override { return lab_; }
    double timing_scale() const override { return config_.timing.scale; }

    Result<Sight> look(const std::string& guest) override {
        const auto query = call({.method = "QuerySsi", .timeout = kAnswer}, bus_);
        if (!query) return std::unexpected(query.error());
        const auto shown = call({.method = "GuestShow", .arguments = {guest}, .timeout = kAnswer}, bus_);
        if (!shown) return std::unexpected(shown.error());
        const auto cluster = json::object(*query, "cluster");
        if (!cluster) return std::unexpected(cluster.error());
        Sight sight;
        sight.at = DrillTime::clock::now();
        sight.mode = json::text_or(*cluster, "mode", "");
        sight.majority = json::boolean_or(*query, "majority", false);
        sight.has_pdr = query->contains("pdr") && query->at("pdr").is_object();
        sight.phase = json::text_or(*shown, "phase", "");
        sight.home = json::text_or(*shown, "member", "");
        sight.run = json::text_or(*shown, "run", "");
        const auto* members = query->if_contains("members");
        for (const auto& entry :
             members != nullptr && members->is_array() ? members->get_array() : boost::json::array()) {
            if (!entry.is_object()) continue;
            const auto& member = entry.get_object();
            sight.members[json::text_or(member, "name", "")] = {
                json::text_or(member, "state", ""), json::text_or(member, "reason", ""),
                age(member, "heartbeat_age_ms"), age(member, "pdr_heartbeat_age_ms")};
        }
        return sight;
    }

    Result<Instance> instance(const std::string& member, const std::string& guest) override {
        const auto uri = member == own_.str()
                             ? std::string("qemu:///system")
                             : std::format("qemu+unix:///system?socket=/run/ssi/isfc/{}/libvirt", member);
        Instance found{member, DrillTime::clock::now(), {}, false, {}};
        const auto said = run_to_end({"virsh", "-q", "-c", uri, "domstats", "--state", "--cpu-total", guest}, kLibvirt);
        if (!said) return std::unexpected(said.error());
        found.told = DrillTime::clock::now();
        found.runs = said->status == 0 && number_after(said->output, "state.state=") == 1;
        found.processor = std::chrono::nanoseconds(number_after(said->output, "cpu.time="));
        return found;
    }

    Result<void> inject(const std::string& what, const std::vector<std::string>& at) override {
        if (what == "crash-ssid") return kill_daemon("ssid.service");
        if (what == "crash-isfcd") return kill_daemon("isfcd.service");
        if (what == "links-off") return channels("Deactivate");
        if (what == "links-on") return channels("Activate");
        const bool is_here = std::ranges::find(at, own_.str()) != at.end();
        if (what == "power-off" && is_here) return power_off_here_too(at);
        if (lab_) return ask_lab(what, at);
        return power_each(at, what == "power-off" ? "off" : "on");
    }

  private:
    static Result<void> kill_daemon(const std::string& unit) {
        const auto killed = run_to_end({"systemctl", "kill", "--kill-whom=main", "--signal=KILL", unit}, kAnswer);
        if (!killed) return std::unexpected(killed.error());
        if (killed->status == 0) return {};
        return failure(ErrorCode::kSystemFailed, std::format("{} was not killed: {}", unit, killed->output), unit);
    }

    /// This member comes last, and back by itself: it is to switch the others on.
    Result<void> power_off_here_too(std::vector<std::string> at) {
        std::erase(at, own_.str());
        auto done = lab_ ? ask_lab("power-off", at) : power_each(at, "off");
        if (done) done = lab_ ? ask_lab("power-cycle", {own_.str()}) : power(own_.str(), "reboot");
        if (!done) return done;
        std::this_thread::sleep_for(kOwnEnd);
        return failure(ErrorCode::kFenceFailed, std::format("{} was switched off, and is on", own_.str()), own_.str(),
                       "ssictl fence test " + own_.str());
    }

    Result<void> power_each(const std::vector<std::string>& at, const std::string& action) {
        for (const auto& member : at)
            if (auto done = power(member, action); !done) return done;
        return {};
    }

    /// All channels of this member. One that is gone already is not in the way.
    Result<void> channels(const std::string& method) {
        for (const auto& channel : config_.channels) {
            if (!channel.joins(own_)) continue;
            std::vector<std::string> arguments{channel.peer_of(own_).str(), channel.name};
            if (method == "Deactivate") arguments.emplace_back("force");
            auto done =
                call({.daemon = Daemon::kIsfcd, .method = method, .arguments = arguments, .timeout = kAnswer}, bus_);
            if (!done && done.error().code != ErrorCode::kChannelUnknown) return std::unexpected(done.error());
        }
        return {};
    }

    /// By the fence agents in their order, as ssid does it.
    Result<void> power(const std::string& member, const std::string& action) {
        Result<void> result =
            failure(ErrorCode::kFenceFailed, "no fence agent is configured", member, "add a [[fence]] to system.toml");
        for (const auto& fence : config_.fences) {
            if (fence.method != FenceMethod::kAgent) continue;
            result = power_by(fence, member, action);
            if (result) break;
        }
        return result;
    }

    static Result<void> power_by(const FenceConfig& fence, const std::string& member, const std::string& action) {
        const auto name = MemberName::parse(member);
        if (!name) return std::unexpected(name.error());
        const auto secrets = credentials_of(fence);
        if (!secrets) return std::unexpected(secrets.error());
        auto input = *secrets;
        for (const auto& [key, value] : fence.options) input += std::format("{}={}\n", key, value);
        input += std::format("plug={}\n", fence.plug_of(*name));
        const auto ask = [&](const std::string& wanted) {
            return run_to_end({fence.agent.string()}, fence.timeout, std::format("{}action={}\n", input, wanted));
        };
        const auto done = ask(action);
        if (!done) return std::unexpected(done.error());
        const auto status = ask("status");
        if (!status) return std::unexpected(status.error());
        if (done->status == 0 && status->status == (action == "off" ? kAgentOff : 0)) return {};
        return failure(ErrorCode::kFenceFailed,
                       std::format("fence agent {} did not switch {} {}: exit status {}, and {} of status", fence.name,
                                   member, action, done->status, status->status),
                       member, "ssictl fence test " + member);
    }

    /// Lines for the agent; what it says of them is never shown.
    static Result<std::string> credentials_of(const FenceConfig& fence) {
        if (fence.credentials.empty()) return std::string();
        struct stat status{};
        if (::stat(fence.credentials.c_str(), &status) != 0)
            return system_failure("cannot look at the credentials", fence.credentials.string(), errno);
        if (status.st_uid != 0 || (status.st_mode & 0077) != 0)
            return failure(ErrorCode::kCredentialsUnsafe, "others than root may read or write the credentials",
                           fence.credentials.string(), "chmod 0600 " + fence.credentials.string());
        const auto content = read_text_file(fence.credentials);
        if (!content)
            return failure(ErrorCode::kConfigMissing, "cannot read the credentials", fence.credentials.string());
        return *content + "\n";
    }

    SystemConfig config_;
    MemberName own_;
    std::string bus_;
    bool lab_;
};

}  // namespace

Result<std::unique_ptr<Site>> open_site(const std::filesystem::path& file, const std::string& bus) {
    auto config = load_system_config(file);
    if (!config) return std::unexpected(config.error());
    auto own = own_member(*config, "");
    if (!own) return std::unexpected(own.error());
    return std::make_unique<RealSite>(*std::move(config), *std::move(own), bus);
}

}  // namespace ssi::ctl
