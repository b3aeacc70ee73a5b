#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <memory>
#include <vector>

#include "daemons/isfcd/bus_service.hpp"
#include "tests/unit/coroutines.hpp"
#include "tests/unit/private_bus.hpp"

namespace ssi::isfc {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using Words = std::vector<std::string>;

/// Remembers what it was asked.
class FakeControl : public IsfcControl {
  public:
    Words asked;
    EventHandler observer;

    std::string query() const override { return R"({"v":1})"; }
    Result<std::string> streams(const std::string& member) const override { return "streams of " + member; }
    Result<std::string> activate(const std::string& member, const std::string& channel) override {
        asked = {"activate", member, channel};
        return "activated";
    }
    Result<std::string> add_channel(const std::string& member, const NewChannel& channel) override {
        asked = {"add",       member, channel.name, channel.own_address, channel.peer_address, channel.interface,
                 channel.port};
        return "added";
    }
    Result<std::string> deactivate(const std::string& member, const std::string& channel, bool force) override {
        if (!force) return failure(ErrorCode::kLastChannel, "the last", channel, "force");
        asked = {"deactivate", member, channel};
        return "deactivated";
    }
    Result<std::string> reload() override { return "reloaded"; }
    Result<void> expect(const std::string& member, const std::string& service) override {
        asked = {"expect", member, service};
        return {};
    }
    Result<void> forget(const std::string& member, const std::string& service) override {
        asked = {"forget", member, service};
        return {};
    }
    void observe(EventHandler handler) override { observer = std::move(handler); }
};

class IsfcBusTest : public ::testing::Test {
  protected:
    void SetUp() override {
        service_->start();
        // The name is there as soon as a call is answered.
        ASSERT_TRUE(test::run_until(io_, [this] { return call("Query").has_value(); }));
    }
    void TearDown() override { service_->stop(); }

    Result<std::string> call(const std::string& method, Words arguments = {}) {
        return test::run(io_, client_.call(kTarget, method, std::move(arguments), 5s));
    }

    static inline const Bus::Target kTarget{"org.kvmssi.Isfc1", "/org/kvmssi/Isfc1", "org.kvmssi.Isfc1"};
    test::PrivateBus daemon_;
    asio::io_context io_;
    std::shared_ptr<FakeControl> control_ = std::make_shared<FakeControl>();
    std::shared_ptr<BusService> service_ =
        std::make_shared<BusService>(io_.get_executor(), control_, daemon_.address());
    Bus client_ = Bus::connect(io_.get_executor(), daemon_.address()).value();
};

TEST_F(IsfcBusTest, methods_reach_the_daemon_with_their_arguments) {
    EXPECT_EQ(call("Streams", {"M2"}).value(), "streams of M2");
    EXPECT_EQ(call("Reload").value(), "reloaded");
    EXPECT_EQ(call("Activate", {"M2", "0"}).value(), "activated");
    EXPECT_EQ(control_->asked, (Words{"activate", "M2", "0"}));
    EXPECT_EQ(call("AddChannel", {"M2", "x", "10.0.0.1", "10.0.0.2", "eth1", "7701"}).value(), "added");
    EXPECT_EQ(control_->asked, (Words{"add", "M2", "x", "10.0.0.1", "10.0.0.2", "eth1", "7701"}));
    EXPECT_EQ(call("Deactivate", {"M2", "0", "force"}).value(), "deactivated");
    EXPECT_EQ(call("Expect", {"M2", "s"}).value(), R"({"v":1})");
    EXPECT_EQ(control_->asked, (Words{"expect", "M2", "s"}));
    EXPECT_EQ(call("Forget", {"M2", "s"}).value(), R"({"v":1})");
}

TEST_F(IsfcBusTest, refusal_is_the_same_error_at_the_caller) {
    EXPECT_EQ(call("Deactivate", {"M2", "0", ""}).error(), (Error{ErrorCode::kLastChannel, "the last", "0", "force"}));
    EXPECT_EQ(call("Deactivate", {"M2", "0", "yes"}).error().code, ErrorCode::kUsage);
}

TEST_F(IsfcBusTest, changes_are_signals) {
    Words link, channel;
    ASSERT_TRUE(client_.on_signal(kTarget, "LinkChanged", [&](const auto& arguments) { link = arguments; }));
    ASSERT_TRUE(client_.on_signal(kTarget, "ChannelChanged", [&](const auto& arguments) { channel = arguments; }));
    ASSERT_TRUE(call("Query"));  // the subscriptions are there
    control_->observer({"M2", "", "down", "cable"});
    control_->observer({"M2", "0", "deactivated", "by hand"});
    ASSERT_TRUE(test::run_until(io_, [&] { return !link.empty() && !channel.empty(); }));
    EXPECT_EQ(link, (Words{"M2", "down", "cable"}));
    EXPECT_EQ(channel, (Words{"M2", "0", "deactivated", "by hand"}));
}

TEST_F(IsfcBusTest, introspection_shows_what_there_is) {
    const auto xml = test::run(
        io_,
        client_.call({kTarget.destination, kTarget.path, "org.freedesktop.DBus.Introspectable"}, "Introspect", {}, 5s));
    ASSERT_TRUE(xml);
    for (const auto* name : {"Query", "Streams", "Activate", "AddChannel", "Deactivate", "Reload", "Expect", "Forget"})
        EXPECT_NE(xml->find(std::format("<method name=\"{}\">", name)), std::string::npos) << name;
    for (const auto* name : {"LinkChanged", "ChannelChanged"})
        EXPECT_NE(xml->find(std::format("<signal name=\"{}\">", name)), std::string::npos) << name;
}

TEST_F(IsfcBusTest, nobody_is_told_after_the_end) {
    service_->stop();
    EXPECT_FALSE(control_->observer);
}

}  // namespace
}  // namespace ssi::isfc
