#pragma once
/// The ways out when there is no majority any more and none can come back (SAFETY 20): to go on from this member's log
/// alone, or from a copy of the state.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "daemons/ssid/engine/etcd_director.hpp"
#include "daemons/ssid/engine/etcd_engine.hpp"
#include "daemons/ssid/engine/log_report.hpp"

namespace ssi::cluster {

class EngineRecovery {
  public:
    /// `engine` asks all voters; `own_socket` is that of this member's etcd. Whoever else directs etcd must be quiet
    /// while a call of this object runs.
    EngineRecovery(boost::asio::any_io_executor executor, EtcdEngine& engine, EtcdDirector& director,
                   std::filesystem::path own_socket);

    /// What this member's log says of itself. Error: kSystemFailed, kEngineFailed (damaged).
    [[nodiscard]] Result<LogReport> own_report() const { return director_.log_report(); }

    /// Makes this member's etcd the only voter, with everything in its log committed, so that nothing acknowledged is
    /// lost if it was the follower of a leader that died. All other voters must be dead: what they acknowledge from now
    /// on is lost. `others`: the logs that can be reached. Answers with the new lineage. Errors: kUsage (there is a
    /// majority: nothing to force), kEngineFailed (another log is newer; no log, or it is damaged; etcd does not come
    /// up), those of UnitControl.
    boost::asio::awaitable<Result<std::uint64_t>> force(std::vector<LogReport> others);

    /// Makes this member's etcd the only voter of a new cluster that begins with the copy. The data of before is put
    /// aside. Errors: those of force(), kEngineFailed also when the copy is none.
    boost::asio::awaitable<Result<std::uint64_t>> restore(std::filesystem::path copy);

  private:
    boost::asio::awaitable<Result<void>> refuse_while_it_serves();
    boost::asio::awaitable<Result<void>> wait_until_alone();
    boost::asio::awaitable<Result<std::uint64_t>> begin_lineage();

    boost::asio::any_io_executor executor_;
    EtcdEngine& engine_;
    EtcdDirector& director_;
    std::filesystem::path own_socket_;
};

}  // namespace ssi::cluster
