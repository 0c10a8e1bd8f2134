/* SPDX-License-Identifier: Apache-2.0
 *
 * codec: saved state as JSON.  See codec.h.
 */
#include <config.h>

#include "plugin/codec.h"

#include <errno.h>
#include <json-glib/json-glib.h>
#include <math.h>
#include <string.h>

G_DEFINE_QUARK(pf-codec-error-quark, pf_codec_error)

/* Some versions of json-glib end every real with ".0", also "1e+20". */
static void
repair_reals(char *text)
{
    char *out = text;
    gboolean in_string = FALSE;

    for (const char *p = text; *p; ) {
        if (*p == '"') {
            in_string = !in_string;
        } else if (in_string && *p == '\\') {
            *out++ = *p++;
        } else if (!in_string && *p == 'e' && g_ascii_isdigit(p[-1])) {
            size_t n = 2 + strspn(p + 2, "0123456789");

            memmove(out, p, n);
            out += n;
            p += n;
            p += g_str_has_prefix(p, ".0") ? 2 : 0;
            continue;
        }
        *out++ = *p++;
    }
    *out = '\0';
}

char *
pf_codec_format(GVariant *state)
{
    g_autoptr(GVariant) sunk = g_variant_ref_sink(state);
    g_autoptr(JsonNode) root = json_gvariant_serialize(sunk);
    char *text = json_to_string(root, FALSE);

    repair_reals(text);
    return text;
}

/* json-glib takes more than JSON (comments, other quotes, numbers that it then
 * cuts to fit), does not survive all of it (half a surrogate pair), and parses
 * by recursion.  So the tokens of a text are looked at first.  Each skip_...()
 * returns where the token at 'p' ends, or NULL if it is none. */

/* The number of the four hexadecimal digits at 'p', or -1. */
static int
hex4(const char *p)
{
    int n = 0;

    for (int i = 0; i < 4; i++) {
        int digit = g_ascii_xdigit_value(p[i]);

        if (digit < 0) {
            return -1;
        }
        n = n * 16 + digit;
    }
    return n;
}

/* \u0000 is no escape here: it would end the string. */
static const char *
skip_escape(const char *p)
{
    int n, low;

    if (p[1] != 'u') {
        return p[1] && strchr("\"\\/bfnrt", p[1]) ? p + 2 : NULL;
    }
    n = hex4(p + 2);
    if (n >= 0xd800 && n <= 0xdbff && p[6] == '\\' && p[7] == 'u') {
        low = hex4(p + 8);
        return low >= 0xdc00 && low <= 0xdfff ? p + 12 : NULL;
    }
    return n > 0 && (n < 0xd800 || n > 0xdfff) ? p + 6 : NULL;
}

static const char *
skip_string(const char *p)
{
    p++;
    while (p && *p != '"') {
        if (*p == '\\') {
            p = skip_escape(p);
        } else {
            p = (guchar) *p < ' ' ? NULL : p + 1;
        }
    }
    return p ? p + 1 : NULL;
}

/* One or more digits. */
static const char *
skip_digits(const char *p)
{
    size_t n = strspn(p, "0123456789");

    return n ? p + n : NULL;
}

static const char *
skip_number(const char *start)
{
    const char *digits = start + (*start == '-');
    const char *p = *digits == '0' ? digits + 1 : skip_digits(digits);
    gboolean is_real = FALSE;

    if (p && *p == '.') {
        p = skip_digits(p + 1);
        is_real = TRUE;
    }
    if (p && (*p == 'e' || *p == 'E')) {
        p++;
        p = skip_digits(p + (*p == '+' || *p == '-'));
        is_real = TRUE;
    }
    if (!p || g_ascii_isalnum(*p)) {
        return NULL;
    }

    errno = 0;
    if (is_real) {
        return isfinite(g_ascii_strtod(start, NULL)) ? p : NULL;
    }
    g_ascii_strtoll(start, NULL, 10);
    return errno ? NULL : p;
}

static const char *
skip_word(const char *p)
{
    static const char *const words[] = { "true", "false", "null" };

    for (gsize i = 0; i < G_N_ELEMENTS(words); i++) {
        if (g_str_has_prefix(p, words[i])) {
            p += strlen(words[i]);
            return g_ascii_isalnum(*p) ? NULL : p;
        }
    }
    return NULL;
}

#define SPACE " \t\r\n"

/* Whether 'text' consists of tokens of JSON, of one document that is not
 * nested too deeply.  Their order is for json-glib to judge. */
static gboolean
check_tokens(const char *text, GError **error)
{
    const char *p = text + strspn(text, SPACE);
    gboolean is_over = FALSE;
    guint n_values = 0;
    int depth = 0;

    while (*p) {
        const char *start = p;

        n_values += !strchr(",:]}", *p);
        if (is_over) {
            p = NULL;
        } else if (*p == ',' || *p == ':') {
            p++;
        } else if (*p == '{' || *p == '[') {
            depth++;
            p++;
        } else if (*p == '}' || *p == ']') {
            is_over = --depth <= 0;
            p++;
        } else if (*p == '"') {
            p = skip_string(p);
        } else if (*p == '-' || g_ascii_isdigit(*p)) {
            p = skip_number(p);
        } else {
            p = skip_word(p);
        }
        if (!p) {
            g_set_error(error, PF_CODEC_ERROR, PF_CODEC_ERROR_SYNTAX,
                        "not valid JSON at byte %zu: not a whole string, word "
                        "or number in range, or more than one document",
                        (size_t) (start - text));
            return FALSE;
        }
        if (depth > PF_CODEC_MAX_DEPTH) {
            g_set_error(error, PF_CODEC_ERROR, PF_CODEC_ERROR_LIMIT,
                        "nested deeper than %d levels at byte %zu",
                        PF_CODEC_MAX_DEPTH, (size_t) (start - text));
            return FALSE;
        }
        if (n_values > PF_CODEC_MAX_VALUES) {
            g_set_error(error, PF_CODEC_ERROR, PF_CODEC_ERROR_LIMIT,
                        "more than %d values", PF_CODEC_MAX_VALUES);
            return FALSE;
        }
        p += strspn(p, SPACE);
    }
    return TRUE;
}

