#pragma once
/// The whole daemon but for its process: links to all peers, the listening ends of channels, the local face.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "daemons/isfcd/channel/listening_ends.hpp"
#include "daemons/isfcd/control.hpp"
#include "daemons/isfcd/peer_link.hpp"
#include "daemons/isfcd/refusals.hpp"
#include "lib/common/config/kept_config.hpp"
#include "lib/common/system_config.hpp"

namespace ssi::isfc {

struct IsfcdPaths {
    std::filesystem::path runtime = "/run/ssi/isfc";
    std::filesystem::path services;  ///< Empty: runtime/services.
    std::filesystem::path offers = "/etc/ssi/isfc.d";
    std::filesystem::path pki;                              ///< Empty: as system.toml says.
    std::filesystem::path config = "/etc/ssi/system.toml";  ///< For reload().

    [[nodiscard]] KeptConfig kept_config() const { return {config, runtime / "system.toml"}; }
};

/// One executor, one thread. Several may live in one process (tests).
class Isfcd : public IsfcControl, public std::enable_shared_from_this<Isfcd> {
  public:
    /// Reads isfc.d and the certificates. Errors: kConfigInvalid, kConfigMissing, kCertificateInvalid.
    [[nodiscard]] static Result<std::shared_ptr<Isfcd>> create(const boost::asio::any_io_executor& executor,
                                                               const SystemConfig& config, const MemberName& own,
                                                               IsfcdPaths paths);
    /// Makes the runtime directory and begins to work. Error: kSystemFailed.
    [[nodiscard]] Result<void> start();
    /// Ends all streams and channels; the executor runs out of work once they are gone (after one heartbeat at most).
    void stop();

    // IsfcControl
    [[nodiscard]] std::string query() const override;
    [[nodiscard]] Result<std::string> streams(const std::string& member) const override;
    [[nodiscard]] Result<std::string> activate(const std::string& member, const std::string& channel) override;
    [[nodiscard]] Result<std::string> add_channel(const std::string& member, const NewChannel& channel) override;
    [[nodiscard]] Result<std::string> deactivate(const std::string& member, const std::string& channel,
                                                 bool force) override;
    [[nodiscard]] Result<std::string> reload() override;
    [[nodiscard]] Result<void> expect(const std::string& member, const std::string& service) override;
    [[nodiscard]] Result<void> forget(const std::string& member, const std::string& service) override;
    void observe(EventHandler handler) override { observer_ = std::move(handler); }

    /// reload() with a system.toml that was read already; isfc.d and certificates are read.
    [[nodiscard]] Result<std::string> reload(const SystemConfig& config);
    /// The numbers of query() for Prometheus.
    [[nodiscard]] std::string metrics() const;

  private:
    struct Fresh;

    Isfcd() = default;
    Result<void> prepare_directories() const;
    void welcome(boost::asio::ip::tcp::socket socket);
    boost::asio::awaitable<void> greet(boost::asio::ip::tcp::socket socket, std::string from);
    boost::asio::awaitable<Result<void>> hand_over(Greeted greeted);
    boost::asio::awaitable<void> watch_certificates();

    std::shared_ptr<PeerLink> make_link(const SystemConfig& config, const MemberConfig& peer) const;
    void update_listening_ends();
    [[nodiscard]] std::vector<ChannelConfig> all_channels() const;
    [[nodiscard]] boost::json::object describe() const;
    [[nodiscard]] Result<std::shared_ptr<PeerLink>> find_peer(const std::string& member) const;
    [[nodiscard]] Result<std::shared_ptr<PeerLink>> find_link(const std::string& member,
                                                              const std::string& channel) const;
    [[nodiscard]] Result<ChannelConfig> parse_channel(const PeerLink& link, const NewChannel& channel) const;
    [[nodiscard]] Result<Fresh> read_fresh(const SystemConfig& config) const;
    boost::json::array take_over(const SystemConfig& config, Fresh fresh);

    boost::asio::any_io_executor executor_;
    LinkSettings settings_;
    IsfcdPaths paths_;
    bool pki_from_config_ = false;
    std::shared_ptr<const OwnIdentity> identity_;
    std::shared_ptr<ServiceOffers> offers_;
    std::map<std::string, std::shared_ptr<PeerLink>> peers_;
    std::shared_ptr<ListeningEnds> ends_;
    std::shared_ptr<Signal> certificates_;  // watch_certificates() waits
    EventHandler observer_;
    Refusals refusals_;
    std::uint64_t accepted_ = 0;  // handshakes
    std::size_t greetings_ = 0;
    bool stopping_ = false;
};

}  // namespace ssi::isfc
