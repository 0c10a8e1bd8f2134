/* SPDX-License-Identifier: Apache-2.0
 *
 * stamp: see stamp.h.  The schema of the stamp, stamp.rng, says the same as
 * pf_stamp_from_node() and what it calls: change both.
 */
#include <config.h>
#include "stamp.h"
#include "reader.h"
#include <string.h>

#define NAME_CHARS G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "_.-"
#define PORT_NAME_MAX 15
#define BRIDGE_NAME_MAX 63
#define NETWORK_NAME_MAX 255
#define EPOCH_DIGITS 32

/* ---- The type --------------------------------------------------------- */

static void
extension_free(gpointer extension_)
{
    PfStampExtension *extension = extension_;

    g_free(extension->name);
    g_free(extension->text);
    g_free(extension);
}

static void
port_free(gpointer port_)
{
    PfStampPort *port = port_;

    g_free(port->mac);
    g_free(port->name);
    g_free(port->bridge);
    g_free(port->network);
    g_free(port->iface_id);
    g_ptr_array_unref(port->extensions);
    g_free(port);
}

/* Adds an empty port to 'stamp'. */
static PfStampPort *
add_port(PfStamp *stamp)
{
    PfStampPort *port = g_new0(PfStampPort, 1);

    port->extensions = g_ptr_array_new_with_free_func(extension_free);
    g_ptr_array_add(stamp->ports, port);
    return port;
}

PfStamp *
pf_stamp_new(const char *epoch)
{
    PfStamp *stamp = g_new0(PfStamp, 1);

    stamp->epoch = g_strdup(epoch);
    stamp->ports = g_ptr_array_new_with_free_func(port_free);
    return stamp;
}

void
pf_stamp_free(PfStamp *stamp)
{
    if (stamp) {
        g_free(stamp->epoch);
        g_ptr_array_unref(stamp->ports);
        g_free(stamp);
    }
}

PfStampPort *
pf_stamp_add_port(PfStamp *stamp, const char *mac, const char *name,
                  const char *bridge, const char *network,
                  const char *iface_id)
{
    PfStampPort *port = add_port(stamp);

    port->mac = g_strdup(mac);
    port->name = g_strdup(name);
    port->bridge = g_strdup(bridge);
    port->network = g_strdup(network);
    port->iface_id = g_strdup(iface_id);
    return port;
}

void
pf_stamp_port_add_extension(PfStampPort *port, const char *name,
                            guint version, const char *text)
{
    PfStampExtension *extension = g_new0(PfStampExtension, 1);

    extension->name = g_strdup(name);
    extension->version = version;
    extension->text = g_strdup(text);
    g_ptr_array_add(port->extensions, extension);
}

PfStampPort *
pf_stamp_port(const PfStamp *stamp, const char *mac)
{
    for (guint i = 0; i < stamp->ports->len; i++) {
        PfStampPort *port = g_ptr_array_index(stamp->ports, i);

        if (!g_strcmp0(port->mac, mac)) {
            return port;
        }
    }
    return NULL;
}

const PfStampExtension *
pf_stamp_port_extension(const PfStampPort *port, const char *name)
{
    for (guint i = 0; i < port->extensions->len; i++) {
        PfStampExtension *extension = g_ptr_array_index(port->extensions, i);

        if (!strcmp(extension->name, name)) {
            return extension;
        }
    }
    return NULL;
}

/* ---- Reading ---------------------------------------------------------- */

/* Reads a name of at most 'max' bytes that can be one of a device or a
 * bridge. */
static char *
read_name(const xmlNode *node, const char *attribute, gsize max,
          GError **error)
{
    g_autofree char *what = g_strdup_printf(
        "1 to %" G_GSIZE_FORMAT " of A-Z, a-z, 0-9, _, . and -, not first . "
        "or -", max);
    g_autofree char *name = pf_xml_required(node, attribute, what, error);

    if (name && (!pf_xml_is_word(name, NAME_CHARS, max)
                 || strchr(".-", name[0]))) {
        g_autofree char *quoted = pf_xml_quote(node, name);

        pf_xml_set_error(error, node, "attribute '%s': %s: must be %s",
                         attribute, quoted, what);
        return NULL;
    }
    return g_steal_pointer(&name);
}

