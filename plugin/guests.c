/* SPDX-License-Identifier: Apache-2.0
 *
 * guests: the guests that run here on managed networks, and their stamps.
 *
 * A stamp is looked at again whenever its guest's ports or the networks change,
 * and written when it differs from what the guest's metadata has.  Stamp writing
 * rests while a migration of the guest is under way: libvirt would make it wait
 * for half a minute and then fail.
 */
#include <config.h>

#include "plugin/agent-private.h"

#include <string.h>

#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "plugin/codec.h"
#include "plugin/extension.h"
#include "plugin/machine.h"
#include "timeval.h"

VLOG_DEFINE_THIS_MODULE(pf_guests);

/* Changes within this time go into one stamp. */
#define SETTLE_MS 200
/* After a write that failed. */
#define RETRY_MS 5000

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

/* The stamp of 'guest' is to be looked at, at 'when' (time_msec()) or before. */
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
        VLOG_WARN("guest '%s': its stamp will be written anew: %s", name,
                  error->message);
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
        g_hash_table_insert(guests->by_uuid, guest->uuid, guest);
    }
    g_free(guest->name);
    guest->name = g_strdup(name);
    guest->state = state;
    pf_domain_free(guest->domain);
    guest->domain = domain;
    if (domain->stamp && !guest->stamp) {
        /* What another agent, or ours before a restart, has written. */
        guest->stamp = pf_stamp_format(domain->stamp);
        g_free(guest->epoch);
        guest->epoch = g_strdup(domain->stamp->epoch);
    }
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

static void
stamp_nic(PfAgent *agent, PfGuest *guest, PfStamp *stamp, const PfNic *nic)
{
    const PfNetwork *network = pf_agent_network(agent, nic->network);
    g_autoptr(PfPort) port = pf_switch_port(agent->sw, nic->target);
    g_autoptr(GVariant) image = pf_switch_image(agent->sw, nic->target);
    PfExtensionPort ep = {
        .domain = guest->name,
        .mac = nic->mac,
        .name = nic->target,
        .bridge = port->bridge,
        .iface_id = nic->iface_id,
        .mtu = nic->mtu,
        .is_here = TRUE,
        .network = network,
        .sw = agent->sw,
    };
    PfStampPort *sp = pf_stamp_add_port(stamp, nic->mac, nic->target,
                                        port->bridge, nic->network,
                                        port->iface_id);

    for (const PfExtension *const *e = pf_extensions(); *e; e++) {
        g_autoptr(GError) error = NULL;
        GVariant *policies;

        if (!(*e)->get_policies) {
            continue;
        }
        policies = (*e)->get_policies(&ep, image, &error);
        if (!policies) {
            VLOG_WARN("guest '%s', NIC %s: %s: %s", guest->name, nic->mac,
                      (*e)->name, error->message);
            continue;
        }
        g_autofree char *text = pf_codec_format(policies);
        pf_stamp_port_add_extension(sp, (*e)->name, (*e)->version, text);
    }
}

/* The stamp that 'guest' should have; NULL: none. */
static PfStamp *
make_stamp(PfAgent *agent, PfGuest *guest, const char *epoch)
{
    PfStamp *stamp = pf_stamp_new(epoch);

    for (guint i = 0; i < guest->domain->nics->len; i++) {
        const PfNic *nic = guest->domain->nics->pdata[i];

        if (pf_guests_nic_is_managed(agent, nic)) {
            stamp_nic(agent, guest, stamp, nic);
        }
    }
    if (!stamp->ports->len) {
        pf_stamp_free(stamp);
        return NULL;
    }
    return stamp;
}

/* A write under way. */
typedef struct {
    PfGuests *guests;
    char *uuid;
    char *epoch;
    char *text;
} Write;

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
            g_free(guest->stamp);
            guest->stamp = g_steal_pointer(&w->text);
            g_free(guest->epoch);
            guest->epoch = g_steal_pointer(&w->epoch);
        }
        mark(w->guests, guest);
    }
    g_free(w->uuid);
    g_free(w->epoch);
    g_free(w->text);
    g_free(w);
}

static void
refresh_stamp(PfGuests *guests, PfGuest *guest)
{
    PfAgent *agent = guests->agent;
    gint64 now = time_msec();

    if (guest->writing || guest->state == PF_GUEST_INCOMING
        || pf_agent_migration(agent, guest->uuid, PF_ROLE_SOURCE)
        || pf_agent_migration(agent, guest->uuid, PF_ROLE_DESTINATION)) {
        return;
    }

    g_autofree char *epoch = guest->renew || !guest->epoch
        ? new_epoch() : g_strdup(guest->epoch);
    g_autoptr(PfStamp) stamp = make_stamp(agent, guest, epoch);
    g_autofree char *text = stamp ? pf_stamp_format(stamp) : NULL;

    if (!text || !g_strcmp0(text, guest->stamp)) {
        return;
    }
    if (now < guest->not_before_ms) {
        mark_for(guests, guest, guest->not_before_ms);
        return;
    }

    Write *w = g_new0(Write, 1);
    w->guests = guests;
    w->uuid = g_strdup(guest->uuid);
    w->epoch = g_steal_pointer(&epoch);
    w->text = g_strdup(text);
    guest->writing = TRUE;
    guest->renew = FALSE;
    pf_hypervisor_stamp(agent->hv, guest->uuid, text, stamp_written, w);
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

        if (guest->dirty) {
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
