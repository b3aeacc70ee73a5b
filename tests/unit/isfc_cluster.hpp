#pragma once
/// Real isfcds in this process, over loopback addresses and temporary directories, with proxies on their channels that
/// a test can cut, stall and heal.

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "daemons/isfcd/isfcd.hpp"
#include "tests/unit/temporary_directory.hpp"

namespace ssi::isfc {

using ssi::test::TemporaryDirectory;

/// A scale of all times: heartbeats of 100 ms, dead after 400 ms, link_timeout 2 s.
inline constexpr double kQuick = 0.4;

/// A blocking UNIX socket whose operations end after some seconds.
class LocalSocket {
  public:
    explicit LocalSocket(int fd);
    ~LocalSocket();
    LocalSocket(LocalSocket&& other) noexcept;
    LocalSocket& operator=(LocalSocket&&) = delete;
    /// Waits for the path to be there.
    static LocalSocket connect(const std::filesystem::path& path);

    void send(std::string_view text);
    /// All up to the end of file; std::nullopt if the connection ends with an error instead.
    std::optional<std::string> receive_all();
    /// Exactly so many bytes, or fewer at the end of the connection.
    std::string receive(std::size_t size);
    /// 0 for an end of file, else the errno of the next receive.
    int end_reason();
    void finish();
    [[nodiscard]] int fd() const { return fd_; }

  private:
    int fd_;
};

/// A program that offers a service.
class LocalServer {
  public:
    explicit LocalServer(const std::filesystem::path& path);
    ~LocalServer();
    LocalServer(const LocalServer&) = delete;
    LocalServer& operator=(const LocalServer&) = delete;
    LocalSocket accept();

  private:
    std::filesystem::path path_;
    int fd_;
};

/// Stands between the ends of a channel. Thread-safe.
class Proxy {
  public:
    Proxy(const std::string& address, std::uint16_t port, const std::string& target);
    ~Proxy();
    Proxy(const Proxy&) = delete;
    Proxy& operator=(const Proxy&) = delete;
    void cut();    ///< Closes every connection, and each new one at once.
    void stall();  ///< Carries nothing more, and closes nothing.
    void heal();

  private:
    struct State;
    std::shared_ptr<State> state_;
    std::thread thread_;
};

struct ClusterOptions {
    std::size_t members = 2;
    std::size_t channels = 1;
    double scale = 1.0;
    bool proxies = false;  ///< Between the first two members.
    int memory_mib = 64;   ///< Of each logical link.
};

class TestCluster {
  public:
    explicit TestCluster(const ClusterOptions& options = {});
    ~TestCluster();
    TestCluster(const TestCluster&) = delete;
    TestCluster& operator=(const TestCluster&) = delete;

    /// Members are numbered from 1; all may be started again after stop().
    void start(int member);
    void start_all();
    void stop(int member);
    /// Kills without a goodbye: everything closes at once.
    void crash(int member);
    [[nodiscard]] boost::json::object query(int member);
    [[nodiscard]] Result<void> expect(int member, int peer, const std::string& service);
    /// Runs something on the thread of a member's daemon.
    void with(int member, const std::function<void(Isfcd&)>& act);
    /// One channel of query(): the name is that of the channel, "0" by default.
    [[nodiscard]] boost::json::object channel(int member, int peer, const std::string& name);
    /// Until `condition` holds; a test failure after some seconds.
    static void wait_until(std::string_view what, const std::function<bool()>& condition);
    void wait_for_channels(int member, int peer, std::size_t count);

    [[nodiscard]] std::filesystem::path services(int member) const { return runtime(member) / "services"; }
    [[nodiscard]] std::filesystem::path path(int member, int peer, std::string_view service) const;
    [[nodiscard]] std::filesystem::path runtime(int member) const;
    [[nodiscard]] std::filesystem::path pki(int member) const;
    /// Of the authority, with the files of all members; and what an administrator copies from there to one of them.
    [[nodiscard]] std::filesystem::path authority() const { return directory_.path() / "pki"; }
    void copy_certificates(int member);
    /// To be changed before start().
    SystemConfig& config(int member) { return configs_.at(member); }
    /// What system.toml is read from by Isfcd::reload() without arguments.
    [[nodiscard]] std::filesystem::path config_file(int member) const { return runtime(member) / "system.toml"; }
    /// Loopback addresses of this process; those from 200 on belong to no channel.
    [[nodiscard]] static std::string address(int last);
    Proxy& proxy(std::size_t channel) { return *proxies_.at(channel); }
    /// Writes member's isfc.d/test.toml.
    void configure_service(int member, std::string_view name, const std::filesystem::path& socket);

  private:
    struct Process;
    TemporaryDirectory directory_;
    ClusterOptions options_;
    std::map<int, SystemConfig> configs_;
    std::vector<std::unique_ptr<Proxy>> proxies_;
    std::map<int, std::unique_ptr<Process>> processes_;
};

}  // namespace ssi::isfc
