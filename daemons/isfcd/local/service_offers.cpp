#include "daemons/isfcd/local/service_offers.hpp"

#include <sys/inotify.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <format>
#include <set>
#include <toml.hpp>
#include <utility>

#include "lib/common/no_throw.hpp"
#include "lib/common/plain_text.hpp"
#include "lib/common/text_file.hpp"
#include "lib/common/toml_nesting.hpp"

namespace ssi::isfc {
namespace asio = boost::asio;
namespace fs = std::filesystem;
namespace {

/// Names of 80 bytes at most: together they stay below kMaxControlMessage.
constexpr std::size_t kMostServices = 2'000;
constexpr std::string_view kMemberPlaceholder = "{member}";
const std::map<std::string_view, StreamClass> kClasses{
    {"control", StreamClass::kControl}, {"interactive", StreamClass::kInteractive}, {"bulk", StreamClass::kBulk}};

std::unexpected<Error> invalid(const fs::path& file, std::string what) {
    return failure(ErrorCode::kConfigInvalid, std::move(what), file.string(),
                   std::format("mend {}, then: ssictl reload (or start isfcd)", file.string()));
}

std::unexpected<Error> invalid(const fs::path& file, const toml::value& where, std::string_view what,
                               std::string_view remedy) {
    const auto at = where.location();
    const auto info = toml::make_error_info(std::string(what), where, std::string(remedy));
    return invalid(file, std::format("{}:{}:{}: {}", at.file_name(), at.first_line_number(), at.first_column_number(),
                                     toml::format_error("", info)));
}

Result<ConfiguredService> parse_service(const fs::path& file, const toml::value& table, const MemberName& member) {
    if (!table.is_table()) return invalid(file, table, "a service must be a table", "write [[service]]");
    ConfiguredService service;
    for (const auto& [key, value] : table.as_table()) {
        if (!value.is_string()) return invalid(file, value, "this must be text", "write it in quotes");
        const std::string& text = value.as_string();
        if (!is_plain_text(text)) return invalid(file, value, "this text holds a control character", "leave it out");
        if (key == "name") {
            auto name = ServiceName::parse(text);
            if (!name) return invalid(file, value, name.error().what, name.error().remedy);
            service.name = *name;
        } else if (key == "socket") {
            auto path = text;
            if (const auto at = path.find(kMemberPlaceholder); at != std::string::npos)
                path.replace(at, kMemberPlaceholder.size(), member.str());
            service.socket = path;
            if (!service.socket.is_absolute())
                return invalid(file, value, "this is no absolute path", "begin it with /");
        } else if (key == "group") {
            service.group = text;
        } else if (key == "class") {
            const auto found = kClasses.find(text);
            if (found == kClasses.end())
                return invalid(file, value, std::format("unknown class '{}'", text),
                               "there are control, interactive and bulk");
            service.stream_class = found->second;
        } else {
            return invalid(file, value, std::format("unknown key '{}'", key), "known here: name, socket, group, class");
        }
    }
    if (service.name.empty()) return invalid(file, table, "'name' is missing", "add name = \"...\"");
    if (service.socket.empty()) return invalid(file, table, "'socket' is missing", "add socket = \"/...\"");
    return service;
}

Result<void> load_file(const fs::path& file, const MemberName& member, std::map<ServiceName, ConfiguredService>& all) {
    const auto text = read_text_file(file);
    if (!text) return invalid(file, std::format("{} cannot be read", file.string()));
    if (auto checked = check_toml_nesting(*text, file.string()); !checked) return checked;
    try {
        const auto parsed = toml::try_parse(std::vector<unsigned char>(text->begin(), text->end()), file.string());
        if (parsed.is_err()) {
            std::string errors;
            for (const auto& error : parsed.unwrap_err()) errors += toml::format_error("", error);
            return invalid(file, std::format("{}: {}", file.string(), errors));
        }
        const auto& root = parsed.unwrap();
        for (const auto& [key, value] : root.as_table()) {
            if (key != "service" || !value.is_array())
                return invalid(file, value, std::format("unknown key '{}'", key), "write [[service]]");
            for (const auto& table : value.as_array()) {
                auto service = parse_service(file, table, member);
                if (!service) return std::unexpected(service.error());
                all[service->name] = *service;
            }
        }
    } catch (const toml::exception& error) {
        return invalid(file, std::format("{}: {}", file.string(), error.what()));
    }
    return {};
}

}  // namespace

Result<std::vector<ConfiguredService>> load_configured_services(const fs::path& directory, const MemberName& member) {
    std::set<fs::path> files;
    std::error_code missing;  // no directory: nothing is configured
    for (const auto& entry : fs::directory_iterator(directory, missing))
        if (entry.path().extension() == ".toml") files.insert(entry.path());
    std::map<ServiceName, ConfiguredService> all;
    for (const auto& file : files)
        if (auto loaded = load_file(file, member, all); !loaded) return std::unexpected(loaded.error());
    std::vector<ConfiguredService> services;
    for (auto& [name, service] : all) services.push_back(std::move(service));
    return services;
}

ServiceOffers::ServiceOffers(const asio::any_io_executor& executor, std::vector<ConfiguredService> configured,
                             fs::path directory)
    : configured_(std::move(configured)), directory_(std::move(directory)), inotify_(executor) {}

Result<void> ServiceOffers::start(std::function<void()> changed) {
    changed_ = std::move(changed);
    const int fd = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (fd < 0) return system_failure("inotify_init1", directory_.string(), errno);
    inotify_.assign(fd);
    if (::inotify_add_watch(fd, directory_.c_str(), IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO) < 0)
        return system_failure(std::format("watch {}", directory_.string()), directory_.string(), errno);
    names_ = list();
    asio::co_spawn(inotify_.get_executor(), [self = shared_from_this()] { return self->watch(); }, asio::detached);
    return {};
}

void ServiceOffers::stop() {
    changed_ = nullptr;
    boost::system::error_code ignored;
    inotify_.close(ignored);
}

void ServiceOffers::configure(std::vector<ConfiguredService> configured) {
    configured_ = std::move(configured);
    names_ = list();
    if (changed_) changed_();
}

asio::awaitable<void> ServiceOffers::watch() {
    std::array<char, 4096> events;  // what they say does not matter: the directory is listed anew
    for (;;) {
        const auto [error, size] = co_await inotify_.async_read_some(asio::buffer(events), kNoThrow);
        if (error || !changed_) co_return;
        auto names = list();
        if (names == names_) continue;
        names_ = std::move(names);
        changed_();
    }
}

std::vector<std::string> ServiceOffers::list() const {
    std::set<std::string> names;
    for (const auto& service : configured_) names.insert(service.name.str());
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(directory_, error)) {
        std::error_code gone;  // between listing and looking
        if (entry.is_socket(gone) && ServiceName::parse(entry.path().filename().string()) &&
            names.size() < kMostServices)
            names.insert(entry.path().filename().string());
    }
    return {names.begin(), names.end()};
}

Result<Offer> ServiceOffers::resolve(const std::string& name) const {
    for (const auto& service : configured_)
        if (service.name.str() == name) return Offer{service.socket, service.stream_class};
    std::error_code error;
    if (ServiceName::parse(name) && fs::is_socket(directory_ / name, error)) return Offer{directory_ / name};
    return failure(ErrorCode::kServiceUnknown, std::format("no service {} is offered", name), name,
                   "start the program that offers it");
}

}  // namespace ssi::isfc
