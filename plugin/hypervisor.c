/* SPDX-License-Identifier: Apache-2.0
 *
 * hypervisor: this host's libvirt.
 *
 * This file is the side of the main thread: what is asked, when, on which
 * thread, and what becomes of the answers.  The calls themselves are in
 * hypervisor-session.c.
 *
 * Each question is a job (hypervisor-job.h).  Jobs, and the callbacks that
 * libvirt has, hold a context and not the hypervisor.
 *
 * After connecting, one thing follows the other: the networks, the list of
 * active domains, a look at each of them, "synced".
 */
#include <config.h>
#include "hypervisor.h"

#include "hypervisor-job.h"
#include "hypervisor-session.h"
#include "openvswitch/vlog.h"

VLOG_DEFINE_THIS_MODULE(pf_hypervisor);

/* Calls under way at a time, see hypervisor-session.h: those for looks, jobs,
 * lists and networks together with aborts are no more than four. */
#define CALL_THREADS 3
#define ABORT_THREADS 1
#define STAMP_THREADS 4

#define BACKOFF_MIN_S 1
#define BACKOFF_MAX_S 8

/* From a network's event to the reading of all: one virsh command causes
 * several events. */
#define NETWORKS_DELAY_MS 100

/* From a look that failed to the next. */
#define LOOK_RETRY_MS 1000

/* What is known of a domain.  It is kept while it is active, or asked for. */
struct guest {
    char *uuid;
    gboolean active;            /* According to the last answer and event. */
    gboolean listed;            /* "synced" waits for the answer. */
    gboolean wanted;            /* To be looked at as soon as possible. */
    gboolean looking;           /* A look is in flight... */
    gboolean outdated;          /* ...and began before the last event. */
};

/* How far a session has come. */
enum phase {
    PHASE_NETWORKS,             /* The networks are being read. */
    PHASE_LIST,                 /* The active domains are being listed. */
    PHASE_LOOKS,                /* Each of them is being looked at. */
    PHASE_SYNCED,
};

struct PfHypervisor {
    PfHvContext *context;
    PfHypervisorCallbacks callbacks;
    gpointer user;
    char *uri;

    PfHvSession *session;       /* NULL: not connected. */
    guint64 serial;             /* Of the session, or the attempt at one. */
    char *error;                /* Why there is no session, else NULL. */
    guint backoff_s;            /* Before the next attempt. */

    GThreadPool *calls;
    GThreadPool *aborts;
    GThreadPool *stamps;

    GHashTable *guests;         /* UUID to struct guest. */
    enum phase phase;
    guint n_awaited;            /* Guests with 'listed' set. */

    gboolean reading_networks;
    gboolean networks_outdated; /* An event came meanwhile. */

    /* GLib sources; 0: not under way. */
    guint connect_timer;
    guint networks_timer;
    guint look_timer;
};

G_DEFINE_QUARK(pf-hypervisor-error-quark, pf_hypervisor_error)

const char *
pf_guest_event_name(PfGuestEvent event)
{
    switch (event) {
    case PF_GUEST_EV_STARTED:
        return "started";
    case PF_GUEST_EV_ITERATION:
        return "iteration";
    case PF_GUEST_EV_SUSPENDED_MIGRATED:
        return "suspended-migrated";
    case PF_GUEST_EV_SUSPENDED:
        return "suspended";
    case PF_GUEST_EV_RESUMED:
        return "resumed";
    case PF_GUEST_EV_STOPPED_MIGRATED:
        return "stopped-migrated";
    case PF_GUEST_EV_STOPPED:
        return "stopped";
    case PF_GUEST_EV_CHANGED:
        return "changed";
    }
    return "unknown";
}

/* Jobs. */

/* A new job for the present session, about domain 'uuid', which may be
 * NULL. */
static PfHvJob *
job_new(PfHypervisor *hv, void (*run)(PfHvJob *),
        void (*answer)(PfHypervisor *, PfHvJob *), const char *uuid)
{
    PfHvJob *job = pf_hv_job_new(hv->context, hv->session, hv->serial, run,
                                 answer);

    job->uuid = g_strdup(uuid);
    return job;
}

/* Whether 'job' belongs to the present session. */
static gboolean
job_is_current(const PfHypervisor *hv, const PfHvJob *job)
{
    return hv->session && job->serial == hv->serial;
}

/* The session's end. */

static void connect_later(PfHypervisor *);

