/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of plugin/openflow.h against a real ovs-vswitchd: what is asked, and
 * what is changed.  What ovs-ofctl prints and does is the measure.
 */
#include <config.h>

#include <string.h>

#include "openflow-fixture.h"
#include "openvswitch/vlog.h"

/* ---- Dumps ------------------------------------------------------------ */

/* 'text' as commands, each line after 'word'. */
static char *
commands_from(const char *word, const char *text)
{
    g_autoptr(GString) all = g_string_new(NULL);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    for (char **line = lines; *line; line++) {
        g_string_append_printf(all, "%s %s\n", word, *line);
    }
    return g_strdup(all->str);
}

static guint
count_lines(const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    return g_strv_length(lines);
}

/* The bridge as ovs-ofctl sees it. */
static char *
rules_by_ofctl(void)
{
    return ovs_run(OFCTL "--names --no-stats dump-flows br0 | "
                   "sed 's/^ *//' | LC_ALL=C sort");
}

/* Rules with what is hard to print and to parse again.  Ports are "a" and
 * "b-1", which needs quotes; group 7 and meter 3 exist. */
static const char *const rich_rules[] = {
    "table=0,priority=0,actions=drop",
    "cookie=0xfedcba9876543210,table=3,priority=65535,idle_timeout=10,"
    "hard_timeout=65535,importance=77,send_flow_rem,check_overlap,"
    "reset_counts,no_packet_counts,no_byte_counts,in_port=a,"
    "actions=output:\"b-1\"",
    "priority=1,in_port=a,dl_src=02:00:00:00:00:01,"
    "dl_dst=01:00:00:00:00:00/01:00:00:00:00:00,actions=NORMAL",
    "priority=2,in_port=a,dl_vlan=5,dl_vlan_pcp=3,"
    "actions=strip_vlan,output:\"b-1\"",
    "priority=3,in_port=a,vlan_tci=0x1005/0x1fff,"
    "actions=set_field:4102->vlan_vid,resubmit(,4)",
    "priority=4,in_port=a,vlan_tci=0x0000,"
    "actions=push_vlan:0x8100,set_field:4106->vlan_vid,IN_PORT",
    "priority=5,arp,in_port=a,arp_op=1,arp_spa=10.0.0.1,arp_tpa=10.0.0.0/8,"
    "arp_sha=02:00:00:00:00:01,arp_tha=00:00:00:00:00:00,actions=FLOOD,LOCAL",
    "priority=6,tcp,nw_src=10.0.0.0/255.0.255.0,nw_dst=10.1.2.3,tp_src=80,"
    "tp_dst=0x400/0xfc00,tcp_flags=+syn-ack,nw_tos=16,nw_ecn=1,nw_ttl=64,"
    "nw_frag=not_later,actions=dec_ttl,mod_nw_src:1.2.3.4,mod_tp_src:81,ALL",
    "priority=7,icmp6,icmp_type=135,icmp_code=0,nd_target=fe80::1,"
    "nd_sll=02:00:00:00:00:01,actions=set_field:fe80::2->nd_target,"
    "resubmit(\"b-1\",5)",
    "priority=8,icmp6,icmp_type=136,nd_tll=02:00:00:00:00:01,"
    "ipv6_src=fe80::/10,ipv6_label=0x12345,actions=output:a,output:\"b-1\"",
    "priority=9,udp6,tp_dst=53,"
    "actions=controller(reason=action,max_len=64,id=3,userdata=01.02)",
    "priority=10,ip,actions=load:0x1->NXM_NX_REG0[],"
    "move:NXM_OF_IN_PORT[]->NXM_NX_REG1[0..15],"
    "set_field:0x5/0xf->metadata,goto_table:6",
    "table=1,priority=11,reg0=0x1/0xff,xreg1=0x3,metadata=0x5/0xf,"
    "tun_id=0x9/0xff,actions=meter:3,group:7",
    "table=1,priority=12,actions=learn(table=2,idle_timeout=30,"
    "fin_idle_timeout=2,priority=9,cookie=0x12,send_flow_rem,"
    "delete_learned,limit=10,result_dst=NXM_NX_REG2[0],"
    "NXM_OF_VLAN_TCI[0..11],NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[],"
    "eth_type=0x800,load:0->NXM_OF_VLAN_TCI[],output:NXM_OF_IN_PORT[])",
    "table=1,priority=13,conj_id=5,ip,actions=NORMAL",
    "table=1,priority=14,ip,nw_src=10.0.0.9,actions=conjunction(5,1/2)",
    "table=1,priority=14,tcp,tp_dst=443,actions=conjunction(5,2/2)",
    "table=1,priority=15,in_port=\"b-1\",actions=enqueue:a:9",
    "table=1,priority=16,in_port=\"b-1\",actions=set_queue:4,output:a,"
    "pop_queue",
    "table=1,priority=17,in_port=LOCAL,actions=output(port=a,max_len=100),"
    "output:NXM_NX_REG1[0..15]",
    "table=1,priority=18,ip,ct_state=-trk,"
    "actions=ct(table=2,zone=NXM_NX_REG0[0..15])",
    "table=1,priority=19,ip,ct_state=+new+trk,ct_zone=5,ct_mark=1/0x1,"
    "ct_label=0x2,actions=ct(commit,force,zone=5,nat(src=10.0.0.1-10.0.0.9:"
    "1000-2000,random),exec(set_field:0x1->ct_mark,move:NXM_NX_REG0[]->"
    "NXM_NX_CT_LABEL[0..31])),ct_clear",
    "table=1,priority=20,actions=clone(push_vlan:0x88a8,output:a),"
    "sample(probability=100,collector_set_id=1,obs_domain_id=2,"
    "obs_point_id=3,sampling_port=a,egress)",
    "table=1,priority=21,actions=bundle(eth_src,7,hrw,ofport,"
    "members:\"b-1\",a),bundle_load(symmetric_l4,3,active_backup,ofport,"
    "NXM_NX_REG3[],members:a)",
    "table=1,priority=22,tcp,actions=multipath(symmetric_l4,5,iter_hash,4,0,"
    "NXM_NX_REG0[0..3]),fin_timeout(idle_timeout=5,hard_timeout=6),"
    "note:de.ad.be.ef.00.01",
    "table=1,priority=23,tcp,actions=fin_timeout(idle_timeout=5)",
    "table=1,priority=24,actions=push:NXM_NX_REG0[],pop:NXM_NX_REG1[]",
    "table=1,priority=25,actions=write_actions(set_field:02:00:00:00:00:09->"
    "eth_dst,group:7),write_metadata:0x5/0xff,goto_table:3",
    "table=1,priority=26,actions=clear_actions,goto_table:9",
    "table=1,priority=27,mpls,mpls_label=9,mpls_tc=1,mpls_bos=1,"
    "actions=pop_mpls:0x0800,dec_ttl",
    "table=1,priority=28,ip,actions=push_mpls:0x8847,set_mpls_label:10,"
    "output:a",
    "table=1,priority=29,ip,ct_state=+trk,"
    "actions=check_pkt_larger(1500)->NXM_NX_REG0[0],resubmit(,10)",
    "table=1,priority=30,dl_type=0x88b5,pkt_mark=0x7/0xf,"
    "actions=set_field:\"b-1\"->in_port,resubmit(a,11),output:in_port",
    "table=1,priority=31,ip,nw_proto=89,actions=set_tunnel:0x7,"
    "set_tunnel64:0x100000001,mod_nw_tos:16,mod_nw_ecn:2",
    "table=1,priority=32,icmp,icmp_type=8,actions=dec_ttl(1,2),"
    "set_field:128->nw_ttl,set_field:0x2e->ip_dscp,mod_dl_src:2:0:0:0:0:1",
    "table=253,priority=33,actions=exit",
};

