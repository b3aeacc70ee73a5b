#pragma once
/// isfcd as ssid needs it.

#include <boost/asio/awaitable.hpp>
#include <string>

#include "lib/common/error.hpp"
#include "lib/common/names.hpp"

namespace ssi::cluster {

class IsfcLink {
  public:
    virtual ~IsfcLink() = default;
    /// Makes the socket that leads to a service on another member before that member has announced it.
    virtual boost::asio::awaitable<Result<void>> expect(MemberName member, ServiceName service) = 0;
    virtual boost::asio::awaitable<Result<void>> forget(MemberName member, ServiceName service) = 0;
};

}  // namespace ssi::cluster
