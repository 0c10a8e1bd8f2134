/* SPDX-License-Identifier: Apache-2.0
 *
 * labels: an example of an extension.
 *
 * An operator's scripts give a port a label, and keep it at the port's bridge:
 *
 *     ovs-vsctl set Bridge br0 external_ids:label-web1=frontend
 *
 * As it is not in the port's own rows, nobody else carries it.  This does, and
 * counts how often the port has moved, in external_ids:moves-PORT beside it.
 *
 * Options in the network's XML: "max-length", how many characters a label may
 * have (default 64); "unique", "yes" if no two ports of a bridge may have the
 * same.
 */
#include <portferry/extension.h>

#include <string.h>

#define MAX_LENGTH_DEFAULT 64

/* Of the keys in the bridge's external_ids; the port's name follows. */
#define LABEL_PREFIX "label-"
#define MOVES_PREFIX "moves-"

/* What portferryd does for us. */
static const PfHost *host;

/* What comes with nic_restore() and is written at guest_runs(): port name to
 * how often it has moved, a GVariant 'x'. */
static GHashTable *arrived;

/* The bridges' external_ids as they were when looked at last, and the timer
 * that looks. */
static char *seen;
static guint timer;

/* ---- Reading ------------------------------------------------------------ */

static const PfRow *
find_bridge(PfTxn *txn, const char *bridge)
{
    return host->find(txn, "Bridge", "name", bridge);
}

/* The value of the port's key in its bridge's external_ids, or NULL. */
static char *
get_key(const PfExtensionPort *port, const char *prefix)
{
    g_autofree char *key = g_strconcat(prefix, port->name, NULL);
    const PfRow *row = find_bridge(NULL, port->bridge);

    return row ? host->get_key(row, "external_ids", key) : NULL;
}

static gint64
get_moves(const PfExtensionPort *port)
{
    g_autofree char *text = get_key(port, MOVES_PREFIX);

    return text ? g_ascii_strtoll(text, NULL, 10) : 0;
}

/* The label in 'policies', as long as these; NULL: the port has none. */
static const char *
label_of(GVariant *policies)
{
    const char *label = NULL;

    g_variant_lookup(policies, "label", "&s", &label);
    return label;
}

/* ---- Writing ------------------------------------------------------------ */

/* Keys of a port that are to be written in a transaction. */
typedef struct {
    char *bridge;
    char *port;
    gboolean set_label;         /* Whether to write 'label'. */
    char *label;                /* NULL: delete it. */
    gboolean set_moves;         /* Whether to write 'moves'. */
    gint64 moves;               /* 0: delete it. */
} Keys;

static Keys *
keys_new(const PfExtensionPort *port)
{
    Keys *keys = g_new0(Keys, 1);

    keys->bridge = g_strdup(port->bridge);
    keys->port = g_strdup(port->name);
    return keys;
}

static void
keys_free(gpointer keys_)
{
    Keys *keys = keys_;

    g_free(keys->bridge);
    g_free(keys->port);
    g_free(keys->label);
    g_free(keys);
}

/* A PfApplyFunc.  It may be called again if the transaction has to be
 * repeated, so it keeps nothing from one time to the next. */
static gboolean
keys_apply(PfTxn *txn, gpointer keys_, GError **error)
{
    const Keys *keys = keys_;
    g_autofree char *label_key = g_strconcat(LABEL_PREFIX, keys->port, NULL);
    g_autofree char *moves_key = g_strconcat(MOVES_PREFIX, keys->port, NULL);
    g_autofree char *moves = keys->moves
        ? g_strdup_printf("%" G_GINT64_FORMAT, keys->moves) : NULL;
    const PfRow *row = find_bridge(txn, keys->bridge);

    if (!row) {
        /* Nothing to delete there, and nothing to write to. */
        if (!keys->label && !keys->moves) {
            return TRUE;
        }
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOENT,
                    "bridge %s is gone, so port %s cannot have its label "
                    "there: create the bridge", keys->bridge, keys->port);
        return FALSE;
    }
    return (!keys->set_label
            || host->set_key(txn, row, "external_ids", label_key, keys->label,
                             error))
        && (!keys->set_moves
            || host->set_key(txn, row, "external_ids", moves_key, moves,
                             error));
}

/* Ends 'call' with a change that sets the port's label (NULL: deletes it). */
static void
end_with_label(PfCall *call, const PfExtensionPort *port, const char *label)
{
    Keys *keys = keys_new(port);

    keys->set_label = TRUE;
    keys->label = g_strdup(label);
    host->change(call, keys_apply, keys, keys_free);
    host->end(call, NULL);
}

/* Ends 'call' with a change that sets how often the port has moved (0: deletes
 * that). */
static void
end_with_moves(PfCall *call, const PfExtensionPort *port, gint64 moves)
{
    Keys *keys = keys_new(port);

    keys->set_moves = TRUE;
    keys->moves = moves;
    host->change(call, keys_apply, keys, keys_free);
    host->end(call, NULL);
}

