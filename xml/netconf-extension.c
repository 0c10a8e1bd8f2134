/* SPDX-License-Identifier: Apache-2.0
 *
 * netconf-extension: what a network says about extensions: which it requires,
 * and their options.
 *
 * <portferry:bandwidth> and <portferry:flows> are options of the extensions
 * "qos" and "flows" in words of their own.  What the options of other people's
 * extensions mean is not known here.  See netconf.h.
 */
#include <config.h>
#include "netconf.h"
#include "netconf-private.h"
#include <string.h>

/* bit/s: a petabit. */
#define CAPACITY_MAX G_GUINT64_CONSTANT(1000000000000000)

void
pf_netconf_extension_free(gpointer extension_)
{
    PfNetExtension *extension = extension_;

    g_free(extension->name);
    g_free(extension);
}

void
pf_netconf_option_free(gpointer option_)
{
    PfNetOption *option = option_;

    g_free(option->extension);
    g_free(option->name);
    g_free(option->value);
    g_free(option->where);
    g_free(option);
}

/* ---- Options ---------------------------------------------------------- */

/* The option, or NULL. */
static const PfNetOption *
find_option(const PfNetwork *network, const char *extension, const char *name)
{
    for (guint i = 0; i < network->options->len; i++) {
        const PfNetOption *option = g_ptr_array_index(network->options, i);

        if (!strcmp(option->extension, extension)
            && !strcmp(option->name, name)) {
            return option;
        }
    }
    return NULL;
}

/* Adds an option, which 'node' gives. */
static gboolean
add_option(const xmlNode *node, PfNetwork *network, const char *extension,
           const char *name, const char *value, GError **error)
{
    const PfNetOption *other = find_option(network, extension, name);
    PfNetOption *option;

    if (other) {
        pf_xml_set_error(error, node, "option '%s' of extension '%s' is given "
                         "by %s already; keep one of them", name, extension,
                         other->where);
        return FALSE;
    }
    option = g_new0(PfNetOption, 1);
    option->extension = g_strdup(extension);
    option->name = g_strdup(name);
    option->value = g_strdup(value);
    option->where = g_strdup_printf("<portferry:%s> on line %ld", node->name,
                                    xmlGetLineNo((xmlNode *) node));
    g_ptr_array_add(network->options, option);
    return TRUE;
}

/* Reads a required attribute 'name' that names an extension or an option. */
static char *
read_name(const xmlNode *node, const char *what, GError **error)
{
    g_autofree char *name = pf_xml_required(node, "name", what, error);

    if (name && !pf_xml_is_extension_name(name)) {
        g_autofree char *quoted = pf_xml_quote(node, name);

        pf_xml_set_error(error, node, "attribute 'name': %s: must be 1 to 32 "
                         "of a-z, 0-9 and -", quoted);
        return NULL;
    }
    return g_steal_pointer(&name);
}

/* Reads <option> 'node' of 'extension'. */
static gboolean
parse_option(const xmlNode *node, PfNetwork *network, const char *extension,
             GError **error)
{
    static const char *const known[] = { "name", "value", NULL };
    g_autofree char *name = NULL;
    g_autofree char *value = NULL;

    if (!pf_xml_check_attributes(node, known, error)
        || !(name = read_name(node, "an option's name", error))
        || !(value = pf_xml_required(node, "value", "the option's value",
                                     error))) {
        return FALSE;
    }
    if (strlen(value) > PF_NET_MAX_OPTION_VALUE) {
        pf_xml_set_error(error, node, "attribute 'value' has %" G_GSIZE_FORMAT
                         " bytes; the limit is %d", strlen(value),
                         PF_NET_MAX_OPTION_VALUE);
        return FALSE;
    }
    return (add_option(node, network, extension, name, value, error)
            && pf_netconf_check_empty(node, error));
}

/* ---- <portferry:extension> -------------------------------------------- */

static gboolean
parse_options(const xmlNode *node, PfNetwork *network, const char *extension,
              GError **error)
{
    guint n = 0;

    for (const xmlNode *child = node->children; child; child = child->next) {
        if (!pf_netconf_is_ours(child)) {
            continue;
        }
        if (!pf_xml_is(child, PF_NETWORK_NS, "option")) {
            return pf_netconf_refuse(child, "option", error);
        }
        if (++n > PF_NET_MAX_OPTIONS) {
            pf_xml_set_error(error, child, "the limit is %d of them",
                             PF_NET_MAX_OPTIONS);
            return FALSE;
        }
        if (!parse_option(child, network, extension, error)) {
            return FALSE;
        }
    }
    return pf_xml_check_no_text(node, error);
}