/* Adds group 7, meter 3 and the rules of 'rich_rules'. */
static void
add_rich_rules(void)
{
    ovs_do(OFCTL "add-group br0 'group_id=7,type=all,bucket=output:a'; "
           OFCTL "add-meter br0 'meter=3,pktps,bands=type=drop,rate=9'");
    for (size_t i = 0; i < G_N_ELEMENTS(rich_rules); i++) {
        g_autofree char *added = ovs_run(
            OFCTL "--names add-flow br0 '%s' 2>&1 && echo +",
            rich_rules[i]);

        g_assert_cmpstr(added, ==, "+");
    }
}

static void
test_rules_are_printed_as_ovs_ofctl_does(void)
{
    add_rich_rules();

    g_autofree char *expected = rules_by_ofctl();

    assert_dump(PF_OPENFLOW_RULES, NULL, expected);
    empty_bridge();
}

static void
test_rules_come_back_equal(void)
{
    add_rich_rules();

    g_autofree char *before = rules_by_ofctl();
    g_autofree char *text = dump(PF_OPENFLOW_RULES, NULL);
    g_autofree char *commands = commands_from("flow add", text);

    ovs_do(OFCTL "del-flows br0");
    bundle_ok(commands);

    g_autofree char *after = rules_by_ofctl();

    g_assert_cmpstr(after, ==, before);
    g_assert_cmpuint(G_N_ELEMENTS(rich_rules), ==,
                     count_lines(after));
    empty_bridge();
}

