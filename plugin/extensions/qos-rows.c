/* SPDX-License-Identifier: Apache-2.0
 *
 * qos-rows: QoS and Queue rows.  See qos-rows.h.
 */
#include <config.h>

#include "plugin/extensions/qos-rows.h"

#include <string.h>

G_DEFINE_QUARK(pf-qos-error-quark, pf_qos_error)

#define KEY_PREFIX "portferry-"
#define KEY_MADE KEY_PREFIX "qos"
#define KEY_KEPT_PREFIX KEY_PREFIX "kept-"
/* libvirt's. */
#define KEY_VM_ID "vm-id"
#define KEY_IFNAME "ifname"

const PfHost *pf_qos_host;

/* ---- Values ------------------------------------------------------------- */

static gboolean
is_own_key(const char *key)
{
    return (!g_str_has_prefix(key, KEY_PREFIX) && strcmp(key, KEY_VM_ID)
            && strcmp(key, KEY_IFNAME));
}

/* Column 'column' of 'row' as a string, "" if it is absent. */
static char *
get_string(const PfRow *row, const char *column)
{
    g_autoptr(GVariant) value = pf_qos_host->get(row, column);

    return g_strdup(value ? g_variant_get_string(value, NULL) : "");
}

static gint
compare_keys(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *) a, *(const char *const *) b);
}

/* 'value' with the keys of all its dictionaries in order; floating, if it is
 * a dictionary. */
static GVariant *
canonical(GVariant *value)
{
    g_autoptr(GPtrArray) keys = NULL;
    GVariantBuilder b;
    GVariantIter iter;
    const char *key;

    if (!g_variant_is_of_type(value, G_VARIANT_TYPE_VARDICT)) {
        return value;
    }
    keys = g_ptr_array_new();
    g_variant_iter_init(&iter, value);
    while (g_variant_iter_next(&iter, "{&sv}", &key, NULL)) {
        g_ptr_array_add(keys, (gpointer) key);
    }
    g_ptr_array_sort(keys, compare_keys);
    g_variant_builder_init(&b, G_VARIANT_TYPE_VARDICT);
    for (guint i = 0; i < keys->len; i++) {
        g_autoptr(GVariant) member = g_variant_lookup_value(
            value, keys->pdata[i], NULL);

        g_variant_builder_add(&b, "{sv}", keys->pdata[i], canonical(member));
    }
    return g_variant_builder_end(&b);
}

gboolean
pf_qos_is_equal(GVariant *a, GVariant *b)
{
    g_autoptr(GVariant) x = g_variant_ref_sink(canonical(a));
    g_autoptr(GVariant) y = g_variant_ref_sink(canonical(b));

    return g_variant_equal(x, y);
}

/* ---- Rows as policies --------------------------------------------------- */

const PfRow *
pf_qos_port_row(PfTxn *txn, const PfQosPort *p)
{
    return pf_qos_host->find(txn, "Port", "name", p->name);
}

const PfRow *
pf_qos_of(PfTxn *txn, const PfRow *port)
{
    g_autoptr(GVariant) uuid = port ? pf_qos_host->get(port, "qos") : NULL;

    return uuid ? pf_qos_host->by_uuid(txn, "QoS",
                                       g_variant_get_string(uuid, NULL))
                : NULL;
}

gboolean
pf_qos_is_libvirts(const PfRow *row, const PfQosPort *p)
{
    g_autofree char *vm = pf_qos_host->get_key(row, "external_ids",
                                               KEY_VM_ID);
    g_autofree char *ifname = NULL;

    if (!vm || !p->domain_uuid || g_ascii_strcasecmp(vm, p->domain_uuid)) {
        return FALSE;
    }
    ifname = pf_qos_host->get_key(row, "external_ids", KEY_IFNAME);
    return ifname && !strcmp(ifname, p->name);
}

