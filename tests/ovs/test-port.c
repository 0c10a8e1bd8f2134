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
#include "extension.h"
#include "netconf.h"
#include "switch-fixture.h"

#define MAC "52:54:00:aa:00:01"
#define IFACE_ID "0d0c6d0e-0000-4000-8000-00000000000d"

static const PfExtension *ext;

/* ---- Helpers ---------------------------------------------------------- */

/* A managed network that allows the VLANs 'allowed' (NULL: all). */
static PfNetwork *
network(const char *allowed)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *vlan = allowed
        ? g_strdup_printf("<p:vlan allowed='%s'/>", allowed) : NULL;
    g_autofree char *xml = g_strdup_printf(
        "<network><name>lan</name>"
        "<metadata><p:migration xmlns:p='" PF_NETWORK_NS "'>%s</p:migration>"
        "</metadata><forward mode='bridge'/><bridge name='br0'/>"
        "<virtualport type='openvswitch'/></network>", vlan ? vlan : "");
    PfNetwork *n = pf_network_parse(xml, &error);

    g_assert_no_error(error);
    g_assert_true(n->managed);
    return n;
}

/* A port of the test's guest on 'n'. */
static PfExtensionPort
guest_port(const char *name, const PfNetwork *n)
{
    return (PfExtensionPort) {
        .domain = "vm1",
        .mac = MAC,
        .name = name,
        .bridge = "br0",
        .iface_id = IFACE_ID,
        .network = n,
        .sw = sw,
    };
}

/* Policies from their JSON, as they arrive. */
static GVariant *
policies(const char *json)
{
    g_autoptr(GError) error = NULL;
    GVariant *v = pf_codec_parse(json, &error);

    g_assert_no_error(error);
    return v;
}

/* The policies of the port 'name' as text, as they leave. */
static char *
policies_text(const char *name, const PfNetwork *n)
{
    PfExtensionPort ep = guest_port(name, n);
    g_autoptr(GVariant) image = pf_switch_image(sw, name);
    g_autoptr(GError) error = NULL;
    GVariant *v;

    g_assert_nonnull(image);
    v = ext->get_policies(&ep, image, &error);
    g_assert_no_error(error);
    return pf_codec_format(v);
}

/* What verification of 'json' says; NULL if nothing. */
static char *
verify(const PfExtensionPort *ep, const char *json)
{
    g_autoptr(PfProblems) problems = pf_problems_new();
    g_autoptr(GVariant) v = policies(json);

    ext->verify(ep, v, problems);
    return pf_problems_count(problems) ? pf_problems_text(problems) : NULL;
}

/* Demands that 'json' is refused with exactly 'text', or, NULL, taken. */
static void
assert_verdict(const PfExtensionPort *ep, const char *json, const char *text)
{
    g_autofree char *said = verify(ep, json);

    g_test_message("%.200s", json);
    g_assert_cmpstr(said, ==, text);
}

/* The replica has everything that ovs-vsctl did. */
static void
catch_up(void)
{
    sw_commit(pf_change_new(TRUE), "nothing");
}

/* What ovs-vsctl shows of the extension's columns. */
static char *
listing(const char *name)
{
    return ovs_run(
        "ovs-vsctl --columns=name,tag,trunks,vlan_mode,cvlans,protected,"
        "other_config,external_ids list Port %s; "
        "ovs-vsctl --columns=type,other_config,external_ids,mtu_request,"
        "ingress_policing_rate,ingress_policing_burst,"
        "ingress_policing_kpkts_rate,ingress_policing_kpkts_burst,"
        "ofport_request,ofport,error list Interface %s", name, name);
}

