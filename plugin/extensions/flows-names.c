/* SPDX-License-Identifier: Apache-2.0
 *
 * flows-names: see flows-names.h.
 */
#include <config.h>

#include "plugin/extensions/flows-names.h"

#include <string.h>

#include "flow.h"

/* Numbers that stand for names. */
#define FIRST_OTHER 0xf000
#define MAX_OTHERS 3500
#define OWN_UNKNOWN 0xfe00

/* What a name may have to stand in ovs-ofctl's syntax as it is. */
#define PLAIN G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "_.-@+%#^~"

/* What it cannot have, not even in quotes. */
#define UNREADABLE " \t\r\n\v\f,()\"\\"

struct PfFlowNames {
    char *name;                 /* The port's own name, */
    char *source;               /* and that in text to be read. */
    ofp_port_t own;
    GHashTable *others;         /* Name to number. */
    struct ofputil_port_map read; /* Names to numbers. */
    struct ofputil_port_map names; /* Numbers to names. */
    struct ofputil_port_map numbers; /* The same, without the port itself if
                                      * its number is known. */
};

PfFlowNames *
pf_flow_names_new(const char *own, const char *source, gint64 ofport)
{
    PfFlowNames *names = g_new0(PfFlowNames, 1);
    gboolean known = ofport > 0 && ofport < ofp_to_u16(OFPP_MAX);

    names->name = g_strdup(own);
    names->source = g_strdup(source ? source : own);
    names->own = u16_to_ofp(known ? ofport : OWN_UNKNOWN);
    names->others = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                          NULL);
    ofputil_port_map_init(&names->read);
    ofputil_port_map_init(&names->names);
    ofputil_port_map_init(&names->numbers);
    ofputil_port_map_put(&names->read, names->own, names->source);
    ofputil_port_map_put(&names->names, names->own, own);
    if (!known) {
        ofputil_port_map_put(&names->numbers, names->own, own);
    }
    return names;
}

void
pf_flow_names_free(PfFlowNames *names)
{
    if (names) {
        ofputil_port_map_destroy(&names->read);
        ofputil_port_map_destroy(&names->names);
        ofputil_port_map_destroy(&names->numbers);
        g_hash_table_unref(names->others);
        g_free(names->name);
        g_free(names->source);
        g_free(names);
    }
}

char *
pf_flow_plain_name(const char *name)
{
    ofp_port_t port;
    gboolean plain = *name && *name != '-'
                     && strspn(name, PLAIN) == strlen(name)
                     && !ofputil_port_from_string(name, NULL, &port);

    return g_strdup(plain ? name : "this-port");
}

static void
add_other(PfFlowNames *names, const char *name, ofp_port_t port)
{
    g_hash_table_insert(names->others, g_strdup(name),
                        GUINT_TO_POINTER(ofp_to_u16(port)));
    ofputil_port_map_put(&names->read, port, name);
    ofputil_port_map_put(&names->names, port, name);
    ofputil_port_map_put(&names->numbers, port, name);
}

gboolean
pf_flow_names_add(PfFlowNames *names, const char *name)
{
    guint n = g_hash_table_size(names->others);
    ofp_port_t port = u16_to_ofp(FIRST_OTHER + n);

    if (!name[0] || strlen(name) >= OFP_MAX_PORT_NAME_LEN
        || strpbrk(name, UNREADABLE) || n >= MAX_OTHERS
        || !strcmp(name, names->source)
        || g_hash_table_contains(names->others, name)) {
        return FALSE;
    }
    if (port == names->own) {
        port = u16_to_ofp(OWN_UNKNOWN + 1);
    }
    add_other(names, name, port);
    return TRUE;
}

ofp_port_t
pf_flow_names_own(const PfFlowNames *names)
{
    return names->own;
}

const char *
pf_flow_names_get(const PfFlowNames *names, ofp_port_t port)
{
    if (port == OFPP_LOCAL) {
        return "LOCAL";
    }
    return ofputil_port_map_get_name(&names->names, port);
}

gboolean
pf_flow_names_has_number(const PfFlowNames *names, const char *text)
{
    while (*(text += strcspn(text, G_CSET_DIGITS))) {
        char *end;
        guint64 n = g_ascii_strtoull(text, &end, 10);

        if (n == ofp_to_u16(names->own)
            || (n >= FIRST_OTHER && n <= OWN_UNKNOWN + 1)) {
            return TRUE;
        }
        text = end;
    }
    return FALSE;
}

PfFlowNames *
pf_flow_names_renumbered(const PfFlowNames *names)
{
    guint own = OWN_UNKNOWN + 3;
    PfFlowNames *new_ = pf_flow_names_new(
        names->name, names->source, own + (own == ofp_to_u16(names->own)));
    GHashTableIter iter;
    gpointer name, number;

    g_hash_table_iter_init(&iter, names->others);
    while (g_hash_table_iter_next(&iter, &name, &number)) {
        add_other(new_, name, u16_to_ofp(GPOINTER_TO_UINT(number) + 1));
    }
    return new_;
}

const struct ofputil_port_map *
pf_flow_names_to_read(const PfFlowNames *names)
{
    return &names->read;
}

const struct ofputil_port_map *
pf_flow_names_to_write(const PfFlowNames *names, PfFlowStyle style)
{
    return style == PF_FLOW_BY_NAME ? &names->names : &names->numbers;
}
