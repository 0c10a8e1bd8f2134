/* SPDX-License-Identifier: Apache-2.0
 *
 * quarantine: ports whose gate stays closed until somebody opens it.
 */
#include <config.h>

#include "plugin/quarantine.h"

#include <string.h>

#include "openvswitch/vlog.h"
#include "plugin/agent-private.h"
#include "plugin/call.h"
#include "plugin/extension.h"
#include "plugin/gate.h"
#include "plugin/migration.h"

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

/* ---- Telling the extensions --------------------------------------------- */

/* The calls for one port, and the transaction that they share. */
typedef struct {
    PfAgent *agent;
    char *name;
    PfChange *change;
    gboolean changed;
    guint pending;
} Telling;

/* An extension's part of it. */
typedef struct {
    Telling *telling;
    const PfExtension *extension;
} Told;

static void
written(gpointer name, const GError *error)
{
    if (error) {
        VLOG_WARN("port '%s': %s", (char *) name, error->message);
    }
    g_free(name);
}

static void
telling_release(Telling *telling)
{
    if (--telling->pending) {
        return;
    }
    if (telling->changed) {
        pf_switch_submit(telling->agent->sw, telling->change,
                         PF_REQUEST_TIMEOUT_MS, written,
                         g_steal_pointer(&telling->name));
    } else {
        pf_change_free(telling->change);
    }
    g_free(telling->name);
    g_free(telling);
}

static void
told(gpointer told_, const PfCallResult *result)
{
    Told *t = told_;
    const char *text = result->error ? result->error->message : result->note;

    t->telling->changed |= result->changed;
    if (text) {
        VLOG(result->error ? VLL_WARN : VLL_INFO, "port '%s': %s: %s",
             t->telling->name, t->extension->name, text);
    }
    telling_release(t->telling);
    g_free(t);
}

/* The extensions are told of 'nic', whose port is 'port'. */
static void
tell(PfAgent *agent, const PfGuest *guest, const PfNic *nic,
     const PfPort *port)
{
    PfExtensionPort ep = pf_guests_extension_port(guest, nic, port);
    Telling *telling = g_new0(Telling, 1);

    telling->agent = agent;
    telling->name = g_strdup(port->name);
    telling->change = pf_change_new(FALSE);
    telling->pending = 1;
    pf_change_set_name(telling->change, port->name);
    for (const PfExtension *const *e = pf_extensions(); *e; e++) {
        PfCallSpec spec = {
            .extension = *e,
            .func = PF_CALL_GUEST_RUNS,
            .port = &ep,
            .network = pf_agent_network(agent, nic->network),
            .reason = PF_GUEST_RELEASED,
            .change = telling->change,
            .timeout_ms = PF_REQUEST_TIMEOUT_MS,
        };

        if (pf_call_exists(*e, PF_CALL_GUEST_RUNS)) {
            Told *t = g_new0(Told, 1);

            t->telling = telling;
            t->extension = *e;
            telling->pending++;
            pf_call_begin(&spec, told, t);
        }
    }
    telling_release(telling);
}

/* Tells of 'port' if its guest runs.  Returns FALSE if it is not seen to. */
static gboolean
tell_if_running(PfAgent *agent, const PfPort *port)
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
                tell(agent, guest, nic, port);
                return TRUE;
            }
        }
    }
    return FALSE;
}

void
pf_quarantine_run(PfAgent *agent)
{
    GHashTableIter iter;
    gpointer name;

    g_hash_table_iter_init(&iter, agent->released);
    while (g_hash_table_iter_next(&iter, &name, NULL)) {
        g_autoptr(PfPort) port = pf_switch_port(agent->sw, name);

        if (!port || port->quarantined || tell_if_running(agent, port)) {
            g_hash_table_iter_remove(&iter);
        }
    }
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
        g_hash_table_add(release->agent->released, g_strdup(release->name));
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

/* Whether a migration under way has the port 'name'. */
static gboolean
is_moving(const PfAgent *agent, const char *name)
{
    for (guint i = 0; i < agent->migrations->len; i++) {
        const PfMigration *m = agent->migrations->pdata[i];

        for (guint k = 0; k < m->ports->len; k++) {
            const PfMigrationPort *port = m->ports->pdata[k];

            if (!strcmp(port->name, name)) {
                return TRUE;
            }
        }
    }
    return FALSE;
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
    } else if (is_moving(agent, name)) {
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
