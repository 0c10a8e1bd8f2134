/* SPDX-License-Identifier: Apache-2.0
 *
 * agent-private: what the files of the agent share.
 *
 *   agent.c        the parts, events of libvirt and of the switch
 *   recovery.c     what a start finds in the journal and in the switch
 *   guests.c       guests that run here, and their stamps
 *   hook-server.c  what the hooks ask
 *   commands.c     what the command asks
 *   migration.c    a migration under way; source.c, source-save.c and
 *                  destination.c do its requests
 */
#ifndef PF_AGENT_PRIVATE_H
#define PF_AGENT_PRIVATE_H 1

#include <glib.h>

#include <portferry/extension.h>

#include "plugin/agent.h"
#include "plugin/appctl.h"
#include "plugin/gate.h"
#include "plugin/hypervisor.h"
#include "plugin/journal.h"
#include "plugin/openflow.h"
#include "plugin/switch.h"
#include "xml/domain.h"
#include "xml/netconf.h"

/* A libvirt network of this host. */
typedef struct {
    PfNetwork *network;         /* NULL: its XML is in error. */
    char *error;                /* Why, or NULL. */
    gboolean claims_managed;    /* In error, but has an element of ours. */
} PfAgentNetwork;

typedef struct PfGuests PfGuests;
struct PfMigration;

struct PfAgent {
    char *host;                 /* Name of this host. */
    char *ovsdb;                /* As in the options. */
    char *libvirt;
    gint64 started_ms;          /* time_msec(). */
    PfSwitch *sw;
    PfGates *gates;
    PfOpenflow *openflow;
    PfAppctl *appctl;
    PfHypervisor *hv;
    PfJournal *journal;
    PfGuests *guests;
    GHashTable *networks;       /* Name -> PfAgentNetwork *. */
    gboolean networks_known;    /* libvirt has been asked at least once. */
    gboolean guests_known;      /* The same. */
    GPtrArray *migrations;      /* struct PfMigration *, under way. */
    GHashTable *untold;         /* Port's name -> PfGuestRuns: tell.c. */
    gboolean recovered;         /* The journal's open migrations are here. */
    gboolean switch_changed;    /* Since the last run. */
};

/* The managed network 'name'; NULL if it is not managed, or in error. */
const PfNetwork *pf_agent_network(PfAgent *, const char *name);

/* The migration of domain 'uuid' under way in this role, or NULL. */
struct PfMigration *pf_agent_migration(PfAgent *, const char *domain_uuid,
                                       int role);
/* Whether a migration under way has the port 'name'. */
gboolean pf_agent_is_moving(const PfAgent *, const char *name);
/* Takes over the caller's reference. */
void pf_agent_add_migration(PfAgent *, struct PfMigration *);

/* pf_gates_set() with what the switch has of the port: 'row' (NULL: nothing
 * yet). */
void pf_agent_set_gate(PfAgent *, const char *bridge, const char *name,
                       const PfPort *row, gboolean closed, guint timeout_ms,
                       PfGateDone done, gpointer user);

/* Asks libvirt what the guest of 'm' does: events may have been missed. */
void pf_agent_look(struct PfMigration *m);

/* ---- recovery.c --------------------------------------------------------- */

/* Takes up what the journal has, and sweeps what nobody owns; once. */
void pf_agent_recover(PfAgent *);

/* ---- guests.c ----------------------------------------------------------- */

/* A guest with at least one NIC on a managed network, running here. */
typedef struct {
    char *uuid;
    char *name;
    PfGuestState state;
    PfDomain *domain;           /* From the live XML. */
    char *epoch;                /* In the stamp that the XML has, or NULL. */
    char *stamp;                /* As last written, or NULL. */
    GHashTable *states;         /* MAC -> PfPortStates *: what it has. */
    GHashTable *ofports;        /* MAC -> OpenFlow number that it has had
                                 * here last. */
    gboolean making;            /* Extensions are asked for the next. */
    gboolean dirty;             /* The stamp is to be looked at. */
    gboolean renew;             /* The next stamp gets a new epoch. */
    gboolean writing;           /* A write is under way. */
    gint64 not_before_ms;       /* No write earlier; time_msec(). */
} PfGuest;

PfGuests *pf_guests_new(PfAgent *);
void pf_guests_free(PfGuests *);
void pf_guests_run(PfGuests *);
void pf_guests_wait(PfGuests *);
/* From the hypervisor: 'xml' NULL or state GONE removes the guest. */
void pf_guests_update(PfGuests *, const char *uuid, const char *name,
                      PfGuestState state, const char *xml);
void pf_guests_set_state(PfGuests *, const char *uuid, PfGuestState state);
PfGuest *pf_guests_find(PfGuests *, const char *uuid);
/* Every stamp, or that of the guest with port 'name', is looked at again. */
void pf_guests_changed(PfGuests *);
void pf_guests_port_changed(PfGuests *, const char *name);
/* A migration of this guest is over: its next stamp gets a new epoch. */
void pf_guests_renew(PfGuests *, const char *uuid);
/* All guests, PfGuest *; the array is the caller's, the guests are not. */
GPtrArray *pf_guests_list(PfGuests *);
/* TRUE if the NIC is on a managed network and its port is in the switch. */
gboolean pf_guests_nic_is_managed(PfAgent *, const PfNic *);
/* What an extension is told of 'nic', whose port is 'port'. */
PfExtensionPort pf_guests_extension_port(const PfGuest *, const PfNic *nic,
                                         const PfPort *port);
/* The first NIC whose PortData libvirt carries, or NULL. */
const PfNic *pf_guests_first_openvswitch_nic(const PfDomain *);

/* ---- hook-server.c, commands.c ------------------------------------------ */

void pf_hook_server_init(PfAgent *);
void pf_hook_server_run(PfAgent *);
void pf_hook_server_wait(void);
void pf_commands_init(PfAgent *);

#endif
