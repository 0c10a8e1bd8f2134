/* SPDX-License-Identifier: Apache-2.0
 *
 * datum: values of the database as GVariants.  See datum.h.
 */
#include <config.h>

#include "datum.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ovsdb-error.h"
#include "switch.h"
#include "uuid.h"

gboolean
pf_datum_is_map(const struct ovsdb_type *type)
{
    return type->value.type != OVSDB_TYPE_VOID;
}

/* ---- From the database -------------------------------------------------- */

/* 'atom', of 'type', as a floating GVariant. */
static GVariant *
atom_to_variant(const union ovsdb_atom *atom, enum ovsdb_atomic_type type)
{
    switch (type) {
    case OVSDB_TYPE_INTEGER:
        return g_variant_new_int64(atom->integer);
    case OVSDB_TYPE_REAL:
        return g_variant_new_double(atom->real);
    case OVSDB_TYPE_BOOLEAN:
        return g_variant_new_boolean(atom->boolean);
    case OVSDB_TYPE_STRING:
        return g_variant_new_string(json_string(atom->s));
    case OVSDB_TYPE_UUID:
        return g_variant_new_take_string(
            g_strdup_printf(UUID_FMT, UUID_ARGS(&atom->uuid)));
    case OVSDB_TYPE_VOID:
    case OVSDB_N_TYPES:
    default:
        g_assert_not_reached();
    }
}

/* 'atom', of 'type', as text. */
static char *
atom_to_string(const union ovsdb_atom *atom, enum ovsdb_atomic_type type)
{
    g_autoptr(GVariant) value
        = g_variant_ref_sink(atom_to_variant(atom, type));

    return (g_variant_is_of_type(value, G_VARIANT_TYPE_STRING)
            ? g_variant_dup_string(value, NULL)
            : g_variant_print(value, FALSE));
}

GVariant *
pf_datum_to_variant(const struct ovsdb_datum *datum,
                    const struct ovsdb_type *type)
{
    gboolean is_map = pf_datum_is_map(type);
    GVariantBuilder b;

    if (!datum->n) {
        return NULL;
    }
    if (!is_map && type->n_max == 1) {
        return atom_to_variant(&datum->keys[0], type->key.type);
    }
    g_variant_builder_init(&b, is_map ? G_VARIANT_TYPE_VARDICT
                                      : G_VARIANT_TYPE("av"));
    for (unsigned int i = 0; i < datum->n; i++) {
        if (is_map) {
            g_autofree char *key = atom_to_string(&datum->keys[i],
                                                  type->key.type);

            g_variant_builder_add(&b, "{sv}", key,
                                  atom_to_variant(&datum->values[i],
                                                  type->value.type));
        } else {
            g_variant_builder_add(&b, "v", atom_to_variant(&datum->keys[i],
                                                           type->key.type));
        }
    }
    return g_variant_builder_end(&b);
}

char *
pf_datum_get_key(const struct ovsdb_datum *datum,
                 const struct ovsdb_type *type, const char *key)
{
    for (unsigned int i = 0; i < datum->n; i++) {
        gboolean found;

        if (type->key.type == OVSDB_TYPE_STRING) {
            found = !strcmp(json_string(datum->keys[i].s), key);
        } else {
            g_autofree char *text = atom_to_string(&datum->keys[i],
                                                   type->key.type);
            found = !strcmp(text, key);
        }
        if (found) {
            return atom_to_string(&datum->values[i], type->value.type);
        }
    }
    return NULL;
}

/* ---- Into the database -------------------------------------------------- */

/* Sets '*error' for a value of the wrong type and returns FALSE. */
static gboolean
wrong_type(const char *where, GVariant *value, const char *wanted,
           GError **error)
{
    g_autofree char *text = g_variant_print(value, FALSE);

    g_set_error(error, PF_SWITCH_ERROR, PF_SWITCH_ERROR_VALUE,
                "%s: %.200s has type '%s', not '%s'", where, text,
                g_variant_get_type_string(value), wanted);
    return FALSE;
}

/* The GVariant type for a value of 'type'. */
static const char *
variant_type(enum ovsdb_atomic_type type)
{
    return (type == OVSDB_TYPE_INTEGER ? "x"
            : type == OVSDB_TYPE_REAL ? "d"
            : type == OVSDB_TYPE_BOOLEAN ? "b"
            : "s");
}

