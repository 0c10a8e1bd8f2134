/* SPDX-License-Identifier: Apache-2.0
 *
 * migration: feeding the machine, journal, trace, answers.  See migration.h.
 */
#include <config.h>

#include "plugin/migration.h"

#include <string.h>

#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "plugin/codec.h"
#include "plugin/extension.h"
#include "plugin/fault.h"
#include "plugin/joint.h"
#include "plugin/marker.h"
#include "timeval.h"
#include "unixctl.h"

VLOG_DEFINE_THIS_MODULE(pf_migration);

/* libvirt calls `prepare' within milliseconds of `migrate'. */
#define CHECKED_EXPIRES_MS 30000
#define RETRY_MS 500
/* Bytes of what verification has found, in one line. */
#define MAX_ERROR 4000
#define ASK_JOB_MS 1000
/* Twice this and PF_HOOK_TIMEOUT_MAX_MS are within a hook's own deadline. */
#define TIDY_UP_MS 400
/* What one extension may keep a guest waiting in its switchover. */
#define PRECOPY_CALL_MS 500
#define SAVE_CALL_MS 1000
#define RESTORE_CALL_MS 1000

static void start_request(PfMigration *, PfRequest);

/* ---- Life --------------------------------------------------------------- */

static void
port_free(gpointer p)
{
    PfMigrationPort *port = p;

    g_free(port->mac);
    g_free(port->name);
    g_free(port->bridge);
    g_free(port->network);
    g_free(port->iface_id);
    g_free(port->check_name);
    pf_port_states_free(port->states);
    g_clear_pointer(&port->undo, g_variant_unref);
    g_free(port);
}

PfMigration *
pf_migration_new(PfAgent *agent, PfRole role, const char *domain,
                 const char *domain_uuid)
{
    PfMigration *m = g_new0(PfMigration, 1);

    m->agent = agent;
    g_ref_count_init(&m->refs);
    m->role = role;
    pf_machine_init(&m->machine, role);
    m->ports = g_ptr_array_new_with_free_func(port_free);
    m->steps = g_ptr_array_new_with_free_func((GDestroyNotify) pf_step_free);
    g_queue_init(&m->events);
    m->hook_timeout_ms = PF_HOOK_TIMEOUT_DEFAULT_MS;
    m->check_timeout_ms = PF_VALIDATION_TIMEOUT_DEFAULT_MS;

    m->record = g_new0(PfJournalMigration, 1);
    m->record->uuid = g_uuid_string_random();
    m->record->role = g_strdup(pf_role_name(role));
    m->record->domain = g_strdup(domain);
    m->record->domain_uuid = g_strdup(domain_uuid);
    m->record->outcome = g_strdup("running");
    m->record->started_us = g_get_real_time();
    m->record->ports = g_ptr_array_new_with_free_func(
        (GDestroyNotify) pf_journal_port_free);
    return m;
}

PfMigration *
pf_migration_ref(PfMigration *m)
{
    g_ref_count_inc(&m->refs);
    return m;
}

void
pf_migration_unref(PfMigration *m)
{
    if (!m || !g_ref_count_dec(&m->refs)) {
        return;
    }
    if (m->hook) {
        unixctl_command_reply_error(m->hook, "portferryd is ending");
    }
    g_ptr_array_unref(m->ports);
    g_ptr_array_unref(m->steps);
    g_queue_clear(&m->events);
    pf_journal_migration_free(m->record);
    pf_portdata_free(m->portdata);
    g_free(m->error);
    g_free(m->epoch);
    g_free(m->hook_reply);
    g_free(m->mailbox);
    g_free(m);
}

PfMigrationPort *
pf_migration_port(const PfMigration *m, guint i)
{
    return m->ports->pdata[i];
}

