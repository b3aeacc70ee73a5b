#pragma once
/// A logical unit's persistent reservations, by one path: the commands with their types, and what to do about answers
/// that are no refusals.

#include <optional>

#include "lib/common/scsi/reservation_messages.hpp"

namespace ssi::scsi {

/// A reservation conflict is an answer like another: the sender is not registered (with this key), or somebody else
/// holds a reservation, or there is no such key to preempt.
enum class Outcome { kDone, kConflict };

/// Calls block. A unit attention says what has happened since the last command, and that this one was not carried out:
/// it is sent again, as to a device that is busy. Errors (kFenceFailed) name device, command and sense in words.
class ReservedUnit {
  public:
    /// Must outlive it.
    explicit ReservedUnit(Transport& transport) : transport_(transport) {}

    [[nodiscard]] Result<RegisteredKeys> keys();
    [[nodiscard]] Result<std::optional<Reservation>> reservation();
    [[nodiscard]] Result<Capabilities> capabilities();

    /// From `before` (0: not registered) to `after` (0: not registered any more). With any `before` but the right one
    /// it changes nothing (kConflict).
    [[nodiscard]] Result<Outcome> register_key(ReservationKey before, ReservationKey after, bool through_power_loss);
    /// Whatever this path is registered with, or not.
    [[nodiscard]] Result<Outcome> register_ignoring(ReservationKey after, bool through_power_loss);
    /// Those that follow want `own` to be what this path is registered with.
    [[nodiscard]] Result<Outcome> reserve(ReservationKey own, ReservationType type);
    [[nodiscard]] Result<Outcome> release(ReservationKey own, ReservationType type);
    /// Takes all registrations and the reservation away.
    [[nodiscard]] Result<Outcome> clear(ReservationKey own);
    /// Takes all registrations of `victim` away; a reservation that it held becomes ours, with this type.
    [[nodiscard]] Result<Outcome> preempt(ReservationKey own, ReservationKey victim, ReservationType type);
    /// The same; what it had sent and was not done yet is aborted before this returns.
    [[nodiscard]] Result<Outcome> preempt_and_abort(ReservationKey own, ReservationKey victim, ReservationType type);

  private:
    [[nodiscard]] Result<Answer> execute(const Command& command);
    [[nodiscard]] Result<Bytes> ask(ReserveIn action, std::size_t size);
    [[nodiscard]] Result<Outcome> tell(const ReserveOutRequest& request);

    Transport& transport_;
};

}  // namespace ssi::scsi
