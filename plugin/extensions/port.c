/* SPDX-License-Identifier: Apache-2.0
 *
 * port: the extension that owns what stands in a Port and its Interface: VLAN,
 * trunks, MTU, policing, monitoring (BFD, CFM, LLDP, LACP), other_config, the
 * user's external_ids, the OpenFlow port number.
 *
 * Its policies are
 *
 *     { "port": {COLUMN: VALUE, ...}, "interface": {COLUMN: VALUE, ...} }
 *
 * with the columns below as the database has them, without the external_ids
 * that are libvirt's or Portferry's own, and without zeros where a zero says
 * that there is nothing.  It has no run-time data: what was changed at the
 * last moment is in the policies that PortData carries.  QoS and mirrors, to
 * which the port refers or which refer to it, are other extensions'.
 */
#include <config.h>

#include "port-private.h"

#include <string.h>

#define MAX_VLAN 4095
#define MAX_OFPORT 65279        /* OFPP_MAX - 1 of OpenFlow 1.0. */

/* Errors have but messages. */
static G_DEFINE_QUARK(pf-port-error-quark, pf_port_error)

static const PfHost *host;

static gboolean
port_init(const PfHost *host_, GError **error G_GNUC_UNUSED)
{
    host = host_;
    pf_port_verify_init(host);
    return TRUE;
}

/* ---- What may stand in the policies ----------------------------------- */

static const char *const vlan_modes[] = {
    "access", "dot1q-tunnel", "native-tagged", "native-untagged", "trunk",
    NULL
};
static const char *const lacp_modes[] = { "active", "off", "passive", NULL };

const PfPortColumn pf_port_columns[] = {
    { "port", "tag", COL_INTEGER, 0, MAX_VLAN, NULL },
    { "port", "trunks", COL_INTEGERS, 0, MAX_VLAN, NULL },
    { "port", "vlan_mode", COL_CHOICE, 0, 0, vlan_modes },
    { "port", "cvlans", COL_INTEGERS, 0, MAX_VLAN, NULL },
    { "port", "protected", COL_BOOLEAN, 0, 0, NULL },
    { "port", "lacp", COL_CHOICE, 0, 0, lacp_modes },
    { "port", "other_config", COL_STRINGS, 0, 0, NULL },
    { "port", "external_ids", COL_STRINGS, 0, 0, NULL },
    { "interface", "other_config", COL_STRINGS, 0, 0, NULL },
    { "interface", "external_ids", COL_STRINGS, 0, 0, NULL },
    { "interface", "bfd", COL_STRINGS, 0, 0, NULL },
    { "interface", "cfm_mpid", COL_INTEGER, 0, G_MAXINT64, NULL },
    { "interface", "lldp", COL_STRINGS, 0, 0, NULL },
    { "interface", "mtu_request", COL_INTEGER, 68, 65535, NULL },
    { "interface", "ingress_policing_rate", COL_AMOUNT, 0, G_MAXINT32, NULL },
    { "interface", "ingress_policing_burst", COL_AMOUNT, 0, G_MAXINT32, NULL },
    { "interface", "ingress_policing_kpkts_rate", COL_AMOUNT, 0,
      G_MAXINT32, NULL },
    { "interface", "ingress_policing_kpkts_burst", COL_AMOUNT, 0,
      G_MAXINT32, NULL },
    { "interface", "ofport_request", COL_INTEGER, 1, MAX_OFPORT, NULL },
    { "interface", "ofport", COL_NUMBER, 1, MAX_OFPORT, NULL },
};

const gsize pf_port_n_columns = G_N_ELEMENTS(pf_port_columns);

/* What else is read.  Those of Port and Interface that hold configuration are
 * there anyway. */
static const char *const other_columns[] = {
    "Bridge.name", "Bridge.ports", "Interface.mtu", "Interface.ofport", NULL
};

const PfPortColumn *
pf_port_find_column(const char *row, const char *name)
{
    for (gsize i = 0; i < pf_port_n_columns; i++) {
        const PfPortColumn *c = &pf_port_columns[i];

        if (!strcmp(c->row, row) && !strcmp(c->name, name)) {
            return c;
        }
    }
    return NULL;
}

gboolean
pf_port_key_is_foreign(const PfPortColumn *c, const char *key)
{
    static const char *const libvirts[] = {
        "attached-mac", "iface-id", "iface-status", "vm-id", "ifname",
        "port-profile", "PortData", NULL
    };

    return (!strcmp(c->name, "external_ids")
            && (g_str_has_prefix(key, "portferry-")
                || g_strv_contains(libvirts, key)));
}

