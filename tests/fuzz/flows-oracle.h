/* SPDX-License-Identifier: Apache-2.0
 *
 * flows-oracle: a second opinion on what a rule may do.
 *
 * Works on the text that would be sent to the switch, where flows-check.c
 * works on structs: it looks up names, and sends frames of several VLANs
 * through the actions, one after the other.  Knows less, and demands only what
 * must hold whatever the reasons are for which flows-check.c takes a rule.
 */
#ifndef PF_FLOWS_ORACLE_H
#define PF_FLOWS_ORACLE_H 1

#include <glib.h>

typedef struct {
    const char *own;            /* The port in text: its number. */
    const char *mac;
    GHashTable *others;         /* Names of other ports, or NULL: rules may not
                                 * point at them. */
    GHashTable *groups;         /* Number to text. */
    guint64 cookie, cookie_mask;
    gboolean (*allows_vlan)(guint vid); /* NULL: every one. */
} FlowsOracle;

/* Fails, as a finding, if 'rule' does what no rule may. */
void flows_oracle_check_rule(const FlowsOracle *, const char *rule);
/* The same for one of oracle->groups. */
void flows_oracle_check_group(const FlowsOracle *, const char *group);

#endif
