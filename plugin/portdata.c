/* SPDX-License-Identifier: Apache-2.0
 *
 * portdata: encoding and decoding of PortData.  See portdata.h.
 */
#include <config.h>

#include "plugin/portdata.h"

#include <string.h>

#include "plugin/codec.h"
#include "plugin/pack.h"

G_DEFINE_QUARK(pf-portdata-error-quark, pf_portdata_error)

#define PREFIX "pf1."
/* Bytes of a text, but for those of the extensions' own. */
#define MAX_TEXT 1024
/* Hexadecimal digits of a digest. */
#define DIGEST_LENGTH 64
#define DIGEST_CHARS "0123456789abcdef"

static const char *const level_names[] = {
    [PF_LEVEL_PRECOPY] = "precopy",
    [PF_LEVEL_SAVED] = "saved",
    [PF_LEVEL_DELETED] = "deleted",
};

const char *
pf_level_name(PfLevel level)
{
    return level_names[level];
}

static void
saved_free(gpointer p)
{
    PfSaved *saved = p;

    g_free(saved->name);
    g_clear_pointer(&saved->policies, g_variant_unref);
    g_free(saved->base);
    g_clear_pointer(&saved->delta, g_variant_unref);
    g_clear_pointer(&saved->chunks, g_variant_unref);
    g_free(saved);
}

static void
port_free(gpointer p)
{
    PfPortDataPort *port = p;

    g_free(port->mac);
    g_free(port->name);
    g_free(port->iface_id);
    g_ptr_array_unref(port->saved);
    g_free(port);
}

PfPortData *
pf_portdata_new(PfLevel level, const char *epoch, const char *host,
                const char *domain_uuid)
{
    PfPortData *pd = g_new0(PfPortData, 1);

    pd->level = level;
    pd->epoch = g_strdup(epoch);
    pd->host = g_strdup(host);
    pd->domain_uuid = g_strdup(domain_uuid);
    pd->ports = g_ptr_array_new_with_free_func(port_free);
    pd->steps = g_ptr_array_new_with_free_func((GDestroyNotify) pf_step_free);
    return pd;
}

PfPortDataPort *
pf_portdata_add_port(PfPortData *pd, const char *mac, const char *name,
                     const char *iface_id, gint64 ofport)
{
    PfPortDataPort *port = g_new0(PfPortDataPort, 1);

    port->mac = g_strdup(mac);
    port->name = g_strdup(name);
    port->iface_id = g_strdup(iface_id);
    port->ofport = ofport;
    port->saved = g_ptr_array_new_with_free_func(saved_free);
    g_ptr_array_add(pd->ports, port);
    return port;
}

PfSaved *
pf_portdata_port_add(PfPortDataPort *port, const char *extension,
                     guint version)
{
    PfSaved *saved = g_new0(PfSaved, 1);

    saved->name = g_strdup(extension);
    saved->version = version;
    g_ptr_array_add(port->saved, saved);
    return saved;
}

PfPortDataPort *
pf_portdata_port(const PfPortData *pd, const char *mac)
{
    for (guint i = 0; i < pd->ports->len; i++) {
        PfPortDataPort *port = pd->ports->pdata[i];

        if (!strcmp(port->mac, mac)) {
            return port;
        }
    }
    return NULL;
}

PfSaved *
pf_portdata_saved(const PfPortDataPort *port, const char *extension)
{
    for (guint i = 0; i < port->saved->len; i++) {
        PfSaved *saved = port->saved->pdata[i];

        if (!strcmp(saved->name, extension)) {
            return saved;
        }
    }
    return NULL;
}

void
pf_portdata_free(PfPortData *pd)
{
    if (pd) {
        g_free(pd->epoch);
        g_free(pd->host);
        g_free(pd->domain_uuid);
        g_ptr_array_unref(pd->ports);
        g_ptr_array_unref(pd->steps);
        g_free(pd);
    }
}

/* ---- To a dictionary and back ----------------------------------------- */

