#pragma once
/// Local programs at both ends that write, read, half-close, stall and go away as chance wants, and the account of what
/// each of them gave and got: rule R7 is checked with each byte and at each end of a stream.

#include <array>
#include <memory>
#include <unordered_map>
#include <vector>

#include "tests/sim/isfc_sim_end.hpp"

namespace ssi::isfc::sim {

enum class Outcome { kNone, kOpen, kGood, kError };

/// What a program at one end of a stream does.
struct Plan {
    std::uint64_t writes = 0;         ///< Bytes.
    std::size_t at_once = 4'096;      ///< Bytes of a write, and of a read.
    double commits_less = 0;          ///< How often it writes less than it took room for.
    Duration pause{0};                ///< Between writes; 0: as fast as it goes.
    bool finishes = true;             ///< Half-closes after the last byte.
    std::uint64_t resets_at = ~0ULL;  ///< After so many bytes it goes away, leaving an error.
    Duration reads_every{0};          ///< 0: at once.
    bool stalls = false;              ///< Reads nothing until it is told to.
};

struct Program {
    Plan plan;
    StreamId stream = 0;
    std::uint64_t epoch = 0;
    std::uint64_t written = 0;
    std::uint64_t read = 0;
    bool finished = false;
    bool got_end = false;
    bool waits_for_room = false;
    bool reading = false;  // a read is due
    bool reset_by_itself = false;
    Outcome outcome = Outcome::kNone;
    Time last_read;
    Duration longest_gap{0};  // between reads of bytes
};

/// A stream, as the test knows it.
struct Flow {
    std::size_t number = 0;
    Side opener = 0;
    StreamClass stream_class = StreamClass::kInteractive;
    bool refused = false;
    std::array<Program, 2> programs;

    [[nodiscard]] bool has_ended(Side side) const {
        return programs[side].outcome == Outcome::kGood || programs[side].outcome == Outcome::kError;
    }
    /// The other end may never have heard of it.
    [[nodiscard]] bool is_over() const { return has_ended(opener) && programs[1 - opener].outcome != Outcome::kOpen; }
};

/// Both members' programs. The ends must outlive their flows or be reported dead.
class Flows : public Programs {
  public:
    explicit Flows(World& world) : world_(world) {}

    void attach(Side side, std::shared_ptr<End> end) { ends_[side] = std::move(end); }
    /// The process of an end is gone, and its programs' connections with it.
    void died(Side side);
    /// A program opens a stream; nothing happens if its link is down.
    Flow* open(Side opener, StreamClass stream_class, bool refused, const std::array<Plan, 2>& plans);
    /// Everybody finishes, reads and lets nothing be in its way; of those that stall only if `stalled_too`.
    void wind_up(bool stalled_too);

    [[nodiscard]] bool all_over() const;
    /// All that do not wait for a reader that stalls.
    [[nodiscard]] bool all_others_over() const;
    [[nodiscard]] const std::vector<std::unique_ptr<Flow>>& all() const { return flows_; }
    /// What the streams hold at an end is within its memory.
    void check_memory(Side side) const;
    /// How the streams ended fits at both ends. `sessions_lost`: at least one session ended during the run.
    void check_outcomes(bool sessions_lost) const;
    [[nodiscard]] std::string describe(const Flow& flow) const;

    // Programs
    void requested(Side side, StreamId stream, const std::string& service) override;
    void opened(Side side, StreamId stream) override;
    void readable(Side side, StreamId stream) override;
    void writable(Side side, StreamId stream) override;
    void closed(Side side, StreamId stream) override;
    void failed(Side side, StreamId stream, const Error& error) override;

  private:
    Flow* find(Side side, StreamId stream);
    void begin(Flow& flow, Side side);
    void write_soon(Flow& flow, Side side, Duration delay);
    void write(Flow& flow, Side side);
    void read_soon(Flow& flow, Side side);
    void read(Flow& flow, Side side);
    void ended(Flow& flow, Side side, Outcome outcome);
    [[nodiscard]] LogicalLink& link(Side side) { return ends_[side]->link(); }

    World& world_;
    std::array<std::shared_ptr<End>, 2> ends_;
    std::vector<std::unique_ptr<Flow>> flows_;
    std::array<std::unordered_map<StreamId, Flow*>, 2> by_stream_;
};

}  // namespace ssi::isfc::sim
