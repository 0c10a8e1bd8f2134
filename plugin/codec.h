/* SPDX-License-Identifier: Apache-2.0
 *
 * codec: saved state as text and back.
 *
 * State is a GVariant a{sv} whose values are integers 'x', reals 'd', booleans
 * 'b', strings 's', arrays 'av', dictionaries 'a{sv}' and, for what is known
 * to be absent, nothing ('ms'; 'mv' when read back).  Reals are finite.  Its
 * text is JSON.  The only place in the agent that includes json-glib.
 */
#ifndef PF_CODEC_H
#define PF_CODEC_H 1

#include <glib.h>

#define PF_CODEC_ERROR pf_codec_error_quark()
GQuark pf_codec_error_quark(void);

typedef enum {
    PF_CODEC_ERROR_SYNTAX,      /* Not JSON, or not an object. */
    PF_CODEC_ERROR_LIMIT,       /* Too large, too deep, too many. */
} PfCodecError;

#define PF_CODEC_MAX_DEPTH 16
#define PF_CODEC_MAX_BYTES (16 * 1024 * 1024)
/* Strings (keys too), numbers, words, arrays and objects: in memory each needs
 * a hundred times the two bytes that it can have in a text. */
#define PF_CODEC_MAX_VALUES 500000

/* 'state' (a{sv}; a floating reference is sunk) as one line of JSON.  The
 * caller frees it with g_free(). */
char *pf_codec_format(GVariant *state);

/* The dictionary in 'text', at most PF_CODEC_MAX_BYTES long and
 * PF_CODEC_MAX_DEPTH deep, as a full reference; NULL with '*error' set if it
 * is not one.  'text' may come from anybody: it is JSON as RFC 8259 has it, or
 * it is refused; so are "\u0000" and numbers that would not stay what they
 * are.  Of a key that stands there twice, the last counts. */
GVariant *pf_codec_parse(const char *text, GError **error);

/* Whether 'text' is within the limits, and consists of what JSON consists of:
 * of what pf_codec_format() made, whether pf_codec_parse() takes it. */
gboolean pf_codec_check(const char *text, GError **error);

/* Strict look-ups in a parsed dictionary: NULL or FALSE if 'key' is absent or
 * of another type.  Strings live as long as 'dict'. */
const char *pf_codec_string(GVariant *dict, const char *key);
gboolean pf_codec_integer(GVariant *dict, const char *key, gint64 *value);
GVariant *pf_codec_dict(GVariant *dict, const char *key);
GVariant *pf_codec_array(GVariant *dict, const char *key);

#endif
