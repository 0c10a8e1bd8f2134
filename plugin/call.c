/* SPDX-License-Identifier: Apache-2.0
 *
 * call: functions of extensions under way.  See call.h.
 */
#include <config.h>

#include "plugin/call.h"

#include <string.h>

#include "openvswitch/vlog.h"
#include "plugin/extension.h"
#include "plugin/pack.h"
#include "plugin/portdata.h"
#include "plugin/rows.h"
#include "timeval.h"

VLOG_DEFINE_THIS_MODULE(pf_call);

/* Notes of one call, in bytes. */
#define MAX_NOTE 1024

struct PfCall {
    grefcount refs;             /* The host's and the extension's. */
    PfExtensionPort *port;      /* A copy. */
    const PfExtension *extension;
    PfCallFunc func;
    GVariant *policies;
    GVariant *new_policies;
    GVariant *chunks;
    PfGuestRuns reason;
    PfChange *change;
    GArray *allowed_vlans;      /* PfVlanRange, or NULL. */
    char *allowed_vlans_text;

    guint timeout_ms;
    gint64 deadline;            /* time_msec() units. */
    guint timer;                /* GLib source, or 0. */
    gboolean over;              /* 'done' was called. */
    PfCallDone done;
    gpointer user;

    PfCallResult result;
    GVariantBuilder *chunks_said; /* or NULL. */
    guint n_chunks;
    GVariantDict *shown;        /* or NULL. */
    GString *notes;             /* or NULL. */
};

/* Calls that are not over: PfCall *. */
static GQueue under_way = G_QUEUE_INIT;
/* A set of those that their extension has not ended: an extension's mistakes
 * are not to be those of the agent. */
static GHashTable *not_ended;
/* The agent's thread. */
static GThread *own_thread;

/* ---- The functions ------------------------------------------------------ */

static const char *const names[] = {
    [PF_CALL_GET_POLICIES] = "get_policies",
    [PF_CALL_DESCRIBE] = "describe",
    [PF_CALL_VERIFY_SYNTAX] = "verify_syntax",
    [PF_CALL_VERIFY_RANGE] = "verify_range",
    [PF_CALL_VERIFY_APPLICABILITY] = "verify_applicability",
    [PF_CALL_VERIFY_CONFLICT] = "verify_conflict",
    [PF_CALL_PROPERTY_ADD] = "property_add",
    [PF_CALL_PROPERTY_REMOVE] = "property_remove",
    [PF_CALL_NIC_RESTORE] = "nic_restore",
    [PF_CALL_NIC_RESTORE_COMPLETE] = "nic_restore_complete",
    [PF_CALL_NIC_SAVE] = "nic_save",
    [PF_CALL_NIC_SAVE_COMPLETE] = "nic_save_complete",
    [PF_CALL_PORT_TEARDOWN] = "port_teardown",
    [PF_CALL_PORT_RETURN] = "port_return",
    [PF_CALL_PORT_GONE] = "port_gone",
    [PF_CALL_GUEST_RUNS] = "guest_runs",
};

/* The function 'func' of 'e' if it takes a port and nothing else. */
static PfPortFunc *
port_func(const PfExtension *e, PfCallFunc func)
{
    switch ((int) func) {
    case PF_CALL_GET_POLICIES:
        return e->get_policies;
    case PF_CALL_DESCRIBE:
        return e->describe;
    case PF_CALL_NIC_RESTORE_COMPLETE:
        return e->nic_restore_complete;
    case PF_CALL_NIC_SAVE:
        return e->nic_save;
    case PF_CALL_NIC_SAVE_COMPLETE:
        return e->nic_save_complete;
    default:
        return NULL;
    }
}

