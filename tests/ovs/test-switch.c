/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of plugin/switch.h against a real ovsdb-server and ovs-vswitchd: each
 * operation and each question.
 */
#include <config.h>

#include <string.h>
#include <unistd.h>

#include "switch-fixture.h"

/* Prints the ports of the datapath: "  port 3: NAME". */
#define DATAPATH_PORTS \
    "ovs-appctl dpctl/show netdev@ovs-netdev | sed 's/ ([^)]*)$//'"

/* ---- Helpers ---------------------------------------------------------- */

/* A parsed GVariant, not floating. */
static GVariant *
image(const char *text)
{
    g_autoptr(GError) error = NULL;
    GVariant *v = g_variant_parse(G_VARIANT_TYPE_VARDICT, text, NULL, NULL,
                                  &error);

    g_assert_no_error(error);
    return v;
}

static void
assert_variants_equal(GVariant *a, GVariant *b)
{
    g_autofree char *a_text = g_variant_print(a, TRUE);
    g_autofree char *b_text = g_variant_print(b, TRUE);

    g_assert_cmpstr(a_text, ==, b_text);
}

/* Everything of a port that ovs-vsctl can show and that has no new value with
 * every row. */
static char *
vsctl_port(const char *name)
{
    return ovs_run("ovs-vsctl list Port %s | grep -v '^_uuid\\|^interfaces'; "
                   "ovs-vsctl list Interface %s | grep -v '^_uuid\\|"
                   "^statistics\\|^ifindex\\|^link_resets'", name, name);
}

/* The switch sees what ovs-vsctl has just done. */
static gboolean
has_key(gpointer name_key_value)
{
    const char **a = name_key_value;

    return !g_strcmp0(pf_switch_iface_id(sw, a[0], a[1]), a[2]);
}

/* ---- Ghosts ----------------------------------------------------------- */

static void
test_ghost_has_number_and_role(void)
{
    sw_commit(sw_ghost("g1", 77), "ghost");

    g_autoptr(PfPort) port = pf_switch_port(sw, "g1");
    g_assert_nonnull(port);
    g_assert_cmpstr(port->bridge, ==, "br0");
    g_assert_cmpstr(port->type, ==, "patch");
    g_assert_cmpint(port->ofport, ==, 77);
    g_assert_cmpstr(port->role, ==, PF_ROLE_OPERATIONAL);
    g_assert_cmpstr(port->migration, ==, MIGRATION);
    ovs_assert_prints("77", "ovs-ofctl dump-ports-desc br0 "
                      "| sed -n 's/^ \\([0-9]*\\)(g1).*/\\1/p'");
    sw_delete_port("g1");
}

static void
test_ghost_error_names_only_its_peer(void)
{
    sw_commit(sw_ghost("g1", 0), "ghost");
    /* ovs-vswitchd says so a little later. */
    ovs_assert_prints("1", "ovs-vsctl --timeout=30 wait-until Interface g1 "
                      "'error!=[]' && ovs-vsctl get Interface g1 error "
                      "| grep -c gre_sys.portferry-ghost");
    /* And it is no error to us, also with the next change. */
    sw_commit(sw_ghost("g1", 0), "ghost");
    sw_delete_port("g1");
}

static void
test_ghost_is_repeatable(void)
{
    sw_commit(sw_ghost("g1", 78), "ghost");
    sw_commit(sw_ghost("g1", 78), "ghost again");
    ovs_assert_prints("78", "ovs-vsctl get Interface g1 ofport");
    sw_delete_port("g1");
}

static void
test_ghost_conflicts(void)
{
    PfChange *change;

    sw_commit_fails(sw_ghost("br0", 0), PF_SWITCH_ERROR_CONFLICT,
                    "port 'br0': bridge 'br0' has a port of that name "
                    "already");

    change = pf_change_new(TRUE);
    pf_change_add_ghost(change, "nobr", "g1", 0, PF_ROLE_VALIDATION,
                        MIGRATION);
    sw_commit_fails(change, PF_SWITCH_ERROR_NOT_FOUND,
                    "port 'g1': there is no bridge 'nobr'");

    sw_commit(sw_ghost("g1", 0), "ghost");
    change = pf_change_new(TRUE);
    pf_change_add_ghost(change, "br0", "g1", 0, PF_ROLE_OPERATIONAL,
                        "another");
    sw_commit_fails(change, PF_SWITCH_ERROR_CONFLICT, "port 'g1': *already");
    change = pf_change_new(TRUE);
    pf_change_add_ghost(change, "br0", "g1", 0, PF_ROLE_MAILBOX,
                        MIGRATION);
    sw_commit_fails(change, PF_SWITCH_ERROR_CONFLICT, "port 'g1': *already");

    ovs_do("ovs-vsctl add-br br1 -- set Bridge br1 datapath_type=netdev");
    change = pf_change_new(TRUE);
    pf_change_add_ghost(change, "br1", "g1", 0, PF_ROLE_OPERATIONAL,
                        MIGRATION);
    sw_commit_fails(change, PF_SWITCH_ERROR_CONFLICT,
                    "port 'g1': cannot be on bridge 'br1', it is on bridge "
                    "'br0'");
    ovs_do("ovs-vsctl del-br br1");
    sw_delete_port("g1");
}

