#pragma once
/// One system.toml for all members: sent to them, taken from them, compared and put into effect. Each request of the
/// administrator is one coroutine that answers with a document; what other members ask is answered by handlers.

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <string>
#include <vector>

#include "daemons/ssid/configuration/config_report.hpp"
#include "daemons/ssid/membership/membership.hpp"
#include "daemons/ssid/peers/request_client.hpp"
#include "daemons/ssid/peers/request_server.hpp"

namespace ssi::cluster {

class ConfigExchange {
  public:
    using Answer = boost::asio::awaitable<Result<json::Object>>;

    ConfigExchange(Configuration& configuration, ConfigReport& report, Membership& membership, ClusterView& view,
                   Peers& peers)
        : configuration_(configuration), report_(report), membership_(membership), view_(view), peers_(peers) {}

    /// Reloads isfcd of this member and answers with its document. Must be set.
    std::function<Answer()> reload_links;
    /// Called when another configuration is in effect.
    std::function<void(const std::string& text)> on_reloaded = [](const std::string&) {};

    /// The file against what runs here, against the cluster's, and against that of `member` if it is not empty.
    Answer diff(std::string member);
    /// This member's file to all that are Joined.
    Answer push(bool force);
    /// The same of another text, which is not this member's file yet.
    Answer push_text(std::string text, bool force);
    /// The cluster's file from `member`, or from any that is Joined, in place of ours. A member that is not Joined then
    /// reloads it, if that is enough.
    Answer pull(std::string member);
    /// Puts this member's file into effect; `everywhere`: also that of every other Joined member, of theirs.
    Answer reload(bool everywhere);

    /// Answers other members' requests. Must outlive the server.
    void serve(RequestServer& server);

  private:
    [[nodiscard]] std::vector<MemberName> others_joined() const;
    Answer ask(MemberName member, std::string request, json::Object content);
    Answer check_here(const std::string& text);
    Answer install_here(std::string digest);
    Answer restore_here(std::string digest);
    Answer drop_here();
    Answer reload_here();
    Answer file_here();
    Answer answer_here(std::string request, json::Object content);
    boost::asio::awaitable<void> tell(std::vector<MemberName> members, std::string request, json::Object content);
    boost::asio::awaitable<Result<std::vector<json::Object>>> check_everywhere(std::vector<MemberName> members,
                                                                               const std::string& text);
    boost::asio::awaitable<Result<void>> install_everywhere(std::vector<MemberName> members, std::string digest);

    Configuration& configuration_;
    ConfigReport& report_;
    Membership& membership_;
    ClusterView& view_;
    Peers& peers_;
    bool is_pushing_ = false;
    std::string installed_;  ///< The text, by its SHA-256, that was put in place here last and may be taken back.
};

}  // namespace ssi::cluster
