/* SPDX-License-Identifier: Apache-2.0
 *
 * destination: the requests that are carried out where a guest arrives.
 *
 * Each function begins the parts of one request for all ports and returns; the
 * parts end when the switch has answered.  migration.c says what is next.
 */
#include <config.h>

#include "plugin/migration.h"

#include <net/if.h>
#include <string.h>

#include "openvswitch/vlog.h"
#include "plugin/control.h"
#include "plugin/marker.h"
#include "plugin/tap.h"
#include "timeval.h"

VLOG_DEFINE_THIS_MODULE(pf_destination);

#define VALIDATION "validation"
#define OPERATIONAL "operational"

static PfMigrationPort *
nth_port(PfMigration *m, guint i)
{
    return m->ports->pdata[i];
}

static GVariant *
policies_of(PfMigrationPort *port, const PfExtension *extension)
{
    return g_hash_table_lookup(port->policies, extension->name);
}

/* Submits 'change' with 'part' as what ends with it. */
static void
submit(PfMigration *m, PfChange *change, PfPart *part)
{
    pf_switch_submit(m->agent->sw, change, pf_migration_timeout(m),
                     pf_part_done, part);
}

/* ---- 1 to 3: the check -------------------------------------------------- */

static void
check_create(PfMigration *m)
{
    for (guint i = 0; i < m->ports->len; i++) {
        PfMigrationPort *port = nth_port(m, i);
        PfChange *change = pf_change_new(TRUE);

        pf_change_add_ghost(change, port->bridge, port->check_name, NULL, 0,
                            PF_ROLE_VALIDATION, m->record->uuid);
        submit(m, change, pf_part_begin(m, port, "port-create", VALIDATION,
                                        NULL));
    }
}

static void
check_extension(PfMigration *m, PfMigrationPort *port,
                const PfExtension *extension)
{
    PfExtensionPort ep = pf_migration_extension_port(m, port, port->name);
    PfPart *part = pf_part_begin(m, port, "property-verify", VALIDATION,
                                 extension->name);
    g_autoptr(PfProblems) problems = pf_problems_new();
    GVariant *policies = policies_of(port, extension);
    guint version = GPOINTER_TO_UINT(
        g_hash_table_lookup(port->versions, extension->name));

    if (!policies) {
        pf_part_end_detail(part, "skipped", "the guest has no policies of it");
        return;
    }
    if (version > extension->version) {
        pf_problems_add(problems, PF_VERIFY_APPLICABILITY,
                        "its state has version %u, this host reads up to %u: "
                        "update Portferry here", version, extension->version);
    } else if (extension->verify) {
        extension->verify(&ep, policies, problems);
    }
    if (pf_problems_count(problems)) {
        g_autofree char *text = pf_problems_text(problems);
        pf_part_end_detail(part, "failed", text);
    } else {
        pf_part_end(part, NULL);
    }
}

/* Extensions that somebody counts on and that are not here. */
static void
check_missing(PfMigration *m, PfMigrationPort *port)
{
    const PfNetwork *network = pf_agent_network(m->agent, port->network);

    for (guint i = 0; network && i < network->extensions->len; i++) {
        const PfNetExtension *ne = network->extensions->pdata[i];

        if (ne->required && !pf_extension_find(ne->name)) {
            g_autofree char *text = g_strdup_printf(
                "applicability: extension '%s', which network '%s' requires, "
                "is not loaded on this host", ne->name, network->name);
            pf_part_end_detail(pf_part_begin(m, port, "property-verify",
                                             VALIDATION, ne->name),
                               "failed", text);
        }
    }
}

static void
check_verify(PfMigration *m)
{
    const PfExtension *const *e;

    for (guint i = 0; i < m->ports->len; i++) {
        PfMigrationPort *port = nth_port(m, i);

        if (!pf_agent_network(m->agent, port->network)) {
            pf_part_end_detail(
                pf_part_begin(m, port, "property-verify", VALIDATION, NULL),
                "failed", "its network changed during the check");
            continue;
        }
        for (e = pf_extensions(); *e; e++) {
            check_extension(m, port, *e);
        }
        check_missing(m, port);
        if (if_nametoindex(port->name)) {
            g_autofree char *text = g_strdup_printf(
                "conflict: a network device named '%s' is on this host",
                port->name);
            pf_part_end_detail(
                pf_part_begin(m, port, "property-verify", VALIDATION, NULL),
                "failed", text);
        }
    }
}

