/* SPDX-License-Identifier: Apache-2.0
 *
 * gate: whether frames pass at a port, by OpenFlow port-modification bits.
 *
 * For each bridge there is one OpenFlow connection to ovs-vswitchd, and for
 * each port with a gate that is closed, or on the way to be closed or opened,
 * a struct gate with what is wanted.  A message that changes a port must name
 * its number and its present hardware address: when the switch says that one
 * is wrong, the port description is read and the message sent again.
 *
 *     DONE --set, reconnect--> SEND --port-mod, barriers--> SENT --ok--> DONE
 *                               ^                             |
 *                               +---- ASK <----wrong port-----+
 *
 * Who closes a gate and when is not decided here, nor is it remembered across
 * a restart of the agent.
 */
#include <config.h>

#include "gate.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bridge-conn.h"
#include "flow.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofp-port.h"
#include "openvswitch/ofp-protocol.h"
#include "openvswitch/ofp-util.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(pf_gate);

G_DEFINE_QUARK(pf-gate-error-quark, pf_gate_error)

/* A closed gate. */
#define CLOSED_BITS (OFPUTIL_PC_NO_RECV | OFPUTIL_PC_NO_FWD)

/* Times (ms) between attempts to connect: while there is a gate that is closed
 * or waited for, and otherwise. */
#define URGENT_RETRY_MS 50
#define RETRY_MS 1000

/* The port description is read this often for one message. */
#define MAX_ASKED 5

/* Messages handled for each connection in one run. */
#define MAX_RECEIVED 50

enum gate_state {
    GATE_DONE,                  /* The switch has what is wanted. */
    GATE_SEND,                  /* A port-mod is to be sent. */
    GATE_SENT,                  /* A barrier after it is awaited. */
    GATE_ASK,                   /* The port description is to be read first. */
};

/* A port whose gate is closed, or on the way to be closed or opened. */
struct gate {
    char *name;
    gboolean closed;            /* What is wanted. */
    guint wish;                 /* Counts pf_gates_set() calls. */
    enum gate_state state;

    gboolean known;             /* The next two are believed. */
    ofp_port_t port_no;
    struct eth_addr hw_addr;

    /* The message under way (GATE_SENT). */
    guint sent_wish;            /* The wish that it carries. */
    ovs_be32 mod_xid;
    ovs_be32 barrier_xid;
    enum ofperr refusal;        /* 0: none so far. */
    gboolean settling;          /* The second barrier is awaited. */
    gboolean stale;             /* Meanwhile the switch lost the bits. */

    gboolean asked;             /* GATE_ASK: the request is under way. */
    guint n_asked;
    GQueue waiters;             /* struct waiter *. */
};

/* A caller of pf_gates_set(). */
struct waiter {
    guint wish;                 /* The caller's. */
    guint timeout_ms;
    long long int deadline;     /* time_msec() units. */
    PfGateDone done;
    gpointer user;
    GError *error;              /* How it ended. */
};

/* A bridge. */
struct conn {
    char *bridge;
    PfBridgeConn *link;
    ovs_be32 desc_xid;          /* Port description under way, or 0. */
    GHashTable *gates;          /* By name. */
};

struct PfGates {
    char *rundir;
    GHashTable *conns;          /* By bridge. */
    GQueue finished;            /* struct waiter *, 'done' to be called. */
};

/* ---- Life cycle ------------------------------------------------------- */

/* Frees 'w_'. */
static void
waiter_free(gpointer w_)
{
    struct waiter *w = w_;

    g_clear_error(&w->error);
    g_free(w);
}

/* Frees 'gate_' and its waiters. */
static void
gate_free(gpointer gate_)
{
    struct gate *gate = gate_;

    g_queue_clear_full(&gate->waiters, waiter_free);
    g_free(gate->name);
    g_free(gate);
}

/* Frees 'conn_' and its gates. */
static void
conn_free(gpointer conn_)
{
    struct conn *conn = conn_;

    pf_bridge_conn_free(conn->link);
    g_hash_table_unref(conn->gates);
    g_free(conn->bridge);
    g_free(conn);
}

PfGates *
pf_gates_new(const char *rundir)
{
    PfGates *gates = g_new0(PfGates, 1);

    gates->rundir = g_strdup(rundir);
    gates->conns = g_hash_table_new_full(g_str_hash, g_str_equal, NULL,
                                         conn_free);
    g_queue_init(&gates->finished);
    return gates;
}

void
pf_gates_free(PfGates *gates)
{
    if (gates) {
        g_hash_table_unref(gates->conns);
        g_queue_clear_full(&gates->finished, waiter_free);
        g_free(gates->rundir);
        g_free(gates);
    }
}

