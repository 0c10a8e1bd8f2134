/* SPDX-License-Identifier: Apache-2.0
 *
 * portferry: the command by which a person asks the agent of this host.
 *
 * Asks and prints.  What the agent knows it says in JSON: --format=json prints
 * that, the tables are show's.
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
#define XML_MAX (8 * 1024 * 1024)

/* Exit statuses. */
#define STATUS_FAILED 1
#define STATUS_USAGE 2

/* What follows a command's name. */
enum argument {
    ARGUMENT_NONE,
    ARGUMENT_OPTIONAL,
    ARGUMENT_REQUIRED,
};

static const struct command {
    const char *name;           /* The agent's command has the same name. */
    enum argument argument;
    const char *metavar;        /* What it is, or NULL. */
    PfShow *show;
} commands[] = {
    { "status", ARGUMENT_NONE, NULL, pf_show_status },
    { "ports", ARGUMENT_NONE, NULL, pf_show_ports },
    { "trace", ARGUMENT_OPTIONAL, "MIGRATION", pf_show_trace },
    { "check", ARGUMENT_REQUIRED, "DOMAIN-XML|DOMAIN", pf_show_check },
    { "release", ARGUMENT_REQUIRED, "PORT", pf_show_release },
};

#define COMMAND_NAMES "status, ports, trace, check or release"

/* The command line. */
struct arguments {
    const struct command *command;
    const char *argument;       /* or NULL. */
    const char *network;        /* check: or NULL. */
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
    GOptionContext *context = g_option_context_new("COMMAND [ARGUMENT]");

    g_option_context_set_summary(
        context,
        "Asks the agent portferryd of this host.\n\n"
        "  status             its connections, extensions, networks and\n"
        "                     migrations\n"
        "  ports              the ports of guests on managed networks\n"
        "  trace [MIGRATION]  the requests of a migration, given by its UUID\n"
        "                     or the beginning of it, else of the newest\n"
        "  check DOMAIN       would this host take the guest: a name or UUID of\n"
        "                     one that runs here, or a file with its XML (- is\n"
        "                     stdin)\n"
        "  release PORT       opens the gate of a port that was quarantined");
    g_option_context_set_description(
        context,
        "Exit status: 0 if the agent has answered, 1 if it has not, knows no "
        "such thing, or\nif the guest would be refused, 2 if the command line "
        "is wrong.");
    g_option_context_add_main_entries(context, entries, NULL);
    return context;
}

/* Looks whether the options go with the command.  Returns 0 or an exit
 * status. */
static int
check_arguments(const struct arguments *arguments, guint n_words,
                gboolean last)
{
    const struct command *command = arguments->command;

    if (n_words > (command->argument == ARGUMENT_NONE ? 1 : 2)) {
        return complain_usage("too many arguments");
    } else if (command->argument == ARGUMENT_REQUIRED && n_words < 2) {
        g_autofree char *message = g_strdup_printf("%s: %s is missing",
                                                   command->name,
                                                   command->metavar);
        return complain_usage(message);
    } else if (last && strcmp(command->name, "trace")) {
        return complain_usage("--last is for trace");
    } else if (last && arguments->argument) {
        return complain_usage("either MIGRATION or --last");
    } else if (arguments->network && strcmp(command->name, "check")) {
        return complain_usage("--network is for check");
    }
    return 0;
}

/* Finds the command and its argument in 'words'.  Returns 0 or an exit
 * status. */
static int
parse_words(char **words, gboolean last, struct arguments *arguments)
{
    guint n_words = words ? g_strv_length(words) : 0;

    if (!n_words) {
        return complain_usage("no command: " COMMAND_NAMES);
    }
    for (gsize i = 0; i < G_N_ELEMENTS(commands); i++) {
        if (!strcmp(words[0], commands[i].name)) {
            arguments->command = &commands[i];
        }
    }
    if (!arguments->command) {
        complain("unknown command '%s': " COMMAND_NAMES " (see portferry "
                 "--help)", words[0]);
        return STATUS_USAGE;
    }
    arguments->argument = n_words > 1 ? words[1] : NULL;
    return check_arguments(arguments, n_words, last);
}

/* Reads all of 'file' into a text of at most XML_MAX bytes.  The caller frees
 * it; NULL after having said why there is none. */
static char *
read_all(FILE *file, const char *path)
{
    g_autoptr(GString) text = g_string_new(NULL);
    char buffer[16384];
    gsize n;

    while (text->len <= XML_MAX
           && (n = fread(buffer, 1, sizeof buffer, file)) > 0) {
        g_string_append_len(text, buffer, n);
    }
    if (ferror(file)) {
        complain("%s: %s", path, g_strerror(errno));
    } else if (text->len > XML_MAX) {
        complain("%s: a domain's XML has at most %d bytes", path, XML_MAX);
    } else if (strlen(text->str) != text->len) {
        complain("%s: it has a zero byte, and is no XML", path);
    } else {
        return g_strdup(text->str);
    }
    return NULL;
}

/* The same for the file 'path'; "-" is stdin, which stays open: its descriptor
 * must not become that of a socket. */
static char *
read_file(const char *path)
{
    FILE *file;
    char *text;

    if (!strcmp(path, "-")) {
        return read_all(stdin, "stdin");
    }
    file = fopen(path, "re");
    if (!file) {
        complain("%s: %s", path, g_strerror(errno));
        return NULL;
    }
    text = read_all(file, path);
    fclose(file);
    return text;
}

/* Fills in what the agent is asked; returns the number of words, -1 after
 * having said what is wrong.  'text' is freed by the caller. */
static int
make_question(const struct arguments *arguments, char *argv[], char **text)
{
    int argc = 0;

    if (!strcmp(arguments->command->name, "check")) {
        const char *path = arguments->argument;
        /* A guest may have a folder of its name. */
        gboolean is_file = (!strcmp(path, "-")
                            || (g_file_test(path, G_FILE_TEST_EXISTS)
                                && !g_file_test(path, G_FILE_TEST_IS_DIR)));

        if (is_file && !(*text = read_file(path))) {
            return -1;
        }
        argv[argc++] = (char *) (is_file ? "xml" : "domain");
        argv[argc++] = is_file ? *text : (char *) path;
    } else if (arguments->argument) {
        argv[argc++] = (char *) arguments->argument;
    }
    if (arguments->network) {
        argv[argc++] = (char *) arguments->network;
    }
    return argc;
}

/* Asks the agent.  Returns its answer, or NULL after having said why there is
 * none; the caller frees it with free(). */
static char *
ask(const struct arguments *arguments)
{
    g_autofree char *text = NULL;
    char *argv[3];
    char *reply;
    int argc = make_question(arguments, argv, &text);
    int error;
    bool ok;

    if (argc < 0) {
        return NULL;
    }
    error = pf_control_transact(pf_control_socket(), arguments->command->name,
                                argc, argv, ANSWER_MS, &ok, &reply);
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
    if (!status && pf_show_is_refused(root)) {
        status = STATUS_FAILED;
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
    g_autofree char *network = NULL;
    gboolean version = FALSE;
    gboolean last = FALSE;
    const GOptionEntry entries[] = {
        { "format", 'f', 0, G_OPTION_ARG_STRING, &format,
          "How to print the answer", "table|json" },
        { "last", 'l', 0, G_OPTION_ARG_NONE, &last,
          "trace: the newest migration", NULL },
        { "network", 'n', 0, G_OPTION_ARG_STRING, &network,
          "check: as if its NICs were on this network", "NAME" },
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
    arguments.network = network;
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
