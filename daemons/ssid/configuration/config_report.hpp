#pragma once
/// Says to the cluster what this member runs with and what stands in its file, and commits what all members agree on.

#include <boost/asio/awaitable.hpp>
#include <optional>

#include "daemons/ssid/configuration/configuration.hpp"
#include "daemons/ssid/membership/cluster_view.hpp"
#include "lib/common/clock.hpp"
#include "lib/common/notifier.hpp"

namespace ssi::cluster {

class ConfigReport {
  public:
    ConfigReport(const Configuration& configuration, ClusterView& view, Clock& clock,
                 const boost::asio::any_io_executor& executor);

    /// Keeps the cluster told, for ever.
    boost::asio::awaitable<void> run();
    /// Tells it now. Errors as of ClusterView::commit.
    boost::asio::awaitable<Result<void>> report();
    /// The cluster's state has changed.
    void poke() { poked_.notify(); }
    /// The file, or what we run with, may have changed.
    void file_changed();

  private:
    void warn(const std::string& note);

    const Configuration& configuration_;
    ClusterView& view_;
    Clock& clock_;
    Notifier poked_;
    std::optional<SharedConfig> file_;
    std::string warned_;
};

}  // namespace ssi::cluster
