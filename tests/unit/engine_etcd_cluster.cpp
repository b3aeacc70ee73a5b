#include "tests/unit/engine_etcd_cluster.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <format>
#include <utility>

namespace ssi::cluster {

namespace asio = boost::asio;
namespace fs = std::filesystem;

constexpr auto kEtcd = "/usr/bin/etcd";

MemberName member_name(int number) {
    return MemberName::parse(std::format("MEMBER{}", number)).value();
}

SystemConfig test_config(int members) {
    SystemConfig config;
    config.cluster = "TEST";
    config.cluster_uuid = "5e1a3c0e-0000-4000-8000-000000000001";
    for (int number = 1; number <= members; ++number)
        config.members.push_back({member_name(number), MemberSlot::from(number).value(), ""});
    config.timing.scale = 0.2;  // of what the engine's watches are promised
    config.timing.engine_heartbeat = std::chrono::milliseconds(50);
    config.timing.engine_election = std::chrono::milliseconds(500);
    return config;
}

EtcdProcess::~EtcdProcess() {
    kill();
}

asio::awaitable<Result<void>> EtcdProcess::start(std::string unit) {
    wanted_ = true;
    if (pid_ != 0 && !has_ended()) co_return Result<void>{};
    const pid_t parent = ::getpid();
    pid_ = ::fork();
    if (pid_ < 0) co_return system_failure("cannot start " + unit, unit, errno);
    if (pid_ == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // a crashed test leaves no etcd behind
        const int log = ::open((working_directory_ / "log").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
        ::dup2(log, STDERR_FILENO);
        if (::getppid() == parent && ::chdir(working_directory_.c_str()) == 0)
            ::execl(kEtcd, "etcd", "--config-file", "etcd.json", static_cast<char*>(nullptr));
        ::_exit(127);
    }
    co_return Result<void>{};
}

bool EtcdProcess::has_ended() {
    int status = 0;
    if (pid_ == 0 || ::waitpid(pid_, &status, WNOHANG) != pid_) return false;
    ended_with_ = status;
    pid_ = 0;
    return true;
}

void EtcdProcess::tend() {
    if (!wanted_ || !has_ended()) return;
    asio::io_context io;
    (void)await(io, start("etcd"));
}

asio::awaitable<Result<void>> EtcdProcess::stop(std::string) {
    kill();
    co_return Result<void>{};
}

void EtcdProcess::kill() {
    wanted_ = false;
    if (pid_ == 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
}

void EtcdProcess::freeze() {
    ::kill(pid_, SIGSTOP);
    ::waitpid(pid_, nullptr, WUNTRACED);
}

void EtcdProcess::thaw() {
    ::kill(pid_, SIGCONT);
}

bool EtcdCluster::is_etcd_installed() {
    return ::access(kEtcd, X_OK) == 0;
}

EtcdCluster::EtcdCluster(int members, int beginning) : config_(test_config(beginning == 0 ? members : beginning)) {
    for (int number = 1; number <= members; ++number) {
        const auto root = directory_.path() / member_name(number).str();
        members_.push_back(std::make_unique<Member>(root));
        // What isfcd does: a socket there that leads to the peer.
        for (int peer = 1; peer <= members; ++peer) {
            const auto link = root / "isfc" / member_name(peer).str();
            const auto peer_etcd = directory_.path() / member_name(peer).str() / "etcd";
            fs::create_directories(link);
            fs::create_symlink(peer_etcd / (member_name(peer).str() + ":1"), link / "etcd-peer");
            fs::create_symlink(peer_etcd / "client:1", link / "etcd-client");
        }
    }
    for (int number = 1; number <= members; ++number)
        if (is_voter(config_, member_name(number))) start(number);
    config_ = test_config(members);
    auto engine = this->engine(1, std::chrono::seconds(15));
    if (auto ready = await(io, engine.read("")); !ready) throw std::runtime_error(ready.error().text());
}

void EtcdCluster::start(int number) {
    EtcdDirector director(config_, member_name(number), member(number).process, member(number).places);
    if (auto up = await(io, director.bring_up()); !up) throw std::runtime_error(up.error().text());
}

EtcdOptions EtcdCluster::options(int first, std::chrono::milliseconds timeout) {
    EtcdOptions options;
    for (std::size_t step = 0; step < members_.size(); ++step) {
        const auto index = (static_cast<std::size_t>(first - 1) + step) % members_.size();
        options.endpoints.push_back(members_[index]->places.working_directory / "client:1");
    }
    options.timeout = timeout;
    options.watch_silence = std::chrono::seconds(1);
    return options;
}

EtcdEngine EtcdCluster::engine(int first, std::chrono::milliseconds timeout) {
    return EtcdEngine(io.get_executor(), options(first, timeout));
}

void EtcdCluster::start_ssid(int number) {
    auto& it = member(number);
    const auto name = member_name(number);
    const auto run = it.places.working_directory.parent_path();
    it.keeper.reset();
    auto options = EtcdOptions::for_member(config_, name, run);
    options.timeout = std::chrono::seconds(3);
    it.engine.emplace(io.get_executor(), options);
    it.director.emplace(config_, name, it.process, it.places);
    it.keeper.emplace(config_, name, *it.engine, *it.director, clock_, io.get_executor(), run);
    it.keeper->newest_lineage = [this]() -> asio::awaitable<std::uint64_t> {
        std::uint64_t newest = 0;
        for (const auto& other : members_)
            if (const auto marker = read_marker(other->places.marker);
                other->standing == VoterStanding::kLive && marker && *marker)
                newest = std::max(newest, (*marker)->lineage);
        co_return newest;
    };
    it.keeper->facts = [this, number]() -> std::optional<VoterKeeper::Facts> {
        VoterKeeper::Facts facts;
        for (int other = 1; std::cmp_less_equal(other, members_.size()); ++other) {
            const auto standing = member(other).standing;
            if (other < number && standing == VoterStanding::kLive) return std::nullopt;
            facts.members.push_back({member_name(other), standing});
        }
        return facts;
    };
}

asio::awaitable<Result<void>> EtcdCluster::started(VoterKeeper& keeper) {
    co_await keeper.start();
    co_return Result<void>{};
}

void EtcdCluster::die(int number, bool proved) {
    auto& it = member(number);
    it.process.kill();
    it.keeper.reset();
    it.standing = proved ? VoterStanding::kGone : VoterStanding::kUnknown;
}

void EtcdCluster::rise(int number) {
    fs::remove_all(places(number).working_directory);  // a boot
    start_ssid(number);
    (void)await(io, started(*member(number).keeper));
    member(number).standing = VoterStanding::kLive;
}

std::string EtcdCluster::voters_text() {
    auto engine = this->engine(1, std::chrono::seconds(10));
    const auto list = await(io, engine.voters());
    if (!list) return list.error().text();
    std::vector<std::string> names;
    for (const auto& seat : seats_of(*list, config_))
        names.push_back(seat.is_learner ? "(" + seat.member.str() + ")" : seat.member.str());
    std::ranges::sort(names);
    std::string text;
    for (const auto& name : names) text += (text.empty() ? "" : " ") + name;
    return text;
}

void EtcdCluster::keep_until(const std::string& voters, std::chrono::seconds limit) {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    int quiet = 0;
    while (quiet < 3) {
        bool busy = false;
        for (int number = 1; std::cmp_less_equal(number, members_.size()); ++number) {
            auto& it = member(number);
            if (it.standing != VoterStanding::kLive) continue;
            if (!it.keeper) start_ssid(number);
            it.process.tend();
            busy = await(io, it.keeper->look()) || it.keeper->trouble() || busy;
        }
        quiet = !busy && voters_text() == voters ? quiet + 1 : 0;
        if (std::chrono::steady_clock::now() > deadline)
            throw std::runtime_error("the voters are still " + voters_text() + " and not " + voters);
        io.restart();
        io.run_for(std::chrono::milliseconds(100));
    }
}

Result<void> EtcdCluster::put(EtcdEngine& engine, const std::string& key) {
    for (;;) {
        const auto done = await(io, engine.commit({{}, {{key, "1"}}}));
        if (done) return {};
        if (done.error().code != ErrorCode::kOutcomeUnknown) return std::unexpected(done.error());
    }
}

int EtcdCluster::leader() {
    auto engine = this->engine();
    const auto status = await(io, engine.status());
    const auto voters = await(io, engine.voters());
    if (!status || !voters) throw std::runtime_error("the cluster does not serve");
    for (const auto& voter : *voters)
        for (int number = 1; std::cmp_less_equal(number, members_.size()); ++number)
            if (voter.id == status->leader && voter.name == member_name(number).str()) return number;
    throw std::runtime_error("the leader is no member");
}

}  // namespace ssi::cluster
