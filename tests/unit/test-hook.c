/* SPDX-License-Identifier: Apache-2.0
 *
 * The real hook executables, as libvirtd runs them, against a fake agent and
 * against none.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <string.h>
#include <unistd.h>

#include "fake-agent.h"
#include "marker.h"

/* What libvirt writes for a guest on a network: inactive, live, stamped, and
 * for one that is on none. */
#define INACTIVE "<domain type='kvm'><name>vm1</name><devices>\n"           \
    "<interface type='network'>\n <source network='ovsnet'/>\n"             \
    "</interface></devices></domain>"
#define LIVE "<domain type='kvm'><name>vm1</name><devices>\n"               \
    "<interface type='bridge'>\n <source network='ovsnet' portid='1' "      \
    "bridge='br0'/>\n</interface></devices></domain>"
#define STAMPED "<domain type='kvm'><metadata><portferry:stamp "            \
    "xmlns:portferry=\"urn:portferry:domain:1.0\"/></metadata></domain>"
#define UNMANAGED "<domain type='kvm'><name>vm1</name><devices>\n"          \
    "<interface type='bridge'>\n <source bridge='virbr0'/>\n"               \
    "</interface></devices></domain>"
#define HOOK_DATA "<hookData><network/><networkport/></hookData>"

/* The calls that the agent hears of. */
static const struct call {
    const char *driver;
    const char *op;
    const char *subop;
} calls[] = {
    { "qemu", "migrate", "begin" },
    { "qemu", "prepare", "begin" },
    { "qemu", "start", "begin" },
    { "qemu", "started", "begin" },
    { "qemu", "stopped", "end" },
    { "qemu", "release", "end" },
    { "qemu", "reconnect", "begin" },
    { "network", "port-created", "begin" },
    { "network", "port-deleted", "begin" },
};

/* Starts the hook of 'driver' for the guest or network vm1. */
static FakeAgentChild *
spawn(const char *driver, const char *op, const char *subop,
      const char *input, int stdout_fd)
{
    g_autofree char *path = g_strdup_printf("hooks/%s.d/50-portferry", driver);
    g_autofree char *program = fake_agent_program(path);
    const char *argv[] = { program, "vm1", op, subop, "-", NULL };

    return fake_agent_spawn(argv, input, stdout_fd);
}

static FakeAgentRun
hook(const char *driver, const char *op, const char *subop, const char *input)
{
    return fake_agent_finish(spawn(driver, op, subop, input, -1));
}

/* The same for the qemu hook's call 'op', as libvirt makes it. */
static FakeAgentRun
qemu(const char *op, const char *input)
{
    gboolean end = g_str_equal(op, "stopped") || g_str_equal(op, "release");

    return hook("qemu", op, end ? "end" : "begin", input);
}

static void
set_marker(void)
{
    g_assert_cmpint(pf_marker_set("vm1"), ==, 0);
}

/* Fails unless the run ended well and said nothing. */
static void
assert_silent_success(const FakeAgentRun *run)
{
    g_assert_cmpstr(run->err, ==, "");
    g_assert_cmpstr(run->out, ==, "");
    g_assert_cmpint(run->status, ==, 0);
}

static void
test_passes_each_call_on_as_it_came(void)
{
    static const char xml[]
        = "<domain><title>\"q\" \\ \xc3\xa4 \t</title>" INACTIVE "</domain>\n";

    for (gsize i = 0; i < G_N_ELEMENTS(calls); i++) {
        fake_agent_start(FAKE_AGENT_ACCEPTS, "");
        g_auto(FakeAgentRun) run = hook(calls[i].driver, calls[i].op,
                                        calls[i].subop, xml);
        char **question;

        assert_silent_success(&run);
        g_assert_cmpuint(fake_agent_questions()->len, ==, 1);
        question = fake_agent_questions()->pdata[0];
        g_assert_cmpuint(g_strv_length(question), ==, 7);
        g_assert_cmpstr(question[0], ==, "hook");
        g_assert_cmpstr(question[1], ==, calls[i].driver);
        g_assert_cmpstr(question[2], ==, "vm1");
        g_assert_cmpstr(question[3], ==, calls[i].op);
        g_assert_cmpstr(question[4], ==, calls[i].subop);
        g_assert_cmpstr(question[5], ==, "-");
        g_assert_cmpstr(question[6], ==, xml);
    }
}

