/* SPDX-License-Identifier: Apache-2.0
 *
 * portferry: the command by which a person asks the agent of this host.
 *
 * Asks, prints, and changes nothing.  What the agent knows it says in JSON:
 * --format=json prints that, the tables are show's.
 */
#include <config.h>

#include <errno.h>
#include <json-glib/json-glib.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control.h"
#include "show.h"

#define ANSWER_MS 10000
#define TABLE_WIDTH 100

/* Exit statuses. */
#define STATUS_FAILED 1
#define STATUS_USAGE 2

static const struct command {
    const char *name;           /* The agent's command has the same name. */
    gboolean has_argument;      /* [MIGRATION]. */
    PfShow *show;
} commands[] = {
    { "status", FALSE, pf_show_status },
    { "ports", FALSE, pf_show_ports },
    { "trace", TRUE, pf_show_trace },
};

/* The command line. */
struct arguments {
    const struct command *command;
    const char *migration;      /* NULL: the newest. */
    gboolean json;
};

/* Prints "portferry: MESSAGE" to stderr. */
static void G_GNUC_PRINTF(1, 2)
complain(const char *format, ...)
{
    g_autofree char *message = NULL;
    va_list args;

    va_start(args, format);
    message = g_strdup_vprintf(format, args);
    va_end(args);
    fprintf(stderr, "portferry: %s\n", g_strchomp(message));
}

/* The same about the command line; returns STATUS_USAGE. */
static int
complain_usage(const char *message)
{
    complain("%s (see portferry --help)", message);
    return STATUS_USAGE;
}

/* What stands before the options in --help. */
static GOptionContext *
new_context(const GOptionEntry *entries)
{
    GOptionContext *context
        = g_option_context_new("status|ports|trace [MIGRATION]");

    g_option_context_set_summary(
        context,
        "Shows what the agent portferryd of this host knows.\n\n"
        "  status             its connections, networks and migrations\n"
        "  ports              the ports of guests on managed networks\n"
        "  trace [MIGRATION]  the requests of a migration, given by its UUID\n"
        "                     or the beginning of it, else of the newest");
    g_option_context_set_description(
        context,
        "Exit status: 0 if the agent has answered, 1 if it has not or knows "
        "no such\nmigration, 2 if the command line is wrong.");
    g_option_context_add_main_entries(context, entries, NULL);
    return context;
}

/* Finds the command and its argument in 'words'.  Returns 0 or an exit
 * status. */
static int
parse_words(char **words, gboolean last, struct arguments *arguments)
{
    guint n_words = words ? g_strv_length(words) : 0;

    if (!n_words) {
        return complain_usage("no command: status, ports or trace");
    }
    for (gsize i = 0; i < G_N_ELEMENTS(commands); i++) {
        if (!strcmp(words[0], commands[i].name)) {
            arguments->command = &commands[i];
        }
    }
    if (!arguments->command) {
        complain("unknown command '%s': status, ports or trace (see portferry "
                 "--help)", words[0]);
        return STATUS_USAGE;
    }

    arguments->migration = n_words > 1 ? words[1] : NULL;
    if (n_words > (arguments->command->has_argument ? 2 : 1)) {
        return complain_usage("too many arguments");
    } else if (last && !arguments->command->has_argument) {
        return complain_usage("--last is for trace");
    } else if (last && arguments->migration) {
        return complain_usage("either MIGRATION or --last");
    }
    return 0;
}

/* Asks the agent.  Returns its answer, or NULL after having said why there is
 * none; the caller frees it with free(). */
static char *
ask(const struct arguments *arguments)
{
    char *argv[] = { (char *) arguments->migration };
    char *reply;
    int error;
    bool ok;

    error = pf_control_transact(pf_control_socket(), arguments->command->name,
                                arguments->migration ? 1 : 0, argv, ANSWER_MS,
                                &ok, &reply);
    if (error) {
        complain("the agent portferryd does not answer at %s: %s%s",
                 pf_control_socket(), g_strerror(error),
                 (error == EACCES ? ": only root may ask it"
                  : error == ETIMEDOUT ? "" : ": is it running?"));
        return NULL;
    } else if (!ok) {
        complain("%s", reply);
        free(reply);
        return NULL;
    }
    return reply;
}

/* Prints the agent's answer 'reply'.  Returns the exit status. */
static int
print(const struct arguments *arguments, const char *reply)
{
    g_autoptr(JsonParser) parser = json_parser_new();
    g_autoptr(GError) error = NULL;
    GString *s = g_string_new(NULL);
    JsonNode *root;
    int status = EXIT_SUCCESS;

    json_parser_load_from_data(parser, reply, -1, &error);
    root = json_parser_get_root(parser);
    if (error || !root || !JSON_NODE_HOLDS_OBJECT(root)) {
        complain("the agent portferryd at %s answers with something that is "
                 "no JSON object%s%s: is it of the same version?",
                 pf_control_socket(), error ? ": " : "",
                 error ? error->message : "");
        status = STATUS_FAILED;
    } else if (arguments->json) {
        g_autofree char *text = json_to_string(root, TRUE);

        g_string_append_printf(s, "%s\n", text);
    } else {
        arguments->command->show(json_node_get_object(root), TABLE_WIDTH, s);
    }

    fputs(s->str, stdout);
    g_string_free(s, TRUE);
    if (fflush(stdout)) {
        complain("cannot write to stdout: %s", g_strerror(errno));
        status = STATUS_FAILED;
    }
    return status;
}

int
main(int argc, char *argv[])
{
    struct arguments arguments = { .command = NULL };
    g_auto(GStrv) words = NULL;
    g_autofree char *format = NULL;
    gboolean version = FALSE;
    gboolean last = FALSE;
    const GOptionEntry entries[] = {
        { "format", 'f', 0, G_OPTION_ARG_STRING, &format,
          "How to print the answer", "table|json" },
        { "last", 'l', 0, G_OPTION_ARG_NONE, &last,
          "trace: the newest migration", NULL },
        { "version", 'V', 0, G_OPTION_ARG_NONE, &version,
          "Print the version", NULL },
        { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_STRING_ARRAY, &words, NULL,
          NULL },
        { NULL, 0, 0, 0, NULL, NULL, NULL },
    };
    g_autoptr(GOptionContext) context = new_context(entries);
    g_autoptr(GError) error = NULL;
    int status;

    setlocale(LC_ALL, "");
    if (!g_option_context_parse(context, &argc, &argv, &error)) {
        return complain_usage(error->message);
    } else if (version) {
        printf("portferry %s\n", PACKAGE_VERSION);
        return EXIT_SUCCESS;
    } else if (format && strcmp(format, "table") && strcmp(format, "json")) {
        return complain_usage("--format is table or json");
    }
    arguments.json = format && !strcmp(format, "json");
    status = parse_words(words, last, &arguments);
    if (status) {
        return status;
    }

    char *reply = ask(&arguments);
    status = reply ? print(&arguments, reply) : STATUS_FAILED;
    free(reply);
    return status;
}
