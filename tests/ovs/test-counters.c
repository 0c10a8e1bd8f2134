/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of the extension `counters' against a real Open vSwitch, with br0 as a
 * source and br1 as a destination.
 */
#include <config.h>

#include <string.h>
#include <unistd.h>

#include "extension-fixture.h"
#include "extension.h"

#define COUNTERS (&pf_extension_counters)

/* The guest's port on the source (br0) and on the destination (br1). */
#define SOURCE "g0"
#define DESTINATION "g1"

#define FRAME_SIZE 100

/* The taps of the two ports; -1: there is none. */
static int taps[2] = { -1, -1 };

/* Whether ef_done() was called. */
static gboolean is_over;

/* ---- Helpers ------------------------------------------------------------ */

static guint
index_of(const char *name)
{
    return !strcmp(name, DESTINATION);
}

static PfExtensionPort
port_of(const char *name)
{
    return ef_port(name, index_of(name) ? "br1" : "br0");
}

/* Ends QEMU's part: the tap goes, and libvirt deletes its port. */
static void
unplug(const char *name)
{
    int *tap = &taps[index_of(name)];

    ovs_do("ovs-vsctl --if-exists del-port %s", name);
    if (*tap >= 0) {
        close(*tap);
        *tap = -1;
    }
    ef_catch_up();
}

/* A fresh tap with a fresh port. */
static void
plug(const char *name)
{
    unplug(name);
    taps[index_of(name)] = ovs_tap_open(name);
    ovs_do("ovs-vsctl add-port br%u %s", index_of(name), name);
    ef_catch_up();
}

/* The guest sends 'n' frames. */
static void
guest_sends(const char *name, guint n)
{
    static const guint8 frame[FRAME_SIZE] =
        "\xff\xff\xff\xff\xff\xff\x52\x54\x00\xaa\x00\x01\x88\xb5";

    while (n--) {
        g_assert_cmpint(write(taps[index_of(name)], frame, sizeof frame), ==,
                        sizeof frame);
    }
}

/* Reads one frame from the tap '*tap'; FALSE if there is none. */
static gboolean
read_frame(gpointer tap)
{
    guint8 frame[2048];

    return read(*(int *) tap, frame, sizeof frame) == FRAME_SIZE;
}

/* The switch sends 'n' frames to the guest, which takes them: only then does
 * the tap count them. */
static void
guest_receives(const char *name, guint n)
{
    while (n--) {
        ovs_do("ovs-ofctl packet-out br%u 'in_port=LOCAL,"
               "packet=ffffffffffff0000000000010800%0172d,actions=output:%s'",
               index_of(name), 0, name);
        ef_loop_until(read_frame, &taps[index_of(name)], "a frame");
    }
}

/* A dictionary of counters as "RX_PACKETS/RX_BYTES/RX_ERRORS/RX_DROPS
 * TX_PACKETS/...". */
static char *
format(GVariant *dict)
{
    static const char *const names[] = {
        "rx_packets", "rx_bytes", "rx_errors", "rx_drops",
        "tx_packets", "tx_bytes", "tx_errors", "tx_drops",
    };
    GString *s = g_string_new(NULL);

    g_assert_nonnull(dict);
    g_assert_cmpuint(g_variant_n_children(dict), ==, G_N_ELEMENTS(names));
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        gint64 value;

        g_assert_true(g_variant_lookup(dict, names[i], "x", &value));
        g_string_append_printf(s, "%s%" G_GINT64_FORMAT,
                               i == 4 ? " " : i ? "/" : "", value);
    }
    return g_string_free(s, FALSE);
}

/* What `portferry ports' shows, in format()'s way. */
static char *
shown(const char *name)
{
    PfExtensionPort port = port_of(name);
    g_autoptr(EfSaid) said = ef_call_ok(COUNTERS, PF_CALL_DESCRIBE, &port,
                                        NULL, NULL);

    return format(said->shown);
}

#define assert_shown(NAME, EXPECTED)                    \
    G_STMT_START {                                      \
        g_autofree char *shown_ = shown(NAME);          \
        g_assert_cmpstr(shown_, ==, EXPECTED);          \
    } G_STMT_END

