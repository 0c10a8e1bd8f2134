/* SPDX-License-Identifier: Apache-2.0
 *
 * flows-commands: see flows-commands.h.
 */
#include <config.h>

#include "plugin/extensions/flows-commands.h"

#include <stdio.h>
#include <string.h>

#include "byte-order.h"
#include "plugin/extensions/flows-ask.h"
#include "plugin/extensions/flows-turn.h"
#include "plugin/extensions/flows.h"

#define UNDO_MS 500             /* At least, even if it was too late. */

gboolean
pf_flow_has_tables(GVariant *policies)
{
    g_autoptr(GVariant) groups = g_variant_lookup_value(
        policies, "groups", G_VARIANT_TYPE("av"));
    g_autoptr(GVariant) meters = g_variant_lookup_value(
        policies, "meters", G_VARIANT_TYPE("av"));

    return (groups && g_variant_n_children(groups))
           || (meters && g_variant_n_children(meters));
}

/* ---- Single commands ---------------------------------------------------- */

char *
pf_flow_command_add(PfFlowRule *rule, const PfFlowNames *names, guint idle,
                    guint hard)
{
    struct ofputil_flow_mod *fm = &rule->fm;
    guint own_idle = fm->idle_timeout, own_hard = fm->hard_timeout;
    g_autofree char *text = NULL;

    fm->idle_timeout = idle;
    fm->hard_timeout = hard;
    text = pf_flow_rule_text(rule, names, PF_FLOW_BY_NUMBER);
    fm->idle_timeout = own_idle;
    fm->hard_timeout = own_hard;
    return g_strconcat("flow add ", text, NULL);
}

char *
pf_flow_command_delete(const PfFlowRule *rule, const PfFlowNames *names)
{
    g_autofree char *key = pf_flow_rule_key(rule, names, PF_FLOW_BY_NUMBER);

    return g_strdup_printf("flow delete_strict cookie=0x%"
                           G_GINT64_MODIFIER "x/-1,%s",
                           (guint64) ntohll(rule->fm.new_cookie), key);
}

void
pf_flow_commands_groups(GPtrArray *commands, PfFlowSet *set,
                        const PfFlowIds *ids)
{
    for (guint i = 0; i < ids->new_groups->len; i++) {
        gpointer id = GUINT_TO_POINTER(
            g_array_index(ids->new_groups, guint32, i));
        PfFlowGroup *group = g_hash_table_lookup(set->groups, id);
        g_autofree char *text = pf_flow_group_text(
            group, GPOINTER_TO_UINT(g_hash_table_lookup(ids->groups, id)),
            set->names, PF_FLOW_BY_NUMBER);

        g_ptr_array_add(commands, g_strconcat("group add ", text, NULL));
    }
}

void
pf_flow_commands_meters(GPtrArray *commands, PfFlowSet *set,
                        const PfFlowIds *ids)
{
    for (guint i = 0; i < ids->new_meters->len; i++) {
        gpointer id = GUINT_TO_POINTER(
            g_array_index(ids->new_meters, guint32, i));
        const PfFlowMeter *meter = g_hash_table_lookup(set->meters, id);
        g_autofree char *text = pf_flow_meter_text(
            meter, GPOINTER_TO_UINT(g_hash_table_lookup(ids->meters, id)));

        g_ptr_array_add(commands, g_strconcat("add ", text, NULL));
    }
}

/* ---- Carrying out ------------------------------------------------------- */

typedef struct {
    char *bridge;
    gint64 deadline;            /* Monotonic. */
    GPtrArray *meters;
    guint next;                 /* Of the meters. */
    GPtrArray *undo;            /* Deletes those that were added. */
    GPtrArray *commands;
    GError *error;              /* What has ended it. */
    PfFlowDone done;
    gpointer user;
} Work;

static GPtrArray *
copy_strings(const GPtrArray *strings)
{
    GPtrArray *copy = g_ptr_array_new_with_free_func(g_free);

    for (guint i = 0; i < strings->len; i++) {
        g_ptr_array_add(copy, g_strdup(strings->pdata[i]));
    }
    return copy;
}

static void
work_end(Work *work, const GError *error)
{
    work->done(work->user, error);
    g_ptr_array_unref(work->meters);
    g_ptr_array_unref(work->undo);
    g_ptr_array_unref(work->commands);
    g_clear_error(&work->error);
    g_free(work->bridge);
    g_free(work);
}

static guint
work_left_ms(const Work *work)
{
    return MAX((work->deadline - g_get_monotonic_time()) / 1000, 1);
}

/* The meters are gone again, or what is left of them is swept later. */
static void
undone(gpointer user, const GError *error G_GNUC_UNUSED)
{
    Work *work = user;

    work_end(work, work->error);
}

