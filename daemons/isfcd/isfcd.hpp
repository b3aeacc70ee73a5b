#pragma once
/// The whole daemon but for its process: links to all peers, the listening ends of channels, the local face.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemons/isfcd/control.hpp"
#include "daemons/isfcd/peer_link.hpp"
#include "lib/common/system_config.hpp"

namespace ssi::isfc {

struct IsfcdPaths {
    std::filesystem::path runtime = "/run/ssi/isfc";
    std::filesystem::path services;  ///< Empty: runtime/services.
    std::filesystem::path offers = "/etc/ssi/isfc.d";
    std::filesystem::path pki;  ///< Empty: as system.toml says.
};

/// One executor, one thread. Several may live in one process (tests).
class Isfcd : public IsfcControl, public std::enable_shared_from_this<Isfcd> {
  public:
    /// Reads isfc.d and the certificates. Errors: kConfigInvalid, kConfigMissing, kCertificateInvalid.
    [[nodiscard]] static Result<std::shared_ptr<Isfcd>> create(const boost::asio::any_io_executor& executor,
                                                               const SystemConfig& config, const MemberName& own,
                                                               IsfcdPaths paths, LinkOptions options = {});
    /// Makes the runtime directory and begins to work. Error: kSystemFailed.
    [[nodiscard]] Result<void> start();
    /// Ends all streams and channels; the executor runs out of work once they are gone (after one heartbeat at most).
    void stop();

    [[nodiscard]] std::string query() const override;
    [[nodiscard]] Result<void> expect(const std::string& member, const std::string& service) override;
    [[nodiscard]] Result<void> forget(const std::string& member, const std::string& service) override;

  private:
    Isfcd() = default;
    boost::asio::awaitable<void> listen(ChannelEnd end, std::uint16_t port);
    boost::asio::awaitable<void> greet(boost::asio::ip::tcp::socket socket, std::string from);
    Result<void> prepare_directories() const;
    [[nodiscard]] Result<std::shared_ptr<PeerLink>> find_peer(const std::string& member) const;

    boost::asio::any_io_executor executor_;
    LinkSettings settings_;
    IsfcdPaths paths_;
    std::optional<TlsIdentity> identity_;
    std::shared_ptr<ServiceOffers> offers_;
    std::map<std::string, std::shared_ptr<PeerLink>> peers_;
    std::vector<std::shared_ptr<boost::asio::ip::tcp::acceptor>> acceptors_;
    std::vector<std::shared_ptr<Signal>> retries_;
    std::vector<ChannelConfig> channels_;
    std::map<std::string, std::string> refused_;  // address -> the last reason that was logged for it
    std::size_t greetings_ = 0;
    bool stopping_ = false;
};

}  // namespace ssi::isfc
