/* SPDX-License-Identifier: Apache-2.0
 *
 * problems: what verification finds, all of it and not only the first.
 */
#ifndef PF_PROBLEMS_H
#define PF_PROBLEMS_H 1

#include <glib.h>

/* The four kinds of verification. */
typedef enum {
    PF_VERIFY_SYNTAX,           /* Values are well formed. */
    PF_VERIFY_RANGE,            /* Within Open vSwitch's and the network's
                                 * limits. */
    PF_VERIFY_APPLICABILITY,    /* This host can do it. */
    PF_VERIFY_CONFLICT,         /* With what is here already. */
} PfVerifyKind;
const char *pf_verify_kind_name(PfVerifyKind);

typedef struct PfProblems PfProblems;
PfProblems *pf_problems_new(void);
void pf_problems_free(PfProblems *);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PfProblems, pf_problems_free)

/* 'format' names the value, the limit and where the limit comes from, without
 * a full stop: guest, NIC and extension are put before it. */
void pf_problems_add(PfProblems *, PfVerifyKind, const char *format, ...)
    G_GNUC_PRINTF(3, 4);
void pf_problems_addv(PfProblems *, PfVerifyKind, const char *format,
                      va_list args) G_GNUC_PRINTF(3, 0);
/* 'raw' as one line that may be shown: valid UTF-8 without control characters,
 * the first 2,000 bytes of it.  The caller frees it. */
char *pf_problems_clean(const char *raw);
/* Adds those of 'others' to the first. */
void pf_problems_append(PfProblems *, const PfProblems *others);
guint pf_problems_count(const PfProblems *);
/* One of them, "KIND: TEXT". */
const char *pf_problems_nth(const PfProblems *, guint n);
/* All of them in one line, for a person; of many the first, and how many
 * more. */
char *pf_problems_text(const PfProblems *);

#endif
