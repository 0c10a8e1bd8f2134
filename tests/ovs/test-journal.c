/* SPDX-License-Identifier: Apache-2.0
 *
 * The journal against a real ovsdb-server, which serves a switch's database
 * and has never heard of ours.
 */
#include <config.h>

#include <errno.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "journal.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "timeval.h"
#include "util.h"

/* How long anything may take that should happen at once: not a measure of
 * speed, only the end of a test that hangs. */
#define PATIENCE_MS 30000

/* ovs_rundir() is asked once in a process, so all tests share a folder. */
static char *rundir;
static char *remote;
static pid_t server;

/* ---- ovsdb-server ----------------------------------------------------- */

/* In the child: it ends with this test, however that ends. */
static void
child_setup(gpointer user G_GNUC_UNUSED)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static void
server_start(void)
{
    g_autofree char *db = g_build_filename(rundir, "conf.db", NULL);
    g_autofree char *socket = g_build_filename(rundir, "db.sock", NULL);
    g_autofree char *pidfile = g_build_filename(rundir, "ovsdb-server.pid",
                                                NULL);
    g_autofree char *remote_arg = g_strdup_printf("--remote=punix:%s", socket);
    g_autofree char *pid_arg = g_strdup_printf("--pidfile=%s", pidfile);
    const char *argv[] = { "ovsdb-server", db, remote_arg, pid_arg,
                           "-vconsole:off", "-vsyslog:off", NULL };
    g_autoptr(GError) error = NULL;

    g_assert_cmpint(server, ==, 0);
    g_unlink(socket);
    g_unlink(pidfile);
    g_spawn_async(NULL, (char **) argv, NULL,
                  G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD
                  | G_SPAWN_STDOUT_TO_DEV_NULL | G_SPAWN_STDERR_TO_DEV_NULL,
                  child_setup, NULL, &server, &error);
    g_assert_no_error(error);
    for (int i = 0; access(socket, F_OK) || access(pidfile, F_OK); i++) {
        g_assert_cmpint(i, <, PATIENCE_MS / 10);
        g_assert_cmpint(waitpid(server, NULL, WNOHANG), ==, 0);
        g_usleep(10 * 1000);
    }
}

static void
server_stop(void)
{
    if (server) {
        kill(server, SIGKILL);
        g_assert_cmpint(waitpid(server, NULL, 0), ==, server);
        server = 0;
    }
}

/* ---- Helpers ---------------------------------------------------------- */

