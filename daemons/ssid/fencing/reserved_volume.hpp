#pragma once
/// One volume that members reserve for themselves: by all paths that this host has to it (SAFETY 13 c). Calls block.

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "lib/common/scsi/reserved_unit.hpp"

namespace ssi::cluster {

/// What a volume says of itself.
struct VolumeFacts {
    std::string path;                        ///< By which it answered.
    std::vector<scsi::ReservationKey> keys;  ///< Each once.
    std::optional<scsi::Reservation> reservation;

    [[nodiscard]] bool has(scsi::ReservationKey key) const;
    /// Only who is registered may write, and that stays so when one of the registered goes: WEAR, or WERO held by a key
    /// that is registered.
    [[nodiscard]] bool is_reserved() const;
};

/// What became of the paths of a volume when a key was registered.
struct Enrolment {
    std::vector<std::string> registered;
    std::map<std::string, Error> broken;  ///< Paths that could not be registered, and why: nothing is written by them.
};

/// Errors of all calls: kFenceFailed, with the volume's or the path's name.
class ReservedVolume {
  public:
    /// `paths` and `scheme` must outlive it.
    ReservedVolume(std::filesystem::path volume, scsi::Paths& paths, const scsi::KeyScheme& scheme)
        : volume_(std::move(volume)), paths_(paths), scheme_(scheme) {}

    [[nodiscard]] const std::filesystem::path& volume() const { return volume_; }
    /// At least one. Two volumes on one disk have the same paths.
    [[nodiscard]] Result<std::vector<std::string>> paths() { return paths_.of(volume_); }
    /// By the first path that answers.
    [[nodiscard]] Result<VolumeFacts> look();
    /// This path answers.
    [[nodiscard]] bool answers(const std::string& path);

    /// Registers the key at every path, in place of what this slot registered there before, and reserves the volume for
    /// the registered, if nobody has yet. What earlier lives of the same slot had registered by other paths is taken
    /// away. An Error when no path could be registered, or the key or a reservation is not there afterwards. To be
    /// called only by a member whose life is known not to be over (ReservationKeeper).
    [[nodiscard]] Result<Enrolment> enroll(scsi::ReservationKey own);
    /// Registers the key where nothing of this slot is registered, so that a host can write that was preempted before
    /// it booted. Reserves nothing.
    [[nodiscard]] Result<void> enroll_to_write(scsi::ReservationKey own);

    /// Nothing stands in the way of `stop`: we are registered and nobody who is no member, and one of the keys is the
    /// slot's, unless `stopped_before`.
    [[nodiscard]] Result<void> may_stop(scsi::ReservationKey own, MemberSlot target, bool stopped_before);
    /// Preempts and aborts every key of the slot, and reads back that they are gone and the reservation is held: from
    /// then on the target writes nothing, and nothing of it is in flight.
    [[nodiscard]] Result<void> stop(scsi::ReservationKey own, MemberSlot target, bool stopped_before);

  private:
    struct Way;  // an open path
    [[nodiscard]] Result<std::vector<Way>> ways();
    [[nodiscard]] Result<Way> open(const std::string& path);
    [[nodiscard]] Result<Way> way_of(scsi::ReservationKey own);
    [[nodiscard]] Result<VolumeFacts> facts(Way& way) const;
    [[nodiscard]] Result<void> register_at(Way& way, scsi::ReservationKey own) const;
    [[nodiscard]] Result<void> reserve(Way& way, scsi::ReservationKey own) const;
    [[nodiscard]] Result<void> check(const VolumeFacts& facts, scsi::ReservationKey own, MemberSlot target,
                                     bool stopped_before) const;
    [[nodiscard]] std::vector<scsi::ReservationKey> keys_of(const VolumeFacts& facts, MemberSlot slot) const;
    [[nodiscard]] std::unexpected<Error> fails(std::string what, std::string remedy) const;

    std::filesystem::path volume_;
    scsi::Paths& paths_;
    const scsi::KeyScheme& scheme_;
};

}  // namespace ssi::cluster