GVariant *
pf_port_look_up(GVariant *policies, const PfPortColumn *c)
{
    g_autoptr(GVariant) row = g_variant_lookup_value(policies, c->row,
                                                     G_VARIANT_TYPE_VARDICT);

    return row ? g_variant_lookup_value(row, c->name, NULL) : NULL;
}

/* ---- The rows --------------------------------------------------------- */

/* A port's two rows. */
typedef struct {
    const PfRow *port;
    const PfRow *iface;
} Rows;

/* Finds the rows of port 'name'. */
static gboolean
find_rows(PfTxn *txn, const char *name, Rows *rows, GError **error)
{
    rows->port = host->find(txn, "Port", "name", name);
    rows->iface = host->find(txn, "Interface", "name", name);
    if (!rows->port || !rows->iface) {
        g_set_error(error, pf_port_error_quark(), 0,
                    "the switch has no port '%s'", name);
        return FALSE;
    }
    return TRUE;
}

static const PfRow *
row_of(const Rows *rows, const PfPortColumn *c)
{
    return !strcmp(c->row, "port") ? rows->port : rows->iface;
}

GPtrArray *
pf_port_referred(PfTxn *txn, const PfRow *row, const char *column,
                 const char *table)
{
    g_autoptr(GVariant) uuids = host->get(row, column);
    GPtrArray *rows = g_ptr_array_new();

    for (gsize i = 0; uuids && i < g_variant_n_children(uuids); i++) {
        g_autoptr(GVariant) boxed = g_variant_get_child_value(uuids, i);
        g_autoptr(GVariant) uuid = g_variant_get_variant(boxed);
        const PfRow *other = host->by_uuid(txn, table,
                                           g_variant_get_string(uuid, NULL));

        if (other) {
            g_ptr_array_add(rows, (gpointer) other);
        }
    }
    return rows;
}

GPtrArray *
pf_port_bridge_ports(PfTxn *txn, const char *name)
{
    const PfRow *bridge = host->find(txn, "Bridge", "name", name);

    return bridge ? pf_port_referred(txn, bridge, "ports", "Port") : NULL;
}

gint64
pf_port_get_integer(const PfRow *row, const char *column, gint64 otherwise)
{
    g_autoptr(GVariant) value = host->get(row, column);

    return value ? g_variant_get_int64(value) : otherwise;
}

char *
pf_port_get_name(const PfRow *row)
{
    g_autoptr(GVariant) name = host->get(row, "name");

    return g_variant_dup_string(name, NULL);
}

/* ---- Policies ----------------------------------------------------------- */

/* 'map' without keys that are not the user's, floating; NULL if nothing is
 * left. */
static GVariant *
own_keys(const PfPortColumn *c, GVariant *map)
{
    GVariantBuilder b;
    GVariantIter iter;
    const char *key;
    GVariant *value;
    gsize n = 0;

    g_variant_builder_init(&b, G_VARIANT_TYPE_VARDICT);
    g_variant_iter_init(&iter, map);
    while (g_variant_iter_next(&iter, "{&sv}", &key, &value)) {
        if (!pf_port_key_is_foreign(c, key)) {
            g_variant_builder_add(&b, "{sv}", key, value);
            n++;
        }
        g_variant_unref(value);
    }
    if (!n) {
        g_variant_builder_clear(&b);
        return NULL;
    }
    return g_variant_builder_end(&b);
}

/* What the policies say of 'value', the contents of 'c', floating or full;
 * NULL if nothing. */
static GVariant *
own_value(const PfPortColumn *c, GVariant *value)
{
    switch (c->type) {
    case COL_STRINGS:
        return own_keys(c, value);
    case COL_AMOUNT:
    case COL_NUMBER:
        return g_variant_get_int64(value) > 0 ? g_variant_ref(value) : NULL;
    case COL_INTEGER:
    case COL_BOOLEAN:
    case COL_CHOICE:
    case COL_INTEGERS:
    default:
        return g_variant_ref(value);
    }
}

/* The policies of 'row', one of 'rows', floating. */
static GVariant *
read_policies(const Rows *rows, const char *row)
{
    GVariantBuilder b;

    g_variant_builder_init(&b, G_VARIANT_TYPE_VARDICT);
    for (gsize i = 0; i < pf_port_n_columns; i++) {
        const PfPortColumn *c = &pf_port_columns[i];
        g_autoptr(GVariant) value = NULL;
        GVariant *own;

        if (strcmp(c->row, row)) {
            continue;
        }
        value = host->get(row_of(rows, c), c->name);
        own = value ? own_value(c, value) : NULL;
        if (own) {
            g_autoptr(GVariant) taken = g_variant_take_ref(own);

            g_variant_builder_add(&b, "{sv}", c->name, taken);
        }
    }
    return g_variant_builder_end(&b);
}

