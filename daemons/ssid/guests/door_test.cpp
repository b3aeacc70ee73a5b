#include "daemons/ssid/guests/door_test.hpp"

#include <chrono>
#include <utility>

#include "daemons/ssid/gate/door_test_guest.hpp"
#include "daemons/ssid/guests/domain_xml.hpp"
#include "daemons/ssid/state/guest_rules.hpp"
#include "lib/common/log.hpp"

namespace ssi::cluster {
namespace {

using namespace std::chrono_literals;

constexpr auto kSettle = 1s;           ///< libvirt has just begun to serve, and its drivers are being made.
constexpr auto kAgain = 5s;            ///< After a trial that told nothing.
constexpr auto kAgainWhileOpen = 60s;  ///< A hook that is put back is called without a restart of libvirt.

/// It came from ssi-guard: it knows the guest and has no right for it, or lets nobody in at all.
bool is_of_the_lock_door(const Error& error) {
    return error.code == ErrorCode::kNoRight || error.code == ErrorCode::kDoorClosed;
}

}  // namespace

std::optional<std::string> judge_doors(bool hook_was_called, const Result<void>& start) {
    if (!start && !is_of_the_lock_door(start.error())) return std::nullopt;
    if (start && !hook_was_called) return "libvirt there asks neither its hook nor its lock door";
    if (start) return "libvirt there does not ask its lock door (lock_manager in qemu.conf, ssi-guard)";
    if (!hook_was_called) return "libvirt there does not call its hook (/etc/libvirt/hooks/qemu.d/ssi)";
    return "";
}

DoorTest::DoorTest(Membership& membership, ClusterView& view, Clock& clock, TryStart try_start,
                   const boost::asio::any_io_executor& executor)
    : membership_(membership), view_(view), clock_(clock), try_start_(std::move(try_start)), poked_(executor) {}

void DoorTest::libvirt_has_started() {
    ++starts_;
    is_there_ = true;
    tried_.reset();
    poked_.notify();
}

Result<void> DoorTest::hook(const HookRequest& request) {
    const auto definition = parse_domain_xml(request.xml);
    if (!trial_ || !definition || definition->record.uuid != *trial_)
        return failure(ErrorCode::kNoRight, std::format("the name {} is kept for ssid's own use", request.guest.str()),
                       request.guest.str(), "give the guest another name");
    if (request.operation == "prepare") hook_was_called_ = true;
    return {};
}

boost::asio::awaitable<void> DoorTest::run() {
    while (true) {
        const auto seen = poked_.count();
        const bool is_known = starts_ > 0 && tested_ == starts_;
        const auto pause = is_known ? kAgainWhileOpen : kAgain;
        const bool is_due =
            starts_ > 0 && (!is_known || !found_.empty()) && (!tried_ || clock_.now() - *tried_ >= pause);
        if (is_due) co_await test();
        if (tested_ == starts_ || !found_.empty()) co_await tell();
        if (poked_.count() == seen) co_await clock_.wait_change(poked_, seen, kAgain);
    }
}

boost::asio::awaitable<void> DoorTest::test() {
    const auto start_of_libvirt = starts_;
    co_await clock_.sleep(kSettle);
    trial_ = random_guest_uuid();
    hook_was_called_ = false;
    tried_ = clock_.now();
    const auto started = co_await try_start_(*trial_);
    trial_.reset();
    // The child that libvirt forks for a guest may hang on a lock that another of its threads held at that moment; then
    // libvirt keeps the guest locked, and `virsh list` hangs too. A restart of libvirt stops no guest.
    if (!started && started.error().code == ErrorCode::kTimedOut) {
        log::error("libvirt hangs in the trial of its doors and is restarted", started.error());
        if (auto restarted = co_await restart_libvirt(); !restarted)
            log::error("libvirt could not be restarted", restarted.error());
    }
    // A trial during which libvirt was restarted says nothing of the one that is there now.
    if (start_of_libvirt != starts_) co_return;
    auto judged = judge_doors(hook_was_called_, started);
    if (!judged) {
        if (std::exchange(said_, started.error().what) != started.error().what)
            log::warning("whether libvirt asks our doors is not known", started.error());
        found_ = "whether libvirt there asks before it starts a guest is not known: " + started.error().what;
        co_return;
    }
    said_.clear();
    const bool is_new = tested_ == 0 || found_ != *judged;
    tested_ = start_of_libvirt;
    found_ = *std::move(judged);
    if (!found_.empty())
        log::error("nothing new starts on this member",
                   Error{ErrorCode::kDoorsOpen, found_, membership_.own().str(), "put it right and restart libvirtd"});
    else if (is_new)
        log::notice("libvirt asks the hook and the lock door before it starts a guest");
}

boost::asio::awaitable<void> DoorTest::tell() {
    const auto life = membership_.life();
    if (!life || !membership_.has_majority()) co_return;
    const auto* known = view_.state().open_doors(*life);
    if ((known == nullptr ? "" : known->fault) == found_) co_return;
    auto told =
        co_await view_.commit([&, own = *life](const ClusterState& state) { return decide_doors(state, own, found_); });
    if (!told) log::warning("the others do not know yet whether guests may start on this member", told.error());
}

}  // namespace ssi::cluster
