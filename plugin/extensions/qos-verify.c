/* SPDX-License-Identifier: Apache-2.0
 *
 * qos-verify: whether a port's QoS can be had here.  See qos-verify.h.
 *
 * What is looked at is what Open vSwitch would read, by the type of the QoS
 * row; other keys of other_config mean nothing to it, and travel as they are.
 */
#include <config.h>

#include "plugin/extensions/qos-verify.h"

#include <string.h>

#include "plugin/extensions/qos-rows.h"

#define MAX_KEYS 1024           /* Of a map. */
#define MAX_QUEUES 4096
#define MAX_STRING 4096         /* Bytes of a key or value. */
#define MAX_TYPE 64             /* Bytes. */
#define LAST_QUEUE 61439        /* Of linux-htb and linux-hfsc. */
#define MAX_DSCP 63
/* What libvirt makes. */
#define LIBVIRT_TYPE "linux-htb"

/* ---- Syntax ------------------------------------------------------------- */

/* Whether member 'key' of 'dict' is a map of strings, or absent. */
static void
check_map(PfCall *call, GVariant *dict, const char *key, const char *what)
{
    g_autoptr(GVariant) map = g_variant_lookup_value(dict, key, NULL);
    GVariantIter iter;
    const char *name;
    GVariant *value;

    if (!map) {
        return;
    }
    if (!g_variant_is_of_type(map, G_VARIANT_TYPE_VARDICT)
        || g_variant_n_children(map) > MAX_KEYS) {
        pf_qos_host->problem(call, "%s.%s is not a map of at most %d strings",
                             what, key, MAX_KEYS);
        return;
    }
    g_variant_iter_init(&iter, map);
    while (g_variant_iter_next(&iter, "{&sv}", &name, &value)) {
        g_autoptr(GVariant) text = value;

        if (!g_variant_is_of_type(text, G_VARIANT_TYPE_STRING)
            || strlen(g_variant_get_string(text, NULL)) > MAX_STRING
            || strlen(name) > MAX_STRING) {
            pf_qos_host->problem(call, "%s.%s:%.64s is not a string of at "
                                 "most %d bytes", what, key, name,
                                 MAX_STRING);
        } else if (!strcmp(key, "external_ids")
                   && (g_str_has_prefix(name, "portferry-")
                       || !strcmp(name, "vm-id")
                       || !strcmp(name, "ifname"))) {
            pf_qos_host->problem(call, "%s.external_ids:%.64s is not a key "
                                 "that may travel", what, name);
        }
    }
}

/* Says of each key of 'dict' that is not in 'known' that it is unknown. */
static void
check_keys(PfCall *call, GVariant *dict, const char *const *known,
           const char *what)
{
    GVariantIter iter;
    const char *key;

    g_variant_iter_init(&iter, dict);
    while (g_variant_iter_next(&iter, "{&sv}", &key, NULL)) {
        if (!g_strv_contains(known, key)) {
            pf_qos_host->problem(call, "'%.64s' is nothing that %s has", key,
                                 what);
        }
    }
}

static void
check_queue(PfCall *call, const char *number, GVariant *queue)
{
    static const char *const known[] = {
        "dscp", "external_ids", "other_config", NULL
    };
    g_autofree char *what = g_strdup_printf("qos.queues:%.16s", number);
    g_autoptr(GVariant) dscp = NULL;
    guint64 n;

    /* No other spelling of the same number. */
    if (!g_ascii_string_to_unsigned(number, 10, 0, G_MAXUINT32, &n, NULL)
        || (number[0] == '0' && number[1]) || !g_ascii_isdigit(number[0])) {
        pf_qos_host->problem(call, "'%.64s' is not the number of a queue",
                             number);
    }
    if (!g_variant_is_of_type(queue, G_VARIANT_TYPE_VARDICT)) {
        pf_qos_host->problem(call, "%s is not a dictionary of columns", what);
        return;
    }
    check_keys(call, queue, known, "a queue");
    dscp = g_variant_lookup_value(queue, "dscp", NULL);
    if (dscp && !g_variant_is_of_type(dscp, G_VARIANT_TYPE_INT64)) {
        pf_qos_host->problem(call, "%s.dscp is not an integer", what);
    }
    check_map(call, queue, "other_config", what);
    check_map(call, queue, "external_ids", what);
}

