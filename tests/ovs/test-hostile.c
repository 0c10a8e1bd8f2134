/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of hostile policies at a real Open vSwitch, on which another guest's
 * port has a VLAN, a MAC, QoS, a mirror and rules: whatever a stamp or
 * PortData tries to do to it, to this host or to the port itself is refused
 * for the right reason, and neither the database nor the rules have changed
 * afterwards.
 */
#include <config.h>

#include <string.h>

#include "extension-fixture.h"
#include "extension.h"

/* The other guest's. */
#define VICTIM "vic0"
#define VICTIM_MAC "52:54:00:bb:00:02"
#define VICTIM_ID "0d0c6d0e-0000-4000-8000-0000000000bb"
#define VICTIM_NUMBER 41

/* The guest's own. */
#define OWN_NUMBER 9

typedef struct {
    const PfExtension *extension;
    const char *policies;
    const char *reason;         /* In what verification says. */
} Case;

/* Everything that is configured, and every rule, group and meter. */
static char *
snapshot(void)
{
    return ovs_run(
        "d='ovsdb-client dump %s Open_vSwitch'; "
        "$d Bridge name ports mirrors other_config external_ids controller; "
        "$d Port name interfaces tag trunks vlan_mode cvlans qos protected "
        "other_config external_ids; "
        "$d Interface name type options ofport ofport_request mtu_request "
        "mac other_config external_ids ingress_policing_rate; "
        "$d QoS; $d Queue; $d Mirror name select_src_port select_dst_port "
        "output_port output_vlan external_ids; $d Open_vSwitch external_ids "
        "other_config; "
        "for b in br0 br1; do o='ovs-ofctl -O OpenFlow15'; "
        "$o --no-stats dump-flows $b; $o dump-groups $b; $o dump-meters $b; "
        "done | grep -v OFPST", ovs->remote);
}

/* Demands that each of the 'n' cases is refused, for its reason, and that they
 * have changed nothing. */
static void
assert_refused(const Case *cases, gsize n, const PfExtensionPort *port,
               const PfNetwork *network)
{
    g_autofree char *before = snapshot();
    g_autofree char *after = NULL;

    for (gsize i = 0; i < n; i++) {
        const Case *c = &cases[i];
        g_autoptr(GVariant) policies = ef_policies(c->policies);
        g_autofree char *said = ef_verify(c->extension, port, network,
                                          policies);

        if (!said || !strstr(said, c->reason)) {
            g_test_message("%s: %s: \"%s\", not \"%s\"", c->extension->name,
                           c->policies, said ? said : "(taken)", c->reason);
            g_test_fail();
        }
    }
    after = snapshot();
    g_assert_nonnull(strstr(before, VICTIM_MAC));
    g_assert_nonnull(strstr(before, "actions=group:1"));
    g_assert_cmpstr(before, ==, after);
}

/* The same before the guest's port is on this host, where a stamp says that
 * it had the other guest's number, and afterwards, as PortData would have
 * it. */
static void
assert_all_refused(const Case *cases, gsize n)
{
    g_autoptr(PfNetwork) network = ef_network(
        "br0", "<p:vlan allowed='42,50'/>");
    PfExtensionPort port = ef_port("web0", "br0");

    g_assert_false(port.is_here);
    port.ofport = VICTIM_NUMBER;
    assert_refused(cases, n, &port, network);

    ovs_do("ovs-vsctl --timeout=30 add-port br0 web0 -- set Interface web0 "
           "type=patch options:peer=none-web0 ofport_request=%d", OWN_NUMBER);
    ef_catch_up();
    port = ef_port("web0", "br0");
    g_assert_true(port.is_here);
    assert_refused(cases, n, &port, network);
    ovs_do("ovs-vsctl --timeout=30 del-port web0");
    ef_catch_up();
}

#define PORT &pf_extension_port
#define FLOWS &pf_extension_flows
#define QOS &pf_extension_qos
#define MIRROR &pf_extension_mirror
#define RULE(R) "{\"port\":\"web0\",\"others\":[\"" VICTIM "\"]," \
                "\"rules\":[\"" R "\"]}"
#define BY_NUMBER "it gives a port by a number, which means nothing on " \
                  "another host"
#define REFUSED(CASES) assert_all_refused(CASES, G_N_ELEMENTS(CASES))

static void
test_a_port_is_of_its_type(void)
{
    static const Case cases[] = {
        { PORT, "{\"interface\":{\"type\":\"internal\"}}",
          "interface.type is not a column that may travel" },
        { PORT, "{\"interface\":{\"options\":{\"peer\":\"" VICTIM "\"}}}",
          "interface.options is not a column that may travel" },
        { PORT, "{\"interface\":{\"options\":{\"vhost-server-path\":"
          "\"/etc/passwd\"}}}", "interface.options is not a column" },
        { PORT, "{\"interface\":{\"mac\":\"" VICTIM_MAC "\"}}",
          "interface.mac is not a column that may travel" },
        { PORT, "{\"interface\":{\"name\":\"" VICTIM "\"}}",
          "interface.name is not a column that may travel" },
        { PORT, "{\"port\":{\"fake_bridge\":true}}",
          "port.fake_bridge is not a column that may travel" },
    };

    REFUSED(cases);
}

