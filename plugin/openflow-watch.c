/* SPDX-License-Identifier: Apache-2.0
 *
 * openflow-watch: tells of every change of a bridge's rules.
 *
 * One flow monitor for each bridge that is watched, on the same connection as
 * the requests: so an update comes before the answer of whatever was asked
 * after the change.  Where updates are missing (a monitor that ovs-vswitchd
 * has paused because we were slow), watchers are told NULL; when the
 * connection is lost, too, for nobody knows how long, and again when it is
 * back.
 */
#include <config.h>

#include "openflow-private.h"

#include <errno.h>
#include <string.h>

#include "nx-match.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/ofp-flow.h"
#include "openvswitch/ofp-monitor.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/vlog.h"

VLOG_DEFINE_THIS_MODULE(pf_openflow_watch);

/* A connection has one monitor. */
#define MONITOR_ID 1

/* Updates that are printed before others get their turn. */
#define UPDATES_PER_SLICE 64

/* Somebody who is told. */
struct watch {
    guint id;                   /* 0: unwatched, to be freed. */
    char *bridge;
    PfRuleFunc *rule;
    gpointer user;
};

/* ---- Watches ---------------------------------------------------------- */

/* Frees 'watch_'. */
static void
watch_free(gpointer watch_)
{
    struct watch *watch = watch_;

    g_free(watch->bridge);
    g_free(watch);
}

void
of_watches_init(PfOpenflow *of)
{
    g_queue_init(&of->watches);
}

void
of_watches_destroy(PfOpenflow *of)
{
    g_queue_clear_full(&of->watches, watch_free);
}

void
of_watches_sweep(PfOpenflow *of)
{
    GList *next;

    for (GList *l = of->watches.head; l; l = next) {
        struct watch *watch = l->data;

        next = l->next;
        if (!watch->id) {
            watch_free(watch);
            g_queue_delete_link(&of->watches, l);
        }
    }
}

guint
pf_openflow_watch(PfOpenflow *of, const char *bridge, PfRuleFunc *rule,
                  gpointer user)
{
    struct watch *watch = g_new0(struct watch, 1);

    watch->id = ++of->last_watch ? of->last_watch : ++of->last_watch;
    watch->bridge = g_strdup(bridge);
    watch->rule = rule;
    watch->user = user;
    g_queue_push_tail(&of->watches, watch);
    of_bridge_get(of, bridge)->n_watches++;
    return watch->id;
}

void
pf_openflow_unwatch(PfOpenflow *of, guint id)
{
    for (const GList *l = of->watches.head; id && l; l = l->next) {
        struct watch *watch = l->data;

        if (watch->id == id) {
            watch->id = 0;
            of_bridge_get(of, watch->bridge)->n_watches--;
            return;
        }
    }
}

/* Tells those who watch 'b' of 'rule', or, if it is NULL, that anything may
 * have changed. */
static void
tell(struct of_bridge *b, const char *rule)
{
    GList *last = b->of->watches.tail;

    /* Nothing is freed meanwhile, and what is added is not told. */
    for (GList *l = b->of->watches.head; l; l = l->next) {
        struct watch *watch = l->data;

        if (watch->id && !strcmp(watch->bridge, b->name)) {
            watch->rule(watch->user, b->name, rule);
        }
        if (l == last) {
            break;
        }
    }
}

/* ---- The monitor ------------------------------------------------------ */

/* Sends 'msg' with a new xid, and returns that. */
static guint32
send_numbered(struct of_bridge *b, struct ofpbuf *msg)
{
    guint32 xid = b->next_xid++;

    ((struct ofp_header *) msg->data)->xid = htonl(xid);
    pf_bridge_conn_send(b->link, msg);
    return xid;
}

/* Sets the monitor up: every rule, but only changes.  What Open vSwitch calls
 * "own" is that our own changes come in full, too. */
static void
monitor_start(struct of_bridge *b)
{
    struct ofputil_flow_monitor_request rq = {
        .id = MONITOR_ID,
        .command = OFPFMC_ADD,
        .flags = (OFPFMF_ADD | OFPFMF_REMOVED | OFPFMF_MODIFY
                  | OFPFMF_INSTRUCTIONS | OFPFMF_ONLY_OWN),
        .out_port = OFPP_NONE,
        .out_group = OFPG_ANY,
        .table_id = OFPTT_ALL,
    };
    struct ofpbuf *msg = ofpbuf_new(64);

    match_init_catchall(&rq.match);
    ofputil_append_flow_monitor_request(&rq, msg, of_protocol(b));
    b->monitor_xid = send_numbered(b, msg);
    b->paused = FALSE;
}

