/* SPDX-License-Identifier: Apache-2.0
 *
 * journal-record: the journal's own types: making, copying and freeing them.
 *
 * They are declared in journal.h.  How they become rows of the database is
 * journal-row's subject.
 */
#include <config.h>

#include "journal.h"

PfJournalPort *
pf_journal_port_new(const char *mac, const char *name, const char *bridge,
                    const char *network, const char *data)
{
    PfJournalPort *port = g_new0(PfJournalPort, 1);

    port->mac = g_strdup(mac);
    port->name = g_strdup(name);
    port->bridge = g_strdup(bridge);
    port->network = g_strdup(network);
    port->data = g_strdup(data);
    return port;
}

void
pf_journal_port_free(PfJournalPort *port)
{
    if (port) {
        g_free(port->mac);
        g_free(port->name);
        g_free(port->bridge);
        g_free(port->network);
        g_free(port->data);
        g_free(port);
    }
}

PfJournalMigration *
pf_journal_migration_copy(const PfJournalMigration *m)
{
    PfJournalMigration *copy = g_new0(PfJournalMigration, 1);

    copy->uuid = g_strdup(m->uuid);
    copy->role = g_strdup(m->role);
    copy->domain = g_strdup(m->domain);
    copy->domain_uuid = g_strdup(m->domain_uuid);
    copy->peer = g_strdup(m->peer);
    copy->epoch = g_strdup(m->epoch);
    copy->state = g_strdup(m->state);
    copy->outcome = g_strdup(m->outcome);
    copy->error = g_strdup(m->error);
    copy->level = g_strdup(m->level);
    copy->started_us = m->started_us;
    copy->ended_us = m->ended_us;

    copy->ports = g_ptr_array_new_with_free_func(
        (GDestroyNotify) pf_journal_port_free);
    for (guint i = 0; m->ports && i < m->ports->len; i++) {
        const PfJournalPort *port = m->ports->pdata[i];

        g_ptr_array_add(copy->ports,
                        pf_journal_port_new(port->mac, port->name,
                                            port->bridge, port->network,
                                            port->data));
    }
    return copy;
}

void
pf_journal_migration_free(PfJournalMigration *m)
{
    if (m) {
        g_free(m->uuid);
        g_free(m->role);
        g_free(m->domain);
        g_free(m->domain_uuid);
        g_free(m->peer);
        g_free(m->epoch);
        g_free(m->state);
        g_free(m->outcome);
        g_free(m->error);
        g_free(m->level);
        g_clear_pointer(&m->ports, g_ptr_array_unref);
        g_free(m);
    }
}

PfStep *
pf_step_copy(const PfStep *step)
{
    PfStep *copy = g_new0(PfStep, 1);

    copy->seq = step->seq;
    copy->time_us = step->time_us;
    copy->us = step->us;
    copy->host = g_strdup(step->host);
    copy->port = g_strdup(step->port);
    copy->request = g_strdup(step->request);
    copy->kind = g_strdup(step->kind);
    copy->extension = g_strdup(step->extension);
    copy->result = g_strdup(step->result);
    copy->detail = g_strdup(step->detail);
    return copy;
}

void
pf_step_free(PfStep *step)
{
    if (step) {
        g_free(step->host);
        g_free(step->port);
        g_free(step->request);
        g_free(step->kind);
        g_free(step->extension);
        g_free(step->result);
        g_free(step->detail);
        g_free(step);
    }
}
