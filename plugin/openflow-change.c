/* SPDX-License-Identifier: Apache-2.0
 *
 * openflow-change: what changes a bridge or sends through it: bundles, meters
 * and packets.
 *
 * A bundle's messages are made and sent a few at a time.  A message that is
 * refused does not end a bundle by itself, it would only be missing from it:
 * so a barrier is awaited, and the bundle is committed only if nothing was
 * refused before that.
 */
#include <config.h>

#include "openflow-private.h"

#include <string.h>

#include "flow.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/ofp-bundle.h"
#include "openvswitch/ofp-flow.h"
#include "openvswitch/ofp-group.h"
#include "openvswitch/ofp-meter.h"
#include "openvswitch/ofp-packet.h"
#include "openvswitch/ofp-util.h"
#include "openvswitch/ofpbuf.h"

/* More of a command is not shown. */
#define MAX_SHOWN 200

/* A bundle's messages that are made before others get their turn. */
#define COMMANDS_PER_SLICE 32

/* What each of the three has: commands, their messages and what came of
 * them. */
struct change {
    struct of_request up;
    char **commands;            /* NULL-terminated. */
    guint n;                    /* Number of commands. */
    guint n_sent;
    guint refused;              /* The command that was refused first... */
    enum ofperr refusal;        /* ...and why; 0: none was. */

    guint32 bundle_id;          /* Bundles. */
    struct ofpbuf **msgs;       /* Meters: 'n', sent ones are NULL. */
    gint64 in_port;             /* Packets. */
    GBytes *frame;
};

/* Returns 'command' as it is shown to people. */
static char *
shown(const char *command)
{
    g_autofree char *valid = g_utf8_make_valid(command, -1);

    g_strdelimit(valid, "\r\n", ' ');
    if (strlen(valid) <= MAX_SHOWN) {
        return g_steal_pointer(&valid);
    }

    g_autofree char *start = g_utf8_substring(
        valid, 0, g_utf8_pointer_to_offset(
            valid, g_utf8_find_prev_char(valid, valid + MAX_SHOWN)));

    return g_strdup_printf("%s...", start);
}

/* The change ends because of command number 'i': 'text'. */
static void
fail_command(struct change *change, PfOpenflowError code, guint i,
             const char *text)
{
    g_autofree char *command = shown(change->commands[i]);

    of_request_fail(&change->up, code, "'%s': %s", command, text);
}

/* The change ends because of what the switch has said. */
static void
fail_refused(struct change *change)
{
    if (change->refused < change->n) {
        fail_command(change, PF_OPENFLOW_ERROR_REFUSED, change->refused,
                     ofperr_to_string(change->refusal));
    } else {
        of_request_fail(&change->up, PF_OPENFLOW_ERROR_REFUSED,
                        "ovs-vswitchd refused %s: %s", change->up.what,
                        ofperr_to_string(change->refusal));
    }
}

/* Notes that command number 'i' (or, if there is none, the whole) was
 * refused. */
static void
note_refusal(struct change *change, guint i, const struct ofp_header *oh)
{
    if (!change->refusal || i < change->refused) {
        change->refused = i;
        change->refusal = ofperr_decode_msg(oh, NULL);
    }
}

/* Sends a barrier with the xid number 'i'. */
static void
send_barrier(struct of_request *request, guint i)
{
    of_request_send(request, i, ofputil_encode_barrier_request(
                        pf_bridge_conn_version(request->bridge->link)));
}

/* Frees 'request'. */
static void
change_free(struct of_request *request)
{
    struct change *change = (struct change *) request;

    for (guint i = 0; change->msgs && i < change->n; i++) {
        ofpbuf_delete(change->msgs[i]);
    }
    g_free(change->msgs);
    g_strfreev(change->commands);
    g_clear_pointer(&change->frame, g_bytes_unref);
    g_free(change);
}

/* Returns a new change with copies of 'commands'. */
static struct change *
change_new(const struct of_class *class, const GPtrArray *commands,
           PfDoneFunc *done)
{
    struct change *change = g_new0(struct change, 1);

    change->up.class = class;
    change->up.done = done;
    change->n = commands->len;
    change->commands = g_new0(char *, commands->len + 1);
    for (guint i = 0; i < commands->len; i++) {
        change->commands[i] = g_strdup(g_ptr_array_index(commands, i));
    }
    return change;
}

/* Returns what comes after word 'word' at the beginning of 'command', or NULL
 * if it does not begin so. */
static const char *
after_word(const char *command, const char *word)
{
    size_t length = strlen(word);

    return (g_str_has_prefix(command, word)
            && (g_ascii_isspace(command[length]) || !command[length])
            ? command + length : NULL);
}

