/* SPDX-License-Identifier: Apache-2.0
 *
 * reader: see reader.h.
 *
 * Before libxml2 sees a document, one pass over its text refuses what could
 * make parsing expensive: a DOCTYPE (and with it every entity), too many
 * elements, too many attributes in one element, too deep nesting.
 */
#include <config.h>
#include "reader.h"
#include <libxml/parser.h>
#include <libxml/xmlsave.h>
#include <string.h>

/* Characters of a document that an error quotes. */
#define QUOTE_MAX 60

G_DEFINE_QUARK(pf-xml-error-quark, pf_xml_error)

G_DEFINE_AUTOPTR_CLEANUP_FUNC(xmlParserCtxt, xmlFreeParserCtxt)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(xmlBuffer, xmlBufferFree)

/* Appends at most 'max' characters of 'text' (UTF-8) to 's', with what is not
 * printable escaped. */
static void
append_excerpt(GString *s, const char *text, int max)
{
    for (; *text && max > 0; text = g_utf8_next_char(text), max--) {
        gunichar c = g_utf8_get_char(text);

        if (g_unichar_isprint(c)) {
            g_string_append_unichar(s, c);
        } else {
            g_string_append_printf(s, "\\x%02x", c);
        }
    }
    if (*text) {
        g_string_append(s, "...");
    }
}

char *
pf_xml_quote(const xmlNode *node, const char *text)
{
    GString *s;

    if (!node->ns && node->doc->_private) {
        return g_strdup("its text");
    }
    s = g_string_new("\"");
    append_excerpt(s, text, QUOTE_MAX);
    g_string_append_c(s, '"');
    return g_string_free(s, FALSE);
}

void
pf_xml_set_error(GError **error, const xmlNode *node, const char *format, ...)
{
    g_autoptr(GString) s = g_string_new(NULL);
    va_list args;

    g_string_printf(s, "line %ld: <", xmlGetLineNo((xmlNode *) node));
    if (node->ns && node->ns->prefix) {
        append_excerpt(s, (const char *) node->ns->prefix, QUOTE_MAX);
        g_string_append_c(s, ':');
    }
    append_excerpt(s, (const char *) node->name, QUOTE_MAX);
    g_string_append(s, ">: ");
    va_start(args, format);
    g_string_append_vprintf(s, format, args);
    va_end(args);
    g_set_error_literal(error, PF_XML_ERROR, PF_XML_ERROR_CONTENT, s->str);
}

/* ---- Documents -------------------------------------------------------- */

/* The number of the line of 'xml' on which 'where' is. */
static guint
line_of(const char *xml, const char *where)
{
    guint line = 1;

    for (; xml < where; xml++) {
        line += *xml == '\n';
    }
    return line;
}

/* Where 'text' goes on after 'end'; its end if there is no 'end'. */
static const char *
skip_past(const char *text, const char *end)
{
    const char *p = strstr(text, end);

    return p ? p + strlen(end) : text + strlen(text);
}

/* Where 'text' goes on after the start tag in whose name 'text' begins.  Says
 * how many attributes it has, and whether its element is empty. */
static const char *
skip_start_tag(const char *text, guint *n_attributes, gboolean *empty)
{
    *n_attributes = 0;
    for (; *text && *text != '>'; text++) {
        if (*text == '"' || *text == '\'') {
            (*n_attributes)++;
            text = strchr(text + 1, *text);
            if (!text) {
                return "";
            }
        }
    }
    *empty = text[-1] == '/';
    return text;
}

/* Looks at the markup of 'xml', well-formed or not.  Returns NULL if nothing
 * is wrong with it, otherwise what is, with '*where'. */
static const char *
find_excess(const char *xml, const char **where)
{
    int n_elements = 0;
    int depth = 0;

    for (const char *p = strchr(xml, '<'); p; p = strchr(p, '<')) {
        *where = p;
        if (g_str_has_prefix(p, "<!--")) {
            p = skip_past(p + strlen("<!--"), "-->");
        } else if (g_str_has_prefix(p, "<![CDATA[")) {
            p = skip_past(p + strlen("<![CDATA["), "]]>");
        } else if (g_str_has_prefix(p, "<?")) {
            p = skip_past(p + strlen("<?"), "?>");
        } else if (g_str_has_prefix(p, "<!")) {
            return "a DOCTYPE or other declaration is not accepted; remove it";
        } else if (g_str_has_prefix(p, "</")) {
            p += strlen("</");
            depth--;
        } else {
            gboolean empty = FALSE;
            guint n_attributes;

            p = skip_start_tag(p + 1, &n_attributes, &empty);
            if (n_attributes > PF_XML_MAX_ATTRIBUTES) {
                return "an element has more than "
                       G_STRINGIFY(PF_XML_MAX_ATTRIBUTES) " attributes";
            }
            if (++n_elements > PF_XML_MAX_ELEMENTS) {
                return "there are more than "
                       G_STRINGIFY(PF_XML_MAX_ELEMENTS) " elements";
            }
            depth += !empty;
            if (depth > PF_XML_MAX_DEPTH) {
                return "elements are nested more than "
                       G_STRINGIFY(PF_XML_MAX_DEPTH) " deep";
            }
        }
    }
    return NULL;
}

