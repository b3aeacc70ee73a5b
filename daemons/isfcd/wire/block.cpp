#include "daemons/isfcd/wire/block.hpp"

#include <sanitizer/asan_interface.h>

#include <array>
#include <new>

namespace ssi::isfc {

/// What lies behind a pool; deletes itself when the pool and the last block are gone.
class BlockShelf {
  public:
    BlockRef take(std::size_t size) {
        auto* sizes = size <= BlockPool::kSmall ? &small_ : &full_;
        const auto capacity = size <= BlockPool::kSmall ? BlockPool::kSmall : std::max(size, BlockPool::kFull);
        if (size <= BlockPool::kFull && !sizes->empty()) {
            BlockRef block(sizes->back());
            sizes->pop_back();
            kept_ -= block->capacity();
            in_use_ += block->capacity();
            ASAN_UNPOISON_MEMORY_REGION(block->frame(), Block::kHeaderRoom + block->capacity());
            return block;
        }
        void* memory = ::operator new(sizeof(Block) + Block::kHeaderRoom + capacity);
        in_use_ += capacity;
        return BlockRef(new (memory) Block(*this, capacity));
    }

    void give_back(Block* block) {
        in_use_ -= block->capacity();
        if (is_open_ && block->capacity() <= BlockPool::kFull && kept_ + block->capacity() <= kMostKept) {
            (block->capacity() == BlockPool::kSmall ? small_ : full_).push_back(block);
            kept_ += block->capacity();
            ASAN_POISON_MEMORY_REGION(block->frame(), Block::kHeaderRoom + block->capacity());  // nobody's now
            return;
        }
        free(block);
        if (!is_open_ && in_use_ == 0) delete this;
    }

    void close() {
        is_open_ = false;
        for (auto* blocks : {&small_, &full_}) {
            for (auto* block : *blocks) free(block);
            blocks->clear();
        }
        kept_ = 0;
        if (in_use_ == 0) delete this;
    }

    [[nodiscard]] std::size_t in_use() const { return in_use_; }
    [[nodiscard]] std::size_t kept() const { return kept_; }

  private:
    /// Enough for a busy link between two acknowledgements; what a burst took beyond it goes back to the system.
    static constexpr std::size_t kMostKept = 8 << 20;

    static void free(Block* block) {
        ASAN_UNPOISON_MEMORY_REGION(block->frame(), Block::kHeaderRoom + block->capacity());
        block->~Block();
        ::operator delete(block);
    }

    std::vector<Block*> small_;
    std::vector<Block*> full_;
    std::size_t in_use_ = 0;
    std::size_t kept_ = 0;
    bool is_open_ = true;
};

void intrusive_ptr_release(Block* block) {
    if (--block->references_ == 0) block->shelf_.give_back(block);
}

BlockPool::BlockPool() : shelf_(new BlockShelf) {}
BlockPool::~BlockPool() {
    shelf_->close();
}
BlockRef BlockPool::take(std::size_t size) {
    return shelf_->take(size);
}
std::size_t BlockPool::in_use() const {
    return shelf_->in_use();
}
std::size_t BlockPool::kept() const {
    return shelf_->kept();
}

}  // namespace ssi::isfc
