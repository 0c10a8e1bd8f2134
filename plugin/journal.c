/* SPDX-License-Identifier: Apache-2.0
 *
 * journal: what Portferry does, written down before it is done.
 *
 * Writes wait in one queue, in order.  Whenever the database can be written
 * and no transaction is under way, all that wait go into one; they leave the
 * queue when the database has them.  So a write survives any loss of the
 * connection, and writing one more costs nothing while another is under way.
 * Nothing here decides what a migration does next.
 */
#include <config.h>

#include "journal.h"

#include <string.h>

#include "journal-row.h"
#include "journal-schema.h"
#include "journal-server.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "ovsdb-idl.h"
#include "timeval.h"

VLOG_DEFINE_THIS_MODULE(pf_journal);

/* Writes that may wait; beyond, the oldest steps are dropped. */
#define MAX_QUEUE 10000

/* Writes in one transaction. */
#define MAX_BATCH 500

/* Pause before a transaction is tried again. */
#define RETRY_MS 50
/* After the disk was full. */
#define DISK_RETRY_MS 1000

/* How long a new connection may take to show the database before it is given
 * up for another. */
#define PATIENCE_MS 10000

/* One entry of the queue: a migration or a step. */
struct write {
    char *uuid;                 /* Which migration. */
    PfJournalMigration *m;      /* NULL: a step. */
    PfStep *step;               /* NULL: a migration. */
};

/* Somebody who waits for a write. */
struct waiter {
    const struct write *write;  /* NULL: it is over, and 'error' says how. */
    long long int deadline;
    guint timeout_ms;
    PfJournalDone done;
    gpointer user;
    GError *error;
};

struct PfJournal {
    char *remote;
    guint limit;
    PfJournalServer *server;
    PfJournalSchema *schema;

    /* The replica. */
    struct ovsdb_idl *idl;      /* NULL until ovsdb-server was asked once. */
    long long int idl_made;     /* When. */
    unsigned int stale_seqno;   /* Of 'idl' while it was last unconnected. */
    gboolean ready;
    char *error;

    /* Writing. */
    GQueue queue;               /* struct write *. */
    GHashTable *puts;           /* uuid => write in 'queue', not under way. */
    GPtrArray *waiters;         /* struct waiter *. */
    struct ovsdb_idl_txn *txn;  /* Under way, or NULL. */
    guint n_txn;                /* How many of the queue's head are in it. */
    guint n_alone;              /* How many of the queue's head go alone. */
    long long int retry_at;
    gboolean prune;             /* There may be too many migrations. */
};

G_DEFINE_QUARK(pf-journal-error-quark, pf_journal_error)

static void
write_free(struct write *w)
{
    g_free(w->uuid);
    pf_journal_migration_free(w->m);
    pf_step_free(w->step);
    g_free(w);
}

static void
waiter_free(struct waiter *waiter)
{
    g_clear_error(&waiter->error);
    g_free(waiter);
}

PfJournal *
pf_journal_new(const char *remote, const char *ctl, const char *file,
               guint limit)
{
    PfJournal *j = g_new0(PfJournal, 1);

    j->remote = g_strdup(remote);
    j->limit = limit;
    j->server = pf_journal_server_new(ctl, file);
    j->schema = pf_journal_schema_new(remote, file);
    g_queue_init(&j->queue);
    j->puts = g_hash_table_new(g_str_hash, g_str_equal);
    j->waiters = g_ptr_array_new_with_free_func((GDestroyNotify) waiter_free);
    return j;
}

/* Forgets the transaction under way; its writes stay queued. */
static void
drop_txn(PfJournal *j)
{
    if (j->txn) {
        ovsdb_idl_txn_destroy(j->txn);
        j->txn = NULL;
        j->n_txn = 0;
    }
}

void
pf_journal_free(PfJournal *j)
{
    if (j) {
        drop_txn(j);
        ovsdb_idl_destroy(j->idl);
        pf_journal_server_free(j->server);
        pf_journal_schema_free(j->schema);
        g_ptr_array_unref(j->waiters);
        g_hash_table_unref(j->puts);
        g_queue_clear_full(&j->queue, (GDestroyNotify) write_free);
        g_free(j->error);
        g_free(j->remote);
        g_free(j);
    }
}

/* ---- The connection --------------------------------------------------- */