/* Adds map 'column' of 'row' to 'b', if anything of it is the user's. */
static void
add_map(GVariantBuilder *b, const PfRow *row, const char *column)
{
    g_autoptr(GVariant) map = pf_qos_host->get(row, column);
    gboolean are_ids = !strcmp(column, "external_ids");
    GVariantDict dict;
    GVariantIter iter;
    const char *key;
    GVariant *value;
    gsize n = 0;

    if (!map) {
        return;
    }
    g_variant_dict_init(&dict, NULL);
    g_variant_iter_init(&iter, map);
    while (g_variant_iter_next(&iter, "{&sv}", &key, &value)) {
        if (!are_ids || is_own_key(key)) {
            g_variant_dict_insert_value(&dict, key, value);
            n++;
        }
        g_variant_unref(value);
    }
    if (n) {
        g_variant_builder_add(b, "{sv}", column, g_variant_dict_end(&dict));
    } else {
        g_variant_dict_clear(&dict);
    }
}

static GVariant *
queue_content(const PfRow *row)
{
    g_autoptr(GVariant) dscp = pf_qos_host->get(row, "dscp");
    GVariantBuilder b;

    g_variant_builder_init(&b, G_VARIANT_TYPE_VARDICT);
    if (dscp) {
        g_variant_builder_add(&b, "{sv}", "dscp", dscp);
    }
    add_map(&b, row, "other_config");
    add_map(&b, row, "external_ids");
    return g_variant_builder_end(&b);
}

/* The contents of QoS row 'row', floating. */
static GVariant *
row_content(PfTxn *txn, const PfRow *row)
{
    g_autofree char *type = get_string(row, "type");
    g_autoptr(GVariant) queues = pf_qos_host->get(row, "queues");
    GVariantBuilder b, numbers;
    GVariantIter iter;
    const char *number;
    GVariant *value;

    g_variant_builder_init(&b, G_VARIANT_TYPE_VARDICT);
    g_variant_builder_add(&b, "{sv}", "type", g_variant_new_string(type));
    add_map(&b, row, "other_config");
    add_map(&b, row, "external_ids");
    if (queues) {
        g_variant_builder_init(&numbers, G_VARIANT_TYPE_VARDICT);
        g_variant_iter_init(&iter, queues);
        while (g_variant_iter_next(&iter, "{&sv}", &number, &value)) {
            g_autoptr(GVariant) uuid = value;
            const PfRow *queue = pf_qos_host->by_uuid(
                txn, "Queue", g_variant_get_string(uuid, NULL));

            if (queue) {
                g_variant_builder_add(&numbers, "{sv}", number,
                                      queue_content(queue));
            }
        }
        g_variant_builder_add(&b, "{sv}", "queues",
                              g_variant_builder_end(&numbers));
    }
    return g_variant_builder_end(&b);
}

/* The identity of QoS row 'row'. */
static char *
row_key(const PfRow *row)
{
    char *key = pf_qos_host->get_key(row, "external_ids", KEY_MADE);

    return key ? key : pf_qos_host->uuid(row);
}

/* Whether libvirt's QoS row 'row' has queues that libvirt does not make: an
 * operator's, for rules that set a queue of a port with <bandwidth>. */
static gboolean
is_extended(const PfRow *row)
{
    g_autoptr(GVariant) queues = pf_qos_host->get(row, "queues");

    return queues && g_variant_n_children(queues) > 1;
}

GVariant *
pf_qos_policies(PfTxn *txn, const PfRow *row, const PfQosPort *p)
{
    g_autofree char *key = NULL;
    g_autoptr(GVariant) unsorted = NULL;
    g_autoptr(GVariant) whole = NULL;
    GVariantBuilder b;

    g_variant_builder_init(&b, G_VARIANT_TYPE_VARDICT);
    if (row) {
        key = row_key(row);
        g_variant_builder_add(&b, "{sv}", "key", g_variant_new_string(key));
        g_variant_builder_add(&b, "{sv}", "qos", row_content(txn, row));
    }
    unsorted = g_variant_ref_sink(g_variant_builder_end(&b));
    whole = g_variant_ref_sink(canonical(unsorted));
    if (!row || !pf_qos_is_libvirts(row, p) || is_extended(row)) {
        return g_steal_pointer(&whole);
    }
    g_variant_builder_init(&b, G_VARIANT_TYPE_VARDICT);
    g_variant_builder_add(&b, "{sv}", "libvirt", g_variant_new_boolean(TRUE));
    g_variant_builder_add(&b, "{sv}", "min-rate",
                          g_variant_new_int64(MIN(pf_qos_reserved(whole),
                                                  G_MAXINT64)));
    return g_variant_ref_sink(g_variant_builder_end(&b));
}

