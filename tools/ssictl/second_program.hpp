#pragma once
/// Some verbs need OpenSSL, and to load it would cost every other verb a part of its time. So ssictl leaves them to a
/// second program, ssictl-openssl, in which they are built (authority_verbs.cpp, config_documents.cpp):
/// second_program.cpp has the same functions, which start it with the same words and do not return. Each has one more
/// error, kSystemFailed: the second program is not there.

#include <string>
#include <vector>

namespace ssi::ctl {

/// The command line that a verb was read from, without the program's name.
using Words = std::vector<std::string>;

}  // namespace ssi::ctl
