/* SPDX-License-Identifier: Apache-2.0
 *
 * source: the requests that are carried out where a guest leaves, and their
 * undoing.
 *
 * Everything here is idempotent: after a restart of the agent, or when a guest
 * stops and runs again during a migration, a request may be carried out again
 * on a port for which it is in force already.
 */
#include <config.h>

#include "plugin/migration.h"

#include <net/if.h>
#include <string.h>

#include "openvswitch/vlog.h"
#include "timeval.h"

VLOG_DEFINE_THIS_MODULE(pf_source);

#define OPERATIONAL "operational"

#define DID(REQUEST) (1u << (REQUEST))

static PfMigrationPort *
nth_port(PfMigration *m, guint i)
{
    return m->ports->pdata[i];
}

static void
submit(PfMigration *m, PfChange *change, PfPart *part)
{
    pf_switch_submit(m->agent->sw, change, pf_migration_timeout(m),
                     pf_part_done, part);
}

/* ---- PortData ----------------------------------------------------------- */

/* The image of 'port' as it is or, once a carrier has its name, was. */
static GVariant *
present_image(PfMigration *m, PfMigrationPort *port)
{
    g_autoptr(PfPort) row = pf_switch_port(m->agent->sw, port->name);

    if (row && !row->role && !*row->type) {
        return pf_switch_image(m->agent->sw, port->name);
    }
    return port->undo ? g_variant_ref(port->undo) : NULL;
}

/* Brings the policies of 'port' up to date.  A failure leaves those of the
 * stamp and is told in '*error'. */
static gboolean
collect_policies(PfMigration *m, PfMigrationPort *port,
                 const PfExtension *extension, GVariant *image,
                 GError **error)
{
    PfExtensionPort ep = pf_migration_extension_port(m, port, port->name);
    GVariant *policies;

    if (!extension->get_policies) {
        return TRUE;
    }
    policies = extension->get_policies(&ep, image, error);
    if (!policies) {
        return FALSE;
    }
    g_hash_table_insert(port->policies, g_strdup(extension->name),
                        g_variant_ref_sink(policies));
    return TRUE;
}

static char *
encode(PfMigration *m, PfLevel level, GError **error)
{
    g_autoptr(PfPortData) pd = pf_portdata_new(
        level, m->epoch ? m->epoch : "", m->agent->host,
        m->record->domain_uuid);

    for (guint i = 0; i < m->ports->len; i++) {
        PfMigrationPort *port = nth_port(m, i);
        PfPortDataPort *pp = pf_portdata_add_port(
            pd, port->mac, port->name, port->iface_id, port->ofport);

        for (const PfExtension *const *e = pf_extensions(); *e; e++) {
            GVariant *policies = g_hash_table_lookup(port->policies,
                                                     (*e)->name);
            if (policies) {
                pf_portdata_port_add(pp, (*e)->name, (*e)->version, policies,
                                     g_hash_table_lookup(port->saved,
                                                         (*e)->name));
            }
        }
    }
    for (guint i = 0; i < m->steps->len; i++) {
        g_ptr_array_add(pd->steps, pf_step_copy(m->steps->pdata[i]));
    }
    return pf_portdata_encode(pd, error);
}

/* Writes PortData of 'level'; 'done' is called with 'user' when the database
 * has it, or with an error. */
static void
write_portdata(PfMigration *m, PfLevel level, PfChangeDone done,
               gpointer user)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = encode(m, level, &error);

    if (!text) {
        done(user, error);
        return;
    }
    g_free(m->record->level);
    m->record->level = g_strdup(pf_level_name(level));

    PfChange *change = pf_change_new(FALSE);
    pf_change_iface_key(change, m->mailbox, PF_KEY_PORTDATA, text);
    pf_switch_submit(m->agent->sw, change, pf_migration_timeout(m), done,
                     user);
}

/* The same, as a request of its own. */
static void
write_level(PfMigration *m, PfLevel level)
{
    pf_migration_hold(m);
    write_portdata(m, level, pf_migration_released, m);
}

static void
mark_deleted(PfMigration *m)
{
    g_autoptr(PfPort) row = pf_switch_port(m->agent->sw, m->mailbox);

    if (row) {      /* Else libvirt has deleted it, and read what it had. */
        write_level(m, PF_LEVEL_DELETED);
    }
}

static void
precopy(PfMigration *m)
{
    for (guint i = 0; i < m->ports->len; i++) {
        PfMigrationPort *port = nth_port(m, i);
        g_autoptr(GVariant) image = present_image(m, port);

        for (const PfExtension *const *e = pf_extensions(); image && *e; e++) {
            g_autoptr(GError) error = NULL;

            if (!collect_policies(m, port, *e, image, &error)) {
                VLOG_WARN("guest '%s', NIC %s: %s: %s", m->record->domain,
                          port->mac, (*e)->name, error->message);
            }
        }
    }
    write_level(m, PF_LEVEL_PRECOPY);
}