/* The base that is kept with the port, or "". */
static char *
kept(const char *name)
{
    return ovs_run("ovs-vsctl --if-exists get Interface %s "
                   "external_ids:portferry-counters | tr -d '\"'", name);
}

#define assert_kept(NAME, EXPECTED)                     \
    G_STMT_START {                                      \
        g_autofree char *kept_ = kept(NAME);            \
        g_assert_cmpstr(kept_, ==, EXPECTED);           \
    } G_STMT_END

/* An agent that is restarted. */
static void
restart(void)
{
    g_autoptr(GError) error = NULL;

    COUNTERS->destroy();
    COUNTERS->init(ef_host, &error);
    g_assert_no_error(error);
}

/* nic_save, which says no policies.  Returns the chunks. */
static GVariant *
save(const char *name)
{
    PfExtensionPort port = port_of(name);
    g_autoptr(EfSaid) said = ef_call_ok(COUNTERS, PF_CALL_NIC_SAVE, &port,
                                        NULL, NULL);

    g_assert_cmpstr(said->note, ==, NULL);
    g_assert_null(said->policies);
    g_assert_false(said->changed);
    return g_steal_pointer(&said->chunks);
}

/* nic_restore, for which the guest does not have to wait. */
static EfSaid *
restore(const char *name, const PfNetwork *network, GVariant *chunks)
{
    PfExtensionPort port = port_of(name);
    EfSaid *said = ef_restore(COUNTERS, &port, network, NULL, NULL, chunks);

    g_assert_false(said->changed);
    return said;
}

/* The same of one chunk in JSON. */
static EfSaid *
restore_json(const char *name, const PfNetwork *network, const char *chunk)
{
    g_autofree char *json = g_strdup_printf("{\"chunks\":[%s]}", chunk);
    g_autoptr(GVariant) dict = ef_policies(json);
    g_autoptr(GVariant) chunks = g_variant_lookup_value(dict, "chunks", NULL);

    return restore(name, network, chunks);
}

static void
restore_ok(const char *name, const char *chunk)
{
    g_autoptr(EfSaid) said = restore_json(name, NULL, chunk);

    g_assert_no_error(said->error);
}

static void
guest_runs(const char *name, PfGuestRuns reason)
{
    PfExtensionPort port = port_of(name);
    g_autoptr(EfSaid) said = ef_guest_runs(COUNTERS, &port, NULL, reason);

    g_assert_no_error(said->error);
    g_assert_cmpstr(said->note, ==, NULL);
}

static void
forget(const char *name, PfCallFunc func)
{
    PfExtensionPort port = port_of(name);
    g_autoptr(EfSaid) said = ef_call_ok(COUNTERS, func, &port, NULL, NULL);

    g_assert_false(said->changed);
}

/* The guest goes from one of the two ports to the other. */
static void
migrate(const char *from, const char *to)
{
    g_autoptr(GVariant) chunks = NULL;
    g_autofree char *before = shown(from);

    plug(to);
    chunks = save(from);
    unplug(from);
    g_autoptr(EfSaid) restored = restore(to, NULL, chunks);
    g_assert_no_error(restored->error);
    assert_shown(to, before);
    guest_runs(to, PF_GUEST_ARRIVED);
    forget(from, PF_CALL_PORT_GONE);
    assert_shown(to, before);
}

/* The source's port becomes a carrier, and what it was again; with 'new_tap',
 * for a tap that has not counted anything. */
static void
go_and_return(gboolean new_tap)
{
    g_autoptr(GVariant) undo = pf_switch_undo_image(sw, SOURCE);
    PfChange *change = pf_change_new(TRUE);

    pf_change_make_carrier(change, SOURCE, NULL, MIGRATION);
    sw_commit(change, "the carrier");
    if (new_tap) {
        close(taps[0]);
        taps[0] = ovs_tap_open(SOURCE);
    }
    change = pf_change_new(TRUE);
    pf_change_restore_port(change, "br0", SOURCE, undo);
    sw_commit(change, "the way back");
    ef_catch_up();
}

/* ---- Tests -------------------------------------------------------------- */