/* ---- Bundles ---------------------------------------------------------- */

/* A bundle's xids: opening is number 0, then come the commands, and then these
 * three. */
static guint
xid_of_barrier(const struct change *change)
{
    return change->n + 1;
}

static guint
xid_of_commit(const struct change *change)
{
    return change->n + 2;
}

static guint
xid_of_discard(const struct change *change)
{
    return change->n + 3;
}

/* Sends a message of 'type' about the bundle. */
static void
bundle_control(struct change *change, enum ofp14_bundle_ctrl_type type,
               guint i)
{
    struct ofputil_bundle_ctrl_msg bc = {
        .bundle_id = change->bundle_id,
        .type = type,
        .flags = OFPBF_ATOMIC | OFPBF_ORDERED,
    };

    of_request_send(&change->up, i, ofputil_encode_bundle_ctrl_request(
                        pf_bridge_conn_version(change->up.bridge->link),
                        &bc));
}

/* Returns the message for a rule, or NULL with '*text' set to what is wrong
 * with it. */
static struct ofpbuf *
encode_flow(struct of_bridge *b, const char *rest, char **text)
{
    enum ofputil_protocol usable;
    struct ofputil_flow_mod fm;
    struct ofpbuf *msg = NULL;
    char *problem = parse_ofp_flow_mod_str(&fm, rest, of_port_map(b), NULL,
                                           -2, &usable);

    if (problem) {
        *text = of_steal_text(problem);
        return NULL;
    }
    *text = of_check_usable(b, usable);
    if (!*text) {
        msg = ofputil_encode_flow_mod(&fm, of_protocol(b));
    }
    free(fm.ofpacts);
    minimatch_destroy(&fm.match);
    return msg;
}

/* The same for a group. */
static struct ofpbuf *
encode_group(struct of_bridge *b, const char *rest, char **text)
{
    enum ofputil_protocol usable;
    struct ofputil_group_mod gm;
    struct ofpbuf *msg = NULL;
    char *problem = parse_ofp_group_mod_str(&gm, -2, rest, of_port_map(b),
                                            NULL, &usable);

    if (problem) {
        *text = of_steal_text(problem);
        return NULL;
    }
    *text = of_check_usable(b, usable);
    if (!*text) {
        msg = ofputil_encode_group_mod(pf_bridge_conn_version(b->link), &gm,
                                       NULL, -1);
    }
    ofputil_uninit_group_mod(&gm);
    return msg;
}

/* Sends command number 'i' as a part of the bundle; ends the request if it is
 * wrong. */
static void
bundle_add(struct change *change, guint i)
{
    struct of_bridge *b = change->up.bridge;
    const char *rest;
    g_autofree char *text = NULL;
    struct ofpbuf *msg = NULL;

    if ((rest = after_word(change->commands[i], "flow")) != NULL) {
        msg = encode_flow(b, rest, &text);
    } else if ((rest = after_word(change->commands[i], "group")) != NULL) {
        msg = encode_group(b, rest, &text);
    } else {
        text = g_strdup("a command begins with 'flow' or 'group'");
    }
    if (!msg) {
        if (change->up.n_xids) {
            bundle_control(change, OFPBCT_DISCARD_REQUEST,
                           xid_of_discard(change));
        }
        fail_command(change, PF_OPENFLOW_ERROR_SYNTAX, i, text);
        return;
    }

    ofpmsg_update_length(msg);
    ((struct ofp_header *) msg->data)->xid = htonl(change->up.first_xid + i
                                                   + 1);

    struct ofputil_bundle_add_msg add = {
        .bundle_id = change->bundle_id,
        .flags = OFPBF_ATOMIC | OFPBF_ORDERED,
        .msg = msg->data,
    };

    of_request_send(&change->up, i + 1, ofputil_encode_bundle_add(
                        pf_bridge_conn_version(b->link), &add));
    ofpbuf_delete(msg);
}

/* Opens the bundle.  Returns FALSE if the request has ended. */
static gboolean
bundle_open(struct change *change)
{
    struct of_bridge *b = change->up.bridge;
    g_autofree char *text = of_check_usable(b, OFPUTIL_P_OF13_UP);

    if (!change->n) {
        of_request_end(&change->up, NULL);
        return FALSE;
    }
    if (text) {
        of_request_fail(&change->up, PF_OPENFLOW_ERROR_REFUSED,
                        "bundles: %s", text);
        return FALSE;
    }
    of_request_take_xids(&change->up, change->n + 4);
    change->bundle_id = change->up.first_xid;
    bundle_control(change, OFPBCT_OPEN_REQUEST, 0);
    return TRUE;
}

