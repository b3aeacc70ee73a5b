#pragma once
/// isfcd's numbers for Prometheus (docs/metrics.md). Pure.

#include <boost/json/object.hpp>
#include <string>

namespace ssi::isfc {

/// Of the document that org.kvmssi.Isfc1.Query answers with. What it does not say is left out.
[[nodiscard]] std::string metrics_of(const boost::json::object& query);

}  // namespace ssi::isfc
