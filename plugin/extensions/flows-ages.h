/* SPDX-License-Identifier: Apache-2.0
 *
 * flows-ages: how old a rule is, from a line of PF_OPENFLOW_RULES_AGES.
 */
#ifndef PF_FLOWS_AGES_H
#define PF_FLOWS_AGES_H 1

#include "plugin/extensions/flows-rule.h"

typedef struct {
    char *key;                  /* pf_flow_rule_key() by name. */
    char *effect;               /* pf_flow_rule_effect(). */
    guint idle_timeout;         /* As the switch has it. */
    double idle_age;            /* Since its last frame; s. */
    double hard_age;            /* Since it was added or changed; s. */
    guint64 n_packets;
} PfFlowAges;

/* FALSE if 'line' is no rule; otherwise the caller clears them. */
gboolean pf_flow_ages_read(const char *line, const PfFlowNames *,
                           PfFlowAges *);
void pf_flow_ages_clear(PfFlowAges *);

#endif