gboolean
pf_netconf_extension(const xmlNode *node, PfNetwork *network, GError **error)
{
    static const char *const known[] = { "name", "required", "version", NULL };
    g_autofree char *name = NULL;
    PfNetExtension *extension;
    gboolean optional;
    guint version = 0;

    if (!pf_xml_check_attributes(node, known, error)
        || !(name = read_name(node, "an extension's name", error))
        || !pf_xml_choice(node, "required", "yes", "no", &optional, error)
        || !pf_xml_uint(node, "version", 1, PF_NET_MAX_VERSION, "a version",
                        &version, error)) {
        return FALSE;
    }
    if (pf_network_extension(network, name)) {
        pf_xml_set_error(error, node, "attribute 'name': \"%s\" has an "
                         "element before this one; keep one of them", name);
        return FALSE;
    }
    if (network->extensions->len >= PF_NET_MAX_EXTENSIONS) {
        pf_xml_set_error(error, node, "the limit is %d of them",
                         PF_NET_MAX_EXTENSIONS);
        return FALSE;
    }

    extension = g_new0(PfNetExtension, 1);
    extension->name = g_steal_pointer(&name);
    extension->required = !optional;
    extension->version = version;
    g_ptr_array_add(network->extensions, extension);
    return parse_options(node, network, extension->name, error);
}

/* ---- <portferry:bandwidth> -------------------------------------------- */

/* Units of a capacity; the first is the default. */
static const struct unit {
    const char *name;
    guint64 bits;               /* bit/s. */
} units[] = {
    { "bit/s", 1 },
    { "kbit/s", G_GUINT64_CONSTANT(1000) },
    { "Mbit/s", G_GUINT64_CONSTANT(1000000) },
    { "Gbit/s", G_GUINT64_CONSTANT(1000000000) },
    { "Tbit/s", G_GUINT64_CONSTANT(1000000000000) },
};

static const struct unit *
read_unit(const xmlNode *node, GError **error)
{
    g_autofree char *text = pf_xml_attribute(node, "unit");
    g_autofree char *quoted = NULL;

    for (guint i = 0; i < G_N_ELEMENTS(units); i++) {
        if (!text || !strcmp(text, units[i].name)) {
            return &units[i];
        }
    }
    quoted = pf_xml_quote(node, text);
    pf_xml_set_error(error, node, "attribute 'unit': %s: must be \"bit/s\", "
                     "\"kbit/s\", \"Mbit/s\", \"Gbit/s\" or \"Tbit/s\"",
                     quoted);
    return NULL;
}

gboolean
pf_netconf_bandwidth(const xmlNode *node, PfNetwork *network, GError **error)
{
    static const char *const known[] = { "capacity", "unit", NULL };
    g_autofree char *text = NULL;
    g_autofree char *value = NULL;
    const struct unit *unit;
    guint64 number;

    if (!pf_xml_check_attributes(node, known, error)
        || !(text = pf_xml_required(node, "capacity", "a whole number, like "
                                    "\"10\" with unit=\"Gbit/s\"", error))
        || !(unit = read_unit(node, error))) {
        return FALSE;
    }
    if (text[0] == '0'
        || !g_ascii_string_to_unsigned(text, 10, 1, CAPACITY_MAX / unit->bits,
                                       &number, NULL)) {
        g_autofree char *quoted = pf_xml_quote(node, text);

        pf_xml_set_error(error, node, "attribute 'capacity': %s: must be a "
                         "whole number from 1 to %" G_GUINT64_FORMAT " (%s), "
                         "in digits only", quoted, CAPACITY_MAX / unit->bits,
                         unit->name);
        return FALSE;
    }
    value = g_strdup_printf("%" G_GUINT64_FORMAT, number * unit->bits);
    return add_option(node, network, "qos", "capacity", value, error);
}

/* ---- <portferry:flows> ------------------------------------------------ */

/* Reads all of 'text', decimal or hexadecimal with "0x". */
static gboolean
parse_uint64(const char *text, guint64 *value)
{
    if (g_str_has_prefix(text, "0x")) {
        return (pf_xml_is_word(text + 2, "0123456789abcdefABCDEF", 16)
                && g_ascii_string_to_unsigned(text + 2, 16, 0, G_MAXUINT64,
                                              value, NULL));
    }
    return ((text[0] != '0' || !text[1])
            && g_ascii_string_to_unsigned(text, 10, 0, G_MAXUINT64, value,
                                          NULL));
}

