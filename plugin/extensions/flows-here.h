/* SPDX-License-Identifier: Apache-2.0
 *
 * flows-here: what a bridge of this host has: which of its rules are a port's,
 * and its groups and meters.
 */
#ifndef PF_FLOWS_HERE_H
#define PF_FLOWS_HERE_H 1

#include <portferry/extension.h>

#include "plugin/extensions/flows-set.h"

/* What has to be read. */
typedef enum {
    PF_FLOW_HERE_RULES = 1 << 0,
    PF_FLOW_HERE_GROUPS = 1 << 1, /* Needed to know which rules output to the
                                   * port by a group. */
    PF_FLOW_HERE_METERS = 1 << 2,
} PfFlowHereParts;

typedef struct {
    PfFlowNames *names;
    GPtrArray *rules;           /* PfFlowRule *: the port's. */
    GPtrArray *unread;          /* char *: the port's, too, but cannot be read
                                 * again as the switch prints them. */
    GHashTable *groups;         /* Number to PfFlowGroup *: the bridge's. */
    GHashTable *strange;        /* Numbers of its groups that cannot be
                                 * read. */
    GHashTable *meters;         /* Number to PfFlowMeter *: the bridge's. */
    GHashTable *meter_rules;    /* Number of a meter to how many rules of the
                                 * bridge use it. */
    GHashTable *meter_groups;   /* The same of groups. */
    guint n_stale;              /* Rules that are left out: they match a port
                                 * that is no more. */
    guint n_unknown;            /* Rules that output to the port, and cannot be
                                 * read: whether they are the port's is not
                                 * known... */
    char *unknown;              /* ...and one of them. */
    guint digest;               /* Of the lines of groups and meters. */
} PfFlowHere;

void pf_flow_here_free(PfFlowHere *);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PfFlowHere, pf_flow_here_free)

/* 'here' is the callee's, NULL with 'error'. */
typedef void (*PfFlowHereDone)(gpointer user, PfFlowHere *here,
                               const GError *error);

/* Reads 'parts' of what 'port' has here, and calls 'done', never from
 * within. */
void pf_flow_here_read(const PfHost *, const PfExtensionPort *port,
                       const PfFlowOptions *, guint parts, guint timeout_ms,
                       PfFlowHereDone done, gpointer user);

/* Filters (char *) that together find every rule of 'port', but those that
 * output to it by a group. */
GPtrArray *pf_flow_here_filters(const PfExtensionPort *port,
                                const PfFlowOptions *);
/* 'filter' narrowed to the cookies of the options. */
char *pf_flow_here_narrow(const char *filter, const PfFlowOptions *);

/* Adds to 'counts' (number to how many) the meters that buckets of 'group'
 * use: they use them as rules do, but Open vSwitch counts only these. */
void pf_flow_count_meters(const PfFlowGroup *group, GHashTable *counts);
/* The names that the interfaces of 'bridge' have in rules, a set: those that
 * OpenFlow cuts off are there if no other one is cut off to the same. */
GHashTable *pf_flow_here_ports(const PfHost *, const char *bridge);
/* Whether another port of its bridge has the number of 'port' by now. */
gboolean pf_flow_here_is_others(const PfHost *, const PfExtensionPort *port);
/* The MACs of the NICs and devices at the ports of 'bridge', in lower case, to
 * the names of these; without the port of that name. */
GHashTable *pf_flow_here_macs(const PfHost *, const char *bridge,
                              const char *without);
/* Names for all ports of 'bridge', of which 'own' with 'ofport' is the port
 * itself. */
PfFlowNames *pf_flow_here_names(const PfHost *, const char *bridge,
                                const char *own, gint64 ofport);
/* Whether the bridge can be told of 'rule': its match names no port that is
 * not in 'ports'. */
gboolean pf_flow_here_can_name(GHashTable *ports, const PfFlowNames *,
                               const PfFlowRule *);
/* Whether the rules of 'bridge' belong to a controller, be it OVN's. */
gboolean pf_flow_here_is_controlled(const PfHost *, const char *bridge);
/* Whether 'bridge' may speak a version of OpenFlow that has bundles. */
gboolean pf_flow_here_has_bundles(const PfHost *, const char *bridge);
/* 'mac' in OVS's form; all zeros if it is none. */
struct eth_addr pf_flow_here_mac(const char *mac);

#endif
