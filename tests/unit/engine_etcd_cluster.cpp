#include "tests/unit/engine_etcd_cluster.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

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
    if (pid_ != 0) co_return Result<void>{};
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

asio::awaitable<Result<void>> EtcdProcess::stop(std::string) {
    kill();
    co_return Result<void>{};
}

void EtcdProcess::kill() {
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

EtcdCluster::EtcdCluster(int members) : config_(test_config(members)) {
    for (int number = 1; number <= members; ++number) {
        const auto root = directory_.path() / member_name(number).str();
        members_.push_back(std::make_unique<Member>(root));
        // What isfcd does: a socket there that leads to the peer.
        for (int peer = 1; peer <= members; ++peer) {
            const auto link = root / "isfc" / member_name(peer).str();
            fs::create_directories(link);
            fs::create_symlink(directory_.path() / member_name(peer).str() / "etcd" / (member_name(peer).str() + ":1"),
                               link / "etcd-peer");
        }
    }
    for (int number = 1; number <= members; ++number) start(number);
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
