/* SPDX-License-Identifier: Apache-2.0
 *
 * flows-names: between the names of ports that stand in text and the numbers
 * in libopenvswitch's structs.
 *
 * The port itself has its own number if it is known; every other port gets one
 * that stands for its name and is never sent.
 */
#ifndef PF_FLOWS_NAMES_H
#define PF_FLOWS_NAMES_H 1

#include <glib.h>

#include "openvswitch/ofp-port.h"

/* How the port itself is written. */
typedef enum {
    PF_FLOW_BY_NAME,            /* To compare, and for policies. */
    PF_FLOW_BY_NUMBER,          /* For commands, if the number is known. */
} PfFlowStyle;

typedef struct PfFlowNames PfFlowNames;

/* 'own' is the port's name on this host, 'source' its name in the text that
 * will be read (NULL: the same); 'ofport' 0: unknown. */
PfFlowNames *pf_flow_names_new(const char *own, const char *source,
                               gint64 ofport);
void pf_flow_names_free(PfFlowNames *);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PfFlowNames, pf_flow_names_free)
/* How a port of that name is written in rules: by its name, if that can stand
 * there. */
char *pf_flow_plain_name(const char *name);
/* FALSE if 'name' cannot be one, is known already, or there are too many. */
gboolean pf_flow_names_add(PfFlowNames *, const char *name);
ofp_port_t pf_flow_names_own(const PfFlowNames *);
/* The name of another port that was added, or of a reserved port; NULL for a
 * bare number. */
const char *pf_flow_names_get(const PfFlowNames *, ofp_port_t);
/* Whether 'text' has a number that, as that of a port, would be taken for a
 * name. */
gboolean pf_flow_names_has_number(const PfFlowNames *, const char *text);
/* The same names with other numbers. */
PfFlowNames *pf_flow_names_renumbered(const PfFlowNames *);

/* For libopenvswitch: to read text, and to write it. */
const struct ofputil_port_map *pf_flow_names_to_read(const PfFlowNames *);
const struct ofputil_port_map *pf_flow_names_to_write(const PfFlowNames *,
                                                      PfFlowStyle);

#endif
