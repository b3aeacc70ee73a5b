#pragma once
/// The guard's part in the PDR: what system.toml says of it, and what this member's slot says.

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>

#include "daemons/ssid/gate/pdr_beat.hpp"
#include "daemons/ssid/gate/slot_word.hpp"
#include "daemons/ssid/gate/watchdog.hpp"
#include "lib/common/notifier.hpp"
#include "lib/common/system_config.hpp"

namespace ssi::gate {

/// One io_context.
class PdrSign final : public SlotNotice {
  public:
    using OnPass = std::function<void(const cluster::PdrPass&)>;
    /// How this guard begins.
    struct Begin {
        const Watchdog* watchdog = nullptr;  ///< The one that is armed, if one is: the others will count on it.
        bool lone = false;                   ///< What runs here needs no lease, as the slot has said (SAFETY 3).
        std::filesystem::path lock;          ///< A local file: of the one guard that writes the slot.
    };
    /// None if the cluster has no PDR. Error: kSystemFailed.
    [[nodiscard]] static Result<std::unique_ptr<PdrSign>> create(boost::asio::any_io_executor executor,
                                                                 const SystemConfig& config, const MemberName& own,
                                                                 const Begin& begin, OnPass on_pass);

    /// What ssid says, and nothing when it is away.
    void describe(const std::optional<cluster::SlotFacts>& facts);
    /// The guard's own word on whether the witness runs here (SAFETY 10).
    void serve_witness(bool runs);
    void announce(bool armed) override;
    [[nodiscard]] bool is_withdrawn() const override { return !armed_.says() && armed_.is_read_back(); }
    void announce_lone(bool lone) override;
    [[nodiscard]] const SlotWord& lone() const override { return lone_; }
    /// Announces that no watchdog is armed; true when that was read back (SAFETY 11).
    boost::asio::awaitable<bool> withdraw_watchdog(Clock& clock, std::chrono::milliseconds at_most);

  private:
    PdrSign(boost::asio::any_io_executor executor, PdrBeat::Settings settings, const pdr::SlotRecord& record,
            OnPass on_pass);
    void passed(const cluster::PdrPass& pass);

    pdr::SlotRecord record_;
    OnPass on_pass_;
    SlotWord armed_;
    SlotWord lone_;
    Notifier pass_over_;
    std::string fault_;  // the one that was logged last
    PdrBeat beat_;
};

}  // namespace ssi::gate
