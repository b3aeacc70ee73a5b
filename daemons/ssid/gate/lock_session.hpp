#pragma once
/// One connection at the lock door: what its calls mean, call after call. No I/O of its own.

#include <optional>

#include "daemons/ssid/gate/guard.hpp"
#include "daemons/ssid/gate/lock_rpc.hpp"
#include "daemons/ssid/gate/unix_socket.hpp"

namespace ssi::gate {

class LockSession {
  public:
    /// `socket` is only held on to when it turns out to be the life connection of a QEMU.
    LockSession(Guard& guard, const Peer& peer, int socket) : guard_(guard), peer_(peer), socket_(socket) {}

    /// The life connection of a run, already registered and restricted.
    [[nodiscard]] static LockSession of_life(Guard& guard, const RunId& run);

    /// Reply to one whole message. Error: kProtocolViolated when none can be given; the connection is of no use then.
    [[nodiscard]] Result<Bytes> answer(std::span<const std::byte> message);

    /// The run whose QEMU holds this connection for life.
    [[nodiscard]] const std::optional<RunId>& life() const { return life_; }

  private:
    Result<void> call(const RegisterCall& call);
    Result<void> call(const RestrictCall& call);
    Result<void> call(const AcquireCall& call);
    Result<void> call(const ReleaseCall& call);
    Result<void> call(const LockspaceCall& call);
    [[nodiscard]] Result<void> may_call() const;

    Guard& guard_;
    Peer peer_;
    int socket_;
    std::optional<QemuOwner> owner_;  ///< From REGISTER on.
    std::optional<RunId> life_;
    bool restricted_ = false;
};

}  // namespace ssi::gate
