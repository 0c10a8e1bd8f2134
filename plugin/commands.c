/* SPDX-License-Identifier: Apache-2.0
 *
 * commands: what the command `portferry' asks the agent: `status', `ports',
 * `trace' and `release', each answered with one JSON object.
 */
#include <config.h>

#include "plugin/agent-private.h"

#include <string.h>
#include <unistd.h>

#include "plugin/codec.h"
#include "plugin/call.h"
#include "plugin/extension.h"
#include "plugin/loader.h"
#include "plugin/migration.h"
#include "plugin/quarantine.h"
#include "plugin/rows.h"
#include "timeval.h"
#include "unixctl.h"

/* For an extension to describe a port. */
#define DESCRIBE_TIMEOUT_MS 2000

static void
put(GVariantDict *dict, const char *key, const char *value)
{
    g_variant_dict_insert(dict, key, "ms", value);
}

static void
put_integer(GVariantDict *dict, const char *key, gint64 value)
{
    g_variant_dict_insert(dict, key, "x", value);
}

static void
put_boolean(GVariantDict *dict, const char *key, gboolean value)
{
    g_variant_dict_insert(dict, key, "b", value);
}

/* Puts 'list', floating GVariants, as an array. */
static void
put_list(GVariantDict *dict, const char *key, GPtrArray *list)
{
    GVariantBuilder builder;

    g_variant_builder_init(&builder, G_VARIANT_TYPE("av"));
    for (guint i = 0; i < list->len; i++) {
        g_variant_builder_add(&builder, "v", list->pdata[i]);
    }
    g_variant_dict_insert_value(dict, key, g_variant_builder_end(&builder));
    g_ptr_array_unref(list);
}

static void
reply(struct unixctl_conn *conn, GVariantDict *dict)
{
    g_autofree char *text = pf_codec_format(g_variant_dict_end(dict));

    unixctl_command_reply(conn, text);
}

/* ---- status ------------------------------------------------------------- */

static GVariant *
connection(const char *name, const char *target, gboolean connected,
           const char *error)
{
    GVariantDict dict;

    g_variant_dict_init(&dict, NULL);
    put(&dict, "name", name);
    put(&dict, "target", target);
    put_boolean(&dict, "connected", connected);
    put(&dict, "error", connected ? NULL : error);
    return g_variant_dict_end(&dict);
}

static GPtrArray *
connections(PfAgent *agent)
{
    GPtrArray *list = g_ptr_array_new();
    gboolean ready = pf_switch_is_ready(agent->sw);
    gint64 backlog = pf_switch_backlog(agent->sw);
    g_autofree char *behind = ready ? g_strdup_printf(
        "%" G_GINT64_FORMAT " configurations not acknowledged", backlog)
        : g_strdup("not known");

    g_ptr_array_add(list, connection("ovsdb-server", agent->ovsdb, ready,
                                     "not connected"));
    g_ptr_array_add(list, connection("ovs-vswitchd", "Open_vSwitch.cur_cfg",
                                     ready && !backlog, behind));
    g_ptr_array_add(list, connection("journal", agent->ovsdb,
                                     pf_journal_is_ready(agent->journal),
                                     pf_journal_error(agent->journal)));
    g_ptr_array_add(list, connection("libvirt", agent->libvirt,
                                     pf_hypervisor_is_connected(agent->hv),
                                     pf_hypervisor_error(agent->hv)));
    return list;
}

/* Why every guest on 'network' is refused here, or NULL: an extension that it
 * counts on. */
static char *
missing_extension(const PfNetwork *network)
{
    for (guint i = 0; network && i < network->extensions->len; i++) {
        const PfNetExtension *ne = network->extensions->pdata[i];
        const PfExtension *e = pf_extension_find(ne->name);

        if (ne->required && !e) {
            return g_strdup_printf("it requires extension '%s', which is not "
                                   "loaded: guests are refused", ne->name);
        } else if (e && ne->version > e->version) {
            return g_strdup_printf("it asks for version %u of extension '%s', "
                                   "which has %u here: guests are refused",
                                   ne->version, ne->name, e->version);
        }
    }
    return NULL;
}

