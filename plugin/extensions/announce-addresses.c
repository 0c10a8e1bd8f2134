/* SPDX-License-Identifier: Apache-2.0
 *
 * announce-addresses: which addresses a guest has, from its port's rules.  See
 * announce-addresses.h.
 */
#include <config.h>

#include "plugin/extensions/announce-addresses.h"

#include <arpa/inet.h>
#include <string.h>

/* ICMPv6 types in rules. */
#define ROUTER_ADVERTISEMENT "134"
#define NEIGHBOUR_ADVERTISEMENT "136"

/* What one rule matches, as far as it matters here.  Strings are the rule's,
 * NULL where it does not match that field. */
typedef struct {
    gboolean has_in_port;
    gboolean is_icmp6;
    gboolean other_mac;         /* It is for frames of another MAC. */
    const char *icmp_type;
    const char *arp_spa;
    const char *nw_src;
    const char *ipv6_src;
    const char *nd_target;
    int vid;
} Match;

PfAddresses *
pf_addresses_new(const char *mac, gboolean by_vlan)
{
    PfAddresses *a = g_new0(PfAddresses, 1);

    a->mac = g_strdup(mac);
    a->by_vlan = by_vlan;
    a->found = g_array_new(FALSE, TRUE, sizeof(PfPortAddress));
    return a;
}

void
pf_addresses_free(PfAddresses *a)
{
    if (a) {
        g_array_unref(a->found);
        g_free(a->mac);
        g_free(a);
    }
}

/* ---- One rule ----------------------------------------------------------- */

/* The VLAN that "VALUE" or "VALUE/MASK" of a TCI stands for; not one:
 * PF_ADDRESS_ANY_VLAN. */
static int
vid_of_tci(const char *text)
{
    char *end;
    guint64 value = g_ascii_strtoull(text, &end, 16);
    guint64 mask = *end == '/' ? g_ascii_strtoull(end + 1, NULL, 16)
                               : 0xffff;

    return (mask & 0xfff) == 0xfff ? (int) (value & 0xfff)
                                   : PF_ADDRESS_ANY_VLAN;
}

/* Whether the MAC 'text' is exact and not 'mac'. */
static gboolean
is_other_mac(const char *text, const char *mac)
{
    return !strchr(text, '/') && g_ascii_strcasecmp(text, mac);
}

static void
read_field(Match *m, const char *name, const char *value, const char *mac)
{
    if (!strcmp(name, "in_port")) {
        m->has_in_port = TRUE;
    } else if (!strcmp(name, "dl_src") || !strcmp(name, "arp_sha")
               || !strcmp(name, "nd_tll") || !strcmp(name, "nd_sll")) {
        m->other_mac |= is_other_mac(value, mac);
    } else if (!strcmp(name, "dl_vlan")) {
        m->vid = g_ascii_strtoull(value, NULL, 0) & 0xfff;
    } else if (!strcmp(name, "vlan_tci")) {
        m->vid = vid_of_tci(value);
    } else if (!strcmp(name, "icmp_type")) {
        m->icmp_type = value;
    } else if (!strcmp(name, "arp_spa")) {
        m->arp_spa = value;
    } else if (!strcmp(name, "nw_src")) {
        m->nw_src = value;
    } else if (!strcmp(name, "ipv6_src")) {
        m->ipv6_src = value;
    } else if (!strcmp(name, "nd_target")) {
        m->nd_target = value;
    }
}

/* Reads the fields of 'rule', which ends before its actions and is changed:
 * what 'm' points to are parts of it. */
static void
read_match(Match *m, char *rule, const char *mac)
{
    char *save = NULL;

    memset(m, 0, sizeof *m);
    m->vid = PF_ADDRESS_ANY_VLAN;
    for (char *token = strtok_r(rule, ", ", &save); token;
         token = strtok_r(NULL, ", ", &save)) {
        char *value = strchr(token, '=');

        if (value) {
            *value++ = '\0';
            read_field(m, token, value, mac);
        } else if (!strcmp(token, "icmp6")) {
            m->is_icmp6 = TRUE;
        }
    }
}

/* ---- Addresses ---------------------------------------------------------- */

/* Notes that the guest has the address 'text', if it is one.  A rule that
 * names the VLAN of an address knows more than one that does not. */
static void
add(PfAddresses *a, const char *text, int family, int vid)
{
    PfPortAddress found = { .vid = a->by_vlan ? vid : PF_ADDRESS_ANY_VLAN };

    if (!text || !pf_address_parse(text, family, &found.address)) {
        return;
    }
    for (guint i = 0; i < a->found->len; i++) {
        PfPortAddress *old = &g_array_index(a->found, PfPortAddress, i);

        if (!memcmp(&old->address, &found.address, sizeof found.address)
            && (old->vid == found.vid || old->vid == PF_ADDRESS_ANY_VLAN
                || found.vid == PF_ADDRESS_ANY_VLAN)) {
            old->vid = MAX(old->vid, found.vid);
            return;
        }
    }
    if (a->found->len == PF_ADDRESSES_MAX) {
        a->more = TRUE;
        return;
    }
    g_array_append_val(a->found, found);
}

void
pf_addresses_read_rule(PfAddresses *a, const char *rule, gboolean of_port)
{
    const char *actions = strstr(rule, "actions=");
    g_autofree char *text = NULL;
    Match m;

    if (!actions || !strcmp(actions, "actions=drop")) {
        return;
    }
    text = g_strndup(rule, actions - rule);
    read_match(&m, text, a->mac);
    if (m.other_mac || (m.has_in_port && !of_port)) {
        return;
    }
    add(a, m.arp_spa, AF_INET, m.vid);
    add(a, m.nw_src, AF_INET, m.vid);
    add(a, m.ipv6_src, AF_INET6, m.vid);
    if (m.is_icmp6 && !g_strcmp0(m.icmp_type, NEIGHBOUR_ADVERTISEMENT)) {
        add(a, m.nd_target, AF_INET6, m.vid);
    }
    if (m.is_icmp6 && !g_strcmp0(m.icmp_type, ROUTER_ADVERTISEMENT)) {
        a->is_router = TRUE;
    }
}