/* Checks 'atom' against the limits of 'base'. */
static gboolean
check_atom(const char *where, const union ovsdb_atom *atom,
           const struct ovsdb_base_type *base, GError **error)
{
    if (base->type == OVSDB_TYPE_INTEGER && !base->enum_
        && (atom->integer < base->integer.min
            || atom->integer > base->integer.max)) {
        g_set_error(error, PF_SWITCH_ERROR, PF_SWITCH_ERROR_VALUE,
                    "%s: %"PRId64" is outside the limits of the switch's "
                    "schema, %"PRId64" to %"PRId64, where, atom->integer,
                    base->integer.min, base->integer.max);
        return FALSE;
    }
    if (base->type == OVSDB_TYPE_REAL && !isfinite(atom->real)) {
        g_set_error(error, PF_SWITCH_ERROR, PF_SWITCH_ERROR_VALUE,
                    "%s: %g is no number", where, atom->real);
        return FALSE;
    }

    struct ovsdb_error *refusal = ovsdb_atom_check_constraints(atom, base);
    if (refusal) {
        char *text = ovsdb_error_to_string_free(refusal);

        g_set_error(error, PF_SWITCH_ERROR, PF_SWITCH_ERROR_VALUE,
                    "%s: %s", where, text);
        free(text);
        return FALSE;
    }
    return TRUE;
}

/* Turns 'value' into '*atom' of type 'base'.  On success the caller destroys
 * '*atom'. */
static gboolean
atom_from_variant(union ovsdb_atom *atom, const struct ovsdb_base_type *base,
                  const char *where, GVariant *value, GError **error)
{
    const char *wanted = variant_type(base->type);

    if (!g_variant_is_of_type(value, G_VARIANT_TYPE(wanted))) {
        return wrong_type(where, value, wanted, error);
    }
    switch (base->type) {
    case OVSDB_TYPE_INTEGER:
        atom->integer = g_variant_get_int64(value);
        break;
    case OVSDB_TYPE_REAL:
        atom->real = g_variant_get_double(value);
        break;
    case OVSDB_TYPE_BOOLEAN:
        atom->boolean = g_variant_get_boolean(value);
        break;
    case OVSDB_TYPE_STRING:
        atom->s = ovsdb_atom_string_create(g_variant_get_string(value, NULL));
        break;
    case OVSDB_TYPE_UUID:
        if (!uuid_from_string(&atom->uuid,
                              g_variant_get_string(value, NULL))) {
            g_set_error(error, PF_SWITCH_ERROR, PF_SWITCH_ERROR_VALUE,
                        "%s: '%.64s' is not a UUID", where,
                        g_variant_get_string(value, NULL));
            return FALSE;
        }
        break;
    case OVSDB_TYPE_VOID:
    case OVSDB_N_TYPES:
    default:
        g_assert_not_reached();
    }
    if (!check_atom(where, atom, base, error)) {
        ovsdb_atom_destroy(atom, base->type);
        return FALSE;
    }
    return TRUE;
}

/* A map's key, a string, as a value of type 'base'; NULL with '*error' set if
 * it is not one, written as the database's contents are. */
static GVariant *
key_from_variant(const struct ovsdb_base_type *base, const char *where,
                 GVariant *key, GError **error)
{
    const char *text = g_variant_get_string(key, NULL);
    g_autofree char *again = NULL;
    gint64 number;

    if (base->type == OVSDB_TYPE_STRING || base->type == OVSDB_TYPE_UUID) {
        return g_variant_ref(key);
    }
    if (base->type != OVSDB_TYPE_INTEGER
        || !g_ascii_string_to_signed(text, 10, G_MININT64, G_MAXINT64,
                                     &number, NULL)
        || strcmp(text, (again = g_strdup_printf("%" G_GINT64_FORMAT,
                                                 number)))) {
        g_set_error(error, PF_SWITCH_ERROR, PF_SWITCH_ERROR_VALUE,
                    "%s: key '%.64s' is not a decimal integer", where, text);
        return NULL;
    }
    return g_variant_ref_sink(g_variant_new_int64(number));
}

/* Adds 'key' (and 'value', for a map) to 'datum' of 'type', unsorted. */
static gboolean
datum_add(struct ovsdb_datum *datum, const struct ovsdb_type *type,
          const char *where, GVariant *key, GVariant *value, GError **error)
{
    union ovsdb_atom k, v;

    if (!atom_from_variant(&k, &type->key, where, key, error)) {
        return FALSE;
    }
    if (value && !atom_from_variant(&v, &type->value, where, value, error)) {
        ovsdb_atom_destroy(&k, type->key.type);
        return FALSE;
    }
    ovsdb_datum_add_unsafe(datum, &k, value ? &v : NULL, type, NULL);
    ovsdb_atom_destroy(&k, type->key.type);
    if (value) {
        ovsdb_atom_destroy(&v, type->value.type);
    }
    return TRUE;
}

