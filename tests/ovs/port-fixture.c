/* SPDX-License-Identifier: Apache-2.0
 *
 * port-fixture: what the tests of the extension `port' share.
 */
#include <config.h>

#include "port-fixture.h"

const PfExtension *const ext = &pf_extension_port;

void
port_fixture_init(void)
{
    static const PfExtension *const extensions[] = {
        &pf_extension_port, NULL
    };

    ef_init(extensions);
}

PfNetwork *
network(const char *allowed)
{
    g_autofree char *vlan = allowed
        ? g_strdup_printf("<p:vlan allowed='%s'/>", allowed) : NULL;

    return ef_network("br0", vlan);
}

PfExtensionPort
guest_port(const char *name)
{
    PfExtensionPort ep = ef_port(name, "br0");

    ep.is_here = FALSE;
    return ep;
}

char *
verify(const PfExtensionPort *ep, const PfNetwork *n, const char *json)
{
    g_autoptr(GVariant) v = ef_policies(json);

    return ef_verify(ext, ep, n, v);
}

void
assert_verdict(const PfExtensionPort *ep, const PfNetwork *n,
               const char *json, const char *text)
{
    ef_assert_verdict(ext, ep, n, json, text);
}
