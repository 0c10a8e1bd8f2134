/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of plugin/pack.h: state comes out as it went in, equal states have
 * equal texts, and nothing else is unpacked.
 */
#include <config.h>

#include "plugin/pack.h"

#include <gio/gio.h>
#include <string.h>
#include <sys/resource.h>

#include "plugin/codec.h"

#define BASE64URL "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" \
                  "0123456789-_"

/* ---- Helpers ---------------------------------------------------------- */

/* A parsed a{sv}, not floating. */
static GVariant *
state(const char *text)
{
    g_autoptr(GError) error = NULL;
    GVariant *v = g_variant_parse(G_VARIANT_TYPE_VARDICT, text, NULL, NULL,
                                  &error);

    g_assert_no_error(error);
    return v;
}

/* State with 'n' rules; a full reference. */
static GVariant *
rules(guint n)
{
    GVariantBuilder list;
    GVariantDict dict;

    g_variant_builder_init(&list, G_VARIANT_TYPE("av"));
    for (guint i = 0; i < n; i++) {
        g_variant_builder_add(&list, "v", g_variant_new_printf(
            "table=%u,priority=%u,ip,in_port=web0,nw_src=10.%u.%u.%u "
            "actions=resubmit(,%u)", i % 7, i, i >> 16, (i >> 8) & 255,
            i & 255, i % 7 + 1));
    }
    g_variant_dict_init(&dict, NULL);
    g_variant_dict_insert_value(&dict, "rules", g_variant_builder_end(&list));
    return g_variant_ref_sink(g_variant_dict_end(&dict));
}

static void
assert_variants_equal(GVariant *a, GVariant *b)
{
    g_autofree char *a_text = g_variant_print(a, TRUE);
    g_autofree char *b_text = g_variant_print(b, TRUE);

    g_assert_cmpstr(a_text, ==, b_text);
}

/* Demands that 'before' comes back from its text, which is returned. */
static char *
assert_comes_back(GVariant *before)
{
    g_autoptr(GError) error = NULL;
    char *text = pf_pack_state(before);
    g_autoptr(GVariant) after = pf_unpack_state(text, &error);

    g_assert_no_error(error);
    assert_variants_equal(after, before);
    return text;
}

/* Demands that 'text' is refused with an error of 'domain' and 'code' that
 * matches the glob 'pattern'. */
static void
assert_refused(const char *text, GQuark domain, int code, const char *pattern)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) taken = pf_unpack_state(text, &error);

    if (taken) {
        g_error("'%.200s' is taken", text);
    }
    g_assert_error(error, domain, code);
    if (!g_pattern_match_simple(pattern, error->message)
        || strpbrk(error->message, "\r\n")) {
        g_error("message '%s' does not match '%s'", error->message, pattern);
    }
}

static void
assert_damaged(const char *text)
{
    assert_refused(text, PF_PACK_ERROR, PF_PACK_ERROR_FORMAT, "*");
}

/* 'size' bytes at 'bytes' as a packed text. */
static char *
packed(const char *bytes, gsize size)
{
    g_autoptr(GZlibCompressor) deflate = g_zlib_compressor_new(
        G_ZLIB_COMPRESSOR_FORMAT_ZLIB, 9);
    g_autoptr(GInputStream) in = g_memory_input_stream_new_from_data(
        bytes, size, NULL);
    g_autoptr(GInputStream) deflated = g_converter_input_stream_new(
        in, G_CONVERTER(deflate));
    g_autoptr(GOutputStream) out = g_memory_output_stream_new_resizable();
    GMemoryOutputStream *memory = G_MEMORY_OUTPUT_STREAM(out);
    g_autoptr(GError) error = NULL;

    g_output_stream_splice(out, deflated, G_OUTPUT_STREAM_SPLICE_CLOSE_TARGET,
                           NULL, &error);
    g_assert_no_error(error);

    g_autofree char *base64 = g_base64_encode(
        g_memory_output_stream_get_data(memory),
        g_memory_output_stream_get_data_size(memory));
    g_strdelimit(base64, "+", '-');
    g_strdelimit(base64, "/", '_');
    g_strdelimit(base64, "=", '\0');
    return g_strconcat("pfz1.", base64, NULL);
}

/* ---- Round trips ------------------------------------------------------ */

