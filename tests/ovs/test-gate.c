/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of plugin/gate.h: with frames through a real ovs-vswitchd, and, for
 * what that one does not do on demand, with a switch played by the test.
 */
#include <config.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "flow.h"
#include "gate.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofp-port.h"
#include "openvswitch/ofp-util.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vconn.h"
#include "openvswitch/vlog.h"
#include "ovs-fixture.h"
#include "packets.h"

/* Length of the test's frames: the smallest of Ethernet. */
#define FRAME_SIZE 60

static PfGates *gates;
static int tap_a, tap_b;        /* The guests' ends of ports "a" and "b". */

/* ---- Helpers ---------------------------------------------------------- */

static void
run_gates(gpointer part)
{
    pf_gates_run(part);
}

static void
wait_gates(gpointer part)
{
    pf_gates_wait(part);
}

static void
loop_until(OvsCondition condition, gpointer arg, const char *what)
{
    ovs_loop_until(run_gates, wait_gates, gates, condition, arg, what);
}

/* How a pf_gates_set() ended. */
struct outcome {
    gboolean over;
    GError *error;
};

static void
on_done(gpointer user, const GError *error)
{
    struct outcome *o = user;

    g_assert_false(o->over);
    o->over = TRUE;
    o->error = error ? g_error_copy(error) : NULL;
}

static gboolean
is_over(gpointer o)
{
    return ((struct outcome *) o)->over;
}

/* What the database says about port 'name'. */
static gint64
ofport(const char *name)
{
    g_autofree char *text = ovs_run("ovs-vsctl --timeout=30 wait-until "
                                    "Interface %s ofport!=[] && "
                                    "ovs-vsctl get Interface %s ofport",
                                    name, name);

    return g_ascii_strtoll(text, NULL, 10);
}

static char *
hwaddr(const char *name)
{
    return ovs_run("ovs-vsctl get Interface %s mac_in_use | tr -d '\"'", name);
}

/* Sets the gate and waits for the end; the caller frees the error. */
static GError *
set_gate(const char *bridge, const char *name, gint64 port_no,
         const char *mac, gboolean closed, guint timeout_ms)
{
    struct outcome o = { FALSE, NULL };

    pf_gates_set(gates, bridge, name, port_no, mac, closed, timeout_ms,
                 on_done, &o);
    g_assert_false(o.over);
    g_assert_cmpint(pf_gates_is_closed(gates, bridge, name), ==, closed);
    loop_until(is_over, &o, "the end of a gate's change");
    return o.error;
}

/* Sets the gate of port 'name' on br0, as the agent does; must succeed. */
static void
set_ok(const char *name, gboolean closed)
{
    gint64 port_no = ofport(name);
    g_autofree char *mac = hwaddr(name);
    gint64 start = g_get_monotonic_time();
    g_autoptr(GError) error = set_gate("br0", name, port_no, mac, closed,
                                       OVS_PATIENCE_MS);

    g_assert_no_error(error);
    g_test_message("%s %s: %.2f ms", closed ? "close" : "open", name,
                   (g_get_monotonic_time() - start) / 1000.0);
}

/* What the switch says about the gate of port 'name' on br0: "" if it is
 * open. */
static char *
port_config(const char *name)
{
    g_autofree char *version = ovs_run(
        "ovs-vsctl get Bridge br0 protocols | tr -d '[]\"'");

    return ovs_run("ovs-ofctl -O '%s' dump-ports-desc br0 | "
                   "sed -n '/(%s)/,/config:/s/.*config: *//p' | "
                   "grep -o 'NO_RECV\\|NO_FWD' | tr '\\n' ' '",
                   *version ? version : "OpenFlow10", name);
}

static gboolean
is_closed_in_switch(gpointer name)
{
    g_autofree char *config = port_config(name);

    return !strcmp(config, "NO_RECV NO_FWD");
}

static void
assert_config(const char *name, const char *expected)
{
    g_autofree char *config = port_config(name);

    g_assert_cmpstr(config, ==, expected);
}

/* Sends a broadcast frame that 'mark' tells from others, as a guest would. */
static void
send_frame(int tap, guint8 mark)
{
    guint8 frame[FRAME_SIZE] = {
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 0, 0, 0, 0, 0x42,
        0x88, 0xb5, mark
    };

    g_assert_cmpint(write(tap, frame, sizeof frame), ==, sizeof frame);
}

