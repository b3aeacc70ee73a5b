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

}  // namespace ssi::cluster
