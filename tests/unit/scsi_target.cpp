#include "tests/unit/scsi_target.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace ssi::test {

using scsi::Answer;
using scsi::ReservationKey;
using scsi::ReservationType;
using scsi::ReserveIn;
using scsi::ReserveOut;
using scsi::Sense;
using scsi::SenseKey;
using scsi::Status;

namespace {

Answer check(SenseKey key, std::uint8_t code, std::uint8_t qualifier) {
    return {Status::kCheckCondition, {key, code, qualifier, false}, {}};
}

Answer good(Bytes in = {}) {
    return {Status::kGood, {}, std::move(in)};
}

const Answer kConflict{Status::kReservationConflict, {}, {}};
constexpr ReservationKey kNone{0};

bool is_for_all(ReservationType type) {
    return type == ReservationType::kWriteExclusiveAllRegistrants ||
           type == ReservationType::kExclusiveAccessAllRegistrants;
}

bool is_for_registrants(ReservationType type) {
    return is_for_all(type) || type == ReservationType::kWriteExclusiveRegistrants ||
           type == ReservationType::kExclusiveAccessRegistrants;
}

}  // namespace

/// A PERSISTENT RESERVE OUT, read from its bytes.
struct ScsiTarget::Request {
    ReserveOut action{};
    ReservationType type{};
    ReservationKey key{};
    ReservationKey action_key{};
    bool through_power = false;
};

Answer ScsiTarget::execute(const Nexus& nexus, const scsi::Command& command) {
    if (busy > 0) {
        --busy;
        return {Status::kBusy, {}, {}};
    }
    if (auto& waiting = attentions_[nexus]; !waiting.empty()) {
        const auto sense = waiting.front();
        waiting.pop_front();
        return {Status::kCheckCondition, sense, {}};
    }
    ByteReader cdb(command.cdb);
    const auto code = cdb.number<std::uint8_t>();
    if (!does_reservations || command.cdb.size() != 10) return check(SenseKey::kIllegalRequest, 0x20, 0);
    if (code == scsi::kReserveInCode) return in(command);
    if (code != scsi::kReserveOutCode) return check(SenseKey::kIllegalRequest, 0x20, 0);
    Request request;
    request.action = ReserveOut{cdb.number<std::uint8_t>()};
    const auto scope_and_type = cdb.number<std::uint8_t>();
    static_cast<void>(cdb.number<std::uint16_t>());
    if (cdb.number<std::uint32_t>() != 24 || command.out.size() != 24) return check(SenseKey::kIllegalRequest, 0x1a, 0);
    if (scope_and_type >> 4U != 0) return check(SenseKey::kIllegalRequest, 0x24, 0);
    request.type = ReservationType{scope_and_type};
    ByteReader parameters(command.out);
    request.key = ReservationKey{parameters.number<std::uint64_t>()};
    request.action_key = ReservationKey{parameters.number<std::uint64_t>()};
    static_cast<void>(parameters.number<std::uint32_t>());
    request.through_power = (parameters.number<std::uint8_t>() & 1U) != 0;
    log.push_back(nexus + ": " + command.name.substr(command.name.find('(')));
    return out(nexus, request);
}

