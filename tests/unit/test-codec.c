/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of plugin/codec.h: what is formatted comes back the same, and nothing
 * that another host or a domain's XML may hold does any harm.
 */
#include <config.h>

#include "plugin/codec.h"

#include <string.h>

/* ---- Helpers ---------------------------------------------------------- */

/* A state as GVariant text, not floating. */
static GVariant *
state(const char *text)
{
    g_autoptr(GError) error = NULL;
    GVariant *v = g_variant_parse(G_VARIANT_TYPE_VARDICT, text, NULL, NULL,
                                  &error);

    g_assert_no_error(error);
    return v;
}

/* The text of what 'json' is parsed to, which must be possible. */
static char *
parsed(const char *json)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) v = pf_codec_parse(json, &error);

    if (!v) {
        g_error("'%s' is refused: %s", json, error->message);
    }
    return g_variant_print(v, TRUE);
}

#define assert_parsed(JSON, WANTED)                     \
    G_STMT_START {                                      \
        g_autofree char *parsed_ = parsed(JSON);        \
        g_assert_cmpstr(parsed_, ==, WANTED);           \
    } G_STMT_END

static void
assert_refused(const char *json, PfCodecError code)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) v = pf_codec_parse(json, &error);

    if (v) {
        g_autofree char *text = g_variant_print(v, TRUE);
        g_error("'%s' is taken, as %s", json, text);
    }
    g_assert_error(error, PF_CODEC_ERROR, (int) code);
    if (strpbrk(error->message, "\n\r")) {
        g_error("'%s': an error of several lines: %s", json, error->message);
    }
}

/* '{"a":', 'n' times 'open', 'middle', 'n' times 'close', '}'. */
static char *
nested(const char *open, const char *middle, const char *close, guint n)
{
    GString *s = g_string_new("{\"a\":");

    for (guint i = 0; i < n; i++) {
        g_string_append(s, open);
    }
    g_string_append(s, middle);
    for (guint i = 0; i < n; i++) {
        g_string_append(s, close);
    }
    g_string_append_c(s, '}');
    return g_string_free(s, FALSE);
}

/* ---- Round trips ------------------------------------------------------ */

static void
test_every_type_comes_back(void)
{
    static const char *const states[] = {
        "@a{sv} {}",
        "{'i': <int64 0>}",
        "{'i': <int64 -1>}",
        "{'i': <int64 9223372036854775807>}",
        "{'i': <int64 -9223372036854775808>}",
        "{'b': <true>}",
        "{'b': <false>}",
        "{'d': <0.0>}",
        "{'d': <1.0>}",
        "{'d': <-0.5>}",
        "{'d': <0.10000000000000001>}",
        "{'d': <1e+20>}",
        "{'d': <1.0000000000000001e-20>}",
        "{'d': <1.7976931348623157e+308>}",
        "{'d': <2.2250738585072014e-308>}",
        "{'d': <9007199254740993.0>}",
        "{'s': <''>}",
        "{'s': <'text'>}",
        "{'s': <'\"quoted\" back\\\\slash / \\b\\f\\n\\r\\t \\u0001 "
        "\\u007f'>}",
        "{'s': <'æ ∀ \\U0001f6a2 \\uffff'>}",
        "{'s': <'[[[{{{ 1e+20.0 // /* true null'>}",
        "{'s': <'\"1e+20.0'>}",
        "{'s': <'1e+20.0'>, 'd': <[<1e+20>, <'2e+20.0 \\\\'>, <3e+20>]>}",
        "{'av': <@av []>}",
        "{'av': <[<int64 1>, <'two'>, <true>, <3.5>, <@av []>]>}",
        "{'a{sv}': <@a{sv} {}>}",
        "{'a{sv}': <{'k': <'v'>}>}",
        "{'': <int64 1>}",
        "{'nothing': <@mv nothing>}",
        "{'port': <{'tag': <int64 42>, 'trunks': <[<int64 1>, <int64 2>]>, "
        "'external_ids': <{'a': <'b'>}>}>}",
    };

    for (gsize i = 0; i < G_N_ELEMENTS(states); i++) {
        g_autoptr(GVariant) before = state(states[i]);
        g_autofree char *want = g_variant_print(before, TRUE);
        g_autofree char *json = pf_codec_format(before);

        if (strchr(json, '\n')) {
            g_error("'%s' is not one line", json);
        }
        assert_parsed(json, want);
    }
}

