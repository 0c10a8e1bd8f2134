/* SPDX-License-Identifier: Apache-2.0
 *
 * flows-ids: see flows-ids.h.
 */
#include <config.h>

#include "plugin/extensions/flows-ids.h"

#include <string.h>

#define MAX_NEW_ID 65535        /* Where the search for a number ends. */

static GHashTable *remembered;  /* Name of a port to PfFlowIds *. */

void
pf_flow_ids_free(PfFlowIds *ids)
{
    if (ids) {
        g_hash_table_unref(ids->groups);
        g_hash_table_unref(ids->meters);
        g_array_unref(ids->new_groups);
        g_array_unref(ids->new_meters);
        g_free(ids);
    }
}

static void
free_ids(gpointer ids)
{
    pf_flow_ids_free(ids);
}

void
pf_flow_ids_init(void)
{
    remembered = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                       free_ids);
}

void
pf_flow_ids_destroy(void)
{
    g_clear_pointer(&remembered, g_hash_table_unref);
}

void
pf_flow_ids_remember(const char *port, PfFlowIds *ids)
{
    g_hash_table_replace(remembered, g_strdup(port), ids);
}

const PfFlowIds *
pf_flow_ids_of(const char *port)
{
    return g_hash_table_lookup(remembered, port);
}

void
pf_flow_ids_forget(const char *port)
{
    g_hash_table_remove(remembered, port);
}

/* ---- Choosing ----------------------------------------------------------- */

typedef struct {
    PfFlowSet *set;
    const PfFlowHere *here;
    GHashTable *own_meters;     /* Number here to how many of the port's rules
                                 * here, and of their groups, use it. */
    GHashTable *taken;          /* Numbers here that were chosen, of the kind
                                 * that is being chosen. */
    PfFlowIds *ids;
} Choice;

/* Whether the bridge has such a number of the kind that is in 'here'. */
static gboolean
is_here(const Choice *choice, GHashTable *here, guint32 id)
{
    return g_hash_table_contains(here, GUINT_TO_POINTER(id))
           || (here == choice->here->groups
               && g_hash_table_contains(choice->here->strange,
                                        GUINT_TO_POINTER(id)));
}

/* The lowest number that neither 'here' nor 'there' has, nor was chosen; 0 if
 * there is none. */
static guint32
free_id(const Choice *choice, GHashTable *here, GHashTable *there)
{
    for (guint32 id = 1; id <= MAX_NEW_ID; id++) {
        gpointer key = GUINT_TO_POINTER(id);

        if (!is_here(choice, here, id) && !g_hash_table_contains(there, key)
            && !g_hash_table_contains(choice->taken, key)) {
            return id;
        }
    }
    return 0;
}

static gboolean
group_is_equal(const Choice *choice, PfFlowGroup *there, guint32 id)
{
    PfFlowGroup *here = g_hash_table_lookup(choice->here->groups,
                                            GUINT_TO_POINTER(id));
    g_autofree char *a = NULL, *b = NULL;

    if (!here) {
        return FALSE;
    }
    a = pf_flow_group_text(there, 0, choice->set->names, PF_FLOW_BY_NAME);
    b = pf_flow_group_text(here, 0, choice->here->names, PF_FLOW_BY_NAME);
    return !strcmp(a, b);
}

/* Whether meter 'id' of this host will do for 'there'. */
static gboolean
meter_will_do(const Choice *choice, const PfFlowMeter *there, guint32 id)
{
    gpointer key = GUINT_TO_POINTER(id);
    const PfFlowMeter *here = g_hash_table_lookup(choice->here->meters, key);
    guint all = GPOINTER_TO_UINT(
                    g_hash_table_lookup(choice->here->meter_rules, key))
                + GPOINTER_TO_UINT(
                    g_hash_table_lookup(choice->here->meter_groups, key));
    guint own = GPOINTER_TO_UINT(
        g_hash_table_lookup(choice->own_meters, key));

    return here && !strcmp(here->rest, there->rest)
           && !g_hash_table_contains(choice->taken, key)
           && (all <= own
               || g_hash_table_contains(choice->set->shared,
                                        GUINT_TO_POINTER(there->id)));
}

/* The number here of an equal group or meter of another number, lowest first;
 * 0: none. */
