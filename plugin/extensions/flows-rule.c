/* SPDX-License-Identifier: Apache-2.0
 *
 * flows-rule: see flows-rule.h.
 */
#include <config.h>

#include "plugin/extensions/flows-rule.h"

#include <string.h>

#include "byte-order.h"
#include "flow.h"
#include "openflow/openflow.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/ofp-meter.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/ofp-util.h"
#include "packets.h"
#include "util.h"

#define MAX_RULE_TEXT 8192      /* Bytes. */
#define MAX_GROUP_TEXT 16384
#define MAX_METER_TEXT 4096
#define MAX_ACTIONS_SIZE 24576  /* Bytes in memory: a message has 65,535. */
#define MAX_BUCKETS 256
#define LAST_TABLE 253          /* 254 is ovs-vswitchd's own. */

/* Versions of OpenFlow that have bundles. */
#define WITH_BUNDLES OFPUTIL_P_OF13_UP

/* What takes a frame's VLAN tag away whatever the rule matches. */
#define STRIP "set_field:0->vlan_tci"

/* '*ds' as a string of GLib's; '*ds' is destroyed. */
static char *
take(struct ds *ds)
{
    char *text = g_strdup(ds_cstr(ds));

    ds_destroy(ds);
    return text;
}

/* Turns libopenvswitch's message into one of GLib's, in one line. */
static void
take_error(char *error, char **why)
{
    *why = g_strdelimit(g_strdup(error), "\n\r", ' ');
    free(error);
}

/* ---- Rules -------------------------------------------------------------- */

static void
flow_mod_uninit(struct ofputil_flow_mod *fm)
{
    minimatch_destroy(&fm->match);
    free(fm->ofpacts);
}

void
pf_flow_rule_free(PfFlowRule *rule)
{
    if (rule) {
        flow_mod_uninit(&rule->fm);
        g_free(rule->line);
        g_free(rule);
    }
}

/* 'text' with another action in place of strip_vlan and pop_vlan, which since
 * OpenFlow 1.1 need a match on the VLAN; NULL if it has neither. */
static char *
without_strip(const char *text)
{
    const char *actions = strstr(text, "actions=");
    GString *s = g_string_new(actions ? actions : "");
    guint n = g_string_replace(s, "strip_vlan", STRIP, 0)
              + g_string_replace(s, "pop_vlan", STRIP, 0);

    g_string_prepend_len(s, text, actions ? actions - text : 0);
    return g_string_free(s, !n);
}

/* Parses 'text' as it is. */
static char *
parse_once(const char *text, const PfFlowNames *names,
           struct ofputil_flow_mod *fm, gboolean *fits_bundle)
{
    enum ofputil_protocol usable;
    char *error = parse_ofp_flow_mod_str(
        fm, text, pf_flow_names_to_read(names), NULL, OFPFC_ADD, &usable);

    *fits_bundle = !error && usable & WITH_BUNDLES;
    return error;
}

/* Parses 'text', if possible for an OpenFlow version that has bundles. */
static char *
parse_flow_mod(const char *text, const PfFlowNames *names,
               struct ofputil_flow_mod *fm, gboolean *fits_bundle)
{
    char *error = parse_once(text, names, fm, fits_bundle);
    g_autofree char *other = *fits_bundle ? NULL : without_strip(text);
    struct ofputil_flow_mod other_fm;
    char *other_error;

    if (!other) {
        return error;
    }
    other_error = parse_once(other, names, &other_fm, fits_bundle);
    if (*fits_bundle) {
        if (!error) {
            flow_mod_uninit(fm);
        }
        free(error);
        *fm = other_fm;
        return NULL;
    }
    if (!other_error) {
        flow_mod_uninit(&other_fm);
    }
    free(other_error);
    return error;
}

