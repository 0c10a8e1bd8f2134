/* SPDX-License-Identifier: Apache-2.0
 *
 * announce-frames: Ethernet frames that say where a guest is.
 *
 * Bytes only: who sends them, and when, is in announce.c.
 */
#ifndef PF_ANNOUNCE_FRAMES_H
#define PF_ANNOUNCE_FRAMES_H 1

#include <glib.h>

/* An Ethernet address. */
typedef struct {
    guint8 bytes[6];
} PfMac;

/* An IP address, and what is known of it. */
typedef struct {
    int family;                 /* AF_INET or AF_INET6. */
    guint8 bytes[16];           /* 4 or 16 of them, then zeros. */
} PfAddress;

/* Parses "52:54:00:12:34:56".  FALSE if it is not the address of one NIC (not
 * well formed, of a group, or zero). */
gboolean pf_mac_parse(const char *text, PfMac *mac);
/* Parses an IPv4 or IPv6 address.  FALSE if it is not one that a single NIC
 * may have (not well formed, of a group, a broadcast, unspecified, of a
 * loopback). */
gboolean pf_address_parse(const char *text, int family, PfAddress *address);

/* Frames from 'mac' to everybody, long enough for Ethernet and without its
 * checksum, with an 802.1Q tag if 'vid' is not 0.
 *
 * A request of the Reverse Address Resolution Protocol for the own address, as
 * QEMU sends it: it says nothing but where the MAC is. */
GBytes *pf_frame_rarp(const PfMac *mac, guint vid);
/* That 'mac' has 'address': for IPv4 an ARP announcement (a gratuitous
 * request), for IPv6 an unsolicited neighbour advertisement that overrides
 * what is cached.  'is_router': whether it is to be told from a router;
 * neighbours that are told otherwise forget a route through it. */
GBytes *pf_frame_address(const PfMac *mac, const PfAddress *address,
                         gboolean is_router, guint vid);

#endif
