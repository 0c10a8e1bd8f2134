/* SPDX-License-Identifier: Apache-2.0
 *
 * commands: what the command `portferry' asks the agent: `status', `ports'
 * and `trace', each answered with one JSON object.
 */
#include <config.h>

#include "plugin/agent-private.h"

#include <string.h>
#include <unistd.h>

#include "plugin/codec.h"
#include "plugin/extension.h"
#include "plugin/migration.h"
#include "timeval.h"
#include "unixctl.h"

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

static GVariant *
network_status(const char *name, const PfAgentNetwork *an)
{
    const PfNetwork *network = an->network;
    GPtrArray *extensions = g_ptr_array_new();
    GVariantDict dict;

    for (guint i = 0; network && i < network->extensions->len; i++) {
        const PfNetExtension *ne = network->extensions->pdata[i];
        GVariantDict entry;

        g_variant_dict_init(&entry, NULL);
        put(&entry, "name", ne->name);
        put_boolean(&entry, "required", ne->required);
        g_ptr_array_add(extensions, g_variant_dict_end(&entry));
    }
    g_variant_dict_init(&dict, NULL);
    put(&dict, "name", name);
    put(&dict, "bridge", network ? network->bridge : NULL);
    put_boolean(&dict, "managed", network && network->managed);
    put(&dict, "allowed_vlans", network ? network->allowed_vlans_text : NULL);
    put_list(&dict, "extensions", extensions);
    put(&dict, "error", an->error);
    return g_variant_dict_end(&dict);
}

static GPtrArray *
networks(PfAgent *agent)
{
    GPtrArray *list = g_ptr_array_new();
    GHashTableIter iter;
    gpointer name, value;

    g_hash_table_iter_init(&iter, agent->networks);
    while (g_hash_table_iter_next(&iter, &name, &value)) {
        const PfAgentNetwork *an = value;

        if (an->error || an->network->managed) {
            g_ptr_array_add(list, network_status(name, an));
        }
    }
    return list;
}

static GPtrArray *
extensions(void)
{
    GPtrArray *list = g_ptr_array_new();

    for (const PfExtension *const *e = pf_extensions(); *e; e++) {
        GVariantDict dict;

        g_variant_dict_init(&dict, NULL);
        put(&dict, "name", (*e)->name);
        put_integer(&dict, "version", (*e)->version);
        g_ptr_array_add(list, g_variant_dict_end(&dict));
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

static GPtrArray *ports(PfAgent *);

static void
status(struct unixctl_conn *conn, int argc G_GNUC_UNUSED,
       const char *argv[] G_GNUC_UNUSED, void *agent_)
{
    PfAgent *agent = agent_;
    g_autoptr(GPtrArray) all = ports(agent);
    GVariantDict dict, self;

    g_ptr_array_set_free_func(all, (GDestroyNotify) g_variant_unref);
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
    put_integer(&dict, "ports", all->len);
    put_list(&dict, "migrations", migrations(agent));
    reply(conn, &dict);
}

/* ---- ports -------------------------------------------------------------- */

/* The port's VLAN settings, as in its image. */
static void
put_vlans(GVariantDict *dict, PfAgent *agent, const char *name)
{
    static const char *const columns[] = { "tag", "trunks", "vlan_mode" };
    g_autoptr(GVariant) image = pf_switch_image(agent->sw, name);
    g_autoptr(GVariant) port = image ? pf_codec_dict(image, "port") : NULL;

    for (guint i = 0; i < G_N_ELEMENTS(columns); i++) {
        g_autoptr(GVariant) value = port
            ? g_variant_lookup_value(port, columns[i], NULL) : NULL;

        if (value) {
            g_variant_dict_insert_value(dict, columns[i], value);
        } else {
            put(dict, columns[i], NULL);
        }
    }
}

static GVariant *
port_status(PfAgent *agent, const PfPort *port, const char *domain,
            const char *network, const char *mac)
{
    GVariantDict dict;
    const char *state = port->role;

    if (!state || (!strcmp(state, PF_ROLE_OPERATIONAL) && !*port->type)) {
        state = PF_ROLE_OPERATIONAL;
    } else if (!strcmp(state, PF_ROLE_OPERATIONAL)) {
        state = "ghost";
    }
    g_variant_dict_init(&dict, NULL);
    put(&dict, "name", port->name);
    put(&dict, "bridge", port->bridge);
    put(&dict, "network", network);
    put(&dict, "domain", domain);
    put(&dict, "mac", mac);
    put(&dict, "iface_id", port->iface_id);
    put_integer(&dict, "ofport", port->ofport);
    put_vlans(&dict, agent, port->name);
    put(&dict, "gate", pf_gates_is_closed(agent->gates, port->bridge,
                                          port->name) ? "closed" : "open");
    put(&dict, "state", state);
    return g_variant_dict_end(&dict);
}

static GPtrArray *
ports(PfAgent *agent)
{
    GPtrArray *list = g_ptr_array_new();
    g_autoptr(GHashTable) shown = g_hash_table_new_full(
        g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GPtrArray) guests = pf_guests_list(agent->guests);
    g_autoptr(GPtrArray) marked = pf_switch_marked_ports(agent->sw);

    for (guint i = 0; i < guests->len; i++) {
        const PfGuest *guest = guests->pdata[i];

        for (guint k = 0; k < guest->domain->nics->len; k++) {
            const PfNic *nic = guest->domain->nics->pdata[k];

            if (pf_guests_nic_is_managed(agent, nic)) {
                g_autoptr(PfPort) port = pf_switch_port(agent->sw,
                                                        nic->target);
                g_ptr_array_add(list, port_status(agent, port, guest->name,
                                                  nic->network, nic->mac));
                g_hash_table_add(shown, g_strdup(port->name));
            }
        }
    }
    for (guint i = 0; i < marked->len; i++) {
        const PfPort *port = marked->pdata[i];

        if (!g_hash_table_contains(shown, port->name)) {
            g_ptr_array_add(list, port_status(agent, port, NULL, NULL,
                                              port->attached_mac));
        }
    }
    return list;
}

static void
show_ports(struct unixctl_conn *conn, int argc G_GNUC_UNUSED,
           const char *argv[] G_GNUC_UNUSED, void *agent)
{
    GVariantDict dict;

    g_variant_dict_init(&dict, NULL);
    put_list(&dict, "ports", ports(agent));
    reply(conn, &dict);
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
        g_autofree char *text = g_strdup_printf(
            "no single migration%s%s%s in the journal: see "
            "`ovsdb-client dump Portferry Migration'",
            which ? " '" : "", which ? which : "", which ? "'" : "");
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
    unixctl_command_register("trace", "[MIGRATION]", 0, 1, trace, agent);
}
