/* SPDX-License-Identifier: Apache-2.0
 *
 * flows-commands: what is said to a bridge to bring a port's rules, groups and
 * meters to it, and to take them away.
 */
#ifndef PF_FLOWS_COMMANDS_H
#define PF_FLOWS_COMMANDS_H 1

#include "plugin/extensions/flows-ids.h"
#include "plugin/extensions/flows-set.h"

/* Whether policies have groups or meters. */
gboolean pf_flow_has_tables(GVariant *policies);

/* Adds 'rule' with such timeouts. */
char *pf_flow_command_add(PfFlowRule *rule, const PfFlowNames *, guint idle,
                          guint hard);
/* Deletes what has the key and the cookie of 'rule'. */
char *pf_flow_command_delete(const PfFlowRule *rule, const PfFlowNames *);
/* Appends commands that add the new groups of 'ids'. */
void pf_flow_commands_groups(GPtrArray *commands, PfFlowSet *,
                             const PfFlowIds *);
/* Appends commands that add the new meters of 'ids'. */
void pf_flow_commands_meters(GPtrArray *commands, PfFlowSet *,
                             const PfFlowIds *);

/* Called once, possibly from within. */
typedef void (*PfFlowDone)(gpointer user, const GError *error);

/* Carries out 'meters' and then 'commands' as one bundle; what was added of
 * the former is deleted again if something is refused.  Each may be empty. */
void pf_flow_carry_out(const char *bridge, guint timeout_ms,
                       const GPtrArray *meters, const GPtrArray *commands,
                       PfFlowDone done, gpointer user);
/* Whether it was refused because somebody else has taken the number of a group
 * or meter in the meantime. */
gboolean pf_flow_is_taken(const GError *);

/* Deletes the groups and meters of 'set' that are on the port's bridge and
 * that nothing uses any more, when it is the bridge's turn.  'set' is the
 * callee's, and nobody else's. */
void pf_flow_sweep(const PfExtensionPort *port, guint timeout_ms,
                   PfFlowSet *set, PfFlowDone done, gpointer user);

#endif
