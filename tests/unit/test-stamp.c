/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of xml/stamp.h: a stamp comes out of a domain as it went in, and
 * nothing that somebody else made up is taken for one.
 */
#include <config.h>
#include "stamp.h"

#include <libxml/parser.h>
#include <string.h>

#include "domain.h"
#include "netconf.h"
#include "xml-check.h"

#define EPOCH "00112233445566778899aabbccddeeff"
#define IFACE_ID "5d744f21-ba4a-4d6e-bdb2-30a35ff3207d"
#define NS "xmlns:portferry='" PF_DOMAIN_NS "'"
#define OPEN "<portferry:stamp " NS " version='1' epoch='" EPOCH "'>"
#define CLOSE "</portferry:stamp>"
#define PORT_ATTRIBUTES "mac='52:54:00:aa:00:01' name='web0' bridge='br0' " \
                        "network='ovsnet'"
#define PORT "<portferry:port " PORT_ATTRIBUTES "/>"
#define PORT_OF(MAC, NAME, BRIDGE, NETWORK) \
    "<portferry:port mac='" MAC "' name='" NAME "' bridge='" BRIDGE \
    "' network='" NETWORK "'/>"
#define IN_PORT(CONTENT) \
    "<portferry:port " PORT_ATTRIBUTES ">" CONTENT "</portferry:port>"

static gboolean
takes(const char *xml, GError **error)
{
    g_autoptr(PfStamp) stamp = pf_stamp_parse(xml, error);

    return stamp != NULL;
}

/* Fails unless 'a' and 'b' are equal. */
static void
assert_equal(const PfStamp *a, const PfStamp *b)
{
    g_assert_cmpstr(a->epoch, ==, b->epoch);
    g_assert_cmpuint(a->ports->len, ==, b->ports->len);
    for (guint i = 0; i < a->ports->len; i++) {
        const PfStampPort *pa = g_ptr_array_index(a->ports, i);
        const PfStampPort *pb = g_ptr_array_index(b->ports, i);

        g_assert_cmpstr(pa->mac, ==, pb->mac);
        g_assert_cmpstr(pa->name, ==, pb->name);
        g_assert_cmpstr(pa->bridge, ==, pb->bridge);
        g_assert_cmpstr(pa->network, ==, pb->network);
        g_assert_cmpstr(pa->iface_id, ==, pb->iface_id);
        g_assert_cmpuint(pa->extensions->len, ==, pb->extensions->len);
        for (guint j = 0; j < pa->extensions->len; j++) {
            const PfStampExtension *ea = g_ptr_array_index(pa->extensions, j);
            const PfStampExtension *eb = g_ptr_array_index(pb->extensions, j);

            g_assert_cmpstr(ea->name, ==, eb->name);
            g_assert_cmpuint(ea->version, ==, eb->version);
            g_assert_cmpstr(ea->text, ==, eb->text);
        }
    }
}

/* A stamp with everything that a stamp can have. */
static PfStamp *
rich_stamp(void)
{
    PfStamp *stamp = pf_stamp_new(EPOCH);
    PfStampPort *port;

    port = pf_stamp_add_port(stamp, "52:54:00:aa:00:01", "web0", "br0",
                             "ovs <net> & 'co' \"\xc3\xa9\"", IFACE_ID);
    pf_stamp_port_add_extension(port, "port", 1,
                                "{\"a\": [\"<&>'\", ]]>\t\n\r\xe2\x82\xac}\n");
    pf_stamp_port_add_extension(port, "qos", PF_STAMP_MAX_EXTENSION_VERSION,
                                "");
    pf_stamp_add_port(stamp, "52:54:00:aa:00:02", "a23456789_.-345", "br-1.x",
                      "n", NULL);
    return stamp;
}

/* What libvirt makes of 'element' in virDomainSetMetadata(): each element
 * without a namespace gets ours. */
