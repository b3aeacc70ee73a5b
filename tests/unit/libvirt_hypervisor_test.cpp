#include "daemons/ssid/guests/libvirt_hypervisor.hpp"

#include <gtest/gtest.h>
#include <libvirt/libvirt.h>

#include <algorithm>
#include <boost/asio/local/stream_protocol.hpp>
#include <condition_variable>

#include "tests/unit/coroutines.hpp"
#include "tests/unit/temporary_directory.hpp"

namespace ssi::cluster {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using test::run;

constexpr auto kGuestUuid = "11111111-2222-3333-4444-555555555501";

std::string domain_xml(const std::string& name, const std::string& uuid) {
    return "<domain type='test'><name>" + name + "</name><uuid>" + uuid +
           "</uuid><memory>65536</memory><os><type>hvm</type></os></domain>";
}

/// libvirt's own test driver, which holds one running domain, "test". Its state lives as long as a connection is open.
class LibvirtHypervisorTest : public ::testing::Test {
  protected:
    ~LibvirtHypervisorTest() override { virConnectClose(connection_); }

    static LibvirtOptions options() {
        LibvirtOptions options;
        options.local_uri = "test:///default";
        options.remote_uri = [](const MemberName&) { return "test:///default"; };
        return options;
    }
    std::optional<DomainInfo> find(const GuestName& name) {
        const auto domains = run(io_, hypervisor_.domains()).value();
        const auto found = std::ranges::find(domains, name, &DomainInfo::name);
        return found == domains.end() ? std::nullopt : std::optional(*found);
    }

