#pragma once
/// Asks every member's libvirt for the guest, again and again, each on a thread of its own: an answer that does not
/// come keeps no other from being heard.

#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "tools/ssictl/drill/site.hpp"

namespace ssi::ctl {

class InstanceWatch {
  public:
    InstanceWatch(Site& site, std::string guest);
    /// Returns when the last question was answered or given up.
    ~InstanceWatch();
    InstanceWatch(const InstanceWatch&) = delete;
    InstanceWatch& operator=(const InstanceWatch&) = delete;

    /// What was answered since the last call. No answer is one that says: it does not run there.
    [[nodiscard]] std::vector<Instance> take();

  private:
    void ask(const std::stop_token& stop, const std::string& member);

    Site& site_;
    std::string guest_;
    std::mutex mutex_;
    std::condition_variable_any ended_;
    std::vector<Instance> answers_;  ///< Guarded by mutex_.
    std::vector<std::jthread> threads_;
};

}  // namespace ssi::ctl