gboolean
pf_qos_has(PfTxn *txn, const PfRow *row, const PfQosPort *p,
           GVariant *policies)
{
    if (g_variant_lookup(policies, "qos", "@a{sv}", NULL)) {
        g_autoptr(GVariant) has = pf_qos_policies(txn, row, p);

        return pf_qos_is_equal(has, policies);
    }
    /* libvirt has made its own, or will, or has none to make. */
    return (g_variant_lookup(policies, "libvirt", "b", NULL)
            || !row || pf_qos_is_libvirts(row, p));
}

/* ---- Reservations ------------------------------------------------------- */

static guint64
add(guint64 a, guint64 b)
{
    return a > G_MAXUINT64 - b ? G_MAXUINT64 : a + b;
}

/* 'text' as a number, 0 if it is none: as Open vSwitch takes it. */
static guint64
number(const char *text)
{
    guint64 n = 0;

    g_ascii_string_to_unsigned(text, 10, 0, G_MAXUINT64, &n, NULL);
    return n;
}

gboolean
pf_qos_has_classes(const char *type)
{
    return !strcmp(type, "linux-htb") || !strcmp(type, "linux-hfsc");
}

guint64
pf_qos_reserved(GVariant *policies)
{
    g_autoptr(GVariant) qos = g_variant_lookup_value(
        policies, "qos", G_VARIANT_TYPE_VARDICT);
    g_autoptr(GVariant) queues = NULL;
    GVariantIter iter;
    GVariant *value;
    const char *text;
    gint64 given = 0;
    guint64 sum = 0;

    if (!qos) {
        g_variant_lookup(policies, "min-rate", "x", &given);
        return MAX(given, 0);
    }
    queues = g_variant_lookup_value(qos, "queues", G_VARIANT_TYPE_VARDICT);
    if (!queues || !g_variant_lookup(qos, "type", "&s", &text)
        || !pf_qos_has_classes(text)) {
        return 0;
    }
    g_variant_iter_init(&iter, queues);
    while (g_variant_iter_next(&iter, "{&sv}", NULL, &value)) {
        g_autoptr(GVariant) queue = value;
        g_autoptr(GVariant) config = g_variant_lookup_value(
            queue, "other_config", G_VARIANT_TYPE_VARDICT);

        if (config && g_variant_lookup(config, "min-rate", "&s", &text)) {
            sum = add(sum, number(text));
        }
    }
    return sum;
}

/* The same of QoS row 'row', without a look at all that it has: there may be
 * thousands of them on a bridge. */
static guint64
row_reserved(PfTxn *txn, const PfRow *row)
{
    g_autofree char *type = get_string(row, "type");
    g_autoptr(GVariant) queues = (pf_qos_has_classes(type)
                                  ? pf_qos_host->get(row, "queues") : NULL);
    GVariantIter iter;
    GVariant *value;
    guint64 sum = 0;

    if (!queues) {
        return 0;
    }
    g_variant_iter_init(&iter, queues);
    while (g_variant_iter_next(&iter, "{&sv}", NULL, &value)) {
        g_autoptr(GVariant) uuid = value;
        const PfRow *queue = pf_qos_host->by_uuid(
            txn, "Queue", g_variant_get_string(uuid, NULL));
        g_autofree char *rate = queue ? pf_qos_host->get_key(
            queue, "other_config", "min-rate") : NULL;

        sum = add(sum, rate ? number(rate) : 0);
    }
    return sum;
}

/* What Port row 'port' reserves. */
static guint64
port_reserved(PfTxn *txn, const PfRow *port)
{
    const PfRow *row = pf_qos_of(txn, port);

    if (!row) {
        g_autofree char *coming = pf_qos_host->get_key(
            port, "external_ids", PF_QOS_KEY_RESERVED);
        g_autofree char *role = pf_qos_host->get_key(port, "external_ids",
                                                     "portferry-role");

        /* Where guest_runs was never called, it is left over. */
        return coming && role ? number(coming) : 0;
    }
    return row_reserved(txn, row);
}

