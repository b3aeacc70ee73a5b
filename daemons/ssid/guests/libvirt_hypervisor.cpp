#include "daemons/ssid/guests/libvirt_hypervisor.hpp"

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include <array>
#include <format>
#include <memory>
#include <optional>
#include <pugixml.hpp>
#include <span>
#include <utility>

#include "daemons/ssid/guests/libvirt_connection.hpp"
#include "lib/common/log.hpp"

namespace ssi::cluster {
namespace {

namespace asio = boost::asio;
using libvirt::Connection;
using libvirt::Domain;
using libvirt::last_error;
using libvirt::last_error_is;
using libvirt::look_up;
using libvirt::open;

constexpr int kCallsAtMost = 32;

/// libvirt's typed parameters, to it and from it.
struct Parameters {
    virTypedParameterPtr items = nullptr;
    int count = 0;

    Parameters() = default;
    Parameters(const Parameters&) = delete;
    Parameters& operator=(const Parameters&) = delete;
    ~Parameters() { virTypedParamsFree(items, count); }

    [[nodiscard]] std::optional<unsigned long long> number(const char* name) const {
        unsigned long long value = 0;
        if (virTypedParamsGetULLong(items, count, name, &value) == 1) return value;
        return std::nullopt;
    }
    [[nodiscard]] std::optional<int> integer(const char* name) const {
        int value = 0;
        if (virTypedParamsGetInt(items, count, name, &value) == 1) return value;
        return std::nullopt;
    }
};

Result<void> too_late(std::string_view what, const std::string& object, BlockingCalls::Deadline deadline) {
    if (std::chrono::steady_clock::now() < deadline) return {};
    return failure(ErrorCode::kTimedOut, std::format("{} was not begun in time", what), object);
}

/// One act on one guest.
BlockingCalls::Work<void> act(std::string uri, bool is_remote, std::string verb, GuestName guest,
                              int (*function)(virDomainPtr)) {
    return [=](BlockingCalls::Deadline deadline) -> Result<void> {
        const auto connection = open(uri, is_remote);
        if (!connection) return std::unexpected(connection.error());
        const auto domain = look_up(connection->get(), guest);
        if (!domain) return std::unexpected(domain.error());
        const auto what = std::format("{} guest {}", verb, guest.str());
        if (auto late = too_late(what, guest.str(), deadline); !late) return late;
        if (function(domain->get()) < 0) return std::unexpected(last_error(what, guest.str()));
        return {};
    };
}

DomainState state_of(int state, int reason) {
    switch (state) {
        case VIR_DOMAIN_SHUTOFF:
            return DomainState::kShutOff;
        case VIR_DOMAIN_RUNNING:
        case VIR_DOMAIN_BLOCKED:
            return DomainState::kRunning;
        case VIR_DOMAIN_PAUSED:
            return reason == VIR_DOMAIN_PAUSED_MIGRATION ? DomainState::kPausedByMigration : DomainState::kPaused;
        default:
            return DomainState::kOther;
    }
}

/// Drivers without jobs (libvirt's test driver) have no migration either.
Result<bool> is_migrating_out(virDomain* domain, const std::string& name) {
    int type = VIR_DOMAIN_JOB_NONE;
    Parameters job;
    if (virDomainGetJobStats(domain, &type, &job.items, &job.count, 0) < 0) {
        // Shut off since it was listed: there is no job.
        if (last_error_is(VIR_ERR_NO_SUPPORT) || last_error_is(VIR_ERR_OPERATION_INVALID) ||
            last_error_is(VIR_ERR_NO_DOMAIN))
            return false;
        return std::unexpected(last_error(std::format("read the job of guest {}", name), name));
    }
    return type != VIR_DOMAIN_JOB_NONE &&
           job.integer(VIR_DOMAIN_JOB_OPERATION) == VIR_DOMAIN_JOB_OPERATION_MIGRATION_OUT;
}

/// None: the domain has gone since it was listed, or bears a name or UUID that no guest of the cluster can have.
Result<std::optional<DomainInfo>> describe(virDomain* domain) {
    const std::string text = virDomainGetName(domain);
    std::array<char, VIR_UUID_STRING_BUFLEN> uuid_text{};
    if (virDomainGetUUIDString(domain, uuid_text.data()) < 0)
        return std::unexpected(last_error(std::format("read the UUID of guest {}", text), text));
    auto name = GuestName::parse(text);
    auto uuid = GuestUuid::parse(uuid_text.data());
    if (!name || !uuid) {
        log::debug("a domain that the cluster cannot know", {{"SSI_GUEST", text}});
        return std::nullopt;
    }
    int state = VIR_DOMAIN_NOSTATE;
    int reason = 0;
    if (virDomainGetState(domain, &state, &reason, 0) < 0) {
        if (last_error_is(VIR_ERR_NO_DOMAIN)) return std::nullopt;
        return std::unexpected(last_error(std::format("read the state of guest {}", text), text));
    }
    DomainInfo info{*name, *uuid, state_of(state, reason), false};
    if (info.state == DomainState::kShutOff) return info;
    const auto migrating = is_migrating_out(domain, text);
    if (!migrating) return std::unexpected(migrating.error());
    info.migrating_out = *migrating;
    return info;
}

Result<std::vector<DomainInfo>> list(virConnect* connection) {
    virDomainPtr* raw = nullptr;
    const int count = virConnectListAllDomains(connection, &raw, 0);
    if (count < 0) return std::unexpected(last_error("list the domains", "libvirt"));
    const std::unique_ptr<virDomainPtr, decltype([](virDomainPtr* array) { ::free(array); })> array(raw);
    std::vector<Domain> listed;
    for (auto* domain : std::span(raw, static_cast<std::size_t>(count))) listed.emplace_back(domain);
    std::vector<DomainInfo> domains;
    for (const auto& domain : listed) {
        auto info = describe(domain.get());
        if (!info) return std::unexpected(info.error());
        if (*info) domains.push_back(std::move(**info));
    }
    return domains;
}

/// The domain to start: as it is defined there (the newest word of that member's administrator), or defined now.
Result<Domain> find_or_define(virConnect* connection, const GuestName& guest, const std::string& xml) {
    Domain domain(virDomainLookupByName(connection, guest.str().c_str()));
    if (!domain && (xml.empty() || !last_error_is(VIR_ERR_NO_DOMAIN)))
        return std::unexpected(last_error(std::format("find guest {}", guest.str()), guest.str()));
    if (!domain) {
        domain.reset(virDomainDefineXML(connection, xml.c_str()));
        if (!domain) return std::unexpected(last_error(std::format("define guest {}", guest.str()), guest.str()));
        return domain;
    }
    pugi::xml_document document;
    std::array<char, VIR_UUID_STRING_BUFLEN> here{};
    if (xml.empty() || !document.load_string(xml.c_str()) || virDomainGetUUIDString(domain.get(), here.data()) < 0)
        return domain;
    const auto wanted = GuestUuid::parse(document.child("domain").child_value("uuid"));
    if (wanted && wanted->str() != here.data())
        return failure(ErrorCode::kGuestUuidDiffers,
                       std::format("guest {} is defined here with UUID {}, in the cluster with {}", guest.str(),
                                   here.data(), wanted->str()),
                       guest.str(), std::format("virsh domrename {} OTHER-NAME", guest.str()));
    return domain;
}

/// How long the migration took, by libvirt's own account; by ours where it has none.
MigrationTimes times_of(virDomain* domain, std::chrono::steady_clock::time_point begin) {
    MigrationTimes times;
    int type = 0;
    Parameters job;
    if (virDomainGetJobStats(domain, &type, &job.items, &job.count,
                             VIR_DOMAIN_JOB_STATS_COMPLETED | VIR_DOMAIN_JOB_STATS_KEEP_COMPLETED) < 0)
        log::warning("a migration's times are not known", last_error("read the job", virDomainGetName(domain)));
    const auto elapsed = job.number(VIR_DOMAIN_JOB_TIME_ELAPSED);
    times.total = elapsed ? std::chrono::milliseconds(*elapsed)
                          : std::chrono::ceil<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin);
    times.down = std::chrono::milliseconds(job.number(VIR_DOMAIN_JOB_DOWNTIME).value_or(0));
    return times;
}

Result<MigrationTimes> migrate_now(virDomain* domain, const MigrationRequest& request) {
    Parameters parameters;
    int capacity = 0;
    if (virTypedParamsAddString(&parameters.items, &parameters.count, &capacity, VIR_MIGRATE_PARAM_URI,
                                request.migration_uri.c_str()) < 0)
        return std::unexpected(last_error("prepare the migration", request.guest.str()));
    // No UNDEFINE_SOURCE: the definition stays on every member. No ABORT_ON_ERROR: away from a member whose paths to a
    // disk fail is where one wants to go, and QEMU takes the requests it holds back along. No UNSAFE: libvirt is to
    // refuse disks whose cache would be stale on the other side.
    constexpr unsigned kFlags = VIR_MIGRATE_LIVE | VIR_MIGRATE_PEER2PEER | VIR_MIGRATE_PERSIST_DEST;
    const auto begin = std::chrono::steady_clock::now();
    if (virDomainMigrateToURI3(domain, request.destination_uri.c_str(), parameters.items,
                               static_cast<unsigned>(parameters.count), kFlags) < 0)
        return std::unexpected(
            last_error(std::format("move guest {} to {}", request.guest.str(), request.to.str()), request.guest.str()));
    return times_of(domain, begin);
}

}  // namespace

