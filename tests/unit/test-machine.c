/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of plugin/machine.h along the documented paths, row by row; what holds
 * on every other path is in test-machine-all.c.
 */
#include <config.h>

#include "plugin/machine.h"

#include <string.h>

/* Which rows of the table the walks below took: from, to, request. */
static gboolean walked[PF_N_STATES][PF_N_STATES][PF_N_REQUESTS];

/* ---- Helpers ---------------------------------------------------------- */

static PfEvent
event_named(const char *name, gsize size)
{
    for (int i = 0; i < PF_N_EVENTS; i++) {
        if (strlen(pf_event_name(i)) == size
            && !strncmp(pf_event_name(i), name, size)) {
            return i;
        }
    }
    g_error("no event '%.*s'", (int) size, name);
}

/* Adds " STATE/REQUEST ANSWER" to 's'. */
static void
note(GString *s, const PfTransition *t)
{
    static const char *const answers[] = {
        [PF_ANSWER_NONE] = "",
        [PF_ANSWER_ACCEPT] = " accept",
        [PF_ANSWER_REFUSE] = " refuse",
    };

    walked[t->from][t->to][t->request] = TRUE;
    g_string_append_printf(s, " %s", pf_state_name(t->to));
    if (t->request != PF_REQ_NONE) {
        g_string_append_printf(s, "/%s", pf_request_name(t->request));
    }
    g_string_append(s, answers[t->answer]);
}

/* Gives 'm' events, one for each argument up to NULL, as the agent does.  An
 * argument is "EVENT: STATE/REQUEST ANSWER", with every transition that must
 * follow from the event, or "EVENT:" if none may. */
static void
walk_on(PfMachine *m, ...)
{
    const char *step;
    va_list args;

    va_start(args, m);
    while ((step = va_arg(args, const char *))) {
        g_autoptr(GString) got = g_string_new(NULL);
        gsize size = strcspn(step, ":");
        PfEvent event = event_named(step, size);
        const char *before = pf_state_name(m->state);
        PfTransition t;

        g_string_append_printf(got, "%s:", pf_event_name(event));
        if (pf_machine_event(m, event, &t)) {
            note(got, &t);
        }
        while (pf_machine_next(m, &t)) {
            note(got, &t);
        }
        if (strcmp(got->str, step)) {
            g_error("in state %s: got '%s', expected '%s'", before, got->str,
                    step);
        }
    }
    va_end(args);
}