static void
test_filters_are_those_of_ovs_ofctl(void)
{
    ovs_do(OFCTL "add-flow br0 table=1,in_port=1,actions=2; "
           OFCTL "add-flow br0 table=2,cookie=5,actions=1; "
           OFCTL "add-flow br0 table=2,in_port=2,actions=drop");
    assert_dump(PF_OPENFLOW_RULES, "table=1",
                "table=1, in_port=a actions=output:\"b-1\"");
    assert_dump(PF_OPENFLOW_RULES, "in_port=\"b-1\"",
                "table=2, in_port=\"b-1\" actions=drop");
    assert_dump(PF_OPENFLOW_RULES, "out_port=a",
                "cookie=0x5, table=2, actions=output:a");
    assert_dump(PF_OPENFLOW_RULES, "cookie=5/-1",
                "cookie=0x5, table=2, actions=output:a");
    assert_dump(PF_OPENFLOW_RULES, "table=9", "");

    g_autoptr(GError) error = dump_error(PF_OPENFLOW_RULES, "in_prt=a");

    assert_message(error, PF_OPENFLOW_ERROR_SYNTAX, "bridge 'br0': filter "
                   "'in_prt=a': unknown keyword in_prt");
    empty_bridge();
}

static void
test_ages_come_with_rules(void)
{
    g_autofree char *text = NULL;

    ovs_do(OFCTL "add-flow br0 table=1,idle_timeout=60,actions=drop");
    text = dump(PF_OPENFLOW_RULES_AGES, NULL);
    if (!g_regex_match_simple("^cookie=0x0, duration=[0-9.]+s, table=1, "
                              "n_packets=0, n_bytes=0, idle_timeout=60, "
                              "idle_age=[0-9]+, actions=drop$", text, 0, 0)) {
        g_error("unexpected: %s", text);
    }

    g_autofree char *command = commands_from("flow add", text);

    bundle_ok(command);
    assert_dump(PF_OPENFLOW_RULES, NULL,
                "table=1, idle_timeout=60, actions=drop");

    /* The oldest version has the other age, too. */
    ovs_do("ovs-vsctl set Bridge br0 protocols=OpenFlow10; "
           "ovs-ofctl add-flow br0 table=1,idle_timeout=60,actions=drop; "
           "sleep 1.1; ovs-ofctl mod-flows br0 table=1,actions=1");
    g_free(text);
    text = dump(PF_OPENFLOW_RULES_AGES, NULL);
    g_assert_nonnull(strstr(text, "hard_age="));
    empty_bridge();
}

static void
test_groups_come_back_equal(void)
{
    static const char script[] =
        OFCTL "--names dump-groups br0 | "
        "sed -n 's/^ *\\(group_id\\)/\\1/p' | LC_ALL=C sort";

    ovs_do(OFCTL "add-group br0 'group_id=1,type=select,"
           "selection_method=hash,fields(ip_dst,tcp_dst),"
           "bucket=bucket_id:5,weight:10,actions=output:1,"
           "bucket=bucket_id:6,weight:0,actions=set_field:1->reg0,output:2'; "
           OFCTL "add-group br0 'group_id=2,type=ff,"
           "bucket=watch_port:1,actions=output:2,"
           "bucket=watch_group:1,actions=group:1'; "
           OFCTL "add-group br0 'group_id=3,type=indirect,"
           "bucket=actions=push_vlan:0x8100,set_field:4097->vlan_vid,"
           "output:2'; "
           OFCTL "add-group br0 group_id=4,type=all");

    g_autofree char *before = ovs_run("%s", script);
    g_autofree char *text = dump(PF_OPENFLOW_GROUPS, NULL);
    g_autofree char *commands = commands_from("group add", text);

    g_assert_cmpstr(text, ==, before);
    bundle_ok("group delete group_id=2\ngroup delete group_id=1\n"
              "group delete group_id=3\ngroup delete group_id=4");
    assert_dump(PF_OPENFLOW_GROUPS, NULL, "");
    bundle_ok(commands);

    g_autofree char *after = ovs_run("%s", script);

    g_assert_cmpstr(after, ==, before);
    empty_bridge();
}

