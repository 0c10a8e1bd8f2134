/* SPDX-License-Identifier: Apache-2.0
 *
 * flows-check: see flows-check.h.
 */
#include <config.h>

#include "plugin/extensions/flows-check.h"

#include "byte-order.h"
#include "openvswitch/meta-flow.h"
#include "packets.h"
#include "util.h"

#define VID_BITS 0xfff
#define CFI_BIT 0x1000          /* A tag is there. */

/* A rule, or a bucket, from action to action. */
typedef struct {
    const PfFlowCheck *check;
    PfFlowBound bound;
    gboolean origin_known;      /* The match says which VLAN. */
    guint origin;
    gboolean known;             /* Which VLAN at this point. */
    guint vid;
    gboolean pushed;            /* A tag that has no number yet. */
    gboolean in_group;          /* Of a group: no rule's match is known. */
} Walk;

static char *check_actions(Walk *, const struct ofpact *, size_t size);

static gboolean
allows(const Walk *walk, guint vid)
{
    return !walk->check->vlans
           || walk->check->allows_vlan(walk->check->user, vid);
}

static char *
vlan_text(guint vid)
{
    return vid ? g_strdup_printf("VLAN %u", vid)
               : g_strdup("frames without a VLAN tag");
}

/* ---- Where frames go ---------------------------------------------------- */

/* Refuses a tag without a number that leaves the rule. */
static char *
check_pushed(const Walk *walk)
{
    if (walk->pushed && !allows(walk, 0)) {
        return g_strdup_printf("push_vlan without a VLAN number; the network "
                               "allows VLANs %s", walk->check->vlans);
    }
    return NULL;
}

/* Frames leave for another port as they are at this point. */
static char *
check_leaves(const Walk *walk, const char *where)
{
    if (!walk->check->vlans) {
        return NULL;
    }
    if (!walk->known) {
        return g_strdup_printf("it outputs frames of any VLAN to %s; the "
                               "network allows VLANs %s: match the VLAN",
                               where, walk->check->vlans);
    }
    if (!allows(walk, walk->vid)) {
        g_autofree char *vlan = vlan_text(walk->vid);

        return g_strdup_printf("it outputs %s to %s; the network allows "
                               "VLANs %s", vlan, where, walk->check->vlans);
    }
    return NULL;
}

/* Frames arrive at the port itself: what counts is the VLAN in which they were
 * sent. */
static char *
check_arrives(const Walk *walk)
{
    if (!walk->check->vlans || walk->in_group) {
        return NULL;
    }
    if (walk->origin_known && !allows(walk, walk->origin)) {
        g_autofree char *vlan = vlan_text(walk->origin);

        return g_strdup_printf("it brings %s to the port; the network allows "
                               "VLANs %s", vlan, walk->check->vlans);
    }
    if (!walk->origin_known && walk->bound == PF_FLOW_BOUND_OUTPUT) {
        return g_strdup_printf("it brings frames of any VLAN to the port; "
                               "the network allows VLANs %s: match the VLAN",
                               walk->check->vlans);
    }
    return NULL;
}

/* A port that is not the rule's own is named as 'what'. */
static char *
check_other(const Walk *walk, ofp_port_t port, const char *what)
{
    const char *name = pf_flow_names_get(walk->check->names, port);

    if (!name) {
        char text[OFP_MAX_PORT_NAME_LEN];

        ofputil_port_to_string(port, NULL, text, sizeof text);
        if (!g_ascii_isdigit(text[0])) {
            return g_strdup_printf("%s %s reaches further than the port's "
                                   "own rules may", what, text);
        }
        return g_strdup_printf("%s %s is a number without a name, which "
                               "means nothing on another host", what, text);
    }
    if (!walk->check->others_by_name) {
        return g_strdup_printf("%s %s is another port; the network's option "
                               "other-ports of extension flows is \"refuse\", "
                               "not \"by-name\"", what, name);
    }
    return NULL;
}