PfMigrationPort *
pf_migration_add_port(PfMigration *m, const char *mac, const char *name,
                      const char *bridge, const char *network,
                      const char *iface_id)
{
    PfMigrationPort *port = g_new0(PfMigrationPort, 1);
    g_auto(GStrv) digits = g_strsplit(mac, ":", -1);
    g_autofree char *hex = g_strjoinv("", digits);

    port->mac = g_strdup(mac);
    port->name = g_strdup(name);
    port->bridge = g_strdup(bridge);
    port->network = g_strdup(network);
    port->iface_id = g_strdup(iface_id);
    port->check_name = g_strconcat("pfv", hex, NULL);
    port->states = pf_port_states_new();
    g_ptr_array_add(m->ports, port);
    return port;
}

PfExtensionPort
pf_migration_extension_port(PfMigration *m, PfMigrationPort *port)
{
    g_autoptr(PfPort) row = pf_switch_port(m->agent->sw, port->name);
    gboolean ours = row && row->ofport > 0
        && (m->role == PF_ROLE_SOURCE
            || !g_strcmp0(row->migration, m->record->uuid));
    gint64 ofport = ours ? row->ofport : port->ofport;

    if (!ours && ofport && pf_switch_ofport_taken(m->agent->sw, port->bridge,
                                                  ofport, port->name)) {
        ofport = 0;     /* It was this port's; by now another has it. */
    }
    return (PfExtensionPort) {
        .domain = m->record->domain,
        .domain_uuid = m->record->domain_uuid,
        .mac = port->mac,
        .name = port->name,
        .bridge = port->bridge,
        .network = port->network,
        .iface_id = port->iface_id,
        .mtu = port->mtu,
        .ofport = ofport,
        .is_here = (m->role == PF_ROLE_SOURCE
                    || m->machine.state > PF_D_CHECKED),
    };
}

void
pf_migration_extension_failed(PfMigration *m, const char *failed)
{
    pf_migration_error(m, "%s", failed);
    m->extension_failed = TRUE;
    m->request_failed |= m->n_failures < PF_MAX_FAILURES;
}

static void
told(gpointer user, const PfJointFailure *failure)
{
    PfMigration *m = user;

    if (failure) {
        VLOG_WARN("%s of guest '%s': %s", m->record->role, m->record->domain,
                  failure->text);
    }
}

void
pf_migration_tell_port(PfMigration *m, PfMigrationPort *port,
                       PfCallFunc func, PfGuestRuns reason)
{
    PfJoint *joint = pf_joint_new(m, port, NULL, NULL, pf_change_new(FALSE));

    pf_joint_let_go(joint);
    for (const PfExtension *const *e = pf_extensions(); *e; e++) {
        PfCallSpec spec = {
            .extension = *e,
            .func = func,
            .reason = reason,
        };

        if (pf_call_exists(*e, func)) {
            pf_joint_call_spec(joint, &spec);
        }
    }
    pf_joint_seal(joint, told, m);
}

void
pf_migration_tell(PfMigration *m, PfCallFunc func, PfGuestRuns reason)
{
    for (guint i = 0; i < m->ports->len; i++) {
        pf_migration_tell_port(m, m->ports->pdata[i], func, reason);
    }
}

/* What is left for the hook that waits; a little even if it is over, to tidy
 * up in and to answer. */
static guint
hook_time_left(const PfMigration *m)
{
    gint64 left = m->deadline_ms - time_msec();

    return MAX(left, TIDY_UP_MS);
}

guint
pf_migration_timeout(const PfMigration *m)
{
    switch ((int) m->request) {
    case PF_REQ_CHECK_CREATE:
    case PF_REQ_CHECK_VERIFY:
    case PF_REQ_CHECK_DELETE:
    case PF_REQ_PORT_CREATE:
    case PF_REQ_PROPERTY_ADD:
    case PF_REQ_TAKE_TAP:
        return hook_time_left(m);
    default:
        return PF_REQUEST_TIMEOUT_MS;
    }
}

guint
pf_migration_call_timeout(const PfMigration *m)
{
    switch ((int) m->request) {
    case PF_REQ_PRECOPY:
        return PRECOPY_CALL_MS;
    case PF_REQ_NIC_SAVE:
        return SAVE_CALL_MS;
    case PF_REQ_NIC_RESTORE:
        return RESTORE_CALL_MS;
    default:
        return pf_migration_timeout(m);
    }
}

