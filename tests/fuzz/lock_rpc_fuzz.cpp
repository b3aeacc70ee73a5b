// libvirt's lock door: any bytes are decoded within their bounds, and what is understood survives being written again.

#include "daemons/ssid/gate/lock_rpc.hpp"
#include "tests/fuzz/require.hpp"

namespace {

using namespace ssi::gate;

template <class Call>
void write_again(const LockCall& call, const LockHeader& header) {
    if (!std::holds_alternative<Call>(call)) return;
    const auto message = encode_lock_call(call, header.procedure, header.serial);
    const auto again = decode_lock_call(message);
    ssi::fuzz::require(again && encode_lock_call(*again, header.procedure, header.serial) == message);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto bytes = std::as_bytes(std::span(data, size));
    if (size >= kLockLengthBytes) static_cast<void>(decode_lock_length(bytes.first<kLockLengthBytes>()));
    const auto header = decode_lock_header(bytes);
    if (!header) return 0;
    const auto call = decode_lock_call(bytes);
    if (!call) {
        static_cast<void>(encode_lock_error(*header, call.error()));
        return 0;
    }
    static_cast<void>(encode_lock_reply(*header));
    write_again<RegisterCall>(*call, *header);
    write_again<RestrictCall>(*call, *header);
    write_again<AcquireCall>(*call, *header);
    write_again<ReleaseCall>(*call, *header);
    return 0;
}
