/// R7 under chance: two ends of a logical link, up to 16 channels that are cut, stall, slow down and come back, isfcds
/// that freeze, stop and crash, and programs that write, read, wait and go away as they like. Each byte is checked as
/// it is read; every stream ends, in the same way at both ends; when all is healed, everything goes on. SSI_SIM_SEEDS
/// and SSI_SIM_FIRST choose the seeds; a failure prints its seed, and SSI_SIM_LOG=7 what happened in it.

#include <gtest/gtest.h>

#include "tests/sim/isfc_sim_link.hpp"
#include "tests/sim/sim_seeds.hpp"

namespace ssi::isfc::sim {
namespace {

using namespace std::chrono_literals;

// --- what chance makes ---

template <class Value>
Value one_of(World& world, std::initializer_list<Value> values) {
    return *(values.begin() + world.number(values.size()));
}

Path random_path(World& world, std::size_t number) {
    Path path;
    path.name = std::to_string(number);
    path.bytes_per_second = one_of(world, {300e3, 1e6, 5e6, 25e6, 100e6});
    path.delay = one_of<Duration>(world, {50us, 300us, 2ms, 15ms});
    return path;
}

EndOptions random_end(World& world) {
    EndOptions options;
    options.link.memory = one_of<std::size_t>(world, {64 << 10, 256 << 10, 1 << 20, 8 << 20});
    options.link.max_streams = one_of<std::size_t>(world, {4, 1'000, 1'000});
    options.knows_arrived = !world.chance(0.15);
    options.send_buffer = one_of<std::size_t>(world, {24 << 10, 64 << 10, 256 << 10});
    options.timing = quick_timing();
    return options;
}

Plan random_plan(World& world) {
    Plan plan;
    plan.writes = world.chance(0.2) ? 0 : world.number(std::size_t{1} << (6 + world.number(15)));
    plan.at_once = std::size_t{1} << (3 + world.number(13));
    plan.at_once = std::max(plan.at_once, static_cast<std::size_t>(plan.writes / 64 + 1));
    plan.pause = world.chance(0.3) ? world.between(0us, 10ms) : 0us;
    plan.commits_less = 0.2;
    plan.finishes = world.chance(0.8);
    if (world.chance(0.08)) plan.resets_at = world.number(plan.writes + 1);
    plan.reads_every = world.chance(0.3) ? world.between(0us, 10ms) : 0us;
    plan.stalls = world.chance(0.1);
    return plan;
}

void open_flow(Link& link) {
    auto& world = link.world;
    const std::array plans{random_plan(world), random_plan(world)};
    const auto stream_class =
        one_of(world, {StreamClass::kControl, StreamClass::kInteractive, StreamClass::kBulk, StreamClass::kBulk});
    link.flows.open(world.number(2), stream_class, world.chance(0.05), plans);
}

/// One random act of fate; what it breaks is mended after a while, or by heal().
void strike(Link& link) {
    auto& world = link.world;
    auto& path = link.paths[world.number(link.paths.size())];
    const Side side = world.number(2);
    const auto what = world.number(12);
    world.tell("fate {} for channel {} or side {}", what, path.name, side);
    using enum Path::Notice;
    switch (what) {
        case 0:
        case 1:
        case 2:
            path.cut(one_of(world, {kNobody, kLower, kHigher, kBoth, kBoth}));
            path.refuses = world.chance(0.3);
            return world.after(world.between(0ms, 300ms), [&path] { path.refuses = false; });
        case 3:
        case 4:
            path.stalled = true;
            return world.after(world.between(1ms, 400ms), [&path] { path.go_on(); });
        case 5:
        case 6: {
            const auto speed = path.bytes_per_second;
            path.bytes_per_second = std::max(100e3, speed / 50);
            return world.after(world.between(1ms, 400ms), [&path, speed] { path.bytes_per_second = speed; });
        }
        case 7:
            path.delay = one_of<Duration>(world, {50us, 300us, 2ms, 15ms});
            return;
        case 8: {  // nobody reaches anybody for a while: sometimes longer than streams wait
            for (auto& each : link.paths) {
                each.refuses = true;
                each.cut(one_of(world, {kNobody, kBoth}));
            }
            const auto timeout = std::chrono::duration_cast<Duration>(link.options[0].timing.link_timeout);
            return world.after(world.between(0us, timeout * 3 / 2), [&link] {
                for (auto& each : link.paths) each.refuses = false;
            });
        }
        case 9:
        case 10:
            if (!link.is_alive(side)) return;
            link.at(side).freeze();
            return world.after(world.between(1ms, 400ms), [&link, side] {
                if (link.is_alive(side)) link.at(side).thaw();
            });
        default:
            if (!link.is_alive(side) || !world.chance(0.3)) return;
            link.end(side, world.chance(0.5));
            if (world.chance(0.3))
                link.options[side].knows_arrived = !link.options[side].knows_arrived;  // another version
            return world.after(world.between(0ms, 500ms), [&link, side] {
                if (!link.is_alive(side)) link.start(side);
            });
    }
}

void heal(Link& link) {
    link.run(1500ms);  // whatever was to be mended is
    for (auto& path : link.paths) {
        path.refuses = false;
        path.bytes_per_second = std::max(path.bytes_per_second, 1e6);
        path.go_on();
    }
}

struct Totals {
    std::uint64_t flows = 0, good = 0, failed = 0, sessions_ended = 0;
    LinkCounters link;
};

void run_seed(std::uint64_t seed, Totals& totals) {
    World dice(seed ^ 0x5eed);
    std::vector<Path> paths;
    for (std::size_t i = 0, count = 1 + dice.number(16); i < count; ++i) paths.push_back(random_path(dice, i));
    Link link(seed, std::move(paths), {random_end(dice), random_end(dice)});
    auto& world = link.world;
    world.tells = ssi::sim::environment_number("SSI_SIM_LOG", 2) >= 7;
    const auto check = [&] {
        link.flows.check_memory(0);
        link.flows.check_memory(1);
        return false;
    };
    link.start(0);
    link.start(1);
    link.run(200ms);
    const double trouble = one_of(world, {0.0, 0.1, 0.4});
    const double busy = one_of(world, {0.1, 0.2, 0.2, 0.6});
    for (std::size_t step = 0; step < 60; ++step) {
        for (auto left = world.chance(busy) ? 1 + world.number(3) : 0; left > 0; --left) open_flow(link);
        if (world.chance(0.02)) link.announce(world.number(2));
        if (world.chance(trouble)) strike(link);
        link.run(world.between(0ms, 30ms));
        check();
    }
    heal(link);

    // A reader that stalls holds up its own stream and nothing else.
    link.flows.wind_up(false);
    if (!link.run(20s, [&] { return link.flows.all_others_over(); })) link.flows.check_outcomes(true);
    check();
    link.flows.wind_up(true);
    link.run(20s, [&] { return link.flows.all_over(); });
    link.flows.check_outcomes(link.sessions_ended() > 2);  // each end begins with one
    link.run(1s);
    if (!link.is_up()) throw Violation("the link does not come up");
    link.check_quiet();

    for (const auto& flow : link.flows.all()) {
        ++totals.flows;
        totals.good += flow->programs[0].outcome == Outcome::kGood && flow->programs[1].outcome == Outcome::kGood;
        totals.failed += flow->programs[flow->opener].outcome == Outcome::kError;
    }
    totals.sessions_ended += link.sessions_ended();
    const auto counters = link.counters();
    totals.link.sent_bytes += counters.sent_bytes;
    totals.link.resent_bytes += counters.resent_bytes;
    totals.link.duplicate_bytes += counters.duplicate_bytes;
    totals.link.reordered_frames += counters.reordered_frames;
    totals.link.late_channels += counters.late_channels;
}

TEST(LogicalLink, loses_and_doubles_no_byte_whatever_fails_R7) {
    Totals totals;
    const auto seeds = ssi::sim::for_each_seed([&](std::uint64_t seed) { run_seed(seed, totals); });
    if (HasFailure()) return;
    std::printf(
        "%llu seeds: %llu streams, %llu ended well, %llu with an error, %llu sessions ended; %llu MiB sent, "
        "%llu MiB of it again, %llu MiB twice here, %llu frames reordered, %llu times a channel late\n",
        static_cast<unsigned long long>(seeds), static_cast<unsigned long long>(totals.flows),
        static_cast<unsigned long long>(totals.good), static_cast<unsigned long long>(totals.failed),
        static_cast<unsigned long long>(totals.sessions_ended),
        static_cast<unsigned long long>(totals.link.sent_bytes >> 20),
        static_cast<unsigned long long>(totals.link.resent_bytes >> 20),
        static_cast<unsigned long long>(totals.link.duplicate_bytes >> 20),
        static_cast<unsigned long long>(totals.link.reordered_frames),
        static_cast<unsigned long long>(totals.link.late_channels));
    // A simulation in which nothing happens proves nothing.
    EXPECT_GT(totals.good, seeds * 2);
    EXPECT_GT(totals.failed, seeds / 2);
    EXPECT_GT(totals.link.resent_bytes, seeds << 10);
    EXPECT_GT(totals.link.late_channels, seeds / 10);
}

// --- one fault at a time, with the times and speeds of real links ---

/// Bulk transfers from side 0 to side 1 over channels of given speeds (Mbit/s) and 300 microseconds of delay.
class Transfer : public ::testing::Test {
  protected:
    static constexpr std::uint64_t kSize = 128 << 20;

