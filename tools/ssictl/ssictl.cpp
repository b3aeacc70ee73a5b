#include "tools/ssictl/ssictl.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json/array.hpp>
#include <exception>
#include <format>
#include <istream>
#include <optional>
#include <ostream>
#include <utility>

#include "lib/common/bus.hpp"
#include "lib/common/json_message.hpp"
#include "lib/common/pki/certificate_authority.hpp"
#include "lib/common/system_config.hpp"
#include "tools/ssictl/command_line.hpp"
#include "tools/ssictl/rendering.hpp"

namespace ssi::ctl {
namespace {

namespace asio = boost::asio;

constexpr std::size_t kLongestAnswer = std::size_t{64} << 20;

Bus::Target target_of(Daemon daemon) {
    if (daemon == Daemon::kIsfcd) return {"org.kvmssi.Isfc1", "/org/kvmssi/Isfc1", "org.kvmssi.Isfc1"};
    return {"org.kvmssi.Ssid1", "/org/kvmssi/Ssid1", "org.kvmssi.Ssid1"};
}

/// Calls, from beginning to end, with a connection of its own.
Result<std::string> exchange(const DaemonCall& wanted, const std::string& address) {
    asio::io_context io;
    auto bus = Bus::connect(io.get_executor(), address);
    if (!bus) return std::unexpected(bus.error());
    std::optional<Result<std::string>> answer;
    std::exception_ptr thrown;
    asio::co_spawn(io, bus->call(target_of(wanted.daemon), wanted.method, wanted.arguments, wanted.timeout),
                   [&](std::exception_ptr exception, Result<std::string> result) {
                       thrown = exception;
                       answer = std::move(result);
                   });
    while (!answer && io.run_one() > 0) {
    }
    if (thrown) std::rethrow_exception(thrown);
    return std::move(*answer);
}

Result<json::Object> call(const DaemonCall& wanted, const std::string& address) {
    const auto unit = wanted.daemon == Daemon::kIsfcd ? "isfcd" : "ssid";
    auto answer = exchange(wanted, address);
    if (answer) return json::parse(*answer, unit, kLongestAnswer);
    auto error = std::move(answer.error());
    if (error.code == ErrorCode::kDaemonUnreachable && error.remedy.empty())
        error.remedy = std::format("systemctl status {}", unit);
    return std::unexpected(std::move(error));
}

/// One invocation, with the streams it talks to.
class Run {
  public:
    Run(bool json, std::istream& input, std::ostream& output, std::ostream& errors, const std::string& bus)
        : json_(json), input_(input), output_(output), errors_(errors), bus_(bus) {}

    Result<void> operator()(const DaemonCall& wanted) {
        if (auto confirmed = confirm(wanted.confirmation); !confirmed) return confirmed;
        const auto document = call(wanted, bus_);
        if (!document) return std::unexpected(document.error());
        return print(*document, wanted.render);
    }

    Result<void> operator()(const ListMoves&) {
        const std::chrono::seconds limit(10);
        const auto guests = call({.method = "GuestList", .timeout = limit}, bus_);
        if (!guests) return std::unexpected(guests.error());
        boost::json::array moves;
        const auto* list = guests->if_contains("guests");
        for (const auto& guest : list != nullptr && list->is_array() ? list->get_array() : boost::json::array()) {
            if (!guest.is_object() || json::text_or(guest.get_object(), "phase", "") != "Relocating") continue;
            const auto name = json::text(guest.get_object(), "name");
            if (!name) return std::unexpected(name.error());
            auto move = call({.method = "RelocateStatus", .arguments = {*name}, .timeout = limit}, bus_);
            if (!move) return std::unexpected(move.error());
            moves.emplace_back(std::move(*move));
        }
        return print({{"v", 1}, {"relocations", std::move(moves)}}, render_moves);
    }

    Result<void> operator()(const InitAuthority& wanted) {
        auto cluster = wanted.cluster;
        if (cluster.empty()) {
            const auto config = load_system_config(wanted.config);
            if (!config) return std::unexpected(config.error());
            cluster = config->cluster;
        }
        auto made = pki::init_authority(wanted.directory, cluster, overwrite(wanted.overwrite));
        if (!made) return made;
        return wrote({wanted.directory / "ca.crt", wanted.directory / "ca.key"});
    }

    Result<void> operator()(const IssueCertificate& wanted) {
        const auto member = MemberName::parse(wanted.member);
        if (!member) return std::unexpected(member.error());
        auto made = pki::issue_certificate(wanted.directory, *member, overwrite(wanted.overwrite));
        if (!made) return made;
        return wrote({wanted.directory / (wanted.member + ".crt"), wanted.directory / (wanted.member + ".key")});
    }

    Result<void> operator()(const PrintVersion&) {
        return print({{"v", 1}, {"version", SSI_VERSION}},
                     [](const json::Object&) -> Result<std::string> { return "ssictl " SSI_VERSION "\n"; });
    }

  private:
    static pki::Overwrite overwrite(bool wanted) { return wanted ? pki::Overwrite::kYes : pki::Overwrite::kNo; }

    Result<void> wrote(std::initializer_list<std::filesystem::path> files) {
        boost::json::array names;
        for (const auto& file : files) names.emplace_back(file.string());
        return print({{"v", 1}, {"files", std::move(names)}}, [](const json::Object& document) -> Result<std::string> {
            std::string text;
            for (const auto& file : document.at("files").as_array())
                text += std::format("wrote {}\n", std::string_view(file.as_string()));
            return text;
        });
    }

    Result<void> print(const json::Object& document, Rendering render) {
        auto text = json_ ? Result<std::string>(pretty(document)) : render(document);
        if (!text) return std::unexpected(text.error());
        output_ << *text << std::flush;
        return {};
    }

    Result<void> confirm(const std::string& wanted) {
        if (wanted.empty()) return {};
        errors_ << std::format(
                       "{0} is to be declared dead, and its guests are to be started elsewhere.\n"
                       "If {0} is not off, they will run twice and their disks will be lost.\n"
                       "Type its name if you have seen that it is off: ",
                       wanted)
                << std::flush;
        std::string typed;
        if (std::getline(input_, typed) && typed == wanted) return {};
        return failure(ErrorCode::kUsage, "not confirmed, so nothing was done", wanted,
                       "type the member's name, or give --yes");
    }

    bool json_;
    std::istream& input_;
    std::ostream& output_;
    std::ostream& errors_;
    const std::string& bus_;
};

}  // namespace

int exit_status(const Error& error) {
    switch (error.code) {
        case ErrorCode::kUsage:
            return 2;
        case ErrorCode::kDaemonUnreachable:
            return 3;
        default:
            return 1;
    }
}

int run(std::vector<std::string> arguments, std::istream& input, std::ostream& output, std::ostream& errors,
        const std::string& bus) {
    const auto invocation = parse_command_line(std::move(arguments));
    if (!invocation) {
        output << invocation.error().output;
        errors << invocation.error().errors;
        return invocation.error().status;
    }
    const auto done = std::visit(Run(invocation->json, input, output, errors, bus), invocation->command);
    if (done) return 0;
    if (invocation->json) output << pretty(json::Object{{"v", 1}, {"error", json::from_error(done.error())}});
    errors << render_error(done.error());
    return exit_status(done.error());
}

}  // namespace ssi::ctl