/* Returns the mark of the next of our frames that arrives at 'tap', or -1 if
 * none does within 'timeout_ms'. */
static int
receive_frame(int tap, int timeout_ms)
{
    struct pollfd pfd = { .fd = tap, .events = POLLIN };
    guint8 frame[2048];

    while (poll(&pfd, 1, timeout_ms) > 0) {
        if (read(tap, frame, sizeof frame) >= FRAME_SIZE
            && frame[12] == 0x88 && frame[13] == 0xb5) {
            return frame[14];
        }
    }
    return -1;
}

/* Frames that the datapath has received since its start. */
static int
frames_seen(void)
{
    g_autofree char *text = ovs_run(
        "ovs-appctl dpif-netdev/pmd-stats-show | "
        "awk '/packets received:/ { n += $3 } END { print n + 0 }'");

    return atoi(text);
}

/* Sends a frame and returns when the datapath has dealt with it. */
static void
send_frame_and_see(int tap, guint8 mark)
{
    gint64 deadline = g_get_monotonic_time() + OVS_PATIENCE_MS * 1000LL;
    int before = frames_seen();

    send_frame(tap, mark);
    while (frames_seen() <= before) {
        if (g_get_monotonic_time() > deadline) {
            g_error("the datapath saw no frame in %d ms", OVS_PATIENCE_MS);
        }
        g_usleep(1000);
    }
}

/* Sends frames until one arrives at 'to', as a guest does that wants an
 * answer, and checks that it is the first of all frames to arrive. */
static void
assert_frames_pass(int from, int to, guint8 mark)
{
    gint64 deadline = g_get_monotonic_time() + OVS_PATIENCE_MS * 1000LL;
    int received;

    do {
        if (g_get_monotonic_time() > deadline) {
            g_error("no frame passed in %d ms", OVS_PATIENCE_MS);
        }
        send_frame(from, mark);
        received = receive_frame(to, 50);
    } while (received < 0);
    g_assert_cmpint(received, ==, mark);
    while (receive_frame(to, 50) >= 0) {
        /* The others that were sent. */
    }
}

/* Returns when the datapath has no flow that is older than the call. */
static void
revalidate(void)
{
    ovs_do("ovs-appctl revalidator/wait && ovs-appctl revalidator/wait");
}

/* ---- A real switch ---------------------------------------------------- */

static void
test_closed_gate_stops_frames(void)
{
    assert_frames_pass(tap_a, tap_b, 1);

    /* From the guest. */
    set_ok("a", TRUE);
    assert_config("a", "NO_RECV NO_FWD");
    revalidate();
    send_frame_and_see(tap_a, 2);
    set_ok("a", FALSE);
    assert_config("a", "");
    g_assert_false(pf_gates_is_closed(gates, "br0", "a"));
    assert_frames_pass(tap_a, tap_b, 3);

    /* And to it. */
    set_ok("a", TRUE);
    revalidate();
    send_frame_and_see(tap_b, 4);
    set_ok("a", FALSE);
    assert_frames_pass(tap_b, tap_a, 5);
}

static void
test_wrong_hints_are_healed(void)
{
    gint64 right = ofport("a");
    g_autofree char *mac = hwaddr("a");
    static const char wrong_mac[] = "02:00:00:00:00:99";
    const struct {
        gint64 port_no;
        const char *mac;
    } hints[] = {
        { right, wrong_mac }, { 4711, mac }, { ofport("b"), mac },
        { right, NULL }, { right, "nonsense" }, { 0, mac }, { -1, mac },
        { 1 << 20, mac },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(hints); i++) {
        for (int closed = 1; closed >= 0; closed--) {
            g_autoptr(GError) error = set_gate("br0", "a", hints[i].port_no,
                                               hints[i].mac, closed,
                                               OVS_PATIENCE_MS);

            g_assert_no_error(error);
            assert_config("a", closed ? "NO_RECV NO_FWD" : "");
            assert_config("b", "");
        }
    }
}

static void
test_changed_hwaddr(void)
{
    g_autofree char *before = hwaddr("a");

    /* As libvirt does with the tap of a guest; the caller knows the old one
     * only. */
    ovs_do("ip link set dev a address 02:11:22:33:44:55");
    g_autoptr(GError) error = set_gate("br0", "a", ofport("a"), before, TRUE,
                                       OVS_PATIENCE_MS);
    g_assert_no_error(error);
    assert_config("a", "NO_RECV NO_FWD");
    ovs_do("ovs-vsctl --timeout=30 wait-until Interface a "
           "'mac_in_use=\"02:11:22:33:44:55\"'");
    set_ok("a", FALSE);
    assert_config("a", "");
}

