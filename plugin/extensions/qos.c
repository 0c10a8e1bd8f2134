/* SPDX-License-Identifier: Apache-2.0
 *
 * qos: the extension that owns a port's QoS row and its Queues.
 *
 * Its policies (qos-rows.h) are the rows' contents; it has no run-time data:
 * what a queueing discipline counts is not restored.
 *
 * Rows that libvirt has made for <bandwidth> are libvirt's, which makes them
 * on the destination itself, on the port that is there already.  It never
 * deletes them, and a guest that comes back and finds old ones gets no limit:
 * so those that nobody uses any more are deleted here, on both hosts.
 *
 * Where a network's XML gives a capacity, the min-rates of a bridge's ports
 * may not be more than that.  The port's own rows are the reservation; for
 * libvirt's, which come later, a mark on the Port stands in.  The way back is
 * never refused: what was taken while the guest was about to leave is then
 * above the capacity.
 *
 * Here is what happens when; how rows are made, found and deleted is in
 * qos-rows.c, what is refused in qos-verify.c.
 */
#include <config.h>

#include "plugin/extension.h"

#include "plugin/extensions/qos-rows.h"
#include "plugin/extensions/qos-verify.h"

/* ---- What a change needs ------------------------------------------------ */

struct job {
    PfQosPort port;
    char *network;
    GVariant *policies;         /* Those to have. */
    guint64 capacity;           /* In bit/s; G_MAXUINT64: none given. */
};

static void
job_free(gpointer job_)
{
    struct job *job = job_;

    g_free(job->port.name);
    g_free(job->port.bridge);
    g_free(job->port.domain_uuid);
    g_free(job->network);
    g_variant_unref(job->policies);
    g_free(job);
}

/* Lets 'apply' take part in the request's transaction. */
static void
change(PfCall *call, const PfExtensionPort *port, GVariant *policies,
       PfApplyFunc *apply)
{
    struct job *job = g_new0(struct job, 1);

    job->port.name = g_strdup(port->name);
    job->port.bridge = g_strdup(port->bridge);
    job->port.domain_uuid = g_strdup(port->domain_uuid);
    job->network = g_strdup(port->network);
    job->policies = g_variant_ref(policies);
    job->capacity = pf_qos_capacity(port);
    pf_qos_host->change(call, apply, job, job_free);
}

/* A PfQosPort for a look, of what belongs to 'port'. */
static PfQosPort
borrow(const PfExtensionPort *port)
{
    return (PfQosPort) {
        .name = (char *) port->name,
        .bridge = (char *) port->bridge,
        .domain_uuid = (char *) port->domain_uuid,
    };
}

static void
add_uuid(GHashTable *set, const PfRow *row)
{
    if (row) {
        g_hash_table_add(set, pf_qos_host->uuid(row));
    }
}

static GHashTable *
new_set(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
}

/* ---- Where the guest runs ----------------------------------------------- */

/* Whether 'port' is a guest's port, not a stand-in. */
static gboolean
is_whole(const PfRow *port)
{
    g_autofree char *role = pf_qos_host->get_key(port, "external_ids",
                                                 "portferry-role");

    return g_strcmp0(role, "carrier") && g_strcmp0(role, "mailbox");
}

static void
qos_get_policies(PfCall *call, const PfExtensionPort *port)
{
    PfQosPort p = borrow(port);
    const PfRow *row = pf_qos_port_row(NULL, &p);

    /* Of one that is torn down they are what they were. */
    if (row && is_whole(row)) {
        const PfRow *qos = pf_qos_of(NULL, row);
        g_autoptr(GVariant) policies = pf_qos_policies(
            NULL, qos ? qos : pf_qos_kept(NULL, &p), &p);

        pf_qos_host->policies(call, policies);
    }
    pf_qos_host->end(call, NULL);
}

/* ---- Destination -------------------------------------------------------- */

/* Whether the bridge has room for the policies of 'job'. */
static gboolean
check_capacity(PfTxn *txn, const struct job *job, GError **error)
{
    guint64 own = pf_qos_reserved(job->policies);
    guint64 spent;

    if (job->capacity == G_MAXUINT64 || !own) {
        return TRUE;
    }
    spent = pf_qos_spent(txn, job->port.bridge, job->port.name);
    if (own > job->capacity || spent > job->capacity - own) {
        g_autofree char *text = pf_qos_capacity_text(
            job->port.bridge, job->network, own, spent, job->capacity);

        g_set_error_literal(error, PF_QOS_ERROR, PF_QOS_ERROR_CAPACITY, text);
        return FALSE;
    }
    return TRUE;
}

/* Brings Port row 'port' to the policies of 'job'. */
static gboolean
bring(PfTxn *txn, const PfRow *port, const struct job *job, GError **error)
{
    if (pf_qos_has(txn, pf_qos_of(txn, port), &job->port, job->policies)) {
        return TRUE;
    }
    if (g_variant_lookup(job->policies, "qos", "@a{sv}", NULL)) {
        return pf_qos_attach(txn, port, job->policies, error);
    }
    return pf_qos_host->set(txn, port, "qos", NULL, error);
}

