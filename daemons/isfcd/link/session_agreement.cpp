#include "daemons/isfcd/link/session_agreement.hpp"

#include <algorithm>

namespace ssi::isfc {
namespace {

constexpr std::size_t kRetiredKept = 64;

}  // namespace

SessionAgreement::Verdict SessionAgreement::judge(std::uint64_t sent_own, std::uint64_t peer, bool has_channels) {
    if (sent_own != own_) return Verdict::kRefuse;
    if (peer == peer_) return Verdict::kJoin;
    if (std::ranges::contains(retired_, peer)) return has_channels ? Verdict::kRefuse : Verdict::kRenew;
    retire_peer();
    peer_ = peer;
    return Verdict::kRestart;
}

void SessionAgreement::renew(std::uint64_t own) {
    own_ = own;
    peer_ = 0;
    retired_.clear();
}

void SessionAgreement::peer_ended() {
    retire_peer();
    peer_ = 0;
}

void SessionAgreement::retire_peer() {
    if (peer_ == 0) return;
    retired_.push_back(peer_);
    if (retired_.size() > kRetiredKept) retired_.pop_front();
}

}  // namespace ssi::isfc
