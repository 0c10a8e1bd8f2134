/* SPDX-License-Identifier: Apache-2.0
 *
 * flows-cache: see flows-cache.h.
 */
#include <config.h>

#include "plugin/extensions/flows-cache.h"

#include <string.h>

#include "flow.h"
#include "plugin/extensions/flows-slice.h"

static const PfHost *host;
static const PfExtension *self;
static GHashTable *entries;     /* Name of a port to PfFlowEntry *. */
static GHashTable *watches;     /* Name of a bridge to the watch's number. */
static GHashTable *idles;       /* "PORT KEY" to a configured idle timeout. */
static guint pruning;           /* Source of prune_soon(), or 0. */

#define FIRST_AGAIN_S 2
#define LAST_AGAIN_S 256

/* ---- Entries ------------------------------------------------------------ */

static void
timed_free(gpointer p)
{
    PfFlowTimed *timed = p;

    g_free(timed->line);
    g_free(timed->key);
    g_free(timed->filter);
    g_free(timed);
}

static void
entry_free(gpointer p)
{
    PfFlowEntry *entry = p;

    if (entry->again) {
        g_source_remove(entry->again);
    }
    g_free(entry->name);
    g_free(entry->plain);
    g_free(entry->number);
    g_free(entry->bridge);
    g_free(entry->mac);
    g_variant_unref(entry->options);
    g_clear_pointer(&entry->policies, g_variant_unref);
    g_ptr_array_unref(entry->timed);
    g_free(entry->unknown);
    g_free(entry);
}

static PfFlowEntry *
entry_new(const PfExtensionPort *port)
{
    PfFlowEntry *entry = g_new0(PfFlowEntry, 1);

    entry->name = g_strdup(port->name);
    entry->plain = pf_flow_plain_name(port->name);
    entry->number = g_strdup_printf("%" G_GINT64_FORMAT, port->ofport);
    entry->bridge = g_strdup(port->bridge);
    entry->mac = g_strdup(port->mac);
    entry->options = g_variant_ref(port->options);
    entry->timed = g_ptr_array_new_with_free_func(timed_free);
    return entry;
}

/* Whether 'entry' was made for 'port' as it is now. */
static gboolean
entry_fits(const PfFlowEntry *entry, const PfExtensionPort *port)
{
    g_autofree char *number = g_strdup_printf("%" G_GINT64_FORMAT,
                                              port->ofport);

    return !strcmp(entry->bridge, port->bridge)
           && !strcmp(entry->mac, port->mac)
           && !strcmp(entry->number, number)
           && g_variant_equal(entry->options, port->options);
}

/* Whether 'rule' may be one of the port's.  That a name is part of a longer
 * one, or that a group leads elsewhere, costs a look at the switch, and
 * nothing else. */
static gboolean
concerns(const PfFlowEntry *entry, const char *rule)
{
    return strstr(rule, entry->plain) || strstr(rule, entry->mac)
           || (strcmp(entry->plain, entry->name)
               && strstr(rule, entry->number))
           || strstr(rule, "group:")
           || !strstr(rule, "actions=");
}

static void
rule_changed(gpointer user G_GNUC_UNUSED, const char *bridge,
             const char *rule)
{
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, entries);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        PfFlowEntry *entry = value;

        if ((!entry->is_valid && entry->is_told)
            || strcmp(entry->bridge, bridge)
            || (rule && !concerns(entry, rule))) {
            continue;
        }
        entry->is_valid = FALSE;
        if (!entry->is_told) {
            entry->is_told = TRUE;
            host->changed(self, entry->name);
        }
    }
}

static void
watch_free(gpointer watch)
{
    host->openflow_unwatch(GPOINTER_TO_UINT(watch));
}

void
pf_flow_cache_init(const PfHost *host_, const PfExtension *extension)
{
    host = host_;
    self = extension;
    entries = g_hash_table_new_full(g_str_hash, g_str_equal, NULL,
                                    entry_free);
    watches = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                    watch_free);
    idles = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
}

void
pf_flow_cache_destroy(void)
{
    if (pruning) {
        g_source_remove(pruning);
        pruning = 0;
    }
    g_clear_pointer(&watches, g_hash_table_unref);
    g_clear_pointer(&entries, g_hash_table_unref);
    g_clear_pointer(&idles, g_hash_table_unref);
}

