/* SPDX-License-Identifier: Apache-2.0
 *
 * image: a port's configuration columns as a GVariant, and back.
 *
 * See image.h for what this part is for and what it is not for.
 */
#include <config.h>

#include "image.h"

#include <inttypes.h>
#include <string.h>

#include "openvswitch/vlog.h"
#include "ovsdb-data.h"
#include "ovsdb-error.h"
#include "ovsdb-idl.h"
#include "ovsdb-idl-provider.h"
#include "switch.h"
#include "uuid.h"

VLOG_DEFINE_THIS_MODULE(pf_image);

enum pf_column_flags {
    /* Only in an undo image: never taken from another host. */
    PF_COL_UNDO = 1 << 0,
    /* Absent from an image while it has its default value. */
    PF_COL_NO_DEFAULT = 1 << 1,
    /* Told, not written: Interface.ofport. */
    PF_COL_READ_ONLY = 1 << 2,
};

/* A column of an image. */
struct pf_column {
    const struct ovsdb_idl_column *column;
    enum pf_column_flags flags;
};

static const struct pf_column port_columns[] = {
    { &ovsrec_port_col_tag, 0 },
    { &ovsrec_port_col_trunks, 0 },
    { &ovsrec_port_col_vlan_mode, 0 },
    { &ovsrec_port_col_cvlans, 0 },
    { &ovsrec_port_col_protected_, 0 },
    { &ovsrec_port_col_other_config, 0 },
    { &ovsrec_port_col_external_ids, 0 },
    { &ovsrec_port_col_qos, PF_COL_UNDO },
    { &ovsrec_port_col_mac, PF_COL_UNDO },
    { &ovsrec_port_col_lacp, PF_COL_UNDO },
    { &ovsrec_port_col_bond_mode, PF_COL_UNDO },
    { &ovsrec_port_col_bond_updelay, PF_COL_UNDO | PF_COL_NO_DEFAULT },
    { &ovsrec_port_col_bond_downdelay, PF_COL_UNDO | PF_COL_NO_DEFAULT },
    { &ovsrec_port_col_bond_active_slave, PF_COL_UNDO },
    { &ovsrec_port_col_bond_fake_iface, PF_COL_UNDO | PF_COL_NO_DEFAULT },
    { &ovsrec_port_col_fake_bridge, PF_COL_UNDO | PF_COL_NO_DEFAULT },
    { NULL, 0 },
};

static const struct pf_column iface_columns[] = {
    { &ovsrec_interface_col_other_config, 0 },
    { &ovsrec_interface_col_external_ids, 0 },
    { &ovsrec_interface_col_mtu_request, 0 },
    { &ovsrec_interface_col_ingress_policing_rate, PF_COL_NO_DEFAULT },
    { &ovsrec_interface_col_ingress_policing_burst, PF_COL_NO_DEFAULT },
    { &ovsrec_interface_col_ingress_policing_kpkts_rate, PF_COL_NO_DEFAULT },
    { &ovsrec_interface_col_ingress_policing_kpkts_burst, PF_COL_NO_DEFAULT },
    { &ovsrec_interface_col_ofport_request, 0 },
    { &ovsrec_interface_col_ofport, PF_COL_READ_ONLY },
    { &ovsrec_interface_col_type, PF_COL_UNDO | PF_COL_NO_DEFAULT },
    { &ovsrec_interface_col_options, PF_COL_UNDO },
    { &ovsrec_interface_col_mac, PF_COL_UNDO },
    { &ovsrec_interface_col_bfd, PF_COL_UNDO },
    { &ovsrec_interface_col_cfm_mpid, PF_COL_UNDO },
    { &ovsrec_interface_col_lldp, PF_COL_UNDO },
    { NULL, 0 },
};

/* The two rows of an image. */
static const struct pf_section {
    const char *name;           /* Entry of the image. */
    const char *table;          /* For messages. */
    const struct pf_column *columns;
} sections[] = {
    { "port", "Port", port_columns },
    { "interface", "Interface", iface_columns },
};

/* The entry of an undo image that no single column stands for:
 * {MIRROR UUID: ["src", "dst", "out"]}. */
#define MIRRORS "mirrors"