/* Marks Port row 'port' with what libvirt's rows will reserve. */
static gboolean
mark_reserved(PfTxn *txn, const PfRow *port, const struct job *job,
              GError **error)
{
    guint64 own = pf_qos_reserved(job->policies);
    g_autofree char *text = g_strdup_printf("%" G_GUINT64_FORMAT, own);

    if (!g_variant_lookup(job->policies, "libvirt", "b", NULL) || !own
        || job->capacity == G_MAXUINT64) {
        return TRUE;
    }
    return pf_qos_host->set_key(txn, port, "external_ids",
                                PF_QOS_KEY_RESERVED, text, error);
}

/* The port's row, which should be there. */
static const PfRow *
need_port(PfTxn *txn, const struct job *job, GError **error)
{
    const PfRow *port = pf_qos_port_row(txn, &job->port);

    if (!port) {
        g_set_error(error, PF_QOS_ERROR, PF_QOS_ERROR_NO_PORT,
                    "port '%s' is not on bridge '%s' any more",
                    job->port.name, job->port.bridge);
    }
    return port;
}

static gboolean
apply_add(PfTxn *txn, gpointer job_, GError **error)
{
    struct job *job = job_;
    const PfRow *port = need_port(txn, job, error);
    g_autoptr(GHashTable) old = new_set();

    if (!port) {
        return FALSE;
    }
    /* What an earlier stay may have left is nobody's any more. */
    add_uuid(old, pf_qos_of(txn, port));
    return (check_capacity(txn, job, error)
            && pf_qos_unkeep(txn, &job->port, old, error)
            && bring(txn, port, job, error)
            && mark_reserved(txn, port, job, error)
            && pf_qos_clean(txn, old, &job->port, error));
}

static void
qos_property_add(PfCall *call, const PfExtensionPort *port,
                 GVariant *policies)
{
    change(call, port, policies, apply_add);
    pf_qos_host->end(call, NULL);
}

static gboolean
apply_remove(PfTxn *txn, gpointer job_, GError **error)
{
    struct job *job = job_;
    const PfRow *port = pf_qos_port_row(txn, &job->port);
    g_autoptr(GHashTable) old = new_set();

    if (port) {
        add_uuid(old, pf_qos_of(txn, port));
        if (!pf_qos_host->set(txn, port, "qos", NULL, error)
            || !pf_qos_host->set_key(txn, port, "external_ids",
                                     PF_QOS_KEY_RESERVED, NULL, error)) {
            return FALSE;
        }
    }
    return pf_qos_clean(txn, old, &job->port, error);
}

static void
qos_property_remove(PfCall *call, const PfExtensionPort *port,
                    GVariant *policies)
{
    change(call, port, policies, apply_remove);
    pf_qos_host->end(call, NULL);
}

static gboolean
apply_restore(PfTxn *txn, gpointer job_, GError **error)
{
    struct job *job = job_;
    const PfRow *port = need_port(txn, job, error);
    const PfRow *row = pf_qos_of(txn, port);
    g_autoptr(GVariant) has = pf_qos_policies(txn, row, &job->port);
    g_autoptr(GHashTable) old = new_set();

    if (!port) {
        return FALSE;
    }
    add_uuid(old, row);
    return ((pf_qos_reserved(job->policies) <= pf_qos_reserved(has)
             || check_capacity(txn, job, error))
            && bring(txn, port, job, error)
            && pf_qos_clean(txn, old, NULL, error));
}

static void
qos_nic_restore(PfCall *call, const PfExtensionPort *port,
                GVariant *old, GVariant *new_, GVariant *chunks G_GNUC_UNUSED)
{
    PfQosPort p = borrow(port);
    const PfRow *row = pf_qos_of(NULL, pf_qos_port_row(NULL, &p));
    gboolean has_row = g_variant_lookup(new_, "qos", "@a{sv}", NULL);
    gboolean had_row = g_variant_lookup(old, "qos", "@a{sv}", NULL);

    /* Not whether they are the old ones, but whether the port has them:
     * libvirt may have put its own rows in their place.  If it should have
     * done so, the old ones are still there. */
    if (!pf_qos_has(NULL, row, &p, new_) || (had_row && !has_row)) {
        change(call, port, new_, apply_restore);
    }
    pf_qos_host->end(call, NULL);
}

/* libvirt's rows, if it has made any, count by themselves now. */
static gboolean
apply_unmark(PfTxn *txn, gpointer job_, GError **error)
{
    struct job *job = job_;
    const PfRow *port = pf_qos_port_row(txn, &job->port);

    return !port || pf_qos_host->set_key(txn, port, "external_ids",
                                         PF_QOS_KEY_RESERVED, NULL, error);
}