guint64
pf_qos_spent(PfTxn *txn, const char *bridge, const char *except)
{
    const PfRow *br = pf_qos_host->find(txn, "Bridge", "name", bridge);
    g_autoptr(GVariant) ports = br ? pf_qos_host->get(br, "ports") : NULL;
    GVariantIter iter;
    GVariant *value;
    guint64 sum = 0;

    if (!ports) {
        return 0;
    }
    g_variant_iter_init(&iter, ports);
    while (g_variant_iter_next(&iter, "v", &value)) {
        g_autoptr(GVariant) uuid = value;
        const PfRow *port = pf_qos_host->by_uuid(
            txn, "Port", g_variant_get_string(uuid, NULL));
        g_autofree char *name = port ? get_string(port, "name") : NULL;

        if (name && strcmp(name, except)) {
            sum = add(sum, port_reserved(txn, port));
        }
    }
    return sum;
}

/* ---- Making rows -------------------------------------------------------- */

/* Sets what QoS and Queue rows have in common: the maps of 'content', and
 * whose row this is. */
static gboolean
write_maps(PfTxn *txn, const PfRow *row, GVariant *content, const char *key,
           GError **error)
{
    g_autoptr(GVariant) config = g_variant_lookup_value(
        content, "other_config", G_VARIANT_TYPE_VARDICT);
    g_autoptr(GVariant) user = g_variant_lookup_value(
        content, "external_ids", G_VARIANT_TYPE_VARDICT);
    GVariantDict ids;

    g_variant_dict_init(&ids, user);
    g_variant_dict_insert(&ids, KEY_MADE, "s", key);
    return (pf_qos_host->set(txn, row, "external_ids",
                             g_variant_dict_end(&ids), error)
            && (!config || pf_qos_host->set(txn, row, "other_config", config,
                                            error)));
}

/* A new Queue row; NULL with '*error' set if that fails. */
static const PfRow *
insert_queue(PfTxn *txn, GVariant *content, const char *key, GError **error)
{
    const PfRow *row = pf_qos_host->insert(txn, "Queue", error);
    g_autoptr(GVariant) dscp = g_variant_lookup_value(
        content, "dscp", G_VARIANT_TYPE_INT64);

    if (!row || !write_maps(txn, row, content, key, error)
        || (dscp && !pf_qos_host->set(txn, row, "dscp", dscp, error))) {
        return NULL;
    }
    return row;
}

/* New Queue rows for 'queues' of policies: what the column of that name gets,
 * floating; NULL with '*error' set if that fails. */
static GVariant *
insert_queues(PfTxn *txn, GVariant *queues, const char *key, GError **error)
{
    GVariantBuilder b;
    GVariantIter iter;
    const char *n;
    GVariant *value;

    g_variant_builder_init(&b, G_VARIANT_TYPE_VARDICT);
    g_variant_iter_init(&iter, queues);
    while (g_variant_iter_next(&iter, "{&sv}", &n, &value)) {
        g_autoptr(GVariant) content = value;
        const PfRow *queue = insert_queue(txn, content, key, error);
        g_autofree char *uuid = queue ? pf_qos_host->uuid(queue) : NULL;

        if (!queue) {
            g_variant_builder_clear(&b);
            return NULL;
        }
        g_variant_builder_add(&b, "{sv}", n, g_variant_new_string(uuid));
    }
    return g_variant_builder_end(&b);
}

static const PfRow *
insert_row(PfTxn *txn, GVariant *content, const char *key, GError **error)
{
    const PfRow *row = pf_qos_host->insert(txn, "QoS", error);
    g_autoptr(GVariant) type = g_variant_lookup_value(
        content, "type", G_VARIANT_TYPE_STRING);
    g_autoptr(GVariant) queues = g_variant_lookup_value(
        content, "queues", G_VARIANT_TYPE_VARDICT);

    if (!row || !write_maps(txn, row, content, key, error)
        || (type && !pf_qos_host->set(txn, row, "type", type, error))) {
        return NULL;
    }
    if (queues) {
        GVariant *map = insert_queues(txn, queues, key, error);

        if (!map || !pf_qos_host->set(txn, row, "queues", map, error)) {
            return NULL;
        }
    }
    return row;
}

