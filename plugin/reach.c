/* SPDX-License-Identifier: Apache-2.0
 *
 * reach: the ports that a row of another table concerns.  See reach.h.
 */
#include <config.h>

#include "reach.h"

#include <string.h>

#include "ovsdb-idl-provider.h"
#include "uuid.h"
#include "vswitch-idl.h"

/* How many references are followed. */
#define MAX_DEPTH 3

/* What a row concerned when it was last looked at. */
struct concern {
    const struct ovsdb_idl_table_class *table;
    GHashTable *ports;          /* Set of names. */
};

struct PfReach {
    GHashTable *rows;           /* struct uuid * to struct concern *. */
};

static guint
hash_uuid(gconstpointer uuid)
{
    return uuid_hash(uuid);
}

static gboolean
equal_uuids(gconstpointer a, gconstpointer b)
{
    return uuid_equals(a, b);
}

static void
concern_free(gpointer concern_)
{
    struct concern *concern = concern_;

    g_hash_table_unref(concern->ports);
    g_free(concern);
}

PfReach *
pf_reach_new(void)
{
    PfReach *reach = g_new0(PfReach, 1);

    reach->rows = g_hash_table_new_full(hash_uuid, equal_uuids, g_free,
                                        concern_free);
    return reach;
}

void
pf_reach_free(PfReach *reach)
{
    if (reach) {
        g_hash_table_unref(reach->rows);
        g_free(reach);
    }
}

/* Whether changes of 'table' are told of row by row (switch.c), or not at
 * all. */
static gboolean
is_a_port_s_own(const struct ovsdb_idl_table_class *table)
{
    return (table == &ovsrec_table_port || table == &ovsrec_table_interface
            || table == &ovsrec_table_bridge
            || table == &ovsrec_table_open_vswitch);
}

static gboolean
is_gone(const struct ovsdb_idl_row *row)
{
    return !row->old_datum;
}

static GHashTable *
name_set_new(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
}

/* ---- References --------------------------------------------------------- */

/* Called for a row to which references lead. */
typedef void (*RowFunc)(const struct ovsdb_idl_row *, gpointer user);

static const struct ovsdb_idl_table_class *
referenced_table(const struct ovsdb_base_type *base)
{
    const char *name = (base->type == OVSDB_TYPE_UUID
                        ? base->uuid.refTableName : NULL);

    for (size_t i = 0; name && i < ovsrec_idl_class.n_tables; i++) {
        if (!strcmp(ovsrec_idl_class.tables[i].name, name)) {
            return &ovsrec_idl_class.tables[i];
        }
    }
    return NULL;
}

static void follow(const struct ovsdb_idl *, const struct ovsdb_idl_row *,
                   int depth, RowFunc func, gpointer user);

/* Calls 'func' for those of the 'n' rows 'atoms' of 'table' that are there,
 * and for what they lead to. */
static void
follow_atoms(const struct ovsdb_idl *idl,
             const struct ovsdb_idl_table_class *table,
             const union ovsdb_atom *atoms, unsigned int n, int depth,
             RowFunc func, gpointer user)
{
    for (unsigned int i = 0; i < n; i++) {
        const struct ovsdb_idl_row *row
            = ovsdb_idl_get_row_for_uuid(idl, table, &atoms[i].uuid);

        if (row && !is_gone(row)) {
            func(row, user);
            follow(idl, row, depth - 1, func, user);
        }
    }
}

/* Calls 'func' for each row that 'row' leads to over at most 'depth'
 * references. */
static void
follow(const struct ovsdb_idl *idl, const struct ovsdb_idl_row *row,
       int depth, RowFunc func, gpointer user)
{
    const struct ovsdb_idl_table_class *class = row->table->class_;

    for (size_t i = 0; depth && i < class->n_columns; i++) {
        const struct ovsdb_type *type = &class->columns[i].type;
        const struct ovsdb_datum *datum = &row->old_datum[i];
        const struct ovsdb_idl_table_class *keys
            = datum->n ? referenced_table(&type->key) : NULL;
        const struct ovsdb_idl_table_class *values
            = datum->n ? referenced_table(&type->value) : NULL;

        if (keys) {
            follow_atoms(idl, keys, datum->keys, datum->n, depth, func, user);
        }
        if (values) {
            follow_atoms(idl, values, datum->values, datum->n, depth, func,
                         user);
        }
    }
}

/* Adds the name of 'row', if it is a port, to the set 'names'. */
static void
add_port(const struct ovsdb_idl_row *row, gpointer names)
{
    if (row->table->class_ == &ovsrec_table_port) {
        g_hash_table_add(names,
                         g_strdup(((const struct ovsrec_port *) row)->name));
    }
}

/* Who leads to a row, for add_origin(). */
struct origin {
    GHashTable *origins;        /* Row to set of names. */
    const char *name;
};

/* Notes that a port leads to 'row'. */
static void
add_origin(const struct ovsdb_idl_row *row, gpointer origin_)
{
    const struct origin *origin = origin_;
    GHashTable *names = g_hash_table_lookup(origin->origins, row);

    if (!names) {
        names = name_set_new();
        g_hash_table_insert(origin->origins, (gpointer) row, names);
    }
    g_hash_table_add(names, g_strdup(origin->name));
}

