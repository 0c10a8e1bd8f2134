/* SPDX-License-Identifier: Apache-2.0
 *
 * flows-here: see flows-here.h.
 *
 * Only what may be a port's is asked for, by filters that ovs-vswitchd applies
 * (its match is loose: a rule that is more specific than the filter is found):
 * a bridge may have many more rules.
 */
#include <config.h>

#include "plugin/extensions/flows-here.h"

#include <stdio.h>
#include <string.h>

#include "flow.h"
#include "packets.h"
#include "plugin/extensions/flows-ask.h"
#include "plugin/extensions/flows-slice.h"

/* ---- The database ------------------------------------------------------- */

/* Calls 'func' for each member of a set of strings, which is one string if it
 * has one member. */
static void
for_each_string(GVariant *value, void (*func)(const char *, gpointer),
                gpointer user)
{
    if (value && g_variant_is_of_type(value, G_VARIANT_TYPE_STRING)) {
        func(g_variant_get_string(value, NULL), user);
    } else if (value && g_variant_is_of_type(value, G_VARIANT_TYPE("av"))) {
        GVariantIter iter;
        GVariant *member;

        g_variant_iter_init(&iter, value);
        while (g_variant_iter_loop(&iter, "v", &member)) {
            func(g_variant_get_string(member, NULL), user);
        }
    }
}

typedef struct {
    const PfHost *host;
    GHashTable *names;
} PortWalk;

static void
walk_interface(const char *uuid, gpointer user)
{
    PortWalk *walk = user;
    const PfRow *row = walk->host->by_uuid(NULL, "Interface", uuid);
    GVariant *name = row ? walk->host->get(row, "name") : NULL;

    if (name) {
        g_hash_table_add(walk->names, g_variant_dup_string(name, NULL));
        g_variant_unref(name);
    }
}

static void
walk_port(const char *uuid, gpointer user)
{
    PortWalk *walk = user;
    const PfRow *row = walk->host->by_uuid(NULL, "Port", uuid);
    g_autoptr(GVariant) interfaces =
        row ? walk->host->get(row, "interfaces") : NULL;

    for_each_string(interfaces, walk_interface, walk);
}

/* The names of all interfaces of 'bridge', a set. */
static GHashTable *
interfaces_of(const PfHost *host, const char *bridge)
{
    PortWalk walk = {
        host, g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL)
    };
    const PfRow *row = host->find(NULL, "Bridge", "name", bridge);
    g_autoptr(GVariant) ports = row ? host->get(row, "ports") : NULL;

    for_each_string(ports, walk_port, &walk);
    return walk.names;
}

GHashTable *
pf_flow_here_ports(const PfHost *host, const char *bridge)
{
    g_autoptr(GHashTable) interfaces = interfaces_of(host, bridge);
    g_autoptr(GHashTable) twice = g_hash_table_new_full(
        g_str_hash, g_str_equal, g_free, NULL);
    GHashTable *names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                              NULL);
    GHashTableIter iter;
    gpointer name;

    g_hash_table_iter_init(&iter, interfaces);
    while (g_hash_table_iter_next(&iter, &name, NULL)) {
        char *cut = g_strndup(name, OFP_MAX_PORT_NAME_LEN - 1);

        if (g_hash_table_contains(names, cut)) {
            g_hash_table_add(twice, g_strdup(cut));
        }
        g_hash_table_add(names, cut);
    }
    g_hash_table_iter_init(&iter, twice);
    while (g_hash_table_iter_next(&iter, &name, NULL)) {
        g_hash_table_remove(names, name);
    }
    return names;
}

static void
add_mac(GHashTable *macs, const char *mac, const char *name)
{
    if (mac) {
        g_hash_table_insert(macs, g_ascii_strdown(mac, -1), g_strdup(name));
    }
}

