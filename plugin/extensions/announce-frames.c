/* SPDX-License-Identifier: Apache-2.0
 *
 * announce-frames: Ethernet frames that say where a guest is.  See
 * announce-frames.h.
 */
#include <config.h>

#include "plugin/extensions/announce-frames.h"

#include <arpa/inet.h>
#include <string.h>

#define ETHERTYPE_VLAN 0x8100
#define ETHERTYPE_ARP 0x0806
#define ETHERTYPE_RARP 0x8035
#define ETHERTYPE_IPV6 0x86dd

#define ARP_REQUEST 1
#define RARP_REQUEST 3

#define NEXT_HEADER_ICMPV6 58
#define ICMPV6_NEIGHBOUR_ADVERTISEMENT 136
#define NA_ROUTER 0x80
#define NA_OVERRIDE 0x20
#define ND_OPTION_TARGET_MAC 2

/* Without the tag: a switch that takes it away has a whole frame left. */
#define FRAME_SIZE_MIN 60
#define TAG_SIZE 4

static const PfMac broadcast = {{ 0xff, 0xff, 0xff, 0xff, 0xff, 0xff }};
/* Where frames to ff02::1, all nodes of the link, go. */
static const PfMac all_nodes_mac = {{ 0x33, 0x33, 0, 0, 0, 1 }};
static const guint8 all_nodes[16] = { 0xff, 2, [15] = 1 };

/* ---- Addresses ---------------------------------------------------------- */

gboolean
pf_mac_parse(const char *text, PfMac *mac)
{
    static const PfMac zero;

    if (strlen(text) != 17) {
        return FALSE;
    }
    for (int i = 0; i < 6; i++) {
        int high = g_ascii_xdigit_value(text[3 * i]);
        int low = g_ascii_xdigit_value(text[3 * i + 1]);

        if (high < 0 || low < 0 || (i < 5 && text[3 * i + 2] != ':')) {
            return FALSE;
        }
        mac->bytes[i] = high << 4 | low;
    }
    return !(mac->bytes[0] & 1) && memcmp(mac, &zero, sizeof zero);
}

/* Whether one NIC may have the IPv4 address 'ip'. */
static gboolean
is_host_ipv4(const guint8 ip[4])
{
    return ip[0] != 0 && ip[0] != 127 && ip[0] < 224;
}

/* Whether one NIC may have the IPv6 address 'ip': neither ff00::/8 nor ::/96,
 * where :: and ::1 are. */
static gboolean
is_host_ipv6(const guint8 ip[16])
{
    static const guint8 zeros[12];

    return ip[0] != 0xff && memcmp(ip, zeros, sizeof zeros);
}

gboolean
pf_address_parse(const char *text, int family, PfAddress *address)
{
    memset(address, 0, sizeof *address);
    address->family = family;
    return (inet_pton(family, text, address->bytes) == 1
            && (family == AF_INET ? is_host_ipv4(address->bytes)
                : is_host_ipv6(address->bytes)));
}

/* ---- Building ----------------------------------------------------------- */

static void
put(GByteArray *frame, gconstpointer bytes, guint size)
{
    g_byte_array_append(frame, bytes, size);
}

static void
put8(GByteArray *frame, guint8 value)
{
    put(frame, &value, sizeof value);
}

static void
put16(GByteArray *frame, guint16 value)
{
    value = htons(value);
    put(frame, &value, sizeof value);
}

static void
put_zeros(GByteArray *frame, guint size)
{
    static const guint8 zeros[FRAME_SIZE_MIN + TAG_SIZE];

    put(frame, zeros, size);
}

/* A frame with nothing in it yet. */
static GByteArray *
frame_begin(const PfMac *to, const PfMac *from, guint vid, guint16 type)
{
    GByteArray *frame = g_byte_array_sized_new(96);

    put(frame, to, sizeof *to);
    put(frame, from, sizeof *from);
    if (vid) {
        put16(frame, ETHERTYPE_VLAN);
        put16(frame, vid);
    }
    put16(frame, type);
    return frame;
}

