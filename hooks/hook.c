/* SPDX-License-Identifier: Apache-2.0
 *
 * hook: what libvirtd executes.  Asks the agent and returns its verdict.
 *
 * One source, two executables: HOOK_DRIVER is "qemu" or "network".  libvirtd
 * runs `HOOK OBJECT OPERATION SUB-OPERATION EXTRA' with XML on stdin, holds
 * the guest or the network meanwhile, and takes a non-zero exit for a refusal.
 * So what matters here is what must *not* happen: a guest that has nothing to
 * do with Portferry, or that is running, must never notice it.
 *
 *   - Only `migrate', and `prepare', `start' and `port-created' of a guest
 *     that is migrating in, may fail.  Everything else exits 0 whatever
 *     happens: libvirtd kills a running guest whose `reconnect' hook fails.
 *   - Nothing waits for ever: reading, asking and answering have deadlines.
 *   - Nothing is executed, nothing is written but stdout and stderr, nothing
 *     is parsed: the XML goes to the agent as it came.  It contains secrets,
 *     so it is never logged.
 */
#include <config.h>

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control.h"
#include "marker.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/vlog.h"
#include "timeval.h"
#include "util.h"

/* Largest XML that is passed on. */
#define MAX_XML (4 * 1024 * 1024)

/* How long a call may take that waits for the agent's verdict, because the
 * guest is known to be Portferry's, and how long any other. */
#define VERDICT_MS (10 * 1000)
#define NOTICE_MS (2 * 1000)

/* When a call may fail. */
enum may_fail {
    NEVER,
    ALWAYS,                     /* `migrate': the guest runs elsewhere. */
    MIGRATING_IN,               /* If the guest is. */
};

/* The calls that the agent hears of. */
static const struct call {
    const char *driver;
    const char *op;
    const char *subop;
    enum may_fail may_fail;
} calls[] = {
    { "qemu", "migrate", "begin", ALWAYS },
    { "qemu", "prepare", "begin", MIGRATING_IN },
    { "qemu", "start", "begin", MIGRATING_IN },
    { "qemu", "started", "begin", NEVER },
    { "qemu", "stopped", "end", NEVER },
    { "qemu", "release", "end", NEVER },
    { "qemu", "reconnect", "begin", NEVER },
    { "network", "port-created", "begin", MIGRATING_IN },
    { "network", "port-deleted", "begin", NEVER },
};

/* One execution. */
struct hook {
    const struct call *call;
    const char *object;         /* Name of the guest or the network. */
    const char *extra;
    long long int started;      /* In time_msec() units. */
    bool migrating_in;          /* See look_for_marker(). */
    bool stamped;               /* The XML contains Portferry's stamp. */
    struct ds xml;              /* Once read, its 'string' is not NULL. */
    const char *unread;         /* Why 'xml' is not whole, or NULL. */
};

/* The call that 'argv' makes, or NULL if it is of no interest. */
static const struct call *
find_call(char *argv[])
{
    for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
        const struct call *call = &calls[i];

        if (!strcmp(call->driver, HOOK_DRIVER) && !strcmp(call->op, argv[2])
            && !strcmp(call->subop, argv[3])) {
            return call;
        }
    }
    return NULL;
}

static bool
is_qemu(void)
{
    return !strcmp(HOOK_DRIVER, "qemu");
}

/* Prints 's' to stderr as one line; libvirtd puts it into its own error. */
static void
complain(const char *s)
{
    struct ds line = DS_EMPTY_INITIALIZER;

    for (; *s; s++) {
        unsigned char c = *s;

        ds_put_char(&line, c < ' ' || c == 0x7f ? ' ' : c);
    }
    ds_chomp(&line, ' ');
    fprintf(stderr, "portferry: %s\n", ds_cstr(&line));
    ds_destroy(&line);
}

