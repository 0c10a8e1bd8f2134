/* SPDX-License-Identifier: Apache-2.0
 *
 * reach: the ports that a row of another table concerns.
 *
 * Private to the switch part; generic.  A port is concerned by a row that
 * refers to it (Mirror), and by a row that it refers to (QoS, Queue), over a
 * few references.  As a row that stops to refer to a port does not show that
 * any more, what each row concerned is remembered.
 */
#ifndef PF_REACH_H
#define PF_REACH_H 1

#include <glib.h>

#include "ovsdb-idl.h"
#include "switch.h"

typedef struct PfReach PfReach;
PfReach *pf_reach_new(void);
void pf_reach_free(PfReach *);

/* Calls 'changed' for the ports that are or were concerned by a row, of any
 * table but those that stand for ports and bridges themselves, that has
 * changed since tracked changes were last cleared; with NULL, if there is such
 * a row that concerns none.  'changed' may be NULL. */
void pf_reach_tell(PfReach *, const struct ovsdb_idl *,
                   PfSwitchChanged changed, gpointer user);

/* Forgets rows that are gone, of which nobody told. */
void pf_reach_prune(PfReach *, const struct ovsdb_idl *);

#endif
