/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of plugin/appctl.h against a real ovs-vswitchd; what ovs-appctl prints
 * is the measure.
 */
#include <config.h>

#include <gio/gio.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "appctl.h"
#include "openvswitch/vlog.h"
#include "ovs-fixture.h"

static PfAppctl *appctl;

/* ---- Helpers ---------------------------------------------------------- */

static void
run_appctl(gpointer part)
{
    pf_appctl_run(part);
}

static void
wait_appctl(gpointer part)
{
    pf_appctl_wait(part);
}

/* How a question ended. */
typedef struct {
    gboolean over;
    char *text;                 /* The lines. */
    GError *error;
} Outcome;

static void
outcome_clear(Outcome *o)
{
    g_clear_pointer(&o->text, g_free);
    g_clear_error(&o->error);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Outcome, outcome_clear)

static void
on_lines(gpointer user, const GPtrArray *lines, gboolean last,
         const GError *error)
{
    Outcome *o = user;
    GString *text = g_string_new(o->text);

    g_assert_false(o->over);
    g_assert_true(!error || (last && !lines->len));
    for (guint i = 0; i < lines->len; i++) {
        g_string_append_printf(text, "%s\n",
                               (char *) g_ptr_array_index(lines, i));
    }
    g_free(o->text);
    o->text = g_string_free(text, FALSE);
    o->over = last;
    o->error = error ? g_error_copy(error) : NULL;
}

static gboolean
is_over(gpointer o)
{
    return ((Outcome *) o)->over;
}

static void
loop_until_over(Outcome *o)
{
    ovs_loop_until(run_appctl, wait_appctl, appctl, is_over, o,
                   "the end of a question");
}

/* Asks, and returns when there is an answer. */
static void
ask(Outcome *o, const char *command, const char *const *args,
    guint timeout_ms)
{
    pf_appctl_ask(appctl, command, args, timeout_ms, on_lines, o);
    g_assert_false(o->over);
    loop_until_over(o);
}

/* Fails unless the answer is what ovs-appctl prints for 'shell'. */
static void
assert_answer(const char *command, const char *const *args, const char *shell)
{
    g_auto(Outcome) o = { FALSE, NULL, NULL };
    g_autofree char *expected = ovs_run("ovs-appctl %s", shell);

    ask(&o, command, args, OVS_PATIENCE_MS);
    g_assert_no_error(o.error);
    g_strchomp(o.text);
    g_assert_cmpstr(o.text, ==, expected);
}

/* ---- Tests ------------------------------------------------------------ */

static void
test_answers_are_those_of_ovs_appctl(void)
{
    const char *const bridge[] = { "br0", NULL };
    const char *const set[] = { "pf_nothing_of_that_kind:info", NULL };
    g_auto(Outcome) o = { FALSE, NULL, NULL };

    assert_answer("version", NULL, "version");
    assert_answer("list-commands", NULL, "list-commands");
    assert_answer("fdb/show", bridge, "fdb/show br0");
    ask(&o, "vlog/reopen", NULL, OVS_PATIENCE_MS);
    g_assert_no_error(o.error);
    g_assert_cmpstr(o.text, ==, "");

    g_auto(Outcome) refused = { FALSE, NULL, NULL };

    ask(&refused, "vlog/set", set, OVS_PATIENCE_MS);
    g_assert_error(refused.error, G_IO_ERROR, G_IO_ERROR_FAILED);
    g_assert_nonnull(strstr(refused.error->message,
                            "pf_nothing_of_that_kind"));
}

static void
test_learnt_address_is_shown(void)
{
    const char *const bridge[] = { "br0", NULL };
    const guint8 frame[60] = {
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 0, 0, 0, 0, 0x42,
        0x88, 0xb5
    };
    int tap = ovs_tap_open("t0");

    ovs_do("ovs-vsctl --timeout=30 add-port br0 t0");
    g_assert_cmpint(write(tap, frame, sizeof frame), ==, sizeof frame);
    for (gboolean seen = FALSE; !seen;) {
        g_auto(Outcome) o = { FALSE, NULL, NULL };

        ask(&o, "fdb/show", bridge, OVS_PATIENCE_MS);
        g_assert_no_error(o.error);
        g_assert_nonnull(strstr(o.text, "MAC"));
        seen = strstr(o.text, "02:00:00:00:00:42") != NULL;
    }
    ovs_do("ovs-vsctl --timeout=30 del-port t0");
    close(tap);
}

static void
test_questions_do_not_wait_for_each_other(void)
{
    Outcome o[10] = { { FALSE, NULL, NULL } };

    for (size_t i = 0; i < G_N_ELEMENTS(o); i++) {
        pf_appctl_ask(appctl, i & 1 ? "version" : "nonsense", NULL,
                      OVS_PATIENCE_MS, on_lines, &o[i]);
    }
    for (size_t i = G_N_ELEMENTS(o); i-- > 0;) {
        loop_until_over(&o[i]);
        if (i & 1) {
            g_assert_no_error(o[i].error);
            g_assert_nonnull(strstr(o[i].text, "Open vSwitch"));
        } else {
            g_assert_error(o[i].error, G_IO_ERROR, G_IO_ERROR_FAILED);
        }
        outcome_clear(&o[i]);
    }
}

