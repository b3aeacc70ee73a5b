// What a peer sends on a channel before LogicalLink sees it: frames, HELLO, GOODBYE, control messages, in pieces of any
// size. What is understood survives being written again, and no name of a service leads out of its directory.

#include <algorithm>
#include <cstring>

#include "daemons/isfcd/wire/frame.hpp"
#include "daemons/isfcd/wire/messages.hpp"
#include "lib/common/names.hpp"
#include "lib/common/plain_text.hpp"
#include "tests/fuzz/require.hpp"

namespace {

using namespace ssi;
using namespace ssi::isfc;
using fuzz::require;

void check_name(const std::string& name) {
    if (ServiceName::parse(name)) require(!name.empty() && name[0] != '.' && name.find('/') == std::string::npos);
}

void check_hello(ByteView payload) {
    const auto hello = parse_hello(payload);
    if (!hello) return;
    const auto again = parse_hello(encode(*hello));
    require(again && *again == *hello);
    for (const auto* text : {&hello->cluster_uuid, &hello->member, &hello->peer, &hello->channel, &hello->software})
        require(is_plain_text(*text));
}

void check_goodbye(ByteView payload, BlockPool& pool) {
    const auto goodbye = parse_goodbye(payload);
    if (!goodbye) return;
    const auto bytes = encode(*goodbye);  // texts are cut to what fits into a frame
    require(bytes.size() <= BlockPool::kFull);
    static_cast<void>(make_frame(FrameType::kGoodbye, bytes, pool));
    const auto& reason = goodbye->reason;
    require(is_plain_text(reason.what) && is_plain_text(reason.object) && is_plain_text(reason.remedy));
    const auto again = parse_goodbye(bytes);
    require(again && again->session_ends == goodbye->session_ends && again->reason.code == goodbye->reason.code);
}

void check_message(const ControlMessage& message) {
    if (const auto* open = std::get_if<OpenMessage>(&message)) check_name(open->service);
    if (const auto* services = std::get_if<ServicesMessage>(&message))
        std::ranges::for_each(services->names, check_name);
    Bytes bytes;
    append_message(bytes, message);
    if (bytes.size() > kMaxControlMessage) return;
    ControlReader reader;
    reader.feed(bytes);
    const auto again = reader.next();
    require(again && *again);
    Bytes bytes_again;
    append_message(bytes_again, **again);
    require(bytes_again == bytes);
}

/// False: the peer broke the protocol.
bool read_control(ControlReader& reader, ByteView bytes) {
    reader.feed(bytes);
    for (;;) {
        const auto message = reader.next();
        if (!message) return false;
        if (!*message) return true;
        check_message(**message);
    }
}

}  // namespace

/// The first byte is the size of the pieces in which the rest arrives.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::size_t piece = data[0] == 0 ? size : data[0];
    auto bytes = std::as_bytes(std::span(data + 1, size - 1));
    BlockPool pool;
    FrameAssembler assembler(pool);
    ControlReader control;
    while (!bytes.empty()) {
        const auto want = assembler.want();
        require(!want.empty());
        const auto part = bytes.first(std::min({piece, want.size(), bytes.size()}));
        std::memcpy(want.data(), part.data(), part.size());
        bytes = bytes.subspan(part.size());
        const auto whole = assembler.filled(part.size());
        if (!whole) return 0;
        if (!*whole) continue;
        const auto frame = assembler.take();
        require(frame.body().size() == frame.header.length && frame.header.length <= kMaxPayload);
        check_hello(frame.body());
        check_goodbye(frame.body(), pool);
        if (frame.header.type == FrameType::kData && !read_control(control, frame.body())) return 0;
    }
    return 0;
}