static void
check_delete(PfMigration *m)
{
    for (guint i = 0; i < m->ports->len; i++) {
        PfMigrationPort *port = nth_port(m, i);
        PfChange *change = pf_change_new(TRUE);

        pf_change_del_port(change, port->check_name, PF_ROLE_VALIDATION,
                           m->record->uuid);
        submit(m, change, pf_part_begin(m, port, "port-delete", VALIDATION,
                                        NULL));
    }
    if (m->machine.state == PF_D_CHECK_DELETE) {
        int error = pf_marker_set(m->record->domain);
        if (error) {
            pf_migration_error(m, "marker for the hooks in %s: %s",
                               pf_control_rundir(), g_strerror(error));
            m->request_failed = TRUE;
        }
    }
}

/* ---- 4, 5: the operational port ----------------------------------------- */

static void
port_create(PfMigration *m)
{
    for (guint i = 0; i < m->ports->len; i++) {
        PfMigrationPort *port = nth_port(m, i);
        PfChange *change = pf_change_new(TRUE);
        gboolean taken = port->ofport && pf_switch_ofport_taken(
            m->agent->sw, port->bridge, port->ofport, port->name);

        pf_gates_prepare(m->agent->gates, port->bridge);
        pf_change_add_ghost(change, port->bridge, port->name, NULL,
                            taken ? 0 : port->ofport, PF_ROLE_OPERATIONAL,
                            m->record->uuid);
        submit(m, change, pf_part_begin(m, port, "port-create", OPERATIONAL,
                                        NULL));
    }
}

static void
add_policies(PfMigration *m, PfMigrationPort *port)
{
    g_autoptr(GError) error = NULL;
    PfExtensionPort ep = pf_migration_extension_port(m, port, port->name);
    PfChange *change = pf_change_new(TRUE);
    PfPart *first = NULL;

    for (const PfExtension *const *e = pf_extensions(); *e; e++) {
        GVariant *policies = policies_of(port, *e);

        if (!policies || !(*e)->property_add) {
            continue;
        }
        PfPart *part = pf_part_begin(m, port, "property-add", OPERATIONAL,
                                     (*e)->name);
        if (!(*e)->property_add(&ep, policies, change, &error)) {
            pf_part_end(part, error);
            g_clear_error(&error);
        } else if (first) {
            pf_part_join(first, part);
        } else {
            first = part;
        }
    }
    if (first) {
        submit(m, change, first);
    } else {
        pf_change_free(change);
    }
}

static void
property_add(PfMigration *m)
{
    for (guint i = 0; i < m->ports->len; i++) {
        add_policies(m, nth_port(m, i));
    }
}

/* ---- The end of 5: the tap takes the ghost's place ---------------------- */

static void
gate_closed(gpointer user, const GError *error)
{
    PfMigration *m = ((gpointer *) user)[0];
    PfMigrationPort *port = ((gpointer *) user)[1];
    PfPart *part = ((gpointer *) user)[2];
    g_autoptr(GError) link = NULL;

    g_free(user);
    if (!error && !pf_tap_set_up(port->name, TRUE, &link)) {
        error = link;
    }
    pf_part_end_detail(part, error ? "failed" : "ok",
                       error ? error->message
                       : "the tap took the ghost's place");
    pf_migration_unref(m);
}

static void
tap_taken(gpointer user, const GError *error)
{
    PfMigration *m = ((gpointer *) user)[0];
    PfMigrationPort *port = ((gpointer *) user)[1];
    PfPart *part = ((gpointer *) user)[2];
    g_autoptr(PfPort) row = NULL;

    if (error) {
        pf_part_end(part, error);
        pf_migration_unref(m);
        g_free(user);
        return;
    }
    row = pf_switch_port(m->agent->sw, port->name);
    pf_gates_set(m->agent->gates, port->bridge, port->name,
                 row ? row->ofport : 0, row ? row->mac_in_use : NULL, TRUE,
                 pf_migration_timeout(m), gate_closed, user);
}