/* ---- The journal, before anything --------------------------------------- */

static void
journal(PfMigration *m)
{
    for (guint i = 0; i < m->ports->len; i++) {
        PfMigrationPort *port = nth_port(m, i);
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

/* ---- 6 ------------------------------------------------------------------ */

static void
save_extension(PfMigration *m, PfMigrationPort *port,
               const PfExtension *extension, GVariant *image)
{
    PfExtensionPort ep = pf_migration_extension_port(m, port, port->name);
    PfPart *part = pf_part_begin(m, port, "nic-save", NULL, extension->name);
    g_autoptr(GError) error = NULL;
    GVariant *data = NULL;

    if (collect_policies(m, port, extension, image, &error)
        && extension->nic_save) {
        data = extension->nic_save(&ep, image, &error);
    }
    if (data) {
        g_hash_table_insert(port->saved, g_strdup(extension->name),
                            g_variant_ref_sink(data));
    }
    pf_part_end(part, error);
}

static void
nic_save(PfMigration *m)
{
    g_ptr_array_set_size(m->steps, 0);
    for (guint i = 0; i < m->ports->len; i++) {
        PfMigrationPort *port = nth_port(m, i);
        g_autoptr(GVariant) image = present_image(m, port);
        g_autoptr(PfPort) row = pf_switch_port(m->agent->sw, port->name);

        /* What the operator changed since is what comes back. */
        if (row && !row->role) {
            GVariant *undo = pf_switch_undo_image(m->agent->sw, port->name);

            if (undo) {
                g_clear_pointer(&port->undo, g_variant_unref);
                port->undo = undo;
            }
        }
        if (!image) {
            pf_part_end_detail(pf_part_begin(m, port, "nic-save", NULL, NULL),
                               "failed", "the port is not in the switch");
            continue;
        }
        for (const PfExtension *const *e = pf_extensions(); *e; e++) {
            save_extension(m, port, *e, image);
        }
        port->done |= DID(PF_REQ_NIC_SAVE);
    }
    if (m->request_failed) {
        return;
    }

    PfPart *complete = NULL;
    for (guint i = 0; i < m->ports->len; i++) {
        PfPart *part = pf_part_begin(m, nth_port(m, i), "nic-save-complete",
                                     NULL, NULL);
        if (complete) {
            pf_part_join(complete, part);
        } else {
            complete = part;
        }
    }
    write_portdata(m, PF_LEVEL_SAVED, pf_part_done, complete);
}

/* ---- 7 to 10 ------------------------------------------------------------ */

static void
nic_disconnect(PfMigration *m)
{
    for (guint i = 0; i < m->ports->len; i++) {
        PfMigrationPort *port = nth_port(m, i);
        g_autoptr(PfPort) row = pf_switch_port(m->agent->sw, port->name);
        PfPart *part = pf_part_begin(m, port, "nic-disconnect", NULL, NULL);

        if (row && row->role) {
            pf_part_end(part, NULL);    /* A carrier passes nothing. */
            continue;
        }
        port->done |= DID(PF_REQ_NIC_DISCONNECT);
        pf_gates_set(m->agent->gates, port->bridge, port->name,
                     row ? row->ofport : 0, row ? row->mac_in_use : NULL,
                     TRUE, pf_migration_timeout(m), pf_part_done, part);
    }
}

static void
nic_delete(PfMigration *m)
{
    for (guint i = 0; i < m->ports->len; i++) {
        PfMigrationPort *port = nth_port(m, i);
        PfChange *change = pf_change_new(FALSE);

        port->done |= DID(PF_REQ_NIC_DELETE);
        pf_change_remove_claims(change, port->name);
        submit(m, change, pf_part_begin(m, port, "nic-delete", NULL, NULL));
    }
}

static void
port_teardown(PfMigration *m)
{
    const PfExtension *const *all = pf_extensions();
    guint n = 0;

    while (all[n]) {
        n++;
    }
    for (guint i = 0; i < m->ports->len; i++) {
        PfMigrationPort *port = nth_port(m, i);
        PfExtensionPort ep = pf_migration_extension_port(m, port, port->name);

        port->done |= DID(PF_REQ_PORT_TEARDOWN);
        for (guint k = n; k-- > 0; ) {
            PfPart *part = pf_part_begin(m, port, "port-teardown", NULL,
                                         all[k]->name);
            g_autoptr(GError) error = NULL;
            PfChange *change;

            if (!all[k]->port_teardown) {
                pf_part_end(part, NULL);
                continue;
            }
            change = pf_change_new(FALSE);
            if (all[k]->port_teardown(&ep, change, &error)) {
                submit(m, change, part);
            } else {
                pf_change_free(change);
                pf_part_end(part, error);
            }
        }
    }
}

static void
port_delete(PfMigration *m)
{
    for (guint i = 0; i < m->ports->len; i++) {
        PfMigrationPort *port = nth_port(m, i);
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
        port->done |= DID(PF_REQ_PORT_DELETE);
        pf_gates_forget(m->agent->gates, port->bridge, port->name);
        change = pf_change_new(TRUE);
        pf_change_make_carrier(change, port->name,
                               first ? pf_switch_iface_id(m->agent->sw,
                                                          port->name,
                                                          PF_KEY_PORTDATA)
                               : NULL, m->record->uuid);
        submit(m, change, part);
    }
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
} Undo;

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
        u->port->done &= u->keep ? DID(PF_REQ_NIC_SAVE) : 0;
    }
    pf_migration_release(u->m, error);
    g_free(u);
}

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
    pf_gates_set(m->agent->gates, u->port->bridge, u->port->name, row->ofport,
                 row->mac_in_use, FALSE, pf_migration_timeout(m), undo_end, u);
}

