/* SPDX-License-Identifier: Apache-2.0
 *
 * flows-paths: how much work one frame makes in a port's groups.
 *
 * Each bucket that a frame passes is translated anew, groups within groups
 * multiply, and ovs-vswitchd counts only resubmits: three groups of two
 * hundred buckets keep it busy for a minute with a single frame.
 */
#ifndef PF_FLOWS_PATHS_H
#define PF_FLOWS_PATHS_H 1

#include "plugin/extensions/flows-rule.h"

/* How many buckets one frame may pass, through groups that lead to groups and
 * through tables to which rules and buckets resubmit. */
#define PF_FLOW_MAX_PATHS 1024

/* What is wrong, in words without a full stop, or NULL.  'rules' are
 * PfFlowRule *, 'groups' is number to PfFlowGroup *. */
char *pf_flow_paths_check(const GPtrArray *rules, GHashTable *groups);

#endif