/* Starts over with a new replica, which connects at once. */
static void
renew_idl(PfJournal *j)
{
    drop_txn(j);
    ovsdb_idl_destroy(j->idl);
    j->idl = ovsdb_idl_create(j->remote, &portferryrec_idl_class, true, true);
    ovsdb_idl_set_write_changed_only_all(j->idl, true);
    j->idl_made = time_msec();
    j->stale_seqno = ovsdb_idl_get_seqno(j->idl);
}

/* Runs the replica and sees whether it is complete.  It is when its sequence
 * number has moved on since it was last unconnected: each new connection moves
 * it once the whole database has arrived. */
static gboolean
replica_is_complete(PfJournal *j)
{
    ovsdb_idl_run(j->idl);
    if (!ovsdb_idl_is_connected(j->idl)) {
        j->stale_seqno = ovsdb_idl_get_seqno(j->idl);
    }
    return ovsdb_idl_get_seqno(j->idl) != j->stale_seqno;
}

/* Runs the replica, and sees that its schema is what this program writes. */
static void
run_idl(PfJournal *j)
{
    gboolean was_ready = j->ready;
    PfSchema schema;

    if (!j->idl) {
        return;
    }
    schema = pf_journal_schema_run(j->schema, replica_is_complete(j));
    j->ready = schema == PF_SCHEMA_GOOD;
    if (schema == PF_SCHEMA_CONVERTED) {
        pf_journal_server_drop(j->server);
    }

    if (j->ready && !was_ready) {
        VLOG_INFO("%s: the journal is ready", j->remote);
        j->prune = TRUE;
    } else if (!j->ready && was_ready) {
        VLOG_WARN("%s: the journal cannot be reached; %u entries wait",
                  j->remote, j->queue.length);
    }
}

/* Has ovsdb-server serve the database as long as it is not seen.  A replica
 * that is on its way is not disturbed. */
static void
run_server(PfJournal *j)
{
    PfServed served = pf_journal_server_run(j->server, !j->ready);

    if (served != PF_SERVED_UNKNOWN
        && (!j->idl || served == PF_SERVED_ADDED
            || (served == PF_SERVED_ALREADY
                && (!ovsdb_idl_is_connected(j->idl)
                    || (time_msec() >= j->idl_made + PATIENCE_MS
                        && !pf_journal_schema_error(j->schema)))))) {
        renew_idl(j);
    }
}

gboolean
pf_journal_is_ready(const PfJournal *j)
{
    return j->ready;
}

const char *
pf_journal_error(const PfJournal *j)
{
    PfJournal *mutable = (PfJournal *) j;
    const char *server_error = pf_journal_server_error(j->server);
    const char *schema_error = pf_journal_schema_error(j->schema);

    g_clear_pointer(&mutable->error, g_free);
    if (j->ready) {
        return NULL;
    } else if (schema_error || server_error) {
        return schema_error ? schema_error : server_error;
    }
    mutable->error = g_strdup_printf(
        j->idl && ovsdb_idl_is_connected(j->idl)
        ? "ovsdb-server at %s has not sent the journal yet"
        : "no connection to ovsdb-server at %s yet", j->remote);
    return mutable->error;
}

/* ---- The queue -------------------------------------------------------- */

/* Makes room in the queue by dropping the oldest step that is not under
 * way.  Migrations are never dropped: they are what recovery needs. */
static void
make_room(PfJournal *j)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 1);
    GList *link = g_queue_peek_nth_link(&j->queue, j->n_txn);

    while (link && ((struct write *) link->data)->m) {
        link = link->next;
    }
    if (link) {
        VLOG_WARN_RL(&rl, "more than %d entries wait for the journal: the "
                     "oldest steps are dropped, first one of migration %s",
                     MAX_QUEUE, ((struct write *) link->data)->uuid);
        write_free(link->data);
        g_queue_delete_link(&j->queue, link);
    }
}

/* Queues a write; takes 'm' and 'step'. */
static struct write *
enqueue(PfJournal *j, const char *uuid, PfJournalMigration *m, PfStep *step)
{
    struct write *w = g_new0(struct write, 1);

    w->uuid = g_strdup(uuid);
    w->m = m;
    w->step = step;
    if (j->queue.length >= MAX_QUEUE) {
        make_room(j);
    }
    g_queue_push_tail(&j->queue, w);
    return w;
}

