#include "tests/sim/sim_shares.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <format>
#include <span>
#include <system_error>
#include <thread>

#include "tests/sim/sim_seeds.hpp"

namespace ssi::sim {
namespace {

std::string wrong_in(std::uint64_t seed, Totals& totals) {
    std::string text;
    try {
        for (const auto& wrong : play_by_chance(seed, totals)) text += std::format("seed {}: {}\n", seed, wrong);
    } catch (const std::exception& violation) {
        text = std::format("seed {}: {}\n", seed, violation.what());
    }
    return text;
}

/// Mixed, for what a seed costs goes with its remainders: every other one has a PDR.
bool is_of(std::uint64_t player, std::uint64_t players, std::uint64_t seed) {
    return (seed * 0x9e3779b97f4a7c15U >> 32) % players == player;
}

Share play(std::uint64_t first, std::uint64_t end, std::uint64_t player, std::uint64_t players) {
    Share share;
    for (auto seed = first; seed < end && share.wrong.empty(); ++seed)
        if (is_of(player, players, seed)) share.wrong = wrong_in(seed, share.totals);
    return share;
}

void write_all(int to, std::span<const char> bytes) {
    while (!bytes.empty()) {
        const auto written = ::write(to, bytes.data(), bytes.size());
        if (written < 0) std::abort();
        bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
}

std::string read_all(int from) {
    std::string bytes;
    char buffer[4096];
    while (true) {
        const auto size = ::read(from, buffer, sizeof buffer);
        if (size < 0 && errno == EINTR) continue;
        if (size <= 0) return bytes;
        bytes.append(buffer, static_cast<std::size_t>(size));
    }
}

struct Player {
    pid_t pid = -1;
    int answer = -1;
};

Player begin(std::uint64_t first, std::uint64_t end, std::uint64_t player, std::uint64_t players) {
    int ends[2];
    std::fflush(nullptr);  // Else both print it.
    if (::pipe(ends) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
    const auto pid = ::fork();
    if (pid < 0) throw std::system_error(errno, std::generic_category(), "fork");
    if (pid > 0) {
        ::close(ends[1]);
        return {pid, ends[0]};
    }
    const auto share = play(first, end, player, players);
    write_all(ends[1], {reinterpret_cast<const char*>(&share.totals), sizeof share.totals});
    write_all(ends[1], share.wrong);
    std::exit(0);  // In order: what measures coverage or looks for leaks does so at the end.
}

Share take(const Player& player) {
    const auto answer = read_all(player.answer);
    ::close(player.answer);
    int status = -1;
    ::waitpid(player.pid, &status, 0);
    Share share;
    if (answer.size() >= sizeof share.totals) {
        std::memcpy(&share.totals, answer.data(), sizeof share.totals);
        share.wrong = answer.substr(sizeof share.totals);
    }
    if (status != 0 || answer.size() < sizeof share.totals)
        share.wrong += std::format("a process that plays seeds ended with status {:#x}\n", status);
    return share;
}

}  // namespace

std::vector<Share> play_on_all_cores(std::uint64_t first, std::uint64_t seeds) {
    const auto jobs = environment_number("SSI_SIM_JOBS", std::max(1U, std::thread::hardware_concurrency()));
    const auto players = std::min(jobs, seeds);
    if (players <= 1) return {play(first, first + seeds, 0, 1)};
    std::vector<Player> all;
    for (std::uint64_t i = 0; i < players; ++i) all.push_back(begin(first, first + seeds, i, players));
    std::vector<Share> shares;
    for (const auto& player : all) shares.push_back(take(player));
    return shares;
}

}  // namespace ssi::sim
