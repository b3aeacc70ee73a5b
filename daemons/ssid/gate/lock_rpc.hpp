#pragma once
/// virtlockd's RPC as libvirt's "lockd" lock driver speaks it: frames of src/rpc/virnetprotocol.x with the calls of
/// src/locking/lock_protocol.x inside, both XDR (RFC 4506). Pure: bytes to values and back; input is not trusted.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "lib/common/error.hpp"
#include "lib/common/names.hpp"

namespace ssi::gate {

using Bytes = std::vector<std::byte>;

/// A message begins with its length, which counts itself.
inline constexpr std::size_t kLockLengthBytes = 4;
inline constexpr std::size_t kLockHeaderBytes = 28;
/// libvirt allows 32 MiB; the longest call holds two path names.
inline constexpr std::size_t kLockMessageLimit = 64 * 1024;

struct LockHeader {
    std::uint32_t program = 0;
    std::uint32_t version = 0;
    std::int32_t procedure = 0;
    std::int32_t type = 0;  ///< 0 is a call.
    std::uint32_t serial = 0;
    std::int32_t status = 0;
    friend bool operator==(const LockHeader&, const LockHeader&) = default;
};

/// The QEMU on whose behalf the caller speaks.
struct RegisterCall {
    GuestUuid uuid;
    std::string name;
    std::uint32_t id = 0;  ///< libvirt's id of the running domain.
    std::uint32_t pid = 0;
    std::uint32_t flags = 0;
};
/// The caller gives up all calls but those of a life connection.
struct RestrictCall {
    std::uint32_t flags = 0;
};
struct AcquireCall {
    static constexpr std::uint32_t kShared = 1;
    static constexpr std::uint32_t kAutocreate = 2;
    std::string path;  ///< Of the lockspace; empty for a disk named by its path.
    std::string name;
    std::uint32_t flags = 0;
};
struct ReleaseCall {
    std::string path;
    std::string name;
    std::uint32_t flags = 0;
};
/// NEW, CREATE_RESOURCE, DELETE_RESOURCE, CREATE_LOCKSPACE: care of lock spaces. We keep none; libvirtd does not start
/// when they are refused.
struct LockspaceCall {
    std::string path;
};
using LockCall = std::variant<RegisterCall, RestrictCall, AcquireCall, ReleaseCall, LockspaceCall>;

/// The length word of a message. Error: kProtocolViolated when no message can be that long; the connection is of no use
/// then.
[[nodiscard]] Result<std::size_t> decode_lock_length(std::span<const std::byte, kLockLengthBytes> bytes);

/// Header of a whole message, length word included. Error as above, also when it is not a call.
[[nodiscard]] Result<LockHeader> decode_lock_header(std::span<const std::byte> message);

/// The call in a whole message. Error: kProtocolViolated for another program or version, an unknown procedure, or
/// arguments that are cut short, too long or followed by more: to be answered with encode_lock_error.
[[nodiscard]] Result<LockCall> decode_lock_call(std::span<const std::byte> message);

/// A call, as libvirt would send it (for tests and self-tests).
[[nodiscard]] Bytes encode_lock_call(const LockCall& call, std::int32_t procedure, std::uint32_t serial);

/// Replies to a call. The text of the error is what virsh prints.
[[nodiscard]] Bytes encode_lock_reply(const LockHeader& call);
[[nodiscard]] Bytes encode_lock_error(const LockHeader& call, const Error& error);

}  // namespace ssi::gate
