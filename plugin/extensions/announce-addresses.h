/* SPDX-License-Identifier: Apache-2.0
 *
 * announce-addresses: which addresses a guest has, from its port's rules.
 *
 * A rule that lets the port send with one exact source address says that the
 * guest has it: arp_spa, nw_src, ipv6_src, and nd_target in a neighbour
 * advertisement.  A rule that drops says nothing, and neither does a range,
 * nor a rule for frames of another MAC.
 */
#ifndef PF_ANNOUNCE_ADDRESSES_H
#define PF_ANNOUNCE_ADDRESSES_H 1

#include "plugin/extensions/announce-frames.h"

#define PF_ADDRESSES_MAX 64

/* Whatever VLAN the port is in: no rule names one. */
#define PF_ADDRESS_ANY_VLAN -1

typedef struct {
    PfAddress address;
    int vid;                    /* 0: without a tag; PF_ADDRESS_ANY_VLAN. */
} PfPortAddress;

typedef struct {
    char *mac;                  /* Of the guest. */
    gboolean by_vlan;           /* Whether an address may be in one VLAN and
                                 * not in another: the port is a trunk. */
    GArray *found;              /* PfPortAddress, at most PF_ADDRESSES_MAX. */
    gboolean more;              /* There were more. */
    gboolean is_router;         /* A rule lets it send router
                                 * advertisements. */
} PfAddresses;

PfAddresses *pf_addresses_new(const char *mac, gboolean by_vlan);
void pf_addresses_free(PfAddresses *);

/* Takes what 'rule', as ovs-ofctl prints it, says.  'of_port': it is one of
 * those that match the guest's port; else of those that match its MAC, and
 * then one that matches a port is left aside: it is another's, or comes again
 * with the port's. */
void pf_addresses_read_rule(PfAddresses *, const char *rule,
                            gboolean of_port);

#endif
