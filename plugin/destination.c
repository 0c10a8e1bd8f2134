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
#include "plugin/delta.h"
#include "plugin/extension.h"
#include "plugin/joint.h"
#include "plugin/marker.h"
#include "plugin/quarantine.h"
#include "plugin/tap.h"
#include "plugin/tell.h"
#include "plugin/verify.h"
#include "timeval.h"

VLOG_DEFINE_THIS_MODULE(pf_destination);

#define VALIDATION "validation"
#define OPERATIONAL "operational"

/* ---- 1 to 3: the check -------------------------------------------------- */

static void
check_create(PfMigration *m)
{
    for (guint i = 0; i < m->ports->len; i++) {
        PfMigrationPort *port = pf_migration_port(m, i);
        PfChange *change = pf_change_new(TRUE);

        pf_change_add_ghost(change, port->bridge, port->check_name, 0,
                            PF_ROLE_VALIDATION, m->record->uuid);
        pf_part_submit(pf_part_begin(m, port, "port-create", VALIDATION,
                                     NULL), change);
    }
}

/* A port for which something is under way. */
typedef struct {
    PfMigration *m;
    PfMigrationPort *port;
} Check;

static gpointer
verify_begins(gpointer user, const char *extension)
{
    Check *check = user;

    return pf_part_begin(check->m, check->port, "property-verify", VALIDATION,
                         extension);
}

static void
verified(gpointer part, const char *result, const char *detail)
{
    pf_part_end_detail(part, result, detail);
}

static void
port_verified(gpointer user)
{
    Check *check = user;

    pf_migration_release(check->m, NULL);
    g_free(check);
}

static const PfVerifyFuncs verify_funcs = {
    .begin = verify_begins,
    .verified = verified,
    .done = port_verified,
};

static void
check_verify(PfMigration *m)
{
    for (guint i = 0; i < m->ports->len; i++) {
        PfMigrationPort *port = pf_migration_port(m, i);
        const PfNetwork *network = pf_agent_network(m->agent, port->network);
        PfExtensionPort ep = pf_migration_extension_port(m, port);
        Check *check;

        if (!network) {
            pf_part_end_detail(
                pf_part_begin(m, port, "property-verify", VALIDATION, NULL),
                "failed", "its network changed during the check");
            continue;
        }
        check = g_new0(Check, 1);
        check->m = m;
        check->port = port;
        pf_migration_hold(m);
        pf_verify_port(&ep, network, port->states, pf_migration_timeout(m),
                       &verify_funcs, check);
    }
}

