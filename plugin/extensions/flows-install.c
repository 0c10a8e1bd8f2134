/* SPDX-License-Identifier: Apache-2.0
 *
 * flows-install: brings a port's rules to a bridge, and takes them away.
 *
 * Rules and groups go in one bundle; the meters that are missing are added
 * before it.  A rule with a timeout waits for the guest without one: its time
 * runs where the guest runs (flows-restore.c).
 */
#include <config.h>

#include "plugin/extensions/flows.h"

#include <string.h>

#include "plugin/extensions/flows-cache.h"
#include "plugin/extensions/flows-commands.h"
#include "plugin/extensions/flows-idle.h"
#include "plugin/extensions/flows-lost.h"
#include "plugin/extensions/flows-slice.h"
#include "plugin/extensions/flows-turn.h"

typedef struct {
    PfCall *call;
    const PfExtensionPort *port;
    PfFlowOptions options;
    GVariant *policies;
    gboolean is_return;         /* port_return, not property_add. */
    PfFlowSet *set;
    PfFlowIds *ids;             /* NULL: it has no groups or meters. */
    gboolean has_turn;          /* Of the bridge. */
    gboolean is_again;          /* A number was taken the first time. */
    GPtrArray *meters, *commands;
    guint next;                 /* Of the rules. */
    PfFlowCheck check;
    struct eth_addr mac;        /* Taking away: the port's... */
    GHashTable *ports;          /* ...and the bridge's ports' names. */
} Install;

static Install *
install_new(PfCall *call, const PfExtensionPort *port, GVariant *policies)
{
    PfFlowOptions options;
    Install *install;

    if (!pf_flows_begin(call, port, &options)) {
        return NULL;
    }
    if (!pf_flow_here_has_bundles(pf_flows_host, port->bridge)) {
        pf_flows_host->note(call, "bridge %s speaks no OpenFlow from 1.3 on: "
                            "its rules are left as they are", port->bridge);
        pf_flows_host->end(call, NULL);
        return NULL;
    }
    install = g_new0(Install, 1);
    install->call = call;
    install->port = port;
    install->options = options;
    install->policies = policies;
    install->meters = g_ptr_array_new_with_free_func(g_free);
    install->commands = g_ptr_array_new_with_free_func(g_free);
    return install;
}

static void
install_end(Install *install, const GError *error)
{
    if (install->has_turn) {
        pf_flow_turn_release(install->port->bridge);
    }
    pf_flows_host->end(install->call, error);
    pf_flow_set_unref(install->set);
    pf_flow_ids_free(install->ids);
    g_clear_pointer(&install->ports, g_hash_table_unref);
    g_ptr_array_unref(install->meters);
    g_ptr_array_unref(install->commands);
    g_free(install);
}

static void
install_fail(Install *install, PfFlowError code, const char *why)
{
    g_autoptr(GError) error = g_error_new_literal(PF_FLOW_ERROR, code, why);

    install_end(install, error);
}

/* Reads the policies; a set whose numbers will be changed is read for
 * ourselves. */
static void
read_set(Install *install, PfFlowSetDone done)
{
    (pf_flow_has_tables(install->policies)
     ? pf_flow_set_read_own : pf_flow_set_read)(
        install->policies, install->port->name, install->port->ofport, done,
        install);
}

/* Adds a command that deletes all rules with the port's number, whether they
 * are in the policies or not. */
static void
command_delete_all(Install *install)
{
    if (install->port->ofport > 0
        && !pf_flow_here_is_others(pf_flows_host, install->port)) {
        g_autofree char *in = g_strdup_printf(
            "in_port=%" G_GINT64_FORMAT, install->port->ofport);
        g_autofree char *narrow = pf_flow_here_narrow(in, &install->options);

        g_ptr_array_add(install->commands,
                        g_strconcat("flow delete ", narrow, NULL));
    }
}

/* ---- Adding ------------------------------------------------------------- */

static void add_again(Install *);

static void
install_done(gpointer user, const GError *error)
{
    Install *install = user;

    if (pf_flow_is_taken(error) && install->has_turn && !install->is_again) {
        add_again(install);
        return;
    }
    if (!error && !install->is_return && install->set->rules->len) {
        pf_flow_lost_watch(install->port, &install->options,
                           install->set->rules->len);
    }
    if (!error && install->ids) {
        pf_flow_ids_remember(install->port->name,
                             g_steal_pointer(&install->ids));
    }
    install_end(install, error);
}

/* What the rule's timeouts are when it is added: none while the guest is not
 * here, and what is left of them when it has come back. */