static char *
as_libvirt_keeps_it(const char *element)
{
    xmlDoc *doc = xmlReadMemory(element, strlen(element), NULL, NULL, 0);
    xmlNode *root = xmlDocGetRootElement(doc);
    xmlNs *ns = xmlNewNs(root, (const xmlChar *) PF_DOMAIN_NS,
                         (const xmlChar *) PF_DOMAIN_NS_PREFIX);
    xmlBuffer *buffer = xmlBufferCreate();
    char *text;

    /* libvirt fails if this does, as with a prefix that is there already. */
    g_assert_nonnull(ns);
    for (xmlNode *node = root; node; ) {
        if (node->type == XML_ELEMENT_NODE) {
            g_assert_null(node->ns);
            xmlSetNs(node, ns);
        }
        if (node->children) {
            node = node->children;
        } else {
            while (node && !node->next) {
                node = node->parent == (xmlNode *) doc ? NULL : node->parent;
            }
            node = node ? node->next : NULL;
        }
    }
    xmlNodeDump(buffer, doc, root, 0, 1);
    text = g_strdup((const char *) xmlBufferContent(buffer));
    xmlBufferFree(buffer);
    xmlFreeDoc(doc);
    return text;
}

static void
test_what_is_formatted_is_parsed(void)
{
    g_autoptr(PfStamp) stamp = rich_stamp();
    g_autoptr(PfStamp) empty = pf_stamp_new(EPOCH);
    g_autofree char *xml = pf_stamp_format(stamp);
    g_autofree char *empty_xml = pf_stamp_format(empty);
    g_autoptr(GError) error = NULL;
    g_autoptr(PfStamp) copy = pf_stamp_parse(xml, &error);
    g_autoptr(PfStamp) empty_copy = pf_stamp_parse(empty_xml, &error);

    g_assert_no_error(error);
    assert_equal(copy, stamp);
    assert_equal(empty_copy, empty);
    g_assert_cmpstr(empty_xml, ==, "<stamp version=\"1\" epoch=\"" EPOCH
                    "\"/>");
}

static void
test_what_libvirt_keeps_is_parsed_and_valid(void)
{
    g_autoptr(PfStamp) stamp = rich_stamp();
    g_autofree char *xml = pf_stamp_format(stamp);
    g_autofree char *kept = as_libvirt_keeps_it(xml);
    g_autoptr(GError) error = NULL;
    g_autoptr(PfStamp) copy = pf_stamp_parse(kept, &error);

    g_assert_no_error(error);
    assert_equal(copy, stamp);
    g_assert_true(g_str_has_prefix(kept, "<portferry:stamp xmlns:portferry="));
    g_assert_true(xml_check_validates("stamp.rng", kept, PF_DOMAIN_NS,
                                      "stamp"));
}

static void
test_ports_and_extensions_are_found(void)
{
    g_autoptr(PfStamp) stamp = rich_stamp();
    const PfStampPort *port = pf_stamp_port(stamp, "52:54:00:aa:00:01");

    g_assert_cmpstr(port->name, ==, "web0");
    g_assert_cmpstr(pf_stamp_port_extension(port, "qos")->text, ==, "");
    g_assert_null(pf_stamp_port_extension(port, "mirror"));
    g_assert_null(pf_stamp_port(stamp, "52:54:00:aa:00:03"));
}

static void
test_addresses_and_ids_become_lower_case(void)
{
    g_autoptr(PfStamp) stamp = pf_stamp_parse(
        OPEN "<portferry:port mac='52:54:00:AA:00:0F' name='a' bridge='b'"
        " network='c' iface-id='5D744F21-BA4A-4D6E-BDB2-30A35FF3207D'/>"
        CLOSE, NULL);
    const PfStampPort *port = g_ptr_array_index(stamp->ports, 0);

    g_assert_cmpstr(port->mac, ==, "52:54:00:aa:00:0f");
    g_assert_cmpstr(port->iface_id, ==, IFACE_ID);
}

/* ---- What is refused -------------------------------------------------- */

