/* SPDX-License-Identifier: Apache-2.0
 *
 * announce: tells the fabric where the guest is, when it has come to this host
 * or has stayed after all.  Independent of what the guest's own driver does.
 *
 * What is sent, in a few rounds within a second: a RARP in each VLAN of the
 * port, as QEMU does, and for each address that the port's rules show
 * (announce-addresses.h) an ARP announcement or an unsolicited neighbour
 * advertisement.  The latter not where the network has the option `addresses'
 * with the value `no': an address that the rules of several guests show (VRRP)
 * would move with one that does not have it at present.
 *
 * Every frame enters the bridge at the guest's port and goes through the
 * bridge's rules and the port's VLANs as if the guest had sent it: where it
 * may not send a frame, nobody sends it for it.  On a bridge whose rules drop
 * RARP the fabric learns from the other frames, which show just those
 * addresses that the rules let pass; where the rules show none, let RARP pass
 * (dl_type=0x8035,dl_src=MAC) if the fabric is to be told.
 *
 * Owns: which VLANs the guest was seen in.  No policies: there is nothing of
 * the port's to configure, to verify, or to tear down but frames not sent yet.
 * Run-time data: {"vlans": [10, 20]}, those in which the source's switch has
 * learnt its MAC, for a trunk; without them a trunk is announced untagged and
 * where its rules name a VLAN.  They are kept in memory from nic_restore to
 * guest_runs, and for a port in quarantine until it is released, as a change
 * of the database would make the guest wait: an agent that is restarted
 * meanwhile, and is not given them again, does without.  Data that is refused
 * is left out with a note: announcing never fails a migration.
 */
#include <config.h>

#include <portferry/extension.h>

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "plugin/extension.h"
#include "plugin/extensions/announce-addresses.h"
#include "plugin/extensions/announce-frames.h"
#include "plugin/extensions/announce-vlans.h"

#define FRAMES_MAX 256          /* Of one round. */
#define ANSWER_MS 2000          /* For one question. */
#define SAVE_ANSWER_MS 200      /* The same while the guest stands still. */

/* Between one round and the next, in ms. */
static const guint gaps[] = { 50, 150, 300, 500 };

static const PfHost *host;

/* An announcement under way, or a question for what one will need. */
typedef struct {
    guint refs;
    PfCall *call;               /* NULL: ended. */
    char *name;
    char *bridge;
    char *mac;
    gint64 ofport;
    PfMac from;
    PfVlans *vlans;
    gboolean is_save;           /* nic_save: VLANs are all it is about. */

    gboolean has_addresses;     /* They are announced, too. */
    PfAddresses *addresses;
    GPtrArray *frames;          /* GBytes *, of a round. */
    guint n_sent;               /* Of them, in the first round. */
    gboolean is_complete;       /* All of them are known. */
    gboolean has_failed;        /* A frame was not sent. */
    guint waiting;              /* Answers that the call waits for. */
    guint round;                /* Of those that are over. */
    guint timer;                /* GLib source, or 0. */
} Task;

static GHashTable *tasks;       /* All: set of Task *, not referenced. */
static GHashTable *announcing;  /* Port's name -> Task *, referenced. */
static GHashTable *remembered;  /* Port's name -> GVariant *, "vlans". */

/* ---- Tasks -------------------------------------------------------------- */

static Task *
task_new(PfCall *call, const PfExtensionPort *port)
{
    Task *t = g_new0(Task, 1);
    const char *addresses;

    t->refs = 1;
    t->call = call;
    t->name = g_strdup(port->name);
    t->bridge = g_strdup(port->bridge);
    t->mac = g_strdup(port->mac);
    t->ofport = port->ofport;
    t->has_addresses = !(g_variant_lookup(port->options, "addresses", "&s",
                                          &addresses)
                         && !strcmp(addresses, "no"));
    t->vlans = pf_vlans_new(host, port->name);
    t->addresses = pf_addresses_new(port->mac, pf_vlans_is_trunk(t->vlans));
    t->frames = g_ptr_array_new_with_free_func((GDestroyNotify) g_bytes_unref);
    g_hash_table_add(tasks, t);
    return t;
}

static Task *
task_ref(Task *t)
{
    t->refs++;
    return t;
}

static void
task_free(Task *t)
{
    g_hash_table_remove(tasks, t);
    g_free(t->name);
    g_free(t->bridge);
    g_free(t->mac);
    pf_vlans_free(t->vlans);
    pf_addresses_free(t->addresses);
    g_ptr_array_unref(t->frames);
    g_free(t);
}

static void
task_unref(Task *t)
{
    if (!--t->refs) {
        task_free(t);
    }
}

static void
task_end(Task *t)
{
    if (t->call) {
        host->end(g_steal_pointer(&t->call), NULL);
    }
}

