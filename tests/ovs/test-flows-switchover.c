/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of the extension `flows' (plugin/extensions/flows*.c) against a real
 * Open vSwitch: what happens at the switchover and on the way back, what it
 * costs, and what becomes of timeouts.
 */
#include <config.h>

#include "flows-fixture.h"

#include <signal.h>
#include <string.h>

#include "plugin/extensions/flows-lost.h"

#define EXT (&pf_extension_flows)
#define MAC EF_MAC

static PfNetwork *net0, *net1;

static GVariant *
call(PfCallFunc func, const char *bridge, GVariant *policies)
{
    PfExtensionPort port = ef_port("web0", bridge);
    g_autoptr(EfSaid) said = ef_call_ok(
        EXT, func, &port, strcmp(bridge, "br0") ? net1 : net0, policies);

    return said->policies ? g_variant_ref(said->policies) : NULL;
}

static void
request(PfCallFunc func, const char *bridge, GVariant *policies)
{
    GVariant *said = call(func, bridge, policies);

    g_clear_pointer(&said, g_variant_unref);
}

static void
restore(const char *bridge, GVariant *old, GVariant *new_, GVariant *chunks)
{
    PfExtensionPort port = ef_port("web0", bridge);
    g_autoptr(EfSaid) said = ef_restore(EXT, &port, net1, old, new_, chunks);

    g_assert_no_error(said->error);
}

static void
clean_up(void)
{
    ff_del_port("web0");
    ff_clear("br0");
    ff_clear("br1");
}

/* ---- The difference ----------------------------------------------------- */

/* A change a moment before is in what is saved, whatever the cache has. */
static void
test_save_knows_the_last_change(void)
{
    ff_add_port("web0", "br0", 5);
    ff_add_flows("br0", "in_port=web0,actions=NORMAL\n");
    g_autoptr(GVariant) first = call(PF_CALL_GET_POLICIES, "br0", NULL);
    guint before = ef_changes_said;
    /* Nothing new. */
    g_assert_null(call(PF_CALL_NIC_SAVE, "br0", NULL));
    g_assert_cmpuint(ef_changes_said, ==, before);

    for (guint i = 0; i < 20; i++) {
        g_autofree char *rule = g_strdup_printf(
            "table=1,priority=%u,in_port=web0,actions=NORMAL\n", i);
        g_autofree char *expected = g_strdup_printf(
            "table=1, priority=%u,in_port=web0 actions=NORMAL", i);

        ff_add_flows("br0", rule);
        g_autoptr(GVariant) saved = call(PF_CALL_NIC_SAVE, "br0", NULL);
        g_assert_nonnull(saved);
        g_autofree char *lines = ff_lines(saved, "rules");
        g_assert_nonnull(strstr(lines, expected));
    }
    g_assert_cmpuint(ef_changes_said, >, before);

    /* Another port's rule is nothing to it. */
    before = ef_changes_said;
    ff_add_flows("br0", "in_port=up0,actions=NORMAL\n");
    g_assert_null(call(PF_CALL_NIC_SAVE, "br0", NULL));
    g_assert_cmpuint(ef_changes_said, ==, before);
    clean_up();
}

static void
test_changed_groups_are_noticed(void)
{
    ff_add_port("web0", "br0", 5);
    g_free(ff_ofctl("add-group br0 group_id=1,type=all,"
                    "bucket=actions=output:web0"));
    ff_add_flows("br0", "in_port=web0,actions=group:1\n");
    g_autoptr(GVariant) first = call(PF_CALL_GET_POLICIES, "br0", NULL);
    g_free(ff_ofctl("mod-group br0 group_id=1,type=all,"
                    "bucket=actions=output:web0,bucket=actions=NORMAL"));
    g_autoptr(GVariant) saved = call(PF_CALL_NIC_SAVE, "br0", NULL);
    g_assert_nonnull(saved);
    g_autofree char *groups = ff_lines(saved, "groups");
    g_assert_cmpstr(groups, ==, "group_id=1,type=all,bucket=bucket_id:0,"
                    "actions=output:web0,bucket=bucket_id:1,actions=NORMAL");
    clean_up();
}

static void
expect_silence(gpointer has_ended, const PfCallResult *result)
{
    g_assert_nonnull(result->error);
    /* In what was left of the 100 ms when it was asked. */
    g_assert_nonnull(strstr(result->error->message, " within "));
    *(gboolean *) has_ended = TRUE;
}

static gboolean
is_true(gpointer flag)
{
    return *(gboolean *) flag;
}

static gboolean
is_said(gpointer before)
{
    return ef_changes_said > *(guint *) before;
}

/* What ovs-vswitchd was too slow to say is asked for again, though nothing has
 * changed. */
static void
test_slow_switch_is_asked_again(void)
{
    guint before = ef_changes_said;
    gboolean has_ended = FALSE;
    PfExtensionPort port;

    ff_add_port("web0", "br0", 5);
    ff_add_flows("br0", "in_port=web0,actions=NORMAL\n");
    port = ef_port("web0", "br0");
    kill(ovs->vswitchd, SIGSTOP);
    pf_call_begin(&(PfCallSpec) {
                      .extension = EXT,
                      .func = PF_CALL_GET_POLICIES,
                      .port = &port,
                      .network = net0,
                      .timeout_ms = 100,
                  }, expect_silence, &has_ended);
    ef_loop_until(is_true, &has_ended, "the call's end");
    kill(ovs->vswitchd, SIGCONT);
    ef_loop_until(is_said, &before, "the next question");
    g_autoptr(GVariant) policies = call(PF_CALL_GET_POLICIES, "br0", NULL);
    g_autofree char *rules = ff_lines(policies, "rules");
    g_assert_cmpstr(rules, ==, "in_port=web0 actions=NORMAL");
    clean_up();
}

/* A port's first rule that reaches it by a group is noticed as any other, and
 * so is a group that comes to lead to it. */
static void
test_first_group_is_noticed(void)
{
    ff_add_port("web0", "br0", 5);
    ff_add_flows("br0", "in_port=web0,actions=NORMAL\n");
    g_autoptr(GVariant) first = call(PF_CALL_GET_POLICIES, "br0", NULL);
    g_free(ff_ofctl("add-group br0 group_id=7,type=all,"
                    "bucket=actions=output:web0"));
    ff_add_flows("br0", "table=1,ip,nw_dst=10.0.0.5,actions=group:7\n");
    g_autoptr(GVariant) second = call(PF_CALL_NIC_SAVE, "br0", NULL);
    g_assert_nonnull(second);
    g_autofree char *rules = ff_lines(second, "rules");
    g_assert_cmpstr(rules, ==, "in_port=web0 actions=NORMAL\n"
                    "table=1, ip,nw_dst=10.0.0.5 actions=group:7");

    g_free(ff_ofctl("mod-group br0 group_id=7,type=all,"
                    "bucket=actions=output:up0"));
    g_autoptr(GVariant) third = call(PF_CALL_NIC_SAVE, "br0", NULL);
    g_assert_nonnull(third);
    g_free(ff_ofctl("mod-group br0 group_id=7,type=all,"
                    "bucket=actions=output:web0"));
    g_autoptr(GVariant) fourth = call(PF_CALL_NIC_SAVE, "br0", NULL);
    g_assert_nonnull(fourth);
    g_autofree char *again = ff_lines(fourth, "rules");
    g_assert_cmpstr(again, ==, rules);
    request(PF_CALL_PORT_TEARDOWN, "br0", fourth);
    ff_assert_empty("br0");
    clean_up();
}

/* Only what differs is said to the switch, in one bundle. */
static void
test_restore_carries_out_the_difference(void)
{
    g_autoptr(GVariant) old = ef_policies(
        "{\"port\": \"web0\", \"rules\": ["
        "\"in_port=web0 actions=NORMAL\","
        "\"table=1, in_port=web0 actions=drop\","
        "\"table=2, dl_src=" MAC " actions=NORMAL\","
        "\"table=3, in_port=web0 actions=group:1\"],"
        "\"groups\": [\"group_id=1,type=all,bucket=actions=NORMAL\"]}");
    g_autoptr(GVariant) new_ = ef_policies(
        "{\"port\": \"web0\", \"rules\": ["
        "\"in_port=web0 actions=NORMAL\","
        "\"cookie=0x9, table=1, in_port=web0 actions=NORMAL\","
        "\"table=3, in_port=web0 actions=meter:4,group:1\","
        "\"table=4, dl_dst=" MAC " actions=NORMAL\"],"
        "\"groups\": [\"group_id=1,type=all,bucket=actions=output:web0\"],"
        "\"meters\": [\"meter=4,pktps,bands=type=drop,rate=5\"]}");
    g_autofree char *kept = NULL, *after = NULL;

    ff_add_port("web0", "br1", 9);
    request(PF_CALL_PROPERTY_ADD, "br1", old);
    restore("br1", old, old, NULL);
    ff_assert_rules("br1", "in_port=web0 actions=NORMAL\n"
                    "table=1, in_port=web0 actions=drop\n"
                    "table=2, dl_src=" MAC " actions=NORMAL\n"
                    "table=3, in_port=web0 actions=group:1");
    /* What does not differ is not touched: the rule is as old as it was. */
    kept = ovs_run("sleep 1.1; ovs-ofctl dump-flows br1 table=0 | "
                   "grep -c 'duration=[1-9]'");
    g_assert_cmpstr(kept, ==, "1");
    for (guint i = 0; i < 2; i++) {
        restore("br1", old, new_, NULL);
        ff_assert_rules(
            "br1", "cookie=0x9, table=1, in_port=web0 actions=NORMAL\n"
            "in_port=web0 actions=NORMAL\n"
            "table=3, in_port=web0 actions=meter:4,group:2\n"
            "table=4, dl_dst=" MAC " actions=NORMAL");
    }
    after = ovs_run("ovs-ofctl dump-flows br1 table=0 | "
                    "grep -c 'duration=[1-9]'");
    g_assert_cmpstr(after, ==, "1");
    /* The old group has gone, and all goes in the end. */
    ovs_assert_prints("1", "ovs-ofctl -O OpenFlow15 dump-groups br1 | "
                      "grep -c group_id");
    request(PF_CALL_PROPERTY_REMOVE, "br1", new_);
    request(PF_CALL_PROPERTY_REMOVE, "br1", new_);
    ff_assert_empty("br1");
    clean_up();
}

static gboolean
is_lost(gpointer name)
{
    return pf_flow_lost_seen(name);
}

/* A switch that was restarted while the port waited has forgotten all: it gets
 * it again. */
static void
test_restarted_switch_gets_everything_again(void)
{
    g_autoptr(GVariant) policies = ef_policies(
        "{\"port\": \"web0\", \"rules\": ["
        "\"in_port=web0 actions=meter:4,group:1\","
        "\"table=1, dl_src=" MAC " actions=NORMAL\"],"
        "\"groups\": [\"group_id=1,type=all,bucket=actions=NORMAL\"],"
        "\"meters\": [\"meter=4,pktps,bands=type=drop,rate=5\"]}");

    ff_add_port("web0", "br1", 9);
    ff_clear("br1");
    request(PF_CALL_PROPERTY_ADD, "br1", policies);
    g_autofree char *before = ff_listing("br1");
    g_assert_false(pf_flow_lost_seen("web0"));

    ovs_fixture_kill_vswitchd(ovs);
    ef_loop_until(is_lost, (gpointer) "web0", "the loss");
    ovs_fixture_start_vswitchd(ovs);
    ef_catch_up();
    g_assert_true(pf_flow_lost_seen("web0"));
    ff_clear("br1");
    for (guint i = 0; i < 2; i++) {
        restore("br1", policies, policies, NULL);
        g_autofree char *after = ff_listing("br1");
        g_assert_cmpstr(before, ==, after);
        g_assert_false(pf_flow_lost_seen("web0"));
    }
    request(PF_CALL_PROPERTY_REMOVE, "br1", policies);
    ff_assert_empty("br1");
    clean_up();
}

static void
test_teardown_and_return(void)
{
    ff_add_port("web0", "br0", 5);
    g_free(ff_ofctl("add-meter br0 meter=1,kbps,band=type=drop,rate=100"));
    g_free(ff_ofctl("add-group br0 group_id=1,type=all,"
                    "bucket=actions=output:web0"));
    ff_add_flows("br0", "in_port=web0,actions=meter:1,group:1\n"
                 "table=1,dl_src=" MAC ",actions=NORMAL\n"
                 "table=2,hard_timeout=100,in_port=web0,actions=drop\n"
                 "in_port=up0,actions=NORMAL\n");
    g_autofree char *before = ff_listing("br0");
    g_autoptr(GVariant) policies = call(PF_CALL_GET_POLICIES, "br0", NULL);
    for (guint i = 0; i < 2; i++) {
        request(PF_CALL_PORT_TEARDOWN, "br0", policies);
        ff_assert_rules("br0", "in_port=up0 actions=NORMAL");
        request(PF_CALL_PORT_TEARDOWN, "br0", policies);
        request(PF_CALL_PORT_RETURN, "br0", policies);
        request(PF_CALL_PORT_RETURN, "br0", policies);
        g_autofree char *after = ff_listing("br0");
        g_assert_cmpstr(before, ==, after);
    }
    clean_up();
}

/* A rule that cannot be brought back does not keep the others away. */
static void
test_return_without_a_rule(void)
{
    PfExtensionPort port;

    ff_add_port("web0", "br0", 5);
    ff_add_flows("br0", "table=1,in_port=web0,actions=NORMAL\n"
                 "table=1,dl_src=" MAC ",actions=NORMAL\n");
    ovs_do("ovs-ofctl -O OpenFlow10 add-flow br0 "
           "in_port=5,actions=mod_nw_src:10.0.0.1,NORMAL");
    g_autoptr(GVariant) policies = call(PF_CALL_GET_POLICIES, "br0", NULL);
    request(PF_CALL_PORT_TEARDOWN, "br0", policies);
    ff_assert_empty("br0");
    port = ef_port("web0", "br0");
    g_autoptr(EfSaid) said = ef_call_ok(EXT, PF_CALL_PORT_RETURN, &port, net0,
                                        policies);
    g_assert_cmpstr(said->note, ==, "rule \"reset_counts in_port=web0 "
                    "actions=set_field:10.0.0.1->ip_src,NORMAL\": actions "
                    "are invalid with specified match "
                    "(OFPBAC_MATCH_INCONSISTENT)");
    ff_assert_rules("br0", "table=1, dl_src=" MAC " actions=NORMAL\n"
                    "table=1, in_port=web0 actions=NORMAL");
    clean_up();
}

/* A rule's time goes on while it is away. */
static void
test_hard_timeouts_go_on_on_the_way_back(void)
{
    ff_add_port("web0", "br0", 5);
    ff_add_flows("br0", "hard_timeout=100,in_port=web0,actions=drop\n"
                 "table=1,idle_timeout=50,hard_timeout=3,in_port=web0,"
                 "actions=drop\n");
    g_autoptr(GVariant) policies = call(PF_CALL_GET_POLICIES, "br0", NULL);
    ef_loop_for(2100);
    request(PF_CALL_NIC_SAVE, "br0", NULL);
    request(PF_CALL_PORT_TEARDOWN, "br0", policies);
    ff_assert_empty("br0");
    ef_loop_for(2100);
    request(PF_CALL_PORT_RETURN, "br0", policies);
    /* One of which nothing is left has its end here. */
    ovs_assert_prints(
        "hard_timeout=9_, in_port=web0 actions=drop\n"
        "table=1, idle_timeout=50, hard_timeout=1, in_port=web0 actions=drop",
        "ovs-ofctl -O OpenFlow15 --names --no-stats dump-flows br0 | "
        "sed 's/^ *//; s/=9[3-6],/=9_,/' | sort");
    clean_up();
}

/* A bundle that is refused leaves nothing, not even a meter. */
static void
test_refused_bundle_leaves_nothing(void)
{
    g_autoptr(GVariant) policies = ef_policies(
        "{\"port\": \"web0\", \"others\": [\"nobody\"], \"rules\": ["
        "\"in_port=web0 actions=meter:4,group:1\","
        "\"table=1, in_port=web0 actions=output:nobody\"],"
        "\"groups\": [\"group_id=1,type=all,bucket=actions=NORMAL\"],"
        "\"meters\": [\"meter=4,pktps,bands=type=drop,rate=5\"]}");
    PfExtensionPort port;

    ff_add_port("web0", "br1", 9);
    port = ef_port("web0", "br1");
    g_autoptr(PfNetwork) by_name = ff_network(
        "br1", NULL, "<p:flows other-ports='by-name'/>");
    g_autoptr(EfSaid) said = ef_call(EXT, PF_CALL_PROPERTY_ADD, &port,
                                     by_name, policies);
    g_assert_nonnull(said->error);
    g_test_message("%s", said->error->message);
    ff_assert_empty("br1");
    clean_up();
}

/* What is installed was checked with the number that the port has. */
static void
test_install_checks_again(void)
{
    static const struct {
        const char *json, *why;
    } cases[] = {
        { "{\"port\": \"web0\", \"rules\": ["
          "\"in_port=41 actions=output:web0\"]}",
          "rule \"in_port=41 actions=output:web0\": in_port 41 is a number "
          "without a name, which means nothing on another host" },
        { "{\"port\": \"web0\", \"rules\": ["
          "\"in_port=9 actions=drop\"]}",
          "rule \"in_port=9 actions=drop\": it gives a port by a number, "
          "which means nothing on another host: give its name" },
        { "{\"port\": \"web0\", \"rules\": ["
          "\"in_port=web0 actions=group:1\"], \"groups\": ["
          "\"group_id=1,type=all,bucket=actions=output:41\"]}",
          "group 1: output to 41 is a number without a name, which means "
          "nothing on another host" },
    };
    PfExtensionPort port;

    ff_add_port("web0", "br1", 9);
    port = ef_port("web0", "br1");
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GVariant) policies = ef_policies(cases[i].json);
        g_autoptr(EfSaid) said = ef_call(EXT, PF_CALL_PROPERTY_ADD, &port,
                                         net1, policies);

        g_assert_nonnull(said->error);
        g_assert_cmpstr(said->error->message, ==, cases[i].why);
        ff_assert_empty("br1");
    }
    clean_up();
}

/* Open vSwitch keeps the rules of a port that was deleted: they are not taken
 * for those of the port that gets its number. */
static void
test_old_rules_of_the_number_go(void)
{
    g_autoptr(GVariant) policies = ef_policies(
        "{\"port\": \"web0\", \"rules\": ["
        "\"priority=5,in_port=web0 actions=drop\"]}");
    g_autoptr(GVariant) fewer = ef_policies("{}");

    ff_add_flows("br1", "priority=60000,in_port=9,actions=NORMAL\n"
                 "in_port=up1,actions=NORMAL\n");
    ff_add_port("web0", "br1", 9);
    request(PF_CALL_PROPERTY_ADD, "br1", policies);
    ff_assert_rules("br1", "in_port=up1 actions=NORMAL\n"
                    "priority=5,in_port=web0 actions=drop");
    request(PF_CALL_PROPERTY_ADD, "br1", fewer);
    ff_assert_rules("br1", "in_port=up1 actions=NORMAL");
    clean_up();
}

/* ---- Timeouts ----------------------------------------------------------- */

static void
test_timeouts_go_on(void)
{
    ff_add_port("web0", "br0", 5);
    ff_add_flows("br0", "hard_timeout=100,in_port=web0,actions=NORMAL\n"
                 "table=1,idle_timeout=200,in_port=web0,actions=NORMAL\n"
                 "table=2,idle_timeout=200,hard_timeout=100,in_port=web0,"
                 "actions=NORMAL\n");
    ef_loop_for(2100);
    g_autoptr(GVariant) chunks = NULL;
    g_autoptr(GVariant) policies = ff_leave("br0", net0, 1, &chunks);
    g_assert_nonnull(chunks);
    g_autofree char *rules = ff_lines(policies, "rules");
    g_assert_cmpstr(rules, ==,
                    "hard_timeout=100, in_port=web0 actions=NORMAL\n"
                    "table=1, idle_timeout=200, in_port=web0 actions=NORMAL\n"
                    "table=2, idle_timeout=200, hard_timeout=100, "
                    "in_port=web0 actions=NORMAL");

    /* Their time stands still until the guest comes. */
    ff_add_port("web0", "br1", 9);
    request(PF_CALL_PROPERTY_ADD, "br1", policies);
    ff_assert_rules("br1", "in_port=web0 actions=NORMAL\n"
                    "table=1, in_port=web0 actions=NORMAL\n"
                    "table=2, in_port=web0 actions=NORMAL");
    restore("br1", policies, policies, chunks);
    ff_assert_rules("br1", "hard_timeout=98, in_port=web0 actions=NORMAL\n"
                    "table=1, idle_timeout=198, in_port=web0 actions=NORMAL\n"
                    "table=2, idle_timeout=198, hard_timeout=98, "
                    "in_port=web0 actions=NORMAL");
    /* What is configured is not worn down. */
    g_autoptr(GVariant) again = call(PF_CALL_GET_POLICIES, "br1", NULL);
    g_autofree char *configured = ff_lines(again, "rules");
    g_assert_cmpstr(configured, ==,
                    "hard_timeout=98, in_port=web0 actions=NORMAL\n"
                    "table=1, idle_timeout=200, in_port=web0 actions=NORMAL\n"
                    "table=2, idle_timeout=200, hard_timeout=98, "
                    "in_port=web0 actions=NORMAL");
    request(PF_CALL_PROPERTY_REMOVE, "br1", policies);
    ff_assert_empty("br1");
    clean_up();
}

/* Without run-time data they begin anew. */
static void
test_timeouts_without_run_time_data(void)
{
    g_autoptr(GVariant) policies = ef_policies(
        "{\"port\": \"web0\", \"rules\": ["
        "\"idle_timeout=70, hard_timeout=80, in_port=web0 actions=drop\"]}");

    ff_add_port("web0", "br1", 9);
    request(PF_CALL_PROPERTY_ADD, "br1", policies);
    restore("br1", policies, policies, NULL);
    ff_assert_rules("br1", "idle_timeout=70, hard_timeout=80, in_port=web0 "
                    "actions=drop");
    clean_up();
}

/* From the guest, through 'actions'. */
static void
send_frame(const char *actions)
{
    ovs_do("ovs-ofctl packet-out br1 'in_port=9,packet="
           "ffffffffffff525400aa00010800450000140000000040000000"
           "0a0000010a000002,actions=%s'", actions);
}

/* A rule that is used has its own idle timeout again, one that is not goes
 * when it would have gone; one that was changed meanwhile stays changed. */
static void
test_used_rules_get_their_idle_timeout_back(void)
{
    g_autoptr(GVariant) chunks = NULL;

    ff_add_port("web0", "br0", 5);
    ff_add_flows("br0", "idle_timeout=6,in_port=web0,actions=drop\n"
                 "table=1,idle_timeout=6,in_port=web0,actions=drop\n"
                 "table=2,idle_timeout=6,in_port=web0,actions=NORMAL\n"
                 "table=3,idle_timeout=6,in_port=web0,actions=drop\n");
    ef_loop_for(3100);
    g_autoptr(GVariant) policies = ff_leave("br0", net0, 1, &chunks);
    ff_arrive("br1", 9, net1, policies, chunks, 1);
    ff_assert_rules("br1", "idle_timeout=3, in_port=web0 actions=drop\n"
                    "table=1, idle_timeout=3, in_port=web0 actions=drop\n"
                    "table=2, idle_timeout=3, in_port=web0 actions=NORMAL\n"
                    "table=3, idle_timeout=3, in_port=web0 actions=drop");
    ovs_do("ovs-ofctl mod-flows br1 table=2,in_port=9,actions=drop");
    send_frame("table");
    send_frame("resubmit(,2)");
    ef_loop_for(2600);
    ff_assert_rules("br1", "idle_timeout=6, in_port=web0 actions=drop\n"
                    "table=1, idle_timeout=3, in_port=web0 actions=drop\n"
                    "table=2, idle_timeout=3, in_port=web0 actions=drop\n"
                    "table=3, idle_timeout=3, in_port=web0 actions=drop");
    /* Not too late: it was to go in half a second. */
    send_frame("resubmit(,3)");
    ef_loop_for(1500);
    ff_assert_rules("br1", "idle_timeout=6, in_port=web0 actions=drop\n"
                    "table=3, idle_timeout=6, in_port=web0 actions=drop");
    request(PF_CALL_PROPERTY_REMOVE, "br1", policies);
    clean_up();
}

/* ---- Ten thousand rules ------------------------------------------------- */

#define MANY 10000

static gint64 last_tick, longest_us;

static gboolean
tick(gpointer unused G_GNUC_UNUSED)
{
    gint64 now = g_get_monotonic_time();

    longest_us = MAX(longest_us, now - last_tick);
    last_tick = now;
    return G_SOURCE_CONTINUE;
}

/* Says how long a step took, and how long the loop was held in it. */
static void
say_time(const char *step, gint64 *since)
{
    gint64 now = g_get_monotonic_time();

    g_test_message("%s: %.1f ms, the loop held for at most %.1f ms", step,
                   (now - *since) / 1000.0, longest_us / 1000.0);
    *since = last_tick = g_get_monotonic_time();
    longest_us = 0;
}

static void
test_ten_thousand_rules(void)
{
    g_autoptr(GString) lines = g_string_new(NULL);
    guint timer = g_timeout_add(1, tick, NULL);
    gint64 since;

    ff_add_port("web0", "br0", 5);
    for (guint i = 0; i < MANY; i++) {
        g_string_append_printf(
            lines, "table=%u,priority=%u,tcp,in_port=web0,dl_src=" MAC
            ",nw_src=10.0.0.5,nw_dst=10.%u.%u.0/24,tp_dst=%u,actions=%s\n",
            i % 4, 1000 + i % 5000, i / 256, i % 256, 1 + i, i % 2 ? "drop"
            : "resubmit(,5)");
    }
    ff_add_flows("br0", lines->str);
    g_autofree char *before = ff_listing("br0");

    since = last_tick = g_get_monotonic_time();
    longest_us = 0;
    g_autoptr(GVariant) policies = call(PF_CALL_GET_POLICIES, "br0", NULL);
    say_time("get_policies", &since);
    g_assert_null(call(PF_CALL_NIC_SAVE, "br0", NULL));
    say_time("nic_save", &since);
    request(PF_CALL_PORT_TEARDOWN, "br0", policies);
    say_time("port_teardown", &since);
    ff_assert_empty("br0");
    ff_del_port("web0");

    PfExtensionPort port = ef_port("web0", "br1");
    say_time("(the test itself)", &since);
    g_autofree char *said = ef_verify(EXT, &port, net1, policies);
    g_assert_cmpstr(said, ==, NULL);
    say_time("verification", &since);
    ff_add_port("web0", "br1", 9);
    say_time("(the test itself)", &since);
    request(PF_CALL_PROPERTY_ADD, "br1", policies);
    say_time("property_add", &since);
    restore("br1", policies, policies, NULL);
    say_time("nic_restore", &since);
    g_autofree char *after = ff_listing("br1");
    g_assert_cmpstr(before, ==, after);
    say_time("(the test itself)", &since);
    g_autoptr(GVariant) none = ef_policies("{}");
    restore("br1", policies, none, NULL);
    say_time("nic_restore without any", &since);
    ff_assert_empty("br1");
    say_time("(the test itself)", &since);
    restore("br1", none, policies, NULL);
    say_time("nic_restore with all", &since);
    g_autofree char *again = ff_listing("br1");
    g_assert_cmpstr(before, ==, again);
    g_source_remove(timer);
    request(PF_CALL_PROPERTY_REMOVE, "br1", policies);
    ff_assert_empty("br1");
    clean_up();
}

static void
add_all(void)
{
    net0 = ff_network("br0", NULL, NULL);
    net1 = ff_network("br1", NULL, NULL);
#define ADD(NAME) g_test_add_func("/flows-switchover/" #NAME, test_##NAME)
    ADD(save_knows_the_last_change);
    ADD(changed_groups_are_noticed);
    ADD(slow_switch_is_asked_again);
    ADD(first_group_is_noticed);
    ADD(restore_carries_out_the_difference);
    ADD(restarted_switch_gets_everything_again);
    ADD(teardown_and_return);
    ADD(hard_timeouts_go_on_on_the_way_back);
    ADD(return_without_a_rule);
    ADD(refused_bundle_leaves_nothing);
    ADD(install_checks_again);
    ADD(old_rules_of_the_number_go);
    ADD(timeouts_go_on);
    ADD(timeouts_without_run_time_data);
    ADD(used_rules_get_their_idle_timeout_back);
    ADD(ten_thousand_rules);
}

int
main(int argc, char *argv[])
{
    return ff_main(argc, argv, add_all);
}