static void
test_floating_state_is_sunk(void)
{
    GVariant *v = g_variant_new_parsed("{'a': <int64 1>}");
    g_autofree char *json = NULL;

    g_variant_ref(v);           /* Still floating: counts as a second one. */
    g_assert_true(g_variant_is_floating(v));
    json = pf_codec_format(v);
    g_assert_false(g_variant_is_floating(v));
    g_assert_cmpstr(json, ==, "{\"a\":1}");
    g_variant_unref(v);
}

static void
test_kept_state_is_left_to_its_owner(void)
{
    g_autoptr(GVariant) v = state("{'a': <int64 1>}");
    g_autofree char *first = pf_codec_format(v);
    g_autofree char *second = pf_codec_format(v);

    g_assert_cmpstr(first, ==, second);
}

static void
test_json_of_others_is_taken(void)
{
    assert_parsed(" \t\r\n{ \"a\" : [ 1 , true ] }\n ",
                  "{'a': <[<int64 1>, <true>]>}");
    assert_parsed("{\"a\":\"\\u0041\\/\\u00e6\\ud83d\\udea2\"}",
                  "{'a': <'A/æ🚢'>}");
    assert_parsed("{\"a\":1E+2,\"b\":-1e-2,\"c\":0.25,\"d\":1e5}",
                  "{'a': <100.0>, 'b': <-0.01>, 'c': <0.25>, "
                  "'d': <100000.0>}");
    assert_parsed("{\"a\":-0}", "{'a': <int64 0>}");
    assert_parsed("{\"a\":-9223372036854775808,\"b\":9223372036854775807}",
                  "{'a': <int64 -9223372036854775808>, "
                  "'b': <int64 9223372036854775807>}");
    assert_parsed("{\"a\":1e-400}", "{'a': <0.0>}");
    assert_parsed("{\"a\":null,\"b\":[null]}",
                  "{'a': <@mv nothing>, 'b': <[<@mv nothing>]>}");
}

static void
test_last_of_equal_keys_counts(void)
{
    assert_parsed("{\"a\":1,\"a\":\"two\"}", "{'a': <'two'>}");
    assert_parsed("{\"a\":1,\"\\u0061\":2}", "{'a': <int64 2>}");
}

/* ---- Refusals --------------------------------------------------------- */

static void
test_other_than_an_object_is_refused(void)
{
    static const char *const texts[] = {
        "", " ", "null", "true", "1", "\"a\"", "[]", "[{\"a\":1}]"
    };

    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        assert_refused(texts[i], PF_CODEC_ERROR_SYNTAX);
    }
}

static void
test_what_is_not_json_is_refused(void)
{
    static const char *const texts[] = {
        "{", "}", "{\"a\"", "{\"a\":", "{\"a\":}", "{\"a\":1", "{\"a\":1]",
        "{\"a\":[1}", "{\"a\":1,}", "{,\"a\":1}", "{\"a\":[1,]}",
        "{\"a\":[,]}", "{\"a\":[1 2]}", "{\"a\":1 \"b\":2}", "{\"a\" 1}",
        "{\"a\"::1}", "{1:2}", "{a:1}", "{'a':1}", "{\"a\":'b'}",
        "{\"a\":undefined}", "{\"a\":TRUE}", "{\"a\":True}", "{\"a\":nul}",
        "{\"a\":nulll}", "{\"a\":true1}", "var x = {\"a\":1}",
        "x={\"a\":1};", "/* c */{\"a\":1}", "{\"a\":1}// c",
        "#c\n{\"a\":1}", "{\"a\":1} {\"b\":2}", "{\"a\":1}{\"b\":2}",
        "{\"a\":1}]", "{\"a\":1}}", "{\"a\":1}x", "{\"a\":1},",
        "\xef\xbb\xbf{\"a\":1}", "{\"a\":\v1}", "{\"a\":1;}", "{\"a\":$1}",
    };

    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        assert_refused(texts[i], PF_CODEC_ERROR_SYNTAX);
    }
}

