#include "daemons/ssid/guests/domain_xml.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <format>
#include <pugixml.hpp>
#include <sstream>
#include <utility>

namespace ssi::cluster {
namespace {

constexpr std::string_view kPolicyNamespace = "https://kvm-ssi.org/directory/1";

std::unexpected<Error> bad_xml(std::string_view why) {
    return failure(ErrorCode::kHypervisorFailed, std::format("libvirt gave a domain XML that cannot be read: {}", why));
}

/// An administrator's: it may be anything.
Result<void> load(pugi::xml_document& document, std::string_view xml) {
    const auto parsed = document.load_buffer(xml.data(), xml.size(), pugi::parse_full);
    const auto invalid = [](std::string_view why) {
        return failure(ErrorCode::kDefinitionInvalid, std::format("this is no domain XML: {}", why), "",
                       "virsh dumpxml shows what one looks like; virt-xml-validate FILE domain checks one");
    };
    if (!parsed) return invalid(std::format("{} at byte {}", parsed.description(), parsed.offset));
    if (!document.child("domain")) return invalid("there is no <domain>");
    return {};
}

/// pugixml knows no namespaces: the prefix is whatever this element, or one around it, binds to our namespace.
bool is_policy(const pugi::xml_node& element) {
    const std::string_view name = element.name();
    const auto colon = name.find(':');
    if (name.substr(colon == std::string_view::npos ? 0 : colon + 1) != "guest") return false;
    const auto binding =
        colon == std::string_view::npos ? std::string("xmlns") : std::format("xmlns:{}", name.substr(0, colon));
    for (auto node = element; node; node = node.parent())
        if (const auto attribute = node.attribute(binding.c_str())) return attribute.value() == kPolicyNamespace;
    return false;
}

/// <memory unit="KiB">; KiB also without a unit. Rounded up; 0 when it cannot be understood.
std::int64_t memory_mib(const pugi::xml_node& memory) {
    const std::string_view unit = memory.attribute("unit").as_string("KiB");
    constexpr std::array<std::pair<std::string_view, double>, 14> kUnits{{{"b", 1.0},
                                                                          {"bytes", 1.0},
                                                                          {"KB", 1e3},
                                                                          {"k", 1024.0},
                                                                          {"KiB", 1024.0},
                                                                          {"MB", 1e6},
                                                                          {"M", 1048576.0},
                                                                          {"MiB", 1048576.0},
                                                                          {"GB", 1e9},
                                                                          {"G", 1073741824.0},
                                                                          {"GiB", 1073741824.0},
                                                                          {"TB", 1e12},
                                                                          {"T", 1099511627776.0},
                                                                          {"TiB", 1099511627776.0}}};
    const auto found = std::ranges::find(kUnits, unit, &std::pair<std::string_view, double>::first);
    const double amount = memory.text().as_double(0);
    if (found == kUnits.end() || !(amount > 0) || amount > 1e15) return 0;
    return static_cast<std::int64_t>(std::ceil(amount * found->second / 1048576.0));
}

}  // namespace

Result<DomainDefinition> parse_domain_xml(std::string_view xml) {
    pugi::xml_document document;
    const auto parsed = document.load_buffer(xml.data(), xml.size());
    if (!parsed) return bad_xml(parsed.description());
    const auto domain = document.child("domain");
    if (!domain) return bad_xml("there is no <domain>");
    auto name = GuestName::parse(domain.child_value("name"));
    if (!name) return std::unexpected(name.error());
    auto uuid = GuestUuid::parse(domain.child_value("uuid"));
    if (!uuid) return std::unexpected(uuid.error());
    DomainDefinition definition{*name, {*uuid, std::string(xml), true, memory_mib(domain.child("memory")), 0, {}}};
    for (const auto element : domain.child("metadata"))
        if (is_policy(element))
            definition.record.restart = std::string_view(element.attribute("restart").as_string("yes")) != "no";
    return definition;
}

Result<GuestName> guest_named_in(std::string_view xml) {
    pugi::xml_document document;
    if (auto loaded = load(document, xml); !loaded) return std::unexpected(loaded.error());
    auto name = GuestName::parse(document.child("domain").child_value("name"));
    if (!name) return failure(ErrorCode::kDefinitionInvalid, "its <name>: " + name.error().what, name.error().object);
    return name;
}

Result<std::string> with_uuid(std::string_view xml, const GuestUuid& uuid) {
    pugi::xml_document document;
    if (auto loaded = load(document, xml); !loaded) return std::unexpected(loaded.error());
    auto domain = document.child("domain");
    if (domain.child("uuid")) return std::string(xml);
    domain.insert_child_after("uuid", domain.child("name")).text().set(uuid.str().c_str());
    std::ostringstream text;
    document.save(text, "  ");
    return std::move(text).str();
}

}  // namespace ssi::cluster
