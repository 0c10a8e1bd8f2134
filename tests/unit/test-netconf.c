/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of xml/netconf.h: what people write in a network's metadata is
 * understood, or refused with line and element; schema and parser agree.
 */
#include <config.h>
#include "netconf.h"

#include <string.h>

#include "xml-check.h"

#define OPEN "<portferry:migration xmlns:portferry=\"" PF_NETWORK_NS "\">"
#define CLOSE "</portferry:migration>"

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

/* The network of the issue, as libvirt prints it. */
static const char ovsnet[] =
    "<network connections='1'>\n"
    "  <name>ovsnet</name>\n"
    "  <uuid>0B7A4A70-5A0C-4B6E-9D5F-0123456789ab</uuid>\n"
    "  <metadata>\n"
    "    <app:note xmlns:app='http://example.org/'><portferry/></app:note>\n"
    "    <portferry:migration"
    " xmlns:portferry=\"urn:portferry:network:1.0\"/>\n"
    "  </metadata>\n"
    "  <forward mode='bridge'/>\n"
    "  <bridge name='br0'/>\n"
    "  <virtualport type='openvswitch'/>\n"
    "  <portgroup name='web'>\n"
    "    <vlan>\n"
    "      <tag id='42'/>\n"
    "    </vlan>\n"
    "  </portgroup>\n"
    "</network>\n";

static void
test_an_empty_element_means_the_defaults(void)
{
    g_autoptr(PfNetwork) network = parse_good(ovsnet);

    g_assert_cmpstr(network->name, ==, "ovsnet");
    g_assert_cmpstr(network->uuid, ==, "0b7a4a70-5a0c-4b6e-9d5f-0123456789ab");
    g_assert_cmpstr(network->bridge, ==, "br0");
    g_assert_true(network->openvswitch);
    g_assert_true(network->managed);
    g_assert_null(network->allowed_vlans);
    g_assert_null(network->allowed_vlans_text);
    g_assert_cmpuint(network->extensions->len, ==, 0);
    g_assert_cmpuint(network->hook_timeout_ms, ==, 5000);
    g_assert_cmpuint(network->validation_timeout_ms, ==, 3000);
    g_assert_cmpint(network->on_restore_failure, ==, PF_RESTORE_CONTINUE);
    g_assert_false(network->on_restore_failure_set);
    g_assert_true(network->unstamped_allowed);
}

static void
test_every_setting_is_read(void)
{
    g_autofree char *xml = xml_check_network(
        OPEN
        "<portferry:unstamped action='refuse'/>"
        "<portferry:extension name='qos' required='no'/>"
        "<!-- a comment --><?pi too?>"
        "<portferry:vlan allowed='42,100-199,4095,0'> </portferry:vlan>"
        "<portferry:extension name='port' required='yes'/>"
        "<portferry:timeout hook='9000' validation='100'/>"
        "<portferry:on-restore-failure action='quarantine'/>"
        CLOSE);
    g_autoptr(PfNetwork) network = parse_good(xml);
    const PfNetExtension *qos, *port;
    const PfVlanRange *range;

    g_assert_cmpstr(network->allowed_vlans_text, ==, "42,100-199,4095,0");
    g_assert_cmpuint(network->allowed_vlans->len, ==, 4);
    range = &g_array_index(network->allowed_vlans, PfVlanRange, 1);
    g_assert_cmpuint(range->first, ==, 100);
    g_assert_cmpuint(range->last, ==, 199);
    g_assert_cmpuint(network->extensions->len, ==, 2);
    qos = g_ptr_array_index(network->extensions, 0);
    g_assert_cmpstr(qos->name, ==, "qos");
    g_assert_false(qos->required);
    port = g_ptr_array_index(network->extensions, 1);
    g_assert_cmpstr(port->name, ==, "port");
    g_assert_true(port->required);
    g_assert_cmpuint(network->hook_timeout_ms, ==, 9000);
    g_assert_cmpuint(network->validation_timeout_ms, ==, 100);
    g_assert_cmpint(network->on_restore_failure, ==, PF_RESTORE_QUARANTINE);
    g_assert_true(network->on_restore_failure_set);
    g_assert_false(network->unstamped_allowed);
}

