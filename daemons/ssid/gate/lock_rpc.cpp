#include "daemons/ssid/gate/lock_rpc.hpp"

#include <format>
#include <optional>
#include <utility>

#include "daemons/ssid/gate/xdr.hpp"

namespace ssi::gate {
namespace {

constexpr std::uint32_t kProgram = 0x0EA7BEEF;
constexpr std::uint32_t kVersion = 1;

enum Procedure : std::int32_t {
    kRegister = 1,
    kRestrict = 2,
    kNew = 3,
    kCreateResource = 4,
    kDeleteResource = 5,
    kAcquireResource = 6,
    kReleaseResource = 7,
    kCreateLockspace = 8,
};

constexpr std::int32_t kTypeCall = 0;
constexpr std::int32_t kTypeReply = 1;
constexpr std::int32_t kStatusOk = 0;
constexpr std::int32_t kStatusError = 1;

// libvirt/virterror.h
constexpr std::uint32_t kErrorRpc = 39;           // VIR_ERR_RPC
constexpr std::uint32_t kErrorResourceBusy = 87;  // VIR_ERR_RESOURCE_BUSY
constexpr std::uint32_t kLevelError = 2;          // VIR_ERR_ERROR
constexpr std::uint32_t kDomainLocking = 42;      // VIR_FROM_LOCKING

constexpr std::size_t kNameLimit = 4096;
constexpr std::size_t kPathLimit = 16 * 1024;
constexpr std::size_t kUuidBytes = 16;
constexpr std::size_t kErrorTextLimit = 2048;

std::unexpected<Error> violated(std::string what) {
    return failure(ErrorCode::kProtocolViolated, std::move(what), "libvirt's lock socket",
                   "is this a libvirt that ssi was tested with? see the journal of ssi-guard");
}

GuestUuid uuid_of(std::span<const std::byte> bytes) {
    std::string text;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
        text += std::format("{:02x}", std::to_integer<unsigned>(bytes[i]));
    }
    return GuestUuid::parse(text).value_or(GuestUuid{});
}

Bytes uuid_bytes(const GuestUuid& uuid) {
    Bytes bytes;
    std::string digits;
    for (const char c : uuid.str())
        if (c != '-') digits += c;
    for (std::size_t i = 0; i + 1 < digits.size(); i += 2)
        bytes.push_back(static_cast<std::byte>(std::stoul(digits.substr(i, 2), nullptr, 16)));
    bytes.resize(kUuidBytes);
    return bytes;
}

LockHeader read_header(std::span<const std::byte> message) {
    XdrReader reader(message.subspan(kLockLengthBytes, kLockHeaderBytes - kLockLengthBytes));
    LockHeader header;
    header.program = reader.number();
    header.version = reader.number();
    header.procedure = static_cast<std::int32_t>(reader.number());
    header.type = static_cast<std::int32_t>(reader.number());
    header.serial = reader.number();
    header.status = static_cast<std::int32_t>(reader.number());
    return header;
}

void write_header(XdrWriter& writer, const LockHeader& header) {
    writer.number(header.program);
    writer.number(header.version);
    writer.number(static_cast<std::uint32_t>(header.procedure));
    writer.number(static_cast<std::uint32_t>(header.type));
    writer.number(header.serial);
    writer.number(static_cast<std::uint32_t>(header.status));
}

Bytes with_length(XdrWriter writer) {
    XdrWriter length;
    length.number(static_cast<std::uint32_t>(kLockLengthBytes + writer.size()));
    auto message = std::move(length).take();
    const auto rest = std::move(writer).take();
    message.insert(message.end(), rest.begin(), rest.end());
    return message;
}

RegisterCall read_register(XdrReader& reader) {
    RegisterCall call;
    call.uuid = uuid_of(reader.fixed(kUuidBytes));
    call.name = reader.text(kNameLimit);
    call.id = reader.number();
    call.pid = reader.number();
    call.flags = reader.number();
    return call;
}

template <class Call>
Call read_resource(XdrReader& reader) {
    Call call;
    call.path = reader.text(kPathLimit);
    call.name = reader.text(kPathLimit);
    call.flags = reader.number();
    return call;
}

std::optional<LockCall> read_call(std::int32_t procedure, XdrReader& reader) {
    switch (procedure) {
        case kRegister:
            return read_register(reader);
        case kRestrict:
            return RestrictCall{reader.number()};
        case kAcquireResource:
            return read_resource<AcquireCall>(reader);
        case kReleaseResource:
            return read_resource<ReleaseCall>(reader);
        case kCreateResource:
        case kDeleteResource:
            return LockspaceCall{read_resource<AcquireCall>(reader).path};
        case kNew: {
            LockspaceCall call{reader.text(kPathLimit)};
            reader.number();
            return call;
        }
        case kCreateLockspace:
            return LockspaceCall{reader.text(kPathLimit)};
        default:
            return std::nullopt;
    }
}

}  // namespace