static void
test_ignores_other_calls_without_reading(void)
{
    static const struct call others[] = {
        { "qemu", "migrate", "end" },
        { "qemu", "prepare", "end" },
        { "qemu", "stopped", "begin" },
        { "qemu", "attach", "begin" },
        { "qemu", "restore", "begin" },
        { "qemu", "port-created", "begin" },
        { "network", "started", "begin" },
        { "network", "updated", "begin" },
        { "network", "start", "begin" },
    };

    fake_agent_start(FAKE_AGENT_REFUSES, "never asked");
    for (gsize i = 0; i < G_N_ELEMENTS(others); i++) {
        g_auto(FakeAgentRun) run = hook(others[i].driver, others[i].op,
                                        others[i].subop, STAMPED);

        assert_silent_success(&run);
        g_assert_cmpuint(run.n_read, ==, 0);
    }
    g_assert_cmpuint(fake_agent_questions()->len, ==, 0);
}

static void
test_an_unmanaged_guest_never_notices(void)
{
    static const FakeAgentMood moods[] = {
        FAKE_AGENT_REFUSES, FAKE_AGENT_SILENT, FAKE_AGENT_ABSENT,
    };

    for (gsize m = 0; m < G_N_ELEMENTS(moods); m++) {
        fake_agent_start(moods[m], "never asked");
        for (gsize i = 0; i < G_N_ELEMENTS(calls); i++) {
            if (g_str_equal(calls[i].driver, "qemu")) {
                g_auto(FakeAgentRun) run = qemu(calls[i].op, UNMANAGED);

                assert_silent_success(&run);
            }
        }
        g_assert_cmpuint(fake_agent_questions()->len, ==, 0);
    }
}

static void
test_asks_about_any_guest_that_may_be_ours(void)
{
    static const char *const xmls[] = { INACTIVE, LIVE, STAMPED };

    for (gsize i = 0; i < G_N_ELEMENTS(xmls); i++) {
        fake_agent_start(FAKE_AGENT_ACCEPTS, "");
        g_auto(FakeAgentRun) run = qemu("start", xmls[i]);

        g_assert_cmpint(run.status, ==, 0);
        g_assert_cmpuint(fake_agent_questions()->len, ==, 1);
    }

    fake_agent_start(FAKE_AGENT_ACCEPTS, "");
    set_marker();
    g_auto(FakeAgentRun) run = qemu("stopped", UNMANAGED);
    g_assert_cmpint(run.status, ==, 0);
    g_assert_cmpuint(fake_agent_questions()->len, ==, 1);
}

static void
test_prints_the_filtered_xml_of_migrate_only(void)
{
    fake_agent_start(FAKE_AGENT_ACCEPTS, "<domain>filtered \xc3\xa4</domain>");
    g_auto(FakeAgentRun) migrate = qemu("migrate", STAMPED);
    g_auto(FakeAgentRun) start = qemu("start", STAMPED);

    g_assert_cmpint(migrate.status, ==, 0);
    g_assert_cmpstr(g_strchomp(migrate.out), ==,
                    "<domain>filtered \xc3\xa4</domain>");
    assert_silent_success(&start);
}

static void
test_prints_a_refusal_as_one_line(void)
{
    fake_agent_start(FAKE_AGENT_REFUSES, "vlan 42\n is\tnot allowed\n");
    g_auto(FakeAgentRun) run = qemu("migrate", INACTIVE);

    g_assert_cmpstr(run.err, ==, "portferry: vlan 42  is not allowed\n");
    g_assert_cmpstr(run.out, ==, "");
    g_assert_cmpint(run.status, ==, 1);
}

static void
test_only_calls_of_a_guest_that_migrates_in_may_fail(void)
{
    static const struct {
        const char *op;
        int unmarked;
        int marked;
    } expected[] = {
        { "migrate", 1, 1 }, { "prepare", 0, 1 }, { "start", 0, 1 },
        { "started", 0, 0 }, { "stopped", 0, 0 }, { "release", 0, 0 },
        { "reconnect", 0, 0 },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(expected); i++) {
        fake_agent_start(FAKE_AGENT_REFUSES, "no");
        g_auto(FakeAgentRun) unmarked = qemu(expected[i].op, STAMPED);
        set_marker();
        g_auto(FakeAgentRun) marked = qemu(expected[i].op, STAMPED);

        g_test_message("%s", expected[i].op);
        g_assert_cmpint(unmarked.status, ==, expected[i].unmarked);
        g_assert_cmpint(marked.status, ==, expected[i].marked);
        g_assert_cmpstr(unmarked.err, ==, "portferry: no\n");
        g_assert_cmpstr(marked.err, ==, "portferry: no\n");
    }
}

static void
test_a_port_is_refused_only_when_it_is_created(void)
{
    fake_agent_start(FAKE_AGENT_REFUSES, "no");
    g_auto(FakeAgentRun) created = hook("network", "port-created", "begin",
                                        HOOK_DATA);
    g_auto(FakeAgentRun) deleted = hook("network", "port-deleted", "begin",
                                        HOOK_DATA);

    g_assert_cmpint(created.status, ==, 1);
    g_assert_cmpstr(created.err, ==, "portferry: no\n");
    g_assert_cmpint(deleted.status, ==, 0);
}