void
pf_image_add_columns(struct ovsdb_idl *idl)
{
    for (size_t i = 0; i < G_N_ELEMENTS(sections); i++) {
        for (const struct pf_column *c = sections[i].columns; c->column; c++) {
            ovsdb_idl_add_column(idl, c->column);
        }
    }
    ovsdb_idl_add_column(idl, &ovsrec_mirror_col_select_src_port);
    ovsdb_idl_add_column(idl, &ovsrec_mirror_col_select_dst_port);
    ovsdb_idl_add_column(idl, &ovsrec_mirror_col_output_port);
}

/* Returns true if 'type' is a map. */
static gboolean
type_is_map(const struct ovsdb_type *type)
{
    return type->value.type != OVSDB_TYPE_VOID;
}

/* ---- From the database ------------------------------------------------ */

/* Returns 'atom', of 'type', as a floating GVariant. */
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
    case OVSDB_TYPE_UUID: {
        char text[UUID_LEN + 1];

        snprintf(text, sizeof text, UUID_FMT, UUID_ARGS(&atom->uuid));
        return g_variant_new_string(text);
    }
    case OVSDB_TYPE_VOID:
    case OVSDB_N_TYPES:
    default:
        g_assert_not_reached();
    }
}

/* Returns the value of 'column' in 'row' as a floating GVariant, or NULL if
 * the image shall not have it. */
static GVariant *
column_to_variant(const struct ovsdb_idl_row *row, const struct pf_column *c)
{
    const struct ovsdb_type *type = &c->column->type;
    const struct ovsdb_datum *datum = ovsdb_idl_read(row, c->column);

    if (!datum->n
        || (c->flags & PF_COL_NO_DEFAULT && ovsdb_datum_is_default(datum,
                                                                   type))) {
        return NULL;
    }
    if (c->flags & PF_COL_READ_ONLY && datum->keys[0].integer <= 0) {
        return NULL;
    }
    if (!type_is_map(type) && type->n_max == 1) {
        return atom_to_variant(&datum->keys[0], type->key.type);
    }

    GVariantBuilder b;

    g_variant_builder_init(&b, type_is_map(type) ? G_VARIANT_TYPE_VARDICT
                                                 : G_VARIANT_TYPE("av"));
    for (unsigned int i = 0; i < datum->n; i++) {
        if (type_is_map(type)) {
            g_variant_builder_add(&b, "{sv}", json_string(datum->keys[i].s),
                                  atom_to_variant(&datum->values[i],
                                                  type->value.type));
        } else {
            g_variant_builder_add(&b, "v", atom_to_variant(&datum->keys[i],
                                                           type->key.type));
        }
    }
    return g_variant_builder_end(&b);
}

/* Returns the columns of 'row' that belong into an image of 'kind', floating,
 * in the table's order, so that equal rows have equal images. */
static GVariant *
row_to_variant(const struct ovsdb_idl_row *row,
               const struct pf_column *columns, PfImageKind kind)
{
    GVariantBuilder b;

    g_variant_builder_init(&b, G_VARIANT_TYPE_VARDICT);
    for (const struct pf_column *c = columns; c->column; c++) {
        if (c->flags & PF_COL_UNDO && kind == PF_IMAGE_PLAIN) {
            continue;
        }

        GVariant *value = column_to_variant(row, c);
        if (value) {
            g_variant_builder_add(&b, "{sv}", c->column->name, value);
        }
    }
    return g_variant_builder_end(&b);
}

/* Returns true if 'port' is one of the 'n' 'ports'. */
static gboolean
has_port(struct ovsrec_port **ports, size_t n, const struct ovsrec_port *port)
{
    for (size_t i = 0; i < n; i++) {
        if (ports[i] == port) {
            return TRUE;
        }
    }
    return FALSE;
}

