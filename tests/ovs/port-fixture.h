/* SPDX-License-Identifier: Apache-2.0
 *
 * port-fixture: what the tests of the extension `port' share.
 */
#ifndef PORT_FIXTURE_H
#define PORT_FIXTURE_H 1

#include "extension-fixture.h"
#include "extension.h"

/* What libvirt writes on the guest's Interface, for ovs-vsctl. */
#define CLAIM "external_ids:iface-id=" EF_IFACE_ID " " \
              "external_ids:iface-status=active " \
              "'external_ids:attached-mac=\"" EF_MAC "\"'"

/* The extension. */
extern const PfExtension *const ext;

/* ef_init() with it. */
void port_fixture_init(void);

/* A managed network that allows the VLANs 'allowed' (NULL: all). */
PfNetwork *network(const char *allowed);
/* A port of the test's guest on br0 that is not here yet. */
PfExtensionPort guest_port(const char *name);
/* Demands that 'json' is refused with exactly 'text', or, NULL, taken. */
void assert_verdict(const PfExtensionPort *ep, const PfNetwork *n,
                    const char *json, const char *text);
/* What verification of 'json' says; NULL if nothing. */
char *verify(const PfExtensionPort *ep, const PfNetwork *n, const char *json);

#endif
