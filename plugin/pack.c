/* SPDX-License-Identifier: Apache-2.0
 *
 * pack: saved state as text that is short.  See pack.h.
 */
#include <config.h>

#include "plugin/pack.h"

#include <gio/gio.h>
#include <math.h>
#include <string.h>

#include "plugin/codec.h"

G_DEFINE_QUARK(pf-pack-error-quark, pf_pack_error)

#define PREFIX "pfz1."

/* A character's value in base64url is its place here. */
#define BASE64URL "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" \
                  "0123456789-_"

static gboolean
bad(GError **error, const char *what)
{
    g_set_error_literal(error, PF_PACK_ERROR, PF_PACK_ERROR_FORMAT, what);
    return FALSE;
}

/* ---- Deflate and base64url -------------------------------------------- */

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
        g_autoptr(GError) reason = NULL;
        gsize n_read, n_written;
        GConverterResult result = g_converter_convert(
            converter, in + used, size - used, buffer, sizeof buffer,
            G_CONVERTER_INPUT_AT_END, &n_read, &n_written, &reason);

        if (result == G_CONVERTER_ERROR) {
            bad(error, reason->message);
            return NULL;
        }
        used += n_read;
        if (out->len + n_written > max) {
            g_set_error(error, PF_PACK_ERROR, PF_PACK_ERROR_LIMIT,
                        "unpacks to more than %zu bytes", max);
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
pf_pack_text(const char *text)
{
    g_autoptr(GConverter) deflate = G_CONVERTER(
        g_zlib_compressor_new(G_ZLIB_COMPRESSOR_FORMAT_ZLIB, -1));
    g_autoptr(GError) error = NULL;
    g_autoptr(GByteArray) packed = convert(deflate, (const guint8 *) text,
                                           strlen(text), G_MAXUINT32, &error);

    /* zlib fails here only if it is out of memory. */
    if (!packed) {
        g_error("cannot deflate %zu bytes: %s", strlen(text), error->message);
    }

    char *base64 = g_base64_encode(packed->data, packed->len);
    g_strdelimit(base64, "+", '-');
    g_strdelimit(base64, "/", '_');
    g_strdelimit(base64, "=", '\0');
    return base64;
}

/* Whether the 'length' characters at 'text' are what base64url without padding
 * makes of some bytes: no other characters, nothing in unused bits. */
static gboolean
is_base64url(const char *text, gsize length)
{
    static const guint unused[] = { 0, 0, 0x0f, 0x03 };
    guint rest = length % 4;

    if (rest == 1) {
        return FALSE;
    }
    for (gsize i = 0; i < length; i++) {
        if (!text[i] || !strchr(BASE64URL, text[i])) {
            return FALSE;
        }
    }
    return (!rest || !((strchr(BASE64URL, text[length - 1]) - BASE64URL)
                       & unused[rest]));
}

/* The bytes of base64url that is_base64url() has looked at. */
static guchar *
from_base64url(const char *text, gsize length, gsize *size)
{
    g_autoptr(GString) s = g_string_new_len(text, length);

    while (s->len % 4) {
        g_string_append_c(s, '=');
    }
    g_strdelimit(s->str, "-", '+');
    g_strdelimit(s->str, "_", '/');
    return g_base64_decode(s->str, size);
}

char *
pf_unpack_text(const char *packed, gsize length, gsize max_bytes,
               GError **error)
{
    if (!is_base64url(packed, length)) {
        bad(error, "not base64url");
        return NULL;
    }

    gsize size;
    g_autofree guchar *deflated = from_base64url(packed, length, &size);
    g_autoptr(GConverter) inflate = G_CONVERTER(
        g_zlib_decompressor_new(G_ZLIB_COMPRESSOR_FORMAT_ZLIB));
    g_autoptr(GByteArray) text = convert(inflate, deflated, size, max_bytes,
                                         error);

    if (!text) {
        return NULL;
    }
    if (text->len && memchr(text->data, '\0', text->len)) {
        bad(error, "contains a NUL byte");
        return NULL;
    }
    g_byte_array_append(text, (const guint8 *) "", 1);
    return (char *) g_byte_array_free(g_steal_pointer(&text), FALSE);
}

/* ---- State ------------------------------------------------------------ */

static GVariant *sorted(GVariant *value);

/* Orders dictionary entries by their keys. */
static int
compare_entries(gconstpointer a, gconstpointer b)
{
    g_autoptr(GVariant) a_key = g_variant_get_child_value(
        *(GVariant *const *) a, 0);
    g_autoptr(GVariant) b_key = g_variant_get_child_value(
        *(GVariant *const *) b, 0);

    return strcmp(g_variant_get_string(a_key, NULL),
                  g_variant_get_string(b_key, NULL));
}

static GVariant *
sorted_entry(GVariant *entry)
{
    g_autoptr(GVariant) key = g_variant_get_child_value(entry, 0);
    g_autoptr(GVariant) value = g_variant_get_child_value(entry, 1);
    g_autoptr(GVariant) value_sorted = sorted(value);

    return g_variant_ref_sink(g_variant_new_dict_entry(key, value_sorted));
}

/* 'value' with the keys of each dictionary in it in order; a full
 * reference. */
static GVariant *
sorted(GVariant *value)
{
    gboolean is_dict = g_variant_is_of_type(value, G_VARIANT_TYPE("a{s*}"));

    if (g_variant_is_of_type(value, G_VARIANT_TYPE_VARIANT)) {
        g_autoptr(GVariant) inner = g_variant_get_variant(value);
        g_autoptr(GVariant) inner_sorted = sorted(inner);

        return g_variant_ref_sink(g_variant_new_variant(inner_sorted));
    }
    if (!is_dict && !g_variant_is_of_type(value, G_VARIANT_TYPE("av"))) {
        return g_variant_ref(value);
    }

    g_autoptr(GPtrArray) members = g_ptr_array_new_with_free_func(
        (GDestroyNotify) g_variant_unref);
    for (gsize i = 0; i < g_variant_n_children(value); i++) {
        g_autoptr(GVariant) member = g_variant_get_child_value(value, i);

        g_ptr_array_add(members, is_dict ? sorted_entry(member)
                                         : sorted(member));
    }
    if (is_dict) {
        g_ptr_array_sort(members, compare_entries);
    }
    return g_variant_ref_sink(g_variant_new_array(
        g_variant_type_element(g_variant_get_type(value)),
        (GVariant *const *) members->pdata, members->len));
}

GVariant *
pf_pack_sorted(GVariant *state)
{
    g_autoptr(GVariant) sunk = g_variant_ref_sink(state);

    return sorted(sunk);
}

static gboolean check_value(GVariant *value, guint depth, guint *n_values,
                            GError **error);

/* Whether the members of 'value', an array or a dictionary, can be saved. */
static gboolean
check_members(GVariant *value, guint depth, guint *n_values, GError **error)
{
    gboolean is_dict = g_variant_is_of_type(value, G_VARIANT_TYPE_VARDICT);
    gsize n = g_variant_n_children(value);

    if (depth > PF_PACK_MAX_DEPTH) {
        g_set_error(error, PF_PACK_ERROR, PF_PACK_ERROR_LIMIT,
                    "nested deeper than %d levels", PF_PACK_MAX_DEPTH);
        return FALSE;
    }
    *n_values += is_dict ? n : 0;       /* The keys. */
    for (gsize i = 0; i < n; i++) {
        g_autoptr(GVariant) child = g_variant_get_child_value(value, i);
        g_autoptr(GVariant) box = is_dict
            ? g_variant_get_child_value(child, 1) : g_variant_ref(child);
        g_autoptr(GVariant) member = g_variant_get_variant(box);

        if (!check_value(member, depth + 1, n_values, error)) {
            if (is_dict && depth == 1) {
                g_autoptr(GVariant) key = g_variant_get_child_value(child, 0);

                g_prefix_error(error, "'%.64s': ",
                               g_variant_get_string(key, NULL));
            }
            return FALSE;
        }
    }
    return TRUE;
}

/* Whether 'value', on level 'depth', can be saved; counts what codec.h
 * counts. */
static gboolean
check_value(GVariant *value, guint depth, guint *n_values, GError **error)
{
    const char *type = g_variant_get_type_string(value);

    if (++*n_values > PF_CODEC_MAX_VALUES) {
        g_set_error(error, PF_PACK_ERROR, PF_PACK_ERROR_LIMIT,
                    "more than %d values", PF_CODEC_MAX_VALUES);
        return FALSE;
    }
    if (!strcmp(type, "av") || !strcmp(type, "a{sv}")) {
        return check_members(value, depth, n_values, error);
    }
    if (!strcmp(type, "d")) {
        return isfinite(g_variant_get_double(value))
            || bad(error, "a real that is infinite or no number");
    }
    if (strlen(type) != 1 || !strchr("sxb", *type)) {
        g_set_error(error, PF_PACK_ERROR, PF_PACK_ERROR_FORMAT,
                    "a value of type '%.32s', which is none of s, x, d, b, av "
                    "and a{sv}", type);
        return FALSE;
    }
    return TRUE;
}

/* Whether the text of 'state' is within codec.h's limit: a control character
 * takes six bytes in it. */
static gboolean
check_text(GVariant *state, GError **error)
{
    g_autofree char *text = NULL;

    if (g_variant_get_size(state) <= PF_CODEC_MAX_BYTES / 6) {
        return TRUE;
    }
    text = pf_codec_format(state);
    if (strlen(text) > PF_CODEC_MAX_BYTES) {
        g_set_error(error, PF_PACK_ERROR, PF_PACK_ERROR_LIMIT,
                    "%zu bytes long as text, %d is the limit", strlen(text),
                    PF_CODEC_MAX_BYTES);
        return FALSE;
    }
    return TRUE;
}

gboolean
pf_pack_check(GVariant *state, GError **error)
{
    guint n_values = 0;

    if (!g_variant_is_of_type(state, G_VARIANT_TYPE_VARDICT)) {
        g_set_error(error, PF_PACK_ERROR, PF_PACK_ERROR_FORMAT,
                    "of type '%.32s', not a{sv}",
                    g_variant_get_type_string(state));
        return FALSE;
    }
    if (g_variant_get_size(state) > PF_PACK_MAX_SIZE) {
        g_set_error(error, PF_PACK_ERROR, PF_PACK_ERROR_LIMIT,
                    "%zu bytes long, %d is the limit",
                    g_variant_get_size(state), PF_PACK_MAX_SIZE);
        return FALSE;
    }
    return (check_value(state, 1, &n_values, error)
            && check_text(state, error));
}

char *
pf_pack_state(GVariant *state)
{
    g_autoptr(GVariant) sunk = g_variant_ref_sink(state);
    g_autoptr(GVariant) in_order = sorted(sunk);
    g_autofree char *json = pf_codec_format(in_order);

    if (strlen(json) <= PF_PACK_THRESHOLD) {
        return g_steal_pointer(&json);
    }

    g_autofree char *packed = pf_pack_text(json);
    return g_strconcat(PREFIX, packed, NULL);
}

GVariant *
pf_unpack_state(const char *text, GError **error)
{
    gsize length = strlen(text);

    if (length > PF_PACK_MAX_TEXT) {
        g_set_error(error, PF_PACK_ERROR, PF_PACK_ERROR_LIMIT,
                    "%zu bytes long, %d is the limit", length,
                    PF_PACK_MAX_TEXT);
        return NULL;
    }
    if (!g_str_has_prefix(text, PREFIX)) {
        return pf_codec_parse(text, error);
    }

    g_autofree char *json = pf_unpack_text(text + strlen(PREFIX),
                                           length - strlen(PREFIX),
                                           PF_CODEC_MAX_BYTES, error);
    return json ? pf_codec_parse(json, error) : NULL;
}

char *
pf_pack_digest(const char *text)
{
    return g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);
}
