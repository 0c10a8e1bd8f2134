/* SPDX-License-Identifier: Apache-2.0
 *
 * pack: saved state as text that is short and needs no quoting.
 *
 * State (codec.h) as JSON, or, where that is long, "pfz1." and the deflated
 * JSON in base64url without padding.  Also the deflating itself, for
 * portdata.c.  What is unpacked comes from another host: strict, and bounded
 * before and after decompression.
 */
#ifndef PF_PACK_H
#define PF_PACK_H 1

#include <glib.h>

#define PF_PACK_ERROR pf_pack_error_quark()
GQuark pf_pack_error_quark(void);

typedef enum {
    PF_PACK_ERROR_FORMAT,       /* Damaged, or not what it should be. */
    PF_PACK_ERROR_LIMIT,        /* Larger than it may be. */
} PfPackError;

/* JSON longer than this is packed. */
#define PF_PACK_THRESHOLD 2048
/* Longer text of a state is not unpacked; xml/stamp.h carries no more. */
#define PF_PACK_MAX_TEXT (1024 * 1024)

/* 'text' deflated, in base64url; the caller frees it. */
char *pf_pack_text(const char *text);
/* The reverse, for the 'length' characters at 'packed'; NULL with '*error' set
 * if it is damaged, or would be longer than 'max_bytes'. */
char *pf_unpack_text(const char *packed, gsize length, gsize max_bytes,
                     GError **error);

/* 'state' (a{sv}; a floating reference is sunk) with the keys of all its
 * dictionaries in order, as what is unpacked has them: a full reference. */
GVariant *pf_pack_sorted(GVariant *state);

/* State is not nested deeper than this (its own dictionary is a level), so
 * that it is within codec.h's limit wherever it travels. */
#define PF_PACK_MAX_DEPTH 8
/* Nor is it larger, nor its text than codec.h's limit. */
#define PF_PACK_MAX_SIZE (8 * 1024 * 1024)

/* Whether 'state' is what another host would read: a{sv} of the types that
 * codec.h has, within its limits.  If not, '*error' says what it is not. */
gboolean pf_pack_check(GVariant *state, GError **error);

/* 'state' (a{sv}; a floating reference is sunk) as JSON, packed if it is
 * long.  Equal states have equal texts: keys are in order. */
char *pf_pack_state(GVariant *state);
/* The reverse: a full reference, or NULL with '*error' set (of this domain or
 * codec.h's). */
GVariant *pf_unpack_state(const char *text, GError **error);

/* What tells one text from another: SHA-256, in hex. */
char *pf_pack_digest(const char *text);

#endif
