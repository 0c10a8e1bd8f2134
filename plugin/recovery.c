/* SPDX-License-Identifier: Apache-2.0
 *
 * recovery: what an agent finds when it starts: migrations in the journal that
 * are not over, and ports that no migration owns.
 *
 * Neither is trusted to be what it was: the switch and the guests are looked
 * at, and every request may be carried out again.
 */
#include <config.h>

#include "plugin/agent-private.h"

#include <string.h>

#include "openvswitch/vlog.h"
#include "plugin/marker.h"
#include "plugin/migration.h"

VLOG_DEFINE_THIS_MODULE(pf_recovery);

static void
recover_migration(PfAgent *agent, const PfJournalMigration *row)
{
    PfRole role = !strcmp(row->role, "source") ? PF_ROLE_SOURCE
                                               : PF_ROLE_DESTINATION;
    PfMigration *m = pf_migration_new(agent, role, row->domain,
                                      row->domain_uuid);
    g_autoptr(GPtrArray) trace = pf_journal_trace(agent->journal, row->uuid);
    PfState state;

    pf_journal_migration_free(m->record);
    m->record = pf_journal_migration_copy(row);
    m->n_steps = trace->len;
    m->recovered = TRUE;
    m->epoch = g_strdup(row->epoch);
    m->error = g_strdup(row->error);
    if (pf_state_from_name(row->state, role, &state)) {
        m->machine.state = state;
    }
    for (guint i = 0; i < row->ports->len; i++) {
        const PfJournalPort *jp = row->ports->pdata[i];
        PfMigrationPort *port = pf_migration_add_port(
            m, jp->mac, jp->name, jp->bridge, jp->network, NULL);
        g_autoptr(GError) error = NULL;

        if (!pf_migration_port_parse(m, port, jp->data ? jp->data : "",
                                     &error)) {
            VLOG_ERR("journal: port '%s' of guest '%s': %s", jp->name,
                     row->domain, error->message);
        }
        /* Undoing what was not done is harmless: it looks at the port. */
        port->done = ~0u;
    }
    VLOG_INFO("%s of guest '%s': found in state %s", row->role, row->domain,
              row->state);
    if (role == PF_ROLE_DESTINATION && m->machine.state >= PF_D_CHECKED
        && m->machine.state <= PF_D_TAKE) {
        pf_marker_set(row->domain);
    }
    pf_agent_add_migration(agent, m);
    pf_migration_event(m, PF_EV_RECOVER);
    pf_agent_look(m);
}

/* Ports of ours that no migration owns: what a crash at the wrong moment left
 * behind.  A carrier is left to its guest's end. */
static void
sweep(PfAgent *agent)
{
    g_autoptr(GPtrArray) ports = pf_switch_marked_ports(agent->sw);

    for (guint i = 0; i < ports->len; i++) {
        const PfPort *port = ports->pdata[i];
        gboolean owned = FALSE;

        for (guint k = 0; k < agent->migrations->len; k++) {
            PfMigration *m = agent->migrations->pdata[k];
            owned |= !g_strcmp0(m->record->uuid, port->migration);
        }
        if (port->quarantined) {
            pf_agent_set_gate(agent, port->bridge, port->name, port, TRUE,
                              PF_REQUEST_TIMEOUT_MS, NULL, NULL);
        }
        if (owned || !port->role
            || !g_strcmp0(port->role, PF_ROLE_CARRIER)) {
            continue;
        }

        PfChange *change = pf_change_new(FALSE);
        if (!strcmp(port->role, PF_ROLE_OPERATIONAL) && !*port->type) {
            VLOG_INFO("port '%s' keeps nothing of an old migration",
                      port->name);
            pf_change_unmark(change, port->name);
            if (!port->quarantined) {
                pf_agent_set_gate(agent, port->bridge, port->name, port, FALSE,
                                  PF_REQUEST_TIMEOUT_MS, NULL, NULL);
            }
        } else {
            VLOG_INFO("port '%s' (%s) of an old migration is deleted",
                      port->name, port->role);
            pf_change_del_port(change, port->name, port->role,
                               port->migration);
        }
        pf_switch_submit(agent->sw, change, PF_REQUEST_TIMEOUT_MS, NULL,
                         NULL);
    }
}

void
pf_agent_recover(PfAgent *agent)
{
    g_autoptr(GPtrArray) rows = pf_journal_migrations(agent->journal);

    /* Hooks that come before this was done are refused by their markers. */
    pf_marker_clear_all();
    for (guint i = 0; i < rows->len; i++) {
        const PfJournalMigration *row = rows->pdata[i];

        if (!strcmp(row->outcome, "running")) {
            recover_migration(agent, row);
        }
    }
    sweep(agent);
    agent->recovered = TRUE;
}
