/* SPDX-License-Identifier: Apache-2.0
 *
 * hypervisor-job: a question to libvirt on its way to a thread and back.
 *
 * A job goes to a thread, which runs it, and comes back to the main thread as
 * a source of the default GLib main context.  Jobs hold the context and not
 * the hypervisor, so that one that comes back after pf_hypervisor_free() finds
 * nobody and is dropped.  What is asked, and what becomes of the answer, is
 * hypervisor.c's.
 */
#ifndef PF_HYPERVISOR_JOB_H
#define PF_HYPERVISOR_JOB_H 1

#include <glib.h>
#include "hypervisor.h"
#include "hypervisor-session.h"

/* What everything that is on its way holds on to.  The count is atomic. */
typedef struct {
    PfHypervisor *hv;           /* Main thread only; NULL once freed. */
    gint freed;                 /* Atomic: what is not begun need not begin. */
} PfHvContext;

PfHvContext *pf_hv_context_new(PfHypervisor *);
PfHvContext *pf_hv_context_ref(PfHvContext *);
void pf_hv_context_unref(PfHvContext *);
/* The hypervisor is about to be freed.  Drops the reference as well. */
void pf_hv_context_detach(PfHvContext *);

/* Lets the main thread call 'function' before anything of a lower priority.
 * In any thread. */
void pf_hv_main_call(GSourceFunc function, gpointer data,
                     GDestroyNotify destroy);

/* One question and its answer.  What is not used is zero. */
typedef struct PfHvJob PfHvJob;
struct PfHvJob {
    PfHvContext *context;
    guint64 serial;             /* The hypervisor's when it was asked. */
    PfHvSession *session;       /* NULL: there was none. */
    void (*run)(PfHvJob *);     /* Called in a thread. */
    /* Called in the main thread, unless the hypervisor is gone. */
    void (*answer)(PfHypervisor *, PfHvJob *);

    /* The question. */
    char *uri;
    char *uuid;
    char *stamp;
    PfJobDone job_done;
    PfStampDone stamp_done;
    gpointer user;

    /* The answer. */
    GError *error;
    PfHvSession *opened;
    GPtrArray *names;           /* char *; of a list of domains, UUIDs. */
    GPtrArray *xmls;            /* char * */
    PfGuestState state;
    char *name;
    char *xml;
    PfGuestJob guest_job;
};

/* Takes references to 'context' and to 'session', which may be NULL. */
PfHvJob *pf_hv_job_new(PfHvContext *context, PfHvSession *session,
                       guint64 serial, void (*run)(PfHvJob *),
                       void (*answer)(PfHypervisor *, PfHvJob *));
void pf_hv_job_free(PfHvJob *);

/* Runs 'job' in this thread, sends it to the main thread, and lets go of it.
 * GFunc of a thread pool. */
void pf_hv_job_run(gpointer job, gpointer unused);

/* Whether 'job' has a session.  If not, that is its error. */
gboolean pf_hv_job_has_session(PfHvJob *);

#endif
