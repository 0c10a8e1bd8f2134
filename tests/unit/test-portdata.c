/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of plugin/portdata.h: what one host encodes the other decodes to the
 * same, and whatever else arrives is refused or at least whole.
 */
#include <config.h>

#include "plugin/portdata.h"

#include <gio/gio.h>
#include <string.h>

#define EPOCH "0123456789abcdef0123456789abcdef"
#define DOMAIN "6c0d5b0e-0000-4000-8000-00000000000a"
#define DIGEST "00112233445566778899aabbccddeeff" \
               "00112233445566778899aabbccddeeff"
#define MAC "52:54:00:aa:00:01"
#define SAFE "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" \
             "0123456789._-"

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

static void
add_step(PfPortData *pd, const char *request, const char *detail)
{
    PfStep step = {
        .seq = pd->steps->len + 1,
        .time_us = G_GINT64_CONSTANT(1700000000000001) + pd->steps->len,
        .us = 1234,
        .host = (char *) "src",
        .port = (char *) MAC,
        .request = (char *) request,
        .kind = detail ? NULL : (char *) "operational",
        .extension = detail ? (char *) "port" : NULL,
        .result = (char *) "ok",
        .detail = (char *) detail,
    };

    g_ptr_array_add(pd->steps, pf_step_copy(&step));
}

/* PortData with everything in it. */
static PfPortData *
sample(PfLevel level)
{
    g_autoptr(GVariant) policies = state(
        "{'port': <{'tag': <int64 42>, 'trunks': <[<int64 7>, <int64 9>]>,"
        " 'protected': <true>}>, 'interface': <{'external_ids':"
        " <{'who': <'æ \"me\"\\n'>}>}>}");
    g_autoptr(GVariant) data = state("{'seen': <@av []>, 'rate': <1.5>}");
    PfPortData *pd = pf_portdata_new(level, EPOCH, "src", DOMAIN);
    PfPortDataPort *port = pf_portdata_add_port(pd, MAC, "web0", "an-id",
                                                77);

    PfSaved *saved = pf_portdata_port_add(port, "port", 1);
    saved->policies = g_variant_ref(policies);
    saved = pf_portdata_port_add(port, "counter", 999999);
    saved->policies = g_variant_ref(policies);
    saved->chunks = g_variant_ref_sink(g_variant_new_parsed(
        "[<%@a{sv}>, <@a{sv} {}>]", data));
    saved = pf_portdata_port_add(port, "flows", 1);
    saved->base = g_strdup(DIGEST);
    saved->delta = state("{'sets': <{'rules': <{'add': <[<'x'>]>}>}>}");
    saved->chunks = g_variant_ref_sink(g_variant_new_array(
        G_VARIANT_TYPE_VARIANT, NULL, 0));
    pf_portdata_add_port(pd, "52:54:00:aa:00:02", "db0", NULL, 0);
    add_step(pd, "nic-save", "with \"detail\"\nand æ");
    add_step(pd, "port-delete", NULL);
    return pd;
}

static char *
encoded(const PfPortData *pd)
{
    g_autoptr(GError) error = NULL;
    char *text = pf_portdata_encode(pd, &error);

    g_assert_no_error(error);
    g_assert_nonnull(text);
    return text;
}

/* The text for 'size' bytes at 'bytes', deflated. */
static char *
pack(const char *bytes, gsize size)
{
    g_autoptr(GZlibCompressor) deflate = g_zlib_compressor_new(
        G_ZLIB_COMPRESSOR_FORMAT_ZLIB, 9);
    g_autoptr(GInputStream) in = g_memory_input_stream_new_from_data(
        bytes, size, NULL);
    g_autoptr(GInputStream) packed = g_converter_input_stream_new(
        in, G_CONVERTER(deflate));
    g_autoptr(GOutputStream) out = g_memory_output_stream_new_resizable();
    g_autoptr(GError) error = NULL;

    g_output_stream_splice(out, packed, G_OUTPUT_STREAM_SPLICE_CLOSE_TARGET,
                           NULL, &error);
    g_assert_no_error(error);

    g_autofree char *base64 = g_base64_encode(
        g_memory_output_stream_get_data(G_MEMORY_OUTPUT_STREAM(out)),
        g_memory_output_stream_get_data_size(G_MEMORY_OUTPUT_STREAM(out)));
    g_strdelimit(base64, "+", '-');
    g_strdelimit(base64, "/", '_');
    g_strdelimit(base64, "=", '\0');
    return g_strconcat("pf1.", base64, NULL);
}

