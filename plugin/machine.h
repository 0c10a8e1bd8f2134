/* SPDX-License-Identifier: Apache-2.0
 *
 * machine: the migration's state machine, without any I/O.
 *
 * Three kinds of events go in: what libvirt does (hooks and events), what the
 * requests come to (DONE, FAILED), and what time does (EXPIRED, RECOVER).
 * Requests come out, one at a time.  A state is either busy (a request is
 * under way; the world's events are kept until it is over) or idle (waiting
 * for the world).  Everything that may happen stands in one table, in
 * machine.c; an event without a row there is ignored.
 *
 * Destination                         Source
 *
 *   new                                 new
 *    | migrate                           | iteration, suspended
 *   check-create ----.                  open          (journal first)
 *   check-verify ----+-> refuse          |
 *   check-delete     |     |            precopy-write <--.
 *   checked        [refused]            precopy ---------' iteration
 *    | prepare                           | suspended
 *   create ---.                         save           (6)  \
 *   add ------+                         disconnect     (7)   \
 *   created   |                         nic-delete     (8)    failed:
 *    | start  |                         teardown       (9)    undo-keep
 *   take -----+-> clean                 port-delete   (10)  /    |
 *   ready     |     |                   mark               kept (as plain
 *    | PortData, runs                   deleted                   libvirt)
 *   nic-create   [rolled-back,           |      \ resumed
 *   nic-connect   failed]                |       undo -> returned
 *   nic-restore                          | stopped          |
 *   open                                finish         [rolled-back]
 *    | runs, paused                      |
 *   finish -> [completed, degraded]     [completed]
 *
 * A guest that is paused for the whole of its migration takes another way on
 * the source: precopy -> pause-save -> pause-disconnect -> paused, and, when
 * it has stopped, nic-delete and on.
 */
#ifndef PF_MACHINE_H
#define PF_MACHINE_H 1

#include <glib.h>

typedef enum {
    PF_ROLE_SOURCE,
    PF_ROLE_DESTINATION,
} PfRole;

typedef enum {
    /* Destination. */
    PF_D_NEW,             /* Nothing has been done. */
    PF_D_CHECK_CREATE,    /* Busy: validation ports are being created. */
    PF_D_CHECK_VERIFY,    /* Busy: extensions verify. */
    PF_D_CHECK_DELETE,    /* Busy: validation ports go; the check passed. */
    PF_D_CHECK_REFUSE,    /* Busy: validation ports go; refused. */
    PF_D_CHECKED,         /* Nothing of ours is on the host. */
    PF_D_CREATE,          /* Busy: ghosts are being created. */
    PF_D_ADD,             /* Busy: extensions add their policies. */
    PF_D_CREATED,         /* Ghosts with all policies are in place. */
    PF_D_TAKE,            /* Busy: taps take the ghosts' places. */
    PF_D_READY,           /* Taps behind closed gates; guest not running. */
    PF_D_NIC_CREATE,      /* Busy: are the taps there. */
    PF_D_NIC_CONNECT,     /* Busy: ports claim the NICs. */
    PF_D_NIC_RESTORE,     /* Busy: run-time data comes back, gates open. */
    PF_D_OPEN,            /* Gates open; the guest is not known to run. */
    PF_D_FINISH,          /* Busy: marks and PortData are removed. */
    PF_D_CLEAN,           /* Busy: everything of ours is removed. */
    PF_D_CLEAN_FAILED,    /* The same, after a failure of ours. */

    /* Source. */
    PF_S_NEW,             /* Nothing has been done. */
    PF_S_OPEN,            /* Busy: the journal gets the ports' images. */
    PF_S_PRECOPY_WRITE,   /* Busy: PortData, level precopy. */
    PF_S_PRECOPY,         /* The guest runs here; ports untouched. */
    PF_S_SAVE,            /* Busy: PortData, level saved. */
    PF_S_DISCONNECT,      /* Busy: gates close. */
    PF_S_NIC_DELETE,      /* Busy: claims go. */
    PF_S_TEARDOWN,        /* Busy: extensions tear down. */
    PF_S_PORT_DELETE,     /* Busy: carriers take the ports' places. */
    PF_S_MARK,            /* Busy: PortData, level deleted. */
    PF_S_DELETED,         /* Carriers only. */
    PF_S_PAUSE_SAVE,      /* Busy: as SAVE, for a guest paused before. */
    PF_S_PAUSE_DISCONNECT, /* Busy: as DISCONNECT, for such a guest. */
    PF_S_PAUSED,          /* Saved and gated, ports in place. */
    PF_S_UNDO_KEEP,       /* Busy: requests 10 to 7 undone, after a failure. */
    PF_S_KEPT,            /* A request failed; ports are as they were. */
    PF_S_UNDO,            /* Busy: requests 10 to 6 undone. */
    PF_S_RETURNED,        /* The guest runs here again; is it over? */
    PF_S_RECOVERED,       /* After a restart: what does the guest do? */
    PF_S_FINISH,          /* Busy: is anything left here? */
    PF_S_CLEAR,           /* Busy: the same, after it was called off. */
    PF_S_CLOSE,           /* Busy: the same, after a failure. */

    /* Ends, for both. */
    PF_COMPLETED,
    PF_DEGRADED,
    PF_REFUSED,
    PF_ROLLED_BACK,
    PF_FAILED,
    PF_N_STATES
} PfState;

