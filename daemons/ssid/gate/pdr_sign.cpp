#include "daemons/ssid/gate/pdr_sign.hpp"

#include <algorithm>
#include <fstream>
#include <string>
#include <utility>

#include "lib/common/log.hpp"
#include "lib/common/pdr/writer_lock.hpp"

namespace ssi::gate {
namespace {

constexpr auto kBootId = "/proc/sys/kernel/random/boot_id";

Result<pdr::ClusterId> boot_id() {
    std::string text;
    std::getline(std::ifstream(kBootId), text);
    const auto uuid = GuestUuid::parse(text);
    if (!uuid) return failure(ErrorCode::kSystemFailed, "the kernel gives no boot id", kBootId);
    return pdr::cluster_id(*uuid);
}

pdr::WatchdogKind kind_of(WatchdogConfig watchdog) {
    switch (watchdog) {
        case WatchdogConfig::kSoft:
            return pdr::WatchdogKind::kSoft;
        case WatchdogConfig::kHardware:
            return pdr::WatchdogKind::kHardware;
        case WatchdogConfig::kNone:
            break;
    }
    return pdr::WatchdogKind::kNone;
}

/// The lock: a write of an earlier guard that came late would say what this one has taken back, as LONE (SAFETY 3).
PdrBeat::OpenVolume opener(std::filesystem::path device, pdr::ClusterIdentity cluster, std::filesystem::path lock) {
    return [device = std::move(device), cluster = std::move(cluster),
            ours = std::make_shared<pdr::WriterLock>(std::move(lock))]() -> Result<std::unique_ptr<pdr::Disk>> {
        if (auto taken = ours->take(); !taken) return std::unexpected(taken.error());
        auto disk = pdr::DirectDisk::open(device, pdr::DiskAccess::kReadWrite);
        if (!disk) return std::unexpected(disk.error());
        if (auto label = pdr::check_label(**disk, cluster); !label) return std::unexpected(label.error());
        return std::unique_ptr<pdr::Disk>(std::move(*disk));
    };
}

}  // namespace

Result<std::unique_ptr<PdrSign>> PdrSign::create(boost::asio::any_io_executor executor, const SystemConfig& config,
                                                 const MemberName& own, const Begin& begin, OnPass on_pass) {
    const auto* member = config.find(own);
    if (config.pdr.device.empty() || member == nullptr) return std::unique_ptr<PdrSign>();
    const auto uuid = GuestUuid::parse(config.cluster_uuid);
    if (!uuid) return std::unexpected(uuid.error());
    const auto boot = boot_id();
    if (!boot) return std::unexpected(boot.error());
    const pdr::ClusterIdentity cluster{config.cluster, pdr::cluster_id(*uuid)};
    pdr::SlotRecord record;
    record.member = own;
    record.boot = *boot;
    record.lease = config.timing.lease;
    record.lone = begin.lone;
    if (begin.watchdog != nullptr) {
        record.watchdog = begin.watchdog->timeout();
        record.watchdog_kind = kind_of(begin.watchdog->kind());
        record.armed = true;
    }
    return std::unique_ptr<PdrSign>(
        new PdrSign(std::move(executor),
                    {opener(config.pdr.device, cluster, begin.lock), cluster.id, member->slot, config.timing.beat},
                    record, std::move(on_pass)));
}

PdrSign::PdrSign(boost::asio::any_io_executor executor, PdrBeat::Settings settings, const pdr::SlotRecord& record,
                 OnPass on_pass)
    : record_(record),
      on_pass_(std::move(on_pass)),
      armed_(record.armed),
      lone_(record.lone),
      pass_over_(executor),
      beat_(std::move(executor), std::move(settings), record, [this](const cluster::PdrPass& pass) { passed(pass); }) {}

void PdrSign::describe(const std::optional<cluster::SlotFacts>& facts) {
    record_.ssid_ok = facts.has_value();
    record_.engine_ok = facts && facts->engine_ok;
    if (facts) record_.incarnation = facts->incarnation;
    beat_.set(record_);
}

void PdrSign::serve_witness(bool runs) {
    record_.witness_serving = runs;
    beat_.set(record_);
}

void PdrSign::announce(bool armed) {
    record_.armed = armed;
    armed_.say(armed);
    beat_.set(record_);
}

void PdrSign::announce_lone(bool lone) {
    if (record_.lone == lone) return;
    record_.lone = lone;
    lone_.say(lone);
    beat_.set(record_);
}

boost::asio::awaitable<bool> PdrSign::withdraw_watchdog(Clock& clock, std::chrono::milliseconds at_most) {
    announce(false);
    const auto deadline = clock.now() + at_most;
    while (!is_withdrawn() && clock.now() < deadline)
        co_await wait_change_or_time(pass_over_, pass_over_.count(), clock, deadline - clock.now());
    co_return is_withdrawn();
}

void PdrSign::passed(const cluster::PdrPass& pass) {
    const auto own = std::ranges::find(pass.slots, record_.member, &cluster::SlotSign::member);
    if (pass.fresh && own != pass.slots.end()) {
        armed_.read_back(own->armed);
        lone_.read_back(own->lone);
    }
    pass_over_.notify();
    if (pass.fault != fault_) {
        fault_ = pass.fault;
        if (fault_.empty())
            log::notice("the PDR is read and written again");
        else
            log::error(fault_);
    }
    on_pass_(pass);
}

}  // namespace ssi::gate
