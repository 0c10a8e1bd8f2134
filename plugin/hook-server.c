/* SPDX-License-Identifier: Apache-2.0
 *
 * hook-server: what libvirt's hooks ask the agent.
 *
 * The unixctl command `hook DRIVER OBJECT OP SUBOP EXTRA STDIN'.  An accepted
 * call answers with text (for `migrate begin': the filtered XML, or nothing),
 * a refused one with the reason.  Nothing here calls libvirt: libvirtd holds
 * the domain while a hook runs.
 */
#include <config.h>

#include "plugin/agent-private.h"

#include <string.h>

#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "plugin/extension.h"
#include "plugin/incoming.h"
#include "plugin/marker.h"
#include "plugin/migration.h"
#include "timeval.h"
#include "unixctl.h"

VLOG_DEFINE_THIS_MODULE(pf_hook_server);

/* How long a guest that comes back waits for its own leaving. */
#define DEFER_MS 2000

/* ---- migrate begin ------------------------------------------------------ */

/* The migration that 'domain' asks for, with what the hook answers. */
static PfMigration *
read_migration(PfAgent *agent, const PfDomain *domain, const char *xml,
               GError **error)
{
    g_autoptr(GPtrArray) changes = g_ptr_array_new_with_free_func(
        (GDestroyNotify) pf_nic_change_free);
    PfMigration *m = pf_incoming_read(agent, domain, NULL, changes, error);

    if (m && m->ports->len) {
        m->hook_reply = pf_domain_filter(xml, changes, error);
        if (!m->hook_reply) {
            pf_migration_unref(m);
            return NULL;
        }
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
    g_set_error(error, PF_EXTENSION_ERROR, PF_EXTENSION_ERROR_REFUSED,
                "a migration of it into this host is under way "
                "(state %s): see `portferry status'",
                pf_state_name(old->machine.state));
    return FALSE;
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

/* Whether 'xml', which cannot be read, is of a guest with a stamp or with a
 * NIC on a managed network: libvirt's own words for them are looked for. */
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

/* Hooks of guests that come back while they are still leaving: they wait for
 * the end of that. */
typedef struct {
    struct unixctl_conn *conn;
    char *name;
    char *xml;
    gint64 deadline_ms;
} Deferred;

static GQueue deferred = G_QUEUE_INIT;

static void
defer(struct unixctl_conn *conn, const char *name, const char *xml)
{
    Deferred *d = g_new0(Deferred, 1);

    d->conn = conn;
    d->name = g_strdup(name);
    d->xml = g_strdup(xml);
    d->deadline_ms = time_msec() + DEFER_MS;
    g_queue_push_tail(&deferred, d);
}

static void
on_migrate(PfAgent *agent, struct unixctl_conn *conn, const char *name,
           const char *xml, gboolean may_wait)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(PfDomain) domain = pf_domain_parse(xml, &error);
    PfMigration *m;

    if (domain && pf_agent_migration(agent, domain->uuid, PF_ROLE_SOURCE)) {
        if (may_wait) {
            defer(conn, name, xml);
        } else {
            g_set_error(&error, PF_EXTENSION_ERROR,
                        PF_EXTENSION_ERROR_REFUSED, "its migration away from "
                        "this host is not over yet: see `portferry status', "
                        "and try again");
            reply_refused(conn, name, error);
        }
        return;
    }

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
            g_set_error(&error, PF_EXTENSION_ERROR, PF_EXTENSION_ERROR_REFUSED,
                        "portferryd has not read the networks from "
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
        on_migrate(agent, conn, name, xml, TRUE);
        return;
    }
    domain = pf_domain_parse(xml, &error);
    if (domain && !agent->recovered && pf_marker_exists(name)) {
        g_set_error(&error, PF_EXTENSION_ERROR, PF_EXTENSION_ERROR_REFUSED,
                        "portferryd has just started and has not read its "
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
 * hooks contain a domain's secrets: these two never log at that level,
 * whatever `vlog/set' says. */
static void
keep_secrets(void)
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
pf_hook_server_run(PfAgent *agent)
{
    keep_secrets();
    for (guint n = g_queue_get_length(&deferred); n > 0; n--) {
        Deferred *d = g_queue_pop_head(&deferred);
        g_autoptr(PfDomain) domain = pf_domain_parse(d->xml, NULL);

        if (domain && time_msec() < d->deadline_ms
            && pf_agent_migration(agent, domain->uuid, PF_ROLE_SOURCE)) {
            g_queue_push_tail(&deferred, d);
            continue;
        }
        on_migrate(agent, d->conn, d->name, d->xml, FALSE);
        g_free(d->name);
        g_free(d->xml);
        g_free(d);
    }
}

void
pf_hook_server_wait(void)
{
    for (const GList *l = deferred.head; l; l = l->next) {
        poll_timer_wait_until(((const Deferred *) l->data)->deadline_ms);
    }
}

void
pf_hook_server_init(PfAgent *agent)
{
    unixctl_command_register("hook", "DRIVER OBJECT OP SUBOP EXTRA STDIN", 6,
                             6, hook, agent);
}
