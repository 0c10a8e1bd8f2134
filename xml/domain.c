/* SPDX-License-Identifier: Apache-2.0
 *
 * domain: see domain.h.
 */
#include <config.h>
#include "domain.h"
#include "reader.h"
#include "vlan.h"
#include <string.h>

/* What every version's namespace of the stamp begins with. */
#define DOMAIN_NS_STEM "urn:portferry:domain:"

/* Of a name that libvirt gives. */
#define NAME_MAX_BYTES 4096

/* ---- <domain> --------------------------------------------------------- */

static void
nic_free(gpointer nic_)
{
    PfNic *nic = nic_;

    g_free(nic->mac);
    g_free(nic->type);
    g_free(nic->network);
    g_free(nic->portgroup);
    g_free(nic->bridge);
    g_free(nic->target);
    g_free(nic->iface_id);
    g_free(nic->profile_id);
    pf_net_vlan_free(nic->vlan);
    g_free(nic);
}

/* Reads <interface> 'node' into 'nic'. */
static gboolean
read_nic(const xmlNode *node, PfNic *nic, GError **error)
{
    const xmlNode *source = pf_xml_child(node, "source");
    const xmlNode *virtualport = pf_xml_child(node, "virtualport");
    const xmlNode *parameters = pf_xml_child(virtualport, "parameters");
    g_autofree char *type = pf_xml_attribute(virtualport, "type");

    nic->type = pf_xml_attribute(node, "type");
    nic->network = pf_xml_attribute(source, "network");
    nic->portgroup = pf_xml_attribute(source, "portgroup");
    nic->bridge = pf_xml_attribute(source, "bridge");
    nic->target = pf_xml_attribute(pf_xml_child(node, "target"), "dev");
    nic->profile_id = pf_xml_attribute(parameters, "profileid");
    nic->has_virtualport = virtualport != NULL;
    nic->openvswitch = !g_strcmp0(type, "openvswitch");
    if (pf_xml_child(node, "vlan")) {
        nic->vlan = pf_net_vlan_read(node, error);
        if (!nic->vlan) {
            return FALSE;
        }
    }
    return (pf_xml_mac(pf_xml_child(node, "mac"), "address", &nic->mac, error)
            && pf_xml_uuid(parameters, "interfaceid", &nic->iface_id, error)
            && pf_xml_uint(pf_xml_child(node, "mtu"), "size", 0, G_MAXUINT,
                           "a number of bytes", &nic->mtu, error));
}

/* Adds the NICs in <devices> 'node' to 'domain'. */
static gboolean
read_devices(const xmlNode *node, PfDomain *domain, GError **error)
{
    for (const xmlNode *child = node->children; child; child = child->next) {
        if (pf_xml_is(child, NULL, "interface")) {
            PfNic *nic = g_new0(PfNic, 1);

            g_ptr_array_add(domain->nics, nic);
            if (!read_nic(child, nic, error)) {
                return FALSE;
            }
        }
    }
    return TRUE;
}

/* Whether 'node', a child of <metadata>, claims to be a stamp, if only one of
 * another version. */
static gboolean
claims_stamp(const xmlNode *node)
{
    const char *ns = pf_xml_ns(node);

    return ((ns && g_str_has_prefix(ns, DOMAIN_NS_STEM))
            || pf_xml_is_undeclared(node, "stamp"));
}

/* Reads the stamp, if any, in <metadata> 'node'. */
static gboolean
read_metadata(const xmlNode *node, PfDomain *domain, GError **error)
{
    for (xmlNode *child = node->children; child; child = child->next) {
        if (child->type != XML_ELEMENT_NODE || !claims_stamp(child)) {
            continue;
        }
        if (domain->stamp) {
            pf_xml_set_error(error, child, "the domain has a stamp already; "
                             "remove both, the agent writes a new one");
            return FALSE;
        }
        domain->stamp = pf_stamp_from_node(child, error);
        if (!domain->stamp) {
            return FALSE;
        }
    }
    return TRUE;
}