/* Runs 'j' until 'CONDITION' holds. */
#define RUN_UNTIL(J, CONDITION)                                             \
    do {                                                                    \
        long long int end__ = time_msec() + PATIENCE_MS;                    \
        for (pf_journal_run(J); !(CONDITION); pf_journal_run(J)) {          \
            if (time_msec() >= end__) {                                     \
                g_error("%s:%d: never true: %s (journal: %s)", __FILE__,    \
                        __LINE__, #CONDITION, pf_journal_error(J));         \
            }                                                               \
            pf_journal_wait(J);                                             \
            poll_timer_wait_until(end__);                                   \
            poll_block();                                                   \
        }                                                                   \
    } while (0)

/* A file for one test's database, which is not there yet. */
static char *
new_file(void)
{
    static int n;

    return g_strdup_printf("%s/journal-%d.db", rundir, ++n);
}

/* Takes the database out of ovsdb-server again, so that the next test's can be
 * added: a restart forgets it. */
static void
test_end(PfJournal *j)
{
    pf_journal_free(j);
    server_stop();
}

static PfJournal *
open_journal(const char *file, guint limit)
{
    return pf_journal_new(remote, NULL, file, limit);
}

/* A running migration without ports, that started at 'started'. */
static PfJournalMigration *
new_migration(gint64 started)
{
    PfJournalMigration *m = g_new0(PfJournalMigration, 1);

    m->uuid = g_uuid_string_random();
    m->role = g_strdup("source");
    m->domain = g_strdup("vm1");
    m->domain_uuid = g_strdup("6a1f3a3e-8c0d-4a55-9a59-6d3f41a2d001");
    m->state = g_strdup("saving");
    m->outcome = g_strdup("running");
    m->started_us = started;
    m->ports = g_ptr_array_new_with_free_func(
        (GDestroyNotify) pf_journal_port_free);
    return m;
}

static void
set(char **s, const char *value)
{
    g_free(*s);
    *s = g_strdup(value);
}

static void
add_port(PfJournalMigration *m, const char *mac, const char *data)
{
    g_ptr_array_add(m->ports,
                    pf_journal_port_new(mac, "web0", "br0", "ovsnet", data));
}

static void
step(PfJournal *j, const PfJournalMigration *m, guint seq, const char *request)
{
    static char host[] = "a";
    static char mac[] = "52:54:00:aa:00:01";
    static char kind[] = "operational";
    static char extension[] = "port";
    static char result[] = "ok";
    PfStep s = {
        .seq = seq, .time_us = 1000000 + seq, .us = 250, .host = host,
        .port = mac, .request = (char *) request, .kind = kind,
        .extension = extension, .result = result,
    };

    pf_journal_step(j, m->uuid, &s);
}

/* The outcome of one write. */
struct outcome {
    int n_calls;
    GError *error;
};

static void
done(gpointer outcome_, const GError *error)
{
    struct outcome *outcome = outcome_;

    outcome->n_calls++;
    outcome->error = error ? g_error_copy(error) : NULL;
}

/* Writes 'm' and waits until the database has it. */
static void
put(PfJournal *j, const PfJournalMigration *m)
{
    struct outcome outcome = { 0 };

    pf_journal_put(j, m, PATIENCE_MS, done, &outcome);
    RUN_UNTIL(j, outcome.n_calls);
    g_assert_no_error(outcome.error);
}

/* The migration 'uuid' as the journal has it. */
#define FIND(J, UUID)                                                       \
    g_autoptr(PfJournalMigration) found = pf_journal_find(J, UUID);         \
    g_assert_nonnull(found)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PfJournalMigration, pf_journal_migration_free)

/* The requests of a trace, joined by spaces. */
static char *
requests(PfJournal *j, const char *uuid)
{
    g_autoptr(GPtrArray) steps = pf_journal_trace(j, uuid);
    GString *s = g_string_new(NULL);

    for (guint i = 0; i < steps->len; i++) {
        g_string_append_printf(s, "%s%s", i ? " " : "",
                               ((PfStep *) steps->pdata[i])->request);
    }
    return g_string_free(s, FALSE);
}

/* The number of a trace's last step; 0 if there is none. */
static guint
last_seq(PfJournal *j, const char *uuid)
{
    g_autoptr(GPtrArray) steps = pf_journal_trace(j, uuid);

    return steps->len ? ((PfStep *) steps->pdata[steps->len - 1])->seq : 0;
}

static guint
n_migrations(PfJournal *j)
{
    g_autoptr(GPtrArray) all = pf_journal_migrations(j);

    return all->len;
}

/* What a program prints. */
static char *
output_of(const char *command)
{
    g_autoptr(GError) error = NULL;
    char *text = NULL;
    int status;

    g_spawn_command_line_sync(command, &text, NULL, &status, &error);
    g_assert_no_error(error);
    g_assert_cmpint(status, ==, 0);
    return text;
}

/* ---- Tests ------------------------------------------------------------ */

static void
test_makes_its_database_where_there_is_none(void)
{
    g_autofree char *file = new_file();
    PfJournal *j = open_journal(file, 10);
    struct stat s;

    server_start();
    g_assert_false(pf_journal_is_ready(j));
    g_assert_nonnull(pf_journal_error(j));
    RUN_UNTIL(j, pf_journal_is_ready(j));
    g_assert_null(pf_journal_error(j));
    g_assert_cmpuint(n_migrations(j), ==, 0);
    g_assert_null(pf_journal_find(j, NULL));

    g_assert_cmpint(stat(file, &s), ==, 0);
    g_assert_cmphex(s.st_mode & 07777, ==, 0640);
    test_end(j);
}

