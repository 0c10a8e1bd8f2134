/* SPDX-License-Identifier: Apache-2.0
 *
 * vlan: see vlan.h.
 */
#include <config.h>
#include "vlan.h"

/* Adds <tag> 'tag' to 'vlan'. */
static gboolean
read_tag(const xmlNode *tag, PfNetVlan *vlan, GError **error)
{
    g_autofree char *native = pf_xml_attribute(tag, "nativeMode");
    g_autofree char *id = pf_xml_required(tag, "id", "a VLAN id", error);
    guint vid = 0;
    guint16 vid16;

    if (!id || !pf_xml_uint(tag, "id", 0, PF_VID_MAX, "a VLAN id", &vid,
                            error)) {
        return FALSE;
    }
    vid16 = vid;
    g_array_append_val(vlan->tags, vid16);
    if (native) {
        if (vlan->native_tag >= 0) {
            pf_xml_set_error(error, tag, "a second tag with 'nativeMode'; a "
                             "VLAN has one native tag");
            return FALSE;
        }
        vlan->native_tag = vid;
        return pf_xml_choice(tag, "nativeMode", "tagged", "untagged",
                             &vlan->native_untagged, error);
    }
    return TRUE;
}

PfNetVlan *
pf_net_vlan_read(const xmlNode *owner, GError **error)
{
    const xmlNode *node = pf_xml_child(owner, "vlan");
    g_autoptr(PfNetVlan) vlan = g_new0(PfNetVlan, 1);
    g_autofree char *trunk = pf_xml_attribute(node, "trunk");

    vlan->native_tag = -1;
    vlan->tags = g_array_new(FALSE, FALSE, sizeof(guint16));
    for (const xmlNode *tag = node ? node->children : NULL; tag;
         tag = tag->next) {
        if (pf_xml_is(tag, NULL, "tag") && !read_tag(tag, vlan, error)) {
            return NULL;
        }
    }
    vlan->trunk = (vlan->tags->len > 1
                   || (trunk && !g_ascii_strcasecmp(trunk, "yes")));
    return g_steal_pointer(&vlan);
}

void
pf_net_vlan_free(PfNetVlan *vlan)
{
    if (vlan) {
        g_free(vlan->name);
        g_array_unref(vlan->tags);
        g_free(vlan);
    }
}