/* Demands that 'text' is refused with 'code' and one line that matches the
 * glob 'pattern'. */
static void
assert_refused(const char *text, PfPortDataError code, const char *pattern)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(PfPortData) pd = pf_portdata_decode(text, &error);

    if (pd) {
        g_error("'%.200s' is taken", text);
    }
    g_assert_error(error, PF_PORTDATA_ERROR, (int) code);
    if (!g_pattern_match_simple(pattern, error->message)
        || strpbrk(error->message, "\r\n")) {
        g_error("message '%s' does not match '%s'", error->message, pattern);
    }
}

static void
assert_json_refused(const char *json, PfPortDataError code,
                    const char *pattern)
{
    g_autofree char *text = pack(json, strlen(json));

    g_test_message("%.300s", json);
    assert_refused(text, code, pattern);
}

/* Demands that 'text' is refused, or that what it is decoded to is whole: it
 * can be encoded. */
static gboolean
assert_refused_or_whole(const char *text)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(PfPortData) pd = pf_portdata_decode(text, &error);

    if (!pd) {
        g_assert_nonnull(error);
        g_assert_true(error->domain == PF_PORTDATA_ERROR);
        return FALSE;
    }
    g_assert_no_error(error);

    g_autofree char *again = encoded(pd);
    g_assert_nonnull(again);
    return TRUE;
}

static void
assert_variants_equal(GVariant *a, GVariant *b)
{
    if (!a || !b) {
        g_assert_true(a == b);
        return;
    }
    g_autofree char *a_text = g_variant_print(a, TRUE);
    g_autofree char *b_text = g_variant_print(b, TRUE);
    g_assert_cmpstr(a_text, ==, b_text);
}

static void
assert_ports_equal(const PfPortDataPort *a, const PfPortDataPort *b)
{
    g_assert_cmpstr(a->mac, ==, b->mac);
    g_assert_cmpstr(a->name, ==, b->name);
    g_assert_cmpstr(a->iface_id, ==, b->iface_id);
    g_assert_cmpint(a->ofport, ==, b->ofport);
    g_assert_cmpuint(a->saved->len, ==, b->saved->len);
    for (guint i = 0; i < a->saved->len; i++) {
        const PfSaved *x = a->saved->pdata[i];
        const PfSaved *y = pf_portdata_saved(b, x->name);

        g_assert_nonnull(y);
        g_assert_cmpuint(x->version, ==, y->version);
        assert_variants_equal(x->policies, y->policies);
        g_assert_cmpstr(x->base, ==, y->base);
        assert_variants_equal(x->delta, y->delta);
        assert_variants_equal(x->chunks, y->chunks);
    }
}

static void
assert_steps_equal(const PfStep *a, const PfStep *b)
{
    g_assert_cmpint(a->time_us, ==, b->time_us);
    g_assert_cmpint(a->us, ==, b->us);
    g_assert_cmpstr(a->host, ==, b->host);
    g_assert_cmpstr(a->port, ==, b->port);
    g_assert_cmpstr(a->request, ==, b->request);
    g_assert_cmpstr(a->kind, ==, b->kind);
    g_assert_cmpstr(a->extension, ==, b->extension);
    g_assert_cmpstr(a->result, ==, b->result);
    g_assert_cmpstr(a->detail, ==, b->detail);
}

static void
assert_equal(const PfPortData *a, const PfPortData *b)
{
    g_assert_cmpstr(pf_level_name(a->level), ==, pf_level_name(b->level));
    g_assert_cmpstr(a->epoch, ==, b->epoch);
    g_assert_cmpstr(a->host, ==, b->host);
    g_assert_cmpstr(a->domain_uuid, ==, b->domain_uuid);
    g_assert_cmpuint(a->ports->len, ==, b->ports->len);
    for (guint i = 0; i < a->ports->len; i++) {
        assert_ports_equal(a->ports->pdata[i], b->ports->pdata[i]);
    }
    g_assert_cmpuint(a->steps->len, ==, b->steps->len);
    for (guint i = 0; i < a->steps->len; i++) {
        assert_steps_equal(a->steps->pdata[i], b->steps->pdata[i]);
    }
}

/* ---- Round trips ------------------------------------------------------ */

static void
test_everything_comes_back(void)
{
    for (int level = PF_LEVEL_PRECOPY; level <= PF_LEVEL_DELETED; level++) {
        g_autoptr(PfPortData) before = sample(level);
        g_autofree char *text = encoded(before);
        g_autoptr(GError) error = NULL;
        g_autoptr(PfPortData) after = pf_portdata_decode(text, &error);

        g_assert_no_error(error);
        assert_equal(before, after);
        g_assert_nonnull(pf_portdata_port(after, MAC));
        g_assert_null(pf_portdata_port(after, "52:54:00:aa:00:03"));
        g_assert_null(pf_portdata_saved(after->ports->pdata[1], "port"));
    }
}

