/* SPDX-License-Identifier: Apache-2.0
 *
 * control: asking a daemon's unixctl socket a question, with a deadline.
 *
 * The protocol is unixctl's: one JSON-RPC request, whose method is the command
 * and whose parameters are strings, and one reply that is a string.  This file
 * does not know what is asked, and it logs neither questions nor answers: a
 * hook's question holds a domain's secrets.
 */
#include <config.h>

#include "control.h"

#include <errno.h>
#include <stdlib.h>

#include "jsonrpc.h"
#include "openvswitch/json.h"
#include "openvswitch/poll-loop.h"
#include "stream.h"
#include "timeval.h"
#include "util.h"

/* How long to wait before another attempt when the daemon's queue of
 * connections is full. */
#define BUSY_RETRY_MS 10

struct pf_control {
    char *name;                 /* "unix:PATH". */
    struct jsonrpc_msg *request; /* NULL once handed to 'rpc'. */
    struct jsonrpc *rpc;        /* NULL: not connected yet. */
    long long int deadline;
    long long int retry_at;     /* While the daemon's queue is full. */
};

/* The outcome of a question. */
struct answer {
    int error;
    bool ok;
    char *text;
};

struct pf_control *
pf_control_start(const char *path, const char *command, int argc,
                 char *argv[], long long int deadline)
{
    struct json *params = json_array_create_empty();
    struct pf_control *control = xzalloc(sizeof *control);

    for (int i = 0; i < argc; i++) {
        json_array_add(params, json_string_create(argv[i]));
    }
    control->name = xasprintf("unix:%s", path);
    control->request = jsonrpc_create_request(command, params, NULL);
    control->deadline = deadline;
    return control;
}

/* Opens the connection and hands the request to it.  Returns 0 when that is
 * done, EAGAIN when the daemon's queue is full, or another errno value. */
static int
connect_and_send(struct pf_control *control)
{
    struct stream *stream;
    int error;

    error = stream_open(control->name, &stream, DSCP_DEFAULT);
    if (error == EPROTO || error == EAGAIN) {
        /* EPROTO is what OVS makes of a connect() that would block. */
        control->retry_at = time_msec() + BUSY_RETRY_MS;
        return EAGAIN;
    } else if (error) {
        return error;
    }

    control->rpc = jsonrpc_open(stream);
    error = jsonrpc_send(control->rpc, control->request);
    control->request = NULL;
    return error;
}

/* Turns the daemon's reply into 'answer'.  Returns false if 'msg' is not a
 * reply. */
static bool
parse_reply(const struct jsonrpc_msg *msg, struct answer *answer)
{
    const struct json *text;

    if (msg->type != JSONRPC_REPLY && msg->type != JSONRPC_ERROR) {
        return false;
    }

    answer->ok = msg->type == JSONRPC_REPLY;
    text = answer->ok ? msg->result : msg->error;
    if (text && text->type == JSON_STRING) {
        answer->text = xstrdup(json_string(text));
    } else {
        answer->error = EPROTO;
    }
    return true;
}

/* Receives as far as possible.  Returns true when it is over. */
static bool
receive(struct pf_control *control, struct answer *answer)
{
    jsonrpc_run(control->rpc);
    for (;;) {
        struct jsonrpc_msg *msg;
        int error = jsonrpc_recv(control->rpc, &msg);

        if (error == EAGAIN) {
            return false;
        } else if (error) {
            answer->error = error == EOF ? ECONNRESET : error;
            return true;
        }

        bool over = parse_reply(msg, answer);
        jsonrpc_msg_destroy(msg);
        if (over) {
            return true;
        }
    }
}

/* Makes progress with 'control'.  Returns true when it is over. */
static bool
advance(struct pf_control *control, struct answer *answer)
{
    if (!control->rpc && time_msec() >= control->retry_at) {
        int error = connect_and_send(control);

        if (error && error != EAGAIN) {
            answer->error = error == EOF ? ECONNRESET : error;
            return true;
        }
    }
    if (control->rpc && receive(control, answer)) {
        return true;
    }
    if (time_msec() >= control->deadline) {
        answer->error = ETIMEDOUT;
        return true;
    }
    return false;
}

bool
pf_control_run(struct pf_control *control, int *error, bool *ok, char **reply)
{
    struct answer answer = { .error = 0 };
    bool over = advance(control, &answer);

    *error = answer.error;
    *ok = answer.ok && !answer.error;
    *reply = answer.text;
    return over;
}

void
pf_control_wait(struct pf_control *control)
{
    if (control->rpc) {
        jsonrpc_wait(control->rpc);
        jsonrpc_recv_wait(control->rpc);
    } else {
        poll_timer_wait_until(control->retry_at);
    }
    poll_timer_wait_until(control->deadline);
}

void
pf_control_destroy(struct pf_control *control)
{
    if (control) {
        jsonrpc_close(control->rpc);
        jsonrpc_msg_destroy(control->request);
        free(control->name);
        free(control);
    }
}

int
pf_control_transact(const char *path, const char *command, int argc,
                    char *argv[], unsigned int timeout_ms, bool *ok,
                    char **reply)
{
    struct pf_control *control;
    int error;

    control = pf_control_start(path, command, argc, argv,
                               time_msec() + timeout_ms);
    while (!pf_control_run(control, &error, ok, reply)) {
        pf_control_wait(control);
        poll_block();
    }
    pf_control_destroy(control);
    return error;
}

const char *
pf_control_rundir(void)
{
    const char *rundir = getenv("PORTFERRY_RUNDIR");

    return rundir && rundir[0] ? rundir : RUNSTATEDIR "/portferry";
}

const char *
pf_control_socket(void)
{
    static char *path;

    free(path);
    path = xasprintf("%s/portferryd.ctl", pf_control_rundir());
    return path;
}
