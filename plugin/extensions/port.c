/* SPDX-License-Identifier: Apache-2.0
 *
 * port: the extension that owns what stands in a Port and its Interface: VLAN,
 * trunks, MTU, policing, other_config, the user's external_ids, the OpenFlow
 * port number.
 *
 * Its policies are the port's image (switch.h) without the external_ids that
 * are libvirt's or Portferry's own.  It has no run-time data: what was changed
 * at the last moment is in the policies that PortData carries.
 */
#include <config.h>

#include "plugin/extension.h"

#include <string.h>

#define MAX_MEMBERS 4096        /* Of a set or a map. */
#define MAX_STRING 4096         /* Bytes of a key or value. */
#define MAX_VLAN 4095
#define MAX_OFPORT 65279        /* OFPP_MAX - 1 of OpenFlow 1.0. */

/* ---- What may stand in the policies ----------------------------------- */

typedef enum {
    COL_INTEGER,                /* 'x' within min..max. */
    COL_BOOLEAN,                /* 'b'. */
    COL_VLAN_MODE,              /* 's', one of vlan_modes. */
    COL_INTEGERS,               /* 'av' of 'x' within min..max. */
    COL_STRINGS,                /* 'a{sv}' of 's'. */
} ColumnType;

typedef struct {
    const char *row;            /* "port" or "interface". */
    const char *name;
    ColumnType type;
    gint64 min, max;
} Column;

static const Column columns[] = {
    { "port", "tag", COL_INTEGER, 0, MAX_VLAN },
    { "port", "trunks", COL_INTEGERS, 0, MAX_VLAN },
    { "port", "vlan_mode", COL_VLAN_MODE, 0, 0 },
    { "port", "cvlans", COL_INTEGERS, 0, MAX_VLAN },
    { "port", "protected", COL_BOOLEAN, 0, 0 },
    { "port", "other_config", COL_STRINGS, 0, 0 },
    { "port", "external_ids", COL_STRINGS, 0, 0 },
    { "interface", "other_config", COL_STRINGS, 0, 0 },
    { "interface", "external_ids", COL_STRINGS, 0, 0 },
    { "interface", "mtu_request", COL_INTEGER, 68, 65535 },
    { "interface", "ingress_policing_rate", COL_INTEGER, 0, G_MAXINT32 },
    { "interface", "ingress_policing_burst", COL_INTEGER, 0, G_MAXINT32 },
    { "interface", "ingress_policing_kpkts_rate", COL_INTEGER, 0,
      G_MAXINT32 },
    { "interface", "ingress_policing_kpkts_burst", COL_INTEGER, 0,
      G_MAXINT32 },
    { "interface", "ofport_request", COL_INTEGER, 1, MAX_OFPORT },
    { "interface", "ofport", COL_INTEGER, 1, MAX_OFPORT },
};

static const char *const vlan_modes[] = {
    "access", "dot1q-tunnel", "native-tagged", "native-untagged", "trunk",
    NULL
};

static const Column *
find_column(const char *row, const char *name)
{
    for (gsize i = 0; i < G_N_ELEMENTS(columns); i++) {
        if (!strcmp(columns[i].row, row) && !strcmp(columns[i].name, name)) {
            return &columns[i];
        }
    }
    return NULL;
}

/* ---- Policies from an image ------------------------------------------- */

/* 'map' without keys that are not the user's; NULL if nothing is left. */
static GVariant *
own_keys(GVariant *map)
{
    GVariantDict dict;
    GVariantIter iter;
    const char *key;
    GVariant *value;
    gsize n = 0;

    g_variant_dict_init(&dict, NULL);
    g_variant_iter_init(&iter, map);
    while (g_variant_iter_next(&iter, "{&sv}", &key, &value)) {
        if (!pf_switch_key_is_foreign(key)) {
            g_variant_dict_insert_value(&dict, key, value);
            n++;
        }
        g_variant_unref(value);
    }
    if (!n) {
        g_variant_dict_clear(&dict);
        return NULL;
    }
    return g_variant_dict_end(&dict);
}