static void
test_least_comes_back(void)
{
    g_autoptr(PfPortData) before = pf_portdata_new(PF_LEVEL_PRECOPY, "", "",
                                                   "");
    g_autofree char *text = encoded(before);
    g_autoptr(GError) error = NULL;
    g_autoptr(PfPortData) after = pf_portdata_decode(text, &error);

    g_assert_no_error(error);
    assert_equal(before, after);
}

static void
test_text_needs_no_quotes(void)
{
    g_autoptr(PfPortData) pd = sample(PF_LEVEL_SAVED);

    /* Different lengths, so that every kind of end of base64 is seen. */
    for (int i = 0; i < 12; i++) {
        g_autofree char *text = NULL;

        add_step(pd, "nic-disconnect", NULL);
        text = encoded(pd);
        g_assert_cmpuint(strspn(text, SAFE), ==, strlen(text));
        g_assert_true(g_ascii_isalpha(*text));
        assert_refused_or_whole(text);
    }
}

/* Ports and steps up to the limits are taken. */
static void
test_limits_are_reached(void)
{
    g_autoptr(PfPortData) before = pf_portdata_new(PF_LEVEL_SAVED, EPOCH,
                                                   "src", DOMAIN);
    g_autoptr(GError) error = NULL;

    for (int i = 0; i < PF_PORTDATA_MAX_PORTS; i++) {
        g_autofree char *mac = g_strdup_printf("52:54:00:aa:01:%02x", i);
        g_autofree char *name = g_strdup_printf("p%d", i);

        pf_portdata_add_port(before, mac, name, NULL, i ? 65280 - i : 0);
    }
    while (before->steps->len < PF_PORTDATA_MAX_STEPS) {
        add_step(before, "nic-save", NULL);
    }

    g_autofree char *text = encoded(before);
    g_autoptr(PfPortData) after = pf_portdata_decode(text, &error);
    g_assert_no_error(error);
    assert_equal(before, after);
}

static void
test_details_of_steps_are_cut(void)
{
    g_autoptr(PfPortData) pd = sample(PF_LEVEL_SAVED);
    g_autofree char *detail = g_strnfill(100000, 'x');
    guint last = pd->steps->len;

    add_step(pd, "nic-save", detail);

    g_autofree char *text = encoded(pd);
    g_autoptr(GError) error = NULL;
    g_autoptr(PfPortData) after = pf_portdata_decode(text, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(strlen(((PfStep *) after->steps->pdata[last])->detail),
                     <=, 1024);
}

/* Demands that 'pd' cannot be encoded, with one line that matches the glob
 * 'pattern'. */
static void
assert_not_encoded(const PfPortData *pd, const char *pattern)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = pf_portdata_encode(pd, &error);

    g_assert_null(text);
    g_assert_error(error, PF_PORTDATA_ERROR, PF_PORTDATA_ERROR_LIMIT);
    if (!g_pattern_match_simple(pattern, error->message)) {
        g_error("message '%s' does not match '%s'", error->message, pattern);
    }
}

/* An a{sv} with 'bytes' characters that do not compress; a full reference. */
static GVariant *
noise(gsize bytes)
{
    GString *s = g_string_sized_new(bytes);
    GVariantDict dict;

    while (s->len < bytes) {
        int c = g_test_rand_int_range(32, 127);

        g_string_append_c(s, c == '"' || c == '\\' ? '_' : c);
    }
    g_variant_dict_init(&dict, NULL);
    g_variant_dict_insert(&dict, "noise", "s", s->str);
    g_string_free(s, TRUE);
    return g_variant_ref_sink(g_variant_dict_end(&dict));
}

static void
test_too_much_to_carry_says_how_much_and_of_what(void)
{
    g_autoptr(PfPortData) pd = sample(PF_LEVEL_SAVED);

    pf_portdata_port_add(pd->ports->pdata[0], "small", 1)->policies
        = noise(1000);
    pf_portdata_port_add(pd->ports->pdata[1], "noise", 1)->policies
        = noise(200000);
    assert_not_encoded(pd, "PortData of the guest's 2 ports is ?????? bytes "
                       "long, 131049 is the limit: remove state from the "
                       "ports, the largest part is extension 'noise' of NIC "
                       "52:54:00:aa:00:02: 200037 bytes before compression");
}

