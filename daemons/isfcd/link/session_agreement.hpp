#pragma once
/// Which lives of the two ends of a logical link belong together. Pure.

#include <cstdint>
#include <deque>

namespace ssi::isfc {

/// The state of a logical link (stream 0's offsets, streams) belongs to a pair of sessions: a random number of each
/// end. Both ends make that state at most once for a pair, so it begins at zero at both. An end renews its own number
/// when it gives its state up (link timeout, violation of the protocol, restart).
class SessionAgreement {
  public:
    enum class Verdict {
        kJoin,     ///< the pair that this end knows: the channel joins the link
        kRestart,  ///< the peer is another life: end the streams, begin anew, then the channel joins
        kRefuse,   ///< a life that is over, or a handshake begun before this end renewed itself
        kRenew,    ///< refuse, and renew this end: only so can it meet a peer whose life it took for over
    };

    /// `own`: random, not 0.
    explicit SessionAgreement(std::uint64_t own) : own_(own) {}

    /// Judges a peer's HELLO on a channel on which this end sent (or will send) `sent_own`. `has_channels`: other
    /// channels of the link are up. kRestart takes the peer's session over.
    [[nodiscard]] Verdict judge(std::uint64_t sent_own, std::uint64_t peer, bool has_channels);
    /// This end begins anew with another number; it may meet any session of the peer.
    void renew(std::uint64_t own);
    /// The peer said that its session is over.
    void peer_ended();

    [[nodiscard]] std::uint64_t own() const { return own_; }
    [[nodiscard]] std::uint64_t peer() const { return peer_; }  ///< 0: none yet

  private:
    void retire_peer();

    std::uint64_t own_;
    std::uint64_t peer_ = 0;
    std::deque<std::uint64_t> retired_;  // the latest kRetiredKept sessions of the peer that this end gave up
};

}  // namespace ssi::isfc
