/* SPDX-License-Identifier: Apache-2.0
 *
 * flows-save: what a port has, for its stamp and at the switchover.
 *
 * At the switchover one round trip is enough: its answer comes after the news
 * of every change that was made before, so that what the cache has is what the
 * switch has.
 */
#include <config.h>

#include "plugin/extensions/flows.h"

#include <math.h>

#include "plugin/extensions/flows-ages.h"
#include "plugin/extensions/flows-ask.h"
#include "plugin/extensions/flows-cache.h"

/* For more rules with timeouts than this, all rules of the port are asked
 * for, in place of each of them. */
#define MAX_SINGLE 32

/* What is left of timeouts, in one chunk. */
#define LEFT_PER_CHUNK 1000

typedef struct {
    PfCall *call;
    const PfExtensionPort *port;
    PfFlowOptions options;
    gboolean is_save;           /* nic_save, not get_policies. */
    gboolean was_read;          /* The switch was asked within this call. */
} Save;

static void save_go(Save *save);

static void
save_end(Save *save, const GError *error)
{
    pf_flows_host->end(save->call, error);
    g_free(save);
}

static void
say_policies(Save *save, PfFlowEntry *entry)
{
    if (!save->is_save || !entry->is_said) {
        pf_flows_host->policies(save->call, entry->policies);
        entry->is_said = save->is_save || entry->is_valid;
    }
}

/* ---- Timeouts ----------------------------------------------------------- */

/* Takes over what is left of a rule of such ages. */
static void
take_ages(PfFlowTimed *timed, const PfFlowAges *ages)
{
    double hard = timed->hard - ages->hard_age;
    /* The switch may have another idle timeout than the configured one. */
    double idle = ages->idle_timeout - ages->idle_age;

    timed->hard_left = timed->hard ? MAX(ceil(hard), 1) : 0;
    timed->idle_left = timed->idle ? MAX(idle, 1) : 0;
    timed->left_at = g_get_monotonic_time();
}

/* Reads the ages from the answers. */
static void
take_all_ages(Save *save, PfFlowEntry *entry, const PfFlowAsk *ask)
{
    g_autoptr(GHashTable) by_key = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(PfFlowNames) names = NULL;

    if (!entry->timed->len) {
        return;
    }
    names = pf_flow_here_names(pf_flows_host, save->port->bridge,
                               save->port->name, save->port->ofport);
    for (guint i = 0; i < entry->timed->len; i++) {
        PfFlowTimed *timed = entry->timed->pdata[i];

        g_hash_table_insert(by_key, timed->key, timed);
    }
    for (guint i = 0; i < pf_flow_ask_count(ask); i++) {
        const GPtrArray *lines = pf_flow_ask_lines(ask, i);
        PfFlowAges ages;

        if (pf_flow_ask_kind(ask, i) != PF_OPENFLOW_RULES_AGES) {
            continue;
        }
        for (guint j = 0; j < lines->len; j++) {
            if (pf_flow_ages_read(lines->pdata[j], names, &ages)) {
                PfFlowTimed *timed = g_hash_table_lookup(by_key, ages.key);

                if (timed) {
                    take_ages(timed, &ages);
                }
                pf_flow_ages_clear(&ages);
            }
        }
    }
}

/* Says what is left of the timeouts. */
static void
say_left(Save *save, const PfFlowEntry *entry)
{
    for (guint i = 0; i < entry->timed->len; i += LEFT_PER_CHUNK) {
        guint end = MIN(i + LEFT_PER_CHUNK, entry->timed->len);
        GVariantBuilder list;
        GVariantDict chunk;

        g_variant_builder_init(&list, G_VARIANT_TYPE("av"));
        for (guint j = i; j < end; j++) {
            const PfFlowTimed *timed = entry->timed->pdata[j];
            g_autofree char *digest = pf_flows_digest(timed->line);

            if (timed->left_at) {
                g_variant_builder_add(
                    &list, "v", g_variant_new_take_string(g_strdup_printf(
                        "%s %u %u", digest, timed->idle_left,
                        timed->hard_left)));
            }
        }
        g_variant_dict_init(&chunk, NULL);
        g_variant_dict_insert_value(&chunk, "left",
                                    g_variant_builder_end(&list));
        pf_flows_host->chunk(save->call, g_variant_dict_end(&chunk));
    }
}

/* ---- Requests ----------------------------------------------------------- */

/* Says once what does not travel. */
static void
say_left_out(const Save *save, PfFlowEntry *entry)
{
    if (entry->n_stale && !entry->is_stale_told) {
        entry->is_stale_told = TRUE;
        pf_flows_host->note(save->call, "rules of bridge %s that match an "
                            "in_port that is no port any more do not travel "
                            "(%u): delete them", save->port->bridge,
                            entry->n_stale);
    }
    if (entry->n_unknown && !entry->is_unknown_told) {
        entry->is_unknown_told = TRUE;
        pf_flows_host->note(save->call, "rules of bridge %s that output to "
                            "the port but cannot be read again do not travel "
                            "(%u), as \"%.300s\": add them with OpenFlow 1.3 "
                            "or newer", save->port->bridge, entry->n_unknown,
                            entry->unknown);
    }
}

