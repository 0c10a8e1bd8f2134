/* SPDX-License-Identifier: Apache-2.0
 *
 * appctl: asks ovs-vswitchd on its control socket, as ovs-appctl does, without
 * waiting for the answer.
 */
#ifndef PF_APPCTL_H
#define PF_APPCTL_H 1

#include <portferry/extension.h>

typedef struct PfAppctl PfAppctl;

/* ovs-vswitchd's pid file and sockets are in 'rundir'; NULL: ovs_rundir(). */
PfAppctl *pf_appctl_new(const char *rundir);
/* Questions under way are dropped, nobody is called back. */
void pf_appctl_free(PfAppctl *);
void pf_appctl_run(PfAppctl *);
void pf_appctl_wait(PfAppctl *);

/* As PfHost.appctl in portferry/extension.h. */
void pf_appctl_ask(PfAppctl *, const char *command, const char *const *args,
                   guint timeout_ms, PfLinesFunc *lines, gpointer user);

#endif