/* The agent keeps a marker for each guest that is migrating in.  A network's
 * call does not say whose port it is about: there, any marker counts, and
 * means only that the agent's answer is waited for. */
static void
look_for_marker(struct hook *hook)
{
    if (hook->call->may_fail != ALWAYS) {
        hook->migrating_in = (is_qemu() ? pf_marker_exists(hook->object)
                              : pf_marker_exists_any());
    }
}

/* Whether this call may fail, as far as is known here. */
static bool
may_fail(const struct hook *hook)
{
    return hook->call->may_fail == ALWAYS
           || (hook->call->may_fail == MIGRATING_IN && hook->migrating_in);
}

/* Whether this call may fail, and is known to be about a guest of Portferry's:
 * then nothing but the agent's verdict lets it pass. */
static bool
needs_verdict(const struct hook *hook)
{
    return may_fail(hook) && (hook->stamped || hook->migrating_in);
}

/* Reads stdin up to its end, MAX_XML or 'deadline' into 'hook->xml'.  A
 * stdin that is closed or that ends early is what it is: not an error. */
static void
read_xml(struct hook *hook, long long int deadline)
{
    static char buffer[65536];

    for (;;) {
        struct pollfd pfd = { .fd = STDIN_FILENO, .events = POLLIN };
        long long int left = deadline - time_msec();
        int n_ready = poll(&pfd, 1, left > 0 ? left : 0);

        if (n_ready < 0 && errno == EINTR) {
            continue;
        } else if (n_ready <= 0) {
            hook->unread = "libvirt did not finish writing it in time";
            return;
        }

        ssize_t n = read(STDIN_FILENO, buffer, sizeof buffer);
        if (n < 0 && (errno == EINTR || errno == EAGAIN)) {
            continue;
        } else if (n <= 0) {
            return;
        } else if (hook->xml.length + n > MAX_XML) {
            hook->unread = "it is larger than the limit of 4 MiB";
            return;
        } else if (memchr(buffer, '\0', n)) {
            hook->unread = "it contains a NUL byte";
            return;
        }
        ds_put_buffer(&hook->xml, buffer, n);
    }
}

/* Whether the agent has to hear of the guest whose XML this is.
 *
 * A search for a substring is exact enough, in both directions.  stdin is
 * libvirt's own serialisation of a domain that it has parsed, never a person's
 * text, and libvirt writes a NIC on a network as "<source network='NAME'" and
 * in no other way; the interface's type does not tell, because the XML of a
 * running guest shows what the network has turned it into ("bridge").  So no
 * such guest is overlooked.  And in text or an attribute a '<' is "&lt;", so
 * the string can stand elsewhere only within <metadata> (a comment there,
 * say): then the agent is asked about a guest that it does not know, and says
 * so.
 *
 * The stamp's namespace cannot be written otherwise either: an XML namespace
 * is compared byte by byte.  Only <metadata> keeps it; elsewhere (a <title>)
 * it makes the guest one that claims to be stamped, and such a guest is not
 * let through unasked. */
static bool
concerns_portferry(const struct hook *hook)
{
    return (!is_qemu()
            || hook->stamped
            || hook->migrating_in
            || strstr(hook->xml.string, "<source network=") != NULL);
}

/* What happens when the agent cannot be asked, or has not answered: 'error' is
 * an errno value.  Returns the exit status. */
static int
without_agent(const struct hook *hook, int error)
{
    char host[HOST_NAME_MAX + 1] = "this host";
    char *text;

    if (!is_qemu() || !needs_verdict(hook)) {
        /* A network's port that is a migrating guest's is let through as
         * well: the guest's own `start' follows, and refuses. */
        return EXIT_SUCCESS;
    }
    gethostname(host, sizeof host - 1);
    text = xasprintf(
        "host %s: the agent portferryd does not answer at %s (%s), so guest "
        "'%s', which %s, is refused at '%s': start portferryd on %s and "
        "migrate again", host, pf_control_socket(),
        error == ETIMEDOUT ? "deadline passed" : ovs_strerror(error),
        hook->object, (hook->migrating_in ? "is migrating in"
                       : "carries a stamp of Portferry"),
        hook->call->op, host);
    complain(text);
    free(text);
    return EXIT_FAILURE;
}

