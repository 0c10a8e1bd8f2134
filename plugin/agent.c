/* SPDX-License-Identifier: Apache-2.0
 *
 * agent: the parts together.  See agent.h and agent-private.h.
 */
#include <config.h>

#include "plugin/agent-private.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "plugin/call.h"
#include "plugin/check.h"
#include "plugin/extension.h"
#include "plugin/host.h"
#include "plugin/marker.h"
#include "plugin/migration.h"
#include "plugin/rows.h"
#include "plugin/tell.h"
#include "timeval.h"

VLOG_DEFINE_THIS_MODULE(pf_agent);

/* ---- Networks ----------------------------------------------------------- */

static void
network_free(gpointer p)
{
    PfAgentNetwork *an = p;

    pf_network_free(an->network);
    g_free(an->error);
    g_free(an);
}

const PfNetwork *
pf_agent_network(PfAgent *agent, const char *name)
{
    PfAgentNetwork *an = name ? g_hash_table_lookup(agent->networks, name)
                              : NULL;

    return an && an->network && an->network->managed ? an->network : NULL;
}

static PfAgentNetwork *
read_network(const char *name, const char *xml)
{
    PfAgentNetwork *an = g_new0(PfAgentNetwork, 1);
    g_autoptr(GError) error = NULL;

    an->network = pf_network_parse(xml, &error);
    if (!an->network) {
        an->error = g_strdup(error->message);
        an->claims_managed = strstr(xml, PF_NETWORK_NS) != NULL;
    } else if (an->network->managed
               && (!an->network->bridge || !an->network->openvswitch)) {
        an->error = g_strdup("it has <portferry:migration>, but no <bridge "
                             "name=...> or no <virtualport "
                             "type='openvswitch'>");
        g_clear_pointer(&an->network, pf_network_free);
        an->claims_managed = TRUE;
    }
    if (an->error) {
        VLOG_ERR("network '%s': %s", name, an->error);
    }
    return an;
}

static void
on_networks(gpointer user, GPtrArray *names, GPtrArray *xmls)
{
    PfAgent *agent = user;

    g_hash_table_remove_all(agent->networks);
    for (guint i = 0; i < names->len; i++) {
        g_hash_table_insert(agent->networks, g_strdup(names->pdata[i]),
                            read_network(names->pdata[i], xmls->pdata[i]));
    }
    agent->networks_known = TRUE;
    pf_guests_changed(agent->guests);
}

/* ---- Migrations --------------------------------------------------------- */

static void source_event(PfAgent *, const char *uuid, PfEvent);

PfMigration *
pf_agent_migration(PfAgent *agent, const char *domain_uuid, int role)
{
    for (guint i = agent->migrations->len; i-- > 0; ) {
        PfMigration *m = agent->migrations->pdata[i];

        if ((int) m->role == role && !pf_state_is_end(m->machine.state)
            && !strcmp(m->record->domain_uuid, domain_uuid)) {
            return m;
        }
    }
    return NULL;
}

gboolean
pf_agent_is_moving(const PfAgent *agent, const char *name)
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

void
pf_agent_set_gate(PfAgent *agent, const char *bridge, const char *name,
                  const PfPort *row, gboolean closed, guint timeout_ms,
                  PfGateDone done, gpointer user)
{
    pf_gates_set(agent->gates, bridge, name, row ? row->ofport : 0,
                 row ? row->mac_in_use : NULL, closed, timeout_ms, done, user);
}

void
pf_agent_add_migration(PfAgent *agent, PfMigration *m)
{
    g_ptr_array_add(agent->migrations, m);
}

/* Adds the port of 'nic' to 'm' if it is one of ours; of one that is gone
 * already, what its extensions have said is known. */
static void
add_source_port(PfMigration *m, PfGuest *guest, const PfNic *nic)
{
    const PfPortStates *states = nic->mac
        ? g_hash_table_lookup(guest->states, nic->mac) : NULL;
    g_autoptr(PfPort) port = nic->target
        ? pf_switch_port(m->agent->sw, nic->target) : NULL;
    PfMigrationPort *mp;

    if (!nic->mac || !nic->target || !pf_agent_network(m->agent, nic->network)
        || !(port || (states && nic->bridge))) {
        return;
    }
    mp = pf_migration_add_port(m, nic->mac, nic->target,
                               port ? port->bridge : nic->bridge,
                               nic->network, port ? port->iface_id : NULL);
    mp->mtu = nic->mtu;
    mp->ofport = port ? MAX(port->ofport, 0)
        : GPOINTER_TO_UINT(g_hash_table_lookup(guest->ofports, nic->mac));
    if (states) {
        pf_port_states_free(mp->states);
        mp->states = pf_port_states_copy(states);
    }
}

