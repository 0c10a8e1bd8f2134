/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of what xml/netconf.h says of extensions: what people write about them
 * in a network's metadata is understood, or refused with line and element;
 * schema and parser agree.
 */
#include <config.h>
#include "netconf.h"

#include <string.h>

#include "xml-check.h"

#define OPEN "<portferry:migration xmlns:portferry=\"" PF_NETWORK_NS "\">"
#define CLOSE "</portferry:migration>"
#define IN_EXTENSION(CONTENT) "<portferry:extension name='flows'" \
    " required='no'>" CONTENT "</portferry:extension>"
#define OPTION(NAME, VALUE) \
    "<portferry:option name='" NAME "' value='" VALUE "'/>"
#define TEXT_16 "0123456789abcdef"
#define TEXT_256 TEXT_16 TEXT_16 TEXT_16 TEXT_16 TEXT_16 TEXT_16 TEXT_16 \
    TEXT_16 TEXT_16 TEXT_16 TEXT_16 TEXT_16 TEXT_16 TEXT_16 TEXT_16 TEXT_16
#define TEXT_1024 TEXT_256 TEXT_256 TEXT_256 TEXT_256

static PfNetwork *
parse_good(const char *xml)
{
    g_autoptr(GError) error = NULL;
    PfNetwork *network = pf_network_parse(xml, &error);

    g_assert_no_error(error);
    g_assert_nonnull(network);
    return network;
}

static gboolean
takes(const char *xml, GError **error)
{
    g_autoptr(PfNetwork) network = pf_network_parse(xml, error);

    return network != NULL;
}

/* Demands that 'extension' has the options 'expected', as GVariant prints
 * them. */
static void
check_options(const PfNetwork *network, const char *extension,
              const char *expected)
{
    g_autoptr(GVariant) options = pf_network_options(network, extension);
    g_autofree char *text = g_variant_print(options, TRUE);

    g_assert_false(g_variant_is_floating(options));
    g_assert_cmpstr(text, ==, expected);
}

static void
test_extensions_have_versions_and_options(void)
{
    g_autofree char *xml = xml_check_network(
        OPEN
        "<portferry:extension name='firewall' required='yes' version='7'>"
        "<portferry:option name='zone' value='a &lt; \"b\"'/>"
        "<portferry:option name='log' value=''/>"
        "</portferry:extension>"
        "<portferry:extension name='qos' required='no'>"
        "<portferry:option name='zone' value='c'/>"
        "</portferry:extension>"
        "<portferry:bandwidth capacity='10' unit='Gbit/s'/>"
        "<portferry:flows cookie='26' mask='0x00FF' carry='yes'"
        " other-ports='by-name'/>"
        CLOSE);
    g_autoptr(PfNetwork) network = parse_good(xml);
    const PfNetExtension *firewall = pf_network_extension(network,
                                                          "firewall");
    const PfNetExtension *qos = pf_network_extension(network, "qos");

    g_assert_true(firewall == g_ptr_array_index(network->extensions, 0));
    g_assert_true(firewall->required);
    g_assert_cmpuint(firewall->version, ==, 7);
    g_assert_false(qos->required);
    g_assert_cmpuint(qos->version, ==, 0);
    check_options(network, "firewall", "{'zone': 'a < \"b\"', 'log': ''}");
    check_options(network, "qos", "{'zone': 'c', 'capacity': '10000000000'}");

    /* Options do not name an extension. */
    check_options(network, "flows", "{'cookie': '0x1a', 'mask': '0xff', "
                  "'other-ports': 'by-name', 'carry': 'yes'}");
    g_assert_null(pf_network_extension(network, "flows"));
    check_options(network, "mirror", "@a{ss} {}");
    g_assert_null(pf_network_extension(network, "mirror"));
    g_assert_cmpuint(network->extensions->len, ==, 2);
}

/* 'content' of a network's <portferry:migration>, read. */
static PfNetwork *
network_of(const char *content)
{
    g_autofree char *element = g_strconcat(OPEN, content, CLOSE, NULL);
    g_autofree char *xml = xml_check_network(element);

    return parse_good(xml);
}

