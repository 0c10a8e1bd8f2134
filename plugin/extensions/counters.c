/* SPDX-License-Identifier: Apache-2.0
 *
 * counters: packets, bytes, errors and drops of the guest's whole life, over
 * all hosts on which it has run, not since the last migration.
 *
 * They are counted as Open vSwitch counts, and `ovs-vsctl get Interface NAME
 * statistics' shows: rx is what the guest sent.  The port's own statistics
 * begin at zero with its tap; what the guest did before that on other hosts is
 * the base, and their sum is what is shown and travels.
 *
 * No policies.  Run-time data: the sum at nic_save,
 *
 *     {"rx_packets": 1, "rx_bytes": 2, "rx_errors": 0, "rx_drops": 0, "tx_...
 *
 * which is the base on the destination.  What the switch still delivers to the
 * stopped guest after nic_save is not counted.  The base is kept in the
 * Interface's external_ids, key "portferry-counters", which goes with the row.
 * At nic_restore a change of the database would make the guest wait, so it is
 * written at guest_runs and in memory until then: an agent that is restarted
 * between the two, and is not given the data again, begins at zero.  On the
 * way back the source's row comes back with its key, if that was written, and
 * the same tap; if the port's statistics have begun again nevertheless, the
 * base becomes the sum at nic_save.
 *
 * Data that is refused begins at zero, with a note; it is an error only where
 * the network requires this extension.
 */
#include <config.h>

#include <portferry/extension.h>

#include <errno.h>
#include <string.h>

#include "plugin/extension.h"

#define KEY "portferry-counters"

#define ANSWER_MS 2000          /* For one question. */
#define SAVE_ANSWER_MS 500      /* The same while the guest stands still. */

#define N_COUNTERS 8

/* Each counter's name, here and in Open vSwitch's port statistics. */
static const struct {
    const char *name;
    const char *statistic;
} names[N_COUNTERS] = {
    { "rx_packets", "rx_packets" },
    { "rx_bytes", "rx_bytes" },
    { "rx_errors", "rx_errs" },
    { "rx_drops", "rx_drop" },
    { "tx_packets", "tx_packets" },
    { "tx_bytes", "tx_bytes" },
    { "tx_errors", "tx_errs" },
    { "tx_drops", "tx_drop" },
};

/* None is above G_MAXINT64, where they stop. */
typedef struct {
    guint64 n[N_COUNTERS];
} Counters;

/* What is known of a port and not in its row. */
typedef struct {
    char *row;                  /* UUID of the Interface for which 'base' was
                                 * restored; NULL: none was. */
    Counters base;
    gboolean is_saved;          /* What follows is as at nic_save. */
    Counters saved_base;
    Counters raw;
    Counters total;
} Memory;

static const PfHost *host;
static GHashTable *memories;    /* Port's name -> Memory *. */

static G_DEFINE_QUARK(pf-counters-error-quark, pf_counters_error)

/* ---- Counters ----------------------------------------------------------- */

static Counters
counters_add(const Counters *a, const Counters *b)
{
    Counters sum;

    for (int i = 0; i < N_COUNTERS; i++) {
        sum.n[i] = MIN(a->n[i] + b->n[i], G_MAXINT64);
    }
    return sum;
}

/* Whether any of 'now' is below what it was: they have begun again. */
static gboolean
counters_have_restarted(const Counters *now, const Counters *before)
{
    for (int i = 0; i < N_COUNTERS; i++) {
        if (now->n[i] < before->n[i]) {
            return TRUE;
        }
    }
    return FALSE;
}

/* "rx_packets=1,rx_bytes=2,...". */
static char *
counters_format(const Counters *c)
{
    GString *s = g_string_new(NULL);

    for (int i = 0; i < N_COUNTERS; i++) {
        g_string_append_printf(s, "%s%s=%" G_GUINT64_FORMAT,
                               i ? "," : "", names[i].name, c->n[i]);
    }
    return g_string_free(s, FALSE);
}

/* Sets the counter that is called 'name' ('statistic': in Open vSwitch's port
 * statistics) to the number 'value', if there is one and it is one. */