/* Takes the monitor away. */
static void
monitor_stop(struct of_bridge *b)
{
    enum ofp_version version = pf_bridge_conn_version(b->link);
    struct ofpbuf *msg = ofputil_encode_flow_monitor_cancel(MONITOR_ID,
                                                            of_protocol(b));

    if (version >= OFP14_VERSION) {
        struct match all;

        /* The switch reads a match also here, libopenvswitch writes none. */
        match_init_catchall(&all);
        oxm_put_match(msg, &all, version);
    }
    send_numbered(b, msg);
    b->monitor_xid = 0;
    b->paused = FALSE;
    b->resync = FALSE;
}

void
of_monitor_run(struct of_bridge *b)
{
    if (!b->ready || !pf_bridge_conn_is_up(b->link)) {
        return;
    }
    if (b->n_watches && !b->monitor_xid) {
        monitor_start(b);
    } else if (!b->n_watches && b->monitor_xid) {
        monitor_stop(b);
    }
}

void
of_monitor_lost(struct of_bridge *b)
{
    gboolean was_on = b->monitor_xid != 0;

    b->resync = b->resync || was_on;
    b->monitor_xid = 0;
    b->paused = FALSE;
    if (was_on) {
        tell(b, NULL);
    }
}

/* Tells of one update. */
static void
tell_update(struct of_bridge *b, const struct ofputil_flow_update *update)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    const struct ofputil_flow_stats fs = {
        .match = update->match,
        .cookie = update->cookie,
        .table_id = update->table_id,
        .priority = update->priority,
        .idle_timeout = update->idle_timeout,
        .hard_timeout = update->hard_timeout,
        .ofpacts = update->ofpacts,
        .ofpacts_len = update->ofpacts_len,
    };

    ofputil_flow_stats_format(&s, &fs, of_port_map(b), NULL, false);
    tell(b, ds_cstr(&s));
    ds_destroy(&s);
}

/* Handles one update; see of_monitor_receive(). */
static void
handle_update(struct of_bridge *b, const struct ofputil_flow_update *update)
{
    switch (update->event) {
    case OFPFME_INITIAL:
    case OFPFME_ADDED:
    case OFPFME_REMOVED:
    case OFPFME_MODIFIED:
        tell_update(b, update);
        break;
    case OFPFME_PAUSED:
    case OFPFME_RESUMED:
        b->paused = update->event == OFPFME_PAUSED;
        tell(b, NULL);
        break;
    case OFPFME_ABBREV:
    default:
        tell(b, NULL);
        break;
    }
}

/* Handles updates in 'msg'.  Returns FALSE if something is left. */
static gboolean
handle_updates(struct of_bridge *b, struct ofpbuf *msg)
{
    struct ofpbuf ofpacts;
    int retval = 0;

    ofpbuf_init(&ofpacts, 512);
    for (int i = 0; i < UPDATES_PER_SLICE && !retval; i++) {
        struct ofputil_flow_update update;

        retval = ofputil_decode_flow_update(&update, msg, &ofpacts);
        if (!retval) {
            handle_update(b, &update);
        }
    }
    ofpbuf_uninit(&ofpacts);
    if (retval && retval != EOF) {
        VLOG_WARN("bridge %s: flow monitor: %s", b->name,
                  ofperr_to_string(retval));
        tell(b, NULL);
    }
    return retval != 0;
}

gboolean
of_monitor_receive(struct of_bridge *b, struct ofpbuf *msg, enum ofptype type)
{
    const struct ofp_header *oh = msg->header ? msg->header : msg->data;

    if (!b->n_watches) {
        return TRUE;
    }
    switch ((int) type) {
    case OFPTYPE_ERROR:
        VLOG_WARN("bridge %s: no flow monitor: %s", b->name,
                  ofperr_to_string(ofperr_decode_msg(oh, NULL)));
        tell(b, NULL);
        return TRUE;
    case OFPTYPE_FLOW_MONITOR_PAUSED:
    case OFPTYPE_FLOW_MONITOR_RESUMED:
        b->paused = type == OFPTYPE_FLOW_MONITOR_PAUSED;
        tell(b, NULL);
        return TRUE;
    default:
        if (b->resync && ntohl(oh->xid) == b->monitor_xid) {
            b->resync = FALSE;
            tell(b, NULL);
        }
        return handle_updates(b, msg);
    }
}

void
of_monitor_before_answer(struct of_bridge *b)
{
    if (b->paused) {
        tell(b, NULL);
    }
}