static void
test_meters_come_back_equal(void)
{
    meters_ok("add meter=1,pktps,burst,stats,"
              "bands=type=drop,rate=100,burst_size=20\n"
              "add meter=2,kbps,bands=type=drop rate=7\n"
              "add meter=3 kbps bands=type=drop rate=8\n"
              "modify meter=2,kbps,bands=type=drop,rate=9,type=drop,rate=12\n"
              "delete meter=3");

    g_autofree char *text = dump(PF_OPENFLOW_METERS, NULL);
    g_autofree char *commands = commands_from("add", text);

    g_assert_cmpstr(text, ==,
                    "meter=1 pktps burst stats "
                    "bands=type=drop rate=100 burst_size=20\n"
                    "meter=2 kbps bands=type=drop rate=9 type=drop rate=12");
    ovs_do(OFCTL "del-meters br0");
    meters_ok(commands);
    assert_dump(PF_OPENFLOW_METERS, NULL, text);

    ovs_do(OFCTL "add-flow br0 actions=meter:1,NORMAL");
    g_free(text);
    text = dump(PF_OPENFLOW_METER_STATS, NULL);
    if (!g_regex_match_simple("^meter:1 flow_count:1 packet_in_count:0 "
                              "byte_in_count:0 duration:[0-9.]+s bands: 0: "
                              "packet_count:0 byte_count:0\nmeter:2 "
                              "flow_count:0 ", text, 0, 0)) {
        g_error("unexpected: %s", text);
    }
    empty_bridge();
}

static void
test_meters_end_at_the_first_error(void)
{
    g_autoptr(GError) refused = change(
        pf_openflow_meters, "add meter=1,kbps,bands=type=drop,rate=1\n"
        "add meter=1,kbps,bands=type=drop,rate=2\n"
        "add meter=2,kbps,bands=type=drop,rate=3");

    assert_message(refused, PF_OPENFLOW_ERROR_REFUSED, "bridge 'br0': "
                   "'add meter=1,kbps,bands=type=drop,rate=2': "
                   "OFPMMFC_METER_EXISTS");
    assert_dump(PF_OPENFLOW_METERS, NULL,
                "meter=1 kbps bands=type=drop rate=1");

    g_autoptr(GError) wrong = change(
        pf_openflow_meters, "delete meter=1\nremove meter=2");

    assert_message(wrong, PF_OPENFLOW_ERROR_SYNTAX, "bridge 'br0': 'remove "
                   "meter=2': a command begins with 'add', 'modify' or "
                   "'delete'");
    assert_dump(PF_OPENFLOW_METERS, NULL,
                "meter=1 kbps bands=type=drop rate=1");
    empty_bridge();
}

static void
test_port_counters(void)
{
    g_autofree char *expected = ovs_run(
        OFCTL "dump-ports br0 a | tr -s ' \\n' ' ' | sed 's/.*: rx pkts="
        "\\([0-9]*\\), bytes=\\([0-9]*\\), drop=\\([0-9]*\\), errs="
        "\\([0-9]*\\),.* tx pkts=\\([0-9]*\\), bytes=\\([0-9]*\\), drop="
        "\\([0-9]*\\), errs=\\([0-9]*\\),.*/rx_packets=\\1 rx_bytes=\\2 "
        "rx_drop=\\3 rx_errs=\\4 tx_packets=\\5 tx_bytes=\\6 tx_drop=\\7 "
        "tx_errs=\\8/'");

    assert_dump(PF_OPENFLOW_PORT_STATS, "a", expected);
    assert_dump(PF_OPENFLOW_PORT_STATS, "1", expected);
    g_assert_nonnull(strstr(expected, "tx_packets="));

    g_autoptr(GError) name = dump_error(PF_OPENFLOW_PORT_STATS, "nix");
    g_autoptr(GError) number = dump_error(PF_OPENFLOW_PORT_STATS, "99");

    assert_message(name, PF_OPENFLOW_ERROR_SYNTAX, "bridge 'br0': filter "
                   "'nix': the bridge has no such port");
    assert_message(number, PF_OPENFLOW_ERROR_SYNTAX, "bridge 'br0': filter "
                   "'99': the bridge has no such port");
}