static void
check_queues(PfCall *call, GVariant *queues)
{
    GVariantIter iter;
    const char *number;
    GVariant *value;

    if (!g_variant_is_of_type(queues, G_VARIANT_TYPE_VARDICT)
        || g_variant_n_children(queues) > MAX_QUEUES) {
        pf_qos_host->problem(call, "qos.queues is not a map of at most %d "
                             "queues", MAX_QUEUES);
        return;
    }
    g_variant_iter_init(&iter, queues);
    while (g_variant_iter_next(&iter, "{&sv}", &number, &value)) {
        check_queue(call, number, value);
        g_variant_unref(value);
    }
}

static void
check_qos(PfCall *call, GVariant *policies, GVariant *qos)
{
    static const char *const known[] = {
        "external_ids", "other_config", "queues", "type", NULL
    };
    const char *text;

    if (!g_variant_lookup(policies, "key", "&s", &text)
        || !g_uuid_string_is_valid(text)) {
        pf_qos_host->problem(call, "'key' is not the UUID of a QoS row");
    }
    if (!g_variant_is_of_type(qos, G_VARIANT_TYPE_VARDICT)) {
        pf_qos_host->problem(call, "'qos' is not a dictionary of columns");
        return;
    }
    check_keys(call, qos, known, "QoS");
    if (!g_variant_lookup(qos, "type", "&s", &text)
        || strlen(text) > MAX_TYPE) {
        pf_qos_host->problem(call, "qos.type is not a string of at most %d "
                             "bytes", MAX_TYPE);
    }
    check_map(call, qos, "other_config", "qos");
    check_map(call, qos, "external_ids", "qos");
    g_autoptr(GVariant) queues = g_variant_lookup_value(qos, "queues", NULL);
    if (queues) {
        check_queues(call, queues);
    }
}

void
pf_qos_verify_syntax(PfCall *call, const PfExtensionPort *port G_GNUC_UNUSED,
                     GVariant *policies)
{
    static const char *const own[] = { "key", "qos", NULL };
    static const char *const libvirts[] = { "libvirt", "min-rate", NULL };
    static const char *const none[] = { NULL };
    g_autoptr(GVariant) qos = g_variant_lookup_value(policies, "qos", NULL);
    g_autoptr(GVariant) libvirt = g_variant_lookup_value(policies, "libvirt",
                                                         NULL);

    check_keys(call, policies, qos ? own : libvirt ? libvirts : none,
               qos ? "a port with QoS" : libvirt ? "QoS of libvirt's"
               : "a port without QoS");
    if (qos) {
        check_qos(call, policies, qos);
    } else if (libvirt) {
        g_autoptr(GVariant) rate = g_variant_lookup_value(policies,
                                                          "min-rate", NULL);

        if (!g_variant_is_of_type(libvirt, G_VARIANT_TYPE_BOOLEAN)
            || !g_variant_get_boolean(libvirt)) {
            pf_qos_host->problem(call, "'libvirt' is not true");
        }
        if (rate && (!g_variant_is_of_type(rate, G_VARIANT_TYPE_INT64)
                     || g_variant_get_int64(rate) < 0)) {
            pf_qos_host->problem(call, "'min-rate' is not a number of bit/s");
        }
    }
    pf_qos_host->end(call, NULL);
}

/* ---- Range -------------------------------------------------------------- */

/* The numbers that Open vSwitch reads from other_config. */
static const struct {
    const char *type;           /* Of the QoS row. */
    const char *const *qos;     /* Keys of QoS, */
    const char *const *queue;   /* and of Queue. */
} numbers[] = {
#define KEYS(...) (const char *const[]) { __VA_ARGS__ __VA_OPT__(,) NULL }
    { "linux-htb", KEYS("max-rate"),
      KEYS("min-rate", "max-rate", "burst", "priority") },
    { "linux-hfsc", KEYS("max-rate"), KEYS("min-rate", "max-rate") },
    { "linux-sfq", KEYS("perturb", "quantum"), KEYS() },
    { "linux-codel", KEYS("target", "limit", "interval"), KEYS() },
    { "linux-fq_codel",
      KEYS("target", "limit", "interval", "flows", "quantum"), KEYS() },
    { "linux-netem", KEYS("latency", "limit", "loss"), KEYS() },
    { "egress-policer", KEYS("cir", "cbs", "eir", "ebs"), KEYS() },
    { "trtcm-policer", KEYS("cir", "cbs", "eir", "ebs"),
      KEYS("cir", "cbs", "eir", "ebs") },
#undef KEYS
};

