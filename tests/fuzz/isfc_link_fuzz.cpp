// A peer that sends any frames, in any order, on channels that come and go, while local programs open, write, read and
// close: nothing breaks, no end of file comes before its offset, and what the link holds stays within bounds. A
// violation begins a new session, as PeerLink does.

#include <fuzzer/FuzzedDataProvider.h>

#include <cstring>
#include <map>

#include "daemons/isfcd/link/logical_link.hpp"
#include "tests/fuzz/require.hpp"

namespace {

using namespace ssi;
using namespace ssi::isfc;
using fuzz::require;

constexpr std::size_t kMemory = 256 * 1024;
constexpr std::size_t kMostStreams = 20;

/// The link and its local programs, which answer from within it.
class Member : public LinkObserver {
  public:
    explicit Member(FuzzedDataProvider& input)
        : input_(input), link_({input.ConsumeBool(), kMemory, kMostStreams}, *this, pool_) {}

    /// One act of the peer, of a program, or of time.
    void act() {
        switch (input_.ConsumeIntegralInRange(0, 15)) {
            case 0:
                return link_.add_channel(number(4), input_.ConsumeBool());
            case 1:
                link_.remove_channel(number(4));
                return;
            case 2:
                return take_any();
            case 3:
            case 4:
            case 5:
                return take_control();
            case 6:
            case 7:
            case 8:
                return take_near();
            case 9:
                if (const auto stream = link_.open(input_.ConsumeRandomLengthString(8))) known_[*stream] = {};
                return;
            case 10: {
                const auto bytes =
                    input_.ConsumeBytes<std::byte>(std::min<std::size_t>(number(4'000), link_.room(any())));
                return link_.write(chosen_, bytes);
            }
            case 11:
                return read();
            case 12:
                return link_.finish(any());
            case 13:
                if (input_.ConsumeBool()) return link_.refuse(any(), Error{ErrorCode::kServiceUnknown, "no", "", ""});
                return link_.reset(any(), Error{ErrorCode::kSystemFailed, "gone", "", ""});
            case 14:
                return pull();
            default:
                now_ += std::chrono::milliseconds(number(50));
                return link_.tick(now_);
        }
    }

    void check() const {
        std::size_t unread = 0;
        for (const auto& [stream, program] : known_)
            if (const auto status = link_.status(stream)) unread += status->unread;
        require(unread <= kMemory + kMostStreams * WindowBudget::kLeast);
        require(link_.streams() <= kMostStreams);
    }

  private:
    struct Program {
        std::uint64_t read = 0;
        std::optional<std::uint64_t> final_offset;
    };

    // LinkObserver: what a program may do at once, it does at once
    void stream_requested(StreamId stream, const std::string& service) override {
        known_[stream] = {};
        if (service.size() % 3 == 0) require(link_.accept(stream, static_cast<StreamClass>(1 + service.size() % 3)));
        if (service.size() % 3 == 1) link_.refuse(stream, Error{ErrorCode::kServiceUnknown, "no", "", ""});
    }
    void stream_opened(StreamId stream) override { require(link_.status(stream)->is_open); }
    void stream_readable(StreamId) override {}
    void stream_writable(StreamId) override {}
    void stream_closed(StreamId stream) override { require(!link_.status(stream)); }
    void stream_failed(StreamId stream, const Error&) override { require(!link_.status(stream)); }
    void services_announced(const std::vector<std::string>&) override {}
    void channel_has_work(ChannelId) override {}
    void link_has_work() override {}

    std::uint32_t number(std::uint32_t most) { return input_.ConsumeIntegralInRange<std::uint32_t>(0, most); }
    /// Of a stream that programs may know.
    StreamId any() { return chosen_ = 1 + number(11); }

    void receive(FrameType type, StreamId stream, std::uint64_t offset, ByteView payload) {
        InFrame frame;
        frame.header = {type, static_cast<std::uint32_t>(payload.size()), stream, offset};
        if (!payload.empty()) {
            frame.payload = {pool_.take(payload.size()), 0, frame.header.length};
            std::memcpy(frame.payload.block->data(), payload.data(), payload.size());
        }
        if (link_.receive(number(4), std::move(frame), now_)) return;
        for (ChannelId channel = 0; channel <= 4; ++channel) link_.remove_channel(channel);
        link_.restart(Error{ErrorCode::kProtocolViolated, "violation", "", ""});
        require(link_.streams() == 0);
        known_.clear();
        control_offset_ = 0;
    }

    /// A frame that says anything.
    void take_any() {
        const auto type = static_cast<FrameType>(input_.ConsumeIntegralInRange(1, 7));
        const StreamId stream = number(8);
        const auto offset = input_.ConsumeIntegral<std::uint64_t>();
        receive(type, stream, offset, input_.ConsumeBytes<std::byte>(number(100)));
    }
    /// A control message that can be understood, in order.
    void take_control() {
        ControlMessage message;
        const StreamId stream = number(12);
        switch (number(6)) {
            case 0:
                message = OpenMessage{stream, number(1'000'000), input_.ConsumeRandomLengthString(5)};
                break;
            case 1:
                message = OpenedMessage{stream, number(1'000'000), static_cast<StreamClass>(1 + number(2))};
                break;
            case 2:
                message = RefusedMessage{stream, {}};
                break;
            case 3:
                message = FinMessage{stream, number(10'000)};
                if (link_.status(stream) && !known_[stream].final_offset)
                    known_[stream].final_offset = std::get<FinMessage>(message).final_offset;
                break;
            case 4:
                message = DoneMessage{stream};
                break;
            case 5:
                message = ResetMessage{stream, {}};
                break;
            default:
                message = ServicesMessage{{input_.ConsumeRandomLengthString(5)}};
        }
        Bytes bytes;
        append_message(bytes, message);
        const auto offset = std::exchange(control_offset_, control_offset_ + bytes.size());
        receive(FrameType::kData, 0, offset, bytes);
    }
    /// A frame that fits nearly: about where the stream stands.
    void take_near() {
        const auto status = link_.status(any());
        if (!status) return;
        const auto jitter = input_.ConsumeIntegralInRange<std::uint64_t>(0, 600) - 300;
        switch (number(2)) {
            case 0: {
                Bytes limit;
                ByteWriter(limit).number(status->sent_bytes + number(1'000'000));
                return receive(FrameType::kAck, chosen_, status->sent_bytes - status->unacknowledged + number(500),
                               limit);
            }
            case 1:
                return receive(FrameType::kArrived, 0, number(20), {});
            default:
                return receive(FrameType::kData, chosen_, status->received_bytes + jitter,
                               Bytes(number(20'000), std::byte{1}));
        }
    }

    void read() {
        const auto stream = any();
        std::size_t size = 0;
        unsigned sum = 0;
        for (const auto view : link_.readable(stream)) {
            size += view.size();
            for (const auto byte : view) sum += std::to_integer<unsigned>(byte);  // the sanitizers judge
        }
        size = std::min<std::size_t>(size, number(30'000) + sum % 2);
        link_.consume(stream, size);
        auto& program = known_[stream];
        program.read += size;
        if (!link_.at_end(stream)) return;
        require(program.read == program.final_offset);
        link_.end_delivered(stream);
    }

    void pull() {
        OutFrame frame;
        const auto channel = number(4);
        const auto most_bulk = input_.PickValueInArray<std::size_t>({0, 1, 700, BlockPool::kFull});
        link_.set_express(number(4));
        for (auto most = number(20); most > 0 && link_.pull(channel, now_, frame, most_bulk); --most) {
            require(frame.size() <= kFrameHeaderSize + BlockPool::kFull);
            require(frame.body().size() <= most_bulk || is_control(frame));
            unsigned sum = 0;
            for (const auto byte : frame.body()) sum += std::to_integer<unsigned>(byte);
            now_ += std::chrono::microseconds(sum % 2);
        }
    }

    [[nodiscard]] bool is_control(const OutFrame& frame) const {
        ByteReader header(frame.head());
        header.number<std::uint64_t>();  // magic, version, type, length
        const auto stream = header.number<StreamId>();
        return stream == 0 || link_.status(stream)->stream_class == StreamClass::kControl;
    }

    FuzzedDataProvider& input_;
    BlockPool pool_;
    LogicalLink link_;
    Time now_{std::chrono::hours(1)};
    std::map<StreamId, Program> known_;
    StreamId chosen_ = 0;
    std::uint64_t control_offset_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    FuzzedDataProvider input(data, size);
    Member member(input);
    while (input.remaining_bytes() > 0) {
        member.act();
        member.check();
    }
    return 0;
}
