#pragma once
/// Handshakes that were refused: counted by reason, logged without letting strangers fill the journal. Pure.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "lib/common/error.hpp"

namespace ssi::isfc {

/// "certificate", "encryption", "member", "channel", "deactivated", "protocol", "timeout" or "connection".
[[nodiscard]] std::string_view refusal_reason(ErrorCode code);

class Refusals {
  public:
    /// Anybody can connect: an address and its last reason are remembered for so many.
    static constexpr std::size_t kMostAddresses = 128;

    /// Counts. True if it is to be logged: another reason than the last one for this address.
    bool add(const std::string& from, const Error& error);
    void count(std::string_view reason) { ++counts_[std::string(reason)]; }
    /// The address has passed: its next refusal is news.
    void forget(const std::string& from) { told_.erase(from); }
    [[nodiscard]] const std::map<std::string, std::uint64_t>& counts() const { return counts_; }

  private:
    std::map<std::string, std::string> told_;  // address -> reason
    std::map<std::string, std::uint64_t> counts_;
};

}  // namespace ssi::isfc
