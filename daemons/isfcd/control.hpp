#pragma once
/// What D-Bus may ask of isfcd (org.kvmssi.Isfc1, docs/architecture.md).

#include <string>

#include "lib/common/error.hpp"

namespace ssi::isfc {

class IsfcControl {
  public:
    virtual ~IsfcControl() = default;
    /// Links, channels, counters as one JSON object.
    [[nodiscard]] virtual std::string query() const = 0;
    /// Listens at RUNTIME/MEMBER/SERVICE before the peer announces the service. Errors: kMemberUnknown, kUsage.
    [[nodiscard]] virtual Result<void> expect(const std::string& member, const std::string& service) = 0;
    [[nodiscard]] virtual Result<void> forget(const std::string& member, const std::string& service) = 0;
};

}  // namespace ssi::isfc