/* Whether the XML declaration of 'xml', if any, speaks of no encoding but
 * UTF-8. */
static gboolean
is_declared_utf8(const char *xml)
{
    g_autofree char *declaration = NULL;
    const char *end = strstr(xml, "?>");

    if (!g_str_has_prefix(xml, "<?xml") || !g_ascii_isspace(xml[5]) || !end) {
        return TRUE;
    }
    declaration = g_strndup(xml, end - xml);
    return (!strstr(declaration, "encoding")
            || g_regex_match_simple("encoding\\s*=\\s*(\"utf-8\"|'utf-8')",
                                    declaration, G_REGEX_CASELESS, 0));
}

/* Refuses 'xml' before it is parsed. */
static gboolean
check_text(const char *xml, gsize max_bytes, GError **error)
{
    gsize size = strlen(xml);
    const char *problem;
    const char *where;

    if (size > max_bytes) {
        g_set_error(error, PF_XML_ERROR, PF_XML_ERROR_SYNTAX,
                    "the document has %" G_GSIZE_FORMAT " bytes; the limit "
                    "is %" G_GSIZE_FORMAT, size, max_bytes);
        return FALSE;
    }
    if (!g_utf8_validate(xml, size, &where)) {
        problem = "a byte is not UTF-8; save the document as UTF-8";
    } else if (!is_declared_utf8(xml)) {
        where = xml;
        problem = "the XML declaration names another encoding than UTF-8; "
                  "save the document as UTF-8";
    } else {
        problem = find_excess(xml, &where);
    }
    if (problem) {
        g_set_error(error, PF_XML_ERROR, PF_XML_ERROR_SYNTAX,
                    "line %u: %s", line_of(xml, where), problem);
        return FALSE;
    }
    return TRUE;
}

/* Sets '*error' to what libxml2 says is wrong with a document. */
static void
set_syntax_error(GError **error, xmlParserCtxt *ctxt, PfXmlSecrecy secrecy)
{
    const xmlError *e = xmlCtxtGetLastError(ctxt);
    g_autoptr(GString) s = g_string_new(NULL);

    if (!e) {
        g_string_append(s, "line 1: not well-formed: there is no "
                        "element");
    } else if (secrecy == PF_XML_SECRET || !e->message) {
        g_string_append_printf(s, "line %d: not well-formed: libxml2 error "
                               "%d", e->line, e->code);
    } else {
        g_autofree char *message = g_utf8_make_valid(e->message, -1);

        g_string_append_printf(s, "line %d: not well-formed: ", e->line);
        append_excerpt(s, g_strchomp(message), 3 * QUOTE_MAX);
    }
    g_set_error_literal(error, PF_XML_ERROR, PF_XML_ERROR_SYNTAX, s->str);
}

xmlDoc *
pf_xml_read(const char *xml, gsize max_bytes, const char *root,
            PfXmlSecrecy secrecy, GError **error)
{
    g_autoptr(xmlParserCtxt) ctxt = NULL;
    g_autoptr(xmlDoc) doc = NULL;
    xmlNode *node;

    if (!check_text(xml, max_bytes, error)) {
        return NULL;
    }
    ctxt = xmlNewParserCtxt();
    doc = xmlCtxtReadMemory(ctxt, xml, strlen(xml), NULL, NULL,
                            XML_PARSE_NONET | XML_PARSE_NOERROR
                            | XML_PARSE_NOWARNING | XML_PARSE_IGNORE_ENC);
    node = doc ? xmlDocGetRootElement(doc) : NULL;
    if (!node) {
        set_syntax_error(error, ctxt, secrecy);
        return NULL;
    }
    if (strcmp((const char *) node->name, root)) {
        pf_xml_set_error(error, node, "the document's element should be <%s>",
                         root);
        return NULL;
    }
    doc->_private = GINT_TO_POINTER(secrecy);   /* For pf_xml_quote(). */
    return g_steal_pointer(&doc);
}