static void
test_capacities_are_in_bits_per_second(void)
{
    static const struct {
        const char *element;
        const char *options;
    } capacities[] = {
        { "<portferry:bandwidth capacity='7'/>", "{'capacity': '7'}" },
        { "<portferry:bandwidth capacity='7' unit='bit/s'/>",
          "{'capacity': '7'}" },
        { "<portferry:bandwidth capacity='7' unit='kbit/s'/>",
          "{'capacity': '7000'}" },
        { "<portferry:bandwidth capacity='7' unit='Mbit/s'/>",
          "{'capacity': '7000000'}" },
        { "<portferry:bandwidth capacity='7' unit='Gbit/s'/>",
          "{'capacity': '7000000000'}" },
        { "<portferry:bandwidth capacity='1000' unit='Tbit/s'/>",
          "{'capacity': '1000000000000000'}" },
    };

    for (int i = 0; i < G_N_ELEMENTS(capacities); i++) {
        g_autoptr(PfNetwork) network = network_of(capacities[i].element);

        check_options(network, "qos", capacities[i].options);
    }
}

static void
test_a_cookie_without_a_mask_is_meant_whole(void)
{
    g_autoptr(PfNetwork) some = network_of(
        "<portferry:flows cookie='0x00ABCDEF'/>");
    g_autoptr(PfNetwork) most = network_of(
        "<portferry:flows cookie='18446744073709551615'/>");
    g_autoptr(PfNetwork) any = network_of("<portferry:flows/>");

    check_options(some, "flows",
                  "{'cookie': '0xabcdef', 'mask': '0xffffffffffffffff'}");
    check_options(most, "flows", "{'cookie': '0xffffffffffffffff', "
                  "'mask': '0xffffffffffffffff'}");
    check_options(any, "flows", "@a{ss} {}");
}

/* ---- What is refused -------------------------------------------------- */

#define KNOWN "Portferry " PACKAGE_VERSION " knows "
#define NAME ": must be 1 to 32 of a-z, 0-9 and -"
#define UINT64 ": must be a number of at most 64 bits, decimal or like " \
               "\"0x1a\""
#define UNITS ": must be \"bit/s\", \"kbit/s\", \"Mbit/s\", \"Gbit/s\" or " \
              "\"Tbit/s\""
#define CAPACITY(MAX) ": must be a whole number from 1 to " MAX \
                      ", in digits only"
#define LEAST ": must be a version from 1 to 999999, in digits only"

