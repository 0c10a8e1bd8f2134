/* SPDX-License-Identifier: Apache-2.0
 *
 * bridge-conn: an OpenFlow connection to a bridge's management socket.
 *
 * See bridge-conn.h.
 */
#include <config.h>

#include "bridge-conn.h"

#include "dirs.h"
#include "flow.h"
#include "openvswitch/ofp-connection.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofp-switch.h"
#include "openvswitch/ofp-util.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/rconn.h"
#include "openvswitch/vconn.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "socket-util.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(pf_bridge_conn);

/* The socket of a bridge speaks what Bridge.protocols lists. */
#define VERSIONS ((1u << OFP10_VERSION) | (1u << OFP11_VERSION) \
                  | (1u << OFP12_VERSION) | (1u << OFP13_VERSION) \
                  | (1u << OFP14_VERSION) | (1u << OFP15_VERSION))

struct PfBridgeConn {
    char *bridge;
    char *target;               /* "unix:...". */
    struct rconn *rconn;        /* NULL: not connected, nor on the way. */
    gboolean up;                /* Connected and greeted. */
    long long int next_try;     /* time_msec() units. */
    gboolean complained;        /* The failure was logged. */
};

PfBridgeConn *
pf_bridge_conn_new(const char *rundir, const char *bridge)
{
    PfBridgeConn *conn = g_new0(PfBridgeConn, 1);

    conn->bridge = g_strdup(bridge);
    conn->target = g_strdup_printf("unix:%s/%s.mgmt",
                                   rundir ? rundir : ovs_rundir(), bridge);
    return conn;
}

void
pf_bridge_conn_free(PfBridgeConn *conn)
{
    if (conn) {
        rconn_destroy(conn->rconn);
        g_free(conn->bridge);
        g_free(conn->target);
        g_free(conn);
    }
}

/* Starts to connect, quietly: a bridge may be gone for long. */
static void
start(PfBridgeConn *conn, guint retry_ms)
{
    struct vconn *vconn;
    int error = vconn_open(conn->target, VERSIONS, DSCP_DEFAULT, &vconn);

    conn->next_try = time_msec() + retry_ms;
    if (!error) {
        /* Not rconn's own reconnecting: its back-off begins at a second. */
        conn->rconn = rconn_create(0, 0, DSCP_DEFAULT, VERSIONS);
        rconn_connect_unreliably(conn->rconn, vconn, conn->target);
    } else if (!conn->complained) {
        VLOG_INFO("bridge %s: %s: %s; trying again", conn->bridge,
                  conn->target, ovs_strerror(error));
        conn->complained = TRUE;
    }
}

gboolean
pf_bridge_conn_run(PfBridgeConn *conn, guint retry_ms)
{
    if (!conn->rconn && time_msec() >= conn->next_try) {
        start(conn, retry_ms);
    }
    if (!conn->rconn) {
        return FALSE;
    }

    rconn_run(conn->rconn);
    if (conn->up || !rconn_is_connected(conn->rconn)) {
        return FALSE;
    }

    enum ofp_version version = rconn_get_version(conn->rconn);

    VLOG_INFO("bridge %s: connected, OpenFlow 0x%02x", conn->bridge, version);
    conn->up = TRUE;
    conn->complained = FALSE;
    pf_bridge_conn_send(conn, ofpraw_alloc(OFPRAW_OFPT_GET_CONFIG_REQUEST,
                                           version, 0));
    return TRUE;
}

gboolean
pf_bridge_conn_lost(PfBridgeConn *conn)
{
    gboolean was_up = conn->up;

    if (!conn->rconn
        || (rconn_is_alive(conn->rconn)
            && (!conn->up || rconn_is_connected(conn->rconn)))) {
        return FALSE;
    }

    if (conn->up) {
        VLOG_INFO("bridge %s: connection lost (%s)", conn->bridge,
                  ovs_retval_to_string(rconn_get_last_error(conn->rconn)));
    }
    rconn_destroy(conn->rconn);
    conn->rconn = NULL;
    conn->up = FALSE;
    return was_up;
}

void
pf_bridge_conn_wait(PfBridgeConn *conn, gboolean receive)
{
    if (!conn->rconn) {
        poll_timer_wait_until(conn->next_try);
        return;
    }
    rconn_run_wait(conn->rconn);
    if (receive || !conn->up) {
        rconn_recv_wait(conn->rconn);
    }
}

void
pf_bridge_conn_hurry(PfBridgeConn *conn)
{
    if (!conn->rconn) {
        conn->next_try = 0;
    }
}

gboolean
pf_bridge_conn_is_up(const PfBridgeConn *conn)
{
    return conn->up && rconn_is_connected(conn->rconn);
}

enum ofp_version
pf_bridge_conn_version(const PfBridgeConn *conn)
{
    return rconn_get_version(conn->rconn);
}

const char *
pf_bridge_conn_target(const PfBridgeConn *conn)
{
    return conn->target;
}

guint
pf_bridge_conn_backlog(const PfBridgeConn *conn)
{
    return conn->rconn ? rconn_count_txqlen(conn->rconn) : 0;
}

void
pf_bridge_conn_send(PfBridgeConn *conn, struct ofpbuf *msg)
{
    rconn_send(conn->rconn, msg, NULL);
}

/* The switch's configuration: asks for port status messages.  A connection of
 * this kind gets none before it has set a length for packets, which goes with
 * the treatment of fragments, which has to stay. */
static void
handle_config(PfBridgeConn *conn, const struct ofp_header *oh)
{
    struct ofputil_async_cfg async = OFPUTIL_ASYNC_CFG_INIT;
    struct ofputil_switch_config config;

    async.primary[OAM_PORT_STATUS] = ((1u << OFPPR_ADD) | (1u << OFPPR_DELETE)
                                      | (1u << OFPPR_MODIFY));
    pf_bridge_conn_send(conn, ofputil_encode_set_async_config(
                            &async, ((1u << OAM_PACKET_IN)
                                     | (1u << OAM_PORT_STATUS)
                                     | (1u << OAM_FLOW_REMOVED)),
                            oh->version));

    ofputil_decode_get_config_reply(oh, &config);
    config.miss_send_len = OFP_DEFAULT_MISS_SEND_LEN;
    pf_bridge_conn_send(conn, ofputil_encode_set_config(&config,
                                                        oh->version));
}

struct ofpbuf *
pf_bridge_conn_receive(PfBridgeConn *conn)
{
    struct ofpbuf *msg;
    enum ofptype type;

    while (conn->up && (msg = rconn_recv(conn->rconn)) != NULL) {
        const struct ofp_header *oh = msg->data;

        if (!ofptype_decode(&type, oh)) {
            if (type == OFPTYPE_GET_CONFIG_REPLY) {
                handle_config(conn, oh);
            }
            if (type != OFPTYPE_ECHO_REQUEST) {
                return msg;
            }
            pf_bridge_conn_send(conn, ofputil_encode_echo_reply(oh));
        }
        ofpbuf_delete(msg);
    }
    return NULL;
}

void
pf_bridge_conn_close(PfBridgeConn *conn)
{
    if (conn->rconn) {
        rconn_disconnect(conn->rconn);
    }
}
