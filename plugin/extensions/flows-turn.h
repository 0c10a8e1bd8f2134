/* SPDX-License-Identifier: Apache-2.0
 *
 * flows-turn: one at a time on each bridge.
 *
 * Nothing reserves the number of a group or a meter: between the look at what
 * a bridge has and the last of what is said to it, and while what is not used
 * is swept away, no other port of that bridge may choose numbers.
 */
#ifndef PF_FLOWS_TURN_H
#define PF_FLOWS_TURN_H 1

#include <glib.h>

void pf_flow_turn_init(void);
/* Those that wait are not called any more. */
void pf_flow_turn_destroy(void);

typedef void (*PfFlowTurn)(gpointer user);

/* Calls 'turn' when nobody else has the bridge's turn, possibly from within.
 * Whoever was called gives it back, whatever happens. */
void pf_flow_turn_take(const char *bridge, PfFlowTurn turn, gpointer user);
void pf_flow_turn_release(const char *bridge);

#endif
