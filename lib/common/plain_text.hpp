#pragma once
/// Text of strangers: what may go to a terminal, into a line of the journal, and on D-Bus, which closes the connection
/// to who sends it anything but UTF-8.

#include <string>
#include <string_view>

namespace ssi {

/// Is it UTF-8 without control characters (a line break is one) and without what is no character? Empty text is plain.
[[nodiscard]] bool is_plain_text(std::string_view text);

/// The text itself if it is plain; else with a "?" for each byte that is not printable ASCII.
[[nodiscard]] std::string plain_text(std::string text);

}  // namespace ssi
