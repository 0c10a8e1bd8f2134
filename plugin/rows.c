/* SPDX-License-Identifier: Apache-2.0
 *
 * rows: any row of the replica, and of the open transaction.
 *
 * Open vSwitch's IDL shows within a transaction the rows that it has inserted
 * and the columns that it has written, but not its changes of single members
 * of sets and maps (partial updates): those are kept apart until the
 * transaction is sent.  Here they are seen, whoever has made them.  A row of
 * this transaction, and a column that it has written, is written as a whole;
 * single members of other sets and maps are changed as such.
 */
#include <config.h>

#include "rows.h"

#include <string.h>

#include "bitmap.h"
#include "datum.h"
#include "openvswitch/vlog.h"
#include "ovsdb-idl-provider.h"
#include "ovsdb-map-op.h"
#include "ovsdb-set-op.h"
#include "switch-private.h"
#include "uuid.h"

VLOG_DEFINE_THIS_MODULE(pf_rows);

/* ---- Tables and columns ------------------------------------------------- */

/* A PfRow is a row of the IDL. */
static const struct ovsdb_idl_row *
idl_row(const PfRow *row)
{
    return (const struct ovsdb_idl_row *) row;
}

static const PfRow *
pf_row(const struct ovsdb_idl_row *row)
{
    return (const PfRow *) row;
}

static const struct ovsdb_idl_table_class *
find_table(const char *name)
{
    for (size_t i = 0; i < ovsrec_idl_class.n_tables; i++) {
        if (!strcmp(ovsrec_idl_class.tables[i].name, name)) {
            return &ovsrec_idl_class.tables[i];
        }
    }
    return NULL;
}

static const struct ovsdb_idl_column *
find_column(const struct ovsdb_idl_table_class *table, const char *name)
{
    for (size_t i = 0; i < table->n_columns; i++) {
        if (!strcmp(table->columns[i].name, name)) {
            return &table->columns[i];
        }
    }
    return NULL;
}

static size_t
column_index(const struct ovsdb_idl_row *row,
             const struct ovsdb_idl_column *column)
{
    return column - row->table->class_->columns;
}

static gboolean
is_replicated(const struct ovsdb_idl_row *row,
              const struct ovsdb_idl_column *column)
{
    return (row->table->modes[column_index(row, column)]
            & OVSDB_IDL_MONITOR) != 0;
}

/* Whether this transaction has written 'column' as a whole. */
static gboolean
is_written(const struct ovsdb_idl_row *row,
           const struct ovsdb_idl_column *column)
{
    return row->written && bitmap_is_set(row->written,
                                         column_index(row, column));
}

/* Whether a change of 'column' is a change of configuration: neither what
 * ovs-vswitchd counts, nor a row that every port hangs on. */
static gboolean
is_tracked(const struct ovsdb_idl_table_class *table,
           const struct ovsdb_idl_column *column)
{
    return (table != &ovsrec_table_open_vswitch
            && table != &ovsrec_table_bridge
            && !g_str_has_suffix(column->name, "statistics")
            && !g_str_has_suffix(column->name, "status"));
}

/* Makes 'idl' replicate "TABLE.COLUMN"; returns FALSE if there is none. */
static gboolean
replicate(struct ovsdb_idl *idl, const char *name)
{
    const char *dot = strchr(name, '.');
    g_autofree char *table_name = dot ? g_strndup(name, dot - name) : NULL;
    const struct ovsdb_idl_table_class *table
        = dot ? find_table(table_name) : NULL;
    const struct ovsdb_idl_column *column
        = table ? find_column(table, dot + 1) : NULL;

    if (column && is_tracked(table, column)) {
        ovsdb_idl_track_add_column(idl, column);
    } else if (column) {
        ovsdb_idl_add_column(idl, column);
    }
    return column != NULL;
}