/* The migration away of the guest 'uuid', made if there is none.  NULL if the
 * guest has no managed NIC. */
static PfMigration *
source_migration(PfAgent *agent, const char *uuid)
{
    PfMigration *m = pf_agent_migration(agent, uuid, PF_ROLE_SOURCE);
    PfGuest *guest = pf_guests_find(agent->guests, uuid);
    const PfNic *first;

    if (m || !guest || pf_agent_migration(agent, uuid, PF_ROLE_DESTINATION)) {
        return m;
    }
    m = pf_migration_new(agent, PF_ROLE_SOURCE, guest->name, uuid);
    for (guint i = 0; i < guest->domain->nics->len; i++) {
        add_source_port(m, guest, guest->domain->nics->pdata[i]);
    }
    first = pf_guests_first_openvswitch_nic(guest->domain);
    if (!m->ports->len || !first) {
        pf_migration_unref(m);
        return NULL;
    }
    m->mailbox = g_strdup(first->target);
    m->epoch = g_strdup(guest->epoch);
    pf_agent_add_migration(agent, m);
    return m;
}

/* Takes over 'pd', which came for 'm', if it is what this migration's source
 * wrote. */
static void
accept_portdata(PfMigration *m, PfPortData *pd)
{
    if (g_strcmp0(pd->epoch, m->epoch ? m->epoch : "")
        || g_strcmp0(pd->domain_uuid, m->record->domain_uuid)) {
        pf_migration_error(m, "PortData of another guest, or of another epoch "
                           "than the stamp, is left aside");
        pf_portdata_free(pd);
        return;
    }
    m->portdata = pd;
    if (pd->level == PF_LEVEL_PRECOPY) {
        m->degraded = TRUE;
        pf_migration_error(m, "PortData is of level precopy: what changed at "
                           "the last moment is not in it");
    }
    if (!m->record->level) {    /* Else it was read before a restart. */
        m->record->level = g_strdup(pf_level_name(pd->level));
        g_free(m->record->peer);
        m->record->peer = g_strdup(pd->host);
        pf_migration_source_steps(m, pd->steps);
    }
}

/* Looks for PortData where libvirt puts it. */
static void
look_for_portdata(PfMigration *m)
{
    g_autoptr(GError) error = NULL;
    const char *text;

    if (m->role != PF_ROLE_DESTINATION || m->portdata_seen || !m->mailbox
        || m->machine.state < PF_D_TAKE
        || m->machine.state > PF_D_NIC_RESTORE) {
        return;
    }
    text = pf_switch_iface_id(m->agent->sw, m->mailbox, PF_KEY_PORTDATA);
    if (!text) {
        return;
    }
    m->portdata_seen = TRUE;
    if (*text) {
        PfPortData *pd = pf_portdata_decode(text, &error);

        if (pd) {
            accept_portdata(m, pd);
        } else {
            pf_migration_error(m, "%s", error->message);
        }
    }
    pf_migration_event(m, PF_EV_PORTDATA);
}

/* A libvirtd that restarts claims the NIC of every guest that it finds, also
 * on a carrier, and on a port whose NIC is not connected yet. */
static void
take_claims_away(PfMigration *m)
{
    gboolean source = m->machine.state == PF_S_DELETED;

    if (!source && m->machine.state != PF_D_READY) {
        return;
    }
    for (guint i = 0; i < m->ports->len; i++) {
        const PfMigrationPort *mp = m->ports->pdata[i];
        g_autoptr(PfPort) port = pf_switch_port(m->agent->sw, mp->name);

        if (port && (port->iface_id || port->attached_mac)
            && !g_strcmp0(port->role, source ? PF_ROLE_CARRIER
                                             : PF_ROLE_OPERATIONAL)) {
            PfChange *change = pf_change_new(FALSE);

            VLOG_INFO("guest '%s': libvirt claimed the NIC of port '%s' "
                      "again", m->record->domain, mp->name);
            pf_change_remove_claims(change, mp->name);
            pf_switch_submit(m->agent->sw, change, PF_REQUEST_TIMEOUT_MS,
                             NULL, NULL);
        }
    }
}

