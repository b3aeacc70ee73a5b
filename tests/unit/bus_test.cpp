#include "lib/common/bus.hpp"

#include <gtest/gtest.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <thread>

#include "lib/common/systemd_units.hpp"
#include "tests/unit/coroutines.hpp"
#include "tests/unit/private_bus.hpp"

namespace ssi {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using test::run;

constexpr auto kName = "org.kvmssi.Test1";
constexpr auto kPath = "/org/kvmssi/Test1";

/// A service and a client, each with a connection of its own to one bus.
class BusTest : public ::testing::Test {
  protected:
    void SetUp() override {
        ASSERT_TRUE(server_->export_object(kPath, kName, methods(), {{"Changed", {"who", "state"}}}));
        ASSERT_TRUE(run(io_, server_->request_name(kName)));
    }

    std::vector<Bus::Method> methods() {
        std::vector<Bus::Method> methods;
        methods.push_back({"Join", {"first", "second"}, [](auto arguments, Bus::Caller caller) -> Answer {
                               co_return arguments[0] + "+" + arguments[1] + " by " + std::to_string(caller.uid);
                           }});
        methods.push_back({"Refuse", {}, [](auto, auto) -> Answer {
                               co_return failure(ErrorCode::kGuestRunsElsewhere, "guest g runs on M1", "g", "move it");
                           }});
        methods.push_back({"Throw", {}, [](auto, auto) -> Answer {
                               throw std::runtime_error("out of luck");
                               co_return "";
                           }});
        methods.push_back({"Garbage", {}, [](auto, auto) -> Answer { co_return "\xff\xfe"; }});
        methods.push_back({"Hang", {}, [](auto, auto) -> Answer {
                               asio::steady_timer never(co_await asio::this_coro::executor,
                                                        asio::steady_timer::time_point::max());
                               co_await never.async_wait(asio::use_awaitable);
                               co_return "";
                           }});
        return methods;
    }

    Result<std::string> call(const std::string& method, std::vector<std::string> arguments = {},
                             std::chrono::milliseconds timeout = 5s) {
        return run(io_, client_->call(target_, method, std::move(arguments), timeout));
    }

    using Answer = asio::awaitable<Result<std::string>>;
    test::PrivateBus daemon_;
    asio::io_context io_;
    std::optional<Bus> server_ = Bus::connect(io_.get_executor(), daemon_.address()).value();
    std::optional<Bus> client_ = Bus::connect(io_.get_executor(), daemon_.address()).value();
    Bus::Target target_{kName, kPath, kName};
};

TEST_F(BusTest, call_reaches_the_handler_with_arguments_and_uid) {
    EXPECT_EQ(call("Join", {"a", "\xc3\xa4"}).value(), "a+\xc3\xa4 by " + std::to_string(::getuid()));
}

TEST_F(BusTest, refusal_is_the_same_error_at_the_caller) {
    EXPECT_EQ(call("Refuse").error(), (Error{ErrorCode::kGuestRunsElsewhere, "guest g runs on M1", "g", "move it"}));
}

TEST_F(BusTest, exception_of_a_handler_is_an_error_at_the_caller) {
    EXPECT_EQ(call("Throw").error().what, "out of luck");
    EXPECT_TRUE(call("Join", {"still", "alive"}));
}

TEST_F(BusTest, answer_that_is_no_utf8_is_an_error_at_the_caller) {
    EXPECT_EQ(call("Garbage").error().code, ErrorCode::kProtocolViolated);
}

TEST_F(BusTest, argument_that_is_no_utf8_is_a_usage_error) {
    EXPECT_EQ(call("Join", {"a", "\xff"}).error().code, ErrorCode::kUsage);
}

TEST_F(BusTest, wrong_number_of_arguments_is_an_error) {
    EXPECT_EQ(call("Join", {"a"}).error().code, ErrorCode::kProtocolViolated);
}

TEST_F(BusTest, unknown_method_is_an_error_that_names_it) {
    const auto error = call("Nothing").error();
    EXPECT_EQ(error.code, ErrorCode::kProtocolViolated);
    EXPECT_EQ(error.object, SD_BUS_ERROR_UNKNOWN_METHOD);
}

TEST_F(BusTest, absent_service_is_unreachable) {
    target_.destination = "org.kvmssi.Absent1";
    EXPECT_EQ(call("Join").error().code, ErrorCode::kDaemonUnreachable);
}

TEST_F(BusTest, hanging_handler_ends_by_the_timeout_and_holds_up_nobody) {
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_EQ(call("Hang", {}, 50ms).error().code, ErrorCode::kDaemonUnreachable);
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 2s);
    EXPECT_TRUE(call("Join", {"a", "b"}));
}

