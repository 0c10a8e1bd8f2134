/* SPDX-License-Identifier: Apache-2.0
 *
 * flows-verify: the four verifications of a port's rules.
 */
#include <config.h>

#include "plugin/extensions/flows.h"

#include <string.h>

#include "packets.h"
#include "plugin/extensions/flows-ask.h"
#include "plugin/extensions/flows-commands.h"
#include "plugin/extensions/flows-here.h"
#include "plugin/extensions/flows-ids.h"
#include "plugin/extensions/flows-paths.h"
#include "plugin/extensions/flows-slice.h"

#define MAX_PROBLEMS 20         /* Of one kind. */
#define MAX_SHOWN 300           /* Bytes of a rule in a message. */

/* For more rules than this in a table, the whole table is asked for what is in
 * the way, in place of each of them. */
#define MAX_SINGLE 64

typedef struct Verify Verify;
struct Verify {
    PfCall *call;
    const PfExtensionPort *port;
    PfFlowOptions options;
    PfFlowSet *set;
    PfFlowCheck check;
    void (*work)(Verify *);     /* What is done with the set. */
    guint next;                 /* Of its rules. */
    guint n_problems;

    /* Conflict. */
    GHashTable *ports;          /* The bridge's ports' names. */
    GHashTable *macs;           /* MACs of other ports to their names. */
    GHashTable *keys;           /* Key to PfFlowRule *. */
    PfFlowNames *names;         /* For 'lines'. */
    GPtrArray *lines;           /* Rules that are here. */
    GError *error;
};

static void
verify_end(Verify *verify, const GError *error)
{
    if (verify->n_problems > MAX_PROBLEMS) {
        pf_flows_host->problem(verify->call, "and %u more",
                               verify->n_problems - MAX_PROBLEMS);
    }
    pf_flows_host->end(verify->call, error);
    pf_flow_set_unref(verify->set);
    g_clear_pointer(&verify->ports, g_hash_table_unref);
    g_clear_pointer(&verify->macs, g_hash_table_unref);
    g_clear_pointer(&verify->keys, g_hash_table_unref);
    g_clear_pointer(&verify->names, pf_flow_names_free);
    g_clear_pointer(&verify->lines, g_ptr_array_unref);
    g_clear_error(&verify->error);
    g_free(verify);
}

static void G_GNUC_PRINTF(2, 3)
problem(Verify *verify, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list args;

    if (verify->n_problems++ < MAX_PROBLEMS) {
        va_start(args, format);
        text = g_strdup_vprintf(format, args);
        va_end(args);
        pf_flows_host->problem(verify->call, "%s", text);
    }
}

static void
set_read(gpointer user, PfFlowSet *set)
{
    Verify *verify = user;

    verify->set = set;
    verify->work(verify);
}

static void
verify_begin(PfCall *call, const PfExtensionPort *port, GVariant *policies,
             void (*work)(Verify *))
{
    PfFlowOptions options;
    Verify *verify;

    if (!g_variant_n_children(policies)) {
        pf_flows_host->end(call, NULL);
        return;
    }
    if (!pf_flows_begin(call, port, &options)) {
        return;
    }
    verify = g_new0(Verify, 1);
    verify->call = call;
    verify->port = port;
    verify->options = options;
    verify->work = work;
    pf_flow_set_read(policies, port->name, port->ofport, set_read, verify);
}

/* ---- Syntax ------------------------------------------------------------- */

static void
work_syntax(Verify *verify)
{
    const GPtrArray *problems = verify->set->problems;

    for (guint i = 0; i < problems->len; i++) {
        pf_flows_host->problem(verify->call, "%s",
                               (const char *) problems->pdata[i]);
    }
    verify_end(verify, NULL);
}

void
pf_flows_verify_syntax(PfCall *call, const PfExtensionPort *port,
                       GVariant *policies)
{
    verify_begin(call, port, policies, work_syntax);
}

/* ---- Range -------------------------------------------------------------- */

static gboolean
range_step(gpointer user)
{
    Verify *verify = user;
    g_autofree char *why = NULL;
    const PfFlowRule *rule;

    if (verify->next == verify->set->rules->len) {
        verify_end(verify, NULL);
        return FALSE;
    }
    rule = verify->set->rules->pdata[verify->next++];
    why = pf_flow_check_rule(&verify->check, rule);
    if (why) {
        g_autofree char *text = pf_flow_rule_text(rule, verify->set->names,
                                                  PF_FLOW_BY_NAME);

        problem(verify, "rule \"%.*s\": %s", MAX_SHOWN, text, why);
    }
    return TRUE;
}

