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

/* Opens the gate of port 'name' and takes its mark away.  'done' is called
 * once, when that is done, or with an error: then this can be repeated.  An
 * error, too, if there is no such port, it is not in quarantine, or a
 * migration under way has it. */
void pf_quarantine_release(PfAgent *, const char *name, PfChangeDone done,
                           gpointer user);

#endif