/* Demands that the values of 'keys' in the other_config of 'dict' are
 * numbers. */
static void
check_numbers(PfCall *call, GVariant *dict, const char *const *keys,
              const char *what, const char *type)
{
    g_autoptr(GVariant) config = g_variant_lookup_value(
        dict, "other_config", G_VARIANT_TYPE_VARDICT);
    const char *text;

    for (; config && *keys; keys++) {
        guint64 max = strcmp(*keys, "priority") ? G_MAXINT64 : G_MAXUINT32;

        if (g_variant_lookup(config, *keys, "&s", &text)
            && !g_ascii_string_to_unsigned(text, 10, 0, max, NULL, NULL)) {
            pf_qos_host->problem(
                call, "%s.other_config:%s '%.64s' is not a decimal number up "
                "to %" G_GUINT64_FORMAT " (%s of Open vSwitch)", what, *keys,
                text, max, type);
        }
    }
}

static void
check_queue_range(PfCall *call, const char *number, GVariant *queue,
                  const char *type, const char *const *keys)
{
    g_autofree char *what = g_strdup_printf("qos.queues:%s", number);
    gint64 dscp;

    if (pf_qos_has_classes(type)
        && g_ascii_strtoull(number, NULL, 10) > LAST_QUEUE) {
        pf_qos_host->problem(call, "queue %s is not in 0 to %d (%s of Open "
                             "vSwitch)", number, LAST_QUEUE, type);
    }
    if (g_variant_lookup(queue, "dscp", "x", &dscp)
        && (dscp < 0 || dscp > MAX_DSCP)) {
        pf_qos_host->problem(call, "%s.dscp %" G_GINT64_FORMAT " is not in 0 "
                             "to %d (Open vSwitch)", what, dscp, MAX_DSCP);
    }
    check_numbers(call, queue, keys, what, type);
}

static void
check_qos_range(PfCall *call, GVariant *qos)
{
    static const char *const none[] = { NULL };
    const char *const *qos_keys = none, *const *queue_keys = none;
    g_autoptr(GVariant) queues = g_variant_lookup_value(
        qos, "queues", G_VARIANT_TYPE_VARDICT);
    const char *type = "";
    GVariantIter iter;
    const char *number;
    GVariant *value;

    g_variant_lookup(qos, "type", "&s", &type);
    for (gsize i = 0; i < G_N_ELEMENTS(numbers); i++) {
        if (!strcmp(type, numbers[i].type)) {
            qos_keys = numbers[i].qos;
            queue_keys = numbers[i].queue;
        }
    }
    check_numbers(call, qos, qos_keys, "qos", type);
    if (!queues) {
        return;
    }
    g_variant_iter_init(&iter, queues);
    while (g_variant_iter_next(&iter, "{&sv}", &number, &value)) {
        check_queue_range(call, number, value, type, queue_keys);
        g_variant_unref(value);
    }
}

guint64
pf_qos_capacity(const PfExtensionPort *port)
{
    guint64 capacity = G_MAXUINT64;
    const char *text;

    if (g_variant_lookup(port->options, "capacity", "&s", &text)) {
        g_ascii_string_to_unsigned(text, 10, 0, G_MAXUINT64, &capacity, NULL);
    }
    return capacity;
}

/* The capacity as an option of the extension, not as <portferry:bandwidth>,
 * has been seen by nobody yet. */
static void
check_capacity_option(PfCall *call, const PfExtensionPort *port)
{
    const char *text;

    if (g_variant_lookup(port->options, "capacity", "&s", &text)
        && !g_ascii_string_to_unsigned(text, 10, 1, G_MAXUINT64, NULL,
                                       NULL)) {
        pf_qos_host->problem(
            call, "option 'capacity' of network '%s' is '%.64s', not a number "
            "of bit/s: <portferry:bandwidth capacity=\"10\" "
            "unit=\"Gbit/s\"/> in its XML takes units", port->network, text);
    }
}

