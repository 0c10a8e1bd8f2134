/* SPDX-License-Identifier: Apache-2.0
 *
 * portdata: encoding and decoding of PortData.  See portdata.h.
 */
#include <config.h>

#include "plugin/portdata.h"

#include <gio/gio.h>
#include <string.h>

#include "plugin/codec.h"

G_DEFINE_QUARK(pf-portdata-error-quark, pf_portdata_error)

#define PREFIX "pf1."
/* Bytes of a text in a step of the trace. */
#define MAX_STEP_TEXT 1024

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
    g_clear_pointer(&saved->data, g_variant_unref);
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

void
pf_portdata_port_add(PfPortDataPort *port, const char *extension,
                     guint version, GVariant *policies, GVariant *data)
{
    PfSaved *saved = g_new0(PfSaved, 1);

    saved->name = g_strdup(extension);
    saved->version = version;
    saved->policies = g_variant_ref_sink(policies);
    saved->data = data ? g_variant_ref_sink(data) : NULL;
    g_ptr_array_add(port->saved, saved);
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

static GVariant *
port_to_variant(const PfPortDataPort *port)
{
    GVariantDict dict, saved;

    g_variant_dict_init(&saved, NULL);
    for (guint i = 0; i < port->saved->len; i++) {
        const PfSaved *s = port->saved->pdata[i];
        GVariantDict entry;

        g_variant_dict_init(&entry, NULL);
        g_variant_dict_insert(&entry, "version", "x", (gint64) s->version);
        g_variant_dict_insert_value(&entry, "policies", s->policies);
        if (s->data) {
            g_variant_dict_insert_value(&entry, "data", s->data);
        }
        g_variant_dict_insert_value(&saved, s->name,
                                    g_variant_dict_end(&entry));
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
            step->detail, strnlen(step->detail, MAX_STEP_TEXT / 3));
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

static gboolean
saved_from_variant(PfPortDataPort *port, GVariant *saved, GError **error)
{
    GVariantIter iter;
    const char *name;
    GVariant *value;

    g_variant_iter_init(&iter, saved);
    while (g_variant_iter_next(&iter, "{&sv}", &name, &value)) {
        g_autoptr(GVariant) entry = value;
        g_autoptr(GVariant) policies = NULL;
        g_autoptr(GVariant) data = NULL;
        gint64 version;

        if (!g_variant_is_of_type(entry, G_VARIANT_TYPE_VARDICT)
            || !pf_codec_integer(entry, "version", &version)
            || version < 1 || version > G_MAXUINT16) {
            return bad(error, "an extension's entry has no version");
        }
        policies = pf_codec_dict(entry, "policies");
        if (!policies) {
            return bad(error, "an extension's entry has no policies");
        }
        data = pf_codec_dict(entry, "data");
        pf_portdata_port_add(port, name, version, policies, data);
    }
    return TRUE;
}

static gboolean
port_from_variant(PfPortData *pd, GVariant *v, GError **error)
{
    const char *mac, *name;
    gint64 ofport;

    if (!g_variant_is_of_type(v, G_VARIANT_TYPE_VARDICT)) {
        return bad(error, "a port is not a dictionary");
    }
    mac = pf_codec_string(v, "mac");
    name = pf_codec_string(v, "name");
    if (!mac || !name || !pf_codec_integer(v, "ofport", &ofport)) {
        return bad(error, "a port lacks 'mac', 'name' or 'ofport'");
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
                                  pf_codec_string(v, "iface-id"), ofport),
                              saved, error);
}

/* What other hosts say goes into the journal as it is: in measure. */
static gboolean
is_long(const char *text)
{
    return text && strlen(text) > MAX_STEP_TEXT;
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
        g_set_error(error, PF_PORTDATA_ERROR, PF_PORTDATA_ERROR_LIMIT,
                    "PortData: a step of the trace has a text of over %d "
                    "bytes", MAX_STEP_TEXT);
        return FALSE;
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

    g_autoptr(PfPortData) pd = pf_portdata_new(n, epoch, host, domain);
    if (!for_each_member(pd, dict, "ports", PF_PORTDATA_MAX_PORTS,
                         port_from_variant, error)
        || !for_each_member(pd, dict, "steps", PF_PORTDATA_MAX_STEPS,
                            step_from_variant, error)) {
        return NULL;
    }
    return g_steal_pointer(&pd);
}

/* ---- Compression and base64url ---------------------------------------- */

/* Runs 'size' bytes at 'in' through 'converter'; stops with an error when
 * more than 'max' bytes come out. */
static GByteArray *
convert(GConverter *converter, const guint8 *in, gsize size, gsize max,
        GError **error)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    guint8 buffer[16384];
    gsize used = 0;

    for (;;) {
        gsize n_read, n_written;
        GConverterResult result = g_converter_convert(
            converter, in + used, size - used, buffer, sizeof buffer,
            G_CONVERTER_INPUT_AT_END, &n_read, &n_written, error);

        if (result == G_CONVERTER_ERROR) {
            return NULL;
        }
        used += n_read;
        if (out->len + n_written > max) {
            g_set_error(error, PF_PORTDATA_ERROR, PF_PORTDATA_ERROR_LIMIT,
                        "PortData unpacks to more than %zu bytes", max);
            return NULL;
        }
        g_byte_array_append(out, buffer, n_written);
        if (result == G_CONVERTER_FINISHED) {
            if (used < size) {
                bad(error, "bytes after its end");
                return NULL;
            }
            return g_steal_pointer(&out);
        }
    }
}

