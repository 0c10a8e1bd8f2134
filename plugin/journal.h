/* SPDX-License-Identifier: Apache-2.0
 *
 * journal: what Portferry does, written down before it is done.
 *
 * An OVSDB database, "Portferry" (portferry.ovsschema), that this host's
 * ovsdb-server serves.  This part creates its file, asks ovsdb-server to add
 * it (again, whenever ovsdb-server has restarted), has one of an older
 * Portferry converted, keeps a replica, and writes migrations, their ports and
 * the trace of requests.  Writes are queued in order and survive a reconnect;
 * the oldest finished migrations are removed so that no more than 'limit'
 * remain.
 */
#ifndef PF_JOURNAL_H
#define PF_JOURNAL_H 1

#include <glib.h>

typedef struct PfJournal PfJournal;

#define PF_JOURNAL_LIMIT_DEFAULT 1000

#define PF_JOURNAL_ERROR pf_journal_error_quark()
GQuark pf_journal_error_quark(void);
typedef enum {
    PF_JOURNAL_ERROR_TIMEOUT,   /* Not confirmed in time; stays queued. */
    PF_JOURNAL_ERROR_REFUSED,   /* By the database; given up. */
} PfJournalError;

/* 'remote': ovsdb-server; 'ctl': its unixctl socket, NULL: found from its pid
 * file in ovs_rundir(); 'file': the database file, created if absent (mode
 * 0640, atomically); 'limit': migrations kept.  Never blocks. */
PfJournal *pf_journal_new(const char *remote, const char *ctl,
                          const char *file, guint limit);
void pf_journal_free(PfJournal *);
void pf_journal_run(PfJournal *);
void pf_journal_wait(PfJournal *);
/* The replica is complete, its schema this program's or a later one, and the
 * connection alive. */
gboolean pf_journal_is_ready(const PfJournal *);
/* Why it is not ready, or NULL. */
const char *pf_journal_error(const PfJournal *);

/* A migration as the journal knows it. */
typedef struct {
    char *uuid;                 /* Ours, made by g_uuid_string_random(). */
    char *role;                 /* "source" or "destination". */
    char *domain;               /* Name. */
    char *domain_uuid;
    char *peer;                 /* Other host's name, or NULL. */
    char *epoch;                /* or NULL. */
    char *state;                /* Of the state machine. */
    char *outcome;              /* "running" until the end. */
    char *error;                /* or NULL. */
    char *level;                /* PortData level, or NULL. */
    gint64 started_us;          /* Wall clock. */
    gint64 ended_us;            /* 0: not yet. */
    GPtrArray *ports;           /* PfJournalPort *. */
} PfJournalMigration;

typedef struct {
    char *mac;
    char *name;
    char *bridge;
    char *network;
    char *data;                 /* JSON text of the role's own. */
} PfJournalPort;

/* One request of the trace; names as in the README. */
typedef struct {
    guint seq;
    gint64 time_us;             /* Wall clock. */
    gint64 us;                  /* Duration. */
    char *host;
    char *port;                 /* MAC. */
    char *request;
    char *kind;                 /* "validation", "operational" or NULL. */
    char *extension;            /* or NULL. */
    char *result;               /* ok, failed, skipped, undone. */
    char *detail;               /* or NULL. */
} PfStep;

PfJournalMigration *pf_journal_migration_copy(const PfJournalMigration *);
void pf_journal_migration_free(PfJournalMigration *);
PfJournalPort *pf_journal_port_new(const char *mac, const char *name,
                                   const char *bridge, const char *network,
                                   const char *data);
void pf_journal_port_free(PfJournalPort *);
PfStep *pf_step_copy(const PfStep *);
void pf_step_free(PfStep *);

/* Called from pf_journal_run() when the write is in the database. */
typedef void (*PfJournalDone)(gpointer user, const GError *error);

/* Writes 'm' (inserts, or updates the row with its uuid, its ports replaced as
 * a whole).  'm' is copied.  'done' may be NULL; if not, it is called once,
 * within 'timeout_ms' at the latest (then with an error; the write stays
 * queued). */
void pf_journal_put(PfJournal *, const PfJournalMigration *m,
                    guint timeout_ms, PfJournalDone done, gpointer user);
/* Appends a step to the trace of migration 'uuid'; batched, in order, after
 * the pf_journal_put()s before it. */
void pf_journal_step(PfJournal *, const char *uuid, const PfStep *);

/* From the replica, oldest first; PfJournalMigration *. */
GPtrArray *pf_journal_migrations(PfJournal *);
/* The newest migration (by start), or the only one whose UUID begins with
 * 'which'; NULL if there is none, or more than one. */
PfJournalMigration *pf_journal_find(PfJournal *, const char *which);
/* PfStep *, by seq. */
GPtrArray *pf_journal_trace(PfJournal *, const char *uuid);

#endif