static void
bundle_send(struct of_request *request)
{
    struct change *change = (struct change *) request;

    if (!request->n_xids && !bundle_open(change)) {
        return;
    }
    for (int i = 0; i < COMMANDS_PER_SLICE && change->n_sent < change->n
         && !request->over; i++) {
        bundle_add(change, change->n_sent++);
    }
    if (!request->over && change->n_sent == change->n) {
        send_barrier(request, xid_of_barrier(change));
        request->all_sent = TRUE;
    }
}

static gboolean
bundle_receive(struct of_request *request, struct ofpbuf *msg,
               enum ofptype type, guint i)
{
    struct change *change = (struct change *) request;

    if (type == OFPTYPE_ERROR) {
        /* Opening and committing are no command's fault. */
        note_refusal(change, i && i <= change->n ? i - 1 : change->n,
                     msg->data);
        if (i == xid_of_commit(change)) {
            fail_refused(change);
        }
    } else if (type == OFPTYPE_BARRIER_REPLY && change->refusal) {
        bundle_control(change, OFPBCT_DISCARD_REQUEST,
                       xid_of_discard(change));
        fail_refused(change);
    } else if (type == OFPTYPE_BARRIER_REPLY) {
        bundle_control(change, OFPBCT_COMMIT_REQUEST, xid_of_commit(change));
    } else if (type == OFPTYPE_BUNDLE_CONTROL && i == xid_of_commit(change)) {
        of_request_end(request, NULL);
    }
    return TRUE;
}

/* What was added to the bundle goes; if it is being committed already, that
 * comes too late. */
static void
bundle_abandon(struct of_request *request)
{
    struct change *change = (struct change *) request;

    bundle_control(change, OFPBCT_DISCARD_REQUEST, xid_of_discard(change));
}

static const struct of_class bundle_class = {
    .send = bundle_send,
    .receive = bundle_receive,
    .abandon = bundle_abandon,
    .free = change_free,
};

void
pf_openflow_bundle(PfOpenflow *of, const char *bridge,
                   const GPtrArray *commands, guint timeout_ms,
                   PfDoneFunc *done, gpointer user)
{
    struct change *change = change_new(&bundle_class, commands, done);

    of_queue(of, &change->up, bridge, "the change of its rules and groups",
             timeout_ms, user);
}

/* ---- Meters ----------------------------------------------------------- */

/* Returns the message for command number 'i', or NULL with '*text' set. */
static struct ofpbuf *
encode_meter(struct change *change, guint i, char **text)
{
    static const struct {
        const char *word;
        int command;
    } words[] = {
        { "add", OFPMC13_ADD },
        { "modify", OFPMC13_MODIFY },
        { "delete", OFPMC13_DELETE },
    };
    struct of_bridge *b = change->up.bridge;

    for (size_t j = 0; j < G_N_ELEMENTS(words); j++) {
        const char *rest = after_word(change->commands[i], words[j].word);
        enum ofputil_protocol usable;
        struct ofputil_meter_mod mm;
        struct ofpbuf *msg = NULL;
        char *problem;

        if (!rest) {
            continue;
        }
        problem = parse_ofp_meter_mod_str(&mm, rest, words[j].command,
                                          &usable);
        if (problem) {
            *text = of_steal_text(problem);
            return NULL;
        }
        *text = of_check_usable(b, usable);
        if (!*text) {
            msg = ofputil_encode_meter_mod(pf_bridge_conn_version(b->link),
                                           &mm);
        }
        free(mm.meter.bands);
        return msg;
    }
    *text = g_strdup("a command begins with 'add', 'modify' or 'delete'");
    return NULL;
}

/* Sends the next meter with a barrier, or ends the request. */
static void
meters_next(struct change *change)
{
    guint i = change->n_sent++;

    if (change->refusal) {
        fail_refused(change);
    } else if (i == change->n) {
        of_request_end(&change->up, NULL);
    } else {
        of_request_send(&change->up, 2 * i,
                        g_steal_pointer(&change->msgs[i]));
        send_barrier(&change->up, 2 * i + 1);
    }
}

/* All are made before the first is sent: if one is wrong, none is. */
static void
meters_send(struct of_request *request)
{
    struct change *change = (struct change *) request;

    request->all_sent = TRUE;
    change->msgs = g_new0(struct ofpbuf *, change->n + 1);
    for (guint i = 0; i < change->n; i++) {
        g_autofree char *text = NULL;

        change->msgs[i] = encode_meter(change, i, &text);
        if (text) {
            fail_command(change, PF_OPENFLOW_ERROR_SYNTAX, i, text);
            return;
        }
    }
    of_request_take_xids(request, 2 * change->n);
    meters_next(change);
}

