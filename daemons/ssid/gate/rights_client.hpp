#pragma once
/// One client of the guard's socket, seen from the guard: lines in, and a bounded queue of lines out.

#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "daemons/ssid/gate/unix_socket.hpp"
#include "lib/common/json_message.hpp"

namespace ssi::gate {

class RightsClient : public std::enable_shared_from_this<RightsClient> {
  public:
    explicit RightsClient(UnixSocket socket) : socket_(std::move(socket)) {}

    /// The next line without its end; none when the connection ended or the line is too long.
    boost::asio::awaitable<std::optional<std::string>> read_line();

    /// Queues one object; closes the connection when the client has let too much pile up.
    void send(const json::Object& message);
    void close();

    std::size_t in_work = 0;  ///< Requests that wait for their answer.

  private:
    boost::asio::awaitable<void> write_queue();

    UnixSocket socket_;
    std::string received_;
    std::deque<std::string> queue_;
    std::size_t queued_bytes_ = 0;
    bool writing_ = false;
};

}  // namespace ssi::gate
