/// What is defined in libvirt, at libvirt's own test driver: it holds one persistent guest, "test", and its state lives
/// as long as a connection is open.
#include "daemons/ssid/guests/libvirt_definitions.hpp"

#include <gtest/gtest.h>
#include <libvirt/libvirt.h>

#include <boost/asio/co_spawn.hpp>
#include <format>
#include <optional>
#include <string>
#include <vector>

#include "tests/unit/coroutines.hpp"

namespace ssi::cluster {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using test::run;
using test::run_until;

constexpr auto kUri = "test:///default";
constexpr auto kUuid = "11111111-2222-3333-4444-555555555501";

GuestName name(const std::string& text) {
    return GuestName::parse(text).value();
}
std::string domain_xml(const std::string& guest, int memory_kib = 65536) {
    return std::format(
        "<domain type='test'><name>{}</name><uuid>{}</uuid><memory>{}</memory><os><type>hvm</type></os></domain>",
        guest, kUuid, memory_kib);
}

class LibvirtDefinitionsTest : public ::testing::Test {
  protected:
    ~LibvirtDefinitionsTest() override { virConnectClose(connection_); }

    std::optional<LocalDefinition> find(const std::string& guest) {
        return run(io_, definitions_.find(name(guest))).value();
    }
    Result<LocalDefinition> define(const std::string& xml, Schema schema = Schema::kChecked) {
        return run(io_, definitions_.define(xml, schema));
    }
    std::size_t count() { return run(io_, definitions_.all()).value().size(); }

    asio::io_context io_;
    virConnectPtr connection_ = virConnectOpen(kUri);
    LibvirtDefinitions definitions_{io_.get_executor(), kUri};
};

TEST_F(LibvirtDefinitionsTest, what_is_defined_is_found) {
    const auto test = find("test");
    ASSERT_TRUE(test);
    EXPECT_EQ(test->name, name("test"));
    EXPECT_TRUE(test->is_active);
    EXPECT_TRUE(test->xml.starts_with("<domain type='test'>"))
        << "as it will be started next: it has no id" << test->xml;
    EXPECT_EQ(run(io_, definitions_.all()).value().front().uuid, test->uuid);
    EXPECT_FALSE(find("linux01"));
}

TEST_F(LibvirtDefinitionsTest, what_is_defined_and_changed_is_what_libvirt_made_of_it) {
    const auto made = define(domain_xml("linux01"));
    ASSERT_TRUE(made) << made.error().text();
    EXPECT_EQ(made->uuid.str(), kUuid);
    EXPECT_FALSE(made->is_active);
    EXPECT_EQ(find("linux01")->xml, made->xml);
    EXPECT_EQ(count(), 2U);

    const auto changed = define(domain_xml("linux01", 99328), Schema::kTrusted);
    ASSERT_TRUE(changed) << changed.error().text();
    EXPECT_TRUE(changed->xml.contains("99328")) << changed->xml;
    EXPECT_EQ(define(changed->xml)->xml, changed->xml) << "libvirt's own text stays as it is";
    EXPECT_EQ(count(), 2U);
}

TEST_F(LibvirtDefinitionsTest, what_is_undefined_is_gone_also_when_it_never_was) {
    ASSERT_TRUE(define(domain_xml("linux01")));
    EXPECT_TRUE(run(io_, definitions_.undefine(name("linux01"))));
    EXPECT_FALSE(find("linux01"));
    EXPECT_TRUE(run(io_, definitions_.undefine(name("linux01"))));
}

TEST_F(LibvirtDefinitionsTest, guest_that_runs_without_a_definition_is_not_found) {
    const auto transient = virDomainCreateXML(connection_, domain_xml("passing").c_str(), 0);
    ASSERT_NE(transient, nullptr);
    EXPECT_FALSE(find("passing"));
    EXPECT_EQ(count(), 1U);
    EXPECT_TRUE(run(io_, definitions_.undefine(name("passing")))) << "there is nothing to undefine";
    EXPECT_EQ(virDomainIsActive(transient), 1);
    virDomainDestroy(transient);
    virDomainFree(transient);
}

TEST_F(LibvirtDefinitionsTest, what_libvirt_does_not_take_is_invalid_and_changes_nothing) {
    for (const auto& xml : {std::string("<domain"), std::string("<network/>"),
                            std::string("<domain type='test'><name>linux01</name></domain>")}) {
        const auto refused = define(xml);
        ASSERT_FALSE(refused) << xml;
        EXPECT_EQ(refused.error().code, ErrorCode::kDefinitionInvalid) << refused.error().text();
        EXPECT_FALSE(refused.error().what.contains('\n')) << refused.error().what;
    }
    EXPECT_EQ(count(), 1U);
}

TEST_F(LibvirtDefinitionsTest, what_an_administrator_wrote_is_held_against_the_schema) {
    auto misspelt = domain_xml("linux01");
    misspelt.insert(misspelt.find("<os>"), "<memroy>1</memroy>");
    const auto refused = define(misspelt);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::kDefinitionInvalid) << refused.error().text();
    EXPECT_FALSE(refused.error().what.contains('\n')) << refused.error().what;
    EXPECT_TRUE(define(misspelt, Schema::kTrusted)) << "libvirt itself ignores what it does not know";
}

TEST_F(LibvirtDefinitionsTest, another_guest_of_the_name_is_refused) {
    ASSERT_TRUE(define(domain_xml("linux01")));
    auto other = domain_xml("linux01");
    other.replace(other.find(kUuid), 1, "2");
    EXPECT_FALSE(define(other));
}

/// Follows libvirt's events, and remembers what was said of them.
class LibvirtDefinitionEventsTest : public LibvirtDefinitionsTest {
  protected:
    void SetUp() override {
        definitions_.on_defined = [this](const GuestName& guest) { said_.push_back("defined " + guest.str()); };
        definitions_.on_undefined = [this](const GuestName& guest) { said_.push_back("undefined " + guest.str()); };
        definitions_.on_unknown = [this] { said_.emplace_back("unknown"); };
        asio::co_spawn(io_, definitions_.follow(), [](std::exception_ptr) {});
        ASSERT_TRUE(run_until(io_, [this] { return !said_.empty(); }));
    }
    std::vector<std::string> said_;
};

TEST_F(LibvirtDefinitionEventsTest, once_connected_any_may_have_changed) {
    EXPECT_EQ(said_, std::vector<std::string>{"unknown"});
}

TEST_F(LibvirtDefinitionEventsTest, each_change_names_its_guest_by_whomever_it_is) {
    const auto domain = virDomainDefineXML(connection_, domain_xml("linux01").c_str());
    ASSERT_NE(domain, nullptr);
    EXPECT_TRUE(run_until(io_, [this] { return said_.size() > 1; }));
    EXPECT_EQ(said_.back(), "defined linux01");
    said_.clear();
    virDomainUndefine(domain);
    virDomainFree(domain);
    EXPECT_TRUE(run_until(io_, [this] { return !said_.empty(); }));
    EXPECT_EQ(said_.back(), "undefined linux01");
}

TEST_F(LibvirtDefinitionEventsTest, start_and_end_of_a_guest_are_no_change) {
    const auto domain = virDomainLookupByName(connection_, "test");
    virDomainDestroy(domain);
    virDomainCreate(domain);
    virDomainFree(domain);
    EXPECT_FALSE(run_until(io_, [this] { return said_.size() > 1; }, 300ms));
}

}  // namespace
}  // namespace ssi::cluster