/* Returns the mirrors that refer to 'port', floating, or NULL. */
static GVariant *
mirrors_to_variant(struct ovsdb_idl *idl, const struct ovsrec_port *port)
{
    const struct ovsrec_mirror *m;
    gboolean any = FALSE;
    GVariantBuilder b;

    g_variant_builder_init(&b, G_VARIANT_TYPE_VARDICT);
    OVSREC_MIRROR_FOR_EACH (m, idl) {
        gboolean src = has_port(m->select_src_port, m->n_select_src_port,
                                port);
        gboolean dst = has_port(m->select_dst_port, m->n_select_dst_port,
                                port);
        gboolean out = m->output_port == port;

        if (src || dst || out) {
            g_autofree char *uuid = g_strdup_printf(
                UUID_FMT, UUID_ARGS(&m->header_.uuid));

            g_variant_builder_open(&b, G_VARIANT_TYPE("{sv}"));
            g_variant_builder_add(&b, "s", uuid);
            g_variant_builder_open(&b, G_VARIANT_TYPE_VARIANT);
            g_variant_builder_open(&b, G_VARIANT_TYPE("av"));
            if (src) {
                g_variant_builder_add(&b, "v", g_variant_new_string("src"));
            }
            if (dst) {
                g_variant_builder_add(&b, "v", g_variant_new_string("dst"));
            }
            if (out) {
                g_variant_builder_add(&b, "v", g_variant_new_string("out"));
            }
            g_variant_builder_close(&b);
            g_variant_builder_close(&b);
            g_variant_builder_close(&b);
            any = TRUE;
        }
    }
    if (!any) {
        g_variant_builder_clear(&b);
        return NULL;
    }
    return g_variant_builder_end(&b);
}

GVariant *
pf_image_read(struct ovsdb_idl *idl, const struct ovsrec_port *port,
              const struct ovsrec_interface *iface, PfImageKind kind)
{
    GVariantBuilder b;

    g_variant_builder_init(&b, G_VARIANT_TYPE_VARDICT);
    g_variant_builder_add(&b, "{sv}", "port",
                          row_to_variant(&port->header_, port_columns, kind));
    g_variant_builder_add(&b, "{sv}", "interface",
                          row_to_variant(&iface->header_, iface_columns,
                                         kind));
    if (kind == PF_IMAGE_UNDO) {
        GVariant *mirrors = mirrors_to_variant(idl, port);

        if (mirrors) {
            g_variant_builder_add(&b, "{sv}", MIRRORS, mirrors);
        }
    }
    return g_variant_ref_sink(g_variant_builder_end(&b));
}

/* ---- Into the database ------------------------------------------------ */

