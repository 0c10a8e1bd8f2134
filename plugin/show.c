/* SPDX-License-Identifier: Apache-2.0
 *
 * show: the agent's answers, in words for a person.
 */
#include <config.h>

#include "show.h"

#include <string.h>

#include "table.h"

/* The value of member 'name' as text: "" if it is missing, null, an array or
 * an object.  The caller frees it. */
static char *
text(JsonObject *object, const char *name)
{
    JsonNode *node = json_object_get_member(object, name);

    if (!node || !JSON_NODE_HOLDS_VALUE(node)) {
        return g_strdup("");
    }
    switch (json_node_get_value_type(node)) {
    case G_TYPE_STRING:
        return pf_table_clean(json_node_get_string(node));
    case G_TYPE_BOOLEAN:
        return g_strdup(json_node_get_boolean(node) ? "yes" : "no");
    case G_TYPE_INT64:
        return g_strdup_printf("%" G_GINT64_FORMAT, json_node_get_int(node));
    default:
        return g_strdup_printf("%g", json_node_get_double(node));
    }
}

/* The member 'name' as a number; 0 if it is none. */
static gint64
number(JsonObject *object, const char *name)
{
    JsonNode *node = json_object_get_member(object, name);

    return node && JSON_NODE_HOLDS_VALUE(node) ? json_node_get_int(node) : 0;
}

/* The member 'name' if it is an object, else NULL. */
static JsonObject *
object_member(JsonObject *object, const char *name)
{
    JsonNode *node = json_object_get_member(object, name);

    return (node && JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node)
            : NULL);
}

/* How many elements the array 'name' has; 0 if it is none. */
static guint
n_elements(JsonObject *object, const char *name)
{
    JsonNode *node = json_object_get_member(object, name);

    return (node && JSON_NODE_HOLDS_ARRAY(node)
            ? json_array_get_length(json_node_get_array(node)) : 0);
}

/* Element 'i' of the array 'name' if it is an object, else NULL. */
static JsonObject *
element(JsonObject *object, const char *name, guint i)
{
    JsonNode *node = json_array_get_element(
        json_object_get_array_member(object, name), i);

    return JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
}

/* Adds the member 'name' of 'object' to 'table' as a cell. */
static void
add_member(PfTable *table, JsonObject *object, const char *name)
{
    g_autofree char *cell = text(object, name);

    pf_table_add_cell(table, cell);
}

/* Appends the title of a table, with an empty line before it. */
static void
heading(GString *s, const char *title)
{
    g_string_append_printf(s, "\n%s\n", title);
}

/* ---- status ----------------------------------------------------------- */

/* "2 d 3 h", "3 h 12 min", "12 min" or "7 s". */
static char *
span(gint64 seconds)
{
    gint64 minutes = seconds / 60;
    gint64 hours = minutes / 60;

    if (hours >= 24) {
        return g_strdup_printf("%" G_GINT64_FORMAT " d %" G_GINT64_FORMAT " h",
                               hours / 24, hours % 24);
    } else if (hours) {
        return g_strdup_printf("%" G_GINT64_FORMAT " h %" G_GINT64_FORMAT
                               " min", hours, minutes % 60);
    } else if (minutes) {
        return g_strdup_printf("%" G_GINT64_FORMAT " min", minutes);
    }
    return g_strdup_printf("%" G_GINT64_FORMAT " s", seconds);
}

static void
show_agent(JsonObject *root, GString *s)
{
    JsonObject *agent = object_member(root, "agent");

    if (agent) {
        g_autofree char *version = text(agent, "version");
        g_autofree char *pid = text(agent, "pid");
        g_autofree char *host = text(agent, "host");
        g_autofree char *up = span(number(agent, "uptime_s"));

        g_string_append_printf(s, "portferryd %s, process %s, on %s, up %s\n",
                               version, pid, host, up);
    }
}

static void
show_connections(JsonObject *root, guint width, GString *s)
{
    g_autoptr(PfTable) table = pf_table_new();

    pf_table_add_column(table, "NAME", PF_TABLE_LEFT);
    pf_table_add_column(table, "CONNECTED", PF_TABLE_LEFT);
    pf_table_add_column(table, "TARGET", PF_TABLE_LEFT);
    pf_table_add_column(table, "ERROR", PF_TABLE_NOTE);
    for (guint i = 0; i < n_elements(root, "connections"); i++) {
        JsonObject *connection = element(root, "connections", i);

        if (connection) {
            add_member(table, connection, "name");
            add_member(table, connection, "connected");
            add_member(table, connection, "target");
            add_member(table, connection, "error");
        }
    }
    heading(s, "Connections");
    pf_table_format(table, width, s);
}