static void
test_others_data_stays(void)
{
    static const Case cases[] = {
        { PORT, "{\"" VICTIM "\":{\"tag\":42}}",
          "'" VICTIM "' is neither 'port' nor 'interface'" },
        { PORT, "{\"port\":{\"tag\":42},\"bridge\":{\"ports\":[]}}",
          "'bridge' is neither 'port' nor 'interface'" },
        { PORT, "{\"port\":{\"interfaces\":[\"x\"]}}",
          "port.interfaces is not a column that may travel" },
        { PORT, "{\"port\":{\"qos\":\"x\"}}",
          "port.qos is not a column that may travel" },
        { MIRROR, "{\"mirrors\":{\"span\":[\"all\"]}}", "span" },
        { MIRROR, "{\"mirrors\":{\"span\":[\"out\"]}}", "span" },
        { MIRROR, "{\"span\":{}}", "span" },
        { QOS, "{\"qos\":{\"type\":\"linux-htb\",\"external_ids\":"
          "{\"portferry-qos\":\"x\"}},\"key\":\"" VICTIM_ID "\"}",
          "portferry-qos is not a key that may travel" },
        { QOS, "{\"qos\":{\"type\":\"/bin/sh\"},\"key\":\"" VICTIM_ID "\"}",
          "/bin/sh" },
        { QOS, "{\"qos\":{\"type\":\"linux-htb\"},\"key\":\"../../x\"}",
          "key" },
        { QOS, "{\"destroy\":\"" VICTIM "\"}", "destroy" },
    };

    REFUSED(cases);
}

static void
test_claims_are_not_written(void)
{
    static const Case cases[] = {
        { PORT, "{\"interface\":{\"external_ids\":{\"iface-id\":\"" VICTIM_ID
          "\"}}}", "iface-id is not a key that may travel" },
        { PORT, "{\"interface\":{\"external_ids\":{\"attached-mac\":\""
          VICTIM_MAC "\"}}}", "attached-mac is not a key that may travel" },
        { PORT, "{\"interface\":{\"external_ids\":{\"iface-status\":"
          "\"active\"}}}", "iface-status is not a key that may travel" },
        { PORT, "{\"interface\":{\"external_ids\":{\"PortData\":\"pf1.\"}}}",
          "PortData is not a key that may travel" },
        { PORT, "{\"port\":{\"external_ids\":{\"portferry-role\":"
          "\"carrier\"}}}", "portferry-role is not a key that may travel" },
    };

    REFUSED(cases);
}

/* A stamp names the guest's own NIC, but who writes it may have given the NIC
 * another guest's MAC or id. */
static void
test_claims_of_others_are_refused(void)
{
    g_autoptr(PfNetwork) network = ef_network("br0", NULL);
    PfExtensionPort port = ef_port("web0", "br0");
    Case by_mac = { PORT, "{}", "attached-mac " VICTIM_MAC " is in use by "
                    "port '" VICTIM "' on this host" };
    Case by_id = { PORT, "{}", "iface-id " VICTIM_ID " is in use by port '"
                   VICTIM "' on this host" };
    Case by_name = { PORT, "{}", "a port named '" VICTIM "' is on bridge" };

    port.mac = VICTIM_MAC;
    assert_refused(&by_mac, 1, &port, network);
    port.mac = EF_MAC;
    port.iface_id = VICTIM_ID;
    assert_refused(&by_id, 1, &port, network);
    port.iface_id = EF_IFACE_ID;
    port.name = VICTIM;
    port.is_here = FALSE;
    assert_refused(&by_name, 1, &port, network);
}

static void
test_vlans_are_the_networks(void)
{
    static const Case cases[] = {
        { PORT, "{\"port\":{\"tag\":99}}", "VLAN 99" },
        { PORT, "{}", "a trunk of every VLAN" },
        { PORT, "{\"port\":{\"vlan_mode\":\"access\"}}", "VLAN 0 (no tag)" },
        { PORT, "{\"port\":{\"vlan_mode\":\"trunk\",\"trunks\":[42,99]}}",
          "VLAN 99" },
        { PORT, "{\"port\":{\"vlan_mode\":\"native-untagged\",\"tag\":99,"
          "\"trunks\":[42]}}", "VLAN 99" },
        { PORT, "{\"port\":{\"vlan_mode\":\"native-untagged\","
          "\"trunks\":[42]}}", "VLAN 0 (no tag)" },
        { PORT, "{\"port\":{\"tag\":4096}}", "4096" },
        { PORT, "{\"port\":{\"tag\":-1}}", "-1" },
        { FLOWS, RULE("in_port=web0 actions=mod_vlan_vid:99,NORMAL"),
          "VLAN 99" },
        { FLOWS, RULE("in_port=web0 actions=set_field:99->vlan_tci,"
                      "mod_vlan_pcp:3,resubmit(,1)"), "VLAN 99" },
        { FLOWS, RULE("in_port=web0 actions=push_vlan:0x8100,NORMAL"),
          "push_vlan without a VLAN number" },
    };

    REFUSED(cases);
}