/* Requests 4 and 5 for the port 'ep' with 'v': a ghost with its policies. */
static void
make_ghost(const PfExtensionPort *ep, GVariant *v)
{
    g_autoptr(GVariant) iface = pf_codec_dict(v, "interface");
    g_autoptr(GError) error = NULL;
    PfChange *change = pf_change_new(TRUE);
    gint64 ofport = 0;

    if (iface) {
        pf_codec_integer(iface, "ofport", &ofport);
    }
    if (pf_switch_ofport_taken(sw, ep->bridge, ofport, ep->name)) {
        ofport = 0;
    }
    sw_commit(sw_ghost(ep->name, NULL, ofport), "port-create");
    g_assert_true(ext->property_add(ep, v, change, &error));
    g_assert_no_error(error);
    sw_commit(change, "property-add");
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
    pf_change_port_key(change, ep->name, PF_KEY_ROLE, NULL);
    pf_change_port_key(change, ep->name, PF_KEY_MIGRATION, NULL);
    sw_commit(change, "claim");
}

/* ---- A port that moves ------------------------------------------------ */

#define CLAIM "external_ids:iface-id=" IFACE_ID " " \
              "external_ids:iface-status=active " \
              "'external_ids:attached-mac=\"" MAC "\"'"

/* Lets a port, set up with 'port' and 'iface' for ovs-vsctl, move. */
static void
assert_moves_whole(const char *port, const char *iface)
{
    g_autoptr(PfNetwork) n = network(NULL);
    PfExtensionPort ep = guest_port("web0", n);
    int fd = ovs_tap_open("web0");

    g_test_message("Port %s, Interface %s", port, iface);
    ovs_do("ovs-vsctl add-port br0 web0 -- set Port web0 %s "
           "-- set Interface web0 " CLAIM " %s", port, iface);
    sw_loop_until(sw_port_exists, (gpointer) "web0", "the source's port");
    catch_up();
    g_autofree char *before = listing("web0");
    g_autofree char *json = policies_text("web0", n);
    sw_delete_port("web0");
    close(fd);

    g_autoptr(GVariant) v = policies(json);
    assert_verdict(&ep, json, NULL);
    make_ghost(&ep, v);
    fd = ovs_tap_open("web0");
    take_tap(&ep);
    g_autofree char *after = listing("web0");
    g_assert_cmpstr(before, ==, after);

    /* And it would move on as the same. */
    catch_up();
    g_autofree char *again = policies_text("web0", n);
    g_autoptr(GVariant) w = policies(again);
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
    catch_up();
    g_autofree char *json = policies_text("web0", n);
    g_autoptr(GVariant) v = policies(json);
    g_autoptr(GVariant) port = pf_codec_dict(v, "port");
    g_autoptr(GVariant) iface = pf_codec_dict(v, "interface");
    gint64 tag = 0;

    g_assert_null(strstr(json, "external_ids"));
    g_assert_true(pf_codec_integer(port, "tag", &tag));
    g_assert_cmpint(tag, ==, 5);
    g_assert_cmpuint(g_variant_n_children(iface), ==, 1);   /* ofport. */
    sw_delete_port("web0");
}

/* At the switchover the port may be a carrier already: then what was written
 * down for the way back is what its policies are taken from. */
static void
test_undo_image_has_the_same_policies(void)
{
    g_autoptr(PfNetwork) n = network(NULL);
    PfExtensionPort ep = guest_port("web0", n);
    g_autoptr(GError) error = NULL;

    ovs_do("ovs-vsctl add-port br0 web0 tag=5 -- set Interface web0 "
           "type=internal lldp:enable=false bfd:enable=false " CLAIM
           " -- set Port web0 lacp=off external_ids:a=b qos=@q "
           "-- --id=@q create QoS type=linux-noop");
    sw_loop_until(sw_port_exists, (gpointer) "web0", "the port");
    catch_up();
    g_autofree char *want = policies_text("web0", n);
    g_autoptr(GVariant) undo = pf_switch_undo_image(sw, "web0");
    g_autofree char *got = pf_codec_format(ext->get_policies(&ep, undo,
                                                             &error));

    g_assert_no_error(error);
    g_assert_cmpstr(want, ==, got);
    sw_delete_port("web0");
    ovs_do("ovs-vsctl --all destroy QoS");
}

