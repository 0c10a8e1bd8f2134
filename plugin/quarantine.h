/* SPDX-License-Identifier: Apache-2.0
 *
 * quarantine: ports whose gate stays closed until somebody opens it, because an
 * extension could not give them back what they had.
 *
 * The port itself says so, in external_ids: an agent that restarts closes the
 * gate again.
 */
#ifndef PF_QUARANTINE_H
#define PF_QUARANTINE_H 1

#include "plugin/agent.h"
#include "plugin/switch.h"

/* Marks port 'name'; its gate is the caller's. */
void pf_quarantine_mark(PfAgent *, const char *name);

/* Takes the mark of port 'name' away, opens its gate, and has the extensions
 * told that its guest is there now.  'done' is called once, when the gate is
 * open, or with an error: also if there is no such port, or it is not in
 * quarantine. */
void pf_quarantine_release(PfAgent *, const char *name, PfChangeDone done,
                           gpointer user);

#endif
