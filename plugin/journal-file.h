/* SPDX-License-Identifier: Apache-2.0
 *
 * journal-file: the schema of the Portferry database, and making an empty
 * file of it.
 *
 * Only ovsdb-server reads and writes the file afterwards.
 */
#ifndef PF_JOURNAL_FILE_H
#define PF_JOURNAL_FILE_H 1

#include <glib.h>

struct json;

/* The journal's schema, as this program writes it; the caller destroys it. */
struct json *pf_journal_file_schema(void);

/* Makes 'file', mode 0640, with the owner of its folder, if there is no such
 * file.  One that is there is never touched; it is never seen half written.
 * Returns FALSE with '*error' set on failure. */
gboolean pf_journal_file_create(const char *file, GError **error);

#endif
