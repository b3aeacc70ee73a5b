#include "tests/sim/isfc_sim_flows.hpp"

#include <cstring>
#include <format>
#include <utility>

namespace ssi::isfc::sim {
namespace {

/// The bytes of all streams: random, and of a length that no block or frame divides.
constexpr std::size_t kPatternSize = 65'521;
const std::vector<std::byte>& pattern() {
    static const auto bytes = [] {
        std::mt19937_64 random(1);
        std::vector<std::byte> made(2 * kPatternSize);
        for (std::size_t i = 0; i < kPatternSize; ++i)
            made[i] = made[i + kPatternSize] = static_cast<std::byte>(random());
        return made;
    }();
    return bytes;
}

/// What a program writes at `offset`: at most kPatternSize bytes.
ByteView bytes_at(const Flow& flow, Side writer, std::uint64_t offset, std::size_t size) {
    const auto from = (flow.number * 7'919 + writer * 104'729 + offset) % kPatternSize;
    return ByteView(pattern()).subspan(from, size);
}

}  // namespace

Flow* Flows::find(Side side, StreamId stream) {
    const auto found = by_stream_[side].find(stream);
    return found == by_stream_[side].end() ? nullptr : found->second;
}

Flow* Flows::open(Side opener, StreamClass stream_class, bool refused, const std::array<Plan, 2>& plans) {
    if (!ends_[opener] || !ends_[opener]->is_up()) return nullptr;
    const auto& end = ends_[opener];
    if (end->link().streams() >= end->options().link.max_streams) return nullptr;
    auto& flow = *flows_.emplace_back(std::make_unique<Flow>());
    flow.number = flows_.size() - 1;
    flow.opener = opener;
    flow.stream_class = stream_class;
    flow.refused = refused;
    for (const Side side : {0UL, 1UL}) flow.programs[side].plan = plans[side];
    const auto stream = end->link().open(std::to_string(flow.number));
    if (!stream) throw Violation("a stream cannot be opened: " + stream.error().what);
    auto& program = flow.programs[opener];
    program.stream = *stream;
    program.epoch = end->epoch();
    program.outcome = Outcome::kOpen;
    by_stream_[opener][*stream] = &flow;
    // PeerLink::open_for_program waits so long for the answer.
    end->act(end->options().timing.link_timeout, [this, &flow, opener] {
        const auto status = link(opener).status(flow.programs[opener].stream);
        if (flow.has_ended(opener) || !status || status->is_open) return;
        flow.programs[opener].reset_by_itself = true;
        link(opener).reset(flow.programs[opener].stream, Error{ErrorCode::kTimedOut, "not opened in time", "", ""});
        ended(flow, opener, Outcome::kError);
    });
    return &flow;
}

void Flows::requested(Side side, StreamId stream, const std::string& service) {
    auto& flow = *flows_.at(std::stoul(service));
    const auto epoch = ends_[side]->epoch();
    if (flow.programs[side].outcome != Outcome::kNone) throw Violation("a stream is requested twice");
    const auto delay = world_.chance(0.5) ? Duration(0) : world_.between(Duration(0), Duration(20'000));
    ends_[side]->act(delay, [this, &flow, side, stream, epoch] {
        if (epoch != ends_[side]->epoch()) return;
        if (flow.refused) return link(side).refuse(stream, Error{ErrorCode::kServiceUnknown, "refused", "", ""});
        if (!link(side).accept(stream, flow.stream_class)) return;
        flow.programs[side].stream = stream;
        flow.programs[side].epoch = epoch;
        flow.programs[side].outcome = Outcome::kOpen;
        by_stream_[side][stream] = &flow;
        begin(flow, side);
    });
}

void Flows::opened(Side side, StreamId stream) {
    auto* flow = find(side, stream);
    if (flow == nullptr) throw Violation("a stream that nobody opened is open");
    ends_[side]->act(Duration(0), [this, flow, side] { begin(*flow, side); });
}

void Flows::begin(Flow& flow, Side side) {
    if (flow.has_ended(side)) return;
    write_soon(flow, side, Duration(0));
    read_soon(flow, side);
}

// --- writing ---

void Flows::write_soon(Flow& flow, Side side, Duration delay) {
    ends_[side]->act(delay, [this, &flow, side] { write(flow, side); });
}

void Flows::writable(Side side, StreamId stream) {
    auto* flow = find(side, stream);
    if (flow == nullptr || !std::exchange(flow->programs[side].waits_for_room, false)) return;
    write_soon(*flow, side, Duration(0));
}

void Flows::write(Flow& flow, Side side) {
    auto& program = flow.programs[side];
    const auto& plan = program.plan;
    if (flow.has_ended(side) || program.finished) return;
    const auto room = link(side).room(program.stream);
    auto size = std::min<std::uint64_t>(plan.writes - program.written, std::min({room, plan.at_once, kPatternSize}));
    if (program.written < plan.resets_at) size = std::min(size, plan.resets_at - program.written);
    if (world_.chance(0.5)) {
        link(side).write(program.stream, bytes_at(flow, side, program.written, size));
        program.written += size;
    } else if (size > 0) {
        std::size_t copied = 0;
        for (const auto space : link(side).space(program.stream, size)) {
            std::ranges::copy(bytes_at(flow, side, program.written + copied, space.size()), space.begin());
            copied += space.size();
        }
        if (world_.chance(plan.commits_less)) copied = world_.number(copied + 1);
        link(side).commit(program.stream, copied);
        program.written += copied;
    }
    if (program.written >= plan.resets_at) {
        program.reset_by_itself = true;
        link(side).reset(program.stream, Error{ErrorCode::kSystemFailed, "the program is gone", "", ""});
        return ended(flow, side, Outcome::kError);
    }
    if (program.written == plan.writes) {
        if (!plan.finishes) return;
        program.finished = true;
        return link(side).finish(program.stream);
    }
    if (link(side).room(program.stream) == 0)
        program.waits_for_room = true;
    else
        write_soon(flow, side, plan.pause);
}

// --- reading ---

void Flows::readable(Side side, StreamId stream) {
    if (auto* flow = find(side, stream); flow != nullptr) read_soon(*flow, side);
}

void Flows::read_soon(Flow& flow, Side side) {
    auto& program = flow.programs[side];
    if (flow.has_ended(side) || program.plan.stalls || std::exchange(program.reading, true)) return;
    ends_[side]->act(program.plan.reads_every, [this, &flow, side] { read(flow, side); });
}

void Flows::read(Flow& flow, Side side) {
    auto& program = flow.programs[side];
    program.reading = false;
    if (flow.has_ended(side) || program.got_end || program.plan.stalls) return;
    std::size_t taken = 0;
    for (const auto view : link(side).readable(program.stream)) {
        const auto part = view.first(std::min({view.size(), program.plan.at_once - taken, kPatternSize}));
        const auto expected = bytes_at(flow, 1 - side, program.read + taken, part.size());
        if (std::memcmp(part.data(), expected.data(), part.size()) != 0)
            throw Violation(std::format("wrong bytes after {}: {}", program.read + taken, describe(flow)));
        taken += part.size();
        if (taken == program.plan.at_once) break;
    }
    program.read += taken;
    if (program.read > flow.programs[1 - side].written) throw Violation("bytes of nobody: " + describe(flow));
    link(side).consume(program.stream, taken);
    if (taken > 0) {
        const auto gap = std::chrono::duration_cast<Duration>(world_.now() - program.last_read);
        if (program.read > taken) program.longest_gap = std::max(program.longest_gap, gap);
        program.last_read = world_.now();
    }
    if (!link(side).at_end(program.stream)) {
        if (!link(side).readable(program.stream).empty()) read_soon(flow, side);
        return;
    }
    const auto& writer = flow.programs[1 - side];
    if (!writer.finished || program.read != writer.written)
        throw Violation("an end of file that is none: " + describe(flow));
    program.got_end = true;
    link(side).end_delivered(program.stream);
}

// --- ends ---

void Flows::ended(Flow& flow, Side side, Outcome outcome) {
    auto& program = flow.programs[side];
    if (flow.has_ended(side)) throw Violation("a stream ends twice: " + describe(flow));
    program.outcome = outcome;
    if (world_.tells) world_.tell("side {}: {}", side, describe(flow));
    by_stream_[side].erase(program.stream);
}

void Flows::closed(Side side, StreamId stream) {
    auto* flow = find(side, stream);
    if (flow == nullptr) throw Violation("a stream of nobody is closed");
    const auto& own = flow->programs[side];
    const auto& far = flow->programs[1 - side];
    if (!own.finished || !own.got_end || !far.got_end || own.read != far.written || far.read != own.written)
        throw Violation("a stream ends well, but was not delivered: " + describe(*flow));
    ended(*flow, side, Outcome::kGood);
}

void Flows::failed(Side side, StreamId stream, const Error&) {
    if (auto* flow = find(side, stream); flow != nullptr) ended(*flow, side, Outcome::kError);
}

void Flows::died(Side side) {
    ends_[side] = nullptr;
    for (const auto& flow : flows_)
        if (flow->programs[side].outcome == Outcome::kOpen) ended(*flow, side, Outcome::kError);
}

void Flows::wind_up(bool stalled_too) {
    for (const auto& flow : flows_)
        for (const Side side : {0UL, 1UL}) {
            auto& program = flow->programs[side];
            program.plan.pause = Duration(0);
            program.plan.reads_every = Duration(0);
            program.plan.at_once = std::max<std::size_t>(program.plan.at_once, 4'096);
            program.plan.finishes = true;
            if (stalled_too) program.plan.stalls = false;
            if (program.outcome != Outcome::kOpen || !ends_[side]) continue;
            const auto status = link(side).status(program.stream);
            if (!status || !status->is_open) continue;
            if (!program.finished && program.written == program.plan.writes) write_soon(*flow, side, Duration(0));
            read_soon(*flow, side);
        }
}

bool Flows::all_over() const {
    return std::ranges::all_of(flows_, [](const auto& flow) { return flow->is_over(); });
}

bool Flows::all_others_over() const {
    return std::ranges::all_of(flows_, [](const auto& flow) {
        return flow->is_over() || flow->programs[0].plan.stalls || flow->programs[1].plan.stalls;
    });
}

// --- checks ---

void Flows::check_memory(Side side) const {
    if (!ends_[side]) return;
    const auto memory = ends_[side]->options().link.memory;
    std::size_t unacknowledged = 0, unread = 0, streams = 0;
    for (const auto& [stream, flow] : by_stream_[side]) {
        const auto status = ends_[side]->link().status(stream);
        if (!status) continue;
        ++streams;
        unacknowledged += status->unacknowledged;
        unread += status->unread;
    }
    if (unacknowledged > memory + streams * BlockPool::kFull)
        throw Violation(
            std::format("{} streams hold {} bytes to be sent, the memory is {}", streams, unacknowledged, memory));
    if (unread > memory + streams * WindowBudget::kLeast)
        throw Violation(std::format("{} streams hold {} unread bytes, the memory is {}", streams, unread, memory));
}

void Flows::check_outcomes(bool sessions_lost) const {
    for (const auto& flow : flows_) {
        if (!flow->is_over()) throw Violation("a stream hangs: " + describe(*flow));
        const auto& [one, other] = flow->programs;
        if (one.outcome == other.outcome) continue;
        const auto& opener = flow->programs[flow->opener];
        if (flow->programs[1 - flow->opener].outcome == Outcome::kNone) {
            if (opener.outcome != Outcome::kError) throw Violation("opened by nobody: " + describe(*flow));
            continue;
        }
        // One end has ended well: each byte was delivered (closed() checked it), and the other end cannot know it
        // for certain if its session or its own program ended before it heard so.
        const auto& failed = one.outcome == Outcome::kError ? one : other;
        if (!failed.reset_by_itself && !sessions_lost) throw Violation("an error without a reason: " + describe(*flow));
    }
}

std::string Flows::describe(const Flow& flow) const {
    std::string text =
        std::format("flow {} of side {}, class {}", flow.number, flow.opener, static_cast<int>(flow.stream_class));
    for (const Side side : {0UL, 1UL}) {
        const auto& program = flow.programs[side];
        text += std::format("; side {}: stream {} outcome {} wrote {} of {}{}{} read {}{}{}{}", side, program.stream,
                            static_cast<int>(program.outcome), program.written, program.plan.writes,
                            program.finished ? " finished" : "", program.waits_for_room ? " waits for room" : "",
                            program.read, program.got_end ? " to the end" : "", program.plan.stalls ? " stalls" : "",
                            program.reset_by_itself ? " reset" : "");
        const auto status = ends_[side] ? ends_[side]->link().status(program.stream) : std::nullopt;
        if (status)
            text += std::format(" (open {} sent {} received {} unacknowledged {} unread {} window {})", status->is_open,
                                status->sent_bytes, status->received_bytes, status->unacknowledged, status->unread,
                                status->window);
    }
    return text;
}

}  // namespace ssi::isfc::sim