/* The columns of 'row' in 'image' that are ours; with 'number', the OpenFlow
 * number too, which is not a setting. */
static GVariant *
own_columns(GVariant *image, const char *row, gboolean number)
{
    g_autoptr(GVariant) all = g_variant_lookup_value(
        image, row, G_VARIANT_TYPE_VARDICT);
    GVariantDict dict;
    GVariantIter iter;
    const char *name;
    GVariant *value;

    g_variant_dict_init(&dict, NULL);
    if (!all) {
        return g_variant_dict_end(&dict);
    }
    g_variant_iter_init(&iter, all);
    while (g_variant_iter_next(&iter, "{&sv}", &name, &value)) {
        g_autoptr(GVariant) owned = value;

        if (!find_column(row, name)
            || (!strcmp(name, "ofport") && !number)) {
            continue;
        }
        if (!strcmp(name, "external_ids")) {
            GVariant *own = own_keys(owned);
            if (own) {
                g_variant_dict_insert_value(&dict, name, own);
            }
        } else {
            g_variant_dict_insert_value(&dict, name, owned);
        }
    }
    return g_variant_dict_end(&dict);
}

static GVariant *
own_image(GVariant *image, gboolean number)
{
    GVariantDict dict;

    g_variant_dict_init(&dict, NULL);
    g_variant_dict_insert_value(&dict, "port",
                                own_columns(image, "port", number));
    g_variant_dict_insert_value(&dict, "interface",
                                own_columns(image, "interface", number));
    return g_variant_dict_end(&dict);
}

static GVariant *
port_get_policies(const PfExtensionPort *port G_GNUC_UNUSED, GVariant *image,
                  GError **error G_GNUC_UNUSED)
{
    return own_image(image, TRUE);
}

/* ---- Verification: syntax and range ------------------------------------ */

static gboolean
verify_integer(const Column *c, GVariant *value, PfProblems *problems)
{
    gint64 n;

    if (!g_variant_is_of_type(value, G_VARIANT_TYPE_INT64)) {
        pf_problems_add(problems, PF_VERIFY_SYNTAX,
                        "%s.%s is not an integer", c->row, c->name);
        return FALSE;
    }
    n = g_variant_get_int64(value);
    if (n < c->min || n > c->max) {
        pf_problems_add(problems, PF_VERIFY_RANGE,
                        "%s.%s %" G_GINT64_FORMAT " is not in %"
                        G_GINT64_FORMAT " to %" G_GINT64_FORMAT
                        " (Open vSwitch)", c->row, c->name, n, c->min,
                        c->max);
        return FALSE;
    }
    return TRUE;
}

