#include <gtest/gtest.h>

#include "daemons/ssid/guests/capacity_report.hpp"
#include "daemons/ssid/guests/domain_xml.hpp"

namespace ssi::cluster {
namespace {

std::string domain_with(const std::string& metadata) {
    return "<domain type='qemu'><name>g</name><uuid>11111111-2222-3333-4444-555555555501</uuid>" + metadata +
           "</domain>";
}

TEST(DomainXml, name_uuid_and_policy_are_read) {
    const auto plain = parse_domain_xml(domain_with(""));
    ASSERT_TRUE(plain) << plain.error().text();
    EXPECT_EQ(plain->name.str(), "g");
    EXPECT_TRUE(plain->record.restart);
    EXPECT_FALSE(
        parse_domain_xml(
            domain_with("<metadata><ssi:guest xmlns:ssi='https://kvm-ssi.org/directory/1' restart='no'/></metadata>"))
            ->record.restart);
}

TEST(DomainXml, memory_is_read_in_its_unit) {
    const auto mib = [](const std::string& memory) { return parse_domain_xml(domain_with(memory))->record.memory_mib; };
    EXPECT_EQ(mib("<memory unit='KiB'>1048576</memory>"), 1024);
    EXPECT_EQ(mib("<memory>2048</memory>"), 2);
    EXPECT_EQ(mib("<memory unit='GiB'>3</memory>"), 3072);
    EXPECT_EQ(mib("<memory unit='b'>1</memory>"), 1) << "rounded up";
    EXPECT_EQ(mib(""), 0);
    EXPECT_EQ(mib("<memory unit='parsec'>3</memory>"), 0);
    EXPECT_EQ(mib("<memory>-5</memory>"), 0);
}

TEST(DomainXml, of_an_administrator_is_read_before_libvirt_has_seen_it) {
    EXPECT_EQ(guest_named_in("<!-- mine --><domain><name>g</name></domain>").value().str(), "g");
    for (const auto* bad :
         {"", "<domain>", "<network><name>g</name></network>", "<domain/>", "<domain><name>a/b</name></domain>"}) {
        const auto named = guest_named_in(bad);
        ASSERT_FALSE(named) << bad;
        EXPECT_EQ(named.error().code, ErrorCode::kDefinitionInvalid) << bad;
    }
}

TEST(DomainXml, without_a_uuid_gets_the_one_that_the_guest_has) {
    const auto uuid = GuestUuid::parse("11111111-2222-3333-4444-555555555501").value();
    const auto given = with_uuid("<domain type='qemu'><name>g</name><memory>1</memory></domain>", uuid);
    ASSERT_TRUE(given);
    const auto read = parse_domain_xml(*given);
    ASSERT_TRUE(read) << *given;
    EXPECT_EQ(read->record.uuid, uuid);
    EXPECT_EQ(with_uuid(domain_with(""), GuestUuid::parse("11111111-2222-3333-4444-555555555502").value()).value(),
              domain_with(""));
}

TEST(Capacity, is_what_the_kernel_calls_available) {
    EXPECT_EQ(available_mib("MemTotal:       16000000 kB\nMemAvailable:    2097152 kB\nBuffers: 1 kB\n"), 2048);
    EXPECT_EQ(available_mib("MemTotal: 1 kB\n"), std::nullopt);
    EXPECT_EQ(available_mib("MemAvailable:"), std::nullopt);
}

TEST(DomainXml, only_our_namespace_counts_whatever_its_prefix) {
    EXPECT_FALSE(
        parse_domain_xml(
            domain_with("<metadata><x:guest xmlns:x='https://kvm-ssi.org/directory/1' restart='no'/></metadata>"))
            ->record.restart);
    EXPECT_FALSE(parse_domain_xml(
                     domain_with("<metadata><guest xmlns='https://kvm-ssi.org/directory/1' restart='no'/></metadata>"))
                     ->record.restart);
    EXPECT_TRUE(
        parse_domain_xml(domain_with("<metadata><ssi:guest xmlns:ssi='https://elsewhere' restart='no'/></metadata>"))
            ->record.restart);
}

TEST(DomainXml, what_is_no_domain_is_refused) {
    for (const auto* bad :
         {"", "<", "<network/>", "<domain><name>a/b</name></domain>", "<domain><name>g</name><uuid>1</uuid></domain>"})
        EXPECT_FALSE(parse_domain_xml(bad)) << bad;
}

}  // namespace
}  // namespace ssi::cluster