static guint32
find_equal(const Choice *choice, PfFlowGroup *group,
           const PfFlowMeter *meter)
{
    GHashTable *here = group ? choice->here->groups : choice->here->meters;
    GHashTable *there = group ? choice->set->groups : choice->set->meters;
    guint32 best = 0;
    GHashTableIter iter;
    gpointer key;

    g_hash_table_iter_init(&iter, here);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        guint32 id = GPOINTER_TO_UINT(key);

        if (id && (!best || id < best)
            && !g_hash_table_contains(there, key)
            && (group ? group_is_equal(choice, group, id)
                      : meter_will_do(choice, meter, id))) {
            best = id;
        }
    }
    return best;
}

/* What was chosen for 'id' the last time; 'id' itself if nothing was. */
static guint32
last_choice(const PfFlowIds *before, gboolean is_group, guint32 id)
{
    gpointer chosen;

    return g_hash_table_lookup_extended(
               is_group ? before->groups : before->meters,
               GUINT_TO_POINTER(id), NULL, &chosen)
           ? GPOINTER_TO_UINT(chosen) : id;
}

/* Chooses for one of either kind.  FALSE if there is no number. */
static gboolean
choose_one(Choice *choice, guint32 id, PfFlowGroup *group,
           const PfFlowMeter *meter)
{
    GHashTable *here = group ? choice->here->groups : choice->here->meters;
    GHashTable *there = group ? choice->set->groups : choice->set->meters;
    GHashTable *to = group ? choice->ids->groups : choice->ids->meters;
    GArray *fresh = group ? choice->ids->new_groups
                          : choice->ids->new_meters;
    const PfFlowIds *before = pf_flow_ids_of(choice->set->own);
    guint32 chosen = before ? last_choice(before, group != NULL, id) : id;

    if (chosen != id && (group ? group_is_equal(choice, group, chosen)
                               : meter_will_do(choice, meter, chosen))) {
        g_hash_table_add(choice->taken, GUINT_TO_POINTER(chosen));
        g_hash_table_insert(to, GUINT_TO_POINTER(id),
                            GUINT_TO_POINTER(chosen));
        return TRUE;
    }
    chosen = id;
    if (!is_here(choice, here, id)) {
        g_array_append_val(fresh, id);
    } else if (!(group ? group_is_equal(choice, group, id)
                       : meter_will_do(choice, meter, id))) {
        chosen = find_equal(choice, group, meter);
        if (!chosen) {
            chosen = free_id(choice, here, there);
            g_array_append_val(fresh, id);
        }
    }
    g_hash_table_add(choice->taken, GUINT_TO_POINTER(chosen));
    g_hash_table_insert(to, GUINT_TO_POINTER(id), GUINT_TO_POINTER(chosen));
    return chosen || !id;
}

/* Whether all groups that 'group' refers to are in 'done'. */
static gboolean
is_ready(GHashTable *done, const PfFlowGroup *group)
{
    gboolean ready = TRUE;
    GHashTableIter iter;
    PfFlowRefs refs;
    gpointer id;

    pf_flow_refs_init(&refs);
    pf_flow_group_refs(group, &refs);
    g_hash_table_iter_init(&iter, refs.groups);
    while (ready && g_hash_table_iter_next(&iter, &id, NULL)) {
        ready = g_hash_table_contains(done, id);
    }
    pf_flow_refs_clear(&refs);
    return ready;
}

static int
compare_ids(gconstpointer a, gconstpointer b)
{
    return (GPOINTER_TO_UINT(a) > GPOINTER_TO_UINT(b))
           - (GPOINTER_TO_UINT(a) < GPOINTER_TO_UINT(b));
}

static GList *
sorted_ids(GHashTable *table)
{
    return g_list_sort(g_hash_table_get_keys(table), compare_ids);
}

gboolean
pf_flow_groups_circle(GHashTable *groups, guint32 *id)
{
    g_autoptr(GHashTable) done = g_hash_table_new(NULL, NULL);
    g_autoptr(GList) ids = sorted_ids(groups);
    gboolean more = TRUE;

    while (more) {
        more = FALSE;
        for (GList *l = ids; l; l = l->next) {
            more = (!g_hash_table_contains(done, l->data)
                    && is_ready(done, g_hash_table_lookup(groups, l->data))
                    && g_hash_table_add(done, l->data)) || more;
        }
    }
    for (GList *l = ids; l; l = l->next) {
        if (!g_hash_table_contains(done, l->data)) {
            *id = GPOINTER_TO_UINT(l->data);
            return TRUE;
        }
    }
    return FALSE;
}