#define KNOWN "Portferry " PACKAGE_VERSION " knows "
#define NAME_CHARS " of A-Z, a-z, 0-9, _, . and -, not first . or -"
#define NAME_15 ": must be 1 to 15" NAME_CHARS
#define NAME_63 ": must be 1 to 63" NAME_CHARS
#define NETWORK ": must be 1 to 255 bytes without / and control characters"
#define MAC ": must be a MAC address, xx:xx:xx:xx:xx:xx"
#define UUID ": must be a UUID, xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"
#define EXTENSION ": must be 1 to 32 of a-z, 0-9 and -, each name once"
#define EXTENSION_VERSION ": must be a version that " KNOWN_VERSION \
                          "from 1 to 999999, in digits only"
#define STAMP_VERSION ": must be a version that " KNOWN_VERSION \
                      "from 1 to 1, in digits only"
#define KNOWN_VERSION "Portferry " PACKAGE_VERSION " knows, "
#define N63 "a23456789012345678901234567890123456789012345678901234567890123"

/* Stamps, with the error or NULL. */
static const struct {
    const char *xml;
    const char *error;
    gboolean beyond_schema;     /* The schema cannot refuse it. */
} table[] = {
    { OPEN CLOSE, NULL, 0 },
    { OPEN "\n" PORT "<!-- x --><?pi x?>" CLOSE, NULL, 0 },
    { "<stamp xmlns='" PF_DOMAIN_NS "' version='1' epoch='" EPOCH "'/>", NULL,
      0 },
    { "<p:stamp xmlns:p='" PF_DOMAIN_NS "' version='1' epoch='" EPOCH "'"
      " xml:space='preserve'/>", NULL, 0 },
    { OPEN PORT_OF("52:54:00:aa:00:01", "_", N63, " a b ") CLOSE, NULL, 0 },
    { OPEN IN_PORT("<portferry:extension name='a' version='1'>"
                   "x<![CDATA[<y>]]><!-- z --></portferry:extension>") CLOSE,
      NULL, 0 },

    /* <stamp>. */
    { "<portferry:stamp " NS " version='2' epoch='" EPOCH "' x='1'/>",
      "line 1: <portferry:stamp>: attribute 'version': \"2\"" STAMP_VERSION,
      0 },
    { "<portferry:stamp " NS " version='01' epoch='" EPOCH "'/>",
      "line 1: <portferry:stamp>: attribute 'version': \"01\"" STAMP_VERSION,
      0 },
    { "<portferry:stamp " NS " epoch='" EPOCH "'/>",
      "line 1: <portferry:stamp>: attribute 'version' is missing: must be a "
      "version", 0 },
    { "<portferry:stamp " NS " version='1'/>",
      "line 1: <portferry:stamp>: attribute 'epoch' is missing: must be 32 of "
      "0-9 and a-f", 0 },
    { "<portferry:stamp " NS " version='1' epoch='" EPOCH "0'/>",
      "line 1: <portferry:stamp>: attribute 'epoch': \"" EPOCH "0\": must be "
      "32 of 0-9 and a-f", 0 },
    { "<portferry:stamp " NS " version='1'"
      " epoch='00112233445566778899AABBCCDDEEFF'/>",
      "line 1: <portferry:stamp>: attribute 'epoch': "
      "\"00112233445566778899AABBCCDDEEFF\": must be 32 of 0-9 and a-f", 0 },
    { "<portferry:stamp " NS " version='1' epoch='" EPOCH "' host='a'/>",
      "line 1: <portferry:stamp>: unknown attribute \"host\"; " KNOWN
      "'version', 'epoch' here", 0 },

    /* What is in it. */
    { OPEN "\n<portferry:nic/>" CLOSE,
      "line 2: <portferry:nic>: unknown element: " KNOWN "port of namespace "
      PF_DOMAIN_NS " here", 0 },
    { OPEN "\n<port " PORT_ATTRIBUTES "/>" CLOSE,
      "line 2: <port>: unknown element: " KNOWN "port of namespace "
      PF_DOMAIN_NS " here", 0 },
    { OPEN "<x:port xmlns:x='urn:x' " PORT_ATTRIBUTES "/>" CLOSE,
      "line 1: <x:port>: unknown element: " KNOWN "port of namespace "
      PF_DOMAIN_NS " here", 0 },
    { OPEN "text" CLOSE,
      "line 1: <portferry:stamp>: text has no place here: remove \"text\"",
      0 },
    { OPEN IN_PORT("\ntext") CLOSE,
      "line 1: <portferry:port>: text has no place here: remove "
      "\"\\x0atext\"", 0 },
    { OPEN PORT "\n" PORT CLOSE,
      "line 2: <portferry:port>: attribute 'mac': \"52:54:00:aa:00:01\": a "
      "port before this one has the same; keep one of them", TRUE },
    { OPEN PORT_OF("52:54:00:aa:00:01", "a", "b", "c")
      PORT_OF("52:54:00:AA:00:01", "a", "b", "c") CLOSE,
      "line 1: <portferry:port>: attribute 'mac': \"52:54:00:aa:00:01\": a "
      "port before this one has the same; keep one of them", TRUE },

    /* <port>. */
    { OPEN "<portferry:port name='a' bridge='b' network='c'/>" CLOSE,
      "line 1: <portferry:port>: attribute 'mac' is missing: must be the "
      "port's MAC address", 0 },
    { OPEN "<portferry:port mac='52:54:00:aa:00:01' bridge='b' network='c'/>"
      CLOSE, "line 1: <portferry:port>: attribute 'name' is missing" NAME_15,
      0 },
    { OPEN "<portferry:port mac='52:54:00:aa:00:01' name='b' network='c'/>"
      CLOSE, "line 1: <portferry:port>: attribute 'bridge' is missing"
      NAME_63, 0 },
    { OPEN "<portferry:port mac='52:54:00:aa:00:01' name='b' bridge='c'/>"
      CLOSE, "line 1: <portferry:port>: attribute 'network' is missing"
      NETWORK, 0 },
    { OPEN "<portferry:port tag='1' " PORT_ATTRIBUTES "/>" CLOSE,
      "line 1: <portferry:port>: unknown attribute \"tag\"; " KNOWN "'mac', "
      "'name', 'bridge', 'network', 'iface-id' here", 0 },
    { OPEN PORT_OF("52:54:00:aa:00:1", "a", "b", "c") CLOSE,
      "line 1: <portferry:port>: attribute 'mac': \"52:54:00:aa:00:1\"" MAC,
      0 },
    { OPEN PORT_OF("52:54:00:aa:00:0g", "a", "b", "c") CLOSE,
      "line 1: <portferry:port>: attribute 'mac': \"52:54:00:aa:00:0g\"" MAC,
      0 },
    { OPEN PORT_OF("52:54:00:aa:00:011", "a", "b", "c") CLOSE,
      "line 1: <portferry:port>: attribute 'mac': \"52:54:00:aa:00:011\"" MAC,
      0 },
    { OPEN PORT_OF("52-54-00-aa-00-01", "a", "b", "c") CLOSE,
      "line 1: <portferry:port>: attribute 'mac': \"52-54-00-aa-00-01\"" MAC,
      0 },
    { OPEN PORT_OF("52:54:00:aa:00:01", "", "b", "c") CLOSE,
      "line 1: <portferry:port>: attribute 'name': \"\"" NAME_15, 0 },
    { OPEN PORT_OF("52:54:00:aa:00:01", "a234567890123456", "b", "c") CLOSE,
      "line 1: <portferry:port>: attribute 'name': \"a234567890123456\""
      NAME_15, 0 },
    { OPEN PORT_OF("52:54:00:aa:00:01", "..", "b", "c") CLOSE,
      "line 1: <portferry:port>: attribute 'name': \"..\"" NAME_15, 0 },
    { OPEN PORT_OF("52:54:00:aa:00:01", "--if-exists", "b", "c") CLOSE,
      "line 1: <portferry:port>: attribute 'name': \"--if-exists\"" NAME_15,
      0 },
    { OPEN PORT_OF("52:54:00:aa:00:01", "a b", "b", "c") CLOSE,
      "line 1: <portferry:port>: attribute 'name': \"a b\"" NAME_15, 0 },
    { OPEN PORT_OF("52:54:00:aa:00:01", "a&#10;", "b", "c") CLOSE,
      "line 1: <portferry:port>: attribute 'name': \"a\\x0a\"" NAME_15, 0 },
    { OPEN PORT_OF("52:54:00:aa:00:01", "a", "../b", "c") CLOSE,
      "line 1: <portferry:port>: attribute 'bridge': \"../b\"" NAME_63, 0 },
    { OPEN PORT_OF("52:54:00:aa:00:01", "a", "b" N63, "c") CLOSE,
      "line 1: <portferry:port>: attribute 'bridge': \"ba23456789"
      "01234567890123456789012345678901234567890123456789...\"" NAME_63, 0 },
    { OPEN PORT_OF("52:54:00:aa:00:01", "a", "b", "") CLOSE,
      "line 1: <portferry:port>: attribute 'network': \"\"" NETWORK, 0 },
    { OPEN PORT_OF("52:54:00:aa:00:01", "a", "b", "x/y") CLOSE,
      "line 1: <portferry:port>: attribute 'network': \"x/y\"" NETWORK, 0 },
    { OPEN PORT_OF("52:54:00:aa:00:01", "a", "b", "x&#9;y") CLOSE,
      "line 1: <portferry:port>: attribute 'network': \"x\\x09y\"" NETWORK,
      0 },
    { OPEN PORT_OF("52:54:00:aa:00:01", "a", "b", N63 N63 N63 N63 "1234")
      CLOSE, "line 1: <portferry:port>: attribute 'network': \"a23456789"
      "012345678901234567890123456789012345678901234567890...\"" NETWORK, 0 },
    { OPEN "<portferry:port iface-id='' " PORT_ATTRIBUTES "/>" CLOSE,
      "line 1: <portferry:port>: attribute 'iface-id': \"\"" UUID, 0 },
    { OPEN "<portferry:port iface-id=' " IFACE_ID "' " PORT_ATTRIBUTES "/>"
      CLOSE,
      "line 1: <portferry:port>: attribute 'iface-id': \" " IFACE_ID "\"" UUID,
      0 },
    { OPEN "<portferry:port iface-id='5d744f21ba4a4d6ebdb230a35ff3207d' "
      PORT_ATTRIBUTES "/>" CLOSE,
      "line 1: <portferry:port>: attribute 'iface-id': "
      "\"5d744f21ba4a4d6ebdb230a35ff3207d\"" UUID, 0 },

    /* <extension>. */
    { OPEN IN_PORT("<portferry:extension version='1'/>") CLOSE,
      "line 1: <portferry:extension>: attribute 'name' is missing: must be an "
      "extension's name", 0 },
    { OPEN IN_PORT("<portferry:extension name='a'/>") CLOSE,
      "line 1: <portferry:extension>: attribute 'version' is missing: must be "
      "a version", 0 },
    { OPEN IN_PORT("<portferry:extension name='a' version='1' x='1'/>") CLOSE,
      "line 1: <portferry:extension>: unknown attribute \"x\"; " KNOWN
      "'name', 'version' here", 0 },
    { OPEN IN_PORT("<portferry:extension name='A' version='1'/>") CLOSE,
      "line 1: <portferry:extension>: attribute 'name': \"A\"" EXTENSION, 0 },
    { OPEN IN_PORT("<portferry:extension name='a' version='0'/>") CLOSE,
      "line 1: <portferry:extension>: attribute 'version': \"0\""
      EXTENSION_VERSION, 0 },
    { OPEN IN_PORT("<portferry:extension name='a' version='-1'/>") CLOSE,
      "line 1: <portferry:extension>: attribute 'version': \"-1\""
      EXTENSION_VERSION, 0 },
    { OPEN IN_PORT("<portferry:extension name='a' version='1000000'/>") CLOSE,
      "line 1: <portferry:extension>: attribute 'version': \"1000000\""
      EXTENSION_VERSION, 0 },
    { OPEN IN_PORT("<portferry:extension name='a' version='1'/>\n"
                   "<portferry:extension name='a' version='2'/>") CLOSE,
      "line 2: <portferry:extension>: attribute 'name': \"a\"" EXTENSION,
      TRUE },
    { OPEN IN_PORT("<portferry:extension name='a' version='1'><b/>"
                   "</portferry:extension>") CLOSE,
      "line 1: <b>: an element has no place here, only text", 0 },
    { OPEN IN_PORT("<portferry:policy/>") CLOSE,
      "line 1: <portferry:policy>: unknown element: " KNOWN "extension of "
      "namespace " PF_DOMAIN_NS " here", 0 },
};

