/* SPDX-License-Identifier: Apache-2.0
 *
 * The half of test-symbols that uses Open vSwitch's JSON.
 */
#include <config.h>
#include "symbols-ovs.h"

#include <glib.h>
#include <stdlib.h>

#include "openvswitch/json.h"
#include "ovsdb-error.h"
#include "openvswitch/shash.h"

/* A copy that g_free() may free.  Frees 's'. */
static char *
steal(char *s)
{
    char *copy = g_strdup(s);
    free(s);
    return copy;
}

char *
symbols_ovs_member(const char *document, const char *name)
{
    struct json *json = json_from_string(document);
    g_assert_cmpint(json->type, ==, JSON_OBJECT);
    const struct json *member = shash_find_data(json_object(json), name);
    g_assert_nonnull(member);
    char *value = g_strdup(json_string(member));
    json_destroy(json);
    return value;
}

char *
symbols_ovs_reformat(const char *document)
{
    struct json *json = json_from_string(document);
    char *text = steal(json_to_string(json, JSSF_SORT));
    json_destroy(json);
    return text;
}

char *
symbols_ovs_syntax_error(const char *document, const char *details)
{
    struct json *json = json_from_string(document);
    char *text = steal(ovsdb_error_to_string_free(
        ovsdb_syntax_error(json, NULL, "%s", details)));
    json_destroy(json);
    return text;
}