void
pf_journal_put(PfJournal *j, const PfJournalMigration *m, guint timeout_ms,
               PfJournalDone done, gpointer user)
{
    struct write *w = g_hash_table_lookup(j->puts, m->uuid);

    if (w) {
        pf_journal_migration_free(w->m);
        w->m = pf_journal_migration_copy(m);
    } else {
        w = enqueue(j, m->uuid, pf_journal_migration_copy(m), NULL);
        g_hash_table_insert(j->puts, w->uuid, w);
    }

    if (done) {
        struct waiter *waiter = g_new0(struct waiter, 1);

        waiter->write = w;
        waiter->deadline = time_msec() + timeout_ms;
        waiter->timeout_ms = timeout_ms;
        waiter->done = done;
        waiter->user = user;
        g_ptr_array_add(j->waiters, waiter);
    }
}

void
pf_journal_step(PfJournal *j, const char *uuid, const PfStep *step)
{
    enqueue(j, uuid, NULL, pf_step_copy(step));
}

/* Takes the write at the queue's head away; 'error' (may be NULL) is how it
 * ended. */
static void
finish_head(PfJournal *j, const GError *error)
{
    struct write *w = g_queue_pop_head(&j->queue);

    for (guint i = 0; i < j->waiters->len; i++) {
        struct waiter *waiter = j->waiters->pdata[i];

        if (waiter->write == w) {
            waiter->write = NULL;
            waiter->error = error ? g_error_copy(error) : NULL;
        }
    }
    if (j->n_alone) {
        j->n_alone--;
    }
    write_free(w);
}

/* Tells those whose write is over or late.  They may queue more meanwhile. */
static void
tell_waiters(PfJournal *j)
{
    g_autoptr(GPtrArray) told
        = g_ptr_array_new_with_free_func((GDestroyNotify) waiter_free);

    for (guint i = 0; i < j->waiters->len; ) {
        struct waiter *waiter = j->waiters->pdata[i];

        if (waiter->write && time_msec() < waiter->deadline) {
            i++;
            continue;
        } else if (waiter->write) {
            const char *reason = pf_journal_error(j);

            g_set_error(&waiter->error, PF_JOURNAL_ERROR,
                        PF_JOURNAL_ERROR_TIMEOUT,
                        "ovsdb-server at %s has not confirmed the journal's "
                        "entry for migration %s within %u ms%s%s", j->remote,
                        waiter->write->uuid, waiter->timeout_ms,
                        reason ? ": " : "", reason ? reason : "");
        }
        g_ptr_array_add(told, g_ptr_array_steal_index(j->waiters, i));
    }

    for (guint i = 0; i < told->len; i++) {
        struct waiter *waiter = told->pdata[i];

        waiter->done(waiter->user, waiter->error);
    }
}

/* ---- Transactions ----------------------------------------------------- */

/* A migration that the transaction being composed writes to. */
struct draft {
    const struct portferryrec_migration *row;
    GPtrArray *new_steps;       /* Of a row that is inserted; else NULL. */
};

static void
draft_free(struct draft *draft)
{
    g_clear_pointer(&draft->new_steps, g_ptr_array_unref);
    g_free(draft);
}

/* The draft for migration 'uuid' among 'drafts'; NULL if neither they nor the
 * replica have it and 'create' is FALSE. */
static struct draft *
get_draft(PfJournal *j, GHashTable *drafts, const char *uuid, gboolean create)
{
    struct draft *draft = g_hash_table_lookup(drafts, uuid);
    const struct portferryrec_migration *row;

    if (draft) {
        return draft;
    }

    row = pf_journal_row_find(j->idl, uuid);
    if (!row && !create) {
        return NULL;
    }
    draft = g_new0(struct draft, 1);
    draft->row = row;
    if (!row) {
        draft->row = pf_journal_row_insert(j->txn, uuid);
        draft->new_steps = g_ptr_array_new();
    }
    g_hash_table_insert(drafts, g_strdup(uuid), draft);
    return draft;
}

/* Whether 'row' has 'step' already: the answer to an earlier attempt may have
 * been lost. */
static gboolean
has_step(const struct portferryrec_migration *row, const PfStep *step)
{
    for (size_t i = 0; i < row->n_steps; i++) {
        if (pf_journal_row_is_step(row->steps[i], step)) {
            return TRUE;
        }
    }
    return FALSE;
}