static void
test_bad_image_is_refused_whole(void)
{
    static const struct {
        const char *image;
        const char *pattern;
    } cases[] = {
        { "{'port': <{'tag': <int64 4096>}>}",
          "port 'g1': Port column 'tag': 4096 is outside*0 to 4095" },
        { "{'port': <{'tag': <'42'>}>}",
          "port 'g1': Port column 'tag': '42' has type 's', not 'x'" },
        { "{'port': <{'vlan_mode': <'sideways'>}>}",
          "port 'g1': Port column 'vlan_mode': *sideways*trunk*" },
        { "{'port': <{'trunks': <int64 3>}>}",
          "port 'g1': Port column 'trunks': 3 has type 'x', not 'av'" },
        { "{'port': <{'trunks': <[<int64 3>, <int64 -1>]>}>}",
          "port 'g1': Port column 'trunks': -1 is outside*0 to 4095" },
        { "{'port': <{'other_config': <{'a': <true>}>}>}",
          "port 'g1': Port column 'other_config': true has type 'b'*" },
        { "{'port': <{'name': <'g2'>}>}",
          "port 'g1': Port.name is not a column that an image may set" },
        { "{'interface': <{'error': <'x'>}>}",
          "port 'g1': Interface.error is not a column *" },
        { "{'interface': <{'mtu_request': <int64 0>}>}",
          "port 'g1': Interface column 'mtu_request': 0 is outside*1 to *" },
        { "{'bridge': <{'name': <'br1'>}>}",
          "port 'g1': image: 'bridge' is neither *" },
        { "{'port': <int64 1>}",
          "port 'g1': image: 'port' has type 'x', not 'a{sv}'" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GVariant) img = image(cases[i].image);

        PfChange *change = pf_change_new(TRUE);

        pf_change_restore_port(change, "br0", "g1", img);
        sw_commit_fails(change, PF_SWITCH_ERROR_VALUE, cases[i].pattern);
        g_assert_true(sw_port_is_gone((gpointer) "g1"));
    }
}

/* ---- Taps and carriers ------------------------------------------------ */

static PfChange *
take_tap(const char *name)
{
    PfChange *change = pf_change_new(TRUE);

    pf_change_take_tap(change, name);
    return change;
}

static void
test_take_tap_keeps_number_tag_and_rules(void)
{
    int fd;

    sw_commit(sw_ghost("t1", 77), "ghost");
    ovs_do("ovs-vsctl set Port t1 tag=42");
    ovs_do("ovs-ofctl add-flow br0 cookie=0x7,in_port=77,actions=drop");
    fd = ovs_tap_open("t1");
    sw_commit(take_tap("t1"), "take_tap");

    g_autoptr(PfPort) port = pf_switch_port(sw, "t1");
    g_assert_cmpstr(port->type, ==, "");
    g_assert_cmpint(port->ofport, ==, 77);
    /* What the ghost said of its peer may be left. */
    if (port->error && !strstr(port->error, "gre_sys.portferry-ghost")) {
        g_error("unexpected error '%s'", port->error);
    }
    g_assert_cmpint(port->mtu, ==, 1500);
    g_assert_cmpint(port->ifindex, >, 0);
    ovs_assert_prints("{}", "ovs-vsctl get Interface t1 options");
    ovs_assert_prints("42", "ovs-vsctl get Port t1 tag");
    ovs_assert_prints("1", "ovs-ofctl dump-flows br0 cookie=0x7/-1 "
                      "| grep -c cookie=");
    ovs_assert_prints(port->mac_in_use, "ip -o link show t1 | "
                      "sed 's/.*ether \\([^ ]*\\).*/\\1/'");

    /* Repeatable; but a port that has its tap is not made a ghost again. */
    sw_commit(take_tap("t1"), "take_tap again");
    sw_commit_fails(sw_ghost("t1", 0), PF_SWITCH_ERROR_CONFLICT,
                    "port 't1': *already");
    ovs_do("ovs-ofctl del-flows br0 cookie=0x7/-1");
    sw_delete_port("t1");
    close(fd);
}

