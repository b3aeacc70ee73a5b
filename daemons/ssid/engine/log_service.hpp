#pragma once
/// The service "engine-log": members tell each other how far their logs go when a recovery is to be forced.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <filesystem>
#include <functional>
#include <vector>

#include "daemons/ssid/engine/log_report.hpp"
#include "daemons/ssid/gate/listener.hpp"
#include "lib/common/error.hpp"
#include "lib/common/names.hpp"
#include "lib/common/system_config.hpp"

namespace ssi::cluster {

/// Answers each connection with what there is to report, and closes it.
class LogServer {
  public:
    using Report = std::function<Result<LogReports>()>;
    /// Error: kSystemFailed.
    [[nodiscard]] static Result<LogServer> listen(const boost::asio::any_io_executor& executor,
                                                  const std::filesystem::path& socket, Report report);
    /// Until the io_context ends.
    boost::asio::awaitable<void> run();

  private:
    LogServer(gate::Listener listener, Report report) : listener_(std::move(listener)), report_(std::move(report)) {}
    boost::asio::awaitable<void> serve(gate::UnixSocket socket);
    gate::Listener listener_;
    Report report_;
};

/// Errors: kServiceUnknown (nobody answers there in time), kProtocolViolated.
boost::asio::awaitable<Result<LogReports>> ask_log(boost::asio::any_io_executor executor, std::filesystem::path socket,
                                                   std::chrono::milliseconds timeout);

/// Those of the other members of the file that answer, and of the witness if it runs at one; all are asked at once, and
/// waited for at most two seconds.
boost::asio::awaitable<std::vector<LogReport>> reachable_logs(boost::asio::any_io_executor executor,
                                                              const SystemConfig& config, MemberName own,
                                                              std::filesystem::path run = "/run/ssi");

}  // namespace ssi::cluster
