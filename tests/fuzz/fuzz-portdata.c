/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz-portdata: PortData, packed state, and differences.
 *
 * The input's first line says how the rest is taken:
 *
 *   text      PortData and packed state as they arrive
 *   deflated  what their base64url stands for
 *   json      PortData's JSON, before it is packed
 *   state     a state's JSON
 *   delta     two lines of JSON: a state, and a difference from it
 *
 * What is accepted keeps to its limits and is the same when it was written and
 * read again.  A difference changes what it names and nothing else, and what
 * came of it can be saved.
 */
#include <config.h>

#include <string.h>

#include "codec.h"
#include "delta.h"
#include "harness.h"
#include "pack.h"
#include "portdata.h"

/* The greatest of PortData's own texts, and what is left of a step's. */
#define MAX_TEXT 1024
#define KEPT_DETAIL 300

/* ---- PortData ----------------------------------------------------------- */

static void
check_text(const char *text)
{
    FUZZ_CHECK(!text || strlen(text) <= MAX_TEXT, "a text of %zu bytes",
               strlen(text));
}

static void
check_same_state(GVariant *a, GVariant *b, const char *what)
{
    FUZZ_CHECK(!a == !b, "%s: there and not there", what);
    if (a) {
        GVariantDict dict_a, dict_b;
        g_autofree char *text_a = NULL;
        g_autofree char *text_b = NULL;

        g_variant_dict_init(&dict_a, NULL);
        g_variant_dict_insert_value(&dict_a, "", a);
        g_variant_dict_init(&dict_b, NULL);
        g_variant_dict_insert_value(&dict_b, "", b);
        text_a = pf_pack_state(g_variant_dict_end(&dict_a));
        text_b = pf_pack_state(g_variant_dict_end(&dict_b));
        FUZZ_CHECK_SAME(text_a, text_b, what);
    }
}

static void
check_same_saved(const PfSaved *a, const PfSaved *b)
{
    FUZZ_CHECK(a->version == b->version && a->version >= 1
               && a->version <= PF_PORTDATA_MAX_EXTENSION_VERSION,
               "version %u and %u", a->version, b->version);
    FUZZ_CHECK(!a->policies == !!a->base && !a->base == !a->delta,
               "policies and a difference, or neither");
    FUZZ_CHECK(!a->chunks || g_variant_n_children(a->chunks)
               <= PF_PORTDATA_MAX_CHUNKS, "too many chunks");
    FUZZ_CHECK_SAME(a->base, b->base, "base");
    check_same_state(a->policies, b->policies, "policies");
    check_same_state(a->delta, b->delta, "difference");
    check_same_state(a->chunks, b->chunks, "chunks");
}

static void
check_same_port(const PfPortData *pd, const PfPortDataPort *a,
                const PfPortDataPort *b)
{
    FUZZ_CHECK_SAME(a->mac, b->mac, "MAC");
    FUZZ_CHECK_SAME(a->name, b->name, "name");
    FUZZ_CHECK_SAME(a->iface_id, b->iface_id, "iface-id");
    check_text(a->mac);
    check_text(a->name);
    check_text(a->iface_id);
    FUZZ_CHECK(a->ofport == b->ofport && a->ofport >= 0 && a->ofport < 0xff00,
               "OpenFlow numbers %" G_GINT64_FORMAT " and %" G_GINT64_FORMAT,
               a->ofport, b->ofport);
    FUZZ_CHECK(pf_portdata_port(pd, a->mac) == a, "MAC \"%s\" twice", a->mac);
    FUZZ_CHECK(a->saved->len == b->saved->len
               && a->saved->len <= PF_PORTDATA_MAX_EXTENSIONS,
               "%u and %u extensions", a->saved->len, b->saved->len);
    for (guint i = 0; i < a->saved->len; i++) {
        const PfSaved *saved = a->saved->pdata[i];
        const PfSaved *other = pf_portdata_saved(b, saved->name);

        FUZZ_CHECK(other, "\"%s\" is lost", saved->name);
        FUZZ_CHECK(pf_portdata_saved(a, saved->name) == saved,
                   "\"%s\" is there twice", saved->name);
        check_same_saved(saved, other);
    }
}

