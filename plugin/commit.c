/* SPDX-License-Identifier: Apache-2.0
 *
 * commit: brings changes into the database and sees them acknowledged.
 *
 * One transaction at a time is under way.  It holds every change that waits,
 * but none that names a port of another one in it: operations on ports do not
 * see each other's.  Functions of extensions do (rows.h): they come after one
 * another, as if in transactions of their own.  When ovsdb-server says "try
 * again" all are computed anew; when it refuses, or one cannot be applied
 * after others, it is tried alone.  What a change writes is change.c's.
 *
 *     waiting --transaction--> flight --success--> acks --checked--> finished
 *        ^                        |
 *        +---try again, refused---+
 */
#include <config.h>

#include "switch-private.h"

#include <inttypes.h>
#include <string.h>

#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "ovsdb-idl-provider.h"
#include "timeval.h"

VLOG_DEFINE_THIS_MODULE(pf_commit);

/* After "try again" the next attempt is made when the replica has changed,
 * or after this time (ms) if it has not. */
#define RETRY_MS 100

void
pf_commits_init(struct pf_commits *c)
{
    g_queue_init(&c->waiting);
    g_queue_init(&c->acks);
    g_queue_init(&c->finished);
    c->flight = g_ptr_array_new();
}

void
pf_commits_destroy(struct pf_commits *c)
{
    if (c->txn) {
        ovsdb_idl_txn_destroy(c->txn);
    }
    for (guint i = 0; i < c->flight->len; i++) {
        pf_change_free(c->flight->pdata[i]);
    }
    g_ptr_array_unref(c->flight);
    g_queue_clear_full(&c->waiting, (GDestroyNotify) pf_change_free);
    g_queue_clear_full(&c->acks, (GDestroyNotify) pf_change_free);
    g_queue_clear_full(&c->finished, (GDestroyNotify) pf_change_free);
}

void
pf_switch_submit(PfSwitch *sw, PfChange *change, guint timeout_ms,
                 PfChangeDone done, gpointer user)
{
    change->timeout_ms = timeout_ms;
    change->deadline = time_msec() + timeout_ms;
    change->done = done;
    change->user = user;
    g_queue_push_tail(&sw->commits.waiting, change);
}

/* 'change' is over; takes ownership of 'error', NULL on success. */
static void
finish(struct pf_commits *c, PfChange *change, GError *error)
{
    change->error = error;
    g_queue_push_tail(&c->finished, change);
}

/* ---- Into the database ------------------------------------------------ */

/* Moves the changes that shall share the next transaction from 'waiting' to
 * 'flight'. */
static void
gather(struct pf_commits *c)
{
    g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);
    PfChange *change;

    while ((change = g_queue_peek_head(&c->waiting)) != NULL) {
        if ((change->alone && c->flight->len)
            || !pf_change_claim_names(change, names)) {
            break;
        }
        g_queue_pop_head(&c->waiting);
        g_ptr_array_add(c->flight, change);
        if (change->alone) {
            break;
        }
    }
}

/* Puts the changes in 'flight' from number 'first' on back to where they come
 * from. */
static void
put_back(struct pf_commits *c, guint first)
{
    for (guint i = c->flight->len; i-- > first; ) {
        g_queue_push_head(&c->waiting, c->flight->pdata[i]);
    }
    g_ptr_array_set_size(c->flight, first);
}

/* Applies the changes in 'flight' to the open transaction.  Returns FALSE if
 * it has to be made anew, with what is left in 'flight': a change that cannot
 * be applied to the database as it is, is finished; one that cannot after
 * others is tried alone when those are over, and what came after it, after
 * it. */
static gboolean
apply_flight(PfSwitch *sw, gboolean *acknowledge)
{
    struct pf_commits *c = &sw->commits;

    *acknowledge = FALSE;
    for (guint i = 0; i < c->flight->len; i++) {
        PfChange *change = c->flight->pdata[i];
        GError *error = NULL;

        if (pf_change_apply(sw, change, &error)) {
            *acknowledge |= change->acknowledge;
            continue;
        }
        if (i == 0) {
            g_ptr_array_remove_index(c->flight, 0);
            finish(c, change, error);
        } else {
            g_clear_error(&error);
            change->alone = TRUE;
            put_back(c, i);
        }
        return FALSE;
    }
    return TRUE;
}