/* The same for a function that takes policies. */
static PfPoliciesFunc *
policies_func(const PfExtension *e, PfCallFunc func)
{
    switch ((int) func) {
    case PF_CALL_VERIFY_SYNTAX:
        return e->verify_syntax;
    case PF_CALL_VERIFY_RANGE:
        return e->verify_range;
    case PF_CALL_VERIFY_APPLICABILITY:
        return e->verify_applicability;
    case PF_CALL_VERIFY_CONFLICT:
        return e->verify_conflict;
    case PF_CALL_PROPERTY_ADD:
        return e->property_add;
    case PF_CALL_PROPERTY_REMOVE:
        return e->property_remove;
    case PF_CALL_PORT_TEARDOWN:
        return e->port_teardown;
    case PF_CALL_PORT_RETURN:
        return e->port_return;
    case PF_CALL_PORT_GONE:
        return e->port_gone;
    default:
        return NULL;
    }
}

gboolean
pf_call_exists(const PfExtension *e, PfCallFunc func)
{
    switch ((int) func) {
    case PF_CALL_NIC_RESTORE:
        return e->nic_restore != NULL;
    case PF_CALL_GUEST_RUNS:
        return e->guest_runs != NULL;
    default:
        return port_func(e, func) || policies_func(e, func);
    }
}

static void
invoke(PfCall *call)
{
    const PfExtension *e = call->extension;

    if (call->func == PF_CALL_NIC_RESTORE) {
        e->nic_restore(call, call->port, call->policies, call->new_policies,
                       call->chunks);
    } else if (call->func == PF_CALL_GUEST_RUNS) {
        e->guest_runs(call, call->port, call->reason);
    } else if (port_func(e, call->func)) {
        port_func(e, call->func)(call, call->port);
    } else {
        policies_func(e, call->func)(call, call->port, call->policies);
    }
}

/* ---- Life --------------------------------------------------------------- */

/* 'value' or, if it is NULL, an empty one of 'type', as a full reference. */
static GVariant *
value_or_empty(GVariant *value, const char *type)
{
    return (value ? g_variant_ref_sink(value)
            : g_variant_ref_sink(g_variant_new_array(
                g_variant_type_element(G_VARIANT_TYPE(type)), NULL, 0)));
}

PfExtensionPort *
pf_extension_port_copy(const PfExtensionPort *port)
{
    PfExtensionPort *copy = g_new(PfExtensionPort, 1);

    *copy = *port;
    copy->domain = g_strdup(port->domain);
    copy->domain_uuid = g_strdup(port->domain_uuid);
    copy->mac = g_strdup(port->mac);
    copy->name = g_strdup(port->name);
    copy->bridge = g_strdup(port->bridge);
    copy->network = g_strdup(port->network);
    copy->iface_id = g_strdup(port->iface_id);
    copy->options = value_or_empty(port->options, "a{ss}");
    return copy;
}

void
pf_extension_port_free(PfExtensionPort *port)
{
    if (port) {
        g_free((char *) port->domain);
        g_free((char *) port->domain_uuid);
        g_free((char *) port->mac);
        g_free((char *) port->name);
        g_free((char *) port->bridge);
        g_free((char *) port->network);
        g_free((char *) port->iface_id);
        g_variant_unref(port->options);
        g_free(port);
    }
}

static void
call_unref(PfCall *call)
{
    if (!g_ref_count_dec(&call->refs)) {
        return;
    }
    pf_extension_port_free(call->port);
    g_variant_unref(call->policies);
    g_variant_unref(call->new_policies);
    g_variant_unref(call->chunks);
    g_clear_pointer(&call->allowed_vlans, g_array_unref);
    g_free(call->allowed_vlans_text);
    g_clear_pointer(&call->chunks_said, g_variant_builder_unref);
    g_clear_pointer(&call->shown, g_variant_dict_unref);
    if (call->notes) {
        g_string_free(call->notes, TRUE);
    }
    g_clear_error(&call->result.error);
    g_clear_pointer(&call->result.policies, g_variant_unref);
    g_clear_pointer(&call->result.chunks, g_variant_unref);
    g_clear_pointer(&call->result.shown, g_variant_unref);
    g_free(call->result.note);
    pf_problems_free(call->result.problems);
    g_free(call);
}

