#pragma once
/// Which daemons a call goes to.

#include <string>
#include <utility>

namespace ssi::ctl {

struct Way {
    // NOLINTNEXTLINE(google-explicit-constructor): a bus alone is the usual way
    Way(std::string at_bus = {}, std::string of_member = {}) : bus(std::move(at_bus)), member(std::move(of_member)) {}

    std::string bus;     ///< Its address; empty: the system's.
    std::string member;  ///< Whose daemons; empty: this host's.
};

}  // namespace ssi::ctl