static GVariant *node_to_variant(JsonNode *node);

static GVariant *
array_to_variant(JsonArray *array)
{
    GVariantBuilder builder;
    guint n = json_array_get_length(array);

    g_variant_builder_init(&builder, G_VARIANT_TYPE("av"));
    for (guint i = 0; i < n; i++) {
        g_variant_builder_add(&builder, "v", node_to_variant(
                                  json_array_get_element(array, i)));
    }
    return g_variant_builder_end(&builder);
}

static GVariant *
object_to_variant(JsonObject *object)
{
    GVariantBuilder builder;
    JsonObjectIter iter;
    const char *key;
    JsonNode *node;

    g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
    json_object_iter_init_ordered(&iter, object);
    while (json_object_iter_next_ordered(&iter, &key, &node)) {
        g_variant_builder_add(&builder, "{sv}", key, node_to_variant(node));
    }
    return g_variant_builder_end(&builder);
}

/* What json_gvariant_deserialize() makes of 'node', floating; but that takes
 * time with the square of an array's length. */
static GVariant *
node_to_variant(JsonNode *node)
{
    if (JSON_NODE_HOLDS_OBJECT(node)) {
        return object_to_variant(json_node_get_object(node));
    }
    if (JSON_NODE_HOLDS_ARRAY(node)) {
        return array_to_variant(json_node_get_array(node));
    }
    switch (json_node_get_value_type(node)) {
    case G_TYPE_INT64:
        return g_variant_new_int64(json_node_get_int(node));
    case G_TYPE_DOUBLE:
        return g_variant_new_double(json_node_get_double(node));
    case G_TYPE_BOOLEAN:
        return g_variant_new_boolean(json_node_get_boolean(node));
    case G_TYPE_STRING:
        return g_variant_new_string(json_node_get_string(node));
    default:
        return g_variant_new_maybe(G_VARIANT_TYPE_VARIANT, NULL);
    }
}

gboolean
pf_codec_check(const char *text, GError **error)
{
    size_t size = strlen(text);

    if (size > PF_CODEC_MAX_BYTES) {
        g_set_error(error, PF_CODEC_ERROR, PF_CODEC_ERROR_LIMIT,
                    "%zu bytes long, %d is the limit", size,
                    PF_CODEC_MAX_BYTES);
        return FALSE;
    }
    if (!g_utf8_validate(text, size, NULL)) {
        g_set_error(error, PF_CODEC_ERROR, PF_CODEC_ERROR_SYNTAX,
                    "not valid UTF-8");
        return FALSE;
    }
    return check_tokens(text, error);
}

GVariant *
pf_codec_parse(const char *text, GError **error)
{
    g_autoptr(JsonParser) parser = json_parser_new_immutable();
    size_t size = strlen(text);
    JsonNode *root;

    if (!pf_codec_check(text, error)) {
        return NULL;
    }
    /* json-glib does not free all of another document that is not valid. */
    if (text[strspn(text, SPACE)] != '{') {
        g_set_error(error, PF_CODEC_ERROR, PF_CODEC_ERROR_SYNTAX,
                    "not a JSON object");
        return NULL;
    }
    if (!json_parser_load_from_data(parser, text, size, NULL)) {
        /* json-glib's own message quotes the text, at any length. */
        g_set_error(error, PF_CODEC_ERROR, PF_CODEC_ERROR_SYNTAX,
                    "not valid JSON: unexpected token in line %u, column %u",
                    json_parser_get_current_line(parser),
                    json_parser_get_current_pos(parser));
        return NULL;
    }
    root = json_parser_get_root(parser);
    if (!root || !JSON_NODE_HOLDS_OBJECT(root)) {
        g_set_error(error, PF_CODEC_ERROR, PF_CODEC_ERROR_SYNTAX,
                    "not a JSON object");
        return NULL;
    }
    return g_variant_ref_sink(node_to_variant(root));
}

const char *
pf_codec_string(GVariant *dict, const char *key)
{
    const char *value = NULL;

    /* The string belongs to the serialised 'dict': it outlives 'member'. */
    return g_variant_lookup(dict, key, "&s", &value) ? value : NULL;
}

gboolean
pf_codec_integer(GVariant *dict, const char *key, gint64 *value)
{
    return g_variant_lookup(dict, key, "x", value);
}

GVariant *
pf_codec_dict(GVariant *dict, const char *key)
{
    return g_variant_lookup_value(dict, key, G_VARIANT_TYPE_VARDICT);
}

GVariant *
pf_codec_array(GVariant *dict, const char *key)
{
    return g_variant_lookup_value(dict, key, G_VARIANT_TYPE("av"));
}