/* The names of 'object''s extensions, the required ones marked, joined by
 * commas. */
static char *
extension_names(JsonObject *object)
{
    GString *names = g_string_new(NULL);

    for (guint i = 0; i < n_elements(object, "extensions"); i++) {
        JsonObject *extension = element(object, "extensions", i);

        if (extension) {
            g_autofree char *name = text(extension, "name");
            g_autofree char *version = text(extension, "version");
            g_autofree char *required = text(extension, "required");

            g_string_append_printf(names, "%s%s%s%s%s", names->len ? ", " : "",
                                   name, version[0] ? " " : "", version,
                                   (g_str_equal(required, "yes")
                                    ? " (required)" : ""));
        }
    }
    return g_string_free(names, FALSE);
}

static void
show_networks(JsonObject *root, guint width, GString *s)
{
    g_autoptr(PfTable) table = pf_table_new();

    pf_table_add_column(table, "NAME", PF_TABLE_LEFT);
    pf_table_add_column(table, "BRIDGE", PF_TABLE_LEFT);
    pf_table_add_column(table, "VLANS", PF_TABLE_LEFT);
    pf_table_add_column(table, "EXTENSIONS", PF_TABLE_LEFT);
    pf_table_add_column(table, "ERROR", PF_TABLE_NOTE);
    for (guint i = 0; i < n_elements(root, "networks"); i++) {
        JsonObject *network = element(root, "networks", i);

        if (network) {
            g_autofree char *vlans = text(network, "allowed_vlans");
            g_autofree char *extensions = extension_names(network);

            add_member(table, network, "name");
            add_member(table, network, "bridge");
            pf_table_add_cell(table, vlans[0] ? vlans : "all");
            pf_table_add_cell(table, extensions);
            add_member(table, network, "error");
        }
    }
    heading(s, "Managed networks");
    pf_table_format(table, width, s);
}

/* The wall clock 'us' as local date and time. */
static char *
date_and_time(gint64 us)
{
    g_autoptr(GDateTime) utc = g_date_time_new_from_unix_utc(us / 1000000);
    g_autoptr(GDateTime) local = utc ? g_date_time_to_local(utc) : NULL;

    return local ? g_date_time_format(local, "%F %T") : g_strdup("");
}

static void
show_migrations(JsonObject *root, guint width, GString *s)
{
    g_autoptr(PfTable) table = pf_table_new();

    pf_table_add_column(table, "MIGRATION", PF_TABLE_LEFT);
    pf_table_add_column(table, "DOMAIN", PF_TABLE_LEFT);
    pf_table_add_column(table, "ROLE", PF_TABLE_LEFT);
    pf_table_add_column(table, "SINCE", PF_TABLE_LEFT);
    pf_table_add_column(table, "PEER", PF_TABLE_LEFT);
    pf_table_add_column(table, "STATE", PF_TABLE_NOTE);
    for (guint i = 0; i < n_elements(root, "migrations"); i++) {
        JsonObject *migration = element(root, "migrations", i);

        if (migration) {
            g_autofree char *since
                = date_and_time(number(migration, "since_us"));

            add_member(table, migration, "migration");
            add_member(table, migration, "domain");
            add_member(table, migration, "role");
            pf_table_add_cell(table, since);
            add_member(table, migration, "peer");
            add_member(table, migration, "state");
        }
    }
    heading(s, "Migrations under way");
    pf_table_format(table, width, s);
}

static void
show_extensions(JsonObject *root, guint width, GString *s)
{
    g_autoptr(PfTable) table = pf_table_new();

    pf_table_add_column(table, "NAME", PF_TABLE_LEFT);
    pf_table_add_column(table, "VERSION", PF_TABLE_RIGHT);
    pf_table_add_column(table, "ORDER", PF_TABLE_RIGHT);
    pf_table_add_column(table, "FROM", PF_TABLE_LEFT);
    pf_table_add_column(table, "CARRIES", PF_TABLE_LEFT);
    pf_table_add_column(table, "ERROR", PF_TABLE_NOTE);
    for (guint i = 0; i < n_elements(root, "extensions"); i++) {
        JsonObject *extension = element(root, "extensions", i);

        if (extension) {
            g_autofree char *file = text(extension, "file");

            add_member(table, extension, "name");
            add_member(table, extension, "version");
            add_member(table, extension, "order");
            pf_table_add_cell(table, file[0] ? file : "built in");
            add_member(table, extension, "summary");
            add_member(table, extension, "error");
        }
    }
    heading(s, "Extensions");
    pf_table_format(table, width, s);
}