static void
choose_timeouts(const Install *install, const PfFlowRule *rule, guint *idle,
                guint *hard)
{
    PfFlowEntry *entry = pf_flow_cache_find(install->port->name);

    *idle = install->is_return ? rule->fm.idle_timeout : 0;
    *hard = install->is_return ? rule->fm.hard_timeout : 0;
    if (!install->is_return || !entry || !rule->line || !*hard) {
        return;
    }
    for (guint i = 0; i < entry->timed->len; i++) {
        const PfFlowTimed *timed = entry->timed->pdata[i];

        if (timed->left_at && !strcmp(timed->line, rule->line)) {
            gint64 left = timed->hard_left
                          - (g_get_monotonic_time() - timed->left_at)
                            / G_USEC_PER_SEC;

            *hard = MAX(left, 1);
        }
    }
}

static gboolean
add_step(gpointer user)
{
    Install *install = user;
    PfFlowRule *rule;
    guint idle, hard;

    if (install->next == install->set->rules->len) {
        pf_flow_carry_out(install->port->bridge,
                          pf_flows_timeout(install->call), install->meters,
                          install->commands, install_done, install);
        return FALSE;
    }
    rule = install->set->rules->pdata[install->next++];
    if (install->ids) {
        pf_flow_rule_renumber(rule, install->ids->groups,
                              install->ids->meters);
    }
    choose_timeouts(install, rule, &idle, &hard);
    g_ptr_array_add(install->commands, pf_flow_command_add(
                        rule, install->set->names, idle, hard));
    return TRUE;
}

static void
add_here(gpointer user, PfFlowHere *here_, const GError *error)
{
    Install *install = user;
    g_autoptr(PfFlowHere) here = here_;
    g_autofree char *why = NULL;

    if (error) {
        install_end(install, error);
        return;
    }
    install->ids = pf_flow_ids_choose(install->set, here, &why);
    if (!install->ids) {
        install_fail(install, PF_FLOW_ERROR_IDS, why);
        return;
    }
    pf_flow_commands_meters(install->meters, install->set, install->ids);
    pf_flow_commands_groups(install->commands, install->set, install->ids);
    pf_flow_slice(add_step, install);
}

static void
add_turn(gpointer user)
{
    Install *install = user;

    install->has_turn = TRUE;
    pf_flow_here_read(pf_flows_host, install->port, &install->options,
                      PF_FLOW_HERE_RULES | PF_FLOW_HERE_GROUPS
                      | PF_FLOW_HERE_METERS,
                      pf_flows_timeout(install->call), add_here, install);
}

static void
set_again(gpointer user, PfFlowSet *set)
{
    Install *install = user;

    install->set = set;
    command_delete_all(install);
    add_turn(install);
}

/* Somebody who is not one of us has added a group or meter of a number that
 * was chosen: chooses anew, once. */
static void
add_again(Install *install)
{
    install->is_again = TRUE;
    g_clear_pointer(&install->set, pf_flow_set_unref);
    g_clear_pointer(&install->ids, pf_flow_ids_free);
    g_ptr_array_set_size(install->meters, 0);
    g_ptr_array_set_size(install->commands, 0);
    install->next = 0;
    read_set(install, set_again);
}

/* The set is good: whatever rules of the port's number are there come from a
 * port that had it before. */
static void
add_checked(Install *install)
{
    command_delete_all(install);
    if (pf_flow_has_tables(install->policies)) {
        pf_flow_turn_take(install->port->bridge, add_turn, install);
    } else {
        pf_flow_slice(add_step, install);
    }
}

/* What was verified had no number yet: looks again, now that the port has
 * one. */
static gboolean
check_step(gpointer user)
{
    Install *install = user;
    const PfFlowSet *set = install->set;
    g_autofree char *why = NULL;
    const PfFlowRule *rule;

    if (install->next == set->rules->len) {
        install->next = 0;
        add_checked(install);
        return FALSE;
    }
    rule = set->rules->pdata[install->next++];
    why = pf_flow_check_rule(&install->check, rule);
    if (why) {
        g_autofree char *text = pf_flow_rule_text(rule, set->names,
                                                  PF_FLOW_BY_NAME);
        g_autofree char *all = g_strdup_printf("rule \"%.300s\": %s", text,
                                               why);

        install_fail(install, PF_FLOW_ERROR_INVALID, all);
        return FALSE;
    }
    return TRUE;
}

