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
#include <sys/stat.h>

#include "journal-fixture.h"

/* ---- Helpers ---------------------------------------------------------- */

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

/* ---- Tests ------------------------------------------------------------ */

static void
test_makes_its_database_where_there_is_none(void)
{
    g_autofree char *file = jf_new_file();
    PfJournal *j = jf_open(file, 10);
    struct stat s;

    jf_server_start();
    g_assert_false(pf_journal_is_ready(j));
    g_assert_nonnull(pf_journal_error(j));
    JF_RUN_UNTIL(j, pf_journal_is_ready(j));
    g_assert_null(pf_journal_error(j));
    g_assert_cmpuint(jf_n_migrations(j), ==, 0);
    g_assert_null(pf_journal_find(j, NULL));

    g_assert_cmpint(stat(file, &s), ==, 0);
    g_assert_cmphex(s.st_mode & 07777, ==, 0640);
    jf_end(j);
}

static void
test_gives_back_what_was_written(void)
{
    g_autofree char *file = jf_new_file();
    g_autoptr(PfJournalMigration) m = jf_new_migration(1700000000000000);
    PfJournal *j = jf_open(file, 10);

    jf_server_start();
    jf_set(&m->peer, "hostb");
    jf_set(&m->epoch, "0123456789abcdef0123456789abcdef");
    jf_set(&m->level, "saved");
    jf_set(&m->error, "not \xff valid");
    add_port(m, "52:54:00:aa:00:01", "{\"tag\": 42}");
    add_port(m, "52:54:00:aa:00:02", NULL);
    jf_put(j, m);

    JF_FIND(j, m->uuid);
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
    jf_end(j);
}

static void
test_updates_a_migration_and_replaces_its_ports(void)
{
    g_autofree char *file = jf_new_file();
    g_autoptr(PfJournalMigration) m = jf_new_migration(1);
    PfJournal *j = jf_open(file, 10);

    jf_server_start();
    jf_set(&m->error, "to go away");
    add_port(m, "52:54:00:aa:00:01", NULL);
    add_port(m, "52:54:00:aa:00:02", NULL);
    jf_put(j, m);
    g_clear_pointer(&m->error, g_free);
    jf_set(&m->outcome, "completed");
    m->ended_us = 99;
    g_ptr_array_remove_index(m->ports, 1);
    jf_put(j, m);

    JF_FIND(j, NULL);
    g_assert_cmpuint(jf_n_migrations(j), ==, 1);
    g_assert_cmpstr(found->outcome, ==, "completed");
    g_assert_cmpstr(found->error, ==, NULL);
    g_assert_cmpint(found->ended_us, ==, 99);
    g_assert_cmpuint(found->ports->len, ==, 1);

    /* The port that is no longer referred to is gone from the database. */
    g_autofree char *command = g_strdup_printf(
        "ovsdb-client -f csv --no-headings dump %s Portferry Port mac",
        jf_remote);
    g_autofree char *ports = jf_output_of(command);
    g_assert_nonnull(strstr(ports, "52:54:00:aa:00:01"));
    g_assert_null(strstr(ports, "52:54:00:aa:00:02"));
    jf_end(j);
}

static void
test_keeps_the_trace_in_order(void)
{
    g_autofree char *file = jf_new_file();
    g_autoptr(PfJournalMigration) m = jf_new_migration(1);
    g_autoptr(PfJournalMigration) last = NULL;
    PfJournal *j = jf_open(file, 10);

    jf_server_start();
    pf_journal_put(j, m, 0, NULL, NULL);
    step(j, m, 1, "nic-save");
    step(j, m, 2, "nic-save-complete");
    jf_put(j, m);
    step(j, m, 4, "nic-delete");
    step(j, m, 3, "nic-disconnect");
    step(j, m, 4, "nic-delete");        /* As after a lost answer. */
    last = pf_journal_migration_copy(m);
    jf_set(&last->state, "torn-down");
    jf_put(j, last);

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
    jf_end(j);
}

static void
test_finds_the_newest_and_by_a_unique_prefix(void)
{
    g_autofree char *file = jf_new_file();
    g_autoptr(PfJournalMigration) old = jf_new_migration(100);
    g_autoptr(PfJournalMigration) new = jf_new_migration(200);
    PfJournal *j = jf_open(file, 10);

    jf_server_start();
    jf_set(&old->uuid, "ccaaaaaa-0000-4000-8000-000000000000");
    jf_set(&new->uuid, "ccbbbbbb-0000-4000-8000-000000000000");
    jf_put(j, new);
    jf_put(j, old);

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
    jf_end(j);
}

