#pragma once
/// IsfcLink over isfcd's D-Bus object org.kvmssi.Isfc1.

#include "daemons/ssid/relocation/isfc_link.hpp"
#include "lib/common/bus.hpp"

namespace ssi::cluster {

class IsfcBusLink final : public IsfcLink {
  public:
    explicit IsfcBusLink(Bus& bus) : bus_(bus) {}
    boost::asio::awaitable<Result<void>> expect(MemberName member, ServiceName service) override;
    boost::asio::awaitable<Result<void>> forget(MemberName member, ServiceName service) override;

  private:
    boost::asio::awaitable<Result<void>> call(std::string method, MemberName member, ServiceName service);
    Bus& bus_;
};

}  // namespace ssi::cluster
