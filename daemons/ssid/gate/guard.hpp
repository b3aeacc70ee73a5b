#pragma once
/// The guard of this member: the table of rights together with the QEMUs it let in. Every decision is on disk before
/// its answer leaves, so a restart of the guard loses nothing (R8).

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "daemons/ssid/gate/descriptor_store.hpp"
#include "daemons/ssid/gate/qemu_process.hpp"
#include "daemons/ssid/gate/right_table.hpp"
#include "daemons/ssid/gate/table_file.hpp"
#include "lib/common/clock.hpp"
#include "lib/common/notifier.hpp"

namespace ssi::gate {

/// One io_context, one thread. The functions that are no coroutines answer from memory and the tmpfs, at once.
class Guard {
  public:
    Guard(boost::asio::any_io_executor executor, Clock& clock, TableFile file, DescriptorStore& store);

    /// Life connections that outlived the last process, by run; the caller owns them.
    using LifeConnections = std::vector<std::pair<RunId, int>>;

    /// Finds the table and the QEMUs of the last process again; those that died meanwhile are told as ended. When the
    /// table cannot be read the door stays shut and ssid is told why: an empty table would say that nothing runs here.
    [[nodiscard]] LifeConnections restore(std::map<std::string, int> kept);

    // The door.
    Result<RunId> register_life(const QemuOwner& owner, int socket);
    Result<void> register_one_shot(const QemuOwner& owner);
    Result<void> acquire(const QemuOwner& owner, std::string_view resource);
    void release(const QemuOwner& owner, std::string_view resource);
    /// The life connection of a QEMU was closed: it is going, if not gone.
    void life_closed(const RunId& run);

    // ssid. cancel, revoke and expel answer when the QEMUs they killed are gone; after 900 ms with kTimedOut.
    [[nodiscard]] Result<const RightTable*> table() const;
    Result<void> grant(const GuestName& guest, const GuestUuid& uuid, const RunId& run, RightKind kind,
                       std::chrono::milliseconds lifetime);
    Result<void> hand_over(const GuestName& guest, const RunId& run);
    Result<void> keep(const GuestName& guest, const RunId& run);
    boost::asio::awaitable<Result<CancelOutcome>> cancel(GuestName guest, RunId run);
    boost::asio::awaitable<Result<void>> revoke(GuestName guest, RunId run, bool kill);
    boost::asio::awaitable<Result<void>> expel();

    /// The lease ran out (SAFETY 7): every right is void and every QEMU killed; answers when none is left, however
    /// long that takes.
    boost::asio::awaitable<void> outlive();

    /// Called for each event, in order.
    std::function<void(const GuardEvent&)> on_event;
    /// Asked before anything is let in: whether this member may run guests now (SAFETY 8). Until it is set: it may.
    std::function<Result<void>()> may_admit = [] { return Result<void>{}; };

    [[nodiscard]] BootTime now() const { return clock_.now(); }

  private:
    template <class Operation>
    auto decide(Operation operation) -> decltype(operation(std::declval<RightTable&>()));
    template <class Operation>
    void record(Operation operation);
    void adopt_processes(std::map<std::string, int>& kept);
    void watch(const RunId& run, std::shared_ptr<QemuProcess> process);
    void qemu_gone(const RunId& run);
    void after_change();
    void arm_expiry();
    Result<void> kill(const RunId& run);
    boost::asio::awaitable<Result<void>> gone_in_time(RunId run);

    boost::asio::any_io_executor executor_;
    Clock& clock_;
    TableFile file_;
    DescriptorStore& store_;
    RightTable table_;
    std::optional<Error> lost_;  ///< Why the table is not known.
    std::map<RunId, std::shared_ptr<QemuProcess>> processes_;
    boost::asio::steady_timer expiry_;
    Notifier ended_;
};

}  // namespace ssi::gate
