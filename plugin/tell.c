/* SPDX-License-Identifier: Apache-2.0
 *
 * tell: tells extensions that a guest runs, when no migration is there to do
 * it.
 */
#include <config.h>

#include "plugin/tell.h"

#include "openvswitch/vlog.h"
#include "plugin/agent-private.h"
#include "plugin/call.h"
#include "plugin/migration.h"

VLOG_DEFINE_THIS_MODULE(pf_tell);

/* The calls for one port, and the transaction that they share. */
typedef struct {
    PfAgent *agent;
    char *name;
    GPtrArray *all;             /* Told *, in the extensions' order. */
    guint pending;
} Telling;

/* An extension's part of it. */
typedef struct {
    Telling *telling;
    const PfExtension *extension;
    PfChange *change;           /* What it changes; NULL: nothing, or it has
                                 * failed. */
} Told;

static void
told_free(gpointer told_)
{
    Told *t = told_;

    pf_change_free(t->change);
    g_free(t);
}

static void
written(gpointer name, const GError *error)
{
    if (error) {
        VLOG_WARN("port '%s': %s", (char *) name, error->message);
    }
    g_free(name);
}

/* Commits what the extensions change, if they change anything. */
static void
commit(Telling *telling)
{
    PfChange *change = pf_change_new(FALSE);
    gboolean changed = FALSE;

    pf_change_set_name(change, telling->name);
    for (guint i = 0; i < telling->all->len; i++) {
        Told *t = telling->all->pdata[i];

        if (t->change) {
            pf_change_append(change, g_steal_pointer(&t->change));
            changed = TRUE;
        }
    }
    if (changed) {
        pf_switch_submit(telling->agent->sw, change, PF_REQUEST_TIMEOUT_MS,
                         written, g_strdup(telling->name));
    } else {
        pf_change_free(change);
    }
}

static void
telling_release(Telling *telling)
{
    if (--telling->pending) {
        return;
    }
    commit(telling);
    g_ptr_array_unref(telling->all);
    g_free(telling->name);
    g_free(telling);
}

static void
told(gpointer told_, const PfCallResult *result)
{
    Told *t = told_;
    const char *text = result->error ? result->error->message : result->note;

    if (!result->changed || result->error) {
        g_clear_pointer(&t->change, pf_change_free);
    }
    if (text) {
        VLOG(result->error ? VLL_WARN : VLL_INFO, "port '%s': %s: %s",
             t->telling->name, t->extension->name, text);
    }
    telling_release(t->telling);
}

/* The extensions are told of 'nic', whose port is 'port'. */
static void
tell(PfAgent *agent, const PfGuest *guest, const PfNic *nic,
     const PfPort *port, PfGuestRuns reason)
{
    PfExtensionPort ep = pf_guests_extension_port(guest, nic, port);
    Telling *telling = g_new0(Telling, 1);

    telling->agent = agent;
    telling->name = g_strdup(port->name);
    telling->all = g_ptr_array_new_with_free_func(told_free);
    telling->pending = 1;
    for (const PfExtension *const *e = pf_extensions(); *e; e++) {
        PfCallSpec spec = {
            .extension = *e,
            .func = PF_CALL_GUEST_RUNS,
            .port = &ep,
            .network = pf_agent_network(agent, nic->network),
            .reason = reason,
            .timeout_ms = PF_REQUEST_TIMEOUT_MS,
        };

        if (pf_call_exists(*e, PF_CALL_GUEST_RUNS)) {
            Told *t = g_new0(Told, 1);

            t->telling = telling;
            t->extension = *e;
            t->change = spec.change = pf_change_new(FALSE);
            g_ptr_array_add(telling->all, t);
            telling->pending++;
            pf_call_begin(&spec, told, t);
        }
    }
    telling_release(telling);
}

/* Tells of 'port' if its guest runs.  Returns FALSE if it is not seen to. */
static gboolean
tell_if_running(PfAgent *agent, const PfPort *port, PfGuestRuns reason)
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
                tell(agent, guest, nic, port, reason);
                return TRUE;
            }
        }
    }
    return FALSE;
}

void
pf_tell_later(PfAgent *agent, const char *name, PfGuestRuns reason)
{
    g_hash_table_insert(agent->untold, g_strdup(name),
                        GUINT_TO_POINTER(reason));
}

void
pf_tell_run(PfAgent *agent)
{
    GHashTableIter iter;
    gpointer name, reason_;

    g_hash_table_iter_init(&iter, agent->untold);
    while (g_hash_table_iter_next(&iter, &name, &reason_)) {
        g_autoptr(PfPort) port = pf_switch_port(agent->sw, name);
        PfGuestRuns reason = GPOINTER_TO_UINT(reason_);

        if (!port || (port->quarantined && reason == PF_GUEST_RELEASED)
            || (!pf_agent_is_moving(agent, name)
                && tell_if_running(agent, port, reason))) {
            g_hash_table_iter_remove(&iter);
        }
    }
}