static void
test_without_agent_a_guest_that_migrates_in_is_refused(void)
{
    static const char *const marked_ops[] = { "prepare", "start" };

    fake_agent_start(FAKE_AGENT_ABSENT, NULL);
    g_auto(FakeAgentRun) migrate = qemu("migrate", STAMPED);
    g_assert_cmpint(migrate.status, ==, 1);
    g_assert_cmpstr(migrate.out, ==, "");
    g_assert_nonnull(strstr(migrate.err, "portferryd"));
    g_assert_nonnull(strstr(migrate.err, fake_agent_dir()));
    g_assert_nonnull(strstr(migrate.err, g_get_host_name()));
    g_assert_nonnull(strstr(migrate.err, "vm1"));
    g_assert_true(strchr(migrate.err, '\n')
                  == migrate.err + strlen(migrate.err) - 1);

    set_marker();
    for (gsize i = 0; i < G_N_ELEMENTS(marked_ops); i++) {
        g_auto(FakeAgentRun) run = qemu(marked_ops[i], LIVE);

        g_assert_cmpint(run.status, ==, 1);
        g_assert_nonnull(strstr(run.err, "is migrating in"));
    }
}

static void
test_without_agent_everything_else_passes(void)
{
    fake_agent_start(FAKE_AGENT_ABSENT, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(calls); i++) {
        g_auto(FakeAgentRun) run = hook(calls[i].driver, calls[i].op,
                                        calls[i].subop, INACTIVE);

        assert_silent_success(&run);
    }

    set_marker();
    for (gsize i = 0; i < G_N_ELEMENTS(calls); i++) {
        if (!g_str_equal(calls[i].op, "migrate")
            && !g_str_equal(calls[i].op, "prepare")
            && !g_str_equal(calls[i].op, "start")) {
            g_auto(FakeAgentRun) run = hook(calls[i].driver, calls[i].op,
                                            calls[i].subop, STAMPED);

            assert_silent_success(&run);
        }
    }
}

/* All hang at the same time, so that the test takes as long as the longest:
 * ten seconds. */
static void
test_nothing_waits_for_ever(void)
{
    struct {
        const char *op;
        const char *input;
        int status;
        const char *says;       /* NULL: nothing. */
        FakeAgentChild *child;
    } hung[] = {
        { "migrate", STAMPED, 1, "deadline passed", NULL },
        { "migrate", INACTIVE, 0, NULL, NULL },
        { "start", LIVE, 1, "deadline passed", NULL },
        { "reconnect", STAMPED, 0, NULL, NULL },
        { "release", INACTIVE, 0, NULL, NULL },
        /* Nobody writes to their stdin. */
        { "migrate", NULL, 1, "did not finish", NULL },
        { "reconnect", NULL, 0, "did not finish", NULL },
    };

    fake_agent_start(FAKE_AGENT_SILENT, NULL);
    set_marker();
    for (gsize i = 0; i < G_N_ELEMENTS(hung); i++) {
        hung[i].child = spawn("qemu", hung[i].op,
                              (g_str_equal(hung[i].op, "release") ? "end"
                               : "begin"), hung[i].input, -1);
    }
    for (gsize i = 0; i < G_N_ELEMENTS(hung); i++) {
        g_auto(FakeAgentRun) run = fake_agent_finish(hung[i].child);

        g_test_message("%s", hung[i].op);
        g_assert_cmpint(run.status, ==, hung[i].status);
        if (hung[i].says) {
            g_assert_nonnull(strstr(run.err, hung[i].says));
        } else {
            assert_silent_success(&run);
        }
    }
}

static void
test_passes_large_xml_both_ways(void)
{
    GString *xml = g_string_new(STAMPED);

    while (xml->len < 3 * 1024 * 1024) {
        g_string_append_printf(xml, "<!-- %zu \"quoted\" -->\n", xml->len);
    }
    fake_agent_start(FAKE_AGENT_ACCEPTS, xml->str);
    g_auto(FakeAgentRun) run = qemu("migrate", xml->str);

    g_assert_cmpint(run.status, ==, 0);
    g_assert_cmpuint(strlen(run.out), ==, xml->len);
    g_assert_true(g_str_equal(run.out, xml->str));
    g_assert_true(g_str_equal(
        ((char **) fake_agent_questions()->pdata[0])[6], xml->str));
    g_string_free(xml, TRUE);
}