static void
test_unstamped_port_has_what_the_xml_says(void)
{
    g_autoptr(PfNetwork) n = network(NULL);
    PfExtensionPort ep = guest_port("web0", n);
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
        g_autoptr(GVariant) v = policies(cases[i].json);

        assert_verdict(&ep, cases[i].json, NULL);
        make_ghost(&ep, v);
        ovs_assert_prints(cases[i].tag, "ovs-vsctl get Port web0 tag");
        ovs_assert_prints(cases[i].trunks, "ovs-vsctl get Port web0 trunks");
        sw_delete_port("web0");
    }
}

/* ---- At the switchover ------------------------------------------------ */

/* nic_restore from 'old' to 'new'; commits and returns whether it changed
 * anything. */
static gboolean
restore(const PfExtensionPort *ep, const char *old, const char *new)
{
    g_autoptr(GVariant) before = policies(old);
    g_autoptr(GVariant) after = policies(new);
    g_autoptr(GError) error = NULL;
    PfChange *change = pf_change_new(TRUE);
    gboolean changed = FALSE;

    g_assert_true(ext->nic_restore(ep, before, after, NULL, change, &changed,
                                   &error));
    g_assert_no_error(error);
    if (changed) {
        sw_commit(change, "nic-restore");
    } else {
        pf_change_free(change);
    }
    return changed;
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
    PfExtensionPort ep = guest_port("web0", n);
    g_autoptr(GVariant) v = policies(old);
    int fd = ovs_tap_open("web0");

    make_ghost(&ep, v);
    take_tap(&ep);
    catch_up();
    g_autofree char *row = ovs_run("ovs-vsctl get Port web0 _uuid");

    g_assert_false(restore(&ep, old, old));
    g_assert_true(restore(&ep, old, new));
    ovs_assert_prints("43\n{b=\"3\"}",
                      "ovs-vsctl get Port web0 tag other_config");
    ovs_assert_prints("{attached-mac=\"" MAC "\", iface-id=\"" IFACE_ID "\", "
                      "iface-status=active}",
                      "ovs-vsctl get Interface web0 external_ids");
    ovs_assert_prints(row, "ovs-vsctl get Port web0 _uuid");

    /* Neither another order nor another number is a change. */
    g_assert_false(restore(&ep, new, new_in_other_order));
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
    PfExtensionPort ep = guest_port("web0", n);
    g_autoptr(GVariant) v = policies(json);

    ovs_do("ovs-vsctl add-port br0 other -- set Interface other type=internal "
           "ofport_request=200");
    sw_loop_until(sw_port_exists, (gpointer) "other", "another port");
    catch_up();
    assert_verdict(&ep, json, NULL);
    make_ghost(&ep, v);
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
    make_ghost(&ep, v);
    ovs_assert_prints("200\n200",
                      "ovs-vsctl get Interface web0 ofport_request ofport");
    sw_delete_port("web0");
}

/* ---- Refusals: form --------------------------------------------------- */