PfFlowRule *
pf_flow_rule_parse_here(const char *text, const PfFlowNames *names,
                        char **why)
{
    g_autoptr(PfFlowRule) rule = NULL;
    struct ofputil_flow_mod fm;
    gboolean fits_bundle;
    char *error = parse_flow_mod(text, names, &fm, &fits_bundle);

    if (error) {
        take_error(error, why);
        return NULL;
    }
    rule = g_new0(PfFlowRule, 1);
    rule->fm = fm;
    rule->fits_bundle = fits_bundle;
    rule->fm.flags &= OFPUTIL_FF_STATE;
    if (pf_flow_rule_is_timed(rule)) {
        rule->line = g_strdup(text);
    }
    if (fm.table_id == 0xff) {
        rule->fm.table_id = 0;
    }
    if (rule->fm.table_id > LAST_TABLE) {
        *why = g_strdup_printf("table %u; a rule may be in tables 0 to %d",
                               rule->fm.table_id, LAST_TABLE);
        return NULL;
    }
    return g_steal_pointer(&rule);
}

PfFlowRule *
pf_flow_rule_parse(const char *text, const PfFlowNames *names, char **why)
{
    g_autoptr(PfFlowRule) rule = NULL;

    if (strlen(text) > MAX_RULE_TEXT) {
        *why = g_strdup_printf("it has %zu bytes; a rule's text may have %d",
                               strlen(text), MAX_RULE_TEXT);
        return NULL;
    }
    rule = pf_flow_rule_parse_here(text, names, why);
    if (rule && !rule->fits_bundle) {
        *why = g_strdup("it takes a version of OpenFlow before 1.3, which has "
                        "no bundles");
        return NULL;
    }
    if (rule && rule->fm.ofpacts_len > MAX_ACTIONS_SIZE) {
        *why = g_strdup_printf("its actions take %zu bytes; a rule's may "
                               "take %d", rule->fm.ofpacts_len,
                               MAX_ACTIONS_SIZE);
        return NULL;
    }
    return g_steal_pointer(&rule);
}

char *
pf_flow_rule_text(const PfFlowRule *rule, const PfFlowNames *names,
                  PfFlowStyle style)
{
    const struct ofputil_flow_mod *fm = &rule->fm;
    struct ofputil_flow_stats fs = {
        .cookie = fm->new_cookie,
        .table_id = fm->table_id,
        .priority = fm->priority,
        .idle_timeout = fm->idle_timeout,
        .hard_timeout = fm->hard_timeout,
        .ofpacts = fm->ofpacts,
        .ofpacts_len = fm->ofpacts_len,
        .flags = fm->flags,
        .importance = fm->importance,
    };
    struct ds ds = DS_EMPTY_INITIALIZER;

    minimatch_expand(&fm->match, &fs.match);
    ofputil_flow_stats_format(&ds, &fs, pf_flow_names_to_write(names, style),
                              NULL, false);
    return take(&ds);
}

/* Table and match, and what stands between them. */
static char *
table_and_match(const PfFlowRule *rule, const PfFlowNames *names,
                PfFlowStyle style, gboolean priority)
{
    struct ds ds = DS_EMPTY_INITIALIZER;
    struct match match;

    ds_put_format(&ds, "table=%u", rule->fm.table_id);
    if (priority) {
        ds_put_format(&ds, ",priority=%d", rule->fm.priority);
    }
    ds_put_char(&ds, ',');
    minimatch_expand(&rule->fm.match, &match);
    match_format(&match, pf_flow_names_to_write(names, style), &ds,
                 OFP_DEFAULT_PRIORITY);
    ds_chomp(&ds, ',');
    return take(&ds);
}

char *
pf_flow_rule_key(const PfFlowRule *rule, const PfFlowNames *names,
                 PfFlowStyle style)
{
    return table_and_match(rule, names, style, TRUE);
}

char *
pf_flow_rule_filter(const PfFlowRule *rule, const PfFlowNames *names)
{
    return table_and_match(rule, names, PF_FLOW_BY_NUMBER, FALSE);
}

gboolean
pf_flow_rule_is_timed(const PfFlowRule *rule)
{
    return rule->fm.idle_timeout || rule->fm.hard_timeout;
}

char *
pf_flow_rule_effect(const PfFlowRule *rule, const PfFlowNames *names)
{
    struct ds ds = DS_EMPTY_INITIALIZER;
    struct ofpact_format_params fp = {
        .port_map = pf_flow_names_to_write(names, PF_FLOW_BY_NAME),
        .s = &ds,
    };

    ds_put_format(&ds, "%"PRIu64" %x ", ntohll(rule->fm.new_cookie),
                  rule->fm.flags);
    ofpacts_format(rule->fm.ofpacts, rule->fm.ofpacts_len, &fp);
    return take(&ds);
}