static void
test_short_state_stays_readable(void)
{
    g_autoptr(GVariant) before = state(
        "{'a': <'text \"æ\"'>, 'b': <int64 -5>, 'c': <1.5>, 'd': <true>,"
        " 'e': <@av []>, 'f': <[<'x'>, <{'y': <int64 1>}>]>}");
    g_autofree char *text = assert_comes_back(before);
    g_autofree char *empty = pf_pack_state(state("{}"));

    g_assert_cmpstr(text, ==, "{\"a\":\"text \\\"æ\\\"\",\"b\":-5,\"c\":1.5,"
                    "\"d\":true,\"e\":[],\"f\":[\"x\",{\"y\":1}]}");
    g_assert_cmpstr(empty, ==, "{}");
}

static void
test_long_state_is_packed(void)
{
    for (gsize excess = 0; excess <= 1; excess++) {
        gsize length = PF_PACK_THRESHOLD - strlen("{'a':''}") + excess;
        g_autofree char *value = g_strnfill(length, 'x');
        g_autofree char *source = g_strdup_printf("{'a': <'%s'>}", value);
        g_autoptr(GVariant) before = state(source);
        g_autofree char *text = assert_comes_back(before);

        if (excess) {
            g_assert_true(g_str_has_prefix(text, "pfz1."));
            g_assert_cmpuint(strspn(text + 5, BASE64URL), ==,
                             strlen(text) - 5);
            g_assert_cmpuint(strlen(text), <, 100);
        } else {
            g_assert_cmpuint(strlen(text), ==, PF_PACK_THRESHOLD);
        }
    }
}

static void
test_ten_thousand_rules_fit(void)
{
    g_autoptr(GVariant) before = rules(10000);
    g_autofree char *text = assert_comes_back(before);

    g_test_message("%zu bytes packed", strlen(text));
    g_assert_cmpuint(strlen(text), <, PF_PACK_MAX_TEXT / 4);
}

static void
test_equal_states_have_equal_texts(void)
{
    g_autofree char *one = pf_pack_state(state(
        "{'b': <{'y': <int64 1>, 'x': <[<{'q': <'1'>, 'p': <'2'>}>]>}>,"
        " 'a': <'1'>, 'aa': <'2'>, 'A': <'3'>, '': <'4'>}"));
    g_autofree char *other = pf_pack_state(state(
        "{'': <'4'>, 'aa': <'2'>, 'A': <'3'>, 'a': <'1'>,"
        " 'b': <{'x': <[<{'p': <'2'>, 'q': <'1'>}>]>, 'y': <int64 1>}>}"));

    g_assert_cmpstr(one, ==, other);
    g_assert_cmpstr(one, ==, "{\"\":\"4\",\"A\":\"3\",\"a\":\"1\",\"aa\":"
                    "\"2\",\"b\":{\"x\":[{\"p\":\"2\",\"q\":\"1\"}],"
                    "\"y\":1}}");
}

static void
test_lists_keep_their_order(void)
{
    g_autofree char *text = pf_pack_state(state("{'a': <[<'2'>, <'1'>]>}"));

    g_assert_cmpstr(text, ==, "{\"a\":[\"2\",\"1\"]}");
}

/* Every length of the end of base64. */
static void
test_text_of_any_length_comes_back(void)
{
    g_autoptr(GString) before = g_string_new(NULL);

    for (int i = 0; i < 200; i++) {
        g_autofree char *text = pf_pack_text(before->str);
        g_autoptr(GError) error = NULL;
        g_autofree char *after = pf_unpack_text(text, strlen(text),
                                                before->len, &error);

        g_assert_no_error(error);
        g_assert_cmpstr(after, ==, before->str);
        g_string_append_c(before, g_test_rand_int_range(1, 128));
    }
}

static void
test_digests_are_sha_256(void)
{
    g_autofree char *digest = pf_pack_digest("abc");

    g_assert_cmpstr(digest, ==, "ba7816bf8f01cfea414140de5dae2223"
                    "b00361a396177a9cb410ff61f20015ad");
}

/* ---- Damage ----------------------------------------------------------- */

static void
test_every_truncation_is_refused(void)
{
    g_autoptr(GVariant) before = rules(40);
    g_autofree char *text = pf_pack_state(before);

    g_assert_true(g_str_has_prefix(text, "pfz1."));
    for (gsize n = 5; n < strlen(text); n++) {
        g_autofree char *cut = g_strndup(text, n);

        assert_damaged(cut);
    }
}

