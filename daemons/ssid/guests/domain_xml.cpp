#include "daemons/ssid/guests/domain_xml.hpp"

#include <format>
#include <pugixml.hpp>

namespace ssi::cluster {
namespace {

constexpr std::string_view kPolicyNamespace = "https://kvm-ssi.org/directory/1";

std::unexpected<Error> bad_xml(std::string_view why) {
    return failure(ErrorCode::kHypervisorFailed, std::format("libvirt gave a domain XML that cannot be read: {}", why));
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
    DomainDefinition definition{*name, {*uuid, std::string(xml), true}};
    for (const auto element : domain.child("metadata"))
        if (is_policy(element))
            definition.record.restart = std::string_view(element.attribute("restart").as_string("yes")) != "no";
    return definition;
}

}  // namespace ssi::cluster
