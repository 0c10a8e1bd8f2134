/* SPDX-License-Identifier: Apache-2.0
 *
 * flows-set: what a network says about the rules of its ports, and the rules,
 * groups and meters that stand in policies.
 *
 * Policies are
 *
 *     { "port": NAME, "others": [NAME, ...], "rules": [LINE, ...],
 *       "groups": [LINE, ...], "meters": [LINE, ...], "shared": [ID, ...] }
 *
 * with lines in ovs-ofctl's syntax and names in place of port numbers: "port"
 * is the port itself, "others" are all other ports that stand in the lines.
 * "shared" are meters that others than the port's rules use.  A port without
 * rules has empty policies.
 */
#ifndef PF_FLOWS_SET_H
#define PF_FLOWS_SET_H 1

#include <portferry/extension.h>

#include "plugin/extensions/flows-rule.h"

#define PF_FLOW_ERROR pf_flow_error_quark()
GQuark pf_flow_error_quark(void);

typedef enum {
    PF_FLOW_ERROR_INVALID,      /* Options, policies or a rule are wrong. */
    PF_FLOW_ERROR_IDS,          /* No number is left for a group or meter. */
} PfFlowError;

/* ---- Options ------------------------------------------------------------ */

typedef struct {
    gboolean carry;             /* "carry": not "no". */
    gboolean others_by_name;    /* "other-ports": "by-name". */
    guint64 cookie, cookie_mask; /* "cookie", "mask": both 0 if not given. */
} PfFlowOptions;

/* From the network's a{ss}.  FALSE with '*why' set if they are wrong. */
gboolean pf_flow_options_read(GVariant *options, PfFlowOptions *, char **why);

/* ---- Policies ----------------------------------------------------------- */

typedef struct {
    guint refs;
    GVariant *policies;         /* What it was made from, and for whom. */
    char *own;
    gint64 ofport;

    PfFlowNames *names;
    GPtrArray *others;          /* Names (char *). */
    GPtrArray *rules;           /* PfFlowRule *. */
    GHashTable *groups;         /* Number to PfFlowGroup *. */
    GHashTable *meters;         /* Number to PfFlowMeter *. */
    GHashTable *shared;         /* Numbers of meters. */
    GPtrArray *problems;        /* What is wrong with them (char *). */
} PfFlowSet;

/* 'set' is the callee's, to be unreferenced. */
typedef void (*PfFlowSetDone)(gpointer user, PfFlowSet *set);

/* Reads 'policies' for port 'own' with number 'ofport' (0: unknown) and calls
 * 'done', possibly from within: if there is much to read, later. */
void pf_flow_set_read(GVariant *policies, const char *own, gint64 ofport,
                      PfFlowSetDone done, gpointer user);
/* The same; the set is nobody else's, and may be changed. */
void pf_flow_set_read_own(GVariant *policies, const char *own, gint64 ofport,
                          PfFlowSetDone done, gpointer user);
void pf_flow_set_unref(PfFlowSet *);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PfFlowSet, pf_flow_set_unref)
/* Forgets the set that was read last and is kept for the next function that
 * is called with the same policies. */
void pf_flow_set_forget(void);

/* The strings (char *) of list 'key' of 'policies'; what is no string is left
 * out. */
GPtrArray *pf_flow_lines(GVariant *policies, const char *key);

#endif
