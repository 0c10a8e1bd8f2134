/* SPDX-License-Identifier: Apache-2.0
 *
 * journal-file: making an empty Portferry database file.
 *
 * Only ovsdb-server reads and writes the file afterwards.
 */
#ifndef PF_JOURNAL_FILE_H
#define PF_JOURNAL_FILE_H 1

#include <glib.h>

/* Makes 'file', mode 0640, with the owner of its folder, if there is no such
 * file.  One that is there is never touched; it is never seen half written.
 * Returns FALSE with '*error' set on failure. */
gboolean pf_journal_file_create(const char *file, GError **error);

#endif
