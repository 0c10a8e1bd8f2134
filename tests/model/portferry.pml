/* SPDX-License-Identifier: Apache-2.0
 *
 * portferry: a model of the protocol, for spin.  See README.md.
 *
 * One live migration of a guest with one NIC, from its first hook until
 * everything has come to rest: the two agents, libvirt on both hosts, QEMU,
 * the port on either host, and what may go wrong.  The agents do what
 * plugin/machine.c's table says (table.pml); what a request does to the switch
 * stands in agents.pml, what libvirt does in libvirt.pml, what has to hold in
 * properties.pml.
 */

/* ---- Bounds ------------------------------------------------------------- */

/* tests/model/check gives them, and says what it gives: to spin as macros, for
 * simulation, and to the verifier in the environment, so that it is compiled
 * once. */
#ifndef SOURCE_CRASHES
#define SOURCE_CRASHES 0        /* How often the source's agent is killed, or
                                 * loses its connection to libvirt. */
#endif
#ifndef DESTINATION_CRASHES
#define DESTINATION_CRASHES 0   /* And the destination's. */
#endif
#ifndef FAILURES
#define FAILURES 1              /* Requests that fail, hooks that time out,
                                 * PortData lost, the destination's QEMU killed
                                 * after the guest ran there: in all. */
#endif
#ifndef ITERATIONS
#define ITERATIONS 2            /* RAM iterations that libvirt tells. */
#endif
#ifndef PAUSES
#define PAUSES 1                /* How often somebody suspends and resumes the
                                 * guest meanwhile. */
#endif

#define SRC 0
#define DST 1

/* ---- What there is ------------------------------------------------------ */

/* The guest, on either host. */
mtype guest[2];
mtype = { AWAY, INCOMING, RUNNING, PAUSED };

/* Its port, in either host's switch. */
mtype port[2];
mtype = {
    ABSENT,
    GHOST,              /* A port without a tap: no frame can pass. */
    CLOSED,             /* The tap is in; its gate is closed. */
    OPEN,               /* Frames pass. */
    CARRIER             /* A ghost that holds nothing but PortData. */
};
bool claim[2];          /* The port claims the NIC. */
bool whole[2];          /* It has the policies of the guest's port. */
mtype pd[2];            /* PortData in its row. */
mtype cookie;           /* PortData on its way. */
mtype = { NONE, EMPTY, PRECOPY, SAVED, DELETED };

/* The destination's ports also have marks: it made them. */
bool mark;
bool validation;        /* The validation port is there. */

/* The agents, besides their machines. */
bool up[2];             /* It runs, and has read its journal. */
mtype journal[2];       /* The state in the journal; 0: no open migration. */
chan events[2] = [3] of { byte };   /* What libvirt has told, unread. */
bool look[2];           /* It has asked what the guest does, ... */
bool stale[2];          /* ... and an event has come since. */

/* The source's agent. */
bool known;             /* The guest is in its list. */
bool tap;               /* There was a tap when the request was begun. */
mtype ask;              /* Whether a migration runs, of a paused guest: */
mtype = { ASKED, ACTIVE, INACTIVE };    /* 0: not asked. */

/* The destination's agent. */
bool seen;              /* PortData was read. */
bool opening;           /* A gate is still to be opened, by gate.c. */
bool gone_hook;         /* `stopped' or `release' was called. */

/* A hook on the destination, for which libvirt waits. */
mtype hook;
mtype = {
    CALLED,             /* The agent has not read the call yet. */
    WAITING,            /* It has. */
    ACCEPTING,          /* It will accept, once the journal has it. */
    ACCEPTED, REFUSED
};                      /* 0: there is none. */

/* The migration, as libvirt sees it. */
mtype phase;
mtype = { IDLE, MIGRATE, PREPARE, ADD_PORT, START, RAM, STOPPED, READ, SET,
          RUNS, OVER };
bool job;               /* The source's migration job. */
bool was_paused;        /* The guest was paused before, */
bool is_paused;         /* or by somebody meanwhile. */
bool ever_stopped;      /* It has stopped at least once. */
mtype source_end;       /* What the source's libvirt has to do yet: */
mtype = { RESUME, KILL, DELETE_PORT, END_JOB };
mtype destination_end;  /* And the destination's. */
bool allocated;         /* There is a port that it will delete. */

/* What is left of the bounds. */
byte crashes[2];
byte failures;
byte iterations;
byte pauses;

c_decl {
    static int
    bound(const char *name, int otherwise)
    {
        const char *value = getenv(name);

        return value ? atoi(value) : otherwise;
    }
}

/* libvirt tells the agent on 'who' something, if there is one.  It waits while
 * too much is unread. */
#define room(WHO) (nfull(events[WHO]))

inline tell(who, what)
{
    if
    :: up[who] -> events[who]!what
    :: else
    fi
}

/* A port is no more. */
inline delete_port(who)
{
    port[who] = ABSENT;
    claim[who] = false;
    whole[who] = false;
    pd[who] = NONE
}

#include "agents.pml"
#include "libvirt.pml"
#include "properties.pml"

init
{
    d_step {
        guest[SRC] = RUNNING;
        guest[DST] = AWAY;
        port[SRC] = OPEN;
        port[DST] = ABSENT;
        claim[SRC] = true;
        whole[SRC] = true;
        pd[SRC] = NONE;
        pd[DST] = NONE;
        cookie = NONE;
        up[SRC] = true;
        up[DST] = true;
        known = true;
        crashes[SRC] = SOURCE_CRASHES;
        crashes[DST] = DESTINATION_CRASHES;
        failures = FAILURES;
        iterations = ITERATIONS;
        pauses = PAUSES;
        c_code {
            now.crashes[0] = bound("SOURCE_CRASHES", now.crashes[0]);
            now.crashes[1] = bound("DESTINATION_CRASHES", now.crashes[1]);
            now.failures = bound("FAILURES", now.failures);
            now.iterations = bound("ITERATIONS", now.iterations);
            now.pauses = bound("PAUSES", now.pauses);
        };
        phase = IDLE;
    };
    atomic {
        if
        :: true
        :: guest[SRC] = PAUSED; was_paused = true;
           ever_stopped = true; pauses = 0
        fi;
        run source_agent();
        run destination_agent();
        run libvirt();
        run faults();
        run observer();
        run rest()
    }
}
