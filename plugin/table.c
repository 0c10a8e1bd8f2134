/* SPDX-License-Identifier: Apache-2.0
 *
 * table: text in aligned columns, for a terminal.
 */
#include <config.h>

#include "table.h"

#include <string.h>

/* Between columns, and before a note on a line of its own. */
#define GAP 2
#define NOTE_INDENT 4

struct column {
    char *title;
    PfTableAlign align;
    guint width;                /* Of the widest cell, the title included. */
};

struct PfTable {
    GArray *columns;            /* struct column. */
    GPtrArray *cells;           /* char *, row by row, clean. */
};

static void
clear_column(gpointer column_)
{
    struct column *column = column_;

    g_free(column->title);
}

PfTable *
pf_table_new(void)
{
    PfTable *table = g_new0(PfTable, 1);

    table->columns = g_array_new(FALSE, TRUE, sizeof(struct column));
    g_array_set_clear_func(table->columns, clear_column);
    table->cells = g_ptr_array_new_with_free_func(g_free);
    return table;
}

void
pf_table_free(PfTable *table)
{
    if (table) {
        g_array_unref(table->columns);
        g_ptr_array_unref(table->cells);
        g_free(table);
    }
}

/* How many columns of a terminal 'c' takes. */
static guint
char_width(gunichar c)
{
    return g_unichar_iszerowidth(c) ? 0 : g_unichar_iswide(c) ? 2 : 1;
}

/* How many columns of a terminal the first 'size' bytes of 's', clean text,
 * take. */
static guint
text_width(const char *s, gsize size)
{
    guint width = 0;

    for (const char *p = s; p < s + size; p = g_utf8_next_char(p)) {
        width += char_width(g_utf8_get_char(p));
    }
    return width;
}

char *
pf_table_clean(const char *text)
{
    g_autofree char *valid = g_utf8_make_valid(text ? text : "", -1);
    GString *s = g_string_new(NULL);

    for (const char *p = valid; *p; p = g_utf8_next_char(p)) {
        gunichar c = g_utf8_get_char(p);

        if (g_unichar_isspace(c)) {
            g_string_append_c(s, ' ');
        } else if (g_unichar_isprint(c) || g_unichar_ismark(c)) {
            g_string_append_unichar(s, c);
        } else {
            g_string_append_c(s, '?');
        }
    }
    return g_string_free(s, FALSE);
}

void
pf_table_add_column(PfTable *table, const char *title, PfTableAlign align)
{
    struct column column = {
        .title = pf_table_clean(title),
        .align = align,
    };

    g_assert(!table->cells->len);
    column.width = text_width(column.title, strlen(column.title));
    g_array_append_val(table->columns, column);
}

/* The column of the cell 'i'. */
static struct column *
column_of(const PfTable *table, guint i)
{
    return &g_array_index(table->columns, struct column,
                          i % table->columns->len);
}

void
pf_table_add_cell(PfTable *table, const char *text)
{
    struct column *column = column_of(table, table->cells->len);
    char *cell = pf_table_clean(text);

    column->width = MAX(column->width, text_width(cell, strlen(cell)));
    g_ptr_array_add(table->cells, cell);
}

/* Removes spaces at the end of 's', but nothing before 'start'. */
static void
trim(GString *s, gsize start)
{
    while (s->len > start && s->str[s->len - 1] == ' ') {
        g_string_truncate(s, s->len - 1);
    }
}

/* Appends 'n' spaces to 's'. */
static void
pad(GString *s, guint n)
{
    g_string_append_printf(s, "%*s", (int) n, "");
}

/* Appends 'text' to 's' as the cell of 'column'. */
static void
format_cell(GString *s, const struct column *column, const char *text)
{
    guint padding = column->width - text_width(text, strlen(text));
    gboolean right = column->align == PF_TABLE_RIGHT;

    pad(s, right ? padding : 0);
    g_string_append(s, text);
    pad(s, (right ? 0 : padding) + GAP);
}

/* How many bytes of 'text' go on a line of 'width' columns: to a space where
 * there is one, at least one character. */
static gsize
line_size(const char *text, guint width)
{
    const char *space = NULL;
    const char *p = text;
    guint used = 0;

    while (*p && used + char_width(g_utf8_get_char(p)) <= width) {
        used += char_width(g_utf8_get_char(p));
        if (*p == ' ') {
            space = p;
        }
        p = g_utf8_next_char(p);
    }
    if (!*p || *p == ' ') {
        return p - text;
    } else if (space && space > text) {
        return space - text;
    }
    return p > text ? p - text : g_utf8_next_char(text) - text;
}

/* Appends the note 'text' to 's' on lines of its own. */
static void
format_note(GString *s, const char *text, guint width)
{
    guint room = width > NOTE_INDENT ? width - NOTE_INDENT : 1;

    while (*text == ' ') {
        text++;
    }
    while (*text) {
        gsize size = line_size(text, room);

        pad(s, NOTE_INDENT);
        g_string_append_len(s, text, size);
        g_string_append_c(s, '\n');
        text += size;
        while (*text == ' ') {
            text++;
        }
    }
}

/* How many columns of the table stand beside each other in 'width'. */
static guint
n_beside(const PfTable *table, guint width)
{
    guint n = table->columns->len;
    guint total = 0;

    for (guint i = 0; i < n; i++) {
        total += column_of(table, i)->width + (i ? GAP : 0);
    }
    return total > width && column_of(table, n - 1)->align == PF_TABLE_NOTE
           ? n - 1 : n;
}

void
pf_table_format(const PfTable *table, guint width, GString *s)
{
    guint n_columns = table->columns->len;
    guint beside = n_beside(table, width);
    gsize start = s->len;

    for (guint i = 0; i < beside; i++) {
        format_cell(s, column_of(table, i), column_of(table, i)->title);
    }
    trim(s, start);
    g_string_append_c(s, '\n');

    for (guint row = 0; row + n_columns <= table->cells->len;
         row += n_columns) {
        start = s->len;
        for (guint i = 0; i < beside; i++) {
            format_cell(s, column_of(table, i), table->cells->pdata[row + i]);
        }
        trim(s, start);
        g_string_append_c(s, '\n');
        if (beside < n_columns) {
            format_note(s, table->cells->pdata[row + beside], width);
        }
    }
}