/* Whether 'row' may be shared by a port whose policies are 'content'. */
static gboolean
is_shareable(PfTxn *txn, const PfRow *row, GVariant *content)
{
    g_autofree char *vm = pf_qos_host->get_key(row, "external_ids",
                                               KEY_VM_ID);
    g_autoptr(GVariant) has = g_variant_ref_sink(row_content(txn, row));

    return !vm && pf_qos_is_equal(has, content);
}

/* The row of this host that has the key and the contents, or NULL. */
static const PfRow *
find_shared(PfTxn *txn, const char *key, GVariant *content)
{
    const PfRow *row = pf_qos_host->by_uuid(txn, "QoS", key);

    if (row && is_shareable(txn, row, content)) {
        return row;
    }
    for (row = pf_qos_host->next(txn, "QoS", NULL); row;
         row = pf_qos_host->next(txn, "QoS", row)) {
        g_autofree char *made = pf_qos_host->get_key(row, "external_ids",
                                                     KEY_MADE);

        if (made && !strcmp(made, key) && is_shareable(txn, row, content)) {
            return row;
        }
    }
    return NULL;
}

gboolean
pf_qos_attach(PfTxn *txn, const PfRow *port, GVariant *policies,
              GError **error)
{
    g_autoptr(GVariant) content = g_variant_lookup_value(
        policies, "qos", G_VARIANT_TYPE_VARDICT);
    const char *key = NULL;
    const PfRow *row;

    g_variant_lookup(policies, "key", "&s", &key);
    row = find_shared(txn, key, content);
    if (!row) {
        row = insert_row(txn, content, key, error);
    }
    if (!row) {
        return FALSE;
    }
    g_autofree char *uuid = pf_qos_host->uuid(row);
    return pf_qos_host->set(txn, port, "qos", g_variant_new_string(uuid),
                            error);
}

/* ---- Rows that a port has left ------------------------------------------ */

const PfRow *
pf_qos_left(PfTxn *txn, const PfQosPort *p, GVariant *policies)
{
    g_autoptr(GVariant) content = g_variant_lookup_value(
        policies, "qos", G_VARIANT_TYPE_VARDICT);
    const char *key = NULL;
    const PfRow *row = NULL;

    if (content && g_variant_lookup(policies, "key", "&s", &key)) {
        return find_shared(txn, key, content);
    }
    if (g_variant_lookup(policies, "libvirt", "b", NULL)) {
        while ((row = pf_qos_host->next(txn, "QoS", row)) != NULL
               && !pf_qos_is_libvirts(row, p)) {
            continue;
        }
    }
    return row;
}

static char *
kept_key(const PfQosPort *p)
{
    return g_strconcat(KEY_KEPT_PREFIX, p->name, NULL);
}

gboolean
pf_qos_keep(PfTxn *txn, const PfRow *row, const PfQosPort *p, GError **error)
{
    g_autofree char *key = kept_key(p);

    return pf_qos_host->set_key(txn, row, "external_ids", key, "true", error);
}

/* The next row after 'row' that is kept for the port. */
static const PfRow *
next_kept(PfTxn *txn, const PfRow *row, const char *key)
{
    while ((row = pf_qos_host->next(txn, "QoS", row)) != NULL) {
        g_autofree char *kept = pf_qos_host->get_key(row, "external_ids",
                                                     key);
        if (kept) {
            return row;
        }
    }
    return NULL;
}

const PfRow *
pf_qos_kept(PfTxn *txn, const PfQosPort *p)
{
    g_autofree char *key = kept_key(p);

    return next_kept(txn, NULL, key);
}

gboolean
pf_qos_unkeep(PfTxn *txn, const PfQosPort *p, GHashTable *uuids,
              GError **error)
{
    g_autofree char *key = kept_key(p);
    const PfRow *row = NULL;

    while ((row = next_kept(txn, row, key)) != NULL) {
        if (!pf_qos_host->set_key(txn, row, "external_ids", key, NULL,
                                  error)) {
            return FALSE;
        }
        if (uuids) {
            g_hash_table_add(uuids, pf_qos_host->uuid(row));
        }
    }
    return TRUE;
}

static gboolean
is_kept(const PfRow *row)
{
    g_autoptr(GVariant) ids = pf_qos_host->get(row, "external_ids");
    GVariantIter iter;
    const char *key;

    if (ids) {
        g_variant_iter_init(&iter, ids);
        while (g_variant_iter_next(&iter, "{&sv}", &key, NULL)) {
            if (g_str_has_prefix(key, KEY_KEPT_PREFIX)) {
                return TRUE;
            }
        }
    }
    return FALSE;
}

