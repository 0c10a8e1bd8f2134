/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of plugin/openflow.h against a real ovs-vswitchd: what is told without
 * being asked, packets, and a switch that does not answer.
 */
#include <config.h>

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "openflow-fixture.h"
#include "openvswitch/vlog.h"

/* ---- Watching --------------------------------------------------------- */

/* What a watcher was told; NULL is "?". */
static GPtrArray *told;

static void
on_rule(gpointer user, const char *bridge, const char *rule)
{
    g_assert_cmpstr(bridge, ==, "br0");
    g_assert_cmpstr(user, ==, "watcher");
    g_ptr_array_add(told, g_strdup(rule ? rule : "?"));
}

/* Returns when every change up to now was told: after the answer to a
 * question. */
static void
catch_up(void)
{
    g_autofree char *nothing = dump(PF_OPENFLOW_GROUPS, NULL);
}

/* What was told since the last time. */
static void
assert_told(const char *expected)
{
    catch_up();
    g_ptr_array_add(told, NULL);

    g_autofree char *text = g_strjoinv("\n", (char **) told->pdata);

    g_ptr_array_set_size(told, 0);
    g_assert_cmpstr(text, ==, expected);
}

static void
watch_in_version(const char *version)
{
    guint watch;

    ovs_do("ovs-vsctl set Bridge br0 protocols=%s", version);
    ovs_do("ovs-ofctl -O %s add-flow br0 table=1,actions=drop", version);
    catch_up();
    told = g_ptr_array_new_with_free_func(g_free);
    watch = pf_openflow_watch(of, "br0", on_rule, (gpointer) "watcher");
    g_assert_cmpuint(watch, !=, 0);
    assert_told("");

    ovs_do("ovs-ofctl -O %s add-flow br0 "
           "cookie=3,table=2,priority=5,in_port=1,idle_timeout=9,actions=2",
           version);
    assert_told("cookie=0x3, table=2, idle_timeout=9, priority=5,in_port=a "
                "actions=output:\"b-1\"");
    ovs_do("ovs-ofctl -O %s mod-flows br0 cookie=3,table=2,actions=1",
           version);
    assert_told("cookie=0x3, table=2, idle_timeout=9, priority=5,in_port=a "
                "actions=output:a");
    ovs_do("ovs-ofctl -O %s del-flows br0 table=2", version);
    assert_told("cookie=0x3, table=2, idle_timeout=9, priority=5,in_port=a "
                "actions=output:a");

    if (strcmp(version, "OpenFlow10") && strcmp(version, "OpenFlow12")) {
        bundle_ok("flow add table=3,in_port=a,actions=drop\n"
                  "flow add table=3,in_port=\"b-1\",actions=drop\n"
                  "flow delete table=1");
        assert_told("table=3, in_port=a actions=drop\n"
                    "table=3, in_port=\"b-1\" actions=drop\n"
                    "table=1, actions=drop");
    }

    pf_openflow_unwatch(of, watch);
    ovs_do("ovs-ofctl -O %s del-flows br0", version);
    assert_told("");

    /* The monitor is really gone: a second one could not be set up. */
    watch = pf_openflow_watch(of, "br0", on_rule, (gpointer) "watcher");
    catch_up();
    ovs_do("ovs-ofctl -O %s add-flow br0 table=2,actions=drop", version);
    assert_told("table=2, actions=drop");
    pf_openflow_unwatch(of, watch);
    catch_up();
    g_clear_pointer(&told, g_ptr_array_unref);
    empty_bridge();
}

static void
test_every_change_is_told(void)
{
    watch_in_version("OpenFlow10");
    watch_in_version("OpenFlow12");
    watch_in_version("OpenFlow13");
    watch_in_version("OpenFlow14");
    watch_in_version("OpenFlow15");
}

/* A watcher that unwatches itself, and asks, when it is told. */
struct once {
    guint watch;
    guint n_told;
    Outcome asked;
};

static void
on_rule_once(gpointer user, const char *bridge, const char *rule)
{
    struct once *once = user;

    g_assert_nonnull(rule);
    once->n_told++;
    pf_openflow_unwatch(of, once->watch);
    pf_openflow_dump(of, bridge, PF_OPENFLOW_RULES, NULL, OVS_PATIENCE_MS,
                     on_lines, &once->asked);
}

static void
test_callback_may_unwatch_and_ask(void)
{
    struct once once = { 0, 0, OUTCOME_INIT };

    once.watch = pf_openflow_watch(of, "br0", on_rule_once, &once);
    bundle_ok("flow add table=3,actions=drop\nflow add table=4,actions=drop");
    loop_until(is_over, &once.asked, "the answer to the callback's question");
    g_assert_cmpuint(once.n_told, ==, 1);
    g_assert_cmpuint(once.asked.lines->len, ==, 2);
    outcome_clear(&once.asked);
    empty_bridge();
}

