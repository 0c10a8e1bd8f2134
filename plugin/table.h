/* SPDX-License-Identifier: Apache-2.0
 *
 * table: text in aligned columns, for a terminal.
 *
 * Knows nothing of what it prints.  Cells may hold any bytes: what is not
 * printable text is shown as '?', so that nothing from another host reaches
 * the terminal as a control sequence.
 */
#ifndef PF_TABLE_H
#define PF_TABLE_H 1

#include <glib.h>

typedef struct PfTable PfTable;

typedef enum {
    PF_TABLE_LEFT,              /* Text. */
    PF_TABLE_RIGHT,             /* Numbers. */
    PF_TABLE_NOTE,              /* Last column only: long text, which goes on
                                 * lines of its own if the table would become
                                 * too wide with it. */
} PfTableAlign;

PfTable *pf_table_new(void);
void pf_table_free(PfTable *);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PfTable, pf_table_free)

/* All columns first, then cells, row by row.  Text is copied; NULL is the
 * empty cell. */
void pf_table_add_column(PfTable *, const char *title, PfTableAlign);
void pf_table_add_cell(PfTable *, const char *text);

/* Appends the table to 's', no wider than 'width' columns where the notes can
 * make room for that.  Only a complete last row is shown. */
void pf_table_format(const PfTable *, guint width, GString *s);

/* 'text' as printable UTF-8 in one line, "" for NULL; the caller frees it. */
char *pf_table_clean(const char *text);

#endif
