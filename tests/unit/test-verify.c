/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of verification (verify.h): four kinds in one pass and one time, and
 * extensions that are missing here or older than they should be.
 */
#include <config.h>

#include "extension.h"
#include "netconf.h"
#include "verify.h"

#define TIMEOUT_MS 60000

static PfHost host;

static PfExtensionPort
a_port(void)
{
    return (PfExtensionPort) {
        .domain = "vm1",
        .mac = "52:54:00:aa:00:01",
        .name = "web0",
        .bridge = "br0",
        .network = "lan",
    };
}

/* ---- One extension ------------------------------------------------------ */

static gboolean syntax_is_wrong;
static guint time_left;         /* In the last of its functions. */

static gboolean
end_syntax(gpointer call)
{
    host.end(call, NULL);
    return G_SOURCE_REMOVE;
}

/* Takes a while. */
static void
verify_syntax(PfCall *call, const PfExtensionPort *port G_GNUC_UNUSED,
              GVariant *policies G_GNUC_UNUSED)
{
    if (syntax_is_wrong) {
        host.problem(call, "no %s", "verb");
        host.problem(call, "no noun");
    }
    host.note(call, "slow");
    g_timeout_add(50, end_syntax, call);
}

static void
verify_range(PfCall *call, const PfExtensionPort *port G_GNUC_UNUSED,
             GVariant *policies G_GNUC_UNUSED)
{
    host.problem(call, "7 is above 6");
    host.end(call, NULL);
}

static void
verify_applicability(PfCall *call, const PfExtensionPort *port G_GNUC_UNUSED,
                     GVariant *policies G_GNUC_UNUSED)
{
    g_autoptr(GError) error = g_error_new(G_FILE_ERROR, G_FILE_ERROR_IO,
                                          "no answer");

    time_left = host.time_left_ms(call);
    host.end(call, error);
}

static void
verify_conflict(PfCall *call, const PfExtensionPort *port G_GNUC_UNUSED,
                GVariant *policies G_GNUC_UNUSED)
{
    host.problem(call, "it is taken");
    host.end(call, NULL);
}

static const PfExtension extension = {
    .name = "fixture",
    .version = 1,
    .summary = "nothing",
    .verify_syntax = verify_syntax,
    .verify_range = verify_range,
    .verify_applicability = verify_applicability,
    .verify_conflict = verify_conflict,
};

static void
on_verified(gpointer verdict, const char *result, const char *detail)
{
    g_assert_null(*(char **) verdict);
    *(char **) verdict = g_strdup_printf("%s: %s", result,
                                         detail ? detail : "");
}

static char *
verify(void)
{
    PfExtensionPort port = a_port();
    char *verdict = NULL;

    pf_verify_extension(&extension, &port, NULL,
                        g_variant_new_array(G_VARIANT_TYPE("{sv}"), NULL, 0),
                        TIMEOUT_MS, on_verified, &verdict);
    while (!verdict) {
        g_main_context_iteration(NULL, TRUE);
    }
    return verdict;
}

static void
test_problems_of_all_kinds_are_told_at_once(void)
{
    syntax_is_wrong = FALSE;
    g_autofree char *verdict = verify();
    g_assert_cmpstr(verdict, ==,
                    "failed: range: 7 is above 6; applicability: no answer; "
                    "conflict: it is taken");
}

static void
test_what_is_malformed_is_looked_at_no_further(void)
{
    syntax_is_wrong = TRUE;
    g_autofree char *verdict = verify();
    g_assert_cmpstr(verdict, ==, "failed: syntax: no verb; syntax: no noun");
}

static void
test_the_time_is_for_all_four(void)
{
    syntax_is_wrong = FALSE;
    g_autofree char *verdict = verify();
    g_assert_nonnull(verdict);
    /* A timer may be a little early. */
    g_assert_cmpuint(time_left, <=, TIMEOUT_MS - 40);
}

/* ---- A port ------------------------------------------------------------- */