/* Reads the children of <domain> 'root'; the stamp only if 'stamped'. */
static gboolean
read_domain(const xmlNode *root, gboolean stamped, PfDomain *domain,
            GError **error)
{
    const xmlNode *name = pf_xml_child(root, "name");

    if (!name || !pf_xml_child(root, "uuid")) {
        pf_xml_set_error(error, root, "there is no <%s>",
                         name ? "uuid" : "name");
        return FALSE;
    }
    domain->name = pf_xml_text(name, NAME_MAX_BYTES, error);
    if (!domain->name
        || !pf_xml_uuid_child(root, "uuid", &domain->uuid, error)) {
        return FALSE;
    }
    for (const xmlNode *child = root->children; child; child = child->next) {
        if ((pf_xml_is(child, NULL, "devices")
             && !read_devices(child, domain, error))
            || (stamped && pf_xml_is(child, NULL, "metadata")
                && !read_metadata(child, domain, error))) {
            return FALSE;
        }
    }
    return TRUE;
}

static PfDomain *
parse_domain(const char *xml, gboolean stamped, GError **error)
{
    g_autoptr(PfDomain) domain = g_new0(PfDomain, 1);
    g_autoptr(xmlDoc) doc = NULL;

    domain->nics = g_ptr_array_new_with_free_func(nic_free);
    doc = pf_xml_read(xml, PF_DOMAIN_MAX_BYTES, "domain", PF_XML_SECRET,
                      error);
    if (!doc || !read_domain(xmlDocGetRootElement(doc), stamped, domain,
                             error)) {
        return NULL;
    }
    return g_steal_pointer(&domain);
}

PfDomain *
pf_domain_parse(const char *xml, GError **error)
{
    return parse_domain(xml, TRUE, error);
}

PfDomain *
pf_domain_parse_unstamped(const char *xml, GError **error)
{
    return parse_domain(xml, FALSE, error);
}

void
pf_domain_free(PfDomain *domain)
{
    if (domain) {
        g_free(domain->name);
        g_free(domain->uuid);
        g_ptr_array_unref(domain->nics);
        pf_stamp_free(domain->stamp);
        g_free(domain);
    }
}

PfNic *
pf_domain_nic(const PfDomain *domain, const char *mac)
{
    for (guint i = 0; i < domain->nics->len; i++) {
        PfNic *nic = g_ptr_array_index(domain->nics, i);

        if (!g_strcmp0(nic->mac, mac)) {
            return nic;
        }
    }
    return NULL;
}

/* ---- The filter ------------------------------------------------------- */

PfNicChange *
pf_nic_change_new(const char *mac, const char *target, const char *iface_id)
{
    PfNicChange *change = g_new0(PfNicChange, 1);

    change->mac = g_strdup(mac);
    change->target = g_strdup(target);
    change->iface_id = g_strdup(iface_id);
    return change;
}

void
pf_nic_change_free(PfNicChange *change)
{
    if (change) {
        g_free(change->mac);
        g_free(change->target);
        g_free(change->iface_id);
        g_free(change);
    }
}

/* The line break and white space that put 'node' on a line of its own, or
 * NULL if it is not. */
static const char *
indentation(const xmlNode *node)
{
    const xmlNode *prev = node->prev;

    return (prev && prev->type == XML_TEXT_NODE && xmlIsBlankNode(prev)
            ? strrchr((const char *) prev->content, '\n')
            : NULL);
}

static void
set(xmlNode *node, const char *name, const char *value)
{
    xmlSetNsProp(node, NULL, (const xmlChar *) name, (const xmlChar *) value);
}

/* A new element 'name' for the document of 'other', in no place yet. */
static xmlNode *
new_element(const xmlNode *other, const char *name)
{
    return xmlNewDocNode(other->doc, NULL, (const xmlChar *) name, NULL);
}

static xmlNode *
new_text(const xmlNode *other, const char *text)
{
    return xmlNewDocText(other->doc, (const xmlChar *) text);
}

/* Adds an element 'name' to 'nic' where libvirt would print it: after the last
 * of the elements named in 'before' (NULL-terminated), one of which must be
 * there.  On a line of its own if that one is. */
