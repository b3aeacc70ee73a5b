#include "daemons/ssid/engine/compaction.hpp"

#include <chrono>
#include <utility>

#include "lib/common/log.hpp"

namespace ssi::cluster {
namespace {

constexpr auto kMarkKey = "ssi/engine/v1/compaction";
constexpr auto kMarkValue = R"({"v":1})";

}  // namespace

boost::asio::awaitable<Result<void>> compact_behind(EtcdEngine& engine, std::int64_t keep) {
    const auto marks = co_await engine.read(kMarkKey);
    if (!marks) co_return std::unexpected(marks.error());
    const auto mark = marks->entries.empty() ? Revision{0} : marks->entries.front().modified;
    if (mark != Revision{0} && std::to_underlying(marks->revision) - std::to_underlying(mark) < keep)
        co_return Result<void>{};
    // Whoever moves the mark on compacts at its old place, which was a put.
    Transaction move_mark{{{kMarkKey, mark}}, {{kMarkKey, kMarkValue}}};
    const auto moved = co_await engine.commit(std::move(move_mark));
    if (!moved) co_return std::unexpected(moved.error());
    if (!moved->committed || mark == Revision{0}) co_return Result<void>{};
    co_return co_await engine.compact(mark);
}

boost::asio::awaitable<void> keep_compacting(EtcdEngine& engine, Clock& clock) {
    while (true) {
        co_await clock.sleep(std::chrono::minutes(5));
        if (auto done = co_await compact_behind(engine); !done)
            log::warning("the engine's history was not compacted", done.error());
    }
}

boost::asio::awaitable<Result<void>> compact_at_mark(EtcdEngine& engine) {
    const auto marks = co_await engine.read(kMarkKey);
    if (!marks) co_return std::unexpected(marks.error());
    if (marks->entries.empty()) co_return Result<void>{};
    co_return co_await engine.compact(marks->entries.front().modified);
}

}  // namespace ssi::cluster
