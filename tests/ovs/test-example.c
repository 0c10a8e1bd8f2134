/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of the example extension (plugin/extensions/example) against a real
 * Open vSwitch, with br0 as a source and br1 as a destination.
 */
#include <config.h>

#include "extension-fixture.h"

#define LABELS (&portferry_extension)

/* ---- Helpers ---------------------------------------------------------- */

static void
setup(void)
{
    ovs_do("ovs-vsctl --if-exists del-br br1 -- clear Bridge br0 external_ids "
           "-- --may-exist add-br br1 -- set Bridge br1 datapath_type=netdev");
    ef_catch_up();
}

#define assert_ids(BRIDGE, EXPECTED)                                        \
    ovs_assert_prints(EXPECTED, "ovs-vsctl get Bridge %s external_ids",     \
                      BRIDGE)

/* Calls a function of the extension for port "web1" on 'bridge', without
 * failure, and with 'policies' (NULL: none) in JSON. */
static void
call(PfCallFunc func, const char *bridge, const char *policies)
{
    PfExtensionPort port = ef_port("web1", bridge);
    g_autoptr(GVariant) v = policies ? ef_policies(policies) : NULL;
    g_autoptr(EfSaid) said = ef_call_ok(LABELS, func, &port, NULL, v);

    g_assert_cmpstr(said->note, ==, NULL);
}

static void
guest_runs(const char *bridge, PfGuestRuns reason)
{
    PfExtensionPort port = ef_port("web1", bridge);
    g_autoptr(EfSaid) said = ef_guest_runs(LABELS, &port, NULL, reason);

    g_assert_no_error(said->error);
}

static char *
print(GVariant *v)
{
    return v ? g_variant_print(v, TRUE) : NULL;
}

/* ---- Tests ------------------------------------------------------------ */

static void
test_a_label_and_the_moves_travel(void)
{
    setup();
    ovs_do("ovs-vsctl set Bridge br0 external_ids:label-web1=frontend "
           "external_ids:moves-web1=2 external_ids:else=kept");
    ef_catch_up();
    PfExtensionPort source = ef_port("web1", "br0");
    PfExtensionPort destination = ef_port("web1", "br1");

    /* Before: the stamp, and what the destination makes of it. */
    g_autoptr(EfSaid) stamp = ef_call_ok(LABELS, PF_CALL_GET_POLICIES,
                                         &source, NULL, NULL);
    g_autofree char *policies = print(stamp->policies);
    g_assert_cmpstr(policies, ==, "{'label': <'frontend'>}");
    g_autoptr(EfSaid) added = ef_call_ok(LABELS, PF_CALL_PROPERTY_ADD,
                                         &destination, NULL, stamp->policies);
    assert_ids("br1", "{label-web1=frontend}");

    /* The switchover. */
    g_autoptr(EfSaid) saved = ef_call_ok(LABELS, PF_CALL_NIC_SAVE, &source,
                                         NULL, NULL);
    g_autofree char *chunks = print(saved->chunks);
    g_assert_cmpstr(chunks, ==, "[<{'moves': <int64 2>}>]");
    g_assert_true(g_variant_equal(saved->policies, stamp->policies));
    call(PF_CALL_PORT_TEARDOWN, "br0", "{\"label\":\"frontend\"}");
    assert_ids("br0", "{else=kept, moves-web1=\"2\"}");
    g_autoptr(EfSaid) restored = ef_restore(LABELS, &destination, NULL,
                                            stamp->policies, saved->policies,
                                            saved->chunks);
    g_assert_no_error(restored->error);
    g_assert_cmpstr(restored->note, ==, NULL);
    /* The guest waits for nothing. */
    g_assert_false(restored->changed);

    /* After. */
    guest_runs("br1", PF_GUEST_ARRIVED);
    assert_ids("br1", "{label-web1=frontend, moves-web1=\"3\"}");
    call(PF_CALL_PORT_GONE, "br0", NULL);
    assert_ids("br0", "{else=kept}");
    g_autoptr(EfSaid) described = ef_call_ok(LABELS, PF_CALL_DESCRIBE,
                                             &destination, NULL, NULL);
    g_assert_cmpuint(g_variant_n_children(described->shown), ==, 2);
    gint64 moves = 0;
    const char *label = NULL;
    g_assert_true(g_variant_lookup(described->shown, "moves", "x", &moves));
    g_assert_true(g_variant_lookup(described->shown, "label", "&s", &label));
    g_assert_cmpint(moves, ==, 3);
    g_assert_cmpstr(label, ==, "frontend");
}

static void
test_a_port_without_a_label_leaves_nothing(void)
{
    setup();
    PfExtensionPort source = ef_port("web1", "br0");
    g_autoptr(EfSaid) stamp = ef_call_ok(LABELS, PF_CALL_GET_POLICIES,
                                         &source, NULL, NULL);
    g_autofree char *policies = print(stamp->policies);

    g_assert_cmpstr(policies, ==, "@a{sv} {}");
    call(PF_CALL_PROPERTY_ADD, "br1", "{}");
    call(PF_CALL_PORT_TEARDOWN, "br0", "{}");
    call(PF_CALL_PORT_GONE, "br0", "{}");
    assert_ids("br0", "{}");
    assert_ids("br1", "{}");
}

static void
test_a_label_of_the_last_moment_is_written(void)
{
    setup();
    PfExtensionPort destination = ef_port("web1", "br1");
    g_autoptr(GVariant) old = ef_policies("{\"label\":\"frontend\"}");
    g_autoptr(GVariant) new_ = ef_policies("{\"label\":\"backend\"}");

    call(PF_CALL_PROPERTY_ADD, "br1", "{\"label\":\"frontend\"}");
    g_autoptr(EfSaid) restored = ef_restore(LABELS, &destination, NULL, old,
                                            new_, NULL);
    g_assert_no_error(restored->error);
    g_assert_cmpstr(restored->note, ==, "nothing says how often port web1 has "
                    "moved: counting from here");
    guest_runs("br1", PF_GUEST_ARRIVED);
    assert_ids("br1", "{label-web1=backend, moves-web1=\"1\"}");
}

