#pragma once
/// Where a drill takes place: what can be done to the members, and what is seen of them.

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/common/error.hpp"
#include "tools/ssictl/drill/scenario.hpp"

namespace ssi::ctl {

using DrillTime = std::chrono::steady_clock::time_point;

/// A member as this member's ssid shows it.
struct MemberSight {
    std::string state;
    std::string reason;
    std::optional<std::chrono::milliseconds> heartbeat_age;
    std::optional<std::chrono::milliseconds> pdr_age;
};

/// The cluster and the guest at one moment.
struct Sight {
    DrillTime at;
    std::string mode;
    bool majority = false;
    bool has_pdr = false;
    std::map<std::string, MemberSight> members;
    std::string phase;  ///< Of the guest.
    std::string home;
    std::string run;  ///< Another at each of its starts.
};

/// What a member's libvirt said of the guest.
struct Instance {
    std::string member;
    DrillTime asked;
    DrillTime told;
    bool runs = false;                     ///< Active and not paused.
    std::chrono::nanoseconds processor{};  ///< Its processor time.
};

class Site {
  public:
    virtual ~Site() = default;
    [[nodiscard]] virtual const std::string& cluster() const = 0;
    [[nodiscard]] virtual const std::string& here() const = 0;  ///< The member on which the drill is run.
    [[nodiscard]] virtual std::vector<std::string> members() const = 0;
    [[nodiscard]] virtual bool is_lab() const = 0;
    [[nodiscard]] virtual double timing_scale() const = 0;
    /// Of ssid, at once. Errors: of the calls.
    [[nodiscard]] virtual Result<Sight> look(const std::string& guest) = 0;
    /// Of the member's libvirt, over the links; seconds when it does not answer. From any thread.
    [[nodiscard]] virtual Result<Instance> instance(const std::string& member, const std::string& guest) = 0;
    /// Makes a fault, or ends one, at these members. Returns when it is done.
    [[nodiscard]] virtual Result<void> inject(const std::string& what, const std::vector<std::string>& at) = 0;
};

/// The cluster this machine is a member of. Errors: of system.toml; kMemberUnknown.
[[nodiscard]] Result<std::unique_ptr<Site>> open_site(const std::filesystem::path& config, const std::string& bus);

}  // namespace ssi::ctl