/* ---- Where the guest runs ----------------------------------------------- */

static void
say_policies(PfCall *call, const PfExtensionPort *port)
{
    g_autofree char *label = get_key(port, LABEL_PREFIX);
    GVariantDict policies;

    g_variant_dict_init(&policies, NULL);
    if (label) {
        g_variant_dict_insert(&policies, "label", "s", label);
    }
    host->policies(call, g_variant_dict_end(&policies));
}

static void
get_policies(PfCall *call, const PfExtensionPort *port)
{
    say_policies(call, port);
    host->end(call, NULL);
}

static void
describe(PfCall *call, const PfExtensionPort *port)
{
    g_autofree char *label = get_key(port, LABEL_PREFIX);

    if (label) {
        host->show(call, "label", g_variant_new_string(label));
    }
    host->show(call, "moves", g_variant_new_int64(get_moves(port)));
    host->end(call, NULL);
}

/* ---- Destination: verification ------------------------------------------ */

/* The policies come from another host: anything may be in them. */
static void
verify_syntax(PfCall *call, const PfExtensionPort *port G_GNUC_UNUSED,
              GVariant *policies)
{
    GVariantIter iter;
    const char *key;
    GVariant *value;

    g_variant_iter_init(&iter, policies);
    while (g_variant_iter_loop(&iter, "{&sv}", &key, &value)) {
        if (strcmp(key, "label")) {
            host->problem(call, "policy %s is not known: the other host has a "
                          "later version of this extension, install it here",
                          key);
        } else if (!g_variant_is_of_type(value, G_VARIANT_TYPE_STRING)) {
            host->problem(call, "the label is of type '%s', not a string",
                          g_variant_get_type_string(value));
        }
    }
    host->end(call, NULL);
}

/* verify_syntax() has found nothing: the label is a string. */
static void
verify_range(PfCall *call, const PfExtensionPort *port, GVariant *policies)
{
    const char *label = label_of(policies);
    guint64 limit = MAX_LENGTH_DEFAULT;
    const char *option;

    if (g_variant_lookup(port->options, "max-length", "&s", &option)
        && !g_ascii_string_to_unsigned(option, 10, 1, G_MAXINT, &limit,
                                       NULL)) {
        host->problem(call, "option max-length=\"%s\" in the network's XML is "
                      "no whole number from 1 to %d", option, G_MAXINT);
    } else if (label && g_utf8_strlen(label, -1) > (glong) limit) {
        host->problem(call, "label \"%s\" has %ld characters, and may have %"
                      G_GUINT64_FORMAT " (option max-length in the network's "
                      "XML)", label, g_utf8_strlen(label, -1), limit);
    }
    host->end(call, NULL);
}

/* Whether 'key' is that of a label of a port other than 'port' that exists;
 * labels of ports that are gone do not count. */
static gboolean
is_others_label(const char *key, const PfExtensionPort *port)
{
    const char *name = key + strlen(LABEL_PREFIX);

    return g_str_has_prefix(key, LABEL_PREFIX) && strcmp(name, port->name)
        && host->find(NULL, "Port", "name", name);
}

/* Says of each other port of the bridge 'row' that it has 'label'. */
static void
find_same_label(PfCall *call, const PfExtensionPort *port, const char *label,
                const PfRow *row)
{
    g_autoptr(GVariant) ids = host->get(row, "external_ids");
    GVariantIter iter;
    const char *key;
    GVariant *value;

    if (!ids) {
        /* A map without members reads as absent. */
        return;
    }
    g_variant_iter_init(&iter, ids);
    while (g_variant_iter_loop(&iter, "{&sv}", &key, &value)) {
        if (is_others_label(key, port)
            && !strcmp(g_variant_get_string(value, NULL), label)) {
            host->problem(call, "label \"%s\" is that of port %s too, and has "
                          "to be unique on bridge %s (option unique in the "
                          "network's XML)", label, key + strlen(LABEL_PREFIX),
                          port->bridge);
        }
    }
}

static void
verify_conflict(PfCall *call, const PfExtensionPort *port, GVariant *policies)
{
    const char *label = label_of(policies);
    const PfRow *row = find_bridge(NULL, port->bridge);
    const char *unique = NULL;

    g_variant_lookup(port->options, "unique", "&s", &unique);
    if (label && row && !g_strcmp0(unique, "yes")) {
        find_same_label(call, port, label, row);
    }
    host->end(call, NULL);
}

/* ---- Destination: requests ---------------------------------------------- */

static void
property_add(PfCall *call, const PfExtensionPort *port, GVariant *policies)
{
    end_with_label(call, port, label_of(policies));
}

static void
property_remove(PfCall *call, const PfExtensionPort *port,
                GVariant *policies G_GNUC_UNUSED)
{
    Keys *keys = keys_new(port);

    g_hash_table_remove(arrived, port->name);
    keys->set_label = keys->set_moves = TRUE;
    host->change(call, keys_apply, keys, keys_free);
    host->end(call, NULL);
}