static xmlNode *
insert(xmlNode *nic, const char *name, const char *const before[])
{
    xmlNode *node = new_element(nic, name);
    xmlNode *last = NULL;
    const char *indent;

    for (xmlNode *child = nic->children; child; child = child->next) {
        if (pf_xml_is_in(child, NULL)
            && g_strv_contains(before, (const char *) child->name)) {
            last = child;
        }
    }
    xmlAddNextSibling(last, node);
    indent = indentation(last);
    if (indent) {
        xmlAddNextSibling(last, new_text(nic, indent));
    }
    return node;
}

/* Adds <parameters> to 'virtualport', one step further in than it is. */
static xmlNode *
add_parameters(xmlNode *virtualport)
{
    xmlNode *parameters = new_element(virtualport, "parameters");
    const char *outer = indentation(virtualport);
    const char *nic = indentation(virtualport->parent);

    if (!outer || virtualport->children) {
        return xmlAddChild(virtualport, parameters);
    }

    const char *step = (nic && g_str_has_prefix(outer, nic)
                        ? outer + strlen(nic) : "");
    g_autofree char *inner = g_strconcat(outer, step, NULL);

    xmlAddChild(virtualport, new_text(virtualport, inner));
    xmlAddChild(virtualport, parameters);
    xmlAddChild(virtualport, new_text(virtualport, outer));
    return parameters;
}

static void
set_target(xmlNode *nic, const char *name)
{
    static const char *const before[] = {
        "mac", "source", "vlan", "virtualport", "bandwidth", "port", "ip",
        "route", "portForward", "script", "downscript", "backenddomain", NULL
    };
    xmlNode *target = pf_xml_child(nic, "target");

    set(target ? target : insert(nic, "target", before), "dev", name);
}

static gboolean
set_iface_id(xmlNode *nic, const char *iface_id, GError **error)
{
    static const char *const before[] = { "mac", "source", "vlan", NULL };
    /* What a <virtualport> without a type may have, which libvirt refuses in
     * one of Open vSwitch; it makes up 'instanceid' by itself. */
    static const char *const others[] = {
        "instanceid", "managerid", "typeid", "typeidversion",
    };
    xmlNode *virtualport = pf_xml_child(nic, "virtualport");
    g_autofree char *type = pf_xml_attribute(virtualport, "type");
    xmlNode *parameters;

    if (type && strcmp(type, "openvswitch")) {
        pf_xml_set_error(error, virtualport, "attribute 'type' is not "
                         "openvswitch: Portferry cannot move this NIC's port");
        return FALSE;
    }
    if (!virtualport) {
        virtualport = insert(nic, "virtualport", before);
    }
    parameters = pf_xml_child(virtualport, "parameters");
    if (!parameters) {
        parameters = add_parameters(virtualport);
    }
    if (!type) {
        set(virtualport, "type", "openvswitch");
        for (int i = 0; i < G_N_ELEMENTS(others); i++) {
            xmlUnsetNsProp(parameters, NULL, (const xmlChar *) others[i]);
        }
    }
    set(parameters, "interfaceid", iface_id);
    return TRUE;
}

/* Finds the <interface> of <domain> 'root' with 'mac'. */
static xmlNode *
find_nic(const xmlNode *root, const char *mac, GError **error)
{
    xmlNode *found = NULL;

    for (const xmlNode *devices = root->children; devices;
         devices = devices->next) {
        if (!pf_xml_is(devices, NULL, "devices")) {
            continue;
        }
        for (xmlNode *nic = devices->children; nic; nic = nic->next) {
            g_autofree char *address = NULL;

            if (!pf_xml_is(nic, NULL, "interface")) {
                continue;
            }
            address = pf_xml_attribute(pf_xml_child(nic, "mac"), "address");
            if (!address || g_ascii_strcasecmp(address, mac)) {
                continue;
            }
            if (found) {
                pf_xml_set_error(error, nic, "the MAC address %s is that of "
                                 "the NIC on line %ld too; give each NIC its "
                                 "own", mac, xmlGetLineNo(found));
                return NULL;
            }
            found = nic;
        }
    }
    if (!found) {
        pf_xml_set_error(error, root, "there is no NIC with MAC address %s",
                         mac);
    }
    return found;
}

