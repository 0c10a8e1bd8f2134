/* SPDX-License-Identifier: Apache-2.0
 *
 * reader: strict and bounded reading of XML with libxml2.
 *
 * For the other files of xml/ only: nobody outside includes libxml2.  Gives
 * documents that are small enough, have no DOCTYPE and caused no access to
 * files or the network, and turns what stands in their elements into plain
 * values, with errors that name line and element.  Knows nothing of what the
 * documents mean.
 */
#ifndef PF_READER_H
#define PF_READER_H 1

#include <glib.h>
#include <libxml/tree.h>
#include "netconf.h"

G_DEFINE_AUTOPTR_CLEANUP_FUNC(xmlDoc, xmlFreeDoc)

/* Limits on every document, far above what libvirt prints. */
#define PF_XML_MAX_DEPTH 64
#define PF_XML_MAX_ELEMENTS 100000
#define PF_XML_MAX_ATTRIBUTES 128           /* Of one element. */

/* Whether errors may quote a document. */
typedef enum {
    PF_XML_PUBLIC,
    PF_XML_SECRET,              /* Only what is in a namespace: not libvirt's
                                 * own elements. */
} PfXmlSecrecy;

/* Parses 'xml', of at most 'max_bytes', whose root element must be called
 * 'root' (any namespace).  Returns NULL with '*error' set on failure. */
xmlDoc *pf_xml_read(const char *xml, gsize max_bytes, const char *root,
                    PfXmlSecrecy secrecy, GError **error);

/* 'doc' as UTF-8 text without an XML declaration. */
char *pf_xml_print(xmlDoc *doc);

/* Sets '*error' to PF_XML_ERROR_CONTENT, "line N: <ELEMENT>: ". */
void pf_xml_set_error(GError **error, const xmlNode *node,
                      const char *format, ...) G_GNUC_PRINTF(3, 4);
/* A short printable form of 'text' from 'node' in double quotes, for errors;
 * if it may not be quoted, words that stand for it. */
char *pf_xml_quote(const xmlNode *node, const char *text);

/* Whether 'node' is an element 'name' of namespace 'ns' (NULL: none). */
gboolean pf_xml_is(const xmlNode *node, const char *ns, const char *name);
/* Whether 'node' is an element 'name' with a prefix that is not declared. */
gboolean pf_xml_is_undeclared(const xmlNode *node, const char *name);
/* Whether 'node' is an element of namespace 'ns' (NULL: none). */
gboolean pf_xml_is_in(const xmlNode *node, const char *ns);
/* The URI of the node's namespace, or NULL. */
const char *pf_xml_ns(const xmlNode *node);
/* The first child element 'name' without a namespace; NULL also if 'node' is
 * NULL. */
xmlNode *pf_xml_child(const xmlNode *node, const char *name);

/* Refuses attributes other than 'known' (NULL-terminated).  Attributes of
 * other people's namespaces are left alone. */
gboolean pf_xml_check_attributes(const xmlNode *node,
                                 const char *const known[], GError **error);
/* Refuses text, other than white space, directly in 'node'. */
gboolean pf_xml_check_no_text(const xmlNode *node, GError **error);

/* The text in 'node', which may have no elements, of at most 'max_bytes'. */
char *pf_xml_text(const xmlNode *node, gsize max_bytes, GError **error);

/* Attribute 'name' (without a namespace) of 'node', or NULL if it is absent or
 * 'node' is NULL. */
char *pf_xml_attribute(const xmlNode *node, const char *name);
/* The same, but an absent one is an error that says 'what' it should be. */
char *pf_xml_required(const xmlNode *node, const char *name,
                      const char *what, GError **error);
/* Reads a decimal number without sign, space or leading zero, 'min' to 'max',
 * into '*value', which an absent attribute leaves alone.  'what' it is, for
 * errors: "a number of milliseconds". */
gboolean pf_xml_uint(const xmlNode *node, const char *name, guint min,
                     guint max, const char *what, guint *value,
                     GError **error);
/* Reads a required attribute that is one of two words: FALSE or TRUE in
 * '*second' says which. */
gboolean pf_xml_choice(const xmlNode *node, const char *name,
                       const char *first_word, const char *second_word,
                       gboolean *second, GError **error);
/* Read a MAC or UUID attribute, if present, into '*value' in lower case. */
gboolean pf_xml_mac(const xmlNode *node, const char *name, char **value,
                    GError **error);
gboolean pf_xml_uuid(const xmlNode *node, const char *name, char **value,
                     GError **error);
/* The same for the text of the child element 'name'. */
gboolean pf_xml_uuid_child(const xmlNode *node, const char *name,
                           char **value, GError **error);

/* Reads all of 'text' as pf_xml_uint() does. */
gboolean pf_xml_parse_uint(const char *text, guint max, guint *value);
/* Whether 'text' is 1 to 'max' characters of 'set'. */
gboolean pf_xml_is_word(const char *text, const char *set, gsize max);
/* Whether 'text' names an extension: [a-z0-9-]{1,32}. */
gboolean pf_xml_is_extension_name(const char *text);

#endif
