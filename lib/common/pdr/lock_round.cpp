#include "lib/common/pdr/lock_round.hpp"

#include <algorithm>
#include <utility>

namespace ssi::pdr {
namespace {

std::uint64_t highest_promise(const LockBlocks& blocks, std::uint64_t instance) {
    std::uint64_t highest = 0;
    for (const auto& block : blocks)
        if (block.instance == instance) highest = std::max(highest, block.promised);
    return highest;
}

}  // namespace

const LockRecord& latest_decision(const LockBlocks& blocks) {
    return std::ranges::max_element(blocks, {}, [](const LockBlock& block) { return block.decided.generation; })
        ->decided;
}

LockRound::LockRound(MemberSlot own, LockRecord wanted, const LockBlocks& seen)
    : own_(own), wanted_(std::move(wanted)), block_(seen[own_index()]), latest_(latest_decision(seen)) {
    // A vote in this same decision, of an attempt that was broken off, must be kept: it may have been the winning one.
    if (block_.instance != wanted_.generation) block_ = LockBlock{.instance = wanted_.generation};
    block_.promised = ballot_of(round_of(highest_promise(seen, wanted_.generation)) + 1, own_);
    block_.decided = latest_;
}

LockRound::Step LockRound::begin() const {
    if (latest_.generation + 1 != wanted_.generation) return Late{latest_};
    return Write{block_};
}

LockRound::Step LockRound::after(const LockBlocks& blocks) {
    // Who works on a later generation has read the decision of this one, and its block says it.
    if (const auto& latest = latest_decision(blocks); latest.generation >= wanted_.generation) return Late{latest};
    if (blocks[own_index()] != block_) return Overwritten{};
    if (highest_promise(blocks, wanted_.generation) != block_.promised) return Outbid{};
    if (block_.accepted != block_.promised) {
        block_.proposal = to_propose(blocks);
        block_.accepted = block_.promised;
        return Write{block_};
    }
    auto known = block_;
    known.decided = block_.proposal;
    return Decided{block_.proposal, known};
}

/// What was proposed with the highest ballot may have been decided; only if nothing was, are we free to choose.
const LockRecord& LockRound::to_propose(const LockBlocks& blocks) const {
    const LockBlock* highest = nullptr;
    for (const auto& block : blocks)
        if (block.instance == wanted_.generation && block.accepted > (highest != nullptr ? highest->accepted : 0))
            highest = &block;
    return highest != nullptr ? highest->proposal : wanted_;
}

}  // namespace ssi::pdr
