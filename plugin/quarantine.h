/* SPDX-License-Identifier: Apache-2.0
 *
 * quarantine: ports whose gate stays closed until somebody opens it, because
 * an extension could not give them back what they had.
 *
 * The port itself says so, in external_ids: an agent that restarts closes the
 * gate again.
 */
#ifndef PF_QUARANTINE_H
#define PF_QUARANTINE_H 1

#include "plugin/agent.h"
#include "plugin/switch.h"

/* Marks port 'name'; its gate is the caller's to close. */
void pf_quarantine_mark(PfAgent *, const char *name);

/* Takes the mark of port 'name' away and opens its gate.  'done' is called
 * once, when it is open, or with an error: then it is as it was, and this can
 * be repeated.  An error, too, if there is no such port, it is not in
 * quarantine, or a migration under way has it. */
void pf_quarantine_release(PfAgent *, const char *name, PfChangeDone done,
                           gpointer user);

/* Tells the extensions of the ports that were released (PF_GUEST_RELEASED), as
 * soon as their guests are seen to run. */
void pf_quarantine_run(PfAgent *);

#endif