/* Adds 'w' to the transaction. */
static void
compose_write(PfJournal *j, GHashTable *drafts, const struct write *w)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(6, 6);
    struct draft *draft = get_draft(j, drafts, w->uuid, w->m != NULL);

    if (!draft) {
        VLOG_WARN_RL(&rl, "step %s of migration %s is dropped: the journal "
                     "has no such migration", w->step->request, w->uuid);
    } else if (w->m) {
        pf_journal_row_write_migration(j->txn, draft->row, w->m);
    } else if (draft->new_steps) {
        g_ptr_array_add(draft->new_steps,
                        pf_journal_row_insert_step(j->txn, w->step));
    } else if (!has_step(draft->row, w->step)) {
        portferryrec_migration_update_steps_addvalue(
            draft->row, pf_journal_row_insert_step(j->txn, w->step));
    }
}

/* Oldest first. */
static int
compare_rows(gconstpointer a_, gconstpointer b_)
{
    const struct portferryrec_migration *a
        = *(const struct portferryrec_migration **) a_;
    const struct portferryrec_migration *b
        = *(const struct portferryrec_migration **) b_;

    return (a->started < b->started ? -1 : a->started > b->started ? 1
            : strcmp(a->id, b->id));
}

/* The replica's rows, oldest first. */
static GPtrArray *
sorted_rows(PfJournal *j)
{
    const struct portferryrec_migration *row;
    GPtrArray *rows = g_ptr_array_new();

    if (j->idl) {
        PORTFERRYREC_MIGRATION_FOR_EACH (row, j->idl) {
            g_ptr_array_add(rows, (gpointer) row);
        }
        g_ptr_array_sort(rows, compare_rows);
    }
    return rows;
}

/* Deletes the oldest migrations that have ended, so that no more than the
 * limit remain; their ports and steps go with them.  One that is written to
 * in this transaction stays. */
static void
compose_pruning(PfJournal *j, GHashTable *drafts)
{
    g_autoptr(GPtrArray) rows = sorted_rows(j);
    guint n = rows->len;

    for (guint i = 0; i < rows->len && n > j->limit; i++) {
        const struct portferryrec_migration *row = rows->pdata[i];

        if (row->n_ended && !g_hash_table_contains(drafts, row->id)) {
            portferryrec_migration_delete(row);
            n--;
        }
    }
}

/* Begins a transaction with what waits. */
static void
compose(PfJournal *j)
{
    g_autoptr(GHashTable) drafts
        = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                (GDestroyNotify) draft_free);
    GList *link = j->queue.head;
    GHashTableIter iter;
    gpointer draft_;

    j->txn = ovsdb_idl_txn_create(j->idl);
    j->n_txn = j->n_alone ? 1 : MIN(j->queue.length, MAX_BATCH);
    for (guint i = 0; i < j->n_txn; i++, link = link->next) {
        struct write *w = link->data;

        if (g_hash_table_lookup(j->puts, w->uuid) == w) {
            g_hash_table_remove(j->puts, w->uuid);
        }
        compose_write(j, drafts, w);
    }

    g_hash_table_iter_init(&iter, drafts);
    while (g_hash_table_iter_next(&iter, NULL, &draft_)) {
        struct draft *draft = draft_;

        if (draft->new_steps) {
            portferryrec_migration_set_steps(
                draft->row,
                (struct portferryrec_step **) draft->new_steps->pdata,
                draft->new_steps->len);
            j->prune = TRUE;
        }
    }
    if (j->prune) {
        compose_pruning(j, drafts);
    }
}

/* The database has refused the transaction for good.  If it had several
 * writes, each is tried alone, so that one does not take others with it. */
static void
txn_refused(PfJournal *j)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(6, 6);
    g_autoptr(GError) error = NULL;
    const struct write *w = g_queue_peek_head(&j->queue);

    if (j->n_txn > 1) {
        j->n_alone = j->n_txn;
        return;
    }
    g_set_error(&error, PF_JOURNAL_ERROR, PF_JOURNAL_ERROR_REFUSED,
                "ovsdb-server at %s refuses the journal's %s%s%s: %s",
                j->remote, (!w ? "pruning" : w->m ? "entry for migration "
                            : "step of migration "), w ? w->uuid : "",
                w && w->step ? w->step->request : "",
                ovsdb_idl_txn_get_error(j->txn));
    VLOG_WARN_RL(&rl, "%s", error->message);
    if (j->n_txn) {
        finish_head(j, error);
    }
    j->prune = FALSE;
}

/* Whether the server refused 'txn' for want of a disk that takes it ("I/O
 * error", RFC 7047 4.1.3), not for what is in it. */
static gboolean
is_disk_error(const struct ovsdb_idl_txn *txn)
{
    const char *error = ovsdb_idl_txn_get_error(txn);

    return error && strstr(error, "I/O error");
}

