#pragma once
/// Whether this member should run the witness, take it over, or give it up (SAFETY 1, 10, 12, 16, 17). Pure.

#include <chrono>
#include <optional>
#include <vector>

#include "daemons/ssid/engine/voter_plan.hpp"
#include "lib/common/pdr/lock_record.hpp"

namespace ssi::cluster {

/// What this member knows of the lock's holder by itself, without asking the engine. All of it counts from the moment
/// when this run of the witness was first seen in the lock: nothing that was seen before speaks of it.
struct HolderSigns {
    std::chrono::milliseconds still{0};                   ///< Its slot did not move for so long, in fresh passes.
    std::optional<std::chrono::milliseconds> dead_after;  ///< T_dead, if an armed hardware watchdog guards it.
    bool is_silent = false;                               ///< Still for longer than T_lease: it may be fenced.
    bool is_off = false;  ///< A fence agent or the operator said so, and its slot has not moved since.
};

/// SAFETY 12, without a majority: the witness is free to be taken. A machine that stood still for T_dead could thaw, as
/// member and witness at once, unless a watchdog that does not stop with it has reset it.
[[nodiscard]] bool is_free(const pdr::LockRecord& lock, const HolderSigns& holder);

/// With a majority that has declared the holder Down: it is silent still. A holder that was declared dead by time may
/// live without its guests, does not know of the verdict, and starts the witness anew when its PDR comes back.
[[nodiscard]] bool is_still_gone(const HolderSigns& holder);

/// Who should run the witness when a majority chooses: a member that is no voter, so that no death costs two votes;
/// else the one of the highest slot. None: nobody lives. `members`: those that have an area, by slot.
[[nodiscard]] std::optional<MemberName> witness_home(const std::vector<VoterCandidate>& members,
                                                     const std::vector<Seat>& seats);

/// The holder votes itself, and another could have the witness that does not (SAFETY 1); and while it is handed over
/// the live members that vote are a majority without it.
[[nodiscard]] bool should_move(const MemberName& holder, const std::vector<VoterCandidate>& members,
                               const std::vector<Seat>& seats);

/// The witness's seat among the engine's voters.
enum class WitnessSeat {
    kUnknown,  ///< The list cannot be read: no majority.
    kNone,     ///< It has none.
    kFresh,    ///< A learner that has never run: it begins with nothing.
    kUsed,     ///< It has run. With nothing it must never run again (R3).
};
[[nodiscard]] WitnessSeat witness_seat(const std::vector<Seat>& seats);

struct WitnessSituation {
    MemberSlot own;
    pdr::LockRecord lock{};  ///< As just read.
    bool claimed = false;    ///< It was this boot of this member that won the lock.
    Incarnation life{};      ///< Of this member; 0: not Joined, or not yet.
    bool runs = false;       ///< The witness's process, here.
    WitnessSeat seat = WitnessSeat::kUnknown;
    bool may_take = false;    ///< From whoever has it: chosen by a majority that knows the holder dead; or is_free().
    bool may_fence = false;   ///< No majority, the holder is silent, and only its death would give one.
    bool is_stuck = false;    ///< No majority, the holder is silent, and time will not prove its death. For people.
    bool is_barred = false;   ///< A member that lives means to fence this one (SAFETY 14): a new boot waits.
    bool must_yield = false;  ///< This member leaves, or was not fit for too long (SAFETY 10).
};

enum class WitnessStep {
    kNothing,
    kFence,    ///< Win the intent to fence the holder, and have it switched off.
    kClaim,    ///< Win the next generation of the lock for this member; also to tell its new incarnation.
    kFetch,    ///< Copy the data into our area, win the generation of a new run that says so, and start.
    kBegin,    ///< Win the generation of a new run that says that the data is in our area, empty it, and start.
    kStart,    ///< With the data in our area: win the generation of a new run, and start.
    kStop,     ///< The process, before anything else.
    kRelease,  ///< Win the generation in which nobody holds it.
};

[[nodiscard]] WitnessStep plan_witness(const WitnessSituation& situation);

}  // namespace ssi::cluster
