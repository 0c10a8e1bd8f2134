/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz-domain: a domain's XML, the stamp in it, and the filter.
 *
 * A stamp that is accepted keeps to its limits and is the same when it was
 * written and read again.  What the filter gives back has what was asked for,
 * and is the document that it got in everything else; that is compared here by
 * taking what it may write out of both.
 */
#include <config.h>

#include <libxml/parser.h>
#include <string.h>

#include "domain.h"
#include "harness.h"

#define IFACE_ID "0d0c6d0e-0000-4000-8000-00000000000d"

/* ---- The stamp ---------------------------------------------------------- */

static void
check_extensions(const PfStampPort *a, const PfStampPort *b)
{
    FUZZ_CHECK(a->extensions->len <= PF_STAMP_MAX_EXTENSIONS
               && a->extensions->len == b->extensions->len,
               "%u and %u extensions", a->extensions->len,
               b->extensions->len);
    for (guint i = 0; i < a->extensions->len; i++) {
        const PfStampExtension *one = a->extensions->pdata[i];
        const PfStampExtension *other = b->extensions->pdata[i];

        FUZZ_CHECK_SAME(one->name, other->name, "extension");
        FUZZ_CHECK_SAME(one->text, other->text, "text");
        FUZZ_CHECK(one->version >= 1 && one->version == other->version
                   && one->version <= PF_STAMP_MAX_EXTENSION_VERSION,
                   "version %u and %u", one->version, other->version);
        FUZZ_CHECK(strlen(one->text) <= PF_STAMP_MAX_TEXT, "%zu bytes",
                   strlen(one->text));
        FUZZ_CHECK(pf_stamp_port_extension(a, one->name) == one,
                   "extension \"%s\" twice", one->name);
    }
}

static void
check_port(const PfStamp *stamp, const PfStampPort *a, const PfStampPort *b)
{
    const char *odd = strpbrk(a->name, "/ \"'\\\n") ? a->name
                      : strpbrk(a->bridge, "/ \"'\\\n") ? a->bridge
                      : strchr(a->network, '/');

    FUZZ_CHECK_SAME(a->mac, b->mac, "MAC");
    FUZZ_CHECK_SAME(a->name, b->name, "name");
    FUZZ_CHECK_SAME(a->bridge, b->bridge, "bridge");
    FUZZ_CHECK_SAME(a->network, b->network, "network");
    FUZZ_CHECK_SAME(a->iface_id, b->iface_id, "iface-id");
    FUZZ_CHECK(strlen(a->mac) == 17, "MAC \"%s\"", a->mac);
    FUZZ_CHECK(*a->name && strlen(a->name) < 16, "name \"%s\"", a->name);
    FUZZ_CHECK(!odd, "a name is \"%s\"", odd);
    FUZZ_CHECK(pf_stamp_port(stamp, a->mac) == a, "MAC %s twice", a->mac);
    check_extensions(a, b);
}

static void
check_stamp(const PfStamp *stamp)
{
    g_autofree char *text = pf_stamp_format(stamp);
    g_autoptr(GError) error = NULL;
    g_autoptr(PfStamp) again = pf_stamp_parse(text, &error);

    FUZZ_CHECK(again, "what was written is refused: %s", error->message);
    FUZZ_CHECK_SAME(stamp->epoch, again->epoch, "epoch");
    FUZZ_CHECK(stamp->ports->len <= PF_STAMP_MAX_PORTS
               && stamp->ports->len == again->ports->len, "%u and %u ports",
               stamp->ports->len, again->ports->len);
    for (guint i = 0; i < stamp->ports->len; i++) {
        check_port(stamp, stamp->ports->pdata[i], again->ports->pdata[i]);
    }
}

/* ---- The document without what the filter may write --------------------- */

static gboolean
is_element(const xmlNode *node, const char *name)
{
    return node->type == XML_ELEMENT_NODE && !node->ns
           && !strcmp((const char *) node->name, name);
}

static xmlNode *
first(xmlNode *parent, const char *name)
{
    xmlNode *node = parent ? parent->children : NULL;

    while (node && !is_element(node, name)) {
        node = node->next;
    }
    return node;
}

static void
drop(xmlNode *node)
{
    xmlUnlinkNode(node);
    xmlFreeNode(node);
}

/* Drops 'node' (may be NULL) if nothing is in it. */
static void
drop_bare(xmlNode *node)
{
    if (node && !node->properties && !node->children && !node->nsDef) {
        drop(node);
    }
}

static void
drop_attribute(xmlNode *node, const char *name)
{
    if (node) {
        xmlUnsetNsProp(node, NULL, (const xmlChar *) name);
    }
}

static void
drop_space(xmlNode *parent)
{
    xmlNode *next;

    for (xmlNode *node = parent ? parent->children : NULL; node;
         node = next) {
        next = node->next;
        if (node->type == XML_TEXT_NODE && xmlIsBlankNode(node)) {
            drop(node);
        }
    }
}

