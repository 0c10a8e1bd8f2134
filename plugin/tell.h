/* SPDX-License-Identifier: Apache-2.0
 *
 * tell: tells extensions that a guest runs, when no migration is there to do
 * it: its port was released from quarantine, or the guest stood still when its
 * migration ended, and is resumed later.
 */
#ifndef PF_TELL_H
#define PF_TELL_H 1

#include "plugin/agent.h"
#include "plugin/extension.h"

/* Tells the extensions that the guest of port 'name' runs, and why, as soon as
 * it is seen to and no migration has the port.  Forgotten if the port goes. */
void pf_tell_later(PfAgent *, const char *name, PfGuestRuns reason);
/* Does what is to be done now. */
void pf_tell_run(PfAgent *);

#endif
