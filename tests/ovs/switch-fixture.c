/* SPDX-License-Identifier: Apache-2.0
 *
 * switch-fixture: a PfSwitch at a real Open vSwitch, for tests that make
 * changes and wait for their end.
 */
#include <config.h>

#include "switch-fixture.h"

#include "openvswitch/vlog.h"
#include "rows.h"

PfSwitch *sw;
guint sw_changes_seen;

static GHashTable *told;        /* Set of names; "" for NULL. */

/* The replica has changed. */
static void
on_changed(gpointer user, const char *name)
{
    g_assert_true(user == &sw_changes_seen);
    sw_changes_seen++;
    g_hash_table_add(told, g_strdup(name ? name : ""));
}

void
sw_forget_told(void)
{
    g_hash_table_remove_all(told);
}

gboolean
sw_was_told(gpointer name)
{
    return g_hash_table_contains(told, name ? name : "");
}

void
switch_fixture_init(void)
{
    const char *const none[] = { NULL };

    switch_fixture_init_with(none);
}

void
switch_fixture_init_with(const char *const *columns)
{
    vlog_set_levels(NULL, VLF_CONSOLE, VLL_ERR);
    told = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    ovs = ovs_fixture_new();
    sw = pf_switch_new(ovs->remote, on_changed, &sw_changes_seen);
    pf_rows_replicate(sw, columns);
    sw_loop_until(sw_is_ready, NULL, "the replica");
}

void
switch_fixture_done(void)
{
    pf_switch_free(sw);
    ovs_fixture_free(ovs);
    g_hash_table_unref(told);
}

static void
run_switch(gpointer part)
{
    pf_switch_run(part);
}

static void
wait_switch(gpointer part)
{
    pf_switch_wait(part);
}

void
sw_loop_until(OvsCondition condition, gpointer arg, const char *what)
{
    ovs_loop_until(run_switch, wait_switch, sw, condition, arg, what);
}

void
sw_on_done(gpointer outcome, const GError *error)
{
    struct sw_outcome *o = outcome;

    g_assert_false(o->over);
    o->over = TRUE;
    o->error = error ? g_error_copy(error) : NULL;
}

gboolean
sw_is_over(gpointer outcome)
{
    return ((struct sw_outcome *) outcome)->over;
}

GError *
sw_commit_within(PfChange *change, guint timeout_ms)
{
    struct sw_outcome o = { FALSE, NULL };

    pf_switch_submit(sw, change, timeout_ms, sw_on_done, &o);
    g_assert_false(o.over);
    sw_loop_until(sw_is_over, &o, "the end of a change");
    return o.error;
}

void
sw_commit(PfChange *change, const char *what)
{
    gint64 start = g_get_monotonic_time();
    g_autoptr(GError) error = sw_commit_within(change, OVS_PATIENCE_MS);

    g_assert_no_error(error);
    g_test_message("%s: %.1f ms", what,
                   (g_get_monotonic_time() - start) / 1000.0);
}

void
sw_commit_fails(PfChange *change, PfSwitchError code, const char *pattern)
{
    g_autoptr(GError) error = sw_commit_within(change, OVS_PATIENCE_MS);

    g_assert_error(error, PF_SWITCH_ERROR, (int) code);
    if (!g_pattern_match_simple(pattern, error->message)) {
        g_error("message '%s' does not match '%s'", error->message, pattern);
    }
}

PfChange *
sw_ghost(const char *name, gint64 ofport)
{
    PfChange *change = pf_change_new(TRUE);

    pf_change_add_ghost(change, "br0", name, ofport, PF_ROLE_OPERATIONAL,
                        MIGRATION);
    return change;
}

void
sw_delete_port(const char *name)
{
    PfChange *change = pf_change_new(TRUE);

    pf_change_del_port(change, name, NULL, NULL);
    sw_commit(change, "del_port");
    g_assert_true(sw_port_is_gone((gpointer) name));
    ovs_assert_prints("0", "ovs-vsctl list-ports br0 | grep -cx %s || true",
                      name);
}

gboolean
sw_port_exists(gpointer name)
{
    g_autoptr(PfPort) port = pf_switch_port(sw, name);

    return port && port->ofport > 0;
}

gboolean
sw_port_is_gone(gpointer name)
{
    g_autoptr(PfPort) port = pf_switch_port(sw, name);

    return !port;
}

gboolean
sw_is_ready(gpointer unused G_GNUC_UNUSED)
{
    return pf_switch_is_ready(sw);
}
