/* SPDX-License-Identifier: Apache-2.0
 *
 * journal-schema: brings the schema of the journal's database up to that of
 * this program.
 *
 * A database that an older Portferry has made is converted by ovsdb-server, as
 * `ovsdb-client convert' has it do: what is in it stays.  One of a later
 * version is used as it is: a later schema has more than an earlier one.
 */
#ifndef PF_JOURNAL_SCHEMA_H
#define PF_JOURNAL_SCHEMA_H 1

#include <glib.h>

typedef struct PfJournalSchema PfJournalSchema;

/* 'remote' is ovsdb-server's, "unix:/run/openvswitch/db.sock"; 'file' is the
 * database's, for messages. */
PfJournalSchema *pf_journal_schema_new(const char *remote, const char *file);
void pf_journal_schema_free(PfJournalSchema *);

typedef enum {
    PF_SCHEMA_UNKNOWN,          /* No answer yet, see pf_journal_schema_error()
                                 * for why. */
    PF_SCHEMA_GOOD,             /* What this program writes fits. */
    PF_SCHEMA_CONVERTED,        /* Since just now, told once: now it has to be
                                 * served anew. */
} PfSchema;

/* Makes progress; 'served': the database is there to be asked.  As soon as it
 * is not, what is known is forgotten: another may come. */
PfSchema pf_journal_schema_run(PfJournalSchema *, gboolean served);
void pf_journal_schema_wait(PfJournalSchema *);

/* Why the schema is not good, or NULL. */
const char *pf_journal_schema_error(const PfJournalSchema *);

#endif
