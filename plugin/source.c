/* SPDX-License-Identifier: Apache-2.0
 *
 * source: the requests that are carried out where a guest leaves, and their
 * undoing.  What it takes with it is source-save.c's.
 *
 * Everything here is idempotent: after a restart of the agent, or when a guest
 * stops and runs again during a migration, a request may be carried out again
 * on a port for which it is in force already.
 */
#include <config.h>

#include "plugin/source-private.h"

#include <net/if.h>
#include <string.h>

#include "openvswitch/vlog.h"
#include "plugin/extension.h"
#include "plugin/joint.h"
#include "plugin/quarantine.h"
#include "plugin/tell.h"
#include "timeval.h"

VLOG_DEFINE_THIS_MODULE(pf_source);

#define OPERATIONAL "operational"

/* ---- The journal, before anything --------------------------------------- */

static void
journal(PfMigration *m)
{
    for (guint i = 0; i < m->ports->len; i++) {
        PfMigrationPort *port = pf_migration_port(m, i);
        g_autoptr(PfPort) row = pf_switch_port(m->agent->sw, port->name);

        if (row && !row->role) {
            g_clear_pointer(&port->undo, g_variant_unref);
            port->undo = pf_switch_undo_image(m->agent->sw, port->name);
            port->ofport = MAX(row->ofport, 0);
        }
        pf_gates_prepare(m->agent->gates, port->bridge);
    }
    pf_migration_hold(m);
    pf_migration_journal(m, PF_REQUEST_TIMEOUT_MS, pf_migration_released, m);
}
/* ---- 7 to 10 ------------------------------------------------------------ */

static void
nic_disconnect(PfMigration *m)
{
    for (guint i = 0; i < m->ports->len; i++) {
        PfMigrationPort *port = pf_migration_port(m, i);
        g_autoptr(PfPort) row = pf_switch_port(m->agent->sw, port->name);
        PfPart *part = pf_part_begin(m, port, "nic-disconnect", NULL, NULL);

        if (row && row->role) {
            pf_part_end(part, NULL);    /* A carrier passes nothing. */
            continue;
        }
        port->done |= PF_DID(PF_REQ_NIC_DISCONNECT);
        pf_agent_set_gate(m->agent, port->bridge, port->name, row, TRUE,
                          pf_migration_timeout(m), pf_part_done, part);
    }
}

static void
nic_delete(PfMigration *m)
{
    for (guint i = 0; i < m->ports->len; i++) {
        PfMigrationPort *port = pf_migration_port(m, i);
        PfChange *change = pf_change_new(FALSE);

        port->done |= PF_DID(PF_REQ_NIC_DELETE);
        pf_change_remove_claims(change, port->name);
        pf_part_submit(pf_part_begin(m, port, "nic-delete", NULL, NULL),
                       change);
    }
}

static void
port_teardown(PfMigration *m)
{
    for (guint i = 0; i < m->ports->len; i++) {
        PfMigrationPort *port = pf_migration_port(m, i);
        PfJoint *joint = pf_joint_new(m, port, "port-teardown", NULL,
                                      pf_change_new(FALSE));

        port->done |= PF_DID(PF_REQ_PORT_TEARDOWN);
        pf_joint_call_all(joint, PF_CALL_PORT_TEARDOWN, TRUE);
        pf_joint_seal(joint, NULL, NULL);
    }
}

static void
port_delete(PfMigration *m)
{
    for (guint i = 0; i < m->ports->len; i++) {
        PfMigrationPort *port = pf_migration_port(m, i);
        PfPart *part = pf_part_begin(m, port, "port-delete", OPERATIONAL,
                                     NULL);
        g_autoptr(PfPort) row = pf_switch_port(m->agent->sw, port->name);
        gboolean first = !strcmp(port->name, m->mailbox);
        PfChange *change;

        if (!row) {
            /* libvirt was faster: nothing to carry anything for. */
            pf_part_end_detail(part, "ok", "libvirt has deleted it");
            continue;
        }
        port->done |= PF_DID(PF_REQ_PORT_DELETE);
        pf_gates_forget(m->agent->gates, port->bridge, port->name);
        change = pf_change_new(TRUE);
        pf_change_make_carrier(change, port->name,
                               first ? pf_switch_iface_id(m->agent->sw,
                                                          port->name,
                                                          PF_KEY_PORTDATA)
                               : NULL, m->record->uuid);
        pf_part_submit(part, change);
    }
}

