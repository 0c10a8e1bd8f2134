/* SPDX-License-Identifier: Apache-2.0
 *
 * The journal against a real ovsdb-server, with files that other versions of
 * Portferry have made.
 */
#include <config.h>

#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>

#include "journal-file.h"
#include "journal-fixture.h"
#include "openvswitch/json.h"
#include "openvswitch/shash.h"

/* The version of this program's schema. */
static char *our_version;

/* A migration that started at "%s", in a schema that lacks columns. */
#define OLD_ROW                                                         \
    "[\"Portferry\",{\"op\":\"insert\",\"table\":\"Migration\","          \
    "\"row\":{\"id\":\"old\",\"role\":\"source\",\"domain\":\"vm1\","     \
    "\"outcome\":\"running\",\"started\":%s}}]"

/* 'text' with 'old', which has to be in it, replaced by 'new'. */
static char *
replace(const char *text, const char *old, const char *new)
{
    g_auto(GStrv) parts = g_strsplit(text, old, -1);

    g_assert_nonnull(parts[1]);
    return g_strjoinv(new, parts);
}

/* This program's schema as of 'version', with 'old' replaced by 'new'. */
static char *
other_schema(const char *version, const char *old, const char *new)
{
    struct json *schema = pf_journal_file_schema();
    char *text = json_to_string(schema, 0);
    g_autofree char *this = g_strdup_printf("\"version\":\"%s\"",
                                            our_version);
    g_autofree char *that = g_strdup_printf("\"version\":\"%s\"", version);
    g_autofree char *changed = replace(text, old, new);

    free(text);
    json_destroy(schema);
    return replace(changed, this, that);
}

static void
ovsdb_tool(const char *verb, const char *file, const char *arg)
{
    const char *argv[] = { "ovsdb-tool", verb, file, arg, NULL };
    g_autoptr(GError) error = NULL;
    int status;

    g_spawn_sync(NULL, (char **) argv, NULL,
                 G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL, NULL, NULL,
                 NULL, NULL, &status, &error);
    g_assert_no_error(error);
    g_assert_cmpint(status, ==, 0);
}

/* Makes 'file' a journal of 'schema' with a migration that began at 'started',
 * in JSON. */
static void
make_journal(const char *file, const char *schema, const char *started)
{
    g_autofree char *path = g_strconcat(file, ".schema", NULL);
    g_autofree char *row = g_strdup_printf(OLD_ROW, started);
    g_autoptr(GError) error = NULL;

    g_file_set_contents(path, schema, -1, &error);
    g_assert_no_error(error);
    ovsdb_tool("create", file, path);
    ovsdb_tool("transact", file, row);
    g_unlink(path);
}

/* The version of the schema of what ovsdb-server serves. */
static char *
served_version(void)
{
    g_autofree char *command = g_strdup_printf(
        "ovsdb-client get-schema-version %s Portferry", jf_remote);

    return g_strstrip(jf_output_of(command));
}

/* A journal of which version 0.9 had another column in place of "level". */
static void
make_older_journal(const char *file)
{
    g_autofree char *schema = other_schema("0.9.12", "\"level\":",
                                           "\"grade\":");

    make_journal(file, schema, "7");
}

/* Demands that 'j' has the migration, and all columns. */
static void
assert_whole(PfJournal *j)
{
    JF_RUN_UNTIL(j, pf_journal_is_ready(j));
    g_autofree char *version = served_version();
    g_assert_cmpstr(version, ==, our_version);

    JF_FIND(j, "old");
    g_assert_cmpstr(found->outcome, ==, "running");
    g_assert_cmpint(found->started_us, ==, 7);
    jf_set(&found->level, "saved");
    jf_put(j, found);
    g_autoptr(PfJournalMigration) again = pf_journal_find(j, "old");
    g_assert_cmpstr(again->level, ==, "saved");
    g_assert_cmpuint(jf_n_migrations(j), ==, 1);
}

static void
test_an_older_one_is_converted_and_keeps_its_migrations(void)
{
    g_autofree char *file = jf_new_file();
    PfJournal *j = jf_open(file, 10);

    make_older_journal(file);
    jf_server_start();
    assert_whole(j);

    /* The file is so, too. */
    jf_server_stop();
    JF_RUN_UNTIL(j, !pf_journal_is_ready(j));
    jf_server_start();
    assert_whole(j);
    jf_end(j);
}

/* Runs 'j' for so long, as often as can be. */
static void
run_for(PfJournal *j, gint64 us)
{
    gint64 end = g_get_monotonic_time() + us;

    while (g_get_monotonic_time() < end) {
        pf_journal_run(j);
        g_usleep(20);
    }
}