GHashTable *
pf_flow_here_macs(const PfHost *host, const char *bridge,
                  const char *without)
{
    g_autoptr(GHashTable) ports = interfaces_of(host, bridge);
    GHashTable *macs = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                             g_free);
    GHashTableIter iter;
    gpointer name;

    g_hash_table_iter_init(&iter, ports);
    while (g_hash_table_iter_next(&iter, &name, NULL)) {
        const PfRow *row = strcmp(name, without)
                           ? host->find(NULL, "Interface", "name", name)
                           : NULL;
        g_autoptr(GVariant) in_use = row ? host->get(row, "mac_in_use")
                                         : NULL;
        g_autofree char *attached =
            row ? host->get_key(row, "external_ids", "attached-mac") : NULL;

        add_mac(macs, in_use ? g_variant_get_string(in_use, NULL) : NULL,
                name);
        add_mac(macs, attached, name);
    }
    return macs;
}

/* Whether a port of 'bridge' whose name is not 'without' has that number. */
static gboolean
find_number(const PfHost *host, const char *bridge, gint64 ofport,
            const char *without)
{
    g_autoptr(GHashTable) ports = interfaces_of(host, bridge);
    GHashTableIter iter;
    gpointer name;

    g_hash_table_iter_init(&iter, ports);
    while (g_hash_table_iter_next(&iter, &name, NULL)) {
        const PfRow *row = host->find(NULL, "Interface", "name", name);
        g_autoptr(GVariant) number = row ? host->get(row, "ofport") : NULL;

        if (number && g_variant_get_int64(number) == ofport
            && g_strcmp0(name, without)) {
            return TRUE;
        }
    }
    return FALSE;
}

gboolean
pf_flow_here_is_others(const PfHost *host, const PfExtensionPort *port)
{
    return find_number(host, port->bridge, port->ofport, port->name);
}

/* Adds the names of all interfaces of 'bridge'. */
static void
add_names(const PfHost *host, const char *bridge, PfFlowNames *names)
{
    g_autoptr(GHashTable) ports = pf_flow_here_ports(host, bridge);
    GHashTableIter iter;
    gpointer name;

    g_hash_table_iter_init(&iter, ports);
    while (g_hash_table_iter_next(&iter, &name, NULL)) {
        pf_flow_names_add(names, name);
    }
}

PfFlowNames *
pf_flow_here_names(const PfHost *host, const char *bridge, const char *own,
                   gint64 ofport)
{
    g_autofree char *plain = pf_flow_plain_name(own);
    PfFlowNames *names = pf_flow_names_new(plain, NULL, ofport);

    add_names(host, bridge, names);
    return names;
}

gboolean
pf_flow_here_can_name(GHashTable *ports, const PfFlowNames *names,
                      const PfFlowRule *rule)
{
    ofp_port_t in_port;
    struct match match;
    const char *name;

    minimatch_expand(&rule->fm.match, &match);
    in_port = match.flow.in_port.ofp_port;
    if (!match.wc.masks.in_port.ofp_port || in_port == OFPP_LOCAL
        || in_port == pf_flow_names_own(names)) {
        return TRUE;
    }
    name = pf_flow_names_get(names, in_port);
    return name && g_hash_table_contains(ports, name);
}

/* Whether 'bridge' is the one that ovn-controller fills, which says so nowhere
 * but where it is told of it. */
static gboolean
is_ovns(const PfHost *host, const char *bridge)
{
    const PfRow *root = host->next(NULL, "Open_vSwitch", NULL);
    g_autofree char *remote =
        root ? host->get_key(root, "external_ids", "ovn-remote") : NULL;
    g_autofree char *name =
        root ? host->get_key(root, "external_ids", "ovn-bridge") : NULL;

    return remote && !strcmp(bridge, name ? name : "br-int");
}

gboolean
pf_flow_here_is_controlled(const PfHost *host, const char *bridge)
{
    const PfRow *row = host->find(NULL, "Bridge", "name", bridge);
    g_autoptr(GVariant) controller = row ? host->get(row, "controller")
                                         : NULL;

    return controller || is_ovns(host, bridge);
}

