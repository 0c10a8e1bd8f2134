/* SPDX-License-Identifier: Apache-2.0
 *
 * rows: rows of the Open_vSwitch database, any table, any column, as
 * GVariants.
 *
 * What PfHost's functions for the database are made of; their contract is in
 * portferry/extension.h.  Generic: knows the schema from Open vSwitch's own
 * IDL classes, and no table by name.
 */
#ifndef PF_ROWS_H
#define PF_ROWS_H 1

#include <portferry/extension.h>

#include "plugin/switch.h"

/* Makes the replica of 'sw' have the columns ("TABLE.COLUMN",
 * NULL-terminated); before the first pf_switch_run().  What this Open
 * vSwitch's schema does not have is logged, and reads as absent. */
void pf_rows_replicate(PfSwitch *sw, const char *const *columns);

const PfRow *pf_rows_find(PfSwitch *, const char *table, const char *column,
                          const char *value);
const PfRow *pf_rows_by_uuid(PfSwitch *, const char *table, const char *uuid);
const PfRow *pf_rows_next(PfSwitch *, const char *table, const PfRow *after);
char *pf_row_uuid(const PfRow *);
GVariant *pf_row_get(const PfRow *, const char *column);
char *pf_row_get_key(const PfRow *, const char *column, const char *key);

const PfRow *pf_row_insert(PfTxn *, const char *table, GError **error);
gboolean pf_row_set(PfTxn *, const PfRow *, const char *column,
                    GVariant *value, GError **error);
gboolean pf_row_set_key(PfTxn *, const PfRow *, const char *column,
                        const char *key, const char *value, GError **error);
gboolean pf_row_set_member(PfTxn *, const PfRow *, const char *column,
                           GVariant *member, gboolean is_member,
                           GError **error);
void pf_row_remove(PfTxn *, const PfRow *);

/* In switch.h's changes: adds an operation of an extension.  Takes over
 * 'user', and frees it with 'free_user' (may be NULL) at the change's end. */
void pf_change_apply_func(PfChange *, PfApplyFunc *apply, gpointer user,
                          GDestroyNotify free_user);

#endif
