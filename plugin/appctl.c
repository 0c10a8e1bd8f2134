/* SPDX-License-Identifier: Apache-2.0
 *
 * appctl: asks ovs-vswitchd on its control socket, as ovs-appctl does, without
 * waiting for the answer.
 *
 * Each question has a connection of its own: that is what the other side
 * expects, and an answer needs no number.  The process id in ovs-vswitchd's
 * pid file names its socket; as long as there is none, or nobody listens, the
 * question is asked again.
 */
#include <config.h>

#include "appctl.h"

#include <errno.h>
#include <stdlib.h>

#include <gio/gio.h>

#include "dirs.h"
#include "jsonrpc.h"
#include "openvswitch/json.h"
#include "openvswitch/poll-loop.h"
#include "socket-util.h"
#include "stream.h"
#include "timeval.h"
#include "util.h"

/* Time (ms) between attempts to connect. */
#define RETRY_MS 50

/* A question. */
struct question {
    char *command;
    struct json *params;        /* NULL: asked. */
    guint timeout_ms;
    long long int deadline;     /* time_msec() units. */
    PfLinesFunc *lines;
    gpointer user;

    struct jsonrpc *rpc;        /* NULL: not connected. */
    long long int next_try;     /* time_msec() units. */
    GError *problem;            /* Why there is no connection; may be NULL. */
    gboolean over;              /* Answered, to be freed. */
};

struct PfAppctl {
    char *rundir;
    GQueue questions;           /* struct question *. */
};

/* ---- Life cycle ------------------------------------------------------- */

/* Frees 'q_'. */
static void
question_free(gpointer q_)
{
    struct question *q = q_;

    jsonrpc_close(q->rpc);
    json_destroy(q->params);
    g_clear_error(&q->problem);
    g_free(q->command);
    g_free(q);
}

PfAppctl *
pf_appctl_new(const char *rundir)
{
    PfAppctl *appctl = g_new0(PfAppctl, 1);

    appctl->rundir = g_strdup(rundir ? rundir : ovs_rundir());
    g_queue_init(&appctl->questions);
    return appctl;
}

void
pf_appctl_free(PfAppctl *appctl)
{
    if (appctl) {
        g_queue_clear_full(&appctl->questions, question_free);
        g_free(appctl->rundir);
        g_free(appctl);
    }
}

void
pf_appctl_ask(PfAppctl *appctl, const char *command, const char *const *args,
              guint timeout_ms, PfLinesFunc *lines, gpointer user)
{
    struct question *q = g_new0(struct question, 1);

    q->command = g_strdup(command);
    q->params = json_array_create_empty();
    for (guint i = 0; args && args[i]; i++) {
        json_array_add(q->params, json_string_create(args[i]));
    }
    q->timeout_ms = timeout_ms;
    q->deadline = time_msec() + timeout_ms;
    q->lines = lines;
    q->user = user;
    g_queue_push_tail(&appctl->questions, q);
}

/* ---- The end of a question -------------------------------------------- */

/* Calls back with 'error'. */
static void
finish_error(struct question *q, GError *error)
{
    g_autoptr(GPtrArray) none = g_ptr_array_new();
    g_autoptr(GError) owned = error;

    q->over = TRUE;
    q->lines(q->user, none, TRUE, owned);
}

/* Calls back with what ovs-vswitchd has printed. */
static void
finish_text(struct question *q, const char *text)
{
    g_autoptr(GPtrArray) lines = g_ptr_array_new();
    g_auto(GStrv) parts = g_strsplit(text, "\n", -1);
    guint n = g_strv_length(parts);

    /* A line end at the end begins no line. */
    if (n && !*parts[n - 1]) {
        n--;
    }
    for (guint i = 0; i < n; i++) {
        g_ptr_array_add(lines, parts[i]);
    }
    q->over = TRUE;
    q->lines(q->user, lines, TRUE, NULL);
}

/* Calls back with what is in 'reply'. */
static void
finish_reply(struct question *q, const struct jsonrpc_msg *reply)
{
    if (reply->error) {
        g_autofree char *text = g_strdup(
            reply->error->type == JSON_STRING ? json_string(reply->error)
            : "an error without text");

        g_strstrip(g_strdelimit(text, "\r\n", ' '));
        finish_error(q, g_error_new(G_IO_ERROR, G_IO_ERROR_FAILED,
                                    "ovs-vswitchd: '%s': %s", q->command,
                                    text));
    } else if (reply->result && reply->result->type == JSON_STRING) {
        finish_text(q, json_string(reply->result));
    } else {
        finish_error(q, g_error_new(G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                                    "ovs-vswitchd: '%s': an answer without "
                                    "text", q->command));
    }
}

