/* SPDX-License-Identifier: Apache-2.0
 *
 * xml-check: see xml-check.h.
 */
#include <config.h>
#include "xml-check.h"

#include <libxml/c14n.h>
#include <libxml/parser.h>
#include <libxml/relaxng.h>
#include <string.h>

#include "netconf.h"

char *
xml_check_data(const char *name)
{
    g_autofree char *file = g_test_build_filename(G_TEST_DIST, "..", "..",
                                                  "xml", name, NULL);
    g_autoptr(GError) error = NULL;
    char *text = NULL;

    g_file_get_contents(file, &text, NULL, &error);
    g_assert_no_error(error);
    return text;
}

char *
xml_check_network(const char *metadata)
{
    return g_strdup_printf("<network>\n"
                           "  <name>ovsnet</name>\n"
                           "  <metadata>\n"
                           "%s\n"
                           "  </metadata>\n"
                           "  <forward mode='bridge'/>\n"
                           "  <bridge name='br0'/>\n"
                           "  <virtualport type='openvswitch'/>\n"
                           "</network>\n", metadata);
}

/* The first element 'name' of namespace 'ns' in or after 'node'. */
static xmlNode *
find_element(xmlNode *node, const char *ns, const char *name)
{
    for (; node; node = node->next) {
        xmlNode *found;

        if (node->type != XML_ELEMENT_NODE) {
            continue;
        }
        if (node->ns && !strcmp((const char *) node->ns->href, ns)
            && !strcmp((const char *) node->name, name)) {
            return node;
        }
        found = find_element(node->children, ns, name);
        if (found) {
            return found;
        }
    }
    return NULL;
}

/* For libxml2, which would print what is invalid. */
static void G_GNUC_PRINTF(2, 3)
keep_quiet(void *aux G_GNUC_UNUSED, const char *message G_GNUC_UNUSED, ...)
{
}

/* Parses 'xml', which must be well-formed. */
static xmlDoc *
read_doc(const char *xml)
{
    xmlDoc *doc = xmlReadMemory(xml, strlen(xml), NULL, NULL,
                                XML_PARSE_NONET | XML_PARSE_NOERROR
                                | XML_PARSE_NOWARNING);

    if (!doc) {
        g_error("not well-formed: %s", xml);
    }
    return doc;
}

gboolean
xml_check_validates(const char *rng, const char *xml, const char *ns,
                    const char *element)
{
    g_autofree char *schema_text = xml_check_data(rng);
    xmlRelaxNGParserCtxt *parser = xmlRelaxNGNewMemParserCtxt(
        schema_text, strlen(schema_text));
    xmlRelaxNG *schema = xmlRelaxNGParse(parser);
    xmlDoc *doc = read_doc(xml);
    xmlDoc *alone = xmlNewDoc((const xmlChar *) "1.0");
    xmlRelaxNGValidCtxt *valid;
    xmlNode *node;
    int result;

    g_assert_nonnull(schema);
    node = find_element(xmlDocGetRootElement(doc), ns, element);
    g_assert_nonnull(node);
    xmlDocSetRootElement(alone, xmlDocCopyNode(node, alone, 1));
    valid = xmlRelaxNGNewValidCtxt(schema);
    xmlRelaxNGSetValidErrors(valid, keep_quiet, keep_quiet, NULL);
    result = xmlRelaxNGValidateDoc(valid, alone);
    g_assert_cmpint(result, >=, 0);

    xmlRelaxNGFreeValidCtxt(valid);
    xmlFreeDoc(alone);
    xmlFreeDoc(doc);
    xmlRelaxNGFree(schema);
    xmlRelaxNGFreeParserCtxt(parser);
    return result == 0;
}

char *
xml_check_canonical(const char *xml)
{
    xmlDoc *doc = read_doc(xml);
    xmlChar *text = NULL;
    char *copy;
    int size;

    size = xmlC14NDocDumpMemory(doc, NULL, XML_C14N_1_0, NULL, 1, &text);
    g_assert_cmpint(size, >, 0);
    copy = g_strdup((const char *) text);
    xmlFree(text);
    xmlFreeDoc(doc);
    return copy;
}

char *
xml_check_replace(const char *text, const char *from, const char *to)
{
    g_auto(GStrv) parts = g_strsplit(text, from, -1);

    if (g_strv_length(parts) != 2) {
        g_error("%u times \"%s\" in: %s", g_strv_length(parts) - 1, from,
                text);
    }
    return g_strjoinv(to, parts);
}

void
xml_check_error(GError **error, int code, const char *message)
{
    g_assert_nonnull(*error);
    g_assert_cmpstr((*error)->message, ==, message);
    g_assert_error(*error, PF_XML_ERROR, code);
    g_clear_error(error);
}

/* ---- Hostile documents ------------------------------------------------ */

/* Fails unless 'reader' refuses 'xml' as no acceptable XML, with an error in
 * which 'part' is. */
static void
check_refused(XmlCheckReader reader, const char *xml, const char *part)
{
    g_autoptr(GError) error = NULL;

    g_assert_false(reader(xml, &error));
    g_assert_nonnull(error);
    if (!strstr(error->message, part)) {
        g_error("\"%s\" is not in \"%s\"", part, error->message);
    }
    g_assert_error(error, PF_XML_ERROR, PF_XML_ERROR_SYNTAX);
}

static char *
repeat(const char *text, gsize n)
{
    GString *s = g_string_sized_new(strlen(text) * n);

    while (n--) {
        g_string_append(s, text);
    }
    return g_string_free(s, FALSE);
}

/* 'good' with 'text' before the end tag of 'root'. */
static char *
with_end(const char *good, const char *root, const char *text)
{
    g_autofree char *end = g_strdup_printf("</%s>", root);
    const char *at = g_strrstr(good, end);

    g_assert_nonnull(at);
    return g_strdup_printf("%.*s%s%s", (int) (at - good), good, text, at);
}