static void
test_gives_back_what_was_written(void)
{
    g_autofree char *file = new_file();
    g_autoptr(PfJournalMigration) m = new_migration(1700000000000000);
    PfJournal *j = open_journal(file, 10);

    server_start();
    set(&m->peer, "hostb");
    set(&m->epoch, "0123456789abcdef0123456789abcdef");
    set(&m->level, "saved");
    set(&m->error, "not \xff valid");
    add_port(m, "52:54:00:aa:00:01", "{\"tag\": 42}");
    add_port(m, "52:54:00:aa:00:02", NULL);
    put(j, m);

    FIND(j, m->uuid);
    g_assert_cmpstr(found->uuid, ==, m->uuid);
    g_assert_cmpstr(found->role, ==, "source");
    g_assert_cmpstr(found->domain, ==, "vm1");
    g_assert_cmpstr(found->domain_uuid, ==, m->domain_uuid);
    g_assert_cmpstr(found->peer, ==, "hostb");
    g_assert_cmpstr(found->epoch, ==, m->epoch);
    g_assert_cmpstr(found->state, ==, "saving");
    g_assert_cmpstr(found->outcome, ==, "running");
    g_assert_cmpstr(found->error, ==, "not \xef\xbf\xbd valid");
    g_assert_cmpstr(found->level, ==, "saved");
    g_assert_cmpint(found->started_us, ==, 1700000000000000);
    g_assert_cmpint(found->ended_us, ==, 0);
    g_assert_cmpuint(found->ports->len, ==, 2);
    for (guint i = 0; i < 2; i++) {
        const PfJournalPort *port = found->ports->pdata[i];
        gboolean first = g_str_has_suffix(port->mac, "01");

        g_assert_cmpstr(port->name, ==, "web0");
        g_assert_cmpstr(port->bridge, ==, "br0");
        g_assert_cmpstr(port->network, ==, "ovsnet");
        g_assert_cmpstr(port->data, ==, first ? "{\"tag\": 42}" : NULL);
    }
    test_end(j);
}

static void
test_updates_a_migration_and_replaces_its_ports(void)
{
    g_autofree char *file = new_file();
    g_autoptr(PfJournalMigration) m = new_migration(1);
    PfJournal *j = open_journal(file, 10);

    server_start();
    set(&m->error, "to go away");
    add_port(m, "52:54:00:aa:00:01", NULL);
    add_port(m, "52:54:00:aa:00:02", NULL);
    put(j, m);
    g_clear_pointer(&m->error, g_free);
    set(&m->outcome, "completed");
    m->ended_us = 99;
    g_ptr_array_remove_index(m->ports, 1);
    put(j, m);

    FIND(j, NULL);
    g_assert_cmpuint(n_migrations(j), ==, 1);
    g_assert_cmpstr(found->outcome, ==, "completed");
    g_assert_cmpstr(found->error, ==, NULL);
    g_assert_cmpint(found->ended_us, ==, 99);
    g_assert_cmpuint(found->ports->len, ==, 1);

    /* The port that is no longer referred to is gone from the database. */
    g_autofree char *command = g_strdup_printf(
        "ovsdb-client -f csv --no-headings dump %s Portferry Port mac",
        remote);
    g_autofree char *ports = output_of(command);
    g_assert_nonnull(strstr(ports, "52:54:00:aa:00:01"));
    g_assert_null(strstr(ports, "52:54:00:aa:00:02"));
    test_end(j);
}

static void
test_keeps_the_trace_in_order(void)
{
    g_autofree char *file = new_file();
    g_autoptr(PfJournalMigration) m = new_migration(1);
    g_autoptr(PfJournalMigration) last = NULL;
    PfJournal *j = open_journal(file, 10);

    server_start();
    pf_journal_put(j, m, 0, NULL, NULL);
    step(j, m, 1, "nic-save");
    step(j, m, 2, "nic-save-complete");
    put(j, m);
    step(j, m, 4, "nic-delete");
    step(j, m, 3, "nic-disconnect");
    step(j, m, 4, "nic-delete");        /* As after a lost answer. */
    last = pf_journal_migration_copy(m);
    set(&last->state, "torn-down");
    put(j, last);

    g_autofree char *trace = requests(j, m->uuid);
    g_assert_cmpstr(trace, ==, "nic-save nic-save-complete nic-disconnect "
                    "nic-delete nic-delete");

    g_autoptr(GPtrArray) steps = pf_journal_trace(j, m->uuid);
    const PfStep *first = steps->pdata[0];
    g_assert_cmpint(first->time_us, ==, 1000001);
    g_assert_cmpint(first->us, ==, 250);
    g_assert_cmpstr(first->host, ==, "a");
    g_assert_cmpstr(first->port, ==, "52:54:00:aa:00:01");
    g_assert_cmpstr(first->kind, ==, "operational");
    g_assert_cmpstr(first->extension, ==, "port");
    g_assert_cmpstr(first->result, ==, "ok");
    g_assert_cmpstr(first->detail, ==, NULL);
    test_end(j);
}