static void
port_get_policies(PfCall *call, const PfExtensionPort *port)
{
    g_autoptr(GError) error = NULL;
    GVariantBuilder b;
    Rows rows;

    if (find_rows(NULL, port->name, &rows, &error)) {
        g_variant_builder_init(&b, G_VARIANT_TYPE_VARDICT);
        g_variant_builder_add(&b, "{sv}", "port",
                              read_policies(&rows, "port"));
        g_variant_builder_add(&b, "{sv}", "interface",
                              read_policies(&rows, "interface"));
        host->policies(call, g_variant_builder_end(&b));
    }
    host->end(call, error);
}

/* ---- Requests ----------------------------------------------------------- */

/* What is to be set on a port. */
typedef struct {
    char *name;
    char *bridge;
    gint64 ofport;              /* Its number, should the Interface not say
                                 * it; 0: none. */
    GVariant *policies;
} Settings;

static void
settings_free(gpointer settings_)
{
    Settings *s = settings_;

    g_free(s->name);
    g_free(s->bridge);
    g_variant_unref(s->policies);
    g_free(s);
}

/* Whether another port of the bridge asks for OpenFlow number 'ofport': then
 * it gets it, unless the one that has it asks for it, too. */
static gboolean
is_asked_for(PfTxn *txn, const Settings *s, gint64 ofport)
{
    g_autoptr(GPtrArray) ports = pf_port_bridge_ports(txn, s->bridge);

    for (guint i = 0; ports && i < ports->len; i++) {
        g_autofree char *name = pf_port_get_name(ports->pdata[i]);
        g_autoptr(GPtrArray) ifaces = NULL;

        if (!strcmp(name, s->name)) {
            continue;
        }
        ifaces = pf_port_referred(txn, ports->pdata[i], "interfaces",
                                  "Interface");
        for (guint j = 0; j < ifaces->len; j++) {
            if (pf_port_get_integer(ifaces->pdata[j], "ofport_request", 0)
                == ofport) {
                return TRUE;
            }
        }
    }
    return FALSE;
}

/* What 'policies' want 'c' to be; NULL: empty. */
static GVariant *
setting(GVariant *policies, const PfPortColumn *c)
{
    g_autoptr(GVariant) value = pf_port_look_up(policies, c);

    if (!value && c->type == COL_BOOLEAN) {
        return g_variant_ref_sink(g_variant_new_boolean(FALSE));
    }
    if (!value && c->type == COL_AMOUNT) {
        return g_variant_ref_sink(g_variant_new_int64(0));
    }
    if (value && g_variant_is_container(value)
        && !g_variant_n_children(value)) {
        return NULL;
    }
    return g_steal_pointer(&value);
}

/* The number that the port has and keeps; 0: none. */
static gint64
present_ofport(const PfRow *iface, gint64 otherwise)
{
    gint64 ofport = pf_port_get_integer(iface, "ofport", 0);

    return ofport > 0 ? ofport : otherwise;
}

/* What ofport_request becomes of 'iface', for which 'wanted' (may be NULL) is
 * wanted; NULL: empty.  The port's rules are in place for the number that it
 * has: whatever is asked for, it must not get another one now. */
static GVariant *
ofport_request(PfTxn *txn, const Settings *s, const PfRow *iface,
               GVariant *wanted)
{
    gint64 ofport = present_ofport(iface, s->ofport);

    if (ofport && ((wanted && g_variant_get_int64(wanted) == ofport)
                   || is_asked_for(txn, s, ofport))) {
        return g_variant_ref_sink(g_variant_new_int64(ofport));
    }
    return NULL;
}

/* Brings the map 'c' of 'row' to 'value' (NULL: empty), key by key; foreign
 * ones stay. */
static gboolean
write_map(PfTxn *txn, const PfRow *row, const PfPortColumn *c, GVariant *value,
          GError **error)
{
    g_autoptr(GVariant) present = host->get(row, c->name);
    GVariantIter iter;
    const char *key, *text;
    GVariant *member;

    if (present) {
        g_variant_iter_init(&iter, present);
        while (g_variant_iter_next(&iter, "{&sv}", &key, &member)) {
            g_variant_unref(member);
            if (!pf_port_key_is_foreign(c, key)
                && !(value && g_variant_lookup(value, key, "&s", &text))
                && !host->set_key(txn, row, c->name, key, NULL, error)) {
                return FALSE;
            }
        }
    }
    if (value) {
        g_variant_iter_init(&iter, value);
        while (g_variant_iter_next(&iter, "{&sv}", &key, &member)) {
            g_autoptr(GVariant) owned = member;

            if (!host->set_key(txn, row, c->name, key,
                               g_variant_get_string(owned, NULL), error)) {
                return FALSE;
            }
        }
    }
    return TRUE;
}