void
pf_rows_replicate(PfSwitch *sw, const char *const *columns)
{
    for (gsize i = 0; columns[i]; i++) {
        if (!replicate(sw->idl, columns[i])) {
            VLOG_WARN("%s: the schema of this Open vSwitch has no such "
                      "column, it reads as empty", columns[i]);
        }
    }
}

/* ---- Reading ------------------------------------------------------------ */

/* Lets 'datum' have what 'row' does to members of its column number 'i'. */
static void
apply_partial_updates(struct ovsdb_datum *datum,
                      const struct ovsdb_idl_row *row, size_t i)
{
    const struct ovsdb_type *type = &row->table->class_->columns[i].type;
    struct map_op_list *maps = row->map_op_lists ? row->map_op_lists[i] : NULL;
    struct set_op_list *sets = row->set_op_lists ? row->set_op_lists[i] : NULL;

    for (struct map_op *op = maps ? map_op_list_first(maps) : NULL; op;
         op = map_op_list_next(maps, op)) {
        const struct ovsdb_datum *member = map_op_datum(op);

        if (map_op_type(op) == MAP_OP_DELETE) {
            pf_datum_remove(datum, &member->keys[0], type);
        } else {
            pf_datum_put(datum, member, 0, type);
        }
    }
    for (struct set_op *op = sets ? set_op_list_first(sets) : NULL; op;
         op = set_op_list_next(sets, op)) {
        const struct ovsdb_datum *member = set_op_datum(op);

        if (set_op_type(op) == SET_OP_DELETE) {
            pf_datum_remove(datum, &member->keys[0], type);
        } else {
            pf_datum_put(datum, member, 0, type);
        }
    }
}

/* Stores in '*datum' the value of 'column' as the transaction, if one is open,
 * will leave it.  The caller destroys '*datum'. */
static void
read_column(const struct ovsdb_idl_row *row,
            const struct ovsdb_idl_column *column, struct ovsdb_datum *datum)
{
    if (column->type.key.type == OVSDB_TYPE_UUID && !row->old_datum
        && !is_written(row, column)) {
        /* A new row's default is a reference to nowhere, where there has to be
         * one. */
        ovsdb_datum_init_empty(datum);
    } else {
        ovsdb_datum_clone(datum, ovsdb_idl_read(row, column));
    }
    apply_partial_updates(datum, row, column_index(row, column));
}

/* Whether 'row' is there, and not deleted by the open transaction. */
static gboolean
row_exists(const struct ovsdb_idl_row *row)
{
    return row && row->new_datum;
}

/* Whether the only value of 'column' in 'row' is 'value'. */
static gboolean
column_is(const struct ovsdb_idl_row *row,
          const struct ovsdb_idl_column *column, const char *value)
{
    const struct ovsdb_datum *datum = ovsdb_idl_read(row, column);

    if (datum->n != 1) {
        return FALSE;
    }
    if (column->type.key.type == OVSDB_TYPE_UUID) {
        struct uuid uuid;

        return (uuid_from_string(&uuid, value)
                && uuid_equals(&uuid, &datum->keys[0].uuid));
    }
    return !strcmp(json_string(datum->keys[0].s), value);
}

const PfRow *
pf_rows_find(PfSwitch *sw, const char *table, const char *column,
             const char *value)
{
    const struct ovsdb_idl_table_class *t = find_table(table);
    const struct ovsdb_idl_column *c = t ? find_column(t, column) : NULL;
    const struct ovsdb_idl_row *row;

    if (c == &ovsrec_port_col_name) {
        return (const PfRow *) pf_switch_port_row(sw, value);
    }
    if (c == &ovsrec_interface_col_name) {
        return (const PfRow *) pf_switch_iface_row(sw, value);
    }
    if (!c || c->type.n_max != 1 || pf_datum_is_map(&c->type)
        || (c->type.key.type != OVSDB_TYPE_STRING
            && c->type.key.type != OVSDB_TYPE_UUID)) {
        return NULL;
    }
    for (row = ovsdb_idl_first_row(sw->idl, t); row;
         row = ovsdb_idl_next_row(row)) {
        if (column_is(row, c, value)) {
            return pf_row(row);
        }
    }
    return NULL;
}

