/* SPDX-License-Identifier: Apache-2.0
 *
 * fault: points at which a test kills the agent.  See fault.h.
 */
#include <config.h>

#include "plugin/fault.h"

#ifdef PF_FAULT_POINTS

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Whether the file's first line asks for 'what' at 'state'; then that line is
 * gone. */
static gboolean
is_asked(const char *what, PfState state)
{
    const char *path = getenv("PORTFERRY_FAULTS");
    g_autofree char *wanted = g_strdup_printf(
        "%s %s/%s", what, pf_role_name(pf_state_role(state)),
        pf_state_name(state));
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;

    if (!path || !g_file_get_contents(path, &text, NULL, NULL)) {
        return FALSE;
    }
    lines = g_strsplit(g_strstrip(text), "\n", 2);
    if (!lines[0] || strcmp(g_strstrip(lines[0]), wanted)) {
        return FALSE;
    }
    return (lines[1] ? g_file_set_contents(path, lines[1], -1, NULL)
            : !unlink(path));
}

void
pf_fault_before(PfState state)
{
    if (is_asked("kill before", state)) {
        raise(SIGKILL);
    } else if (is_asked("stop before", state)) {
        raise(SIGSTOP);
    }
}

void
pf_fault_after(PfState state)
{
    if (is_asked("kill after", state)) {
        raise(SIGKILL);
    } else if (is_asked("stop after", state)) {
        raise(SIGSTOP);
    }
}

gboolean
pf_fault_fails(PfState state)
{
    return is_asked("fail in", state);
}

#endif