static gboolean
t1_says(gpointer error)
{
    g_autoptr(PfPort) port = pf_switch_port(sw, "t1");

    return port && !g_strcmp0(port->error, error);
}

/* Lets the Interface t1 say 'error', and unmarks its port. */
static void
unmark_with_error(const char *error)
{
    PfChange *change = pf_change_new(FALSE);

    ovs_do("ovs-vsctl --no-wait set Interface t1 'error=\"%s\"'", error);
    sw_loop_until(t1_says, (gpointer) error, "the error");
    pf_change_unmark(change, "t1");
    sw_commit(change, "unmark");
}

static void
test_unmark_leaves_nothing_of_the_ghost(void)
{
    PfChange *change = pf_change_new(FALSE);
    int fd;

    sw_commit(sw_ghost("t1", 77), "ghost");
    ovs_do("ovs-vsctl set Port t1 external_ids:mine=stays");
    fd = ovs_tap_open("t1");
    sw_commit(take_tap("t1"), "take_tap");
    unmark_with_error("No usable peer gre_sys.portferry-ghost exists");
    ovs_assert_prints("{mine=stays}", "ovs-vsctl get Port t1 external_ids");
    ovs_assert_prints("[]", "ovs-vsctl get Interface t1 error");

    /* What is said of the tap itself is not the ghost's. */
    unmark_with_error("of the tap");
    ovs_assert_prints("\"of the tap\"", "ovs-vsctl get Interface t1 error");

    pf_change_unmark(change, "nobody");
    sw_commit(change, "unmark no port");
    sw_delete_port("t1");
    close(fd);
}

static void
test_take_tap_without_tap_fails_at_once(void)
{
    sw_commit_fails(take_tap("none"), PF_SWITCH_ERROR_NOT_FOUND,
                    "port 'none': the switch has no port of that name");
    sw_commit(sw_ghost("t2", 0), "ghost");
    sw_commit_fails(take_tap("t2"), PF_SWITCH_ERROR_PORT,
                    "port 't2': ovs-vswitchd: could not open network device "
                    "t2*");
    sw_delete_port("t2");
}

static void
test_carrier_and_back(void)
{
    int fd = ovs_tap_open("t3");
    const char *data[] = { "t3", PF_KEY_PORTDATA, "v1.second" };
    PfChange *change;

    ovs_do("ovs-vsctl add-port br0 t3 tag=42 "
           "-- set Port t3 other_config:a=b external_ids:mine=1 "
           "lacp=off 'qos=@q' "
           "-- --id=@q create QoS type=linux-noop "
           "-- set Interface t3 ofport_request=321 "
           "external_ids:iface-id=iid external_ids:attached-mac=00:11:22:33:"
           "44:55 external_ids:iface-status=active lldp:enable=false "
           "options:opt=x mac='\"02:00:00:00:00:09\"'");
    sw_loop_until(sw_port_exists, (gpointer) "t3", "port t3");
    /* A round trip, so that the replica has all of the above. */
    sw_commit(pf_change_new(TRUE), "nothing");

    ovs_assert_prints("1", DATAPATH_PORTS " | grep -c ' t3$'");
    g_autofree char *before = vsctl_port("t3");
    g_autoptr(GVariant) undo = pf_switch_undo_image(sw, "t3");

    change = pf_change_new(TRUE);
    pf_change_make_carrier(change, "t3", "v1.first", MIGRATION);
    sw_commit(change, "carrier");
    {
        g_autoptr(PfPort) port = pf_switch_port(sw, "t3");

        g_assert_cmpstr(port->type, ==, "patch");
        g_assert_cmpint(port->ofport, ==, 321);
        g_assert_cmpstr(port->role, ==, PF_ROLE_CARRIER);
        g_assert_cmpstr(port->migration, ==, MIGRATION);
        g_assert_cmpstr(port->iface_id, ==, NULL);
        g_assert_cmpstr(port->attached_mac, ==, NULL);
    }
    ovs_assert_prints("{PortData=v1.first}",
                      "ovs-vsctl get Interface t3 external_ids");
    ovs_assert_prints("[]\n[]", "ovs-vsctl get Port t3 tag qos");
    ovs_assert_prints("0", DATAPATH_PORTS " | grep -c ' t3$' || true");

    /* A carrier stays the same row: only PortData is written. */
    g_autofree char *row = ovs_run("ovs-vsctl get Port t3 _uuid");
    change = pf_change_new(FALSE);
    pf_change_make_carrier(change, "t3", "v1.second", MIGRATION);
    sw_commit(change, "PortData");
    sw_loop_until(has_key, data, "the second PortData");
    ovs_assert_prints(row, "ovs-vsctl get Port t3 _uuid");

    change = pf_change_new(TRUE);
    pf_change_restore_port(change, "br0", "t3", undo);
    sw_commit(change, "restore");
    {
        g_autofree char *after = vsctl_port("t3");
        g_autoptr(GVariant) undo_after = pf_switch_undo_image(sw, "t3");

        g_assert_cmpstr(before, ==, after);
        assert_variants_equal(undo, undo_after);
    }
    ovs_assert_prints("321", "ovs-vsctl get Interface t3 ofport");

    /* Repeatable: a port that is no ghost stays. */
    g_autofree char *restored = ovs_run("ovs-vsctl get Port t3 _uuid");
    change = pf_change_new(TRUE);
    pf_change_restore_port(change, "br0", "t3", undo);
    sw_commit(change, "restore again");
    ovs_assert_prints(restored, "ovs-vsctl get Port t3 _uuid");

    sw_delete_port("t3");
    close(fd);
}

