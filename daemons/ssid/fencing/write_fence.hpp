#pragma once
/// One way to stop a member's writes and to know that they are stopped (SAFETY 13 c).

#include <boost/asio/awaitable.hpp>
#include <filesystem>
#include <string>
#include <vector>

#include "daemons/ssid/state/records.hpp"

namespace ssi::cluster {

class WriteFence {
  public:
    /// By whom, at whom; `registration`: the revision of the target's RegistrationRecord, which is not open.
    struct Request {
        MemberLife by;
        MemberLife target;
        Revision registration{};
    };

    virtual ~WriteFence() = default;
    [[nodiscard]] virtual const std::string& name() const = 0;
    /// Where nothing of the target is written afterwards.
    [[nodiscard]] virtual const std::vector<std::filesystem::path>& volumes() const = 0;
    /// The administrator says that no guest ever writes elsewhere.
    [[nodiscard]] virtual bool covers_all_disks() const = 0;
    /// Changes nothing. The Error says what stands in the way of `stop`.
    virtual boost::asio::awaitable<Result<void>> may_stop(Request request) = 0;
    /// Returns only when it is known that on no volume anything of the target can be written, nor is in flight. Error:
    /// nothing is known; some of the volumes may be stopped.
    virtual boost::asio::awaitable<Result<void>> stop(Request request) = 0;
};

}  // namespace ssi::cluster