static void
test_each_mistake_is_named_with_line_and_element(void)
{
    for (int i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autoptr(GError) error = NULL;

        g_test_message("%s", table[i].xml);
        if (table[i].error) {
            g_assert_false(takes(table[i].xml, &error));
            xml_check_error(&error, PF_XML_ERROR_CONTENT, table[i].error);
        } else {
            g_assert_true(takes(table[i].xml, &error));
            g_assert_no_error(error);
        }
    }
}

static void
test_the_schema_agrees_with_the_parser(void)
{
    for (int i = 0; i < G_N_ELEMENTS(table); i++) {
        g_test_message("%s", table[i].xml);
        g_assert_cmpint(xml_check_validates("stamp.rng", table[i].xml,
                                            PF_DOMAIN_NS, "stamp"), ==,
                        !table[i].error || table[i].beyond_schema);
    }
}

static void
test_other_roots_and_namespaces_are_refused(void)
{
    static const struct {
        const char *xml;
        const char *error;
    } cases[] = {
        { "<portferry:port " NS "/>",
          "line 1: <portferry:port>: the document's element should be "
          "<stamp>" },
        { "<x:stamp xmlns:x='urn:x' version='1' epoch='" EPOCH "'/>",
          "line 1: <x:stamp>: unknown element: " KNOWN "stamp of namespace "
          PF_DOMAIN_NS " here" },
        { "<x:stamp xmlns:x='urn:portferry:domain:2.0'/>",
          "line 1: <x:stamp>: unknown element: " KNOWN "stamp of namespace "
          PF_DOMAIN_NS " here" },
        { "<stamp version='1' epoch='" EPOCH "'><x:port xmlns:x='"
          PF_DOMAIN_NS "' " PORT_ATTRIBUTES "/></stamp>",
          "line 1: <x:port>: unknown element: " KNOWN "port of namespace "
          PF_DOMAIN_NS " here" },
        { "<stamp version='1' epoch='" EPOCH "'><port name='a'/></stamp>",
          "line 1: <port>: attribute 'mac' is missing: must be the port's "
          "MAC address" },
    };

    for (int i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;

        g_assert_false(takes(cases[i].xml, &error));
        xml_check_error(&error, PF_XML_ERROR_CONTENT, cases[i].error);
    }
}

