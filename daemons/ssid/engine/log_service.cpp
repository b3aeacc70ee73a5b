#include "daemons/ssid/engine/log_service.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <exception>
#include <format>
#include <memory>
#include <string>
#include <tuple>
#include <utility>

#include "lib/common/log.hpp"
#include "lib/common/no_throw.hpp"

namespace ssi::cluster {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

constexpr auto kWriteTime = 2s;
constexpr auto kAskTime = 2s;

}  // namespace

Result<LogServer> LogServer::listen(const asio::any_io_executor& executor, const std::filesystem::path& socket,
                                    Report report) {
    return gate::Listener::at(executor, socket).transform([&](gate::Listener listener) {
        return LogServer(std::move(listener), std::move(report));
    });
}

asio::awaitable<void> LogServer::run() {
    return listener_.run([this](gate::UnixSocket socket, gate::Peer) { return serve(std::move(socket)); });
}

asio::awaitable<void> LogServer::serve(gate::UnixSocket socket) {
    const auto report = report_();
    if (!report) {
        log::warning("the engine's log cannot be told", report.error());
        co_return;
    }
    const auto text = encode(*report);
    const gate::Deadline deadline(socket, kWriteTime);
    co_await asio::async_write(socket, asio::buffer(text), kNoThrow);
}

asio::awaitable<Result<LogReports>> ask_log(asio::any_io_executor executor, std::filesystem::path path,
                                            std::chrono::milliseconds timeout) {
    gate::UnixSocket socket(executor);
    const gate::Deadline deadline(socket, timeout);
    std::string text;
    auto [error] = co_await socket.async_connect(asio::local::stream_protocol::endpoint(path.native()), kNoThrow);
    if (!error)
        std::tie(error, std::ignore) =
            co_await asio::async_read(socket, asio::dynamic_buffer(text, kLongestReport), kNoThrow);
    if (text.empty())
        co_return failure(ErrorCode::kServiceUnknown,
                          std::format("nobody tells of the engine's log at {}: {}", path.native(), error.message()),
                          path.native());
    co_return decode_log_reports(text);
}

asio::awaitable<std::vector<LogReport>> reachable_logs(asio::any_io_executor executor, const SystemConfig& config,
                                                       MemberName own, std::filesystem::path run) {
    /// Outlives this coroutine with the questions that are still open.
    struct Answers {
        explicit Answers(const asio::any_io_executor& on) : complete(on, kAskTime) {}
        std::vector<LogReport> logs;
        std::size_t open = 0;
        asio::steady_timer complete;
    };
    const auto answers = std::make_shared<Answers>(executor);
    for (const auto& member : config.members) {
        if (member.name == own) continue;
        ++answers->open;
        asio::co_spawn(executor, ask_log(executor, run / "isfc" / member.name.str() / "engine-log", kAskTime),
                       [answers](std::exception_ptr thrown, Result<LogReports> logs) {
                           if (thrown) std::rethrow_exception(thrown);
                           if (logs) answers->logs.push_back(std::move(logs->own));
                           if (logs && logs->witness) answers->logs.push_back(*std::move(logs->witness));
                           if (--answers->open == 0) answers->complete.cancel();
                       });
    }
    if (answers->open > 0) co_await answers->complete.async_wait(kNoThrow);
    co_return answers->logs;
}

}  // namespace ssi::cluster