void
pf_migration_error(PfMigration *m, const char *format, ...)
{
    va_list args;

    if (!m->error) {
        va_start(args, format);
        m->error = g_strdup_vprintf(format, args);
        va_end(args);
        VLOG_WARN("%s of guest '%s': %s", m->record->role, m->record->domain,
                  m->error);
    }
}

/* ---- The journal -------------------------------------------------------- */

char *
pf_migration_port_format(PfMigration *m, PfMigrationPort *port)
{
    GVariantDict dict;

    g_variant_dict_init(&dict, NULL);
    if (port->iface_id) {
        g_variant_dict_insert(&dict, "iface-id", "s", port->iface_id);
    }
    if (m->mailbox) {
        g_variant_dict_insert(&dict, "mailbox", "s", m->mailbox);
        g_variant_dict_insert(&dict, "mailbox-is-ours", "b",
                              m->mailbox_is_ours);
    }
    g_variant_dict_insert(&dict, "wish", "x", port->wish);
    g_variant_dict_insert(&dict, "ofport", "x", port->ofport);
    g_variant_dict_insert(&dict, "ifindex", "x", (gint64) port->ifindex);
    g_variant_dict_insert_value(&dict, "extensions",
                                pf_port_states_format(port->states));
    if (port->undo) {
        g_variant_dict_insert_value(&dict, "undo", port->undo);
    }
    return pf_codec_format(g_variant_dict_end(&dict));
}

gboolean
pf_migration_port_parse(PfMigration *m, PfMigrationPort *port,
                        const char *text, GError **error)
{
    g_autoptr(GVariant) dict = pf_codec_parse(text, error);
    g_autoptr(GVariant) states = NULL;
    gint64 ifindex;

    if (!dict) {
        return FALSE;
    }
    g_free(port->iface_id);
    port->iface_id = g_strdup(pf_codec_string(dict, "iface-id"));
    pf_codec_integer(dict, "wish", &port->wish);
    pf_codec_integer(dict, "ofport", &port->ofport);
    if (pf_codec_integer(dict, "ifindex", &ifindex)) {
        port->ifindex = ifindex;
    }
    if (!m->mailbox) {
        m->mailbox = g_strdup(pf_codec_string(dict, "mailbox"));
        g_variant_lookup(dict, "mailbox-is-ours", "b", &m->mailbox_is_ours);
    }
    g_clear_pointer(&port->undo, g_variant_unref);
    port->undo = pf_codec_dict(dict, "undo");
    states = pf_codec_dict(dict, "extensions");
    return !states || pf_port_states_parse(port->states, states, error);
}

void
pf_migration_journal(PfMigration *m, guint timeout_ms, PfJournalDone done,
                     gpointer user)
{
    PfJournalMigration *r = m->record;

    g_free(r->state);
    r->state = g_strdup(pf_state_name(m->machine.state));
    g_free(r->error);
    r->error = g_strdup(m->error);
    g_free(r->epoch);
    r->epoch = g_strdup(m->epoch);

    g_ptr_array_set_size(r->ports, 0);
    for (guint i = 0; i < m->ports->len; i++) {
        PfMigrationPort *port = m->ports->pdata[i];
        g_autofree char *data = pf_migration_port_format(m, port);

        g_ptr_array_add(r->ports,
                        pf_journal_port_new(port->mac, port->name,
                                            port->bridge, port->network,
                                            data));
    }
    pf_journal_put(m->agent->journal, r, timeout_ms, done, user);
}

static void
write_step(PfMigration *m, const PfStep *measured)
{
    PfStep step = *measured;

    step.seq = ++m->n_steps;
    pf_journal_step(m->agent->journal, m->record->uuid, &step);
    VLOG_DBG("%s: %s %s%s%s: %s%s%s", m->record->domain, step.port,
             step.request, step.extension ? " " : "",
             step.extension ? step.extension : "", step.result,
             step.detail ? ": " : "", step.detail ? step.detail : "");
}

