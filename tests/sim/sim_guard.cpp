#include "tests/sim/sim_guard.hpp"

#include <algorithm>
#include <vector>

namespace ssi::sim {

using namespace std::chrono_literals;
using boost::asio::awaitable;
using cluster::CancelOutcome;
using cluster::Right;
using cluster::RightKind;

namespace {

class Guard final : public cluster::GuardLink {
  public:
    Guard(Host& host, Process& process) : host_(host), process_(process) {}

    awaitable<Result<std::vector<Right>>> rights() override {
        co_await arrive();
        host_.rights.expire(process_.now());
        std::vector<Right> all;
        for (const auto& entry : host_.rights.rights()) all.push_back(entry.right);
        co_await process_.travel();
        co_return all;
    }
    awaitable<Result<void>> grant(GuestName guest, GuestUuid uuid, RunId run, RightKind kind,
                                  Duration lifetime) override {
        co_await arrive();
        if (auto admitted = host_.may_admit(); !admitted) co_return admitted;
        auto granted = host_.rights.grant(guest, uuid, run, kind, lifetime, process_.now());
        co_await process_.travel();
        co_return granted;
    }
    awaitable<Result<void>> hand_over(GuestName guest, RunId run) override {
        co_await arrive();
        co_return host_.rights.hand_over(guest, run);
    }
    awaitable<Result<void>> keep(GuestName guest, RunId run) override {
        co_await arrive();
        co_return host_.rights.keep(guest, run);
    }
    awaitable<Result<CancelOutcome>> cancel(GuestName guest, RunId run) override {
        co_await arrive();
        const auto cancelled = host_.rights.cancel(guest, run);
        if (cancelled.kill) host_.kill_qemu(cancelled.kill->pid);
        co_await process_.travel();
        co_return cancelled.outcome;
    }
    awaitable<Result<void>> revoke(GuestName guest, RunId run, bool kill) override {
        co_await arrive();
        const auto revoked = host_.rights.revoke(guest, run, kill);
        if (!revoked) co_return std::unexpected(revoked.error());
        if (revoked->kill) host_.kill_qemu(revoked->kill->pid);
        co_return Result<void>{};
    }
    awaitable<Result<void>> describe(cluster::SlotFacts facts) override {
        co_await arrive();
        host_.alone = facts.alone;
        co_return Result<void>{};
    }
    awaitable<Result<void>> renew(BootTime begun) override {
        co_await arrive();
        host_.renew_lease(begun, begun);
        co_return Result<void>{};
    }
    awaitable<Result<void>> expel() override {
        co_await arrive();
        for (const auto& qemu : host_.rights.expel()) host_.kill_qemu(qemu.pid);
        co_return Result<void>{};
    }

  private:
    /// One socket: calls arrive in the order in which they were made.
    awaitable<void> arrive() {
        const auto at = std::max(last_arrival_, process_.now() + process_.world().between(0ms, 8ms));
        last_arrival_ = at + 1ms;
        co_await process_.sleep(at - process_.now());
        if (process_.is_dead()) co_await process_.never();
    }
    Host& host_;
    Process& process_;
    BootTime last_arrival_{};
};

}  // namespace

std::unique_ptr<cluster::GuardLink> sim_guard(Host& host, Process& ssid) {
    return std::make_unique<Guard>(host, ssid);
}

}  // namespace ssi::sim