static void
test_rules_are_the_ports_own(void)
{
    static const Case cases[] = {
        { FLOWS, RULE("priority=1 actions=drop"), "not bound to the port" },
        { FLOWS, RULE("dl_src=" VICTIM_MAC " actions=drop"),
          "not bound to the port" },
        { FLOWS, RULE("in_port=" VICTIM " actions=drop"),
          "not bound to the port" },
        { FLOWS, RULE("in_port=web0 actions=output:" VICTIM),
          "is another port" },
        { FLOWS, RULE("in_port=web0 actions=resubmit(" VICTIM ",0)"),
          "resubmit as another port" },
        { FLOWS, RULE("in_port=web0 actions=LOCAL"), "another port" },
        { FLOWS, RULE("in_port=web0 actions=FLOOD"), "reaches further" },
        { FLOWS, RULE("in_port=web0 actions=CONTROLLER"), "reaches further" },
        { FLOWS, RULE("in_port=web0 actions=learn(table=1,dl_src="
                      VICTIM_MAC ")"), "learn" },
        { FLOWS, RULE("table=254,in_port=web0 actions=drop"), "table 254" },
        { FLOWS, RULE("in_port=web0 actions=group:1"), "group 1" },
        { FLOWS, RULE("in_port=web0 actions=meter:1,NORMAL"), "meter 1" },
        { FLOWS, RULE("in_port=web0 actions=NORMAL\",\"actions=drop"),
          "not bound to the port" },
    };

    REFUSED(cases);
}

/* The number that a stamp gives is the port's own only until it turns out to
 * be taken. */
static void
test_rules_are_no_numbers_rules(void)
{
    static const Case cases[] = {
        { FLOWS, RULE("in_port=41 actions=drop"), BY_NUMBER },
        { FLOWS, RULE("in_port=web0 actions=output:41"), BY_NUMBER },
        { FLOWS, RULE("in_port=web0 actions=resubmit(41,0)"), BY_NUMBER },
        { FLOWS, RULE("in_port=65024 actions=drop"), "not bound" },
    };
    g_autoptr(PfNetwork) network = ef_network("br0", NULL);
    PfExtensionPort port = ef_port("web0", "br0");

    port.ofport = VICTIM_NUMBER;
    assert_refused(cases, G_N_ELEMENTS(cases), &port, network);
}

/* The other guest's port, with all that it may have. */
static void
make_victim(void)
{
    ovs_do("ovs-vsctl --timeout=30 add-port br0 " VICTIM " tag=50 "
           "-- set Interface " VICTIM " type=patch options:peer=none-vic "
           "ofport_request=%d external_ids:iface-id=" VICTIM_ID " "
           "'external_ids:attached-mac=\"" VICTIM_MAC "\"' "
           "-- add-port br0 span0 -- set Interface span0 type=patch "
           "options:peer=none-span "
           "-- --id=@q create QoS type=linux-htb other_config:max-rate=1000 "
           "-- set Port " VICTIM " qos=@q "
           "-- --id=@v get Port " VICTIM " -- --id=@s get Port span0 "
           "-- --id=@m create Mirror name=span select-src-port=@v "
           "output-port=@s -- set Bridge br0 mirrors=@m", VICTIM_NUMBER);
    ovs_do("ovs-ofctl -O OpenFlow15 add-group br0 group_id=1,type=all,"
           "bucket=actions=output:%d", VICTIM_NUMBER);
    ovs_do("ovs-ofctl -O OpenFlow15 add-flow br0 in_port=%d,priority=7,"
           "actions=group:1", VICTIM_NUMBER);
    ef_catch_up();
}

int
main(int argc, char *argv[])
{
    static const PfExtension *const extensions[] = {
        PORT, FLOWS, QOS, MIRROR, NULL
    };

    g_test_init(&argc, &argv, NULL);
    if (!ovs_fixture_possible()) {
        return 0;
    }
    ef_init(extensions);
    ovs_do("ovs-vsctl --timeout=30 add-br br1 "
           "-- set Bridge br1 datapath_type=netdev");
    make_victim();
#define ADD(NAME) g_test_add_func("/hostile/" #NAME, test_##NAME)
    ADD(a_port_is_of_its_type);
    ADD(others_data_stays);
    ADD(claims_are_not_written);
    ADD(claims_of_others_are_refused);
    ADD(vlans_are_the_networks);
    ADD(rules_are_the_ports_own);
    ADD(rules_are_no_numbers_rules);
    int retval = g_test_run();
    ef_done();
    return retval;
}