/* A stamp with 'n_ports', of which the first has 'n_extensions'. */
static char *
stamp_of_size(int n_ports, int n_extensions)
{
    g_autoptr(PfStamp) stamp = pf_stamp_new(EPOCH);

    for (int i = 0; i < n_ports; i++) {
        g_autofree char *mac = g_strdup_printf("52:54:00:00:00:%02x", i);

        pf_stamp_add_port(stamp, mac, "a", "b", "c", NULL);
    }
    for (int i = 0; i < n_extensions; i++) {
        g_autofree char *name = g_strdup_printf("e%d", i);

        pf_stamp_port_add_extension(g_ptr_array_index(stamp->ports, 0), name,
                                    1, "x");
    }
    return pf_stamp_format(stamp);
}

static void
test_ports_and_extensions_are_limited(void)
{
    g_autofree char *full = stamp_of_size(64, 64);
    g_autofree char *ports = stamp_of_size(65, 0);
    g_autofree char *extensions = stamp_of_size(1, 65);
    g_autoptr(GError) error = NULL;

    g_assert_true(takes(full, &error));
    g_assert_no_error(error);
    g_assert_false(takes(ports, &error));
    xml_check_error(&error, PF_XML_ERROR_CONTENT,
                    "line 1: <port>: the limit is 64 of them");
    g_assert_false(takes(extensions, &error));
    xml_check_error(&error, PF_XML_ERROR_CONTENT,
                    "line 1: <extension>: the limit is 64 of them");
}

