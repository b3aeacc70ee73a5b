#pragma once
/// Who has gone silent, judged by this member alone: a peer's progress is "its key changed since I last looked", never
/// a comparison of clocks (SAFETY 5).

#include <chrono>
#include <map>
#include <optional>
#include <set>

#include "daemons/ssid/membership/pdr_watch.hpp"
#include "daemons/ssid/state/cluster_state.hpp"
#include "lib/common/clock.hpp"
#include "lib/common/system_config.hpp"

namespace ssi::cluster {

/// Pure but for the time that is passed in. Time in which we ourselves had no majority never counts against others:
/// only committed beats of our own make it pass, and after a gap in them it begins anew.
class PeerWatch {
  public:
    /// `timing`: beat, silence, fence, boot. `pdr`: of a cluster that has one; must outlive this.
    PeerWatch(MemberName own, const TimingConfig& timing, const PdrWatch* pdr = nullptr);

    /// After an own committed beat.
    void look(const ClusterState& state, BootTime now);
    /// Between two of them, as often as is wanted.
    void look_again(const ClusterState& state, BootTime now);

    /// Joined (or leaving) members, ourselves excepted, whose sign in the engine stood still while ours moved on: for
    /// `fence` in a cluster with a PDR, whose slots are the better witness, else for `silence`. One that we never saw
    /// alive since we began to look gets `boot`: after a power cut of all, the slower one is booting.
    [[nodiscard]] const std::set<MemberName>& unheard() const { return unheard_; }
    /// Those of them whose slot on the PDR, if the cluster has one, stands still too: to be fenced (SAFETY 14, R4).
    [[nodiscard]] const std::set<MemberName>& silent() const { return silent_; }
    /// It was at the last look, and that is not older than the silence: else we stood still, and know nothing.
    [[nodiscard]] bool is_silent(const MemberName& member, BootTime now) const;
    /// Time since the sign of a member last changed in our eyes; none if it never did.
    [[nodiscard]] std::optional<std::chrono::milliseconds> age(const MemberName& member, BootTime now) const;
    /// We watched it for `silence` with the majority, and it did not move, nor has it in this state, nor does its slot
    /// on the PDR (SAFETY 15). Asked inside the decision, whose repetition may see a newer state than our last look.
    [[nodiscard]] bool stands_still(const ClusterState& state, const MemberName& member, BootTime now) const;
    /// What an operator's word needs: that. Of one that was refused (Isolated), which has no sign in the engine and
    /// runs nothing, the slot alone counts.
    [[nodiscard]] bool may_be_set_down(const ClusterState& state, const MemberName& member, BootTime now) const;
    /// Its sign in the engine stood at `alive` for all of `time` while ours moved on.
    [[nodiscard]] bool unheard_for(const MemberName& member, Revision alive, std::chrono::milliseconds time,
                                   BootTime now) const;
    /// We are the one who acts for all: the first Joined member, by name, that is neither unheard nor being fenced.
    [[nodiscard]] bool is_coordinator(const ClusterState& state) const;

  private:
    struct Sign {
        Revision modified{};
        BootTime since{};
        int own_beats = 0;  ///< Committed beats of ours since then.
        bool seen_moving = false;
    };
    [[nodiscard]] bool still_for(const Sign& sign, std::chrono::milliseconds time, BootTime now) const;
    [[nodiscard]] bool is_awake(BootTime now) const;

    void look(const ClusterState& state, BootTime now, int own_beats);

    MemberName own_;
    std::chrono::milliseconds beat_;
    std::chrono::milliseconds silence_;
    std::chrono::milliseconds patience_;  ///< Until one that was seen alive is unheard.
    std::chrono::milliseconds boot_grace_;
    std::optional<BootTime> beaten_;  ///< When we looked after an own beat, the last time.
    std::map<MemberName, Sign> signs_;
    std::set<MemberName> unheard_;
    std::set<MemberName> silent_;
    const PdrWatch* pdr_;
};

}  // namespace ssi::cluster
