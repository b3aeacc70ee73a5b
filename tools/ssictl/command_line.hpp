#pragma once
/// What the administrator typed, as a type.

#include <chrono>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <string>
#include <variant>
#include <vector>

#include "tools/ssictl/authority_verbs.hpp"
#include "tools/ssictl/cp/reading.hpp"
#include "tools/ssictl/link_rendering.hpp"
#include "tools/ssictl/pdr_move.hpp"
#include "tools/ssictl/pdr_place.hpp"
#include "tools/ssictl/rendering.hpp"

namespace ssi::ctl {

enum class Daemon { kSsid, kIsfcd };

inline constexpr std::chrono::seconds kQuick(10);      ///< Of a call that asks or changes one thing.
inline constexpr std::chrono::minutes kAllMembers(5);  ///< Of one that has something done on every member.

/// One call of one daemon.
struct DaemonCall {
    Daemon daemon = Daemon::kSsid;
    std::string method = {};
    std::vector<std::string> arguments = {};
    std::chrono::milliseconds timeout{};
    Rendering render = nullptr;
    std::string confirmation = {};  ///< What must be typed before it is done; empty: nothing.
    std::string verdict = {};       ///< Exit status 1 when this field of the answer is false; empty: never.
    std::string warning = {};       ///< How that is asked for; empty: as for a member that is declared dead.
};

/// EngineBackup, and then the copy is taken to its place.
struct BackUpEngine {
    std::filesystem::path file;
    bool overwrite = false;
};

/// The copy is put where ssid finds it, and then EngineRestore.
struct RestoreEngine {
    std::filesystem::path file;
    bool yes = false;  ///< Without asking.
};

/// All relocations under way: the guests that move, and then the status of each.
struct ListMoves {};

/// QuerySsi, and a warning for each channel of this member that isfcd, if it can be reached, says is not encrypted.
struct ShowCluster {};

/// Query of isfcd, of one link or all; with its streams.
struct ShowLinks {
    std::string member;  ///< Empty: all.
    bool streams = false;
};

/// Query of isfcd again and again.
struct WatchLinks {
    std::string member;  ///< Empty: all.
    std::chrono::milliseconds interval{1000};
    std::uint64_t count = 0;  ///< Intervals; 0: without end.
};

struct FormatPdr {
    PdrPlace place;
    bool force = false;  ///< Although the volume is not blank.
};

struct ShowPdr {
    PdrPlace place;
    bool check = false;  ///< With every fault there is.
};

struct ListDrills {
    std::filesystem::path directory;
};

struct RunDrill {
    std::filesystem::path directory;
    std::filesystem::path config;  ///< system.toml
    std::string name;
    std::string guest;
    std::filesystem::path report;  ///< Directory; empty: none is written.
    bool yes = false;              ///< Not asked again.
};

struct ResumeDrill {
    std::filesystem::path config;  ///< system.toml
};

struct CheckConfig {
    std::filesystem::path file;
};

struct ShowConfig {
    std::filesystem::path file;
    std::string member;  ///< Empty: the one that this host is.
};

/// ConfigDiff of ssid, and what isfcd, if it can be reached, has that is in no file.
struct DiffConfig {
    std::string member;  ///< Also against this one's file; empty: no other's.
};

struct ReloadConfig {
    bool all = false;  ///< On every member.
};

/// DirectoryPut of what a file holds.
struct PutDefinition {
    std::filesystem::path file;  ///< "-": standard input.
    std::string base = {};       ///< The version that it was made from; empty: it is of a new guest.
    bool force = false;          ///< Whichever version there is.
};

/// DirectoryGet, an editor, and DirectoryPut.
struct EditDefinition {
    std::string guest;
};

struct PrintVersion {};

/// A CP command that names guests or members: they are looked up, and then the verb that it stands for is carried out.
struct CpCommand {
    cp::Reading reading;
};

/// A command line of ssictl that is carried out by another member's daemons, or by those of all that are Joined.
struct AtCommand {
    static constexpr auto kAll = "ALL";
    std::string member;
    std::vector<std::string> words;
};

using Command =
    std::variant<DaemonCall, ListMoves, ShowCluster, ShowLinks, WatchLinks, AuthorityVerb, FormatPdr, PdrMove, ShowPdr,
                 BackUpEngine, RestoreEngine, ListDrills, RunDrill, ResumeDrill, CheckConfig, ShowConfig, DiffConfig,
                 ReloadConfig, PutDefinition, EditDefinition, PrintVersion, CpCommand, AtCommand>;

struct Invocation {
    Command command;
    bool json = false;
};

inline constexpr int kUsageStatus = 2;  ///< Exit status when what was asked for cannot be understood.

/// The command line asked for no more than a text: help (status 0), or what was wrong with it (kUsageStatus).
struct Answered {
    int status = 0;
    std::string output;
    std::string errors;
};

/// `arguments` begin after the program's name. Pure.
[[nodiscard]] std::expected<Invocation, Answered> parse_command_line(std::vector<std::string> arguments);

}  // namespace ssi::ctl
