/* SPDX-License-Identifier: Apache-2.0
 *
 * The real command `portferry', against a fake agent and against none.
 */
#include <config.h>

#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>

#include "fake-agent.h"

#define STATUS                                                              \
    "{\"agent\": {\"version\": \"0.1.0\", \"pid\": 7, \"host\": \"a\", "    \
    "\"uptime_s\": 7500}, "                                                 \
    "\"connections\": ["                                                    \
    "{\"name\": \"ovsdb-server\", \"target\": \"unix:/run/db.sock\", "      \
    "\"connected\": true, \"error\": null}, "                               \
    "{\"name\": \"libvirt\", \"target\": \"qemu:///system\", "              \
    "\"connected\": false, \"error\": \"not running\"}], "                  \
    "\"extensions\": [{\"name\": \"port\", \"version\": 1, "               \
    "\"order\": 100, \"summary\": \"VLAN\", \"file\": null, "              \
    "\"error\": null}, {\"name\": \"bad.so\", \"file\": \"bad.so\", "       \
    "\"error\": \"not owned by root\"}], "                                  \
    "\"networks\": [{\"name\": \"ovsnet\", \"bridge\": \"br0\", "           \
    "\"managed\": true, \"allowed_vlans\": null, \"extensions\": "          \
    "[{\"name\": \"port\", \"required\": true}], \"error\": null}], "       \
    "\"ports\": 2, \"quarantined\": [\"web0\"], \"migrations\": []}"

#define PORTS                                                               \
    "{\"ports\": [{\"name\": \"web0\", \"bridge\": \"br0\", "               \
    "\"network\": \"ovsnet\", \"domain\": \"vm1\", "                        \
    "\"mac\": \"52:54:00:aa:00:01\", \"iface_id\": null, \"ofport\": 77, "  \
    "\"tag\": 42, \"trunks\": [10, 20], \"vlan_mode\": \"native-tagged\", " \
    "\"gate\": \"open\", \"state\": \"operational\", "                       \
    "\"rx_packets\": 12, \"rx_bytes\": 1200, \"rx_errors\": 0, "             \
    "\"rx_drops\": 1, \"tx_packets\": 3, \"moves\": 4, "                   \
    "\"label\": \"front\\nend\", \"quarantined\": false}]}"

#define TRACE                                                               \
    "{\"migration\": \"11111111-2222-4333-8444-555555555555\", "            \
    "\"domain\": \"vm1\", \"role\": \"source\", "                           \
    "\"outcome\": \"rolled-back\", \"error\": \"it broke\", \"steps\": ["   \
    "{\"seq\": 1, \"time_us\": 1700000000000000, \"us\": 1250, "            \
    "\"host\": \"a\", \"port\": \"52:54:00:aa:00:01\", "                    \
    "\"request\": \"nic-save-complete\", \"kind\": \"operational\", "       \
    "\"extension\": \"port\", \"result\": \"ok\", \"detail\": null}, "      \
    "{\"seq\": 2, \"time_us\": 1700000000020500, \"us\": 300, "             \
    "\"host\": \"a\", \"port\": \"52:54:00:aa:00:01\", "                    \
    "\"request\": \"nic-disconnect\", \"kind\": null, "                     \
    "\"extension\": null, \"result\": \"failed\", "                         \
    "\"detail\": \"ovs-vswitchd did not answer\"}]}"

/* Runs the command with up to three arguments. */
static FakeAgentRun
portferry(const char *a, const char *b, const char *c)
{
    g_autofree char *program = fake_agent_program("bin/portferry");
    const char *argv[] = { program, a, b, c, NULL };

    return fake_agent_run(argv, "");
}

static void
test_shows_a_trace_that_fits_on_a_terminal(void)
{
    fake_agent_start(FAKE_AGENT_ACCEPTS, TRACE);
    g_auto(FakeAgentRun) run = portferry("trace", NULL, NULL);

    g_assert_cmpstr(run.err, ==, "");
    g_assert_cmpstr(run.out, ==,
"migration 11111111-2222-4333-8444-555555555555, domain vm1, source: "
"rolled-back: it broke\n"
"SEQ  AT MS  TOOK  HOST  PORT               REQUEST            KIND         "
"EXTENSION  RESULT\n"
"  1    0.0   1.2  a     52:54:00:aa:00:01  nic-save-complete  operational  "
"port       ok\n"
"  2   20.5   0.3  a     52:54:00:aa:00:01  nic-disconnect                  "
"           failed\n"
"    ovs-vswitchd did not answer\n");
    g_assert_cmpint(run.status, ==, 0);
}