/* Makes a transaction of the changes in 'flight', as far as they can be
 * applied. */
static void
compose(PfSwitch *sw)
{
    struct pf_commits *c = &sw->commits;
    gboolean acknowledge;

    c->txn = ovsdb_idl_txn_create(sw->idl);
    while (!apply_flight(sw, &acknowledge)) {
        ovsdb_idl_txn_abort(c->txn);
        ovsdb_idl_txn_destroy(c->txn);
        c->txn = ovsdb_idl_txn_create(sw->idl);
    }
    if (acknowledge) {
        ovsdb_idl_txn_increment(c->txn, &pf_switch_root(sw)->header_,
                                &ovsrec_open_vswitch_col_next_cfg, true);
    }
}

/* The transaction succeeded: each change is finished, or waits for
 * ovs-vswitchd. */
static void
handle_success(struct pf_commits *c, enum ovsdb_idl_txn_status status)
{
    for (guint i = 0; i < c->flight->len; i++) {
        PfChange *change = c->flight->pdata[i];

        if (change->acknowledge && status == TXN_SUCCESS) {
            change->cfg = ovsdb_idl_txn_get_increment_new_value(c->txn);
            g_queue_push_tail(&c->acks, change);
        } else {
            finish(c, change, NULL);
        }
    }
}

/* The transaction shall be tried again: its changes come first again. */
static void
handle_try_again(struct pf_commits *c)
{
    put_back(c, 0);
    c->blocked = TRUE;
    c->retry_at = time_msec() + RETRY_MS;
}

/* The transaction was refused: its changes are tried alone.  One that was
 * alone is finished. */
static void
handle_error(struct pf_commits *c)
{
    const char *reason = ovsdb_idl_txn_get_error(c->txn);

    for (guint i = c->flight->len; i-- > 0; ) {
        PfChange *change = c->flight->pdata[i];

        if (change->alone) {
            g_autofree char *what = pf_change_describe(change);

            finish(c, change,
                   g_error_new(PF_SWITCH_ERROR, PF_SWITCH_ERROR_DATABASE,
                               "%s: ovsdb-server refused the transaction: %s",
                               what, reason));
        } else {
            change->alone = TRUE;
            g_queue_push_head(&c->waiting, change);
        }
    }
}

/* Looks how the transaction under way is doing.  Returns true if it is over,
 * and another may be made. */
static gboolean
run_txn(struct pf_commits *c)
{
    enum ovsdb_idl_txn_status status = ovsdb_idl_txn_commit(c->txn);

    switch (status) {
    case TXN_INCOMPLETE:
        return FALSE;
    case TXN_SUCCESS:
    case TXN_UNCHANGED:
        handle_success(c, status);
        break;
    case TXN_TRY_AGAIN:
        handle_try_again(c);
        break;
    case TXN_UNCOMMITTED:
    case TXN_ABORTED:
    case TXN_NOT_LOCKED:
    case TXN_ERROR:
    default:
        handle_error(c);
        break;
    }
    g_ptr_array_set_size(c->flight, 0);
    ovsdb_idl_txn_destroy(c->txn);
    c->txn = NULL;
    return TRUE;
}

/* Returns true if a new transaction may be made now. */
static gboolean
may_commit(PfSwitch *sw)
{
    struct pf_commits *c = &sw->commits;

    if (c->blocked
        && (ovsdb_idl_get_seqno(sw->idl) != c->flight_seqno
            || time_msec() >= c->retry_at)) {
        c->blocked = FALSE;
    }
    return (!c->txn && !c->blocked && !g_queue_is_empty(&c->waiting)
            && pf_switch_is_ready(sw));
}

/* ---- Acknowledgements and deadlines ----------------------------------- */

/* Finishes each committed change that ovs-vswitchd has carried out, if it
 * looks as it should. */
static void
run_acks(PfSwitch *sw)
{
    struct pf_commits *c = &sw->commits;
    const struct ovsrec_open_vswitch *root = pf_switch_root(sw);
    GList *next;

    for (GList *l = c->acks.head; root && !sw->stale && l; l = next) {
        PfChange *change = l->data;
        g_autofree char *missing = NULL;
        GError *error = NULL;

        next = l->next;
        if (root->cur_cfg >= change->cfg
            && pf_change_check(sw, change, &missing, &error)
               != PF_CHECK_WAIT) {
            g_queue_delete_link(&c->acks, l);
            finish(c, change, error);
        }
    }
}

