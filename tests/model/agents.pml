/* SPDX-License-Identifier: Apache-2.0
 *
 * agents: what surrounds the machine on either host.
 *
 * How its requests change the switch (plugin/source*.c, destination.c), how
 * events reach it (agent.c, hook-server.c, migration.c), and how an agent that
 * was killed finds its way (agent.c).
 *
 * A request is under way for any time, and then has its effect and ends in one
 * step.  The journal may lag behind by any number of transitions, but where
 * the agent waits for it; so an agent that is killed between an effect and its
 * end is one that is killed after the end, which the journal does not know.
 */

/* ---- Answers and requests, for machine.pml ------------------------------ */

inline answer_hook(who)
{
    if
    :: hook == WAITING && answer == ACCEPT -> hook = ACCEPTING
    :: hook == WAITING && answer == REFUSE -> hook = REFUSED
    :: else
    fi
}

inline begin_request(who)
{
    if
    :: who == SRC -> tap = (guest[SRC] != AWAY)
    :: else
    fi
}

inline close_gates()
{
    opening = false;
    if
    :: port[DST] == OPEN -> port[DST] = CLOSED
    :: else
    fi
}

#include "machine.pml"

/* After a transition: the journal has it, or an older one still. */
inline write_journal(who)
{
    d_step { recovered_state(who) };
    if
    :: !crashes[who] -> journal[who] = 0
    :: crashes[who] -> journal[who] = recovered
    :: crashes[who] && recovered != journal[who] -> skip
    fi;
    recovered = 0
}

/* Forgets everything that is in the agent's memory. */
inline forget(who)
{
    state[who] = 0;
    kept[who] = 0;
    req[who] = 0;
    out[who] = false;
    look[who] = false;
    stale[who] = false
}

/* ---- Requests on the source --------------------------------------------- */

inline undo()
{
    if
    :: port[SRC] == ABSENT && !tap
    :: else -> port[SRC] = OPEN; claim[SRC] = true; whole[SRC] = true
    fi
}

inline write_portdata(LEVEL)
{
    if
    :: port[SRC] == ABSENT -> ev = EV_FAILED
    :: else -> pd[SRC] = LEVEL
    fi
}

inline source_request()
{
    out[SRC] = false;
    ev = EV_DONE;
    if
    :: req[SRC] == REQ_JOURNAL -> 
        recovered_state(SRC);
        journal[SRC] = (crashes[SRC] -> recovered : 0);
        recovered = 0
    :: req[SRC] == REQ_PRECOPY -> write_portdata(PRECOPY)
    :: req[SRC] == REQ_NIC_SAVE -> write_portdata(SAVED)
    :: req[SRC] == REQ_NIC_DISCONNECT ->
        if
        :: port[SRC] == ABSENT -> ev = EV_FAILED
        :: port[SRC] == OPEN -> port[SRC] = CLOSED
        :: else
        fi
    :: req[SRC] == REQ_NIC_DELETE -> claim[SRC] = false
    :: req[SRC] == REQ_PORT_TEARDOWN -> whole[SRC] = false
    :: req[SRC] == REQ_PORT_DELETE ->
        if
        :: port[SRC] == ABSENT
        :: else -> port[SRC] = CARRIER
        fi
    :: req[SRC] == REQ_MARK_DELETED ->
        if
        :: port[SRC] == ABSENT
        :: else -> pd[SRC] = DELETED
        fi
    :: req[SRC] == REQ_UNDO -> undo(); pd[SRC] = NONE
    :: req[SRC] == REQ_UNDO_KEEP ->
        undo();
#ifndef WITHOUT_LOWERED_LEVEL
        pd[SRC] = (pd[SRC] == DELETED -> SAVED : pd[SRC])
#endif
    :: req[SRC] == REQ_FINISH ->
        if
        :: port[SRC] == CARRIER -> delete_port(SRC)
#ifdef WITHOUT_ORPHAN_BY_TAP
        :: !known && claim[SRC] && guest[SRC] == AWAY -> delete_port(SRC)
#else
        :: guest[SRC] == AWAY -> delete_port(SRC)
#endif
        :: else
        fi;
        pd[SRC] = NONE
    :: else -> assert(false)
    fi
}

