/* SPDX-License-Identifier: Apache-2.0
 *
 * image: what an operator has set on a port, kept for the way back.
 *
 * See image.h for what this part is for and what it is not for.
 */
#include <config.h>

#include "image.h"

#include <string.h>

#include "openvswitch/vlog.h"
#include "rows.h"
#include "switch-private.h"

VLOG_DEFINE_THIS_MODULE(pf_image);

/* The columns, by table. */
static const char *const columns[] = {
    "Port.tag",
    "Port.trunks",
    "Port.vlan_mode",
    "Port.cvlans",
    "Port.protected",
    "Port.other_config",
    "Port.external_ids",
    "Port.qos",
    "Port.mac",
    "Port.lacp",
    "Port.bond_mode",
    "Port.bond_updelay",
    "Port.bond_downdelay",
    "Port.bond_active_slave",
    "Port.bond_fake_iface",
    "Port.fake_bridge",
    "Interface.other_config",
    "Interface.external_ids",
    "Interface.mtu_request",
    "Interface.ingress_policing_rate",
    "Interface.ingress_policing_burst",
    "Interface.ingress_policing_kpkts_rate",
    "Interface.ingress_policing_kpkts_burst",
    "Interface.ofport_request",
    "Interface.ofport",
    "Interface.type",
    "Interface.options",
    "Interface.mac",
    "Interface.bfd",
    "Interface.cfm_mpid",
    "Interface.lldp",
    NULL
};

/* The two rows of an image. */
static const struct pf_section {
    const char *name;           /* Entry of the image. */
    const char *prefix;         /* In 'columns'. */
} sections[] = {
    { "port", "Port." },
    { "interface", "Interface." },
};

/* Told, not written: it is the wish of a new row (change.c). */
#define OFPORT "ofport"

const char *const *
pf_image_columns(void)
{
    return columns;
}

/* The columns of 'row' that belong into 'section', floating, in the table's
 * order, so that equal rows have equal images. */
static GVariant *
read_row(const struct pf_section *section, const PfRow *row)
{
    gsize skip = strlen(section->prefix);
    GVariantBuilder b;

    g_variant_builder_init(&b, G_VARIANT_TYPE_VARDICT);
    for (gsize i = 0; columns[i]; i++) {
        if (g_str_has_prefix(columns[i], section->prefix)) {
            g_autoptr(GVariant) value = pf_row_get(row, columns[i] + skip);

            if (value) {
                g_variant_builder_add(&b, "{sv}", columns[i] + skip, value);
            }
        }
    }
    return g_variant_builder_end(&b);
}

GVariant *
pf_image_read(const PfRow *port, const PfRow *iface)
{
    const PfRow *rows[] = { port, iface };
    GVariantBuilder b;

    g_variant_builder_init(&b, G_VARIANT_TYPE_VARDICT);
    for (gsize i = 0; i < G_N_ELEMENTS(sections); i++) {
        g_variant_builder_add(&b, "{sv}", sections[i].name,
                              read_row(&sections[i], rows[i]));
    }
    return g_variant_ref_sink(g_variant_builder_end(&b));
}

/* Whether 'value' refers to a QoS row that is there. */
static gboolean
qos_exists(PfTxn *txn, const PfRow *port, GVariant *value)
{
    const char *uuid = (g_variant_is_of_type(value, G_VARIANT_TYPE_STRING)
                        ? g_variant_get_string(value, NULL) : "");

    if (pf_rows_by_uuid(txn->sw, "QoS", uuid)) {
        return TRUE;
    }
    VLOG_WARN("port %s: QoS %.36s no longer exists, the port is restored "
              "without it", ((const struct ovsrec_port *) port)->name, uuid);
    return FALSE;
}

/* Writes column 'name' of 'section' to 'row', if an image may have it. */
static gboolean
write_column(PfTxn *txn, const struct pf_section *section, const PfRow *row,
             const char *name, GVariant *value, GError **error)
{
    g_autofree char *full = g_strconcat(section->prefix, name, NULL);

    if (!g_strv_contains(columns, full)) {
        g_set_error(error, PF_SWITCH_ERROR, PF_SWITCH_ERROR_VALUE,
                    "%.64s is not a column that an image may set", full);
        return FALSE;
    }
    if (!strcmp(name, OFPORT)
        || (!strcmp(full, "Port.qos") && !qos_exists(txn, row, value))) {
        return TRUE;
    }
    return pf_row_set(txn, row, name, value, error);
}

/* Writes 'values', the part of an image that 'section' describes. */
static gboolean
write_row(PfTxn *txn, const struct pf_section *section, const PfRow *row,
          GVariant *values, GError **error)
{
    GVariantIter iter;
    const char *name;
    GVariant *value;

    if (!g_variant_is_of_type(values, G_VARIANT_TYPE_VARDICT)) {
        g_set_error(error, PF_SWITCH_ERROR, PF_SWITCH_ERROR_VALUE,
                    "image: '%s' has type '%s', not 'a{sv}'", section->name,
                    g_variant_get_type_string(values));
        return FALSE;
    }
    g_variant_iter_init(&iter, values);
    while (g_variant_iter_next(&iter, "{&sv}", &name, &value)) {
        g_autoptr(GVariant) owned = value;

        if (!write_column(txn, section, row, name, owned, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

gboolean
pf_image_write(PfTxn *txn, const PfRow *port, const PfRow *iface,
               GVariant *image, GError **error)
{
    GVariantIter iter;
    const char *name;
    GVariant *values;

    if (!g_variant_is_of_type(image, G_VARIANT_TYPE_VARDICT)) {
        g_set_error(error, PF_SWITCH_ERROR, PF_SWITCH_ERROR_VALUE,
                    "image: type '%s', not 'a{sv}'",
                    g_variant_get_type_string(image));
        return FALSE;
    }
    g_variant_iter_init(&iter, image);
    while (g_variant_iter_next(&iter, "{&sv}", &name, &values)) {
        g_autoptr(GVariant) owned = values;
        gboolean is_port = !strcmp(name, sections[0].name);

        if (!is_port && strcmp(name, sections[1].name)) {
            g_set_error(error, PF_SWITCH_ERROR, PF_SWITCH_ERROR_VALUE,
                        "image: '%.64s' is neither \"port\" nor "
                        "\"interface\"", name);
            return FALSE;
        }
        if (!write_row(txn, &sections[is_port ? 0 : 1],
                       is_port ? port : iface, owned, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

gint64
pf_image_ofport(GVariant *image)
{
    g_autoptr(GVariant) values = g_variant_lookup_value(
        image, "interface", G_VARIANT_TYPE_VARDICT);
    gint64 ofport = 0;

    if (values) {
        g_variant_lookup(values, OFPORT, "x", &ofport);
    }
    return ofport;
}
