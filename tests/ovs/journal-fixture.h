/* SPDX-License-Identifier: Apache-2.0
 *
 * journal-fixture: an ovsdb-server that serves a switch's database and has
 * never heard of ours, and journals that it is to serve.
 */
#ifndef JOURNAL_FIXTURE_H
#define JOURNAL_FIXTURE_H 1

#include <glib.h>
#include <sys/types.h>

#include "journal.h"
#include "openvswitch/poll-loop.h"
#include "timeval.h"

/* How long anything may take that should happen at once: not a measure of
 * speed, only the end of a test that hangs. */
#define JF_PATIENCE_MS 30000

extern char *jf_rundir;
extern char *jf_remote;
extern pid_t jf_server;         /* 0: not started. */

/* Makes the folder and the switch's database in it, and their end. */
void jf_set_up(void);
void jf_tear_down(void);
void jf_server_start(void);
void jf_server_stop(void);

/* What a program prints, which has to succeed. */
char *jf_output_of(const char *command);

/* A file for one test's database, which is not there yet. */
char *jf_new_file(void);
PfJournal *jf_open(const char *file, guint limit);
/* Frees 'j' and takes its database out of ovsdb-server again, so that the next
 * test's can be added: a restart forgets it. */
void jf_end(PfJournal *j);

/* A running migration without ports, that started at 'started'. */
PfJournalMigration *jf_new_migration(gint64 started);
void jf_set(char **s, const char *value);

/* The outcome of one write, for pf_journal_put() with jf_done(). */
struct jf_outcome {
    int n_calls;
    GError *error;
};
void jf_done(gpointer outcome, const GError *error);

/* Writes 'm' and waits until the database has it. */
void jf_put(PfJournal *j, const PfJournalMigration *m);
guint jf_n_migrations(PfJournal *j);

/* Runs 'j' until 'CONDITION' holds. */
#define JF_RUN_UNTIL(J, CONDITION)                                          \
    do {                                                                    \
        long long int end__ = time_msec() + JF_PATIENCE_MS;                 \
        for (pf_journal_run(J); !(CONDITION); pf_journal_run(J)) {          \
            if (time_msec() >= end__) {                                     \
                g_error("%s:%d: never true: %s (journal: %s)", __FILE__,    \
                        __LINE__, #CONDITION, pf_journal_error(J));         \
            }                                                               \
            pf_journal_wait(J);                                             \
            poll_timer_wait_until(end__);                                   \
            poll_block();                                                   \
        }                                                                   \
    } while (0)

/* The migration 'uuid' as the journal has it. */
#define JF_FIND(J, UUID)                                                    \
    g_autoptr(PfJournalMigration) found = pf_journal_find(J, UUID);         \
    g_assert_nonnull(found)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PfJournalMigration, pf_journal_migration_free)

#endif
