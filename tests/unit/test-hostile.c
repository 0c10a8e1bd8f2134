/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of hostile stamps and PortData, and of everything that the fuzz
 * targets (tests/fuzz) have found: what is cut off, changed, packed a
 * thousandfold or nested a million times is refused whole, and at once; rules
 * get frames into no other VLAN by tricks.
 */
#include <config.h>

#include <gio/gio.h>
#include <string.h>

#include "domain.h"
#include "incoming.h"
#include "pack.h"
#include "packets.h"
#include "plugin/extensions/flows-check.h"
#include "plugin/extensions/flows-set.h"
#include "portdata.h"
#include "xml-check.h"

#define MAC "52:54:00:aa:00:01"
#define UUID "0d0c6d0e-0000-4000-8000-0000000000d0"
#define EPOCH "00112233445566778899aabbccddeeff"
#define MILLION 1000000

/* ---- PortData ----------------------------------------------------------- */

/* PortData of a port with a bit of everything; floating values are sunk. */
static char *
small_portdata(void)
{
    g_autoptr(PfPortData) pd = pf_portdata_new(PF_LEVEL_SAVED, EPOCH, "a",
                                               UUID);
    PfPortDataPort *port = pf_portdata_add_port(pd, MAC, "web0", UUID, 5);
    PfSaved *saved = pf_portdata_port_add(port, "port", 1);
    g_autoptr(GError) error = NULL;
    char *text;

    saved->policies = g_variant_ref_sink(g_variant_new_parsed(
        "{'port': <{'tag': <int64 42>}>}"));
    saved->chunks = g_variant_ref_sink(g_variant_new_parsed(
        "[<{'rx': <int64 7>}>]"));
    text = pf_portdata_encode(pd, &error);
    g_assert_no_error(error);
    return text;
}

/* Demands that 'text' is refused, and returns why. */
static char *
refused(const char *text)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(PfPortData) pd = pf_portdata_decode(text, &error);

    if (pd) {
        g_test_message("taken: %.200s", text);
        g_test_fail();
        return g_strdup("");
    }
    g_assert_true(error->domain == PF_PORTDATA_ERROR);
    g_assert_true(g_utf8_validate(error->message, -1, NULL));
    return g_strdup(error->message);
}

static void
test_portdata_of_every_length_is_refused(void)
{
    g_autofree char *text = small_portdata();

    for (gsize i = strlen(text); i > 0; i--) {
        g_autofree char *cut = g_strndup(text, i - 1);
        g_autofree char *why = refused(cut);
    }
}

/* Changed to anything, at any place, it is refused, or means what it meant: a
 * few bits of what deflate writes are of no consequence. */
static void
test_portdata_with_any_byte_changed_is_refused(void)
{
    g_autofree char *text = small_portdata();
    guint n_taken = 0;

    for (gsize i = 0; i < strlen(text); i++) {
        for (guint c = 1; c < 256; c++) {
            g_autofree char *changed = g_strdup(text);
            g_autofree char *again = NULL;
            g_autoptr(PfPortData) pd = NULL;

            changed[i] = c;
            if (changed[i] == text[i]) {
                continue;
            }
            pd = pf_portdata_decode(changed, NULL);
            if (pd) {
                again = pf_portdata_encode(pd, NULL);
                g_assert_cmpstr(again, ==, text);
                n_taken++;
            }
        }
    }
    g_assert_cmpuint(n_taken, <, strlen(text));
}

static void
test_portdata_longer_than_libvirt_carries_is_refused(void)
{
    g_autofree char *a = g_strnfill(PF_PORTDATA_MAX_TEXT, 'A');
    g_autofree char *text = g_strconcat("pf1.", a, NULL);
    g_autofree char *why = refused(text);

    g_assert_cmpstr(why, ==,
                    "PortData is 131053 bytes long, 131049 is the limit");
}

/* ---- What unpacks to a gigabyte ----------------------------------------- */

/* Deflates 'size' bytes and leaves the stream open. */
static void
deflate(GConverter *converter, const guint8 *bytes, gsize size,
        GByteArray *out)
{
    GConverterResult result = G_CONVERTER_CONVERTED;
    guint8 buffer[4096];
    gsize used = 0;

    while (result != G_CONVERTER_FLUSHED) {
        gsize n_read, n_written;

        result = g_converter_convert(converter, bytes + used, size - used,
                                     buffer, sizeof buffer,
                                     G_CONVERTER_FLUSH, &n_read, &n_written,
                                     NULL);
        g_assert_cmpint(result, !=, G_CONVERTER_ERROR);
        used += n_read;
        g_byte_array_append(out, buffer, n_written);
    }
}

