/* SPDX-License-Identifier: Apache-2.0
 *
 * joint: the extensions' calls of one request for one port.  See joint.h.
 */
#include <config.h>

#include "plugin/joint.h"

#include "openvswitch/vlog.h"
#include "plugin/extension.h"

VLOG_DEFINE_THIS_MODULE(pf_joint);

struct PfJoint {
    PfMigration *m;             /* A reference. */
    PfMigrationPort *port;
    const char *request;
    const char *kind;
    PfChange *change;
    gboolean always_commit;
    gboolean all_or_nothing;
    gboolean only_required;
    gboolean let_go;            /* It holds nothing. */
    gboolean reverse;           /* Changes are made in reverse order. */
    GPtrArray *changed;         /* What calls that have ended change:
                                 * Changed *. */
    PfPart *parts;              /* Joined: they end with the transaction. */
    GString *failed;
    gboolean by_extension;      /* As in PfJointFailure. */
    gboolean required;
    gboolean change_required;   /* One that is required has changes. */
    guint pending;              /* Calls, holds, and one until sealed. */
    PfJointDone done;
    gpointer user;
};

/* A call under way. */
typedef struct {
    PfJoint *joint;
    const PfExtension *extension;
    PfPart *part;               /* or NULL. */
    PfChange *change;           /* What it changes; NULL: it may not. */
} Call;

/* What an extension changes in the joint's transaction. */
typedef struct {
    const PfExtension *extension;
    PfChange *change;
} Changed;

static void
changed_free(gpointer changed_)
{
    Changed *changed = changed_;

    pf_change_free(changed->change);
    g_free(changed);
}

PfJoint *
pf_joint_new(PfMigration *m, PfMigrationPort *port, const char *request,
             const char *kind, PfChange *change)
{
    PfJoint *joint = g_new0(PfJoint, 1);

    joint->m = pf_migration_ref(m);
    joint->port = port;
    joint->request = request;
    joint->kind = kind;
    joint->change = change;
    pf_change_set_name(change, port->name);
    joint->failed = g_string_new(NULL);
    joint->changed = g_ptr_array_new_with_free_func(changed_free);
    joint->pending = 1;
    pf_migration_hold(m);
    return joint;
}

void
pf_joint_always_commit(PfJoint *joint)
{
    joint->always_commit = TRUE;
}

void
pf_joint_all_or_nothing(PfJoint *joint)
{
    joint->all_or_nothing = TRUE;
}

void
pf_joint_only_required(PfJoint *joint)
{
    joint->only_required = TRUE;
}

void
pf_joint_let_go(PfJoint *joint)
{
    joint->let_go = TRUE;
    pf_migration_release(joint->m, NULL);
}

/* Whether the port's network requires 'extension'. */
static gboolean
is_required(const PfJoint *joint, const char *extension)
{
    return pf_network_requires(pf_agent_network(joint->m->agent,
                                                joint->port->network),
                               extension);
}

/* ---- The end ------------------------------------------------------------ */

static void
add_failure(PfJoint *joint, const char *extension, const char *reason)
{
    g_string_append_printf(joint->failed, "%s%s%s%s",
                           joint->failed->len ? "; " : "",
                           extension ? extension : "", extension ? ": " : "",
                           reason);
}

static void
finish(PfJoint *joint)
{
    PfMigration *m = joint->m;
    gboolean let_go = joint->let_go;
    PfJointFailure failure = {
        joint->failed->str, joint->by_extension, joint->required
    };

    if (joint->done) {
        joint->done(joint->user, joint->failed->len ? &failure : NULL);
    }
    g_string_free(joint->failed, TRUE);
    g_ptr_array_unref(joint->changed);
    g_free(joint);
    if (!let_go) {
        pf_migration_release(m, NULL);
    }
    pf_migration_unref(m);
}

static void
end_parts(PfJoint *joint, const char *result, const char *detail)
{
    if (joint->parts) {
        pf_part_end_detail(joint->parts, result, detail);
        joint->parts = NULL;
    }
}

static void
committed(gpointer joint_, const GError *error)
{
    PfJoint *joint = joint_;

    end_parts(joint, error ? "failed" : "ok", error ? error->message : NULL);
    if (error) {
        add_failure(joint, NULL, error->message);
        joint->by_extension |= (joint->changed->len
                                && !g_error_matches(error, PF_SWITCH_ERROR,
                                                    PF_SWITCH_ERROR_TIMEOUT));
        joint->required |= joint->change_required;
    }
    finish(joint);
}

static int
compare_changed(gconstpointer a_, gconstpointer b_)
{
    const Changed *a = *(const Changed *const *) a_;
    const Changed *b = *(const Changed *const *) b_;

    return pf_extension_compare(a->extension, b->extension);
}

/* Adds what extensions change to 'change': in their order, not in that in
 * which their calls have ended. */
static void
add_changes(PfJoint *joint, PfChange *change)
{
    guint n = joint->changed->len;

    g_ptr_array_sort(joint->changed, compare_changed);
    for (guint i = 0; i < n; i++) {
        Changed *changed
            = joint->changed->pdata[joint->reverse ? n - 1 - i : i];

        pf_change_append(change, g_steal_pointer(&changed->change));
    }
}

static void
all_ended(PfJoint *joint)
{
    PfChange *change = g_steal_pointer(&joint->change);
    gboolean wanted = joint->changed->len || joint->always_commit;

    if (joint->failed->len && joint->all_or_nothing) {
        end_parts(joint, "skipped", "another extension failed");
        wanted = FALSE;
    }
    if (wanted) {
        add_changes(joint, change);
        pf_switch_submit(joint->m->agent->sw, change,
                         pf_migration_timeout(joint->m), committed, joint);
    } else {
        pf_change_free(change);
        finish(joint);
    }
}

