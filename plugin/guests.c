/* SPDX-License-Identifier: Apache-2.0
 *
 * guests: the guests that run here on managed networks, and their stamps.
 *
 * A stamp is looked at again whenever its guest's ports or the networks
 * change, and written when it differs from what the guest's metadata has.
 * Stamp writing rests while a migration of the guest is under way: libvirt
 * would make it wait for half a minute and then fail.
 */
#include <config.h>

#include "plugin/agent-private.h"

#include <string.h>

#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "plugin/call.h"
#include "plugin/extension.h"
#include "plugin/machine.h"
#include "plugin/port-state.h"
#include "timeval.h"

VLOG_DEFINE_THIS_MODULE(pf_guests);

/* Changes within this time go into one stamp. */
#define SETTLE_MS 200
/* After a write that failed. */
#define RETRY_MS 5000
/* For an extension to say what a port has. */
#define ASK_TIMEOUT_MS 5000

struct PfGuests {
    PfAgent *agent;
    GHashTable *by_uuid;        /* uuid -> PfGuest *. */
    GHashTable *by_port;        /* Port name -> PfGuest *. */
    GHashTable *renew;          /* uuids whose guest is not known yet, to get
                                 * a new epoch: a set. */
    gint64 look_ms;             /* When to look at stamps; 0: no need. */
};

static void
guest_free(gpointer p)
{
    PfGuest *guest = p;

    g_free(guest->uuid);
    g_free(guest->name);
    pf_domain_free(guest->domain);
    g_free(guest->epoch);
    g_free(guest->stamp);
    g_hash_table_unref(guest->states);
    g_hash_table_unref(guest->ofports);
    g_free(guest);
}

PfGuests *
pf_guests_new(PfAgent *agent)
{
    PfGuests *guests = g_new0(PfGuests, 1);

    guests->agent = agent;
    guests->by_uuid = g_hash_table_new_full(g_str_hash, g_str_equal, NULL,
                                            guest_free);
    guests->by_port = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                            NULL);
    guests->renew = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                          NULL);
    return guests;
}

void
pf_guests_free(PfGuests *guests)
{
    if (guests) {
        g_hash_table_unref(guests->by_uuid);
        g_hash_table_unref(guests->by_port);
        g_hash_table_unref(guests->renew);
        g_free(guests);
    }
}

PfGuest *
pf_guests_find(PfGuests *guests, const char *uuid)
{
    return g_hash_table_lookup(guests->by_uuid, uuid);
}

GPtrArray *
pf_guests_list(PfGuests *guests)
{
    GPtrArray *list = g_ptr_array_new();
    GHashTableIter iter;
    gpointer guest;

    g_hash_table_iter_init(&iter, guests->by_uuid);
    while (g_hash_table_iter_next(&iter, NULL, &guest)) {
        g_ptr_array_add(list, guest);
    }
    return list;
}

gboolean
pf_guests_nic_is_managed(PfAgent *agent, const PfNic *nic)
{
    /* Live XML says type='bridge' and keeps the network's name. */
    if (!nic->mac || !nic->network || !nic->target
        || !pf_agent_network(agent, nic->network)) {
        return FALSE;
    }
    g_autoptr(PfPort) port = pf_switch_port(agent->sw, nic->target);
    return port != NULL;
}

const PfNic *
pf_guests_first_openvswitch_nic(const PfDomain *domain)
{
    for (guint i = 0; i < domain->nics->len; i++) {
        const PfNic *nic = domain->nics->pdata[i];

        if (nic->openvswitch && nic->target) {
            return nic;
        }
    }
    return NULL;
}

/* The stamp of 'guest' is to be looked at, at 'when' (time_msec()) or
 * before. */
static void
mark_for(PfGuests *guests, PfGuest *guest, gint64 when)
{
    guest->dirty = TRUE;
    guests->look_ms = guests->look_ms ? MIN(guests->look_ms, when) : when;
}

static void
mark(PfGuests *guests, PfGuest *guest)
{
    mark_for(guests, guest, time_msec() + SETTLE_MS);
}

void
pf_guests_changed(PfGuests *guests)
{
    GHashTableIter iter;
    gpointer guest;

    g_hash_table_iter_init(&iter, guests->by_uuid);
    while (g_hash_table_iter_next(&iter, NULL, &guest)) {
        mark(guests, guest);
    }
}