/* What has been told of the guest since may have been told to the migration
 * that is over. */
static void
look_again(PfAgent *agent, const char *uuid)
{
    PfMigration *m = pf_agent_migration(agent, uuid, PF_ROLE_SOURCE);

    if (m) {
        pf_agent_look(m);
    }
}

/* Removes the migration 'i', which is over.  What the guest's next one has
 * sent meanwhile is for that one. */
static void
remove_migration(PfAgent *agent, guint i)
{
    static const PfEvent first[] = {
        PF_EV_SUSPENDED, PF_EV_ITERATION, PF_EV_ITERATION_PAUSED
    };
    PfMigration *m = agent->migrations->pdata[i];
    guint32 kept = m->role == PF_ROLE_SOURCE ? m->machine.kept : 0;
    g_autofree char *uuid = g_strdup(m->record->domain_uuid);

    g_ptr_array_remove_index(agent->migrations, i);
    poll_immediate_wake();      /* A hook may wait for its end. */
    pf_guests_renew(agent->guests, uuid);
    for (gsize k = 0; k < G_N_ELEMENTS(first); k++) {
        if (kept & (1u << first[k])) {
            source_event(agent, uuid, first[k]);
            look_again(agent, uuid);
            return;
        }
    }
}

/* After a restart: what may a port do here, is the guest here?  The way back
 * needs no libvirt. */
static gboolean
may_run(const PfAgent *agent, const PfMigration *m)
{
    if (m->role == PF_ROLE_DESTINATION) {
        return agent->networks_known;
    }
    return (agent->guests_known || m->machine.state == PF_S_UNDO
            || m->machine.state == PF_S_UNDO_KEEP);
}

static void
run_migrations(PfAgent *agent)
{
    gboolean changed = agent->switch_changed;

    agent->switch_changed = FALSE;
    for (guint i = 0; i < agent->migrations->len; ) {
        PfMigration *m = agent->migrations->pdata[i];

        if (changed) {
            take_claims_away(m);
        }
        if (!may_run(agent, m)) {
            i++;
            continue;
        }
        look_for_portdata(m);
        pf_migration_run(m);
        if (pf_migration_is_over(m)) {
            remove_migration(agent, i);
        } else {
            i++;
        }
    }
}

/* ---- What libvirt tells ------------------------------------------------- */

static void
on_connection(gpointer user G_GNUC_UNUSED, gboolean connected,
              const char *error)
{
    if (connected) {
        VLOG_INFO("libvirt: connected");
    } else {
        VLOG_INFO("libvirt: not connected: %s", error ? error : "unknown");
    }
}

void
pf_agent_look(PfMigration *m)
{
    m->look_asked = TRUE;
    m->look_stale = FALSE;
    pf_hypervisor_look(m->agent->hv, m->record->domain_uuid);
}

/* The event that a guest in 'state' must have sent; PF_N_EVENTS: none. */
static PfEvent
event_of_state(const PfMigration *m, PfGuestState state)
{
    gboolean source = m->role == PF_ROLE_SOURCE;

    switch (state) {
    case PF_GUEST_RUNNING:
        return source ? PF_EV_RESUMED : PF_EV_RUNS;
    case PF_GUEST_GONE:
        if (source) {
            return PF_EV_STOPPED;
        }
        /* libvirt shows the guest only once it is prepared. */
        return m->machine.state <= PF_D_CHECKED ? PF_N_EVENTS : PF_EV_GONE;
    case PF_GUEST_PAUSED:
    case PF_GUEST_INCOMING:
    default:
        return PF_N_EVENTS;
    }
}

/* A question whether a guest migrates. */
typedef void JobAnswered(PfAgent *, const char *uuid, PfGuestJob job);
typedef struct {
    PfAgent *agent;
    char *uuid;
    JobAnswered *answered;
} JobQuestion;

static void
job_answered(gpointer user, PfGuestJob job)
{
    JobQuestion *q = user;

    /* Of a guest that is gone an event tells, or the next look. */
    if (job >= PF_JOB_NONE) {
        q->answered(q->agent, q->uuid, job);
    }
    g_free(q->uuid);
    g_free(q);
}

static void
ask_job(PfAgent *agent, const char *uuid, JobAnswered *answered)
{
    JobQuestion *q = g_new0(JobQuestion, 1);

    q->agent = agent;
    q->uuid = g_strdup(uuid);
    q->answered = answered;
    pf_hypervisor_job(agent->hv, uuid, job_answered, q);
}