/* Returns the connection to 'bridge', made if need be. */
static struct conn *
get_conn(PfGates *gates, const char *bridge)
{
    struct conn *conn = g_hash_table_lookup(gates->conns, bridge);

    if (!conn) {
        conn = g_new0(struct conn, 1);
        conn->bridge = g_strdup(bridge);
        conn->link = pf_bridge_conn_new(gates->rundir, bridge);
        conn->gates = g_hash_table_new_full(g_str_hash, g_str_equal, NULL,
                                            gate_free);
        g_hash_table_insert(gates->conns, conn->bridge, conn);
    }
    return conn;
}

/* Returns the gate of port 'name' on 'bridge', or NULL. */
static struct gate *
find_gate(const PfGates *gates, const char *bridge, const char *name)
{
    struct conn *conn = g_hash_table_lookup(gates->conns, bridge);

    return conn ? g_hash_table_lookup(conn->gates, name) : NULL;
}

/* The state of 'gate' when something is to be sent for it. */
static enum gate_state
state_to_send(const struct gate *gate)
{
    return gate->known ? GATE_SEND : GATE_ASK;
}

/* ---- What callers want ------------------------------------------------ */

void
pf_gates_prepare(PfGates *gates, const char *bridge)
{
    get_conn(gates, bridge);
}

void
pf_gates_set(PfGates *gates, const char *bridge, const char *name,
             gint64 ofport, const char *hwaddr, gboolean closed,
             guint timeout_ms, PfGateDone done, gpointer user)
{
    struct conn *conn = get_conn(gates, bridge);
    struct gate *gate = g_hash_table_lookup(conn->gates, name);
    struct waiter *w = g_new0(struct waiter, 1);

    if (!gate) {
        gate = g_new0(struct gate, 1);
        gate->name = g_strdup(name);
        g_queue_init(&gate->waiters);
        g_hash_table_insert(conn->gates, gate->name, gate);
    }
    gate->closed = closed;
    gate->wish++;
    gate->n_asked = 0;
    gate->port_no = u16_to_ofp(CLAMP(ofport, 0, UINT16_MAX));
    gate->known = (ofport > 0 && ofport < ofp_to_u16(OFPP_MAX) && hwaddr
                   && eth_addr_from_string(hwaddr, &gate->hw_addr));
    if (gate->state == GATE_DONE) {
        gate->state = state_to_send(gate);
    } else if (gate->state == GATE_SENT && closed && gate->known) {
        /* Right behind what the switch may not have read yet. */
        gate->state = GATE_SEND;
    }

    w->wish = gate->wish;
    w->timeout_ms = timeout_ms;
    w->deadline = time_msec() + timeout_ms;
    w->done = done;
    w->user = user;
    g_queue_push_tail(&gate->waiters, w);

    pf_bridge_conn_hurry(conn->link);
}

/* The waiters of 'gate' up to 'wish' are over; each gets a copy of 'error',
 * NULL for success. */
static void
finish(PfGates *gates, struct gate *gate, guint wish, const GError *error)
{
    struct waiter *w;

    while ((w = g_queue_peek_head(&gate->waiters)) != NULL
           && w->wish <= wish) {
        g_queue_pop_head(&gate->waiters);
        w->error = error ? g_error_copy(error) : NULL;
        g_queue_push_tail(&gates->finished, w);
    }
}

void
pf_gates_forget(PfGates *gates, const char *bridge, const char *name)
{
    struct gate *gate = find_gate(gates, bridge, name);

    if (gate) {
        struct conn *conn = g_hash_table_lookup(gates->conns, bridge);
        g_autoptr(GError) error = g_error_new(
            PF_GATE_ERROR, PF_GATE_ERROR_NO_PORT,
            "port '%s' on bridge '%s' is gone", name, bridge);

        finish(gates, gate, gate->wish, error);
        g_hash_table_remove(conn->gates, name);
    }
}

gboolean
pf_gates_is_closed(const PfGates *gates, const char *bridge, const char *name)
{
    const struct gate *gate = find_gate(gates, bridge, name);

    return gate && gate->closed;
}

/* ---- Sending ---------------------------------------------------------- */

/* Sends a barrier for 'gate'. */
static void
send_barrier(struct conn *conn, struct gate *gate)
{
    struct ofpbuf *msg = ofputil_encode_barrier_request(
        pf_bridge_conn_version(conn->link));

    gate->barrier_xid = ((const struct ofp_header *) msg->data)->xid;
    pf_bridge_conn_send(conn->link, msg);
}

