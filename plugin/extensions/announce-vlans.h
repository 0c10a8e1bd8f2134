/* SPDX-License-Identifier: Apache-2.0
 *
 * announce-vlans: in which VLANs a port is announced, and with which tags.
 *
 * A frame is tagged as the guest would have to tag it.  Access ports: not at
 * all.  Ports of mode dot1q-tunnel: with the customer's tags that the port is
 * limited to, else not at all; the switch knows no others.  Trunks: in the
 * native VLAN (on a trunk without one, VLAN 0) not at all, unless the guest
 * gets its frames with a tag (native-tagged); and tagged in each VLAN in which
 * the guest's MAC was seen, if the port carries it and its network allows it.
 */
#ifndef PF_ANNOUNCE_VLANS_H
#define PF_ANNOUNCE_VLANS_H 1

#include <portferry/extension.h>

/* Of those in which a MAC was seen, and of a customer's tags. */
#define PF_VLANS_MAX 64

typedef struct PfVlans PfVlans;

/* Those of port 'name', as it is in the database now. */
PfVlans *pf_vlans_new(const PfHost *, const char *name);
void pf_vlans_free(PfVlans *);

/* Whether where the MAC was seen makes a difference. */
gboolean pf_vlans_is_trunk(const PfVlans *);

/* Where the MAC was seen, in the bridge's terms: without a tag is in the
 * native VLAN, which is not kept, as it is announced anyway.  Nor are those
 * beyond PF_VLANS_MAX. */
void pf_vlans_add_seen(PfVlans *, guint vid);
guint pf_vlans_count_seen(const PfVlans *);
/* As an av, floating. */
GVariant *pf_vlans_format_seen(const PfVlans *);
/* What is wrong with 'seen' (NULL: nothing came) from another host, or NULL.
 * Caller frees. */
char *pf_vlans_check_seen(GVariant *seen);
/* Adds those of 'seen', which was checked. */
void pf_vlans_parse_seen(PfVlans *, GVariant *seen);

/* Makes tags of those seen so far; 'call' is told what is left out. */
void pf_vlans_take_seen(PfVlans *, const PfHost *, PfCall *call);
/* The tags to be announced with, 0 for none; those of VLANs that are seen
 * later come behind. */
guint pf_vlans_count(const PfVlans *);
guint pf_vlans_tag(const PfVlans *, guint i);

#endif
