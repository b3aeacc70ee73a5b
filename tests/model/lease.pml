/* Three members, one guest: lease, slot on the PDR, verdicts, incarnations, rights (SAFETY 4-8, 12-15, 18).
 *
 * One process takes one step of one member at a time. Time is in ticks of one beat; a tick passes when every guard that
 * can has made its beat, so what works is punctual and what is stalled, frozen or hung may be late for ever. Nobody
 * reads another's clock, nor a common one. Faults are spent from a budget. Member 0 may have any and is judged; 1 and 2
 * judge it, and may run the guest: 1 has trouble with the PDR, 2 has none; the network is cut for one of the three at a
 * time. A MUTANT_... switch leaves one rule out (tests/model/run).
 */
#define N        3
#define LEASE    2 /* T_lease */
#define WATCHDOG 2 /* W */
#ifdef MUTANT_SHORT_T_DEAD
#define T_DEAD LEASE
#else
#define T_DEAD (LEASE + WATCHDOG) /* without the 2 s of SAFETY's: it holds even so */
#endif
#define T_FENCE 2
#ifndef FAULTS
#define FAULTS 2
#endif
#ifndef RUNS
#define RUNS 2 /* starts of the guest, all in all */
#endif
#ifndef JUDGES
#define JUDGES 1 /* members that judge: 1, or 1 and 2 */
#endif
#ifndef WATCHDOG_BREAKS
#define WATCHDOG_BREAKS 0 /* 1: member 0's may; its guard notices, and its slot says so (SAFETY 11) */
#endif
#define LIVES 2 /* incarnations of member 0 */
#define NOBODY 3
#define UNCUT 3

/* power: of a STALLED machine all goes on but the guard; of a FROZEN one nothing does, nor its clock. */
#define OFF 0
#define ON 1
#define STALLED 2
#define FROZEN 3

/* output: a slot write on its way. LANDED: it is on the disk, the guard does not know. */
#define IDLE 0
#define SUBMITTED 1
#define LANDED 2

/* Machines. */
byte power = ON;         /* member 0's */
bool hardware = true;    /* member 0's watchdog has a clock that does not stop with the machine, as its slot declares */
byte watchdog = WATCHDOG;
bool works = true;       /* that watchdog does */
byte broken_for;         /* ticks, up to LEASE */
bool withdrawn;          /* its guard has read back that its slot says so */
bool words = true;       /* what the slot write on its way says: armed */
bool slot_armed = true;  /* what the slot says */
bool seen_armed[N] = true; /* what a judge read */
bool pdr_bad[N];         /* its path to the PDR: any read may fail or be stale, any write be late for ever */
bool excused[N];         /* had a fault other than the network's: may lose its guest (R5) */
byte cut = UNCUT;        /* the member without network */
byte faults = FAULTS;

/* Guards. */
bool beaten[N];
byte lease[N] = LEASE;   /* ticks left */
byte output[N], age[N];  /* since the submission */
bool fresh[N];           /* this tick's pass was, and came after the judge's intent */
bool condemned;          /* member 0's QEMU was to be killed, and lives */
byte guest[N];           /* run of the QEMU of the guest that is here; 0: none */
byte right[N];           /* run that may enter; 0: none */
bool right_valid[N];     /* of the present lease generation */

/* ssids. */
bool ssid = true;        /* member 0's; the others' never fail */
byte life = 1;           /* member 0's own incarnation; 0: not admitted */
byte releasing;          /* on its way: the release of this run */
bool reporting;          /* on its way: member 0's report of what ended with its last life */

/* Judges, of member 0. */
byte still[N];           /* ticks since its sign was seen to move */
bool slot_moved[N];      /* since it was last read */
bool alive_moved[N];     /* since it was last looked at */
bool decided[N];         /* on its way: the verdict by time; it compares alive_moved when it lands (SAFETY 12) */
bool overlooked;         /* alive moved after the decision, and the verdict did not compare it (R4) */

/* The engine. */
byte record = 1;         /* member 0's incarnation */
bool down;               /* member 0 is */
byte intent = NOBODY;    /* open intent to fence member 0: whose */
byte target_life;
bool confirmed;          /* its owner knows that member 0 is off */
byte holder = NOBODY, holder_life, holder_run, runs;

