#pragma once
/// What an administrator can ask of ssid about the directory of guests: each request is one coroutine that answers with
/// a JSON text. `who`: the user that asked.

#include <boost/asio/awaitable.hpp>
#include <string>

#include "daemons/ssid/api/directory_documents.hpp"
#include "daemons/ssid/guests/definition_keeper.hpp"

namespace ssi::cluster {

class DirectoryAdministration {
  public:
    using Answer = boost::asio::awaitable<Result<std::string>>;

    /// All must outlive it.
    DirectoryAdministration(MemberName own, ClusterView& view, Engine& engine, DefinitionKeeper& definitions);

    Answer list();
    /// `version`: an old one of the history; empty: the present one. Errors: kGuestUnknown, kUsage.
    Answer get(std::string guest, std::string version);
    /// `base`: the version that it was made from, 0: there must be none yet; empty: whichever there is. Errors: those
    /// of DefinitionKeeper::put, kUsage.
    Answer put(std::string xml, std::string base, std::string who);
    /// Every member undefines it then. Errors: those of decide_undefine, kUsage.
    Answer remove(std::string guest, std::string base, std::string who);
    /// All versions that are kept, also of a guest that was deleted. Error: kGuestUnknown.
    Answer history(std::string guest);
    /// An old version as the next one, also of a guest that was deleted. Errors: those of get() and put().
    Answer rollback(std::string guest, std::string version, std::string who);
    /// Of a guest that was on this member before the cluster. Errors: those of DefinitionKeeper::adopt.
    Answer adopt(std::string guest, std::string who);
    /// Definitions of this member's libvirt that the directory did not take.
    Answer conflicts();

  private:
    [[nodiscard]] OperatorWord word(std::string who, std::string why) const;
    [[nodiscard]] std::uint64_t present_version(const GuestName& guest) const;
    boost::asio::awaitable<Result<std::vector<KeptVersion>>> read_history_of(GuestName guest);
    boost::asio::awaitable<Result<DirectoryRecord>> old_version(GuestName guest, std::uint64_t version);

    const MemberName own_;
    ClusterView& view_;
    Engine& engine_;
    DefinitionKeeper& definitions_;
};

}  // namespace ssi::cluster
