#include "tests/unit/isfc_cluster.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/json/parse.hpp>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <format>
#include <fstream>
#include <future>
#include <set>
#include <utility>

#include "lib/common/no_throw.hpp"
#include "lib/common/pki/certificate_authority.hpp"

namespace ssi::isfc {
namespace asio = boost::asio;
namespace fs = std::filesystem;
using tcp = asio::ip::tcp;
using namespace std::chrono_literals;
namespace {

constexpr auto kPatience = 20s;

[[noreturn]] void broken(std::string_view what) {
    throw std::runtime_error(std::format("{}: {}", what, std::strerror(errno)));
}

sockaddr_un address_of(const fs::path& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    return address;
}

/// Runs a function on the thread of a context and waits for its result.
template <class Function>
auto run_on(asio::io_context& context, Function function) {
    std::packaged_task<decltype(function())()> task(std::move(function));
    auto result = task.get_future();
    asio::post(context, std::ref(task));
    return result.get();
}

std::string name_of(int member) {
    return std::format("MEMBER{}", member);
}

/// Tests of several runs may go on at the same time: each process has its own addresses.
std::string loopback(int last) {
    const auto process = static_cast<unsigned>(::getpid());
    return std::format("127.77.{}.{}", process % 250, last);
}
std::uint16_t port() {
    return static_cast<std::uint16_t>(20'000 + static_cast<unsigned>(::getpid()) / 250 % 10'000);
}

}  // namespace

// --- files and local sockets ---

LocalSocket::LocalSocket(int fd) : fd_(fd) {
    const timeval patience{std::chrono::duration_cast<std::chrono::seconds>(kPatience).count(), 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
}

LocalSocket::~LocalSocket() {
    if (fd_ >= 0) ::close(fd_);
}

LocalSocket::LocalSocket(LocalSocket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

LocalSocket LocalSocket::connect(const fs::path& path) {
    TestCluster::wait_until(path.string(), [&] { return fs::exists(path); });
    LocalSocket socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const auto address = address_of(path);
    if (::connect(socket.fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) broken(path.string());
    return socket;
}

void LocalSocket::send(std::string_view text) {
    while (!text.empty()) {
        const auto count = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
        if (count < 0) broken("send");
        text.remove_prefix(static_cast<std::size_t>(count));
    }
}

std::string LocalSocket::receive(std::size_t size) {
    std::string text(size, '\0');
    const auto count = ::recv(fd_, text.data(), size, MSG_WAITALL);
    text.resize(count < 0 ? 0 : static_cast<std::size_t>(count));
    return text;
}

std::optional<std::string> LocalSocket::receive_all() {
    std::string text;
    std::array<char, 64 * 1024> part;
    for (;;) {
        const auto count = ::recv(fd_, part.data(), part.size(), 0);
        if (count == 0) return text;
        if (count < 0) return std::nullopt;
        text.append(part.data(), static_cast<std::size_t>(count));
    }
}

int LocalSocket::end_reason() {
    char byte = 0;
    const auto count = ::recv(fd_, &byte, 1, 0);
    return count < 0 ? errno : count == 0 ? 0 : EPROTO;
}

void LocalSocket::finish() {
    ::shutdown(fd_, SHUT_WR);
}

LocalServer::LocalServer(const fs::path& path) : path_(path), fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    // Bound beside its place and moved there, so that it is complete when it is seen.
    const auto address = address_of(path.parent_path() / "..incomplete");
    ::unlink(address.sun_path);
    if (::bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) broken(path.string());
    if (::listen(fd_, 64) != 0) broken("listen");
    fs::rename(address.sun_path, path);
}

LocalServer::~LocalServer() {
    ::close(fd_);
    std::error_code ignored;
    fs::remove(path_, ignored);
}

LocalSocket LocalServer::accept() {
    const timeval patience{std::chrono::duration_cast<std::chrono::seconds>(kPatience).count(), 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    const int fd = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) broken("accept");
    return LocalSocket(fd);
}

// --- proxy ---

struct Proxy::State : std::enable_shared_from_this<State> {
    enum class Mode { kForward, kCut, kStall };
    asio::io_context context{1};
    tcp::acceptor acceptor{context};
    tcp::endpoint target;
    Mode mode = Mode::kForward;
    std::set<std::shared_ptr<tcp::socket>> sockets;

    asio::awaitable<void> accept() {
        for (;;) {
            auto [error, incoming] = co_await acceptor.async_accept(kNoThrow);
            if (error) co_return;
            if (mode == Mode::kCut) continue;
            const auto near = std::make_shared<tcp::socket>(std::move(incoming));
            const auto far = std::make_shared<tcp::socket>(context);
            if (const auto [failed] = co_await far->async_connect(target, kNoThrow); failed) continue;
            for (const auto& socket : {near, far}) {
                socket->set_option(tcp::no_delay(true));
                sockets.insert(socket);
            }
            asio::co_spawn(context, pump(near, far), asio::detached);
            asio::co_spawn(context, pump(far, near), asio::detached);
        }
    }
    asio::awaitable<void> pump(std::shared_ptr<tcp::socket> from, std::shared_ptr<tcp::socket> to) {
        std::array<char, 64 * 1024> bytes;
        asio::steady_timer pause(context);
        for (;;) {
            const auto [error, size] = co_await from->async_read_some(asio::buffer(bytes), kNoThrow);
            while (mode == Mode::kStall && from->is_open()) {
                pause.expires_after(5ms);
                co_await pause.async_wait(kNoThrow);
            }
            if (error) break;
            if (const auto [failed, sent] = co_await asio::async_write(*to, asio::buffer(bytes, size), kNoThrow);
                failed)
                break;
        }
        close(from);
        close(to);
    }
    void close(const std::shared_ptr<tcp::socket>& socket) {
        boost::system::error_code ignored;
        socket->close(ignored);
        sockets.erase(socket);
    }
    void set(Mode wanted) {
        mode = wanted;
        if (mode == Mode::kStall) return;
        if (mode == Mode::kCut)
            for (const auto& socket : std::set(sockets)) close(socket);
    }
};

Proxy::Proxy(const std::string& address, std::uint16_t at_port, const std::string& target)
    : state_(std::make_shared<State>()) {
    state_->target = {asio::ip::make_address(target), at_port};
    const tcp::endpoint here(asio::ip::make_address(address), at_port);
    state_->acceptor.open(here.protocol());
    state_->acceptor.set_option(tcp::acceptor::reuse_address(true));
    state_->acceptor.bind(here);
    state_->acceptor.listen();
    asio::co_spawn(state_->context, [state = state_.get()] { return state->accept(); }, asio::detached);
    thread_ = std::thread([state = state_] { state->context.run(); });
}

Proxy::~Proxy() {
    state_->context.stop();
    thread_.join();
}

void Proxy::cut() {
    run_on(state_->context, [this] { state_->set(State::Mode::kCut); });
}
void Proxy::stall() {
    run_on(state_->context, [this] { state_->set(State::Mode::kStall); });
}
void Proxy::heal() {
    run_on(state_->context, [this] { state_->set(State::Mode::kForward); });
}

// --- members ---

/// One member: its daemon and the thread that runs it.
struct TestCluster::Process {
    asio::io_context context{1};
    asio::executor_work_guard<asio::io_context::executor_type> work{context.get_executor()};
    std::shared_ptr<Isfcd> daemon;
    std::thread thread;

    template <class Function>
    auto run(Function function) {
        return run_on(context, std::move(function));
    }
};

TestCluster::TestCluster(const ClusterOptions& options) : options_(options) {
    std::signal(SIGPIPE, SIG_IGN);
    SystemConfig config;
    config.cluster = "test";
    config.cluster_uuid = "11111111-2222-3333-4444-555555555555";
    config.timing.scale = options.scale;
    config.link.timeout = Timing::scaled(options.scale).link_timeout;
    config.link.memory_mib = options.memory_mib;
    const int members = static_cast<int>(options.members);
    for (int member = 1; member <= members; ++member)
        config.members.push_back({*MemberName::parse(name_of(member)), *MemberSlot::from(member), name_of(member)});
    int address = 1;
    std::vector<std::string> proxied;
    for (int lower = 1; lower <= members; ++lower)
        for (int higher = lower + 1; higher <= members; ++higher)
            for (std::size_t i = 0; i < options.channels; ++i) {
                ChannelConfig channel{
                    std::to_string(i),
                    {config.members[static_cast<std::size_t>(lower - 1)].name, loopback(address), ""},
                    {config.members[static_cast<std::size_t>(higher - 1)].name, loopback(address + 1), ""},
                    port()};
                address += 2;
                config.channels.push_back(channel);
                if (!options.proxies || higher != 2) continue;
                proxied.push_back(loopback(address++));
                proxies_.push_back(std::make_unique<Proxy>(proxied.back(), port(), channel.higher.address));
            }
    if (!pki::init_authority(directory_.path() / "pki", config.cluster)) broken("init_authority");
    for (int member = 1; member <= members; ++member) {
        const auto issued = pki::issue_certificate(directory_.path() / "pki", *MemberName::parse(name_of(member)));
        if (!issued) throw std::runtime_error(issued.error().text());
        fs::create_directories(runtime(member));
        fs::create_directories(pki(member));
        copy_certificates(member);
        configs_[member] = config;
        // Only the end that connects is led to the proxy.
        if (member == 1)
            for (std::size_t i = 0; i < proxied.size(); ++i) configs_[1].channels[i].higher.address = proxied[i];
    }
}

TestCluster::~TestCluster() {
    while (!processes_.empty()) crash(processes_.begin()->first);
}

fs::path TestCluster::runtime(int member) const {
    return directory_.path() / std::to_string(member);
}
fs::path TestCluster::pki(int member) const {
    return directory_.path() / std::format("pki{}", member);
}
std::string TestCluster::address(int last) {
    return loopback(last);
}
void TestCluster::copy_certificates(int member) {
    for (const auto& file : {std::string("ca.crt"), name_of(member) + ".crt", name_of(member) + ".key"})
        fs::copy(authority() / file, pki(member) / file, fs::copy_options::overwrite_existing);
}
fs::path TestCluster::path(int member, int peer, std::string_view service) const {
    return runtime(member) / name_of(peer) / service;
}

void TestCluster::configure_service(int member, std::string_view name, const fs::path& socket) {
    const auto directory = directory_.path() / std::format("isfc{}.d", member);
    fs::create_directories(directory);
    std::ofstream(directory / "test.toml")
        << std::format("[[service]]\nname = \"{}\"\nsocket = \"{}\"\n", name, socket.string());
}

void TestCluster::start(int member) {
    auto process = std::make_unique<Process>();
    process->thread = std::thread([context = &process->context] { context->run(); });
    const IsfcdPaths paths{
        runtime(member), {}, directory_.path() / std::format("isfc{}.d", member), pki(member), config_file(member)};
    const auto started = process->run([&]() -> std::string {
        auto created = Isfcd::create(process->context.get_executor(), configs_.at(member),
                                     *MemberName::parse(name_of(member)), paths);
        if (!created) return created.error().text();
        process->daemon = *created;
        const auto begun = process->daemon->start();
        return begun ? "" : begun.error().text();
    });
    EXPECT_EQ(started, "");
    processes_[member] = std::move(process);
}

void TestCluster::start_all() {
    for (const auto& [member, config] : configs_) start(member);
    for (const auto& [member, config] : configs_)
        for (const auto& [peer, other] : configs_)
            if (member != peer) wait_for_channels(member, peer, options_.channels);
}

void TestCluster::stop(int member) {
    const auto process = std::move(processes_.at(member));
    processes_.erase(member);
    process->run([&] { process->daemon->stop(); });
    process->work.reset();
    process->thread.join();  // everything let go of the executor
    EXPECT_EQ(process->daemon.use_count(), 1);
}

void TestCluster::crash(int member) {
    const auto process = std::move(processes_.at(member));
    processes_.erase(member);
    process->context.stop();
    process->thread.join();
}

boost::json::object TestCluster::query(int member) {
    const auto& process = processes_.at(member);
    return boost::json::parse(process->run([&] { return process->daemon->query(); })).as_object();
}

void TestCluster::with(int member, const std::function<void(Isfcd&)>& act) {
    const auto& process = processes_.at(member);
    process->run([&] {
        act(*process->daemon);
        return true;
    });
}

boost::json::object TestCluster::channel(int member, int peer, const std::string& name) {
    const auto answer = query(member);
    for (const auto& link : answer.at("links").as_array()) {
        if (link.at("member").as_string() != name_of(peer)) continue;
        for (const auto& one : link.at("channels").as_array())
            if (one.at("name").as_string() == name) return one.as_object();
    }
    return {};
}

Result<void> TestCluster::expect(int member, int peer, const std::string& service) {
    const auto& process = processes_.at(member);
    return process->run([&] { return process->daemon->expect(name_of(peer), service); });
}

void TestCluster::wait_until(std::string_view what, const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > deadline) throw std::runtime_error(std::format("in vain: {}", what));
        std::this_thread::sleep_for(5ms);
    }
}

void TestCluster::wait_for_channels(int member, int peer, std::size_t count) {
    wait_until(std::format("{} channels from {} to {}", count, member, peer), [&] {
        const auto answer = query(member);
        for (const auto& link : answer.at("links").as_array()) {
            if (link.at("member").as_string() != name_of(peer)) continue;
            std::size_t up = 0;
            for (const auto& channel : link.at("channels").as_array())
                up += channel.at("state").as_string() == "up" ? 1U : 0U;
            return up == count;
        }
        return false;
    });
}

}  // namespace ssi::isfc