static void
test_ports_are_known_by_their_present_names(void)
{
    ovs_do(OFCTL "add-flow br0 in_port=50,actions=drop");
    assert_dump(PF_OPENFLOW_RULES, NULL, "in_port=50 actions=drop");

    ovs_do("ovs-vsctl --timeout=30 add-port br0 later -- set Interface later "
           "type=internal ofport_request=50");
    assert_dump(PF_OPENFLOW_RULES, NULL, "in_port=later actions=drop");
    assert_dump(PF_OPENFLOW_RULES, "in_port=later",
                "in_port=later actions=drop");

    ovs_do("ovs-vsctl --timeout=30 del-port later");
    assert_dump(PF_OPENFLOW_RULES, NULL, "in_port=50 actions=drop");
    empty_bridge();
}

static void
test_misleading_port_names_are_numbers(void)
{
    static const char *const names[] = { "normal", "7", "x,y", "p:1", "q)" };

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        ovs_do("ovs-vsctl --timeout=30 add-port br0 '%s' -- set Interface "
               "'%s' type=internal ofport_request=60 -- --id=@p get Port '%s'",
               names[i], names[i], names[i]);
        bundle_ok("flow add in_port=60,actions=output:60");
        assert_dump(PF_OPENFLOW_RULES, NULL, "in_port=60 actions=output:60");
        bundle_ok("flow add in_port=60 actions=output:60");
        assert_dump(PF_OPENFLOW_RULES, NULL, "in_port=60 actions=output:60");
        ovs_do("ovs-vsctl --timeout=30 del-port '%s'", names[i]);
        empty_bridge();
    }
}

static void
test_every_openflow_version(void)
{
    for (int v = 10; v <= 15; v++) {
        ovs_do("ovs-vsctl set Bridge br0 protocols=OpenFlow%d; "
               "ovs-ofctl -O OpenFlow%d add-flow br0 "
               "table=1,priority=9,cookie=8,in_port=1,actions=2", v, v);
        assert_dump(PF_OPENFLOW_RULES, "in_port=a",
                    "cookie=0x8, table=1, priority=9,in_port=a "
                    "actions=output:\"b-1\"");
        assert_dump(PF_OPENFLOW_GROUPS, NULL, "");
        if (v >= 13) {
            assert_dump(PF_OPENFLOW_METERS, NULL, "");
            bundle_ok("flow delete table=1\nflow add actions=NORMAL");
            assert_dump(PF_OPENFLOW_RULES, NULL, "actions=NORMAL");
        } else {
            g_autoptr(GError) bundle = change(pf_openflow_bundle,
                                              "flow add actions=NORMAL");
            g_autoptr(GError) meters = dump_error(PF_OPENFLOW_METERS, NULL);
            g_autofree char *text = g_strdup_printf(
                "the bridge speaks OpenFlow1%d, this needs one of "
                "OXM-OpenFlow13,OXM-OpenFlow14,OXM-OpenFlow15: see "
                "Bridge.protocols", v - 10);

            g_assert_error(bundle, PF_OPENFLOW_ERROR,
                           PF_OPENFLOW_ERROR_REFUSED);
            g_assert_nonnull(strstr(bundle->message, text));
            g_assert_error(meters, PF_OPENFLOW_ERROR,
                           PF_OPENFLOW_ERROR_REFUSED);
            g_assert_nonnull(strstr(meters->message, text));
        }
        empty_bridge();
    }
}

/* ---- Bundles ---------------------------------------------------------- */

