#pragma once
/// Members that come, go, change their name or their machine: system.toml is changed as an administrator would, sent to
/// all members and put into effect.

#include <functional>
#include <string>
#include <vector>

#include "daemons/ssid/configuration/config_exchange.hpp"

namespace ssi::cluster {

class MemberChanges {
  public:
    using Answer = ConfigExchange::Answer;

    MemberChanges(Configuration& configuration, ClusterView& view, Peers& peers, ConfigExchange& exchange)
        : configuration_(configuration), view_(view), peers_(peers), exchange_(exchange) {}

    /// Boots this host again in order. Must be set.
    std::function<boost::asio::awaitable<Result<void>>()> reboot_host;

    /// `slot`: empty: the lowest that is free. `channels`: "PEER,PEER_ADDRESS,OWN_ADDRESS", parted by blanks.
    Answer add(std::string name, std::string slot, std::string host, std::string channels);
    Answer remove(std::string name);
    Answer rename(std::string name, std::string to);
    /// Another machine, of that host name, takes the member's name and slot.
    Answer replace(std::string name, std::string host);
    Answer reboot(std::string name, bool force);

    /// Answers other members' requests. Must outlive the server.
    void serve(RequestServer& server);

  private:
    Answer put_in_place(std::string text, std::string member, std::string change);
    Answer reboot_here(bool force);

    Configuration& configuration_;
    ClusterView& view_;
    Peers& peers_;
    ConfigExchange& exchange_;
};

}  // namespace ssi::cluster
