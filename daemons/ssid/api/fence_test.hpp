#pragma once
/// Whether a member could be fenced, found out without doing it.

#include <boost/asio/awaitable.hpp>

#include "lib/common/json_message.hpp"
#include "lib/common/system_config.hpp"

namespace ssi::cluster {

/// Asks each [[fence]] in the order of the file, one after the other: an agent its `monitor` and its `status` of the
/// member, each volume of "reservations" for the keys that are registered there. `config` must outlive it. The document
/// of FenceTest (docs/architecture.md).
boost::asio::awaitable<json::Object> test_fencing(const SystemConfig& config, MemberName member);

}  // namespace ssi::cluster
