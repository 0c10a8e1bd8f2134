/* SPDX-License-Identifier: Apache-2.0
 *
 * openflow-fixture: plugin/openflow.h beside ovs-ofctl, for its tests.
 *
 * See openflow-fixture.h.
 */
#include <config.h>

#include "openflow-fixture.h"

#include <string.h>
#include <unistd.h>

PfOpenflow *of;
int tap_a, tap_b;
gint64 longest_turn;

void
openflow_fixture_init(void)
{
    ovs = ovs_fixture_new();
    tap_a = ovs_tap_open("a");
    tap_b = ovs_tap_open("b-1");
    ovs_do("ovs-vsctl --timeout=30 "
           "add-port br0 a -- set Interface a ofport_request=1 -- "
           "add-port br0 b-1 -- set Interface b-1 ofport_request=2");
    of = pf_openflow_new(NULL);
    empty_bridge();
}

void
openflow_fixture_done(void)
{
    pf_openflow_free(of);
    close(tap_a);
    close(tap_b);
    ovs_fixture_free(ovs);
}

/* ---- Loop and outcomes ------------------------------------------------ */

void
run_openflow(gpointer part)
{
    gint64 start = g_get_monotonic_time();

    pf_openflow_run(part);
    longest_turn = MAX(longest_turn, g_get_monotonic_time() - start);
}

void
wait_openflow(gpointer part)
{
    pf_openflow_wait(part);
}

void
loop_until(OvsCondition condition, gpointer arg, const char *what)
{
    ovs_loop_until(run_openflow, wait_openflow, of, condition, arg, what);
}

void
on_lines(gpointer user, const GPtrArray *lines, gboolean last,
         const GError *error)
{
    Outcome *o = user;

    g_assert_false(o->over);
    g_assert_true(!error || (last && !lines->len));
    if (!o->lines) {
        o->lines = g_ptr_array_new_with_free_func(g_free);
    }
    for (guint i = 0; i < lines->len; i++) {
        const char *line = g_ptr_array_index(lines, i);

        g_assert_null(strchr(line, '\n'));
        g_ptr_array_add(o->lines, g_strdup(line));
    }
    o->n_parts++;
    o->over = last;
    o->error = error ? g_error_copy(error) : NULL;
}

void
on_done(gpointer user, const GError *error)
{
    Outcome *o = user;

    g_assert_false(o->over);
    o->over = TRUE;
    o->error = error ? g_error_copy(error) : NULL;
}

gboolean
is_over(gpointer o)
{
    return ((Outcome *) o)->over;
}

void
outcome_clear(Outcome *o)
{
    g_clear_pointer(&o->lines, g_ptr_array_unref);
    g_clear_error(&o->error);
    memset(o, 0, sizeof *o);
}

static gint
compare_lines(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *) a, *(char *const *) b);
}

/* The lines, sorted, as one text. */
static char *
joined(GPtrArray *lines)
{
    GString *text = g_string_new(NULL);

    g_ptr_array_sort(lines, compare_lines);
    for (guint i = 0; i < lines->len; i++) {
        g_string_append_printf(text, "%s%s", i ? "\n" : "",
                               (char *) g_ptr_array_index(lines, i));
    }
    return g_string_free(text, FALSE);
}

char *
dump(PfOpenflowKind kind, const char *filter)
{
    g_auto(Outcome) o = OUTCOME_INIT;

    pf_openflow_dump(of, "br0", kind, filter, OVS_PATIENCE_MS, on_lines, &o);
    g_assert_false(o.over);
    loop_until(is_over, &o, "the answer to a dump");
    g_assert_no_error(o.error);
    return joined(o.lines);
}

GError *
dump_error(PfOpenflowKind kind, const char *filter)
{
    g_auto(Outcome) o = OUTCOME_INIT;

    pf_openflow_dump(of, "br0", kind, filter, OVS_PATIENCE_MS, on_lines, &o);
    loop_until(is_over, &o, "the answer to a dump");
    g_assert_nonnull(o.error);
    return g_steal_pointer(&o.error);
}

GError *
change_array(ChangeFunc *func, const GPtrArray *commands)
{
    g_auto(Outcome) o = OUTCOME_INIT;

    func(of, "br0", commands, OVS_PATIENCE_MS, on_done, &o);
    g_assert_false(o.over);
    loop_until(is_over, &o, "the end of a change");
    return g_steal_pointer(&o.error);
}

GError *
change(ChangeFunc *func, const char *commands)
{
    g_auto(GStrv) lines = g_strsplit(commands, "\n", -1);
    g_autoptr(GPtrArray) array = g_ptr_array_new();

    for (char **line = lines; *line; line++) {
        if (**line) {
            g_ptr_array_add(array, *line);
        }
    }
    return change_array(func, array);
}

void
bundle_ok(const char *commands)
{
    g_autoptr(GError) error = change(pf_openflow_bundle, commands);

    g_assert_no_error(error);
}

void
meters_ok(const char *commands)
{
    g_autoptr(GError) error = change(pf_openflow_meters, commands);

    g_assert_no_error(error);
}

void
assert_dump(PfOpenflowKind kind, const char *filter, const char *expected)
{
    g_autofree char *text = dump(kind, filter);

    g_assert_cmpstr(text, ==, expected);
}

void
empty_bridge(void)
{
    ovs_do("ovs-vsctl clear Bridge br0 protocols; "
           OFCTL "del-flows br0; " OFCTL "del-groups br0; "
           OFCTL "del-meters br0");
}