static void
test_finds_the_newest_and_by_a_unique_prefix(void)
{
    g_autofree char *file = new_file();
    g_autoptr(PfJournalMigration) old = new_migration(100);
    g_autoptr(PfJournalMigration) new = new_migration(200);
    PfJournal *j = open_journal(file, 10);

    server_start();
    set(&old->uuid, "ccaaaaaa-0000-4000-8000-000000000000");
    set(&new->uuid, "ccbbbbbb-0000-4000-8000-000000000000");
    put(j, new);
    put(j, old);

    g_autoptr(PfJournalMigration) newest = pf_journal_find(j, NULL);
    g_autoptr(PfJournalMigration) a = pf_journal_find(j, "ccaa");
    g_autoptr(PfJournalMigration) b = pf_journal_find(j, new->uuid);
    g_autoptr(GPtrArray) all = pf_journal_migrations(j);
    g_assert_cmpstr(newest->uuid, ==, new->uuid);
    g_assert_cmpstr(a->uuid, ==, old->uuid);
    g_assert_cmpstr(b->uuid, ==, new->uuid);
    g_assert_null(pf_journal_find(j, "dd"));
    g_assert_null(pf_journal_find(j, "cc"));
    g_assert_cmpuint(all->len, ==, 2);
    g_assert_cmpstr(((PfJournalMigration *) all->pdata[0])->uuid, ==,
                    old->uuid);
    test_end(j);
}

static void
test_survives_a_restart_of_ovsdb_server(void)
{
    g_autofree char *file = new_file();
    g_autoptr(PfJournalMigration) m = new_migration(1);
    PfJournal *j = open_journal(file, 10);

    server_start();
    put(j, m);
    server_stop();
    RUN_UNTIL(j, !pf_journal_is_ready(j));
    server_start();
    RUN_UNTIL(j, pf_journal_is_ready(j));

    FIND(j, m->uuid);
    set(&m->state, "after");
    put(j, m);
    g_autoptr(PfJournalMigration) after = pf_journal_find(j, m->uuid);
    g_assert_cmpstr(after->state, ==, "after");
    test_end(j);
}

static void
test_is_there_for_the_next_agent(void)
{
    g_autofree char *file = new_file();
    g_autoptr(PfJournalMigration) m = new_migration(1);
    PfJournal *j = open_journal(file, 10);

    server_start();
    put(j, m);
    pf_journal_free(j);
    j = open_journal(file, 10);
    RUN_UNTIL(j, pf_journal_is_ready(j));
    FIND(j, m->uuid);
    test_end(j);
}

static void
test_keeps_the_newest_and_all_that_run(void)
{
    g_autofree char *file = new_file();
    g_autoptr(PfJournalMigration) running = new_migration(1);
    PfJournal *j = open_journal(file, 3);

    server_start();
    put(j, running);
    for (int i = 2; i <= 6; i++) {
        g_autoptr(PfJournalMigration) m = new_migration(i);

        m->ended_us = i;
        set(&m->outcome, "completed");
        pf_journal_put(j, m, 0, NULL, NULL);
        step(j, m, 1, "nic-save");
        put(j, m);
    }
    g_autoptr(GPtrArray) all = pf_journal_migrations(j);
    g_assert_cmpuint(all->len, ==, 3);
    for (guint i = 0; i < 3; i++) {
        static const gint64 expected[] = { 1, 5, 6 };
        const PfJournalMigration *m = all->pdata[i];

        g_assert_cmpint(m->started_us, ==, expected[i]);
    }

    /* A smaller limit holds from the next start on. */
    pf_journal_free(j);
    j = open_journal(file, 2);
    RUN_UNTIL(j, pf_journal_is_ready(j) && n_migrations(j) == 2);
    test_end(j);
}