static void
check_delete(PfMigration *m)
{
    for (guint i = 0; i < m->ports->len; i++) {
        PfMigrationPort *port = pf_migration_port(m, i);
        PfChange *change = pf_change_new(TRUE);

        pf_change_del_port(change, port->check_name, PF_ROLE_VALIDATION,
                           m->record->uuid);
        pf_part_submit(pf_part_begin(m, port, "port-delete", VALIDATION,
                                     NULL), change);
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

/* A ghost has its number: from here on that is the port's. */
static void
port_created(gpointer user, const GError *error)
{
    PfPart *part = ((gpointer *) user)[0];
    PfMigrationPort *port = ((gpointer *) user)[1];
    PfMigration *m = pf_part_migration(part);
    g_autoptr(PfPort) row = pf_switch_port(m->agent->sw, port->name);

    g_free(user);
    if (!error && row) {
        port->ofport = row->ofport;
    }
    pf_part_end(part, error);
}

static void
port_create(PfMigration *m)
{
    for (guint i = 0; i < m->ports->len; i++) {
        PfMigrationPort *port = pf_migration_port(m, i);
        PfChange *change = pf_change_new(TRUE);
        gboolean taken = port->wish && pf_switch_ofport_taken(
            m->agent->sw, port->bridge, port->wish, port->name);
        gpointer *user = g_new(gpointer, 2);

        pf_gates_prepare(m->agent->gates, port->bridge);
        pf_change_add_ghost(change, port->bridge, port->name,
                            taken ? 0 : port->wish, PF_ROLE_OPERATIONAL,
                            m->record->uuid);
        user[0] = pf_part_begin(m, port, "port-create", OPERATIONAL, NULL);
        user[1] = port;
        pf_switch_submit(m->agent->sw, change, pf_migration_timeout(m),
                         port_created, user);
    }
}

static void
property_add(PfMigration *m)
{
    for (guint i = 0; i < m->ports->len; i++) {
        PfJoint *joint = pf_joint_new(m, pf_migration_port(m, i),
                                      "property-add", OPERATIONAL,
                                      pf_change_new(TRUE));

        pf_migration_port(m, i)->done |= PF_DID(PF_REQ_PROPERTY_ADD);
        pf_joint_all_or_nothing(joint);
        pf_joint_call_all(joint, PF_CALL_PROPERTY_ADD, FALSE);
        pf_joint_seal(joint, NULL, NULL);
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
    pf_agent_set_gate(m->agent, port->bridge, port->name, row, TRUE,
                      pf_migration_timeout(m), gate_closed, user);
}

static void
take_tap(PfMigration *m)
{
    for (guint i = 0; i < m->ports->len; i++) {
        PfMigrationPort *port = pf_migration_port(m, i);
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
            pf_change_add_ghost(change, pf_migration_port(m, 0)->bridge,
                                m->mailbox, 0, PF_ROLE_MAILBOX,
                                m->record->uuid);
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
        PfMigrationPort *port = pf_migration_port(m, i);
        g_autoptr(PfPort) row = pf_switch_port(m->agent->sw, port->name);

        if (row) {
            pf_agent_set_gate(m->agent, port->bridge, port->name, row, TRUE,
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
        PfMigrationPort *port = pf_migration_port(m, i);
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
        PfMigrationPort *port = pf_migration_port(m, i);
        PfChange *change = pf_change_new(FALSE);

        pf_change_set_claims(change, port->name, port->iface_id, port->mac);
        pf_part_submit(pf_part_begin(m, port, "nic-connect", NULL, NULL),
                       change);
    }
}

/* ---- 13 ----------------------------------------------------------------- */

/* One port's restoring: extensions, then nic-restore-complete, of which the
 * gate is a part. */
typedef struct {
    PfMigration *m;
    PfMigrationPort *port;
    PfJoint *joint;
    PfPart *complete;
} Restore;

static void
restore_done(gpointer user, const GError *error)
{
    Restore *r = user;

    if (error) {
        r->m->degraded = TRUE;
    } else {
        pf_migration_tell_port(r->m, r->port, PF_CALL_NIC_RESTORE_COMPLETE, 0);
    }
    pf_part_end_detail(r->complete, error ? "failed" : "ok",
                       error ? error->message : "the gate is open");
    pf_migration_unref(r->m);
    g_free(r);
}

static void
open_gate(Restore *r)
{
    PfMigration *m = r->m;
    g_autoptr(PfPort) row = pf_switch_port(m->agent->sw, r->port->name);

    pf_agent_set_gate(m->agent, r->port->bridge, r->port->name, row, FALSE,
                      pf_migration_timeout(m), restore_done, r);
}

static void
quarantine(Restore *r, const char *reason)
{
    PfMigration *m = r->m;
    g_autoptr(GError) error = g_error_new(
        PF_EXTENSION_ERROR, PF_EXTENSION_ERROR_FAILED,
        "quarantined, the gate stays closed: %s", reason);

    r->port->quarantined = TRUE;
    pf_quarantine_mark(m->agent, r->port->name);
    restore_done(r, error);
}

static void
extensions_restored(gpointer user, const PfJointFailure *failure)
{
    Restore *r = user;
    PfMigration *m = r->m;

    m->degraded |= failure != NULL;
    r->complete = pf_part_begin(m, r->port, "nic-restore-complete", NULL,
                                NULL);
    if (failure && pf_network_wants_quarantine(
            pf_agent_network(m->agent, r->port->network),
            failure->required)) {
        quarantine(r, failure->text);
    } else {
        open_gate(r);
    }
}

/* One extension's policies at the switchover, on their way to the port. */
typedef struct {
    Restore *restore;
    const PfExtension *extension;
    GVariant *new;
    GVariant *chunks;           /* or NULL. */
} Arrival;

static void
arrival_free(Arrival *a)
{
    g_variant_unref(a->new);
    g_clear_pointer(&a->chunks, g_variant_unref);
    g_free(a);
}

static GVariant *
policies_of(PfMigrationPort *port, const PfExtension *extension)
{
    PfPortState *s = pf_port_states_find(port->states, extension->name);

    return s ? s->policies : NULL;
}

/* Gives 'chunks' (NULL: none) back to 'extension', whose policies become
 * 'new'. */
static void
give_back(Restore *r, const PfExtension *extension, GVariant *new,
          GVariant *chunks)
{
    PfCallSpec spec = {
        .extension = extension,
        .func = PF_CALL_NIC_RESTORE,
        .policies = policies_of(r->port, extension),
        .new_policies = new,
        .chunks = chunks,
    };

    if (extension->nic_restore) {
        pf_joint_call_spec(r->joint, &spec);
    }
}

/* What came of 'extension' is left aside: it has what the stamp said. */
static void
leave_aside(Restore *r, const PfExtension *extension, const char *reason)
{
    PfPart *part = pf_part_begin(r->m, r->port, "nic-restore", NULL,
                                 extension->name);
    GVariant *policies = policies_of(r->port, extension);

    if (!r->m->epoch) {
        /* An unstamped guest: the XML is all there is, and it is there. */
        pf_part_end_detail(part, "skipped", "as the XML says");
        return;
    }
    pf_joint_fail(r->joint, part, extension->name, reason);
    if (policies) {
        give_back(r, extension, policies, NULL);
    }
}

/* The policies in 'a' are known to be right: they go to the port. */
static void
restore_verified(Arrival *a)
{
    Restore *r = a->restore;

    give_back(r, a->extension, a->new, a->chunks);
    pf_port_states_set(r->port->states, a->extension->name,
                       a->extension->version, a->new);
    arrival_free(a);
}

static void
arrival_verified(gpointer user, const char *result, const char *detail)
{
    Arrival *a = user;
    PfJoint *joint = a->restore->joint;

    if (strcmp(result, "failed")) {
        restore_verified(a);
    } else {
        leave_aside(a->restore, a->extension, detail);
        arrival_free(a);
    }
    pf_joint_release(joint);
}

/* The policies in 'saved', whole; NULL with '*error' set if they cannot be
 * told. */
static GVariant *
arrived_policies(PfMigrationPort *port, const PfExtension *extension,
                 const PfSaved *saved, GError **error)
{
    PfPortState *s = pf_port_states_find(port->states, extension->name);

    if (saved->version > extension->version) {
        g_set_error(error, PF_EXTENSION_ERROR, PF_EXTENSION_ERROR_REFUSED,
                    "data of version %u, this host reads up to %u",
                    saved->version, extension->version);
        return NULL;
    }
    if (saved->policies) {
        return g_variant_ref(saved->policies);
    }
    if (!s || g_strcmp0(s->digest, saved->base)) {
        g_set_error_literal(error, PF_EXTENSION_ERROR,
                            PF_EXTENSION_ERROR_REFUSED,
                            "its data is a difference from another stamp than "
                            "the one that came");
        return NULL;
    }
    return (pf_delta_is_empty(saved->delta) ? g_variant_ref(s->stamped)
            : pf_delta_apply(s->stamped, saved->delta, error));
}

/* Restores what 'saved' has of 'extension'. */
static void
restore_extension(Restore *r, const PfExtension *extension,
                  const PfSaved *saved)
{
    PfMigration *m = r->m;
    GVariant *old = policies_of(r->port, extension);
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) new = arrived_policies(r->port, extension, saved,
                                               &error);
    const PfNetwork *network = pf_agent_network(m->agent, r->port->network);
    Arrival *a;

    if (!new || !network) {
        leave_aside(r, extension, new ? "its network is not managed here any "
                    "more" : error->message);
        return;
    }
    a = g_new0(Arrival, 1);
    a->restore = r;
    a->extension = extension;
    a->new = g_variant_ref(new);
    a->chunks = saved->chunks ? g_variant_ref(saved->chunks) : NULL;
    if (old && (old == new || g_variant_equal(old, new))) {
        restore_verified(a);
    } else {
        PfExtensionPort ep = pf_migration_extension_port(m, r->port);

        pf_joint_hold(r->joint);
        pf_verify_extension(extension, &ep, network, new,
                            pf_migration_timeout(m), arrival_verified, a);
    }
}

static void
restore_port(PfMigration *m, PfMigrationPort *port)
{
    PfPortDataPort *arrived = m->portdata
        ? pf_portdata_port(m->portdata, port->mac) : NULL;
    Restore *r = g_new0(Restore, 1);

    r->m = pf_migration_ref(m);
    r->port = port;
    r->joint = pf_joint_new(m, port, "nic-restore", NULL, pf_change_new(TRUE));
    for (const PfExtension *const *e = pf_extensions(); *e; e++) {
        PfSaved *saved = arrived ? pf_portdata_saved(arrived, (*e)->name)
                                 : NULL;

        if (saved) {
            restore_extension(r, *e, saved);
        } else if (pf_port_states_find(port->states, (*e)->name)) {
            leave_aside(r, *e, "no data came for it: restored from the stamp");
        }
    }
    pf_joint_seal(r->joint, extensions_restored, r);
}

static void
nic_restore(PfMigration *m)
{
    for (guint i = 0; i < m->ports->len; i++) {
        restore_port(m, pf_migration_port(m, i));
    }
}

/* ---- The end, and the way out ------------------------------------------- */

/* The guest runs: what of requests 12 and 13 was not acknowledged in time, or
 * by an agent that was killed, is done now. */
static void
make_good(PfMigration *m, PfMigrationPort *port, PfChange *change)
{
    g_autoptr(PfPort) row = pf_switch_port(m->agent->sw, port->name);

    if (!row || row->ofport <= 0) {
        return;
    }
    pf_change_set_claims(change, port->name, port->iface_id, port->mac);
    if (!row->quarantined && !port->quarantined) {
        pf_migration_hold(m);
        pf_agent_set_gate(m->agent, port->bridge, port->name, row, FALSE,
                          pf_migration_timeout(m), pf_migration_released, m);
    }
}

static void
finish(PfMigration *m)
{
    PfChange *change = pf_change_new(FALSE);
    const PfGuest *guest = pf_guests_find(m->agent->guests,
                                          m->record->domain_uuid);

    if (!guest || guest->state == PF_GUEST_RUNNING) {
        pf_migration_tell(m, PF_CALL_GUEST_RUNS, PF_GUEST_ARRIVED);
    }
    for (guint i = 0; i < m->ports->len; i++) {
        PfMigrationPort *port = pf_migration_port(m, i);

        if (guest && guest->state != PF_GUEST_RUNNING) {
            pf_tell_later(m->agent, port->name, PF_GUEST_ARRIVED);
        }
        make_good(m, port, change);
        pf_change_unmark(change, port->name);
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
port_cleaned(gpointer user, const GError *error)
{
    Check *check = user;

    if (!error) {
        pf_gates_forget(check->m->agent->gates, check->port->bridge,
                        check->port->name);
    }
    pf_migration_release(check->m, error);
    g_free(check);
}

/* What extensions had at the port is gone, as far as they could: now the port.
 * Not in one transaction: what a row that is deleted refers to cannot be
 * deleted with it. */
static void
cleaned(gpointer user, const PfJointFailure *failure)
{
    Check *check = user;
    PfMigration *m = check->m;
    PfChange *change = pf_change_new(TRUE);

    if (failure && failure->by_extension) {
        pf_migration_extension_failed(m, failure->text);
    } else if (failure) {
        m->request_failed = TRUE;
    }
    pf_change_del_port(change, check->port->name, PF_ROLE_OPERATIONAL,
                       m->record->uuid);
    pf_change_del_port(change, check->port->check_name, PF_ROLE_VALIDATION,
                       m->record->uuid);
    pf_migration_hold(m);
    pf_switch_submit(m->agent->sw, change, pf_migration_timeout(m),
                     port_cleaned, check);
}

static void
clean(PfMigration *m)
{
    PfChange *change = pf_change_new(TRUE);

    for (guint i = 0; i < m->ports->len; i++) {
        PfMigrationPort *port = pf_migration_port(m, i);
        g_autoptr(PfPort) row = pf_switch_port(m->agent->sw, port->name);
        PfJoint *joint = pf_joint_new(m, port, NULL, NULL,
                                      pf_change_new(FALSE));
        Check *check = g_new0(Check, 1);

        check->m = m;
        check->port = port;
        if (row && !*row->type
            && !g_strcmp0(row->migration, m->record->uuid)) {
            /* It may have been opened: nothing passes without its rules. */
            pf_agent_set_gate(m->agent, port->bridge, port->name, row, TRUE,
                              pf_migration_timeout(m), NULL, NULL);
        }
        /* Whether libvirt was faster, or the row is still ours. */
        if (port->done & PF_DID(PF_REQ_PROPERTY_ADD)
            && (!row || !g_strcmp0(row->migration, m->record->uuid))) {
            pf_joint_call_all(joint, PF_CALL_PROPERTY_REMOVE, TRUE);
        }
        pf_joint_seal(joint, cleaned, check);
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