static void
test_restore_where_nothing_is(void)
{
    int fd = ovs_tap_open("t4");
    g_autoptr(GVariant) img = image(
        "{'port': <{'tag': <int64 3>,"
        "           'qos': <'5b0c6d0e-0000-4000-8000-000000000009'>}>,"
        " 'interface': <{'ofport': <int64 99>,"
        "                'external_ids': <{'iface-id': <'i'>}>}>}");
    PfChange *change = pf_change_new(TRUE);

    /* The QoS is gone; that must not keep the port away. */
    pf_change_restore_port(change, "br0", "t4", img);
    sw_commit(change, "restore");
    ovs_assert_prints("99\n\"\"", "ovs-vsctl get Interface t4 ofport type");
    ovs_assert_prints("3\n[]", "ovs-vsctl get Port t4 tag qos");
    ovs_assert_prints("i",
                      "ovs-vsctl get Interface t4 external_ids:iface-id");
    sw_delete_port("t4");
    close(fd);
}

static void
test_del_port_respects_role(void)
{
    PfChange *change = pf_change_new(TRUE);

    sw_commit(sw_ghost("g1", 0), "ghost");
    pf_change_del_port(change, "g1", PF_ROLE_VALIDATION, NULL);
    pf_change_del_port(change, "g1", PF_ROLE_OPERATIONAL, "another");
    pf_change_del_port(change, "nobody", PF_ROLE_VALIDATION, NULL);
    sw_commit(change, "del_port of another role");
    g_assert_true(sw_port_exists((gpointer) "g1"));

    change = pf_change_new(TRUE);
    pf_change_del_port(change, "g1", PF_ROLE_OPERATIONAL, NULL);
    sw_commit(change, "del_port");
    g_assert_true(sw_port_is_gone((gpointer) "g1"));
}

/* ---- Keys and images -------------------------------------------------- */

static void
test_keys_leave_others_alone(void)
{
    const char *other[] = { "g1", "a", "1" };
    PfChange *change;

    sw_commit(sw_ghost("g1", 0), "ghost");
    ovs_do("ovs-vsctl set Interface g1 external_ids:a=1 external_ids:b=2 "
           "-- set Port g1 external_ids:c=3");
    sw_loop_until(has_key, other, "key a");

    change = pf_change_new(FALSE);
    pf_change_iface_key(change, "g1", "iface-id", "i1");
    pf_change_port_key(change, "g1", "pk", "pv");
    sw_commit(change, "keys set");
    ovs_assert_prints("{a=\"1\", b=\"2\", iface-id=i1}",
                      "ovs-vsctl get Interface g1 external_ids");
    ovs_assert_prints("pv\n\"3\"", "ovs-vsctl get Port g1 external_ids:pk "
                      "external_ids:c");

    change = pf_change_new(FALSE);
    pf_change_iface_key(change, "g1", "iface-id", NULL);
    pf_change_iface_key(change, "g1", "not-there", NULL);
    pf_change_port_key(change, "g1", "pk", NULL);
    pf_change_iface_key(change, "nobody", "iface-id", NULL);
    pf_change_port_key(change, "nobody", "iface-id", NULL);
    sw_commit(change, "keys deleted");
    ovs_assert_prints("{a=\"1\", b=\"2\"}",
                      "ovs-vsctl get Interface g1 external_ids");

    change = pf_change_new(FALSE);
    pf_change_iface_key(change, "nobody", "iface-id", "x");
    sw_commit_fails(change, PF_SWITCH_ERROR_NOT_FOUND, "port 'nobody': *");
    change = pf_change_new(FALSE);
    pf_change_port_key(change, "nobody", "iface-id", "x");
    sw_commit_fails(change, PF_SWITCH_ERROR_NOT_FOUND, "port 'nobody': *");
    sw_delete_port("g1");
}