static void
test_a_first_host_shows_the_switchs_statistics(void)
{
    plug(SOURCE);
    assert_shown(SOURCE, "0/0/0/0 0/0/0/0");
    guest_sends(SOURCE, 3);
    guest_receives(SOURCE, 2);
    assert_shown(SOURCE, "3/300/0/0 2/200/0/0");
    g_autofree char *statistics = ovs_run(
        "ovs-ofctl dump-ports br0 " SOURCE " | tr -d '\\n' | "
        "sed 's/.*rx pkts=\\([0-9]*\\), bytes=\\([0-9]*\\),.*"
        "tx pkts=\\([0-9]*\\), bytes=\\([0-9]*\\),.*/\\1 \\2 \\3 \\4/'");
    g_assert_cmpstr(statistics, ==, "3 300 2 200");
    assert_kept(SOURCE, "");
}

/* A frame for which the guest's queue has no room is dropped. */
static void
test_drops_are_counted_on_every_host(void)
{
    const char *names[] = { SOURCE, DESTINATION };

    for (guint i = 0; i < 2; i++) {
        const char *name = names[i];

        plug(name);
        if (i) {
            restore_ok(name, "{\"tx_packets\":1,\"tx_bytes\":100,"
                       "\"tx_drops\":2}");
        }
        ovs_do("ip link set dev %s txqueuelen 1", name);
        for (guint k = 0; k < 3; k++) {
            ovs_do("ovs-ofctl packet-out br%u 'in_port=LOCAL,"
                   "packet=ffffffffffff0000000000010800%0172d,"
                   "actions=output:%s'", i, 0, name);
        }
        ef_loop_until(read_frame, &taps[i], "a frame");
        assert_shown(name, i ? "0/0/0/0 2/200/0/4" : "0/0/0/0 1/100/0/2");
    }
}

/* Each of another value. */
static void
eight_counters(const char *bridge G_GNUC_UNUSED,
               PfOpenflowKind kind G_GNUC_UNUSED,
               const char *filter G_GNUC_UNUSED,
               guint timeout_ms G_GNUC_UNUSED, PfLinesFunc *lines,
               gpointer user)
{
    g_autoptr(GPtrArray) line = g_ptr_array_new();

    g_ptr_array_add(line, (gpointer)
                    "rx_packets=1 rx_bytes=2 rx_drop=3 rx_errs=4 "
                    "tx_packets=5 tx_bytes=6 tx_drop=7 tx_errs=8");
    lines(user, line, TRUE, NULL);
}

static void
test_each_counter_is_the_switchs_of_that_name(void)
{
    PfHost host = *ef_host;

    plug(SOURCE);
    host.openflow_dump = eight_counters;
    COUNTERS->destroy();
    g_assert_true(COUNTERS->init(&host, NULL));
    assert_shown(SOURCE, "1/2/4/3 5/6/8/7");
    g_autoptr(GVariant) chunks = save(SOURCE);
    g_autoptr(EfSaid) said = restore(SOURCE, NULL, chunks);
    assert_shown(SOURCE, "2/4/8/6 10/12/16/14");
    restart();
}

static void
test_they_go_on_over_hosts(void)
{
    plug(SOURCE);
    guest_sends(SOURCE, 3);
    guest_receives(SOURCE, 1);
    migrate(SOURCE, DESTINATION);
    assert_kept(DESTINATION,
                "rx_packets=3,rx_bytes=300,rx_errors=0,rx_drops=0,"
                "tx_packets=1,tx_bytes=100,tx_errors=0,tx_drops=0");
    guest_sends(DESTINATION, 4);
    assert_shown(DESTINATION, "7/700/0/0 1/100/0/0");
    restart();
    assert_shown(DESTINATION, "7/700/0/0 1/100/0/0");

    migrate(DESTINATION, SOURCE);
    guest_sends(SOURCE, 5);
    migrate(SOURCE, DESTINATION);
    assert_shown(DESTINATION, "12/1200/0/0 1/100/0/0");
    unplug(DESTINATION);
}

