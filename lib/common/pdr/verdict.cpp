#include "lib/common/pdr/verdict.hpp"

#include <format>
#include <memory>
#include <utility>

namespace ssi::pdr {
Bytes encode(const Verdicts& verdicts) {
    Bytes bytes;
    ByteWriter writer(bytes);
    writer.number(static_cast<std::uint8_t>(verdicts.size()));
    for (const auto& verdict : verdicts) {
        writer.text(verdict.member.str());
        writer.number(std::to_underlying(verdict.incarnation));
        bytes.insert(bytes.end(), verdict.boot.begin(), verdict.boot.end());
        writer.number(verdict.counter);
        writer.number(verdict.run);
        writer.number(std::to_underlying(verdict.proof));
    }
    return bytes;
}

Result<Verdicts> decode_verdicts(ByteView payload, const std::string& where) {
    ByteReader reader(payload);
    Verdicts verdicts;
    const int count = reader.number<std::uint8_t>();
    if (reader.failed() || count > kSlots) return damaged(where);
    for (int i = 0; i < count; ++i) {
        auto member = MemberName::parse(reader.text());
        Verdict verdict;
        verdict.incarnation = Incarnation{reader.number<std::uint64_t>()};
        for (auto& byte : verdict.boot) byte = std::byte{reader.number<std::uint8_t>()};
        verdict.counter = reader.number<std::uint64_t>();
        verdict.run = reader.number<std::uint64_t>();
        // One that a later version may have is none of ours, and yet a proof to whoever wrote it.
        verdict.proof = ProofKind{reader.number<std::uint8_t>()};
        if (reader.failed() || !member) return damaged(where);
        verdict.member = *std::move(member);
        verdicts.push_back(std::move(verdict));
    }
    return verdicts;
}

Result<VerdictReading> read_verdicts(Disk& disk, const ClusterId& cluster) {
    const auto blocks = std::make_unique<std::array<Block, kSlots>>();
    const auto at = block_at(BlockKind::kVerdict, *MemberSlot::from(1));
    if (auto done = disk.read(at, *blocks); !done) return std::unexpected(done.error());
    VerdictReading reading;
    for (std::size_t i = 0; i < blocks->size(); ++i) {
        const auto& block = (*blocks)[i];
        if (is_blank(block.bytes)) continue;
        const int slot = static_cast<int>(i) + 1;
        const auto name = std::format("verdict block {} of {}", slot, disk.name());
        const auto opened = open(block.bytes, name);
        if (!opened) {
            reading.fault = opened.error();
            continue;
        }
        const auto& envelope = opened->envelope;
        if (envelope.cluster != cluster || envelope.kind != BlockKind::kVerdict || envelope.writer != slot) {
            reading.fault = Error{ErrorCode::kPdrForeign, name + ": it is not this cluster's, or not of this place",
                                  name, "ssictl pdr check"};
            continue;
        }
        auto verdicts = decode_verdicts(opened->payload, name);
        if (verdicts)
            reading.by[i] = *std::move(verdicts);
        else
            reading.fault = verdicts.error();
    }
    return reading;
}

Result<void> write_verdicts(Disk& disk, const ClusterId& cluster, MemberSlot own, const Verdicts& verdicts) {
    const auto at = block_at(BlockKind::kVerdict, own);
    const auto before = std::make_unique<Block>();
    if (auto done = disk.read(at, std::span(before.get(), 1)); !done) return done;
    const auto opened = open(before->bytes, "");
    const auto sequence = opened ? opened->envelope.sequence + 1 : 1;
    const auto block = seal({BlockKind::kVerdict, cluster, own.number(), sequence}, encode(verdicts));
    return disk.write(at, std::span(&block, 1));
}

std::string_view text_of(ProofKind proof) {
    switch (proof) {
        case ProofKind::kFenceAgent:
            return "a fence agent";
        case ProofKind::kOperator:
            return "the operator";
    }
    return "a proof of a later version";
}

}  // namespace ssi::pdr
