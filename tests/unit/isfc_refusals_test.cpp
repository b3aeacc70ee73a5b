#include <gtest/gtest.h>

#include <format>

#include "daemons/isfcd/refusals.hpp"

namespace ssi::isfc {
namespace {

const Error kForeign{ErrorCode::kCertificateInvalid, "foreign", "", ""};
const Error kClear{ErrorCode::kEncryptionDiffers, "in the clear", "", ""};

TEST(Refusals, are_counted_by_reason) {
    Refusals refusals;
    refusals.add("10.0.0.1", kForeign);
    refusals.add("10.0.0.1", kForeign);
    refusals.add("10.0.0.2", kClear);
    refusals.count("too_many");
    EXPECT_EQ(refusals.counts(),
              (std::map<std::string, std::uint64_t>{{"certificate", 2}, {"encryption", 1}, {"too_many", 1}}));
}

TEST(Refusals, same_reason_from_the_same_address_is_told_once) {
    Refusals refusals;
    EXPECT_TRUE(refusals.add("10.0.0.1", kForeign));
    EXPECT_FALSE(refusals.add("10.0.0.1", kForeign));
    EXPECT_TRUE(refusals.add("10.0.0.2", kForeign));
    EXPECT_TRUE(refusals.add("10.0.0.1", kClear));
    EXPECT_TRUE(refusals.add("10.0.0.1", kForeign));
}

TEST(Refusals, address_that_passed_is_told_of_again) {
    Refusals refusals;
    refusals.add("10.0.0.1", kForeign);
    refusals.forget("10.0.0.1");
    EXPECT_TRUE(refusals.add("10.0.0.1", kForeign));
}

TEST(Refusals, remember_no_more_addresses_than_they_say) {
    Refusals refusals;
    for (std::size_t i = 0; i < 3 * Refusals::kMostAddresses; ++i)
        EXPECT_TRUE(refusals.add(std::format("10.0.{}.{}", i / 250, i % 250), kForeign));
    EXPECT_EQ(refusals.counts().at("certificate"), 3 * Refusals::kMostAddresses);
}

}  // namespace
}  // namespace ssi::isfc