static void
take_tap(PfMigration *m)
{
    for (guint i = 0; i < m->ports->len; i++) {
        PfMigrationPort *port = nth_port(m, i);
        PfPart *part = pf_part_begin(m, port, "property-add", OPERATIONAL,
                                     NULL);
        g_autoptr(GError) error = NULL;
        const char *iface_id = pf_switch_iface_id(m->agent->sw, port->name,
                                                  "iface-id");

        if (iface_id) {
            g_free(port->iface_id);
            port->iface_id = g_strdup(iface_id);
        }
        /* Down while its type changes: the gate does not outlive that. */
        if (!pf_tap_set_up(port->name, FALSE, &error)) {
            pf_part_end(part, error);
            continue;
        }

        port->ifindex = if_nametoindex(port->name);

        PfChange *change = pf_change_new(TRUE);
        gpointer *user = g_new(gpointer, 3);

        user[0] = pf_migration_ref(m);
        user[1] = port;
        user[2] = part;
        pf_change_take_tap(change, port->name);
        pf_change_remove_claims(change, port->name);
        pf_switch_submit(m->agent->sw, change, pf_migration_timeout(m),
                         tap_taken, user);
    }
    if (m->mailbox && !m->request_failed) {
        g_autoptr(PfPort) row = pf_switch_port(m->agent->sw, m->mailbox);

        if (!row || !g_strcmp0(row->role, PF_ROLE_MAILBOX)) {
            PfChange *change = pf_change_new(TRUE);

            m->mailbox_is_ours = TRUE;
            pf_change_add_ghost(change, nth_port(m, 0)->bridge, m->mailbox,
                                NULL, 0, PF_ROLE_MAILBOX, m->record->uuid);
            pf_migration_hold(m);
            pf_switch_submit(m->agent->sw, change, pf_migration_timeout(m),
                             pf_migration_released, m);
        }
    }
}

static void
gate_closed_again(gpointer user G_GNUC_UNUSED, const GError *error)
{
    if (error) {
        VLOG_WARN("closing a gate again: %s", error->message);
    }
}

static void
close_gates(PfMigration *m)
{
    for (guint i = 0; i < m->ports->len; i++) {
        PfMigrationPort *port = nth_port(m, i);
        g_autoptr(PfPort) row = pf_switch_port(m->agent->sw, port->name);

        if (row) {
            pf_gates_set(m->agent->gates, port->bridge, port->name,
                         row->ofport, row->mac_in_use, TRUE,
                         pf_migration_timeout(m), gate_closed_again,
                         NULL);
        }
    }
}

/* ---- 11, 12 ------------------------------------------------------------- */

static void
nic_create(PfMigration *m)
{
    if (!m->portdata) {
        m->degraded = TRUE;
    }
    for (guint i = 0; i < m->ports->len; i++) {
        PfMigrationPort *port = nth_port(m, i);
        PfPart *part = pf_part_begin(m, port, "nic-create", NULL, NULL);
        g_autoptr(PfPort) row = pf_switch_port(m->agent->sw, port->name);
        g_autoptr(GError) error = NULL;

        if (!row || row->ofport <= 0) {
            m->degraded = TRUE;
            pf_part_end_detail(part, "failed",
                               "the port is not in the bridge");
        } else if (!pf_tap_check(port->name, port->ifindex, &error)) {
            m->degraded = TRUE;
            pf_part_end(part, error);
        } else {
            pf_part_end(part, NULL);
        }
    }
}

static void
nic_connect(PfMigration *m)
{
    for (guint i = 0; i < m->ports->len; i++) {
        PfMigrationPort *port = nth_port(m, i);
        PfChange *change = pf_change_new(FALSE);

        pf_change_set_claims(change, port->name, port->iface_id, port->mac);
        submit(m, change, pf_part_begin(m, port, "nic-connect", NULL, NULL));
    }
}

/* ---- 13 ----------------------------------------------------------------- */

/* One port's restoring: extensions, then the gate, then nic-restore-complete,
 * whose part is begun before and so counts the whole. */
typedef struct {
    PfMigration *m;
    PfMigrationPort *port;
    PfPart *complete;
    char *failed;               /* What extensions could not, or NULL. */
} Restore;

static void
restore_done(gpointer user, const GError *error)
{
    Restore *r = user;

    if (error) {
        r->m->degraded = TRUE;
    }
    pf_part_end_detail(r->complete, error ? "failed" : "ok",
                       error ? error->message : "the gate is open");
    pf_migration_unref(r->m);
    g_free(r->failed);
    g_free(r);
}

static void
open_gate(Restore *r)
{
    PfMigration *m = r->m;
    g_autoptr(PfPort) row = pf_switch_port(m->agent->sw, r->port->name);

    pf_gates_set(m->agent->gates, r->port->bridge, r->port->name,
                 row ? row->ofport : 0, row ? row->mac_in_use : NULL, FALSE,
                 pf_migration_timeout(m), restore_done, r);
}

/* What 'network' (NULL: not managed any more) wants of a port that could not
 * be restored.  Who requires extensions and says nothing means quarantine. */
