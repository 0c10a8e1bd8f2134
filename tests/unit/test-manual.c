/* SPDX-License-Identifier: Apache-2.0
 *
 * The manual pages against the programs: what --help prints, and what the
 * agent's control socket offers.
 *
 * Of roff this knows what the pages have: sections, paragraphs with a tag, and
 * a change of font in a line.
 */
#include <config.h>

#include <errno.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "control.h"
#include "fake-agent.h"

/* A paragraph that begins with a tag (.TP, .TQ). */
typedef struct {
    char *section;
    int depth;                  /* How many other paragraphs it is part of. */
    char *tag;
} Paragraph;

/* A page without its fonts. */
typedef struct {
    GPtrArray *paragraphs;      /* Paragraph *. */
    GHashTable *sections;       /* Name to text (GString *), in one line. */
} Page;

/* ---- The page ----------------------------------------------------------- */

static void
paragraph_free(gpointer paragraph_)
{
    Paragraph *paragraph = paragraph_;

    g_free(paragraph->section);
    g_free(paragraph->tag);
    g_free(paragraph);
}

static void
string_free(gpointer string)
{
    g_string_free(string, TRUE);
}

static void
page_clear(Page *page)
{
    g_clear_pointer(&page->paragraphs, g_ptr_array_unref);
    g_clear_pointer(&page->sections, g_hash_table_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Page, page_clear)

/* Replaces what matches 'pattern' in 'text'.  The caller frees the result. */
static char *
replace(const char *text, const char *pattern, const char *by)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GRegex) regex = g_regex_new(pattern, 0, 0, &error);
    char *result;

    g_assert_no_error(error);
    result = g_regex_replace(regex, text, -1, 0, by, 0, &error);
    g_assert_no_error(error);
    return result;
}

/* What the arguments of a macro, or a line of text, look like when printed.
 * 'joined': without the spaces between the arguments.  The caller frees it. */
static char *
printed(const char *line, gboolean joined)
{
    g_autofree char *fonts = replace(line, "\\\\f[BIRP]", "");
    g_autofree char *signs = replace(fonts, "\\\\\\(..", "'");
    g_autofree char *dashes = replace(signs, "\\\\-", "-");
    GString *s = g_string_new(NULL);
    gboolean quoted = FALSE;

    for (const char *c = dashes; *c; c++) {
        if (*c == '"') {
            quoted = !quoted;
        } else if (*c != ' ' || quoted || !joined) {
            g_string_append_c(s, *c);
        }
    }
    return g_string_free(s, FALSE);
}

/* The printed text of 'line', or NULL of a request that prints nothing. */
static char *
printed_line(const char *line)
{
    static const char *const alternating[] = {
        ".BI ", ".BR ", ".IB ", ".IR ", ".RB ", ".RI "
    };

    if (g_str_has_prefix(line, ".B ") || g_str_has_prefix(line, ".I ")) {
        return printed(line + 3, FALSE);
    }
    for (guint i = 0; i < G_N_ELEMENTS(alternating); i++) {
        if (g_str_has_prefix(line, alternating[i])) {
            return printed(line + 4, TRUE);
        }
    }
    return line[0] == '.' ? NULL : printed(line, FALSE);
}

/* What has been read of a page so far. */
typedef struct {
    Page *page;
    GString *section;           /* Its text. */
    char *name;                 /* The section's. */
    int depth;
    gboolean tag;               /* The next line is one. */
} Reader;

static void
read_line(Reader *r, const char *line)
{
    g_autofree char *text = NULL;

    if (g_str_has_prefix(line, ".SH ")) {
        g_free(r->name);
        r->name = printed(line + 4, FALSE);
        r->section = g_string_new(NULL);
        g_assert_true(g_hash_table_insert(r->page->sections,
                                          g_strdup(r->name), r->section));
    } else if (g_str_equal(line, ".TP") || g_str_equal(line, ".TQ")) {
        r->tag = TRUE;
    } else if (g_str_has_prefix(line, ".RS")) {
        r->depth++;
    } else if (g_str_equal(line, ".RE")) {
        r->depth--;
    } else if (r->section && (text = printed_line(line))) {
        g_string_append_printf(r->section, "%s ", text);
        if (r->tag) {
            Paragraph *paragraph = g_new0(Paragraph, 1);

            paragraph->section = g_strdup(r->name);
            paragraph->depth = r->depth;
            paragraph->tag = g_steal_pointer(&text);
            g_ptr_array_add(r->page->paragraphs, paragraph);
            r->tag = FALSE;
        }
    }
}

