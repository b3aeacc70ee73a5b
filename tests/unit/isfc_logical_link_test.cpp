// Two ends of a logical link without sockets: channels are queues of frames that a test delivers, delays and cuts.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <random>

#include "daemons/isfcd/link/logical_link.hpp"
#include "tests/unit/isfc_frames.hpp"

namespace ssi::isfc {
namespace {

std::byte byte_at(StreamId stream, std::uint64_t offset) {
    return static_cast<std::byte>((offset * 2654435761U + stream * 40503U) >> 9);
}

/// What one end has seen of a stream.
struct Seen {
    std::uint64_t bytes = 0;
    bool opened = false, ended = false, closed = false, failed = false;
    Error error;
};

class End : public LinkObserver {
  public:
    explicit End(bool lower, std::size_t memory = 1 << 20) : link({lower, memory, 100}, *this, pool) {}

    void stream_requested(StreamId stream, const std::string& service) override {
        if (service == "refused")
            link.refuse(stream, Error{ErrorCode::kServiceUnknown, "no such service", service, ""});
        else
            link.accept(stream, service == "bulk" ? StreamClass::kBulk : StreamClass::kInteractive);
        last_requested = stream;
    }
    void stream_opened(StreamId stream) override { seen[stream].opened = true; }
    void stream_readable(StreamId) override {}
    void stream_writable(StreamId) override {}
    void stream_closed(StreamId stream) override { seen[stream].closed = true; }
    void stream_failed(StreamId stream, const Error& error) override {
        seen[stream].failed = true;
        seen[stream].error = error;
    }
    void services_announced(const std::vector<std::string>& names) override { services = names; }
    void channel_has_work(ChannelId) override {}
    void link_has_work() override {}

    /// Writes the test's pattern; returns how much was taken.
    std::size_t write(StreamId stream, std::uint64_t offset, std::size_t size) {
        Bytes bytes(std::min(size, link.room(stream)));
        for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = byte_at(stream, offset + i);
        link.write(stream, bytes);
        return bytes.size();
    }
    /// Reads at most `most` bytes and checks them against the pattern; gives the end of file when it is there.
    void read(StreamId stream, std::size_t most = ~std::size_t{0}) {
        auto& of = seen[stream];
        while (most > 0 && !link.readable(stream).empty()) {
            auto view = link.readable(stream).front();
            view = view.first(std::min(view.size(), most));
            for (std::size_t i = 0; i < view.size(); ++i)
                ASSERT_EQ(view[i], byte_at(stream, of.bytes + i)) << "stream " << stream << " at " << of.bytes + i;
            of.bytes += view.size();
            most -= view.size();
            link.consume(stream, view.size());
        }
        if (link.at_end(stream)) {
            of.ended = true;
            link.end_delivered(stream);
        }
    }

    BlockPool pool;
    LogicalLink link;
    std::map<StreamId, Seen> seen;
    std::vector<std::string> services;
    StreamId last_requested = 0;
};

Result<void> deliver(End& to, ChannelId channel, const Bytes& bytes, Time now = {}) {
    return to.link.receive(channel, frame_of(bytes, to.pool), now);
}

/// The next frame that an end sends on a channel, as bytes; empty if there is none.
Bytes pull_from(End& end, ChannelId channel, Time now = {}) {
    OutFrame frame;
    return end.link.pull(channel, now, frame) ? bytes_of(frame) : Bytes();
}

/// Takes one frame from an end to the other on channel 1; false if there is none.
bool carry(End& from, End& to) {
    const auto frame = pull_from(from, 1);
    if (frame.empty()) return false;
    const auto received = deliver(to, 1, frame);
    EXPECT_TRUE(received) << received.error().what;
    return true;
}

StreamId stream_of(const Bytes& frame) {
    return ByteReader(ByteView(frame).subspan(8)).number<StreamId>();
}

class TwoEnds : public ::testing::Test {
  protected:
    End a{true}, b{false};
    std::map<ChannelId, std::array<std::deque<Bytes>, 2>> wires;  // towards b, towards a
    Time now{std::chrono::hours(1)};

