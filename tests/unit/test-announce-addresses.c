/* SPDX-License-Identifier: Apache-2.0
 *
 * Which addresses a guest has, from rules as ovs-ofctl prints them.
 */
#include <config.h>

#include <arpa/inet.h>

#include "extensions/announce-addresses.h"

#define MAC "52:54:00:aa:00:01"
#define OF_PORT TRUE
#define OF_MAC FALSE

/* The addresses as "ADDRESS ADDRESS@VLAN ...", " router" and " more". */
static char *
format(const PfAddresses *a)
{
    GString *s = g_string_new(NULL);

    for (guint i = 0; i < a->found->len; i++) {
        const PfPortAddress *found = &g_array_index(a->found, PfPortAddress,
                                                    i);
        char text[INET6_ADDRSTRLEN];

        inet_ntop(found->address.family, found->address.bytes, text,
                  sizeof text);
        g_string_append_printf(s, "%s%s", s->len ? " " : "", text);
        if (found->vid != PF_ADDRESS_ANY_VLAN) {
            g_string_append_printf(s, "@%d", found->vid);
        }
    }
    g_string_append(s, a->is_router ? " router" : "");
    g_string_append(s, a->more ? " more" : "");
    return g_string_free(s, FALSE);
}

/* Fails unless these rules (NULL at the end) show the addresses 'expected'. */
static void
assert_shown(const char *expected, gboolean by_vlan, gboolean of_port,
             const char *const rules[])
{
    PfAddresses *a = pf_addresses_new(MAC, by_vlan);
    g_autofree char *text = NULL;

    for (; *rules; rules++) {
        g_test_message("%s", *rules);
        pf_addresses_read_rule(a, *rules, of_port);
    }
    text = format(a);
    g_assert_cmpstr(text, ==, expected);
    pf_addresses_free(a);
}
#define RULES(...) ((const char *const[]) { __VA_ARGS__, NULL })

static void
test_exact_source_addresses_are_the_guests(void)
{
    assert_shown(
        "192.0.2.5 192.0.2.6 fe80::5 2001:db8::5", FALSE, OF_PORT, RULES(
        " cookie=0x1, priority=10,arp,in_port=v1,arp_spa=192.0.2.5 "
        "actions=NORMAL",
        " table=3, idle_timeout=9, priority=10,ip,in_port=v1,nw_src=192.0.2.6 "
        "actions=resubmit(,4)",
        " priority=10,ip,in_port=v1,nw_src=192.0.2.5 actions=NORMAL",
        " priority=10,ipv6,in_port=v1,ipv6_src=fe80::5 actions=output:up",
        " priority=10,icmp6,in_port=v1,icmp_type=136,nd_target=2001:db8::5 "
        "actions=NORMAL"));
}

static void
test_other_rules_show_nothing(void)
{
    assert_shown(
        "", FALSE, OF_PORT, RULES(
        " priority=10,ip,in_port=v1,nw_src=192.0.2.5 actions=drop",
        " priority=10,ip,in_port=v1,nw_src=192.0.2.0/24 actions=NORMAL",
        " priority=10,arp,in_port=v1,arp_tpa=192.0.2.5 actions=NORMAL",
        " priority=10,ip,in_port=v1,nw_dst=192.0.2.5 actions=NORMAL",
        " priority=10,icmp6,in_port=v1,icmp_type=135,nd_target=2001:db8::5 "
        "actions=NORMAL",
        " priority=10,ipv6,in_port=v1,ipv6_src=:: actions=NORMAL",
        " priority=10,in_port=v1 "
        "actions=load:0xc0000205->NXM_OF_ARP_SPA[],arp_spa=192.0.2.5",
        "nonsense", ""));
}