const PfRow *
pf_rows_by_uuid(PfSwitch *sw, const char *table, const char *uuid)
{
    const struct ovsdb_idl_table_class *t = find_table(table);
    const struct ovsdb_idl_row *row = NULL;
    struct uuid u;

    if (t && uuid_from_string(&u, uuid)) {
        row = ovsdb_idl_get_row_for_uuid(sw->idl, t, &u);
    }
    return row_exists(row) ? pf_row(row) : NULL;
}

const PfRow *
pf_rows_next(PfSwitch *sw, const char *table, const PfRow *after)
{
    const struct ovsdb_idl_table_class *t = after ? NULL : find_table(table);

    return pf_row(after ? ovsdb_idl_next_row(idl_row(after))
                  : t ? ovsdb_idl_first_row(sw->idl, t) : NULL);
}

char *
pf_row_uuid(const PfRow *row)
{
    return g_strdup_printf(UUID_FMT, UUID_ARGS(&idl_row(row)->uuid));
}

/* The column of that name, if it can be read; otherwise it is absent. */
static const struct ovsdb_idl_column *
readable_column(const struct ovsdb_idl_row *row, const char *name)
{
    const struct ovsdb_idl_column *c = find_column(row->table->class_, name);

    if (!c || !row_exists(row)) {
        return NULL;
    }
    if (!is_replicated(row, c) && row->old_datum) {
        static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 5);

        VLOG_WARN_RL(&rl, "%s.%s is read, but is not among the columns of "
                     "the extension that reads it", row->table->class_->name,
                     name);
        return NULL;
    }
    return c;
}

GVariant *
pf_row_get(const PfRow *row_, const char *column)
{
    const struct ovsdb_idl_row *row = idl_row(row_);
    const struct ovsdb_idl_column *c = readable_column(row, column);
    struct ovsdb_datum datum;
    GVariant *value;

    if (!c) {
        return NULL;
    }
    read_column(row, c, &datum);
    value = pf_datum_to_variant(&datum, &c->type);
    ovsdb_datum_destroy(&datum, &c->type);
    return value ? g_variant_ref_sink(value) : NULL;
}

char *
pf_row_get_key(const PfRow *row_, const char *column, const char *key)
{
    const struct ovsdb_idl_row *row = idl_row(row_);
    const struct ovsdb_idl_column *c = readable_column(row, column);
    struct ovsdb_datum datum;
    char *value = NULL;

    if (!c || !pf_datum_is_map(&c->type)) {
        return NULL;
    }
    read_column(row, c, &datum);
    value = pf_datum_get_key(&datum, &c->type, key);
    ovsdb_datum_destroy(&datum, &c->type);
    return value;
}

/* ---- Writing: whether it may be ----------------------------------------- */

/* A column of a row that is to be written. */
struct target {
    const struct ovsdb_idl_row *row;
    const struct ovsdb_idl_column *column;
    const struct ovsdb_type *type;
    const char *where;          /* Table and column, for messages. */
};

/* Why 't' may not be written, or NULL. */
static const char *
refusal(const struct target *t)
{
    if (!row_exists(t->row)) {
        return "this transaction has deleted the row";
    }
    if (!t->row->old_datum) {
        return NULL;
    }
    if (!t->column->is_mutable) {
        return "cannot be changed once the row is there";
    }
    if (!is_replicated(t->row, t->column)) {
        return "is not among the columns of the extension that writes it";
    }
    return NULL;
}

/* Fills in '*t' for 'column' of 'row', and stores the text that t->where
 * points to in '*where', which the caller frees. */