static void
counters_set(Counters *c, const char *name, const char *value,
             gboolean statistic)
{
    for (int i = 0; i < N_COUNTERS; i++) {
        guint64 n;

        if (!strcmp(statistic ? names[i].statistic : names[i].name, name)
            && g_ascii_string_to_unsigned(value, 10, 0, G_MAXUINT64, &n,
                                          NULL)) {
            c->n[i] = MIN(n, G_MAXINT64);
        }
    }
}

/* Reads NAME=NUMBER, between any of 'separators'.  What is not there, and what
 * is unknown to Open vSwitch ("?"), is zero. */
static Counters
counters_parse(const char *text, const char *separators, gboolean statistic)
{
    g_auto(GStrv) tokens = g_strsplit_set(text, separators, 0);
    Counters c = {{ 0 }};

    for (char **t = tokens; *t; t++) {
        char *value = strchr(*t, '=');

        if (value) {
            *value++ = '\0';
            counters_set(&c, *t, value, statistic);
        }
    }
    return c;
}

/* As an a{sv} of 'x', floating. */
static GVariant *
counters_to_variant(const Counters *c)
{
    GVariantDict dict;

    g_variant_dict_init(&dict, NULL);
    for (int i = 0; i < N_COUNTERS; i++) {
        g_variant_dict_insert(&dict, names[i].name, "x", (gint64) c->n[i]);
    }
    return g_variant_dict_end(&dict);
}

/* The same, of another host.  What is not there is zero; FALSE with '*error'
 * set if it is not a counter's value. */
static gboolean
counters_from_variant(Counters *c, GVariant *dict, GError **error)
{
    memset(c, 0, sizeof *c);
    for (int i = 0; i < N_COUNTERS; i++) {
        g_autoptr(GVariant) value = g_variant_lookup_value(
            dict, names[i].name, NULL);

        if (!value) {
            continue;
        }
        if (!g_variant_is_of_type(value, G_VARIANT_TYPE_INT64)
            || g_variant_get_int64(value) < 0) {
            g_autofree char *text = g_variant_print(value, FALSE);

            g_set_error(error, pf_counters_error_quark(), 0,
                        "'%s' is %.64s, not an integer of at least 0 "
                        "(run-time data of the other host)", names[i].name,
                        text);
            return FALSE;
        }
        c->n[i] = g_variant_get_int64(value);
    }
    return TRUE;
}

/* ---- The base ----------------------------------------------------------- */

static void
memory_free(gpointer memory)
{
    g_free(((Memory *) memory)->row);
    g_free(memory);
}

/* A GHRFunc: whether nothing is called 'name' any more. */
static gboolean
is_of_no_port(gpointer name, gpointer memory G_GNUC_UNUSED,
              gpointer unused G_GNUC_UNUSED)
{
    return !host->find(NULL, "Interface", "name", name);
}

/* What is remembered of 'port', made if there is nothing. */
static Memory *
remember(const PfExtensionPort *port)
{
    Memory *m = g_hash_table_lookup(memories, port->name);

    if (!m) {
        g_hash_table_foreach_remove(memories, is_of_no_port, NULL);
        m = g_new0(Memory, 1);
        g_hash_table_insert(memories, g_strdup(port->name), m);
    }
    return m;
}

/* The base that was restored for the row 'iface', or NULL.  A later row of
 * that name is another guest's. */
static const Counters *
restored_base(const char *name, const PfRow *iface)
{
    const Memory *m = g_hash_table_lookup(memories, name);
    g_autofree char *uuid = m && m->row && iface ? host->uuid(iface) : NULL;

    return uuid && !strcmp(uuid, m->row) ? &m->base : NULL;
}

/* The base that is written down for the row 'iface' (NULL: none). */
static Counters
kept_base(const PfRow *iface)
{
    g_autofree char *key = iface ? host->get_key(iface, "external_ids", KEY)
                                 : NULL;
    Counters none = {{ 0 }};

    return key ? counters_parse(key, ",", FALSE) : none;
}

/* What the guest of port 'name' did before its present tap was made. */
static Counters
get_base(const char *name)
{
    const PfRow *iface = host->find(NULL, "Interface", "name", name);
    const Counters *restored = restored_base(name, iface);

    return restored ? *restored : kept_base(iface);
}