static void
test_malformed_policies_are_refused(void)
{
    g_autoptr(PfNetwork) n = network(NULL);
    PfExtensionPort ep = guest_port("web0", n);
    static const struct {
        const char *json;
        const char *text;
    } cases[] = {
        { "{\"port\":{\"tag\":4096}}",
          "range: port.tag 4096 is not in 0 to 4095 (Open vSwitch)" },
        { "{\"port\":{\"tag\":-1}}",
          "range: port.tag -1 is not in 0 to 4095 (Open vSwitch)" },
        { "{\"port\":{\"tag\":9223372036854775807}}",
          "range: port.tag 9223372036854775807 is not in 0 to 4095 "
          "(Open vSwitch)" },
        { "{\"port\":{\"tag\":\"42\"}}",
          "syntax: port.tag is not an integer" },
        { "{\"port\":{\"tag\":42.0}}", "syntax: port.tag is not an integer" },
        { "{\"port\":{\"tag\":null}}", "syntax: port.tag is not an integer" },
        { "{\"port\":{\"tag\":[42]}}", "syntax: port.tag is not an integer" },
        { "{\"port\":{\"trunks\":[1,4096]}}",
          "range: port.trunks 4096 is not in 0 to 4095 (Open vSwitch)" },
        { "{\"port\":{\"trunks\":[\"1\"]}}",
          "syntax: port.trunks is not an integer" },
        { "{\"port\":{\"trunks\":7}}",
          "syntax: port.trunks is not a list of at most 4096 integers" },
        { "{\"port\":{\"trunks\":{\"a\":7}}}",
          "syntax: port.trunks is not a list of at most 4096 integers" },
        { "{\"port\":{\"cvlans\":[-1]}}",
          "range: port.cvlans -1 is not in 0 to 4095 (Open vSwitch)" },
        { "{\"port\":{\"vlan_mode\":\"sideways\"}}",
          "syntax: port.vlan_mode is not one of access, dot1q-tunnel, "
          "native-tagged, native-untagged, trunk" },
        { "{\"port\":{\"vlan_mode\":1}}",
          "syntax: port.vlan_mode is not one of access, dot1q-tunnel, "
          "native-tagged, native-untagged, trunk" },
        { "{\"port\":{\"protected\":1}}",
          "syntax: port.protected is not a boolean" },
        { "{\"port\":{\"other_config\":[]}}",
          "syntax: port.other_config is not a map of at most 4096 strings" },
        { "{\"port\":{\"other_config\":{\"a\":1}}}",
          "syntax: port.other_config:a is not a string of at most 4096 "
          "bytes" },
        { "{\"interface\":{\"mtu_request\":67}}",
          "range: interface.mtu_request 67 is not in 68 to 65535 "
          "(Open vSwitch)" },
        { "{\"interface\":{\"mtu_request\":65536}}",
          "range: interface.mtu_request 65536 is not in 68 to 65535 "
          "(Open vSwitch)" },
        { "{\"interface\":{\"ofport_request\":0}}",
          "range: interface.ofport_request 0 is not in 1 to 65279 "
          "(Open vSwitch)" },
        { "{\"interface\":{\"ofport\":65280}}",
          "range: interface.ofport 65280 is not in 1 to 65279 "
          "(Open vSwitch)" },
        { "{\"interface\":{\"ingress_policing_rate\":-1}}",
          "range: interface.ingress_policing_rate -1 is not in 0 to "
          "2147483647 (Open vSwitch)" },
        { "{\"interface\":{\"external_ids\":{\"a\":null}}}",
          "syntax: interface.external_ids:a is not a string of at most 4096 "
          "bytes" },
        { "{\"port\":[]}", "syntax: 'port' is not a dictionary of columns" },
        { "{\"interface\":1}",
          "syntax: 'interface' is not a dictionary of columns" },
        { "{\"bridge\":{}}",
          "syntax: 'bridge' is neither 'port' nor 'interface'" },
        { "{\"port\":{\"tag\":4095,\"trunks\":[0,4095],"
          "\"vlan_mode\":\"native-tagged\",\"cvlans\":[],"
          "\"protected\":false},"
          "\"interface\":{\"mtu_request\":68,\"ofport_request\":65279}}",
          NULL },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        assert_verdict(&ep, cases[i].json, cases[i].text);
    }
}

static void
test_only_known_columns_travel(void)
{
    static const char *const names[][2] = {
        { "port", "qos" }, { "port", "name" }, { "port", "interfaces" },
        { "port", "fake_bridge" }, { "port", "bond_mode" },
        { "port", "mtu_request" }, { "port", "" }, { "interface", "type" },
        { "interface", "options" }, { "interface", "mac" },
        { "interface", "lldp" }, { "interface", "tag" },
        { "interface", "error" },
    };
    g_autoptr(PfNetwork) n = network(NULL);
    PfExtensionPort ep = guest_port("web0", n);

    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *json = g_strdup_printf("{\"%s\":{\"%s\":\"x\"}}",
                                                names[i][0], names[i][1]);
        g_autofree char *text = g_strdup_printf(
            "syntax: %s.%s is not a column that may travel", names[i][0],
            names[i][1]);

        assert_verdict(&ep, json, text);
    }
}

