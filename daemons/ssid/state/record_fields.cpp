#include "daemons/ssid/state/record_fields.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

namespace ssi::cluster {

std::string record_text(std::initializer_list<std::pair<boost::json::string_view, boost::json::value_ref>> fields) {
    RecordMemory memory;
    return boost::json::serialize(json::Object(fields, memory.get()));
}

std::string fit_for_json(std::string_view bytes) {
    constexpr std::size_t kLongest = 2000;
    std::string line(bytes.substr(0, kLongest));
    boost::system::error_code error;
    boost::json::parse(boost::json::serialize(boost::json::string(line)), error);
    if (error) std::ranges::replace_if(line, [](unsigned char byte) { return byte > 0x7e; }, '?');
    return line;
}

}  // namespace ssi::cluster
