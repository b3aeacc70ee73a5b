// Which steps prove a death, and in which order ([[fence]] of system.toml, SAFETY 13).
#include "daemons/ssid/fencing/fence_chain.hpp"

#include <gtest/gtest.h>

#include <string>

namespace ssi::cluster {
namespace {

using enum FenceMethod;

/// Each method as a letter; an agent tells its name.
std::string chain_of(const std::vector<FenceMethod>& methods) {
    SystemConfig config;
    for (const auto method : methods) {
        FenceConfig fence;
        fence.name = std::to_string(config.fences.size() + 1);
        fence.method = method;
        config.fences.push_back(std::move(fence));
    }
    std::string text;
    for (const auto& step : fence_chain(config)) {
        if (const auto* agent = std::get_if<std::unique_ptr<FenceAgent>>(&step))
            text += "agent" + (*agent)->name() + " ";
        else if (const auto* fence = std::get_if<std::unique_ptr<WriteFence>>(&step))
            text += "reservations" + (*fence)->name() + " ";
        else
            text += "time ";
    }
    return text;
}

TEST(FenceChain, is_tried_in_the_order_of_the_file) {
    EXPECT_EQ(chain_of({kAgent, kTime, kAgent}), "agent1 time agent3 ");
}

TEST(FenceChain, ends_with_time_where_the_file_says_nothing_of_it) {
    EXPECT_EQ(chain_of({}), "time ");
    EXPECT_EQ(chain_of({kAgent, kAgent}), "agent1 agent2 time ");
    EXPECT_EQ(chain_of({kAgent, kReservations}), "agent1 reservations2 time ");
}

TEST(FenceChain, ends_with_the_operator_where_the_file_says_so) {
    EXPECT_EQ(chain_of({kAgent, kOperator}), "agent1 ");
    EXPECT_EQ(chain_of({kOperator}), "");
}

}  // namespace
}  // namespace ssi::cluster