static void
test_a_rule_for_another_mac_shows_nothing(void)
{
    assert_shown(
        "192.0.2.7 192.0.2.8", FALSE, OF_PORT, RULES(
        " arp,in_port=v1,dl_src=52:54:00:aa:00:02,arp_spa=192.0.2.5 "
        "actions=NORMAL",
        " arp,in_port=v1,arp_spa=192.0.2.6,arp_sha=52:54:00:aa:00:02 "
        "actions=NORMAL",
        " arp,in_port=v1,arp_spa=192.0.2.7,arp_sha=" MAC " actions=NORMAL",
        " arp,in_port=v1,dl_src=00:00:00:00:00:00/01:00:00:00:00:00,"
        "arp_spa=192.0.2.8 actions=NORMAL"));
}

static void
test_a_macs_rule_for_a_port_is_left_to_that_port(void)
{
    assert_shown(
        "192.0.2.5", FALSE, OF_MAC, RULES(
        " arp,dl_src=" MAC ",arp_spa=192.0.2.5 actions=NORMAL",
        " arp,in_port=up,dl_src=" MAC ",arp_spa=192.0.2.6 actions=NORMAL"));
}

static void
test_on_a_trunk_a_rule_says_which_vlan(void)
{
    const char *const *rules = RULES(
        " arp,in_port=v1,arp_spa=192.0.2.5 actions=NORMAL",
        " ip,in_port=v1,dl_vlan=10,nw_src=192.0.2.5 actions=NORMAL",
        " ip,in_port=v1,dl_vlan=20,nw_src=192.0.2.5 actions=NORMAL",
        " arp,in_port=v1,arp_spa=192.0.2.5 actions=NORMAL",
        " arp,in_port=v1,vlan_tci=0x0000,arp_spa=192.0.2.6 actions=NORMAL",
        " arp,in_port=v1,vlan_tci=0x1000/0x1000,arp_spa=192.0.2.7 "
        "actions=NORMAL",
        " arp,in_port=v1,vlan_tci=0x101e/0x1fff,arp_spa=192.0.2.8 "
        "actions=NORMAL");

    assert_shown("192.0.2.5@10 192.0.2.5@20 192.0.2.6@0 192.0.2.7 "
                 "192.0.2.8@30", TRUE, OF_PORT, rules);
    assert_shown("192.0.2.5 192.0.2.6 192.0.2.7 192.0.2.8", FALSE, OF_PORT,
                 rules);
}

static void
test_who_may_advertise_routes_is_a_router(void)
{
    assert_shown(" router", FALSE, OF_PORT, RULES(
        " icmp6,in_port=v1,icmp_type=134 actions=NORMAL"));
    assert_shown("", FALSE, OF_PORT, RULES(
        " icmp6,in_port=v1,icmp_type=134 actions=drop"));
    assert_shown("", FALSE, OF_PORT, RULES(
        " icmp,in_port=v1,icmp_type=134 actions=NORMAL"));
}

static void
test_addresses_are_bounded(void)
{
    PfAddresses *a = pf_addresses_new(MAC, FALSE);

    for (guint i = 1; i <= PF_ADDRESSES_MAX + 1; i++) {
        g_autofree char *rule = g_strdup_printf(
            " ip,in_port=v1,nw_src=192.0.2.%u actions=NORMAL", i);

        g_assert_false(a->more);
        pf_addresses_read_rule(a, rule, OF_PORT);
        pf_addresses_read_rule(a, rule, OF_PORT);
    }
    g_assert_cmpuint(a->found->len, ==, PF_ADDRESSES_MAX);
    g_assert_true(a->more);
    pf_addresses_free(a);
}

int
main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/announce-addresses/exact",
                    test_exact_source_addresses_are_the_guests);
    g_test_add_func("/announce-addresses/others",
                    test_other_rules_show_nothing);
    g_test_add_func("/announce-addresses/other-mac",
                    test_a_rule_for_another_mac_shows_nothing);
    g_test_add_func("/announce-addresses/of-mac",
                    test_a_macs_rule_for_a_port_is_left_to_that_port);
    g_test_add_func("/announce-addresses/vlan",
                    test_on_a_trunk_a_rule_says_which_vlan);
    g_test_add_func("/announce-addresses/router",
                    test_who_may_advertise_routes_is_a_router);
    g_test_add_func("/announce-addresses/bounded",
                    test_addresses_are_bounded);
    return g_test_run();
}
