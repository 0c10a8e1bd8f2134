/* SPDX-License-Identifier: Apache-2.0
 *
 * port-verify: what the extension `port' refuses, and why.
 */
#include <config.h>

#include "port-private.h"

#include <string.h>

static const PfHost *host;

void
pf_port_verify_init(const PfHost *host_)
{
    host = host_;
}

/* ---- Verification: syntax ----------------------------------------------- */

static void
verify_integer(PfCall *call, const PfPortColumn *c, GVariant *value)
{
    if (!g_variant_is_of_type(value, G_VARIANT_TYPE_INT64)) {
        host->problem(call, "%s.%s is not an integer", c->row, c->name);
    }
}

static void
verify_integers(PfCall *call, const PfPortColumn *c, GVariant *value)
{
    if (!g_variant_is_of_type(value, G_VARIANT_TYPE("av"))
        || g_variant_n_children(value) > PF_PORT_MAX_MEMBERS) {
        host->problem(call, "%s.%s is not a list of at most %d integers",
                      c->row, c->name, PF_PORT_MAX_MEMBERS);
        return;
    }
    for (gsize i = 0; i < g_variant_n_children(value); i++) {
        g_autoptr(GVariant) boxed = g_variant_get_child_value(value, i);
        g_autoptr(GVariant) member = g_variant_get_variant(boxed);

        if (!g_variant_is_of_type(member, G_VARIANT_TYPE_INT64)) {
            host->problem(call, "%s.%s is not an integer", c->row, c->name);
            return;
        }
    }
}

static void
verify_strings(PfCall *call, const PfPortColumn *c, GVariant *value)
{
    GVariantIter iter;
    const char *key;
    GVariant *member;

    if (!g_variant_is_of_type(value, G_VARIANT_TYPE_VARDICT)
        || g_variant_n_children(value) > PF_PORT_MAX_MEMBERS) {
        host->problem(call, "%s.%s is not a map of at most %d strings",
                      c->row, c->name, PF_PORT_MAX_MEMBERS);
        return;
    }
    g_variant_iter_init(&iter, value);
    while (g_variant_iter_next(&iter, "{&sv}", &key, &member)) {
        g_autoptr(GVariant) owned = member;

        if (!g_variant_is_of_type(owned, G_VARIANT_TYPE_STRING)
            || strlen(g_variant_get_string(owned, NULL)) > PF_PORT_MAX_STRING
            || strlen(key) > PF_PORT_MAX_STRING) {
            host->problem(call, "%s.%s:%.64s is not a string of at most %d "
                          "bytes", c->row, c->name, key, PF_PORT_MAX_STRING);
            return;
        }
        if (pf_port_key_is_foreign(c, key)) {
            host->problem(call, "%s.external_ids:%s is not a key that may "
                          "travel", c->row, key);
            return;
        }
    }
}

static void
verify_choice(PfCall *call, const PfPortColumn *c, GVariant *value)
{
    if (!g_variant_is_of_type(value, G_VARIANT_TYPE_STRING)
        || !g_strv_contains(c->choices, g_variant_get_string(value, NULL))) {
        g_autofree char *choices = g_strjoinv(", ", (char **) c->choices);

        host->problem(call, "%s.%s is not one of %s", c->row, c->name,
                      choices);
    }
}

static void
verify_column(PfCall *call, const PfPortColumn *c, GVariant *value)
{
    switch (c->type) {
    case COL_INTEGER:
    case COL_AMOUNT:
    case COL_NUMBER:
        verify_integer(call, c, value);
        break;
    case COL_INTEGERS:
        verify_integers(call, c, value);
        break;
    case COL_STRINGS:
        verify_strings(call, c, value);
        break;
    case COL_BOOLEAN:
        if (!g_variant_is_of_type(value, G_VARIANT_TYPE_BOOLEAN)) {
            host->problem(call, "%s.%s is not a boolean", c->row, c->name);
        }
        break;
    case COL_CHOICE:
        verify_choice(call, c, value);
        break;
    default:
        g_assert_not_reached();
    }
}

/* Verifies the columns of 'row' in 'value'. */
static void
verify_row(PfCall *call, const char *row, GVariant *value)
{
    GVariantIter iter;
    const char *name;
    GVariant *member;

    if (!g_variant_is_of_type(value, G_VARIANT_TYPE_VARDICT)) {
        host->problem(call, "'%s' is not a dictionary of columns", row);
        return;
    }
    g_variant_iter_init(&iter, value);
    while (g_variant_iter_next(&iter, "{&sv}", &name, &member)) {
        g_autoptr(GVariant) owned = member;
        const PfPortColumn *c = pf_port_find_column(row, name);

        if (c) {
            verify_column(call, c, owned);
        } else {
            host->problem(call, "%s.%.64s is not a column that may travel",
                          row, name);
        }
    }
}

