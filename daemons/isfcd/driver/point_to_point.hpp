#pragma once
/// The network half of a driver: a point-to-point interface with its address, MTU and state.

#include <cstdint>
#include <string>

#include "lib/common/error.hpp"

namespace ssi::isfc {

/// How an interface is to be.
struct PointToPoint {
    std::string interface;
    std::string local;  ///< IPv4, as `peer`; numeric.
    std::string peer;
    int mtu = 0;
};

struct PointToPointState {
    bool present = false;
    bool up = false;
    bool address_fits = false;
    bool mtu_fits = false;
    std::uint64_t received = 0;  ///< Packets so far.
};

/// Blocking, for milliseconds; safe on any thread. Errors: kDeviceRefused.
class PointToPointInterfaces {
  public:
    virtual ~PointToPointInterfaces() = default;
    [[nodiscard]] virtual Result<PointToPointState> look(const PointToPoint& wanted) = 0;
    [[nodiscard]] virtual Result<void> add_address(const PointToPoint& wanted) = 0;
    /// That it is not there is no error.
    [[nodiscard]] virtual Result<void> remove_address(const PointToPoint& wanted) = 0;
    [[nodiscard]] virtual Result<void> set_mtu(const PointToPoint& wanted) = 0;
    [[nodiscard]] virtual Result<void> set_up(const std::string& interface, bool up) = 0;
};

/// Those of this process's network namespace, by rtnetlink. Changing them needs CAP_NET_ADMIN.
class KernelInterfaces final : public PointToPointInterfaces {
  public:
    [[nodiscard]] Result<PointToPointState> look(const PointToPoint& wanted) override;
    [[nodiscard]] Result<void> add_address(const PointToPoint& wanted) override;
    [[nodiscard]] Result<void> remove_address(const PointToPoint& wanted) override;
    [[nodiscard]] Result<void> set_mtu(const PointToPoint& wanted) override;
    [[nodiscard]] Result<void> set_up(const std::string& interface, bool up) override;
};

}  // namespace ssi::isfc
