/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of plugin/extensions/flows-check.h and flows-rule.h: what rules from
 * another host may do is taken, and everything else is refused, one kind after
 * the other; text is written as it was read.
 */
#include <config.h>

#include "plugin/extensions/flows-check.h"
#include "plugin/extensions/flows-paths.h"

#include "packets.h"

#define MAC "52:54:00:aa:00:01"
#define ALIEN "52:54:00:bb:00:02"
#define FURTHER " reaches further than the port's own rules may"

/* Allows VLAN 42 only. */
static gboolean
allows_42(gpointer user G_GNUC_UNUSED, guint vid)
{
    return vid == 42;
}

/* What a network says: anything; with other ports; VLAN 42; both. */
typedef enum { OPEN = 0, BY_NAME = 1, VLAN_42 = 2, COOKIE = 4 } Said;

typedef struct {
    PfFlowNames *names;
    PfFlowCheck check;
} Fixture;

static void
take_group(Fixture *f, const char *text)
{
    g_autofree char *why = NULL;
    PfFlowGroup *group = pf_flow_group_parse(text, f->names, &why);

    g_assert_cmpstr(why, ==, NULL);
    g_hash_table_replace(f->check.groups,
                         GUINT_TO_POINTER(group->gm.group_id), group);
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

/* Port web0, here vm7, has number 5; ports up0 and db0; groups 1 (to the
 * port), 2 (NORMAL), 3 (into VLAN 42) and 4 (by group 3), meter 1. */
static void
setup(Fixture *f, Said said)
{
    f->names = pf_flow_names_new("vm7", "web0", 5);
    g_assert_true(pf_flow_names_add(f->names, "up0"));
    g_assert_true(pf_flow_names_add(f->names, "db0"));
    f->check = (PfFlowCheck) {
        .names = f->names,
        .groups = g_hash_table_new_full(NULL, NULL, NULL, free_group),
        .meters = g_hash_table_new(NULL, NULL),
        .others_by_name = said & BY_NAME,
        .cookie = said & COOKIE ? 0x10 : 0,
        .cookie_mask = said & COOKIE ? 0xf0 : 0,
        .vlans = said & VLAN_42 ? "42" : NULL,
        .allows_vlan = allows_42,
    };
    g_assert_true(eth_addr_from_string(MAC, &f->check.mac));
    g_hash_table_add(f->check.meters, GUINT_TO_POINTER(1));
    take_group(f, "group_id=1,type=all,bucket=actions=output:web0");
    take_group(f, "group_id=2,type=all,bucket=actions=NORMAL");
    take_group(f, "group_id=3,type=all,bucket=actions=mod_vlan_vid:42,"
               "NORMAL");
    take_group(f, "group_id=4,type=all,bucket=actions=NORMAL,"
               "bucket=actions=group:3");
}

static void
teardown(Fixture *f)
{
    g_hash_table_unref(f->check.groups);
    g_hash_table_unref(f->check.meters);
    pf_flow_names_free(f->names);
}

typedef struct {
    Said said;
    const char *rule;
    const char *why;            /* NULL: taken. */
} Case;

/* Demands the verdict, and goes on with the next case. */
static void
check_why(const Case *c, const char *why)
{
    if (g_strcmp0(c->why, why)) {
        g_test_message("%s: \"%s\", not \"%s\"", c->rule, why ? why : "",
                       c->why ? c->why : "");
        g_test_fail();
    }
}

static void
run_cases(const Case *cases, gsize n)
{
    for (gsize i = 0; i < n; i++) {
        g_autofree char *why = NULL;
        g_autoptr(PfFlowRule) rule = NULL;
        Fixture f;

        setup(&f, cases[i].said);
        rule = pf_flow_rule_parse(cases[i].rule, f.names, &why);
        if (rule) {
            why = pf_flow_check_rule(&f.check, rule);
        }
        check_why(&cases[i], why);
        teardown(&f);
    }
}

static void
test_normal_rules_are_taken(void)
{
    static const Case cases[] = {
        { OPEN, "in_port=web0 actions=NORMAL", NULL },
        { VLAN_42, "in_port=web0 actions=NORMAL", NULL },
        { OPEN, "in_port=web0 actions=drop", NULL },
        { OPEN, "table=3,in_port=web0 actions=resubmit(,10),goto_table:20",
          NULL },
        { OPEN, "in_port=web0 actions=resubmit(web0,10)", NULL },
        { OPEN, "in_port=web0 actions=IN_PORT", NULL },
        { OPEN, "in_port=web0 actions=output:web0", NULL },
        { OPEN, "in_port=web0,ip actions=ct(commit,table=5,zone=9,"
          "exec(set_field:1->ct_mark))", NULL },
        { OPEN, "in_port=web0,ip actions=ct(commit,nat(src=10.0.0.1)),NORMAL",
          NULL },
        { OPEN, "in_port=web0 actions=note:01.02,set_field:5->reg0,"
          "push:NXM_NX_REG0[],pop:NXM_NX_REG1[],NORMAL", NULL },
        { OPEN, "in_port=web0,ip actions=mod_dl_src:" MAC ",mod_nw_src:1.2.3.4"
          ",dec_ttl,NORMAL", NULL },
        { OPEN, "in_port=web0 actions=load:0->NXM_OF_IN_PORT[],NORMAL",
          NULL },
        { OPEN, "in_port=web0 actions=meter:1,group:1", NULL },
        { OPEN, "in_port=web0 actions=clone(NORMAL)", NULL },
        { OPEN, "in_port=web0 actions=write_actions(output:web0)", NULL },
        { OPEN, "in_port=web0 actions=set_queue:3,NORMAL", NULL },
        { OPEN, "in_port=web0 actions=mod_vlan_vid:99,NORMAL", NULL },
        { OPEN, "dl_src=" MAC " actions=drop", NULL },
        { OPEN, "dl_dst=" MAC " actions=group:2", NULL },
        { OPEN, "arp,arp_tha=" MAC " actions=NORMAL", NULL },
        { OPEN, "ip,nw_dst=1.2.3.4 actions=output:web0", NULL },
        { OPEN, "table=2,reg3=5 actions=group:1", NULL },
        { OPEN, "table=2,metadata=0x10/0xf0 actions=output:web0", NULL },
        { OPEN, "table=2,dl_dst=01:00:5e:00:00:01 actions=output:web0",
          NULL },
        { OPEN, "dl_dst=" ALIEN " actions=output:web0", NULL },
        { OPEN, "ipv6,ipv6_dst=fe80::1 actions=output:web0", NULL },
        { OPEN, "icmp6,icmp_type=135,nd_target=fe80::1 actions=output:web0",
          NULL },
        { BY_NAME, "in_port=web0 actions=set_tunnel:9,output:up0", NULL },
        { COOKIE, "cookie=0x1f,in_port=web0 actions=NORMAL", NULL },
        { BY_NAME, "in_port=web0 actions=output:up0", NULL },
        { BY_NAME, "in_port=up0,dl_src=" MAC " actions=drop", NULL },
        { BY_NAME, "in_port=web0 actions=LOCAL", NULL },
        { VLAN_42, "in_port=web0 actions=mod_vlan_vid:42,NORMAL", NULL },
        { VLAN_42, "in_port=web0 actions=push_vlan:0x8100,"
          "set_field:4138->vlan_vid,NORMAL", NULL },
        { VLAN_42, "in_port=web0,dl_vlan=42 actions=strip_vlan,NORMAL",
          NULL },
        { VLAN_42, "in_port=web0,dl_vlan=42 actions=mod_vlan_pcp:3,NORMAL",
          NULL },
        { VLAN_42 | BY_NAME, "in_port=web0,dl_vlan=42 actions=output:up0",
          NULL },
        { VLAN_42 | BY_NAME, "in_port=web0 actions=mod_vlan_vid:42,"
          "output:up0", NULL },
        { VLAN_42, "dl_vlan=42,ip,nw_dst=1.2.3.4 actions=strip_vlan,"
          "output:web0", NULL },
        { VLAN_42, "dl_dst=" MAC " actions=output:web0", NULL },
        { VLAN_42, "dl_src=" MAC ",dl_vlan=42 actions=mod_vlan_vid:42,"
          "NORMAL", NULL },
        { VLAN_42, "dl_dst=" MAC " actions=strip_vlan,output:web0", NULL },
        { VLAN_42, "dl_src=" MAC " actions=group:2", NULL },
    };

    run_cases(cases, G_N_ELEMENTS(cases));
}

#define UNBOUND "it is not bound to the port: it neither matches the port " \
    "or its MAC nor outputs to it only"

#define EVERYBODY "it brings everybody's frames to the port: match one " \
    "whole destination address or, past table 0, a register or metadata " \
    "that is not 0"

static void
test_rules_of_nobody_are_refused(void)
{
    static const Case cases[] = {
        { OPEN, "actions=drop", UNBOUND },
        { OPEN, "dl_src=" ALIEN " actions=NORMAL", UNBOUND },
        { OPEN, "dl_src=52:54:00:aa:00:00/ff:ff:ff:ff:ff:00 actions=drop",
          UNBOUND },
        { BY_NAME, "in_port=up0 actions=drop", UNBOUND },
        { OPEN, "ip,nw_dst=1.2.3.4 actions=output:web0,NORMAL", UNBOUND },
        { OPEN, "ip,nw_dst=1.2.3.4 actions=group:2", UNBOUND },
        { OPEN, "ip,nw_dst=1.2.3.4 actions=group:9", UNBOUND },
        { OPEN, "ip,nw_dst=1.2.3.4 actions=output:web0,resubmit(,1)",
          UNBOUND },
        { OPEN, "in_port=6 actions=drop", UNBOUND },
        { OPEN, "actions=output:web0",
          EVERYBODY },
        { OPEN, "ip actions=group:1",
          EVERYBODY },
        /* In the first table all of these are what every frame has. */
        { OPEN, "reg0=0 actions=output:web0", EVERYBODY },
        { OPEN, "reg0=5 actions=output:web0", EVERYBODY },
        { OPEN, "tun_id=5 actions=output:web0", EVERYBODY },
        { OPEN, "metadata=0/1 actions=output:web0", EVERYBODY },
        { OPEN, "ct_mark=0 actions=output:web0", EVERYBODY },
        { OPEN, "table=1,reg0=0 actions=output:web0", EVERYBODY },
        { OPEN, "table=1,metadata=0/1 actions=output:web0", EVERYBODY },
        { OPEN, "table=1,ct_mark=0 actions=output:web0", EVERYBODY },
        { OPEN, "table=1,ct_label=0 actions=output:web0", EVERYBODY },
        /* Half of all addresses, or those of all. */
        { OPEN, "dl_dst=00:00:00:00:00:00/01:00:00:00:00:00 "
          "actions=output:web0", EVERYBODY },
        { OPEN, "dl_dst=ff:ff:ff:ff:ff:ff actions=output:web0", EVERYBODY },
        { OPEN, "table=1,dl_dst=ff:ff:ff:ff:ff:ff actions=output:web0",
          EVERYBODY },
        { OPEN, "dl_dst=01:00:5e:00:00:01 actions=output:web0", EVERYBODY },
        { OPEN, "ip,nw_dst=0.0.0.0/1 actions=output:web0", EVERYBODY },
        { OPEN, "ip,nw_dst=255.255.255.255 actions=output:web0", EVERYBODY },
        { OPEN, "ip,nw_dst=224.0.0.1 actions=output:web0", EVERYBODY },
        { OPEN, "ipv6,ipv6_dst=::/1 actions=output:web0", EVERYBODY },
        { OPEN, "ipv6,ipv6_dst=ff02::1 actions=output:web0", EVERYBODY },
        { OPEN, "icmp6,icmp_type=135,nd_target=fe80::/10 "
          "actions=output:web0", EVERYBODY },
        { COOKIE, "cookie=0x21,in_port=web0 actions=NORMAL",
          "its cookie is 0x21; the network's options for extension flows are "
          "cookie 0x10 mask 0xf0" },
        { COOKIE, "in_port=web0 actions=NORMAL",
          "its cookie is 0x0; the network's options for extension flows are "
          "cookie 0x10 mask 0xf0" },
    };

    run_cases(cases, G_N_ELEMENTS(cases));
}

#define OTHER(WHAT) WHAT " is another port; the network's option " \
    "other-ports of extension flows is \"refuse\", not \"by-name\""
#define NUMBER(WHAT) WHAT " is a number without a name, which means nothing " \
    "on another host"

#define OTHER_TUNNEL(WHAT) WHAT " chooses a tunnel; the network's option " \
    "other-ports of extension flows is \"refuse\", not \"by-name\""

static void
test_rules_that_reach_further_are_refused(void)
{
    static const Case cases[] = {
        { OPEN, "in_port=web0 actions=output:up0", OTHER("output to up0") },
        { OPEN, "in_port=web0 actions=LOCAL", OTHER("output to LOCAL") },
        { OPEN, "in_port=up0,dl_src=" MAC " actions=drop",
          OTHER("in_port up0") },
        { BY_NAME, "in_port=web0 actions=output:6", NUMBER("output to 6") },
        { BY_NAME, "in_port=6,dl_dst=" MAC " actions=drop",
          NUMBER("in_port 6") },
        { BY_NAME, "in_port=web0 actions=FLOOD", "output to FLOOD" FURTHER },
        { BY_NAME, "in_port=web0 actions=ALL", "output to ALL" FURTHER },
        { BY_NAME, "dl_dst=" MAC " actions=IN_PORT",
          "output to IN_PORT" FURTHER },
        { BY_NAME, "in_port=web0 actions=CONTROLLER:128",
          "output to CONTROLLER" FURTHER },
        { BY_NAME, "in_port=web0 actions=controller(userdata=01.02)",
          "action controller" FURTHER },
        { BY_NAME, "in_port=web0 actions=output:NXM_NX_REG0[]",
          "action output_reg" FURTHER },
        { OPEN, "in_port=web0 actions=output(port=up0,max_len=64)",
          OTHER("output to up0") },
        { OPEN, "in_port=web0 actions=bundle(eth_src,0,hrw,ofport,members:"
          "up0,web0)", OTHER("output to up0") },
        { BY_NAME, "in_port=web0 actions=resubmit(up0,1)",
          "resubmit as another port" FURTHER },
        { BY_NAME, "in_port=web0 actions=resubmit(6)",
          "resubmit as another port" FURTHER },
        { BY_NAME, "in_port=web0 actions=load:6->NXM_OF_IN_PORT[]",
          "it writes in_port, which" FURTHER },
        { BY_NAME, "in_port=web0 actions=set_field:up0->in_port",
          "it writes in_port, which" FURTHER },
        { BY_NAME, "in_port=web0 actions=move:NXM_NX_REG0[0..15]->"
          "NXM_OF_IN_PORT[]", "it writes in_port, which" FURTHER },
        { BY_NAME, "in_port=web0 actions=pop:NXM_OF_IN_PORT[]",
          "it writes in_port, which" FURTHER },
        { BY_NAME, "in_port=web0 actions=learn(table=1,NXM_OF_ETH_DST[]="
          "NXM_OF_ETH_SRC[],output:NXM_OF_IN_PORT[])",
          "action learn installs rules that are bound to no port" },
        { BY_NAME, "in_port=web0 actions=conjunction(1,1/2)",
          "action conjunction" FURTHER },
        { BY_NAME, "in_port=web0 actions=sample(probability=1)",
          "action sample" FURTHER },
        { OPEN, "in_port=web0 actions=clone(clone(output:up0))",
          OTHER("output to up0") },
        { OPEN, "in_port=web0 actions=write_actions(output:up0)",
          OTHER("output to up0") },
        { OPEN, "in_port=web0 actions=group:9",
          "group 9 is not among its groups" },
        { OPEN, "in_port=web0 actions=meter:2",
          "meter 2 is not among its meters" },
        { OPEN, "in_port=web0 actions=encap(nsh)", "action encap" FURTHER },
        { OPEN, "in_port=web0 actions=set_tunnel:99,NORMAL",
          OTHER_TUNNEL("set_tunnel") },
        { OPEN, "in_port=web0 actions=load:99->NXM_NX_TUN_ID[],NORMAL",
          OTHER_TUNNEL("tun_id") },
        { OPEN, "in_port=web0 actions=set_field:1.2.3.4->tun_dst,NORMAL",
          OTHER_TUNNEL("tun_dst") },
        { OPEN, "in_port=web0 actions=move:NXM_NX_REG0[]->"
          "NXM_NX_TUN_ID[0..31],NORMAL", OTHER_TUNNEL("tun_id") },
        { OPEN, "in_port=web0 actions=set_field:1->tun_metadata0,NORMAL",
          OTHER_TUNNEL("tun_metadata0") },
    };

    run_cases(cases, G_N_ELEMENTS(cases));
}

#define INTO(VLAN) "it carries the guest into VLAN " VLAN "; the network " \
    "allows VLANs 42"

#define MOVES "it gives a VLAN to frames of any VLAN and port; the network " \
    "allows VLANs 42: match the port, or one of these VLANs"

static void
test_vlans_are_those_of_the_network(void)
{
    static const Case cases[] = {
        { VLAN_42, "in_port=web0 actions=mod_vlan_vid:99,NORMAL",
          INTO("99") },
        { VLAN_42, "in_port=web0,dl_vlan=42 actions=set_vlan_vid:43,NORMAL",
          INTO("43") },
        { VLAN_42, "in_port=web0 actions=push_vlan:0x8100,"
          "set_field:4195->vlan_vid,NORMAL", INTO("99") },
        { VLAN_42, "in_port=web0 actions=load:0x1063->NXM_OF_VLAN_TCI[],"
          "NORMAL", INTO("99") },
        { VLAN_42, "in_port=web0 actions=load:0x3->NXM_OF_VLAN_TCI[0..3],"
          "NORMAL", "it writes vlan_tci with what is not a constant; the "
          "network allows VLANs 42" },
        { VLAN_42, "in_port=web0 actions=move:NXM_NX_REG0[0..11]->"
          "NXM_OF_VLAN_TCI[0..11],NORMAL", "it writes vlan_tci with what is "
          "not a constant; the network allows VLANs 42" },
        { VLAN_42, "in_port=web0 actions=pop:NXM_OF_VLAN_TCI[],NORMAL",
          "it writes vlan_tci with what is not a constant; the network "
          "allows VLANs 42" },
        { VLAN_42, "in_port=web0 actions=push_vlan:0x8100,NORMAL",
          "push_vlan without a VLAN number; the network allows VLANs 42" },
        { VLAN_42, "in_port=web0 actions=push_vlan:0x8100,resubmit(,1)",
          "push_vlan without a VLAN number; the network allows VLANs 42" },
        { VLAN_42, "in_port=web0 actions=clone(mod_vlan_vid:99,NORMAL)",
          INTO("99") },
        { VLAN_42, "in_port=web0 actions=write_actions(mod_vlan_vid:99)",
          INTO("99") },
        { VLAN_42 | BY_NAME, "in_port=web0 actions=output:up0",
          "it outputs frames of any VLAN to up0; the network allows VLANs "
          "42: match the VLAN" },
        { VLAN_42 | BY_NAME, "in_port=web0,dl_vlan=99 actions=output:up0",
          "it outputs VLAN 99 to up0; the network allows VLANs 42" },
        { VLAN_42 | BY_NAME, "in_port=web0,vlan_tci=0 actions=output:up0",
          "it outputs frames without a VLAN tag to up0; the network allows "
          "VLANs 42" },
        { VLAN_42 | BY_NAME, "in_port=web0,dl_vlan=42 actions=strip_vlan,"
          "output:up0", "it outputs frames of any VLAN to up0; the network "
          "allows VLANs 42: match the VLAN" },
        { VLAN_42 | BY_NAME, "in_port=web0,dl_vlan=42 "
          "actions=write_actions(output:up0),goto_table:3", "it outputs "
          "frames of any VLAN to up0; the network allows VLANs 42: match the "
          "VLAN" },
        { VLAN_42, "dl_vlan=99,dl_dst=" MAC " actions=strip_vlan,output:web0",
          "it brings VLAN 99 to the port; the network allows VLANs 42" },
        { VLAN_42, "ip,nw_dst=1.2.3.4 actions=output:web0",
          "it brings frames of any VLAN to the port; the network allows "
          "VLANs 42: match the VLAN" },
        { VLAN_42, "dl_src=" MAC " actions=mod_vlan_vid:42,NORMAL", MOVES },
        { VLAN_42, "dl_src=" MAC ",dl_vlan=99 actions=mod_vlan_vid:42,"
          "NORMAL", MOVES },
        { VLAN_42, "dl_src=" MAC ",vlan_tci=0 actions=push_vlan:0x8100,"
          "set_field:4138->vlan_vid,NORMAL", MOVES },
        { VLAN_42, "dl_dst=" MAC " actions=clone(mod_vlan_vid:42,NORMAL)",
          MOVES },
        { VLAN_42, "dl_src=" MAC " actions=group:4", MOVES },
        { VLAN_42, "ip,nw_dst=1.2.3.4 actions=group:1",
          "it brings frames of any VLAN to the port; the network allows "
          "VLANs 42: match the VLAN" },
    };

    run_cases(cases, G_N_ELEMENTS(cases));
}

static void
test_groups_are_checked_too(void)
{
    static const Case cases[] = {
        { OPEN, "group_id=9,type=all,bucket=actions=output:web0", NULL },
        { OPEN, "group_id=9,type=all,bucket=actions=group:1", NULL },
        { OPEN, "group_id=9,type=all,bucket=actions=NORMAL,"
          "bucket=actions=output:up0", OTHER("output to up0") },
        { OPEN, "group_id=9,type=ff,bucket=watch_port:up0,"
          "actions=output:web0", OTHER("watch_port up0") },
        { OPEN, "group_id=9,type=ff,bucket=watch_group:7,"
          "actions=output:web0", "group 7 is not among its groups" },
        { OPEN, "group_id=9,type=all,bucket=actions=group:7",
          "group 7 is not among its groups" },
        { VLAN_42, "group_id=9,type=all,bucket=actions=mod_vlan_vid:99,"
          "output:web0", INTO("99") },
        { VLAN_42 | BY_NAME, "group_id=9,type=all,bucket=actions=output:up0",
          "it outputs frames of any VLAN to up0; the network allows VLANs "
          "42: match the VLAN" },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *why = NULL;
        g_autoptr(PfFlowGroup) group = NULL;
        Fixture f;

        setup(&f, cases[i].said);
        group = pf_flow_group_parse(cases[i].rule, f.names, &why);
        if (group) {
            why = pf_flow_check_group(&f.check, group);
        }
        check_why(&cases[i], why);
        teardown(&f);
    }
}

/* ---- Text --------------------------------------------------------------- */

static void
test_text_is_written_for_this_host(void)
{
    g_autofree char *why = NULL, *name = NULL, *number = NULL, *key = NULL;
    g_autoptr(PfFlowRule) rule = NULL;
    Fixture f;

    setup(&f, OPEN);
    rule = pf_flow_rule_parse(
        "cookie=0x7,table=3,priority=9,idle_timeout=5,check_overlap,"
        "in_port=web0,actions=output:up0,IN_PORT,web0", f.names, &why);
    g_assert_cmpstr(why, ==, NULL);
    name = pf_flow_rule_text(rule, f.names, PF_FLOW_BY_NAME);
    g_assert_cmpstr(name, ==, "cookie=0x7, table=3, idle_timeout=5, "
                    "check_overlap priority=9,in_port=vm7 "
                    "actions=output:up0,IN_PORT,"
                    "output:vm7");
    number = pf_flow_rule_text(rule, f.names, PF_FLOW_BY_NUMBER);
    g_assert_cmpstr(number, ==, "cookie=0x7, table=3, idle_timeout=5, "
                    "check_overlap priority=9,in_port=5 "
                    "actions=output:up0,IN_PORT,"
                    "output:5");
    key = pf_flow_rule_key(rule, f.names, PF_FLOW_BY_NUMBER);
    g_assert_cmpstr(key, ==, "table=3,priority=9,in_port=5");
    teardown(&f);
}

static void
test_hostile_text_is_refused(void)
{
    static const struct {
        const char *text;
        const char *why;
    } cases[] = {
        { "", "must specify an action" },
        { "in_port=web0", "must specify an action" },
        { "in_port=nobody actions=drop",
          "nobody: invalid or unknown port for in_port" },
        { "table=254,in_port=web0 actions=drop",
          "table 254; a rule may be in tables 0 to 253" },
        { "in_port=web0 actions=frobnicate", "unknown action frobnicate" },
        { "cookie=0x1/0x1,in_port=web0 actions=drop",
          "flow additions cannot use a cookie mask" },
    };
    g_autoptr(GString) nested = g_string_new("in_port=web0 actions=");
    Fixture f;

    setup(&f, OPEN);
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *why = NULL;

        g_assert_null(pf_flow_rule_parse(cases[i].text, f.names, &why));
        g_assert_cmpstr(why, ==, cases[i].why);
    }
    /* Long, and deep. */
    g_autofree char *why = NULL, *deep = NULL, *text = NULL;
    text = g_strnfill(9000, 'a');
    g_assert_null(pf_flow_rule_parse(text, f.names, &why));
    g_assert_cmpstr(why, ==,
                    "it has 9000 bytes; a rule's text may have 8192");
    for (guint i = 0; i < 500; i++) {
        g_string_append(nested, "clone(");
    }
    g_string_append(nested, "drop");
    for (guint i = 0; i < 500; i++) {
        g_string_append(nested, ")");
    }
    g_assert_null(pf_flow_rule_parse(nested->str, f.names, &deep));
    g_assert_cmpstr(deep, ==, "Action nested too deeply");
    teardown(&f);
}

