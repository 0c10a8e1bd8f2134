/* SPDX-License-Identifier: Apache-2.0
 *
 * machine: the table of the migration's state machine.  See machine.h.
 */
#include <config.h>

#include "plugin/machine.h"

/* A row: in 'state', 'event' leads to 'next', asks for 'request' and answers
 * the waiting hook.  With 'again', the event is kept, to be met once more in
 * a later idle state. */
typedef struct {
    PfState state;
    PfEvent event;
    PfState next;
    PfRequest request;
    PfAnswer answer;
    gboolean again;
} PfRow;

#define AGAIN TRUE
#define ACCEPT PF_ANSWER_ACCEPT
#define REFUSE PF_ANSWER_REFUSE
#define ON(STATE, EVENT, NEXT, REQUEST, ...) \
    { PF_##STATE, PF_EV_##EVENT, PF_##NEXT, PF_REQ_##REQUEST, __VA_ARGS__ }
#define SILENT PF_ANSWER_NONE

static const PfRow rows[] = {
    /* Destination: the check.  Whatever fails, the validation ports go. */
    ON(D_NEW, MIGRATE, D_CHECK_CREATE, CHECK_CREATE, SILENT, 0),
    ON(D_NEW, GONE, ROLLED_BACK, NONE, REFUSE, 0),
    ON(D_NEW, RECOVER, ROLLED_BACK, NONE, REFUSE, 0),
    ON(D_CHECK_CREATE, DONE, D_CHECK_VERIFY, CHECK_VERIFY, SILENT, 0),
    ON(D_CHECK_CREATE, FAILED, D_CHECK_REFUSE, CHECK_DELETE, SILENT, 0),
    ON(D_CHECK_CREATE, CALLED_OFF, D_CHECK_REFUSE, CHECK_DELETE, SILENT, 0),
    ON(D_CHECK_CREATE, RECOVER, D_CHECK_REFUSE, CHECK_DELETE, SILENT, 0),
    ON(D_CHECK_VERIFY, DONE, D_CHECK_DELETE, CHECK_DELETE, SILENT, 0),
    ON(D_CHECK_VERIFY, FAILED, D_CHECK_REFUSE, CHECK_DELETE, SILENT, 0),
    ON(D_CHECK_VERIFY, CALLED_OFF, D_CHECK_REFUSE, CHECK_DELETE, SILENT, 0),
    ON(D_CHECK_VERIFY, RECOVER, D_CHECK_REFUSE, CHECK_DELETE, SILENT, 0),
    ON(D_CHECK_DELETE, DONE, D_CHECKED, NONE, ACCEPT, 0),
    ON(D_CHECK_DELETE, FAILED, D_CLEAN_FAILED, CLEAN, REFUSE, 0),
    ON(D_CHECK_DELETE, CALLED_OFF, REFUSED, NONE, REFUSE, 0),
    ON(D_CHECK_DELETE, RECOVER, D_CHECK_REFUSE, CHECK_DELETE, SILENT, 0),
    ON(D_CHECK_REFUSE, DONE, REFUSED, NONE, REFUSE, 0),
    ON(D_CHECK_REFUSE, FAILED, D_CLEAN_FAILED, CLEAN, REFUSE, 0),
    ON(D_CHECK_REFUSE, RECOVER, D_CHECK_REFUSE, CHECK_DELETE, SILENT, 0),

    /* Destination: the operational port, before QEMU runs. */
    ON(D_CHECKED, PREPARE, D_CREATE, PORT_CREATE, SILENT, 0),
    ON(D_CHECKED, GONE, D_CLEAN, CLEAN, SILENT, 0),
    ON(D_CHECKED, EXPIRED, D_CLEAN, CLEAN, SILENT, 0),
    ON(D_CHECKED, RECOVER, D_CHECKED, NONE, SILENT, 0),
    ON(D_CREATE, DONE, D_ADD, PROPERTY_ADD, SILENT, 0),
    ON(D_CREATE, FAILED, D_CLEAN_FAILED, CLEAN, REFUSE, 0),
    ON(D_CREATE, CALLED_OFF, D_CLEAN, CLEAN, REFUSE, 0),
    ON(D_CREATE, RECOVER, D_CLEAN_FAILED, CLEAN, REFUSE, 0),
    ON(D_ADD, DONE, D_CREATED, NONE, ACCEPT, 0),
    ON(D_ADD, FAILED, D_CLEAN_FAILED, CLEAN, REFUSE, 0),
    ON(D_ADD, CALLED_OFF, D_CLEAN, CLEAN, REFUSE, 0),
    ON(D_ADD, RECOVER, D_CLEAN_FAILED, CLEAN, REFUSE, 0),
    ON(D_CREATED, START, D_TAKE, TAKE_TAP, SILENT, 0),
    ON(D_CREATED, RUNS, D_TAKE, TAKE_TAP, SILENT, AGAIN),
    ON(D_CREATED, GONE, D_CLEAN, CLEAN, SILENT, 0),
    ON(D_CREATED, RECOVER, D_CREATED, NONE, SILENT, 0),
    ON(D_TAKE, DONE, D_READY, NONE, ACCEPT, 0),
    ON(D_TAKE, FAILED, D_CLEAN_FAILED, CLEAN, REFUSE, 0),
    ON(D_TAKE, CALLED_OFF, D_CLEAN, CLEAN, REFUSE, 0),
    ON(D_TAKE, RECOVER, D_CLEAN_FAILED, CLEAN, REFUSE, 0),

    /* Destination: the switchover.  From here the guest may run at any time,
     * so a failure is noted and the port is brought up with what there is. */
    ON(D_READY, PORTDATA, D_NIC_CREATE, NIC_CREATE, SILENT, 0),
    ON(D_READY, RUNS, D_NIC_CREATE, NIC_CREATE, SILENT, AGAIN),
    ON(D_READY, ENDS_PAUSED, D_NIC_CREATE, NIC_CREATE, SILENT, AGAIN),
    ON(D_READY, GONE, D_CLEAN, CLEAN, SILENT, 0),
    ON(D_READY, RECOVER, D_READY, CLOSE_GATES, SILENT, 0),
    ON(D_NIC_CREATE, DONE, D_NIC_CONNECT, NIC_CONNECT, SILENT, 0),
    ON(D_NIC_CREATE, FAILED, D_NIC_CONNECT, NIC_CONNECT, SILENT, 0),
    ON(D_NIC_CREATE, CALLED_OFF, D_CLEAN, CLEAN, SILENT, 0),
    ON(D_NIC_CREATE, RECOVER, D_NIC_CREATE, NIC_CREATE, SILENT, 0),
    ON(D_NIC_CONNECT, DONE, D_NIC_RESTORE, NIC_RESTORE, SILENT, 0),
    ON(D_NIC_CONNECT, FAILED, D_NIC_RESTORE, NIC_RESTORE, SILENT, 0),
    ON(D_NIC_CONNECT, CALLED_OFF, D_CLEAN, CLEAN, SILENT, 0),
    ON(D_NIC_CONNECT, RECOVER, D_NIC_CREATE, NIC_CREATE, SILENT, 0),
    ON(D_NIC_RESTORE, DONE, D_OPEN, NONE, SILENT, 0),
    ON(D_NIC_RESTORE, FAILED, D_OPEN, NONE, SILENT, 0),
    ON(D_NIC_RESTORE, CALLED_OFF, D_CLEAN, CLEAN, SILENT, 0),
    ON(D_NIC_RESTORE, RECOVER, D_NIC_CREATE, NIC_CREATE, SILENT, 0),
    ON(D_OPEN, RUNS, D_FINISH, FINISH, SILENT, 0),
    ON(D_OPEN, ENDS_PAUSED, D_FINISH, FINISH, SILENT, 0),
    ON(D_OPEN, GONE, D_CLEAN, CLEAN, SILENT, 0),
    ON(D_OPEN, RECOVER, D_OPEN, NONE, SILENT, 0),
    ON(D_FINISH, DONE, COMPLETED, NONE, SILENT, 0),
    ON(D_FINISH, DONE_DEGRADED, DEGRADED, NONE, SILENT, 0),
    ON(D_FINISH, FAILED, D_FINISH, FINISH, SILENT, 0),
    ON(D_FINISH, CALLED_OFF, D_CLEAN, CLEAN, SILENT, 0),
    ON(D_FINISH, GIVEN_UP, D_CLEAN, CLEAN, SILENT, 0),
    ON(D_FINISH, RECOVER, D_FINISH, FINISH, SILENT, 0),

    /* Destination: the way out.  What could not be removed is tried again.  A
     * hook that came when it had begun is answered at its end. */
    ON(D_CLEAN, DONE, ROLLED_BACK, NONE, REFUSE, 0),
    ON(D_CLEAN, FAILED, D_CLEAN, CLEAN, SILENT, 0),
    ON(D_CLEAN, RECOVER, D_CLEAN, CLEAN, SILENT, 0),
    ON(D_CLEAN_FAILED, DONE, FAILED, NONE, REFUSE, 0),
    ON(D_CLEAN_FAILED, FAILED, D_CLEAN_FAILED, CLEAN, SILENT, 0),
    ON(D_CLEAN_FAILED, RECOVER, D_CLEAN_FAILED, CLEAN, SILENT, 0),

    /* Source: before the guest stops.  After a restart of the agent, the
     * journal may lag behind what was done: so a state is not trusted, the
     * guest is looked at (RECOVERED), and undoing is idempotent. */
    ON(S_NEW, ITERATION, S_OPEN, JOURNAL, SILENT, 0),
    ON(S_NEW, ITERATION_PAUSED, S_OPEN, JOURNAL, SILENT, AGAIN),
    ON(S_NEW, SUSPENDED, S_OPEN, JOURNAL, SILENT, AGAIN),
    ON(S_NEW, RECOVER, S_RECOVERED, NONE, SILENT, 0),
    ON(S_OPEN, DONE, S_PRECOPY_WRITE, PRECOPY, SILENT, 0),
    ON(S_OPEN, FAILED, S_KEPT, ABORT, SILENT, 0),
    ON(S_OPEN, RECOVER, S_RECOVERED, NONE, SILENT, 0),
    ON(S_PRECOPY_WRITE, DONE, S_PRECOPY, NONE, SILENT, 0),
    ON(S_PRECOPY_WRITE, FAILED, S_KEPT, ABORT, SILENT, 0),
    ON(S_PRECOPY_WRITE, RECOVER, S_RECOVERED, NONE, SILENT, 0),
    ON(S_PRECOPY, ITERATION, S_PRECOPY_WRITE, PRECOPY, SILENT, 0),
    ON(S_PRECOPY, ITERATION_PAUSED, S_PAUSE_SAVE, NIC_SAVE, SILENT, 0),
    ON(S_PRECOPY, SUSPENDED, S_SAVE, NIC_SAVE, SILENT, 0),
    ON(S_PRECOPY, JOB_GONE, S_CLEAR, FINISH, SILENT, 0),
    ON(S_PRECOPY, STOPPED, S_FINISH, FINISH, SILENT, 0),
    ON(S_PRECOPY, GONE, S_CLOSE, FINISH, SILENT, 0),
    ON(S_PRECOPY, RECOVER, S_RECOVERED, NONE, SILENT, 0),

    /* Source: the switchover. */
    ON(S_SAVE, DONE, S_DISCONNECT, NIC_DISCONNECT, SILENT, 0),
    ON(S_SAVE, FAILED, S_UNDO_KEEP, UNDO_KEEP, SILENT, 0),
    ON(S_SAVE, CALLED_OFF, S_UNDO, UNDO, SILENT, 0),
    ON(S_SAVE, GIVEN_UP, S_CLOSE, FINISH, SILENT, 0),
    ON(S_SAVE, RECOVER, S_RECOVERED, NONE, SILENT, 0),
    ON(S_DISCONNECT, DONE, S_NIC_DELETE, NIC_DELETE, SILENT, 0),
    ON(S_DISCONNECT, FAILED, S_UNDO_KEEP, UNDO_KEEP, SILENT, 0),
    ON(S_DISCONNECT, CALLED_OFF, S_UNDO, UNDO, SILENT, 0),
    ON(S_DISCONNECT, GIVEN_UP, S_CLOSE, FINISH, SILENT, 0),
    ON(S_DISCONNECT, RECOVER, S_RECOVERED, NONE, SILENT, 0),
    ON(S_NIC_DELETE, DONE, S_TEARDOWN, PORT_TEARDOWN, SILENT, 0),
    ON(S_NIC_DELETE, FAILED, S_UNDO_KEEP, UNDO_KEEP, SILENT, 0),
    ON(S_NIC_DELETE, CALLED_OFF, S_UNDO, UNDO, SILENT, 0),
    ON(S_NIC_DELETE, GIVEN_UP, S_CLOSE, FINISH, SILENT, 0),
    ON(S_NIC_DELETE, RECOVER, S_RECOVERED, NONE, SILENT, 0),
    ON(S_TEARDOWN, DONE, S_PORT_DELETE, PORT_DELETE, SILENT, 0),
    ON(S_TEARDOWN, FAILED, S_UNDO_KEEP, UNDO_KEEP, SILENT, 0),
    ON(S_TEARDOWN, CALLED_OFF, S_UNDO, UNDO, SILENT, 0),
    ON(S_TEARDOWN, GIVEN_UP, S_CLOSE, FINISH, SILENT, 0),
    ON(S_TEARDOWN, RECOVER, S_RECOVERED, NONE, SILENT, 0),
    ON(S_PORT_DELETE, DONE, S_MARK, MARK_DELETED, SILENT, 0),
    ON(S_PORT_DELETE, FAILED, S_UNDO_KEEP, UNDO_KEEP, SILENT, 0),
    ON(S_PORT_DELETE, CALLED_OFF, S_UNDO, UNDO, SILENT, 0),
    ON(S_PORT_DELETE, GIVEN_UP, S_CLOSE, FINISH, SILENT, 0),
    ON(S_PORT_DELETE, RECOVER, S_RECOVERED, NONE, SILENT, 0),
    ON(S_MARK, DONE, S_DELETED, NONE, SILENT, 0),
    ON(S_MARK, FAILED, S_DELETED, NONE, SILENT, 0),
    ON(S_MARK, CALLED_OFF, S_UNDO, UNDO, SILENT, 0),
    ON(S_MARK, RECOVER, S_RECOVERED, NONE, SILENT, 0),
    ON(S_DELETED, RESUMED, S_UNDO, UNDO, SILENT, 0),
    ON(S_DELETED, STOPPED, S_FINISH, FINISH, SILENT, 0),
    ON(S_DELETED, GONE, S_CLOSE, FINISH, SILENT, 0),
    ON(S_DELETED, RECOVER, S_DELETED, NONE, SILENT, 0),

    /* Source: a guest that is paused all the time sends no SUSPENDED. */
    ON(S_PAUSE_SAVE, DONE, S_PAUSE_DISCONNECT, NIC_DISCONNECT, SILENT, 0),
    ON(S_PAUSE_SAVE, FAILED, S_KEPT, ABORT, SILENT, 0),
    ON(S_PAUSE_SAVE, CALLED_OFF, S_UNDO, UNDO, SILENT, 0),
    ON(S_PAUSE_SAVE, GIVEN_UP, S_CLOSE, FINISH, SILENT, 0),
    ON(S_PAUSE_SAVE, RECOVER, S_RECOVERED, NONE, SILENT, 0),
    ON(S_PAUSE_DISCONNECT, DONE, S_PAUSED, NONE, SILENT, 0),
    ON(S_PAUSE_DISCONNECT, FAILED, S_UNDO_KEEP, UNDO_KEEP, SILENT, 0),
    ON(S_PAUSE_DISCONNECT, CALLED_OFF, S_UNDO, UNDO, SILENT, 0),
    ON(S_PAUSE_DISCONNECT, GIVEN_UP, S_CLOSE, FINISH, SILENT, 0),
    ON(S_PAUSE_DISCONNECT, RECOVER, S_RECOVERED, NONE, SILENT, 0),
    ON(S_PAUSED, SUSPENDED, S_SAVE, NIC_SAVE, SILENT, 0),
    ON(S_PAUSED, RESUMED, S_UNDO, UNDO, SILENT, 0),
    ON(S_PAUSED, JOB_GONE, S_UNDO, UNDO, SILENT, 0),
    ON(S_PAUSED, STOPPED, S_NIC_DELETE, NIC_DELETE, SILENT, AGAIN),
    ON(S_PAUSED, GONE, S_CLOSE, FINISH, SILENT, 0),
    ON(S_PAUSED, RECOVER, S_RECOVERED, NONE, SILENT, 0),

    /* Source: a request of ours failed.  libvirt is asked to abort; if it
     * cannot, it does what it does without us, and the destination works
     * from the last PortData that was written. */
    ON(S_UNDO_KEEP, DONE, S_KEPT, ABORT, SILENT, 0),
    ON(S_UNDO_KEEP, FAILED, S_UNDO_KEEP, UNDO_KEEP, SILENT, 0),
    ON(S_UNDO_KEEP, CALLED_OFF, S_UNDO, UNDO, SILENT, 0),
    ON(S_UNDO_KEEP, GIVEN_UP, S_CLOSE, FINISH, SILENT, 0),
    ON(S_UNDO_KEEP, RECOVER, S_UNDO_KEEP, UNDO_KEEP, SILENT, 0),
    ON(S_KEPT, JOB_GONE, S_CLOSE, FINISH, SILENT, 0),
    ON(S_KEPT, STOPPED, S_CLOSE, FINISH, SILENT, 0),
    ON(S_KEPT, GONE, S_CLOSE, FINISH, SILENT, 0),
    ON(S_KEPT, RECOVER, S_RECOVERED, NONE, SILENT, 0),

    /* Source: the way back.  Tried until it works, while the guest is here. */
    ON(S_UNDO, DONE, S_RETURNED, ASK_JOB, SILENT, 0),
    ON(S_UNDO, FAILED, S_UNDO, UNDO, SILENT, 0),
    ON(S_UNDO, GIVEN_UP, S_CLOSE, FINISH, SILENT, 0),
    ON(S_UNDO, RECOVER, S_UNDO, UNDO, SILENT, 0),
    ON(S_RETURNED, JOB_GONE, S_CLEAR, FINISH, SILENT, 0),
    ON(S_RETURNED, ITERATION, S_PRECOPY_WRITE, PRECOPY, SILENT, 0),
    ON(S_RETURNED, ITERATION_PAUSED, S_PAUSE_SAVE, NIC_SAVE, SILENT, 0),
    ON(S_RETURNED, SUSPENDED, S_SAVE, NIC_SAVE, SILENT, 0),
    ON(S_RETURNED, STOPPED, S_FINISH, FINISH, SILENT, 0),
    ON(S_RETURNED, GONE, S_CLOSE, FINISH, SILENT, 0),
    ON(S_RETURNED, RECOVER, S_RECOVERED, NONE, SILENT, 0),
    ON(S_RECOVERED, SUSPENDED, S_SAVE, NIC_SAVE, SILENT, 0),
    ON(S_RECOVERED, RESUMED, S_UNDO, UNDO, SILENT, 0),
    ON(S_RECOVERED, JOB_GONE, S_UNDO, UNDO, SILENT, 0),
    ON(S_RECOVERED, STOPPED, S_FINISH, FINISH, SILENT, 0),
    ON(S_RECOVERED, GONE, S_CLOSE, FINISH, SILENT, 0),
    ON(S_RECOVERED, RECOVER, S_RECOVERED, NONE, SILENT, 0),

    /* Source: the end. */
    ON(S_FINISH, DONE, COMPLETED, NONE, SILENT, 0),
    ON(S_FINISH, DONE_DEGRADED, DEGRADED, NONE, SILENT, 0),
    ON(S_FINISH, FAILED, S_FINISH, FINISH, SILENT, 0),
    ON(S_FINISH, RECOVER, S_FINISH, FINISH, SILENT, 0),
    ON(S_CLEAR, DONE, ROLLED_BACK, NONE, SILENT, 0),
    ON(S_CLEAR, FAILED, S_CLEAR, FINISH, SILENT, 0),
    ON(S_CLEAR, RECOVER, S_CLEAR, FINISH, SILENT, 0),
    ON(S_CLOSE, DONE, FAILED, NONE, SILENT, 0),
    ON(S_CLOSE, FAILED, S_CLOSE, FINISH, SILENT, 0),
    ON(S_CLOSE, RECOVER, S_CLOSE, FINISH, SILENT, 0),
};

static const char *const state_names[PF_N_STATES] = {
    [PF_D_NEW] = "new",
    [PF_D_CHECK_CREATE] = "check-create",
    [PF_D_CHECK_VERIFY] = "check-verify",
    [PF_D_CHECK_DELETE] = "check-delete",
    [PF_D_CHECK_REFUSE] = "check-refuse",
    [PF_D_CHECKED] = "checked",
    [PF_D_CREATE] = "create",
    [PF_D_ADD] = "add",
    [PF_D_CREATED] = "created",
    [PF_D_TAKE] = "take",
    [PF_D_READY] = "ready",
    [PF_D_NIC_CREATE] = "nic-create",
    [PF_D_NIC_CONNECT] = "nic-connect",
    [PF_D_NIC_RESTORE] = "nic-restore",
    [PF_D_OPEN] = "open",
    [PF_D_FINISH] = "finish",
    [PF_D_CLEAN] = "clean",
    [PF_D_CLEAN_FAILED] = "clean-failed",
    [PF_S_NEW] = "new",
    [PF_S_OPEN] = "open",
    [PF_S_PRECOPY_WRITE] = "precopy-write",
    [PF_S_PRECOPY] = "precopy",
    [PF_S_SAVE] = "save",
    [PF_S_DISCONNECT] = "disconnect",
    [PF_S_NIC_DELETE] = "nic-delete",
    [PF_S_TEARDOWN] = "teardown",
    [PF_S_PORT_DELETE] = "port-delete",
    [PF_S_MARK] = "mark",
    [PF_S_DELETED] = "deleted",
    [PF_S_PAUSE_SAVE] = "pause-save",
    [PF_S_PAUSE_DISCONNECT] = "pause-disconnect",
    [PF_S_PAUSED] = "paused",
    [PF_S_UNDO_KEEP] = "undo-keep",
    [PF_S_KEPT] = "kept",
    [PF_S_UNDO] = "undo",
    [PF_S_RETURNED] = "returned",
    [PF_S_RECOVERED] = "recovered",
    [PF_S_FINISH] = "finish",
    [PF_S_CLEAR] = "clear",
    [PF_S_CLOSE] = "close",
    [PF_COMPLETED] = "completed",
    [PF_DEGRADED] = "degraded",
    [PF_REFUSED] = "refused",
    [PF_ROLLED_BACK] = "rolled-back",
    [PF_FAILED] = "failed",
};

static const char *const event_names[PF_N_EVENTS] = {
    [PF_EV_DONE] = "done",
    [PF_EV_DONE_DEGRADED] = "done-degraded",
    [PF_EV_FAILED] = "failed",
    [PF_EV_CALLED_OFF] = "called-off",
    [PF_EV_GIVEN_UP] = "given-up",
    [PF_EV_MIGRATE] = "migrate",
    [PF_EV_PREPARE] = "prepare",
    [PF_EV_START] = "start",
    [PF_EV_PORTDATA] = "portdata",
    [PF_EV_RUNS] = "runs",
    [PF_EV_ENDS_PAUSED] = "ends-paused",
    [PF_EV_ITERATION] = "iteration",
    [PF_EV_ITERATION_PAUSED] = "iteration-paused",
    [PF_EV_SUSPENDED] = "suspended",
    [PF_EV_RESUMED] = "resumed",
    [PF_EV_STOPPED] = "stopped",
    [PF_EV_JOB_GONE] = "job-gone",
    [PF_EV_GONE] = "gone",
    [PF_EV_EXPIRED] = "expired",
    [PF_EV_RECOVER] = "recover",
};

static const char *const request_names[PF_N_REQUESTS] = {
    [PF_REQ_NONE] = "none",
    [PF_REQ_CHECK_CREATE] = "port-create",
    [PF_REQ_CHECK_VERIFY] = "property-verify",
    [PF_REQ_CHECK_DELETE] = "port-delete",
    [PF_REQ_PORT_CREATE] = "port-create",
    [PF_REQ_PROPERTY_ADD] = "property-add",
    [PF_REQ_NIC_SAVE] = "nic-save",
    [PF_REQ_NIC_DISCONNECT] = "nic-disconnect",
    [PF_REQ_NIC_DELETE] = "nic-delete",
    [PF_REQ_PORT_TEARDOWN] = "port-teardown",
    [PF_REQ_PORT_DELETE] = "port-delete",
    [PF_REQ_NIC_CREATE] = "nic-create",
    [PF_REQ_NIC_CONNECT] = "nic-connect",
    [PF_REQ_NIC_RESTORE] = "nic-restore",
    [PF_REQ_TAKE_TAP] = "property-add",
    [PF_REQ_FINISH] = "finish",
    [PF_REQ_CLEAN] = "clean",
    [PF_REQ_CLOSE_GATES] = "close-gates",
    [PF_REQ_JOURNAL] = "journal",
    [PF_REQ_PRECOPY] = "precopy",
    [PF_REQ_MARK_DELETED] = "mark-deleted",
    [PF_REQ_UNDO] = "undo",
    [PF_REQ_UNDO_KEEP] = "undo-keep",
    [PF_REQ_ABORT] = "abort",
    [PF_REQ_ASK_JOB] = "ask-job",
};

#define BIT(EVENT) (1u << (EVENT))

/* Events that make earlier, kept ones meaningless. */
static guint32
overruled_by(PfEvent event)
{
    switch ((int) event) {
    case PF_EV_RESUMED:
        return BIT(PF_EV_SUSPENDED) | BIT(PF_EV_ITERATION_PAUSED);
    case PF_EV_SUSPENDED:
        return BIT(PF_EV_RESUMED) | BIT(PF_EV_ITERATION)
            | BIT(PF_EV_ITERATION_PAUSED);
    case PF_EV_GONE:
    case PF_EV_STOPPED:
        return ~0u;
    default:
        return 0;
    }
}

/* Events that call a migration off while a request is under way. */
static guint32
calls_off(PfRole role)
{
    return role == PF_ROLE_SOURCE ? BIT(PF_EV_RESUMED) : BIT(PF_EV_GONE);
}

/* What a request came to, in the light of what was kept meanwhile. */
static PfEvent
outcome(const PfMachine *m, PfEvent event)
{
    if ((event == PF_EV_DONE || event == PF_EV_DONE_DEGRADED)
        && m->kept & calls_off(pf_state_role(m->state))) {
        return PF_EV_CALLED_OFF;
    }
    if (event == PF_EV_FAILED
        && m->kept & (BIT(PF_EV_GONE) | BIT(PF_EV_STOPPED))) {
        return PF_EV_GIVEN_UP;
    }
    return event;
}

static const PfRow *
find_row(PfState state, PfEvent event)
{
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (rows[i].state == state && rows[i].event == event) {
            return &rows[i];
        }
    }
    return NULL;
}