void
pf_guests_port_changed(PfGuests *guests, const char *name)
{
    PfGuest *guest = g_hash_table_lookup(guests->by_port, name);

    if (guest) {
        mark(guests, guest);
    }
}

static gboolean
is_guest(gpointer name G_GNUC_UNUSED, gpointer value, gpointer guest)
{
    return value == guest;
}

/* Brings 'by_port' to the NICs that 'guest' has now. */
static void
index_ports(PfGuests *guests, PfGuest *guest)
{
    g_hash_table_foreach_remove(guests->by_port, is_guest, guest);
    for (guint i = 0; i < guest->domain->nics->len; i++) {
        const PfNic *nic = guest->domain->nics->pdata[i];

        if (nic->target) {
            g_hash_table_insert(guests->by_port, g_strdup(nic->target),
                                guest);
        }
    }
}

/* A gate that was closed for good is not for the next guest with a port of
 * that name. */
static void
forget_gates(PfAgent *agent, const PfGuest *guest)
{
    for (guint i = 0; i < guest->domain->nics->len; i++) {
        const PfNic *nic = guest->domain->nics->pdata[i];

        if (nic->target && nic->bridge) {
            pf_gates_forget(agent->gates, nic->bridge, nic->target);
        }
    }
}

static void
remove_guest(PfGuests *guests, const char *uuid)
{
    PfGuest *guest = pf_guests_find(guests, uuid);

    g_hash_table_remove(guests->renew, uuid);
    if (guest) {
        forget_gates(guests->agent, guest);
        g_hash_table_foreach_remove(guests->by_port, is_guest, guest);
        g_hash_table_remove(guests->by_uuid, uuid);
    }
}

/* Takes what the stamp of 'guest' has for what its extensions have said: a
 * difference refers to that. */
static void
read_states(PfGuest *guest)
{
    const PfStamp *stamp = guest->domain->stamp;

    for (guint i = 0; i < stamp->ports->len; i++) {
        const PfStampPort *sp = stamp->ports->pdata[i];
        PfPortStates *states = pf_port_states_new();

        for (guint k = 0; k < sp->extensions->len; k++) {
            const PfStampExtension *se = sp->extensions->pdata[k];
            g_autoptr(GError) error = NULL;

            if (!pf_port_states_set_stamped(states, se->name, se->version,
                                            se->text, &error)) {
                VLOG_WARN("guest '%s', NIC %s: stamp: %s: %s", guest->name,
                          sp->mac, se->name, error->message);
            }
        }
        g_hash_table_insert(guest->states, g_strdup(sp->mac), states);
    }
}

/* What the stamp 'text' reads as where somebody parses it; NULL: it cannot be
 * read, as the switch may have what no stamp can have (an iface-id that is no
 * UUID, say). */
static char *
reads_as(const char *text)
{
    g_autoptr(PfStamp) stamp = text ? pf_stamp_parse(text, NULL) : NULL;

    return stamp ? pf_stamp_format(stamp) : NULL;
}

/* Takes note of the stamp that the XML of 'guest' has.  Where it is not what
 * the guest should have, because somebody has changed it or taken it away, it
 * is written again. */
static void
read_stamp(PfGuest *guest)
{
    const PfStamp *stamp = guest->domain->stamp;
    g_autofree char *now = stamp ? pf_stamp_format(stamp) : NULL;

    if (now && !guest->stamp) {
        /* What another agent, or ours before a restart, has written. */
        guest->stamp = g_steal_pointer(&now);
        g_free(guest->epoch);
        guest->epoch = g_strdup(stamp->epoch);
        read_states(guest);
    } else if (!guest->writing && g_strcmp0(now, guest->stamp)) {
        g_autofree char *before = reads_as(guest->stamp);

        if (g_strcmp0(now, before)) {
            g_free(guest->stamp);
            guest->stamp = g_steal_pointer(&now);
        }
    }
}

