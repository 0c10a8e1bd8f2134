/* SPDX-License-Identifier: Apache-2.0
 *
 * openflow: rules, groups, meters and packets of a bridge, in ovs-ofctl's
 * words.
 *
 * This file has the connections, the queues of requests and their deadlines,
 * and gives each message to whom it belongs: a request knows its answers by
 * their xids.  It knows nothing of what requests are about; see
 * openflow-private.h.
 *
 * A connection goes through three steps: it is made; the names of the ports
 * are read, and kept up to date from then on; and then monitors and requests
 * are sent, in the order in which they were asked for.
 */
#include <config.h>

#include "openflow-private.h"

#include <string.h>

#include "openvswitch/ofp-util.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "timeval.h"

VLOG_DEFINE_THIS_MODULE(pf_openflow);

G_DEFINE_QUARK(pf-openflow-error-quark, pf_openflow_error)

/* Times (ms) between attempts to connect: while a request waits, and
 * otherwise. */
#define URGENT_RETRY_MS 50
#define RETRY_MS 1000

/* One run works about this long (us), however much there is to do. */
#define SLICE_US 3000

/* No more is sent while so many messages wait for room in the socket. */
#define MAX_BACKLOG 50

/* Apart from the xids that libopenvswitch gives to messages of its own. */
#define FIRST_XID 0x40000000u

/* ---- Life cycle ------------------------------------------------------- */

/* Frees 'request'. */
static void
request_free(gpointer request)
{
    ((struct of_request *) request)->class->free(request);
}

/* Frees 'b_'. */
static void
bridge_free(gpointer b_)
{
    struct of_bridge *b = b_;

    g_queue_clear_full(&b->requests, request_free);
    ofpbuf_delete(b->msg);
    of_ports_destroy(&b->ports);
    pf_bridge_conn_free(b->link);
    g_free(b->name);
    g_free(b);
}

PfOpenflow *
pf_openflow_new(const char *rundir)
{
    PfOpenflow *of = g_new0(PfOpenflow, 1);

    of->rundir = g_strdup(rundir);
    of->bridges = g_hash_table_new_full(g_str_hash, g_str_equal, NULL,
                                        bridge_free);
    of_watches_init(of);
    return of;
}

void
pf_openflow_free(PfOpenflow *of)
{
    if (of) {
        g_hash_table_unref(of->bridges);
        of_watches_destroy(of);
        g_free(of->rundir);
        g_free(of);
    }
}

struct of_bridge *
of_bridge_get(PfOpenflow *of, const char *name)
{
    struct of_bridge *b = g_hash_table_lookup(of->bridges, name);

    if (!b) {
        b = g_new0(struct of_bridge, 1);
        b->of = of;
        b->name = g_strdup(name);
        b->link = pf_bridge_conn_new(of->rundir, name);
        b->next_xid = FIRST_XID;
        g_queue_init(&b->requests);
        of_ports_init(&b->ports);
        g_hash_table_insert(of->bridges, b->name, b);
    }
    return b;
}

/* ---- What requests share ---------------------------------------------- */

void
of_queue(PfOpenflow *of, struct of_request *request, const char *bridge,
         const char *what, guint timeout_ms, gpointer user)
{
    struct of_bridge *b = of_bridge_get(of, bridge);

    request->bridge = b;
    request->what = what;
    request->timeout_ms = timeout_ms;
    request->deadline = time_msec() + timeout_ms;
    request->user = user;
    g_queue_push_tail(&b->requests, request);
    pf_bridge_conn_hurry(b->link);
}

void
of_request_take_xids(struct of_request *request, guint n)
{
    struct of_bridge *b = request->bridge;

    /* A zero is for what nobody has asked for. */
    if (b->next_xid > G_MAXUINT32 - n) {
        b->next_xid = FIRST_XID;
    }
    request->first_xid = b->next_xid;
    request->n_xids = n;
    b->next_xid += n;
}

void
of_request_send(struct of_request *request, guint i, struct ofpbuf *msg)
{
    ((struct ofp_header *) msg->data)->xid = htonl(request->first_xid + i);
    pf_bridge_conn_send(request->bridge->link, msg);
}

void
of_request_lines(struct of_request *request, const GPtrArray *lines,
                 gboolean last)
{
    if (last) {
        request->over = TRUE;
        of_monitor_before_answer(request->bridge);
    }
    request->lines(request->user, lines, last, NULL);
}

void
of_request_end(struct of_request *request, const GError *error)
{
    request->over = TRUE;
    of_monitor_before_answer(request->bridge);
    if (request->done) {
        request->done(request->user, error);
    } else if (request->lines) {
        g_autoptr(GPtrArray) none = g_ptr_array_new();

        request->lines(request->user, none, TRUE, error);
    }
}

void
of_request_fail(struct of_request *request, PfOpenflowError code,
                const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);

    g_autoptr(GError) error = g_error_new(PF_OPENFLOW_ERROR, code,
                                          "bridge '%s': %s",
                                          request->bridge->name, text);

    of_request_end(request, error);
}

