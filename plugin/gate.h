/* SPDX-License-Identifier: Apache-2.0
 *
 * gate: whether frames pass at a port, by OpenFlow port-modification bits.
 *
 * A closed gate is OFPPC_NO_RECV and OFPPC_NO_FWD on the port: one message, no
 * change to the database, invisible to the guest.  The bits are lost when
 * ovs-vswitchd restarts, and when the port gets another type or number: this
 * part closes again, by itself, each gate that is meant to be closed, whenever
 * a bridge's connection has come back or the switch reports the port without
 * them.
 */
#ifndef PF_GATE_H
#define PF_GATE_H 1

#include <glib.h>

#define PF_GATE_ERROR pf_gate_error_quark()
GQuark pf_gate_error_quark(void);
typedef enum {
    PF_GATE_ERROR_TIMEOUT,      /* ovs-vswitchd did not answer. */
    PF_GATE_ERROR_NO_PORT,      /* No OpenFlow port of that name. */
    PF_GATE_ERROR_REFUSED,      /* Another OpenFlow error, named. */
} PfGateError;

typedef struct PfGates PfGates;

/* Bridges are reached at "unix:RUNDIR/BRIDGE.mgmt"; 'rundir' NULL means
 * ovs_rundir(). */
PfGates *pf_gates_new(const char *rundir);
/* Wishes under way are dropped, their 'done' is not called. */
void pf_gates_free(PfGates *);
void pf_gates_run(PfGates *);
void pf_gates_wait(PfGates *);

typedef void (*PfGateDone)(gpointer user, const GError *error);

/* Opens a connection to 'bridge' ahead of need, so that the switchover does
 * not wait for one.  Idempotent. */
void pf_gates_prepare(PfGates *, const char *bridge);

/* Closes or opens the gate of port 'name' on 'bridge'.  'ofport' and 'hwaddr'
 * are what the database says (hwaddr may be NULL): they save a question; if
 * the switch disagrees, the port description is read and the message sent
 * again.  A closed gate is remembered (by bridge and name) until it is opened
 * or forgotten, and is closed again after a reconnect.  'done' is called from
 * a later pf_gates_run(), after the switch's barrier reply, at the latest
 * after 'timeout_ms'.  From then on every new flow obeys the gate; flows that
 * the datapath has already follow within milliseconds (revalidation). */
void pf_gates_set(PfGates *, const char *bridge, const char *name,
                  gint64 ofport, const char *hwaddr, gboolean closed,
                  guint timeout_ms, PfGateDone done, gpointer user);
/* The port is gone: nothing to close again.  A wish under way ends with
 * NO_PORT. */
void pf_gates_forget(PfGates *, const char *bridge, const char *name);
/* Whether the gate is meant to be closed. */
gboolean pf_gates_is_closed(const PfGates *, const char *bridge,
                            const char *name);

#endif
