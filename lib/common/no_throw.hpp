#pragma once
/// How our coroutines wait on asio: the error code comes back among the results, in a tuple, and nothing is thrown.

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace ssi {

inline constexpr auto kNoThrow = boost::asio::as_tuple(boost::asio::use_awaitable);

}  // namespace ssi
