#pragma once
/// The addresses at which this member listens for channels of its peers.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "daemons/isfcd/channel/signal.hpp"
#include "daemons/isfcd/timing.hpp"
#include "lib/common/error.hpp"

namespace ssi::isfc {

struct ListeningEnd {
    std::string address;
    std::uint16_t port = 0;
    std::string interface;  ///< Empty: any.
    friend auto operator<=>(const ListeningEnd&, const ListeningEnd&) = default;
};

/// Listens at each of a set of ends, which may change at any time; tries again and again where that fails, and says so
/// once. One executor; its coroutines hold it until set({}).
class ListeningEnds : public std::enable_shared_from_this<ListeningEnds> {
  public:
    using Accepted = std::function<void(boost::asio::ip::tcp::socket socket)>;

    ListeningEnds(boost::asio::any_io_executor executor, const Timing& timing, Accepted accepted);
    /// Ends that are in both the old set and the new are not touched.
    void set(const std::set<ListeningEnd>& ends);

  private:
    struct Listener;
    boost::asio::awaitable<void> listen(std::shared_ptr<Listener> listener);

    boost::asio::any_io_executor executor_;
    Timing timing_;
    Accepted accepted_;
    std::map<ListeningEnd, std::shared_ptr<Listener>> listeners_;
};

}  // namespace ssi::isfc
