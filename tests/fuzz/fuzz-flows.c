/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz-flows: rules, groups and meters from another host, and what they may
 * do.
 *
 * Each line of the input is a word and what follows it:
 *
 *   vlans TEXT         only VLANs 42 and 50 are allowed (and 0 if TEXT has 0)
 *   by-name            rules may point at other ports
 *   cookie             the network demands cookie 0x10 of mask 0xf0
 *   other NAME, rule LINE, group LINE, meter LINE, shared LINE
 *                      a member of that list in the policies
 *
 * What is accepted is accepted by a second opinion too (flows-oracle.h), is
 * written and read again to the same, by name and by number, and does not
 * depend on the number that the port has.
 */
#include <config.h>

#include <string.h>

#include "flows-oracle.h"
#include "harness.h"
#include "packets.h"
#include "plugin/extensions/flows-check.h"
#include "plugin/extensions/flows-ids.h"
#include "plugin/extensions/flows-set.h"

#define OWN "web0"
#define OWN_NUMBER 5
#define OTHER_NUMBER 9
#define MAC "52:54:00:aa:00:01"

static const char *const lists[] = {
    "others", "groups", "meters", "shared", "rules",
};

typedef struct {
    GVariant *policies;
    gboolean limited, untagged, by_name, cookie;
} Input;

/* ---- The input ---------------------------------------------------------- */

/* Adds 'line' to one of the lists if it says so. */
static void
take_line(Input *input, GPtrArray *members[], const char *line)
{
    if (g_str_has_prefix(line, "vlans ")) {
        input->limited = TRUE;
        input->untagged = strchr(line, '0') != NULL;
    } else if (!strcmp(line, "by-name")) {
        input->by_name = TRUE;
    } else if (!strcmp(line, "cookie")) {
        input->cookie = TRUE;
    }
    for (gsize i = 0; i < G_N_ELEMENTS(lists); i++) {
        gsize n = strlen(lists[i]) - (i == 3 ? 0 : 1);

        if (!strncmp(line, lists[i], n) && line[n] == ' ') {
            g_ptr_array_add(members[i], g_variant_new_variant(
                                g_variant_new_string(line + n + 1)));
        }
    }
}

static Input
read_input(const char *text)
{
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    g_auto(GStrv) lines = g_strsplit(valid, "\n", -1);
    GPtrArray *members[G_N_ELEMENTS(lists)];
    Input input = { .policies = NULL };
    GVariantDict dict;

    for (gsize i = 0; i < G_N_ELEMENTS(lists); i++) {
        members[i] = g_ptr_array_new();
    }
    for (guint i = 0; lines[i]; i++) {
        take_line(&input, members, lines[i]);
    }
    g_variant_dict_init(&dict, NULL);
    g_variant_dict_insert(&dict, "port", "s", OWN);
    for (gsize i = 0; i < G_N_ELEMENTS(lists); i++) {
        g_variant_dict_insert_value(
            &dict, lists[i], g_variant_new_array(
                G_VARIANT_TYPE_VARIANT, (GVariant **) members[i]->pdata,
                members[i]->len));
        g_ptr_array_unref(members[i]);
    }
    input.policies = g_variant_ref_sink(g_variant_dict_end(&dict));
    return input;
}

static void
take_set(gpointer user, PfFlowSet *set)
{
    *(PfFlowSet **) user = set;
}

static PfFlowSet *
read_set(const Input *input, gint64 ofport)
{
    PfFlowSet *set = NULL;

    pf_flow_set_read_own(input->policies, OWN, ofport, take_set, &set);
    while (!set) {
        g_main_context_iteration(NULL, TRUE);
    }
    return set;
}

/* ---- Written and read again --------------------------------------------- */

static void
check_rule_again(const PfFlowRule *rule, const PfFlowSet *set,
                 PfFlowStyle style)
{
    g_autofree char *text = pf_flow_rule_text(rule, set->names, style);
    g_autofree char *why = NULL;
    g_autoptr(PfFlowRule) again = pf_flow_rule_parse(text, set->names, &why);
    g_autofree char *twice = NULL;

    FUZZ_CHECK(again, "what was written is refused: %s: %s", why, text);
    twice = pf_flow_rule_text(again, set->names, style);
    FUZZ_CHECK_SAME(text, twice, "rule");
}

static void
check_group_again(PfFlowGroup *group, const PfFlowSet *set, PfFlowStyle style)
{
    guint32 id = group->gm.group_id;
    g_autofree char *text = pf_flow_group_text(group, id, set->names, style);
    g_autofree char *why = NULL;
    g_autoptr(PfFlowGroup) again = pf_flow_group_parse(text, set->names,
                                                       &why);
    g_autofree char *twice = NULL;

    FUZZ_CHECK(again, "what was written is refused: %s: %s", why, text);
    twice = pf_flow_group_text(again, id, set->names, style);
    FUZZ_CHECK_SAME(text, twice, "group");
}

static void
check_meter_again(const PfFlowMeter *meter)
{
    g_autofree char *text = pf_flow_meter_text(meter, meter->id);
    g_autofree char *why = NULL;
    g_autoptr(PfFlowMeter) again = pf_flow_meter_parse(text, &why);
    g_autofree char *twice = NULL;

    FUZZ_CHECK(again, "what was written is refused: %s: %s", why, text);
    twice = pf_flow_meter_text(again, again->id);
    FUZZ_CHECK_SAME(text, twice, "meter");
}