/* What may stand in <portferry:migration>, which begins on line 4. */
static const struct {
    const char *content;
    const char *error;          /* NULL: it is accepted. */
    gboolean beyond_schema;     /* The schema cannot refuse it. */
} table[] = {
    /* Versions and options of extensions. */
    { "<portferry:extension name='a' required='yes' version='1'/>", NULL, 0 },
    { "<portferry:extension name='a' version='999999' required='yes'/>", NULL,
      0 },
    { IN_EXTENSION("<!-- x -->" OPTION("a", "") OPTION("b", TEXT_1024)
                   "<x:y xmlns:x='urn:x'>z</x:y>"), NULL, 0 },
    { IN_EXTENSION("<portferry:option name='a' value='&#10;' x:y='' xmlns:x="
                   "'urn:x'><x:z/></portferry:option>"), NULL, 0 },
    { IN_EXTENSION(OPTION("a", "1")) "<portferry:extension name='b'"
      " required='no'>" OPTION("a", "2") "</portferry:extension>", NULL, 0 },
    { "<portferry:extension name='a' required='no' version='0'/>",
      "line 4: <portferry:extension>: attribute 'version': \"0\"" LEAST,
      0 },
    { "<portferry:extension name='a' required='no' version='1000000'/>",
      "line 4: <portferry:extension>: attribute 'version': \"1000000\""
      LEAST, 0 },
    { "<portferry:extension name='a' required='no' version='01'/>",
      "line 4: <portferry:extension>: attribute 'version': \"01\"" LEAST,
      0 },
    { "<portferry:extension name='a' required='no' version=''/>",
      "line 4: <portferry:extension>: attribute 'version': \"\"" LEAST, 0 },
    { "<portferry:extension name='a' required='no' minimum='1'/>",
      "line 4: <portferry:extension>: unknown attribute \"minimum\"; " KNOWN
      "'name', 'required', 'version' here", 0 },
    { IN_EXTENSION("text"),
      "line 4: <portferry:extension>: text has no place here: remove "
      "\"text\"", 0 },
    { IN_EXTENSION("\n<portferry:vlan allowed='1'/>"),
      "line 5: <portferry:vlan>: unknown element: " KNOWN "option here; "
      "remove it, or use a version that knows it", 0 },
    { IN_EXTENSION("<option name='a' value='b'/>"),
      "line 4: <option>: the element is not in namespace " PF_NETWORK_NS
      "; write it with the prefix of the element around it", 0 },
    { OPTION("a", "b"),
      "line 4: <portferry:option>: unknown element: " KNOWN "vlan, extension, "
      "bandwidth, flows, timeout, on-restore-failure and unstamped here; "
      "remove it, or use a version that knows it", 0 },
    { IN_EXTENSION("<portferry:option name='a'/>"),
      "line 4: <portferry:option>: attribute 'value' is missing: must be the "
      "option's value", 0 },
    { IN_EXTENSION("<portferry:option value='a'/>"),
      "line 4: <portferry:option>: attribute 'name' is missing: must be an "
      "option's name", 0 },
    { IN_EXTENSION("<portferry:option name='a' value='' unit=''/>"),
      "line 4: <portferry:option>: unknown attribute \"unit\"; " KNOWN
      "'name', 'value' here", 0 },
    { IN_EXTENSION("<portferry:option name='a' value=''>b"
                   "</portferry:option>"),
      "line 4: <portferry:option>: text has no place here: remove \"b\"", 0 },
    { IN_EXTENSION("<portferry:option name='a' value=''>" OPTION("b", "")
                   "</portferry:option>"),
      "line 4: <portferry:option>: unknown element: " KNOWN "none here; "
      "remove it, or use a version that knows it", 0 },
    { IN_EXTENSION(OPTION("A", "")),
      "line 4: <portferry:option>: attribute 'name': \"A\"" NAME, 0 },
    { IN_EXTENSION(OPTION("a23456789012345678901234567890123", "")),
      "line 4: <portferry:option>: attribute 'name': "
      "\"a23456789012345678901234567890123\"" NAME, 0 },
    { IN_EXTENSION(OPTION("a", TEXT_1024 "x")),
      "line 4: <portferry:option>: attribute 'value' has 1025 bytes; the "
      "limit is 1024", 0 },
    { IN_EXTENSION(OPTION("a", TEXT_256 TEXT_256 TEXT_256
                          "\xc3\xa9")),
      NULL, 0 },
    { IN_EXTENSION(OPTION("a", "b") "\n" OPTION("a", "b")),
      "line 5: <portferry:option>: option 'a' of extension 'flows' is given "
      "by <portferry:option> on line 4 already; keep one of them", TRUE },

    /* <portferry:bandwidth>. */
    { "<portferry:bandwidth capacity='1'/>", NULL, 0 },
    { "<portferry:bandwidth capacity='1000000000000000' unit='bit/s'>"
      "<x:y xmlns:x='urn:x'/></portferry:bandwidth>", NULL, 0 },
    { "<portferry:bandwidth unit='kbit/s' capacity='1000000000000'/>", NULL,
      0 },
    { "<portferry:bandwidth capacity='1000000000' unit='Mbit/s'/>", NULL, 0 },
    { "<portferry:bandwidth capacity='1000000' unit='Gbit/s'/>", NULL, 0 },
    { "<portferry:bandwidth capacity='1000' unit='Tbit/s'/>", NULL, 0 },
    { "<portferry:bandwidth/>",
      "line 4: <portferry:bandwidth>: attribute 'capacity' is missing: must "
      "be a whole number, like \"10\" with unit=\"Gbit/s\"", 0 },
    { "<portferry:bandwidth unit='Gbit/s'/>",
      "line 4: <portferry:bandwidth>: attribute 'capacity' is missing: must "
      "be a whole number, like \"10\" with unit=\"Gbit/s\"", 0 },
    { "<portferry:bandwidth capacity='1' average='1'/>",
      "line 4: <portferry:bandwidth>: unknown attribute \"average\"; " KNOWN
      "'capacity', 'unit' here", 0 },
    { "<portferry:bandwidth capacity='1' unit='gbit/s'/>",
      "line 4: <portferry:bandwidth>: attribute 'unit': \"gbit/s\"" UNITS,
      0 },
    { "<portferry:bandwidth capacity='1' unit=''/>",
      "line 4: <portferry:bandwidth>: attribute 'unit': \"\"" UNITS, 0 },
    { "<portferry:bandwidth capacity='0'/>",
      "line 4: <portferry:bandwidth>: attribute 'capacity': \"0\""
      CAPACITY("1000000000000000 (bit/s)"), 0 },
    { "<portferry:bandwidth capacity='1000000000000001'/>",
      "line 4: <portferry:bandwidth>: attribute 'capacity': "
      "\"1000000000000001\"" CAPACITY("1000000000000000 (bit/s)"), 0 },
    { "<portferry:bandwidth capacity='1001' unit='Tbit/s'/>",
      "line 4: <portferry:bandwidth>: attribute 'capacity': \"1001\""
      CAPACITY("1000 (Tbit/s)"), 0 },
    { "<portferry:bandwidth capacity='18446744073709551617' unit='kbit/s'/>",
      "line 4: <portferry:bandwidth>: attribute 'capacity': "
      "\"18446744073709551617\"" CAPACITY("1000000000000 (kbit/s)"), 0 },
    { "<portferry:bandwidth capacity='010' unit='Mbit/s'/>",
      "line 4: <portferry:bandwidth>: attribute 'capacity': \"010\""
      CAPACITY("1000000000 (Mbit/s)"), 0 },
    { "<portferry:bandwidth capacity='2.5' unit='Gbit/s'/>",
      "line 4: <portferry:bandwidth>: attribute 'capacity': \"2.5\""
      CAPACITY("1000000 (Gbit/s)"), 0 },
    { "<portferry:bandwidth capacity='+1'/>",
      "line 4: <portferry:bandwidth>: attribute 'capacity': \"+1\""
      CAPACITY("1000000000000000 (bit/s)"), 0 },
    { "<portferry:bandwidth capacity=' 1'/>",
      "line 4: <portferry:bandwidth>: attribute 'capacity': \" 1\""
      CAPACITY("1000000000000000 (bit/s)"), 0 },
    { "<portferry:bandwidth capacity=''/>",
      "line 4: <portferry:bandwidth>: attribute 'capacity': \"\""
      CAPACITY("1000000000000000 (bit/s)"), 0 },
    { "<portferry:bandwidth capacity='1'>" OPTION("a", "")
      "</portferry:bandwidth>",
      "line 4: <portferry:option>: unknown element: " KNOWN "none here; "
      "remove it, or use a version that knows it", 0 },
    { "<portferry:bandwidth capacity='1'/>\n"
      "<portferry:bandwidth capacity='1'/>",
      "line 5: <portferry:bandwidth>: there is one on line 4 already; keep "
      "one of them", 0 },
    { "<portferry:extension name='qos' required='yes'>\n"
      OPTION("capacity", "5") "</portferry:extension>\n"
      "<portferry:bandwidth capacity='5'/>",
      "line 6: <portferry:bandwidth>: option 'capacity' of extension 'qos' is "
      "given by <portferry:option> on line 5 already; keep one of them",
      TRUE },
    { "<portferry:bandwidth capacity='5'/>"
      "<portferry:extension name='qos' required='yes'>\n"
      OPTION("capacity", "5") "</portferry:extension>",
      "line 5: <portferry:option>: option 'capacity' of extension 'qos' is "
      "given by <portferry:bandwidth> on line 4 already; keep one of them",
      TRUE },

    /* <portferry:flows>. */
    { "<portferry:flows/>", NULL, 0 },
    { "<portferry:flows cookie='0x1a' mask='0xffff' other-ports='by-name'"
      " carry='yes'><!-- x --></portferry:flows>", NULL, 0 },
    { "<portferry:flows cookie='18446744073709551615'/>", NULL, 0 },
    { "<portferry:flows mask='0xFFFFFFFFffffffff' cookie='0'/>", NULL, 0 },
    { "<portferry:flows other-ports='refuse'/>", NULL, 0 },
    { "<portferry:flows carry='no'/>", NULL, 0 },
    { "<portferry:flows cookies='1'/>",
      "line 4: <portferry:flows>: unknown attribute \"cookies\"; " KNOWN
      "'cookie', 'mask', 'other-ports', 'carry' here", 0 },
    { "<portferry:flows>x</portferry:flows>",
      "line 4: <portferry:flows>: text has no place here: remove \"x\"", 0 },
    { "<portferry:flows/>\n<portferry:flows carry='no'/>",
      "line 5: <portferry:flows>: there is one on line 4 already; keep one of "
      "them", 0 },
    { "<portferry:flows cookie=''/>",
      "line 4: <portferry:flows>: attribute 'cookie': \"\"" UINT64, 0 },
    { "<portferry:flows cookie='18446744073709551616'/>",
      "line 4: <portferry:flows>: attribute 'cookie': "
      "\"18446744073709551616\"" UINT64, 0 },
    { "<portferry:flows cookie='0x'/>",
      "line 4: <portferry:flows>: attribute 'cookie': \"0x\"" UINT64, 0 },
    { "<portferry:flows cookie='0x10000000000000000'/>",
      "line 4: <portferry:flows>: attribute 'cookie': "
      "\"0x10000000000000000\"" UINT64, 0 },
    { "<portferry:flows cookie='0X1'/>",
      "line 4: <portferry:flows>: attribute 'cookie': \"0X1\"" UINT64, 0 },
    { "<portferry:flows cookie='0x-1'/>",
      "line 4: <portferry:flows>: attribute 'cookie': \"0x-1\"" UINT64, 0 },
    { "<portferry:flows cookie='1a'/>",
      "line 4: <portferry:flows>: attribute 'cookie': \"1a\"" UINT64, 0 },
    { "<portferry:flows cookie='01'/>",
      "line 4: <portferry:flows>: attribute 'cookie': \"01\"" UINT64, 0 },
    { "<portferry:flows cookie='-1'/>",
      "line 4: <portferry:flows>: attribute 'cookie': \"-1\"" UINT64, 0 },
    { "<portferry:flows cookie=' 1'/>",
      "line 4: <portferry:flows>: attribute 'cookie': \" 1\"" UINT64, 0 },
    { "<portferry:flows cookie='0x1/0xf'/>",
      "line 4: <portferry:flows>: attribute 'cookie': \"0x1/0xf\"" UINT64,
      0 },
    { "<portferry:flows cookie='1' mask='f'/>",
      "line 4: <portferry:flows>: attribute 'mask': \"f\"" UINT64, 0 },
    { "<portferry:flows mask='0xf'/>",
      "line 4: <portferry:flows>: attribute 'mask' is there without 'cookie': "
      "write both, or remove it", 0 },
    { "<portferry:flows cookie='26' mask='0xf'/>",
      "line 4: <portferry:flows>: attribute 'cookie': 0x1a has bits that are "
      "not in 'mask', 0xf: no rule would be meant; add them there, or remove "
      "them here", TRUE },
    { "<portferry:flows other-ports='keep'/>",
      "line 4: <portferry:flows>: attribute 'other-ports': \"keep\": must be "
      "\"refuse\" or \"by-name\"", 0 },
    { "<portferry:flows carry=''/>",
      "line 4: <portferry:flows>: attribute 'carry': \"\": must be \"yes\" "
      "or \"no\"", 0 },
    { IN_EXTENSION(OPTION("carry", "no")) "\n<portferry:flows carry='no'/>",
      "line 5: <portferry:flows>: option 'carry' of extension 'flows' is "
      "given by <portferry:option> on line 4 already; keep one of them",
      TRUE },
    { "<portferry:flows cookie='1'/>\n" IN_EXTENSION(OPTION("mask", "1")),
      "line 5: <portferry:option>: option 'mask' of extension 'flows' is "
      "given by <portferry:flows> on line 4 already; keep one of them",
      TRUE },
};