static void
test_refuses_to_migrate_with_too_much_xml(void)
{
    g_autofree char *xml = g_strnfill(4 * 1024 * 1024 + 1, 'x');

    fake_agent_start(FAKE_AGENT_ACCEPTS, "");
    g_auto(FakeAgentRun) migrate = qemu("migrate", xml);
    g_auto(FakeAgentRun) reconnect = qemu("reconnect", xml);

    g_assert_cmpint(migrate.status, ==, 1);
    g_assert_nonnull(strstr(migrate.err, "4 MiB"));
    g_assert_cmpint(reconnect.status, ==, 0);
    g_assert_cmpuint(fake_agent_questions()->len, ==, 0);
}

static void
test_survives_a_stdout_that_nobody_reads(void)
{
    int ends[2];

    fake_agent_start(FAKE_AGENT_ACCEPTS, "<domain/>");
    g_assert_cmpint(pipe2(ends, O_CLOEXEC), ==, 0);
    close(ends[0]);
    g_auto(FakeAgentRun) run = fake_agent_finish(
        spawn("qemu", "migrate", "begin", STAMPED, ends[1]));
    close(ends[1]);

    g_assert_cmpint(run.status, ==, 1);
    g_assert_cmpstr(run.err, !=, "");
}

static void
test_passes_an_empty_stdin(void)
{
    fake_agent_start(FAKE_AGENT_ABSENT, NULL);
    g_auto(FakeAgentRun) migrate = qemu("migrate", "");
    g_auto(FakeAgentRun) reconnect = qemu("reconnect", "");

    assert_silent_success(&migrate);
    assert_silent_success(&reconnect);
}

static void
test_markers_stay_in_their_folder(void)
{
    static const struct {
        const char *name;
        const char *file;
    } names[] = {
        { "vm1", "vm1" }, { "Web_01.a-b", "Web_01.a-b" },
        { "../../etc/passwd", "%2E.%2F..%2Fetc%2Fpasswd" },
        { ".hidden", "%2Ehidden" }, { "a b\xc3\xa4%", "a%20b%C3%A4%25" },
    };

    fake_agent_start(FAKE_AGENT_ABSENT, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *expected = g_build_filename(
            fake_agent_dir(), "incoming", names[i].file, NULL);
        char *path = pf_marker_path(names[i].name);

        g_assert_cmpstr(path, ==, expected);
        free(path);
        g_assert_false(pf_marker_exists(names[i].name));
        g_assert_cmpint(pf_marker_set(names[i].name), ==, 0);
        g_assert_cmpint(pf_marker_set(names[i].name), ==, 0);
        g_assert_true(pf_marker_exists(names[i].name));
        g_assert_true(g_file_test(expected, G_FILE_TEST_IS_REGULAR));
    }
    g_assert_true(pf_marker_exists_any());
    g_assert_cmpint(pf_marker_clear("vm1"), ==, 0);
    g_assert_cmpint(pf_marker_clear("vm1"), ==, 0);
    g_assert_false(pf_marker_exists("vm1"));
    g_assert_true(pf_marker_exists(".hidden"));
    g_assert_cmpint(pf_marker_clear_all(), ==, 0);
    g_assert_false(pf_marker_exists(".hidden"));
    g_assert_false(pf_marker_exists_any());
}

static void
test_markers_of_long_names_differ(void)
{
    g_autofree char *long_name = g_strnfill(255, '/');
    g_autofree char *other = g_strconcat(long_name, "x", NULL);

    fake_agent_start(FAKE_AGENT_ABSENT, NULL);
    g_assert_cmpint(pf_marker_set(long_name), ==, 0);
    g_assert_true(pf_marker_exists(long_name));
    g_assert_false(pf_marker_exists(other));
}

int
main(int argc, char *argv[])
{
    int status;

    g_test_init(&argc, &argv, NULL);
#define TEST(NAME) g_test_add_func("/hook/" #NAME, test_##NAME)
    TEST(passes_each_call_on_as_it_came);
    TEST(ignores_other_calls_without_reading);
    TEST(an_unmanaged_guest_never_notices);
    TEST(asks_about_any_guest_that_may_be_ours);
    TEST(prints_the_filtered_xml_of_migrate_only);
    TEST(prints_a_refusal_as_one_line);
    TEST(only_calls_of_a_guest_that_migrates_in_may_fail);
    TEST(a_port_is_refused_only_when_it_is_created);
    TEST(without_agent_a_guest_that_migrates_in_is_refused);
    TEST(without_agent_everything_else_passes);
    TEST(passes_large_xml_both_ways);
    TEST(refuses_to_migrate_with_too_much_xml);
    TEST(survives_a_stdout_that_nobody_reads);
    TEST(passes_an_empty_stdin);
    TEST(markers_stay_in_their_folder);
    TEST(markers_of_long_names_differ);
    TEST(nothing_waits_for_ever);
    status = g_test_run();
    fake_agent_stop();
    return status;
}
