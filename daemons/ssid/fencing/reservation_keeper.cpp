#include "daemons/ssid/fencing/reservation_keeper.hpp"

#include <algorithm>
#include <format>
#include <utility>

#include "daemons/ssid/state/registration_rules.hpp"
#include "lib/common/log.hpp"

namespace ssi::cluster {
namespace {

using namespace std::chrono_literals;
constexpr auto kInterval = 5s;
constexpr auto kTarget = "volumes";

MemberSlot slot_of(const SystemConfig& config, const MemberName& name) {
    const auto* found = config.find(name);
    return found == nullptr ? MemberSlot{} : found->slot;
}

/// Says that it is taken until the end of a scope.
class Taken {
  public:
    Taken(bool& flag, Notifier& freed) : flag_(flag), freed_(freed) { flag_ = true; }
    Taken(const Taken&) = delete;
    Taken& operator=(const Taken&) = delete;
    ~Taken() {
        flag_ = false;
        freed_.notify();
    }

  private:
    bool& flag_;
    Notifier& freed_;
};

}  // namespace

ReservationKeeper::ReservationKeeper(const SystemConfig& config, const FenceConfig& fence, const MemberName& own,
                                     ClusterView& view, std::shared_ptr<scsi::Paths> paths, Clock& clock,
                                     const boost::asio::any_io_executor& executor)
    : volumes_(reserved_volumes(config, fence)),
      timeout_(fence.timeout),
      slot_(slot_of(config, own)),
      scheme_(config.cluster_uuid),
      view_(view),
      paths_(std::move(paths)),
      clock_(clock),
      calls_(executor, 1),
      freed_(executor) {}

std::chrono::milliseconds ReservationKeeper::patience() const {
    return timeout_ * (static_cast<int>(volumes_.size()) + 1);
}

boost::asio::awaitable<void> ReservationKeeper::run() {
    while (true) {
        tell(co_await look_after());
        co_await clock_.sleep(kInterval);
    }
}

boost::asio::awaitable<void> ReservationKeeper::enroll(MemberLife life, std::chrono::milliseconds patience) {
    const auto deadline = clock_.now() + patience;
    while (is_busy_ && clock_.now() < deadline)
        co_await clock_.wait_change(freed_, freed_.count(), deadline - clock_.now());
    if (is_busy_) co_return;
    const Taken taken(is_busy_, freed_);
    tell(co_await attempt(life, patience));
}

boost::asio::awaitable<Result<void>> ReservationKeeper::look_after() {
    if (is_busy_) co_return Result<void>{};
    const Taken taken(is_busy_, freed_);
    if (const auto now = life_now()) co_return co_await keep(*now);
    if (co_await boots_anew()) co_return co_await register_to_write();
    co_return Result<void>{};
}

boost::asio::awaitable<Result<void>> ReservationKeeper::keep(MemberLife life) {
    const auto* record = view_.state().registration(life);
    if (enrolled_ == life && record != nullptr && !record->open) {
        const auto well = co_await is_well(life);
        if (!well) co_return std::unexpected(well.error());
        if (*well) co_return Result<void>{};
    }
    co_return co_await attempt(life, patience());
}

boost::asio::awaitable<Result<void>> ReservationKeeper::attempt(MemberLife life, std::chrono::milliseconds patience) {
    const auto* record = view_.state().registration(life);
    // A command of the ssid before this one may still be under way; it is given up when its time is over.
    if (record != nullptr && record->open && !std::exchange(has_waited_, true)) co_await clock_.sleep(timeout_);
    has_waited_ = true;
    auto said = co_await view_.commit([life](const ClusterState& state) { return decide_registering(state, life); });
    if (!said) co_return said;
    // One call at a time: while one hangs, none succeeds behind it, and the record stays open.
    auto done = co_await calls_.run<Enrolments>(
        kTarget, "register at the volumes", patience,
        [volumes = volumes_, paths = paths_, scheme = scheme_,
         own = key(life.incarnation)](BlockingCalls::Deadline deadline) -> Result<Enrolments> {
            Enrolments enrolments;
            for (const auto& volume : volumes) {
                if (std::chrono::steady_clock::now() >= deadline)
                    return failure(ErrorCode::kTimedOut, "the volumes took too long", volume.string());
                auto one = ReservedVolume(volume, *paths, scheme).enroll(own);
                if (!one) return std::unexpected(one.error());
                enrolments.emplace(volume, *std::move(one));
            }
            return enrolments;
        });
    if (!done) co_return std::unexpected(done.error());
    said = co_await view_.commit([life](const ClusterState& state) { return decide_registered(state, life); });
    if (!said) co_return said;
    if (enrolled_ != life)
        log::notice(
            std::format("registered at {} volumes with key {}", volumes_.size(), scsi::text_of(key(life.incarnation))));
    tell(*done);
    enrolled_ = life;
    enrolments_ = *std::move(done);
    co_return Result<void>{};
}

/// Every volume has our key and is reserved, and every path that answers was registered.
boost::asio::awaitable<Result<bool>> ReservationKeeper::is_well(MemberLife life) {
    co_return co_await calls_.run<bool>(
        kTarget, "look at the reservations", patience(),
        [volumes = volumes_, paths = paths_, scheme = scheme_, own = key(life.incarnation),
         known = enrolments_](BlockingCalls::Deadline) -> Result<bool> {
            for (const auto& volume : volumes) {
                ReservedVolume one(volume, *paths, scheme);
                const auto facts = one.look();
                if (!facts) return std::unexpected(facts.error());
                if (!facts->has(own) || !facts->is_reserved()) return false;
                const auto all = one.paths();
                if (!all) return std::unexpected(all.error());
                for (const auto& path : *all)
                    if (!std::ranges::contains(known.at(volume).registered, path) && one.answers(path)) return false;
            }
            return true;
        });
}

/// What our host had before was taken away with its last life; to the PDR it has to write before it has another:
/// without a majority it may be the one who takes over the witness.
boost::asio::awaitable<Result<void>> ReservationKeeper::register_to_write() {
    const auto done = co_await calls_.run<bool>(
        kTarget, "register at the PDR", patience(),
        [pdr = volumes_.front(), paths = paths_, scheme = scheme_, own = key(Incarnation{})](BlockingCalls::Deadline) {
            return ReservedVolume(pdr, *paths, scheme).enroll_to_write(own).transform([] { return true; });
        });
    if (!done) co_return std::unexpected(done.error());
    co_return Result<void>{};
}

/// Each fault once, until it changes.
void ReservationKeeper::tell(const Result<void>& result) {
    const auto text = result ? std::string() : result.error().text();
    if (text != told_ && !result) log::error("this member's key is not registered at all volumes", result.error());
    // Not where there was nothing to do: a host whose life is over registers nothing.
    const bool is_kept = result && enrolled_ && enrolled_ == life_now();
    if (text != told_ && is_kept) log::notice("this member's key is registered at all volumes again");
    told_ = text;
}

void ReservationKeeper::tell(const Enrolments& enrolments) {
    for (const auto& [volume, enrolment] : enrolments)
        for (const auto& [path, error] : enrolment.broken)
            log::warning(std::format("path {} of volume {} is not registered: nothing can be written by it", path,
                                     volume.string()),
                         error);
}

}  // namespace ssi::cluster
