#pragma once
/// One way to cut a member's power and to know that it is off (SAFETY 13 a).

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <string>
#include <vector>

#include "lib/common/error.hpp"
#include "lib/common/names.hpp"

namespace ssi::cluster {

class FenceAgent {
  public:
    virtual ~FenceAgent() = default;
    [[nodiscard]] virtual const std::string& name() const = 0;
    /// Returns only when the member is confirmed off. Error: kFenceFailed, and then nothing is known. Bounded by twice
    /// the agent's configured time-out: one call does it, one asks whether it was done.
    virtual boost::asio::awaitable<Result<void>> off(MemberName member) = 0;
};

}  // namespace ssi::cluster