/* The same for what compresses well. */
static void
test_too_much_to_unpack_is_not_sent(void)
{
    g_autoptr(PfPortData) pd = sample(PF_LEVEL_SAVED);
    g_autofree char *blanks = g_strnfill(PF_PORTDATA_MAX_BYTES, ' ');
    GVariantDict dict;

    g_variant_dict_init(&dict, NULL);
    g_variant_dict_insert(&dict, "blanks", "s", blanks);
    pf_portdata_port_add(pd->ports->pdata[0], "blank", 1)->policies
        = g_variant_ref_sink(g_variant_dict_end(&dict));
    assert_not_encoded(pd, "PortData of the guest's 2 ports before "
                       "compression is 1677???? bytes long, 16777216 is the "
                       "limit: *'blank' of NIC " MAC ": 167772?? bytes *");
}

static void
test_what_the_other_host_would_refuse_is_not_sent(void)
{
    g_autoptr(PfPortData) deep = sample(PF_LEVEL_SAVED);
    g_autoptr(PfPortData) many = sample(PF_LEVEL_SAVED);
    g_autoptr(PfPortData) odd = sample(PF_LEVEL_SAVED);
    g_autoptr(GVariant) nested = state("{}");
    GVariantBuilder builder;

    for (int i = 0; i < 16; i++) {
        GVariant *outer = g_variant_ref_sink(g_variant_new_parsed(
            "{'a': <%@a{sv}>}", nested));

        g_variant_unref(nested);
        nested = outer;
    }
    pf_portdata_port_add(deep->ports->pdata[0], "deep", 1)->policies
        = g_variant_ref(nested);
    assert_not_encoded(deep, "extension 'deep' of NIC " MAC " saved what no "
                       "host would read: nested deeper than 16 levels *");

    g_variant_builder_init(&builder, G_VARIANT_TYPE("av"));
    for (int i = 0; i <= PF_PORTDATA_MAX_CHUNKS; i++) {
        g_variant_builder_add_parsed(&builder, "<@a{sv} {}>");
    }
    pf_portdata_saved(many->ports->pdata[0], "port")->chunks
        = g_variant_ref_sink(g_variant_builder_end(&builder));
    assert_not_encoded(many, "extension 'port' of NIC " MAC " saved what no "
                       "host would read: *4097 chunks*4096 is the limit");

    pf_portdata_saved(odd->ports->pdata[0], "port")->chunks
        = g_variant_ref_sink(g_variant_new_parsed("[<'text'>]"));
    assert_not_encoded(odd, "extension 'port' of NIC " MAC " saved what no "
                       "host would read: *a chunk * is not a dictionary");
}

/* ---- Damage ----------------------------------------------------------- */

static void
test_every_truncation_is_refused(void)
{
    g_autoptr(PfPortData) pd = sample(PF_LEVEL_SAVED);
    g_autofree char *text = encoded(pd);

    for (gsize n = 0; n < strlen(text); n++) {
        g_autofree char *cut = g_strndup(text, n);

        assert_refused(cut, PF_PORTDATA_ERROR_FORMAT, "PortData: *");
    }
}

static void
test_changed_character_is_refused_or_harmless(void)
{
    static const char others[] = "Aa09-_.+/=\" \n\x01\x7f\xc3\xff";
    g_autoptr(PfPortData) pd = sample(PF_LEVEL_SAVED);
    g_autofree char *text = encoded(pd);
    guint n = 0, taken = 0;

    for (gsize i = 0; i < strlen(text); i++) {
        for (gsize k = 0; k < sizeof others - 1; k++) {
            g_autofree char *changed = g_strdup(text);

            changed[i] = others[k];
            if (strcmp(changed, text)) {
                n++;
                taken += assert_refused_or_whole(changed);
            }
        }
    }
    /* The checksum finds them; only the bits that fill up deflate's last byte
     * are in nobody's sum. */
    g_test_message("%u of %u taken", taken, n);
    g_assert_cmpuint(taken, <=, sizeof others);
}