static gboolean
has_carrier(PfMigration *m)
{
    for (guint i = 0; i < m->ports->len; i++) {
        const PfMigrationPort *mp = m->ports->pdata[i];
        g_autoptr(PfPort) port = pf_switch_port(m->agent->sw, mp->name);

        if (port && !g_strcmp0(port->role, PF_ROLE_CARRIER)) {
            return TRUE;
        }
    }
    return FALSE;
}

/* A guest that came in is paused, as it is too while it comes in.  One that is
 * leaving has stopped, unless the migration was called off; but libvirt also
 * leaves a guest paused if it does not know how its migration ended: then a
 * carrier stays. */
static void
paused_answered(PfAgent *agent, const char *uuid, PfGuestJob job)
{
    gboolean active = job != PF_JOB_NONE;
    PfMigration *dst = pf_agent_migration(agent, uuid, PF_ROLE_DESTINATION);
    PfMigration *src = pf_agent_migration(agent, uuid, PF_ROLE_SOURCE);

    if (dst && !active) {
        pf_migration_event(dst, PF_EV_ENDS_PAUSED);
    }
    if (src && src->machine.state == PF_S_RECOVERED
        && (active || !has_carrier(src))) {
        pf_migration_event(src, active ? PF_EV_SUSPENDED : PF_EV_JOB_GONE);
    }
}

/* Tells 'm' (may be NULL) what was seen, if it was asked for, and unless an
 * event has come since: then what was seen may be older than the event. */
static void
tell_migration(PfMigration *m, PfGuestState state)
{
    PfEvent event;

    if (!m || !m->look_asked) {
        return;
    }
    if (m->look_stale) {
        pf_agent_look(m);
        return;
    }
    m->look_asked = FALSE;
    if (state == PF_GUEST_PAUSED
        || (state == PF_GUEST_INCOMING && m->role == PF_ROLE_SOURCE)) {
        ask_job(m->agent, m->record->domain_uuid, paused_answered);
    }
    event = event_of_state(m, state);
    if (event != PF_N_EVENTS) {
        pf_migration_event(m, event);
    }
}

static void
on_guest(gpointer user, const char *uuid, const char *name,
         PfGuestState state, const char *xml)
{
    PfAgent *agent = user;

    pf_guests_update(agent->guests, uuid, name, state, xml);
    tell_migration(pf_agent_migration(agent, uuid, PF_ROLE_SOURCE), state);
    tell_migration(pf_agent_migration(agent, uuid, PF_ROLE_DESTINATION),
                   state);
}

static void look_for_migrations(PfAgent *);

/* Everything was listed: guests of ours that were not are gone. */
static void
on_synced(gpointer user)
{
    PfAgent *agent = user;

    for (guint i = 0; i < agent->migrations->len; i++) {
        pf_agent_look(agent->migrations->pdata[i]);
    }
    agent->guests_known = TRUE;
    look_for_migrations(agent);
    pf_guests_changed(agent->guests);
}

static void
source_event(PfAgent *agent, const char *uuid, PfEvent event)
{
    PfMigration *m;

    if (!agent->recovered) {
        return;     /* The journal may have a migration of this guest: it is
                     * looked at when that is read. */
    }
    m = source_migration(agent, uuid);
    if (m) {
        m->look_stale = TRUE;
        pf_migration_event(m, event);
    } else if (!pf_guests_find(agent->guests, uuid)) {
        pf_hypervisor_look(agent->hv, uuid);
    }
}

/* What a guest that is leaving tells by its state.  INCOMING: it stands still
 * for the migration. */
static PfEvent
leaving_event(const PfGuest *guest)
{
    switch (guest ? guest->state : PF_GUEST_RUNNING) {
    case PF_GUEST_PAUSED:
        return PF_EV_ITERATION_PAUSED;
    case PF_GUEST_INCOMING:
        return PF_EV_SUSPENDED;
    case PF_GUEST_RUNNING:
    case PF_GUEST_GONE:
    default:
        return PF_EV_ITERATION;
    }
}

static void
iteration_answered(PfAgent *agent, const char *uuid, PfGuestJob job)
{
    PfGuest *guest = pf_guests_find(agent->guests, uuid);

    if (guest && (job == PF_JOB_MIGRATION_OUT
                  || (job == PF_JOB_MIGRATION
                      && guest->state != PF_GUEST_INCOMING))) {
        source_event(agent, uuid, leaving_event(guest));
    }
}

