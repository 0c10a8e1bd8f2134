/* SPDX-License-Identifier: Apache-2.0
 *
 * image: what an operator has set on a port, kept for the way back.
 *
 * Private to the switch part.  Which columns an image has stands in one table
 * (image.c); how their values look is datum.h's.
 */
#ifndef PF_IMAGE_H
#define PF_IMAGE_H 1

#include <portferry/extension.h>

#include "switch.h"

/* The columns of an image, "TABLE.COLUMN", NULL-terminated. */
const char *const *pf_image_columns(void);

/* The image of 'port' and its only interface 'iface'; not floating. */
GVariant *pf_image_read(const PfRow *port, const PfRow *iface);

/* Writes each column of 'image', except "ofport", to rows that this
 * transaction has inserted.  A QoS row that no longer exists is left out, with
 * a warning.  FALSE with '*error' set (PF_SWITCH_ERROR_VALUE, which names the
 * column, the value and the limit) if something in it cannot be written. */
gboolean pf_image_write(PfTxn *, const PfRow *port, const PfRow *iface,
                        GVariant *image, GError **error);

/* The OpenFlow number in 'image', or 0. */
gint64 pf_image_ofport(GVariant *image);

#endif