gboolean
pf_source_is_original(const PfPort *row)
{
    return row && !row->role && !*row->type;
}

/* ---- Undoing ------------------------------------------------------------ */

static const struct {
    PfRequest request;
    const char *name;
    const char *kind;
} undone[] = {                  /* In the order in which they are undone. */
    { PF_REQ_PORT_DELETE, "port-delete", OPERATIONAL },
    { PF_REQ_PORT_TEARDOWN, "port-teardown", NULL },
    { PF_REQ_NIC_DELETE, "nic-delete", NULL },
    { PF_REQ_NIC_DISCONNECT, "nic-disconnect", NULL },
    { PF_REQ_NIC_SAVE, "nic-save", NULL },
};

typedef struct {
    PfMigration *m;
    PfMigrationPort *port;
    PfPart *parts[G_N_ELEMENTS(undone)];
    gboolean keep;              /* nic-save stays as it is. */
    gboolean quarantine;        /* An extension could not put back its part. */
} Undo;

/* The guest goes on here, now or when somebody resumes it. */
static void
tell_returned(PfMigration *m, PfMigrationPort *port)
{
    const PfGuest *guest = pf_guests_find(m->agent->guests,
                                          m->record->domain_uuid);

    if (guest && guest->state == PF_GUEST_RUNNING) {
        pf_migration_tell_port(m, port, PF_CALL_GUEST_RUNS,
                               PF_GUEST_RETURNED);
    } else if (guest) {
        pf_tell_later(m->agent, port->name, PF_GUEST_RETURNED);
    }
}

static void
undo_end(gpointer user, const GError *error)
{
    Undo *u = user;

    for (guint i = 0; i < G_N_ELEMENTS(undone); i++) {
        if (u->parts[i]) {
            pf_part_end_detail(u->parts[i], error ? "failed" : "undone",
                               error ? error->message : NULL);
        }
    }
    if (!error) {
        if (!u->keep && u->port->done) {
            tell_returned(u->m, u->port);
        }
        u->port->done &= u->keep ? PF_DID(PF_REQ_NIC_SAVE) : 0;
    }
    pf_migration_release(u->m, error);
    g_free(u);
}

/* The gate opens, unless the port lacks what its network does not want it to
 * lack: then it waits for a person. */
static void
undo_gate(gpointer user, const GError *error)
{
    Undo *u = user;
    PfMigration *m = u->m;
    g_autoptr(PfPort) row = pf_switch_port(m->agent->sw, u->port->name);

    if (error || !row) {
        undo_end(u, error);
        return;
    }
    if (!pf_source_is_original(row)) {
        g_autoptr(GError) carrier = g_error_new(
            PF_EXTENSION_ERROR, PF_EXTENSION_ERROR_FAILED,
            "port '%s' is still its carrier", u->port->name);

        undo_end(u, carrier);
        return;
    }
    if (u->quarantine) {
        VLOG_ERR("guest '%s', port '%s': quarantined, the gate stays closed",
                 m->record->domain, u->port->name);
        pf_quarantine_mark(m->agent, u->port->name);
    }
    pf_agent_set_gate(m->agent, u->port->bridge, u->port->name, row,
                      u->quarantine || row->quarantined,
                      pf_migration_timeout(m), undo_end, u);
}

/* What brings the rows of 'port' back. */
static PfChange *
undo_change(PfMigration *m, PfMigrationPort *port, gboolean keep)
{
    PfChange *change = pf_change_new(TRUE);

    /* Also if there is no carrier: one may be on its way. */
    pf_change_restore_port(change, port->bridge, port->name, port->undo);
    pf_change_set_claims(change, port->name, port->iface_id, port->mac);
    if (m->mailbox && !strcmp(port->name, m->mailbox)) {
        g_autofree char *text = keep ? pf_source_kept_portdata(m) : NULL;

        pf_change_iface_key(change, port->name, PF_KEY_PORTDATA, text);
    }
    return change;
}

/* Policies and rows are back; now the gate.  What an extension cannot put back
 * is tried again a few times; then the port comes back without it. */
