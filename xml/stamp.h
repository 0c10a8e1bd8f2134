/* SPDX-License-Identifier: Apache-2.0
 *
 * stamp: the element that the source's agent keeps in a running domain's
 * <metadata>, by which a port's policies reach the destination before anything
 * moves (virDomainSetMetadata; read by the `migrate begin` hook there).
 *
 *   <portferry:stamp xmlns:portferry="urn:portferry:domain:1.0" version="1"
 *                    epoch="9f8e...">
 *     <portferry:port mac="52:54:00:aa:00:01" name="web0" bridge="br0"
 *                     network="ovsnet" iface-id="...">
 *       <portferry:extension name="port" version="1">TEXT</portferry:extension>
 *     </portferry:port>
 *   </portferry:stamp>
 *
 * TEXT is opaque here: what pack.h makes of an extension's policies.  The
 * stamp can be written by anyone who may edit the domain: the parser is strict
 * and bounded.
 */
#ifndef PF_STAMP_H
#define PF_STAMP_H 1

#include <glib.h>

#define PF_DOMAIN_NS "urn:portferry:domain:1.0"
#define PF_DOMAIN_NS_PREFIX "portferry"
#define PF_STAMP_VERSION 1

#define PF_STAMP_MAX_PORTS 64
#define PF_STAMP_MAX_EXTENSIONS 64          /* For each port. */
#define PF_STAMP_MAX_TEXT (1024 * 1024)     /* Of one extension, bytes. */
#define PF_STAMP_MAX_BYTES (4 * 1024 * 1024) /* Of the element: as libvirt and
                                              * its hooks limit all of a
                                              * domain's XML. */
#define PF_STAMP_MAX_EXTENSION_VERSION 999999

typedef struct {
    char *name;                 /* [a-z0-9-]{1,32}. */
    guint version;              /* 1..PF_STAMP_MAX_EXTENSION_VERSION. */
    char *text;
} PfStampExtension;

typedef struct {
    char *mac;                  /* Lower case. */
    char *name;                 /* Port name on the source, 1..15 bytes,
                                 * [A-Za-z0-9_.-], not first . or -. */
    char *bridge;               /* On the source; same set, 1..63 bytes. */
    char *network;              /* libvirt network, 1..255 bytes without / and
                                 * control characters. */
    char *iface_id;             /* UUID, or NULL. */
    GPtrArray *extensions;      /* PfStampExtension *. */
} PfStampPort;

typedef struct {
    char *epoch;                /* 32 lower-case hex digits. */
    GPtrArray *ports;           /* PfStampPort *; no MAC twice. */
} PfStamp;

PfStamp *pf_stamp_new(const char *epoch);
/* Adds a port; the stamp owns it.  Strings are copied; 'iface_id' may be
 * NULL.  A stamp with a MAC twice is formatted, but no parser takes it. */
PfStampPort *pf_stamp_add_port(PfStamp *, const char *mac, const char *name,
                               const char *bridge, const char *network,
                               const char *iface_id);
void pf_stamp_port_add_extension(PfStampPort *, const char *name,
                                 guint version, const char *text);
PfStampPort *pf_stamp_port(const PfStamp *, const char *mac);
const PfStampExtension *pf_stamp_port_extension(const PfStampPort *,
                                                const char *name);
void pf_stamp_free(PfStamp *);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PfStamp, pf_stamp_free)

/* Parses a stamp element from a document of its own, with its namespace or
 * without any, as virDomainGetMetadata() returns it.  NULL with '*error' set
 * on failure. */
PfStamp *pf_stamp_parse(const char *xml, GError **error);

/* The stamp as an element for virDomainSetMetadata(), whose 'key' is
 * PF_DOMAIN_NS_PREFIX and whose 'uri' is PF_DOMAIN_NS.  The element has no
 * namespace: libvirt gives it that one, and fails if it is there.  Caller
 * frees. */
char *pf_stamp_format(const PfStamp *);

/* The parsing shared with domain.c: 'node' is an xmlNodePtr of the stamp
 * element (void so that nobody outside xml/ needs libxml2). */
PfStamp *pf_stamp_from_node(void *node, GError **error);

#endif