/* The same below the checksum. */
static void
test_changed_json_is_refused_or_harmless(void)
{
    static const char others[] = "\"{}[],:0-e\\ntx \x01\xc3";
    static const char json[] =
        "{\"version\":1,\"level\":\"saved\",\"epoch\":\"e\",\"host\":\"h\","
        "\"domain\":\"d\",\"ports\":[{\"mac\":\"m\",\"name\":\"n\","
        "\"iface-id\":null,\"ofport\":5,\"saved\":{\"port\":{\"version\":1,"
        "\"policies\":{\"port\":{\"tag\":3}},\"chunks\":[{}]}}}],\"steps\":["
        "{\"time_us\":1,\"us\":2,\"host\":\"h\",\"port\":\"m\","
        "\"request\":\"nic-save\",\"result\":\"ok\"}]}";
    guint taken = 0;

    for (gsize i = 0; i < sizeof json - 1; i++) {
        for (gsize k = 0; k < sizeof others - 1; k++) {
            g_autofree char *changed = g_strdup(json);
            g_autofree char *text = NULL;

            changed[i] = others[k];
            text = pack(changed, sizeof json - 1);
            taken += assert_refused_or_whole(text);
        }
    }
    g_assert_cmpuint(taken, >, 0);
}

static void
test_other_texts_are_refused(void)
{
    static const char *const texts[] = {
        "", "p", "pf", "pf1", "pf1.", "pf2.AAAA", "PF1.AAAA", " pf1.AAAA",
        "pf1.A", "pf1.AA", "pf1.AAA", "pf1.AAAA", "pf1.AAAAA", "pf1.====",
        "pf1.eNo=", "pf1.eNp=x", "pf1.!!!!", "{}", "v1.abc",
    };

    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_test_message("'%s'", texts[i]);
        assert_refused(texts[i], PF_PORTDATA_ERROR_FORMAT, "PortData: *");
    }
}

static void
test_more_after_the_end_is_refused(void)
{
    g_autoptr(PfPortData) pd = sample(PF_LEVEL_SAVED);
    g_autofree char *text = encoded(pd);
    g_autofree char *longer = g_strconcat(text, "AAAA", NULL);
    g_autofree char *twice = g_strconcat(text, text + 4, NULL);

    assert_refused(longer, PF_PORTDATA_ERROR_FORMAT, "PortData: *");
    assert_refused(twice, PF_PORTDATA_ERROR_FORMAT, "PortData: *");
}

/* ---- Limits ----------------------------------------------------------- */

static void
test_long_text_is_refused(void)
{
    g_autofree char *longest = g_strnfill(PF_PORTDATA_MAX_TEXT, 'A');
    g_autofree char *longer = g_strnfill(PF_PORTDATA_MAX_TEXT + 1, 'A');

    memcpy(longest, "pf1.", 4);
    memcpy(longer, "pf1.", 4);
    assert_refused(longest, PF_PORTDATA_ERROR_FORMAT, "PortData: *");
    assert_refused(longer, PF_PORTDATA_ERROR_LIMIT,
                   "PortData is 131050 bytes long, 131049 is the limit");
}

static void
test_zip_bomb_is_refused(void)
{
    gsize size = 64 * 1024 * 1024;
    g_autofree char *spaces = g_strnfill(size, ' ');
    g_autofree char *text = NULL;

    memcpy(spaces, "{\"version\":1}", 13);
    text = pack(spaces, size);
    g_test_message("%zu bytes for %zu", strlen(text), size);
    g_assert_cmpuint(strlen(text), <=, PF_PORTDATA_MAX_TEXT);
    assert_refused(text, PF_PORTDATA_ERROR_LIMIT,
                   "PortData: unpacks to more than 16777216 bytes");

    g_autofree char *nested = g_strnfill(PF_PORTDATA_MAX_BYTES, '[');
    g_autofree char *deep = pack(nested, PF_PORTDATA_MAX_BYTES);
    assert_refused(deep, PF_PORTDATA_ERROR_LIMIT, "PortData: nested *");
}

static void
test_nul_is_refused(void)
{
    static const char json[] = "{\"version\":1}\0{}";
    g_autofree char *text = pack(json, sizeof json - 1);
    g_autofree char *nothing = pack("", 0);

    assert_refused(text, PF_PORTDATA_ERROR_FORMAT,
                   "PortData: contains a NUL byte");
    assert_refused(nothing, PF_PORTDATA_ERROR_FORMAT,
                   "PortData: not a JSON object");
}

#define HEAD "\"version\":1,\"level\":\"saved\",\"epoch\":\"e\"," \
             "\"host\":\"h\",\"domain\":\"d\""