static void
test_keeps_writes_until_ovsdb_server_is_there(void)
{
    g_autofree char *file = new_file();
    g_autoptr(PfJournalMigration) m = new_migration(1);
    PfJournal *j = open_journal(file, 10);
    struct outcome first = { 0 };
    struct outcome second = { 0 };

    pf_journal_put(j, m, PATIENCE_MS, done, &first);
    step(j, m, 1, "nic-save");
    set(&m->state, "saved");
    pf_journal_put(j, m, PATIENCE_MS, done, &second);
    step(j, m, 2, "nic-save-complete");
    pf_journal_run(j);
    g_assert_cmpint(first.n_calls, ==, 0);
    g_assert_nonnull(strstr(pf_journal_error(j), "ovsdb-server"));

    server_start();
    RUN_UNTIL(j, first.n_calls && second.n_calls);
    g_assert_no_error(first.error);
    g_assert_no_error(second.error);
    FIND(j, m->uuid);
    g_autofree char *trace = requests(j, m->uuid);
    g_assert_cmpstr(found->state, ==, "saved");
    g_assert_cmpstr(trace, ==, "nic-save nic-save-complete");
    test_end(j);
}

static void
test_reports_a_server_that_hangs_and_writes_later(void)
{
    g_autofree char *file = new_file();
    g_autoptr(PfJournalMigration) m = new_migration(1);
    PfJournal *j = open_journal(file, 10);
    struct outcome outcome = { 0 };

    server_start();
    RUN_UNTIL(j, pf_journal_is_ready(j));
    kill(server, SIGSTOP);
    pf_journal_put(j, m, 100, done, &outcome);
    RUN_UNTIL(j, outcome.n_calls);
    g_assert_error(outcome.error, PF_JOURNAL_ERROR, PF_JOURNAL_ERROR_TIMEOUT);
    g_assert_nonnull(strstr(outcome.error->message, remote));
    g_assert_nonnull(strstr(outcome.error->message, m->uuid));
    g_clear_error(&outcome.error);

    kill(server, SIGCONT);
    RUN_UNTIL(j, n_migrations(j) == 1);
    pf_journal_run(j);
    g_assert_cmpint(outcome.n_calls, ==, 1);
    test_end(j);
}