/* What a request came to, and a restart, are not the world's to say. */
static gboolean
is_inner(PfEvent event)
{
    return (event == PF_EV_DONE || event == PF_EV_DONE_DEGRADED
            || event == PF_EV_FAILED || event == PF_EV_CALLED_OFF
            || event == PF_EV_GIVEN_UP || event == PF_EV_RECOVER);
}

static gboolean
follow(PfMachine *m, const PfRow *row, PfTransition *t)
{
    t->from = m->state;
    t->to = row->next;
    t->request = row->request;
    t->answer = row->answer;

    m->state = row->next;
    m->kept &= ~(BIT(row->event) | overruled_by(row->event));
    if (row->again) {
        m->kept |= BIT(row->event);
    }
    return TRUE;
}

void
pf_machine_init(PfMachine *m, PfRole role)
{
    m->state = role == PF_ROLE_SOURCE ? PF_S_NEW : PF_D_NEW;
    m->kept = 0;
}

gboolean
pf_machine_event(PfMachine *m, PfEvent event, PfTransition *t)
{
    const PfRow *row;

    if (pf_state_is_busy(m->state) && !is_inner(event)) {
        m->kept &= ~overruled_by(event);
        m->kept |= BIT(event);
        return FALSE;
    }

    row = find_row(m->state, outcome(m, event));
    if (!row) {
        row = find_row(m->state, event);
    } else if (row->event == PF_EV_CALLED_OFF) {
        m->kept &= ~calls_off(pf_state_role(m->state));
    }
    return row ? follow(m, row, t) : FALSE;
}

