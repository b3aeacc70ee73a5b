// A block of a PDR volume, which anybody who reaches the volume can write. The first byte says whether the input is the
// whole block or the payload of one whose envelope is right: so the fuzzer also gets behind the checksum.

#include <algorithm>
#include <cstdint>

#include "lib/common/pdr/block.hpp"
#include "lib/common/pdr/lock_round.hpp"
#include "lib/common/pdr/records.hpp"
#include "lib/common/pdr/verdict.hpp"
#include "tests/fuzz/require.hpp"

using namespace ssi;
using fuzz::require;

namespace {

/// What a believed block makes of a lock reading, and of a member's attempt that meets it.
void meet(const pdr::LockBlock& lock) {
    require(pdr::decode_lock(pdr::encode(lock), "the same lock") == lock);
    static_cast<void>(pdr::text_of(lock.decided));
    pdr::LockBlocks blocks;
    blocks[3] = lock;
    const auto own = *MemberSlot::from(1);
    auto wanted = pdr::latest_decision(blocks);
    ++wanted.generation;
    pdr::LockRound round(own, wanted, blocks);
    auto step = round.begin();
    while (const auto* write = std::get_if<pdr::LockRound::Write>(&step)) {
        blocks[0] = write->block;
        require(pdr::decode_lock(pdr::encode(blocks[0]), "our own") == blocks[0]);
        step = round.after(blocks);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const auto input = std::as_bytes(std::span(data + 1, std::min(size - 1, pdr::kBlockSize)));
    pdr::Block block;
    if (data[0] % 2 == 0)
        std::ranges::copy(input, block.bytes.begin());
    else
        block = pdr::seal({pdr::BlockKind::kSlot, {}, data[0] % 33, size},
                          input.first(std::min(input.size(), pdr::kMostPayload)));
    const auto opened = pdr::open(block.bytes, "a block");
    if (!opened) return 0;
    require(opened->payload.size() <= pdr::kMostPayload);
    // What is believed is written again as it was read.
    if (const auto slot = pdr::decode_slot(opened->payload, "a slot"))
        require(pdr::decode_slot(pdr::encode(*slot), "the same slot") == *slot);
    if (const auto label = pdr::decode_label(opened->payload, "a label"))
        require(pdr::decode_label(pdr::encode(*label), "the same label") == *label);
    if (const auto verdicts = pdr::decode_verdicts(opened->payload, "verdicts"))
        require(pdr::decode_verdicts(pdr::encode(*verdicts), "the same verdicts") == *verdicts);
    if (const auto lock = pdr::decode_lock(opened->payload, "a lock")) meet(*lock);
    return 0;
}
