#include "daemons/ssid/guests/libvirt_connection.hpp"

#include <algorithm>
#include <cstdlib>
#include <format>
#include <mutex>
#include <thread>
#include <utility>

#include "daemons/ssid/guests/refusal_text.hpp"
#include "lib/common/log.hpp"

namespace ssi::cluster::libvirt {
namespace {

constexpr int kKeepAliveSeconds = 2;
constexpr unsigned kKeepAliveMisses = 3;

}  // namespace

Error last_error(std::string_view what, const std::string& object) {
    const auto* error = virGetLastError();
    const std::string_view message = error != nullptr && error->message != nullptr ? error->message : "no reason given";
    if (auto refusal = find_refusal(message)) {
        refusal->object = object;
        return *refusal;
    }
    auto text = std::format("cannot {}: {}", what, message);
    while (text.ends_with('\n')) text.pop_back();
    std::ranges::replace(text, '\n', ' ');  // Faults in XML are told with the line and a caret below it.
    return {ErrorCode::kHypervisorFailed, std::move(text), object, ""};
}

bool last_error_is(virErrorNumber number) {
    return virGetLastErrorCode() == number;
}

void run_event_loop_once() {
    static std::once_flag once;
    std::call_once(once, [] {
        virSetErrorFunc(nullptr, [](void*, virErrorPtr) {});  // every error is returned; none goes to standard error
        if (virInitialize() < 0 || virEventRegisterDefaultImpl() < 0) {
            log::error("libvirt cannot be used", last_error("start its event loop", "libvirt"));
            return;
        }
        std::thread([] {
            while (virEventRunDefaultImpl() == 0) {
            }
            log::error("libvirt's event loop has ended", last_error("run its event loop", "libvirt"));
        }).detach();
    });
}

Result<Connection> open(const std::string& uri, bool is_remote) {
    Connection connection(virConnectOpen(uri.c_str()));
    if (!connection) return std::unexpected(last_error("reach libvirt", uri));
    if (is_remote && virConnectSetKeepAlive(connection.get(), kKeepAliveSeconds, kKeepAliveMisses) < 0 &&
        !last_error_is(VIR_ERR_NO_SUPPORT))
        return std::unexpected(last_error("watch the connection to libvirt", uri));
    return connection;
}

Result<Domain> look_up(virConnect* connection, const GuestName& guest) {
    Domain domain(virDomainLookupByName(connection, guest.str().c_str()));
    if (!domain) return std::unexpected(last_error(std::format("find guest {}", guest.str()), guest.str()));
    return domain;
}

Result<std::string> definition(virDomain* domain, const GuestName& guest) {
    const std::unique_ptr<char, decltype([](char* text) { std::free(text); })> xml(
        virDomainGetXMLDesc(domain, VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_SECURE));
    if (!xml)
        return std::unexpected(last_error(std::format("read the definition of guest {}", guest.str()), guest.str()));
    return std::string(xml.get());
}

}  // namespace ssi::cluster::libvirt
