// What a SCSI device, or whoever stands in its place on the network, answers to commands about reservations: sense data
// of any bytes, and answers of any length, through the same retries as in ssid. The first bytes choose the status.

#include <algorithm>
#include <cstdint>
#include <span>

#include "lib/common/scsi/reserved_unit.hpp"
#include "tests/fuzz/require.hpp"

using namespace ssi;
using fuzz::require;

namespace {

/// Answers with the input, piece by piece.
class FuzzedDevice final : public scsi::Transport {
  public:
    explicit FuzzedDevice(ByteView input) : rest_(input) {}
    Result<scsi::Answer> execute(const scsi::Command& command) override {
        require(command.cdb.size() == 10 && (command.out.empty() || command.out.size() == 24));
        if (rest_.size() < 2) return failure(ErrorCode::kFenceFailed, "no connection", name_);
        const auto status = std::to_integer<unsigned>(rest_[0]) % 4;
        const auto size = std::min<std::size_t>(std::to_integer<std::size_t>(rest_[1]), rest_.size() - 2);
        const auto piece = rest_.subspan(2, size);
        rest_ = rest_.subspan(2 + size);
        scsi::Answer answer;
        if (status == 1) answer.status = scsi::Status::kReservationConflict;
        if (status == 2) {
            const auto sense = scsi::decode_sense(piece);
            if (!sense) return failure(ErrorCode::kFenceFailed, "no sense", name_);
            require(!scsi::text_of(*sense).empty());
            answer.status = scsi::Status::kCheckCondition;
            answer.sense = *sense;
        }
        answer.in.assign(piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(std::min(size, command.in)));
        return answer;
    }
    [[nodiscard]] const std::string& name() const override { return name_; }

  private:
    ByteView rest_;
    std::string name_ = "fuzzed";
};

void decode_all(ByteView bytes) {
    static_cast<void>(scsi::decode_sense(bytes));
    if (const auto keys = scsi::decode_keys(bytes, "a device")) require(8 * keys->keys.size() + 8 <= bytes.size());
    if (const auto held = scsi::decode_reservation(bytes, "a device"); held && *held)
        require(!scsi::text_of((*held)->type).empty());
    if (const auto capabilities = scsi::decode_capabilities(bytes, "a device"))
        static_cast<void>(capabilities->may_know(scsi::ReservationType::kWriteExclusiveAllRegistrants));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto input = std::as_bytes(std::span(data, size));
    decode_all(input);
    FuzzedDevice device(input);
    scsi::ReservedUnit unit(device);
    const scsi::KeyScheme scheme("6f0e2a30-1b5c-4c6e-9d0a-7d2f1c9b8e11");
    while (const auto keys = unit.keys())
        for (const auto key : keys->keys)
            if (const auto owner = scheme.owner(key)) require(owner->slot.number() >= 1 && owner->slot.number() <= 32);
    static_cast<void>(unit.reservation());
    static_cast<void>(unit.capabilities());
    static_cast<void>(unit.preempt_and_abort({}, {}, scsi::ReservationType::kWriteExclusiveAllRegistrants));
    return 0;
}