/* 'n' times the same megabyte, in base64url: what a megabyte becomes after the
 * first is repeated as it is. */
static char *
bomb(guint n)
{
    g_autoptr(GConverter) converter = G_CONVERTER(
        g_zlib_compressor_new(G_ZLIB_COMPRESSOR_FORMAT_ZLIB, 9));
    g_autofree guint8 *megabyte = g_malloc0(1 << 20);
    g_autoptr(GByteArray) out = g_byte_array_new();
    g_autoptr(GByteArray) again = g_byte_array_new();
    char *text;

    memset(megabyte, ' ', 1 << 20);
    deflate(converter, megabyte, 1 << 20, out);
    deflate(converter, megabyte, 1 << 20, again);
    for (guint i = 1; i < n; i++) {
        g_byte_array_append(out, again->data, again->len);
    }
    text = g_base64_encode(out->data, out->len);
    g_strdelimit(text, "+", '-');
    g_strdelimit(text, "/", '_');
    g_strdelimit(text, "=", '\0');
    return text;
}

static void
test_what_unpacks_to_a_gigabyte_is_refused(void)
{
    /* As much as a text of that length can unpack to. */
    g_autofree char *large = bomb(90);
    g_autofree char *portdata = g_strconcat("pf1.", large, NULL);
    g_autofree char *huge = bomb(700);
    g_autofree char *state = g_strconcat("pfz1.", huge, NULL);
    g_autofree char *gigabyte = bomb(1024);
    g_autofree char *too_long = g_strconcat("pfz1.", gigabyte, NULL);
    g_autoptr(GError) error = NULL;
    g_autofree char *why = refused(portdata);

    g_assert_cmpstr(why, ==, "PortData: unpacks to more than 16777216 bytes");
    g_assert_null(pf_unpack_state(state, &error));
    g_assert_error(error, PF_PACK_ERROR, PF_PACK_ERROR_LIMIT);
    g_assert_cmpstr(error->message, ==,
                    "unpacks to more than 16777216 bytes");
    g_clear_error(&error);

    g_assert_cmpuint(strlen(too_long), >, PF_PACK_MAX_TEXT);
    g_assert_null(pf_unpack_state(too_long, &error));
    g_assert_error(error, PF_PACK_ERROR, PF_PACK_ERROR_LIMIT);
}

static void
test_what_unpacks_to_nothing_is_refused(void)
{
    g_autofree char *nothing = pf_pack_text("");
    g_autofree char *state = g_strconcat("pfz1.", nothing, NULL);
    g_autofree char *portdata = g_strconcat("pf1.", nothing, NULL);
    g_autofree char *why = refused(portdata);
    g_autoptr(GError) error = NULL;

    g_assert_cmpstr(why, ==, "PortData: not a JSON object");
    g_assert_null(pf_unpack_state(state, &error));
    g_assert_nonnull(error);
}

/* ---- A million levels --------------------------------------------------- */

static char *
repeated(const char *text, guint n)
{
    GString *s = g_string_new(NULL);

    for (guint i = 0; i < n; i++) {
        g_string_append(s, text);
    }
    return g_string_free(s, FALSE);
}

static void
test_a_million_levels_of_json_are_refused(void)
{
    static const char *const levels[] = { "[", "{\"a\":" };

    for (gsize i = 0; i < G_N_ELEMENTS(levels); i++) {
        g_autofree char *deep = repeated(levels[i], MILLION);
        g_autofree char *json = g_strconcat("{\"a\":", deep, NULL);
        g_autofree char *packed = pf_pack_text(json);
        g_autofree char *portdata = g_strconcat("pf1.", packed, NULL);
        g_autofree char *state = g_strconcat("pfz1.", packed, NULL);
        g_autofree char *why = refused(portdata);
        g_autoptr(GError) error = NULL;

        g_assert_true(g_str_has_prefix(
                          why, "PortData: nested deeper than 16 levels"));
        g_assert_null(pf_unpack_state(state, &error));
        g_assert_true(g_str_has_prefix(error->message,
                                       "nested deeper than 16 levels"));
    }
}

