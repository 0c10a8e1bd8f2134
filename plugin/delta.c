/* SPDX-License-Identifier: Apache-2.0
 *
 * delta: the difference between two policies of an extension.  See delta.h.
 */
#include <config.h>

#include "plugin/delta.h"

#include "plugin/pack.h"

/* ---- Dictionaries and lists ------------------------------------------- */

/* The members of 'dict' (a{sv}): key to value. */
static GHashTable *
members_of(GVariant *dict)
{
    GHashTable *members = g_hash_table_new_full(
        g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_variant_unref);
    GVariantIter iter;
    GVariant *value;
    char *key;

    g_variant_iter_init(&iter, dict);
    while (g_variant_iter_next(&iter, "{sv}", &key, &value)) {
        g_hash_table_insert(members, key, value);
    }
    return members;
}

/* The member 'i' of 'list' (av), without the box around it. */
static GVariant *
unboxed(GVariant *list, gsize i)
{
    g_autoptr(GVariant) box = g_variant_get_child_value(list, i);

    return g_variant_get_variant(box);
}

/* Whether 'value' is a list of strings, possibly empty. */
static gboolean
is_set(GVariant *value)
{
    if (!g_variant_is_of_type(value, G_VARIANT_TYPE("av"))) {
        return FALSE;
    }
    for (gsize i = 0; i < g_variant_n_children(value); i++) {
        g_autoptr(GVariant) member = unboxed(value, i);

        if (!g_variant_is_of_type(member, G_VARIANT_TYPE_STRING)) {
            return FALSE;
        }
    }
    return TRUE;
}

/* How often each string is in 'set' (NULL: an empty one). */
static GHashTable *
count_members(GVariant *set)
{
    GHashTable *counts = g_hash_table_new_full(g_str_hash, g_str_equal,
                                               g_free, NULL);

    for (gsize i = 0; set && i < g_variant_n_children(set); i++) {
        g_autoptr(GVariant) member = unboxed(set, i);
        const char *text = g_variant_get_string(member, NULL);
        guint n = GPOINTER_TO_UINT(g_hash_table_lookup(counts, text));

        g_hash_table_insert(counts, g_strdup(text), GUINT_TO_POINTER(n + 1));
    }
    return counts;
}

/* Adds to 'rest' the strings of 'set', without as many of each as 'counts'
 * says; what is used of 'counts' is gone afterwards. */
static void
add_without(GVariantBuilder *rest, GVariant *set, GHashTable *counts)
{
    for (gsize i = 0; i < g_variant_n_children(set); i++) {
        g_autoptr(GVariant) member = unboxed(set, i);
        const char *text = g_variant_get_string(member, NULL);
        guint n = GPOINTER_TO_UINT(g_hash_table_lookup(counts, text));

        if (!n) {
            g_variant_builder_add(rest, "v", member);
        } else if (n == 1) {
            g_hash_table_remove(counts, text);
        } else {
            g_hash_table_insert(counts, g_strdup(text),
                                GUINT_TO_POINTER(n - 1));
        }
    }
}

/* The strings of 'set' that are not in 'other', a multiset too; floating. */
static GVariant *
subtract(GVariant *set, GVariant *other)
{
    g_autoptr(GHashTable) counts = count_members(other);
    GVariantBuilder rest;

    g_variant_builder_init(&rest, G_VARIANT_TYPE("av"));
    add_without(&rest, set, counts);
    return g_variant_builder_end(&rest);
}

/* Adds "'key': 'value'" (floating) to 'dict' if 'value' has members. */
static void
add_unless_empty(GVariantBuilder *dict, const char *key, GVariant *value_)
{
    g_autoptr(GVariant) value = g_variant_ref_sink(value_);

    if (g_variant_n_children(value)) {
        g_variant_builder_add(dict, "{sv}", key, value);
    }
}

/* ---- Making a delta --------------------------------------------------- */

/* How the sets 'old' and 'new_' differ; floating. */
static GVariant *
set_delta(GVariant *old, GVariant *new_)
{
    GVariantBuilder builder;

    g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
    add_unless_empty(&builder, "add", subtract(new_, old));
    add_unless_empty(&builder, "del", subtract(old, new_));
    return g_variant_builder_end(&builder);
}

/* Whether two values are the same, whatever the order of keys in them. */
static gboolean
is_same(GVariant *a, GVariant *b)
{
    g_autofree char *a_text = NULL;
    g_autofree char *b_text = NULL;
    GVariantDict a_dict, b_dict;

    if (g_variant_equal(a, b)) {
        return TRUE;
    }
    g_variant_dict_init(&a_dict, NULL);
    g_variant_dict_insert_value(&a_dict, "", a);
    a_text = pf_pack_state(g_variant_dict_end(&a_dict));
    g_variant_dict_init(&b_dict, NULL);
    g_variant_dict_insert_value(&b_dict, "", b);
    b_text = pf_pack_state(g_variant_dict_end(&b_dict));
    return g_str_equal(a_text, b_text);
}

