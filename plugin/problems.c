/* SPDX-License-Identifier: Apache-2.0
 *
 * problems: what verification finds, all of it and not only the first.  See
 * problems.h.
 */
#include <config.h>

#include "plugin/problems.h"

#include <string.h>

#define MAX_SHOWN 16            /* Problems that are told one by one. */
#define MAX_LENGTH 2000         /* Bytes of a line: what it quotes may come
                                 * from another host. */

struct PfProblems {
    GPtrArray *lines;           /* char *. */
};

const char *
pf_verify_kind_name(PfVerifyKind kind)
{
    static const char *const names[] = {
        [PF_VERIFY_SYNTAX] = "syntax",
        [PF_VERIFY_RANGE] = "range",
        [PF_VERIFY_APPLICABILITY] = "applicability",
        [PF_VERIFY_CONFLICT] = "conflict",
    };

    return names[kind];
}

PfProblems *
pf_problems_new(void)
{
    PfProblems *problems = g_new0(PfProblems, 1);

    problems->lines = g_ptr_array_new_with_free_func(g_free);
    return problems;
}

void
pf_problems_free(PfProblems *problems)
{
    if (problems) {
        g_ptr_array_unref(problems->lines);
        g_free(problems);
    }
}

void
pf_problems_add(PfProblems *problems, PfVerifyKind kind,
                const char *format, ...)
{
    va_list args;

    va_start(args, format);
    pf_problems_addv(problems, kind, format, args);
    va_end(args);
}

char *
pf_problems_clean(const char *raw)
{
    gsize length = strnlen(raw, MAX_LENGTH + 1);
    g_autofree char *start = length > MAX_LENGTH
        ? g_strdup_printf("%.*s...", MAX_LENGTH, raw) : NULL;
    /* It may have been cut in the middle of a character. */
    char *text = g_utf8_make_valid(start ? start : raw, -1);

    for (char *p = text; *p; p++) {
        if (g_ascii_iscntrl(*p)) {
            *p = '?';
        }
    }
    return text;
}

void
pf_problems_addv(PfProblems *problems, PfVerifyKind kind,
                 const char *format, va_list args)
{
    g_autofree char *raw = g_strdup_vprintf(format, args);
    g_autofree char *text = pf_problems_clean(raw);

    g_ptr_array_add(problems->lines,
                    g_strdup_printf("%s: %s", pf_verify_kind_name(kind),
                                    text));
}

void
pf_problems_append(PfProblems *problems, const PfProblems *others)
{
    /* Counted before, for a list that is added to itself. */
    guint n = others->lines->len;

    for (guint i = 0; i < n; i++) {
        g_ptr_array_add(problems->lines,
                        g_strdup(g_ptr_array_index(others->lines, i)));
    }
}

guint
pf_problems_count(const PfProblems *problems)
{
    return problems->lines->len;
}

const char *
pf_problems_nth(const PfProblems *problems, guint n)
{
    g_return_val_if_fail(n < problems->lines->len, NULL);
    return g_ptr_array_index(problems->lines, n);
}

char *
pf_problems_text(const PfProblems *problems)
{
    GString *s = g_string_new(NULL);
    guint n = problems->lines->len;

    for (guint i = 0; i < MIN(n, MAX_SHOWN); i++) {
        g_string_append_printf(s, "%s%s", i ? "; " : "",
                               pf_problems_nth(problems, i));
    }
    if (n > MAX_SHOWN) {
        g_string_append_printf(s, "; and %u more", n - MAX_SHOWN);
    }
    return g_string_free(s, FALSE);
}
