/* SPDX-License-Identifier: Apache-2.0
 *
 * portdata: what travels in the Interface's external_ids:PortData, through
 * libvirt's own migration cookie, from the source to the destination.
 *
 * One for all NICs of a guest.  Its text is "pf1." and the deflated JSON in
 * base64url without padding: letters, digits, '-', '_' and '.' only, so that
 * ovs-vsctl takes it without quoting.  It comes from another host: decoding is
 * strict, and bounded in size before and after decompression.
 */
#ifndef PF_PORTDATA_H
#define PF_PORTDATA_H 1

#include <glib.h>
#include "plugin/journal.h"

#define PF_PORTDATA_ERROR pf_portdata_error_quark()
GQuark pf_portdata_error_quark(void);

typedef enum {
    PF_PORTDATA_ERROR_FORMAT,   /* Not PortData of ours, or damaged. */
    PF_PORTDATA_ERROR_VERSION,  /* Of a later version. */
    PF_PORTDATA_ERROR_LIMIT,    /* Larger than can be carried or read. */
} PfPortDataError;

#define PF_PORTDATA_VERSION 1
/* What fits into libvirt's argument list: MAX_ARG_STRLEN less
 * "external_ids:PortData=" and the terminator. */
#define PF_PORTDATA_MAX_TEXT 131049
#define PF_PORTDATA_MAX_BYTES (16 * 1024 * 1024)
#define PF_PORTDATA_MAX_PORTS 64
#define PF_PORTDATA_MAX_STEPS 4096
#define PF_PORTDATA_MAX_EXTENSIONS 64       /* Of a port. */
#define PF_PORTDATA_MAX_CHUNKS 4096         /* Of an extension of a port. */
#define PF_PORTDATA_MAX_EXTENSION_VERSION 999999

/* How far the source had come when it was written. */
typedef enum {
    PF_LEVEL_PRECOPY,           /* The guest still ran there. */
    PF_LEVEL_SAVED,             /* Requests 6 are done. */
    PF_LEVEL_DELETED,           /* Request 10 was acknowledged. */
} PfLevel;
const char *pf_level_name(PfLevel);

/* What one extension saved: its policies, whole or, with the digest of what
 * the stamp had (pack.h), as the difference from that (delta.h).  References
 * are full ones. */
typedef struct {
    char *name;
    guint version;
    GVariant *policies;         /* a{sv}, or NULL: then base and delta. */
    char *base;                 /* Digest of the stamp's text, or NULL. */
    GVariant *delta;            /* a{sv}, or NULL. */
    GVariant *chunks;           /* Run-time data, av of a{sv}; NULL: none. */
} PfSaved;

typedef struct {
    char *mac;
    char *name;                 /* Port name on the source. */
    char *iface_id;             /* or NULL. */
    gint64 ofport;              /* OpenFlow number on the source; 0: none. */
    GPtrArray *saved;           /* PfSaved *. */
} PfPortDataPort;

typedef struct {
    PfLevel level;
    char *epoch;
    char *host;                 /* Name of the source. */
    char *domain_uuid;
    GPtrArray *ports;           /* PfPortDataPort *. */
    GPtrArray *steps;           /* PfStep *: the source's trace so far. */
} PfPortData;

PfPortData *pf_portdata_new(PfLevel, const char *epoch, const char *host,
                            const char *domain_uuid);
/* The new port belongs to the PortData; strings are copied. */
PfPortDataPort *pf_portdata_add_port(PfPortData *, const char *mac,
                                     const char *name, const char *iface_id,
                                     gint64 ofport);
/* Adds what 'extension' saved: the caller fills in the rest, which then
 * belongs to the PortData. */
PfSaved *pf_portdata_port_add(PfPortDataPort *, const char *extension,
                              guint version);
PfPortDataPort *pf_portdata_port(const PfPortData *, const char *mac);
PfSaved *pf_portdata_saved(const PfPortDataPort *, const char *extension);
void pf_portdata_free(PfPortData *);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PfPortData, pf_portdata_free)

/* The text, which the caller frees; NULL with '*error' set if no host would
 * read it.  Where it is too long, the message says how long it is, how long it
 * may be, and which extension of which port needs most of it. */
char *pf_portdata_encode(const PfPortData *, GError **error);

/* The reverse; NULL with '*error' set for anything that is not whole. */
PfPortData *pf_portdata_decode(const char *text, GError **error);

#endif
