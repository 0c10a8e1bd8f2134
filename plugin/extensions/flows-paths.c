/* SPDX-License-Identifier: Apache-2.0
 *
 * flows-paths: see flows-paths.h.
 */
#include <config.h>

#include "plugin/extensions/flows-paths.h"

#include <string.h>

#define N_TABLES 256
#define THIS_TABLE 255          /* In a resubmit: the one that is there. */

/* A frame comes no deeper: through so many resubmits and groups within each
 * other, and each table once by goto_table. */
#define MAX_ROUNDS (64 + N_TABLES)

/* What ovs-vswitchd allows one frame. */
#define MAX_RESUBMITS 4096

/* Tables and groups are numbered together: a table by its number, the n-th
 * group by N_TABLES + n. */

/* What a rule or a group leads to. */
typedef struct {
    guint self;                 /* Its own table, or itself. */
    guint weight;               /* Its own buckets, or actions. */
    GHashTable *to;             /* Number to how many times. */
} Step;

typedef struct {
    GHashTable *numbers;        /* Of groups: id to number. */
    GArray *ids;                /* Of the groups, guint32. */
    GPtrArray *steps;           /* Step *. */
    gboolean by_actions;        /* These are counted, not buckets... */
    guint max;                  /* ...and so many are allowed. */
    guint *paths;               /* By number: how many, as far as known. */
    guint *before;              /* The same, one less deep. */
    gsize size;                 /* Bytes of each. */
} Paths;

static void
step_free(gpointer step_)
{
    Step *step = step_;

    g_hash_table_unref(step->to);
    g_free(step);
}

static void
lead_to(Step *step, guint number)
{
    guint times = GPOINTER_TO_UINT(
        g_hash_table_lookup(step->to, GUINT_TO_POINTER(number)));

    g_hash_table_insert(step->to, GUINT_TO_POINTER(number),
                        GUINT_TO_POINTER(times + 1));
}

static void
lead_to_group(const Paths *paths, Step *step, guint32 id)
{
    gpointer number;

    /* One that is not there is refused elsewhere. */
    if (g_hash_table_lookup_extended(paths->numbers, GUINT_TO_POINTER(id),
                                     NULL, &number)) {
        lead_to(step, GPOINTER_TO_UINT(number));
    }
}

/* A frame that is recirculated by ct() is translated from the start: it is not
 * followed. */
static void
add_actions(const Paths *paths, Step *step, const struct ofpact *ofpacts,
            size_t size)
{
    const struct ofpact *a;

    OFPACT_FOR_EACH_FLATTENED (a, ofpacts, size) {
        guint table;

        switch ((int) a->type) {
        case OFPACT_GROUP:
            lead_to_group(paths, step, ofpact_get_GROUP(a)->group_id);
            break;
        case OFPACT_RESUBMIT:
            table = ofpact_get_RESUBMIT(a)->table_id;
            lead_to(step, table == THIS_TABLE && step->self < N_TABLES
                          ? step->self : table);
            break;
        case OFPACT_GOTO_TABLE:
            lead_to(step, ofpact_get_GOTO_TABLE(a)->table_id);
            break;
        default:
            break;
        }
    }
}

static guint
count_actions(const struct ofpact *ofpacts, size_t size)
{
    const struct ofpact *a;
    guint n = 0;

    OFPACT_FOR_EACH_FLATTENED (a, ofpacts, size) {
        n++;
    }
    return n;
}

static Step *
step_new(Paths *paths, guint self)
{
    Step *step = g_new0(Step, 1);

    step->self = self;
    step->to = g_hash_table_new(NULL, NULL);
    g_ptr_array_add(paths->steps, step);
    return step;
}

/* All buckets count, whichever of them a frame takes: to look which ones are
 * alive is work as well, along with the groups that they watch. */
static void
add_group(Paths *paths, guint n, const PfFlowGroup *group)
{
    const struct ofputil_bucket *bucket;
    Step *step = step_new(paths, N_TABLES + n);

    LIST_FOR_EACH (bucket, list_node, &group->gm.buckets) {
        step->weight += 1 + (paths->by_actions
                             ? count_actions(bucket->ofpacts,
                                             bucket->ofpacts_len) : 0);
        if (bucket->watch_group != OFPG_ANY) {
            lead_to_group(paths, step, bucket->watch_group);
        }
        add_actions(paths, step, bucket->ofpacts, bucket->ofpacts_len);
    }
}

/* So many are passed from 'number' on.  FALSE: that is nothing new. */
static gboolean
pass(Paths *paths, guint number, guint64 n)
{
    guint most = MIN(n, paths->max + 1);
    gboolean more = most > paths->paths[number];

    paths->paths[number] = MAX(paths->paths[number], most);
    if (number < N_TABLES) {
        /* "This table", said by a group: it may be any. */
        paths->paths[THIS_TABLE] = MAX(paths->paths[THIS_TABLE], most);
    }
    return more;
}

static void
add_rule(Paths *paths, const PfFlowRule *rule)
{
    Step *step = step_new(paths, rule->fm.table_id);

    add_actions(paths, step, rule->fm.ofpacts, rule->fm.ofpacts_len);
    if (paths->by_actions) {
        step->weight = count_actions(rule->fm.ofpacts, rule->fm.ofpacts_len);
    }
    if (!g_hash_table_size(step->to)) {
        pass(paths, step->self, step->weight);
        g_ptr_array_set_size(paths->steps, paths->steps->len - 1);
    }
}