/* Sends nothing more; the call is over. */
static void
task_stop(Task *t)
{
    if (t->timer) {
        g_source_remove(t->timer);
        t->timer = 0;
    }
    t->has_failed = TRUE;
    task_end(t);
}

static void
task_stop_and_unref(gpointer t)
{
    task_stop(t);
    task_unref(t);
}

/* The last round is over. */
static void
task_forget(Task *t)
{
    if (g_hash_table_lookup(announcing, t->name) == t) {
        g_hash_table_remove(announcing, t->name);
    }
}

/* What one question of the call may take. */
static guint
answer_ms(const Task *t, guint most)
{
    return MIN(most, host->time_left_ms(t->call) / 3);
}

/* ---- VLANs in which the switch has learnt the MAC ----------------------- */

/* Lines of fdb/show: number of the port, VLAN, MAC, age. */
static void
read_fdb(Task *t, const GPtrArray *lines)
{
    for (guint i = 0; i < lines->len; i++) {
        gint64 ofport;
        guint vid;
        char mac[18];

        if (sscanf(lines->pdata[i], "%" G_GINT64_FORMAT " %u %17s", &ofport,
                   &vid, mac) == 3
            && ofport == t->ofport && !strcmp(mac, t->mac)) {
            pf_vlans_add_seen(t->vlans, vid);
        }
    }
}

static void
ask_fdb(Task *t, PfLinesFunc *lines, guint timeout_ms)
{
    const char *args[] = { t->bridge, NULL };

    host->appctl("fdb/show", args, timeout_ms, lines, task_ref(t));
}

/* A GHRFunc: whether nothing is called 'name' any more. */
static gboolean
is_of_no_port(gpointer name, gpointer seen G_GNUC_UNUSED,
              gpointer unused G_GNUC_UNUSED)
{
    return !host->find(NULL, "Interface", "name", name);
}

/* Keeps 'seen' for guest_runs(). */
static void
remember(const char *name, GVariant *seen)
{
    g_hash_table_foreach_remove(remembered, is_of_no_port, NULL);
    g_hash_table_insert(remembered, g_strdup(name), g_variant_ref(seen));
}

/* ---- Source: nic_save --------------------------------------------------- */

static void
on_save_fdb(gpointer t_, const GPtrArray *lines, gboolean last,
            const GError *error)
{
    Task *t = t_;

    read_fdb(t, lines);
    if (!last) {
        return;
    }
    if (error && t->call) {
        host->note(t->call, "the VLANs in which its MAC was seen are not "
                   "known, a trunk is announced without them: %s",
                   error->message);
    }
    if (t->call && pf_vlans_count_seen(t->vlans)) {
        g_autoptr(GVariant) seen = g_variant_ref_sink(
            pf_vlans_format_seen(t->vlans));
        GVariantDict chunk;

        remember(t->name, seen);
        g_variant_dict_init(&chunk, NULL);
        g_variant_dict_insert_value(&chunk, "vlans", seen);
        host->chunk(t->call, g_variant_dict_end(&chunk));
    }
    task_end(t);
    task_unref(t);
}

static void
announce_nic_save(PfCall *call, const PfExtensionPort *port)
{
    Task *t = task_new(call, port);

    /* It does not run here any more. */
    g_hash_table_remove(announcing, port->name);
    g_hash_table_remove(remembered, port->name);
    if (pf_vlans_is_trunk(t->vlans)) {
        ask_fdb(t, on_save_fdb, answer_ms(t, SAVE_ANSWER_MS));
    } else {
        task_end(t);
    }
    task_unref(t);
}

/* ---- Destination: nic_restore ------------------------------------------- */

static void
announce_nic_restore(PfCall *call, const PfExtensionPort *port,
                     GVariant *old G_GNUC_UNUSED,
                     GVariant *new_ G_GNUC_UNUSED, GVariant *chunks)
{
    g_autoptr(GVariant) chunk = NULL;
    g_autoptr(GVariant) seen = NULL;
    g_autofree char *problem = NULL;

    g_hash_table_remove(remembered, port->name);
    if (g_variant_n_children(chunks)) {
        g_variant_get_child(chunks, 0, "v", &chunk);
        seen = g_variant_lookup_value(chunk, "vlans", NULL);
        problem = pf_vlans_check_seen(seen);
    }
    if (problem) {
        host->note(call, "the VLANs in which the other host saw its MAC are "
                   "left out: %s", problem);
    } else if (seen) {
        remember(port->name, seen);
    }
    host->end(call, NULL);
}

/* ---- Sending ------------------------------------------------------------ */

static void send_from(Task *t, guint first, guint timeout_ms);
static void step(Task *t);

