#include "daemons/ssid/guests/libvirt_doors.hpp"

#include <cstdlib>
#include <format>
#include <memory>
#include <pugixml.hpp>
#include <sstream>
#include <utility>

#include "daemons/ssid/gate/door_test_guest.hpp"
#include "daemons/ssid/guests/libvirt_connection.hpp"

namespace ssi::cluster {
namespace {

using libvirt::Domain;
using libvirt::last_error;

Result<void> try_start_now(const std::string& uri, const GuestUuid& uuid) {
    const auto connection = libvirt::open(uri, false);
    if (!connection) return std::unexpected(connection.error());
    const std::unique_ptr<char, decltype([](char* text) { std::free(text); })> capabilities(
        virConnectGetDomainCapabilities(connection->get(), nullptr, nullptr, nullptr, nullptr, 0));
    if (!capabilities) return std::unexpected(last_error("read what libvirt can do here", "libvirt"));
    const auto xml = door_test_domain(capabilities.get(), uuid);
    if (!xml) return std::unexpected(xml.error());
    // It ends with this connection too: a crash of ssid leaves nothing behind.
    const Domain domain(
        virDomainCreateXML(connection->get(), xml->c_str(), VIR_DOMAIN_START_PAUSED | VIR_DOMAIN_START_AUTODESTROY));
    const std::string name(gate::kDoorTestGuest);
    if (!domain) return std::unexpected(last_error("try the doors", name));
    // Whether this ends it or the end of the connection: that it was let in is the answer.
    virDomainDestroy(domain.get());
    return {};
}

}  // namespace

Result<std::string> door_test_domain(std::string_view capabilities, const GuestUuid& uuid) {
    pugi::xml_document document;
    const auto parsed = document.load_buffer(capabilities.data(), capabilities.size());
    const auto can = document.child("domainCapabilities");
    const std::string emulator = can.child_value("path");
    if (!parsed || emulator.empty())
        return failure(ErrorCode::kHypervisorFailed, "libvirt here tells of no emulator that guests could run in",
                       "libvirt", "is QEMU installed? virsh domcapabilities");
    pugi::xml_document made;
    auto domain = made.append_child("domain");
    domain.append_attribute("type") = can.child_value("domain");
    domain.append_child("name").text() = std::string(gate::kDoorTestGuest).c_str();
    domain.append_child("uuid").text() = uuid.str().c_str();
    auto memory = domain.append_child("memory");
    memory.append_attribute("unit") = "MiB";
    memory.text() = 16;
    domain.append_child("vcpu").text() = 1;
    auto type = domain.append_child("os").append_child("type");
    type.append_attribute("arch") = can.child_value("arch");
    type.append_attribute("machine") = can.child_value("machine");
    type.text() = "hvm";
    auto devices = domain.append_child("devices");
    devices.append_child("emulator").text() = emulator.c_str();
    auto usb = devices.append_child("controller");
    usb.append_attribute("type") = "usb";
    usb.append_attribute("model") = "none";
    devices.append_child("memballoon").append_attribute("model") = "none";
    std::ostringstream text;
    made.print(text, "", pugi::format_raw);
    return std::move(text).str();
}

LibvirtDoors::LibvirtDoors(boost::asio::any_io_executor executor, std::string uri,
                           std::chrono::milliseconds call_timeout)
    : uri_(std::move(uri)), call_timeout_(call_timeout), calls_(std::move(executor), 2) {
    libvirt::run_event_loop_once();
}

boost::asio::awaitable<Result<void>> LibvirtDoors::try_start(GuestUuid uuid) {
    BlockingCalls::Work<void> work = [uri = uri_, uuid](BlockingCalls::Deadline) { return try_start_now(uri, uuid); };
    return calls_.run("libvirt", "try the doors", call_timeout_, std::move(work));
}

}  // namespace ssi::cluster
