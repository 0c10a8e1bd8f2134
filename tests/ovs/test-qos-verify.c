/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of what the extension `qos' (plugin/extensions/qos-verify.c) refuses,
 * and of its reservations, against a real Open vSwitch.
 */
#include <config.h>

#include <string.h>

#include "qos-fixture.h"

/* ---- Verification ------------------------------------------------------- */

static void
test_syntax(void)
{
    qf_verdict("{}", NULL);
    qf_verdict("{'x': 1}",
               "syntax: 'x' is nothing that a port without QoS has");
    qf_verdict("{'libvirt': false}", "syntax: 'libvirt' is not true");
    qf_verdict("{'libvirt': true, 'min-rate': -1}",
               "syntax: 'min-rate' is not a number of bit/s");
    qf_verdict("{'qos': {'type': 'linux-htb'}}",
               "syntax: 'key' is not the UUID of a QoS row");
    qf_verdict("{" QF_KEY ", 'qos': 1}",
               "syntax: 'qos' is not a dictionary of columns");
    qf_verdict("{" QF_KEY ", 'qos': {}}",
               "syntax: qos.type is not a string of at most 64 bytes");
    qf_verdict("{" QF_KEY ", 'qos': {'type': '', 'name': 'x'}}",
               "syntax: 'name' is nothing that QoS has");
    qf_verdict("{" QF_KEY ", 'qos': {'type': 'linux-htb', "
               "'other_config': {'max-rate': 1}}}",
               "syntax: qos.other_config:max-rate is not a string of at "
               "most 4096 bytes");
    qf_verdict("{" QF_KEY ", 'qos': {'type': 'linux-htb', "
               "'external_ids': {'vm-id': 'x'}}}",
               "syntax: qos.external_ids:vm-id is not a key that may "
               "travel");
    qf_verdict("{" QF_KEY ", 'qos': {'type': 'linux-htb', 'queues': "
               "{'01': {}}}}",
               "syntax: '01' is not the number of a queue");
    qf_verdict("{" QF_KEY ", 'qos': {'type': 'linux-htb', 'queues': "
               "{'4294967296': {}}}}",
               "syntax: '4294967296' is not the number of a queue");
    qf_verdict("{" QF_KEY ", 'qos': {'type': 'linux-htb', 'queues': "
               "{'0': {'dscp': 'x', 'rate': 1, 'external_ids': "
               "{'portferry-qos': 'x'}}}}}",
               "syntax: 'rate' is nothing that a queue has; "
               "syntax: qos.queues:0.dscp is not an integer; "
               "syntax: qos.queues:0.external_ids:portferry-qos is not a "
               "key that may travel");
}

/* JSON, with ' for ", with 'n' members '0': 'value', '1': 'value', ... */
static char *
many(const char *before, guint n, const char *value, const char *after)
{
    GString *text = g_string_new(before);

    for (guint i = 0; i < n; i++) {
        g_string_append_printf(text, "%s'%u': %s", i ? "," : "", i, value);
    }
    g_string_append(text, after);
    return g_string_free(text, FALSE);
}

static void
test_sizes(void)
{
    const char *queues = "{" QF_KEY ", 'qos': {'type': '', 'queues': {";
    const char *keys = "{" QF_KEY ", 'qos': {'type': '', 'other_config': {";
    g_autofree char *q_ok = many(queues, 4096, "{}", "}}}");
    g_autofree char *q_more = many(queues, 4097, "{}", "}}}");
    g_autofree char *k_ok = many(keys, 1024, "''", "}}}");
    g_autofree char *k_more = many(keys, 1025, "''", "}}}");
    g_autofree char *x = g_strnfill(4097, 'x');
    g_autofree char *value = g_strdup_printf("'%s'", x);
    g_autofree char *long_value = many(keys, 1, value, "}}}");

    qf_verdict(q_ok, NULL);
    qf_verdict(q_more, "syntax: qos.queues is not a map of at most 4096 "
               "queues");
    qf_verdict(k_ok, NULL);
    qf_verdict(k_more, "syntax: qos.other_config is not a map of at most "
               "1024 strings");
    qf_verdict(long_value, "syntax: qos.other_config:0 is not a string of "
               "at most 4096 bytes");
}

static void
test_range(void)
{
    qf_verdict("{" QF_KEY ", 'qos': {'type': 'linux-htb', 'other_config': "
               "{'max-rate': '1e9', 'x': 'y'}}}",
               "range: qos.other_config:max-rate '1e9' is not a decimal "
               "number up to 9223372036854775807 (linux-htb of Open "
               "vSwitch)");
    qf_verdict("{" QF_KEY ", 'qos': {'type': 'linux-htb', 'queues': {'0': "
               "{'dscp': 64, 'other_config': {'min-rate': '-1', "
               "'priority': '4294967296'}}}}}",
               "range: qos.queues:0.dscp 64 is not in 0 to 63 (Open "
               "vSwitch); "
               "range: qos.queues:0.other_config:min-rate '-1' is not a "
               "decimal number up to 9223372036854775807 (linux-htb of "
               "Open vSwitch); "
               "range: qos.queues:0.other_config:priority '4294967296' is "
               "not a decimal number up to 4294967295 (linux-htb of Open "
               "vSwitch)");
    qf_verdict("{" QF_KEY ", 'qos': {'type': 'linux-hfsc', 'queues': "
               "{'61440': {'other_config': {'burst': 'not read'}}}}}",
               "range: queue 61440 is not in 0 to 61439 (linux-hfsc of Open "
               "vSwitch)");
    qf_verdict("{" QF_KEY ", 'qos': {'type': 'linux-noop', 'queues': "
               "{'61440': {}}}}", NULL);
    qf_verdict("{" QF_KEY ", 'qos': {'type': 'linux-netem', "
               "'other_config': {'latency': '5 ms'}}}",
               "range: qos.other_config:latency '5 ms' is not a decimal "
               "number up to 9223372036854775807 (linux-netem of Open "
               "vSwitch)");
}

static void
test_applicability(void)
{
    PfExtensionPort port = ef_port("web0", "br9");
    g_autoptr(GVariant) v = NULL;

    qf_verdict("{" QF_KEY ", 'qos': {'type': ''}}", NULL);
    qf_verdict("{" QF_KEY ", 'qos': {'type': 'linux-noop'}}", NULL);
    qf_verdict("{" QF_KEY ", 'qos': {'type': 'linux-fq_codel'}}", NULL);
    g_autofree char *json = qf_quote("{" QF_KEY ", 'qos': {'type': 'leaky'}}");
    v = ef_policies(json);
    g_autoptr(EfSaid) said = ef_call(QOS, PF_CALL_VERIFY_APPLICABILITY,
                                     &port, qf_lan, v);
    /* No such bridge: ovs-vswitchd says so. */
    g_assert_nonnull(said->error);
    g_assert_nonnull(strstr(said->error->message, "no such interface"));

    port.bridge = "br1";
    g_autofree char *text = ef_verify(QOS, &port, qf_lan, v);
    g_assert_nonnull(text);
    g_assert_true(g_str_has_prefix(
        text, "applicability: QoS type 'leaky' is not one that ovs-vswitchd "
        "supports on bridge 'br1' ("));
    g_assert_nonnull(strstr(text, "linux-htb"));
}

/* ---- Reservations ------------------------------------------------------- */

/* Policies of a port whose queues are to get 'rate' bit/s each. */
static char *
guaranteed(guint64 rate)
{
    return g_strdup_printf(
        "{\"key\":\"11111111-0000-4000-8000-000000000001\",\"qos\":"
        "{\"queues\":{\"0\":{\"other_config\":{\"min-rate\":\"%"
        G_GUINT64_FORMAT "\"}},\"1\":{\"other_config\":{\"min-rate\":\"%"
        G_GUINT64_FORMAT "\"}}},\"type\":\"linux-htb\"}}", rate, rate);
}

static void
test_capacity(void)
{
    g_autoptr(PfNetwork) n = ef_network(
        "br1", "<p:bandwidth capacity='100' unit='Mbit/s'/>");
    g_autofree char *json = guaranteed(20000000);
    g_autofree char *large = guaranteed(50000001);
    PfExtensionPort port = ef_port("web2", "br1");

    /* 40 Mbit/s each; a row that is shared counts for each port. */
    ef_assert_verdict(QOS, &port, n, json, NULL);
    ef_assert_verdict(QOS, &port, n, large,
                      "range: min-rate 100000002 bit/s (sum of the port's "
                      "queues) is above the capacity 100000000 bit/s that "
                      "network 'lan' has (<portferry:bandwidth> in its XML)");
    qf_arrive("web0", "br1", json, 1);
    ef_assert_verdict(QOS, &port, n, json, NULL);
    qf_arrive("web1", "br1", json, 1);
    qf_assert_rows(1, 2);
    ef_assert_verdict(QOS, &port, n, json,
                      "conflict: min-rate 40000000 bit/s of this port and "
                      "80000000 bit/s of the others on bridge 'br1' are "
                      "together above the capacity 100000000 bit/s of network "
                      "'lan' (<portferry:bandwidth> in its XML)");
    /* Not with itself, not on another bridge, not without a capacity. */
    port = ef_port("web1", "br1");
    ef_assert_verdict(QOS, &port, n, json, NULL);
    port = ef_port("web2", "br0");
    ef_assert_verdict(QOS, &port, n, json, NULL);
    port = ef_port("web2", "br1");
    ef_assert_verdict(QOS, &port, qf_lan, json, NULL);
    /* Types that guarantee nothing reserve nothing. */
    qf_vsctl("set QoS $(ovs-vsctl get Port web0 qos) type=linux-noop");
    ef_assert_verdict(QOS, &port, n, json, NULL);
    g_free(qf_leave("web0", "br1", 1));
    g_free(qf_leave("web1", "br1", 1));
    qf_assert_no_rows();
}

/* The option behind <p:bandwidth>, written by hand: without it there would be
 * no limit. */
static void
test_capacity_option(void)
{
    g_autoptr(PfNetwork) wrong = ef_network(
        "br1", "<p:extension name='qos' required='no'>"
        "<p:option name='capacity' value='10 Mbit/s'/></p:extension>");
    g_autoptr(PfNetwork) right = ef_network(
        "br1", "<p:extension name='qos' required='no'>"
        "<p:option name='capacity' value='10000000'/></p:extension>");
    g_autofree char *json = guaranteed(6000000);
    PfExtensionPort port = ef_port("web0", "br1");

    ef_assert_verdict(QOS, &port, wrong, json,
                      "range: option 'capacity' of network 'lan' is '10 "
                      "Mbit/s', not a number of bit/s: <portferry:bandwidth "
                      "capacity=\"10\" unit=\"Gbit/s\"/> in its XML takes "
                      "units");
    ef_assert_verdict(QOS, &port, right, json,
                      "range: min-rate 12000000 bit/s (sum of the port's "
                      "queues) is above the capacity 10000000 bit/s that "
                      "network 'lan' has (<portferry:bandwidth> in its XML)");
}

/* Two guests were verified at once: the second is refused when it would get
 * what the first has. */
static void
test_reserved_by_the_operational_port(void)
{
    g_autoptr(PfNetwork) n = ef_network(
        "br1", "<p:bandwidth capacity='100' unit='Mbit/s'/>");
    g_autofree char *json = guaranteed(30000000);
    g_autoptr(GVariant) v = ef_policies(json);

    qf_add_port("web0", "br1");
    qf_add_port("web1", "br1");
    PfExtensionPort a = ef_port("web0", "br1"), b = ef_port("web1", "br1");
    ef_assert_verdict(QOS, &a, n, json, NULL);
    ef_assert_verdict(QOS, &b, n, json, NULL);
    g_autoptr(EfSaid) first = ef_call(QOS, PF_CALL_PROPERTY_ADD, &a, n, v);
    g_assert_no_error(first->error);
    g_autoptr(EfSaid) second = ef_call(QOS, PF_CALL_PROPERTY_ADD, &b, n, v);
    g_assert_nonnull(second->error);
    g_assert_nonnull(strstr(second->error->message,
                            "min-rate 60000000 bit/s of this port and "
                            "60000000 bit/s of the others on bridge 'br1'"));
    ef_catch_up();
    ovs_assert_prints("[]", "ovs-vsctl get Port web1 qos");
    qf_assert_rows(1, 2);
    qf_request(PF_CALL_PROPERTY_REMOVE, "web1", "br1", json, 1);
    /* The way back is never refused. */
    PfExtensionPort c = ef_port("web1", "br1");
    g_autoptr(EfSaid) back = ef_call(QOS, PF_CALL_PORT_RETURN, &c, n, v);
    g_assert_no_error(back->error);
    ef_catch_up();
    qf_assert_policies("web1", "br1", json);
    g_free(qf_leave("web0", "br1", 1));
    g_free(qf_leave("web1", "br1", 1));
    qf_assert_no_rows();
}

/* What was raised after the stamp is not given beyond the capacity; what was
 * lowered always is. */
static void
test_capacity_at_the_switchover(void)
{
    g_autoptr(PfNetwork) n = ef_network(
        "br1", "<p:bandwidth capacity='100' unit='Mbit/s'/>");
    g_autofree char *low = guaranteed(20000000);
    g_autofree char *high = guaranteed(30000001);
    g_autoptr(GVariant) v = ef_policies(low);
    g_autoptr(GVariant) w = ef_policies(high);

    qf_arrive("web0", "br1", low, 1);
    qf_arrive("web1", "br1", low, 1);
    PfExtensionPort port = ef_port("web1", "br1");
    g_autoptr(EfSaid) refused = ef_restore(QOS, &port, n, v, w, NULL);
    g_assert_nonnull(refused->error);
    g_assert_nonnull(strstr(refused->error->message,
                            "min-rate 60000002 bit/s of this port and "
                            "40000000 bit/s of the others on bridge 'br1'"));
    ef_catch_up();
    qf_assert_policies("web1", "br1", low);
    qf_assert_rows(1, 2);

    qf_vsctl("set Queue $(ovs-vsctl get QoS $(ovs-vsctl get Port web0 qos) "
             "queues:0) other_config:min-rate=90000000");
    g_autofree char *less = guaranteed(10000000);
    g_autoptr(GVariant) x = ef_policies(less);
    g_autoptr(EfSaid) taken = ef_restore(QOS, &port, n, v, x, NULL);
    g_assert_no_error(taken->error);
    ef_catch_up();
    qf_assert_policies("web1", "br1", less);
    g_free(qf_leave("web0", "br1", 1));
    g_free(qf_leave("web1", "br1", 1));
    qf_assert_no_rows();
}

/* libvirt makes its rows later: until then a mark stands for them. */
static void
test_libvirt_s_rates_are_reserved(void)
{
    g_autoptr(PfNetwork) n = ef_network(
        "br1", "<p:bandwidth capacity='12' unit='Mbit/s'/>");
    g_autoptr(GVariant) v = ef_policies(QF_LIBVIRTS);
    const char *refusal = "conflict: min-rate 8000000 bit/s of this port and "
        "8000000 bit/s of the others on bridge 'br1' are together above the "
        "capacity 12000000 bit/s of network 'lan' (<portferry:bandwidth> in "
        "its XML)";

    qf_add_port("web0", "br1");
    qf_vsctl("set Port web0 external_ids:" PF_KEY_ROLE "=operational");
    PfExtensionPort a = ef_port("web0", "br1"), b = ef_port("web1", "br1");
    g_autoptr(EfSaid) added = ef_call(QOS, PF_CALL_PROPERTY_ADD, &a, n, v);
    g_assert_no_error(added->error);
    ef_catch_up();
    ef_assert_verdict(QOS, &b, n, QF_LIBVIRTS, refusal);
    /* A guest that arrived paused does not run: the mark stays, and counts no
     * more. */
    qf_vsctl("remove Port web0 external_ids " PF_KEY_ROLE);
    ef_assert_verdict(QOS, &b, n, QF_LIBVIRTS, NULL);
    qf_libvirt_sets_qos("web0");
    ef_assert_verdict(QOS, &b, n, QF_LIBVIRTS, refusal);
    g_autoptr(EfSaid) runs = ef_guest_runs(QOS, &a, n, PF_GUEST_ARRIVED);
    g_assert_no_error(runs->error);
    g_assert_true(runs->changed);
    ef_catch_up();
    ef_assert_verdict(QOS, &b, n, QF_LIBVIRTS, refusal);
    ovs_assert_prints("", "ovs-vsctl get Port web0 external_ids "
                      "| grep portferry || :");
    g_autoptr(EfSaid) again = ef_guest_runs(QOS, &a, n, PF_GUEST_ARRIVED);
    g_assert_false(again->changed);
    g_free(qf_leave("web0", "br1", 1));
    ef_assert_verdict(QOS, &b, n, QF_LIBVIRTS, NULL);
    qf_assert_no_rows();
}

int
main(int argc, char *argv[])
{
    int result;

    g_test_init(&argc, &argv, NULL);
    if (!ovs_fixture_possible()) {
        return 0;
    }
    qf_init();

#define TEST(FUNCTION) \
    g_test_add_func("/qos-verify/" #FUNCTION, test_##FUNCTION)
    TEST(syntax);
    TEST(sizes);
    TEST(range);
    TEST(applicability);
    TEST(capacity);
    TEST(capacity_option);
    TEST(reserved_by_the_operational_port);
    TEST(capacity_at_the_switchover);
    TEST(libvirt_s_rates_are_reserved);
#undef TEST

    result = g_test_run();
    qf_done();
    return result;
}