static gboolean
find_target(const PfRow *row, const char *column, struct target *t,
            char **where, GError **error)
{
    const struct ovsdb_idl_table_class *table = idl_row(row)->table->class_;
    const char *why;

    t->row = idl_row(row);
    t->column = find_column(table, column);
    t->where = *where = g_strdup_printf("%s column '%.64s'", table->name,
                                        column);
    t->type = t->column ? &t->column->type : NULL;
    why = t->column ? refusal(t) : "there is no such column";
    if (why) {
        g_set_error(error, PF_SWITCH_ERROR, PF_SWITCH_ERROR_VALUE, "%s: %s",
                    t->where, why);
    }
    return !why;
}

/* Whether the row that 'atom', of 'base', refers to is there: a reference to
 * one that is not would fail the transaction, and those of others with it. */
static gboolean
check_reference(const PfTxn *txn, const struct target *t,
                const union ovsdb_atom *atom,
                const struct ovsdb_base_type *base, GError **error)
{
    const char *table = (base->type == OVSDB_TYPE_UUID
                         ? base->uuid.refTableName : NULL);
    const struct ovsdb_idl_table_class *class
        = table ? find_table(table) : NULL;

    if (class && !row_exists(ovsdb_idl_get_row_for_uuid(txn->sw->idl, class,
                                                        &atom->uuid))) {
        g_set_error(error, PF_SWITCH_ERROR, PF_SWITCH_ERROR_VALUE,
                    "%s: "UUID_FMT" is not in table %s", t->where,
                    UUID_ARGS(&atom->uuid), table);
        return FALSE;
    }
    return TRUE;
}

static gboolean
check_references(const PfTxn *txn, const struct target *t,
                 const struct ovsdb_datum *datum, GError **error)
{
    for (unsigned int i = 0; i < datum->n; i++) {
        if (!check_reference(txn, t, &datum->keys[i], &t->type->key, error)
            || (datum->values
                && !check_reference(txn, t, &datum->values[i],
                                    &t->type->value, error))) {
            return FALSE;
        }
    }
    return TRUE;
}

/* ---- Writing ------------------------------------------------------------ */

/* Forgets what this transaction does to members of the column. */
static void
drop_partial_updates(const struct target *t)
{
    struct ovsdb_idl_row *row = CONST_CAST(struct ovsdb_idl_row *, t->row);
    size_t i = column_index(row, t->column);

    if (row->map_op_lists && row->map_op_lists[i]) {
        map_op_list_destroy(row->map_op_lists[i], t->type);
        row->map_op_lists[i] = NULL;
        bitmap_set0(row->map_op_written, i);
    }
    if (row->set_op_lists && row->set_op_lists[i]) {
        set_op_list_destroy(row->set_op_lists[i], t->type);
        row->set_op_lists[i] = NULL;
        bitmap_set0(row->set_op_written, i);
    }
}

/* Lets the transaction fail, and be tried again, if somebody deletes the row
 * meanwhile: else what is written to it would pass as written. */
static void
verify_presence(const struct target *t)
{
    const struct ovsdb_idl_column *name
        = find_column(t->row->table->class_, "name");

    ovsdb_idl_txn_verify(t->row, name && is_replicated(t->row, name)
                         ? name : t->column);
}

/* Member 'i' of 'datum' alone, as partial updates want it; with 'key_only'
 * without its value. */
static struct ovsdb_datum *
single_member(const struct ovsdb_datum *datum, unsigned int i,
              const struct ovsdb_type *type, gboolean key_only)
{
    struct ovsdb_datum *member = xmalloc(sizeof *member);

    ovsdb_datum_init_empty(member);
    member->n = 1;
    member->keys = xmalloc(sizeof *member->keys);
    ovsdb_atom_clone(member->keys, &datum->keys[i], type->key.type);
    if (datum->values && !key_only) {
        member->values = xmalloc(sizeof *member->values);
        ovsdb_atom_clone(member->values, &datum->values[i],
                         type->value.type);
    }
    return member;
}