static void
test_asks_for_the_migration_that_is_named(void)
{
    fake_agent_start(FAKE_AGENT_ACCEPTS, TRACE);
    g_auto(FakeAgentRun) named = portferry("trace", "1111", NULL);
    g_auto(FakeAgentRun) last = portferry("trace", "--last", NULL);
    char **question = fake_agent_questions()->pdata[0];

    g_assert_cmpint(named.status, ==, 0);
    g_assert_cmpint(last.status, ==, 0);
    g_assert_cmpstr(question[0], ==, "trace");
    g_assert_cmpstr(question[1], ==, "1111");
    question = fake_agent_questions()->pdata[1];
    g_assert_cmpuint(g_strv_length(question), ==, 1);
}

static void
test_shows_the_status(void)
{
    fake_agent_start(FAKE_AGENT_ACCEPTS, STATUS);
    g_auto(FakeAgentRun) run = portferry("status", NULL, NULL);

    g_assert_cmpstr(run.err, ==, "");
    g_assert_cmpstr(run.out, ==,
"portferryd 0.1.0, process 7, on a, up 2 h 5 min\n"
"ports: 2\n"
"\n"
"Connections\n"
"NAME          CONNECTED  TARGET             ERROR\n"
"ovsdb-server  yes        unix:/run/db.sock\n"
"libvirt       no         qemu:///system     not running\n"
"\n"
"Extensions\n"
"NAME    VERSION  ORDER  FROM      CARRIES  ERROR\n"
"port          1    100  built in  VLAN\n"
"bad.so                  bad.so             not owned by root\n"
"\n"
"Managed networks\n"
"NAME    BRIDGE  VLANS  EXTENSIONS       ERROR\n"
"ovsnet  br0     all    port (required)\n"
"\n"
"No migration is under way.\n"
"\n"
"Port web0 is quarantined, its gate stays closed: see `portferry trace', then\n"
"`portferry release web0'.\n");
    g_assert_cmpint(run.status, ==, 0);
}

static void
test_shows_vlans_as_they_are_meant(void)
{
    static const struct {
        const char *port;
        const char *vlans;
    } cases[] = {
        { "\"tag\": 42, \"trunks\": null", "42" },
        { "\"tag\": 42, \"vlan_mode\": \"access\"", "access 42" },
        { "\"trunks\": [10, 20]", "trunk 10,20" },
        { "\"trunks\": 10, \"vlan_mode\": \"trunk\"", "trunk 10" },
        { "\"tag\": null, \"trunks\": null, \"vlan_mode\": null", "all" },
        { "\"trunks\": null, \"vlan_mode\": \"trunk\"", "all" },
        { "\"tag\": 7, \"vlan_mode\": \"dot1q-tunnel\", "
          "\"cvlans\": [5, 6]", "dot1q-tunnel 7, cvlans 5,6" },
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *json = g_strdup_printf("{\"ports\": [{%s}]}",
                                                cases[i].port);
        g_autofree char *note = g_strdup_printf("vlan %s\n", cases[i].vlans);

        fake_agent_start(FAKE_AGENT_ACCEPTS, json);
        g_auto(FakeAgentRun) run = portferry("ports", NULL, NULL);

        g_test_message("%s", json);
        g_assert_cmpstr(strstr(run.out, "vlan "), ==, note);
    }
}

static void
test_shows_the_ports(void)
{
    fake_agent_start(FAKE_AGENT_ACCEPTS, PORTS);
    g_auto(FakeAgentRun) run = portferry("ports", NULL, NULL);

    g_assert_cmpstr(run.out, ==,
"NAME  BRIDGE  NETWORK  DOMAIN  MAC                OFPORT  GATE  STATE\n"
"web0  br0     ovsnet   vm1     52:54:00:aa:00:01      77  open  operational\n"
"    vlan native-tagged 42, trunk 10,20; rx 12 packets 1200 bytes 0 errors "
"1 drops, tx 3 packets;\n"
"    label front end, moves 4\n");
    g_assert_cmpint(run.status, ==, 0);
}