/* A change of the key. */
typedef struct {
    char *name;
    char *base;
} SetBase;

static void
set_base_free(gpointer set_)
{
    SetBase *set = set_;

    g_free(set->name);
    g_free(set->base);
    g_free(set);
}

/* A PfApplyFunc.  A port that is gone needs no base. */
static gboolean
set_base_apply(PfTxn *txn, gpointer set_, GError **error)
{
    const SetBase *set = set_;
    const PfRow *iface = host->find(txn, "Interface", "name", set->name);

    return !iface || host->set_key(txn, iface, "external_ids", KEY,
                                   set->base, error);
}

static void
set_base(PfCall *call, const char *name, const Counters *base)
{
    SetBase *set = g_new0(SetBase, 1);

    set->name = g_strdup(name);
    set->base = counters_format(base);
    host->change(call, set_base_apply, set, set_base_free);
}

/* ---- The switch's statistics -------------------------------------------- */

/* Called with the port's statistics or 'error'; ends the call. */
typedef void StatisticsFunc(PfCall *call, const PfExtensionPort *port,
                            const Counters *raw, const GError *error);

typedef struct {
    PfCall *call;
    const PfExtensionPort *port; /* As long as the call. */
    StatisticsFunc *func;
    GString *text;
} Question;

/* Those that were not answered; at the end nobody answers any more. */
static GHashTable *questions;   /* Set of Question *. */

static void
question_free(gpointer question)
{
    Question *q = question;

    g_string_free(q->text, TRUE);
    g_free(q);
}

static void
on_lines(gpointer question, const GPtrArray *lines, gboolean last,
         const GError *error)
{
    Question *q = question;
    Counters raw;

    for (guint i = 0; i < lines->len; i++) {
        g_string_append(q->text, lines->pdata[i]);
        g_string_append_c(q->text, ' ');
    }
    if (last) {
        raw = counters_parse(q->text->str, " ,", TRUE);
        q->func(q->call, q->port, &raw, error);
        g_hash_table_remove(questions, q);
    }
}

static void
ask(PfCall *call, const PfExtensionPort *port, guint most_ms,
    StatisticsFunc *func)
{
    g_autofree char *number = g_strdup_printf("%" G_GINT64_FORMAT,
                                              port->ofport);
    Question *q = g_new0(Question, 1);

    q->call = call;
    q->port = port;
    q->func = func;
    q->text = g_string_new(NULL);
    g_hash_table_add(questions, q);
    host->openflow_dump(port->bridge, PF_OPENFLOW_PORT_STATS,
                        port->ofport > 0 ? number : port->name,
                        MIN(most_ms, host->time_left_ms(call) / 2), on_lines,
                        q);
}

/* ---- Where the guest runs ----------------------------------------------- */

static void
on_describe(PfCall *call, const PfExtensionPort *port, const Counters *raw,
            const GError *error)
{
    Counters base = get_base(port->name);
    Counters total = counters_add(&base, raw);

    for (int i = 0; !error && i < N_COUNTERS; i++) {
        host->show(call, names[i].name,
                   g_variant_new_int64((gint64) total.n[i]));
    }
    host->end(call, error);
}

static void
counters_describe(PfCall *call, const PfExtensionPort *port)
{
    ask(call, port, ANSWER_MS, on_describe);
}

/* ---- Source ------------------------------------------------------------- */

static void
on_nic_save(PfCall *call, const PfExtensionPort *port, const Counters *raw,
            const GError *error)
{
    Counters base = get_base(port->name);
    Counters total = counters_add(&base, raw);
    Memory *m = remember(port);

    m->is_saved = !error;
    m->saved_base = base;
    m->raw = *raw;
    m->total = total;
    if (error && port->required) {
        host->end(call, error);
        return;
    }
    if (error) {
        host->note(call, "what it did on this host is not counted: %s",
                   error->message);
    }
    host->chunk(call, counters_to_variant(&total));
    host->end(call, NULL);
}

static void
counters_nic_save(PfCall *call, const PfExtensionPort *port)
{
    ask(call, port, SAVE_ANSWER_MS, on_nic_save);
}

/* ---- Destination -------------------------------------------------------- */