/* Brings the column to 'wanted' by changing the members that differ from what
 * is in the database, and no others. */
static void
write_members(const struct target *t, const struct ovsdb_datum *wanted)
{
    const struct ovsdb_datum *present = ovsdb_idl_read(t->row, t->column);
    gboolean is_map = pf_datum_is_map(t->type);
    enum ovsdb_atomic_type type = t->type->key.type;
    unsigned int pos;

    drop_partial_updates(t);
    verify_presence(t);
    for (unsigned int i = 0; i < present->n; i++) {
        if (ovsdb_datum_find_key(wanted, &present->keys[i], type, NULL)) {
            continue;
        }
        struct ovsdb_datum *gone = single_member(present, i, t->type, TRUE);
        if (is_map) {
            ovsdb_idl_txn_delete_partial_map(t->row, t->column, gone);
        } else {
            ovsdb_idl_txn_delete_partial_set(t->row, t->column, gone);
        }
    }
    for (unsigned int i = 0; i < wanted->n; i++) {
        if (ovsdb_datum_find_key(present, &wanted->keys[i], type, &pos)
            && (!is_map || ovsdb_atom_equals(&present->values[pos],
                                             &wanted->values[i],
                                             t->type->value.type))) {
            continue;
        }
        struct ovsdb_datum *new = single_member(wanted, i, t->type, FALSE);
        if (is_map) {
            ovsdb_idl_txn_write_partial_map(t->row, t->column, new);
        } else {
            ovsdb_idl_txn_write_partial_set(t->row, t->column, new);
        }
    }
}

/* Brings the column to 'wanted', which it takes over, as a whole: if it is not
 * as the replica has it by then, the transaction is tried again. */
static void
write_whole(const struct target *t, struct ovsdb_datum *wanted)
{
    drop_partial_updates(t);
    ovsdb_idl_txn_verify(t->row, t->column);
    ovsdb_idl_txn_write(t->row, t->column, wanted);
}

/* Whether members of the column may be changed as such. */
static gboolean
takes_members(const struct target *t)
{
    return (t->row->old_datum && t->type->n_min == 0 && t->type->n_max > 1
            && !is_written(t->row, t->column));
}

/* Brings the column to 'wanted', which it takes over, unless it is that
 * already: as a whole, or where it can be done by single members. */
static gboolean
write_column(const PfTxn *txn, const struct target *t,
             struct ovsdb_datum *wanted, gboolean whole, GError **error)
{
    struct ovsdb_datum present;
    gboolean ok = TRUE;

    read_column(t->row, t->column, &present);
    if (!ovsdb_datum_equals(&present, wanted, t->type)) {
        ok = ovsdb_idl_server_has_column(txn->sw->idl, t->column);
        if (!ok) {
            g_set_error(error, PF_SWITCH_ERROR, PF_SWITCH_ERROR_VALUE,
                        "%s: the schema of this Open vSwitch has no such "
                        "column", t->where);
        } else if (whole || !takes_members(t)) {
            write_whole(t, wanted);
            ovsdb_datum_init_empty(wanted);
        } else {
            write_members(t, wanted);
        }
    }
    ovsdb_datum_destroy(&present, t->type);
    ovsdb_datum_destroy(wanted, t->type);
    return ok;
}

const PfRow *
pf_row_insert(PfTxn *txn, const char *table, GError **error)
{
    const struct ovsdb_idl_table_class *t = find_table(table);

    if (!t) {
        g_set_error(error, PF_SWITCH_ERROR, PF_SWITCH_ERROR_VALUE,
                    "the switch's schema has no table '%.64s'", table);
        return NULL;
    }
    return pf_row(ovsdb_idl_txn_insert(txn->sw->commits.txn, t, NULL));
}

