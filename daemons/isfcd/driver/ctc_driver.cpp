#include "daemons/isfcd/driver/ctc_driver.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <format>
#include <random>
#include <utility>

#include "lib/common/log.hpp"

namespace ssi::isfc {
namespace asio = boost::asio;
namespace {

/// The kernel gives up by itself after 21 s at the worst; a call that takes longer has hung.
constexpr std::chrono::milliseconds kLongestCall{60'000};
constexpr std::chrono::milliseconds kLongestLook{5'000};

std::function<double()> system_random() {
    return [engine = std::make_shared<std::mt19937>(std::random_device()())] {
        return std::uniform_real_distribution<double>(0, 1)(*engine);
    };
}

std::string_view name_of(const CtcView& view) {
    if (view.carries) return "carries";
    if (!view.device.grouped) return "ungrouped";
    if (!view.device.online) return "offline";
    return view.interface.up ? "up" : "online";
}

}  // namespace

CtcDriver::CtcDriver(const asio::any_io_executor& executor, const ChannelConfig& channel, const MemberName& own,
                     CtcWorld world, std::function<bool()> carries)
    : executor_(executor),
      channel_(channel),
      own_(own),
      world_(std::move(world)),
      carries_(std::move(carries)),
      device_(std::make_shared<CtcDevice>(world_.sysfs, channel.end_at(own).devices, channel.ctc)),
      wanted_{"", channel.end_at(own).address, channel.end_at(channel.peer_of(own)).address, channel.ctc.mtu},
      plan_(channel.lower.member == own, world_.times, system_random()),
      record_(world_.records / device_->name()),
      calls_(executor, 1),
      wake_(executor),
      ready_(executor),
      end_(executor) {}

void CtcDriver::start(std::shared_ptr<CtcDriver> before) {
    asio::co_spawn(
        executor_, [self = shared_from_this(), before = std::move(before)] { return self->run(before); },
        asio::detached);
}

void CtcDriver::stop() {
    stopping_ = true;
    wake_.notify();
    ready_.notify();
}

void CtcDriver::retire() {
    retiring_ = true;
    stop();
}

asio::awaitable<std::string> CtcDriver::wait_for_interface() {
    while (!up_ && !stopping_) co_await ready_.wait();
    co_return stopping_ ? std::string() : wanted_.interface;
}

boost::json::object CtcDriver::query() const {
    return {{"interface", wanted_.interface}, {"device", device_->name()}, {"device_state", state_}};
}

asio::awaitable<void> CtcDriver::wait_for_end() {
    while (!ended_) co_await end_.wait();
}

asio::awaitable<void> CtcDriver::run(std::shared_ptr<CtcDriver> before) {
    if (before) {
        co_await before->wait_for_end();
        record_ = CtcRecord(world_.records / device_->name());  // as that one left it
        before.reset();
    }
    while (!stopping_) {
        Result<CtcView> view;
        if (carries_()) {
            // The channel's own heartbeats watch it now: nothing to look at.
            view = CtcView{};
            view->carries = true;
        } else {
            view = co_await look();
        }
        if (stopping_) break;
        note(view);
        const auto decision = plan_.decide(view.value_or(CtcView{.obstacle = true}), Signal::Time::clock::now());
        if (decision.step == CtcStep::kNone) {
            co_await wake_.wait(Signal::Time::clock::now() + decision.look_again);
            continue;
        }
        const auto done = co_await perform(decision.step);
        plan_.ended(done.has_value(), Signal::Time::clock::now());
        if (done) {
            problem_.clear();
        } else {
            note_problem(done.error().text(), code_text(done.error().code));
        }
    }
    if (retiring_) co_await undo();
    ended_ = true;
    end_.notify();
}

asio::awaitable<Result<CtcView>> CtcDriver::look() {
    auto seen = co_await calls_.run<std::pair<CtcView, std::string>>(
        device_->name(), std::format("look at {}", device_->name()), kLongestLook,
        [device = device_, interfaces = world_.interfaces,
         wanted = wanted_](BlockingCalls::Deadline) mutable -> Result<std::pair<CtcView, std::string>> {
            CtcView view;
            auto state = device->look();
            if (!state) return std::unexpected(state.error());
            view.device = *state;
            wanted.interface = state->interface;
            if (wanted.interface.empty()) return std::pair(view, std::string());
            auto interface = interfaces->look(wanted);
            if (!interface) return std::unexpected(interface.error());
            view.interface = *interface;
            return std::pair(view, wanted.interface);
        });
    if (!seen) co_return std::unexpected(seen.error());
    wanted_.interface = seen->second;
    co_return seen->first;
}

void CtcDriver::note(const Result<CtcView>& view) {
    if (!view) {
        up_ = false;
        state_ = "missing";
        told_.clear();
        note_problem(view.error().text(), code_text(view.error().code));
        return;
    }
    state_ = name_of(*view);
    up_ = view->carries || view->interface.up;
    if (up_) ready_.notify();
    if (view->carries) {
        problem_.clear();
        told_.clear();
    } else if (!view->device.grouped) {  // what was ours went away with the device
        note_saved(record_.remove_from(CtcAct::kGrouped));
    } else if (!view->device.online) {
        note_saved(record_.remove_from(CtcAct::kOnline));
    }
}

void CtcDriver::note_problem(const std::string& text, std::string_view code) {
    if (stopping_ || std::exchange(problem_, text) == text) return;  // told already
    log::warning(std::format("channel {} to {}: {}", channel_.name, channel_.peer_of(own_).str(), text),
                 {{"SSI_MEMBER", channel_.peer_of(own_).str()},
                  {"SSI_CHANNEL", channel_.name},
                  {"SSI_DEVICE", device_->name()},
                  {"SSI_CODE", code}});
}

void CtcDriver::note_saved(const Result<void>& saved) const {
    if (!saved) log::warning(std::format("what isfcd did to {} will not be undone", device_->name()), saved.error());
}

asio::awaitable<Result<void>> CtcDriver::call(std::string what, std::function<Result<void>()> work) {
    co_return co_await calls_.run<void>(device_->name(), std::move(what), kLongestCall,
                                        [work = std::move(work)](BlockingCalls::Deadline) { return work(); });
}

asio::awaitable<Result<void>> CtcDriver::perform(CtcStep step) {
    struct Act {
        std::string what;
        std::function<Result<void>()> work;
        std::optional<CtcAct> recorded = std::nullopt;
    };
    const auto& id = device_->name();
    const auto act = [&]() -> Act {
        const auto device = device_;
        const auto interfaces = world_.interfaces;
        const auto wanted = wanted_;
        switch (step) {
            case CtcStep::kNone:
                break;
            case CtcStep::kGroup:
                return {std::format("group {}", id), [=] { return device->group(); }, CtcAct::kGrouped};
            case CtcStep::kSetProtocol:
                return {std::format("set the protocol of {}", id), [=] { return device->set_protocol(); }};
            case CtcStep::kSetOnline:
                return {std::format("set {} online", id), [=] { return device->set_online(true); }, CtcAct::kOnline};
            case CtcStep::kSetBuffer:
                return {std::format("set the buffer of {}", id), [=] { return device->set_buffer(); }};
            case CtcStep::kSetMtu:
                return {std::format("set the MTU of {}", wanted.interface),
                        [=] { return interfaces->set_mtu(wanted); }};
            case CtcStep::kAddAddress:
                return {std::format("give {} to {}", wanted.local, wanted.interface),
                        [=] { return interfaces->add_address(wanted); }, CtcAct::kAddress};
            case CtcStep::kBringUp:
                return {std::format("bring {} up", wanted.interface),
                        [=] { return interfaces->set_up(wanted.interface, true); }, CtcAct::kUp};
            case CtcStep::kTakeDown:
                return {std::format("take {} down", wanted.interface),
                        [=] { return interfaces->set_up(wanted.interface, false); }};
            case CtcStep::kSetOffline:
                return {std::format("set {} offline", id), [=] { return device->set_online(false); }};
        }
        return {};
    }();
    if (step == CtcStep::kTakeDown) up_ = false;
    auto done = co_await call(act.what, act.work);
    if (done && act.recorded) note_saved(record_.add(*act.recorded));
    if (done) {
        // Without a peer it goes down and up for hours: that is told once.
        const auto level = told_.insert(step).second ? log::Level::kInfo : log::Level::kDebug;
        log::write(level, std::format("channel {}: {}", channel_.name, act.what), {{"SSI_DEVICE", id}});
    }
    co_return done;
}

asio::awaitable<void> CtcDriver::undo() {
    note(co_await look());  // what went away by itself needs no undoing
    const auto device = device_;
    const auto interfaces = world_.interfaces;
    const auto wanted = wanted_;
    // What rests on the others first; where one step is refused, those below it would be too.
    const std::vector<std::pair<CtcAct, std::function<Result<void>()>>> steps{
        {CtcAct::kUp, [=] { return interfaces->set_up(wanted.interface, false); }},
        {CtcAct::kAddress, [=] { return interfaces->remove_address(wanted); }},
        {CtcAct::kOnline, [=] { return device->set_online(false); }},
        {CtcAct::kGrouped, [=] { return device->ungroup(); }}};
    for (const auto& [act, work] : steps) {
        if (!record_.has(act)) continue;
        if (const auto done = co_await call(std::format("undo what isfcd did to {}", device_->name()), work); !done) {
            log::warning(std::format("{} is left as it is", device_->name()), done.error());
            co_return;
        }
        note_saved(record_.remove_from(act));
    }
    log::info(std::format("channel {}: {} is as it was", channel_.name, device_->name()),
              {{"SSI_DEVICE", device_->name()}});
}

}  // namespace ssi::isfc
