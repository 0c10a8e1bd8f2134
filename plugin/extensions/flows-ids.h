/* SPDX-License-Identifier: Apache-2.0
 *
 * flows-ids: which numbers a port's groups and meters get on this host.
 *
 * The same as on the other host if it is free or has the same content here;
 * otherwise that of an equal one that is here; otherwise a new one.  A meter
 * that was the port's alone is never shared with others' rules.
 */
#ifndef PF_FLOWS_IDS_H
#define PF_FLOWS_IDS_H 1

#include "plugin/extensions/flows-here.h"

typedef struct {
    GHashTable *groups, *meters; /* Number there to number here. */
    GArray *new_groups;         /* guint32: numbers there of groups that are
                                 * not here, those that others refer to
                                 * first. */
    GArray *new_meters;
} PfFlowIds;

void pf_flow_ids_free(PfFlowIds *);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PfFlowIds, pf_flow_ids_free)

/* Chooses numbers for all of 'set', and puts them in place in its groups (not
 * its rules).  'here' needs groups and meters, and the port's rules if some of
 * 'set' may be there already.  NULL with '*why' set if there is no number, or
 * groups refer to each other in a circle. */
PfFlowIds *pf_flow_ids_choose(PfFlowSet *set, const PfFlowHere *here,
                              char **why);

/* Whether groups refer to each other in a circle, or to one that is not there:
 * '*id' is one of those. */
gboolean pf_flow_groups_circle(GHashTable *groups, guint32 *id);

/* What was chosen for a port is remembered for as long as it is here. */
void pf_flow_ids_init(void);
void pf_flow_ids_destroy(void);
void pf_flow_ids_remember(const char *port, PfFlowIds *ids);
const PfFlowIds *pf_flow_ids_of(const char *port);
void pf_flow_ids_forget(const char *port);

#endif