static void
counters_nic_restore(PfCall *call, const PfExtensionPort *port,
                     GVariant *old G_GNUC_UNUSED,
                     GVariant *new_ G_GNUC_UNUSED, GVariant *chunks)
{
    const PfRow *iface = host->find(NULL, "Interface", "name", port->name);
    g_autoptr(GError) error = NULL;
    g_autofree char *text = NULL;
    Memory *m;
    Counters base = {{ 0 }};

    if (!g_variant_n_children(chunks)) {
        host->note(call, "none came: they begin at 0");
    } else {
        g_autoptr(GVariant) chunk = NULL;

        g_variant_get_child(chunks, 0, "v", &chunk);
        if (!counters_from_variant(&base, chunk, &error)) {
            memset(&base, 0, sizeof base);
            host->note(call, "they begin at 0: %s", error->message);
        } else {
            text = counters_format(&base);
            host->note(call, "%s on other hosts", text);
        }
    }
    m = remember(port);
    g_free(m->row);
    m->row = iface ? host->uuid(iface) : NULL;
    m->base = base;
    m->is_saved = FALSE;
    host->end(call, port->required ? error : NULL);
}

/* ---- Where the guest runs again, or from now on ------------------------- */

/* The port is back on the source. */
static void
on_returned(PfCall *call, const PfExtensionPort *port, const Counters *raw,
            const GError *error)
{
    const PfRow *iface = host->find(NULL, "Interface", "name", port->name);
    const Memory *m = g_hash_table_lookup(memories, port->name);
    Counters kept = kept_base(iface);

    if (error) {
        host->note(call, "whether they have begun again is not known: %s",
                   error->message);
    }
    if (m && m->is_saved) {
        const Counters *base
            = (!error && counters_have_restarted(raw, &m->raw)
               ? &m->total : &m->saved_base);

        if (memcmp(base, &kept, sizeof kept)) {
            set_base(call, port->name, base);
        }
    }
    g_hash_table_remove(memories, port->name);
    host->end(call, NULL);
}

static void
counters_guest_runs(PfCall *call, const PfExtensionPort *port,
                    PfGuestRuns reason)
{
    const PfRow *iface = host->find(NULL, "Interface", "name", port->name);
    const Counters *base = restored_base(port->name, iface);
    const Memory *m = g_hash_table_lookup(memories, port->name);

    if (reason == PF_GUEST_RETURNED && m && m->is_saved) {
        ask(call, port, ANSWER_MS, on_returned);
        return;
    }
    if (reason != PF_GUEST_RETURNED && base) {
        set_base(call, port->name, base);
    }
    host->end(call, NULL);
}

/* ---- The port is gone --------------------------------------------------- */

/* property_remove and port_gone. */
static void
counters_forget(PfCall *call, const PfExtensionPort *port,
                GVariant *policies G_GNUC_UNUSED)
{
    g_hash_table_remove(memories, port->name);
    host->end(call, NULL);
}

/* ---- The extension ------------------------------------------------------ */

static gboolean
counters_init(const PfHost *host_, GError **error G_GNUC_UNUSED)
{
    host = host_;
    memories = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                     memory_free);
    questions = g_hash_table_new_full(NULL, NULL, question_free, NULL);
    return TRUE;
}

static void
counters_destroy(void)
{
    GHashTableIter iter;
    gpointer q;

    g_hash_table_iter_init(&iter, questions);
    while (g_hash_table_iter_next(&iter, &q, NULL)) {
        host->end(((Question *) q)->call, NULL);
    }
    g_clear_pointer(&questions, g_hash_table_unref);
    g_clear_pointer(&memories, g_hash_table_unref);
}

const PfExtension pf_extension_counters = {
    .abi = PF_EXTENSION_ABI,
    .name = "counters",
    .version = 1,
    .order = 500,
    .summary = "packets, bytes, errors, drops of the guest's whole life",
    .init = counters_init,
    .destroy = counters_destroy,
    .describe = counters_describe,
    .nic_save = counters_nic_save,
    .nic_restore = counters_nic_restore,
    .port_gone = counters_forget,
    .property_remove = counters_forget,
    .guest_runs = counters_guest_runs,
};