/* Forgets ports that are gone, and bridges without ports. */
static void
prune(void)
{
    GHashTableIter iter, iter2;
    gpointer key, value;

    g_hash_table_iter_init(&iter, entries);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        if (!host->find(NULL, "Port", "name", key)) {
            g_hash_table_iter_remove(&iter);
        }
    }
    g_hash_table_iter_init(&iter, watches);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        gboolean used = FALSE;

        g_hash_table_iter_init(&iter2, entries);
        while (!used && g_hash_table_iter_next(&iter2, NULL, &value)) {
            used = !strcmp(((PfFlowEntry *) value)->bridge, key);
        }
        if (!used) {
            g_hash_table_iter_remove(&iter);
        }
    }
}

static gboolean
prune_now(gpointer unused G_GNUC_UNUSED)
{
    pruning = 0;
    prune();
    return G_SOURCE_REMOVE;
}

/* Once for a thousand ports that are asked for at once. */
static void
prune_soon(void)
{
    if (!pruning) {
        pruning = g_idle_add(prune_now, NULL);
    }
}

PfFlowEntry *
pf_flow_cache_find(const char *name)
{
    return g_hash_table_lookup(entries, name);
}

void
pf_flow_cache_forget(const char *name)
{
    g_hash_table_remove(entries, name);
    prune();
}

PfFlowEntry *
pf_flow_cache_get(const PfExtensionPort *port)
{
    PfFlowEntry *entry = pf_flow_cache_find(port->name);

    if (entry && entry_fits(entry, port)) {
        return entry;
    }
    prune_soon();
    entry = entry_new(port);
    g_hash_table_replace(entries, entry->name, entry);
    if (!g_hash_table_contains(watches, port->bridge)) {
        g_hash_table_insert(watches, g_strdup(port->bridge), GUINT_TO_POINTER(
                                host->openflow_watch(port->bridge,
                                                     rule_changed, NULL)));
    }
    return entry;
}

static gboolean
ask_again(gpointer entry_)
{
    PfFlowEntry *entry = entry_;

    entry->again = 0;
    host->changed(self, entry->name);
    return G_SOURCE_REMOVE;
}

void
pf_flow_cache_again(PfFlowEntry *entry)
{
    if (!entry->again) {
        entry->again_s = CLAMP(2 * entry->again_s, FIRST_AGAIN_S,
                               LAST_AGAIN_S);
        entry->again = g_timeout_add_seconds(entry->again_s, ask_again,
                                             entry);
    }
}

static char *
idle_key(const char *name, const char *key)
{
    return g_strdup_printf("%s %s", name, key);
}

void
pf_flow_cache_set_idle(const char *name, const char *key, guint idle)
{
    g_autofree char *full = idle_key(name, key);

    if (idle) {
        g_hash_table_insert(idles, g_steal_pointer(&full),
                            GUINT_TO_POINTER(idle));
    } else {
        g_hash_table_remove(idles, full);
    }
}

/* ---- From what the switch has to policies ------------------------------- */

typedef struct {
    char *name;
    PfFlowHere *here;
    guint next;                 /* Of here->rules. */
    PfFlowRefs refs;
    GHashTable *own_meters;     /* Number to how many of the rules and their
                                 * groups use it. */
    GPtrArray *lines;
    GPtrArray *timed;
    PfFlowCacheDone done;
    gpointer user;
} Builder;

static int
compare_lines(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *) a, *(const char *const *) b);
}

/* Adds 'lines' to '*dict' as list 'key', in order. */
static void
put_lines(GVariantDict *dict, const char *key, GPtrArray *lines)
{
    GVariantBuilder list;

    if (!lines->len) {
        return;
    }
    g_ptr_array_sort(lines, compare_lines);
    g_variant_builder_init(&list, G_VARIANT_TYPE("av"));
    for (guint i = 0; i < lines->len; i++) {
        g_variant_builder_add(&list, "v",
                              g_variant_new_string(lines->pdata[i]));
    }
    g_variant_dict_insert_value(dict, key, g_variant_builder_end(&list));
}

/* Adds to the groups that are referred to those that these refer to. */
static void
close_groups(Builder *builder)
{
    GHashTable *seen = g_hash_table_new(NULL, NULL);
    gboolean more = TRUE;

    while (more) {
        g_autoptr(GList) ids = g_hash_table_get_keys(builder->refs.groups);

        more = FALSE;
        for (GList *l = ids; l; l = l->next) {
            const PfFlowGroup *group = g_hash_table_lookup(
                builder->here->groups, l->data);

            if (group && g_hash_table_add(seen, l->data)) {
                pf_flow_group_refs(group, &builder->refs);
                pf_flow_count_meters(group, builder->own_meters);
                more = TRUE;
            }
        }
    }
    g_hash_table_unref(seen);
}

