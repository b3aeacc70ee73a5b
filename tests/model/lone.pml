/* LONE and verdicts without a majority (SAFETY 3, 6, 12, 13, 15): two members, the witness, one guest.
 *
 * Time, faults, slot writes on their way and reads are those of lease.pml, the lock and the witness's lease those of
 * witness.pml, without what those two show already. Member 0 is the one that is left: it has the guest and the witness,
 * and may have every fault. Member 1 is Down and off; it boots, asks to be admitted, takes the witness, judges member 0
 * by time or by what the agent or the operator says, and starts the guest. Its PDR works, and what ends its guests is
 * its power only. Whether it is off member 0 just knows.
 *
 * `blamed` is whether member 0 had a fault that may cost it the guest (R5): any but the loss of the PDR while it relied
 * on LONE.
 * A MUTANT_... switch leaves one rule out (tests/model/run). ADMITTED_BESIDE_KEY, TIME_TAKES_WITNESS_OF_LONE and
 * RELIED_AFTER_EXPIRY leave out rules whose lack is not caught here; kills succeed at once here.
 */
#define LEASE    2 /* T_lease */
#define WATCHDOG 2 /* W */
#define T_DEAD   (LEASE + WATCHDOG) /* without the 2 s of SAFETY's: it holds even so */
#define T_FENCE  2
#ifndef FAULTS
#define FAULTS 2
#endif
#ifndef BOOTS
#define BOOTS 1 /* of member 1; member 0 boots anew once */
#endif
#ifndef POWER_FAILS
#define POWER_FAILS 1 /* 0: member 0's machine has no fault of its own; only paths have, and member 1 */
#endif
#ifndef HARDWARE
#define HARDWARE 1 /* member 0's watchdog has a clock that does not stop with the machine, as its slot declares */
#endif
#ifndef OPERATOR_ERRS
#define OPERATOR_ERRS 0 /* 1: a frozen machine may be called off; then the guest may run twice, but not for long */
#endif
#define NOBODY 2

/* power: of a STALLED machine all goes on but the guard; of a FROZEN one nothing does, nor its clock. */
#define OFF 0
#define ON 1
#define STALLED 2
#define FROZEN 3

/* output: a slot write of member 0 on its way. LANDED: it is on the disk, the guard does not know. */
#define IDLE 0
#define SUBMITTED 1
#define LANDED 2

/* The record of member 1. */
#define DOWN 0
#define WAITS 1 /* it found the lone key of a live member, and asks to be let in */
#define JOINED 2

/* Machines. */
byte power = ON;          /* member 0's */
byte watchdog = WATCHDOG;
bool rebooted;            /* it is the second boot */
bool pdr_bad;             /* member 0's path: any read may fail, any write be late for ever */
bool on;                  /* member 1's power */
byte boots;
bool cut;                 /* the network between the two */
byte faults = FAULTS;
bool blamed, lied;

/* Member 0's guard. */
bool beaten;
byte lease = LEASE;       /* ticks left */
byte slot_lease = LEASE;  /* of the witness: by slot writes only */
bool relies;              /* on LONE: no lease is needed */
bool kept;                /* that, as its next process will find it */
bool asked;               /* what ssid told it: be lone */
bool word;                /* what its slot says from the next write on */
byte reads;               /* read back since the word was given, up to SURE_READS */
bool named;               /* it read its own name in a verdict block */
byte output;
bool said, was;           /* lone, in the write on its way; and what was read just before it */
bool old_write;           /* on its way: one of an earlier process of the guard, without LONE */
bool guest;

/* The disk: member 0's slot, member 1's verdict block. */
bool slot_lone;
bool slot_rebooted;
bool block;               /* member 0 is off: this boot of it, as the slot said */
bool block_rebooted;
bool block_moved;         /* its slot has moved since */

/* Member 1: what it saw of member 0. */
bool looked;              /* it has made its beat */
byte still, unheard;      /* ticks since its slot, and since either of its signs, was seen to move */
bool slot_moved, alive_moved; /* since they were last looked at */
bool seen_lone, seen_rebooted;
bool valid;               /* the block is, as of its last look */
#define GUEST_1 (home == 1 && on)

/* The engine, and the lock of the witness. */
byte life = 1;            /* member 0's own; 0: not admitted */
byte record = 1;          /* the same, as committed */
bool down;
byte record_1 = DOWN;
bool key;                 /* cluster/lone: member 0's present record */
byte home = 0, home_life = 1; /* of the guest */
byte holder = 0;
bool witness = true;
#define WITNESS_1 (holder == 1 && on)

