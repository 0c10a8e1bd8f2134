/* SPDX-License-Identifier: Apache-2.0
 *
 * image: a port's configuration columns as a GVariant, and back.
 *
 * Private to the switch part.  Which columns an image has stands in one table
 * (image.c); everything else here is generic.  Values that come from outside
 * are checked against the columns' types before any of them is written.  This
 * part does not decide which external_ids are whose.
 */
#ifndef PF_IMAGE_H
#define PF_IMAGE_H 1

#include <glib.h>
#include "vswitch-idl.h"

typedef enum {
    PF_IMAGE_PLAIN,             /* What may travel: see switch.h. */
    PF_IMAGE_UNDO,              /* Every column that an operator may set. */
} PfImageKind;

/* Makes 'idl' replicate the columns of an image. */
void pf_image_add_columns(struct ovsdb_idl *idl);

/* The image of 'port' and its only interface 'iface'; not floating. */
GVariant *pf_image_read(struct ovsdb_idl *idl, const struct ovsrec_port *port,
                        const struct ovsrec_interface *iface,
                        PfImageKind kind);

/* Returns true if 'image' may be written.  Otherwise '*error' is a
 * PF_SWITCH_ERROR_VALUE that names the column, the value and the limit. */
gboolean pf_image_check(GVariant *image, PfImageKind kind, GError **error);

/* Writes each column of 'image', already checked, except "ofport", to rows
 * that this transaction has inserted.  A QoS row or a mirror that no longer
 * exists is left out, with a warning. */
void pf_image_write(struct ovsdb_idl *idl, const struct ovsrec_port *port,
                    const struct ovsrec_interface *iface, GVariant *image);

/* Brings the columns of a plain image on existing rows to 'image', already
 * checked.  Writes only what differs, maps key by key, and leaves foreign keys
 * of external_ids alone. */
void pf_image_update(const struct ovsrec_port *port,
                     const struct ovsrec_interface *iface, GVariant *image);

/* The OpenFlow number in 'image', or 0. */
gint64 pf_image_ofport(GVariant *image);

#endif
