/* The witness of two members: its lock on the PDR, its lease, its data, and the votes of three (SAFETY 1, 9, 10, 12-14,
 * 16, 17).
 *
 * Time, faults and reads are those of lease.pml. The lock's record is decided at once; that Disk Paxos does so is shown
 * by tests/unit/pdr_lock_property_test. But what a member has decided to do it does later, for as long as you please: a
 * change of the lock only if nobody has changed it since it was read; a start of the witness whatever came meanwhile.
 *
 * The engine is two votes of three. A majority begins with the newer log of its two and adds an entry, which is
 * committed when both have it on disk. Entries are numbered as they are made: the higher one is the newer, as with
 * Raft's terms. The witness answers when its write to its area has ended; a write that was on its way when it ended
 * lands late or never. Any member may ask any process that calls itself the witness: the streams carry no generation of
 * the lock, and none is needed. A third member has no vote here and is left out, and so is what it brings: that a
 * majority without the witness's holder declares it Down. A MUTANT_... switch leaves one rule out (tests/model/run).
 */
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
#ifndef ENTRIES
#define ENTRIES 1 /* made in all */
#endif
#ifndef BOOTS
#define BOOTS 1 /* of each member, after its first */
#endif
#ifndef HARDWARE
#define HARDWARE 1 /* the watchdogs' clocks do not stop with the machines, as the slots declare */
#endif
#ifndef FAULTS_OF_1
#define FAULTS_OF_1 0 /* 1: member 1 may have every fault, too; 0: its power only */
#endif
#define NOBODY 2

/* power: of a STALLED machine all goes on but the guard; of a FROZEN one nothing does, nor its clock. */
#define OFF 0
#define ON 1
#define STALLED 2
#define FROZEN 3

/* pass: this tick's over the PDR, and what it read. */
#define NOT_YET 0
#define STALE 1
#define FRESH 2

/* plan: what ssid has decided, with the lock as it was then. */
#define NOTHING 0
#define CLAIM 1
#define OWN 2     /* it has copied the data into its own area: win the lock once more, with that area named */
#define START 3

/* Machines and guards. */
byte power[2] = ON;
byte watchdog[2] = WATCHDOG;
byte boots[2];
bool pdr_bad[2];          /* any pass may fail or read old data */
bool cut;                 /* between the two */
byte faults = FAULTS;
byte pass[2] = NOT_YET;
byte lease[2] = LEASE;    /* the witness's: ticks left */
byte still[2];            /* ticks since the other's slot was seen to move */
bool moved[2];            /* it did, since it was last read */

/* The lock, and what its holder knows. */
byte holder = 0;
byte data = 0;            /* whose area has the witness's data */
byte intent = NOBODY;     /* who means to fence the other */
bool vouched[2];          /* the lease was held when this boot of the member won the lock, and has been ever since */
bool off[2];              /* the agent told this member that the other is off; its slot has stood still since */
byte plan[2] = NOTHING;

/* Votes: the newest entry there. */
byte made, committed;     /* of all entries */
byte log[2];              /* on a member's disk */
byte area[2];             /* on the PDR */
bool runs[2];             /* the witness, on this member */
byte memory[2];           /* of that process; newer than the area: its write is on its way */
bool asked[2];            /* it has not answered yet */
bool passed_over[2];      /* another majority has made a history without the entry that it was asked for */
byte late[2];             /* write on its way of a process that is no more */

#define RUNS(x) (power[x] == ON || power[x] == STALLED)
#define CAN_VOTE(x) (runs[x] && RUNS(x))
#define NEWER(a, b) ((a) > (b) -> (a) : (b))

/* That two witnesses can never vote at once is more than is needed. With TWO_MAY_RUN only what comes of it counts. */
inline check_witnesses() {
#ifndef TWO_MAY_RUN
    assert(!(CAN_VOTE(0) && CAN_VOTE(1)))
#else
    skip
#endif
}

/* The process ends, at any moment. */
inline end_witness(x) {
    if
    :: runs[x] && memory[x] > area[x] -> late[x] = memory[x]
    :: else
    fi;
    runs[x] = false; memory[x] = 0; asked[x] = false; passed_over[x] = false
}

inline switch_off(x) {
    end_witness(x);
    power[x] = OFF; watchdog[x] = 0; pass[x] = NOT_YET; lease[x] = 0; still[x] = 0;
    vouched[x] = false; off[x] = false; plan[x] = NOTHING
}

#ifdef MUTANT_LEASE_BY_LINKS
#define LINKED (!cut && RUNS(0) && RUNS(1))
#else
#define LINKED false
#endif

/* What nobody wants to know is not kept: fewer states. */
#define IS_WATCHED(x) (holder == (x) || intent == (x))

/* A slot that was written and read back. */
inline slot_moves(x) {
    moved[1 - x] = IS_WATCHED(x); lease[x] = LEASE
}

inline read_slot(x) {
    pass[x] = (IS_WATCHED(1 - x) -> FRESH : STALE);
    if
    :: moved[x] -> moved[x] = false; still[x] = 0; off[x] = false
    :: else
    fi
}

