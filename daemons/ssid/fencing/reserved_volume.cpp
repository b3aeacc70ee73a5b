#include "daemons/ssid/fencing/reserved_volume.hpp"

#include <algorithm>
#include <format>
#include <utility>

namespace ssi::cluster {

using scsi::Outcome;
using scsi::ReservationKey;
using scsi::ReservationType;

namespace {

constexpr auto kAllRegistrants = ReservationType::kWriteExclusiveAllRegistrants;
constexpr auto kRegistrants = ReservationType::kWriteExclusiveRegistrants;

/// Of preempt, where the reservation may be the victim's.
ReservationType type_to_keep(const VolumeFacts& facts) {
    return facts.reservation ? facts.reservation->type : kAllRegistrants;
}

}  // namespace

bool VolumeFacts::has(ReservationKey key) const {
    return std::ranges::contains(keys, key);
}

bool VolumeFacts::is_reserved() const {
    if (!reservation || keys.empty()) return false;
    return reservation->type == kAllRegistrants || (reservation->type == kRegistrants && has(reservation->key));
}

/// One path that is open.
struct ReservedVolume::Way {
    explicit Way(std::unique_ptr<scsi::Transport> by) : transport(std::move(by)), unit(*transport) {}
    std::unique_ptr<scsi::Transport> transport;
    scsi::ReservedUnit unit;

