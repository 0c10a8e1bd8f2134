/* SPDX-License-Identifier: Apache-2.0
 *
 * Guards the way in which libopenvswitch is linked: both it and json-glib
 * define json_from_string() and json_to_string(), and whoever gets the other's
 * reads nonsense without a warning.  symbols-ovs.c is the half of this test
 * that includes Open vSwitch's header.
 */
#include <config.h>
#include "symbols-ovs.h"

#include <dlfcn.h>
#include <json-glib/json-glib.h>
#include <string.h>

#define DOCUMENT "{\"ports\":[1,2,3],\"name\":\"br0\"}"

static void
test_json_glib(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(JsonNode) node = json_from_string(DOCUMENT, &error);
    g_assert_no_error(error);
    g_assert_nonnull(node);
    g_assert_true(JSON_NODE_HOLDS_OBJECT(node));
    g_assert_cmpstr(json_object_get_string_member(json_node_get_object(node),
                                                  "name"), ==, "br0");

    g_autofree char *text = json_to_string(node, FALSE);
    g_assert_cmpstr(text, ==, DOCUMENT);
}

/* json-glib's own calls. */
static void
test_json_glib_inside(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) value = json_gvariant_deserialize_data(
        DOCUMENT, -1, "a{sv}", &error);
    g_assert_no_error(error);
    g_assert_nonnull(value);
    g_variant_ref_sink(value);

    const char *name = NULL;
    g_assert_true(g_variant_lookup(value, "name", "&s", &name));
    g_assert_cmpstr(name, ==, "br0");
}

static void
test_ovs(void)
{
    g_autofree char *name = symbols_ovs_member(DOCUMENT, "name");
    g_assert_cmpstr(name, ==, "br0");

    g_autofree char *text = symbols_ovs_reformat("{ \"a\" : [ 1, true ] }");
    g_assert_cmpstr(text, ==, "{\"a\":[1,true]}");
}

/* libopenvswitch's own calls. */
static void
test_ovs_inside(void)
{
    g_autofree char *text = symbols_ovs_syntax_error("[1, 2]", "too short");
    g_assert_cmpstr(text, ==, "syntax \"[1,2]\": syntax error: too short");
}

/* All of the names are in this program. */
static void
test_nothing_exported(void)
{
    static const char *const names[] = {
        "vlog_init", "ovs_json_from_string", "ovs_json_to_string",
        "json_parser_feed", "xmalloc", "hmap_init",
    };

    for (int i = 0; i < G_N_ELEMENTS(names); i++) {
        void *address = dlsym(RTLD_DEFAULT, names[i]);
        if (address) {
            Dl_info info = { 0 };
            dladdr(address, &info);
            g_test_message("%s is exported by %s", names[i], info.dli_fname);
        }
        g_assert_null(address);
    }
}

/* The two names are json-glib's, wherever in the process they are looked for.
 */
static void
test_json_names_are_json_glib(void)
{
    static const char *const names[] = {
        "json_from_string", "json_to_string",
    };

    for (int i = 0; i < G_N_ELEMENTS(names); i++) {
        Dl_info info = { 0 };
        void *address = dlsym(RTLD_DEFAULT, names[i]);
        g_assert_nonnull(address);
        g_assert_cmpint(dladdr(address, &info), !=, 0);
        g_assert_nonnull(strstr(info.dli_fname, "libjson-glib"));
    }
}

int
main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/symbols/json-glib-gets-its-own", test_json_glib);
    g_test_add_func("/symbols/json-glib-gets-its-own-inside",
                    test_json_glib_inside);
    g_test_add_func("/symbols/ovs-callers-get-ovs", test_ovs);
    g_test_add_func("/symbols/ovs-gets-its-own-inside", test_ovs_inside);
    g_test_add_func("/symbols/nothing-of-ovs-is-exported",
                    test_nothing_exported);
    g_test_add_func("/symbols/shared-names-are-json-glib",
                    test_json_names_are_json_glib);
    return g_test_run();
}