void
pf_joint_hold(PfJoint *joint)
{
    joint->pending++;
}

void
pf_joint_release(PfJoint *joint)
{
    if (!--joint->pending) {
        all_ended(joint);
    }
}

void
pf_joint_seal(PfJoint *joint, PfJointDone done, gpointer user)
{
    joint->done = done;
    joint->user = user;
    pf_joint_release(joint);
}

/* ---- Calls -------------------------------------------------------------- */

void
pf_joint_fail(PfJoint *joint, PfPart *part, const char *extension,
              const char *reason)
{
    add_failure(joint, extension, reason);
    joint->by_extension = TRUE;
    joint->required |= is_required(joint, extension);
    if (part) {
        pf_part_end_detail(part, "failed", reason);
    }
}

/* What the extension says about its port in passing. */
static void
take_result(Call *call, const PfCallResult *result)
{
    PfMigrationPort *port = call->joint->port;
    const PfExtension *e = call->extension;

    if (result->policies) {
        pf_port_states_set(port->states, e->name, e->version,
                           result->policies);
    }
    if (result->chunks) {
        PfPortState *s = pf_port_states_find(port->states, e->name);

        if (!s) {       /* It has run-time data and no policies. */
            s = pf_port_states_set(port->states, e->name, e->version,
                                   g_variant_new_array(
                                       G_VARIANT_TYPE("{sv}"), NULL, 0));
        }
        g_clear_pointer(&s->chunks, g_variant_unref);
        s->chunks = g_variant_ref(result->chunks);
    }
}

/* What 'call' changes is for the transaction; nothing, if it has failed. */
static void
keep_changes(Call *call, const PfCallResult *result)
{
    PfJoint *joint = call->joint;

    if (result->changed && !result->error) {
        Changed *changed = g_new(Changed, 1);

        changed->extension = call->extension;
        changed->change = g_steal_pointer(&call->change);
        g_ptr_array_add(joint->changed, changed);
        joint->change_required |= is_required(joint, call->extension->name);
    }
    pf_change_free(call->change);
}

static void
call_ended(gpointer call_, const PfCallResult *result)
{
    Call *call = call_;
    PfJoint *joint = call->joint;

    keep_changes(call, result);
    if (result->error && joint->only_required
        && !is_required(joint, call->extension->name)) {
        if (call->part) {
            pf_part_end_detail(call->part, "skipped", result->error->message);
        }
        VLOG_WARN("guest '%s', NIC %s: %s: %s", joint->m->record->domain,
                  joint->port->mac, call->extension->name,
                  result->error->message);
    } else if (result->error) {
        pf_joint_fail(joint, call->part, call->extension->name,
                      result->error->message);
    } else {
        take_result(call, result);
        if (result->note && call->part) {
            pf_part_note(call->part, result->note);
        }
        if (!call->part) {
            ;                   /* Not in the trace. */
        } else if (!result->changed) {
            pf_part_end(call->part, NULL);
        } else if (joint->parts) {
            pf_part_join(joint->parts, call->part);
        } else {
            joint->parts = call->part;
        }
    }
    g_free(call);
    pf_joint_release(joint);
}

/* The functions in which an extension may change the database. */
static gboolean
may_change(PfCallFunc func)
{
    switch ((int) func) {
    case PF_CALL_PROPERTY_ADD:
    case PF_CALL_PROPERTY_REMOVE:
    case PF_CALL_NIC_RESTORE:
    case PF_CALL_PORT_TEARDOWN:
    case PF_CALL_PORT_RETURN:
    case PF_CALL_PORT_GONE:
    case PF_CALL_GUEST_RUNS:
        return TRUE;
    default:
        return FALSE;
    }
}

void
pf_joint_call_spec(PfJoint *joint, PfCallSpec *spec)
{
    PfExtensionPort ep = pf_migration_extension_port(joint->m, joint->port);
    Call *call = g_new0(Call, 1);

    spec->port = &ep;
    spec->network = pf_agent_network(joint->m->agent, joint->port->network);
    spec->timeout_ms = pf_migration_call_timeout(joint->m);
    call->joint = joint;
    call->extension = spec->extension;
    call->change = may_change(spec->func) ? pf_change_new(FALSE) : NULL;
    spec->change = call->change;
    if (joint->request) {
        call->part = pf_part_begin(joint->m, joint->port, joint->request,
                                   joint->kind, spec->extension->name);
    }
    pf_joint_hold(joint);
    pf_call_begin(spec, call_ended, call);
}

void
pf_joint_call(PfJoint *joint, const PfExtension *extension, PfCallFunc func,
              GVariant *policies)
{
    PfCallSpec spec = {
        .extension = extension,
        .func = func,
        .policies = policies,
    };

    if (pf_call_exists(extension, func)) {
        pf_joint_call_spec(joint, &spec);
    }
}

void
pf_joint_call_all(PfJoint *joint, PfCallFunc func, gboolean reverse)
{
    const PfExtension *const *all = pf_extensions();
    guint n = pf_extensions_count();

    joint->reverse = reverse;
    for (guint i = 0; i < n; i++) {
        const PfExtension *e = all[reverse ? n - 1 - i : i];
        const PfPortState *s = pf_port_states_find(joint->port->states,
                                                   e->name);

        /* What a running guest's stamp says need not be what the extension
         * has said. */
        if (s && joint->m->role == PF_ROLE_SOURCE && !s->said) {
            s = NULL;
        }
        pf_joint_call(joint, e, func, s ? s->policies : NULL);
    }
}
