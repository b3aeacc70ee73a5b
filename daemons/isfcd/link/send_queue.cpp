#include "daemons/isfcd/link/send_queue.hpp"

#include <algorithm>

#include "daemons/isfcd/link/send_buffer.hpp"

namespace ssi::isfc {
namespace {

constexpr unsigned kInteractiveInARow = 15;

}  // namespace

SendQueue::Waiting& SendQueue::of(StreamClass stream_class) {
    return classes_[static_cast<std::size_t>(stream_class) - 1];
}

void SendQueue::resend(StreamClass stream_class, const Resend& range) {
    push_growing(of(stream_class).again, range);
}

void SendQueue::enqueue(StreamClass stream_class, StreamId stream) {
    push_growing(of(stream_class).streams, stream);
}

std::optional<SendQueue::Turn> SendQueue::next(bool with_control, bool with_others) {
    auto chosen = StreamClass::kControl;
    if (!with_control || !has_control()) {
        const bool interactive = !of(StreamClass::kInteractive).is_empty();
        const bool bulk = !of(StreamClass::kBulk).is_empty();
        if (!with_others || (!interactive && !bulk)) return std::nullopt;
        chosen = interactive && (!bulk || before_bulk_ < kInteractiveInARow) ? StreamClass::kInteractive
                                                                             : StreamClass::kBulk;
        before_bulk_ = chosen == StreamClass::kInteractive ? before_bulk_ + 1 : 0;
    }
    auto& waiting = of(chosen);
    Turn turn{0, {}, chosen};
    if (!waiting.again.empty()) {
        turn.again = waiting.again.front();
        turn.stream = turn.again->stream;
        waiting.again.pop_front();
    } else {
        turn.stream = waiting.streams.front();
        waiting.streams.pop_front();
    }
    return turn;
}

bool SendQueue::is_empty() const {
    return std::ranges::all_of(classes_, [](const auto& waiting) { return waiting.is_empty(); });
}

void SendQueue::clear() {
    *this = {};
}

}  // namespace ssi::isfc