static void
look_at_version(const char *version, gpointer has_)
{
    gboolean *has = has_;

    *has = *has || strcmp(version, "OpenFlow13") >= 0;
}

gboolean
pf_flow_here_has_bundles(const PfHost *host, const char *bridge)
{
    const PfRow *row = host->find(NULL, "Bridge", "name", bridge);
    g_autoptr(GVariant) protocols = row ? host->get(row, "protocols") : NULL;
    gboolean has = FALSE;

    for_each_string(protocols, look_at_version, &has);
    return has || !protocols;
}

struct eth_addr
pf_flow_here_mac(const char *mac)
{
    struct eth_addr ea;

    return eth_addr_from_string(mac, &ea) ? ea : eth_addr_zero;
}

void
pf_flow_count_meters(const PfFlowGroup *group, GHashTable *counts)
{
    GHashTableIter iter;
    PfFlowRefs refs;
    gpointer id;

    pf_flow_refs_init(&refs);
    pf_flow_group_refs(group, &refs);
    g_hash_table_iter_init(&iter, refs.meters);
    while (g_hash_table_iter_next(&iter, &id, NULL)) {
        guint n = GPOINTER_TO_UINT(g_hash_table_lookup(counts, id));

        g_hash_table_insert(counts, id, GUINT_TO_POINTER(n + 1));
    }
    pf_flow_refs_clear(&refs);
}

/* ---- Filters ------------------------------------------------------------ */

char *
pf_flow_here_narrow(const char *filter, const PfFlowOptions *options)
{
    if (!options->cookie_mask) {
        return g_strdup(filter);
    }
    return g_strdup_printf("cookie=0x%" G_GINT64_MODIFIER "x/0x%"
                           G_GINT64_MODIFIER "x,%s", options->cookie,
                           options->cookie_mask, filter);
}

GPtrArray *
pf_flow_here_filters(const PfExtensionPort *port,
                     const PfFlowOptions *options)
{
    static const char *const macs[] = {
        "dl_src=", "dl_dst=", "arp,arp_sha=", "arp,arp_tha=",
        "rarp,arp_sha=", "rarp,arp_tha=",
        "icmp6,icmp_type=135,nd_sll=", "icmp6,icmp_type=136,nd_tll=",
    };
    GPtrArray *filters = g_ptr_array_new_with_free_func(g_free);

    if (port->ofport > 0) {
        g_autofree char *in = g_strdup_printf(
            "in_port=%" G_GINT64_FORMAT, port->ofport);
        g_autofree char *out = g_strdup_printf(
            "out_port=%" G_GINT64_FORMAT, port->ofport);

        g_ptr_array_add(filters, pf_flow_here_narrow(in, options));
        g_ptr_array_add(filters, pf_flow_here_narrow(out, options));
    }
    for (gsize i = 0; i < G_N_ELEMENTS(macs); i++) {
        g_autofree char *filter = g_strconcat(macs[i], port->mac, NULL);

        g_ptr_array_add(filters, pf_flow_here_narrow(filter, options));
    }
    return filters;
}

/* ---- Reading ------------------------------------------------------------ */

typedef struct {
    const PfHost *host;
    char *bridge;
    struct eth_addr mac;
    PfFlowOptions options;
    guint parts;
    guint timeout_ms;
    PfFlowHere *here;
    gboolean all_names;         /* here->names has every port. */
    GHashTable *lines;          /* Lines that may be rules of the port: to
                                 * whether they are for sure. */
    GHashTableIter next;        /* Of them, when they are read. */
    GError *error;
    PfFlowHereDone done;
    gpointer user;
} Reader;

void
pf_flow_here_free(PfFlowHere *here)
{
    if (here) {
        pf_flow_names_free(here->names);
        g_ptr_array_unref(here->rules);
        g_hash_table_unref(here->groups);
        g_hash_table_unref(here->strange);
        g_hash_table_unref(here->meters);
        g_hash_table_unref(here->meter_rules);
        g_hash_table_unref(here->meter_groups);
        g_ptr_array_unref(here->unread);
        g_free(here->unknown);
        g_free(here);
    }
}