/* Everything in 'set'. */
static void
check_again(const PfFlowSet *set)
{
    GHashTableIter iter;
    gpointer value;

    for (guint i = 0; i < set->rules->len; i++) {
        check_rule_again(set->rules->pdata[i], set, PF_FLOW_BY_NAME);
        check_rule_again(set->rules->pdata[i], set, PF_FLOW_BY_NUMBER);
    }
    g_hash_table_iter_init(&iter, set->groups);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        check_group_again(value, set, PF_FLOW_BY_NAME);
    }
    g_hash_table_iter_init(&iter, set->meters);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        check_meter_again(value);
    }
}

/* The same policies on a port with another number are the same rules. */
static void
check_other_number(const Input *input, const PfFlowSet *set)
{
    g_autoptr(PfFlowSet) other = read_set(input, OTHER_NUMBER);

    FUZZ_CHECK(!other->problems->len, "refused on a port of another number: "
               "%s", (char *) other->problems->pdata[0]);
    for (guint i = 0; i < set->rules->len; i++) {
        g_autofree char *a = pf_flow_rule_text(
            set->rules->pdata[i], set->names, PF_FLOW_BY_NAME);
        g_autofree char *b = pf_flow_rule_text(
            other->rules->pdata[i], other->names, PF_FLOW_BY_NAME);

        FUZZ_CHECK_SAME(a, b, "with another number");
    }
}

/* ---- What is accepted --------------------------------------------------- */

static gboolean
allows_42(guint vid)
{
    return vid == 42 || vid == 50;
}

static gboolean
allows_42_and_untagged(guint vid)
{
    return vid == 0 || vid == 42 || vid == 50;
}

static gboolean
check_allows(gpointer user, guint vid)
{
    return ((const FlowsOracle *) user)->allows_vlan(vid);
}

static PfFlowCheck
make_check(const Input *input, const PfFlowSet *set, FlowsOracle *oracle)
{
    PfFlowCheck check = {
        .names = set->names,
        .groups = set->groups,
        .meters = set->meters,
        .others_by_name = input->by_name,
        .cookie = input->cookie ? 0x10 : 0,
        .cookie_mask = input->cookie ? 0xf0 : 0,
        .vlans = input->limited ? "those" : NULL,
        .allows_vlan = check_allows,
        .user = oracle,
    };

    FUZZ_CHECK(eth_addr_from_string(MAC, &check.mac), "MAC");
    return check;
}

static FlowsOracle
make_oracle(const Input *input, const PfFlowSet *set)
{
    FlowsOracle oracle = {
        .own = G_STRINGIFY(OWN_NUMBER),
        .mac = MAC,
        .groups = g_hash_table_new_full(NULL, NULL, NULL, g_free),
        .cookie = input->cookie ? 0x10 : 0,
        .cookie_mask = input->cookie ? 0xf0 : 0,
        .allows_vlan = !input->limited ? NULL
                       : input->untagged ? allows_42_and_untagged
                       : allows_42,
    };
    GHashTableIter iter;
    gpointer id, group;

    if (input->by_name) {
        oracle.others = g_hash_table_new(g_str_hash, g_str_equal);
        for (guint i = 0; i < set->others->len; i++) {
            g_hash_table_add(oracle.others, set->others->pdata[i]);
        }
    }
    g_hash_table_iter_init(&iter, set->groups);
    while (g_hash_table_iter_next(&iter, &id, &group)) {
        g_hash_table_insert(oracle.groups, id, pf_flow_group_text(
                                group, GPOINTER_TO_UINT(id), set->names,
                                PF_FLOW_BY_NUMBER));
    }
    return oracle;
}

/* Whether all groups are accepted; then the oracle must accept them too. */
static gboolean
check_groups(const PfFlowCheck *check, const FlowsOracle *oracle,
             const PfFlowSet *set)
{
    GHashTableIter iter;
    gpointer id, group;
    guint32 circle;

    if (pf_flow_groups_circle(set->groups, &circle)) {
        return FALSE;
    }
    g_hash_table_iter_init(&iter, set->groups);
    while (g_hash_table_iter_next(&iter, &id, &group)) {
        g_autofree char *why = pf_flow_check_group(check, group);

        if (why) {
            return FALSE;
        }
        flows_oracle_check_group(oracle, g_hash_table_lookup(oracle->groups,
                                                             id));
    }
    return TRUE;
}

/* Whether all of 'set' is accepted. */
static gboolean
check_accepted(const Input *input, const PfFlowSet *set)
{
    FlowsOracle oracle = make_oracle(input, set);
    PfFlowCheck check = make_check(input, set, &oracle);
    gboolean groups_are_good = check_groups(&check, &oracle, set);
    gboolean all = groups_are_good;

    for (guint i = 0; groups_are_good && i < set->rules->len; i++) {
        const PfFlowRule *rule = set->rules->pdata[i];
        g_autofree char *why = pf_flow_check_rule(&check, rule);

        all &= !why;
        if (!why) {
            g_autofree char *text = pf_flow_rule_text(rule, set->names,
                                                      PF_FLOW_BY_NUMBER);

            flows_oracle_check_rule(&oracle, text);
        }
    }
    g_clear_pointer(&oracle.others, g_hash_table_unref);
    g_hash_table_unref(oracle.groups);
    return all;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = fuzz_text(data, size);
    Input input = read_input(text);
    g_autoptr(PfFlowSet) set = read_set(&input, OWN_NUMBER);

    if (!set->problems->len && check_accepted(&input, set)) {
        check_again(set);
        check_other_number(&input, set);
    }
    g_variant_unref(input.policies);
    return 0;
}
