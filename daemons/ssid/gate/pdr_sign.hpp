#pragma once
/// The guard's part in the PDR: what system.toml says of it, and what this member's slot says.

#include <functional>
#include <memory>
#include <optional>

#include "daemons/ssid/gate/pdr_beat.hpp"
#include "lib/common/system_config.hpp"

namespace ssi::gate {

/// One io_context.
class PdrSign {
  public:
    using OnPass = std::function<void(const cluster::PdrPass&)>;
    /// None if the cluster has no PDR. Error: kSystemFailed.
    [[nodiscard]] static Result<std::unique_ptr<PdrSign>> create(boost::asio::any_io_executor executor,
                                                                 const SystemConfig& config, const MemberName& own,
                                                                 OnPass on_pass);

    /// What ssid says, and nothing when it is away.
    void describe(const std::optional<cluster::SlotFacts>& facts);

  private:
    PdrSign(boost::asio::any_io_executor executor, PdrBeat::Settings settings, const pdr::SlotRecord& record,
            OnPass on_pass);
    void passed(const cluster::PdrPass& pass);

    pdr::SlotRecord record_;
    OnPass on_pass_;
    std::string fault_;  // the one that was logged last
    PdrBeat beat_;
};

}  // namespace ssi::gate
