#pragma once
/// The lease of this member (SAFETY 5-8): while it holds, guests may run here. Pure: no clock, no I/O; the same class
/// decides in ssi-guard and in tests/sim.
///
///     none --renew--> held --its time is over--> expired --every writer is gone--> none
///
/// Alone (SAFETY 3) it does not end: nobody counts on its end while the slot says so.

#include <chrono>
#include <cstdint>
#include <optional>

#include "daemons/ssid/gate/slot_word.hpp"
#include "lib/common/clock.hpp"

namespace ssi::gate {

class Lease {
  public:
    /// `term`: T_lease.
    explicit Lease(std::chrono::milliseconds term) : term_(term) {}

    /// A sign of life was shown that was begun at `begun`: the lease holds until begun + term. No effect while expired
    /// (also when its time is over and nobody has noticed yet), nor of a time that has not come, nor while others count
    /// on a reset of this host that will not come.
    void renew(BootTime begun, BootTime now);
    /// The door may say yes: held, and for a moment longer than an answer needs to take effect.
    [[nodiscard]] bool admits(BootTime now) const;
    /// The watchdog may be fed: nothing runs that should not, or the time to stop it is not over yet (SAFETY 7).
    [[nodiscard]] bool may_feed(BootTime now) const;
    /// True once when its time is over: the door stays shut, and every writer is to be stopped.
    [[nodiscard]] bool expire(BootTime now);
    /// After an expiry every writer was seen to be gone: it may be held anew.
    void clear();

    /// Whether the watchdog works. As soon as it does, the slot may say so, and others count on it (SAFETY 13 b).
    void watchdog_works(bool works);
    /// The slot was read back to say that no watchdog is armed. No effect while it works.
    void watchdog_is_withdrawn();

    /// SAFETY 3. `alone`: what ssid says; none: it is away, or does not know. `word`: of this member's slot. Returns
    /// what the slot is to say from now on. What runs needs no lease only from when the slot was read back to say LONE,
    /// and the slot stops saying so only when it needs one again; both while the lease is held.
    [[nodiscard]] bool judge_lone(std::optional<bool> alone, const SlotWord& word, BootTime now);

    /// This boot of the machine was declared dead on the PDR (SAFETY 6): the end, and nothing renews it. True if it was
    /// not at its end yet.
    [[nodiscard]] bool condemn(BootTime now);
    /// Nobody says so any more.
    void pardon();

    /// The guard ends in order and nobody counts on a reset of this host any more: what runs goes on without a lease
    /// (R8). One that is over stays so.
    void lay_down();

    [[nodiscard]] bool is_expired() const { return expired_at_.has_value(); }
    [[nodiscard]] bool is_lone() const { return lone_; }
    [[nodiscard]] bool is_condemned() const { return condemned_; }
    /// When it is over if nobody renews it; none unless held.
    [[nodiscard]] std::optional<BootTime> deadline() const { return deadline_; }
    /// Moved on by each expiry.
    [[nodiscard]] std::uint64_t generation() const { return generation_; }

    /// What the guard must find again after its own restart within one boot (SAFETY 11).
    struct Memory {
        std::uint64_t generation = 1;
        std::optional<BootTime> deadline;
        std::optional<BootTime> expired_at;
        bool reset_promised = false;
        bool lone = false;
        bool condemned = false;
        friend bool operator==(const Memory&, const Memory&) = default;
    };
    [[nodiscard]] Memory memory() const {
        return {generation_, deadline_, expired_at_, reset_promised_, lone_, condemned_};
    }
    void remember(const Memory& memory);

  private:
    [[nodiscard]] bool is_held(BootTime now) const { return !expired_at_ && deadline_ && now < *deadline_; }

    std::chrono::milliseconds term_;
    std::uint64_t generation_ = 1;
    std::optional<BootTime> deadline_;
    std::optional<BootTime> expired_at_;
    bool watchdog_works_ = false;
    bool reset_promised_ = false;
    bool lone_ = false;
    bool condemned_ = false;
};

/// How long after an expiry the watchdog is still fed while the writers are being stopped (SAFETY 7).
inline constexpr std::chrono::milliseconds kStopTime{1'000};
/// The door says nothing any more so shortly before the end (SAFETY 8); of a shorter term than 5 s, a tenth.
inline constexpr std::chrono::milliseconds kDoorMargin{500};

}  // namespace ssi::gate
