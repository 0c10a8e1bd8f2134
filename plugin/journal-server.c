/* SPDX-License-Identifier: Apache-2.0
 *
 * journal-server: has ovsdb-server serve the journal's database.
 */
#include <config.h>

#include "journal-server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control.h"
#include "dirs.h"
#include "journal-file.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(pf_journal_server);

/* Between attempts: the first pause, doubled up to the last. */
#define BACKOFF_MIN_MS 250
#define BACKOFF_MAX_MS 4000

/* How long ovsdb-server may take to answer. */
#define ANSWER_MS 5000

struct PfJournalServer {
    char *ctl;                  /* NULL: look for it. */
    char *file;                 /* Absolute: ovsdb-server's folder differs. */
    struct pf_control *question; /* Under way, or NULL. */
    char *asked;                /* Socket that 'question' goes to. */
    gboolean drop;              /* First it is to be dropped... */
    gboolean dropping;          /* ...and 'question' asks for that. */
    long long int next;         /* Time of the next attempt. */
    int backoff;                /* Pause after the next attempt. */
    char *error;
};

PfJournalServer *
pf_journal_server_new(const char *ctl, const char *file)
{
    PfJournalServer *server = g_new0(PfJournalServer, 1);

    server->ctl = g_strdup(ctl);
    server->file = g_canonicalize_filename(file, NULL);
    server->backoff = BACKOFF_MIN_MS;
    return server;
}

void
pf_journal_server_free(PfJournalServer *server)
{
    if (server) {
        pf_control_destroy(server->question);
        g_free(server->ctl);
        g_free(server->file);
        g_free(server->asked);
        g_free(server->error);
        g_free(server);
    }
}

/* Remembers 'text', which is taken, as the reason for a failure. */
static PfServed
fail(PfJournalServer *server, char *text)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(6, 6);

    if (g_strcmp0(text, server->error)) {
        VLOG_WARN_RL(&rl, "%s", text);
    }
    g_free(server->error);
    server->error = text;
    return PF_SERVED_FAILED;
}

/* ovsdb-server's unixctl socket, or NULL with '*problem' set.  The caller
 * frees either. */
static char *
find_ctl(const PfJournalServer *server, char **problem)
{
    g_autofree char *pidfile = NULL;
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;

    if (server->ctl) {
        return g_strdup(server->ctl);
    }

    pidfile = g_build_filename(ovs_rundir(), "ovsdb-server.pid", NULL);
    if (!g_file_get_contents(pidfile, &text, NULL, &error)) {
        *problem = g_strdup_printf("the journal is not served: ovsdb-server's "
                                   "pid file cannot be read: %s: start Open "
                                   "vSwitch", error->message);
        return NULL;
    }
    return g_strdup_printf("%s/ovsdb-server.%ld.ctl", ovs_rundir(),
                           strtol(text, NULL, 10));
}

/* Makes the file and sends the question.  Returns PF_SERVED_FAILED or
 * PF_SERVED_UNKNOWN. */
static PfServed
begin(PfJournalServer *server)
{
    static char name[] = "Portferry";
    g_autoptr(GError) error = NULL;
    char *argv[1];
    char *problem = NULL;

    server->next = time_msec() + server->backoff;
    server->backoff = MIN(2 * server->backoff, BACKOFF_MAX_MS);

    g_free(server->asked);
    server->asked = NULL;
    if (!pf_journal_file_create(server->file, &error)) {
        return fail(server, g_strdup(error->message));
    }
    server->asked = find_ctl(server, &problem);
    if (!server->asked) {
        return fail(server, problem);
    }
    server->dropping = server->drop;
    argv[0] = server->drop ? name : server->file;
    server->question = pf_control_start(
        server->asked,
        server->drop ? "ovsdb-server/remove-db" : "ovsdb-server/add-db", 1,
        argv, time_msec() + ANSWER_MS);
    return PF_SERVED_UNKNOWN;
}

/* What ovsdb-server's refusal 'reply' means. */
static PfServed
refused(PfJournalServer *server, const char *reply)
{
    g_autofree char *line = g_strdelimit(g_strdup(reply), "\r\n", ' ');

    if (strstr(line, "already open")) {
        return PF_SERVED_ALREADY;
    } else if (strstr(line, "duplicate database name")) {
        return fail(server, g_strdup_printf(
            "the journal's file %s is not served: ovsdb-server serves another "
            "file with a database Portferry: remove that one with `ovs-appctl "
            "-t ovsdb-server ovsdb-server/remove-db Portferry'",
            server->file));
    }
    return fail(server, g_strdup_printf(
        "the journal's file %s is not served: ovsdb-server refuses it (%s): "
        "if the file is damaged, move it away, and a new one is made",
        server->file, g_strstrip(line)));
}

/* Looks for the answer to the question. */
static PfServed
finish(PfJournalServer *server)
{
    g_autofree char *text = NULL;
    PfServed served;
    char *reply;
    int error;
    bool ok;

    if (!pf_control_run(server->question, &error, &ok, &reply)) {
        return PF_SERVED_UNKNOWN;
    }
    pf_control_destroy(server->question);
    server->question = NULL;

    if (error) {
        served = fail(server, g_strdup_printf(
            "the journal is not served: ovsdb-server does not answer at %s: "
            "%s", server->asked, (error == ETIMEDOUT ? "deadline passed"
                                  : ovs_strerror(error))));
    } else if (server->dropping) {
        /* A refusal says that there is none, which is as good. */
        server->drop = FALSE;
        server->next = 0;
        served = PF_SERVED_UNKNOWN;
    } else if (ok) {
        VLOG_INFO("ovsdb-server serves the journal's file %s", server->file);
        served = PF_SERVED_ADDED;
    } else {
        served = refused(server, reply);
    }
    if (served != PF_SERVED_FAILED) {
        g_clear_pointer(&server->error, g_free);
    }
    free(reply);
    return served;
}

PfServed
pf_journal_server_run(PfJournalServer *server, gboolean missed)
{
    if (!missed) {
        pf_control_destroy(server->question);
        server->question = NULL;
        server->drop = FALSE;
        server->next = 0;
        server->backoff = BACKOFF_MIN_MS;
        g_clear_pointer(&server->error, g_free);
        return PF_SERVED_UNKNOWN;
    }

    if (!server->question && time_msec() >= server->next
        && begin(server) == PF_SERVED_FAILED) {
        return PF_SERVED_FAILED;
    }
    return server->question ? finish(server) : PF_SERVED_UNKNOWN;
}

void
pf_journal_server_drop(PfJournalServer *server)
{
    server->drop = TRUE;
    server->next = 0;
}

void
pf_journal_server_wait(PfJournalServer *server, gboolean missed)
{
    if (server->question) {
        pf_control_wait(server->question);
    } else if (missed) {
        poll_timer_wait_until(server->next);
    }
}

const char *
pf_journal_server_error(const PfJournalServer *server)
{
    return server->error;
}