#define MACHINE_RUNS(x) ((x) != 0 || power == ON || power == STALLED)
#define BEATEN(x) ((x) == 2 && JUDGES == 1 || beaten[x]) /* a mere bystander's beats show nothing */
#define GUARD_RUNS(x) ((x) != 0 || power == ON)
#define REACHES(x) (MACHINE_RUNS(x) && cut != (x))
#define MAJORITY(x) (REACHES(x) && (REACHES(((x) + 1) % N) || REACHES(((x) + 2) % N)))
#define DECIDES(x) (MAJORITY(x) && ((x) != 0 || ssid))
#define JOINED(x) ((x) != 0 || life == record && !down)
#define EXECUTES(x) (guest[x] != 0 && MACHINE_RUNS(x))
#define HOLDER_IS_OVER (holder == NOBODY || holder == 0 && (down || record != holder_life))

inline check_R1() {
    assert(EXECUTES(0) + EXECUTES(1) + EXECUTES(2) <= 1)
}

inline switch_off() {
    power = OFF;
    beaten[0] = false; lease[0] = 0; output[0] = IDLE; age[0] = 0; condemned = false;
    guest[0] = 0; right[0] = 0; right_valid[0] = false;
    ssid = true; life = 0; watchdog = 0; works = true; broken_for = 0; withdrawn = false
}

/* The guest of x ends, and the engine is told; whether it has heard is not always known. */
inline end_guest(x) {
    releasing = guest[x]; guest[x] = 0
}

inline slot_write_lands() {
    slot_armed = words;
    slot_moved[1] = true; slot_moved[2] = (JUDGES == 2)
}

inline alive_commits() {
    alive_moved[1] = true; alive_moved[2] = (JUDGES == 2)
}

/* SAFETY 11: while the watchdog does not work and others may count on it, nothing renews. */
#ifdef MUTANT_BROKEN_WATCHDOG_TRUSTED
#define MAY_RENEW(x) true
#define WORD true
#else
#define MAY_RENEW(x) ((x) != 0 || works || withdrawn)
#define WORD works
#endif

/* SAFETY 5: a renewal counts from its submission. */
inline slot_write_completes(x) {
    output[x] = IDLE;
#ifdef MUTANT_RENEWAL_FROM_COMPLETION
    lease[x] = LEASE;
#else
    if
    :: MAY_RENEW(x) && lease[x] < LEASE - age[x] -> lease[x] = LEASE - age[x]
    :: else
    fi;
#endif
    age[x] = 0
}

inline read_slot(x) {
    seen_armed[x] = slot_armed;
    if
    :: slot_moved[x] -> slot_moved[x] = false; still[x] = 0
    :: else
    fi
}

/* A pass over the PDR: all slots are read and one's own is written. */
inline pass(x) {
    if
    :: !pdr_bad[x] ->
        if
        :: output[x] != IDLE -> slot_write_completes(x)
        :: else
        fi;
        if
        :: x == 0 && !works && !slot_armed -> withdrawn = true
        :: else
        fi;
        if
        :: MAY_RENEW(x) -> lease[x] = LEASE
        :: else
        fi;
        if
        :: x == 0 -> words = WORD; slot_write_lands()
        :: else -> read_slot(x); fresh[x] = true
        fi
    :: pdr_bad[x] -> /* nothing is read, or old data */
#ifdef MUTANT_SKIP_FRESH_READ
        fresh[x] = true
#else
        fresh[x] = false
#endif
    :: pdr_bad[x] && x != 0 -> /* it can be read; fresh if our last write is there, which it never is where none lands */
        read_slot(x);
        fresh[x] = (output[x] == IDLE)
    fi;
    if
    :: pdr_bad[x] && output[x] == IDLE ->
        output[x] = SUBMITTED;
        if
        :: x == 0 -> words = WORD
        :: else
        fi
    :: else
    fi
}

/* The bit is what a verdict compares: once it is seen, one that is on its way can only be refused. */
inline look_at_alive(x) {
    alive_moved[x] = false; still[x] = 0;
#ifdef MUTANT_VERDICT_WITHOUT_REVISION
    overlooked = overlooked || decided[x]
#else
    decided[x] = false
#endif
}

/* SAFETY 4: the sign in the engine. It is refused to a life that is over; then the guard kills all. */
inline alive(x) {
    if
    :: DECIDES(x) && JOINED(x) ->
        if
        :: MAY_RENEW(x) -> lease[x] = LEASE
        :: else
        fi;
        if
        :: x == 0 -> alive_commits()
        :: x != 0 && alive_moved[x] -> look_at_alive(x)
        :: else
        fi
    :: DECIDES(x) && !JOINED(x) && life != 0 ->
        if
        :: guest[0] != 0 -> end_guest(0)
        :: else
        fi;
        condemned = false; right[0] = 0; right_valid[0] = false; life = 0
    :: else
    fi
}