static void
test_numbers_that_would_change_are_refused(void)
{
    static const char *const numbers[] = {
        "9223372036854775808", "-9223372036854775809",
        "99999999999999999999999999", "1e400", "-1e400", "1e99999999999",
        "NaN", "Infinity", "-Infinity", "inf", "01", "-01", "00", "0x10",
        "0b1", "010", "+1", ".5", "-.5", "1.", "1.e5", "1e", "1e+", "-", "--1",
        "1_000", "1a", "1.5a", "0x", "1.2.3", "1e5.0",
    };

    for (gsize i = 0; i < G_N_ELEMENTS(numbers); i++) {
        g_autofree char *object = g_strdup_printf("{\"a\":%s}", numbers[i]);
        g_autofree char *array = g_strdup_printf("{\"a\":[%s]}", numbers[i]);

        assert_refused(object, PF_CODEC_ERROR_SYNTAX);
        assert_refused(array, PF_CODEC_ERROR_SYNTAX);
    }
}

static void
test_strings_that_would_change_are_refused(void)
{
    static const char *const strings[] = {
        "a\\u0000b", "\\u0000", "\\ud800", "\\ud800x", "\\udc00", "\\udfffx",
        "\\ud800\\u0041", "\\ud800\\ud800", "\\ud83d\\", "\\ud83d\\u",
        "\\ud83d\\ude0", "\\u", "\\u1", "\\u123", "\\u123g", "\\u-123",
        "\\x41", "\\q", "\\'", "\\0", "\\", "a\nb", "a\tb", "a\rb",
        "a\001b", "a\037b",
    };

    for (gsize i = 0; i < G_N_ELEMENTS(strings); i++) {
        g_autofree char *value = g_strdup_printf("{\"a\":\"%s\"}", strings[i]);
        g_autofree char *key = g_strdup_printf("{\"%s\":1}", strings[i]);

        assert_refused(value, PF_CODEC_ERROR_SYNTAX);
        assert_refused(key, PF_CODEC_ERROR_SYNTAX);
    }
}

static void
test_invalid_utf8_is_refused(void)
{
    static const char *const strings[] = {
        "\xff", "\xc3", "\xc3(", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80",
        "\xf5\x80\x80\x80", "\xf0\x9f\x9a", "a\x80",
    };

    for (gsize i = 0; i < G_N_ELEMENTS(strings); i++) {
        g_autofree char *value = g_strdup_printf("{\"a\":\"%s\"}", strings[i]);
        g_autofree char *key = g_strdup_printf("{\"%s\":1}", strings[i]);

        assert_refused(value, PF_CODEC_ERROR_SYNTAX);
        assert_refused(key, PF_CODEC_ERROR_SYNTAX);
        assert_refused(strings[i], PF_CODEC_ERROR_SYNTAX);
    }
}

/* ---- Limits ----------------------------------------------------------- */

static void
test_depth_has_a_limit(void)
{
    static const char *const pairs[][2] = {
        { "[", "]" }, { "{\"k\":", "}" }
    };

    for (gsize i = 0; i < G_N_ELEMENTS(pairs); i++) {
        /* The outer object counts. */
        g_autofree char *deepest = nested(pairs[i][0], "1", pairs[i][1],
                                          PF_CODEC_MAX_DEPTH - 1);
        g_autofree char *deeper = nested(pairs[i][0], "1", pairs[i][1],
                                         PF_CODEC_MAX_DEPTH);
        g_autofree char *abyss = nested(pairs[i][0], "1", pairs[i][1],
                                        1000000);
        g_autofree char *open = nested(pairs[i][0], "", "", 1000000);
        g_autofree char *text = parsed(deepest);

        assert_refused(deeper, PF_CODEC_ERROR_LIMIT);
        assert_refused(abyss, PF_CODEC_ERROR_LIMIT);
        assert_refused(open, PF_CODEC_ERROR_LIMIT);
    }
}