void
pf_port_verify_syntax(PfCall *call, const PfExtensionPort *port G_GNUC_UNUSED,
                   GVariant *policies)
{
    GVariantIter iter;
    const char *row;
    GVariant *value;

    g_variant_iter_init(&iter, policies);
    while (g_variant_iter_next(&iter, "{&sv}", &row, &value)) {
        g_autoptr(GVariant) owned = value;

        if (!strcmp(row, "port") || !strcmp(row, "interface")) {
            verify_row(call, row, owned);
        } else {
            host->problem(call, "'%.64s' is neither 'port' nor 'interface'",
                          row);
        }
    }
    host->end(call, NULL);
}

/* ---- Verification: range ------------------------------------------------ */

static gboolean
verify_limits(PfCall *call, const PfPortColumn *c, gint64 n)
{
    if (n >= c->min && n <= c->max) {
        return TRUE;
    }
    host->problem(call, "%s.%s %" G_GINT64_FORMAT " is not in %"
                  G_GINT64_FORMAT " to %" G_GINT64_FORMAT " (Open vSwitch)",
                  c->row, c->name, n, c->min, c->max);
    return FALSE;
}

/* Verifies the integers in 'value' of 'c'. */
static gboolean
verify_column_range(PfCall *call, const PfPortColumn *c, GVariant *value)
{
    if (g_variant_is_of_type(value, G_VARIANT_TYPE_INT64)) {
        return verify_limits(call, c, g_variant_get_int64(value));
    }
    for (gsize i = 0;
         c->type == COL_INTEGERS && i < g_variant_n_children(value); i++) {
        g_autoptr(GVariant) boxed = g_variant_get_child_value(value, i);
        g_autoptr(GVariant) member = g_variant_get_variant(boxed);

        if (!verify_limits(call, c, g_variant_get_int64(member))) {
            return FALSE;
        }
    }
    return TRUE;
}

static void
verify_vlan(PfCall *call, const PfExtensionPort *port, const char *column,
            gint64 vid)
{
    if (!host->allows_vlan(call, vid)) {
        host->problem(call, "VLAN %" G_GINT64_FORMAT " (%s) is not among the "
                      "VLANs that network '%s' allows (%s, <portferry:vlan> "
                      "in its XML)", vid, column, port->network,
                      host->allowed_vlans(call));
    }
}

/* Verifies the VLANs of a trunk port with 'mode'. */
static void
verify_trunks(PfCall *call, const PfExtensionPort *port, const char *mode,
              GVariant *trunks)
{
    if (!trunks || !g_variant_n_children(trunks)) {
        host->problem(call, "the port is a trunk of every VLAN (vlan_mode %s "
                      "without trunks), network '%s' allows %s "
                      "(<portferry:vlan> in its XML)", mode, port->network,
                      host->allowed_vlans(call));
        return;
    }
    for (gsize i = 0; i < g_variant_n_children(trunks); i++) {
        g_autoptr(GVariant) boxed = g_variant_get_child_value(trunks, i);
        g_autoptr(GVariant) member = g_variant_get_variant(boxed);

        verify_vlan(call, port, "trunks", g_variant_get_int64(member));
    }
}

/* Which VLANs a port carries: vswitch.xml, Port, VLAN Configuration. */
static void
verify_vlans(PfCall *call, const PfExtensionPort *port, GVariant *policies)
{
    g_autoptr(GVariant) row = g_variant_lookup_value(
        policies, "port", G_VARIANT_TYPE_VARDICT);
    g_autoptr(GVariant) trunks = NULL;
    const char *mode = NULL;
    gint64 tag = -1;

    if (row) {
        g_variant_lookup(row, "tag", "x", &tag);
        g_variant_lookup(row, "vlan_mode", "&s", &mode);
        trunks = g_variant_lookup_value(row, "trunks", G_VARIANT_TYPE("av"));
    }
    if (!mode) {
        mode = tag >= 0 ? "access" : "trunk";
    }
    /* In every mode but this one, no tag means VLAN 0. */
    if (strcmp(mode, "trunk")) {
        verify_vlan(call, port, tag >= 0 ? "tag" : "no tag", MAX(tag, 0));
    }
    if (strcmp(mode, "access") && strcmp(mode, "dot1q-tunnel")) {
        verify_trunks(call, port, mode, trunks);
    }
}

void
pf_port_verify_range(PfCall *call, const PfExtensionPort *port,
                  GVariant *policies)
{
    gboolean ok = TRUE;

    for (gsize i = 0; i < pf_port_n_columns; i++) {
        const PfPortColumn *c = &pf_port_columns[i];
        g_autoptr(GVariant) value = pf_port_look_up(policies, c);

        if (value) {
            ok &= verify_column_range(call, c, value);
        }
    }
    if (ok && host->allowed_vlans(call)) {
        verify_vlans(call, port, policies);
    }
    host->end(call, NULL);
}

/* ---- Verification: this host ------------------------------------------- */