typedef enum {
    /* What a request came to. */
    PF_EV_DONE,
    PF_EV_DONE_DEGRADED,  /* DONE at the end of a migration in which not
                           * everything came, or came back. */
    PF_EV_FAILED,
    PF_EV_CALLED_OFF,     /* Made of DONE by the machine itself: the request
                           * is done, but the migration ended meanwhile. */
    PF_EV_GIVEN_UP,       /* Made of FAILED in the same way: the guest is gone
                           * meanwhile, there is no use in trying again. */
    /* libvirt, destination. */
    PF_EV_MIGRATE,        /* Hook `migrate begin'. */
    PF_EV_PREPARE,        /* Hook `prepare begin'. */
    PF_EV_START,          /* Hook `start begin'. */
    PF_EV_PORTDATA,       /* PortData arrived, empty or not. */
    PF_EV_RUNS,           /* Lifecycle RESUMED. */
    PF_EV_ENDS_PAUSED,    /* Migrated in, but paused. */
    /* libvirt, source. */
    PF_EV_ITERATION,      /* MIGRATION_ITERATION of a running guest. */
    PF_EV_ITERATION_PAUSED, /* The same of a guest that is paused. */
    PF_EV_SUSPENDED,      /* The guest stopped during the migration. */
    PF_EV_RESUMED,        /* The guest runs here (again). */
    PF_EV_STOPPED,        /* The guest has moved away. */
    PF_EV_JOB_GONE,       /* The guest is here and no migration runs. */
    /* Both. */
    PF_EV_GONE,           /* The guest is not here, for another reason. */
    PF_EV_EXPIRED,        /* Nothing came for too long. */
    PF_EV_RECOVER,        /* The agent found this migration in its journal. */
    PF_N_EVENTS
} PfEvent;

/* What is to be done.  The first thirteen are the documented requests. */
typedef enum {
    PF_REQ_NONE,
    PF_REQ_CHECK_CREATE,
    PF_REQ_CHECK_VERIFY,
    PF_REQ_CHECK_DELETE,
    PF_REQ_PORT_CREATE,
    PF_REQ_PROPERTY_ADD,
    PF_REQ_NIC_SAVE,
    PF_REQ_NIC_DISCONNECT,
    PF_REQ_NIC_DELETE,
    PF_REQ_PORT_TEARDOWN,
    PF_REQ_PORT_DELETE,
    PF_REQ_NIC_CREATE,
    PF_REQ_NIC_CONNECT,
    PF_REQ_NIC_RESTORE,
    PF_REQ_TAKE_TAP,      /* The end of property-add: ghost to tap. */
    PF_REQ_FINISH,        /* Remove what only a migration needs. */
    PF_REQ_CLEAN,         /* Remove the ports made here. */
    PF_REQ_CLOSE_GATES,   /* Again, after a restart. */
    PF_REQ_JOURNAL,       /* Write down the ports' images, and wait. */
    PF_REQ_PRECOPY,       /* Write PortData, level precopy. */
    PF_REQ_MARK_DELETED,  /* Write PortData, level deleted. */
    PF_REQ_UNDO,          /* Undo requests 10 to 6, and clear PortData. */
    PF_REQ_UNDO_KEEP,     /* Undo requests 10 to 7, leave PortData. */
    PF_REQ_ABORT,         /* Ask libvirt to abort.  No answer expected. */
    PF_REQ_ASK_JOB,       /* Does a migration run?  No answer expected. */
    PF_N_REQUESTS
} PfRequest;

/* What to tell the hook that waits, if one does. */
typedef enum {
    PF_ANSWER_NONE,
    PF_ANSWER_ACCEPT,
    PF_ANSWER_REFUSE,
} PfAnswer;

typedef struct {
    PfState state;
    guint32 kept;         /* Events kept while busy, 1 << PfEvent. */
} PfMachine;

/* What came of an event. */
typedef struct {
    PfState from;
    PfState to;
    PfRequest request;
    PfAnswer answer;
} PfTransition;

void pf_machine_init(PfMachine *, PfRole);

/* Gives 'event' to the machine.  Returns TRUE and fills in '*t' if a
 * transition happened; FALSE if the event was kept or ignored. */
gboolean pf_machine_event(PfMachine *, PfEvent event, PfTransition *t);

/* If the machine is idle and an event was kept that now has a meaning, gives
 * it that event: like pf_machine_event().  Call until FALSE. */
gboolean pf_machine_next(PfMachine *, PfTransition *t);

gboolean pf_state_is_busy(PfState);
gboolean pf_state_is_end(PfState);
/* Names as in the journal: "check-create", "completed".  The reverse returns
 * FALSE for a text that is not the name of a state of 'role'. */
const char *pf_state_name(PfState);
gboolean pf_state_from_name(const char *name, PfRole role, PfState *state);
const char *pf_event_name(PfEvent);
const char *pf_request_name(PfRequest);
PfRole pf_state_role(PfState);
const char *pf_role_name(PfRole);

#endif