static void
test_depth_cannot_be_hidden(void)
{
    /* Each opens a string for those who do not know comments, other quotes or
     * escapes well enough, so that what follows looks like text. */
    static const char *const tricks[] = {
        "{/*\"*/\"a\":", "{//\"\n\"a\":", "{#\"\n\"a\":", "{'\"':1,\"a\":",
        "{\"\\\\\":1,\"a\":", "{\"\\\"\":1,\"a\":", "{\"\\u0022\":1,\"a\":",
    };

    for (gsize i = 0; i < G_N_ELEMENTS(tricks); i++) {
        g_autoptr(GError) error = NULL;
        GString *s = g_string_new(tricks[i]);

        for (guint k = 0; k < 1000000; k++) {
            g_string_append_c(s, '[');
        }
        g_assert_null(pf_codec_parse(s->str, &error));
        g_assert_nonnull(error);
        g_string_free(s, TRUE);
    }
}

static void
test_brackets_in_strings_do_not_nest(void)
{
    GString *s = g_string_new("{\"a\":\"\\\"");

    for (guint i = 0; i < 1000000; i++) {
        g_string_append(s, "[{");
    }
    g_string_append(s, "\"}");

    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) v = pf_codec_parse(s->str, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(strlen(pf_codec_string(v, "a")), ==, 2000001);
    g_string_free(s, TRUE);
}

static void
test_size_has_a_limit(void)
{
    g_autofree char *largest = g_strnfill(PF_CODEC_MAX_BYTES, ' ');
    g_autofree char *larger = g_strnfill(PF_CODEC_MAX_BYTES + 1, ' ');

    memcpy(largest, "{\"a\":1}", 7);
    memcpy(larger, "{\"a\":1}", 7);
    assert_parsed(largest, "{'a': <int64 1>}");

    g_autoptr(GError) error = NULL;
    g_assert_null(pf_codec_parse(larger, &error));
    g_assert_error(error, PF_CODEC_ERROR, PF_CODEC_ERROR_LIMIT);
    g_assert_cmpstr(error->message, ==,
                    "16777217 bytes long, 16777216 is the limit");
}

/* ---- Damage ----------------------------------------------------------- */

#define SAMPLE "{\"port\":{\"tag\":42,\"trunks\":[1,-2],\"b\":true," \
               "\"s\":\"\\\"\\u00e6\\ud83d\\udea2\\n\xc3\xa6\"}," \
               "\"d\":1.5e+3,\"n\":null}"

/* What is taken can be formatted and taken again, and is then the same. */
static void
assert_harmless(const char *json)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) v = pf_codec_parse(json, &error);

    if (!v) {
        g_assert_nonnull(error);
        return;
    }
    g_assert_no_error(error);

    g_autofree char *want = g_variant_print(v, TRUE);
    g_autofree char *again = pf_codec_format(v);
    assert_parsed(again, want);
}

static void
test_truncated_text_is_refused(void)
{
    for (gsize n = 0; n < strlen(SAMPLE); n++) {
        g_autofree char *cut = g_strndup(SAMPLE, n);

        assert_refused(cut, PF_CODEC_ERROR_SYNTAX);
    }
    assert_harmless(SAMPLE);
}

static void
test_changed_byte_is_refused_or_harmless(void)
{
    for (gsize i = 0; i < strlen(SAMPLE); i++) {
        for (int c = 1; c < 256; c++) {
            g_autofree char *changed = g_strdup(SAMPLE);

            changed[i] = c;
            assert_harmless(changed);
        }
    }
}