/* Sets '*error' for a value of the wrong type and returns false. */
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
atomic_type_string(enum ovsdb_atomic_type type)
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
    if (base->type == OVSDB_TYPE_INTEGER
        && (atom->integer < base->integer.min
            || atom->integer > base->integer.max)) {
        g_set_error(error, PF_SWITCH_ERROR, PF_SWITCH_ERROR_VALUE,
                    "%s: %"PRId64" is outside the limits of the switch's "
                    "schema, %"PRId64" to %"PRId64, where, atom->integer,
                    base->integer.min, base->integer.max);
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
    const char *wanted = atomic_type_string(base->type);

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
        atom->s = json_string_create(g_variant_get_string(value, NULL));
        break;
    case OVSDB_TYPE_UUID:
        if (!uuid_from_string(&atom->uuid,
                              g_variant_get_string(value, NULL))) {
            g_set_error(error, PF_SWITCH_ERROR, PF_SWITCH_ERROR_VALUE,
                        "%s: '%.200s' is not a UUID", where,
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

/* Adds 'key' (and 'value', for a map) to 'datum' of 'type'. */
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

/* Adds the members of the set or map 'value' to 'datum'. */
static gboolean
datum_add_members(struct ovsdb_datum *datum, const struct ovsdb_type *type,
                  const char *where, GVariant *value, GError **error)
{
    const char *wanted = type_is_map(type) ? "a{sv}" : "av";

    if (!g_variant_is_of_type(value, G_VARIANT_TYPE(wanted))) {
        return wrong_type(where, value, wanted, error);
    }
    if (g_variant_n_children(value) > type->n_max) {
        g_set_error(error, PF_SWITCH_ERROR, PF_SWITCH_ERROR_VALUE,
                    "%s: %"G_GSIZE_FORMAT" values, but the switch's schema "
                    "allows %u", where, g_variant_n_children(value),
                    type->n_max);
        return FALSE;
    }
    for (gsize i = 0; i < g_variant_n_children(value); i++) {
        g_autoptr(GVariant) child = g_variant_get_child_value(value, i);
        g_autoptr(GVariant) key = NULL;
        g_autoptr(GVariant) member = NULL;

        if (type_is_map(type)) {
            g_autoptr(GVariant) boxed = g_variant_get_child_value(child, 1);

            key = g_variant_get_child_value(child, 0);
            member = g_variant_get_variant(boxed);
        } else {
            key = g_variant_get_variant(child);
        }
        if (!datum_add(datum, type, where, key, member, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

/* Turns 'value' into '*datum', sorted, for 'column' of 'table'.  On success
 * the caller owns '*datum'. */
static gboolean
datum_from_variant(struct ovsdb_datum *datum, const char *table,
                   const struct ovsdb_idl_column *column, GVariant *value,
                   GError **error)
{
    g_autofree char *where = g_strdup_printf("%s column '%s'", table,
                                             column->name);
    const struct ovsdb_type *type = &column->type;
    gboolean ok;

    ovsdb_datum_init_empty(datum);
    if (type_is_map(type) || type->n_max > 1) {
        ok = datum_add_members(datum, type, where, value, error);
    } else {
        ok = datum_add(datum, type, where, value, NULL, error);
    }
    if (!ok) {
        ovsdb_datum_destroy(datum, type);
        return FALSE;
    }
    ovsdb_datum_sort_unique(datum, type);
    return TRUE;
}

/* The column 'name' of 'section', if an image of 'kind' may have it. */
static const struct pf_column *
find_column(const struct pf_section *section, const char *name,
            PfImageKind kind)
{
    for (const struct pf_column *c = section->columns; c->column; c++) {
        if (!strcmp(c->column->name, name)
            && (kind == PF_IMAGE_UNDO || !(c->flags & PF_COL_UNDO))) {
            return c;
        }
    }
    return NULL;
}

/* Checks each column of 'values', the part of an image that 'section'
 * describes. */
static gboolean
check_section(const struct pf_section *section, GVariant *values,
              PfImageKind kind, GError **error)
{
    GVariantIter iter;
    const char *name;
    GVariant *value;

    if (!g_variant_is_of_type(values, G_VARIANT_TYPE_VARDICT)) {
        return wrong_type(section->table, values, "a{sv}", error);
    }
    g_variant_iter_init(&iter, values);
    while (g_variant_iter_loop(&iter, "{&sv}", &name, &value)) {
        const struct pf_column *c = find_column(section, name, kind);
        struct ovsdb_datum datum;

        if (!c) {
            g_set_error(error, PF_SWITCH_ERROR, PF_SWITCH_ERROR_VALUE,
                        "%s column '%.64s' is not one that an image may set",
                        section->table, name);
            g_variant_unref(value);
            return FALSE;
        }
        if (!datum_from_variant(&datum, section->table, c->column, value,
                                error)) {
            g_variant_unref(value);
            return FALSE;
        }
        ovsdb_datum_destroy(&datum, &c->column->type);
    }
    return TRUE;
}

/* Returns true if 'roles' is a list of "src", "dst" and "out". */
static gboolean
are_mirror_roles(GVariant *roles)
{
    static const char *const known[] = { "src", "dst", "out", NULL };

    if (!g_variant_is_of_type(roles, G_VARIANT_TYPE("av"))) {
        return FALSE;
    }
    for (gsize i = 0; i < g_variant_n_children(roles); i++) {
        g_autoptr(GVariant) boxed = g_variant_get_child_value(roles, i);
        g_autoptr(GVariant) role = g_variant_get_variant(boxed);

        if (!g_variant_is_of_type(role, G_VARIANT_TYPE_STRING)
            || !g_strv_contains(known, g_variant_get_string(role, NULL))) {
            return FALSE;
        }
    }
    return TRUE;
}

/* Checks the "mirrors" entry of an undo image. */
static gboolean
check_mirrors(GVariant *mirrors, GError **error)
{
    GVariantIter iter;
    const char *name;
    GVariant *roles;

    if (!g_variant_is_of_type(mirrors, G_VARIANT_TYPE_VARDICT)) {
        return wrong_type(MIRRORS, mirrors, "a{sv}", error);
    }
    g_variant_iter_init(&iter, mirrors);
    while (g_variant_iter_loop(&iter, "{&sv}", &name, &roles)) {
        struct uuid uuid;

        if (!uuid_from_string(&uuid, name) || !are_mirror_roles(roles)) {
            g_set_error(error, PF_SWITCH_ERROR, PF_SWITCH_ERROR_VALUE,
                        "mirrors: '%.64s' is not a UUID with a list of src, "
                        "dst and out", name);
            g_variant_unref(roles);
            return FALSE;
        }
    }
    return TRUE;
}

gboolean
pf_image_check(GVariant *image, PfImageKind kind, GError **error)
{
    GVariantIter iter;
    const char *name;
    GVariant *value;

    if (!g_variant_is_of_type(image, G_VARIANT_TYPE_VARDICT)) {
        return wrong_type("image", image, "a{sv}", error);
    }
    g_variant_iter_init(&iter, image);
    while (g_variant_iter_next(&iter, "{&sv}", &name, &value)) {
        g_autoptr(GVariant) owned = value;
        gboolean known = FALSE;

        if (kind == PF_IMAGE_UNDO && !strcmp(name, MIRRORS)) {
            known = TRUE;
            if (!check_mirrors(value, error)) {
                return FALSE;
            }
        }
        for (size_t i = 0; i < G_N_ELEMENTS(sections); i++) {
            if (!strcmp(name, sections[i].name)) {
                known = TRUE;
                if (!check_section(&sections[i], value, kind, error)) {
                    return FALSE;
                }
            }
        }
        if (!known) {
            g_set_error(error, PF_SWITCH_ERROR, PF_SWITCH_ERROR_VALUE,
                        "image: '%.64s' is neither \"port\" nor "
                        "\"interface\"", name);
            return FALSE;
        }
    }
    return TRUE;
}

/* Returns the entry of 'image' for 'section', or NULL. */
static GVariant *
image_section(GVariant *image, const struct pf_section *section)
{
    return g_variant_lookup_value(image, section->name,
                                  G_VARIANT_TYPE_VARDICT);
}

/* Returns true if the row that 'datum', the qos column's value, refers to is
 * there: a reference to a row that is gone would fail the transaction. */
static gboolean
qos_exists(struct ovsdb_idl *idl, const struct ovsrec_port *port,
           const struct ovsdb_datum *datum)
{
    const struct uuid *uuid = &datum->keys[0].uuid;

    if (ovsrec_qos_get_for_uuid(idl, uuid)) {
        return TRUE;
    }
    VLOG_WARN("port %s: QoS "UUID_FMT" no longer exists, the port is restored "
              "without it", port->name, UUID_ARGS(uuid));
    return FALSE;
}

/* Lets the mirrors of the undo image 'mirrors' refer to 'port' again. */
static void
write_mirrors(struct ovsdb_idl *idl, const struct ovsrec_port *port,
              GVariant *mirrors)
{
    GVariantIter iter;
    const char *name;
    GVariant *roles;

    g_variant_iter_init(&iter, mirrors);
    while (g_variant_iter_loop(&iter, "{&sv}", &name, &roles)) {
        const struct ovsrec_mirror *m;
        struct uuid uuid;

        m = (uuid_from_string(&uuid, name)
             ? ovsrec_mirror_get_for_uuid(idl, &uuid) : NULL);
        if (!m) {
            VLOG_WARN("port %s: mirror %s no longer exists", port->name, name);
            continue;
        }
        for (gsize i = 0; i < g_variant_n_children(roles); i++) {
            g_autoptr(GVariant) boxed = g_variant_get_child_value(roles, i);
            g_autoptr(GVariant) role = g_variant_get_variant(boxed);
            const char *text = g_variant_get_string(role, NULL);

            if (!strcmp(text, "src")) {
                ovsrec_mirror_update_select_src_port_addvalue(m, port);
            } else if (!strcmp(text, "dst")) {
                ovsrec_mirror_update_select_dst_port_addvalue(m, port);
            } else if (!m->output_port) {
                ovsrec_mirror_set_output_port(m, port);
            }
        }
    }
}

void
pf_image_write(struct ovsdb_idl *idl, const struct ovsrec_port *port,
               const struct ovsrec_interface *iface, GVariant *image)
{
    const struct ovsdb_idl_row *rows[] = { &port->header_, &iface->header_ };
    g_autoptr(GVariant) mirrors = g_variant_lookup_value(
        image, MIRRORS, G_VARIANT_TYPE_VARDICT);

    for (size_t i = 0; i < G_N_ELEMENTS(sections); i++) {
        g_autoptr(GVariant) values = image_section(image, &sections[i]);

        for (const struct pf_column *c = sections[i].columns;
             values && c->column; c++) {
            g_autoptr(GVariant) value = g_variant_lookup_value(
                values, c->column->name, NULL);
            struct ovsdb_datum datum;

            if (!value || c->flags & PF_COL_READ_ONLY
                || !datum_from_variant(&datum, sections[i].table, c->column,
                                       value, NULL)) {
                continue;
            }
            if (c->column == &ovsrec_port_col_qos
                && !qos_exists(idl, port, &datum)) {
                ovsdb_datum_destroy(&datum, &c->column->type);
                continue;
            }
            ovsdb_idl_txn_write(rows[i], c->column, &datum);
        }
    }
    if (mirrors) {
        write_mirrors(idl, port, mirrors);
    }
}

/* Returns a datum with only 'key' and, unless NULL, 'value' in it, as the
 * partial updates of a map of strings want it. */
static struct ovsdb_datum *
single_key(const union ovsdb_atom *key, const union ovsdb_atom *value)
{
    struct ovsdb_datum *datum = xmalloc(sizeof *datum);

    ovsdb_datum_init_empty(datum);
    datum->n = 1;
    datum->keys = xmalloc(sizeof *datum->keys);
    ovsdb_atom_clone(datum->keys, key, OVSDB_TYPE_STRING);
    if (value) {
        datum->values = xmalloc(sizeof *datum->values);
        ovsdb_atom_clone(datum->values, value, OVSDB_TYPE_STRING);
    }
    return datum;
}

/* Brings the map 'column' of 'row' to 'wanted', key by key.  With
 * 'keep_foreign', keys that are not the user's are left alone. */
static void
update_map(const struct ovsdb_idl_row *row,
           const struct ovsdb_idl_column *column,
           const struct ovsdb_datum *wanted, gboolean keep_foreign)
{
    const struct ovsdb_datum *present = ovsdb_idl_read(row, column);
    unsigned int pos;

    for (unsigned int i = 0; i < present->n; i++) {
        if (!(keep_foreign
              && pf_switch_key_is_foreign(json_string(present->keys[i].s)))
            && !ovsdb_datum_find_key(wanted, &present->keys[i],
                                     OVSDB_TYPE_STRING, NULL)) {
            ovsdb_idl_txn_delete_partial_map(
                row, column, single_key(&present->keys[i], NULL));
        }
    }
    for (unsigned int i = 0; i < wanted->n; i++) {
        if (keep_foreign
            && pf_switch_key_is_foreign(json_string(wanted->keys[i].s))) {
            continue;
        }
        if (!ovsdb_datum_find_key(present, &wanted->keys[i],
                                  OVSDB_TYPE_STRING, &pos)
            || !ovsdb_atom_equals(&present->values[pos], &wanted->values[i],
                                  OVSDB_TYPE_STRING)) {
            ovsdb_idl_txn_write_partial_map(
                row, column, single_key(&wanted->keys[i],
                                        &wanted->values[i]));
        }
    }
}

void
pf_image_update(const struct ovsrec_port *port,
                const struct ovsrec_interface *iface, GVariant *image)
{
    const struct ovsdb_idl_row *rows[] = { &port->header_, &iface->header_ };

    for (size_t i = 0; i < G_N_ELEMENTS(sections); i++) {
        g_autoptr(GVariant) values = image_section(image, &sections[i]);

        for (const struct pf_column *c = sections[i].columns; c->column; c++) {
            const struct ovsdb_type *type = &c->column->type;
            g_autoptr(GVariant) value = NULL;
            struct ovsdb_datum wanted;

            if (c->flags & (PF_COL_UNDO | PF_COL_READ_ONLY)) {
                continue;
            }
            if (values) {
                value = g_variant_lookup_value(values, c->column->name, NULL);
            }
            if (!value || !datum_from_variant(&wanted, sections[i].table,
                                              c->column, value, NULL)) {
                ovsdb_datum_init_default(&wanted, type);
            }
            if (type_is_map(type)) {
                update_map(rows[i], c->column, &wanted,
                           !strcmp(c->column->name, "external_ids"));
                ovsdb_datum_destroy(&wanted, type);
            } else if (!ovsdb_datum_equals(ovsdb_idl_read(rows[i], c->column),
                                           &wanted, type)) {
                ovsdb_idl_txn_write(rows[i], c->column, &wanted);
            } else {
                ovsdb_datum_destroy(&wanted, type);
            }
        }
    }
}

gint64
pf_image_ofport(GVariant *image)
{
    g_autoptr(GVariant) values = image_section(image, &sections[1]);
    gint64 ofport = 0;

    if (values) {
        g_variant_lookup(values, "ofport", "x", &ofport);
    }
    return ofport;
}
