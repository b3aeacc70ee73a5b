#include "tools/ssictl/member_verbs.hpp"

#include <chrono>
#include <functional>
#include <utility>

#include "tools/ssictl/config_rendering.hpp"

namespace ssi::ctl {
namespace {

/// ssid asks each member and waits 10 s for it.

}  // namespace

void MemberVerbs::add(CLI::App& group, std::optional<Command>& command) {
    const auto verb = [&](const std::string& name, const std::string& description, std::string method,
                          std::function<std::vector<std::string>()> arguments) {
        auto* made = group.add_subcommand(name, description);
        made->callback([&command, method = std::move(method), arguments = std::move(arguments)] {
            command = DaemonCall{
                .method = method, .arguments = arguments(), .timeout = kAllMembers, .render = render_member_change};
        });
        made->add_option("MEMBER", name_, "Name of the member")->required();
        return made;
    };
    auto* add = verb("add", "Add a member to system.toml, on all members", "MemberAdd", [this] {
        std::string channels;
        for (const auto& channel : channels_) channels += (channels.empty() ? "" : " ") + channel;
        return std::vector{name_, slot_, host_, channels};
    });
    add->add_option("--slot", slot_, "Its slot, 1 to 32; default: the lowest that is free");
    add->add_option("--host", host_, "What hostname says there; default: its name");
    add->add_option("--channel", channels_, "PEER,PEER_ADDRESS,OWN_ADDRESS; may be given several times")
        ->allow_extra_args(false);
    add->footer(
        "Then give it its certificate (ssictl ca issue) and system.toml, and start it.\nExample:\n"
        "  ssictl member add MEMBER4 --channel MEMBER1,10.0.14.1,10.0.14.4 --channel MEMBER2,10.0.24.2,10.0.24.4");
    verb("remove", "Take a member that is down for good out of system.toml, on all members", "MemberRemove",
         [this] { return std::vector{name_}; });
    auto* replace = verb("replace", "Another machine takes the name and slot of a member that is down", "MemberReplace",
                         [this] { return std::vector{name_, host_}; });
    replace->add_option("--host", host_, "What hostname says there; default: the member's name");
    auto* rename = verb("rename", "Give a member that is down another name, on all members", "MemberRename",
                        [this] { return std::vector{name_, to_}; });
    rename->add_option("NEW", to_, "Its name from now on")->required();
    auto* reboot = verb("reboot", "Boot a member's host again, in order", "MemberReboot",
                        [this] { return std::vector{name_, std::string(force_ ? "force" : "")}; });
    reboot->add_flag("--force", force_, "Although guests run there: they end with it");
}

}  // namespace ssi::ctl
