#include "daemons/ssid/gate/guard.hpp"

#include <unistd.h>

#include <format>
#include <utility>

#include "lib/common/log.hpp"

namespace ssi::gate {
namespace {

using namespace std::chrono_literals;

constexpr auto kKillTime = 900ms;  ///< ssid waits 1 s for an answer.
constexpr auto kKillAgain = 1s;    ///< A QEMU that hangs in the kernel gets another signal, which costs nothing.

std::string process_name(const RunId& run) {
    return "qemu-" + run.str();
}
std::string life_name(const RunId& run) {
    return "life-" + run.str();
}

int take(std::map<std::string, int>& kept, const std::string& name) {
    const auto node = kept.extract(name);
    return node.empty() ? -1 : node.mapped();
}

}  // namespace

Guard::Guard(boost::asio::any_io_executor executor, Clock& clock, TableFile file, DescriptorStore& store)
    : executor_(std::move(executor)),
      clock_(clock),
      file_(std::move(file)),
      store_(store),
      expiry_(executor_),
      ended_(executor_) {}

/// Changes a copy and puts it in place when it is on disk: what could not be written was not decided.
template <class Operation>
auto Guard::decide(Operation operation) -> decltype(operation(std::declval<RightTable&>())) {
    if (lost_) return std::unexpected(*lost_);
    RightTable next = table_;
    auto outcome = operation(next);
    if (!outcome) return outcome;
    if (auto saved = file_.save(next); !saved) return std::unexpected(saved.error());
    table_ = std::move(next);
    after_change();
    return outcome;
}

/// For what has happened already, whether we can write it down or not.
template <class Operation>
void Guard::record(Operation operation) {
    if (lost_) return;
    operation(table_);
    if (auto saved = file_.save(table_); !saved) log::error("the table of rights is not on disk", saved.error());
    after_change();
}

void Guard::after_change() {
    for (const auto& event : table_.take_events())
        if (on_event) on_event(event);
    arm_expiry();
}

Guard::LifeConnections Guard::restore(std::map<std::string, int> kept) {
    auto loaded = file_.load();
    if (!loaded) {
        log::error("the rights of this member are lost, the door stays shut", loaded.error());
        lost_ = Error{
            ErrorCode::kDoorClosed, std::format("ssi-guard cannot read its table of rights: {}", loaded.error().what),
            file_.path().string(),
            std::format("shut all guests of this member down, remove {} and restart ssi-guard", file_.path().string())};
        for (const auto& [name, descriptor] : kept) ::close(descriptor);  // systemd keeps its own
        return {};
    }
    table_ = std::move(*loaded);
    adopt_processes(kept);
    LifeConnections connections;
    for (const auto& entry : table_.rights())
        if (const int life = take(kept, life_name(entry.right.run)); life >= 0)
            connections.emplace_back(entry.right.run, life);
    for (const auto& [name, descriptor] : kept) {
        store_.drop(name);
        ::close(descriptor);
    }
    record([](RightTable& table) { table.reopen_if_empty(); });
    return connections;
}

void Guard::adopt_processes(std::map<std::string, int>& kept) {
    for (const auto& entry : table_.rights()) {
        if (!entry.qemu) continue;
        const auto& run = entry.right.run;
        if (const int pidfd = take(kept, process_name(run)); pidfd >= 0) {
            watch(run, std::make_shared<QemuProcess>(QemuProcess::adopt(executor_, pidfd, *entry.qemu)));
            continue;
        }
        auto found = QemuProcess::find(executor_, *entry.qemu);
        if (!found) {
            // Its right stays: a QEMU not proved dead may be alive (R1).
            log::error("a QEMU of the last ssi-guard cannot be watched", found.error());
        } else if (*found) {
            store_.keep(process_name(run), (*found)->descriptor().native_handle());
            watch(run, std::make_shared<QemuProcess>(std::move(**found)));
        } else {
            qemu_gone(run);
        }
    }
    // What a cancel or an expel of the last process had decided, and may not have done.
    for (const auto& entry : table_.rights())
        if (entry.doomed)
            if (auto killed = kill(entry.right.run); !killed) log::error("killing a QEMU", killed.error());
}

Result<RunId> Guard::register_life(const QemuOwner& owner, int socket) {
    if (auto admitted = may_admit(); !admitted) return std::unexpected(admitted.error());
    auto process = QemuProcess::at_socket(executor_, socket, static_cast<pid_t>(owner.pid));
    if (!process) return std::unexpected(process.error());
    auto run =
        decide([&](RightTable& table) { return table.register_life(owner, process->id().start_time, clock_.now()); });
    if (!run) return run;
    store_.keep(process_name(*run), process->descriptor().native_handle());
    store_.keep(life_name(*run), socket);
    watch(*run, std::make_shared<QemuProcess>(std::move(*process)));
    return run;
}

Result<void> Guard::register_one_shot(const QemuOwner& owner) {
    if (auto admitted = may_admit(); !admitted) return admitted;
    return decide([&](RightTable& table) { return table.register_one_shot(owner); });
}

Result<void> Guard::acquire(const QemuOwner& owner, std::string_view resource) {
    if (auto admitted = may_admit(); !admitted) return admitted;
    return decide([&](RightTable& table) { return table.acquire(owner, resource); });
}

void Guard::release(const QemuOwner& owner, std::string_view resource) {
    record([&](RightTable& table) { table.release(owner, resource); });
}

void Guard::life_closed(const RunId& run) {
    store_.drop(life_name(run));
    // The kernel closes a dying process's files a moment before its pidfd says that it is dead; only that is the proof.
    if (const auto it = processes_.find(run); it != processes_.end() && it->second->is_gone()) qemu_gone(run);
}

void Guard::watch(const RunId& run, std::shared_ptr<QemuProcess> process) {
    processes_[run] = process;
    process->descriptor().async_wait(QemuProcess::Descriptor::wait_read,
                                     [this, run, process](const boost::system::error_code& error) {
                                         if (!error) qemu_gone(run);
                                     });
}

void Guard::qemu_gone(const RunId& run) {
    store_.drop(process_name(run));
    // Its descriptor is closed by the pending wait's end, which finds the run gone.
    if (auto node = processes_.extract(run); !node.empty()) node.mapped()->descriptor().cancel();
    record([&](RightTable& table) { table.ended(run); });
    ended_.notify();
}

Result<const RightTable*> Guard::table() const {
    if (lost_) return std::unexpected(*lost_);
    return &table_;
}

Result<void> Guard::grant(const GuestName& guest, const GuestUuid& uuid, const RunId& run, RightKind kind,
                          std::chrono::milliseconds lifetime) {
    if (auto admitted = may_admit(); !admitted) return admitted;
    return decide([&](RightTable& table) { return table.grant(guest, uuid, run, kind, lifetime, clock_.now()); });
}

Result<void> Guard::hand_over(const GuestName& guest, const RunId& run) {
    return decide([&](RightTable& table) { return table.hand_over(guest, run); });
}

Result<void> Guard::keep(const GuestName& guest, const RunId& run) {
    return decide([&](RightTable& table) { return table.keep(guest, run); });
}

boost::asio::awaitable<Result<CancelOutcome>> Guard::cancel(GuestName guest, RunId run) {
    const auto found =
        decide([&](RightTable& table) -> Result<RightTable::Cancellation> { return table.cancel(guest, run); });
    if (!found) co_return std::unexpected(found.error());
    if (found->kill) {
        if (auto killed = kill(run); !killed) co_return std::unexpected(killed.error());
        if (auto gone = co_await gone_in_time(run); !gone) co_return std::unexpected(gone.error());
    }
    co_return found->outcome;
}

boost::asio::awaitable<Result<void>> Guard::revoke(GuestName guest, RunId run, bool with_qemu) {
    const auto found = decide([&](RightTable& table) { return table.revoke(guest, run, with_qemu); });
    if (!found) co_return std::unexpected(found.error());
    if (!found->kill) co_return Result<void>{};
    if (auto killed = kill(run); !killed) co_return killed;
    co_return co_await gone_in_time(run);
}

boost::asio::awaitable<Result<void>> Guard::expel() {
    if (lost_) co_return std::unexpected(*lost_);
    record([](RightTable& table) { static_cast<void>(table.expel()); });
    Result<void> outcome;
    const auto doomed = table_.rights();
    for (const auto& entry : doomed)
        if (auto killed = kill(entry.right.run); !killed) outcome = killed;
    for (const auto& entry : doomed)
        if (auto gone = co_await gone_in_time(entry.right.run); !gone) outcome = gone;
    co_return outcome;
}

boost::asio::awaitable<void> Guard::outlive() {
    record([](RightTable& table) { table.outlive(); });
    // A table that was lost says nothing of what runs here: nobody will ever know that all is gone.
    while (lost_ || table_.has_qemu()) {
        for (const auto& entry : table_.rights())
            if (entry.doomed && entry.qemu)
                if (auto killed = kill(entry.right.run); !killed) log::error("killing a QEMU", killed.error());
        co_await clock_.wait_change(ended_, ended_.count(), kKillAgain);
    }
}

Result<void> Guard::kill(const RunId& run) {
    const auto it = processes_.find(run);
    if (it == processes_.end())
        return failure(ErrorCode::kSystemFailed, std::format("the QEMU of run {} is not held", run.str()), run.str(),
                       "kill it by hand");
    return it->second->kill();
}

boost::asio::awaitable<Result<void>> Guard::gone_in_time(RunId run) {
    const auto deadline = clock_.now() + kKillTime;
    while (processes_.contains(run) && clock_.now() < deadline)
        co_await clock_.wait_change(ended_, ended_.count(), deadline - clock_.now());
    if (const auto it = processes_.find(run); it != processes_.end())
        co_return failure(
            ErrorCode::kTimedOut,
            std::format("the QEMU of run {}, pid {}, was killed and is not gone yet", run.str(), it->second->id().pid),
            run.str(), "it hangs in the kernel, probably on its disks; try again");
    co_return Result<void>{};
}

void Guard::arm_expiry() {
    const auto next = table_.next_expiry();
    if (!next) {
        expiry_.cancel();
        return;
    }
    expiry_.expires_after(std::max(0ms, *next - clock_.now()));
    expiry_.async_wait([this](const boost::system::error_code& cancelled) {
        if (!cancelled) record([&](RightTable& table) { table.expire(clock_.now()); });
    });
}

}  // namespace ssi::gate