/* Guests may be leaving whose first iterations nobody has seen here.  Looked
 * at once both they and the journal are known. */
static void
look_for_migrations(PfAgent *agent)
{
    g_autoptr(GPtrArray) guests = pf_guests_list(agent->guests);

    if (!agent->recovered || !agent->guests_known) {
        return;
    }
    for (guint i = 0; i < guests->len; i++) {
        const PfGuest *guest = guests->pdata[i];

        if (!pf_agent_migration(agent, guest->uuid, PF_ROLE_SOURCE)
            && !pf_agent_migration(agent, guest->uuid,
                                   PF_ROLE_DESTINATION)) {
            ask_job(agent, guest->uuid, iteration_answered);
        }
    }
}

/* `virsh save' and snapshots iterate too: before a migration is begun for an
 * iteration, libvirt is asked. */
static void
on_iteration(PfAgent *agent, const char *uuid)
{
    PfGuest *guest = pf_guests_find(agent->guests, uuid);

    if (!guest || pf_agent_migration(agent, uuid, PF_ROLE_SOURCE)) {
        source_event(agent, uuid, leaving_event(guest));
    } else {
        ask_job(agent, uuid, iteration_answered);
    }
}

static void
existing_event(PfAgent *agent, const char *uuid, PfEvent source,
               PfEvent destination)
{
    PfMigration *src = pf_agent_migration(agent, uuid, PF_ROLE_SOURCE);
    PfMigration *dst = pf_agent_migration(agent, uuid, PF_ROLE_DESTINATION);

    if (src && source != PF_N_EVENTS) {
        src->look_stale = TRUE;
        pf_migration_event(src, source);
    }
    if (dst) {
        dst->look_stale = TRUE;
        pf_migration_event(dst, destination);
    }
}

/* The guest has moved away.  If nobody has seen it leave, what its ports had
 * is removed all the same. */
static void
on_left(PfAgent *agent, const char *uuid, const char *name)
{
    if (pf_guests_find(agent->guests, uuid)
        && !pf_agent_migration(agent, uuid, PF_ROLE_SOURCE)
        && !pf_agent_migration(agent, uuid, PF_ROLE_DESTINATION)) {
        source_event(agent, uuid, PF_EV_ITERATION);
    }
    existing_event(agent, uuid, PF_EV_STOPPED, PF_EV_GONE);
    pf_guests_update(agent->guests, uuid, name, PF_GUEST_GONE, NULL);
}

static void
on_event(gpointer user, const char *uuid, const char *name,
         PfGuestEvent event, int detail)
{
    PfAgent *agent = user;

    VLOG_DBG("guest '%s': event %s, detail %d", name,
             pf_guest_event_name(event), detail);
    switch (event) {
    case PF_GUEST_EV_ITERATION:
        on_iteration(agent, uuid);
        break;
    case PF_GUEST_EV_SUSPENDED_MIGRATED:
        if (!pf_agent_migration(agent, uuid, PF_ROLE_DESTINATION)) {
            source_event(agent, uuid, PF_EV_SUSPENDED);
            pf_guests_set_state(agent->guests, uuid, PF_GUEST_PAUSED);
        }
        break;
    case PF_GUEST_EV_SUSPENDED:
        pf_guests_set_state(agent->guests, uuid, PF_GUEST_PAUSED);
        existing_event(agent, uuid, PF_N_EVENTS, PF_EV_ENDS_PAUSED);
        break;
    case PF_GUEST_EV_RESUMED:
        pf_guests_set_state(agent->guests, uuid, PF_GUEST_RUNNING);
        existing_event(agent, uuid, PF_EV_RESUMED, PF_EV_RUNS);
        break;
    case PF_GUEST_EV_STOPPED_MIGRATED:
        on_left(agent, uuid, name);
        break;
    case PF_GUEST_EV_STOPPED:
        existing_event(agent, uuid, PF_EV_GONE, PF_EV_GONE);
        pf_guests_update(agent->guests, uuid, name, PF_GUEST_GONE, NULL);
        break;
    case PF_GUEST_EV_STARTED:
    case PF_GUEST_EV_CHANGED:
        break;
    }
}

/* ---- The agent ---------------------------------------------------------- */

