/* SPDX-License-Identifier: Apache-2.0
 *
 * flows-turn: see flows-turn.h.
 */
#include <config.h>

#include "plugin/extensions/flows-turn.h"

typedef struct {
    PfFlowTurn turn;
    gpointer user;
} Waiting;

/* A bridge whose turn somebody has. */
typedef struct {
    GQueue waiting;             /* Waiting *, first come, first served. */
    guint source;               /* Will call the first of them, or 0. */
} Taken;

static GHashTable *bridges;     /* Name to Taken *. */

static void
taken_free(gpointer taken_)
{
    Taken *taken = taken_;

    if (taken->source) {
        g_source_remove(taken->source);
    }
    g_queue_clear_full(&taken->waiting, g_free);
    g_free(taken);
}

void
pf_flow_turn_init(void)
{
    bridges = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                    taken_free);
}

void
pf_flow_turn_destroy(void)
{
    g_clear_pointer(&bridges, g_hash_table_unref);
}

void
pf_flow_turn_take(const char *bridge, PfFlowTurn turn, gpointer user)
{
    Taken *taken = g_hash_table_lookup(bridges, bridge);
    Waiting *waiting;

    if (taken) {
        waiting = g_new0(Waiting, 1);
        waiting->turn = turn;
        waiting->user = user;
        g_queue_push_tail(&taken->waiting, waiting);
        return;
    }
    taken = g_new0(Taken, 1);
    g_queue_init(&taken->waiting);
    g_hash_table_insert(bridges, g_strdup(bridge), taken);
    turn(user);
}

static gboolean
call_next(gpointer taken_)
{
    Taken *taken = taken_;
    g_autofree Waiting *waiting = g_queue_pop_head(&taken->waiting);

    taken->source = 0;
    waiting->turn(waiting->user);
    return G_SOURCE_REMOVE;
}

void
pf_flow_turn_release(const char *bridge)
{
    Taken *taken = g_hash_table_lookup(bridges, bridge);

    if (g_queue_is_empty(&taken->waiting)) {
        g_hash_table_remove(bridges, bridge);
    } else {
        taken->source = g_idle_add_full(G_PRIORITY_DEFAULT, call_next, taken,
                                        NULL);
    }
}
