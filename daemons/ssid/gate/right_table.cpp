#include "daemons/ssid/gate/right_table.hpp"

#include <algorithm>
#include <format>
#include <utility>

#include "lib/common/mutation.hpp"

namespace ssi::gate {
namespace {

/// A run is asked after within seconds of its end; the number only bounds the memory.
constexpr std::size_t kFinishedRunsKept = 256;
constexpr std::size_t kResourcesPerGuest = 4096;

/// Names come from libvirt and go into one line of text.
std::string printable(std::string_view name) {
    std::string text(name.substr(0, 200));
    std::ranges::replace_if(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
    return text.empty() ? "(without a name)" : text;
}

std::unexpected<Error> not_admitted(const QemuOwner& owner) {
    const auto name = printable(owner.name);
    return failure(ErrorCode::kNoRight, std::format("guest {} was not admitted by ssid on this member", name), name,
                   std::format("use: ssictl guest start {}; systemctl status ssid shows whether ssid runs", name));
}

std::unexpected<Error> door_closed(std::string_view name) {
    return failure(ErrorCode::kDoorClosed,
                   std::format("guest {} may not run: this member was declared dead by the others", name),
                   std::string(name), "see: ssictl query ssi; the member must join the cluster again");
}

std::unexpected<Error> run_unknown(const GuestName& guest, const RunId& run) {
    return failure(ErrorCode::kNoRight, std::format("no right is known for run {} of guest {}", run.str(), guest.str()),
                   guest.str(), std::format("see: ssictl guest show {}", guest.str()));
}

}  // namespace

Result<void> RightTable::grant(const GuestName& guest, const GuestUuid& uuid, const RunId& run, RightKind kind,
                               std::chrono::milliseconds lifetime, BootTime now) {
    if (!open_) return door_closed(guest.str());
    expire(now);
    if (const auto* old = find(run); find_finished(run) != nullptr || (old != nullptr && old->doomed))
        return failure(ErrorCode::kNoRight, std::format("run {} of guest {} has ended", run.str(), guest.str()),
                       guest.str(), "start the guest again: every start is a new run");
    for (auto it = rights_.begin(); it != rights_.end();) {
        auto& other = it->second;
        const bool same_guest = other.right.uuid == uuid || other.right.guest == guest;
        if (other.right.run == run && other.right.uuid == uuid && other.right.guest == guest) {
            if (other.right.state == RightState::kLost)
                return failure(ErrorCode::kNoRight, std::format("run {} of guest {} has ended", run.str(), guest.str()),
                               guest.str(), "start the guest again: every start is a new run");
            if (!other.qemu) other.void_after = now + lifetime;
            return {};
        }
        if (!same_guest && other.right.run != run) {
            ++it;
            continue;
        }
        // R1: the cluster may know that the old run is over, but its QEMU is still in memory here.
        if (other.qemu)
            return failure(ErrorCode::kGuestBusy,
                           std::format("guest {} still has a QEMU on this member, pid {}", other.right.guest.str(),
                                       other.qemu->pid),
                           guest.str(), "wait until it has ended and try again");
        tell(GuardEvent::Kind::kExpired, other);
        finish(other);
        it = rights_.erase(it);
    }
    GuestRight entry;
    entry.right = {guest, uuid, run, kind, RightState::kGranted};
    entry.void_after = now + lifetime;
    rights_.emplace(uuid, std::move(entry));
    return {};
}

Result<void> RightTable::hand_over(const GuestName& guest, const RunId& run) {
    auto entry = known(guest, run);
    if (!entry) return std::unexpected(entry.error());
    auto& found = **entry;
    if (!found.qemu || found.doomed)
        return failure(ErrorCode::kGuestNotRunning, std::format("guest {} has no QEMU to hand over", guest.str()),
                       guest.str(), std::format("see: ssictl guest show {}", guest.str()));
    if (found.leaving) return {};
    if (found.right.state != RightState::kAcquired)
        return failure(ErrorCode::kGuestNotRunning,
                       std::format("guest {} is paused, so it cannot be moved", guest.str()), guest.str(),
                       std::format("resume it first: virsh resume {}", guest.str()));
    found.leaving = true;
    return {};
}

Result<void> RightTable::keep(const GuestName& guest, const RunId& run) {
    auto entry = known(guest, run);
    if (!entry) return std::unexpected(entry.error());
    auto& found = **entry;
    found.leaving = false;
    if (found.right.state == RightState::kHandedOver) found.right.state = RightState::kReleased;
    return {};
}

RightTable::Cancellation RightTable::cancel(const GuestName& guest, const RunId& run) {
    auto* entry = find_run(guest, run);
    if (entry == nullptr) {
        const auto* finished = find_finished(run);
        if (finished != nullptr && finished->was_acquired) return {CancelOutcome::kAcquired, {}};
        GuestRight never_granted;
        never_granted.right.run = run;
        if (finished == nullptr) finish(never_granted);
        return {CancelOutcome::kCancelled, {}};
    }
    if (entry->was_acquired) return {CancelOutcome::kAcquired, {}};
    if (!entry->qemu) {
        finish(*entry);
        rights_.erase(GuestUuid(entry->right.uuid));
        return {CancelOutcome::kCancelled, {}};
    }
    entry->doomed = true;
    return {CancelOutcome::kCancelled, entry->qemu};
}

Result<RightTable::Cancellation> RightTable::revoke(const GuestName& guest, const RunId& run, bool kill) {
    auto* entry = find_run(guest, run);
    if (entry == nullptr) return Cancellation{};
    if (!entry->qemu) {
        finish(*entry);
        rights_.erase(GuestUuid(entry->right.uuid));
        return Cancellation{};
    }
    if (!kill)
        return failure(
            ErrorCode::kGuestBusy,
            std::format("the right of guest {} is in use by its QEMU, pid {}", guest.str(), entry->qemu->pid),
            guest.str(), "wait until it has ended, or take the right and kill it");
    entry->doomed = true;
    return Cancellation{CancelOutcome::kCancelled, entry->qemu};
}

std::vector<ProcessId> RightTable::expel() {
    open_ = false;
    std::vector<ProcessId> kill;
    std::erase_if(rights_, [&](auto& item) {
        auto& entry = item.second;
        if (!entry.qemu) {
            tell(GuardEvent::Kind::kExpired, entry);
            finish(entry);
            return true;
        }
        entry.doomed = true;
        kill.push_back(*entry.qemu);
        return false;
    });
    return kill;
}

void RightTable::outlive() {
    std::erase_if(rights_, [&](auto& item) {
        auto& entry = item.second;
        if (entry.qemu) entry.doomed = entry.outlived = true;
        if (entry.right.state != RightState::kGranted) return false;
        tell(GuardEvent::Kind::kExpired, entry);
        finish(entry);
        return true;
    });
}

Result<RunId> RightTable::register_life(const QemuOwner& owner, std::uint64_t start_time, BootTime now) {
    if (!open_) return door_closed(printable(owner.name));
    expire(now);
    const auto it = rights_.find(owner.uuid);
    if (it == rights_.end() || it->second.right.state == RightState::kLost) return not_admitted(owner);
    auto& entry = it->second;
    if (entry.qemu)
        return failure(ErrorCode::kNoRight,
                       std::format("guest {} has its QEMU on this member already, pid {}", entry.right.guest.str(),
                                   entry.qemu->pid),
                       entry.right.guest.str(), "wait until it has ended and start the guest again");
    entry.qemu = ProcessId{owner.pid, start_time};
    entry.right.state = RightState::kRegistered;
    tell(GuardEvent::Kind::kRegistered, entry);
    return entry.right.run;
}

Result<void> RightTable::register_one_shot(const QemuOwner& owner) {
    auto entry = admitted(owner);
    if (!entry) return std::unexpected(entry.error());
    auto& found = **entry;
    switch (found.right.state) {
        case RightState::kRegistered:
            // Not at the ACQUIRE that may follow: a guest without disks sends none, and between our yes here and a
            // cancel the guest could have run (SAFETY 22).
            mark_acquired(found);
            return {};
        case RightState::kAcquired:
            // A guest without disks pauses for the switch-over.
            if (found.leaving && !found.announces) mark_released(found);
            return {};
        case RightState::kReleased:
            if (!found.announces) mark_acquired(found);
            return {};
        case RightState::kHandedOver:
            // One with disks is let through to its ACQUIRE, whose refusal virsh shows without frills, or RELEASE.
            if (found.announces) return {};
            return acquire(owner, {});
        case RightState::kGranted:
        case RightState::kLost:
            break;
    }
    return not_admitted(owner);
}

Result<void> RightTable::acquire(const QemuOwner& owner, std::string_view resource) {
    auto entry = admitted(owner);
    if (!entry) return std::unexpected(entry.error());
    auto& found = **entry;
    const auto name = found.right.guest.str();
    if (found.right.state == RightState::kHandedOver && !mutated(Mutation::kReacquireDuringRelocation))
        return failure(ErrorCode::kHandedOver, std::format("guest {} was handed over to another member", name), name,
                       std::format("see: ssictl guest show {}; it may be resumed here if the move is given up", name));
    if (found.held.size() >= kResourcesPerGuest)
        return failure(ErrorCode::kNoRight,
                       std::format("guest {} holds more than {} disks and leases", name, kResourcesPerGuest), name,
                       "detach some of them");
    if (!resource.empty()) {
        found.announces = true;
        found.held.emplace(resource);
    }
    mark_acquired(found);
    return {};
}

void RightTable::release(const QemuOwner& owner, std::string_view resource) {
    const auto it = rights_.find(owner.uuid);
    if (it == rights_.end() || !it->second.qemu || it->second.qemu->pid != owner.pid) return;
    auto& entry = it->second;
    entry.announces = true;
    entry.held.erase(std::string(resource));
    // A detached disk or a pivoted snapshot releases one resource of a guest that runs on. While a guest is moved
    // libvirt allows neither, so the first RELEASE is the switch-over.
    if (entry.leaving || entry.held.empty()) mark_released(entry);
}

void RightTable::ended(const RunId& run) {
    const auto it = std::ranges::find_if(rights_, [&](const auto& item) { return item.second.right.run == run; });
    if (it == rights_.end()) return;
    auto& entry = it->second;
    if (entry.right.state == RightState::kLost) return;
    tell(GuardEvent::Kind::kEnded, entry);
    if (entry.outlived) {
        entry.right.state = RightState::kLost;
        entry.qemu.reset();
        entry.held.clear();
        return;
    }
    finish(entry);
    rights_.erase(it);
}

void RightTable::expire(BootTime now) {
    std::erase_if(rights_, [&](const auto& item) {
        if (item.second.right.state != RightState::kGranted || now < item.second.void_after) return false;
        tell(GuardEvent::Kind::kExpired, item.second);
        finish(item.second);
        return true;
    });
}

std::optional<BootTime> RightTable::next_expiry() const {
    std::optional<BootTime> next;
    for (const auto& [uuid, entry] : rights_)
        if (entry.right.state == RightState::kGranted && (!next || entry.void_after < *next)) next = entry.void_after;
    return next;
}

std::vector<GuardEvent> RightTable::take_events() {
    return std::exchange(events_, {});
}

std::vector<GuestRight> RightTable::rights() const {
    std::vector<GuestRight> all;
    all.reserve(rights_.size());
    for (const auto& [uuid, entry] : rights_) all.push_back(entry);
    return all;
}

bool RightTable::has_qemu() const {
    return std::ranges::any_of(rights_, [](const auto& item) { return item.second.qemu.has_value(); });
}

const GuestRight* RightTable::find(const RunId& run) const {
    const auto it = std::ranges::find_if(rights_, [&](const auto& item) { return item.second.right.run == run; });
    return it == rights_.end() ? nullptr : &it->second;
}

GuestRight* RightTable::find_run(const GuestName& guest, const RunId& run) {
    const auto it = std::ranges::find_if(
        rights_, [&](const auto& item) { return item.second.right.run == run && item.second.right.guest == guest; });
    return it == rights_.end() ? nullptr : &it->second;
}

Result<GuestRight*> RightTable::known(const GuestName& guest, const RunId& run) {
    if (auto* entry = find_run(guest, run)) return entry;
    return run_unknown(guest, run);
}

const RightTable::FinishedRun* RightTable::find_finished(const RunId& run) const {
    const auto it = std::ranges::find(finished_, run, &FinishedRun::run);
    return it == finished_.end() ? nullptr : &*it;
}

/// The right that stands for this very QEMU.
Result<GuestRight*> RightTable::admitted(const QemuOwner& owner) {
    if (!open_) return door_closed(printable(owner.name));
    const auto it = rights_.find(owner.uuid);
    if (it == rights_.end() || !it->second.qemu || it->second.qemu->pid != owner.pid) return not_admitted(owner);
    if (it->second.doomed)
        return failure(ErrorCode::kNoRight,
                       std::format("the right of guest {} was taken back and its QEMU is being killed",
                                   it->second.right.guest.str()),
                       it->second.right.guest.str(),
                       std::format("see: ssictl guest show {}", it->second.right.guest.str()));
    // R1: the token of a relocation is for a QEMU that waits for a memory image, not for a cold start that slipped in
    // between libvirt's two hook calls. Only the process itself tells the two apart.
    if (it->second.right.kind == RightKind::kIncoming && it->second.right.state == RightState::kRegistered &&
        !owner.awaits_migration)
        return failure(ErrorCode::kGuestBusy,
                       std::format("guest {} is being moved to this member and runs on another one until then",
                                   it->second.right.guest.str()),
                       it->second.right.guest.str(), "wait until the move has ended");
    return &it->second;
}

void RightTable::mark_acquired(GuestRight& entry) {
    if (entry.right.state == RightState::kAcquired) return;
    entry.right.state = RightState::kAcquired;
    entry.was_acquired = true;
    tell(GuardEvent::Kind::kAcquired, entry);
}

void RightTable::mark_released(GuestRight& entry) {
    if (entry.right.state != RightState::kAcquired) return;
    entry.right.state = entry.leaving ? RightState::kHandedOver : RightState::kReleased;
    if (entry.leaving) entry.held.clear();
    tell(GuardEvent::Kind::kReleased, entry);
}

void RightTable::finish(const GuestRight& entry) {
    finished_.push_back({entry.right.run, entry.was_acquired});
    if (finished_.size() > kFinishedRunsKept) finished_.pop_front();
}

void RightTable::tell(GuardEvent::Kind kind, const GuestRight& entry) {
    events_.push_back({kind, entry.right.guest, entry.right.run});
}

}  // namespace ssi::gate
