/* SPDX-License-Identifier: Apache-2.0
 *
 * flows-check: what a rule that comes from another host may do here.
 *
 * A rule must be the port's own, may send frames nowhere but to the port, to
 * the bridge's own forwarding and further tables, and, if the network says so,
 * to other ports by their names; and carries the guest into no VLAN that the
 * network does not allow.  What is not known to be harmless is refused.
 */
#ifndef PF_FLOWS_CHECK_H
#define PF_FLOWS_CHECK_H 1

#include "plugin/extensions/flows-rule.h"

typedef struct {
    const PfFlowNames *names;
    struct eth_addr mac;
    GHashTable *groups;         /* Number to PfFlowGroup *. */
    GHashTable *meters;         /* Number to anything. */
    gboolean others_by_name;    /* Rules may point at other ports. */
    guint64 cookie, cookie_mask; /* What a rule's cookie has to match. */
    const char *vlans;          /* Those that the network allows, as it has
                                 * them; NULL: every one. */
    gboolean (*allows_vlan)(gpointer user, guint vid);
    gpointer user;
} PfFlowCheck;

/* What is wrong, in words without a full stop, or NULL. */
char *pf_flow_check_rule(const PfFlowCheck *, const PfFlowRule *);
char *pf_flow_check_group(const PfFlowCheck *, const PfFlowGroup *);

#endif
