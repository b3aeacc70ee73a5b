#include "daemons/isfcd/link/send_buffer.hpp"

#include <algorithm>
#include <cstring>

namespace ssi::isfc {

Spaces SendBuffer::space(std::size_t most) {
    Spaces spaces;
    auto at = end_;
    while (most > 0 && spaces.size() < kMostSpans) {
        const auto index = static_cast<std::size_t>((at - base_) / BlockPool::kFull);
        const auto from = static_cast<std::size_t>((at - base_) % BlockPool::kFull);
        if (index == blocks_.size()) push_growing(blocks_, pool_->take(BlockPool::kFull));
        const auto size = std::min(most, BlockPool::kFull - from);
        spaces.emplace_back(blocks_[index]->data() + from, size);
        at += size;
        most -= size;
    }
    return spaces;
}

void SendBuffer::commit(std::size_t count) {
    end_ += count;
    const auto used = static_cast<std::size_t>((end_ - base_ + BlockPool::kFull - 1) / BlockPool::kFull);
    while (blocks_.size() > used) blocks_.pop_back();
}

void SendBuffer::append(ByteView bytes) {
    while (!bytes.empty()) {
        std::size_t copied = 0;
        for (const auto space : space(bytes.size())) {
            std::memcpy(space.data(), bytes.data() + copied, space.size());
            copied += space.size();
        }
        commit(copied);
        bytes = bytes.subspan(copied);
    }
}

bool SendBuffer::acknowledge(std::uint64_t offset) {
    if (offset > end_) return false;
    acknowledged_ = std::max(acknowledged_, offset);
    if (acknowledged_ == end_) {  // an idle stream holds no memory
        blocks_.clear();
        base_ = end_;
        return true;
    }
    for (; acknowledged_ - base_ >= BlockPool::kFull; base_ += BlockPool::kFull) blocks_.pop_front();
    return true;
}

Chunk SendBuffer::chunk(std::uint64_t offset, std::size_t most) const {
    const auto from = static_cast<std::size_t>((offset - base_) % BlockPool::kFull);
    const auto size = std::min({most, BlockPool::kFull - from, static_cast<std::size_t>(end_ - offset)});
    return {blocks_[static_cast<std::size_t>((offset - base_) / BlockPool::kFull)], static_cast<std::uint32_t>(from),
            static_cast<std::uint32_t>(from + size)};
}

}  // namespace ssi::isfc