static void
test_continue_that_was_said_is_told_from_the_default(void)
{
    g_autofree char *xml = xml_check_network(
        OPEN "<portferry:on-restore-failure action='continue'/>"
        "<portferry:unstamped action='allow'/>" CLOSE);
    g_autoptr(PfNetwork) network = parse_good(xml);

    g_assert_cmpint(network->on_restore_failure, ==, PF_RESTORE_CONTINUE);
    g_assert_true(network->on_restore_failure_set);
    g_assert_true(network->unstamped_allowed);
}

static void
test_who_requires_an_extension_means_quarantine(void)
{
    static const struct {
        const char *content;
        gboolean required, other;   /* For one that is required; another. */
    } cases[] = {
        { "", TRUE, FALSE },
        { "<portferry:on-restore-failure action='continue'/>", FALSE, FALSE },
        { "<portferry:on-restore-failure action='quarantine'/>", TRUE, TRUE },
    };

    for (int i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *element = g_strconcat(OPEN, cases[i].content, CLOSE,
                                               NULL);
        g_autofree char *xml = xml_check_network(element);
        g_autoptr(PfNetwork) network = parse_good(xml);

        g_test_message("%s", cases[i].content);
        g_assert_cmpint(pf_network_wants_quarantine(network, TRUE), ==,
                        cases[i].required);
        g_assert_cmpint(pf_network_wants_quarantine(network, FALSE), ==,
                        cases[i].other);
    }
    g_assert_false(pf_network_wants_quarantine(NULL, TRUE));
}

static void
test_a_network_lives_as_long_as_its_last_reference(void)
{
    g_autoptr(PfNetwork) network = parse_good(ovsnet);

    pf_network_unref(pf_network_ref(network));
    pf_network_ref(network);
    pf_network_free(network);
    g_assert_cmpstr(network->name, ==, "ovsnet");
}

static void
test_a_network_without_the_element_is_not_managed(void)
{
    static const char *const metadata[] = {
        "",
        "<!-- <portferry:migration/> -->",
        "<app:migration xmlns:app='http://example.org/' x='1'/>",
        "<app:x xmlns:app='http://example.org/'><m:migration"
        " xmlns:m='" PF_NETWORK_NS "'/></app:x>",
        "<migration/>",
    };

    for (int i = 0; i < G_N_ELEMENTS(metadata); i++) {
        g_autofree char *xml = xml_check_network(metadata[i]);
        g_autoptr(PfNetwork) network = parse_good(xml);

        g_assert_false(network->managed);
        g_assert_cmpstr(network->name, ==, "ovsnet");
    }
}

static void
test_allowed_vlans_are_a_closed_list(void)
{
    g_autofree char *xml = xml_check_network(
        OPEN "<portferry:vlan allowed='0,42,100-199,150-300,4095'/>" CLOSE);
    g_autoptr(PfNetwork) some = parse_good(xml);
    g_autoptr(PfNetwork) all = parse_good(ovsnet);
    guint n = 0;

    for (guint vid = 0; vid <= G_MAXUINT16; vid++) {
        gboolean allowed = (vid == 0 || vid == 42 || vid == 4095
                            || (vid >= 100 && vid <= 300));

        g_assert_cmpint(pf_network_allows_vlan(some, vid), ==, allowed);
        n += pf_network_allows_vlan(all, vid);
    }
    g_assert_cmpuint(n, ==, 4096);
}

/* Fails unless 'network' gives a NIC of 'portgroup' a VLAN with 'tag' as its
 * first. */
static void
check_first_tag(const PfNetwork *network, const char *portgroup, int tag)
{
    const PfNetVlan *vlan = pf_network_vlan(network, portgroup);

    g_assert_cmpint(vlan ? g_array_index(vlan->tags, guint16, 0) : -1, ==,
                    tag);
}

static void
test_vlans_of_port_groups_are_found_as_libvirt_does(void)
{
    g_autoptr(PfNetwork) network = parse_good(
        "<network><name>n</name>"
        "<portgroup name='trunk'><vlan trunk='yes'>"
        "<tag id='7' nativeMode='untagged'/><tag id='8'/></vlan></portgroup>"
        "<portgroup name='none'/>"
        "<portgroup name='dflt' default='yes'><vlan><tag id='5'/></vlan>"
        "</portgroup>"
        "<vlan trunk='yes'><tag id='9' nativeMode='tagged'/></vlan>"
        "</network>");
    g_autoptr(PfNetwork) plain = parse_good(ovsnet);
    const PfNetVlan *trunk = pf_network_vlan(network, "trunk");
    const PfNetVlan *own = pf_network_vlan(network, "none");

    check_first_tag(network, NULL, 5);
    check_first_tag(network, "dflt", 5);
    check_first_tag(network, "trunk", 7);
    check_first_tag(network, "none", 9);
    check_first_tag(network, "no-such-group", 9);
    check_first_tag(plain, NULL, -1);
    check_first_tag(plain, "web", 42);
    check_first_tag(plain, "no-such-group", -1);

    g_assert_true(trunk->trunk);
    g_assert_cmpint(trunk->native_tag, ==, 7);
    g_assert_true(trunk->native_untagged);
    g_assert_cmpuint(trunk->tags->len, ==, 2);
    g_assert_true(own->trunk);
    g_assert_cmpint(own->native_tag, ==, 9);
    g_assert_false(own->native_untagged);
}