static GVariant *
network_status(const char *name, const PfAgentNetwork *an)
{
    const PfNetwork *network = an->network;
    g_autofree char *missing = missing_extension(network);
    GPtrArray *extensions = g_ptr_array_new();
    GVariantDict dict;

    for (guint i = 0; network && i < network->extensions->len; i++) {
        const PfNetExtension *ne = network->extensions->pdata[i];
        GVariantDict entry;

        g_variant_dict_init(&entry, NULL);
        put(&entry, "name", ne->name);
        if (ne->version) {
            put_integer(&entry, "version", ne->version);
        }
        put_boolean(&entry, "required", ne->required);
        g_ptr_array_add(extensions, g_variant_dict_end(&entry));
    }
    g_variant_dict_init(&dict, NULL);
    put(&dict, "name", name);
    put(&dict, "bridge", network ? network->bridge : NULL);
    put_boolean(&dict, "managed", network && network->managed);
    put(&dict, "allowed_vlans", network ? network->allowed_vlans_text : NULL);
    put_list(&dict, "extensions", extensions);
    put(&dict, "error", an->error ? an->error : missing);
    return g_variant_dict_end(&dict);
}

/* By name. */
static GPtrArray *
networks(PfAgent *agent)
{
    g_autoptr(GList) names = g_list_sort(
        g_hash_table_get_keys(agent->networks), (GCompareFunc) strcmp);
    GPtrArray *list = g_ptr_array_new();

    for (GList *l = names; l; l = l->next) {
        const PfAgentNetwork *an = g_hash_table_lookup(agent->networks,
                                                       l->data);

        if (an->error || an->network->managed) {
            g_ptr_array_add(list, network_status(l->data, an));
        }
    }
    return list;
}

static GVariant *
extension_status(const char *name, const PfExtension *e, const char *file,
                 const char *error)
{
    GVariantDict dict;

    g_variant_dict_init(&dict, NULL);
    put(&dict, "name", name);
    if (e) {
        put_integer(&dict, "version", e->version);
        put_integer(&dict, "order", e->order);
        put(&dict, "summary", e->summary);
    }
    put(&dict, "file", file);
    put(&dict, "error", error);
    return g_variant_dict_end(&dict);
}

/* Those in use, in their order, then the files that were left out. */
static GPtrArray *
extensions(void)
{
    GPtrArray *list = g_ptr_array_new();
    const GPtrArray *files = pf_extensions_loaded();

    for (const PfExtension *const *e = pf_extensions(); *e; e++) {
        const char *file = NULL;

        for (guint i = 0; files && i < files->len; i++) {
            const PfLoaded *loaded = files->pdata[i];

            if (loaded->extension == *e) {
                file = loaded->file;
            }
        }
        g_ptr_array_add(list, extension_status((*e)->name, *e, file, NULL));
    }
    for (guint i = 0; files && i < files->len; i++) {
        const PfLoaded *loaded = files->pdata[i];

        if (loaded->error) {
            g_ptr_array_add(list, extension_status(
                loaded->extension ? loaded->extension->name : loaded->file,
                loaded->extension, loaded->file, loaded->error));
        }
    }
    return list;
}

static GPtrArray *
migrations(PfAgent *agent)
{
    GPtrArray *list = g_ptr_array_new();

    for (guint i = 0; i < agent->migrations->len; i++) {
        const PfMigration *m = agent->migrations->pdata[i];
        GVariantDict dict;

        g_variant_dict_init(&dict, NULL);
        put(&dict, "migration", m->record->uuid);
        put(&dict, "domain", m->record->domain);
        put(&dict, "role", m->record->role);
        put(&dict, "state", pf_state_name(m->machine.state));
        put_integer(&dict, "since_us", m->record->started_us);
        put(&dict, "peer", m->record->peer);
        put(&dict, "error", m->error);
        g_ptr_array_add(list, g_variant_dict_end(&dict));
    }
    return list;
}