static void
test_what_came_is_noted(void)
{
    plug(DESTINATION);
    g_autoptr(EfSaid) said = restore_json(
        DESTINATION, NULL, "{\"rx_packets\":1,\"tx_drops\":2,\"else\":3}");

    g_assert_no_error(said->error);
    g_assert_cmpstr(said->note, ==,
                    "rx_packets=1,rx_bytes=0,rx_errors=0,rx_drops=0,"
                    "tx_packets=0,tx_bytes=0,tx_errors=0,tx_drops=2 on other "
                    "hosts");
    assert_shown(DESTINATION, "1/0/0/0 0/0/0/2");
}

static void
test_nothing_came(void)
{
    plug(DESTINATION);
    g_autoptr(EfSaid) said = restore(DESTINATION, NULL, NULL);

    g_assert_no_error(said->error);
    g_assert_cmpstr(said->note, ==, "none came: they begin at 0");
    assert_shown(DESTINATION, "0/0/0/0 0/0/0/0");
}

static void
test_they_go_on_when_the_guest_stays(void)
{
    for (guint new_tap = 0; new_tap <= 1; new_tap++) {
        plug(SOURCE);
        restore_ok(SOURCE, "{\"rx_packets\":10,\"rx_bytes\":1000}");
        guest_runs(SOURCE, PF_GUEST_ARRIVED);
        guest_sends(SOURCE, 3);
        g_variant_unref(save(SOURCE));
        go_and_return(new_tap);
        guest_runs(SOURCE, PF_GUEST_RETURNED);
        assert_shown(SOURCE, "13/1300/0/0 0/0/0/0");
        /* The tap counts on though its port was away. */
        assert_kept(SOURCE, new_tap
                    ? "rx_packets=13,rx_bytes=1300,rx_errors=0,rx_drops=0,"
                      "tx_packets=0,tx_bytes=0,tx_errors=0,tx_drops=0"
                    : "rx_packets=10,rx_bytes=1000,rx_errors=0,rx_drops=0,"
                      "tx_packets=0,tx_bytes=0,tx_errors=0,tx_drops=0");
        restart();
        assert_shown(SOURCE, "13/1300/0/0 0/0/0/0");
        guest_sends(SOURCE, 1);
        assert_shown(SOURCE, "14/1400/0/0 0/0/0/0");
        /* Each request may come again. */
        guest_runs(SOURCE, PF_GUEST_RETURNED);
        assert_shown(SOURCE, "14/1400/0/0 0/0/0/0");
    }
}

static void
test_they_go_on_when_the_agent_is_restarted_on_the_way_back(void)
{
    plug(SOURCE);
    restore_ok(SOURCE, "{\"rx_packets\":10}");
    guest_runs(SOURCE, PF_GUEST_ARRIVED);
    guest_sends(SOURCE, 3);
    g_variant_unref(save(SOURCE));
    go_and_return(FALSE);
    restart();
    guest_runs(SOURCE, PF_GUEST_RETURNED);
    assert_shown(SOURCE, "13/300/0/0 0/0/0/0");
}

/* It was to leave again, and has stayed, before anybody resumed it. */
static void
test_they_go_on_when_a_guest_that_stands_still_stays(void)
{
    plug(SOURCE);
    restore_ok(SOURCE, "{\"rx_packets\":10,\"rx_bytes\":1000}");
    guest_sends(SOURCE, 3);
    g_variant_unref(save(SOURCE));
    go_and_return(FALSE);
    guest_runs(SOURCE, PF_GUEST_RETURNED);
    assert_shown(SOURCE, "13/1300/0/0 0/0/0/0");
    restart();
    assert_shown(SOURCE, "13/1300/0/0 0/0/0/0");
}

static void
test_they_go_on_when_a_port_is_released(void)
{
    plug(DESTINATION);
    restore_ok(DESTINATION, "{\"rx_packets\":10}");
    guest_runs(DESTINATION, PF_GUEST_RELEASED);
    restart();
    assert_shown(DESTINATION, "10/0/0/0 0/0/0/0");
}

