/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of the verifications of the extension `flows'
 * (plugin/extensions/flows-verify.c) against a real Open vSwitch, each refused
 * for the right reason; what single rules may do is in test-flows-check.
 */
#include <config.h>

#include "flows-fixture.h"

#define EXT (&pf_extension_flows)
#define MAC EF_MAC

/* Demands what is said of 'json' for the guest's port on br1, where it is
 * not. */
static void
assert_verdict(const PfNetwork *network, const char *json, const char *text)
{
    PfExtensionPort port = ef_port("web0", "br1");

    ef_assert_verdict(EXT, &port, network, json, text);
}

#define RULES(R) "{\"port\": \"web0\", \"rules\": [" R "]}"

static void
test_syntax(void)
{
    static const struct {
        const char *json, *text;
    } cases[] = {
        { "{}", NULL },
        { RULES("\"in_port=web0 actions=NORMAL\""), NULL },
        { "{\"port\": 5}", "syntax: port is not a string" },
        { "{\"rule\": []}", "syntax: unknown key \"rule\"" },
        { "{\"rules\": \"x\"}", "syntax: rules is not a list" },
        { "{\"rules\": [1]}",
          "syntax: rules has members that are not strings" },
        { RULES("\"in_port=web0\""),
          "syntax: rule \"in_port=web0\": must specify an action" },
        { RULES("\"in_port=db0 actions=drop\""),
          "syntax: rule \"in_port=db0 actions=drop\": db0: invalid or "
          "unknown port for in_port" },
        { "{\"groups\": [\"group_id=1,type=all\", "
          "\"group_id=1,type=all\"]}",
          "syntax: group \"group_id=1,type=all\": number 1 is there twice" },
        { "{\"groups\": [\"group_id=1,type=some\"]}",
          "syntax: group \"group_id=1,type=some\": invalid group type some" },
        { "{\"meters\": [\"meter=1\"]}",
          "syntax: meter \"meter=1\": must specify bands" },
        { "{\"port\": \"web0\", \"others\": [\"web0\"]}",
          "syntax: other \"web0\": it cannot be another port's name" },
    };
    g_autoptr(PfNetwork) n = ff_network("br1", NULL, NULL);

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        assert_verdict(n, cases[i].json, cases[i].text);
    }
}

static void
test_limits(void)
{
    g_autoptr(PfNetwork) n = ff_network("br1", NULL, NULL);
    PfExtensionPort port = ef_port("web0", "br1");
    GVariantBuilder list;
    GVariantDict dict;

    g_variant_builder_init(&list, G_VARIANT_TYPE("av"));
    for (guint i = 0; i < 20001; i++) {
        g_variant_builder_add(&list, "v", g_variant_new_string("x"));
    }
    g_variant_dict_init(&dict, NULL);
    g_variant_dict_insert_value(&dict, "rules", g_variant_builder_end(&list));
    g_autoptr(GVariant) v = g_variant_ref_sink(g_variant_dict_end(&dict));
    g_autofree char *many = ef_verify(EXT, &port, n, v);
    g_assert_cmpstr(many, ==,
                    "syntax: rules has 20001 members; it may have 20000");
}

static void
test_range(void)
{
    g_autoptr(PfNetwork) n = ff_network("br1", "42", NULL);

    assert_verdict(n, RULES("\"in_port=web0 actions=NORMAL\""), NULL);
    assert_verdict(n, RULES("\"in_port=web0 actions=mod_vlan_vid:43,NORMAL\","
                            "\"dl_src=00:00:00:00:00:07 actions=drop\""),
                   "range: rule \"in_port=web0 actions=mod_vlan_vid:43,"
                   "NORMAL\": it carries the guest into VLAN 43; the network "
                   "allows VLANs 42; range: rule \"dl_src=00:00:00:00:00:07 "
                   "actions=drop\": it is not bound to the port: it neither "
                   "matches the port or its MAC nor outputs to it only");
    assert_verdict(n, "{\"port\": \"web0\", \"rules\": [\"in_port=web0 "
                   "actions=output:db0\"], \"others\": [\"up1\", \"db0\"]}",
                   "range: rule \"in_port=web0 actions=output:db0\": output "
                   "to db0 is another port; the network's option other-ports "
                   "of extension flows is \"refuse\", not \"by-name\"; "
                   "applicability: rules refer to port db0, and bridge br1 "
                   "has no port of that name here");
}

static void
test_groups_in_a_circle(void)
{
    g_autoptr(PfNetwork) n = ff_network("br1", NULL, NULL);

    assert_verdict(n, "{\"port\": \"web0\", \"rules\": [\"in_port=web0 "
                   "actions=group:1\"], \"groups\": ["
                   "\"group_id=1,type=all,bucket=actions=group:2\","
                   "\"group_id=2,type=all,bucket=actions=group:1\"]}",
                   "range: group 1 refers to itself, or to a group that is "
                   "not there");
}

/* A chain of groups that would keep ovs-vswitchd busy for a minute with each
 * frame. */
static void
test_groups_that_multiply(void)
{
    g_autoptr(PfNetwork) n = ff_network("br1", NULL, NULL);
    g_autoptr(GString) json = g_string_new(
        "{\"port\": \"web0\", \"rules\": [\"in_port=web0 "
        "actions=group:1\"], \"groups\": [");

    for (guint i = 1; i <= 3; i++) {
        g_string_append_printf(json, "%s\"group_id=%u,type=all",
                               i > 1 ? "," : "", i);
        for (guint j = 0; j < 200; j++) {
            g_string_append_printf(json, i < 3 ? ",bucket=actions=group:%u"
                                   : ",bucket=actions=drop", i + 1);
        }
        g_string_append(json, "\"");
    }
    g_string_append(json, "]}");
    assert_verdict(n, json->str, "range: group 1 leads a frame through more "
                   "than 1024 buckets");
}

static void
test_conflict(void)
{
    g_autoptr(PfNetwork) n = ff_network("br1", NULL, NULL);
    PfExtensionPort port;

    ff_add_flows("br1", "table=1,ip,nw_dst=10.0.0.5,actions=output:up1\n"
                 "table=1,priority=7,dl_dst=" MAC ",actions=NORMAL\n");
    /* The same rule, and others, are not in the way. */
    assert_verdict(n, RULES("\"table=1,priority=7,dl_dst=" MAC
                            " actions=NORMAL\","
                            "\"table=2,ip,nw_dst=10.0.0.5 "
                            "actions=output:web0\","
                            "\"table=1,priority=1,ip,nw_dst=10.0.0.5 "
                            "actions=output:web0\""), NULL);
    assert_verdict(n, RULES("\"table=1,ip,nw_dst=10.0.0.5 "
                            "actions=output:web0\""),
                   "conflict: rule \"table=1, ip,nw_dst=10.0.0.5 "
                   "actions=output:up1\" is on bridge br1 here already, for "
                   "something else: delete it there");
    assert_verdict(n, RULES("\"table=1,priority=7,dl_dst=" MAC
                            " actions=drop\""),
                   "conflict: rule \"table=1, priority=7,dl_dst=" MAC
                   " actions=NORMAL\" is on bridge br1 here already, for "
                   "something else: delete it there");

    /* At the switchover, what the port has itself is in nobody's way. */
    ff_add_port("web0", "br1", 9);
    port = ef_port("web0", "br1");
    g_assert_true(port.is_here);
    ef_assert_verdict(EXT, &port, n,
                      RULES("\"table=1,priority=7,dl_dst=" MAC
                            " actions=drop\""), NULL);
    ff_del_port("web0");
    ff_clear("br1");
}

/* Frames of a neighbour are brought to nobody else. */
static void
test_macs_of_other_ports(void)
{
    g_autoptr(PfNetwork) n = ff_network("br1", NULL, NULL);
    g_autofree char *local = ovs_run("ovs-vsctl --timeout=30 get Interface "
                                     "br1 mac_in_use | tr -d '\"'");
    g_autofree char *json = g_strdup_printf(
        RULES("\"table=2,dl_dst=%s actions=output:web0\""), local);
    g_autofree char *expected = g_strdup_printf(
        "conflict: rule \"table=2, dl_dst=%s actions=output:web0\" brings "
        "frames for %s to the port, and that is the MAC of port br1 here",
        local, local);

    ovs_do("ovs-vsctl --timeout=30 set Interface up1 "
           "external_ids:attached-mac=\\\"52:54:00:BB:00:07\\\"");
    ef_catch_up();
    assert_verdict(n, RULES("\"dl_dst=52:54:00:bb:00:07 "
                            "actions=output:web0\""),
                   "conflict: rule \"dl_dst=52:54:00:bb:00:07 "
                   "actions=output:web0\" brings frames for "
                   "52:54:00:bb:00:07 to the port, and that is the MAC of "
                   "port up1 here");
    assert_verdict(n, json, expected);
    assert_verdict(n, RULES("\"dl_dst=52:54:00:bb:00:08 "
                            "actions=output:web0\","
                            "\"in_port=web0,dl_dst=52:54:00:bb:00:07 "
                            "actions=NORMAL\","
                            "\"dl_dst=" MAC " actions=output:web0\""), NULL);
    ovs_do("ovs-vsctl --timeout=30 remove Interface up1 external_ids "
           "attached-mac");
    ef_catch_up();
}

/* Where a controller has the bridge, nothing is installed. */
static void
test_controller(void)
{
    g_autoptr(PfNetwork) n = ff_network("br1", NULL, NULL);
    g_autoptr(GVariant) v = ef_policies(
        RULES("\"in_port=web0 actions=NORMAL\""));
    PfExtensionPort port;

    ovs_do("ovs-vsctl --timeout=30 set-controller br1 unix:/nowhere "
           "-- set-fail-mode br1 secure");
    ff_add_port("web0", "br1", 9);
    ff_clear("br1");
    port = ef_port("web0", "br1");
    g_autofree char *said = ef_verify(EXT, &port, n, v);
    g_assert_cmpstr(said, ==, NULL);
    g_autoptr(EfSaid) added = ef_call_ok(EXT, PF_CALL_PROPERTY_ADD, &port, n,
                                         v);
    g_assert_cmpstr(added->note, ==, "bridge br1 has a controller: its "
                    "OpenFlow rules are left to that");
    ff_assert_empty("br1");

    ovs_do("ovs-vsctl --timeout=30 del-controller br1 -- del-fail-mode br1");
    ff_del_port("web0");
    ff_clear("br1");
}

/* A bridge that speaks only old versions has no bundles: rules with which it
 * works are read, but cannot be brought to it. */
static void
test_old_versions(void)
{
    g_autoptr(PfNetwork) n = ff_network("br1", NULL, NULL);
    g_autoptr(GVariant) v = ef_policies(
        RULES("\"in_port=web0 actions=NORMAL\""));
    PfExtensionPort port;

    ovs_do("ovs-vsctl --timeout=30 set Bridge br1 protocols=OpenFlow10");
    ff_add_port("web0", "br1", 9);
    ovs_do("ovs-ofctl -O OpenFlow10 add-flow br1 in_port=9,actions=drop");
    g_autoptr(GVariant) policies = ff_policies("br1", n);
    g_autofree char *rules = ff_lines(policies, "rules");
    g_assert_cmpstr(rules, ==, "in_port=web0 actions=drop");
    port = ef_port("web0", "br1");
    g_autofree char *said = ef_verify(EXT, &port, n, v);
    g_assert_cmpstr(said, ==, "applicability: bridge br1 speaks no "
                    "OpenFlow from 1.3 on here, which rules need to come in "
                    "one bundle: add OpenFlow14 to its protocols");
    /* To leave it is possible. */
    g_autoptr(EfSaid) left = ef_call_ok(EXT, PF_CALL_PORT_TEARDOWN, &port, n,
                                        policies);
    g_assert_cmpstr(left->note, ==, "bridge br1 speaks no OpenFlow from 1.3 "
                    "on: its rules are left as they are");

    ovs_do("ovs-vsctl --timeout=30 set Bridge br1 protocols=OpenFlow13");
    ef_catch_up();
    g_autofree char *good = ef_verify(EXT, &port, n, policies);
    g_assert_cmpstr(good, ==, NULL);
    ef_said_free(ef_call_ok(EXT, PF_CALL_PORT_TEARDOWN, &port, n, policies));
    ovs_do("ovs-vsctl --timeout=30 clear Bridge br1 protocols");
    ff_assert_empty("br1");
    ff_del_port("web0");
    ff_clear("br1");
}

/* ovn-controller is no controller of the bridge in the database. */
static void
test_bridge_of_ovn(void)
{
    g_autoptr(PfNetwork) net0 = ff_network("br0", NULL, NULL);

    ff_add_port("web0", "br0", 5);
    ff_add_flows("br0", "in_port=web0,actions=NORMAL\n");
    ovs_do("ovs-vsctl --timeout=30 set Open_vSwitch . "
           "external_ids:ovn-remote=unix:/nowhere");
    ef_catch_up();
    g_autoptr(GVariant) some = ff_policies("br0", net0);
    g_assert_cmpuint(g_variant_n_children(some), >, 0);
    ovs_do("ovs-vsctl --timeout=30 set Open_vSwitch . "
           "external_ids:ovn-bridge=br0");
    ef_catch_up();
    ff_assert_left_to_controller(net0, some);

    ovs_do("ovs-vsctl --timeout=30 remove Open_vSwitch . external_ids "
           "ovn-remote -- remove Open_vSwitch . external_ids ovn-bridge");
    ef_catch_up();
    ff_del_port("web0");
    ff_clear("br0");
}

/* A rule of the port that cannot travel is not left out: its guest is refused,
 * and told why. */
static void
test_rules_that_cannot_travel_are_refused(void)
{
    static const char *const expected[] = {
        "syntax: rule \"reset_counts in_port=web0 "
        "actions=set_field:10.0.0.1->ip_src,NORMAL\": actions are invalid "
        "with specified match (OFPBAC_MATCH_INCONSISTENT)",
        "syntax: rule \"in_port=web0 actions=output:100,output:101,",
        " bytes; a rule's text may have 8192",
    };
    g_autoptr(GString) many = g_string_new("in_port=web0,actions=output:100");
    g_autoptr(PfNetwork) net0 = ff_network("br0", NULL, NULL);
    g_autoptr(PfNetwork) net1 = ff_network("br1", NULL, NULL);
    PfExtensionPort port, here;

    ff_add_port("web0", "br0", 5);
    ovs_do("ovs-ofctl -O OpenFlow10 add-flow br0 "
           "in_port=5,actions=mod_nw_src:10.0.0.1,NORMAL");
    g_autoptr(GVariant) old = ff_policies("br0", net0);
    port = ef_port("web0", "br1");
    g_autofree char *said = ef_verify(EXT, &port, net1, old);
    g_assert_cmpstr(said, ==, expected[0]);

    for (guint i = 101; i < 1500; i++) {
        g_string_append_printf(many, ",output:%u", i);
    }
    ff_add_flows("br0", many->str);
    here = ef_port("web0", "br0");
    g_autoptr(EfSaid) saved = ef_call_ok(EXT, PF_CALL_NIC_SAVE, &here, net0,
                                         NULL);
    g_autofree char *too_large = ef_verify(EXT, &port, net1, saved->policies);
    g_test_message("%s", too_large);
    g_assert_true(g_str_has_prefix(too_large, expected[1]));
    g_assert_true(g_str_has_suffix(too_large, expected[2]));
    ff_del_port("web0");
    ff_clear("br0");
}

static void
add_all(void)
{
#define ADD(NAME) g_test_add_func("/flows-verify/" #NAME, test_##NAME)
    ADD(syntax);
    ADD(limits);
    ADD(range);
    ADD(groups_in_a_circle);
    ADD(groups_that_multiply);
    ADD(conflict);
    ADD(macs_of_other_ports);
    ADD(controller);
    ADD(bridge_of_ovn);
    ADD(old_versions);
    ADD(rules_that_cannot_travel_are_refused);
}

int
main(int argc, char *argv[])
{
    return ff_main(argc, argv, add_all);
}