/* ---- Groups and meters -------------------------------------------------- */

void
pf_flow_group_free(PfFlowGroup *group)
{
    if (group) {
        ofputil_uninit_group_mod(&group->gm);
        g_free(group);
    }
}

/* Gives buckets without a number one, as the switch does. */
static void
number_buckets(struct ovs_list *buckets)
{
    struct ofputil_bucket *bucket;
    uint32_t next = 0;

    LIST_FOR_EACH (bucket, list_node, buckets) {
        if (bucket->bucket_id > OFPG15_BUCKET_MAX) {
            while (ofputil_bucket_find(buckets, next)) {
                next++;
            }
            bucket->bucket_id = next;
        }
    }
}

PfFlowGroup *
pf_flow_group_parse(const char *text, const PfFlowNames *names, char **why)
{
    g_autoptr(PfFlowGroup) group = NULL;
    enum ofputil_protocol usable;
    struct ofputil_group_mod gm;
    struct ofputil_bucket *bucket;
    gsize size = 0;

    if (strlen(text) > MAX_GROUP_TEXT) {
        *why = g_strdup_printf("it has %zu bytes; a group's text may have %d",
                               strlen(text), MAX_GROUP_TEXT);
        return NULL;
    }
    char *error = parse_ofp_group_mod_str(&gm, OFPGC11_ADD, text,
                                          pf_flow_names_to_read(names), NULL,
                                          &usable);
    if (error) {
        take_error(error, why);
        return NULL;
    }
    group = g_new0(PfFlowGroup, 1);
    group->gm = gm;
    ovs_list_moved(&group->gm.buckets, &gm.buckets);
    LIST_FOR_EACH (bucket, list_node, &group->gm.buckets) {
        size += sizeof *bucket + bucket->ofpacts_len;
    }
    if (group->gm.group_id > OFPG_MAX) {
        *why = g_strdup_printf("group_id %u; it may be 0 to %u",
                               group->gm.group_id, OFPG_MAX);
        return NULL;
    }
    if (ovs_list_size(&group->gm.buckets) > MAX_BUCKETS
        || size > MAX_ACTIONS_SIZE) {
        *why = g_strdup_printf("it has %zu buckets of %" G_GSIZE_FORMAT
                               " bytes; a group may have %d of %d",
                               ovs_list_size(&group->gm.buckets), size,
                               MAX_BUCKETS, MAX_ACTIONS_SIZE);
        return NULL;
    }
    /* Any text to libopenvswitch, which does not quote it. */
    const char *method = group->gm.props.selection_method;
    if (*method && strcmp(method, "hash") && strcmp(method, "dp_hash")) {
        *why = g_strdup("its selection_method is neither hash nor dp_hash");
        return NULL;
    }
    number_buckets(&group->gm.buckets);
    if (ofputil_bucket_check_duplicate_id(&group->gm.buckets)) {
        *why = g_strdup("two of its buckets have the same bucket_id");
        return NULL;
    }
    return g_steal_pointer(&group);
}

char *
pf_flow_group_text(PfFlowGroup *group, guint32 id, const PfFlowNames *names,
                   PfFlowStyle style)
{
    struct ds ds = DS_EMPTY_INITIALIZER;
    guint32 own_id = group->gm.group_id;

    group->gm.group_id = id;
    ofputil_group_mod_format__(&ds, OFP15_VERSION, &group->gm,
                               pf_flow_names_to_write(names, style), NULL);
    group->gm.group_id = own_id;

    g_autofree char *text = g_strstrip(take(&ds));
    const char *start = strstr(text, "group_id=");
    return g_strdup(start ? start : text);
}

void
pf_flow_meter_free(PfFlowMeter *meter)
{
    if (meter) {
        g_free(meter->rest);
        g_free(meter);
    }
}

