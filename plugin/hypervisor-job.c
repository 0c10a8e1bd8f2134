/* SPDX-License-Identifier: Apache-2.0
 *
 * hypervisor-job: a question to libvirt on its way to a thread and back.
 */
#include <config.h>
#include "hypervisor-job.h"

PfHvContext *
pf_hv_context_new(PfHypervisor *hv)
{
    PfHvContext *context = g_atomic_rc_box_new0(PfHvContext);

    context->hv = hv;
    return context;
}

PfHvContext *
pf_hv_context_ref(PfHvContext *context)
{
    return g_atomic_rc_box_acquire(context);
}

void
pf_hv_context_unref(PfHvContext *context)
{
    g_atomic_rc_box_release(context);
}

void
pf_hv_context_detach(PfHvContext *context)
{
    context->hv = NULL;
    g_atomic_int_set(&context->freed, TRUE);
    pf_hv_context_unref(context);
}

/* Not by g_main_context_invoke(), which calls the function right here if
 * nobody owns the context at the moment. */
void
pf_hv_main_call(GSourceFunc function, gpointer data, GDestroyNotify destroy)
{
    g_autoptr(GSource) source = g_idle_source_new();

    g_source_set_priority(source, G_PRIORITY_HIGH);
    g_source_set_callback(source, function, data, destroy);
    g_source_attach(source, NULL);
}

PfHvJob *
pf_hv_job_new(PfHvContext *context, PfHvSession *session, guint64 serial,
              void (*run)(PfHvJob *),
              void (*answer)(PfHypervisor *, PfHvJob *))
{
    PfHvJob *job = g_new0(PfHvJob, 1);

    job->context = pf_hv_context_ref(context);
    job->session = session ? pf_hv_session_ref(session) : NULL;
    job->serial = serial;
    job->run = run;
    job->answer = answer;
    return job;
}

void
pf_hv_job_free(PfHvJob *job)
{
    g_clear_pointer(&job->session, pf_hv_session_unref);
    g_clear_pointer(&job->opened, pf_hv_session_unref);
    g_clear_pointer(&job->names, g_ptr_array_unref);
    g_clear_pointer(&job->xmls, g_ptr_array_unref);
    g_clear_error(&job->error);
    g_free(job->uri);
    g_free(job->uuid);
    g_free(job->stamp);
    g_free(job->name);
    g_free(job->xml);
    pf_hv_context_unref(job->context);
    g_free(job);
}

static gboolean
job_arrives(gpointer job_)
{
    PfHvJob *job = job_;

    if (job->context->hv) {
        job->answer(job->context->hv, job);
    }
    return G_SOURCE_REMOVE;
}

static void
job_destroy(gpointer job)
{
    pf_hv_job_free(job);
}

void
pf_hv_job_run(gpointer job_, gpointer unused G_GNUC_UNUSED)
{
    PfHvJob *job = job_;

    if (g_atomic_int_get(&job->context->freed)) {
        pf_hv_job_free(job);
        return;
    }
    job->run(job);
    pf_hv_main_call(job_arrives, job, job_destroy);
}

gboolean
pf_hv_job_has_session(PfHvJob *job)
{
    if (!job->session) {
        g_set_error(&job->error, PF_HYPERVISOR_ERROR,
                    PF_HYPERVISOR_ERROR_CONNECTION,
                    "not connected to libvirt");
    }
    return job->session != NULL;
}