/* The error for a 'change' that ovsdb-server has not committed in time. */
static GError *
database_timeout(PfSwitch *sw, const PfChange *change)
{
    g_autofree char *what = pf_change_describe(change);

    return g_error_new(PF_SWITCH_ERROR, PF_SWITCH_ERROR_TIMEOUT,
                       "%s: ovsdb-server (%s) did not commit the change "
                       "within %u ms%s", what, sw->remote, change->timeout_ms,
                       pf_switch_is_ready(sw) ? "" : ": no connection");
}

/* The error for a committed 'change' that did not show in time. */
static GError *
vswitchd_timeout(PfSwitch *sw, const PfChange *change)
{
    const struct ovsrec_open_vswitch *root = pf_switch_root(sw);
    g_autofree char *what = pf_change_describe(change);
    g_autofree char *missing = NULL;

    if (root && root->cur_cfg >= change->cfg) {
        pf_change_check(sw, change, &missing, NULL);
    }
    return g_error_new(PF_SWITCH_ERROR, PF_SWITCH_ERROR_TIMEOUT,
                       "%s: ovs-vswitchd did not %s%s within %u ms", what,
                       missing ? "report " : "acknowledge the change",
                       missing ? missing : "", change->timeout_ms);
}

/* Finishes the changes whose time is over. */
static void
run_deadlines(PfSwitch *sw)
{
    struct pf_commits *c = &sw->commits;
    long long int now = time_msec();
    GList *next;

    for (GList *l = c->waiting.head; l; l = next) {
        PfChange *change = l->data;

        next = l->next;
        if (now >= change->deadline) {
            g_queue_delete_link(&c->waiting, l);
            finish(c, change, database_timeout(sw, change));
        }
    }
    for (guint i = c->flight->len; i-- > 0; ) {
        PfChange *change = c->flight->pdata[i];

        if (now >= change->deadline) {
            g_ptr_array_remove_index(c->flight, i);
            finish(c, change, database_timeout(sw, change));
        }
    }
    for (GList *l = c->acks.head; l; l = next) {
        PfChange *change = l->data;

        next = l->next;
        if (now >= change->deadline) {
            g_queue_delete_link(&c->acks, l);
            finish(c, change, vswitchd_timeout(sw, change));
        }
    }
}

/* ---- The loop --------------------------------------------------------- */

void
pf_commits_run(PfSwitch *sw)
{
    struct pf_commits *c = &sw->commits;
    GQueue finished;
    PfChange *change;

    if (c->txn) {
        run_txn(c);
    }
    while (may_commit(sw)) {
        gather(c);
        c->flight_seqno = ovsdb_idl_get_seqno(sw->idl);
        compose(sw);
        run_txn(c);
    }
    run_acks(sw);
    run_deadlines(sw);

    /* What the callbacks submit belongs to the next run. */
    finished = c->finished;
    g_queue_init(&c->finished);
    while ((change = g_queue_pop_head(&finished)) != NULL) {
        if (change->error) {
            VLOG_DBG("%s", change->error->message);
        }
        if (change->done) {
            change->done(change->user, change->error);
        }
        pf_change_free(change);
    }
}

/* Wakes the loop at the earliest deadline in 'queue'. */
static void
wait_deadlines(const GQueue *queue)
{
    for (const GList *l = queue->head; l; l = l->next) {
        const PfChange *change = l->data;

        poll_timer_wait_until(change->deadline);
    }
}

void
pf_commits_wait(PfSwitch *sw)
{
    struct pf_commits *c = &sw->commits;

    if (c->txn) {
        ovsdb_idl_txn_wait(c->txn);
    } else if (may_commit(sw)) {
        poll_immediate_wake();
    } else if (c->blocked && !g_queue_is_empty(&c->waiting)) {
        poll_timer_wait_until(c->retry_at);
    }
    wait_deadlines(&c->waiting);
    wait_deadlines(&c->acks);
    for (guint i = 0; i < c->flight->len; i++) {
        const PfChange *change = c->flight->pdata[i];

        poll_timer_wait_until(change->deadline);
    }
}
