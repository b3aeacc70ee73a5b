#pragma once
/// The engine's documents as text for a terminal. Pure; as rendering.hpp.

#include "tools/ssictl/rendering.hpp"

namespace ssi::ctl {

/// EngineStatus.
[[nodiscard]] Result<std::string> render_engine(const json::Object& document);
/// EngineForce, EngineRestore.
[[nodiscard]] Result<std::string> render_recovery(const json::Object& document);
/// EngineBackup.
[[nodiscard]] Result<std::string> render_backup(const json::Object& document);
/// EngineCompact.
[[nodiscard]] Result<std::string> render_compaction(const json::Object& document);

}  // namespace ssi::ctl