/* The bridge's local port carries its name. */
static void
verify_mtu(PfCall *call, const PfExtensionPort *port, gint64 mtu)
{
    const PfRow *local = host->find(NULL, "Interface", "name", port->bridge);
    gint64 bridge_mtu = local ? pf_port_get_integer(local, "mtu", 0) : 0;

    if (mtu && bridge_mtu && mtu > bridge_mtu) {
        host->problem(call, "MTU %" G_GINT64_FORMAT " is above the MTU %"
                      G_GINT64_FORMAT " of bridge '%s'", mtu, bridge_mtu,
                      port->bridge);
    }
}

/* libvirt's add-port takes a fake bridge for the port's VLAN for the bridge
 * that it is on, and fails. */
static void
verify_fake_bridge(PfCall *call, const PfExtensionPort *port,
                   const GPtrArray *ports, gint64 tag)
{
    for (guint i = 0; i < ports->len; i++) {
        g_autoptr(GVariant) fake = host->get(ports->pdata[i], "fake_bridge");

        if (fake && g_variant_get_boolean(fake)
            && pf_port_get_integer(ports->pdata[i], "tag", -1) == tag) {
            g_autofree char *name = pf_port_get_name(ports->pdata[i]);

            host->problem(call, "bridge '%s' has a fake bridge '%s' for VLAN "
                          "%" G_GINT64_FORMAT ": libvirt could not add the "
                          "port", port->bridge, name, tag);
            return;
        }
    }
}

void
pf_port_verify_applicability(PfCall *call, const PfExtensionPort *port,
                          GVariant *policies)
{
    g_autoptr(GVariant) mtu = pf_port_look_up(
        policies, pf_port_find_column("interface", "mtu_request"));
    g_autoptr(GVariant) tag = pf_port_look_up(
        policies, pf_port_find_column("port", "tag"));
    g_autoptr(GPtrArray) ports = pf_port_bridge_ports(NULL, port->bridge);

    if (!ports) {
        host->problem(call, "there is no bridge '%s' on this host (network "
                      "'%s')", port->bridge, port->network);
    } else {
        verify_mtu(call, port, mtu ? g_variant_get_int64(mtu) : port->mtu);
        if (tag) {
            verify_fake_bridge(call, port, ports, g_variant_get_int64(tag));
        }
    }
    host->end(call, NULL);
}

/* Whether 'port' is what stays of a port whose guest has left: libvirtd may
 * have written a claim to it, but it has none. */
static gboolean
is_carrier(const PfRow *port)
{
    g_autofree char *role = host->get_key(port, "external_ids",
                                          "portferry-role");

    return !g_strcmp0(role, "carrier");
}

/* Whether an interface of 'port' has external_ids 'key' = 'value'. */
static gboolean
claims(const PfRow *port, const char *key, const char *value)
{
    g_autoptr(GPtrArray) ifaces = pf_port_referred(NULL, port, "interfaces",
                                                   "Interface");

    for (guint i = 0; i < ifaces->len; i++) {
        g_autofree char *there = host->get_key(ifaces->pdata[i],
                                               "external_ids", key);

        if (!g_strcmp0(there, value)) {
            return TRUE;
        }
    }
    return FALSE;
}

static void
verify_unused(PfCall *call, const PfExtensionPort *port, const char *key,
              const char *value)
{
    const PfRow *row = NULL;

    while ((row = host->next(NULL, "Port", row)) != NULL) {
        g_autofree char *name = pf_port_get_name(row);

        if ((port->is_here && !strcmp(name, port->name)) || is_carrier(row)
            || !claims(row, key, value)) {
            continue;
        }
        host->problem(call, "%s %s is in use by port '%s' on this host", key,
                      value, name);
        return;
    }
}

/* The name of the bridge that has 'port'; NULL if none has. */
static char *
bridge_of(const PfRow *port)
{
    const PfRow *bridge = NULL;

    while ((bridge = host->next(NULL, "Bridge", bridge)) != NULL) {
        g_autoptr(GPtrArray) ports = pf_port_referred(NULL, bridge, "ports",
                                                      "Port");

        if (g_ptr_array_find(ports, port, NULL)) {
            return pf_port_get_name(bridge);
        }
    }
    return NULL;
}

void
pf_port_verify_conflict(PfCall *call, const PfExtensionPort *port,
                     GVariant *policies G_GNUC_UNUSED)
{
    const PfRow *same = host->find(NULL, "Port", "name", port->name);

    verify_unused(call, port, "attached-mac", port->mac);
    if (port->iface_id) {
        verify_unused(call, port, "iface-id", port->iface_id);
    }
    if (same && !port->is_here) {
        g_autofree char *bridge = bridge_of(same);

        host->problem(call, "a port named '%s' is on bridge '%s' of this "
                      "host", port->name, bridge ? bridge : "(none)");
    }
    host->end(call, NULL);
}