static void
test_each_mistake_is_named_with_line_and_element(void)
{
    for (int i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autofree char *element = g_strconcat(OPEN, table[i].content, CLOSE,
                                               NULL);
        g_autofree char *xml = xml_check_network(element);
        g_autoptr(GError) error = NULL;
        g_autoptr(PfNetwork) network = pf_network_parse(xml, &error);

        g_test_message("%s", table[i].content);
        if (table[i].error) {
            g_assert_null(network);
            xml_check_error(&error, PF_XML_ERROR_CONTENT, table[i].error);
        } else {
            g_assert_no_error(error);
            g_assert_true(network->managed);
        }
    }
}

static void
test_the_schema_agrees_with_the_parser(void)
{
    for (int i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autofree char *xml = g_strconcat(OPEN, table[i].content, CLOSE,
                                           NULL);

        g_test_message("%s", table[i].content);
        g_assert_cmpint(xml_check_validates("network.rng", xml, PF_NETWORK_NS,
                                            "migration"), ==,
                        !table[i].error || table[i].beyond_schema);
    }
}

/* 'n' times 'before' and 'after', with a number between. */
static char *
numbered(const char *before, const char *after, int n)
{
    GString *s = g_string_new(NULL);

    for (int i = 0; i < n; i++) {
        g_string_append_printf(s, "%s%d%s", before, i, after);
    }
    return g_string_free(s, FALSE);
}

