/* SPDX-License-Identifier: Apache-2.0
 *
 * announce-vlans: in which VLANs a port is announced, and with which tags.
 * See announce-vlans.h.
 */
#include <config.h>

#include "plugin/extensions/announce-vlans.h"

#include <string.h>

#define VID_MAX 4095

struct PfVlans {
    gboolean is_trunk;
    gint64 native;              /* Of a trunk; 0: it has none. */
    GVariant *trunks;           /* av of 'x'; NULL: all. */
    GArray *seen;               /* guint. */
    gboolean more;              /* There were more. */
    guint n_taken;              /* Of 'seen'. */
    GArray *tags;               /* guint. */
};

/* ---- Lists -------------------------------------------------------------- */

static gint64
member(GVariant *list, gsize i)
{
    g_autoptr(GVariant) boxed = g_variant_get_child_value(list, i);
    g_autoptr(GVariant) value = g_variant_get_variant(boxed);

    return (g_variant_is_of_type(value, G_VARIANT_TYPE_INT64)
            ? g_variant_get_int64(value) : -1);
}

/* Whether the set 'list', NULL being that of everything, has 'vid'. */
static gboolean
has_vid(GVariant *list, guint vid)
{
    if (!list) {
        return TRUE;
    }
    for (gsize i = 0; i < g_variant_n_children(list); i++) {
        if (member(list, i) == vid) {
            return TRUE;
        }
    }
    return FALSE;
}

static gboolean
array_has(const GArray *array, guint value)
{
    for (guint i = 0; i < array->len; i++) {
        if (g_array_index(array, guint, i) == value) {
            return TRUE;
        }
    }
    return FALSE;
}

static void
array_add(GArray *array, guint value)
{
    if (!array_has(array, value)) {
        g_array_append_val(array, value);
    }
}

/* ---- The port ----------------------------------------------------------- */

/* A customer's tags, of which none is left if a port is limited to many. */
static void
read_customer_tags(PfVlans *v, const PfHost *host, const PfRow *row)
{
    g_autoptr(GVariant) tags = host->get(row, "cvlans");

    if (has_vid(tags, 0)) {
        array_add(v->tags, 0);
    }
    for (gsize i = 0; tags && i < g_variant_n_children(tags)
         && v->tags->len < PF_VLANS_MAX; i++) {
        array_add(v->tags, CLAMP(member(tags, i), 0, VID_MAX));
    }
}

/* What vlan_mode, tag, trunks and cvlans of the Port row say: vswitch.xml,
 * Port, VLAN Configuration. */
static void
read_port(PfVlans *v, const PfHost *host, const PfRow *row)
{
    g_autoptr(GVariant) tag = host->get(row, "tag");
    g_autoptr(GVariant) mode_value = host->get(row, "vlan_mode");
    const char *mode = mode_value ? g_variant_get_string(mode_value, NULL)
                       : tag ? "access" : "trunk";

    if (!strcmp(mode, "dot1q-tunnel")) {
        read_customer_tags(v, host, row);
        return;
    }
    v->is_trunk = strcmp(mode, "access") != 0;
    if (!v->is_trunk) {
        array_add(v->tags, 0);
        return;
    }
    v->trunks = host->get(row, "trunks");
    if (tag && strcmp(mode, "trunk")) {
        v->native = g_variant_get_int64(tag);
    }
    /* A native VLAN is carried whatever 'trunks' says. */
    if (!strcmp(mode, "native-tagged")) {
        array_add(v->tags, v->native);
    } else if (strcmp(mode, "trunk") || has_vid(v->trunks, 0)) {
        array_add(v->tags, 0);
    }
}

PfVlans *
pf_vlans_new(const PfHost *host, const char *name)
{
    PfVlans *v = g_new0(PfVlans, 1);
    const PfRow *row = host->find(NULL, "Port", "name", name);

    v->seen = g_array_new(FALSE, FALSE, sizeof(guint));
    v->tags = g_array_new(FALSE, FALSE, sizeof(guint));
    if (row) {
        read_port(v, host, row);
    }
    return v;
}

void
pf_vlans_free(PfVlans *v)
{
    if (v) {
        g_clear_pointer(&v->trunks, g_variant_unref);
        g_array_unref(v->seen);
        g_array_unref(v->tags);
        g_free(v);
    }
}

gboolean
pf_vlans_is_trunk(const PfVlans *v)
{
    return v->is_trunk;
}

/* ---- Where the MAC was seen --------------------------------------------- */

void
pf_vlans_add_seen(PfVlans *v, guint vid)
{
    if (vid == v->native || array_has(v->seen, vid)) {
        return;
    }
    if (v->seen->len < PF_VLANS_MAX) {
        array_add(v->seen, vid);
    } else {
        v->more = TRUE;
    }
}

guint
pf_vlans_count_seen(const PfVlans *v)
{
    return v->seen->len;
}

GVariant *
pf_vlans_format_seen(const PfVlans *v)
{
    GVariantBuilder b;

    g_variant_builder_init(&b, G_VARIANT_TYPE("av"));
    for (guint i = 0; i < v->seen->len; i++) {
        gint64 vid = g_array_index(v->seen, guint, i);
        g_variant_builder_add(&b, "v", g_variant_new_int64(vid));
    }
    return g_variant_builder_end(&b);
}

char *
pf_vlans_check_seen(GVariant *seen)
{
    if (!seen || !g_variant_is_of_type(seen, G_VARIANT_TYPE("av"))) {
        return g_strdup("'vlans' is not a list");
    }
    if (g_variant_n_children(seen) > PF_VLANS_MAX) {
        return g_strdup_printf("'vlans' has %" G_GSIZE_FORMAT " members, of "
                               "at most %d", g_variant_n_children(seen),
                               PF_VLANS_MAX);
    }
    for (gsize i = 0; i < g_variant_n_children(seen); i++) {
        gint64 vid = member(seen, i);

        if (vid < 0 || vid > VID_MAX) {
            return g_strdup_printf("member %" G_GSIZE_FORMAT " of 'vlans' is "
                                   "not an integer in 0 to %d", i, VID_MAX);
        }
    }
    return NULL;
}

void
pf_vlans_parse_seen(PfVlans *v, GVariant *seen)
{
    for (gsize i = 0; i < g_variant_n_children(seen); i++) {
        pf_vlans_add_seen(v, member(seen, i));
    }
}

/* ---- Tags --------------------------------------------------------------- */

void
pf_vlans_take_seen(PfVlans *v, const PfHost *host, PfCall *call)
{
    for (; v->is_trunk && v->n_taken < v->seen->len; v->n_taken++) {
        guint vid = g_array_index(v->seen, guint, v->n_taken);

        if (!has_vid(v->trunks, vid)) {
            continue;
        }
        if (!host->allows_vlan(call, vid)) {
            host->note(call, "it is not announced in VLAN %u, where its MAC "
                       "was seen: its network allows %s", vid,
                       host->allowed_vlans(call));
            continue;
        }
        array_add(v->tags, vid);
    }
    if (v->more) {
        host->note(call, "it is not announced in every VLAN where its MAC "
                   "was seen: %d are the most", PF_VLANS_MAX);
        v->more = FALSE;
    }
}

guint
pf_vlans_count(const PfVlans *v)
{
    return v->tags->len;
}

guint
pf_vlans_tag(const PfVlans *v, guint i)
{
    return g_array_index(v->tags, guint, i);
}