static char *
check_output(const Walk *walk, ofp_port_t port)
{
    char *why;

    if (port == pf_flow_names_own(walk->check->names)) {
        return check_arrives(walk);
    }
    if (port == OFPP_NORMAL) {
        return check_pushed(walk);
    }
    if (port == OFPP_NONE) {
        return NULL;
    }
    if (port == OFPP_IN_PORT && walk->bound == PF_FLOW_BOUND_PORT) {
        return NULL;
    }
    why = check_other(walk, port, "output to");
    if (!why) {
        why = check_leaves(walk, pf_flow_names_get(walk->check->names, port));
    }
    return why;
}

static char *
check_resubmit(const Walk *walk, const struct ofpact_resubmit *resubmit)
{
    if (resubmit->in_port != OFPP_IN_PORT
        && resubmit->in_port != pf_flow_names_own(walk->check->names)) {
        return g_strdup("resubmit as another port reaches further than the "
                        "port's own rules may");
    }
    return check_pushed(walk);
}

/* Whoever may give the guest a MAC could move frames of others into its
 * VLAN. */
static char *
check_moves(const Walk *walk)
{
    if (walk->check->vlans && walk->bound != PF_FLOW_BOUND_PORT
        && !walk->in_group
        && (!walk->origin_known || !allows(walk, walk->origin))) {
        return g_strdup_printf("it gives a VLAN to frames of any VLAN and "
                               "port; the network allows VLANs %s: match the "
                               "port, or one of these VLANs",
                               walk->check->vlans);
    }
    return NULL;
}

static gboolean
is_vlan(const struct mf_field *field)
{
    return field->id == MFF_VLAN_TCI || field->id == MFF_VLAN_VID
           || field->id == MFF_DL_VLAN;
}

static gboolean
sets_vlan(const struct ofpact *ofpacts, size_t size)
{
    const struct ofpact *a;

    OFPACT_FOR_EACH_FLATTENED (a, ofpacts, size) {
        if (a->type == OFPACT_SET_VLAN_VID || a->type == OFPACT_PUSH_VLAN
            || (a->type == OFPACT_SET_FIELD
                && is_vlan(ofpact_get_SET_FIELD(a)->field))) {
            return TRUE;
        }
    }
    return FALSE;
}

/* Whether group 'first' or one that it leads to gives frames a VLAN. */
static gboolean
group_sets_vlan(GHashTable *groups, guint32 first)
{
    const struct ofputil_bucket *bucket;
    GHashTableIter iter;
    PfFlowRefs refs;
    g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);
    GQueue queue = G_QUEUE_INIT;
    gboolean sets = FALSE;
    gpointer id;

    g_queue_push_tail(&queue, GUINT_TO_POINTER(first));
    while (!g_queue_is_empty(&queue)) {
        gpointer next = g_queue_pop_head(&queue);
        const PfFlowGroup *group = g_hash_table_lookup(groups, next);

        if (!group || !g_hash_table_add(seen, next)) {
            continue;
        }
        LIST_FOR_EACH (bucket, list_node, &group->gm.buckets) {
            sets = sets || sets_vlan(bucket->ofpacts, bucket->ofpacts_len);
        }
        pf_flow_refs_init(&refs);
        pf_flow_group_refs(group, &refs);
        g_hash_table_iter_init(&iter, refs.groups);
        while (g_hash_table_iter_next(&iter, &id, NULL)) {
            g_queue_push_tail(&queue, id);
        }
        pf_flow_refs_clear(&refs);
    }
    return sets;
}

static char *
check_group_ref(const Walk *walk, guint32 id)
{
    if (!g_hash_table_contains(walk->check->groups, GUINT_TO_POINTER(id))) {
        return g_strdup_printf("group %u is not among its groups", id);
    }

    char *why = check_arrives(walk);
    if (!why && group_sets_vlan(walk->check->groups, id)) {
        why = check_moves(walk);
    }
    return why ? why : check_pushed(walk);
}

static char *
check_meter_ref(const Walk *walk, guint32 id)
{
    if (!g_hash_table_contains(walk->check->meters, GUINT_TO_POINTER(id))) {
        return g_strdup_printf("meter %u is not among its meters", id);
    }
    return NULL;
}

/* ---- What is written ---------------------------------------------------- */