static void
test_refused_bundle_changes_nothing(void)
{
    g_autofree char *before = NULL;
    g_autofree char *after = NULL;

    bundle_ok("group add group_id=1,type=all,bucket=output:a\n"
              "flow add table=1,priority=5,in_port=a,actions=group:1\n"
              "flow add table=2,actions=drop");
    before = rules_by_ofctl();

    /* Found when the message is added... */
    g_autoptr(GError) added = change(
        pf_openflow_bundle, "flow delete table=2\n"
        "flow add table=3,actions=group:99\nflow add table=4,actions=drop");

    assert_message(added, PF_OPENFLOW_ERROR_REFUSED, "bridge 'br0': 'flow "
                   "add table=3,actions=group:99': OFPBAC_BAD_OUT_GROUP");

    /* ...and when it is committed. */
    g_autoptr(GError) committed = change(
        pf_openflow_bundle, "flow delete\ngroup delete group_id=1\n"
        "flow add table=1,priority=5,check_overlap,actions=drop\n"
        "flow add table=1,priority=5,dl_vlan=1,check_overlap,actions=drop");

    assert_message(committed, PF_OPENFLOW_ERROR_REFUSED, "bridge 'br0': "
                   "'flow add table=1,priority=5,dl_vlan=1,check_overlap,"
                   "actions=drop': OFPFMFC_OVERLAP");

    /* ...and before anything is sent. */
    g_autoptr(GError) wrong = change(
        pf_openflow_bundle, "flow delete\nflow put actions=drop");

    assert_message(wrong, PF_OPENFLOW_ERROR_SYNTAX, "bridge 'br0': 'flow put "
                   "actions=drop': field put missing value");

    g_autoptr(GError) word = change(pf_openflow_bundle, "flows add x");

    assert_message(word, PF_OPENFLOW_ERROR_SYNTAX, "bridge 'br0': 'flows add "
                   "x': a command begins with 'flow' or 'group'");

    after = rules_by_ofctl();
    g_assert_cmpstr(after, ==, before);
    assert_dump(PF_OPENFLOW_GROUPS, NULL,
                "group_id=1,type=all,bucket=bucket_id:0,actions=output:a");
    empty_bridge();
}

static void
test_bundle_is_carried_out_in_order(void)
{
    bundle_ok("flow add table=1,cookie=1,in_port=\"b-1\",actions=drop\n"
              "flow add table=1,cookie=1,in_port=a,actions=drop\n"
              "flow modify table=1,in_port=a,actions=output:\"b-1\"\n"
              "flow delete_strict table=1,in_port=\"b-1\"\n"
              "group add group_id=1,type=all\n"
              "flow add table=2,cookie=2,actions=group:1\n"
              "flow add table=3,cookie=1,actions=drop\n"
              "flow delete cookie=1/-1,table=3");
    assert_dump(PF_OPENFLOW_RULES, NULL,
                "cookie=0x1, table=1, in_port=a actions=output:\"b-1\"\n"
                "cookie=0x2, table=2, actions=group:1");
    bundle_ok("");
    empty_bridge();
}

static void
test_long_command_is_shown_short(void)
{
    g_autofree char *note = g_strnfill(400, 'x');
    g_autofree char *command = g_strdup_printf("flow add actions=%s", note);
    g_autoptr(GError) error = change(pf_openflow_bundle, command);

    g_assert_error(error, PF_OPENFLOW_ERROR, PF_OPENFLOW_ERROR_SYNTAX);
    g_assert_nonnull(strstr(error->message, "xxx...': "));
    empty_bridge();
}

/* A port's share of rules that has to work. */
#define N_MANY 10000

/* Says how long what was done since 'start' took. */
static void
say_time(const char *what, gint64 start)
{
    g_test_message("%s: %.0f ms, longest turn of the loop %.1f ms", what,
                   (g_get_monotonic_time() - start) / 1000.0,
                   longest_turn / 1000.0);
    longest_turn = 0;
}

