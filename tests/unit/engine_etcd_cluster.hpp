#pragma once
/// Real etcd processes for tests: one to three voters in a temporary directory, each directed by an EtcdDirector.

#include <sys/types.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "daemons/ssid/engine/etcd_director.hpp"
#include "daemons/ssid/engine/etcd_engine.hpp"
#include "daemons/ssid/engine/unit_control.hpp"
#include "tests/unit/temporary_directory.hpp"

namespace ssi::cluster {

/// Runs a coroutine to its end, at most `limit`.
template <class T>
T await(boost::asio::io_context& io, boost::asio::awaitable<T> work,
        std::chrono::seconds limit = std::chrono::seconds(20)) {
    std::optional<T> result;
    boost::asio::co_spawn(io, std::move(work), [&result](std::exception_ptr problem, T value) {
        if (problem) std::rethrow_exception(problem);
        result = std::move(value);
    });
    const auto deadline = std::chrono::steady_clock::now() + limit;
    io.restart();
    while (!result)
        if (io.run_one_until(deadline) == 0) throw std::runtime_error("the coroutine did not end in time");
    return std::move(*result);
}

using ssi::testing::TemporaryDirectory;

/// Members MEMBER1.. with fast timers.
[[nodiscard]] SystemConfig test_config(int members);
[[nodiscard]] MemberName member_name(int number);

/// One etcd process in the place of ssi-etcd.service; ends with the object.
class EtcdProcess final : public UnitControl {
  public:
    explicit EtcdProcess(std::filesystem::path working_directory) : working_directory_(std::move(working_directory)) {}
    ~EtcdProcess() override;
    EtcdProcess(const EtcdProcess&) = delete;
    EtcdProcess& operator=(const EtcdProcess&) = delete;

    boost::asio::awaitable<Result<void>> start(std::string unit) override;
    boost::asio::awaitable<Result<void>> stop(std::string unit) override;
    void kill();    ///< As a power cut; waits for its end.
    void freeze();  ///< Waits until none of its threads runs.
    void thaw();

  private:
    std::filesystem::path working_directory_;
    pid_t pid_ = 0;
};

class EtcdCluster {
  public:
    explicit EtcdCluster(int members);

    /// Where to skip: no etcd on this machine.
    [[nodiscard]] static bool is_etcd_installed();

    void start(int number);
    void kill(int number) { member(number).process.kill(); }
    void freeze(int number) { member(number).process.freeze(); }
    void thaw(int number) { member(number).process.thaw(); }
    [[nodiscard]] EtcdOptions options(int first = 1, std::chrono::milliseconds timeout = std::chrono::seconds(3));
    /// An engine whose first endpoint is this member's, then the others'.
    [[nodiscard]] EtcdEngine engine(int first = 1, std::chrono::milliseconds timeout = std::chrono::seconds(3));
    /// The member that leads.
    [[nodiscard]] int leader();

    boost::asio::io_context io;

  private:
    struct Member {
        explicit Member(const std::filesystem::path& root)
            : places{root / "etcd", root / "data", root / "bootstrapped", root / "isfc"},
              process(places.working_directory) {}
        EtcdPlaces places;
        EtcdProcess process;
    };
    Member& member(int number) { return *members_[static_cast<std::size_t>(number - 1)]; }

    TemporaryDirectory directory_;
    SystemConfig config_;
    std::vector<std::unique_ptr<Member>> members_;
};

}  // namespace ssi::cluster
