/* SPDX-License-Identifier: Apache-2.0
 *
 * flows-idle: see flows-idle.h.
 */
#include <config.h>

#include "plugin/extensions/flows-idle.h"

#include <string.h>

#include "openvswitch/vlog.h"
#include "plugin/extensions/flows-ages.h"
#include "plugin/extensions/flows-cache.h"
#include "plugin/extensions/flows.h"

VLOG_DEFINE_THIS_MODULE(pf_flows_idle);

#define ASK_MS 2000             /* For ovs-vswitchd's answer. */
#define AGAIN_MS 1000           /* To the next look at a rule without use. */

/* A rule that waits for its idle timeout. */
typedef struct {
    guint timer;                /* 0: the switch is being asked. */
    gboolean is_gone;           /* To be freed after the answer. */
    char *bridge;
    char *name;                 /* Of the port. */
    gint64 ofport;
    char *key, *filter, *effect;
    char *text;                 /* As configured, without a hard timeout. */
    guint idle, hard;           /* As installed; 0: none. */
    gint64 since;               /* Monotonic time of its installation. */
    gboolean is_here;           /* The switch has it, as it was installed. */
    gboolean was_used;
} Waiting;

static GHashTable *waitings;    /* A set. */

static void
waiting_free(gpointer p)
{
    Waiting *waiting = p;

    if (waiting->timer) {
        g_source_remove(waiting->timer);
    }
    pf_flow_cache_set_idle(waiting->name, waiting->key, 0);
    g_free(waiting->bridge);
    g_free(waiting->name);
    g_free(waiting->key);
    g_free(waiting->filter);
    g_free(waiting->effect);
    g_free(waiting->text);
    g_free(waiting);
}

void
pf_flow_idle_init(void)
{
    waitings = g_hash_table_new_full(NULL, NULL, waiting_free, NULL);
}

void
pf_flow_idle_destroy(void)
{
    g_clear_pointer(&waitings, g_hash_table_unref);
}

static void
given_back(gpointer user, const GError *error)
{
    g_autofree char *name = user;

    if (error) {
        VLOG_WARN("port %s: a rule keeps the idle timeout with which it "
                  "arrived: %s", name, error->message);
    }
}

static void
give_back(const Waiting *waiting)
{
    g_autoptr(GPtrArray) commands = g_ptr_array_new_with_free_func(g_free);
    guint age = (g_get_monotonic_time() - waiting->since) / G_USEC_PER_SEC;
    guint hard = waiting->hard > age ? waiting->hard - age : 1;
    g_autofree char *timeout = g_strdup_printf("hard_timeout=%u, ", hard);

    g_ptr_array_add(commands, g_strdup_printf(
                        "flow add %s%s", waiting->hard ? timeout : "",
                        waiting->text));
    pf_flows_host->openflow_bundle(waiting->bridge, commands, ASK_MS,
                                   given_back, g_strdup(waiting->name));
}

/* Looks at a rule that is here: if it is the one that waits, and is as it was
 * then, whether it was used.  It was installed with counters of zero. */
static void
look_at(Waiting *waiting, const PfFlowNames *names, const char *line)
{
    PfFlowAges ages;

    if (!pf_flow_ages_read(line, names, &ages)) {
        return;
    }
    if (!strcmp(ages.key, waiting->key)
        && !strcmp(ages.effect, waiting->effect)
        && ages.idle_timeout == waiting->idle) {
        waiting->is_here = TRUE;
        waiting->was_used = waiting->was_used || ages.n_packets;
    }
    pf_flow_ages_clear(&ages);
}

static gboolean is_due(gpointer user);

static void
ages_answered(gpointer user, const GPtrArray *lines, gboolean last,
              const GError *error G_GNUC_UNUSED)
{
    Waiting *waiting = user;
    g_autoptr(PfFlowNames) names = pf_flow_here_names(
        pf_flows_host, waiting->bridge, waiting->name, waiting->ofport);

    for (guint i = 0; i < lines->len; i++) {
        look_at(waiting, names, lines->pdata[i]);
    }
    if (!last) {
        return;
    }
    if (!waiting->is_gone && !waiting->was_used && waiting->is_here) {
        /* Its first frame may come at the last moment; without one it goes
         * away by itself. */
        waiting->timer = g_timeout_add(AGAIN_MS, is_due, waiting);
        return;
    }
    if (waiting->was_used && !waiting->is_gone) {
        give_back(waiting);
    }
    g_hash_table_remove(waitings, waiting);
}

static gboolean
is_due(gpointer user)
{
    Waiting *waiting = user;

    waiting->timer = 0;
    waiting->is_here = FALSE;
    pf_flows_host->openflow_dump(waiting->bridge, PF_OPENFLOW_RULES_AGES,
                                 waiting->filter, ASK_MS, ages_answered,
                                 waiting);
    return G_SOURCE_REMOVE;
}

void
pf_flow_idle_add(const PfExtensionPort *port, PfFlowRule *rule,
                 const PfFlowNames *names, guint idle)
{
    Waiting *waiting = g_new0(Waiting, 1);
    struct ofputil_flow_mod *fm = &rule->fm;
    guint left = fm->idle_timeout, hard = fm->hard_timeout;

    waiting->bridge = g_strdup(port->bridge);
    waiting->name = g_strdup(port->name);
    waiting->ofport = port->ofport;
    waiting->key = pf_flow_rule_key(rule, names, PF_FLOW_BY_NAME);
    waiting->filter = pf_flow_rule_filter(rule, names);
    waiting->effect = pf_flow_rule_effect(rule, names);
    waiting->idle = left;
    waiting->hard = hard;
    waiting->since = g_get_monotonic_time();

    fm->idle_timeout = idle;
    fm->hard_timeout = 0;
    waiting->text = pf_flow_rule_text(rule, names, PF_FLOW_BY_NUMBER);
    fm->idle_timeout = left;
    fm->hard_timeout = hard;

    pf_flow_cache_set_idle(port->name, waiting->key, idle);
    waiting->timer = g_timeout_add(left > 1 ? (left - 1) * 1000 : 500,
                                   is_due, waiting);
    g_hash_table_add(waitings, waiting);
}

void
pf_flow_idle_forget(const char *name)
{
    GHashTableIter iter;
    gpointer key;

    g_hash_table_iter_init(&iter, waitings);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        Waiting *waiting = key;

        if (strcmp(waiting->name, name)) {
            continue;
        }
        if (waiting->timer) {
            g_hash_table_iter_remove(&iter);
        } else {
            waiting->is_gone = TRUE;
        }
    }
}
