/* SPDX-License-Identifier: Apache-2.0
 *
 * flows-ages: see flows-ages.h.
 */
#include <config.h>

#include "plugin/extensions/flows-ages.h"

#include <string.h>

/* The number after 'key' in 'line'; 'missing' if there is none. */
static double
stat_of(const char *line, const char *key, double missing)
{
    const char *found = strstr(line, key);

    return found ? g_ascii_strtod(found + strlen(key), NULL) : missing;
}

gboolean
pf_flow_ages_read(const char *line, const PfFlowNames *names,
                  PfFlowAges *ages)
{
    g_autofree char *why = NULL;
    g_autoptr(PfFlowRule) rule = pf_flow_rule_parse_here(line, names, &why);

    if (!rule) {
        return FALSE;
    }
    ages->key = pf_flow_rule_key(rule, names, PF_FLOW_BY_NAME);
    ages->effect = pf_flow_rule_effect(rule, names);
    ages->idle_timeout = rule->fm.idle_timeout;
    ages->idle_age = stat_of(line, "idle_age=", 0);
    /* It is printed only if it differs from the duration. */
    ages->hard_age = stat_of(line, "hard_age=", stat_of(line, "duration=",
                                                        0));
    ages->n_packets = stat_of(line, "n_packets=", 0);
    return TRUE;
}

void
pf_flow_ages_clear(PfFlowAges *ages)
{
    g_clear_pointer(&ages->key, g_free);
    g_clear_pointer(&ages->effect, g_free);
}