/* '{HEAD,"ports":[...],"steps":[...]}' with 'n' times 'port' and 'step'. */
static char *
many(guint n_ports, guint n_steps)
{
    GString *s = g_string_new("{" HEAD ",\"ports\":[");

    for (guint i = 0; i < n_ports; i++) {
        g_string_append_printf(s, "%s{\"mac\":\"%u\",\"name\":\"n\","
                               "\"ofport\":0,\"saved\":{}}", i ? "," : "", i);
    }
    g_string_append(s, "],\"steps\":[");
    for (guint i = 0; i < n_steps; i++) {
        g_string_append_printf(s, "%s{\"time_us\":1,\"us\":1,\"host\":\"h\","
                               "\"port\":\"p\",\"request\":\"r\","
                               "\"result\":\"ok\"}", i ? "," : "");
    }
    g_string_append(s, "]}");
    return g_string_free(s, FALSE);
}

static void
test_too_many_ports_or_steps_are_refused(void)
{
    g_autofree char *most = many(PF_PORTDATA_MAX_PORTS,
                                 PF_PORTDATA_MAX_STEPS);
    g_autofree char *most_text = pack(most, strlen(most));
    g_autofree char *ports = many(PF_PORTDATA_MAX_PORTS + 1, 0);
    g_autofree char *steps = many(0, PF_PORTDATA_MAX_STEPS + 1);
    g_autofree char *lots = many(20000, 0);

    g_assert_true(assert_refused_or_whole(most_text));
    assert_json_refused(ports, PF_PORTDATA_ERROR_LIMIT,
                        "PortData: 65 ports, 64 is the limit");
    assert_json_refused(steps, PF_PORTDATA_ERROR_LIMIT,
                        "PortData: 4097 steps, 4096 is the limit");
    assert_json_refused(lots, PF_PORTDATA_ERROR_LIMIT,
                        "PortData: 20000 ports, 64 is the limit");
}

/* ---- Contents --------------------------------------------------------- */

static void
test_later_version_is_told(void)
{
    assert_json_refused("{\"version\":2,\"new\":true}",
                        PF_PORTDATA_ERROR_VERSION,
                        "PortData has version 2, this host reads up to 1: "
                        "update Portferry here");
    assert_json_refused("{\"version\":9223372036854775807}",
                        PF_PORTDATA_ERROR_VERSION, "*9223372036854775807*");
    assert_json_refused("{\"version\":0}", PF_PORTDATA_ERROR_FORMAT, "*");
    assert_json_refused("{\"version\":-1}", PF_PORTDATA_ERROR_FORMAT, "*");
    assert_json_refused("{\"version\":\"1\"}", PF_PORTDATA_ERROR_FORMAT, "*");
    assert_json_refused("{\"version\":1.0}", PF_PORTDATA_ERROR_FORMAT, "*");
}

#define STEP "\"time_us\":1,\"us\":1,\"host\":\"h\",\"port\":\"p\"," \
             "\"request\":\"r\""

static const char *const incomplete[] = {
    "[]", "1", "{}", "{" HEAD "}", "{" HEAD ",\"ports\":[]}",
    "{" HEAD ",\"steps\":[]}", "{" HEAD ",\"ports\":{},\"steps\":[]}",
    "{\"version\":1,\"level\":\"later\",\"epoch\":\"e\",\"host\":\"h\","
    "\"domain\":\"d\",\"ports\":[],\"steps\":[]}",
    "{\"version\":1,\"epoch\":\"e\",\"host\":\"h\",\"domain\":\"d\","
    "\"ports\":[],\"steps\":[]}",
    "{\"version\":1,\"level\":\"saved\",\"host\":\"h\",\"domain\":\"d\","
    "\"ports\":[],\"steps\":[]}",
    "{\"version\":1,\"level\":\"saved\",\"epoch\":7,\"host\":\"h\","
    "\"domain\":\"d\",\"ports\":[],\"steps\":[]}",
    "{" HEAD ",\"ports\":[1],\"steps\":[]}",
    "{" HEAD ",\"ports\":[null],\"steps\":[]}",
    "{" HEAD ",\"ports\":[{}],\"steps\":[]}",
    "{" HEAD ",\"ports\":[[]],\"steps\":[]}",
    "{" HEAD ",\"ports\":[{\"mac\":\"m\",\"name\":\"n\",\"ofport\":1}],"
    "\"steps\":[]}",
    "{" HEAD ",\"ports\":[{\"mac\":\"m\",\"name\":\"n\",\"ofport\":-1,"
    "\"saved\":{}}],\"steps\":[]}",
    "{" HEAD ",\"ports\":[{\"mac\":\"m\",\"name\":\"n\","
    "\"ofport\":65280,\"saved\":{}}],\"steps\":[]}",
    "{" HEAD ",\"ports\":[{\"mac\":\"m\",\"name\":\"n\",\"ofport\":1.0,"
    "\"saved\":{}}],\"steps\":[]}",
    "{" HEAD ",\"ports\":[{\"mac\":\"m\",\"name\":\"n\",\"ofport\":1,"
    "\"saved\":[]}],\"steps\":[]}",
    "{" HEAD ",\"ports\":[{\"mac\":\"m\",\"name\":\"n\",\"ofport\":1,"
    "\"saved\":{}},{\"mac\":\"m\",\"name\":\"o\",\"ofport\":1,"
    "\"saved\":{}}],\"steps\":[]}",
    "{" HEAD ",\"ports\":[],\"steps\":[1]}",
    "{" HEAD ",\"ports\":[],\"steps\":[{" STEP "}]}",
    "{" HEAD ",\"ports\":[],\"steps\":[{" STEP ",\"result\":1}]}",
    "{" HEAD ",\"ports\":[],\"steps\":[{" STEP ",\"result\":\"\"}]}",
    "{" HEAD ",\"ports\":[],\"steps\":[{" STEP ",\"result\":\"fine\"}]}",
    "{" HEAD ",\"ports\":[],\"steps\":[{\"time_us\":\"1\",\"us\":1,"
    "\"host\":\"h\",\"port\":\"p\",\"request\":\"r\","
    "\"result\":\"ok\"}]}",
};