static gboolean
wants_quarantine(const PfNetwork *network)
{
    if (!network) {
        return FALSE;
    }
    if (network->on_restore_failure_set) {
        return network->on_restore_failure == PF_RESTORE_QUARANTINE;
    }
    for (guint i = 0; i < network->extensions->len; i++) {
        if (((PfNetExtension *) network->extensions->pdata[i])->required) {
            return TRUE;
        }
    }
    return FALSE;
}

/* A port that could not be restored: as its network says. */
static void
restore_failed(Restore *r, const char *reason)
{
    PfMigration *m = r->m;

    m->degraded = TRUE;
    if (wants_quarantine(pf_agent_network(m->agent, r->port->network))) {
        g_autoptr(GError) error = g_error_new(
            PF_EXTENSION_ERROR, PF_EXTENSION_ERROR_FAILED,
            "quarantined, the gate stays closed: %s", reason);
        PfChange *change = pf_change_new(FALSE);

        /* For an agent that restarts. */
        pf_change_port_key(change, r->port->name, PF_KEY_GATE, "closed");
        pf_switch_submit(m->agent->sw, change, pf_migration_timeout(m), NULL,
                         NULL);
        restore_done(r, error);
    } else {
        open_gate(r);
    }
}

static void
extensions_restored(gpointer user, const GError *error)
{
    PfPart *part = ((gpointer *) user)[0];
    Restore *r = ((gpointer *) user)[1];
    g_autofree char *reason = error ? g_strdup(error->message) : NULL;

    g_free(user);
    if (part) {
        pf_part_end(part, error);
    }
    if (reason || r->failed) {
        restore_failed(r, reason ? reason : r->failed);
    } else {
        open_gate(r);
    }
}

/* Adds to 'change' what 'extension' makes of what was saved.  Returns an error
 * text, or NULL. */
static char *
restore_extension(PfMigration *m, PfMigrationPort *port,
                  const PfExtension *extension, const PfPortDataPort *arrived,
                  PfChange *change, gboolean *changed)
{
    PfExtensionPort ep = pf_migration_extension_port(m, port, port->name);
    PfSaved *saved = arrived ? pf_portdata_saved(arrived, extension->name)
                             : NULL;
    g_autoptr(GVariant) none = g_variant_ref_sink(
        g_variant_new_array(G_VARIANT_TYPE("{sv}"), NULL, 0));
    GVariant *old = policies_of(port, extension);
    g_autoptr(GError) error = NULL;

    if (!ep.network) {
        return g_strdup_printf("network '%s' is not managed here any more",
                               port->network);
    }
    if (!saved) {
        return g_strdup("no data came for it: restored from the stamp");
    }
    if (saved->version > extension->version) {
        return g_strdup_printf("data of version %u, this host reads up to %u",
                               saved->version, extension->version);
    }
    if (extension->verify && !g_variant_equal(old ? old : none,
                                              saved->policies)) {
        g_autoptr(PfProblems) problems = pf_problems_new();

        ep.is_here = TRUE;
        extension->verify(&ep, saved->policies, problems);
        if (pf_problems_count(problems)) {
            return pf_problems_text(problems);
        }
    }
    if (extension->nic_restore
        && !extension->nic_restore(&ep, old ? old : none, saved->policies,
                                   saved->data, change, changed, &error)) {
        return g_strdup(error->message);
    }
    g_hash_table_insert(port->policies, g_strdup(extension->name),
                        g_variant_ref(saved->policies));
    return NULL;
}

static void
restore_port(PfMigration *m, PfMigrationPort *port)
{
    PfPortDataPort *arrived = m->portdata
        ? pf_portdata_port(m->portdata, port->mac) : NULL;
    PfChange *change = pf_change_new(TRUE);
    g_autoptr(GString) failed = g_string_new(NULL);
    PfPart *open_part = NULL;
    gboolean changed = FALSE;
    Restore *r = g_new0(Restore, 1);

    r->m = pf_migration_ref(m);
    r->port = port;
    for (const PfExtension *const *e = pf_extensions(); *e; e++) {
        if (!policies_of(port, *e)) {
            continue;
        }
        PfPart *part = pf_part_begin(m, port, "nic-restore", NULL, (*e)->name);
        g_autofree char *reason = restore_extension(m, port, *e, arrived,
                                                    change, &changed);
        if (reason && !m->epoch) {
            /* An unstamped guest: the XML is all there is, and it is there. */
            pf_part_end_detail(part, "skipped", "as the XML says");
        } else if (reason) {
            g_string_append_printf(failed, "%s%s: %s", failed->len ? "; " : "",
                                   (*e)->name, reason);
            pf_part_end_detail(part, "failed", reason);
        } else if (!changed) {
            pf_part_end(part, NULL);
        } else if (open_part) {
            pf_part_join(open_part, part);
        } else {
            open_part = part;
        }
    }
    r->complete = pf_part_begin(m, port, "nic-restore-complete", NULL, NULL);
    r->failed = failed->len ? g_strdup(failed->str) : NULL;
    if (changed) {
        gpointer *user = g_new(gpointer, 2);

        user[0] = open_part;
        user[1] = r;
        pf_switch_submit(m->agent->sw, change, pf_migration_timeout(m),
                         extensions_restored, user);
        return;
    }
    pf_change_free(change);
    if (r->failed) {
        restore_failed(r, r->failed);
    } else {
        open_gate(r);
    }
}