static char *
set_vlan(Walk *walk, guint vid)
{
    char *why = check_moves(walk);

    if (why) {
        return why;
    }
    walk->known = TRUE;
    walk->vid = vid;
    walk->pushed = FALSE;
    if (!allows(walk, vid)) {
        g_autofree char *vlan = vlan_text(vid);

        return g_strdup_printf("it carries the guest into %s; the network "
                               "allows VLANs %s", vlan, walk->check->vlans);
    }
    return NULL;
}

static gboolean
is_tunnel(const struct mf_field *field)
{
    return g_str_has_prefix(field->name, "tun_");
}

/* 'what' chooses in which of the bridge's tunnels, or of their networks, the
 * guest is. */
static char *
check_tunnel(const Walk *walk, const char *what)
{
    if (walk->check->others_by_name) {
        return NULL;
    }
    return g_strdup_printf("%s chooses a tunnel; the network's option "
                           "other-ports of extension flows is \"refuse\", "
                           "not \"by-name\"", what);
}

/* Something writes 'n_bits' from 'ofs' of 'field' that is not known now. */
static char *
check_write(Walk *walk, const struct mf_field *field, guint ofs, guint n_bits)
{
    switch ((int) field->id) {
    case MFF_IN_PORT:
    case MFF_IN_PORT_OXM:
    case MFF_ACTSET_OUTPUT:
        return g_strdup_printf("it writes %s, which reaches further than the "
                               "port's own rules may", field->name);

    case MFF_VLAN_TCI:
    case MFF_VLAN_VID:
    case MFF_DL_VLAN:
        if (ofs > 12 || !n_bits) {
            return NULL;        /* The priority alone. */
        }
        walk->known = FALSE;
        if (walk->check->vlans) {
            return g_strdup_printf("it writes %s with what is not a "
                                   "constant; the network allows VLANs %s",
                                   field->name, walk->check->vlans);
        }
        return NULL;

    default:
        return is_tunnel(field) ? check_tunnel(walk, field->name) : NULL;
    }
}

/* Takes the guest nowhere where its own untagged frames do not get; but there
 * may be another tag under the one that goes. */
static char *
strip_vlan(Walk *walk)
{
    walk->known = walk->known && !walk->vid && !walk->pushed;
    walk->pushed = FALSE;
    return NULL;
}

/* Writes 'value' to the 'bits' of a VLAN's field.  A number that is written
 * without a tag is that of the tag if one comes later, as by mod_vlan_pcp. */
static char *
check_set_vlan(Walk *walk, const struct mf_field *field, guint value,
               guint bits)
{
    gboolean is_tagged = field->id == MFF_DL_VLAN || value & CFI_BIT
                         || (walk->known && (walk->vid || walk->pushed)
                             && !(bits & CFI_BIT));
    gboolean is_stripped = field->id != MFF_DL_VLAN && bits & CFI_BIT
                           && !(value & CFI_BIT);
    char *why;

    if (is_stripped && !(value & VID_BITS)
        && (!(bits & VID_BITS) || (bits & VID_BITS) == VID_BITS)) {
        return strip_vlan(walk);
    }
    if ((bits & VID_BITS) != VID_BITS) {
        return check_write(walk, field, 0, 12);
    }
    why = set_vlan(walk, value & VID_BITS);
    walk->known = is_tagged;
    return why;
}

/* What comes out from under the label may be a tag that the guest wrote. */
static char *
check_pop_mpls(const Walk *walk, ovs_be16 ethertype)
{
    if (walk->check->vlans && eth_type_vlan(ethertype)) {
        return g_strdup_printf("pop_mpls makes a VLAN tag of what the guest "
                               "wrote; the network allows VLANs %s",
                               walk->check->vlans);
    }
    return NULL;
}

