/* SPDX-License-Identifier: Apache-2.0
 *
 * hook-server: what libvirt's hooks ask the agent.
 *
 * The unixctl command `hook DRIVER OBJECT OP SUBOP EXTRA STDIN'.  An accepted
 * call answers with text (for `migrate begin': the filtered XML, or nothing), a
 * refused one with the reason.  Nothing here calls libvirt: libvirtd holds the
 * domain while a hook runs.
 */
#include <config.h>

#include "plugin/agent-private.h"

#include <string.h>

#include "openvswitch/vlog.h"
#include "plugin/codec.h"
#include "plugin/marker.h"
#include "plugin/migration.h"
#include "timeval.h"
#include "unixctl.h"

VLOG_DEFINE_THIS_MODULE(pf_hook_server);

/* ---- What an unstamped guest's XML says --------------------------------- */

/* The image that libvirt's add-port would make of 'vlan' (may be NULL):
 * virNetDevOpenvswitchConstructVlans() of libvirt 9. */
static GVariant *
policies_of_vlan(const PfNetVlan *vlan)
{
    GVariantDict port, all;

    g_variant_dict_init(&port, NULL);
    if (vlan && vlan->native_tag >= 0) {
        g_variant_dict_insert(&port, "vlan_mode", "s",
                              vlan->native_untagged ? "native-untagged"
                                                    : "native-tagged");
        g_variant_dict_insert(&port, "tag", "x", (gint64) vlan->native_tag);
    }
    if (vlan && vlan->trunk) {
        GVariantBuilder trunks;

        g_variant_builder_init(&trunks, G_VARIANT_TYPE("av"));
        for (guint i = 0; i < vlan->tags->len; i++) {
            gint64 vid = g_array_index(vlan->tags, guint16, i);
            g_variant_builder_add(&trunks, "v", g_variant_new_int64(vid));
        }
        g_variant_dict_insert_value(&port, "trunks",
                                    g_variant_builder_end(&trunks));
    } else if (vlan && vlan->tags->len) {
        g_variant_dict_insert(&port, "tag", "x", (gint64)
                              g_array_index(vlan->tags, guint16, 0));
    }
    g_variant_dict_init(&all, NULL);
    g_variant_dict_insert_value(&all, "port", g_variant_dict_end(&port));
    return g_variant_ref_sink(g_variant_dict_end(&all));
}

/* ---- migrate begin ------------------------------------------------------ */

/* libvirt drops names of these beginnings from XML (domain_conf.c). */
static gboolean
name_is_libvirts(const char *name)
{
    return (g_str_has_prefix(name, "vnet")
            || g_str_has_prefix(name, "macvtap")
            || g_str_has_prefix(name, "macvlan"));
}

/* The name that the port keeps from here on. */
static char *
port_name(const PfNic *nic, const PfStampPort *stamped)
{
    const char *name = stamped ? stamped->name : nic->target;
    g_auto(GStrv) digits = g_strsplit(nic->mac, ":", -1);
    g_autofree char *hex = g_strjoinv("", digits);

    return name && !name_is_libvirts(name) ? g_strdup(name)
                                           : g_strconcat("pf", hex, NULL);
}