static gboolean
on_timer(gpointer t_)
{
    Task *t = t_;

    t->timer = 0;
    t->round++;
    if (!t->has_failed && host->find(NULL, "Interface", "name", t->name)) {
        send_from(t, 0, ANSWER_MS);
        if (t->round < G_N_ELEMENTS(gaps)) {
            t->timer = g_timeout_add(gaps[t->round], on_timer, t);
            return G_SOURCE_REMOVE;
        }
    }
    task_forget(t);
    return G_SOURCE_REMOVE;
}

static void
on_sent(gpointer t_, const GError *error)
{
    Task *t = t_;

    if (error && !t->has_failed) {
        t->has_failed = TRUE;
        if (t->call) {
            host->note(t->call, "the fabric was not told where it is: %s",
                       error->message);
        }
    }
    step(t);
    task_unref(t);
}

/* Sends the frames from number 'first' on. */
static void
send_from(Task *t, guint first, guint timeout_ms)
{
    for (guint i = first; i < t->frames->len && !t->has_failed; i++) {
        t->waiting++;
        host->packet_out(t->bridge, t->ofport, t->frames->pdata[i], "TABLE",
                         timeout_ms, on_sent, task_ref(t));
    }
}

/* Adds a RARP in each VLAN for which there is none yet: the first 'n_done'
 * have theirs. */
static void
add_rarps(Task *t, guint n_done)
{
    for (guint i = n_done; i < pf_vlans_count(t->vlans); i++) {
        g_ptr_array_add(t->frames,
                        pf_frame_rarp(&t->from, pf_vlans_tag(t->vlans, i)));
    }
}

/* Whether an address that the rules show in VLAN 'vid' is told with tag
 * 'tag'. */
static gboolean
is_in_vlan(int vid, guint tag)
{
    return vid == PF_ADDRESS_ANY_VLAN || vid == (int) tag;
}

static void
add_addresses(Task *t)
{
    const GArray *found = t->addresses->found;
    guint n_left_out = 0;

    for (guint i = 0; i < found->len; i++) {
        const PfPortAddress *a = &g_array_index(found, PfPortAddress, i);

        for (guint k = 0; k < pf_vlans_count(t->vlans); k++) {
            guint tag = pf_vlans_tag(t->vlans, k);

            if (!is_in_vlan(a->vid, tag)) {
                continue;
            }
            if (t->frames->len == FRAMES_MAX) {
                n_left_out++;
                continue;
            }
            g_ptr_array_add(t->frames, pf_frame_address(
                &t->from, &a->address, t->addresses->is_router, tag));
        }
    }
    if (n_left_out) {
        host->note(t->call, "%u frames are not sent: a round has at most %d "
                   "(VLANs times addresses)", n_left_out, FRAMES_MAX);
    }
}

/* ---- The first round ---------------------------------------------------- */

/* What the rules and the switch say is there: the frames of every round. */
static void
complete_frames(Task *t)
{
    guint n_done = pf_vlans_count(t->vlans);
    const GArray *found = t->addresses->found;

    t->is_complete = TRUE;
    for (guint i = 0; i < found->len; i++) {
        int vid = g_array_index(found, PfPortAddress, i).vid;

        if (vid > 0) {
            pf_vlans_add_seen(t->vlans, vid);
        }
    }
    pf_vlans_take_seen(t->vlans, host, t->call);
    add_rarps(t, n_done);
    if (!t->has_addresses) {
        return;
    }
    add_addresses(t);
    if (t->addresses->more) {
        host->note(t->call, "its rules show more than %d addresses: the rest "
                   "is not announced", PF_ADDRESSES_MAX);
    }
}

/* One more answer is there. */
static void
step(Task *t)
{
    if (--t->waiting || !t->call) {
        return;
    }
    if (!t->is_complete) {
        complete_frames(t);
        t->waiting = 1;
        send_from(t, t->n_sent, answer_ms(t, ANSWER_MS));
        step(t);
        return;
    }
    task_end(t);
    if (t->has_failed) {
        task_forget(t);
    } else {
        t->timer = g_timeout_add(gaps[0], on_timer, t);
    }
}

static void
on_fdb(gpointer t_, const GPtrArray *lines, gboolean last, const GError *error)
{
    Task *t = t_;

    if (t->call) {
        read_fdb(t, lines);
        if (error) {
            host->note(t->call, "the VLANs in which this host saw its MAC "
                       "are not known: %s", error->message);
        }
    }
    if (last) {
        step(t);
        task_unref(t);
    }
}

/* Rules of the port, or of the MAC, have come. */
static void
read_rules(Task *t, const GPtrArray *lines, gboolean last,
           const GError *error, gboolean of_port)
{
    for (guint i = 0; i < lines->len; i++) {
        pf_addresses_read_rule(t->addresses, lines->pdata[i], of_port);
    }
    if (error && t->call) {
        host->note(t->call, "addresses that its rules show are not "
                   "announced: %s", error->message);
    }
    if (last) {
        step(t);
        task_unref(t);
    }
}