static void
qos_guest_runs(PfCall *call, const PfExtensionPort *port,
               PfGuestRuns reason G_GNUC_UNUSED)
{
    PfQosPort p = borrow(port);
    const PfRow *row = pf_qos_port_row(NULL, &p);
    g_autofree char *mark = row ? pf_qos_host->get_key(
        row, "external_ids", PF_QOS_KEY_RESERVED) : NULL;

    if (mark) {
        g_autoptr(GVariant) none = g_variant_ref_sink(
            g_variant_new("a{sv}", NULL));

        change(call, port, none, apply_unmark);
    }
    pf_qos_host->end(call, NULL);
}

/* ---- Source ------------------------------------------------------------- */

/* The row stays, for the way back, and is marked: only so it is known as this
 * port's when the Port is gone, also to an agent that was started again.  If
 * libvirt was faster and has deleted the Port, policies tell which it was. */
static gboolean
apply_teardown(PfTxn *txn, gpointer job_, GError **error)
{
    struct job *job = job_;
    const PfRow *port = pf_qos_port_row(txn, &job->port);
    const PfRow *row = (port ? pf_qos_of(txn, port)
                        : pf_qos_left(txn, &job->port, job->policies));

    return (!row
            || (pf_qos_keep(txn, row, &job->port, error)
                && (!port || pf_qos_host->set(txn, port, "qos", NULL,
                                              error))));
}

static void
qos_port_teardown(PfCall *call, const PfExtensionPort *port,
                  GVariant *policies)
{
    change(call, port, policies, apply_teardown);
    pf_qos_host->end(call, NULL);
}

/* Gives the returned Port row what was kept for it or, if that has gone
 * meanwhile, the same again. */
static gboolean
reattach(PfTxn *txn, const PfRow *port, const struct job *job, GError **error)
{
    const PfRow *kept = pf_qos_kept(txn, &job->port);

    if (pf_qos_of(txn, port)) {
        return TRUE;
    }
    if (kept) {
        g_autofree char *uuid = pf_qos_host->uuid(kept);

        return pf_qos_host->set(txn, port, "qos",
                                g_variant_new_string(uuid), error);
    }
    return bring(txn, port, job, error);
}

static gboolean
apply_return(PfTxn *txn, gpointer job_, GError **error)
{
    struct job *job = job_;
    const PfRow *port = pf_qos_port_row(txn, &job->port);

    if (!port || !is_whole(port)) {
        return TRUE;
    }
    return (reattach(txn, port, job, error)
            && pf_qos_unkeep(txn, &job->port, NULL, error));
}

static void
qos_port_return(PfCall *call, const PfExtensionPort *port, GVariant *policies)
{
    PfQosPort p = borrow(port);

    if (g_variant_lookup(policies, "libvirt", "b", NULL)
        && !pf_qos_kept(NULL, &p)
        && !pf_qos_of(NULL, pf_qos_port_row(NULL, &p))) {
        pf_qos_host->note(call, "libvirt's QoS rows of port '%s' are gone, it "
                          "returns without a limit: `virsh domiftune' sets it "
                          "again", port->name);
    }
    change(call, port, policies, apply_return);
    pf_qos_host->end(call, NULL);
}

/* What was kept and, if the port was never torn down, what it has left. */
static gboolean
apply_gone(PfTxn *txn, gpointer job_, GError **error)
{
    struct job *job = job_;
    g_autoptr(GHashTable) old = new_set();

    add_uuid(old, pf_qos_left(txn, &job->port, job->policies));
    return (pf_qos_unkeep(txn, &job->port, old, error)
            && pf_qos_clean(txn, old, &job->port, error));
}

static void
qos_port_gone(PfCall *call, const PfExtensionPort *port, GVariant *policies)
{
    change(call, port, policies, apply_gone);
    pf_qos_host->end(call, NULL);
}

/* ---- The extension ------------------------------------------------------ */

static gboolean
qos_init(const PfHost *host, GError **error G_GNUC_UNUSED)
{
    pf_qos_host = host;
    return TRUE;
}

static const char *const columns[] = {
    "Bridge.name", "Bridge.ports",
    "Port.name", "Port.qos", "Port.external_ids",
    "QoS.type", "QoS.queues", "QoS.other_config", "QoS.external_ids",
    "Queue.dscp", "Queue.other_config", "Queue.external_ids",
    NULL
};

const PfExtension pf_extension_qos = {
    .abi = PF_EXTENSION_ABI,
    .name = "qos",
    .version = 1,
    .order = 200,
    .summary = "QoS and its queues",
    .columns = columns,
    .init = qos_init,
    .get_policies = qos_get_policies,
    .verify_syntax = pf_qos_verify_syntax,
    .verify_range = pf_qos_verify_range,
    .verify_applicability = pf_qos_verify_applicability,
    .verify_conflict = pf_qos_verify_conflict,
    .property_add = qos_property_add,
    .property_remove = qos_property_remove,
    .nic_restore = qos_nic_restore,
    .port_teardown = qos_port_teardown,
    .port_return = qos_port_return,
    .port_gone = qos_port_gone,
    .guest_runs = qos_guest_runs,
};