/* The meter's text, in one line and without its id. */
static char *
meter_rest(const struct ofputil_meter_config *config)
{
    GString *s = g_string_new(NULL);

    g_string_append(s, config->flags & OFPMF13_KBPS ? ",kbps" : "");
    g_string_append(s, config->flags & OFPMF13_PKTPS ? ",pktps" : "");
    g_string_append(s, config->flags & OFPMF13_BURST ? ",burst" : "");
    g_string_append(s, config->flags & OFPMF13_STATS ? ",stats" : "");
    g_string_append(s, ",bands=");
    for (guint i = 0; i < config->n_bands; i++) {
        const struct ofputil_meter_band *band = &config->bands[i];

        g_string_append_printf(
            s, "%stype=%s,rate=%u", i ? "," : "",
            band->type == OFPMBT13_DROP ? "drop" : "dscp_remark",
            band->rate);
        if (config->flags & OFPMF13_BURST) {
            g_string_append_printf(s, ",burst_size=%u", band->burst_size);
        }
        if (band->type == OFPMBT13_DSCP_REMARK) {
            g_string_append_printf(s, ",prec_level=%u", band->prec_level);
        }
    }
    return g_string_free(s, FALSE);
}

PfFlowMeter *
pf_flow_meter_parse(const char *text, char **why)
{
    enum ofputil_protocol usable;
    struct ofputil_meter_mod mm;

    if (strlen(text) > MAX_METER_TEXT) {
        *why = g_strdup_printf("it has %zu bytes; a meter's text may have %d",
                               strlen(text), MAX_METER_TEXT);
        return NULL;
    }
    char *error = parse_ofp_meter_mod_str(&mm, text, OFPMC13_ADD, &usable);
    if (error) {
        take_error(error, why);
        return NULL;
    }
    if (mm.meter.meter_id > OFPM13_MAX) {
        free(mm.meter.bands);
        *why = g_strdup("it is one of the switch's own meters");
        return NULL;
    }

    PfFlowMeter *meter = g_new0(PfFlowMeter, 1);
    meter->id = mm.meter.meter_id;
    meter->rest = meter_rest(&mm.meter);
    free(mm.meter.bands);
    return meter;
}

char *
pf_flow_meter_text(const PfFlowMeter *meter, guint32 id)
{
    return g_strdup_printf("meter=%u%s", id, meter->rest);
}

/* ---- What they refer to ------------------------------------------------- */

void
pf_flow_refs_init(PfFlowRefs *refs)
{
    refs->groups = g_hash_table_new(NULL, NULL);
    refs->meters = g_hash_table_new(NULL, NULL);
    refs->ports = g_hash_table_new(NULL, NULL);
}

void
pf_flow_refs_clear(PfFlowRefs *refs)
{
    g_clear_pointer(&refs->groups, g_hash_table_unref);
    g_clear_pointer(&refs->meters, g_hash_table_unref);
    g_clear_pointer(&refs->ports, g_hash_table_unref);
}

static void
add_port(PfFlowRefs *refs, ofp_port_t port)
{
    g_hash_table_add(refs->ports, GUINT_TO_POINTER(ofp_to_u16(port)));
}

static void
actions_refs(const struct ofpact *ofpacts, size_t size, PfFlowRefs *refs)
{
    const struct ofpact *a;

    OFPACT_FOR_EACH_FLATTENED (a, ofpacts, size) {
        switch ((int) a->type) {
        case OFPACT_OUTPUT:
            add_port(refs, ofpact_get_OUTPUT(a)->port);
            break;
        case OFPACT_OUTPUT_TRUNC:
            add_port(refs, ofpact_get_OUTPUT_TRUNC(a)->port);
            break;
        case OFPACT_ENQUEUE:
            add_port(refs, ofpact_get_ENQUEUE(a)->port);
            break;
        case OFPACT_RESUBMIT:
            add_port(refs, ofpact_get_RESUBMIT(a)->in_port);
            break;
        case OFPACT_SAMPLE:
            add_port(refs, ofpact_get_SAMPLE(a)->sampling_port);
            break;
        case OFPACT_BUNDLE:
            for (guint i = 0; i < ofpact_get_BUNDLE(a)->n_members; i++) {
                add_port(refs, ofpact_get_BUNDLE(a)->members[i]);
            }
            break;
        case OFPACT_GROUP:
            g_hash_table_add(refs->groups, GUINT_TO_POINTER(
                                 ofpact_get_GROUP(a)->group_id));
            break;
        case OFPACT_METER:
            g_hash_table_add(refs->meters, GUINT_TO_POINTER(
                                 ofpact_get_METER(a)->meter_id));
            break;
        default:
            break;
        }
    }
}