static void
test_foreign_keys_are_refused(void)
{
    static const char *const keys[] = {
        "iface-id", "attached-mac", "iface-status", "vm-id", "ifname",
        "port-profile", "PortData", "portferry-role", "portferry-migration",
        "portferry-", "portferry-anything",
    };
    static const char *const rows[] = { "port", "interface" };
    g_autoptr(PfNetwork) n = network(NULL);
    PfExtensionPort ep = guest_port("web0", n);

    for (gsize i = 0; i < G_N_ELEMENTS(keys); i++) {
        for (gsize k = 0; k < G_N_ELEMENTS(rows); k++) {
            g_autofree char *json = g_strdup_printf(
                "{\"%s\":{\"external_ids\":{\"mine\":\"x\",\"%s\":\"x\"}}}",
                rows[k], keys[i]);
            g_autofree char *text = g_strdup_printf(
                "syntax: %s.external_ids:%s is not a key that may travel",
                rows[k], keys[i]);

            assert_verdict(&ep, json, text);
        }
    }
    assert_verdict(&ep, "{\"port\":{\"other_config\":{\"iface-id\":\"x\"}}}",
                   NULL);
}

static void
test_sizes_have_limits(void)
{
    g_autoptr(PfNetwork) n = network(NULL);
    PfExtensionPort ep = guest_port("web0", n);
    g_autofree char *most = g_strnfill(4096, 'x');
    g_autofree char *more = g_strnfill(4097, 'x');
    g_autofree char *good = g_strdup_printf(
        "{\"port\":{\"other_config\":{\"k\":\"%s\",\"%s\":\"v\"}}}", most,
        most);
    g_autofree char *value = g_strdup_printf(
        "{\"port\":{\"other_config\":{\"k\":\"%s\"}}}", more);
    g_autofree char *key = g_strdup_printf(
        "{\"port\":{\"other_config\":{\"%s\":\"v\"}}}", more);
    GString *map = g_string_new("{\"port\":{\"other_config\":{\"k\":\"v\"");
    GString *list = g_string_new("{\"port\":{\"trunks\":[0");

    for (int i = 0; i < 4096; i++) {
        g_string_append_printf(map, ",\"%d\":\"v\"", i);
        g_string_append(list, ",1");
    }
    g_string_append(map, "}}}");
    g_string_append(list, "]}}");

    assert_verdict(&ep, good, NULL);
    assert_verdict(&ep, value, "syntax: port.other_config:k is not a string "
                   "of at most 4096 bytes");
    g_autofree char *said = verify(&ep, key);
    g_assert_cmpuint(strlen(said), <, 200);
    assert_verdict(&ep, map->str, "syntax: port.other_config is not a map of "
                   "at most 4096 strings");
    assert_verdict(&ep, list->str, "syntax: port.trunks is not a list of at "
                   "most 4096 integers");
    g_string_free(map, TRUE);
    g_string_free(list, TRUE);
}

/* ---- Refusals: the network -------------------------------------------- */

#define NOT_ALLOWED(VID, COLUMN) \
    "range: VLAN " VID " (" COLUMN ") is not among the VLANs that network " \
    "'lan' allows (42,100-199, <portferry:vlan> in its XML)"
#define ALL_TRUNKS(MODE) \
    "range: the port is a trunk of every VLAN (vlan_mode " MODE " without " \
    "trunks), network 'lan' allows 42,100-199 (<portferry:vlan> in its XML)"

