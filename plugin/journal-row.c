/* SPDX-License-Identifier: Apache-2.0
 *
 * journal-row: the journal's types as rows of the Portferry database, and
 * back.
 *
 * The database refuses text that is not UTF-8, and some of ours comes from
 * other programs and the other host: it is made valid here.
 */
#include <config.h>

#include "journal-row.h"

#include <string.h>

/* 's' as valid UTF-8; NULL stays NULL.  The caller frees it. */
static char *
valid(const char *s)
{
    return s ? g_utf8_make_valid(s, -1) : NULL;
}

/* Sets a column that always has a value, NULL as the empty string. */
#define SET_TEXT(TABLE, ROW, COLUMN, TEXT)                                  \
    do {                                                                    \
        g_autofree char *text__ = valid(TEXT);                              \
        portferryrec_##TABLE##_set_##COLUMN(ROW, text__ ? text__ : "");     \
    } while (0)

/* Sets a column that may be empty, NULL as no value. */
#define SET_OPTIONAL(TABLE, ROW, COLUMN, TEXT)                              \
    do {                                                                    \
        g_autofree char *text__ = valid(TEXT);                              \
        portferryrec_##TABLE##_set_##COLUMN(ROW, text__);                   \
    } while (0)

/* Whether the column's value 'column' is what SET_TEXT() makes of 'text'. */
static bool
same_text(const char *column, const char *text)
{
    g_autofree char *s = valid(text);

    return !strcmp(column, s ? s : "");
}

/* Whether the column's value 'column' is what SET_OPTIONAL() makes of
 * 'text'. */
static bool
same_optional(const char *column, const char *text)
{
    g_autofree char *s = valid(text);

    return !g_strcmp0(column, s);
}

const struct portferryrec_migration *
pf_journal_row_find(struct ovsdb_idl *idl, const char *id)
{
    const struct portferryrec_migration *row;

    PORTFERRYREC_MIGRATION_FOR_EACH (row, idl) {
        if (!strcmp(row->id, id)) {
            return row;
        }
    }
    return NULL;
}

const struct portferryrec_migration *
pf_journal_row_insert(struct ovsdb_idl_txn *txn, const char *id)
{
    const struct portferryrec_migration *row
        = portferryrec_migration_insert(txn);

    portferryrec_migration_set_id(row, id);
    return row;
}

/* Whether 'row' says what 'port' says. */
static bool
is_port(const struct portferryrec_port *row, const PfJournalPort *port)
{
    return (same_text(row->mac, port->mac)
            && same_text(row->name, port->name)
            && same_text(row->bridge, port->bridge)
            && same_text(row->network, port->network)
            && same_optional(row->data, port->data));
}

/* The row of 'migration' for 'port': the one it has, if that says the same
 * already, or a new one. */
static struct portferryrec_port *
port_row(struct ovsdb_idl_txn *txn,
         const struct portferryrec_migration *migration,
         const PfJournalPort *port)
{
    struct portferryrec_port *row;

    for (size_t i = 0; i < migration->n_ports; i++) {
        if (is_port(migration->ports[i], port)) {
            return migration->ports[i];
        }
    }

    row = portferryrec_port_insert(txn);
    SET_TEXT(port, row, mac, port->mac);
    SET_TEXT(port, row, name, port->name);
    SET_TEXT(port, row, bridge, port->bridge);
    SET_TEXT(port, row, network, port->network);
    SET_OPTIONAL(port, row, data, port->data);
    return row;
}

void
pf_journal_row_write_migration(struct ovsdb_idl_txn *txn,
                               const struct portferryrec_migration *row,
                               const PfJournalMigration *m)
{
    g_autoptr(GPtrArray) ports = g_ptr_array_new();

    SET_TEXT(migration, row, role, m->role);
    SET_TEXT(migration, row, domain, m->domain);
    SET_TEXT(migration, row, domain_uuid, m->domain_uuid);
    SET_OPTIONAL(migration, row, peer, m->peer);
    SET_OPTIONAL(migration, row, epoch, m->epoch);
    SET_TEXT(migration, row, state, m->state);
    SET_TEXT(migration, row, outcome, m->outcome);
    SET_OPTIONAL(migration, row, error, m->error);
    SET_OPTIONAL(migration, row, level, m->level);
    portferryrec_migration_set_started(row, m->started_us);
    portferryrec_migration_set_ended(row, &m->ended_us, m->ended_us != 0);

    for (guint i = 0; m->ports && i < m->ports->len; i++) {
        g_ptr_array_add(ports, port_row(txn, row, m->ports->pdata[i]));
    }
    portferryrec_migration_set_ports(
        row, (struct portferryrec_port **) ports->pdata, ports->len);
}

PfJournalMigration *
pf_journal_row_read_migration(const struct portferryrec_migration *row)
{
    PfJournalMigration *m = g_new0(PfJournalMigration, 1);

    m->uuid = g_strdup(row->id);
    m->role = g_strdup(row->role);
    m->domain = g_strdup(row->domain);
    m->domain_uuid = g_strdup(row->domain_uuid);
    m->peer = g_strdup(row->peer);
    m->epoch = g_strdup(row->epoch);
    m->state = g_strdup(row->state);
    m->outcome = g_strdup(row->outcome);
    m->error = g_strdup(row->error);
    m->level = g_strdup(row->level);
    m->started_us = row->started;
    m->ended_us = row->n_ended ? row->ended[0] : 0;

    m->ports = g_ptr_array_new_with_free_func(
        (GDestroyNotify) pf_journal_port_free);
    for (size_t i = 0; i < row->n_ports; i++) {
        const struct portferryrec_port *port = row->ports[i];

        g_ptr_array_add(m->ports,
                        pf_journal_port_new(port->mac, port->name,
                                            port->bridge, port->network,
                                            port->data));
    }
    return m;
}

struct portferryrec_step *
pf_journal_row_insert_step(struct ovsdb_idl_txn *txn, const PfStep *step)
{
    struct portferryrec_step *row = portferryrec_step_insert(txn);

    portferryrec_step_set_seq(row, step->seq);
    portferryrec_step_set_time(row, step->time_us);
    portferryrec_step_set_duration(row, step->us);
    SET_TEXT(step, row, host, step->host);
    SET_TEXT(step, row, port, step->port);
    SET_TEXT(step, row, request, step->request);
    SET_OPTIONAL(step, row, kind, step->kind);
    SET_OPTIONAL(step, row, extension, step->extension);
    SET_TEXT(step, row, result, step->result);
    SET_OPTIONAL(step, row, detail, step->detail);
    return row;
}

PfStep *
pf_journal_row_read_step(const struct portferryrec_step *row)
{
    PfStep *step = g_new0(PfStep, 1);

    step->seq = row->seq;
    step->time_us = row->time;
    step->us = row->duration;
    step->host = g_strdup(row->host);
    step->port = g_strdup(row->port);
    step->request = g_strdup(row->request);
    step->kind = g_strdup(row->kind);
    step->extension = g_strdup(row->extension);
    step->result = g_strdup(row->result);
    step->detail = g_strdup(row->detail);
    return step;
}

bool
pf_journal_row_is_step(const struct portferryrec_step *row, const PfStep *step)
{
    return (row->seq == step->seq
            && row->time == step->time_us
            && row->duration == step->us
            && same_text(row->host, step->host)
            && same_text(row->port, step->port)
            && same_text(row->request, step->request)
            && same_optional(row->kind, step->kind)
            && same_optional(row->extension, step->extension)
            && same_text(row->result, step->result)
            && same_optional(row->detail, step->detail));
}
