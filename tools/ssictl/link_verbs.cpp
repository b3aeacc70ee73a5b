#include "tools/ssictl/link_verbs.hpp"

#include <chrono>
#include <cmath>

namespace ssi::ctl {
namespace {}  // namespace

void LinkVerbs::add(CLI::App& app, std::optional<Command>& command) {
    auto* islink = app.add_subcommand("islink", "Links to other members and their channels");
    add_shown(*islink, command);
    add_watch(*islink, command);
    add_changing(*islink, command);
}

void LinkVerbs::add_shown(CLI::App& islink, std::optional<Command>& command) {
    auto* list = islink.add_subcommand("list", "A line for each channel");
    list->add_flag("--names", names_only_, "Only the names of the peers, one a line, for scripts");
    list->callback([this, &command] {
        command = DaemonCall{.daemon = Daemon::kIsfcd,
                             .method = "Query",
                             .timeout = kQuick,
                             .render = names_only_ ? render_link_members : render_links};
    });
    auto* show = islink.add_subcommand("show", "All there is to say of them, and of the certificates");
    show->add_option("MEMBER", show_.member, "The link to this member; default: all");
    show->add_flag("--streams", show_.streams, "Its streams instead; wants a MEMBER");
    show->callback([this, &command] {
        if (show_.streams && show_.member.empty()) throw CLI::RequiredError("MEMBER");
        command = show_;
    });
}

void LinkVerbs::add_watch(CLI::App& islink, std::optional<Command>& command) {
    auto* watch = islink.add_subcommand("watch", "What the channels carry, again and again");
    watch->add_option("MEMBER", watch_.member, "The link to this member; default: all");
    watch->add_option("--interval", interval_s_, "Seconds between two looks")
        ->capture_default_str()
        ->check(CLI::Range(0.1, 3600.0));
    watch->add_option("--count", watch_.count, "End after so many; default: never");
    watch->callback([this, &command] {
        watch_.interval = std::chrono::milliseconds(std::llround(interval_s_ * 1000));
        command = watch_;
    });
}

void LinkVerbs::add_changing(CLI::App& islink, std::optional<Command>& command) {
    auto* activate =
        channel_verb(islink, command, "activate", "Bring a channel back, or add one that system.toml has not",
                     [this]() -> std::pair<std::string, std::vector<std::string>> {
                         if (own_address_.empty()) return {"Activate", {peer_, channel_}};
                         return {"AddChannel", {peer_, channel_, own_address_, peer_address_, interface_, port_}};
                     });
    auto* own = activate->add_option("--own-address", own_address_, "A new channel: address of this member");
    auto* peer = activate->add_option("--peer-address", peer_address_, "A new channel: address of the peer");
    own->needs(peer)->needs(activate->get_option("--peer"));
    peer->needs(own);
    activate->add_option("--interface", interface_, "A new channel: bind it to this interface")->needs(own);
    activate->add_option("--port", port_, "A new channel: port at the member with the higher slot; default: 7700")
        ->needs(own);
    activate->footer(
        "A new channel has to be added on both members, under the same name. It lasts until isfcd restarts; to\n"
        "keep it, write it into system.toml.\nExample:\n"
        "  ssictl islink activate fast --peer MEMBER2 --own-address 10.9.0.1 --peer-address 10.9.0.2");
    auto* deactivate =
        channel_verb(islink, command, "deactivate", "Take a channel down; it stays down until it is activated",
                     [this]() -> std::pair<std::string, std::vector<std::string>> {
                         return {"Deactivate", {peer_, channel_, force_ ? "force" : ""}};
                     });
    deactivate->add_flag("--force", force_, "Also the last channel that works");
    deactivate->footer(
        "What is deactivated stays so over a reload, but not over a restart of isfcd. A channel that was added at\n"
        "run time is gone.");
}

CLI::App* LinkVerbs::channel_verb(CLI::App& islink, std::optional<Command>& command, const std::string& name,
                                  const std::string& description,
                                  std::function<std::pair<std::string, std::vector<std::string>>()> call) {
    auto* verb = islink.add_subcommand(name, description);
    verb->callback([&command, call = std::move(call)] {
        auto [method, arguments] = call();
        command = DaemonCall{.daemon = Daemon::kIsfcd,
                             .method = std::move(method),
                             .arguments = std::move(arguments),
                             .timeout = kQuick,
                             .render = render_channel};
    });
    verb->add_option("CHANNEL", channel_, "Name of the channel")->required();
    verb->add_option("--peer", peer_, "The member at its other end; needed where several links have that name");
    return verb;
}

}  // namespace ssi::ctl
