#pragma once
/// Finding the refusal of one of our doors in the text that libvirt wrapped around it.

#include <optional>
#include <string_view>

#include "lib/common/error.hpp"

namespace ssi::cluster {

/// The Error whose text() stands in `message`, from "SSI-nnnn " to the end of its line; none if there is no such text.
/// Its object is empty: the text does not hold it. Pure.
[[nodiscard]] std::optional<Error> find_refusal(std::string_view message);

}  // namespace ssi::cluster