static gboolean
choose_meters(Choice *choice, char **why)
{
    g_autoptr(GList) ids = sorted_ids(choice->set->meters);

    for (GList *l = ids; l; l = l->next) {
        const PfFlowMeter *meter = g_hash_table_lookup(choice->set->meters,
                                                       l->data);

        if (!choose_one(choice, meter->id, NULL, meter)) {
            *why = g_strdup_printf("no number from 1 to %d is left for meter "
                                   "%u", MAX_NEW_ID, meter->id);
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean
choose_groups(Choice *choice, char **why)
{
    g_autoptr(GList) ids = sorted_ids(choice->set->groups);
    gboolean more = TRUE;
    guint32 circle;

    if (pf_flow_groups_circle(choice->set->groups, &circle)) {
        *why = g_strdup_printf("group %u refers to itself, or to a group "
                               "that is not there", circle);
        return FALSE;
    }
    while (more) {
        more = FALSE;
        for (GList *l = ids; l; l = l->next) {
            PfFlowGroup *group = g_hash_table_lookup(choice->set->groups,
                                                     l->data);

            if (g_hash_table_contains(choice->ids->groups, l->data)
                || !is_ready(choice->ids->groups, group)) {
                continue;
            }
            more = TRUE;
            pf_flow_group_renumber(group, choice->ids->groups,
                                   choice->ids->meters);
            if (!choose_one(choice, group->gm.group_id, group, NULL)) {
                *why = g_strdup_printf("no number from 1 to %d is left for "
                                       "group %u", MAX_NEW_ID,
                                       group->gm.group_id);
                return FALSE;
            }
        }
    }
    return TRUE;
}

/* Counts the port's rules here, and the groups to which they lead, that use
 * each meter. */
static GHashTable *
count_own_meters(const PfFlowHere *here)
{
    GHashTable *counts = g_hash_table_new(NULL, NULL);
    g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);
    gboolean more = TRUE;
    GHashTableIter iter;
    PfFlowRefs refs;
    gpointer id;

    pf_flow_refs_init(&refs);
    for (guint i = 0; i < here->rules->len; i++) {
        g_hash_table_remove_all(refs.meters);
        pf_flow_rule_refs(here->rules->pdata[i], &refs);
        g_hash_table_iter_init(&iter, refs.meters);
        while (g_hash_table_iter_next(&iter, &id, NULL)) {
            guint n = GPOINTER_TO_UINT(g_hash_table_lookup(counts, id));

            g_hash_table_insert(counts, id, GUINT_TO_POINTER(n + 1));
        }
    }
    while (more) {
        g_autoptr(GList) ids = g_hash_table_get_keys(refs.groups);

        more = FALSE;
        for (GList *l = ids; l; l = l->next) {
            const PfFlowGroup *group = g_hash_table_lookup(here->groups,
                                                           l->data);

            if (group && g_hash_table_add(seen, l->data)) {
                pf_flow_group_refs(group, &refs);
                pf_flow_count_meters(group, counts);
                more = TRUE;
            }
        }
    }
    pf_flow_refs_clear(&refs);
    return counts;
}

PfFlowIds *
pf_flow_ids_choose(PfFlowSet *set, const PfFlowHere *here, char **why)
{
    Choice choice = { .set = set, .here = here };
    gboolean ok;

    choice.ids = g_new0(PfFlowIds, 1);
    choice.ids->groups = g_hash_table_new(NULL, NULL);
    choice.ids->meters = g_hash_table_new(NULL, NULL);
    choice.ids->new_groups = g_array_new(FALSE, FALSE, sizeof(guint32));
    choice.ids->new_meters = g_array_new(FALSE, FALSE, sizeof(guint32));
    choice.own_meters = count_own_meters(here);
    choice.taken = g_hash_table_new(NULL, NULL);

    ok = choose_meters(&choice, why);
    g_hash_table_remove_all(choice.taken);
    ok = ok && choose_groups(&choice, why);

    g_hash_table_unref(choice.taken);
    g_hash_table_unref(choice.own_meters);
    if (!ok) {
        g_clear_pointer(&choice.ids, pf_flow_ids_free);
    }
    return choice.ids;
}