static void
test_incomplete_contents_are_refused(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(incomplete); i++) {
        assert_json_refused(incomplete[i], PF_PORTDATA_ERROR_FORMAT,
                            "PortData: *");
    }
}

#define BASE "\"base\":\"" DIGEST "\""

/* What may not stand under an extension's name. */
static const char *const bad_entries[] = {
    "1", "[]", "null", "{}",
    "{\"policies\":{}}",
    "{\"version\":0,\"policies\":{}}",
    "{\"version\":1000000,\"policies\":{}}",
    "{\"version\":\"1\",\"policies\":{}}",
    "{\"version\":1}",
    "{\"version\":1,\"policies\":[]}",
    "{\"version\":1,\"policies\":null}",
    "{\"version\":1," BASE "}",
    "{\"version\":1,\"delta\":{}}",
    "{\"version\":1,\"policies\":{}," BASE "}",
    "{\"version\":1,\"policies\":{},\"delta\":{}}",
    "{\"version\":1,\"policies\":{}," BASE ",\"delta\":{}}",
    "{\"version\":1,\"policies\":{}," BASE ",\"delta\":null}",
    "{\"version\":1," BASE ",\"delta\":[]}",
    "{\"version\":1,\"base\":1,\"delta\":{}}",
    "{\"version\":1,\"base\":\"\",\"delta\":{}}",
    "{\"version\":1,\"base\":\"0" DIGEST "\",\"delta\":{}}",
    "{\"version\":1,\"base\":\"A0112233445566778899aabbccddeeff"
    "00112233445566778899aabbccddeeff\",\"delta\":{}}",
    "{\"version\":1,\"policies\":{},\"chunks\":{}}",
    "{\"version\":1,\"policies\":{},\"chunks\":null}",
    "{\"version\":1,\"policies\":{},\"chunks\":[1]}",
    "{\"version\":1,\"policies\":{},\"chunks\":[{},[]]}",
    "{\"version\":1,\"policies\":{},\"chunks\":[{},null]}",
};

/* PortData with 'saved' for its only port. */
static char *
json_with_saved(const char *saved)
{
    return g_strdup_printf("{" HEAD ",\"ports\":[{\"mac\":\"m\",\"name\":"
                           "\"n\",\"ofport\":1,\"saved\":{%s}}],"
                           "\"steps\":[]}", saved);
}

static void
assert_saved_refused(const char *saved, PfPortDataError code,
                     const char *pattern)
{
    g_autofree char *json = json_with_saved(saved);

    assert_json_refused(json, code, pattern);
}

static void
test_bad_entries_are_refused(void)
{
    g_autofree char *good = json_with_saved(
        "\"port\":{\"version\":1," BASE ",\"delta\":{},\"chunks\":[]}");
    g_autofree char *text = pack(good, strlen(good));

    g_assert_true(assert_refused_or_whole(text));
    for (gsize i = 0; i < G_N_ELEMENTS(bad_entries); i++) {
        g_autofree char *saved = g_strdup_printf("\"port\":%s",
                                                 bad_entries[i]);

        assert_saved_refused(saved, PF_PORTDATA_ERROR_FORMAT, "PortData: *");
    }
}

