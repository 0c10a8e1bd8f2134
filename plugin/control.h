/* SPDX-License-Identifier: Apache-2.0
 *
 * control: asking a daemon's unixctl socket a question, with a deadline.
 *
 * Used by the hooks and the command to talk to the agent, and by the journal
 * to talk to ovsdb-server.  unixctl_client_transact() waits for ever; this
 * does not.
 */
#ifndef PF_CONTROL_H
#define PF_CONTROL_H 1

#include <stdbool.h>

struct pf_control;

/* Starts to send 'command' with 'args' to the socket 'path'.  Never blocks.
 * 'deadline' is in time_msec() units. */
struct pf_control *pf_control_start(const char *path, const char *command,
                                    int argc, char *argv[],
                                    long long int deadline);

/* Makes progress.  Returns true when it is over: then exactly one of these
 * holds: '*error' is 0 and '*ok' says whether the daemon accepted, with its
 * text in '*reply'; or '*error' is a positive errno value (ECONNREFUSED or
 * ENOENT: nobody there; ETIMEDOUT: deadline passed) and '*reply' is NULL.
 * The caller frees '*reply' with free(). */
bool pf_control_run(struct pf_control *, int *error, bool *ok, char **reply);
void pf_control_wait(struct pf_control *);
void pf_control_destroy(struct pf_control *);

/* The three above until it is over: for programs without a loop. */
int pf_control_transact(const char *path, const char *command, int argc,
                        char *argv[], unsigned int timeout_ms, bool *ok,
                        char **reply);

/* Where the agent listens: "RUNDIR/portferryd.ctl", with RUNDIR from the
 * environment variable PORTFERRY_RUNDIR or else the compiled-in
 * "RUNSTATEDIR/portferry". The string is static. */
const char *pf_control_rundir(void);
const char *pf_control_socket(void);

#endif
