#pragma once
/// JSON as a test writes it down.

#include <boost/json/parse.hpp>
#include <string_view>

#include "lib/common/json_message.hpp"

namespace ssi {

inline json::Object document(std::string_view text) {
    return boost::json::parse(text).as_object();
}

}  // namespace ssi
