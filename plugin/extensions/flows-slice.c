/* SPDX-License-Identifier: Apache-2.0
 *
 * flows-slice: see flows-slice.h.
 */
#include <config.h>

#include "plugin/extensions/flows-slice.h"

#define SLICE_US 4000           /* How long the loop may be held. */

typedef struct {
    PfFlowStep step;
    gpointer user;
} Slice;

/* FALSE: the work is done. */
static gboolean
slice_once(const Slice *slice)
{
    gint64 end = g_get_monotonic_time() + SLICE_US;

    do {
        if (!slice->step(slice->user)) {
            return FALSE;
        }
    } while (g_get_monotonic_time() < end);
    return TRUE;
}

static gboolean
slice_idle(gpointer slice)
{
    return slice_once(slice) ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

void
pf_flow_slice(PfFlowStep step, gpointer user)
{
    Slice slice = { step, user };

    if (slice_once(&slice)) {
        g_idle_add_full(G_PRIORITY_DEFAULT, slice_idle,
                        g_memdup2(&slice, sizeof slice), g_free);
    }
}
