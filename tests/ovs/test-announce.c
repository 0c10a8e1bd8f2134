/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of the extension `announce' against a real Open vSwitch: what a
 * neighbour on a trunk gets to see.
 */
#include <config.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "extension-fixture.h"
#include "extension.h"

#define ANNOUNCE (&pf_extension_announce)

/* The guest's port, and that of the neighbour, which is a trunk of all
 * VLANs. */
#define GUEST "g0"
#define NEIGHBOUR "n0"

#define MAC_BYTES "\x52\x54\x00\xaa\x00\x01"

/* All rounds, and more. */
#define ALL_ROUNDS_MS 1400

static int guest_tap, neighbour_tap;

/* Whether ef_done() was called. */
static gboolean is_over;

/* ---- What the neighbour sees -------------------------------------------- */

static guint
be16(const guint8 *p)
{
    return p[0] << 8 | p[1];
}

/* "rarp" if the bytes at 'p', behind type 0x8035, are QEMU's; "arp ADDRESS" if
 * they are an announcement of it. */
static char *
decode_arp(const guint8 *p, gsize size, gboolean is_rarp)
{
    static const guint8 header[] = { 0, 1, 8, 0, 6, 4, 0 };
    static const guint8 zeros[6];

    g_assert_cmpuint(size, >=, 46);
    g_assert_cmpmem(p, sizeof header, header, sizeof header);
    g_assert_cmpmem(p + 8, 6, MAC_BYTES, 6);
    if (is_rarp) {
        g_assert_cmpuint(p[7], ==, 3);
        g_assert_cmpmem(p + 14, 4, zeros, 4);
        g_assert_cmpmem(p + 18, 6, MAC_BYTES, 6);
        g_assert_cmpmem(p + 24, 4, zeros, 4);
        return g_strdup("rarp");
    }
    g_assert_cmpuint(p[7], ==, 1);
    g_assert_cmpmem(p + 18, 6, zeros, 6);
    g_assert_cmpmem(p + 24, 4, p + 14, 4);
    return g_strdup_printf("arp %u.%u.%u.%u", p[14], p[15], p[16], p[17]);
}

/* "na LAST-BYTE" or "router LAST-BYTE" if the bytes at 'p', behind type
 * 0x86dd, are an unsolicited neighbour advertisement whose checksum is
 * right. */
static char *
decode_na(const guint8 *p, gsize size)
{
    static const guint8 all_nodes[16] = { 0xff, 2, [15] = 1 };
    guint32 sum = 32 + 58;

    g_assert_cmpuint(size, ==, 40 + 32);
    g_assert_cmphex(be16(p), ==, 0x6000);
    g_assert_cmpuint(be16(p + 4), ==, 32);
    g_assert_cmpuint(p[6], ==, 58);
    g_assert_cmpuint(p[7], ==, 255);
    g_assert_cmpmem(p + 24, 16, all_nodes, 16);
    g_assert_cmpuint(p[40], ==, 136);
    g_assert_cmpuint(p[41], ==, 0);
    g_assert_cmphex(p[44] & 0x7f, ==, 0x20);
    g_assert_cmpmem(p + 48, 16, p + 8, 16);
    g_assert_cmphex(be16(p + 64), ==, 0x0201);
    g_assert_cmpmem(p + 66, 6, MAC_BYTES, 6);
    for (gsize i = 8; i < size; i += 2) {
        sum += be16(p + i);
    }
    while (sum >> 16) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    g_assert_cmphex(sum, ==, 0xffff);
    return g_strdup_printf("%s %u", p[44] & 0x80 ? "router" : "na", p[23]);
}

/* A frame as text, behind its tags: "10:rarp".  NULL: none of the guest's. */
static char *
decode(const guint8 *frame, gsize size)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_autofree char *what = NULL;
    gsize at = 12;

    g_assert_cmpuint(size, >=, 60);
    if (memcmp(frame + 6, MAC_BYTES, 6)) {
        return NULL;
    }
    for (; be16(frame + at) == 0x8100 || be16(frame + at) == 0x88a8; at += 4) {
        g_string_append_printf(text, "%u:", be16(frame + at + 2) & 0xfff);
    }
    switch (be16(frame + at)) {
    case 0x0806:
    case 0x8035:
        g_assert_cmpmem(frame, 6, "\xff\xff\xff\xff\xff\xff", 6);
        what = decode_arp(frame + at + 2, size - at - 2,
                          be16(frame + at) == 0x8035);
        break;
    case 0x86dd:
        g_assert_cmpmem(frame, 6, "\x33\x33\x00\x00\x00\x01", 6);
        what = decode_na(frame + at + 2, size - at - 2);
        break;
    default:
        what = g_strdup_printf("type %04x", be16(frame + at));
    }
    return g_strconcat(text->str, what, NULL);
}

/* Every frame that has come to 'tap', in order; char *. */
static GPtrArray *
read_all(int tap)
{
    GPtrArray *seen = g_ptr_array_new_with_free_func(g_free);
    guint8 frame[2048];
    ssize_t size;

    while ((size = read(tap, frame, sizeof frame)) > 0) {
        char *text = decode(frame, size);
        if (text) {
            g_ptr_array_add(seen, text);
        }
    }
    g_assert_cmpint(errno, ==, EAGAIN);
    return seen;
}

static gint
compare_texts(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *) a, *(const char *const *) b);
}

/* Fails unless the neighbour has got these frames since the last look, each
 * once: "FRAME, FRAME", in order. */
static void
assert_seen(const char *expected)
{
    g_autoptr(GPtrArray) seen = read_all(neighbour_tap);
    g_autofree char *text = NULL;

    g_ptr_array_add(seen, NULL);
    text = g_strjoinv(", ", (char **) seen->pdata);
    g_assert_cmpstr(text, ==, expected);
}

/* ---- The guest ---------------------------------------------------------- */

/* A frame with the guest's MAC and tag 'vid' (0: none) comes from 'tap': its
 * switch learns where it is. */
static void
frame_comes(int tap, guint vid)
{
    guint8 frame[64] = "\xff\xff\xff\xff\xff\xff" MAC_BYTES;

    if (vid) {
        memcpy(frame + 12, "\x81\x00", 2);
        frame[14] = vid >> 8;
        frame[15] = vid;
    }
    memcpy(frame + (vid ? 16 : 12), "\x88\xb5", 2);
    g_assert_cmpint(write(tap, frame, sizeof frame), ==, sizeof frame);
}

/* Whether the bridge has learnt the guest in the VLAN '*vid'. */
static gboolean
is_learnt(gpointer vid)
{
    g_autofree char *count = ovs_run(
        "ovs-appctl fdb/show br0 | grep -c ' %u  " EF_MAC "' || true",
        *(const guint *) vid);

    return strcmp(count, "0") != 0;
}

/* The guest is seen in these VLANs (the bridge's terms; 0: the end) on a
 * trunk, and its neighbour forgets it. */
static void
guest_is_seen_in(guint *vids)
{
    for (; *vids; vids++) {
        frame_comes(guest_tap, *vids);
        ef_loop_until(is_learnt, vids, "the bridge's learning");
    }
    g_ptr_array_unref(read_all(neighbour_tap));
}
#define SEEN_IN(...) guest_is_seen_in((guint[]) { __VA_ARGS__, 0 })

/* A fresh port of the guest, with 'columns' of its Port row, and rules
 * 'rules' (lines) besides NORMAL. */
static void
setup(const char *columns, const char *rules)
{
    ovs_do("ovs-vsctl --if-exists del-port " GUEST
           " -- --if-exists del-port " NEIGHBOUR
           " -- add-port br0 " NEIGHBOUR " -- add-port br0 " GUEST " %s",
           columns);
    ovs_do("ovs-appctl fdb/flush br0");
    ovs_do("printf '%%s\\n' 'priority=0,actions=NORMAL' '%s' | "
           "sed 's/ *$//; /^$/d' | ovs-ofctl --bundle replace-flows br0 -",
           rules);
    ef_catch_up();
    g_ptr_array_unref(read_all(neighbour_tap));
}

/* The guest runs, and the first round is over.  Returns the notes. */
static char *
guest_runs(const PfNetwork *network, PfGuestRuns reason)
{
    PfExtensionPort port = ef_port(GUEST, "br0");
    g_autoptr(EfSaid) said = ef_guest_runs(ANNOUNCE, &port, network, reason);

    g_assert_no_error(said->error);
    g_assert_false(said->changed);
    return g_steal_pointer(&said->note);
}

/* Calls 'func' of the extension for the guest's port. */
static EfSaid *
call(PfCallFunc func)
{
    PfExtensionPort port = ef_port(GUEST, "br0");

    return ef_call_ok(ANNOUNCE, func, &port, NULL, NULL);
}

/* No further rounds of the last announcement come. */
static void
teardown(void)
{
    g_autoptr(EfSaid) said = call(PF_CALL_PORT_GONE);

    g_assert_cmpstr(said->note, ==, NULL);
}

/* The guest arrives, and the neighbour sees 'expected' in the first round. */
static void
assert_announced(const char *expected)
{
    g_autofree char *note = guest_runs(NULL, PF_GUEST_ARRIVED);

    teardown();
    g_assert_cmpstr(note, ==, NULL);
    assert_seen(expected);
}

/* What the source has saved, in JSON, comes to the destination.  Returns the
 * notes. */
static char *
restore(const char *json)
{
    PfExtensionPort port = ef_port(GUEST, "br0");
    g_autoptr(GVariant) dict = ef_policies(json);
    g_autoptr(GVariant) chunks = g_variant_lookup_value(dict, "chunks", NULL);
    g_autoptr(EfSaid) said = ef_restore(ANNOUNCE, &port, NULL, NULL, NULL,
                                        chunks);

    g_assert_no_error(said->error);
    g_assert_false(said->changed);
    return g_steal_pointer(&said->note);
}

static void
restore_ok(const char *json)
{
    g_autofree char *note = restore(json);

    g_assert_cmpstr(note, ==, NULL);
}

/* What nic_save says, as text; "" if nothing. */
static char *
save(void)
{
    g_autoptr(EfSaid) said = call(PF_CALL_NIC_SAVE);

    g_assert_cmpstr(said->note, ==, NULL);
    g_assert_null(said->policies);
    return said->chunks ? g_variant_print(said->chunks, FALSE) : g_strdup("");
}

/* ---- VLANs -------------------------------------------------------------- */

static void
test_an_access_port_is_announced_in_its_vlan(void)
{
    setup("", "");
    assert_announced("rarp");
    setup("tag=10", "");
    assert_announced("10:rarp");
    setup("tag=10 -- set port " GUEST " vlan_mode=access", "");
    restore_ok("{\"chunks\":[{\"vlans\":[20]}]}");
    assert_announced("10:rarp");
}

static void
test_a_trunk_is_announced_where_its_mac_was_seen(void)
{
    g_autofree char *saved = NULL;

    setup("", "");
    SEEN_IN(20, 30, 40);
    saved = save();
    g_assert_cmpstr(saved, ==, "[<{'vlans': <[<int64 20>, <int64 30>, "
                    "<int64 40>]>}>]");

    setup("trunks=20,40", "");
    restore_ok("{\"chunks\":[{\"vlans\":[20,30,40]}]}");
    assert_announced("20:rarp, 40:rarp");
    setup("trunks=0", "");
    restore_ok("{\"chunks\":[{\"vlans\":[20,30,40]}]}");
    assert_announced("rarp");
    setup("", "");
    restore_ok("{\"chunks\":[{\"vlans\":[20,0]}]}");
    assert_announced("rarp, 20:rarp");
    /* They are of one arrival, and not of the next. */
    ovs_do("ovs-appctl fdb/flush br0");
    assert_announced("rarp");
}

static void
test_the_native_vlan_of_a_trunk_has_no_tag(void)
{
    static const char *const modes[] = { "native-tagged", "native-untagged" };

    for (guint i = 0; i < G_N_ELEMENTS(modes); i++) {
        g_autofree char *all = g_strdup_printf(
            "tag=10 -- set port " GUEST " vlan_mode=%s", modes[i]);
        g_autofree char *some = g_strconcat(all, " trunks=20,21", NULL);

        setup(some, "");
        restore_ok("{\"chunks\":[{\"vlans\":[10,20,30]}]}");
        assert_announced("10:rarp, 20:rarp");

        setup(all, "");
        restore_ok("{\"chunks\":[{\"vlans\":[10,30]}]}");
        assert_announced("10:rarp, 30:rarp");
    }
}

/* A guest that gets its native VLAN's frames with a tag sends them with one,
 * and its rules say so. */
static void
test_where_the_native_vlan_is_tagged_so_are_the_frames(void)
{
    static const char *const rules
        = "priority=9,in_port=" GUEST ",dl_vlan=10,dl_type=0x8035,"
          "actions=NORMAL\n"
          "priority=9,arp,in_port=" GUEST ",dl_vlan=10,arp_spa=192.0.2.5,"
          "actions=NORMAL\n"
          "priority=1,in_port=" GUEST ",actions=drop";

    setup("tag=10 -- set port " GUEST " vlan_mode=native-tagged", rules);
    assert_announced("10:rarp, 10:arp 192.0.2.5");
    setup("tag=10 -- set port " GUEST " vlan_mode=native-tagged trunks=20",
          rules);
    assert_announced("10:rarp, 10:arp 192.0.2.5");
}

static void
test_a_tunnel_is_announced_with_customers_tags(void)
{
    setup("tag=10 -- set port " GUEST " vlan_mode=dot1q-tunnel", "");
    assert_announced("10:rarp");
    setup("tag=10 -- set port " GUEST " vlan_mode=dot1q-tunnel cvlans=5,6",
          "");
    assert_announced("10:5:rarp, 10:6:rarp");
}

/* What others have learnt of its MAC elsewhere is not where it is. */
static void
test_where_others_have_its_mac_is_not_saved(void)
{
    guint vid = 30;

    setup("", "");
    SEEN_IN(20);
    frame_comes(neighbour_tap, vid);
    ef_loop_until(is_learnt, &vid, "the bridge's learning");
    g_autofree char *saved = save();
    g_assert_cmpstr(saved, ==, "[<{'vlans': <[<int64 20>]>}>]");
    assert_announced("rarp, 20:rarp");
}

/* Also where a rule would let it out. */
static void
test_a_vlan_that_the_port_does_not_carry_is_left_out(void)
{
    setup("trunks=20", "priority=5,in_port=" GUEST ",actions=output:"
          NEIGHBOUR);
    restore_ok("{\"chunks\":[{\"vlans\":[20,30]}]}");
    assert_announced("20:rarp");
}

static void
test_a_port_that_is_no_trunk_saves_nothing(void)
{
    guint vid = 10;
    g_autofree char *saved = NULL;

    setup("tag=10", "");
    frame_comes(guest_tap, 0);
    ef_loop_until(is_learnt, &vid, "the bridge's learning");
    saved = save();
    g_assert_cmpstr(saved, ==, "");
}

static void
test_a_guest_that_stays_is_announced_where_it_was(void)
{
    g_autofree char *saved = NULL;
    g_autofree char *note = NULL;

    setup("", "");
    SEEN_IN(20, 30);
    saved = save();
    g_assert_cmpstr(saved, ==, "[<{'vlans': <[<int64 20>, <int64 30>]>}>]");
    g_autoptr(EfSaid) torn_down = call(PF_CALL_PORT_TEARDOWN);
    ovs_do("ovs-vsctl del-port " GUEST " -- add-port br0 " GUEST);
    ef_catch_up();
    note = guest_runs(NULL, PF_GUEST_RETURNED);
    teardown();
    g_assert_cmpstr(note, ==, NULL);
    assert_seen("rarp, 20:rarp, 30:rarp");

    /* Whose agent has forgotten it, but whose switch knows it. */
    SEEN_IN(50, 20, 30);
    note = guest_runs(NULL, PF_GUEST_RETURNED);
    teardown();
    g_assert_cmpstr(note, ==, NULL);
    g_autoptr(GPtrArray) seen = read_all(neighbour_tap);
    g_assert_cmpuint(seen->len, ==, 4);
}

static void
test_a_vlan_that_the_network_forbids_is_left_out(void)
{
    PfNetwork *n = ef_network("br0", "<p:vlan allowed='20,40-50'/>");
    g_autofree char *note = NULL;

    setup("", "");
    restore_ok("{\"chunks\":[{\"vlans\":[20,30]}]}");
    note = guest_runs(n, PF_GUEST_ARRIVED);
    teardown();
    g_assert_cmpstr(note, ==, "it is not announced in VLAN 30, where its MAC "
                    "was seen: its network allows 20,40-50");
    assert_seen("rarp, 20:rarp");
    pf_network_free(n);
}

static void
test_data_that_is_wrong_is_left_out(void)
{
#define LEFT_OUT "the VLANs in which the other host saw its MAC are left out: "
    static const struct {
        const char *json;
        const char *note;
    } cases[] = {
        { "{}", "'vlans' is not a list" },
        { "{\"vlans\":20}", "'vlans' is not a list" },
        { "{\"vlans\":{\"a\":1}}", "'vlans' is not a list" },
        { "{\"vlans\":[20,\"30\"]}",
          "member 1 of 'vlans' is not an integer in 0 to 4095" },
        { "{\"vlans\":[-1]}",
          "member 0 of 'vlans' is not an integer in 0 to 4095" },
        { "{\"vlans\":[20,4096]}",
          "member 1 of 'vlans' is not an integer in 0 to 4095" },
    };

    setup("", "");
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *json = g_strdup_printf("{\"chunks\":[%s]}",
                                                cases[i].json);
        g_autofree char *expected = g_strconcat(LEFT_OUT, cases[i].note,
                                                NULL);
        g_autofree char *note = restore(json);

        g_assert_cmpstr(note, ==, expected);
    }
    g_autoptr(GString) many = g_string_new("{\"chunks\":[{\"vlans\":[1");
    for (guint vid = 2; vid <= 65; vid++) {
        g_string_append_printf(many, ",%u", vid);
    }
    g_string_append(many, "]}]}");
    g_autofree char *note = restore(many->str);
    g_assert_cmpstr(note, ==, LEFT_OUT "'vlans' has 65 members, of at most "
                    "64");
    assert_announced("rarp");
}

/* ---- Addresses and rules ------------------------------------------------ */

static void
test_addresses_in_its_rules_are_announced(void)
{
    setup("tag=10",
          "priority=9,arp,in_port=" GUEST ",arp_spa=192.0.2.5,"
          "actions=NORMAL\n"
          "priority=9,ip,in_port=" GUEST ",nw_src=192.0.2.6,actions=NORMAL\n"
          "priority=9,icmp6,in_port=" GUEST ",icmp_type=136,icmp_code=0,"
          "nd_target=2001:db8::7,actions=NORMAL\n"
          "table=5,ipv6,dl_src=" EF_MAC ",ipv6_src=fe80::8,actions=NORMAL\n"
          "priority=9,ip,in_port=" NEIGHBOUR ",nw_src=192.0.2.9,"
          "actions=NORMAL\n"
          "priority=9,ip,in_port=" GUEST ",nw_src=192.0.2.1,actions=drop");
    g_autofree char *note = guest_runs(NULL, PF_GUEST_ARRIVED);
    g_autoptr(GPtrArray) seen = NULL;

    teardown();
    g_assert_cmpstr(note, ==, NULL);
    seen = read_all(neighbour_tap);
    g_ptr_array_sort(seen, compare_texts);
    g_ptr_array_add(seen, NULL);
    g_autofree char *text = g_strjoinv(", ", (char **) seen->pdata);
    g_assert_cmpstr(text, ==, "10:arp 192.0.2.5, 10:arp 192.0.2.6, 10:na 7, "
                    "10:na 8, 10:rarp");
}

/* In a table that rules of the port lead to, they need not name it. */
static void
test_addresses_in_rules_of_its_mac_are_announced(void)
{
    setup("tag=10",
          "table=5,arp,arp_sha=" EF_MAC ",arp_spa=192.0.2.5,actions=NORMAL\n"
          "table=5,icmp6,icmp_type=136,icmp_code=0,nd_tll=" EF_MAC ","
          "nd_target=2001:db8::7,actions=NORMAL\n"
          "table=5,arp,in_port=" NEIGHBOUR ",arp_sha=" EF_MAC ","
          "arp_spa=192.0.2.9,actions=NORMAL");
    assert_announced("10:rarp, 10:arp 192.0.2.5, 10:na 7");
}

/* One that several guests' rules show (VRRP) is not to move with one that does
 * not have it now. */
static void
test_a_network_may_leave_addresses_to_its_guests(void)
{
    PfNetwork *n = ef_network(
        "br0", "<p:extension name='announce' required='no'>"
        "<p:option name='addresses' value='no'/></p:extension>");
    g_autofree char *note = NULL;

    setup("", "priority=9,arp,in_port=" GUEST ",dl_vlan=20,"
          "arp_spa=192.0.2.5,actions=NORMAL");
    note = guest_runs(n, PF_GUEST_ARRIVED);
    teardown();
    g_assert_cmpstr(note, ==, NULL);
    assert_seen("rarp, 20:rarp");
    pf_network_free(n);
}

static void
test_a_router_stays_one(void)
{
    setup("",
          "priority=9,ipv6,in_port=" GUEST ",ipv6_src=fe80::8,actions=NORMAL\n"
          "priority=9,icmp6,in_port=" GUEST ",icmp_type=134,actions=NORMAL");
    assert_announced("rarp, router 8");
}

static void
test_an_address_is_announced_in_its_vlan(void)
{
    setup("",
          "priority=9,ip,in_port=" GUEST ",dl_vlan=20,nw_src=192.0.2.5,"
          "actions=NORMAL");
    restore_ok("{\"chunks\":[{\"vlans\":[30]}]}");
    assert_announced("rarp, 30:rarp, 20:rarp, 20:arp 192.0.2.5");
}

static void
test_a_rule_that_drops_holds(void)
{
    const char *address = "priority=5,arp,in_port=" GUEST
                          ",arp_spa=192.0.2.5,actions=NORMAL\n";
    g_autofree char *no_arp = g_strconcat(
        address, "priority=9,arp,in_port=" GUEST ",actions=drop", NULL);
    g_autofree char *no_rarp = g_strconcat(
        address, "priority=4,in_port=" GUEST ",actions=drop", NULL);
    g_autofree char *nothing = g_strconcat(
        address, "priority=9,in_port=" GUEST ",actions=drop", NULL);

    setup("", no_arp);
    assert_announced("rarp");
    setup("", no_rarp);
    assert_announced("arp 192.0.2.5");
    setup("", nothing);
    assert_announced("");
}

static void
test_a_round_is_bounded(void)
{
    g_autoptr(GString) rules = g_string_new(NULL);
    g_autoptr(GString) vlans = g_string_new("{\"chunks\":[{\"vlans\":[1");
    g_autoptr(GPtrArray) seen = NULL;
    g_autofree char *note = NULL;

    for (guint i = 2; i <= 64; i++) {
        g_string_append_printf(vlans, ",%u", i);
    }
    g_string_append(vlans, "]}]}");
    for (guint i = 1; i <= 70; i++) {
        g_string_append_printf(rules, "ip,in_port=" GUEST ",nw_src=192.0.2.%u,"
                               "actions=NORMAL\n", i);
    }
    setup("", rules->str);
    restore_ok(vlans->str);
    SEEN_IN(100);
    note = guest_runs(NULL, PF_GUEST_ARRIVED);
    teardown();
    g_assert_cmpstr(note, ==, "it is not announced in every VLAN where its "
                    "MAC was seen: 64 are the most; 3969 frames are not sent: "
                    "a round has at most 256 (VLANs times addresses); its "
                    "rules show more than 64 addresses: the rest is not "
                    "announced");
    seen = read_all(neighbour_tap);
    g_assert_cmpuint(seen->len, ==, 256);
    g_assert_cmpstr(seen->pdata[64], ==, "64:rarp");
}

/* ---- Rounds ------------------------------------------------------------- */

static void
test_there_are_five_rounds(void)
{
    g_autofree char *note = NULL;

    setup("", "");
    note = guest_runs(NULL, PF_GUEST_ARRIVED);
    g_assert_cmpstr(note, ==, NULL);
    ef_loop_for(ALL_ROUNDS_MS);
    assert_seen("rarp, rarp, rarp, rarp, rarp");
}

static void
test_rounds_end_when_the_port_goes(void)
{
    static const PfCallFunc funcs[] = {
        PF_CALL_NIC_SAVE, PF_CALL_PORT_TEARDOWN, PF_CALL_PROPERTY_REMOVE,
        PF_CALL_PORT_GONE,
    };

    for (guint i = 0; i < G_N_ELEMENTS(funcs); i++) {
        g_autofree char *note = NULL;

        setup("tag=10", "");
        note = guest_runs(NULL, PF_GUEST_ARRIVED);
        g_assert_cmpstr(note, ==, NULL);
        g_autoptr(EfSaid) said = call(funcs[i]);
        g_ptr_array_unref(read_all(neighbour_tap));
        ef_loop_for(300);
        assert_seen("");
    }
}

static void
test_rounds_end_when_somebody_deletes_the_port(void)
{
    g_autofree char *note = NULL;

    setup("", "");
    note = guest_runs(NULL, PF_GUEST_ARRIVED);
    g_assert_cmpstr(note, ==, NULL);
    ovs_do("ovs-vsctl del-port " GUEST);
    ef_catch_up();
    g_ptr_array_unref(read_all(neighbour_tap));
    ef_loop_for(300);
    assert_seen("");
}

static void
test_a_port_without_a_number_is_told_of(void)
{
    PfExtensionPort port;
    g_autoptr(EfSaid) said = NULL;

    setup("", "");
    port = ef_port(GUEST, "br0");
    port.ofport = 0;
    said = ef_guest_runs(ANNOUNCE, &port, NULL, PF_GUEST_ARRIVED);
    g_assert_no_error(said->error);
    g_assert_cmpstr(said->note, ==, "the fabric was not told where it is: "
                    "port 'g0' has OpenFlow number 0, MAC " EF_MAC);
    assert_seen("");
}

static void
test_a_bridge_that_is_gone_is_told_of(void)
{
    PfExtensionPort port;
    g_autoptr(EfSaid) said = NULL;

    setup("", "");
    port = ef_port(GUEST, "br0");
    port.bridge = "nowhere";
    said = ef_guest_runs(ANNOUNCE, &port, NULL, PF_GUEST_ARRIVED);
    g_assert_no_error(said->error);
    g_assert_nonnull(strstr(said->note,
                            "the fabric was not told where it is: "));
    g_assert_nonnull(strstr(said->note, "nowhere"));
}

static void
on_ended(gpointer n_ended, const PfCallResult *result)
{
    g_assert_no_error(result->error);
    ++*(guint *) n_ended;
}

/* The last one: afterwards there is no switch any more. */
static void
test_the_agent_ends_in_the_midst(void)
{
    PfExtensionPort port;
    guint n_ended = 0;

    setup("", "");
    port = ef_port(GUEST, "br0");
    PfCallSpec spec = {
        .extension = ANNOUNCE,
        .func = PF_CALL_GUEST_RUNS,
        .port = &port,
        .timeout_ms = OVS_PATIENCE_MS,
    };
    pf_call_begin(&spec, on_ended, &n_ended);
    g_assert_cmpuint(n_ended, ==, 0);
    ef_done();
    is_over = TRUE;
    g_assert_cmpuint(n_ended, ==, 1);
}

int
main(int argc, char *argv[])
{
    static const PfExtension *const extensions[] = { ANNOUNCE, NULL };
    int result;

    g_test_init(&argc, &argv, NULL);
    if (!ovs_fixture_possible()) {
        return 0;
    }
    ef_init(extensions);
    guest_tap = ovs_tap_open(GUEST);
    neighbour_tap = ovs_tap_open(NEIGHBOUR);
    /* So that the bridge reads a tag behind that of a tunnel. */
    ovs_do("ovs-vsctl set Open_vSwitch . other_config:vlan-limit=2");

#define ADD(NAME, TEST) g_test_add_func("/announce/" NAME, TEST)
    ADD("access", test_an_access_port_is_announced_in_its_vlan);
    ADD("trunk", test_a_trunk_is_announced_where_its_mac_was_seen);
    ADD("native", test_the_native_vlan_of_a_trunk_has_no_tag);
    ADD("native-tagged",
        test_where_the_native_vlan_is_tagged_so_are_the_frames);
    ADD("tunnel", test_a_tunnel_is_announced_with_customers_tags);
    ADD("elsewhere", test_where_others_have_its_mac_is_not_saved);
    ADD("not-carried", test_a_vlan_that_the_port_does_not_carry_is_left_out);
    ADD("no-trunk", test_a_port_that_is_no_trunk_saves_nothing);
    ADD("returned", test_a_guest_that_stays_is_announced_where_it_was);
    ADD("forbidden", test_a_vlan_that_the_network_forbids_is_left_out);
    ADD("wrong-data", test_data_that_is_wrong_is_left_out);
    ADD("addresses", test_addresses_in_its_rules_are_announced);
    ADD("addresses-of-mac", test_addresses_in_rules_of_its_mac_are_announced);
    ADD("no-addresses", test_a_network_may_leave_addresses_to_its_guests);
    ADD("router", test_a_router_stays_one);
    ADD("address-vlan", test_an_address_is_announced_in_its_vlan);
    ADD("drop", test_a_rule_that_drops_holds);
    ADD("bounds", test_a_round_is_bounded);
    ADD("rounds", test_there_are_five_rounds);
    ADD("port-goes", test_rounds_end_when_the_port_goes);
    ADD("port-deleted", test_rounds_end_when_somebody_deletes_the_port);
    ADD("no-number", test_a_port_without_a_number_is_told_of);
    ADD("no-bridge", test_a_bridge_that_is_gone_is_told_of);
    ADD("end", test_the_agent_ends_in_the_midst);
    result = g_test_run();

    close(guest_tap);
    close(neighbour_tap);
    if (!is_over) {
        ef_done();
    }
    return result;
}