static void
test_no_such_port(void)
{
    g_autoptr(GError) error = set_gate("br0", "nobody", 5, "02:00:00:00:00:05",
                                       TRUE, OVS_PATIENCE_MS);

    g_assert_error(error, PF_GATE_ERROR, PF_GATE_ERROR_NO_PORT);
    g_assert_cmpstr(error->message, ==, "port 'nobody': bridge 'br0' has no "
                    "OpenFlow port of that name");
    pf_gates_forget(gates, "br0", "nobody");
    g_assert_false(pf_gates_is_closed(gates, "br0", "nobody"));
}

static void
test_last_wish_counts(void)
{
    struct outcome o[5] = { { FALSE, NULL } };
    gint64 port_no = ofport("a");
    g_autofree char *mac = hwaddr("a");

    for (size_t i = 0; i < G_N_ELEMENTS(o); i++) {
        pf_gates_set(gates, "br0", "a", port_no, i == 3 ? NULL : mac,
                     i % 2 == 0, OVS_PATIENCE_MS, on_done, &o[i]);
        if (i == 1) {
            pf_gates_run(gates);
        }
    }
    for (size_t i = 0; i < G_N_ELEMENTS(o); i++) {
        loop_until(is_over, &o[i], "each of five wishes");
        g_assert_no_error(o[i].error);
    }
    assert_config("a", "NO_RECV NO_FWD");
    set_ok("a", FALSE);
}

static void
test_forgotten_gate_is_not_waited_for(void)
{
    struct outcome o = { FALSE, NULL };

    pf_gates_set(gates, "br0", "b", ofport("b"), NULL, TRUE, OVS_PATIENCE_MS,
                 on_done, &o);
    pf_gates_forget(gates, "br0", "b");
    g_assert_false(o.over);
    g_assert_false(pf_gates_is_closed(gates, "br0", "b"));
    loop_until(is_over, &o, "the forgotten wish");
    g_assert_error(o.error, PF_GATE_ERROR, PF_GATE_ERROR_NO_PORT);
    g_clear_error(&o.error);
    assert_config("b", "");
}

static void
test_every_openflow_version(void)
{
    static const char *const versions[] = {
        "OpenFlow10", "OpenFlow11", "OpenFlow12", "OpenFlow13", "OpenFlow14",
        "OpenFlow15",
    };

    set_ok("b", TRUE);
    for (size_t i = 0; i < G_N_ELEMENTS(versions); i++) {
        ovs_do("ovs-vsctl set Bridge br0 protocols=%s", versions[i]);
        g_test_message("%s", versions[i]);
        set_ok("a", TRUE);
        assert_config("a", "NO_RECV NO_FWD");
        set_ok("a", FALSE);
        assert_config("a", "");
        assert_config("b", "NO_RECV NO_FWD");

        /* A port that comes back is closed again, by its status message. */
        ovs_do("ovs-vsctl del-port br0 b -- add-port br0 b");
        ovs_do("ovs-vsctl del-port br0 b");
        ovs_do("ovs-vsctl add-port br0 b");
        loop_until(is_closed_in_switch, (gpointer) "b", "b closed again");
    }
    ovs_do("ovs-vsctl clear Bridge br0 protocols");
    set_ok("b", FALSE);
}

static void
test_port_with_a_new_number_is_closed_again(void)
{
    set_ok("a", TRUE);
    ovs_do("ovs-vsctl set Interface a ofport_request=444");
    loop_until(is_closed_in_switch, (gpointer) "a", "a closed again");
    g_assert_cmpint(ofport("a"), ==, 444);
    set_ok("a", FALSE);
    ovs_do("ovs-vsctl clear Interface a ofport_request");
}

static void
test_restarted_vswitchd(void)
{
    set_ok("a", TRUE);
    ovs_fixture_kill_vswitchd(ovs);
    pf_gates_run(gates);
    ovs_fixture_start_vswitchd(ovs);
    ovs_do("ovs-vsctl --timeout=30 set Bridge br0 external_ids:restarted=1");
    loop_until(is_closed_in_switch, (gpointer) "a", "a closed again");
    assert_config("b", "");
    set_ok("a", FALSE);
    assert_config("a", "");
}

