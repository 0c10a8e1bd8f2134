/* SPDX-License-Identifier: Apache-2.0
 *
 * vlan: libvirt's <vlan> element, as networks, port groups and NICs have it.
 *
 * For the other files of xml/ only.  Which of several VLANs counts is not
 * known here.
 */
#ifndef PF_VLAN_H
#define PF_VLAN_H 1

#include "reader.h"

/* The greatest VLAN id. */
#define PF_VID_MAX 4095

/* Reads the <vlan> child of 'owner'; without one the VLAN has no tags. */
PfNetVlan *pf_net_vlan_read(const xmlNode *owner, GError **error);
void pf_net_vlan_free(PfNetVlan *);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PfNetVlan, pf_net_vlan_free)

#endif