gboolean
pf_row_set(PfTxn *txn, const PfRow *row, const char *column,
           GVariant *value_, GError **error)
{
    g_autoptr(GVariant) value = value_ ? g_variant_ref_sink(value_) : NULL;
    g_autofree char *where = NULL;
    struct ovsdb_datum wanted;
    struct target t;

    if (!find_target(row, column, &t, &where, error)
        || !pf_datum_from_variant(&wanted, t.type, where, value, error)) {
        return FALSE;
    }
    if (!check_references(txn, &t, &wanted, error)) {
        ovsdb_datum_destroy(&wanted, t.type);
        return FALSE;
    }
    return write_column(txn, &t, &wanted, TRUE, error);
}

/* Whether 't' is a map of strings, and takes 'key' and 'value'. */
static gboolean
check_strings(const struct target *t, const char *key, const char *value,
              GError **error)
{
    const char *why = NULL;

    if (t->type->key.type != OVSDB_TYPE_STRING
        || t->type->value.type != OVSDB_TYPE_STRING) {
        why = "is not a map of strings";
    } else if (!g_utf8_validate(key, -1, NULL)
               || (value && !g_utf8_validate(value, -1, NULL))) {
        why = "key or value is not UTF-8";
    }
    if (why) {
        g_set_error(error, PF_SWITCH_ERROR, PF_SWITCH_ERROR_VALUE, "%s: %s",
                    t->where, why);
    }
    return !why;
}

gboolean
pf_row_set_key(PfTxn *txn, const PfRow *row, const char *column,
               const char *key, const char *value, GError **error)
{
    g_autofree char *where = NULL;
    struct ovsdb_datum wanted, member;
    struct target t;

    if (!find_target(row, column, &t, &where, error)
        || !check_strings(&t, key, value, error)) {
        return FALSE;
    }

    GVariantDict dict;
    g_variant_dict_init(&dict, NULL);
    g_variant_dict_insert(&dict, key, "s", value ? value : "");
    g_autoptr(GVariant) map = g_variant_ref_sink(g_variant_dict_end(&dict));
    if (!pf_datum_from_variant(&member, t.type, where, map, error)) {
        return FALSE;
    }
    read_column(t.row, t.column, &wanted);
    if (value) {
        pf_datum_put(&wanted, &member, 0, t.type);
    } else {
        pf_datum_remove(&wanted, &member.keys[0], t.type);
    }
    ovsdb_datum_destroy(&member, t.type);
    return write_column(txn, &t, &wanted, FALSE, error);
}

gboolean
pf_row_set_member(PfTxn *txn, const PfRow *row, const char *column,
                  GVariant *member_, gboolean is_member, GError **error)
{
    g_autoptr(GVariant) value = g_variant_ref_sink(member_);
    g_autofree char *where = NULL;
    struct ovsdb_datum wanted, member;
    struct target t;

    if (!find_target(row, column, &t, &where, error)) {
        return FALSE;
    }
    if (pf_datum_is_map(t.type)) {
        g_set_error(error, PF_SWITCH_ERROR, PF_SWITCH_ERROR_VALUE,
                    "%s: is not a set", where);
        return FALSE;
    }
    if (!pf_datum_from_member(&member, t.type, where, value, error)) {
        return FALSE;
    }
    read_column(t.row, t.column, &wanted);
    if (is_member) {
        pf_datum_put(&wanted, &member, 0, t.type);
    } else {
        pf_datum_remove(&wanted, &member.keys[0], t.type);
    }
    if ((is_member && !check_references(txn, &t, &member, error))
        || !pf_datum_check_size(&wanted, t.type, where, error)) {
        ovsdb_datum_destroy(&member, t.type);
        ovsdb_datum_destroy(&wanted, t.type);
        return FALSE;
    }
    ovsdb_datum_destroy(&member, t.type);
    return write_column(txn, &t, &wanted, FALSE, error);
}

void
pf_row_remove(PfTxn *txn G_GNUC_UNUSED, const PfRow *row)
{
    if (row_exists(idl_row(row))) {
        ovsdb_idl_txn_delete(idl_row(row));
    }
}
