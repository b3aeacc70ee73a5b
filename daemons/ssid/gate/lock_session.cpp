#include "daemons/ssid/gate/lock_session.hpp"

#include <format>

#include "daemons/ssid/gate/door_test_guest.hpp"
#include "daemons/ssid/gate/qemu_process.hpp"
#include "lib/common/log.hpp"

namespace ssi::gate {
namespace {

/// A name that stays the same for ACQUIRE and RELEASE; disks have no lockspace (docs/libvirt: plain paths).
std::string resource_of(const std::string& path, const std::string& name) {
    return path.empty() ? name : std::format("{}:{}", path, name);
}

std::unexpected<Error> out_of_turn(std::string_view what) {
    return failure(ErrorCode::kProtocolViolated, std::string(what), "libvirt's lock socket",
                   "is this a libvirt that ssi was tested with? see the journal of ssi-guard");
}

}  // namespace

LockSession LockSession::of_life(Guard& guard, const RunId& run) {
    LockSession session(guard, {}, -1);
    session.life_ = run;
    session.restricted_ = true;
    return session;
}

Result<Bytes> LockSession::answer(std::span<const std::byte> message) {
    const auto header = decode_lock_header(message);
    if (!header) return std::unexpected(header.error());
    const auto decoded = decode_lock_call(message);
    const auto done = decoded ? std::visit([&](const auto& arguments) { return call(arguments); }, *decoded)
                              : Result<void>(std::unexpected(decoded.error()));
    if (done) return encode_lock_reply(*header);
    // That one is sent to be refused (ssid's door test).
    const bool is_expected = done.error().object == kDoorTestGuest;
    is_expected ? log::debug("the door test was refused") : log::warning("refused at the lock door", done.error());
    return encode_lock_error(*header, done.error());
}

Result<void> LockSession::call(const RegisterCall& call) {
    if (owner_ || life_) return out_of_turn("a connection was registered twice");
    if (call.pid <= 1 || peer_.pid <= 0)
        return out_of_turn(std::format("pid {} is none of a QEMU in ssi-guard's PID namespace", call.pid));
    QemuOwner owner{call.uuid, call.name, call.pid, false};
    if (peer_.pid == static_cast<pid_t>(call.pid)) {
        auto run = guard_.register_life(owner, socket_);
        if (!run) return std::unexpected(run.error());
        life_ = std::move(*run);
    } else {
        owner.awaits_migration = awaits_migration(static_cast<pid_t>(call.pid));
        if (auto known = guard_.register_one_shot(owner); !known) return known;
    }
    owner_ = std::move(owner);
    return {};
}

Result<void> LockSession::call(const RestrictCall&) {
    if (auto allowed = may_call(); !allowed) return allowed;
    restricted_ = true;
    return {};
}

Result<void> LockSession::call(const AcquireCall& call) {
    if (auto allowed = may_call(); !allowed) return allowed;
    constexpr auto kKnownFlags = AcquireCall::kShared | AcquireCall::kAutocreate;
    if ((call.flags & ~kKnownFlags) != 0)
        log::warning(std::format("ACQUIRE with unknown flags {:#x} is taken as if without", call.flags),
                     {{"SSI_GUEST", owner_->name}, {"SSI_OBJECT", call.name}});
    return guard_.acquire(*owner_, resource_of(call.path, call.name));
}

Result<void> LockSession::call(const ReleaseCall& call) {
    if (auto allowed = may_call(); !allowed) return allowed;
    guard_.release(*owner_, resource_of(call.path, call.name));
    return {};
}

Result<void> LockSession::call(const LockspaceCall&) {
    return {};
}

Result<void> LockSession::may_call() const {
    if (restricted_) return out_of_turn("a call came on a connection that was restricted");
    if (!owner_) return out_of_turn("a call came on a connection that was not registered");
    return {};
}

}  // namespace ssi::gate