/* The device counts, and not ovs-vswitchd. */
static void
test_they_go_on_when_the_switch_is_restarted(void)
{
    plug(SOURCE);
    restore_ok(SOURCE, "{\"rx_packets\":10,\"rx_bytes\":1000}");
    guest_runs(SOURCE, PF_GUEST_ARRIVED);
    guest_sends(SOURCE, 3);
    assert_shown(SOURCE, "13/1300/0/0 0/0/0/0");
    ovs_fixture_kill_vswitchd(ovs);
    ovs_fixture_start_vswitchd(ovs);
    ef_catch_up();
    assert_shown(SOURCE, "13/1300/0/0 0/0/0/0");
}

static void
test_another_guests_port_begins_at_zero(void)
{
    plug(DESTINATION);
    restore_ok(DESTINATION, "{\"rx_packets\":10}");
    assert_shown(DESTINATION, "10/0/0/0 0/0/0/0");
    plug(DESTINATION);
    assert_shown(DESTINATION, "0/0/0/0 0/0/0/0");
    guest_runs(DESTINATION, PF_GUEST_ARRIVED);
    assert_kept(DESTINATION, "");

    /* So does one whose guest never ran here. */
    restore_ok(DESTINATION, "{\"rx_packets\":10}");
    forget(DESTINATION, PF_CALL_PROPERTY_REMOVE);
    assert_shown(DESTINATION, "0/0/0/0 0/0/0/0");
}

static void
test_they_stop_at_the_end_of_an_integer(void)
{
    plug(SOURCE);
    restore_ok(SOURCE, "{\"rx_packets\":9223372036854775806,"
               "\"rx_bytes\":9223372036854775807}");
    guest_sends(SOURCE, 3);
    assert_shown(SOURCE,
                 "9223372036854775807/9223372036854775807/0/0 0/0/0/0");
    g_autoptr(GVariant) chunks = save(SOURCE);
    g_autoptr(EfSaid) said = restore(SOURCE, NULL, chunks);
    g_assert_no_error(said->error);
    assert_shown(SOURCE,
                 "9223372036854775807/9223372036854775807/0/0 0/0/0/0");
}

static void
test_data_that_is_wrong_begins_at_zero(void)
{
    static const struct {
        const char *json;
        const char *why;
    } cases[] = {
        { "{\"rx_packets\":7,\"tx_bytes\":-1}", "'tx_bytes' is -1" },
        { "{\"rx_packets\":\"7\"}", "'rx_packets' is '7'" },
        { "{\"rx_errors\":[7]}", "'rx_errors' is [<int64 7>]" },
    };
    PfNetwork *n = ef_network("br1", "<p:extension name='counters' "
                              "required='yes'/>");

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *error = g_strdup_printf(
            "%s, not an integer of at least 0 (run-time data of the other "
            "host)", cases[i].why);
        g_autofree char *note = g_strconcat("they begin at 0: ", error, NULL);

        plug(DESTINATION);
        g_autoptr(EfSaid) said = restore_json(DESTINATION, NULL,
                                              cases[i].json);
        g_assert_no_error(said->error);
        g_assert_cmpstr(said->note, ==, note);
        assert_shown(DESTINATION, "0/0/0/0 0/0/0/0");

        g_autoptr(EfSaid) required = restore_json(DESTINATION, n,
                                                  cases[i].json);
        g_assert_nonnull(required->error);
        g_assert_cmpstr(required->error->message, ==, error);
        assert_shown(DESTINATION, "0/0/0/0 0/0/0/0");
    }
    pf_network_free(n);
}

static void
test_a_base_that_somebody_wrote_is_read_with_care(void)
{
    plug(SOURCE);
    ovs_do("ovs-vsctl set Interface " SOURCE " "
           "'external_ids:portferry-counters=\"rx_packets=5,rx_bytes=-1,"
           "rx_errors=x,rx_drops,tx_packets=18446744073709551615,"
           "tx_bytes=99999999999999999999,=3,tx_errors=+4\"'");
    ef_catch_up();
    assert_shown(SOURCE, "5/0/0/0 9223372036854775807/0/0/0");
}

