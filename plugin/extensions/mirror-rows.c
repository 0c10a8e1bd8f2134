/* SPDX-License-Identifier: Apache-2.0
 *
 * mirror-rows: Mirror rows and what a port is to them.  See mirror-rows.h.
 */
#include <config.h>

#include "plugin/extensions/mirror-rows.h"

#include <string.h>

#define OUTPUT_PORT "output_port"
/* external_ids key of a Mirror, before a port's name: what the port is to it,
 * "src,out", kept for the way back. */
#define KEY_KEPT_PREFIX "portferry-kept-"

static const PfHost *host;

void
pf_mirror_rows_init(const PfHost *host_)
{
    host = host_;
}

/* ---- Roles -------------------------------------------------------------- */

static const struct {
    PfMirrorRoles bit;
    const char *name;           /* In policies. */
    const char *column;         /* Of Mirror. */
} roles[] = {
    { PF_MIRROR_SRC, "src", "select_src_port" },
    { PF_MIRROR_DST, "dst", "select_dst_port" },
    { PF_MIRROR_OUT, "out", OUTPUT_PORT },
};
#define N_ROLES G_N_ELEMENTS(roles)

GVariant *
pf_mirror_roles_to_variant(PfMirrorRoles set)
{
    GVariantBuilder b;

    g_variant_builder_init(&b, G_VARIANT_TYPE("av"));
    for (guint i = 0; i < N_ROLES; i++) {
        if (set & roles[i].bit) {
            g_variant_builder_add(&b, "v",
                                  g_variant_new_string(roles[i].name));
        }
    }
    return g_variant_builder_end(&b);
}

gboolean
pf_mirror_roles_from_variant(GVariant *value, PfMirrorRoles *set)
{
    GVariantIter iter;
    GVariant *member;

    *set = 0;
    if (!g_variant_is_of_type(value, G_VARIANT_TYPE("av"))) {
        return FALSE;
    }
    g_variant_iter_init(&iter, value);
    while (g_variant_iter_next(&iter, "v", &member)) {
        g_autoptr(GVariant) role = member;
        PfMirrorRoles bit = 0;

        for (guint i = 0; i < N_ROLES; i++) {
            if (g_variant_is_of_type(role, G_VARIANT_TYPE_STRING)
                && !strcmp(g_variant_get_string(role, NULL),
                           roles[i].name)) {
                bit = roles[i].bit;
            }
        }
        if (!bit || *set & bit) {
            return FALSE;
        }
        *set |= bit;
    }
    return *set != 0;
}

PfMirrorRoles
pf_mirror_roles_in(GVariant *policies, const char *name)
{
    g_autoptr(GVariant) all = g_variant_lookup_value(
        policies, "mirrors", G_VARIANT_TYPE_VARDICT);
    g_autoptr(GVariant) value = all ? g_variant_lookup_value(all, name, NULL)
                                    : NULL;
    PfMirrorRoles set;

    return value && pf_mirror_roles_from_variant(value, &set) ? set : 0;
}

/* ---- Rows --------------------------------------------------------------- */

char *
pf_mirror_row_name(const PfRow *row)
{
    g_autoptr(GVariant) name = host->get(row, "name");

    return g_strdup(name ? g_variant_get_string(name, NULL) : "");
}

GPtrArray *
pf_mirrors_of(PfTxn *txn, const char *bridge)
{
    const PfRow *br = host->find(txn, "Bridge", "name", bridge);
    g_autoptr(GVariant) uuids = br ? host->get(br, "mirrors") : NULL;
    GPtrArray *mirrors = g_ptr_array_new();
    GVariantIter iter;
    GVariant *value;

    if (!uuids) {
        return mirrors;
    }
    g_variant_iter_init(&iter, uuids);
    while (g_variant_iter_next(&iter, "v", &value)) {
        g_autoptr(GVariant) uuid = value;
        const PfRow *row = host->by_uuid(txn, "Mirror",
                                         g_variant_get_string(uuid, NULL));
        if (row) {
            g_ptr_array_add(mirrors, (gpointer) row);
        }
    }
    return mirrors;
}

guint
pf_mirrors_named(const GPtrArray *mirrors, const char *name, const PfRow **one)
{
    guint n = 0;

    for (guint i = 0; i < mirrors->len; i++) {
        g_autofree char *own = pf_mirror_row_name(mirrors->pdata[i]);

        if (!strcmp(own, name)) {
            *one = mirrors->pdata[i];
            n++;
        }
    }
    return n;
}