/* The port of the call, with what its network says about the extension. */
static void
set_port(PfCall *call, const PfCallSpec *spec)
{
    const PfNetwork *network = spec->network;

    call->port = pf_extension_port_copy(spec->port);
    g_variant_unref(call->port->options);
    call->port->required = pf_network_requires(network,
                                               spec->extension->name);
    call->port->options = network
        ? pf_network_options(network, spec->extension->name)
        : value_or_empty(NULL, "a{ss}");
    if (network && network->allowed_vlans) {
        call->allowed_vlans = g_array_ref(network->allowed_vlans);
        call->allowed_vlans_text = g_strdup(network->allowed_vlans_text);
    }
}

/* What was said is complete. */
static void
collect(PfCall *call)
{
    PfCallResult *r = &call->result;

    if (call->chunks_said) {
        r->chunks = g_variant_ref_sink(
            g_variant_builder_end(call->chunks_said));
    }
    if (call->shown) {
        r->shown = g_variant_ref_sink(g_variant_dict_end(call->shown));
    }
    if (call->notes) {
        r->note = g_string_free(g_steal_pointer(&call->notes), FALSE);
    }
}

/* The caller is told; nothing that is said from now on counts. */
static void
finish(PfCall *call)
{
    if (call->over) {
        return;
    }
    call->over = TRUE;
    g_queue_remove(&under_way, call);
    if (call->timer) {
        g_source_remove(call->timer);
        call->timer = 0;
    }
    collect(call);
    if (call->done) {
        call->done(call->user, &call->result);
    }
    call->change = NULL;
    call_unref(call);           /* The host's. */
}

static gboolean
give_up(gpointer call_)
{
    PfCall *call = call_;

    call->timer = 0;
    call->result.error = g_error_new(
        PF_EXTENSION_ERROR, PF_EXTENSION_ERROR_TIMEOUT,
        "extension '%s' did not end %s within %u ms", call->extension->name,
        names[call->func], call->timeout_ms);
    finish(call);
    return G_SOURCE_REMOVE;
}

void
pf_calls_stop(void)
{
    PfCall *call;

    while ((call = g_queue_peek_head(&under_way)) != NULL) {
        call->done = NULL;
        finish(call);
    }
}

void
pf_call_begin(const PfCallSpec *spec, PfCallDone done, gpointer user)
{
    PfCall *call = g_new0(PfCall, 1);

    g_ref_count_init(&call->refs);
    g_ref_count_inc(&call->refs);
    call->extension = spec->extension;
    call->func = spec->func;
    set_port(call, spec);
    call->policies = value_or_empty(spec->policies, "a{sv}");
    call->new_policies = value_or_empty(spec->new_policies, "a{sv}");
    call->chunks = value_or_empty(spec->chunks, "av");
    call->reason = spec->reason;
    call->change = spec->change;
    call->timeout_ms = spec->timeout_ms;
    call->deadline = time_msec() + spec->timeout_ms;
    call->done = done;
    call->user = user;
    call->result.problems = pf_problems_new();

    if (!not_ended) {
        not_ended = g_hash_table_new(NULL, NULL);
        own_thread = g_thread_self();
    }
    g_hash_table_add(not_ended, call);
    g_queue_push_tail(&under_way, call);
    g_ref_count_inc(&call->refs);
    invoke(call);
    if (!call->over) {
        call->timer = g_timeout_add(spec->timeout_ms, give_up, call);
    }
    call_unref(call);
}

/* ---- What extensions say ------------------------------------------------ */

/* Whether an extension may call host->FUNCTION() with 'call'.  If not, the log
 * says so, and no more: the call may be freed. */
static gboolean
is_open(const PfCall *call, const char *function)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(60, 60);

    if (g_thread_self() != own_thread) {
        VLOG_ERR_RL(&rl, "an extension calls host->%s() from a thread of its "
                    "own: nothing is done; g_idle_add() brings it to the "
                    "agent's", function);
        return FALSE;
    }
    if (!g_hash_table_contains(not_ended, call)) {
        VLOG_ERR_RL(&rl, "an extension calls host->%s() with a call that it "
                    "has ended already: nothing is done", function);
        return FALSE;
    }
    return TRUE;
}