/* Reads the page of 'program' as it was made for this build. */
static Page
page_read(const char *program)
{
    g_autofree char *name = g_strdup_printf("plugin/%s.8", program);
    g_autofree char *path = fake_agent_program(name);
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;
    g_auto(GStrv) lines = NULL;
    Page page = {
        .paragraphs = g_ptr_array_new_with_free_func(paragraph_free),
        .sections = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                          string_free),
    };
    Reader reader = { .page = &page };

    g_file_get_contents(path, &text, NULL, &error);
    g_assert_no_error(error);
    lines = g_strsplit(text, "\n", -1);
    for (guint i = 0; lines[i]; i++) {
        read_line(&reader, lines[i]);
    }
    g_assert_cmpint(reader.depth, ==, 0);
    g_free(reader.name);
    return page;
}

/* The text of 'section', in one line. */
static const char *
page_text(const Page *page, const char *section)
{
    GString *text = g_hash_table_lookup(page->sections, section);

    g_assert_nonnull(text);
    return text->str;
}

/* Its tags that are part of no other paragraph, as lines.  The caller frees
 * them. */
static char *
page_tags(const Page *page, const char *section)
{
    GString *tags = g_string_new(NULL);

    for (guint i = 0; i < page->paragraphs->len; i++) {
        const Paragraph *paragraph = page->paragraphs->pdata[i];

        if (!paragraph->depth && g_str_equal(paragraph->section, section)) {
            g_string_append_printf(tags, "%s\n", paragraph->tag);
        }
    }
    return g_string_free(tags, FALSE);
}

/* ---- The programs ------------------------------------------------------- */

/* What 'program' prints with --help. */
static char *
help_of(const char *program)
{
    g_autofree char *path = fake_agent_program(program);
    const char *argv[] = { path, "--help", NULL };
    g_auto(FakeAgentRun) run = fake_agent_run(argv, "");

    g_assert_cmpstr(run.err, ==, "");
    g_assert_cmpint(run.status, ==, 0);
    return g_steal_pointer(&run.out);
}

static int
compare_words(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *) a, *(const char *const *) b);
}

/* Every first group of what matches 'pattern' in 'text', one a line: sorted,
 * without doubles.  The caller frees it. */
static char *
found(const char *text, const char *pattern)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GRegex) regex = g_regex_new(pattern, G_REGEX_MULTILINE, 0,
                                          &error);
    g_autoptr(GMatchInfo) match = NULL;
    g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func(g_free);
    GString *lines = g_string_new(NULL);

    g_assert_no_error(error);
    for (g_regex_match(regex, text, 0, &match); g_match_info_matches(match);
         g_match_info_next(match, NULL)) {
        g_autofree char *word = g_match_info_fetch(match, 1);
        g_autofree char *clean = replace(word, "  +", " ");

        if (!g_ptr_array_find_with_equal_func(all, clean, g_str_equal,
                                              NULL)) {
            g_ptr_array_add(all, g_steal_pointer(&clean));
        }
    }
    g_ptr_array_sort(all, compare_words);
    for (guint i = 0; i < all->len; i++) {
        g_string_append_printf(lines, "%s\n", (char *) all->pdata[i]);
    }
    g_assert_cmpuint(all->len, >, 0);
    return g_string_free(lines, FALSE);
}

/* ---- Tests -------------------------------------------------------------- */

/* An option in a line that begins with one. */
#define OPTION "(?<![\\w-])(--[a-z][a-z-]*|-[A-Za-z])"

/* The options that 'text' has where a line begins. */
static char *
options_in(const char *text)
{
    g_autofree char *heads = found(text, "^ *(-.*?)(?:  .*)?$");

    return found(heads, OPTION);
}

static void
test_has_the_options(gconstpointer program)
{
    g_autofree char *name = g_path_get_basename(program);
    g_auto(Page) page = page_read(name);
    g_autofree char *tags = page_tags(&page, "OPTIONS");
    g_autofree char *there = options_in(tags);
    g_autofree char *help = help_of(program);
    g_autofree char *wanted = options_in(help);

    g_assert_cmpstr(there, ==, wanted);
}

static void
test_has_the_defaults(void)
{
    g_auto(Page) page = page_read("portferryd");
    g_autofree char *help = help_of("sbin/portferryd");
    /* Open vSwitch's own for --pidfile does not count: ours follows. */
    g_autofree char *own = replace(help, "--pidfile.*", "");
    g_autofree char *wanted = found(
        own, "\\((?:default|here, without FILE): (.*)\\)");
    g_autofree char *there = found(page_text(&page, "OPTIONS"),
                                   "default (?:is )?(\\S+)[.,] ");

    g_assert_cmpstr(there, ==, wanted);
}

static void
test_has_the_commands(void)
{
    g_auto(Page) page = page_read("portferry");
    g_autofree char *tags = page_tags(&page, "COMMANDS");
    g_autofree char *there = found(tags, "^(.+)$");
    g_autofree char *help = help_of("bin/portferry");
    g_autofree char *wanted = found(help, "^  ([a-z]+(?: [A-Z[\\]]+)?)  +\\w");
    g_autofree char *synopsis = found(page_text(&page, "SYNOPSIS"),
        "portferry \\[OPTIONS\\] (.*?) (?=portferry|$)");

    g_assert_cmpstr(there, ==, wanted);
    g_assert_cmpstr(synopsis, ==, wanted);
}