static gboolean
refuse(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

static gboolean
refuse(GError **error, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_propagate_error(error, g_error_new_valist(
                          PF_EXTENSION_ERROR, PF_EXTENSION_ERROR_REFUSED,
                          format, args));
    va_end(args);
    return FALSE;
}

static gboolean
read_policies(PfMigrationPort *port, const PfNic *nic,
              const PfStampPort *stamped, const PfNetwork *network,
              GError **error)
{
    if (!stamped) {
        const PfNetVlan *vlan = nic->vlan
            ? nic->vlan : pf_network_vlan(network, nic->portgroup);

        g_hash_table_insert(port->policies, g_strdup("port"),
                            policies_of_vlan(vlan));
        return TRUE;
    }
    for (guint i = 0; i < stamped->extensions->len; i++) {
        const PfStampExtension *se = stamped->extensions->pdata[i];
        g_autoptr(GError) reason = NULL;
        GVariant *policies = pf_codec_parse(se->text, &reason);
        gint64 ofport;

        if (!policies) {
            return refuse(error, "NIC %s: stamp: extension '%s': %s",
                          nic->mac, se->name, reason->message);
        }
        g_hash_table_insert(port->policies, g_strdup(se->name), policies);
        g_hash_table_insert(port->versions, g_strdup(se->name),
                            GUINT_TO_POINTER(se->version));
        g_autoptr(GVariant) iface = pf_codec_dict(policies, "interface");
        if (!strcmp(se->name, "port") && iface
            && pf_codec_integer(iface, "ofport", &ofport)
            && ofport > 0 && ofport < 0xff00) {
            port->ofport = ofport;
        }
    }
    return TRUE;
}

/* Adds the port of 'nic', if it is one of ours, to 'm', and what the filter has
 * to change to 'changes'.  FALSE refuses the migration. */
static gboolean
add_nic(PfAgent *agent, PfMigration *m, const PfDomain *domain,
        const PfNic *nic, GPtrArray *changes, GError **error)
{
    PfAgentNetwork *an = nic->network && nic->mac
        ? g_hash_table_lookup(agent->networks, nic->network) : NULL;
    const PfStampPort *stamped = domain->stamp && nic->mac
        ? pf_stamp_port(domain->stamp, nic->mac) : NULL;

    if (an && an->claims_managed) {
        return refuse(error, "NIC %s: network '%s' on this host: %s",
                      nic->mac, nic->network, an->error);
    }
    if (!an || !an->network || !an->network->managed) {
        return !stamped || refuse(
            error, "NIC %s: its port is managed on the source, network '%s' "
            "on this host is not: add <portferry:migration> to the network's "
            "<metadata> here", nic->mac,
            nic->network ? nic->network : "(none)");
    }

    const PfNetwork *network = an->network;
    if (!stamped && !network->unstamped_allowed) {
        return refuse(error, "NIC %s: it carries no stamp, and network '%s' "
                      "refuses that (<portferry:unstamped> in its XML): is "
                      "portferryd running on the source?", nic->mac,
                      nic->network);
    }

    g_autofree char *name = port_name(nic, stamped);
    const char *iface_id = stamped && stamped->iface_id ? stamped->iface_id
                                                        : nic->iface_id;
    PfMigrationPort *port = pf_migration_add_port(
        m, nic->mac, name, network->bridge, nic->network, iface_id);

    port->mtu = nic->mtu;
    m->hook_timeout_ms = MAX(m->hook_timeout_ms, network->hook_timeout_ms);
    m->check_timeout_ms = MAX(m->check_timeout_ms,
                              network->validation_timeout_ms);
    g_ptr_array_add(changes, pf_nic_change_new(nic->mac, name, iface_id));
    return read_policies(port, nic, stamped, network, error);
}

static PfMigration *
read_migration(PfAgent *agent, const PfDomain *domain, const char *xml,
               GError **error)
{
    PfMigration *m = pf_migration_new(agent, PF_ROLE_DESTINATION,
                                      domain->name, domain->uuid);
    g_autoptr(GPtrArray) changes = g_ptr_array_new_with_free_func(
        (GDestroyNotify) pf_nic_change_free);
    gboolean ok = TRUE;

    m->hook_timeout_ms = m->check_timeout_ms = 0;
    m->epoch = domain->stamp ? g_strdup(domain->stamp->epoch) : NULL;
    for (guint i = 0; ok && i < domain->nics->len; i++) {
        ok = add_nic(agent, m, domain, domain->nics->pdata[i], changes,
                     error);
    }
    if (ok && m->ports->len) {
        m->hook_reply = pf_domain_filter(xml, changes, error);
        ok = m->hook_reply != NULL;
    }
    if (!ok) {
        pf_migration_unref(m);
        return NULL;
    }
    return m;
}

/* A check whose migration went no further makes room for the next. */
static gboolean
make_room(PfAgent *agent, const PfDomain *domain, GError **error)
{
    PfMigration *old = pf_agent_migration(agent, domain->uuid,
                                          PF_ROLE_DESTINATION);

    if (!old) {
        return TRUE;
    }
    if (old->machine.state == PF_D_CHECKED) {
        pf_migration_error(old, "another migration of the guest came");
        pf_migration_event(old, PF_EV_EXPIRED);
        pf_migration_run(old);
        return TRUE;
    }
    return refuse(error, "a migration of it into this host is under way "
                  "(state %s): see `portferry status'",
                  pf_state_name(old->machine.state));
}

static void
reply_refused(struct unixctl_conn *conn, const char *domain,
              const GError *error)
{
    g_autofree char *text = g_strdup_printf("guest '%s': %s", domain,
                                            error->message);

    VLOG_WARN("refused: %s", text);
    unixctl_command_reply_error(conn, text);
}

/* Whether 'xml', which cannot be read, is of a guest with a stamp or with a NIC
 * on a managed network: libvirt's own words for them are looked for. */
static gboolean
is_ours(PfAgent *agent, const char *xml)
{
    GHashTableIter iter;
    gpointer name, value;

    if (strstr(xml, PF_DOMAIN_NS)) {
        return TRUE;
    }
    g_hash_table_iter_init(&iter, agent->networks);
    while (g_hash_table_iter_next(&iter, &name, &value)) {
        const PfAgentNetwork *an = value;
        g_autofree char *escaped = g_markup_escape_text(name, -1);
        g_autofree char *source = g_strdup_printf("<source network='%s'",
                                                  escaped);

        if ((an->claims_managed || (an->network && an->network->managed))
            && strstr(xml, source)) {
            return TRUE;
        }
    }
    return FALSE;
}

static void
on_migrate(PfAgent *agent, struct unixctl_conn *conn, const char *name,
           const char *xml)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(PfDomain) domain = pf_domain_parse(xml, &error);
    PfMigration *m;

    if (!domain && is_ours(agent, xml)) {
        reply_refused(conn, name, error);
        return;
    } else if (!domain) {
        VLOG_WARN("guest '%s' is on no managed network and let through "
                  "unread: %s", name, error->message);
        unixctl_command_reply(conn, "");
        return;
    }
    if (!agent->networks_known) {
        if (domain->stamp) {
            refuse(&error, "portferryd has not read the networks from "
                   "libvirt (%s) yet%s%s: try again", agent->libvirt,
                   pf_hypervisor_error(agent->hv) ? ": " : "",
                   pf_hypervisor_error(agent->hv)
                   ? pf_hypervisor_error(agent->hv) : "");
            reply_refused(conn, name, error);
        } else {
            unixctl_command_reply(conn, "");
        }
        return;
    }

    m = (make_room(agent, domain, &error)
         ? read_migration(agent, domain, xml, &error) : NULL);
    if (!m) {
        reply_refused(conn, name, error);
    } else if (!m->ports->len) {
        pf_migration_unref(m);
        unixctl_command_reply(conn, "");
    } else {
        m->hook = conn;
        m->deadline_ms = time_msec() + m->check_timeout_ms;
        pf_agent_add_migration(agent, m);
        pf_migration_event(m, PF_EV_MIGRATE);
    }
}