/* Sends what 'gate' wants to the switch, and a barrier. */
static void
send_gate(struct conn *conn, struct gate *gate)
{
    const struct ofputil_port_mod pm = {
        .port_no = gate->port_no,
        .hw_addr = gate->hw_addr,
        .config = gate->closed ? CLOSED_BITS : 0,
        .mask = CLOSED_BITS,
    };
    struct ofpbuf *mod = ofputil_encode_port_mod(
        &pm, ofputil_protocol_from_ofp_version(
            pf_bridge_conn_version(conn->link)));

    gate->mod_xid = ((const struct ofp_header *) mod->data)->xid;
    gate->refusal = 0;
    gate->settling = FALSE;
    gate->stale = FALSE;
    gate->sent_wish = gate->wish;
    gate->state = GATE_SENT;
    pf_bridge_conn_send(conn->link, mod);
    send_barrier(conn, gate);
}

/* Asks for the description of all ports, for the gates that need it. */
static void
ask_ports(struct conn *conn)
{
    struct ofpbuf *msg = ofputil_encode_port_desc_stats_request(
        pf_bridge_conn_version(conn->link), OFPP_ANY);
    struct gate *gate;
    GHashTableIter iter;

    g_hash_table_iter_init(&iter, conn->gates);
    while (g_hash_table_iter_next(&iter, NULL, (gpointer *) &gate)) {
        gate->asked = gate->state == GATE_ASK;
    }
    conn->desc_xid = ((const struct ofp_header *) msg->data)->xid;
    pf_bridge_conn_send(conn->link, msg);
}

/* Sends what the gates of 'conn' need. */
static void
conn_send(struct conn *conn)
{
    gboolean ask = FALSE;
    struct gate *gate;
    GHashTableIter iter;

    g_hash_table_iter_init(&iter, conn->gates);
    while (g_hash_table_iter_next(&iter, NULL, (gpointer *) &gate)) {
        if (gate->state == GATE_SEND) {
            send_gate(conn, gate);
        } else if (gate->state == GATE_ASK) {
            ask = TRUE;
        }
    }
    if (ask && !conn->desc_xid) {
        ask_ports(conn);
    }
}

/* ---- Receiving -------------------------------------------------------- */

/* The wishes of 'gate' up to 'wish' have failed, and are not tried again
 * before the next reconnect. */
static void G_GNUC_PRINTF(5, 6)
fail(PfGates *gates, struct gate *gate, guint wish, PfGateError code,
     const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_autoptr(GError) error = g_error_new_valist(PF_GATE_ERROR, code, format,
                                                 args);
    va_end(args);
    if (g_queue_is_empty(&gate->waiters)) {
        VLOG_WARN("%s", error->message);
    }
    finish(gates, gate, wish, error);
    gate->n_asked = 0;
    gate->state = gate->wish == wish ? GATE_DONE : state_to_send(gate);
}

/* A barrier after the port-mod of 'gate' has been answered.  The first answer
 * says that ovs-vswitchd knows; but new flows are made with the change only
 * after the next turn of its main loop, in which it answers the second. */
static void
handle_barrier(PfGates *gates, struct conn *conn, struct gate *gate)
{
    gboolean wrong_port = (gate->refusal == OFPERR_OFPPMFC_BAD_PORT
                           || gate->refusal == OFPERR_OFPPMFC_BAD_HW_ADDR);

    if (!gate->refusal && !gate->settling) {
        gate->settling = TRUE;
        send_barrier(conn, gate);
    } else if (!gate->refusal && gate->stale) {
        gate->state = GATE_SEND;
    } else if (!gate->refusal) {
        gate->n_asked = 0;
        finish(gates, gate, gate->sent_wish, NULL);
        gate->state = (gate->wish == gate->sent_wish
                       ? GATE_DONE : state_to_send(gate));
    } else if (wrong_port && gate->n_asked++ < MAX_ASKED) {
        gate->known = FALSE;
        gate->state = GATE_ASK;
    } else {
        fail(gates, gate, gate->sent_wish,
             wrong_port ? PF_GATE_ERROR_NO_PORT : PF_GATE_ERROR_REFUSED,
             "port '%s' on bridge '%s': ovs-vswitchd refused to %s the gate: "
             "%s", gate->name, conn->bridge, gate->closed ? "close" : "open",
             ofperr_to_string(gate->refusal));
    }
}

/* Notes what the switch says about the port of 'gate'. */
static void
learn_port(struct gate *gate, const struct ofputil_phy_port *pp)
{
    gate->port_no = pp->port_no;
    gate->hw_addr = pp->hw_addr;
    gate->known = TRUE;
}