static void
put_string(GVariantDict *dict, const char *key, const char *value)
{
    if (value) {
        g_variant_dict_insert(dict, key, "s", value);
    }
}

static void
put_value(GVariantDict *dict, const char *key, GVariant *value)
{
    if (value) {
        g_variant_dict_insert_value(dict, key, value);
    }
}

static GVariant *
saved_to_variant(const PfSaved *saved)
{
    GVariantDict dict;

    g_variant_dict_init(&dict, NULL);
    g_variant_dict_insert(&dict, "version", "x", (gint64) saved->version);
    put_value(&dict, "policies", saved->policies);
    put_string(&dict, "base", saved->base);
    put_value(&dict, "delta", saved->delta);
    put_value(&dict, "chunks", saved->chunks);
    return g_variant_dict_end(&dict);
}

static GVariant *
port_to_variant(const PfPortDataPort *port)
{
    GVariantDict dict, saved;

    g_variant_dict_init(&saved, NULL);
    for (guint i = 0; i < port->saved->len; i++) {
        const PfSaved *s = port->saved->pdata[i];

        g_variant_dict_insert_value(&saved, s->name, saved_to_variant(s));
    }

    g_variant_dict_init(&dict, NULL);
    put_string(&dict, "mac", port->mac);
    put_string(&dict, "name", port->name);
    put_string(&dict, "iface-id", port->iface_id);
    g_variant_dict_insert(&dict, "ofport", "x", port->ofport);
    g_variant_dict_insert_value(&dict, "saved", g_variant_dict_end(&saved));
    return g_variant_dict_end(&dict);
}

static GVariant *
step_to_variant(const PfStep *step)
{
    GVariantDict dict;

    g_variant_dict_init(&dict, NULL);
    g_variant_dict_insert(&dict, "time_us", "x", step->time_us);
    g_variant_dict_insert(&dict, "us", "x", step->us);
    put_string(&dict, "host", step->host);
    put_string(&dict, "port", step->port);
    put_string(&dict, "request", step->request);
    put_string(&dict, "kind", step->kind);
    put_string(&dict, "extension", step->extension);
    put_string(&dict, "result", step->result);
    if (step->detail) {
        g_autofree char *detail = g_utf8_make_valid(
            step->detail, strnlen(step->detail, MAX_TEXT / 3));
        put_string(&dict, "detail", detail);
    }
    return g_variant_dict_end(&dict);
}

static GVariant *
portdata_to_variant(const PfPortData *pd)
{
    GVariantBuilder ports, steps;
    GVariantDict dict;

    g_variant_builder_init(&ports, G_VARIANT_TYPE("av"));
    for (guint i = 0; i < pd->ports->len; i++) {
        g_variant_builder_add(&ports, "v",
                              port_to_variant(pd->ports->pdata[i]));
    }
    g_variant_builder_init(&steps, G_VARIANT_TYPE("av"));
    for (guint i = 0; i < pd->steps->len; i++) {
        g_variant_builder_add(&steps, "v",
                              step_to_variant(pd->steps->pdata[i]));
    }

    g_variant_dict_init(&dict, NULL);
    g_variant_dict_insert(&dict, "version", "x", (gint64) PF_PORTDATA_VERSION);
    put_string(&dict, "level", pf_level_name(pd->level));
    put_string(&dict, "epoch", pd->epoch);
    put_string(&dict, "host", pd->host);
    put_string(&dict, "domain", pd->domain_uuid);
    g_variant_dict_insert_value(&dict, "ports", g_variant_builder_end(&ports));
    g_variant_dict_insert_value(&dict, "steps", g_variant_builder_end(&steps));
    return g_variant_dict_end(&dict);
}

static gboolean
bad(GError **error, const char *what)
{
    g_set_error(error, PF_PORTDATA_ERROR, PF_PORTDATA_ERROR_FORMAT,
                "PortData: %s", what);
    return FALSE;
}

/* What other hosts say goes into the journal as it is: in measure. */
static gboolean
is_long(const char *text)
{
    return text && strlen(text) > MAX_TEXT;
}