/* What was told, a line each. */
static GString *told;

static gpointer
begins(gpointer user G_GNUC_UNUSED, const char *name)
{
    return g_strdup(name ? name : "-");
}

static void
verified(gpointer name, const char *result, const char *detail)
{
    g_string_append_printf(told, "%s %s: %s\n", (char *) name, result,
                           detail ? detail : "");
    g_free(name);
}

static void
done(gpointer is_over)
{
    *(gboolean *) is_over = TRUE;
}

/* Demands 'expected' of a port 'name' that has 'states', on a network with
 * 'inner'. */
static void
assert_told(const char *inner, const char *name, const PfPortStates *states,
            const char *expected)
{
    static const PfVerifyFuncs funcs = { begins, verified, done };
    PfExtensionPort port = a_port();
    g_autoptr(GError) error = NULL;
    g_autofree char *xml = g_strdup_printf(
        "<network><name>lan</name>"
        "<metadata><p:migration xmlns:p='" PF_NETWORK_NS "'>%s</p:migration>"
        "</metadata><forward mode='bridge'/><bridge name='br0'/>"
        "<virtualport type='openvswitch'/></network>", inner);
    g_autoptr(PfNetwork) network = pf_network_parse(xml, &error);
    gboolean is_over = FALSE;

    g_assert_no_error(error);
    port.name = name;
    told = g_string_new(NULL);
    pf_verify_port(&port, network, states, TIMEOUT_MS, &funcs, &is_over);
    g_assert_true(is_over);
    g_assert_cmpstr(told->str, ==, expected);
    g_string_free(told, TRUE);
}

static void
test_required_extensions_must_be_here_and_recent(void)
{
    g_autoptr(PfPortStates) none = pf_port_states_new();

    assert_told("<p:extension name='firewall' required='yes'/>"
                "<p:extension name='rack' required='no'/>"
                "<p:extension name='mirror' required='yes' version='1'/>"
                "<p:extension name='qos' required='yes' version='2'/>"
                "<p:extension name='flows' required='no' version='3'/>",
                "web0", none,
                "firewall failed: applicability: extension 'firewall', which "
                "network 'lan' requires, is not loaded on this host\n"
                "qos failed: applicability: network 'lan' asks for version 2 "
                "or later of extension 'qos', this host has 1: update it "
                "here\n"
                "flows failed: applicability: network 'lan' asks for version "
                "3 or later of extension 'flows', this host has 1: update it "
                "here\n");
}

static void
test_state_is_of_an_extension_that_reads_it(void)
{
    g_autoptr(PfPortStates) states = pf_port_states_new();

    for (guint i = 0; i < 3; i++) {
        static const char *const names[] = { "qos", "rack", "firewall" };
        pf_port_states_set(states, names[i], 2, g_variant_new_array(
            G_VARIANT_TYPE("{sv}"), NULL, 0));
    }
    assert_told("<p:extension name='firewall' required='yes'/>", "web0",
                states,
                "qos failed: applicability: its state has version 2, this "
                "host reads up to 1: update it here\n"
                "firewall failed: applicability: extension 'firewall', which "
                "network 'lan' requires, is not loaded on this host\n"
                "rack skipped: not loaded on this host: what it saved stays "
                "behind\n");
}

static void
test_the_name_is_no_network_devices(void)
{
    g_autoptr(PfPortStates) none = pf_port_states_new();

    assert_told("", "lo", none, "- failed: conflict: a network device named "
                "'lo' is on this host\n");
}

int
main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    pf_call_fill_host(&host);
#define TEST(NAME) g_test_add_func("/verify/" #NAME, test_##NAME)
    TEST(problems_of_all_kinds_are_told_at_once);
    TEST(what_is_malformed_is_looked_at_no_further);
    TEST(the_time_is_for_all_four);
    TEST(required_extensions_must_be_here_and_recent);
    TEST(state_is_of_an_extension_that_reads_it);
    TEST(the_name_is_no_network_devices);
    return g_test_run();
}