void
pf_guests_update(PfGuests *guests, const char *uuid, const char *name,
                 PfGuestState state, const char *xml)
{
    g_autoptr(GError) error = NULL;
    PfGuest *guest;
    PfDomain *domain;

    if (state == PF_GUEST_GONE || !xml) {
        remove_guest(guests, uuid);
        return;
    }
    domain = pf_domain_parse(xml, &error);
    if (!domain) {
        VLOG_WARN("guest '%s': its stamp cannot be read, here or where it is "
                  "to migrate to: %s", name, error->message);
        g_clear_error(&error);
        domain = pf_domain_parse_unstamped(xml, &error);
    }
    if (!domain) {
        VLOG_WARN("guest '%s': its XML is left aside: %s", name,
                  error->message);
        return;
    }

    guest = pf_guests_find(guests, uuid);
    if (!guest) {
        guest = g_new0(PfGuest, 1);
        guest->uuid = g_strdup(uuid);
        guest->renew = g_hash_table_remove(guests->renew, uuid);
        guest->states = g_hash_table_new_full(
            g_str_hash, g_str_equal, g_free,
            (GDestroyNotify) pf_port_states_free);
        guest->ofports = g_hash_table_new_full(g_str_hash, g_str_equal,
                                               g_free, NULL);
        g_hash_table_insert(guests->by_uuid, guest->uuid, guest);
    }
    g_free(guest->name);
    guest->name = g_strdup(name);
    guest->state = state;
    pf_domain_free(guest->domain);
    guest->domain = domain;
    read_stamp(guest);
    index_ports(guests, guest);
    mark(guests, guest);
}

void
pf_guests_set_state(PfGuests *guests, const char *uuid, PfGuestState state)
{
    PfGuest *guest = pf_guests_find(guests, uuid);

    if (guest) {
        guest->state = state;
    }
}

void
pf_guests_renew(PfGuests *guests, const char *uuid)
{
    PfGuest *guest = pf_guests_find(guests, uuid);

    if (guest) {
        guest->renew = TRUE;
        mark(guests, guest);
    } else {
        g_hash_table_add(guests->renew, g_strdup(uuid));
    }
}

/* ---- Stamps ------------------------------------------------------------- */

static char *
new_epoch(void)
{
    GString *s = g_string_new(NULL);

    for (int i = 0; i < 4; i++) {
        g_string_append_printf(s, "%08x", g_random_int());
    }
    return g_string_free(s, FALSE);
}

/* A stamp in the making: its extensions are being asked. */
typedef struct {
    PfGuests *guests;
    char *uuid;
    char *epoch;
    PfStamp *stamp;             /* Ports without extensions yet. */
    GHashTable *states;         /* MAC -> PfPortStates *. */
    guint pending;
} Making;

/* One question of it. */
typedef struct {
    Making *making;
    const PfExtension *extension;
    char *mac;
} Question;

static void made(Making *);

static void
making_release(Making *making)
{
    if (!--making->pending) {
        made(making);
    }
}

/* A failure leaves the policies that the extension has said before. */
static void
answered(gpointer user, const PfCallResult *result)
{
    Question *q = user;
    Making *making = q->making;
    PfPortStates *states = g_hash_table_lookup(making->states, q->mac);

    if (result->error) {
        VLOG_WARN("guest %s, NIC %s: %s: %s", making->uuid, q->mac,
                  q->extension->name, result->error->message);
    } else if (result->policies) {
        pf_port_states_set(states, q->extension->name, q->extension->version,
                           result->policies);
    }
    g_free(q->mac);
    g_free(q);
    making_release(making);
}

static void
ask(Making *making, const PfExtension *extension, const PfExtensionPort *ep,
    const PfNetwork *network)
{
    PfCallSpec spec = {
        .extension = extension,
        .func = PF_CALL_GET_POLICIES,
        .port = ep,
        .network = network,
        .timeout_ms = ASK_TIMEOUT_MS,
    };
    Question *q = g_new0(Question, 1);

    q->making = making;
    q->extension = extension;
    q->mac = g_strdup(ep->mac);
    making->pending++;
    pf_call_begin(&spec, answered, q);
}

PfExtensionPort
pf_guests_extension_port(const PfGuest *guest, const PfNic *nic,
                         const PfPort *port)
{
    return (PfExtensionPort) {
        .domain = guest->name,
        .domain_uuid = guest->uuid,
        .mac = nic->mac,
        .name = nic->target,
        .bridge = port->bridge,
        .network = nic->network,
        .iface_id = nic->iface_id,
        .mtu = nic->mtu,
        .ofport = MAX(port->ofport, 0),
        .is_here = TRUE,
    };
}