static void
check_same_step(const PfStep *a, const PfStep *b)
{
    FUZZ_CHECK(a->time_us == b->time_us && a->us == b->us, "times");
    FUZZ_CHECK_SAME(a->host, b->host, "host");
    FUZZ_CHECK_SAME(a->port, b->port, "port");
    FUZZ_CHECK_SAME(a->request, b->request, "request");
    FUZZ_CHECK_SAME(a->kind, b->kind, "kind");
    FUZZ_CHECK_SAME(a->extension, b->extension, "extension");
    FUZZ_CHECK_SAME(a->result, b->result, "result");
    FUZZ_CHECK(!a->detail == !b->detail, "detail");
    FUZZ_CHECK(!a->detail || !strncmp(a->detail, b->detail, KEPT_DETAIL),
               "detail \"%s\" and \"%s\"", a->detail, b->detail);
    check_text(a->host);
    check_text(a->port);
    check_text(a->detail);
}

static void
check_portdata(const char *text)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(PfPortData) pd = pf_portdata_decode(text, &error);
    g_autoptr(PfPortData) again = NULL;
    g_autofree char *encoded = NULL;

    fuzz_check_error(pd, error);
    if (!pd) {
        return;
    }
    encoded = pf_portdata_encode(pd, &error);
    FUZZ_CHECK(encoded, "what was read is not written: %s", error->message);
    again = pf_portdata_decode(encoded, &error);
    FUZZ_CHECK(again, "what was written is refused: %s", error->message);

    FUZZ_CHECK(pd->level == again->level, "level");
    FUZZ_CHECK_SAME(pd->epoch, again->epoch, "epoch");
    FUZZ_CHECK_SAME(pd->host, again->host, "host");
    FUZZ_CHECK_SAME(pd->domain_uuid, again->domain_uuid, "domain");
    check_text(pd->epoch);
    check_text(pd->host);
    FUZZ_CHECK(pd->ports->len == again->ports->len
               && pd->ports->len <= PF_PORTDATA_MAX_PORTS, "ports");
    FUZZ_CHECK(pd->steps->len == again->steps->len
               && pd->steps->len <= PF_PORTDATA_MAX_STEPS, "steps");
    for (guint i = 0; i < pd->ports->len; i++) {
        check_same_port(pd, pd->ports->pdata[i], again->ports->pdata[i]);
    }
    for (guint i = 0; i < pd->steps->len; i++) {
        check_same_step(pd->steps->pdata[i], again->steps->pdata[i]);
    }
}

/* ---- State -------------------------------------------------------------- */

static void
check_state(const char *text)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) state = pf_unpack_state(text, &error);
    g_autoptr(GVariant) again = NULL;
    g_autofree char *json = NULL;
    g_autofree char *one = NULL;
    g_autofree char *other = NULL;

    fuzz_check_error(state, error);
    if (!state) {
        return;
    }
    json = pf_codec_format(state);
    FUZZ_CHECK(pf_codec_check(json, &error), "%s: %s", error->message, json);
    again = pf_codec_parse(json, &error);
    FUZZ_CHECK(again, "what was written is refused: %s", error->message);
    one = fuzz_canonical(state);
    other = fuzz_canonical(again);
    FUZZ_CHECK_SAME(one, other, "state");
}

static void
check_deflated(const char *text, gsize size)
{
    g_autofree char *base64 = g_base64_encode((const guchar *) text, size);
    g_autofree char *packed = NULL;
    g_autofree char *portdata = NULL;

    g_strdelimit(base64, "+", '-');
    g_strdelimit(base64, "/", '_');
    g_strdelimit(base64, "=", '\0');
    packed = g_strconcat("pfz1.", base64, NULL);
    portdata = g_strconcat("pf1.", base64, NULL);
    check_state(packed);
    check_portdata(portdata);
}

