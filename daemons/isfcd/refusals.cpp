#include "daemons/isfcd/refusals.hpp"

#include <utility>

namespace ssi::isfc {

std::string_view refusal_reason(ErrorCode code) {
    switch (code) {
        case ErrorCode::kCertificateInvalid:
            return "certificate";
        case ErrorCode::kEncryptionDiffers:
            return "encryption";
        case ErrorCode::kMemberUnknown:
            return "member";
        case ErrorCode::kChannelUnknown:
            return "channel";
        case ErrorCode::kChannelDeactivated:
            return "deactivated";
        case ErrorCode::kProtocolViolated:
            return "protocol";
        case ErrorCode::kTimedOut:
            return "timeout";
        default:
            return "connection";
    }
}

bool Refusals::add(const std::string& from, const Error& error) {
    count(refusal_reason(error.code));
    if (told_.size() >= kMostAddresses && !told_.contains(from)) told_.clear();
    const auto text = error.text();
    return std::exchange(told_[from], text) != text;
}

}  // namespace ssi::isfc
