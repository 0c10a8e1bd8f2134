/* SPDX-License-Identifier: Apache-2.0
 *
 * loop: GLib's default main context inside Open vSwitch's poll loop.
 */
#include <config.h>
#include "loop.h"

#include <glib.h>

#include "openvswitch/poll-loop.h"
#include "openvswitch/util.h"

/* Takes the default main context for the calling thread.
 *
 * It is held, not taken anew in each iteration: while nobody owns a context,
 * g_main_context_invoke() in another thread runs its function right there, and
 * a source that another thread attaches wakes nobody up. */
void
pf_loop_init(void)
{
    if (!g_main_context_acquire(g_main_context_default())) {
        g_error("another thread owns GLib's default main context");
    }
}

/* Gives back what pf_loop_init() has taken. */
void
pf_loop_done(void)
{
    g_main_context_release(g_main_context_default());
}

/* Dispatches the ready sources of the highest priority that has any, as
 * g_main_loop_run() does.  Others that are ready follow in the next iteration,
 * for which pf_loop_wait() does not let poll_block() sleep. */
void
pf_loop_run(void)
{
    g_main_context_iteration(g_main_context_default(), FALSE);
}

/* To be called after everything that may attach a source in this iteration. */
void
pf_loop_wait(void)
{
    GMainContext *context = g_main_context_default();
    g_autofree GPollFD *fds = NULL;
    int size = 0;
    int priority;
    int timeout;
    int n;

    g_main_context_prepare(context, &priority);
    while ((n = g_main_context_query(context, priority, &timeout, fds, size))
           > size) {
        size = n;
        fds = g_renew(GPollFD, fds, size);
    }

    /* On Linux GIOCondition's bits are poll()'s. */
    for (int i = 0; i < n; i++) {
        poll_fd_wait(fds[i].fd, fds[i].events);
    }
    if (timeout >= 0) {
        poll_timer_wait(timeout);
    }
}
