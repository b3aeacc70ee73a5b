#pragma once
/// Shares the daemon's one thread between those who move bytes.

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/circular_buffer.hpp>
#include <memory>

namespace ssi::isfc {

/// Without it a control frame, in or out, would wait until each of many channels and streams had moved its share. Here
/// these wait for one another, and the event loop looks between any two of them for what else has happened; what goes
/// first never waits here.
///
/// Single-threaded executor. It must outlive every awaitable it gave.
class Turns {
  public:
    explicit Turns(boost::asio::any_io_executor executor);

    /// The caller goes on after all that have asked before; when it `goes_first`, after what the event loop has at
    /// hand.
    boost::asio::awaitable<void> take(bool goes_first);

  private:
    using Waiting = boost::circular_buffer<boost::asio::any_completion_handler<void()>>;
    void post(std::unique_ptr<Waiting> waiting);
    void give_next(std::unique_ptr<Waiting> waiting);

    boost::asio::any_io_executor executor_;
    // Who waits holds this. So the event loop, not this, holds them, and lets them go when it ends.
    std::unique_ptr<Waiting> nobody_;  // only while nobody waits
    Waiting* waiting_;
};

}  // namespace ssi::isfc