/* ---- Differences -------------------------------------------------------- */

/* Whether 'delta' says something of 'key'. */
static gboolean
is_named(GVariant *delta, const char *key)
{
    static const char *const dicts[] = { "set", "sets" };
    g_autoptr(GVariant) del = g_variant_lookup_value(delta, "del", NULL);

    for (gsize i = 0; i < G_N_ELEMENTS(dicts); i++) {
        g_autoptr(GVariant) dict = g_variant_lookup_value(delta, dicts[i],
                                                          NULL);
        g_autoptr(GVariant) value = dict
            ? g_variant_lookup_value(dict, key, NULL) : NULL;

        if (value) {
            return TRUE;
        }
    }
    for (gsize i = 0; del && i < g_variant_n_children(del); i++) {
        const char *deleted;

        g_autoptr(GVariant) box = g_variant_get_child_value(del, i);
        g_autoptr(GVariant) member = g_variant_get_variant(box);

        deleted = g_variant_get_string(member, NULL);
        if (!strcmp(deleted, key)) {
            return TRUE;
        }
    }
    return FALSE;
}

/* Demands that the members of 'a' that 'delta' does not name are in 'b'. */
static void
check_untouched(GVariant *a, GVariant *b, GVariant *delta)
{
    GVariantIter iter;
    const char *key;
    GVariant *member;

    g_variant_iter_init(&iter, a);
    while (g_variant_iter_next(&iter, "{&sv}", &key, &member)) {
        g_autoptr(GVariant) value = member;
        g_autoptr(GVariant) other = g_variant_lookup_value(b, key, NULL);

        /* Of a key that is there twice, another may count. */
        FUZZ_CHECK(is_named(delta, key) || other,
                   "\"%s\", which is not named, is lost or new", key);
        if (!is_named(delta, key)) {
            check_same_state(value, other, "what was not named");
        }
    }
}

static void
check_delta(const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", 2);
    g_autoptr(GVariant) old = pf_codec_parse(lines[0] ? lines[0] : "", NULL);
    g_autoptr(GVariant) delta = old && lines[1]
        ? pf_codec_parse(lines[1], NULL) : NULL;
    g_autoptr(GVariant) new_ = NULL;
    g_autoptr(GVariant) made = NULL;
    g_autoptr(GVariant) again = NULL;
    g_autoptr(GError) error = NULL;
    g_autofree char *json = NULL;

    if (!delta) {
        return;
    }
    new_ = pf_delta_apply(old, delta, &error);
    fuzz_check_error(new_, error);
    if (new_) {
        json = pf_codec_format(new_);
        FUZZ_CHECK(pf_codec_check(json, &error), "%s", error->message);
        check_untouched(old, new_, delta);
        check_untouched(new_, old, delta);
    }

    /* Made and carried out, with both as states. */
    made = pf_delta_new(old, new_ ? new_ : delta);
    again = pf_delta_apply(old, made, &error);
    FUZZ_CHECK(again, "what was made is refused: %s", error->message);
    g_clear_pointer(&made, g_variant_unref);
    made = pf_delta_new(new_ ? new_ : delta, again);
    FUZZ_CHECK(pf_delta_is_empty(made), "it leads to something else");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = fuzz_text(data, size);
    char *rest = strchr(text, '\n');

    if (!rest) {
        return 0;
    }
    *rest++ = '\0';
    if (!strcmp(text, "text")) {
        check_portdata(rest);
        check_state(rest);
    } else if (!strcmp(text, "deflated")) {
        check_deflated((const char *) data + (rest - text),
                       size - (rest - text));
    } else if (!strcmp(text, "json")) {
        g_autofree char *packed = pf_pack_text(rest);
        g_autofree char *portdata = g_strconcat("pf1.", packed, NULL);

        check_portdata(portdata);
    } else if (!strcmp(text, "state")) {
        check_state(rest);
    } else if (!strcmp(text, "delta")) {
        check_delta(rest);
    }
    return 0;
}