/* A group of 'n' buckets with such actions. */
static void
take_buckets(Fixture *f, guint id, guint n, const char *actions)
{
    g_autoptr(GString) text = g_string_new(NULL);

    g_string_printf(text, "group_id=%u,type=all", id);
    for (guint i = 0; i < n; i++) {
        g_string_append_printf(text, ",bucket=%s", actions);
    }
    take_group(f, text->str);
}

/* Demands what is said of 'rules' (NULL-terminated) and the groups. */
static void
assert_paths(Fixture *f, const char *const *rules, const char *expected)
{
    g_autoptr(GPtrArray) set = g_ptr_array_new_with_free_func(free_rule);
    g_autofree char *why = NULL, *verdict = NULL;

    for (; *rules; rules++) {
        PfFlowRule *rule = pf_flow_rule_parse(*rules, f->names, &why);

        g_assert_cmpstr(why, ==, NULL);
        g_ptr_array_add(set, rule);
    }
    verdict = pf_flow_paths_check(set, f->check.groups);
    g_assert_cmpstr(verdict, ==, expected);
}

/* One frame passes a bounded number of buckets, in whatever way they are
 * multiplied. */
static void
test_frames_pass_few_buckets(void)
{
    static const char *const none[] = { NULL };
    static const char *const one[] = {
        "in_port=web0 actions=group:31,group:31,group:31", NULL,
    };
    static const char *const four[] = {
        "in_port=web0 actions=resubmit(,1),resubmit(,1),clone(resubmit(,1))",
        "table=1,in_port=web0 actions=goto_table:2",
        "table=2,in_port=web0 actions=group:31",
        "table=2,priority=7,in_port=web0 actions=group:1",
        "table=3,in_port=web0 actions=resubmit(,0),resubmit(,1),group:1", NULL,
    };
    static const char *const loop[] = {
        "in_port=web0 actions=resubmit(,1),resubmit(,1)",
        "table=1,in_port=web0 actions=resubmit(,0)", NULL,
    };
    Fixture f;

    setup(&f, OPEN);
    take_buckets(&f, 31, 256, "actions=drop");
    assert_paths(&f, one, NULL);
    assert_paths(&f, loop, NULL);
    assert_paths(&f, four, "table 3 leads a frame through more than 1024 "
                 "buckets of groups");
    take_buckets(&f, 30, 2, "actions=group:31");
    assert_paths(&f, none, NULL);
    take_buckets(&f, 30, 4, "actions=group:31");
    assert_paths(&f, none,
                 "group 30 leads a frame through more than 1024 buckets");
    take_buckets(&f, 30, 4, "watch_group:31,actions=drop");
    assert_paths(&f, none,
                 "group 30 leads a frame through more than 1024 buckets");
    /* By a table, and by one that it does not name. */
    take_buckets(&f, 30, 1, "actions=resubmit(,1)");
    assert_paths(&f, loop, NULL);
    take_buckets(&f, 30, 2, "actions=resubmit(,3),resubmit(web0)");
    assert_paths(&f, four + 1,
                 "group 30 leads a frame through more than 1024 buckets");
    teardown(&f);
}

