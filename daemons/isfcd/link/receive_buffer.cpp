#include "daemons/isfcd/link/receive_buffer.hpp"

#include <algorithm>
#include <utility>

namespace ssi::isfc {

void ReceiveBuffer::append(ByteView bytes) {
    received_ += bytes.size();
    ordered_.emplace_back(bytes.begin(), bytes.end());
}

void ReceiveBuffer::keep_for_later(std::uint64_t offset, ByteView bytes) {
    while (!bytes.empty()) {
        const auto next = ahead_.upper_bound(offset);
        if (next != ahead_.begin()) {
            const auto& [begin, held] = *std::prev(next);
            if (begin + held.size() > offset) {  // the front is here already
                const auto twice = std::min<std::uint64_t>(begin + held.size() - offset, bytes.size());
                dropped_ += twice;
                offset += twice;
                bytes = bytes.subspan(static_cast<std::size_t>(twice));
                continue;
            }
        }
        auto gap = bytes;
        if (next != ahead_.end() && next->first - offset < gap.size())
            gap = gap.first(static_cast<std::size_t>(next->first - offset));
        ahead_.emplace(offset, Bytes(gap.begin(), gap.end()));
        offset += gap.size();
        bytes = bytes.subspan(gap.size());
    }
}

void ReceiveBuffer::insert(std::uint64_t offset, ByteView bytes) {
    if (offset < received_) {
        const auto twice = std::min<std::uint64_t>(received_ - offset, bytes.size());
        dropped_ += twice;
        offset += twice;
        bytes = bytes.subspan(static_cast<std::size_t>(twice));
    }
    if (bytes.empty()) return;
    if (offset > received_ || !ahead_.empty()) {
        keep_for_later(offset, bytes);
    } else {
        append(bytes);
        return;
    }
    while (!ahead_.empty() && ahead_.begin()->first == received_) {
        auto first = ahead_.extract(ahead_.begin());
        received_ += first.mapped().size();
        ordered_.push_back(std::move(first.mapped()));
    }
}

ByteView ReceiveBuffer::readable() const {
    return ordered_.empty() ? ByteView() : ByteView(ordered_.front()).subspan(read_of_first_);
}

void ReceiveBuffer::consume(std::size_t count) {
    consumed_ += count;
    read_of_first_ += count;
    if (!ordered_.empty() && read_of_first_ == ordered_.front().size()) {
        ordered_.pop_front();
        read_of_first_ = 0;
    }
}

std::uint64_t ReceiveBuffer::furthest() const {
    return ahead_.empty() ? received_ : ahead_.rbegin()->first + ahead_.rbegin()->second.size();
}

}  // namespace ssi::isfc
