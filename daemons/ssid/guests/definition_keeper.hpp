#pragma once
/// Keeps this member's libvirt and the directory the same: what somebody defines, edits or undefines in libvirt becomes
/// the directory's next version, and what the directory has, libvirt has too. Level-triggered, by definition_plan.

#include <boost/asio/any_io_executor.hpp>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "daemons/ssid/guests/definition_plan.hpp"
#include "daemons/ssid/guests/definition_store.hpp"
#include "daemons/ssid/guests/kept_edits.hpp"
#include "daemons/ssid/guests/known_definitions.hpp"
#include "daemons/ssid/membership/cluster_view.hpp"
#include "daemons/ssid/membership/membership.hpp"

namespace ssi::cluster {

class DefinitionKeeper {
  public:
    struct Places {
        std::filesystem::path known;  ///< KnownDefinitions
        std::filesystem::path kept;   ///< KeptEdits
    };
    DefinitionKeeper(const Membership& membership, ClusterView& view, DefinitionStore& store, const Places& places,
                     Clock& clock, const boost::asio::any_io_executor& executor);

    /// For ever, while this member is Joined with a majority; what happens meanwhile is found out afterwards.
    boost::asio::awaitable<void> run();

    /// The same as virsh define here, but for this version (none: whichever there is) and with an answer: the new
    /// version. Nothing has changed when it fails. Errors: kMemberNotJoined, kDefinitionInvalid, those of
    /// decide_define.
    boost::asio::awaitable<Result<std::uint64_t>> put(std::string xml, std::optional<std::uint64_t> base,
                                                      OperatorWord change);
    /// Takes a guest into the directory that was here before the cluster. Errors: kGuestUnknown, those of
    /// decide_define.
    boost::asio::awaitable<Result<std::uint64_t>> adopt(GuestName guest, OperatorWord change);
    /// Those that adopt() would take.
    [[nodiscard]] std::vector<GuestName> not_adopted() const;
    /// What others changed meanwhile, and what no directory took.
    [[nodiscard]] Result<std::vector<KeptEdit>> kept_edits() const { return kept_.all(); }

    /// libvirt or the directory may have changed.
    void poke() { poked_.notify(); }

  private:
    using Local = std::optional<LocalDefinition>;

    /// While it lives nobody else works on the guest.
    class Hold {
      public:
        Hold(DefinitionKeeper& keeper, GuestName guest) : keeper_(&keeper), guest_(std::move(guest)) {
            keeper_->held_.insert(guest_);
        }
        Hold(Hold&& other) noexcept : keeper_(std::exchange(other.keeper_, nullptr)), guest_(std::move(other.guest_)) {}
        Hold& operator=(Hold&&) = delete;
        ~Hold() {
            if (keeper_ == nullptr) return;
            keeper_->held_.erase(guest_);
            keeper_->poke();
        }

      private:
        DefinitionKeeper* keeper_;
        GuestName guest_;
    };
    boost::asio::awaitable<Result<Hold>> hold(GuestName guest);

    boost::asio::awaitable<void> remember_what_was_here();
    boost::asio::awaitable<Result<void>> survey();
    void find_differences();
    boost::asio::awaitable<void> settle_all();
    boost::asio::awaitable<Result<void>> settle(GuestName guest);
    boost::asio::awaitable<Result<void>> carry_out(GuestName guest, DefinitionPlan plan, Local local);
    boost::asio::awaitable<Result<void>> define(GuestName guest, bool replaces);
    boost::asio::awaitable<Result<void>> undefine(GuestName guest);
    boost::asio::awaitable<Result<void>> publish(LocalDefinition local);
    boost::asio::awaitable<Result<void>> publish_deletion(GuestName guest);
    boost::asio::awaitable<Result<std::uint64_t>> commit(LocalDefinition local, std::optional<std::uint64_t> base,
                                                         OperatorWord change);
    boost::asio::awaitable<void> put_back(GuestName guest, Local before);

    void note(const GuestName& guest, const Result<void>& settled);
    [[nodiscard]] DefinitionFacts facts_of(const GuestName& guest, const Local& local) const;
    [[nodiscard]] bool may_work() const;
    [[nodiscard]] OperatorWord word_of_virsh(std::string why) const;
    Result<void> keep_aside(const LocalDefinition& local, const std::string& why);
    void remember(const GuestName& guest, std::uint64_t version, const std::string& xml,
                  const std::string& directory_xml);
    void save();

    const Membership& membership_;
    ClusterView& view_;
    DefinitionStore& store_;
    KnownDefinitions known_;
    const KeptEdits kept_;
    Clock& clock_;
    Notifier poked_;

    bool is_first_ = false;                       ///< What libvirt has now is from before the cluster.
    bool looks_at_all_ = true;                    ///< Any may differ.
    std::set<GuestName> due_;                     ///< May differ.
    std::set<GuestName> held_;                    ///< Somebody is at work on it.
    std::set<GuestName> undefined_;               ///< By somebody, here, and not settled yet.
    std::map<GuestName, std::string> aside_;      ///< Digest of what was kept aside last.
    std::map<GuestName, BootTime> ending_since_;  ///< Undefined here, and its end not seen yet.
    struct Failure {
        std::string what;
        BootTime again;  ///< Not tried before.
    };
    std::map<GuestName, Failure> failures_;
};

}  // namespace ssi::cluster
