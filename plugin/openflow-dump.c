/* SPDX-License-Identifier: Apache-2.0
 *
 * openflow-dump: questions to a bridge, and their answers as lines.
 *
 * Every kind has a function that makes the request, and one that turns a
 * message of the answer, or a slice of it, into lines.  What is printed is
 * what libopenvswitch prints, brought to one line, so that it can be parsed
 * again.
 */
#include <config.h>

#include "openflow-private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "flow.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/ofp-flow.h"
#include "openvswitch/ofp-group.h"
#include "openvswitch/ofp-meter.h"
#include "openvswitch/ofp-util.h"
#include "openvswitch/ofpbuf.h"

/* Rules that are printed before others get their turn. */
#define RULES_PER_SLICE 64

struct dump {
    struct of_request up;
    const struct kind *kind;
    char *filter;               /* May be NULL. */
    guint n_lines;              /* So far. */
};

/* What differs between the kinds of PfOpenflowKind. */
struct kind {
    const char *what;
    /* Returns the request; or NULL if the dump has ended with an error. */
    struct ofpbuf *(*encode)(struct dump *);
    enum ofptype reply;
    /* Appends lines from 'msg' to 'lines': all, or a slice.  Returns 0 if
     * something is left, EOF if not, otherwise an OFPERR_*. */
    int (*print)(struct dump *, struct ofpbuf *msg, GPtrArray *lines);
    gboolean with_ages;         /* Of rules. */
};

/* Appends the contents of 's', in one line, to 'lines'; empties 's'. */
static void
take_line(GPtrArray *lines, struct ds *s)
{
    g_ptr_array_add(lines,
                    g_strstrip(g_strdelimit(g_strdup(ds_cstr(s)), "\n", ' ')));
    ds_clear(s);
}

/* ---- Rules ------------------------------------------------------------ */

/* The dump ends because its filter is wrong: 'text'. */
static void
fail_filter(struct dump *dump, const char *text)
{
    of_request_fail(&dump->up, PF_OPENFLOW_ERROR_SYNTAX, "filter '%s': %s",
                    dump->filter ? dump->filter : "", text);
}

static struct ofpbuf *
encode_rules(struct dump *dump)
{
    struct of_bridge *b = dump->up.bridge;
    struct ofputil_flow_stats_request fsr;
    enum ofputil_protocol usable;
    char *problem = parse_ofp_flow_stats_request_str(
        &fsr, false, dump->filter ? dump->filter : "", of_port_map(b), NULL,
        &usable);
    g_autofree char *text = (problem ? of_steal_text(problem)
                             : of_check_usable(b, usable));

    if (text) {
        fail_filter(dump, text);
        return NULL;
    }
    return ofputil_encode_flow_stats_request(&fsr, of_protocol(b));
}

static int
print_rules(struct dump *dump, struct ofpbuf *msg, GPtrArray *lines)
{
    struct of_bridge *b = dump->up.bridge;
    struct ds s = DS_EMPTY_INITIALIZER;
    struct ofpbuf ofpacts;
    int retval = 0;

    ofpbuf_init(&ofpacts, 512);
    for (int i = 0; i < RULES_PER_SLICE; i++) {
        struct ofputil_flow_stats fs;

        retval = ofputil_decode_flow_stats_reply(&fs, msg, true, &ofpacts);
        if (retval) {
            break;
        }
        ofputil_flow_stats_format(&s, &fs, of_port_map(b), NULL,
                                  dump->kind->with_ages);
        take_line(lines, &s);
    }
    ofpbuf_uninit(&ofpacts);
    ds_destroy(&s);
    return retval;
}

/* ---- Groups and meters ------------------------------------------------ */

static struct ofpbuf *
encode_groups(struct dump *dump)
{
    return ofputil_encode_group_desc_request(
        pf_bridge_conn_version(dump->up.bridge->link), OFPG_ALL);
}