/* Whether the agent's refusal is passed on.  Whose port a network's call is
 * about is known to the agent alone. */
static bool
refusal_counts(const struct hook *hook)
{
    return is_qemu() ? may_fail(hook) : hook->call->may_fail == MIGRATING_IN;
}

/* Gives libvirt the filtered XML. */
static int
print_xml(const char *xml)
{
    size_t length = strlen(xml);

    if (strspn(xml, " \r\n\t") == length) {
        return EXIT_SUCCESS;    /* Unchanged. */
    }
    alarm(NOTICE_MS / 1000);    /* To be killed is to refuse: right here. */
    if (fwrite(xml, 1, length, stdout) != length || fflush(stdout)) {
        complain("libvirt did not read the changed domain XML to its end: "
                 "migrate again");
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}

/* Whether the agent's answer is waited for.  For any `migrate' it is: it may
 * be a refusal, and libvirt needs the filtered XML. */
static bool
is_worth_waiting(const struct hook *hook)
{
    return needs_verdict(hook) || hook->call->may_fail == ALWAYS;
}

/* Asks the agent.  Returns the exit status. */
static int
ask(const struct hook *hook)
{
    long long int left = (hook->started - time_msec()
                          + (is_worth_waiting(hook) ? VERDICT_MS
                             : NOTICE_MS));
    char *argv[] = {
        CONST_CAST(char *, HOOK_DRIVER), CONST_CAST(char *, hook->object),
        CONST_CAST(char *, hook->call->op),
        CONST_CAST(char *, hook->call->subop),
        CONST_CAST(char *, hook->extra),
        CONST_CAST(char *, hook->xml.string),
    };
    int status = EXIT_SUCCESS;
    char *reply;
    bool ok;
    int error;

    error = pf_control_transact(pf_control_socket(), "hook",
                                ARRAY_SIZE(argv), argv, left > 0 ? left : 0,
                                &ok, &reply);
    if (error) {
        return without_agent(hook, error);
    } else if (!ok) {
        complain(reply);
        status = refusal_counts(hook) ? EXIT_FAILURE : EXIT_SUCCESS;
    } else if (hook->call->may_fail == ALWAYS) {
        status = print_xml(reply);
    }
    free(reply);
    return status;
}

/* What happens when the XML could not be read whole. */
static int
without_xml(const struct hook *hook)
{
    char *text = xasprintf("the XML of '%s' at '%s' could not be read: %s",
                           hook->object, hook->call->op, hook->unread);

    complain(text);
    free(text);
    return is_qemu() && may_fail(hook) ? EXIT_FAILURE : EXIT_SUCCESS;
}

int
main(int argc, char *argv[])
{
    struct hook hook = { .xml = DS_EMPTY_INITIALIZER };
    int status;

    if (argc < 4 || !(hook.call = find_call(argv))) {
        return EXIT_SUCCESS;
    }

    signal(SIGPIPE, SIG_IGN);
    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_OFF);
    hook.started = time_msec();
    hook.object = argv[1];
    hook.extra = argc > 4 ? argv[4] : "-";
    look_for_marker(&hook);

    read_xml(&hook, hook.started + (may_fail(&hook) ? VERDICT_MS : NOTICE_MS));
    ds_cstr(&hook.xml);
    hook.stamped = strstr(hook.xml.string, "urn:portferry:domain:1.0") != NULL;
    status = (hook.unread ? without_xml(&hook)
              : concerns_portferry(&hook) ? ask(&hook) : EXIT_SUCCESS);
    ds_destroy(&hook.xml);
    return status;
}