/* How many ports of guests on managed networks are here. */
static guint
count_ports(PfAgent *agent)
{
    g_autoptr(GPtrArray) guests = pf_guests_list(agent->guests);
    guint n = 0;

    for (guint i = 0; i < guests->len; i++) {
        const PfGuest *guest = guests->pdata[i];

        for (guint k = 0; k < guest->domain->nics->len; k++) {
            n += pf_guests_nic_is_managed(agent,
                                          guest->domain->nics->pdata[k]);
        }
    }
    return n;
}

/* Names of ports whose gates stay closed until a person says otherwise. */
static GPtrArray *
quarantined(PfAgent *agent)
{
    g_autoptr(GPtrArray) marked = pf_switch_marked_ports(agent->sw);
    GPtrArray *list = g_ptr_array_new();

    for (guint i = 0; i < marked->len; i++) {
        const PfPort *port = marked->pdata[i];

        if (port->quarantined) {
            g_ptr_array_add(list, g_variant_new_string(port->name));
        }
    }
    return list;
}

static void
status(struct unixctl_conn *conn, int argc G_GNUC_UNUSED,
       const char *argv[] G_GNUC_UNUSED, void *agent_)
{
    PfAgent *agent = agent_;
    GVariantDict dict, self;

    g_variant_dict_init(&self, NULL);
    put(&self, "version", VERSION);
    put_integer(&self, "pid", getpid());
    put(&self, "host", agent->host);
    put_integer(&self, "uptime_s", (time_msec() - agent->started_ms) / 1000);

    g_variant_dict_init(&dict, NULL);
    g_variant_dict_insert_value(&dict, "agent", g_variant_dict_end(&self));
    put_list(&dict, "connections", connections(agent));
    put_list(&dict, "extensions", extensions());
    put_list(&dict, "networks", networks(agent));
    put_integer(&dict, "ports", count_ports(agent));
    put_list(&dict, "quarantined", quarantined(agent));
    put_list(&dict, "migrations", migrations(agent));
    reply(conn, &dict);
}

/* ---- ports -------------------------------------------------------------- */

/* The port's VLAN settings. */
static void
put_vlans(GVariantDict *dict, PfAgent *agent, const char *name)
{
    static const char *const columns[] = {
        "tag", "trunks", "vlan_mode", "cvlans"
    };
    const PfRow *row = pf_rows_find(agent->sw, "Port", "name", name);

    for (guint i = 0; i < G_N_ELEMENTS(columns); i++) {
        g_autoptr(GVariant) value = row ? pf_row_get(row, columns[i]) : NULL;

        if (value) {
            g_variant_dict_insert_value(dict, columns[i], value);
        } else {
            put(dict, columns[i], NULL);
        }
    }
}

/* What is known of 'port' without asking anybody, as a GVariantDict. */
static GVariantDict *
port_status(PfAgent *agent, const PfPort *port, const char *domain,
            const char *network, const char *mac)
{
    GVariantDict *dict = g_variant_dict_new(NULL);
    const char *state = port->role;

    if (!state || (!strcmp(state, PF_ROLE_OPERATIONAL) && !*port->type)) {
        state = PF_ROLE_OPERATIONAL;
    } else if (!strcmp(state, PF_ROLE_OPERATIONAL)) {
        state = "ghost";
    }
    put(dict, "name", port->name);
    put(dict, "bridge", port->bridge);
    put(dict, "network", network);
    put(dict, "domain", domain);
    put(dict, "mac", mac);
    put(dict, "iface_id", port->iface_id);
    put_integer(dict, "ofport", port->ofport);
    put_vlans(dict, agent, port->name);
    put(dict, "gate", pf_gates_is_closed(agent->gates, port->bridge,
                                         port->name) ? "closed" : "open");
    put_boolean(dict, "quarantined", port->quarantined);
    put(dict, "state", state);
    return dict;
}

