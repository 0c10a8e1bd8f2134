/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz-networkport: the <hookData> of libvirt's network hook.
 *
 * What is accepted has values of the form that the agent compares with its
 * own.
 */
#include <config.h>

#include <string.h>

#include "domain.h"
#include "harness.h"

#define HEX "0123456789abcdef"

/* Whether 'text' is like 'pattern', in which 'x' is a lower-case hex digit. */
static gboolean
is_like(const char *text, const char *pattern)
{
    for (; *pattern; text++, pattern++) {
        if (*pattern == 'x' ? !*text || !strchr(HEX, *text)
                            : *text != *pattern) {
            return FALSE;
        }
    }
    return !*text;
}

static void
check_mac(const char *mac)
{
    FUZZ_CHECK(!mac || is_like(mac, "xx:xx:xx:xx:xx:xx"), "MAC \"%s\"", mac);
}

static void
check_uuid(const char *uuid)
{
    FUZZ_CHECK(!uuid || is_like(uuid, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"),
               "UUID \"%s\"", uuid);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = fuzz_text(data, size);
    g_autoptr(GError) error = NULL;
    g_autoptr(PfNetworkPort) np = pf_networkport_parse(text, &error);

    fuzz_check_error(np, error);
    if (np) {
        FUZZ_CHECK(np->network, "no network");
        check_mac(np->mac);
        check_uuid(np->iface_id);
        check_uuid(np->owner_uuid);
        check_uuid(np->port_uuid);
        FUZZ_CHECK(strlen(np->network) <= 4096, "a name of %zu bytes",
                   strlen(np->network));
        FUZZ_CHECK(g_utf8_validate(np->network, -1, NULL), "not UTF-8");
    }
    return 0;
}
