/* SPDX-License-Identifier: Apache-2.0
 *
 * flows-rule: OpenFlow rules, groups and meters between text and
 * libopenvswitch's structs.
 *
 * Text is read strictly and within limits, and always written anew from what
 * was read: what was checked is what is installed.  Whether a rule is good is
 * not decided here (flows-check.h).
 */
#ifndef PF_FLOWS_RULE_H
#define PF_FLOWS_RULE_H 1

#include <glib.h>

#include "openvswitch/match.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/ofp-flow.h"
#include "openvswitch/ofp-group.h"
#include "plugin/extensions/flows-names.h"

/* ---- Rules -------------------------------------------------------------- */

typedef struct {
    struct ofputil_flow_mod fm; /* OFPFC_ADD. */
    char *line;                 /* The text it was read from, if it has a
                                 * timeout. */
    gboolean fits_bundle;       /* It takes no version of OpenFlow that has no
                                 * bundles. */
} PfFlowRule;

/* NULL with '*why' set (the caller frees it) if 'text' is no rule, or one that
 * may not travel: too large, or nothing for a bundle. */
PfFlowRule *pf_flow_rule_parse(const char *text, const PfFlowNames *,
                               char **why);
/* The same for what a bridge of this host has said: a rule that may not travel
 * is read, too, as it may be somebody else's. */
PfFlowRule *pf_flow_rule_parse_here(const char *text, const PfFlowNames *,
                                    char **why);
void pf_flow_rule_free(PfFlowRule *);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PfFlowRule, pf_flow_rule_free)
/* The whole rule. */
char *pf_flow_rule_text(const PfFlowRule *, const PfFlowNames *, PfFlowStyle);
/* What tells it from others in the switch: table, priority and match. */
char *pf_flow_rule_key(const PfFlowRule *, const PfFlowNames *, PfFlowStyle);
/* A filter that finds it: table and match. */
char *pf_flow_rule_filter(const PfFlowRule *, const PfFlowNames *);
gboolean pf_flow_rule_is_timed(const PfFlowRule *);
/* What rules of the same effect have in common: actions, cookie and flags. */
char *pf_flow_rule_effect(const PfFlowRule *, const PfFlowNames *);

/* ---- Groups and meters -------------------------------------------------- */

typedef struct {
    struct ofputil_group_mod gm;
    gboolean outputs_known;     /* What flows-rule.c has found out about
                                 * where it and its groups output. */
    guint outputs;
} PfFlowGroup;

PfFlowGroup *pf_flow_group_parse(const char *text, const PfFlowNames *,
                                 char **why);
void pf_flow_group_free(PfFlowGroup *);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PfFlowGroup, pf_flow_group_free)
/* With 'id' in place of its own. */
char *pf_flow_group_text(PfFlowGroup *, guint32 id, const PfFlowNames *,
                         PfFlowStyle);

typedef struct {
    guint32 id;
    char *rest;                 /* Text without its id. */
} PfFlowMeter;

PfFlowMeter *pf_flow_meter_parse(const char *text, char **why);
void pf_flow_meter_free(PfFlowMeter *);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PfFlowMeter, pf_flow_meter_free)
char *pf_flow_meter_text(const PfFlowMeter *, guint32 id);

/* ---- What they refer to ------------------------------------------------- */

/* Sets of numbers (GUINT_TO_POINTER). */
typedef struct {
    GHashTable *groups, *meters, *ports;
} PfFlowRefs;

void pf_flow_refs_init(PfFlowRefs *);
void pf_flow_refs_clear(PfFlowRefs *);
void pf_flow_rule_refs(const PfFlowRule *, PfFlowRefs *);
void pf_flow_group_refs(const PfFlowGroup *, PfFlowRefs *);

/* Puts the values of 'groups' and 'meters' (number to number) in place of
 * their keys; what is not in them stays. */
void pf_flow_rule_renumber(PfFlowRule *, GHashTable *groups,
                           GHashTable *meters);
void pf_flow_group_renumber(PfFlowGroup *, GHashTable *groups,
                            GHashTable *meters);

/* ---- Whose a rule is ---------------------------------------------------- */

typedef enum {
    PF_FLOW_BOUND_NOT,
    PF_FLOW_BOUND_PORT,         /* Matches in_port. */
    PF_FLOW_BOUND_MAC,          /* Matches its MAC. */
    PF_FLOW_BOUND_OUTPUT,       /* Outputs to it only. */
} PfFlowBound;

/* 'groups' is number to PfFlowGroup *, those that rules may refer to. */
PfFlowBound pf_flow_rule_bound(const PfFlowRule *, ofp_port_t own,
                               const struct eth_addr *mac,
                               GHashTable *groups);
/* Whether all that group 'id' outputs goes to 'own'. */
gboolean pf_flow_group_outputs_only_to(guint32 id, ofp_port_t own,
                                       GHashTable *groups);

#endif
