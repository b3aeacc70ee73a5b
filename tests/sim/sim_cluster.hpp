#pragma once
/// Simulated members around ssid's real decision code and the guard's real table of rights: hosts with QEMUs, a libvirt
/// that calls both doors in the order in which the real one was seen to, and a fence agent that cuts power.

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "daemons/ssid/fencing/fencing.hpp"
#include "daemons/ssid/gate/lease.hpp"
#include "daemons/ssid/gate/right_table.hpp"
#include "daemons/ssid/gate/slot_word.hpp"
#include "daemons/ssid/gate/witness_lease.hpp"
#include "daemons/ssid/guests/guests.hpp"
#include "daemons/ssid/membership/lone_keeper.hpp"
#include "daemons/ssid/relocation/relocations.hpp"
#include "tests/sim/sim_engine.hpp"
#include "tests/sim/sim_witness.hpp"

namespace ssi::sim {

/// One QEMU process.
struct Qemu {
    GuestName guest;
    GuestUuid uuid;
    std::int64_t pid = 0;
    bool awaits_migration = false;
    bool executes = false;  ///< Its CPUs run (or will, when the machine thaws).
    bool paused_by_user = false;
    std::int64_t memory_of = 0;  ///< The QEMU that executed last when its memory was as it is; 0: it boots from disk.
};

/// What libvirt is asked to make a QEMU for. It calls the doors in another way each time.
enum class Origin { kStart, kStartPaused, kRestore, kIncoming };

/// What resets a host. Hardware: when its guard has not fed it for so long. Soft: its clock stops with the machine.
/// Unarmed: it was never switched on.
enum class SimWatchdog { kNone, kUnarmed, kSoft, kHardware };

/// How one host's way to the PDR fails.
enum class PdrFault { kNone, kUnreadable, kUnwritable, kStale, kSlow };

/// On which all guests have their only disk.
inline constexpr std::string_view kGuestVolume = "/dev/disk/by-id/scsi-1";

class Cluster;
class Node;

/// With what `virsh start --paused` and `virsh restore` ask for (sim_libvirt.hpp).
class SimLibvirt : public cluster::Hypervisor {
  public:
    virtual boost::asio::awaitable<Result<void>> start_from(Origin origin, GuestName guest) = 0;
};

/// One host: power, guard, QEMUs, and at most one living ssid.
class Host {
  public:
    Host(Cluster& cluster, MemberName name);
    ~Host();
    void boot();
    void cut_power();
    void crash_ssid();  ///< And systemd starts it again a little later.
    void restart_guard();
    /// A sign of life was shown that was begun at `begun`; the guard counts it from `counted`.
    void renew_lease(BootTime begun, BootTime counted);
    /// SAFETY 6, 7: what ran when the lease's time was over is gone soon after, whatever was shown later. Throws else.
    void check_lease();
    /// The end of a lease, whenever the guard notices it.
    void stop_writers();
    /// As LeaseKeeper at the door.
    [[nodiscard]] Result<void> may_admit() const;
    void start_ssid();
    [[nodiscard]] bool is_up() const { return up_; }
    [[nodiscard]] int boots() const { return boots_; }
    [[nodiscard]] bool reaches(const Host& other) const;

    Qemu* find(const GuestName& guest);
    void kill_qemu(std::int64_t pid);

    Cluster& cluster;
    const MemberName name;
    Machine machine;
    EngineReach reach;
    int side = 0;  ///< Hosts of different sides do not reach each other.
    gate::RightTable rights;
    gate::Lease lease;
    gate::WitnessLease witness_lease;
    gate::SlotWord armed_word{false};  ///< What its slot says of its watchdog.
    gate::SlotWord lone_word{false};   ///< And of being alone.
    std::optional<bool> alone;         ///< What ssid says of that; none: it is away.
    SimWatchdog watchdog = SimWatchdog::kNone;
    /// The device, or the supervisor: gone, and whatever was armed with it. Not while the machine stands still.
    void break_watchdog();
    void mend_watchdog() { watchdog_is_broken_ = false; }
    /// SAFETY 13 b assumes that nothing else goes wrong with a machine in the T_lease after its watchdog broke, until
    /// that was announced or its writers are stopped: it does not stand still, and what is killed dies.
    [[nodiscard]] bool is_helpless() const;
    std::map<std::int64_t, Qemu> qemus;
    std::set<GuestName> migrating;  ///< Out of this host.
    Process* libvirtd = nullptr;    ///< Goes on when ssid crashes.
    Process* guard = nullptr;       ///< So does the guard, which beats on the PDR.
    PdrFault pdr_fault = PdrFault::kNone;
    Duration pdr_delay{2500};  ///< Of each read and write at most, while it is slow.
    /// A sign of life, by the world's clock.
    struct Sign {
        BootTime moved{};      ///< The last time.
        BootTime gap_ended{};  ///< When it began to move again after it had stood still for long enough to be fenced.
        void move(BootTime now, Duration gap) {
            if (now - moved >= gap) gap_ended = now;
            moved = now;
        }
    };
    Sign slot_sign;
    Sign engine_sign;  ///< As far as it knows itself: of beats whose commit was answered.
    std::optional<Incarnation> boot_record;
    Node* node = nullptr;

