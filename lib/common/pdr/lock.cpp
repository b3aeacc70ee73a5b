#include "lib/common/pdr/lock.hpp"

#include <algorithm>
#include <format>
#include <memory>
#include <random>
#include <thread>
#include <utility>
#include <variant>

namespace ssi::pdr {

LockState lock_state(const LockBlocks& blocks) {
    LockState state{latest_decision(blocks), std::nullopt};
    const LockBlock* highest = nullptr;
    for (const auto& block : blocks)
        if (block.instance == state.latest.generation + 1 && block.accepted != 0 &&
            (highest == nullptr || block.accepted > highest->accepted))
            highest = &block;
    if (highest != nullptr) state.open = highest->proposal;
    return state;
}

Result<LockState> PdrLock::read() {
    const auto reading = read_locks(disk_, cluster_);
    if (!reading) return std::unexpected(reading.error());
    return lock_state(reading->blocks);
}

/// Through all steps to an end; `sequence` is that of our last write.
Result<LockRound::Step> PdrLock::attempt(LockRound& round, std::uint64_t sequence) {
    auto step = round.begin();
    while (const auto* write = std::get_if<LockRound::Write>(&step)) {
        if (auto written = write_lock(disk_, cluster_, own_, ++sequence, write->block); !written)
            return std::unexpected(written.error());
        const auto reading = read_locks(disk_, cluster_);
        if (!reading) return std::unexpected(reading.error());
        step = round.after(reading->blocks);
    }
    // Nothing hangs on this write: who cannot read it will find out as we did.
    if (const auto* decided = std::get_if<LockRound::Decided>(&step))
        static_cast<void>(write_lock(disk_, cluster_, own_, ++sequence, decided->block));
    return step;
}

Result<LockRecord> PdrLock::decide(const Next& next, const Pause& pause) {
    for (int attempts = 1;; ++attempts) {
        const auto reading = read_locks(disk_, cluster_);
        if (!reading) return std::unexpected(reading.error());
        const auto& current = latest_decision(reading->blocks);
        auto wanted = next(current);
        if (!wanted) return std::unexpected(wanted.error());
        if (!*wanted) return current;
        (*wanted)->generation = current.generation + 1;
        LockRound round(own_, **wanted, reading->blocks);
        const auto step = attempt(round, reading->sequences[static_cast<std::size_t>(own_.number()) - 1]);
        if (!step) return std::unexpected(step.error());
        if (const auto* decided = std::get_if<LockRound::Decided>(&*step); decided && decided->record == **wanted)
            return decided->record;
        if (std::holds_alternative<LockRound::Overwritten>(*step))
            return failure(
                ErrorCode::kPdrForeign,
                std::format("another machine writes to the lock block of slot {} of {}", own_.number(), disk_.name()),
                disk_.name(), "two hosts believe to be the same member: check their system.toml");
        if (std::holds_alternative<LockRound::Outbid>(*step) && !pause(attempts))
            return failure(ErrorCode::kConflict, std::format("others were faster at the lock of {}", disk_.name()),
                           disk_.name(), "try again");
    }
}

PdrLock::Pause patient_for(std::chrono::milliseconds patience) {
    using Clock = std::chrono::steady_clock;
    return [end = Clock::now() + patience, random = std::make_shared<std::mt19937>(std::random_device{}())](int times) {
        if (Clock::now() >= end) return false;
        std::uniform_int_distribution<int> milliseconds(5, 50);
        // No event tells of another host's write; and contenders of one rhythm would outbid each other for ever.
        std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds(*random) * std::min(times, 10)));
        return true;
    };
}

}  // namespace ssi::pdr