char *
pf_xml_print(xmlDoc *doc)
{
    g_autoptr(xmlBuffer) buffer = xmlBufferCreate();
    xmlSaveCtxt *save = xmlSaveToBuffer(buffer, "UTF-8", XML_SAVE_NO_DECL);

    xmlSaveDoc(save, doc);
    xmlSaveClose(save);
    return g_strdup((const char *) xmlBufferContent(buffer));
}

/* ---- Elements --------------------------------------------------------- */

const char *
pf_xml_ns(const xmlNode *node)
{
    return node->ns ? (const char *) node->ns->href : NULL;
}

gboolean
pf_xml_is_in(const xmlNode *node, const char *ns)
{
    return (node->type == XML_ELEMENT_NODE
            && !g_strcmp0(pf_xml_ns(node), ns));
}

gboolean
pf_xml_is(const xmlNode *node, const char *ns, const char *name)
{
    return pf_xml_is_in(node, ns) && !strcmp((const char *) node->name, name);
}

gboolean
pf_xml_is_undeclared(const xmlNode *node, const char *name)
{
    const char *colon;

    if (!pf_xml_is_in(node, NULL)) {
        return FALSE;
    }
    colon = strchr((const char *) node->name, ':');
    return colon && !strcmp(colon + 1, name);
}

xmlNode *
pf_xml_child(const xmlNode *node, const char *name)
{
    for (xmlNode *child = node ? node->children : NULL; child;
         child = child->next) {
        if (pf_xml_is(child, NULL, name)) {
            return child;
        }
    }
    return NULL;
}

gboolean
pf_xml_check_attributes(const xmlNode *node, const char *const known[],
                        GError **error)
{
    for (const xmlAttr *attr = node->properties; attr; attr = attr->next) {
        const char *ns = attr->ns ? (const char *) attr->ns->href : NULL;
        const char *name = (const char *) attr->name;

        if (ns ? !!g_strcmp0(ns, pf_xml_ns(node))
               : g_strv_contains(known, name)) {
            continue;
        }

        g_autofree char *list = g_strjoinv("', '", (char **) known);
        g_autofree char *quoted = pf_xml_quote(node, name);

        pf_xml_set_error(error, node, "unknown attribute %s; Portferry "
                         PACKAGE_VERSION " knows %s%s%s here", quoted,
                         known[0] ? "'" : "none", list, known[0] ? "'" : "");
        return FALSE;
    }
    return TRUE;
}

gboolean
pf_xml_check_no_text(const xmlNode *node, GError **error)
{
    for (const xmlNode *child = node->children; child; child = child->next) {
        if ((child->type == XML_TEXT_NODE
             || child->type == XML_CDATA_SECTION_NODE)
            && !xmlIsBlankNode(child)) {
            const char *text = (const char *) child->content;
            g_autofree char *quoted = pf_xml_quote(node, text);

            pf_xml_set_error(error, node, "text has no place here: remove %s",
                             quoted);
            return FALSE;
        }
    }
    return TRUE;
}

char *
pf_xml_text(const xmlNode *node, gsize max_bytes, GError **error)
{
    g_autoptr(GString) s = g_string_new(NULL);

    for (const xmlNode *child = node->children; child; child = child->next) {
        if (child->type == XML_ELEMENT_NODE) {
            pf_xml_set_error(error, child, "an element has no place here, "
                             "only text");
            return NULL;
        }
        if (child->type == XML_TEXT_NODE
            || child->type == XML_CDATA_SECTION_NODE) {
            g_string_append(s, (const char *) child->content);
        }
    }
    if (s->len > max_bytes) {
        pf_xml_set_error(error, node, "the text has %" G_GSIZE_FORMAT
                         " bytes; the limit is %" G_GSIZE_FORMAT, s->len,
                         max_bytes);
        return NULL;
    }
    return g_string_free(g_steal_pointer(&s), FALSE);
}

/* ---- Attributes ------------------------------------------------------- */

char *
pf_xml_attribute(const xmlNode *node, const char *name)
{
    xmlChar *value;
    char *copy;

    if (!node) {
        return NULL;
    }
    value = xmlGetNoNsProp((xmlNode *) node, (const xmlChar *) name);
    copy = g_strdup((const char *) value);
    xmlFree(value);
    return copy;
}

