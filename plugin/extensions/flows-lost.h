/* SPDX-License-Identifier: Apache-2.0
 *
 * flows-lost: whether a bridge has forgotten the rules of a port that waits
 * for its guest: ovs-vswitchd was restarted.
 */
#ifndef PF_FLOWS_LOST_H
#define PF_FLOWS_LOST_H 1

#include <portferry/extension.h>

#include "plugin/extensions/flows-set.h"

void pf_flow_lost_init(void);
void pf_flow_lost_destroy(void);

/* 'port' has just got 'n_rules' rules. */
void pf_flow_lost_watch(const PfExtensionPort *port, const PfFlowOptions *,
                        guint n_rules);
/* Whether some of them are not there any more, or that is not known. */
gboolean pf_flow_lost_seen(const char *name);
void pf_flow_lost_forget(const char *name);

#endif