static void
test_a_million_levels_of_xml_are_refused(void)
{
    g_autofree char *open = repeated("<a>", MILLION);
    g_autofree char *domain = g_strconcat("<domain>", open, NULL);
    g_autofree char *stamp = g_strconcat("<stamp>", open, NULL);
    g_autoptr(GError) error = NULL;

    g_assert_null(pf_domain_parse(domain, &error));
    g_assert_cmpstr(error->message, ==,
                    "line 1: elements are nested more than 64 deep");
    g_clear_error(&error);
    g_assert_null(pf_stamp_parse(stamp, &error));
    g_assert_cmpstr(error->message, ==,
                    "line 1: elements are nested more than 64 deep");
}

/* ---- Stamps ------------------------------------------------------------- */

/* A domain with a NIC, whose stamp has a port with these attributes. */
static char *
domain_with(const char *attributes)
{
    return g_strdup_printf(
        "<domain><name>vm</name><uuid>" UUID "</uuid><metadata>"
        "<p:stamp xmlns:p='" PF_DOMAIN_NS "' version='1' epoch='" EPOCH "'>"
        "<p:port %s><p:extension name='port' version='1'>{}</p:extension>"
        "</p:port></p:stamp></metadata><devices><interface type='network'>"
        "<mac address='" MAC "'/><source network='n'/></interface></devices>"
        "</domain>", attributes);
}

static void
test_names_that_are_paths_are_refused(void)
{
    static const char *const cases[] = {
        "mac='" MAC "' name='../../x' bridge='br0' network='n'",
        "mac='" MAC "' name='a/b' bridge='br0' network='n'",
        "mac='" MAC "' name='.x' bridge='br0' network='n'",
        "mac='" MAC "' name='web0' bridge='/dev/null' network='n'",
        "mac='" MAC "' name='web0' bridge='br0' network='../n'",
        "mac='" MAC "' name='a&#10;b' bridge='br0' network='n'",
        "mac='" MAC "' name='' bridge='br0' network='n'",
        "mac='" MAC "' name='sixteen_bytes_16' bridge='br0' network='n'",
        "mac='/etc/passwd' name='web0' bridge='br0' network='n'",
        "mac='" MAC "' name='web0' bridge='br0' network='n' iface-id='/x'",
        "mac='" MAC "' name='web0' bridge='br0' network='n' path='/x'",
    };
    g_autofree char *good = domain_with("mac='" MAC "' name='web0' "
                                        "bridge='br0' network='n'");
    g_autoptr(GError) error = NULL;
    g_autoptr(PfDomain) domain = pf_domain_parse(good, &error);

    g_assert_no_error(error);
    g_assert_nonnull(domain);
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *xml = domain_with(cases[i]);
        g_autoptr(PfDomain) bad = pf_domain_parse(xml, &error);

        if (bad) {
            g_test_message("taken: %s", cases[i]);
            g_test_fail();
        }
        g_clear_error(&error);
    }
}

/* libxml2 writes such a name as it is, which nobody can read again. */
static void
test_namespaces_that_cannot_be_written_are_refused(void)
{
    g_autoptr(GPtrArray) none = g_ptr_array_new();
    g_autoptr(GError) error = NULL;

    g_assert_null(pf_domain_filter(
        "<domain><metadata><a xmlns='urn:a&lt;b'/></metadata></domain>", none,
        &error));
    g_assert_cmpstr(error->message, ==, "line 1: <a>: the name of a namespace "
                    "has '<', '&' or a line break, which cannot be kept; "
                    "rename it");
    g_clear_error(&error);
    g_assert_null(pf_domain_filter(
        "<domain xmlns:x='a&amp;lt;'><name/></domain>", none, &error));
    g_clear_error(&error);
    g_assert_null(pf_domain_filter("<domain xmlns:x='a&#10;b'/>", none,
                                   &error));
}

/* What is said of 'domain' on a host with one managed network, "n"; NULL: it
 * may come, with a port for its NIC. */