/* What a person has to do something about. */
static void
show_quarantined(JsonObject *root, GString *s)
{
    JsonNode *node = json_object_get_member(root, "quarantined");
    JsonArray *names = node && JSON_NODE_HOLDS_ARRAY(node)
        ? json_node_get_array(node) : NULL;

    for (guint i = 0; names && i < json_array_get_length(names); i++) {
        JsonNode *name = json_array_get_element(names, i);

        if (JSON_NODE_HOLDS_VALUE(name)
            && json_node_get_value_type(name) == G_TYPE_STRING) {
            g_autofree char *clean
                = pf_table_clean(json_node_get_string(name));

            g_string_append_printf(
                s, "\nPort %s is quarantined, its gate stays closed: see "
                "`portferry trace', then\n`portferry release %s'.\n", clean,
                clean);
        }
    }
}

void
pf_show_status(JsonObject *root, guint width, GString *s)
{
    g_autofree char *ports = text(root, "ports");

    show_agent(root, s);
    g_string_append_printf(s, "ports: %s\n", ports);
    show_connections(root, width, s);
    show_extensions(root, width, s);
    show_networks(root, width, s);
    if (n_elements(root, "migrations")) {
        show_migrations(root, width, s);
    } else {
        g_string_append(s, "\nNo migration is under way.\n");
    }
    show_quarantined(root, s);
}

/* ---- ports ------------------------------------------------------------ */

/* The VLANs in member 'name': "10,20"; "" if there are none. */
static char *
vlan_list(JsonObject *port, const char *name)
{
    JsonNode *node = json_object_get_member(port, name);
    JsonArray *array;
    GString *s;

    if (!node || !JSON_NODE_HOLDS_ARRAY(node)) {
        return text(port, name);
    }
    array = json_node_get_array(node);
    s = g_string_new(NULL);
    for (guint i = 0; i < json_array_get_length(array); i++) {
        g_string_append_printf(
            s, "%s%" G_GINT64_FORMAT, i ? "," : "",
            json_node_get_int(json_array_get_element(array, i)));
    }
    return g_string_free(s, FALSE);
}

/* A port's VLANs: "42", "trunk 10,20", "native-untagged 7, trunk 10,20",
 * "dot1q-tunnel 7, cvlans 10,20"; "all" of a trunk without a limit. */
static char *
port_vlans(JsonObject *port)
{
    g_autofree char *tag = text(port, "tag");
    g_autofree char *mode = text(port, "vlan_mode");
    g_autofree char *trunks = vlan_list(port, "trunks");
    g_autofree char *cvlans = vlan_list(port, "cvlans");
    gboolean is_trunk = g_str_equal(mode, "trunk");
    GString *s = g_string_new(is_trunk ? NULL : mode);

    if (tag[0] && !is_trunk) {
        g_string_append_printf(s, "%s%s", s->len ? " " : "", tag);
    }
    if (trunks[0]) {
        g_string_append_printf(s, "%strunk %s", s->len ? ", " : "", trunks);
    }
    if (cvlans[0]) {
        g_string_append_printf(s, "%scvlans %s", s->len ? ", " : "", cvlans);
    }
    if (!s->len && json_object_has_member(port, "trunks")) {
        g_string_append(s, "all");
    }
    return g_string_free(s, FALSE);
}

/* Of the guest's whole life, as Open vSwitch counts: "rx 12 packets 1200 bytes
 * 0 errors 0 drops, tx ...". */
static char *
port_counters(JsonObject *port)
{
    static const char *const directions[] = { "rx", "tx" };
    static const char *const counters[] = {
        "packets", "bytes", "errors", "drops"
    };
    GString *s = g_string_new(NULL);

    for (gsize i = 0; i < G_N_ELEMENTS(directions); i++) {
        for (gsize k = 0; k < G_N_ELEMENTS(counters); k++) {
            g_autofree char *name = g_strdup_printf("%s_%s", directions[i],
                                                    counters[k]);
            g_autofree char *value = text(port, name);

            if (!value[0]) {
                continue;
            }
            if (!k) {
                g_string_append_printf(s, "%s%s", i ? ", " : "",
                                       directions[i]);
            }
            g_string_append_printf(s, " %s %s", value, counters[k]);
        }
    }
    return g_string_free(s, FALSE);
}