char *
pf_xml_required(const xmlNode *node, const char *name, const char *what,
                GError **error)
{
    char *value = pf_xml_attribute(node, name);

    if (!value) {
        pf_xml_set_error(error, node, "attribute '%s' is missing: must be %s",
                         name, what);
    }
    return value;
}

gboolean
pf_xml_uint(const xmlNode *node, const char *name, guint min, guint max,
            const char *what, guint *value, GError **error)
{
    g_autofree char *text = pf_xml_attribute(node, name);
    guint number;

    if (!text) {
        return TRUE;
    }
    if (!pf_xml_parse_uint(text, max, &number) || number < min) {
        g_autofree char *quoted = pf_xml_quote(node, text);

        pf_xml_set_error(error, node, "attribute '%s': %s: must be %s from "
                         "%u to %u, in digits only", name, quoted, what, min,
                         max);
        return FALSE;
    }
    *value = number;
    return TRUE;
}

gboolean
pf_xml_choice(const xmlNode *node, const char *name, const char *first_word,
              const char *second_word, gboolean *second, GError **error)
{
    g_autofree char *what = g_strdup_printf("\"%s\" or \"%s\"", first_word,
                                            second_word);
    g_autofree char *value = pf_xml_required(node, name, what, error);

    if (!value) {
        return FALSE;
    }
    *second = !strcmp(value, second_word);
    if (!*second && strcmp(value, first_word)) {
        g_autofree char *quoted = pf_xml_quote(node, value);

        pf_xml_set_error(error, node, "attribute '%s': %s: must be %s", name,
                         quoted, what);
        return FALSE;
    }
    return TRUE;
}

/* Whether 'text' has the length of 'form', separators where 'form' has a
 * character other than 'x', and hexadecimal digits elsewhere. */
static gboolean
has_form(const char *text, const char *form)
{
    for (; *text && *form; text++, form++) {
        if (*form == 'x' ? !g_ascii_isxdigit(*text) : *text != *form) {
            return FALSE;
        }
    }
    return *text == *form;
}

/* Moves '*text', if it has 'form', to '*value' in lower case.  If not, sets
 * '*error': 'where' and that it is no 'what'. */
static gboolean
take_hex(const xmlNode *node, const char *where, const char *text,
         const char *form, const char *what, char **value, GError **error)
{
    if (!text) {
        return TRUE;
    }
    if (!has_form(text, form)) {
        g_autofree char *quoted = pf_xml_quote(node, text);

        pf_xml_set_error(error, node, "%s: %s: must be %s, %s", where, quoted,
                         what, form);
        return FALSE;
    }
    g_free(*value);
    *value = g_ascii_strdown(text, -1);
    return TRUE;
}

#define MAC_FORM "xx:xx:xx:xx:xx:xx"
#define UUID_FORM "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"

gboolean
pf_xml_mac(const xmlNode *node, const char *name, char **value,
           GError **error)
{
    g_autofree char *text = pf_xml_attribute(node, name);
    g_autofree char *where = g_strdup_printf("attribute '%s'", name);

    return take_hex(node, where, text, MAC_FORM, "a MAC address", value,
                    error);
}

gboolean
pf_xml_uuid(const xmlNode *node, const char *name, char **value,
            GError **error)
{
    g_autofree char *text = pf_xml_attribute(node, name);
    g_autofree char *where = g_strdup_printf("attribute '%s'", name);

    return take_hex(node, where, text, UUID_FORM, "a UUID", value, error);
}

gboolean
pf_xml_uuid_child(const xmlNode *node, const char *name, char **value,
                  GError **error)
{
    const xmlNode *child = pf_xml_child(node, name);
    g_autofree char *text = NULL;

    if (!child) {
        return TRUE;
    }
    text = pf_xml_text(child, 1024, error);
    return text && take_hex(child, "the text", g_strstrip(text), UUID_FORM,
                            "a UUID", value, error);
}

/* ---- Text ------------------------------------------------------------- */

gboolean
pf_xml_parse_uint(const char *text, guint max, guint *value)
{
    guint64 number;

    if ((text[0] == '0' && text[1])
        || !g_ascii_string_to_unsigned(text, 10, 0, max, &number, NULL)) {
        return FALSE;
    }
    *value = number;
    return TRUE;
}

gboolean
pf_xml_is_word(const char *text, const char *set, gsize max)
{
    gsize length = strlen(text);

    return length >= 1 && length <= max && strspn(text, set) == length;
}

gboolean
pf_xml_is_extension_name(const char *text)
{
    return pf_xml_is_word(text, G_CSET_a_2_z G_CSET_DIGITS "-", 32);
}