static void
reader_end(Reader *reader)
{
    if (reader->error) {
        g_clear_pointer(&reader->here, pf_flow_here_free);
    }
    reader->done(reader->user, g_steal_pointer(&reader->here),
                 reader->error);
    g_hash_table_unref(reader->lines);
    g_clear_error(&reader->error);
    g_free(reader->bridge);
    g_free(reader);
}

/* Lets lines name every port of the bridge. */
static void
name_all(Reader *reader)
{
    reader->all_names = TRUE;
    add_names(reader->host, reader->bridge, reader->here->names);
}

static PfFlowRule *
read_rule(Reader *reader, const char *line, char **why)
{
    PfFlowRule *rule = pf_flow_rule_parse_here(line, reader->here->names,
                                               why);

    if (!rule && !reader->all_names) {
        g_clear_pointer(why, g_free);
        name_all(reader);
        rule = pf_flow_rule_parse_here(line, reader->here->names, why);
    }
    return rule;
}

/* Whether 'rule' matches a port that is no more: Open vSwitch keeps its
 * rules. */
static gboolean
is_stale(const Reader *reader, const PfFlowRule *rule)
{
    const PfFlowNames *names = reader->here->names;
    ofp_port_t in_port;
    struct match match;

    minimatch_expand(&rule->fm.match, &match);
    in_port = match.flow.in_port.ofp_port;
    return match.wc.masks.in_port.ofp_port
           && in_port != pf_flow_names_own(names)
           && !pf_flow_names_get(names, in_port)
           && !find_number(reader->host, reader->bridge,
                           ofp_to_u16(in_port), NULL);
}

/* Not everything that can be said to a switch in OpenFlow 1.0 has a text. */
static void
take_unread(PfFlowHere *here, const char *line, gboolean is_sure)
{
    if (is_sure) {
        g_ptr_array_add(here->unread, g_strdup(line));
    } else {
        here->n_unknown++;
        g_free(here->unknown);
        here->unknown = g_strdup(line);
    }
}

static gboolean
rules_step(gpointer user)
{
    Reader *reader = user;
    PfFlowHere *here = reader->here;
    g_autofree char *why = NULL;
    PfFlowRule *rule = NULL;
    gpointer line, is_sure;

    if (reader->error
        || !g_hash_table_iter_next(&reader->next, &line, &is_sure)) {
        reader_end(reader);
        return FALSE;
    }
    rule = read_rule(reader, line, &why);
    if (!rule) {
        take_unread(here, line, is_sure != NULL);
        return TRUE;
    }
    if (pf_flow_rule_bound(rule, pf_flow_names_own(here->names),
                           &reader->mac, here->groups)
        == PF_FLOW_BOUND_NOT) {
        pf_flow_rule_free(rule);
    } else if (is_stale(reader, rule)) {
        here->n_stale++;
        pf_flow_rule_free(rule);
    } else {
        g_ptr_array_add(here->rules, rule);
    }
    return TRUE;
}

static void
read_rules(Reader *reader)
{
    g_hash_table_iter_init(&reader->next, reader->lines);
    pf_flow_slice(rules_step, reader);
}

/* 'is_sure': they match the port's number or its MAC. */
static void
take_lines(Reader *reader, const GPtrArray *lines, gboolean is_sure)
{
    for (guint i = 0; i < lines->len; i++) {
        gboolean was_sure = g_hash_table_lookup(reader->lines,
                                                lines->pdata[i]) != NULL;

        g_hash_table_insert(reader->lines, g_strdup(lines->pdata[i]),
                            GINT_TO_POINTER(is_sure || was_sure));
    }
}

