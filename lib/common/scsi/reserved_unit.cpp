#include "lib/common/scsi/reserved_unit.hpp"

#include <chrono>
#include <format>
#include <thread>
#include <utility>

namespace ssi::scsi {
namespace {

using namespace std::chrono_literals;

constexpr int kAttempts = 6;  // several unit attentions may wait, one behind the other
constexpr auto kPause = 20ms;
/// Enough for 32 members with four paths each; more are asked for when there are more.
constexpr std::size_t kUsualAnswer = 8 + 8 * std::size_t{128};

std::string describe(const Answer& answer) {
    switch (answer.status) {
        case Status::kCheckCondition:
            return text_of(answer.sense);
        case Status::kReservationConflict:
            return "reservation conflict";
        case Status::kBusy:
            return "busy";
        case Status::kTaskSetFull:
            return "task set full";
        case Status::kTaskAborted:
            return "task aborted";
        case Status::kGood:
            break;
    }
    return std::format("status {:02X}h", std::to_underlying(answer.status));
}

std::string remedy_for(const Answer& answer) {
    if (answer.status == Status::kReservationConflict)
        return "ssictl fence test MEMBER shows whose keys are registered";
    if (answer.status != Status::kCheckCondition) return "see what keeps the device busy";
    switch (answer.sense.key) {
        case SenseKey::kIllegalRequest:
            return "the device does not do this: turn persistent reservations on in it, or take it out of the "
                   "[[fence]]";
        case SenseKey::kNotReady:
            return "see to the device and the path to it";
        default:
            return "see what the device itself reports of it";
    }
}

bool is_to_be_repeated(const Answer& answer) {
    if (answer.status == Status::kBusy || answer.status == Status::kTaskSetFull ||
        answer.status == Status::kTaskAborted)
        return true;
    return answer.status == Status::kCheckCondition &&
           (answer.sense.key == SenseKey::kUnitAttention || answer.sense.key == SenseKey::kAbortedCommand ||
            answer.sense.is_deferred);
}

}  // namespace

Result<Answer> ReservedUnit::execute(const Command& command) {
    for (int attempt = 1;; ++attempt) {
        auto answer = transport_.execute(command);
        if (!answer) return answer;
        const bool is_good = answer->status == Status::kGood ||
                             (answer->status == Status::kCheckCondition && !answer->sense.is_deferred &&
                              answer->sense.key == SenseKey::kRecoveredError);
        if (is_good) {
            answer->status = Status::kGood;
            return answer;
        }
        const bool is_conflict = answer->status == Status::kReservationConflict;
        if (is_conflict && !command.out.empty()) return answer;
        if (!is_to_be_repeated(*answer) || attempt == kAttempts)
            return failure(ErrorCode::kFenceFailed,
                           std::format("{} to {}: {}", command.name, transport_.name(), describe(*answer)),
                           transport_.name(), remedy_for(*answer));
        if (answer->status != Status::kCheckCondition) std::this_thread::sleep_for(kPause);
    }
}

Result<Bytes> ReservedUnit::ask(ReserveIn action, std::size_t size) {
    return execute(reserve_in(action, size)).transform([](Answer answer) { return std::move(answer.in); });
}

Result<Outcome> ReservedUnit::tell(const ReserveOutRequest& request) {
    return execute(reserve_out(request)).transform([](const Answer& answer) {
        return answer.status == Status::kGood ? Outcome::kDone : Outcome::kConflict;
    });
}

Result<RegisteredKeys> ReservedUnit::keys() {
    const auto read = [this](std::size_t size) {
        return ask(ReserveIn::kReadKeys, size).and_then([this](const Bytes& bytes) {
            return decode_keys(bytes, transport_.name());
        });
    };
    auto keys = read(kUsualAnswer);
    if (keys && !keys->is_complete) keys = read(kMostAnswer);
    if (keys && !keys->is_complete)
        return failure(ErrorCode::kFenceFailed,
                       std::format("{} has more registrations than can be read", transport_.name()), transport_.name(),
                       "take the keys of strangers away");
    return keys;
}

Result<std::optional<Reservation>> ReservedUnit::reservation() {
    return ask(ReserveIn::kReadReservation, 24).and_then([this](const Bytes& bytes) {
        return decode_reservation(bytes, transport_.name());
    });
}

Result<Capabilities> ReservedUnit::capabilities() {
    return ask(ReserveIn::kReportCapabilities, 8).and_then([this](const Bytes& bytes) {
        return decode_capabilities(bytes, transport_.name());
    });
}

Result<Outcome> ReservedUnit::register_key(ReservationKey before, ReservationKey after, bool through_power_loss) {
    return tell({.action = ReserveOut::kRegister,
                 .key = before,
                 .action_key = after,
                 .through_power_loss = through_power_loss});
}

Result<Outcome> ReservedUnit::register_ignoring(ReservationKey after, bool through_power_loss) {
    return tell({.action = ReserveOut::kRegisterAndIgnoreExistingKey,
                 .action_key = after,
                 .through_power_loss = through_power_loss});
}

Result<Outcome> ReservedUnit::reserve(ReservationKey own, ReservationType type) {
    return tell({.action = ReserveOut::kReserve, .key = own, .type = type});
}

Result<Outcome> ReservedUnit::release(ReservationKey own, ReservationType type) {
    return tell({.action = ReserveOut::kRelease, .key = own, .type = type});
}

Result<Outcome> ReservedUnit::clear(ReservationKey own) {
    return tell({.action = ReserveOut::kClear, .key = own});
}

Result<Outcome> ReservedUnit::preempt(ReservationKey own, ReservationKey victim, ReservationType type) {
    return tell({.action = ReserveOut::kPreempt, .key = own, .action_key = victim, .type = type});
}

Result<Outcome> ReservedUnit::preempt_and_abort(ReservationKey own, ReservationKey victim, ReservationType type) {
    return tell({.action = ReserveOut::kPreemptAndAbort, .key = own, .action_key = victim, .type = type});
}

}  // namespace ssi::scsi
