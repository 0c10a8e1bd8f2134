/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz-network: what people write into a libvirt network's XML.
 *
 * What is accepted is valid under the schema that comes with Portferry, lets
 * through those VLANs that its text names and no others, and keeps to every
 * limit.
 */
#include <config.h>

#include <libxml/parser.h>
#include <libxml/relaxng.h>
#include <stdio.h>
#include <string.h>

#include "harness.h"
#include "netconf.h"

/* ---- The schema --------------------------------------------------------- */

static void G_GNUC_PRINTF(2, 3)
keep_quiet(void *aux G_GNUC_UNUSED, const char *message G_GNUC_UNUSED, ...)
{
}

static xmlRelaxNGValidCtxt *
schema_new(void)
{
    static xmlRelaxNG *schema;
    xmlRelaxNGParserCtxt *parser;
    xmlRelaxNGValidCtxt *valid;

    if (!schema) {
        parser = xmlRelaxNGNewParserCtxt(SCHEMA);
        schema = xmlRelaxNGParse(parser);
        FUZZ_CHECK(schema, "cannot read %s", SCHEMA);
        xmlRelaxNGFreeParserCtxt(parser);
    }
    valid = xmlRelaxNGNewValidCtxt(schema);
    xmlRelaxNGSetValidErrors(valid, keep_quiet, keep_quiet, NULL);
    return valid;
}

/* The <migration> of our namespace in the <metadata> of 'doc'. */
static xmlNode *
find_migration(xmlDoc *doc)
{
    xmlNode *root = xmlDocGetRootElement(doc);

    for (xmlNode *m = root->children; m; m = m->next) {
        if (m->type != XML_ELEMENT_NODE || m->ns
            || strcmp((const char *) m->name, "metadata")) {
            continue;
        }
        for (xmlNode *n = m->children; n; n = n->next) {
            if (n->type == XML_ELEMENT_NODE && n->ns
                && !strcmp((const char *) n->ns->href, PF_NETWORK_NS)
                && !strcmp((const char *) n->name, "migration")) {
                return n;
            }
        }
    }
    return NULL;
}

static void
check_schema(const char *text)
{
    xmlDoc *doc = xmlReadMemory(text, strlen(text), NULL, NULL,
                                XML_PARSE_NONET | XML_PARSE_NOERROR
                                | XML_PARSE_NOWARNING);
    xmlDoc *alone = xmlNewDoc((const xmlChar *) "1.0");
    xmlRelaxNGValidCtxt *valid = schema_new();
    xmlNode *node;

    FUZZ_CHECK(doc, "what was accepted is not well-formed");
    node = find_migration(doc);
    FUZZ_CHECK(node, "managed without an element that says so");
    xmlDocSetRootElement(alone, xmlDocCopyNode(node, alone, 1));
    FUZZ_CHECK(!xmlRelaxNGValidateDoc(valid, alone),
               "accepted, but not valid under %s", SCHEMA);
    xmlRelaxNGFreeValidCtxt(valid);
    xmlFreeDoc(alone);
    xmlFreeDoc(doc);
}

/* ---- VLANs -------------------------------------------------------------- */

/* Whether "42,50-60" in 'text' names 'vid'. */
static gboolean
text_names(const char *text, guint vid)
{
    g_auto(GStrv) parts = g_strsplit(text, ",", -1);

    for (guint i = 0; parts[i]; i++) {
        guint first, last;
        int n = sscanf(parts[i], "%u-%u", &first, &last);

        FUZZ_CHECK(n >= 1, "no VLANs: \"%s\"", text);
        if (vid >= first && vid <= (n == 2 ? last : first)) {
            return TRUE;
        }
    }
    return FALSE;
}

static void
check_vlans(const PfNetwork *network)
{
    const char *text = network->allowed_vlans_text;
    gboolean named[4096];
    guint n = 0;

    FUZZ_CHECK(!text == !network->allowed_vlans, "VLANs without a text");
    if (text) {
        /* All of few ranges, else only samples. */
        guint step = strlen(text) > 64 ? 97 : 1;

        for (guint vid = 0; vid < 4096; vid += step) {
            named[vid] = text_names(text, vid);
            n += named[vid];
            FUZZ_CHECK(pf_network_allows_vlan(network, vid) == named[vid],
                       "VLAN %u and \"%s\"", vid, text);
        }
        FUZZ_CHECK(n || step > 1, "no VLAN at all: \"%s\"", text);
    } else {
        FUZZ_CHECK(pf_network_allows_vlan(network, 0)
                   && pf_network_allows_vlan(network, 4095), "not every VLAN");
    }
}

/* ---- Limits ------------------------------------------------------------- */

static gboolean
is_name(const char *text)
{
    gsize n = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-");

    return n >= 1 && n <= 32 && !text[n];
}

static void
check_extensions(const PfNetwork *network)
{
    FUZZ_CHECK(network->extensions->len <= PF_NET_MAX_EXTENSIONS,
               "%u extensions", network->extensions->len);
    for (guint i = 0; i < network->extensions->len; i++) {
        const PfNetExtension *e = network->extensions->pdata[i];

        FUZZ_CHECK(is_name(e->name), "extension \"%s\"", e->name);
        FUZZ_CHECK(e->version <= PF_NET_MAX_VERSION, "version %u",
                   e->version);
        FUZZ_CHECK(pf_network_extension(network, e->name) == e,
                   "\"%s\" is there twice", e->name);
    }
    for (guint i = 0; i < network->options->len; i++) {
        const PfNetOption *o = network->options->pdata[i];
        g_autoptr(GVariant) all = pf_network_options(network, o->extension);
        const char *value = NULL;

        FUZZ_CHECK(is_name(o->extension) && is_name(o->name),
                   "option \"%s\" of \"%s\"", o->name, o->extension);
        FUZZ_CHECK(strlen(o->value) <= PF_NET_MAX_OPTION_VALUE,
                   "option of %zu bytes", strlen(o->value));
        g_variant_lookup(all, o->name, "&s", &value);
        FUZZ_CHECK_SAME(value, o->value, "an option and its look-up");
    }
}

static void
check_managed(const PfNetwork *network)
{
    FUZZ_CHECK(network->hook_timeout_ms >= PF_HOOK_TIMEOUT_MIN_MS
               && network->hook_timeout_ms <= PF_HOOK_TIMEOUT_MAX_MS,
               "hook timeout %u", network->hook_timeout_ms);
    FUZZ_CHECK(network->validation_timeout_ms >= PF_HOOK_TIMEOUT_MIN_MS
               && network->validation_timeout_ms <= PF_HOOK_TIMEOUT_MAX_MS,
               "validation timeout %u", network->validation_timeout_ms);
    check_vlans(network);
    check_extensions(network);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = fuzz_text(data, size);
    g_autoptr(GError) error = NULL;
    g_autoptr(PfNetwork) network = pf_network_parse(text, &error);

    fuzz_check_error(network, error);
    if (network && network->managed) {
        check_managed(network);
        check_schema(text);
    }
    return 0;
}
