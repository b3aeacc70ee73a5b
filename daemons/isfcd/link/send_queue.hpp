#pragma once
/// In which order a link's streams send: by class, in turn within a class, what must be sent again first. Pure.

#include <array>
#include <boost/circular_buffer.hpp>
#include <cstdint>
#include <optional>

#include "daemons/isfcd/wire/messages.hpp"

namespace ssi::isfc {

/// A range of a stream that was on a channel that is lost or late.
struct Resend {
    StreamId stream = 0;
    std::uint64_t offset = 0;
    std::uint32_t length = 0;
};

/// Control before interactive before bulk; but of many frames some are left to bulk, so that it does not starve.
class SendQueue {
  public:
    /// What shall be sent next: a range again, or the next bytes of a stream.
    struct Turn {
        StreamId stream = 0;
        std::optional<Resend> again;
        StreamClass stream_class{};
    };

    void resend(StreamClass stream_class, const Resend& range);
    /// Gives the stream a turn. The caller sees to it that a stream waits for one turn at a time.
    void enqueue(StreamClass stream_class, StreamId stream);
    /// Takes the next turn out, of the control class only `with_control`, of the others only `with_others`; nothing if
    /// there is none.
    [[nodiscard]] std::optional<Turn> next(bool with_control, bool with_others);
    [[nodiscard]] bool has_control() const { return !classes_[0].is_empty(); }
    [[nodiscard]] bool is_empty() const;
    void clear();

  private:
    struct Waiting {
        boost::circular_buffer<Resend> again;
        boost::circular_buffer<StreamId> streams;
        [[nodiscard]] bool is_empty() const { return again.empty() && streams.empty(); }
    };
    [[nodiscard]] Waiting& of(StreamClass stream_class);

    std::array<Waiting, 3> classes_;
    unsigned before_bulk_ = 0;  // frames of interactive streams since bulk had its last turn
};

}  // namespace ssi::isfc