/* ovs-vswitchd does not run while the wish comes. */
static void
test_wish_waits_for_vswitchd(void)
{
    struct outcome o = { FALSE, NULL };
    gint64 port_no = ofport("a");
    g_autofree char *mac = hwaddr("a");
    GError *error;

    ovs_fixture_kill_vswitchd(ovs);
    error = set_gate("br0", "a", port_no, mac, TRUE, 200);
    g_assert_error(error, PF_GATE_ERROR, PF_GATE_ERROR_TIMEOUT);
    if (!g_pattern_match_simple("port 'a' on bridge 'br0': ovs-vswitchd (unix:"
                                "*/br0.mgmt) did not close the gate within "
                                "200 ms: no connection", error->message)) {
        g_error("unexpected message '%s'", error->message);
    }
    g_clear_error(&error);
    pf_gates_set(gates, "br0", "a", port_no, mac, TRUE, OVS_PATIENCE_MS,
                 on_done, &o);
    ovs_fixture_start_vswitchd(ovs);
    loop_until(is_over, &o, "the wish across the restart");
    g_assert_no_error(o.error);
    assert_config("a", "NO_RECV NO_FWD");
    set_ok("a", FALSE);
}

static void
test_stopped_vswitchd_is_named(void)
{
    GError *error;
    gint64 port_no = ofport("a");
    g_autofree char *mac = hwaddr("a");

    g_assert_cmpint(kill(ovs->vswitchd, SIGSTOP), ==, 0);
    error = set_gate("br0", "a", port_no, mac, TRUE, 200);
    kill(ovs->vswitchd, SIGCONT);
    g_assert_error(error, PF_GATE_ERROR, PF_GATE_ERROR_TIMEOUT);
    g_clear_error(&error);

    /* What was wanted stays wanted. */
    g_assert_true(pf_gates_is_closed(gates, "br0", "a"));
    loop_until(is_closed_in_switch, (gpointer) "a", "a closed late");
    set_ok("a", FALSE);
}

static void
test_missing_bridge(void)
{
    g_autoptr(GError) error = set_gate("nobr", "a", 1, "02:00:00:00:00:01",
                                       TRUE, 100);

    g_assert_error(error, PF_GATE_ERROR, PF_GATE_ERROR_TIMEOUT);
    pf_gates_forget(gates, "nobr", "a");
}

static void
test_fragment_handling_stays(void)
{
    PfGates *own = pf_gates_new(NULL);
    PfGates *shared = gates;

    ovs_do("ovs-ofctl set-frags br0 drop");
    gates = own;
    set_ok("a", TRUE);
    set_ok("a", FALSE);
    gates = shared;
    ovs_assert_prints("drop", "ovs-ofctl get-frags br0");
    ovs_do("ovs-ofctl set-frags br0 normal");
    pf_gates_free(own);
}

/* ---- A switch played by the test -------------------------------------- */

/* A switch at the bridge name "fake". */
struct fake {
    struct pvconn *listener;
    struct vconn *vconn;
    enum ofperr answer;         /* To each port-mod; 0: none. */
    guint n_mods;               /* Port-mods received. */
    guint n_barriers;           /* Barriers received. */
    guint made_anew;            /* Before the answer to this barrier, the port
                                 * is made anew, without bits; 0: never. */
    gboolean silent;            /* No barrier is answered. */
    gboolean closed;            /* As the last port-mod says. */
    gboolean echo_sent;
    gboolean echo_answered;
};

/* Sends 'msg'. */
static void
fake_send(struct fake *fake, struct ofpbuf *msg)
{
    g_assert_cmpint(vconn_send_block(fake->vconn, msg), ==, 0);
}

/* Answers a request for the port description with one port, "p". */
static void
fake_describe(struct fake *fake, const struct ofp_header *oh)
{
    const struct ofputil_phy_port pp = {
        .port_no = u16_to_ofp(9),
        .hw_addr = ETH_ADDR_C(02,00,00,00,00,09),
        .name = "p",
    };
    struct ovs_list replies;
    struct ofpbuf *msg;

    ofpmp_init(&replies, oh);
    ofputil_append_port_desc_stats_reply(&pp, &replies);
    LIST_FOR_EACH_POP (msg, list_node, &replies) {
        fake_send(fake, msg);
    }
}

