/* SPDX-License-Identifier: Apache-2.0
 *
 * check: would this guest be taken here?
 *
 *     check domain NAME|UUID [NETWORK]
 *     check xml XML [NETWORK]
 *
 * The answer is one JSON object, with a result for each port and extension.
 * Nothing is changed, not even a validation port made: verification asks
 * nothing of it.  A guest that runs here is in no conflict with its own
 * ports.
 */
#include <config.h>

#include "plugin/check.h"

#include <string.h>

#include "plugin/codec.h"
#include "plugin/incoming.h"
#include "plugin/verify.h"
#include "unixctl.h"

#define TIMEOUT_MS 5000

/* A check under way. */
typedef struct {
    struct unixctl_conn *conn;
    PfMigration *m;             /* Known to nobody else. */
    gboolean runs_here;
    GVariantBuilder results;
    gboolean refused;
    guint pending;              /* Ports. */
} Check;

/* The verification of one extension's policies for one port. */
typedef struct {
    Check *check;
    PfMigrationPort *port;
    char *extension;            /* or NULL: none in particular. */
} Member;

static void
add_result(Check *check, const PfMigrationPort *port, const char *extension,
           const char *result, const char *detail)
{
    GVariantDict dict;

    g_variant_dict_init(&dict, NULL);
    g_variant_dict_insert(&dict, "mac", "s", port->mac);
    g_variant_dict_insert(&dict, "port", "s", port->name);
    g_variant_dict_insert(&dict, "network", "s", port->network);
    g_variant_dict_insert(&dict, "bridge", "s", port->bridge);
    g_variant_dict_insert(&dict, "extension", "ms", extension);
    g_variant_dict_insert(&dict, "result", "s", result);
    g_variant_dict_insert(&dict, "detail", "ms", detail);
    g_variant_builder_add(&check->results, "v", g_variant_dict_end(&dict));
    check->refused |= !strcmp(result, "failed");
}

static void
release(Check *check)
{
    GVariantDict dict;

    if (--check->pending) {
        return;
    }
    g_variant_dict_init(&dict, NULL);
    g_variant_dict_insert(&dict, "domain", "s", check->m->record->domain);
    g_variant_dict_insert(&dict, "stamped", "b",
                          check->runs_here || check->m->epoch);
    g_variant_dict_insert(&dict, "refused", "b", check->refused);
    g_variant_dict_insert_value(&dict, "results",
                                g_variant_builder_end(&check->results));
    g_autofree char *text = pf_codec_format(g_variant_dict_end(&dict));
    unixctl_command_reply(check->conn, text);
    pf_migration_unref(check->m);
    g_free(check);
}

static gpointer
member_begins(gpointer member_, const char *extension)
{
    const Member *port = member_;
    Member *member = g_new0(Member, 1);

    *member = *port;
    member->extension = g_strdup(extension);
    return member;
}

static void
member_verified(gpointer member_, const char *result, const char *detail)
{
    Member *member = member_;

    add_result(member->check, member->port, member->extension, result,
               detail);
    g_free(member->extension);
    g_free(member);
}

static void
port_verified(gpointer member)
{
    release(((Member *) member)->check);
    g_free(member);
}

static const PfVerifyFuncs funcs = {
    .begin = member_begins,
    .verified = member_verified,
    .done = port_verified,
};

static void
check_port(Check *check, PfMigrationPort *port)
{
    PfMigration *m = check->m;
    PfExtensionPort ep = pf_migration_extension_port(m, port);
    Member *member = g_new0(Member, 1);

    ep.is_here = check->runs_here;
    if (check->runs_here) {
        g_autoptr(PfPort) row = pf_switch_port(m->agent->sw, port->name);

        ep.ofport = row ? MAX(row->ofport, 0) : 0;
    }
    member->check = check;
    member->port = port;
    check->pending++;
    pf_verify_port(&ep, pf_agent_network(m->agent, port->network),
                   port->states, TIMEOUT_MS, &funcs, member);
}