/* Reads attribute 'name', if there is one, into '*value'. */
static gboolean
read_uint64(const xmlNode *node, const char *name, guint64 *value,
            gboolean *is_there, GError **error)
{
    g_autofree char *text = pf_xml_attribute(node, name);

    *is_there = text != NULL;
    if (text && !parse_uint64(text, value)) {
        g_autofree char *quoted = pf_xml_quote(node, text);

        pf_xml_set_error(error, node, "attribute '%s': %s: must be a number "
                         "of at most 64 bits, decimal or like \"0x1a\"", name,
                         quoted);
        return FALSE;
    }
    return TRUE;
}

/* Reads which rules are Portferry's to carry. */
static gboolean
parse_cookie(const xmlNode *node, PfNetwork *network, GError **error)
{
    g_autofree char *cookie_text = NULL;
    g_autofree char *mask_text = NULL;
    guint64 mask = G_MAXUINT64;
    gboolean has_cookie, has_mask;
    guint64 cookie = 0;

    if (!read_uint64(node, "cookie", &cookie, &has_cookie, error)
        || !read_uint64(node, "mask", &mask, &has_mask, error)) {
        return FALSE;
    }
    if (!has_cookie && has_mask) {
        pf_xml_set_error(error, node, "attribute 'mask' is there without "
                         "'cookie': write both, or remove it");
        return FALSE;
    }
    if (!has_cookie) {
        return TRUE;
    }
    cookie_text = g_strdup_printf("0x%" G_GINT64_MODIFIER "x", cookie);
    mask_text = g_strdup_printf("0x%" G_GINT64_MODIFIER "x", mask);
    if (cookie & ~mask) {
        pf_xml_set_error(error, node, "attribute 'cookie': %s has bits that "
                         "are not in 'mask', %s: no rule would be meant; add "
                         "them there, or remove them here", cookie_text,
                         mask_text);
        return FALSE;
    }
    return (add_option(node, network, "flows", "cookie", cookie_text, error)
            && add_option(node, network, "flows", "mask", mask_text, error));
}

/* Reads attribute 'name', if there is one, which is one of two words, as an
 * option of that name. */
static gboolean
parse_choice(const xmlNode *node, PfNetwork *network, const char *name,
             const char *first_word, const char *second_word, GError **error)
{
    g_autofree char *value = pf_xml_attribute(node, name);
    gboolean second;

    return (!value
            || (pf_xml_choice(node, name, first_word, second_word, &second,
                              error)
                && add_option(node, network, "flows", name, value, error)));
}

gboolean
pf_netconf_flows(const xmlNode *node, PfNetwork *network, GError **error)
{
    static const char *const known[] = { "cookie", "mask", "other-ports",
                                         "carry", NULL };

    return (pf_xml_check_attributes(node, known, error)
            && parse_cookie(node, network, error)
            && parse_choice(node, network, "other-ports", "refuse", "by-name",
                            error)
            && parse_choice(node, network, "carry", "yes", "no", error));
}

/* ---- Questions -------------------------------------------------------- */

const PfNetExtension *
pf_network_extension(const PfNetwork *network, const char *name)
{
    for (guint i = 0; i < network->extensions->len; i++) {
        const PfNetExtension *e = g_ptr_array_index(network->extensions, i);

        if (!strcmp(e->name, name)) {
            return e;
        }
    }
    return NULL;
}

gboolean
pf_network_requires(const PfNetwork *network, const char *name)
{
    const PfNetExtension *ne = network ? pf_network_extension(network, name)
                                       : NULL;

    return ne && ne->required;
}

GVariant *
pf_network_options(const PfNetwork *network, const char *extension)
{
    GVariantBuilder options;

    g_variant_builder_init(&options, G_VARIANT_TYPE("a{ss}"));
    for (guint i = 0; i < network->options->len; i++) {
        const PfNetOption *option = g_ptr_array_index(network->options, i);

        if (!strcmp(option->extension, extension)) {
            g_variant_builder_add(&options, "{ss}", option->name,
                                  option->value);
        }
    }
    return g_variant_ref_sink(g_variant_builder_end(&options));
}
