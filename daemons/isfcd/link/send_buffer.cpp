#include "daemons/isfcd/link/send_buffer.hpp"

#include <algorithm>

#include "daemons/isfcd/wire/frame.hpp"

namespace ssi::isfc {

void SendBuffer::append(ByteView bytes) {
    while (!bytes.empty()) {
        if (segments_.empty() || segments_.back().bytes.size() == kMaxPayload) segments_.push_back({end_, {}});
        auto& last = segments_.back().bytes;
        const auto taken = bytes.first(std::min(bytes.size(), kMaxPayload - last.size()));
        last.insert(last.end(), taken.begin(), taken.end());
        end_ += taken.size();
        bytes = bytes.subspan(taken.size());
    }
}

bool SendBuffer::acknowledge(std::uint64_t offset) {
    if (offset > end_) return false;
    acknowledged_ = std::max(acknowledged_, offset);
    while (!segments_.empty() && segments_.front().offset + segments_.front().bytes.size() <= acknowledged_)
        segments_.pop_front();
    return true;
}

ByteView SendBuffer::view(std::uint64_t offset, std::size_t most) const {
    const auto after = std::ranges::upper_bound(segments_, offset, {}, &Segment::offset);
    const auto& segment = *std::prev(after);
    const auto from = static_cast<std::size_t>(offset - segment.offset);
    return ByteView(segment.bytes).subspan(from, std::min(most, segment.bytes.size() - from));
}

}  // namespace ssi::isfc
