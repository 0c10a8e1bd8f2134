/* SPDX-License-Identifier: Apache-2.0
 *
 * extension-fixture: extensions at a real Open vSwitch, through the agent's
 * own host (call.h, host.h).
 *
 * The test's guest is "vm1" with one NIC.  Two bridges of the one switch may
 * play two hosts.
 */
#ifndef EXTENSION_FIXTURE_H
#define EXTENSION_FIXTURE_H 1

#include "call.h"
#include "netconf.h"
#include "switch-fixture.h"

#define EF_MAC "52:54:00:aa:00:01"
#define EF_IFACE_ID "0d0c6d0e-0000-4000-8000-00000000000d"
#define EF_DOMAIN_UUID "0d0c6d0e-0000-4000-8000-0000000000d0"

/* Starts Open vSwitch (switch-fixture.h's 'ovs' and 'sw'), and initialises
 * 'extensions' (NULL-terminated). */
void ef_init(const PfExtension *const *extensions);
void ef_done(void);

/* The agent's host, and how often an extension has said changed(). */
extern const PfHost *ef_host;
extern guint ef_changes_said;

/* Runs all parts, GLib's main context too, until 'condition' holds. */
void ef_loop_until(OvsCondition condition, gpointer arg, const char *what);
/* Runs all parts for a while, for what a timer does. */
void ef_loop_for(guint ms);
/* Waits until the replica has everything that ovs-vsctl did. */
void ef_catch_up(void);

/* A managed network on 'bridge', with 'inner' (NULL: nothing) within its
 * <p:migration>: elements with prefix "p". */
PfNetwork *ef_network(const char *bridge, const char *inner);
/* The guest's port 'name' on 'bridge', as it is in the switch now. */
PfExtensionPort ef_port(const char *name, const char *bridge);

/* What came of a call; strings as far as they are there. */
typedef struct {
    GError *error;              /* The extension's, or the transaction's. */
    GVariant *policies;
    GVariant *chunks;           /* av. */
    char *problems;             /* Text of all of them; NULL: none. */
    char *note;
    GVariant *shown;            /* a{sv}. */
    gboolean changed;           /* It changed the database. */
} EfSaid;
void ef_said_free(EfSaid *);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EfSaid, ef_said_free)

/* Calls 'func' of 'extension', and commits and acknowledges what it adds to
 * the transaction. */
EfSaid *ef_call(const PfExtension *extension, PfCallFunc func,
                const PfExtensionPort *port, const PfNetwork *network,
                GVariant *policies);
EfSaid *ef_restore(const PfExtension *extension, const PfExtensionPort *port,
                   const PfNetwork *network, GVariant *old, GVariant *new_,
                   GVariant *chunks);
EfSaid *ef_guest_runs(const PfExtension *extension,
                      const PfExtensionPort *port, const PfNetwork *network,
                      PfGuestRuns reason);
/* The same, and it must succeed without a word about problems. */
EfSaid *ef_call_ok(const PfExtension *extension, PfCallFunc func,
                   const PfExtensionPort *port, const PfNetwork *network,
                   GVariant *policies);
/* All four verifications as the agent makes them: their problems' text, or
 * NULL. */
char *ef_verify(const PfExtension *extension, const PfExtensionPort *port,
                const PfNetwork *network, GVariant *policies);
/* Policies from their JSON, as they arrive. */
GVariant *ef_policies(const char *json);
/* Demands that 'json' is refused with exactly 'text', or, NULL, taken. */
void ef_assert_verdict(const PfExtension *extension,
                       const PfExtensionPort *port, const PfNetwork *network,
                       const char *json, const char *text);

#endif