Result<std::size_t> decode_lock_length(std::span<const std::byte, kLockLengthBytes> bytes) {
    XdrReader reader(bytes);
    const std::size_t length = reader.number();
    if (length < kLockHeaderBytes || length > kLockMessageLimit)
        return violated(std::format("a lock message cannot be {} bytes long", length));
    return length;
}

Result<LockHeader> decode_lock_header(std::span<const std::byte> message) {
    if (message.size() < kLockHeaderBytes) return violated("a lock message is shorter than its header");
    const auto header = read_header(message);
    if (header.type != kTypeCall) return violated(std::format("a lock message of type {} is no call", header.type));
    return header;
}

Result<LockCall> decode_lock_call(std::span<const std::byte> message) {
    const auto header = decode_lock_header(message);
    if (!header) return std::unexpected(header.error());
    if (header->program != kProgram || header->version != kVersion)
        return violated(std::format("program {:#x} version {} is not the lock protocol that ssi knows", header->program,
                                    header->version));
    XdrReader reader(message.subspan(kLockHeaderBytes));
    auto call = read_call(header->procedure, reader);
    if (!call) return violated(std::format("procedure {} of the lock protocol is not known", header->procedure));
    if (const auto finished = reader.finish(); !finished) return violated(finished.error().what);
    return std::move(*call);
}

Bytes encode_lock_call(const LockCall& call, std::int32_t procedure, std::uint32_t serial) {
    XdrWriter writer;
    write_header(writer, {kProgram, kVersion, procedure, kTypeCall, serial, kStatusOk});
    std::visit(
        [&](const auto& arguments) {
            using Call = std::decay_t<decltype(arguments)>;
            if constexpr (std::is_same_v<Call, RegisterCall>) {
                writer.fixed(uuid_bytes(arguments.uuid));
                writer.text(arguments.name);
                writer.number(arguments.id);
                writer.number(arguments.pid);
            } else if constexpr (!std::is_same_v<Call, RestrictCall>) {
                writer.text(arguments.path);
                if constexpr (!std::is_same_v<Call, LockspaceCall>) writer.text(arguments.name);
            }
            if constexpr (!std::is_same_v<Call, LockspaceCall>) writer.number(arguments.flags);
        },
        call);
    return with_length(std::move(writer));
}

Bytes encode_lock_reply(const LockHeader& call) {
    XdrWriter writer;
    write_header(writer, {call.program, call.version, call.procedure, kTypeReply, call.serial, kStatusOk});
    return with_length(std::move(writer));
}

Bytes encode_lock_error(const LockHeader& call, const Error& error) {
    XdrWriter writer;
    write_header(writer, {call.program, call.version, call.procedure, kTypeReply, call.serial, kStatusError});
    writer.number(error.code == ErrorCode::kProtocolViolated ? kErrorRpc : kErrorResourceBusy);
    writer.number(kDomainLocking);
    writer.number(1);  // there is a text
    writer.text(error.text().substr(0, kErrorTextLimit));
    writer.number(kLevelError);
    for (int absent = 0; absent < 4; ++absent) writer.number(0);  // domain, str1, str2, str3
    writer.number(0xffffffff);                                    // int1
    writer.number(0xffffffff);                                    // int2
    writer.number(0);                                             // network
    return with_length(std::move(writer));
}

}  // namespace ssi::gate