static void
host_end(PfCall *call, const GError *error)
{
    if (!is_open(call, "end")) {
        return;
    }
    g_hash_table_remove(not_ended, call);
    if (!call->over) {
        if (error && !call->result.error) {
            g_autofree char *text = pf_problems_clean(error->message);

            call->result.error = g_error_new_literal(error->domain,
                                                     error->code, text);
        }
        finish(call);
    }
    call_unref(call);           /* The extension's. */
}

static guint
host_time_left(const PfCall *call)
{
    if (!is_open(call, "time_left_ms")) {
        return 0;
    }

    gint64 left = call->deadline - time_msec();
    return call->over ? 0 : MAX(left, 0);
}

static gboolean
host_allows_vlan(const PfCall *call, guint vid)
{
    if (!is_open(call, "allows_vlan")) {
        return FALSE;
    }
    if (!call->allowed_vlans) {
        return vid <= 4095;
    }
    for (guint i = 0; i < call->allowed_vlans->len; i++) {
        const PfVlanRange *r = &g_array_index(call->allowed_vlans,
                                              PfVlanRange, i);
        if (vid >= r->first && vid <= r->last) {
            return TRUE;
        }
    }
    return FALSE;
}

static const char *
host_allowed_vlans(const PfCall *call)
{
    return is_open(call, "allowed_vlans") ? call->allowed_vlans_text : NULL;
}

/* The call will have failed: its extension said something that cannot be
 * saved. */
static void
refuse_state(PfCall *call, const char *what, const char *why_)
{
    g_autofree char *why = pf_problems_clean(why_);

    if (!call->result.error) {
        call->result.error = g_error_new(
            PF_EXTENSION_ERROR, PF_EXTENSION_ERROR_FAILED,
            "extension '%s' gave %s that cannot be saved: %s",
            call->extension->name, what, why);
    }
}

/* Whether 'value' can be saved: else no other host would read it, nor what
 * other extensions have beside it. */
static gboolean
check_state(PfCall *call, GVariant *value, const char *what)
{
    g_autoptr(GError) error = NULL;

    if (value && pf_pack_check(value, &error)) {
        return TRUE;
    }
    refuse_state(call, what, error ? error->message : "none at all");
    return FALSE;
}

static void
host_policies(PfCall *call, GVariant *policies_)
{
    g_autoptr(GVariant) policies = policies_ ? g_variant_ref_sink(policies_)
                                             : NULL;

    if (is_open(call, "policies") && !call->over
        && check_state(call, policies, "policies")) {
        g_clear_pointer(&call->result.policies, g_variant_unref);
        call->result.policies = g_variant_ref(policies);
    }
}

static void
host_chunk(PfCall *call, GVariant *chunk_)
{
    g_autoptr(GVariant) chunk = chunk_ ? g_variant_ref_sink(chunk_) : NULL;

    if (is_open(call, "chunk") && !call->over
        && check_state(call, chunk, "a chunk")) {
        if (++call->n_chunks > PF_PORTDATA_MAX_CHUNKS) {
            refuse_state(call, "chunks", "more than "
                         G_STRINGIFY(PF_PORTDATA_MAX_CHUNKS));
            return;
        }
        if (!call->chunks_said) {
            call->chunks_said = g_variant_builder_new(G_VARIANT_TYPE("av"));
        }
        g_variant_builder_add(call->chunks_said, "v", chunk);
    }
}

static void
host_problem(PfCall *call, const char *format, ...)
{
    va_list args;

    if (!is_open(call, "problem") || call->over) {
        return;
    }
    va_start(args, format);
    pf_problems_addv(call->result.problems,
                     call->func == PF_CALL_VERIFY_SYNTAX ? PF_VERIFY_SYNTAX
                     : call->func == PF_CALL_VERIFY_RANGE ? PF_VERIFY_RANGE
                     : call->func == PF_CALL_VERIFY_CONFLICT
                     ? PF_VERIFY_CONFLICT : PF_VERIFY_APPLICABILITY,
                     format, args);
    va_end(args);
}