/* ---- Connections ------------------------------------------------------ */

/* Returns the path of ovs-vswitchd's socket, or NULL with '*error' set. */
static char *
socket_path(const PfAppctl *appctl, GError **error)
{
    g_autofree char *pidfile = g_strdup_printf("%s/ovs-vswitchd.pid",
                                               appctl->rundir);
    g_autofree char *text = NULL;
    guint64 pid;

    if (!g_file_get_contents(pidfile, &text, NULL, error)) {
        return NULL;
    }
    if (!g_ascii_string_to_unsigned(g_strstrip(text), 10, 1, G_MAXINT32, &pid,
                                    NULL)) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                    "%s: '%.20s' is no process id", pidfile, text);
        return NULL;
    }
    return g_strdup_printf("%s/ovs-vswitchd.%" G_GUINT64_FORMAT ".ctl",
                           appctl->rundir, pid);
}

/* Starts to connect. */
static void
question_open(const PfAppctl *appctl, struct question *q)
{
    struct stream *stream;
    int error;

    q->next_try = time_msec() + RETRY_MS;
    g_clear_error(&q->problem);

    g_autofree char *path = socket_path(appctl, &q->problem);
    g_autofree char *target = path ? g_strdup_printf("unix:%s", path) : NULL;

    if (!target) {
        return;
    }
    error = stream_open(target, &stream, DSCP_DEFAULT);
    if (error) {
        g_set_error(&q->problem, G_IO_ERROR, g_io_error_from_errno(error),
                    "%s: %s", path, ovs_strerror(error));
        return;
    }
    q->rpc = jsonrpc_open(stream);
}

/* Sends the question, for the first time on this connection. */
static void
question_send(struct question *q)
{
    if (q->params) {
        struct jsonrpc_msg *request = jsonrpc_create_request(q->command,
                                                             q->params, NULL);

        q->params = NULL;
        jsonrpc_send(q->rpc, request);
    }
}

/* The connection of 'q' has failed. */
static void
question_lost(struct question *q, int error)
{
    if (q->params) {
        /* Nothing was sent: tried again. */
        g_clear_error(&q->problem);
        q->problem = g_error_new(G_IO_ERROR, g_io_error_from_errno(error),
                                 "%s", ovs_retval_to_string(error));
        jsonrpc_close(q->rpc);
        q->rpc = NULL;
        return;
    }
    finish_error(q, g_error_new(G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED,
                                "ovs-vswitchd closed %s before it had "
                                "answered '%s'", jsonrpc_get_name(q->rpc),
                                q->command));
}

/* Does what is to be done for 'q'. */
static void
question_run(const PfAppctl *appctl, struct question *q)
{
    struct jsonrpc_msg *reply;
    int error;

    if (!q->rpc && time_msec() >= q->next_try) {
        question_open(appctl, q);
    }
    if (q->rpc) {
        question_send(q);
        jsonrpc_run(q->rpc);
        error = jsonrpc_recv(q->rpc, &reply);
        if (!error) {
            if (reply->type == JSONRPC_REPLY || reply->type == JSONRPC_ERROR) {
                finish_reply(q, reply);
            }
            jsonrpc_msg_destroy(reply);
        } else if (error != EAGAIN) {
            question_lost(q, error);
        }
    }
    if (!q->over && time_msec() >= q->deadline) {
        finish_error(q, g_error_new(
                         G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
                         "ovs-vswitchd (%s) did not answer '%s' within %u "
                         "ms%s%s", (q->rpc ? jsonrpc_get_name(q->rpc)
                                    : appctl->rundir),
                         q->command, q->timeout_ms, q->problem ? ": " : "",
                         q->problem ? q->problem->message : ""));
    }
}

/* ---- The loop --------------------------------------------------------- */

void
pf_appctl_run(PfAppctl *appctl)
{
    const GList *last = appctl->questions.tail;
    GList *next;

    /* What the callbacks ask is for the next run. */
    for (GList *l = appctl->questions.head; l; l = l->next) {
        question_run(appctl, l->data);
        if (l == last) {
            break;
        }
    }
    for (GList *l = appctl->questions.head; l; l = next) {
        next = l->next;
        if (((struct question *) l->data)->over) {
            question_free(l->data);
            g_queue_delete_link(&appctl->questions, l);
        }
    }
}

void
pf_appctl_wait(PfAppctl *appctl)
{
    for (const GList *l = appctl->questions.head; l; l = l->next) {
        const struct question *q = l->data;

        if (q->rpc) {
            jsonrpc_wait(q->rpc);
            jsonrpc_recv_wait(q->rpc);
        } else {
            poll_timer_wait_until(q->next_try);
        }
        poll_timer_wait_until(q->deadline);
    }
}