/* The agent, or ovsdb-server, ends at some moment of the conversion. */
static void
test_a_conversion_that_was_interrupted_is_brought_to_its_end(void)
{
    for (int i = 0; i < 40; i++) {
        g_autofree char *file = jf_new_file();
        PfJournal *j = jf_open(file, 10);

        make_older_journal(file);
        jf_server_start();
        run_for(j, 500 + i * 600);
        if (i % 2) {
            jf_server_stop();
            jf_server_start();
        } else {
            pf_journal_free(j);
            j = jf_open(file, 10);
        }
        /* What is ready may be so for a moment only. */
        run_for(j, 30000);
        assert_whole(j);
        jf_end(j);
    }
}

static void
test_one_that_somebody_else_has_converted_is_served_anew(void)
{
    g_autofree char *file = jf_new_file();
    g_autofree char *ours = g_strconcat(file, ".ours", NULL);
    g_autofree char *add = g_strdup_printf(
        "ovs-appctl -t ovsdb-server ovsdb-server/add-db %s", file);
    g_autofree char *convert = g_strdup_printf("ovsdb-client convert %s %s",
                                               jf_remote, ours);
    struct json *schema = pf_journal_file_schema();
    char *text = json_to_string(schema, 0);
    g_autoptr(GError) error = NULL;
    PfJournal *j = jf_open(file, 10);

    g_file_set_contents(ours, text, -1, &error);
    g_assert_no_error(error);
    make_older_journal(file);
    jf_server_start();
    g_free(jf_output_of(add));
    g_free(jf_output_of(convert));
    assert_whole(j);
    jf_end(j);
    free(text);
    json_destroy(schema);
}

static void
test_a_later_one_is_used_as_it_is(void)
{
    g_autofree char *file = jf_new_file();
    g_autofree char *schema = other_schema(
        "10.0.0", "\"level\":",
        "\"colour\":{\"type\":\"string\"},\"level\":");
    g_autoptr(PfJournalMigration) m = jf_new_migration(8);
    PfJournal *j = jf_open(file, 10);

    make_journal(file, schema, "7");
    jf_server_start();
    jf_put(j, m);
    g_autofree char *version = served_version();
    g_assert_cmpstr(version, ==, "10.0.0");
    g_assert_cmpuint(jf_n_migrations(j), ==, 2);
    jf_end(j);
}

/* Its file is named, and what its advice says helps. */
static void
test_an_older_one_that_cannot_be_converted_is_replaced_by_a_person(void)
{
    g_autofree char *file = jf_new_file();
    g_autofree char *away = g_strconcat(file, ".away", NULL);
    g_autofree char *schema = other_schema(
        "0.1.0", "\"started\":{\"type\":\"integer\"}",
        "\"started\":{\"type\":\"string\"}");
    PfJournal *j = jf_open(file, 10);

    make_journal(file, schema, "\"yesterday\"");
    jf_server_start();
    JF_RUN_UNTIL(j, pf_journal_error(j)
                 && strstr(pf_journal_error(j), "cannot convert it"));
    g_assert_nonnull(strstr(pf_journal_error(j), "version 0.1.0"));
    g_assert_nonnull(strstr(pf_journal_error(j), file));
    g_assert_false(pf_journal_is_ready(j));
    g_autofree char *version = served_version();
    g_assert_cmpstr(version, ==, "0.1.0");
    /* It is tried again, and said all the time. */
    run_for(j, 1500000);
    g_assert_nonnull(strstr(pf_journal_error(j), "cannot convert it"));

    g_assert_cmpint(g_rename(file, away), ==, 0);
    g_free(jf_output_of("ovs-appctl -t ovsdb-server ovsdb-server/remove-db "
                        "Portferry"));
    JF_RUN_UNTIL(j, pf_journal_is_ready(j));
    g_assert_cmpuint(jf_n_migrations(j), ==, 0);
    jf_end(j);
}

int
main(int argc, char *argv[])
{
    struct json *schema = pf_journal_file_schema();
    int status;

    g_test_init(&argc, &argv, NULL);
    our_version = g_strdup(json_string(shash_find_data(json_object(schema),
                                                       "version")));
    json_destroy(schema);
    jf_set_up();
#define TEST(NAME) g_test_add_func("/journal-schema/" #NAME, test_##NAME)
    TEST(an_older_one_is_converted_and_keeps_its_migrations);
    TEST(a_conversion_that_was_interrupted_is_brought_to_its_end);
    TEST(one_that_somebody_else_has_converted_is_served_anew);
    TEST(a_later_one_is_used_as_it_is);
    TEST(an_older_one_that_cannot_be_converted_is_replaced_by_a_person);
    status = g_test_run();
    jf_server_stop();
    jf_tear_down();
    g_free(our_version);
    return status;
}
