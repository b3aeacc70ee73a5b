#pragma once
/// `ssictl at`: a D-Bus method of ssid or isfcd that is called on one member and carried out on another. Who may call
/// it is decided where it is called; members trust each other.

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "daemons/ssid/peers/request_client.hpp"
#include "daemons/ssid/peers/request_server.hpp"
#include "lib/common/bus.hpp"
#include "lib/common/system_config.hpp"

namespace ssi::cluster {

/// Used on one io_context, which must outlive it.
class RemoteCalls {
  public:
    using Answer = boost::asio::awaitable<Result<std::string>>;
    using CallIsfcd = std::function<Answer(std::string method, std::vector<std::string> arguments,
                                           std::chrono::milliseconds timeout)>;

    /// `methods`: of ssid, as they are exported; `call_isfcd`: this member's.
    RemoteCalls(const SystemConfig& config, MemberName own, Peers& peers, std::vector<Bus::Method> methods,
                CallIsfcd call_isfcd);

    /// `daemon`: "ssid" or "isfcd"; `arguments`: a JSON array of texts; `timeout`: in milliseconds, up to three hours.
    /// Errors: the method's own; kMemberUnknown, kUsage; kLinkDown and kTimedOut, after which it is not known whether
    /// the method did its work.
    Answer at(std::string member, std::string daemon, std::string method, std::string arguments, std::string timeout,
              std::string who);

    /// Lets other members call here. Before the server runs.
    void serve(RequestServer& server);

    /// At, for export.
    [[nodiscard]] Bus::Method method();

  private:
    struct Call {
        std::string daemon;
        std::string method;
        std::vector<std::string> arguments;
        std::chrono::milliseconds timeout{};
        std::string who;
    };
    Answer here(Call call);
    boost::asio::awaitable<Result<json::Object>> answer(PeerRequest request);

    const SystemConfig& config_;
    MemberName own_;
    Peers& peers_;
    std::map<std::string, Bus::Method> methods_;
    CallIsfcd call_isfcd_;
};

}  // namespace ssi::cluster