/* SAFETY 7: the door shuts and the lease generation is raised first; the watchdog is fed only when the QEMU is gone. */
inline expire(x) {
#ifndef MUTANT_RENEW_AFTER_EXPIRY
    right_valid[x] = false;
#endif
    assert(guest[x] == 0 || excused[x]); /* R5 */
    if
    :: guest[x] != 0 -> end_guest(x)
    :: guest[x] != 0 && x == 0 -> condemned = true /* it does not die of the kill */
    :: else
    fi
}

inline beat(x) {
    beaten[x] = true;
    if
    :: lease[x] == 0 -> expire(x)
    :: else
    fi;
    pass(x);
    alive(x);
    if
#ifdef MUTANT_FEED_AFTER_FAILED_KILL
    :: x == 0 -> watchdog = WATCHDOG
#else
    :: x == 0 && !condemned -> watchdog = WATCHDOG
#endif
    :: else
    fi
}

inline tick(x) {
    beaten[x] = false; fresh[x] = false;
    if
    :: lease[x] > 0 -> lease[x]--
    :: else
    fi;
    if
    :: output[x] != IDLE && age[x] < LEASE -> age[x]++
    :: else
    fi;
    if
    :: x != 0 && still[x] < T_DEAD -> still[x]++
    :: x == 0 && !works && broken_for < LEASE -> broken_for++
    :: else
    fi
}

inline tick_of_watchdog() {
    if
    :: works && power != OFF && (hardware || power != FROZEN) ->
        watchdog--;
        if
        :: watchdog == 0 -> switch_off()
        :: else
        fi
    :: else
    fi
}

#ifdef MUTANT_VERDICT_WITHOUT_REVISION
#define ALIVE_UNMOVED(x) true
#else
#define ALIVE_UNMOVED(x) !alive_moved[x]
#endif
#ifdef MUTANT_COMPARE_PEER_STAMP
#define STILL_FOR(x, ticks) true /* the stamp in its slot is of a clock that is as far behind as can be */
#else
#define STILL_FOR(x, ticks) (still[x] >= (ticks))
#endif
#ifdef MUTANT_UNARMED_WATCHDOG_ACCEPTED
#define GUARDED(x) true
#else
#define GUARDED(x) (hardware && seen_armed[x])
#endif
#ifdef MUTANT_FENCE_BY_NETWORK_ALONE
#define SILENT(x) (cut == 0)
#else
#define SILENT(x) (STILL_FOR(x, T_FENCE) && fresh[x] && ALIVE_UNMOVED(x))
#endif
#ifdef MUTANT_TIME_WITHOUT_INTENT
#define MAY_DECIDE_BY_TIME(x) true
#else
#define MAY_DECIDE_BY_TIME(x) (intent == x)
#endif
#ifdef MUTANT_JOIN_DURING_FENCING
#define MAY_JOIN true
#else
#define MAY_JOIN (intent == NOBODY)
#endif
#ifdef MUTANT_INCARNATION_IGNORED
#define ENDED (holder == 0)
#else
#define ENDED (holder == 0 && holder_life < record)
#endif
#ifdef MUTANT_RELEASE_BY_NAME
#define RELEASED true
#else
#define RELEASED (releasing == holder_run)
#endif

/* A verdict compares the intent that it follows, too. */
inline end_intent() {
    intent = NOBODY; target_life = 0; confirmed = false; decided[1] = false; decided[2] = false
}

inline declare_dead() {
    assert(guest[0] == 0 || life != record); /* no life that is over has a guest, frozen or not: no lone write (R1) */
    down = true;
    end_intent()
}

/* What judge x may do about member 0. */
inline judge(x) {
    if
    :: SILENT(x) && (intent == NOBODY || intent != x && !REACHES(intent)) -> /* SAFETY 14 */
        intent = x; target_life = record; confirmed = false;
        fresh[x] = false
    :: intent == x && !confirmed -> /* the agent; if it answers at all, it tells the truth */
        assert(excused[0]);            /* R5 */
        assert(record == target_life); /* it hits whom it was meant for */
        if
        :: power != OFF -> switch_off()
        :: else
        fi;
        confirmed = true
    :: intent == x && confirmed && ALIVE_UNMOVED(x) -> declare_dead() /* SAFETY 13 a */
    :: intent == x && !STILL_FOR(x, 1) -> end_intent() /* it shows signs of life again */
    :: MAY_DECIDE_BY_TIME(x) && STILL_FOR(x, T_DEAD) && fresh[x] && ALIVE_UNMOVED(x) && GUARDED(x) && !decided[x] ->
        decided[x] = true /* SAFETY 13 b */
    :: MAY_DECIDE_BY_TIME(x) && decided[x] && ALIVE_UNMOVED(x) ->
        assert(!alive_moved[x] && !overlooked); /* R4: no sign moved since the judge read them */
        declare_dead()
    :: else
    fi
}

