/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of whom pf_switch's `changed' callback tells (plugin/reach.h), against
 * a real Open vSwitch.
 */
#include <config.h>

#include "switch-fixture.h"

static const char *const columns[] = {
    "QoS.type", "QoS.queues", "QoS.other_config", "Queue.dscp",
    "Mirror.name", "Mirror.select_src_port", "Mirror.select_dst_port",
    "Mirror.snaplen", "Mirror.statistics", "Bridge.mirrors",
    "Bridge.external_ids", NULL
};

static void
add_port(const char *name)
{
    ovs_do("ovs-vsctl add-port br0 %s -- set Interface %s type=internal",
           name, name);
    sw_commit(pf_change_new(TRUE), "nothing");
}

/* Lets ovs-vsctl do something, and the replica know of it. */
#define OUTSIDE(...)                                    \
    G_STMT_START {                                      \
        ovs_do(__VA_ARGS__);                            \
        sw_commit(pf_change_new(TRUE), "nothing");      \
    } G_STMT_END

/* Lets ovs-vsctl do something, and demands that ports 'told' ("p1 p2"; "all")
 * are told of, of p1 to p3, and nobody else. */
static void
assert_told(const char *told, const char *command)
{
    g_auto(GStrv) names = g_strsplit(told, " ", -1);
    static const char *const ports[] = { "p1", "p2", "p3", NULL };
    g_autoptr(GString) got = g_string_new(NULL);

    g_test_message("%s", command);
    sw_forget_told();
    OUTSIDE("%s", command);
    for (size_t i = 0; ports[i]; i++) {
        if (sw_was_told((gpointer) ports[i])) {
            g_string_append_printf(got, "%s%s", got->len ? " " : "",
                                   ports[i]);
        }
    }
    if (sw_was_told(NULL)) {
        g_string_append_printf(got, "%sall", got->len ? " " : "");
    }
    g_assert_cmpstr(got->str, ==, told);
}

static void
test_ports_concerned_are_told(void)
{
    add_port("p1");
    add_port("p2");
    add_port("p3");
    assert_told("", "true");

    /* References to ports. */
    assert_told("all", "ovs-vsctl -- --id=@m create Mirror name=m0 "
                "-- set Bridge br0 mirrors=@m");
    assert_told("p1", "ovs-vsctl set Mirror m0 select_src_port="
                "$(ovs-vsctl get Port p1 _uuid)");
    assert_told("p1 p2", "ovs-vsctl add Mirror m0 select_dst_port "
                "$(ovs-vsctl get Port p2 _uuid)");
    assert_told("p1 p2", "ovs-vsctl clear Mirror m0 select_src_port");
    assert_told("p2", "ovs-vsctl set Mirror m0 snaplen=100");
    assert_told("p1", "ovs-vsctl set Port p1 tag=5");
    assert_told("p2", "ovs-vsctl clear Bridge br0 mirrors");

    /* References of ports. */
    assert_told("p1 p3", "ovs-vsctl -- set Port p1 qos=@q "
                "-- set Port p3 qos=@q -- --id=@q create QoS "
                "type=linux-noop queues:1=@u -- --id=@u create Queue dscp=1");
    assert_told("p1 p3", "ovs-vsctl set QoS $(ovs-vsctl get Port p1 qos) "
                "other_config:max-rate=1000000");
    assert_told("p1 p3", "ovs-vsctl set Queue $(ovs-vsctl get QoS "
                "$(ovs-vsctl get Port p1 qos) queues:1) dscp=2");
    assert_told("p1 p3", "q=$(ovs-vsctl get Port p1 qos); ovs-vsctl "
                "-- clear Port p1 qos -- clear Port p3 qos "
                "-- --all destroy QoS -- --all destroy Queue");

    /* Nobody knows whom. */
    assert_told("all", "ovs-vsctl create Queue dscp=3");
    assert_told("all", "ovs-vsctl --all destroy Queue");

    /* What ports hang on is no news. */
    assert_told("", "ovs-vsctl set Bridge br0 external_ids:a=b");
    assert_told("p2", "ovs-vsctl set Interface p2 external_ids:a=b");
    sw_delete_port("p1");
    sw_delete_port("p2");
    sw_delete_port("p3");
}

static gboolean
is_not_ready(gpointer unused G_GNUC_UNUSED)
{
    return !pf_switch_is_ready(sw);
}

static void
test_ports_concerned_are_told_after_a_restart(void)
{
    add_port("p1");
    add_port("p2");
    OUTSIDE("ovs-vsctl -- --id=@p get Port p1 -- --id=@m create Mirror "
            "name=m0 select_src_port=@p -- set Bridge br0 mirrors=@m");
    ovs_fixture_kill_ovsdb_server(ovs);
    sw_loop_until(is_not_ready, NULL, "the loss of the connection");
    ovs_fixture_start_ovsdb_server(ovs);
    sw_loop_until(sw_is_ready, NULL, "the replica");
    assert_told("p1 p2", "ovs-vsctl set Mirror m0 select_src_port="
                "$(ovs-vsctl get Port p2 _uuid)");
    OUTSIDE("ovs-vsctl clear Bridge br0 mirrors");
    sw_delete_port("p1");
    sw_delete_port("p2");
}

int
main(int argc, char *argv[])
{
    int result;

    if (!ovs_fixture_possible()) {
        return 0;
    }
    g_test_init(&argc, &argv, NULL);
    switch_fixture_init_with(columns);

#define TEST(FUNCTION) g_test_add_func("/reach/" #FUNCTION, test_##FUNCTION)
    TEST(ports_concerned_are_told);
    TEST(ports_concerned_are_told_after_a_restart);
#undef TEST

    result = g_test_run();
    switch_fixture_done();
    return result;
}