  private:
    boost::asio::awaitable<void> beat_on_pdr(Process& process);
    cluster::PdrPass read_pdr(std::optional<std::uint64_t> written);
    void write_pdr(cluster::PdrPass& pass, std::optional<std::uint64_t>& written, bool says_armed, bool says_lone);
    void judge_lone();
    void watch_witness();
    void tell_ssid(const cluster::PdrPass& pass);
    boost::asio::awaitable<void> wait_for_disk(Process& process);
    boost::asio::awaitable<void> keep_lease(Process& process);
    /// As gate::LeaseKeeper::feed.
    void feed_watchdog();
    [[nodiscard]] bool is_armed() const;

    bool up_ = false;
    int boots_ = 0;
    BootTime fed_{};  // the watchdog
    bool watchdog_is_broken_ = false;
    BootTime broke_{};                                     // the watchdog
    std::optional<BootTime> lease_end_;                    // by the signs alone
    std::map<std::int64_t, BootTime> to_be_ended_;         // QEMUs, and when at the latest
    BootTime begun_{};                                     // the write to the slot that was made last
    std::map<MemberName, cluster::SlotSign> stale_slots_;  // what a way that is stale goes on showing
};

/// One run of ssid.
class Node {
  public:
    explicit Node(Host& host);
    ~Node();
    /// Tells the guard what has changed.
    void describe();
    Process process;
    const BootTime began;
    std::unique_ptr<cluster::FenceAgent> agent;  ///< For fencing without a majority.
    std::unique_ptr<cluster::Engine> engine;
    std::unique_ptr<cluster::GuardLink> guard;
    std::unique_ptr<SimLibvirt> hypervisor;
    std::unique_ptr<cluster::IsfcLink> isfc;
    std::unique_ptr<cluster::BootRecord> boot;
    cluster::ClusterView view;
    cluster::Membership membership;
    cluster::PdrWatch pdr;
    cluster::PeerWatch watch;
    cluster::Fencing fencing;
    cluster::LoneKeeper lone;
    cluster::Guests guests;
    cluster::Relocations relocations;
};

class Cluster {
  public:
    Cluster(int members, std::uint64_t seed, bool has_pdr = false);
    ~Cluster();

    /// As `virsh start`, `virsh start --paused` or `virsh restore` on a member.
    void virsh_start(Host& host, const GuestName& guest, Origin origin = Origin::kStart);
    void virsh_destroy(Host& host, const GuestName& guest);
    void virsh_suspend(Host& host, const GuestName& guest);
    void virsh_resume(Host& host, const GuestName& guest);
    /// As `virsh save`: paused, then gone in order.
    void virsh_save(Host& host, const GuestName& guest);
    /// `ssictl member leave`, and ssid is started again when it has left.
    void leave(Host& host);
    void relocate(Host& asked, const GuestName& guest, const MemberName& to);
    void update_majorities();
    void heal();
    bool is_healed = false;
    [[nodiscard]] Host* host(const MemberName& name);

    /// R1, counted: instances of a guest whose CPUs run, frozen machines included. Throws when there are two, or when
    /// one went on with a memory older than its disks; and (R3) when the witness runs twice.
    void check();
    /// R4: a fence agent is asked only after the host's slot, or without a PDR its sign in the engine, stood still.
    /// Throws otherwise.
    void check_fence(const Host& target);

    /// How long a sign stands still before its member is fenced, at least.
    [[nodiscard]] Duration patience() const { return (has_pdr ? timing.fence : timing.silence) - timing.beat; }

    const bool has_pdr;
    std::map<MemberName, cluster::SlotSign> slots;  ///< The PDR.
    World world;
    Store store{world.executor()};
    std::unique_ptr<SimWitness> witness;  ///< Of two members with a PDR.
    std::vector<std::unique_ptr<Host>> hosts;
    std::vector<std::unique_ptr<Process>> libvirtds;
    std::vector<std::unique_ptr<Process>> guards;
    std::vector<std::unique_ptr<Node>> nodes;  ///< All that ever lived: their coroutines may be suspended for good.
    TimingConfig timing;
    std::int64_t next_pid = 100;
    std::map<GuestName, std::int64_t> ran_last;         ///< The QEMU that wrote to the guest's disks last.
    std::string stale_memory;                           ///< Which guest went on with a memory older than its disks.
    int agents = 1;                                     ///< Fence agents, of an ssid that starts from now on.
    std::vector<std::filesystem::path> fenced_volumes;  ///< Of the fence by reservations; empty: there is none.
    int stops = 0;                                      ///< Members whose writes it stopped.
    double fence_failures = 0;
    Duration fence_time{800};
    double migration_failures = 0;
    double late_deaths = 0;  ///< Of QEMUs that hang in the kernel when they are killed for the lease's end.
    int starts = 0;
    int refusals = 0;
    int moves = 0;
    int fences = 0;
    int expiries = 0;     ///< Leases that ended.
    int resets = 0;       ///< By watchdogs.
    int lone_lapses = 0;  ///< Leases that would have ended had their member not been alone.

  private:
    std::vector<const Qemu*> executing_;  // While check() looks.
};

[[nodiscard]] GuestUuid uuid_of(const GuestName& guest);

}  // namespace ssi::sim
