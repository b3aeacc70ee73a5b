#include "tools/ssictl/drill/record.hpp"

#include <algorithm>
#include <format>

namespace ssi::ctl {

void DrillRecord::fault(DrillTime at, const std::string& text) {
    if (!first_fault_) {
        first_fault_ = at;
        if (last_) home_ = last_->home;
    }
    note(at, text);
}

void DrillRecord::violation(DrillTime at, std::string text) {
    if (std::ranges::find(violations_, text) != violations_.end()) return;
    note(at, "BROKEN: " + text);
    violations_.push_back(std::move(text));
}

void DrillRecord::moment(DrillMoment which, DrillTime at, const std::string& text) {
    if (!first_fault_ || !moments_.try_emplace(which, at).second) return;
    note(at, std::format("{}: {}", name_of(which), text));
}

void DrillRecord::add(const Sight& sight) {
    if (last_) {
        for (const auto& [name, now] : sight.members) {
            const auto before = last_->members.find(name);
            if (before != last_->members.end()) add_member(sight, name, now, before->second);
        }
        if (sight.mode != last_->mode) note(sight.at, std::format("mode {}", sight.mode));
        const bool moved = sight.phase != last_->phase || sight.home != last_->home;
        if (moved) note(sight.at, std::format("guest {} is {} at {}", guest_, sight.phase, sight.home));
        if (sight.run != last_->run && !sight.run.empty()) {
            ++restarts_;
            moment(DrillMoment::kRestart, sight.at, std::format("guest {} is started at {}", guest_, sight.home));
        }
    }
    auto kept = last_ ? last_->run : std::string();
    last_ = sight;
    if (last_->run.empty()) last_->run = kept;  // between two runs it has none
}

void DrillRecord::add_member(const Sight& sight, const std::string& name, const MemberSight& now,
                             const MemberSight& before) {
    constexpr std::string_view kFencing = "being fenced by ";
    if (now.reason != before.reason && now.reason.starts_with(kFencing)) {
        moment(DrillMoment::kDetection, sight.at, std::format("{} is {}", name, now.reason));
        // R4: both signs must have stood still; here they are seen with up to two beats of delay.
        const auto moves = [&](const auto& age) { return age && *age < beat_; };
        if (moves(now.heartbeat_age) || (sight.has_pdr && moves(now.pdr_age)))
            violation(sight.at, std::format("R4: {} is {} although its sign of life moves", name, now.reason));
    }
    if (now.state == before.state) return;
    note(sight.at, std::format("{} is {}{}{}", name, now.state, now.reason.empty() ? "" : ": ", now.reason));
    if (now.state != "Down") return;
    if (!may_be_down_.contains(name))
        violation(sight.at, std::format("R4, R5: {} was declared dead, which nothing in this drill allows: {}", name,
                                        now.reason));
    moment(DrillMoment::kProof, sight.at, now.reason);
    moment(DrillMoment::kDecision, sight.at, std::format("{} is declared Down", name));
}

void DrillRecord::add(const Instance& instance) {
    const auto found = running_.find(instance.member);
    if (!instance.runs) {
        if (found != running_.end()) running_.erase(found);
        return;
    }
    if (found == running_.end()) {
        running_.emplace(instance.member, Running{instance.told, instance});
        return;
    }
    if (first_fault_ && instance.member != home_ && instance.processor > found->second.last.processor)
        moment(DrillMoment::kTick, instance.told, std::format("guest {} computes at {}", guest_, instance.member));
    // R1 is broken when it ran there before and after an answer that says it runs here.
    for (const auto& [member, other] : running_) {
        const bool around = found->second.last.told <= other.last.asked && other.last.told <= instance.asked;
        if (member != instance.member && around)
            violation(instance.told, std::format("R1: guest {} runs on {} and {}", guest_,
                                                 std::min(member, instance.member), std::max(member, instance.member)));
    }
    found->second.last = instance;
}

}  // namespace ssi::ctl