static void
test_an_extensions_text_is_limited(void)
{
    g_autofree char *text = g_strnfill(PF_STAMP_MAX_TEXT + 1, 'x');
    g_autoptr(GError) error = NULL;

    for (int excess = 1; excess >= 0; excess--) {
        g_autoptr(PfStamp) stamp = pf_stamp_new(EPOCH);
        g_autoptr(PfStamp) copy = NULL;
        g_autofree char *xml = NULL;

        text[PF_STAMP_MAX_TEXT + excess] = '\0';
        pf_stamp_port_add_extension(
            pf_stamp_add_port(stamp, "52:54:00:aa:00:01", "a", "b", "c", NULL),
            "e", 1, text);
        xml = pf_stamp_format(stamp);
        copy = pf_stamp_parse(xml, &error);
        if (excess) {
            xml_check_error(&error, PF_XML_ERROR_CONTENT,
                            "line 1: <extension>: the text has 1048577 bytes; "
                            "the limit is 1048576");
        } else {
            g_assert_no_error(error);
            assert_equal(copy, stamp);
        }
    }
}

/* A domain in whose metadata is 'stamp'. */
static char *
domain_with(const char *stamp)
{
    g_autofree char *kept = as_libvirt_keeps_it(stamp);

    return g_strdup_printf(
        "<domain type='kvm'><name>vm1</name>"
        "<uuid>6f4b2d0e-1c3a-4b5d-8e7f-000000000001</uuid>"
        "<metadata>%s</metadata><devices><interface type='network'>"
        "<mac address='52:54:00:aa:00:01'/><source network='ovsnet'/>"
        "</interface></devices></domain>", kept);
}

