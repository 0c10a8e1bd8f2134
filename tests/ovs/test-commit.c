/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of pf_switch_submit() in plugin/switch.h: changes that share a
 * transaction, changes that are refused, and daemons that stop, crash and come
 * back.
 */
#include <config.h>

#include <signal.h>
#include <string.h>

#include "switch-fixture.h"

/* ---- Changes that share a transaction --------------------------------- */

static void
test_one_bad_change_fails_alone(void)
{
    struct sw_outcome o[4] = { { FALSE, NULL } };
    PfChange *bad = pf_change_new(TRUE);

    pf_change_add_ghost(bad, "nobr", "gx", 0, PF_ROLE_OPERATIONAL,
                        MIGRATION);
    pf_switch_submit(sw, sw_ghost("g1", 0), OVS_PATIENCE_MS, sw_on_done,
                     &o[0]);
    pf_switch_submit(sw, bad, OVS_PATIENCE_MS, sw_on_done, &o[1]);
    pf_switch_submit(sw, sw_ghost("br0", 0), OVS_PATIENCE_MS, sw_on_done,
                     &o[2]);
    pf_switch_submit(sw, sw_ghost("g2", 0), OVS_PATIENCE_MS, sw_on_done,
                     &o[3]);
    for (size_t i = 0; i < G_N_ELEMENTS(o); i++) {
        sw_loop_until(sw_is_over, &o[i], "the end of each change");
    }
    g_assert_no_error(o[0].error);
    g_assert_error(o[1].error, PF_SWITCH_ERROR, PF_SWITCH_ERROR_NOT_FOUND);
    g_assert_error(o[2].error, PF_SWITCH_ERROR, PF_SWITCH_ERROR_CONFLICT);
    g_assert_no_error(o[3].error);
    g_clear_error(&o[1].error);
    g_clear_error(&o[2].error);
    g_assert_true(sw_port_exists((gpointer) "g1"));
    g_assert_true(sw_port_exists((gpointer) "g2"));
    sw_delete_port("g1");
    sw_delete_port("g2");
}

/* Blocks until 'pid' has stopped. */
static void
stop(GPid pid)
{
    g_assert_cmpint(kill(pid, SIGSTOP), ==, 0);
    for (;;) {
        g_autofree char *state = ovs_run("cut -d' ' -f3 /proc/%d/stat", pid);

        if (!strcmp(state, "T")) {
            return;
        }
        g_usleep(1000);
    }
}

static void
test_refused_change_fails_alone(void)
{
    struct sw_outcome o[2] = { { FALSE, NULL } };
    PfChange *plain = pf_change_new(FALSE);

    /* No change can be acknowledged any more: next_cfg + 1 is out of range,
     * which ovsdb-server only finds out at the commit. */
    ovs_do("ovs-vsctl --no-wait set Open_vSwitch . "
           "next_cfg=9223372036854775807");
    pf_change_iface_key(plain, "br0", "plain", "yes");
    pf_switch_submit(sw, plain, OVS_PATIENCE_MS, sw_on_done, &o[0]);
    pf_switch_submit(sw, sw_ghost("g1", 0), OVS_PATIENCE_MS, sw_on_done,
                     &o[1]);
    sw_loop_until(sw_is_over, &o[0], "the good change");
    sw_loop_until(sw_is_over, &o[1], "the refused change");
    ovs_do("ovs-vsctl --no-wait set Open_vSwitch . next_cfg=100");
    ovs_do("ovs-vsctl --timeout=30 wait-until Open_vSwitch . cur_cfg=100");

    g_assert_no_error(o[0].error);
    ovs_assert_prints("yes", "ovs-vsctl get Interface br0 external_ids:plain");
    g_assert_error(o[1].error, PF_SWITCH_ERROR, PF_SWITCH_ERROR_DATABASE);
    if (!g_pattern_match_simple("port 'g1': ovsdb-server refused the "
                                "transaction: *range error*",
                                o[1].error->message)) {
        g_error("unexpected message '%s'", o[1].error->message);
    }
    g_clear_error(&o[1].error);
    g_assert_true(sw_port_is_gone((gpointer) "g1"));
}

static void
test_name_taken_meanwhile_is_a_conflict(void)
{
    /* Another client takes the name between our last look and our commit. */
    struct sw_outcome o[2] = { { FALSE, NULL } };

    ovs_do("ovs-vsctl add-port br0 g1 -- set Interface g1 type=internal");
    g_assert_null(pf_switch_port(sw, "g1"));
    pf_switch_submit(sw, sw_ghost("g1", 0), OVS_PATIENCE_MS, sw_on_done,
                     &o[0]);
    pf_switch_submit(sw, sw_ghost("g2", 0), OVS_PATIENCE_MS, sw_on_done,
                     &o[1]);
    sw_loop_until(sw_is_over, &o[0], "the refused change");
    sw_loop_until(sw_is_over, &o[1], "its neighbour");
    g_assert_error(o[0].error, PF_SWITCH_ERROR, PF_SWITCH_ERROR_CONFLICT);
    g_assert_no_error(o[1].error);
    g_clear_error(&o[0].error);
    sw_delete_port("g1");
    sw_delete_port("g2");
}