/* Answers 'msg'. */
static void
fake_answer(struct fake *fake, const struct ofpbuf *msg)
{
    const struct ofp_header *oh = msg->data;
    enum ofptype type;

    g_assert_cmpint(ofptype_decode(&type, oh), ==, 0);
    if (type == OFPTYPE_PORT_MOD) {
        struct ofputil_port_mod pm;

        g_assert_cmpint(ofputil_decode_port_mod(oh, &pm, FALSE), ==, 0);
        fake->closed = (pm.config & OFPUTIL_PC_NO_RECV) != 0;
        fake->n_mods++;
        if (fake->answer) {
            fake_send(fake, ofperr_encode_reply(fake->answer, oh));
        }
    } else if (type == OFPTYPE_BARRIER_REQUEST && !fake->silent) {
        if (++fake->n_barriers == fake->made_anew) {
            const struct ofputil_port_status ps = {
                .reason = OFPPR_ADD,
                .desc = {
                    .port_no = u16_to_ofp(8),
                    .hw_addr = ETH_ADDR_C(02,00,00,00,00,08),
                    .name = "p",
                },
            };
            fake_send(fake, ofputil_encode_port_status(
                          &ps, OFPUTIL_P_OF13_OXM));
        }
        fake_send(fake, ofpraw_alloc_reply(OFPRAW_OFPT11_BARRIER_REPLY, oh,
                                           0));
    } else if (type == OFPTYPE_PORT_DESC_STATS_REQUEST) {
        fake_describe(fake, oh);
    } else if (type == OFPTYPE_ECHO_REPLY) {
        fake->echo_answered = TRUE;
    }
}

static void
fake_run(gpointer fake_)
{
    struct fake *fake = fake_;
    struct ofpbuf *msg;

    pf_gates_run(gates);
    if (!fake->vconn) {
        int error = pvconn_accept(fake->listener, &fake->vconn);

        g_assert_true(!error || error == EAGAIN);
        if (error) {
            return;
        }
    }
    vconn_run(fake->vconn);
    if (vconn_connect(fake->vconn)) {
        return;
    }
    if (!fake->echo_sent) {
        fake_send(fake, ofputil_encode_echo_request(OFP13_VERSION));
        fake->echo_sent = TRUE;
    }
    while (!vconn_recv(fake->vconn, &msg)) {
        fake_answer(fake, msg);
        ofpbuf_delete(msg);
    }
}

static void
fake_wait(gpointer fake_)
{
    struct fake *fake = fake_;

    pf_gates_wait(gates);
    pvconn_wait(fake->listener);
    if (fake->vconn) {
        vconn_run_wait(fake->vconn);
        vconn_recv_wait(fake->vconn);
    }
    poll_timer_wait(5);
}

static gboolean
echo_is_answered(gpointer fake)
{
    return ((struct fake *) fake)->echo_answered;
}

/* Sets the gate of "p" at a fake switch that gives 'answer' to each port-mod
 * and makes the port anew before it answers barrier 'made_anew'; returns the
 * error, and the number of port-mods in '*n_mods'. */
static GError *
set_gate_at_fake(enum ofperr answer, guint made_anew, guint *n_mods)
{
    struct fake fake = { .answer = answer, .made_anew = made_anew };
    struct outcome o = { FALSE, NULL };
    g_autofree char *where = g_strdup_printf("punix:%s/fake.mgmt", ovs->dir);

    g_assert_cmpint(pvconn_open(where, 1u << OFP13_VERSION, 0,
                                &fake.listener), ==, 0);
    pf_gates_set(gates, "fake", "p", 8, "02:00:00:00:00:08", TRUE,
                 OVS_PATIENCE_MS, on_done, &o);
    ovs_loop_until(fake_run, fake_wait, &fake, is_over, &o,
                   "the fake switch's answer");
    ovs_loop_until(fake_run, fake_wait, &fake, echo_is_answered, &fake,
                   "the answer to an echo request");
    pf_gates_forget(gates, "fake", "p");
    vconn_close(fake.vconn);
    pvconn_close(fake.listener);
    *n_mods = fake.n_mods;
    return o.error;
}

static void
test_refusal_is_named(void)
{
    guint n_mods;
    g_autoptr(GError) error = set_gate_at_fake(OFPERR_OFPBRC_EPERM, 0,
                                               &n_mods);

    g_assert_error(error, PF_GATE_ERROR, PF_GATE_ERROR_REFUSED);
    g_assert_cmpstr(error->message, ==, "port 'p' on bridge 'fake': "
                    "ovs-vswitchd refused to close the gate: OFPBRC_EPERM");
    g_assert_cmpuint(n_mods, ==, 1);
}