static void
test_a_switch_that_does_not_count_is_told_of(void)
{
    PfNetwork *n = ef_network("br0", "<p:extension name='counters' "
                              "required='yes'/>");
    PfExtensionPort port;

    plug(SOURCE);
    restore_ok(SOURCE, "{\"rx_packets\":10}");
    port = port_of(SOURCE);
    port.ofport = 4321;

    g_autoptr(EfSaid) described = ef_call(COUNTERS, PF_CALL_DESCRIBE, &port,
                                          NULL, NULL);
    g_assert_nonnull(described->error);
    g_assert_nonnull(strstr(described->error->message, "4321"));
    g_assert_null(described->shown);

    g_autoptr(EfSaid) saved = ef_call_ok(COUNTERS, PF_CALL_NIC_SAVE, &port,
                                         NULL, NULL);
    g_assert_true(g_str_has_prefix(saved->note, "what it did on this host is "
                                   "not counted: "));
    g_autoptr(GVariant) boxed = g_variant_get_child_value(saved->chunks, 0);
    g_autoptr(GVariant) chunk = g_variant_get_variant(boxed);
    g_autofree char *text = format(chunk);
    g_assert_cmpstr(text, ==, "10/0/0/0 0/0/0/0");

    g_autoptr(EfSaid) required = ef_call(COUNTERS, PF_CALL_NIC_SAVE, &port, n,
                                         NULL);
    g_assert_nonnull(required->error);
    g_assert_null(required->chunks);
    pf_network_free(n);
}

static void
test_a_hundred_journeys_leave_nothing(void)
{
    ovs_do("ovs-vsctl --if-exists del-port " SOURCE
           " -- --if-exists del-port " DESTINATION);
    g_autofree char *before = ovs_run(
        "ovs-vsctl --columns=name,external_ids list Port; "
        "ovs-vsctl --columns=name,external_ids list Interface");

    plug(SOURCE);
    for (guint i = 0; i < 50; i++) {
        guest_sends(SOURCE, 1);
        migrate(SOURCE, DESTINATION);
        guest_sends(DESTINATION, 1);
        migrate(DESTINATION, SOURCE);
        ovs_assert_holds_no_more(2 * i + 1);
    }
    assert_shown(SOURCE, "100/10000/0/0 0/0/0/0");
    unplug(SOURCE);
    ovs_assert_prints(before,
                      "ovs-vsctl --columns=name,external_ids list Port; "
                      "ovs-vsctl --columns=name,external_ids list Interface");
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

    plug(SOURCE);
    port = port_of(SOURCE);
    PfCallSpec spec = {
        .extension = COUNTERS,
        .func = PF_CALL_NIC_SAVE,
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
    static const PfExtension *const extensions[] = { COUNTERS, NULL };
    int result;

    g_test_init(&argc, &argv, NULL);
    if (!ovs_fixture_possible()) {
        return 0;
    }
    ef_init(extensions);
    ovs_do("ovs-vsctl add-br br1 -- set Bridge br1 datapath_type=netdev");
    ef_catch_up();

#define ADD(NAME, TEST) g_test_add_func("/counters/" NAME, TEST)
    ADD("first", test_a_first_host_shows_the_switchs_statistics);
    ADD("drops", test_drops_are_counted_on_every_host);
    ADD("each", test_each_counter_is_the_switchs_of_that_name);
    ADD("hosts", test_they_go_on_over_hosts);
    ADD("noted", test_what_came_is_noted);
    ADD("none", test_nothing_came);
    ADD("stays", test_they_go_on_when_the_guest_stays);
    ADD("stays-restarted",
        test_they_go_on_when_the_agent_is_restarted_on_the_way_back);
    ADD("stays-still", test_they_go_on_when_a_guest_that_stands_still_stays);
    ADD("released", test_they_go_on_when_a_port_is_released);
    ADD("switch-restarted", test_they_go_on_when_the_switch_is_restarted);
    ADD("other-guest", test_another_guests_port_begins_at_zero);
    ADD("saturated", test_they_stop_at_the_end_of_an_integer);
    ADD("wrong-data", test_data_that_is_wrong_begins_at_zero);
    ADD("written", test_a_base_that_somebody_wrote_is_read_with_care);
    ADD("not-counted", test_a_switch_that_does_not_count_is_told_of);
    ADD("hundred", test_a_hundred_journeys_leave_nothing);
    ADD("end", test_the_agent_ends_in_the_midst);
    result = g_test_run();

    if (!is_over) {
        ef_done();
    }
    return result;
}
