/* SPDX-License-Identifier: Apache-2.0
 *
 * extension: the registry of extensions and the list of problems.  See
 * extension.h.
 */
#include <config.h>

#include "plugin/extension.h"

#include <string.h>

G_DEFINE_QUARK(pf-extension-error-quark, pf_extension_error)

static const PfExtension *const extensions[] = {
    &pf_extension_port,
    NULL
};

#define MAX_SHOWN 16            /* Problems that are told one by one. */

struct PfProblems {
    GPtrArray *lines;           /* char *. */
};

const PfExtension *const *
pf_extensions(void)
{
    return extensions;
}

const PfExtension *
pf_extension_find(const char *name)
{
    for (gsize i = 0; extensions[i]; i++) {
        if (!strcmp(extensions[i]->name, name)) {
            return extensions[i];
        }
    }
    return NULL;
}

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
    g_autofree char *raw = NULL;
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    raw = g_strdup_vprintf(format, args);
    va_end(args);

    /* It may quote what came from anybody, cut in the middle of a
     * character. */
    text = g_utf8_make_valid(raw, -1);
    for (char *p = text; *p; p++) {
        if (g_ascii_iscntrl(*p)) {
            *p = '?';
        }
    }
    g_ptr_array_add(problems->lines,
                    g_strdup_printf("%s: %s", pf_verify_kind_name(kind),
                                    text));
}

guint
pf_problems_count(const PfProblems *problems)
{
    return problems->lines->len;
}

char *
pf_problems_text(const PfProblems *problems)
{
    GString *s = g_string_new(NULL);

    for (guint i = 0; i < MIN(problems->lines->len, MAX_SHOWN); i++) {
        g_string_append_printf(s, "%s%s", i ? "; " : "",
                               (char *) problems->lines->pdata[i]);
    }
    if (problems->lines->len > MAX_SHOWN) {
        g_string_append_printf(s, "; and %u more",
                               problems->lines->len - MAX_SHOWN);
    }
    return g_string_free(s, FALSE);
}