static void
test_network_allows_vlans(void)
{
    g_autoptr(PfNetwork) n = network("42,100-199");
    PfExtensionPort ep = guest_port("web0", n);
    static const struct {
        const char *port;
        const char *text;
    } cases[] = {
        { "\"tag\":42", NULL },
        { "\"tag\":100", NULL },
        { "\"tag\":199", NULL },
        { "\"tag\":41", NOT_ALLOWED("41", "tag") },
        { "\"tag\":200", NOT_ALLOWED("200", "tag") },
        { "\"tag\":0", NOT_ALLOWED("0", "tag") },
        { "\"vlan_mode\":\"access\",\"tag\":43", NOT_ALLOWED("43", "tag") },
        /* What is ignored there is of no interest. */
        { "\"tag\":42,\"trunks\":[1]", NULL },
        { "\"vlan_mode\":\"trunk\",\"tag\":1,\"trunks\":[42,150]", NULL },
        { "\"trunks\":[42,150]", NULL },
        { "\"trunks\":[42,43,150]", NOT_ALLOWED("43", "trunks") },
        { "\"trunks\":[1,42,43]",
          NOT_ALLOWED("1", "trunks") "; " NOT_ALLOWED("43", "trunks") },
        { "", ALL_TRUNKS("trunk") },
        { "\"trunks\":[]", ALL_TRUNKS("trunk") },
        { "\"vlan_mode\":\"trunk\",\"tag\":42", ALL_TRUNKS("trunk") },
        { "\"vlan_mode\":\"native-tagged\",\"tag\":42",
          ALL_TRUNKS("native-tagged") },
        { "\"vlan_mode\":\"native-tagged\",\"tag\":42,\"trunks\":[150]",
          NULL },
        { "\"vlan_mode\":\"native-untagged\",\"tag\":43,\"trunks\":[150]",
          NOT_ALLOWED("43", "tag") },
        { "\"vlan_mode\":\"native-untagged\",\"tag\":43,\"trunks\":[1]",
          NOT_ALLOWED("43", "tag") "; " NOT_ALLOWED("1", "trunks") },
        { "\"vlan_mode\":\"dot1q-tunnel\",\"tag\":43",
          NOT_ALLOWED("43", "tag") },
        /* The inner ones are the customer's. */
        { "\"vlan_mode\":\"dot1q-tunnel\",\"tag\":42,\"cvlans\":[1]", NULL },
        /* Without a tag it is VLAN 0 that these carry. */
        { "\"vlan_mode\":\"access\"", NOT_ALLOWED("0", "no tag") },
        { "\"vlan_mode\":\"dot1q-tunnel\"", NOT_ALLOWED("0", "no tag") },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *json = g_strdup_printf("{\"port\":{%s}}",
                                                cases[i].port);

        assert_verdict(&ep, json, cases[i].text);
    }
    assert_verdict(&ep, "{}", ALL_TRUNKS("trunk"));
}

/* ---- Refusals: this host ---------------------------------------------- */

static void
test_bridge_must_be_there(void)
{
    g_autoptr(PfNetwork) n = network(NULL);
    PfExtensionPort ep = guest_port("web0", n);

    ep.bridge = "nobr";
    assert_verdict(&ep, "{\"port\":{\"tag\":1}}",
                   "applicability: there is no bridge 'nobr' on this host "
                   "(network 'lan')");
}

static void
test_mtu_must_fit_the_bridge(void)
{
    g_autoptr(PfNetwork) n = network(NULL);
    PfExtensionPort ep = guest_port("web0", n);

    assert_verdict(&ep, "{\"interface\":{\"mtu_request\":1500}}", NULL);
    assert_verdict(&ep, "{\"interface\":{\"mtu_request\":1501}}",
                   "applicability: MTU 1501 is above the MTU 1500 of bridge "
                   "'br0'");
    ep.mtu = 1500;
    assert_verdict(&ep, "{}", NULL);
    ep.mtu = 9000;
    assert_verdict(&ep, "{}", "applicability: MTU 9000 is above the MTU 1500 "
                   "of bridge 'br0'");
}