gboolean
pf_machine_next(PfMachine *m, PfTransition *t)
{
    if (pf_state_is_busy(m->state) || pf_state_is_end(m->state)) {
        return FALSE;
    }
    /* The end of a guest first, then that it stopped, then in the order of
     * the enum. */
    static const PfEvent first[] = {
        PF_EV_GONE, PF_EV_STOPPED, PF_EV_SUSPENDED
    };

    for (gsize i = 0; i < G_N_ELEMENTS(first) + PF_N_EVENTS; i++) {
        PfEvent event = (i < G_N_ELEMENTS(first)
                         ? first[i] : i - G_N_ELEMENTS(first));
        if (m->kept & BIT(event)) {
            m->kept &= ~BIT(event);
            if (pf_machine_event(m, event, t)) {
                return TRUE;
            }
        }
    }
    return FALSE;
}

gboolean
pf_state_is_busy(PfState state)
{
    return find_row(state, PF_EV_DONE) != NULL;
}

gboolean
pf_state_is_end(PfState state)
{
    return state >= PF_COMPLETED;
}

PfRole
pf_state_role(PfState state)
{
    return state < PF_S_NEW ? PF_ROLE_DESTINATION : PF_ROLE_SOURCE;
}

const char *
pf_role_name(PfRole role)
{
    return role == PF_ROLE_SOURCE ? "source" : "destination";
}

const char *
pf_state_name(PfState state)
{
    return state_names[state];
}

gboolean
pf_state_from_name(const char *name, PfRole role, PfState *state)
{
    for (int i = 0; i < PF_N_STATES; i++) {
        if ((pf_state_is_end(i) || pf_state_role(i) == role)
            && !g_strcmp0(name, state_names[i])) {
            *state = i;
            return TRUE;
        }
    }
    return FALSE;
}

const char *
pf_event_name(PfEvent event)
{
    return event_names[event];
}

const char *
pf_request_name(PfRequest request)
{
    return request_names[request];
}