#define RUNS (power == ON || power == STALLED)
#define LINKED (RUNS && on && !cut)
#define DECIDES (RUNS && (LINKED || witness))
#define DECIDES_1 (on && (LINKED || WITNESS_1))
#define IS_JOINED (life != 0 && life == record && !down)
#define HOME_IS_OVER (home == NOBODY || home == 0 && (down || record != home_life))

#ifdef MUTANT_RELIED_ON_FIRST_READ
#define SURE_READS 1
#else
#define SURE_READS 2 /* the first may be of a pass that then writes the old word */
#endif

inline check_R1() {
    assert(!(guest && RUNS && GUEST_1) || lied)
}

inline check_votes() {
    assert(!(witness && RUNS && WITNESS_1) || lied)
}

/* Who relies on LONE has it in its slot. With SLOT_MAY_LIE only what comes of it counts. */
inline check_slot() {
#ifndef SLOT_MAY_LIE
    assert(!relies || slot_lone)
#else
    skip
#endif
}

inline kill() {
    assert(!guest || blamed); /* R5 */
    guest = false
}

inline switch_off() {
    blamed = true;
    power = OFF; watchdog = 0; beaten = false;
    lease = 0; slot_lease = 0; relies = false; kept = false; asked = false; word = false; reads = 0; named = false;
    output = IDLE; said = false; was = false; old_write = false;
    guest = false; life = 0; witness = false
}

inline slot_lands(lone) {
    slot_lone = lone; slot_rebooted = rebooted;
    slot_moved = on; block_moved = block;
    check_slot()
}

/* Pass and word. */

inline say(lone) {
    if
    :: word != lone -> word = lone; reads = 0
    :: else
    fi
}

inline rely() {
    kept = true; relies = true;
    check_slot()
}

#ifdef RELIED_AFTER_EXPIRY
#define HELD true
#else
#define HELD (lease > 0)
#endif
#ifdef MUTANT_OLD_WRITE_FORGOTTEN
#define ALONE true
#else
#define ALONE !old_write
#endif

/* A pass has come home whose read was new. */
inline read_back(lone) {
    if
    :: reads < SURE_READS -> reads++
    :: else
    fi;
    if
    :: word && asked && lone && reads == SURE_READS && HELD && ALONE && !relies -> rely()
    :: else
    fi
}

/* The reliance ends before the slot may say so, and only with a lease just renewed by the PDR: what the slot says next
 * must get there. */
inline end_reliance() {
#ifndef MUTANT_KEPT_TOO_LONG
    kept = false;
#endif
    relies = false
}

/* A pass that worked: it reads, and writes what the guard has it say. */
inline pass() {
    if
    :: output != IDLE -> slot_lands(said); output = IDLE; said = false; was = false
    :: else
    fi;
    read_back(slot_lone);
    lease = LEASE; slot_lease = LEASE;
    if
    :: relies && !asked -> end_reliance()
    :: else
    fi;
    if
    :: !relies -> say(asked)
    :: else
    fi;
    slot_lands(word)
}

inline submit() {
    output = SUBMITTED; said = word; was = slot_lone
}

/* Late: it renews nothing. */
inline completes() {
    read_back(was);
    output = IDLE; said = false; was = false
}

/* The sign in the engine (SAFETY 4); it is refused to a life that is over. */
inline alive() {
    if
    :: DECIDES && IS_JOINED && !named -> lease = LEASE; alive_moved = on
    :: DECIDES && !IS_JOINED && life != 0 ->
        kill(); life = 0; relies = false; kept = false; asked = false
    :: else
    fi
}

#ifdef MUTANT_NAMED_GOES_ON
#define IS_NAMED false
#else
#define IS_NAMED (block && block_rebooted == rebooted)
#endif
inline beat() {
    beaten = true;
    if
    :: lease == 0 && !relies -> kill()
    :: else
    fi;
    if
    :: slot_lease == 0 -> witness = false
    :: else
    fi;
    if
    :: !pdr_bad && IS_NAMED && !named ->
        assert(!guest || lied);
        guest = false; named = true; witness = false; relies = false; kept = false; asked = false
    :: else
    fi;
    if
    :: named
    :: !named && !pdr_bad -> pass()
    :: !named && pdr_bad
    :: !named && pdr_bad -> blamed = true; pass()
    :: !named && pdr_bad && output == IDLE -> submit()
    fi;
    assert(!(guest && GUEST_1) || pdr_bad); /* nor for long where the operator erred */
    alive();
    watchdog = WATCHDOG
}

