#include "tests/sim/isfc_sim_wire.hpp"

#include <utility>

namespace ssi::isfc::sim {

void Path::go_on() {
    stalled = false;
    for (const auto& one : wires)
        if (const auto wire = one.lock()) wire->go_on();
}

void Path::cut(Notice notice) {
    for (const auto& one : std::exchange(wires, {}))
        if (const auto wire = one.lock()) wire->cut(notice);
}

bool Wire::write(Side from, OutFrame& frame, std::size_t send_buffer) {
    auto& half = halves_[from];
    half.room_at = half.unsent_bytes >= send_buffer ? send_buffer : 0;
    if (half.room_at > 0) return false;
    half.unsent_bytes += frame.size();
    half.unsent.push_back(std::move(frame));
    transmit(from);
    return true;
}

std::optional<OutFrame> Wire::read(Side at) {
    auto& half = halves_[at];
    if (half.arrived.empty()) return std::nullopt;
    auto frame = std::move(half.arrived.front());
    half.arrived.pop_front();
    half.arrived_bytes -= frame.size();
    transmit(1 - at);
    return frame;
}

void Wire::transmit(Side from) {
    auto& half = halves_[from];
    const auto& far = halves_[1 - from];
    if (half.sending || is_cut_ || path_.stalled) return;
    if (half.unsent.empty()) {
        if (!std::exchange(half.finished, false)) return;
        const auto at = std::max(half.last_arrival, world_.now() + path_.delay);
        world_.after(std::chrono::duration_cast<Duration>(at - world_.now()),
                     [self = shared_from_this(), from] { self->end(1 - from); });
        return;
    }
    if (far.arrived_bytes >= kReceiveBuffer && !far.closed) return;
    half.sending = true;
    world_.after(path_.time_for(half.unsent.front().size()),
                 [self = shared_from_this(), from] { self->transmitted(from); });
}

void Wire::transmitted(Side from) {
    auto& half = halves_[from];
    half.sending = false;
    if (is_cut_ || path_.stalled) return;
    if (half.unsent.empty()) return transmit(from);  // dropped by a reset
    const auto frame = std::make_shared<OutFrame>(std::move(half.unsent.front()));
    half.unsent.pop_front();
    half.unsent_bytes -= frame->size();
    halves_[1 - from].arrived_bytes += frame->size();
    half.last_arrival = std::max(half.last_arrival, world_.now() + path_.delay);
    world_.after(std::chrono::duration_cast<Duration>(half.last_arrival - world_.now()),
                 [self = shared_from_this(), from, frame] {
                     auto& far = self->halves_[1 - from];
                     if (self->is_cut_) return;
                     if (far.closed) return self->end(from);  // its kernel answers with a reset
                     far.arrived.push_back(std::move(*frame));
                     call(far.port.readable);
                 });
    if (half.unsent_bytes < half.room_at) {
        half.room_at = 0;
        call(half.port.writable);
    }
    transmit(from);
}

void Wire::end(Side at) {
    if (is_cut_ || std::exchange(halves_[at].ended, true)) return;
    call(halves_[at].port.readable);
}

void Wire::close(Side side, bool reset) {
    auto& half = halves_[side];
    if (std::exchange(half.closed, true)) return;
    half.port = {};
    half.arrived.clear();
    half.arrived_bytes = 0;
    if (reset) half.unsent.clear();
    half.finished = true;
    transmit(side);
}

void Wire::cut(Path::Notice notice) {
    is_cut_ = true;
    using enum Path::Notice;
    for (const Side side : {0UL, 1UL}) {
        halves_[side].unsent.clear();
        if (notice != kBoth && notice != (side == 0 ? kLower : kHigher)) continue;
        halves_[side].ended = true;
        call(halves_[side].port.readable);
    }
}

}  // namespace ssi::isfc::sim
