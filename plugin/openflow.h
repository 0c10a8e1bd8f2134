/* SPDX-License-Identifier: Apache-2.0
 *
 * openflow: rules, groups, meters and packets of a bridge, in ovs-ofctl's
 * words.
 *
 * What PfHost's functions for OpenFlow are made of; their contract is in
 * portferry/extension.h.  One connection for each bridge, made when first
 * needed and apart from that of the gates, so that a long answer never keeps a
 * gate waiting.  What is received is handled a few messages at a time, so that
 * ten thousand rules do not stop the loop.
 */
#ifndef PF_OPENFLOW_H
#define PF_OPENFLOW_H 1

#include <portferry/extension.h>

#define PF_OPENFLOW_ERROR pf_openflow_error_quark()
GQuark pf_openflow_error_quark(void);

typedef enum {
    PF_OPENFLOW_ERROR_TIMEOUT,  /* ovs-vswitchd did not answer. */
    PF_OPENFLOW_ERROR_SYNTAX,   /* A filter or command is wrong, named. */
    PF_OPENFLOW_ERROR_REFUSED,  /* An OpenFlow error, and what caused it. */
} PfOpenflowError;

typedef struct PfOpenflow PfOpenflow;

/* Bridges are reached at "unix:RUNDIR/BRIDGE.mgmt"; 'rundir' NULL means
 * ovs_rundir(). */
PfOpenflow *pf_openflow_new(const char *rundir);
/* What is under way is dropped, nobody is called back. */
void pf_openflow_free(PfOpenflow *);
void pf_openflow_run(PfOpenflow *);
void pf_openflow_wait(PfOpenflow *);

/* Ports whose names ovs-ofctl's syntax cannot tell from other words ("normal",
 * "7", "x,y") go by their numbers.  Of the ages, hard_age comes only from a
 * bridge that speaks nothing newer than OpenFlow 1.0, idle_age from that and
 * from OpenFlow 1.5.  A port's counter that the switch does not know is left
 * out. */
void pf_openflow_dump(PfOpenflow *, const char *bridge, PfOpenflowKind,
                      const char *filter, guint timeout_ms,
                      PfLinesFunc *lines, gpointer user);
/* Bundles need OpenFlow 1.3 or newer on the bridge, as meters do.  Delete the
 * rules that use a group before the group: ovs-vswitchd 3.1 aborts when a
 * bundle is refused and a "group delete" that took rules along is undone. */
void pf_openflow_bundle(PfOpenflow *, const char *bridge,
                        const GPtrArray *commands, guint timeout_ms,
                        PfDoneFunc *done, gpointer user);
void pf_openflow_meters(PfOpenflow *, const char *bridge,
                        const GPtrArray *commands, guint timeout_ms,
                        PfDoneFunc *done, gpointer user);
/* A rule that is told has no flags and no importance: OpenFlow does not say
 * them there.  Also tells NULL when the connection is lost, when it is back,
 * and when ovs-vswitchd has paused the monitor. */
guint pf_openflow_watch(PfOpenflow *, const char *bridge, PfRuleFunc *rule,
                        gpointer user);
void pf_openflow_unwatch(PfOpenflow *, guint watch);
void pf_openflow_packet_out(PfOpenflow *, const char *bridge, gint64 in_port,
                            GBytes *frame, const char *actions,
                            guint timeout_ms, PfDoneFunc *done,
                            gpointer user);

#endif