static void
test_paused_monitor_is_told(void)
{
    guint watch, n_unknown = 0;

    told = g_ptr_array_new_with_free_func(g_free);
    watch = pf_openflow_watch(of, "br0", on_rule, (gpointer) "watcher");
    catch_up();

    /* We do not read meanwhile. */
    ovs_do("for i in $(seq 20000); do "
           "echo table=7,cookie=$((i %% 7)),reg0=$i,actions=drop; "
           "done > %s/many; " OFCTL "add-flows br0 %s/many", ovs->dir,
           ovs->dir);
    catch_up();
    for (guint i = 0; i < told->len; i++) {
        n_unknown += !strcmp(g_ptr_array_index(told, i), "?");
    }
    g_test_message("%u changes told, %u times 'anything'", told->len,
                   n_unknown);
    g_assert_cmpuint(n_unknown, >, 0);
    pf_openflow_unwatch(of, watch);
    catch_up();
    g_clear_pointer(&told, g_ptr_array_unref);
    empty_bridge();
}

static gboolean
is_told(gpointer unused G_GNUC_UNUSED)
{
    return told->len > 0;
}

static void
test_watch_survives_a_restart(void)
{
    guint watch;

    told = g_ptr_array_new_with_free_func(g_free);
    watch = pf_openflow_watch(of, "br0", on_rule, (gpointer) "watcher");
    assert_told("");
    /* When it is gone, and when it is back. */
    ovs_fixture_kill_vswitchd(ovs);
    loop_until(is_told, NULL, "that nobody knows any more");
    g_assert_cmpstr(g_ptr_array_index(told, 0), ==, "?");
    g_ptr_array_set_size(told, 0);
    ovs_fixture_start_vswitchd(ovs);
    loop_until(is_told, NULL, "that anything may have changed");
    g_assert_cmpstr(g_ptr_array_index(told, 0), ==, "?");
    catch_up();
    g_ptr_array_set_size(told, 0);
    ovs_do(OFCTL "add-flow br0 table=9,actions=drop");
    assert_told("table=9, actions=drop");
    pf_openflow_unwatch(of, watch);
    g_clear_pointer(&told, g_ptr_array_unref);
    empty_bridge();
}

/* ---- Trouble ---------------------------------------------------------- */

static void
test_stopped_vswitchd_is_named(void)
{
    g_auto(Outcome) rules = OUTCOME_INIT;
    g_auto(Outcome) bundle = OUTCOME_INIT;
    g_autoptr(GPtrArray) commands = g_ptr_array_new();
    g_autofree char *message = g_strdup_printf(
        "bridge 'br0': ovs-vswitchd (unix:%s/br0.mgmt) did not answer the "
        "question for its rules within 200 ms", ovs->dir);

    catch_up();
    g_ptr_array_add(commands, (char *) "flow add table=8,actions=drop");
    kill(ovs->vswitchd, SIGSTOP);
    pf_openflow_dump(of, "br0", PF_OPENFLOW_RULES, NULL, 200, on_lines,
                     &rules);
    pf_openflow_bundle(of, "br0", commands, 200, on_done, &bundle);
    loop_until(is_over, &rules, "the end of a dump");
    loop_until(is_over, &bundle, "the end of a bundle");
    kill(ovs->vswitchd, SIGCONT);
    assert_message(rules.error, PF_OPENFLOW_ERROR_TIMEOUT, message);
    g_assert_error(bundle.error, PF_OPENFLOW_ERROR, PF_OPENFLOW_ERROR_TIMEOUT);

    /* A bundle that was given up is not carried out later. */
    assert_dump(PF_OPENFLOW_RULES, "table=8", "");
}

static void
test_lost_connection_ends_what_was_sent(void)
{
    g_auto(Outcome) sent = OUTCOME_INIT;
    g_auto(Outcome) waits = OUTCOME_INIT;

    catch_up();
    kill(ovs->vswitchd, SIGSTOP);
    pf_openflow_dump(of, "br0", PF_OPENFLOW_RULES, NULL, OVS_PATIENCE_MS,
                     on_lines, &sent);
    pf_openflow_run(of);
    ovs_fixture_kill_vswitchd(ovs);
    loop_until(is_over, &sent, "the end of a dump");
    g_assert_error(sent.error, PF_OPENFLOW_ERROR, PF_OPENFLOW_ERROR_TIMEOUT);
    g_assert_nonnull(strstr(sent.error->message, "closed the connection "
                            "before it had answered"));

    /* What is asked meanwhile waits. */
    pf_openflow_dump(of, "br0", PF_OPENFLOW_PORT_STATS, "a", OVS_PATIENCE_MS,
                     on_lines, &waits);
    ovs_fixture_start_vswitchd(ovs);
    loop_until(is_over, &waits, "the answer after a restart");
    g_assert_no_error(waits.error);
    g_assert_cmpuint(waits.lines->len, ==, 1);
    empty_bridge();
}

static void
fail_lines(gpointer user G_GNUC_UNUSED, const GPtrArray *lines G_GNUC_UNUSED,
           gboolean last G_GNUC_UNUSED, const GError *error G_GNUC_UNUSED)
{
    g_assert_not_reached();
}

static void
fail_done(gpointer user G_GNUC_UNUSED, const GError *error G_GNUC_UNUSED)
{
    g_assert_not_reached();
}

