/* SPDX-License-Identifier: Apache-2.0
 *
 * port-state: what a port has of each extension.  See port-state.h.
 */
#include <config.h>

#include "plugin/port-state.h"

#include "plugin/codec.h"
#include "plugin/delta.h"
#include "plugin/pack.h"

struct PfPortStates {
    GHashTable *by_name;        /* Extension's name -> PfPortState *. */
};

static void
state_free(gpointer p)
{
    PfPortState *s = p;

    g_free(s->extension);
    g_clear_pointer(&s->policies, g_variant_unref);
    g_free(s->packed);
    g_clear_pointer(&s->given, g_variant_unref);
    g_clear_pointer(&s->stamped, g_variant_unref);
    g_free(s->stamped_text);
    g_free(s->digest);
    g_clear_pointer(&s->delta, g_variant_unref);
    g_clear_pointer(&s->chunks, g_variant_unref);
    g_free(s);
}

PfPortStates *
pf_port_states_new(void)
{
    PfPortStates *states = g_new0(PfPortStates, 1);

    states->by_name = g_hash_table_new_full(g_str_hash, g_str_equal, NULL,
                                            state_free);
    return states;
}

static GVariant *
ref_or_null(GVariant *v)
{
    return v ? g_variant_ref(v) : NULL;
}

PfPortStates *
pf_port_states_copy(const PfPortStates *states)
{
    PfPortStates *copy = pf_port_states_new();
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, states->by_name);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const PfPortState *from = value;
        PfPortState *to = g_new0(PfPortState, 1);

        to->extension = g_strdup(from->extension);
        to->version = from->version;
        to->said = from->said;
        to->policies = ref_or_null(from->policies);
        to->given = ref_or_null(from->given);
        to->packed = g_strdup(from->packed);
        to->stamped = ref_or_null(from->stamped);
        to->stamped_text = g_strdup(from->stamped_text);
        to->digest = g_strdup(from->digest);
        to->delta = ref_or_null(from->delta);
        to->chunks = ref_or_null(from->chunks);
        g_hash_table_insert(copy->by_name, to->extension, to);
    }
    return copy;
}

void
pf_port_states_free(PfPortStates *states)
{
    if (states) {
        g_hash_table_unref(states->by_name);
        g_free(states);
    }
}

PfPortState *
pf_port_states_find(const PfPortStates *states, const char *extension)
{
    return g_hash_table_lookup(states->by_name, extension);
}

static gint
by_name(gconstpointer a_, gconstpointer b_)
{
    const PfPortState *const *a = a_;
    const PfPortState *const *b = b_;

    return g_strcmp0((*a)->extension, (*b)->extension);
}

GPtrArray *
pf_port_states_list(const PfPortStates *states)
{
    GPtrArray *list = g_ptr_array_new();
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, states->by_name);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        g_ptr_array_add(list, value);
    }
    g_ptr_array_sort(list, by_name);
    return list;
}

static PfPortState *
get(PfPortStates *states, const char *extension)
{
    PfPortState *s = pf_port_states_find(states, extension);

    if (!s) {
        s = g_new0(PfPortState, 1);
        s->extension = g_strdup(extension);
        g_hash_table_insert(states->by_name, s->extension, s);
    }
    return s;
}

PfPortState *
pf_port_states_set(PfPortStates *states, const char *extension,
                   guint version, GVariant *policies_)
{
    g_autoptr(GVariant) policies = g_variant_ref_sink(policies_);
    g_autoptr(GVariant) sorted = NULL;
    PfPortState *s = get(states, extension);

    s->version = version;
    s->said = TRUE;
    if (s->policies && (s->policies == policies || s->given == policies)) {
        return s;
    }
    sorted = pf_pack_sorted(policies);
    g_clear_pointer(&s->given, g_variant_unref);
    s->given = g_variant_ref(policies);
    if (s->policies && g_variant_equal(s->policies, sorted)) {
        return s;
    }
    g_clear_pointer(&s->policies, g_variant_unref);
    g_clear_pointer(&s->packed, g_free);
    g_clear_pointer(&s->delta, g_variant_unref);
    s->policies = g_steal_pointer(&sorted);
    return s;
}

gboolean
pf_port_states_set_stamped(PfPortStates *states, const char *extension,
                           guint version, const char *text, GError **error)
{
    g_autoptr(GVariant) policies = pf_unpack_state(text, error);
    PfPortState *s;

    if (!policies) {
        return FALSE;
    }
    s = pf_port_states_set(states, extension, version, policies);
    g_free(s->packed);
    s->packed = g_strdup(text);
    s->said = FALSE;
    pf_port_state_stamp(s);
    return TRUE;
}