static void
undo_port(PfMigration *m, PfMigrationPort *port, gboolean keep)
{
    g_autoptr(PfPort) row = pf_switch_port(m->agent->sw, port->name);
    gboolean is_original = row && !row->role && !*row->type;
    PfChange *change = pf_change_new(!is_original);
    Undo *u = g_new0(Undo, 1);

    u->m = m;
    u->port = port;
    u->keep = keep;
    pf_migration_hold(m);
    for (guint i = 0; i < G_N_ELEMENTS(undone); i++) {
        if (port->done & DID(undone[i].request)
            && !(keep && undone[i].request == PF_REQ_NIC_SAVE)) {
            u->parts[i] = pf_part_begin(m, port, undone[i].name,
                                        undone[i].kind, NULL);
        }
    }
    if (!port->undo || (!row && !if_nametoindex(port->name))) {
        /* Neither port nor tap: libvirt has ended the guest. */
        pf_change_free(change);
        undo_gate(u, NULL);
        return;
    }
    if (!is_original) {
        pf_gates_forget(m->agent->gates, port->bridge, port->name);
        pf_change_restore_port(change, port->bridge, port->name, port->undo);
    }
    pf_change_set_claims(change, port->name, port->iface_id, port->mac);
    if (!keep && m->mailbox && !strcmp(port->name, m->mailbox)) {
        pf_change_iface_key(change, port->name, PF_KEY_PORTDATA, NULL);
    }
    pf_switch_submit(m->agent->sw, change, pf_migration_timeout(m), undo_gate,
                     u);
}

static void
undo(PfMigration *m, gboolean keep)
{
    g_ptr_array_set_size(m->steps, 0);
    for (guint i = 0; i < m->ports->len; i++) {
        undo_port(m, nth_port(m, i), keep);
    }
    if (!keep) {
        g_clear_pointer(&m->record->level, g_free);
    }
}

/* ---- The end ------------------------------------------------------------ */

/* TRUE if the port was put back just when libvirt had deleted it: it is this
 * NIC's, and there is no tap. */
static gboolean
is_orphan(PfMigration *m, PfMigrationPort *port)
{
    g_autoptr(PfPort) row = pf_switch_port(m->agent->sw, port->name);

    return (row && !g_strcmp0(row->attached_mac, port->mac)
            && !if_nametoindex(port->name));
}

static void
finish(PfMigration *m)
{
    PfChange *change = pf_change_new(FALSE);
    gboolean is_here = pf_guests_find(m->agent->guests,
                                      m->record->domain_uuid) != NULL;

    for (guint i = 0; i < m->ports->len; i++) {
        PfMigrationPort *port = nth_port(m, i);

        pf_gates_forget(m->agent->gates, port->bridge, port->name);
        pf_change_del_port(change, port->name, PF_ROLE_CARRIER,
                           m->record->uuid);
        if (!is_here && is_orphan(m, port)) {
            pf_change_del_port(change, port->name, NULL, NULL);
        }
    }
    if (m->mailbox) {
        pf_change_iface_key(change, m->mailbox, PF_KEY_PORTDATA, NULL);
    }
    if (m->machine.state == PF_S_FINISH
        && (!m->record->level
            || !strcmp(m->record->level, pf_level_name(PF_LEVEL_PRECOPY)))) {
        m->degraded_end = TRUE;
        pf_migration_error(m, "the guest had left before the requests 6 to 10 "
                           "could be carried out: libvirt deleted its ports");
    }
    pf_migration_hold(m);
    pf_switch_submit(m->agent->sw, change, pf_migration_timeout(m),
                     pf_migration_released, m);
}

void
pf_source_request(PfMigration *m, PfRequest request)
{
    switch ((int) request) {
    case PF_REQ_JOURNAL:
        journal(m);
        break;
    case PF_REQ_PRECOPY:
        precopy(m);
        break;
    case PF_REQ_NIC_SAVE:
        nic_save(m);
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
        mark_deleted(m);
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
