/* SPDX-License-Identifier: Apache-2.0
 *
 * journal-server: has ovsdb-server serve the journal's database, or serve it
 * anew.
 *
 * Makes the database's file if there is none, and asks ovsdb-server to add it,
 * for as long as somebody misses the database: with a back-off, and without
 * ever blocking.  It does not look whether the database is served: the one who
 * uses it knows.
 */
#ifndef PF_JOURNAL_SERVER_H
#define PF_JOURNAL_SERVER_H 1

#include <glib.h>

typedef struct PfJournalServer PfJournalServer;

/* 'ctl': ovsdb-server's unixctl socket, NULL: found from its pid file in
 * ovs_rundir(). */
PfJournalServer *pf_journal_server_new(const char *ctl, const char *file);
void pf_journal_server_free(PfJournalServer *);

typedef enum {
    PF_SERVED_UNKNOWN,          /* No news. */
    PF_SERVED_ADDED,            /* Since just now. */
    PF_SERVED_ALREADY,          /* It was already. */
    PF_SERVED_FAILED,           /* See pf_journal_server_error(). */
} PfServed;

/* Makes progress; 'missed': the database is not seen at the moment. */
PfServed pf_journal_server_run(PfJournalServer *, gboolean missed);
void pf_journal_server_wait(PfJournalServer *, gboolean missed);

/* Has ovsdb-server drop the database, while it is missed, before it is added
 * again.  After a conversion: ovsdb-server goes on telling its clients the old
 * schema (seen with 3.1: update_database_status() looks only once). */
void pf_journal_server_drop(PfJournalServer *);

/* Why the last attempt failed, or NULL. */
const char *pf_journal_server_error(const PfJournalServer *);

#endif