static void
undo_rows(gpointer user, const PfJointFailure *failure)
{
    Undo *u = user;
    PfMigration *m = u->m;

    if (failure && failure->by_extension
        && m->n_failures >= PF_MAX_FAILURES) {
        pf_migration_extension_failed(m, failure->text);
        u->quarantine = pf_network_wants_quarantine(
            pf_agent_network(m->agent, u->port->network), failure->required);
        pf_switch_submit(m->agent->sw, undo_change(m, u->port, u->keep),
                         pf_migration_timeout(m), undo_gate, u);
    } else if (failure) {
        g_autoptr(GError) error = g_error_new_literal(
            PF_EXTENSION_ERROR, PF_EXTENSION_ERROR_FAILED, failure->text);

        if (failure->by_extension) {
            pf_migration_extension_failed(m, failure->text);
        }
        undo_gate(u, error);
    } else {
        undo_gate(u, NULL);
    }
}

static void
undo_port(PfMigration *m, PfMigrationPort *port, gboolean keep)
{
    g_autoptr(PfPort) row = pf_switch_port(m->agent->sw, port->name);
    Undo *u = g_new0(Undo, 1);
    PfJoint *joint;

    u->m = m;
    u->port = port;
    u->keep = keep;
    pf_migration_hold(m);
    for (guint i = 0; i < G_N_ELEMENTS(undone); i++) {
        if (port->done & PF_DID(undone[i].request)
            && !(keep && undone[i].request == PF_REQ_NIC_SAVE)) {
            u->parts[i] = pf_part_begin(m, port, undone[i].name,
                                        undone[i].kind, NULL);
        }
    }
    if (!port->undo || (!row && !if_nametoindex(port->name))) {
        /* Neither port nor tap: libvirt has ended the guest. */
        undo_gate(u, NULL);
        return;
    }
    if (!pf_source_is_original(row)) {
        pf_gates_forget(m->agent->gates, port->bridge, port->name);
    }
    joint = pf_joint_new(m, port, NULL, NULL, undo_change(m, port, keep));
    pf_joint_always_commit(joint);
    pf_joint_all_or_nothing(joint);
    if (port->done & PF_DID(PF_REQ_PORT_TEARDOWN)) {
        pf_joint_call_all(joint, PF_CALL_PORT_RETURN, FALSE);
    }
    pf_joint_seal(joint, undo_rows, u);
}

static void
undo(PfMigration *m, gboolean keep)
{
    g_ptr_array_set_size(m->steps, 0);
    for (guint i = 0; i < m->ports->len; i++) {
        undo_port(m, pf_migration_port(m, i), keep);
    }
    if (!keep) {
        g_clear_pointer(&m->record->level, g_free);
    }
}

/* ---- The end ------------------------------------------------------------ */

/* TRUE if the port was put back just when libvirt had deleted it: it is this
 * NIC's, or nobody's, and there is no tap. */
static gboolean
is_orphan(PfMigration *m, PfMigrationPort *port)
{
    g_autoptr(PfPort) row = pf_switch_port(m->agent->sw, port->name);

    return (pf_source_is_original(row) && !if_nametoindex(port->name)
            && (!row->attached_mac
                || !g_strcmp0(row->attached_mac, port->mac)));
}

/* A port at its end. */
typedef struct {
    PfMigration *m;
    PfMigrationPort *port;
} Leaving;

static void
extensions_gone(gpointer user, const PfJointFailure *failure)
{
    Leaving *leaving = user;
    PfMigration *m = leaving->m;

    if (failure && failure->by_extension) {
        pf_migration_extension_failed(m, failure->text);
    } else if (failure) {
        pf_migration_error(m, "%s", failure->text);
        m->request_failed = TRUE;
    }
    pf_migration_release(m, NULL);
    g_free(leaving);
}

static void
forget_kept(gpointer user, const PfJointFailure *failure)
{
    Leaving *leaving = user;
    PfJoint *joint = pf_joint_new(leaving->m, leaving->port, NULL, NULL,
                                  pf_change_new(FALSE));

    if (failure) {
        VLOG_WARN("guest '%s': %s", leaving->m->record->domain,
                  failure->text);
    }
    pf_joint_call_all(joint, PF_CALL_PORT_GONE, TRUE);
    pf_joint_seal(joint, extensions_gone, leaving);
}

/* The port's rows are gone; now what its extensions kept for the way back, or
 * what nobody has torn down: the guest was faster, or the agent killed. */
