#pragma once
/// What an administrator can ask about the engine, also when it does not serve: each request is one coroutine that
/// answers with a JSON text.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "daemons/ssid/engine/engine_health.hpp"
#include "daemons/ssid/engine/engine_recovery.hpp"
#include "daemons/ssid/engine/voter_keeper.hpp"

namespace ssi::cluster {

/// Files that pass between ssictl and ssid: of root alone.
struct EngineFiles {
    std::filesystem::path backup = "/var/lib/ssi/engine-backup";
    std::filesystem::path restore = "/var/lib/ssi/engine-restore";
};

class EngineAdministration {
  public:
    using Answer = boost::asio::awaitable<Result<std::string>>;

    EngineAdministration(const SystemConfig& config, MemberName own, EtcdEngine& engine, EtcdDirector& director,
                         VoterKeeper& voters, EngineHealth& health, boost::asio::any_io_executor executor,
                         EngineFiles files = {});

    Answer status();
    /// Copies the state into EngineFiles::backup, for ssictl to take from there.
    Answer backup();
    /// From EngineFiles::restore, where ssictl has put it.
    Answer restore();
    Answer force();
    /// Compacts the history, defragments one voter after the other, and lets etcd write again.
    Answer compact();

    /// What the log of the witness's data says, wherever on the PDR they are, for force() to compare; none: there are
    /// none, or they are out of reach with the PDR. Set before that is called.
    std::function<boost::asio::awaitable<Result<std::optional<LogReport>>>(std::uint64_t lineage)> witness_log;

  private:
    boost::asio::awaitable<Result<void>> defragment_all();
    [[nodiscard]] std::filesystem::path socket_of(const Seat& seat) const;
    EngineRecovery recovery();

    const SystemConfig& config_;
    MemberName own_;
    EtcdEngine& engine_;
    EtcdDirector& director_;
    VoterKeeper& voters_;
    EngineHealth& health_;
    boost::asio::any_io_executor executor_;
    EngineFiles files_;
};

}  // namespace ssi::cluster