static char *
said_of(const char *xml)
{
    PfAgentNetwork an = { .error = NULL };
    PfAgent agent = { .networks = g_hash_table_new(g_str_hash, g_str_equal) };
    g_autoptr(GError) error = NULL;
    g_autoptr(PfDomain) domain = pf_domain_parse(xml, &error);
    PfMigration *m;
    char *text;

    g_assert_no_error(error);
    an.network = pf_network_parse(
        "<network><name>n</name><metadata><p:migration xmlns:p='"
        PF_NETWORK_NS "'/></metadata><bridge name='br0'/><virtualport "
        "type='openvswitch'/></network>", &error);
    g_assert_no_error(error);
    g_hash_table_insert(agent.networks, (gpointer) "n", &an);
    m = pf_incoming_read(&agent, domain, NULL, NULL, &error);
    g_assert_true(m ? m->ports->len == 1 : error != NULL);
    text = error ? g_strdup(error->message) : NULL;
    pf_migration_unref(m);
    pf_network_unref(an.network);
    g_hash_table_unref(agent.networks);
    return text;
}

/* What it says goes to whoever typed `virsh migrate', and into the log. */
static void
test_messages_have_no_line_breaks(void)
{
    g_autofree char *good = domain_with("mac='" MAC "' name='web0' "
                                        "bridge='br0' network='n'");
    g_autofree char *bad = xml_check_replace(good, "<source network='n'/>",
                                             "<source network='a&#10;b'/>");
    g_autofree char *taken = said_of(good);
    g_autofree char *why = said_of(bad);

    g_assert_cmpstr(taken, ==, NULL);
    g_assert_cmpstr(why, ==, "NIC " MAC ": its port is managed on the source, "
                    "network 'a?b' on this host is not: add "
                    "<portferry:migration> to the network's <metadata> here");
}

static void
test_every_nic_that_is_refused_is_told(void)
{
#define MAC2 "52:54:00:aa:00:02"
    g_autofree char *good = domain_with("mac='" MAC "' name='web0' "
                                        "bridge='br0' network='n'");
    g_autofree char *one = xml_check_replace(good, "<source network='n'/>",
                                             "<source network='a'/>");
    g_autofree char *nics = xml_check_replace(
        one, "</devices>", "<interface type='network'><mac address='" MAC2
        "'/><source network='b'/></interface></devices>");
    g_autofree char *both = xml_check_replace(
        nics, "</p:stamp>", "<p:port mac='" MAC2 "' name='web1' bridge='br0' "
        "network='b'><p:extension name='port' version='1'>{}</p:extension>"
        "</p:port></p:stamp>");
    g_autofree char *why = said_of(both);

#define NOT_MANAGED(NET) "its port is managed on the source, network '" NET   \
    "' on this host is not: add <portferry:migration> to the network's "      \
    "<metadata> here"
    g_assert_cmpstr(why, ==, "NIC " MAC ": " NOT_MANAGED("a") "; NIC " MAC2
                    ": " NOT_MANAGED("b"));
}

/* A port without a tag would carry every VLAN. */
static void
test_stamps_without_vlans_are_refused(void)
{
    g_autofree char *good = domain_with("mac='" MAC "' name='web0' "
                                        "bridge='br0' network='n'");
    g_autofree char *bad = xml_check_replace(good, "extension name='port'",
                                             "extension name='qos'");
    g_autofree char *why = said_of(bad);

    g_assert_cmpstr(why, ==, "NIC " MAC ": its stamp says nothing of its "
                    "VLANs (extension 'port'): see why in portferryd's log on "
                    "the source, and migrate again");
}

/* Nothing of it is left in memory either: the part asan of tests/check. */
static void
test_guests_without_a_stamp_are_read(void)
{
    g_autofree char *taken = said_of(
        "<domain><name>vm</name><uuid>" UUID "</uuid><devices>"
        "<interface type='network'><mac address='" MAC "'/>"
        "<source network='n'/><vlan><tag id='42'/></vlan></interface>"
        "</devices></domain>");

    g_assert_cmpstr(taken, ==, NULL);
}

/* ---- Rules -------------------------------------------------------------- */

/* Allows VLAN 42, and frames without a tag. */
static gboolean
allows(gpointer user G_GNUC_UNUSED, guint vid)
{
    return vid == 0 || vid == 42;
}

static gboolean
allows_42(gpointer user G_GNUC_UNUSED, guint vid)
{
    return vid == 42;
}

/* What is said of 'text' where the network allows those VLANs; NULL:
 * nothing. */