/* Whether libvirt would take 'name' for a network's. */
static gboolean
is_network_name(const char *name)
{
    for (const char *p = name; *p; p = g_utf8_next_char(p)) {
        if (*p == '/' || g_unichar_iscntrl(g_utf8_get_char(p))) {
            return FALSE;
        }
    }
    return name[0] && strlen(name) <= NETWORK_NAME_MAX;
}

static char *
read_network(const xmlNode *node, GError **error)
{
    static const char what[] = "1 to 255 bytes without / and control "
                               "characters";
    g_autofree char *name = pf_xml_required(node, "network", what, error);

    if (name && !is_network_name(name)) {
        g_autofree char *quoted = pf_xml_quote(node, name);

        pf_xml_set_error(error, node, "attribute 'network': %s: must be %s",
                         quoted, what);
        return NULL;
    }
    return g_steal_pointer(&name);
}

/* Reads a required version from 1 to 'max'; 0 on failure. */
static guint
read_version(const xmlNode *node, guint max, GError **error)
{
    g_autofree char *text = pf_xml_required(node, "version", "a version",
                                            error);
    guint version = 0;

    return (text && pf_xml_uint(node, "version", 1, max, "a version that "
                                "Portferry " PACKAGE_VERSION " knows,",
                                &version, error)
            ? version : 0);
}

/* Reads <extension> 'node' into 'port'. */
static gboolean
read_extension(const xmlNode *node, gpointer port_, GError **error)
{
    static const char *const known[] = { "name", "version", NULL };
    PfStampPort *port = port_;
    g_autofree char *name = NULL;
    g_autofree char *text = NULL;
    guint version;

    if (!pf_xml_check_attributes(node, known, error)) {
        return FALSE;
    }
    version = read_version(node, PF_STAMP_MAX_EXTENSION_VERSION, error);
    name = version ? pf_xml_required(node, "name", "an extension's name",
                                     error) : NULL;
    if (!name) {
        return FALSE;
    }
    if (!pf_xml_is_extension_name(name)
        || pf_stamp_port_extension(port, name)) {
        g_autofree char *quoted = pf_xml_quote(node, name);

        pf_xml_set_error(error, node, "attribute 'name': %s: must be 1 to 32 "
                         "of a-z, 0-9 and -, each name once", quoted);
        return FALSE;
    }
    text = pf_xml_text(node, PF_STAMP_MAX_TEXT, error);
    if (!text) {
        return FALSE;
    }
    pf_stamp_port_add_extension(port, name, version, text);
    return TRUE;
}

/* Reads the children of 'node': elements 'name' of its own namespace, at most
 * 'max', each passed with 'target' to 'read'; no text; nothing else. */
static gboolean
read_children(const xmlNode *node, const char *name, guint max,
              gboolean (*read)(const xmlNode *, gpointer target, GError **),
              gpointer target, GError **error)
{
    guint n = 0;

    for (const xmlNode *child = node->children; child; child = child->next) {
        if (child->type != XML_ELEMENT_NODE) {
            continue;
        }
        if (!pf_xml_is(child, pf_xml_ns(node), name)) {
            pf_xml_set_error(error, child, "unknown element: Portferry "
                             PACKAGE_VERSION " knows %s of namespace "
                             PF_DOMAIN_NS " here", name);
            return FALSE;
        }
        if (++n > max) {
            pf_xml_set_error(error, child, "the limit is %u of them", max);
            return FALSE;
        }
        if (!read(child, target, error)) {
            return FALSE;
        }
    }
    return pf_xml_check_no_text(node, error);
}

/* Reads <port> 'node' into 'stamp'. */
static gboolean
read_port(const xmlNode *node, gpointer stamp_, GError **error)
{
    static const char *const known[] = { "mac", "name", "bridge", "network",
                                         "iface-id", NULL };
    PfStamp *stamp = stamp_;
    g_autofree char *mac = NULL;
    PfStampPort *port;

    if (!pf_xml_check_attributes(node, known, error)
        || !pf_xml_mac(node, "mac", &mac, error)) {
        return FALSE;
    }
    if (!mac) {
        pf_xml_set_error(error, node, "attribute 'mac' is missing: must be "
                         "the port's MAC address");
        return FALSE;
    }
    if (pf_stamp_port(stamp, mac)) {
        pf_xml_set_error(error, node, "attribute 'mac': \"%s\": a port "
                         "before this one has the same; keep one of them",
                         mac);
        return FALSE;
    }

    port = add_port(stamp);
    port->mac = g_steal_pointer(&mac);
    return ((port->name = read_name(node, "name", PORT_NAME_MAX, error))
            && (port->bridge = read_name(node, "bridge", BRIDGE_NAME_MAX,
                                         error))
            && (port->network = read_network(node, error))
            && pf_xml_uuid(node, "iface-id", &port->iface_id, error)
            && read_children(node, "extension", PF_STAMP_MAX_EXTENSIONS,
                             read_extension, port, error));
}