static void
test_fake_bridge_is_in_the_way(void)
{
    g_autoptr(PfNetwork) n = network(NULL);
    PfExtensionPort ep = guest_port("web0", n);

    ovs_do("ovs-vsctl add-br fake0 br0 66");
    sw_loop_until(sw_port_exists, (gpointer) "fake0", "the fake bridge");
    assert_verdict(&ep, "{\"port\":{\"tag\":66}}",
                   "applicability: bridge 'br0' has a fake bridge 'fake0' for "
                   "VLAN 66: libvirt could not add the port");
    assert_verdict(&ep, "{\"port\":{\"tag\":67}}", NULL);
    ovs_do("ovs-vsctl del-br fake0");
    sw_loop_until(sw_port_is_gone, (gpointer) "fake0", "its end");
}

static void
test_identity_must_be_unused(void)
{
    g_autoptr(PfNetwork) n = network(NULL);
    PfExtensionPort ep = guest_port("web0", n);

    ovs_do("ovs-vsctl add-port br0 other -- set Interface other type=internal "
           CLAIM);
    sw_loop_until(sw_port_exists, (gpointer) "other", "another port");
    catch_up();
    assert_verdict(&ep, "{}",
                   "conflict: attached-mac " MAC " is in use by port 'other' "
                   "on this host; conflict: iface-id " IFACE_ID " is in use "
                   "by port 'other' on this host");
    ep.iface_id = NULL;
    assert_verdict(&ep, "{}", "conflict: attached-mac " MAC " is in use by "
                   "port 'other' on this host");
    ep.iface_id = IFACE_ID;
    ep.mac = "52:54:00:aa:00:02";
    assert_verdict(&ep, "{}", "conflict: iface-id " IFACE_ID " is in use by "
                   "port 'other' on this host");
    ep.iface_id = NULL;
    assert_verdict(&ep, "{}", NULL);
    ep.name = "other";
    assert_verdict(&ep, "{}", "conflict: a port named 'other' is on bridge "
                   "'br0' of this host");
    ep.name = "br0";
    assert_verdict(&ep, "{}", "conflict: a port named 'br0' is on bridge "
                   "'br0' of this host");

    /* Once it is here it is in no conflict with itself. */
    ep = guest_port("other", n);
    ep.is_here = TRUE;
    assert_verdict(&ep, "{}", NULL);
    sw_delete_port("other");
}

/* ---- Messages --------------------------------------------------------- */

static void
test_every_problem_is_told(void)
{
    g_autoptr(PfNetwork) n = network("42");
    PfExtensionPort ep = guest_port("other", n);

    ovs_do("ovs-vsctl add-port br0 other -- set Interface other "
           "type=internal -- add-port br0 more -- set Interface more "
           "type=internal " CLAIM);
    sw_loop_until(sw_port_exists, (gpointer) "more", "other ports");
    catch_up();
    g_autofree char *form = verify(
        &ep, "{\"port\":{\"tag\":4096,\"qos\":\"x\",\"protected\":3},"
        "\"interface\":{\"mtu_request\":1,\"external_ids\":{\"iface-id\":"
        "\"x\"}},\"bridge\":{}}");
    g_autofree char *host = verify(
        &ep, "{\"port\":{\"tag\":43},\"interface\":{\"mtu_request\":1600}}");
    static const char *const in_form[] = {
        "range: port.tag 4096 ", "syntax: port.qos ",
        "syntax: port.protected ", "range: interface.mtu_request 1 ",
        "syntax: interface.external_ids:iface-id ", "syntax: 'bridge' ",
        "conflict: attached-mac ", "conflict: iface-id ",
        "conflict: a port named 'other' ",
    };
    static const char *const in_host[] = {
        "range: VLAN 43 (tag) ", "applicability: MTU 1600 ",
        "conflict: attached-mac ", "conflict: iface-id ",
        "conflict: a port named 'other' ",
    };

    for (gsize i = 0; i < G_N_ELEMENTS(in_form); i++) {
        if (!strstr(form, in_form[i])) {
            g_error("'%s' is not in '%s'", in_form[i], form);
        }
    }
    for (gsize i = 0; i < G_N_ELEMENTS(in_host); i++) {
        if (!strstr(host, in_host[i])) {
            g_error("'%s' is not in '%s'", in_host[i], host);
        }
    }
    sw_delete_port("other");
    sw_delete_port("more");
}