static void
test_is_configured(gconstpointer program)
{
    g_autofree char *name = g_strdup_printf("plugin/%s.8", (char *) program);
    g_autofree char *path = fake_agent_program(name);
    g_autofree char *text = NULL;

    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_assert_false(g_regex_match_simple("@\\w+@", text, 0, 0));
}

/* The answer of 'agent', which begins to listen at some time, to 'command'.
 * The caller frees it with free(). */
static char *
ask(GPid agent, const char *command)
{
    char *reply = NULL;
    bool ok = false;
    int error;

    while ((error = pf_control_transact(pf_control_socket(), command, 0, NULL,
                                        60000, &ok, &reply)) == ENOENT
           || error == ECONNREFUSED) {
        g_assert_cmpint(waitpid(agent, NULL, WNOHANG), ==, 0);
        g_usleep(5000);
    }
    g_assert_cmpint(error, ==, 0);
    g_assert_true(ok);
    return reply;
}

/* What the agent's control socket offers, with the arguments. */
static char *
agent_commands(void)
{
    g_autofree char *program = fake_agent_program("sbin/portferryd");
    g_autofree char *ovsdb = g_strdup_printf("--ovsdb=unix:%s/none",
                                             fake_agent_dir());
    g_autofree char *journal = g_strdup_printf("--journal=%s/journal/db",
                                               fake_agent_dir());
    g_autofree char *extensions = g_strdup_printf("--extensions=%s/none",
                                                  fake_agent_dir());
    char *argv[] = { program, ovsdb, journal, extensions,
                     (char *) "--libvirt=test:///default",
                     (char *) "-vconsole:off", (char *) "-vsyslog:off", NULL };
    g_autoptr(GError) error = NULL;
    char *commands, *copy;
    GPid agent;

    g_spawn_async(NULL, argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL,
                  &agent, &error);
    g_assert_no_error(error);
    commands = ask(agent, "list-commands");
    free(ask(agent, "exit"));
    g_assert_cmpint(waitpid(agent, NULL, 0), ==, agent);
    copy = g_strdup(commands);
    free(commands);
    return copy;
}

static void
test_has_the_agents_commands(void)
{
    g_auto(Page) page = page_read("portferryd");
    g_autofree char *tags = page_tags(&page, "RUN-TIME COMMANDS");
    g_autofree char *commands = NULL;

    fake_agent_start(FAKE_AGENT_ABSENT, NULL);
    g_setenv("OVS_RUNDIR", fake_agent_dir(), TRUE);
    commands = agent_commands();
    g_unsetenv("OVS_RUNDIR");
    fake_agent_stop();
    g_unsetenv("PORTFERRY_RUNDIR");

    /* Those with a slash are Open vSwitch's, and not all are in the page. */
    g_autofree char *there = found(tags, "^([^/\\s]+(?: .*)?)$");
    g_autofree char *wanted = found(commands, "^  ([^/\\s]+(?: .*\\S)?) *$");
    g_assert_cmpstr(there, ==, wanted);

    g_autofree char *theirs = found(tags, "^(\\S+/\\S+)");
    g_auto(GStrv) names = g_strsplit(g_strchomp(theirs), "\n", -1);
    for (guint i = 0; names[i]; i++) {
        g_autofree char *line = g_strdup_printf("\n  %s ", names[i]);

        if (!strstr(commands, line)) {
            g_error("portferryd.8 has %s, the agent has not:\n%s", names[i],
                    commands);
        }
    }
}

int
main(int argc, char *argv[])
{
    static const char *const variables[] = {
        "PORTFERRY_RUNDIR", "OVS_RUNDIR", "OVS_LOGDIR", "OVS_DBDIR",
        "OVS_SYSCONFDIR"
    };

    for (guint i = 0; i < G_N_ELEMENTS(variables); i++) {
        g_unsetenv(variables[i]);
    }
    g_setenv("LC_ALL", "C", TRUE);
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/manual/portferry-has-the-options", "bin/portferry",
                         test_has_the_options);
    g_test_add_func("/manual/portferry-has-the-commands",
                    test_has_the_commands);
    g_test_add_data_func("/manual/portferry-is-configured", "portferry",
                         test_is_configured);
    g_test_add_data_func("/manual/portferryd-has-the-options",
                         "sbin/portferryd", test_has_the_options);
    g_test_add_func("/manual/portferryd-has-the-defaults",
                    test_has_the_defaults);
    g_test_add_func("/manual/portferryd-has-the-commands-of-its-socket",
                    test_has_the_agents_commands);
    g_test_add_data_func("/manual/portferryd-is-configured", "portferryd",
                         test_is_configured);
    return g_test_run();
}
