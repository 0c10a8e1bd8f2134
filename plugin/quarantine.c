/* SPDX-License-Identifier: Apache-2.0
 *
 * quarantine: ports whose gate stays closed until somebody opens it.
 */
#include <config.h>

#include "plugin/quarantine.h"

#include "openvswitch/vlog.h"
#include "plugin/agent-private.h"
#include "plugin/call.h"
#include "plugin/extension.h"
#include "plugin/gate.h"
#include "plugin/migration.h"

VLOG_DEFINE_THIS_MODULE(pf_quarantine);

void
pf_quarantine_mark(PfAgent *agent, const char *name)
{
    PfChange *change = pf_change_new(FALSE);

    pf_change_port_key(change, name, PF_KEY_GATE, "closed");
    pf_switch_submit(agent->sw, change, PF_REQUEST_TIMEOUT_MS, NULL, NULL);
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
told(gpointer extension_, const PfCallResult *result)
{
    const PfExtension *extension = extension_;

    if (result->error) {
        VLOG_WARN("%s: %s", extension->name, result->error->message);
    }
}

/* The extensions are told of 'nic', whose port is 'port'. */
static void
tell_nic(PfAgent *agent, const PfGuest *guest, const PfNic *nic,
         const PfPort *port)
{
    PfExtensionPort ep = pf_guests_extension_port(guest, nic, port);

    for (const PfExtension *const *e = pf_extensions(); *e; e++) {
        PfCallSpec spec = {
            .extension = *e,
            .func = PF_CALL_GUEST_RUNS,
            .port = &ep,
            .network = pf_agent_network(agent, nic->network),
            .reason = PF_GUEST_RELEASED,
            .timeout_ms = PF_REQUEST_TIMEOUT_MS,
        };

        if (pf_call_exists(*e, PF_CALL_GUEST_RUNS)) {
            pf_call_begin(&spec, told, (gpointer) *e);
        }
    }
}

/* Tells the extensions, if there is a guest that runs on 'port'. */
static void
tell(PfAgent *agent, const PfPort *port)
{
    g_autoptr(GPtrArray) guests = pf_guests_list(agent->guests);

    for (guint i = 0; i < guests->len; i++) {
        const PfGuest *guest = guests->pdata[i];

        if (guest->state != PF_GUEST_RUNNING) {
            continue;
        }
        for (guint k = 0; k < guest->domain->nics->len; k++) {
            const PfNic *nic = guest->domain->nics->pdata[k];

            if (!g_strcmp0(nic->target, port->name)
                && pf_guests_nic_is_managed(agent, nic)) {
                tell_nic(agent, guest, nic, port);
            }
        }
    }
}

static void
opened(gpointer release_, const GError *error)
{
    Release *release = release_;
    g_autoptr(PfPort) port = pf_switch_port(release->agent->sw,
                                            release->name);

    if (!error && port) {
        VLOG_INFO("port '%s' is released from quarantine", release->name);
        tell(release->agent, port);
    }
    release_end(release, error);
}

/* Only now: as long as the mark was there, an agent that had just begun may
 * have closed the gate again. */
static void
unmarked(gpointer release_, const GError *error)
{
    Release *release = release_;
    PfAgent *agent = release->agent;
    g_autoptr(PfPort) port = pf_switch_port(agent->sw, release->name);

    if (error) {
        release_end(release, error);
    } else if (!port) {
        g_autoptr(GError) gone = g_error_new(
            PF_SWITCH_ERROR, PF_SWITCH_ERROR_NOT_FOUND,
            "port '%s' is not on this host any more", release->name);

        release_end(release, gone);
    } else {
        pf_gates_set(agent->gates, port->bridge, port->name, port->ofport,
                     port->mac_in_use, FALSE, PF_REQUEST_TIMEOUT_MS, opened,
                     release);
    }
}

void
pf_quarantine_release(PfAgent *agent, const char *name, PfChangeDone done,
                      gpointer user)
{
    g_autoptr(PfPort) port = pf_switch_port(agent->sw, name);
    g_autoptr(GError) error = NULL;

    if (!port) {
        g_set_error(&error, PF_SWITCH_ERROR, PF_SWITCH_ERROR_NOT_FOUND,
                    "no port '%s' on this host", name);
    } else if (!port->quarantined) {
        g_set_error(&error, PF_SWITCH_ERROR, PF_SWITCH_ERROR_PORT,
                    "port '%s' is not quarantined", name);
    }
    if (error) {
        done(user, error);
        return;
    }

    PfChange *change = pf_change_new(FALSE);
    Release *release = g_new0(Release, 1);

    release->agent = agent;
    release->name = g_strdup(name);
    release->done = done;
    release->user = user;
    pf_change_port_key(change, name, PF_KEY_GATE, NULL);
    pf_switch_submit(agent->sw, change, PF_REQUEST_TIMEOUT_MS, unmarked,
                     release);
}