    void connect(const std::vector<double>& megabits) {
        std::vector<Path> paths;
        for (const auto speed : megabits) {
            auto& path = paths.emplace_back();
            path.bytes_per_second = speed * 1e6 / 8;
            path.delay = 300us;
        }
        link_ = std::make_unique<Link>(1, std::move(paths), std::array<EndOptions, 2>());
        link_->start(0);
        link_->start(1);
        ASSERT_TRUE(link_->run(1s, [&] {
            return link_->at(0).channels() == megabits.size() && link_->at(1).channels() == megabits.size();
        }));
        began_ = link_->world.now();
    }
    Flow& send(StreamClass stream_class = StreamClass::kBulk, std::uint64_t size = kSize) {
        Plan writer, reader;
        writer.writes = size;
        writer.at_once = reader.at_once = 64 << 10;
        return *link_->flows.open(0, stream_class, false, {writer, reader});
    }
    static bool is_delivered(const Flow& flow) { return flow.programs[1].got_end; }
    /// Bytes a second until the whole of it was read.
    double rate(const Flow& flow) {
        EXPECT_TRUE(link_->run(60s, [&] { return is_delivered(flow); }));
        return static_cast<double>(flow.programs[1].read) /
               std::chrono::duration<double>(link_->world.now() - began_).count();
    }
    /// Runs on to the middle of a transfer.
    void half_of(const Flow& flow) {
        ASSERT_TRUE(link_->run(60s, [&] { return flow.programs[1].read > kSize / 2; }));
    }
    Link& link() { return *link_; }

