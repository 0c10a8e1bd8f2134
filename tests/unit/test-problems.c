/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of the list of what verification finds (plugin/problems.h).
 */
#include <config.h>

#include "problems.h"

static void
assert_text(const PfProblems *problems, const char *expected)
{
    g_autofree char *text = pf_problems_text(problems);

    g_assert_cmpstr(text, ==, expected);
}

static void
test_tells_all_with_their_kinds(void)
{
    g_autoptr(PfProblems) problems = pf_problems_new();

    assert_text(problems, "");
    g_assert_cmpuint(pf_problems_count(problems), ==, 0);
    pf_problems_add(problems, PF_VERIFY_SYNTAX, "tag %d", 1);
    pf_problems_add(problems, PF_VERIFY_RANGE, "tag %d", 2);
    pf_problems_add(problems, PF_VERIFY_APPLICABILITY, "tag %d", 3);
    pf_problems_add(problems, PF_VERIFY_CONFLICT, "tag %d", 4);
    assert_text(problems, "syntax: tag 1; range: tag 2; applicability: tag 3; "
                "conflict: tag 4");
    g_assert_cmpuint(pf_problems_count(problems), ==, 4);
    g_assert_cmpstr(pf_problems_nth(problems, 3), ==, "conflict: tag 4");
}

static void
test_of_many_tells_the_first_and_how_many_more(void)
{
    g_autoptr(PfProblems) problems = pf_problems_new();
    g_autoptr(GString) expected = g_string_new(NULL);

    for (int i = 0; i < 16; i++) {
        pf_problems_add(problems, PF_VERIFY_RANGE, "n%d", i);
        g_string_append_printf(expected, "%srange: n%d", i ? "; " : "", i);
    }
    assert_text(problems, expected->str);
    for (int i = 16; i < 21; i++) {
        pf_problems_add(problems, PF_VERIFY_RANGE, "n%d", i);
    }
    g_string_append(expected, "; and 5 more");
    assert_text(problems, expected->str);
    g_assert_cmpstr(pf_problems_nth(problems, 20), ==, "range: n20");
}

static void
test_is_one_line_of_utf8_whatever_it_quotes(void)
{
    g_autoptr(PfProblems) problems = pf_problems_new();

    pf_problems_add(problems, PF_VERIFY_SYNTAX, "\"%s\"", "a\nb\x1b[1m\x7f"
                    "\xc3\xa4\xc3");
    assert_text(problems, "syntax: \"a?b?[1m?\xc3\xa4\xef\xbf\xbd\"");
}

static void
test_what_is_quoted_may_be_long(void)
{
    g_autoptr(PfProblems) problems = pf_problems_new();
    g_autofree char *text = g_strnfill(1 << 20, 'x');
    g_autofree char *start = g_strnfill(2000, 'x');
    g_autofree char *expected = g_strconcat("range: ", start, "...", NULL);

    pf_problems_add(problems, PF_VERIFY_RANGE, "%s", text);
    assert_text(problems, expected);
}

static void
test_appends_others(void)
{
    g_autoptr(PfProblems) problems = pf_problems_new();
    g_autoptr(PfProblems) others = pf_problems_new();

    pf_problems_add(problems, PF_VERIFY_SYNTAX, "first");
    pf_problems_add(others, PF_VERIFY_RANGE, "100%% of %s", "it");
    pf_problems_append(problems, others);
    assert_text(problems, "syntax: first; range: 100% of it");
    assert_text(others, "range: 100% of it");
    pf_problems_append(others, others);
    assert_text(others, "range: 100% of it; range: 100% of it");
}

int
main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
#define TEST(NAME) g_test_add_func("/problems/" #NAME, test_##NAME)
    TEST(tells_all_with_their_kinds);
    TEST(of_many_tells_the_first_and_how_many_more);
    TEST(is_one_line_of_utf8_whatever_it_quotes);
    TEST(what_is_quoted_may_be_long);
    TEST(appends_others);
    return g_test_run();
}