inline tick() {
    if
    :: RUNS ->
        beaten = false;
        if
        :: lease > 0 -> lease--
        :: else
        fi;
        if
        :: slot_lease > 0 -> slot_lease--
        :: else
        fi
    :: else
    fi;
    if
    :: power != OFF && (HARDWARE || power != FROZEN) ->
        watchdog--;
        if
        :: watchdog == 0 -> switch_off()
        :: else
        fi
    :: else
    fi;
    if
    :: on ->
        looked = false;
        if
        :: still < T_DEAD -> still++
        :: else
        fi;
        if
        :: unheard < T_DEAD && DECIDES_1 -> unheard++
        :: else
        fi
    :: else
    fi
}

/* What member 1 reads, of both signs. */
inline look() {
    looked = true;
    if
    :: slot_moved -> slot_moved = false; still = 0; unheard = 0
    :: else
    fi;
    seen_lone = slot_lone; seen_rebooted = slot_rebooted;
#ifdef MUTANT_VERDICT_OUTLIVES_MOVE
    valid = block;
#else
    block = block && (!block_moved || lied); /* it is void, and withdrawn */
    valid = block && !block_moved;
    if
    :: !block -> block_moved = false; block_rebooted = false
    :: else
    fi;
#endif
    if
    :: DECIDES_1 && alive_moved -> alive_moved = false; unheard = 0
    :: !DECIDES_1 -> unheard = 0
    :: else
    fi
}

/* The guard and what asks it. */
inline guard() {
    if
    :: power == ON && !beaten -> beat()
    :: output == SUBMITTED -> output = LANDED; slot_lands(said)
    :: output == LANDED && power == ON -> completes()
    /* Reads begin anew: one on its way may be older than where this write has landed. */
    :: old_write -> old_write = false; reads = 0; slot_lands(false)
    :: old_write -> old_write = false; reads = 0
#ifdef MUTANT_RELIED_BEFORE_READ_BACK
    :: power == ON && asked && word && lease > 0 && !relies -> rely()
#endif
#ifdef MUTANT_CLEARED_WITHOUT_LEASE
    :: power == ON && relies && !asked -> end_reliance()
#endif
#ifdef MUTANT_CLEARED_BY_EITHER_SIGN
    :: power == ON && relies && !asked && lease > 0 -> end_reliance()
#endif
#ifdef MUTANT_SLOT_CLEARED_FIRST
    :: power == ON && relies && !asked -> say(false)
#endif
#ifdef MUTANT_KEPT_TOO_LONG
    :: power == ON && kept && !relies && !word && reads == SURE_READS -> kept = false
#endif
    :: power == ON && (kept || output == SUBMITTED) -> /* its next process */
        old_write = old_write || output == SUBMITTED && !said;
        output = IDLE; said = false; was = false;
#ifdef MUTANT_RESTART_FORGETS
        relies = false; kept = false;
#endif
        relies = kept; asked = kept; word = kept; reads = 0
    fi
}

inline ssid() {
    if
    :: DECIDES && IS_JOINED && record_1 == DOWN && power == ON && !asked && !named -> key = true; asked = true; say(true)
    :: DECIDES && record_1 != DOWN && power == ON && asked ->
        asked = false;
        if
        :: !relies -> say(false)
        :: else
        fi
    :: DECIDES && IS_JOINED && key && record_1 != DOWN && !asked && !relies && !word && reads == SURE_READS -> key = false
    /* Member 1 is off. */
    :: DECIDES && IS_JOINED && record_1 != DOWN && !on ->
        record_1 = DOWN;
        if
        :: home == 1 -> home = NOBODY
        :: else
        fi
    :: DECIDES && IS_JOINED && HOME_IS_OVER && !guest && !named && power == ON && (lease > 0 || relies) ->
        home = 0; home_life = life; guest = true; check_R1()
    :: DECIDES && power == ON && rebooted && record == 1 -> /* SAFETY 18 */
        record = 2; life = 2; down = false; key = false; alive_moved = on
    /* The witness. */
    :: RUNS && holder == 0 && !witness && slot_lease > 0 && !named ->
        witness = true;
        still = 0; valid = false; /* it has won a new generation of the lock: who has judged the one before loses */
        check_votes()
    :: RUNS && holder == 1 && !on && slot_lease > 0 && !named -> holder = 0; witness = true
    :: RUNS && holder == 0 && !witness -> holder = NOBODY
    fi
}