static void
entry_read(gpointer user, PfFlowEntry *entry, const GError *error)
{
    Save *save = user;

    if (error) {
        entry = pf_flow_cache_find(save->port->name);
        if (entry) {
            entry->is_valid = FALSE;
            pf_flow_cache_again(entry);
        }
        save_end(save, error);
        return;
    }
    save->was_read = TRUE;
    say_left_out(save, entry);
    if (!save->is_save) {
        if (!pf_flows_host->time_left_ms(save->call)) {
            /* Nobody hears it; but the next time it is known at once. */
            pf_flow_cache_again(entry);
        }
        say_policies(save, entry);
        save_end(save, NULL);
    } else {
        save_go(save);
    }
}

static void
read_entry(Save *save)
{
    pf_flow_cache_read(save->port, &save->options,
                       pf_flows_timeout(save->call), entry_read, save);
}

static const GError *
first_error(const PfFlowAsk *ask)
{
    for (guint i = 0; i < pf_flow_ask_count(ask); i++) {
        PfOpenflowKind kind = pf_flow_ask_kind(ask, i);

        if (pf_flow_ask_error(ask, i) && kind != PF_OPENFLOW_METERS) {
            return pf_flow_ask_error(ask, i);
        }
    }
    return NULL;
}

/* Whether groups or meters have changed: nothing tells of that. */
static gboolean
tables_changed(const PfFlowEntry *entry, const PfFlowAsk *ask)
{
    guint digest = 0;

    for (guint i = 0; entry->has_tables && i < pf_flow_ask_count(ask); i++) {
        PfOpenflowKind kind = pf_flow_ask_kind(ask, i);
        const GPtrArray *lines = pf_flow_ask_lines(ask, i);

        if (kind == PF_OPENFLOW_GROUPS || kind == PF_OPENFLOW_METERS) {
            for (guint j = 0; j < lines->len; j++) {
                digest += g_str_hash(lines->pdata[j]);
            }
        }
    }
    return entry->has_tables && digest != entry->digest;
}

static void
save_answered(gpointer user, const PfFlowAsk *ask)
{
    Save *save = user;
    PfFlowEntry *entry = pf_flow_cache_find(save->port->name);
    const GError *error = first_error(ask);

    if (error || !entry) {
        save_end(save, error);
        return;
    }
    if ((!entry->is_valid || tables_changed(entry, ask))
        && !save->was_read) {
        read_entry(save);
        return;
    }
    take_all_ages(save, entry, ask);
    say_policies(save, entry);
    say_left(save, entry);
    save_end(save, NULL);
}

/* nic_save with an entry that was valid a moment ago. */
static void
save_go(Save *save)
{
    PfFlowEntry *entry = pf_flow_cache_find(save->port->name);
    PfFlowAsk *ask = pf_flow_ask_new(pf_flows_host, save->port->bridge,
                                     pf_flows_timeout(save->call));

    if (entry->timed->len > MAX_SINGLE) {
        g_autoptr(GPtrArray) filters = pf_flow_here_filters(save->port,
                                                            &save->options);

        for (guint i = 0; i < filters->len; i++) {
            pf_flow_ask_add(ask, PF_OPENFLOW_RULES_AGES, filters->pdata[i]);
        }
    } else {
        for (guint i = 0; i < entry->timed->len; i++) {
            const PfFlowTimed *timed = entry->timed->pdata[i];

            pf_flow_ask_add(ask, PF_OPENFLOW_RULES_AGES, timed->filter);
        }
    }
    if (entry->has_tables && !save->was_read) {
        pf_flow_ask_add(ask, PF_OPENFLOW_GROUPS, NULL);
        pf_flow_ask_add(ask, PF_OPENFLOW_METERS, NULL);
    }
    if (!pf_flow_ask_count(ask)) {
        g_autofree char *number = g_strdup_printf(
            "%" G_GINT64_FORMAT, save->port->ofport);

        pf_flow_ask_add(ask, PF_OPENFLOW_PORT_STATS, number);
    }
    pf_flow_ask_go(ask, save_answered, save);
}

static void
save_begin(PfCall *call, const PfExtensionPort *port, gboolean is_save)
{
    PfFlowOptions options;
    PfFlowEntry *entry;
    Save *save;

    g_autofree char *why = NULL;

    if (!pf_flow_options_read(port->options, &options, &why)
        || !options.carry
        || pf_flow_here_is_controlled(pf_flows_host, port->bridge)) {
        pf_flow_cache_forget(port->name);
        pf_flows_host->policies(call, g_variant_new("a{sv}", NULL));
        pf_flows_begin(call, port, &options);
        return;
    }

    save = g_new0(Save, 1);
    save->call = call;
    save->port = port;
    save->options = options;
    save->is_save = is_save;
    entry = pf_flow_cache_get(port);
    if (!entry->policies || !entry->is_valid) {
        read_entry(save);
    } else if (is_save) {
        save_go(save);
    } else {
        say_policies(save, entry);
        save_end(save, NULL);
    }
}

void
pf_flows_get_policies(PfCall *call, const PfExtensionPort *port)
{
    save_begin(call, port, FALSE);
}

void
pf_flows_nic_save(PfCall *call, const PfExtensionPort *port)
{
    save_begin(call, port, TRUE);
}
