#include "tests/bench/isfc_load/round_trip.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <format>
#include <future>
#include <stdexcept>
#include <thread>

namespace ssi::bench {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t kMessage = 64;
constexpr std::size_t kWarmUp = 20;  // what is cold at first is not what is measured

std::size_t ask(ByteStream& stream, std::chrono::nanoseconds time, std::chrono::nanoseconds interval) {
    std::array<std::byte, kMessage> message{};
    const auto start = Clock::now();
    std::size_t sent = 0;
    for (auto next = start; next < start + time; next += interval, ++sent) {
        std::this_thread::sleep_until(next);
        const auto now = Clock::now().time_since_epoch().count();
        std::memcpy(message.data(), &now, sizeof now);
        stream.write(message);
    }
    stream.finish();
    return sent;
}

}  // namespace

void echo(ByteStream& stream) {
    std::array<std::byte, 4096> bytes;
    while (const auto count = stream.read(bytes)) stream.write(std::span(bytes).first(count));
    stream.finish();
}

std::vector<std::chrono::nanoseconds> measure_round_trips(ByteStream& stream, std::chrono::nanoseconds time,
                                                          std::chrono::nanoseconds interval) {
    auto asking = std::async(std::launch::async, [&] { return ask(stream, time, interval); });
    std::vector<std::chrono::nanoseconds> found;
    std::array<std::byte, kMessage> message;
    std::size_t filled = 0;
    while (const auto count = stream.read(std::span(message).subspan(filled))) {
        filled += count;
        if (filled < kMessage) continue;
        filled = 0;
        Clock::rep sent = 0;
        std::memcpy(&sent, message.data(), sizeof sent);
        found.push_back(Clock::now().time_since_epoch() - Clock::duration(sent));
    }
    if (const auto sent = asking.get(); found.size() != sent || sent <= kWarmUp)
        throw std::runtime_error(std::format("{} of {} messages came back", found.size(), sent));
    found.erase(found.begin(), found.begin() + kWarmUp);
    std::ranges::sort(found);
    return found;
}

}  // namespace ssi::bench