static void
test_same_port_twice_in_a_row(void)
{
    struct sw_outcome o[3] = { { FALSE, NULL } };
    PfChange *del = pf_change_new(TRUE);
    PfChange *key = pf_change_new(FALSE);

    pf_change_iface_key(key, "g1", "k", "v");
    pf_change_del_port(del, "g1", NULL, NULL);
    pf_switch_submit(sw, sw_ghost("g1", 0), OVS_PATIENCE_MS, sw_on_done,
                     &o[0]);
    pf_switch_submit(sw, key, OVS_PATIENCE_MS, sw_on_done, &o[1]);
    pf_switch_submit(sw, del, OVS_PATIENCE_MS, sw_on_done, &o[2]);
    for (size_t i = 0; i < G_N_ELEMENTS(o); i++) {
        sw_loop_until(sw_is_over, &o[i], "the end of each change");
    }
    /* The ghost was deleted before anybody had looked at its number. */
    g_clear_error(&o[0].error);
    g_assert_no_error(o[1].error);
    g_assert_no_error(o[2].error);
    g_assert_true(sw_port_is_gone((gpointer) "g1"));
}

static void
test_stopped_vswitchd_is_named(void)
{
    GError *error;

    stop(ovs->vswitchd);
    /* The number that was wished for is in the database at once: that is no
     * acknowledgement. */
    error = sw_commit_within(sw_ghost("g1", 91), 300);
    kill(ovs->vswitchd, SIGCONT);
    g_assert_error(error, PF_SWITCH_ERROR, PF_SWITCH_ERROR_TIMEOUT);
    g_assert_cmpstr(error->message, ==,
                    "port 'g1': ovs-vswitchd did not acknowledge the change "
                    "within 300 ms");
    g_clear_error(&error);
    /* What was committed stays. */
    ovs_do("ovs-vsctl --timeout=30 wait-until Interface g1 'error!=[]'");
    sw_loop_until(sw_port_exists, (gpointer) "g1", "the late ghost");
    sw_delete_port("g1");
}

static void
test_stopped_ovsdb_server_is_named(void)
{
    GError *error;

    stop(ovs->ovsdb_server);
    error = sw_commit_within(sw_ghost("g1", 0), 300);
    kill(ovs->ovsdb_server, SIGCONT);
    g_assert_error(error, PF_SWITCH_ERROR, PF_SWITCH_ERROR_TIMEOUT);
    if (!g_pattern_match_simple("port 'g1': ovsdb-server (unix:*) did not "
                                "commit the change within 300 ms",
                                error->message)) {
        g_error("unexpected message '%s'", error->message);
    }
    g_clear_error(&error);
    sw_loop_until(sw_port_exists, (gpointer) "g1", "the late ghost");
    sw_delete_port("g1");
}

static gboolean
is_not_ready(gpointer unused G_GNUC_UNUSED)
{
    return !pf_switch_is_ready(sw);
}

static void
test_restarted_ovsdb_server(void)
{
    struct sw_outcome o = { FALSE, NULL };

    sw_commit(sw_ghost("g1", 0), "ghost");
    ovs_fixture_kill_ovsdb_server(ovs);
    sw_loop_until(is_not_ready, NULL, "the loss of the connection");

    /* A change that is submitted meanwhile waits, or tells why it cannot. */
    GError *error = sw_commit_within(sw_ghost("g2", 0), 100);
    g_assert_error(error, PF_SWITCH_ERROR, PF_SWITCH_ERROR_TIMEOUT);
    g_assert_nonnull(strstr(error->message, "no connection"));
    g_clear_error(&error);

    pf_switch_submit(sw, sw_ghost("g2", 0), OVS_PATIENCE_MS, sw_on_done,
                     &o);
    ovs_fixture_start_ovsdb_server(ovs);
    sw_loop_until(sw_is_over, &o, "the change across the restart");
    g_assert_no_error(o.error);
    g_assert_true(sw_is_ready(NULL));
    g_assert_true(sw_port_exists((gpointer) "g1"));
    sw_delete_port("g1");
    sw_delete_port("g2");
}

static void
test_crash_in_the_middle_of_a_change(void)
{
    struct sw_outcome o = { FALSE, NULL };

    /* The transaction is on its way, nobody has answered. */
    stop(ovs->ovsdb_server);
    pf_switch_submit(sw, sw_ghost("g1", 0), OVS_PATIENCE_MS, sw_on_done,
                     &o);
    pf_switch_run(sw);
    pf_switch_run(sw);
    ovs_fixture_kill_ovsdb_server(ovs);
    ovs_fixture_start_ovsdb_server(ovs);
    sw_loop_until(sw_is_over, &o, "the change across the crash");
    g_assert_no_error(o.error);
    sw_delete_port("g1");
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

#define TEST(FUNCTION) g_test_add_func("/commit/" #FUNCTION, test_##FUNCTION)
    TEST(one_bad_change_fails_alone);
    TEST(refused_change_fails_alone);
    TEST(name_taken_meanwhile_is_a_conflict);
    TEST(same_port_twice_in_a_row);
    TEST(stopped_vswitchd_is_named);
    TEST(stopped_ovsdb_server_is_named);
    TEST(restarted_ovsdb_server);
    TEST(crash_in_the_middle_of_a_change);
#undef TEST

    result = g_test_run();
    switch_fixture_done();
    return result;
}