static void
test_many_rules(void)
{
    g_autoptr(GPtrArray) add = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) del = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GHashTable) missing = g_hash_table_new(g_str_hash, g_str_equal);
    g_auto(Outcome) o = OUTCOME_INIT;
    g_autoptr(GError) add_error = NULL;
    g_autoptr(GError) del_error = NULL;
    gint64 start;

    for (int i = 0; i < N_MANY; i++) {
        g_autofree char *match = g_strdup_printf(
            "table=5, priority=7,tcp,in_port=a,dl_src=02:00:00:00:00:01,"
            "nw_dst=10.%d.%d.%d,tp_dst=443", i >> 16, i >> 8 & 255, i & 255);

        g_ptr_array_add(add, g_strdup_printf(
                            "flow add %s actions=set_field:02:00:00:00:00:02"
                            "->eth_dst,resubmit(,6)", match));
        g_ptr_array_add(del, g_strdup_printf("flow delete_strict %s", match));
        g_hash_table_add(missing, ((char *) g_ptr_array_index(add, i)
                                   + strlen("flow add ")));
    }

    longest_turn = 0;
    start = g_get_monotonic_time();
    add_error = change_array(pf_openflow_bundle, add);
    g_assert_no_error(add_error);
    say_time("10,000 rules added", start);

    start = g_get_monotonic_time();
    pf_openflow_dump(of, "br0", PF_OPENFLOW_RULES, NULL, OVS_PATIENCE_MS,
                     on_lines, &o);
    loop_until(is_over, &o, "the answer to a dump");
    say_time("10,000 rules dumped", start);
    g_assert_no_error(o.error);
    g_assert_cmpuint(o.lines->len, ==, N_MANY);
    g_assert_cmpuint(o.n_parts, >, 100);
    for (guint i = 0; i < o.lines->len; i++) {
        const char *line = g_ptr_array_index(o.lines, i);

        if (!g_hash_table_remove(missing, line)) {
            g_error("not one of those that were added: %s", line);
        }
    }
    g_assert_cmpuint(g_hash_table_size(missing), ==, 0);

    start = g_get_monotonic_time();
    del_error = change_array(pf_openflow_bundle, del);
    g_assert_no_error(del_error);
    say_time("10,000 rules deleted", start);
    assert_dump(PF_OPENFLOW_RULES, NULL, "");
}

static void
test_requests_do_not_wait_for_each_other(void)
{
    g_auto(Outcome) rules = OUTCOME_INIT;
    g_auto(Outcome) groups = OUTCOME_INIT;
    g_auto(Outcome) none = OUTCOME_INIT;

    ovs_do(OFCTL "add-flow br0 actions=drop; "
           OFCTL "add-group br0 group_id=1,type=all");
    pf_openflow_dump(of, "nobridge", PF_OPENFLOW_RULES, NULL, 300, on_lines,
                     &none);
    pf_openflow_dump(of, "br0", PF_OPENFLOW_RULES, NULL, OVS_PATIENCE_MS,
                     on_lines, &rules);
    pf_openflow_dump(of, "br0", PF_OPENFLOW_GROUPS, NULL, OVS_PATIENCE_MS,
                     on_lines, &groups);
    loop_until(is_over, &rules, "the rules");
    loop_until(is_over, &groups, "the groups");
    g_assert_false(none.over);
    g_assert_cmpuint(rules.lines->len, ==, 1);
    g_assert_cmpstr(g_ptr_array_index(rules.lines, 0), ==, "actions=drop");
    g_assert_cmpuint(groups.lines->len, ==, 1);
    g_assert_cmpstr(g_ptr_array_index(groups.lines, 0), ==,
                    "group_id=1,type=all");

    /* A bridge that is not there is named with its socket. */
    loop_until(is_over, &none, "the end of a question to no bridge");

    g_autofree char *message = g_strdup_printf(
        "bridge 'nobridge': ovs-vswitchd (unix:%s/nobridge.mgmt) did not "
        "answer the question for its rules within 300 ms: no connection",
        ovs->dir);

    assert_message(none.error, PF_OPENFLOW_ERROR_TIMEOUT, message);
    empty_bridge();
}

int
main(int argc, char *argv[])
{
    int result;

    if (!ovs_fixture_possible()) {
        return 0;
    }
    g_test_init(&argc, &argv, NULL);
    vlog_set_levels(NULL, VLF_CONSOLE, VLL_ERR);
    openflow_fixture_init();

#define TEST(FUNCTION) \
    g_test_add_func("/openflow/" #FUNCTION, test_##FUNCTION)
    TEST(rules_are_printed_as_ovs_ofctl_does);
    TEST(rules_come_back_equal);
    TEST(filters_are_those_of_ovs_ofctl);
    TEST(ages_come_with_rules);
    TEST(groups_come_back_equal);
    TEST(meters_come_back_equal);
    TEST(meters_end_at_the_first_error);
    TEST(port_counters);
    TEST(ports_are_known_by_their_present_names);
    TEST(misleading_port_names_are_numbers);
    TEST(every_openflow_version);
    TEST(refused_bundle_changes_nothing);
    TEST(bundle_is_carried_out_in_order);
    TEST(long_command_is_shown_short);
    TEST(many_rules);
    TEST(requests_do_not_wait_for_each_other);
#undef TEST

    result = g_test_run();
    openflow_fixture_done();
    return result;
}