/* SAFETY 9: what is over is ended before it is renewed. */
inline beat(x) {
    if
    :: lease[x] == 0 -> vouched[x] = false; end_witness(x)
    :: else
    fi;
    if
    :: !pdr_bad[x] -> slot_moves(x); read_slot(x)
    :: pdr_bad[x] -> pass[x] = STALE
    :: pdr_bad[x] -> read_slot(x)
    fi;
    if
    :: LINKED -> lease[x] = LEASE
    :: else
    fi;
    watchdog[x] = WATCHDOG
}

inline tick_of(x) {
    pass[x] = NOT_YET;
    if
    :: RUNS(x) ->
        if
        :: lease[x] > 0 -> lease[x]--
        :: else
        fi;
        if
        :: still[x] < T_DEAD && IS_WATCHED(1 - x) -> still[x]++
        :: else
        fi
    :: else
    fi;
    if
    :: power[x] != OFF && (HARDWARE || power[x] != FROZEN) ->
        watchdog[x]--;
        if
        :: watchdog[x] == 0 -> switch_off(x)
        :: else
        fi
    :: else
    fi
}

/* Who decided by the lock before has lost. */
inline lock_changes() {
#ifndef MUTANT_SILENCE_OF_OLD_GENERATION
    still[0] = 0; still[1] = 0; moved[0] = false; moved[1] = false; /* counted from the last generation on */
#endif
    plan[0] = (plan[0] == START -> START : NOTHING);
    plan[1] = (plan[1] == START -> START : NOTHING);
    off[0] = false; off[1] = false
}

#ifdef MUTANT_UNARMED_WATCHDOG_ACCEPTED
#define GUARDED true
#else
#define GUARDED HARDWARE
#endif
#define STILL_FOR(x, ticks) (still[x] >= (ticks) && pass[x] == FRESH)
/* SAFETY 12 */
#define FREE_FOR(x) (holder == NOBODY || holder == 1 - (x) && (off[x] || STILL_FOR(x, T_DEAD) && GUARDED))
#define BARRED(x) (intent == 1 - (x) && still[x] < T_FENCE) /* SAFETY 14 */
/* After each end of the lease the holder wins the lock anew before it starts the witness again: a taker that has seen
 * the silence, and is late, then loses its attempt. And the guard lets nothing begin that was decided before it. */
#ifdef MUTANT_STARTED_WITHOUT_LOCK
#define MAY_PLAN_START(x) (data == (x) && lease[x] > 0)
#define VOUCH_FOR(x) vouched[x] = true
#elif defined(MUTANT_RESTART_UNDER_OLD_GENERATION)
#define MAY_PLAN_START(x) (holder == (x) && data == (x) && lease[x] > 0)
#define VOUCH_FOR(x) vouched[x] = true
#else
#define MAY_PLAN_START(x) (holder == (x) && data == (x) && vouched[x])
#define VOUCH_FOR(x) skip
#endif
#ifdef MUTANT_START_OUTLIVES_LEASE
#define MAY_START(x) true
#else
#define MAY_START(x) vouched[x]
#endif

#ifdef MUTANT_RELEASE_BEFORE_STOP
#define MAY_RELEASE(x) (RUNS(x) && plan[x] == NOTHING && holder == (x))
#else
#define MAY_RELEASE(x) (IDLE(x) && holder == (x))
#endif
#ifdef MUTANT_EMPTY_AREA
#define COPY_OF(x) 0
#elif defined(MUTANT_COPIED_BEFORE_CLAIM)
#define COPY_OF(x) area[1 - (x)]
#else
#define COPY_OF(x) area[x]
#endif

/* In one boot the area is not opened before the last write to it has ended; that a new boot does not either is
 * SAFETY 13's assumption. */
#ifdef MUTANT_AREA_OPENED_TOO_SOON
#define IDLE(x) (RUNS(x) && plan[x] == NOTHING && !runs[x])
#else
#define IDLE(x) (RUNS(x) && plan[x] == NOTHING && !runs[x] && late[x] == 0)
#endif
inline ssid_of(x) {
    if
    /* The lock. */
    :: IDLE(x) && (holder == x && !vouched[x] && lease[x] > 0 && !BARRED(x) || FREE_FOR(x)) -> plan[x] = CLAIM
    :: RUNS(x) && plan[x] == CLAIM ->
        holder = x; intent = NOBODY;
        vouched[1 - x] = false; vouched[x] = (lease[x] > 0);
        lock_changes()
    :: MAY_RELEASE(x) ->
        holder = NOBODY; vouched[x] = false;
        lock_changes()

    /* Fencing; the agent, if it answers at all, tells the truth. */
    :: RUNS(x) && plan[x] == NOTHING && holder == 1 - x && STILL_FOR(x, T_FENCE) && intent != x ->
        intent = x; plan[1 - x] = (plan[1 - x] == START -> START : NOTHING)
    :: RUNS(x) && intent == x && holder == 1 - x && !off[x] ->
        if
        :: power[1 - x] != OFF -> switch_off(1 - x)
        :: else
        fi;
        off[x] = true

    /* The data. */
    :: IDLE(x) && holder == x && data != x && vouched[x] ->
        area[x] = COPY_OF(1 - x);
#ifdef MUTANT_NOT_CLAIMED_AFTER_COPY
        plan[x] = START
#else
        plan[x] = OWN
#endif
    :: RUNS(x) && plan[x] == OWN -> data = x; lock_changes()
#ifdef MUTANT_COPIED_BEFORE_CLAIM
    :: IDLE(x) && holder == 1 - x && data != x && area[x] != area[1 - x] -> area[x] = area[1 - x]
#endif

    /* The process. */
    :: IDLE(x) && MAY_PLAN_START(x) -> VOUCH_FOR(x); plan[x] = START
    :: RUNS(x) && plan[x] == START ->
        plan[x] = NOTHING;
        if
        :: MAY_START(x) ->
            runs[x] = true; memory[x] = area[x];
            check_witnesses()
        :: else
        fi
    :: CAN_VOTE(x) -> end_witness(x) /* it is to move, or the lock is another's, or it crashes */
    fi
}