/* The guest stands still.  A change() makes it wait for ovs-vswitchd, so there
 * is one only if the label has changed since the stamp; how often the port has
 * moved can be written when the guest runs.  (If portferryd ends before that,
 * one move is not counted: not worth a guest's time.) */
static void
nic_restore(PfCall *call, const PfExtensionPort *port, GVariant *old,
            GVariant *new_, GVariant *chunks)
{
    gint64 moves = 0;

    /* Run-time data is not verified before: whatever is not as we save it is
     * left aside. */
    if (g_variant_n_children(chunks)) {
        g_autoptr(GVariant) child = g_variant_get_child_value(chunks, 0);
        g_autoptr(GVariant) chunk = g_variant_get_variant(child);

        g_variant_lookup(chunk, "moves", "x", &moves);
    } else {
        host->note(call, "nothing says how often port %s has moved: counting "
                   "from here", port->name);
    }
    moves = CLAMP(moves, 0, G_MAXINT64 - 1) + 1;
    g_hash_table_replace(arrived, g_strdup(port->name),
                         g_variant_ref_sink(g_variant_new_int64(moves)));

    if (g_strcmp0(label_of(old), label_of(new_))) {
        end_with_label(call, port, label_of(new_));
    } else {
        host->end(call, NULL);
    }
}

/* ---- Source: requests --------------------------------------------------- */

static void
nic_save(PfCall *call, const PfExtensionPort *port)
{
    GVariantDict chunk;

    say_policies(call, port);
    g_variant_dict_init(&chunk, NULL);
    g_variant_dict_insert(&chunk, "moves", "x", get_moves(port));
    host->chunk(call, g_variant_dict_end(&chunk));
    host->end(call, NULL);
}

/* The label is in the policies, should the port come back; how often it has
 * moved is not, and stays until port_gone(). */
static void
port_teardown(PfCall *call, const PfExtensionPort *port,
              GVariant *policies G_GNUC_UNUSED)
{
    end_with_label(call, port, NULL);
}

static void
port_return(PfCall *call, const PfExtensionPort *port, GVariant *policies)
{
    end_with_label(call, port, label_of(policies));
}

static void
port_gone(PfCall *call, const PfExtensionPort *port,
          GVariant *policies G_GNUC_UNUSED)
{
    end_with_moves(call, port, 0);
}

/* ---- Both --------------------------------------------------------------- */

static void
guest_runs(PfCall *call, const PfExtensionPort *port, PfGuestRuns reason)
{
    GVariant *moves = g_hash_table_lookup(arrived, port->name);

    if (reason == PF_GUEST_ARRIVED && moves) {
        end_with_moves(call, port, g_variant_get_int64(moves));
        g_hash_table_remove(arrived, port->name);
    } else {
        host->end(call, NULL);
    }
}

/* ---- The extension itself ----------------------------------------------- */

/* Nobody tells when a bridge's external_ids change: look, and if they have,
 * have the ports' policies asked for. */
static gboolean
look(gpointer user G_GNUC_UNUSED)
{
    g_autoptr(GString) now = g_string_new(NULL);
    const PfRow *row = NULL;

    while ((row = host->next(NULL, "Bridge", row))) {
        g_autofree char *uuid = host->uuid(row);
        g_autoptr(GVariant) ids = host->get(row, "external_ids");

        g_string_append(now, uuid);
        if (ids) {
            g_variant_print_string(ids, now, FALSE);
        }
    }
    if (g_strcmp0(now->str, seen)) {
        g_free(seen);
        seen = g_strdup(now->str);
        host->changed(&portferry_extension, NULL);
    }
    return G_SOURCE_CONTINUE;
}

static gboolean
init(const PfHost *host_, GError **error G_GNUC_UNUSED)
{
    host = host_;
    arrived = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                    (GDestroyNotify) g_variant_unref);
    timer = g_timeout_add(500, look, NULL);
    return TRUE;
}

static void
destroy(void)
{
    g_source_remove(timer);
    g_clear_pointer(&arrived, g_hash_table_unref);
    g_clear_pointer(&seen, g_free);
}

const PfExtension portferry_extension = {
    .abi = PF_EXTENSION_ABI,
    .name = "labels",
    .version = 1,
    .order = 1000,
    .summary = "labels that scripts keep at the bridge",
    .columns = (const char *const[]) {
        "Bridge.name", "Bridge.external_ids", NULL
    },
    .init = init,
    .destroy = destroy,
    .get_policies = get_policies,
    .describe = describe,
    .verify_syntax = verify_syntax,
    .verify_range = verify_range,
    .verify_conflict = verify_conflict,
    .property_add = property_add,
    .property_remove = property_remove,
    .nic_restore = nic_restore,
    .nic_save = nic_save,
    .port_teardown = port_teardown,
    .port_return = port_return,
    .port_gone = port_gone,
    .guest_runs = guest_runs,
};
