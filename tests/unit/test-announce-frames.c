/* SPDX-License-Identifier: Apache-2.0
 *
 * Frames that announce a guest, byte by byte.
 */
#include <config.h>

#include <sys/socket.h>

#include "extensions/announce-frames.h"

#define MAC "52:54:00:aa:00:01"

static PfMac
mac(void)
{
    PfMac m;

    g_assert_true(pf_mac_parse(MAC, &m));
    return m;
}

/* Bytes as hexadecimal digits; a "+N" stands for N zeros at the end. */
static char *
hex(GBytes *frame)
{
    gsize size, used;
    const guint8 *data = g_bytes_get_data(frame, &size);
    GString *s = g_string_new(NULL);

    for (used = size; used && !data[used - 1]; used--) {
        continue;
    }
    for (gsize i = 0; i < used; i++) {
        g_string_append_printf(s, "%02x", data[i]);
    }
    if (used < size) {
        g_string_append_printf(s, "+%" G_GSIZE_FORMAT, size - used);
    }
    g_bytes_unref(frame);
    return g_string_free(s, FALSE);
}

#define ASSERT_FRAME(FRAME, EXPECTED)                   \
    G_STMT_START {                                      \
        g_autofree char *hex_ = hex(FRAME);             \
        g_assert_cmpstr(hex_, ==, EXPECTED);            \
    } G_STMT_END

static GBytes *
address_frame(const char *text, int family, gboolean is_router, guint vid)
{
    PfMac m = mac();
    PfAddress a;

    g_assert_true(pf_address_parse(text, family, &a));
    return pf_frame_address(&m, &a, is_router, vid);
}

static void
test_rarp_says_where_the_mac_is(void)
{
    PfMac m = mac();

    ASSERT_FRAME(pf_frame_rarp(&m, 0),
                 "ffffffffffff" "525400aa0001" "8035"
                 "0001" "0800" "06" "04" "0003"
                 "525400aa0001" "00000000" "525400aa0001" "+22");
}

static void
test_a_tag_makes_a_frame_four_bytes_longer(void)
{
    PfMac m = mac();

    ASSERT_FRAME(pf_frame_rarp(&m, 4095),
                 "ffffffffffff" "525400aa0001" "8100" "0fff" "8035"
                 "0001" "0800" "06" "04" "0003"
                 "525400aa0001" "00000000" "525400aa0001" "+22");
}

static void
test_an_ipv4_address_is_an_arp_announcement(void)
{
    ASSERT_FRAME(address_frame("192.0.2.5", AF_INET, FALSE, 0),
                 "ffffffffffff" "525400aa0001" "0806"
                 "0001" "0800" "06" "04" "0001"
                 "525400aa0001" "c0000205" "000000000000" "c0000205" "+18");
}

static void
test_an_ipv6_address_is_a_neighbour_advertisement(void)
{
    g_autoptr(GBytes) frame = address_frame("2001:db8::5", AF_INET6, FALSE,
                                            0);
    const guint8 *data = g_bytes_get_data(frame, NULL);
    guint32 sum = 0x20 + 58;

    for (guint i = 14 + 8; i < g_bytes_get_size(frame); i += 2) {
        sum += data[i] << 8 | data[i + 1];
    }
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    g_assert_cmphex(sum, ==, 0xffff);   /* What a receiver wants to see. */

    ASSERT_FRAME(g_steal_pointer(&frame),
                 "333300000001" "525400aa0001" "86dd"
                 "60000000" "0020" "3a" "ff"
                 "20010db8000000000000000000000005"
                 "ff020000000000000000000000000001"
                 "8800" "a824" "20000000"
                 "20010db8000000000000000000000005"
                 "0201" "525400aa0001");
}

static void
test_a_router_says_that_it_is_one(void)
{
    g_autoptr(GBytes) frame = address_frame("fe80::5", AF_INET6, TRUE, 7);
    const guint8 *data = g_bytes_get_data(frame, NULL);

    g_assert_cmphex(data[18 + 40 + 4], ==, 0xa0);
}

static void
test_only_addresses_of_one_nic_are_taken(void)
{
    static const struct {
        const char *text;
        int family;
        gboolean ok;
    } cases[] = {
        { "192.0.2.5", AF_INET, TRUE },
        { "192.0.2.0/24", AF_INET, FALSE },
        { "0.0.0.0", AF_INET, FALSE },
        { "127.0.0.1", AF_INET, FALSE },
        { "224.0.0.251", AF_INET, FALSE },
        { "255.255.255.255", AF_INET, FALSE },
        { "2001:db8::5", AF_INET, FALSE },
        { "fe80::5054:ff:feaa:1", AF_INET6, TRUE },
        { "2001:db8::/64", AF_INET6, FALSE },
        { "::", AF_INET6, FALSE },
        { "::1", AF_INET6, FALSE },
        { "ff02::1", AF_INET6, FALSE },
        { "192.0.2.5", AF_INET6, FALSE },
        { "", AF_INET, FALSE },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        PfAddress a;

        g_test_message("%s", cases[i].text);
        g_assert_cmpint(pf_address_parse(cases[i].text, cases[i].family, &a),
                        ==, cases[i].ok);
    }
}

static void
test_only_macs_of_one_nic_are_taken(void)
{
    static const char *const bad[] = {
        "", "52:54:00:aa:00", "52:54:00:aa:00:01:02", "52-54-00-aa-00-01",
        "52:54:00:aa:00:0g", "53:54:00:aa:00:01", "00:00:00:00:00:00",
    };
    PfMac m;

    g_assert_true(pf_mac_parse("52:54:00:AA:00:01", &m));
    g_assert_cmphex(m.bytes[3], ==, 0xaa);
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_test_message("%s", bad[i]);
        g_assert_false(pf_mac_parse(bad[i], &m));
    }
}

int
main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/announce-frames/rarp", test_rarp_says_where_the_mac_is);
    g_test_add_func("/announce-frames/tag",
                    test_a_tag_makes_a_frame_four_bytes_longer);
    g_test_add_func("/announce-frames/ipv4",
                    test_an_ipv4_address_is_an_arp_announcement);
    g_test_add_func("/announce-frames/ipv6",
                    test_an_ipv6_address_is_a_neighbour_advertisement);
    g_test_add_func("/announce-frames/router",
                    test_a_router_says_that_it_is_one);
    g_test_add_func("/announce-frames/addresses",
                    test_only_addresses_of_one_nic_are_taken);
    g_test_add_func("/announce-frames/macs",
                    test_only_macs_of_one_nic_are_taken);
    return g_test_run();
}