/* Handles a part of the port description in 'msg'. */
static void
handle_port_desc(PfGates *gates, struct conn *conn, struct ofpbuf *msg)
{
    const struct ofp_header *oh = msg->data;
    gboolean more = ofpmp_more(oh);
    struct ofputil_phy_port pp;
    struct gate *gate;
    GHashTableIter iter;

    ofpraw_pull_assert(msg);
    while (!ofputil_pull_phy_port(oh->version, msg, &pp)) {
        gate = g_hash_table_lookup(conn->gates, pp.name);
        if (gate && gate->state == GATE_ASK && gate->asked) {
            learn_port(gate, &pp);
            gate->state = GATE_SEND;
        }
    }
    if (more) {
        return;
    }

    conn->desc_xid = 0;
    g_hash_table_iter_init(&iter, conn->gates);
    while (g_hash_table_iter_next(&iter, NULL, (gpointer *) &gate)) {
        if (gate->state == GATE_ASK && gate->asked) {
            fail(gates, gate, gate->wish, PF_GATE_ERROR_NO_PORT,
                 "port '%s': bridge '%s' has no OpenFlow port of that name",
                 gate->name, conn->bridge);
        }
    }
}

/* A port has come or changed: if its gate is meant to be closed and is not, it
 * is closed again. */
static void
handle_port_status(struct conn *conn, const struct ofp_header *oh)
{
    struct ofputil_port_status ps;
    struct gate *gate;

    if (ofputil_decode_port_status(oh, &ps) || ps.reason == OFPPR_DELETE) {
        return;
    }
    gate = g_hash_table_lookup(conn->gates, ps.desc.name);
    if (!gate || !gate->closed
        || (ps.desc.config & CLOSED_BITS) == CLOSED_BITS) {
        return;
    }
    if (gate->state == GATE_SENT && gate->settling) {
        learn_port(gate, &ps.desc);
        gate->stale = TRUE;
    } else if (gate->state == GATE_DONE) {
        VLOG_INFO("bridge %s: closing the gate of port %s again",
                  conn->bridge, gate->name);
        learn_port(gate, &ps.desc);
        gate->state = GATE_SEND;
    }
}

/* Returns the gate whose message or barrier has 'xid', or NULL. */
static struct gate *
gate_by_xid(struct conn *conn, ovs_be32 xid)
{
    struct gate *gate;
    GHashTableIter iter;

    g_hash_table_iter_init(&iter, conn->gates);
    while (g_hash_table_iter_next(&iter, NULL, (gpointer *) &gate)) {
        if (gate->state == GATE_SENT
            && (gate->mod_xid == xid || gate->barrier_xid == xid)) {
            return gate;
        }
    }
    return NULL;
}

/* Handles 'msg'. */
static void
handle_msg(PfGates *gates, struct conn *conn, struct ofpbuf *msg)
{
    const struct ofp_header *oh = msg->data;
    struct gate *gate = gate_by_xid(conn, oh->xid);
    enum ofptype type;

    if (ofptype_decode(&type, oh)) {
        return;
    }
    if (type == OFPTYPE_ERROR && gate) {
        gate->refusal = ofperr_decode_msg(oh, NULL);
    } else if (type == OFPTYPE_ERROR && oh->xid == conn->desc_xid) {
        VLOG_WARN("bridge %s: no port description: %s", conn->bridge,
                  ofperr_to_string(ofperr_decode_msg(oh, NULL)));
        pf_bridge_conn_close(conn->link);
    } else if (type == OFPTYPE_BARRIER_REPLY && gate) {
        handle_barrier(gates, conn, gate);
    } else if (type == OFPTYPE_PORT_DESC_STATS_REPLY
               && oh->xid == conn->desc_xid) {
        handle_port_desc(gates, conn, msg);
    } else if (type == OFPTYPE_PORT_STATUS) {
        handle_port_status(conn, oh);
    }
}

/* ---- Connections ------------------------------------------------------ */

/* Returns true if a gate of 'conn' cannot do without a connection. */
static gboolean
is_urgent(struct conn *conn)
{
    return g_hash_table_size(conn->gates) > 0;
}

/* The connection is there: has every gate told to the switch that it cannot
 * know. */
static void
conn_greet(struct conn *conn)
{
    struct gate *gate;
    GHashTableIter iter;

    conn->desc_xid = 0;
    g_hash_table_iter_init(&iter, conn->gates);
    while (g_hash_table_iter_next(&iter, NULL, (gpointer *) &gate)) {
        /* What the caller has just said is believed, what was learnt on an
         * earlier connection is not. */
        gate->state = (gate->known && !g_queue_is_empty(&gate->waiters)
                       ? GATE_SEND : GATE_ASK);
        gate->n_asked = 0;
    }
}