void
pf_flow_rule_refs(const PfFlowRule *rule, PfFlowRefs *refs)
{
    struct match match;

    minimatch_expand(&rule->fm.match, &match);
    if (match.wc.masks.in_port.ofp_port) {
        add_port(refs, match.flow.in_port.ofp_port);
    }
    actions_refs(rule->fm.ofpacts, rule->fm.ofpacts_len, refs);
}

void
pf_flow_group_refs(const PfFlowGroup *group, PfFlowRefs *refs)
{
    const struct ofputil_bucket *bucket;

    LIST_FOR_EACH (bucket, list_node, &group->gm.buckets) {
        if (bucket->watch_port != OFPP_ANY) {
            add_port(refs, bucket->watch_port);
        }
        if (bucket->watch_group != OFPG_ANY) {
            g_hash_table_add(refs->groups,
                             GUINT_TO_POINTER(bucket->watch_group));
        }
        actions_refs(bucket->ofpacts, bucket->ofpacts_len, refs);
    }
}

static void
renumber(guint32 *id, GHashTable *map)
{
    gpointer value;

    if (g_hash_table_lookup_extended(map, GUINT_TO_POINTER(*id), NULL,
                                     &value)) {
        *id = GPOINTER_TO_UINT(value);
    }
}

static void
renumber_actions(struct ofpact *ofpacts, size_t size, GHashTable *groups,
                 GHashTable *meters)
{
    const struct ofpact *a;

    OFPACT_FOR_EACH_FLATTENED (a, ofpacts, size) {
        if (a->type == OFPACT_GROUP) {
            renumber(&ofpact_get_GROUP((struct ofpact *) a)->group_id,
                     groups);
        } else if (a->type == OFPACT_METER) {
            renumber(&ofpact_get_METER((struct ofpact *) a)->meter_id,
                     meters);
        }
    }
}

void
pf_flow_rule_renumber(PfFlowRule *rule, GHashTable *groups,
                      GHashTable *meters)
{
    renumber_actions(rule->fm.ofpacts, rule->fm.ofpacts_len, groups, meters);
}

void
pf_flow_group_renumber(PfFlowGroup *group, GHashTable *groups,
                       GHashTable *meters)
{
    struct ofputil_bucket *bucket;

    LIST_FOR_EACH (bucket, list_node, &group->gm.buckets) {
        if (bucket->watch_group != OFPG_ANY) {
            renumber(&bucket->watch_group, groups);
        }
        renumber_actions(bucket->ofpacts, bucket->ofpacts_len, groups,
                         meters);
    }
}

/* ---- Whose a rule is ---------------------------------------------------- */

enum {
    OUT_OWN = 1 << 0,           /* To the port itself. */
    OUT_ELSEWHERE = 1 << 1,     /* Or who knows where. */
};

/* What a list of actions outputs; groups that it refers to go to 'queue'. */
static guint
outputs(const struct ofpact *ofpacts, size_t size, ofp_port_t own,
        GQueue *queue)
{
    const struct ofpact *a;
    ofp_port_t port;
    guint out = 0;

    OFPACT_FOR_EACH_FLATTENED (a, ofpacts, size) {
        switch ((int) a->type) {
        case OFPACT_OUTPUT:
            port = ofpact_get_OUTPUT(a)->port;
            break;
        case OFPACT_OUTPUT_TRUNC:
            port = ofpact_get_OUTPUT_TRUNC(a)->port;
            break;
        case OFPACT_ENQUEUE:
            port = ofpact_get_ENQUEUE(a)->port;
            break;
        case OFPACT_GROUP:
            g_queue_push_tail(queue, GUINT_TO_POINTER(
                                  ofpact_get_GROUP(a)->group_id));
            continue;
        case OFPACT_CT:
            if (ofpact_get_CT(a)->recirc_table != NX_CT_RECIRC_NONE) {
                out |= OUT_ELSEWHERE;
            }
            continue;
        case OFPACT_CONTROLLER:
        case OFPACT_OUTPUT_REG:
        case OFPACT_BUNDLE:
        case OFPACT_RESUBMIT:
        case OFPACT_LEARN:
        case OFPACT_SAMPLE:
        case OFPACT_CONJUNCTION:
        case OFPACT_GOTO_TABLE:
            out |= OUT_ELSEWHERE;
            continue;
        default:
            continue;
        }
        out |= port == own ? OUT_OWN : OUT_ELSEWHERE;
    }
    return out;
}

