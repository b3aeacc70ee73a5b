// Guests and members are found by names in capitals, as mainframe hands type them.
#include <gtest/gtest.h>

#include "tools/ssictl/cp/names.hpp"

namespace ssi::ctl::cp {
namespace {

using Names = std::vector<std::string>;

/// The operands of the command once its names were looked up among these.
Result<Names> found(const std::string& command, const Names& guests, const Names& members = {}) {
    const auto reading = with_names_found(read(split_words(command), rows()).value(), [&](Element::Kind kind) {
        return kind == Element::Kind::kGuest ? guests : members;
    });
    if (!reading) return std::unexpected(reading.error());
    Names operands;
    for (const auto& operand : reading->operands) operands.push_back(operand.value);
    return operands;
}

TEST(CpNames, are_found_in_another_case) {
    EXPECT_EQ(found("FORCE LINUX01", {"linux01", "linux02"}).value(), Names{"linux01"});
    EXPECT_EQ(found("force linux01", {"Linux01"}).value(), Names{"Linux01"});
}

TEST(CpNames, as_typed_go_before_those_in_another_case) {
    EXPECT_EQ(found("FORCE LINUX01", {"linux01", "LINUX01"}).value(), Names{"LINUX01"});
}

TEST(CpNames, that_several_have_in_another_case_are_refused) {
    const auto refused = found("FORCE LINUX01", {"linux01", "Linux01", "linux02"});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::kUsage);
    EXPECT_EQ(refused.error().what, "LINUX01 can be any of linux01, Linux01");
    EXPECT_EQ(refused.error().object, "LINUX01");
    EXPECT_NE(refused.error().remedy, "");
}

TEST(CpNames, that_nobody_has_stay_as_they_were_typed) {
    EXPECT_EQ(found("FORCE Linux09", {"linux01"}).value(), Names{"Linux09"});
    EXPECT_EQ(found("FORCE Linux09", {}).value(), Names{"Linux09"});
}

TEST(CpNames, of_guests_and_members_are_looked_up_among_their_own) {
    EXPECT_EQ(found("VMRELOCATE MOVE X1 TO X2", {"x1", "x2"}, {"x1", "X2"}).value(), (Names{"x1", "X2"}));
    EXPECT_EQ(found("SET SSI NODE1 DOWN", {}, {"node1"}).value(), Names{"node1"});
}

TEST(CpNames, are_not_all_operands) {
    EXPECT_EQ(found("ACTIVATE ISLINK FAST NODE M2", {"fast"}, {"fast", "m2"}).value(), (Names{"FAST", "m2"}));
    EXPECT_FALSE(has_names(read({"Q", "SSI"}, rows()).value()));
    EXPECT_FALSE(has_names(read({"ACTIVATE", "ISLINK", "FAST"}, rows()).value()));
    EXPECT_TRUE(has_names(read({"Q", "ISLINK", "M2"}, rows()).value()));
}

}  // namespace
}  // namespace ssi::ctl::cp