const char *
pf_port_state_packed(PfPortState *s)
{
    if (!s->packed) {
        s->packed = pf_pack_state(s->policies);
    }
    return s->packed;
}

void
pf_port_state_stamp(PfPortState *s)
{
    if (s->stamped == s->policies && s->digest) {
        return;
    }
    g_clear_pointer(&s->stamped, g_variant_unref);
    s->stamped = g_variant_ref(s->policies);
    g_free(s->stamped_text);
    s->stamped_text = g_strdup(pf_port_state_packed(s));
    g_free(s->digest);
    s->digest = pf_pack_digest(s->stamped_text);
    g_clear_pointer(&s->delta, g_variant_unref);
}

GVariant *
pf_port_state_delta(PfPortState *s)
{
    if (!s->delta) {
        s->delta = pf_delta_new(s->stamped, s->policies);
    }
    return s->delta;
}

void
pf_port_states_forget_saved(PfPortStates *states)
{
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, states->by_name);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        PfPortState *s = value;

        g_clear_pointer(&s->chunks, g_variant_unref);
        s->left_out = FALSE;
    }
}

/* ---- The journal -------------------------------------------------------- */

/* Where the stamp's text is known, it and the difference: both are there, and
 * a restarted agent still knows what a difference refers to. */
GVariant *
pf_port_states_format(const PfPortStates *states)
{
    GVariantDict dict;
    GHashTableIter iter;
    gpointer value;

    g_variant_dict_init(&dict, NULL);
    g_hash_table_iter_init(&iter, states->by_name);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        PfPortState *s = value;
        GVariantDict entry;

        g_variant_dict_init(&entry, NULL);
        g_variant_dict_insert(&entry, "version", "x", (gint64) s->version);
        g_variant_dict_insert(&entry, "said", "b", s->said);
        if (s->stamped) {
            g_variant_dict_insert(&entry, "stamped", "s", s->stamped_text);
            g_variant_dict_insert_value(&entry, "delta",
                                        pf_port_state_delta(s));
        } else {
            g_variant_dict_insert(&entry, "policies", "s",
                                  pf_port_state_packed(s));
        }
        g_variant_dict_insert_value(&dict, s->extension,
                                    g_variant_dict_end(&entry));
    }
    return g_variant_dict_end(&dict);
}

static gboolean
parse_state(PfPortStates *states, const char *name, GVariant *entry,
            GError **error)
{
    g_autoptr(GVariant) delta = pf_codec_dict(entry, "delta");
    g_autoptr(GVariant) policies = NULL;
    const char *stamped = pf_codec_string(entry, "stamped");
    const char *text = pf_codec_string(entry, "policies");
    gboolean said = FALSE;
    gint64 version = 0;
    PfPortState *s;

    pf_codec_integer(entry, "version", &version);
    g_variant_lookup(entry, "said", "b", &said);
    if (stamped) {
        if (!pf_port_states_set_stamped(states, name, version, stamped,
                                        error)) {
            return FALSE;
        }
        s = pf_port_states_find(states, name);
        policies = delta && !pf_delta_is_empty(delta)
            ? pf_delta_apply(s->stamped, delta, error)
            : g_variant_ref(s->policies);
    } else if (text) {
        policies = pf_unpack_state(text, error);
    } else {
        g_set_error(error, PF_PACK_ERROR, PF_PACK_ERROR_FORMAT,
                    "extension '%s' has no policies", name);
    }
    if (!policies) {
        return FALSE;
    }
    pf_port_states_set(states, name, version, policies)->said = said;
    return TRUE;
}

gboolean
pf_port_states_parse(PfPortStates *states, GVariant *dict, GError **error)
{
    GVariantIter iter;
    gboolean ok = TRUE;
    GVariant *value;
    char *name;

    g_variant_iter_init(&iter, dict);
    while (ok && g_variant_iter_next(&iter, "{sv}", &name, &value)) {
        ok = g_variant_is_of_type(value, G_VARIANT_TYPE_VARDICT);
        if (!ok) {
            g_set_error(error, PF_PACK_ERROR, PF_PACK_ERROR_FORMAT,
                        "extension '%s' is not a dictionary", name);
        } else {
            ok = parse_state(states, name, value, error);
        }
        g_variant_unref(value);
        g_free(name);
    }
    return ok;
}
