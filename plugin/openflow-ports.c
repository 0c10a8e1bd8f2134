/* SPDX-License-Identifier: Apache-2.0
 *
 * openflow-ports: the names of a bridge's ports, for ovs-ofctl's syntax.
 *
 * Not every name can stand there: one that reads as a number or as one of
 * OpenFlow's own ports ("normal"), or that holds a character at which
 * libopenvswitch ends a word, quoted or not.  Ports with such a name go by
 * their number, so that what is printed is read again as what it was.
 */
#include <config.h>

#include "openflow-private.h"

#include <string.h>

#include "flow.h"

#define NAME_CHARACTERS G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "_.-@+%#^~"

void
of_ports_init(struct of_ports *ports)
{
    ports->names = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    ofputil_port_map_init(&ports->map);
    ports->stale = FALSE;
}

void
of_ports_destroy(struct of_ports *ports)
{
    g_hash_table_unref(ports->names);
    ofputil_port_map_destroy(&ports->map);
}

void
of_ports_clear(struct of_ports *ports)
{
    g_hash_table_remove_all(ports->names);
    ports->stale = TRUE;
}

/* Returns TRUE if 'name' is read as that name, and nothing else, in
 * ovs-ofctl's syntax. */
static gboolean
is_plain(const char *name)
{
    ofp_port_t port;

    return (*name && *name != '-'
            && strspn(name, NAME_CHARACTERS) == strlen(name)
            && !ofputil_port_from_string(name, NULL, &port));
}

void
of_ports_put(struct of_ports *ports, const struct ofputil_phy_port *pp)
{
    gpointer number = GUINT_TO_POINTER(ofp_to_u16(pp->port_no));
    const char *old = g_hash_table_lookup(ports->names, number);

    if (!is_plain(pp->name)) {
        of_ports_remove(ports, pp->port_no);
    } else if (g_strcmp0(old, pp->name)) {
        g_hash_table_insert(ports->names, number, g_strdup(pp->name));
        ports->stale = TRUE;
    }
}

void
of_ports_remove(struct of_ports *ports, ofp_port_t port)
{
    if (g_hash_table_remove(ports->names,
                            GUINT_TO_POINTER(ofp_to_u16(port)))) {
        ports->stale = TRUE;
    }
}

const struct ofputil_port_map *
of_ports_map(struct of_ports *ports)
{
    if (ports->stale) {
        gpointer number, name;
        GHashTableIter iter;

        ofputil_port_map_destroy(&ports->map);
        ofputil_port_map_init(&ports->map);
        g_hash_table_iter_init(&iter, ports->names);
        while (g_hash_table_iter_next(&iter, &number, &name)) {
            ofputil_port_map_put(&ports->map,
                                 u16_to_ofp(GPOINTER_TO_UINT(number)), name);
        }
        ports->stale = FALSE;
    }
    return &ports->map;
}