/* The same for group 'id' and all that it leads to, each looked at once. */
static guint
group_outputs(guint32 id, ofp_port_t own, GHashTable *groups)
{
    PfFlowGroup *first = g_hash_table_lookup(groups, GUINT_TO_POINTER(id));
    g_autoptr(GHashTable) seen = NULL;
    GQueue queue = G_QUEUE_INIT;
    guint out = 0;

    if (!first) {
        return OUT_ELSEWHERE;
    }
    if (first->outputs_known) {
        return first->outputs;
    }
    seen = g_hash_table_new(NULL, NULL);
    g_queue_push_tail(&queue, GUINT_TO_POINTER(id));
    while (!g_queue_is_empty(&queue)) {
        gpointer next = g_queue_pop_head(&queue);
        const PfFlowGroup *group = g_hash_table_lookup(groups, next);
        const struct ofputil_bucket *bucket;

        if (!group) {
            out |= OUT_ELSEWHERE;
        } else if (g_hash_table_add(seen, next)) {
            LIST_FOR_EACH (bucket, list_node, &group->gm.buckets) {
                out |= outputs(bucket->ofpacts, bucket->ofpacts_len, own,
                               &queue);
            }
        }
    }
    first->outputs = out;
    first->outputs_known = TRUE;
    return out;
}

/* The same for a rule. */
static guint
rule_outputs(const PfFlowRule *rule, ofp_port_t own, GHashTable *groups)
{
    GQueue queue = G_QUEUE_INIT;
    guint out = outputs(rule->fm.ofpacts, rule->fm.ofpacts_len, own, &queue);

    while (!g_queue_is_empty(&queue)) {
        out |= group_outputs(GPOINTER_TO_UINT(g_queue_pop_head(&queue)), own,
                             groups);
    }
    return out;
}

gboolean
pf_flow_group_outputs_only_to(guint32 id, ofp_port_t own, GHashTable *groups)
{
    return group_outputs(id, own, groups) == OUT_OWN;
}

PfFlowBound
pf_flow_rule_bound(const PfFlowRule *rule, ofp_port_t own,
                   const struct eth_addr *mac, GHashTable *groups)
{
    const struct flow_wildcards *wc;
    const struct flow *flow;
    struct match match;

    minimatch_expand(&rule->fm.match, &match);
    flow = &match.flow;
    wc = &match.wc;
    if (wc->masks.in_port.ofp_port && flow->in_port.ofp_port == own) {
        return PF_FLOW_BOUND_PORT;
    }
    /* nd_sll and nd_tll are arp_sha and arp_tha in here. */
    if ((eth_mask_is_exact(wc->masks.dl_src)
         && eth_addr_equals(flow->dl_src, *mac))
        || (eth_mask_is_exact(wc->masks.dl_dst)
            && eth_addr_equals(flow->dl_dst, *mac))
        || (eth_mask_is_exact(wc->masks.arp_sha)
            && eth_addr_equals(flow->arp_sha, *mac))
        || (eth_mask_is_exact(wc->masks.arp_tha)
            && eth_addr_equals(flow->arp_tha, *mac))) {
        return PF_FLOW_BOUND_MAC;
    }
    if (rule_outputs(rule, own, groups) == OUT_OWN) {
        return PF_FLOW_BOUND_OUTPUT;
    }
    return PF_FLOW_BOUND_NOT;
}