/* ---- Deleting what nobody uses ------------------------------------------ */

static GHashTable *
new_set(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
}

/* The UUIDs of the QoS rows that a Port refers to. */
static GHashTable *
used_rows(PfTxn *txn)
{
    GHashTable *used = new_set();
    const PfRow *port = NULL;

    while ((port = pf_qos_host->next(txn, "Port", port)) != NULL) {
        g_autoptr(GVariant) uuid = pf_qos_host->get(port, "qos");

        if (uuid) {
            g_hash_table_add(used, g_variant_dup_string(uuid, NULL));
        }
    }
    return used;
}

/* Adds the UUIDs of the Queues of QoS row 'row' to 'set'. */
static void
add_queues(const PfRow *row, GHashTable *set)
{
    g_autoptr(GVariant) queues = pf_qos_host->get(row, "queues");
    GVariantIter iter;
    GVariant *uuid;

    if (queues) {
        g_variant_iter_init(&iter, queues);
        while (g_variant_iter_next(&iter, "{&sv}", NULL, &uuid)) {
            g_hash_table_add(set, g_variant_dup_string(uuid, NULL));
            g_variant_unref(uuid);
        }
    }
}

/* libvirt shall not take 'row' for one of its own any more. */
static gboolean
disown(PfTxn *txn, const PfRow *row, GError **error)
{
    return (pf_qos_host->set_key(txn, row, "external_ids", KEY_VM_ID, NULL,
                                 error)
            && pf_qos_host->set_key(txn, row, "external_ids", KEY_IFNAME,
                                    NULL, error));
}

/* Deletes the rows of 'table' (QoS or Queue) that are not in 'used', and not
 * kept, and that are in 'freed' (may be NULL), or made by Portferry, or
 * libvirt's of 'stale' (may be NULL).  libvirt's that are used are disowned,
 * unless 'live'.  Adds the Queues of deleted QoS rows to 'queues' (NULL for
 * table Queue). */
static gboolean
clean_table(PfTxn *txn, const char *table, GHashTable *used,
            GHashTable *freed, const PfQosPort *stale, gboolean live,
            GHashTable *queues, GError **error)
{
    g_autoptr(GPtrArray) unused = g_ptr_array_new();
    const PfRow *row = NULL;

    while ((row = pf_qos_host->next(txn, table, row)) != NULL) {
        g_autofree char *uuid = pf_qos_host->uuid(row);
        g_autofree char *made = pf_qos_host->get_key(row, "external_ids",
                                                     KEY_MADE);
        gboolean libvirts = stale && pf_qos_is_libvirts(row, stale);

        if (g_hash_table_contains(used, uuid)) {
            if (libvirts && !live && !disown(txn, row, error)) {
                return FALSE;
            }
        } else if (!is_kept(row)
                   && (made || libvirts
                       || (freed && g_hash_table_contains(freed, uuid)))) {
            g_ptr_array_add(unused, (gpointer) row);
        }
    }
    for (guint i = 0; i < unused->len; i++) {
        if (queues) {
            add_queues(unused->pdata[i], queues);
        }
        pf_qos_host->remove(txn, unused->pdata[i]);
    }
    return TRUE;
}

gboolean
pf_qos_clean(PfTxn *txn, GHashTable *uuids, const PfQosPort *stale,
             GError **error)
{
    g_autoptr(GHashTable) used = used_rows(txn);
    g_autoptr(GHashTable) freed = new_set();
    g_autoptr(GHashTable) used_queues = new_set();
    const PfRow *row = NULL;
    gboolean live = FALSE;

    if (stale) {
        row = pf_qos_of(txn, pf_qos_port_row(txn, stale));
        live = row && pf_qos_is_libvirts(row, stale);
    }
    if (!clean_table(txn, "QoS", used, uuids, stale, live, freed, error)) {
        return FALSE;
    }
    row = NULL;
    while ((row = pf_qos_host->next(txn, "QoS", row)) != NULL) {
        add_queues(row, used_queues);
    }
    return clean_table(txn, "Queue", used_queues, freed, stale, live, NULL,
                       error);
}
