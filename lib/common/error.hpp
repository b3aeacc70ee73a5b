#pragma once
/// What went wrong, in the form in which virsh, ssictl, D-Bus and the journal all show it (rule R9).

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <system_error>

namespace ssi {

/// Stable, documented number of an error (docs/errors.md); printed as SSI-nnnn. Never reused.
enum class ErrorCode : std::uint16_t {
    // 1000: guests
    kGuestRunsElsewhere = 1040,  ///< a second start of a single guest
    kGuestBusy = 1041,           ///< start, move or restart of this guest is under way
    kGuestUnknown = 1042,        ///< the cluster holds no definition of that name
    kGuestNotRunning = 1043,     ///< the operation wants a running guest
    kGuestUuidDiffers = 1044,    ///< same name, other UUID than the one in the directory
    kGuestHereAlready = 1045,    ///< relocation to the member where the guest runs
    kNoRight = 1046,             ///< the lock door knows no right for this guest
    kHandedOver = 1047,          ///< the right of this guest was handed to another member
    kDoorClosed = 1048,          ///< the member was declared dead or is not ready: nothing starts
    kDoorsOpen = 1049,           ///< libvirt on the member does not ask ssi before it starts a guest
    kDefinitionChanged = 1050,   ///< the directory's entry was changed since the version that this change is made from
    kDefinitionInvalid = 1051,   ///< a definition that libvirt or the cluster cannot take
    kStateSaved = 1052,          ///< the guest's memory is saved on another member than the one that is to start it
    kSavedStateStale = 1053,     ///< a saved image of a guest that has run since
    // 2000: members and cluster
    kNoMajority = 2001,           ///< the engine has no majority or does not answer
    kMemberNotJoined = 2002,      ///< the target member is not Joined
    kMemberUnknown = 2003,        ///< no such member in system.toml
    kDeclaredDead = 2004,         ///< this incarnation of the member was declared dead
    kMemberAlive = 2005,          ///< set-down of a member that shows signs of life
    kFenceOpen = 2006,            ///< a fencing of the member is under way
    kMemberHasGuests = 2007,      ///< orderly leave while guests run
    kOutcomeUnknown = 2008,       ///< a commit timed out: it may or may not have happened
    kConflict = 2009,             ///< what was decided on changed again and again
    kFencingDisarmed = 2020,      ///< an operator disarmed fencing, or it is so already
    kMemberInMaintenance = 2021,  ///< an operator works on the member
    kChangeUnderWay = 2022,       ///< another member is joining or leaving
    kMemberUnreachable = 2023,    ///< the request needs a member that is Suspended or Unknown
    kMemberIsolated = 2024,       ///< the member may not join as it is
    // 3000: relocation
    kRelocationFailed = 3001,  ///< the move ended without a change of member
    kRelocationCancelled = 3002,
    // 4000: links and engine
    kLinkDown = 4001,            ///< no channel to the member
    kServiceUnknown = 4002,      ///< the peer offers no such service
    kEngineFailed = 4003,        ///< etcd refused, or answered what cannot be understood
    kChannelFailed = 4004,       ///< one channel could not be made or broke
    kChannelUnknown = 4010,      ///< the link has no such channel
    kChannelExists = 4011,       ///< its name, or its address and port, are taken
    kLastChannel = 4012,         ///< deactivating the last working channel of a link
    kChannelDeactivated = 4013,  ///< a handshake on a channel that was taken down here
    kEncryptionDiffers = 4014,   ///< one end of a channel encrypts, the other does not
    kChannelRenewed = 4015,      ///< closed to be made anew; no fault
    kDeviceRefused = 4020,       ///< the kernel refused a step with the device under a channel
    // 5000: configuration
    kConfigInvalid = 5001,  ///< system.toml: syntax or contents
    kConfigMissing = 5002,  ///< a file that is needed cannot be read
    kCertificateInvalid = 5003,
    kConfigDiffers = 5004,       ///< a member's system.toml is not the cluster's
    kConfigNeedsRestart = 5005,  ///< a changed key takes effect only when a daemon is started again
    kPdrUnreadable = 5010,       ///< the PDR volume cannot be read, or is none that can be used
    kPdrUnwritable = 5011,
    kPdrForeign = 5012,  ///< the volume is not this cluster's PDR, or holds something else
    kPdrDamaged = 5013,  ///< a block of the PDR is not what was written
    // 6000: borders
    kHypervisorFailed = 6001,  ///< libvirt refused
    kGuardUnreachable = 6002,  ///< ssi-guard does not answer
    kSystemFailed = 6003,      ///< a system call or program failed
    kProtocolViolated = 6004,  ///< a peer or client sent what cannot be understood
    kFenceFailed = 6005,       ///< the fence agent did not confirm
    kTimedOut = 6006,
    kUsage = 6007,              ///< the request itself makes no sense
    kDaemonUnreachable = 6008,  ///< nobody answers on D-Bus
    kCredentialsUnsafe = 6020,  ///< a file of credentials that others may read, or that makes no sense
};

/// One error. `what` says what was tried on what and why it failed; `object` is the guest, member, file or device it
/// concerns; `remedy` is what the administrator can do about it. None of them ends in a full stop or holds a newline,
/// but for `what` of a configuration error, which shows the line and a caret.
struct Error {
    ErrorCode code{};
    std::string what;
    std::string object;
    std::string remedy;

    /// "SSI-1040 guest linux01 runs on MEMBER2 (use: ssictl relocate move linux01 MEMBER1)".
    [[nodiscard]] std::string text() const;
    friend bool operator==(const Error&, const Error&) = default;
};

template <class T>
using Result = std::expected<T, Error>;

/// `std::unexpected` around an Error, for `return failure(...)`.
[[nodiscard]] std::unexpected<Error> failure(ErrorCode code, std::string what, std::string object = {},
                                             std::string remedy = {});

/// An Error for a failed system call: what, then the text of `error_number` (an errno value).
[[nodiscard]] std::unexpected<Error> system_failure(std::string what, std::string object, int error_number);
/// The same: "cannot `what` `file`".
[[nodiscard]] std::unexpected<Error> file_failure(std::string_view what, const std::string& file,
                                                  const std::error_code& error);

/// "SSI-1040".
[[nodiscard]] std::string code_text(ErrorCode code);

}  // namespace ssi