char *
pf_portdata_encode(const PfPortData *pd, GError **error)
{
    g_autofree char *json = pf_codec_format(portdata_to_variant(pd));
    g_autoptr(GConverter) deflate = G_CONVERTER(
        g_zlib_compressor_new(G_ZLIB_COMPRESSOR_FORMAT_ZLIB, -1));
    g_autoptr(GByteArray) packed = convert(deflate, (guint8 *) json,
                                           strlen(json), G_MAXUINT32, error);
    if (!packed) {
        return NULL;
    }

    g_autofree char *base64 = g_base64_encode(packed->data, packed->len);
    char *end = strchr(base64, '=');
    if (end) {
        *end = '\0';
    }
    g_strdelimit(base64, "+", '-');
    g_strdelimit(base64, "/", '_');

    char *text = g_strconcat(PREFIX, base64, NULL);
    if (strlen(text) > PF_PORTDATA_MAX_TEXT) {
        g_set_error(error, PF_PORTDATA_ERROR, PF_PORTDATA_ERROR_LIMIT,
                    "PortData of the guest's %u ports is %zu bytes long, "
                    "libvirt carries %d: remove state from the ports",
                    pd->ports->len, strlen(text), PF_PORTDATA_MAX_TEXT);
        g_free(text);
        return NULL;
    }
    return text;
}

/* base64url without padding to base64 with; NULL if it is not. */
static char *
to_base64(const char *text)
{
    size_t size = strlen(text);
    GString *s;

    if (size % 4 == 1
        || strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                  "0123456789-_") != size) {
        return NULL;
    }
    s = g_string_new_len(text, size);
    while (s->len % 4) {
        g_string_append_c(s, '=');
    }
    g_strdelimit(s->str, "-", '+');
    g_strdelimit(s->str, "_", '/');
    return g_string_free(s, FALSE);
}

PfPortData *
pf_portdata_decode(const char *text, GError **error)
{
    g_autoptr(GError) reason = NULL;

    if (strlen(text) > PF_PORTDATA_MAX_TEXT) {
        g_set_error(error, PF_PORTDATA_ERROR, PF_PORTDATA_ERROR_LIMIT,
                    "PortData is %zu bytes long, %d is the limit",
                    strlen(text), PF_PORTDATA_MAX_TEXT);
        return NULL;
    }
    if (!g_str_has_prefix(text, PREFIX)) {
        bad(error, "does not begin with '" PREFIX "'");
        return NULL;
    }

    g_autofree char *base64 = to_base64(text + strlen(PREFIX));
    if (!base64) {
        bad(error, "not base64url");
        return NULL;
    }
    gsize size;
    g_autofree guchar *packed = g_base64_decode(base64, &size);
    g_autoptr(GConverter) inflate = G_CONVERTER(
        g_zlib_decompressor_new(G_ZLIB_COMPRESSOR_FORMAT_ZLIB));
    g_autoptr(GByteArray) json = convert(inflate, packed, size,
                                         PF_PORTDATA_MAX_BYTES, &reason);
    if (!json) {
        if (reason->domain == PF_PORTDATA_ERROR) {
            g_propagate_error(error, g_steal_pointer(&reason));
        } else {
            bad(error, reason->message);
        }
        return NULL;
    }
    g_byte_array_append(json, (const guint8 *) "", 1);
    if (strlen((char *) json->data) != json->len - 1) {
        bad(error, "contains a NUL byte");
        return NULL;
    }

    g_autoptr(GVariant) dict = pf_codec_parse((char *) json->data, &reason);
    if (!dict) {
        bad(error, reason->message);
        return NULL;
    }
    return portdata_from_variant(dict, error);
}