static gboolean
too_long(GError **error)
{
    g_set_error(error, PF_PORTDATA_ERROR, PF_PORTDATA_ERROR_LIMIT,
                "PortData: a name, an id or a text of the trace has over %d "
                "bytes", MAX_TEXT);
    return FALSE;
}

static gboolean
is_extension_name(const char *name)
{
    gsize length = strspn(name, G_CSET_a_2_z G_CSET_DIGITS "-");

    return length >= 1 && length <= 32 && !name[length];
}

/* Whether 'chunks' (av) are dictionaries, and not too many. */
static gboolean
check_chunks(GVariant *chunks, GError **error)
{
    if (g_variant_n_children(chunks) > PF_PORTDATA_MAX_CHUNKS) {
        g_set_error(error, PF_PORTDATA_ERROR, PF_PORTDATA_ERROR_LIMIT,
                    "PortData: %zu chunks of an extension, %d is the limit",
                    g_variant_n_children(chunks), PF_PORTDATA_MAX_CHUNKS);
        return FALSE;
    }
    for (gsize i = 0; i < g_variant_n_children(chunks); i++) {
        g_autoptr(GVariant) box = g_variant_get_child_value(chunks, i);
        g_autoptr(GVariant) chunk = g_variant_get_variant(box);

        if (!g_variant_is_of_type(chunk, G_VARIANT_TYPE_VARDICT)) {
            return bad(error, "a chunk of an extension is not a dictionary");
        }
    }
    return TRUE;
}

/* Reads the member 'key' of an extension's entry, which must be of 'type' if
 * it is there, into '*value'. */
static gboolean
read_member(GVariant *entry, const char *key, const GVariantType *type,
            GVariant **value, GError **error)
{
    *value = g_variant_lookup_value(entry, key, NULL);
    if (*value && !g_variant_is_of_type(*value, type)) {
        g_set_error(error, PF_PORTDATA_ERROR, PF_PORTDATA_ERROR_FORMAT,
                    "PortData: '%s' of an extension is not of the right type",
                    key);
        return FALSE;
    }
    return TRUE;
}

static gboolean
is_digest(const char *text)
{
    return (strlen(text) == DIGEST_LENGTH
            && strspn(text, DIGEST_CHARS) == DIGEST_LENGTH);
}

/* Reads the policies, whole or as a difference, and chunks of 'entry'. */
static gboolean
read_saved(PfSaved *saved, GVariant *entry, GError **error)
{
    g_autoptr(GVariant) base = NULL;

    if (!read_member(entry, "policies", G_VARIANT_TYPE_VARDICT,
                     &saved->policies, error)
        || !read_member(entry, "base", G_VARIANT_TYPE_STRING, &base, error)
        || !read_member(entry, "delta", G_VARIANT_TYPE_VARDICT,
                        &saved->delta, error)
        || !read_member(entry, "chunks", G_VARIANT_TYPE("av"),
                        &saved->chunks, error)) {
        return FALSE;
    }
    saved->base = base ? g_variant_dup_string(base, NULL) : NULL;
    if (!saved->policies == !saved->base || !saved->base != !saved->delta) {
        return bad(error, "an extension's entry has neither policies nor "
                   "their difference from a base, or both");
    }
    if (saved->base && !is_digest(saved->base)) {
        return bad(error, "an extension's base is not 64 of 0-9 and a-f");
    }
    return !saved->chunks || check_chunks(saved->chunks, error);
}