static void
test_names_a_damaged_file_and_goes_on_when_it_is_away(void)
{
    g_autofree char *file = new_file();
    g_autoptr(PfJournalMigration) m = new_migration(1);
    g_autoptr(GError) error = NULL;
    PfJournal *j = open_journal(file, 10);
    struct outcome outcome = { 0 };
    g_autofree char *contents = NULL;

    server_start();
    g_file_set_contents(file, "no database\n", -1, &error);
    g_assert_no_error(error);
    pf_journal_put(j, m, 500, done, &outcome);
    RUN_UNTIL(j, outcome.n_calls);
    g_assert_error(outcome.error, PF_JOURNAL_ERROR, PF_JOURNAL_ERROR_TIMEOUT);
    g_assert_nonnull(strstr(outcome.error->message, file));
    g_assert_nonnull(strstr(outcome.error->message, "move it away"));
    g_assert_nonnull(strstr(pf_journal_error(j), file));
    g_clear_error(&outcome.error);

    /* It was not touched. */
    g_file_get_contents(file, &contents, NULL, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(contents, ==, "no database\n");

    g_unlink(file);
    RUN_UNTIL(j, n_migrations(j) == 1);
    test_end(j);
}

static void
test_one_refused_write_takes_no_other_with_it(void)
{
    g_autofree char *file = new_file();
    g_autoptr(PfJournalMigration) good = new_migration(1);
    g_autoptr(PfJournalMigration) bad = new_migration(2);
    g_autoptr(PfJournalMigration) late = new_migration(3);
    PfJournal *j = open_journal(file, 10);
    struct outcome outcomes[3] = { { 0 } };

    server_start();
    set(&bad->outcome, "nonsense");
    pf_journal_put(j, good, PATIENCE_MS, done, &outcomes[0]);
    pf_journal_put(j, bad, PATIENCE_MS, done, &outcomes[1]);
    step(j, bad, 1, "nic-save");
    pf_journal_put(j, late, PATIENCE_MS, done, &outcomes[2]);
    RUN_UNTIL(j, outcomes[0].n_calls && outcomes[1].n_calls
              && outcomes[2].n_calls);
    g_assert_no_error(outcomes[0].error);
    g_assert_error(outcomes[1].error, PF_JOURNAL_ERROR,
                   PF_JOURNAL_ERROR_REFUSED);
    g_assert_no_error(outcomes[2].error);
    g_assert_cmpuint(n_migrations(j), ==, 2);
    g_clear_error(&outcomes[1].error);
    test_end(j);
}

static void
test_drops_the_oldest_steps_beyond_its_bound(void)
{
    g_autofree char *file = new_file();
    g_autoptr(PfJournalMigration) m = new_migration(1);
    PfJournal *j = open_journal(file, 10);

    pf_journal_put(j, m, 0, NULL, NULL);
    for (guint i = 1; i <= 10010; i++) {
        step(j, m, i, "nic-save");
    }
    server_start();
    RUN_UNTIL(j, last_seq(j, m->uuid) == 10010);

    g_autoptr(GPtrArray) steps = pf_journal_trace(j, m->uuid);
    g_assert_cmpuint(steps->len, ==, 9999);
    g_assert_cmpuint(((PfStep *) steps->pdata[0])->seq, ==, 12);
    test_end(j);
}

static void
test_confirms_quickly(void)
{
    g_autofree char *file = new_file();
    g_autoptr(PfJournalMigration) m = new_migration(1);
    PfJournal *j = open_journal(file, 10);
    gint64 begin;

    server_start();
    RUN_UNTIL(j, pf_journal_is_ready(j));
    begin = g_get_monotonic_time();
    for (guint i = 0; i < 100; i++) {
        g_autofree char *state = g_strdup_printf("state-%u", i);

        set(&m->state, state);
        step(j, m, i, "nic-save");
        put(j, m);
    }
    /* Only told: nothing fails on time. */
    g_test_message("one entry is confirmed in %.2f ms",
                   (g_get_monotonic_time() - begin) / 100e3);
    g_assert_cmpuint(n_migrations(j), ==, 1);
    test_end(j);
}

/* Makes the folder and the switch's database in it. */
static void
set_up(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *command = NULL;

    rundir = g_dir_make_tmp("portferry-journal-XXXXXX", &error);
    g_assert_no_error(error);
    remote = g_strdup_printf("unix:%s/db.sock", rundir);
    g_setenv("OVS_RUNDIR", rundir, TRUE);
    command = g_strdup_printf("ovsdb-tool create %s/conf.db "
                              "/usr/share/openvswitch/vswitch.ovsschema",
                              rundir);
    g_free(output_of(command));
    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_OFF);
}

static void
tear_down(void)
{
    g_autoptr(GDir) dir = g_dir_open(rundir, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = g_build_filename(rundir, name, NULL);

        g_unlink(path);
    }
    g_rmdir(rundir);
}

int
main(int argc, char *argv[])
{
    int status;

    g_test_init(&argc, &argv, NULL);
    set_up();
#define TEST(NAME) g_test_add_func("/journal/" #NAME, test_##NAME)
    TEST(makes_its_database_where_there_is_none);
    TEST(gives_back_what_was_written);
    TEST(updates_a_migration_and_replaces_its_ports);
    TEST(keeps_the_trace_in_order);
    TEST(finds_the_newest_and_by_a_unique_prefix);
    TEST(survives_a_restart_of_ovsdb_server);
    TEST(is_there_for_the_next_agent);
    TEST(keeps_the_newest_and_all_that_run);
    TEST(keeps_writes_until_ovsdb_server_is_there);
    TEST(reports_a_server_that_hangs_and_writes_later);
    TEST(names_a_damaged_file_and_goes_on_when_it_is_away);
    TEST(one_refused_write_takes_no_other_with_it);
    TEST(drops_the_oldest_steps_beyond_its_bound);
    TEST(confirms_quickly);
    status = g_test_run();
    server_stop();
    tear_down();
    return status;
}