#define CHECK                                                               \
    "{\"domain\": \"vm1\", \"stamped\": false, \"refused\": true, "           \
    "\"results\": [{\"mac\": \"52:54:00:aa:00:01\", \"port\": \"web0\", "     \
    "\"network\": \"ovsnet\", \"bridge\": \"br0\", \"extension\": \"port\", "   \
    "\"result\": \"failed\", \"detail\": \"range: VLAN 7\"}]}"

static void
test_shows_what_would_be_refused_and_fails(void)
{
    fake_agent_start(FAKE_AGENT_ACCEPTS, CHECK);
    g_auto(FakeAgentRun) run = portferry("check", "vm1", "--network=lan");
    char **question = fake_agent_questions()->pdata[0];

    g_assert_cmpstr(run.err, ==, "");
    g_assert_cmpstr(run.out, ==,
"guest vm1: would be refused (it has no stamp: as its XML says)\n"
"MAC                PORT  NETWORK  BRIDGE  EXTENSION  RESULT  DETAIL\n"
"52:54:00:aa:00:01  web0  ovsnet   br0     port       failed  range: VLAN "
"7\n");
    g_assert_cmpint(run.status, ==, 1);
    g_assert_cmpstr(question[0], ==, "check");
    g_assert_cmpstr(question[1], ==, "domain");
    g_assert_cmpstr(question[2], ==, "vm1");
    g_assert_cmpstr(question[3], ==, "lan");
}

static void
test_checks_the_xml_of_a_file(void)
{
    fake_agent_start(FAKE_AGENT_ACCEPTS, "{\"refused\": false}");
    g_autofree char *path = g_build_filename(fake_agent_dir(), "vm.xml", NULL);

    g_assert_true(g_file_set_contents(path, "<domain/>", -1, NULL));
    g_auto(FakeAgentRun) run = portferry("check", path, NULL);
    char **question = fake_agent_questions()->pdata[0];

    g_assert_cmpint(run.status, ==, 0);
    g_assert_cmpstr(question[1], ==, "xml");
    g_assert_cmpstr(question[2], ==, "<domain/>");
    g_remove(path);
}

static void
test_a_folder_is_no_file_with_xml(void)
{
    fake_agent_start(FAKE_AGENT_ACCEPTS, "{\"refused\": false}");
    g_auto(FakeAgentRun) run = portferry("check", fake_agent_dir(), NULL);
    char **question = fake_agent_questions()->pdata[0];

    g_assert_cmpint(run.status, ==, 0);
    g_assert_cmpstr(question[1], ==, "domain");
    g_assert_cmpstr(question[2], ==, fake_agent_dir());
}

static void
test_releases_a_port(void)
{
    fake_agent_start(FAKE_AGENT_ACCEPTS, "{}");
    g_auto(FakeAgentRun) run = portferry("release", "web0", NULL);
    char **question = fake_agent_questions()->pdata[0];

    g_assert_cmpstr(run.out, ==, "the gate is open\n");
    g_assert_cmpstr(question[0], ==, "release");
    g_assert_cmpstr(question[1], ==, "web0");
}

static void
test_prints_the_agents_json(void)
{
    fake_agent_start(FAKE_AGENT_ACCEPTS, "{\"ports\": [], \"x\": null}");
    g_auto(FakeAgentRun) run = portferry("ports", "--format=json", NULL);

    g_assert_cmpstr(run.out, ==,
                    "{\n  \"ports\" : [],\n  \"x\" : null\n}\n");
    g_assert_cmpint(run.status, ==, 0);
}

static void
test_shows_any_json_without_harm(void)
{
    static const char *const replies[] = {
        "{}",
        "{\"steps\": 1, \"agent\": [], \"ports\": {}, \"networks\": null}",
        "{\"steps\": [1, null], \"ports\": [[]], \"connections\": [\"\"], "
        "\"extensions\": [2], \"migrations\": [{}, {\"since_us\": \"x\"}]}",
        "{\"steps\": [{\"seq\": {}, \"time_us\": [], \"us\": \"\"}], "
        "\"ports\": [{\"trunks\": [\"x\", null]}], \"networks\": [{}]}",
    };
    static const char *const commands[] = { "status", "ports", "trace" };

    for (gsize i = 0; i < G_N_ELEMENTS(replies); i++) {
        fake_agent_start(FAKE_AGENT_ACCEPTS, replies[i]);
        for (gsize k = 0; k < G_N_ELEMENTS(commands); k++) {
            g_auto(FakeAgentRun) run = portferry(commands[k], NULL, NULL);

            g_assert_cmpstr(run.err, ==, "");
            g_assert_cmpint(run.status, ==, 0);
        }
    }
}

