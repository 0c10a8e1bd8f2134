/* SPDX-License-Identifier: Apache-2.0
 *
 * quarantine: ports whose gate stays closed until somebody opens it.
 */
#include <config.h>

#include "plugin/quarantine.h"

#include <string.h>

#include "openvswitch/vlog.h"
#include "plugin/agent-private.h"
#include "plugin/gate.h"
#include "plugin/migration.h"
#include "plugin/tell.h"

VLOG_DEFINE_THIS_MODULE(pf_quarantine);

/* The data of 'done' functions: a port's name, for messages. */
static void
marked(gpointer name, const GError *error)
{
    if (error) {
        VLOG_ERR("port '%s' is quarantined, but that is not written down: %s",
                 (char *) name, error->message);
    }
    g_free(name);
}

void
pf_quarantine_mark(PfAgent *agent, const char *name)
{
    PfChange *change = pf_change_new(FALSE);

    pf_change_port_key(change, name, PF_KEY_GATE, "closed");
    pf_switch_submit(agent->sw, change, PF_REQUEST_TIMEOUT_MS, marked,
                     g_strdup(name));
}

/* ---- Release ------------------------------------------------------------ */

typedef struct {
    PfAgent *agent;
    char *name;
    PfChangeDone done;
    gpointer user;
} Release;

static void
release_end(Release *release, const GError *error)
{
    release->done(release->user, error);
    g_free(release->name);
    g_free(release);
}

static void
unmarked(gpointer release_, const GError *error)
{
    Release *release = release_;
    g_autoptr(GError) half = NULL;

    if (error) {
        half = g_error_new(error->domain, error->code, "the gate of port '%s' "
                           "is open, but an agent that restarts will close it "
                           "again (%s): repeat this", release->name,
                           error->message);
    } else {
        VLOG_INFO("port '%s' is released from quarantine", release->name);
        pf_tell_later(release->agent, release->name, PF_GUEST_RELEASED);
    }
    release_end(release, half);
}

/* The mark goes last: an agent that is killed meanwhile leaves a port that can
 * be released. */
static void
opened(gpointer release_, const GError *error)
{
    Release *release = release_;
    PfAgent *agent = release->agent;
    g_autoptr(PfPort) port = pf_switch_port(agent->sw, release->name);
    PfChange *change;

    if (error) {
        /* The wish that it be open would be carried out later. */
        if (port && !g_error_matches(error, PF_GATE_ERROR,
                                     PF_GATE_ERROR_NO_PORT)) {
            pf_agent_set_gate(agent, port->bridge, release->name, port, TRUE,
                              PF_REQUEST_TIMEOUT_MS, NULL, NULL);
        }
        release_end(release, error);
        return;
    }
    change = pf_change_new(FALSE);
    pf_change_port_key(change, release->name, PF_KEY_GATE, NULL);
    pf_switch_submit(agent->sw, change, PF_REQUEST_TIMEOUT_MS, unmarked,
                     release);
}

/* Returns FALSE if 'port', the port 'name' or NULL, cannot be released. */
static gboolean
may_release(PfAgent *agent, const PfPort *port, const char *name,
            GError **error)
{
    if (!agent->recovered) {
        /* What closes gates after a restart is still to come. */
        g_set_error(error, PF_SWITCH_ERROR, PF_SWITCH_ERROR_CONFLICT,
                    "portferryd has just begun and does not know the journal "
                    "and the switch yet: try again");
    } else if (!port) {
        g_set_error(error, PF_SWITCH_ERROR, PF_SWITCH_ERROR_NOT_FOUND,
                    "no port '%s' on this host", name);
    } else if (pf_agent_is_moving(agent, name)) {
        g_set_error(error, PF_SWITCH_ERROR, PF_SWITCH_ERROR_CONFLICT,
                    "port '%s': a migration of its guest is under way: "
                    "release it when that is over", name);
    } else if (!port->quarantined
               && !pf_gates_is_closed(agent->gates, port->bridge, name)) {
        g_set_error(error, PF_SWITCH_ERROR, PF_SWITCH_ERROR_PORT,
                    "port '%s' is not quarantined", name);
    } else {
        return TRUE;
    }
    return FALSE;
}

void
pf_quarantine_release(PfAgent *agent, const char *name, PfChangeDone done,
                      gpointer user)
{
    g_autoptr(PfPort) port = pf_switch_port(agent->sw, name);
    g_autoptr(GError) error = NULL;
    Release *release;

    if (!may_release(agent, port, name, &error)) {
        done(user, error);
        return;
    }
    release = g_new0(Release, 1);
    release->agent = agent;
    release->name = g_strdup(name);
    release->done = done;
    release->user = user;
    pf_agent_set_gate(agent, port->bridge, name, port, FALSE,
                      PF_REQUEST_TIMEOUT_MS, opened, release);
}