  private:
    std::unique_ptr<Link> link_;
    Time began_;
};

TEST_F(Transfer, speeds_of_sixteen_equal_channels_add_up) {
    connect(std::vector<double>(16, 200));
    EXPECT_GT(rate(send()), 0.95 * 16 * 25e6);
    EXPECT_EQ(link().counters().resent_bytes, 0U);
}

TEST_F(Transfer, speeds_of_unequal_channels_add_up) {
    connect({100, 200, 400, 800});
    EXPECT_GT(rate(send()), 0.93 * 1500e6 / 8);
}

TEST_F(Transfer, channel_that_is_seen_to_go_down_holds_up_nothing) {
    connect(std::vector<double>(8, 200));
    const auto& flow = send();
    half_of(flow);
    link().paths[3].refuses = true;
    link().paths[3].cut(Path::Notice::kBoth);
    EXPECT_GT(rate(flow), 0.9 * 7 * 25e6);
    EXPECT_LT(flow.programs[1].longest_gap, 20ms);
}

TEST_F(Transfer, channel_that_falls_silent_holds_up_its_stream_for_a_few_round_trips) {
    connect(std::vector<double>(8, 200));
    const auto& flow = send();
    half_of(flow);
    link().paths[3].stalled = true;
    EXPECT_GT(rate(flow), 0.9 * 7 * 25e6);
    EXPECT_LT(flow.programs[1].longest_gap, 50ms);
}

TEST_F(Transfer, channel_that_becomes_slow_does_not_slow_the_others) {
    for (const double factor : {2, 5, 10, 20, 50, 100, 1'000}) {
        SCOPED_TRACE(factor);
        connect(std::vector<double>(8, 200));
        const auto& flow = send();
        half_of(flow);
        link().paths[3].bytes_per_second /= factor;
        const double halves_at_best = 0.5 / (8 * 25e6) + 0.5 / ((7 + 1 / factor) * 25e6);
        EXPECT_GT(rate(flow), 0.88 / halves_at_best);
        // One that is just quick enough to be believed is waited for as long as Flight's patience: four of its frames.
        const auto patience = 4 * link().paths[3].time_for(BlockPool::kFull);
        EXPECT_LT(flow.programs[1].longest_gap, std::clamp<Duration>(patience * 5 / 4, 30ms, 70ms));
    }
}

TEST_F(Transfer, slow_channel_beside_a_fast_one_does_no_harm) {
    for (const double factor : {2, 4, 8, 16, 32, 64}) {
        SCOPED_TRACE(factor);
        connect({200, 200 / factor});
        EXPECT_GT(rate(send()), (factor > 10 ? 0.9 : 0.98) * 25e6 * (1 + 1 / factor));
    }
}

TEST_F(Transfer, reader_that_stalls_holds_up_no_other_stream) {
    connect(std::vector<double>(4, 200));
    auto& stalled = send();
    stalled.programs[1].plan.stalls = true;
    EXPECT_GT(rate(send()), 0.93 * 4 * 25e6);
    EXPECT_EQ(stalled.programs[1].read, 0U);
}

TEST_F(Transfer, few_bytes_that_others_wait_for_do_not_wait_behind_bulk) {
    connect(std::vector<double>(16, 200));
    for (int i = 0; i < 16; ++i) send();
    constexpr Duration kPause = 5ms;
    std::vector<Flow*> flows;
    for (const auto stream_class : {StreamClass::kControl, StreamClass::kInteractive}) {
        flows.push_back(&send(stream_class, 8 * 100));
        flows.back()->programs[0].plan.at_once = 8;
        flows.back()->programs[0].plan.pause = kPause;
    }
    for (const auto* flow : flows) (void)rate(*flow);
    EXPECT_LT(flows[0]->programs[1].longest_gap, kPause + 1ms);
    EXPECT_LT(flows[1]->programs[1].longest_gap, kPause + 4ms);  // what waits in a socket's buffer is not overtaken
}

// One of them is the channel that control streams have for themselves.
TEST_F(Transfer, control_stream_outlives_the_silence_of_any_channel) {
    for (const bool with_bulk : {false, true})
        for (std::size_t silent = 0; silent < 6; ++silent) {
            SCOPED_TRACE(silent);
            connect(std::vector<double>(6, 200));
            if (with_bulk) send();
            auto& flow = send(StreamClass::kControl, 8 * 100);
            flow.programs[0].plan.at_once = 8;
            flow.programs[0].plan.pause = 3ms;
            ASSERT_TRUE(link().run(1s, [&] { return flow.programs[1].read > 200; }));
            link().paths[silent].stalled = true;
            (void)rate(flow);
            EXPECT_LT(flow.programs[1].longest_gap, 40ms);
        }
}

}  // namespace
}  // namespace ssi::isfc::sim