/* Drops the session, if there still is one, and makes another. */
static void
lose(PfHypervisor *hv, const char *reason)
{
    GHashTableIter iter;
    gpointer value;

    g_clear_pointer(&hv->session, pf_hv_session_unref);
    hv->serial++;
    hv->n_awaited = 0;
    hv->reading_networks = hv->networks_outdated = FALSE;
    g_clear_handle_id(&hv->networks_timer, g_source_remove);
    g_clear_handle_id(&hv->look_timer, g_source_remove);
    g_hash_table_iter_init(&iter, hv->guests);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        struct guest *guest = value;

        guest->wanted |= guest->looking;
        guest->looking = guest->outdated = guest->listed = FALSE;
    }

    g_free(hv->error);
    hv->error = g_strdup_printf("lost the connection to libvirt at %s: %s",
                                hv->uri, reason);
    VLOG_WARN("%s", hv->error);
    connect_later(hv);
    hv->callbacks.connection(hv->user, FALSE, hv->error);
}

/* Guests. */

static void
guest_free(gpointer guest_)
{
    struct guest *guest = guest_;

    g_free(guest->uuid);
    g_free(guest);
}

static struct guest *
guest_find(PfHypervisor *hv, const char *uuid)
{
    return g_hash_table_lookup(hv->guests, uuid);
}

static struct guest *
guest_get(PfHypervisor *hv, const char *uuid)
{
    struct guest *guest = guest_find(hv, uuid);

    if (!guest) {
        guest = g_new0(struct guest, 1);
        guest->uuid = g_strdup(uuid);
        g_hash_table_insert(hv->guests, guest->uuid, guest);
    }
    return guest;
}

/* Forgets 'guest' unless something is still to come. */
static void
guest_tidy(PfHypervisor *hv, struct guest *guest)
{
    if (!guest->active && !guest->wanted && !guest->looking) {
        g_hash_table_remove(hv->guests, guest->uuid);
    }
}

/* The last thing that a caller does: 'hv' may be gone afterwards. */
static void
check_synced(PfHypervisor *hv)
{
    if (hv->phase == PHASE_LOOKS && !hv->n_awaited) {
        hv->phase = PHASE_SYNCED;
        hv->backoff_s = BACKOFF_MIN_S;
        hv->callbacks.synced(hv->user);
    }
}

/* 'guest' does not hold up "synced" any more. */
static void
guest_arrived(PfHypervisor *hv, struct guest *guest)
{
    if (guest->listed) {
        guest->listed = FALSE;
        hv->n_awaited--;
    }
}

static void
look_run(PfHvJob *job)
{
    pf_hv_session_guest(job->session, job->uuid, &job->state, &job->name,
                        &job->xml, &job->error);
}

static void look_answer(PfHypervisor *, PfHvJob *);

/* Looks at 'guest': now, or when the present look is over, or when there is a
 * session. */
static void
guest_look(PfHypervisor *hv, struct guest *guest)
{
    if (!hv->session || guest->looking) {
        guest->wanted = TRUE;
        return;
    }
    guest->looking = TRUE;
    guest->wanted = guest->outdated = FALSE;
    g_thread_pool_push(hv->calls,
                       job_new(hv, look_run, look_answer, guest->uuid), NULL);
}

static gboolean
look_again(gpointer hv_)
{
    PfHypervisor *hv = hv_;
    GHashTableIter iter;
    gpointer value;

    hv->look_timer = 0;
    g_hash_table_iter_init(&iter, hv->guests);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        struct guest *guest = value;

        if (guest->wanted && !guest->looking) {
            guest_look(hv, guest);
        }
    }
    return G_SOURCE_REMOVE;
}

/* A domain that cannot be read is asked for again and again, but does not hold
 * up "synced". */
static void
look_failed(PfHypervisor *hv, struct guest *guest, const GError *error)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 5);

    if (g_error_matches(error, PF_HYPERVISOR_ERROR,
                        PF_HYPERVISOR_ERROR_CONNECTION)) {
        lose(hv, error->message);
        return;
    }
    VLOG_WARN_RL(&rl, "%s; trying again", error->message);
    guest->wanted = TRUE;
    if (!hv->look_timer) {
        hv->look_timer = g_timeout_add(LOOK_RETRY_MS, look_again, hv);
    }
    guest_arrived(hv, guest);
    check_synced(hv);
}