Answer ScsiTarget::in(const scsi::Command& command) const {
    ByteReader cdb(command.cdb);
    static_cast<void>(cdb.number<std::uint8_t>());
    const ReserveIn action{cdb.number<std::uint8_t>()};
    static_cast<void>(cdb.number<std::uint32_t>());
    static_cast<void>(cdb.number<std::uint8_t>());
    const auto room = cdb.number<std::uint16_t>();
    Bytes bytes;
    ByteWriter writer(bytes);
    if (action == ReserveIn::kReadKeys) {
        writer.number(generation_);
        writer.number(static_cast<std::uint32_t>(8 * registrations_.size()));
        for (const auto& [nexus, key] : registrations_) writer.number(std::to_underlying(key));
    } else if (action == ReserveIn::kReadReservation) {
        writer.number(generation_);
        writer.number(static_cast<std::uint32_t>(type_ ? 16 : 0));
        if (type_) {
            writer.number(std::to_underlying(holder_ ? registrations_.at(*holder_) : kNone));
            writer.number(std::uint32_t{0});
            writer.number(std::uint8_t{0});
            writer.number(std::to_underlying(*type_));
            writer.number(std::uint16_t{0});
        }
    } else {
        unsigned mask = 0;
        for (const auto type : types) mask |= 1U << static_cast<unsigned>(type);
        writer.number(std::uint16_t{8});
        writer.number(static_cast<std::uint8_t>(keeps_through_power ? 1 : 0));
        writer.number(static_cast<std::uint8_t>(tells_types ? 0x80 : 0));
        writer.number(static_cast<std::uint8_t>(mask & 0xffU));
        writer.number(static_cast<std::uint8_t>(mask >> 8U));
        writer.number(std::uint16_t{0});
    }
    bytes.resize(std::min<std::size_t>(bytes.size(), room));
    return good(std::move(bytes));
}

Answer ScsiTarget::out(const Nexus& nexus, const Request& request) {
    const auto found = registrations_.find(nexus);
    const auto registered = found == registrations_.end() ? kNone : found->second;
    const bool ignores = request.action == ReserveOut::kRegisterAndIgnoreExistingKey;
    if (!ignores && request.key != registered) return kConflict;
    if (ignores || request.action == ReserveOut::kRegister) {
        if (request.through_power && !keeps_through_power) return check(SenseKey::kIllegalRequest, 0x26, 0);
        ++generation_;
        through_power_ = request.through_power;
        set_registration(nexus, request.action_key);
        return good();
    }
    if (registered == kNone) return kConflict;
    switch (request.action) {
        case ReserveOut::kReserve:
            return reserve(nexus, request.type);
        case ReserveOut::kRelease:
            return release(nexus, request.type);
        case ReserveOut::kClear:
            ++generation_;
            tell_others(nexus, 0x2a, 0x03);
            registrations_.clear();
            type_.reset();
            holder_.reset();
            return good();
        case ReserveOut::kPreempt:
            return preempt(nexus, request, false);
        case ReserveOut::kPreemptAndAbort:
            return preempt(nexus, request, true);
        default:
            return check(SenseKey::kIllegalRequest, 0x24, 0);
    }
}

Answer ScsiTarget::reserve(const Nexus& nexus, ReservationType type) {
    if (!types.contains(type)) return check(SenseKey::kIllegalRequest, 0x24, 0);
    if (type_) {
        const bool is_holder = all_hold() || holder_ == nexus;
        return is_holder && type_ == type ? good() : kConflict;
    }
    type_ = type;
    if (!is_for_all(type)) holder_ = nexus;
    return good();
}

Answer ScsiTarget::release(const Nexus& nexus, ReservationType type) {
    if (!type_ || (!all_hold() && holder_ != nexus)) return good();
    if (type != type_) return check(SenseKey::kIllegalRequest, 0x26, 0x04);
    if (is_for_registrants(*type_)) tell_others(nexus, 0x2a, 0x04);
    type_.reset();
    holder_.reset();
    return good();
}

Answer ScsiTarget::preempt(const Nexus& nexus, const Request& request, bool aborts) {
    const bool takes_all = all_hold() && request.action_key == kNone;
    const bool takes_reservation =
        takes_all || (holder_ && registrations_.at(*holder_) == request.action_key && request.action_key != kNone);
    if (request.action_key == kNone && !takes_all) return check(SenseKey::kIllegalRequest, 0x26, 0);
    if (takes_reservation && !types.contains(request.type)) return check(SenseKey::kIllegalRequest, 0x24, 0);
    std::vector<Nexus> victims;
    for (const auto& [other, key] : registrations_)
        if (takes_all ? other != nexus : key == request.action_key) victims.push_back(other);
    if (victims.empty() && !takes_reservation) return kConflict;
    ++generation_;
    if (takes_reservation) {
        type_.reset();
        holder_.reset();
    }
    for (const auto& victim : victims) {
        if (aborts) abort_writes(victim);
        if (victim == nexus && takes_reservation) continue;
        if (victim != nexus) attention(victim, 0x2a, 0x05);
        remove(victim);
    }
    if (takes_reservation) {
        type_ = request.type;
        if (!is_for_all(request.type)) holder_ = nexus;
    }
    return good();
}

