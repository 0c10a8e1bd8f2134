/* SPDX-License-Identifier: Apache-2.0
 *
 * netconf: see netconf.h.  The schema of Portferry's element, network.rng,
 * says the same as parse_migration() and what it calls, netconf-extension.c
 * included: change both.
 */
#include <config.h>
#include "netconf.h"
#include "netconf-private.h"
#include "reader.h"
#include "vlan.h"
#include <string.h>

#define NETWORK_MAX_BYTES (1024 * 1024)

/* What every version's namespace begins with. */
#define NETWORK_NS_STEM "urn:portferry:network:"

/* ---- <portferry:vlan> ------------------------------------------------- */

/* Reads 'item', "ID" or "FIRST-LAST".  Returns NULL on success, otherwise what
 * is wrong. */
static const char *
parse_range(const char *item, PfVlanRange *range)
{
    const char *dash = strchr(item, '-');
    g_autofree char *first_text = dash ? g_strndup(item, dash - item)
                                       : g_strdup(item);
    guint first, last;

    if (!pf_xml_parse_uint(first_text, PF_VID_MAX, &first)
        || !pf_xml_parse_uint(dash ? dash + 1 : item, PF_VID_MAX, &last)) {
        return "is no VLAN id, 0 to 4095, and no range of them";
    }
    range->first = first;
    range->last = last;
    return first <= last ? NULL : "ends below its beginning";
}

static gboolean
parse_vlan(const xmlNode *node, PfNetwork *network, GError **error)
{
    static const char *const known[] = { "allowed", NULL };
    g_auto(GStrv) items = NULL;

    if (!pf_xml_check_attributes(node, known, error)) {
        return FALSE;
    }
    network->allowed_vlans_text = pf_xml_required(
        node, "allowed", "VLAN ids and ranges, like \"42,100-199\"", error);
    if (!network->allowed_vlans_text) {
        return FALSE;
    }
    if (!network->allowed_vlans_text[0]) {
        pf_xml_set_error(error, node, "attribute 'allowed' is empty: write "
                         "VLAN ids and ranges, like \"42,100-199\", or leave "
                         "the element out to allow every VLAN");
        return FALSE;
    }

    network->allowed_vlans = g_array_new(FALSE, FALSE, sizeof(PfVlanRange));
    items = g_strsplit(network->allowed_vlans_text, ",", -1);
    for (char **item = items; *item; item++) {
        PfVlanRange range;
        const char *problem = parse_range(*item, &range);

        if (problem) {
            g_autofree char *quoted = pf_xml_quote(node, *item);

            pf_xml_set_error(error, node, "attribute 'allowed': %s %s: write "
                             "ids and ranges between commas, without spaces, "
                             "like \"42,100-199\"", quoted, problem);
            return FALSE;
        }
        g_array_append_val(network->allowed_vlans, range);
    }
    return TRUE;
}

/* ---- The other elements ----------------------------------------------- */

static gboolean
parse_timeout(const xmlNode *node, PfNetwork *network, GError **error)
{
    static const char *const known[] = { "hook", "validation", NULL };

    return (pf_xml_check_attributes(node, known, error)
            && pf_xml_uint(node, "hook", PF_HOOK_TIMEOUT_MIN_MS,
                           PF_HOOK_TIMEOUT_MAX_MS, "a number of milliseconds",
                           &network->hook_timeout_ms, error)
            && pf_xml_uint(node, "validation", PF_HOOK_TIMEOUT_MIN_MS,
                           PF_HOOK_TIMEOUT_MAX_MS, "a number of milliseconds",
                           &network->validation_timeout_ms, error));
}

static gboolean
parse_on_restore_failure(const xmlNode *node, PfNetwork *network,
                         GError **error)
{
    static const char *const known[] = { "action", NULL };
    gboolean quarantine;

    if (!pf_xml_check_attributes(node, known, error)
        || !pf_xml_choice(node, "action", "continue", "quarantine",
                          &quarantine, error)) {
        return FALSE;
    }
    network->on_restore_failure = (quarantine ? PF_RESTORE_QUARANTINE
                                   : PF_RESTORE_CONTINUE);
    network->on_restore_failure_set = TRUE;
    return TRUE;
}

static gboolean
parse_unstamped(const xmlNode *node, PfNetwork *network, GError **error)
{
    static const char *const known[] = { "action", NULL };
    gboolean refuse;

    if (!pf_xml_check_attributes(node, known, error)
        || !pf_xml_choice(node, "action", "allow", "refuse", &refuse,
                          error)) {
        return FALSE;
    }
    network->unstamped_allowed = !refuse;
    return TRUE;
}

/* ---- <portferry:migration> -------------------------------------------- */