static GBytes *
frame_end(GByteArray *frame, guint vid)
{
    guint min = FRAME_SIZE_MIN + (vid ? TAG_SIZE : 0);

    if (frame->len < min) {
        put_zeros(frame, min - frame->len);
    }
    return g_byte_array_free_to_bytes(frame);
}

/* What ARP and RARP have in common, up to the operation. */
static void
put_arp_header(GByteArray *frame, guint16 operation)
{
    put16(frame, 1);            /* Ethernet. */
    put16(frame, 0x0800);       /* IPv4. */
    put8(frame, 6);
    put8(frame, 4);
    put16(frame, operation);
}

GBytes *
pf_frame_rarp(const PfMac *mac, guint vid)
{
    GByteArray *frame = frame_begin(&broadcast, mac, vid, ETHERTYPE_RARP);

    put_arp_header(frame, RARP_REQUEST);
    put(frame, mac, sizeof *mac);
    put_zeros(frame, 4);
    put(frame, mac, sizeof *mac);
    put_zeros(frame, 4);
    return frame_end(frame, vid);
}

static GBytes *
frame_arp(const PfMac *mac, const guint8 ip[4], guint vid)
{
    GByteArray *frame = frame_begin(&broadcast, mac, vid, ETHERTYPE_ARP);

    put_arp_header(frame, ARP_REQUEST);
    put(frame, mac, sizeof *mac);
    put(frame, ip, 4);
    put_zeros(frame, sizeof *mac);
    put(frame, ip, 4);
    return frame_end(frame, vid);
}

/* Adds 16-bit words, of which 'size' bytes are, to 'sum'. */
static guint32
add_words(guint32 sum, const guint8 *bytes, guint size)
{
    for (guint i = 0; i < size; i += 2) {
        sum += bytes[i] << 8 | bytes[i + 1];
    }
    return sum;
}

/* The checksum of 'message' (of even size, its own checksum 0), over IPv6's
 * pseudo header too. */
static guint16
icmpv6_checksum(const guint8 from[16], const guint8 to[16],
                const GByteArray *message)
{
    guint32 sum = message->len + NEXT_HEADER_ICMPV6;

    sum = add_words(sum, from, 16);
    sum = add_words(sum, to, 16);
    sum = add_words(sum, message->data, message->len);
    while (sum >> 16) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return ~sum;
}

/* The advertisement without what is around it. */
static GByteArray *
neighbour_advertisement(const PfMac *mac, const guint8 ip[16],
                        gboolean is_router)
{
    GByteArray *message = g_byte_array_new();
    guint16 sum;

    put8(message, ICMPV6_NEIGHBOUR_ADVERTISEMENT);
    put8(message, 0);
    put16(message, 0);          /* Checksum. */
    put8(message, NA_OVERRIDE | (is_router ? NA_ROUTER : 0));
    put_zeros(message, 3);
    put(message, ip, 16);
    put8(message, ND_OPTION_TARGET_MAC);
    put8(message, 1);           /* Eight bytes. */
    put(message, mac, sizeof *mac);

    sum = htons(icmpv6_checksum(ip, all_nodes, message));
    memcpy(message->data + 2, &sum, sizeof sum);
    return message;
}

static GBytes *
frame_na(const PfMac *mac, const guint8 ip[16], gboolean is_router, guint vid)
{
    g_autoptr(GByteArray) message = neighbour_advertisement(mac, ip,
                                                            is_router);
    GByteArray *frame = frame_begin(&all_nodes_mac, mac, vid, ETHERTYPE_IPV6);

    put8(frame, 0x60);          /* Version 6. */
    put_zeros(frame, 3);
    put16(frame, message->len);
    put8(frame, NEXT_HEADER_ICMPV6);
    put8(frame, 255);           /* Hop limit: has passed no router. */
    put(frame, ip, 16);
    put(frame, all_nodes, sizeof all_nodes);
    put(frame, message->data, message->len);
    return frame_end(frame, vid);
}

GBytes *
pf_frame_address(const PfMac *mac, const PfAddress *address,
                 gboolean is_router, guint vid)
{
    return (address->family == AF_INET
            ? frame_arp(mac, address->bytes, vid)
            : frame_na(mac, address->bytes, is_router, vid));
}