/* The answer to `ports' in the making. */
typedef struct {
    PfAgent *agent;
    struct unixctl_conn *conn;
    GPtrArray *ports;           /* GVariantDict *. */
    guint pending;
} PortsAnswer;

/* An extension that is asked about one of them. */
typedef struct {
    PortsAnswer *answer;
    GVariantDict *port;
} Description;

static void
ports_release(PortsAnswer *answer)
{
    GVariantDict dict;
    GPtrArray *list;

    if (--answer->pending) {
        return;
    }
    list = g_ptr_array_new();
    for (guint i = 0; i < answer->ports->len; i++) {
        GVariantDict *port = answer->ports->pdata[i];

        g_ptr_array_add(list, g_variant_dict_end(port));
        g_variant_dict_unref(port);
    }
    g_variant_dict_init(&dict, NULL);
    put_list(&dict, "ports", list);
    reply(answer->conn, &dict);
    g_ptr_array_unref(answer->ports);
    g_free(answer);
}

static void
described(gpointer user, const PfCallResult *result)
{
    Description *d = user;
    GVariantIter iter;
    const char *key;
    GVariant *value;

    if (result->shown) {
        g_variant_iter_init(&iter, result->shown);
        while (g_variant_iter_next(&iter, "{&sv}", &key, &value)) {
            /* What the port is, no extension has a say in. */
            if (!g_variant_dict_contains(d->port, key)) {
                g_variant_dict_insert_value(d->port, key, value);
            }
            g_variant_unref(value);
        }
    }
    ports_release(d->answer);
    g_free(d);
}

static void
describe(PortsAnswer *answer, const PfGuest *guest, const PfNic *nic,
         const PfPort *port, GVariantDict *dict)
{
    PfExtensionPort ep = pf_guests_extension_port(guest, nic, port);

    for (const PfExtension *const *e = pf_extensions(); *e; e++) {
        PfCallSpec spec = {
            .extension = *e,
            .func = PF_CALL_DESCRIBE,
            .port = &ep,
            .network = pf_agent_network(answer->agent, nic->network),
            .timeout_ms = DESCRIBE_TIMEOUT_MS,
        };

        if ((*e)->describe) {
            Description *d = g_new0(Description, 1);

            d->answer = answer;
            d->port = dict;
            answer->pending++;
            pf_call_begin(&spec, described, d);
        }
    }
}

static void
add_guest_ports(PortsAnswer *answer, const PfGuest *guest, GHashTable *shown)
{
    PfAgent *agent = answer->agent;

    for (guint i = 0; i < guest->domain->nics->len; i++) {
        const PfNic *nic = guest->domain->nics->pdata[i];

        if (pf_guests_nic_is_managed(agent, nic)) {
            g_autoptr(PfPort) port = pf_switch_port(agent->sw, nic->target);
            GVariantDict *dict = port_status(agent, port, guest->name,
                                             nic->network, nic->mac);

            g_ptr_array_add(answer->ports, dict);
            g_hash_table_add(shown, g_strdup(port->name));
            describe(answer, guest, nic, port, dict);
        }
    }
}

static int
compare_guests(gconstpointer a, gconstpointer b)
{
    return strcmp((*(const PfGuest *const *) a)->name,
                  (*(const PfGuest *const *) b)->name);
}