static gboolean
verify_integers(const Column *c, GVariant *value, PfProblems *problems)
{
    if (!g_variant_is_of_type(value, G_VARIANT_TYPE("av"))
        || g_variant_n_children(value) > MAX_MEMBERS) {
        pf_problems_add(problems, PF_VERIFY_SYNTAX,
                        "%s.%s is not a list of at most %d integers",
                        c->row, c->name, MAX_MEMBERS);
        return FALSE;
    }
    for (gsize i = 0; i < g_variant_n_children(value); i++) {
        g_autoptr(GVariant) boxed = g_variant_get_child_value(value, i);
        g_autoptr(GVariant) member = g_variant_get_variant(boxed);

        if (!verify_integer(c, member, problems)) {
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean
verify_strings(const Column *c, GVariant *value, PfProblems *problems)
{
    GVariantIter iter;
    const char *key;
    GVariant *member;

    if (!g_variant_is_of_type(value, G_VARIANT_TYPE_VARDICT)
        || g_variant_n_children(value) > MAX_MEMBERS) {
        pf_problems_add(problems, PF_VERIFY_SYNTAX,
                        "%s.%s is not a map of at most %d strings",
                        c->row, c->name, MAX_MEMBERS);
        return FALSE;
    }
    g_variant_iter_init(&iter, value);
    while (g_variant_iter_next(&iter, "{&sv}", &key, &member)) {
        g_autoptr(GVariant) owned = member;

        if (!g_variant_is_of_type(owned, G_VARIANT_TYPE_STRING)
            || strlen(g_variant_get_string(owned, NULL)) > MAX_STRING
            || strlen(key) > MAX_STRING) {
            pf_problems_add(problems, PF_VERIFY_SYNTAX,
                            "%s.%s:%.64s is not a string of at most %d bytes",
                            c->row, c->name, key, MAX_STRING);
            return FALSE;
        }
        if (!strcmp(c->name, "external_ids")
            && pf_switch_key_is_foreign(key)) {
            pf_problems_add(problems, PF_VERIFY_SYNTAX,
                            "%s.external_ids:%s is not a key that may travel",
                            c->row, key);
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean
verify_column(const Column *c, GVariant *value, PfProblems *problems)
{
    switch (c->type) {
    case COL_INTEGER:
        return verify_integer(c, value, problems);
    case COL_INTEGERS:
        return verify_integers(c, value, problems);
    case COL_STRINGS:
        return verify_strings(c, value, problems);
    case COL_BOOLEAN:
        if (g_variant_is_of_type(value, G_VARIANT_TYPE_BOOLEAN)) {
            return TRUE;
        }
        pf_problems_add(problems, PF_VERIFY_SYNTAX, "%s.%s is not a boolean",
                        c->row, c->name);
        return FALSE;
    case COL_VLAN_MODE:
        if (g_variant_is_of_type(value, G_VARIANT_TYPE_STRING)
            && g_strv_contains(vlan_modes,
                               g_variant_get_string(value, NULL))) {
            return TRUE;
        }
        pf_problems_add(problems, PF_VERIFY_SYNTAX,
                        "port.vlan_mode is not one of access, dot1q-tunnel, "
                        "native-tagged, native-untagged, trunk");
        return FALSE;
    default:
        g_assert_not_reached();
    }
}

static gboolean
verify_row(GVariant *policies, const char *row, PfProblems *problems)
{
    g_autoptr(GVariant) value = g_variant_lookup_value(policies, row, NULL);
    gboolean ok = TRUE;
    GVariantIter iter;
    const char *name;
    GVariant *member;

    if (!value) {
        return TRUE;
    }
    if (!g_variant_is_of_type(value, G_VARIANT_TYPE_VARDICT)) {
        pf_problems_add(problems, PF_VERIFY_SYNTAX,
                        "'%s' is not a dictionary of columns", row);
        return FALSE;
    }
    g_variant_iter_init(&iter, value);
    while (g_variant_iter_next(&iter, "{&sv}", &name, &member)) {
        g_autoptr(GVariant) owned = member;
        const Column *c = find_column(row, name);

        if (!c) {
            pf_problems_add(problems, PF_VERIFY_SYNTAX,
                            "%s.%.64s is not a column that may travel",
                            row, name);
            ok = FALSE;
        } else {
            ok &= verify_column(c, owned, problems);
        }
    }
    return ok;
}

static gboolean
verify_form(GVariant *policies, PfProblems *problems)
{
    GVariantIter iter;
    const char *row;
    gboolean ok = TRUE;

    g_variant_iter_init(&iter, policies);
    while (g_variant_iter_next(&iter, "{&sv}", &row, NULL)) {
        if (strcmp(row, "port") && strcmp(row, "interface")) {
            pf_problems_add(problems, PF_VERIFY_SYNTAX,
                            "'%.64s' is neither 'port' nor 'interface'", row);
            ok = FALSE;
        }
    }
    ok &= verify_row(policies, "port", problems);
    ok &= verify_row(policies, "interface", problems);
    return ok;
}

/* ---- Verification: the network's VLANs --------------------------------- */

static void
verify_vlan(const PfNetwork *network, const char *column, gint64 vid,
            PfProblems *problems)
{
    if (!pf_network_allows_vlan(network, vid)) {
        pf_problems_add(problems, PF_VERIFY_RANGE,
                        "VLAN %" G_GINT64_FORMAT " (%s) is not among the "
                        "VLANs that network '%s' allows (%s, "
                        "<portferry:vlan> in its XML)", vid, column,
                        network->name, network->allowed_vlans_text);
    }
}

/* Which VLANs a port carries: vswitch.xml, Port, VLAN Configuration. */
static void
verify_vlans(const PfNetwork *network, GVariant *policies,
             PfProblems *problems)
{
    g_autoptr(GVariant) port = g_variant_lookup_value(
        policies, "port", G_VARIANT_TYPE_VARDICT);
    g_autoptr(GVariant) trunks = NULL;
    const char *mode = NULL;
    gint64 tag = -1;

    if (!network->allowed_vlans) {
        return;
    }
    if (port) {
        g_variant_lookup(port, "tag", "x", &tag);
        g_variant_lookup(port, "vlan_mode", "&s", &mode);
        trunks = g_variant_lookup_value(port, "trunks", G_VARIANT_TYPE("av"));
    }
    if (!mode) {
        mode = tag >= 0 ? "access" : "trunk";
    }

    if (!strcmp(mode, "access") || !strcmp(mode, "dot1q-tunnel")) {
        verify_vlan(network, tag >= 0 ? "tag" : "no tag", MAX(tag, 0),
                    problems);
        return;
    }
    if (tag >= 0 && strcmp(mode, "trunk")) {
        verify_vlan(network, "tag", tag, problems);
    }
    if (!trunks || !g_variant_n_children(trunks)) {
        pf_problems_add(problems, PF_VERIFY_RANGE,
                        "the port is a trunk of every VLAN (vlan_mode %s "
                        "without trunks), network '%s' allows %s "
                        "(<portferry:vlan> in its XML)", mode, network->name,
                        network->allowed_vlans_text);
        return;
    }
    for (gsize i = 0; i < g_variant_n_children(trunks); i++) {
        g_autoptr(GVariant) boxed = g_variant_get_child_value(trunks, i);
        g_autoptr(GVariant) member = g_variant_get_variant(boxed);

        verify_vlan(network, "trunks", g_variant_get_int64(member), problems);
    }
}

/* ---- Verification: this host ------------------------------------------- */

static void
verify_host(const PfExtensionPort *port, GVariant *policies,
            PfProblems *problems)
{
    g_autoptr(GVariant) iface = g_variant_lookup_value(
        policies, "interface", G_VARIANT_TYPE_VARDICT);
    g_autoptr(GVariant) row = g_variant_lookup_value(
        policies, "port", G_VARIANT_TYPE_VARDICT);
    gint64 mtu = port->mtu, tag = -1;
    gint64 bridge_mtu;

    if (!pf_switch_has_bridge(port->sw, port->bridge)) {
        pf_problems_add(problems, PF_VERIFY_APPLICABILITY,
                        "there is no bridge '%s' on this host (network '%s')",
                        port->bridge, port->network->name);
        return;
    }
    if (iface) {
        g_variant_lookup(iface, "mtu_request", "x", &mtu);
    }
    bridge_mtu = pf_switch_bridge_mtu(port->sw, port->bridge);
    if (mtu && bridge_mtu && mtu > bridge_mtu) {
        pf_problems_add(problems, PF_VERIFY_APPLICABILITY,
                        "MTU %" G_GINT64_FORMAT " is above the MTU %"
                        G_GINT64_FORMAT " of bridge '%s'", mtu, bridge_mtu,
                        port->bridge);
    }
    if (row && g_variant_lookup(row, "tag", "x", &tag)) {
        g_autofree char *fake = pf_switch_fake_bridge(port->sw, port->bridge,
                                                      tag);
        if (fake) {
            pf_problems_add(problems, PF_VERIFY_APPLICABILITY,
                            "bridge '%s' has a fake bridge '%s' for VLAN %"
                            G_GINT64_FORMAT ": libvirt could not add the port",
                            port->bridge, fake, tag);
        }
    }
}

static void
verify_unused(const PfExtensionPort *port, const char *key, const char *value,
              PfProblems *problems)
{
    g_autofree char *other = value
        ? pf_switch_find_port(port->sw, key, value,
                              port->is_here ? port->name : NULL) : NULL;

    if (other) {
        pf_problems_add(problems, PF_VERIFY_CONFLICT,
                        "%s %s is in use by port '%s' on this host", key,
                        value, other);
    }
}

static void
port_verify(const PfExtensionPort *port, GVariant *policies,
            PfProblems *problems)
{
    g_autoptr(PfPort) same = pf_switch_port(port->sw, port->name);

    if (verify_form(policies, problems)) {
        verify_vlans(port->network, policies, problems);
        verify_host(port, policies, problems);
    }
    verify_unused(port, "attached-mac", port->mac, problems);
    verify_unused(port, "iface-id", port->iface_id, problems);
    if (same && !port->is_here) {
        pf_problems_add(problems, PF_VERIFY_CONFLICT,
                        "a port named '%s' is on bridge '%s' of this host",
                        port->name, same->bridge);
    }
}

/* ---- Requests ----------------------------------------------------------- */

/* What of 'policies' is to be set on the port.  A number that the source asked
 * for is asked for here only where no other port has it: ofport_request would
 * evict that one. */
static GVariant *
settings(const PfExtensionPort *port, GVariant *policies)
{
    g_autoptr(GVariant) image = g_variant_ref_sink(own_image(policies, FALSE));
    g_autoptr(GVariant) iface = g_variant_lookup_value(
        image, "interface", G_VARIANT_TYPE_VARDICT);
    gint64 wish;

    if (!g_variant_lookup(iface, "ofport_request", "x", &wish)
        || !pf_switch_ofport_taken(port->sw, port->bridge, wish,
                                   port->name)) {
        return g_steal_pointer(&image);
    }

    GVariantDict columns_, rows;
    g_variant_dict_init(&columns_, iface);
    g_variant_dict_remove(&columns_, "ofport_request");
    g_variant_dict_init(&rows, image);
    g_variant_dict_insert_value(&rows, "interface",
                                g_variant_dict_end(&columns_));
    return g_variant_ref_sink(g_variant_dict_end(&rows));
}

/* Equality of dictionaries, whatever the order of their keys. */
static gboolean
equal(GVariant *a, GVariant *b)
{
    GVariantIter iter;
    const char *key;
    GVariant *value;

    if (!g_variant_is_of_type(a, G_VARIANT_TYPE_VARDICT)
        || !g_variant_is_of_type(b, G_VARIANT_TYPE_VARDICT)) {
        return g_variant_equal(a, b);
    }
    if (g_variant_n_children(a) != g_variant_n_children(b)) {
        return FALSE;
    }
    g_variant_iter_init(&iter, a);
    while (g_variant_iter_next(&iter, "{&sv}", &key, &value)) {
        g_autoptr(GVariant) in_a = value;
        g_autoptr(GVariant) in_b = g_variant_lookup_value(b, key, NULL);

        if (!in_b || !equal(in_a, in_b)) {
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean
port_property_add(const PfExtensionPort *port, GVariant *policies,
                  PfChange *change, GError **error G_GNUC_UNUSED)
{
    g_autoptr(GVariant) image = settings(port, policies);

    pf_change_set_image(change, port->name, image);
    return TRUE;
}

static gboolean
port_nic_restore(const PfExtensionPort *port, GVariant *old, GVariant *new,
                 GVariant *data G_GNUC_UNUSED, PfChange *change,
                 gboolean *changed, GError **error G_GNUC_UNUSED)
{
    g_autoptr(GVariant) before = settings(port, old);
    g_autoptr(GVariant) after = settings(port, new);

    if (!equal(before, after)) {
        pf_change_set_image(change, port->name, after);
        *changed = TRUE;
    }
    return TRUE;
}

const PfExtension pf_extension_port = {
    .name = "port",
    .version = 1,
    .order = 100,
    .get_policies = port_get_policies,
    .verify = port_verify,
    .property_add = port_property_add,
    .nic_restore = port_nic_restore,
};
