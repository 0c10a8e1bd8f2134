/* SPDX-License-Identifier: Apache-2.0
 *
 * netconf: what a libvirt network's XML says about Portferry.
 *
 * Reads <network> documents as libvirt prints them (virNetworkGetXMLDesc) and
 * turns the <portferry:migration> element of their <metadata> into the
 * project's own type.  Knows nothing of libvirt's API or of Open vSwitch.
 */
#ifndef PF_NETCONF_H
#define PF_NETCONF_H 1

#include <glib.h>

#define PF_NETWORK_NS "urn:portferry:network:1.0"

/* Errors of everything in xml/. */
#define PF_XML_ERROR pf_xml_error_quark()
GQuark pf_xml_error_quark(void);

typedef enum {
    PF_XML_ERROR_SYNTAX,        /* Not well-formed, or too large or deep. */
    PF_XML_ERROR_CONTENT,       /* Well-formed, but not what it should be. */
} PfXmlError;

/* What happens to a port whose run-time data could not be restored. */
typedef enum {
    PF_RESTORE_CONTINUE,        /* Opens with what could be restored. */
    PF_RESTORE_QUARANTINE,      /* The gate stays closed. */
} PfRestoreAction;

/* A closed range of VLAN ids. */
typedef struct {
    guint16 first;
    guint16 last;
} PfVlanRange;

/* Limits on what a network says about extensions. */
#define PF_NET_MAX_EXTENSIONS 64
#define PF_NET_MAX_OPTIONS 64               /* Of one <portferry:extension>. */
#define PF_NET_MAX_OPTION_VALUE 1024        /* Bytes. */
#define PF_NET_MAX_VERSION 999999

/* One <portferry:extension>. */
typedef struct {
    char *name;                 /* [a-z0-9-]{1,32}. */
    gboolean required;
    guint version;              /* The least that will do; 0: any. */
} PfNetExtension;

/* An option of an extension: <portferry:option> in its <portferry:extension>,
 * or what <portferry:bandwidth> ("capacity" of "qos", in bit/s) and
 * <portferry:flows> ("cookie" and "mask", hexadecimal, both or none;
 * "other-ports", "refuse" or "by-name"; "carry", "yes" or "no", of "flows")
 * say. */
typedef struct {
    char *extension;
    char *name;                 /* [a-z0-9-]{1,32}; none twice. */
    char *value;
    char *where;                /* "<portferry:option> on line 7". */
} PfNetOption;

/* A VLAN as the network's own XML (<vlan>, <portgroup>) gives it. */
typedef struct {
    char *name;                 /* Of the port group; NULL: the network's. */
    gboolean is_default;        /* <portgroup default='yes'>. */
    gboolean trunk;             /* <vlan trunk='yes'>, or several tags. */
    int native_tag;             /* -1: none. */
    gboolean native_untagged;   /* nativeMode='untagged'. */
    GArray *tags;               /* guint16 in document order; may be empty. */
} PfNetVlan;

/* A libvirt network. */
typedef struct {
    guint n_refs;               /* Private. */
    char *name;
    char *uuid;                 /* NULL in what people write. */
    char *bridge;               /* <bridge name=...>, or NULL. */
    gboolean openvswitch;       /* <virtualport type='openvswitch'>. */
    GPtrArray *vlans;           /* PfNetVlan *. */

    /* From <portferry:migration>.  All below is meaningful only if managed. */
    gboolean managed;
    GArray *allowed_vlans;      /* PfVlanRange; NULL: every VLAN. */
    char *allowed_vlans_text;   /* As written, for messages; or NULL. */
    GPtrArray *extensions;      /* PfNetExtension *, in document order. */
    GPtrArray *options;         /* PfNetOption *: pf_network_options(). */
    guint hook_timeout_ms;      /* A hook's answer; default 5000. */
    guint validation_timeout_ms; /* Requests 1 to 3; default 3000. */
    PfRestoreAction on_restore_failure;
    gboolean on_restore_failure_set; /* FALSE: nobody said, see README. */
    gboolean unstamped_allowed; /* <portferry:unstamped>; default TRUE. */
} PfNetwork;

#define PF_HOOK_TIMEOUT_DEFAULT_MS 5000
#define PF_HOOK_TIMEOUT_MIN_MS 100
#define PF_HOOK_TIMEOUT_MAX_MS 9000   /* Below the hook's own deadline; both
                                       * limits are validation's too. */
#define PF_VALIDATION_TIMEOUT_DEFAULT_MS 3000

/* Parses 'xml', a <network> document of at most 1 MiB.
 *
 * Returns a network that the caller gives up with pf_network_unref(), or NULL
 * with '*error' set.  An error in Portferry's element names the line and the
 * element ("line 9: <portferry:vlan>: attribute 'allowed': ...") and says what
 * would be right.  A network without Portferry's element is returned with
 * 'managed' FALSE. */
PfNetwork *pf_network_parse(const char *xml, GError **error);
/* Another reference to 'network', which does not change; for one thread. */
PfNetwork *pf_network_ref(const PfNetwork *network);
void pf_network_unref(PfNetwork *);
/* The same as pf_network_unref(): whoever has other references keeps them. */
void pf_network_free(PfNetwork *);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PfNetwork, pf_network_unref)

/* TRUE if 'network' lets a port carry VLAN 'vid' (0 to 4095). */
gboolean pf_network_allows_vlan(const PfNetwork *network, guint16 vid);

/* Whether a port stays closed of which an extension, one that 'network'
 * requires if 'required', could not be restored; FALSE if 'network' is NULL:
 * not managed any more.  Who requires the extension and says nothing means
 * so. */
gboolean pf_network_wants_quarantine(const PfNetwork *network,
                                     gboolean required);

/* What the network says of extension 'name'; NULL: it does not name it (but it
 * may have options). */
const PfNetExtension *pf_network_extension(const PfNetwork *network,
                                           const char *name);
/* Whether it requires extension 'name'; FALSE if 'network' is NULL. */
gboolean pf_network_requires(const PfNetwork *network, const char *name);
/* The options of 'extension', a{ss}: a full reference, never NULL. */
GVariant *pf_network_options(const PfNetwork *network, const char *extension);

/* The VLAN that libvirt would give a NIC of 'portgroup' (NULL: none named, the
 * default port group counts); NULL if there is none. */
const PfNetVlan *pf_network_vlan(const PfNetwork *network,
                                 const char *portgroup);

#endif