#define walk(ROLE, ...)                                 \
    G_STMT_START {                                      \
        PfMachine walker_;                              \
        pf_machine_init(&walker_, PF_ROLE_##ROLE);      \
        walk_on(&walker_, __VA_ARGS__, NULL);           \
    } G_STMT_END

/* From 'STATE' on, which others have shown to be reached. */
#define walk_from(STATE, ...)                           \
    G_STMT_START {                                      \
        PfMachine walker_ = { PF_##STATE, 0 };          \
        walk_on(&walker_, __VA_ARGS__, NULL);           \
    } G_STMT_END

/* ---- Destination ------------------------------------------------------ */

static void
test_destination_good_path(void)
{
    walk(DESTINATION,
         "migrate: check-create/port-create",
         "done: check-verify/property-verify",
         "done: check-delete/port-delete",
         "done: checked accept",
         "prepare: create/port-create",
         "done: add/property-add",
         "done: created accept",
         "start: take/property-add",
         "done: ready accept",
         "portdata: nic-create/nic-create",
         "done: nic-connect/nic-connect",
         "done: nic-restore/nic-restore",
         "done: open",
         "runs: finish/finish",
         "done: completed");
}

static void
test_guest_that_stays_paused(void)
{
    walk_from(D_OPEN, "ends-paused: finish/finish", "done: completed");
    /* Without PortData. */
    walk_from(D_READY,
              "ends-paused: nic-create/nic-create",
              "done: nic-connect/nic-connect",
              "done: nic-restore/nic-restore",
              "done: open finish/finish",
              "done: completed");
}

static void
test_guest_that_runs_before_portdata(void)
{
    walk_from(D_READY,
              "runs: nic-create/nic-create",
              "portdata:",
              "done: nic-connect/nic-connect",
              "done: nic-restore/nic-restore",
              "done: open finish/finish",
              "failed: finish/finish",
              "done-degraded: degraded");
}

static void
test_guest_that_runs_during_the_restore(void)
{
    walk_from(D_READY,
              "portdata: nic-create/nic-create",
              "done: nic-connect/nic-connect",
              "runs:",
              "done: nic-restore/nic-restore",
              "done: open finish/finish",
              "done: completed");
}

static void
test_portdata_that_is_early(void)
{
    walk_from(D_TAKE,
              "portdata:",
              "done: ready accept nic-create/nic-create");
    /* Both were kept: PortData first. */
    walk_from(D_TAKE,
              "runs:",
              "portdata:",
              "done: ready accept nic-create/nic-create",
              "done: nic-connect/nic-connect",
              "done: nic-restore/nic-restore",
              "done: open finish/finish");
}

static void
test_failed_check_refuses_when_its_port_is_gone(void)
{
    walk(DESTINATION,
         "migrate: check-create/port-create",
         "failed: check-refuse/port-delete",
         "done: refused refuse");
    walk(DESTINATION,
         "migrate: check-create/port-create",
         "done: check-verify/property-verify",
         "failed: check-refuse/port-delete",
         "done: refused refuse");
}

static void
test_validation_port_that_cannot_be_deleted_is_not_left(void)
{
    walk_from(D_CHECK_DELETE,
              "failed: clean-failed/clean refuse",
              "failed: clean-failed/clean",
              "done: failed refuse");
    walk_from(D_CHECK_REFUSE,
              "failed: clean-failed/clean refuse",
              "done: failed refuse");
}

static void
test_check_that_is_called_off(void)
{
    walk_from(D_NEW, "gone: rolled-back refuse");
    walk_from(D_CHECK_CREATE, "gone:", "done: check-refuse/port-delete",
              "done: refused refuse");
    walk_from(D_CHECK_VERIFY, "gone:", "done: check-refuse/port-delete",
              "done: refused refuse");
    walk_from(D_CHECK_DELETE, "gone:", "done: refused refuse");
}

static void
test_check_that_nothing_follows(void)
{
    walk_from(D_CHECKED, "expired: clean/clean", "done: rolled-back refuse");
    walk_from(D_CHECKED, "gone: clean/clean", "done: rolled-back refuse");
}

static void
test_hook_that_comes_when_it_is_over(void)
{
    walk_from(D_CHECKED, "expired: clean/clean", "prepare:",
              "done: rolled-back refuse");
    walk_from(D_CREATED, "gone: clean/clean", "start:",
              "done: rolled-back refuse");
}

static void
test_failed_preparation_refuses_and_cleans(void)
{
    walk_from(D_CHECKED,
              "prepare: create/port-create",
              "failed: clean-failed/clean refuse",
              "gone:",
              "done: failed refuse");
    walk_from(D_CREATE,
              "done: add/property-add",
              "failed: clean-failed/clean refuse",
              "failed: clean-failed/clean",
              "failed: clean-failed/clean",
              "done: failed refuse");
    walk_from(D_TAKE, "failed: clean-failed/clean refuse");
}

static void
test_preparation_that_is_called_off(void)
{
    walk_from(D_CREATE, "gone:", "done: clean/clean refuse",
              "done: rolled-back refuse");
    walk_from(D_ADD, "gone:", "done: clean/clean refuse");
    walk_from(D_CREATED, "gone: clean/clean");
    walk_from(D_CREATED, "runs: take/property-add",
              "done: ready accept nic-create/nic-create");
    walk_from(D_TAKE, "gone:", "done: clean/clean refuse");
}

static void
test_migration_that_fails_after_it_was_ready(void)
{
    walk_from(D_READY, "gone: clean/clean", "failed: clean/clean",
              "done: rolled-back refuse");
    walk_from(D_NIC_CREATE, "gone:", "done: clean/clean");
    walk_from(D_NIC_CONNECT, "gone:", "done: clean/clean");
    walk_from(D_NIC_RESTORE, "gone:", "done: clean/clean");
    walk_from(D_OPEN, "gone: clean/clean");
    walk_from(D_FINISH, "gone:", "done: clean/clean");
    walk_from(D_FINISH, "gone:", "failed: clean/clean");
    /* An end of the guest makes what was kept before meaningless. */
    walk_from(D_NIC_CREATE, "runs:", "gone:",
              "failed: nic-connect/nic-connect", "done: clean/clean",
              "done: rolled-back refuse");
}

static void
test_failure_at_the_switchover_is_soft(void)
{
    walk_from(D_READY,
              "portdata: nic-create/nic-create",
              "failed: nic-connect/nic-connect",
              "failed: nic-restore/nic-restore",
              "failed: open",
              "runs: finish/finish",
              "done-degraded: degraded");
}

/* ---- Source ----------------------------------------------------------- */

static void
test_source_good_path(void)
{
    walk(SOURCE,
         "iteration: open/journal",
         "done: precopy-write/precopy",
         "done: precopy",
         "iteration: precopy-write/precopy",
         "done: precopy",
         "suspended: save/nic-save",
         "done: disconnect/nic-disconnect",
         "done: nic-delete/nic-delete",
         "done: teardown/port-teardown",
         "done: port-delete/port-delete",
         "done: mark/mark-deleted",
         "done: deleted",
         "suspended:",          /* Post-copy may send two. */
         "stopped: finish/finish",
         "done: completed");
}

/* The thirteen requests, across both hosts, in the order of the
 * documentation. */
static void
test_thirteen_requests_in_order(void)
{
    static const PfRequest order[] = {
        PF_REQ_CHECK_CREATE, PF_REQ_CHECK_VERIFY, PF_REQ_CHECK_DELETE,
        PF_REQ_PORT_CREATE, PF_REQ_PROPERTY_ADD, PF_REQ_NIC_SAVE,
        PF_REQ_NIC_DISCONNECT, PF_REQ_NIC_DELETE, PF_REQ_PORT_TEARDOWN,
        PF_REQ_PORT_DELETE, PF_REQ_NIC_CREATE, PF_REQ_NIC_CONNECT,
        PF_REQ_NIC_RESTORE,
    };
    static const struct {
        PfRole role;
        PfEvent event;
    } world[] = {
        { PF_ROLE_DESTINATION, PF_EV_MIGRATE },
        { PF_ROLE_DESTINATION, PF_EV_PREPARE },
        { PF_ROLE_DESTINATION, PF_EV_START },
        { PF_ROLE_SOURCE, PF_EV_ITERATION },
        { PF_ROLE_SOURCE, PF_EV_SUSPENDED },
        { PF_ROLE_DESTINATION, PF_EV_PORTDATA },
        { PF_ROLE_DESTINATION, PF_EV_RUNS },
        { PF_ROLE_SOURCE, PF_EV_STOPPED },
    };
    PfMachine machines[2];
    PfTransition t;
    gsize n = 0;

    pf_machine_init(&machines[PF_ROLE_SOURCE], PF_ROLE_SOURCE);
    pf_machine_init(&machines[PF_ROLE_DESTINATION], PF_ROLE_DESTINATION);
    for (gsize i = 0; i < G_N_ELEMENTS(world); i++) {
        PfMachine *m = &machines[world[i].role];
        gboolean moved = pf_machine_event(m, world[i].event, &t);

        g_assert_true(moved);
        while (moved) {
            if (t.request >= PF_REQ_CHECK_CREATE
                && t.request <= PF_REQ_NIC_RESTORE) {
                g_assert_cmpuint(n, <, G_N_ELEMENTS(order));
                g_assert_cmpint(t.request, ==, order[n]);
                n++;
            }
            moved = pf_machine_event(m, PF_EV_DONE, &t);
        }
    }
    g_assert_cmpuint(n, ==, G_N_ELEMENTS(order));
    g_assert_cmpint(machines[PF_ROLE_SOURCE].state, ==, PF_COMPLETED);
    g_assert_cmpint(machines[PF_ROLE_DESTINATION].state, ==, PF_COMPLETED);
}

static void
test_guest_that_stops_first(void)
{
    /* A non-live migration, or a guest so small that it stops at once. */
    walk(SOURCE,
         "suspended: open/journal",
         "iteration-paused:",
         "done: precopy-write/precopy",
         "done: precopy save/nic-save",
         "done: disconnect/nic-disconnect");
}

static void
test_guest_that_stops_while_precopy_is_written(void)
{
    walk_from(S_PRECOPY,
              "iteration: precopy-write/precopy",
              "iteration:",
              "suspended:",
              "done: precopy save/nic-save");
    /* What came before it stopped is of no interest after that. */
    walk_from(S_PRECOPY_WRITE,
              "suspended:",
              "iteration-paused:",
              "iteration:",
              "done: precopy save/nic-save",
              "resumed:",
              "done: undo/undo",
              "done: returned/ask-job");
}

static void
test_failure_before_the_switchover(void)
{
    walk(SOURCE, "iteration: open/journal", "failed: kept/abort");
    walk_from(S_OPEN, "suspended:", "done: precopy-write/precopy",
              "failed: kept/abort", "job-gone: close/finish",
              "done: failed");
}

static void
test_failed_request_of_the_switchover(void)
{
    walk_from(S_SAVE, "failed: undo-keep/undo-keep", "done: kept/abort",
              "stopped: close/finish", "done: failed");
    walk_from(S_DISCONNECT, "failed: undo-keep/undo-keep",
              "failed: undo-keep/undo-keep", "done: kept/abort",
              "gone: close/finish");
    walk_from(S_NIC_DELETE, "failed: undo-keep/undo-keep");
    walk_from(S_TEARDOWN, "failed: undo-keep/undo-keep");
    walk_from(S_PORT_DELETE, "failed: undo-keep/undo-keep");
    walk_from(S_PAUSE_SAVE, "failed: kept/abort");  /* Nothing was done. */
    walk_from(S_PAUSE_DISCONNECT, "failed: undo-keep/undo-keep");
    /* Only the mark is missing: the destination has "saved". */
    walk_from(S_MARK, "failed: deleted");
}

static void
test_rollback_after_the_port_was_deleted(void)
{
    walk_from(S_DELETED,
              "resumed: undo/undo",
              "done: returned/ask-job",
              "job-gone: clear/finish",
              "done: rolled-back");
}

static void
test_rollback_at_every_request(void)
{
    walk_from(S_SAVE, "resumed:", "done: undo/undo");
    walk_from(S_DISCONNECT, "resumed:", "done: undo/undo");
    walk_from(S_NIC_DELETE, "resumed:", "done: undo/undo");
    walk_from(S_TEARDOWN, "resumed:", "done: undo/undo");
    walk_from(S_PORT_DELETE, "resumed:", "done: undo/undo");
    walk_from(S_MARK, "resumed:", "done: undo/undo");
    walk_from(S_MARK, "resumed:", "failed: deleted undo/undo");
    walk_from(S_PAUSE_SAVE, "resumed:", "done: undo/undo");
    walk_from(S_PAUSE_DISCONNECT, "resumed:", "done: undo/undo");
    walk_from(S_UNDO_KEEP, "resumed:", "done: undo/undo");
    walk_from(S_UNDO, "resumed:", "done: returned/ask-job");
}

static void
test_undo_is_tried_until_it_works(void)
{
    walk_from(S_DELETED, "resumed: undo/undo", "failed: undo/undo",
              "failed: undo/undo", "done: returned/ask-job");
}

static void
test_nothing_is_undone_for_a_gone_guest(void)
{
    walk_from(S_SAVE, "stopped:", "failed: close/finish");
    walk_from(S_DISCONNECT, "gone:", "failed: close/finish");
    walk_from(S_NIC_DELETE, "gone:", "failed: close/finish");
    walk_from(S_TEARDOWN, "stopped:", "failed: close/finish");
    walk_from(S_PORT_DELETE, "gone:", "failed: close/finish");
    walk_from(S_PAUSE_SAVE, "stopped:", "failed: close/finish");
    walk_from(S_PAUSE_DISCONNECT, "gone:", "failed: close/finish");
}

static void
test_undo_is_given_up_when_the_guest_is_gone(void)
{
    walk_from(S_UNDO, "gone:", "failed: close/finish", "failed: close/finish",
              "done: failed");
    walk_from(S_UNDO, "stopped:", "failed: close/finish");
    walk_from(S_UNDO_KEEP, "gone:", "failed: close/finish");
    walk_from(S_UNDO_KEEP, "stopped:", "failed: close/finish");
    /* One that works is not given up. */
    walk_from(S_UNDO, "gone:", "done: returned/ask-job close/finish");
    walk_from(S_UNDO_KEEP, "gone:", "done: kept/abort close/finish");
}

static void
test_suspend_and_resume_in_the_middle(void)
{
    walk_from(S_PRECOPY,
              "suspended: save/nic-save",
              "done: disconnect/nic-disconnect",
              "done: nic-delete/nic-delete",
              "resumed:",
              "done: undo/undo",
              "done: returned/ask-job",
              "iteration: precopy-write/precopy",
              "done: precopy",
              "suspended: save/nic-save");
    /* Once more before the undoing is done. */
    walk_from(S_UNDO, "suspended:", "done: returned/ask-job save/nic-save");
    walk_from(S_UNDO, "suspended:", "resumed:", "done: returned/ask-job");
    walk_from(S_RETURNED, "suspended: save/nic-save");
    /* So quick that nobody had begun. */
    walk_from(S_PRECOPY_WRITE, "suspended:", "resumed:", "done: precopy");
    walk_from(S_NEW, "suspended: open/journal", "resumed:",
              "done: precopy-write/precopy", "done: precopy");
}

static void
test_paused_guest(void)
{
    walk(SOURCE,
         "iteration-paused: open/journal",
         "done: precopy-write/precopy",
         "done: precopy pause-save/nic-save",
         "iteration-paused:",
         "done: pause-disconnect/nic-disconnect",
         "done: paused",
         "iteration-paused:",
         "stopped: nic-delete/nic-delete",
         "done: teardown/port-teardown",
         "done: port-delete/port-delete",
         "done: mark/mark-deleted",
         "done: deleted finish/finish",
         "done: completed");
}

static void
test_paused_guest_that_goes_on(void)
{
    walk_from(S_PAUSED, "resumed: undo/undo", "done: returned/ask-job",
              "iteration-paused: pause-save/nic-save");
    walk_from(S_PAUSED, "suspended: save/nic-save");
    walk_from(S_PAUSED, "job-gone: undo/undo");
    walk_from(S_PAUSED, "gone: close/finish");
}

static void
test_guest_that_leaves_early(void)
{
    walk_from(S_PRECOPY, "job-gone: clear/finish", "failed: clear/finish",
              "done: rolled-back");
    walk_from(S_PRECOPY, "stopped: finish/finish", "failed: finish/finish",
              "done: completed");
    walk_from(S_PRECOPY, "stopped: finish/finish",
              "done-degraded: degraded");
    walk_from(S_PRECOPY, "gone: close/finish");
    walk_from(S_DELETED, "gone: close/finish");
    walk_from(S_RETURNED, "stopped: finish/finish");
    walk_from(S_RETURNED, "gone: close/finish");
}

static void
test_guest_that_moved_during_the_switchover(void)
{
    walk_from(S_SAVE,
              "stopped:",
              "done: disconnect/nic-disconnect",
              "done: nic-delete/nic-delete",
              "done: teardown/port-teardown",
              "done: port-delete/port-delete",
              "done: mark/mark-deleted",
              "done: deleted finish/finish");
    /* Whatever it did before it was gone. */
    walk_from(S_TEARDOWN,
              "resumed:",
              "gone:",
              "done: port-delete/port-delete",
              "done: mark/mark-deleted",
              "done: deleted close/finish");
}

/* ---- Recovery --------------------------------------------------------- */

static const struct {
    PfState state;
    const char *step;
} recovered[] = {
    { PF_D_NEW, "recover: rolled-back refuse" },
    { PF_D_CHECK_CREATE, "recover: check-refuse/port-delete" },
    { PF_D_CHECK_VERIFY, "recover: check-refuse/port-delete" },
    { PF_D_CHECK_DELETE, "recover: check-refuse/port-delete" },
    { PF_D_CHECK_REFUSE, "recover: check-refuse/port-delete" },
    { PF_D_CHECKED, "recover: checked" },
    { PF_D_CREATE, "recover: clean-failed/clean refuse" },
    { PF_D_ADD, "recover: clean-failed/clean refuse" },
    { PF_D_CREATED, "recover: created" },
    { PF_D_TAKE, "recover: clean-failed/clean refuse" },
    { PF_D_READY, "recover: ready/close-gates" },
    { PF_D_NIC_CREATE, "recover: nic-create/nic-create" },
    { PF_D_NIC_CONNECT, "recover: nic-create/nic-create" },
    { PF_D_NIC_RESTORE, "recover: nic-create/nic-create" },
    { PF_D_OPEN, "recover: open" },
    { PF_D_FINISH, "recover: finish/finish" },
    { PF_D_CLEAN, "recover: clean/clean" },
    { PF_D_CLEAN_FAILED, "recover: clean-failed/clean" },
};
static const struct {
    PfState state;
    const char *step;
} trusted[] = {             /* The others are looked at. */
    { PF_S_DELETED, "recover: deleted" },
    { PF_S_UNDO_KEEP, "recover: undo-keep/undo-keep" },
    { PF_S_UNDO, "recover: undo/undo" },
    { PF_S_FINISH, "recover: finish/finish" },
    { PF_S_CLEAR, "recover: clear/finish" },
    { PF_S_CLOSE, "recover: close/finish" },
};

static void
test_recovery_from_every_state(void)
{
    for (int state = PF_D_NEW; state < PF_S_NEW; state++) {
        PfMachine m = { state, 0 };

        g_assert_cmpint(recovered[state].state, ==, state);
        walk_on(&m, recovered[state].step, NULL);
    }
    for (int state = PF_S_NEW; state < PF_COMPLETED; state++) {
        const char *step = "recover: recovered";
        PfMachine m = { state, 0 };

        for (gsize i = 0; i < G_N_ELEMENTS(trusted); i++) {
            if (trusted[i].state == state) {
                step = trusted[i].step;
            }
        }
        walk_on(&m, step, NULL);
    }
    for (int state = PF_COMPLETED; state < PF_N_STATES; state++) {
        PfMachine m = { state, 0 };

        walk_on(&m, "recover:", NULL);
    }
}

static void
test_recovered_guest_is_looked_at(void)
{
    walk_from(S_RECOVERED, "resumed: undo/undo");
    walk_from(S_RECOVERED, "suspended: save/nic-save");
    walk_from(S_RECOVERED, "job-gone: undo/undo");
    walk_from(S_RECOVERED, "stopped: finish/finish");
    walk_from(S_RECOVERED, "gone: close/finish");
    /* Once more at any time. */
    walk_from(S_RECOVERED, "recover: recovered");
}

/* ---- The table as a whole --------------------------------------------- */

/* The walks, by name. */
static const struct {
    const char *name;
    void (*function)(void);
} walks[] = {
#define WALK(FUNCTION) { "/machine/" #FUNCTION, test_##FUNCTION }
    WALK(destination_good_path),
    WALK(guest_that_stays_paused),
    WALK(guest_that_runs_before_portdata),
    WALK(guest_that_runs_during_the_restore),
    WALK(portdata_that_is_early),
    WALK(failed_check_refuses_when_its_port_is_gone),
    WALK(validation_port_that_cannot_be_deleted_is_not_left),
    WALK(check_that_is_called_off),
    WALK(check_that_nothing_follows),
    WALK(hook_that_comes_when_it_is_over),
    WALK(failed_preparation_refuses_and_cleans),
    WALK(preparation_that_is_called_off),
    WALK(migration_that_fails_after_it_was_ready),
    WALK(failure_at_the_switchover_is_soft),
    WALK(source_good_path),
    WALK(thirteen_requests_in_order),
    WALK(guest_that_stops_first),
    WALK(guest_that_stops_while_precopy_is_written),
    WALK(failure_before_the_switchover),
    WALK(failed_request_of_the_switchover),
    WALK(rollback_after_the_port_was_deleted),
    WALK(rollback_at_every_request),
    WALK(undo_is_tried_until_it_works),
    WALK(nothing_is_undone_for_a_gone_guest),
    WALK(undo_is_given_up_when_the_guest_is_gone),
    WALK(suspend_and_resume_in_the_middle),
    WALK(paused_guest),
    WALK(paused_guest_that_goes_on),
    WALK(guest_that_leaves_early),
    WALK(guest_that_moved_during_the_switchover),
    WALK(recovery_from_every_state),
    WALK(recovered_guest_is_looked_at),
#undef WALK
};

static void
test_every_row_is_walked(void)
{
    guint n = 0, missed = 0;

    memset(walked, 0, sizeof walked);
    for (gsize i = 0; i < G_N_ELEMENTS(walks); i++) {
        walks[i].function();
    }
    for (int state = 0; state < PF_N_STATES; state++) {
        for (int event = 0; event < PF_N_EVENTS; event++) {
            PfMachine m = { state, 0 };
            PfTransition t;

            if (!pf_machine_event(&m, event, &t)) {
                continue;
            }
            n++;
            if (!walked[t.from][t.to][t.request]) {
                g_test_message("not walked: %s, in %s: %s -> %s/%s",
                               pf_role_name(pf_state_role(state)),
                               pf_state_name(state), pf_event_name(event),
                               pf_state_name(t.to),
                               pf_request_name(t.request));
                missed++;
            }
        }
    }
    g_test_message("%u rows", n);
    g_assert_cmpuint(n, >, 150);
    g_assert_cmpuint(missed, ==, 0);
}

static void
test_everything_has_a_name(void)
{
    for (int role = PF_ROLE_SOURCE; role <= PF_ROLE_DESTINATION; role++) {
        int first = role == PF_ROLE_SOURCE ? PF_S_NEW : PF_D_NEW;
        int end = role == PF_ROLE_SOURCE ? PF_COMPLETED : PF_S_NEW;
        PfMachine m;

        pf_machine_init(&m, role);
        g_assert_cmpint(m.state, ==, first);
        g_assert_cmpuint(m.kept, ==, 0);
        for (int s = 0; s < PF_N_STATES; s++) {
            PfState found = PF_N_STATES;

            g_assert_nonnull(pf_state_name(s));
            if ((s >= first && s < end) || s >= PF_COMPLETED) {
                g_assert_true(pf_state_from_name(pf_state_name(s), role,
                                                 &found));
                g_assert_cmpint(found, ==, s);
            }
            if (s >= first && s < end) {
                g_assert_cmpint(pf_state_role(s), ==, role);
                g_assert_false(pf_state_is_end(s));
            }
        }
    }
    for (int i = 0; i < PF_N_EVENTS; i++) {
        g_assert_nonnull(pf_event_name(i));
        for (int k = 0; k < i; k++) {
            g_assert_cmpstr(pf_event_name(i), !=, pf_event_name(k));
        }
    }
    for (int i = 0; i < PF_N_REQUESTS; i++) {
        g_assert_nonnull(pf_request_name(i));
    }
    g_assert_cmpstr(pf_role_name(PF_ROLE_SOURCE), ==, "source");
    g_assert_cmpstr(pf_role_name(PF_ROLE_DESTINATION), ==, "destination");
}

static void
test_unknown_names_are_no_states(void)
{
    static const struct {
        const char *name;
        PfRole role;
    } names[] = {
        { NULL, PF_ROLE_SOURCE },
        { "", PF_ROLE_SOURCE },
        { "Precopy", PF_ROLE_SOURCE },
        { "precopy ", PF_ROLE_SOURCE },
        { "precopy", PF_ROLE_DESTINATION },
        { "checked", PF_ROLE_SOURCE },
        { "running", PF_ROLE_SOURCE },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        PfState state = PF_N_STATES;

        g_test_message("'%s' (%s)", names[i].name ? names[i].name : "NULL",
                       pf_role_name(names[i].role));
        g_assert_false(pf_state_from_name(names[i].name, names[i].role,
                                          &state));
        g_assert_cmpint(state, ==, PF_N_STATES);
    }
}

int
main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(walks); i++) {
        g_test_add_func(walks[i].name, walks[i].function);
    }
#define TEST(FUNCTION) g_test_add_func("/machine/" #FUNCTION, test_##FUNCTION)
    TEST(everything_has_a_name);
    TEST(unknown_names_are_no_states);
    TEST(every_row_is_walked);
#undef TEST
    return g_test_run();
}