static gboolean
meters_receive(struct of_request *request, struct ofpbuf *msg,
               enum ofptype type, guint i)
{
    struct change *change = (struct change *) request;

    if (type == OFPTYPE_ERROR) {
        note_refusal(change, i / 2, msg->data);
    } else if (type == OFPTYPE_BARRIER_REPLY) {
        meters_next(change);
    }
    return TRUE;
}

static const struct of_class meters_class = {
    .send = meters_send,
    .receive = meters_receive,
    .free = change_free,
};

void
pf_openflow_meters(PfOpenflow *of, const char *bridge,
                   const GPtrArray *commands, guint timeout_ms,
                   PfDoneFunc *done, gpointer user)
{
    struct change *change = change_new(&meters_class, commands, done);

    of_queue(of, &change->up, bridge, "the change of its meters", timeout_ms,
             user);
}

/* ---- Packets ---------------------------------------------------------- */

/* Returns the message, or NULL with '*text' set. */
static struct ofpbuf *
encode_packet(struct change *change, char **text)
{
    struct of_bridge *b = change->up.bridge;
    enum ofputil_protocol usable;
    struct ofpbuf *msg = NULL;
    struct ofpbuf ofpacts;

    ofpbuf_init(&ofpacts, 64);

    const struct ofpact_parse_params pp = {
        .port_map = of_port_map(b),
        .ofpacts = &ofpacts,
        .usable_protocols = &usable,
    };
    char *problem = ofpacts_parse_actions(change->commands[0], &pp);

    *text = problem ? of_steal_text(problem) : of_check_usable(b, usable);
    if (!*text) {
        struct ofputil_packet_out po = {
            .buffer_id = UINT32_MAX,
            .ofpacts = ofpacts.data,
            .ofpacts_len = ofpacts.size,
        };

        po.packet = g_bytes_get_data(change->frame, &po.packet_len);
        match_init_catchall(&po.flow_metadata);
        match_set_in_port(&po.flow_metadata, u16_to_ofp(change->in_port));
        msg = ofputil_encode_packet_out(&po, of_protocol(b));
    }
    ofpbuf_uninit(&ofpacts);
    return msg;
}

static void
packet_send(struct of_request *request)
{
    struct change *change = (struct change *) request;
    g_autofree char *text = NULL;
    struct ofpbuf *msg = NULL;

    request->all_sent = TRUE;
    if (change->in_port < 1
        || (change->in_port >= ofp_to_u16(OFPP_MAX)
            && change->in_port != ofp_to_u16(OFPP_LOCAL))) {
        text = g_strdup_printf("%" G_GINT64_FORMAT " is no OpenFlow number "
                               "of a port (1 to %d, or %d)", change->in_port,
                               ofp_to_u16(OFPP_MAX) - 1,
                               ofp_to_u16(OFPP_LOCAL));
    } else {
        msg = encode_packet(change, &text);
    }
    if (!msg) {
        of_request_fail(request, PF_OPENFLOW_ERROR_SYNTAX,
                        "packet to actions '%s': %s", change->commands[0],
                        text);
        return;
    }
    of_request_take_xids(request, 2);
    of_request_send(request, 0, msg);
    send_barrier(request, 1);
}

static gboolean
packet_receive(struct of_request *request, struct ofpbuf *msg,
               enum ofptype type, guint i G_GNUC_UNUSED)
{
    struct change *change = (struct change *) request;

    if (type == OFPTYPE_ERROR) {
        note_refusal(change, 0, msg->data);
    } else if (type == OFPTYPE_BARRIER_REPLY && change->refusal) {
        of_request_fail(request, PF_OPENFLOW_ERROR_REFUSED,
                        "packet from port %" G_GINT64_FORMAT " to actions "
                        "'%s': %s", change->in_port, change->commands[0],
                        ofperr_to_string(change->refusal));
    } else if (type == OFPTYPE_BARRIER_REPLY) {
        of_request_end(request, NULL);
    }
    return TRUE;
}

static const struct of_class packet_class = {
    .send = packet_send,
    .receive = packet_receive,
    .free = change_free,
};

void
pf_openflow_packet_out(PfOpenflow *of, const char *bridge, gint64 in_port,
                       GBytes *frame, const char *actions, guint timeout_ms,
                       PfDoneFunc *done, gpointer user)
{
    g_autoptr(GPtrArray) one = g_ptr_array_new();
    struct change *change;

    g_ptr_array_add(one, (char *) actions);
    change = change_new(&packet_class, one, done);
    change->in_port = in_port;
    change->frame = g_bytes_ref(frame);
    of_queue(of, &change->up, bridge, "the packet to send", timeout_ms, user);
}