/* ---- Requests on the destination ---------------------------------------- */

inline destination_request()
{
    out[DST] = false;
    ev = EV_DONE;
    if
    :: req[DST] == REQ_CHECK_CREATE -> validation = true
    :: req[DST] == REQ_CHECK_VERIFY
    :: req[DST] == REQ_CHECK_DELETE -> validation = false
    :: req[DST] == REQ_PORT_CREATE -> port[DST] = GHOST; mark = true
    :: req[DST] == REQ_PROPERTY_ADD -> whole[DST] = true
    :: req[DST] == REQ_TAKE_TAP ->
        if
        :: guest[DST] == AWAY || port[DST] != GHOST -> ev = EV_FAILED
        :: else -> port[DST] = CLOSED; claim[DST] = false
        fi
    :: req[DST] == REQ_NIC_CREATE ->
        ev = (port[DST] == ABSENT -> EV_FAILED : EV_DONE)
    :: req[DST] == REQ_NIC_CONNECT ->
        if
        :: port[DST] == ABSENT -> ev = EV_FAILED
        :: else -> claim[DST] = true
        fi
    :: req[DST] == REQ_NIC_RESTORE ->
        opening = false;
        if
        :: port[DST] == ABSENT -> ev = EV_FAILED
        :: else -> port[DST] = OPEN
        fi
    :: req[DST] == REQ_FINISH ->
        mark = false;
        pd[DST] = NONE;
#ifndef WITHOUT_GATE_AT_FINISH
        opening = false;
        port[DST] = (port[DST] == CLOSED -> OPEN : port[DST]);
#endif
#ifndef WITHOUT_CLAIM_AT_FINISH
        claim[DST] = (port[DST] != ABSENT);
#endif
    :: req[DST] == REQ_CLEAN ->
        opening = false;
        validation = false;
        if
        :: mark -> delete_port(DST); mark = false
        :: else
        fi
    :: else -> assert(false)
    fi
}

/* A request fails, and had its effect all the same, or had none.  A gate that
 * could not be opened in time stays to be opened. */
inline fail(who)
{
    failures--;
    if
    :: true ->
        if
        :: who == SRC -> source_request()
        :: else -> destination_request()
        fi
    :: true ->
        opening = opening || (who == DST && req[who] == REQ_NIC_RESTORE &&
                              port[DST] == CLOSED)
    fi;
    out[who] = false;
    ev = EV_FAILED
}

/* What ends well may end degraded. */
inline may_degrade(who)
{
    if
    :: true
    :: ev == EV_DONE && (state[who] == PF_S_FINISH ||
                         state[who] == PF_D_FINISH) -> ev = EV_DONE_DEGRADED
    fi
}

/* ---- The source's agent ------------------------------------------------- */

/* States in which it asks, time and again, whether a migration runs. */
#define wants_job(S) ((S) == PF_S_PRECOPY || (S) == PF_S_RETURNED \
                      || (S) == PF_S_KEPT || (S) == PF_S_PAUSED)

/* Begins a migration for 'ev', if it is one with which a migration begins. */
inline begin_migration()
{
    if
    :: known && port[SRC] != ABSENT &&
       (ev == EV_SUSPENDED ||
           (job && (ev == EV_ITERATION || ev == EV_ITERATION_PAUSED))) ->
        state[SRC] = PF_S_NEW
    :: else -> ev = NOTHING
    fi
}

inline take_source_event()
{
    events[SRC]?ev;
    known = known && ev != EV_STOPPED && ev != EV_GONE;
    if
    :: state[SRC] -> stale[SRC] = look[SRC]
    :: else -> begin_migration()
    fi
}

/* What the guest was seen to do. */
inline source_looked()
{
    if
    :: stale[SRC] -> stale[SRC] = false
    :: else ->
        look[SRC] = false;
        if
        :: guest[SRC] == RUNNING -> ev = EV_RESUMED
        :: guest[SRC] == PAUSED -> ask = ASKED
        :: else -> ev = EV_STOPPED; known = false
        fi
    fi
}