/* 'text', put inside 'root', is refused because of 'part'. */
static void
check_inside(XmlCheckReader reader, const char *good, const char *root,
             const char *text, const char *part)
{
    g_autofree char *xml = with_end(good, root, text);

    check_refused(reader, xml, part);
}

/* The bytes 'text', put before 'good', are refused because of 'part'. */
static void
check_before(XmlCheckReader reader, const char *good, const char *text,
             const char *part)
{
    g_autofree char *xml = g_strconcat(text, good, NULL);

    check_refused(reader, xml, part);
}

static void
check_size(XmlCheckReader reader, const char *good, const char *root)
{
    g_autofree char *unclosed = repeat("<a b='", 1000 * 100);
    g_autofree char *blanks = repeat(" ", 5 * 1024 * 1024);
    g_autofree char *many = repeat("<a/>", 100 * 1000);
    g_autofree char *nested = repeat("<a>", 65);
    g_autofree char *abyss = repeat("<a>", 300 * 1000);
    g_autofree char *attributes = NULL;
    g_autoptr(GString) s = g_string_new("<a");

    check_inside(reader, good, root, nested, "nested more than 64 deep");
    check_inside(reader, good, root, many, "more than 100000 elements");
    check_inside(reader, good, root, blanks, " bytes; the limit is ");
    check_before(reader, blanks, "", " bytes; the limit is ");
    check_before(reader, abyss, "", "nested more than 64 deep");
    check_before(reader, unclosed, "", "line 1: ");

    for (int i = 0; i < 129; i++) {
        g_string_append_printf(s, " a%d=''", i);
    }
    g_string_append(s, "/>");
    check_inside(reader, good, root, s->str, "more than 128 attributes");
}

static void
check_declarations(XmlCheckReader reader, const char *good, const char *root)
{
    g_autoptr(GString) laughs = g_string_new("<!DOCTYPE lolz [\n"
                                             "<!ENTITY lol0 \"lol\">\n");

    for (int i = 1; i < 10; i++) {
        g_string_append_printf(laughs, "<!ENTITY lol%d \"", i);
        for (int j = 0; j < 10; j++) {
            g_string_append_printf(laughs, "&lol%d;", i - 1);
        }
        g_string_append(laughs, "\">\n");
    }
    g_string_append(laughs, "]>");
    check_before(reader, good, laughs->str, "line 1: a DOCTYPE");
    check_before(reader, good,
                 "<?xml version='1.0'?>\n<!-- x\n --><!DOCTYPE a>",
                 "line 3: a DOCTYPE");
    check_before(reader, good, "<!DOCTYPE a SYSTEM 'file:///etc/passwd'>",
                 "line 1: a DOCTYPE");
    check_before(reader, good, "<!DOCTYPE a PUBLIC 'a' 'http://[::1]:1/'>",
                 "line 1: a DOCTYPE");
    check_inside(reader, good, root, "<!ENTITY a 'b'>", "a DOCTYPE");
    check_inside(reader, good, root, "&lol9;", "not well-formed");
    check_inside(reader, good, root, "<a b='&lol9;'/>", "not well-formed");
}

static void
check_encodings(XmlCheckReader reader, const char *good, const char *root)
{
    check_inside(reader, good, root, "\xff", "a byte is not UTF-8");
    check_inside(reader, good, root, "\xc0\x80", "a byte is not UTF-8");
    check_inside(reader, good, root, "\xed\xa0\x80", "a byte is not UTF-8");
    check_inside(reader, good, root, "<a b='\xe9'/>", "a byte is not UTF-8");
    check_inside(reader, good, root, "\x01", "not well-formed");
    check_inside(reader, good, root, "&#0;", "not well-formed");
    check_inside(reader, good, root, "&#1;", "not well-formed");
    check_before(reader, good, "<?xml version='1.0' encoding='UTF-7'?>",
                 "line 1: the XML declaration names another encoding");
    check_before(reader, good, "<?xml version='1.0' encoding='ISO-8859-1'?>",
                 "line 1: the XML declaration names another encoding");
    check_before(reader, good, "<?xml version='1.0' encoding='UTF-16'?>",
                 "line 1: the XML declaration names another encoding");
}

/* A document ends where a NUL is: all that is cut off is refused. */
static void
check_truncated(XmlCheckReader reader, const char *good)
{
    g_autofree char *xml = g_strchomp(g_strdup(good));

    for (gsize size = strlen(xml); size-- > 0; ) {
        xml[size] = '\0';
        check_refused(reader, xml, "line ");
    }
}

void
xml_check_hostile(XmlCheckReader reader, const char *good, const char *root)
{
    g_autofree char *declared = g_strconcat(
        "<?xml version='1.0' encoding='utf-8'?>\n", good, NULL);
    g_autoptr(GError) error = NULL;
    g_autofree char *twice = g_strconcat(good, good, NULL);

    g_assert_true(reader(good, &error));
    g_assert_no_error(error);
    g_assert_true(reader(declared, &error));
    g_assert_no_error(error);

    check_truncated(reader, good);
    check_declarations(reader, good, root);
    check_encodings(reader, good, root);
    check_size(reader, good, root);
    check_refused(reader, twice, "not well-formed");
    check_refused(reader, "\n \n", "not well-formed");
    check_inside(reader, good, root, "</b>", "not well-formed");
    check_inside(reader, good, root, "<a b='1' b='2'/>", "not well-formed");
    check_inside(reader, good, root, "<![CDATA[", "not well-formed");
    check_inside(reader, good, root, "<!--", "not well-formed");
}
