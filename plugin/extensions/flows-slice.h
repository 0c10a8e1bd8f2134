/* SPDX-License-Identifier: Apache-2.0
 *
 * flows-slice: long work in small pieces, so that ten thousand rules do not
 * stop the agent's loop.
 */
#ifndef PF_FLOWS_SLICE_H
#define PF_FLOWS_SLICE_H 1

#include <glib.h>

/* Does a little; FALSE: that was the last. */
typedef gboolean (*PfFlowStep)(gpointer user);

/* Calls 'step' until it returns FALSE, some of the time at once and the rest
 * from GLib's main context, a few milliseconds each time.  It must not be
 * called back into by its own 'step'. */
void pf_flow_slice(PfFlowStep step, gpointer user);

#endif
