#include "daemons/ssid/gate/pdr_beat.hpp"

#include <boost/asio/post.hpp>
#include <condition_variable>
#include <ctime>
#include <format>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "lib/common/pdr/succession.hpp"
#include "lib/common/pdr/verdict.hpp"

namespace ssi::gate {

/// What both threads hold; the mutex guards `record`, `ended` and the way home.
struct PdrBeat::Shared {
    boost::asio::any_io_executor executor;
    std::function<void(const cluster::PdrPass&)> on_pass;
    std::mutex mutex;
    std::condition_variable changed;
    pdr::SlotRecord record;
    bool ended = false;
};

namespace {

/// The thread has no Clock: this is the machine's own, as BootClock tells it.
BootTime boot_time() {
    timespec time{};
    ::clock_gettime(CLOCK_BOOTTIME, &time);
    return BootTime(std::chrono::seconds(time.tv_sec) +
                    std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::nanoseconds(time.tv_nsec)));
}

cluster::SlotSign told_by(const pdr::SlotSign& slot) {
    const auto& record = slot.record;
    return {record.member,        record.incarnation, slot.counter, record.lease,          record.watchdog,
            record.watchdog_kind, record.armed,       record.lone,  record.witness_serving};
}

/// One pass after the other; lives on the thread.
class Passes {
  public:
    explicit Passes(PdrBeat::Settings settings) : settings_(std::move(settings)) {}

    cluster::PdrPass next(const pdr::SlotRecord& record) {
        cluster::PdrPass pass;
        if (auto done = pass_over(record, pass); !done) {
            pass.fresh = false;
            pass.fault = done.error().text();
            volume_.disk.reset();  // perhaps another path works; a label that was exchanged is noticed
        }
        return pass;
    }

  private:
    Result<void> pass_over(const pdr::SlotRecord& record, cluster::PdrPass& pass) {
        if (auto opened = open(); !opened) return opened;
        pass.volume = volume_.label.volume;
        // SAFETY 6: before anything that would renew the lease.
        if (auto read = read_verdicts(record, pass); !read) return read;
        pass.read = boot_time();
        const auto slots = pdr::read_slots(*volume_.disk, settings_.cluster);
        if (!slots) return std::unexpected(slots.error());
        for (const auto& [sign, fault] : *slots) {
            if (sign) pass.slots.push_back(told_by(*sign));
            if (fault) pass.fault = fault->text();
        }
        const auto& own = (*slots)[static_cast<std::size_t>(settings_.slot.number() - 1)].sign;
        if (auto ours = check_own(own, record); !ours) return ours;
        // SAFETY 5: what was read is as new as our last write, so it comes from no cache. The boot, for a twin on
        // another machine may have counted just as far.
        pass.fresh = written_ && own && own->counter == *written_ && own->record.boot == record.boot;
        if (pass.fresh) pass.renewed = begun_;  // only what came back is seen by others too
        begun_ = boot_time();
        const auto counter = std::max(own ? own->counter : 0, written_.value_or(0)) + 1;
        if (auto done = pdr::write_slot(*volume_.disk, settings_.cluster, settings_.slot, {counter, record}); !done) {
            written_.reset();  // it may be there, or half of it
            return done;
        }
        written_ = counter;
        return {};
    }

    Result<void> open() {
        // One that was moved is worth nothing from then on: nobody who judges us reads it.
        if (volume_.disk) return pdr::check_current(*volume_.disk, settings_.cluster, volume_.label);
        auto opened = settings_.open();
        if (!opened) return std::unexpected(opened.error());
        volume_ = *std::move(opened);
        return {};
    }

    Result<void> read_verdicts(const pdr::SlotRecord& record, cluster::PdrPass& pass) {
        const auto read = pdr::read_verdicts(*volume_.disk, settings_.cluster);
        if (!read) return std::unexpected(read.error());
        if (read->fault) pass.fault = read->fault->text();
        // A block that is just being written takes nothing back.
        pass.names_us = read->fault && named_;
        for (int slot = 1; slot <= pdr::kSlots; ++slot)
            for (const auto& verdict : read->by[static_cast<std::size_t>(slot - 1)]) {
                pass.names_us = pass.names_us || (verdict.member == record.member && verdict.boot == record.boot);
                pass.verdicts.push_back({*MemberSlot::from(slot), verdict});
            }
        named_ = pass.names_us;
        return {};
    }

    Result<void> check_own(const std::optional<pdr::SlotSign>& own, const pdr::SlotRecord& record) const {
        if (!own) return {};
        if (own->record.member != record.member)
            return failure(ErrorCode::kPdrForeign,
                           std::format("slot {} of {} is {}'s", settings_.slot.number(), volume_.disk->name(),
                                       own->record.member.str()),
                           volume_.disk->name(), "the slots in system.toml must be the same on all members");
        if (written_ && own->counter > *written_ && own->record.boot != record.boot)
            return failure(ErrorCode::kPdrForeign,
                           std::format("another machine writes to slot {} of {} as {}", settings_.slot.number(),
                                       volume_.disk->name(), record.member.str()),
                           volume_.disk->name(), "two hosts believe to be the same member: check their system.toml");
        return {};
    }

    PdrBeat::Settings settings_;
    PdrBeat::Volume volume_;
    bool named_ = false;                    // in the verdict blocks, by the last pass
    std::optional<std::uint64_t> written_;  // the last counter, if it is certain
    BootTime begun_{};                      // when its write was
};

}  // namespace

PdrBeat::PdrBeat(boost::asio::any_io_executor executor, Settings settings, pdr::SlotRecord record,
                 std::function<void(const cluster::PdrPass&)> on_pass)
    : shared_(std::make_shared<Shared>()) {
    shared_->executor = std::move(executor);
    shared_->on_pass = std::move(on_pass);
    shared_->record = std::move(record);
    std::thread([shared = shared_, interval = settings.interval, passes = Passes(std::move(settings))]() mutable {
        auto due = std::chrono::steady_clock::now();
        std::unique_lock lock(shared->mutex);
        while (!shared->ended) {
            const auto current = shared->record;
            lock.unlock();
            const auto pass = passes.next(current);
            lock.lock();
            if (shared->ended) return;
            boost::asio::post(shared->executor, [weak = std::weak_ptr(shared), pass] {
                if (const auto alive = weak.lock(); alive && !alive->ended) alive->on_pass(pass);
            });
            due = std::max(due + interval, std::chrono::steady_clock::now());
            shared->changed.wait_until(lock, due, [&] { return shared->ended; });
        }
    }).detach();
}

PdrBeat::~PdrBeat() {
    const std::lock_guard lock(shared_->mutex);
    shared_->ended = true;
    shared_->changed.notify_all();
}

void PdrBeat::set(const pdr::SlotRecord& record) {
    const std::lock_guard lock(shared_->mutex);
    shared_->record = record;
}

}  // namespace ssi::gate