enum ofputil_protocol
of_protocol(const struct of_bridge *b)
{
    enum ofp_version version = pf_bridge_conn_version(b->link);

    return (version == OFP10_VERSION ? OFPUTIL_P_OF10_NXM_TID
            : ofputil_protocol_from_ofp_version(version));
}

const struct ofputil_port_map *
of_port_map(struct of_bridge *b)
{
    return of_ports_map(&b->ports);
}

gboolean
of_out_of_time(const struct of_bridge *b)
{
    return g_get_monotonic_time() >= b->of->slice_end;
}

char *
of_check_usable(const struct of_bridge *b, enum ofputil_protocol usable)
{
    if (usable & of_protocol(b)) {
        return NULL;
    }

    g_autofree char *needed = of_steal_text(
        ofputil_protocols_to_string(usable));

    return g_strdup_printf(
        "the bridge speaks %s, this needs one of %s: see Bridge.protocols",
        ofputil_version_to_string(pf_bridge_conn_version(b->link)), needed);
}

char *
of_steal_text(char *text)
{
    char *line = g_strdelimit(g_strdup(text), "\r\n", ' ');

    free(text);
    return g_strstrip(line);
}

/* ---- Receiving -------------------------------------------------------- */

/* Asks for the description of the ports. */
static void
ask_ports(struct of_bridge *b)
{
    struct ofpbuf *msg = ofputil_encode_port_desc_stats_request(
        pf_bridge_conn_version(b->link), OFPP_ANY);

    b->desc_xid = b->next_xid++;
    ((struct ofp_header *) msg->data)->xid = htonl(b->desc_xid);
    of_ports_clear(&b->ports);
    pf_bridge_conn_send(b->link, msg);
}

/* Handles a part of the port description. */
static void
handle_port_desc(struct of_bridge *b, struct ofpbuf *msg)
{
    const struct ofp_header *oh = msg->data;
    gboolean more = ofpmp_more(oh);
    struct ofputil_phy_port pp;

    ofpraw_pull_assert(msg);
    while (!ofputil_pull_phy_port(oh->version, msg, &pp)) {
        of_ports_put(&b->ports, &pp);
    }
    b->ready = !more;
}

/* A port has come, changed or gone. */
static void
handle_port_status(struct of_bridge *b, const struct ofp_header *oh)
{
    struct ofputil_port_status ps;

    if (ofputil_decode_port_status(oh, &ps)) {
        return;
    }
    if (ps.reason == OFPPR_DELETE) {
        of_ports_remove(&b->ports, ps.desc.port_no);
    } else {
        of_ports_put(&b->ports, &ps.desc);
    }
}

/* Returns the request that has sent 'xid', or NULL. */
static struct of_request *
find_request(struct of_bridge *b, guint32 xid)
{
    for (const GList *l = b->requests.head; l; l = l->next) {
        struct of_request *request = l->data;

        if (!request->over && xid - request->first_xid < request->n_xids) {
            return request;
        }
    }
    return NULL;
}

/* Handles 'msg'; returns FALSE if something of it is left for later. */
static gboolean
handle_msg(struct of_bridge *b, struct ofpbuf *msg)
{
    const struct ofp_header *oh = msg->header ? msg->header : msg->data;
    guint32 xid = ntohl(oh->xid);
    struct of_request *request;
    enum ofptype type;

    if (ofptype_decode(&type, oh)) {
        return TRUE;
    }
    if (type == OFPTYPE_GET_CONFIG_REPLY) {
        ask_ports(b);
    } else if (type == OFPTYPE_PORT_STATUS) {
        handle_port_status(b, oh);
    } else if (type == OFPTYPE_PORT_DESC_STATS_REPLY && xid == b->desc_xid) {
        handle_port_desc(b, msg);
    } else if (type == OFPTYPE_ERROR && xid == b->desc_xid) {
        VLOG_WARN("bridge %s: no port description: %s", b->name,
                  ofperr_to_string(ofperr_decode_msg(oh, NULL)));
        pf_bridge_conn_close(b->link);
    } else if (type == OFPTYPE_FLOW_MONITOR_STATS_REPLY
               || type == OFPTYPE_FLOW_MONITOR_PAUSED
               || type == OFPTYPE_FLOW_MONITOR_RESUMED
               || (type == OFPTYPE_ERROR && xid == b->monitor_xid)) {
        return of_monitor_receive(b, msg, type);
    } else if ((request = find_request(b, xid)) != NULL) {
        return request->class->receive(request, msg, type,
                                       xid - request->first_xid);
    }
    return TRUE;
}

/* Handles what has come, a slice at a time. */
static void
bridge_receive(struct of_bridge *b)
{
    do {
        if (!b->msg) {
            b->msg = pf_bridge_conn_receive(b->link);
        }
        if (!b->msg) {
            break;
        }
        if (handle_msg(b, b->msg)) {
            ofpbuf_delete(b->msg);
            b->msg = NULL;
        }
    } while (!of_out_of_time(b));
}