static int
print_groups(struct dump *dump, struct ofpbuf *msg, GPtrArray *lines)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    enum ofperr error = ofputil_group_desc_format(
        &s, msg->data, of_port_map(dump->up.bridge), NULL);

    if (!error) {
        g_auto(GStrv) parts = g_strsplit(ds_cstr(&s), "\n", -1);

        for (char **part = parts; *part; part++) {
            if (*g_strstrip(*part)) {
                g_ptr_array_add(lines, g_strdup(*part));
            }
        }
    }
    ds_destroy(&s);
    return error ? error : EOF;
}

/* Returns a request for all meters, or NULL. */
static struct ofpbuf *
encode_meter_request(struct dump *dump, enum ofputil_meter_request_type type)
{
    struct of_bridge *b = dump->up.bridge;
    g_autofree char *text = of_check_usable(b, OFPUTIL_P_OF13_UP);

    if (text) {
        of_request_fail(&dump->up, PF_OPENFLOW_ERROR_REFUSED, "%s: %s",
                        dump->up.what, text);
        return NULL;
    }
    return ofputil_encode_meter_request(pf_bridge_conn_version(b->link), type,
                                        OFPM13_ALL);
}

static struct ofpbuf *
encode_meters(struct dump *dump)
{
    return encode_meter_request(dump, OFPUTIL_METER_CONFIG);
}

static int
print_meters(struct dump *dump G_GNUC_UNUSED, struct ofpbuf *msg,
             GPtrArray *lines)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    struct ofputil_meter_config mc;
    struct ofpbuf bands;
    int retval;

    ofpbuf_init(&bands, 64);
    while (!(retval = ofputil_decode_meter_config(msg, &mc, &bands))) {
        g_auto(GStrv) parts = NULL;

        ofputil_format_meter_config(&s, &mc);
        /* Each band is on a line of its own, the first after "bands=". */
        parts = g_strsplit(g_strstrip(ds_cstr(&s)), "\n", 2);
        ds_clear(&s);
        ds_put_format(&s, "%s%s", parts[0], parts[1] ? parts[1] : "");
        take_line(lines, &s);
    }
    ofpbuf_uninit(&bands);
    ds_destroy(&s);
    return retval;
}

static struct ofpbuf *
encode_meter_stats(struct dump *dump)
{
    return encode_meter_request(dump, OFPUTIL_METER_STATS);
}

static int
print_meter_stats(struct dump *dump G_GNUC_UNUSED, struct ofpbuf *msg,
                  GPtrArray *lines)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    struct ofputil_meter_stats ms;
    struct ofpbuf bands;
    int retval;

    ofpbuf_init(&bands, 64);
    while (!(retval = ofputil_decode_meter_stats(msg, &ms, &bands))) {
        ofputil_format_meter_stats(&s, &ms);
        take_line(lines, &s);
    }
    ofpbuf_uninit(&bands);
    ds_destroy(&s);
    return retval;
}

/* ---- A port's counters ------------------------------------------------ */

static struct ofpbuf *
encode_port_stats(struct dump *dump)
{
    struct of_bridge *b = dump->up.bridge;
    ofp_port_t port;

    if (!dump->filter || !*dump->filter) {
        fail_filter(dump, "name the port, by its name or OpenFlow number");
        return NULL;
    }
    if (!ofputil_port_from_string(dump->filter, of_port_map(b), &port)
        || (ofp_to_u16(port) >= ofp_to_u16(OFPP_MAX) && port != OFPP_LOCAL)) {
        fail_filter(dump, "the bridge has no such port");
        return NULL;
    }
    return ofputil_encode_dump_ports_request(pf_bridge_conn_version(b->link),
                                             port);
}

/* Appends "KEY=VALUE " to 's', unless the switch does not know the value. */
static void
put_counter(struct ds *s, const char *key, uint64_t value)
{
    if (value != UINT64_MAX) {
        ds_put_format(s, "%s=%"PRIu64" ", key, value);
    }
}

