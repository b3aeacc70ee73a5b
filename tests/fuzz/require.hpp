#pragma once
/// What a fuzz program claims of what it tests.

#include <cstdlib>

namespace ssi::fuzz {

/// Stops the program, so that libFuzzer keeps the input, if `holds` is false.
inline void require(bool holds) {
    if (!holds) std::abort();
}

}  // namespace ssi::fuzz
