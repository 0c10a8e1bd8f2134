/* SPDX-License-Identifier: Apache-2.0
 *
 * fake-agent: a socket that answers like portferryd, for the programs that
 * talk to one.
 *
 * It runs in the test's own process, in a temporary run-time folder that
 * PORTFERRY_RUNDIR names.
 */
#ifndef FAKE_AGENT_H
#define FAKE_AGENT_H 1

#include <glib.h>

/* What it does with a question. */
typedef enum {
    FAKE_AGENT_ACCEPTS,
    FAKE_AGENT_REFUSES,
    FAKE_AGENT_SILENT,          /* Never answers. */
    FAKE_AGENT_ABSENT,          /* There is no socket. */
} FakeAgentMood;

/* Each makes the folder and the socket anew, and forgets what was asked. */
void fake_agent_start(FakeAgentMood, const char *reply);
/* Removes them. */
void fake_agent_stop(void);

/* The run-time folder. */
const char *fake_agent_dir(void);
/* The questions so far: char **, the command first. */
GPtrArray *fake_agent_questions(void);

/* A program that talks to the agent. */
typedef struct {
    int status;                 /* Exit status; -N: killed by signal N. */
    char *out;
    char *err;
    gsize n_read;               /* Bytes of its stdin that it has read. */
} FakeAgentRun;
void fake_agent_run_clear(FakeAgentRun *);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(FakeAgentRun, fake_agent_run_clear)

/* Starts 'argv' with 'input' on stdin; NULL: a stdin that nobody writes to and
 * nobody closes.  'stdout_fd' replaces its stdout, -1: it is kept for
 * 'out'. */
typedef struct FakeAgentChild FakeAgentChild;
FakeAgentChild *fake_agent_spawn(const char *const argv[], const char *input,
                                 int stdout_fd);
/* Answers until the program has ended; frees the child. */
FakeAgentRun fake_agent_finish(FakeAgentChild *);

/* Both. */
FakeAgentRun fake_agent_run(const char *const argv[], const char *input);

/* Where the build has put the program PATH; the caller frees it. */
char *fake_agent_program(const char *path);

#endif