static void
fail(Work *work, const GError *error)
{
    if (work->undo->len) {
        work->error = g_error_copy(error);
        pf_flows_host->openflow_meters(work->bridge, work->undo,
                                       MAX(work_left_ms(work), UNDO_MS),
                                       undone, work);
    } else {
        work_end(work, error);
    }
}

static void
bundle_done(gpointer user, const GError *error)
{
    Work *work = user;

    if (error) {
        fail(work, error);
    } else {
        work_end(work, NULL);
    }
}

/* Notes how to undo the command that was carried out last. */
static void
note_undo(Work *work)
{
    const char *command = work->meters->pdata[work->next];
    guint id;

    if (sscanf(command, "add meter=%u", &id) == 1) {
        g_ptr_array_add(work->undo, g_strdup_printf("delete meter=%u", id));
    }
}

static void work_go(Work *);

static void
meter_done(gpointer user, const GError *error)
{
    Work *work = user;

    if (error) {
        fail(work, error);
        return;
    }
    note_undo(work);
    work->next++;
    work_go(work);
}

/* The next meter by itself, so that it is known which ones were added; or, at
 * last, the bundle. */
static void
work_go(Work *work)
{
    if (work->next < work->meters->len) {
        g_autoptr(GPtrArray) one = g_ptr_array_new();

        g_ptr_array_add(one, work->meters->pdata[work->next]);
        pf_flows_host->openflow_meters(work->bridge, one, work_left_ms(work),
                                       meter_done, work);
    } else if (work->commands->len) {
        pf_flows_host->openflow_bundle(work->bridge, work->commands,
                                       work_left_ms(work), bundle_done, work);
    } else {
        work_end(work, NULL);
    }
}

void
pf_flow_carry_out(const char *bridge, guint timeout_ms,
                  const GPtrArray *meters, const GPtrArray *commands,
                  PfFlowDone done, gpointer user)
{
    Work *work = g_new0(Work, 1);

    work->bridge = g_strdup(bridge);
    work->deadline = g_get_monotonic_time() + timeout_ms * (gint64) 1000;
    work->meters = copy_strings(meters);
    work->undo = g_ptr_array_new_with_free_func(g_free);
    work->commands = copy_strings(commands);
    work->done = done;
    work->user = user;
    work_go(work);
}

gboolean
pf_flow_is_taken(const GError *error)
{
    return error && (strstr(error->message, "OFPMMFC_METER_EXISTS")
                     || strstr(error->message, "OFPGMFC_GROUP_EXISTS"));
}

/* ---- Sweeping ----------------------------------------------------------- */

typedef struct {
    const PfExtensionPort *port;
    char *bridge;
    guint timeout_ms;
    PfFlowSet *set;
    PfFlowHere *here;
    GHashTable *groups;         /* Numbers of those that may be deleted. */
    GHashTable *meters;         /* The same. */
    GHashTable *meter_groups;   /* The bridge's, as in PfFlowHere. */
    PfFlowDone done;
    gpointer user;
} Sweep;

static void
sweep_end(Sweep *sweep, const GError *error)
{
    pf_flow_turn_release(sweep->bridge);
    sweep->done(sweep->user, error);
    pf_flow_set_unref(sweep->set);
    pf_flow_here_free(sweep->here);
    g_hash_table_unref(sweep->groups);
    g_hash_table_unref(sweep->meters);
    g_clear_pointer(&sweep->meter_groups, g_hash_table_unref);
    g_free(sweep->bridge);
    g_free(sweep);
}

static void
sweep_done(gpointer user, const GError *error)
{
    sweep_end(user, error);
}

/* Takes groups that other groups refer to out of those that may be deleted,
 * until what is left is referred to only from among itself. */
static void
spare_referred(Sweep *sweep)
{
    gboolean more = TRUE;

    while (more) {
        GHashTableIter iter, ids;
        gpointer id, group, ref;

        more = FALSE;
        g_hash_table_iter_init(&iter, sweep->here->groups);
        while (g_hash_table_iter_next(&iter, &id, &group)) {
            PfFlowRefs refs;

            if (g_hash_table_contains(sweep->groups, id)) {
                continue;
            }
            pf_flow_refs_init(&refs);
            pf_flow_group_refs(group, &refs);
            g_hash_table_iter_init(&ids, refs.groups);
            while (g_hash_table_iter_next(&ids, &ref, NULL)) {
                more = g_hash_table_remove(sweep->groups, ref) || more;
            }
            pf_flow_refs_clear(&refs);
        }
    }
}