static char *
verdict(const char *text, gboolean untagged)
{
    g_autoptr(PfFlowNames) names = pf_flow_names_new("web0", NULL, 5);
    g_autoptr(GHashTable) none = g_hash_table_new(NULL, NULL);
    g_autoptr(PfFlowRule) rule = NULL;
    char *why = NULL;
    PfFlowCheck check = {
        .names = names, .groups = none, .meters = none,
        .others_by_name = TRUE, .vlans = untagged ? "0,42" : "42",
        .allows_vlan = untagged ? allows : allows_42,
    };

    g_assert_true(eth_addr_from_string(MAC, &check.mac));
    g_assert_true(pf_flow_names_add(names, "up0"));
    rule = pf_flow_rule_parse(text, names, &why);
    g_assert_cmpstr(why, ==, NULL);
    return pf_flow_check_rule(&check, rule);
}

static void
test_tricks_lead_to_no_other_vlan(void)
{
    static const struct {
        gboolean untagged;      /* Allowed too. */
        const char *rule;
        const char *why;        /* NULL: taken. */
    } cases[] = {
        /* A number without a tag; the priority brings the tag. */
        { TRUE, "in_port=web0,vlan_tci=0 actions=set_field:99->vlan_tci,"
          "mod_vlan_pcp:3,output:up0", "it carries the guest into VLAN 99; "
          "the network allows VLANs 0,42" },
        { FALSE, "in_port=web0 actions=set_field:99->vlan_tci,resubmit(,10)",
          "it carries the guest into VLAN 99; the network allows VLANs 42" },
        { FALSE, "in_port=web0 actions=write_actions(set_field:99->vlan_tci),"
          "goto_table:20", "it carries the guest into VLAN 99; the network "
          "allows VLANs 42" },
        /* A tag goes and a bit of its number changes; the number comes
         * back. */
        { FALSE, "in_port=web0,dl_vlan=42 actions=set_field:0/0x1001->"
          "vlan_tci,mod_vlan_pcp:3,NORMAL", "it writes vlan_tci with what is "
          "not a constant; the network allows VLANs 42" },
        /* A number alone makes no tag. */
        { FALSE, "in_port=web0 actions=load:42->NXM_OF_VLAN_TCI[0..11],"
          "output:up0", "it outputs frames of any VLAN to up0; the network "
          "allows VLANs 42: match the VLAN" },
        { FALSE, "in_port=web0,dl_vlan=42 actions=load:42->NXM_OF_VLAN_TCI"
          "[0..11],output:up0", NULL },
        /* The tag was under the label all the time. */
        { TRUE, "in_port=web0,mpls,vlan_tci=0 actions=pop_mpls:0x8100,"
          "output:up0", "pop_mpls makes a VLAN tag of what the guest wrote; "
          "the network allows VLANs 0,42" },
        { TRUE, "in_port=web0,mpls,vlan_tci=0 actions=pop_mpls:0x0800,"
          "output:up0", NULL },
        /* A tag without a number comes at the end. */
        { FALSE, "in_port=web0 actions=write_actions(push_vlan:0x8100),"
          "goto_table:20", "push_vlan without a VLAN number; the network "
          "allows VLANs 42" },
        { FALSE, "in_port=web0 actions=write_actions(push_vlan:0x8100,"
          "set_field:4138->vlan_vid),goto_table:20", NULL },
        /* What is installed is what was read. */
        { FALSE, "in_port=web0 actions=set_field:*->vlan_tci,NORMAL",
          "it sets no bit of vlan_tci" },
        /* What is harmless is taken as before. */
        { FALSE, "in_port=web0 actions=set_field:0->vlan_tci,NORMAL", NULL },
        { FALSE, "in_port=web0 actions=mod_vlan_vid:42,output:up0", NULL },
        { FALSE, "in_port=web0 actions=set_field:0x6000/0xe000->vlan_tci,"
          "NORMAL", NULL },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *why = verdict(cases[i].rule, cases[i].untagged);

        if (g_strcmp0(why, cases[i].why)) {
            g_test_message("%s: \"%s\", not \"%s\"", cases[i].rule,
                           why ? why : "", cases[i].why ? cases[i].why : "");
            g_test_fail();
        }
    }
}

static void
take_set(gpointer user, PfFlowSet *set)
{
    *(PfFlowSet **) user = set;
}

/* What is said of 'policies' on a port with number 'ofport'; NULL:
 * nothing. */