/* Takes out of <interface> 'nic' what the filter writes. */
static void
forget_nic(xmlNode *nic)
{
    static const char *const written[] = {
        "interfaceid", "instanceid", "managerid", "typeid", "typeidversion",
    };
    xmlNode *target = first(nic, "target");
    xmlNode *virtualport = first(nic, "virtualport");
    xmlNode *parameters = first(virtualport, "parameters");

    drop_space(nic);
    drop_space(virtualport);
    drop_attribute(target, "dev");
    for (gsize i = 0; i < G_N_ELEMENTS(written); i++) {
        drop_attribute(parameters, written[i]);
    }
    drop_attribute(virtualport, "type");
    drop_bare(target);
    drop_bare(parameters);
    drop_bare(virtualport);
}

static gboolean
has_mac(xmlNode *nic, const char *mac)
{
    xmlNode *node = first(nic, "mac");
    xmlChar *address = node ? xmlGetNoNsProp(node, (const xmlChar *) "address")
                            : NULL;
    gboolean same = address
                    && !g_ascii_strcasecmp((const char *) address, mac);

    xmlFree(address);
    return same;
}

/* 'text' without what the filter may have written into the NICs of
 * 'changes'. */
static char *
forget(const char *text, const GPtrArray *changes)
{
    xmlDoc *doc = xmlReadMemory(text, strlen(text), NULL, NULL,
                                XML_PARSE_NONET | XML_PARSE_NOERROR
                                | XML_PARSE_NOWARNING);
    g_autoptr(GString) rest = g_string_new(NULL);
    xmlBuffer *buffer = xmlBufferCreate();

    FUZZ_CHECK(doc, "not well-formed: %s", text);
    for (xmlNode *devices = xmlDocGetRootElement(doc)->children; devices;
         devices = devices->next) {
        for (xmlNode *nic = is_element(devices, "devices")
             ? devices->children : NULL; nic; nic = nic->next) {
            for (guint i = 0; is_element(nic, "interface")
                 && i < changes->len; i++) {
                const PfNicChange *change = changes->pdata[i];

                if (has_mac(nic, change->mac)) {
                    forget_nic(nic);
                }
            }
        }
    }
    for (xmlNode *node = doc->children; node; node = node->next) {
        xmlNodeDump(buffer, doc, node, 0, 0);
    }
    g_string_append(rest, (const char *) xmlBufferContent(buffer));
    xmlBufferFree(buffer);
    xmlFreeDoc(doc);
    return g_strdup(rest->str);
}

/* ---- The filter --------------------------------------------------------- */

/* A change for some of the NICs, as the hook makes it. */
static GPtrArray *
choose_changes(const PfDomain *domain, guint choice)
{
    GPtrArray *changes = g_ptr_array_new_with_free_func(
        (GDestroyNotify) pf_nic_change_free);

    for (guint i = 0; i < domain->nics->len; i++) {
        const PfNic *nic = domain->nics->pdata[i];
        guint which = choice >> (2 * (i % 16));

        if (nic->mac && pf_domain_nic(domain, nic->mac) == nic && which & 3) {
            g_ptr_array_add(changes, pf_nic_change_new(
                                nic->mac, which & 1 ? "pf0" : NULL,
                                which & 2 ? IFACE_ID : NULL));
        }
    }
    return changes;
}

/* Demands that the NICs of 'domain' are what 'changes' say. */
static void
check_changed(const PfDomain *before, const PfDomain *domain,
              const GPtrArray *changes)
{
    FUZZ_CHECK(before->nics->len == domain->nics->len, "%u and %u NICs",
               before->nics->len, domain->nics->len);
    for (guint i = 0; i < changes->len; i++) {
        const PfNicChange *change = changes->pdata[i];
        const PfNic *nic = pf_domain_nic(domain, change->mac);

        FUZZ_CHECK(nic, "%s is not there any more", change->mac);
        if (change->target) {
            FUZZ_CHECK_SAME(nic->target, change->target, "target");
        }
        if (change->iface_id) {
            FUZZ_CHECK_SAME(nic->iface_id, change->iface_id, "iface-id");
            FUZZ_CHECK(nic->openvswitch, "no port of Open vSwitch");
        }
    }
}

static void
check_filter(const char *text, const PfDomain *domain)
{
    g_autoptr(GPtrArray) changes = choose_changes(domain, g_str_hash(text));
    g_autoptr(GError) error = NULL;
    g_autofree char *filtered = pf_domain_filter(text, changes, &error);
    g_autofree char *twice = NULL;
    g_autofree char *before = NULL;
    g_autofree char *after = NULL;
    g_autoptr(PfDomain) again = NULL;

    fuzz_check_error(filtered, error);
    if (!filtered) {
        return;
    }
    again = pf_domain_parse(filtered, &error);
    FUZZ_CHECK(again, "what was filtered is refused: %s: %s", error->message,
               filtered);
    check_changed(domain, again, changes);

    before = forget(text, changes);
    after = forget(filtered, changes);
    FUZZ_CHECK_SAME(before, after, "more than what was asked for changed");
    twice = pf_domain_filter(filtered, changes, NULL);
    FUZZ_CHECK_SAME(filtered, twice, "filtered once and twice");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = fuzz_text(data, size);
    g_autoptr(GError) error = NULL;
    g_autoptr(PfDomain) domain = pf_domain_parse(text, &error);

    fuzz_check_error(domain, error);
    if (domain) {
        FUZZ_CHECK(domain->name && domain->uuid && strlen(domain->uuid) == 36,
                   "no name or UUID");
        if (domain->stamp) {
            check_stamp(domain->stamp);
        }
        check_filter(text, domain);
    }
    return 0;
}