void
pf_qos_verify_range(PfCall *call, const PfExtensionPort *port,
                    GVariant *policies)
{
    g_autoptr(GVariant) qos = g_variant_lookup_value(
        policies, "qos", G_VARIANT_TYPE_VARDICT);
    guint64 own = pf_qos_reserved(policies);
    guint64 capacity = pf_qos_capacity(port);

    check_capacity_option(call, port);
    if (qos) {
        check_qos_range(call, qos);
    }
    if (own > capacity) {
        pf_qos_host->problem(
            call, "min-rate %" G_GUINT64_FORMAT " bit/s (sum of the port's "
            "queues) is above the capacity %" G_GUINT64_FORMAT " bit/s that "
            "network '%s' has (<portferry:bandwidth> in its XML)", own,
            capacity, port->network);
    }
    pf_qos_host->end(call, NULL);
}

/* ---- Applicability ------------------------------------------------------ */

/* A question to ovs-vswitchd: which types are there? */
struct question {
    PfCall *call;
    char *bridge;
    char *type;                 /* The one that is needed. */
    GString *types;             /* What it has said so far. */
    gboolean found;
};

static void
question_end(struct question *q, const GError *error)
{
    if (!error && !q->found) {
        pf_qos_host->problem(
            q->call, "QoS type '%s' is not one that ovs-vswitchd supports on "
            "bridge '%s' (%s)", q->type, q->bridge,
            q->types->len ? q->types->str : "it supports none");
    }
    pf_qos_host->end(q->call, error);
    g_free(q->bridge);
    g_free(q->type);
    g_string_free(q->types, TRUE);
    g_free(q);
}

/* A line of `ovs-appctl qos/show-types': "QoS type: linux-htb", or "No QoS
 * types supported for interface: br0". */
static void
on_types(gpointer question, const GPtrArray *lines, gboolean last,
         const GError *error)
{
    static const char label[] = "QoS type: ";
    struct question *q = question;

    for (guint i = 0; i < lines->len; i++) {
        const char *line = lines->pdata[i];

        if (g_str_has_prefix(line, label)) {
            const char *type = line + strlen(label);

            q->found |= !strcmp(type, q->type);
            g_string_append_printf(q->types, "%s%s",
                                   q->types->len ? ", " : "", type);
        }
    }
    if (last) {
        question_end(q, error);
    }
}

void
pf_qos_verify_applicability(PfCall *call, const PfExtensionPort *port,
                            GVariant *policies)
{
    g_autoptr(GVariant) qos = g_variant_lookup_value(
        policies, "qos", G_VARIANT_TYPE_VARDICT);
    const char *args[] = { port->bridge, NULL };
    const char *type = "";
    struct question *q;

    if (qos) {
        g_variant_lookup(qos, "type", "&s", &type);
    } else if (g_variant_lookup(policies, "libvirt", "b", NULL)) {
        type = LIBVIRT_TYPE;
    }
    /* Without a type a port has the system's default, everywhere. */
    if (!type[0]) {
        pf_qos_host->end(call, NULL);
        return;
    }
    q = g_new0(struct question, 1);
    q->call = call;
    q->bridge = g_strdup(port->bridge);
    q->type = g_strdup(type);
    q->types = g_string_new(NULL);
    pf_qos_host->appctl("qos/show-types", args,
                        pf_qos_host->time_left_ms(call), on_types, q);
}

/* ---- Conflict ----------------------------------------------------------- */

char *
pf_qos_capacity_text(const char *bridge, const char *network, guint64 own,
                     guint64 spent, guint64 capacity)
{
    return g_strdup_printf(
        "min-rate %" G_GUINT64_FORMAT " bit/s of this port and %"
        G_GUINT64_FORMAT " bit/s of the others on bridge '%s' are together "
        "above the capacity %" G_GUINT64_FORMAT " bit/s of network '%s' "
        "(<portferry:bandwidth> in its XML)", own, spent, bridge, capacity,
        network);
}

void
pf_qos_verify_conflict(PfCall *call, const PfExtensionPort *port,
                       GVariant *policies)
{
    guint64 capacity = pf_qos_capacity(port);
    guint64 own = pf_qos_reserved(policies);

    /* One port that is too large is out of range already. */
    if (capacity != G_MAXUINT64 && own && own <= capacity) {
        guint64 spent = pf_qos_spent(NULL, port->bridge, port->name);

        if (spent > capacity - own) {
            g_autofree char *text = pf_qos_capacity_text(
                port->bridge, port->network, own, spent, capacity);

            pf_qos_host->problem(call, "%s", text);
        }
    }
    pf_qos_host->end(call, NULL);
}