std::string LibvirtOptions::uri_over_link(const MemberName& member) {
    return std::format("qemu+unix:///system?socket=/run/ssi/isfc/{}/libvirt", member.str());
}

LibvirtHypervisor::LibvirtHypervisor(asio::any_io_executor executor, MemberName own, LibvirtOptions options)
    : own_(std::move(own)), options_(std::move(options)), calls_(std::move(executor), kCallsAtMost) {
    libvirt::run_event_loop_once();
}

std::string LibvirtHypervisor::uri_of(const MemberName& member) const {
    return member == own_ ? options_.local_uri : options_.remote_uri(member);
}

asio::awaitable<Result<std::vector<DomainInfo>>> LibvirtHypervisor::domains() {
    BlockingCalls::Work<std::vector<DomainInfo>> work = [uri = options_.local_uri](BlockingCalls::Deadline) {
        const auto connection = open(uri, false);
        return connection ? list(connection->get())
                          : Result<std::vector<DomainInfo>>(std::unexpected(connection.error()));
    };
    return calls_.run(own_.str(), "list the domains", options_.call_timeout, std::move(work));
}

asio::awaitable<Result<void>> LibvirtHypervisor::start(MemberName member, GuestName guest, std::string xml) {
    auto what = std::format("start guest {}", guest.str());
    BlockingCalls::Work<void> work = [uri = uri_of(member), is_remote = member != own_, guest, xml = std::move(xml),
                                      what](BlockingCalls::Deadline deadline) -> Result<void> {
        const auto connection = open(uri, is_remote);
        if (!connection) return std::unexpected(connection.error());
        if (auto late = too_late(what, guest.str(), deadline); !late) return late;
        const auto domain = find_or_define(connection->get(), guest, xml);
        if (!domain) return std::unexpected(domain.error());
        if (auto late = too_late(what, guest.str(), deadline); !late) return late;
        if (virDomainCreate(domain->get()) < 0) return std::unexpected(last_error(what, guest.str()));
        return {};
    };
    return calls_.run(member.str(), std::move(what), options_.start_timeout, std::move(work));
}

