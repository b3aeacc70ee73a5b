#pragma once
/// What ssid needs to know of a libvirt domain XML (https://libvirt.org/formatdomain.html) and of the policy that the
/// administrator wrote into its <metadata> (namespace https://kvm-ssi.org/directory/1).

#include <string>
#include <string_view>

#include "daemons/ssid/state/records.hpp"

namespace ssi::cluster {

struct DomainDefinition {
    GuestName name;
    DirectoryRecord record;
};

/// Error: kHypervisorFailed when it is no domain XML. `<ssi:guest restart="no"/>` turns the automatic restart off.
[[nodiscard]] Result<DomainDefinition> parse_domain_xml(std::string_view xml);

/// The guest that a domain XML is about, before libvirt has seen it. Error: kDefinitionInvalid.
[[nodiscard]] Result<GuestName> guest_named_in(std::string_view xml);

/// The same with this <uuid>, if it has none. Error: kDefinitionInvalid.
[[nodiscard]] Result<std::string> with_uuid(std::string_view xml, const GuestUuid& uuid);

}  // namespace ssi::cluster
