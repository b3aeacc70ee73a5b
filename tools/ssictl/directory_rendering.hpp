#pragma once
/// The documents of the directory of guests as text for a terminal. Pure; as in rendering.hpp.

#include "tools/ssictl/rendering.hpp"

namespace ssi::ctl {

/// DirectoryList
[[nodiscard]] Result<std::string> render_directory(const json::Object& document);
[[nodiscard]] Result<std::string> render_directory_names(const json::Object& document);
[[nodiscard]] Result<std::string> render_not_adopted(const json::Object& document);
[[nodiscard]] Result<std::string> render_not_adopted_names(const json::Object& document);
/// DirectoryGet: the XML alone, byte for byte.
[[nodiscard]] Result<std::string> render_definition(const json::Object& document);
[[nodiscard]] Result<std::string> render_history(const json::Object& document);
/// DirectoryPut, DirectoryRollback, DirectoryAdopt
[[nodiscard]] Result<std::string> render_change(const json::Object& document);
[[nodiscard]] Result<std::string> render_deleted(const json::Object& document);
[[nodiscard]] Result<std::string> render_conflicts(const json::Object& document);

}  // namespace ssi::ctl