/* What is shown of a port elsewhere: the rest is what extensions of others say
 * of it. */
static gboolean
is_shown(const char *name)
{
    static const char *const names[] = {
        "name", "bridge", "network", "domain", "mac", "iface_id", "ofport",
        "tag", "trunks", "vlan_mode", "cvlans", "gate", "quarantined",
        "state",
        "rx_packets", "rx_bytes", "rx_errors", "rx_drops",
        "tx_packets", "tx_bytes", "tx_errors", "tx_drops", NULL
    };

    return g_strv_contains(names, name);
}

/* "label frontend, moves 3". */
static char *
port_others(JsonObject *port)
{
    g_autoptr(GList) names = g_list_sort(json_object_get_members(port),
                                         (GCompareFunc) strcmp);
    GString *s = g_string_new(NULL);

    for (GList *l = names; l; l = l->next) {
        g_autofree char *value = is_shown(l->data) ? NULL
                                                   : text(port, l->data);
        g_autofree char *name = pf_table_clean(l->data);

        if (value && value[0]) {
            g_string_append_printf(s, "%s%s %s", s->len ? ", " : "", name,
                                   value);
        }
    }
    return g_string_free(s, FALSE);
}

/* What a port has, as far as it has it, with semicolons between. */
static char *
port_note(JsonObject *port)
{
    g_autofree char *vlans = port_vlans(port);
    g_autofree char *iface_id = text(port, "iface_id");
    g_autofree char *counters = port_counters(port);
    g_autofree char *others = port_others(port);
    const char *const parts[] = { vlans, iface_id, counters, others };
    GString *s = g_string_new(NULL);

    for (gsize i = 0; i < G_N_ELEMENTS(parts); i++) {
        if (parts[i][0]) {
            g_string_append_printf(s, "%s%s%s", s->len ? "; " : "",
                                   i ? "" : "vlan ", parts[i]);
        }
    }
    return g_string_free(s, FALSE);
}

void
pf_show_ports(JsonObject *root, guint width, GString *s)
{
    g_autoptr(PfTable) table = pf_table_new();

    pf_table_add_column(table, "NAME", PF_TABLE_LEFT);
    pf_table_add_column(table, "BRIDGE", PF_TABLE_LEFT);
    pf_table_add_column(table, "NETWORK", PF_TABLE_LEFT);
    pf_table_add_column(table, "DOMAIN", PF_TABLE_LEFT);
    pf_table_add_column(table, "MAC", PF_TABLE_LEFT);
    pf_table_add_column(table, "OFPORT", PF_TABLE_RIGHT);
    pf_table_add_column(table, "GATE", PF_TABLE_LEFT);
    pf_table_add_column(table, "STATE", PF_TABLE_LEFT);
    pf_table_add_column(table, "VLAN; IFACE-ID; COUNTERS", PF_TABLE_NOTE);
    for (guint i = 0; i < n_elements(root, "ports"); i++) {
        JsonObject *port = element(root, "ports", i);

        if (port) {
            g_autofree char *note = port_note(port);

            add_member(table, port, "name");
            add_member(table, port, "bridge");
            add_member(table, port, "network");
            add_member(table, port, "domain");
            add_member(table, port, "mac");
            add_member(table, port, "ofport");
            add_member(table, port, "gate");
            add_member(table, port, "state");
            pf_table_add_cell(table, note);
        }
    }
    pf_table_format(table, width, s);
}

/* ---- trace ------------------------------------------------------------ */

/* Adds 'us' microseconds to 'table' in milliseconds. */
static void
add_ms(PfTable *table, gint64 us)
{
    g_autofree char *cell = g_strdup_printf("%.1f", us / 1000.0);

    pf_table_add_cell(table, cell);
}

/* The time of the earliest step: those of another host have that host's
 * clock. */
static gint64
first_time(JsonObject *root)
{
    gint64 first = G_MAXINT64;

    for (guint i = 0; i < n_elements(root, "steps"); i++) {
        JsonObject *step = element(root, "steps", i);

        if (step) {
            first = MIN(first, number(step, "time_us"));
        }
    }
    return first;
}