    /// Registrations are to last through a loss of the device's power, where it can do that: each one says so anew.
    [[nodiscard]] bool lasts() {
        const auto capabilities = unit.capabilities();
        return capabilities && capabilities->keeps_through_power_loss;
    }
};

std::unexpected<Error> ReservedVolume::fails(std::string what, std::string remedy) const {
    return failure(ErrorCode::kFenceFailed, std::format("volume {}: {}", volume_.string(), what), volume_.string(),
                   std::move(remedy));
}

Result<ReservedVolume::Way> ReservedVolume::open(const std::string& path) {
    return paths_.open(path).transform([](std::unique_ptr<scsi::Transport> by) { return Way(std::move(by)); });
}

/// Those that can be opened; at least one.
Result<std::vector<ReservedVolume::Way>> ReservedVolume::ways() {
    const auto all = paths();
    if (!all) return std::unexpected(all.error());
    std::vector<Way> open_ways;
    std::optional<Error> fault;
    for (const auto& path : *all) {
        auto way = open(path);
        if (way)
            open_ways.push_back(*std::move(way));
        else
            fault = way.error();
    }
    if (!open_ways.empty()) return open_ways;
    if (fault) return std::unexpected(*fault);
    return fails("no path leads to it", "see to its paths");
}

Result<VolumeFacts> ReservedVolume::facts(Way& way) const {
    const auto read = way.unit.keys();
    if (!read) return std::unexpected(read.error());
    const auto reservation = way.unit.reservation();
    if (!reservation) return std::unexpected(reservation.error());
    VolumeFacts facts{way.transport->name(), read->keys, *reservation};
    std::ranges::sort(facts.keys);
    facts.keys.erase(std::ranges::unique(facts.keys).begin(), facts.keys.end());
    return facts;
}

Result<VolumeFacts> ReservedVolume::look() {
    auto all = ways();
    if (!all) return std::unexpected(all.error());
    Result<VolumeFacts> found = fails("no path answers", "see to its paths");
    for (auto& way : *all)
        if (found = facts(way); found) break;
    return found;
}

bool ReservedVolume::answers(const std::string& path) {
    auto way = open(path);
    return way && way->unit.keys().has_value();
}

std::vector<ReservationKey> ReservedVolume::keys_of(const VolumeFacts& facts, MemberSlot slot) const {
    std::vector<ReservationKey> keys;
    for (const auto key : facts.keys) {
        const auto owner = scheme_.owner(key);
        if (owner && owner->slot == slot) keys.push_back(key);
    }
    return keys;
}

/// For all registrants, or, where the device does not know that, for one holder in the name of all.
Result<void> ReservedVolume::reserve(Way& way, ReservationKey own) const {
    const auto capabilities = way.unit.capabilities();
    Result<Outcome> reserved = Outcome::kConflict;
    for (const auto type : {kAllRegistrants, kRegistrants}) {
        if (capabilities && !capabilities->may_know(type)) continue;
        reserved = way.unit.reserve(own, type);
        if (reserved) break;
    }
    // A conflict: another member was faster, which is as good, or a stranger holds it, which is seen afterwards.
    return reserved.transform([](Outcome) {});
}

/// In place of nothing, or of what this member registered before: never of another's key. Two members that came by one
/// initiator port would be one to the device, and what is taken from the one would come back with the other.
Result<void> ReservedVolume::register_at(Way& way, ReservationKey own) const {
    const auto now = facts(way);
    if (!now) return std::unexpected(now.error());
    auto before = keys_of(*now, scheme_.owner(own)->slot);
    before.insert(before.begin(), ReservationKey{});
    const bool lasts = way.lasts();
    for (const auto key : before) {
        const auto done = way.unit.register_key(key, own, lasts);
        if (!done) return std::unexpected(done.error());
        if (*done == Outcome::kDone) return {};
    }
    return fails(std::format("path {} is registered with a key that was never this member's", way.transport->name()),
                 "give each member initiator ports of its own; a key that is left from before: take it away");
}

Result<Enrolment> ReservedVolume::enroll(ReservationKey own) {
    const auto all = paths();
    if (!all) return std::unexpected(all.error());
    Enrolment enrolment;
    std::optional<Way> registered;
    std::optional<Error> fault;
    for (const auto& path : *all) {
        auto way = open(path);
        const auto done = way ? register_at(*way, own) : Result<void>(std::unexpected(way.error()));
        if (!done) {
            fault = done.error();
            enrolment.broken.emplace(path, *fault);
            continue;
        }
        enrolment.registered.push_back(path);
        if (!registered) registered.emplace(*std::move(way));
    }
    if (!registered) return std::unexpected(*fault);

    auto now = facts(*registered);
    if (now && !now->reservation) {
        if (auto reserved = reserve(*registered, own); !reserved) return std::unexpected(reserved.error());
        now = facts(*registered);
    }
    if (!now) return std::unexpected(now.error());
    // What earlier lives left is over with the admission of this one (SAFETY 18).
    for (const auto key : keys_of(*now, scheme_.owner(own)->slot)) {
        if (key == own) continue;
        const auto taken = registered->unit.preempt_and_abort(own, key, type_to_keep(*now));
        if (!taken) return std::unexpected(taken.error());
    }
    now = facts(*registered);
    if (!now) return std::unexpected(now.error());
    if (!now->has(own)) return fails("the key is not there after it was registered", "see what else registers there");
    if (!now->is_reserved()) {
        const auto held = now->reservation ? scsi::text_of(now->reservation->type) : std::string("none");
        return fails(std::format("it is not reserved for those that are registered; its reservation is {}", held),
                     "take a stranger's reservation away, or name a volume that does WEAR or WERO");
    }
    return enrolment;
}

Result<void> ReservedVolume::enroll_to_write(ReservationKey own) {
    const auto now = look();
    if (!now) return std::unexpected(now.error());
    if (!now->is_reserved() || !keys_of(*now, scheme_.owner(own)->slot).empty()) return {};
    auto all = ways();
    if (!all) return std::unexpected(all.error());
    Result<void> any = fails("no path could be registered", "see to its paths");
    for (auto& way : *all) {
        const auto done = way.unit.register_key(ReservationKey{}, own, way.lasts());
        if (done && *done == Outcome::kDone) any = {};
    }
    return any;
}

/// A path that is registered with our key, for nothing is taken away by another.
Result<ReservedVolume::Way> ReservedVolume::way_of(ReservationKey own) {
    auto all = ways();
    if (!all) return std::unexpected(all.error());
    Result<Way> found = fails("this member is not registered there", "ssictl fence test MEMBER shows who is");
    for (auto& way : *all) {
        // To the key that it has: changes nothing, and is refused when it has another or none.
        const auto mine = way.unit.register_key(own, own, way.lasts());
        if (!mine) continue;
        if (*mine == Outcome::kDone) return std::move(way);
    }
    return found;
}

Result<void> ReservedVolume::check(const VolumeFacts& facts, ReservationKey own, MemberSlot target,
                                   bool stopped_before) const {
    if (!facts.has(own)) return fails("this member is not registered there", "ssictl fence test MEMBER shows who is");
    for (const auto key : facts.keys)
        if (!scheme_.owner(key))
            return fails(std::format("{} is registered there, which is no member's key: whose it is may write",
                                     scsi::text_of(key)),
                         "find out whose it is, and take it away");
    const bool can_hold = !facts.reservation || facts.is_reserved();
    if (!can_hold)
        return fails(std::format("its reservation, {}, is not one for all that are registered",
                                 scsi::text_of(facts.reservation->type)),
                     "take the stranger's reservation away");
    if (!stopped_before && keys_of(facts, target).empty())
        return fails(std::format("no key of slot {} is registered there, so that nothing is known of what it has sent",
                                 target.number()),
                     "ssictl fence test MEMBER shows who is");
    return {};
}

Result<void> ReservedVolume::may_stop(ReservationKey own, MemberSlot target, bool stopped_before) {
    const auto now = look();
    if (!now) return std::unexpected(now.error());
    return check(*now, own, target, stopped_before);
}

Result<void> ReservedVolume::stop(ReservationKey own, MemberSlot target, bool stopped_before) {
    auto way = way_of(own);
    if (!way) return std::unexpected(way.error());
    auto now = facts(*way);
    if (!now) return std::unexpected(now.error());
    if (auto checked = check(*now, own, target, stopped_before); !checked) return checked;
    if (!now->reservation) {
        if (auto reserved = reserve(*way, own); !reserved) return reserved;
        if (now = facts(*way); !now) return std::unexpected(now.error());
    }
    for (const auto key : keys_of(*now, target)) {
        // A conflict: the key has gone meanwhile. What is there in the end is read below.
        const auto taken = way->unit.preempt_and_abort(own, key, type_to_keep(*now));
        if (!taken) return std::unexpected(taken.error());
        if (*taken == Outcome::kConflict)
            return fails(std::format("{} was gone before it was taken away", scsi::text_of(key)), "it is tried again");
    }
    if (now = facts(*way); !now) return std::unexpected(now.error());
    if (auto checked = check(*now, own, target, true); !checked) return checked;
    if (!keys_of(*now, target).empty())
        return fails(std::format("slot {} is registered there again", target.number()), "it is tried again");
    if (!now->is_reserved()) return fails("no reservation is held there", "see what else reserves it");
    return {};
}

}  // namespace ssi::cluster
