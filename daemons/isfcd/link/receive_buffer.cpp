#include "daemons/isfcd/link/receive_buffer.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace ssi::isfc {

/// Small frames are put together: many of them, unread, would otherwise hold a block each.
void ReceiveBuffer::append(Chunk chunk) {
    received_ += chunk.size();
    if (!ordered_.empty() && chunk.size() <= BlockPool::kSmall) {
        auto& last = ordered_.back();
        if (!last.block->is_shared() && last.block->capacity() - last.end >= chunk.size()) {
            std::memcpy(last.block->data() + last.end, chunk.bytes().data(), chunk.size());
            last.end += static_cast<std::uint32_t>(chunk.size());
            return;
        }
    }
    push_growing(ordered_, std::move(chunk));
}

void ReceiveBuffer::keep_for_later(std::uint64_t offset, Chunk chunk) {
    while (chunk.size() > 0) {
        const auto next = ahead_.upper_bound(offset);
        if (next != ahead_.begin()) {
            const auto& [begin, held] = *std::prev(next);
            if (begin + held.size() > offset) {  // the front is here already
                const auto twice = std::min<std::uint64_t>(begin + held.size() - offset, chunk.size());
                dropped_ += twice;
                offset += twice;
                chunk.begin += static_cast<std::uint32_t>(twice);
                continue;
            }
        }
        auto gap = chunk;
        if (next != ahead_.end() && next->first - offset < gap.size())
            gap.end = gap.begin + static_cast<std::uint32_t>(next->first - offset);
        const auto size = gap.size();
        ahead_.emplace_hint(next, offset, std::move(gap));
        offset += size;
        chunk.begin += static_cast<std::uint32_t>(size);
    }
}

void ReceiveBuffer::insert(std::uint64_t offset, Chunk chunk) {
    if (offset < received_) {
        const auto twice = std::min<std::uint64_t>(received_ - offset, chunk.size());
        dropped_ += twice;
        offset += twice;
        chunk.begin += static_cast<std::uint32_t>(twice);
    }
    if (chunk.size() == 0) return;
    if (offset == received_ && (ahead_.empty() || ahead_.begin()->first >= offset + chunk.size()))
        append(std::move(chunk));
    else
        keep_for_later(offset, std::move(chunk));
    while (!ahead_.empty() && ahead_.begin()->first == received_) {
        append(std::move(ahead_.begin()->second));
        ahead_.erase(ahead_.begin());
    }
}

ByteViews ReceiveBuffer::readable() const {
    ByteViews views;
    for (auto chunk = ordered_.begin(); chunk != ordered_.end() && views.size() < kMostSpans; ++chunk)
        views.push_back(chunk->bytes());
    return views;
}

void ReceiveBuffer::consume(std::size_t count) {
    consumed_ += count;
    while (count > 0) {
        auto& first = ordered_.front();
        const auto taken = std::min(count, first.size());
        first.begin += static_cast<std::uint32_t>(taken);
        count -= taken;
        if (first.size() == 0) ordered_.pop_front();
    }
}

std::uint64_t ReceiveBuffer::furthest() const {
    return ahead_.empty() ? received_ : ahead_.rbegin()->first + ahead_.rbegin()->second.size();
}

}  // namespace ssi::isfc