/* Rules of several ports, packed: each up to the limit of a text. */
static void
test_a_large_stamp_passes_through_a_domain(void)
{
    g_autoptr(PfStamp) stamp = pf_stamp_new(EPOCH);
    g_autoptr(GPtrArray) changes = g_ptr_array_new_with_free_func(
        (GDestroyNotify) pf_nic_change_free);
    g_autofree char *text = g_strnfill(PF_STAMP_MAX_TEXT, 'x');
    g_autoptr(GError) error = NULL;

    for (int i = 1; i <= 3; i++) {
        g_autofree char *mac = g_strdup_printf("52:54:00:aa:00:%02x", i);

        pf_stamp_port_add_extension(
            pf_stamp_add_port(stamp, mac, "web0", "br0", "ovsnet", NULL),
            "flows", 1, text);
    }
    g_ptr_array_add(changes, pf_nic_change_new("52:54:00:aa:00:01", "web0",
                                               IFACE_ID));

    g_autofree char *xml = pf_stamp_format(stamp);
    g_autofree char *before = domain_with(xml);
    g_autofree char *after = pf_domain_filter(before, changes, &error);
    g_assert_no_error(error);
    g_autoptr(PfDomain) domain = pf_domain_parse(after, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(strlen(after), >, 3 * 1024 * 1024);
    assert_equal(domain->stamp, stamp);
    g_assert_cmpstr(pf_domain_nic(domain, "52:54:00:aa:00:01")->target, ==,
                    "web0");
}

/* What no domain could carry is not read, whoever wrote it. */
static void
test_a_stamp_is_limited(void)
{
    g_autofree char *text = g_strnfill(PF_STAMP_MAX_TEXT, 'x');
    g_autofree char *xml = NULL;
    g_autoptr(PfStamp) stamp = pf_stamp_new(EPOCH);
    PfStampPort *port = pf_stamp_add_port(stamp, "52:54:00:aa:00:01", "web0",
                                          "br0", "ovsnet", NULL);
    g_autoptr(GError) error = NULL;

    for (int i = 0; i < 4; i++) {
        g_autofree char *name = g_strdup_printf("e%d", i);

        pf_stamp_port_add_extension(port, name, 1, text);
    }
    xml = pf_stamp_format(stamp);
    g_assert_false(takes(xml, &error));
    g_assert_error(error, PF_XML_ERROR, PF_XML_ERROR_SYNTAX);
    g_assert_true(g_str_has_suffix(error->message,
                                   " bytes; the limit is 4194304"));
}

static void
test_a_mac_added_twice_is_not_taken(void)
{
    g_autoptr(PfStamp) stamp = rich_stamp();
    g_autofree char *xml = NULL;
    g_autoptr(GError) error = NULL;

    pf_stamp_add_port(stamp, "52:54:00:aa:00:01", "a", "b", "c", NULL);
    xml = pf_stamp_format(stamp);
    g_assert_false(takes(xml, &error));
    g_assert_error(error, PF_XML_ERROR, PF_XML_ERROR_CONTENT);
}

static void
test_hostile_documents_are_refused(void)
{
    xml_check_hostile(takes, OPEN IN_PORT(
        "<portferry:extension name='a' version='1'>eHg=</portferry:extension>")
        CLOSE, "portferry:stamp");
}

static void
test_one_of_any_length_is_refused(void)
{
    g_autoptr(PfStamp) stamp = rich_stamp();
    g_autofree char *text = pf_stamp_format(stamp);

    g_strchomp(text);
    for (gsize i = strlen(text); i > 0; i--) {
        g_autofree char *cut = g_strndup(text, i - 1);
        g_autoptr(GError) error = NULL;

        if (takes(cut, &error)) {
            g_error("taken: %s", cut);
        }
        g_assert_true(g_utf8_validate(error->message, -1, NULL));
    }
}

/* With a byte changed it is refused, or is another one that is as good:
 * written and read again it is what it was. */
static void
test_any_byte_changed_makes_none_that_is_half_right(void)
{
    static const char bytes[] = "\x01\t\n \"#&'-/09:;<=>Zaz\x7f\xc3\xff";
    g_autoptr(PfStamp) stamp = rich_stamp();
    g_autofree char *text = pf_stamp_format(stamp);
    guint n_refused = 0, n_taken = 0;

    for (gsize i = 0; i < strlen(text); i++) {
        for (gsize k = 0; k < sizeof bytes - 1; k++) {
            g_autofree char *changed = g_strdup(text);
            g_autofree char *again = NULL;
            g_autoptr(PfStamp) read = NULL;
            g_autoptr(PfStamp) reread = NULL;
            g_autoptr(GError) error = NULL;

            changed[i] = bytes[k];
            read = pf_stamp_parse(changed, &error);
            if (!read) {
                g_assert_true(g_utf8_validate(error->message, -1, NULL));
                n_refused++;
                continue;
            }
            n_taken++;
            again = pf_stamp_format(read);
            reread = pf_stamp_parse(again, &error);
            g_assert_no_error(error);
            assert_equal(read, reread);
        }
    }
    g_test_message("%u refused, %u taken", n_refused, n_taken);
    g_assert_cmpuint(n_refused, >, n_taken);
}

int
main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
#define TEST(NAME) g_test_add_func("/stamp/" #NAME, test_##NAME)
    TEST(what_is_formatted_is_parsed);
    TEST(what_libvirt_keeps_is_parsed_and_valid);
    TEST(ports_and_extensions_are_found);
    TEST(addresses_and_ids_become_lower_case);
    TEST(each_mistake_is_named_with_line_and_element);
    TEST(the_schema_agrees_with_the_parser);
    TEST(other_roots_and_namespaces_are_refused);
    TEST(ports_and_extensions_are_limited);
    TEST(an_extensions_text_is_limited);
    TEST(a_large_stamp_passes_through_a_domain);
    TEST(a_stamp_is_limited);
    TEST(a_mac_added_twice_is_not_taken);
    TEST(hostile_documents_are_refused);
    TEST(one_of_any_length_is_refused);
    TEST(any_byte_changed_makes_none_that_is_half_right);
    return g_test_run();
}