/* Those of each guest in the order of its NICs, the guests by name. */
static void
show_ports(struct unixctl_conn *conn, int argc G_GNUC_UNUSED,
           const char *argv[] G_GNUC_UNUSED, void *agent_)
{
    PfAgent *agent = agent_;
    g_autoptr(GHashTable) shown = g_hash_table_new_full(
        g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GPtrArray) guests = pf_guests_list(agent->guests);
    g_autoptr(GPtrArray) marked = pf_switch_marked_ports(agent->sw);
    PortsAnswer *answer = g_new0(PortsAnswer, 1);

    answer->agent = agent;
    answer->conn = conn;
    answer->ports = g_ptr_array_new();
    answer->pending = 1;
    g_ptr_array_sort(guests, compare_guests);
    for (guint i = 0; i < guests->len; i++) {
        add_guest_ports(answer, guests->pdata[i], shown);
    }
    for (guint i = 0; i < marked->len; i++) {
        const PfPort *port = marked->pdata[i];

        if (!g_hash_table_contains(shown, port->name)) {
            g_ptr_array_add(answer->ports,
                            port_status(agent, port, NULL, NULL,
                                        port->attached_mac));
        }
    }
    ports_release(answer);
}

/* ---- release ------------------------------------------------------------ */

static void
released(gpointer conn, const GError *error)
{
    if (error) {
        unixctl_command_reply_error(conn, error->message);
    } else {
        unixctl_command_reply(conn, "{}");
    }
}

static void
release_port(struct unixctl_conn *conn, int argc G_GNUC_UNUSED,
             const char *argv[], void *agent)
{
    pf_quarantine_release(agent, argv[1], released, conn);
}

/* ---- trace -------------------------------------------------------------- */

static GVariant *
step_status(const PfStep *step)
{
    GVariantDict dict;

    g_variant_dict_init(&dict, NULL);
    put_integer(&dict, "seq", step->seq);
    put_integer(&dict, "time_us", step->time_us);
    put_integer(&dict, "us", step->us);
    put(&dict, "host", step->host);
    put(&dict, "port", step->port);
    put(&dict, "request", step->request);
    put(&dict, "kind", step->kind);
    put(&dict, "extension", step->extension);
    put(&dict, "result", step->result);
    put(&dict, "detail", step->detail);
    return g_variant_dict_end(&dict);
}

static void
trace(struct unixctl_conn *conn, int argc, const char *argv[], void *agent_)
{
    PfAgent *agent = agent_;
    const char *which = argc > 1 ? argv[1] : NULL;
    PfJournalMigration *m;
    GVariantDict dict;

    if (!pf_journal_is_ready(agent->journal)) {
        g_autofree char *text = g_strdup_printf(
            "the journal cannot be read: %s",
            pf_journal_error(agent->journal)
            ? pf_journal_error(agent->journal) : "not connected");
        unixctl_command_reply_error(conn, text);
        return;
    }
    m = pf_journal_find(agent->journal, which);
    if (!m) {
        g_autofree char *text = which ? g_strdup_printf(
            "the journal of this host has no migration whose UUID begins with "
            "'%s', or several: see `ovsdb-client dump Portferry Migration'",
            which) : g_strdup("no guest has migrated into or out of this "
                              "host: its journal is empty");
        unixctl_command_reply_error(conn, text);
        return;
    }

    g_autoptr(GPtrArray) steps = pf_journal_trace(agent->journal, m->uuid);
    GPtrArray *list = g_ptr_array_new();
    for (guint i = 0; i < steps->len; i++) {
        g_ptr_array_add(list, step_status(steps->pdata[i]));
    }
    g_variant_dict_init(&dict, NULL);
    put(&dict, "migration", m->uuid);
    put(&dict, "domain", m->domain);
    put(&dict, "role", m->role);
    put(&dict, "peer", m->peer);
    put(&dict, "level", m->level);
    put(&dict, "outcome", m->outcome);
    put(&dict, "error", m->error);
    put_list(&dict, "steps", list);
    reply(conn, &dict);
    pf_journal_migration_free(m);
}

void
pf_commands_init(PfAgent *agent)
{
    unixctl_command_register("status", "", 0, 0, status, agent);
    unixctl_command_register("ports", "", 0, 0, show_ports, agent);
    unixctl_command_register("release", "PORT", 1, 1, release_port, agent);
    unixctl_command_register("trace", "[MIGRATION]", 0, 1, trace, agent);
}