TEST_F(BusTest, cancelled_call_returns_at_once) {
    asio::cancellation_signal cancel;
    std::optional<bool> failed;
    asio::co_spawn(
        io_,
        [&]() -> asio::awaitable<void> {
            const auto result = co_await client_->call(target_, "Hang", {}, 1h);
            failed = !result;
        },
        asio::bind_cancellation_slot(cancel.slot(), asio::detached));
    asio::post(io_, [&] { cancel.emit(asio::cancellation_type::terminal); });
    EXPECT_TRUE(test::run_until(io_, [&] { return failed.has_value(); }));
    EXPECT_EQ(failed, true);
}

TEST_F(BusTest, introspection_names_methods_and_arguments) {
    target_.interface = "org.freedesktop.DBus.Introspectable";
    const auto xml = call("Introspect").value();
    EXPECT_NE(xml.find("<method name=\"Join\">"), std::string::npos) << xml;
    EXPECT_NE(xml.find("<arg type=\"s\" name=\"second\" direction=\"in\"/>"), std::string::npos) << xml;
    EXPECT_NE(xml.find("<arg type=\"s\" name=\"answer\" direction=\"out\"/>"), std::string::npos) << xml;
}

TEST_F(BusTest, name_that_another_has_is_refused) {
    EXPECT_EQ(run(io_, client_->request_name(kName)).error().code, ErrorCode::kDaemonUnreachable);
}

TEST_F(BusTest, long_answers_and_arguments_pass) {
    const std::string text(3'000'000, 'x');
    EXPECT_EQ(call("Join", {text, "y"}).value().size(), call("Join", {"", "y"}).value().size() + text.size());
}

TEST_F(BusTest, signal_reaches_the_subscriber_with_its_arguments_as_text) {
    std::vector<std::string> seen;
    const Bus::Target bus{"org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus"};
    ASSERT_TRUE(client_->on_signal(bus, "NameOwnerChanged", [&](const auto& arguments) {
        if (arguments.at(0) == "org.kvmssi.New1") seen = arguments;
    }));
    ASSERT_TRUE(call("Join", {"subscription", "done"}));
    ASSERT_TRUE(run(io_, server_->request_name("org.kvmssi.New1")));
    ASSERT_TRUE(test::run_until(io_, [&] { return !seen.empty(); }));
    ASSERT_EQ(seen.size(), 3U);
    EXPECT_EQ(seen[1], "");
}

TEST_F(BusTest, own_signal_reaches_its_subscribers) {
    std::vector<std::string> seen;
    ASSERT_TRUE(client_->on_signal(target_, "Changed", [&](const auto& arguments) { seen = arguments; }));
    ASSERT_TRUE(call("Join", {"subscription", "done"}));
    ASSERT_TRUE(server_->emit(kPath, kName, "Changed", {"M2", "down \xc3\xa4"}));
    ASSERT_TRUE(test::run_until(io_, [&] { return !seen.empty(); }));
    EXPECT_EQ(seen, (std::vector<std::string>{"M2", "down \xc3\xa4"}));
}

TEST_F(BusTest, signal_that_was_not_announced_is_refused) {
    EXPECT_EQ(server_->emit(kPath, kName, "Changed", {"too few"}).error().code, ErrorCode::kUsage);
    EXPECT_EQ(server_->emit(kPath, kName, "Other", {}).error().code, ErrorCode::kUsage);
    EXPECT_EQ(server_->emit(kPath, kName, "Changed", {"M2", "\xff"}).error().code, ErrorCode::kUsage);
}

TEST_F(BusTest, introspection_names_signals_and_arguments) {
    target_.interface = "org.freedesktop.DBus.Introspectable";
    const auto xml = call("Introspect").value();
    EXPECT_NE(xml.find("<signal name=\"Changed\">"), std::string::npos) << xml;
    EXPECT_NE(xml.find("<arg type=\"s\" name=\"state\"/>"), std::string::npos) << xml;
}

TEST_F(BusTest, loss_of_the_bus_is_reported_and_ends_calls) {
    std::optional<Error> reason;
    asio::co_spawn(io_, client_->closed(), [&](std::exception_ptr, Error error) { reason = std::move(error); });
    asio::post(io_, [&] { daemon_.stop(); });
    EXPECT_EQ(call("Hang", {}, 1h).error().code, ErrorCode::kDaemonUnreachable);
    ASSERT_TRUE(test::run_until(io_, [&] { return reason.has_value(); }));
    EXPECT_EQ(reason->code, ErrorCode::kDaemonUnreachable);
    EXPECT_FALSE(call("Join", {"a", "b"}));
}