static void
test_port_made_anew_meanwhile_is_closed_again(void)
{
    guint n_mods;
    g_autoptr(GError) error = set_gate_at_fake(0, 2, &n_mods);

    g_assert_no_error(error);
    g_assert_cmpuint(n_mods, ==, 2);
}

static void
test_attempts_are_bounded(void)
{
    guint n_mods;
    g_autoptr(GError) error = set_gate_at_fake(OFPERR_OFPPMFC_BAD_HW_ADDR, 0,
                                               &n_mods);

    g_assert_error(error, PF_GATE_ERROR, PF_GATE_ERROR_NO_PORT);
    g_assert_nonnull(strstr(error->message, "OFPPMFC_BAD_HW_ADDR"));
    g_assert_cmpuint(n_mods, ==, 6);
}

static gboolean
has_one_mod(gpointer fake)
{
    return ((struct fake *) fake)->n_mods == 1;
}

static gboolean
has_two_mods(gpointer fake)
{
    return ((struct fake *) fake)->n_mods == 2;
}

static void
test_close_does_not_wait_for_an_open_that_is_not_answered(void)
{
    struct fake fake = { .silent = TRUE, .closed = TRUE };
    struct outcome opens = { FALSE, NULL }, closes = { FALSE, NULL };
    g_autofree char *where = g_strdup_printf("punix:%s/fake.mgmt", ovs->dir);

    g_assert_cmpint(pvconn_open(where, 1u << OFP13_VERSION, 0,
                                &fake.listener), ==, 0);
    pf_gates_set(gates, "fake", "p", 8, "02:00:00:00:00:08", FALSE,
                 OVS_PATIENCE_MS, on_done, &opens);
    ovs_loop_until(fake_run, fake_wait, &fake, has_one_mod, &fake,
                   "the gate to be opened");
    g_assert_false(fake.closed);
    pf_gates_set(gates, "fake", "p", 8, "02:00:00:00:00:08", TRUE,
                 OVS_PATIENCE_MS, on_done, &closes);
    ovs_loop_until(fake_run, fake_wait, &fake, has_two_mods, &fake,
                   "the gate to be closed");
    g_assert_true(fake.closed);
    g_assert_false(opens.over);
    g_assert_false(closes.over);
    pf_gates_forget(gates, "fake", "p");
    ovs_loop_until(fake_run, fake_wait, &fake, is_over, &closes,
                   "the gate to be forgotten");
    g_assert_true(opens.over);
    g_clear_error(&opens.error);
    g_clear_error(&closes.error);
    vconn_close(fake.vconn);
    pvconn_close(fake.listener);
}

int
main(int argc, char *argv[])
{
    int result;

    if (!ovs_fixture_possible()) {
        return 0;
    }
    g_test_init(&argc, &argv, NULL);
    vlog_set_levels(NULL, VLF_CONSOLE, VLL_ERR);
    ovs = ovs_fixture_new();
    tap_a = ovs_tap_open("a");
    tap_b = ovs_tap_open("b");
    ovs_do("ovs-vsctl --timeout=30 add-port br0 a -- add-port br0 b");
    gates = pf_gates_new(NULL);
    pf_gates_prepare(gates, "br0");

#define TEST(FUNCTION) g_test_add_func("/gate/" #FUNCTION, test_##FUNCTION)
    TEST(closed_gate_stops_frames);
    TEST(wrong_hints_are_healed);
    TEST(changed_hwaddr);
    TEST(no_such_port);
    TEST(last_wish_counts);
    TEST(forgotten_gate_is_not_waited_for);
    TEST(every_openflow_version);
    TEST(port_with_a_new_number_is_closed_again);
    TEST(restarted_vswitchd);
    TEST(wish_waits_for_vswitchd);
    TEST(stopped_vswitchd_is_named);
    TEST(missing_bridge);
    TEST(fragment_handling_stays);
    TEST(refusal_is_named);
    TEST(port_made_anew_meanwhile_is_closed_again);
    TEST(attempts_are_bounded);
    TEST(close_does_not_wait_for_an_open_that_is_not_answered);
#undef TEST

    result = g_test_run();
    pf_gates_free(gates);
    ovs_fixture_free(ovs);
    return result;
}
