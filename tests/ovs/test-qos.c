/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of the extension `qos' (plugin/extensions/qos*.c) against a real Open
 * vSwitch: what a port has is read, the port is deleted, and made again on the
 * other bridge.
 */
#include <config.h>

#include "qos-fixture.h"

/* ---- A port that moves -------------------------------------------------- */

/* Lets a port with QoS, set up by 'vsctl' commands, move. */
static void
assert_moves_whole(const char *create)
{
    g_test_message("%s", create);
    qf_add_port("web0", "br0");
    qf_vsctl("set Port web0 qos=@q %s", create);
    g_autofree char *before = qf_listing("web0");
    g_autofree char *json = qf_leave("web0", "br0", 1);
    qf_assert_no_rows();

    qf_verdict(json, NULL);
    qf_arrive("web0", "br1", json, 1);
    g_autofree char *after = qf_listing("web0");
    g_assert_cmpstr(before, ==, after);
    /* And it would move on as the same. */
    qf_assert_policies("web0", "br1", json);
    g_free(qf_leave("web0", "br1", 1));
    qf_assert_no_rows();
}

static void
test_qos_moves_whole(void)
{
    assert_moves_whole(
        "-- --id=@q create QoS type=linux-htb other_config:max-rate=900000000 "
        "external_ids:owner='\"the \\\"team\\\", æ=1\"' "
        "external_ids:empty='\"\"' queues:0=@a queues:7=@b queues:61439=@c "
        "-- --id=@a create Queue other_config:min-rate=1000000 "
        "other_config:max-rate=500000000 other_config:burst=80000 "
        "other_config:priority=4294967295 other_config:custom=x "
        "-- --id=@b create Queue dscp=63 external_ids:a=b "
        "-- --id=@c create Queue dscp=0");
    assert_moves_whole(
        "-- --id=@q create QoS type=linux-hfsc other_config:max-rate=9000000 "
        "queues:1=@a -- --id=@a create Queue other_config:min-rate=1000");
    assert_moves_whole("-- --id=@q create QoS type=linux-sfq "
                       "other_config:perturb=10");
    assert_moves_whole("-- --id=@q create QoS type=linux-codel "
                       "other_config:target=5000 other_config:limit=1000 "
                       "other_config:interval=100000");
    assert_moves_whole("-- --id=@q create QoS type=linux-fq_codel "
                       "other_config:target=5000 other_config:flows=1024 "
                       "other_config:quantum=1514");
    assert_moves_whole("-- --id=@q create QoS type=linux-netem "
                       "other_config:latency=5000 other_config:loss=1");
    /* Queues mean nothing to it, nor do their numbers. */
    assert_moves_whole("-- --id=@q create QoS type=linux-noop "
                       "other_config:note=no-number queues:4294967295=@a "
                       "-- --id=@a create Queue dscp=1");
    assert_moves_whole("-- --id=@q create QoS type='\"\"'");
    assert_moves_whole("-- --id=@q create QoS type=linux-htb");
    /* One Queue under two numbers. */
    assert_moves_whole(
        "-- --id=@q create QoS type=linux-htb queues:1=@a queues:2=@a "
        "-- --id=@a create Queue other_config:max-rate=2000000");
}

static void
test_htb_is_in_place(void)
{
    qf_add_port("web0", "br0");
    qf_vsctl("set Port web0 qos=@q -- --id=@q create QoS type=linux-htb "
             "other_config:max-rate=100000000 queues:3=@a "
             "-- --id=@a create Queue other_config:min-rate=8000000 "
             "other_config:max-rate=16000000");
    g_autofree char *json = qf_leave("web0", "br0", 1);
    qf_arrive("web0", "br1", json, 1);
    /* Queue 3 is class 1:4. */
    ovs_assert_prints("class htb 1:4 rate 8Mbit ceil 16Mbit",
                      "tc class show dev web0 | "
                      "sed -nE 's/^(class htb 1:4) .* (rate [^ ]+) (ceil "
                      "[^ ]+) .*/\\1 \\2 \\3/p'");
    g_free(qf_leave("web0", "br1", 1));
    qf_assert_no_rows();
}

static void
test_port_without_qos(void)
{
    qf_add_port("web0", "br0");
    qf_assert_policies("web0", "br0", "{}");
    g_autofree char *json = qf_leave("web0", "br0", 2);
    qf_arrive("web0", "br1", json, 2);
    qf_assert_policies("web0", "br1", "{}");
    qf_del_port("web0");
    qf_assert_no_rows();
}

/* What changed after the stamp was written is there in the end. */
static void
test_restore_brings_what_changed(void)
{
    g_autofree char *a = qf_quote("{" QF_KEY ", 'qos': {'queues': "
                                  "{'0': {'dscp': 1}}, 'type': 'linux-htb'}}");
    g_autofree char *b = qf_quote("{" QF_KEY ", 'qos': {'queues': "
                                  "{'0': {'dscp': 2}, '1': {}}, 'type': "
                                  "'linux-htb'}}");

    qf_add_port("web0", "br1");
    qf_request(PF_CALL_PROPERTY_ADD, "web0", "br1", a, 1);
    qf_assert_rows(1, 1);
    qf_restore("web0", "br1", a, b, TRUE);
    qf_assert_policies("web0", "br1", b);
    qf_assert_rows(1, 2);
    qf_restore("web0", "br1", a, b, FALSE);
    qf_restore("web0", "br1", b, "{}", TRUE);
    qf_assert_policies("web0", "br1", "{}");
    qf_assert_no_rows();
    qf_restore("web0", "br1", "{}", a, TRUE);
    qf_assert_policies("web0", "br1", a);
    g_free(qf_leave("web0", "br1", 1));
    qf_assert_no_rows();
}

static void
test_a_hundred_round_trips(void)
{
    g_autofree char *first = NULL;

    qf_add_port("web0", "br0");
    qf_vsctl("set Port web0 qos=@q -- --id=@q create QoS type=linux-htb "
             "queues:0=@a queues:5=@b external_ids:x=y "
             "-- --id=@a create Queue other_config:min-rate=1000000 "
             "-- --id=@b create Queue dscp=9");
    g_autofree char *before = qf_listing("web0");
    for (guint i = 0; i < 100; i++) {
        /* Every function once, or twice. */
        g_autofree char *json = qf_leave("web0", i % 2 ? "br1" : "br0",
                                         1 + i % 3 / 2);
        qf_assert_no_rows();
        qf_arrive("web0", i % 2 ? "br0" : "br1", json, 1 + i % 3 / 2);
        qf_assert_rows(1, 2);
        if (!first) {
            first = g_strdup(json);
        }
        g_assert_cmpstr(json, ==, first);
        ovs_assert_holds_no_more(i);
    }
    g_autofree char *after = qf_listing("web0");
    g_assert_cmpstr(before, ==, after);
    ovs_assert_prints("2", "ovs-vsctl --bare --columns=external_ids list QoS "
                      "| wc -w");
    g_free(qf_leave("web0", "br0", 1));
    qf_assert_no_rows();
}

/* ---- The way back ------------------------------------------------------- */

/* The port is replaced by a carrier and returns in one transaction with what
 * its extension adds. */
struct outcome {
    gboolean over;
    GError *error;
};

static void
on_called(gpointer outcome, const PfCallResult *result)
{
    struct outcome *o = outcome;

    g_assert_no_error(result->error);
    o->over = TRUE;
}

static void
tear_down(const char *name, GVariant **undo, char **json)
{
    *undo = pf_switch_undo_image(sw, name);
    *json = qf_policies_of(name, "br0");
    qf_request(PF_CALL_PORT_TEARDOWN, name, "br0", *json, 2);
    PfChange *change = pf_change_new(TRUE);
    pf_change_make_carrier(change, name, NULL, MIGRATION);
    sw_commit(change, "carrier");
    ef_catch_up();
}

static void
give_back(const char *name, GVariant *undo, const char *json)
{
    PfExtensionPort port = ef_port(name, "br0");
    g_autoptr(GVariant) v = ef_policies(json);
    PfChange *change = pf_change_new(TRUE);
    struct outcome o = { FALSE, NULL };
    PfCallSpec spec = {
        .extension = QOS,
        .func = PF_CALL_PORT_RETURN,
        .port = &port,
        .network = qf_lan,
        .policies = v,
        .change = change,
        .timeout_ms = OVS_PATIENCE_MS,
    };

    pf_change_restore_port(change, "br0", name, undo);
    pf_call_begin(&spec, on_called, &o);
    g_assert_true(o.over);
    sw_commit(change, "return");
    ef_catch_up();
}

static void
test_port_returns_to_its_row(void)
{
    g_autoptr(GVariant) undo = NULL;
    g_autofree char *json = NULL;

    qf_add_port("web0", "br0");
    qf_vsctl("set Port web0 qos=@q -- --id=@q create QoS type=linux-htb "
             "queues:0=@a -- --id=@a create Queue "
             "other_config:min-rate=1000000");
    g_autofree char *before = qf_listing("web0");
    g_autofree char *uuid = ovs_run("ovs-vsctl get Port web0 qos");
    tear_down("web0", &undo, &json);
    ovs_assert_prints("[]", "ovs-vsctl get Port web0 qos");
    qf_assert_rows(1, 1);
    /* Asked now, it would say nothing rather than that it has none. */
    qf_assert_policies("web0", "br0", NULL);

    give_back("web0", undo, json);
    g_autofree char *after = qf_listing("web0");
    g_assert_cmpstr(before, ==, after);
    ovs_assert_prints(uuid, "ovs-vsctl get Port web0 qos");
    qf_assert_policies("web0", "br0", json);
    ovs_assert_prints("{}", "ovs-vsctl get QoS %s external_ids", uuid);

    /* Called again, and without what it undoes. */
    qf_request(PF_CALL_PORT_RETURN, "web0", "br0", json, 2);
    ovs_assert_prints(uuid, "ovs-vsctl get Port web0 qos");
    g_free(qf_leave("web0", "br0", 1));
    qf_assert_no_rows();
}

static void
test_vanished_row_is_made_again(void)
{
    g_autoptr(GVariant) undo = NULL;
    g_autofree char *json = NULL;

    qf_add_port("web0", "br0");
    qf_vsctl("set Port web0 qos=@q -- --id=@q create QoS type=linux-htb "
             "queues:0=@a -- --id=@a create Queue "
             "other_config:min-rate=1000000");
    g_autofree char *before = qf_listing("web0");
    tear_down("web0", &undo, &json);
    qf_vsctl("--all destroy QoS -- --all destroy Queue");

    give_back("web0", undo, json);
    g_autofree char *after = qf_listing("web0");
    g_assert_cmpstr(before, ==, after);
    qf_assert_policies("web0", "br0", json);
    g_free(qf_leave("web0", "br0", 1));
    qf_assert_no_rows();
}

/* What is kept for the way back survives what others do meanwhile, and is
 * known without any policies. */
static void
test_kept_row_is_deleted_in_the_end(void)
{
    g_autofree char *other = qf_quote("{" QF_KEY ", 'qos': {'type': "
                                      "'linux-htb'}}");
    g_autofree char *json = NULL;

    qf_add_port("web0", "br0");
    qf_vsctl("set Port web0 qos=@q -- --id=@q create QoS type=linux-htb "
             "queues:0=@a -- --id=@a create Queue dscp=4");
    json = qf_policies_of("web0", "br0");
    qf_request(PF_CALL_PORT_TEARDOWN, "web0", "br0", json, 1);
    /* Saved again, it says what it had. */
    qf_assert_policies("web0", "br0", json);
    qf_del_port("web0");
    qf_arrive("nb0", "br0", other, 1);
    g_free(qf_leave("nb0", "br0", 1));
    qf_assert_rows(1, 1);
    qf_request(PF_CALL_PORT_GONE, "web0", "br0", "{}", 2);
    qf_assert_no_rows();
}

/* Nobody was there to say that the guest had left; it comes again. */
static void
test_row_kept_by_an_earlier_stay_is_deleted(void)
{
    g_autofree char *json = NULL;

    qf_add_port("web0", "br0");
    qf_vsctl("set Port web0 qos=@q -- --id=@q create QoS type=linux-htb "
             "queues:0=@a -- --id=@a create Queue dscp=4");
    json = qf_policies_of("web0", "br0");
    qf_request(PF_CALL_PORT_TEARDOWN, "web0", "br0", json, 1);
    qf_del_port("web0");
    qf_assert_rows(1, 1);
    qf_arrive("web0", "br0", "{}", 1);
    qf_assert_no_rows();
    qf_del_port("web0");
}

#define OPERATOR_S "set Port web0 qos=@q -- --id=@q create QoS " \
                   "type=linux-htb queues:0=@a -- --id=@a create Queue dscp=4"

/* A port 'web0' with an operator's QoS or libvirt's; what it says of it. */
static char *
make_either(gboolean libvirts)
{
    qf_add_port("web0", "br0");
    if (libvirts) {
        qf_libvirt_sets_qos("web0");
    } else {
        qf_vsctl(OPERATOR_S);
    }
    return qf_policies_of("web0", "br0");
}

/* libvirt has deleted the port before it could be torn down. */
static void
test_rows_of_a_vanished_port_are_deleted(void)
{
    for (guint i = 0; i < 4; i++) {
        g_autofree char *json = make_either(i & 1);

        qf_del_port("web0");
        if (i & 2) {
            qf_request(PF_CALL_PORT_TEARDOWN, "web0", "br0", json, 2);
        }
        qf_assert_rows(1, 1);
        qf_request(PF_CALL_PORT_GONE, "web0", "br0", json, 2);
        qf_assert_no_rows();
    }
}

/* What an operator has at a row that is not as the port had it, or that
 * another port has, is the operator's. */
static void
test_rows_that_a_vanished_port_shared_stay(void)
{
    g_autofree char *json = make_either(FALSE);
    g_autofree char *uuid = ovs_run("ovs-vsctl get Port web0 qos");

    qf_add_port("nb0", "br0");
    qf_vsctl("set Port nb0 qos=%s", uuid);
    qf_del_port("web0");
    qf_request(PF_CALL_PORT_TEARDOWN, "web0", "br0", json, 1);
    qf_request(PF_CALL_PORT_GONE, "web0", "br0", json, 2);
    qf_assert_rows(1, 1);
    qf_assert_policies("nb0", "br0", json);
    ovs_assert_prints("{}", "ovs-vsctl get QoS %s external_ids", uuid);

    qf_del_port("nb0");
    qf_vsctl("set QoS %s type=linux-sfq", uuid);
    qf_request(PF_CALL_PORT_GONE, "web0", "br0", json, 1);
    qf_assert_rows(1, 1);
    qf_vsctl("--all destroy QoS -- --all destroy Queue");
}

/* Torn down after its end, and wanted again. */
static void
test_vanished_port_returns_to_its_row(void)
{
    for (guint i = 0; i < 2; i++) {
        g_autofree char *json = make_either(i);
        g_autofree char *uuid = ovs_run("ovs-vsctl get Port web0 qos");

        qf_del_port("web0");
        qf_request(PF_CALL_PORT_TEARDOWN, "web0", "br0", json, 2);
        ovs_assert_prints("\"true\"", "ovs-vsctl get QoS %s "
                          "external_ids:portferry-kept-web0", uuid);
        qf_add_port("web0", "br0");
        qf_request(PF_CALL_PORT_RETURN, "web0", "br0", json, 2);
        ovs_assert_prints(uuid, "ovs-vsctl get Port web0 qos");
        qf_assert_policies("web0", "br0", json);
        g_free(qf_leave("web0", "br0", 1));
        qf_assert_no_rows();
    }
}

static void
test_property_remove_leaves_nothing(void)
{
    g_autofree char *json = qf_quote(
        "{" QF_KEY ", 'qos': {'type': 'linux-htb', 'queues': {'0': {}}}}");

    qf_add_port("web0", "br1");
    qf_request(PF_CALL_PROPERTY_REMOVE, "web0", "br1", json, 1);
    qf_request(PF_CALL_PROPERTY_ADD, "web0", "br1", json, 2);
    qf_assert_rows(1, 1);
    qf_request(PF_CALL_PROPERTY_REMOVE, "web0", "br1", json, 2);
    qf_assert_no_rows();
    ovs_assert_prints("[]", "ovs-vsctl get Port web0 qos");
    /* Also when the port was faster. */
    qf_request(PF_CALL_PROPERTY_ADD, "web0", "br1", json, 1);
    qf_del_port("web0");
    qf_request(PF_CALL_PROPERTY_REMOVE, "web0", "br1", json, 1);
    qf_assert_no_rows();
}

/* A guest that was destroyed here takes nothing with it; the next one that
 * comes does. */
static void
test_what_a_destroyed_guest_left_is_deleted(void)
{
    g_autofree char *json = qf_quote(
        "{" QF_KEY ", 'qos': {'type': 'linux-htb', 'queues': {'0': {}}}}");

    qf_arrive("web0", "br1", json, 1);
    qf_del_port("web0");
    qf_assert_rows(1, 1);
    qf_arrive("nb0", "br1", "{}", 1);
    qf_assert_no_rows();
    qf_del_port("nb0");
}

/* ---- Rows of several ports ---------------------------------------------- */

static void
test_shared_row_stays_shared(void)
{
    qf_add_port("web0", "br0");
    qf_add_port("web1", "br0");
    qf_add_port("web2", "br0");
    qf_vsctl("set Port web0 qos=@q -- set Port web1 qos=@q -- set Port web2 "
             "qos=@q -- --id=@q create QoS type=linux-htb queues:0=@a "
             "-- --id=@a create Queue other_config:min-rate=1000000");
    g_autofree char *uuid = ovs_run("ovs-vsctl get Port web0 qos");
    g_autofree char *before = qf_listing("web0");

    /* On one host the row itself is what is shared. */
    for (guint i = 0; i < 3; i++) {
        g_autofree char *name = g_strdup_printf("web%u", i);
        g_autofree char *json = qf_leave(name, "br0", 1);

        qf_assert_rows(i < 2, i < 2);
        if (!i) {
            qf_arrive(name, "br1", json, 1);
            ovs_assert_prints(uuid, "ovs-vsctl get Port web0 qos");
            g_free(qf_leave(name, "br1", 1));
            qf_assert_rows(1, 1);
        }
    }
    qf_assert_no_rows();

    /* On another host each that comes finds the others. */
    g_autofree char *key = g_strdup_printf(
        "{\"key\":\"%s\",\"qos\":{\"queues\":{\"0\":{\"other_config\":"
        "{\"min-rate\":\"1000000\"}}},\"type\":\"linux-htb\"}}", uuid);
    qf_arrive("web0", "br1", key, 2);
    qf_arrive("web1", "br1", key, 2);
    qf_arrive("web2", "br1", key, 1);
    qf_assert_rows(1, 1);
    g_autofree char *after = qf_listing("web2");
    g_assert_cmpstr(before, ==, after);
    qf_assert_policies("web2", "br1", key);

    /* It is gone with the last of them. */
    g_free(qf_leave("web2", "br1", 1));
    qf_assert_rows(1, 1);
    qf_request(PF_CALL_PROPERTY_REMOVE, "web1", "br1", key, 1);
    qf_assert_rows(1, 1);
    g_free(qf_leave("web0", "br1", 1));
    qf_assert_no_rows();
    qf_del_port("web1");
}

/* Two of a row leave at once: it is there for both, to the end. */
static void
test_shared_row_is_kept_for_each(void)
{
    g_autofree char *json = NULL;

    qf_add_port("web0", "br0");
    qf_add_port("web1", "br0");
    qf_vsctl("set Port web0 qos=@q -- set Port web1 qos=@q "
             "-- --id=@q create QoS type=linux-htb");
    json = qf_policies_of("web0", "br0");
    qf_request(PF_CALL_PORT_TEARDOWN, "web0", "br0", json, 1);
    qf_request(PF_CALL_PORT_TEARDOWN, "web1", "br0", json, 1);
    qf_del_port("web0");
    qf_request(PF_CALL_PORT_GONE, "web0", "br0", json, 1);
    qf_assert_rows(1, 0);
    qf_request(PF_CALL_PORT_RETURN, "web1", "br0", json, 1);
    qf_assert_policies("web1", "br0", json);
    g_free(qf_leave("web1", "br0", 1));
    qf_assert_no_rows();
}

static void
test_other_contents_are_not_shared(void)
{
    g_autofree char *a = qf_quote("{" QF_KEY ", 'qos': {'queues': "
                                  "{'0': {'dscp': 1}}, 'type': 'linux-htb'}}");
    g_autofree char *b = qf_quote("{" QF_KEY ", 'qos': {'queues': "
                                  "{'0': {'dscp': 2}}, 'type': 'linux-htb'}}");

    qf_arrive("web0", "br1", a, 1);
    qf_arrive("web1", "br1", b, 1);
    qf_assert_rows(2, 2);
    qf_assert_policies("web0", "br1", a);
    qf_assert_policies("web1", "br1", b);
    /* They become the same. */
    qf_restore("web1", "br1", b, a, TRUE);
    qf_assert_rows(1, 1);
    /* And part again. */
    qf_restore("web1", "br1", a, b, TRUE);
    qf_assert_policies("web0", "br1", a);
    qf_assert_rows(2, 2);
    g_free(qf_leave("web0", "br1", 1));
    g_free(qf_leave("web1", "br1", 1));
    qf_assert_no_rows();
}

/* An operator's rows that another port, or another QoS row, needs. */
static void
test_rows_in_use_are_nobody_s_to_delete(void)
{
    qf_add_port("web0", "br0");
    qf_add_port("nb0", "br0");
    qf_vsctl("set Port web0 qos=@q -- set Port nb0 qos=@r "
             "-- --id=@q create QoS type=linux-htb queues:0=@a queues:1=@b "
             "-- --id=@r create QoS type=linux-htb queues:0=@b "
             "-- --id=@a create Queue dscp=4 -- --id=@b create Queue dscp=5 "
             "-- create QoS type=linux-sfq -- create Queue dscp=6");
    g_autofree char *before = qf_listing("nb0");
    g_free(qf_leave("web0", "br0", 2));
    g_autofree char *after = qf_listing("nb0");
    g_assert_cmpstr(before, ==, after);
    /* The neighbour's, and two that nobody uses, but that are not ours. */
    qf_assert_rows(2, 2);
    qf_del_port("nb0");
    qf_vsctl("--all destroy QoS -- --all destroy Queue");
}

/* ---- libvirt's rows ----------------------------------------------------- */

static void
test_libvirt_s_rows_are_libvirt_s(void)
{
    qf_add_port("web0", "br0");
    qf_libvirt_sets_qos("web0");
    g_autofree char *before = qf_listing("web0");
    qf_assert_policies("web0", "br0", QF_LIBVIRTS);
    qf_verdict(QF_LIBVIRTS, NULL);
    g_free(qf_leave("web0", "br0", 2));
    qf_assert_no_rows();

    for (guint i = 0; i < 20; i++) {
        const char *bridge = i % 2 ? "br0" : "br1";

        qf_add_port("web0", bridge);
        qf_request(PF_CALL_PROPERTY_ADD, "web0", bridge, QF_LIBVIRTS,
                   1 + i % 2);
        qf_assert_no_rows();
        qf_libvirt_sets_qos("web0");
        qf_assert_rows(1, 1);
        qf_restore("web0", bridge, QF_LIBVIRTS, QF_LIBVIRTS, FALSE);
        qf_assert_policies("web0", bridge, QF_LIBVIRTS);
        g_autofree char *after = qf_listing("web0");
        g_assert_cmpstr(before, ==, after);
        g_free(qf_leave("web0", bridge, 1));
        qf_assert_no_rows();
    }
}

/* What libvirt left of an earlier stay, and would find, without attaching
 * it. */
static void
test_libvirt_s_old_rows_are_deleted_first(void)
{
    qf_add_port("web0", "br1");
    qf_libvirt_sets_qos("web0");
    qf_add_port("web1", "br1");
    qf_libvirt_sets_qos("web1");
    qf_del_port("web0");
    qf_assert_rows(2, 2);

    qf_add_port("web0", "br1");
    qf_request(PF_CALL_PROPERTY_ADD, "web0", "br1", QF_LIBVIRTS, 1);
    qf_assert_rows(1, 1);          /* Those of the guest's other port. */
    qf_libvirt_sets_qos("web0");
    qf_assert_policies("web0", "br1", QF_LIBVIRTS);
    qf_assert_policies("web1", "br1", QF_LIBVIRTS);
    /* The port exists, libvirt's rows too, and the request is repeated. */
    qf_request(PF_CALL_PROPERTY_ADD, "web0", "br1", QF_LIBVIRTS, 1);
    qf_assert_policies("web0", "br1", QF_LIBVIRTS);
    qf_request(PF_CALL_PROPERTY_REMOVE, "web0", "br1", QF_LIBVIRTS, 1);
    qf_assert_rows(1, 1);
    qf_del_port("web0");
    g_free(qf_leave("web1", "br1", 1));
    qf_assert_no_rows();
}

static void
test_libvirt_s_row_that_another_port_uses(void)
{
    qf_add_port("web0", "br1");
    qf_libvirt_sets_qos("web0");
    qf_add_port("nb0", "br1");
    qf_vsctl("set Port nb0 qos=$(ovs-vsctl get Port web0 qos)");
    g_autofree char *before = ovs_run("ovs-vsctl get Port nb0 qos");
    qf_del_port("web0");

    qf_add_port("web0", "br1");
    qf_request(PF_CALL_PROPERTY_ADD, "web0", "br1", QF_LIBVIRTS, 1);
    qf_assert_rows(1, 1);
    qf_libvirt_sets_qos("web0");
    qf_assert_rows(2, 2);
    ovs_assert_prints(before, "ovs-vsctl get Port nb0 qos");
    qf_assert_policies("web0", "br1", QF_LIBVIRTS);
    g_free(qf_leave("web0", "br1", 1));
    g_free(qf_leave("nb0", "br1", 1));
    qf_assert_no_rows();
}

/* Its contents travel with the other port, libvirt's marks do not; nor is it
 * shared again: libvirt changes it as its own guest's. */
static void
test_port_with_another_guest_s_row_moves(void)
{
    qf_add_port("web0", "br1");
    qf_libvirt_sets_qos("web0");
    qf_add_port("nb0", "br1");
    qf_vsctl("set Port nb0 qos=$(ovs-vsctl get Port web0 qos)");
    g_autofree char *json = qf_leave("nb0", "br1", 1);
    qf_assert_rows(1, 1);
    qf_verdict(json, NULL);
    qf_arrive("nb0", "br1", json, 1);
    qf_assert_rows(2, 2);
    qf_assert_policies("nb0", "br1", json);
    qf_assert_policies("web0", "br1", QF_LIBVIRTS);
    g_free(qf_leave("nb0", "br1", 1));
    g_free(qf_leave("web0", "br1", 1));
    qf_assert_no_rows();
}

static void
test_libvirt_s_rows_come_back(void)
{
    g_autoptr(GVariant) undo = NULL;
    g_autofree char *json = NULL;

    qf_add_port("web0", "br0");
    qf_libvirt_sets_qos("web0");
    g_autofree char *before = qf_listing("web0");
    tear_down("web0", &undo, &json);
    qf_assert_rows(1, 1);
    give_back("web0", undo, json);
    g_autofree char *after = qf_listing("web0");
    g_assert_cmpstr(before, ==, after);
    qf_assert_policies("web0", "br0", QF_LIBVIRTS);
    g_free(qf_leave("web0", "br0", 1));
    qf_assert_no_rows();
}

/* An operator's QoS on a port for which libvirt makes its own: the port has
 * what it had. */
static void
test_libvirt_does_not_win_over_an_operator(void)
{
    g_autofree char *json = qf_quote("{" QF_KEY
                                     ", 'qos': {'type': 'linux-htb'}}");

    qf_add_port("web0", "br1");
    qf_request(PF_CALL_PROPERTY_ADD, "web0", "br1", json, 1);
    qf_libvirt_sets_qos("web0");
    qf_restore("web0", "br1", json, json, TRUE);
    qf_assert_policies("web0", "br1", json);
    qf_assert_rows(1, 0);
    g_free(qf_leave("web0", "br1", 1));
    qf_assert_no_rows();
}

/* An operator's further queues at libvirt's QoS, which libvirt does not make
 * on the next host, move with what libvirt has made. */
static void
test_queues_added_to_libvirt_s_move(void)
{
    qf_add_port("web0", "br0");
    qf_libvirt_sets_qos("web0");
    qf_vsctl("add QoS $(ovs-vsctl get Port web0 qos) queues 5=@a "
             "-- --id=@a create Queue other_config:min-rate=1000000");
    g_autofree char *json = qf_leave("web0", "br0", 1);
    qf_assert_no_rows();

    qf_verdict(json, NULL);
    qf_add_port("web0", "br1");
    qf_request(PF_CALL_PROPERTY_ADD, "web0", "br1", json, 1);
    qf_libvirt_sets_qos("web0");
    qf_restore("web0", "br1", json, json, TRUE);
    qf_assert_policies("web0", "br1", json);
    qf_assert_rows(1, 2);
    ovs_assert_prints("0 5", "echo $(ovs-vsctl get QoS $(ovs-vsctl get Port "
                      "web0 qos) queues | grep -oE '[0-9]+=' | tr -d =)");
    g_free(qf_leave("web0", "br1", 1));
    qf_assert_no_rows();
}

/* An operator's QoS has taken the place of libvirt's rows, which libvirt would
 * find, without attaching them, if the guest came back. */
static void
test_libvirt_s_rows_that_it_lost_are_deleted(void)
{
    qf_add_port("web0", "br0");
    qf_libvirt_sets_qos("web0");
    qf_vsctl("set Port web0 qos=@q -- --id=@q create QoS type=linux-htb "
             "queues:0=@a -- --id=@a create Queue dscp=4");
    qf_assert_rows(2, 2);
    g_free(qf_leave("web0", "br0", 1));
    qf_assert_no_rows();
}

/* `virsh domiftune' has put libvirt's rows in the place of an operator's after
 * the stamp was written: what the stamp brought is not left over. */