TEST_F(BusTest, destruction_ends_calls_under_way) {
    asio::post(io_, [&] { asio::post(io_, [&] { client_.reset(); }); });
    EXPECT_EQ(call("Hang", {}, 1h).error().code, ErrorCode::kDaemonUnreachable);
}

TEST(BusConnect, absent_bus_is_unreachable) {
    asio::io_context io;
    EXPECT_EQ(Bus::connect(io.get_executor(), "unix:path=/nonexistent/bus").error().code,
              ErrorCode::kDaemonUnreachable);
}

/// As much of systemd as jobs need: good.service comes up, bad.service fails, slow.service never ends. The signal goes
/// out before the answer for good.service and after it for bad.service.
class FakeSystemd {
  public:
    explicit FakeSystemd(const std::string& address) {
        sd_bus_new(&bus_);
        sd_bus_set_address(bus_, address.c_str());
        sd_bus_set_bus_client(bus_, 1);
        sd_bus_start(bus_);
        static const sd_bus_vtable vtable[] = {
            SD_BUS_VTABLE_START(0), SD_BUS_METHOD("StartUnit", "ss", "o", on_job, SD_BUS_VTABLE_UNPRIVILEGED),
            SD_BUS_METHOD("StopUnit", "ss", "o", on_job, SD_BUS_VTABLE_UNPRIVILEGED), SD_BUS_VTABLE_END};
        sd_bus_add_object_vtable(bus_, nullptr, "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager", vtable,
                                 this);
        sd_bus_request_name(bus_, "org.freedesktop.systemd1", 0);
        thread_ = std::jthread([this](const std::stop_token& stop) {
            while (!stop.stop_requested())
                if (sd_bus_process(bus_, nullptr) == 0) sd_bus_wait(bus_, 10'000);
            sd_bus_flush_close_unref(bus_);
        });
    }

  private:
    static int removed(sd_bus_message* call, const char* unit, const char* result) {
        return sd_bus_emit_signal(sd_bus_message_get_bus(call), "/org/freedesktop/systemd1",
                                  "org.freedesktop.systemd1.Manager", "JobRemoved", "uoss", 7U,
                                  "/org/freedesktop/systemd1/job/7", unit, result);
    }
    static int on_job(sd_bus_message* call, void*, sd_bus_error* error) {
        const char* unit = nullptr;
        const char* mode = nullptr;
        sd_bus_message_read(call, "ss", &unit, &mode);
        const std::string name = unit;
        if (name == "absent.service")
            return sd_bus_error_set(error, "org.freedesktop.systemd1.NoSuchUnit", "not loaded");
        if (name == "good.service") removed(call, unit, "done");
        const int answered = sd_bus_reply_method_return(call, "o", "/org/freedesktop/systemd1/job/7");
        if (name == "bad.service") removed(call, unit, "failed");
        return answered;
    }
    sd_bus* bus_ = nullptr;
    std::jthread thread_;
};

class SystemdUnitsTest : public ::testing::Test {
  protected:
    test::PrivateBus daemon_;
    FakeSystemd systemd_{daemon_.address()};
    asio::io_context io_;
    Bus bus_ = Bus::connect(io_.get_executor(), daemon_.address()).value();
    SystemdUnits units_{bus_};
};

TEST_F(SystemdUnitsTest, started_unit_is_success) {
    EXPECT_TRUE(run(io_, units_.start("good.service", 5s)));
    EXPECT_TRUE(run(io_, units_.stop("good.service", 5s)));
}

TEST_F(SystemdUnitsTest, failed_job_is_an_error_with_its_result) {
    const auto error = run(io_, units_.start("bad.service", 5s)).error();
    EXPECT_EQ(error.code, ErrorCode::kSystemFailed);
    EXPECT_EQ(error.what, "StartUnit of bad.service ended: failed");
    EXPECT_EQ(error.remedy, "journalctl -u bad.service");
}

TEST_F(SystemdUnitsTest, job_that_does_not_end_times_out) {
    EXPECT_EQ(run(io_, units_.start("slow.service", 50ms)).error().code, ErrorCode::kTimedOut);
}

TEST_F(SystemdUnitsTest, unit_that_is_not_loaded_cannot_start_and_is_stopped) {
    EXPECT_FALSE(run(io_, units_.start("absent.service", 5s)));
    EXPECT_TRUE(run(io_, units_.stop("absent.service", 5s)));
}

}  // namespace
}  // namespace ssi
