/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of what the extension `port' refuses, and of what it says then,
 * against a real Open vSwitch.
 */
#include <config.h>

#include <string.h>

#include "port-fixture.h"

/* ---- Refusals: form --------------------------------------------------- */

static const struct {
    const char *json;
    const char *text;
} malformed[] = {
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
      "(Open vSwitch); applicability: MTU 65536 is above the MTU 1500 of "
      "bridge 'br0'" },
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

static void
test_malformed_policies_are_refused(void)
{
    g_autoptr(PfNetwork) n = network(NULL);
    PfExtensionPort ep = guest_port("web0");

    for (gsize i = 0; i < G_N_ELEMENTS(malformed); i++) {
        assert_verdict(&ep, n, malformed[i].json, malformed[i].text);
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
        { "interface", "lldp_status" }, { "interface", "tag" },
        { "interface", "error" },
    };
    g_autoptr(PfNetwork) n = network(NULL);
    PfExtensionPort ep = guest_port("web0");

    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *json = g_strdup_printf("{\"%s\":{\"%s\":\"x\"}}",
                                                names[i][0], names[i][1]);
        g_autofree char *text = g_strdup_printf(
            "syntax: %s.%s is not a column that may travel", names[i][0],
            names[i][1]);

        assert_verdict(&ep, n, json, text);
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
    PfExtensionPort ep = guest_port("web0");

    for (gsize i = 0; i < G_N_ELEMENTS(keys); i++) {
        for (gsize k = 0; k < G_N_ELEMENTS(rows); k++) {
            g_autofree char *json = g_strdup_printf(
                "{\"%s\":{\"external_ids\":{\"mine\":\"x\",\"%s\":\"x\"}}}",
                rows[k], keys[i]);
            g_autofree char *text = g_strdup_printf(
                "syntax: %s.external_ids:%s is not a key that may travel",
                rows[k], keys[i]);

            assert_verdict(&ep, n, json, text);
        }
    }
    assert_verdict(&ep, n, "{\"port\":{\"other_config\":{\"iface-id\":"
                   "\"x\"}}}", NULL);
}

static void
test_sizes_have_limits(void)
{
    g_autoptr(PfNetwork) n = network(NULL);
    PfExtensionPort ep = guest_port("web0");
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

    assert_verdict(&ep, n, good, NULL);
    assert_verdict(&ep, n, value, "syntax: port.other_config:k is not a "
                   "string of at most 4096 bytes");
    g_autofree char *said = verify(&ep, n, key);
    g_assert_cmpuint(strlen(said), <, 200);
    assert_verdict(&ep, n, map->str, "syntax: port.other_config is not a map "
                   "of at most 4096 strings");
    assert_verdict(&ep, n, list->str, "syntax: port.trunks is not a list of "
                   "at most 4096 integers");
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
    PfExtensionPort ep = guest_port("web0");
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
        { "\"vlan_mode\":\"native-untagged\",\"trunks\":[42]",
          NOT_ALLOWED("0", "no tag") },
        { "\"vlan_mode\":\"native-tagged\",\"trunks\":[42,150]",
          NOT_ALLOWED("0", "no tag") },
        { "\"vlan_mode\":\"native-tagged\",\"trunks\":[1]",
          NOT_ALLOWED("0", "no tag") "; " NOT_ALLOWED("1", "trunks") },
        { "\"vlan_mode\":\"trunk\",\"trunks\":[42]", NULL },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *json = g_strdup_printf("{\"port\":{%s}}",
                                                cases[i].port);

        assert_verdict(&ep, n, json, cases[i].text);
    }
    assert_verdict(&ep, n, "{}", ALL_TRUNKS("trunk"));
}

/* ---- Refusals: this host ---------------------------------------------- */

static void
test_bridge_must_be_there(void)
{
    g_autoptr(PfNetwork) n = network(NULL);
    PfExtensionPort ep = guest_port("web0");

    ep.bridge = "nobr";
    assert_verdict(&ep, n, "{\"port\":{\"tag\":1}}",
                   "applicability: there is no bridge 'nobr' on this host "
                   "(network 'lan')");
}

static void
test_mtu_must_fit_the_bridge(void)
{
    g_autoptr(PfNetwork) n = network(NULL);
    PfExtensionPort ep = guest_port("web0");

    assert_verdict(&ep, n, "{\"interface\":{\"mtu_request\":1500}}", NULL);
    assert_verdict(&ep, n, "{\"interface\":{\"mtu_request\":1501}}",
                   "applicability: MTU 1501 is above the MTU 1500 of bridge "
                   "'br0'");
    ep.mtu = 1500;
    assert_verdict(&ep, n, "{}", NULL);
    ep.mtu = 9000;
    assert_verdict(&ep, n, "{}", "applicability: MTU 9000 is above the MTU "
                   "1500 of bridge 'br0'");
}

static void
test_fake_bridge_is_in_the_way(void)
{
    g_autoptr(PfNetwork) n = network(NULL);
    PfExtensionPort ep = guest_port("web0");

    ovs_do("ovs-vsctl add-br fake0 br0 66");
    sw_loop_until(sw_port_exists, (gpointer) "fake0", "the fake bridge");
    assert_verdict(&ep, n, "{\"port\":{\"tag\":66}}",
                   "applicability: bridge 'br0' has a fake bridge 'fake0' for "
                   "VLAN 66: libvirt could not add the port");
    assert_verdict(&ep, n, "{\"port\":{\"tag\":67}}", NULL);
    ovs_do("ovs-vsctl del-br fake0");
    sw_loop_until(sw_port_is_gone, (gpointer) "fake0", "its end");
}

static void
test_identity_must_be_unused(void)
{
    g_autoptr(PfNetwork) n = network(NULL);
    PfExtensionPort ep = guest_port("web0");

    ovs_do("ovs-vsctl add-port br0 other -- set Interface other type=internal "
           CLAIM);
    sw_loop_until(sw_port_exists, (gpointer) "other", "another port");
    ef_catch_up();
    assert_verdict(&ep, n, "{}",
                   "conflict: attached-mac " EF_MAC " is in use by port "
                   "'other' on this host; conflict: iface-id " EF_IFACE_ID
                   " is in use by port 'other' on this host");
    ep.iface_id = NULL;
    assert_verdict(&ep, n, "{}", "conflict: attached-mac " EF_MAC " is in use "
                   "by port 'other' on this host");
    ep.iface_id = EF_IFACE_ID;
    ep.mac = "52:54:00:aa:00:02";
    assert_verdict(&ep, n, "{}", "conflict: iface-id " EF_IFACE_ID " is in "
                   "use by port 'other' on this host");
    ep.iface_id = NULL;
    assert_verdict(&ep, n, "{}", NULL);
    ep.name = "other";
    assert_verdict(&ep, n, "{}", "conflict: a port named 'other' is on bridge "
                   "'br0' of this host");
    ep.name = "br0";
    assert_verdict(&ep, n, "{}", "conflict: a port named 'br0' is on bridge "
                   "'br0' of this host");

    /* Once it is here it is in no conflict with itself. */
    ep = guest_port("other");
    ep.is_here = TRUE;
    assert_verdict(&ep, n, "{}", NULL);
    sw_delete_port("other");
}

static void
test_carriers_claim_nothing(void)
{
    g_autoptr(PfNetwork) n = network(NULL);
    PfExtensionPort ep = guest_port("web0");
    PfChange *change = pf_change_new(TRUE);

    sw_commit(sw_ghost("other", 0), "ghost");
    pf_change_make_carrier(change, "other", NULL, MIGRATION);
    sw_commit(change, "carrier");
    /* A restarted libvirtd claims for the carrier. */
    ovs_do("ovs-vsctl set Interface other " CLAIM);
    ef_catch_up();
    assert_verdict(&ep, n, "{}", NULL);
    sw_delete_port("other");
}

/* ---- Messages --------------------------------------------------------- */

/* Demands that each of 'parts' ("A|B") is in what is said of 'json', and that
 * as many problems are. */
static void
assert_all_in(const PfExtensionPort *ep, const PfNetwork *n, const char *json,
              const char *parts)
{
    g_autofree char *said = verify(ep, n, json);
    g_auto(GStrv) each = g_strsplit(parts, "|", -1);
    g_auto(GStrv) got = g_strsplit(said, "; ", -1);

    for (guint i = 0; each[i]; i++) {
        if (!strstr(said, each[i])) {
            g_error("'%s' is not in '%s'", each[i], said);
        }
    }
    g_assert_cmpuint(g_strv_length(got), ==, g_strv_length(each));
}

static void
test_every_problem_is_told(void)
{
    g_autoptr(PfNetwork) n = network("42");
    PfExtensionPort ep = guest_port("other");

    ovs_do("ovs-vsctl add-port br0 other -- set Interface other "
           "type=internal -- add-port br0 more -- set Interface more "
           "type=internal " CLAIM);
    sw_loop_until(sw_port_exists, (gpointer) "more", "other ports");
    ef_catch_up();
    /* Whatever is not well formed; then nothing else is looked at. */
    assert_all_in(&ep, n, "{\"port\":{\"tag\":4096,\"qos\":\"x\","
                  "\"protected\":3},\"interface\":{\"mtu_request\":1,"
                  "\"external_ids\":{\"iface-id\":\"x\"}},\"bridge\":{}}",
                  "syntax: port.qos |syntax: port.protected |"
                  "syntax: interface.external_ids:iface-id |"
                  "syntax: 'bridge' ");
    assert_all_in(&ep, n, "{\"port\":{\"tag\":4096},\"interface\":{"
                  "\"mtu_request\":1}}",
                  "range: port.tag 4096 |range: interface.mtu_request 1 |"
                  "conflict: attached-mac |conflict: iface-id |"
                  "conflict: a port named 'other' ");
    assert_all_in(&ep, n, "{\"port\":{\"tag\":43},\"interface\":{"
                  "\"mtu_request\":1600}}",
                  "range: VLAN 43 (tag) |applicability: MTU 1600 |"
                  "conflict: attached-mac |conflict: iface-id |"
                  "conflict: a port named 'other' ");
    sw_delete_port("other");
    sw_delete_port("more");
}

static void
test_messages_are_one_clean_line(void)
{
    g_autoptr(PfNetwork) n = network("42");
    PfExtensionPort ep = guest_port("web0");
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
        g_autofree char *said = verify(&ep, n, hostile[i]);

        g_assert_nonnull(said);
        for (const char *p = said; *p; p++) {
            if (g_ascii_iscntrl(*p)) {
                g_error("a control character in '%s'", said);
            }
        }
    }

    g_autofree char *half = verify(&ep, n, cut);
    g_assert_true(g_utf8_validate(half, -1, NULL));

    for (int i = 1; i < 4096; i++) {
        g_string_append_printf(trunks, ",%d", i);
    }
    g_string_append(trunks, "]}}");
    g_autofree char *many = verify(&ep, n, trunks->str);
    g_assert_cmpuint(strlen(many), <, 4096);
    g_assert_true(g_str_has_prefix(many, "range: VLAN 0 (trunks) "));
    g_assert_true(g_str_has_suffix(many, "; and 4079 more"));
    g_string_free(trunks, TRUE);
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

#define TEST(FUNCTION) \
    g_test_add_func("/port-verify/" #FUNCTION, test_##FUNCTION)
    TEST(malformed_policies_are_refused);
    TEST(only_known_columns_travel);
    TEST(foreign_keys_are_refused);
    TEST(sizes_have_limits);
    TEST(network_allows_vlans);
    TEST(bridge_must_be_there);
    TEST(mtu_must_fit_the_bridge);
    TEST(fake_bridge_is_in_the_way);
    TEST(identity_must_be_unused);
    TEST(carriers_claim_nothing);
    TEST(every_problem_is_told);
    TEST(messages_are_one_clean_line);
#undef TEST

    result = g_test_run();
    ef_done();
    return result;
}