static void
check_set(Install *install)
{
    PfFlowSet *set = install->set;
    GHashTableIter iter;
    gpointer id, group;

    install->check = pf_flows_check(install->call, install->port,
                                    &install->options, set);
    g_hash_table_iter_init(&iter, set->groups);
    while (g_hash_table_iter_next(&iter, &id, &group)) {
        g_autofree char *why = pf_flow_check_group(&install->check, group);

        if (why) {
            g_autofree char *all = g_strdup_printf(
                "group %u: %s", GPOINTER_TO_UINT(id), why);

            install_fail(install, PF_FLOW_ERROR_INVALID, all);
            return;
        }
    }
    pf_flow_slice(check_step, install);
}

static void
add_set(gpointer user, PfFlowSet *set)
{
    Install *install = user;

    install->set = set;
    if (install->is_return) {
        /* They were here before; one that cannot be brought here does not keep
         * the others away. */
        if (set->problems->len) {
            pf_flows_host->note(install->call, "%s",
                                (const char *) set->problems->pdata[0]);
        }
        add_checked(install);
    } else if (set->problems->len) {
        install_fail(install, PF_FLOW_ERROR_INVALID, set->problems->pdata[0]);
    } else {
        check_set(install);
    }
}

void
pf_flows_property_add(PfCall *call, const PfExtensionPort *port,
                      GVariant *policies)
{
    Install *install = install_new(call, port, policies);

    if (install) {
        read_set(install, add_set);
    }
}

void
pf_flows_port_return(PfCall *call, const PfExtensionPort *port,
                     GVariant *policies)
{
    Install *install = install_new(call, port, policies);

    if (install) {
        install->is_return = TRUE;
        read_set(install, add_set);
    }
}

/* ---- Taking away -------------------------------------------------------- */

static void
swept(gpointer user, const GError *error)
{
    Install *install = user;

    pf_flow_ids_forget(install->port->name);
    install_end(install, error);
}

static void
removed(gpointer user, const GError *error)
{
    Install *install = user;

    if (error || !pf_flow_has_tables(install->policies)) {
        install_end(install, error);
        return;
    }
    pf_flow_sweep(install->port, pf_flows_timeout(install->call),
                  g_steal_pointer(&install->set), swept, install);
}

/* Makes commands that delete the rules that are not bound by the port's
 * in_port, one by one. */
static gboolean
remove_step(gpointer user)
{
    Install *install = user;
    PfFlowSet *set = install->set;
    const PfFlowRule *rule;

    if (install->next == set->rules->len) {
        pf_flow_carry_out(install->port->bridge,
                          pf_flows_timeout(install->call), install->meters,
                          install->commands, removed, install);
        return FALSE;
    }
    rule = set->rules->pdata[install->next++];
    if (pf_flow_rule_bound(rule, pf_flow_names_own(set->names),
                           &install->mac, set->groups) != PF_FLOW_BOUND_PORT
        && pf_flow_here_can_name(install->ports, set->names, rule)) {
        g_ptr_array_add(install->commands,
                        pf_flow_command_delete(rule, set->names));
    }
    return TRUE;
}

static void
remove_set(gpointer user, PfFlowSet *set)
{
    Install *install = user;

    install->set = set;
    install->mac = pf_flow_here_mac(install->port->mac);
    install->ports = pf_flow_here_ports(pf_flows_host,
                                        install->port->bridge);
    command_delete_all(install);
    pf_flow_slice(remove_step, install);
}

static void
remove_begin(PfCall *call, const PfExtensionPort *port, GVariant *policies)
{
    Install *install;

    pf_flow_lost_forget(port->name);
    install = install_new(call, port, policies);
    if (install) {
        read_set(install, remove_set);
    }
}

void
pf_flows_property_remove(PfCall *call, const PfExtensionPort *port,
                         GVariant *policies)
{
    pf_flow_idle_forget(port->name);
    pf_flow_cache_forget(port->name);
    remove_begin(call, port, policies);
}

void
pf_flows_port_teardown(PfCall *call, const PfExtensionPort *port,
                       GVariant *policies)
{
    pf_flow_idle_forget(port->name);
    remove_begin(call, port, policies);
}

/* ---- The guest runs elsewhere ------------------------------------------- */

/* Also for a port that nobody has torn down here: its agent did not run, or
 * was too late. */
void
pf_flows_port_gone(PfCall *call, const PfExtensionPort *port,
                   GVariant *policies)
{
    pf_flow_idle_forget(port->name);
    pf_flow_cache_forget(port->name);
    remove_begin(call, port, policies);
}
