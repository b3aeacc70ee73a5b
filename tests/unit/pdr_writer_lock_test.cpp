// One process of a host writes to the PDR, and the next one not before that one has ended.
#include <gtest/gtest.h>

#include <optional>
#include <utility>

#include "lib/common/pdr/writer_lock.hpp"
#include "tests/unit/temporary_directory.hpp"

namespace ssi::pdr {
namespace {

TEST(WriterLock, is_held_until_its_holder_ends) {
    const ssi::test::TemporaryDirectory directory;
    const auto path = directory.path() / "pdr.lock";
    std::optional<WriterLock> first(path);
    WriterLock second(path);
    ASSERT_TRUE(first->take());
    EXPECT_TRUE(first->take()) << "it is its already";
    const auto refused = second.take();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::kConflict);
    {
        const WriterLock moved(std::move(*first));
        first.reset();
        EXPECT_FALSE(second.take()) << "it has only moved";
    }
    EXPECT_TRUE(second.take());
}

TEST(WriterLock, that_cannot_be_made_says_where) {
    WriterLock lock("/proc/no/such/place");
    const auto refused = lock.take();
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().what.find("/proc/no/such/place"), std::string::npos);
}

}  // namespace
}  // namespace ssi::pdr