/* The children of <portferry:migration>. */
static const struct element {
    const char *name;
    gboolean (*parse)(const xmlNode *, PfNetwork *, GError **);
    gboolean repeats;           /* May be there more than once. */
    gboolean has_content;       /* parse() looks at what is in it. */
} elements[] = {
    { "vlan", parse_vlan, FALSE, FALSE },
    { "extension", pf_netconf_extension, TRUE, TRUE },
    { "bandwidth", pf_netconf_bandwidth, FALSE, FALSE },
    { "flows", pf_netconf_flows, FALSE, FALSE },
    { "timeout", parse_timeout, FALSE, FALSE },
    { "on-restore-failure", parse_on_restore_failure, FALSE, FALSE },
    { "unstamped", parse_unstamped, FALSE, FALSE },
};

gboolean
pf_netconf_refuse(const xmlNode *node, const char *known, GError **error)
{
    if (node->ns) {
        pf_xml_set_error(error, node, "unknown element: Portferry "
                         PACKAGE_VERSION " knows %s here; remove it, or use "
                         "a version that knows it", known);
    } else {
        pf_xml_set_error(error, node, "the element is not in namespace "
                         PF_NETWORK_NS "; write it with the prefix of the "
                         "element around it");
    }
    return FALSE;
}

gboolean
pf_netconf_is_ours(const xmlNode *node)
{
    return pf_xml_is_in(node, PF_NETWORK_NS) || pf_xml_is_in(node, NULL);
}

gboolean
pf_netconf_check_empty(const xmlNode *node, GError **error)
{
    for (const xmlNode *child = node->children; child; child = child->next) {
        if (pf_netconf_is_ours(child)) {
            return pf_netconf_refuse(child, "none", error);
        }
    }
    return pf_xml_check_no_text(node, error);
}

/* Reads 'node', a child of <portferry:migration>.  'lines' has the line of
 * each of 'elements' seen so far, 0 for none. */
static gboolean
parse_child(const xmlNode *node, PfNetwork *network,
            long lines[G_N_ELEMENTS(elements)], GError **error)
{
    for (guint i = 0; i < G_N_ELEMENTS(elements); i++) {
        const struct element *e = &elements[i];

        if (!pf_xml_is(node, PF_NETWORK_NS, e->name)) {
            continue;
        }
        if (lines[i] && !e->repeats) {
            pf_xml_set_error(error, node, "there is one on line %ld already; "
                             "keep one of them", lines[i]);
            return FALSE;
        }
        lines[i] = xmlGetLineNo((xmlNode *) node);
        return (e->parse(node, network, error)
                && (e->has_content || pf_netconf_check_empty(node, error)));
    }
    return pf_netconf_refuse(node, "vlan, extension, bandwidth, flows, "
                             "timeout, on-restore-failure and unstamped",
                             error);
}