static void
on_port_rules(gpointer t, const GPtrArray *lines, gboolean last,
              const GError *error)
{
    read_rules(t, lines, last, error, TRUE);
}

static void
on_mac_rules(gpointer t, const GPtrArray *lines, gboolean last,
             const GError *error)
{
    read_rules(t, lines, last, error, FALSE);
}

static void
ask(Task *t)
{
    static const char *const of_mac[] = {
        "dl_src=", "arp,arp_sha=", "icmp6,icmp_type=136,nd_tll=",
    };
    g_autofree char *of_port = g_strdup_printf("in_port=%" G_GINT64_FORMAT,
                                               t->ofport);
    guint timeout_ms = answer_ms(t, ANSWER_MS);

    t->waiting++;
    host->openflow_dump(t->bridge, PF_OPENFLOW_RULES, of_port, timeout_ms,
                        on_port_rules, task_ref(t));
    for (guint i = 0; i < G_N_ELEMENTS(of_mac); i++) {
        g_autofree char *filter = g_strconcat(of_mac[i], t->mac, NULL);

        t->waiting++;
        host->openflow_dump(t->bridge, PF_OPENFLOW_RULES, filter, timeout_ms,
                            on_mac_rules, task_ref(t));
    }
    if (pf_vlans_is_trunk(t->vlans)) {
        t->waiting++;
        ask_fdb(t, on_fdb, timeout_ms);
    }
}

/* What is known already is sent at once, the rest of the first round when the
 * rules were read. */
static void
announce_guest_runs(PfCall *call, const PfExtensionPort *port,
                    PfGuestRuns reason)
{
    GVariant *seen = g_hash_table_lookup(remembered, port->name);
    Task *t = task_new(call, port);

    if (seen) {
        pf_vlans_parse_seen(t->vlans, seen);
        if (reason == PF_GUEST_RELEASED) {
            g_hash_table_remove(remembered, port->name);
        }
    }
    if (port->ofport <= 0 || !pf_mac_parse(port->mac, &t->from)) {
        host->note(call, "the fabric was not told where it is: port '%s' has "
                   "OpenFlow number %" G_GINT64_FORMAT ", MAC %s",
                   port->name, port->ofport, port->mac);
        task_end(t);
        task_unref(t);
        return;
    }
    g_hash_table_insert(announcing, g_strdup(port->name), task_ref(t));

    pf_vlans_take_seen(t->vlans, host, call);
    add_rarps(t, 0);
    t->n_sent = t->frames->len;
    t->waiting = 1;
    send_from(t, 0, answer_ms(t, ANSWER_MS));
    ask(t);
    step(t);
    task_unref(t);
}

/* ---- The port goes ------------------------------------------------------ */

static void
announce_port_teardown(PfCall *call, const PfExtensionPort *port,
                       GVariant *policies G_GNUC_UNUSED)
{
    g_hash_table_remove(announcing, port->name);
    host->end(call, NULL);
}

/* property_remove and port_gone. */
static void
announce_forget(PfCall *call, const PfExtensionPort *port,
                GVariant *policies G_GNUC_UNUSED)
{
    g_hash_table_remove(announcing, port->name);
    g_hash_table_remove(remembered, port->name);
    host->end(call, NULL);
}

/* ---- The extension ------------------------------------------------------ */

static gboolean
announce_init(const PfHost *host_, GError **error G_GNUC_UNUSED)
{
    host = host_;
    tasks = g_hash_table_new(NULL, NULL);
    announcing = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                       task_stop_and_unref);
    remembered = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                       (GDestroyNotify) g_variant_unref);
    return TRUE;
}

/* No question is answered any more: whoever waits for one waits no longer. */
static void
announce_destroy(void)
{
    g_autoptr(GList) left = NULL;

    g_clear_pointer(&announcing, g_hash_table_unref);
    g_clear_pointer(&remembered, g_hash_table_unref);
    left = g_hash_table_get_keys(tasks);
    for (GList *l = left; l; l = l->next) {
        task_stop(l->data);
        task_free(l->data);
    }
    g_clear_pointer(&tasks, g_hash_table_unref);
}

const PfExtension pf_extension_announce = {
    .abi = PF_EXTENSION_ABI,
    .name = "announce",
    .version = 1,
    .order = 600,
    .summary = "tells the fabric where the guest is",
    .init = announce_init,
    .destroy = announce_destroy,
    .nic_save = announce_nic_save,
    .nic_restore = announce_nic_restore,
    .port_teardown = announce_port_teardown,
    .property_remove = announce_forget,
    .port_gone = announce_forget,
    .guest_runs = announce_guest_runs,
};