void
pf_migration_source_steps(PfMigration *m, GPtrArray *steps)
{
    for (guint i = 0; i < steps->len; i++) {
        write_step(m, steps->pdata[i]);
    }
}

/* ---- Parts of a request ------------------------------------------------- */

struct PfPart {
    PfMigration *m;             /* A reference. */
    char *port;                 /* MAC. */
    const char *request;
    const char *kind;
    char *extension;
    gint64 wall_us;
    gint64 start_us;
    char *note;                 /* or NULL. */
    PfPart *joined;             /* Ends with this one. */
};

PfPart *
pf_part_begin(PfMigration *m, PfMigrationPort *port, const char *request,
              const char *kind, const char *extension)
{
    PfPart *part = g_new0(PfPart, 1);

    part->m = pf_migration_ref(m);
    part->port = g_strdup(port->mac);
    part->request = request;
    part->kind = kind;
    part->extension = g_strdup(extension);
    part->wall_us = g_get_real_time();
    part->start_us = g_get_monotonic_time();
    pf_migration_hold(m);
    return part;
}

void
pf_part_join(PfPart *part, PfPart *other)
{
    while (part->joined) {
        part = part->joined;
    }
    part->joined = other;
}

PfMigration *
pf_part_migration(const PfPart *part)
{
    return part->m;
}

void
pf_part_note(PfPart *part, const char *note)
{
    g_free(part->note);
    part->note = g_strdup(note);
}

/* Of verification everything is told, of other requests the first failure. */
static void
note_failure(PfPart *part, const char *reason)
{
    PfMigration *m = part->m;
    g_autofree char *text = g_strdup_printf(
        "NIC %s, %s%s%s: %s", part->port, part->request,
        part->extension ? " " : "", part->extension ? part->extension : "",
        reason);

    if (!m->error || m->request != PF_REQ_CHECK_VERIFY) {
        pf_migration_error(m, "%s", text);
    } else if (strlen(m->error) + strlen(text) < MAX_ERROR) {
        char *all = g_strdup_printf("%s; %s", m->error, text);

        g_free(m->error);
        m->error = all;
    }
}

void
pf_part_end_detail(PfPart *part, const char *result, const char *detail)
{
    PfMigration *m = part->m;
    const char *said = !detail && !strcmp(result, "ok") ? part->note : detail;
    PfStep step = {
        .time_us = part->wall_us,
        .us = g_get_monotonic_time() - part->start_us,
        .host = m->agent->host,
        .port = part->port,
        .request = (char *) part->request,
        .kind = (char *) part->kind,
        .extension = part->extension,
        .result = (char *) result,
        .detail = (char *) said,
    };

    write_step(m, &step);
    if (m->role == PF_ROLE_SOURCE && strcmp(result, "undone")) {
        g_ptr_array_add(m->steps, pf_step_copy(&step));
    }
    if (!strcmp(result, "failed")) {
        note_failure(part, detail ? detail : "failed");
        m->request_failed = TRUE;
    }
    if (part->joined) {
        pf_part_end_detail(part->joined, result, detail);
    }
    pf_migration_release(m, NULL);
    g_free(part->port);
    g_free(part->extension);
    g_free(part->note);
    pf_migration_unref(m);
    g_free(part);
}

void
pf_part_end(PfPart *part, const GError *error)
{
    pf_part_end_detail(part, error ? "failed" : "ok",
                       error ? error->message : NULL);
}

void
pf_part_done(gpointer part, const GError *error)
{
    pf_part_end(part, error);
}

void
pf_part_submit(PfPart *part, PfChange *change)
{
    PfMigration *m = part->m;

    pf_switch_submit(m->agent->sw, change, pf_migration_timeout(m),
                     pf_part_done, part);
}

void
pf_migration_hold(PfMigration *m)
{
    pf_migration_ref(m);
    m->pending++;
}