static void
work_range(Verify *verify)
{
    PfFlowSet *set = verify->set;
    GHashTableIter iter;
    gpointer id, group;
    g_autofree char *paths = NULL;
    guint32 circle;

    verify->check = pf_flows_check(verify->call, verify->port,
                                   &verify->options, set);
    if (pf_flow_groups_circle(set->groups, &circle)) {
        problem(verify, "group %u refers to itself, or to a group that is "
                "not there", circle);
    }
    paths = pf_flow_paths_check(set->rules, set->groups);
    if (paths) {
        problem(verify, "%s", paths);
    }
    g_hash_table_iter_init(&iter, set->groups);
    while (g_hash_table_iter_next(&iter, &id, &group)) {
        g_autofree char *why = pf_flow_check_group(&verify->check, group);

        if (why) {
            problem(verify, "group %u: %s", GPOINTER_TO_UINT(id), why);
        }
    }
    pf_flow_slice(range_step, verify);
}

void
pf_flows_verify_range(PfCall *call, const PfExtensionPort *port,
                      GVariant *policies)
{
    verify_begin(call, port, policies, work_range);
}

/* ---- Applicability ------------------------------------------------------ */

/* What the bridge can do shows in its answers: to a question for meters, and
 * to one for groups. */
static void
abilities_answered(gpointer user, const PfFlowAsk *ask)
{
    Verify *verify = user;

    for (guint i = 0; i < pf_flow_ask_count(ask); i++) {
        const GError *error = pf_flow_ask_error(ask, i);

        if (error) {
            problem(verify, "bridge %s has no %s here: %s",
                    verify->port->bridge,
                    pf_flow_ask_kind(ask, i) == PF_OPENFLOW_METERS
                    ? "meters" : "groups", error->message);
        }
    }
    verify_end(verify, NULL);
}

static void
work_applicability(Verify *verify)
{
    PfFlowSet *set = verify->set;
    g_autoptr(GHashTable) ports = pf_flow_here_ports(pf_flows_host,
                                                     verify->port->bridge);

    if (!pf_flow_here_has_bundles(pf_flows_host, verify->port->bridge)) {
        problem(verify, "bridge %s speaks no OpenFlow from 1.3 on here, which "
                "rules need to come in one bundle: add OpenFlow14 to its "
                "protocols", verify->port->bridge);
    }
    for (guint i = 0; i < set->others->len; i++) {
        const char *name = set->others->pdata[i];

        if (!g_hash_table_contains(ports, name)) {
            problem(verify, "rules refer to port %.64s, and bridge %s has no "
                    "port of that name here", name, verify->port->bridge);
        }
    }
    if (!pf_flow_has_tables(set->policies)) {
        verify_end(verify, NULL);
        return;
    }

    PfFlowAsk *ask = pf_flow_ask_new(pf_flows_host, verify->port->bridge,
                                     pf_flows_timeout(verify->call));
    if (g_hash_table_size(set->meters)) {
        pf_flow_ask_add(ask, PF_OPENFLOW_METERS, NULL);
    }
    if (g_hash_table_size(set->groups)) {
        pf_flow_ask_add(ask, PF_OPENFLOW_GROUPS, NULL);
    }
    pf_flow_ask_go(ask, abilities_answered, verify);
}

void
pf_flows_verify_applicability(PfCall *call, const PfExtensionPort *port,
                              GVariant *policies)
{
    if (port->required && g_variant_n_children(policies)
        && pf_flow_here_is_controlled(pf_flows_host, port->bridge)) {
        pf_flows_host->problem(call, "bridge %s has a controller here, to "
                               "which its OpenFlow rules are left; the "
                               "network requires this extension",
                               port->bridge);
    }
    verify_begin(call, port, policies, work_applicability);
}

/* ---- Conflict ----------------------------------------------------------- */

/* Looks at a rule that is here. */
static void
look_at(Verify *verify, const PfFlowNames *names, const char *line)
{
    g_autofree char *why = NULL, *key = NULL, *mine = NULL, *theirs = NULL;
    g_autoptr(PfFlowRule) here = pf_flow_rule_parse_here(line, names, &why);
    struct eth_addr mac = pf_flow_here_mac(verify->port->mac);
    PfFlowRule *rule;

    if (!here) {
        return;
    }
    key = pf_flow_rule_key(here, names, PF_FLOW_BY_NAME);
    rule = g_hash_table_lookup(verify->keys, key);
    if (!rule) {
        return;
    }
    mine = pf_flow_rule_effect(rule, verify->set->names);
    theirs = pf_flow_rule_effect(here, names);
    if (!strcmp(mine, theirs)) {
        return;
    }
    /* What is the port's own here it has brought itself. */
    if (verify->port->is_here
        && pf_flow_rule_bound(here, pf_flow_names_own(names), &mac,
                              verify->set->groups) != PF_FLOW_BOUND_NOT) {
        return;
    }
    problem(verify, "rule \"%.*s\" is on bridge %s here already, for "
            "something else: delete it there", MAX_SHOWN, line,
            verify->port->bridge);
}