static gboolean
saved_from_variant(PfPortDataPort *port, GVariant *dict, GError **error)
{
    GVariantIter iter;
    const char *name;
    GVariant *value;

    if (g_variant_n_children(dict) > PF_PORTDATA_MAX_EXTENSIONS) {
        g_set_error(error, PF_PORTDATA_ERROR, PF_PORTDATA_ERROR_LIMIT,
                    "PortData: %zu extensions of a port, %d is the limit",
                    g_variant_n_children(dict), PF_PORTDATA_MAX_EXTENSIONS);
        return FALSE;
    }
    g_variant_iter_init(&iter, dict);
    while (g_variant_iter_next(&iter, "{&sv}", &name, &value)) {
        g_autoptr(GVariant) entry = value;
        gint64 version;

        if (!g_variant_is_of_type(entry, G_VARIANT_TYPE_VARDICT)
            || !pf_codec_integer(entry, "version", &version)
            || version < 1 || version > PF_PORTDATA_MAX_EXTENSION_VERSION) {
            return bad(error, "an extension's entry has no version");
        }
        if (!is_extension_name(name)) {
            return bad(error, "an extension's name is not 1 to 32 of a-z, "
                       "0-9 and -");
        }
        if (!read_saved(pf_portdata_port_add(port, name, version), entry,
                        error)) {
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean
port_from_variant(PfPortData *pd, GVariant *v, GError **error)
{
    const char *mac, *name, *iface_id;
    gint64 ofport;

    if (!g_variant_is_of_type(v, G_VARIANT_TYPE_VARDICT)) {
        return bad(error, "a port is not a dictionary");
    }
    mac = pf_codec_string(v, "mac");
    name = pf_codec_string(v, "name");
    if (!mac || !name || !pf_codec_integer(v, "ofport", &ofport)) {
        return bad(error, "a port lacks 'mac', 'name' or 'ofport'");
    }
    iface_id = pf_codec_string(v, "iface-id");
    if (is_long(mac) || is_long(name) || is_long(iface_id)) {
        return too_long(error);
    }
    if (ofport < 0 || ofport >= 0xff00) {
        return bad(error, "a port's OpenFlow number is not in 0 to 65279");
    }
    if (pf_portdata_port(pd, mac)) {
        return bad(error, "two ports have the same MAC");
    }

    g_autoptr(GVariant) saved = pf_codec_dict(v, "saved");
    if (!saved) {
        return bad(error, "a port lacks 'saved'");
    }
    return saved_from_variant(pf_portdata_add_port(
                                  pd, mac, name,
                                  iface_id, ofport),
                              saved, error);
}

static gboolean
step_from_variant(PfPortData *pd, GVariant *v, GError **error)
{
    /* Others would be refused by the journal's database. */
    static const char *const results[] = {
        "ok", "failed", "skipped", "undone", NULL
    };
    PfStep step = { .seq = 0 };

    if (!g_variant_is_of_type(v, G_VARIANT_TYPE_VARDICT)
        || !pf_codec_integer(v, "time_us", &step.time_us)
        || !pf_codec_integer(v, "us", &step.us)) {
        return bad(error, "a step of the trace is malformed");
    }
    step.host = (char *) pf_codec_string(v, "host");
    step.port = (char *) pf_codec_string(v, "port");
    step.request = (char *) pf_codec_string(v, "request");
    step.kind = (char *) pf_codec_string(v, "kind");
    step.extension = (char *) pf_codec_string(v, "extension");
    step.result = (char *) pf_codec_string(v, "result");
    step.detail = (char *) pf_codec_string(v, "detail");
    if (is_long(step.host) || is_long(step.port) || is_long(step.request)
        || is_long(step.kind) || is_long(step.extension)
        || is_long(step.detail)) {
        return too_long(error);
    }
    if (!step.host || !step.port || !step.request || !step.result
        || !g_strv_contains(results, step.result)) {
        return bad(error, "a step of the trace is incomplete");
    }
    g_ptr_array_add(pd->steps, pf_step_copy(&step));
    return TRUE;
}

/* Calls 'each' for the members of array 'key', of which there may be 'max'. */
static gboolean
for_each_member(PfPortData *pd, GVariant *dict, const char *key, guint max,
                gboolean (*each)(PfPortData *, GVariant *, GError **),
                GError **error)
{
    g_autoptr(GVariant) array = pf_codec_array(dict, key);

    if (!array) {
        return bad(error, "'ports' or 'steps' is missing");
    }
    if (g_variant_n_children(array) > max) {
        g_set_error(error, PF_PORTDATA_ERROR, PF_PORTDATA_ERROR_LIMIT,
                    "PortData: %zu %s, %u is the limit",
                    g_variant_n_children(array), key, max);
        return FALSE;
    }
    for (gsize i = 0; i < g_variant_n_children(array); i++) {
        g_autoptr(GVariant) boxed = g_variant_get_child_value(array, i);
        g_autoptr(GVariant) member = g_variant_get_variant(boxed);

        if (!each(pd, member, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

static PfPortData *
portdata_from_variant(GVariant *dict, GError **error)
{
    const char *level = pf_codec_string(dict, "level");
    const char *epoch = pf_codec_string(dict, "epoch");
    const char *host = pf_codec_string(dict, "host");
    const char *domain = pf_codec_string(dict, "domain");
    gint64 version;
    int n = -1;

    if (!pf_codec_integer(dict, "version", &version) || version < 1) {
        bad(error, "no version");
        return NULL;
    }
    if (version > PF_PORTDATA_VERSION) {
        g_set_error(error, PF_PORTDATA_ERROR, PF_PORTDATA_ERROR_VERSION,
                    "PortData has version %" G_GINT64_FORMAT ", this host "
                    "reads up to %d: update Portferry here", version,
                    PF_PORTDATA_VERSION);
        return NULL;
    }
    for (guint i = 0; i < G_N_ELEMENTS(level_names); i++) {
        if (!g_strcmp0(level, level_names[i])) {
            n = i;
        }
    }
    if (n < 0 || !epoch || !host || !domain) {
        bad(error, "'level', 'epoch', 'host' or 'domain' is missing");
        return NULL;
    }
    if (is_long(epoch) || is_long(host) || is_long(domain)) {
        too_long(error);
        return NULL;
    }

    g_autoptr(PfPortData) pd = pf_portdata_new(n, epoch, host, domain);
    if (!for_each_member(pd, dict, "ports", PF_PORTDATA_MAX_PORTS,
                         port_from_variant, error)
        || !for_each_member(pd, dict, "steps", PF_PORTDATA_MAX_STEPS,
                            step_from_variant, error)) {
        return NULL;
    }
    return g_steal_pointer(&pd);
}

/* ---- To text and back ------------------------------------------------- */

/* What of 'pd' needs most room before compression, ", the largest part is
 * ...", or "" if there is nothing. */
static char *
largest_part(const PfPortData *pd)
{
    char *largest = g_strdup("");
    gsize most = 0;

    for (guint i = 0; i < pd->ports->len; i++) {
        const PfPortDataPort *port = pd->ports->pdata[i];

        for (guint j = 0; j < port->saved->len; j++) {
            const PfSaved *saved = port->saved->pdata[j];
            g_autofree char *json = pf_codec_format(saved_to_variant(saved));

            if (strlen(json) > most) {
                most = strlen(json);
                g_free(largest);
                largest = g_strdup_printf(
                    ", the largest part is extension '%s' of NIC %s: %zu "
                    "bytes before compression", saved->name, port->mac, most);
            }
        }
    }
    return largest;
}

/* Sets '*error' to: 'pd' is 'what', so 'size', and may be only 'limit'. */
static void
set_too_large(GError **error, const PfPortData *pd, const char *what,
              gsize size, gsize limit)
{
    g_autofree char *largest = largest_part(pd);

    g_set_error(error, PF_PORTDATA_ERROR, PF_PORTDATA_ERROR_LIMIT,
                "PortData of the guest's %u ports %s %zu bytes long, %zu is "
                "the limit: remove state from the ports%s", pd->ports->len,
                what, size, limit, largest);
}

/* Calls 'check' for each extension's entry until one is refused, and says in
 * '*error' which. */
static gboolean
check_saved(const PfPortData *pd,
            gboolean (*check)(const PfSaved *, GError **), GError **error)
{
    for (guint i = 0; i < pd->ports->len; i++) {
        const PfPortDataPort *port = pd->ports->pdata[i];

        for (guint j = 0; j < port->saved->len; j++) {
            const PfSaved *saved = port->saved->pdata[j];
            g_autoptr(GError) reason = NULL;

            if (!check(saved, &reason)) {
                g_set_error(error, PF_PORTDATA_ERROR, PF_PORTDATA_ERROR_LIMIT,
                            "extension '%s' of NIC %s saved what no host "
                            "would read: %s", saved->name, port->mac,
                            reason->message);
                return FALSE;
            }
        }
    }
    return TRUE;
}

static gboolean
has_good_chunks(const PfSaved *saved, GError **error)
{
    return !saved->chunks || check_chunks(saved->chunks, error);
}

static gboolean
has_good_json(const PfSaved *saved, GError **error)
{
    g_autofree char *json = pf_codec_format(saved_to_variant(saved));
    /* As deep as it is in its place. */
    g_autofree char *in_place = g_strconcat("[[[[", json, "]]]]", NULL);

    return pf_codec_check(in_place, error);
}

/* Whether the other host will read 'json'. */
static gboolean
check_json(const PfPortData *pd, const char *json, GError **error)
{
    g_autoptr(GError) reason = NULL;

    if (strlen(json) > PF_PORTDATA_MAX_BYTES) {
        set_too_large(error, pd, "before compression is", strlen(json),
                      PF_PORTDATA_MAX_BYTES);
        return FALSE;
    }
    if (!check_saved(pd, has_good_chunks, error)) {
        return FALSE;
    }
    if (pf_codec_check(json, &reason)) {
        return TRUE;
    }
    if (check_saved(pd, has_good_json, error)) {
        g_autofree char *largest = largest_part(pd);

        g_set_error(error, PF_PORTDATA_ERROR, PF_PORTDATA_ERROR_LIMIT,
                    "PortData of the guest's %u ports is what no host would "
                    "read: %s: remove state from the ports%s",
                    pd->ports->len, reason->message, largest);
    }
    return FALSE;
}

char *
pf_portdata_encode(const PfPortData *pd, GError **error)
{
    g_autofree char *json = pf_codec_format(portdata_to_variant(pd));
    g_autofree char *packed = NULL;
    g_autofree char *text = NULL;

    if (!check_json(pd, json, error)) {
        return NULL;
    }
    packed = pf_pack_text(json);
    text = g_strconcat(PREFIX, packed, NULL);
    if (strlen(text) > PF_PORTDATA_MAX_TEXT) {
        set_too_large(error, pd, "is", strlen(text), PF_PORTDATA_MAX_TEXT);
        return NULL;
    }
    return g_steal_pointer(&text);
}

PfPortData *
pf_portdata_decode(const char *text, GError **error)
{
    g_autoptr(GError) reason = NULL;
    gsize length = strlen(text);

    if (length > PF_PORTDATA_MAX_TEXT) {
        g_set_error(error, PF_PORTDATA_ERROR, PF_PORTDATA_ERROR_LIMIT,
                    "PortData is %zu bytes long, %d is the limit", length,
                    PF_PORTDATA_MAX_TEXT);
        return NULL;
    }
    if (!g_str_has_prefix(text, PREFIX)) {
        bad(error, "does not begin with '" PREFIX "'");
        return NULL;
    }

    g_autofree char *json = pf_unpack_text(text + strlen(PREFIX),
                                           length - strlen(PREFIX),
                                           PF_PORTDATA_MAX_BYTES, &reason);
    g_autoptr(GVariant) dict = json ? pf_codec_parse(json, &reason) : NULL;
    if (!dict) {
        g_set_error(error, PF_PORTDATA_ERROR,
                    g_error_matches(reason, PF_PACK_ERROR,
                                    PF_PACK_ERROR_LIMIT)
                    || g_error_matches(reason, PF_CODEC_ERROR,
                                       PF_CODEC_ERROR_LIMIT)
                    ? PF_PORTDATA_ERROR_LIMIT : PF_PORTDATA_ERROR_FORMAT,
                    "PortData: %s", reason->message);
        return NULL;
    }
    return portdata_from_variant(dict, error);
}