static void
test_messages_are_one_clean_line(void)
{
    g_autoptr(PfNetwork) n = network("42");
    PfExtensionPort ep = guest_port("web0", n);
    g_autofree char *filler = g_strnfill(63, 'x');
    g_autofree char *cut = g_strdup_printf("{\"port\":{\"%sæ\":1}}", filler);
    GString *trunks = g_string_new("{\"port\":{\"trunks\":[0");
    static const char *const hostile[] = {
        "{\"port\":{\"a\\nb\\u001b[31m\":1}}",
        "{\"port\":{\"%s%n\":1}}",
        "{\"a\\r\\nb\":{}}",
        "{\"port\":{\"external_ids\":{\"portferry-\\n\":\"x\"}}}",
        "{\"port\":{\"other_config\":{\"a\\tb\":1}}}",
    };

    for (gsize i = 0; i < G_N_ELEMENTS(hostile); i++) {
        g_autofree char *said = verify(&ep, hostile[i]);

        g_assert_nonnull(said);
        for (const char *p = said; *p; p++) {
            if (g_ascii_iscntrl(*p)) {
                g_error("a control character in '%s'", said);
            }
        }
    }

    g_autofree char *half = verify(&ep, cut);
    g_assert_true(g_utf8_validate(half, -1, NULL));

    for (int i = 1; i < 4096; i++) {
        g_string_append_printf(trunks, ",%d", i);
    }
    g_string_append(trunks, "]}}");
    g_autofree char *many = verify(&ep, trunks->str);
    g_assert_cmpuint(strlen(many), <, 4096);
    g_assert_true(g_str_has_prefix(many, "range: VLAN 0 (trunks) "));
    g_assert_true(g_str_has_suffix(many, "; and 4079 more"));
    g_string_free(trunks, TRUE);
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
    PfExtensionPort ep = guest_port("web0", n);
    g_autofree char *before = census();
    int fd = ovs_tap_open("web0");

    for (int i = 0; i < 100; i++) {
        g_autoptr(GVariant) v = policies(json);
        PfChange *change;

        make_ghost(&ep, v);
        take_tap(&ep);
        catch_up();
        g_autofree char *again = policies_text("web0", n);
        g_autoptr(GVariant) w = policies(again);
        g_autoptr(GVariant) iface = pf_codec_dict(w, "interface");
        gint64 ofport = 0;

        g_assert_true(pf_codec_integer(iface, "ofport", &ofport));
        g_assert_cmpint(ofport, ==, 900);
        change = pf_change_new(TRUE);
        pf_change_del_port(change, "web0", NULL);
        sw_commit(change, "port-delete");
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
    switch_fixture_init();
    ext = pf_extension_find("port");
    g_assert_true(ext == &pf_extension_port);

#define TEST(FUNCTION) g_test_add_func("/port/" #FUNCTION, test_##FUNCTION)
    TEST(port_moves_whole);
    TEST(foreign_keys_do_not_travel);
    TEST(undo_image_has_the_same_policies);
    TEST(unstamped_port_has_what_the_xml_says);
    TEST(last_change_arrives);
    TEST(taken_number_is_not_taken_away);
    TEST(malformed_policies_are_refused);
    TEST(only_known_columns_travel);
    TEST(foreign_keys_are_refused);
    TEST(sizes_have_limits);
    TEST(network_allows_vlans);
    TEST(bridge_must_be_there);
    TEST(mtu_must_fit_the_bridge);
    TEST(fake_bridge_is_in_the_way);
    TEST(identity_must_be_unused);
    TEST(every_problem_is_told);
    TEST(messages_are_one_clean_line);
    TEST(hundred_moves_leave_nothing);
#undef TEST

    result = g_test_run();
    switch_fixture_done();
    return result;
}