/* Whether a migration of the paused guest was seen to run. */
inline source_asked()
{
    if
    :: ask == ASKED -> ask = (job -> ACTIVE : INACTIVE)
    :: else ->
        if
        :: state[SRC] == PF_S_RECOVERED &&
           (ask == ACTIVE || port[SRC] != CARRIER) ->
            ev = (ask == ACTIVE -> EV_SUSPENDED : EV_JOB_GONE)
        :: else
        fi;
        ask = 0
    fi
}

/* A migration that is over is removed.  What the guest's next one has sent
 * meanwhile is for that one. */
inline remove_source_migration()
{
    if
    :: kept[SRC] & BIT(EV_SUSPENDED) -> ev = EV_SUSPENDED
    :: else ->
        if
        :: kept[SRC] & BIT(EV_ITERATION) -> ev = EV_ITERATION
        :: else ->
            ev = (kept[SRC] & BIT(EV_ITERATION_PAUSED)
                  -> EV_ITERATION_PAUSED : NOTHING)
        fi
    fi;
    forget(SRC);
    if
    :: ev != NOTHING ->
        begin_migration();
#ifndef WITHOUT_LOOK_AT_TAKEOVER
        look[SRC] = (ev != NOTHING)
#endif
    :: else
    fi
}

inline recover_source()
{
    up[SRC] = true;
    known = (guest[SRC] != AWAY);
    if
    :: journal[SRC] -> state[SRC] = journal[SRC]; look[SRC] = true;
                       ev = EV_RECOVER
    :: else
    fi
}

proctype source_agent()
{
end:
    do
    :: atomic {
        if
        :: up[SRC] && nempty(events[SRC]) -> take_source_event()
        :: out[SRC] -> d_step { source_request() }; may_degrade(SRC)
        :: out[SRC] && failures -> fail(SRC)
        :: look[SRC] -> source_looked()
        :: ask -> source_asked()
        :: wants_job(state[SRC]) && !job && known -> ev = EV_JOB_GONE
        :: !up[SRC] -> recover_source()
        fi;
        do
        :: ev != NOTHING ->
            feed(SRC);
            write_journal(SRC);
            ev = NOTHING;
                    if
            :: is_end(state[SRC]) -> d_step { remove_source_migration() }
            :: else
            fi
        :: else -> break
        od
       }
    od
}

/* ---- The destination's agent -------------------------------------------- */

#define is_early(S) ((S) == PF_D_NEW || (S) == PF_D_CHECK_CREATE \
                     || (S) == PF_D_CHECK_VERIFY || (S) == PF_D_CHECK_DELETE \
                     || (S) == PF_D_CHECK_REFUSE || (S) == PF_D_CHECKED)
#define reads_portdata(S) ((S) == PF_D_TAKE || (S) == PF_D_READY \
                           || (S) == PF_D_NIC_CREATE \
                           || (S) == PF_D_NIC_CONNECT \
                           || (S) == PF_D_NIC_RESTORE)

inline take_destination_event()
{
    events[DST]?ev;
    if
    :: state[DST] -> stale[DST] = look[DST]
    :: else -> ev = NOTHING
    fi
}

inline destination_looked()
{
    if
    :: stale[DST] -> stale[DST] = false
    :: else ->
        look[DST] = false;
        if
        :: guest[DST] == RUNNING -> ev = EV_RUNS
        :: guest[DST] == PAUSED -> ev = EV_ENDS_PAUSED
        :: guest[DST] == AWAY && !is_early(state[DST]) -> ev = EV_GONE
        :: else
        fi
    fi
}

/* A hook's call arrives. */
inline take_hook()
{
    hook = WAITING;
    if
    :: phase == MIGRATE && !state[DST] -> state[DST] = PF_D_NEW;
                                          ev = EV_MIGRATE
    :: phase == PREPARE && state[DST] == PF_D_CHECKED -> ev = EV_PREPARE
    :: phase == START && state[DST] == PF_D_CREATED -> ev = EV_START
    :: phase != MIGRATE && !state[DST] -> hook = ACCEPTED
    :: else -> hook = REFUSED
    fi;
    stale[DST] = look[DST]
}

