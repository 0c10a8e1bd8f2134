/* SPDX-License-Identifier: Apache-2.0
 *
 * netconf-private: what netconf.c and netconf-extension.c have of each
 * other's.
 */
#ifndef PF_NETCONF_PRIVATE_H
#define PF_NETCONF_PRIVATE_H 1

#include "reader.h"

/* ---- netconf.c ---- */

/* Whether 'node' is an element to look at: not one of other people's. */
gboolean pf_netconf_is_ours(const xmlNode *node);
/* Refuses 'node', of our namespace or of none, which has no place where it is;
 * 'known' are the elements that have.  Returns FALSE. */
gboolean pf_netconf_refuse(const xmlNode *node, const char *known,
                           GError **error);
/* Refuses whatever stands inside 'node', comments and other people's elements
 * excepted. */
gboolean pf_netconf_check_empty(const xmlNode *node, GError **error);

/* ---- netconf-extension.c ---- */

void pf_netconf_extension_free(gpointer extension);
void pf_netconf_option_free(gpointer option);
/* Read the elements of these names into 'network'. */
gboolean pf_netconf_extension(const xmlNode *node, PfNetwork *network,
                              GError **error);
gboolean pf_netconf_bandwidth(const xmlNode *node, PfNetwork *network,
                              GError **error);
gboolean pf_netconf_flows(const xmlNode *node, PfNetwork *network,
                          GError **error);

#endif
