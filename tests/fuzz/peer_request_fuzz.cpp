// Requests between ssids: any bytes are refused or understood, and what is understood survives being written again.

#include "daemons/ssid/peers/request_message.hpp"
#include "tests/fuzz/require.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace ssi;
    const std::string_view line(reinterpret_cast<const char*>(data), size);
    if (const auto request = cluster::decode_request(line)) {
        const auto again = cluster::decode_request(cluster::encode(*request));
        fuzz::require(again && again->name == request->name && again->from == request->from &&
                      again->content == request->content);
    }
    const auto peer = MemberName::parse("MEMBER2");
    if (const auto answer = cluster::decode_answer(line, *peer)) {
        const auto again = cluster::decode_answer(cluster::encode_answer(*answer), *peer);
        fuzz::require(again && *again == *answer);
    }
    return 0;
}