static void
look_answer(PfHypervisor *hv, PfHvJob *job)
{
    struct guest *guest;

    if (!job_is_current(hv, job)) {
        return;
    }
    guest = guest_find(hv, job->uuid);
    guest->looking = FALSE;
    if (job->error) {
        look_failed(hv, guest, job->error);
        return;
    }
    if (guest->outdated) {
        guest_look(hv, guest);
        return;
    }

    guest->active = job->state != PF_GUEST_GONE;
    guest_arrived(hv, guest);
    if (guest->wanted) {
        guest_look(hv, guest);
    }
    guest_tidy(hv, guest);
    hv->callbacks.guest(hv->user, job->uuid, job->name, job->state, job->xml);
    if (job->context->hv) {
        check_synced(hv);
    }
}

void
pf_hypervisor_look(PfHypervisor *hv, const char *uuid)
{
    guest_look(hv, guest_get(hv, uuid));
}

/* The list of domains. */

static void
list_run(PfHvJob *job)
{
    job->names = pf_hv_session_guests(job->session, &job->error);
}

/* Looks at every domain that is active, that was when the last session ended,
 * or that somebody waits for. */
static void
list_answer(PfHypervisor *hv, PfHvJob *job)
{
    GHashTableIter iter;
    gpointer value;

    if (!job_is_current(hv, job)) {
        return;
    }
    if (job->error) {
        lose(hv, job->error->message);
        return;
    }

    for (guint i = 0; i < job->names->len; i++) {
        guest_get(hv, g_ptr_array_index(job->names, i))->active = TRUE;
    }
    g_hash_table_iter_init(&iter, hv->guests);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        struct guest *guest = value;

        guest->listed = TRUE;
        hv->n_awaited++;
        if (!guest->looking) {
            guest_look(hv, guest);
        }
    }
    hv->phase = PHASE_LOOKS;
    check_synced(hv);
}

/* Networks. */

static void
networks_run(PfHvJob *job)
{
    pf_hv_session_networks(job->session, &job->names, &job->xmls,
                           &job->error);
}

static void networks_answer(PfHypervisor *, PfHvJob *);

/* Reads the networks, now or when the present reading is over. */
static void
networks_read(PfHypervisor *hv)
{
    if (hv->reading_networks) {
        hv->networks_outdated = TRUE;
        return;
    }
    hv->reading_networks = TRUE;
    g_thread_pool_push(hv->calls,
                       job_new(hv, networks_run, networks_answer, NULL),
                       NULL);
}

/* An error ends the session, whatever it is: little is right while the
 * networks are not known, and a new session may help. */
static void
networks_answer(PfHypervisor *hv, PfHvJob *job)
{
    if (!job_is_current(hv, job)) {
        return;
    }
    if (job->error) {
        lose(hv, job->error->message);
        return;
    }

    hv->reading_networks = FALSE;
    if (hv->networks_outdated) {
        hv->networks_outdated = FALSE;
        networks_read(hv);
    }
    if (hv->phase == PHASE_NETWORKS) {
        hv->phase = PHASE_LIST;
        g_thread_pool_push(hv->calls,
                           job_new(hv, list_run, list_answer, NULL), NULL);
    }
    hv->callbacks.networks(hv->user, job->names, job->xmls);
}

static gboolean
networks_are_due(gpointer hv_)
{
    PfHypervisor *hv = hv_;

    hv->networks_timer = 0;
    networks_read(hv);
    return G_SOURCE_REMOVE;
}

/* Events.  What libvirt's callbacks get is a link. */

struct link {
    PfHvContext *context;
    guint64 serial;             /* The session that the events come from. */
};

/* Returns the hypervisor if it still is in the session of 'link'.  Main thread
 * only. */
static PfHypervisor *
link_hypervisor(const struct link *link)
{
    PfHypervisor *hv = link->context->hv;

    return hv && hv->session && hv->serial == link->serial ? hv : NULL;
}

static void
on_guest(gpointer link, const char *uuid, const char *name,
         PfGuestEvent event, int detail)
{
    PfHypervisor *hv = link_hypervisor(link);
    struct guest *guest;

    if (!hv) {
        return;
    }
    guest = guest_find(hv, uuid);
    if (guest && guest->looking && event != PF_GUEST_EV_ITERATION) {
        guest->outdated = TRUE;
    } else if (event == PF_GUEST_EV_STARTED || event == PF_GUEST_EV_RESUMED
               || event == PF_GUEST_EV_CHANGED) {
        guest_look(hv, guest_get(hv, uuid));
    } else if (guest && (event == PF_GUEST_EV_STOPPED
                         || event == PF_GUEST_EV_STOPPED_MIGRATED)) {
        guest->active = FALSE;
        guest_tidy(hv, guest);
    }
    hv->callbacks.event(hv->user, uuid, name, event, detail);
}