/* "in_port=web0", in 'table', with 'n' times 'action'. */
static char *
long_rule(guint table, const char *action, guint n)
{
    g_autoptr(GString) text = g_string_new(NULL);

    g_string_printf(text, "table=%u,in_port=web0 actions=%s", table, action);
    for (guint i = 1; i < n; i++) {
        g_string_append_printf(text, ",%s", action);
    }
    return g_strdup(text->str);
}

/* One frame passes a bounded number of actions, though it may be resubmitted
 * often. */
static void
test_frames_pass_few_actions(void)
{
    g_autofree char *first = long_rule(0, "resubmit(,1)", 60);
    g_autofree char *second = long_rule(1, "resubmit(,2)", 60);
    g_autofree char *few = long_rule(2, "NORMAL", 16);
    g_autofree char *many = long_rule(2, "clone(NORMAL)", 500);
    g_autofree char *again = long_rule(2, "resubmit(,2)", 1);
    g_autofree char *many_short = long_rule(2, "NORMAL", 100);
    const char *const short_ones[] = { first, second, few, NULL };
    const char *const one[] = { first, many, again, NULL };
    const char *const all[] = { first, second, many, NULL };
    const char *const by_group[] = { second, many, NULL };
    g_autoptr(GPtrArray) around = g_ptr_array_new_with_free_func(g_free);
    Fixture f;

    for (guint i = 0; i < 1000; i++) {
        g_ptr_array_add(around, g_strdup_printf("priority=%u,%s,resubmit(,2)",
                                                i, many_short));
    }
    g_ptr_array_add(around, NULL);
    setup(&f, OPEN);
    assert_paths(&f, short_ones, NULL);
    assert_paths(&f, one, NULL);
    assert_paths(&f, all,
                 "table 0 leads a frame through more than 65536 actions");
    /* Each of many, but never more than 64 within each other. */
    assert_paths(&f, (const char *const *) around->pdata, NULL);
    take_buckets(&f, 31, 100, "actions=resubmit(,1)");
    assert_paths(&f, by_group,
                 "group 31 leads a frame through more than 65536 actions");
    teardown(&f);
}