/* Bits that fill up deflate's last byte mean nothing to anybody. */
static void
test_each_changed_character_is_refused_or_harmless(void)
{
    static const char others[] = "Aa09-_.+/=\" \n\x01\x7f\xc3\xff";
    g_autoptr(GVariant) before = rules(40);
    g_autofree char *text = pf_pack_state(before);
    guint taken = 0;

    for (gsize i = 5; i < strlen(text); i++) {
        for (gsize k = 0; k < sizeof others - 1; k++) {
            g_autofree char *changed = g_strdup(text);

            changed[i] = others[k];
            if (!strcmp(changed, text)) {
                continue;
            }

            g_autoptr(GError) error = NULL;
            g_autoptr(GVariant) after = pf_unpack_state(changed, &error);
            if (after) {
                assert_variants_equal(after, before);
                taken++;
            } else {
                g_assert_error(error, PF_PACK_ERROR, PF_PACK_ERROR_FORMAT);
            }
        }
    }
    g_test_message("%u taken", taken);
    g_assert_cmpuint(taken, <=, sizeof others);
}

static void
test_what_follows_is_refused(void)
{
    static const char *const more[] = { "A", "AA", "AAA", "AAAA", ".", "\n",
                                        "=", " ", "pfz1." };
    g_autoptr(GVariant) before = rules(40);
    g_autofree char *text = pf_pack_state(before);

    for (gsize i = 0; i < G_N_ELEMENTS(more); i++) {
        g_autofree char *longer = g_strconcat(text, more[i], NULL);

        assert_damaged(longer);
    }
    assert_refused("{}{}", PF_CODEC_ERROR, PF_CODEC_ERROR_SYNTAX, "*");
}

static void
test_other_texts_are_refused(void)
{
    static const char *const texts[] = {
        "", " ", "[]", "1", "pfz1", "pfz2.eNqrrgUAAXUA-Q", "PFZ1.", "{",
        " pfz1.eNqrrgUAAXUA-Q", "pf1.eNqrrgUAAXUA-Q",
    };
    static const char *const damaged[] = {
        "pfz1.", "pfz1.A", "pfz1.AAAA", "pfz1.eNqrrgUAAXUA+Q",
        "pfz1.eNqrrgUAAXUA-Q==", "pfz1.eNqrrgUAAXUA-R",
        "pfz1.pfz1.eNqrrgUAAXUA-Q",
    };
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) good = pf_unpack_state("pfz1.eNqrrgUAAXUA-Q", &error);

    g_assert_no_error(error);
    assert_variants_equal(good, state("{}"));
    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        assert_refused(texts[i], PF_CODEC_ERROR, PF_CODEC_ERROR_SYNTAX, "*");
    }
    for (gsize i = 0; i < G_N_ELEMENTS(damaged); i++) {
        assert_damaged(damaged[i]);
    }
}

static void
test_what_is_packed_must_be_state(void)
{
    static const char nul[] = "{}\0{}";
    g_autofree char *list = packed("[]", 2);
    g_autofree char *latin1 = packed("{\"\xe9\":1}", 7);
    g_autofree char *with_nul = packed(nul, sizeof nul - 1);

    assert_refused(list, PF_CODEC_ERROR, PF_CODEC_ERROR_SYNTAX, "*");
    assert_refused(latin1, PF_CODEC_ERROR, PF_CODEC_ERROR_SYNTAX, "*");
    assert_refused(with_nul, PF_PACK_ERROR, PF_PACK_ERROR_FORMAT,
                   "contains a NUL byte");
}

/* ---- Limits ----------------------------------------------------------- */

static void
test_long_text_is_refused(void)
{
    g_autofree char *text = g_strnfill(PF_PACK_MAX_TEXT + 1, ' ');

    memcpy(text, "{}", 2);
    assert_refused(text, PF_PACK_ERROR, PF_PACK_ERROR_LIMIT,
                   "1048577 bytes long, 1048576 is the limit");
    text[PF_PACK_MAX_TEXT] = '\0';
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) longest = pf_unpack_state(text, &error);
    g_assert_no_error(error);
}

static void
test_unpacked_text_is_limited(void)
{
    g_autofree char *text = pf_pack_text("12345");
    g_autoptr(GError) error = NULL;
    g_autofree char *fits = pf_unpack_text(text, strlen(text), 5, &error);

    g_assert_no_error(error);
    g_assert_cmpstr(fits, ==, "12345");
    g_assert_null(pf_unpack_text(text, strlen(text), 4, &error));
    g_assert_error(error, PF_PACK_ERROR, PF_PACK_ERROR_LIMIT);
    g_assert_cmpstr(error->message, ==, "unpacks to more than 4 bytes");
}

/* The most memory, in bytes, that the process has had. */
static gsize
memory(void)
{
    struct rusage usage;

    g_assert_cmpint(getrusage(RUSAGE_SELF, &usage), ==, 0);
    return (gsize) usage.ru_maxrss * 1024;
}

#define MEGABYTE (1024 * 1024)