/* Returns true if 'gate_' is open, as it would be without us, and nobody waits
 * for it. */
static gboolean
gate_is_idle(gpointer name OVS_UNUSED, gpointer gate_,
             gpointer user OVS_UNUSED)
{
    const struct gate *gate = gate_;

    return (!gate->closed && gate->state == GATE_DONE
            && g_queue_is_empty((GQueue *) &gate->waiters));
}

/* Does what is to be done for 'conn'. */
static void
conn_run(PfGates *gates, struct conn *conn)
{
    struct ofpbuf *msg;

    if (pf_bridge_conn_run(conn->link, (is_urgent(conn) ? URGENT_RETRY_MS
                                        : RETRY_MS))) {
        conn_greet(conn);
    }
    for (int i = 0; i < MAX_RECEIVED
         && (msg = pf_bridge_conn_receive(conn->link)) != NULL; i++) {
        handle_msg(gates, conn, msg);
        ofpbuf_delete(msg);
    }
    if (pf_bridge_conn_is_up(conn->link)) {
        conn_send(conn);
    }
    /* The gates are told again when it is back. */
    pf_bridge_conn_lost(conn->link);
    g_hash_table_foreach_remove(conn->gates, gate_is_idle, NULL);
}

/* Ends the waiting of those whose time is over.  What they wanted stays
 * wanted. */
static void
run_deadlines(PfGates *gates, struct conn *conn, struct gate *gate)
{
    long long int now = time_msec();
    GList *next;

    for (GList *l = gate->waiters.head; l; l = next) {
        struct waiter *w = l->data;

        next = l->next;
        if (now >= w->deadline) {
            g_queue_delete_link(&gate->waiters, l);
            w->error = g_error_new(
                PF_GATE_ERROR, PF_GATE_ERROR_TIMEOUT,
                "port '%s' on bridge '%s': ovs-vswitchd (%s) did not %s the "
                "gate within %u ms%s", gate->name, conn->bridge,
                pf_bridge_conn_target(conn->link),
                gate->closed ? "close" : "open", w->timeout_ms,
                (pf_bridge_conn_is_up(conn->link) ? ""
                 : ": no connection"));
            g_queue_push_tail(&gates->finished, w);
        }
    }
}

/* ---- The loop --------------------------------------------------------- */

void
pf_gates_run(PfGates *gates)
{
    GHashTableIter conns, iter;
    struct conn *conn;
    struct gate *gate;
    struct waiter *w;
    GQueue finished;

    g_hash_table_iter_init(&conns, gates->conns);
    while (g_hash_table_iter_next(&conns, NULL, (gpointer *) &conn)) {
        conn_run(gates, conn);
        g_hash_table_iter_init(&iter, conn->gates);
        while (g_hash_table_iter_next(&iter, NULL, (gpointer *) &gate)) {
            run_deadlines(gates, conn, gate);
        }
    }

    /* What the callbacks ask for belongs to the next run. */
    finished = gates->finished;
    g_queue_init(&gates->finished);
    while ((w = g_queue_pop_head(&finished)) != NULL) {
        if (w->done) {
            w->done(w->user, w->error);
        }
        waiter_free(w);
    }
}

/* Waits for what 'conn' needs. */
static void
conn_wait(struct conn *conn)
{
    gboolean is_up = pf_bridge_conn_is_up(conn->link);
    struct gate *gate;
    GHashTableIter iter;

    pf_bridge_conn_wait(conn->link, TRUE);
    g_hash_table_iter_init(&iter, conn->gates);
    while (g_hash_table_iter_next(&iter, NULL, (gpointer *) &gate)) {
        for (const GList *l = gate->waiters.head; l; l = l->next) {
            const struct waiter *w = l->data;

            poll_timer_wait_until(w->deadline);
        }
        if (is_up && gate->state == GATE_SEND) {
            poll_immediate_wake();
        }
        if (is_up && gate->state == GATE_ASK && !conn->desc_xid) {
            poll_immediate_wake();
        }
    }
}

void
pf_gates_wait(PfGates *gates)
{
    GHashTableIter conns;
    struct conn *conn;

    g_hash_table_iter_init(&conns, gates->conns);
    while (g_hash_table_iter_next(&conns, NULL, (gpointer *) &conn)) {
        conn_wait(conn);
    }
    if (!g_queue_is_empty(&gates->finished)) {
        poll_immediate_wake();
    }
}