static void
on_switch_changed(gpointer user, const char *name)
{
    PfAgent *agent = user;

    agent->switch_changed = TRUE;
    if (name) {
        pf_guests_port_changed(agent->guests, name);
    } else {
        pf_guests_changed(agent->guests);
    }
}

static void
on_policies_changed(gpointer user, const PfExtension *extension,
                    const char *name)
{
    PfAgent *agent = user;

    VLOG_DBG("extension '%s': policies changed: %s", extension->name,
             name ? name : "of every port");
    if (name) {
        pf_guests_port_changed(agent->guests, name);
    } else {
        pf_guests_changed(agent->guests);
    }
}

static void
make_extensions(PfAgent *agent, const char *folder)
{
    pf_extensions_load(folder);
    for (const PfExtension *const *e = pf_extensions(); *e; e++) {
        if ((*e)->columns) {
            pf_rows_replicate(agent->sw, (*e)->columns);
        }
    }
    pf_extensions_init(pf_host_new(agent->sw, agent->openflow, agent->appctl,
                                   on_policies_changed, agent));
}

static const PfHypervisorCallbacks callbacks = {
    .connection = on_connection,
    .networks = on_networks,
    .guest = on_guest,
    .synced = on_synced,
    .event = on_event,
};

PfAgent *
pf_agent_new(const PfAgentOptions *options)
{
    PfAgent *agent = g_new0(PfAgent, 1);
    char host[HOST_NAME_MAX + 1];

    if (gethostname(host, sizeof host)) {
        strcpy(host, "localhost");
    }
    agent->host = g_strdup(host);
    agent->ovsdb = g_strdup(options->ovsdb);
    agent->libvirt = g_strdup(options->libvirt);
    agent->started_ms = time_msec();
    agent->networks = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                            network_free);
    agent->migrations = g_ptr_array_new_with_free_func(
        (GDestroyNotify) pf_migration_unref);
    agent->untold = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                          NULL);
    agent->guests = pf_guests_new(agent);
    agent->sw = pf_switch_new(options->ovsdb, on_switch_changed, agent);
    agent->gates = pf_gates_new(NULL);
    agent->openflow = pf_openflow_new(NULL);
    agent->appctl = pf_appctl_new(NULL);
    make_extensions(agent, options->extensions);
    agent->journal = pf_journal_new(options->ovsdb, NULL, options->journal,
                                    options->journal_limit);
    agent->hv = pf_hypervisor_new(options->libvirt, &callbacks, agent);
    pf_hook_server_init(agent);
    pf_commands_init(agent);
    pf_check_init(agent);
    return agent;
}

void
pf_agent_run(PfAgent *agent)
{
    pf_hook_server_run(agent);
    pf_switch_run(agent->sw);
    pf_gates_run(agent->gates);
    pf_openflow_run(agent->openflow);
    pf_appctl_run(agent->appctl);
    pf_journal_run(agent->journal);
    if (!agent->recovered && pf_journal_is_ready(agent->journal)
        && pf_switch_is_ready(agent->sw)) {
        pf_agent_recover(agent);
        look_for_migrations(agent);
    }
    run_migrations(agent);
    pf_guests_run(agent->guests);
    pf_tell_run(agent);
}

void
pf_agent_wait(PfAgent *agent)
{
    pf_switch_wait(agent->sw);
    pf_hook_server_wait();
    pf_gates_wait(agent->gates);
    pf_openflow_wait(agent->openflow);
    pf_appctl_wait(agent->appctl);
    pf_journal_wait(agent->journal);
    for (guint i = 0; i < agent->migrations->len; i++) {
        if (may_run(agent, agent->migrations->pdata[i])) {
            pf_migration_wait(agent->migrations->pdata[i]);
        }
    }
    pf_guests_wait(agent->guests);
}

void
pf_agent_free(PfAgent *agent)
{
    if (agent) {
        pf_calls_stop();
        g_ptr_array_unref(agent->migrations);
        pf_hypervisor_free(agent->hv);
        pf_switch_free(agent->sw);
        pf_extensions_destroy();
        pf_openflow_free(agent->openflow);
        pf_appctl_free(agent->appctl);
        pf_gates_free(agent->gates);
        pf_journal_free(agent->journal);
        pf_guests_free(agent->guests);
        g_hash_table_unref(agent->networks);
        g_hash_table_unref(agent->untold);
        g_free(agent->host);
        g_free(agent->ovsdb);
        g_free(agent->libvirt);
        g_free(agent);
    }
}