static gboolean
parse_migration(const xmlNode *node, PfNetwork *network, GError **error)
{
    static const char *const known[] = { NULL };
    long lines[G_N_ELEMENTS(elements)] = { 0 };

    if (network->managed) {
        pf_xml_set_error(error, node, "the network has one already; keep one "
                         "of them");
        return FALSE;
    }
    network->managed = TRUE;
    if (!pf_xml_check_attributes(node, known, error)
        || !pf_xml_check_no_text(node, error)) {
        return FALSE;
    }
    for (const xmlNode *child = node->children; child; child = child->next) {
        if (pf_netconf_is_ours(child)
            && !parse_child(child, network, lines, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

/* Reads what is ours in <metadata> 'node'. */
static gboolean
parse_metadata(const xmlNode *node, PfNetwork *network, GError **error)
{
    for (const xmlNode *child = node->children; child; child = child->next) {
        const char *ns = pf_xml_ns(child);

        if (pf_xml_is(child, PF_NETWORK_NS, "migration")) {
            if (!parse_migration(child, network, error)) {
                return FALSE;
            }
        } else if (pf_xml_is_in(child, PF_NETWORK_NS)) {
            return pf_netconf_refuse(child, "migration", error);
        } else if (pf_xml_is_undeclared(child, "migration")) {
            pf_xml_set_error(error, child, "the prefix is not declared; add "
                             "xmlns:portferry=\"" PF_NETWORK_NS "\"");
            return FALSE;
        } else if (ns && g_str_has_prefix(ns, NETWORK_NS_STEM)) {
            g_autofree char *quoted = pf_xml_quote(child, ns);

            pf_xml_set_error(error, child, "namespace %s: Portferry "
                             PACKAGE_VERSION " knows " PF_NETWORK_NS "; use "
                             "that, or a version that knows the other",
                             quoted);
            return FALSE;
        }
    }
    return TRUE;
}

/* ---- <network> -------------------------------------------------------- */

/* Adds the VLAN of 'owner', which is <network> or <portgroup>, to
 * 'network'. */
static gboolean
parse_vlan_of(const xmlNode *owner, PfNetwork *network, GError **error)
{
    g_autoptr(PfNetVlan) vlan = pf_net_vlan_read(owner, error);

    if (!vlan) {
        return FALSE;
    }
    if (pf_xml_is(owner, NULL, "portgroup")) {
        g_autofree char *is_default = pf_xml_attribute(owner, "default");

        vlan->is_default = !g_strcmp0(is_default, "yes");
        vlan->name = pf_xml_required(owner, "name", "the port group's name",
                                     error);
        if (!vlan->name) {
            return FALSE;
        }
    }
    g_ptr_array_add(network->vlans, g_steal_pointer(&vlan));
    return TRUE;
}

/* Reads the children of <network> 'root'. */
static gboolean
parse_network(const xmlNode *root, PfNetwork *network, GError **error)
{
    const xmlNode *name = pf_xml_child(root, "name");
    g_autofree char *type = pf_xml_attribute(pf_xml_child(root, "virtualport"),
                                             "type");

    if (!name) {
        pf_xml_set_error(error, root, "there is no <name>");
        return FALSE;
    }
    network->name = pf_xml_text(name, NETWORK_MAX_BYTES, error);
    network->bridge = pf_xml_attribute(pf_xml_child(root, "bridge"), "name");
    network->openvswitch = !g_strcmp0(type, "openvswitch");
    if (!network->name
        || !pf_xml_uuid_child(root, "uuid", &network->uuid, error)
        || !parse_vlan_of(root, network, error)) {
        return FALSE;
    }
    for (const xmlNode *child = root->children; child; child = child->next) {
        if ((pf_xml_is(child, NULL, "portgroup")
             && !parse_vlan_of(child, network, error))
            || (pf_xml_is(child, NULL, "metadata")
                && !parse_metadata(child, network, error))) {
            return FALSE;
        }
    }
    return TRUE;
}

PfNetwork *
pf_network_parse(const char *xml, GError **error)
{
    g_autoptr(PfNetwork) network = g_new0(PfNetwork, 1);
    g_autoptr(xmlDoc) doc = NULL;

    network->n_refs = 1;
    network->vlans = g_ptr_array_new_with_free_func(
        (GDestroyNotify) pf_net_vlan_free);
    network->extensions = g_ptr_array_new_with_free_func(
        pf_netconf_extension_free);
    network->options = g_ptr_array_new_with_free_func(pf_netconf_option_free);
    network->hook_timeout_ms = PF_HOOK_TIMEOUT_DEFAULT_MS;
    network->validation_timeout_ms = PF_VALIDATION_TIMEOUT_DEFAULT_MS;
    network->on_restore_failure = PF_RESTORE_CONTINUE;
    network->unstamped_allowed = TRUE;

    doc = pf_xml_read(xml, NETWORK_MAX_BYTES, "network", PF_XML_PUBLIC,
                      error);
    if (!doc || !parse_network(xmlDocGetRootElement(doc), network, error)) {
        return NULL;
    }
    return g_steal_pointer(&network);
}

PfNetwork *
pf_network_ref(const PfNetwork *network_)
{
    PfNetwork *network = (PfNetwork *) network_;

    network->n_refs++;
    return network;
}

void
pf_network_free(PfNetwork *network)
{
    pf_network_unref(network);
}

void
pf_network_unref(PfNetwork *network)
{
    if (network && !--network->n_refs) {
        g_free(network->name);
        g_free(network->uuid);
        g_free(network->bridge);
        g_ptr_array_unref(network->vlans);
        g_clear_pointer(&network->allowed_vlans, g_array_unref);
        g_free(network->allowed_vlans_text);
        g_ptr_array_unref(network->extensions);
        g_ptr_array_unref(network->options);
        g_free(network);
    }
}

/* ---- Questions -------------------------------------------------------- */

gboolean
pf_network_allows_vlan(const PfNetwork *network, guint16 vid)
{
    const GArray *ranges = network->allowed_vlans;

    if (vid > PF_VID_MAX || !ranges) {
        return vid <= PF_VID_MAX;
    }
    for (guint i = 0; i < ranges->len; i++) {
        const PfVlanRange *range = &g_array_index(ranges, PfVlanRange, i);

        if (range->first <= vid && vid <= range->last) {
            return TRUE;
        }
    }
    return FALSE;
}

gboolean
pf_network_wants_quarantine(const PfNetwork *network, gboolean required)
{
    if (network && network->on_restore_failure_set) {
        return network->on_restore_failure == PF_RESTORE_QUARANTINE;
    }
    return network && required;
}

/* The port group of that name (NULL: the default one), or NULL. */
static const PfNetVlan *
find_portgroup(const PfNetwork *network, const char *name)
{
    for (guint i = 0; i < network->vlans->len; i++) {
        const PfNetVlan *vlan = g_ptr_array_index(network->vlans, i);

        if (name ? !g_strcmp0(vlan->name, name) : vlan->is_default) {
            return vlan;
        }
    }
    return NULL;
}

const PfNetVlan *
pf_network_vlan(const PfNetwork *network, const char *portgroup)
{
    const PfNetVlan *vlan = find_portgroup(network, portgroup);

    for (guint i = 0; i < network->vlans->len && !(vlan && vlan->tags->len);
         i++) {
        vlan = g_ptr_array_index(network->vlans, i);
        if (vlan->name) {
            vlan = NULL;
        }
    }
    return vlan && vlan->tags->len ? vlan : NULL;
}
