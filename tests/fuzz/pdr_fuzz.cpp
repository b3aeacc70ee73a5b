// A block of a PDR volume, which anybody who reaches the volume can write. The first byte says whether the input is the
// whole block or the payload of one whose envelope is right: so the fuzzer also gets behind the checksum.

#include <algorithm>
#include <cstdint>

#include "lib/common/pdr/block.hpp"
#include "lib/common/pdr/records.hpp"
#include "tests/fuzz/require.hpp"

using namespace ssi;
using fuzz::require;

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
    return 0;
}