asio::awaitable<Result<void>> LibvirtHypervisor::shutdown(MemberName member, GuestName guest) {
    return calls_.run(member.str(), std::format("shut down guest {}", guest.str()), options_.call_timeout,
                      act(uri_of(member), member != own_, "shut down", guest, virDomainShutdown));
}

asio::awaitable<Result<void>> LibvirtHypervisor::destroy(MemberName member, GuestName guest) {
    return calls_.run(member.str(), std::format("destroy guest {}", guest.str()), options_.call_timeout,
                      act(uri_of(member), member != own_, "destroy", guest, virDomainDestroy));
}

asio::awaitable<Result<void>> LibvirtHypervisor::resume(GuestName guest) {
    return calls_.run(own_.str(), std::format("resume guest {}", guest.str()), options_.call_timeout,
                      act(options_.local_uri, false, "resume", guest, virDomainResume));
}

asio::awaitable<Result<MigrationTimes>> LibvirtHypervisor::migrate(MigrationRequest request) {
    auto what = std::format("move guest {} to {}", request.guest.str(), request.to.str());
    BlockingCalls::Work<MigrationTimes> work = [uri = options_.local_uri, request,
                                                what](BlockingCalls::Deadline deadline) -> Result<MigrationTimes> {
        const auto connection = open(uri, false);
        if (!connection) return std::unexpected(connection.error());
        const auto domain = look_up(connection->get(), request.guest);
        if (!domain) return std::unexpected(domain.error());
        if (auto late = too_late(what, request.guest.str(), deadline); !late) return std::unexpected(late.error());
        return migrate_now(domain->get(), request);
    };
    return calls_.run(own_.str(), std::move(what), options_.migration_timeout, std::move(work));
}

asio::awaitable<Result<void>> LibvirtHypervisor::abort_migration(GuestName guest) {
    return calls_.run(own_.str(), std::format("stop the move of guest {}", guest.str()), options_.call_timeout,
                      act(options_.local_uri, false, "stop the move of", guest, virDomainAbortJob));
}

asio::awaitable<Result<std::string>> LibvirtHypervisor::definition(GuestName guest) {
    auto what = std::format("read the definition of guest {}", guest.str());
    BlockingCalls::Work<std::string> work = [uri = options_.local_uri,
                                             guest](BlockingCalls::Deadline) -> Result<std::string> {
        const auto connection = open(uri, false);
        if (!connection) return std::unexpected(connection.error());
        const auto domain = look_up(connection->get(), guest);
        if (!domain) return std::unexpected(domain.error());
        return libvirt::definition(domain->get(), guest);
    };
    return calls_.run(own_.str(), std::move(what), options_.call_timeout, std::move(work));
}

}  // namespace ssi::cluster