/* Whether 'value', of a column for ports, has the port 'uuid'. */
static gboolean
has_port(GVariant *value, const char *uuid)
{
    GVariantIter iter;
    GVariant *member;
    gboolean found = FALSE;

    if (g_variant_is_of_type(value, G_VARIANT_TYPE_STRING)) {
        return !strcmp(g_variant_get_string(value, NULL), uuid);
    }
    g_variant_iter_init(&iter, value);
    while (!found && g_variant_iter_next(&iter, "v", &member)) {
        found = !strcmp(g_variant_get_string(member, NULL), uuid);
        g_variant_unref(member);
    }
    return found;
}

PfMirrorRoles
pf_mirror_roles_of(const PfRow *mirror, const char *uuid)
{
    PfMirrorRoles set = 0;

    for (guint i = 0; i < N_ROLES; i++) {
        g_autoptr(GVariant) value = host->get(mirror, roles[i].column);

        if (value && has_port(value, uuid)) {
            set |= roles[i].bit;
        }
    }
    return set;
}

char *
pf_mirror_output_taken(PfTxn *txn, const PfRow *mirror, const char *uuid)
{
    g_autoptr(GVariant) out = host->get(mirror, OUTPUT_PORT);
    g_autoptr(GVariant) vlan = host->get(mirror, "output_vlan");
    const PfRow *port = (out && g_strcmp0(g_variant_get_string(out, NULL),
                                          uuid)
                         ? host->by_uuid(txn, "Port",
                                         g_variant_get_string(out, NULL))
                         : NULL);
    g_autofree char *mirror_name = pf_mirror_row_name(mirror);
    g_autofree char *name = port ? pf_mirror_row_name(port) : NULL;

    if (name) {
        return g_strdup_printf("mirror '%s' outputs to port '%s', and can "
                               "output to one only", mirror_name, name);
    } else if (vlan) {
        return g_strdup_printf("mirror '%s' outputs to VLAN %"
                               G_GINT64_FORMAT ", and can output either to a "
                               "VLAN or to a port", mirror_name,
                               g_variant_get_int64(vlan));
    }
    return NULL;
}

gboolean
pf_mirror_is_named(const GPtrArray *all, const PfRow *mirror)
{
    g_autofree char *name = pf_mirror_row_name(mirror);
    const PfRow *one;

    return name[0] && pf_mirrors_named(all, name, &one) == 1;
}

gboolean
pf_mirror_set_roles(PfTxn *txn, const PfRow *mirror, const char *uuid,
                    PfMirrorRoles add, PfMirrorRoles drop, GError **error)
{
    PfMirrorRoles has = pf_mirror_roles_of(mirror, uuid);

    for (guint i = 0; i < N_ROLES; i++) {
        PfMirrorRoles bit = roles[i].bit;
        gboolean wanted = (add & bit) != 0;

        if (wanted ? has & bit : !(drop & has & bit)) {
            continue;
        }
        if (bit == PF_MIRROR_OUT
            ? !host->set(txn, mirror, roles[i].column,
                         wanted ? g_variant_new_string(uuid) : NULL, error)
            : !host->set_member(txn, mirror, roles[i].column,
                                g_variant_new_string(uuid), wanted, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

gboolean
pf_mirror_keep(PfTxn *txn, const PfRow *mirror, const char *name,
               PfMirrorRoles set, GError **error)
{
    g_autofree char *key = g_strconcat(KEY_KEPT_PREFIX, name, NULL);
    g_autoptr(GString) text = g_string_new(NULL);

    for (guint i = 0; i < N_ROLES; i++) {
        if (set & roles[i].bit) {
            g_string_append_printf(text, "%s%s", text->len ? "," : "",
                                   roles[i].name);
        }
    }
    return host->set_key(txn, mirror, "external_ids", key,
                         set ? text->str : NULL, error);
}

PfMirrorRoles
pf_mirror_kept(const PfRow *mirror, const char *name)
{
    g_autofree char *key = g_strconcat(KEY_KEPT_PREFIX, name, NULL);
    g_autofree char *text = host->get_key(mirror, "external_ids", key);
    g_auto(GStrv) names = g_strsplit(text ? text : "", ",", -1);
    PfMirrorRoles set = 0;

    for (guint i = 0; i < N_ROLES; i++) {
        if (g_strv_contains((const char *const *) names, roles[i].name)) {
            set |= roles[i].bit;
        }
    }
    return set;
}