static void
test_libvirt_wins_where_it_did_on_the_source(void)
{
    g_autofree char *json = qf_quote("{" QF_KEY ", 'qos': {'type': "
                                     "'linux-htb', 'queues': {'0': {}}}}");

    qf_add_port("web0", "br1");
    qf_request(PF_CALL_PROPERTY_ADD, "web0", "br1", json, 1);
    qf_libvirt_sets_qos("web0");
    qf_assert_rows(2, 2);
    qf_restore("web0", "br1", json, QF_LIBVIRTS, TRUE);
    qf_assert_policies("web0", "br1", QF_LIBVIRTS);
    qf_assert_rows(1, 1);
    g_free(qf_leave("web0", "br1", 1));
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

#define TEST(FUNCTION) g_test_add_func("/qos/" #FUNCTION, test_##FUNCTION)
    TEST(qos_moves_whole);
    TEST(htb_is_in_place);
    TEST(port_without_qos);
    TEST(restore_brings_what_changed);
    TEST(a_hundred_round_trips);
    TEST(port_returns_to_its_row);
    TEST(vanished_row_is_made_again);
    TEST(kept_row_is_deleted_in_the_end);
    TEST(row_kept_by_an_earlier_stay_is_deleted);
    TEST(rows_of_a_vanished_port_are_deleted);
    TEST(rows_that_a_vanished_port_shared_stay);
    TEST(vanished_port_returns_to_its_row);
    TEST(property_remove_leaves_nothing);
    TEST(what_a_destroyed_guest_left_is_deleted);
    TEST(shared_row_stays_shared);
    TEST(shared_row_is_kept_for_each);
    TEST(other_contents_are_not_shared);
    TEST(rows_in_use_are_nobody_s_to_delete);
    TEST(libvirt_s_rows_are_libvirt_s);
    TEST(libvirt_s_old_rows_are_deleted_first);
    TEST(libvirt_s_row_that_another_port_uses);
    TEST(port_with_another_guest_s_row_moves);
    TEST(libvirt_s_rows_come_back);
    TEST(libvirt_does_not_win_over_an_operator);
    TEST(queues_added_to_libvirt_s_move);
    TEST(libvirt_s_rows_that_it_lost_are_deleted);
    TEST(libvirt_wins_where_it_did_on_the_source);
#undef TEST

    result = g_test_run();
    qf_done();
    return result;
}