static void
by_group_answered(gpointer user, const PfFlowAsk *ask)
{
    Reader *reader = user;

    for (guint i = 0; i < pf_flow_ask_count(ask); i++) {
        if (pf_flow_ask_error(ask, i) && !reader->error) {
            reader->error = g_error_copy(pf_flow_ask_error(ask, i));
        }
        take_lines(reader, pf_flow_ask_lines(ask, i), FALSE);
    }
    read_rules(reader);
}

/* Asks for the rules that output to the port by a group, if there may be
 * any. */
static void
ask_by_group(Reader *reader)
{
    PfFlowHere *here = reader->here;
    PfFlowAsk *ask = pf_flow_ask_new(reader->host, reader->bridge,
                                     reader->timeout_ms);
    GHashTableIter iter;
    gpointer id;

    g_hash_table_iter_init(&iter, here->groups);
    while (g_hash_table_iter_next(&iter, &id, NULL)) {
        if (pf_flow_group_outputs_only_to(GPOINTER_TO_UINT(id),
                                          pf_flow_names_own(here->names),
                                          here->groups)) {
            g_autofree char *filter = g_strdup_printf(
                "out_group=%u", GPOINTER_TO_UINT(id));
            g_autofree char *narrow = pf_flow_here_narrow(
                filter, &reader->options);

            pf_flow_ask_add(ask, PF_OPENFLOW_RULES, narrow);
        }
    }
    pf_flow_ask_go(ask, by_group_answered, reader);
}

static void
take_group(Reader *reader, const char *line)
{
    g_autofree char *why = NULL;
    PfFlowGroup *group = pf_flow_group_parse(line, reader->here->names, &why);
    guint id;

    if (!group && !reader->all_names) {
        g_clear_pointer(&why, g_free);
        name_all(reader);
        group = pf_flow_group_parse(line, reader->here->names, &why);
    }
    /* One that cannot be read is nobody's that we know of, but has its number:
     * a rule of the port that refers to it is refused on the other host. */
    if (group) {
        g_hash_table_replace(reader->here->groups,
                             GUINT_TO_POINTER(group->gm.group_id), group);
    } else if (sscanf(line, " group_id=%u", &id) == 1) {
        g_hash_table_add(reader->here->strange, GUINT_TO_POINTER(id));
    }
}

static void
take_meter(Reader *reader, const char *line)
{
    g_autofree char *why = NULL;
    PfFlowMeter *meter = pf_flow_meter_parse(line, &why);

    if (meter) {
        g_hash_table_replace(reader->here->meters,
                             GUINT_TO_POINTER(meter->id), meter);
    }
}

static void
take_meter_stats(Reader *reader, const char *line)
{
    const char *rules = strstr(line, "flow_count:");
    guint id, n;

    if (sscanf(line, "meter:%u", &id) == 1 && rules
        && sscanf(rules, "flow_count:%u", &n) == 1) {
        g_hash_table_insert(reader->here->meter_rules, GUINT_TO_POINTER(id),
                            GUINT_TO_POINTER(n));
    }
}

/* The answer number 'i'. */
static void
take_answer(Reader *reader, const PfFlowAsk *ask, guint i)
{
    const GPtrArray *lines = pf_flow_ask_lines(ask, i);
    PfOpenflowKind kind = pf_flow_ask_kind(ask, i);
    const GError *error = pf_flow_ask_error(ask, i);

    /* A bridge of an old version or on a datapath without meters has none. */
    if (error && kind != PF_OPENFLOW_METERS
        && kind != PF_OPENFLOW_METER_STATS) {
        if (!reader->error) {
            reader->error = g_error_copy(error);
        }
        return;
    }
    if (kind == PF_OPENFLOW_RULES) {
        take_lines(reader, lines, !strstr(pf_flow_ask_filter(ask, i),
                                          "out_port="));
        return;
    }
    for (guint j = 0; j < lines->len; j++) {
        const char *line = lines->pdata[j];

        if (kind != PF_OPENFLOW_METER_STATS) {
            reader->here->digest += g_str_hash(line);
        }
        if (kind == PF_OPENFLOW_GROUPS) {
            take_group(reader, line);
        } else if (kind == PF_OPENFLOW_METERS) {
            take_meter(reader, line);
        } else {
            take_meter_stats(reader, line);
        }
    }
}