static int
print_port_stats(struct dump *dump G_GNUC_UNUSED, struct ofpbuf *msg,
                 GPtrArray *lines)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    struct ofputil_port_stats ps;
    int retval;

    while (!(retval = ofputil_decode_port_stats(&ps, msg))) {
        put_counter(&s, "rx_packets", ps.stats.rx_packets);
        put_counter(&s, "rx_bytes", ps.stats.rx_bytes);
        put_counter(&s, "rx_drop", ps.stats.rx_dropped);
        put_counter(&s, "rx_errs", ps.stats.rx_errors);
        put_counter(&s, "tx_packets", ps.stats.tx_packets);
        put_counter(&s, "tx_bytes", ps.stats.tx_bytes);
        put_counter(&s, "tx_drop", ps.stats.tx_dropped);
        put_counter(&s, "tx_errs", ps.stats.tx_errors);
        take_line(lines, &s);
        netdev_free_custom_stats_counters(&ps.custom_stats);
    }
    ds_destroy(&s);
    return retval;
}

/* ---- The request ------------------------------------------------------ */

static const struct kind kinds[] = {
    [PF_OPENFLOW_RULES] = {
        "the question for its rules", encode_rules,
        OFPTYPE_FLOW_STATS_REPLY, print_rules, FALSE
    },
    [PF_OPENFLOW_RULES_AGES] = {
        "the question for its rules", encode_rules,
        OFPTYPE_FLOW_STATS_REPLY, print_rules, TRUE
    },
    [PF_OPENFLOW_GROUPS] = {
        "the question for its groups", encode_groups,
        OFPTYPE_GROUP_DESC_STATS_REPLY, print_groups, FALSE
    },
    [PF_OPENFLOW_METERS] = {
        "the question for its meters", encode_meters,
        OFPTYPE_METER_CONFIG_STATS_REPLY, print_meters, FALSE
    },
    [PF_OPENFLOW_METER_STATS] = {
        "the question for its meters' counters", encode_meter_stats,
        OFPTYPE_METER_STATS_REPLY, print_meter_stats, FALSE
    },
    [PF_OPENFLOW_PORT_STATS] = {
        "the question for a port's counters", encode_port_stats,
        OFPTYPE_PORT_STATS_REPLY, print_port_stats, FALSE
    },
};

static void
dump_send(struct of_request *request)
{
    struct dump *dump = (struct dump *) request;
    struct ofpbuf *msg = dump->kind->encode(dump);

    request->all_sent = TRUE;
    if (msg) {
        of_request_take_xids(request, 1);
        of_request_send(request, 0, msg);
    }
}

static gboolean
dump_receive(struct of_request *request, struct ofpbuf *msg,
             enum ofptype type, guint i G_GNUC_UNUSED)
{
    struct dump *dump = (struct dump *) request;
    const struct ofp_header *oh = msg->header ? msg->header : msg->data;
    int result = OFPERR_OFPBRC_BAD_TYPE;
    gboolean last;

    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);

    if (type == OFPTYPE_ERROR) {
        result = ofperr_decode_msg(oh, NULL);
    } else if (type == dump->kind->reply) {
        result = dump->kind->print(dump, msg, lines);
    }
    if (result && result != EOF) {
        of_request_fail(request, PF_OPENFLOW_ERROR_REFUSED, "%s: %s",
                        request->what, ofperr_to_string(result));
        return TRUE;
    }

    dump->n_lines += lines->len;
    last = result == EOF && !ofpmp_more(oh);
    if (last && dump->kind->reply == OFPTYPE_PORT_STATS_REPLY
        && !dump->n_lines) {
        fail_filter(dump, "the bridge has no such port");
    } else {
        of_request_lines(request, lines, last);
    }
    return result == EOF;
}

static void
dump_free(struct of_request *request)
{
    g_free(((struct dump *) request)->filter);
    g_free(request);
}

static const struct of_class dump_class = {
    .send = dump_send,
    .receive = dump_receive,
    .free = dump_free,
};

void
pf_openflow_dump(PfOpenflow *of, const char *bridge, PfOpenflowKind kind,
                 const char *filter, guint timeout_ms, PfLinesFunc *lines,
                 gpointer user)
{
    struct dump *dump = g_new0(struct dump, 1);

    dump->up.class = &dump_class;
    dump->up.lines = lines;
    dump->kind = &kinds[kind];
    dump->filter = g_strdup(filter);
    of_queue(of, &dump->up, bridge, dump->kind->what, timeout_ms, user);
}