/* ---- Sending ---------------------------------------------------------- */

/* Returns the first request that has something to send, or NULL. */
static struct of_request *
next_to_send(struct of_bridge *b)
{
    for (const GList *l = b->requests.head; l; l = l->next) {
        struct of_request *request = l->data;

        if (!request->over && !request->all_sent) {
            return request;
        }
    }
    return NULL;
}

/* Whether something can be sent now. */
static gboolean
may_send(const struct of_bridge *b)
{
    return (b->ready && pf_bridge_conn_is_up(b->link)
            && pf_bridge_conn_backlog(b->link) < MAX_BACKLOG);
}

/* Sends what there is to send, a slice at a time. */
static void
bridge_send(struct of_bridge *b)
{
    struct of_request *request;

    of_monitor_run(b);
    while (may_send(b) && (request = next_to_send(b)) != NULL) {
        request->class->send(request);
        if (of_out_of_time(b)) {
            break;
        }
    }
}

/* ---- The loop --------------------------------------------------------- */

/* The connection is lost. */
static void
bridge_lost(struct of_bridge *b)
{
    ofpbuf_delete(b->msg);
    b->msg = NULL;
    b->desc_xid = 0;
    b->ready = FALSE;
    b->prepared = FALSE;
    of_monitor_lost(b);
    for (const GList *l = b->requests.head; l; l = l->next) {
        struct of_request *request = l->data;

        if (!request->over && request->n_xids) {
            of_request_fail(request, PF_OPENFLOW_ERROR_TIMEOUT,
                            "ovs-vswitchd (%s) closed the connection before "
                            "it had answered %s",
                            pf_bridge_conn_target(b->link), request->what);
        }
    }
}

/* Ends the requests whose time is over, and frees all that have ended. */
static void
bridge_sweep(struct of_bridge *b)
{
    long long int now = time_msec();
    GList *next;

    for (GList *l = b->requests.head; l; l = l->next) {
        struct of_request *request = l->data;
        gboolean is_up = pf_bridge_conn_is_up(b->link);

        if (!request->over && now >= request->deadline) {
            if (is_up && request->n_xids && request->class->abandon) {
                request->class->abandon(request);
            }
            of_request_fail(request, PF_OPENFLOW_ERROR_TIMEOUT,
                            "ovs-vswitchd (%s) did not answer %s within %u "
                            "ms%s", pf_bridge_conn_target(b->link),
                            request->what, request->timeout_ms,
                            is_up ? "" : ": no connection");
        }
    }
    for (GList *l = b->requests.head; l; l = next) {
        next = l->next;
        if (((struct of_request *) l->data)->over) {
            request_free(l->data);
            g_queue_delete_link(&b->requests, l);
        }
    }
}

/* Does what is to be done for 'b'. */
static void
bridge_run(struct of_bridge *b)
{
    pf_bridge_conn_run(b->link, (g_queue_is_empty(&b->requests) ? RETRY_MS
                                 : URGENT_RETRY_MS));
    bridge_receive(b);
    bridge_send(b);
    if (pf_bridge_conn_lost(b->link)) {
        bridge_lost(b);
    }
    bridge_sweep(b);
}

/* Whether nobody needs 'b', nor a connection to it. */
static gboolean
is_idle(const struct of_bridge *b)
{
    return (!pf_bridge_conn_is_up(b->link) && !b->prepared && !b->n_watches
            && g_queue_is_empty((GQueue *) &b->requests));
}

void
pf_openflow_run(PfOpenflow *of)
{
    /* Callbacks may add bridges. */
    g_autoptr(GList) bridges = g_hash_table_get_values(of->bridges);

    of->slice_end = g_get_monotonic_time() + SLICE_US;
    for (const GList *l = bridges; l; l = l->next) {
        bridge_run(l->data);
    }
    of_watches_sweep(of);
    for (const GList *l = bridges; l; l = l->next) {
        struct of_bridge *b = l->data;

        if (is_idle(b)) {
            g_hash_table_remove(of->bridges, b->name);
        }
    }
}

/* Waits for what 'b' needs. */
static void
bridge_wait(struct of_bridge *b)
{
    pf_bridge_conn_wait(b->link, !b->msg);
    if (b->msg || (may_send(b) && (next_to_send(b) != NULL
                                   || !b->monitor_xid != !b->n_watches))) {
        poll_immediate_wake();
    }
    for (const GList *l = b->requests.head; l; l = l->next) {
        poll_timer_wait_until(((struct of_request *) l->data)->deadline);
    }
}

void
pf_openflow_wait(PfOpenflow *of)
{
    GHashTableIter iter;
    struct of_bridge *b;

    g_hash_table_iter_init(&iter, of->bridges);
    while (g_hash_table_iter_next(&iter, NULL, (gpointer *) &b)) {
        bridge_wait(b);
    }
}