inline commit_start(x) {
    runs++;
    holder = x; holder_life = (x == 0 -> life : 0); holder_run = runs;
    right[x] = runs; right_valid[x] = (lease[x] > 0)
}

inline free_residency() {
    holder = NOBODY; holder_life = 0; holder_run = 0
}

/* One step of member x. */
inline step_of(x) {
    if
    :: GUARD_RUNS(x) && !BEATEN(x) -> beat(x)
    :: output[x] == SUBMITTED ->
        output[x] = LANDED;
        if
        :: x == 0 -> slot_write_lands()
        :: else
        fi
    :: output[x] == LANDED && GUARD_RUNS(x) -> slot_write_completes(x)

    :: DECIDES(x) && JOINED(x) && !(x == 0 && intent != NOBODY) && HOLDER_IS_OVER && guest[x] == 0 && runs < RUNS ->
        commit_start(x)
    :: GUARD_RUNS(x) && right[x] != 0 && right_valid[x] && lease[x] > 0 && guest[x] == 0 -> /* the door, SAFETY 8 */
        assert(x != 0 || life != record || !down);
        guest[x] = right[x]; right[x] = 0; right_valid[x] = false;
        check_R1()
    :: GUARD_RUNS(x) && guest[x] != 0 && !(x == 0 && condemned) -> end_guest(x) /* by itself */

    :: pdr_bad[x] -> pdr_bad[x] = false
    :: cut == x -> cut = UNCUT
    :: faults > 0 && cut == UNCUT -> faults--; cut = x
    :: x != 2 && faults > 0 && !pdr_bad[x] -> faults--; excused[x] = true; pdr_bad[x] = true
    fi
}

/* Member 0's machine fails, and comes back. What nobody can tell: it stands still before its guard could say that the
 * watchdog is broken, or else end the lease. */
#define STANDS_STILL_AT_LEAST_LATER (works || broken_for == LEASE)
inline machine() {
    if
    :: faults > 0 && power != OFF -> faults--; excused[0] = true; switch_off()
    :: faults > 0 && power == ON && STANDS_STILL_AT_LEAST_LATER -> faults--; excused[0] = true; power = STALLED
    :: faults > 0 && power == ON && STANDS_STILL_AT_LEAST_LATER -> faults--; excused[0] = true; power = FROZEN
    :: WATCHDOG_BREAKS && faults > 0 && power == ON && hardware && works ->
        faults--; excused[0] = true; works = false; broken_for = 0; withdrawn = false
    :: faults > 0 && MACHINE_RUNS(0) && power != OFF && ssid -> faults--; ssid = false
    :: power == STALLED -> power = ON
    :: power == STALLED && DECIDES(0) && JOINED(0) -> alive_commits()
    :: power == FROZEN -> power = ON; check_R1()
    :: !ssid -> ssid = true
    :: power == OFF && record < LIVES -> power = ON; watchdog = WATCHDOG
    :: power == ON && DECIDES(0) && life == 0 && record < LIVES && MAY_JOIN -> /* SAFETY 18 */
        record++; life = record; down = false;
        reporting = true;
        alive_commits()
    fi
}

/* Transactions whose outcome was not known: they may land late, and twice. */
inline late_transaction() {
    if
    :: releasing != 0 ->
        if
        :: RELEASED -> free_residency()
        :: else
        fi;
        if
        :: releasing = 0
        :: true
        fi
    :: reporting ->
        if
        :: ENDED -> free_residency()
        :: else
        fi;
        if
        :: reporting = false
        :: true
        fi
    fi
}

active proctype cluster() {
    if
    :: hardware = false
    :: true
    fi;
    do
    :: atomic { (power != ON || beaten[0]) && beaten[1] && BEATEN(2) ->
        if
        :: power != FROZEN && power != OFF -> tick(0)
        :: else -> beaten[0] = false
        fi;
        tick(1);
        if
        :: JUDGES == 2 -> tick(2)
        :: else
        fi;
        tick_of_watchdog() }
    :: atomic { step_of(0) }
    :: atomic { step_of(1) }
    :: atomic { step_of(2) }
    :: atomic { machine() }
    :: atomic { late_transaction() }
    :: atomic { DECIDES(1) -> judge(1) }
    :: atomic { JUDGES == 2 && DECIDES(2) -> judge(2) }
    od
}
