/* SPDX-License-Identifier: Apache-2.0
 *
 * flows-paths: how much work one frame makes in a port's rules and groups.
 *
 * Each bucket that a frame passes is translated anew, groups within groups
 * multiply, and ovs-vswitchd counts only resubmits, of which it allows 4,096:
 * three groups of two hundred buckets keep it busy for a minute with a single
 * frame, and three rules that resubmit to a thousand actions for seconds.
 */
#ifndef PF_FLOWS_PATHS_H
#define PF_FLOWS_PATHS_H 1

#include "plugin/extensions/flows-rule.h"

/* How many buckets one frame may pass, through groups that lead to groups and
 * through tables to which rules and buckets resubmit. */
#define PF_FLOW_MAX_PATHS 1024
/* How many actions, those within others included. */
#define PF_FLOW_MAX_ACTIONS 65536

/* What is wrong, in words without a full stop, or NULL.  'rules' are
 * PfFlowRule *, 'groups' is number to PfFlowGroup *. */
char *pf_flow_paths_check(const GPtrArray *rules, GHashTable *groups);

#endif