/* ---- prepare begin, start begin ----------------------------------------- */

/* The migration in whose state 'state' this call belongs; NULL if none: then
 * 'conn' has been answered. */
static PfMigration *
expect(PfAgent *agent, struct unixctl_conn *conn, const PfDomain *domain,
       PfState state)
{
    PfMigration *m = pf_agent_migration(agent, domain->uuid,
                                        PF_ROLE_DESTINATION);

    if (!m) {
        unixctl_command_reply(conn, "");
    } else if (m->machine.state != state || m->hook) {
        g_autofree char *text = g_strdup_printf(
            "guest '%s': its migration is in state %s, not %s",
            domain->name, pf_state_name(m->machine.state),
            pf_state_name(state));
        unixctl_command_reply_error(conn, text);
    } else {
        return m;
    }
    return NULL;
}

static void
on_prepare(PfAgent *agent, struct unixctl_conn *conn, const PfDomain *domain)
{
    PfMigration *m = expect(agent, conn, domain, PF_D_CHECKED);

    if (m) {
        m->hook = conn;
        m->look_stale = TRUE;
        m->deadline_ms = time_msec() + m->hook_timeout_ms;
        pf_migration_event(m, PF_EV_PREPARE);
    }
}

static void
on_start(PfAgent *agent, struct unixctl_conn *conn, const PfDomain *domain)
{
    PfMigration *m = expect(agent, conn, domain, PF_D_CREATED);
    const PfNic *first;

    if (!m) {
        return;
    }
    for (guint i = 0; i < m->ports->len; i++) {
        PfMigrationPort *port = m->ports->pdata[i];
        const PfNic *nic = pf_domain_nic(domain, port->mac);

        if (!nic || g_strcmp0(nic->target, port->name)) {
            g_autofree char *text = g_strdup_printf(
                "guest '%s', NIC %s: libvirt named its tap '%s', not '%s': "
                "does another hook change the XML?", domain->name, port->mac,
                nic && nic->target ? nic->target : "(none)", port->name);
            unixctl_command_reply_error(conn, text);
            return;
        }
    }
    /* libvirt gives PortData to the first NIC, whatever it is. */
    first = domain->nics->pdata[0];
    m->mailbox = g_strdup(first->target);
    m->hook = conn;
    m->look_stale = TRUE;
    m->deadline_ms = time_msec() + m->hook_timeout_ms;
    pf_migration_event(m, PF_EV_START);
}