static void
test_random_tokens_are_refused_or_harmless(void)
{
    static const char *const tokens[] = {
        "{", "}", "[", "]", ",", ":", "\"a\"", "\"b\":", "1", "-2", "1e9",
        "true", "null", "\"", "\\", "/*", "*/", "//", "'", "\n", "e", "\\u",
        "{\"a\":", "\"\\ud800\"",
    };

    for (int n = 0; n < 20000; n++) {
        int length = g_test_rand_int_range(1, 16);
        GString *s = g_string_new(n % 2 ? "{\"a\":" : "");

        for (int i = 0; i < length; i++) {
            g_string_append(s, tokens[g_test_rand_int_range(
                                          0, G_N_ELEMENTS(tokens))]);
        }
        g_string_append(s, n % 2 ? "}" : "");
        assert_harmless(s->str);
        g_string_free(s, TRUE);
    }
}

/* ---- Look-ups --------------------------------------------------------- */

static void
test_look_ups_are_strict(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) v = pf_codec_parse(
        "{\"i\":7,\"d\":7.0,\"s\":\"7\",\"b\":true,\"n\":null,\"a\":[7],"
        "\"o\":{\"x\":8}}", &error);
    static const char *const keys[] = {
        "i", "d", "s", "b", "n", "a", "o", "none", ""
    };

    g_assert_no_error(error);
    for (gsize i = 0; i < G_N_ELEMENTS(keys); i++) {
        const char *k = keys[i];
        g_autoptr(GVariant) dict = pf_codec_dict(v, k);
        g_autoptr(GVariant) array = pf_codec_array(v, k);
        gint64 n = -5;

        g_test_message("key '%s'", k);
        g_assert_cmpint(pf_codec_integer(v, k, &n), ==, !strcmp(k, "i"));
        g_assert_cmpint(n, ==, !strcmp(k, "i") ? 7 : -5);
        g_assert_cmpstr(pf_codec_string(v, k), ==,
                        !strcmp(k, "s") ? "7" : NULL);
        g_assert_cmpint(dict != NULL, ==, !strcmp(k, "o"));
        g_assert_cmpint(array != NULL, ==, !strcmp(k, "a"));
    }
}

static void
test_strings_live_as_long_as_their_dictionary(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) v = pf_codec_parse(
        "{\"a\":\"one\",\"b\":{\"c\":\"two\"}}", &error);

    g_assert_no_error(error);
    const char *a = pf_codec_string(v, "a");
    g_autoptr(GVariant) b = pf_codec_dict(v, "b");
    const char *c = pf_codec_string(b, "c");

    /* These flatten the dictionaries, if they were not flat. */
    g_assert_nonnull(g_variant_get_data(v));
    g_assert_nonnull(g_variant_get_data(b));
    g_assert_cmpstr(pf_codec_string(v, "a"), ==, "one");
    g_assert_cmpstr(a, ==, "one");
    g_assert_cmpstr(c, ==, "two");
}

int
main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
#define TEST(FUNCTION) g_test_add_func("/codec/" #FUNCTION, test_##FUNCTION)
    TEST(every_type_comes_back);
    TEST(floating_state_is_sunk);
    TEST(kept_state_is_left_to_its_owner);
    TEST(json_of_others_is_taken);
    TEST(last_of_equal_keys_counts);
    TEST(other_than_an_object_is_refused);
    TEST(what_is_not_json_is_refused);
    TEST(numbers_that_would_change_are_refused);
    TEST(strings_that_would_change_are_refused);
    TEST(invalid_utf8_is_refused);
    TEST(depth_has_a_limit);
    TEST(depth_cannot_be_hidden);
    TEST(brackets_in_strings_do_not_nest);
    TEST(size_has_a_limit);
    TEST(truncated_text_is_refused);
    TEST(changed_byte_is_refused_or_harmless);
    TEST(random_tokens_are_refused_or_harmless);
    TEST(look_ups_are_strict);
    TEST(strings_live_as_long_as_their_dictionary);
#undef TEST
    return g_test_run();
}