static void
on_networks(gpointer link)
{
    PfHypervisor *hv = link_hypervisor(link);

    if (hv && !hv->networks_timer) {
        hv->networks_timer = g_timeout_add(NETWORKS_DELAY_MS,
                                           networks_are_due, hv);
    }
}

static void
link_free(gpointer link_)
{
    struct link *link = link_;

    pf_hv_context_unref(link->context);
    g_free(link);
}

/* on_closed(), on its way to the main thread. */
struct closing {
    struct link link;
    char *reason;
};

static gboolean
closing_arrives(gpointer closing_)
{
    struct closing *closing = closing_;
    PfHypervisor *hv = link_hypervisor(&closing->link);

    if (hv) {
        lose(hv, closing->reason);
    }
    return G_SOURCE_REMOVE;
}

static void
closing_free(gpointer closing_)
{
    struct closing *closing = closing_;

    pf_hv_context_unref(closing->link.context);
    g_free(closing->reason);
    g_free(closing);
}

/* In any thread.  If the session is not known to the main thread yet, its
 * first call will fail. */
static void
on_closed(gpointer link_, const char *reason)
{
    const struct link *link = link_;
    struct closing *closing = g_new0(struct closing, 1);

    closing->link.context = pf_hv_context_ref(link->context);
    closing->link.serial = link->serial;
    closing->reason = g_strdup(reason);
    pf_hv_main_call(closing_arrives, closing, closing_free);
}

/* Connecting. */

static void
connect_run(PfHvJob *job)
{
    static const PfHvSessionEvents events = {
        .closed = on_closed,
        .guest = on_guest,
        .networks = on_networks,
        .finished = link_free,
    };
    struct link *link = g_new0(struct link, 1);

    link->context = pf_hv_context_ref(job->context);
    link->serial = job->serial;
    job->opened = pf_hv_session_open(job->uri, &events, link, &job->error);
}

static void
connect_failed(PfHypervisor *hv, const char *why)
{
    /* Once for each reason, not for each attempt. */
    VLOG(g_strcmp0(hv->error, why) ? VLL_WARN : VLL_DBG, "%s", why);
    g_free(hv->error);
    hv->error = g_strdup(why);
    connect_later(hv);
}

static void
connect_answer(PfHypervisor *hv, PfHvJob *job)
{
    if (job->error) {
        connect_failed(hv, job->error->message);
        return;
    }
    VLOG_INFO("connected to libvirt at %s", hv->uri);
    g_clear_pointer(&hv->error, g_free);
    hv->session = g_steal_pointer(&job->opened);
    hv->phase = PHASE_NETWORKS;
    networks_read(hv);
    hv->callbacks.connection(hv->user, TRUE, NULL);
}

/* Runs 'job' in a thread of its own. */
static gpointer
connect_thread(gpointer job)
{
    pf_hv_job_run(job, NULL);
    return NULL;
}

/* On a thread of its own, which may wait for ever for a libvirt that accepts
 * connections and then says nothing. */
static void
connect_now(PfHypervisor *hv)
{
    PfHvJob *job = job_new(hv, connect_run, connect_answer, NULL);
    g_autoptr(GError) error = NULL;
    GThread *thread;

    job->uri = g_strdup(hv->uri);
    thread = g_thread_try_new("pf-hv-connect", connect_thread, job, &error);
    if (thread) {
        g_thread_unref(thread);
    } else {
        pf_hv_job_free(job);
        connect_failed(hv, error->message);
    }
}

static gboolean
connect_is_due(gpointer hv_)
{
    PfHypervisor *hv = hv_;

    hv->connect_timer = 0;
    connect_now(hv);
    return G_SOURCE_REMOVE;
}

static void
connect_later(PfHypervisor *hv)
{
    hv->connect_timer = g_timeout_add_seconds(hv->backoff_s, connect_is_due,
                                              hv);
    hv->backoff_s = MIN(2 * hv->backoff_s, BACKOFF_MAX_S);
}

/* Life. */