static void
test_new_port_and_its_keys_in_one_change(void)
{
    PfChange *change = sw_ghost("g1", 0);

    pf_change_iface_key(change, "g1", "k1", "v1");
    pf_change_iface_key(change, "g1", "k2", "v2");
    pf_change_port_key(change, "g1", "p1", "w1");
    sw_commit(change, "ghost with keys");
    ovs_assert_prints("{k1=v1, k2=v2}",
                      "ovs-vsctl get Interface g1 external_ids");
    ovs_assert_prints("w1\noperational", "ovs-vsctl get Port g1 "
                      "external_ids:p1 external_ids:" PF_KEY_ROLE);
    sw_delete_port("g1");
}

static void
test_undo_image_holds_what_switch_h_says(void)
{
    ovs_do("ovs-vsctl add-port br0 i1 tag=0 trunks=1,2 "
           "-- set Interface i1 type=internal ofport_request=222");
    sw_loop_until(sw_port_exists, (gpointer) "i1", "port i1");

    g_autoptr(GVariant) img = pf_switch_undo_image(sw, "i1");
    g_autofree char *text = g_variant_print(img, TRUE);
    g_assert_cmpstr(text, ==,
                    "{'port': <{'tag': <int64 0>, 'trunks': <[<int64 1>, "
                    "<int64 2>]>, 'protected': <false>, "
                    "'bond_updelay': <int64 0>, 'bond_downdelay': <int64 0>, "
                    "'bond_fake_iface': <false>, 'fake_bridge': <false>}>, "
                    "'interface': <{'ingress_policing_rate': <int64 0>, "
                    "'ingress_policing_burst': <int64 0>, "
                    "'ingress_policing_kpkts_rate': <int64 0>, "
                    "'ingress_policing_kpkts_burst': <int64 0>, "
                    "'ofport_request': <int64 222>, 'ofport': <int64 222>, "
                    "'type': <'internal'>}>}");
    g_assert_null(pf_switch_undo_image(sw, "nobody"));
    sw_delete_port("i1");
}

/* ---- Questions -------------------------------------------------------- */

static void
test_questions(void)
{
    g_assert_null(pf_switch_port(sw, "nobody"));
    g_assert_null(pf_switch_iface_id(sw, "nobody", "iface-id"));

    sw_commit(sw_ghost("g1", 79), "ghost");
    g_assert_true(pf_switch_ofport_taken(sw, "br0", 79, NULL));
    g_assert_false(pf_switch_ofport_taken(sw, "br0", 79, "g1"));
    g_assert_false(pf_switch_ofport_taken(sw, "br0", 80, NULL));
    g_autoptr(GPtrArray) marked = pf_switch_marked_ports(sw);
    g_assert_cmpuint(marked->len, ==, 1);
    g_assert_cmpstr(((PfPort *) marked->pdata[0])->name, ==, "g1");
    sw_delete_port("g1");
}

static void
test_changed_is_called(void)
{
    const char *key[] = { "br0", "noticed", "yes" };
    guint before = sw_changes_seen;

    ovs_do("ovs-vsctl set Interface br0 external_ids:noticed=yes");
    sw_loop_until(has_key, key, "another client's key");
    g_assert_cmpuint(sw_changes_seen, >, before);
}

int
main(int argc, char *argv[])
{
    int result;

    if (!ovs_fixture_possible()) {
        return 0;
    }
    g_test_init(&argc, &argv, NULL);
    switch_fixture_init();

#define TEST(FUNCTION) g_test_add_func("/switch/" #FUNCTION, test_##FUNCTION)
    TEST(questions);
    TEST(changed_is_called);
    TEST(ghost_has_number_and_role);
    TEST(ghost_error_names_only_its_peer);
    TEST(ghost_is_repeatable);
    TEST(ghost_conflicts);
    TEST(bad_image_is_refused_whole);
    TEST(take_tap_keeps_number_tag_and_rules);
    TEST(unmark_leaves_nothing_of_the_ghost);
    TEST(take_tap_without_tap_fails_at_once);
    TEST(carrier_and_back);
    TEST(restore_where_nothing_is);
    TEST(del_port_respects_role);
    TEST(keys_leave_others_alone);
    TEST(new_port_and_its_keys_in_one_change);
    TEST(undo_image_holds_what_switch_h_says);
#undef TEST

    result = g_test_run();
    switch_fixture_done();
    return result;
}