void
pf_migration_release(PfMigration *m, const GError *error)
{
    if (error) {
        pf_migration_error(m, "%s: %s", pf_request_name(m->request),
                           error->message);
        m->request_failed = TRUE;
    }
    g_assert(m->pending > 0);
    /* What an idle state asks for is over at once, and nobody waits for it. */
    if (!--m->pending && pf_state_is_busy(m->machine.state)) {
        m->n_failures = m->extension_failed ? m->n_failures + 1 : 0;
        pf_fault_after(m->machine.state);
        if (pf_fault_fails(m->machine.state)) {
            pf_migration_error(m, "%s: a test's fault",
                               pf_request_name(m->request));
            m->request_failed = TRUE;
        }
        pf_migration_event(m, m->request_failed ? PF_EV_FAILED
                              : m->degraded_end ? PF_EV_DONE_DEGRADED
                              : PF_EV_DONE);
    }
    pf_migration_unref(m);
}

void
pf_migration_released(gpointer migration, const GError *error)
{
    pf_migration_release(migration, error);
}

/* ---- Answers to hooks --------------------------------------------------- */

static void
accept_hook(gpointer user, const GError *error)
{
    PfMigration *m = user;
    struct unixctl_conn *conn = m->hook;

    m->hook = NULL;
    if (conn && !error) {
        unixctl_command_reply(conn, m->hook_reply);
    } else if (conn) {
        /* An agent that restarts now would not know that it had said yes. */
        unixctl_command_reply_error(conn, error->message);
    }
    g_clear_pointer(&m->hook_reply, g_free);
    pf_migration_unref(m);
}

static void
refuse_hook(PfMigration *m)
{
    g_autofree char *text = g_strdup_printf(
        "guest '%s': %s", m->record->domain,
        m->error ? m->error : "the migration is over");

    if (m->hook) {
        unixctl_command_reply_error(m->hook, text);
        m->hook = NULL;
    }
    g_clear_pointer(&m->hook_reply, g_free);
}

/* ---- The machine -------------------------------------------------------- */

static void
end(PfMigration *m)
{
    PfJournalMigration *r = m->record;

    g_free(r->outcome);
    r->outcome = g_strdup(pf_state_name(m->machine.state));
    r->ended_us = g_get_real_time();
    if (m->role == PF_ROLE_DESTINATION
        && !pf_agent_migration(m->agent, r->domain_uuid, m->role)) {
        pf_marker_clear(r->domain);
    }
    VLOG_INFO("%s of guest '%s': %s%s%s", r->role, r->domain, r->outcome,
              m->error ? ": " : "", m->error ? m->error : "");
}

static void
start_request(PfMigration *m, PfRequest request)
{
    g_assert(!m->pending);
    m->request = request;
    m->request_failed = FALSE;
    m->extension_failed = FALSE;
    m->degraded_end = FALSE;
    pf_migration_hold(m);
    pf_fault_before(m->machine.state);
    if (m->role == PF_ROLE_SOURCE) {
        pf_source_request(m, request);
    } else {
        pf_destination_request(m, request);
    }
    pf_migration_release(m, NULL);
}

static gboolean
wants_job(PfState state)
{
    return (state == PF_S_PRECOPY || state == PF_S_RETURNED
            || state == PF_S_KEPT || state == PF_S_PAUSED);
}

/* Says why the migration ends where nothing has gone wrong with a request. */
static void
note_reason(PfMigration *m, const PfTransition *t)
{
    if (m->error) {
        return;
    }
    if (m->recovering && (t->answer == PF_ANSWER_REFUSE
                          || t->to == PF_D_CHECK_REFUSE)) {
        pf_migration_error(m, "the agent was restarted in state %s",
                           pf_state_name(t->from));
    } else if (t->to == PF_S_CLEAR) {
        pf_migration_error(m, "the migration was called off, the guest is "
                           "still here");
    } else if (t->to == PF_S_CLOSE) {
        pf_migration_error(m, "the guest has ended before its migration had");
    }
}