/* Adds a megabyte of blanks to what 'deflate' has made; returns that. */
static GByteArray *
deflate_blanks(GConverter *deflate, const char *blanks)
{
    GByteArray *out = g_byte_array_new();
    guint8 buffer[65536];
    gsize n_read, n_written;

    for (gsize used = 0; used < MEGABYTE; used += n_read) {
        g_autoptr(GError) error = NULL;

        g_converter_convert(deflate, blanks + used, MEGABYTE - used, buffer,
                            sizeof buffer, G_CONVERTER_FLUSH, &n_read,
                            &n_written, &error);
        g_assert_no_error(error);
        g_byte_array_append(out, buffer, n_written);
    }
    return out;
}

/* A text that unpacks to 'megabytes' of blanks, made without having them: from
 * the second on, every megabyte is deflated to the same bytes. */
static char *
bomb(int megabytes)
{
    g_autoptr(GConverter) deflate = G_CONVERTER(g_zlib_compressor_new(
        G_ZLIB_COMPRESSOR_FORMAT_ZLIB, 9));
    g_autofree char *blanks = g_strnfill(MEGABYTE, ' ');
    g_autoptr(GByteArray) out = deflate_blanks(deflate, blanks);
    g_autoptr(GByteArray) next = deflate_blanks(deflate, blanks);

    while (--megabytes) {
        g_byte_array_append(out, next->data, next->len);
    }

    g_autofree char *base64 = g_base64_encode(out->data, out->len);
    g_strdelimit(base64, "+", '-');
    g_strdelimit(base64, "/", '_');
    g_strdelimit(base64, "=", '\0');
    return g_strconcat("pfz1.", base64, NULL);
}

static void
test_a_gigabyte_is_refused_without_being_held(void)
{
    g_autofree char *gigabyte = bomb(1024);
    g_autofree char *most = bomb(740);
    gsize before = memory();

    g_test_message("%zu and %zu bytes", strlen(gigabyte), strlen(most));
    assert_refused(gigabyte, PF_PACK_ERROR, PF_PACK_ERROR_LIMIT,
                   "* bytes long, 1048576 is the limit");
    assert_refused(most, PF_PACK_ERROR, PF_PACK_ERROR_LIMIT,
                   "unpacks to more than 16777216 bytes");
    g_test_message("%zu bytes of memory", memory() - before);
    g_assert_cmpuint(memory() - before, <, 64 * MEGABYTE);
}

/* As many values as fit into 'bytes', each with 'value', packed. */
static char *
many_values(const char *value, gsize bytes)
{
    g_autoptr(GString) s = g_string_new("{\"a\":[0");

    while (s->len < bytes - 8) {
        g_string_append_printf(s, ",%s", value);
    }
    g_string_append(s, "]}");
    return packed(s->str, s->len);
}

/* In memory a value is much larger than in a text. */
static void
test_millions_of_values_are_refused_without_being_held(void)
{
    static const char *const values[] = { "0", "[]", "{}", "\"\"", "null" };

    for (gsize i = 0; i < G_N_ELEMENTS(values); i++) {
        g_autofree char *text = many_values(values[i], PF_CODEC_MAX_BYTES);
        gsize before = memory();

        assert_refused(text, PF_CODEC_ERROR, PF_CODEC_ERROR_LIMIT,
                       "more than 500000 values");
        g_assert_cmpuint(memory() - before, <, 64 * MEGABYTE);
    }
}

static void
test_nesting_is_limited(void)
{
    gsize size = 2000000;
    g_autofree char *deep = g_strnfill(size, '[');
    g_autofree char *text = packed(deep, size);

    assert_refused(text, PF_CODEC_ERROR, PF_CODEC_ERROR_LIMIT,
                   "nested deeper than 16 levels *");
}

int
main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
#define TEST(FUNCTION) g_test_add_func("/pack/" #FUNCTION, test_##FUNCTION)
    TEST(short_state_stays_readable);
    TEST(long_state_is_packed);
    TEST(ten_thousand_rules_fit);
    TEST(equal_states_have_equal_texts);
    TEST(lists_keep_their_order);
    TEST(text_of_any_length_comes_back);
    TEST(digests_are_sha_256);
    TEST(every_truncation_is_refused);
    TEST(each_changed_character_is_refused_or_harmless);
    TEST(what_follows_is_refused);
    TEST(other_texts_are_refused);
    TEST(what_is_packed_must_be_state);
    TEST(long_text_is_refused);
    TEST(unpacked_text_is_limited);
    TEST(a_gigabyte_is_refused_without_being_held);
    TEST(millions_of_values_are_refused_without_being_held);
    TEST(nesting_is_limited);
#undef TEST
    return g_test_run();
}