static gboolean
look_step(gpointer user)
{
    Verify *verify = user;

    if (verify->next == verify->lines->len) {
        verify_end(verify, verify->error);
        return FALSE;
    }
    look_at(verify, verify->names, verify->lines->pdata[verify->next++]);
    return TRUE;
}

static void
conflict_answered(gpointer user, const PfFlowAsk *ask)
{
    Verify *verify = user;

    verify->names = pf_flow_here_names(
        pf_flows_host, verify->port->bridge, verify->port->name,
        verify->port->ofport);
    verify->lines = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < pf_flow_ask_count(ask); i++) {
        const GPtrArray *lines = pf_flow_ask_lines(ask, i);

        for (guint j = 0; j < lines->len; j++) {
            g_ptr_array_add(verify->lines, g_strdup(lines->pdata[j]));
        }
        if (pf_flow_ask_error(ask, i) && !verify->error) {
            verify->error = g_error_copy(pf_flow_ask_error(ask, i));
        }
    }
    verify->next = 0;
    pf_flow_slice(look_step, verify);
}

/* Asks for what may be in the way of the rules in verify->keys, by the rules
 * themselves or, if there are many, by their tables. */
static void
ask_conflicts(Verify *verify)
{
    g_autoptr(GHashTable) filters = g_hash_table_new_full(
        g_str_hash, g_str_equal, g_free, NULL);
    gboolean by_table = g_hash_table_size(verify->keys) > MAX_SINGLE;
    PfFlowAsk *ask = NULL;
    GHashTableIter iter;
    gpointer value;

    if (!g_hash_table_size(verify->keys)) {
        verify_end(verify, NULL);
        return;
    }
    g_hash_table_iter_init(&iter, verify->keys);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const PfFlowRule *rule = value;

        g_hash_table_add(filters, by_table
                         ? g_strdup_printf("table=%u", rule->fm.table_id)
                         : pf_flow_rule_filter(rule, verify->set->names));
    }
    ask = pf_flow_ask_new(pf_flows_host, verify->port->bridge,
                          pf_flows_timeout(verify->call));
    g_hash_table_iter_init(&iter, filters);
    while (g_hash_table_iter_next(&iter, &value, NULL)) {
        pf_flow_ask_add(ask, PF_OPENFLOW_RULES, value);
    }
    pf_flow_ask_go(ask, conflict_answered, verify);
}

/* A rule that is the port's only by its output must not take the frames of
 * another one. */
static void
look_whose_mac(Verify *verify, const PfFlowRule *rule)
{
    const PfFlowNames *names = verify->set->names;
    g_autofree char *mac = NULL, *text = NULL;
    struct match match;
    const char *name;

    minimatch_expand(&rule->fm.match, &match);
    mac = g_strdup_printf(ETH_ADDR_FMT, ETH_ADDR_ARGS(match.flow.dl_dst));
    name = eth_mask_is_exact(match.wc.masks.dl_dst)
           ? g_hash_table_lookup(verify->macs, mac) : NULL;
    if (name) {
        text = pf_flow_rule_text(rule, names, PF_FLOW_BY_NAME);
        problem(verify, "rule \"%.*s\" brings frames for %s to the port, and "
                "that is the MAC of port %s here", MAX_SHOWN, text, mac,
                name);
    }
}

static gboolean
conflict_step(gpointer user)
{
    Verify *verify = user;
    PfFlowSet *set = verify->set;
    struct eth_addr mac = pf_flow_here_mac(verify->port->mac);
    PfFlowBound bound;
    PfFlowRule *rule;

    if (verify->next == set->rules->len) {
        ask_conflicts(verify);
        return FALSE;
    }
    rule = set->rules->pdata[verify->next++];
    /* Rules that have the number of this port are deleted before. */
    bound = pf_flow_rule_bound(rule, pf_flow_names_own(set->names), &mac,
                               set->groups);
    if (bound == PF_FLOW_BOUND_OUTPUT) {
        look_whose_mac(verify, rule);
    }
    if (bound != PF_FLOW_BOUND_PORT
        && pf_flow_here_can_name(verify->ports, set->names, rule)) {
        g_hash_table_insert(verify->keys, pf_flow_rule_key(
                                rule, set->names, PF_FLOW_BY_NAME), rule);
    }
    return TRUE;
}

static void
work_conflict(Verify *verify)
{
    verify->ports = pf_flow_here_ports(pf_flows_host, verify->port->bridge);
    verify->macs = pf_flow_here_macs(pf_flows_host, verify->port->bridge,
                                     verify->port->name);
    verify->keys = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                         NULL);
    pf_flow_slice(conflict_step, verify);
}

void
pf_flows_verify_conflict(PfCall *call, const PfExtensionPort *port,
                         GVariant *policies)
{
    verify_begin(call, port, policies, work_conflict);
}
