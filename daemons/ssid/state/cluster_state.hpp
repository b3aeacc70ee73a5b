#pragma once
/// Typed mirror of the cluster's keys at one revision. Pure: no clock, no I/O, no threads.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "daemons/ssid/state/records.hpp"

namespace ssi::cluster {

/// A record and the revision of its last change, which is what a transaction is conditioned on.
template <class Record>
struct Versioned {
    Record value;
    Revision modified{};
};

template <class Name, class Record>
using RecordMap = std::map<Name, Versioned<Record>>;

class ClusterState {
  public:
    /// Replaces everything. Errors name the key whose value cannot be understood; the state is then unchanged.
    Result<void> reset(const Snapshot& snapshot);
    /// Applies a change unless a later one of the same key is known already (own commits are applied at once, and come
    /// again through the watch). Keys outside the known kinds are ignored.
    Result<void> apply(const Change& change);

    [[nodiscard]] Revision revision() const { return revision_; }
    /// Revision of the key's last change; 0 if it does not exist. For conditions.
    [[nodiscard]] Revision modified(const std::string& key) const;

    [[nodiscard]] const RecordMap<MemberName, MemberRecord>& members() const { return members_; }
    [[nodiscard]] const RecordMap<MemberName, AliveRecord>& alive() const { return alive_; }
    [[nodiscard]] const RecordMap<MemberName, FenceRecord>& fences() const { return fences_; }
    [[nodiscard]] const RecordMap<MemberName, OperatorWord>& maintenances() const { return maintenances_; }
    [[nodiscard]] const RecordMap<GuestName, DirectoryRecord>& directory() const { return directory_; }
    [[nodiscard]] const RecordMap<GuestName, DeletedRecord>& deleted() const { return deleted_; }
    [[nodiscard]] const RecordMap<GuestName, GuestPolicy>& policies() const { return policies_; }
    [[nodiscard]] const RecordMap<GuestName, Residency>& residencies() const { return residencies_; }
    [[nodiscard]] const RecordMap<GuestName, SavedRecord>& saved_guests() const { return saved_; }
    [[nodiscard]] const RecordMap<GuestName, MoveRecord>& moves() const { return moves_; }

    [[nodiscard]] const RecordMap<MemberName, MemberConfigRecord>& configs() const { return configs_; }

    /// nullptr: no member has committed one yet.
    [[nodiscard]] const ClusterConfigRecord* config() const { return config_ ? &*config_ : nullptr; }
    [[nodiscard]] const MemberConfigRecord* config_of(const MemberName& name) const;
    [[nodiscard]] const MemberRecord* member(const MemberName& name) const;
    [[nodiscard]] const FenceRecord* fence(const MemberName& name) const;
    /// Who joins or leaves; none if nobody does.
    [[nodiscard]] const Transition* transition() const { return transition_ ? &transition_->value : nullptr; }
    /// Whose word it is that nobody is fenced, or not this member; none if fencing is armed.
    [[nodiscard]] const OperatorWord* disarmed() const { return disarmed_ ? &disarmed_->value : nullptr; }
    [[nodiscard]] const OperatorWord* maintenance(const MemberName& name) const;
    /// Who is alone; none if nobody says so.
    [[nodiscard]] const MemberLife* lone() const { return lone_ ? &lone_->value.life : nullptr; }
    [[nodiscard]] const Residency* residency(const GuestName& name) const;
    /// Who was started or defined last with this UUID.
    [[nodiscard]] const UuidRecord* last_with(const GuestUuid& uuid) const;
    /// Where its memory is saved; none if it is not.
    [[nodiscard]] const SavedRecord* saved(const GuestName& name) const;
    /// What an operator said, else what its definition says.
    [[nodiscard]] GuestPolicy policy(const GuestName& name) const;
    /// What this life published last; none if nothing.
    [[nodiscard]] const CapacityRecord* capacity(const MemberLife& life) const;
    /// Of this very life's keys at the volumes; none if it never began to register them.
    [[nodiscard]] const RegistrationRecord* registration(const MemberLife& life) const;
    /// What is known of it, in the directory or from a start alone.
    [[nodiscard]] const DirectoryRecord* definition(const GuestName& name) const;
    /// Its entry in the directory; none if it has none.
    [[nodiscard]] const DirectoryRecord* directory_entry(const GuestName& name) const;
    /// Of a guest that has no entry any more.
    [[nodiscard]] const DeletedRecord* deletion(const GuestName& name) const;

    /// Of this very life; none while libvirt asks our doors there, as far as is known.
    [[nodiscard]] const DoorsRecord* open_doors(const MemberLife& life) const;
    /// Joined in exactly this incarnation, and no fencing of it is open.
    [[nodiscard]] bool is_in_service(const MemberLife& life) const;
    /// And its libvirt asks our doors.
    [[nodiscard]] bool may_take_guests(const MemberLife& life) const;
    /// A later life has begun, or this one was declared Down: nothing of it runs any more.
    [[nodiscard]] bool is_over(const MemberLife& life) const;
    /// The life of a Joined member; none if it is not Joined.
    [[nodiscard]] std::optional<MemberLife> joined_life(const MemberName& name) const;

  private:
    Result<void> put(const std::string& key, const std::string& value, Revision modified);
    void erase(const std::string& key);

    RecordMap<MemberName, MemberRecord> members_;
    RecordMap<MemberName, AliveRecord> alive_;
    RecordMap<MemberName, FenceRecord> fences_;
    std::optional<Versioned<Transition>> transition_;
    std::optional<Versioned<OperatorWord>> disarmed_;
    std::optional<Versioned<LoneRecord>> lone_;
    RecordMap<MemberName, OperatorWord> maintenances_;
    RecordMap<GuestName, DirectoryRecord> directory_;
    RecordMap<GuestName, DeletedRecord> deleted_;
    RecordMap<GuestName, GuestPolicy> policies_;
    RecordMap<MemberName, CapacityRecord> capacities_;
    RecordMap<MemberName, DoorsRecord> doors_;
    RecordMap<GuestName, Residency> residencies_;
    RecordMap<GuestUuid, UuidRecord> uuids_;
    RecordMap<GuestName, SavedRecord> saved_;
    RecordMap<GuestName, MoveRecord> moves_;
    RecordMap<MemberName, RegistrationRecord> registrations_;
    RecordMap<MemberName, MemberConfigRecord> configs_;
    std::optional<ClusterConfigRecord> config_;
    struct Key {
        Revision changed{};
        bool exists = false;
    };
    /// Every known key, deleted ones included until the next reset.
    std::map<std::string, Key> keys_;
    Revision revision_{};
};

}  // namespace ssi::cluster