static void
host_note(PfCall *call, const char *format, ...)
{
    g_autofree char *raw = NULL;
    g_autofree char *text = NULL;
    va_list args;

    if (!is_open(call, "note")) {
        return;
    }
    va_start(args, format);
    raw = g_strdup_vprintf(format, args);
    va_end(args);
    text = pf_problems_clean(raw);
    VLOG_INFO("guest '%s', NIC %s: %s: %s", call->port->domain,
              call->port->mac, call->extension->name, text);
    if (call->over) {
        return;
    }
    if (!call->notes) {
        call->notes = g_string_new(NULL);
    }
    if (call->notes->len + strlen(text) < MAX_NOTE) {
        g_string_append_printf(call->notes, "%s%s",
                               call->notes->len ? "; " : "", text);
    }
}

/* Whether people, and who reads JSON, can be shown 'value' under 'key'. */
static gboolean
may_show(const PfCall *call, const char *key, GVariant *value)
{
    const char *why = NULL;

    if (!*key || key[strspn(key, G_CSET_a_2_z "_")]) {
        why = "a key is of a to z and _";
    } else if (!value || (!g_variant_is_of_type(value, G_VARIANT_TYPE_INT64)
                          && !g_variant_is_of_type(value,
                                                   G_VARIANT_TYPE_STRING))) {
        why = "a value is of type s or x";
    }
    if (why) {
        g_autofree char *shown = g_strescape(key, NULL);

        VLOG_WARN("extension '%s': \"%.64s\" of port '%s' is not shown: %s",
                  call->extension->name, shown, call->port->name, why);
    }
    return !why;
}

static void
host_show(PfCall *call, const char *key, GVariant *value_)
{
    g_autoptr(GVariant) value = value_ ? g_variant_ref_sink(value_) : NULL;

    if (is_open(call, "show") && !call->over && may_show(call, key, value)) {
        if (!call->shown) {
            call->shown = g_variant_dict_new(NULL);
        }
        g_variant_dict_insert_value(call->shown, key, value);
    }
}

/* ---- Changes ------------------------------------------------------------ */

/* What was given to change(). */
typedef struct {
    const PfExtension *extension;
    PfApplyFunc *apply;
    gpointer user;
    GDestroyNotify free_user;   /* or NULL. */
} Named;

static void
named_free(gpointer named_)
{
    Named *named = named_;

    if (named->free_user) {
        named->free_user(named->user);
    }
    g_free(named);
}

/* A PfApplyFunc: that of the extension, whose name stands before its error. */
static gboolean
named_apply(PfTxn *txn, gpointer named_, GError **error)
{
    const Named *named = named_;
    g_autoptr(GError) reason = NULL;

    if (named->apply(txn, named->user, &reason)) {
        return TRUE;
    }
    g_autofree char *text = pf_problems_clean(
        reason ? reason->message : "could not write its rows, without saying "
        "why");
    g_set_error(error, PF_EXTENSION_ERROR, PF_EXTENSION_ERROR_FAILED,
                "%s: %s", named->extension->name, text);
    return FALSE;
}

static void
host_change(PfCall *call, PfApplyFunc *apply, gpointer user,
            GDestroyNotify free_user)
{
    Named named = { NULL, apply, user, free_user };

    if (is_open(call, "change") && !call->over) {
        named.extension = call->extension;
        if (call->change) {
            pf_change_apply_func(call->change, named_apply,
                                 g_memdup2(&named, sizeof named), named_free);
            call->result.changed = TRUE;
            return;
        }
        VLOG_ERR("extension '%s': %s may change nothing in the database",
                 call->extension->name, names[call->func]);
    }
    if (free_user) {
        free_user(user);
    }
}

/* ---- The host ----------------------------------------------------------- */

void
pf_call_fill_host(PfHost *host)
{
    host->end = host_end;
    host->time_left_ms = host_time_left;
    host->allows_vlan = host_allows_vlan;
    host->allowed_vlans = host_allowed_vlans;
    host->policies = host_policies;
    host->chunk = host_chunk;
    host->problem = host_problem;
    host->note = host_note;
    host->show = host_show;
    host->change = host_change;
}