static gboolean
apply(const xmlNode *root, const PfNicChange *change, GError **error)
{
    xmlNode *nic = find_nic(root, change->mac, error);

    if (!nic || (change->iface_id
                 && !set_iface_id(nic, change->iface_id, error))) {
        return FALSE;
    }
    if (change->target) {
        set_target(nic, change->target);
    }
    return TRUE;
}

/* Refuses names of namespaces that libxml2 writes as they are, and reads
 * differently or not at all then. */
static gboolean
check_namespaces(const xmlNode *node, GError **error)
{
    for (const xmlNs *ns = node->nsDef; ns; ns = ns->next) {
        if (ns->href && strpbrk((const char *) ns->href, "<&\t\n\r")) {
            pf_xml_set_error(error, node, "the name of a namespace has '<', "
                             "'&' or a line break, which cannot be kept; "
                             "rename it");
            return FALSE;
        }
    }
    for (const xmlNode *child = node->children; child; child = child->next) {
        if (child->type == XML_ELEMENT_NODE
            && !check_namespaces(child, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

char *
pf_domain_filter(const char *xml, GPtrArray *changes, GError **error)
{
    g_autoptr(xmlDoc) doc = pf_xml_read(xml, PF_DOMAIN_MAX_BYTES, "domain",
                                        PF_XML_SECRET, error);

    if (!doc || !check_namespaces(xmlDocGetRootElement(doc), error)) {
        return NULL;
    }
    for (guint i = 0; i < changes->len; i++) {
        if (!apply(xmlDocGetRootElement(doc), g_ptr_array_index(changes, i),
                   error)) {
            return NULL;
        }
    }
    return pf_xml_print(doc);
}

/* ---- <hookData> ------------------------------------------------------- */

/* The text of the child 'name' of 'node', or NULL if there is none. */
static gboolean
read_text_child(const xmlNode *node, const char *name, char **value,
                GError **error)
{
    const xmlNode *child = pf_xml_child(node, name);

    return (!child
            || (*value = pf_xml_text(child, NAME_MAX_BYTES, error)) != NULL);
}

/* Reads the children of <hookData> 'root'. */
static gboolean
read_hook_data(const xmlNode *root, PfNetworkPort *np, GError **error)
{
    const xmlNode *network = pf_xml_child(root, "network");
    const xmlNode *port = pf_xml_child(root, "networkport");
    const xmlNode *owner = pf_xml_child(port, "owner");
    const xmlNode *virtualport = pf_xml_child(port, "virtualport");

    if (!port || !pf_xml_child(network, "name")) {
        pf_xml_set_error(error, root, "there is no %s",
                         port ? "<network> with a <name>" : "<networkport>");
        return FALSE;
    }
    np->bridge = pf_xml_attribute(pf_xml_child(port, "plug"), "bridge");
    return (read_text_child(network, "name", &np->network, error)
            && read_text_child(owner, "name", &np->owner_name, error)
            && pf_xml_uuid_child(owner, "uuid", &np->owner_uuid, error)
            && pf_xml_uuid_child(port, "uuid", &np->port_uuid, error)
            && pf_xml_mac(pf_xml_child(port, "mac"), "address", &np->mac,
                          error)
            && pf_xml_uuid(pf_xml_child(virtualport, "parameters"),
                           "interfaceid", &np->iface_id, error));
}

PfNetworkPort *
pf_networkport_parse(const char *xml, GError **error)
{
    g_autoptr(PfNetworkPort) np = g_new0(PfNetworkPort, 1);
    g_autoptr(xmlDoc) doc = pf_xml_read(xml, PF_DOMAIN_MAX_BYTES, "hookData",
                                        PF_XML_SECRET, error);

    if (!doc || !read_hook_data(xmlDocGetRootElement(doc), np, error)) {
        return NULL;
    }
    return g_steal_pointer(&np);
}

void
pf_networkport_free(PfNetworkPort *np)
{
    if (np) {
        g_free(np->network);
        g_free(np->bridge);
        g_free(np->mac);
        g_free(np->iface_id);
        g_free(np->owner_name);
        g_free(np->owner_uuid);
        g_free(np->port_uuid);
        g_free(np);
    }
}