static GThreadPool *
pool_new(int n_threads)
{
    return g_thread_pool_new(pf_hv_job_run, NULL, n_threads, FALSE, NULL);
}

PfHypervisor *
pf_hypervisor_new(const char *uri, const PfHypervisorCallbacks *callbacks,
                  gpointer user)
{
    PfHypervisor *hv = g_new0(PfHypervisor, 1);

    pf_hv_session_init();
    hv->context = pf_hv_context_new(hv);
    hv->callbacks = *callbacks;
    hv->user = user;
    hv->uri = g_strdup(uri);
    hv->error = g_strdup_printf("libvirt at %s has not answered yet", uri);
    hv->backoff_s = BACKOFF_MIN_S;
    hv->calls = pool_new(CALL_THREADS);
    hv->aborts = pool_new(ABORT_THREADS);
    hv->stamps = pool_new(STAMP_THREADS);
    hv->guests = g_hash_table_new_full(g_str_hash, g_str_equal, NULL,
                                       guest_free);
    connect_now(hv);
    return hv;
}

/* The pools go when their last job has, without anybody's waiting. */
void
pf_hypervisor_free(PfHypervisor *hv)
{
    if (!hv) {
        return;
    }
    pf_hv_context_detach(hv->context);
    g_clear_handle_id(&hv->connect_timer, g_source_remove);
    g_clear_handle_id(&hv->networks_timer, g_source_remove);
    g_clear_handle_id(&hv->look_timer, g_source_remove);
    g_clear_pointer(&hv->session, pf_hv_session_unref);
    g_thread_pool_free(hv->calls, FALSE, FALSE);
    g_thread_pool_free(hv->aborts, FALSE, FALSE);
    g_thread_pool_free(hv->stamps, FALSE, FALSE);
    g_hash_table_unref(hv->guests);
    g_free(hv->uri);
    g_free(hv->error);
    g_free(hv);
}

gboolean
pf_hypervisor_is_connected(const PfHypervisor *hv)
{
    return hv->session != NULL;
}

const char *
pf_hypervisor_error(const PfHypervisor *hv)
{
    return hv->error;
}

/* Single questions. */

static void
active_run(PfHvJob *job)
{
    job->guest_job = (pf_hv_job_has_session(job)
                      ? pf_hv_session_job(job->session, job->uuid,
                                          &job->error)
                      : PF_JOB_UNKNOWN);
}

static void
active_answer(PfHypervisor *hv G_GNUC_UNUSED, PfHvJob *job)
{
    if (job->error) {
        VLOG_WARN("%s", job->error->message);
    }
    job->job_done(job->user, job->guest_job);
}

void
pf_hypervisor_job(PfHypervisor *hv, const char *uuid, PfJobDone done,
                  gpointer user)
{
    PfHvJob *job = job_new(hv, active_run, active_answer, uuid);

    job->job_done = done;
    job->user = user;
    g_thread_pool_push(hv->calls, job, NULL);
}

static void
stamp_run(PfHvJob *job)
{
    if (pf_hv_job_has_session(job)) {
        pf_hv_session_stamp(job->session, job->uuid, job->stamp, &job->error);
    }
}

static void
stamp_answer(PfHypervisor *hv G_GNUC_UNUSED, PfHvJob *job)
{
    job->stamp_done(job->user, job->error);
}

void
pf_hypervisor_stamp(PfHypervisor *hv, const char *uuid, const char *stamp,
                    PfStampDone done, gpointer user)
{
    PfHvJob *job = job_new(hv, stamp_run, stamp_answer, uuid);

    job->stamp = g_strdup(stamp);
    job->stamp_done = done;
    job->user = user;
    g_thread_pool_push(hv->stamps, job, NULL);
}

static void
abort_run(PfHvJob *job)
{
    if (pf_hv_job_has_session(job)) {
        pf_hv_session_abort(job->session, job->uuid, &job->error);
    }
}

static void
abort_answer(PfHypervisor *hv G_GNUC_UNUSED, PfHvJob *job)
{
    if (job->error) {
        VLOG_WARN("migration of domain %s is not aborted: %s", job->uuid,
                  job->error->message);
    } else {
        VLOG_INFO("aborted the migration of domain %s", job->uuid);
    }
}

void
pf_hypervisor_abort(PfHypervisor *hv, const char *uuid)
{
    g_thread_pool_push(hv->aborts,
                       job_new(hv, abort_run, abort_answer, uuid), NULL);
}
