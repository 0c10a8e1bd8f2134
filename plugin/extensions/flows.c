/* SPDX-License-Identifier: Apache-2.0
 *
 * flows: the extension for a port's OpenFlow rules: in every table those that
 * match its in_port or its MAC or output only to it, with the groups and
 * meters that they use.
 *
 * A network narrows it with options: "cookie" and "mask" (rules whose cookie
 * has those bits), "other-ports" ("refuse" or "by-name": whether a rule may
 * point at another port), "carry" ("no": nothing is carried).  The rules of a
 * bridge with a controller are the controller's.
 *
 * Policies are the rules as they are configured; run-time data is what is left
 * of their timeouts.
 *
 * What was chosen for a port that has arrived, and which timeouts its rules
 * will be given back, is known only to the agent that has done it: after its
 * restart, a rule that waits for its own idle timeout keeps what was left of
 * it.
 */
#include <config.h>

#include "plugin/extension.h"
#include "plugin/extensions/flows.h"
#include "plugin/extensions/flows-cache.h"
#include "plugin/extensions/flows-idle.h"
#include "plugin/extensions/flows-ids.h"
#include "plugin/extensions/flows-lost.h"
#include "plugin/extensions/flows-turn.h"

const PfHost *pf_flows_host;

void
pf_flows_fail(PfCall *call, PfFlowError code, const char *format, ...)
{
    g_autoptr(GError) error = NULL;
    va_list args;

    va_start(args, format);
    error = g_error_new_valist(PF_FLOW_ERROR, code, format, args);
    va_end(args);
    pf_flows_host->end(call, error);
}

guint
pf_flows_timeout(const PfCall *call)
{
    return MAX(pf_flows_host->time_left_ms(call), 1);
}

gboolean
pf_flows_begin(PfCall *call, const PfExtensionPort *port,
               PfFlowOptions *options)
{
    g_autofree char *why = NULL;

    if (!pf_flow_options_read(port->options, options, &why)) {
        pf_flows_fail(call, PF_FLOW_ERROR_INVALID, "%s", why);
        return FALSE;
    }
    if (options->carry
        && !pf_flow_here_is_controlled(pf_flows_host, port->bridge)) {
        return TRUE;
    }
    if (options->carry) {
        pf_flows_host->note(call, "bridge %s has a controller: its OpenFlow "
                            "rules are left to that", port->bridge);
    }
    pf_flows_host->end(call, NULL);
    return FALSE;
}

static gboolean
allows_vlan(gpointer call, guint vid)
{
    return pf_flows_host->allows_vlan(call, vid);
}

PfFlowCheck
pf_flows_check(PfCall *call, const PfExtensionPort *port,
               const PfFlowOptions *options, const PfFlowSet *set)
{
    return (PfFlowCheck) {
        .names = set->names,
        .mac = pf_flow_here_mac(port->mac),
        .groups = set->groups,
        .meters = set->meters,
        .others_by_name = options->others_by_name,
        .cookie = options->cookie,
        .cookie_mask = options->cookie_mask,
        .vlans = pf_flows_host->allowed_vlans(call),
        .allows_vlan = allows_vlan,
        .user = call,
    };
}

char *
pf_flows_digest(const char *line)
{
    char *digest = g_compute_checksum_for_string(G_CHECKSUM_SHA1, line, -1);

    digest[16] = '\0';
    return digest;
}

/* What the port has from now on has the numbers of this host. */
static void
flows_guest_runs(PfCall *call, const PfExtensionPort *port,
                 PfGuestRuns reason G_GNUC_UNUSED)
{
    pf_flow_ids_forget(port->name);
    pf_flow_lost_forget(port->name);
    pf_flows_host->end(call, NULL);
}

static gboolean
flows_init(const PfHost *host, GError **error G_GNUC_UNUSED)
{
    pf_flows_host = host;
    pf_flow_cache_init(host, &pf_extension_flows);
    pf_flow_ids_init();
    pf_flow_idle_init();
    pf_flow_lost_init();
    pf_flow_turn_init();
    return TRUE;
}

static void
flows_destroy(void)
{
    pf_flow_turn_destroy();
    pf_flow_lost_destroy();
    pf_flow_idle_destroy();
    pf_flow_ids_destroy();
    pf_flow_cache_destroy();
    pf_flow_set_forget();
}

static const char *const flows_columns[] = {
    "Bridge.name", "Bridge.ports", "Bridge.controller", "Bridge.protocols",
    "Port.name", "Port.interfaces", "Interface.external_ids",
    "Interface.mac_in_use", "Interface.name", "Interface.ofport",
    "Open_vSwitch.external_ids", NULL
};

const PfExtension pf_extension_flows = {
    .abi = PF_EXTENSION_ABI,
    .name = "flows",
    .version = 1,
    .order = 400,
    .summary = "OpenFlow rules, groups and meters",
    .columns = flows_columns,
    .init = flows_init,
    .destroy = flows_destroy,
    .get_policies = pf_flows_get_policies,
    .verify_syntax = pf_flows_verify_syntax,
    .verify_range = pf_flows_verify_range,
    .verify_applicability = pf_flows_verify_applicability,
    .verify_conflict = pf_flows_verify_conflict,
    .property_add = pf_flows_property_add,
    .property_remove = pf_flows_property_remove,
    .nic_restore = pf_flows_nic_restore,
    .nic_save = pf_flows_nic_save,
    .port_teardown = pf_flows_port_teardown,
    .port_return = pf_flows_port_return,
    .port_gone = pf_flows_port_gone,
    .guest_runs = flows_guest_runs,
};