inline take_portdata()
{
    seen = true;
    ev = EV_PORTDATA
}

/* Ports of ours that no migration owns. */
inline sweep()
{
    validation = false;
    if
    :: mark && port[DST] == GHOST -> delete_port(DST)
    :: mark && port[DST] == CLOSED -> port[DST] = OPEN
    :: else
    fi;
    mark = false
}

inline recover_destination()
{
    up[DST] = true;
    if
    :: journal[DST] -> state[DST] = journal[DST]; look[DST] = true;
                       ev = EV_RECOVER
    :: else -> sweep()
    fi
}

/* libvirt has given up before `prepare': nothing comes any more.  With
 * SLOW_PREPARE, it may also call `prepare' after half a minute. */
#ifdef SLOW_PREPARE
#define expires (state[DST] == PF_D_CHECKED && \
                 hook != WAITING && hook != ACCEPTING)
#else
#define expires (state[DST] == PF_D_CHECKED && phase == OVER)
#endif

proctype destination_agent()
{
end:
    do
    :: atomic {
        if
        :: up[DST] && nempty(events[DST]) -> take_destination_event()
        :: up[DST] && gone_hook ->
            gone_hook = false;
            ev = (state[DST] -> EV_GONE : NOTHING)
        :: up[DST] && hook == CALLED -> take_hook()
        :: out[DST] -> d_step { destination_request() }; may_degrade(DST)
        :: out[DST] && failures -> fail(DST)
        :: look[DST] -> destination_looked()
        :: reads_portdata(state[DST]) && !seen && pd[DST] != NONE ->
            take_portdata()
        :: expires -> ev = EV_EXPIRED
        :: !up[DST] -> recover_destination()
        fi;
        if
        :: ev != NOTHING -> feed(DST); write_journal(DST)
        :: else
        fi;
        if
        :: is_end(state[DST]) && hook != WAITING && hook != ACCEPTING ->
            forget(DST); seen = false
        :: else
        fi;
        ev = NOTHING
       }
    :: d_step { up[DST] && hook == ACCEPTING ->
                
                recovered_state(DST);
                journal[DST] = (crashes[DST] -> recovered : 0);
                recovered = 0;
                hook = ACCEPTED }
    :: d_step { opening -> opening = false;
                if
                :: port[DST] == CLOSED -> port[DST] = OPEN
                :: else
                fi }
    od
}

/* ---- What befalls agents ------------------------------------------------ */

inline crash(who)
{
    crashes[who]--;
    up[who] = false;
    forget(who);
    do
    :: nempty(events[who]) -> events[who]?_
    :: empty(events[who]) -> break
    od;
    if
    :: who == SRC -> ask = 0
    :: else ->
        seen = false;
        opening = false;
        gone_hook = false;
        if
        :: hook -> hook = REFUSED
        :: else
        fi
    fi
}

/* The connection to libvirt is lost, and comes back. */
inline disconnect(who)
{
    do
    :: nempty(events[who]) -> events[who]?_
    :: empty(events[who]) -> break
    od;
    if
    :: who == SRC -> known = (guest[SRC] != AWAY)
    :: else
    fi;
    look[who] = (state[who] != 0 && !is_end(state[who]));
    stale[who] = false
}

/* Once the migration is over, everything else may be, too. */
proctype faults()
{
end:
    do
    :: d_step { crashes[SRC] && up[SRC] -> crash(SRC) }
    :: d_step { crashes[DST] && up[DST] -> crash(DST) }
    :: d_step { crashes[SRC] && up[SRC] && state[SRC] ->
                crashes[SRC]--; disconnect(SRC) }
    :: d_step { crashes[DST] && up[DST] && state[DST] ->
                crashes[DST]--; disconnect(DST) }
    :: d_step { phase == OVER &&
                (crashes[SRC] || crashes[DST] || failures) ->
                crashes[SRC] = 0; crashes[DST] = 0; failures = 0 }
    od
}