/* Writes 'settings' to the port; a PfApplyFunc. */
static gboolean
apply(PfTxn *txn, gpointer settings, GError **error)
{
    const Settings *s = settings;
    Rows rows;

    if (!find_rows(txn, s->name, &rows, error)) {
        return FALSE;
    }
    for (gsize i = 0; i < pf_port_n_columns; i++) {
        const PfPortColumn *c = &pf_port_columns[i];
        const PfRow *row = row_of(&rows, c);
        g_autoptr(GVariant) value = NULL;

        if (c->type == COL_NUMBER) {
            continue;
        }
        value = setting(s->policies, c);
        if (!strcmp(c->name, "ofport_request")) {
            g_autoptr(GVariant) wanted = g_steal_pointer(&value);

            value = ofport_request(txn, s, row, wanted);
        }
        if (c->type == COL_STRINGS
            ? !write_map(txn, row, c, value, error)
            : !host->set(txn, row, c->name, value, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

/* Says so if the policies ask for a number that is not the port's. */
static void
note_other_number(PfCall *call, const PfExtensionPort *port,
                  GVariant *policies)
{
    const PfRow *iface = host->find(NULL, "Interface", "name", port->name);
    g_autoptr(GVariant) wanted = pf_port_look_up(
        policies, pf_port_find_column("interface", "ofport_request"));
    gint64 ofport = iface ? present_ofport(iface, port->ofport) : 0;

    if (iface && wanted && g_variant_get_int64(wanted) != ofport) {
        host->note(call, "port '%s' has OpenFlow number %" G_GINT64_FORMAT
                   " on this host and keeps it: its ofport_request %"
                   G_GINT64_FORMAT " is left out", port->name, ofport,
                   g_variant_get_int64(wanted));
    }
}

static void
bring(PfCall *call, const PfExtensionPort *port, GVariant *policies)
{
    Settings *s = g_new(Settings, 1);

    note_other_number(call, port, policies);
    s->name = g_strdup(port->name);
    s->bridge = g_strdup(port->bridge);
    s->ofport = port->ofport;
    s->policies = g_variant_ref(policies);
    host->change(call, apply, s, settings_free);
}

static void
port_property_add(PfCall *call, const PfExtensionPort *port,
                  GVariant *policies)
{
    bring(call, port, policies);
    host->end(call, NULL);
}

/* Equality of values, whatever the order of a dictionary's keys. */
static gboolean
equal(GVariant *a, GVariant *b)
{
    GVariantIter iter;
    const char *key;
    GVariant *value;

    if (!a || !b) {
        return a == b;
    }
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

        if (!equal(in_a, in_b)) {
            return FALSE;
        }
    }
    return TRUE;
}

/* Whether 'a' and 'b' want the same to be set on a port. */
static gboolean
same_settings(GVariant *a, GVariant *b)
{
    for (gsize i = 0; i < pf_port_n_columns; i++) {
        g_autoptr(GVariant) in_a = setting(a, &pf_port_columns[i]);
        g_autoptr(GVariant) in_b = setting(b, &pf_port_columns[i]);

        if (pf_port_columns[i].type != COL_NUMBER && !equal(in_a, in_b)) {
            return FALSE;
        }
    }
    return TRUE;
}

static void
port_nic_restore(PfCall *call, const PfExtensionPort *port, GVariant *old,
                 GVariant *new_, GVariant *chunks G_GNUC_UNUSED)
{
    if (!same_settings(old, new_)) {
        bring(call, port, new_);
    }
    host->end(call, NULL);
}

const PfExtension pf_extension_port = {
    .abi = PF_EXTENSION_ABI,
    .name = "port",
    .version = 1,
    .order = 100,
    .summary = "VLAN, trunks, MTU, policing, other_config, external_ids, "
               "OpenFlow number",
    .columns = other_columns,
    .init = port_init,
    .get_policies = port_get_policies,
    .verify_syntax = pf_port_verify_syntax,
    .verify_range = pf_port_verify_range,
    .verify_applicability = pf_port_verify_applicability,
    .verify_conflict = pf_port_verify_conflict,
    .property_add = port_property_add,
    .nic_restore = port_nic_restore,
};