/* Keys that 'old' has and 'new_' has not; floating. */
static GVariant *
deleted_keys(GVariant *old, GHashTable *new_)
{
    GVariantBuilder keys;
    GVariantIter iter;
    const char *key;

    g_variant_builder_init(&keys, G_VARIANT_TYPE("av"));
    g_variant_iter_init(&iter, old);
    while (g_variant_iter_next(&iter, "{&sv}", &key, NULL)) {
        if (!g_hash_table_contains(new_, key)) {
            g_variant_builder_add(&keys, "v", g_variant_new_string(key));
        }
    }
    return g_variant_builder_end(&keys);
}

GVariant *
pf_delta_new(GVariant *old, GVariant *new_)
{
    g_autoptr(GHashTable) old_members = NULL;
    g_autoptr(GHashTable) new_members = NULL;
    GVariantBuilder delta, set, sets;
    GVariantIter iter;
    const char *key;
    GVariant *value;

    if (old == new_ || g_variant_equal(old, new_)) {
        return g_variant_ref_sink(g_variant_new_array(
            G_VARIANT_TYPE("{sv}"), NULL, 0));
    }
    old_members = members_of(old);
    new_members = members_of(new_);
    g_variant_builder_init(&set, G_VARIANT_TYPE_VARDICT);
    g_variant_builder_init(&sets, G_VARIANT_TYPE_VARDICT);
    g_variant_iter_init(&iter, new_);
    while (g_variant_iter_loop(&iter, "{&sv}", &key, &value)) {
        GVariant *before = g_hash_table_lookup(old_members, key);

        if (before && is_set(before) && is_set(value)) {
            add_unless_empty(&sets, key, set_delta(before, value));
        } else if (!before || !is_same(before, value)) {
            g_variant_builder_add(&set, "{sv}", key, value);
        }
    }

    g_variant_builder_init(&delta, G_VARIANT_TYPE_VARDICT);
    add_unless_empty(&delta, "set", g_variant_builder_end(&set));
    add_unless_empty(&delta, "del", deleted_keys(old, new_members));
    add_unless_empty(&delta, "sets", g_variant_builder_end(&sets));
    return g_variant_ref_sink(g_variant_builder_end(&delta));
}

gboolean
pf_delta_is_empty(GVariant *delta)
{
    GVariantIter iter;
    GVariant *value;
    gboolean is_empty = TRUE;

    g_variant_iter_init(&iter, delta);
    while (g_variant_iter_loop(&iter, "{sv}", NULL, &value)) {
        is_empty &= (g_variant_is_container(value)
                     && !g_variant_n_children(value));
    }
    return is_empty;
}

/* ---- Carrying it out -------------------------------------------------- */

static gboolean G_GNUC_PRINTF(2, 3)
bad(GError **error, const char *format, ...)
{
    g_autofree char *what = NULL;
    va_list args;

    va_start(args, format);
    what = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error(error, PF_PACK_ERROR, PF_PACK_ERROR_FORMAT,
                "not a difference from what the stamp has: %s", what);
    return FALSE;
}

/* 'key' for an error: whoever sent it may have made it long, or odd. */
static const char *
shown(const char *key)
{
    gsize n = 0;

    while (n <= 64 && g_ascii_isprint(key[n])) {
        n++;
    }
    return key[n] ? "(a long or odd key)" : key;
}

/* Takes the member 'key' out of 'members', if it is there, which must be of
 * 'type'. */
static gboolean
take(GHashTable *members, const char *key, const char *type, GVariant **value,
     GError **error)
{
    *value = g_hash_table_lookup(members, key);
    if (*value && !g_variant_is_of_type(*value, G_VARIANT_TYPE(type))) {
        *value = NULL;
        return bad(error, "'%s' is not of the right type", key);
    }
    if (*value) {
        g_variant_ref(*value);
        g_hash_table_remove(members, key);
    }
    return TRUE;
}

/* Takes "add" or "del" out of a set's difference. */
static gboolean
take_strings(GHashTable *members, const char *key, GVariant **strings,
             GError **error)
{
    if (!take(members, key, "av", strings, error)) {
        return FALSE;
    }
    if (*strings && !is_set(*strings)) {
        return bad(error, "'%s' has a member that is no string", key);
    }
    return TRUE;
}

/* Whether everything has been taken out of 'members'. */
static gboolean
is_all_taken(GHashTable *members, GError **error)
{
    return (!g_hash_table_size(members)
            || bad(error, "%u unknown members", g_hash_table_size(members)));
}