bool ScsiTarget::all_hold() const {
    return type_ && is_for_all(*type_);
}

std::optional<ReservationType> ScsiTarget::reserved() const {
    return type_;
}

bool ScsiTarget::may_write(const Nexus& nexus) const {
    if (!type_) return true;
    return is_for_registrants(*type_) ? registrations_.contains(nexus) : holder_ == nexus;
}

bool ScsiTarget::write(const Nexus& nexus) const {
    return may_write(nexus);
}

std::optional<ScsiTarget::Write> ScsiTarget::begin_write(const Nexus& nexus) {
    if (!may_write(nexus)) return std::nullopt;
    in_flight_[next_write_] = nexus;
    return next_write_++;
}

bool ScsiTarget::land(Write write) {
    return in_flight_.erase(write) > 0;
}

void ScsiTarget::abort_writes(const Nexus& nexus) {
    std::erase_if(in_flight_, [&](const auto& write) { return write.second == nexus; });
}

void ScsiTarget::set_registration(const Nexus& nexus, ReservationKey key) {
    if (key == kNone)
        remove(nexus);
    else
        registrations_[nexus] = key;
}

/// The reservation ends with its holder, or with the last of all holders.
void ScsiTarget::remove(const Nexus& nexus) {
    if (registrations_.erase(nexus) == 0) return;
    const bool ends = holder_ == nexus || (all_hold() && registrations_.empty());
    if (!ends) return;
    if (is_for_registrants(*type_)) tell_others(nexus, 0x2a, 0x04);
    type_.reset();
    holder_.reset();
}

void ScsiTarget::tell_others(const Nexus& nexus, std::uint8_t code, std::uint8_t qualifier) {
    for (const auto& [other, key] : registrations_)
        if (other != nexus) attention(other, code, qualifier);
}

void ScsiTarget::attention(const Nexus& nexus, std::uint8_t code, std::uint8_t qualifier) {
    attentions_[nexus].push_back({SenseKey::kUnitAttention, code, qualifier, false});
}

void ScsiTarget::cycle_power() {
    in_flight_.clear();
    for (const auto& [nexus, key] : registrations_) attention(nexus, 0x29, 0x00);
    if (through_power_) return;
    registrations_.clear();
    type_.reset();
    holder_.reset();
}

namespace {

class SimulatedTransport final : public scsi::Transport {
  public:
    SimulatedTransport(ScsiTarget& target, std::string nexus, std::string name, const std::set<std::string>& broken)
        : target_(target), nexus_(std::move(nexus)), name_(std::move(name)), broken_(broken) {}
    Result<Answer> execute(const scsi::Command& command) override {
        if (broken_.contains(name_))
            return failure(ErrorCode::kFenceFailed, command.name + " to " + name_ + ": no connection", name_);
        auto answer = target_.execute(nexus_, command);
        answer.in.resize(std::min(answer.in.size(), command.in));
        return answer;
    }
    [[nodiscard]] const std::string& name() const override { return name_; }

  private:
    ScsiTarget& target_;
    std::string nexus_;
    std::string name_;
    const std::set<std::string>& broken_;
};

}  // namespace

Result<std::vector<std::string>> SimulatedPaths::of(const std::filesystem::path& volume) {
    const auto found = volumes_.find(volume.string());
    if (found == volumes_.end())
        return failure(ErrorCode::kFenceFailed, "there is no " + volume.string(), volume.string());
    return found->second;
}

Result<std::unique_ptr<scsi::Transport>> SimulatedPaths::open(const std::string& path) {
    const auto found = targets_.find(path);
    if (found == targets_.end()) return failure(ErrorCode::kFenceFailed, "there is no path " + path, path);
    return std::make_unique<SimulatedTransport>(*found->second, host_ + "/" + path, path, broken);
}

}  // namespace ssi::test