static GPtrArray *
group_lines(const Builder *builder)
{
    GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);
    GHashTableIter iter;
    gpointer id;

    g_hash_table_iter_init(&iter, builder->refs.groups);
    while (g_hash_table_iter_next(&iter, &id, NULL)) {
        PfFlowGroup *group = g_hash_table_lookup(builder->here->groups, id);

        if (group) {
            g_ptr_array_add(lines, pf_flow_group_text(
                                group, GPOINTER_TO_UINT(id),
                                builder->here->names, PF_FLOW_BY_NAME));
        }
    }
    return lines;
}

/* Meters, and into 'shared' those that are not the port's alone. */
static GPtrArray *
meter_lines(const Builder *builder, GPtrArray *shared)
{
    GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);
    GHashTableIter iter;
    gpointer id;

    g_hash_table_iter_init(&iter, builder->refs.meters);
    while (g_hash_table_iter_next(&iter, &id, NULL)) {
        const PfFlowMeter *meter = g_hash_table_lookup(
            builder->here->meters, id);
        guint own = GPOINTER_TO_UINT(
            g_hash_table_lookup(builder->own_meters, id));
        guint all = GPOINTER_TO_UINT(
                        g_hash_table_lookup(builder->here->meter_rules, id))
                    + GPOINTER_TO_UINT(
                        g_hash_table_lookup(builder->here->meter_groups, id));

        if (meter) {
            g_ptr_array_add(lines, pf_flow_meter_text(
                                meter, GPOINTER_TO_UINT(id)));
            if (all > own) {
                g_ptr_array_add(shared, g_strdup_printf(
                                    "%u", GPOINTER_TO_UINT(id)));
            }
        }
    }
    return lines;
}

static GPtrArray *
other_lines(const Builder *builder)
{
    GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);
    const PfFlowNames *names = builder->here->names;
    GHashTableIter iter;
    gpointer port;

    g_hash_table_iter_init(&iter, builder->refs.ports);
    while (g_hash_table_iter_next(&iter, &port, NULL)) {
        ofp_port_t number = u16_to_ofp(GPOINTER_TO_UINT(port));
        const char *name = pf_flow_names_get(names, number);

        if (name && number != pf_flow_names_own(names)
            && number != OFPP_LOCAL) {
            g_ptr_array_add(lines, g_strdup(name));
        }
    }
    return lines;
}

static GVariant *
make_policies(Builder *builder, const PfFlowEntry *entry)
{
    g_autoptr(GPtrArray) groups = NULL, meters = NULL, others = NULL;
    g_autoptr(GPtrArray) shared = g_ptr_array_new_with_free_func(g_free);
    GVariantDict dict;

    g_variant_dict_init(&dict, NULL);
    if (builder->lines->len) {
        close_groups(builder);
        groups = group_lines(builder);
        meters = meter_lines(builder, shared);
        others = other_lines(builder);
        g_variant_dict_insert(&dict, "port", "s", entry->plain);
        put_lines(&dict, "others", others);
        put_lines(&dict, "groups", groups);
        put_lines(&dict, "meters", meters);
        put_lines(&dict, "shared", shared);
        put_lines(&dict, "rules", builder->lines);
    }
    return g_variant_ref_sink(g_variant_dict_end(&dict));
}

/* Takes over what does not travel, of which somebody is told once. */
static void
take_left_out(PfFlowEntry *entry, PfFlowHere *here)
{
    entry->is_stale_told = entry->is_stale_told
                           && entry->n_stale == here->n_stale;
    entry->n_stale = here->n_stale;
    entry->is_unknown_told = entry->is_unknown_told
                             && entry->n_unknown == here->n_unknown;
    entry->n_unknown = here->n_unknown;
    g_free(entry->unknown);
    entry->unknown = g_steal_pointer(&here->unknown);
}

static void
builder_end(Builder *builder)
{
    PfFlowEntry *entry = pf_flow_cache_find(builder->name);
    g_autoptr(GError) error = NULL;

    if (!entry) {
        g_set_error(&error, PF_FLOW_ERROR, PF_FLOW_ERROR_INVALID,
                    "port %s has gone away meanwhile", builder->name);
    } else {
        g_clear_pointer(&entry->policies, g_variant_unref);
        entry->policies = make_policies(builder, entry);
        entry->is_said = FALSE;
        entry->again_s = 0;
        entry->has_tables = g_hash_table_size(builder->here->groups)
                            || g_hash_table_size(builder->here->meters);
        entry->digest = builder->here->digest;
        take_left_out(entry, builder->here);
        g_ptr_array_unref(entry->timed);
        entry->timed = g_ptr_array_ref(builder->timed);
    }
    builder->done(builder->user, entry, error);

    pf_flow_refs_clear(&builder->refs);
    pf_flow_here_free(builder->here);
    g_hash_table_unref(builder->own_meters);
    g_ptr_array_unref(builder->lines);
    g_ptr_array_unref(builder->timed);
    g_free(builder->name);
    g_free(builder);
}

