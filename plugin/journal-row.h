/* SPDX-License-Identifier: Apache-2.0
 *
 * journal-row: the journal's types as rows of the Portferry database, and
 * back.
 *
 * The only place that knows the schema's columns.  Does not decide when
 * anything is written.
 */
#ifndef PF_JOURNAL_ROW_H
#define PF_JOURNAL_ROW_H 1

#include "journal.h"
#include "portferry-idl.h"

/* The row of migration 'id' in the replica, or NULL. */
const struct portferryrec_migration *pf_journal_row_find(
    struct ovsdb_idl *, const char *id);

/* Inserts the row for migration 'id', all other columns empty. */
const struct portferryrec_migration *pf_journal_row_insert(
    struct ovsdb_idl_txn *, const char *id);

/* Brings 'row' to 'm', its ports included, its steps left alone. */
void pf_journal_row_write_migration(
    struct ovsdb_idl_txn *, const struct portferryrec_migration *row,
    const PfJournalMigration *m);
PfJournalMigration *pf_journal_row_read_migration(
    const struct portferryrec_migration *);

/* Inserts a row for 'step', which must then be added to a migration's. */
struct portferryrec_step *pf_journal_row_insert_step(
    struct ovsdb_idl_txn *, const PfStep *step);
PfStep *pf_journal_row_read_step(const struct portferryrec_step *);
/* Whether the row says what 'step' says. */
bool pf_journal_row_is_step(const struct portferryrec_step *,
                            const PfStep *step);

#endif
