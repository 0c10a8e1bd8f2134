/* SPDX-License-Identifier: Apache-2.0
 *
 * port-fixture: what the tests of the extension `port' share.
 */
#include <config.h>

#include "port-fixture.h"

#include "codec.h"

const PfExtension *const ext = &pf_extension_port;

PfNetwork *
network(const char *allowed)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *vlan = allowed
        ? g_strdup_printf("<p:vlan allowed='%s'/>", allowed) : NULL;
    g_autofree char *xml = g_strdup_printf(
        "<network><name>lan</name>"
        "<metadata><p:migration xmlns:p='" PF_NETWORK_NS "'>%s</p:migration>"
        "</metadata><forward mode='bridge'/><bridge name='br0'/>"
        "<virtualport type='openvswitch'/></network>", vlan ? vlan : "");
    PfNetwork *n = pf_network_parse(xml, &error);

    g_assert_no_error(error);
    g_assert_true(n->managed);
    return n;
}

PfExtensionPort
guest_port(const char *name, const PfNetwork *n)
{
    return (PfExtensionPort) {
        .domain = "vm1",
        .mac = MAC,
        .name = name,
        .bridge = "br0",
        .iface_id = IFACE_ID,
        .network = n,
        .sw = sw,
    };
}

GVariant *
policies(const char *json)
{
    g_autoptr(GError) error = NULL;
    GVariant *v = pf_codec_parse(json, &error);

    g_assert_no_error(error);
    return v;
}

char *
verify(const PfExtensionPort *ep, const char *json)
{
    g_autoptr(PfProblems) problems = pf_problems_new();
    g_autoptr(GVariant) v = policies(json);

    ext->verify(ep, v, problems);
    return pf_problems_count(problems) ? pf_problems_text(problems) : NULL;
}

void
assert_verdict(const PfExtensionPort *ep, const char *json, const char *text)
{
    g_autofree char *said = verify(ep, json);

    g_test_message("%.200s", json);
    g_assert_cmpstr(said, ==, text);
}

void
catch_up(void)
{
    sw_commit(pf_change_new(TRUE), "nothing");
}