static void
nic_restore(PfMigration *m)
{
    for (guint i = 0; i < m->ports->len; i++) {
        restore_port(m, nth_port(m, i));
    }
}

/* ---- The end, and the way out ------------------------------------------- */

static void
finish(PfMigration *m)
{
    PfChange *change = pf_change_new(FALSE);

    for (guint i = 0; i < m->ports->len; i++) {
        PfMigrationPort *port = nth_port(m, i);

        pf_change_port_key(change, port->name, PF_KEY_ROLE, NULL);
        pf_change_port_key(change, port->name, PF_KEY_MIGRATION, NULL);
    }
    if (m->mailbox_is_ours) {
        pf_change_del_port(change, m->mailbox, PF_ROLE_MAILBOX,
                           m->record->uuid);
    } else if (m->mailbox) {
        pf_change_iface_key(change, m->mailbox, PF_KEY_PORTDATA, NULL);
    }
    if (m->degraded && m->epoch) {
        m->degraded_end = TRUE;
        pf_migration_error(m, "restored from the stamp: no valid PortData "
                           "came");
    }
    pf_migration_hold(m);
    pf_switch_submit(m->agent->sw, change, pf_migration_timeout(m),
                     pf_migration_released, m);
}

/* Adds the deletion of the mailbox to 'change'.  It is found by its mark: an
 * agent that was killed while it made one had not written down that it is its
 * own. */
static void
delete_mailbox(PfMigration *m, PfChange *change)
{
    g_autoptr(GPtrArray) marked = pf_switch_marked_ports(m->agent->sw);

    for (guint i = 0; i < marked->len; i++) {
        const PfPort *port = marked->pdata[i];

        if (!g_strcmp0(port->role, PF_ROLE_MAILBOX)
            && !g_strcmp0(port->migration, m->record->uuid)) {
            pf_change_del_port(change, port->name, PF_ROLE_MAILBOX,
                               m->record->uuid);
        }
    }
}

static void
clean(PfMigration *m)
{
    PfChange *change = pf_change_new(TRUE);

    for (guint i = 0; i < m->ports->len; i++) {
        PfMigrationPort *port = nth_port(m, i);

        pf_gates_forget(m->agent->gates, port->bridge, port->name);
        pf_change_del_port(change, port->name, PF_ROLE_OPERATIONAL,
                           m->record->uuid);
        pf_change_del_port(change, port->check_name, PF_ROLE_VALIDATION,
                           m->record->uuid);
    }
    delete_mailbox(m, change);
    pf_migration_hold(m);
    pf_switch_submit(m->agent->sw, change, pf_migration_timeout(m),
                     pf_migration_released, m);
}

void
pf_destination_request(PfMigration *m, PfRequest request)
{
    switch ((int) request) {
    case PF_REQ_CHECK_CREATE:
        check_create(m);
        break;
    case PF_REQ_CHECK_VERIFY:
        check_verify(m);
        break;
    case PF_REQ_CHECK_DELETE:
        check_delete(m);
        break;
    case PF_REQ_PORT_CREATE:
        port_create(m);
        break;
    case PF_REQ_PROPERTY_ADD:
        property_add(m);
        break;
    case PF_REQ_TAKE_TAP:
        take_tap(m);
        break;
    case PF_REQ_CLOSE_GATES:
        close_gates(m);
        break;
    case PF_REQ_NIC_CREATE:
        nic_create(m);
        break;
    case PF_REQ_NIC_CONNECT:
        nic_connect(m);
        break;
    case PF_REQ_NIC_RESTORE:
        nic_restore(m);
        break;
    case PF_REQ_FINISH:
        finish(m);
        break;
    case PF_REQ_CLEAN:
        clean(m);
        break;
    default:
        g_assert_not_reached();
    }
}