static char *
problem_of(const char *policies, gint64 ofport)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) v = pf_unpack_state(policies, &error);
    g_autoptr(PfFlowSet) set = NULL;

    g_assert_no_error(error);
    pf_flow_set_read_own(v, "web0", ofport, take_set, &set);
    while (!set) {
        g_main_context_iteration(NULL, TRUE);
    }
    return set->problems->len ? g_strdup(set->problems->pdata[0]) : NULL;
}

/* A number that is the port's here, or stands for a name here, would be
 * another port's once the port has another number. */
static void
test_numbers_of_ports_are_refused(void)
{
    static const struct {
        const char *line;
        gint64 ofport;
    } cases[] = {
        { "in_port=7 actions=drop", 7 },
        { "in_port=007 actions=drop", 7 },
        { "in_port=web0 actions=output:7", 7 },
        { "in_port=web0 actions=resubmit(7,10)", 7 },
        { "in_port=web0 actions=enqueue:7:3", 7 },
        { "in_port=web0 actions=bundle(eth_src,0,hrw,ofport,members:7)", 7 },
        { "in_port=65024 actions=drop", 0 },        /* Not known yet. */
        { "in_port=web0 actions=output:61440", 7 }, /* Stands for "up0". */
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *json = g_strdup_printf(
            "{\"port\":\"web0\",\"others\":[\"up0\"],\"rules\":[\"%s\"]}",
            cases[i].line);
        g_autofree char *expected = g_strdup_printf(
            "rule \"%s\": it gives a port by a number, which means nothing on "
            "another host: give its name", cases[i].line);
        g_autofree char *why = problem_of(json, cases[i].ofport);

        g_assert_cmpstr(why, ==, expected);
    }
    g_autofree char *group = problem_of(
        "{\"port\":\"web0\",\"groups\":[\"group_id=1,type=ff,bucket="
        "watch_port:7,actions=output:web0\"]}", 7);
    g_assert_nonnull(strstr(group, "it gives a port by a number"));
}

static void
test_other_numbers_are_taken(void)
{
    g_autofree char *why = problem_of(
        "{\"port\":\"web0\",\"rules\":[\"table=7,priority=7,tcp,in_port=web0,"
        "tp_dst=7 actions=set_queue:7,NORMAL\"]}", 7);

    g_assert_cmpstr(why, ==, NULL);
}

/* Such a name cannot be read in a rule, but a number stands for it. */
static void
test_names_of_ports_can_be_read(void)
{
    static const char *const names[] = {
        "a b", "a,b", "a(b", "a)b", "a\\\"b", "a\\\\b", "a\\nb", ""
    };

    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *json = g_strdup_printf(
            "{\"port\":\"web0\",\"others\":[\"%s\"]}", names[i]);
        g_autofree char *why = problem_of(json, 7);

        g_assert_nonnull(why);
        g_assert_nonnull(strstr(why, "it cannot be another port's name"));
    }
}

static void
test_groups_have_a_method_that_can_be_written(void)
{
    g_autofree char *bad = problem_of(
        "{\"groups\":[\"group_id=1,type=select,selection_method=has(,bucket="
        "actions=output:web0\"]}", 5);
    g_autofree char *good = problem_of(
        "{\"groups\":[\"group_id=1,type=select,selection_method=dp_hash,"
        "bucket=actions=output:web0\"]}", 5);

    g_assert_cmpstr(good, ==, NULL);
    g_assert_nonnull(bad);
}

int
main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
#define ADD(NAME) g_test_add_func("/hostile/" #NAME, test_##NAME)
    ADD(portdata_of_every_length_is_refused);
    ADD(portdata_with_any_byte_changed_is_refused);
    ADD(portdata_longer_than_libvirt_carries_is_refused);
    ADD(what_unpacks_to_a_gigabyte_is_refused);
    ADD(what_unpacks_to_nothing_is_refused);
    ADD(a_million_levels_of_json_are_refused);
    ADD(a_million_levels_of_xml_are_refused);
    ADD(names_that_are_paths_are_refused);
    ADD(namespaces_that_cannot_be_written_are_refused);
    ADD(messages_have_no_line_breaks);
    ADD(every_nic_that_is_refused_is_told);
    ADD(stamps_without_vlans_are_refused);
    ADD(guests_without_a_stamp_are_read);
    ADD(tricks_lead_to_no_other_vlan);
    ADD(numbers_of_ports_are_refused);
    ADD(other_numbers_are_taken);
    ADD(names_of_ports_can_be_read);
    ADD(groups_have_a_method_that_can_be_written);
    return g_test_run();
}