static void
test_a_way_back_brings_everything_back(void)
{
    setup();
    ovs_do("ovs-vsctl set Bridge br0 external_ids:label-web1=frontend "
           "external_ids:moves-web1=2");
    ef_catch_up();
    call(PF_CALL_PORT_TEARDOWN, "br0", "{\"label\":\"frontend\"}");
    call(PF_CALL_PORT_RETURN, "br0", "{\"label\":\"frontend\"}");
    guest_runs("br0", PF_GUEST_RETURNED);
    assert_ids("br0", "{label-web1=frontend, moves-web1=\"2\"}");

    call(PF_CALL_PROPERTY_ADD, "br1", "{\"label\":\"frontend\"}");
    for (int again = 0; again < 2; again++) {
        call(PF_CALL_PROPERTY_REMOVE, "br1", "{\"label\":\"frontend\"}");
        assert_ids("br1", "{}");
    }
    /* Also when the bridge is gone. */
    ovs_do("ovs-vsctl del-br br1");
    ef_catch_up();
    call(PF_CALL_PROPERTY_REMOVE, "br1", "{\"label\":\"frontend\"}");
}

static void
test_says_when_a_label_has_changed(void)
{
    setup();
    /* It has looked at what there is. */
    ef_loop_for(700);
    ef_changes_said = 0;
    ef_loop_for(700);
    g_assert_cmpuint(ef_changes_said, ==, 0);
    ovs_do("ovs-vsctl set Bridge br0 external_ids:label-web1=frontend");
    ef_catch_up();
    ef_loop_for(700);
    g_assert_cmpuint(ef_changes_said, ==, 1);
}

static void
test_verifies_labels(void)
{
    PfExtensionPort port = ef_port("web1", "br1");

    setup();
    g_autoptr(PfNetwork) any = ef_network("br1", NULL);
#define VERDICT(JSON, TEXT) \
    ef_assert_verdict(LABELS, &port, any, JSON, TEXT)
    VERDICT("{}", NULL);
    VERDICT("{\"label\":\"frontend\"}", NULL);
    VERDICT("{\"label\":7}", "syntax: the label is of type 'x', not a string");
    VERDICT("{\"lable\":\"frontend\"}",
            "syntax: policy lable is not known: the other host has a later "
            "version of this extension, install it here");
    VERDICT("{\"label\":\"0123456789012345678901234567890123456789"
            "0123456789012345678901234\"}",
            "range: label \"0123456789012345678901234567890123456789"
            "0123456789012345678901234\" has 65 characters, and may have 64 "
            "(option max-length in the network's XML)");
#undef VERDICT
}

static void
test_verifies_what_the_network_wants(void)
{
    setup();
    ovs_do("ovs-vsctl add-port br1 web2 -- set Interface web2 type=internal "
           "-- set Bridge br1 external_ids:label-web1=a "
           "external_ids:label-web2=b external_ids:label-gone=c");
    ef_catch_up();
    PfExtensionPort port = ef_port("web1", "br1");
    g_autoptr(PfNetwork) strict = ef_network(
        "br1", "<p:extension name='labels' required='no'>"
        "<p:option name='unique' value='yes'/>"
        "<p:option name='max-length' value='2'/>"
        "</p:extension>");
    g_autoptr(PfNetwork) any = ef_network("br1", NULL);
    g_autoptr(PfNetwork) wrong = ef_network(
        "br1", "<p:extension name='labels' required='no'>"
        "<p:option name='max-length' value='two'/></p:extension>");

#define VERDICT(NETWORK, JSON, TEXT) \
    ef_assert_verdict(LABELS, &port, NETWORK, JSON, TEXT)
    VERDICT(any, "{\"label\":\"b\"}", NULL);
    VERDICT(strict, "{\"label\":\"b\"}",
            "conflict: label \"b\" is that of port web2 too, and has to be "
            "unique on bridge br1 (option unique in the network's XML)");
    /* Its own, and that of a port that is gone. */
    VERDICT(strict, "{\"label\":\"a\"}", NULL);
    VERDICT(strict, "{\"label\":\"c\"}", NULL);
    /* Characters, not bytes. */
    VERDICT(strict, "{\"label\":\"\xc3\xa4\xc3\xb6\"}", NULL);
    VERDICT(strict, "{\"label\":\"abc\"}",
            "range: label \"abc\" has 3 characters, and may have 2 (option "
            "max-length in the network's XML)");
    VERDICT(wrong, "{\"label\":\"a\"}",
            "range: option max-length=\"two\" in the network's XML is no "
            "whole number from 1 to 2147483647");
#undef VERDICT
}

int
main(int argc, char *argv[])
{
    static const PfExtension *const all[] = { LABELS, NULL };

    g_test_init(&argc, &argv, NULL);
    if (!ovs_fixture_possible()) {
        return 0;
    }
    ef_init(all);
#define TEST(NAME) g_test_add_func("/example/" #NAME, test_##NAME)
    TEST(a_label_and_the_moves_travel);
    TEST(a_port_without_a_label_leaves_nothing);
    TEST(a_label_of_the_last_moment_is_written);
    TEST(a_way_back_brings_everything_back);
    TEST(says_when_a_label_has_changed);
    TEST(verifies_labels);
    TEST(verifies_what_the_network_wants);
    int status = g_test_run();
    ef_done();
    return status;
}