static void
test_names_of_extensions_are_those_of_extensions(void)
{
    static const char *const names[] = {
        "", "Port", "a b", "../a", "a\\n", "\xc3\xa6",
        "a23456789012345678901234567890123",
    };

    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *saved = g_strdup_printf(
            "\"%s\":{\"version\":1,\"policies\":{}}", names[i]);

        assert_saved_refused(saved, PF_PORTDATA_ERROR_FORMAT,
                             "PortData: an extension's name is not 1 to 32 "
                             "of a-z, 0-9 and -");
    }
}

static void
test_too_many_extensions_or_chunks_are_refused(void)
{
    g_autoptr(GString) extensions = g_string_new(NULL);
    g_autoptr(GString) chunks = g_string_new(
        "\"a\":{\"version\":1,\"policies\":{},\"chunks\":[{}");

    for (int i = 0; i <= PF_PORTDATA_MAX_EXTENSIONS; i++) {
        g_string_append_printf(extensions, "%s\"e%d\":{\"version\":1,"
                               "\"policies\":{}}", i ? "," : "", i);
    }
    for (int i = 0; i < PF_PORTDATA_MAX_CHUNKS; i++) {
        g_string_append(chunks, ",{}");
    }
    g_string_append(chunks, "]}");
    assert_saved_refused(extensions->str, PF_PORTDATA_ERROR_LIMIT,
                         "PortData: 65 extensions of a port, 64 is the "
                         "limit");
    assert_saved_refused(chunks->str, PF_PORTDATA_ERROR_LIMIT,
                         "PortData: 4097 chunks of an extension, 4096 is the "
                         "limit");
}

static void
test_long_names_are_refused(void)
{
    static const char *const keys[] = { "level", "epoch", "host", "domain" };
    g_autofree char *name = g_strnfill(1025, 'x');

    for (gsize i = 1; i < G_N_ELEMENTS(keys); i++) {
        g_autoptr(GString) json = g_string_new("{\"version\":1");

        for (gsize k = 0; k < G_N_ELEMENTS(keys); k++) {
            g_string_append_printf(json, ",\"%s\":\"%s\"", keys[k],
                                   k == i ? name : "saved");
        }
        g_string_append(json, ",\"ports\":[],\"steps\":[]}");
        assert_json_refused(json->str, PF_PORTDATA_ERROR_LIMIT,
                            "PortData: *1024 bytes");
    }

    g_autofree char *port = g_strdup_printf(
        "{" HEAD ",\"ports\":[{\"mac\":\"m\",\"name\":\"%s\",\"ofport\":1,"
        "\"saved\":{}}],\"steps\":[]}", name);
    assert_json_refused(port, PF_PORTDATA_ERROR_LIMIT,
                        "PortData: *1024 bytes");
}

static void
test_unknown_members_are_left_aside(void)
{
    const char *json =
        "{" HEAD ",\"later\":[1],\"ports\":[{\"mac\":\"m\",\"name\":\"n\","
        "\"ofport\":1,\"saved\":{},\"colour\":\"red\"}],\"steps\":[{" STEP
        ",\"result\":\"skipped\",\"mood\":\"good\"}]}";
    g_autofree char *text = pack(json, strlen(json));

    g_assert_true(assert_refused_or_whole(text));
}

int
main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
#define TEST(FUNCTION) g_test_add_func("/portdata/" #FUNCTION, test_##FUNCTION)
    TEST(everything_comes_back);
    TEST(least_comes_back);
    TEST(text_needs_no_quotes);
    TEST(limits_are_reached);
    TEST(details_of_steps_are_cut);
    TEST(too_much_to_carry_says_how_much_and_of_what);
    TEST(too_much_to_unpack_is_not_sent);
    TEST(what_the_other_host_would_refuse_is_not_sent);
    TEST(every_truncation_is_refused);
    TEST(changed_character_is_refused_or_harmless);
    TEST(changed_json_is_refused_or_harmless);
    TEST(other_texts_are_refused);
    TEST(more_after_the_end_is_refused);
    TEST(long_text_is_refused);
    TEST(zip_bomb_is_refused);
    TEST(nul_is_refused);
    TEST(too_many_ports_or_steps_are_refused);
    TEST(later_version_is_told);
    TEST(incomplete_contents_are_refused);
    TEST(bad_entries_are_refused);
    TEST(names_of_extensions_are_those_of_extensions);
    TEST(too_many_extensions_or_chunks_are_refused);
    TEST(long_names_are_refused);
    TEST(unknown_members_are_left_aside);
#undef TEST
    return g_test_run();
}