/* set_field and load. */
static char *
check_set_field(Walk *walk, const struct ofpact_set_field *sf)
{
    const union mf_value *mask = ofpact_set_field_mask(sf);
    guint value, bits;

    /* libopenvswitch writes it as what it does not read. */
    if (is_all_zeros(mask, sf->field->n_bytes)) {
        return g_strdup_printf("it sets no bit of %s", sf->field->name);
    }
    switch ((int) sf->field->id) {
    case MFF_IN_PORT:
        /* The usual way of saying "back to where it came from too". */
        if (!sf->value->be16 && mask->be16 == OVS_BE16_MAX) {
            return NULL;
        }
        return check_write(walk, sf->field, 0, 16);
    case MFF_IN_PORT_OXM:
        if (!sf->value->be32 && mask->be32 == OVS_BE32_MAX) {
            return NULL;
        }
        return check_write(walk, sf->field, 0, 32);

    case MFF_VLAN_TCI:
    case MFF_VLAN_VID:
    case MFF_DL_VLAN:
        value = ntohs(sf->value->be16);
        bits = ntohs(mask->be16);
        if (!(bits & (VID_BITS | CFI_BIT))) {
            return NULL;
        }
        return check_set_vlan(walk, sf->field, value & bits, bits);

    default:
        return check_write(walk, sf->field, 0, sf->field->n_bits);
    }
}

static char *
check_subfield(Walk *walk, const struct mf_subfield *dst)
{
    return dst->field ? check_write(walk, dst->field, dst->ofs, dst->n_bits)
                      : NULL;
}

static char *
check_bundle(Walk *walk, const struct ofpact_bundle *bundle)
{
    char *why = check_subfield(walk, &bundle->dst);

    for (guint i = 0; !why && i < bundle->n_members; i++) {
        why = check_output(walk, bundle->members[i]);
    }
    return why;
}

/* Actions within actions: what they do to the frame they do to a copy, or
 * later. */
static char *
check_nested(const Walk *walk, gboolean later, const struct ofpact *ofpacts,
             size_t size)
{
    Walk inner = *walk;
    char *why;

    inner.known = inner.known && !later;
    why = check_actions(&inner, ofpacts, size);
    return why || !later ? why : check_pushed(&inner);
}

static char *
refuse(const struct ofpact *a)
{
    return g_strdup_printf("action %s reaches further than the port's own "
                           "rules may", ofpact_name(a->type));
}

/* Whether all that an action writes is the frame's own, and no VLAN. */
static gboolean
is_local(enum ofpact_type type)
{
    switch ((int) type) {
    case OFPACT_SET_VLAN_PCP:
    case OFPACT_SET_ETH_SRC:
    case OFPACT_SET_ETH_DST:
    case OFPACT_SET_IPV4_SRC:
    case OFPACT_SET_IPV4_DST:
    case OFPACT_SET_IP_DSCP:
    case OFPACT_SET_IP_ECN:
    case OFPACT_SET_IP_TTL:
    case OFPACT_SET_L4_SRC_PORT:
    case OFPACT_SET_L4_DST_PORT:
    case OFPACT_STACK_PUSH:
    case OFPACT_DEC_TTL:
    case OFPACT_SET_MPLS_LABEL:
    case OFPACT_SET_MPLS_TC:
    case OFPACT_SET_MPLS_TTL:
    case OFPACT_DEC_MPLS_TTL:
    case OFPACT_PUSH_MPLS:
    case OFPACT_SET_QUEUE:
    case OFPACT_POP_QUEUE:
    case OFPACT_FIN_TIMEOUT:
    case OFPACT_NOTE:
    case OFPACT_EXIT:
    case OFPACT_CT_CLEAR:
    case OFPACT_NAT:
    case OFPACT_CLEAR_ACTIONS:
    case OFPACT_WRITE_METADATA:
        return TRUE;
    default:
        return FALSE;
    }
}