/* Whether a group of the bridge outputs only to the port. */
static gboolean
has_own_group(const Reader *reader)
{
    const PfFlowHere *here = reader->here;
    GHashTableIter iter;
    gpointer id;

    g_hash_table_iter_init(&iter, here->groups);
    while (g_hash_table_iter_next(&iter, &id, NULL)) {
        if (pf_flow_group_outputs_only_to(GPOINTER_TO_UINT(id),
                                          pf_flow_names_own(here->names),
                                          here->groups)) {
            return TRUE;
        }
    }
    return FALSE;
}

static void
answered(gpointer user, const PfFlowAsk *ask)
{
    Reader *reader = user;
    GHashTableIter iter;
    gpointer group;

    for (guint i = 0; i < pf_flow_ask_count(ask); i++) {
        take_answer(reader, ask, i);
    }
    g_hash_table_iter_init(&iter, reader->here->groups);
    while (g_hash_table_iter_next(&iter, NULL, &group)) {
        pf_flow_count_meters(group, reader->here->meter_groups);
    }
    if (!reader->error && reader->parts & PF_FLOW_HERE_RULES
        && has_own_group(reader)) {
        ask_by_group(reader);
    } else {
        read_rules(reader);
    }
}

static void
free_rule(gpointer rule)
{
    pf_flow_rule_free(rule);
}

static void
free_group(gpointer group)
{
    pf_flow_group_free(group);
}

static void
free_meter(gpointer meter)
{
    pf_flow_meter_free(meter);
}

static PfFlowHere *
here_new(const PfExtensionPort *port)
{
    PfFlowHere *here = g_new0(PfFlowHere, 1);
    g_autofree char *plain = pf_flow_plain_name(port->name);

    here->names = pf_flow_names_new(plain, NULL, port->ofport);
    here->rules = g_ptr_array_new_with_free_func(free_rule);
    here->unread = g_ptr_array_new_with_free_func(g_free);
    here->groups = g_hash_table_new_full(NULL, NULL, NULL, free_group);
    here->strange = g_hash_table_new(NULL, NULL);
    here->meters = g_hash_table_new_full(NULL, NULL, NULL, free_meter);
    here->meter_rules = g_hash_table_new(NULL, NULL);
    here->meter_groups = g_hash_table_new(NULL, NULL);
    return here;
}

void
pf_flow_here_read(const PfHost *host, const PfExtensionPort *port,
                  const PfFlowOptions *options, guint parts,
                  guint timeout_ms, PfFlowHereDone done, gpointer user)
{
    Reader *reader = g_new0(Reader, 1);
    PfFlowAsk *ask = pf_flow_ask_new(host, port->bridge, timeout_ms);

    reader->host = host;
    reader->bridge = g_strdup(port->bridge);
    reader->mac = pf_flow_here_mac(port->mac);
    reader->options = *options;
    reader->parts = parts;
    reader->timeout_ms = timeout_ms;
    reader->here = here_new(port);
    reader->lines = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                          NULL);
    reader->done = done;
    reader->user = user;

    if (parts & PF_FLOW_HERE_RULES) {
        g_autoptr(GPtrArray) filters = pf_flow_here_filters(port, options);

        for (guint i = 0; i < filters->len; i++) {
            pf_flow_ask_add(ask, PF_OPENFLOW_RULES, filters->pdata[i]);
        }
    }
    if (parts & PF_FLOW_HERE_GROUPS) {
        pf_flow_ask_add(ask, PF_OPENFLOW_GROUPS, NULL);
    }
    if (parts & PF_FLOW_HERE_METERS) {
        pf_flow_ask_add(ask, PF_OPENFLOW_METERS, NULL);
        pf_flow_ask_add(ask, PF_OPENFLOW_METER_STATS, NULL);
    }
    pf_flow_ask_go(ask, answered, reader);
}
