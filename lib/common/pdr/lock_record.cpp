#include "lib/common/pdr/lock_record.hpp"

#include <format>
#include <utility>

namespace ssi::pdr {
namespace {

void write(ByteWriter& writer, const LockParty& party) {
    writer.number(static_cast<std::uint8_t>(party.slot.number()));
    writer.text(party.member.str());
    writer.number(std::to_underlying(party.incarnation));
}

void write(ByteWriter& writer, const LockRecord& record) {
    writer.number(record.generation);
    writer.number(static_cast<std::uint8_t>(record.witness.has_value()));
    if (record.witness) write(writer, *record.witness);
    writer.number(static_cast<std::uint8_t>(record.data ? record.data->number() : 0));
    writer.number(static_cast<std::uint8_t>(record.fencing.has_value()));
    if (record.fencing) {
        write(writer, record.fencing->by);
        write(writer, record.fencing->target);
    }
}

/// Takes records off a payload; what makes no sense is remembered, as the ByteReader remembers what is missing.
class RecordReader {
  public:
    explicit RecordReader(ByteView payload) : reader_(payload) {}

    std::uint64_t number() { return reader_.number<std::uint64_t>(); }

    LockRecord record() {
        LockRecord record;
        record.generation = number();
        if (flag()) record.witness = party();
        if (const auto slot = reader_.number<std::uint8_t>(); slot != 0) record.data = this->slot(slot);
        if (flag()) {
            record.fencing.emplace();
            record.fencing->by = party();
            record.fencing->target = party();
        }
        return record;
    }
    [[nodiscard]] bool is_at_end() const { return reader_.left() == 0; }
    [[nodiscard]] bool failed() const { return reader_.failed() || nonsense_; }

  private:
    bool flag() {
        const auto value = reader_.number<std::uint8_t>();
        nonsense_ = nonsense_ || value > 1;
        return value == 1;
    }
    MemberSlot slot(std::uint8_t number) {
        const auto slot = MemberSlot::from(number);
        nonsense_ = nonsense_ || !slot;
        return slot.value_or(MemberSlot{});
    }
    LockParty party() {
        LockParty party;
        party.slot = slot(reader_.number<std::uint8_t>());
        auto member = MemberName::parse(reader_.text());
        nonsense_ = nonsense_ || !member;
        party.member = std::move(member).value_or(MemberName{});
        party.incarnation = Incarnation{number()};
        return party;
    }

    ByteReader reader_;
    bool nonsense_ = false;
};

bool keeps_the_rules(const LockBlock& block) {
    if (block.decided.generation != block.instance && block.decided.generation + 1 != block.instance) return false;
    if (block.accepted > block.promised) return false;
    return block.accepted == 0 ? block.proposal == LockRecord{} : block.proposal.generation == block.instance;
}

std::string name(const LockParty& party) {
    return std::format("{} (incarnation {})", party.member.str(), std::to_underlying(party.incarnation));
}

}  // namespace

Bytes encode(const LockBlock& block) {
    Bytes bytes;
    ByteWriter writer(bytes);
    writer.number(block.instance);
    writer.number(block.promised);
    writer.number(block.accepted);
    write(writer, block.proposal);
    write(writer, block.decided);
    writer.number(block.proposal.run);
    writer.number(block.decided.run);
    return bytes;
}

Result<LockBlock> decode_lock(ByteView payload, const std::string& where) {
    RecordReader reader(payload);
    LockBlock block;
    block.instance = reader.number();
    block.promised = reader.number();
    block.accepted = reader.number();
    block.proposal = reader.record();
    block.decided = reader.record();
    if (!reader.is_at_end()) {  // blocks before there were runs
        block.proposal.run = reader.number();
        block.decided.run = reader.number();
    }
    if (reader.failed() || !keeps_the_rules(block))
        return failure(ErrorCode::kPdrDamaged, std::format("{}: its fields make no sense", where), where,
                       "ssictl pdr check");
    return block;
}

std::string text_of(const LockRecord& record) {
    if (record.generation == 0) return "nobody has taken it yet";
    auto text = std::format("generation {}: the witness is {}", record.generation,
                            record.witness ? "at " + name(*record.witness) : "free");
    if (record.data) text += std::format(", its data in area {}", record.data->number());
    if (record.fencing) text += std::format("; {} fences {}", name(record.fencing->by), name(record.fencing->target));
    return text;
}

}  // namespace ssi::pdr