static void
add_timed(Builder *builder, const PfFlowRule *rule, const char *line)
{
    PfFlowTimed *timed = g_new0(PfFlowTimed, 1);
    const PfFlowNames *names = builder->here->names;

    timed->line = g_strdup(line);
    timed->key = pf_flow_rule_key(rule, names, PF_FLOW_BY_NAME);
    timed->filter = pf_flow_rule_filter(rule, names);
    timed->idle = rule->fm.idle_timeout;
    timed->hard = rule->fm.hard_timeout;
    g_ptr_array_add(builder->timed, timed);
}

/* Puts a rule's configured idle timeout in place of one that it has for a
 * while. */
static void
restore_idle(const Builder *builder, PfFlowRule *rule)
{
    g_autofree char *key = NULL, *full = NULL;
    gpointer idle;

    if (!rule->fm.idle_timeout || !g_hash_table_size(idles)) {
        return;
    }
    key = pf_flow_rule_key(rule, builder->here->names, PF_FLOW_BY_NAME);
    full = idle_key(builder->name, key);
    if (g_hash_table_lookup_extended(idles, full, NULL, &idle)) {
        rule->fm.idle_timeout = GPOINTER_TO_UINT(idle);
    }
}

static gboolean
builder_step(gpointer user)
{
    Builder *builder = user;
    g_autofree char *line = NULL;
    PfFlowRefs refs;
    PfFlowRule *rule;
    GHashTableIter iter;
    gpointer id;

    if (builder->next == builder->here->rules->len) {
        builder_end(builder);
        return FALSE;
    }
    rule = builder->here->rules->pdata[builder->next++];
    restore_idle(builder, rule);
    line = pf_flow_rule_text(rule, builder->here->names, PF_FLOW_BY_NAME);

    /* Its own references, for how many rules use each meter. */
    refs = (PfFlowRefs) {
        builder->refs.groups, g_hash_table_new(NULL, NULL),
        builder->refs.ports
    };
    pf_flow_rule_refs(rule, &refs);
    g_hash_table_iter_init(&iter, refs.meters);
    while (g_hash_table_iter_next(&iter, &id, NULL)) {
        guint n = GPOINTER_TO_UINT(
            g_hash_table_lookup(builder->own_meters, id));

        g_hash_table_add(builder->refs.meters, id);
        g_hash_table_insert(builder->own_meters, id,
                            GUINT_TO_POINTER(n + 1));
    }
    g_hash_table_unref(refs.meters);
    if (pf_flow_rule_is_timed(rule)) {
        add_timed(builder, rule, line);
    }
    g_ptr_array_add(builder->lines, g_steal_pointer(&line));
    return TRUE;
}

static void
here_read(gpointer user, PfFlowHere *here, const GError *error)
{
    Builder *builder = user;

    if (error) {
        builder->done(builder->user, NULL, error);
        g_hash_table_unref(builder->own_meters);
        pf_flow_refs_clear(&builder->refs);
        g_ptr_array_unref(builder->lines);
        g_ptr_array_unref(builder->timed);
        g_free(builder->name);
        g_free(builder);
        return;
    }
    builder->here = here;
    /* As they are: for the other host to refuse, and not to be lost. */
    for (guint i = 0; i < here->unread->len; i++) {
        g_ptr_array_add(builder->lines, g_strdup(here->unread->pdata[i]));
    }
    pf_flow_slice(builder_step, builder);
}

void
pf_flow_cache_read(const PfExtensionPort *port, const PfFlowOptions *options,
                   guint timeout_ms, PfFlowCacheDone done, gpointer user)
{
    PfFlowEntry *entry = pf_flow_cache_get(port);
    Builder *builder = g_new0(Builder, 1);

    /* Whatever changes from now on is told. */
    entry->is_valid = TRUE;
    entry->is_told = FALSE;

    builder->name = g_strdup(port->name);
    pf_flow_refs_init(&builder->refs);
    builder->own_meters = g_hash_table_new(NULL, NULL);
    builder->lines = g_ptr_array_new_with_free_func(g_free);
    builder->timed = g_ptr_array_new_with_free_func(timed_free);
    builder->done = done;
    builder->user = user;
    pf_flow_here_read(host, port, options,
                      PF_FLOW_HERE_RULES | PF_FLOW_HERE_GROUPS
                      | PF_FLOW_HERE_METERS, timeout_ms, here_read, builder);
}
