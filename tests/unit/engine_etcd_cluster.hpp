#pragma once
/// Real etcd processes for tests: members in a temporary directory, each with an EtcdDirector, and a VoterKeeper where
/// the voters change.

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
#include "daemons/ssid/engine/voter_keeper.hpp"
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

using ssi::test::TemporaryDirectory;

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
    /// What Restart=always does: starts it again if it has ended by itself.
    void tend();
    /// The status with which it ended by itself last (as of waitpid); none if it never did.
    [[nodiscard]] std::optional<int> ended_with() const { return ended_with_; }

  private:
    bool has_ended();

    std::filesystem::path working_directory_;
    pid_t pid_ = 0;
    bool wanted_ = false;
    std::optional<int> ended_with_;
};

class EtcdCluster {
  public:
    /// `beginning`: so many of them are in the file when the cluster begins, and their voters start; 0: all.
    explicit EtcdCluster(int members, int beginning = 0);

    /// Where to skip: no etcd on this machine.
    [[nodiscard]] static bool is_etcd_installed();

    void start(int number);
    void kill(int number) { member(number).process.kill(); }
    void freeze(int number) { member(number).process.freeze(); }
    void thaw(int number) { member(number).process.thaw(); }
    [[nodiscard]] EtcdOptions options(int first = 1, std::chrono::milliseconds timeout = std::chrono::seconds(3));
    /// An engine whose first endpoint is this member's, then the others'.
    [[nodiscard]] EtcdEngine engine(int first = 1, std::chrono::milliseconds timeout = std::chrono::seconds(3));
    /// Puts a key, again when the outcome is unknown because the leader died meanwhile: putting it twice is no fault.
    Result<void> put(EtcdEngine& engine, const std::string& key);
    /// The member that leads.
    [[nodiscard]] int leader();

    /// Looks of all keepers, whose facts are these standings, until the voters are these ("MEMBER1 MEMBER2", by name;
    /// learners in brackets), etcd runs where it should, and no more is to be done.
    void keep_until(const std::string& voters, std::chrono::seconds limit = std::chrono::seconds(60));
    /// A dead member: its power is cut, and its ssid is gone; `proved`: the others know.
    void die(int number, bool proved = true);
    /// It boots and joins.
    void rise(int number);
    [[nodiscard]] std::string voters_text();
    [[nodiscard]] const EtcdPlaces& places(int number) { return member(number).places; }
    [[nodiscard]] EtcdProcess& process(int number) { return member(number).process; }
    [[nodiscard]] const SystemConfig& config() const { return config_; }

    boost::asio::io_context io;

  private:
    struct Member {
        explicit Member(const std::filesystem::path& root)
            : places{root / "etcd", root / "data", root / "bootstrapped", root / "isfc"},
              process(places.working_directory) {}
        EtcdPlaces places;
        EtcdProcess process;
        VoterStanding standing = VoterStanding::kLive;
        /// Of its ssid.
        std::optional<EtcdEngine> engine;
        std::optional<EtcdDirector> director;
        std::optional<VoterKeeper> keeper;
    };
    void start_ssid(int number);
    static boost::asio::awaitable<Result<void>> started(VoterKeeper& keeper);
    Member& member(int number) { return *members_[static_cast<std::size_t>(number - 1)]; }

    TemporaryDirectory directory_;
    SystemConfig config_;
    BootClock clock_{io.get_executor()};
    std::vector<std::unique_ptr<Member>> members_;
};

}  // namespace ssi::cluster
