#pragma once
/// Changing the members in a system.toml as a careful administrator would: line by line, so that comments, blanks and
/// the order stay. The text must be a valid file; what comes out is to be parsed again by the caller.

#include <optional>
#include <string>
#include <vector>

#include "lib/common/error.hpp"
#include "lib/common/names.hpp"
#include "lib/common/system_config.hpp"

namespace ssi {

struct NewChannel {
    MemberName peer;
    std::string own_address;
    std::string peer_address;
};

struct NewMember {
    MemberName name;
    MemberSlot slot;
    std::string host;  ///< Empty: as the name.
    std::vector<NewChannel> channels;
};

// Errors of each: kConfigInvalid when the text is no valid file, or is written so that it cannot be changed safely (for
// instance members in one line): that is for a person; kMemberUnknown.

/// Behind the last [[member]], and its channels behind the last [[channel]].
[[nodiscard]] Result<std::string> add_member(const std::string& text, const std::string& file, const NewMember& member);
/// With its channels and its plugs.
[[nodiscard]] Result<std::string> remove_member(const std::string& text, const std::string& file,
                                                const MemberName& member);
/// Wherever it is named. The machine keeps its host name: `host` is written out when it was the old name.
[[nodiscard]] Result<std::string> rename_member(const std::string& text, const std::string& file,
                                                const MemberName& member, const MemberName& to);
/// Another machine in the member's place.
[[nodiscard]] Result<std::string> replace_host(const std::string& text, const std::string& file,
                                               const MemberName& member, const std::string& host);

}  // namespace ssi