static void
test_unknown_command_is_named(void)
{
    g_auto(Outcome) o = { FALSE, NULL, NULL };

    ask(&o, "no/such-command", NULL, OVS_PATIENCE_MS);
    g_assert_error(o.error, G_IO_ERROR, G_IO_ERROR_FAILED);
    g_assert_cmpstr(o.error->message, ==, "ovs-vswitchd: 'no/such-command': "
                    "\"no/such-command\" is not a valid command (use "
                    "\"list-commands\" to see a list of valid commands)");
}

static void
test_stopped_vswitchd_is_named(void)
{
    g_auto(Outcome) o = { FALSE, NULL, NULL };
    g_autofree char *message = g_strdup_printf(
        "ovs-vswitchd (unix:%s/ovs-vswitchd.%d.ctl) did not answer 'version' "
        "within 100 ms", ovs->dir, (int) ovs->vswitchd);

    kill(ovs->vswitchd, SIGSTOP);
    ask(&o, "version", NULL, 100);
    kill(ovs->vswitchd, SIGCONT);
    g_assert_error(o.error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
    g_assert_cmpstr(o.error->message, ==, message);
}

static void
test_missing_vswitchd_is_named_and_waited_for(void)
{
    g_auto(Outcome) gone = { FALSE, NULL, NULL };
    g_auto(Outcome) back = { FALSE, NULL, NULL };
    g_auto(Outcome) nowhere = { FALSE, NULL, NULL };
    PfAppctl *ours = appctl;

    ovs_fixture_kill_vswitchd(ovs);
    ask(&gone, "version", NULL, 100);
    g_assert_error(gone.error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
    g_assert_nonnull(strstr(gone.error->message, "did not answer 'version' "
                            "within 100 ms: "));
    g_assert_nonnull(strstr(gone.error->message, ".ctl: Connection refused"));

    pf_appctl_ask(appctl, "version", NULL, OVS_PATIENCE_MS, on_lines, &back);
    pf_appctl_run(appctl);
    ovs_fixture_start_vswitchd(ovs);
    loop_until_over(&back);
    g_assert_no_error(back.error);

    /* Not even a pid file. */
    appctl = pf_appctl_new("/nonexistent");
    ask(&nowhere, "version", NULL, 60);
    g_assert_error(nowhere.error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
    g_assert_nonnull(strstr(nowhere.error->message,
                            "/nonexistent/ovs-vswitchd.pid"));
    pf_appctl_free(appctl);
    appctl = ours;
}

static void
test_lost_connection_is_named(void)
{
    g_auto(Outcome) o = { FALSE, NULL, NULL };

    kill(ovs->vswitchd, SIGSTOP);
    pf_appctl_ask(appctl, "version", NULL, OVS_PATIENCE_MS, on_lines, &o);
    pf_appctl_run(appctl);
    ovs_fixture_kill_vswitchd(ovs);
    loop_until_over(&o);
    g_assert_error(o.error, G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED);
    ovs_fixture_start_vswitchd(ovs);
}

static void
fail_lines(gpointer user G_GNUC_UNUSED, const GPtrArray *lines G_GNUC_UNUSED,
           gboolean last G_GNUC_UNUSED, const GError *error G_GNUC_UNUSED)
{
    g_assert_not_reached();
}

/* Asks again when it is answered. */
static void
on_lines_ask(gpointer user, const GPtrArray *lines G_GNUC_UNUSED,
             gboolean last, const GError *error)
{
    g_assert_no_error(error);
    g_assert_true(last);
    pf_appctl_ask(appctl, "version", NULL, OVS_PATIENCE_MS, on_lines, user);
}

static void
test_callback_may_ask(void)
{
    g_auto(Outcome) o = { FALSE, NULL, NULL };

    pf_appctl_ask(appctl, "version", NULL, OVS_PATIENCE_MS, on_lines_ask, &o);
    loop_until_over(&o);
    g_assert_no_error(o.error);
}

static void
test_nobody_is_called_after_the_end(void)
{
    PfAppctl *another = pf_appctl_new(ovs->dir);

    kill(ovs->vswitchd, SIGSTOP);
    pf_appctl_ask(another, "version", NULL, OVS_PATIENCE_MS, fail_lines, NULL);
    pf_appctl_run(another);
    pf_appctl_ask(another, "version", NULL, OVS_PATIENCE_MS, fail_lines, NULL);
    pf_appctl_free(another);
    kill(ovs->vswitchd, SIGCONT);
    pf_appctl_free(NULL);
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
    ovs = ovs_fixture_new();
    appctl = pf_appctl_new(NULL);

#define TEST(FUNCTION) g_test_add_func("/appctl/" #FUNCTION, test_##FUNCTION)
    TEST(answers_are_those_of_ovs_appctl);
    TEST(learnt_address_is_shown);
    TEST(questions_do_not_wait_for_each_other);
    TEST(unknown_command_is_named);
    TEST(stopped_vswitchd_is_named);
    TEST(missing_vswitchd_is_named_and_waited_for);
    TEST(lost_connection_is_named);
    TEST(callback_may_ask);
    TEST(nobody_is_called_after_the_end);
#undef TEST

    result = g_test_run();
    pf_appctl_free(appctl);
    ovs_fixture_free(ovs);
    return result;
}
