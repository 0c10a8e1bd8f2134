/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of the extension `flows' (plugin/extensions/flows*.c) against a real
 * Open vSwitch: which rules are a port's, and that they arrive as they were.
 */
#include <config.h>

#include "flows-fixture.h"

#include <string.h>

#include "plugin/extensions/flows-ids.h"
#include "plugin/extensions/flows.h"

#define EXT (&pf_extension_flows)

/* The MAC of the guest, and another one. */
#define MAC EF_MAC
#define ALIEN "52:54:00:bb:00:02"

static PfNetwork *net0, *net1;

/* ---- Which rules are the port's ----------------------------------------- */

static void
test_rules_of_every_kind_are_collected(void)
{
    static const char *const own[] = {
        "table=20, dl_dst=" MAC " actions=resubmit(,30)",
        "in_port=web0 actions=NORMAL",
        "table=1, dl_src=" MAC " actions=drop",
        "table=2, arp,arp_sha=" MAC " actions=drop",
        "table=2, arp,arp_tha=" MAC " actions=drop",
        "table=3, icmp6,icmp_type=135,nd_sll=" MAC " actions=drop",
        "table=3, icmp6,icmp_type=136,nd_tll=" MAC " actions=drop",
        "table=4, ip,nw_dst=10.0.0.5 actions=output:web0",
        "table=4, dl_vlan=7,dl_dst=" ALIEN " actions=pop_vlan,output:web0",
        "table=4, ip,nw_dst=10.0.0.6 "
        "actions=set_field:0->vlan_tci,output:web0",
        "table=4, ip,nw_dst=10.0.0.7 "
        "actions=set_queue:3,output:web0,pop_queue",
        "table=5, ip,reg1=0x5 actions=group:7",
        "cookie=0x1f, table=6, idle_timeout=60, hard_timeout=90, "
        "send_flow_rem importance=7, priority=5,ip,in_port=web0 "
        "actions=ct(commit,table=7,zone=5)",
    };
    static const char alien[] =
        "table=1,dl_src=" ALIEN ",actions=drop\n"
        "in_port=up0,actions=NORMAL\n"
        "table=4,ip,nw_dst=10.0.0.8,actions=output:up0\n"
        "table=4,ip,nw_dst=10.0.0.9,actions=output:web0,output:up0\n"
        "table=4,ip,nw_dst=10.0.0.10,actions=output:web0,NORMAL\n"
        "table=4,ip,nw_dst=10.0.0.11,actions=output:web0,resubmit(,3)\n"
        "table=4,ip,nw_dst=10.0.0.12,actions=group:8\n"
        "table=1,dl_src=52:54:00:aa:00:00/ff:ff:ff:ff:00:00,actions=drop\n"
        "priority=0,actions=NORMAL\n";
    g_autoptr(GString) lines = g_string_new(alien);
    g_autoptr(GString) expected = g_string_new(NULL);

    ff_add_port("web0", "br0", 5);
    g_free(ff_ofctl("add-group br0 "
                    "group_id=7,type=all,bucket=actions=output:web0"));
    g_free(ff_ofctl("add-group br0 group_id=8,type=all,"
                    "bucket=actions=output:web0,bucket=actions=output:up0"));
    for (gsize i = 0; i < G_N_ELEMENTS(own); i++) {
        g_string_append_printf(lines, "%s\n", own[i]);
    }
    ff_add_flows("br0", lines->str);

    g_autoptr(GVariant) policies = ff_policies("br0", net0);
    g_autofree char *rules = ff_lines(policies, "rules");
    g_auto(GStrv) split = g_strsplit(rules, "\n", -1);
    for (gsize i = 0; i < G_N_ELEMENTS(own); i++) {
        if (!g_strv_contains((const char *const *) split, own[i])) {
            g_test_message("%s is not among:\n%s", own[i], rules);
            g_test_fail();
        }
    }
    g_assert_cmpuint(g_strv_length(split), ==, G_N_ELEMENTS(own));
    g_autofree char *groups = ff_lines(policies, "groups");
    g_assert_cmpstr(groups, ==,
                    "group_id=7,type=all,"
                    "bucket=bucket_id:0,actions=output:web0");
    g_autofree char *others = ff_lines(policies, "others");
    g_assert_cmpstr(others, ==, "");
    ff_del_port("web0");
    ff_clear("br0");
}

/* What a guest that is no more has left behind is not the port's. */
static void
test_rules_of_ports_that_are_no_more(void)
{
    PfExtensionPort port;

    ff_add_port("web0", "br0", 5);
    ff_add_flows("br0", "in_port=web0,actions=NORMAL\n"
                 "table=1,in_port=2,dl_src=" MAC ",actions=NORMAL\n"
                 "table=1,in_port=LOCAL,dl_dst=" MAC ",actions=NORMAL\n"
                 "table=1,in_port=up0,dl_dst=" MAC ",actions=NORMAL\n");
    port = ef_port("web0", "br0");
    g_autoptr(EfSaid) said = ef_call_ok(EXT, PF_CALL_GET_POLICIES, &port,
                                        net0, NULL);
    g_autofree char *rules = ff_lines(said->policies, "rules");
    g_assert_cmpstr(rules, ==, "in_port=web0 actions=NORMAL\n"
                    "table=1, in_port=LOCAL,dl_dst=" MAC " actions=NORMAL\n"
                    "table=1, in_port=up0,dl_dst=" MAC " actions=NORMAL");
    g_assert_cmpstr(said->note, ==, "rules of bridge br0 that match an "
                    "in_port that is no port any more do not travel (1): "
                    "delete them");
    /* Once. */
    ff_add_flows("br0", "table=2,in_port=web0,actions=NORMAL\n");
    g_autoptr(EfSaid) again = ef_call_ok(EXT, PF_CALL_NIC_SAVE, &port, net0,
                                         NULL);
    g_assert_nonnull(again->policies);
    g_assert_cmpstr(again->note, ==, NULL);
    ff_del_port("web0");
    ff_clear("br0");
}

/* Rules of the bridge that output to the port, too, may be large, or such that
 * their text cannot be read again: they do not cost the port its own. */
static void
test_odd_rules_of_others(void)
{
    PfExtensionPort port;
    g_autoptr(GString) lines = g_string_new(
        "in_port=web0,actions=NORMAL\ntable=9,actions=output:web0");

    ff_add_port("web0", "br0", 5);
    for (guint i = 100; i < 2000; i++) {
        g_string_append_printf(lines, ",output:%u", i);
    }
    ff_add_flows("br0", lines->str);
    ovs_do("ovs-ofctl -O OpenFlow10 add-flow br0 "
           "in_port=40,actions=mod_nw_src:10.0.0.1,output:5,NORMAL");
    port = ef_port("web0", "br0");
    g_autoptr(EfSaid) said = ef_call_ok(EXT, PF_CALL_GET_POLICIES, &port,
                                        net0, NULL);
    g_autofree char *rules = ff_lines(said->policies, "rules");
    g_assert_cmpstr(rules, ==, "in_port=web0 actions=NORMAL");
    g_assert_cmpstr(said->note, ==, "rules of bridge br0 that output to the "
                    "port but cannot be read again do not travel (1), as "
                    "\"reset_counts in_port=up0 actions=set_field:10.0.0.1->"
                    "ip_src,output:web0,NORMAL\": add them with OpenFlow 1.3 "
                    "or newer");
    ff_del_port("web0");
    ff_clear("br0");
}

/* strip_vlan without a match on the VLAN is OpenFlow 1.0's alone, and common:
 * it travels as what it does. */
static void
test_tags_are_stripped_as_before(void)
{
    ff_add_port("web0", "br0", 5);
    ovs_do("ovs-ofctl -O OpenFlow10 add-flow br0 "
           "in_port=5,actions=strip_vlan,NORMAL");
    g_autoptr(GVariant) policies = ff_leave("br0", net0, 1, NULL);
    ff_assert_empty("br0");
    ff_arrive("br1", 9, net1, policies, NULL, 1);
    ff_assert_rules("br1", "reset_counts in_port=web0 "
                    "actions=set_field:0->vlan_tci,NORMAL");
    g_variant_unref(ff_leave("br1", net1, 1, NULL));
    ff_assert_empty("br1");
}

static void
test_port_without_rules(void)
{
    ff_add_port("web0", "br0", 5);
    g_autoptr(GVariant) policies = ff_policies("br0", net0);
    g_assert_cmpuint(g_variant_n_children(policies), ==, 0);
    g_autoptr(GVariant) left = ff_leave("br0", net0, 2, NULL);
    ff_arrive("br1", 9, net1, left, NULL, 2);
    ff_assert_empty("br1");
    ff_del_port("web0");
}

static void
test_cookie_narrows(void)
{
    g_autoptr(PfNetwork) n = ff_network(
        "br0", NULL, "<p:flows cookie='0x10' mask='0xf0'/>");

    ff_add_port("web0", "br0", 5);
    ff_add_flows("br0", "cookie=0x11,in_port=web0,actions=NORMAL\n"
                 "cookie=0x21,table=1,in_port=web0,actions=NORMAL\n"
                 "cookie=0x12,table=1,dl_src=" MAC ",actions=NORMAL\n");
    g_autoptr(GVariant) policies = ff_leave("br0", n, 1, NULL);
    g_autofree char *rules = ff_lines(policies, "rules");
    g_assert_cmpstr(rules, ==,
                    "cookie=0x11, in_port=web0 actions=NORMAL\n"
                    "cookie=0x12, table=1, dl_src=" MAC " actions=NORMAL");
    /* What is not its own it leaves. */
    g_autofree char *listing = ff_listing("br0");
    g_assert_cmpstr(listing, ==, "cookie=0x21, table=1, in_port=5 "
                    "actions=NORMAL");
    ff_clear("br0");
}

static void
test_controller_and_carry_no(void)
{
    g_autoptr(PfNetwork) no = ff_network("br0", NULL,
                                         "<p:flows carry='no'/>");

    ff_add_port("web0", "br0", 5);
    ff_add_flows("br0", "in_port=web0,actions=NORMAL\n");
    g_autoptr(GVariant) none = ff_policies("br0", no);
    g_assert_cmpuint(g_variant_n_children(none), ==, 0);
    g_autoptr(GVariant) some = ff_policies("br0", net0);
    g_assert_cmpuint(g_variant_n_children(some), >, 0);

    ovs_do("ovs-vsctl --timeout=30 set-fail-mode br0 secure "
           "-- set-controller br0 unix:/nowhere");
    ef_catch_up();
    ff_clear("br0");
    ff_add_flows("br0", "in_port=web0,actions=NORMAL\n");
    ff_assert_left_to_controller(net0, some);

    ovs_do("ovs-vsctl --timeout=30 del-controller br0 "
           "-- del-fail-mode br0");
    ef_catch_up();
    ff_del_port("web0");
    ff_clear("br0");
}

/* ---- A port that moves -------------------------------------------------- */

/* Lets a port with rules (added to br0 by 'setup') move to br1, and demands
 * that it looks the same there, and that nothing is left here. */
static void
assert_moves_whole(void (*setup)(void), const PfNetwork *from,
                   const PfNetwork *to)
{
    ff_add_port("web0", "br0", 5);
    setup();
    g_autofree char *before = ff_listing("br0");
    g_autoptr(GVariant) chunks = NULL;
    g_autoptr(GVariant) policies = ff_leave("br0", from, 1, &chunks);
    ff_assert_empty("br0");
    ff_arrive("br1", 9, to, policies, chunks, 1);
    g_autofree char *after = ff_listing("br1");
    g_assert_cmpstr(before, ==, after);
    g_autoptr(GVariant) again = ff_policies("br1", to);
    g_assert_true(g_variant_equal(policies, again));
    g_variant_unref(ff_leave("br1", to, 2, NULL));
    ff_assert_empty("br1");
}

/* Only this MAC with this address, and only ARP of it; then a firewall. */
static void
add_antispoofing(void)
{
    ff_add_flows(
        "br0",
        "table=0,priority=100,in_port=web0,dl_src=" MAC
        ",actions=resubmit(,10)\n"
        "table=0,priority=50,in_port=web0,actions=drop\n"
        "table=0,priority=90,dl_dst=" MAC ",actions=resubmit(,20)\n"
        "cookie=0xa,table=10,priority=20,arp,in_port=web0,arp_spa=10.0.0.5,"
        "arp_sha=" MAC ",actions=resubmit(,11)\n"
        "cookie=0xa,table=10,priority=20,ip,in_port=web0,nw_src=10.0.0.5,"
        "actions=resubmit(,11)\n"
        "table=10,priority=20,ipv6,in_port=web0,"
        "ipv6_src=fe80::5054:ff:feaa:1,actions=resubmit(,11)\n"
        "table=10,priority=20,udp,in_port=web0,nw_src=0.0.0.0,tp_src=68,"
        "tp_dst=67,actions=resubmit(,11)\n"
        "table=10,priority=0,in_port=web0,actions=drop\n"
        "table=11,in_port=web0,ct_state=-trk,ip,actions=ct(table=12,"
        "zone=77)\n"
        "table=11,in_port=web0,priority=1,actions=load:0x1->NXM_NX_REG0[],"
        "note:01.02.03,NORMAL\n"
        "table=12,in_port=web0,ct_state=+new+trk,ip,actions=ct(commit,"
        "zone=77,exec(set_field:0x5->ct_mark)),NORMAL\n"
        "table=12,in_port=web0,ct_state=+est+trk,ip,actions=NORMAL\n"
        "table=20,dl_dst=" MAC ",tcp,tp_dst=22,actions=output:web0\n"
        "table=20,priority=1,dl_dst=" MAC ",actions=drop\n"
        "importance=3,table=21,in_port=web0,tcp,tcp_flags=+syn-ack,"
        "actions=goto_table:22\n"
        "send_flow_rem,table=22,in_port=web0,"
        "actions=clear_actions,write_metadata:0x5/0xff\n");
}

static void
test_antispoofing(void)
{
    assert_moves_whole(add_antispoofing, net0, net1);
}

static void
add_acl(void)
{
    g_autoptr(GString) lines = g_string_new(NULL);

    for (guint i = 0; i < 1000; i++) {
        g_string_append_printf(
            lines, "table=5,priority=%u,tcp,in_port=web0,nw_dst=10.%u.%u.0/24"
            ",tp_dst=%u,actions=%s\n", 2000 - i, i / 256, i % 256, 1000 + i,
            i % 3 ? "NORMAL" : "drop");
    }
    ff_add_flows("br0", lines->str);
}

static void
test_acl_of_a_thousand(void)
{
    assert_moves_whole(add_acl, net0, net1);
}

static void
add_tables(void)
{
    g_free(ff_ofctl("add-meter br0 meter=1,kbps,burst,stats,"
                    "band=type=drop,rate=1000,burst_size=100"));
    g_free(ff_ofctl("add-meter br0 meter=2,pktps,band=type=drop,rate=300"));
    g_free(ff_ofctl("add-group br0 'group_id=1,type=select,"
                    "selection_method=hash,"
                    "bucket=weight:10,actions=output:web0,"
                    "bucket=weight:20,"
                    "actions=set_field:5->reg1,output:web0'"));
    g_free(ff_ofctl("add-group br0 group_id=2,type=indirect,"
                    "bucket=actions=group:1"));
    g_free(ff_ofctl("add-group br0 group_id=3,type=ff,"
                    "bucket=watch_port:web0,actions=output:web0"));
    ff_add_flows("br0",
                 "in_port=web0,actions=meter:1,NORMAL\n"
                 "table=1,in_port=web0,actions=meter:2,NORMAL\n"
                 "dl_dst=" MAC ",actions=group:2\n"
                 "table=2,dl_dst=" MAC ",actions=group:3\n"
                 "table=3,reg5=0x9,actions=group:1\n");
}

static void
test_groups_and_meters_go_with_the_rules(void)
{
    assert_moves_whole(add_tables, net0, net1);
}

static void
add_others(void)
{
    ff_add_port("db0", "br0", 6);
    ff_add_flows("br0", "in_port=web0,actions=output:db0\n"
                 "in_port=db0,dl_dst=" MAC ",actions=output:web0\n"
                 "table=1,in_port=web0,dl_vlan=42,actions=LOCAL\n");
}

/* Other ports keep their name, and get the number that they have here. */
static void
test_other_ports_by_name(void)
{
    g_autoptr(PfNetwork) from = ff_network(
        "br0", NULL, "<p:flows other-ports='by-name'/>");
    g_autoptr(PfNetwork) to = ff_network(
        "br1", NULL, "<p:flows other-ports='by-name'/>");

    ff_add_port("web0", "br0", 5);
    add_others();
    g_autofree char *before = ff_listing("br0");
    g_autoptr(GVariant) policies = ff_leave("br0", from, 1, NULL);
    ff_assert_empty("br0");
    g_autofree char *others = ff_lines(policies, "others");
    g_assert_cmpstr(others, ==, "db0");

    PfExtensionPort port = ef_port("web0", "br1");
    g_autofree char *missing = ef_verify(EXT, &port, to, policies);
    g_assert_cmpstr(missing, ==, "applicability: rules refer to port db0, "
                    "and bridge br1 has no port of that name here");

    ff_del_port("db0");
    ff_add_port("db0", "br1", 17);
    ff_arrive("br1", 9, to, policies, NULL, 1);
    g_autofree char *after = ff_listing("br1");
    g_assert_cmpstr(before, ==, after);
    g_variant_unref(ff_leave("br1", to, 1, NULL));
    ff_assert_empty("br1");
    ff_del_port("db0");
}

/* OpenFlow has 15 characters of a port's name. */
static void
test_other_ports_with_long_names(void)
{
    static const char name[] = "patch-br0-to-provider";
    g_autoptr(PfNetwork) from = ff_network(
        "br0", NULL, "<p:flows other-ports='by-name'/>");
    g_autoptr(PfNetwork) to = ff_network(
        "br1", NULL, "<p:flows other-ports='by-name'/>");

    ff_add_port("web0", "br0", 5);
    ff_add_port(name, "br0", 16);
    ff_add_flows("br0", "in_port=web0,actions=output:16\n"
                 "in_port=16,dl_dst=" MAC ",actions=output:web0\n"
                 "table=1,in_port=16,actions=output:up0,output:web0\n");
    g_autoptr(GVariant) policies = ff_leave("br0", from, 1, NULL);
    ff_assert_rules("br0", "table=1, in_port=\"patch-br0-to-pr\" "
                    "actions=output:up0,output:5");

    PfExtensionPort port = ef_port("web0", "br1");
    g_autofree char *missing = ef_verify(EXT, &port, to, policies);
    g_assert_cmpstr(missing, ==, "applicability: rules refer to port "
                    "patch-br0-to-pr, and bridge br1 has no port of that "
                    "name here");

    ff_del_port(name);
    ff_add_port(name, "br1", 17);
    ff_arrive("br1", 9, to, policies, NULL, 1);
    ff_assert_rules("br1", "in_port=\"patch-br0-to-pr\",dl_dst=" MAC
                    " actions=output:web0\n"
                    "in_port=web0 actions=output:\"patch-br0-to-pr\"");
    g_variant_unref(ff_leave("br1", to, 1, NULL));
    ff_assert_empty("br1");

    /* Two of the same beginning are no name for either. */
    ff_add_port("patch-br0-to-private", "br1", 18);
    g_autofree char *both = ef_verify(EXT, &port, to, policies);
    g_assert_cmpstr(both, ==, missing);
    ff_del_port("patch-br0-to-private");
    ff_del_port(name);
    ff_clear("br0");
}

/* ---- Numbers that are taken --------------------------------------------- */

static void
test_taken_numbers_get_new_ones(void)
{
    ff_add_port("web0", "br0", 5);
    add_tables();
    /* On br1 all but one are something else's. */
    g_free(ff_ofctl("add-meter br1 meter=1,kbps,band=type=drop,rate=7"));
    g_free(ff_ofctl("add-group br1 group_id=1,type=all,"
                    "bucket=actions=output:up1"));
    g_free(ff_ofctl("add-group br1 group_id=2,type=all,"
                    "bucket=actions=drop"));
    g_autofree char *before = ff_listing("br1");
    g_autoptr(GVariant) policies = ff_leave("br0", net0, 1, NULL);
    ff_assert_empty("br0");

    ff_arrive("br1", 9, net1, policies, NULL, 2);
    ff_assert_rules(
        "br1",
        "dl_dst=" MAC " actions=group:5\n"
        "in_port=web0 actions=meter:3,NORMAL\n"
        "table=1, in_port=web0 actions=meter:2,NORMAL\n"
        "table=2, dl_dst=" MAC " actions=group:3\n"
        "table=3, reg5=0x9 actions=group:4");
    ovs_assert_prints(
        "group_id=5,type=indirect,bucket=bucket_id:0,actions=group:4",
        "ovs-ofctl -O OpenFlow15 dump-groups br1 5 | sed -n 's/^ *//;"
        "/group_id=5/p'");
    g_variant_unref(ff_leave("br1", net1, 2, NULL));
    g_autofree char *after = ff_listing("br1");
    g_assert_cmpstr(before, ==, after);
    ff_clear("br1");
}

/* Two guests with equal meters of the same number do not share one. */
static void
test_private_meters_stay_private(void)
{
    static const char meter[] = "meter=1,kbps,band=type=drop,rate=1000";

    ff_add_port("web0", "br0", 5);
    g_free(ff_ofctl("add-meter br0 %s", meter));
    ff_add_flows("br0", "in_port=web0,actions=meter:1,NORMAL\n");
    g_free(ff_ofctl("add-meter br1 %s", meter));
    ff_add_flows("br1", "in_port=up1,actions=meter:1,NORMAL\n");
    g_autoptr(GVariant) policies = ff_leave("br0", net0, 1, NULL);
    ff_arrive("br1", 9, net1, policies, NULL, 3);
    ff_assert_rules("br1", "in_port=up1 actions=meter:1,NORMAL\n"
                    "in_port=web0 actions=meter:2,NORMAL");
    g_variant_unref(ff_leave("br1", net1, 1, NULL));
    ovs_assert_prints("1", "ovs-ofctl -O OpenFlow15 dump-meters br1 | "
                      "grep -c meter=");
    ff_clear("br1");
}

/* A meter that only a bucket uses has no rules, and is in use all the same. */
static void
test_meters_of_groups_are_in_use(void)
{
    static const char meter[] = "meter=1,kbps,band=type=drop,rate=1000";
    static const char group[] = "group_id=1,type=all,"
        "bucket=actions=meter:1,NORMAL";

    ff_add_port("web0", "br0", 5);
    g_free(ff_ofctl("add-meter br0 %s", meter));
    g_free(ff_ofctl("add-group br0 %s", group));
    ff_add_flows("br0", "in_port=web0,actions=group:1\n");
    g_free(ff_ofctl("add-meter br1 %s", meter));
    g_free(ff_ofctl("add-group br1 %s", group));
    g_autofree char *before = ff_listing("br1");

    g_autoptr(GVariant) policies = ff_leave("br0", net0, 1, NULL);
    ff_assert_empty("br0");
    g_autofree char *shared = ff_lines(policies, "shared");
    g_assert_cmpstr(shared, ==, "");
    ff_arrive("br1", 9, net1, policies, NULL, 2);
    ff_assert_rules("br1", "in_port=web0 actions=group:2");
    ovs_assert_prints(
        "group_id=2,type=all,bucket=bucket_id:0,actions=meter:2,NORMAL",
        "ovs-ofctl -O OpenFlow15 dump-groups br1 2 | sed -n 's/^ *//;"
        "/group_id=2/p'");
    g_variant_unref(ff_leave("br1", net1, 2, NULL));
    g_autofree char *after = ff_listing("br1");
    g_assert_cmpstr(before, ==, after);
    ff_clear("br1");
}

/* A group that is too large to be read has its number all the same. */
static void
test_large_groups_have_their_number(void)
{
    g_autoptr(GString) large = g_string_new("group_id=1,type=all");
    g_autoptr(GVariant) policies = ef_policies(
        "{\"port\": \"web0\", \"rules\": ["
        "\"in_port=web0 actions=group:1\"], \"groups\": ["
        "\"group_id=1,type=all,bucket=actions=NORMAL\"]}");

    for (guint i = 0; i < 300; i++) {
        g_string_append(large, ",bucket=actions=drop");
    }
    g_free(ff_ofctl("add-group br1 %s", large->str));
    ff_arrive("br1", 9, net1, policies, NULL, 1);
    ff_assert_rules("br1", "in_port=web0 actions=group:2");
    g_variant_unref(ff_leave("br1", net1, 1, NULL));
    ff_clear("br1");
}

/* When the guest runs, the port's policies have this host's numbers. */
static void
test_numbers_are_forgotten_when_the_guest_runs(void)
{
    g_autoptr(GVariant) policies = ef_policies(
        "{\"port\": \"web0\", \"rules\": ["
        "\"in_port=web0 actions=group:1\"], \"groups\": ["
        "\"group_id=1,type=all,bucket=actions=NORMAL\"]}");
    PfExtensionPort port;

    ff_arrive("br1", 9, net1, policies, NULL, 1);
    g_assert_nonnull(pf_flow_ids_of("web0"));
    port = ef_port("web0", "br1");
    ef_said_free(ef_guest_runs(EXT, &port, net1, PF_GUEST_ARRIVED));
    g_assert_null(pf_flow_ids_of("web0"));
    g_variant_unref(ff_leave("br1", net1, 1, NULL));
    ff_assert_empty("br1");
}

/* An equal group that others use is used too, and stays. */
static void
test_equal_groups_are_shared(void)
{
    ff_add_port("web0", "br0", 5);
    g_free(ff_ofctl("add-group br0 group_id=1,type=all,"
                    "bucket=actions=NORMAL"));
    ff_add_flows("br0", "in_port=web0,actions=group:1\n");
    g_free(ff_ofctl("add-group br1 group_id=1,type=all,"
                    "bucket=actions=NORMAL"));
    ff_add_flows("br1", "in_port=up1,actions=group:1\n");
    g_autofree char *before = ff_listing("br1");
    g_autoptr(GVariant) policies = ff_leave("br0", net0, 1, NULL);
    ff_arrive("br1", 9, net1, policies, NULL, 1);
    ovs_assert_prints("group:1\ngroup:1",
                      "ovs-ofctl -O OpenFlow15 dump-flows br1 | "
                      "grep -o group:.*");
    g_variant_unref(ff_leave("br1", net1, 1, NULL));
    g_autofree char *after = ff_listing("br1");
    g_assert_cmpstr(before, ==, after);
    ff_clear("br1");
}

/* ---- Two ports at once -------------------------------------------------- */

/* Policies with a meter, a group and rules that use them; 'rate' tells one
 * meter from another. */
static GVariant *
with_tables(const char *mac, guint rate)
{
    g_autofree char *json = g_strdup_printf(
        "{\"port\": \"web\", \"rules\": ["
        "\"in_port=web actions=meter:1,group:1\","
        "\"dl_dst=%s actions=meter:2,NORMAL\"],"
        "\"groups\": [\"group_id=1,type=all,bucket=actions=NORMAL\"],"
        "\"meters\": [\"meter=1,kbps,bands=type=drop,rate=%u\","
        "\"meter=2,pktps,bands=type=drop,rate=7\"]}", mac, rate);

    return ef_policies(json);
}

/* Each has all that is its own, whatever numbers both ask for. */
static void
test_two_ports_arrive_at_once(void)
{
    g_autoptr(GVariant) p0 = with_tables(MAC, 100);

    for (guint i = 0; i < 2; i++) {
        g_autoptr(GVariant) p1 = with_tables(FF_MAC1, i ? 200 : 100);

        ff_add_port("web0", "br1", 9);
        ff_add_port("web1", "br1", 10);
        ff_call_both("br1", net1, PF_CALL_PROPERTY_ADD, p0,
                     PF_CALL_PROPERTY_ADD, p1);
        ff_assert_rules("br1",
                        "dl_dst=" MAC " actions=meter:2,NORMAL\n"
                        "dl_dst=" FF_MAC1 " actions=meter:4,NORMAL\n"
                        "in_port=web0 actions=meter:1,group:1\n"
                        "in_port=web1 actions=meter:3,group:1");
        ff_call_both("br1", net1, PF_CALL_PROPERTY_REMOVE, p0,
                     PF_CALL_PROPERTY_REMOVE, p1);
        ff_assert_empty("br1");
        ff_del_port("web0");
        ff_del_port("web1");
    }
}

/* What the one leaves unused is not swept away under the other. */
static void
test_one_leaves_while_another_arrives(void)
{
    g_autoptr(GVariant) p0 = with_tables(MAC, 100);
    g_autoptr(GVariant) p1 = with_tables(FF_MAC1, 100);

    for (guint i = 0; i < 10; i++) {
        ff_add_port("web0", "br1", 9);
        ff_add_port("web1", "br1", 10);
        PfExtensionPort port = ef_port("web0", "br1"), port1;
        ef_said_free(ef_call_ok(EXT, PF_CALL_PROPERTY_ADD, &port, net1, p0));
        ff_call_both("br1", net1, PF_CALL_PROPERTY_REMOVE, p0,
                     PF_CALL_PROPERTY_ADD, p1);
        ovs_assert_prints("2 1", "f='ovs-ofctl -O OpenFlow15'; "
                          "echo $($f dump-flows br1 | grep -c meter:) "
                          "$($f dump-flows br1 | grep -c group:)");
        ovs_assert_prints("2 1", "f='ovs-ofctl -O OpenFlow15'; "
                          "echo $($f dump-meters br1 | grep -c meter=) "
                          "$($f dump-groups br1 | grep -c group_id)");
        port1 = ff_port1("br1");
        ef_said_free(ef_call_ok(EXT, PF_CALL_PROPERTY_REMOVE, &port1, net1,
                                p1));
        ff_assert_empty("br1");
        ff_del_port("web0");
        ff_del_port("web1");
    }
}

static const PfHost *real_host;
static guint n_meters;          /* Commands that were seen. */

/* An operator who is faster, once. */
static void
operator_first(const char *bridge, const GPtrArray *commands,
               guint timeout_ms, PfDoneFunc *done, gpointer user)
{
    if (n_meters++ == 1) {
        g_free(ff_ofctl("add-meter br1 meter=2,kbps,band=type=drop,rate=9"));
        g_free(ff_ofctl("add-group br1 group_id=1,type=all,"
                        "bucket=actions=output:up1"));
    }
    real_host->openflow_meters(bridge, commands, timeout_ms, done, user);
}

/* Numbers are chosen anew, and the operator's meter and group stay. */
static void
test_operator_is_faster(void)
{
    g_autoptr(GVariant) p0 = with_tables(MAC, 100);
    PfHost host = *pf_flows_host;
    PfExtensionPort port;

    ff_add_port("web0", "br1", 9);
    port = ef_port("web0", "br1");
    real_host = pf_flows_host;
    host.openflow_meters = operator_first;
    pf_flows_host = &host;
    ef_said_free(ef_call_ok(EXT, PF_CALL_PROPERTY_ADD, &port, net1, p0));
    pf_flows_host = real_host;
    g_autofree char *listing = ff_listing("br1");
    g_assert_cmpstr(
        g_strstrip(listing), ==,
        "dl_dst=" MAC " actions=meter:3,NORMAL\n"
        "group_id=1,type=all,bucket=bucket_id:0,actions=output:up1\n"
        "group_id=2,type=all,bucket=bucket_id:0,actions=NORMAL\n"
        "in_port=web0 actions=meter:1,group:2\n"
        "meter=1 kbps bands= type=drop rate=100\n"
        "meter=2 kbps bands= type=drop rate=9\n"
        "meter=3 pktps bands= type=drop rate=7");
    ef_said_free(ef_call_ok(EXT, PF_CALL_PROPERTY_REMOVE, &port, net1, p0));
    g_autofree char *left = ff_listing("br1");
    g_assert_cmpstr(g_strstrip(left), ==,
                    "group_id=1,type=all,bucket=bucket_id:0,"
                    "actions=output:up1\n"
                    "meter=2 kbps bands= type=drop rate=9");
    ff_del_port("web0");
    ff_clear("br1");
}

/* ---- Round trips -------------------------------------------------------- */

static void
test_a_hundred_round_trips(void)
{
    ff_add_port("web0", "br0", 5);
    add_antispoofing();
    add_tables();
    g_autofree char *first = ff_listing("br0");
    for (guint i = 0; i < 100; i++) {
        g_autoptr(GVariant) chunks = NULL;
        const char *from = i % 2 ? "br1" : "br0", *to = i % 2 ? "br0" : "br1";
        g_autoptr(GVariant) policies = ff_leave(
            from, i % 2 ? net1 : net0, 1 + i % 3 / 2, &chunks);

        ff_assert_empty(from);
        ff_arrive(to, 5 + i % 7, i % 2 ? net0 : net1, policies, chunks,
                  1 + i % 3 / 2);
        g_autofree char *listing = ff_listing(to);
        g_assert_cmpstr(first, ==, listing);
        ovs_assert_holds_no_more(i);
    }
    g_variant_unref(ff_leave("br0", net0, 1, NULL));
    ff_assert_empty("br0");
    ff_assert_empty("br1");
}

static void
add_all(void)
{
    net0 = ff_network("br0", NULL, NULL);
    net1 = ff_network("br1", NULL, NULL);
#define ADD(NAME) g_test_add_func("/flows/" #NAME, test_##NAME)
    ADD(rules_of_every_kind_are_collected);
    ADD(rules_of_ports_that_are_no_more);
    ADD(odd_rules_of_others);
    ADD(tags_are_stripped_as_before);
    ADD(port_without_rules);
    ADD(cookie_narrows);
    ADD(controller_and_carry_no);
    ADD(antispoofing);
    ADD(acl_of_a_thousand);
    ADD(groups_and_meters_go_with_the_rules);
    ADD(other_ports_by_name);
    ADD(other_ports_with_long_names);
    ADD(taken_numbers_get_new_ones);
    ADD(private_meters_stay_private);
    ADD(meters_of_groups_are_in_use);
    ADD(large_groups_have_their_number);
    ADD(numbers_are_forgotten_when_the_guest_runs);
    ADD(equal_groups_are_shared);
    ADD(two_ports_arrive_at_once);
    ADD(one_leaves_while_another_arrives);
    ADD(operator_is_faster);
    ADD(a_hundred_round_trips);
}

int
main(int argc, char *argv[])
{
    return ff_main(argc, argv, add_all);
}
