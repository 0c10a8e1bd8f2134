/* SPDX-License-Identifier: Apache-2.0
 *
 * openflow-private: what the files of openflow.h share.
 *
 * For each bridge there is a connection, the names of its ports, and a queue
 * of requests.  What differs between requests (a dump, a bundle, ...) is in a
 * struct of_class; the queue, the deadlines, the connection and who gets which
 * message are openflow.c's.
 */
#ifndef PF_OPENFLOW_PRIVATE_H
#define PF_OPENFLOW_PRIVATE_H 1

#include "bridge-conn.h"
#include "openflow.h"
#include "openvswitch/ofp-errors.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofp-port.h"
#include "openvswitch/ofp-protocol.h"

struct of_bridge;
struct of_request;

/* ---- Ports (openflow-ports.c) ----------------------------------------- */

/* The names of a bridge's ports, as far as ovs-ofctl's syntax can tell them
 * from other words. */
struct of_ports {
    GHashTable *names;          /* Name by number (GUINT_TO_POINTER). */
    struct ofputil_port_map map;
    gboolean stale;             /* 'map' is not made from 'names'. */
};

void of_ports_init(struct of_ports *);
void of_ports_destroy(struct of_ports *);
/* Forgets everything. */
void of_ports_clear(struct of_ports *);
/* Notes one port, or that it is gone. */
void of_ports_put(struct of_ports *, const struct ofputil_phy_port *);
void of_ports_remove(struct of_ports *, ofp_port_t);
const struct ofputil_port_map *of_ports_map(struct of_ports *);

/* ---- Requests (openflow.c) -------------------------------------------- */

/* What a request does when it is its turn.  Each function may end the
 * request. */
struct of_class {
    /* Sends what it has to send, or a part of it: called again in the next run
     * until it has set 'all_sent'. */
    void (*send)(struct of_request *);
    /* Handles a message with one of its xids, that is number 'i'.  Returns
     * FALSE if something of 'msg' is left: called again with it. */
    gboolean (*receive)(struct of_request *, struct ofpbuf *msg,
                        enum ofptype type, guint i);
    /* The request is given up while the connection is there and something was
     * sent.  May be NULL. */
    void (*abandon)(struct of_request *);
    /* Frees it. */
    void (*free)(struct of_request *);
};

/* A question, or something to be done. */
struct of_request {
    const struct of_class *class;
    struct of_bridge *bridge;
    const char *what;           /* "the dump of its rules". */
    guint timeout_ms;
    long long int deadline;     /* time_msec() units. */
    PfLinesFunc *lines;         /* One of the two is set. */
    PfDoneFunc *done;
    gpointer user;

    guint32 first_xid;
    guint n_xids;               /* 0: nothing was sent. */
    gboolean all_sent;
    gboolean over;              /* Ended, to be freed. */
};

/* A bridge. */
struct of_bridge {
    PfOpenflow *of;
    char *name;
    PfBridgeConn *link;
    gboolean prepared;          /* The connection is wanted without need. */
    guint32 next_xid;
    GQueue requests;            /* struct of_request *, in order. */
    struct ofpbuf *msg;         /* The rest of a message, or NULL. */

    struct of_ports ports;
    guint32 desc_xid;           /* Of the port description, 0: not asked. */
    gboolean ready;             /* The port description was read. */

    guint n_watches;
    guint32 monitor_xid;        /* 0: no monitor. */
    gboolean paused;            /* The monitor is. */
    gboolean resync;            /* Watchers have missed something. */
};

/* Takes 'n' xids for 'request', which has none yet. */
void of_request_take_xids(struct of_request *, guint n);
/* Sends 'msg', of which it takes ownership, with the request's xid number
 * 'i'. */
void of_request_send(struct of_request *, guint i, struct ofpbuf *msg);
/* Calls back with a part of the answer; 'last' ends the request. */
void of_request_lines(struct of_request *, const GPtrArray *lines,
                      gboolean last);
/* Ends the request: with success if 'error' is NULL. */
void of_request_end(struct of_request *, const GError *error);
/* Ends it with an error: "bridge 'B': ..." */
void of_request_fail(struct of_request *, PfOpenflowError, const char *format,
                     ...) G_GNUC_PRINTF(3, 4);

/* What the bridge's connection speaks. */
enum ofputil_protocol of_protocol(const struct of_bridge *);
const struct ofputil_port_map *of_port_map(struct of_bridge *);
/* Whether a slice of work has taken long enough. */
gboolean of_out_of_time(const struct of_bridge *);
/* Returns NULL if what was parsed into something for 'usable' can be sent to
 * 'bridge', otherwise why not (for g_free()). */
char *of_check_usable(const struct of_bridge *, enum ofputil_protocol usable);
/* Gives a string that libopenvswitch has allocated to GLib, as one line. */
char *of_steal_text(char *text);

/* Queues 'request', whose class is set. */
void of_queue(PfOpenflow *, struct of_request *, const char *bridge,
              const char *what, guint timeout_ms, gpointer user);

/* ---- Monitors (openflow-watch.c) -------------------------------------- */

void of_watches_init(PfOpenflow *);
void of_watches_destroy(PfOpenflow *);
/* Frees what was unwatched. */
void of_watches_sweep(PfOpenflow *);
/* The connection is there, and its ports are known: sets the monitor up, or
 * takes it away, as watches need it. */
void of_monitor_run(struct of_bridge *);
/* The connection is lost. */
void of_monitor_lost(struct of_bridge *);
/* An answer to the monitor's request came ('type'), or an update. Returns
 * FALSE if something of 'msg' is left. */
gboolean of_monitor_receive(struct of_bridge *, struct ofpbuf *msg,
                            enum ofptype type);
/* A request is about to be answered: says that changes were missed, if the
 * monitor is paused. */
void of_monitor_before_answer(struct of_bridge *);

/* ---- All of it (openflow.c) ------------------------------------------- */

struct PfOpenflow {
    char *rundir;
    GHashTable *bridges;        /* struct of_bridge *, by name. */
    GQueue watches;             /* struct watch * (openflow-watch.c). */
    guint last_watch;
    gint64 slice_end;           /* g_get_monotonic_time() units. */
};

/* Returns bridge 'name', made if need be. */
struct of_bridge *of_bridge_get(PfOpenflow *, const char *name);

#endif
