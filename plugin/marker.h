/* SPDX-License-Identifier: Apache-2.0
 *
 * marker: which guests are migrating in, for a hook that finds no agent.
 *
 * The agent makes the file RUNDIR/incoming/NAME when it has accepted the
 * `migrate` call of the guest NAME, and removes it when that migration has
 * ended.  A hook looks whether it is there: a guest that is migrating in is
 * refused when the agent does not answer, any other guest is let through.  A
 * marker says nothing else; the journal does.
 *
 * No GLib here: the hooks use it.
 */
#ifndef PF_MARKER_H
#define PF_MARKER_H 1

#include <stdbool.h>

/* The marker's file for the domain 'name'; the caller frees it with free(). */
char *pf_marker_path(const char *name);

/* Makes the marker of 'name', and the folder for it.  Idempotent.  Returns 0
 * or a positive errno value. */
int pf_marker_set(const char *name);

/* Removes the marker of 'name', or all of them.  Idempotent.  Return 0 or a
 * positive errno value. */
int pf_marker_clear(const char *name);
int pf_marker_clear_all(void);

/* Whether 'name' has a marker, and whether anybody has one.  A marker is asked
 * for within seconds after it was made; one of over ten minutes is what an
 * agent that was killed has left, and does not count for a guest's start. */
bool pf_marker_exists(const char *name);
bool pf_marker_exists_any(void);

#endif