static void
test_extensions_and_options_are_limited(void)
{
    for (int excess = 0; excess <= 1; excess++) {
        g_autofree char *some = numbered("<portferry:option name='o",
                                         "' value='x'/>", 64 + excess);
        g_autofree char *options = g_strconcat(
            OPEN IN_EXTENSION("<!-- x -->"), "<portferry:extension name='a'"
            " required='no'>", some, "</portferry:extension>" CLOSE, NULL);
        g_autofree char *many = numbered("<portferry:extension name='e",
                                         "' required='no'/>", 64 + excess);
        g_autofree char *extensions = g_strconcat(OPEN, many, CLOSE, NULL);
        g_autofree char *options_xml = xml_check_network(options);
        g_autofree char *extensions_xml = xml_check_network(extensions);
        g_autoptr(GError) error = NULL;

        g_assert_cmpint(takes(options_xml, &error), ==, !excess);
        if (excess) {
            xml_check_error(&error, PF_XML_ERROR_CONTENT,
                            "line 4: <portferry:option>: the limit is 64 of "
                            "them");
        }
        g_assert_cmpint(takes(extensions_xml, &error), ==, !excess);
        if (excess) {
            xml_check_error(&error, PF_XML_ERROR_CONTENT,
                            "line 4: <portferry:extension>: the limit is 64 "
                            "of them");
        }
    }
}

