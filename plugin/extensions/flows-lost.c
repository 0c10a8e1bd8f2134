/* SPDX-License-Identifier: Apache-2.0
 *
 * flows-lost: see flows-lost.h.
 *
 * The switch is asked when the connection to it is lost, and once more when it
 * is back: before the switchover, which has no time for that.
 */
#include <config.h>

#include "plugin/extensions/flows-lost.h"

#include "plugin/extensions/flows-here.h"
#include "plugin/extensions/flows.h"

#define ASK_MS 5000

typedef struct {
    char *name, *bridge, *mac;
    gint64 ofport;
    PfFlowOptions options;
    guint n_rules;
    guint watch;
    guint asked;                /* Number of the last question, 0: none. */
    gboolean is_unsure;         /* It has no answer yet. */
    gboolean is_lost;
} Guarded;

/* A question under way. */
typedef struct {
    char *name;
    guint number;
} Question;

static GHashTable *guarded;     /* Name to Guarded *. */
static guint n_questions;

static void
guarded_free(gpointer g_)
{
    Guarded *g = g_;

    pf_flows_host->openflow_unwatch(g->watch);
    g_free(g->name);
    g_free(g->bridge);
    g_free(g->mac);
    g_free(g);
}

void
pf_flow_lost_init(void)
{
    guarded = g_hash_table_new_full(g_str_hash, g_str_equal, NULL,
                                    guarded_free);
}

void
pf_flow_lost_destroy(void)
{
    g_clear_pointer(&guarded, g_hash_table_unref);
}

/* Without an answer nothing is sure. */
static void
answered(gpointer user, PfFlowHere *here_, const GError *error)
{
    g_autoptr(PfFlowHere) here = here_;
    Question *question = user;
    Guarded *g = g_hash_table_lookup(guarded, question->name);

    if (g && g->asked == question->number && !error) {
        g->is_unsure = FALSE;
        g->is_lost = g->is_lost || here->rules->len < g->n_rules;
    }
    g_free(question->name);
    g_free(question);
}

static void
ask(Guarded *g)
{
    PfExtensionPort port = {
        .name = g->name,
        .bridge = g->bridge,
        .mac = g->mac,
        .ofport = g->ofport,
    };
    Question *question = g_new0(Question, 1);

    g->is_unsure = TRUE;
    g->asked = ++n_questions;
    question->name = g_strdup(g->name);
    question->number = g->asked;
    pf_flow_here_read(pf_flows_host, &port, &g->options,
                      PF_FLOW_HERE_RULES | PF_FLOW_HERE_GROUPS, ASK_MS,
                      answered, question);
}

/* Single rules are somebody's will; only if anything may have changed is it
 * asked. */
static void
rule_changed(gpointer user, const char *bridge G_GNUC_UNUSED,
             const char *rule)
{
    if (!rule) {
        ask(user);
    }
}

void
pf_flow_lost_watch(const PfExtensionPort *port, const PfFlowOptions *options,
                   guint n_rules)
{
    Guarded *g = g_new0(Guarded, 1);

    g->name = g_strdup(port->name);
    g->bridge = g_strdup(port->bridge);
    g->mac = g_strdup(port->mac);
    g->ofport = port->ofport;
    g->options = *options;
    g->n_rules = n_rules;
    g->watch = pf_flows_host->openflow_watch(g->bridge, rule_changed, g);
    g_hash_table_replace(guarded, g->name, g);
}

gboolean
pf_flow_lost_seen(const char *name)
{
    const Guarded *g = g_hash_table_lookup(guarded, name);

    return g && (g->is_lost || g->is_unsure);
}

void
pf_flow_lost_forget(const char *name)
{
    g_hash_table_remove(guarded, name);
}