/* Goes one deeper: what a step passes is what all that it leads to pass, and a
 * table as much as that of its rules that passes most.  FALSE: nothing new. */
static gboolean
go_deeper(Paths *paths)
{
    gboolean more = FALSE;

    memcpy(paths->before, paths->paths, paths->size);
    for (guint i = 0; i < paths->steps->len; i++) {
        const Step *step = paths->steps->pdata[i];
        guint64 sum = step->weight;
        GHashTableIter iter;
        gpointer to, times;

        g_hash_table_iter_init(&iter, step->to);
        while (g_hash_table_iter_next(&iter, &to, &times)) {
            sum += (guint64) paths->before[GPOINTER_TO_UINT(to)]
                   * GPOINTER_TO_UINT(times);
        }
        more = pass(paths, step->self, sum) || more;
    }
    return more;
}

static char *
find_too_many(const Paths *paths)
{
    for (guint i = 0; i < paths->ids->len; i++) {
        if (paths->paths[N_TABLES + i] > paths->max) {
            return g_strdup_printf(
                "group %u leads a frame through more than %u %s",
                g_array_index(paths->ids, guint32, i), paths->max,
                paths->by_actions ? "actions" : "buckets");
        }
    }
    for (guint i = 0; i < THIS_TABLE; i++) {
        if (paths->paths[i] > paths->max) {
            return g_strdup_printf(
                "table %u leads a frame through more than %u %s", i,
                paths->max,
                paths->by_actions ? "actions" : "buckets of groups");
        }
    }
    return NULL;
}

static int
compare_ids(gconstpointer a, gconstpointer b)
{
    guint32 x = *(const guint32 *) a, y = *(const guint32 *) b;

    return (x > y) - (x < y);
}

/* Gives the groups their numbers, in the order of their ids. */
static void
number_groups(Paths *paths, GHashTable *groups)
{
    GHashTableIter iter;
    gpointer key;

    g_hash_table_iter_init(&iter, groups);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        guint32 id = GPOINTER_TO_UINT(key);

        g_array_append_val(paths->ids, id);
    }
    g_array_sort(paths->ids, compare_ids);
    for (guint i = 0; i < paths->ids->len; i++) {
        g_hash_table_insert(
            paths->numbers,
            GUINT_TO_POINTER(g_array_index(paths->ids, guint32, i)),
            GUINT_TO_POINTER(N_TABLES + i));
    }
}

/* What leads a frame through too many of one kind, or NULL. */
static char *
measure(const GPtrArray *rules, GHashTable *groups, gboolean by_actions,
        guint max)
{
    guint n_groups = g_hash_table_size(groups);
    Paths paths = { .by_actions = by_actions, .max = max };
    char *why = NULL;

    paths.numbers = g_hash_table_new(NULL, NULL);
    paths.ids = g_array_new(FALSE, FALSE, sizeof(guint32));
    paths.steps = g_ptr_array_new_with_free_func(step_free);
    paths.size = (N_TABLES + n_groups) * sizeof *paths.paths;
    paths.paths = g_malloc0(paths.size);
    paths.before = g_malloc0(paths.size);
    number_groups(&paths, groups);
    for (guint i = 0; i < n_groups; i++) {
        add_group(&paths, i, g_hash_table_lookup(
                      groups, GUINT_TO_POINTER(
                          g_array_index(paths.ids, guint32, i))));
    }
    for (guint i = 0; i < rules->len; i++) {
        add_rule(&paths, rules->pdata[i]);
    }

    for (guint i = 0; !why && i < MAX_ROUNDS && go_deeper(&paths); i++) {
        why = find_too_many(&paths);
    }
    g_hash_table_unref(paths.numbers);
    g_array_unref(paths.ids);
    g_ptr_array_unref(paths.steps);
    g_free(paths.paths);
    g_free(paths.before);
    return why;
}

/* Whether rules are so long that resubmits to them may be too much. */
static gboolean
has_many_actions(const GPtrArray *rules, GHashTable *groups)
{
    const struct ofputil_bucket *bucket;
    GHashTableIter iter;
    gpointer value;
    guint most = 0;

    for (guint i = 0; i < rules->len; i++) {
        const PfFlowRule *rule = rules->pdata[i];

        most = MAX(most, count_actions(rule->fm.ofpacts,
                                       rule->fm.ofpacts_len));
    }
    g_hash_table_iter_init(&iter, groups);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const PfFlowGroup *group = value;

        LIST_FOR_EACH (bucket, list_node, &group->gm.buckets) {
            most = MAX(most, count_actions(bucket->ofpacts,
                                           bucket->ofpacts_len));
        }
    }
    return most > PF_FLOW_MAX_ACTIONS / MAX_RESUBMITS;
}

char *
pf_flow_paths_check(const GPtrArray *rules, GHashTable *groups)
{
    char *why = NULL;

    if (g_hash_table_size(groups)) {
        why = measure(rules, groups, FALSE, PF_FLOW_MAX_PATHS);
    }
    if (!why && has_many_actions(rules, groups)) {
        why = measure(rules, groups, TRUE, PF_FLOW_MAX_ACTIONS);
    }
    return why;
}