/* Where the schema counts characters. */
static void
test_an_options_value_is_limited_in_bytes(void)
{
    g_autofree char *letters = g_strnfill(1023, 'x');
    g_autofree char *element = g_strdup_printf(
        OPEN IN_EXTENSION("<portferry:option name='a' value='\xc3\xa9%s'/>")
        CLOSE, letters);
    g_autofree char *xml = xml_check_network(element);
    g_autoptr(GError) error = NULL;

    g_assert_true(xml_check_validates("network.rng", xml, PF_NETWORK_NS,
                                      "migration"));
    g_assert_false(takes(xml, &error));
    xml_check_error(&error, PF_XML_ERROR_CONTENT,
                    "line 4: <portferry:option>: attribute 'value' has "
                    "1025 bytes; the limit is 1024");
}

static void
test_the_example_of_extensions_says_what_its_comments_do(void)
{
    g_autofree char *xml = xml_check_data("examples/extensions.xml");
    g_autoptr(PfNetwork) network = parse_good(xml);
    const PfNetExtension *flows = pf_network_extension(network, "flows");

    g_assert_true(flows->required);
    g_assert_cmpuint(flows->version, ==, 1);
    g_assert_false(pf_network_extension(network, "mirror")->required);
    check_options(network, "qos", "{'capacity': '10000000000'}");
    check_options(network, "flows", "{'cookie': '0x70660000', 'mask': "
                  "'0xffff0000', 'other-ports': 'by-name', 'carry': 'yes'}");
    check_options(network, "labels",
                  "{'max-length': '20', 'unique': 'yes'}");
}

int
main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
#define TEST(NAME) g_test_add_func("/netconf-extension/" #NAME, test_##NAME)
    TEST(extensions_have_versions_and_options);
    TEST(capacities_are_in_bits_per_second);
    TEST(a_cookie_without_a_mask_is_meant_whole);
    TEST(each_mistake_is_named_with_line_and_element);
    TEST(the_schema_agrees_with_the_parser);
    TEST(extensions_and_options_are_limited);
    TEST(an_options_value_is_limited_in_bytes);
    TEST(the_example_of_extensions_says_what_its_comments_do);
#undef TEST
    return g_test_run();
}
