#include <gtest/gtest.h>

#include <fstream>

#include "daemons/isfcd/local/service_offers.hpp"
#include "tests/unit/isfc_cluster.hpp"

namespace ssi::isfc {
namespace {

const MemberName kMember = *MemberName::parse("MEMBER1");

TEST(ConfiguredServices, files_are_read_in_order_and_the_member_is_filled_in) {
    const TemporaryDirectory directory;
    std::ofstream(directory.path() / "a.toml") << "[[service]]\nname = \"x\"\nsocket = \"/first\"\n";
    std::ofstream(directory.path() / "b.toml")
        << "[[service]]\nname = \"x\"\nsocket = \"/run/{member}:1\"\ngroup = \"kvm\"\n";
    std::ofstream(directory.path() / "ignored.txt") << "no toml";
    const auto services = load_configured_services(directory.path(), kMember);
    ASSERT_TRUE(services);
    ASSERT_EQ(services->size(), 1U);
    EXPECT_EQ(services->front().socket, "/run/MEMBER1:1");
    EXPECT_EQ(services->front().group, "kvm");
}

TEST(ConfiguredServices, class_of_a_service_is_interactive_unless_its_file_says_otherwise) {
    const TemporaryDirectory directory;
    std::ofstream(directory.path() / "a.toml") << "[[service]]\nname = \"a\"\nsocket = \"/a\"\n"
                                                  "[[service]]\nname = \"b\"\nsocket = \"/b\"\nclass = \"control\"\n"
                                                  "[[service]]\nname = \"c\"\nsocket = \"/c\"\nclass = \"bulk\"\n";
    const auto services = load_configured_services(directory.path(), kMember);
    ASSERT_TRUE(services);
    ASSERT_EQ(services->size(), 3U);
    EXPECT_EQ((*services)[0].stream_class, StreamClass::kInteractive);
    EXPECT_EQ((*services)[1].stream_class, StreamClass::kControl);
    EXPECT_EQ((*services)[2].stream_class, StreamClass::kBulk);
}

TEST(ConfiguredServices, missing_directory_is_empty) {
    EXPECT_EQ(load_configured_services("/nonexistent", kMember)->size(), 0U);
}

TEST(ConfiguredServices, faults_show_place_and_remedy) {
    for (const auto* text : {"[[service]]\nname = \"a/b\"\nsocket = \"/x\"\n", "[[service]]\nname = \"a\"\n",
                             "[[service]]\nname = \"a\"\nsocket = \"relative\"\n", "nonsense", "other = 1\n",
                             "[[service]]\nname = \"a\"\nsocket = \"/x\"\nextra = \"\"\n",
                             "[[service]]\nname = \"a\"\nsocket = \"/x\"\nclass = \"fast\"\n",
                             "[[service]]\nname = 7\n", "[[service]]\nname = \"a\"\nsocket = \"/x\\u0000y\"\n"}) {
        const TemporaryDirectory directory;
        std::ofstream(directory.path() / "a.toml") << text;
        const auto services = load_configured_services(directory.path(), kMember);
        ASSERT_FALSE(services) << text;
        EXPECT_EQ(services.error().code, ErrorCode::kConfigInvalid);
        EXPECT_NE(services.error().what.find("a.toml"), std::string::npos);
    }
}

}  // namespace
}  // namespace ssi::isfc
