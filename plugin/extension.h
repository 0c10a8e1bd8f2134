/* SPDX-License-Identifier: Apache-2.0
 *
 * extension: what owns one kind of port state.
 *
 * An extension is a struct of functions, one for each request of a migration
 * in which it has a say, in the manner of Open vSwitch's providers.  A
 * function that is NULL has nothing to do.  Extensions are called in the order
 * of 'order', then name; in reverse at teardown.  What one saved is given back
 * only to it.
 *
 * Life of a port, as an extension sees it:
 *
 *   source       get_policies     often, while the guest runs (the stamp)
 *   destination  verify           before anything moves
 *   destination  property_add     the port exists as a ghost, without the tap
 *   source       nic_save         the guest has stopped
 *   source       port_teardown    the gate is closed, the claims are gone
 *   destination  nic_restore      the port claims the NIC, the gate is closed
 *
 * No function may block, or keep 'port' or what it points to.
 */
#ifndef PF_EXTENSION_H
#define PF_EXTENSION_H 1

#include <glib.h>

#include "plugin/switch.h"
#include "xml/netconf.h"

#define PF_EXTENSION_ERROR pf_extension_error_quark()
GQuark pf_extension_error_quark(void);

typedef enum {
    PF_EXTENSION_ERROR_REFUSED, /* Verification found problems. */
    PF_EXTENSION_ERROR_FAILED,  /* A request could not be carried out. */
} PfExtensionError;

/* The four kinds of verification. */
typedef enum {
    PF_VERIFY_SYNTAX,           /* Values are well formed. */
    PF_VERIFY_RANGE,            /* Within Open vSwitch's and the network's
                                 * limits. */
    PF_VERIFY_APPLICABILITY,    /* This host can do it. */
    PF_VERIFY_CONFLICT,         /* With what is here already. */
} PfVerifyKind;
const char *pf_verify_kind_name(PfVerifyKind);

/* What an extension is told of a port.  Everything belongs to the caller. */
typedef struct {
    const char *domain;         /* Name of the guest. */
    const char *mac;            /* Of the NIC, lower case. */
    const char *name;           /* Final name of the port on this host. */
    const char *bridge;         /* On this host. */
    const char *iface_id;       /* or NULL: not known yet. */
    guint mtu;                  /* From the domain's XML; 0: not given. */
    gboolean is_here;           /* The port exists on this host already: it is
                                 * in no conflict with itself. */
    const PfNetwork *network;   /* On this host. */
    PfSwitch *sw;
} PfExtensionPort;

/* Collects what verification finds: every problem, not only the first. */
typedef struct PfProblems PfProblems;
PfProblems *pf_problems_new(void);
void pf_problems_free(PfProblems *);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PfProblems, pf_problems_free)
/* 'format' names the value, the limit and where the limit comes from, without
 * a full stop: guest, NIC and extension are put before it. */
void pf_problems_add(PfProblems *, PfVerifyKind, const char *format, ...)
    G_GNUC_PRINTF(3, 4);
guint pf_problems_count(const PfProblems *);
/* All of them in one line, for a person; of many the first, and how many
 * more. */
char *pf_problems_text(const PfProblems *);

typedef struct PfExtension {
    const char *name;           /* [a-z0-9-]{1,32}. */
    guint version;              /* Of what it saves; 1 or more. */
    int order;                  /* Lower first. */

    /* Source: the policies of a port whose image (see switch.h) is 'image',
     * as an a{sv}, floating or full; NULL with '*error' set on failure. */
    GVariant *(*get_policies)(const PfExtensionPort *port, GVariant *image,
                              GError **error);

    /* Destination: checks 'policies', which may come from anybody, against
     * this host; adds what is wrong to 'problems'.  Changes nothing. */
    void (*verify)(const PfExtensionPort *port, GVariant *policies,
                   PfProblems *problems);

    /* Destination: adds to 'change' what brings 'policies', verified before,
     * to the ghost 'port->name'.  FALSE with '*error' set refuses the
     * migration. */
    gboolean (*property_add)(const PfExtensionPort *port, GVariant *policies,
                             PfChange *change, GError **error);

    /* Source: the run-time data of a port as an a{sv}, or NULL without
     * '*error': it has none.  'image' is that of the port as it was before the
     * switchover. */
    GVariant *(*nic_save)(const PfExtensionPort *port, GVariant *image,
                          GError **error);

    /* Source: adds to 'change' what makes the switch forget the port. */
    gboolean (*port_teardown)(const PfExtensionPort *port, PfChange *change,
                              GError **error);

    /* Destination: brings the port from the policies in place ('old') to those
     * at the switchover ('new', verified), and gives 'data' (NULL: none)
     * back, by adding to 'change'.  Sets '*changed' if it added anything: then
     * the gate waits for ovs-vswitchd's acknowledgement. */
    gboolean (*nic_restore)(const PfExtensionPort *port, GVariant *old,
                            GVariant *new, GVariant *data, PfChange *change,
                            gboolean *changed, GError **error);
} PfExtension;

/* ---- The registry ------------------------------------------------------ */

/* All extensions, in order, NULL-terminated. */
const PfExtension *const *pf_extensions(void);
const PfExtension *pf_extension_find(const char *name);

extern const PfExtension pf_extension_port;

#endif
