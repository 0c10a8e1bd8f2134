/* SPDX-License-Identifier: Apache-2.0
 *
 * journal-fixture: an ovsdb-server for journals.  See journal-fixture.h.
 */
#include <config.h>

#include "journal-fixture.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fatal-signal.h"
#include "openvswitch/vlog.h"

/* ovs_rundir() is asked once in a process, so all tests share a folder. */
char *jf_rundir;
char *jf_remote;
pid_t jf_server;

/* ---- ovsdb-server ----------------------------------------------------- */

/* In the child: it ends with this test, however that ends. */
static void
child_setup(gpointer user G_GNUC_UNUSED)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

void
jf_server_start(void)
{
    g_autofree char *db = g_build_filename(jf_rundir, "conf.db", NULL);
    g_autofree char *socket = g_build_filename(jf_rundir, "db.sock", NULL);
    g_autofree char *pidfile = g_build_filename(jf_rundir, "ovsdb-server.pid",
                                                NULL);
    g_autofree char *remote_arg = g_strdup_printf("--remote=punix:%s", socket);
    g_autofree char *pid_arg = g_strdup_printf("--pidfile=%s", pidfile);
    const char *argv[] = { "ovsdb-server", db, remote_arg, pid_arg,
                           "-vconsole:off", "-vsyslog:off", NULL };
    g_autoptr(GError) error = NULL;

    g_assert_cmpint(jf_server, ==, 0);
    g_unlink(socket);
    g_unlink(pidfile);
    g_spawn_async(NULL, (char **) argv, NULL,
                  G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD
                  | G_SPAWN_STDOUT_TO_DEV_NULL | G_SPAWN_STDERR_TO_DEV_NULL,
                  child_setup, NULL, &jf_server, &error);
    g_assert_no_error(error);
    for (int i = 0; access(socket, F_OK) || access(pidfile, F_OK); i++) {
        g_assert_cmpint(i, <, JF_PATIENCE_MS / 10);
        g_assert_cmpint(waitpid(jf_server, NULL, WNOHANG), ==, 0);
        g_usleep(10 * 1000);
    }
}

void
jf_server_stop(void)
{
    if (jf_server) {
        kill(jf_server, SIGKILL);
        g_assert_cmpint(waitpid(jf_server, NULL, 0), ==, jf_server);
        jf_server = 0;
    }
}

char *
jf_output_of(const char *command)
{
    g_autoptr(GError) error = NULL;
    char *text = NULL;
    int status;

    g_spawn_command_line_sync(command, &text, NULL, &status, &error);
    g_assert_no_error(error);
    g_assert_cmpint(status, ==, 0);
    return text;
}

void
jf_set_up(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *command = NULL;

    jf_rundir = g_dir_make_tmp("portferry-journal-XXXXXX", &error);
    g_assert_no_error(error);
    jf_remote = g_strdup_printf("unix:%s/db.sock", jf_rundir);
    g_setenv("OVS_RUNDIR", jf_rundir, TRUE);
    command = g_strdup_printf("ovsdb-tool create %s/conf.db "
                              "/usr/share/openvswitch/vswitch.ovsschema",
                              jf_rundir);
    g_free(jf_output_of(command));
    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_OFF);
    fatal_ignore_sigpipe();
}

void
jf_tear_down(void)
{
    g_autoptr(GDir) dir = g_dir_open(jf_rundir, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = g_build_filename(jf_rundir, name, NULL);

        g_unlink(path);
    }
    g_rmdir(jf_rundir);
}

/* ---- Journals --------------------------------------------------------- */

char *
jf_new_file(void)
{
    static int n;

    return g_strdup_printf("%s/journal-%d.db", jf_rundir, ++n);
}

void
jf_end(PfJournal *j)
{
    pf_journal_free(j);
    jf_server_stop();
}

PfJournal *
jf_open(const char *file, guint limit)
{
    return pf_journal_new(jf_remote, NULL, file, limit);
}

PfJournalMigration *
jf_new_migration(gint64 started)
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

void
jf_set(char **s, const char *value)
{
    g_free(*s);
    *s = g_strdup(value);
}

void
jf_done(gpointer outcome_, const GError *error)
{
    struct jf_outcome *outcome = outcome_;

    outcome->n_calls++;
    outcome->error = error ? g_error_copy(error) : NULL;
}

void
jf_put(PfJournal *j, const PfJournalMigration *m)
{
    struct jf_outcome outcome = { 0 };

    pf_journal_put(j, m, JF_PATIENCE_MS, jf_done, &outcome);
    JF_RUN_UNTIL(j, outcome.n_calls);
    g_assert_no_error(outcome.error);
}

guint
jf_n_migrations(PfJournal *j)
{
    g_autoptr(GPtrArray) all = pf_journal_migrations(j);

    return all->len;
}
