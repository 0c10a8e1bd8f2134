/* SPDX-License-Identifier: Apache-2.0
 *
 * fault: points at which a test kills the agent, or has a request fail.
 *
 * Compiled in only with `configure --enable-fault-points'; otherwise there is
 * nothing of it in the agent.  The environment variable PORTFERRY_FAULTS names
 * a file; as long as it does not exist, nothing happens.  Its first line says
 *
 *     kill before ROLE/STATE      SIGKILL, right before the request that this
 *     kill after ROLE/STATE       state carries out (machine.h), or when it is
 *                                 done and the next state not yet written down
 *     stop before ROLE/STATE      SIGSTOP, at the same points
 *     stop after ROLE/STATE
 *     fail in ROLE/STATE          the request fails
 *
 * When its point is reached the line is removed, with the last the file: each
 * fault happens once, in order.
 */
#ifndef PF_FAULT_H
#define PF_FAULT_H 1

#include "plugin/machine.h"

#ifdef PF_FAULT_POINTS
void pf_fault_before(PfState state);
void pf_fault_after(PfState state);
gboolean pf_fault_fails(PfState state);
#else
#define pf_fault_before(STATE) ((void) (STATE))
#define pf_fault_after(STATE) ((void) (STATE))
#define pf_fault_fails(STATE) ((void) (STATE), FALSE)
#endif

#endif