    asio::io_context io_;
    const MemberName own_ = MemberName::parse("MEMBER1").value();
    const MemberName other_ = MemberName::parse("MEMBER2").value();
    const GuestName test_ = GuestName::parse("test").value();
    const GuestName guest_ = GuestName::parse("linux01").value();
    LibvirtHypervisor hypervisor_{io_.get_executor(), own_, options()};
    virConnectPtr connection_ = virConnectOpen("test:///default");
};

TEST_F(LibvirtHypervisorTest, domains_are_listed_with_their_state) {
    const auto domain = find(test_);
    ASSERT_TRUE(domain);
    EXPECT_EQ(domain->state, DomainState::kRunning);
    EXPECT_EQ(domain->uuid.str().size(), 36U);
    EXPECT_FALSE(domain->migrating_out);
}

TEST_F(LibvirtHypervisorTest, start_defines_what_is_missing) {
    ASSERT_TRUE(run(io_, hypervisor_.start(other_, guest_, domain_xml("linux01", kGuestUuid))));
    const auto domain = find(guest_);
    ASSERT_TRUE(domain);
    EXPECT_EQ(domain->state, DomainState::kRunning);
    EXPECT_EQ(domain->uuid.str(), kGuestUuid);
}

TEST_F(LibvirtHypervisorTest, start_leaves_a_definition_as_it_is) {
    ASSERT_TRUE(run(io_, hypervisor_.start(own_, guest_, domain_xml("linux01", kGuestUuid))));
    const auto before = run(io_, hypervisor_.definition(guest_)).value();
    ASSERT_TRUE(run(io_, hypervisor_.destroy(own_, guest_)));
    ASSERT_EQ(find(guest_)->state, DomainState::kShutOff);
    auto other = domain_xml("linux01", kGuestUuid);
    other.replace(other.find("65536"), 5, "99999");
    ASSERT_TRUE(run(io_, hypervisor_.start(own_, guest_, other)));
    EXPECT_EQ(run(io_, hypervisor_.definition(guest_)).value(), before);
}

TEST_F(LibvirtHypervisorTest, start_of_another_uuid_under_the_name_is_refused) {
    ASSERT_TRUE(run(io_, hypervisor_.shutdown(own_, test_)));
    EXPECT_EQ(run(io_, hypervisor_.start(own_, test_, domain_xml("test", kGuestUuid))).error().code,
              ErrorCode::kGuestUuidDiffers);
    EXPECT_EQ(find(test_)->state, DomainState::kShutOff);
}

TEST_F(LibvirtHypervisorTest, libvirts_words_are_in_the_error) {
    const auto error = run(io_, hypervisor_.start(own_, guest_, "")).error();
    EXPECT_EQ(error.code, ErrorCode::kHypervisorFailed);
    EXPECT_EQ(error.object, "linux01");
    EXPECT_NE(error.what.find("Domain not found"), std::string::npos) << error.what;
    EXPECT_EQ(run(io_, hypervisor_.start(own_, test_, "")).error().code, ErrorCode::kHypervisorFailed);
    EXPECT_EQ(run(io_, hypervisor_.start(own_, guest_, "<domain")).error().code, ErrorCode::kHypervisorFailed);
}

TEST_F(LibvirtHypervisorTest, paused_guest_is_resumed) {
    const auto domain = virDomainLookupByName(connection_, "test");
    virDomainSuspend(domain);
    virDomainFree(domain);
    ASSERT_EQ(find(test_)->state, DomainState::kPaused);
    ASSERT_TRUE(run(io_, hypervisor_.resume(test_)));
    EXPECT_EQ(find(test_)->state, DomainState::kRunning);
}

TEST_F(LibvirtHypervisorTest, what_the_driver_cannot_do_is_an_error) {
    EXPECT_FALSE(run(io_, hypervisor_.migrate({test_, other_, "test:///default", "unix:///nowhere"})));
    EXPECT_FALSE(run(io_, hypervisor_.abort_migration(test_)));
}

TEST_F(LibvirtHypervisorTest, libvirt_that_cannot_be_reached_is_an_error) {
    auto broken = options();
    broken.local_uri = "qemu+unix:///system?socket=/nonexistent/libvirt-sock";
    LibvirtHypervisor hypervisor(io_.get_executor(), own_, broken);
    EXPECT_EQ(run(io_, hypervisor.domains()).error().code, ErrorCode::kHypervisorFailed);
}

TEST_F(LibvirtHypervisorTest, hung_member_times_out_and_holds_up_nobody) {
    const test::TemporaryDirectory directory;
    const auto socket = directory.path() / "hung";
    asio::local::stream_protocol::acceptor mute(io_, socket.string());  // accepts in the kernel, never answers
    auto hanging = options();
    hanging.call_timeout = 100ms;
    hanging.remote_uri = [&](const MemberName&) { return "qemu+unix:///system?socket=" + socket.string(); };
    LibvirtHypervisor hypervisor(io_.get_executor(), own_, hanging);
    EXPECT_EQ(run(io_, hypervisor.destroy(other_, guest_)).error().code, ErrorCode::kTimedOut);
    hanging.call_timeout = 10s;
    EXPECT_TRUE(run(io_, hypervisor.domains()));
}

/// Work that goes on when it is told to.
struct Gate {
    std::mutex mutex;
    std::condition_variable opened;
    bool open = false;
    void pass() {
        std::unique_lock lock(mutex);
        opened.wait(lock, [this] { return open; });
    }
};

class BlockingCallsTest : public ::testing::Test {
  protected:
    ~BlockingCallsTest() override {
        const std::lock_guard lock(gate_->mutex);
        gate_->open = true;
        gate_->opened.notify_all();
    }
    BlockingCalls::Work<int> hanging() {
        return [gate = gate_](BlockingCalls::Deadline) -> Result<int> {
            gate->pass();
            return 1;
        };
    }
    static BlockingCalls::Work<int> quick() {
        return [](BlockingCalls::Deadline) -> Result<int> { return 2; };
    }

    std::shared_ptr<Gate> gate_ = std::make_shared<Gate>();
    asio::io_context io_;
};

TEST_F(BlockingCallsTest, calls_that_hang_are_limited_for_each_target) {
    BlockingCalls calls(io_.get_executor(), 2);
    EXPECT_EQ(run(io_, calls.run("A", "hang", 10ms, hanging())).error().code, ErrorCode::kTimedOut);
    EXPECT_EQ(run(io_, calls.run("A", "hang", 10ms, hanging())).error().code, ErrorCode::kTimedOut);
    EXPECT_EQ(run(io_, calls.run("A", "hang", 10s, quick())).error().code, ErrorCode::kSystemFailed);
    EXPECT_EQ(run(io_, calls.run("B", "be quick", 10s, quick())).value(), 2);
}

TEST_F(BlockingCallsTest, target_is_served_again_when_its_calls_have_ended) {
    BlockingCalls calls(io_.get_executor(), 1);
    for (int i = 0; i < 5; ++i) EXPECT_EQ(run(io_, calls.run("A", "be quick", 10s, quick())).value(), 2);
}

TEST_F(BlockingCallsTest, call_that_hangs_outlives_its_maker) {
    {
        BlockingCalls calls(io_.get_executor(), 1);
        EXPECT_FALSE(run(io_, calls.run("A", "hang", 10ms, hanging())));
    }
    const std::lock_guard lock(gate_->mutex);
    gate_->open = true;
    gate_->opened.notify_all();
}

}  // namespace
}  // namespace ssi::cluster
