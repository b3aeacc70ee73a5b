#pragma once
/// The parts of system.toml, each parsed into its type. For the files of lib/common/config alone.

#include "lib/common/config/toml_values.hpp"
#include "lib/common/system_config.hpp"

namespace ssi::config {

/// [cluster], [timing], [link], [pdr], [tls], in sections.cpp.
void parse_settings(const toml::value& root, SystemConfig& config, Faults& faults);
/// By slot. One with a fault is among them, for the sake of those that name it.
void parse_members(const toml::value& root, SystemConfig& config, Faults& faults);
/// After the members. One with a fault is not among them.
void parse_channels(const toml::value& root, SystemConfig& config, Faults& faults);
/// After the members.
void parse_fences(const toml::value& root, SystemConfig& config, Faults& faults);

/// Throws a Fault when there is no such member; not when a member's name could not be understood: it may be that one.
void must_be_member(const toml::value& where, const std::string& name, const SystemConfig& config);

}  // namespace ssi::config
