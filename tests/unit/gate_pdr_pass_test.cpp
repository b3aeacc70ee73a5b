// What the guard tells ssid of a pass over the PDR arrives as it was.
#include <gtest/gtest.h>

#include <limits>

#include "daemons/ssid/gate/pdr_pass_json.hpp"

namespace ssi::gate {
namespace {

using namespace std::chrono_literals;

TEST(PdrPassJson, volume_slots_and_verdicts_arrive) {
    cluster::PdrPass pass;
    pass.fresh = true;
    pass.volume = std::numeric_limits<std::uint64_t>::max();  // random: may be above what a signed number holds
    pass.read = BootTime(77s);
    const auto member = MemberName::parse("M2").value();
    pass.slots = {{member, Incarnation{4}, 7}};
    pdr::Verdict verdict;
    verdict.member = member;
    verdict.incarnation = Incarnation{4};
    verdict.counter = 7;
    verdict.run = 2;
    verdict.proof = pdr::ProofKind::kOperator;
    pass.verdicts = {{MemberSlot::from(1).value(), verdict}};
    const auto read = pdr_pass_from_json(to_json(pass));
    ASSERT_TRUE(read) << read.error().text();
    EXPECT_EQ(read->volume, pass.volume);
    EXPECT_EQ(read->read, pass.read);
    ASSERT_EQ(read->slots.size(), 1U);
    EXPECT_EQ(read->slots.front().counter, 7U);
    ASSERT_EQ(read->verdicts.size(), 1U);
    EXPECT_EQ(read->verdicts.front().verdict.run, 2U);
}

TEST(PdrPassJson, guard_of_an_earlier_version_knows_of_one_volume) {
    auto said = to_json(cluster::PdrPass{});
    said.erase("volume");
    said.erase("read_ms");
    said.erase("verdicts");
    const auto read = pdr_pass_from_json(said);
    ASSERT_TRUE(read) << read.error().text();
    EXPECT_EQ(read->volume, 0U);
    EXPECT_FALSE(read->read);
}

}  // namespace
}  // namespace ssi::gate