static char *
check_action(Walk *walk, const struct ofpact *a)
{
    switch ((int) a->type) {
    case OFPACT_OUTPUT:
        return check_output(walk, ofpact_get_OUTPUT(a)->port);
    case OFPACT_OUTPUT_TRUNC:
        return check_output(walk, ofpact_get_OUTPUT_TRUNC(a)->port);
    case OFPACT_ENQUEUE:
        return check_output(walk, ofpact_get_ENQUEUE(a)->port);
    case OFPACT_BUNDLE:
        return check_bundle(walk, ofpact_get_BUNDLE(a));
    case OFPACT_GROUP:
        return check_group_ref(walk, ofpact_get_GROUP(a)->group_id);
    case OFPACT_METER:
        return check_meter_ref(walk, ofpact_get_METER(a)->meter_id);
    case OFPACT_RESUBMIT:
        return check_resubmit(walk, ofpact_get_RESUBMIT(a));
    case OFPACT_GOTO_TABLE:
        return check_pushed(walk);

    case OFPACT_SET_VLAN_VID:
        return set_vlan(walk, ofpact_get_SET_VLAN_VID(a)->vlan_vid);
    case OFPACT_PUSH_VLAN:
        walk->known = TRUE;
        walk->vid = 0;
        walk->pushed = TRUE;
        return NULL;
    case OFPACT_STRIP_VLAN:
        return strip_vlan(walk);
    case OFPACT_POP_MPLS:
        return check_pop_mpls(walk, ofpact_get_POP_MPLS(a)->ethertype);
    case OFPACT_SET_FIELD:
        return check_set_field(walk, ofpact_get_SET_FIELD(a));
    case OFPACT_SET_TUNNEL:
        return check_tunnel(walk, ofpact_name(a->type));
    case OFPACT_DELETE_FIELD:
        return check_write(walk, ofpact_get_DELETE_FIELD(a)->field, 0, 0);
    case OFPACT_REG_MOVE:
        return check_subfield(walk, &ofpact_get_REG_MOVE(a)->dst);
    case OFPACT_STACK_POP:
        return check_subfield(walk, &ofpact_get_STACK_POP(a)->subfield);
    case OFPACT_MULTIPATH:
        return check_subfield(walk, &ofpact_get_MULTIPATH(a)->dst);
    case OFPACT_CHECK_PKT_LARGER:
        return check_subfield(walk, &ofpact_get_CHECK_PKT_LARGER(a)->dst);

    case OFPACT_CLONE:
        return check_nested(walk, FALSE, ofpact_get_CLONE(a)->actions,
                            ofpact_nest_get_action_len(ofpact_get_CLONE(a)));
    case OFPACT_WRITE_ACTIONS:
        return check_nested(
            walk, TRUE, ofpact_get_WRITE_ACTIONS(a)->actions,
            ofpact_nest_get_action_len(ofpact_get_WRITE_ACTIONS(a)));
    case OFPACT_CT: {
        char *why = check_pushed(walk);

        return why ? why
                   : check_nested(walk, FALSE, ofpact_get_CT(a)->actions,
                                  ofpact_ct_get_action_len(ofpact_get_CT(a)));
    }

    case OFPACT_LEARN:
        return g_strdup("action learn installs rules that are bound to no "
                        "port");
    default:
        return is_local(a->type) ? NULL : refuse(a);
    }
}

static char *
check_actions(Walk *walk, const struct ofpact *ofpacts, size_t size)
{
    const struct ofpact *a;

    OFPACT_FOR_EACH (a, ofpacts, size) {
        char *why = check_action(walk, a);

        if (why) {
            return why;
        }
    }
    return NULL;
}

/* ---- A whole rule ------------------------------------------------------- */

/* What the match says of the VLAN. */
static void
match_vlan(const struct match *match, Walk *walk)
{
    guint bits = ntohs(match->wc.masks.vlans[0].tci);
    guint value = ntohs(match->flow.vlans[0].tci);

    if (bits & CFI_BIT && !(value & CFI_BIT)) {
        walk->origin_known = TRUE;
        walk->origin = 0;
    } else if (bits & CFI_BIT && (bits & VID_BITS) == VID_BITS) {
        walk->origin_known = TRUE;
        walk->origin = value & VID_BITS;
    }
    walk->known = walk->origin_known;
    walk->vid = walk->origin;
}

/* Whether the match is on one address, and not on that of everybody. */
static gboolean
has_own_address(const struct match *match)
{
    const struct flow *flow = &match->flow, *mask = &match->wc.masks;

    return (eth_mask_is_exact(mask->dl_dst)
            && !eth_addr_is_multicast(flow->dl_dst))
           || (mask->nw_dst == OVS_BE32_MAX && !ip_is_multicast(flow->nw_dst)
               && flow->nw_dst != OVS_BE32_MAX)
           || (ipv6_mask_is_exact(&mask->ipv6_dst)
               && !ipv6_addr_is_multicast(&flow->ipv6_dst))
           || ipv6_mask_is_exact(&mask->nd_target);
}