/* Adds the entry 'child' of a map to 'datum'. */
static gboolean
datum_add_entry(struct ovsdb_datum *datum, const struct ovsdb_type *type,
                const char *where, GVariant *child, GError **error)
{
    g_autoptr(GVariant) text = g_variant_get_child_value(child, 0);
    g_autoptr(GVariant) boxed = g_variant_get_child_value(child, 1);
    g_autoptr(GVariant) value = g_variant_get_variant(boxed);
    g_autoptr(GVariant) key = key_from_variant(&type->key, where, text,
                                               error);

    return key && datum_add(datum, type, where, key, value, error);
}

/* Adds the members of the set or map 'value' to 'datum', unsorted. */
static gboolean
datum_add_members(struct ovsdb_datum *datum, const struct ovsdb_type *type,
                  const char *where, GVariant *value, GError **error)
{
    const char *wanted = pf_datum_is_map(type) ? "a{sv}" : "av";

    if (!g_variant_is_of_type(value, G_VARIANT_TYPE(wanted))) {
        return wrong_type(where, value, wanted, error);
    }
    for (gsize i = 0; i < g_variant_n_children(value); i++) {
        g_autoptr(GVariant) child = g_variant_get_child_value(value, i);

        if (pf_datum_is_map(type)) {
            if (!datum_add_entry(datum, type, where, child, error)) {
                return FALSE;
            }
        } else {
            g_autoptr(GVariant) key = g_variant_get_variant(child);

            if (!datum_add(datum, type, where, key, NULL, error)) {
                return FALSE;
            }
        }
    }
    return TRUE;
}

gboolean
pf_datum_check_size(const struct ovsdb_datum *datum,
                    const struct ovsdb_type *type, const char *where,
                    GError **error)
{
    if (datum->n < type->n_min) {
        g_set_error(error, PF_SWITCH_ERROR, PF_SWITCH_ERROR_VALUE,
                    "%s: %u values, but the switch's schema wants at least "
                    "%u", where, datum->n, type->n_min);
        return FALSE;
    }
    if (datum->n > type->n_max) {
        g_set_error(error, PF_SWITCH_ERROR, PF_SWITCH_ERROR_VALUE,
                    "%s: %u values, but the switch's schema allows %u",
                    where, datum->n, type->n_max);
        return FALSE;
    }
    return TRUE;
}

gboolean
pf_datum_from_variant(struct ovsdb_datum *datum,
                      const struct ovsdb_type *type, const char *where,
                      GVariant *value, GError **error)
{
    gboolean ok = TRUE;

    ovsdb_datum_init_empty(datum);
    if (value && (pf_datum_is_map(type) || type->n_max > 1)) {
        ok = datum_add_members(datum, type, where, value, error);
    } else if (value) {
        ok = datum_add(datum, type, where, value, NULL, error);
    }
    if (ok) {
        ovsdb_datum_sort_unique(datum, type);
        ok = pf_datum_check_size(datum, type, where, error);
    }
    if (!ok) {
        ovsdb_datum_destroy(datum, type);
    }
    return ok;
}

gboolean
pf_datum_from_member(struct ovsdb_datum *datum,
                     const struct ovsdb_type *type, const char *where,
                     GVariant *member, GError **error)
{
    ovsdb_datum_init_empty(datum);
    if (!datum_add(datum, type, where, member, NULL, error)) {
        ovsdb_datum_destroy(datum, type);
        return FALSE;
    }
    return TRUE;
}

/* ---- Members ------------------------------------------------------------ */

void
pf_datum_remove(struct ovsdb_datum *datum, const union ovsdb_atom *key,
                const struct ovsdb_type *type)
{
    unsigned int i;

    if (ovsdb_datum_find_key(datum, key, type->key.type, &i)) {
        ovsdb_datum_remove_unsafe(datum, i, type);
        ovsdb_datum_sort_assert(datum, type);
    }
}

void
pf_datum_put(struct ovsdb_datum *dst, const struct ovsdb_datum *src,
             unsigned int i, const struct ovsdb_type *type)
{
    pf_datum_remove(dst, &src->keys[i], type);
    ovsdb_datum_add_unsafe(dst, &src->keys[i],
                           src->values ? &src->values[i] : NULL, type, NULL);
    ovsdb_datum_sort_assert(dst, type);
}