/* ---- What is refused -------------------------------------------------- */

#define KNOWN "Portferry " PACKAGE_VERSION " knows "
#define VLAN_HINT ": write ids and ranges between commas, without spaces, " \
                  "like \"42,100-199\""
#define VLAN_ID " is no VLAN id, 0 to 4095, and no range of them" VLAN_HINT
#define MS ": must be a number of milliseconds from 100 to 9000, in digits " \
           "only"
#define NAME ": must be 1 to 32 of a-z, 0-9 and -"

/* What may stand in <portferry:migration>, which begins on line 4. */
static const struct {
    const char *content;
    const char *error;          /* NULL: it is accepted. */
    gboolean beyond_schema;     /* The schema cannot refuse it. */
} table[] = {
    { "", NULL, 0 },
    { "<portferry:vlan allowed='0-4095'/>", NULL, 0 },
    { "<portferry:vlan allowed='1,1,1-1'/>", NULL, 0 },
    { "<portferry:timeout/>", NULL, 0 },
    { "<portferry:timeout hook='100'/>", NULL, 0 },
    { "<portferry:extension name='a-1' required='no'/>"
      "<portferry:timeout validation='8999'/>"
      "<portferry:extension name='b' required='yes'/>", NULL, 0 },
    { "<x:vlan xmlns:x='urn:x' allowed='x'>x<vlan/></x:vlan>", NULL, 0 },
    { "<portferry:vlan allowed='1' xml:lang='en'><x:y xmlns:x='urn:x'/>"
      "</portferry:vlan>", NULL, 0 },
    { "<vlan xmlns='" PF_NETWORK_NS "' allowed='1'/>", NULL, 0 },
    { "<portferry:unstamped action='allow'><!-- x --></portferry:unstamped>",
      NULL, 0 },

    /* Elements. */
    { "\n<portferry:mirror/>",
      "line 5: <portferry:mirror>: unknown element: " KNOWN "vlan, extension, "
      "bandwidth, flows, timeout, on-restore-failure and unstamped here; "
      "remove it, or use a version that knows it", 0 },
    { "\n<vlan allowed='42'/>",
      "line 5: <vlan>: the element is not in namespace " PF_NETWORK_NS
      "; write it with the prefix of the element around it", 0 },
    { "<portferry:vlan allowed='1'/>\n<portferry:vlan allowed='2'/>",
      "line 5: <portferry:vlan>: there is one on line 4 already; keep one of "
      "them", 0 },
    { "<portferry:timeout/>\n\n<portferry:timeout/>",
      "line 6: <portferry:timeout>: there is one on line 4 already; keep one "
      "of them", 0 },
    { "<portferry:vlan allowed='1'><portferry:vlan allowed='1'/>"
      "</portferry:vlan>",
      "line 4: <portferry:vlan>: unknown element: " KNOWN "none here; remove "
      "it, or use a version that knows it", 0 },
    { "<portferry:extension name='a' required='no'/>\n"
      "<portferry:extension name='a' required='yes'/>",
      "line 5: <portferry:extension>: attribute 'name': \"a\" has an element "
      "before this one; keep one of them", TRUE },

    /* Text. */
    { "allow", "line 4: <portferry:migration>: text has no place here: remove "
      "\"allow\"", 0 },
    { "<portferry:timeout>x\ty</portferry:timeout>",
      "line 4: <portferry:timeout>: text has no place here: remove "
      "\"x\\x09y\"", 0 },
    { "<portferry:timeout><![CDATA[5]]></portferry:timeout>",
      "line 4: <portferry:timeout>: text has no place here: remove \"5\"", 0 },

    /* Attributes. */
    { "\n<portferry:vlan allow='1'/>",
      "line 5: <portferry:vlan>: unknown attribute \"allow\"; " KNOWN
      "'allowed' here", 0 },
    { "<portferry:timeout hook='500' save='1'/>",
      "line 4: <portferry:timeout>: unknown attribute \"save\"; " KNOWN
      "'hook', 'validation' here", 0 },
    { "<portferry:vlan portferry:allowed='1'/>",
      "line 4: <portferry:vlan>: unknown attribute \"allowed\"; " KNOWN
      "'allowed' here", 0 },
    { "<portferry:vlan/>",
      "line 4: <portferry:vlan>: attribute 'allowed' is missing: must be VLAN "
      "ids and ranges, like \"42,100-199\"", 0 },
    { "<portferry:extension name='port'/>",
      "line 4: <portferry:extension>: attribute 'required' is missing: must "
      "be \"yes\" or \"no\"", 0 },
    { "<portferry:extension required='yes'/>",
      "line 4: <portferry:extension>: attribute 'name' is missing: must be an "
      "extension's name", 0 },
    { "<portferry:unstamped/>",
      "line 4: <portferry:unstamped>: attribute 'action' is missing: must be "
      "\"allow\" or \"refuse\"", 0 },

    /* Values. */
    { "<portferry:vlan allowed=''/>",
      "line 4: <portferry:vlan>: attribute 'allowed' is empty: write VLAN ids "
      "and ranges, like \"42,100-199\", or leave the element out to allow "
      "every VLAN", 0 },
    { "<portferry:vlan allowed='4096'/>",
      "line 4: <portferry:vlan>: attribute 'allowed': \"4096\"" VLAN_ID, 0 },
    { "<portferry:vlan allowed='1,4294967338'/>",
      "line 4: <portferry:vlan>: attribute 'allowed': \"4294967338\"" VLAN_ID,
      0 },
    { "<portferry:vlan allowed='18446744073709551658'/>",
      "line 4: <portferry:vlan>: attribute 'allowed': "
      "\"18446744073709551658\"" VLAN_ID, 0 },
    { "<portferry:vlan allowed='1, 2'/>",
      "line 4: <portferry:vlan>: attribute 'allowed': \" 2\"" VLAN_ID, 0 },
    { "<portferry:vlan allowed='1,'/>",
      "line 4: <portferry:vlan>: attribute 'allowed': \"\"" VLAN_ID, 0 },
    { "<portferry:vlan allowed='-1'/>",
      "line 4: <portferry:vlan>: attribute 'allowed': \"-1\"" VLAN_ID, 0 },
    { "<portferry:vlan allowed='+1'/>",
      "line 4: <portferry:vlan>: attribute 'allowed': \"+1\"" VLAN_ID, 0 },
    { "<portferry:vlan allowed='042'/>",
      "line 4: <portferry:vlan>: attribute 'allowed': \"042\"" VLAN_ID, 0 },
    { "<portferry:vlan allowed='0x2a'/>",
      "line 4: <portferry:vlan>: attribute 'allowed': \"0x2a\"" VLAN_ID, 0 },
    { "<portferry:vlan allowed='1-'/>",
      "line 4: <portferry:vlan>: attribute 'allowed': \"1-\"" VLAN_ID, 0 },
    { "<portferry:vlan allowed='1-2-3'/>",
      "line 4: <portferry:vlan>: attribute 'allowed': \"1-2-3\"" VLAN_ID, 0 },
    { "<portferry:vlan allowed='1&#10;'/>",
      "line 4: <portferry:vlan>: attribute 'allowed': \"1\\x0a\"" VLAN_ID, 0 },
    { "<portferry:vlan allowed='\xd9\xa4'/>",
      "line 4: <portferry:vlan>: attribute 'allowed': \"\xd9\xa4\"" VLAN_ID,
      0 },
    { "<portferry:vlan allowed='42,200-100'/>",
      "line 4: <portferry:vlan>: attribute 'allowed': \"200-100\" ends below "
      "its beginning" VLAN_HINT, TRUE },
    { "<portferry:extension name='Port' required='yes'/>",
      "line 4: <portferry:extension>: attribute 'name': \"Port\"" NAME, 0 },
    { "<portferry:extension name='' required='yes'/>",
      "line 4: <portferry:extension>: attribute 'name': \"\"" NAME, 0 },
    { "<portferry:extension name='a23456789012345678901234567890123'"
      " required='yes'/>",
      "line 4: <portferry:extension>: attribute 'name': "
      "\"a23456789012345678901234567890123\"" NAME, 0 },
    { "<portferry:extension name='port' required='YES'/>",
      "line 4: <portferry:extension>: attribute 'required': \"YES\": must be "
      "\"yes\" or \"no\"", 0 },
    { "<portferry:timeout hook='99'/>",
      "line 4: <portferry:timeout>: attribute 'hook': \"99\"" MS, 0 },
    { "<portferry:timeout hook='9001'/>",
      "line 4: <portferry:timeout>: attribute 'hook': \"9001\"" MS, 0 },
    { "<portferry:timeout validation=' 500'/>",
      "line 4: <portferry:timeout>: attribute 'validation': \" 500\"" MS, 0 },
    { "<portferry:timeout validation='5s'/>",
      "line 4: <portferry:timeout>: attribute 'validation': \"5s\"" MS, 0 },
    { "<portferry:timeout validation=''/>",
      "line 4: <portferry:timeout>: attribute 'validation': \"\"" MS, 0 },
    { "<portferry:timeout validation='99999999999999999999999'/>",
      "line 4: <portferry:timeout>: attribute 'validation': "
      "\"99999999999999999999999\"" MS, 0 },
    { "<portferry:on-restore-failure action='stop'/>",
      "line 4: <portferry:on-restore-failure>: attribute 'action': \"stop\": "
      "must be \"continue\" or \"quarantine\"", 0 },
    { "<portferry:unstamped action=' allow'/>",
      "line 4: <portferry:unstamped>: attribute 'action': \" allow\": must be "
      "\"allow\" or \"refuse\"", 0 },
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

static void
test_mistakes_around_the_element_are_named(void)
{
    static const struct {
        const char *metadata;
        const char *error;
    } cases[] = {
        { OPEN CLOSE "\n" OPEN CLOSE,
          "line 5: <portferry:migration>: the network has one already; keep "
          "one of them" },
        { OPEN CLOSE "</metadata><metadata>\n" OPEN CLOSE,
          "line 5: <portferry:migration>: the network has one already; keep "
          "one of them" },
        { "<p:migrate xmlns:p='" PF_NETWORK_NS "'/>",
          "line 4: <p:migrate>: unknown element: " KNOWN "migration here; "
          "remove it, or use a version that knows it" },
        { "<p:migration xmlns:p='urn:portferry:network:2.0'/>",
          "line 4: <p:migration>: namespace \"urn:portferry:network:2.0\": "
          KNOWN PF_NETWORK_NS "; use that, or a version that knows the "
          "other" },
        { "<portferry:migration/>",
          "line 4: <portferry:migration>: the prefix is not declared; add "
          "xmlns:portferry=\"" PF_NETWORK_NS "\"" },
        { "<p:migration xmlns:p='" PF_NETWORK_NS "' version='2'/>",
          "line 4: <p:migration>: unknown attribute \"version\"; " KNOWN
          "none here" },
    };

    for (int i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *xml = xml_check_network(cases[i].metadata);
        g_autoptr(GError) error = NULL;

        g_assert_null(pf_network_parse(xml, &error));
        xml_check_error(&error, PF_XML_ERROR_CONTENT, cases[i].error);
    }
}

static void
test_mistakes_in_libvirts_part_are_named(void)
{
    static const struct {
        const char *xml;
        const char *error;
    } cases[] = {
        { "<domain/>",
          "line 1: <domain>: the document's element should be <network>" },
        { "<network/>", "line 1: <network>: there is no <name>" },
        { "<network><name>n</name>\n<uuid>1</uuid></network>",
          "line 2: <uuid>: the text: \"1\": must be a UUID, "
          "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx" },
        { "<network><name><x/></name></network>",
          "line 1: <x>: an element has no place here, only text" },
        { "<network><name>n</name>\n<portgroup/></network>",
          "line 2: <portgroup>: attribute 'name' is missing: must be the port "
          "group's name" },
        { "<network><name>n</name><vlan>\n<tag/></vlan></network>",
          "line 2: <tag>: attribute 'id' is missing: must be a VLAN id" },
        { "<network><name>n</name><vlan>\n<tag id='4096'/></vlan></network>",
          "line 2: <tag>: attribute 'id': \"4096\": must be a VLAN id from 0 "
          "to 4095, in digits only" },
        { "<network><name>n</name><vlan>\n<tag id='1' nativeMode='x'/></vlan>"
          "</network>",
          "line 2: <tag>: attribute 'nativeMode': \"x\": must be \"tagged\" "
          "or \"untagged\"" },
        { "<network><name>n</name><vlan><tag id='1' nativeMode='tagged'/>\n"
          "<tag id='2' nativeMode='tagged'/></vlan></network>",
          "line 2: <tag>: a second tag with 'nativeMode'; a VLAN has one "
          "native tag" },
    };

    for (int i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;

        g_assert_null(pf_network_parse(cases[i].xml, &error));
        xml_check_error(&error, PF_XML_ERROR_CONTENT, cases[i].error);
    }
}

static void
test_syntax_errors_have_their_line(void)
{
    g_autoptr(GError) error = NULL;

    g_assert_null(pf_network_parse("<network>\n<name>n</nam>\n</network>",
                                   &error));
    xml_check_error(&error, PF_XML_ERROR_SYNTAX, "line 2: not well-formed: "
                    "Opening and ending tag mismatch: name line 2 and nam");
}

static void
test_errors_stay_short_whatever_is_in_the_document(void)
{
    g_autofree char *text = g_strnfill(100000, 'x');
    g_autofree char *element = g_strdup_printf(
        OPEN "<portferry:vlan allowed='%s'/>" CLOSE, text);
    g_autofree char *xml = xml_check_network(element);
    g_autoptr(GError) error = NULL;

    g_assert_null(pf_network_parse(xml, &error));
    g_assert_cmpuint(strlen(error->message), <, 300);
    g_assert_null(strchr(error->message, '\n'));
}

static void
test_hostile_documents_are_refused(void)
{
    g_autofree char *rich = xml_check_data("examples/extensions.xml");

    xml_check_hostile(takes, ovsnet, "network");
    xml_check_hostile(takes, rich, "network");
}

static void
test_the_examples_are_valid(void)
{
    static const char *const names[] = { "small-host", "large-host",
                                         "extensions" };

    for (int i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *file = g_strdup_printf("examples/%s.xml", names[i]);
        g_autofree char *xml = xml_check_data(file);
        g_autoptr(PfNetwork) network = parse_good(xml);

        g_assert_true(xml_check_validates("network.rng", xml, PF_NETWORK_NS,
                                          "migration"));
        g_assert_true(network->managed);
        g_assert_true(network->openvswitch);
        g_assert_nonnull(network->bridge);
    }
}

static void
test_the_large_example_says_what_its_comments_do(void)
{
    g_autofree char *xml = xml_check_data("examples/large-host.xml");
    g_autoptr(PfNetwork) network = parse_good(xml);
    const PfNetExtension *port = g_ptr_array_index(network->extensions, 0);
    const PfNetVlan *router = pf_network_vlan(network, "router");

    g_assert_true(pf_network_allows_vlan(network, 2999));
    g_assert_false(pf_network_allows_vlan(network, 43));
    g_assert_cmpstr(port->name, ==, "port");
    g_assert_true(port->required);
    g_assert_cmpuint(network->hook_timeout_ms, ==, 8000);
    g_assert_cmpuint(network->validation_timeout_ms, ==, 6000);
    g_assert_cmpint(network->on_restore_failure, ==, PF_RESTORE_QUARANTINE);
    g_assert_false(network->unstamped_allowed);
    check_first_tag(network, NULL, 42);
    g_assert_true(router->trunk);
    g_assert_cmpint(router->native_tag, ==, 100);
    g_assert_true(router->native_untagged);
}

int
main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
#define TEST(NAME) g_test_add_func("/netconf/" #NAME, test_##NAME)
    TEST(an_empty_element_means_the_defaults);
    TEST(every_setting_is_read);
    TEST(continue_that_was_said_is_told_from_the_default);
    TEST(who_requires_an_extension_means_quarantine);
    TEST(a_network_lives_as_long_as_its_last_reference);
    TEST(a_network_without_the_element_is_not_managed);
    TEST(allowed_vlans_are_a_closed_list);
    TEST(vlans_of_port_groups_are_found_as_libvirt_does);
    TEST(each_mistake_is_named_with_line_and_element);
    TEST(the_schema_agrees_with_the_parser);
    TEST(mistakes_around_the_element_are_named);
    TEST(mistakes_in_libvirts_part_are_named);
    TEST(syntax_errors_have_their_line);
    TEST(errors_stay_short_whatever_is_in_the_document);
    TEST(hostile_documents_are_refused);
    TEST(the_examples_are_valid);
    TEST(the_large_example_says_what_its_comments_do);
    return g_test_run();
}