static void
make_nic(PfAgent *agent, PfGuest *guest, Making *making, const PfNic *nic)
{
    g_autoptr(PfPort) port = pf_switch_port(agent->sw, nic->target);
    PfExtensionPort ep = pf_guests_extension_port(guest, nic, port);
    PfPortStates *known = g_hash_table_lookup(guest->states, nic->mac);

    if (ep.ofport) {
        g_hash_table_insert(guest->ofports, g_strdup(nic->mac),
                            GUINT_TO_POINTER(ep.ofport));
    }
    pf_stamp_add_port(making->stamp, nic->mac, nic->target, port->bridge,
                      nic->network, port->iface_id);
    g_hash_table_insert(making->states, g_strdup(nic->mac),
                        known ? pf_port_states_copy(known)
                        : pf_port_states_new());
    for (const PfExtension *const *e = pf_extensions(); *e; e++) {
        if ((*e)->get_policies) {
            ask(making, *e, &ep, pf_agent_network(agent, nic->network));
        }
    }
}

/* Has the extensions asked for the stamp that 'guest' should have. */
static void
make_stamp(PfGuests *guests, PfGuest *guest, const char *epoch)
{
    Making *making = g_new0(Making, 1);

    making->guests = guests;
    making->uuid = g_strdup(guest->uuid);
    making->epoch = g_strdup(epoch);
    making->stamp = pf_stamp_new(epoch);
    making->states = g_hash_table_new_full(
        g_str_hash, g_str_equal, g_free,
        (GDestroyNotify) pf_port_states_free);
    making->pending = 1;
    guest->making = TRUE;
    for (guint i = 0; i < guest->domain->nics->len; i++) {
        const PfNic *nic = guest->domain->nics->pdata[i];

        if (pf_guests_nic_is_managed(guests->agent, nic)) {
            make_nic(guests->agent, guest, making, nic);
        }
    }
    making_release(making);
}

/* The text of what was made; NULL: no stamp is needed. */
static char *
made_text(Making *making)
{
    PfStamp *stamp = making->stamp;

    for (guint i = 0; i < stamp->ports->len; i++) {
        PfStampPort *sp = stamp->ports->pdata[i];
        g_autoptr(GPtrArray) states = pf_port_states_list(
            g_hash_table_lookup(making->states, sp->mac));

        for (guint k = 0; k < states->len; k++) {
            PfPortState *s = states->pdata[k];
            const char *text = pf_port_state_packed(s);

            if (!pf_extension_find(s->extension)) {
                continue;       /* It was loaded once. */
            }
            if (strlen(text) <= PF_STAMP_MAX_TEXT) {
                pf_stamp_port_add_extension(sp, s->extension, s->version,
                                            text);
            } else {
                VLOG_WARN("NIC %s: what extension '%s' has is too large for "
                          "the stamp, and stays out of it: %zu bytes, %d may "
                          "be", sp->mac, s->extension, strlen(text),
                          PF_STAMP_MAX_TEXT);
            }
        }
    }
    return stamp->ports->len ? pf_stamp_format(stamp) : NULL;
}

/* A write under way. */
typedef struct {
    PfGuests *guests;
    char *uuid;
    char *epoch;
    char *text;
    GHashTable *states;         /* MAC -> PfPortStates *. */
} Write;

/* The stamp has what 'w' wanted to write. */
static void
take_over(PfGuest *guest, Write *w)
{
    GHashTableIter iter;
    gpointer states;

    g_free(guest->stamp);
    guest->stamp = g_steal_pointer(&w->text);
    g_free(guest->epoch);
    guest->epoch = g_steal_pointer(&w->epoch);
    g_hash_table_unref(guest->states);
    guest->states = g_steal_pointer(&w->states);
    g_hash_table_iter_init(&iter, guest->states);
    while (g_hash_table_iter_next(&iter, NULL, &states)) {
        g_autoptr(GPtrArray) list = pf_port_states_list(states);

        for (guint i = 0; i < list->len; i++) {
            pf_port_state_stamp(list->pdata[i]);
        }
    }
}