static void
test_survives_a_restart_of_ovsdb_server(void)
{
    g_autofree char *file = jf_new_file();
    g_autoptr(PfJournalMigration) m = jf_new_migration(1);
    PfJournal *j = jf_open(file, 10);

    jf_server_start();
    jf_put(j, m);
    jf_server_stop();
    JF_RUN_UNTIL(j, !pf_journal_is_ready(j));
    jf_server_start();
    JF_RUN_UNTIL(j, pf_journal_is_ready(j));

    JF_FIND(j, m->uuid);
    jf_set(&m->state, "after");
    jf_put(j, m);
    g_autoptr(PfJournalMigration) after = pf_journal_find(j, m->uuid);
    g_assert_cmpstr(after->state, ==, "after");
    jf_end(j);
}

static void
test_is_there_for_the_next_agent(void)
{
    g_autofree char *file = jf_new_file();
    g_autoptr(PfJournalMigration) m = jf_new_migration(1);
    PfJournal *j = jf_open(file, 10);

    jf_server_start();
    jf_put(j, m);
    pf_journal_free(j);
    j = jf_open(file, 10);
    JF_RUN_UNTIL(j, pf_journal_is_ready(j));
    JF_FIND(j, m->uuid);
    jf_end(j);
}

static void
test_keeps_the_newest_and_all_that_run(void)
{
    g_autofree char *file = jf_new_file();
    g_autoptr(PfJournalMigration) running = jf_new_migration(1);
    PfJournal *j = jf_open(file, 3);

    jf_server_start();
    jf_put(j, running);
    for (int i = 2; i <= 6; i++) {
        g_autoptr(PfJournalMigration) m = jf_new_migration(i);

        m->ended_us = i;
        jf_set(&m->outcome, "completed");
        pf_journal_put(j, m, 0, NULL, NULL);
        step(j, m, 1, "nic-save");
        jf_put(j, m);
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
    j = jf_open(file, 2);
    JF_RUN_UNTIL(j, pf_journal_is_ready(j) && jf_n_migrations(j) == 2);
    jf_end(j);
}

static void
test_keeps_writes_until_ovsdb_server_is_there(void)
{
    g_autofree char *file = jf_new_file();
    g_autoptr(PfJournalMigration) m = jf_new_migration(1);
    PfJournal *j = jf_open(file, 10);
    struct jf_outcome first = { 0 };
    struct jf_outcome second = { 0 };

    pf_journal_put(j, m, JF_PATIENCE_MS, jf_done, &first);
    step(j, m, 1, "nic-save");
    jf_set(&m->state, "saved");
    pf_journal_put(j, m, JF_PATIENCE_MS, jf_done, &second);
    step(j, m, 2, "nic-save-complete");
    pf_journal_run(j);
    g_assert_cmpint(first.n_calls, ==, 0);
    g_assert_nonnull(strstr(pf_journal_error(j), "ovsdb-server"));

    jf_server_start();
    JF_RUN_UNTIL(j, first.n_calls && second.n_calls);
    g_assert_no_error(first.error);
    g_assert_no_error(second.error);
    JF_FIND(j, m->uuid);
    g_autofree char *trace = requests(j, m->uuid);
    g_assert_cmpstr(found->state, ==, "saved");
    g_assert_cmpstr(trace, ==, "nic-save nic-save-complete");
    jf_end(j);
}

static void
test_reports_a_server_that_hangs_and_writes_later(void)
{
    g_autofree char *file = jf_new_file();
    g_autoptr(PfJournalMigration) m = jf_new_migration(1);
    PfJournal *j = jf_open(file, 10);
    struct jf_outcome outcome = { 0 };

    jf_server_start();
    JF_RUN_UNTIL(j, pf_journal_is_ready(j));
    kill(jf_server, SIGSTOP);
    pf_journal_put(j, m, 100, jf_done, &outcome);
    JF_RUN_UNTIL(j, outcome.n_calls);
    g_assert_error(outcome.error, PF_JOURNAL_ERROR, PF_JOURNAL_ERROR_TIMEOUT);
    g_assert_nonnull(strstr(outcome.error->message, jf_remote));
    g_assert_nonnull(strstr(outcome.error->message, m->uuid));
    g_clear_error(&outcome.error);

    kill(jf_server, SIGCONT);
    JF_RUN_UNTIL(j, jf_n_migrations(j) == 1);
    pf_journal_run(j);
    g_assert_cmpint(outcome.n_calls, ==, 1);
    jf_end(j);
}

static void
test_names_a_damaged_file_and_goes_on_when_it_is_away(void)
{
    g_autofree char *file = jf_new_file();
    g_autoptr(PfJournalMigration) m = jf_new_migration(1);
    g_autoptr(GError) error = NULL;
    PfJournal *j = jf_open(file, 10);
    struct jf_outcome outcome = { 0 };
    g_autofree char *contents = NULL;

    jf_server_start();
    g_file_set_contents(file, "no database\n", -1, &error);
    g_assert_no_error(error);
    pf_journal_put(j, m, 500, jf_done, &outcome);
    JF_RUN_UNTIL(j, outcome.n_calls);
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
    JF_RUN_UNTIL(j, jf_n_migrations(j) == 1);
    jf_end(j);
}

static void
test_one_refused_write_takes_no_other_with_it(void)
{
    g_autofree char *file = jf_new_file();
    g_autoptr(PfJournalMigration) good = jf_new_migration(1);
    g_autoptr(PfJournalMigration) bad = jf_new_migration(2);
    g_autoptr(PfJournalMigration) late = jf_new_migration(3);
    PfJournal *j = jf_open(file, 10);
    struct jf_outcome outcomes[3] = { { 0 } };

    jf_server_start();
    jf_set(&bad->outcome, "nonsense");
    pf_journal_put(j, good, JF_PATIENCE_MS, jf_done, &outcomes[0]);
    pf_journal_put(j, bad, JF_PATIENCE_MS, jf_done, &outcomes[1]);
    step(j, bad, 1, "nic-save");
    pf_journal_put(j, late, JF_PATIENCE_MS, jf_done, &outcomes[2]);
    JF_RUN_UNTIL(j, outcomes[0].n_calls && outcomes[1].n_calls
              && outcomes[2].n_calls);
    g_assert_no_error(outcomes[0].error);
    g_assert_error(outcomes[1].error, PF_JOURNAL_ERROR,
                   PF_JOURNAL_ERROR_REFUSED);
    g_assert_no_error(outcomes[2].error);
    g_assert_cmpuint(jf_n_migrations(j), ==, 2);
    g_clear_error(&outcomes[1].error);
    jf_end(j);
}

static void
test_drops_the_oldest_steps_beyond_its_bound(void)
{
    g_autofree char *file = jf_new_file();
    g_autoptr(PfJournalMigration) m = jf_new_migration(1);
    PfJournal *j = jf_open(file, 10);

    pf_journal_put(j, m, 0, NULL, NULL);
    for (guint i = 1; i <= 10010; i++) {
        step(j, m, i, "nic-save");
    }
    jf_server_start();
    JF_RUN_UNTIL(j, last_seq(j, m->uuid) == 10010);

    g_autoptr(GPtrArray) steps = pf_journal_trace(j, m->uuid);
    g_assert_cmpuint(steps->len, ==, 9999);
    g_assert_cmpuint(((PfStep *) steps->pdata[0])->seq, ==, 12);
    jf_end(j);
}

static void
test_confirms_quickly(void)
{
    g_autofree char *file = jf_new_file();
    g_autoptr(PfJournalMigration) m = jf_new_migration(1);
    PfJournal *j = jf_open(file, 10);
    gint64 begin;

    jf_server_start();
    JF_RUN_UNTIL(j, pf_journal_is_ready(j));
    begin = g_get_monotonic_time();
    for (guint i = 0; i < 100; i++) {
        g_autofree char *state = g_strdup_printf("state-%u", i);

        jf_set(&m->state, state);
        step(j, m, i, "nic-save");
        jf_put(j, m);
    }
    /* Only told: nothing fails on time. */
    g_test_message("one entry is confirmed in %.2f ms",
                   (g_get_monotonic_time() - begin) / 100e3);
    g_assert_cmpuint(jf_n_migrations(j), ==, 1);
    jf_end(j);
}

int
main(int argc, char *argv[])
{
    int status;

    g_test_init(&argc, &argv, NULL);
    jf_set_up();
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
    jf_server_stop();
    jf_tear_down();
    return status;
}