/* A majority that does not know of a committed entry would go on without it (R3). */
inline make_entry(one, other) {
    passed_over[0] = passed_over[0] || asked[0] && memory[0] > one && memory[0] > other;
    passed_over[1] = passed_over[1] || asked[1] && memory[1] > one && memory[1] > other;
    made++
}

/* Member x asks the witness that runs on y. */
inline ask_witness(x, y) {
    assert(NEWER(log[x], memory[y]) >= committed);
    if
    :: made < ENTRIES ->
        make_entry(log[x], memory[y]);
        log[x] = made; memory[y] = made; asked[y] = true
    :: else
    fi
}

inline engine() {
    if
    :: RUNS(0) && RUNS(1) && !cut && (made < ENTRIES || NEWER(log[0], log[1]) < committed) ->
        assert(NEWER(log[0], log[1]) >= committed);
        make_entry(log[0], log[1]);
        log[0] = made; log[1] = made; committed = made
    :: CAN_VOTE(0) && !asked[0] && (made < ENTRIES || NEWER(log[0], memory[0]) < committed) -> ask_witness(0, 0)
    :: CAN_VOTE(1) && !asked[1] && (made < ENTRIES || NEWER(log[1], memory[1]) < committed) -> ask_witness(1, 1)
    :: CAN_VOTE(0) && !asked[0] && RUNS(1) && !cut && (made < ENTRIES || NEWER(log[1], memory[0]) < committed) ->
        ask_witness(1, 0)
    :: CAN_VOTE(1) && !asked[1] && RUNS(0) && !cut && (made < ENTRIES || NEWER(log[0], memory[1]) < committed) ->
        ask_witness(0, 1)
    fi
}

/* Writes to the area of x, and the witness's answer. */
inline write_area(x) {
    if
    :: runs[x] && memory[x] > area[x] -> area[x] = memory[x]
    :: CAN_VOTE(x) && asked[x] && memory[x] == area[x] ->
        assert(!passed_over[x]); /* two majorities, two histories */
        asked[x] = false;
        committed = NEWER(committed, memory[x])
    :: late[x] != 0 -> area[x] = late[x]; late[x] = 0
    :: late[x] != 0 -> late[x] = 0
    fi
}

#define MAY_FAIL(x) ((x) == 0 || FAULTS_OF_1)
inline machine(x) {
    if
    :: faults > 0 && power[x] != OFF -> faults--; switch_off(x)
    :: faults > 0 && power[x] == ON && MAY_FAIL(x) -> faults--; power[x] = STALLED
    :: faults > 0 && power[x] == ON && MAY_FAIL(x) -> faults--; power[x] = FROZEN
    :: faults > 0 && power[x] != OFF && !pdr_bad[x] && MAY_FAIL(x) -> faults--; pdr_bad[x] = true
    :: pdr_bad[x] -> pdr_bad[x] = false
    :: power[x] == STALLED || power[x] == FROZEN -> power[x] = ON; check_witnesses()
    :: power[x] == OFF && boots[x] < BOOTS -> boots[x]++; power[x] = ON; watchdog[x] = WATCHDOG;
#ifdef MUTANT_BOOT_KEEPS_THE_LOCK
        vouched[x] = (holder == x); slot_moves(x)
#else
        skip
#endif
    fi
}

active proctype cluster() {
    d_step { vouched[0] = true; runs[0] = true };
    do
    :: atomic { (power[0] != ON || pass[0] != NOT_YET) && (power[1] != ON || pass[1] != NOT_YET) ->
        tick_of(0); tick_of(1) }
    :: atomic { power[0] == ON && pass[0] == NOT_YET -> beat(0) }
    :: atomic { power[1] == ON && pass[1] == NOT_YET -> beat(1) }
    :: atomic { ssid_of(0) }
    :: atomic { ssid_of(1) }
    :: atomic { engine() }
    :: atomic { write_area(0) }
    :: atomic { write_area(1) }
    :: atomic { machine(0) }
    :: atomic { machine(1) }
    :: atomic { faults > 0 && !cut -> faults--; cut = true }
    :: atomic { cut -> cut = false }
    od
}
