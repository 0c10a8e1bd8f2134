/* SPDX-License-Identifier: Apache-2.0
 *
 * host: the PfHost of portferry/extension.h: what this agent does for its
 * extensions.
 *
 * There is one agent in a process, and one host.  This joins the parts (calls,
 * rows, openflow, appctl) behind the one table of functions that extensions
 * see.
 */
#ifndef PF_HOST_H
#define PF_HOST_H 1

#include <portferry/extension.h>

#include "plugin/appctl.h"
#include "plugin/openflow.h"
#include "plugin/switch.h"

/* Called when an extension says that policies may have changed; 'name' NULL:
 * of every port. */
typedef void (*PfHostChanged)(gpointer user, const PfExtension *,
                              const char *name);

/* Puts the parts behind the table, which lives as long as the process. */
const PfHost *pf_host_new(PfSwitch *, PfOpenflow *, PfAppctl *,
                          PfHostChanged changed, gpointer user);

#endif