/* Replaces the set 'key' in 'state' as 'difference' says. */
static gboolean
apply_set(GHashTable *state, const char *key, GVariant *difference,
          GError **error)
{
    GVariant *old = g_hash_table_lookup(state, key);
    g_autoptr(GHashTable) members = NULL;
    g_autoptr(GHashTable) deleted = NULL;
    g_autoptr(GVariant) add = NULL;
    g_autoptr(GVariant) del = NULL;
    GVariantBuilder builder;

    if (!old || !is_set(old)) {
        return bad(error, "'%s': no list of strings is there to change",
                   shown(key));
    }
    if (!g_variant_is_of_type(difference, G_VARIANT_TYPE_VARDICT)) {
        return bad(error, "'%s': a list's changes are not a dictionary",
                   shown(key));
    }
    members = members_of(difference);
    if (!take_strings(members, "add", &add, error)
        || !take_strings(members, "del", &del, error)
        || !is_all_taken(members, error)) {
        return FALSE;
    }

    deleted = count_members(del);
    g_variant_builder_init(&builder, G_VARIANT_TYPE("av"));
    add_without(&builder, old, deleted);
    for (gsize i = 0; add && i < g_variant_n_children(add); i++) {
        g_autoptr(GVariant) box = g_variant_get_child_value(add, i);

        g_variant_builder_add_value(&builder, box);
    }

    g_autoptr(GVariant) new_ = g_variant_ref_sink(
        g_variant_builder_end(&builder));
    if (g_hash_table_size(deleted)) {
        return bad(error, "'%s': %u strings are to go that are not there",
                   shown(key), g_hash_table_size(deleted));
    }
    g_hash_table_insert(state, g_strdup(key), g_variant_ref(new_));
    return TRUE;
}

/* Marks 'key' as changed: no key may be so twice. */
static gboolean
mark(GHashTable *changed, const char *key, GError **error)
{
    return (g_hash_table_add(changed, g_strdup(key))
            || bad(error, "'%s' changes twice", shown(key)));
}

static gboolean
apply_deleted(GHashTable *state, GVariant *keys, GHashTable *changed,
              GError **error)
{
    for (gsize i = 0; i < g_variant_n_children(keys); i++) {
        g_autoptr(GVariant) key = unboxed(keys, i);

        const char *text = g_variant_get_string(key, NULL);

        if (!mark(changed, text, error)) {
            return FALSE;
        }
        if (!g_hash_table_remove(state, text)) {
            return bad(error, "'%s' is to go, and is not there",
                       shown(text));
        }
    }
    return TRUE;
}

/* Carries out "set" or, with 'sets', "sets". */
static gboolean
apply_dict(GHashTable *state, GVariant *dict, gboolean sets,
           GHashTable *changed, GError **error)
{
    GVariantIter iter;
    const char *key;
    GVariant *value_;

    g_variant_iter_init(&iter, dict);
    while (g_variant_iter_next(&iter, "{&sv}", &key, &value_)) {
        g_autoptr(GVariant) value = value_;

        if (!mark(changed, key, error)
            || (sets && !apply_set(state, key, value, error))) {
            return FALSE;
        }
        if (!sets) {
            g_hash_table_insert(state, g_strdup(key), g_variant_ref(value));
        }
    }
    return TRUE;
}

/* 'state', key to value, as a dictionary; a full reference. */
static GVariant *
to_variant(GHashTable *state)
{
    GVariantBuilder builder;
    GHashTableIter iter;
    gpointer key, value;

    g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
    g_hash_table_iter_init(&iter, state);
    while (g_hash_table_iter_next(&iter, &key, &value)) {
        g_variant_builder_add(&builder, "{sv}", key, value);
    }
    return g_variant_ref_sink(g_variant_builder_end(&builder));
}

GVariant *
pf_delta_apply(GVariant *old, GVariant *delta, GError **error)
{
    g_autoptr(GHashTable) state = members_of(old);
    g_autoptr(GHashTable) changed = g_hash_table_new_full(
        g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GHashTable) members = NULL;
    g_autoptr(GVariant) set = NULL;
    g_autoptr(GVariant) del = NULL;
    g_autoptr(GVariant) sets = NULL;

    if (!g_variant_is_of_type(delta, G_VARIANT_TYPE_VARDICT)) {
        bad(error, "no dictionary");
        return NULL;
    }
    members = members_of(delta);
    if (!take(members, "set", "a{sv}", &set, error)
        || !take_strings(members, "del", &del, error)
        || !take(members, "sets", "a{sv}", &sets, error)
        || !is_all_taken(members, error)
        || (del && !apply_deleted(state, del, changed, error))
        || (set && !apply_dict(state, set, FALSE, changed, error))
        || (sets && !apply_dict(state, sets, TRUE, changed, error))) {
        return NULL;
    }
    return to_variant(state);
}