PfStamp *
pf_stamp_from_node(void *node_, GError **error)
{
    static const char *const known[] = { "version", "epoch", NULL };
    const xmlNode *node = node_;
    g_autoptr(PfStamp) stamp = pf_stamp_new(NULL);

    if (!pf_xml_is(node, pf_xml_ns(node) ? PF_DOMAIN_NS : NULL, "stamp")) {
        pf_xml_set_error(error, node, "unknown element: Portferry "
                         PACKAGE_VERSION " knows stamp of namespace "
                         PF_DOMAIN_NS " here");
        return NULL;
    }
    /* The version first: another one may have other attributes. */
    if (!read_version(node, PF_STAMP_VERSION, error)
        || !pf_xml_check_attributes(node, known, error)) {
        return NULL;
    }
    stamp->epoch = pf_xml_required(node, "epoch", "32 of 0-9 and a-f", error);
    if (!stamp->epoch) {
        return NULL;
    }
    if (strlen(stamp->epoch) != EPOCH_DIGITS
        || !pf_xml_is_word(stamp->epoch, "0123456789abcdef", EPOCH_DIGITS)) {
        g_autofree char *quoted = pf_xml_quote(node, stamp->epoch);

        pf_xml_set_error(error, node, "attribute 'epoch': %s: must be 32 of "
                         "0-9 and a-f", quoted);
        return NULL;
    }
    if (!read_children(node, "port", PF_STAMP_MAX_PORTS, read_port, stamp,
                       error)) {
        return NULL;
    }
    return g_steal_pointer(&stamp);
}

PfStamp *
pf_stamp_parse(const char *xml, GError **error)
{
    g_autoptr(xmlDoc) doc = pf_xml_read(xml, PF_STAMP_MAX_BYTES, "stamp",
                                        PF_XML_PUBLIC, error);

    return doc ? pf_stamp_from_node(xmlDocGetRootElement(doc), error) : NULL;
}

/* ---- Writing ---------------------------------------------------------- */

static void
set(xmlNode *node, const char *attribute, const char *value)
{
    if (value) {
        xmlNewProp(node, (const xmlChar *) attribute,
                   (const xmlChar *) value);
    }
}

/* Adds the element 'name', with 'text' if not NULL, to 'parent'. */
static xmlNode *
add(xmlNode *parent, const char *name, const char *text)
{
    return xmlNewTextChild(parent, NULL, (const xmlChar *) name,
                           (const xmlChar *) text);
}

static void
set_version(xmlNode *node, guint version)
{
    g_autofree char *text = g_strdup_printf("%u", version);

    set(node, "version", text);
}

static void
format_port(xmlNode *root, const PfStampPort *port)
{
    xmlNode *node = add(root, "port", NULL);

    set(node, "mac", port->mac);
    set(node, "name", port->name);
    set(node, "bridge", port->bridge);
    set(node, "network", port->network);
    set(node, "iface-id", port->iface_id);
    for (guint i = 0; i < port->extensions->len; i++) {
        const PfStampExtension *extension
            = g_ptr_array_index(port->extensions, i);
        xmlNode *child = add(node, "extension", extension->text);

        set(child, "name", extension->name);
        set_version(child, extension->version);
    }
}

char *
pf_stamp_format(const PfStamp *stamp)
{
    g_autoptr(xmlDoc) doc = xmlNewDoc((const xmlChar *) "1.0");
    xmlNode *root = xmlNewDocNode(doc, NULL, (const xmlChar *) "stamp", NULL);

    xmlDocSetRootElement(doc, root);
    set_version(root, PF_STAMP_VERSION);
    set(root, "epoch", stamp->epoch);
    for (guint i = 0; i < stamp->ports->len; i++) {
        format_port(root, g_ptr_array_index(stamp->ports, i));
    }
    return g_strchomp(pf_xml_print(doc));
}
