#pragma once
/// GuardLink over the guard's socket.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "daemons/ssid/gate/guard_link.hpp"
#include "daemons/ssid/gate/unix_socket.hpp"
#include "lib/common/clock.hpp"
#include "lib/common/json_message.hpp"
#include "lib/common/notifier.hpp"

namespace ssi::cluster {

/// Connects by itself, again and again, while `run` runs. A call that finds no connection, or loses it, goes on with
/// the next one within its second, so a restart of the guard is not noticed. After kGuardUnreachable the request was
/// either performed before its second was over, or never will be: it carries its deadline.
class GuardClient final : public GuardLink {
  public:
    GuardClient(boost::asio::any_io_executor executor, Clock& clock, std::filesystem::path socket);

    /// Holds the connection and delivers events; ends only when the io_context does.
    boost::asio::awaitable<void> run();

    boost::asio::awaitable<Result<std::vector<Right>>> rights() override;
    boost::asio::awaitable<Result<void>> grant(GuestName guest, GuestUuid uuid, RunId run, RightKind kind,
                                               std::chrono::milliseconds lifetime) override;
    boost::asio::awaitable<Result<void>> hand_over(GuestName guest, RunId run) override;
    boost::asio::awaitable<Result<void>> keep(GuestName guest, RunId run) override;
    boost::asio::awaitable<Result<CancelOutcome>> cancel(GuestName guest, RunId run) override;
    boost::asio::awaitable<Result<void>> revoke(GuestName guest, RunId run, bool kill) override;
    boost::asio::awaitable<Result<void>> expel() override;
    boost::asio::awaitable<Result<void>> renew(BootTime begun) override;
    boost::asio::awaitable<Result<void>> describe(SlotFacts facts) override;

  private:
    using Reply = std::optional<Result<json::Object>>;

    boost::asio::awaitable<void> serve_connection();
    boost::asio::awaitable<bool> wait_connected(BootTime deadline);
    boost::asio::awaitable<Result<json::Object>> call(json::Object request);
    boost::asio::awaitable<Result<void>> plain_call(json::Object request);
    boost::asio::awaitable<void> write_queue(std::uint64_t connection);
    boost::asio::awaitable<void> deliver(json::Object event);
    void take_reply(const json::Object& reply);
    void disconnect();

    boost::asio::any_io_executor executor_;
    Clock& clock_;
    std::filesystem::path path_;
    gate::UnixSocket socket_;
    std::uint64_t connection_ = 0;  ///< Counts connections, so that a writer of an old one stops.
    bool connected_ = false;
    bool writing_ = false;
    std::deque<std::string> queue_;
    std::uint64_t last_id_ = 0;
    std::map<std::uint64_t, Reply> calls_;  ///< Waiting for their answer, by id.
    Notifier changed_;                      ///< An answer came, or the connection came or went.
};

}  // namespace ssi::cluster
