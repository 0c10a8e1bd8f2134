/* SPDX-License-Identifier: Apache-2.0
 *
 * Text in columns.
 */
#include <config.h>

#include <glib.h>

#include "table.h"

/* The table of 'titles' (each "<LEFT", ">RIGHT" or "!NOTE", NULL at the end)
 * and 'cells' (NULL at the end). */
static char *
format(const char *const titles[], const char *const cells[], guint width)
{
    g_autoptr(PfTable) table = pf_table_new();
    GString *s = g_string_new(NULL);

    for (; *titles; titles++) {
        pf_table_add_column(table, *titles + 1,
                            (**titles == '<' ? PF_TABLE_LEFT
                             : **titles == '>' ? PF_TABLE_RIGHT
                             : PF_TABLE_NOTE));
    }
    for (; *cells; cells++) {
        pf_table_add_cell(table, *cells);
    }
    pf_table_format(table, width, s);
    return g_string_free(s, FALSE);
}

/* Fails unless that table is 'expected'. */
#define ASSERT_TABLE(EXPECTED, WIDTH, TITLES, ...)                          \
    do {                                                                    \
        const char *const titles__[] = TITLES;                              \
        const char *const cells__[] = { __VA_ARGS__, NULL };                \
        g_autofree char *table__ = format(titles__, cells__, WIDTH);        \
        g_assert_cmpstr(table__, ==, EXPECTED);                             \
    } while (0)
#define TITLES(...) { __VA_ARGS__, NULL }

static void
test_aligns_text_left_and_numbers_right(void)
{
    ASSERT_TABLE("NAME    MS  HOST\n"
                 "a      1.5  x\n"
                 "long  10.0  y\n", 80,
                 TITLES("<NAME", ">MS", "<HOST"),
                 "a", "1.5", "x", "long", "10.0", "y");
}

static void
test_prints_the_titles_of_an_empty_table(void)
{
    static const char *const none[] = { NULL };
    const char *const titles[] = TITLES("<NAME", "<HOST");
    g_autofree char *table = format(titles, none, 80);

    g_assert_cmpstr(table, ==, "NAME  HOST\n");
}

static void
test_leaves_no_spaces_at_a_line_s_end(void)
{
    ASSERT_TABLE("A   B\n"
                 "xx\n"
                 "    yy\n", 80, TITLES("<A", "<B"), "xx", "", "", "yy");
}

static void
test_counts_what_a_terminal_shows(void)
{
    /* Two bytes, one column; three bytes, two columns; a combining mark. */
    ASSERT_TABLE("A     B\n"
                 "\xc3\xa4     1\n"
                 "\xe6\xbc\xa2\xe5\xad\x97  2\n"
                 "e\xcc\x81     3\n"
                 "abcd  4\n", 80, TITLES("<A", "<B"),
                 "\xc3\xa4", "1", "\xe6\xbc\xa2\xe5\xad\x97", "2",
                 "e\xcc\x81", "3", "abcd", "4");
}

static void
test_shows_no_control_characters(void)
{
    g_autofree char *clean = pf_table_clean("a\033[31mb\nc\x07\xff\xc2\x9b"
                                            "d\xe2\x80\xae");
    g_autofree char *none = pf_table_clean(NULL);

    g_assert_cmpstr(clean, ==, "a?[31mb c?\xef\xbf\xbd?d?");
    g_assert_cmpstr(none, ==, "");
}

static void
test_puts_a_note_beside_where_there_is_room(void)
{
    ASSERT_TABLE("A  NOTE\n"
                 "1  why it was so\n", 16, TITLES("<A", "!NOTE"),
                 "1", "why it was so");
}

static void
test_puts_notes_below_where_there_is_none(void)
{
    ASSERT_TABLE("A\n"
                 "1\n"
                 "    why it was\n"
                 "    so\n"
                 "2\n"
                 "3\n"
                 "    unbreakabl\n"
                 "    e\n", 14, TITLES("<A", "!NOTE"),
                 "1", "why it was so", "2", "", "3", "unbreakable");
}

static void
test_an_incomplete_row_is_not_shown(void)
{
    ASSERT_TABLE("A  B\n"
                 "1  2\n", 80, TITLES("<A", "<B"), "1", "2", "3");
}

int
main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
#define TEST(NAME) g_test_add_func("/table/" #NAME, test_##NAME)
    TEST(aligns_text_left_and_numbers_right);
    TEST(prints_the_titles_of_an_empty_table);
    TEST(leaves_no_spaces_at_a_line_s_end);
    TEST(counts_what_a_terminal_shows);
    TEST(shows_no_control_characters);
    TEST(puts_a_note_beside_where_there_is_room);
    TEST(puts_notes_below_where_there_is_none);
    TEST(an_incomplete_row_is_not_shown);
    return g_test_run();
}
