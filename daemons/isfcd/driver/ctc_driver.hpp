#pragma once
/// Makes the interface of a ctc channel and keeps it: takes one step after the other as CtcPlan decides, for as long as
/// the channel exists. The channel itself is a TCP connection like any other.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/json/object.hpp>
#include <filesystem>
#include <functional>
#include <memory>
#include <set>
#include <string>

#include "daemons/isfcd/channel/signal.hpp"
#include "daemons/isfcd/driver/ctc_device.hpp"
#include "daemons/isfcd/driver/ctc_plan.hpp"
#include "daemons/isfcd/driver/ctc_record.hpp"
#include "daemons/isfcd/driver/point_to_point.hpp"
#include "lib/common/blocking_calls.hpp"
#include "lib/common/system_config.hpp"

namespace ssi::isfc {

/// What a driver works with.
struct CtcWorld {
    std::shared_ptr<Sysfs> sysfs = std::make_shared<Sysfs>();
    std::shared_ptr<PointToPointInterfaces> interfaces = std::make_shared<KernelInterfaces>();
    std::filesystem::path records;  ///< Directory for what has to be undone one day.
    CtcTimes times;
};

/// One executor, one thread; what blocks has a thread of its own. Its coroutine holds it until stop() or retire().
class CtcDriver : public std::enable_shared_from_this<CtcDriver> {
  public:
    /// `carries`: whether the channel's handshake passed and the channel is up; asked on the executor.
    CtcDriver(const boost::asio::any_io_executor& executor, const ChannelConfig& channel, const MemberName& own,
              CtcWorld world, std::function<bool()> carries);
    CtcDriver(const CtcDriver&) = delete;
    CtcDriver& operator=(const CtcDriver&) = delete;

    /// `before`: a driver that was retired from the same device; this one begins when that has ended. May be empty.
    void start(std::shared_ptr<CtcDriver> before = nullptr);
    /// Leaves the adapter as it is: isfcd ends or restarts, and finds it again.
    void stop();
    /// The channel is no more: undoes in reverse what this member's isfcd did, and ends. May take seconds.
    void retire();

    /// The interface once it is up ("ctc0"); empty after stop() or retire(). For one waiting coroutine.
    boost::asio::awaitable<std::string> wait_for_interface();
    [[nodiscard]] const ChannelConfig& channel() const { return channel_; }
    [[nodiscard]] bool is_up() const { return up_; }
    /// Why the device cannot be used at present; empty: nothing known.
    [[nodiscard]] const std::string& problem() const { return problem_; }
    /// interface, device, device_state (missing, ungrouped, offline, online, up, carries).
    [[nodiscard]] boost::json::object query() const;

  private:
    boost::asio::awaitable<void> run(std::shared_ptr<CtcDriver> before);
    boost::asio::awaitable<void> wait_for_end();
    boost::asio::awaitable<Result<CtcView>> look();
    boost::asio::awaitable<Result<void>> perform(CtcStep step);
    boost::asio::awaitable<void> undo();
    boost::asio::awaitable<Result<void>> call(std::string what, std::function<Result<void>()> work);
    void note(const Result<CtcView>& view);
    void note_problem(const std::string& text, std::string_view code);
    void note_saved(const Result<void>& saved) const;

    boost::asio::any_io_executor executor_;
    ChannelConfig channel_;
    MemberName own_;
    CtcWorld world_;
    std::function<bool()> carries_;
    std::shared_ptr<CtcDevice> device_;
    PointToPoint wanted_;
    CtcPlan plan_;
    CtcRecord record_;
    BlockingCalls calls_;
    Signal wake_;   // for run()
    Signal ready_;  // for wait_for_interface()
    Signal end_;    // for wait_for_end()
    std::string state_ = "missing";
    std::string problem_;
    std::set<CtcStep> told_;  // in the journal, since the channel carried last
    bool up_ = false;
    bool stopping_ = false;
    bool retiring_ = false;
    bool ended_ = false;
};

}  // namespace ssi::isfc