static void
test_nobody_is_called_after_the_end(void)
{
    PfOpenflow *another = pf_openflow_new(ovs->dir);
    g_autoptr(GPtrArray) rules = g_ptr_array_new();
    g_autoptr(GPtrArray) meters = g_ptr_array_new();
    g_auto(Outcome) o = OUTCOME_INIT;

    g_ptr_array_add(rules, (char *) "flow add table=8,actions=drop");
    g_ptr_array_add(meters, (char *) "delete meter=1");
    pf_openflow_dump(another, "br0", PF_OPENFLOW_RULES, NULL, OVS_PATIENCE_MS,
                     on_lines, &o);
    ovs_loop_until(run_openflow, wait_openflow, another, is_over, &o,
                   "the answer to a dump");
    pf_openflow_watch(another, "br0", on_rule, (gpointer) "watcher");
    pf_openflow_dump(another, "br0", PF_OPENFLOW_RULES, NULL, OVS_PATIENCE_MS,
                     fail_lines, NULL);
    pf_openflow_bundle(another, "br0", rules, OVS_PATIENCE_MS, fail_done,
                       NULL);
    pf_openflow_meters(another, "br0", meters, OVS_PATIENCE_MS, fail_done,
                       NULL);
    pf_openflow_run(another);
    pf_openflow_free(another);
    pf_openflow_free(NULL);
    empty_bridge();
}

/* ---- Packets ---------------------------------------------------------- */

/* Sends a frame with mark 'mark'; returns the error or NULL. */
static GError *
packet_out(gint64 in_port, guint8 mark, const char *actions)
{
    const guint8 data[60] = {
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 0, 0, 0, 0, 0x42,
        0x88, 0xb5, mark
    };
    g_autoptr(GBytes) frame = g_bytes_new(data, sizeof data);
    g_auto(Outcome) o = OUTCOME_INIT;

    pf_openflow_packet_out(of, "br0", in_port, frame, actions,
                           OVS_PATIENCE_MS, on_done, &o);
    loop_until(is_over, &o, "the end of a packet-out");
    return g_steal_pointer(&o.error);
}

/* Returns the mark of the next frame of ours at 'tap', or -1. */
static int
receive_mark(int tap)
{
    struct pollfd pfd = { .fd = tap, .events = POLLIN };
    guint8 frame[2048];

    while (poll(&pfd, 1, OVS_PATIENCE_MS) > 0) {
        if (read(tap, frame, sizeof frame) >= 60
            && frame[12] == 0x88 && frame[13] == 0xb5) {
            return frame[14];
        }
    }
    return -1;
}

static void
test_packet_arrives(void)
{
    g_autoptr(GError) error = NULL;

    error = packet_out(1, 7, "output:\"b-1\"");
    g_assert_no_error(error);
    g_assert_cmpint(receive_mark(tap_b), ==, 7);

    /* Through the bridge's rules, as if it had come in there. */
    bundle_ok("flow add in_port=a,actions=output:\"b-1\"\n"
              "flow add in_port=\"b-1\",actions=output:a");
    error = packet_out(1, 8, "TABLE");
    g_assert_no_error(error);
    g_assert_cmpint(receive_mark(tap_b), ==, 8);
    error = packet_out(2, 9, "TABLE");
    g_assert_no_error(error);
    g_assert_cmpint(receive_mark(tap_a), ==, 9);
    empty_bridge();
}

static void
test_wrong_packet_is_named(void)
{
    g_autoptr(GError) port = packet_out(0, 1, "TABLE");
    g_autoptr(GError) actions = packet_out(1, 1, "outptu:1");
    g_autoptr(GError) refused = packet_out(1, 1, "group:99");

    assert_message(port, PF_OPENFLOW_ERROR_SYNTAX, "bridge 'br0': packet to "
                   "actions 'TABLE': 0 is no OpenFlow number of a port (1 to "
                   "65279, or 65534)");
    assert_message(actions, PF_OPENFLOW_ERROR_SYNTAX, "bridge 'br0': packet "
                   "to actions 'outptu:1': unknown action outptu");
    assert_message(refused, PF_OPENFLOW_ERROR_REFUSED, "bridge 'br0': packet "
                   "from port 1 to actions 'group:99': OFPBAC_BAD_OUT_GROUP");
}

int
main(int argc, char *argv[])
{
    int result;

    if (!ovs_fixture_possible()) {
        return 0;
    }
    g_test_init(&argc, &argv, NULL);
    vlog_set_levels(NULL, VLF_CONSOLE, VLL_ERR);
    openflow_fixture_init();

#define TEST(FUNCTION) \
    g_test_add_func("/openflow-watch/" #FUNCTION, test_##FUNCTION)
    TEST(every_change_is_told);
    TEST(callback_may_unwatch_and_ask);
    TEST(paused_monitor_is_told);
    TEST(watch_survives_a_restart);
    TEST(stopped_vswitchd_is_named);
    TEST(lost_connection_ends_what_was_sent);
    TEST(nobody_is_called_after_the_end);
    TEST(packet_arrives);
    TEST(wrong_packet_is_named);
#undef TEST

    result = g_test_run();
    openflow_fixture_done();
    return result;
}
