/* SPDX-License-Identifier: Apache-2.0
 *
 * domain: reading and filtering libvirt's <domain> documents.
 *
 * What Portferry needs to know of a domain (who it is, its NICs in order, its
 * stamp), and the filter of the `migrate begin` hook, which gives NICs a
 * target name and an interface id and leaves everything else as it is.  The
 * documents contain secrets: nothing here logs them or puts their text into
 * errors (but for the stamp's own, which is ours).
 */
#ifndef PF_DOMAIN_H
#define PF_DOMAIN_H 1

#include <glib.h>
#include "netconf.h"
#include "stamp.h"

/* Limits on a <domain> document. */
#define PF_DOMAIN_MAX_BYTES (4 * 1024 * 1024)

/* A NIC as the domain's XML gives it.  Strings may be NULL where absent. */
typedef struct {
    char *mac;                  /* Lower case, "52:54:00:aa:00:01". */
    char *type;                 /* "network", "bridge", ... */
    char *network;              /* <source network>, or NULL. */
    char *portgroup;            /* <source portgroup>, or NULL. */
    char *bridge;               /* <source bridge>, or NULL. */
    char *target;               /* <target dev>, or NULL. */
    char *iface_id;             /* <virtualport><parameters interfaceid>. */
    char *profile_id;           /* <virtualport><parameters profileid>. */
    gboolean openvswitch;       /* <virtualport type='openvswitch'>. */
    gboolean has_virtualport;   /* A <virtualport> of any type: such NICs have
                                 * an entry in libvirt's migration cookie. */
    PfNetVlan *vlan;            /* The NIC's own <vlan>, or NULL. */
    guint mtu;                  /* <mtu size>; 0: not given. */
} PfNic;

typedef struct {
    char *name;
    char *uuid;
    GPtrArray *nics;            /* PfNic *, in document order, all of them. */
    PfStamp *stamp;             /* NULL: the domain carries none. */
} PfDomain;

/* Parses 'xml', a <domain> document.
 *
 * A stamp that is there but malformed is an error (PF_XML_ERROR_CONTENT): a
 * guest that claims to be stamped is not taken for one without a stamp.
 * Returns NULL with '*error' set on failure. */
PfDomain *pf_domain_parse(const char *xml, GError **error);
/* The same without looking at stamps: for a guest that runs here, whose stamp
 * is written anew if it is not good. */
PfDomain *pf_domain_parse_unstamped(const char *xml, GError **error);
void pf_domain_free(PfDomain *);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PfDomain, pf_domain_free)

/* The NIC with 'mac' (lower case), or NULL. */
PfNic *pf_domain_nic(const PfDomain *domain, const char *mac);

/* One change for pf_domain_filter(). */
typedef struct {
    char *mac;                  /* Which NIC; lower case. */
    char *target;               /* <target dev> to set; NULL: leave. */
    char *iface_id;             /* interfaceid to set, a UUID; NULL: leave. */
} PfNicChange;
PfNicChange *pf_nic_change_new(const char *mac, const char *target,
                               const char *iface_id);
void pf_nic_change_free(PfNicChange *);

/* Applies 'changes' (PfNicChange *) to the <domain> document 'xml'.
 *
 * Each NIC named gets <target dev='...'/> (an existing <target> keeps its
 * other attributes) and <virtualport type='openvswitch'> with <parameters
 * interfaceid='...'/> (existing parameters such as profileid are kept, but of
 * a <virtualport> that had no type those that libvirt refuses there go).
 * Everything else comes out equal under Canonical XML, comments and order
 * included.  A MAC that no NIC has, or two, and a <virtualport> of another
 * type are errors.
 *
 * Returns the new document, without an XML declaration, which the caller
 * frees with g_free(); or NULL with '*error' set. */
char *pf_domain_filter(const char *xml, GPtrArray *changes, GError **error);

/* The owner of a `port-created` or `port-deleted` network hook. */
typedef struct {
    char *network;              /* Name of the network. */
    char *bridge;               /* Of the networkport, or NULL. */
    char *mac;                  /* Lower case, or NULL. */
    char *iface_id;             /* or NULL. */
    char *owner_name;           /* Domain, or NULL. */
    char *owner_uuid;           /* or NULL. */
    char *port_uuid;            /* or NULL. */
} PfNetworkPort;

/* Parses the <hookData> document of libvirt's network hook. */
PfNetworkPort *pf_networkport_parse(const char *xml, GError **error);
void pf_networkport_free(PfNetworkPort *);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PfNetworkPort, pf_networkport_free)

#endif
