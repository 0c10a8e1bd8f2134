/* SPDX-License-Identifier: Apache-2.0
 *
 * switch: the replica of this host's Open vSwitch database, and questions.
 *
 * Only configuration and the few status columns that Portferry needs are
 * replicated: what this costs does not grow with statistics.  Changes are not
 * made here: see change.c and commit.c.
 */
#include <config.h>

#include "switch-private.h"

#include <string.h>

#include "image.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "rows.h"
#include "smap.h"

VLOG_DEFINE_THIS_MODULE(pf_switch);

G_DEFINE_QUARK(pf-switch-error-quark, pf_switch_error)

/* ---- Life cycle ------------------------------------------------------- */

/* What this part reads. */
static const char *const columns[] = {
    "Open_vSwitch.bridges",
    "Open_vSwitch.cur_cfg",
    "Open_vSwitch.next_cfg",
    "Bridge.name",
    "Bridge.ports",
    "Port.name",
    "Port.interfaces",
    "Interface.name",
    "Interface.error",
    "Interface.mac_in_use",
    "Interface.mtu",
    "Interface.ifindex",
    NULL
};

PfSwitch *
pf_switch_new(const char *remote, PfSwitchChanged changed, gpointer user)
{
    PfSwitch *sw = g_new0(PfSwitch, 1);

    sw->remote = g_strdup(remote);
    sw->changed = changed;
    sw->user = user;
    sw->idl = ovsdb_idl_create(remote, &ovsrec_idl_class, false, true);
    pf_rows_replicate(sw, columns);
    pf_rows_replicate(sw, pf_image_columns());
    sw->port_by_name = ovsdb_idl_index_create1(sw->idl,
                                               &ovsrec_port_col_name);
    sw->iface_by_name = ovsdb_idl_index_create1(sw->idl,
                                                &ovsrec_interface_col_name);
    sw->seqno = ovsdb_idl_get_seqno(sw->idl);
    sw->stale = TRUE;
    sw->stale_seqno = sw->seqno;
    sw->reach = pf_reach_new();
    pf_commits_init(&sw->commits);
    return sw;
}

void
pf_switch_free(PfSwitch *sw)
{
    if (sw) {
        pf_commits_destroy(&sw->commits);
        ovsdb_idl_destroy(sw->idl);
        pf_reach_free(sw->reach);
        g_free(sw->remote);
        g_free(sw);
    }
}

/* Notes whether the replica is what the database has: it is not from the loss
 * of the connection on until the server has sent the contents again. */
static void
update_stale(PfSwitch *sw)
{
    if (!ovsdb_idl_is_connected(sw->idl)) {
        sw->stale = TRUE;
        sw->stale_seqno = ovsdb_idl_get_seqno(sw->idl);
    } else if (sw->stale_seqno != ovsdb_idl_get_seqno(sw->idl)) {
        sw->stale = FALSE;
    }
}

/* Tells of the ports that changed since the last call. */
static void
tell_changes(PfSwitch *sw)
{
    const struct ovsrec_interface *iface;
    const struct ovsrec_port *port;

    if (sw->changed) {
        OVSREC_PORT_FOR_EACH_TRACKED (port, sw->idl) {
            sw->changed(sw->user, port->name);
        }
        OVSREC_INTERFACE_FOR_EACH_TRACKED (iface, sw->idl) {
            sw->changed(sw->user, iface->name);
        }
    }
    pf_reach_tell(sw->reach, sw->idl, sw->changed, sw->user);
    ovsdb_idl_track_clear(sw->idl);
}

void
pf_switch_run(PfSwitch *sw)
{
    ovsdb_idl_run(sw->idl);
    tell_changes(sw);
    update_stale(sw);
    pf_commits_run(sw);

    guint seqno = ovsdb_idl_get_seqno(sw->idl);
    gboolean ready = pf_switch_is_ready(sw);
    if (ready != sw->ready) {
        VLOG_INFO("%s: %s", sw->remote,
                  ready ? "the replica is complete" : "connection lost");
    }
    sw->seqno = seqno;
    if (ready != sw->ready) {
        sw->ready = ready;
        if (ready) {
            pf_reach_prune(sw->reach, sw->idl);
        }
        if (sw->changed) {
            sw->changed(sw->user, NULL);
        }
    }
}

void
pf_switch_wait(PfSwitch *sw)
{
    ovsdb_idl_wait(sw->idl);
    pf_commits_wait(sw);
    if (ovsdb_idl_get_seqno(sw->idl) != sw->seqno) {
        poll_immediate_wake();
    }
}

gboolean
pf_switch_is_ready(const PfSwitch *sw)
{
    return !sw->stale && pf_switch_root(sw);
}

gint64
pf_switch_backlog(const PfSwitch *sw)
{
    const struct ovsrec_open_vswitch *root = pf_switch_root(sw);

    return root ? root->next_cfg - root->cur_cfg : 0;
}

/* ---- Rows ------------------------------------------------------------- */

const struct ovsrec_open_vswitch *
pf_switch_root(const PfSwitch *sw)
{
    return ovsrec_open_vswitch_first(sw->idl);
}

const struct ovsrec_bridge *
pf_switch_bridge_row(PfSwitch *sw, const char *name)
{
    const struct ovsrec_bridge *br;

    OVSREC_BRIDGE_FOR_EACH (br, sw->idl) {
        if (!strcmp(br->name, name)) {
            return br;
        }
    }
    return NULL;
}

const struct ovsrec_port *
pf_switch_port_row(PfSwitch *sw, const char *name)
{
    struct ovsrec_port *key = ovsrec_port_index_init_row(sw->port_by_name);
    ovsrec_port_index_set_name(key, name);
    const struct ovsrec_port *row = ovsrec_port_index_find(sw->port_by_name,
                                                           key);
    ovsrec_port_index_destroy_row(key);
    return row;
}

