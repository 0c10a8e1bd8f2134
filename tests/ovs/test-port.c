/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of the extension `port' (plugin/extensions/port.c) against a real Open
 * vSwitch, which plays both hosts one after the other: a port is described as
 * on its source, deleted, and made again as on its destination.
 */
#include <config.h>

#include <string.h>
#include <unistd.h>

#include "codec.h"
#include "port-fixture.h"

/* ---- Helpers ---------------------------------------------------------- */

/* The policies of the port 'name' as text, as they leave. */
static char *
policies_text(const char *name, const PfNetwork *n)
{
    PfExtensionPort ep = ef_port(name, "br0");
    g_autoptr(EfSaid) said = ef_call_ok(ext, PF_CALL_GET_POLICIES, &ep, n,
                                        NULL);

    g_assert_nonnull(said->policies);
    g_assert_false(said->changed);
    return pf_codec_format(said->policies);
}

/* What ovs-vsctl shows of the extension's columns. */
static char *
listing(const char *name)
{
    return ovs_run(
        "ovs-vsctl --columns=name,tag,trunks,vlan_mode,cvlans,protected,"
        "lacp,other_config,external_ids list Port %s; "
        "ovs-vsctl --columns=type,other_config,external_ids,mtu_request,"
        "bfd,cfm_mpid,lldp,"
        "ingress_policing_rate,ingress_policing_burst,"
        "ingress_policing_kpkts_rate,ingress_policing_kpkts_burst,"
        "ofport_request,ofport,error list Interface %s", name, name);
}

/* Requests 4 and 5 for the port 'ep' with 'v': a ghost with its policies. */
static void
make_ghost(const PfExtensionPort *ep, const PfNetwork *n, GVariant *v)
{
    g_autoptr(GVariant) iface = pf_codec_dict(v, "interface");
    g_autoptr(EfSaid) said = NULL;
    gint64 ofport = 0;

    if (iface) {
        pf_codec_integer(iface, "ofport", &ofport);
    }
    if (pf_switch_ofport_taken(sw, ep->bridge, ofport, ep->name)) {
        ofport = 0;
    }
    sw_commit(sw_ghost(ep->name, ofport), "port-create");
    said = ef_call_ok(ext, PF_CALL_PROPERTY_ADD, ep, n, v);
    g_assert_true(said->changed);
}

/* The rest: the tap takes the ghost's place, the port claims the NIC, and
 * nothing says any more that it came from elsewhere. */
static void
take_tap(const PfExtensionPort *ep)
{
    PfChange *change = pf_change_new(TRUE);

    pf_change_take_tap(change, ep->name);
    sw_commit(change, "take_tap");
    change = pf_change_new(FALSE);
    pf_change_iface_key(change, ep->name, "iface-id", ep->iface_id);
    pf_change_iface_key(change, ep->name, "attached-mac", ep->mac);
    pf_change_iface_key(change, ep->name, "iface-status", "active");
    pf_change_unmark(change, ep->name);
    sw_commit(change, "claim");
}

/* ---- A port that moves ------------------------------------------------ */

/* Lets a port, set up with 'port' and 'iface' for ovs-vsctl, move. */
static void
assert_moves_whole(const char *port, const char *iface)
{
    g_autoptr(PfNetwork) n = network(NULL);
    PfExtensionPort ep = guest_port("web0");
    int fd = ovs_tap_open("web0");

    g_test_message("Port %s, Interface %s", port, iface);
    ovs_do("ovs-vsctl add-port br0 web0 -- set Port web0 %s "
           "-- set Interface web0 " CLAIM " %s", port, iface);
    sw_loop_until(sw_port_exists, (gpointer) "web0", "the source's port");
    ef_catch_up();
    g_autofree char *before = listing("web0");
    g_autofree char *json = policies_text("web0", n);
    sw_delete_port("web0");
    close(fd);

    g_autoptr(GVariant) v = ef_policies(json);
    assert_verdict(&ep, n, json, NULL);
    make_ghost(&ep, n, v);
    fd = ovs_tap_open("web0");
    take_tap(&ep);
    g_autofree char *after = listing("web0");
    g_assert_cmpstr(before, ==, after);

    /* And it would move on as the same. */
    ef_catch_up();
    g_autofree char *again = policies_text("web0", n);
    g_autoptr(GVariant) w = ef_policies(again);
    g_autofree char *v_text = g_variant_print(v, TRUE);
    g_autofree char *w_text = g_variant_print(w, TRUE);
    g_assert_cmpstr(v_text, ==, w_text);
    sw_delete_port("web0");
    close(fd);
}

static void
test_port_moves_whole(void)
{
    assert_moves_whole("tag=42", "ofport_request=777");
    assert_moves_whole("vlan_mode=trunk trunks=1,2,4095", "");
    assert_moves_whole("vlan_mode=native-untagged tag=42 trunks=7,42",
                       "mtu_request=1400");
    assert_moves_whole("vlan_mode=native-tagged tag=42 trunks=7,42",
                       "mtu_request=1500");
    assert_moves_whole("vlan_mode=dot1q-tunnel tag=50 cvlans=1,2,3 "
                       "other_config:qinq-ethtype=802.1q", "");
    assert_moves_whole("protected=true other_config:priority-tags=always "
                       "other_config:rstp-enable=false "
                       "'external_ids:owner=\"the \\\"team\\\", æ\"' "
                       "external_ids:empty='\"\"' tag=0",
                       "other_config:custom=1 external_ids:ticket=4711 "
                       "external_ids:note='\"a b=c,d\"'");
    assert_moves_whole("tag=1 lacp=passive other_config:lacp-time=fast",
                       "bfd:enable=true bfd:min_tx=500 cfm_mpid=7 "
                       "lldp:enable=true other_config:cfm_interval=1000");
    assert_moves_whole("tag=1", "ingress_policing_rate=1000 "
                       "ingress_policing_burst=100 "
                       "ingress_policing_kpkts_rate=9 "
                       "ingress_policing_kpkts_burst=1");
}

static void
test_foreign_keys_do_not_travel(void)
{
    g_autoptr(PfNetwork) n = network(NULL);

    ovs_do("ovs-vsctl add-port br0 web0 -- set Interface web0 type=internal "
           CLAIM " external_ids:vm-id=x external_ids:ifname=web0 "
           "external_ids:PortData=pf1.x external_ids:port-profile=p "
           "external_ids:portferry-x=y -- set Port web0 "
           "external_ids:portferry-role=operational tag=5");
    sw_loop_until(sw_port_exists, (gpointer) "web0", "the port");
    ef_catch_up();
    g_autofree char *json = policies_text("web0", n);
    g_autoptr(GVariant) v = ef_policies(json);
    g_autoptr(GVariant) port = pf_codec_dict(v, "port");
    g_autoptr(GVariant) iface = pf_codec_dict(v, "interface");
    gint64 tag = 0;

    g_assert_null(strstr(json, "external_ids"));
    g_assert_true(pf_codec_integer(port, "tag", &tag));
    g_assert_cmpint(tag, ==, 5);
    g_assert_cmpuint(g_variant_n_children(iface), ==, 1);   /* ofport. */
    sw_delete_port("web0");
}

static void
test_port_that_is_not_there_has_no_policies(void)
{
    g_autoptr(PfNetwork) n = network(NULL);
    PfExtensionPort ep = guest_port("nobody");
    g_autoptr(GVariant) v = ef_policies("{}");
    g_autoptr(EfSaid) get = ef_call(ext, PF_CALL_GET_POLICIES, &ep, n, NULL);
    g_autoptr(EfSaid) add = ef_call(ext, PF_CALL_PROPERTY_ADD, &ep, n, v);

    g_assert_null(get->policies);
    g_assert_nonnull(get->error);
    g_assert_cmpstr(get->error->message, ==,
                    "the switch has no port 'nobody'");
    g_assert_nonnull(add->error);
    g_assert_cmpstr(add->error->message, ==,
                    "port: the switch has no port 'nobody'");
}

static void
test_foreign_keys_stay_when_policies_come(void)
{
    g_autoptr(PfNetwork) n = network(NULL);
    PfExtensionPort ep = guest_port("web0");
    g_autoptr(GVariant) v = ef_policies(
        "{\"port\":{\"external_ids\":{\"b\":\"2\"}},"
        "\"interface\":{\"external_ids\":{\"c\":\"3\"}}}");

    sw_commit(sw_ghost("web0", 0), "port-create");
    ovs_do("ovs-vsctl set Port web0 external_ids:old=x "
           "-- set Interface web0 " CLAIM " external_ids:old=x "
           "external_ids:PortData=pf1.x");
    ef_catch_up();
    g_autoptr(EfSaid) said = ef_call_ok(ext, PF_CALL_PROPERTY_ADD, &ep, n, v);
    ovs_assert_prints("{b=\"2\", " PF_KEY_MIGRATION "=\"" MIGRATION "\", "
                      PF_KEY_ROLE "=operational}",
                      "ovs-vsctl get Port web0 external_ids");
    ovs_assert_prints("{PortData=pf1.x, attached-mac=\"" EF_MAC "\", "
                      "c=\"3\", iface-id=\"" EF_IFACE_ID "\", "
                      "iface-status=active}",
                      "ovs-vsctl get Interface web0 external_ids");
    sw_delete_port("web0");
}

static void
test_unstamped_port_has_what_the_xml_says(void)
{
    g_autoptr(PfNetwork) n = network(NULL);
    PfExtensionPort ep = guest_port("web0");
    static const struct {
        const char *json;
        const char *tag;
        const char *trunks;
    } cases[] = {
        { "{}", "[]", "[]" },
        { "{\"port\":{}}", "[]", "[]" },
        { "{\"port\":{\"tag\":42}}", "42", "[]" },
        { "{\"port\":{\"vlan_mode\":\"native-tagged\",\"tag\":4,"
          "\"trunks\":[7,4]}}", "4", "[4, 7]" },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GVariant) v = ef_policies(cases[i].json);

        assert_verdict(&ep, n, cases[i].json, NULL);
        make_ghost(&ep, n, v);
        ovs_assert_prints(cases[i].tag, "ovs-vsctl get Port web0 tag");
        ovs_assert_prints(cases[i].trunks, "ovs-vsctl get Port web0 trunks");
        sw_delete_port("web0");
    }
}

/* ---- At the switchover ------------------------------------------------ */

/* nic_restore from 'old' to 'new'; returns whether it changed anything. */
static gboolean
restore(const PfExtensionPort *ep, const char *old, const char *new)
{
    g_autoptr(PfNetwork) n = network(NULL);
    g_autoptr(GVariant) before = ef_policies(old);
    g_autoptr(GVariant) after = ef_policies(new);
    g_autoptr(EfSaid) said = ef_restore(ext, ep, n, before, after, NULL);

    g_assert_no_error(said->error);
    return said->changed;
}

static void
test_last_change_arrives(void)
{
    static const char old[] =
        "{\"port\":{\"tag\":42,\"other_config\":{\"a\":\"1\",\"b\":\"2\"}},"
        "\"interface\":{\"external_ids\":{\"k\":\"v\"},\"ofport\":5}}";
    static const char new[] =
        "{\"port\":{\"tag\":43,\"other_config\":{\"b\":\"3\"}},"
        "\"interface\":{\"ofport\":5}}";
    static const char new_in_other_order[] =
        "{\"interface\":{\"ofport\":6},"
        "\"port\":{\"other_config\":{\"b\":\"3\"},\"tag\":43}}";
    g_autoptr(PfNetwork) n = network(NULL);
    PfExtensionPort ep = guest_port("web0");
    g_autoptr(GVariant) v = ef_policies(old);
    int fd = ovs_tap_open("web0");

    make_ghost(&ep, n, v);
    take_tap(&ep);
    ef_catch_up();
    g_autofree char *row = ovs_run("ovs-vsctl get Port web0 _uuid");

    g_assert_false(restore(&ep, old, old));
    g_assert_true(restore(&ep, old, new));
    ovs_assert_prints("43\n{b=\"3\"}",
                      "ovs-vsctl get Port web0 tag other_config");
    ovs_assert_prints("{attached-mac=\"" EF_MAC "\", "
                      "iface-id=\"" EF_IFACE_ID "\", iface-status=active}",
                      "ovs-vsctl get Interface web0 external_ids");
    ovs_assert_prints(row, "ovs-vsctl get Port web0 _uuid");

    /* Neither another order nor another number is a change. */
    g_assert_false(restore(&ep, new, new_in_other_order));
    /* Nor is to say what is so anyway. */
    g_assert_false(restore(&ep, "{}", "{\"port\":{\"protected\":false,"
                           "\"trunks\":[],\"other_config\":{}},"
                           "\"interface\":{\"ingress_policing_rate\":0}}"));
    g_assert_true(restore(&ep, "{}", new));
    g_assert_true(restore(&ep, new, "{}"));
    ovs_assert_prints("[]\n{}", "ovs-vsctl get Port web0 tag other_config");
    sw_delete_port("web0");
    close(fd);
}

/* ---- OpenFlow numbers ------------------------------------------------- */

static void
test_taken_number_is_not_taken_away(void)
{
    static const char json[] =
        "{\"interface\":{\"ofport_request\":200,\"ofport\":200}}";
    g_autoptr(PfNetwork) n = network(NULL);
    PfExtensionPort ep = guest_port("web0");
    g_autoptr(GVariant) v = ef_policies(json);

    ovs_do("ovs-vsctl add-port br0 other -- set Interface other type=internal "
           "ofport_request=200");
    sw_loop_until(sw_port_exists, (gpointer) "other", "another port");
    ef_catch_up();
    assert_verdict(&ep, n, json, NULL);
    make_ghost(&ep, n, v);
    ovs_assert_prints("200", "ovs-vsctl get Interface other ofport");
    ovs_assert_prints("[]", "ovs-vsctl get Interface web0 ofport_request");
    ovs_assert_prints("0", "test $(ovs-vsctl get Interface web0 ofport) -gt 0"
                      " -a $(ovs-vsctl get Interface web0 ofport) -ne 200; "
                      "echo $?");
    g_assert_false(restore(&ep, json, json));
    ovs_assert_prints("200", "ovs-vsctl get Interface other ofport");
    sw_delete_port("other");
    sw_delete_port("web0");

    /* Where it is free, it is asked for. */
    make_ghost(&ep, n, v);
    ovs_assert_prints("200\n200",
                      "ovs-vsctl get Interface web0 ofport_request ofport");
    sw_delete_port("web0");
}

/* Demands what web0 asks for and has. */
static void
assert_number(const char *request, const char *ofport)
{
    ovs_assert_prints(request, "ovs-vsctl get Interface web0 ofport_request");
    ovs_assert_prints(ofport, "ovs-vsctl get Interface web0 ofport");
}

/* Its rules are there for the number that it has. */
static void
test_number_stays_what_it_is(void)
{
    static const char other[] =
        "{\"interface\":{\"ofport\":60,\"ofport_request\":77}}";
    static const char own[] =
        "{\"interface\":{\"ofport\":60,\"ofport_request\":60}}";
    static const char none[] = "{\"interface\":{\"ofport\":60}}";
    static const char note[] =
        "port 'web0' has OpenFlow number 60 on this host and keeps it: its "
        "ofport_request 77 is left out";
    g_autoptr(PfNetwork) n = network(NULL);
    PfExtensionPort ep = guest_port("web0");
    g_autoptr(GVariant) v = ef_policies(other);
    g_autoptr(GVariant) w = ef_policies(own);

    make_ghost(&ep, n, v);
    assert_number("[]", "60");
    g_autoptr(EfSaid) again = ef_call_ok(ext, PF_CALL_PROPERTY_ADD, &ep, n, v);
    g_assert_cmpstr(again->note, ==, note);

    /* What has changed since the stamp does not change it either. */
    g_assert_true(restore(&ep, other, own));
    assert_number("60", "60");
    g_autoptr(EfSaid) said = ef_restore(ext, &ep, n, w, v, NULL);
    g_assert_no_error(said->error);
    g_assert_cmpstr(said->note, ==, note);
    assert_number("[]", "60");

    /* Nor does another port that would get it if this one did not ask. */
    g_assert_true(restore(&ep, none, own));
    ovs_do("ovs-vsctl add-port br0 other -- set Interface other type=internal "
           "ofport_request=60");
    sw_loop_until(sw_port_exists, (gpointer) "other", "another port");
    ef_catch_up();
    restore(&ep, own, none);
    assert_number("60", "60");
    sw_delete_port("other");
    sw_delete_port("web0");
}

/* ---- Nothing stays ---------------------------------------------------- */

/* Rows and OpenFlow ports there are, as text. */
static char *
census(void)
{
    return ovs_run("for t in Bridge Port Interface QoS Queue Mirror; do "
                   "echo $t $(ovs-vsctl --columns=name,_uuid list $t "
                   "2>/dev/null || ovs-vsctl --columns=_uuid list $t); done; "
                   "ovs-ofctl dump-ports-desc br0 | grep -c addr; "
                   "ovs-appctl dpctl/show | grep -c ' port '; "
                   "ls /sys/class/net | sort");
}

static void
test_hundred_moves_leave_nothing(void)
{
    static const char json[] =
        "{\"port\":{\"tag\":42,\"other_config\":{\"a\":\"1\"},"
        "\"external_ids\":{\"b\":\"2\"}},\"interface\":{\"mtu_request\":1400,"
        "\"ofport\":900,\"ofport_request\":900}}";
    g_autoptr(PfNetwork) n = network(NULL);
    PfExtensionPort ep = guest_port("web0");
    g_autofree char *before = census();
    int fd = ovs_tap_open("web0");

    for (int i = 0; i < 100; i++) {
        g_autoptr(GVariant) v = ef_policies(json);
        PfChange *change;

        make_ghost(&ep, n, v);
        take_tap(&ep);
        ef_catch_up();
        g_autofree char *again = policies_text("web0", n);
        g_autoptr(GVariant) w = ef_policies(again);
        g_autoptr(GVariant) iface = pf_codec_dict(w, "interface");
        gint64 ofport = 0;

        g_assert_true(pf_codec_integer(iface, "ofport", &ofport));
        g_assert_cmpint(ofport, ==, 900);
        change = pf_change_new(TRUE);
        pf_change_del_port(change, "web0", NULL, NULL);
        sw_commit(change, "port-delete");
        ovs_assert_holds_no_more(i);
    }
    close(fd);

    g_autoptr(GPtrArray) marked = pf_switch_marked_ports(sw);
    g_autofree char *after = census();
    g_assert_cmpuint(marked->len, ==, 0);
    g_assert_cmpstr(before, ==, after);
}

int
main(int argc, char *argv[])
{
    int result;

    if (!ovs_fixture_possible()) {
        return 0;
    }
    g_test_init(&argc, &argv, NULL);
    port_fixture_init();

#define TEST(FUNCTION) g_test_add_func("/port/" #FUNCTION, test_##FUNCTION)
    TEST(port_moves_whole);
    TEST(foreign_keys_do_not_travel);
    TEST(port_that_is_not_there_has_no_policies);
    TEST(foreign_keys_stay_when_policies_come);
    TEST(unstamped_port_has_what_the_xml_says);
    TEST(last_change_arrives);
    TEST(taken_number_is_not_taken_away);
    TEST(number_stays_what_it_is);
    TEST(hundred_moves_leave_nothing);
#undef TEST

    result = g_test_run();
    ef_done();
    return result;
}