/* For each row that ports lead to, the set of their names. */
static GHashTable *
find_origins(const struct ovsdb_idl *idl)
{
    GHashTable *origins = g_hash_table_new_full(
        NULL, NULL, NULL, (GDestroyNotify) g_hash_table_unref);
    const struct ovsrec_port *port;

    OVSREC_PORT_FOR_EACH (port, idl) {
        struct origin origin = { origins, port->name };

        follow(idl, &port->header_, MAX_DEPTH, add_origin, &origin);
    }
    return origins;
}

/* The ports that 'row' leads to, and those that lead to it, as a set of
 * names.  Never both ways in turn: over its bridge, any port is to be found
 * from any other. */
static GHashTable *
find_ports(const struct ovsdb_idl *idl, const struct ovsdb_idl_row *row,
           GHashTable *origins)
{
    GHashTable *ports = name_set_new();
    GHashTable *names = g_hash_table_lookup(origins, row);

    if (!is_gone(row)) {
        follow(idl, row, MAX_DEPTH, add_port, ports);
    }
    if (names) {
        GHashTableIter iter;
        gpointer name;

        g_hash_table_iter_init(&iter, names);
        while (g_hash_table_iter_next(&iter, &name, NULL)) {
            g_hash_table_add(ports, g_strdup(name));
        }
    }
    return ports;
}

/* ---- Changes ------------------------------------------------------------ */

/* Calls 'changed' for each of 'ports' that is not in 'told' (may be NULL). */
static void
tell(GHashTable *ports, GHashTable *told, PfSwitchChanged changed,
     gpointer user)
{
    GHashTableIter iter;
    gpointer name;

    g_hash_table_iter_init(&iter, ports);
    while (g_hash_table_iter_next(&iter, &name, NULL)) {
        if (!told || !g_hash_table_contains(told, name)) {
            changed(user, name);
        }
    }
}

/* Remembers that 'row' concerns 'ports', which is taken over. */
static void
remember(PfReach *reach, const struct ovsdb_idl_row *row, GHashTable *ports)
{
    struct concern *concern;

    if (is_gone(row) || !g_hash_table_size(ports)) {
        g_hash_table_remove(reach->rows, &row->uuid);
        g_hash_table_unref(ports);
        return;
    }
    concern = g_new(struct concern, 1);
    concern->table = row->table->class_;
    concern->ports = ports;
    g_hash_table_replace(reach->rows, g_memdup2(&row->uuid, sizeof row->uuid),
                         concern);
}

/* Tells of 'row', which has changed and concerns 'ports' (taken over); returns
 * FALSE if that is, and was, nobody. */
static gboolean
tell_row(PfReach *reach, const struct ovsdb_idl_row *row, GHashTable *ports,
         PfSwitchChanged changed, gpointer user)
{
    const struct concern *before = g_hash_table_lookup(reach->rows,
                                                       &row->uuid);
    gboolean any = before || g_hash_table_size(ports);

    if (changed) {
        tell(ports, NULL, changed, user);
        if (before) {
            tell(before->ports, ports, changed, user);
        }
    }
    remember(reach, row, ports);
    return any;
}

/* Adds the rows of 'table' that have changed to 'rows'. */
static void
add_changed_rows(const struct ovsdb_idl *idl,
                 const struct ovsdb_idl_table_class *table, GPtrArray *rows)
{
    const struct ovsdb_idl_row *row;

    for (row = ovsdb_idl_track_get_first(idl, table); row;
         row = ovsdb_idl_track_get_next(row)) {
        /* A row is also tracked when one that it refers to has changed. */
        if (row->updated || is_gone(row)) {
            g_ptr_array_add(rows, (gpointer) row);
        }
    }
}

void
pf_reach_tell(PfReach *reach, const struct ovsdb_idl *idl,
              PfSwitchChanged changed, gpointer user)
{
    g_autoptr(GPtrArray) rows = g_ptr_array_new();
    gboolean everybody = FALSE;

    for (size_t i = 0; i < ovsrec_idl_class.n_tables; i++) {
        if (!is_a_port_s_own(&ovsrec_idl_class.tables[i])) {
            add_changed_rows(idl, &ovsrec_idl_class.tables[i], rows);
        }
    }
    if (!rows->len) {
        return;
    }

    g_autoptr(GHashTable) origins = find_origins(idl);
    for (guint i = 0; i < rows->len; i++) {
        const struct ovsdb_idl_row *row = rows->pdata[i];
        GHashTable *ports = find_ports(idl, row, origins);

        everybody |= !tell_row(reach, row, ports, changed, user);
    }
    if (everybody && changed) {
        changed(user, NULL);
    }
}

static gboolean
is_missing(gpointer uuid, gpointer concern_, gpointer idl)
{
    const struct concern *concern = concern_;
    const struct ovsdb_idl_row *row = ovsdb_idl_get_row_for_uuid(
        idl, concern->table, uuid);

    return !row || is_gone(row);
}

void
pf_reach_prune(PfReach *reach, const struct ovsdb_idl *idl)
{
    g_hash_table_foreach_remove(reach->rows, is_missing, (gpointer) idl);
}
