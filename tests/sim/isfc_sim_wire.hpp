#pragma once
/// A simulated TCP connection: frames in order, at a speed and with a delay, through socket buffers that can be full;
/// it stalls, slows down and is cut, and the ends notice at once or not at all.

#include <array>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "daemons/isfcd/wire/frame.hpp"
#include "tests/sim/isfc_sim_world.hpp"

namespace ssi::isfc::sim {

using Side = std::size_t;  ///< 0: the member of the lower slot, which connects; 1: the other one

class Wire;

/// Where the connections of one channel run: they share what befalls it.
struct Path {
    std::string name;
    double bytes_per_second = 1e6;
    Duration delay{500};
    bool stalled = false;  ///< Nothing moves, and nobody is told.
    bool refuses = false;  ///< No new connection comes up.
    std::vector<std::weak_ptr<Wire>> wires;

    [[nodiscard]] Duration time_for(std::size_t bytes) const {
        return Duration(static_cast<Duration::rep>(1e6 * static_cast<double>(bytes) / bytes_per_second));
    }
    /// Ends a stall.
    void go_on();
    enum class Notice { kNobody, kLower, kHigher, kBoth };
    /// Breaks every connection; what is under way is lost.
    void cut(Notice notice);
};

class Wire : public std::enable_shared_from_this<Wire> {
  public:
    /// Called when there is something to read (or the end), and when there is room after a write that had none.
    struct Port {
        std::function<void()> readable;
        std::function<void()> writable;
    };

    Wire(World& world, Path& path) : world_(world), path_(path) {}

    void attach(Side side, Port port) { halves_[side].port = std::move(port); }
    /// False: so many bytes wait in front of the path already.
    bool write(Side from, OutFrame& frame, std::size_t send_buffer);
    /// What was written and is still in front of the path.
    [[nodiscard]] std::size_t unsent_bytes(Side from) const { return halves_[from].unsent_bytes; }
    [[nodiscard]] Duration time_to_send(Side from) const { return path_.time_for(halves_[from].unsent_bytes); }
    [[nodiscard]] std::size_t bytes_in(Duration time) const {
        return static_cast<std::size_t>(path_.bytes_per_second * static_cast<double>(time.count()) / 1e6);
    }
    std::optional<OutFrame> read(Side at);
    [[nodiscard]] bool has_ended(Side at) const { return halves_[at].ended && halves_[at].arrived.empty(); }
    /// What was written still arrives (as far as it does), or not a byte more (`reset`).
    void close(Side side, bool reset);
    void cut(Path::Notice notice);
    void go_on() { transmit(0), transmit(1); }

  private:
    struct Half {
        Port port;
        bool closed = false;
        bool ended = false;  // nothing more arrives here
        std::deque<OutFrame> unsent;
        std::size_t unsent_bytes = 0;
        bool sending = false;
        std::size_t room_at = 0;  // a write had no room: there is some when less than this waits
        bool finished = false;    // the end of the connection follows the last unsent frame
        std::deque<OutFrame> arrived;
        std::size_t arrived_bytes = 0;  // and under way
        Time last_arrival;
    };
    static constexpr std::size_t kReceiveBuffer = 128 * 1024;

    void transmit(Side from);
    void transmitted(Side from);
    void end(Side at);
    static void call(const std::function<void()>& function) {
        if (function) function();
    }

    World& world_;
    Path& path_;
    std::array<Half, 2> halves_;
    bool is_cut_ = false;
};

}  // namespace ssi::isfc::sim