static void
stamp_written(gpointer user, const GError *error)
{
    Write *w = user;
    PfGuest *guest = pf_guests_find(w->guests, w->uuid);

    if (guest) {
        guest->writing = FALSE;
        if (error) {
            VLOG_INFO("guest '%s': its stamp is not written yet: %s",
                      guest->name, error->message);
            guest->not_before_ms = time_msec() + RETRY_MS;
            guest->renew |= g_strcmp0(w->epoch, guest->epoch) != 0;
        } else {
            take_over(guest, w);
        }
        mark(w->guests, guest);
    }
    g_free(w->uuid);
    g_free(w->epoch);
    g_free(w->text);
    g_clear_pointer(&w->states, g_hash_table_unref);
    g_free(w);
}

/* Whether the stamp of 'guest' is left as it is for now. */
static gboolean
rests(PfGuests *guests, const PfGuest *guest)
{
    PfAgent *agent = guests->agent;

    return (guest->making || guest->writing
            || guest->state == PF_GUEST_INCOMING
            || pf_agent_migration(agent, guest->uuid, PF_ROLE_SOURCE)
            || pf_agent_migration(agent, guest->uuid, PF_ROLE_DESTINATION));
}

/* Writes what was made, if it is another stamp than the guest has. */
static void
write_stamp(PfGuests *guests, PfGuest *guest, Making *making)
{
    g_autofree char *text = made_text(making);
    Write *w;

    if (!text || !g_strcmp0(text, guest->stamp)) {
        return;
    }
    if (time_msec() < guest->not_before_ms) {
        mark_for(guests, guest, guest->not_before_ms);
        return;
    }
    w = g_new0(Write, 1);
    w->guests = guests;
    w->uuid = g_strdup(guest->uuid);
    w->epoch = g_strdup(making->epoch);
    w->text = g_strdup(text);
    w->states = g_steal_pointer(&making->states);
    guest->writing = TRUE;
    guest->renew = FALSE;
    pf_hypervisor_stamp(guests->agent->hv, guest->uuid, text, stamp_written,
                        w);
}

/* What the extensions have said is what 'guest' has, also if the stamp has it
 * already, or cannot be written: what is stamped stays noted beside it. */
static void
learn_states(PfGuest *guest, const Making *making)
{
    GHashTableIter iter;
    gpointer mac, states;

    g_hash_table_iter_init(&iter, making->states);
    while (g_hash_table_iter_next(&iter, &mac, &states)) {
        g_hash_table_insert(guest->states, g_strdup(mac),
                            pf_port_states_copy(states));
    }
}

static void
made(Making *making)
{
    PfGuest *guest = pf_guests_find(making->guests, making->uuid);

    if (guest) {
        guest->making = FALSE;
        learn_states(guest, making);
        if (!rests(making->guests, guest)) {
            write_stamp(making->guests, guest, making);
        }
        if (guest->dirty) {
            mark(making->guests, guest);
        }
    }
    pf_stamp_free(making->stamp);
    g_clear_pointer(&making->states, g_hash_table_unref);
    g_free(making->uuid);
    g_free(making->epoch);
    g_free(making);
}

static void
refresh_stamp(PfGuests *guests, PfGuest *guest)
{
    if (!rests(guests, guest)) {
        g_autofree char *epoch = guest->renew || !guest->epoch
            ? new_epoch() : g_strdup(guest->epoch);

        make_stamp(guests, guest, epoch);
    }
}

void
pf_guests_run(PfGuests *guests)
{
    GHashTableIter iter;
    gpointer value;

    if (!guests->look_ms || time_msec() < guests->look_ms
        || !pf_switch_is_ready(guests->agent->sw)
        || !pf_hypervisor_is_connected(guests->agent->hv)) {
        return;
    }
    guests->look_ms = 0;
    g_hash_table_iter_init(&iter, guests->by_uuid);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        PfGuest *guest = value;

        if (guest->dirty && !guest->making) {
            guest->dirty = FALSE;
            refresh_stamp(guests, guest);
        }
    }
}

void
pf_guests_wait(PfGuests *guests)
{
    if (guests->look_ms && pf_switch_is_ready(guests->agent->sw)
        && pf_hypervisor_is_connected(guests->agent->hv)) {
        poll_timer_wait_until(guests->look_ms);
    }
}
