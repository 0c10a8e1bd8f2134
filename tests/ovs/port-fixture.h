/* SPDX-License-Identifier: Apache-2.0
 *
 * port-fixture: what the tests of the extension `port' share.
 */
#ifndef PORT_FIXTURE_H
#define PORT_FIXTURE_H 1

#include "extension.h"
#include "netconf.h"
#include "switch-fixture.h"

/* The test's guest. */
#define MAC "52:54:00:aa:00:01"
#define IFACE_ID "0d0c6d0e-0000-4000-8000-00000000000d"

/* What libvirt writes on the guest's Interface, for ovs-vsctl. */
#define CLAIM "external_ids:iface-id=" IFACE_ID " " \
              "external_ids:iface-status=active " \
              "'external_ids:attached-mac=\"" MAC "\"'"

/* The extension. */
extern const PfExtension *const ext;

/* A managed network that allows the VLANs 'allowed' (NULL: all). */
PfNetwork *network(const char *allowed);
/* A port of the test's guest on 'n'. */
PfExtensionPort guest_port(const char *name, const PfNetwork *n);

/* Policies from their JSON, as they arrive. */
GVariant *policies(const char *json);
/* What verification of 'json' says; NULL if nothing. */
char *verify(const PfExtensionPort *ep, const char *json);
/* Demands that 'json' is refused with exactly 'text', or, NULL, taken. */
void assert_verdict(const PfExtensionPort *ep, const char *json,
                    const char *text);

/* Waits until 'sw' has everything that ovs-vsctl did. */
void catch_up(void);

#endif
