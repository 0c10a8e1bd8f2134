/* SPDX-License-Identifier: Apache-2.0
 *
 * datum: the value of a database's column as a GVariant, and back.
 *
 * Private to the switch part; generic.  How a value looks as a GVariant stands
 * in portferry/extension.h.  What comes from outside is checked against the
 * column's type, with every limit that it has.
 */
#ifndef PF_DATUM_H
#define PF_DATUM_H 1

#include <glib.h>

#include "ovsdb-data.h"
#include "ovsdb-types.h"

/* Whether a column of 'type' is a map. */
gboolean pf_datum_is_map(const struct ovsdb_type *type);

/* 'datum' as a floating GVariant; NULL if it has no member. */
GVariant *pf_datum_to_variant(const struct ovsdb_datum *datum,
                              const struct ovsdb_type *type);

/* The value of 'key' in a map, as text; NULL if there is none. */
char *pf_datum_get_key(const struct ovsdb_datum *datum,
                       const struct ovsdb_type *type, const char *key);

/* Turns 'value' (NULL: empty) into '*datum', sorted, for a column of 'type',
 * which messages call 'where'.  On success the caller owns '*datum'; otherwise
 * '*error' is a PF_SWITCH_ERROR_VALUE. */
gboolean pf_datum_from_variant(struct ovsdb_datum *datum,
                               const struct ovsdb_type *type,
                               const char *where, GVariant *value,
                               GError **error);

/* The same for one member of a set: the number of members is not checked. */
gboolean pf_datum_from_member(struct ovsdb_datum *datum,
                              const struct ovsdb_type *type,
                              const char *where, GVariant *member,
                              GError **error);

/* Whether 'type' takes as many members as 'datum' has. */
gboolean pf_datum_check_size(const struct ovsdb_datum *datum,
                             const struct ovsdb_type *type,
                             const char *where, GError **error);

/* Copies member 'i' of 'src' to 'dst', in place of one with an equal key;
 * 'dst' is sorted afterwards. */
void pf_datum_put(struct ovsdb_datum *dst, const struct ovsdb_datum *src,
                  unsigned int i, const struct ovsdb_type *type);
/* Removes the member with 'key', if there is one; 'datum' is sorted
 * afterwards. */
void pf_datum_remove(struct ovsdb_datum *datum, const union ovsdb_atom *key,
                     const struct ovsdb_type *type);

#endif