/* ---- The others --------------------------------------------------------- */

static void
on_gone(PfAgent *agent, const PfDomain *domain)
{
    PfMigration *m = pf_agent_migration(agent, domain->uuid,
                                        PF_ROLE_DESTINATION);

    if (m) {
        pf_migration_error(m, "libvirt gave the migration up on this host");
        pf_migration_event(m, PF_EV_GONE);
    }
}

static void
on_qemu(PfAgent *agent, struct unixctl_conn *conn, const char *name,
        const char *op, const char *xml)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(PfDomain) domain = NULL;

    if (!strcmp(op, "migrate")) {
        on_migrate(agent, conn, name, xml);
        return;
    }
    domain = pf_domain_parse(xml, &error);
    if (domain && !agent->recovered && pf_marker_exists(name)) {
        refuse(&error, "portferryd has just started and has not read its "
               "journal yet%s%s", pf_journal_error(agent->journal) ? ": " : "",
               pf_journal_error(agent->journal)
               ? pf_journal_error(agent->journal) : "");
        reply_refused(conn, name, error);
    } else if (!domain) {
        reply_refused(conn, name, error);
    } else if (!strcmp(op, "prepare")) {
        on_prepare(agent, conn, domain);
    } else if (!strcmp(op, "start")) {
        on_start(agent, conn, domain);
    } else {
        if (!strcmp(op, "stopped") || !strcmp(op, "release")) {
            on_gone(agent, domain);
        }
        unixctl_command_reply(conn, "");
    }
}

static void
on_port_created(PfAgent *agent, struct unixctl_conn *conn, const char *xml)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(PfNetworkPort) np = pf_networkport_parse(xml, &error);
    PfMigration *m = np && np->owner_uuid
        ? pf_agent_migration(agent, np->owner_uuid, PF_ROLE_DESTINATION)
        : NULL;

    for (guint i = 0; m && np->mac && i < m->ports->len; i++) {
        const PfMigrationPort *port = m->ports->pdata[i];

        if (!strcmp(port->mac, np->mac) && np->bridge
            && strcmp(port->bridge, np->bridge)) {
            g_autofree char *text = g_strdup_printf(
                "guest '%s', NIC %s: libvirt puts it on bridge '%s', its port "
                "was prepared on '%s': network '%s' changed meanwhile, try "
                "again", m->record->domain, port->mac, np->bridge,
                port->bridge, port->network);
            unixctl_command_reply_error(conn, text);
            return;
        }
    }
    unixctl_command_reply(conn, "");
}

static void
hook(struct unixctl_conn *conn, int argc OVS_UNUSED, const char *argv[],
     void *agent)
{
    const char *driver = argv[1], *object = argv[2], *op = argv[3];
    const char *input = argv[6];

    VLOG_DBG("hook %s %s %s %s", driver, object, op, argv[4]);
    if (!strcmp(driver, "qemu")) {
        on_qemu(agent, conn, object, op, input);
    } else if (!strcmp(op, "port-created")) {
        on_port_created(agent, conn, input);
    } else {
        unixctl_command_reply(conn, "");
    }
}

/* Open vSwitch's modules log whole requests at level debug, and those of the
 * hooks contain a domain's secrets: these two never log at that level, whatever
 * `vlog/set' says. */
void
pf_hook_server_run(void)
{
    static const char *const names[] = { "unixctl", "jsonrpc" };

    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        struct vlog_module *module = vlog_module_from_name(names[i]);

        if (module && vlog_is_enabled(module, VLL_DBG)) {
            vlog_set_levels(module, VLF_ANY_DESTINATION, VLL_INFO);
        }
    }
}

void
pf_hook_server_init(PfAgent *agent)
{
    unixctl_command_register("hook", "DRIVER OBJECT OP SUBOP EXTRA STDIN", 6,
                             6, hook, agent);
}