/* Commands that delete the meters that nothing uses but groups that go. */
static GPtrArray *
unused_meters(const Sweep *sweep)
{
    GPtrArray *commands = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GHashTable) going = g_hash_table_new(NULL, NULL);
    GHashTableIter iter;
    gpointer id;

    g_hash_table_iter_init(&iter, sweep->groups);
    while (g_hash_table_iter_next(&iter, &id, NULL)) {
        pf_flow_count_meters(g_hash_table_lookup(sweep->here->groups, id),
                             going);
    }
    g_hash_table_iter_init(&iter, sweep->meters);
    while (g_hash_table_iter_next(&iter, &id, NULL)) {
        if (!g_hash_table_lookup(sweep->here->meter_rules, id)
            && (g_hash_table_lookup(sweep->meter_groups, id)
                == g_hash_table_lookup(going, id))) {
            g_ptr_array_add(commands, g_strdup_printf(
                                "delete meter=%u", GPOINTER_TO_UINT(id)));
        }
    }
    return commands;
}

/* Which of the groups have no rules is known. */
static void
sweep_unused(Sweep *sweep)
{
    g_autoptr(GPtrArray) commands = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) meters = NULL;
    GHashTableIter iter;
    gpointer id;

    spare_referred(sweep);
    meters = unused_meters(sweep);
    g_hash_table_iter_init(&iter, sweep->groups);
    while (g_hash_table_iter_next(&iter, &id, NULL)) {
        g_ptr_array_add(commands, g_strdup_printf(
                            "group delete group_id=%u",
                            GPOINTER_TO_UINT(id)));
    }
    pf_flow_carry_out(sweep->bridge, sweep->timeout_ms, meters, commands,
                      sweep_done, sweep);
}

static void
sweep_answered(gpointer user, const PfFlowAsk *ask)
{
    Sweep *sweep = user;
    g_autoptr(GList) ids = g_hash_table_get_keys(sweep->groups);
    guint i = 0;

    /* The questions were asked in this order. */
    for (GList *l = ids; l; l = l->next, i++) {
        if (pf_flow_ask_error(ask, i) || pf_flow_ask_lines(ask, i)->len) {
            g_hash_table_remove(sweep->groups, l->data);
        }
    }
    sweep_unused(sweep);
}

/* Finds what may be deleted: what of 'ids' is here. */
static void
find_candidates(Sweep *sweep, const PfFlowIds *ids)
{
    GHashTableIter iter;
    gpointer there, here;

    g_hash_table_iter_init(&iter, ids->groups);
    while (g_hash_table_iter_next(&iter, &there, &here)) {
        if (g_hash_table_contains(sweep->here->groups, here)) {
            g_hash_table_add(sweep->groups, here);
        }
    }
    g_hash_table_iter_init(&iter, ids->meters);
    while (g_hash_table_iter_next(&iter, &there, &here)) {
        if (g_hash_table_contains(sweep->here->meters, here)) {
            g_hash_table_add(sweep->meters, here);
        }
    }
}

static void
sweep_here(gpointer user, PfFlowHere *here, const GError *error)
{
    Sweep *sweep = user;
    g_autoptr(PfFlowIds) ids = NULL;
    g_autofree char *why = NULL;

    sweep->here = here;
    if (here) {
        /* The port's own groups may be among these. */
        sweep->meter_groups = here->meter_groups;
        here->meter_groups = g_hash_table_new(NULL, NULL);
    }
    ids = error ? NULL : pf_flow_ids_choose(sweep->set, here, &why);
    if (!ids) {
        /* No number or a circle: nothing of it is here. */
        sweep_end(sweep, error);
        return;
    }
    find_candidates(sweep, ids);
    if (!g_hash_table_size(sweep->groups)) {
        sweep_unused(sweep);
        return;
    }

    PfFlowAsk *ask = pf_flow_ask_new(pf_flows_host, sweep->bridge,
                                     sweep->timeout_ms);
    g_autoptr(GList) keys = g_hash_table_get_keys(sweep->groups);
    for (GList *l = keys; l; l = l->next) {
        g_autofree char *filter = g_strdup_printf(
            "out_group=%u", GPOINTER_TO_UINT(l->data));

        pf_flow_ask_add(ask, PF_OPENFLOW_RULES, filter);
    }
    pf_flow_ask_go(ask, sweep_answered, sweep);
}

static void
sweep_turn(gpointer user)
{
    static const PfFlowOptions all = { .carry = TRUE };
    Sweep *sweep = user;

    pf_flow_here_read(pf_flows_host, sweep->port, &all,
                      PF_FLOW_HERE_GROUPS | PF_FLOW_HERE_METERS,
                      sweep->timeout_ms, sweep_here, sweep);
}

void
pf_flow_sweep(const PfExtensionPort *port, guint timeout_ms, PfFlowSet *set,
              PfFlowDone done, gpointer user)
{
    Sweep *sweep = g_new0(Sweep, 1);

    sweep->port = port;
    sweep->bridge = g_strdup(port->bridge);
    sweep->timeout_ms = timeout_ms;
    sweep->set = set;
    sweep->groups = g_hash_table_new(NULL, NULL);
    sweep->meters = g_hash_table_new(NULL, NULL);
    sweep->done = done;
    sweep->user = user;
    pf_flow_turn_take(sweep->bridge, sweep_turn, sweep);
}
