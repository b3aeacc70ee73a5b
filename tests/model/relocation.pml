/* One relocation of one guest: hand-over at the two doors, Done and Abort in the engine (SAFETY 22).
 *
 * The source (0) and the destination (1) may die at any step and be proved dead later; libvirt's two ends may each believe
 * of the migration what they like, at any time; ssid's transactions are late for as long as you please. Deaths are proved
 * rightly: how is the subject of lease.pml. A third member runs the guest anew when the rules let it.
 * A MUTANT_... switch leaves one rule out (tests/model/run).
 */
#define SOURCE 0
#define DESTINATION 1

/* qemu: what there is of the guest at an end. INCOMING: waits for its memory. */
#define NONE 0
#define RUNNING 1
#define PAUSED 2
#define INCOMING 3

/* residency, in the engine. GONE: the guest is off. ELSEWHERE: the third member may start it, or has. */
#define AT_SOURCE 0
#define MOVING 1
#define AT_DESTINATION 2
#define ELSEWHERE 3
#define GONE 4

byte qemu[2];
bool power[2] = true;
bool proved_dead[2];
bool started_anew;       /* at the third member */
bool executed_away;      /* the guest has executed at the destination */
bool memory_sent;        /* all of it, with the guest paused at the source: it may run at the destination */

/* The source's door. */
bool handing_over;       /* armed, before the switch-over: the RELEASE ends its right */
bool handed_over;
/* The destination's door. */
bool token = false;
bool cancelled = false;

byte residency = AT_SOURCE;
bool abort_wanted;
bool source_ended;       /* told by the source: its QEMU ended in order */
bool source_to_tell;     /* the same, not committed yet */

#ifdef MUTANT_HAND_OVER_NOT_ARMED
#define ARMS false
#else
#define ARMS true
#endif
#ifdef MUTANT_REACQUIRE_DURING_RELOCATION
#define MAY_REACQUIRE true
#else
#define MAY_REACQUIRE !handed_over
#endif
#ifdef MUTANT_ABORT_AFTER_HAND_OVER
#define SOURCE_MAY_GO_ON true
#else
#define SOURCE_MAY_GO_ON (!handed_over && qemu[SOURCE] == RUNNING)
#endif
#ifdef MUTANT_RESTART_AFTER_ONE_DEATH
#define BOTH_OVER (proved_dead[DESTINATION] || proved_dead[SOURCE])
#else
#define BOTH_OVER (proved_dead[DESTINATION] && (proved_dead[SOURCE] || source_ended))
#endif

#define EXECUTES(m) (power[m] && qemu[m] == RUNNING)

inline check() {
    assert(EXECUTES(SOURCE) + EXECUTES(DESTINATION) + started_anew <= 1); /* R1 */
    assert(!(EXECUTES(SOURCE) && executed_away)) /* its disk has moved on: the source's memory is of the past (R3) */
}

inline end(m) {
    qemu[m] = NONE
}

active proctype move() {
    qemu[SOURCE] = RUNNING;
    do
    /* Begin, and what the doors and libvirt do. */
    :: atomic { residency == AT_SOURCE && power[SOURCE] && power[DESTINATION] && qemu[SOURCE] == RUNNING && !token &&
                !cancelled && !handing_over -> residency = MOVING }
    :: atomic { residency == MOVING && power[SOURCE] && qemu[SOURCE] == RUNNING && !handing_over && !abort_wanted ->
        handing_over = ARMS }
    :: atomic { residency == MOVING && power[DESTINATION] && !token && !cancelled && qemu[DESTINATION] == NONE ->
        token = true; qemu[DESTINATION] = INCOMING }
    :: atomic { power[SOURCE] && qemu[SOURCE] == RUNNING && qemu[DESTINATION] == INCOMING && handing_over == ARMS && !memory_sent -> /* switch-over: pause, RELEASE */
        qemu[SOURCE] = PAUSED; handed_over = handing_over; memory_sent = true }
    :: atomic { power[DESTINATION] && qemu[DESTINATION] == INCOMING && memory_sent && token -> /* ACQUIRE, once */
        token = false; qemu[DESTINATION] = RUNNING; executed_away = true; check() }
    :: atomic { power[SOURCE] && qemu[SOURCE] == PAUSED && MAY_REACQUIRE -> /* libvirt believes that the move has failed */
        qemu[SOURCE] = RUNNING; memory_sent = false; check() }
    :: atomic { power[SOURCE] && qemu[SOURCE] == PAUSED && executed_away -> end(SOURCE) } /* libvirt: it has moved */
    :: atomic { power[SOURCE] && qemu[SOURCE] == RUNNING -> end(SOURCE); source_to_tell = true } /* by itself */
    :: atomic { power[DESTINATION] && qemu[DESTINATION] == INCOMING && !token -> end(DESTINATION) }
    :: atomic { power[DESTINATION] && qemu[DESTINATION] == INCOMING -> end(DESTINATION); token = false; cancelled = true }

    /* The ssids and the engine. */
    :: atomic { source_to_tell && power[SOURCE] ->
        source_to_tell = false;
        if
        :: residency == MOVING -> source_ended = true; abort_wanted = true
        :: residency == AT_SOURCE -> residency = GONE
        :: else
        fi }
    :: atomic { residency == MOVING && !abort_wanted -> abort_wanted = true }
    :: atomic { residency == MOVING && power[DESTINATION] && executed_away -> residency = AT_DESTINATION } /* Done */
    :: atomic { residency == MOVING && abort_wanted && power[DESTINATION] && !executed_away -> /* under the door's lock */
#ifndef MUTANT_ABORT_WITHOUT_KILL
        token = false; cancelled = true; end(DESTINATION);
#endif
        residency = (source_ended -> GONE : AT_SOURCE) }
    :: atomic { residency == AT_SOURCE && power[SOURCE] && (handing_over || handed_over) -> /* the source hears of Abort */
        handing_over = false; handed_over = false }
    :: atomic { residency == MOVING && proved_dead[DESTINATION] && power[SOURCE] && SOURCE_MAY_GO_ON ->
        residency = AT_SOURCE } /* the source alone knows, and says Abort */
    :: atomic { residency == MOVING && proved_dead[DESTINATION] && power[SOURCE] && handed_over -> /* it may have run away */
        end(SOURCE); source_ended = true }

    /* Deaths and what they free. */
    :: atomic { power[SOURCE] -> power[SOURCE] = false; end(SOURCE) }
    :: atomic { power[DESTINATION] -> power[DESTINATION] = false; end(DESTINATION); token = false }
    :: atomic { !power[SOURCE] && !proved_dead[SOURCE] -> proved_dead[SOURCE] = true }
    :: atomic { !power[DESTINATION] && !proved_dead[DESTINATION] -> proved_dead[DESTINATION] = true }
    :: atomic { residency == AT_SOURCE && proved_dead[SOURCE] -> residency = ELSEWHERE }
    :: atomic { residency == AT_DESTINATION && proved_dead[DESTINATION] -> residency = ELSEWHERE }
    :: atomic { residency == MOVING && BOTH_OVER -> residency = ELSEWHERE }
    :: atomic { residency == ELSEWHERE && !started_anew -> started_anew = true; check() }
    :: else -> break
    od
}
