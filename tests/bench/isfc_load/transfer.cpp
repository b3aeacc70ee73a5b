#include "tests/bench/isfc_load/transfer.hpp"

#include <algorithm>
#include <cstring>
#include <format>
#include <future>
#include <random>
#include <stdexcept>

namespace ssi::bench {
namespace {

constexpr std::size_t kStampDistance = 16 * 1024;
constexpr std::size_t kReadSize = 256 * 1024;
constexpr auto kTick = std::chrono::milliseconds(1);  // the grid on which arrivals are counted
constexpr auto kLeastGap = std::chrono::milliseconds(2);
constexpr std::size_t kMostGaps = 10'000;

/// Calls function(stream) for each stream in a thread of its own; waits for all; the first failure is thrown.
template <class Function>
auto each_in_its_thread(const Streams& streams, Function function) {
    std::vector<std::future<decltype(function(*streams.front()))>> threads;
    for (const auto& stream : streams)
        threads.push_back(std::async(std::launch::async, [&function, &stream] { return function(*stream); }));
    std::vector<decltype(function(*streams.front()))> results;
    for (auto& thread : threads) results.push_back(thread.get());
    return results;
}

std::uint64_t send_one(ByteStream& stream, Clock::time_point end, std::size_t block) {
    std::vector<std::byte> bytes(block);
    std::minstd_rand random(1);  // no zeros, which something on the way might treat better
    for (auto& byte : bytes) byte = static_cast<std::byte>(random());
    std::uint64_t sent = 0;
    while (Clock::now() < end) {
        for (std::size_t at = 0; at < block; at += kStampDistance) {
            const std::uint64_t position = sent + at;
            std::memcpy(bytes.data() + at, &position, sizeof position);
        }
        stream.write(bytes);
        sent += block;
    }
    stream.finish();
    std::byte answer{};
    if (stream.read(std::span(&answer, 1)) != 0) throw std::runtime_error("the receiver answered");
    return sent;
}

/// What one stream has received.
struct Arrivals {
    Clock::time_point first;
    Clock::time_point last;
    std::vector<std::uint64_t> per_tick;  ///< Bytes, from the beginning on.
    std::uint64_t bytes = 0;
    std::vector<Gap> gaps;
};

void check_stamps(std::span<const std::byte> bytes, std::uint64_t offset) {
    auto position = (offset + kStampDistance - 1) / kStampDistance * kStampDistance;
    for (; position + sizeof position <= offset + bytes.size(); position += kStampDistance) {
        std::uint64_t found = 0;
        std::memcpy(&found, bytes.data() + (position - offset), sizeof found);
        if (found != position) throw std::runtime_error(std::format("bytes of {} came at {}", found, position));
    }
}

Arrivals receive_one(ByteStream& stream, Clock::time_point start) {
    Arrivals arrivals;
    std::vector<std::byte> bytes(kReadSize);
    while (const auto count = stream.read(bytes)) {
        const auto now = Clock::now();
        if (arrivals.bytes == 0) {
            arrivals.first = now;
        } else if (now - arrivals.last >= kLeastGap && arrivals.gaps.size() < kMostGaps) {
            arrivals.gaps.push_back({arrivals.last, now - arrivals.last});
        }
        check_stamps(std::span(bytes).first(count), arrivals.bytes);
        const auto tick = static_cast<std::size_t>((now - start) / kTick);
        if (arrivals.per_tick.size() <= tick) arrivals.per_tick.resize(tick + 1000);
        arrivals.per_tick[tick] += count;
        arrivals.bytes += count;
        arrivals.last = now;
    }
    stream.finish();
    return arrivals;
}

}  // namespace

std::uint64_t send_for(const Streams& streams, Clock::duration time, std::size_t block) {
    const auto end = Clock::now() + time;
    std::uint64_t total = 0;
    for (const auto sent :
         each_in_its_thread(streams, [&](ByteStream& stream) { return send_one(stream, end, block); }))
        total += sent;
    return total;
}

Received receive_all(const Streams& streams, Clock::duration skip, Clock::duration window) {
    const auto start = Clock::now();
    const auto all = each_in_its_thread(streams, [&](ByteStream& stream) { return receive_one(stream, start); });

    auto first = Clock::time_point::max();
    auto last = start;
    Received received;
    for (const auto& arrivals : all) {
        if (arrivals.bytes == 0) throw std::runtime_error("a stream brought no byte");
        first = std::min(first, arrivals.first);
        last = std::max(last, arrivals.last);
        received.bytes += arrivals.bytes;
        received.gaps.insert(received.gaps.end(), arrivals.gaps.begin(), arrivals.gaps.end());
    }
    const auto from = static_cast<std::size_t>((first + skip - start) / kTick);
    const auto to = from + static_cast<std::size_t>(window / kTick);
    if (last < start + kTick * to) throw std::runtime_error("the bytes ended before the window did");
    std::uint64_t within = 0;
    for (const auto& arrivals : all)
        for (auto tick = from; tick < std::min(to, arrivals.per_tick.size()); ++tick) within += arrivals.per_tick[tick];
    received.rate = static_cast<double>(within) / std::chrono::duration<double>(window).count();
    return received;
}

}  // namespace ssi::bench