#ifdef MUTANT_TIME_AGAINST_LONE
#define IS_LONE false
#else
#define IS_LONE seen_lone
#endif
#ifdef TIME_TAKES_WITNESS_OF_LONE
#define WITNESS_LONE false
#else
#define WITNESS_LONE IS_LONE
#endif
#define TIME_PROVES (still == T_DEAD && looked && HARDWARE)
#define IS_SILENT (still >= T_FENCE && looked && unheard >= T_FENCE && !alive_moved)
#ifdef ADMITTED_BESIDE_KEY
#define BARRED false
#else
#define BARRED (key && !IS_SILENT)
#endif

inline record_verdict() {
    block = true; block_rebooted = seen_rebooted; block_moved = slot_moved; valid = !slot_moved
}

inline declare_dead() {
    down = true; key = false
}

inline ssid_1() {
    if
    :: DECIDES_1 && record_1 != JOINED && looked && !BARRED -> record_1 = JOINED
    :: DECIDES_1 && record_1 == DOWN && BARRED -> record_1 = WAITS

    /* The agent, or the operator. */
    :: on && looked && power == OFF && !(block && valid) -> record_verdict()
    :: on && looked && power == FROZEN && OPERATOR_ERRS && !lied -> lied = true; record_verdict()
    :: DECIDES_1 && record_1 == JOINED && IS_SILENT && power != OFF ->
        assert(blamed);
        switch_off()
#ifdef MUTANT_TIME_RECORDED
    :: on && TIME_PROVES && !IS_LONE && !(block && valid) -> record_verdict()
#endif

    /* Verdicts compare the life, and the sign. */
    :: DECIDES_1 && record_1 == JOINED && block && valid && looked && block_rebooted == (record == 2) && !down && !alive_moved ->
        declare_dead()
    :: DECIDES_1 && record_1 == JOINED && TIME_PROVES && unheard == T_DEAD && !alive_moved && !IS_LONE &&
       seen_rebooted == (record == 2) && !down -> declare_dead()

    :: DECIDES_1 && record_1 == JOINED && HOME_IS_OVER && home != 1 -> home = 1; check_R1()

    /* The witness. */
    :: on && holder == NOBODY -> holder = 1; check_votes()
    :: on && holder == 0 && (block && valid && looked || TIME_PROVES && !WITNESS_LONE) ->
        holder = 1; check_votes()
    fi
}

inline machines() {
    if
    :: POWER_FAILS && faults > 0 && power != OFF -> faults--; switch_off()
    :: POWER_FAILS && faults > 0 && power == ON -> faults--; blamed = true; power = STALLED
    :: POWER_FAILS && faults > 0 && power == ON -> faults--; blamed = true; power = FROZEN
    :: faults > 0 && power != OFF && !pdr_bad -> faults--; pdr_bad = true; blamed = blamed || cut || !relies
    :: pdr_bad -> pdr_bad = false
    :: power == STALLED -> power = ON
    :: power == STALLED && DECIDES && IS_JOINED -> alive_moved = on
    :: power == FROZEN -> power = ON; check_R1(); check_votes()
    :: power == OFF && !rebooted -> rebooted = true; power = ON; watchdog = WATCHDOG
    :: faults > 0 && !cut -> faults--; cut = true; blamed = blamed || pdr_bad
    :: cut -> cut = false
    :: !on && boots < BOOTS -> boots++; on = true; slot_moved = true; alive_moved = true
    :: faults > 0 && on ->
        faults--; on = false; looked = false; still = 0; unheard = 0; slot_moved = false; alive_moved = false;
        valid = false; seen_lone = false; seen_rebooted = false
    fi
}

active proctype cluster() {
    d_step { guest = true };
    do
    :: atomic { (power != ON || beaten) && (!on || looked) -> tick() }
    :: atomic { on && !looked -> look() }
    :: atomic { guard() }
    :: atomic { ssid() }
    :: atomic { ssid_1() }
    :: atomic { machines() }
    od
}