static void
test_says_what_the_agent_refuses(void)
{
    fake_agent_start(FAKE_AGENT_REFUSES, "no migration begins with 'x'");
    g_auto(FakeAgentRun) run = portferry("trace", "x", NULL);

    g_assert_cmpstr(run.out, ==, "");
    g_assert_cmpstr(run.err, ==,
                    "portferry: no migration begins with 'x'\n");
    g_assert_cmpint(run.status, ==, 1);
}

static void
test_says_that_there_is_no_agent(void)
{
    fake_agent_start(FAKE_AGENT_ABSENT, NULL);
    g_auto(FakeAgentRun) run = portferry("status", NULL, NULL);

    g_assert_cmpstr(run.out, ==, "");
    g_assert_nonnull(strstr(run.err, "portferryd does not answer"));
    g_assert_nonnull(strstr(run.err, fake_agent_dir()));
    g_assert_cmpint(run.status, ==, 1);
}

static void
test_refuses_an_answer_that_is_no_json(void)
{
    fake_agent_start(FAKE_AGENT_ACCEPTS, "[1, 2");
    g_auto(FakeAgentRun) run = portferry("status", NULL, NULL);

    g_assert_nonnull(strstr(run.err, "no JSON object"));
    g_assert_cmpint(run.status, ==, 1);
}

static void
test_refuses_a_wrong_command_line(void)
{
    static const char *const lines[][3] = {
        { NULL }, { "migrate" }, { "status", "x" }, { "trace", "a", "b" },
        { "trace", "--last", "a" }, { "status", "--last" },
        { "ports", "--format=xml" }, { "ports", "--nonsense" },
        { "check" }, { "release" }, { "ports", "--network=x" },
    };

    fake_agent_start(FAKE_AGENT_ACCEPTS, "{}");
    for (gsize i = 0; i < G_N_ELEMENTS(lines); i++) {
        g_auto(FakeAgentRun) run = portferry(lines[i][0], lines[i][1],
                                             lines[i][2]);

        g_assert_cmpstr(run.out, ==, "");
        g_assert_true(g_str_has_prefix(run.err, "portferry: "));
        g_assert_cmpint(run.status, ==, 2);
    }
    g_assert_cmpuint(fake_agent_questions()->len, ==, 0);
}

static void
test_prints_its_version_and_help(void)
{
    g_auto(FakeAgentRun) version = portferry("--version", NULL, NULL);
    g_auto(FakeAgentRun) help = portferry("--help", NULL, NULL);

    g_assert_cmpstr(version.out, ==, "portferry " PACKAGE_VERSION "\n");
    g_assert_cmpint(version.status, ==, 0);
    g_assert_nonnull(strstr(help.out, "trace [MIGRATION]"));
    g_assert_cmpint(help.status, ==, 0);
}

int
main(int argc, char *argv[])
{
    int status;

    g_setenv("LC_ALL", "C.UTF-8", TRUE);
    g_test_init(&argc, &argv, NULL);
#define TEST(NAME) g_test_add_func("/command/" #NAME, test_##NAME)
    TEST(shows_a_trace_that_fits_on_a_terminal);
    TEST(asks_for_the_migration_that_is_named);
    TEST(shows_the_status);
    TEST(shows_the_ports);
    TEST(shows_vlans_as_they_are_meant);
    TEST(shows_what_would_be_refused_and_fails);
    TEST(checks_the_xml_of_a_file);
    TEST(a_folder_is_no_file_with_xml);
    TEST(releases_a_port);
    TEST(prints_the_agents_json);
    TEST(shows_any_json_without_harm);
    TEST(says_what_the_agent_refuses);
    TEST(says_that_there_is_no_agent);
    TEST(refuses_an_answer_that_is_no_json);
    TEST(refuses_a_wrong_command_line);
    TEST(prints_its_version_and_help);
    status = g_test_run();
    fake_agent_stop();
    return status;
}