/* What a guest that runs here has now is newer than what its XML has. */
static void
take_states(PfMigration *m, const PfGuest *guest)
{
    for (guint i = 0; i < m->ports->len; i++) {
        PfMigrationPort *port = m->ports->pdata[i];
        const PfPortStates *states = g_hash_table_lookup(guest->states,
                                                         port->mac);
        const PfNic *nic = pf_domain_nic(guest->domain, port->mac);

        if (states) {
            pf_port_states_free(port->states);
            port->states = pf_port_states_copy(states);
        }
        if (nic && nic->target) {
            g_free(port->name);
            port->name = g_strdup(nic->target);
        }
    }
}

static void
check_domain(PfAgent *agent, struct unixctl_conn *conn,
             const PfDomain *domain, const char *network)
{
    const PfGuest *guest = pf_guests_find(agent->guests, domain->uuid);
    g_autoptr(GError) error = NULL;
    PfMigration *m;
    Check *check;

    m = pf_incoming_read(agent, domain, network, NULL, &error);
    if (!m) {
        g_autofree char *text = g_strdup_printf("guest '%s': %s",
                                                domain->name, error->message);
        unixctl_command_reply_error(conn, text);
        return;
    }
    if (!m->ports->len) {
        g_autofree char *text = g_strdup_printf(
            "guest '%s' has no NIC on a network that Portferry manages here",
            domain->name);
        unixctl_command_reply_error(conn, text);
        pf_migration_unref(m);
        return;
    }
    check = g_new0(Check, 1);
    check->conn = conn;
    check->m = m;
    check->runs_here = guest && guest->state != PF_GUEST_INCOMING;
    g_variant_builder_init(&check->results, G_VARIANT_TYPE("av"));
    if (check->runs_here) {
        take_states(m, guest);
    }
    check->pending = 1;
    for (guint i = 0; i < m->ports->len; i++) {
        check_port(check, m->ports->pdata[i]);
    }
    release(check);
}

/* The guest that runs here as 'which' (name or UUID), or NULL. */
static const PfGuest *
find_guest(PfAgent *agent, const char *which)
{
    g_autoptr(GPtrArray) guests = pf_guests_list(agent->guests);

    for (guint i = 0; i < guests->len; i++) {
        const PfGuest *guest = guests->pdata[i];

        if (!strcmp(guest->name, which)
            || !g_ascii_strcasecmp(guest->uuid, which)) {
            return guest;
        }
    }
    return NULL;
}

static void
check(struct unixctl_conn *conn, int argc, const char *argv[], void *agent_)
{
    const char *network = argc > 3 ? argv[3] : NULL;
    PfAgent *agent = agent_;
    g_autoptr(GError) error = NULL;

    if (!agent->networks_known || !pf_switch_is_ready(agent->sw)) {
        unixctl_command_reply_error(conn, "portferryd is not connected to "
                                    "libvirt and ovsdb-server yet: see "
                                    "`portferry status'");
    } else if (network && !pf_agent_network(agent, network)) {
        g_autofree char *text = g_strdup_printf(
            "network '%s' is not managed on this host: see `portferry "
            "status'", network);
        unixctl_command_reply_error(conn, text);
    } else if (!strcmp(argv[1], "domain")) {
        const PfGuest *guest = find_guest(agent, argv[2]);

        if (guest) {
            check_domain(agent, conn, guest->domain, network);
        } else {
            g_autofree char *text = g_strdup_printf(
                "no guest '%s' runs on this host: give its XML (virsh dumpxml "
                "on its host)", argv[2]);
            unixctl_command_reply_error(conn, text);
        }
    } else if (!strcmp(argv[1], "xml")) {
        g_autoptr(PfDomain) domain = pf_domain_parse(argv[2], &error);

        if (domain) {
            check_domain(agent, conn, domain, network);
        } else {
            unixctl_command_reply_error(conn, error->message);
        }
    } else {
        unixctl_command_reply_error(conn, "`domain' or `xml' is expected");
    }
}

void
pf_check_init(PfAgent *agent)
{
    unixctl_command_register("check", "domain|xml TEXT [NETWORK]", 2, 3,
                             check, agent);
}
