/* SPDX-License-Identifier: Apache-2.0
 *
 * xml-check: what the tests of xml/ share.
 *
 * Schemas and canonical forms with libxml2, the tree's data files, and the
 * hostile documents that every reader must refuse.
 */
#ifndef XML_CHECK_H
#define XML_CHECK_H 1

#include <glib.h>

/* The contents of 'name' in the tree's folder xml/. */
char *xml_check_data(const char *name);

/* A <network> called "ovsnet" whose <metadata> begins with 'metadata' on line
 * 4. */
char *xml_check_network(const char *metadata);

/* Whether the first element 'element' of namespace 'ns' in document 'xml' is
 * valid under the RELAX NG schema 'rng', a file in xml/. */
gboolean xml_check_validates(const char *rng, const char *xml, const char *ns,
                             const char *element);

/* Canonical XML of 'xml', comments included. */
char *xml_check_canonical(const char *xml);

/* 'text' with its only 'from' replaced by 'to'. */
char *xml_check_replace(const char *text, const char *from, const char *to);

/* Fails unless '*error' has 'code' of PF_XML_ERROR and exactly 'message'; and
 * clears it. */
void xml_check_error(GError **error, int code, const char *message);

/* A reader under test: whether it takes 'xml'. */
typedef gboolean (*XmlCheckReader)(const char *xml, GError **error);

/* Fails unless 'reader' takes 'good', a document with element 'root', and
 * refuses each hostile variant of it, and 'good' cut off anywhere, with a
 * sound error. */
void xml_check_hostile(XmlCheckReader reader, const char *good,
                       const char *root);

#endif