static void
perform(PfMigration *m, const PfTransition *t)
{
    gint64 now = time_msec();

    note_reason(m, t);

    VLOG_DBG("%s of '%s': %s -> %s (%s)", m->record->role, m->record->domain,
             pf_state_name(t->from), pf_state_name(t->to),
             pf_request_name(t->request));
    if (pf_state_is_end(t->to)) {
        end(m);
    }
    if (t->to == PF_D_READY) {
        pf_marker_clear(m->record->domain);     /* No more hook may fail. */
    }
    m->expires_ms = t->to == PF_D_CHECKED ? now + CHECKED_EXPIRES_MS : 0;
    m->ask_job_ms = wants_job(t->to) ? now + ASK_JOB_MS : 0;

    if (t->answer == PF_ANSWER_ACCEPT && m->hook) {
        pf_migration_journal(m, hook_time_left(m), accept_hook,
                             pf_migration_ref(m));
    } else if (t->from != t->to) {
        pf_migration_journal(m, 0, NULL, NULL);
    }
    if (t->answer == PF_ANSWER_REFUSE) {
        refuse_hook(m);
    }

    if (t->request != PF_REQ_NONE) {
        if (t->from == t->to && pf_state_is_busy(t->to)) {
            m->retry = t->request;
            m->retry_ms = now + RETRY_MS;
        } else {
            start_request(m, t->request);
        }
    }
}

void
pf_migration_event(PfMigration *m, PfEvent event)
{
    g_queue_push_tail(&m->events, GUINT_TO_POINTER(event));
    poll_immediate_wake();
}

static void
job_answered(gpointer user, PfGuestJob job)
{
    PfMigration *m = user;
    PfGuest *guest = pf_guests_find(m->agent->guests, m->record->domain_uuid);

    if (!guest || !wants_job(m->machine.state)) {
        ;                       /* It is over. */
    } else if (job == PF_JOB_NONE) {
        pf_migration_event(m, PF_EV_JOB_GONE);
    } else if (job == PF_JOB_NO_GUEST) {
        /* It has left, and has not stayed as one without a job has. */
        pf_agent_look(m);
    }
    pf_migration_unref(m);
}

void
pf_migration_run(PfMigration *m)
{
    gint64 now = time_msec();
    PfTransition t;

    pf_migration_ref(m);
    if (m->retry_ms && now >= m->retry_ms) {
        m->retry_ms = 0;
        start_request(m, m->retry);
    }
    if (m->expires_ms && now >= m->expires_ms) {
        m->expires_ms = 0;
        pf_migration_error(m, "libvirt went no further than the check: an "
                           "offline migration, or it gave up");
        pf_migration_event(m, PF_EV_EXPIRED);
    }
    if (m->ask_job_ms && now >= m->ask_job_ms) {
        m->ask_job_ms = now + ASK_JOB_MS;
        pf_hypervisor_job(m->agent->hv, m->record->domain_uuid, job_answered,
                          pf_migration_ref(m));
    }
    while (!g_queue_is_empty(&m->events)) {
        PfEvent event = GPOINTER_TO_UINT(g_queue_pop_head(&m->events));

        m->recovering = event == PF_EV_RECOVER;
        if (pf_machine_event(&m->machine, event, &t)) {
            perform(m, &t);
        }
        while (pf_machine_next(&m->machine, &t)) {
            perform(m, &t);
        }
    }
    pf_migration_unref(m);
}

void
pf_migration_wait(PfMigration *m)
{
    if (!g_queue_is_empty(&m->events)) {
        poll_immediate_wake();
    }
    if (m->retry_ms) {
        poll_timer_wait_until(m->retry_ms);
    }
    if (m->expires_ms) {
        poll_timer_wait_until(m->expires_ms);
    }
    if (m->ask_job_ms) {
        poll_timer_wait_until(m->ask_job_ms);
    }
}

gboolean
pf_migration_is_over(const PfMigration *m)
{
    return (pf_state_is_end(m->machine.state) && !m->pending && !m->hook
            && g_queue_is_empty((GQueue *) &m->events));
}