/* Whether the match is on something that an earlier table has chosen.  The
 * first table finds zeros there, as all that has not been set is. */
static gboolean
has_choice(const PfFlowRule *rule, const struct match *match)
{
    const struct flow *flow = &match->flow;
    gboolean is_chosen = flow->metadata || flow->tunnel.tun_id
                         || flow->ct_mark || !ovs_u128_is_zero(flow->ct_label)
                         || (eth_mask_is_exact(match->wc.masks.dl_dst)
                             && !eth_addr_is_broadcast(flow->dl_dst));

    for (guint i = 0; i < FLOW_N_REGS; i++) {
        is_chosen = is_chosen || flow->regs[i];
    }
    return rule->fm.table_id && is_chosen;
}

/* Whether a rule that is the port's only by its output is about some of the
 * bridge's frames, and not about everybody's. */
static gboolean
is_narrow(const PfFlowRule *rule, const struct match *match)
{
    return match->wc.masks.in_port.ofp_port || has_own_address(match)
           || has_choice(rule, match);
}

static char *
check_match(const Walk *walk, const PfFlowRule *rule,
            const struct match *match)
{
    const PfFlowCheck *check = walk->check;
    guint64 cookie = ntohll(rule->fm.new_cookie);
    ofp_port_t in_port = match->flow.in_port.ofp_port;

    if (walk->bound == PF_FLOW_BOUND_NOT) {
        return g_strdup("it is not bound to the port: it neither matches the "
                        "port or its MAC nor outputs to it only");
    }
    if ((cookie & check->cookie_mask) != check->cookie) {
        return g_strdup_printf("its cookie is 0x%" G_GINT64_MODIFIER "x; the "
                               "network's options for extension flows are "
                               "cookie 0x%" G_GINT64_MODIFIER "x mask "
                               "0x%" G_GINT64_MODIFIER "x", cookie,
                               check->cookie, check->cookie_mask);
    }
    if (walk->bound == PF_FLOW_BOUND_OUTPUT && !is_narrow(rule, match)) {
        return g_strdup("it brings everybody's frames to the port: match one "
                        "whole destination address or, past table 0, a "
                        "register or metadata that is not 0");
    }
    if (match->wc.masks.actset_output) {
        return g_strdup("it matches actset_output, a number that means "
                        "nothing on another host");
    }
    if (match->wc.masks.in_port.ofp_port
        && in_port != pf_flow_names_own(check->names)) {
        return check_other(walk, in_port, "in_port");
    }
    return NULL;
}

char *
pf_flow_check_rule(const PfFlowCheck *check, const PfFlowRule *rule)
{
    Walk walk = {
        .check = check,
        .bound = pf_flow_rule_bound(rule, pf_flow_names_own(check->names),
                                    &check->mac, check->groups),
    };
    struct match match;
    char *why;

    minimatch_expand(&rule->fm.match, &match);
    match_vlan(&match, &walk);
    why = check_match(&walk, rule, &match);
    return why ? why : check_actions(&walk, rule->fm.ofpacts,
                                     rule->fm.ofpacts_len);
}

char *
pf_flow_check_group(const PfFlowCheck *check, const PfFlowGroup *group)
{
    const struct ofputil_bucket *bucket;
    Walk walk = { .check = check, .in_group = TRUE };
    char *why = NULL;

    LIST_FOR_EACH (bucket, list_node, &group->gm.buckets) {
        if (bucket->watch_port != OFPP_ANY
            && bucket->watch_port != pf_flow_names_own(check->names)) {
            why = check_other(&walk, bucket->watch_port, "watch_port");
        }
        if (!why && bucket->watch_group != OFPG_ANY) {
            why = check_group_ref(&walk, bucket->watch_group);
        }
        if (!why) {
            why = check_nested(&walk, FALSE, bucket->ofpacts,
                               bucket->ofpacts_len);
        }
        if (why) {
            return why;
        }
    }
    return NULL;
}