    void begin_session(std::initializer_list<ChannelId> channels) {
        a.link.restart({});
        b.link.restart({});
        for (const auto channel : channels) connect(channel);
    }
    void connect(ChannelId channel) {
        wires[channel];
        a.link.add_channel(channel, true);
        b.link.add_channel(channel, true);
    }
    void cut(ChannelId channel) {
        wires.erase(channel);
        a.link.remove_channel(channel);
        b.link.remove_channel(channel);
    }
    void pull(ChannelId channel) {
        auto& [to_b, to_a] = wires.at(channel);
        if (auto frame = pull_from(a, channel, now); !frame.empty()) to_b.push_back(std::move(frame));
        if (auto frame = pull_from(b, channel, now); !frame.empty()) to_a.push_back(std::move(frame));
    }
    void deliver_one(ChannelId channel) {
        auto& [to_b, to_a] = wires.at(channel);
        if (!to_b.empty()) {
            ASSERT_TRUE(deliver(b, channel, to_b.front(), now));
            to_b.pop_front();
        }
        if (!to_a.empty()) {
            ASSERT_TRUE(deliver(a, channel, to_a.front(), now));
            to_a.pop_front();
        }
    }
    void tick(std::chrono::milliseconds time = LogicalLink::kTick) {
        now += time;
        a.link.tick(now);
        b.link.tick(now);
    }
    /// Until nothing moves any more.
    void settle() {
        const auto busy = [](const End& end) { return end.link.has_work() || end.link.needs_ticks(); };
        for (bool moved = true; moved || busy(a) || busy(b);) {
            moved = false;
            for (auto& [channel, directions] : wires) {
                pull(channel);
                moved = moved || !directions[0].empty() || !directions[1].empty();
                deliver_one(channel);
            }
            tick();
        }
    }
    StreamId open_stream() {
        const auto stream = a.link.open("service");
        settle();
        EXPECT_TRUE(a.seen[*stream].opened);
        return *stream;
    }
};

TEST_F(TwoEnds, stream_carries_bytes_both_ways_and_closes_when_both_directions_end) {
    begin_session({1});
    const auto stream = open_stream();
    a.write(stream, 0, 1000);
    b.write(stream, 0, 500);
    a.link.finish(stream);
    settle();
    b.read(stream);
    a.read(stream);
    settle();
    EXPECT_EQ(b.seen[stream].bytes, 1000U);
    EXPECT_TRUE(b.seen[stream].ended);
    EXPECT_FALSE(a.seen[stream].ended);  // half-closed: the other direction goes on
    b.write(stream, 500, 20);
    b.link.finish(stream);
    settle();
    a.read(stream);
    settle();
    EXPECT_EQ(a.seen[stream].bytes, 520U);
    EXPECT_TRUE(a.seen[stream].closed);
    EXPECT_TRUE(b.seen[stream].closed);
    EXPECT_EQ(a.link.streams() + b.link.streams(), 0U);
}

TEST_F(TwoEnds, refusal_reaches_the_opener_with_its_reason) {
    begin_session({1});
    const auto stream = a.link.open("refused");
    settle();
    EXPECT_TRUE(a.seen[*stream].failed);
    EXPECT_EQ(a.seen[*stream].error.code, ErrorCode::kServiceUnknown);
    EXPECT_EQ(b.link.streams(), 0U);
}

TEST_F(TwoEnds, reset_ends_both_directions_at_the_other_end_with_its_error) {
    begin_session({1});
    const auto stream = open_stream();
    a.link.reset(stream, Error{ErrorCode::kSystemFailed, "the program is gone", "", ""});
    settle();
    EXPECT_TRUE(b.seen[stream].failed);
    EXPECT_EQ(b.seen[stream].error.what, "the program is gone");
}

TEST_F(TwoEnds, stalled_reader_stops_only_its_own_stream) {
    begin_session({1});
    const auto stalled = open_stream();
    const auto lively = open_stream();
    std::uint64_t stalled_sent = 0, lively_sent = 0;
    for (int round = 0; round < 20; ++round) {
        stalled_sent += a.write(stalled, stalled_sent, 32 * 1024);
        lively_sent += a.write(lively, lively_sent, 32 * 1024);
        settle();
        b.read(lively);
        settle();
    }
    EXPECT_LE(stalled_sent, 512 * 1024U);  // its credit and what the sender takes ahead of it
    EXPECT_EQ(b.seen[lively].bytes, 20 * 32 * 1024U);
    while (b.seen[stalled].bytes < stalled_sent) {
        const auto before = b.seen[stalled].bytes;
        b.read(stalled);
        settle();
        ASSERT_GT(b.seen[stalled].bytes, before);
    }
}

TEST_F(TwoEnds, one_stream_uses_every_channel) {
    begin_session({1, 2, 3});
    const auto stream = open_stream();
    a.write(stream, 0, 3 * BlockPool::kFull);
    for (const ChannelId channel : {3, 1, 2}) EXPECT_EQ(stream_of(pull_from(a, channel)), stream);
}

TEST_F(TwoEnds, control_goes_before_interactive_and_that_before_bulk) {
    begin_session({1});
    const auto bulk = *a.link.open("bulk");
    const auto interactive = open_stream();
    a.write(bulk, 0, 64 * 1024);
    a.write(interactive, 0, 10);
    (void)a.link.open("another");
    for (const auto expected : {StreamId{0}, interactive, bulk}) EXPECT_EQ(stream_of(pull_from(a, 1)), expected);
}

TEST_F(TwoEnds, services_are_told_at_the_beginning_and_on_change) {
    b.link.announce({"libvirt"});
    begin_session({1});
    settle();
    EXPECT_EQ(a.services, std::vector<std::string>{"libvirt"});
    b.link.announce({"etcd-peer", "libvirt"});
    settle();
    EXPECT_EQ(a.services.size(), 2U);
}

TEST_F(TwoEnds, new_session_fails_every_stream_and_works) {
    begin_session({1});
    const auto old = open_stream();
    a.write(old, 0, 1000);
    cut(1);
    begin_session({2});
    EXPECT_TRUE(a.seen[old].failed);
    EXPECT_TRUE(b.seen[old].failed);
    const auto stream = open_stream();
    a.write(stream, 0, 10);
    settle();
    b.read(stream);
    EXPECT_EQ(b.seen[stream].bytes, 10U);
}

TEST_F(TwoEnds, frames_of_a_stream_that_is_gone_are_ignored_and_counted) {
    begin_session({1});
    const auto stream = open_stream();
    a.write(stream, 0, 100);
    pull(1);
    b.link.reset(stream, Error{});
    deliver_one(1);
    EXPECT_EQ(b.link.counters().ignored_frames, 1U);
}

Bytes data_frame(StreamId stream, std::uint64_t offset, std::size_t size) {
    Bytes frame;
    append_frame(frame, FrameType::kData, stream, offset, Bytes(size));
    return frame;
}
Bytes ack_frame(StreamId stream, std::uint64_t offset, std::uint64_t limit) {
    Bytes frame, payload;
    ByteWriter(payload).number(limit);
    append_frame(frame, FrameType::kAck, stream, offset, payload);
    return frame;
}
Bytes arrived_frame(std::uint64_t count) {
    Bytes frame;
    append_frame(frame, FrameType::kArrived, 0, count, {});
    return frame;
}

TEST_F(TwoEnds, violations_are_refused) {
    begin_session({1});
    const auto stream = open_stream();
    const std::uint64_t limit = b.link.status(stream)->window;
    EXPECT_FALSE(deliver(b, 1, data_frame(stream, limit - 5, 6)));                // beyond the credit
    EXPECT_FALSE(deliver(b, 1, data_frame(stream, ~std::uint64_t{0} - 2, 100)));  // around the end of all numbers
    EXPECT_FALSE(deliver(b, 1, ack_frame(stream, 1, 0)));                         // never sent
    EXPECT_FALSE(deliver(b, 1, data_frame(0, 1 << 20, kMaxPayload)));             // stream 0 has a limit too
    EXPECT_FALSE(deliver(b, 1, arrived_frame(1'000)));                            // so many were never sent
    Bytes control, frame;
    append_message(control, DoneMessage{stream});  // without FIN
    a.link.restart({});
    b.link.restart({});
    append_frame(frame, FrameType::kData, 0, 0, control);
    EXPECT_TRUE(deliver(b, 1, frame));  // the stream is gone: ignored
    control.clear();
    frame.clear();
    append_message(control, OpenMessage{2, 100, "x"});  // b opens even streams itself
    append_frame(frame, FrameType::kData, 0, 13, control);
    EXPECT_FALSE(deliver(b, 1, frame));
}

TEST(LogicalLink, random_valid_frames_with_flipped_bits_never_break_the_receiver) {
    for (unsigned seed = 0; seed < 300; ++seed) {
        std::mt19937 random(seed);
        End one(true), other(false);
        one.link.add_channel(1, true);
        other.link.add_channel(1, true);
        const auto stream = one.link.open("service");
        for (int i = 0; i < 50; ++i) {
            one.write(*stream, 0, random() % 5'000);
            for (auto* end : {&one, &other}) {
                auto frame = pull_from(*end, 1);
                if (frame.empty()) continue;
                if (random() % 3 == 0) frame[8 + random() % (frame.size() - 8)] ^= static_cast<std::byte>(random());
                (void)deliver(end == &one ? other : one, 1, frame);  // accepted or refused; the sanitizers judge
            }
        }
    }
}

// --- channels that are lost or late ---

TEST_F(TwoEnds, what_a_lost_channel_carried_is_sent_again_on_another) {
    begin_session({1, 2});
    const auto stream = open_stream();
    const auto size = a.write(stream, 0, 50'000);
    for (int i = 0; i < 3; ++i) ASSERT_FALSE(pull_from(a, 1, now).empty());  // and never delivered
    cut(1);
    settle();
    b.read(stream);
    EXPECT_EQ(b.seen[stream].bytes, size);
    EXPECT_EQ(a.link.counters().resent_bytes, 3 * BlockPool::kFull);
}

TEST_F(TwoEnds, what_had_arrived_on_a_lost_channel_is_not_sent_again) {
    begin_session({1, 2});
    const auto stream = open_stream();
    a.write(stream, 0, 10'000);
    settle();
    cut(1);
    cut(2);
    connect(3);
    settle();
    EXPECT_EQ(a.link.counters().resent_bytes, 0U);
    EXPECT_EQ(b.link.counters().duplicate_bytes, 0U);
}

TEST_F(TwoEnds, channel_that_delivers_nothing_while_others_do_is_late_and_what_it_carries_is_sent_on_them) {
    begin_session({1, 2});
    const auto stream = open_stream();
    a.write(stream, 0, 1'000);
    auto stuck = pull_from(a, 1, now);
    ASSERT_EQ(stream_of(stuck), stream);
    for (int i = 0; i < 20 && !a.link.is_late(1); ++i) tick();
    ASSERT_TRUE(a.link.is_late(1));
    EXPECT_EQ(a.link.counters().late_channels, 1U);
    while (!wires.at(2)[0].empty() || a.link.has_work()) {
        pull(2);
        deliver_one(2);
    }
    b.read(stream);
    EXPECT_EQ(b.seen[stream].bytes, 1'000U);
    EXPECT_TRUE(pull_from(a, 1, now).empty());  // nothing more for the late one

    // What it carried arrives at last: dropped, and the channel is as good as any again.
    ASSERT_TRUE(deliver(b, 1, stuck, now));
    EXPECT_EQ(b.link.counters().duplicate_bytes, 1'000U);
    settle();
    EXPECT_FALSE(a.link.is_late(1));
}

TEST_F(TwoEnds, control_takes_the_express_channel_and_another_one_when_that_is_late) {
    begin_session({1, 2});
    const auto bulk = open_stream();
    a.link.set_express(1);
    (void)a.link.open("control");  // OPEN: a control message
    a.write(bulk, 0, 100);
    const auto first = pull_from(a, 2, now);
    EXPECT_EQ(stream_of(first), bulk);               // control waits for its own channel
    ASSERT_EQ(stream_of(pull_from(a, 1, now)), 0U);  // where it is lost
    ASSERT_TRUE(deliver(b, 2, first, now));
    std::uint64_t offset = 100;
    bool again = false;
    for (int i = 0; i < 50 && !again; ++i) {  // meanwhile the other one delivers
        offset += a.write(bulk, offset, 100);
        tick();
        auto frame = pull_from(a, 2, now);
        again = a.link.is_late(1) && !frame.empty() && stream_of(frame) == 0;
        if (!frame.empty()) {
            ASSERT_TRUE(deliver(b, 2, frame, now));
        }
        frame = pull_from(b, 2, now);
        if (!frame.empty()) {
            ASSERT_TRUE(deliver(a, 2, frame, now));
        }
    }
    EXPECT_TRUE(again);
}

TEST_F(TwoEnds, bulk_leaves_the_express_channel_nearly_clear_while_there_is_control) {
    begin_session({1, 2, 3, 4});
    const auto bulk = open_stream();
    a.link.set_express(1);
    EXPECT_TRUE(a.link.is_kept_clear(1, now));
    EXPECT_FALSE(a.link.is_kept_clear(2, now));
    a.write(bulk, 0, 4 * BlockPool::kFull);
    OutFrame frame;
    EXPECT_FALSE(a.link.pull(1, now, frame, 0));  // as the channel finds its socket not empty
    ASSERT_TRUE(a.link.pull(1, now, frame, 3'000));
    EXPECT_EQ(frame.body().size(), 3'000U);
    a.write(bulk, 4 * BlockPool::kFull, 1);
    (void)a.link.open("control");
    ASSERT_TRUE(a.link.pull(1, now, frame, 0));
    EXPECT_EQ(stream_of(bytes_of(frame)), 0U);
    now += std::chrono::seconds(2);
    EXPECT_FALSE(a.link.is_kept_clear(1, now));
    cut(4);
    (void)a.link.open("control");
    ASSERT_EQ(stream_of(pull_from(a, 1, now)), 0U);
    EXPECT_FALSE(a.link.is_kept_clear(1, now));  // three channels are too few to keep one clear
}

TEST_F(TwoEnds, no_channel_is_late_when_all_stand_still) {
    begin_session({1, 2});
    const auto stream = open_stream();
    a.write(stream, 0, 2 * BlockPool::kFull);
    ASSERT_FALSE(pull_from(a, 1, now).empty());
    ASSERT_FALSE(pull_from(a, 2, now).empty());
    for (int i = 0; i < 300; ++i) tick();
    EXPECT_FALSE(a.link.is_late(1) || a.link.is_late(2));
}

TEST_F(TwoEnds, acknowledgements_of_a_lost_channel_are_given_again) {
    begin_session({1});
    const auto stream = open_stream();
    const auto size = a.write(stream, 0, 200'000);
    while (a.link.has_work()) {  // everything reaches b, no acknowledgement reaches a
        pull(1);
        ASSERT_TRUE(wires.at(1)[0].empty() || deliver(b, 1, wires.at(1)[0].front(), now));
        wires.at(1)[0].clear();
    }
    b.read(stream);
    cut(1);
    connect(2);
    settle();
    EXPECT_EQ(a.link.status(stream)->unacknowledged, size - b.link.status(stream)->received_bytes);
}

// An isfcd of before ARRIVED: streams' acknowledgements say what a lost channel had delivered.
TEST_F(TwoEnds, channel_to_a_peer_without_arrived_loses_nothing_either) {
    for (const ChannelId channel : {1, 2}) {
        wires[channel];
        a.link.add_channel(channel, false);
        b.link.add_channel(channel, false);
    }
    const auto stream = open_stream();
    const auto size = a.write(stream, 0, 60'000);
    for (int i = 0; i < 2; ++i) ASSERT_FALSE(pull_from(a, 1, now).empty());
    EXPECT_FALSE(a.link.has_channels() && a.link.flight(1)->is_empty());
    cut(1);
    settle();
    b.read(stream);
    EXPECT_EQ(b.seen[stream].bytes, size);
}

// --- windows and memory ---

TEST(LogicalLink, window_grows_while_it_holds_up_a_stream_whose_program_keeps_up) {
    End far(true, 64 << 20), near(false, 64 << 20);
    far.link.add_channel(1, true);
    near.link.add_channel(1, true);
    const auto stream = *far.link.open("bulk");
    std::uint64_t sent = 0;
    std::uint32_t first = 0;
    for (int i = 0; i < 3'000; ++i) {
        sent += far.write(stream, sent, 100'000);
        for (int frames = 0; frames < 3 && carry(far, near); ++frames) {
        }
        near.read(stream);
        if (first == 0 && near.link.status(stream)) first = near.link.status(stream)->window;
        if (i % 40 != 0) continue;  // acknowledgements come late: the window holds the sender up
        while (carry(near, far)) {
        }
    }
    EXPECT_EQ(first, WindowBudget::kFirst);
    EXPECT_GT(near.link.status(stream)->window, 2 * first);
}

TEST(LogicalLink, streams_together_hold_no_more_than_the_memory_at_either_end) {
    constexpr std::size_t kMemory = 2 << 20;
    End far(true, kMemory), near(false, kMemory);
    far.link.add_channel(1, true);
    near.link.add_channel(1, true);
    std::vector<StreamId> streams;
    for (int i = 0; i < 100; ++i) streams.push_back(*far.link.open("bulk"));
    std::map<StreamId, std::uint64_t> sent;
    for (int round = 0; round < 10; ++round) {
        for (const auto stream : streams) sent[stream] += far.write(stream, sent[stream], 1 << 20);
        while (carry(far, near) || carry(near, far)) {
        }
    }
    std::size_t held = 0, unread = 0;
    for (const auto stream : streams) {
        held += far.link.status(stream)->unacknowledged;
        unread += near.link.status(stream)->unread;
    }
    EXPECT_LE(held, kMemory + streams.size() * BlockPool::kFull);
    EXPECT_LE(unread, kMemory + streams.size() * WindowBudget::kLeast);
}

// Rule R7 under cuts: channels lose what is under way, come and go, and the ends notice at different times; yet every
// byte comes once and in order, and every stream that ends was delivered whole.
TEST(LogicalLink, random_cuts_lose_and_double_no_byte) {
    std::uint64_t resent = 0;
    for (unsigned seed = 0; seed < 120; ++seed) {
        SCOPED_TRACE(seed);
        std::mt19937 random(seed);
        const auto chance = [&](unsigned one_in) { return random() % one_in == 0; };
        End ends[2]{End(true, 64 * 1024), End(false, 64 * 1024)};  // windows of 4 KiB
        struct Wire {
            std::deque<Bytes> to[2];
            bool up[2] = {true, true};
        };
        std::map<ChannelId, Wire> wires;
        ChannelId last_channel = 0;
        const auto connect = [&] {
            wires[++last_channel];
            for (auto& end : ends) end.link.add_channel(last_channel, seed % 4 != 0);
        };
        Time now{std::chrono::hours(1)};
        for (int i = 0; i < 3; ++i) connect();

        constexpr std::uint64_t kSize = 60'000;
        struct Flow {
            std::uint64_t sent = 0;
            bool finished = false;
        };
        std::map<StreamId, std::array<Flow, 2>> flows;
        for (int i = 0; i < 4; ++i) {
            flows[*ends[0].link.open("service")];
            flows[*ends[1].link.open("service")];
        }
        const auto all_closed = [&] {
            return std::ranges::all_of(
                flows, [&](auto& flow) { return ends[0].seen[flow.first].closed && ends[1].seen[flow.first].closed; });
        };
        int step = 0;
        for (; step < 200'000 && !all_closed(); ++step) {
            for (auto& [stream, directions] : flows)
                for (std::size_t side = 0; side < 2; ++side) {
                    auto& flow = directions[side];
                    if (chance(4)) ends[1 - side].read(stream, random() % 5'000);
                    if (::testing::Test::HasFatalFailure()) return;
                    const bool is_mine = (stream % 2 == 1) == (side == 0);
                    if (flow.finished || (is_mine && !ends[side].seen[stream].opened)) continue;
                    if (chance(3))
                        flow.sent += ends[side].write(stream, flow.sent,
                                                      std::min<std::uint64_t>(random() % 3'000, kSize - flow.sent));
                    if (flow.sent == kSize) {
                        ends[side].link.finish(stream);
                        flow.finished = true;
                    }
                }
            for (auto wire = wires.begin(); wire != wires.end();) {
                auto& [channel, state] = *wire;
                for (std::size_t side = 0; side < 2; ++side) {
                    if (state.up[side] && state.to[1 - side].size() < 4)
                        if (auto frame = pull_from(ends[side], channel, now); !frame.empty())
                            state.to[1 - side].push_back(std::move(frame));
                    // What is under way may still arrive at an end that has not noticed the cut.
                    if (state.up[side] && !state.to[side].empty() && chance(2)) {
                        ASSERT_TRUE(deliver(ends[side], channel, state.to[side].front(), now));
                        state.to[side].pop_front();
                    }
                    const bool other_gone = !state.up[1 - side];
                    if (state.up[side] && (other_gone ? chance(10) : chance(150))) {
                        state.up[side] = false;
                        ends[side].link.remove_channel(channel);
                    }
                }
                wire = !state.up[0] && !state.up[1] ? wires.erase(wire) : std::next(wire);
            }
            if (wires.size() < 3 && chance(50)) connect();
            now += std::chrono::microseconds(random() % 500);
            if (chance(10))
                for (auto& end : ends) end.link.tick(now);
        }
        ASSERT_TRUE(all_closed()) << "after " << step << " steps";
        for (auto& [stream, directions] : flows)
            for (auto& end : ends) {
                ASSERT_EQ(end.seen[stream].bytes, kSize);
                ASSERT_FALSE(end.seen[stream].failed);
            }
        for (auto& end : ends) resent += end.link.counters().resent_bytes;
    }
    EXPECT_GT(resent, 0U);
}

}  // namespace
}  // namespace ssi::isfc