static void
show_trace_header(JsonObject *root, GString *s)
{
    g_autofree char *migration = text(root, "migration");
    g_autofree char *domain = text(root, "domain");
    g_autofree char *role = text(root, "role");
    g_autofree char *outcome = text(root, "outcome");
    g_autofree char *error = text(root, "error");
    g_autofree char *level = text(root, "level");

    g_string_append_printf(s, "migration %s, domain %s, %s: %s%s%s\n",
                           migration, domain, role, outcome,
                           error[0] ? ": " : "", error);
    if (g_str_equal(role, "destination") && level[0]
        && !g_str_equal(level, "deleted")) {
        g_string_append_printf(s, "libvirt took the source's data along at "
                               "level %s: the rest of the source's part is in "
                               "its own trace\n", level);
    }
}

void
pf_show_trace(JsonObject *root, guint width, GString *s)
{
    g_autoptr(PfTable) table = pf_table_new();
    gint64 first = first_time(root);

    pf_table_add_column(table, "SEQ", PF_TABLE_RIGHT);
    pf_table_add_column(table, "AT MS", PF_TABLE_RIGHT);
    pf_table_add_column(table, "TOOK", PF_TABLE_RIGHT);
    pf_table_add_column(table, "HOST", PF_TABLE_LEFT);
    pf_table_add_column(table, "PORT", PF_TABLE_LEFT);
    pf_table_add_column(table, "REQUEST", PF_TABLE_LEFT);
    pf_table_add_column(table, "KIND", PF_TABLE_LEFT);
    pf_table_add_column(table, "EXTENSION", PF_TABLE_LEFT);
    pf_table_add_column(table, "RESULT", PF_TABLE_LEFT);
    pf_table_add_column(table, "DETAIL", PF_TABLE_NOTE);
    for (guint i = 0; i < n_elements(root, "steps"); i++) {
        JsonObject *step = element(root, "steps", i);

        if (step) {
            add_member(table, step, "seq");
            add_ms(table, number(step, "time_us") - first);
            add_ms(table, number(step, "us"));
            add_member(table, step, "host");
            add_member(table, step, "port");
            add_member(table, step, "request");
            add_member(table, step, "kind");
            add_member(table, step, "extension");
            add_member(table, step, "result");
            add_member(table, step, "detail");
        }
    }
    show_trace_header(root, s);
    pf_table_format(table, width, s);
}

/* ---- check ------------------------------------------------------------ */

gboolean
pf_show_is_refused(JsonNode *root)
{
    JsonNode *node = json_object_get_member(json_node_get_object(root),
                                            "refused");

    return (node && JSON_NODE_HOLDS_VALUE(node)
            && json_node_get_value_type(node) == G_TYPE_BOOLEAN
            && json_node_get_boolean(node));
}

void
pf_show_check(JsonObject *root, guint width, GString *s)
{
    g_autoptr(PfTable) table = pf_table_new();
    g_autofree char *domain = text(root, "domain");
    g_autofree char *refused = text(root, "refused");
    g_autofree char *stamped = text(root, "stamped");

    g_string_append_printf(s, "guest %s: %s%s\n", domain,
                           g_str_equal(refused, "yes")
                           ? "would be refused" : "would be taken",
                           g_str_equal(stamped, "no")
                           ? " (it has no stamp: as its XML says)" : "");
    pf_table_add_column(table, "MAC", PF_TABLE_LEFT);
    pf_table_add_column(table, "PORT", PF_TABLE_LEFT);
    pf_table_add_column(table, "NETWORK", PF_TABLE_LEFT);
    pf_table_add_column(table, "BRIDGE", PF_TABLE_LEFT);
    pf_table_add_column(table, "EXTENSION", PF_TABLE_LEFT);
    pf_table_add_column(table, "RESULT", PF_TABLE_LEFT);
    pf_table_add_column(table, "DETAIL", PF_TABLE_NOTE);
    for (guint i = 0; i < n_elements(root, "results"); i++) {
        JsonObject *result = element(root, "results", i);

        if (result) {
            add_member(table, result, "mac");
            add_member(table, result, "port");
            add_member(table, result, "network");
            add_member(table, result, "bridge");
            add_member(table, result, "extension");
            add_member(table, result, "result");
            add_member(table, result, "detail");
        }
    }
    pf_table_format(table, width, s);
}

/* ---- release ---------------------------------------------------------- */

void
pf_show_release(JsonObject *root G_GNUC_UNUSED, guint width G_GNUC_UNUSED,
                GString *s)
{
    g_string_append(s, "the gate is open\n");
}