/* Each group is looked at once, however they refer to each other. */
static void
test_groups_in_circles_end(void)
{
    Fixture f;

    setup(&f, OPEN);
    for (guint i = 10; i < 30; i++) {
        g_autoptr(GString) text = g_string_new(NULL);

        g_string_printf(text, "group_id=%u,type=all", i);
        for (guint j = 0; j < 100; j++) {
            g_string_append_printf(text, ",bucket=actions=group:%u",
                                   i == 29 ? 10 : i + 1);
        }
        take_group(&f, text->str);
    }
    g_assert_false(pf_flow_group_outputs_only_to(
                       10, pf_flow_names_own(f.names), f.check.groups));
    g_assert_true(pf_flow_group_outputs_only_to(
                      1, pf_flow_names_own(f.names), f.check.groups));
    teardown(&f);
}

static void
test_meters_are_written_as_they_are_read(void)
{
    static const char text[] = "meter=3,kbps,burst,stats,bands=type=drop,"
        "rate=1000,burst_size=5,type=dscp_remark,rate=7,burst_size=1,"
        "prec_level=2";
    g_autofree char *why = NULL, *again = NULL;
    g_autoptr(PfFlowMeter) meter = pf_flow_meter_parse(text, &why);

    g_assert_cmpstr(why, ==, NULL);
    again = pf_flow_meter_text(meter, 3);
    g_assert_cmpstr(again, ==, text);
    g_assert_null(pf_flow_meter_parse("meter=controller,kbps,bands=type=drop,"
                                      "rate=1", &why));
    g_assert_cmpstr(why, ==, "it is one of the switch's own meters");
}

int
main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
#define ADD(NAME) g_test_add_func("/flows-check/" #NAME, test_##NAME)
    ADD(normal_rules_are_taken);
    ADD(rules_of_nobody_are_refused);
    ADD(rules_that_reach_further_are_refused);
    ADD(vlans_are_those_of_the_network);
    ADD(groups_are_checked_too);
    ADD(text_is_written_for_this_host);
    ADD(hostile_text_is_refused);
    ADD(frames_pass_few_buckets);
    ADD(frames_pass_few_actions);
    ADD(groups_in_circles_end);
    ADD(meters_are_written_as_they_are_read);
    return g_test_run();
}