/* Drives the transaction under way.  Returns FALSE while it is. */
static gboolean
advance_txn(PfJournal *j)
{
    enum ovsdb_idl_txn_status status = ovsdb_idl_txn_commit(j->txn);

    if (status == TXN_INCOMPLETE) {
        return FALSE;
    } else if (status == TXN_SUCCESS || status == TXN_UNCHANGED) {
        for (guint i = 0; i < j->n_txn; i++) {
            finish_head(j, NULL);
        }
        j->prune = FALSE;
    } else if (status == TXN_ERROR && is_disk_error(j->txn)) {
        static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 6);

        VLOG_WARN_RL(&rl, "ovsdb-server at %s cannot write the journal, the "
                     "entries wait: %s", j->remote,
                     ovsdb_idl_txn_get_error(j->txn));
        j->retry_at = time_msec() + DISK_RETRY_MS;
    } else if (status == TXN_ERROR) {
        txn_refused(j);
    } else {
        j->retry_at = time_msec() + RETRY_MS;
    }
    drop_txn(j);
    return TRUE;
}

/* Whether a transaction is due. */
static gboolean
has_work(const PfJournal *j)
{
    return j->ready && !j->txn && (j->queue.length || j->prune);
}

/* Writes as far as possible without waiting. */
static void
run_writes(PfJournal *j)
{
    if (j->txn && !advance_txn(j)) {
        return;
    }
    while (has_work(j) && time_msec() >= j->retry_at) {
        compose(j);
        if (!advance_txn(j)) {
            return;
        }
    }
}

void
pf_journal_run(PfJournal *j)
{
    run_idl(j);
    run_server(j);
    run_writes(j);
    tell_waiters(j);
}

void
pf_journal_wait(PfJournal *j)
{
    if (j->idl) {
        ovsdb_idl_wait(j->idl);
    }
    pf_journal_server_wait(j->server, !j->ready);
    pf_journal_schema_wait(j->schema);
    if (j->txn) {
        ovsdb_idl_txn_wait(j->txn);
    } else if (has_work(j)) {
        poll_timer_wait_until(j->retry_at);
    }
    for (guint i = 0; i < j->waiters->len; i++) {
        const struct waiter *waiter = j->waiters->pdata[i];

        poll_timer_wait_until(waiter->deadline);
    }
}

/* ---- Reading ---------------------------------------------------------- */

GPtrArray *
pf_journal_migrations(PfJournal *j)
{
    GPtrArray *migrations = g_ptr_array_new_with_free_func(
        (GDestroyNotify) pf_journal_migration_free);
    g_autoptr(GPtrArray) rows = sorted_rows(j);

    for (guint i = 0; i < rows->len; i++) {
        g_ptr_array_add(migrations,
                        pf_journal_row_read_migration(rows->pdata[i]));
    }
    return migrations;
}

PfJournalMigration *
pf_journal_find(PfJournal *j, const char *which)
{
    g_autoptr(GPtrArray) rows = sorted_rows(j);
    const struct portferryrec_migration *found = NULL;

    if (!which) {
        found = rows->len ? rows->pdata[rows->len - 1] : NULL;
        return found ? pf_journal_row_read_migration(found) : NULL;
    }
    for (guint i = 0; i < rows->len; i++) {
        const struct portferryrec_migration *row = rows->pdata[i];

        if (g_str_has_prefix(row->id, which)) {
            if (found) {
                return NULL;
            }
            found = row;
        }
    }
    return found ? pf_journal_row_read_migration(found) : NULL;
}

/* By number, then by time. */
static int
compare_steps(gconstpointer a_, gconstpointer b_)
{
    const PfStep *a = *(const PfStep **) a_;
    const PfStep *b = *(const PfStep **) b_;

    return (a->seq != b->seq ? (a->seq < b->seq ? -1 : 1)
            : a->time_us < b->time_us ? -1 : a->time_us > b->time_us);
}

GPtrArray *
pf_journal_trace(PfJournal *j, const char *uuid)
{
    GPtrArray *steps = g_ptr_array_new_with_free_func(
        (GDestroyNotify) pf_step_free);
    const struct portferryrec_migration *row
        = j->idl ? pf_journal_row_find(j->idl, uuid) : NULL;

    for (size_t i = 0; row && i < row->n_steps; i++) {
        g_ptr_array_add(steps, pf_journal_row_read_step(row->steps[i]));
    }
    g_ptr_array_sort(steps, compare_steps);
    return steps;
}