static void
rows_gone(gpointer user, const GError *error)
{
    Leaving *leaving = user;
    PfMigration *m = leaving->m;

    if (error) {
        pf_migration_release(m, error);
        g_free(leaving);
    } else if (m->recovered
               || !(leaving->port->done & PF_DID(PF_REQ_PORT_TEARDOWN))) {
        PfJoint *joint = pf_joint_new(m, leaving->port, NULL, NULL,
                                      pf_change_new(FALSE));

        pf_joint_call_all(joint, PF_CALL_PORT_TEARDOWN, TRUE);
        pf_joint_seal(joint, forget_kept, leaving);
    } else {
        forget_kept(leaving, NULL);
    }
}

static void
finish_port(PfMigration *m, PfMigrationPort *port, gboolean is_here)
{
    g_autoptr(PfPort) row = pf_switch_port(m->agent->sw, port->name);
    PfChange *change;
    Leaving *leaving;

    if (is_here && row && !g_strcmp0(row->role, PF_ROLE_CARRIER)
        && !g_strcmp0(row->migration, m->record->uuid)) {
        /* Never leave a guest that is here without a port. */
        undo_port(m, port, FALSE);
        return;
    }
    change = pf_change_new(FALSE);
    if (!is_here) {
        pf_gates_forget(m->agent->gates, port->bridge, port->name);
        pf_change_del_port(change, port->name, PF_ROLE_CARRIER,
                           m->record->uuid);
    }
    if (is_orphan(m, port)) {
        pf_change_del_port(change, port->name, NULL, NULL);
    }
    if (m->mailbox && !strcmp(m->mailbox, port->name)) {
        pf_change_iface_key(change, m->mailbox, PF_KEY_PORTDATA, NULL);
    }
    pf_migration_hold(m);
    if (is_here) {
        if (m->machine.state == PF_S_CLOSE) {
            tell_returned(m, port);     /* After UNDO_KEEP nobody did. */
        }
        pf_switch_submit(m->agent->sw, change, pf_migration_timeout(m),
                         pf_migration_released, m);
        return;
    }
    leaving = g_new0(Leaving, 1);
    leaving->m = m;
    leaving->port = port;
    pf_switch_submit(m->agent->sw, change, pf_migration_timeout(m), rows_gone,
                     leaving);
}

static void
finish(PfMigration *m)
{
    const PfGuest *guest = pf_guests_find(m->agent->guests,
                                          m->record->domain_uuid);
    /* INCOMING may be one that stands still here, see hypervisor.h. */
    gboolean is_here = guest && (guest->state != PF_GUEST_INCOMING
                                 || !pf_agent_migration(
                                     m->agent, m->record->domain_uuid,
                                     PF_ROLE_DESTINATION));

    for (guint i = 0; i < m->ports->len; i++) {
        finish_port(m, pf_migration_port(m, i), is_here);
    }
    if (m->machine.state == PF_S_FINISH
        && (!m->record->level
            || !strcmp(m->record->level, pf_level_name(PF_LEVEL_PRECOPY)))) {
        m->degraded_end = TRUE;
        pf_migration_error(m, "the guest had left before the requests 6 to 10 "
                           "could be carried out: libvirt deleted its ports");
    }
}

void
pf_source_request(PfMigration *m, PfRequest request)
{
    switch ((int) request) {
    case PF_REQ_JOURNAL:
        journal(m);
        break;
    case PF_REQ_PRECOPY:
        pf_source_precopy(m);
        break;
    case PF_REQ_NIC_SAVE:
        pf_source_nic_save(m);
        break;
    case PF_REQ_NIC_DISCONNECT:
        nic_disconnect(m);
        break;
    case PF_REQ_NIC_DELETE:
        nic_delete(m);
        break;
    case PF_REQ_PORT_TEARDOWN:
        port_teardown(m);
        break;
    case PF_REQ_PORT_DELETE:
        port_delete(m);
        break;
    case PF_REQ_MARK_DELETED:
        pf_source_mark_deleted(m);
        break;
    case PF_REQ_UNDO:
        undo(m, FALSE);
        break;
    case PF_REQ_UNDO_KEEP:
        undo(m, TRUE);
        break;
    case PF_REQ_FINISH:
        finish(m);
        break;
    case PF_REQ_ABORT:
        pf_hypervisor_abort(m->agent->hv, m->record->domain_uuid);
        break;
    case PF_REQ_ASK_JOB:
        m->ask_job_ms = time_msec();
        break;
    default:
        g_assert_not_reached();
    }
}