const struct ovsrec_interface *
pf_switch_iface_row(PfSwitch *sw, const char *name)
{
    struct ovsrec_interface *key
        = ovsrec_interface_index_init_row(sw->iface_by_name);
    ovsrec_interface_index_set_name(key, name);
    const struct ovsrec_interface *row
        = ovsrec_interface_index_find(sw->iface_by_name, key);
    ovsrec_interface_index_destroy_row(key);
    return row;
}

const struct ovsrec_bridge *
pf_switch_bridge_of(PfSwitch *sw, const struct ovsrec_port *port)
{
    const struct ovsrec_bridge *br;

    OVSREC_BRIDGE_FOR_EACH (br, sw->idl) {
        for (size_t i = 0; i < br->n_ports; i++) {
            if (br->ports[i] == port) {
                return br;
            }
        }
    }
    return NULL;
}

const struct ovsrec_interface *
pf_switch_iface_of(const struct ovsrec_port *port)
{
    return (port->n_interfaces == 1
            && !strcmp(port->interfaces[0]->name, port->name)
            ? port->interfaces[0] : NULL);
}

/* ---- Questions -------------------------------------------------------- */

void
pf_port_free(PfPort *port)
{
    if (port) {
        g_free(port->name);
        g_free(port->bridge);
        g_free(port->type);
        g_free(port->error);
        g_free(port->mac_in_use);
        g_free(port->role);
        g_free(port->migration);
        g_free(port->attached_mac);
        g_free(port->iface_id);
        g_free(port->iface_status);
        g_free(port);
    }
}

/* Returns a copy of what the replica knows of 'row', or NULL if it is not a
 * port with one interface of the same name. */
static PfPort *
port_from_row(PfSwitch *sw, const struct ovsrec_port *row)
{
    const struct ovsrec_interface *iface = pf_switch_iface_of(row);
    const struct ovsrec_bridge *br = pf_switch_bridge_of(sw, row);

    if (!iface || !br) {
        return NULL;
    }

    const struct smap *ids = &iface->external_ids;
    PfPort *port = g_new0(PfPort, 1);

    port->name = g_strdup(row->name);
    port->bridge = g_strdup(br->name);
    port->type = g_strdup(iface->type);
    port->ofport = iface->n_ofport ? *iface->ofport : 0;
    port->error = g_strdup(iface->error);
    port->mac_in_use = (iface->mac_in_use
                        ? g_ascii_strdown(iface->mac_in_use, -1) : NULL);
    port->mtu = iface->n_mtu ? *iface->mtu : 0;
    port->ifindex = iface->n_ifindex ? *iface->ifindex : 0;
    port->role = g_strdup(smap_get(&row->external_ids, PF_KEY_ROLE));
    port->migration = g_strdup(smap_get(&row->external_ids,
                                        PF_KEY_MIGRATION));
    port->quarantined = smap_get(&row->external_ids, PF_KEY_GATE) != NULL;
    port->attached_mac = g_strdup(smap_get(ids, "attached-mac"));
    port->iface_id = g_strdup(smap_get(ids, "iface-id"));
    port->iface_status = g_strdup(smap_get(ids, "iface-status"));
    return port;
}

PfPort *
pf_switch_port(PfSwitch *sw, const char *name)
{
    const struct ovsrec_port *row = pf_switch_port_row(sw, name);

    return row ? port_from_row(sw, row) : NULL;
}

GPtrArray *
pf_switch_marked_ports(PfSwitch *sw)
{
    GPtrArray *ports;
    const struct ovsrec_port *row;

    ports = g_ptr_array_new_with_free_func((GDestroyNotify) pf_port_free);
    OVSREC_PORT_FOR_EACH (row, sw->idl) {
        if (smap_get(&row->external_ids, PF_KEY_ROLE)
            || smap_get(&row->external_ids, PF_KEY_GATE)) {
            PfPort *port = port_from_row(sw, row);

            if (port) {
                g_ptr_array_add(ports, port);
            }
        }
    }
    return ports;
}

GVariant *
pf_switch_undo_image(PfSwitch *sw, const char *name)
{
    const struct ovsrec_port *row = pf_switch_port_row(sw, name);
    const struct ovsrec_interface *iface
        = row ? pf_switch_iface_of(row) : NULL;

    return iface ? pf_image_read((const PfRow *) row, (const PfRow *) iface)
                 : NULL;
}

const char *
pf_switch_iface_id(PfSwitch *sw, const char *name, const char *key)
{
    const struct ovsrec_interface *iface = pf_switch_iface_row(sw, name);

    return iface ? smap_get(&iface->external_ids, key) : NULL;
}

/* Returns true if 'iface' has OpenFlow number 'ofport', or asks for it. */
static gboolean
iface_takes_ofport(const struct ovsrec_interface *iface, gint64 ofport)
{
    return ((iface->n_ofport && *iface->ofport == ofport)
            || (iface->n_ofport_request && *iface->ofport_request == ofport));
}

gboolean
pf_switch_ofport_taken(PfSwitch *sw, const char *bridge, gint64 ofport,
                       const char *except)
{
    const struct ovsrec_bridge *br = pf_switch_bridge_row(sw, bridge);

    for (size_t i = 0; br && i < br->n_ports; i++) {
        const struct ovsrec_port *port = br->ports[i];

        if (!g_strcmp0(port->name, except)) {
            continue;
        }
        for (size_t j = 0; j < port->n_interfaces; j++) {
            if (iface_takes_ofport(port->interfaces[j], ofport)) {
                return TRUE;
            }
        }
    }
    return FALSE;
}
