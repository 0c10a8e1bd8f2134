/* SPDX-License-Identifier: Apache-2.0
 *
 * bridge-conn: an OpenFlow connection to a bridge's management socket.
 *
 * Connects quietly, tries again when that fails or the connection is lost,
 * answers ovs-vswitchd's probes, and asks it for port status messages.  What
 * is sent and received beyond that is its user's.  Each user has a connection
 * of its own: what one asks never keeps another waiting.
 */
#ifndef PF_BRIDGE_CONN_H
#define PF_BRIDGE_CONN_H 1

#include <glib.h>

#include "openflow/openflow-common.h"
#include "openvswitch/types.h"

struct ofpbuf;

typedef struct PfBridgeConn PfBridgeConn;

/* The socket is "unix:RUNDIR/BRIDGE.mgmt"; 'rundir' NULL means ovs_rundir().
 * Nothing is tried before the first run. */
PfBridgeConn *pf_bridge_conn_new(const char *rundir, const char *bridge);
void pf_bridge_conn_free(PfBridgeConn *);

/* Connects if it is time to, and returns TRUE if the connection has just been
 * made: all that the switch was told on an earlier one is forgotten.
 * 'retry_ms' is the time from this attempt to the next, if it fails. */
gboolean pf_bridge_conn_run(PfBridgeConn *, guint retry_ms);
/* Returns TRUE if the connection has just been lost: what was sent may have
 * been carried out or not.  To be called after what was received and sent. */
gboolean pf_bridge_conn_lost(PfBridgeConn *);
/* Wakes up for a connection, for what it has to send and for the next attempt
 * to connect; and for messages, if 'receive'. */
void pf_bridge_conn_wait(PfBridgeConn *, gboolean receive);

/* The next attempt to connect is made in the next run. */
void pf_bridge_conn_hurry(PfBridgeConn *);

/* Whether messages can be sent. */
gboolean pf_bridge_conn_is_up(const PfBridgeConn *);
/* What was negotiated; only while the connection is up. */
enum ofp_version pf_bridge_conn_version(const PfBridgeConn *);
/* "unix:...", for messages. */
const char *pf_bridge_conn_target(const PfBridgeConn *);
/* Messages that wait for room in the socket. */
guint pf_bridge_conn_backlog(const PfBridgeConn *);

/* Sends 'msg', of which it takes ownership.  If there is no connection any
 * more, nothing is sent, and pf_bridge_conn_lost() says so. */
void pf_bridge_conn_send(PfBridgeConn *, struct ofpbuf *msg);
/* The next message, for the caller to delete, or NULL.  From the answer to the
 * question for the configuration (OFPTYPE_GET_CONFIG_REPLY) on, each change of
 * a port is told (OFPTYPE_PORT_STATUS). */
struct ofpbuf *pf_bridge_conn_receive(PfBridgeConn *);
/* Closes the connection; pf_bridge_conn_lost() says so. */
void pf_bridge_conn_close(PfBridgeConn *);

#endif
